package views

import (
	"net/url"
	"strconv"
	"time"

	"steward/backoffice"
	"steward/views/ui"
)

// ImportPath is the address of the page "Import".
const ImportPath = "/backoffice/import"

// ImportView is the page "Import": the form, and what was imported before.
type ImportView struct {
	Page     Page
	Now      time.Time
	Runs     []backoffice.ImportRun
	Problems backoffice.Problems // accounts, users, visits, ""
	Strict   bool
}

// ImportRunView is the page of one import.
type ImportRunView struct {
	Page   Page
	Now    time.Time
	Run    backoffice.ImportRun
	Kind   backoffice.ImportKind   // "": the refused rows of all kinds
	Action backoffice.ImportAction // "": all
	Query  string
	After  int64
	Rows   []backoffice.ImportRow
	More   bool
}

var importKinds = []struct {
	kind          backoffice.ImportKind
	label         string
	one, many     string
	file, example string
}{
	{backoffice.ImportAccounts, "Accounts", "account", "accounts", "accounts.csv", "nord-1,Nord Textiles,2026-01-31T09:30:00Z,nord-group,https://nord.example,hana@nord.example,false,\"{\"\"plan\"\": \"\"team\"\"}\""},
	{backoffice.ImportUsers, "Users", "user", "users", "users.csv", "hana@nord.example,Hana Ito,nord-1,admin;read-only,2026-01-31T09:30:00Z"},
	{backoffice.ImportMemberships, "Memberships", "membership", "memberships", "", ""},
	{backoffice.ImportVisits, "Visits", "visit", "visits", "visits.csv", "nord-1,hana@nord.example,2026-11-20"},
}

var importActions = []struct {
	action           backoffice.ImportAction
	planned, applied string
	tone             string
}{
	{backoffice.ImportCreate, "To create", "Created", "petrol"},
	{backoffice.ImportUpdate, "To update", "Updated", ""},
	{backoffice.ImportUnchanged, "Unchanged", "Unchanged", "plain"},
	{backoffice.ImportRefused, "Refused", "Refused", "bad"},
}

func (v ImportRunView) path(rest string) string {
	return v.Page.Link(ImportPath + "/" + url.PathEscape(v.Run.ID) + rest)
}

// at is the address of this page with another choice of rows.
func (v ImportRunView) at(kind backoffice.ImportKind, action backoffice.ImportAction, query string, after int64) string {
	q := url.Values{}
	for name, value := range map[string]string{"kind": string(kind), "action": string(action), "q": query} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if after > 0 {
		q.Set("after", strconv.FormatInt(after, 10))
	}
	if len(q) == 0 {
		return v.path("")
	}
	return v.path("?" + q.Encode())
}

func (v ImportRunView) planned() bool {
	return v.Run.State == backoffice.ImportPlanned || v.Run.State == backoffice.ImportPlanning
}

func (v ImportRunView) working() bool {
	return v.Run.State == backoffice.ImportApplying || v.Run.State == backoffice.ImportUndoing || v.Run.State == backoffice.ImportPlanning
}

func (v ImportRunView) title() string {
	if v.planned() {
		return "Import plan"
	}
	return "Import of " + ui.Date(v.Run.CreatedAt)
}

func (v ImportRunView) figuresTitle() string {
	switch {
	case v.planned():
		return "What it would do"
	case v.working():
		return "What it does"
	}
	return "What it did"
}

func (v ImportRunView) noRows() string {
	if v.Kind == backoffice.ImportVisits && v.Action == backoffice.ImportUnchanged && v.Query == "" {
		return "These visits stand in the file more than once. They count once, and are not listed."
	}
	return "No row is like that."
}

func importFiles(run backoffice.ImportRun) string {
	names := ""
	for i, f := range run.Files {
		if i > 0 {
			names += ", "
		}
		names += f.Name
	}
	if names == "" {
		return "No file"
	}
	return names
}

// importSum says in one line what an import brings, or brought.
func importSum(c *backoffice.ImportCounts) string {
	created := ""
	for _, k := range importKinds {
		if n := c.Of(k.kind).Created; n > 0 {
			if created != "" {
				created += ", "
			}
			created += ui.Count(n, k.one, k.many)
		}
	}
	updated := c.Accounts.Updated + c.Users.Updated + c.Memberships.Updated
	switch {
	case created != "" && updated > 0:
		return created + " new; " + ui.Number(updated) + " updated"
	case created != "":
		return created + " new"
	case updated > 0:
		return ui.Number(updated) + " updated"
	}
	return "Nothing new"
}

func importState(s backoffice.ImportState) string {
	switch s {
	case backoffice.ImportApplied:
		return "good"
	case backoffice.ImportPlanned, backoffice.ImportApplying, backoffice.ImportUndoing, backoffice.ImportPlanning:
		return "wait"
	case backoffice.ImportFailed:
		return "bad"
	}
	return "idle"
}

func (v ImportRunView) kindTabs() []ui.Tab {
	var tabs []ui.Tab
	if n := v.Run.Counts.RefusedRows(); n > 0 {
		tabs = append(tabs, ui.Tab{Label: "Refused", Icon: "circle-alert", Count: ui.Number(n), Href: v.at("", backoffice.ImportRefused, "", 0), Current: v.Kind == "",
			Attrs: ui.InSection(v.at("", backoffice.ImportRefused, "", 0), "import-rows")})
	}
	for _, k := range importKinds {
		f := v.Run.Counts.Of(k.kind)
		n := f.Total()
		if k.kind == backoffice.ImportUsers {
			n -= f.Refused // they stand among the memberships
		}
		if n > 0 || v.Kind == k.kind {
			href := v.at(k.kind, "", "", 0)
			tabs = append(tabs, ui.Tab{Label: k.label, Count: ui.Number(n), Href: href, Current: v.Kind == k.kind, Attrs: ui.InSection(href, "import-rows")})
		}
	}
	return tabs
}

func (v ImportRunView) actionSegments() []ui.Tab {
	if v.Kind == "" {
		return nil
	}
	add := func(tabs []ui.Tab, action backoffice.ImportAction, label string) []ui.Tab {
		href := v.at(v.Kind, action, v.Query, 0)
		return append(tabs, ui.Tab{Label: label, Href: href, Current: v.Action == action, Attrs: ui.InSection(href, "import-rows")})
	}
	tabs := add(nil, "", "All")
	for _, a := range importActions {
		if v.Run.Counts.Of(v.Kind).Of(a.action) > 0 || v.Action == a.action {
			tabs = add(tabs, a.action, v.actionLabel(a.action))
		}
	}
	if v.Run.Kept > 0 {
		tabs = add(tabs, backoffice.ImportKept, "Kept")
	}
	if len(tabs) < 3 {
		return nil
	}
	return tabs
}

func (v ImportRunView) actionLabel(action backoffice.ImportAction) string {
	for _, a := range importActions {
		if a.action == action && v.planned() {
			return a.planned
		}
		if a.action == action {
			return a.applied
		}
	}
	return "Kept"
}

func actionTone(action backoffice.ImportAction) string {
	for _, a := range importActions {
		if a.action == action {
			return a.tone
		}
	}
	return "brass"
}

func (v ImportRunView) pager() ui.PagerProps {
	p := ui.PagerProps{Label: "Pages of rows", Section: "import-rows", Text: ui.Count(int64(len(v.Rows)), "line", "lines") + " shown, in the order of the files", Hidden: !v.More && v.After == 0}
	if v.After > 0 {
		p.First = v.at(v.Kind, v.Action, v.Query, 0)
	}
	if v.More {
		p.Next = v.at(v.Kind, v.Action, v.Query, v.Rows[len(v.Rows)-1].Seq)
	}
	return p
}

func rowPlace(r backoffice.ImportRow) string {
	if r.Line == 0 {
		return r.File
	}
	return r.File + ", line " + ui.Number(r.Line)
}

func rowSubject(r backoffice.ImportRow) string {
	switch {
	case r.Subject != "":
		return r.Subject
	case r.Value != "":
		return r.Value
	}
	return "Row"
}

// rowDetail says what a row is refused or kept for, or what it stands for.
func rowDetail(r backoffice.ImportRow) string {
	if r.Kind == backoffice.ImportVisits && r.Action != backoffice.ImportRefused {
		n := ui.Count(r.Count, "visit", "visits")
		if r.Value != "" {
			n += ", " + r.Value
		}
		return n
	}
	return r.Reason
}

func (v ImportRunView) percent() string {
	done, total := v.Run.RowsDone, max(v.Run.RowsTotal, 1)
	if v.Run.State == backoffice.ImportUndoing {
		done = v.Run.UndoDone
	}
	return ui.Number(done*100/total) + " %"
}

func (v ImportRunView) done() int64 {
	if v.Run.State == backoffice.ImportUndoing {
		return v.Run.UndoDone
	}
	return v.Run.RowsDone
}
