package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// twoProcesses runs test with two stores on one database, on each engine.
func twoProcesses(t *testing.T, test func(t *testing.T, one, other *store.Store, clock *storetest.Clock)) {
	t.Helper()
	for engine, name := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(engine, func(t *testing.T) {
			name, clock := name(t), storetest.NewClock()
			test(t, storetest.Open(t, name, clock), storetest.Open(t, name, clock), clock)
		})
	}
}

func tamper(t *testing.T, s *store.Store, text string, args ...any) {
	t.Helper()
	if n, err := s.Tamper(text, args...); err != nil || n == 0 {
		t.Fatalf("%s: %d rows, %v", text, n, err)
	}
}

// A visit that is known already is refused all the same once something made
// narrower who may be seen, in this process or another.
func TestVisitsKnownUntil(t *testing.T) {
	var undone string
	narrowings := []struct {
		name, field, reason string
		do, undo            func(t *testing.T, s *store.Store, clock *storetest.Clock)
		added               int64 // when it is told again after the undo
	}{
		{"locked", "email", "the user is locked",
			func(t *testing.T, s *store.Store, _ *storetest.Clock) {
				tamper(t, s, `UPDATE users SET locked = TRUE WHERE email = 'hana@nord.example'`)
			},
			func(t *testing.T, s *store.Store, _ *storetest.Clock) {
				tamper(t, s, `UPDATE users SET locked = FALSE WHERE email = 'hana@nord.example'`)
			}, 0},
		{"disabled", "email", "the membership is disabled",
			func(t *testing.T, s *store.Store, _ *storetest.Clock) {
				tamper(t, s, `UPDATE memberships SET disabled = TRUE WHERE account_key = (SELECT key FROM accounts WHERE id = 'nord')`)
			},
			func(t *testing.T, s *store.Store, _ *storetest.Clock) {
				tamper(t, s, `UPDATE memberships SET disabled = FALSE`)
			}, 0},
		{"user binned", "email", "no user of the account",
			func(t *testing.T, s *store.Store, _ *storetest.Clock) {
				tamper(t, s, `UPDATE users SET deleted_at = 1 WHERE email = 'hana@nord.example'`)
			},
			func(t *testing.T, s *store.Store, _ *storetest.Clock) {
				tamper(t, s, `UPDATE users SET deleted_at = NULL WHERE email = 'hana@nord.example'`)
			}, 0},
		{"address changed", "email", "no user of the account",
			func(t *testing.T, s *store.Store, _ *storetest.Clock) {
				tamper(t, s, `UPDATE users SET email = 'hanna@nord.example' WHERE email = 'hana@nord.example'`)
			},
			func(t *testing.T, s *store.Store, _ *storetest.Clock) {
				tamper(t, s, `UPDATE users SET email = 'hana@nord.example' WHERE email = 'hanna@nord.example'`)
			}, 0},
		{"binned", "account_id", "no account has this ID",
			func(t *testing.T, s *store.Store, _ *storetest.Clock) {
				if _, err := s.DeleteAccount(ctx, actor, "nord", "Nord", false); err != nil {
					t.Fatal(err)
				}
			},
			func(t *testing.T, s *store.Store, _ *storetest.Clock) {
				if refused := restore(t, s, "nord"); refused != "" {
					t.Fatal(refused)
				}
			}, 0},
		{"membership removed", "email", "no user of the account",
			func(t *testing.T, s *store.Store, _ *storetest.Clock) {
				tamper(t, s, `DELETE FROM membership_roles WHERE membership_key IN (SELECT key FROM memberships WHERE account_key = (SELECT key FROM accounts WHERE id = 'nord'))`)
				tamper(t, s, `DELETE FROM memberships WHERE account_key = (SELECT key FROM accounts WHERE id = 'nord')`)
			}, nil, 0},
		{"purged", "account_id", "no account has this ID",
			func(t *testing.T, s *store.Store, clock *storetest.Clock) {
				if _, err := s.DeleteAccount(ctx, actor, "nord", "Nord", false); err != nil {
					t.Fatal(err)
				}
				clock.Add((backoffice.BinDays + 1) * 24 * time.Hour)
				if n, err := s.Purge(ctx, 10); err != nil || n != 1 {
					t.Fatal(n, err)
				}
			}, nil, 0},
		{"import undone", "", "",
			func(t *testing.T, s *store.Store, _ *storetest.Clock) {
				if _, err := s.UndoImport(ctx, actor, undone, nil); err != nil {
					t.Fatal(err)
				}
			},
			func(*testing.T, *store.Store, *storetest.Clock) {}, 1},
	}
	twoProcesses(t, func(t *testing.T, one, other *store.Store, clock *storetest.Clock) {
		for _, by := range []struct {
			name string
			s    *store.Store
		}{{"itself", one}, {"another", other}} {
			for _, n := range narrowings {
				t.Run(n.name+" by "+by.name, func(t *testing.T) {
					clock.Set(storetest.Now)
					if _, err := one.Account(ctx, "nord"); errors.Is(err, backoffice.ErrNotFound) {
						create(t, one, "Nord", "nord", "hana@nord.example")
						create(t, one, "Süd", "sued", "uma@sued.example")
					}
					defer func() { // the next begins anew
						for _, text := range []string{`DELETE FROM membership_roles`, `DELETE FROM memberships`, `DELETE FROM visits`, `DELETE FROM engagement`, `DELETE FROM accounts`, `DELETE FROM users`} {
							one.Tamper(text)
						}
					}()
					at := clock.Now().Truncate(24 * time.Hour).Add(-24 * time.Hour)
					visit := backoffice.Visit{AccountID: "nord", Email: "hana@nord.example", At: at}
					if n.name == "import undone" {
						undone = apply(t, one, plan(t, one, texts("", "", "account_id,email,day\nnord,hana@nord.example,"+backoffice.DayOf(at).String()+"\n"))).ID
					} else if added, err := one.RecordVisits(ctx, actor, []backoffice.Visit{visit}); err != nil || added != 1 {
						t.Fatal(added, err)
					}
					for range 2 {
						if added, err := one.RecordVisits(ctx, actor, []backoffice.Visit{visit}); err != nil || added != 0 {
							t.Fatal(added, err)
						}
					}
					n.do(t, by.s, clock)
					uma := backoffice.Visit{AccountID: "sued", Email: "uma@sued.example", At: at}
					added, err := one.RecordVisits(ctx, actor, []backoffice.Visit{uma, visit})
					var problems store.VisitProblems
					if n.reason == "" {
						if err != nil || added != 1+n.added {
							t.Errorf("%d, %v", added, err)
						}
						return
					}
					if !errors.As(err, &problems) || len(problems) != 1 || problems[0] != (store.VisitProblem{Index: 1, Field: n.field, Reason: n.reason}) {
						t.Fatalf("told %d, %v %+v", added, err, problems)
					}
					if n.undo == nil {
						return
					}
					n.undo(t, by.s, clock)
					if added, err := one.RecordVisits(ctx, actor, []backoffice.Visit{visit, uma}); err != nil || added != 1+n.added {
						t.Errorf("again: %d, %v", added, err)
					}
				})
			}
		}
	})
}

// Batches of fresh, repeated and refused visits are recorded whole or not at all.
func TestVisitsMixed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Nord", "nord", "hana@nord.example")
		create(t, s, "Süd", "sued", "uma@sued.example")
		now := clock.Now()
		hana := func(at time.Time) backoffice.Visit {
			return backoffice.Visit{AccountID: "nord", Email: "hana@nord.example", At: at}
		}
		uma := func(at time.Time) backoffice.Visit {
			return backoffice.Visit{AccountID: "sued", Email: "uma@sued.example", At: at}
		}
		record := func(want int64, visits ...backoffice.Visit) {
			t.Helper()
			if added, err := s.RecordVisits(ctx, actor, visits); err != nil || added != want {
				t.Errorf("recorded %d, want %d: %v", added, want, err)
			}
		}
		last := func(id string) (time.Time, int64) {
			t.Helper()
			a, err := s.Account(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			return a.LastVisit, a.Visits
		}
		holds := func(id string, at time.Time, visits int64) {
			t.Helper()
			if gotAt, got := last(id); !gotAt.Equal(at) || got != visits {
				t.Errorf("%s: last %v, %d visits; want %v, %d", id, gotAt, got, at, visits)
			}
		}
		record(1, hana(now.Add(-time.Hour)))
		record(0, hana(now.Add(-time.Hour)))
		// Later on the day the instant moves, and is not moved back.
		record(0, hana(now.Add(-time.Minute)))
		holds("nord", now.Add(-time.Minute), 1)
		record(0, hana(now.Add(-30*time.Minute)), hana(now.Add(-time.Minute)))
		holds("nord", now.Add(-time.Minute), 1)
		// Days before, near and far, in both orders, and again.
		for _, back := range []int{1, 63, 64, 65, 400, 2} {
			record(1, hana(now.AddDate(0, 0, -back)), hana(now))
			record(0, hana(now), hana(now.AddDate(0, 0, -back)))
		}
		holds("nord", now, 7)
		// A day on, and a hundred.
		for i, days := range []int{1, 100} {
			clock.Set(now.AddDate(0, 0, days))
			record(1, hana(clock.Now()), hana(clock.Now()), hana(now))
			record(0, hana(clock.Now()), hana(now), hana(now.AddDate(0, 0, -1)))
			holds("nord", clock.Now(), int64(8+i))
		}
		// Known, fresh, refused: nothing of it.
		now = clock.Now()
		_, err := s.RecordVisits(ctx, actor, []backoffice.Visit{hana(now), uma(now), hana(now.Add(time.Microsecond)), {AccountID: "nord", Email: "uma@sued.example", At: now}, {AccountID: "nord", Email: "", At: now}})
		var problems store.VisitProblems
		if !errors.As(err, &problems) || len(problems) != 3 || problems[0] != (store.VisitProblem{Index: 2, Field: "at", Reason: "lies after now"}) ||
			problems[1].Index != 3 || problems[2].Index != 4 {
			t.Fatalf("%v %+v", err, problems)
		}
		holds("sued", time.Time{}, 0)
		record(1, uma(now), hana(now))
		// By address, spelled anyhow, and by ID it is one user.
		a, err := s.Account(ctx, "sued")
		if err != nil {
			t.Fatal(err)
		}
		record(0, backoffice.Visit{AccountID: "sued", UserID: membersOf(t, s, a)[0].ID, At: now}, backoffice.Visit{AccountID: "sued", Email: " UMA@Sued.Example", At: now})
		record(0, backoffice.Visit{AccountID: "sued", UserID: membersOf(t, s, a)[0].ID, At: now}, backoffice.Visit{AccountID: "sued", Email: " UMA@Sued.Example", At: now})
		// The clock goes back: what is known lies after now.
		clock.Add(-time.Hour)
		if _, err := s.RecordVisits(ctx, actor, []backoffice.Visit{uma(now)}); !errors.As(err, &problems) || problems[0].Reason != "lies after now" {
			t.Errorf("a visit after now: %v", err)
		}
		clock.Add(time.Hour)
		agree(t, s)
	})
}

// Whoever reports in whichever process: each visit is recorded once, and by one.
func TestVisitsTogether(t *testing.T) {
	twoProcesses(t, func(t *testing.T, one, other *store.Store, clock *storetest.Clock) {
		users := "email,name,account_id,roles,created_at\n"
		for i := range 40 {
			users += fmt.Sprintf("u%02d@x.example,U,a%d,admin,2026-01-01T00:00:00Z\n", i, i%5)
		}
		bring(t, one, "id,name\na0,A\na1,B\na2,C\na3,D\na4,E\n", users)
		now := clock.Now()
		want := sync.Map{}
		var recorded atomic.Int64
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				s := []*store.Store{one, other}[w%2]
				r := rand.New(rand.NewPCG(uint64(w), 1))
				for range 25 {
					var batch []backoffice.Visit
					for range 1 + r.IntN(30) {
						u := r.IntN(40)
						at := now.Add(-time.Duration(r.IntN(60*24)) * time.Hour)
						batch = append(batch, backoffice.Visit{AccountID: fmt.Sprintf("a%d", u%5), Email: fmt.Sprintf("u%02d@x.example", u), At: at})
					}
					refuse := r.IntN(4) == 0
					if refuse {
						batch = append(batch, backoffice.Visit{AccountID: "a0", Email: "u01@x.example", At: now})
					}
					added, err := s.RecordVisits(ctx, actor, batch)
					if refuse {
						var problems store.VisitProblems
						if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Index != len(batch)-1 {
							t.Errorf("a batch that is to be refused: %v", err)
						}
						continue
					}
					if err != nil {
						t.Error(err)
					}
					recorded.Add(added)
					for _, v := range batch {
						want.Store(v.Email+backoffice.DayOf(v.At).String(), true)
					}
				}
			})
		}
		wg.Wait()
		n := int64(0)
		want.Range(func(any, any) bool { n++; return true })
		if recorded.Load() != n {
			t.Errorf("%d visits were told to be new, and %d are", recorded.Load(), n)
		}
		agree(t, one)
	})
}

// While others report without pause, a lock holds from the moment it is there.
func TestVisitsLockHolds(t *testing.T) {
	twoProcesses(t, func(t *testing.T, one, other *store.Store, clock *storetest.Clock) {
		create(t, one, "Nord", "nord", "hana@nord.example")
		create(t, one, "Süd", "sued", "uma@sued.example")
		var stop atomic.Bool
		var wg sync.WaitGroup
		begun := clock.Now().Add(-time.Hour)
		hana := backoffice.Visit{AccountID: "nord", Email: "hana@nord.example", At: begun}
		for w := range 4 {
			wg.Go(func() {
				for i := 0; !stop.Load(); i++ {
					uma := backoffice.Visit{AccountID: "sued", Email: "uma@sued.example", At: begun.Add(time.Duration(i*4+w) * time.Microsecond)}
					if _, err := one.RecordVisits(ctx, actor, []backoffice.Visit{uma}); err != nil {
						t.Error(err)
						return
					}
					one.RecordVisits(ctx, actor, []backoffice.Visit{uma, hana})
				}
			})
		}
		defer wg.Wait()
		defer stop.Store(true)
		for range 15 {
			tamper(t, other, `UPDATE users SET locked = TRUE WHERE email = 'hana@nord.example'`)
			for range 3 {
				if _, err := one.RecordVisits(ctx, actor, []backoffice.Visit{hana}); err == nil {
					t.Fatal("a locked user was seen")
				}
			}
			tamper(t, other, `UPDATE users SET locked = FALSE WHERE email = 'hana@nord.example'`)
			for range 3 {
				if _, err := one.RecordVisits(ctx, actor, []backoffice.Visit{hana}); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// Who waits for a turn may be given up, and then nothing of it is recorded.
func TestVisitsGivenUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Nord", "nord", "hana@nord.example")
		begun, free := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { s.Update(ctx, func(*store.Unit) error { close(begun); <-free; return nil }) })
		<-begun
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		visit := []backoffice.Visit{{AccountID: "nord", Email: "hana@nord.example", At: clock.Now()}}
		if _, err := s.RecordVisits(short, actor, visit); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("given up: %v", err)
		}
		close(free)
		wg.Wait()
		if added, err := s.RecordVisits(ctx, actor, visit); err != nil || added != 1 {
			t.Errorf("afterwards: %d, %v", added, err)
		}
	})
}
