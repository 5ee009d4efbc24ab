package views

import (
	"strconv"
	"time"

	"github.com/a-h/templ"

	"steward/backoffice"
	"steward/views/ui"
)

// UserScene is what the page of a user shows.
type UserScene struct {
	Base     string
	User     backoffice.UserDetails
	Now      time.Time
	MayWrite bool
	Secure   bool // the secure metadata may be seen
	Days     int  // of the chart

	Memberships      []backoffice.UserMembership
	Applications     []backoffice.UserApplication
	MoreApplications bool // from accounts that are not listed
	Sessions         []UserSessionLine
	SignIns          []backoffice.ApplicationSignIn
	MFA              backoffice.MFA
	Visits           AccountVisits
	Events           RecentEventsProps
	Edit             *UserDetailsEdit // the form in place of the details
}

// endsApplication is the address that takes away what an application holds; nil for
// who may not.
func (s UserScene) endsApplication() func(string) string {
	if !s.MayWrite {
		return nil
	}
	return func(id string) string { return s.path("/application-sign-ins/" + id + "/end") }
}

// Sections of the page.
const (
	UserAccountsID   = "accounts"
	UserEngagementID = "engagement"
	UserSessionsID   = "sessions"
	UserDetailsID    = "details"
	UserFactorsID    = "mfa"
)

// UserSectionIDs are the sections that are replaced one by one.
func UserSectionIDs() []string {
	return []string{UserAccountsID, UserApplicationsID, UserEngagementID, UserSessionsID, UserDetailsID, UserFactorsID}
}

// UserDetailsEdit is the form that changes who a user is, as it was typed.
type UserDetailsEdit struct {
	Name, Email string
	Version     int64
	Conflict    bool
	Problems    backoffice.Problems
}

func (s UserScene) mayEdit() bool { return s.MayWrite && s.User.DeletedAt.IsZero() }

// stored is who the user is by now, for who typed something else meanwhile.
func (s UserScene) stored() string {
	if s.User.Name == "" {
		return s.User.Email
	}
	return s.User.Name + ", " + s.User.Email
}

// invitation is what can be sent to who has not come in yet; "" for nothing.
func (s UserScene) invitation(m backoffice.UserMembership) string {
	switch {
	case m.Disabled || s.User.Locked:
		return ""
	case m.Status == backoffice.Invited:
		return "Resend invitation"
	case m.Status == backoffice.PendingLogin:
		return "Send invitation"
	}
	return ""
}

// UserSessionLine is a running session of a user.
type UserSessionLine struct {
	backoffice.UserSession
	Account backoffice.AccountRef
}

// UserPath is the address of a user's page.
func UserPath(base, id string) string { return base + UsersPath + "/" + id }

// ReturnPath is where a user is put back into an account that they were removed
// from.
func ReturnPath(user, account string) string {
	return UserPath("", user) + "/memberships/" + account + "/restoration"
}

func (s UserScene) path(rest string) string { return UserPath(s.Base, s.User.ID) + rest }

func (s UserScene) name() string {
	if s.User.Name == "" {
		return s.User.Email
	}
	return s.User.Name
}

func (s UserScene) member(m backoffice.UserMembership, rest string) string {
	return s.path("/memberships/" + m.Account.ID + rest)
}

// inAccount is the address of something of the user in the account of a membership.
func (s UserScene) inAccount(m backoffice.UserMembership, rest string) string {
	return AccountPath(s.Base, m.Account.ID) + "/users/" + s.User.ID + rest
}

func (s UserScene) periods() []ui.Tab {
	var tabs []ui.Tab
	for _, days := range EngagementDays {
		tabs = append(tabs, ui.Tab{Label: ui.Number(days) + " days", Current: days == s.Days, Href: s.path("?days=" + strconv.Itoa(days) + "#engagement")})
	}
	return tabs
}

func (s UserScene) chart() ui.DailyChart {
	c := s.Visits.chart()
	c.About = "Accounts in which the user was seen, per day. " + c.About
	return c
}

func roleNames(roles []backoffice.Role) []string {
	var names []string
	for _, r := range roles {
		names = append(names, r.Name)
	}
	return names
}

// UserRolesScene is the form that changes the roles of a user in one account.
type UserRolesScene struct {
	UserScene
	Member  backoffice.UserMembership
	Known   []backoffice.Role
	Chosen  map[string]bool
	Problem string
	Grant   GrantScene              // access to sub-accounts by the membership
	Loses   *backoffice.ReachChange // by the removal; nil where it is not asked for
	// LastManager says that nobody could manage the account once they were removed.
	LastManager bool
	Seen        string // what the roles hold, see store.Held
}

// UserDeletionScene says what deleting a user takes with it.
type UserDeletionScene struct {
	UserScene
	backoffice.UserConsequences
	Until time.Time
}

// NewUserScene is the form that creates a user.
type NewUserScene struct {
	Page                 Page
	Email, Name, Account string
	Named                backoffice.Account // that has the ID Account; zero: none has
	Chosen               map[string]bool
	Invite               bool
	Roles                []backoffice.Role
	Applications         MemberApplications
	Problems             backoffice.Problems
}

// NewUserAccountID is the part of the form that follows the account.
const NewUserAccountID = "new-user-account"

func (s NewUserScene) accountField() ui.FieldProps {
	path := s.Page.Link(UsersPath + "/new")
	return ui.FieldProps{ID: "account", Name: "account", Label: "Account ID", Value: s.Account, Problem: s.Problems["account"], Optional: true, MaxLength: 128,
		Help: "Left empty, the user is in no account yet.", Attrs: templ.Attributes{"spellcheck": "false", "hx-get": path, "hx-trigger": "input changed delay:200ms", "hx-target": "#" + NewUserAccountID, "hx-swap": "outerHTML",
			"hx-include": "#" + NewUserAccountID + " input", "hx-sync": "this:replace"}}
}

func (s NewUserScene) rolesLegend() string {
	if s.Named.ID == "" {
		return "Roles in this account"
	}
	return "Roles in " + s.Named.Name
}

func (s NewUserScene) noApplications() string {
	if s.Account == "" {
		return "Name an account: those that it has can be given here."
	}
	return "There is no account with this ID."
}

// BinnedUsersScene is the bin of users.
type BinnedUsersScene struct {
	Page       Page
	Rows       []BinnedUserRow
	Prev, Next string
	MayWrite   bool
	Now        time.Time
}

// BinnedUserRow is a line of it.
type BinnedUserRow struct {
	ID, Name, Email, DeletedBy string
	DeletedAt, PurgeAt         time.Time
	Accounts                   int64
}

func (s BinnedUsersScene) pager() ui.PagerProps {
	p := ui.PagerProps{Hidden: s.Prev == "" && s.Next == "", Text: ui.Count(int64(len(s.Rows)), "user", "users") + " on this page"}
	at := s.Page.Link("/backoffice/bin/users")
	if s.Prev != "" {
		p.First, p.Previous = at, at+"?before="+s.Prev
	}
	if s.Next != "" {
		p.Next = at + "?after=" + s.Next
	}
	return p
}
