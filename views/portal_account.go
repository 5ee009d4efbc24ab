package views

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"steward/backoffice"
	"steward/views/ui"
)

// PortalAccountsPath is where the accounts that a user manages are listed.
const PortalAccountsPath = "/portal/accounts"

// PortalAccountPath is the address of one of them, without the base path.
func PortalAccountPath(id, rest string) string {
	return PortalAccountsPath + "/" + url.PathEscape(id) + rest
}

// PortalTreeID is the section that follows the search.
const PortalTreeID = "account-tree"

// PortalAccountsScene is "All Accounts": the own account and all below it. Staff
// see the same of any account.
type PortalAccountsScene struct {
	Page      Page
	Staff     bool
	Table     *backoffice.TreeTable
	Graph     templ.Component // in place of the table; nil for the table
	MayCreate bool
	MayInvite bool
	MayRemove bool
	MayMove   bool // of staff
	Now       time.Time
}

func (s PortalAccountsScene) root() backoffice.TreeNode { return s.Table.Branch.Nodes[0] }

func (s PortalAccountsScene) sub() string {
	root := s.root()
	if root.Below == 0 {
		return root.Name + " has no sub-accounts yet"
	}
	return root.Name + " and " + ui.Count(root.Below, "sub-account", "sub-accounts") + ", " + ui.Count(root.BranchUsers, "user", "users")
}

func (s PortalAccountsScene) link(id, rest string) string {
	if s.Staff {
		return AccountPath(s.Page.Base, id) + rest
	}
	return s.Page.Link(PortalAccountPath(id, rest))
}

// at is the address of the table, without its state.
func (s PortalAccountsScene) at() string {
	if s.Staff {
		return s.link(s.root().ID, "/tree")
	}
	return s.Page.Link(PortalAccountsPath)
}

// address is where a state of the table is shown.
func (s PortalAccountsScene) address(state backoffice.TreeState) string {
	return withQuery(s.at(), state.Encode())
}

// AccountTreeViews are the two ways in which staff look at an account with all
// below it, in the same state; graph says which of them is shown.
func AccountTreeViews(base, id string, state backoffice.TreeState, graph bool) []ui.Tab {
	return []ui.Tab{
		{Label: "Table", Icon: "table", Href: withQuery(AccountPath(base, id)+"/tree", state.Encode()), Current: !graph},
		{Label: "Graph", Icon: "network", Href: withQuery(AccountPath(base, id)+"/graph", state.Encode()), Current: graph, Attrs: templ.Attributes{"data-tree-view": true}},
	}
}

// PortalAccountsAddress is where a state of the table or, with graph, of the
// picture is shown, without the base path.
func PortalAccountsAddress(graph bool, state backoffice.TreeState) string {
	keep := ""
	if graph {
		keep = "view=graph"
	}
	return withQuery(PortalAccountsPath, keep, state.Encode())
}

// PortalAccountsViews are the two ways to look at the accounts, in the same state;
// graph says which of them is shown.
func PortalAccountsViews(base string, state backoffice.TreeState, graph bool) []ui.Tab {
	return []ui.Tab{
		{Label: "Table", Icon: "table", Href: base + PortalAccountsAddress(false, state), Current: !graph},
		{Label: "Graph", Icon: "network", Href: base + PortalAccountsAddress(true, state), Current: graph, Attrs: templ.Attributes{"data-tree-view": true}},
	}
}

// statePairs are the fields of a state as a form posts them; without is left out.
func statePairs(state backoffice.TreeState, without ...string) []ui.Pair {
	return slices.DeleteFunc(queryPairs(state.Encode()), func(p ui.Pair) bool { return slices.Contains(without, p.Name) })
}

func (s PortalAccountsScene) cleared() string {
	state := s.Table.State
	state.Query = ""
	return s.address(state)
}

// path names the accounts above the one at i, the own one first.
func (s PortalAccountsScene) path(i int) string {
	var names []string
	for _, up := range s.Table.Branch.Path(i) {
		if up != i {
			names = append(names, s.Table.Branch.Nodes[up].Name)
		}
	}
	return strings.Join(names, " › ")
}

func (s PortalAccountsScene) flags(r backoffice.TreeRow) string {
	var flags []string
	n := s.Table.Branch.Nodes[r.At]
	if r.At == 0 {
		flags = append(flags, "own")
	}
	if n.Children > 0 {
		flags = append(flags, "parent")
	}
	return strings.Join(flags, " ")
}

// shareBar draws the share of active users of an account's own: a bar with its number.
func shareBar(n backoffice.TreeNode) templ.Component {
	if n.Users == 0 {
		return noUsers()
	}
	return shareOf(float64(n.Active) / float64(n.Users))
}

func shareClass(share float64) string { return "s-" + strconv.Itoa(min(4, int(share*5))) }

func shareWidth(share float64) string { return strconv.Itoa(max(2, int(share*56+0.5))) }
