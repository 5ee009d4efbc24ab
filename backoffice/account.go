package backoffice

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Account is a customer organisation.
type Account struct {
	Key  int64  // internal; never leaves the process
	ID   string // what the vendor's own application calls the account
	Name string

	CreatedAt  time.Time
	DeletedAt  time.Time // zero unless in the bin
	IsReseller bool
	SubAccess  AccessDefault // of new memberships

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
	Invite       Mint   // of the primary user's invitation; nil: no mail
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

// MaxDepth is how many accounts may lie above one (product.md, section 9).
const MaxDepth = 32

// PageSize is how many rows a list shows at once.
const PageSize = 50

// BinDays is how long what was deleted can be restored.
const BinDays = 30

// AccountRef names an account.
type AccountRef struct {
	Key  int64
	ID   string
	Name string
}

// Clean trims the details and checks them. Problems name the fields website,
// address, time_zone, currency, status_text.
func (d AccountDetails) Clean() (AccountDetails, Problems) {
	var p Problems
	d.Website, d.Currency = strings.TrimSpace(d.Website), strings.ToUpper(strings.TrimSpace(d.Currency))
	d.TimeZone = strings.TrimSpace(d.TimeZone)
	d.Address = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(d.Address, "\r\n", "\n"), "\r", "\n"))
	d.StatusText = strings.TrimSpace(d.StatusText)
	if d.Website != "" {
		if w, err := CleanWebsite(d.Website); err != nil {
			p.Add("website", err.Error())
		} else {
			d.Website = w
		}
	}
	for field, v := range map[string]string{"address": strings.ReplaceAll(d.Address, "\n", " "), "status_text": d.StatusText} {
		limit := map[string]int{"address": 500, "status_text": 80}[field]
		switch {
		case !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl):
			p.Add(field, "Take out the control characters.")
		case utf8.RuneCountInString(v) > limit:
			p.Add(field, fmt.Sprintf("At most %d characters.", limit))
		}
	}
	if d.TimeZone != "" {
		if _, err := time.LoadLocation(d.TimeZone); err != nil || d.TimeZone == "Local" || len(d.TimeZone) > 64 {
			p.Add("time_zone", "Choose a time zone such as Europe/Berlin.")
		}
	}
	if d.Currency != "" && !isCurrency(d.Currency) {
		p.Add("currency", "Write the three letters of a currency in circulation, such as EUR.")
	}
	return d, p
}

func isCurrency(s string) bool {
	_, ok := slices.BinarySearch(currencies, s)
	return ok
}

// CleanWebsite returns an http or https address of at most 2,000 characters; one
// written without scheme gets https. Anything else, javascript: above all, is an
// error whose text is the sentence for the field.
func CleanWebsite(s string) (string, error) {
	const bad = Refusal("Write a web address such as https://example.com.")
	s = strings.TrimSpace(s)
	if len(s) > 2000 {
		return "", Refusal("At most 2,000 characters.")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return "", bad
	}
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || !strings.Contains(u.Hostname(), ".") && u.Hostname() != "localhost" {
		return "", bad
	}
	return u.String(), nil
}
