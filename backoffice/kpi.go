package backoffice

import "time"

// Figures are the four figures of the accounts dashboard as of one instant.
type Figures struct {
	NewAccounts     int64 `json:"new_accounts_7d"`
	ActiveAccounts  int64 `json:"active_accounts_30d"`
	Accounts        int64 `json:"-"`
	Memberships     int64 `json:"-"`
	CompanyAccounts int64 `json:"company_domain_accounts"`
}

// AverageUsers is direct memberships over accounts; 0 without accounts.
func (f Figures) AverageUsers() float64 {
	if f.Accounts == 0 {
		return 0
	}
	return float64(f.Memberships) / float64(f.Accounts)
}

// KPIs are the figures now and in the period before: for new accounts the seven
// days before, for the others thirty days earlier, over what exists now and was
// there by then.
type KPIs struct {
	At       time.Time
	Now      Figures
	Previous Figures

	// Daily courses for the cards' pictures, oldest first, ending today. New has
	// 14 days of accounts created; the others 60 days of the figure at day's end.
	New     []int64
	Active  []int64
	Average []float64
	Company []int64
}

// Windows of the figures.
const (
	NewWindow      = 7 * 24 * time.Hour
	ActiveDays     = 30
	PreviousPeriod = 30 * 24 * time.Hour
)

// AccountFigures are the figures of one account: now, 30 days earlier, and the
// course of the last 60 days in steps of five, the oldest first.
type AccountFigures struct {
	At           time.Time
	UsersBefore  int64 // direct memberships that were there 30 days earlier
	Active       int64 // users with a visit in the last 30 days
	ActiveBefore int64 // and in the 30 days before
	Visits       int64 // visits in the last 30 days
	VisitsBefore int64 // and in the 30 days before

	UsersCourse  [FigureSteps]int64 // memberships at the end of each step
	ActiveCourse [FigureSteps]int64 // users with a visit in each step
	VisitsCourse [FigureSteps]int64 // visits in each step
}

// FigureSteps is how many steps the course of an account's figures has; half of
// them belong to the period before.
const FigureSteps = 2 * ActiveDays / figureStepDays

const figureStepDays = 5

// FigureStep is the length of a step.
const FigureStep = figureStepDays * 24 * time.Hour
