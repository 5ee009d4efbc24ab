package store_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// mint makes links as auth does, and keeps them for the test.
type mint struct{ tokens []string }

func (m *mint) next() (string, []byte) {
	token := rand.Text()
	m.tokens = append(m.tokens, token)
	return token, hashOf(token)
}

func (m *mint) last() string { return m.tokens[len(m.tokens)-1] }

func hashOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func invited(email string) backoffice.NewMember {
	return backoffice.NewMember{Email: email, Roles: []string{backoffice.RoleReadOnly}, Message: "Welcome aboard."}
}

func nord(t *testing.T, s *store.Store) {
	t.Helper()
	if _, err := s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: "Nord", ID: "nord", PrimaryEmail: "hana@nord.example"}); err != nil {
		t.Fatal(err)
	}
}

func account(t *testing.T, s *store.Store, id string) backoffice.Account {
	t.Helper()
	a, err := s.Account(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func members(t *testing.T, s *store.Store, id string) map[string]backoffice.Member {
	t.Helper()
	page, err := s.Members(ctx, account(t, s, id), backoffice.MemberFilter{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]backoffice.Member{}
	for _, m := range page.Rows {
		out[m.Email] = m
	}
	return out
}

func pending(t *testing.T, s *store.Store, f backoffice.InvitationFilter) []backoffice.InvitationRow {
	t.Helper()
	page, err := s.Invitations(ctx, f, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if int(page.Total) != len(page.Rows) && page.Next == "" {
		t.Errorf("%d rows, %d in total", len(page.Rows), page.Total)
	}
	return page.Rows
}

func TestAddUser(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		var m mint
		if _, err := s.InviteUser(ctx, actor, "nord", invited("Ada@Example.COM"), m.next); err != nil {
			t.Fatal(err)
		}
		silent := invited("uma@example.com")
		silent.Roles = []string{backoffice.RoleReadOnly, backoffice.RoleAdmin}
		if _, err := s.AddUser(ctx, actor, "nord", silent); err != nil {
			t.Fatal(err)
		}
		got := members(t, s, "nord")
		if ada := got["ada@example.com"]; ada.Status != backoffice.Invited || fmt.Sprint(ada.Roles) != "[Read only]" {
			t.Errorf("invited: %+v", ada)
		}
		if uma := got["uma@example.com"]; uma.Status != backoffice.PendingLogin || fmt.Sprint(uma.Roles) != "[Admin Read only]" {
			t.Errorf("added silently: %+v", uma)
		}
		if len(m.tokens) != 1 || account(t, s, "nord").Users != 3 {
			t.Errorf("%d links, %d users", len(m.tokens), account(t, s, "nord").Users)
		}
		for name, n := range map[string]backoffice.NewMember{
			"email":   {Email: "ada@example.com", Roles: []string{"admin"}},
			"email ":  {Email: "hana@nord.example", Roles: []string{"admin"}},
			"email  ": {Email: "no address", Roles: []string{"admin"}},
			"roles":   {Email: "new@example.com"},
			"roles ":  {Email: "new@example.com", Roles: []string{"gone"}},
			"message": {Email: "new@example.com", Roles: []string{"admin"}, Message: strings.Repeat("x", backoffice.MaxMessage+1)},
		} {
			var problems backoffice.Problems
			if _, err := s.InviteUser(ctx, actor, "nord", n, m.next); !errors.As(err, &problems) || problems[strings.TrimSpace(name)] == "" {
				t.Errorf("%+v: %v", n, err)
			}
		}
		if _, err := s.InviteUser(ctx, actor, "other", invited("x@example.com"), m.next); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("no such account: %v", err)
		}
		if len(m.tokens) != 1 || len(pending(t, s, backoffice.InvitationFilter{})) != 1 {
			t.Error("a refusal made a link")
		}
		viewer := backoffice.Actor{Kind: backoffice.ActorStaff, ID: "nobody", Role: backoffice.Viewer}
		if _, err := s.InviteUser(ctx, viewer, "nord", invited("x@example.com"), m.next); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a viewer: %v", err)
		}
		agree(t, s)
	})
}

// A customer's user adds to the account that they are in, within what they hold
// there (T-07): through the same verbs as staff.
func TestAttack_T07_InvitationAboveOwnRole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		create(t, s, "Other", "other", "")
		var m mint
		if _, err := s.CreateRole(ctx, backoffice.CommandLine(), backoffice.Role{Key: "inviter", Name: "Inviter", Level: 5,
			Permissions: backoffice.Permissions{backoffice.WriteUsers, "fe.secure.read.*", "fe.account-hierarchy.read.*"}}); err != nil {
			t.Fatal(err)
		}
		as := func(role string) backoffice.Actor {
			a := account(t, s, "nord")
			u, err := s.AddUser(ctx, actor, "nord", backoffice.NewMember{Email: strings.ToLower(rand.Text()) + "@nord.example", Roles: []string{role}})
			if err != nil {
				t.Fatal(err)
			}
			return backoffice.Actor{Kind: backoffice.ActorUser, Key: u.Key, ID: u.ID, Email: u.Email, Account: backoffice.AccountRef{Key: a.Key, ID: a.ID, Name: a.Name}}
		}
		inviter, boss := as("inviter"), as(backoffice.RoleAdmin)
		admin := backoffice.NewMember{Email: "boss@example.com", Roles: []string{backoffice.RoleAdmin}}
		var problems backoffice.Problems
		if _, err := s.InviteUser(ctx, inviter, "nord", admin, m.next); !errors.As(err, &problems) || problems["roles"] == "" {
			t.Errorf("a role above one's own: %v", err)
		}
		if _, err := s.InviteUser(ctx, as(backoffice.RoleReadOnly), "nord", invited("x@example.com"), m.next); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("without the permission: %v", err)
		}
		if _, err := s.InviteUser(ctx, boss, "other", invited("x@example.com"), m.next); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("another account: %v", err)
		}
		if len(pending(t, s, backoffice.InvitationFilter{})) != 0 {
			t.Error("a refusal wrote an invitation")
		}
		if _, err := s.InviteUser(ctx, inviter, "nord", invited("x@example.com"), m.next); err != nil {
			t.Error(err)
		}
		if _, err := s.InviteUser(ctx, boss, "nord", admin, m.next); err != nil {
			t.Error(err)
		}
		for _, row := range pending(t, s, backoffice.InvitationFilter{}) {
			if _, _, err := s.CopyInvitation(ctx, boss, row.ID, m.next); !errors.Is(err, backoffice.ErrForbidden) {
				t.Errorf("a customer's admin copies a link: %v", err)
			}
			if row.Email == "boss@example.com" {
				if _, err := s.RevokeInvitation(ctx, inviter, row.ID); !errors.Is(err, backoffice.ErrForbidden) {
					t.Errorf("who stands below takes away who stands above: %v", err)
				}
			}
			if _, err := s.RevokeInvitation(ctx, boss, row.ID); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestPrimaryUserInvited(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		var m mint
		if _, err := s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: "Süd", ID: "sued", PrimaryEmail: "uma@sued.example", Invite: m.next}); err != nil {
			t.Fatal(err)
		}
		if got := members(t, s, "sued")["uma@sued.example"]; got.Status != backoffice.Invited || !got.Primary || fmt.Sprint(got.Roles) != "[Admin]" {
			t.Errorf("%+v", got)
		}
		if rows := pending(t, s, backoffice.InvitationFilter{Account: "sued"}); len(rows) != 1 || rows[0].Mail != backoffice.MailQueued {
			t.Errorf("%+v", rows)
		}
		agree(t, s)
	})
}

func TestResendRevokeCopy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		var m mint
		if _, err := s.InviteUser(ctx, actor, "nord", invited("ada@example.com"), m.next); err != nil {
			t.Fatal(err)
		}
		row := pending(t, s, backoffice.InvitationFilter{})[0]
		if row.Mail != backoffice.MailQueued || row.InvitedBy != actor.Label() || row.ExpiresAt.Sub(row.SentAt) != 7*24*time.Hour || fmt.Sprint(row.Roles) != "[Read only]" {
			t.Errorf("%+v", row)
		}
		clock.Add(time.Hour)
		if _, err := s.ResendInvitation(ctx, actor, row.ID, m.next); err != nil {
			t.Fatal(err)
		}
		mail, err := s.LeaseMail(ctx)
		if err != nil || mail.Token != m.tokens[1] || mail.To != "ada@example.com" || mail.Account != "Nord" || mail.Message != "Welcome aboard." || mail.By != actor.Label() {
			t.Fatalf("%+v, %v", mail, err)
		}
		if _, err := s.LeaseMail(ctx); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("the first mail is sent as well: %v", err)
		}
		if err := s.SentMail(ctx, mail.Key, mail.Lease); err != nil {
			t.Fatal(err)
		}
		if row = pending(t, s, backoffice.InvitationFilter{Mail: "sent"})[0]; !row.CreatedAt.Before(row.SentAt) {
			t.Errorf("%+v", row)
		}
		i, token, err := s.CopyInvitation(ctx, actor, row.ID, m.next)
		if err != nil || token != m.last() || i.ID != row.ID {
			t.Fatalf("%q, %v", token, err)
		}
		if rows := pending(t, s, backoffice.InvitationFilter{Mail: "copied"}); len(rows) != 1 || rows[0].Mail != "" {
			t.Errorf("%+v", rows)
		}
		if _, err := s.RevokeInvitation(ctx, actor, row.ID); err != nil {
			t.Fatal(err)
		}
		if _, there := members(t, s, "nord")["ada@example.com"]; there || len(pending(t, s, backoffice.InvitationFilter{})) != 0 {
			t.Error("revoked, and still there")
		}
		for _, err := range []error{
			failure(s.ResendInvitation(ctx, actor, row.ID, m.next)), failure(s.RevokeInvitation(ctx, actor, row.ID)), failed(s.CopyInvitation(ctx, actor, row.ID, m.next)),
		} {
			if !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("a revoked invitation: %v", err)
			}
		}
		// Who was revoked can be invited again.
		if _, err := s.InviteUser(ctx, actor, "nord", invited("ada@example.com"), m.next); err != nil {
			t.Fatal(err)
		}
		results, err := s.ResendInvitations(ctx, actor, []string{row.ID, pending(t, s, backoffice.InvitationFilter{})[0].ID}, m.next)
		if err != nil || len(results) != 2 || results[0].Refused == "" || results[0].Name != "ada@example.com" || results[1].Refused != "" {
			t.Errorf("%+v, %v", results, err)
		}
		agree(t, s)
	})
}

func failure[T any](_ T, err error) error        { return err }
func failed[T, U any](_ T, _ U, err error) error { return err }

func TestInvitationsList(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		var m mint
		for i := range 120 {
			if _, err := s.InviteUser(ctx, actor, "nord", invited(fmt.Sprintf("user-%03d@example.com", i)), m.next); err != nil {
				t.Fatal(err)
			}
			clock.Add(time.Hour)
		}
		seen, cursor := 0, ""
		for pages := 0; ; pages++ {
			page, err := s.Invitations(ctx, backoffice.InvitationFilter{}, cursor, 0)
			if err != nil || page.Total != 120 {
				t.Fatalf("%d, %v", page.Total, err)
			}
			for _, r := range page.Rows {
				if want := fmt.Sprintf("user-%03d@example.com", 119-seen); r.Email != want {
					t.Fatalf("%s, want %s", r.Email, want)
				}
				seen++
			}
			if (page.Prev == "") != (pages == 0) {
				t.Errorf("page %d: before it %q", pages, page.Prev)
			}
			if cursor = page.Next; cursor == "" {
				if back, err := s.Invitations(ctx, backoffice.InvitationFilter{}, page.Prev, 0); err != nil || len(back.Rows) != 50 || back.Rows[0].Email != "user-069@example.com" {
					t.Errorf("back: %v, %v", back.Rows[0].Email, err)
				}
				break
			}
		}
		if seen != 120 {
			t.Errorf("%d rows", seen)
		}
		for f, want := range map[backoffice.InvitationFilter]int{
			{Query: "USER-00"}: 10, {Query: "nord"}: 120, {Account: "nord"}: 120, {Account: "other"}: 0, {By: actor.ID}: 120, {By: "nobody"}: 0,
			{Mail: "queued"}: 120, {Mail: "sent"}: 0, {Expiry: "open"}: 120, {Expiry: "expired"}: 0, {Expiry: "soon"}: 1,
		} {
			page, err := s.Invitations(ctx, f, "", 0)
			if err != nil || int(page.Total) != want || len(page.Rows) != min(want, 50) {
				t.Errorf("%+v: %d rows of %d, %v", f, len(page.Rows), page.Total, err)
			}
		}
		clock.Add(2*24*time.Hour + 30*time.Minute) // seven days after the first ones
		n := 0
		if err := s.EachInvitation(ctx, backoffice.InvitationFilter{Expiry: backoffice.ExpiryOver}, func(backoffice.InvitationRow) error { n++; return nil }); err != nil || n != 1 {
			t.Errorf("%d expired, %v", n, err)
		}
		f, err := s.InvitationFunnel(ctx)
		if err != nil || f != (backoffice.InvitationFunnel{Invited: 120, Open: 120, Expired: 1}) {
			t.Errorf("%+v, %v", f, err)
		}
		// An account in the bin waits for nobody.
		if _, err := s.DeleteAccount(ctx, actor, "nord", "Nord", false); err != nil {
			t.Fatal(err)
		}
		if rows := pending(t, s, backoffice.InvitationFilter{}); len(rows) != 0 {
			t.Errorf("%d rows of an account in the bin", len(rows))
		}
		if _, err := s.LeaseMail(ctx); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("mail for an account in the bin: %v", err)
		}
		clock.Add(31 * 24 * time.Hour)
		if _, err := s.Purge(ctx, 10); err != nil {
			t.Fatal(err)
		}
		agree(t, s)
	})
}

func TestInvitationDays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		for _, bad := range []string{"", "0", "91", "x", "7.5"} {
			if err := s.SaveInvitationDays(ctx, actor, bad); !errors.As(err, new(backoffice.Problems)) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		if err := s.SaveInvitationDays(ctx, actor, " 3 "); err != nil {
			t.Fatal(err)
		}
		var m mint
		if _, err := s.InviteUser(ctx, actor, "nord", invited("ada@example.com"), m.next); err != nil {
			t.Fatal(err)
		}
		if row := pending(t, s, backoffice.InvitationFilter{})[0]; row.ExpiresAt.Sub(row.SentAt) != 3*24*time.Hour {
			t.Errorf("%v", row.ExpiresAt.Sub(row.SentAt))
		}
	})
}

// What a letter says is not to be read in the database, and not there at all once
// it was sent.
func TestMailIsSealed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		var m mint
		if _, err := s.InviteUser(ctx, actor, "nord", invited("ada@example.com"), m.next); err != nil {
			t.Fatal(err)
		}
		all := func() string { return fmt.Sprint(storetest.Dump(t, s)) }
		if d := all(); strings.Contains(d, m.last()) || strings.Contains(d, hex.EncodeToString([]byte(m.last()))) {
			t.Error("the link is in the database")
		}
		mail, err := s.LeaseMail(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SentMail(ctx, mail.Key, mail.Lease); err != nil {
			t.Fatal(err)
		}
		page, err := s.Mails(ctx, backoffice.MailSent, "")
		if err != nil || len(page.Rows) != 1 || page.Rows[0].Token != "" || page.Rows[0].To != "ada@example.com" {
			t.Errorf("%+v, %v", page, err)
		}
	})
}

func TestMailLeaseBackoffDeadLetter(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		if err := s.SaveInvitationDays(ctx, actor, "90"); err != nil {
			t.Fatal(err)
		}
		var m mint
		if _, err := s.InviteUser(ctx, actor, "nord", invited("ada@example.com"), m.next); err != nil {
			t.Fatal(err)
		}
		first, err := s.LeaseMail(ctx)
		if err != nil {
			t.Fatal(err)
		}
		// While it is being tried nobody else has it; when that takes too long, the next one does.
		if _, err := s.LeaseMail(ctx); !errors.Is(err, backoffice.ErrNotFound) {
			t.Fatalf("handed out twice: %v", err)
		}
		clock.Add(backoffice.MailLease)
		mail, err := s.LeaseMail(ctx)
		if err != nil || mail.Key != first.Key || mail.Lease == first.Lease || mail.Attempts != 2 {
			t.Fatalf("%+v, %v", mail, err)
		}
		// Who comes too late changes nothing.
		if err := s.SentMail(ctx, first.Key, first.Lease); err != nil {
			t.Fatal(err)
		}
		for attempt := int64(2); attempt < backoffice.MailAttempts; attempt++ {
			if err := s.FailedMail(ctx, mail.Key, mail.Lease, "550 no\r\nsuch user"); err != nil {
				t.Fatal(err)
			}
			row := pending(t, s, backoffice.InvitationFilter{})[0]
			if row.Mail != backoffice.MailQueued || row.Reason != "550 no such user" || row.NextAt.Sub(clock.Now()) != backoffice.MailPause(attempt) {
				t.Fatalf("attempt %d: %+v", attempt, row)
			}
			if _, err := s.LeaseMail(ctx); !errors.Is(err, backoffice.ErrNotFound) {
				t.Fatalf("no pause: %v", err)
			}
			clock.Add(backoffice.MailPause(attempt))
			if mail, err = s.LeaseMail(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.FailedMail(ctx, mail.Key, mail.Lease, "550 no such user"); err != nil {
			t.Fatal(err)
		}
		row := pending(t, s, backoffice.InvitationFilter{Mail: "failed"})[0]
		if row.Reason != "550 no such user" || row.Attempts != backoffice.MailAttempts {
			t.Errorf("%+v", row)
		}
		clock.Add(24 * time.Hour)
		if _, err := s.LeaseMail(ctx); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("a dead letter is tried: %v", err)
		}
		f, err := s.MailFigures(ctx)
		if err != nil || f.Failed != 1 || f.Queued != 0 {
			t.Errorf("%+v, %v", f, err)
		}
		// The invitation stands, and is sent anew by hand.
		if _, err := s.ResendInvitation(ctx, actor, row.ID, m.next); err != nil {
			t.Fatal(err)
		}
		if mail, err = s.LeaseMail(ctx); err != nil || mail.Token != m.last() {
			t.Errorf("%+v, %v", mail, err)
		}
		clock.Add(91 * 24 * time.Hour)
		if err := s.Forget(ctx); err != nil {
			t.Fatal(err)
		}
		if page, err := s.Mails(ctx, backoffice.MailFailed, ""); err != nil || len(page.Rows) != 0 {
			t.Errorf("%+v, %v", page, err)
		}
	})
}

// T-13: mail that waits is not sent once its invitation was revoked, its user
// removed or its time over.
func TestAttack_T13_MailAfterRevocation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		var m mint
		for _, end := range []func(id string){
			func(id string) {
				if _, err := s.RevokeInvitation(ctx, actor, id); err != nil {
					t.Fatal(err)
				}
			},
			func(id string) {
				if _, _, err := s.CopyInvitation(ctx, actor, id, m.next); err != nil {
					t.Fatal(err)
				}
			},
			func(string) { clock.Add(7 * 24 * time.Hour) },
			func(string) {
				if _, err := s.DeleteAccount(ctx, actor, "nord", "Nord", false); err != nil {
					t.Fatal(err)
				}
			},
		} {
			u, err := s.InviteUser(ctx, actor, "nord", invited(strings.ToLower(rand.Text())+"@example.com"), m.next)
			if err != nil {
				t.Fatal(err)
			}
			row, err := s.MemberInvitation(ctx, account(t, s, "nord").Key, u.ID)
			if err != nil {
				t.Fatal(err)
			}
			end(row.ID)
			if mail, err := s.LeaseMail(ctx); !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("sent all the same: %+v, %v", mail, err)
			}
		}
	})
}
