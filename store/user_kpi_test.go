package store_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// userFiguresAgree holds the figures of users in memory to a recount.
func userFiguresAgree(t interface{ Fatalf(string, ...any) }, s *store.Store, who string) {
	k, err := s.UserKPIs(ctx)
	if err != nil {
		t.Fatalf("%s: %v", who, err)
	}
	want, err := s.UserKPIsAt(ctx, s.Now())
	if err != nil {
		t.Fatalf("%s: %v", who, err)
	}
	if k.Now != want.Now || k.Previous != want.Previous {
		t.Fatalf("%s at %s: the ledger says\n%+v\n%+v\na recount says\n%+v\n%+v", who, s.Now().Format(time.RFC3339Nano), k.Now, k.Previous, want.Now, want.Previous)
	}
	if len(k.Active) != 60 || len(k.New) != 14 || !k.At.Equal(s.Now()) {
		t.Fatalf("%s: %d and %d days at %s", who, len(k.Active), len(k.New), k.At)
	}
	for _, back := range []int{1, 29, 31, 59} {
		at := (backoffice.DayOf(s.Now()) - backoffice.Day(back) + 1).Start().Add(-time.Microsecond)
		then, err := s.UserKPIsAt(ctx, at)
		if err != nil {
			t.Fatalf("%s: %v", who, err)
		}
		if got := k.Active[59-back]; got != then.Now.Active {
			t.Fatalf("%s: %d active users %d days ago, and should be %d: %v", who, got, back, then.Now.Active, k.Active)
		}
	}
}

// TestUserLedgerModel is TestLedgerModel for the figures of users: users arise
// around the edges of the windows, are seen before and after that, go and come
// back, by two processes, while the clock moves on.
func TestUserLedgerModel(t *testing.T) {
	for name, small := range map[string]bool{"": false, "small bounds": true} {
		t.Run(name, func(t *testing.T) {
			if small {
				defer store.SmallBounds()()
			}
			storetest.Each(t, testUserLedgerModel)
		})
	}
}

func testUserLedgerModel(t *testing.T, s *store.Store, clock *storetest.Clock) {
	there := storetest.NewClock()
	other := storetest.Beside(t, s, there)
	type member struct{ id, account, email string }
	var live, gone []member
	n := 0
	edges := []time.Duration{0, 0, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 30 * 24 * time.Hour}
	rapid.Check(t, func(r *rapid.T) {
		for range rapid.IntRange(1, 15).Draw(r, "steps") {
			w, at := s, clock
			if rapid.Bool().Draw(r, "other") {
				w, at = other, there
			}
			some := func(list []member) int { return rapid.IntRange(0, len(list)-1).Draw(r, "user") }
			act := rapid.SampledFrom([]string{"create", "create", "create", "visit", "visit", "visit", "delete", "restore", "moment", "moment", "wait", "wait", "long", "setting"}).Draw(r, "act")
			switch {
			case act == "create":
				// Some moments before or after what has just become an edge.
				back := rapid.SampledFrom(edges).Draw(r, "edge") - time.Duration(rapid.IntRange(-5, 5).Draw(r, "beside"))*time.Duration(rapid.SampledFrom([]int64{1000, 1e9, 600e9}).Draw(r, "by"))
				now := clock.Now()
				at.Set(now.Add(-max(back, 0)))
				n++
				m := member{account: fmt.Sprintf("acc-%d", n), email: fmt.Sprintf("u%d@nord.example", n)}
				if _, err := w.CreateAccount(ctx, actor, backoffice.NewAccount{Name: "Account " + m.account, ID: m.account, PrimaryEmail: m.email}); err != nil {
					r.Fatalf("%v", err)
				}
				page, err := w.Users(ctx, backoffice.UserFilter{Query: m.email}, "")
				if err != nil || len(page.Rows) == 0 {
					r.Fatalf("%s: %d found, %v", m.email, len(page.Rows), err)
				}
				for _, u := range page.Rows {
					if u.Email == m.email {
						m.id = u.ID
					}
				}
				live = append(live, m)
				if rapid.Bool().Draw(r, "visited at once") {
					at := at.Now().Add(-time.Duration(rapid.IntRange(0, 2).Draw(r, "days")) * 24 * time.Hour)
					if _, err := w.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: m.account, Email: m.email, At: at}}); err != nil {
						r.Fatalf("%v", err)
					}
				}
				clock.Set(now)
			case act == "visit" && len(live) > 0:
				m := live[some(live)]
				u, err := w.User(ctx, m.id)
				if err != nil {
					r.Fatalf("%v", err)
				}
				day := u.CreatedAt.Add(time.Duration(rapid.IntRange(-31, 31).Draw(r, "days")) * 24 * time.Hour)
				if day.After(at.Now()) {
					day = at.Now()
				}
				if _, err := w.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: m.account, Email: m.email, At: day}}); err != nil {
					r.Fatalf("%v", err)
				}
			case act == "delete" && len(live) > 0:
				i := some(live)
				if _, err := w.DeleteUser(ctx, backoffice.CommandLine(), live[i].id); err != nil {
					r.Fatalf("%v", err)
				}
				gone, live = append(gone, live[i]), append(live[:i:i], live[i+1:]...)
			case act == "restore" && len(gone) > 0:
				i := some(gone)
				if _, err := w.RestoreUser(ctx, backoffice.CommandLine(), gone[i].id); err != nil {
					r.Fatalf("%v", err)
				}
				live, gone = append(live, gone[i]), append(gone[:i:i], gone[i+1:]...)
			case act == "setting": // commits, and changes no figure
				if err := w.Update(ctx, func(u *store.Unit) error { return u.Set("ledger", fmt.Sprint(n)) }); err != nil {
					r.Fatalf("%v", err)
				}
			case act == "moment":
				clock.Add(time.Duration(rapid.IntRange(1, 3000).Draw(r, "microseconds")) * time.Microsecond)
			case act == "wait":
				clock.Add(time.Duration(rapid.IntRange(1, 2*3600).Draw(r, "seconds")) * time.Second)
			case act == "long":
				clock.Add(time.Duration(rapid.IntRange(1, 10*24).Draw(r, "hours")) * time.Hour)
			}
			there.Set(clock.Now())
			userFiguresAgree(r, s, "here")
			if rapid.Bool().Draw(r, "ask there") {
				userFiguresAgree(r, other, "there")
			}
		}
	})
	agree(t, s)
	t.Logf("read anew %d and %d times", s.UserLoads(), other.UserLoads())
}

// The edges are read once: neither visits nor what changes no user ends what is
// known of them, here or in another process.
func TestUserLedgerFollows(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		other := storetest.Beside(t, s, clock)
		for i := range 5 {
			create(t, s, fmt.Sprint("Nord ", i), fmt.Sprint("nord-", i), fmt.Sprintf("u%d@nord.example", i))
		}
		clock.Add(48 * time.Hour)
		userFiguresAgree(t, s, "at first")
		for i := range 40 {
			w := s
			if i%2 == 0 {
				w = other
			}
			clock.Add(time.Second)
			if _, err := w.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: fmt.Sprint("nord-", i%5), Email: fmt.Sprintf("u%d@nord.example", i%5), At: clock.Now()}}); err != nil {
				t.Fatal(err)
			}
			if err := w.Update(ctx, func(u *store.Unit) error { return u.Set("ledger", fmt.Sprint(i)) }); err != nil {
				t.Fatal(err)
			}
			userFiguresAgree(t, s, "here")
		}
		if n := s.UserLoads(); n != 1 {
			t.Errorf("the edges were read anew %d times", n-1)
		}
		create(t, other, "Nord 6", "nord-6", "u6@nord.example")
		userFiguresAgree(t, s, "after somebody came")
		if n := s.UserLoads(); n != 2 {
			t.Errorf("the edges were read %d times", n)
		}
	})
}
