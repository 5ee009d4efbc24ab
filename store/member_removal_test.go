package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

func removeMember(s *store.Store, account, user string) error {
	_, err := s.RemoveMember(ctx, cli, account, user)
	return err
}

// sendMail sends what waits in the outbox, and returns to whom.
func sendMail(t *testing.T, s *store.Store) (to []string) {
	t.Helper()
	for {
		m, err := s.LeaseMail(ctx)
		if errors.Is(err, backoffice.ErrNotFound) {
			return to
		}
		if err != nil {
			t.Fatal(err)
		}
		to = append(to, string(m.Kind)+" "+m.To)
		if err := s.SentMail(ctx, m.Key, m.Lease); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRemovalIsUndone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		support := role(t, s, backoffice.Role{Key: "support", Name: "Support", Level: 5})
		gone := role(t, s, backoffice.Role{Key: "gone", Name: "Gone", Level: 6})
		if _, err := s.AddUser(ctx, cli, "nord", backoffice.NewMember{Email: "ada@nord.example", Roles: []string{"support", "gone"}}); err != nil {
			t.Fatal(err)
		}
		clock.Add(time.Hour)
		if _, err := s.RecordVisits(ctx, cli, []backoffice.Visit{{AccountID: "nord", Email: "ada@nord.example", At: clock.Now()}}); err != nil {
			t.Fatal(err)
		}
		before := members(t, s, "nord")["ada@nord.example"]
		if err := s.SetMemberDisabled(ctx, cli, "nord", before.ID, true); err != nil {
			t.Fatal(err)
		}
		removal, err := s.RemoveMember(ctx, cli, "nord", before.ID)
		if err != nil {
			t.Fatal(err)
		}
		last := lastEvent(t, s)
		if row, err := s.Event(ctx, last.ID); err != nil || row.Undo != removal || !row.Undoable {
			t.Errorf("the trail does not offer to undo it: %+v, %v", row, err)
		}
		// One role is replaced meanwhile, and the other one is gone.
		if err := errors.Join(deleteRole(s, support.ID, ""), deleteRole(s, gone.ID, ""), restoreRole(s, support.ID)); err != nil {
			t.Fatal(err)
		}
		if err := s.RestoreMember(ctx, backoffice.Actor{Kind: backoffice.ActorStaff, ID: "nobody", Role: backoffice.Viewer}, "nord", before.ID, removal); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a Viewer undoes it: %v", err)
		}
		hana := members(t, s, "nord")["hana@nord.example"]
		if err := s.RestoreMember(ctx, cli, "nord", hana.ID, removal); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("somebody else's removal: %v", err)
		}
		if err := s.RestoreMember(ctx, cli, "nord", before.ID, removal); err != nil {
			t.Fatal(err)
		}
		after := members(t, s, "nord")["ada@nord.example"]
		if after.Status != backoffice.Activated || !after.Disabled || fmt.Sprint(after.Roles) != "[Support]" || !after.Since.Equal(before.Since) || after.Visits != 1 {
			t.Errorf("before %+v, after %+v", before, after)
		}
		if err := s.RestoreMember(ctx, cli, "nord", before.ID, removal); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("undone twice: %v", err)
		}
		// Added anew meanwhile, there is nothing to undo; nor when 30 days are over.
		if removal, err = s.RemoveMember(ctx, cli, "nord", before.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddUser(ctx, cli, "nord", backoffice.NewMember{Email: "ada@nord.example", Roles: []string{"admin"}}); err != nil {
			t.Fatal(err)
		}
		var refusal backoffice.Refusal
		if err := s.RestoreMember(ctx, cli, "nord", before.ID, removal); !errors.As(err, &refusal) {
			t.Errorf("put back beside a new membership: %v", err)
		}
		if removal, err = s.RemoveMember(ctx, cli, "nord", before.ID); err != nil {
			t.Fatal(err)
		}
		clock.Add(backoffice.BinDays * 24 * time.Hour)
		if err := s.RestoreMember(ctx, cli, "nord", before.ID, removal); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("after 30 days: %v", err)
		}
		if err := s.Forget(ctx); err != nil {
			t.Fatal(err)
		}
		agree(t, s)
		checked(t, s)
	})
}

// Who was invited comes back as Invited only while the invitation waits: its link
// lives, and somebody has got it (product.md, section 5).
func TestInvitedComesBackWithTheInvitation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		var m mint
		for _, c := range []struct {
			name     string
			sent     bool
			meantime func()
			want     backoffice.MembershipStatus
		}{
			{"sent", true, nil, backoffice.Invited},
			{"queued", false, nil, backoffice.PendingLogin},
			{"expired", true, func() { clock.Add(7 * 24 * time.Hour) }, backoffice.PendingLogin},
		} {
			for _, way := range []string{"removal", "bin"} {
				email := c.name + "-" + way + "@nord.example"
				u, err := s.InviteUser(ctx, cli, "nord", invited(email), m.next)
				if err != nil {
					t.Fatal(err)
				}
				hash := hashOf(m.last())
				if c.sent {
					sendMail(t, s)
				}
				var back func() error
				if way == "bin" {
					if _, err := s.DeleteUser(ctx, cli, u.ID); err != nil {
						t.Fatal(err)
					}
					back = func() error { _, err := s.RestoreUser(ctx, cli, u.ID); return err }
				} else {
					removal, err := s.RemoveMember(ctx, cli, "nord", u.ID)
					if err != nil {
						t.Fatal(err)
					}
					back = func() error { return s.RestoreMember(ctx, cli, "nord", u.ID, removal) }
				}
				if _, err := s.InvitationByLink(ctx, hash); !errors.Is(err, backoffice.ErrNotFound) {
					t.Errorf("%s: the link opens something meanwhile: %v", email, err)
				}
				if c.meantime != nil {
					c.meantime()
				}
				if err := back(); err != nil {
					t.Fatal(err)
				}
				if got := members(t, s, "nord")[email]; got.Status != c.want {
					t.Errorf("%s came back as %s, want %s", email, got.Status, c.want)
				}
				_, err = s.InvitationByLink(ctx, hash)
				if opens := err == nil; opens != (c.want == backoffice.Invited) {
					t.Errorf("%s: the link opens: %v", email, err)
				}
				if n := len(pending(t, s, backoffice.InvitationFilter{Query: email})); (n == 1) != (c.want == backoffice.Invited) {
					t.Errorf("%s: %d pending invitations", email, n)
				}
				if !c.sent {
					if to := sendMail(t, s); len(to) != 0 {
						t.Errorf("%s: mail of a dead invitation goes to %v", email, to)
					}
				}
			}
		}
		agree(t, s)
	})
}

func TestInviteWhoWasAddedSilently(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		create(t, s, "Ost", "ost", "")
		var m mint
		add := func(account, email, role string) backoffice.User {
			t.Helper()
			u, err := s.AddUser(ctx, cli, account, backoffice.NewMember{Email: email, Roles: []string{role}})
			if err != nil {
				t.Fatal(err)
			}
			return u
		}
		ada := add("nord", "ada@nord.example", "read-only")
		if _, err := s.InviteMember(ctx, cli, "nord", ada.ID, m.next); err != nil {
			t.Fatal(err)
		}
		if got := members(t, s, "nord")["ada@nord.example"]; got.Status != backoffice.Invited {
			t.Errorf("%s", got.Status)
		}
		if o, err := s.InvitationByLink(ctx, hashOf(m.last())); err != nil || !o.SetsPassword || o.UserID != ada.ID {
			t.Errorf("%+v, %v", o, err)
		}
		if to := sendMail(t, s); fmt.Sprint(to) != "[invitation ada@nord.example]" {
			t.Errorf("mail to %v", to)
		}
		last := lastEvent(t, s)
		if last.Summary() != "The command line invited ada@nord.example as Read only" {
			t.Error(last.Summary())
		}
		// Not twice, and not who has been here.
		hana := members(t, s, "nord")["hana@nord.example"]
		if _, err := s.RecordVisits(ctx, cli, []backoffice.Visit{{AccountID: "nord", Email: "hana@nord.example", At: clock.Now()}}); err != nil {
			t.Fatal(err)
		}
		off := add("nord", "off@nord.example", "read-only")
		if err := s.SetMemberDisabled(ctx, cli, "nord", off.ID, true); err != nil {
			t.Fatal(err)
		}
		locked := add("nord", "locked@nord.example", "read-only")
		if err := s.ChangeUser(ctx, cli, locked.ID, store.SetLocked(true)); err != nil {
			t.Fatal(err)
		}
		n := len(m.tokens)
		for _, id := range []string{ada.ID, hana.ID, off.ID, locked.ID} {
			var refusal backoffice.Refusal
			if _, err := s.InviteMember(ctx, cli, "nord", id, m.next); !errors.As(err, &refusal) {
				t.Errorf("%s is invited: %v", id, err)
			}
		}
		if _, err := s.InviteMember(ctx, cli, "ost", ada.ID, m.next); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("into an account that they are not in: %v", err)
		}
		// A customer's admin does not reach above themselves (T-07).
		boss := add("nord", "boss@nord.example", "admin")
		writer := backoffice.Actor{Kind: backoffice.ActorUser, Key: ada.Key, ID: ada.ID, Account: backoffice.AccountRef{Key: account(t, s, "nord").Key, ID: "nord"}}
		role(t, s, backoffice.Role{Key: "writer", Name: "Writer", Level: 50, Permissions: backoffice.Permissions{backoffice.WriteUsers}})
		if err := s.ChangeMemberRoles(ctx, cli, "nord", ada.ID, []string{"writer"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.InviteMember(ctx, writer, "nord", boss.ID, m.next); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("who is merely invited invites: %v", err)
		}
		if _, err := s.RecordVisits(ctx, cli, []backoffice.Visit{{AccountID: "nord", Email: "ada@nord.example", At: clock.Now()}}); err != nil {
			t.Fatal(err)
		}
		var refusal backoffice.Refusal
		if _, err := s.InviteMember(ctx, writer, "nord", boss.ID, m.next); !errors.As(err, &refusal) {
			t.Errorf("who stands above is invited: %v", err)
		}
		peer := add("nord", "peer@nord.example", "writer")
		if len(m.tokens) != n {
			t.Error("a refusal made a link")
		}
		if _, err := s.InviteMember(ctx, writer, "nord", peer.ID, m.next); err != nil {
			t.Errorf("a peer: %v", err)
		}

		// Several at once: the same rules, row by row.
		both := add("nord", "both@nord.example", "read-only")
		add("ost", "both@nord.example", "read-only")
		alone, err := s.CreateUser(ctx, cli, store.CreatedUser{Email: "alone@nord.example"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		sendMail(t, s)
		results, err := s.ChangeUsers(ctx, cli, []string{both.ID, peer.ID, hana.ID, off.ID, locked.ID, alone.ID}, store.InviteEverywhere(m.next))
		if err != nil {
			t.Fatal(err)
		}
		var why []string
		for _, r := range results {
			why = append(why, r.Refused)
		}
		if want := []string{"", "", "has signed in already", "disabled in every account", "locked", "in no account"}; !slices.Equal(why, want) {
			t.Errorf("%q, want %q", why, want)
		}
		if to := sendMail(t, s); fmt.Sprint(to) != "[invitation both@nord.example invitation both@nord.example invitation peer@nord.example]" {
			t.Errorf("mail to %v", to)
		}
		agree(t, s)
	})
}
