package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// chosen sends a password with a token of a set-up link.
func (w *site) chosen(token string) answer {
	return w.raw(raw{method: "POST", path: "/backoffice/staff-setup", body: url.Values{"password": {passphrase}, "again": {passphrase}}.Encode(),
		cookies: map[string]string{"steward-staff-setup": token}})
}

// One link sets one password, however many use it at once; a GET uses nothing.
func TestAttack_T44_StaffLinkRaced(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		token, hash := auth.StaffLinkToken.New()
		staff, err := w.store.AddStaffByLink(ctx, backoffice.CommandLine(), backoffice.NewStaff{Email: "new@vendor.example", Role: backoffice.Owner}, hash)
		if err != nil {
			t.Fatal(err)
		}
		before := storetest.Dump(t, w.store)
		for range 3 {
			w.raw(raw{method: "GET", path: "/backoffice/staff-setup?token=" + token})
			w.raw(raw{method: "GET", path: "/backoffice/staff-setup", cookies: map[string]string{"steward-staff-setup": token}})
			w.raw(raw{method: "HEAD", path: "/backoffice/staff-setup?token=" + token})
		}
		w.unchanged(before, "looking at a link")
		var racers sync.WaitGroup
		var mu sync.Mutex
		in := 0
		for range 16 {
			racers.Go(func() {
				got := w.chosen(token)
				mu.Lock()
				defer mu.Unlock()
				if got.cookie("steward") != "" {
					in++
				}
			})
		}
		racers.Wait()
		if in != 1 {
			t.Errorf("%d came in", in)
		}
		// Another link ends the sessions that run once it is used, and only the newest
		// one opens.
		cookie, _ := w.sessionOf(staff)
		older, olderHash := auth.StaffLinkToken.New()
		newer, newerHash := auth.StaffLinkToken.New()
		for _, h := range [][]byte{olderHash, newerHash} {
			if _, err := w.store.MakeStaffLink(ctx, backoffice.CommandLine(), staff.ID, h); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.chosen(older); got.Status != http.StatusNotFound || !w.opens(cookie) {
			t.Errorf("a replaced link: %d", got.Status)
		}
		if got := w.chosen(newer); got.cookie("steward") == "" || w.opens(cookie) {
			t.Errorf("the newest link: %d, an older session runs: %v", got.Status, w.opens(cookie))
		}
	})
}

// A link that is late, of somebody removed, misspelled, or of another purpose
// opens nothing.
func TestAttack_T30_StaffLink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		w.staff("owner@vendor.example", backoffice.Owner)
		staff := w.staff("t30@vendor.example", backoffice.Manager)
		link := func() string {
			token, hash := auth.StaffLinkToken.New()
			if _, err := s.MakeStaffLink(ctx, backoffice.CommandLine(), staff.ID, hash); err != nil {
				t.Fatal(err)
			}
			return token
		}
		token := link()
		session, _ := w.sessionOf(staff)
		setup, _ := auth.SetupToken.New()
		tries := []string{session, setup, w.token("visits:write"), "", token[1:], token[:len(token)-1], token + "A", strings.ToUpper(token), strings.ToLower(token)}
		for i := range token {
			flipped := []byte(token)
			flipped[i] ^= 1
			tries = append(tries, string(flipped), token[:i]+string(swapCase(token[i]))+token[i+1:])
		}
		before := storetest.Dump(t, s)
		for _, try := range tries {
			if try == token || !validCookie(try) {
				continue
			}
			if got := w.chosen(try); got.Status != http.StatusNotFound || got.cookie("steward") != "" {
				t.Errorf("%q opens: %d", try, got.Status)
			}
		}
		w.unchanged(before, "links that are none")
		for _, door := range []string{"/backoffice/setup", "/backoffice/accounts"} {
			got := w.raw(raw{method: "GET", path: door, cookies: map[string]string{"steward": token, "steward-setup": token}})
			if got.Status == http.StatusOK {
				t.Errorf("a set-up link of staff opens %s", door)
			}
		}
		clock.Add(store.StaffLinkLife - time.Microsecond)
		if got := w.raw(raw{method: "GET", path: "/backoffice/staff-setup?token=" + token}); got.Status != http.StatusSeeOther {
			t.Errorf("in time: %d", got.Status)
		}
		clock.Add(time.Microsecond)
		if got := w.chosen(token); got.Status != http.StatusNotFound {
			t.Errorf("late: %d", got.Status)
		}
		token = link()
		if err := s.RemoveStaff(ctx, backoffice.CommandLine(), staff.ID); err != nil {
			t.Fatal(err)
		}
		if got := w.chosen(token); got.Status != http.StatusNotFound {
			t.Errorf("of somebody removed: %d", got.Status)
		}
		// Who has no password owns nothing yet: the last owner who does stays.
		_, hash := auth.StaffLinkToken.New()
		if _, err := s.AddStaffByLink(ctx, backoffice.CommandLine(), backoffice.NewStaff{Email: "later@vendor.example", Role: backoffice.Owner}, hash); err != nil {
			t.Fatal(err)
		}
		owner, _, err := s.StaffCredentials(ctx, "owner@vendor.example")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveStaff(ctx, backoffice.CommandLine(), owner.ID); err == nil {
			t.Error("the last owner with a password was removed")
		}
	})
}
