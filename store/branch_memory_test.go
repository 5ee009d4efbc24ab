package store_test

import (
	"errors"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// A tree that was read once is read anew as soon as somebody, here or in another
// process, has changed it, and when the day is another one.
func TestTreeIsAsItIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		other := storetest.Beside(t, s, clock)
		nord := create(t, s, "Nord", "nord", "ana@nord.example")
		if err := s.SetReseller(ctx, backoffice.CommandLine(), "nord", true); err != nil {
			t.Fatal(err)
		}
		holds := func(what string, accounts int, active int64, strength int) {
			t.Helper()
			for range 2 {
				b, err := s.Tree(ctx, nord.Key)
				if err != nil {
					t.Fatal(err)
				}
				if n := b.Nodes[0]; len(b.Nodes) != accounts || n.BranchActive != active || n.Strength != strength {
					t.Errorf("%s: %d accounts, %d active, strength %d", what, len(b.Nodes), n.BranchActive, n.Strength)
				}
			}
		}
		strength := backoffice.Resolve(backoffice.DefaultEnvironmentPolicy(), nil, backoffice.NamedRules{}).Policy.Strength()
		holds("at first", 1, 0, strength)
		for i, w := range []*store.Store{s, other} {
			if _, err := w.CreateSubAccount(ctx, backoffice.CommandLine(), "nord", []string{"Textiles", "Marine"}[i]); err != nil {
				t.Fatal(err)
			}
			holds("after a new account", 2+i, 0, strength)
		}
		if _, err := other.RecordVisits(ctx, backoffice.CommandLine(), []backoffice.Visit{{AccountID: "nord", Email: "ana@nord.example", At: clock.Now()}}); err != nil {
			t.Fatal(err)
		}
		holds("after a visit", 3, 1, strength)
		clock.Add((backoffice.ActiveDays + 1) * 24 * time.Hour)
		holds("when that was long ago", 3, 0, strength)
		if _, err := s.Tree(ctx, nord.Key+1000); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("what is not there: %v", err)
		}
	})
}
