package views

import (
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"steward/backoffice"
	"steward/views/ui"
)

// Addresses of applications, without the base path.
const (
	ApplicationsPath            = "/backoffice/applications"
	ApplicationRestorationsPath = ApplicationsPath + "/restorations"
	BinnedApplicationsPath      = "/backoffice/bin/applications"
)

// ApplicationPath is the address of an application's page, without the base path.
func ApplicationPath(id string) string { return ApplicationsPath + "/" + url.PathEscape(id) }

// Ids of the sections of an application's page.
const (
	ApplicationHeadID      = "application-head"
	ApplicationReachID     = "availability"
	ApplicationAddressesID = "addresses"
	ApplicationSecretsID   = "credentials"
	ApplicationSetupID     = "integration"
	ApplicationAccountsID  = "accounts"
	ApplicationDetailsID   = "details"
	ApplicationLogoID      = "logo"
	ApplicationEventsID    = "events"
)

// ApplicationSectionIDs are the sections of the page, as they stand in it.
func ApplicationSectionIDs() []string {
	return []string{ApplicationReachID, ApplicationSecretsID, ApplicationAddressesID, ApplicationSetupID, ApplicationAccountsID, ApplicationDetailsID, ApplicationLogoID, ApplicationEventsID}
}

// ApplicationsListID is the part of the list of applications that follows the search.
const ApplicationsListID = "applications"

// ApplicationsView is what the list of applications shows.
type ApplicationsView struct {
	Page     Page
	MayWrite bool
	Query    string // part of a name or ID
	Rows     []backoffice.ApplicationRow
}

// ApplicationScene is what the page of one application shows.
type ApplicationScene struct {
	Page
	Application backoffice.Application
	MayWrite    bool
	Now         time.Time
	Issuer      string // public URL of this Steward
	Client      string // whose settings the integration shows
	Secrets     []backoffice.ApplicationSecret
	Secret      string // just made; shown in this one answer
	Accounts    backoffice.ApplicationAccountsPage
	Have        backoffice.AssignmentPreview // who has it now
	Events      RecentEventsProps
	LogoProblem string
	Edit        *ApplicationEdit // the details or addresses as they are typed
	Addresses   bool             // Edit is of the addresses
}

// ApplicationEdit is what a form of an application holds: what was typed, what was
// refused, and what somebody else saved meanwhile.
type ApplicationEdit struct {
	Name, Kind, URL, Description, RedirectURIs, LogoutURIs string

	Version  int64
	Token    string // the ID that a new application gets: sent twice, the form adds one
	Problems backoffice.Problems
	Conflict bool
	Picture  bool // a picture was chosen, which has to be chosen again
}

// ApplicationEditOf is what the form shows before anybody types.
func ApplicationEditOf(a backoffice.Application) *ApplicationEdit {
	return &ApplicationEdit{Name: a.Name, Kind: string(a.Kind), URL: a.URL, Description: a.Description,
		RedirectURIs: strings.Join(a.RedirectURIs, "\n"), LogoutURIs: strings.Join(a.LogoutURIs, "\n"), Version: a.Version}
}

// differences sets what is stored beside what was typed.
func (e ApplicationEdit) differences(a backoffice.Application, addresses bool) []ui.DiffLine {
	now := ApplicationEditOf(a)
	fields := [][3]string{{"Name", now.Name, e.Name}, {"URL", now.URL, e.URL}, {"Description", now.Description, e.Description}}
	if addresses {
		fields = [][3]string{{"Sign-in", now.RedirectURIs, e.RedirectURIs}, {"Sign-out", now.LogoutURIs, e.LogoutURIs}}
	}
	var lines []ui.DiffLine
	for _, f := range fields {
		if f[1] != f[2] {
			lines = append(lines, ui.DiffLine{Kind: "changed", Field: f[0], Before: f[1], After: f[2]})
		}
	}
	return lines
}

func (s ApplicationScene) path(rest string) string {
	return s.Link(ApplicationPath(s.Application.ID) + rest)
}

func (s ApplicationScene) crumbs(last string) []ui.Crumb {
	list := []ui.Crumb{{Label: "Backoffice", Href: s.Link(AccountsPath)}, {Label: "Applications", Href: s.Link(ApplicationsPath)}}
	if last == "" {
		return append(list, ui.Crumb{Label: s.Application.Name})
	}
	return append(list, ui.Crumb{Label: s.Application.Name, Href: s.path("")}, ui.Crumb{Label: last})
}

// tabs lead to the parts of the page.
func (s ApplicationScene) tabs() []ui.Tab {
	return []ui.Tab{
		{Label: "Availability", Href: "#" + ApplicationReachID, Current: true},
		{Label: "Credentials", Href: "#" + ApplicationSecretsID},
		{Label: "Addresses", Href: "#" + ApplicationAddressesID},
		{Label: "Integration", Href: "#" + ApplicationSetupID},
		{Label: "Accounts", Href: "#" + ApplicationAccountsID, Count: some(s.Have.Accounts)},
		{Label: "Details", Href: "#" + ApplicationDetailsID},
		{Label: "Events", Href: "#" + ApplicationEventsID},
	}
}

func (s ApplicationScene) accountsPager() ui.PagerProps {
	at := func(name, id string) string { return s.path("?" + name + "=" + url.QueryEscape(id)) }
	p := ui.PagerProps{Label: "Pages of accounts", Section: ApplicationAccountsID, Hidden: s.Accounts.Next == "" && s.Accounts.Prev == "",
		Text: ui.Number(len(s.Accounts.Rows)) + " of " + ui.Count(s.Have.Accounts, "account", "accounts") + ", by name"}
	if p.Hidden {
		p.Text = ui.Count(s.Have.Accounts, "account", "accounts")
	}
	if s.Accounts.Prev != "" {
		p.First, p.Previous = s.path(""), at("before", s.Accounts.Prev)
	}
	if s.Accounts.Next != "" {
		p.Next = at("after", s.Accounts.Next)
	}
	return p
}

// applicationIcon is the mark of an application without a logo.
func applicationIcon(k backoffice.ApplicationKind) string {
	switch k {
	case backoffice.SinglePage:
		return "app-window"
	case backoffice.NativeApplication:
		return "smartphone"
	case backoffice.Agent:
		return "bot"
	}
	return "globe"
}

// applicationLogo is the address of the picture of an application, "" without one.
func applicationLogo(base string, a backoffice.Application) string {
	if a.LogoTag == "" {
		return ""
	}
	return base + ApplicationPath(a.ID) + "/logo?v=" + url.QueryEscape(a.LogoTag)
}

// Ask is a question before something is done, in a dialog or on a page of its own.
type Ask struct {
	ID      string
	Crumbs  []ui.Crumb
	Title   string
	Name    string // in the title: Title “Name” After
	After   string
	Lead    string
	Lines   []AskLine
	Note    string
	Action  string
	Hidden  []ui.Pair
	Button  string
	Bad     bool   // it takes something away
	Back    string // where "Cancel" leads without a dialog
	Section string // id of the section that the answer replaces; "" for the page
}

// AskLine is one consequence: Strong, then Text.
type AskLine struct{ Icon, Strong, Text string }

func (a Ask) variant() string {
	if a.Bad {
		return "destructive"
	}
	return ""
}

func (a Ask) attrs() templ.Attributes {
	if a.Section == "" {
		return templ.Attributes{"hx-post": a.Action, "hx-target": "#dialog", "hx-swap": "innerHTML", "hx-disable": "find .panel-foot button[type=submit]"}
	}
	return ui.PostsDialog(a.Action, a.Section)
}

func (a Ask) heading() string {
	if a.Name == "" {
		return a.Title
	}
	return a.Title + " “" + a.Name + "”" + a.After
}

// BinnedApplicationsScene is what the bin of applications shows.
type BinnedApplicationsScene struct {
	Page     Page
	Now      time.Time
	MayWrite bool
	Rows     []backoffice.BinnedApplication
}
