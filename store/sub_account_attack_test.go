package store_test

import (
	"errors"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// No session outlives the bin (T-13): neither those of the account that was in
// it, nor those that led below it.
func TestAttack_T13_NoSessionComesBackFromTheBin(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		nord, a, a1, _ := reseller(t, s)
		x, _ := signInOf(t, s, "hana@nord.example", nord.ID, "1")
		if err := s.GiveAccess(ctx, cmd, nord.ID, x.User.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		_, below := signInOf(t, s, "hana@nord.example", a1.ID, "2")
		deletion, err := s.RemoveSubAccount(ctx, x.Actor(""), a1.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.RestoreSubAccount(ctx, x.Actor(""), deletion); err != nil {
			t.Fatal(err)
		}
		if _, err := s.FindUserSession(ctx, below); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("removed and restored: %v", err)
		}
		// The same where its sub-accounts move up as it goes.
		_, below = signInOf(t, s, "hana@nord.example", a.ID, "3")
		if _, err := s.DeleteAccount(ctx, cmd, nord.ID, nord.Name, true); err != nil {
			t.Fatal(err)
		}
		if left, err := s.UserSessions(ctx, x.User.Key); err != nil || len(left) != 0 {
			t.Errorf("moved up and deleted: %d sessions, %v", len(left), err)
		}
		if _, err := s.FindUserSession(ctx, below); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("below what was deleted: %v", err)
		}
		agree(t, s)
	})
}

// The default of an account below is for who holds the permission there.
func TestAttack_T07_AccessDefaultTakesThePermissionThere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord, a, _, _ := reseller(t, s)
		x, _ := signInOf(t, s, "hana@nord.example", nord.ID, "1")
		for _, d := range []backoffice.AccessDefault{backoffice.AccessOn, backoffice.AccessAlways} {
			if err := s.SetAccessDefault(ctx, x.Actor(""), a.ID, d); !errors.Is(err, backoffice.ErrForbidden) {
				t.Errorf("%s where nothing is held: %v", d.Label(), err)
			}
		}
		if err := s.SetAccessDefault(ctx, x.Actor(""), nord.ID, backoffice.AccessOn); err != nil {
			t.Errorf("at home: %v", err)
		}
	})
}
