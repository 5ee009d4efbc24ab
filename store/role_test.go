package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

var cli = backoffice.CommandLine()

// role makes a role and fails the test when it cannot.
func role(t *testing.T, s *store.Store, r backoffice.Role) backoffice.Role {
	t.Helper()
	made, err := s.CreateRole(ctx, cli, r)
	if err != nil {
		t.Fatalf("%s: %v", r.Key, err)
	}
	return made
}

// refusedAt names the fields that an error refuses, sorted.
func refusedAt(err error) string {
	var problems backoffice.Problems
	if !errors.As(err, &problems) {
		return fmt.Sprint(err)
	}
	var fields []string
	for f := range problems {
		fields = append(fields, f)
	}
	slices.Sort(fields)
	return strings.Join(fields, " ")
}

func TestRolesOfANewEnvironment(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		rows, err := s.Roles(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var have []backoffice.Role
		for _, r := range rows {
			have = append(have, r.Role)
		}
		for i, want := range backoffice.BuiltInRoles() {
			if i >= len(have) || !have[i].Same(want) || have[i].ID != want.ID || have[i].Key != want.Key || have[i].BuiltIn != want.BuiltIn || have[i].Version != 1 {
				t.Errorf("role %d: %+v, want %+v", i, have[i], want)
			}
		}
	})
}

func TestRoleIsMadeChangedAndDeleted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		create(t, s, "Nord Textiles", "nord", "")
		create(t, s, "Süd Logistik", "sued", "")
		support := role(t, s, backoffice.Role{Key: "support", Name: " Support ", Description: "Helps", Level: 5,
			Permissions: backoffice.Permissions{backoffice.WriteUsers, backoffice.ReadUsers, "billing.read", backoffice.ReadUsers}})
		read, err := s.Role(ctx, support.ID)
		if err != nil || read.Name != "Support" || read.Level != 5 || read.Version != 1 ||
			!slices.Equal(read.Permissions, backoffice.Permissions{"billing.read", backoffice.ReadUsers, backoffice.WriteUsers}) {
			t.Fatalf("%+v, %v", read, err)
		}
		if own, err := s.OwnPermissions(ctx, ""); err != nil || !slices.Equal(own, backoffice.Permissions{"*", "billing.read", "fe.account-hierarchy.read.*", "fe.secure.read.*"}) {
			t.Errorf("own permissions: %v, %v", own, err)
		}
		// The key is one role's in each account.
		nord := role(t, s, backoffice.Role{Key: "buyer", Name: "Buyer", Level: 20, AccountID: "nord"})
		role(t, s, backoffice.Role{Key: "buyer", Name: "Buyer", Level: 20, AccountID: "sued"})
		for _, r := range []backoffice.Role{
			{Key: "support", Name: "Another"}, {Key: "admin", Name: "Another", AccountID: "nord"}, {Key: "buyer", Name: "Another", AccountID: "nord"}, {Key: "buyer", Name: "Another"},
		} {
			if _, err := s.CreateRole(ctx, cli, r); refusedAt(err) != "key" {
				t.Errorf("%+v: %v", r, err)
			}
		}
		for fields, r := range map[string]backoffice.Role{
			"key name":           {},
			"key":                {Name: "X", Key: "-x"},
			"description":        {Name: "X", Key: "x", Description: strings.Repeat("x", 501)},
			"level":              {Name: "X", Key: "x", Level: 1001},
			"permissions":        {Name: "X", Key: "x", Permissions: backoffice.Permissions{"a.*.b"}},
			"default first_user": {Name: "X", Key: "x", AccountID: "nord", Default: true, FirstUser: true},
		} {
			if _, err := s.CreateRole(ctx, cli, r); refusedAt(err) != fields {
				t.Errorf("%s: %v", fields, err)
			}
		}
		if _, err := s.CreateRole(ctx, cli, backoffice.Role{Key: "x", Name: "X", AccountID: "nowhere"}); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("a role of no account: %v", err)
		}
		page, err := s.AccountRoles(ctx, "nord", "", "")
		if err != nil || len(page.Rows) != 1 || page.Rows[0].ID != nord.ID || page.Rows[0].AccountName != "Nord Textiles" {
			t.Errorf("roles of nord: %+v, %v", page, err)
		}
		if page, err = s.AccountRoles(ctx, "", "", ""); err != nil || len(page.Rows) != 2 {
			t.Errorf("roles of accounts: %+v, %v", page, err)
		}

		edit := read
		edit.Key, edit.AccountID = "other", "nord" // stay as they are
		edit.Name, edit.Default, edit.Permissions = "Support team", true, backoffice.Permissions{"fe.secure.*"}
		if err := s.SaveRole(ctx, cli, support.ID, edit, 1); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveRole(ctx, cli, support.ID, edit, 1); !errors.Is(err, backoffice.ErrConflict) {
			t.Errorf("saved over somebody else's change: %v", err)
		}
		if read, err = s.Role(ctx, support.ID); err != nil || read.Key != "support" || read.AccountID != "" || read.Name != "Support team" || !read.Default || read.Version != 2 {
			t.Errorf("%+v, %v", read, err)
		}
		last := lastEvent(t, s)
		if last.Summary() != "The command line changed the role Support team" || len(last.Changes()) != 3 {
			t.Errorf("%s: %+v", last.Summary(), last.Changes())
		}
		if err := s.SaveRole(ctx, cli, support.ID, edit, 2); err != nil || lastEvent(t, s).ID != last.ID {
			t.Errorf("saving nothing: %v, %s", err, lastEvent(t, s).Summary())
		}

		// Built-in roles: what they may is fixed, and one role is always given.
		admin, err := s.Role(ctx, backoffice.RoleAdmin)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			fields string
			change func(*backoffice.Role)
		}{
			{"", func(r *backoffice.Role) { r.Permissions = nil }},
			{"first_user", func(r *backoffice.Role) { r.FirstUser = false }},
			{"<nil>", func(r *backoffice.Role) { r.Description = "Whoever is in charge." }},
		} {
			edit := admin
			c.change(&edit)
			if err := s.SaveRole(ctx, cli, admin.ID, edit, 1); refusedAt(err) != c.fields {
				t.Errorf("%q: %v", c.fields, err)
			}
		}
		if err := deleteRole(s, admin.ID, ""); refusedAt(err) != "" {
			t.Errorf("deleted Admin: %v", err)
		}

		if err := deleteRole(s, nord.ID, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Role(ctx, nord.ID); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("a deleted role: %v", err)
		}
		taken := role(t, s, backoffice.Role{Key: "buyer", Name: "Buyer again", AccountID: "nord"})
		if err := restoreRole(s, nord.ID); refusedAt(err) != "key" {
			t.Errorf("restored beside its successor: %v", err)
		}
		if err := errors.Join(deleteRole(s, taken.ID, ""), restoreRole(s, nord.ID)); err != nil {
			t.Fatal(err)
		}
		if back, err := s.Role(ctx, nord.ID); err != nil || back.Name != "Buyer" {
			t.Errorf("%+v, %v", back, err)
		}
		checked(t, s)
	})
}

func lastEvent(t *testing.T, s *store.Store) backoffice.Event {
	t.Helper()
	page, err := s.Events(ctx, backoffice.EventFilter{}, "", 1)
	if err != nil || len(page.Rows) == 0 {
		t.Fatalf("%+v, %v", page, err)
	}
	return page.Rows[0].Event
}

func TestWhoHoldsARole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		create(t, s, "Nord Textiles", "nord", "")
		create(t, s, "Süd Logistik", "sued", "")
		support := role(t, s, backoffice.Role{Key: "support", Name: "Support", Level: 5, Permissions: backoffice.Permissions{backoffice.ReadUsers, backoffice.WriteUsers}})
		var users strings.Builder
		users.WriteString("email,account_id,roles\n")
		for i := range 120 {
			roles := "support"
			if i%2 == 0 {
				roles = "support;read-only"
			}
			fmt.Fprintf(&users, "u%03d@nord.example,nord,%s\n", i, roles)
		}
		users.WriteString("uma@sued.example,sued,support\nadmin@sued.example,sued,admin\n")
		imported(t, s, "", users.String(), "")
		if _, err := s.DeleteAccount(ctx, actor, "sued", "Süd Logistik", false); err != nil {
			t.Fatal(err)
		}

		var seen []string
		for after := ""; ; {
			page, err := s.RoleHolders(ctx, support.ID, after, "")
			if err != nil || page.Total != 120 || page.Binned != 1 {
				t.Fatalf("%+v, %v", page, err)
			}
			for _, h := range page.Rows {
				seen = append(seen, h.Email)
			}
			if page.Next == "" {
				back, err := s.RoleHolders(ctx, support.ID, "", page.Prev)
				if err != nil || len(back.Rows) != backoffice.PageSize || back.Rows[backoffice.PageSize-1].Email != seen[len(seen)-len(page.Rows)-1] {
					t.Errorf("the page before: %+v, %v", back.Rows, err)
				}
				break
			}
			after = page.Next
		}
		if slices.Sort(seen); len(slices.Compact(seen)) != 120 {
			t.Errorf("%d holders over the pages", len(seen))
		}
		rows, err := s.Roles(ctx)
		if err != nil || rows[1].Key != "support" || rows[1].Members != 120 || rows[0].Members != 0 || rows[2].Members != 60 {
			t.Errorf("%+v, %v", rows, err)
		}

		// Half of them may read users by another role, too.
		effect, err := s.RoleEffect(ctx, support.ID, backoffice.Permissions{backoffice.WriteUsers, backoffice.DeleteUsers})
		want := backoffice.RoleEffect{Holders: 120, Gain: 120, Lose: 60, Shifts: []backoffice.PermissionShift{
			{Permission: backoffice.ReadUsers, Lose: 60}, {Permission: backoffice.DeleteUsers, Gain: 120}}}
		if err != nil || fmt.Sprint(effect) != fmt.Sprint(want) {
			t.Errorf("%+v, %v", effect, err)
		}

		if err := deleteRole(s, support.ID, ""); refusedAt(err) != "replacement" || !strings.Contains(err.Error(), "120 memberships hold this role, and one in the bin.") {
			t.Errorf("deleted while held: %v", err)
		}
		other := role(t, s, backoffice.Role{Key: "buyer", Name: "Buyer", AccountID: "nord"})
		for _, id := range []string{other.ID, support.ID, "nothing"} {
			if err := deleteRole(s, support.ID, id); refusedAt(err) != "replacement" {
				t.Errorf("replaced by %s: %v", id, err)
			}
		}
		if err := deleteRole(s, support.ID, backoffice.RoleReadOnly); err != nil {
			t.Fatal(err)
		}
		if got := lastEvent(t, s).Summary(); got != "The command line deleted the role Support and gave Read only in its place" {
			t.Error(got)
		}
		page, err := s.RoleHolders(ctx, backoffice.RoleReadOnly, "", "")
		if err != nil || page.Total != 120 || page.Binned != 1 {
			t.Errorf("%d, %d, %v", page.Total, page.Binned, err)
		}
		checked(t, s)
	})
}

func TestImportKnowsRolesOfAccounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		create(t, s, "Nord Textiles", "nord", "")
		create(t, s, "Süd Logistik", "sued", "")
		role(t, s, backoffice.Role{Key: "buyer", Name: "Buyer", AccountID: "nord"})
		gone := role(t, s, backoffice.Role{Key: "gone", Name: "Gone"})
		if err := deleteRole(s, gone.ID, ""); err != nil {
			t.Fatal(err)
		}
		const users = "email,account_id,roles\na@nord.example,nord,buyer\nb@sued.example,sued,buyer\nc@nord.example,nord,gone\nd@nord.example,nord,buyer;admin\n"
		run := imported(t, s, "", users, "")
		if got := refusals(t, s, run); got != "users:3 roles, users:4 roles" {
			t.Error(got)
		}
		list, err := s.ImportRefusals(ctx, run.ID)
		if err != nil || list[0].Reason != "The role with the key buyer belongs to another account." {
			t.Errorf("%+v, %v", list, err)
		}
		again := imported(t, s, "", users, "")
		if n := again.Counts.Memberships.Unchanged; n != 2 {
			t.Errorf("the same file again: %+v", again.Counts)
		}
		nord, err := s.Account(ctx, "nord")
		if err != nil {
			t.Fatal(err)
		}
		if got := membersOf(t, s, nord); len(got) != 2 || strings.Join(got[1].Roles, " ") != "Admin Buyer" {
			t.Errorf("%+v", got)
		}
		if _, err := s.UndoImport(ctx, actor, run.ID, func(int64, int64) {}); err != nil {
			t.Fatal(err)
		}
		checked(t, s)
	})
}

func TestStaffAndTheirRolePermissions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		manager := backoffice.Actor{Kind: backoffice.ActorStaff, ID: "nobody", Role: backoffice.Owner}
		_, made := s.CreateRole(ctx, manager, backoffice.Role{Key: "x", Name: "X"})
		_, deleted := s.DeleteRole(ctx, manager, backoffice.RoleAdmin, "")
		_, restored := s.RestoreRole(ctx, manager, "x")
		for _, err := range []error{made, s.SaveRole(ctx, manager, backoffice.RoleAdmin, backoffice.Role{}, 1), deleted, restored} {
			if !errors.Is(err, backoffice.ErrForbidden) {
				t.Errorf("somebody who is staff no more: %v", err)
			}
		}
	})
}
