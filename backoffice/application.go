package backoffice

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// ApplicationKind is how an application runs, by which is decided how it signs
// users in (product.md, section 10).
type ApplicationKind string

// Kinds of applications.
const (
	WebApplication    ApplicationKind = "web"    // has a server that keeps a secret
	SinglePage        ApplicationKind = "spa"    // runs in the browser and keeps none
	NativeApplication ApplicationKind = "native" // runs on the user's machine and keeps none
	Agent             ApplicationKind = "agent"  // acts by itself, with a secret
)

// ApplicationKinds lists them as forms offer them.
func ApplicationKinds() []ApplicationKind {
	return []ApplicationKind{WebApplication, SinglePage, NativeApplication, Agent}
}

// Valid reports whether k is one of the four kinds.
func (k ApplicationKind) Valid() bool { return slices.Contains(ApplicationKinds(), k) }

// Confidential reports whether applications of the kind can keep a secret. The
// others have none: PKCE alone binds the code to who asked for it.
func (k ApplicationKind) Confidential() bool { return k == WebApplication || k == Agent }

// Label returns the kind as pages write it.
func (k ApplicationKind) Label() string {
	switch k {
	case WebApplication:
		return "Web"
	case SinglePage:
		return "Single-page"
	case NativeApplication:
		return "Native"
	case Agent:
		return "Agent"
	}
	return string(k)
}

// Hint says which applications are of the kind.
func (k ApplicationKind) Hint() string {
	switch k {
	case WebApplication:
		return "Rendered by a server, which can keep a secret."
	case SinglePage:
		return "Runs in the browser. It has no secret; PKCE protects its sign-in."
	case NativeApplication:
		return "Installed on a computer or phone. It has no secret; PKCE protects its sign-in."
	case Agent:
		return "Acts by itself. It gets tokens by its ID and secret, and can let users sign in."
	}
	return ""
}

// Application is something that the vendor sells and users sign in to.
type Application struct {
	Key         int64  // internal; never leaves the process
	ID          string // the client ID of its sign-in requests
	Name        string
	Kind        ApplicationKind
	URL         string // where users open it; empty for none
	Description string
	// RedirectURIs are where sign-in may end, LogoutURIs where signing out may:
	// compared character by character, but for the port of a loopback address of a
	// native application (RFC 8252, section 7.3).
	RedirectURIs []string
	LogoutURIs   []string
	Active       bool // integrated: users can enter it
	// Default is the application that a sign-in request without an ID is for. It
	// reaches all users of the accounts that have it, and all accounts start with it.
	Default bool
	// AutoAssigned is "Auto-assigned app": all accounts start with it, and it reaches
	// all of their users.
	AutoAssigned bool
	LogoTag      string // content tag of the logo, for its address; empty without
	CreatedAt    time.Time
	Version      int64
}

// ReachesAll reports whether accounts start with the application, and all of
// their users have it.
func (a Application) ReachesAll() bool { return a.Default || a.AutoAssigned }

// Limits of applications (product.md, section 10, leaves them to us).
const (
	MaxApplications           = 500
	MaxApplicationName        = 100
	MaxApplicationDescription = 500
	MaxApplicationURIs        = 50
	MaxURI                    = 500
)

// CheckApplication returns an application in the form in which it is kept, and
// what is wrong with it (name, kind, url, description, redirect_uris,
// logout_uris).
func CheckApplication(a Application) (Application, Problems) {
	var problems Problems
	name, err := CleanName(a.Name, MaxApplicationName)
	switch {
	case err != nil:
		problems.Add("name", err.Error())
	case name == "":
		problems.Add("name", "Enter a name.")
	default:
		a.Name = name
	}
	if !a.Kind.Valid() {
		problems.Add("kind", "Choose a type: web, spa, native or agent.")
	}
	if description, err := CleanName(a.Description, MaxApplicationDescription); err != nil {
		problems.Add("description", err.Error())
	} else {
		a.Description = description
	}
	if a.URL = strings.TrimSpace(a.URL); a.URL != "" {
		if u, err := url.Parse(a.URL); err != nil || !webAddress(u) || len(a.URL) > MaxURI {
			problems.Add("url", "Enter a whole address such as https://app.example.com.")
		}
	}
	a.RedirectURIs = checkURIs(&problems, "redirect_uris", a.RedirectURIs, a.Kind)
	a.LogoutURIs = checkURIs(&problems, "logout_uris", a.LogoutURIs, a.Kind)
	if len(a.RedirectURIs) == 0 && a.Kind != Agent {
		problems.Add("redirect_uris", "Enter at least one address that sign-in returns to.")
	}
	return a, problems
}

func checkURIs(problems *Problems, field string, typed []string, kind ApplicationKind) []string {
	var out []string
	seen := map[string]bool{}
	for _, line := range typed {
		if line = strings.TrimSpace(line); line == "" || seen[line] {
			continue
		}
		seen[line] = true
		out = append(out, line)
	}
	if len(out) > MaxApplicationURIs {
		problems.Add(field, "At most "+strconv.Itoa(MaxApplicationURIs)+" addresses.")
		return out
	}
	for _, line := range out {
		if err := CheckRedirectURI(line, kind); err != nil {
			problems.Add(field, err.Error())
		}
	}
	return out
}

// CheckRedirectURI refuses an address that a browser must not be sent to with a
// code (RFC 9700, section 2.1; RFC 8252, sections 7 and 8.4): only https, http
// on a loopback address, and for native applications a scheme of their own with a
// dot in it.
func CheckRedirectURI(text string, kind ApplicationKind) error {
	shown := VisibleCell(text)
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > MaxURI || strings.ContainsAny(text, "\\*\"<> \t"):
		return Refusal(shown + " is not an address. Wildcards are not allowed.")
	case strings.Contains(text, "#"):
		return Refusal(shown + " has a fragment; leave out # and what follows.")
	case u.User != nil:
		return Refusal(shown + " holds a user name; leave it out.")
	case webAddress(u):
		if u.Scheme == "http" && !Loopback(u.Hostname()) {
			return Refusal(shown + " is not encrypted. Use https, or http on localhost.")
		}
		return nil
	case kind == NativeApplication && u.Host == "" && strings.Contains(u.Scheme, "."):
		return nil
	case kind == NativeApplication:
		return Refusal(shown + " is neither https, http on a loopback address, nor a scheme of the application’s own such as com.example.app:/callback.")
	}
	return Refusal(shown + " is not a whole address such as https://app.example.com/callback.")
}

func webAddress(u *url.URL) bool {
	return (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.Opaque == ""
}

// WebOrigin is where an address lies as browsers write it: scheme and host in lower
// case, the host as A-labels, the port where it is not the scheme's own (RFC 6454,
// section 6.2). Empty for what is no address of the web.
func WebOrigin(address string) string {
	u, err := url.Parse(address)
	if err != nil || !webAddress(u) {
		return ""
	}
	host := u.Hostname()
	if !strings.Contains(host, ":") {
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			// An underscore, say, which browsers take.
			host = strings.ToLower(u.Hostname())
		}
	} else {
		host = "[" + strings.ToLower(host) + "]"
	}
	if port := u.Port(); port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}

// Loopback reports whether a host name is this very machine.
func Loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// Redirects reports whether the list allows an address: character by character,
// but for the port of a loopback address of a native application, which the
// system chooses anew each time (RFC 8252, section 7.3).
func (a Application) Redirects(list []string, uri string) bool {
	if slices.Contains(list, uri) {
		return true
	}
	if a.Kind != NativeApplication {
		return false
	}
	asked, err := url.Parse(uri)
	if err != nil || asked.Scheme != "http" || !Loopback(asked.Hostname()) || asked.User != nil || strings.Contains(uri, "#") {
		return false
	}
	for _, allowed := range list {
		if u, err := url.Parse(allowed); err == nil && u.Scheme == "http" && u.Hostname() == asked.Hostname() && Loopback(u.Hostname()) &&
			u.EscapedPath() == asked.EscapedPath() && u.RawQuery == asked.RawQuery {
			return true
		}
	}
	return false
}

// ApplicationRow is an application as the list of applications shows it.
type ApplicationRow struct {
	Application
	Accounts int64 // that have it, outside of the bin
}

// BinnedApplication is an application in the bin.
type BinnedApplication struct {
	Application
	DeletedAt time.Time
	DeletedBy string
	PurgeAt   time.Time
}

// ApplicationAccount is an account that has an application.
type ApplicationAccount struct {
	Account AccountRef
	Path    AssignmentPath
	Users   int64 // as of AccountApplication
}

// ApplicationAccountsPage is a page of the accounts that have an application.
// Next and Prev are what after and before take.
type ApplicationAccountsPage struct {
	Rows       []ApplicationAccount
	Next, Prev string
}

// ApplicationSecret is a client secret as pages show it; the secret itself is
// shown once, when it is made, and kept nowhere.
type ApplicationSecret struct {
	Key       int64
	CreatedAt time.Time
	EndsAt    time.Time // zero: not by itself
	LastUsed  time.Time // zero: never; at most a minute old
}

// SecretOverlap is how long a secret works on after another one took its place.
const SecretOverlap = 24 * time.Hour
