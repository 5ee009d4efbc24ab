package backoffice

import "time"

// View is what somebody saved of a list by name: its search, filters and sort
// as they stand in the address.
type View struct {
	ID        string
	Page      string // "accounts", "users"
	Name      string
	Query     string // without "?"
	Shared    bool   // with all staff
	Own       bool   // the reader's own
	By        string // whose it is
	CreatedAt time.Time
}

// Limits of saved views.
const (
	MaxViewName  = 60
	MaxViewQuery = 2000
	MaxViews     = 50 // per person and page
)
