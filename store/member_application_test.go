package store_test

import (
	"errors"
	"slices"
	"testing"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Who comes into an account is given its applications in the same act: what it does
// not have refuses the whole of it, and what everybody has is not kept for one.
func TestComingInWithApplications(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		cmd := backoffice.CommandLine()
		a, err := s.CreateAccount(ctx, cmd, backoffice.NewAccount{Name: "Nord", ID: "nord"})
		if err != nil {
			t.Fatal(err)
		}
		byHand, all, foreign := application(t, s, backoffice.Application{Name: "Books", Active: true}), application(t, s, backoffice.Application{Name: "All", AutoAssigned: true}), application(t, s, backoffice.Application{Name: "Foreign", Active: true})
		if _, err := s.AssignApplications(ctx, cmd, "nord", []string{byHand.ID}, false); err != nil {
			t.Fatal(err)
		}
		has := func(email string) (names []string) {
			t.Helper()
			list, err := s.UserApplications(ctx, userNamed(t, s, email).Key, a.Key)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range list {
				names = append(names, p.Name+" "+string(p.Path))
			}
			return names
		}
		ways := map[string]func(email string, ids ...string) error{
			"created": func(email string, ids ...string) error {
				_, err := s.CreateUser(ctx, cmd, store.CreatedUser{Email: email, AccountID: "nord", Roles: []string{"admin"}, Applications: ids}, nil)
				return err
			},
			"invited": func(email string, ids ...string) error {
				_, err := s.InviteUser(ctx, cmd, "nord", backoffice.NewMember{Email: email, Roles: []string{"admin"}, Applications: ids}, auth.InvitationToken.New)
				return err
			},
			"added": func(email string, ids ...string) error {
				_, err := s.AddUser(ctx, cmd, "nord", backoffice.NewMember{Email: email, Roles: []string{"admin"}, Applications: ids})
				return err
			},
		}
		for name, way := range ways {
			email := name + "@nord.example"
			var problems backoffice.Problems
			for _, id := range []string{foreign.ID, "nothing"} {
				if err := way(email, byHand.ID, id); !errors.As(err, &problems) || problems["applications"] == "" {
					t.Fatalf("%s with %s: %v", name, id, err)
				}
			}
			if page, err := s.Users(ctx, backoffice.UserFilter{Query: email}, ""); err != nil || len(page.Rows) != 0 {
				t.Fatalf("%s, and refused: %d there, %v", name, len(page.Rows), err)
			}
			if err := way(email, byHand.ID, all.ID, byHand.ID); err != nil {
				t.Fatal(err)
			}
			if got := has(email); !slices.Equal(got, []string{"All environment", "Books manual"}) {
				t.Errorf("%s: %v", name, got)
			}
			events, err := s.Events(ctx, backoffice.EventFilter{Object: userNamed(t, s, email).ID}, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			given := slices.DeleteFunc(events.Rows, func(e backoffice.EventRow) bool { return e.Action != "user.application-given" })
			if len(given) != 1 {
				t.Errorf("%s: the trail tells of %d that were given", name, len(given))
			}
		}
		var problems backoffice.Problems
		if _, err := s.CreateUser(ctx, cmd, store.CreatedUser{Email: "none@nord.example", Applications: []string{byHand.ID}}, nil); !errors.As(err, &problems) || problems["applications"] == "" {
			t.Errorf("in no account: %v", err)
		}
		viewer := backoffice.Actor{Kind: backoffice.ActorStaff, ID: "x", Role: backoffice.Viewer}
		if _, err := s.AddUser(ctx, viewer, "nord", backoffice.NewMember{Email: "v@nord.example", Roles: []string{"admin"}, Applications: []string{byHand.ID}}); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a Viewer: %v", err)
		}
	})
}
