package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// T-17: readers who give up at any moment never see what another one asked for.
func TestAttack_T17_ResultsAreNotMixedUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		words := []string{"aster", "birch", "cedar", "daisy"}
		if err := s.Update(ctx, func(u *store.Unit) error {
			for i := range 400 {
				if err := u.Insert(strings.Repeat(words[i%4]+" ", 1+i%5), fmt.Sprintf("%s-%d", words[i%4], i), clock.Now()); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		answered := make([]int, 8)
		patience := map[string]int{"sqlite": 8000, "postgres": 60000}[s.Engine()] // µs; to connect takes longer
		for g := range 8 {
			wg.Go(func() {
				word := words[g%4]
				for i := range 60 {
					short, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(patience))*time.Microsecond)
					page, err := s.Accounts(short, backoffice.AccountFilter{Query: word}, "")
					a, accountErr := s.Account(short, fmt.Sprintf("%s-%d", word, g%4+4*(i%100)))
					cancel()
					for _, err := range []error{err, accountErr} {
						if err != nil && !errors.Is(err, context.DeadlineExceeded) && short.Err() == nil {
							t.Errorf("%s: %v", word, err)
						}
					}
					if err == nil {
						answered[g]++
						if len(page.Rows) != 50 || page.Total != 100 {
							t.Errorf("%s: %d rows of %d", word, len(page.Rows), page.Total)
						}
						for _, r := range page.Rows {
							if !strings.HasPrefix(r.ID, word+"-") || !strings.HasPrefix(r.Name, word) {
								t.Errorf("who asked for %s was given %s", word, r.ID)
							}
						}
					}
					if accountErr == nil && !strings.HasPrefix(a.ID, word+"-") {
						t.Errorf("who asked for %s was given %s", word, a.ID)
					}
				}
			})
		}
		wg.Wait()
		if err := s.Ping(ctx); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		t.Logf("answered in time: %v of 60 each", answered)
	})
}

// T-89: who walks through a whole list holds nothing up: others write, and the
// log is emptied, in the middle of it.
func TestAttack_T89_WalkHoldsNothingUp(t *testing.T) {
	file := storetest.SQLite(t)
	clock := storetest.NewClock()
	s := storetest.Open(t, file, clock)
	mixed(t, s, clock, 130)
	side, err := sql.Open("sqlite3", "file:"+file+"?_busy_timeout=100")
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	n := 0
	err = s.EachAccount(ctx, backoffice.AccountFilter{}, func(r backoffice.AccountRow) error {
		if n++; n%40 != 0 {
			return nil
		}
		if err := s.SetReseller(ctx, actor, r.ID, !r.IsReseller); err != nil {
			return err
		}
		var busy, log, done int
		if err := side.QueryRow(`PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &done); err != nil || busy != 0 {
			t.Errorf("at row %d the log cannot be emptied: %d, %v", n, busy, err)
		}
		return nil
	})
	if err != nil || n != 130 {
		t.Errorf("%d rows, %v", n, err)
	}
	if size := s.WALSize(); size > 1<<20 {
		t.Errorf("the log has %d bytes", size)
	}
}
