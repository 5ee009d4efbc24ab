package views

import (
	"strconv"
	"strings"
	"time"

	"steward/backoffice"
	"steward/views/ui"
)

// UsersView is what the page of users shows.
type UsersView struct {
	Page         Page
	Query        backoffice.UserQuery
	Ignored      []backoffice.IgnoredParameter // of the address
	Users        backoffice.UserKPIs
	KPIs         backoffice.KPIs // of accounts
	List         backoffice.UsersPage
	Account      string // name of the account whose users are shown
	Roles        []backoffice.Role
	Applications []backoffice.Application
	Saved        []SavedView
	Now          time.Time
	Editing      bool // the filter form stands open on the page, for browsers without popovers
	// Without is how many users the search alone finds, when with the filters it
	// finds none.
	Without  int64
	Accounts int64

	MayWrite bool
}

// UsersPath is the list's address.
const UsersPath = "/backoffice/users"

const usersListID = "users-list"

// UsersAddress is the path of a view of the list, without the base path.
func UsersAddress(q backoffice.UserQuery) string {
	if s := q.Encode(); s != "" {
		return UsersPath + "?" + s
	}
	return UsersPath
}

func (v UsersView) path(q backoffice.UserQuery) string { return v.Page.Link(UsersAddress(q)) }

// with changes the query, which leads to the first page.
func (v UsersView) with(change func(*backoffice.UserQuery)) string {
	q := v.Query
	q.Page = ""
	change(&q)
	return v.path(q)
}

func (v UsersView) at(page string) string {
	q := v.Query
	q.Page = page
	return v.path(q)
}

// view is the query without its page: what is saved, exported, selected from.
func (v UsersView) view() string {
	q := v.Query
	q.Page = ""
	return q.Encode()
}

// viewTabs are all users and the saved views.
func (v UsersView) viewTabs() ViewTabs {
	return ViewTabs{Page: v.Page, List: "users", Path: UsersPath, All: "All users", Count: ui.Number(v.Users.Now.Users), Query: v.view(), Narrowed: v.Query.Narrowed(), Saved: v.Saved}
}

func (v UsersView) rows() UserRows {
	return UserRows{Rows: v.List.Rows, Base: v.Page.Base, Now: v.Now}
}

// empty reports whether there are no users at all.
func (v UsersView) empty() bool { return v.Users.Now.Users == 0 && !v.Query.Narrowed() }

// sortHead is the head of a column. The first click on a name sorts from A, on
// a figure or a time from the highest.
func (v UsersView) sortHead(label string, by backoffice.UserSort, class string, right bool) ui.SortProps {
	current := v.Query.Sort
	if current == "" {
		current = backoffice.UsersByCreated
	}
	p := ui.SortProps{Label: label, Class: class, Right: right}
	asc := by == backoffice.UsersByName
	if current == by {
		asc = !v.Query.Asc
		p.Sorted = "descending"
		if v.Query.Asc {
			p.Sorted = "ascending"
		}
	}
	p.Href = v.with(func(q *backoffice.UserQuery) {
		q.Sort, q.Asc = by, asc
		if by == backoffice.UsersByCreated && !asc {
			q.Sort = ""
		}
	})
	p.Attrs = ui.InSection(p.Href, usersListID)
	return p
}

func (v UsersView) visitsHead() ui.SortProps {
	p := v.sortHead("Visits", backoffice.UsersByVisits, "w-count c-mid", true)
	p.Hint = "def-user-visits"
	return p
}

// total is how many users match: "463", "2 000+".
func (v UsersView) total() string {
	s := ui.Number(v.List.Total)
	if v.List.More {
		s += "+"
	}
	return s
}

// found says in one sentence what the list shows: also to who cannot see it.
func (v UsersView) found() string {
	switch {
	case v.List.Total == 0:
		return "No user matches"
	case v.List.Total == 1:
		return "1 user"
	}
	return v.total() + " users"
}

func (v UsersView) pager() ui.PagerProps {
	n := int64(len(v.List.Rows))
	p := ui.PagerProps{Hidden: v.List.Next == "" && v.List.Prev == "", Section: usersListID}
	p.Text = ui.Number(v.List.First) + "–" + ui.Number(v.List.First+n-1) + " of " + v.found()
	if v.List.Total == n {
		p.Text = v.found()
	}
	if v.List.Prev != "" {
		p.First, p.Previous = v.at(""), v.at(v.List.Prev)
	}
	if v.List.Next != "" {
		p.Next = v.at(v.List.Next)
		if v.List.Last != "" && !v.List.More {
			p.Last = v.at(v.List.Last)
		}
	}
	return p
}

func (v UsersView) roleName(id string) string {
	for _, r := range v.Roles {
		if r.ID == id {
			return r.Name
		}
	}
	return id
}

func (v UsersView) applicationName(id string) string {
	for _, a := range v.Applications {
		if a.ID == id {
			return a.Name
		}
	}
	return id
}

func (v UsersView) accountName() string {
	if v.Account != "" {
		return v.Account
	}
	return v.Query.AccountID
}

func (v UsersView) chips() (list []chip) {
	add := func(set bool, field, value, focus string, remove func(*backoffice.UserQuery)) {
		if set {
			list = append(list, chip{field, value, "filter-" + focus, v.with(remove)})
		}
	}
	f := v.Query.UserFilter
	add(f.Status != "", "Status", f.Status.Label(), "status", func(q *backoffice.UserQuery) { q.Status = "" })
	add(f.AccountID != "", "In", v.accountName(), "account", func(q *backoffice.UserQuery) { q.AccountID = "" })
	add(f.RoleID != "", "Role", v.roleName(f.RoleID), "role", func(q *backoffice.UserQuery) { q.RoleID = "" })
	add(f.ApplicationID != "", "Application", v.applicationName(f.ApplicationID), "application", func(q *backoffice.UserQuery) { q.ApplicationID = "" })
	add(f.MFA != nil, "MFA", yesNo(f.MFA), "mfa", func(q *backoffice.UserQuery) { q.MFA = nil })
	add(f.Verified != nil, "Verified", yesNo(f.Verified), "verified", func(q *backoffice.UserQuery) { q.Verified = nil })
	add(f.Locked != nil, "Locked", yesNo(f.Locked), "locked", func(q *backoffice.UserQuery) { q.Locked = nil })
	add(f.CreatedDays > 0, "Created in", lastDays(f.CreatedDays), "created", func(q *backoffice.UserQuery) { q.CreatedDays = 0 })
	add(f.ActiveDays > 0, "Seen in", lastDays(f.ActiveDays), "active", func(q *backoffice.UserQuery) { q.ActiveDays = 0 })
	add(f.DormantDays > 0, "Not seen for", ui.Count(int64(f.DormantDays), "day", "days"), "dormant", func(q *backoffice.UserQuery) { q.DormantDays = 0 })
	for _, d := range f.Domains() {
		add(true, "Without", d, "without", func(q *backoffice.UserQuery) {
			var rest []string
			for _, other := range q.Domains() {
				if other != d {
					rest = append(rest, other)
				}
			}
			q.Without = strings.Join(rest, ",")
		})
	}
	return list
}

// usersAre says what the filters ask for: "who are Invited in Nordwind GmbH".
func (v UsersView) usersAre() string {
	var parts []string
	add := func(set bool, s string) {
		if set {
			parts = append(parts, s)
		}
	}
	is := func(b *bool, yes, no string) {
		add(b != nil && *b, yes)
		add(b != nil && !*b, no)
	}
	f := v.Query.UserFilter
	add(f.Query != "", "whose name, e-mail or ID has “"+strings.TrimSpace(f.Query)+"”")
	add(f.Status != "", "whose status is "+f.Status.Label())
	add(f.AccountID != "", "in "+v.accountName())
	add(f.RoleID != "", "with the role "+v.roleName(f.RoleID))
	add(f.ApplicationID != "", "with the application "+v.applicationName(f.ApplicationID))
	is(f.MFA, "with a second factor", "without a second factor")
	is(f.Verified, "with a proved address", "whose address is not proved")
	is(f.Locked, "locked", "not locked")
	add(f.CreatedDays > 0, "created in the "+lastDays(f.CreatedDays))
	add(f.ActiveDays > 0, "seen in the "+lastDays(f.ActiveDays))
	add(f.DormantDays > 0, "not seen for "+ui.Count(int64(f.DormantDays), "day", "days"))
	add(f.Without != "", "with no address at "+strings.ReplaceAll(f.Without, ",", " or "))
	switch n := len(parts); n {
	case 0:
		return ""
	case 1:
		return parts[0]
	default:
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
}

// noneText says what was looked for.
func (v UsersView) noneText() string {
	if are := v.usersAre(); are != "" {
		return "There is no user " + are + "."
	}
	return "There is no user on this page of the list any more."
}

func (v UsersView) filterFields() []filterField {
	f := v.Query.UserFilter
	days := func(n int, any, in string, usual ...int) (string, []ui.Option) {
		options, value, known := []ui.Option{{Label: any}}, "", n == 0
		for _, d := range usual {
			options = append(options, ui.Option{Value: strconv.Itoa(d) + "d", Label: in + ui.Number(d) + " days"})
			known = known || d == n
		}
		if n > 0 {
			value = strconv.Itoa(n) + "d"
		}
		if !known {
			options = append(options, ui.Option{Value: value, Label: in + ui.Count(int64(n), "day", "days")})
		}
		return value, options
	}
	choice := func(b *bool) (string, []ui.Option) {
		return yesNo(b), []ui.Option{{Label: "Any"}, {Value: "yes", Label: "Yes"}, {Value: "no", Label: "No"}}
	}
	statuses := []ui.Option{{Label: "Any"}}
	for _, s := range backoffice.Statuses() {
		statuses = append(statuses, ui.Option{Value: string(s), Label: s.Label()})
	}
	roles, known := []ui.Option{{Label: "Any"}}, f.RoleID == ""
	for _, r := range v.Roles {
		roles = append(roles, ui.Option{Value: r.ID, Label: r.Name})
		known = known || r.ID == f.RoleID
	}
	if !known {
		roles = append(roles, ui.Option{Value: f.RoleID, Label: f.RoleID})
	}
	list := []filterField{{"status", "Status", string(f.Status), statuses}, {"role", "Role", f.RoleID, roles}}
	if len(v.Applications) > 0 || f.ApplicationID != "" {
		options, known := []ui.Option{{Label: "Any"}}, f.ApplicationID == ""
		for _, a := range v.Applications {
			options = append(options, ui.Option{Value: a.ID, Label: a.Name})
			known = known || a.ID == f.ApplicationID
		}
		if !known {
			options = append(options, ui.Option{Value: f.ApplicationID, Label: f.ApplicationID})
		}
		list = append(list, filterField{"application", "Application", f.ApplicationID, options})
	}
	for _, c := range []struct {
		name, label string
		b           *bool
	}{{"verified", "Verified", f.Verified}, {"mfa", "MFA", f.MFA}, {"locked", "Locked", f.Locked}} {
		value, options := choice(c.b)
		list = append(list, filterField{c.name, c.label, value, options})
	}
	value, options := days(f.CreatedDays, "Any time", "In the last ", 7, 30, 90)
	list = append(list, filterField{"created", "Created", value, options})
	value, options = days(f.ActiveDays, "Any", "In the last ", 1, 7, 30, 90)
	list = append(list, filterField{"active", "Seen", value, options})
	value, options = days(f.DormantDays, "Any", "For ", 30, 90, 180)
	return append(list, filterField{"dormant", "Not seen", value, options})
}

var userFilterNames = []string{"status", "account", "role", "application", "mfa", "verified", "locked", "created", "active", "dormant", "without"}

// rest lists the parameters of the view but for the named ones.
func (v UsersView) rest(but ...string) (list []ui.Pair) {
	q := v.Query
	q.Page = ""
next:
	for _, p := range q.Parameters() {
		for _, name := range but {
			if p[0] == name {
				continue next
			}
		}
		list = append(list, ui.Pair{Name: p[0], Value: p[1]})
	}
	return list
}

func (v UsersView) filterCount() string {
	if n := v.Query.Filters(); n > 0 {
		return strconv.Itoa(n)
	}
	return ""
}

func (v UsersView) clearLink() string {
	return v.with(func(q *backoffice.UserQuery) { q.UserFilter = backoffice.UserFilter{Sort: q.Sort, Asc: q.Asc} })
}

func (v UsersView) editLink() string {
	query := "filter=edit"
	if s := v.view(); s != "" {
		query = s + "&" + query
	}
	return v.Page.Link(UsersPath + "?" + query)
}

func (v UsersView) exportLink() string {
	if s := v.view(); s != "" {
		return v.Page.Link(UsersPath + ".csv?" + s)
	}
	return v.Page.Link(UsersPath + ".csv")
}

// selectable is how many users "Select all that match" takes, "" while all of
// them are on the page.
func (v UsersView) selectable() string {
	if v.List.Total <= int64(len(v.List.Rows)) {
		return ""
	}
	return v.total()
}

func (v UsersView) allQuery() string {
	if s := v.view(); s != "" {
		return s
	}
	return "all"
}

// userCards are the figures of users and of accounts, each a door to the list
// behind it.
func (v UsersView) userCards() []ui.KPIProps {
	k := v.Users
	none := k.Now.Users == 0
	card := func(p ui.KPIProps, n, was int64, previous string, comparable bool) ui.KPIProps {
		p.Figure, p.Fresh, p.Soft = ui.Number(n), "as of "+ui.Clock(k.At), none
		if none || !comparable {
			p.Previous = "nothing to compare yet"
			return p
		}
		p.Delta, p.Trend, p.Before, p.Previous = ui.Signed(n-was), trend(float64(n-was), "down"), ui.Number(was), previous
		return p
	}
	accounts := AccountsView{Page: v.Page, KPIs: v.KPIs, Accounts: v.Accounts}.accountCards()
	return []ui.KPIProps{
		card(ui.KPIProps{ID: "def-new-users", Label: "New users", Href: v.Page.Link(UsersPath + "?created=7d"),
			Definition: "Users created in the last 7 days, counted to the second, in UTC. Compared with the 7 days before.",
			Chart:      &ui.Mini{Bars: true, Before: 7, Values: floats(k.New)}}, k.Now.New, k.Previous.New, "in the 7 days before", true),
		card(ui.KPIProps{ID: "def-active-users", Label: "Active users", Href: v.Page.Link(UsersPath + "?active=30d"),
			Definition: "Users with at least one visit in the last 30 days, today included, in UTC, in whichever account.",
			Chart:      course(floats(k.Active))}, k.Now.Active, k.Previous.Active, "30 days earlier", k.Previous.Users > 0),
		accounts[0], accounts[1], accounts[3],
	}
}

// userMenu are the acts of the row menu that the actor may do.
func (v UsersView) userMenu() [][]ui.ItemProps {
	at := func(part string) string { return v.Page.Link(UsersPath + "/{id}" + part) }
	here := []ui.Pair{{Name: "next", Value: "{here}"}}
	ids := []ui.ItemProps{{Label: "Copy user ID", Icon: "copy", Copies: "{id}"}}
	open := ui.ItemProps{Label: "Show user", Icon: "user", Href: at("")}
	if !v.MayWrite {
		return [][]ui.ItemProps{{open}, ids}
	}
	return [][]ui.ItemProps{
		{open},
		{
			{Label: "End all sessions", Icon: "log-out", Action: at("/sessions/end"), Hidden: here},
			{Label: "Lock", Icon: "lock", Action: at("/lock"), Hidden: here, Unless: "locked"},
			{Label: "Unlock", Icon: "lock-open", Action: at("/unlock"), Hidden: here, If: "locked"},
			ids[0],
		},
		{{Label: "Delete user", Icon: "trash-2", Bad: true, Href: at("/deletion")}},
	}
}

// UsersSentence says which users a filter leaves, whose role and account have
// these names: "Every user whose name, e-mail or ID has “ana”, and who is locked."
func UsersSentence(f backoffice.UserFilter, role, account, application string) string {
	var parts []string
	add := func(set bool, s string) {
		if set {
			parts = append(parts, s)
		}
	}
	is := func(b *bool, yes, no string) {
		if b != nil {
			add(*b, yes)
			add(!*b, no)
		}
	}
	add(f.Query != "", "whose name, e-mail or ID has “"+strings.TrimSpace(f.Query)+"”")
	add(f.Status != "", "who is “"+f.Status.Label()+"”")
	add(f.AccountID != "", "who is in "+account)
	add(f.RoleID != "", "who has the role "+role)
	add(f.ApplicationID != "", "who has the application "+application)
	is(f.MFA, "who has MFA", "who has no MFA")
	is(f.Verified, "who is verified", "who is not verified")
	is(f.Locked, "who is locked", "who is not locked")
	add(f.CreatedDays > 0, "who was created in the "+lastDays(f.CreatedDays))
	add(f.ActiveDays > 0, "who was seen in the "+lastDays(f.ActiveDays))
	add(f.DormantDays > 0, "who was not seen for "+ui.Count(int64(f.DormantDays), "day", "days"))
	add(f.Without != "", "whose address is not at "+strings.Join(f.Domains(), " or "))
	switch n := len(parts); n {
	case 0:
		return "Every user."
	case 1:
		return "Every user " + parts[0] + "."
	default:
		return "Every user " + strings.Join(parts[:n-1], ", ") + " and " + parts[n-1] + "."
	}
}
