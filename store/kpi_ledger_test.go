package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// figuresAgree holds the figures in memory to a recount.
func figuresAgree(t interface{ Fatalf(string, ...any) }, s *store.Store, who string) {
	k, totals, err := s.Dashboard(ctx)
	if err != nil {
		t.Fatalf("%s: %v", who, err)
	}
	want, err := s.KPIsAt(ctx, s.Now())
	if err != nil {
		t.Fatalf("%s: %v", who, err)
	}
	if k.Now != want.Now || k.Previous != want.Previous {
		t.Fatalf("%s at %s: the ledger says\n%+v\n%+v\na recount says\n%+v\n%+v", who, s.Now().Format(time.RFC3339Nano), k.Now, k.Previous, want.Now, want.Previous)
	}
	if !k.At.Equal(s.Now()) || totals.Accounts < k.Now.Accounts {
		t.Fatalf("%s: %+v at %s", who, totals, k.At)
	}
	today, err := s.KPIsAt(ctx, (backoffice.DayOf(s.Now()) + 1).Start().Add(-time.Microsecond))
	if err != nil {
		t.Fatalf("%s: %v", who, err)
	}
	if n := len(k.Active); n != 60 || k.Active[n-1] != today.Now.ActiveAccounts {
		t.Fatalf("%s: the course of active accounts ends with %v, and should with %d", who, k.Active, today.Now.ActiveAccounts)
	}
}

// TestLedgerModel has two processes act at random, whose clocks differ: accounts
// arise now and around the beginnings of the trailing windows, are visited on
// the days around their creation, go and come back, while the clocks move by
// moments, hours and months. The figures that each holds in memory equal a
// recount at every step.
func TestLedgerModel(t *testing.T) {
	for name, small := range map[string]bool{"": false, "small bounds": true} {
		t.Run(name, func(t *testing.T) {
			if small {
				defer store.SmallBounds()()
			}
			storetest.Each(t, testLedgerModel)
		})
	}
}

func testLedgerModel(t *testing.T, s *store.Store, clock *storetest.Clock) {
	there := storetest.NewClock()
	other := storetest.Beside(t, s, there)
	type member struct{ id, email string }
	var live []member
	var deletions []string
	n := 0
	edges := []time.Duration{0, 0, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 30 * 24 * time.Hour}
	rapid.Check(t, func(r *rapid.T) {
		for range rapid.IntRange(1, 15).Draw(r, "steps") {
			w, at := s, clock
			if rapid.Bool().Draw(r, "other") {
				w, at = other, there
			}
			some := func() member { return rapid.SampledFrom(live).Draw(r, "account") }
			act := rapid.SampledFrom([]string{"create", "create", "create", "visit", "visit", "delete", "restore", "moment", "moment", "wait", "wait", "long", "back", "far back", "setting"}).Draw(r, "act")
			switch {
			case act == "create":
				// Some moments before or after what has just become an edge.
				back := rapid.SampledFrom(edges).Draw(r, "edge") - time.Duration(rapid.IntRange(-5, 5).Draw(r, "beside"))*time.Duration(rapid.SampledFrom([]int64{1000, 1e9, 600e9}).Draw(r, "by"))
				now := clock.Now()
				at.Set(now.Add(-max(back, 0)))
				n++
				m := member{fmt.Sprintf("acc-%d", n), rapid.SampledFrom([]string{"", fmt.Sprintf("u%d@nord.example", n), fmt.Sprintf("u%d@gmail.com", n)}).Draw(r, "email")}
				if _, err := w.CreateAccount(ctx, actor, backoffice.NewAccount{Name: "Account " + m.id, ID: m.id, PrimaryEmail: m.email}); err != nil {
					r.Fatalf("%v", err)
				}
				if live = append(live, m); m.email != "" && rapid.Bool().Draw(r, "visited at once") {
					at := at.Now().Add(-time.Duration(rapid.IntRange(0, 2).Draw(r, "days")) * 24 * time.Hour)
					if _, err := w.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: m.id, Email: m.email, At: at}}); err != nil {
						r.Fatalf("%v", err)
					}
				}
				clock.Set(now)
			case act == "visit" && len(live) > 0:
				m := some()
				if m.email == "" {
					continue
				}
				a, err := w.Account(ctx, m.id)
				if err != nil {
					r.Fatalf("%v", err)
				}
				day := a.CreatedAt.Add(time.Duration(rapid.IntRange(-31, 31).Draw(r, "days")) * 24 * time.Hour)
				if day.After(at.Now()) {
					day = at.Now()
				}
				if _, err := w.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: m.id, Email: m.email, At: day}}); err != nil {
					r.Fatalf("%v", err)
				}
			case act == "delete" && len(live) > 0:
				i := rapid.IntRange(0, len(live)-1).Draw(r, "account")
				d, err := w.DeleteAccount(ctx, actor, live[i].id, "Account "+live[i].id, false)
				if err != nil {
					r.Fatalf("%v", err)
				}
				deletions, live = append(deletions, d), append(live[:i:i], live[i+1:]...)
			case act == "restore" && len(deletions) > 0:
				restored, err := w.Restore(ctx, actor, deletions[0])
				if err != nil && !errors.As(err, new(backoffice.Problems)) {
					r.Fatalf("%v", err)
				}
				for _, a := range restored {
					full, err := w.Account(ctx, a.ID)
					if err != nil {
						r.Fatalf("%v", err)
					}
					live = append(live, member{a.ID, full.PrimaryEmail})
				}
				deletions = deletions[1:]
			case act == "setting": // commits, and changes no figure
				if err := w.Update(ctx, func(u *store.Unit) error { return u.Set("ledger", fmt.Sprint(n)) }); err != nil {
					r.Fatalf("%v", err)
				}
			case act == "moment":
				clock.Add(time.Duration(rapid.IntRange(1, 3000).Draw(r, "microseconds")) * time.Microsecond)
			case act == "wait":
				clock.Add(time.Duration(rapid.IntRange(1, 2*3600).Draw(r, "seconds")) * time.Second)
			case act == "long":
				clock.Add(time.Duration(rapid.IntRange(1, 31*24).Draw(r, "hours")) * time.Hour)
			case act == "back":
				clock.Add(-time.Duration(rapid.IntRange(1, 2*3600).Draw(r, "seconds back")) * time.Second)
			case act == "far back":
				clock.Add(-time.Duration(rapid.IntRange(1, 7*24).Draw(r, "hours back")) * time.Hour)
			}
			there.Set(clock.Now())
			figuresAgree(r, s, "here")
			if rapid.Bool().Draw(r, "ask there") {
				figuresAgree(r, other, "there")
			}
		}
	})
	agree(t, s)
	t.Logf("read anew %d and %d times", s.Loads(), other.Loads())
}

// The figures are read from the counters once; after that they follow what is
// committed, here and in another process.
func TestLedgerFollows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		other := storetest.Beside(t, s, clock)
		for i := range 5 {
			create(t, s, fmt.Sprint("Nord ", i), fmt.Sprint("nord-", i), fmt.Sprintf("u%d@nord.example", i))
		}
		figuresAgree(t, s, "at first")
		for i := range 40 {
			w := s
			if i%2 == 0 {
				w = other
			}
			clock.Add(time.Second)
			id, email := fmt.Sprint("new-", i), fmt.Sprintf("n%d@nord.example", i)
			create(t, w, "New "+id, id, email)
			if _, err := w.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: id, Email: email, At: clock.Now()}}); err != nil {
				t.Fatal(err)
			}
			figuresAgree(t, s, "here")
		}
		a, err := s.Account(ctx, "new-3")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.DeleteAccount(ctx, actor, a.ID, a.Name, false); err != nil {
			t.Fatal(err)
		}
		figuresAgree(t, s, "after a deletion")
		if n := s.Loads(); n != 1 {
			t.Errorf("the figures were read anew %d times", n-1)
		}
		// Changes are told for a while, and then forgotten.
		for i := range 1200 {
			if err := other.Update(ctx, func(u *store.Unit) error {
				return u.Insert("Late", fmt.Sprint("late-", i), clock.Now())
			}); err != nil {
				t.Fatal(err)
			}
		}
		figuresAgree(t, s, "far behind")
	})
}
