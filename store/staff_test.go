package store_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

func addStaff(t *testing.T, s *store.Store, email string, role backoffice.StaffRole) backoffice.Staff {
	t.Helper()
	staff, err := s.AddStaff(ctx, backoffice.CommandLine(), backoffice.NewStaff{Email: email, Role: role}, "hash-of-"+email)
	if err != nil {
		t.Fatalf("add %s: %v", email, err)
	}
	return staff
}

func session(t *testing.T, s *store.Store, staff backoffice.Staff, hash string) {
	t.Helper()
	x := backoffice.StaffSession{ID: "session-" + hash, CreatedAt: s.Now(), SeenAt: s.Now(), Address: "192.0.2.7", UserAgent: "Firefox"}
	if err := s.CreateStaffSession(ctx, staff.Key, []byte(hash), x, nil); err != nil {
		t.Fatal(err)
	}
}

func signedIn(s *store.Store, hash string) bool {
	_, _, err := s.FindStaffSession(ctx, []byte(hash))
	return err == nil
}

// race runs fn n times at once and returns how many came back without an error.
func race(n int, fn func(i int) error) int {
	var won atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-start
			if fn(i) == nil {
				won.Add(1)
			}
		}()
	}
	close(start)
	wg.Wait()
	return int(won.Load())
}

func TestStaff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		ada := addStaff(t, s, "Ada@Vendor.example", backoffice.Owner)
		if ada.Email != "ada@vendor.example" {
			t.Errorf("the canonical address: %s", ada.Email)
		}
		var p backoffice.Problems
		if _, err := s.AddStaff(ctx, ada.Actor("", ""), backoffice.NewStaff{Email: "ADA@vendor.example", Role: backoffice.Viewer}, "x"); !errors.As(err, &p) || p["email"] == "" {
			t.Errorf("the same address again: %v", err)
		}
		if _, err := s.AddStaff(ctx, ada.Actor("", ""), backoffice.NewStaff{Email: "nobody", Role: "king"}, "x"); !errors.As(err, &p) || p["email"] == "" || p["role"] == "" {
			t.Errorf("nonsense: %v", err)
		}
		max := addStaff(t, s, "max@vendor.example", backoffice.Manager)
		if err := s.ChangeStaffRole(ctx, max.Actor("", ""), max.ID, backoffice.Owner); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a manager makes themselves an owner: %v", err)
		}
		claimed := max.Actor("", "")
		claimed.Role = backoffice.Owner
		if err := s.RemoveStaff(ctx, claimed, ada.ID); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a role that was taken meanwhile: %v", err)
		}
		if err := s.RemoveStaff(ctx, ada.Actor("", ""), ada.ID); !errors.As(err, &p) || p[""] == "" {
			t.Errorf("the last owner: %v", err)
		}
		if err := s.ChangeStaffRole(ctx, ada.Actor("", ""), ada.ID, backoffice.Viewer); !errors.As(err, &p) {
			t.Errorf("the last owner's role: %v", err)
		}
		session(t, s, max, "max-1")
		if err := s.ChangeStaffRole(ctx, ada.Actor("", ""), max.ID, backoffice.Viewer); err != nil {
			t.Fatal(err)
		}
		if signedIn(s, "max-1") {
			t.Error("a session outlives the change of the role")
		}
		session(t, s, max, "max-2")
		if _, err := s.SaveView(ctx, max.Actor("", ""), "accounts", "Mine", "q=x", false); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveStaff(ctx, ada.Actor("", ""), max.ID); err != nil {
			t.Fatal(err)
		}
		if signedIn(s, "max-2") {
			t.Error("a session outlives the removal")
		}
		if _, _, err := s.StaffCredentials(ctx, "max@vendor.example"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("credentials after the removal: %v", err)
		}
		if err := s.ChangeStaffRole(ctx, ada.Actor("", ""), max.ID, backoffice.Owner); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the role of somebody removed: %v", err)
		}
		again := addStaff(t, s, "max@vendor.example", backoffice.Viewer)
		if views, err := s.Views(ctx, again.Actor("", ""), "accounts"); again.ID == max.ID || err != nil || len(views) != 0 {
			t.Errorf("who comes back begins anew: %v, %v", views, err)
		}
		list, err := s.StaffList(ctx)
		if err != nil || len(list) != 2 || list[0].Email != "ada@vendor.example" || list[1].Role != backoffice.Viewer {
			t.Errorf("list: %+v, %v", list, err)
		}
		agree(t, s)
	})
}

func TestLastOwnerRaced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		for range 5 {
			a, b := addStaff(t, s, "a@vendor.example", backoffice.Owner), addStaff(t, s, "b@vendor.example", backoffice.Owner)
			both := []backoffice.Staff{a, b}
			race(16, func(i int) error {
				me, other := both[i%2], both[1-i%2]
				switch i % 4 {
				case 0, 1:
					return s.RemoveStaff(ctx, me.Actor("", ""), other.ID)
				default:
					return s.ChangeStaffRole(ctx, me.Actor("", ""), me.ID, backoffice.Viewer)
				}
			})
			if has, err := s.HasOwner(ctx); err != nil || !has {
				t.Fatalf("nobody owns it: %v", err)
			}
			keeper := addStaff(t, s, "keeper@vendor.example", backoffice.Owner)
			list, _ := s.StaffList(ctx)
			for _, m := range list {
				if m.ID != keeper.ID {
					if err := s.RemoveStaff(ctx, keeper.Actor("", ""), m.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
			// The keeper goes with the next round's owners in place.
			next := addStaff(t, s, "next@vendor.example", backoffice.Owner)
			if err := s.RemoveStaff(ctx, next.Actor("", ""), keeper.ID); err != nil {
				t.Fatal(err)
			}
			a = addStaff(t, s, "c@vendor.example", backoffice.Owner)
			if err := s.RemoveStaff(ctx, a.Actor("", ""), next.ID); err != nil {
				t.Fatal(err)
			}
			if err := s.ChangeStaffRole(ctx, a.Actor("", ""), a.ID, backoffice.Owner); err != nil {
				t.Fatal(err)
			}
			b = addStaff(t, s, "d@vendor.example", backoffice.Owner)
			_ = s.RemoveStaff(ctx, b.Actor("", ""), a.ID)
		}
		agree(t, s)
	})
}

func TestChangePassword(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		ada := addStaff(t, s, "ada@vendor.example", backoffice.Owner)
		for _, h := range []string{"here", "there"} {
			session(t, s, ada, h)
		}
		if err := s.AddDevice(ctx, ada.Key, []byte("device")); err != nil {
			t.Fatal(err)
		}
		won := race(16, func(int) error {
			return s.ChangePassword(ctx, ada.Actor("", ""), ada.Key, "hash-of-ada@vendor.example", "new-hash", []byte("here"))
		})
		if won != 1 {
			t.Errorf("%d of 16 changes of one password went through", won)
		}
		if !signedIn(s, "here") || signedIn(s, "there") {
			t.Error("after the change the own session runs and the others do not")
		}
		if known, err := s.KnownDevice(ctx, "ada@vendor.example", []byte("device")); err != nil || known {
			t.Errorf("a device known after the change: %v", err)
		}
		if _, hash, err := s.StaffCredentials(ctx, "ada@vendor.example"); err != nil || hash != "new-hash" {
			t.Errorf("credentials: %s, %v", hash, err)
		}
		agree(t, s)
	})
}

func TestSetupLink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		link := func(hash string) {
			t.Helper()
			if err := s.MakeSetupLink(ctx, []byte(hash)); err != nil {
				t.Fatal(err)
			}
		}
		use := func(hash string) error {
			_, err := s.UseSetupLink(ctx, []byte(hash), backoffice.NewStaff{Email: "ada@vendor.example", Name: "Ada"}, "hash", "192.0.2.1")
			return err
		}
		dead := func(what, hash string) {
			t.Helper()
			if err := s.SetupLink(ctx, []byte(hash)); !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
			if err := use(hash); !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("%s is used: %v", what, err)
			}
		}
		link("first")
		link("second")
		dead("a link before the last", "first")
		dead("a link that never was", "other")
		clock.Add(store.SetupLinkLife)
		dead("a link whose day is over", "second")
		link("third")
		if err := s.SetupLink(ctx, []byte("third")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.UseSetupLink(ctx, []byte("third"), backoffice.NewStaff{Email: "no address"}, "hash", ""); !errors.As(err, new(backoffice.Problems)) {
			t.Errorf("a form with a mistake: %v", err)
		}
		if won := race(16, func(int) error { return use("third") }); won != 1 {
			t.Errorf("%d of 16 came in by one link", won)
		}
		dead("a used link", "third")
		if err := s.MakeSetupLink(ctx, []byte("late")); !errors.Is(err, store.ErrSetUp) {
			t.Errorf("a link beside an owner: %v", err)
		}
		list, err := s.StaffList(ctx)
		if err != nil || len(list) != 1 || list[0].Role != backoffice.Owner {
			t.Errorf("staff: %+v, %v", list, err)
		}
		agree(t, s)
	})
	t.Run("dies with the first owner", func(t *testing.T) {
		storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
			if err := s.MakeSetupLink(ctx, []byte("link")); err != nil {
				t.Fatal(err)
			}
			addStaff(t, s, "max@vendor.example", backoffice.Manager)
			if err := s.SetupLink(ctx, []byte("link")); err != nil {
				t.Errorf("a manager is no owner: %v", err)
			}
			addStaff(t, s, "ada@vendor.example", backoffice.Owner)
			if err := s.SetupLink(ctx, []byte("link")); !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("a link beside an owner: %v", err)
			}
		})
	})
}

func TestStaffSessions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		ada, max := addStaff(t, s, "ada@vendor.example", backoffice.Owner), addStaff(t, s, "max@vendor.example", backoffice.Viewer)
		session(t, s, ada, "one")
		x, who, err := s.FindStaffSession(ctx, []byte("one"))
		if err != nil || who != ada || x.UserAgent != "Firefox" || !x.SeenAt.Equal(s.Now()) {
			t.Errorf("found %+v of %+v, %v", x, who, err)
		}
		clock.Add(time.Minute)
		if err := s.TouchStaffSession(ctx, []byte("one"), s.Now()); err != nil {
			t.Fatal(err)
		}
		if err := s.CreateStaffSession(ctx, ada.Key, []byte("two"), backoffice.StaffSession{ID: "rotated", CreatedAt: x.CreatedAt, SeenAt: s.Now()}, []byte("one")); err != nil {
			t.Fatal(err)
		}
		if signedIn(s, "one") || !signedIn(s, "two") {
			t.Error("the old cookie lives, or the new one does not")
		}
		session(t, s, max, "max")
		if err := s.EndStaffSession(ctx, ada.Actor("", ""), "session-max"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("somebody else's session: %v", err)
		}
		clock.Add(time.Second)
		session(t, s, ada, "three")
		list, err := s.StaffSessions(ctx, ada.Key)
		if err != nil || len(list) != 2 || list[0].ID != "session-three" {
			t.Errorf("list: %+v, %v", list, err)
		}
		if err := s.EndStaffSession(ctx, ada.Actor("", ""), "session-three"); err != nil || signedIn(s, "three") {
			t.Errorf("one's own session: %v", err)
		}
		session(t, s, ada, "four")
		if err := s.DeleteOtherStaffSessions(ctx, ada.Key, []byte("four")); err != nil || signedIn(s, "two") || !signedIn(s, "four") || !signedIn(s, "max") {
			t.Errorf("the other sessions: %v", err)
		}
		for range 2 { // one that is gone is no error
			if err := s.DeleteStaffSession(ctx, []byte("four")); err != nil || signedIn(s, "four") {
				t.Errorf("sign out: %v", err)
			}
		}
		clock.Add(31 * time.Minute)
		if list, err := s.StaffSessions(ctx, max.Key); err != nil || len(list) != 0 {
			t.Errorf("idle: %+v, %v", list, err)
		}
		session(t, s, ada, "five")
		if signedIn(s, "max") {
			t.Error("a session whose time is over was not swept")
		}
		agree(t, s)
	})
}

func TestAttempts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		var got backoffice.AttemptCounts
		try := func(subject, network string, device bool, allow bool) {
			t.Helper()
			a := backoffice.SignInAttempt{Subject: subject, Network: network, Device: device, At: s.Now()}
			w := backoffice.AttemptWindow{Lock: s.Now().Add(-time.Hour), Delays: s.Now().Add(-15 * time.Minute)}
			if err := s.ReserveAttempt(ctx, a, w, func(c backoffice.AttemptCounts) bool { got = c; return allow }); err != nil {
				t.Fatal(err)
			}
		}
		try("ada", "n1", false, true)
		first := s.Now()
		try("ada", "n1", false, true)
		try("ada", "n2", false, true)
		try("ada", "n1", true, true)
		if got.Subject != 0 || got.Network != 2 {
			t.Errorf("devices and others count together: %+v", got)
		}
		try("max", "n1", false, false)
		if got.Subject != 0 || got.Pair != 0 || got.Network != 2 {
			t.Errorf("another subject: %+v", got)
		}
		clock.Add(20 * time.Minute)
		try("ada", "n1", false, true)
		if got.Subject != 3 || got.Pair != 0 || !got.SubjectLast.Equal(first) {
			t.Errorf("after the delays' window: %+v", got)
		}
		if err := s.ForgiveAttempts(ctx, backoffice.SignInAttempt{Subject: "ada", Network: "n1"}); err != nil {
			t.Fatal(err)
		}
		try("ada", "n1", false, false)
		if got.Subject != 1 || got.Pair != 0 || got.Network != 0 {
			t.Errorf("after a success: %+v", got)
		}
		var allowed atomic.Int64
		race(32, func(int) error {
			a := backoffice.SignInAttempt{Subject: "raced", Network: "n3", At: s.Now()}
			return s.ReserveAttempt(ctx, a, backoffice.AttemptWindow{}, func(c backoffice.AttemptCounts) bool {
				if c.Subject >= 5 {
					return false
				}
				allowed.Add(1)
				return true
			})
		})
		if allowed.Load() != 5 {
			t.Errorf("%d of 32 guesses at once were let through, 5 may", allowed.Load())
		}

		ada := addStaff(t, s, "ada@vendor.example", backoffice.Owner)
		for i := range 25 {
			clock.Add(time.Second)
			if err := s.AddDevice(ctx, ada.Key, []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		for i, want := range map[byte]bool{0: false, 4: false, 5: true, 24: true} {
			if known, err := s.KnownDevice(ctx, "ada@vendor.example", []byte{i}); err != nil || known != want {
				t.Errorf("device %d known: %v, %v", i, known, err)
			}
		}
		if known, err := s.KnownDevice(ctx, "max@vendor.example", []byte{24}); err != nil || known {
			t.Errorf("somebody else's device: %v, %v", known, err)
		}
		clock.Add(91 * 24 * time.Hour)
		if known, err := s.KnownDevice(ctx, "ada@vendor.example", []byte{24}); err != nil || known {
			t.Errorf("a device after 90 days: %v, %v", known, err)
		}
	})
}

func TestTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		ada := addStaff(t, s, "ada@vendor.example", backoffice.Owner)
		max := addStaff(t, s, "max@vendor.example", backoffice.Manager)
		var p backoffice.Problems
		if _, err := s.MakeToken(ctx, ada.Actor("", ""), " ", []string{"root"}, []byte("h")); !errors.As(err, &p) || p["name"] == "" || p["scopes"] == "" {
			t.Errorf("nonsense: %v", err)
		}
		if _, err := s.MakeToken(ctx, max.Actor("", ""), "CRM", []string{"visits:write"}, []byte("h")); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a manager makes a token: %v", err)
		}
		token, err := s.MakeToken(ctx, ada.Actor("", ""), "CRM", []string{"visits:write", "visits:write"}, []byte("crm-hash"))
		if err != nil || len(token.Scopes) != 1 {
			t.Fatalf("make: %+v, %v", token, err)
		}
		found, err := s.FindToken(ctx, []byte("crm-hash"))
		if err != nil || found.ID != token.ID || !found.LastUsedAt.IsZero() || !found.Actor("").HasScope("visits:write") || found.Actor("").HasScope("accounts:write") {
			t.Errorf("find: %+v, %v", found, err)
		}
		if err := s.TouchToken(ctx, token.Key, s.Now()); err != nil {
			t.Fatal(err)
		}
		if list, err := s.Tokens(ctx); err != nil || len(list) != 1 || !list[0].LastUsedAt.Equal(s.Now()) || list[0].CreatedBy != "ada@vendor.example" {
			t.Errorf("list: %+v, %v", list, err)
		}
		if err := s.RevokeToken(ctx, max.Actor("", ""), token.ID); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a manager revokes: %v", err)
		}
		if err := s.RevokeToken(ctx, ada.Actor("", ""), token.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.FindToken(ctx, []byte("crm-hash")); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("a revoked token: %v", err)
		}
		if err := s.RevokeToken(ctx, ada.Actor("", ""), token.ID); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("revoked twice: %v", err)
		}
		agree(t, s)
	})
}

func TestViews(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		ada := addStaff(t, s, "ada@vendor.example", backoffice.Owner).Actor("", "")
		max := addStaff(t, s, "max@vendor.example", backoffice.Manager).Actor("", "")
		vera := addStaff(t, s, "vera@vendor.example", backoffice.Viewer).Actor("", "")
		save := func(a backoffice.Actor, name, query string, shared bool) (backoffice.View, error) {
			return s.SaveView(ctx, a, "accounts", name, query, shared)
		}
		if _, err := save(vera, "Ours", "q=x", true); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a viewer shares: %v", err)
		}
		if _, err := save(backoffice.CommandLine(), "Ours", "q=x", false); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a view of nobody: %v", err)
		}
		mine, err := save(vera, "Mine", "q=x", false)
		if err != nil {
			t.Fatal(err)
		}
		again, err := save(vera, "Mine", "q=y", false)
		if err != nil || again.ID != mine.ID {
			t.Errorf("saved anew under the name: %+v, %v", again, err)
		}
		shared, err := save(max, "Dormant", "dormant=90", true)
		if err != nil {
			t.Fatal(err)
		}
		for who, want := range map[string]struct {
			actor backoffice.Actor
			names string
		}{"vera": {vera, "Dormant Mine"}, "ada": {ada, "Dormant"}} {
			list, err := s.Views(ctx, want.actor, "accounts")
			var names []string
			for _, v := range list {
				names = append(names, v.Name)
			}
			if err != nil || strings.Join(names, " ") != want.names {
				t.Errorf("%s sees %v, %v", who, names, err)
			}
		}
		if err := s.DeleteView(ctx, ada, mine.ID); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("somebody's private view: %v", err)
		}
		if err := s.DeleteView(ctx, vera, shared.ID); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a viewer deletes a shared view: %v", err)
		}
		if err := s.DeleteView(ctx, ada, shared.ID); err != nil {
			t.Error(err)
		}
		if err := s.DeleteView(ctx, vera, mine.ID); err != nil {
			t.Error(err)
		}
		agree(t, s)
	})
}

// What proves who somebody is must be nowhere in the trail.
func TestTrailHoldsNoSecret(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		const canary = "CANARY-SECRET"
		if err := s.MakeSetupLink(ctx, []byte(canary)); err != nil {
			t.Fatal(err)
		}
		ada, err := s.UseSetupLink(ctx, []byte(canary), backoffice.NewStaff{Email: "ada@vendor.example"}, canary, "")
		if err != nil {
			t.Fatal(err)
		}
		session(t, s, ada, canary)
		for _, err := range []error{
			s.ChangePassword(ctx, ada.Actor("", ""), ada.Key, canary, canary+"2", nil),
			s.AddDevice(ctx, ada.Key, []byte(canary)),
			func() error {
				_, err := s.MakeToken(ctx, ada.Actor("", ""), "CRM", []string{"visits:write"}, []byte(canary))
				return err
			}(),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		trail := storetest.Dump(t, s)["events"]
		if len(trail) != 5 {
			t.Errorf("%d events", len(trail))
		}
		for _, e := range trail {
			if strings.Contains(e, canary) {
				t.Errorf("in the trail: %s", e)
			}
		}
	})
}
