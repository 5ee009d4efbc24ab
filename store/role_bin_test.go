package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

func deleteRole(s *store.Store, id, replacement string) error {
	_, err := s.DeleteRole(ctx, cli, id, replacement)
	return err
}

func restoreRole(s *store.Store, id string) error {
	_, err := s.RestoreRole(ctx, cli, id)
	return err
}

// rolesOf are the names of the roles of a user in an account.
func rolesOf(t *testing.T, s *store.Store, account, email string) string {
	t.Helper()
	a, err := s.Account(ctx, account)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range membersOf(t, s, a) {
		if m.Email == email {
			return strings.Join(m.Roles, ", ")
		}
	}
	return "not there"
}

func TestDeletionOfARoleIsUndone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		support := role(t, s, backoffice.Role{Key: "support", Name: "Support", Level: 5, Permissions: backoffice.Permissions{backoffice.ReadUsers}})
		const nord = "@nord.example"
		bring(t, s, "id,name\nnord,Nord\n", "email,account_id,roles\na"+nord+",nord,support\nb"+nord+",nord,support;read-only\nc"+nord+",nord,support\nd"+nord+",nord,support\ne"+nord+",nord,support\nf"+nord+",nord,read-only\n")
		users := map[string]string{}
		a, err := s.Account(ctx, "nord")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range membersOf(t, s, a) {
			users[m.Email[:1]] = m.ID
		}
		binned, err := s.DeleteUser(ctx, cli, users["e"])
		if err != nil || binned == "" {
			t.Fatal(err)
		}
		deletion, err := s.DeleteRole(ctx, cli, support.ID, backoffice.RoleReadOnly)
		if err != nil {
			t.Fatal(err)
		}
		last := lastEvent(t, s)
		if row, err := s.Event(ctx, last.ID); err != nil || row.Undo != deletion || !row.Undoable {
			t.Errorf("the trail does not offer to undo it: %+v, %v", row, err)
		}
		// One is changed since, one is gone, one comes back from the bin meanwhile.
		if err := errors.Join(s.ChangeMemberRoles(ctx, cli, "nord", users["c"], []string{"admin"}), removeMember(s, "nord", users["d"])); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RestoreUser(ctx, cli, users["e"]); err != nil {
			t.Fatal(err)
		}
		if got := rolesOf(t, s, "nord", "e"+nord); got != "Read only" {
			t.Errorf("restored while the role is gone, they have %q", got)
		}
		back, err := s.RestoreRole(ctx, cli, support.ID)
		if err != nil || back.GivenTo != 2 || back.Changed != 1 || back.Role.Name != "Support" {
			t.Fatalf("%+v, %v", back, err)
		}
		for who, want := range map[string]string{"a": "Support", "b": "Support, Read only", "c": "Admin", "d": "not there", "e": "Read only", "f": "Read only"} {
			if got := rolesOf(t, s, "nord", who+nord); got != want {
				t.Errorf("%s has %q, want %q", who, got, want)
			}
		}
		if row, err := s.Event(ctx, last.ID); err != nil || row.Undoable {
			t.Errorf("it can be undone twice: %+v, %v", row, err)
		}
		if err := restoreRole(s, support.ID); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("brought back twice: %v", err)
		}
		// A second deletion knows nothing of the first.
		if err := deleteRole(s, support.ID, backoffice.RoleAdmin); err != nil {
			t.Fatal(err)
		}
		if back, err = s.RestoreRole(ctx, cli, support.ID); err != nil || back.GivenTo != 2 || back.Changed != 0 {
			t.Fatalf("%+v, %v", back, err)
		}
		checked(t, s)

		// After 30 days it is gone, and its events hold nothing.
		if err := deleteRole(s, support.ID, backoffice.RoleReadOnly); err != nil {
			t.Fatal(err)
		}
		clock.Add(backoffice.BinDays*24*time.Hour - time.Second)
		if n, err := s.PurgeRoles(ctx, 10); n != 0 || err != nil {
			t.Fatalf("purged before its time: %d, %v", n, err)
		}
		clock.Add(time.Second)
		if n, err := s.PurgeRoles(ctx, 10); n != 1 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if err := restoreRole(s, support.ID); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("brought back after the purge: %v", err)
		}
		page, err := s.Events(ctx, backoffice.EventFilter{Object: support.ID}, "", 50)
		if err != nil || len(page.Rows) < 5 {
			t.Fatalf("%d, %v", len(page.Rows), err)
		}
		for _, e := range page.Rows {
			if e.Action != "role.purged" && (!e.Purged || e.Before+e.After+e.ObjectName != "") {
				t.Errorf("%s still holds something: %+v", e.Action, e)
			}
		}
		if broken, _, err := s.VerifyEvents(ctx); broken != 0 || err != nil {
			t.Errorf("the chain is broken at %d, %v", broken, err)
		}
		role(t, s, backoffice.Role{Key: "support", Name: "Support"})
		checked(t, s)
	})
}

func TestEffectOfARoleNamesAccountsWithoutManager(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		boss := role(t, s, backoffice.Role{Key: "boss", Name: "Boss", Level: 1, Permissions: backoffice.Permissions{"fe.secure.*"}})
		accounts, users := "id,name\n", "email,account_id,roles\n"
		var visits []backoffice.Visit
		for i := range 7 {
			id := fmt.Sprintf("a%d", i)
			accounts += id + ",Account " + id + "\n"
			users += "boss@" + id + ".example," + id + ",boss\nreader@" + id + ".example," + id + ",read-only\n"
			visits = append(visits, backoffice.Visit{AccountID: id, Email: "boss@" + id + ".example", At: clock.Now()})
		}
		users += "admin@a0.example,a0,admin\nadmin@a1.example,a1,admin\n" // a1's has never signed in
		visits = append(visits, backoffice.Visit{AccountID: "a0", Email: "admin@a0.example", At: clock.Now()})
		bring(t, s, accounts, users)
		if _, err := s.RecordVisits(ctx, actor, visits[:3]); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RecordVisits(ctx, actor, visits[7:]); err != nil {
			t.Fatal(err)
		}
		names := func(p backoffice.Permissions) string {
			t.Helper()
			e, err := s.RoleEffect(ctx, boss.ID, p)
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, a := range e.Unmanaged {
				list = append(list, a.Name)
			}
			return fmt.Sprint(e.Unmanageds, " ", strings.Join(list, ", "))
		}
		if got := names(backoffice.Permissions{"fe.secure.read.*"}); got != "2 Account a1, Account a2" {
			t.Errorf("it takes the last manager from %s", got)
		}
		if got := names(backoffice.Permissions{backoffice.WriteUsers}); got != "0 " {
			t.Errorf("it takes nothing away, and names %s", got)
		}
		if _, err := s.RecordVisits(ctx, actor, visits[3:7]); err != nil {
			t.Fatal(err)
		}
		if got := names(nil); got != "6 Account a1, Account a2, Account a3, Account a4, Account a5" {
			t.Errorf("%s", got)
		}
		bin(t, s, "a3")
		if got := names(nil); got != "5 Account a1, Account a2, Account a4, Account a5, Account a6" {
			t.Errorf("%s", got)
		}
	})
}
