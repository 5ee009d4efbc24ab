package backoffice

import (
	"slices"
	"strings"
	"time"
)

// UserRow is a line of the list of users: a user over all accounts.
type UserRow struct {
	User
	Factors      MFAMethods // second factors that are enrolled
	Accounts     int64      // outside of the bin
	Roles        []string   // names of the roles held in them, the highest first
	Applications []string   // names of those that they have in them
	LastVisit    time.Time  // zero when never; midnight exactly when only the day is known
	Days         int64      // "Visits": distinct days with a visit, over all accounts
}

// UserSort names a column that the list of users can be sorted by.
type UserSort string

// The sortable columns of the list of users.
const (
	UsersByName      UserSort = "name"
	UsersByCreated   UserSort = "created"
	UsersByAccounts  UserSort = "accounts"
	UsersByVerified  UserSort = "verified"
	UsersByMFA       UserSort = "mfa"
	UsersByLastVisit UserSort = "last"
	UsersByVisits    UserSort = "visits"
)

// UserFilter says which users a list shows, and in which order. The zero value
// is every user who is not in the bin. Status, account, role and application are
// asked of one membership.
type UserFilter struct {
	Query string // part of a name or e-mail, or the beginning of an ID, as typed

	Status        MembershipStatus // "": any
	AccountID     string
	RoleID        string
	ApplicationID string

	MFA      *bool // a second factor is enrolled
	Verified *bool
	Locked   *bool

	CreatedDays int // created in the last N×24 hours; 0: any
	ActiveDays  int // a visit on one of the last N UTC days; 0: any
	DormantDays int // no visit on any of the last N UTC days; 0: any

	// Without are domains, parted by commas, whose users are left out: it hides
	// those who test.
	Without string

	Sort UserSort // empty: UsersByCreated
	Asc  bool
}

// Narrowed reports whether the filter leaves anybody out.
func (f UserFilter) Narrowed() bool {
	f.Sort, f.Asc = "", false
	return f != UserFilter{}
}

// Domains are the domains of Without.
func (f UserFilter) Domains() []string {
	if f.Without == "" {
		return nil
	}
	return strings.Split(f.Without, ",")
}

// MaxWithout is how many domains a filter leaves out at most.
const MaxWithout = 20

// parseDomains puts domains into the form of UserFilter.Without: as addresses
// carry them, each once, in order; not those that are none.
func parseDomains(typed string) (list string, reason string) {
	var domains []string
	for _, d := range strings.FieldsFunc(typed, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		email, err := ParseEmail("x@" + strings.TrimPrefix(d, "@"))
		if err != nil {
			reason = "write domains such as example.com, parted by commas"
			continue
		}
		domains = append(domains, email.Domain())
	}
	slices.Sort(domains)
	domains = slices.Compact(domains)
	if len(domains) > MaxWithout {
		domains, reason = domains[:MaxWithout], "at most 20 domains are left out"
	}
	return strings.Join(domains, ","), reason
}

// UsersPage is one page of the list.
type UsersPage struct {
	Rows  []UserRow
	Total int64 // how many match; a lower bound when More is set
	More  bool  // Total stands for "Total or more": counting on would cost
	First int64 // position of the first row in the whole list, from 1
	Next  string
	Prev  string
	Last  string // opens the last page
}

// UserFigures are the figures of users as of one instant.
type UserFigures struct {
	New    int64 // created in the last 7 days
	Active int64 // with a visit in the last 30 days
	Users  int64
}

// UserKPIs are the figures of users now and in the period before, as KPIs are
// of accounts, with their courses: 14 days of users created, 60 days of active
// ones, the oldest first.
type UserKPIs struct {
	At            time.Time
	Now, Previous UserFigures
	New, Active   []int64
}
