package views

import (
	"net/url"
	"strings"

	"steward/backoffice"
	"steward/views/ui"
)

// AccountApplicationsID is the section "Applications / Agents".
const AccountApplicationsID = "applications"

// AccountApplicationsPath is the address of an account's applications.
func AccountApplicationsPath(base, account string) string {
	return AccountPath(base, account) + "/applications"
}

// AccountApplicationPath is the address of one application in an account.
func AccountApplicationPath(base, account, application string) string {
	return AccountApplicationsPath(base, account) + "/" + url.PathEscape(application)
}

// From says on which page of an account's applications something was begun.
type From string

// Pages.
const (
	FromAccount     From = ""
	FromList        From = "list"
	FromApplication From = "application"
)

// AccountApplicationsProps are the applications of an account, on its page.
type AccountApplicationsProps struct {
	Rows     []backoffice.AccountApplication
	MayWrite bool
}

// accountApplicationsShown is how many applications an account's page names.
const accountApplicationsShown = 12

func (p AccountApplicationsProps) shown() []backoffice.AccountApplication {
	if len(p.Rows) > accountApplicationsShown+1 {
		return p.Rows[:accountApplicationsShown]
	}
	return p.Rows
}

func (s AccountScene) applications(rest string) string { return s.Path("/applications" + rest) }

func (s AccountScene) application(id string) string {
	return AccountApplicationPath(s.Base, s.Account.ID, id)
}

// assignmentFlags tell the row menu how an application reaches the account.
func assignmentFlags(a backoffice.AccountApplication) string { return string(a.Path) }

// assignedUsersText says how many users have an application in the account.
func assignedUsersText(a backoffice.AccountApplication) string {
	if a.Users == 0 && !a.Path.ReachesAll() {
		return "no users yet"
	}
	return ui.Count(a.Users, "user", "users")
}

// assignmentMenu is the row menu of an application that an account has.
func assignmentMenu(s AccountScene, from From) []ui.ItemProps {
	at := func(part string) string {
		href := s.Path("/applications/{id}" + part)
		if from != FromAccount {
			href += "?from=" + string(from)
		}
		return href
	}
	ask := func(p ui.ItemProps, part string) ui.ItemProps {
		p.Href, p.Attrs = at(part), ui.InDialog(at(part))
		return p
	}
	return []ui.ItemProps{
		{Label: "Users", Icon: "users", Href: s.Path("/applications/{id}")},
		ask(ui.ItemProps{Label: "Enable auto-assignment", Icon: "user-check", If: string(backoffice.ByHand)}, "/auto-assignment"),
		ask(ui.ItemProps{Label: "Disable auto-assignment", Icon: "user-x", If: string(backoffice.ByAccount)}, "/auto-assignment"),
		{Label: "Disable auto-assignment", Icon: "user-x", If: string(backoffice.ByEnvironment), Why: autoFixedText(backoffice.ByEnvironment)},
		{Label: "Disable auto-assignment", Icon: "user-x", If: string(backoffice.ByDefault), Why: autoFixedText(backoffice.ByDefault)},
		ask(ui.ItemProps{Label: "Remove", Icon: "trash-2", Bad: true}, "/removal"),
	}
}

// autoFixedText says why auto-assignment cannot be turned off in one account.
func autoFixedText(p backoffice.AssignmentPath) string {
	switch p {
	case backoffice.ByEnvironment:
		return "The environment assigns it to every account: change that on the application’s page."
	case backoffice.ByDefault:
		return "It is the default application, which every user has: change that on the application’s page."
	}
	return ""
}

// AssignForm is "Assign application" and "Auto-assign users", as it was filled in.
type AssignForm struct {
	Scene    AccountScene
	From     From
	Auto     bool // the form is "Auto-assign users": whatever is chosen goes to all
	ForAll   bool // "Auto-assign users" is ticked in the form to assign
	Query    string
	Rows     []AssignRow // all that can be chosen
	Chosen   map[string]bool
	Problems backoffice.Problems
	None     bool // the environment has no applications
	People   int64
}

// AssignRow is an application that can be chosen.
type AssignRow struct {
	backoffice.Application
	Mine  bool  // the account has it already, for users one by one
	Users int64 // who have it already
}

func (f AssignForm) title() string {
	if f.Auto {
		return "Auto-assign users"
	}
	return "Assign application"
}

func (f AssignForm) id() string {
	if f.Auto {
		return "auto-assign"
	}
	return "assign"
}

func (f AssignForm) button() string {
	if f.Auto {
		return "Auto-assign"
	}
	return "Assign"
}

func (f AssignForm) sub() string {
	if f.Auto {
		return "of " + f.Scene.Account.Name
	}
	return "to " + f.Scene.Account.Name
}

// action is where the form posts to; asks is where it is shown.
func (f AssignForm) action() string {
	if f.Auto {
		return f.Scene.applications("/auto-assignment")
	}
	return f.Scene.applications("")
}

func (f AssignForm) asks() string {
	if f.Auto {
		return f.Scene.applications("/auto-assignment")
	}
	return f.Scene.applications("/new")
}

func (f AssignForm) back() string {
	if f.From == FromList {
		return f.Scene.applications("")
	}
	return f.Scene.Path("#" + AccountApplicationsID)
}

// matches reports whether a row stays in the list: a chosen one always does.
func (f AssignForm) matches(r AssignRow) bool {
	return f.Query == "" || f.Chosen[r.ID] || strings.Contains(backoffice.Fold(r.Name+" "+r.Kind.Label()), backoffice.Fold(f.Query))
}

func (f AssignForm) anyMatches() bool {
	for _, r := range f.Rows {
		if f.matches(r) {
			return true
		}
	}
	return false
}

func (f AssignForm) inactive() bool {
	for _, r := range f.Rows {
		if !r.Active {
			return true
		}
	}
	return false
}

func (f AssignForm) everyone() string {
	return "Every user of " + f.Scene.Account.Name + " has them: " + ui.Count(f.People, "user", "users") + " now, and whoever joins later."
}

// ApplicationUsersScene is the page of one application in an account.
type ApplicationUsersScene struct {
	Scene       AccountScene
	Application backoffice.AccountApplication
	Granted     int64 // who come in by grant, beside the members
	Filter      backoffice.ApplicationUserFilter
	List        backoffice.ApplicationUsersPage
}

// Ids of the sections of that page, and of the picker of users.
const (
	ApplicationUsersID      = "application-users"
	ApplicationUsersListID  = "application-users-list"
	ApplicationCandidatesID = "candidates"
)

func (s ApplicationUsersScene) path(rest string) string {
	return s.Scene.application(s.Application.ID) + rest
}

func (s ApplicationUsersScene) asked(path string) string {
	return s.path(path) + "?from=" + string(FromApplication)
}

func (s ApplicationUsersScene) crumbs(last string) []ui.Crumb {
	list := append(s.Scene.crumbsTo(), ui.Crumb{Label: "Applications", Href: s.Scene.applications("")})
	if last == "" {
		return append(list, ui.Crumb{Label: s.Application.Name})
	}
	return append(list, ui.Crumb{Label: s.Application.Name, Href: s.path("")}, ui.Crumb{Label: last})
}

// total is how many users have it.
func (s ApplicationUsersScene) total() int64 {
	if s.Application.Path.ReachesAll() {
		return s.Application.Users + s.Granted
	}
	return s.Application.Users
}

func (s ApplicationUsersScene) at(f backoffice.ApplicationUserFilter) string {
	q := url.Values{}
	for name, v := range map[string]string{"q": f.Query, "after": f.After, "before": f.Before} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if len(q) == 0 {
		return s.path("")
	}
	return s.path("?" + q.Encode())
}

func (s ApplicationUsersScene) pager() ui.PagerProps {
	p := ui.PagerProps{Label: "Pages of users", Section: ApplicationUsersListID, Hidden: s.List.Next == "" && s.List.Prev == ""}
	p.Text = ui.Number(len(s.List.Rows)) + " of " + ui.Count(s.total(), "user", "users") + ", by e-mail"
	switch {
	case s.Filter.Query != "":
		p.Text = ui.Count(int64(len(s.List.Rows)), "user", "users") + " that match, by e-mail"
		if !p.Hidden {
			p.Text = ui.Number(len(s.List.Rows)) + " of those that match, by e-mail"
		}
	case p.Hidden:
		p.Text = ui.Count(int64(len(s.List.Rows)), "user", "users") + ", by e-mail"
	}
	link := func(after, before string) string {
		return s.at(backoffice.ApplicationUserFilter{Query: s.Filter.Query, After: after, Before: before})
	}
	if s.List.Prev != "" {
		p.First, p.Previous = link("", ""), link("", s.List.Prev)
	}
	if s.List.Next != "" {
		p.Next = link(s.List.Next, "")
	}
	return p
}

// UserPicker lets staff choose users who are given an application.
type UserPicker struct {
	ApplicationUsersScene
	Query   string
	Chosen  []backoffice.ApplicationUser // ticked, whatever the search
	Rows    []backoffice.ApplicationUser // that match, without those
	More    bool                         // there are further ones
	Problem string
}

func applicationUserName(u backoffice.ApplicationUser) string {
	if u.Name == "" {
		return u.Email
	}
	return u.Name
}
