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

func TestStaffChangeWhoAUserIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		nord(t, s)
		create(t, s, "Ost", "ost", "")
		var m mint
		hana := userAt(t, s, "hana@nord.example")
		save := func(name, email string) error {
			t.Helper()
			now, err := s.User(ctx, hana.ID)
			if err != nil {
				t.Fatal(err)
			}
			return s.SaveUser(ctx, cli, hana.ID, store.UserEdit{Name: name, Email: email, Version: now.Version}, m.next)
		}
		if _, err := s.InviteUser(ctx, cli, "ost", invited("hana@nord.example"), m.next); err != nil {
			t.Fatal(err)
		}
		old := hashOf(m.last())
		create(t, s, "West", "west", "taken@west.example")
		sendMail(t, s)

		// A name alone touches nothing else.
		if err := save("Hana Mori", "hana@nord.example"); err != nil {
			t.Fatal(err)
		}
		if u, err := s.User(ctx, hana.ID); err != nil || u.Name != "Hana Mori" || u.Email != "hana@nord.example" {
			t.Errorf("%+v, %v", u, err)
		}
		for fields, e := range map[string][2]string{"email": {"Hana", "Taken@WEST.example"}, "email ": {"Hana", "no address"}, "name": {"", "hana@nord.example"}} {
			if err := save(e[0], e[1]); refusedAt(err) != strings.TrimSpace(fields) {
				t.Errorf("%q: %v", e, err)
			}
		}
		if err := s.SaveUser(ctx, cli, hana.ID, store.UserEdit{Name: "X", Email: "x@nord.example", Version: hana.Version}, m.next); !errors.Is(err, backoffice.ErrConflict) {
			t.Errorf("saved over somebody else's change: %v", err)
		}
		viewer := backoffice.Actor{Kind: backoffice.ActorStaff, ID: "nobody", Role: backoffice.Viewer}
		if err := s.SaveUser(ctx, viewer, hana.ID, store.UserEdit{}, m.next); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a viewer: %v", err)
		}

		// Another address: proved no more, and nothing of the old one works.
		if _, err := s.AcceptAsNewUser(ctx, old, fresh()); err != nil {
			t.Fatal(err)
		}
		signInOf(t, s, "hana@nord.example", "nord", "1")
		if u, _ := s.User(ctx, hana.ID); !u.Verified {
			t.Fatal("not verified by the link")
		}
		if _, err := s.InviteUser(ctx, cli, "west", invited("hana@nord.example"), m.next); err != nil {
			t.Fatal(err)
		}
		waits := hashOf(m.last())
		if err := s.MailLink(ctx, store.LinkSignIn, "hana@nord.example", "", m.next); err != nil {
			t.Fatal(err)
		}
		magic := hashOf(m.last())
		if err := save("Hana Mori", " Hana.Mori@NORD.example "); err != nil {
			t.Fatal(err)
		}
		u, err := s.User(ctx, hana.ID)
		if err != nil || u.Email != "hana.mori@nord.example" || u.Verified {
			t.Errorf("%+v, %v", u, err)
		}
		if list, err := s.UserSessions(ctx, hana.Key); err != nil || len(list) != 0 {
			t.Errorf("sessions go on: %+v, %v", list, err)
		}
		if _, err := s.MailedLink(ctx, store.LinkSignIn, magic); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("a link of the old address: %v", err)
		}
		if _, err := s.InvitationByLink(ctx, waits); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("an invitation of the old address: %v", err)
		}
		if o, err := s.InvitationByLink(ctx, hashOf(m.last())); err != nil || o.Email != "hana.mori@nord.example" || o.AccountID != "west" {
			t.Errorf("the invitation has not moved: %+v, %v", o, err)
		}
		if to := sendMail(t, s); fmt.Sprint(to) != "[invitation hana.mori@nord.example changed hana@nord.example]" {
			t.Errorf("mail to %v", to)
		}
		if a := account(t, s, "nord"); a.PrimaryEmail != "hana.mori@nord.example" {
			t.Errorf("the primary user is %s", a.PrimaryEmail)
		}
		if userAt(t, s, "hana.mori@").ID != hana.ID {
			t.Error("not found by the new address")
		}
		page, err := s.Events(ctx, backoffice.EventFilter{Action: "user.address-changed"}, "", 1)
		if err != nil || len(page.Rows) != 1 || page.Rows[0].Summary() != "The command line changed the address of Hana Mori to hana.mori@nord.example" {
			t.Errorf("the trail says %+v, %v", page.Rows, err)
		}
		// An address that nobody proved is told nothing.
		clock.Add(time.Minute)
		if err := save("Hana Mori", "mori@nord.example"); err != nil {
			t.Fatal(err)
		}
		if to := sendMail(t, s); fmt.Sprint(to) != "[invitation mori@nord.example]" {
			t.Errorf("mail to %v", to)
		}
		agree(t, s)
	})
}
