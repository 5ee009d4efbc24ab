package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"steward/auth"
	"steward/backoffice"
)

// What is no text, or longer than anybody means, is the application's mistake on
// both engines, and no fault of ours.
func TestAttack_T74_OddTexts(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		b := w.browser().still()
		for _, name := range []string{"state", "nonce", "login_hint", "account_id"} {
			for _, value := range []string{"\x00", "a\x00b", "\xff", strings.Repeat("x", 3000)} {
				p := b.get(v.begin(with(name, value)))
				if to, err := url.Parse(p.Header.Get("Location")); p.Status != http.StatusSeeOther || err != nil || to.Query().Get("error") != "invalid_request" {
					t.Errorf("%s=%.10q: %d %s", name, value, p.Status, p.Header.Get("Location"))
				}
			}
		}
		for _, name := range []string{"client_id", "redirect_uri", "scope", "prompt", "code_challenge", "id_token_hint", "max_age"} {
			if p := b.get(v.begin(with(name, "a\x00\xff"))); p.Status >= 500 {
				t.Errorf("%s: %d", name, p.Status)
			}
		}
		// The way back of a sign-in of ours is no better.
		p := w.browser().get("/sign-in?next="+url.QueryEscape("/portal\x00")).submit("#address-form", url.Values{"email": {"uma@nord.example"}}).
			submit("#password-form", url.Values{"password": {userPassphrase}})
		if p.Status >= 500 || !strings.HasPrefix(p.URL.Path, "/portal") {
			t.Errorf("next with a NUL: %d %s", p.Status, p.URL)
		}
	})
}

// A browser that has begun a sign-in keeps the next one for its whole time, too.
func TestRequestsLiveAsLongAsTheirBrowserKnowsThem(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		b := w.browser().still()
		b.get(v.begin())
		w.clock.Add(backoffice.OpenIDRequestLife - time.Minute)
		p := b.get(v.begin())
		kept := false
		for _, k := range (&http.Response{Header: p.Header}).Cookies() {
			kept = kept || strings.Contains(k.Name, "openid") && k.MaxAge >= int(backoffice.OpenIDRequestLife.Seconds())
		}
		if !kept {
			t.Errorf("the cookie ends before the request: %q", p.Header["Set-Cookie"])
		}
	})
}

// Codes that visitors bring to an application's server, and tokens that have run
// out, do not shut it out.
func TestAttack_T84_CodesOfVisitors(t *testing.T) {
	w := peopleGate(t)
	v := w.application(backoffice.WebApplication)
	_, token := v.newTokens()
	for range 400 {
		w.raw(raw{method: "POST", path: "/oauth/token", body: url.Values{"grant_type": {"authorization_code"}, "code": {"garbage"}, "redirect_uri": {v.oauth.RedirectURL},
			"client_id": {v.app.ID}, "client_secret": {v.secret}}.Encode()})
		w.raw(raw{method: "GET", path: "/oauth/userinfo", header: map[string]string{"Authorization": "Bearer nothing"}})
	}
	if _, err := v.refresh(token.RefreshToken); err != nil {
		t.Errorf("an honest exchange: %v", err)
	}
	if got := w.raw(raw{method: "GET", path: "/.well-known/openid-configuration"}); got.Status != http.StatusOK {
		t.Errorf("discovery: %d", got.Status)
	}
}

// The name of who was invited, which the portal does not show, is not found by
// searching either (T-33).
func TestAttack_T33_InvitedNameBySearch(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		cmd := backoffice.CommandLine()
		quiet, err := w.store.AddUser(ctx, cmd, "sued", backoffice.NewMember{Email: "quiet@elsewhere.example", Roles: []string{backoffice.RoleReadOnly}})
		if err == nil {
			err = w.store.RenameUser(ctx, cmd, quiet.ID, "Zacharias Hidden")
		}
		if err == nil {
			_, err = w.store.InviteUser(ctx, cmd, "nord", backoffice.NewMember{Email: "quiet@elsewhere.example", Roles: []string{backoffice.RoleReadOnly}}, auth.InvitationToken.New)
		}
		if err != nil {
			t.Fatal(err)
		}
		paths := []string{}
		for i, auto := range []bool{true, false} {
			a, err := w.store.CreateApplication(ctx, cmd, backoffice.Application{Name: fmt.Sprint("App ", i), Kind: backoffice.SinglePage, RedirectURIs: []string{"https://app.example/"}, Active: true}, nil)
			if err == nil {
				_, err = w.store.AssignApplications(ctx, cmd, "nord", []string{a.ID}, auto)
			}
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, "/portal/applications/"+a.ID+map[bool]string{true: "", false: "/users/new"}[auto])
		}
		hana := w.userIn("hana@nord.example", "nord")
		for _, path := range paths {
			if p := hana.get(path + "?q=quiet"); !strings.Contains(p.Body, "quiet@elsewhere.example") || strings.Contains(p.Body, "Zacharias") {
				t.Errorf("%s: by address", path)
			}
			if p := hana.get(path + "?q=zacha"); strings.Contains(p.Body, "quiet@elsewhere.example") {
				t.Errorf("%s: by name", path)
			}
		}
	})
}

// A program on the user's own machine, which another could stand for, gets nothing
// without the user's doing (RFC 8252, section 8.6).
func TestAttack_T74_NativeWithoutAsking(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		v := w.application(backoffice.NativeApplication)
		b := w.userIn("uma@nord.example", "nord")
		w.clock.Add(time.Second)
		for _, options := range [][]oauth2.AuthCodeOption{nil, {with("account_id", "nord")}} {
			p := b.get(v.begin(options...))
			if p.URL.Path != "/sign-in/application" || !strings.Contains(p.text("#choice-form"), "Nord AG") {
				t.Fatalf("not asked: %d %s", p.Status, p.URL)
			}
			if _, c := v.tokens(p.submit("#choice-form", url.Values{"account": {"nord"}})); c.Account != "nord" {
				t.Errorf("after asking: %+v", c)
			}
		}
		if q := v.returned(b.get(v.begin(with("prompt", "none")))); q.Get("error") != "interaction_required" || q.Get("code") != "" {
			t.Errorf("without asking: %v", q)
		}
		// Who has just signed in for it has been asked enough.
		p := w.browser().get(v.begin()).submit("#address-form", url.Values{"email": {"uma@nord.example"}}).submit("#password-form", url.Values{"password": {userPassphrase}})
		if _, c := v.tokens(p); c.Account != "nord" {
			t.Errorf("signed in: %+v", c)
		}
	})
}

// A link does not move somebody's session into another of their accounts, and two
// applications that are opened at once both go on.
func TestAttack_T52_SessionStays(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		b := w.userIn("hana@nord.example", "nord").still()
		one, first := b.get(v.begin(with("account_id", "sued"))).Header.Get("Location"), v.verifier
		two := b.get(v.begin()).Header.Get("Location")
		if to := b.get(two).Header.Get("Location"); !strings.Contains(to, "code=") {
			t.Errorf("the second: %s", to)
		}
		v.verifier = first
		if to := b.get(one).Header.Get("Location"); !strings.Contains(to, "code=") {
			t.Errorf("the first: %s", to)
		}
		if p := b.get("/portal"); p.Status != http.StatusOK || !strings.Contains(p.text("h1"), "Nord AG") {
			t.Errorf("the session is in %s", p.text("h1"))
		}
	})
}
