package views

import (
	"net/url"
	"time"

	"steward/backoffice"
	"steward/views/ui"
)

// ManagedAccount is the own account of a portal's user, or one below it, as the
// pages about it show it.
type ManagedAccount struct {
	Page    Page
	Account backoffice.Account
	Path    []backoffice.AccountRef // from the own account down to it, both included
	Now     time.Time
	// Outdated says that what was confirmed was not what the preview had said.
	Outdated bool
}

// Own reports whether it is the account that the user is in.
func (m ManagedAccount) Own() bool { return len(m.Path) == 1 }

func (m ManagedAccount) link(rest string) string {
	return m.Page.Link(PortalAccountPath(m.Account.ID, rest))
}

// crumbs is the way to a page about the account: every step leads on. With a
// title the account itself is a step.
func (m ManagedAccount) crumbs(title string) []ui.Crumb {
	list := []ui.Crumb{{Label: "All Accounts", Href: m.Page.Link(PortalAccountsPath)}}
	for _, a := range m.Path {
		list = append(list, ui.Crumb{Label: a.Name, Href: m.Page.Link(PortalAccountPath(a.ID, ""))})
	}
	if title != "" {
		list = append(list, ui.Crumb{Label: title})
	}
	return list
}

// parent is the account that it lies under; empty for the own one.
func (m ManagedAccount) parent() backoffice.AccountRef {
	if m.Own() {
		return backoffice.AccountRef{}
	}
	return m.Path[len(m.Path)-2]
}

// MaxShownSubAccounts is how many sub-accounts the page of an account lists.
const MaxShownSubAccounts = 12

// PortalAccountScene is the page of one account of the branch.
type PortalAccountScene struct {
	ManagedAccount
	Branch  *backoffice.Branch // the account and what lies below it
	Granted int64              // users who come in by a grant from above and are no members
	Visits  [backoffice.RecentDays]int64
	Users   *PortalUserList // nil: not for them to see

	Renaming bool
	Typed    string
	Problem  string

	MayWrite, MayRemove, MayCreate, MayManage, MayInvite, MayEnter bool
}

func (s PortalAccountScene) node() backoffice.TreeNode { return s.Branch.Nodes[0] }

func (s PortalAccountScene) shown() []backoffice.TreeNode {
	var list []backoffice.TreeNode
	for _, i := range s.Branch.Children(0) {
		if len(list) == MaxShownSubAccounts {
			break
		}
		list = append(list, s.Branch.Nodes[i])
	}
	return list
}

// inTree is where the account stands in the table, open.
func (s PortalAccountScene) inTree(graph bool) string {
	return s.Page.Link(PortalAccountsAddress(graph, backoffice.TreeState{Selected: s.Account.ID, Given: true, Open: []string{s.Account.ID}}))
}

func (s PortalAccountScene) hasActs() bool {
	return !s.Own() && (s.MayWrite || s.MayRemove || s.MayManage)
}

func (s PortalAccountScene) chart() ui.DailyChart {
	counts := make([]int, len(s.Visits))
	for i, n := range s.Visits {
		counts[i] = int(n)
	}
	first := s.Now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-len(counts))
	total, top, at := sum(counts)
	of := "of this account"
	if s.node().Below > 0 {
		of = "of this account and all below it"
	}
	about := ui.Count(total, "visit", "visits") + " " + of + "."
	if top > 0 {
		about += " Most on " + ui.Date(first.AddDate(0, 0, at)) + ": " + ui.Number(top) + "."
	}
	return ui.DailyChart{ID: "branch-visits", Title: "Visits per day, last 30 days", About: about, First: first, Counts: counts, Unit: "visits",
		Legend: "Visits per day " + of + ", " + ui.Number(total)}
}

// ParentChoice is an account that another one may be put under.
type ParentChoice struct {
	ID, Name, Path string
}

// ParentPicker finds an account of the branch by its name.
type ParentPicker struct {
	Action string // where a choice and a search lead, with the base path
	Name   string // of the field
	Keep   []ui.Pair
	Query  string
	Rows   []ParentChoice
	More   int // that match besides
}

// MaxParentChoices is how many the picker lists.
const MaxParentChoices = 50

func (p ParentPicker) address(id string) string {
	q := url.Values{p.Name: {id}}
	for _, k := range p.Keep {
		if k.Name != "choose" {
			q.Set(k.Name, k.Value)
		}
	}
	return p.Action + "?" + q.Encode()
}

// PortalMove is the page that moves an account under another parent.
type PortalMove struct {
	ManagedAccount
	Picker  ParentPicker
	To      backoffice.AccountRef // the new parent; empty while it is being chosen
	ToPath  string
	Preview backoffice.MovePreview
	Problem string
}

// PortalRemoval asks before an account is removed.
type PortalRemoval struct {
	ManagedAccount
	Children int64
	Users    int64
	Reach    backoffice.ReachChange
	Refused  bool // it was tried
}

// PortalManagement lets an account manage its own sub-accounts, or no longer.
type PortalManagement struct {
	ManagedAccount
	Below int64
	Reach backoffice.ReachChange
}

// NewSubAccount is the form of "Create New Account".
type NewSubAccount struct {
	Page     Page
	Name     string
	Parent   string // ID
	Where    string // the parent with its path
	Options  []ui.Option
	Choosing *ParentPicker // in place of the form
	Problems backoffice.Problems
}

func queryEscaped(s string) string { return url.QueryEscape(s) }

// inviteLink is where users are invited to the account.
func (m ManagedAccount) inviteLink() string {
	if m.Own() {
		return m.Page.Link("/portal/users/new")
	}
	return m.link("/users/new")
}

// reachLink is where it stands who comes into the account.
func (m ManagedAccount) reachLink() string {
	if m.Own() {
		return m.Page.Link("/portal/reach")
	}
	return m.link("/reach")
}
