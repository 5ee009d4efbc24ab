package store_test

import (
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
		if found, err := s.OpenIDRequestApplication(ctx, hash(1000)); err != nil || found.ID != a.ID {
			t.Errorf("the application of a request: %s, %v", found.Name, err)
		}
		if err := s.ChooseOpenID(ctx, hash(1000), mine, 1, "nord"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("chosen in another browser: %v", err)
		}
	})
}
