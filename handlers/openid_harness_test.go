package handlers_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"steward/auth"
	"steward/backoffice"
)

// relying is an application that signs its users in by Steward, as its author
// would write it with libraries that nobody here wrote.
type relying struct {
	w        *site
	app      backoffice.Application
	secret   string
	provider *oidc.Provider
	oauth    oauth2.Config
	logout   string // where it wants to be returned to after signing out
	verifier string // of the sign-in under way
}

// application adds one that every user has, and serves where its sign-in returns to.
func (w *site) application(kind backoffice.ApplicationKind) *relying {
	w.t.Helper()
	list, err := w.store.Applications(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.applicationOf(backoffice.Application{Name: fmt.Sprintf("Ledger %d", len(list)+1), Kind: kind, Active: true, AutoAssigned: true})
}

func (w *site) applicationOf(a backoffice.Application) *relying {
	w.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		io.WriteString(rw, "<h1>The application</h1>")
	}))
	w.t.Cleanup(server.Close)
	v := &relying{w: w, logout: server.URL + "/goodbye"}
	a.RedirectURIs, a.LogoutURIs = append(a.RedirectURIs, server.URL+"/callback"), []string{v.logout}
	var hash []byte
	if a.Kind.Confidential() {
		v.secret, hash = auth.ClientSecret.New()
	}
	var err error
	if v.app, err = w.store.CreateApplication(ctx, backoffice.CommandLine(), a, hash); err != nil {
		w.t.Fatal(err)
	}
	if v.provider, err = oidc.NewProvider(ctx, w.url); err != nil {
		w.t.Fatal(err)
	}
	v.oauth = oauth2.Config{ClientID: v.app.ID, ClientSecret: v.secret, Endpoint: v.provider.Endpoint(), RedirectURL: server.URL + "/callback",
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess}}
	return v
}

// begin is the address that a sign-in begins at.
func (v *relying) begin(options ...oauth2.AuthCodeOption) string {
	v.verifier = oauth2.GenerateVerifier()
	return v.oauth.AuthCodeURL("state-1", append([]oauth2.AuthCodeOption{oauth2.S256ChallengeOption(v.verifier), oidc.Nonce("nonce-1")}, options...)...)
}

// with is a parameter of the request.
func with(name, value string) oauth2.AuthCodeOption { return oauth2.SetAuthURLParam(name, value) }

// returned is what the application was told where the browser arrived.
func (v *relying) returned(p *shown) url.Values {
	v.w.t.Helper()
	if !strings.HasPrefix(p.URL.String(), v.oauth.RedirectURL) {
		v.w.t.Fatalf("the sign-in ended at %s: %s", p.URL, p.text("body"))
	}
	q := p.URL.Query()
	if q.Get("iss") != v.w.url || q.Get("state") != "state-1" {
		v.w.t.Errorf("the answer is of %q and for %q", q.Get("iss"), q.Get("state"))
	}
	return q
}

// exchange gives the code for tokens.
func (v *relying) exchange(code string) (*oauth2.Token, error) {
	return v.oauth.Exchange(ctx, code, oauth2.VerifierOption(v.verifier))
}

// tokens ends a sign-in that arrived, and looks at the ID token as the library does.
func (v *relying) tokens(p *shown) (*oauth2.Token, claims) {
	v.w.t.Helper()
	q := v.returned(p)
	if q.Get("code") == "" {
		v.w.t.Fatalf("no code: %v", q)
	}
	token, err := v.exchange(q.Get("code"))
	if err != nil {
		v.w.t.Fatal(err)
	}
	return token, v.idToken(token)
}

// claims are those of product.md, section 12.
type claims struct {
	Subject       string          `json:"sub"`
	Email         string          `json:"email"`
	Verified      bool            `json:"email_verified"`
	Name          string          `json:"name"`
	Account       string          `json:"tenantId"`
	Accounts      []string        `json:"tenantIds"`
	Roles         []string        `json:"roles"`
	Permissions   []string        `json:"permissions"`
	Metadata      json.RawMessage `json:"metadata"`
	ApplicationID string          `json:"applicationId"`
	SignIn        string          `json:"sid"`
	Type          string          `json:"type"`
	AuthTime      int64           `json:"auth_time"`
	Nonce         string          `json:"nonce"`
	AMR           []string        `json:"amr"`
}

func (v *relying) idToken(token *oauth2.Token) (c claims) {
	v.w.t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := v.provider.Verifier(&oidc.Config{ClientID: v.app.ID, Now: v.w.clock.Now}).Verify(ctx, raw)
	if err != nil {
		v.w.t.Fatal(err)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		v.w.t.Error(err)
	}
	if err := id.Claims(&c); err != nil {
		v.w.t.Fatal(err)
	}
	return c
}

// userinfo asks who the user is now.
func (v *relying) userinfo(access string) (c claims, err error) {
	info, err := v.provider.UserInfo(ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: access}))
	if err == nil {
		err = info.Claims(&c)
	}
	return c, err
}

// refresh uses a refresh token.
func (v *relying) refresh(token string) (*oauth2.Token, error) {
	return v.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: token}).Token()
}

// ask posts a form of a machine to a path, with the secret where the application
// has one.
func (v *relying) ask(path string, form url.Values) (status int, answer map[string]any) {
	v.w.t.Helper()
	if v.secret == "" {
		form.Set("client_id", v.app.ID)
	}
	req, err := http.NewRequest(http.MethodPost, v.w.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if v.secret != "" {
		req.SetBasicAuth(v.app.ID, v.secret)
	}
	res, err := rawClient.Do(req)
	if err != nil {
		v.w.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil && err != io.EOF {
		v.w.t.Fatalf("%s: %v", path, err)
	}
	return res.StatusCode, answer
}

// active asks the introspection whether a token is good; by an application with a
// secret.
func (v *relying) active(token string) bool {
	v.w.t.Helper()
	status, answer := v.ask("/oauth/introspect", url.Values{"token": {token}})
	if status != http.StatusOK {
		v.w.t.Fatalf("introspection: %d %v", status, answer)
	}
	on, _ := answer["active"].(bool)
	return on
}

// isError reports whether an answer of a token endpoint is that error.
func isError(err error, code string) bool {
	var e *oauth2.RetrieveError
	return asError(err, &e) && e.ErrorCode == code
}

func eachKind(t *testing.T, test func(t *testing.T, w *site, v *relying)) {
	eachPeople(t, func(t *testing.T, w *site) {
		for _, kind := range []backoffice.ApplicationKind{backoffice.WebApplication, backoffice.SinglePage} {
			t.Run(string(kind), func(t *testing.T) {
				of := *w
				of.t = t
				test(t, &of, of.application(kind))
			})
		}
	})
}
