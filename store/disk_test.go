package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"steward/backoffice"
	"steward/store/storetest"
)

// T-88: many writers, in two processes' worth of connections, and none is told
// that the database is busy. How long they wait is measured by make soak.
func TestAttack_T88_BesideAnotherProcess(t *testing.T) {
	path := storetest.SQLite(t)
	first := storetest.Open(t, path, storetest.NewClock())
	second := storetest.Open(t, path, storetest.NewClock())
	var writers sync.WaitGroup
	for w := range 64 {
		s := first
		if w%8 == 0 {
			s = second
		}
		writers.Go(func() {
			for i := range 5 {
				id := fmt.Sprintf("w%d-%d", w, i)
				if _, err := s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: id, ID: id, PrimaryEmail: id + "@nord.example"}); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	writers.Wait()
	k, err := second.KPIs(ctx)
	if err != nil || k.Now.Accounts != 64*5 {
		t.Errorf("%d accounts, %v", k.Now.Accounts, err)
	}
	agree(t, first)
}

// T-90 in the engine: no page may be added. Writes are refused as unavailable
// and leave nothing, reads go on, and writes do once there is room.
func TestAttack_T90(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t), storetest.NewClock())
	create(t, s, "Nord", "nord", "hana@nord.example")
	var pages int64
	if err := s.Ask(`PRAGMA page_count`, &pages); err != nil {
		t.Fatal(err)
	}
	if err := s.AskWriter(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)); err != nil {
		t.Fatal(err)
	}
	done, refused := 0, 0
	for i := range 400 {
		_, err := s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: fmt.Sprintf("Account %d", i), ID: fmt.Sprintf("acc-%d", i)})
		switch {
		case err == nil:
			done++
		case errors.Is(err, backoffice.ErrUnavailable):
			refused++
		default:
			t.Fatalf("a full disk is %v", err)
		}
	}
	if refused == 0 {
		t.Fatal("the disk was never full")
	}
	if _, err := s.Account(ctx, "nord"); err != nil {
		t.Errorf("a read while the disk is full: %v", err)
	}
	k, _ := s.KPIs(ctx)
	if k.Now.Accounts != int64(done)+1 {
		t.Errorf("%d accounts, %d were confirmed", k.Now.Accounts, done+1)
	}
	agree(t, s)
	if err := s.AskWriter(`PRAGMA max_page_count = 1000000`); err != nil {
		t.Fatal(err)
	}
	create(t, s, "Room again", "room", "")
	agree(t, s)
}
