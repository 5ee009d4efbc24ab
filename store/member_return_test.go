package store_test

import (
	"errors"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Users take their own removal of somebody back, and bring in by it nobody whom
// they could not have let in themselves.
func TestUsersTakeARemovalBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		nord, a, _, sued := reseller(t, s)
		hana := userNamed(t, s, "hana@nord.example")
		role, err := s.CreateRole(ctx, cmd, backoffice.Role{Key: "people", Name: "People", Level: 5, Permissions: backoffice.Permissions{backoffice.ReadUsers, backoffice.WriteUsers, backoffice.DeleteUsers, backoffice.ReadSubAccounts}})
		must(err)
		member := func(account, email, role string) (backoffice.User, backoffice.Actor) {
			t.Helper()
			u, err := s.AddUser(ctx, cmd, account, backoffice.NewMember{Email: email, Roles: []string{role}})
			must(err)
			x, _ := signInOf(t, s, email, account, email)
			return u, x.Actor("")
		}
		x, _ := signInOf(t, s, hana.Email, "nord", "hana")
		admin := x.Actor("")
		tom, people := member("nord", "tom@nord.example", role.Key)
		uma, _ := member("nord", "uma@nord.example", backoffice.RoleReadOnly)
		_, other := member(sued.ID, "zoe@sued.example", backoffice.RoleAdmin)
		// By another account it does not exist, and its own admin takes it back once.
		must(s.GiveAccess(ctx, cmd, "nord", uma.ID, backoffice.NewGrant{}))
		removal, err := s.RemoveMember(ctx, admin, "nord", uma.ID)
		must(err)
		if err := s.RestoreMember(ctx, other, "nord", uma.ID, removal); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("by another account: %v", err)
		}
		var refusal backoffice.Refusal
		if err := s.RestoreMember(ctx, people, "nord", uma.ID, removal); err == nil {
			t.Errorf("by who could not give the role or the access: %v", err)
		}
		must(s.RestoreMember(ctx, admin, "nord", uma.ID, removal))
		if standing, err := s.StandingIn(ctx, uma.Key, a.Key); err != nil || !standing.Granted {
			t.Errorf("her access: %+v, %v", standing, err)
		}
		if err := s.RestoreMember(ctx, admin, "nord", uma.ID, removal); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
		// Roles above one's own do not come back by one's hand.
		ivy, _ := member("nord", "ivy@nord.example", backoffice.RoleAdmin)
		removal, err = s.RemoveMember(ctx, admin, "nord", ivy.ID)
		must(err)
		if err := s.RestoreMember(ctx, people, "nord", ivy.ID, removal); !errors.As(err, &refusal) {
			t.Errorf("an admin by who is none: %v", err)
		}
		// Access to sub-accounts takes the permission for it.
		ben, _ := member("nord", "ben@nord.example", role.Key)
		must(s.GiveAccess(ctx, cmd, "nord", ben.ID, backoffice.NewGrant{}))
		removal, err = s.RemoveMember(ctx, people, "nord", ben.ID)
		must(err)
		if err := s.RestoreMember(ctx, people, "nord", ben.ID, removal); !errors.As(err, &refusal) {
			t.Errorf("access by who may not give it: %v", err)
		}
		must(s.RestoreMember(ctx, admin, "nord", ben.ID, removal))
		// Who lost the permission meanwhile.
		removal, err = s.RemoveMember(ctx, people, "nord", ben.ID)
		must(err)
		must(s.ChangeMemberRoles(ctx, cmd, "nord", tom.ID, []string{backoffice.RoleReadOnly}))
		if err := s.RestoreMember(ctx, people, "nord", ben.ID, removal); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("without the permission: %v", err)
		}
		if nord.ID != "nord" {
			t.Error(nord.ID)
		}
		agree(t, s)
	})
}
