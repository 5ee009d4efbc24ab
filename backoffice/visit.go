package backoffice

import "time"

// Visit is a user seen in an account at an instant. Only its UTC day and the
// latest instant are kept.
type Visit struct {
	AccountID string
	UserID    string // either UserID or Email names the user
	Email     string
	At        time.Time
}

// VisitDay is the number of visits of an account on a day.
type VisitDay struct {
	Day    Day
	Visits int64
}
