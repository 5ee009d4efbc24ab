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
