package views

import (
	"time"

	"steward/backoffice"
	"steward/views/ui"
)

// maxReachShown is how many users a preview names on each side.
const maxReachShown = 50

// ReachProps is what an act changes of who comes where.
type ReachProps struct {
	ID     string // unique on the page
	Change backoffice.ReachChange
	Note   string // under the sentence
}

// capped are the users that a preview names, and how many others there are.
func capped(list []backoffice.UserReach) ([]backoffice.UserReach, int) {
	if len(list) <= maxReachShown {
		return list, 0
	}
	return list[:maxReachShown], len(list) - maxReachShown
}

// PlaceScene is an account in the pages about who comes into it: for staff, or
// for a user in the portal, for whom what lies above theirs is not there.
type PlaceScene struct {
	Page    Page
	Account backoffice.Account
	// Above are the accounts that lead down to it, the highest that may be seen
	// first, itself last.
	Above []backoffice.AccountRef
	Home  string // ID of the account that a portal's user is in; "" for staff
	// Outdated says that what was confirmed was not what the preview had said.
	Outdated bool
	Now      time.Time
}

// IsPortal reports whether a user looks, and not staff.
func (s PlaceScene) IsPortal() bool { return s.Home != "" }

// AccountHref is where an account's page is.
func (s PlaceScene) AccountHref(id string) string {
	if s.IsPortal() {
		return s.Page.Link(PortalAccountsPath + "/" + id)
	}
	return AccountPath(s.Page.Base, id)
}

// path is the address of something of the account, without the base path.
func (s PlaceScene) path(rest string) string {
	switch {
	case !s.IsPortal():
		return AccountPath("", s.Account.ID) + rest
	case s.Home == s.Account.ID:
		return "/portal" + rest
	}
	return PortalAccountsPath + "/" + s.Account.ID + rest
}

func (s PlaceScene) link(rest string) string { return s.Page.Link(s.path(rest)) }

// UserPath is the address of something of a user in the account, without the
// base path: "/access", "/why".
func (s PlaceScene) UserPath(user, rest string) string { return s.path("/users/" + user + rest) }

func (s PlaceScene) userLink(user, rest string) string { return s.Page.Link(s.UserPath(user, rest)) }

// userPage is where the page of a user of the account is.
func (s PlaceScene) userPage(user string) string {
	if !s.IsPortal() {
		return UserPath(s.Page.Base, user)
	}
	return s.userLink(user, "")
}

// crumbs is the way to a page about the account; user, where there is one, is a
// step of it.
func (s PlaceScene) crumbs(user backoffice.User, title string) []ui.Crumb {
	var list []ui.Crumb
	switch {
	case s.Account.ID == "":
		list = []ui.Crumb{{Label: "Backoffice", Href: s.Page.Link(AccountsPath)}, {Label: "Accounts", Href: s.Page.Link(AccountsPath)}}
	case !s.IsPortal():
		scene := AccountScene{Base: s.Page.Base, Account: s.Account}
		if len(s.Above) > 0 {
			scene.Ancestors = s.Above[:len(s.Above)-1]
		}
		list = scene.crumbsTo()
	case s.Home == s.Account.ID && user.ID != "":
		list = []ui.Crumb{{Label: "Users", Href: s.Page.Link("/portal/users")}}
	case s.Home == s.Account.ID:
		list = []ui.Crumb{{Label: s.Account.Name, Href: s.Page.Link("/portal")}}
	default:
		list = []ui.Crumb{{Label: "All Accounts", Href: s.Page.Link(PortalAccountsPath)}, {Label: s.Account.Name, Href: s.AccountHref(s.Account.ID)}}
	}
	if user.ID != "" {
		list = append(list, ui.Crumb{Label: personName(user), Href: s.userPage(user.ID)})
	}
	return append(list, ui.Crumb{Label: title})
}

// WhyScene says why, or why not, a user has access to an account.
type WhyScene struct {
	PlaceScene
	Who        backoffice.Reacher
	Permission backoffice.Permission // that is asked for; "" for any access
	Options    []ui.Option
	Answer     backoffice.PermissionAnswer
	MayRevoke  []string               // by path: where it is revoked; "" where that is not theirs
	Reaches    []int64                // by path: how many accounts below its account it leads into
	Remains    []backoffice.Remainder // by path: of all that it leads into
	Earlier    []backoffice.PastGrant // access that is no more, the newest end first
	Missing    []WhyMissing
	// Asked are what was typed for a user and an account that were not found.
	AskedUser, AskedAccount string
	Problems                backoffice.Problems
}

// WhyMissing is a reason why there is no more.
type WhyMissing struct{ Title, Text, Code string }

func (s WhyScene) name() string { return personName(s.Who.User) }

// stops are the accounts that a path leads through, from where it begins.
func (s PlaceScene) stops(p backoffice.AccessPath) []backoffice.AccountRef {
	for i, a := range s.Above {
		if a.Key == p.At.Key {
			return s.Above[i:]
		}
	}
	if p.Direct || len(s.Above) == 0 {
		return []backoffice.AccountRef{{ID: s.Account.ID, Name: s.Account.Name}}
	}
	// From above what may be seen.
	return append([]backoffice.AccountRef{{Name: "An account above yours"}}, s.Above...)
}

// grantGiven says when a grant was given, and by whom.
func grantGiven(p backoffice.AccessPath) string {
	switch {
	case p.At.ID == "":
		return "Above your account"
	case p.Always && p.Grant.At.IsZero():
		return "By the account’s default, “always on”"
	case p.Grant.At.IsZero():
		return "Not given"
	case p.Grant.By == "":
		return ui.Date(p.Grant.At)
	}
	return ui.Date(p.Grant.At) + ", by " + p.Grant.By
}

// pastGrantGiven says when access that is no more was given, and by whom.
func pastGrantGiven(p backoffice.PastGrant) string {
	return "Given " + grantGiven(backoffice.AccessPath{At: p.Account, Grant: p.Grant}) + "."
}

// pastGrantEnded says how it ended, when, and by whom.
func pastGrantEnded(p backoffice.PastGrant) string {
	text := p.How + " on " + ui.Date(p.EndedAt)
	if p.EndedBy != "" {
		text += ", by " + p.EndedBy
	}
	return text + "."
}

// ReachScene is who can reach an account.
type ReachScene struct {
	PlaceScene
	Rows  []backoffice.Reacher
	Total int64
	After string
	Next  string
}

func (s ReachScene) pager() ui.PagerProps {
	out := ui.PagerProps{Label: "Pages of users", Text: ui.Count(s.Total, "user", "users") + ", by e-mail", Hidden: s.Next == "" && s.After == ""}
	if s.After != "" {
		out.First = s.link("/reach")
	}
	if s.Next != "" {
		out.Next = s.link("/reach?after=" + queryEscape(s.Next))
	}
	return out
}
