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

// Other roles of somebody with access to sub-accounts hold there as well: who may
// not give access does not make them more.
func TestAttack_T07_RolesOfWhoHasAccessBelow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		nord, _, _, _ := reseller(t, s)
		for key, held := range map[string]backoffice.Permissions{"clerk": {backoffice.ReadUsers, backoffice.WriteUsers}, "reader": {backoffice.ReadUsers}} {
			if _, err := s.CreateRole(ctx, cmd, backoffice.Role{Key: key, Name: key, Level: 5, Permissions: held}); err != nil {
				t.Fatal(err)
			}
		}
		for email, role := range map[string]string{"clara@nord.example": "clerk", "ron@nord.example": "reader"} {
			if _, err := s.AddUser(ctx, cmd, nord.ID, backoffice.NewMember{Email: email, Roles: []string{role}}); err != nil {
				t.Fatal(err)
			}
		}
		x, _ := signInOf(t, s, "clara@nord.example", nord.ID, "1")
		ron := userNamed(t, s, "ron@nord.example")
		if err := s.GiveAccess(ctx, cmd, nord.ID, ron.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		var problems backoffice.Problems
		if err := s.ChangeMemberRoles(ctx, x.Actor(""), nord.ID, ron.ID, []string{"reader", "clerk"}); !errors.As(err, &problems) || problems["roles"] == "" {
			t.Errorf("more in all that lies below: %v", err)
		}
		if err := s.RevokeAccess(ctx, cmd, nord.ID, ron.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.ChangeMemberRoles(ctx, x.Actor(""), nord.ID, ron.ID, []string{"reader", "clerk"}); err != nil {
			t.Errorf("without access: %v", err)
		}
		if err := s.GiveAccess(ctx, cmd, nord.ID, ron.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		if err := s.ChangeMemberRoles(ctx, x.Actor(""), nord.ID, ron.ID, []string{"reader"}); err != nil {
			t.Errorf("less below: %v", err)
		}
	})
}

// A removal that is undone gives back what there was, and no access that had been
// revoked, whatever new memberships come with (T-13).
func TestAttack_T13_RevokedAccessStaysRevokedByUndo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		nord, a, _, _ := reseller(t, s)
		x, _ := signInOf(t, s, "hana@nord.example", nord.ID, "1")
		if err := s.SetAccessDefault(ctx, cmd, nord.ID, backoffice.AccessOn); err != nil {
			t.Fatal(err)
		}
		if err := s.RevokeAccess(ctx, cmd, nord.ID, x.User.ID); err != nil {
			t.Fatal(err)
		}
		removal, err := s.RemoveMember(ctx, cmd, nord.ID, x.User.ID)
		if err == nil {
			err = s.RestoreMember(ctx, cmd, nord.ID, x.User.ID, removal)
		}
		if _, in := s.StandingIn(ctx, x.User.Key, a.Key); err != nil || !errors.Is(in, backoffice.ErrNotFound) {
			t.Errorf("the membership came back: %v, with access: %v", err, in)
		}
		if _, err = s.DeleteUser(ctx, cmd, x.User.ID); err == nil {
			_, err = s.RestoreUser(ctx, cmd, x.User.ID)
		}
		if _, in := s.StandingIn(ctx, x.User.Key, a.Key); err != nil || !errors.Is(in, backoffice.ErrNotFound) {
			t.Errorf("the user came back: %v, with access: %v", err, in)
		}
	})
}
