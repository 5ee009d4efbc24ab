package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
)

// furnishInvitations invites people to an account: one whose mail was sent, one
// whose mail the server refuses, one given up, one whose link was copied, and one
// that has expired. It returns the token of the link that was sent, and that of
// the copied one.
func furnishInvitations(t *testing.T, w *site, account string) (sent, copied string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	staff := *owner()
	invite := func(email string, roles ...string) string {
		t.Helper()
		u, err := w.store.InviteUser(ctx, staff, account, backoffice.NewMember{Email: email, Roles: roles,
			Message: "Hello,\nyour colleagues wait for you. Details: https://handbook.example.com/start"}, auth.InvitationToken.New)
		must(err)
		a, err := w.store.Account(ctx, account)
		must(err)
		i, err := w.store.MemberInvitation(ctx, a.Key, u.ID)
		must(err)
		return i.ID
	}
	lease := func() backoffice.Mail {
		t.Helper()
		m, err := w.store.LeaseMail(ctx)
		must(err)
		return m
	}
	now := w.clock.Now()
	w.clock.Set(now.Add(-8 * 24 * time.Hour))
	invite("long.gone@nord-textil.example", backoffice.RoleReadOnly)
	m := lease()
	must(w.store.SentMail(ctx, m.Key, m.Lease))
	w.clock.Set(now.Add(-3 * time.Hour))
	invite("maximiliane.von-und-zu-hohenstein@a-rather-long-domain.example.com", backoffice.RoleAdmin)
	m = lease()
	for m.Attempts < backoffice.MailAttempts {
		must(w.store.FailedMail(ctx, m.Key, m.Lease, "the mail server refused: 550 5.1.1 no such mailbox here"))
		w.clock.Add(backoffice.MailPause(m.Attempts))
		m = lease()
	}
	must(w.store.FailedMail(ctx, m.Key, m.Lease, "the mail server refused: 550 5.1.1 no such mailbox here"))
	w.clock.Set(now.Add(-time.Hour))
	id := invite("copied@nord-textil.example", backoffice.RoleAdmin, backoffice.RoleReadOnly)
	_, copied, err := w.store.CopyInvitation(ctx, staff, id, auth.InvitationToken.New)
	must(err)
	invite("uma.okafor@nord-textil.example", backoffice.RoleReadOnly)
	m = lease()
	must(w.store.SentMail(ctx, m.Key, m.Lease))
	letter, err := views.WriteLetter(m, "https://steward.example.com")
	must(err)
	w.letters = []backoffice.Letter{letter}
	invite("greylisted@nord-textil.example", backoffice.RoleReadOnly)
	retried := lease()
	must(w.store.FailedMail(ctx, retried.Key, retried.Lease, "the mail server refused: 451 4.7.1 greylisted, try again later"))
	w.clock.Set(now)
	invite("new.colleague@nord-textil.example", backoffice.RoleReadOnly)
	return m.Token, copied
}

// The pages of invitations and mail, of staff and of who is invited: in light and
// dark, wide and narrow, by axe-core and the content policy.
func TestEveryPageOfInvitations(t *testing.T) {
	w := newSite(t, owner())
	if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Nord Textil Handelsgesellschaft mbH & Co. KG", ID: "nord", PrimaryEmail: "hana.fischer@nord-textil.example"}); err != nil {
		t.Fatal(err)
	}
	empty := true
	var sent, copied string
	pictures := os.Getenv("STEWARD_TEST_PICTURES")
	for _, dark := range []bool{false, true} {
		scheme := map[bool]string{false: "light", true: "dark"}[dark]
		for _, width := range []int64{380, 1280, 1920} {
			t.Run(fmt.Sprintf("%d-%s", width, scheme), func(t *testing.T) {
				p := w.tab(t, tabOptions{width: width, height: 860, dark: dark})
				look := func(name string) {
					t.Helper()
					if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
						t.Errorf("%s at %d: %d pixels wider than the window", name, width, over)
					}
					if width != 1920 {
						p.accessible(fmt.Sprintf("%s at %d, %s", name, width, scheme))
					}
					if pictures != "" {
						p.picture(filepath.Join(pictures, fmt.Sprintf("%s.%d.%s.png", name, width, scheme)))
					}
				}
				if empty {
					p.open("/backoffice/invitations")
					look("invitations-none")
					empty = false
					sent, copied = furnishInvitations(t, w, "nord")
				}
				for _, path := range []string{"/backoffice/invitations", "/backoffice/invitations?mail=failed&q=zzzz", "/backoffice/accounts/nord", "/backoffice/accounts/nord/users/new",
					"/backoffice/settings/mail", "/dev/mail", "/dev/mail/" + w.letters[0].ID} {
					p.open(path)
					look(strings.Trim(strings.NewReplacer("/", "-", "?", "-", "=", "-", "&", "-", w.letters[0].ID, "letter").Replace(path), "-"))
				}
				p.open("/dev/mail/" + w.letters[0].ID + "/html")
				if pictures != "" {
					p.picture(filepath.Join(pictures, fmt.Sprintf("letter-html.%d.%s.png", width, scheme)))
				}
				p.open("/invitation?token=" + sent)
				look("invitation")
				p.open("/invitation?token=" + copied)
				look("invitation-copied")
				p.open("/invitation?token=nothing")
				look("invitation-dead")
			})
		}
	}
}
