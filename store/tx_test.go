package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// together lets n units of work arrive while another one runs, so that SQLite
// commits them in groups, and holds what was said of each to what is on disk:
// done means there, an error or a panic means not there.
func together(t *testing.T, s *store.Store, n int, fn func(u *store.Unit, i int) error) (errs []error) {
	t.Helper()
	begun, free := make(chan struct{}), make(chan struct{})
	go s.Update(ctx, func(*store.Unit) error { close(begun); <-free; return nil })
	<-begun
	errs = make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("panic: %v", p)
				}
			}()
			errs[i] = s.Update(ctx, func(u *store.Unit) error {
				if err := u.Set(fmt.Sprintf("unit-%d", i), "there"); err != nil {
					return err
				}
				return fn(u, i)
			})
		}()
	}
	time.Sleep(100 * time.Millisecond)
	close(free)
	wg.Wait()
	for i, err := range errs {
		v, readErr := s.Setting(ctx, fmt.Sprintf("unit-%d", i))
		if readErr != nil {
			t.Fatal(readErr)
		}
		if (v == "there") != (err == nil) {
			t.Errorf("unit %d was told %v, and on disk is %q", i, err, v)
		}
	}
	return errs
}

// usable fails the test when the store does not take a write any more.
func usable(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Update(ctx, func(u *store.Unit) error { return u.Set("usable", time.Now().String()) }); err != nil {
		t.Errorf("the store is not usable any more: %v", err)
	}
	agree(t, s)
}

func TestUnitsFailAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		refused := errors.New("refused")
		errs := together(t, s, 40, func(u *store.Unit, i int) error {
			switch i % 5 {
			case 1:
				panic("units may panic")
			case 2:
				return refused
			case 3:
				_, err := u.Exec(`INSERT INTO kpi_totals (one, accounts, company, memberships, users, resellers, children, binned) VALUES (1, 0, 0, 0, 0, 0, 0, 0)`)
				return err
			case 4:
				_, err := u.Exec(`SELECT nonsense`)
				return err
			}
			return nil
		})
		for i, err := range errs {
			switch {
			case i%5 == 0 && err != nil:
				t.Errorf("unit %d paid for the others: %v", i, err)
			case i%5 == 1 && (err == nil || !strings.HasPrefix(err.Error(), "panic: units may panic")):
				t.Errorf("unit %d panicked, and its caller was told %v", i, err)
			case i%5 == 2 && !errors.Is(err, refused), i%5 > 2 && err == nil:
				t.Errorf("unit %d: %v", i, err)
			}
		}
		usable(t, s)
	})
}

// A commit that fails fails all that it would have saved.
func TestCommitFails(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t), storetest.NewClock())
	hook := func(h func() int) {
		if err := s.WriterConn(func(c any) error { c.(*sqlite3.SQLiteConn).RegisterCommitHook(h); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	commits := 0
	hook(func() int { commits++; return commits % 2 })
	for i, err := range together(t, s, 20, func(*store.Unit, int) error { return nil }) {
		if err != nil && !strings.Contains(err.Error(), "constraint") {
			t.Errorf("unit %d: %v", i, err)
		}
	}
	hook(nil)
	usable(t, s)
}

// A full disk makes SQLite give up the whole transaction in the middle of a unit.
func TestTransactionLost(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t), storetest.NewClock())
	pages := func(u *store.Unit, most string) error {
		_, err := u.Exec(`PRAGMA max_page_count = ` + most)
		return err
	}
	errs := together(t, s, 30, func(u *store.Unit, i int) error {
		if i%10 != 3 {
			return nil
		}
		if err := pages(u, "10"); err != nil { // SQLite takes it for as many as there are
			return err
		}
		err := u.Set("large", strings.Repeat("x", 1<<20))
		pages(u, "1073741823")
		return err
	})
	for i, err := range errs {
		if i%10 == 3 && err == nil {
			t.Errorf("unit %d wrote to a full disk", i)
		}
		if err != nil && !errors.Is(err, backoffice.ErrUnavailable) {
			t.Errorf("unit %d was not told that storage is unavailable: %v", i, err)
		}
	}
	usable(t, s)
}

// T-86: a closed database and a request that was given up end in plain errors.
func TestAttack_T86_ClosedAndCancelled(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		create(t, s, "Nord", "nord", "hana@nord.example")
		given, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.SetReseller(given, actor, "nord", true); !errors.Is(err, context.Canceled) {
			t.Errorf("a write that was given up: %v", err)
		}
		if _, err := s.Accounts(given, backoffice.AccountFilter{Query: "n"}, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("a read that was given up: %v", err)
		}
		if a, err := s.Account(ctx, "nord"); err != nil || a.IsReseller {
			t.Errorf("a write that was given up was done: %v", err)
		}
		// A reader that waits for a writer may be given up as well.
		begun, free := make(chan struct{}), make(chan struct{})
		go s.Update(ctx, func(*store.Unit) error { close(begun); <-free; return nil })
		<-begun
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if _, err := s.Account(short, "nord"); err != nil {
			t.Errorf("a read waits for a writer: %v", err)
		}
		close(free)

		s.Close()
		for what, err := range map[string]error{
			"write": s.SetReseller(ctx, actor, "nord", true),
			"ping":  s.Ping(ctx),
			"read":  second(s.Account(ctx, "nord")),
			"kpis":  second(s.KPIs(ctx)),
			"list":  second(s.Accounts(ctx, backoffice.AccountFilter{}, "")),
		} {
			if !errors.Is(err, backoffice.ErrUnavailable) {
				t.Errorf("%s on a closed database: %v", what, err)
			}
		}
		if err := s.Close(); err != nil && !strings.Contains(err.Error(), "closed") {
			t.Errorf("closed twice: %v", err)
		}
	})
}

// Closing while many write: each of them is told the truth, and nobody waits for ever.
func TestCloseWhileWriting(t *testing.T) {
	for engine, name := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(engine, func(t *testing.T) {
			file, clock := name(t), storetest.NewClock()
			s := storetest.Open(t, file, clock)
			var mu sync.Mutex
			told := map[string]error{}
			var wg sync.WaitGroup
			for g := range 16 {
				wg.Go(func() {
					for i := 0; ; i++ {
						id := fmt.Sprintf("close-%d-%d", g, i)
						err := s.Update(ctx, func(u *store.Unit) error { return u.Set(id, "there") })
						mu.Lock()
						told[id] = err
						mu.Unlock()
						if err != nil {
							return
						}
					}
				})
			}
			time.Sleep(30 * time.Millisecond)
			s.Close()
			wg.Wait()
			again := storetest.Open(t, file, clock)
			for id, err := range told {
				v, readErr := again.Setting(ctx, id)
				if readErr != nil {
					t.Fatal(readErr)
				}
				if (v == "there") != (err == nil) {
					t.Errorf("%s was told %v, and on disk is %q", id, err, v)
				}
				if err != nil && !errors.Is(err, backoffice.ErrUnavailable) {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// T-88: many writers in two processes meet no busy database.
func TestAttack_T88_ManyWriters(t *testing.T) {
	for _, name := range []func(testing.TB) string{storetest.SQLite, storetest.Postgres} {
		t.Run("", func(t *testing.T) {
			file, clock := name(t), storetest.NewClock()
			stores := []*store.Store{storetest.Open(t, file, clock), storetest.Open(t, file, clock)}
			create(t, stores[0], "Nord", "nord", "hana@nord.example")
			var wg sync.WaitGroup
			for i := range 64 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for n := range 4 {
						_, err := stores[i%2].RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: "nord", Email: "hana@nord.example",
							At: clock.Now().AddDate(0, 0, -(i*4+n)%200)}})
						if err != nil {
							t.Errorf("writer %d: %v", i, err)
						}
						if _, err := stores[i%2].KPIs(ctx); err != nil {
							t.Errorf("reader %d: %v", i, err)
						}
					}
				}()
			}
			wg.Wait()
			a, err := stores[0].Account(ctx, "nord")
			if err != nil || a.Visits != 200 {
				t.Errorf("%d visits, want 200: %v", a.Visits, err)
			}
			agree(t, stores[1])
		})
	}
}

// PostgreSQL's connections break: what was under way fails, the next goes well.
func TestPostgresConnectionLost(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t), storetest.NewClock())
	create(t, s, "Nord", "nord", "hana@nord.example")
	err := s.Update(ctx, func(u *store.Unit) error {
		if err := u.Set("torn", "there"); err != nil {
			return err
		}
		if _, err := u.Exec(`SELECT pg_terminate_backend(pg_backend_pid())`); err == nil {
			t.Error("a connection survived its end")
		}
		return u.Set("torn-too", "there")
	})
	if !errors.Is(err, backoffice.ErrUnavailable) {
		t.Errorf("a lost connection: %v", err)
	}
	if v, err := s.Setting(ctx, "torn"); err != nil || v != "" {
		t.Errorf("half of a unit is there: %q, %v", v, err)
	}
	usable(t, s)
}

// Writers who wait their turn leave connections to those who read.
func TestPostgresWritersLeaveRoom(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t), storetest.NewClock())
	begun, free := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	write := func(fn func(*store.Unit) error) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := s.Update(ctx, fn); err != nil {
				t.Error(err)
			}
		}()
	}
	write(func(*store.Unit) error { close(begun); <-free; return nil })
	<-begun
	for range 40 {
		write(func(u *store.Unit) error { return u.Set("w", "x") })
	}
	time.Sleep(100 * time.Millisecond)
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := s.KPIs(short); err != nil {
		t.Errorf("nobody can read while writers wait: %v", err)
	}
	// A writer who is given up while waiting goes away.
	if err := s.Update(short, func(*store.Unit) error { t.Error("ran though given up"); return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a writer that was given up while waiting: %v", err)
	}
	close(free)
	wg.Wait()
}
