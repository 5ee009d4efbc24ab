package views

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"steward/backoffice"
	"steward/views/ui"
)

// ClientSetup is what one common client needs to sign in with Steward, ready to be
// copied. A secret stands in it as secretPlace.
type ClientSetup struct {
	ID, Label string
	Note      string // what else it takes
	Text      string
}

// secretPlace stands where a client secret belongs: it is shown once, and not here.
const secretPlace = "<client secret>"

// Setups are those for the type of the application.
func (s ApplicationScene) Setups() []ClientSetup {
	f := s.setupFacts()
	switch s.Application.Kind {
	case backoffice.SinglePage:
		return []ClientSetup{f.browser(), f.env()}
	case backoffice.NativeApplication:
		return []ClientSetup{f.goNative(), f.node(), f.env()}
	case backoffice.Agent:
		return []ClientSetup{f.goAgent(), f.nodeAgent(), f.curl(), f.env()}
	}
	return []ClientSetup{f.goWeb(), f.node(), f.apache(), f.env()}
}

// setup is the chosen one; the first where none is.
func (s ApplicationScene) setup() ClientSetup {
	list := s.Setups()
	if at := slices.IndexFunc(list, func(v ClientSetup) bool { return v.ID == s.Client }); at >= 0 {
		return list[at]
	}
	return list[0]
}

func (s ApplicationScene) setupTabs() []ui.Tab {
	var tabs []ui.Tab
	for _, v := range s.Setups() {
		href := s.path("?client=" + v.ID)
		tabs = append(tabs, ui.Tab{Label: v.Label, Href: href + "#" + ApplicationSetupID, Current: v.ID == s.setup().ID, Attrs: ui.InSection(href, ApplicationSetupID)})
	}
	return tabs
}

// Endpoints are the addresses that a client is told, by their names.
func (s ApplicationScene) endpoints() []ui.Pair {
	list := []ui.Pair{{Name: "Issuer", Value: s.Issuer}, {Name: "Discovery", Value: s.Issuer + "/.well-known/openid-configuration"}}
	if s.Application.Kind != backoffice.Agent {
		list = append(list, ui.Pair{Name: "Authorization", Value: s.Issuer + "/oauth/authorize"})
	}
	list = append(list, ui.Pair{Name: "Token", Value: s.Issuer + "/oauth/token"})
	if s.Application.Kind != backoffice.Agent {
		list = append(list, ui.Pair{Name: "User info", Value: s.Issuer + "/oauth/userinfo"}, ui.Pair{Name: "Sign-out", Value: s.Issuer + "/oauth/logout"})
	}
	list = append(list, ui.Pair{Name: "Keys", Value: s.Issuer + "/oauth/keys"})
	return list
}

// setupFacts are the values that the texts of clients are filled with.
type setupFacts struct {
	issuer, id, redirect, logout string
	secret                       bool
}

func (s ApplicationScene) setupFacts() setupFacts {
	f := setupFacts{issuer: s.Issuer, id: s.Application.ID, secret: s.Application.Kind.Confidential(), redirect: "https://app.example.com/callback"}
	if list := s.Application.RedirectURIs; len(list) > 0 {
		f.redirect = list[0]
	}
	if list := s.Application.LogoutURIs; len(list) > 0 {
		f.logout = list[0]
	}
	return f
}

// fill puts the values in place of their names, quoted where "" stands around them.
func (f setupFacts) fill(text string) string {
	return strings.TrimSpace(strings.NewReplacer(
		`"«issuer»"`, strconv.Quote(f.issuer), `"«id»"`, strconv.Quote(f.id), `"«redirect»"`, strconv.Quote(f.redirect),
		"«issuer»", f.issuer, "«id»", f.id, "«redirect»", f.redirect, "«secret»", secretPlace, "«path»", f.path()).Replace(text))
}

// path is the path of the redirect URI, for a server that has to answer it.
func (f setupFacts) path() string {
	if u, err := url.Parse(f.redirect); err == nil && u.Path != "" {
		return u.EscapedPath()
	}
	return "/"
}

func (f setupFacts) goWeb() ClientSetup {
	return ClientSetup{ID: "go", Label: "Go", Note: "golang.org/x/oauth2 with github.com/coreos/go-oidc/v3", Text: f.fill(`
provider, err := oidc.NewProvider(ctx, "«issuer»")
if err != nil {
	return err
}
config := oauth2.Config{
	ClientID:     "«id»",
	ClientSecret: os.Getenv("OIDC_CLIENT_SECRET"),
	RedirectURL:  "«redirect»",
	Endpoint:     provider.Endpoint(),
	Scopes:       []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
}

// To sign in: keep state and verifier in the session, then redirect.
state, verifier := rand.Text(), oauth2.GenerateVerifier()
http.Redirect(w, r, config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), http.StatusFound)

// At «path»: compare the state, then exchange the code.
token, err := config.Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(verifier))
if err != nil {
	return err
}
raw, _ := token.Extra("id_token").(string)
idToken, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(ctx, raw)
if err != nil {
	return err
}
var user struct {
	Email    string   ` + "`json:\"email\"`" + `
	TenantID string   ` + "`json:\"tenantId\"`" + `
	Roles    []string ` + "`json:\"roles\"`" + `
}
err = idToken.Claims(&user)`)}
}

func (f setupFacts) goNative() ClientSetup {
	return ClientSetup{ID: "go", Label: "Go", Note: "golang.org/x/oauth2 with github.com/coreos/go-oidc/v3. On a loopback address any free port will do.", Text: f.fill(`
provider, err := oidc.NewProvider(ctx, "«issuer»")
if err != nil {
	return err
}
config := oauth2.Config{
	ClientID:    "«id»", // no secret: PKCE protects the code
	RedirectURL: "«redirect»",
	Endpoint:    provider.Endpoint(),
	Scopes:      []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
}
state, verifier := rand.Text(), oauth2.GenerateVerifier()
openBrowser(config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)))

// When the browser comes back: compare the state, then exchange the code.
token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))`)}
}

// discovery is the line by which openid-client learns all it needs. It asks
// nothing without TLS, as on the machine of who tries it, unless it is told to.
func (f setupFacts) discovery() string {
	client := []string{`new URL("«issuer»")`, `"«id»"`}
	insecure := strings.HasPrefix(f.issuer, "http:")
	switch {
	case !f.secret:
		client = append(client, "undefined", "client.None()")
	case insecure:
		client = append(client, "process.env.OIDC_CLIENT_SECRET", "undefined")
	default:
		client = append(client, "process.env.OIDC_CLIENT_SECRET")
	}
	if insecure {
		client = append(client, "{ execute: [client.allowInsecureRequests] }")
	}
	return "const config = await client.discovery(" + strings.Join(client, ", ") + ");"
}

func (f setupFacts) node() ClientSetup {
	return ClientSetup{ID: "node", Label: "Node", Note: "npm openid-client 6", Text: f.fill(`
import * as client from "openid-client";

` + f.discovery() + `

// To sign in: keep verifier and state in the session, then redirect.
const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const to = client.buildAuthorizationUrl(config, {
  redirect_uri: "«redirect»",
  scope: "openid profile email offline_access",
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
});

// At «path»: current is the whole address that the browser came back to.
const tokens = await client.authorizationCodeGrant(config, current, {
  pkceCodeVerifier: verifier,
  expectedState: state,
});
const { sub, email, tenantId, roles } = tokens.claims();`)}
}

func (f setupFacts) browser() ClientSetup {
	v := f.node()
	v.ID, v.Label, v.Note = "browser", "JavaScript", "npm openid-client 6, which runs in browsers as well. PKCE takes the place of a secret."
	v.Text = strings.Replace(v.Text, "keep verifier and state in the session, then redirect.", "keep verifier and state in sessionStorage, then location.assign(to).", 1)
	v.Text = strings.Replace(v.Text, "current is the whole address that the browser came back to.", "current is new URL(location.href).", 1)
	return v
}

func (f setupFacts) apache() ClientSetup {
	return ClientSetup{ID: "apache", Label: "Apache", Note: "mod_auth_openidc. The redirect URI is an address inside of what is protected that nothing else answers.", Text: f.fill(`
OIDCProviderMetadataURL «issuer»/.well-known/openid-configuration
OIDCClientID            «id»
OIDCClientSecret        "«secret»"
OIDCRedirectURI         «redirect»
OIDCScope               "openid profile email"
OIDCPKCEMethod          S256
OIDCRemoteUserClaim     email
OIDCCryptoPassphrase    "<a long random text of your own>"

<Location />
    AuthType openid-connect
    Require  valid-user
</Location>`)}
}

func (f setupFacts) env() ClientSetup {
	text := `
OIDC_ISSUER=«issuer»
OIDC_DISCOVERY_URL=«issuer»/.well-known/openid-configuration
OIDC_CLIENT_ID=«id»
`
	if f.secret {
		text += "OIDC_CLIENT_SECRET=«secret»\n"
	}
	text += "OIDC_REDIRECT_URI=«redirect»\n"
	if f.logout != "" {
		text += "OIDC_POST_LOGOUT_REDIRECT_URI=" + f.logout + "\n"
	}
	text += "OIDC_SCOPES=\"openid profile email offline_access\""
	return ClientSetup{ID: "env", Label: ".env", Note: "For clients that are set up by environment variables.", Text: f.fill(text)}
}

func (f setupFacts) goAgent() ClientSetup {
	return ClientSetup{ID: "go", Label: "Go", Note: "golang.org/x/oauth2/clientcredentials", Text: f.fill(`
config := clientcredentials.Config{
	ClientID:     "«id»",
	ClientSecret: os.Getenv("OIDC_CLIENT_SECRET"),
	TokenURL:     "«issuer»/oauth/token",
}
// It gets a token, and another one when that has ended.
res, err := config.Client(ctx).Get("https://api.example.com/")`)}
}

func (f setupFacts) nodeAgent() ClientSetup {
	return ClientSetup{ID: "node", Label: "Node", Note: "npm openid-client 6", Text: f.fill(`
import * as client from "openid-client";

` + f.discovery() + `
const { access_token, expires_in } = await client.clientCredentialsGrant(config);`)}
}

func (f setupFacts) curl() ClientSetup {
	return ClientSetup{ID: "curl", Label: "curl", Note: "Client credentials, to try them.", Text: f.fill(`
curl --user "«id»:$OIDC_CLIENT_SECRET" \
  --data grant_type=client_credentials \
  «issuer»/oauth/token`)}
}
