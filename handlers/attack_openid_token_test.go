package handlers_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"steward/backoffice"
	"steward/handlers"
	"steward/store"
	"steward/store/storetest"
)

// A code is good once, for a minute, for who asked for it; who comes with it again
// ends what came of it.
func TestAttack_T74_CodeReplay(t *testing.T) {
	eachKind(t, func(t *testing.T, w *site, v *relying) {
		b := w.userIn("uma@nord.example", "nord")
		code := func() string { return v.returned(b.get(v.begin())).Get("code") }
		first := code()
		token, err := v.exchange(first)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := v.refresh(token.RefreshToken)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.exchange(first); !isError(err, "invalid_grant") {
			t.Errorf("a second time: %v", err)
		}
		v.dead("after the second time", fresh)
		late := code()
		w.clock.Add(backoffice.OpenIDCodeLife)
		if _, err := v.exchange(late); !isError(err, "invalid_grant") {
			t.Errorf("after a minute: %v", err)
		}
		// Another application's code, with the right verifier.
		other := w.application(backoffice.WebApplication)
		theirs := code()
		other.verifier, other.oauth.RedirectURL = v.verifier, v.oauth.RedirectURL
		if _, err := other.exchange(theirs); !isError(err, "invalid_grant") {
			t.Errorf("another application's: %v", err)
		}
		if _, err := v.exchange(theirs); err != nil {
			t.Errorf("its own after that: %v", err)
		}
		// Another address than the code was sent to.
		away, at := code(), v.oauth.RedirectURL
		v.oauth.RedirectURL += "/"
		if _, err := v.exchange(away); !isError(err, "invalid_grant") {
			t.Errorf("for another address: %v", err)
		}
		v.oauth.RedirectURL = at
		for _, bad := range []string{"", "x", first[:42], first + "A", strings.ToLower(first)} {
			if _, err := v.exchange(bad); err == nil {
				t.Errorf("%q is a code", bad)
			}
		}
	})
}

// Of many who come with the same code, or the same refresh token, one gets through.
func TestAttack_T74_CodeAndRefreshRaces(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		b := w.userIn("uma@nord.example", "nord")
		race := func(what string, try func() (*oauth2.Token, error)) *oauth2.Token {
			t.Helper()
			var wg sync.WaitGroup
			var mu sync.Mutex
			var won []*oauth2.Token
			for range 16 {
				wg.Go(func() {
					token, err := try()
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won = append(won, token)
					} else if !isError(err, "invalid_grant") {
						t.Errorf("%s: %v", what, err)
					}
				})
			}
			wg.Wait()
			if len(won) != 1 {
				t.Fatalf("%s: %d got tokens", what, len(won))
			}
			return won[0]
		}
		code := v.returned(b.get(v.begin())).Get("code")
		v.dead("a code that was raced", race("a code", func() (*oauth2.Token, error) { return v.exchange(code) }))
		token, _ := v.tokens(b.get(v.begin()))
		v.dead("a refresh token that was raced", race("a refresh token", func() (*oauth2.Token, error) { return v.refresh(token.RefreshToken) }))
	})
}

// PKCE is what binds a code to who asked for it: it can neither be left out nor
// weakened.
func TestAttack_T74_DowngradedPKCE(t *testing.T) {
	eachKind(t, func(t *testing.T, w *site, v *relying) {
		b := w.userIn("uma@nord.example", "nord")
		ask := func(options ...oauth2.AuthCodeOption) url.Values {
			t.Helper()
			return v.returned(b.get(v.oauth.AuthCodeURL("state-1", options...)))
		}
		verifier := oauth2.GenerateVerifier()
		s256 := oauth2.S256ChallengeFromVerifier(verifier)
		for what, options := range map[string][]oauth2.AuthCodeOption{
			"plain":                {with("code_challenge", verifier), with("code_challenge_method", "plain")},
			"no method":            {with("code_challenge", s256)},
			"another method":       {with("code_challenge", s256), with("code_challenge_method", "s256")},
			"a method alone":       {with("code_challenge_method", "S256")},
			"a challenge too long": {with("code_challenge", s256+"A"), with("code_challenge_method", "S256")},
			"no challenge":         {with("code_challenge", "="), with("code_challenge_method", "S256")},
		} {
			if q := ask(options...); q.Get("error") != "invalid_request" || q.Get("code") != "" {
				t.Errorf("%s: %v", what, q)
			}
		}
		if q := ask(); (q.Get("code") != "") != (v.secret != "") {
			t.Errorf("without: %v", q)
		} else if code := q.Get("code"); code != "" {
			v.verifier = verifier
			if _, err := v.exchange(code); !isError(err, "invalid_grant") {
				t.Errorf("a verifier without a challenge: %v", err)
			}
			if _, err := v.oauth.Exchange(ctx, code); err != nil {
				t.Errorf("neither of the two: %v", err)
			}
		}
		code := v.returned(b.get(v.begin())).Get("code")
		right := v.verifier
		for _, wrong := range []string{oauth2.GenerateVerifier(), oauth2.S256ChallengeFromVerifier(right), right + "A", strings.ToLower(right), right[:42]} {
			v.verifier = wrong
			if _, err := v.exchange(code); !isError(err, "invalid_grant") {
				t.Errorf("the verifier %q: %v", wrong, err)
			}
		}
		if _, err := v.oauth.Exchange(ctx, code); !isError(err, "invalid_grant") {
			t.Errorf("without the verifier: %v", err)
		}
		v.verifier = right
		if _, err := v.exchange(code); err != nil {
			t.Errorf("the right one: %v", err)
		}
	})
}

// A refresh token that is used twice was stolen from one of the two.
func TestAttack_T74_StolenRefreshToken(t *testing.T) {
	eachKind(t, func(t *testing.T, w *site, v *relying) {
		_, token := v.newTokens()
		first := token.RefreshToken
		fresh, err := v.refresh(first)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.refresh(first); !isError(err, "invalid_grant") {
			t.Errorf("the thief: %v", err)
		}
		v.dead("after the thief", fresh)

		// By another application, with its own secret.
		_, token = v.newTokens()
		other := w.application(backoffice.WebApplication)
		if _, err := other.refresh(token.RefreshToken); !isError(err, "invalid_grant") {
			t.Errorf("another application: %v", err)
		}
		v.dead("after another application came with it", token)

		_, token = v.newTokens()
		handle, secret, _ := strings.Cut(token.RefreshToken, ".")
		for _, bad := range []string{handle, secret, handle + ".", secret + "." + handle, token.RefreshToken + "A", " " + token.RefreshToken, token.AccessToken} {
			if _, err := v.refresh(bad); !isError(err, "invalid_grant") {
				t.Errorf("%q: %v", bad, err)
			}
		}
		if _, answer := v.ask("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}, "scope": {"openid profile admin"}}); answer["error"] != "invalid_scope" {
			t.Errorf("more than it has: %v", answer)
		}
		w.clock.Add(time.Minute)
		_, answer := v.ask("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}, "scope": {"openid"}})
		if answer["scope"] != "openid" || answer["refresh_token"] == nil {
			t.Errorf("less than it has: %v", answer)
		}
		// Left unused for as long as the policy lets a session be.
		_, token = v.newTokens()
		w.clock.Add(12 * time.Hour)
		v.dead("left unused", token)
		_, token = v.newTokens()
		for range 16 {
			w.clock.Add(11 * time.Hour)
			if token, err = v.refresh(token.RefreshToken); err != nil {
				break
			}
		}
		if !isError(err, "invalid_grant") {
			t.Errorf("after more than the seven days that a sign-in lasts: %v", err)
		}
	})
}

// What was revoked is refused with the next request, whichever it is.
func TestAttack_T13_TokensAfterRevoking(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		cli := backoffice.CommandLine()
		v := w.application(backoffice.WebApplication)
		uma, err := w.store.FindUser(ctx, "uma@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		type act struct {
			do, undo func() error
		}
		lock := func(on bool) error {
			return w.store.ChangeUser(ctx, cli, uma.ID, store.SetLocked(on))
		}
		var binned, removal string
		policy := func(force backoffice.MFAForce) error {
			p, err := w.store.PolicyOf(ctx, "nord")
			if err == nil {
				p.Own.MFAForce = backoffice.Some(force)
				err = w.store.SavePolicy(ctx, cli, "nord", p.Own, p.Version)
			}
			return err
		}
		for what, a := range map[string]act{
			"locked":                 {do: func() error { return lock(true) }, undo: func() error { return lock(false) }},
			"disabled":               {do: func() error { return w.store.SetMemberDisabled(ctx, cli, "nord", uma.ID, true) }, undo: func() error { return w.store.SetMemberDisabled(ctx, cli, "nord", uma.ID, false) }},
			"taken out":              {do: func() (err error) { removal, err = w.store.RemoveMember(ctx, cli, "nord", uma.ID); return }, undo: func() error { return w.store.RestoreMember(ctx, cli, "nord", uma.ID, removal) }},
			"the user in the bin":    {do: func() error { _, err := w.store.DeleteUser(ctx, cli, uma.ID); return err }, undo: func() error { _, err := w.store.RestoreUser(ctx, cli, uma.ID); return err }},
			"the account in the bin": {do: func() (err error) { binned, err = w.store.DeleteAccount(ctx, cli, "nord", "Nord AG", false); return }, undo: func() error { _, err := w.store.Restore(ctx, cli, binned); return err }},
			"the application closed": {do: func() error { return w.store.SetApplicationActive(ctx, cli, v.app.ID, false) }, undo: func() error { return w.store.SetApplicationActive(ctx, cli, v.app.ID, true) }},
			"the application taken": {do: func() error { return w.store.RemoveApplication(ctx, cli, "nord", v.app.ID) }, undo: func() error {
				_, err := w.store.AssignApplications(ctx, cli, "nord", []string{v.app.ID}, true)
				return err
			}},
			"the application deleted": {do: func() error { _, err := w.store.DeleteApplication(ctx, cli, v.app.ID); return err }, undo: func() error { _, err := w.store.RestoreApplication(ctx, cli, v.app.ID); return err }},
			"signed out everywhere":   {do: func() error { _, err := w.store.EndUserSessions(ctx, cli, uma.Key, nil); return err }},
			"second factors reset": {do: func() error {
				h := backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: uma.Key}
				w.passkeyOf(h, "reset")
				return w.store.ResetMFA(ctx, cli, h)
			}},
			"another password":       {do: func() error { return w.store.SetUserPassword(ctx, cli, uma.Key, "", userHash(), nil) }},
			"a second factor forced": {do: func() error { return policy(backoffice.Force) }, undo: func() error { return policy(backoffice.DontForce) }},
		} {
			b, token := v.newTokens()
			if !v.active(token.AccessToken) {
				t.Fatalf("%s: nothing to revoke", what)
			}
			if err := a.do(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if _, err := v.userinfo(token.AccessToken); err == nil {
				t.Errorf("%s: userinfo tells", what)
			}
			if what == "the application deleted" || what == "the application closed" { // its secret is none meanwhile
				if _, err := v.refresh(token.RefreshToken); !isError(err, "invalid_client") {
					t.Errorf("%s: %v", what, err)
				}
			} else {
				v.dead(what, token)
			}
			if p := b.still().get(v.begin(with("prompt", "none"))); strings.Contains(p.Header.Get("Location"), "code=") {
				t.Errorf("%s: a new code", what)
			}
			if a.undo != nil {
				if err := a.undo(); err != nil {
					t.Fatalf("%s, taken back: %v", what, err)
				}
				v.dead(what+", taken back", token)
			}
		}
		// One session ended ends what came of it, and nothing else.
		b, token := v.newTokens()
		_, other := v.newTokens()
		sessions, err := w.store.UserSessions(ctx, uma.Key)
		if err != nil || len(sessions) < 2 {
			t.Fatal(len(sessions), err)
		}
		c := v.idToken(token)
		for _, s := range sessions {
			if s.SignIn == c.SignIn {
				if err := w.store.EndUserSession(ctx, cli, uma.Key, s.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		v.dead("the session ended", token)
		if b.get("/portal").URL.Path != "/sign-in" {
			t.Error("the session goes on")
		}
		if _, err := v.refresh(other.RefreshToken); err != nil {
			t.Errorf("another session: %v", err)
		}
		// Signing out on the page ends it, changing the account does not.
		hana := w.userIn("hana@nord.example", "nord")
		token, _ = v.tokens(hana.get(v.begin()))
		hana.get("/portal").submit("#switch form", url.Values{"account": {"sued"}})
		if token, err = v.refresh(token.RefreshToken); err != nil {
			t.Fatalf("after changing the account: %v", err)
		}
		hana.get("/portal").submit("form[action='/sign-out']", nil)
		v.dead("signed out on the page", token)
		// Revoked by the application: an access token alone, a refresh token with all.
		_, token = v.newTokens()
		if status, _ := v.ask("/oauth/revoke", url.Values{"token": {token.AccessToken}, "token_type_hint": {"access_token"}}); status != http.StatusOK || v.active(token.AccessToken) {
			t.Errorf("an access token: %d", status)
		}
		fresh, err := v.refresh(token.RefreshToken)
		if err != nil || !v.active(fresh.AccessToken) {
			t.Fatalf("the refresh token beside it: %v", err)
		}
		if status, _ := w.application(backoffice.SinglePage).ask("/oauth/revoke", url.Values{"token": {fresh.AccessToken}}); status != http.StatusBadRequest || !v.active(fresh.AccessToken) {
			t.Errorf("by another application: %d", status)
		}
		if status, _ := v.ask("/oauth/revoke", url.Values{"token": {fresh.RefreshToken}}); status != http.StatusOK {
			t.Errorf("a refresh token: %d", status)
		}
		v.dead("revoked", fresh)
	})
}

// No token, code or secret stands in the log, and none in the database.
func TestAttack_T85_TokensInLogs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		log := &lines{}
		w := newGate(t, s, clock, func(o *handlers.Options) {
			o.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		was := slog.Default()
		slog.SetDefault(slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		defer slog.SetDefault(was)
		w.people()
		v := w.application(backoffice.WebApplication)
		b := w.browser()
		p := b.get(v.begin())
		request := p.Find("input[name=next]").AttrOr("value", "")
		_, request, _ = strings.Cut(request, "request=")
		p = p.submit("#address-form", url.Values{"email": {"uma@nord.example"}}).submit("#password-form", url.Values{"password": {userPassphrase}})
		q := v.returned(p)
		token, err := v.exchange(q.Get("code"))
		if err != nil || request == "" {
			t.Fatal(err)
		}
		fresh := must(v.refresh(token.RefreshToken))
		v.refresh(token.RefreshToken)
		v.exchange(q.Get("code"))
		v.userinfo(fresh.AccessToken)
		v.ask("/oauth/revoke", url.Values{"token": {fresh.AccessToken}})
		id, _ := fresh.Extra("id_token").(string)
		b.get("/oauth/logout?id_token_hint=" + id)
		_, secret, _ := strings.Cut(fresh.RefreshToken, ".")
		text := log.String()
		for _, rows := range storetest.Dump(t, s) {
			text += strings.Join(rows, "\n")
		}
		for what, value := range map[string]string{"the request": request, "the code": q.Get("code"), "the access token": token.AccessToken, "the refresh token": token.RefreshToken, "its secret": secret,
			"the ID token": id, "the client's secret": v.secret, "the verifier": v.verifier, "the browser": b.cookie("steward-openid"), "a private key": "PRIVATE KEY"} {
			if value == "" || strings.Contains(text, value) {
				t.Errorf("%s stands in the log or in the database", what)
			}
		}
	})
}
