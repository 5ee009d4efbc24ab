package backoffice

import "time"

// Account is a customer organisation.
type Account struct {
	Key  int64  // internal; never leaves the process
	ID   string // what the vendor's own application calls the account
	Name string

	CreatedAt  time.Time
	DeletedAt  time.Time // zero unless in the bin
	IsReseller bool

	ParentKey  int64 // 0 at the top
	ParentID   string
	ParentName string

	PrimaryUserKey int64 // 0 without
	PrimaryUserID  string
	PrimaryEmail   string
	PrimaryName    string
	CompanyDomain  bool // the primary user's domain is not a personal e-mail provider's

	AccountDetails
	HasLogo bool
	LogoTag string // content tag of the logo, for its address

	Metadata        string // JSON object as text
	MetadataVersion int64  // grows by one with each change of the metadata
	Version         int64  // grows by one with each change of the details

	Engagement
}

// AccountDetails is the part of an account that "Edit account details" changes
// beside its name.
type AccountDetails struct {
	Website    string
	Address    string
	TimeZone   string // IANA name
	Currency   string // ISO 4217 code
	StatusText string
}

// Engagement is what visits and memberships add up to. It is kept beside the
// account and equals, at every moment, what a recount would give.
type Engagement struct {
	Users     int64     // direct memberships
	Visits    int64     // "Daily visits": visits since the account was created
	LastVisit time.Time // zero when never; midnight exactly when only the day is known
	Recent    [RecentDays]uint16
}

// RecentDays is how many days a sparkline shows, today included.
const RecentDays = 30

// NewAccount is what "Add new" asks for.
type NewAccount struct {
	Name         string
	ID           string // empty: a UUID is made
	PrimaryEmail string // empty: no primary user
}

// AccountRow is a line of the accounts list.
type AccountRow struct {
	Key          int64
	ID           string
	Name         string
	CreatedAt    time.Time
	IsReseller   bool
	ParentID     string
	ParentName   string
	PrimaryEmail string
	Engagement
}

// AccountSort names a column that the accounts list can be sorted by.
type AccountSort string

// The sortable columns of the accounts list.
const (
	SortName        AccountSort = "name"
	SortCreated     AccountSort = "created"
	SortLastVisit   AccountSort = "last"
	SortVisits      AccountSort = "visits"
	SortPrimaryUser AccountSort = "primary"
	SortUsers       AccountSort = "users"
)

// AccountFilter says which accounts a list shows, and in which order. The zero
// value is every account that is not in the bin.
type AccountFilter struct {
	Query string // part of a name or ID, as typed

	CreatedDays int  // created in the last N×24 hours; 0: any
	CreatedFrom Day  // first day of creation, with CreatedRange
	CreatedTo   Day  // last day of creation, with CreatedRange
	HasCreated  bool // CreatedFrom and CreatedTo are set

	ActiveDays  int // a visit on one of the last N UTC days; 0: any
	DormantDays int // no visit on any of the last N UTC days; 0: any

	CompanyDomain *bool
	Reseller      *bool
	HasParent     *bool
	ParentID      string // direct sub-accounts of this account only

	Sort AccountSort // empty: SortCreated
	Asc  bool
}

// Narrowed reports whether the filter leaves anything out.
func (f AccountFilter) Narrowed() bool {
	f.Sort, f.Asc = "", false
	return f != AccountFilter{}
}

// AccountsPage is one page of the list.
type AccountsPage struct {
	Rows  []AccountRow
	Total int64 // how many match; a lower bound when More is set
	More  bool  // Total stands for "Total or more": counting on would cost
	First int64 // position of the first row in the whole list, from 1
	Next  string
	Prev  string
	Last  string // opens the last page
}

// PageSize is how many rows a list shows at once.
const PageSize = 50

// BinDays is how long what was deleted can be restored.
const BinDays = 30
