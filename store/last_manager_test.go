package store_test

import (
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Staff are told when they take the last one who can manage an account: by
// membership there, or by access from above.
func TestLastManager(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		nord, a, _, _ := reseller(t, s)
		hana := userNamed(t, s, "hana@nord.example")
		signInOf(t, s, hana.Email, "nord", "1")
		last := func(account backoffice.Account, u backoffice.User) bool {
			t.Helper()
			is, err := s.LastManager(ctx, account, u)
			must(err)
			return is
		}
		if !last(nord, hana) {
			t.Error("the only admin")
		}
		uma, err := s.AddUser(ctx, cmd, "nord", backoffice.NewMember{Email: "uma@nord.example", Roles: []string{backoffice.RoleAdmin}})
		must(err)
		if !last(nord, hana) {
			t.Error("somebody who never signed in manages nothing")
		}
		signInOf(t, s, uma.Email, "nord", "2")
		if last(nord, hana) || last(nord, uma) {
			t.Error("one of two")
		}
		must(s.ChangeUser(ctx, cmd, uma.ID, store.SetLocked(true)))
		if !last(nord, hana) {
			t.Error("beside somebody who is locked")
		}
		must(s.ChangeUser(ctx, cmd, uma.ID, store.SetLocked(false)))
		tom, err := s.AddUser(ctx, cmd, a.ID, backoffice.NewMember{Email: "tom@nord.example", Roles: []string{backoffice.RoleAdmin}})
		must(err)
		ivy, err := s.AddUser(ctx, cmd, a.ID, backoffice.NewMember{Email: "ivy@nord.example", Roles: []string{backoffice.RoleReadOnly}})
		must(err)
		signInOf(t, s, tom.Email, a.ID, "3")
		if !last(a, tom) || last(a, ivy) {
			t.Error("below, and somebody who manages nothing")
		}
		must(s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}))
		if last(a, tom) {
			t.Error("with access from above")
		}
		c, err := s.UserDeletion(ctx, tom.Key)
		must(err)
		if len(c.Unmanaged) != 0 {
			t.Errorf("deleting Tom leaves %+v", c.Unmanaged)
		}
		// Hana deleted takes her access from above along, too.
		_, err = s.AddUser(ctx, cmd, a.ID, backoffice.NewMember{Email: hana.Email, Roles: []string{backoffice.RoleAdmin}})
		must(err)
		_, err = s.RemoveMember(ctx, cmd, a.ID, tom.ID)
		must(err)
		if c, err = s.UserDeletion(ctx, hana.Key); err != nil || len(c.Unmanaged) != 1 || c.Unmanaged[0].ID != a.ID {
			t.Errorf("deleting Hana leaves %+v, %v", c.Unmanaged, err)
		}
	})
}
