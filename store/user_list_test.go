package store_test

import (
	"slices"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Every order, filter and search finds the users that it should, page after page
// and back, however the rows are found.
func TestUsersModel(t *testing.T) {
	for name, small := range map[string]bool{"": false, "small bounds": true} {
		t.Run(name, func(t *testing.T) {
			if small {
				defer store.SmallBounds()()
			}
			storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
				if _, err := s.FillDemo(ctx, backoffice.CommandLine(), store.DemoOptions{Accounts: 60, Seed: 3, At: clock.Now()}); err != nil {
					t.Fatal(err)
				}
				var all []backoffice.UserRow
				if err := s.EachUser(ctx, backoffice.UserFilter{}, func(r backoffice.UserRow) error { all = append(all, r); return nil }); err != nil {
					t.Fatal(err)
				}
				if n := int64(len(all)); n < 100 {
					t.Fatalf("%d users", n)
				}
				yes := true
				admin := func(r backoffice.UserRow) bool { return slices.Contains(r.Roles, "Admin") }
				for what, c := range map[string]struct {
					f    backoffice.UserFilter
					want func(backoffice.UserRow) bool
				}{
					"all":      {backoffice.UserFilter{}, func(backoffice.UserRow) bool { return true }},
					"a":        {backoffice.UserFilter{Query: "a"}, func(r backoffice.UserRow) bool { return namedWith(r, "a") }},
					"example":  {backoffice.UserFilter{Query: "Example"}, func(r backoffice.UserRow) bool { return namedWith(r, "example") }},
					"ID":       {backoffice.UserFilter{Query: all[3].ID}, func(r backoffice.UserRow) bool { return r.ID == all[3].ID }},
					"verified": {backoffice.UserFilter{Verified: &yes}, func(r backoffice.UserRow) bool { return r.Verified }},
					"admin":    {backoffice.UserFilter{RoleID: "admin"}, admin},
					"without":  {backoffice.UserFilter{Without: "gmail.com"}, func(r backoffice.UserRow) bool { return !strings.HasSuffix(r.Email, "@gmail.com") }},
				} {
					want := 0
					for _, r := range all {
						if c.want(r) {
							want++
						}
					}
					for _, by := range []backoffice.UserSort{backoffice.UsersByName, backoffice.UsersByCreated, backoffice.UsersByAccounts, backoffice.UsersByVerified,
						backoffice.UsersByMFA, backoffice.UsersByLastVisit, backoffice.UsersByVisits} {
						f := c.f
						f.Sort, f.Asc = by, len(what)%2 == 0
						seen := map[string]bool{}
						if err := s.EachUser(ctx, f, func(r backoffice.UserRow) error {
							if seen[r.ID] || !c.want(r) {
								t.Errorf("%s by %s: %s twice, or wrongly", what, by, r.Email)
							}
							seen[r.ID] = true
							return nil
						}); err != nil {
							t.Fatal(err)
						}
						if len(seen) != want {
							t.Errorf("%s by %s: %d users, want %d", what, by, len(seen), want)
						}
					}
					if n, err := s.CountUsers(ctx, c.f); err != nil || n != int64(want) {
						t.Errorf("%s: counted %d, want %d, %v", what, n, want, err)
					}
				}
			})
		})
	}
}

func namedWith(r backoffice.UserRow, text string) bool {
	return strings.Contains(backoffice.Fold(r.Name)+"\n"+r.Email, text)
}
