package store_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// fresh is what a new user sets; each sign-in that goes on has a token of its own.
func fresh() store.NewUser {
	return store.NewUser{Name: "Ada Weber", PasswordHash: "$argon2id$hash", Pending: hashOf(rand.Text())}
}

// invite invites to nord and returns the link and the invitation.
func invite(t *testing.T, s *store.Store, email string) (hash []byte, row backoffice.InvitationRow) {
	t.Helper()
	var m mint
	u, err := s.InviteUser(ctx, actor, "nord", invited(email), m.next)
	if err != nil {
		t.Fatal(err)
	}
	if row, err = s.MemberInvitation(ctx, account(t, s, "nord").Key, u.ID); err != nil {
		t.Fatal(err)
	}
	return hashOf(m.last()), row
}

// T-20: a link is accepted once. Sixteen who come with it at the same time are
// one who gets in and fifteen who do not.
func TestAttack_T20_AcceptedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		hash, _ := invite(t, s, "ada@example.com")
		var wg sync.WaitGroup
		var mu sync.Mutex
		in, out := 0, 0
		for range 16 {
			wg.Go(func() {
				_, err := s.AcceptAsNewUser(ctx, hash, fresh())
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					in++
				case errors.Is(err, backoffice.ErrNotFound):
					out++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if in != 1 || out != 15 {
			t.Errorf("%d got in, %d did not", in, out)
		}
		ada := members(t, s, "nord")["ada@example.com"]
		if ada.Status != backoffice.PendingLogin || ada.Name != "Ada Weber" || !ada.Verified {
			t.Errorf("%+v", ada)
		}
		if f, err := s.InvitationFunnel(ctx); err != nil || f.Invited != 1 || f.Accepted != 1 || f.Open != 0 {
			t.Errorf("%+v, %v", f, err)
		}
		agree(t, s)
	})
}

// T-20: the same race by users who are signed in.
func TestAttack_T20_ConfirmedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		create(t, s, "Süd", "sued", "")
		hash, row := invite(t, s, "ada@example.com")
		if _, err := s.AcceptAsNewUser(ctx, hash, fresh()); err != nil {
			t.Fatal(err)
		}
		var m mint
		if _, err := s.InviteUser(ctx, actor, "sued", invited("ada@example.com"), m.next); err != nil {
			t.Fatal(err)
		}
		second := hashOf(m.last())
		u, err := s.InvitationByLink(ctx, second)
		if err != nil || u.SetsPassword || u.UserID != row.UserID {
			t.Fatalf("%+v, %v", u, err)
		}
		// Who has a password does not set one by the way.
		if _, err := s.AcceptAsNewUser(ctx, second, fresh()); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("a known user sets a password: %v", err)
		}
		// Somebody else who is signed in cannot accept it.
		other := backoffice.Actor{Kind: backoffice.ActorUser, Key: u.UserKey + 1}
		if _, err := s.AcceptAsUser(ctx, other, second); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("somebody else: %v", err)
		}
		if _, err := s.AcceptAsUser(ctx, actor, second); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("staff: %v", err)
		}
		own := backoffice.Actor{Kind: backoffice.ActorUser, Key: u.UserKey, ID: u.UserID, Email: "ada@example.com"}
		var wg sync.WaitGroup
		var mu sync.Mutex
		in := 0
		for range 16 {
			wg.Go(func() {
				_, err := s.AcceptAsUser(ctx, own, second)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					in++
				} else if !errors.Is(err, backoffice.ErrNotFound) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if in != 1 {
			t.Errorf("%d got in", in)
		}
		if got := members(t, s, "sued")["ada@example.com"]; got.Status != backoffice.PendingLogin {
			t.Errorf("%+v", got)
		}
	})
}

// T-20: what no more opens: expired by a second, revoked, sent again, copied
// anew, its user removed, locked or switched off, its account in the bin.
func TestAttack_T20_DeadLinks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		var m mint
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		dead := func(what string, hash []byte) {
			t.Helper()
			if _, err := s.InvitationByLink(ctx, hash); !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("%s: opens: %v", what, err)
			}
			if _, err := s.AcceptAsNewUser(ctx, hash, fresh()); !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("%s: accepted: %v", what, err)
			}
		}
		hash, row := invite(t, s, "a@example.com")
		must(failure(s.ResendInvitation(ctx, actor, row.ID, m.next)))
		dead("sent again", hash)
		resent := hashOf(m.last())
		must(failed(s.CopyInvitation(ctx, actor, row.ID, m.next)))
		dead("copied", resent)
		must(failure(s.RevokeInvitation(ctx, actor, row.ID)))
		dead("revoked", hashOf(m.last()))
		hash, _ = invite(t, s, "b@example.com")
		clock.Add(7*24*time.Hour - time.Second)
		if _, err := s.InvitationByLink(ctx, hash); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		clock.Add(time.Second)
		dead("expired", hash)
		hash, _ = invite(t, s, "d@example.com")
		must(failure(s.DeleteAccount(ctx, actor, "nord", "Nord", false)))
		dead("account in the bin", hash)
	})
}

// T-21: who signed up under somebody else's address before has nothing left once
// the owner comes by an invitation.
func TestAttack_T21_InvitationEndsPreHijack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		create(t, s, "Attack", "attack", "")
		u, err := s.AddUser(ctx, actor, "attack", invited("victim@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetUserPassword(ctx, backoffice.System(), u.Key, "", "$attacker", nil); err != nil {
			t.Fatal(err)
		}
		pending := hashOf("attacker")
		if err := s.BeginSignIn(ctx, u.Key, backoffice.ByPassword, pending, false, ""); err != nil {
			t.Fatal(err)
		}
		hash, row := invite(t, s, "victim@example.com")
		// The attacker is on the way in, and is not let in by the owner's invitation.
		if _, err := s.AcceptOnTheWayIn(ctx, pending, row.ID, ""); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the attacker accepts: %v", err)
		}
		if _, err := s.EnterAccount(ctx, store.SignIn{Hash: hashOf("attack"), Pending: pending}, "nord"); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("the attacker enters: %v", err)
		}
		inside := hashOf("inside")
		if _, err := s.EnterAccount(ctx, store.SignIn{Hash: inside, Pending: pending}, "attack"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SwitchAccount(ctx, inside, hashOf("switched"), "nord", "", ""); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the attacker switches: %v", err)
		}
		if err := s.BeginSignIn(ctx, u.Key, backoffice.ByPassword, pending, false, ""); err != nil {
			t.Fatal(err)
		}
		attacker := backoffice.Actor{Kind: backoffice.ActorUser, Key: u.Key, ID: u.ID}
		if _, err := s.AcceptHere(ctx, attacker, row.ID); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the attacker accepts inside of a session: %v", err)
		}
		if _, err := s.DeclineInvitation(ctx, attacker, row.ID); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the attacker declines: %v", err)
		}
		if o, err := s.InvitationByLink(ctx, hash); err != nil || !o.SetsPassword || o.AsksCode {
			t.Errorf("%+v, %v", o, err)
		}
		if _, err := s.AcceptAsNewUser(ctx, hash, fresh()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PendingSignIn(ctx, pending); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the attacker's sign-in goes on: %v", err)
		}
		if got, hash, err := s.UserCredentials(ctx, "victim@example.com"); err != nil || hash != "$argon2id$hash" || !got.Verified {
			t.Errorf("%+v %q %v", got, hash, err)
		}
		if hashes, err := s.PasswordHistory(ctx, u.Key, 10); err != nil || len(hashes) != 1 {
			t.Errorf("%v, %v", hashes, err)
		}
	})
}

// A copied link proves no mailbox: who sets a password by it enters a code that
// was mailed to the address.
func TestAttack_T20_CopiedLinkAsksForCode(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		_, row := invite(t, s, "ada@example.com")
		var m mint
		if _, _, err := s.CopyInvitation(ctx, actor, row.ID, m.next); err != nil {
			t.Fatal(err)
		}
		hash := hashOf(m.last())
		if o, err := s.InvitationByLink(ctx, hash); err != nil || !o.AsksCode {
			t.Fatalf("%+v, %v", o, err)
		}
		try := func(code string) error {
			n := fresh()
			n.Code = code
			_, err := s.AcceptAsNewUser(ctx, hash, n)
			return err
		}
		if err := try(""); !errors.Is(err, store.ErrWrongCode) {
			t.Errorf("without a code: %v", err)
		}
		code := func() string {
			t.Helper()
			if err := s.MailInvitationCode(ctx, hash); err != nil {
				t.Fatal(err)
			}
			mail, err := s.LeaseMail(ctx)
			if err != nil || mail.Kind != backoffice.MailInvitationCode || mail.To != "ada@example.com" || len(mail.Code) != 6 || mail.Token != "" {
				t.Fatalf("%+v, %v", mail, err)
			}
			if err := s.SentMail(ctx, mail.Key, mail.Lease); err != nil {
				t.Fatal(err)
			}
			return mail.Code
		}
		right := code()
		for range 5 {
			if err := try("x" + right); !errors.Is(err, store.ErrWrongCode) {
				t.Errorf("a wrong code: %v", err)
			}
		}
		if err := try(right); !errors.Is(err, store.ErrWrongCode) {
			t.Errorf("after five wrong ones the right one counts: %v", err)
		}
		right = code()
		clock.Add(store.InvitationCodeLife)
		if err := try(right); !errors.Is(err, store.ErrWrongCode) {
			t.Errorf("after its time: %v", err)
		}
		if err := try(code()); err != nil {
			t.Error(err)
		}
		if got := members(t, s, "nord")["ada@example.com"]; !got.Verified {
			t.Errorf("%+v", got)
		}
	})
}

// Who comes by another way is shown their invitations, and accepts one.
func TestAcceptOnTheWayIn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		create(t, s, "Süd", "sued", "")
		hash, row := invite(t, s, "ada@example.com")
		if _, err := s.AcceptAsNewUser(ctx, hash, fresh()); err != nil {
			t.Fatal(err)
		}
		var m mint
		if _, err := s.InviteUser(ctx, actor, "sued", invited("ada@example.com"), m.next); err != nil {
			t.Fatal(err)
		}
		list, err := s.UserInvitations(ctx, row.UserKey)
		if err != nil || len(list) != 1 || list[0].AccountID != "sued" {
			t.Fatalf("%+v, %v", list, err)
		}
		pending := hashOf("pending")
		if err := s.BeginSignIn(ctx, row.UserKey, backoffice.ByPassword, pending, false, ""); err != nil {
			t.Fatal(err)
		}
		i, err := s.AcceptOnTheWayIn(ctx, pending, list[0].ID, "192.0.2.1")
		if err != nil || i.AccountID != "sued" {
			t.Fatalf("%+v, %v", i, err)
		}
		if _, err := s.EnterAccount(ctx, store.SignIn{Hash: hashOf("session"), Pending: pending}, "sued"); err != nil {
			t.Fatal(err)
		}
		if got := members(t, s, "sued")["ada@example.com"]; got.Status != backoffice.Activated || got.Visits != 1 {
			t.Errorf("%+v", got)
		}
		agree(t, s)
	})
}

// Who is signed in already accepts and declines their own invitations alone.
func TestInvitationsInARunningSession(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		create(t, s, "Süd", "sued", "")
		create(t, s, "West", "west", "")
		hash, row := invite(t, s, "ada@example.com")
		if _, err := s.AcceptAsNewUser(ctx, hash, fresh()); err != nil {
			t.Fatal(err)
		}
		x, session := signInOf(t, s, "ada@example.com", "nord", "ada")
		ada := x.Actor("192.0.2.1")
		other, foreign := invite(t, s, "eve@example.com")
		var m mint
		for _, id := range []string{"sued", "west"} {
			if _, err := s.InviteUser(ctx, actor, id, invited("ada@example.com"), m.next); err != nil {
				t.Fatal(err)
			}
		}
		list, err := s.UserInvitations(ctx, row.UserKey)
		if err != nil || len(list) != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, act := range []func() error{
			func() error { _, err := s.AcceptHere(ctx, ada, foreign.ID); return err },
			func() error { _, err := s.DeclineInvitation(ctx, ada, foreign.ID); return err },
			func() error { _, err := s.AcceptHere(ctx, ada, "nothing"); return err },
		} {
			if err := act(); !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("somebody else's: %v", err)
			}
		}
		if _, err := s.AcceptHere(ctx, actor, list[0].ID); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("staff: %v", err)
		}
		if _, err := s.SwitchAccount(ctx, session, hashOf("too early"), "sued", "", ""); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("entered before it was accepted: %v", err)
		}
		for _, i := range list {
			switch i.AccountID {
			case "sued":
				if _, err := s.AcceptHere(ctx, ada, i.ID); err != nil {
					t.Fatal(err)
				}
				if _, err := s.AcceptHere(ctx, ada, i.ID); !errors.Is(err, backoffice.ErrNotFound) {
					t.Errorf("accepted twice: %v", err)
				}
			case "west":
				if _, err := s.DeclineInvitation(ctx, ada, i.ID); err != nil {
					t.Fatal(err)
				}
				if last := lastEvent(t, s); last.Summary() != "Ada declined the invitation" && !strings.HasSuffix(last.Summary(), "declined the invitation") {
					t.Error(last.Summary())
				}
			}
		}
		if _, err := s.SwitchAccount(ctx, session, hashOf("switched"), "sued", "", ""); err != nil {
			t.Errorf("accepted, and not entered: %v", err)
		}
		if got := members(t, s, "sued")["ada@example.com"]; got.Status != backoffice.Activated {
			t.Errorf("%+v", got)
		}
		if _, there := members(t, s, "west")["ada@example.com"]; there {
			t.Error("who declined is still there")
		}
		if _, err := s.InvitationByLink(ctx, hashOf(m.last())); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the link of a declined invitation: %v", err)
		}
		if _, err := s.InvitationByLink(ctx, other); err != nil {
			t.Errorf("somebody else's link: %v", err)
		}
		agree(t, s)
	})
}
