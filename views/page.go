// Package views owns what pages look like: each page is a list of sections, and
// a section is one function whose root id is its name. It reads nothing and
// decides nothing: handlers pass in what is shown and what may be done.
package views

import (
	"encoding/json"

	"steward/views/ui"
)

// Page is what the frame around every page shows.
type Page struct {
	Title     string // "Accounts"; the environment and the product follow by themselves
	Env       string // name of the environment
	EnvOther  bool   // it is not production: brass line and lozenge
	Base      string // path prefix under which Steward lives, without a slash at its end
	Assets    string // base path and static.Root()
	Theme     string // "light", "dark", or anything else for what the system says
	Product   string // "Steward" unless said otherwise
	Path      string // path and query of this page, without Base: where to return to
	Actor     Actor
	Nav       Nav
	Portal    *PortalFrame // of pages of the portal; nil in the backoffice
	Toasts    []ui.ToastProps
	Onward    string // path and query, without Base, that the page leads on to by itself
	MailWaits bool   // mail is queued, and nothing sends it
}

// Actor is who is signed in, as the frame shows them.
type Actor struct {
	Name  string
	Email string
	Role  string
}

// Nav is the side navigation: the main part, "Record", and the end.
type Nav struct {
	Main   []NavItem
	Record []NavItem
	End    []NavItem
}

// NavItem is one entry; Count "" shows none.
type NavItem struct {
	Label   string
	Href    string
	Icon    string
	Count   string
	Current bool
}

// NavCounts are the figures in the navigation; "" shows none.
type NavCounts struct {
	Accounts string
	Users    string
	Bin      string
}

// Parts of the backoffice, for Navigation and SettingsTabs.
const (
	PartAccounts     = "accounts"
	PartUsers        = "users"
	PartInvitations  = "invitations"
	PartApplications = "applications"
	PartRoles        = "roles"
	PartImport       = "import"
	PartAudit        = "audit"
	PartBin          = "bin"
	PartSettings     = "settings"
)

// Navigation lists the parts of the backoffice that exist; current is one of them.
func Navigation(base, current string, counts NavCounts) Nav {
	item := func(part, label, path, icon, count string) NavItem {
		return NavItem{Label: label, Href: base + path, Icon: icon, Count: count, Current: part == current}
	}
	return Nav{
		Main: []NavItem{
			item(PartAccounts, "Accounts", "/backoffice/accounts", "building-2", counts.Accounts),
			item(PartUsers, "Users", UsersPath, "users", counts.Users),
			item(PartApplications, "Applications", ApplicationsPath, "layout-grid", ""),
			item(PartInvitations, "Invitations", "/backoffice/invitations", "mail", ""),
			item(PartRoles, "Roles", "/backoffice/roles", "shield-user", ""),
			item(PartImport, "Import", "/backoffice/import", "upload", ""),
		},
		Record: []NavItem{
			item(PartAudit, "Audit trail", "/backoffice/audit", "scroll-text", ""),
			item(PartBin, "Bin", "/backoffice/bin", "trash-2", counts.Bin),
		},
		End: []NavItem{
			item(PartSettings, "Settings", "/backoffice/settings", "settings", ""),
		},
	}
}

// Parts of the settings, for SettingsTabs.
const (
	SettingsPolicy   = "policy"
	SettingsMail     = "mail"
	SettingsSignUp   = "sign-up"
	SettingsStaff    = "staff"
	SettingsTokens   = "tokens"
	SettingsStaffMFA = "staff-mfa"
)

// SettingsTabs lists the parts of the settings; staff and API tokens are an
// owner's alone.
func SettingsTabs(base, current string, owner bool) []ui.Tab {
	tabs := []ui.Tab{{Label: "Security policy", Href: base + "/backoffice/settings/policy", Current: current == SettingsPolicy},
		{Label: "Mail", Href: base + MailSettingsPath, Current: current == SettingsMail},
		{Label: "Sign-up", Href: base + SignUpSettingsPath, Current: current == SettingsSignUp}}
	if owner {
		tabs = append(tabs,
			ui.Tab{Label: "Staff", Href: base + "/backoffice/settings/staff", Current: current == SettingsStaff},
			ui.Tab{Label: "Staff MFA", Href: base + "/backoffice/settings/staff-mfa", Current: current == SettingsStaffMFA},
			ui.Tab{Label: "API tokens", Href: base + "/backoffice/settings/tokens", Current: current == SettingsTokens})
	}
	return tabs
}

// Link is the address of a path of ours, with the base path.
func (p Page) Link(path string) string { return p.Base + path }

func (p Page) asset(name string) string { return p.Assets + "/" + name }

func (p Page) product() string {
	if p.Product == "" {
		return "Steward"
	}
	return p.Product
}

func (p Page) fullTitle() string {
	t := p.product()
	if p.Env != "" {
		t = p.Env + " · " + t
	}
	if p.Title != "" {
		t = p.Title + " · " + t
	}
	return t
}

func (p Page) theme() string {
	if p.Theme == "light" || p.Theme == "dark" {
		return p.Theme
	}
	return "system"
}

// htmxConfig: requests stay on our origin, nothing is injected, going back asks
// the server again, and an error page never lands inside a section.
var htmxConfig = func() string {
	b, err := json.Marshal(map[string]any{
		"mode":                "same-origin",
		"history":             "reload",
		"includeIndicatorCSS": false,
		"defaultSwap":         "outerHTML",
		"defaultTimeout":      30000,
		"noSwap":              []any{204, 304, 401, 403, 404, 413, 429, "5xx"},
	})
	if err != nil {
		panic(err)
	}
	return string(b)
}()
