package views

import (
	"math"
	"strconv"
	"strings"
	"time"

	"steward/backoffice"
	"steward/views/ui"
)

// AccountsView is what the accounts page shows.
type AccountsView struct {
	Page     Page
	Query    backoffice.AccountQuery
	Ignored  []backoffice.IgnoredParameter // of the address
	KPIs     backoffice.KPIs
	Accounts int64 // how many there are, before any filter
	List     backoffice.AccountsPage
	Parent   string // name of the account whose sub-accounts are shown
	Saved    []SavedView
	Now      time.Time
	Editing  bool // the filter form stands open on the page, for browsers without popovers
	// Without is how many accounts the search alone finds, when with the filters
	// it finds none.
	Without int64

	MayWrite  bool
	MayImport bool
}

// AccountsPath is the list's address.
const AccountsPath = "/backoffice/accounts"

func (v AccountsView) path(q backoffice.AccountQuery) string {
	return v.Page.Link(AccountsAddress(q))
}

// AccountsAddress is the path of a view of the list, without the base path.
func AccountsAddress(q backoffice.AccountQuery) string {
	if s := q.Encode(); s != "" {
		return AccountsPath + "?" + s
	}
	return AccountsPath
}

// with changes the query, which leads to the first page.
func (v AccountsView) with(change func(*backoffice.AccountQuery)) string {
	q := v.Query
	q.Page = ""
	change(&q)
	return v.path(q)
}

func (v AccountsView) at(page string) string {
	q := v.Query
	q.Page = page
	return v.path(q)
}

// view is the query without its page: what is saved, exported, selected from.
func (v AccountsView) view() string {
	q := v.Query
	q.Page = ""
	return q.Encode()
}

func (v AccountsView) rows() AccountRows {
	return AccountRows{Rows: v.List.Rows, Columns: v.Query.Shown(), Base: v.Page.Base, Now: v.Now, ByUsers: v.Query.Sort == backoffice.SortUsers}
}

// empty reports whether there are no accounts at all.
func (v AccountsView) empty() bool { return v.Accounts == 0 && !v.Query.Narrowed() }

// sortHead is the head of a column. The first click on a text sorts from A,
// on a figure or a time from the highest.
func (v AccountsView) sortHead(label string, by backoffice.AccountSort, class string) ui.SortProps {
	current := v.Query.Sort
	if current == "" {
		current = backoffice.SortCreated
	}
	p := ui.SortProps{Label: label, Class: class}
	asc := by == backoffice.SortName || by == backoffice.SortPrimaryUser
	if current == by {
		asc = !v.Query.Asc
		p.Sorted = "descending"
		if v.Query.Asc {
			p.Sorted = "ascending"
		}
	}
	p.Href = v.with(func(q *backoffice.AccountQuery) {
		q.Sort, q.Asc = by, asc
		if by == backoffice.SortCreated && !asc {
			q.Sort = ""
		}
	})
	p.Attrs = ui.InSection(p.Href, "accounts-list")
	return p
}

// total is how many accounts match: "463", "2 000+".
func (v AccountsView) total() string {
	s := ui.Number(v.List.Total)
	if v.List.More {
		s += "+"
	}
	return s
}

// found says in one sentence what the list shows: also to who cannot see it.
func (v AccountsView) found() string {
	switch {
	case v.List.Total == 0:
		return "No account matches"
	case v.List.Total == 1:
		return "1 account"
	}
	return v.total() + " accounts"
}

func (v AccountsView) pager() ui.PagerProps {
	n := int64(len(v.List.Rows))
	p := ui.PagerProps{Hidden: v.List.Next == "" && v.List.Prev == ""}
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
	p.Section = "accounts-list"
	return p
}

// chip is one filter in force.
type chip struct{ field, value, edit, remove string }

func (v AccountsView) chips() (list []chip) {
	add := func(set bool, field, value, focus string, remove func(*backoffice.AccountQuery)) {
		if set {
			list = append(list, chip{field, value, "filter-" + focus, v.with(remove)})
		}
	}
	f := v.Query.AccountFilter
	add(f.CreatedDays > 0, "Created in", lastDays(f.CreatedDays), "created", func(q *backoffice.AccountQuery) { q.CreatedDays = 0 })
	add(f.HasCreated, "Created", createdRange(f), "created", func(q *backoffice.AccountQuery) { q.HasCreated, q.CreatedFrom, q.CreatedTo = false, 0, 0 })
	add(f.ActiveDays > 0, "Active in", lastDays(f.ActiveDays), "active", func(q *backoffice.AccountQuery) { q.ActiveDays = 0 })
	add(f.DormantDays > 0, "Dormant for", ui.Count(int64(f.DormantDays), "day", "days"), "dormant", func(q *backoffice.AccountQuery) { q.DormantDays = 0 })
	add(f.CompanyDomain != nil, "Company domain", yesNo(f.CompanyDomain), "domain", func(q *backoffice.AccountQuery) { q.CompanyDomain = nil })
	add(f.Reseller != nil, "Reseller", yesNo(f.Reseller), "reseller", func(q *backoffice.AccountQuery) { q.Reseller = nil })
	add(f.HasParent != nil, "Has parent", yesNo(f.HasParent), "parent", func(q *backoffice.AccountQuery) { q.HasParent = nil })
	parent := v.Parent
	if parent == "" {
		parent = f.ParentID
	}
	add(f.ParentID != "", "In", parent, "created", func(q *backoffice.AccountQuery) { q.ParentID = "" })
	return list
}

func lastDays(n int) string {
	if n == 1 {
		return "last day"
	}
	return "last " + ui.Number(n) + " days"
}

func createdRange(f backoffice.AccountFilter) string {
	switch {
	case f.CreatedFrom == backoffice.FirstDay:
		return "up to " + ui.Date(f.CreatedTo.Start())
	case f.CreatedTo == backoffice.LastDay:
		return "from " + ui.Date(f.CreatedFrom.Start())
	case f.CreatedFrom == f.CreatedTo:
		return "on " + ui.Date(f.CreatedFrom.Start())
	}
	return ui.Date(f.CreatedFrom.Start()) + " to " + ui.Date(f.CreatedTo.Start())
}

func yesNo(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "yes"
	}
	return "no"
}

// accountsNamed is the part of a sentence for the search: ` named or numbered “nord”`.
func accountsNamed(f backoffice.AccountFilter) string {
	if f.Query == "" {
		return ""
	}
	return " named or numbered “" + strings.TrimSpace(f.Query) + "”"
}

// accountsAre says what the filters ask for: "dormant for 90 days and not a
// reseller".
func accountsAre(f backoffice.AccountFilter) string {
	var parts []string
	add := func(set bool, s string) {
		if set {
			parts = append(parts, s)
		}
	}
	is := func(b *bool, yes, no string) {
		if b != nil && *b {
			parts = append(parts, yes)
		} else if b != nil {
			parts = append(parts, no)
		}
	}
	add(f.CreatedDays > 0, "created in the "+lastDays(f.CreatedDays))
	add(f.HasCreated, "created "+createdRange(f))
	add(f.ActiveDays > 0, "active in the "+lastDays(f.ActiveDays))
	add(f.DormantDays > 0, "dormant for "+ui.Count(int64(f.DormantDays), "day", "days"))
	is(f.CompanyDomain, "on a company domain", "not on a company domain")
	is(f.Reseller, "a reseller", "not a reseller")
	is(f.HasParent, "a sub-account", "not a sub-account")
	add(f.ParentID != "", "directly under "+f.ParentID)
	switch n := len(parts); n {
	case 0:
		return ""
	case 1:
		return parts[0]
	default:
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
}

// AccountsSentence says which accounts a filter leaves: "Every account named or
// numbered “nord” that is dormant for 90 days."
func AccountsSentence(f backoffice.AccountFilter) string {
	s := "Every account" + accountsNamed(f)
	if are := accountsAre(f); are != "" {
		s += " that is " + are
	}
	return s + "."
}

// filterField is one select of the filter form.
type filterField struct {
	name, label, value string
	options            []ui.Option
}

func (v AccountsView) filterFields() []filterField {
	f := v.Query.AccountFilter
	days := func(now int, any string, usual ...int) (string, []ui.Option) {
		options := []ui.Option{{Label: any}}
		value := ""
		for _, n := range usual {
			options = append(options, ui.Option{Value: strconv.Itoa(n) + "d", Label: ui.Number(n) + " days"})
		}
		if now > 0 {
			value = strconv.Itoa(now) + "d"
			known := false
			for _, n := range usual {
				known = known || n == now
			}
			if !known {
				options = append(options, ui.Option{Value: value, Label: ui.Count(int64(now), "day", "days")})
			}
		}
		return value, options
	}
	choice := func(b *bool, yes, no string) (string, []ui.Option) {
		value := ""
		if b != nil && *b {
			value = yes
		} else if b != nil {
			value = no
		}
		return value, []ui.Option{{Label: "Any"}, {Value: yes, Label: "Yes"}, {Value: no, Label: "No"}}
	}
	var list []filterField
	value, options := days(f.CreatedDays, "Any time", 7, 30, 90)
	for i := range options[1:] {
		options[i+1].Label = "In the last " + options[i+1].Label
	}
	options = append(options, ui.Option{Value: "range", Label: "From – to"})
	if f.HasCreated {
		value = "range"
	}
	list = append(list, filterField{"created", "Created", value, options})
	value, options = days(f.ActiveDays, "Any", 7, 30, 90)
	for i := range options[1:] {
		options[i+1].Label = "In the last " + options[i+1].Label
	}
	list = append(list, filterField{"active", "Active", value, options})
	value, options = days(f.DormantDays, "Any", 30, 90, 180)
	for i := range options[1:] {
		options[i+1].Label = "For " + options[i+1].Label
	}
	list = append(list, filterField{"dormant", "Dormant", value, options})
	value, options = choice(f.CompanyDomain, "company", "personal")
	list = append(list, filterField{"domain", "Company domain", value, options})
	value, options = choice(f.Reseller, "yes", "no")
	list = append(list, filterField{"reseller", "Reseller", value, options})
	value, options = choice(f.HasParent, "yes", "no")
	return append(list, filterField{"parent", "Has parent", value, options})
}

func (v AccountsView) rangeEnd(end backoffice.Day) string {
	if !v.Query.HasCreated || end == backoffice.FirstDay || end == backoffice.LastDay {
		return ""
	}
	return end.String()
}

// rest lists the parameters of the view but for the named ones: what a form
// that changes those has to carry.
func (v AccountsView) rest(but ...string) (list []ui.Pair) {
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

var filterNames = []string{"created", "active", "dormant", "domain", "reseller", "parent"}

// columnBox is one line of the Columns menu.
type columnBox struct {
	name, label    string
	checked, fixed bool
}

func (v AccountsView) columnBoxes() (list []columnBox) {
	labels := map[string]string{"created": "Created", "last": "Last visit", "visits": "Daily visits", "primary": "Primary user", "users": "Users"}
	shown := v.Query.Shown()
	for _, c := range backoffice.AccountColumnNames {
		list = append(list, columnBox{c.Name, labels[c.Name], shown.Has(c.Column), c.Column == backoffice.ColumnUsers && v.Query.Sort == backoffice.SortUsers})
	}
	return list
}

// viewTabs are all accounts and the saved views.
func (v AccountsView) viewTabs() ViewTabs {
	return ViewTabs{Page: v.Page, List: "accounts", Path: AccountsPath, All: "All accounts", Count: ui.Number(v.Accounts), Query: v.view(), Narrowed: v.Query.Narrowed(), Saved: v.Saved}
}

// accountCards are the four figures, each a door to the list behind it.
func (v AccountsView) accountCards() []ui.KPIProps {
	k := v.KPIs
	fresh := "as of " + ui.Clock(k.At)
	now, before := k.Now, k.Previous
	link := func(query string) string { return v.Page.Link(AccountsPath + "?" + query) }
	whole := func(p ui.KPIProps, n, was int64, previous string, worse string, comparable bool) ui.KPIProps {
		p.Figure, p.Fresh, p.Soft = ui.Number(n), fresh, v.Accounts == 0
		if v.Accounts == 0 || !comparable {
			p.Previous = "nothing to compare yet"
			return p
		}
		p.Delta, p.Trend, p.Before, p.Previous = ui.Signed(n-was), trend(float64(n-was), worse), ui.Number(was), previous
		return p
	}
	was := before.Accounts > 0
	average, averageBefore := now.AverageUsers(), before.AverageUsers()
	avg := ui.KPIProps{ID: "def-average", Label: "Average users per account", Href: link("sort=-users"), Figure: ui.Decimal(average, 2), Fresh: fresh, Soft: v.Accounts == 0,
		Definition: "Direct memberships divided by accounts. Accounts without users count; access through grants does not. Opens all accounts by their number of users.",
		Chart:      course(k.Average)}
	if v.Accounts == 0 {
		avg.Figure = "0"
	}
	if v.Accounts == 0 || !was {
		avg.Previous = "nothing to compare yet"
	} else {
		// The change is that of the figures as they are shown.
		step := math.Round(average*100)/100 - math.Round(averageBefore*100)/100
		avg.Delta, avg.Before, avg.Previous = ui.SignedDecimal(step, 2), ui.Decimal(averageBefore, 2), "30 days earlier"
		avg.Trend = trend(math.Round(step*100), "fell")
		if avg.Trend == "up" {
			avg.Trend = "rose"
		}
	}
	return []ui.KPIProps{
		whole(ui.KPIProps{ID: "def-new", Label: "New accounts", Href: link("created=7d"),
			Definition: "Accounts created in the last 7 days, counted to the second, in UTC. Compared with the 7 days before.",
			Chart:      &ui.Mini{Bars: true, Before: 7, Values: floats(k.New)}}, now.NewAccounts, before.NewAccounts, "in the 7 days before", "down", true),
		whole(ui.KPIProps{ID: "def-active", Label: "Active accounts", Href: link("active=30d"),
			Definition: "Accounts with at least one visit in the last 30 days, today included, in UTC. A visit is a user seen in an account on a day.",
			Chart:      course(floats(k.Active))}, now.ActiveAccounts, before.ActiveAccounts, "30 days earlier", "down", was),
		avg,
		whole(ui.KPIProps{ID: "def-company", Label: "Company-domain accounts", Href: link("domain=company"),
			Definition: "Accounts whose primary user has an e-mail domain that is not on the list of personal e-mail providers. Accounts without a primary user are not counted.",
			Chart:      course(floats(k.Company))}, now.CompanyAccounts, before.CompanyAccounts, "30 days earlier", "fell", was),
	}
}

func trend(step float64, worse string) string {
	switch {
	case step > 0:
		return "up"
	case step < 0:
		return worse
	}
	return "flat"
}

func floats(n []int64) []float64 {
	out := make([]float64, len(n))
	for i, v := range n {
		out[i] = float64(v)
	}
	return out
}

// course draws a figure at the end of every other day, today last, the half
// before as the period before.
func course(days []float64) *ui.Mini {
	var values []float64
	for i := (len(days) + 1) % 2; i < len(days); i += 2 {
		values = append(values, days[i])
	}
	return &ui.Mini{Values: values, Before: len(values) / 2}
}

// accountMenu are the acts of the row menu that the actor may do.
func (v AccountsView) accountMenu() [][]ui.ItemProps {
	at := func(part string) string { return v.Page.Link(AccountsPath + "/{id}" + part) }
	copyID := ui.ItemProps{Label: "Copy account ID", Icon: "copy", Copies: "{id}"}
	if !v.MayWrite {
		return [][]ui.ItemProps{
			{{Label: "Security policy", Icon: "shield-check", Href: at("/policy")}, {Label: "Metadata", Icon: "file-braces", Href: at("/metadata")}, {Label: "Applications", Icon: "layout-grid", Href: at("/applications")}},
			{copyID},
		}
	}
	return [][]ui.ItemProps{
		{
			{Label: "Edit account details", Icon: "pencil", Href: at("/details")},
			{Label: "Add user", Icon: "user-plus", Href: at("/users/new")},
			{Label: "Security policy", Icon: "shield-check", Href: at("/policy")},
			{Label: "Edit metadata", Icon: "file-braces", Href: at("/metadata")},
			{Label: "Applications", Icon: "layout-grid", Href: at("/applications")},
		},
		{
			{Label: "Enable sub-account management", Icon: "network", Href: at("/sub-account-management?on=true"), Unless: "reseller"},
			{Label: "Disable sub-account management", Icon: "network", Href: at("/sub-account-management?on=false"), If: "reseller"},
			copyID,
		},
		{{Label: "Delete account", Icon: "trash-2", Bad: true, Href: at("/deletion")}},
	}
}

func (v AccountsView) shows(c backoffice.AccountColumns) bool { return v.Query.Shown().Has(c) }

func (v AccountsView) visitsHead() ui.SortProps {
	p := v.sortHead("Daily visits", backoffice.SortVisits, strings.TrimSuffix(v.rows().visitsClass(), " right"))
	p.Right, p.Hint = true, "def-visits"
	return p
}

func (v AccountsView) usersHead() ui.SortProps {
	p := v.sortHead("Users", backoffice.SortUsers, strings.TrimSuffix(v.rows().usersClass(), " right"))
	p.Right = true
	return p
}

func (v AccountsView) filterCount() string {
	if n := v.Query.Filters(); n > 0 {
		return strconv.Itoa(n)
	}
	return ""
}

// clearLink keeps order and columns.
func (v AccountsView) clearLink() string {
	return v.with(func(q *backoffice.AccountQuery) {
		q.AccountFilter = backoffice.AccountFilter{Sort: q.Sort, Asc: q.Asc}
	})
}

// editLink leads to the list with the filter form open on the page, where a
// browser does not open the form itself.
func (v AccountsView) editLink() string {
	query := "filter=edit"
	if s := v.view(); s != "" {
		query = s + "&" + query
	}
	return v.Page.Link(AccountsPath + "?" + query)
}

func (v AccountsView) exportLink() string {
	if s := v.view(); s != "" {
		return v.Page.Link(AccountsPath + ".csv?" + s)
	}
	return v.Page.Link(AccountsPath + ".csv")
}

// selectable is how many accounts "Select all that match" takes, "" while all
// of them are on the page.
func (v AccountsView) selectable() string {
	if v.List.Total <= int64(len(v.List.Rows)) {
		return ""
	}
	return v.total()
}

// allQuery is what stands for all accounts of the view. It is never empty: an
// empty value would be no answer of the checkbox.
func (v AccountsView) allQuery() string {
	if s := v.view(); s != "" {
		return s
	}
	return "all"
}

// noneText says what was looked for.
func (v AccountsView) noneText() string {
	named, are := accountsNamed(v.Query.AccountFilter), accountsAre(v.Query.AccountFilter)
	switch {
	case are != "":
		return "No account" + named + " is " + are + "."
	case named != "":
		return "No account is" + named + "."
	}
	return "There is no account on this page of the list any more."
}

func ignoredText(list []backoffice.IgnoredParameter) string {
	var b strings.Builder
	for i, p := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("“" + short(p.Name) + "=" + short(p.Value) + "”: " + p.Reason + ".")
	}
	return b.String()
}

// short keeps what came from an address from filling the page.
func short(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
