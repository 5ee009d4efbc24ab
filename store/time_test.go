package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// cardsAndCommand holds the cards, the lists behind them and the command line's
// recount to each other.
func cardsAndCommand(t *testing.T, s *store.Store, when string) {
	t.Helper()
	k, err := s.KPIs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.KPIsAt(ctx, s.Now())
	if err != nil {
		t.Fatal(err)
	}
	if k.Now != want.Now || k.Previous != want.Previous {
		t.Errorf("%s: counters say\n%+v\n%+v\na recount says\n%+v\n%+v", when, k.Now, k.Previous, want.Now, want.Previous)
	}
	yes := true
	for name, c := range map[string]struct {
		filter backoffice.AccountFilter
		want   int64
	}{
		"new":     {backoffice.AccountFilter{CreatedDays: 7, Sort: backoffice.SortName}, k.Now.NewAccounts},
		"active":  {backoffice.AccountFilter{ActiveDays: 30}, k.Now.ActiveAccounts},
		"company": {backoffice.AccountFilter{CompanyDomain: &yes}, k.Now.CompanyAccounts},
		"dormant": {backoffice.AccountFilter{DormantDays: 30}, -1},
		"all":     {backoffice.AccountFilter{Sort: backoffice.SortUsers}, -1},
	} {
		var rows int64
		if err := s.EachAccount(ctx, c.filter, func(backoffice.AccountRow) error { rows++; return nil }); err != nil {
			t.Fatal(err)
		}
		n, err := s.CountAccounts(ctx, c.filter)
		if err != nil || n != rows || c.want >= 0 && rows != c.want {
			t.Errorf("%s: card %s says %d, its list has %d rows and says %d, %v", when, name, c.want, rows, n, err)
		}
	}
	if got := findings(t, s); len(got) > 0 {
		t.Errorf("%s: findings: %q", when, got)
	}
}

// T-95: the clock jumps back and forth, over midnight too. What is dated after
// now is in no figure, until its time has come.
func TestAttack_T95_ClockJumps(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		clock.Set(time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC)) // a night on which clocks are changed
		n := 0
		add := func() {
			n++
			id := fmt.Sprintf("acc-%d", n)
			email := fmt.Sprintf("u%d@nord.example", n)
			create(t, s, "Account "+id, id, email)
			visits := []backoffice.Visit{{AccountID: id, Email: email, At: clock.Now()}}
			if n%2 == 0 {
				visits = append(visits, backoffice.Visit{AccountID: id, Email: email, At: clock.Now().Add(-20 * 24 * time.Hour)})
			}
			if _, err := s.RecordVisits(ctx, actor, visits); err != nil {
				t.Fatal(err)
			}
		}
		add()
		add()
		cardsAndCommand(t, s, "at first")
		for _, jump := range []time.Duration{-time.Hour, time.Minute, -25 * time.Hour, 2 * time.Hour, time.Hour, -40 * 24 * time.Hour, 41 * 24 * time.Hour, 15 * 365 * 24 * time.Hour, -15 * 365 * 24 * time.Hour} {
			clock.Add(jump)
			cardsAndCommand(t, s, fmt.Sprint("after ", jump))
			add()
			add()
			cardsAndCommand(t, s, fmt.Sprint("after ", jump, " and two accounts"))
			a, err := s.Account(ctx, fmt.Sprintf("acc-%d", n))
			if err != nil {
				t.Fatal(err)
			}
			d, err := s.DeleteAccount(ctx, actor, a.ID, a.Name, false)
			if err != nil {
				t.Fatal(err)
			}
			cardsAndCommand(t, s, "after a deletion")
			if _, err := s.Restore(ctx, actor, d); err != nil {
				t.Fatal(err)
			}
		}
		for range 30 { // and forward through every edge
			clock.Add(35 * time.Minute)
			cardsAndCommand(t, s, "on the way")
		}
	})
}

// The first instant that can be stored is an instant like any other.
func TestBeginningOfTime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		now := clock.Now()
		clock.Set(time.Unix(0, 0))
		for i := range 60 {
			create(t, s, fmt.Sprintf("Old %d", i), fmt.Sprintf("old-%d", i), "hana@nord.example")
		}
		day := func(add time.Duration) backoffice.Visit {
			return backoffice.Visit{AccountID: "old-1", Email: "hana@nord.example", At: time.Unix(0, 0).Add(add)}
		}
		clock.Set(now)
		for range 2 {
			if _, err := s.RecordVisits(ctx, actor, []backoffice.Visit{day(0), day(time.Hour), day(26 * time.Hour)}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.RecordVisits(ctx, actor, []backoffice.Visit{day(0)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, at := range []time.Time{time.Unix(0, 0).Add(-time.Microsecond), time.Date(1970, 1, 1, 0, 30, 0, 0, time.FixedZone("", 3600)), {}, now.Add(time.Microsecond), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
			var refused store.VisitProblems
			if _, err := s.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: "old-1", Email: "hana@nord.example", At: at}}); !errors.As(err, &refused) {
				t.Errorf("a visit at %s: %v", at, err)
			}
		}
		seen := map[string]bool{}
		if err := s.EachAccount(ctx, backoffice.AccountFilter{}, func(r backoffice.AccountRow) error {
			if seen[r.ID] || !r.CreatedAt.Equal(time.Unix(0, 0)) {
				t.Errorf("%s again, or created at %s", r.ID, r.CreatedAt)
			}
			seen[r.ID] = true
			return nil
		}); err != nil || len(seen) != 60 {
			t.Errorf("%d accounts listed, %v", len(seen), err)
		}
		a, err := s.Account(ctx, "old-1")
		if err != nil || a.Visits != 2 {
			t.Errorf("%d visits, want 2, %v", a.Visits, err)
		}
		cardsAndCommand(t, s, "long after")
	})
}

// The figures are of one moment, also while others write.
func TestFiguresOfOneMoment(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		clock.Add(-40 * 24 * time.Hour)
		create(t, s, "Old", "old", "hana@nord.example")
		clock.Add(40 * 24 * time.Hour)
		done := make(chan struct{})
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer close(done)
			for i := range 60 {
				create(t, s, "New", fmt.Sprintf("new-%d", i), fmt.Sprintf("u%d@nord.example", i))
			}
		}()
		for open := true; open; {
			select {
			case <-done:
				open = false
			default:
			}
			k, totals, err := s.Dashboard(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if k.Previous.Accounts != 1 || k.Previous.Memberships != 1 || k.Previous.CompanyAccounts != 1 || k.Now.NewAccounts != k.Now.Accounts-1 || totals.Users != k.Now.Memberships {
				t.Fatalf("figures of two moments: %+v before %+v, %d users", k.Now, k.Previous, totals.Users)
			}
		}
		wg.Wait()
	})
}

func TestCreateNeedsName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		for _, name := range []string{"", " ", "\u00a0\t"} {
			var p backoffice.Problems
			if _, err := s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: name}); !errors.As(err, &p) || p["name"] == "" {
				t.Errorf("an account named %q: %v", name, err)
			}
		}
	})
}

// An account that is named twice in a selection goes once.
func TestBulkNamedTwice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Nord", "nord", "")
		create(t, s, "Süd", "sued", "")
		if err := s.SetParentForTest(ctx, "sued", "nord"); err != nil {
			t.Fatal(err)
		}
		_, results, err := s.DeleteAccounts(ctx, actor, []string{"nord", "sued", "nord", "absent", "sued", "absent"})
		if err != nil || len(results) != 3 {
			t.Fatalf("deleted %+v, %v", results, err)
		}
		cardsAndCommand(t, s, "deleted")
		results, err = s.RestoreAccounts(ctx, actor, []string{"sued", "nord", "sued"})
		if err != nil || len(results) != 2 || results[0].Refused != "" || results[1].Refused != "" {
			t.Fatalf("restored %+v, %v", results, err)
		}
		cardsAndCommand(t, s, "restored")
	})
}

// What went in many units of work comes back in many, parents first, and others
// write in between.
func TestRestoreMany(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		const n = 250
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprintf("many-%03d", i))
		}
		if err := s.Update(ctx, func(u *store.Unit) error {
			for _, id := range ids {
				if err := u.Insert("Many "+id, id, clock.Now()); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for i := range 30 { // a chain whose top was made last
			if err := s.SetParentForTest(ctx, ids[i], ids[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		for round := range 2 {
			deletion, results, err := s.DeleteAccounts(ctx, actor, ids)
			if err != nil || len(results) != n {
				t.Fatalf("%d deleted, %v", len(results), err)
			}
			var back int
			if round == 0 {
				restored, err := s.Restore(ctx, actor, deletion)
				if err != nil {
					t.Fatal(err)
				}
				back = len(restored)
				if _, err := s.Restore(ctx, actor, deletion); !errors.Is(err, backoffice.ErrNotFound) {
					t.Errorf("restored twice: %v", err)
				}
			} else {
				restored, err := s.RestoreAccounts(ctx, actor, ids)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range restored {
					if r.Refused == "" {
						back++
					}
				}
			}
			if back != n {
				t.Errorf("%d came back, want %d", back, n)
			}
			cardsAndCommand(t, s, "back")
		}
	})
}

// The palette finds a name that was typed whole among many that contain it.
func TestFindExactAmongMany(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		if err := s.Update(ctx, func(u *store.Unit) error {
			for i, name := range []string{"Nörd", "Nord Alpha"} {
				if err := u.Insert(name, fmt.Sprint("exact-", i), clock.Now()); err != nil {
					return err
				}
			}
			for i := range 70 {
				if err := u.Insert(fmt.Sprintf("Best of nordic %d", i), fmt.Sprint("n-", i), clock.Now()); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		rows, err := s.FindAccounts(ctx, "NORD", 8)
		if err != nil || len(rows) != 8 || rows[0].ID != "exact-0" || rows[1].ID != "exact-1" {
			t.Errorf("found %+v, %v", rows, err)
		}
	})
}
