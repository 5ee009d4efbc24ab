package store_test

import (
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Whoever comes in by access from above is touched by a policy like a member: they
// must enrol, their sessions there end, and what holds them elsewhere counts.
func TestPolicyTouchesWhoComesFromAbove(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		nord, a, a1, _ := reseller(t, s)
		hana := userNamed(t, s, "hana@nord.example")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		signInOf(t, s, hana.Email, "nord", "1")
		forced := backoffice.PolicyRules{MFAForce: backoffice.Some(backoffice.Force)}
		touched := func(account string, rules backoffice.PolicyRules) store.PolicyTouch {
			t.Helper()
			p, err := s.PolicyOf(ctx, account)
			must(err)
			touch, err := s.PolicyTouched(ctx, p, rules)
			must(err)
			return touch
		}
		if touch := touched(a.ID, forced); touch.Users != 0 || touch.MustEnrol != 0 || touch.SessionsEnd != 0 {
			t.Errorf("nobody is there: %+v", touch)
		}
		must(s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{EndsAt: clock.Now().Add(24 * time.Hour)}))
		signInOf(t, s, hana.Email, a1.ID, "2")
		// Her session there and the one above: a second factor is asked for in both.
		for _, id := range []string{a.ID, a1.ID} {
			if touch := touched(id, forced); touch.Users != 1 || touch.MustEnrol != 1 || touch.SessionsEnd != 2 {
				t.Errorf("%s, by a grant: %+v", id, touch)
			}
		}
		clock.Add(2 * time.Hour)
		idle := backoffice.PolicyRules{IdleMinutes: backoffice.Some(60)}
		if touch := touched(a1.ID, idle); touch.SessionsEnd != 1 {
			t.Errorf("her session there: %+v", touch)
		}
		if touch := touched("nord", forced); touch.Users != 1 || touch.MustEnrol != 1 {
			t.Errorf("a member of the account itself: %+v", touch)
		}
		// Where she comes by the same access she is held already.
		must(s.SavePolicy(ctx, cmd, a.ID, forced, 0))
		b, err := s.CreateSubAccount(ctx, cmd, "nord", "Nord B")
		must(err)
		if touch := touched(b.ID, forced); touch.Users != 1 || touch.MustEnrol != 0 || touch.HeldAlready != 1 {
			t.Errorf("held by a sub-account beside: %+v", touch)
		}
		if touch := touched(nord.ID, forced); touch.MustEnrol != 0 {
			t.Errorf("held by a sub-account below: %+v", touch)
		}
		// What is over touches nobody.
		clock.Add(24 * time.Hour)
		if touch := touched(b.ID, forced); touch.Users != 0 || touch.MustEnrol != 0 {
			t.Errorf("over: %+v", touch)
		}
	})
}
