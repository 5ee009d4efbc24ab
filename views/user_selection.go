package views

import "steward/backoffice"

// UserSelection is what a form of the bulk bar named: users by their IDs, or all
// that a view of the list finds.
type UserSelection struct {
	Page    Page
	IDs     []string
	All     bool
	View    backoffice.UserQuery // of the list where the selection was made
	Count   int64
	Rows    []backoffice.UserRow // the first of them
	Changed bool                 // they are not who was confirmed
}
