package views

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"steward/backoffice"
	"steward/views/ui"
)

// AccountScene is what every section of an account's page is drawn with.
type AccountScene struct {
	Base      string // path prefix under which Steward lives
	Account   backoffice.Account
	Ancestors []backoffice.AccountRef // the highest first
	Now       time.Time
	MayWrite  bool // changing accounts is allowed
	View      AccountView
}

// AccountView is the part of the address that says what is shown of an account.
type AccountView struct {
	Days   int // of the engagement chart: 30, 90 or 365
	Users  backoffice.MemberFilter
	After  string // sub-accounts after, or before, the one with this ID
	Before string
}

// EngagementDays are the periods of the engagement chart; the second one is shown first.
var EngagementDays = [...]int{30, 90, 365}

// Values writes the view as a query, without what is as usual.
func (v AccountView) Values() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	if v.Days != EngagementDays[1] {
		q.Set("days", strconv.Itoa(v.Days))
	}
	set("q", v.Users.Query)
	if v.Users.Active {
		q.Set("active", strconv.Itoa(backoffice.ActiveDays))
	}
	set("after", v.Users.After)
	set("before", v.Users.Before)
	set("sub-after", v.After)
	set("sub-before", v.Before)
	return q
}

// Path is the address of something of the account: "" for its page, "/details".
func (s AccountScene) Path(rest string) string { return AccountPath(s.Base, s.Account.ID) + rest }

// AccountPath is the address of an account's page. An ID has nothing in it that
// an address would need escaped, but that rule stands elsewhere.
func AccountPath(base, id string) string {
	return base + "/backoffice/accounts/" + url.PathEscape(id)
}

// at is the address of the page in another view.
func (s AccountScene) at(v AccountView) string {
	if q := v.Values().Encode(); q != "" {
		return s.Path("") + "?" + q
	}
	return s.Path("")
}

// to is a link to the page in another view: the section with that id is
// replaced, and without script the page opens at it.
func (s AccountScene) to(v AccountView, section string) (href string, attrs templ.Attributes) {
	return s.at(v) + "#" + section, ui.InSection(s.at(v), section)
}

func (s AccountScene) logo() string {
	if s.Account.LogoTag == "" {
		return ""
	}
	return s.Path("/logo?v=" + url.QueryEscape(s.Account.LogoTag))
}

// letter is the mark of an account without a logo.
func (s AccountScene) letter() string {
	for _, r := range ui.Initials(s.Account.Name) {
		return string(r)
	}
	return "?"
}

// crumbs is the way to the account. Of a long one the ends are shown.
func (s AccountScene) crumbs() []ui.Crumb {
	list := []ui.Crumb{{Label: "Backoffice", Href: s.Base + "/backoffice/accounts"}, {Label: "Accounts", Href: s.Base + "/backoffice/accounts"}}
	for i, a := range s.Ancestors {
		label := a.Name
		if n := len(s.Ancestors); n > 4 && i > 0 && i < n-2 {
			if i > 1 {
				continue
			}
			label = "…"
			a = s.Ancestors[n-3]
		}
		list = append(list, ui.Crumb{Label: label, Href: AccountPath(s.Base, a.ID)})
	}
	return append(list, ui.Crumb{Label: s.Account.Name})
}

// crumbsTo is the way to something of the account: its page is one more step.
func (s AccountScene) crumbsTo() []ui.Crumb {
	list := s.crumbs()
	list[len(list)-1].Href = s.Path("")
	return list
}

// AccountSections are the sections of the page; those that are nil are not shown.
type AccountSections struct {
	Figures, Engagement, Users, SubAccounts, Details, Logo templ.Component
	Applications, Policy, Roles, Metadata, Events          templ.Component
}

// Ids of the sections: each is named in the address of the page, behind the #.
const (
	AccountHeadID        = "account-head"
	AccountEngagementID  = "engagement"
	AccountUsersID       = "users"
	AccountUsersListID   = "users-list"
	AccountSubAccountsID = "sub-accounts"
	AccountDetailsID     = "details"
	AccountLogoID        = "logo"
	AccountPolicyID      = "policy"
	AccountRolesID       = "roles"
	AccountMetadataID    = "metadata"
	AccountEventsID      = "events"
)

func (s AccountScene) tabs(has AccountSections) []ui.Tab {
	tabs := []ui.Tab{
		{Label: "Engagement", Href: "#" + AccountEngagementID, Current: true},
		{Label: "Users", Href: "#" + AccountUsersID, Count: some(s.Account.Users)},
		{Label: "Applications", Href: "#" + AccountApplicationsID},
		{Label: "Sub-accounts", Href: "#" + AccountSubAccountsID},
		{Label: "Details", Href: "#" + AccountDetailsID},
	}
	for _, t := range []struct {
		label, id string
		body      templ.Component
	}{{"Security policy", AccountPolicyID, has.Policy}, {"Metadata", AccountMetadataID, has.Metadata}, {"Events", AccountEventsID, has.Events}} {
		if t.body != nil {
			tabs = append(tabs, ui.Tab{Label: t.label, Href: "#" + t.id})
		}
	}
	return tabs
}

// some writes a count that is left out where there is nothing.
func some(n int64) string {
	if n == 0 {
		return ""
	}
	return ui.Number(n)
}

// change writes a difference for a KPI card, and how it is to be coloured:
// falling is plain, since it may be harmless.
func change(n int64) (delta, trend string) {
	switch {
	case n > 0:
		return ui.Signed(n), "up"
	case n < 0:
		return ui.Signed(n), "fell"
	}
	return "0", "flat"
}

// lastVisit writes how long ago a visit was, in the size of a figure.
func lastVisit(t, now time.Time) (figure, unit string) {
	days := int64(backoffice.DayOf(now) - backoffice.DayOf(t))
	past := now.Sub(t)
	switch {
	case t.IsZero():
		return "Never", ""
	case dayOnly(t) && days == 0:
		return "Today", ""
	case dayOnly(t) && days == 1:
		return "Yesterday", ""
	case dayOnly(t) || past >= 24*time.Hour:
		if days == 1 {
			return "1 day", "ago"
		}
		return ui.Number(days) + " days", "ago"
	case past < time.Minute:
		return "Just now", ""
	case past < time.Hour:
		return strconv.Itoa(int(past/time.Minute)) + " min", "ago"
	case past < 2*time.Hour:
		return "1 hour", "ago"
	}
	return strconv.Itoa(int(past/time.Hour)) + " hours", "ago"
}

// whenSeen writes the exact time of a visit, as far as it is known.
func whenSeen(t time.Time) string {
	if dayOnly(t) {
		return ui.Date(t)
	}
	return ui.DateTime(t)
}

// seen writes the last visit of a user or sub-account in a list.
func seen(t, now time.Time) templ.Component {
	switch {
	case t.IsZero():
		return ui.Text("no visit yet")
	case dayOnly(t):
		return ui.Text(AccountRows{Now: now}.seen(t))
	}
	return ui.Time(t, now)
}

// AccountVisits are the visits of the chart: one count per day, without gaps,
// and as many days before.
type AccountVisits struct {
	First  time.Time
	Counts []int
	Before []int
}

func sum(counts []int) (n int64, top, at int) {
	for i, c := range counts {
		n += int64(c)
		if c > top {
			top, at = c, i
		}
	}
	return n, top, at
}

func (v AccountVisits) chart() ui.DailyChart {
	days := strconv.Itoa(len(v.Counts)) + " days"
	now, top, at := sum(v.Counts)
	before, _, _ := sum(v.Before)
	about := ui.Count(now, "visit", "visits") + " in total, " + ui.Number(before) + " in the " + days + " before."
	if top > 0 {
		about += " Most on " + ui.Date(v.First.AddDate(0, 0, at)) + ": " + ui.Number(top) + "."
	}
	return ui.DailyChart{
		ID: "visits", Title: "Visits per day, last " + days, About: about, First: v.First, Counts: v.Counts, Before: v.Before, Unit: "visits",
		Legend: "Visits per day, " + ui.Number(now), Past: days + " before, weekly mean, " + ui.Number(before),
	}
}

// stateOf names the glyph of a membership's status.
func stateOf(m backoffice.Member) string { return string(m.Status) }

func personName(u backoffice.User) string {
	if u.Name == "" {
		return u.Email
	}
	return u.Name
}

// AccountDetailsEdit is the form of an account's details: what was typed, what
// was refused, and what somebody else saved meanwhile.
type AccountDetailsEdit struct {
	Name string
	backoffice.AccountDetails
	Version  int64
	Problems backoffice.Problems
	Conflict bool
}

// differences sets what is stored beside what was typed.
func (e AccountDetailsEdit) differences(a backoffice.Account) []ui.DiffLine {
	var lines []ui.DiffLine
	for _, f := range []struct{ field, now, typed string }{
		{"Name", a.Name, e.Name}, {"Status text", a.StatusText, e.StatusText}, {"Website", a.Website, e.Website},
		{"Address", a.Address, e.Address}, {"Time zone", a.TimeZone, e.TimeZone}, {"Currency", a.Currency, e.Currency},
	} {
		if f.now != f.typed {
			lines = append(lines, ui.DiffLine{Kind: "changed", Field: f.field, Before: f.now, After: f.typed})
		}
	}
	return lines
}

// shortSite is a web address as people write it.
func shortSite(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
	return strings.TrimSuffix(s, "/")
}

// namePattern is the pattern that an input has to match for the button of a
// deletion to be lit: the name, with any space for space.
func namePattern(name string) string {
	var b strings.Builder
	for i, word := range strings.Fields(name) {
		if i > 0 {
			b.WriteString(`\s+`)
		}
		for _, r := range word {
			if strings.ContainsRune(`^$\.*+?()[]{}|/`, r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
	}
	return `\s*` + b.String() + `\s*`
}
