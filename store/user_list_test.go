package store_test

import (
	"cmp"
	"fmt"
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
					"an":       {backoffice.UserFilter{Query: "an"}, func(r backoffice.UserRow) bool { return namedWith(r, "an") }},
					"ann":      {backoffice.UserFilter{Query: "ann"}, func(r backoffice.UserRow) bool { return namedWith(r, "ann") }},
					"mar":      {backoffice.UserFilter{Query: "mar", Verified: &yes}, func(r backoffice.UserRow) bool { return namedWith(r, "mar") && r.Verified }},
					"gmail":    {backoffice.UserFilter{Query: "gmail.com"}, func(r backoffice.UserRow) bool { return namedWith(r, "gmail.com") }},
					"example":  {backoffice.UserFilter{Query: "Example"}, func(r backoffice.UserRow) bool { return namedWith(r, "example") }},
					"ID":       {backoffice.UserFilter{Query: all[3].ID}, func(r backoffice.UserRow) bool { return r.ID == all[3].ID }},
					"verified": {backoffice.UserFilter{Verified: &yes}, func(r backoffice.UserRow) bool { return r.Verified }},
					"admin":    {backoffice.UserFilter{RoleID: "admin"}, admin},
					"without":  {backoffice.UserFilter{Without: "gmail.com"}, func(r backoffice.UserRow) bool { return !strings.HasSuffix(r.Email, "@gmail.com") }},
				} {
					var want []backoffice.UserRow
					for _, r := range all {
						if c.want(r) {
							want = append(want, r)
						}
					}
					for _, by := range []backoffice.UserSort{backoffice.UsersByName, backoffice.UsersByCreated, backoffice.UsersByAccounts, backoffice.UsersByVerified,
						backoffice.UsersByMFA, backoffice.UsersByLastVisit, backoffice.UsersByVisits} {
						for _, asc := range []bool{false, true} {
							f := c.f
							f.Sort, f.Asc = by, asc
							slices.SortFunc(want, userOrder(f))
							var got []backoffice.UserRow
							if err := s.EachUser(ctx, f, func(r backoffice.UserRow) error { got = append(got, r); return nil }); err != nil {
								t.Fatal(err)
							}
							sameUsers(t, fmt.Sprintf("%s by %s, asc=%v", what, by, asc), got, want)
							got = nil
							for cursor := "last"; cursor != ""; { // and backwards
								p, err := s.Users(ctx, f, cursor)
								if err != nil {
									t.Fatal(err)
								}
								got, cursor = slices.Concat(p.Rows, got), p.Prev
							}
							sameUsers(t, fmt.Sprintf("%s by %s, asc=%v, from the end", what, by, asc), got, want)
						}
					}
					if n, err := s.CountUsers(ctx, c.f); err != nil || n != int64(len(want)) {
						t.Errorf("%s: counted %d, want %d, %v", what, n, len(want), err)
					}
				}
			})
		})
	}
}

// userOrder compares as the list of users is sorted.
func userOrder(f backoffice.UserFilter) func(a, b backoffice.UserRow) int {
	name := func(r backoffice.UserRow) string {
		if n := backoffice.Fold(r.Name); n != "" {
			return n
		}
		return r.Email
	}
	truth := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	return func(a, b backoffice.UserRow) int {
		c := 0
		switch f.Sort {
		case backoffice.UsersByName:
			c = cmp.Compare(name(a), name(b))
		case backoffice.UsersByCreated:
			c = a.CreatedAt.Compare(b.CreatedAt)
		case backoffice.UsersByAccounts:
			c = cmp.Compare(a.Accounts, b.Accounts)
		case backoffice.UsersByVerified:
			c = truth(a.Verified) - truth(b.Verified)
		case backoffice.UsersByMFA:
			c = cmp.Compare(a.Factors, b.Factors)
		case backoffice.UsersByLastVisit:
			c = cmp.Compare(backoffice.Micros(a.LastVisit), backoffice.Micros(b.LastVisit))
		case backoffice.UsersByVisits:
			c = cmp.Compare(a.Days, b.Days)
		}
		if c == 0 {
			c = cmp.Compare(a.Key, b.Key)
		}
		if !f.Asc {
			c = -c
		}
		return c
	}
}

func sameUsers(t *testing.T, what string, got, want []backoffice.UserRow) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i].ID != want[i].ID {
			t.Errorf("%s: %d users, want %d, and row %d is another", what, len(got), len(want), i)
			return
		}
	}
}

// The search finds a user by the name and address that they have, and nowhere in
// the order of names but at their place.
func TestUserSearchFollows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Nord", "nord", "hana@nord.example")
		create(t, s, "Süd", "sud", "zoe@sud.example")
		found := func(q string, want ...string) {
			t.Helper()
			var got []string
			if err := s.EachUser(ctx, backoffice.UserFilter{Query: q, Sort: backoffice.UsersByName, Asc: true}, func(r backoffice.UserRow) error {
				got = append(got, r.Email)
				return nil
			}); err != nil || !slices.Equal(got, want) {
				t.Errorf("search %q: %q, want %q, %v", q, got, want, err)
			}
		}
		found("example", "hana@nord.example", "zoe@sud.example")
		if err := s.NameUserForTest(ctx, "hana@nord.example", "Zoë Zwei", "zz@nord.example"); err != nil {
			t.Fatal(err)
		}
		found("example", "zz@nord.example", "zoe@sud.example")
		found("hana")
		found("zoe", "zz@nord.example", "zoe@sud.example")
		if err := s.NameUserForTest(ctx, "zz@nord.example", "Anna", "anna@nord.example"); err != nil {
			t.Fatal(err)
		}
		found("nord.example", "anna@nord.example")
		found("example", "anna@nord.example", "zoe@sud.example")
		found("zwei")
		for _, f := range findings(t, s) {
			if strings.HasPrefix(f, "search") {
				t.Error(f)
			}
		}
	})
}

func namedWith(r backoffice.UserRow, text string) bool {
	return strings.Contains(backoffice.Fold(r.Name)+"\n"+r.Email, text)
}
