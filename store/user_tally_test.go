package store_test

import (
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// What visits and memberships add up to for a user is right after each act,
// over all accounts, and a day counts once.
func TestUsersAreTallied(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		by := backoffice.CommandLine()
		for _, name := range []string{"Nordwind GmbH", "Ostwind AG"} {
			if _, err := s.CreateAccount(ctx, by, backoffice.NewAccount{Name: name, ID: name[:4], PrimaryEmail: "ana@nordwind.example"}); err != nil {
				t.Fatal(err)
			}
		}
		visit := func(account string, at time.Time) {
			t.Helper()
			if _, err := s.RecordVisits(ctx, by, []backoffice.Visit{{AccountID: account, Email: "ana@nordwind.example", At: at}}); err != nil {
				t.Fatal(err)
			}
		}
		clock.Add(time.Hour)
		visit("Nord", clock.Now())
		visit("Ostw", clock.Now().Add(-time.Minute))
		visit("Ostw", clock.Now().AddDate(0, 0, -3))
		page, err := s.Users(ctx, backoffice.UserFilter{}, "")
		if err != nil || len(page.Rows) != 1 {
			t.Fatalf("%d users, %v", len(page.Rows), err)
		}
		u := page.Rows[0]
		if u.Accounts != 2 || u.Days != 2 || !u.LastVisit.Equal(clock.Now()) || len(u.Roles) != 1 || u.Roles[0] != "Admin" {
			t.Errorf("accounts %d, days %d, last visit %v, roles %v", u.Accounts, u.Days, u.LastVisit, u.Roles)
		}
		if _, err := s.DeleteAccount(ctx, by, "Ostw", "Ostwind AG", false); err != nil {
			t.Fatal(err)
		}
		if page, err = s.Users(ctx, backoffice.UserFilter{}, ""); err != nil || page.Rows[0].Accounts != 1 || page.Rows[0].Days != 2 {
			t.Errorf("with an account in the bin: %+v, %v", page.Rows, err)
		}
		clock.Add(40 * 24 * time.Hour)
		if _, err := s.Purge(ctx, 10); err != nil {
			t.Fatal(err)
		}
		if page, err = s.Users(ctx, backoffice.UserFilter{}, ""); err != nil || page.Rows[0].Accounts != 1 || page.Rows[0].Days != 1 {
			t.Errorf("with an account purged: %+v, %v", page.Rows, err)
		}
		agree(t, s)
	})
}
