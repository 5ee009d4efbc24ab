package store_test

import (
	"errors"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

func application(t *testing.T, s *store.Store, a backoffice.Application) backoffice.Application {
	t.Helper()
	if a.Kind == "" {
		a.Kind = backoffice.WebApplication
	}
	if a.RedirectURIs == nil {
		a.RedirectURIs = []string{"https://app.example/callback"}
	}
	a, err := s.CreateApplication(ctx, backoffice.CommandLine(), a, []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAssignmentByEachPath(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, a, _, _ := reseller(t, s)
		hana, sara := userNamed(t, s, "hana@nord.example"), userNamed(t, s, "sara@sued.example")
		nord, sued := accountOfID(t, s, "nord"), accountOfID(t, s, "sued")
		signInOf(t, s, hana.Email, "nord", "1")
		signInOf(t, s, sara.Email, "sued", "2")
		wiki := application(t, s, backoffice.Application{Name: "Wiki", Active: true})
		path := func(u backoffice.User, account, id string) backoffice.AssignmentPath {
			t.Helper()
			list, err := s.UserApplications(ctx, u.Key, accountOfID(t, s, account).Key)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range list {
				if x.ID == id {
					return x.Path
				}
			}
			return ""
		}
		expect := func(what string, u backoffice.User, account string, want backoffice.AssignmentPath) {
			t.Helper()
			if got := path(u, account, wiki.ID); got != want {
				t.Fatalf("%s: %q, want %q", what, got, want)
			}
			_, why, err := s.Entry(ctx, u.Key, accountOfID(t, s, account).Key, wiki.Key)
			if errors.Is(err, backoffice.ErrNotFound) != (want == "" && account != "nord" && account != "sued") && err != nil {
				t.Fatal(err)
			}
			if err == nil && (why == backoffice.EntryOpen) != (want != "") {
				t.Fatalf("%s: entry says %q", what, why)
			}
		}
		try := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		expect("nothing assigned", hana, "nord", "")
		preview, err := s.PreviewReach(ctx, wiki.ID)
		if try(err); preview.Accounts != 4 || preview.Users != 2 {
			t.Fatalf("preview: %+v", preview)
		}
		try(s.SetAutoAssigned(ctx, cmd, wiki.ID, true))
		expect("environment", hana, "nord", backoffice.ByEnvironment)
		expect("environment", sara, "sued", backoffice.ByEnvironment)
		try(s.RemoveApplication(ctx, cmd, "sued", wiki.ID))
		expect("given up", sara, "sued", "")
		if preview, err = s.PreviewReach(ctx, wiki.ID); err != nil || preview.Accounts != 3 || preview.Users != 1 {
			t.Fatalf("preview: %+v, %v", preview, err)
		}
		try(s.SetAutoAssigned(ctx, cmd, wiki.ID, false))
		expect("environment no more", hana, "nord", backoffice.ByHand)
		expect("environment no more", sara, "sued", "")
		try(s.TakeApplication(ctx, cmd, "nord", wiki.ID, hana.ID))
		expect("taken", hana, "nord", "")
		try(s.SetAutoAssignment(ctx, cmd, "nord", wiki.ID, true))
		expect("account", hana, "nord", backoffice.ByAccount)
		if err := s.TakeApplication(ctx, cmd, "nord", wiki.ID, hana.ID); err == nil || errors.Is(err, backoffice.ErrNotFound) {
			t.Fatalf("taken from one: %v", err)
		}
		try(s.SetAutoAssignment(ctx, cmd, "nord", wiki.ID, false))
		expect("account no more", hana, "nord", backoffice.ByHand)
		// By grant: below, once the account there assigns it to all.
		if _, err := s.AssignApplications(ctx, cmd, a.ID, []string{wiki.ID}, true); err != nil && !errors.Is(err, backoffice.ErrNotFound) {
			t.Fatal(err)
		}
		expect("below without access", hana, a.ID, "")
		try(s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}))
		expect("below by grant", hana, a.ID, backoffice.ByAccount)
		try(s.SetAutoAssignment(ctx, cmd, a.ID, wiki.ID, false))
		expect("below by hand", hana, a.ID, backoffice.ByHand)
		try(s.RevokeAccess(ctx, cmd, "nord", hana.ID))
		expect("revoked", hana, a.ID, "")
		try(s.SetAccessDefault(ctx, cmd, "nord", backoffice.AccessAlways))
		expect("in again with everybody: not what was by hand", hana, a.ID, "")
		try(s.SetAccessDefault(ctx, cmd, "nord", backoffice.AccessOff))
		try(s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}))
		expect("given again: not what was by hand", hana, a.ID, "")
		// The default takes the place of the one before, which stays by hand.
		mail := application(t, s, backoffice.Application{Name: "Mail", Active: true, Default: true})
		if got := path(sara, "sued", mail.ID); got != backoffice.ByDefault {
			t.Fatalf("default: %q", got)
		}
		try(s.SetDefaultApplication(ctx, cmd, wiki.ID, true))
		if got := path(sara, "sued", mail.ID); got != backoffice.ByHand {
			t.Fatalf("former default: %q", got)
		}
		expect("default", sara, "sued", backoffice.ByDefault)
		try(s.SetApplicationActive(ctx, cmd, wiki.ID, false))
		if _, why, err := s.Entry(ctx, hana.Key, nord.Key, wiki.Key); err != nil || why != backoffice.EntryInactive {
			t.Fatalf("inactive: %q, %v", why, err)
		}
		if _, err := s.DeleteApplication(ctx, cmd, wiki.ID); err != nil {
			t.Fatal(err)
		}
		if got := path(sara, "sued", wiki.ID); got != "" {
			t.Fatalf("in the bin: %q", got)
		}
		if _, err := s.RestoreApplication(ctx, cmd, wiki.ID); err != nil {
			t.Fatal(err)
		}
		if got := path(sara, "sued", wiki.ID); got != backoffice.ByDefault {
			t.Fatalf("restored: %q", got)
		}
		// Who is taken out of an account loses what was given there, and has it again
		// by undo.
		try(s.SetDefaultApplication(ctx, cmd, wiki.ID, false))
		removal, err := s.RemoveMember(ctx, cmd, "nord", hana.ID)
		try(err)
		if got := path(hana, "nord", wiki.ID); got != "" {
			t.Fatalf("removed: %q", got)
		}
		try(s.RestoreMember(ctx, cmd, "nord", hana.ID, removal))
		if got := path(hana, "nord", wiki.ID); got != backoffice.ByHand {
			t.Fatalf("back: %q", got)
		}
		users, err := s.ApplicationUsers(ctx, nord.Key, wiki.Key, backoffice.ApplicationUserFilter{})
		if try(err); len(users.Rows) != 1 || users.Rows[0].UserID != hana.ID || !users.Rows[0].Has {
			t.Fatalf("users: %+v", users)
		}
		_ = sued
	})
}

func accountOfID(t *testing.T, s *store.Store, id string) backoffice.Account {
	t.Helper()
	a, err := s.Account(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestClientSecrets(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		first, second := []byte("0123456789abcdef0123456789abcdef"), []byte("fedcba9876543210fedcba9876543210")
		app := application(t, s, backoffice.Application{Name: "Wiki"})
		works := func(hash []byte) bool {
			t.Helper()
			err := s.CheckApplicationSecret(ctx, app.ID, hash)
			if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
				t.Fatal(err)
			}
			return err == nil
		}
		if !works(first) || works(second) {
			t.Fatal("the first secret")
		}
		if err := s.MakeApplicationSecret(ctx, cmd, app.ID, second); err != nil {
			t.Fatal(err)
		}
		if !works(first) || !works(second) {
			t.Fatal("both work for a while")
		}
		clock.Add(backoffice.SecretOverlap)
		if works(first) || !works(second) {
			t.Fatal("the first ends")
		}
		spa := application(t, s, backoffice.Application{Name: "Browser", Kind: backoffice.SinglePage})
		if err := s.MakeApplicationSecret(ctx, cmd, spa.ID, second); err == nil {
			t.Fatal("a single-page application got a secret")
		}
		if err := s.CheckApplicationSecret(ctx, spa.ID, first); !errors.Is(err, backoffice.ErrNotFound) {
			t.Fatalf("a secret of a single-page application: %v", err)
		}
	})
}
