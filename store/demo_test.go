package store_test

import (
	"errors"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

func TestFillDemo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		if _, err := s.FillDemo(ctx, actor, store.DemoOptions{Accounts: 10, At: clock.Now().Add(time.Second)}); !errors.Is(err, store.ErrFuture) {
			t.Errorf("a future instant: %v", err)
		}
		const n = 3100 // several batches, statements and a bit
		counts, err := s.FillDemo(ctx, actor, store.DemoOptions{Accounts: n, Seed: 5})
		if err != nil {
			t.Fatal(err)
		}
		agree(t, s)
		totals, err := s.Totals(ctx)
		if err != nil || totals.Accounts != n || totals.Users != counts.Users || totals.Memberships != counts.Memberships {
			t.Errorf("totals %+v, made %+v, %v", totals, counts, err)
		}
		clock.Add(31 * 24 * time.Hour)
		agree(t, s)
		if _, err := s.FillDemo(ctx, actor, store.DemoOptions{Accounts: 10}); !errors.Is(err, store.ErrNotEmpty) {
			t.Errorf("a second time: %v", err)
		}

		// Life goes on from the demo data.
		page, err := s.Accounts(ctx, backoffice.AccountFilter{Sort: backoffice.SortVisits}, "")
		if err != nil || len(page.Rows) != backoffice.PageSize {
			t.Fatalf("list: %d rows, %v", len(page.Rows), err)
		}
		busy := page.Rows[0]
		a, err := s.Account(ctx, busy.ID)
		if err != nil {
			t.Fatal(err)
		}
		days, err := s.VisitsByDay(ctx, a.Key, 0, backoffice.DayOf(clock.Now()))
		var sum int64
		for _, d := range days {
			sum += d.Visits
		}
		if err != nil || sum != a.Visits || sum == 0 {
			t.Errorf("visits by day add up to %d, the account says %d, %v", sum, a.Visits, err)
		}
		shown, err := s.Members(ctx, a, backoffice.MemberFilter{})
		members := shown.Rows
		if err != nil || len(members) == 0 || len(members[0].Roles) == 0 {
			t.Fatalf("members: %+v, %v", members, err)
		}
		if found, err := s.Accounts(ctx, backoffice.AccountFilter{Query: a.ID}, ""); err != nil || len(found.Rows) != 1 || found.Rows[0].ID != a.ID {
			t.Errorf("search by ID %q: %+v, %v", a.ID, found.Rows, err)
		}
		if _, err := s.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: a.ID, Email: members[0].Email, At: clock.Now()}}); err != nil {
			t.Errorf("visit: %v", err)
		}
		create(t, s, "Nord Textiles", "nord", "hana@nord-textiles.example")
		agree(t, s)
	})
}
