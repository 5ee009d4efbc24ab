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

// userAt is the only user of the list with the address.
func userAt(t *testing.T, s *store.Store, email string) backoffice.UserDetails {
	t.Helper()
	page, err := s.Users(ctx, backoffice.UserFilter{Query: email}, "")
	if err != nil || len(page.Rows) != 1 {
		t.Fatalf("%s: %d users, %v", email, len(page.Rows), err)
	}
	u, err := s.User(ctx, page.Rows[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Who is deleted leaves every account and every figure; restored, they are in
// their accounts again with what was not revoked since. Who comes with the
// address meanwhile is another user, and gets nothing (T-06).
func TestUserBin(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		by := backoffice.CommandLine()
		create(t, s, "Nordwind GmbH", "nord", "ana@nordwind.example")
		create(t, s, "Ostwind AG", "ost", "bo@ostwind.example")
		if _, err := s.AddUser(ctx, by, "ost", backoffice.NewMember{Email: "ana@nordwind.example", Roles: []string{"read-only", "admin"}}); err != nil {
			t.Fatal(err)
		}
		clock.Add(time.Hour)
		if _, err := s.RecordVisits(ctx, by, []backoffice.Visit{{AccountID: "ost", Email: "ana@nordwind.example", At: clock.Now()}}); err != nil {
			t.Fatal(err)
		}
		ana := userAt(t, s, "ana@nordwind.example")
		if err := s.SetUserMetadata(ctx, by, ana.ID, true, store.MetadataEdit{Text: `{"secret":"CANARY"}`, Version: 1}); err != nil {
			t.Fatal(err)
		}
		before, _ := s.UserMemberships(ctx, ana.Key)
		if _, err := s.DeleteUser(ctx, by, ana.ID); err != nil {
			t.Fatal(err)
		}
		agree(t, s)
		if a, err := s.Account(ctx, "nord"); err != nil || a.PrimaryEmail != "" || a.Users != 0 {
			t.Errorf("the account still shows %q and %d users: %v", a.PrimaryEmail, a.Users, err)
		}
		if err := s.ChangeUser(ctx, by, ana.ID, store.SetLocked(true)); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("locking who is in the bin: %v", err)
		}
		// The address comes back as somebody else's.
		if _, err := s.AddUser(ctx, by, "ost", backoffice.NewMember{Email: "ana@nordwind.example", Roles: []string{"read-only"}}); err != nil {
			t.Fatal(err)
		}
		other := userAt(t, s, "ana@nordwind.example")
		if other.ID == ana.ID || other.Accounts != 1 || other.Days != 0 || !other.LastVisit.IsZero() || other.VendorMetadata != "{}" {
			t.Errorf("who came anew got %+v", other)
		}
		var p backoffice.Problems
		if _, err := s.RestoreUser(ctx, by, ana.ID); !errors.As(err, &p) {
			t.Errorf("restored beside another user with the address: %v", err)
		}
		if _, err := s.DeleteUser(ctx, by, other.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RestoreUser(ctx, by, ana.ID); err != nil {
			t.Fatal(err)
		}
		agree(t, s)
		after, _ := s.UserMemberships(ctx, ana.Key)
		if len(after) != 2 || len(before) != 2 || after[0].Primary != before[0].Primary || after[1].Visits != 1 || len(after[1].Roles) != 2 || after[1].Status != backoffice.Activated {
			t.Errorf("before %+v, after %+v", before, after)
		}
		if u := userAt(t, s, "ana@nordwind.example"); u.ID != ana.ID || u.Days != 1 || u.Accounts != 2 {
			t.Errorf("restored as %+v", u)
		}
		if _, err := s.DeleteUser(ctx, by, ana.ID); err != nil {
			t.Fatal(err)
		}
		clock.Add(31 * 24 * time.Hour)
		if n, err := s.PurgeUsers(ctx, 10); err != nil || n != 2 {
			t.Fatalf("purged %d, %v", n, err)
		}
		if _, err := s.User(ctx, ana.ID); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("after the purge: %v", err)
		}
		agree(t, s)
	})
}

// A dry run says what the act then does, row by row, and does none of it.
func TestChangeUsers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		by := backoffice.CommandLine()
		create(t, s, "Nordwind GmbH", "nord", "ana@nordwind.example")
		if _, err := s.AddUser(ctx, by, "nord", backoffice.NewMember{Email: "bo@nordwind.example", Roles: []string{"read-only"}}); err != nil {
			t.Fatal(err)
		}
		ids := []string{userAt(t, s, "ana@").ID, userAt(t, s, "bo@").ID, "nobody"}
		for name, act := range map[string]store.UserChange{"give": store.GiveRole("read-only"), "take": store.TakeRole("admin"), "lock": store.SetLocked(true),
			"unlock": store.SetLocked(false), "sessions": store.EndSessions()} {
			events, _ := s.Events(ctx, backoffice.EventFilter{}, "", 1)
			try, err := s.TryUsers(ctx, by, ids, act)
			if err != nil {
				t.Fatal(name, err)
			}
			if now, _ := s.Events(ctx, backoffice.EventFilter{}, "", 1); now.Rows[0].ID != events.Rows[0].ID {
				t.Errorf("%s: a dry run left something in the trail", name)
			}
			done, err := s.ChangeUsers(ctx, by, ids, act)
			if err != nil {
				t.Fatal(name, err)
			}
			for i := range done {
				if done[i] != try[i] {
					t.Errorf("%s: said %+v, did %+v", name, try[i], done[i])
				}
			}
			if len(done) != 3 || done[2].Refused == "" {
				t.Errorf("%s: %+v", name, done)
			}
			agree(t, s)
		}
		viewer := backoffice.Actor{Kind: backoffice.ActorStaff, ID: "staff-vi", Role: backoffice.Viewer}
		if _, err := s.ChangeUsers(ctx, viewer, ids, store.SetLocked(true)); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a Viewer locks: %v", err)
		}
	})
}

// Metadata that somebody else changed meanwhile is not lost, and the secure kind
// never stands in the trail.
func TestUserMetadata(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		by := backoffice.CommandLine()
		u, err := s.CreateUser(ctx, by, store.CreatedUser{Email: "ana@nordwind.example", Name: "Ana"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		set := func(secure bool, text, base string, version int64) error {
			return s.SetUserMetadata(ctx, by, u.ID, secure, store.MetadataEdit{Text: text, Base: base, Version: version})
		}
		if err := set(false, `{"plan":"pro"}`, "{}", 1); err != nil {
			t.Fatal(err)
		}
		if err := set(true, `{"key":"CANARY"}`, "{}", 1); err != nil {
			t.Error("a change of the other kind is a conflict:", err)
		}
		var conflict *store.MetadataConflict
		if err := set(false, `{"plan":"free"}`, "{}", 1); !errors.As(err, &conflict) {
			t.Errorf("a change meanwhile is lost: %v", err)
		}
		var p backoffice.Problems
		if err := set(false, `{"big":"`+string(make([]byte, 5000))+`"}`, "{}", 1); !errors.As(err, &p) {
			t.Errorf("session metadata over 4 KiB: %v", err)
		}
		page, err := s.Events(ctx, backoffice.EventFilter{Action: "user.secure-metadata-changed"}, "", 1)
		if err != nil || len(page.Rows) != 1 || page.Rows[0].After != `{"keys":["key"]}` {
			t.Errorf("the trail says %+v, %v", page.Rows, err)
		}
	})
}

// Nothing of who was purged is left in the trail: neither what was done to them
// nor what they did, while the chain stays whole (product.md, section 14).
func TestPurgedUserLeavesTheTrail(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Nordwind GmbH", "nord", "ana.canary@nordwind.example")
		ana := userAt(t, s, "ana.canary@")
		if err := s.RenameUser(ctx, cli, ana.ID, "Ana Canary"); err != nil {
			t.Fatal(err)
		}
		x, _ := signInOf(t, s, "ana.canary@nordwind.example", "nord", "1")
		var m mint
		by := x.Actor("192.0.2.77")
		if _, err := s.InviteUser(ctx, by, "nord", invited("bo@nordwind.example"), m.next); err != nil {
			t.Fatal(err)
		}
		if err := s.ChangeMemberRoles(ctx, by, "nord", userAt(t, s, "bo@").ID, []string{"admin"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeleteUser(ctx, cli, ana.ID); err != nil {
			t.Fatal(err)
		}
		clock.Add(backoffice.BinDays * 24 * time.Hour)
		if n, err := s.PurgeUsers(ctx, 10); err != nil || n != 1 {
			t.Fatalf("purged %d, %v", n, err)
		}
		if broken, _, err := s.VerifyEvents(ctx); broken != 0 || err != nil {
			t.Errorf("the chain is broken at %d, %v", broken, err)
		}
		page, err := s.Events(ctx, backoffice.EventFilter{}, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		acted := 0
		for _, e := range page.Rows {
			if e.ActorID == ana.ID {
				acted++
				if !e.Purged || e.Address != "" || e.ActorName != "" {
					t.Errorf("%s still tells of who did it: %+v", e.Action, e)
				}
			}
			if e.ObjectID == "nord" && e.Purged {
				t.Errorf("%s of the account by others is gone", e.Action)
			}
		}
		if acted < 3 {
			t.Errorf("%d entries of what they did", acted)
		}
		for table, rows := range storetest.Dump(t, s) {
			if table == "events" || table == "invitations" || table == "users" {
				if text := fmt.Sprint(rows); strings.Contains(text, "Ana Canary") || strings.Contains(text, "192.0.2.77") {
					t.Errorf("%s still holds their name or address", table)
				}
			}
		}
		checked(t, s)
	})
}
