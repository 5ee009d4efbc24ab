package views

import (
	"net/url"
	"strings"
	"time"

	"steward/backoffice"
	"steward/views/ui"
)

// EventsView is the page of the audit trail.
type EventsView struct {
	Page            Page
	Filter          backoffice.EventFilter
	From, To        string // the days of the filter, as typed
	List            backoffice.EventsPage
	Single          bool // one entry has the page to itself
	Actors          []backoffice.EventActor
	Account         string // name of the filter's account
	Check           backoffice.TrailCheck
	Checked         bool
	MayCheck        bool // verifying the chain is allowed
	MayApplications bool
	MayRestore      bool // taking a deletion back is allowed
	MayRoles        bool // so is that of a role's
	MayUsers        bool // and of a user's
	MayStaff        bool // pages of staff may be opened
	Ignored         []backoffice.IgnoredParameter
	Now             time.Time
}

// EventsPath is the address of the trail.
const EventsPath = "/backoffice/audit"

// EventPath is the address of one entry of the trail.
func EventPath(base, id string) string { return base + EventsPath + "/" + url.PathEscape(id) }

// AccountEventsPath is the address of the trail of one account.
func AccountEventsPath(base, accountID string) string {
	return base + EventsPath + "?account=" + url.QueryEscape(accountID)
}

// eventKinds are the groups of actions that the list can be narrowed to.
var eventKinds = []ui.Option{
	{Value: "", Label: "Everything"},
	{Value: "account.", Label: "Accounts"},
	{Value: "account.metadata-changed", Label: "Metadata"},
	{Value: "policy.", Label: "Security policies"},
	{Value: "import.", Label: "Imports"},
	{Value: "staff.", Label: "Staff"},
	{Value: "token.", Label: "API tokens"},
	{Value: "view.", Label: "Saved views"},
}

func (v EventsView) kinds() []ui.Option {
	for _, o := range eventKinds {
		if o.Value == v.Filter.Action {
			return eventKinds
		}
	}
	return append(append([]ui.Option{}, eventKinds...), ui.Option{Value: v.Filter.Action, Label: v.Filter.Action})
}

func (v EventsView) kindLabel() string {
	for _, o := range v.kinds() {
		if o.Value == v.Filter.Action {
			return o.Label
		}
	}
	return v.Filter.Action
}

func (v EventsView) actors() []ui.Option {
	options := []ui.Option{{Value: "", Label: "Anybody"}}
	known := v.Filter.ActorID == ""
	for _, a := range v.Actors {
		options = append(options, ui.Option{Value: a.ID, Label: actorLabel(a)})
		known = known || a.ID == v.Filter.ActorID
	}
	if !known {
		options = append(options, ui.Option{Value: v.Filter.ActorID, Label: v.Filter.ActorID})
	}
	return options
}

func actorLabel(a backoffice.EventActor) string {
	switch {
	case a.Kind == backoffice.ActorToken:
		return "API token “" + a.Name + "”"
	case a.Name == "":
		return a.ID
	}
	return a.Name
}

func (v EventsView) actorLabel() string {
	for _, o := range v.actors() {
		if o.Value == v.Filter.ActorID {
			return o.Label
		}
	}
	return v.Filter.ActorID
}

// values is the view as a query, without the names that are left out.
func (v EventsView) values(without ...string) url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"q": v.Filter.Query, "action": v.Filter.Action, "actor": v.Filter.ActorID,
		"account": v.Filter.Account, "from": v.From, "to": v.To} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for _, name := range without {
		q.Del(name)
	}
	return q
}

func (v EventsView) link(path string, q url.Values) string {
	if e := q.Encode(); e != "" {
		path += "?" + e
	}
	return v.Page.Link(path)
}

// rest is the view as hidden fields, without the names that a form has itself.
func (v EventsView) rest(without ...string) []ui.Pair {
	q := v.values(without...)
	var pairs []ui.Pair
	for _, name := range []string{"q", "action", "actor", "account", "from", "to"} {
		if q.Has(name) {
			pairs = append(pairs, ui.Pair{Name: name, Value: q.Get(name)})
		}
	}
	return pairs
}

type eventChip struct{ field, value, remove string }

func (v EventsView) chips() []eventChip {
	var chips []eventChip
	add := func(field, value string, names ...string) {
		chips = append(chips, eventChip{field, value, v.link(EventsPath, v.values(names...))})
	}
	if v.Filter.Action != "" {
		add("What", v.kindLabel(), "action")
	}
	if v.Filter.ActorID != "" {
		add("Who", v.actorLabel(), "actor")
	}
	if v.Filter.Account != "" {
		name := v.Account
		if name == "" {
			name = v.Filter.Account
		}
		add("Account", name, "account")
	}
	if v.From != "" {
		add("From", v.From, "from")
	}
	if v.To != "" {
		add("To", v.To, "to")
	}
	return chips
}

func (v EventsView) filterCount() string {
	if n := len(v.chips()); n > 0 {
		return ui.Number(n)
	}
	return ""
}

func (v EventsView) narrowed() bool { return len(v.values()) > 0 }

func (v EventsView) pageLink(cursor string) string {
	if cursor == "" {
		return ""
	}
	q := v.values()
	q.Set("page", cursor)
	return v.link(EventsPath, q)
}

func (v EventsView) pager() ui.PagerProps {
	p := ui.PagerProps{Text: ui.Count(int64(len(v.List.Rows)), "entry", "entries") + ", newest first",
		Previous: v.pageLink(v.List.Prev), Next: v.pageLink(v.List.Next), Hidden: v.List.Prev == "" && v.List.Next == ""}
	if v.List.Prev != "" {
		p.First = v.link(EventsPath, v.values())
	}
	return p
}

// objectLink is where the object of an entry is, "" when it is gone or has no
// page of its own.
func (v EventsView) objectLink(e backoffice.EventRow) string {
	switch {
	case !e.Exists:
	case e.ObjectKind == "account":
		return AccountPath(v.Page.Base, e.ObjectID)
	case e.ObjectKind == "role":
		return v.Page.Link(RolePath(e.ObjectID))
	case e.ObjectKind == "application":
		return v.Page.Link(ApplicationPath(e.ObjectID))
	case e.ObjectKind == "import":
		return v.Page.Link("/backoffice/import/" + url.PathEscape(e.ObjectID))
	}
	switch {
	case e.ObjectKind == "environment" && strings.HasPrefix(e.Action, "policy."):
		return v.Page.Link("/backoffice/settings/policy")
	case e.ObjectKind == "token" && v.MayStaff:
		return v.Page.Link("/backoffice/settings/tokens")
	}
	return ""
}

var objectKinds = map[string]string{"account": "Account", "staff": "Staff", "token": "API token", "view": "Saved view", "import": "Import", "role": "Role",
	"environment": "Environment", "setup-link": "Set-up link", "user": "User", "application": "Application"}

func objectKind(kind string) string {
	if label := objectKinds[kind]; label != "" {
		return label
	}
	return kind
}

func eventDiff(e backoffice.Event) []ui.DiffLine {
	var lines []ui.DiffLine
	for _, c := range e.Changes() {
		lines = append(lines, ui.DiffLine{Kind: c.Kind, Field: c.Field, Before: c.Before, After: c.After})
	}
	return lines
}

func exactly(t time.Time) string { return t.UTC().Format("15:04:05") + " UTC" }

// eventUndo is what takes back what an entry tells of; no Path where nothing does.
type eventUndo struct {
	Path        string
	Name, Value string // of the hidden field, where there is one
	Label       string
}

func (v EventsView) undo(e backoffice.EventRow) eventUndo {
	switch {
	case !e.Undoable:
	case e.ObjectKind == "account" && v.MayRestore:
		return eventUndo{"/backoffice/restorations", "deletion", e.Undo, "Undo: restore from the bin"}
	case e.ObjectKind == "role" && v.MayRoles:
		return eventUndo{RoleRestorationsPath, "role", e.ObjectID, "Undo: bring the role back"}
	case e.Action == "application.removed" && v.MayApplications:
		return eventUndo{AccountApplicationPath("", e.AccountID, e.ObjectID) + "/restoration", "removal", e.Undo, "Undo: assign it again, as it was"}
	case e.ObjectKind == "application" && v.MayApplications:
		return eventUndo{ApplicationRestorationsPath, "deletion", e.Undo, "Undo: restore from the bin"}
	case e.Action == "user.removed" && v.MayUsers:
		return eventUndo{ReturnPath(e.ObjectID, e.AccountID), "removal", e.Undo, "Undo: put back into the account"}
	case e.Action == "user.deleted" && v.MayUsers:
		return eventUndo{UserPath("", e.ObjectID) + "/restoration", "", "", "Undo: restore from the bin"}
	}
	return eventUndo{}
}
