package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// signedInTo completes a sign-in to an application by a session, and gives its
// code for what tokens say.
func signedInTo(t *testing.T, s *store.Store, a backoffice.Application, session []byte, name string) backoffice.OpenIDSubject {
	t.Helper()
	request, browser, code := []byte("request "+name), []byte("browser "+name), []byte("code "+name)
	r := backoffice.OpenIDRequest{Application: a, RedirectURI: a.RedirectURIs[0], Scopes: []string{backoffice.ScopeOpenID, backoffice.ScopeOffline}, Nonce: "n"}
	if err := s.BeginOpenID(ctx, r, request, browser); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CompleteOpenID(ctx, store.OpenIDCompletion{Request: request, Browser: browser, Session: session, Code: code}); err != nil {
		t.Fatal(err)
	}
	v, nonce, err := s.UseOpenIDCode(ctx, backoffice.CodeExchange{Code: code, ApplicationID: a.ID, RedirectURI: a.RedirectURIs[0],
		Refresh: backoffice.RefreshHashes{Handle: []byte("handle " + name), Secret: []byte("secret " + name)}})
	if err != nil || nonce != "n" {
		t.Fatalf("%q, %v", nonce, err)
	}
	return v
}

func TestTokensNameAccountsAndMetadata(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		reseller(t, s)
		app := application(t, s, backoffice.Application{Name: "Ledger", Active: true, AutoAssigned: true})
		hana := userNamed(t, s, "hana@nord.example")
		for n := range 105 {
			if _, err := s.CreateSubAccount(ctx, cmd, "nord", fmt.Sprintf("Branch %d", n)); err != nil {
				t.Fatal(err)
			}
		}
		for secure, text := range map[bool]string{false: `{"seat":4}`, true: `{"secret":"CANARY"}`} {
			if err := s.SetUserMetadata(ctx, cmd, hana.ID, secure, store.MetadataEdit{Text: text, Version: 1}); err != nil && !errors.Is(err, backoffice.ErrConflict) {
				t.Fatal(err)
			}
		}
		_, session := signInOf(t, s, hana.Email, "nord", "1")
		v := signedInTo(t, s, app, session, "1")
		if len(v.Accounts) != 1 || !json.Valid(v.Metadata) || string(v.Metadata) != `{"seat":4}` {
			t.Fatalf("%v %s", v.Accounts, v.Metadata)
		}
		if err := s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		for all, want := range map[bool]int{false: backoffice.MaxTokenAccounts, true: 1 + 2 + 105} {
			v, err := s.OpenIDSubject(ctx, v.Family.ID, []byte("token"), all)
			if err != nil || len(v.Accounts) != want || v.Accounts[0] != "nord" {
				t.Errorf("all %v: %d accounts, %v", all, len(v.Accounts), err)
			}
			slices.Sort(v.Accounts)
			if len(slices.Compact(v.Accounts)) != want {
				t.Error("an account twice")
			}
		}
	})
}

// In an account below, the family ends with the grant that led there, and does
// not come back with it; one in the account of the membership goes on.
func TestFamilyEndsWithTheGrant(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, a, _, _ := reseller(t, s)
		app := application(t, s, backoffice.Application{Name: "Ledger", Active: true, AutoAssigned: true})
		hana := userNamed(t, s, "hana@nord.example")
		if err := s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		_, session := signInOf(t, s, hana.Email, "nord", "1")
		if err := s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		above := signedInTo(t, s, app, session, "above")
		if _, err := s.SwitchAccount(ctx, session, []byte("switched"), a.ID, "", ""); err != nil {
			t.Fatal(err)
		}
		below := signedInTo(t, s, app, []byte("switched"), "below")
		if below.Standing.Account.ID != a.ID || below.Family.SignIn != above.Family.SignIn {
			t.Fatalf("%+v", below.Family)
		}
		// The session goes back, and nothing of it is below when the grant ends.
		if _, err := s.SwitchAccount(ctx, []byte("switched"), []byte("back"), "nord", "", ""); err != nil {
			t.Fatal(err)
		}
		if err := s.RevokeAccess(ctx, cmd, "nord", hana.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.OpenIDSubject(ctx, below.Family.ID, []byte("token"), false); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("below: %v", err)
		}
		if _, err := s.OpenIDSubject(ctx, above.Family.ID, []byte("token"), false); err != nil {
			t.Errorf("above: %v", err)
		}
		// Nothing is kept for longer than it could be asked for.
		clock.Add(backoffice.RefreshLife + 48*time.Hour)
		if err := s.Forget(ctx); err != nil {
			t.Fatal(err)
		}
		dump := storetest.Dump(t, s)
		for _, table := range []string{"openid_families", "openid_codes", "openid_requests"} {
			if len(dump[table]) != 0 {
				t.Errorf("%s: %v", table, dump[table])
			}
		}
	})
}

// Several processes over one database make one key between them.
func TestSigningKeyOfSeveralProcesses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		other := storetest.Beside(t, s, clock)
		var mu sync.Mutex
		made := 0
		rotate := func() {
			t.Helper()
			var wg sync.WaitGroup
			for _, x := range []*store.Store{s, other, s, other} {
				wg.Go(func() {
					err := x.RotateSigningKeys(ctx, func() ([]byte, []byte, error) {
						mu.Lock()
						defer mu.Unlock()
						made++
						return fmt.Appendf(nil, "private %d", made), fmt.Appendf(nil, "public %d", made), nil
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		rotate()
		first, err := s.SigningKeys(ctx)
		if err != nil || len(first) != 1 || len(first[0].Private) == 0 {
			t.Fatalf("%+v, %v", first, err)
		}
		rotate()
		clock.Add(backoffice.SigningKeyLife - backoffice.SigningKeyNotice)
		rotate()
		rotate()
		keys, err := other.SigningKeys(ctx)
		if err != nil || len(keys) != 2 || keys[0].ID != first[0].ID || keys[1].Private != nil {
			t.Fatalf("%+v, %v", keys, err)
		}
		for _, row := range storetest.Dump(t, s)["signing_keys"] {
			if strings.Contains(row, "private 1") {
				t.Error("a private key stands open in the database")
			}
		}
		// A server that slept through it all begins anew.
		clock.Add(10 * backoffice.SigningKeyLife)
		rotate()
		if keys, err = s.SigningKeys(ctx); err != nil || len(keys) == 0 || len(keys[0].Private) == 0 {
			t.Fatalf("%+v, %v", keys, err)
		}
	})
}
