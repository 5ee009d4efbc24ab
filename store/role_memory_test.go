package store_test

import (
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Roles that were read once are named anew as soon as somebody, here or in
// another process, has changed one.
func TestRolesAreNamedAsTheyAre(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		other := storetest.Beside(t, s, clock)
		create(t, s, "Nord", "nord", "ana@nord.example")
		named := func(want string) {
			t.Helper()
			page, err := s.Users(ctx, backoffice.UserFilter{}, "")
			if err != nil || len(page.Rows) != 1 || len(page.Rows[0].Roles) != 1 || page.Rows[0].Roles[0] != want {
				t.Errorf("%+v, want the role %q, %v", page.Rows, want, err)
			}
			list, err := s.RolesToGive(ctx)
			if err != nil || len(list) != 2 || list[0].Name != want {
				t.Errorf("%+v, want %q first, %v", list, want, err)
			}
			list[0].Name = "of the caller alone"
		}
		named("Admin")
		named("Admin")
		for i, w := range []*store.Store{s, other, s, other} {
			name := []string{"Chief", "Head", "Lead", "Admin"}[i]
			if _, err := w.Tamper(`UPDATE roles SET name = $1 WHERE handle = 'admin'`, name); err != nil {
				t.Fatal(err)
			}
			named(name)
		}
	})
}
