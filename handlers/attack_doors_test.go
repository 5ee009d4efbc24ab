package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/handlers"
	"steward/store"
	"steward/store/storetest"
)

// door is where somebody who is not signed in could ask whether an address, or a
// link, exists.
type door struct {
	name   string
	pads   bool // answers half a second after the request came
	hashes bool // computes a hash of a password
	mails  bool // mails the one who exists
	// ask is the request of the n-th who exists, or of the n-th who does not.
	ask func(w *site, exists bool, n int) raw
}

// addressOf is the n-th address that exists, or that does not: equally long, and
// with the same initials, which pages show.
func addressOf(exists bool, n int) string {
	if exists {
		return fmt.Sprintf("known-%04d@nord.example", n)
	}
	return fmt.Sprintf("knave-%04d@nord.example", n)
}

func posted(path string, form url.Values) raw {
	return raw{method: http.MethodPost, path: path, body: form.Encode()}
}

func doors() []door {
	address := func(path string) func(*site, bool, int) raw {
		return func(_ *site, exists bool, n int) raw {
			return posted(path, url.Values{"email": {addressOf(exists, n)}, "password": {"not the password 1"}})
		}
	}
	return []door{
		{name: "password of a user", pads: true, hashes: true, ask: address("/sign-in/password")},
		{name: "password of staff", pads: true, hashes: true, ask: address("/backoffice/sign-in")},
		{name: "link by mail", pads: true, mails: true, ask: address("/sign-in/link")},
		{name: "reset", pads: true, mails: true, ask: address("/sign-in/reset")},
		{name: "sign-up", pads: true, hashes: true, mails: true, ask: func(_ *site, exists bool, n int) raw {
			return posted("/sign-up", newcomer(addressOf(exists, n)))
		}},
		{name: "e-mail first", ask: address("/sign-in")},
		{name: "invitation", ask: func(w *site, exists bool, n int) raw {
			token, _ := auth.InvitationToken.New()
			if exists {
				token = w.dead[n]
			}
			return raw{method: http.MethodGet, path: "/invitation", cookies: map[string]string{"invitation": token}}
		}},
	}
}

// eachDoors serves, on each engine, a site with so many users, staff and
// invitations that were revoked.
func eachDoors(t *testing.T, people int, wait func(context.Context, time.Duration) error, test func(t *testing.T, w *site)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, func(o *handlers.Options) { o.Wait = wait })
		w.openSignUp(true)
		command := backoffice.CommandLine()
		if _, err := s.CreateAccount(ctx, command, backoffice.NewAccount{Name: "Nord AG", ID: "nord", PrimaryEmail: "hana@nord.example"}); err != nil {
			t.Fatal(err)
		}
		for n := range people {
			u := w.member("nord", addressOf(true, n), backoffice.RoleReadOnly)
			if err := s.SetUserPassword(ctx, command, u.Key, "", userHash(), nil); err != nil {
				t.Fatal(err)
			}
			w.staff(addressOf(true, n), backoffice.Viewer)
			w.dead = append(w.dead, w.revokedInvitation(fmt.Sprintf("guest-%04d@nord.example", n)))
		}
		for { // the invitations' mails
			if m, err := s.LeaseMail(ctx); err != nil {
				break
			} else if err := s.SentMail(ctx, m.Key, m.Lease); err != nil {
				t.Fatal(err)
			}
		}
		test(t, w)
	})
}

// revokedInvitation is a link that was mailed once and opens nothing any more.
func (w *site) revokedInvitation(email string) (token string) {
	w.t.Helper()
	mint := func() (string, []byte) {
		made, hash := auth.InvitationToken.New()
		token = made
		return made, hash
	}
	u, err := w.store.InviteUser(ctx, backoffice.CommandLine(), "nord", backoffice.NewMember{Email: email, Roles: []string{backoffice.RoleReadOnly}, Invite: true}, mint)
	if err != nil {
		w.t.Fatal(err)
	}
	account, err := w.store.Account(ctx, "nord")
	if err != nil {
		w.t.Fatal(err)
	}
	i, err := w.store.OpenInvitation(ctx, account.Key, u.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.RevokeInvitation(ctx, backoffice.CommandLine(), i.ID); err != nil {
		w.t.Fatal(err)
	}
	return token
}

// answered is an answer without what differs by nature and without the address
// that was asked for, which a cookie repeats in base64.
func answered(a answer, exists bool, n int) string {
	for i, k := range a.Header["Set-Cookie"] {
		if name, _, ok := strings.Cut(k, "="); ok && strings.HasSuffix(name, "way-in") {
			_, rest, _ := strings.Cut(k, ";")
			a.Header["Set-Cookie"][i] = fmt.Sprintf("%s of %d bytes;%s", name, len(k), rest)
		}
	}
	return strings.ReplaceAll(a.same(), addressOf(exists, n), "ADDRESS")
}

// At every door who exists and who does not get the same bytes, after the same
// number of waits; where a hash is computed it is for both, and what is mailed
// waits in the outbox while the answer goes out. The clock itself is watched by
// make soak.
func TestAttack_T33_EveryDoor(t *testing.T) {
	var waits atomic.Int64
	wait := func(ctx context.Context, d time.Duration) error {
		if d < 0 || d > 500*time.Millisecond {
			t.Errorf("an answer waits %v", d)
		}
		waits.Add(1)
		return ctx.Err()
	}
	eachDoors(t, 3, wait, func(t *testing.T, w *site) {
		for _, d := range doors() {
			ask := func(exists bool, n int) string {
				t.Helper()
				before := waits.Load()
				got := w.raw(d.ask(w, exists, n))
				if n := waits.Load() - before; n != map[bool]int64{true: 1}[d.pads] && got.Status != http.StatusServiceUnavailable {
					t.Errorf("%s: waited %d times", d.name, n)
				}
				return answered(got, exists, n)
			}
			for n := range 2 {
				w.clock.Add(10 * time.Second)
				a, b := ask(true, n), ask(false, n)
				if a != b {
					t.Errorf("%s: who exists is answered\n%s\n\nwho does not\n%s", d.name, a, b)
				}
				if d.mails {
					if m := w.mailed(); m.To != addressOf(true, n) {
						t.Errorf("%s: a mail to %s", d.name, m.To)
					}
				}
				if d.name == "sign-up" { // who did not exist does now
					w.mailed()
				}
				w.noMail()
			}
			stop, done := w.occupyHasher()
			a, b := ask(true, 2), ask(false, 2)
			stop()
			<-done
			if a != b || strings.HasPrefix(a, "503") != d.hashes {
				t.Errorf("%s, while nothing can be hashed: who exists is answered\n%s\n\nwho does not\n%s", d.name, a, b)
			}
			for d.mails && !d.hashes {
				if _, err := w.store.LeaseMail(ctx); err != nil {
					break
				}
			}
		}
	})
}
