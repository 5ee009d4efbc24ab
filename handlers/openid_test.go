package handlers_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

func asError[T error](err error, target *T) bool { return errors.As(err, target) }

func TestApplicationSignsItsUserIn(t *testing.T) {
	eachKind(t, func(t *testing.T, w *site, v *relying) {
		// Through the sign-in pages, with the address that the application knows.
		b := w.browser()
		p := b.get(v.begin(with("login_hint", "uma@nord.example")))
		if p.URL.Path != "/sign-in" || p.Find("#email").AttrOr("value", "") != "uma@nord.example" {
			t.Fatalf("the way in: %s %s", p.URL, p.text("main"))
		}
		p = p.submit("#address-form", nil).submit("#password-form", url.Values{"password": {userPassphrase}})
		token, c := v.tokens(p)
		if c.Email != "uma@nord.example" || c.Account != "nord" || !slices.Equal(c.Accounts, []string{"nord"}) || !slices.Equal(c.Roles, []string{"read-only"}) ||
			c.ApplicationID != v.app.ID || c.Nonce != "nonce-1" || c.SignIn == "" || c.Type != "userToken" || string(c.Metadata) != "{}" || c.AuthTime != w.clock.Now().Unix() ||
			!slices.Equal(c.AMR, []string{"pwd"}) || len(c.Permissions) == 0 {
			t.Errorf("%+v", c)
		}
		info, err := v.userinfo(token.AccessToken)
		if err != nil || info.Subject != c.Subject || info.Email != c.Email || info.Account != "nord" || info.SignIn != c.SignIn {
			t.Errorf("userinfo: %+v, %v", info, err)
		}
		account, err := w.store.Account(ctx, "nord")
		if err != nil || account.Visits != 1 {
			t.Errorf("the visit: %+v, %v", account.Visits, err)
		}
		// A session that runs goes on at once, without a page.
		if _, again := v.tokens(b.get(v.begin())); again.Subject != c.Subject || again.SignIn != c.SignIn {
			t.Errorf("again: %+v", again)
		}
		// Refreshing.
		w.clock.Add(5 * time.Minute)
		fresh, err := v.refresh(token.RefreshToken)
		if err != nil || fresh.RefreshToken == token.RefreshToken || fresh.AccessToken == token.AccessToken {
			t.Fatalf("refreshed: %v", err)
		}
		if c := v.idToken(fresh); c.Email != "uma@nord.example" || c.Nonce != "" || c.AuthTime != w.clock.Now().Add(-5*time.Minute).Unix() {
			t.Errorf("refreshed: %+v", c)
		}
		// Signing out returns to the application, and ends everything.
		id, _ := fresh.Extra("id_token").(string)
		p = b.get("/oauth/logout?" + url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {v.logout}, "state": {"bye"}}.Encode())
		if p.URL.String() != v.logout+"?state=bye" {
			t.Errorf("signed out: %s %s", p.URL, p.text("main"))
		}
		if b.get("/portal").URL.Path != "/sign-in" {
			t.Error("the session goes on")
		}
		if _, err := v.refresh(fresh.RefreshToken); !isError(err, "invalid_grant") {
			t.Errorf("refreshing after signing out: %v", err)
		}
		if _, err := v.userinfo(fresh.AccessToken); err == nil {
			t.Error("userinfo after signing out")
		}
	})
}

func TestAccountIsChosenAmongThoseThatHaveTheApplication(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "West AG", ID: "west", PrimaryEmail: "hana@nord.example"}); err != nil {
			t.Fatal(err)
		}
		v := w.applicationOf(backoffice.Application{Name: "Ledger", Kind: backoffice.WebApplication, Active: true})
		assign := func(account string) {
			t.Helper()
			if _, err := w.store.AssignApplications(ctx, backoffice.CommandLine(), account, []string{v.app.ID}, true); err != nil {
				t.Fatal(err)
			}
		}
		signIn := func(b *browser, options ...string) *shown {
			t.Helper()
			address := v.begin()
			for i := 0; i < len(options); i += 2 {
				address += "&" + options[i] + "=" + url.QueryEscape(options[i+1])
			}
			p := b.get(address)
			if p.URL.Path == "/sign-in" {
				p = p.submit("#address-form", url.Values{"email": {"hana@nord.example"}}).submit("#password-form", url.Values{"password": {userPassphrase}})
			}
			return p
		}
		p := signIn(w.browser())
		if p.Status != http.StatusForbidden || !strings.Contains(p.text("h1"), "You do not have Ledger") {
			t.Fatalf("without it: %d %s", p.Status, p.text("main"))
		}
		if p = p.follow("main .actions a"); p.URL.Path != "/sign-in/accounts" || !strings.Contains(p.text("#choice-form"), "West AG") {
			t.Fatalf("on to the portal: %s %s", p.URL, p.text("main"))
		}
		assign("sued")
		if _, c := v.tokens(signIn(w.browser())); c.Account != "sued" || len(c.Accounts) != 3 || c.Accounts[0] != "sued" {
			t.Errorf("the only one that has it: %+v", c)
		}
		assign("west")
		b := w.browser()
		p = signIn(b)
		if p.URL.Path != "/sign-in/accounts" || strings.Contains(p.text("#choice-form"), "Nord AG") || !strings.Contains(p.text("main"), "Ledger") {
			t.Fatalf("several: %s %s", p.URL, p.text("main"))
		}
		if _, c := v.tokens(p.submit("#choice-form", url.Values{"account": {"west"}})); c.Account != "west" {
			t.Errorf("chosen: %+v", c)
		}
		// The account that the application names, without a page; the session stays.
		if _, c := v.tokens(signIn(b, "account_id", "sued")); c.Account != "sued" {
			t.Errorf("named: %+v", c)
		}
		if p := b.get("/portal"); !strings.Contains(p.text("h1"), "West AG") {
			t.Errorf("the session is in %s", p.text("h1"))
		}
		if _, c := v.tokens(signIn(w.browser(), "account_id", "west")); c.Account != "west" {
			t.Errorf("named at the sign-in: %+v", c)
		}
		p = signIn(b, "account_id", "nord")
		if p.URL.Path != "/sign-in/application" || !strings.Contains(p.text("main"), "none of yours that have it") || strings.Contains(p.text("#choice-form"), "Nord AG") {
			t.Errorf("one that does not have it: %s %s", p.URL, p.text("main"))
		}
		w.clock.Add(time.Second)
		p = signIn(b, "prompt", "select_account")
		if p.URL.Path != "/sign-in/application" {
			t.Fatalf("select_account: %s", p.URL)
		}
		if _, c := v.tokens(p.submit("#choice-form", url.Values{"account": {"west"}})); c.Account != "west" {
			t.Errorf("selected: %+v", c)
		}
		// Who is to choose does, whichever account the application names: that one stands
		// first. Who has chosen at the sign-in is not asked again.
		named := func(p *shown, path, account string) {
			t.Helper()
			if first := p.Find("#choice-form button").First(); p.URL.Path != path || p.Find("#choice-form button").Length() != 2 || first.AttrOr("value", "") != account || !first.Is("[autofocus]") {
				t.Fatalf("select_account with an account named: %s %s", p.URL, p.text("main"))
			}
		}
		for _, account := range []string{"sued", "west"} {
			p = signIn(b, "prompt", "select_account", "account_id", account)
			named(p, "/sign-in/application", account)
			p = signIn(w.browser(), "prompt", "select_account", "account_id", account)
			named(p, "/sign-in/accounts", account)
			if _, c := v.tokens(p.submit("#choice-form", url.Values{"account": {"west"}})); c.Account != "west" {
				t.Errorf("selected, not the one named: %+v", c)
			}
		}
		if q := v.returned(signIn(b, "prompt", "select_account none")); q.Get("error") != "invalid_request" {
			t.Errorf("asking without asking: %v", q)
		}
		// In an account that does not have it, with several that do.
		in := w.userIn("hana@nord.example", "nord")
		if p := signIn(in); p.URL.Path != "/sign-in/application" {
			t.Errorf("from another account: %s", p.URL)
		}
		if q := v.returned(signIn(in, "prompt", "none")); q.Get("error") != "account_selection_required" {
			t.Errorf("without asking: %v", q)
		}
		w.clock.Add(time.Second)
		p = signIn(in).submit("#somebody-else-form", nil)
		if p.URL.Path != "/sign-in" {
			t.Fatalf("somebody else: %s", p.URL)
		}
		p = p.submit("#address-form", url.Values{"email": {"uma@nord.example"}}).submit("#password-form", url.Values{"password": {userPassphrase}})
		if p.Status != http.StatusForbidden || !strings.Contains(p.text("main"), "uma@nord.example") {
			t.Errorf("somebody else: %d %s", p.Status, p.text("main"))
		}
	})
}

func TestApplicationAsksForAFreshSignIn(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		b := w.browser()
		if q := v.returned(b.get(v.begin(with("prompt", "none")))); q.Get("error") != "login_required" {
			t.Errorf("nobody signed in, and no page: %v", q)
		}
		b = w.userIn("uma@nord.example", "nord")
		if q := v.returned(b.get(v.begin(with("prompt", "none")))); q.Get("code") == "" {
			t.Errorf("somebody signed in, and no page: %v", q)
		}
		for name, option := range map[string]string{"prompt": "login", "max_age": "60"} {
			w.clock.Add(2 * time.Minute)
			p := b.get(v.begin(with(name, option)))
			if p.URL.Path != "/sign-in" {
				t.Fatalf("%s=%s: %s", name, option, p.URL)
			}
			token, c := v.tokens(p.submit("#address-form", url.Values{"email": {"uma@nord.example"}}).submit("#password-form", url.Values{"password": {userPassphrase}}))
			if c.AuthTime != w.clock.Now().Unix() {
				t.Errorf("%s=%s: signed in at %d", name, option, c.AuthTime)
			}
			if q := v.returned(b.get(v.begin(with(name, "60"), with("prompt", "none")))); name == "max_age" && q.Get("code") == "" {
				t.Errorf("just now: %v", q)
			}
			if _, err := v.refresh(token.RefreshToken); err != nil {
				t.Errorf("what the application has ended by showing the password again: %v", err)
			}
		}
		w.clock.Add(2 * time.Minute)
		if q := v.returned(b.get(v.begin(with("max_age", "60"), with("prompt", "none")))); q.Get("error") != "login_required" {
			t.Errorf("too old, and no page: %v", q)
		}
	})
}

func TestAgentActsByItself(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		agent := w.application(backoffice.Agent)
		status, answer := agent.ask("/oauth/token", url.Values{"grant_type": {"client_credentials"}})
		token, _ := answer["access_token"].(string)
		if status != http.StatusOK || token == "" || answer["id_token"] != nil || answer["refresh_token"] != nil {
			t.Fatalf("%d %v", status, answer)
		}
		if !agent.active(token) {
			t.Error("its token is not good")
		}
		if _, err := agent.userinfo(token); err == nil {
			t.Error("userinfo without a user")
		}
		if status, answer := agent.ask("/oauth/revoke", url.Values{"token": {token}}); status != http.StatusOK || agent.active(token) {
			t.Errorf("revoked: %d %v", status, answer)
		}
		_, answer = agent.ask("/oauth/token", url.Values{"grant_type": {"client_credentials"}})
		token, _ = answer["access_token"].(string)
		if err := w.store.SetApplicationActive(ctx, backoffice.CommandLine(), agent.app.ID, false); err != nil {
			t.Fatal(err)
		}
		other := w.application(backoffice.WebApplication)
		if other.active(token) {
			t.Error("the token of an inactive agent is good")
		}
		if status, _ := agent.ask("/oauth/token", url.Values{"grant_type": {"client_credentials"}}); status != http.StatusUnauthorized {
			t.Errorf("inactive: %d", status)
		}
		if status, answer := other.ask("/oauth/token", url.Values{"grant_type": {"client_credentials"}}); status != http.StatusBadRequest || answer["error"] != "unauthorized_client" {
			t.Errorf("no agent: %d %v", status, answer)
		}
	})
}
