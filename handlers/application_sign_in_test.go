package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
)

// signedInTo gives an application tokens of a user, and returns its ID.
func (w *site) signedInTo(u backoffice.User, accountID, name string) string {
	w.t.Helper()
	a, err := w.store.CreateApplication(ctx, backoffice.CommandLine(), backoffice.Application{Name: "Held " + name, Kind: backoffice.SinglePage, Active: true, AutoAssigned: true,
		RedirectURIs: []string{"https://held.example/cb"}}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	cookie, _ := w.userSession(u, accountID)
	session, _ := auth.UserSessionToken.Hash(cookie)
	_, request := auth.OpenIDRequest.New()
	_, browser := auth.OpenIDBrowser.New()
	_, code := auth.OpenIDCode.New()
	if err := w.store.BeginOpenID(ctx, backoffice.OpenIDRequest{Application: a, RedirectURI: a.RedirectURIs[0], Scopes: []string{backoffice.ScopeOpenID}}, request, browser); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.CompleteOpenID(ctx, store.OpenIDCompletion{Request: request, Browser: browser, Session: session, Code: code}); err != nil {
		w.t.Fatal(err)
	}
	return a.ID
}

// A user sees which applications hold tokens of theirs, and takes them away, one
// application or all; staff do so for them. It ends refresh tokens and access
// tokens at once, and leaves other applications and the session alone.
func TestSigningOutOfAnApplication(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		v, other := w.application(backoffice.WebApplication), w.application(backoffice.SinglePage)
		idle := w.application(backoffice.WebApplication)
		b, token := v.newTokens()
		listed := func(p *shown, want ...string) {
			t.Helper()
			text := p.text("#application-sign-ins")
			if p.Status != http.StatusOK || p.Find("#application-sign-ins li").Length() != len(want) {
				t.Errorf("%d: %s, want %q", p.Status, text, want)
			}
			for _, name := range want {
				if !strings.Contains(text, name) {
					t.Errorf("%s is not among %s", name, text)
				}
			}
		}
		otherToken, _ := other.tokens(b.get(other.begin()))
		again, _ := v.tokens(b.get(v.begin())) // one row for each application
		listed(b.get("/profile"), v.app.Name, other.app.Name)
		if p := b.get("/profile"); !strings.Contains(p.text("#application-sign-ins"), "Nord AG") || strings.Contains(p.text("#application-sign-ins"), idle.app.Name) {
			t.Errorf("where from: %s", p.text("#sessions"))
		}
		end := func(b *browser, page string, a *relying) *shown {
			t.Helper()
			return b.get(page).submit("form[action$='/application-sign-ins/"+a.app.ID+"/end']", nil)
		}
		profile := b.get("/profile")
		listed(end(b, "/profile", v), other.app.Name)
		// Again from the page as it was, as a second click sends it.
		since := 0
		w.acts(&since)
		listed(profile.submit("form[action$='/application-sign-ins/"+v.app.ID+"/end']", nil), other.app.Name)
		if got := w.acts(&since); len(got) != 0 {
			t.Errorf("ended twice: %q", got)
		}
		v.dead("signed out of it", token)
		v.dead("signed out of it", again)
		fresh, err := other.refresh(otherToken.RefreshToken)
		if err != nil {
			t.Fatalf("another application: %v", err)
		}
		if p := b.get("/portal"); p.Status != http.StatusOK || p.URL.Path != "/portal" {
			t.Errorf("the session: %s", p.URL)
		}
		// What the browser's session has outlived is listed, and can be ended: the
		// application was given tokens since.
		in := w.userIn("hana@nord.example", "nord")
		held, _ := v.tokens(in.get(v.begin()))
		for range 3 {
			w.clock.Add(5 * time.Hour)
			if held, err = v.refresh(held.RefreshToken); err != nil {
				t.Fatal(err)
			}
		}
		later := w.userIn("hana@nord.example", "nord")
		listed(later.get("/profile"), v.app.Name)
		// By staff, without script and with it.
		staff := w.browser()
		staff.signIn("owner@vendor.example", passphrase)
		hana := must(w.store.FindUser(ctx, "hana@nord.example"))
		page := "/backoffice/users/" + hana.ID
		listed(staff.get(page), v.app.Name)
		if p := end(staff, page, v); p.Find("#application-sign-ins li").Length() != 0 {
			t.Errorf("ended by staff: %s", p.text("#sessions"))
		}
		v.dead("ended by staff", held)
		trail := staff.get("/backoffice/audit").text("main")
		if !strings.Contains(trail, "out of the application "+v.app.Name) {
			t.Errorf("the trail: %.500s", trail)
		}
		viewer := w.browser()
		viewer.signIn("viewer@vendor.example", passphrase)
		if p := viewer.get(page); p.Find("form[action*='/application-sign-ins/']").Length() != 0 {
			t.Error("a viewer may end it")
		}
		// Everywhere.
		held, _ = v.tokens(later.get(v.begin()))
		later.get("/profile").submit("form[action='/profile/sessions/end']", nil)
		v.dead("signed out everywhere", held)
		// What has ended is not listed: by revoking, by being left, by being taken away.
		b, token = v.newTokens()
		listed(b.get("/profile"), v.app.Name) // the other one was left for longer than the policy lets a session be
		other.dead("left unused", fresh)
		if status, _ := v.ask("/oauth/revoke", url.Values{"token": {token.RefreshToken}}); status != http.StatusOK {
			t.Fatal(status)
		}
		listed(b.get("/profile"))
		v.tokens(b.get(v.begin()))
		listed(b.get("/profile"), v.app.Name)
		if err := w.store.SetApplicationActive(ctx, backoffice.CommandLine(), v.app.ID, false); err != nil {
			t.Fatal(err)
		}
		listed(b.get("/profile"))
	})
}
