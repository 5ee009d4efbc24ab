package store_test

import (
	"errors"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Undoing an import ends what its users have come into by what it brought: their
// sessions below, and what applications have of them. Who has been somewhere, or
// did something of their own, stays a user; who did not goes without a trace.
func TestUndoneImportEndsSessionsAndTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, below, _, _ := reseller(t, s)
		if err := s.SetAccessDefault(ctx, cmd, "nord", backoffice.AccessAlways); err != nil {
			t.Fatal(err)
		}
		app := application(t, s, backoffice.Application{Name: "Ledger", Active: true, AutoAssigned: true})
		run := imported(t, s, "id,name\nwest,West\nost,Ost\n",
			"email,account_id,roles\numa@nord.example,nord,read-only\nben@nord.example,nord,read-only\ncem@nord.example,nord,read-only\nina@west.example,west,read-only\n",
			"account_id,email,day\nnord,uma@nord.example,2026-11-01\nnord,ben@nord.example,2026-11-01\n")
		_, session := signInOf(t, s, "uma@nord.example", below.ID, "1")
		family := signedInTo(t, s, app, session, "1").Family.ID
		// One who asked for a link only, and one who was taken out by hand.
		ben := userNamed(t, s, "ben@nord.example")
		if err := s.BeginSignIn(ctx, ben.Key, backoffice.ByPassword, []byte("pending"), false, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RemoveMember(ctx, cmd, "west", userNamed(t, s, "ina@west.example").ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.OpenIDSubject(ctx, family, []byte("token"), false); err != nil {
			t.Fatal(err)
		}
		if _, err := s.UndoImport(ctx, actor, run.ID, func(int64, int64) {}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.OpenIDSubject(ctx, family, []byte("token"), false); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("a token lives on: %v", err)
		}
		dump := storetest.Dump(t, s)
		if n := len(dump["user_sessions"]); n > 0 {
			t.Errorf("%d sessions live on", n)
		}
		for email, want := range map[string]bool{"uma@nord.example": true, "ben@nord.example": false, "cem@nord.example": false, "ina@west.example": true} {
			if _, err := s.FindUser(ctx, email); (err == nil) != want || err != nil && !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("%s is there: %v", email, err)
			}
		}
		for id, want := range map[string]bool{"west": true, "ost": false} {
			if _, err := s.Account(ctx, id); (err == nil) != want || err != nil && !errors.Is(err, backoffice.ErrNotFound) {
				t.Errorf("%s is there: %v", id, err)
			}
		}
		checked(t, s)
	})
}
