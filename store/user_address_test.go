package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Two addresses with one canonical form are one user: whoever brings them, by
// whatever way in, sixteen at once.
func TestAttack_T26_OneUserPerAddress(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cli := backoffice.CommandLine()
		create(t, s, "Nord Textiles", "nord", "")
		if err := s.SaveSignUpSettings(ctx, cli, backoffice.SignUpSettings{Open: true, Verify: true}); err != nil {
			t.Fatal(err)
		}
		other, err := s.CreateUser(ctx, cli, store.CreatedUser{Email: "other@nord.example"}, auth.InvitationToken.New)
		if err != nil {
			t.Fatal(err)
		}
		spellings := []string{"Mara.Lind@München.example", "mara.lind@xn--mnchen-3ya.example", " MARA.LIND@MÜNCHEN.EXAMPLE ", "mara.LIND@XN--MNCHEN-3YA.example"}
		ways := []func(email string) error{
			func(email string) error {
				_, err := s.CreateUser(ctx, cli, store.CreatedUser{Email: email}, auth.InvitationToken.New)
				return err
			},
			func(email string) error {
				_, err := s.InviteUser(ctx, cli, "nord", backoffice.NewMember{Email: email, Roles: []string{backoffice.RoleReadOnly}}, auth.InvitationToken.New)
				return err
			},
			func(email string) error {
				_, err := s.SignUp(ctx, backoffice.NewSignUp{Email: email, Name: "Mara", Account: "Lind"}, "hash", "", "", auth.VerifyLinkToken.New)
				return err
			},
			func(email string) error {
				actor := backoffice.Actor{Kind: backoffice.ActorUser, Key: other.Key, ID: other.ID, Email: other.Email}
				var link []byte
				mint := func() (string, []byte) {
					token, hash := auth.ChangeLinkToken.New()
					link = hash
					return token, hash
				}
				if _, err := s.AskNewAddress(ctx, actor, email, mint); err != nil || link == nil {
					return err
				}
				_, err := s.UseChangeLink(ctx, actor, link, nil, auth.ReturnLinkToken.New)
				return err
			},
		}
		sixteen(t, nil, func(i int) error {
			_ = ways[i%len(ways)](spellings[i/len(ways)]) // who comes later is refused, each in the words of their way
			return nil
		})
		found := 0
		for _, row := range storetest.Dump(t, s)["users"] {
			if strings.Contains(strings.ToLower(row), "lind@") {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d users have one address", found)
		}
		for _, spelling := range spellings {
			if _, err := s.CreateUser(ctx, cli, store.CreatedUser{Email: spelling}, auth.InvitationToken.New); err == nil {
				t.Errorf("%q makes another user", spelling)
			}
		}
		if _, err := s.Check(ctx, func(f store.Finding) { t.Errorf("%s: %s", f.What, f.Detail) }); err != nil {
			t.Fatal(err)
		}
	})
}

// changedAddress changes the address of a user as who is in as them can, and
// returns the hash of the link by which the old one takes it back.
func changedAddress(t *testing.T, s *store.Store, u backoffice.User, email string) (back []byte) {
	t.Helper()
	actor := backoffice.Actor{Kind: backoffice.ActorUser, Key: u.Key, ID: u.ID, Email: u.Email}
	var link []byte
	if _, err := s.AskNewAddress(ctx, actor, email, func() (token string, hash []byte) {
		token, link = auth.ChangeLinkToken.New()
		return token, link
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UseChangeLink(ctx, actor, link, nil, func() (token string, hash []byte) {
		token, back = auth.ReturnLinkToken.New()
		return token, back
	}); err != nil {
		t.Fatal(err)
	}
	return back
}

// The link that an address gets when it is left works once, for that address and
// user, and for seven days; the one who left cannot kill it.
func TestAddressIsTakenBackOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		twoAccounts(t, s)
		u, _, err := s.UserCredentials(ctx, "hana@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		reset := auth.ResetLinkToken.New
		late := changedAddress(t, s, u, "thief@evil.example")
		for _, purpose := range []string{store.LinkSignIn, store.LinkReset, store.LinkVerify, store.LinkChange} {
			if _, err := s.MailedLink(ctx, purpose, late); !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("it opens %s: %v", purpose, err)
			}
		}
		// What the thief can do kills nothing: another password, another address.
		if err := s.SetUserPassword(ctx, backoffice.CommandLine(), u.Key, "", "the thief’s", nil); err != nil {
			t.Fatal(err)
		}
		u.Email = "thief@evil.example"
		second := changedAddress(t, s, u, "again@evil.example")
		clock.Add(7*24*time.Hour - time.Second)
		if n := sixteen(t, backoffice.ErrNotFound, func(int) error { _, err := s.UseReturnLink(ctx, late, "", reset); return err }); n != 1 {
			t.Errorf("%d of sixteen took it back", n)
		}
		back, hash, err := s.UserCredentials(ctx, "hana@nord.example")
		if err != nil || back.Key != u.Key || hash != "" || !back.Verified {
			t.Errorf("%+v %q, %v", back, hash, err)
		}
		if history, err := s.PasswordHistory(ctx, u.Key, 5); err != nil || len(history) < 2 || history[1] != "the thief’s" {
			t.Errorf("the history: %q, %v", history, err)
		}
		// Nor does the thief get it back by the link that their address got.
		if _, err := s.UseReturnLink(ctx, second, "", reset); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the address in between: %v", err)
		}
		var kinds []backoffice.MailKind
		for {
			m, err := s.LeaseMail(ctx)
			if err != nil {
				break
			}
			if m.CreatedAt.Equal(clock.Now().Truncate(time.Microsecond)) {
				kinds = append(kinds, m.Kind)
				if m.Kind == backoffice.MailReset && m.To != "hana@nord.example" || m.Kind == backoffice.MailChanged && (m.To != "again@evil.example" || m.Token != "") {
					t.Errorf("%+v", m)
				}
			}
		}
		if len(kinds) != 2 {
			t.Errorf("mails: %v", kinds)
		}
		// Too late, and an address that somebody has meanwhile.
		late = changedAddress(t, s, back, "new@nord.example")
		clock.Add(7 * 24 * time.Hour)
		if _, err := s.UseReturnLink(ctx, late, "", reset); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("after seven days: %v", err)
		}
		back.Email = "new@nord.example"
		taken := changedAddress(t, s, back, "newer@nord.example")
		if _, err := s.CreateUser(ctx, backoffice.CommandLine(), store.CreatedUser{Email: "new@nord.example"}, auth.InvitationToken.New); err != nil {
			t.Fatal(err)
		}
		// It cannot be given back, and nobody gets in with what took its place: the user
		// is locked, and the link waits for the address to be free.
		if err := s.SetUserPassword(ctx, backoffice.CommandLine(), u.Key, "", "the thief’s", nil); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			l, err := s.UseReturnLink(ctx, taken, "", reset)
			if err != nil || !l.Taken {
				t.Errorf("an address that somebody has: %+v, %v", l, err)
			}
		}
		locked, hash, err := s.UserCredentials(ctx, "newer@nord.example")
		if err != nil || !locked.Locked || hash != "" {
			t.Errorf("locked: %+v %q, %v", locked, hash, err)
		}
		frozen := 0
		page, err := s.Events(ctx, backoffice.EventFilter{}, "", 50)
		for _, e := range page.Rows {
			if e.Action == "user.frozen" {
				frozen++
			}
		}
		if err != nil || frozen != 1 {
			t.Errorf("the trail tells it %d times, %v", frozen, err)
		}
		if l, err := s.MailedLink(ctx, store.LinkReturn, taken); err != nil || !l.Taken {
			t.Errorf("it used the link up: %+v, %v", l, err)
		}
		other, _, err := s.UserCredentials(ctx, "new@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeleteUser(ctx, backoffice.CommandLine(), other.ID); err != nil {
			t.Fatal(err)
		}
		if l, err := s.UseReturnLink(ctx, taken, "", reset); err != nil || l.Taken {
			t.Errorf("free again: %+v, %v", l, err)
		}
		if back, _, err = s.UserCredentials(ctx, "new@nord.example"); err != nil || back.Key != u.Key || !back.Locked {
			t.Errorf("taken back: %+v, %v", back, err)
		}
		if _, err := s.MailedLink(ctx, store.LinkReturn, taken); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("a second time: %v", err)
		}
		if _, err := s.Check(ctx, func(f store.Finding) { t.Errorf("%s: %s", f.What, f.Detail) }); err != nil {
			t.Fatal(err)
		}
	})
}
