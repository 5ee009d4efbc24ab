package store_test

import (
	"errors"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// reseller makes nord with nord-a below it and nord-a-1 below that, sued beside
// them; hana is the admin of nord.
func reseller(t *testing.T, s *store.Store) (nord, a, a1, sued backoffice.Account) {
	t.Helper()
	cmd := backoffice.CommandLine()
	nord = create(t, s, "Nord", "nord", "hana@nord.example")
	sued = create(t, s, "Süd", "sued", "sara@sued.example")
	if err := s.SetReseller(ctx, cmd, "nord", true); err != nil {
		t.Fatal(err)
	}
	var err error
	if a, err = s.CreateSubAccount(ctx, cmd, "nord", "Nord A"); err == nil {
		a1, err = s.CreateSubAccount(ctx, cmd, a.ID, "Nord A 1")
	}
	if err != nil {
		t.Fatal(err)
	}
	return nord, a, a1, sued
}

func userNamed(t *testing.T, s *store.Store, email string) backoffice.User {
	t.Helper()
	u, _, err := s.UserCredentials(ctx, email)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestAccessToSubAccounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, a, a1, _ := reseller(t, s)
		hana := userNamed(t, s, "hana@nord.example")
		x, hash := signInOf(t, s, hana.Email, "nord", "1")
		actor := x.Actor("")
		enters := func(id string) bool {
			t.Helper()
			list, _, err := s.Standings(ctx, hana.Key, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, standing := range list {
				if standing.Account.ID == id {
					return true
				}
			}
			return false
		}
		if enters(a.ID) {
			t.Fatal("she comes in below without access")
		}
		if _, err := s.SwitchAccount(ctx, hash, []byte("x"), a.ID, "", ""); !errors.Is(err, backoffice.ErrNotFound) {
			t.Fatalf("switch without access: %v", err)
		}
		try, err := s.TryReach(ctx, actor, accountOf(t, s, x), store.ActGive("nord", hana.ID, backoffice.NewGrant{}))
		if err != nil || len(try.Gains) != 1 || try.Gains[0].Accounts != 2 || len(try.Loses) != 0 {
			t.Fatalf("preview: %+v, %v", try, err)
		}
		if enters(a.ID) {
			t.Fatal("the preview was done")
		}
		if err := s.GiveAccess(ctx, actor, "nord", hana.ID, backoffice.NewGrant{Reason: "Runs the group", EndsAt: clock.Now().Add(48 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"nord", a.ID, a1.ID} {
			if !enters(id) {
				t.Errorf("with access she does not come into %s", id)
			}
		}
		later, err := s.CreateSubAccount(ctx, actor, a1.ID, "Made afterwards")
		if err != nil || !enters(later.ID) {
			t.Errorf("an account that was made afterwards: %v", err)
		}
		y, err := s.SwitchAccount(ctx, hash, []byte("below"), later.ID, "", "")
		if err != nil || !y.Actor("").MayHere(backoffice.WriteUsers) || y.Standing.Membership != 0 {
			t.Fatalf("%+v, %v", y.Standing, err)
		}
		if b, err := s.Account(ctx, later.ID); err != nil || b.Visits != 1 || b.Users != 0 {
			t.Errorf("her visit: %+v, %v", b.Engagement, err)
		}
		// The visits API takes her as well, and of a later day.
		clock.Add(24 * time.Hour)
		if n, err := s.RecordVisits(ctx, cmd, []backoffice.Visit{{AccountID: a.ID, Email: hana.Email, At: clock.Now()}}); err != nil || n != 1 {
			t.Errorf("%d visits, %v", n, err)
		}
		agree(t, s)
		why, err := s.Why(ctx, later, hana.ID)
		if err != nil || len(why.Paths) != 1 || !why.Paths[0].Open() || why.Paths[0].At.ID != "nord" || why.Paths[0].Grant.Reason != "Runs the group" || len(why.Paths[0].Roles) != 1 {
			t.Errorf("why: %+v, %v", why, err)
		}
		who, err := s.WhoReaches(ctx, later, "")
		if err != nil || who.Total != 1 || len(who.Rows) != 1 || who.Rows[0].User.ID != hana.ID || len(who.Rows[0].Paths) != 1 {
			t.Errorf("who: %+v, %v", who, err)
		}
		if n, err := s.GrantedTo(ctx, later.Key); err != nil || n != 1 {
			t.Errorf("%d by grant, %v", n, err)
		}
		// The end comes by itself.
		clock.Add(24 * time.Hour)
		if enters(later.ID) {
			t.Error("access outlived its end")
		}
		if _, err := s.FindUserSession(ctx, []byte("below")); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the session below outlived it: %v", err)
		}
		if why, err = s.Why(ctx, later, hana.ID); err != nil || len(why.Paths) != 1 || why.Paths[0].Open() {
			t.Errorf("why not: %+v, %v", why, err)
		}
		// Again without end; a member as well, so that revoking leaves that.
		if err := s.GiveAccess(ctx, actor, "nord", hana.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddUser(ctx, cmd, a.ID, backoffice.NewMember{Email: hana.Email, Roles: []string{backoffice.RoleReadOnly}}); err != nil {
			t.Fatal(err)
		}
		signInOf(t, s, hana.Email, a1.ID, "3")
		if try, err = s.TryReach(ctx, actor, accountOf(t, s, x), store.ActRevoke("nord", hana.ID)); err != nil || len(try.Loses) != 1 || try.Loses[0].Accounts != 2 || len(try.Gains) != 0 {
			t.Fatalf("preview of revoking: %+v, %v", try, err)
		}
		// The ability rests and comes back.
		if err := s.SetReseller(ctx, cmd, "nord", false); err != nil || enters(a1.ID) {
			t.Errorf("the ability is off, and she comes in: %v", err)
		}
		if err := s.SetReseller(ctx, cmd, "nord", true); err != nil || !enters(a1.ID) {
			t.Errorf("the ability came back without her: %v", err)
		}
		if err := s.RevokeAccess(ctx, actor, "nord", hana.ID); err != nil {
			t.Fatal(err)
		}
		if enters(a1.ID) || !enters(a.ID) {
			t.Error("revoked: it took the wrong accounts")
		}
		agree(t, s)
	})
}

func TestAccessDefaults(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, a, _, _ := reseller(t, s)
		hana := userNamed(t, s, "hana@nord.example")
		x, _ := signInOf(t, s, hana.Email, "nord", "1")
		reached := func(email string) bool {
			t.Helper()
			_, _, err := s.Standings(ctx, userNamed(t, s, email).Key, "")
			if err != nil {
				t.Fatal(err)
			}
			who, err := s.WhoReaches(ctx, a, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range who.Rows {
				if r.User.Email == email {
					return true
				}
			}
			return false
		}
		add := func(email string) {
			t.Helper()
			if _, err := s.AddUser(ctx, cmd, "nord", backoffice.NewMember{Email: email, Roles: []string{backoffice.RoleReadOnly}}); err != nil {
				t.Fatal(err)
			}
			signInOf(t, s, email, "nord", email)
		}
		add("old@nord.example")
		if err := s.SetAccessDefault(ctx, cmd, "nord", backoffice.AccessOn); err != nil {
			t.Fatal(err)
		}
		add("new@nord.example")
		if reached("old@nord.example") || !reached("new@nord.example") {
			t.Error("on: it is for new memberships, and for them alone")
		}
		try, err := s.TryReach(ctx, x.Actor(""), accountOf(t, s, x), store.ActDefault("nord", backoffice.AccessAlways))
		if err != nil || len(try.Gains) != 2 || try.Gains[0].Accounts != 2 {
			t.Errorf("preview: %+v, %v", try, err)
		}
		if err := s.SetAccessDefault(ctx, x.Actor(""), "nord", backoffice.AccessAlways); err != nil {
			t.Fatal(err)
		}
		if !reached("old@nord.example") || !reached(hana.Email) {
			t.Error("always: all have it")
		}
		var refusal backoffice.Refusal
		if err := s.RevokeAccess(ctx, cmd, "nord", userNamed(t, s, "new@nord.example").ID); !errors.As(err, &refusal) {
			t.Errorf("always: taken singly: %v", err)
		}
		agree(t, s)
	})
}

func TestSubAccountsOfOthersAreNotThere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		nord, a, a1, sued := reseller(t, s)
		x, _ := signInOf(t, s, "hana@nord.example", "nord", "1")
		hana := x.Actor("")
		for name, act := range map[string]func() error{
			"create below a foreign account": func() error { _, err := s.CreateSubAccount(ctx, hana, sued.ID, "X"); return err },
			"rename a foreign account":       func() error { return s.RenameSubAccount(ctx, hana, sued.ID, "X") },
			"move a foreign account":         func() error { return s.MoveAccount(ctx, hana, sued.ID, nord.ID) },
			"move to a foreign account":      func() error { return s.MoveAccount(ctx, hana, a.ID, sued.ID) },
			"remove a foreign account":       func() error { _, err := s.RemoveSubAccount(ctx, hana, sued.ID); return err },
			"let a foreign account manage":   func() error { return s.SetReseller(ctx, hana, sued.ID, true) },
			"what is not there":              func() error { return s.RenameSubAccount(ctx, hana, "nothing", "X") },
			"add users to a foreign account": func() error {
				_, err := s.AddUser(ctx, hana, sued.ID, backoffice.NewMember{Email: "a@b.example", Roles: []string{"admin"}})
				return err
			},
		} {
			if err := act(); !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// What is seen, and is not theirs to do.
		if _, err := s.AddUser(ctx, hana, a.ID, backoffice.NewMember{Email: "a@b.example", Roles: []string{"admin"}}); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("users of a sub-account without holding a role there: %v", err)
		}
		if err := s.RenameSubAccount(ctx, hana, nord.ID, "X"); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("the own account is renamed as a sub-account: %v", err)
		}
		var problems backoffice.Problems
		if err := s.MoveAccount(ctx, hana, a.ID, a1.ID); !errors.As(err, &problems) || problems["parent"] == "" {
			t.Errorf("below itself: %v", err)
		}
		var children *store.HasSubAccounts
		if _, err := s.RemoveSubAccount(ctx, hana, a.ID); !errors.As(err, &children) || children.Count != 1 {
			t.Errorf("with children: %v", err)
		}
		if err := s.RenameSubAccount(ctx, hana, a1.ID, "  Nord  A  One "); err != nil {
			t.Error(err)
		}
		deletion, err := s.RemoveSubAccount(ctx, hana, a1.ID)
		if err != nil {
			t.Fatal(err)
		}
		if ref, err := s.RestoreSubAccount(ctx, hana, deletion); err != nil || ref.ID != a1.ID {
			t.Errorf("undo: %+v, %v", ref, err)
		}
		if err := s.MoveAccount(ctx, hana, a1.ID, nord.ID); err != nil {
			t.Error(err)
		}
		b, err := s.Branch(ctx, nord.Key)
		if err != nil || len(b.Nodes) != 3 || b.Nodes[0].Below != 2 || b.Nodes[0].Children != 2 || b.Nodes[0].BranchUsers != 1 {
			t.Errorf("%+v, %v", b, err)
		}
		// Who may read only sees, and changes nothing.
		if err := s.ChangeMemberRoles(ctx, cmd, nord.ID, x.User.ID, []string{backoffice.RoleReadOnly}); err != nil {
			t.Fatal(err)
		}
		if err := s.RenameSubAccount(ctx, hana, a1.ID, "Y"); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("renamed by a reader: %v", err)
		}
		if err := s.SetReseller(ctx, cmd, nord.ID, false); err != nil {
			t.Fatal(err)
		}
		if err := s.RenameSubAccount(ctx, hana, a1.ID, "Y"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the ability is off: %v", err)
		}
		agree(t, s)
	})
}

// accountOf is the account that a user is in.
func accountOf(t *testing.T, s *store.Store, x backoffice.SignedInUser) backoffice.Account {
	t.Helper()
	a, err := s.Account(ctx, x.Standing.Account.ID)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Access to what lies below comes back with the membership or the user that was
// taken away, and with nothing else.
func TestAccessComesBackWithItsMembership(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, a, _, _ := reseller(t, s)
		hana := userNamed(t, s, "hana@nord.example")
		signInOf(t, s, hana.Email, "nord", "1")
		reaches := func() bool {
			t.Helper()
			list, _, err := s.Standings(ctx, hana.Key, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, standing := range list {
				if standing.Account.ID == a.ID {
					return true
				}
			}
			return false
		}
		if err := s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{Reason: "Group"}); err != nil {
			t.Fatal(err)
		}
		removal, err := s.RemoveMember(ctx, cmd, "nord", hana.ID)
		if err != nil || reaches() {
			t.Fatalf("removed: %v, and reaches %v", err, reaches())
		}
		if err := s.RestoreMember(ctx, cmd, "nord", hana.ID, removal); err != nil || !reaches() {
			t.Errorf("the removal was undone: %v, reaches %v", err, reaches())
		}
		if _, err := s.DeleteUser(ctx, cmd, hana.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RestoreUser(ctx, cmd, hana.ID); err != nil || !reaches() {
			t.Errorf("the user was restored: %v, reaches %v", err, reaches())
		}
		if g, given, err := s.GrantOf(ctx, accountKey(t, s, "nord"), hana.Key); err != nil || !given || g.Reason != "Group" {
			t.Errorf("%+v, %v, %v", g, given, err)
		}
		// Who is added anew begins anew.
		if _, err := s.RemoveMember(ctx, cmd, "nord", hana.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddUser(ctx, cmd, "nord", backoffice.NewMember{Email: hana.Email, Roles: []string{backoffice.RoleAdmin}}); err != nil {
			t.Fatal(err)
		}
		signInOf(t, s, hana.Email, "nord", "2")
		if reaches() {
			t.Error("access came back by being added anew")
		}
		if removal, err = s.RemoveMember(ctx, cmd, "nord", hana.ID); err == nil {
			err = s.RestoreMember(ctx, cmd, "nord", hana.ID, removal)
		}
		if err != nil || reaches() {
			t.Errorf("access of an earlier membership came back: %v", err)
		}
		agree(t, s)
	})
}

func accountKey(t *testing.T, s *store.Store, id string) int64 {
	t.Helper()
	a, err := s.Account(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return a.Key
}
