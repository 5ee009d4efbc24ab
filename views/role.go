package views

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"steward/backoffice"
	"steward/views/ui"
)

// Ids of the sections of the pages of roles.
const (
	RoleListID        = "roles"
	AccountRoleListID = "account-roles"
	RoleHoldersID     = "holders"
	RoleEffectID      = "role-effect"
)

// RolePath is the address of a role's page, without the base path.
func RolePath(id string) string { return "/backoffice/roles/" + url.PathEscape(id) }

// RolesView is what the catalogue of roles shows.
type RolesView struct {
	Page     Page
	MayWrite bool
	Account  backoffice.AccountRef // only its roles; zero: those of the environment and of all accounts
	Roles    []backoffice.RoleRow
	Of       []backoffice.RoleRow // roles of accounts
	Next     string
	Prev     string
	Paged    bool
}

func (v RolesView) at(after, before string) string {
	q := url.Values{}
	for name, value := range map[string]string{"account": v.Account.ID, "after": after, "before": before} {
		if value != "" {
			q.Set(name, value)
		}
	}
	path := v.Page.Link("/backoffice/roles")
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

func (v RolesView) pager() ui.PagerProps {
	p := ui.PagerProps{Label: "Pages of roles", Section: AccountRoleListID, Text: ui.Count(int64(len(v.Of)), "role", "roles"), Hidden: v.Next == "" && v.Prev == ""}
	if v.Prev != "" {
		p.First, p.Previous = v.at("", ""), v.at("", v.Prev)
	}
	if v.Next != "" {
		p.Next = v.at(v.Next, "")
	}
	if !p.Hidden {
		p.Text += " on this page"
	}
	return p
}

func (v RolesView) addLink() string {
	path := v.Page.Link("/backoffice/roles/new")
	if v.Account.ID != "" {
		path += "?account=" + url.QueryEscape(v.Account.ID)
	}
	return path
}

// heldText says what a role holds, in a few words.
func heldText(p backoffice.Permissions) string {
	if slices.Contains(p, backoffice.AllPermissions) {
		return "Every permission"
	}
	if len(p) == 0 {
		return "None"
	}
	var named []string
	for _, key := range p {
		named = append(named, key.Label())
	}
	if len(named) > 3 {
		return strings.Join(named[:2], ", ") + " and " + ui.Number(len(named)-2) + " more"
	}
	return strings.Join(named, ", ")
}

// RoleView is what the page of one role shows.
type RoleView struct {
	Page     Page
	Role     backoffice.Role
	MayWrite bool
	Known    backoffice.Permissions // keys of the environment beside the built-in ones
	Holders  []backoffice.RoleHolder
	Total    int64
	Binned   int64
	Next     string
	Prev     string
}

func (v RoleView) path(rest string) string { return v.Page.Link(RolePath(v.Role.ID) + rest) }

func (v RoleView) crumbs(last string) []ui.Crumb {
	list := []ui.Crumb{{Label: "Backoffice", Href: v.Page.Link("/backoffice/accounts")}, {Label: "Roles", Href: v.Page.Link("/backoffice/roles")}}
	if v.Role.AccountID != "" {
		list = append(list, ui.Crumb{Label: v.Role.AccountName, Href: v.Page.Link("/backoffice/roles?account=" + url.QueryEscape(v.Role.AccountID))})
	}
	if last == "" {
		return append(list, ui.Crumb{Label: v.Role.Name})
	}
	return append(list, ui.Crumb{Label: v.Role.Name, Href: v.path("")}, ui.Crumb{Label: last})
}

func (v RoleView) pager() ui.PagerProps {
	link := func(name, place string) string { return v.path("?" + name + "=" + url.QueryEscape(place)) }
	p := ui.PagerProps{Label: "Pages of memberships", Section: RoleHoldersID, Hidden: v.Next == "" && v.Prev == "",
		Text: ui.Number(len(v.Holders)) + " of " + ui.Count(v.Total, "membership", "memberships") + ", the oldest first"}
	if p.Hidden {
		p.Text = ui.Count(v.Total, "membership", "memberships")
	}
	if v.Binned > 0 {
		p.Text += ", and " + ui.Number(v.Binned) + " in the bin"
	}
	if v.Prev != "" {
		p.First, p.Previous = v.path(""), link("before", v.Prev)
	}
	if v.Next != "" {
		p.Next = link("after", v.Next)
	}
	return p
}

// wildcards of a set, the widest first.
func wildcards(set backoffice.Permissions) backoffice.Permissions {
	var list backoffice.Permissions
	for _, p := range set {
		if p.Wildcard() {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b backoffice.Permission) int {
		if n := len(a) - len(b); n != 0 {
			return n
		}
		return strings.Compare(string(a), string(b))
	})
	return slices.Compact(list)
}

// usualWildcards are offered beside those that roles have already.
var usualWildcards = backoffice.Permissions{backoffice.AllPermissions, "fe.account-hierarchy.*", "fe.account-hierarchy.read.*", "fe.secure.*", "fe.secure.read.*", "fe.secure.write.*", "fe.secure.delete.*"}

// RoleForm is the form of a role. Fields hold what was typed.
type RoleForm struct {
	RoleView           // of the role as it is; its ID is "" for a new one
	Entry    RoleEntry // as it was typed
	Problems backoffice.Problems
	Saving   bool // the form was refused
	Conflict *RoleConflict
	Effect   backoffice.RoleEffect
	Account  backoffice.AccountRef // of a new role; zero: the environment
	Version  int64
}

// RoleEntry is what the form posts.
type RoleEntry struct {
	Name, Key, Description, Level string
	Permissions                   backoffice.Permissions // ticked
	More                          string                 // further ones, one in a line
	Default, FirstUser            bool
}

// RoleConflict says what somebody else saved meanwhile.
type RoleConflict struct {
	Who  string
	Both []ConflictLine
}

func (f RoleForm) has(p backoffice.Permission) bool { return slices.Contains(f.Entry.Permissions, p) }

// offered are the wildcards that can be ticked.
func (f RoleForm) offered() backoffice.Permissions {
	return wildcards(append(append(slices.Clone(usualWildcards), f.Known...), f.Entry.Permissions...))
}

func (f RoleForm) categories() []backoffice.PermissionCategory {
	return backoffice.PermissionCategories(append(slices.Clone(f.Known), f.Entry.Permissions...))
}

// permissionHelp is the key, and by which wildcard the role holds it anyway.
func (f RoleForm) permissionHelp(p backoffice.Permission) string {
	help := string(p)
	if p.Name() == "" {
		help = "" // the label is the key
	}
	if by := f.Entry.Permissions.By(p); by != "" {
		help = strings.TrimPrefix(help+" · held by "+string(by), " · ")
	}
	return help
}

func (f RoleForm) isNew() bool { return f.Role.ID == "" }

func (f RoleForm) action() string {
	if f.isNew() {
		return f.Page.Link("/backoffice/roles")
	}
	return f.path("")
}

func (f RoleForm) cancel() string {
	switch {
	case !f.isNew():
		return f.path("")
	case f.Account.ID != "":
		return f.Page.Link("/backoffice/roles?account=" + url.QueryEscape(f.Account.ID))
	}
	return f.Page.Link("/backoffice/roles")
}

// anchor makes an id of a title.
func anchor(title string) string {
	return strings.ToLower(strings.ReplaceAll(title, " ", "-"))
}

// RoleRestorationsPath is where deletions of roles are taken back.
const RoleRestorationsPath = "/backoffice/roles/restorations"

// touchLines says what a change does to who holds a role.
func touchLines(e backoffice.RoleEffect) []TouchLine {
	list := []TouchLine{{Figure: ui.Number(e.Holders), Text: pick(e.Holders, "membership holds this role", "memberships hold this role")}}
	if e.Holders == 0 {
		list[0].Text = "memberships hold this role: nobody is touched"
		return list
	}
	if len(e.Shifts) == 0 {
		return append(list, TouchLine{Figure: "0", Text: "gain or lose a permission"})
	}
	const most = 12
	for i, s := range e.Shifts {
		if i == most && len(e.Shifts) > most+1 {
			list = append(list, TouchLine{Text: "and " + ui.Number(len(e.Shifts)-most) + " more permissions"})
			break
		}
		if s.Gain > 0 {
			list = append(list, TouchLine{Figure: ui.Number(s.Gain), Text: pick(s.Gain, "gains “", "gain “") + s.Permission.Label() + "”"})
		}
		if s.Lose > 0 {
			list = append(list, TouchLine{Figure: ui.Number(s.Lose), Text: pick(s.Lose, "loses “", "lose “") + s.Permission.Label() + "”"})
		}
	}
	return list
}

// unmanagedText names the accounts that nobody could manage any more.
func unmanagedText(e backoffice.RoleEffect) string {
	if e.Unmanageds > int64(len(e.Unmanaged)) {
		return ui.Number(e.Unmanageds) + " accounts would have nobody who can manage their users."
	}
	var names []string
	for _, a := range e.Unmanaged {
		names = append(names, "“"+a.Name+"”")
	}
	text := " would have nobody who can manage its users."
	if len(names) > 1 {
		text = " would have nobody who can manage their users."
	}
	last := len(names) - 1
	if last > 0 {
		names = []string{strings.Join(names[:last], ", ") + " and " + names[last]}
	}
	return strings.Join(names, "") + text
}

func pick(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// RoleDeletion is what the page that asks before a deletion shows.
type RoleDeletion struct {
	RoleView
	Choices     []backoffice.Role // what can be given in its place
	Replacement string
	Chosen      bool // Effect is that of the replacement
	Effect      backoffice.RoleEffect
	Problems    backoffice.Problems
}

func (d RoleDeletion) options() []ui.Option {
	list := []ui.Option{{Value: "", Label: "Choose a role"}}
	for _, r := range d.Choices {
		label := r.Name
		if r.AccountName != "" {
			label += " (" + r.AccountName + ")"
		}
		list = append(list, ui.Option{Value: r.ID, Label: label})
	}
	return list
}

func (d RoleDeletion) held() bool { return d.Total+d.Binned > 0 }

func (d RoleDeletion) heldText() string {
	text := ui.Count(d.Total, "membership holds this role", "memberships hold this role")
	if d.Binned > 0 {
		text += ", and " + ui.Number(d.Binned) + " in the bin"
	}
	return text + "."
}

func levelText(n int) string {
	if n == 0 {
		return "0, the highest"
	}
	return strconv.Itoa(n)
}
