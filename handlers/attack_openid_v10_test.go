package handlers_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
	"steward/federation"
)

// claimsIn reads what a token says, without looking at who signed it.
func claimsIn(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", token)
	}
	var c map[string]any
	if b, err := base64.RawURLEncoding.DecodeString(parts[1]); err != nil || json.Unmarshal(b, &c) != nil {
		t.Fatalf("%q is no token", token)
	}
	return c
}

// discovery is what the provider says that it does.
func (w *site) discovery() (d map[string]any) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.raw(raw{method: "GET", path: federation.DiscoveryPath}).Body), &d); err != nil {
		w.t.Fatal(err)
	}
	return d
}

func listOf(v any) (out []string) {
	list, _ := v.([]any)
	for _, x := range list {
		out = append(out, fmt.Sprint(x))
	}
	return out
}

// TestASVSV10 goes through chapter V10 of OWASP ASVS 5.0 by number: what falls on an
// authorization server, an OpenID provider, and a resource server for its own two
// resources. Attacks that have a test of their own are run by it, and what is said
// beside a number here is what else it takes.
func TestASVSV10(t *testing.T) {
	w := peopleGate(t)
	of := func(name string, test func(t *testing.T, w *site)) {
		t.Run(name, func(t *testing.T) {
			part := *w
			part.t = t
			test(t, &part)
		})
	}

	of("10.1.1 tokens go to who needs them", func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		b := w.userIn("uma@nord.example", "nord").still()
		// The browser carries a code, and no token: neither on the way nor in a cookie.
		p := b.get(b.get(v.begin()).Header.Get("Location"))
		to := must(url.Parse(p.Header.Get("Location")))
		for name := range to.Query() {
			if !slices.Contains([]string{"code", "state", "iss"}, name) {
				t.Errorf("the browser carries %s", name)
			}
		}
		if to.Fragment != "" || to.Query().Get("code") == "" {
			t.Errorf("the way back: %s", to)
		}
		token, err := v.exchange(to.Query().Get("code"))
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range b.client.Jar.Cookies(must(url.Parse(w.url))) {
			if strings.Contains(k.Value, token.AccessToken) || strings.Contains(k.Value, token.RefreshToken) {
				t.Errorf("the cookie %s holds a token", k.Name)
			}
		}
		// A refresh token is for us alone: nobody else is told anything by it.
		if _, err := v.userinfo(token.RefreshToken); err == nil || v.active(token.RefreshToken) {
			t.Error("a refresh token is taken for an access token")
		}
		if got := w.raw(raw{method: "GET", path: "/oauth/token?grant_type=refresh_token&refresh_token=" + token.RefreshToken}); got.Status < 400 {
			t.Errorf("tokens by an address: %d", got.Status)
		}
		// Answers with tokens are not kept by anybody on the way.
		got := w.raw(raw{method: "POST", path: "/oauth/token", body: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}, "client_id": {v.app.ID}, "client_secret": {v.secret}}.Encode()})
		if got.Status != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d, kept: %q", got.Status, got.Header.Get("Cache-Control"))
		}
	})

	of("10.3.1 audience", func(t *testing.T, w *site) {
		v, api := w.application(backoffice.SinglePage), w.application(backoffice.WebApplication)
		_, token := v.newTokens()
		c := claimsIn(t, token.AccessToken)
		if !slices.Equal(listOf(c["aud"]), []string{v.app.ID, w.url}) || c["client_id"] != v.app.ID {
			t.Errorf("the access token is for %v, of %v", c["aud"], c["client_id"])
		}
		// An ID token is for the application, and opens nothing here.
		id, _ := token.Extra("id_token").(string)
		if _, err := v.userinfo(id); err == nil {
			t.Error("userinfo by an ID token")
		}
		// Another application of the vendor's, such as an API, is told whom a token is
		// for and what it may decide by; nothing personal (RFC 7662, section 5).
		status, answer := api.ask("/oauth/introspect", url.Values{"token": {token.AccessToken}})
		if status != http.StatusOK || answer["active"] != true || answer["client_id"] != v.app.ID || answer["iss"] != w.url || answer["tenantId"] != "nord" ||
			!slices.Contains(listOf(answer["aud"]), v.app.ID) || answer["sub"] != c["sub"] || len(listOf(answer["permissions"])) == 0 {
			t.Errorf("%d %v", status, answer)
		}
		for _, name := range []string{"email", "email_verified", "name", "metadata", "tenantIds", "sid"} {
			if _, told := answer[name]; told {
				t.Errorf("another application is told %s", name)
			}
		}
		// The token's own application is told all of it.
		web := w.application(backoffice.WebApplication)
		_, own := web.newTokens()
		if _, answer := web.ask("/oauth/introspect", url.Values{"token": {own.AccessToken}}); answer["email"] != "uma@nord.example" || answer["sid"] == nil {
			t.Errorf("its own: %v", answer)
		}
		// Nobody else asks at all: neither an application without a secret, nor a closed one.
		if status, answer := v.ask("/oauth/introspect", url.Values{"token": {token.AccessToken}}); status < 400 || answer["active"] != nil {
			t.Errorf("without a secret: %d %v", status, answer)
		}
		if err := w.store.SetApplicationActive(ctx, backoffice.CommandLine(), api.app.ID, false); err != nil {
			t.Fatal(err)
		}
		if status, _ := api.ask("/oauth/introspect", url.Values{"token": {token.AccessToken}}); status != http.StatusUnauthorized {
			t.Errorf("a closed application: %d", status)
		}
	})

	of("10.3.2 decisions by what was delegated", func(t *testing.T, w *site) {
		// The token of an agent speaks of no user.
		agent := w.application(backoffice.Agent)
		_, answer := agent.ask("/oauth/token", url.Values{"grant_type": {"client_credentials"}})
		token, _ := answer["access_token"].(string)
		if _, err := agent.userinfo(token); token == "" || err == nil {
			t.Errorf("userinfo by the token of an agent: %v", err)
		}
		if _, answer := agent.ask("/oauth/introspect", url.Values{"token": {token}}); answer["type"] != "agentToken" || answer["email"] != nil || answer["sub"] != agent.app.ID {
			t.Errorf("its introspection: %v", answer)
		}
	})

	of("10.3.3 the user by sub", func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		_, token := v.newTokens()
		uma := must(w.store.FindUser(ctx, "uma@nord.example"))
		c := claimsIn(t, token.AccessToken)
		if c["sub"] != uma.ID || c["iss"] != w.url || strings.Contains(fmt.Sprint(c["sub"]), "@") {
			t.Errorf("the user is %v of %v", c["sub"], c["iss"])
		}
		if info, err := v.userinfo(token.AccessToken); err != nil || info.Subject != uma.ID {
			t.Errorf("userinfo: %v, %v", info.Subject, err)
		}
	})

	of("10.3.4 strength and recentness", func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		b := w.userIn("uma@nord.example", "nord")
		signedIn := w.clock.Now().Unix()
		w.clock.Add(3 * time.Minute)
		token, c := v.tokens(b.get(v.begin()))
		if c.AuthTime != signedIn || !slices.Equal(c.AMR, []string{"pwd"}) || claimsIn(t, token.AccessToken)["auth_time"] != float64(signedIn) {
			t.Errorf("signed in at %d by %v, want %d", c.AuthTime, c.AMR, signedIn)
		}
		if q := v.returned(b.get(v.begin(with("max_age", "60"), with("prompt", "none")))); q.Get("error") != "login_required" {
			t.Errorf("older than it may be: %v", q)
		}
	})

	t.Run("10.4.1 exact redirect", TestAttack_T53_WrongRedirect)
	t.Run("10.4.2 a code is good once", TestAttack_T74_CodeReplay)
	t.Run("10.4.2 of many at once", TestAttack_T74_CodeAndRefreshRaces)

	of("10.4.3 a code lives a minute", func(t *testing.T, w *site) {
		if backoffice.OpenIDCodeLife > time.Minute {
			t.Errorf("a code lives %v", backoffice.OpenIDCodeLife)
		}
		v := w.application(backoffice.WebApplication)
		b := w.userIn("uma@nord.example", "nord")
		for late, good := range map[time.Duration]bool{59 * time.Second: true, time.Minute: false} {
			code := v.returned(b.get(v.begin())).Get("code")
			w.clock.Add(late)
			if _, err := v.exchange(code); (err == nil) != good {
				t.Errorf("after %v: %v", late, err)
			}
		}
	})

	of("10.4.4 the grants that it needs", func(t *testing.T, w *site) {
		if got := listOf(w.discovery()["grant_types_supported"]); !slices.Equal(got, []string{"authorization_code", "refresh_token", "client_credentials"}) {
			t.Errorf("discovery: %v", got)
		}
		for _, kind := range backoffice.ApplicationKinds() {
			v := w.application(kind)
			for _, grant := range []string{"client_credentials", "password", "implicit", "urn:ietf:params:oauth:grant-type:device_code", "urn:openid:params:grant-type:ciba",
				"urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer", ""} {
				status, answer := v.ask("/oauth/token", url.Values{"grant_type": {grant}, "username": {"uma@nord.example"}, "password": {userPassphrase}})
				if want := kind == backoffice.Agent && grant == "client_credentials"; (status == http.StatusOK) != want || (answer["access_token"] != nil) != want {
					t.Errorf("%s, %q: %d %v", kind, grant, status, answer)
				}
			}
		}
		v := w.application(backoffice.WebApplication)
		b := w.userIn("uma@nord.example", "nord")
		for _, kind := range []string{"token", "id_token", "code token", "id_token token", "code id_token"} {
			q := v.returned(b.get(strings.Replace(v.begin(), "response_type=code", "response_type="+url.QueryEscape(kind), 1)))
			if q.Get("error") != "unsupported_response_type" || q.Get("access_token") != "" {
				t.Errorf("%s: %v", kind, q)
			}
		}
		// A refresh token is for who asked for it.
		v.oauth.Scopes = []string{"openid"}
		if token, _ := v.tokens(b.get(v.begin())); token.RefreshToken != "" {
			t.Error("a refresh token without offline_access")
		}
	})

	t.Run("10.4.5 refresh tokens change with each use", TestAttack_T74_StolenRefreshToken)
	t.Run("10.4.6 PKCE", TestAttack_T74_DowngradedPKCE)

	of("10.4.6 PKCE without a secret", func(t *testing.T, w *site) {
		for _, kind := range []backoffice.ApplicationKind{backoffice.SinglePage, backoffice.NativeApplication} {
			v := w.application(kind)
			if q := v.returned(w.userIn("uma@nord.example", "nord").get(v.oauth.AuthCodeURL("state-1"))); q.Get("error") != "invalid_request" {
				t.Errorf("%s without a challenge: %v", kind, q)
			}
		}
		if got := listOf(w.discovery()["code_challenge_methods_supported"]); !slices.Equal(got, []string{"S256"}) {
			t.Errorf("discovery: %v", got)
		}
	})

	of("10.4.7 nobody registers an application", func(t *testing.T, w *site) {
		if d := w.discovery(); d["registration_endpoint"] != nil {
			t.Errorf("discovery: %v", d["registration_endpoint"])
		}
		for _, path := range []string{"/oauth/register", "/register", "/connect/register"} {
			got := w.raw(raw{method: "POST", path: path, body: `{"redirect_uris":["https://evil.example/"]}`, header: map[string]string{"Content-Type": "application/json"}})
			if got.Status < 400 || strings.Contains(got.Body, "client_id") {
				t.Errorf("%s: %d", path, got.Status)
			}
		}
	})

	of("10.4.8 an absolute end", func(t *testing.T, w *site) {
		// However often a token is used.
		v := w.application(backoffice.WebApplication)
		_, token := v.newTokens()
		begun, err := w.clock.Now(), error(nil)
		for err == nil && w.clock.Now().Sub(begun) <= backoffice.RefreshLife {
			w.clock.Add(11 * time.Hour)
			token, err = v.refresh(token.RefreshToken)
		}
		if lived := w.clock.Now().Sub(begun); !isError(err, "invalid_grant") || lived > backoffice.RefreshLife {
			t.Errorf("it lives for %v: %v", lived, err)
		}
		// Under a policy that knows no end, too.
		family := backoffice.OpenIDFamily{CreatedAt: begun, Session: backoffice.UserSession{CreatedAt: begun, SeenAt: begun.Add(backoffice.RefreshLife - time.Minute)}}
		in := backoffice.SignedInUser{Policy: backoffice.Policy{IdleMinutes: 1 << 30, AbsoluteMinutes: 1 << 30}}
		if family.Runs(in, begun.Add(backoffice.RefreshLife-time.Second)) == family.Runs(in, begun.Add(backoffice.RefreshLife)) {
			t.Error("it does not end with RefreshLife")
		}
	})

	t.Run("10.4.9 users and staff take tokens away", TestSigningOutOfAnApplication)
	t.Run("10.4.9 whatever ends, tokens end with it", TestAttack_T13_TokensAfterRevoking)

	of("10.4.10 secrets behind the back", func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		other := w.application(backoffice.Agent)
		_, token := v.newTokens()
		forms := map[string]url.Values{
			"/oauth/token":      {"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}},
			"/oauth/revoke":     {"token": {token.RefreshToken}},
			"/oauth/introspect": {"token": {token.AccessToken}},
		}
		for path, form := range forms {
			for what, credentials := range map[string]url.Values{
				"none": {}, "an ID alone": {"client_id": {v.app.ID}}, "a wrong one": {"client_id": {v.app.ID}, "client_secret": {v.secret + "A"}},
				"an empty one": {"client_id": {v.app.ID}, "client_secret": {""}}, "another's": {"client_id": {v.app.ID}, "client_secret": {other.secret}},
				"an unknown ID": {"client_id": {"nobody"}, "client_secret": {v.secret}},
				"an assertion":  {"client_id": {v.app.ID}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {"eyJhbGciOiJub25lIn0.e30."}},
			} {
				body := url.Values{}
				for _, values := range []url.Values{form, credentials} {
					for name, v := range values {
						body[name] = v
					}
				}
				if got := w.raw(raw{method: "POST", path: path, body: body.Encode()}); got.Status != http.StatusUnauthorized && got.Status != http.StatusBadRequest {
					t.Errorf("%s, %s: %d %s", path, what, got.Status, got.Body)
				}
			}
		}
		if !v.active(token.AccessToken) {
			t.Error("one of them got through")
		}
		if _, err := v.refresh(token.RefreshToken); err != nil {
			t.Errorf("one of them used it up: %v", err)
		}
	})

	of("10.4.11 the scopes that there are", func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		v.oauth.Scopes = append(v.oauth.Scopes, "admin", "accounts:write", "*", "phone")
		_, token := v.newTokens()
		scopes := strings.Fields(fmt.Sprint(claimsIn(t, token.AccessToken)["scope"]))
		slices.Sort(scopes)
		if !slices.Equal(scopes, []string{"email", "offline_access", "openid", "profile"}) {
			t.Errorf("scopes: %v", scopes)
		}
		// None of them opens the API or a page: those know other credentials.
		for _, path := range []string{"/api/v1/accounts", "/backoffice/accounts", "/portal"} {
			if got := w.raw(raw{method: "GET", path: path, header: map[string]string{"Authorization": "Bearer " + token.AccessToken}}); got.Status == http.StatusOK {
				t.Errorf("%s by an access token", path)
			}
		}
	})

	of("10.4.12 response mode query", func(t *testing.T, w *site) {
		if got := listOf(w.discovery()["response_modes_supported"]); !slices.Equal(got, []string{"query"}) {
			t.Errorf("discovery: %v", got)
		}
		for _, kind := range backoffice.ApplicationKinds() {
			v := w.application(kind)
			b := w.userIn("uma@nord.example", "nord")
			for _, mode := range []string{"fragment", "form_post", "web_message", "jwt", "query.jwt", "Query"} {
				p := b.get(v.begin(with("response_mode", mode)))
				if q := v.returned(p); q.Get("error") != "invalid_request" || q.Get("code") != "" || p.URL.Fragment != "" {
					t.Errorf("%s, %s: %v", kind, mode, q)
				}
			}
		}
		v := w.application(backoffice.WebApplication)
		if q := v.returned(w.userIn("uma@nord.example", "nord").get(v.begin(with("response_mode", "query")))); q.Get("code") == "" {
			t.Errorf("query: %v", q)
		}
	})

	// Of level 3, and not there: the discovery claims none of it, and what is sent is
	// refused or changes nothing. The README says so.
	of("10.4.13-10.4.16 and 10.3.5 are not claimed", func(t *testing.T, w *site) {
		d := w.discovery()
		for _, name := range []string{"pushed_authorization_request_endpoint", "require_pushed_authorization_requests", "dpop_signing_alg_values_supported",
			"tls_client_certificate_bound_access_tokens", "mtls_endpoint_aliases", "authorization_details_types_supported", "token_endpoint_auth_signing_alg_values_supported",
			"backchannel_authentication_endpoint", "device_authorization_endpoint", "registration_endpoint"} {
			if v, claimed := d[name]; claimed && v != false && v != nil {
				t.Errorf("%s: %v", name, v)
			}
		}
		for _, name := range []string{"token_endpoint_auth_methods_supported", "revocation_endpoint_auth_methods_supported", "introspection_endpoint_auth_methods_supported"} {
			for _, method := range listOf(d[name]) {
				if !slices.Contains([]string{"client_secret_basic", "client_secret_post", "none"}, method) || method == "none" && strings.HasPrefix(name, "introspection") {
					t.Errorf("%s: %s", name, method)
				}
			}
		}
		v := w.application(backoffice.WebApplication)
		b := w.userIn("uma@nord.example", "nord")
		if q := v.returned(b.get(v.begin(with("request_uri", "urn:ietf:params:oauth:request_uri:x")))); q.Get("error") != "request_uri_not_supported" {
			t.Errorf("a pushed request: %v", q)
		}
		// Details of an authorization, which a user could have changed, grant nothing.
		token, _ := v.tokens(b.get(v.begin(with("authorization_details", `[{"type":"admin"}]`))))
		if c := claimsIn(t, token.AccessToken); c["authorization_details"] != nil || c["cnf"] != nil {
			t.Errorf("%v", c)
		}
	})

	t.Run("10.6.1 code alone", TestAttack_T74_ResponseAndPromptAbuse)
	t.Run("10.6.2 nobody is signed out by a link", TestAttack_T53_LogoutRedirect)

	of("10.6.2 an old ID token", func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		b, token := v.newTokens()
		id, _ := token.Extra("id_token").(string)
		out := func(b *browser) *shown {
			return b.get("/oauth/logout?" + url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {v.logout}, "state": {"s"}}.Encode())
		}
		rotate := func(after time.Duration) {
			t.Helper()
			w.clock.Add(after)
			if err := w.store.RotateSigningKeys(ctx, federation.MakeSigningKey); err != nil {
				t.Fatal(err)
			}
		}
		rotate(backoffice.SigningKeyLife - backoffice.SigningKeyNotice)
		w.clock.Add(backoffice.SigningKeyNotice)
		rotate(backoffice.SigningKeyAfter + time.Hour)
		kid := func() string {
			head, _, _ := strings.Cut(id, ".")
			var h struct {
				Kid string `json:"kid"`
			}
			b, _ := base64.RawURLEncoding.DecodeString(head)
			_ = json.Unmarshal(b, &h)
			return h.Kid
		}()
		if strings.Contains(w.raw(raw{method: "GET", path: federation.KeysPath}).Body, kid) {
			t.Fatal("its key is still published")
		}
		// Nothing is good by its key any more, and it still says whom it was about.
		if v.active(token.AccessToken) {
			t.Error("an access token of a key that is gone")
		}
		if p := out(b); p.URL.String() != v.logout+"?state=s" {
			t.Errorf("with an ID token of a retired key: %s %s", p.URL, p.text("main"))
		}
		in := w.userIn("uma@nord.example", "nord")
		if p := out(in); p.Find("#sign-out-form").Length() != 1 {
			t.Errorf("it signs another sign-in out: %s", p.URL)
		}
		// After a year it says nothing: the user is asked, and stays here.
		rotate(backoffice.SigningKeyKnown)
		in = w.userIn("uma@nord.example", "nord")
		p := out(in)
		if p.Status != http.StatusOK || p.Find("#sign-out-form").Length() != 1 {
			t.Fatalf("with an ID token of a key that is forgotten: %d %s", p.Status, p.text("main"))
		}
		if p = p.submit("#sign-out-form", nil); p.Status != http.StatusOK || !strings.Contains(p.text("h1"), "signed out") || in.get("/portal").URL.Path != "/sign-in" {
			t.Errorf("confirmed: %s", p.URL)
		}
	})

	// Consent: all applications are the vendor's own, added by its staff, and the
	// account's admins say who has them. A sign-in shows nobody anything that the vendor
	// does not have already, so that web and single-page applications, whose addresses
	// prove who they are, do not ask. A program on a user's machine, which another could
	// stand for, always does.
	t.Run("10.7.1 a program that cannot be told from another asks", TestAttack_T74_NativeWithoutAsking)

	of("10.7.1 applications are the vendor's own", func(t *testing.T, w *site) {
		for _, e := range w.probe.Table() {
			if e.Method == http.MethodPost && strings.HasPrefix(e.Path, "/backoffice/applications") && e.Permission != backoffice.WriteAllApplications {
				t.Errorf("%s takes %q", e.Path, e.Permission)
			}
			if e.Method == http.MethodPost && e.Portal && (strings.HasSuffix(e.Path, "/applications") || strings.HasSuffix(e.Path, "/applications/:application")) {
				t.Errorf("%s: customers add or change applications", e.Path)
			}
		}
	})

	of("10.7.2 it says who asks and from where", func(t *testing.T, w *site) {
		v := w.applicationOf(backoffice.Application{Name: "Desktop Ledger", Kind: backoffice.NativeApplication, Active: true, AutoAssigned: true})
		b := w.userIn("uma@nord.example", "nord")
		w.clock.Add(time.Second)
		p := b.get(v.begin())
		for _, want := range []string{"Desktop Ledger", "uma@nord.example", "Nord AG"} {
			if p.URL.Path != "/sign-in/application" || !strings.Contains(p.text("main"), want) {
				t.Errorf("%s does not stand on %s: %s", want, p.URL, p.text("main"))
			}
		}
	})

	t.Run("10.7.3 what was given is seen and taken back", TestSigningOutOfAnApplication)
}
