package store_test

import (
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Views that were read once are read again as soon as somebody, here or in
// another process, has changed one; nobody is shown those of another.
func TestViewsAreAsTheyWereSaved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		other := storetest.Beside(t, s, clock)
		actors := make([]backoffice.Actor, 2)
		for i, email := range []string{"ada@vendor.example", "max@vendor.example"} {
			staff, err := s.AddStaff(ctx, backoffice.CommandLine(), backoffice.NewStaff{Email: email, Role: backoffice.Owner}, "hash")
			if err != nil {
				t.Fatal(err)
			}
			actors[i] = staff.Actor("", "")
		}
		ada, max := actors[0], actors[1]
		seen := func(a backoffice.Actor, page string, want ...string) {
			t.Helper()
			for _, w := range []*store.Store{s, other, s} {
				list, err := w.Views(ctx, a, page)
				if err != nil || len(list) != len(want) {
					t.Fatalf("%+v, want %q, %v", list, want, err)
				}
				for i := range list {
					if list[i].Name != want[i] {
						t.Errorf("%q, want %q", list[i].Name, want[i])
					}
					list[i].Name = "of the caller alone"
				}
			}
		}
		seen(ada, "users")
		v, err := other.SaveView(ctx, ada, "users", "Mine", "q=x", false)
		if err != nil {
			t.Fatal(err)
		}
		seen(ada, "users", "Mine")
		seen(ada, "accounts")
		seen(max, "users")
		if _, err := s.SaveView(ctx, max, "users", "All of us", "q=y", true); err != nil {
			t.Fatal(err)
		}
		seen(ada, "users", "All of us", "Mine")
		seen(max, "users", "All of us")
		if err := other.RenameView(ctx, ada, v.ID, "Again"); err != nil {
			t.Fatal(err)
		}
		seen(ada, "users", "Again", "All of us")
		if err := s.DeleteView(ctx, ada, v.ID); err != nil {
			t.Fatal(err)
		}
		seen(ada, "users", "All of us")
	})
}
