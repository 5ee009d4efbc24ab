package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// A browser keeps as many sign-ins open as anybody means; of more the oldest goes,
// and other browsers lose nothing by it.
func TestOpenRequestsOfABrowser(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		a := application(t, s, backoffice.Application{Name: "Ledger", Active: true})
		mine, other := []byte("a browser of 32 bytes, just about"), []byte("another browser, which is 32 long")
		hash := func(i int) []byte { return fmt.Appendf(nil, "%032d", i) }
		begin := func(i int, browser []byte) {
			t.Helper()
			if err := s.BeginOpenID(ctx, backoffice.OpenIDRequest{Application: a, RedirectURI: a.RedirectURIs[0], Scopes: []string{"openid"}}, hash(i), browser); err != nil {
				t.Fatal(err)
			}
		}
		begin(1000, other)
		for i := range backoffice.MaxOpenIDRequests + 5 {
			begin(i, mine)
			if i < backoffice.MaxOpenIDRequests {
				clock.Add(time.Second) // the last ones come at once
			}
		}
		for i := range backoffice.MaxOpenIDRequests + 5 {
			_, err := s.OpenIDRequest(ctx, hash(i), mine)
			if i < 5 && !errors.Is(err, backoffice.ErrNotFound) || i >= 5 && i < backoffice.MaxOpenIDRequests && err != nil {
				t.Errorf("request %d: %v", i, err)
			}
		}
		if _, err := s.OpenIDRequest(ctx, hash(backoffice.MaxOpenIDRequests+4), mine); err != nil {
			t.Errorf("the newest: %v", err)
		}
		if _, err := s.OpenIDRequest(ctx, hash(1000), other); err != nil {
			t.Errorf("another browser's: %v", err)
		}
		for _, browser := range [][]byte{mine, other, nil} {
			if found, here, err := s.OpenIDRequestApplication(ctx, hash(1000), browser); err != nil || found.ID != a.ID || here != bytes.Equal(browser, other) {
				t.Errorf("the application of a request, to %s: %s, %t, %v", browser, found.Name, here, err)
			}
		}
		if err := s.ChooseOpenID(ctx, hash(1000), mine, 1, "nord"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("chosen in another browser: %v", err)
		}
	})
}

// What is asked without a page, or is done, does not push out a sign-in that somebody
// is filling in.
func TestSilentRequestsLeaveASignInAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		a := application(t, s, backoffice.Application{Name: "Ledger", Active: true})
		mine := []byte("a browser of 32 bytes, just about")
		hash := func(i int) []byte { return fmt.Appendf(nil, "%032d", i) }
		for i := range 2*backoffice.MaxOpenIDRequests + 1 {
			r := backoffice.OpenIDRequest{Application: a, RedirectURI: a.RedirectURIs[0], Scopes: []string{"openid"}}
			if i > 0 {
				r.Prompt = []string{backoffice.PromptNone}
			}
			if err := s.BeginOpenID(ctx, r, hash(i), mine); err != nil {
				t.Fatal(err)
			}
			clock.Add(time.Second)
		}
		if _, err := s.OpenIDRequest(ctx, hash(0), mine); err != nil {
			t.Errorf("the one being filled in: %v", err)
		}
		for i, want := range map[int]error{1: backoffice.ErrNotFound, 2 * backoffice.MaxOpenIDRequests: nil} {
			if _, err := s.OpenIDRequest(ctx, hash(i), mine); !errors.Is(err, want) {
				t.Errorf("silent request %d: %v", i, err)
			}
		}
	})
}
