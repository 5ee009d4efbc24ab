package backoffice

import (
	"encoding/json"
	"slices"
	"time"
)

// Lives of what leads a user into an application (product.md, section 12).
const (
	OpenIDRequestLife = 30 * time.Minute // of a sign-in that an application asked for
	OpenIDCodeLife    = time.Minute
	AccessTokenLife   = 10 * time.Minute
	IDTokenLife       = 10 * time.Minute
	// RefreshLife is how long an application may leave a refresh token unused, and
	// use it at all, where the policy of the account is not stricter.
	RefreshLife = 30 * 24 * time.Hour

	// SigningKeyLife is how long a key signs tokens. The next one is published
	// SigningKeyNotice before it signs: whoever keeps the list for as long knows it
	// by then. The one before is published on until no token of it runs.
	SigningKeyLife   = 90 * 24 * time.Hour
	SigningKeyNotice = 24 * time.Hour
	SigningKeyAfter  = 24 * time.Hour
	// SigningKeyKnown is how long its public part alone is kept after that, for ID
	// tokens that an application shows when it signs its user out: no policy lets a
	// sign-in last longer than a year.
	SigningKeyKnown = 366 * 24 * time.Hour
)

// MaxOpenIDRequests is how many sign-ins of applications a browser keeps open at
// once; the oldest gives way.
const MaxOpenIDRequests = 20

// MaxTokenAccounts is how many accounts a token names; userinfo names all.
const MaxTokenAccounts = 100

// What applications may ask for. Everything else they ask for is left out.
const (
	ScopeOpenID  = "openid"
	ScopeProfile = "profile"
	ScopeEmail   = "email"
	ScopeOffline = "offline_access" // a refresh token
)

// OpenIDScopes lists them.
func OpenIDScopes() []string { return []string{ScopeOpenID, ScopeProfile, ScopeEmail, ScopeOffline} }

// How the user is to be asked.
const (
	PromptNone    = "none"
	PromptLogin   = "login"
	PromptAccount = "select_account"
	PromptConsent = "consent" // all applications are the vendor's own: nothing is asked
)

// OpenIDRequest is what an application asks for when it sends a user here to sign
// in.
type OpenIDRequest struct {
	Application Application
	RedirectURI string
	State       string
	Nonce       string
	Scopes      []string
	Challenge   string // PKCE, S256; empty where none was sent
	Prompt      []string
	FreshSince  time.Time // credentials must have been shown since; zero: whenever
	LoginHint   string    // address
	AccountHint string    // ID of the account that the application names
	ChosenID    string    // of the account that a user chose here
	ChosenBy    int64     // key of that user
	Subject     string    // ID of the only user that it is for; empty: whoever it is
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

// Asks reports whether the application wants the user to be asked that way.
func (r OpenIDRequest) Asks(prompt string) bool { return slices.Contains(r.Prompt, prompt) }

// Chosen is the ID of the account that a user chose for it; nobody is led by what
// another user of the same browser chose.
func (r OpenIDRequest) Chosen(userKey int64) string {
	if r.ChosenBy != userKey {
		return ""
	}
	return r.ChosenID
}

// Satisfied reports whether a session is as fresh as the application asks, and of
// the user that it asks for.
func (r OpenIDRequest) Satisfied(s SignedInUser) bool { return !s.ProvedAt.Before(r.FreshSince) }

// OpenIDFamily is a user signed in to an application: all tokens that come of one
// completed request.
type OpenIDFamily struct {
	Key       int64
	ID        string
	SignIn    string // the sid claim
	Scopes    []string
	CreatedAt time.Time
	// Session is what the policy in force judges it by, as it judges a session in a
	// browser: SeenAt is when tokens were given last.
	Session UserSession
}

// Runs reports whether the family goes on under a policy: a session of the same
// age would, and no refresh token lives longer than RefreshLife.
func (f OpenIDFamily) Runs(in SignedInUser, now time.Time) bool {
	in.UserSession = f.Session
	return in.Runs(now) && now.Before(f.Session.SeenAt.Add(RefreshLife)) && now.Before(f.CreatedAt.Add(RefreshLife))
}

// OpenIDSubject is what tokens say: whom they speak of, read anew each time.
type OpenIDSubject struct {
	Family      OpenIDFamily
	Application Application
	User        User
	Standing    Standing
	Accounts    []string        // IDs of those that the user can enter, the present one first
	Metadata    json.RawMessage // session metadata: a JSON object
}

// RoleKeys are the keys of the roles that hold, the highest first.
func (s OpenIDSubject) RoleKeys() []string {
	keys := []string{}
	for _, role := range s.Standing.Roles {
		if !slices.Contains(keys, role.Key) {
			keys = append(keys, role.Key)
		}
	}
	return keys
}

// PermissionKeys are the permissions of the roles, each once.
func (s OpenIDSubject) PermissionKeys() []string {
	keys := []string{}
	for _, role := range s.Standing.Roles {
		for _, p := range role.Permissions {
			keys = append(keys, string(p))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// RefreshHashes are the hashes of the two parts of a refresh token: the one that
// stays with its family, and the one that changes with each use.
type RefreshHashes struct{ Handle, Secret []byte }

// SigningKey is a key that tokens are signed with.
type SigningKey struct {
	ID      string
	Private []byte // PKCS #8; nil for one that is only published
	Public  []byte // PKIX
}

// CodeExchange is what an application shows for its code.
type CodeExchange struct {
	Code          []byte // hash
	ApplicationID string
	RedirectURI   string
	Challenge     string        // of the verifier that was shown; empty: none
	Refresh       RefreshHashes // of the refresh token that the family begins with, where it has one
}

// ApplicationSignIn is an application that holds tokens of a user, who takes them
// away by signing out of it.
type ApplicationSignIn struct {
	ID       string // of the application
	Name     string
	Accounts []AccountRef // from which it was entered
	Since    time.Time    // of the oldest that runs
	SeenAt   time.Time    // when it was given tokens last
}
