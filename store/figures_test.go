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

// TestFiguresModel runs arbitrary sequences of acts, with the clock moving in
// between, and asks after each whether the counters equal a recount of the rows,
// the cards equal their lists, and the chain holds.
func TestFiguresModel(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		n := 0
		rapid.Check(t, func(r *rapid.T) {
			var live []string
			var deletions []string
			users := map[string]string{}
			steps := rapid.IntRange(1, 12).Draw(r, "steps")
			for range steps {
				switch rapid.SampledFrom([]string{"create", "create", "visit", "visit", "visit", "delete", "restore", "reseller", "wait", "rename", "parent", "purge", "back"}).Draw(r, "act") {
				case "create":
					n++
					id := fmt.Sprintf("acc-%d", n)
					email := rapid.SampledFrom([]string{"", fmt.Sprintf("u%d@nord.example", n), fmt.Sprintf("u%d@gmail.com", n), "shared@nord.example"}).Draw(r, "email")
					a, err := s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: fmt.Sprintf("Account %d", n), ID: id, PrimaryEmail: email})
					if err != nil {
						r.Fatal(err)
					}
					live = append(live, a.ID)
					users[a.ID] = email
				case "visit":
					if len(live) == 0 {
						continue
					}
					id := rapid.SampledFrom(live).Draw(r, "account")
					if users[id] == "" {
						continue
					}
					var visits []backoffice.Visit
					for range rapid.IntRange(1, 4).Draw(r, "visits") {
						back := time.Duration(rapid.IntRange(0, 100).Draw(r, "days"))*24*time.Hour + time.Duration(rapid.IntRange(0, 23).Draw(r, "hours"))*time.Hour
						visits = append(visits, backoffice.Visit{AccountID: id, Email: users[id], At: clock.Now().Add(-back)})
					}
					if _, err := s.RecordVisits(ctx, actor, visits); err != nil {
						r.Fatal(err)
					}
				case "delete":
					if len(live) == 0 {
						continue
					}
					i := rapid.IntRange(0, len(live)-1).Draw(r, "account")
					a, err := s.Account(ctx, live[i])
					if err != nil {
						r.Fatal(err)
					}
					d, err := s.DeleteAccount(ctx, actor, a.ID, a.Name, false)
					if errors.As(err, new(*store.HasSubAccounts)) {
						continue
					}
					if err != nil {
						r.Fatal(err)
					}
					deletions = append(deletions, d)
					live = append(live[:i:i], live[i+1:]...)
				case "restore":
					if len(deletions) == 0 {
						continue
					}
					i := rapid.IntRange(0, len(deletions)-1).Draw(r, "deletion")
					restored, err := s.Restore(ctx, actor, deletions[i])
					if errors.As(err, new(backoffice.Problems)) {
						continue // its parent is in the bin
					}
					if err != nil {
						r.Fatal(err)
					}
					for _, a := range restored {
						live = append(live, a.ID)
					}
					deletions = append(deletions[:i:i], deletions[i+1:]...)
				case "reseller":
					if len(live) > 0 {
						if err := s.SetReseller(ctx, actor, rapid.SampledFrom(live).Draw(r, "account"), rapid.Bool().Draw(r, "on")); err != nil {
							r.Fatal(err)
						}
					}
				case "rename":
					if len(live) == 0 {
						continue
					}
					a, err := s.Account(ctx, rapid.SampledFrom(live).Draw(r, "account"))
					if err != nil {
						r.Fatal(err)
					}
					if _, err := s.SaveAccount(ctx, actor, a.ID, store.AccountChange{Version: a.Version, Name: a.Name + "x", AccountDetails: a.AccountDetails}); err != nil && !errors.As(err, new(backoffice.Problems)) {
						r.Fatal(err)
					}
				case "parent":
					// Accounts lie under older ones only: no circles.
					if len(live) < 2 {
						continue
					}
					i := rapid.IntRange(1, len(live)-1).Draw(r, "account")
					j := rapid.IntRange(0, i-1).Draw(r, "parent")
					if number(live[j]) < number(live[i]) {
						if err := s.SetParentForTest(ctx, live[i], live[j]); err != nil {
							r.Fatal(err)
						}
					}
				case "purge":
					clock.Add((backoffice.BinDays + 1) * 24 * time.Hour)
					if _, err := s.Purge(ctx, 1000); err != nil {
						r.Fatal(err)
					}
					deletions = nil
				case "back":
					clock.Add(-time.Duration(rapid.IntRange(1, 30*3600).Draw(r, "seconds back")) * time.Second)
				case "wait":
					clock.Add(time.Duration(rapid.IntRange(1, 40*24*3600).Draw(r, "seconds")) * time.Second)
				}
			}
			agree(t, s)
			cardsEqualLists(t, s)
		})
		if got := findings(t, s); len(got) > 0 {
			t.Errorf("findings at the end: %q", got)
		}
	})
}

func number(id string) (n int) {
	fmt.Sscanf(id, "acc-%d", &n)
	return n
}

// cardsEqualLists counts the rows of the list behind each card.
func cardsEqualLists(t *testing.T, s *store.Store) {
	t.Helper()
	k, totals, err := s.Dashboard(ctx)
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	for name, c := range map[string]struct {
		filter backoffice.AccountFilter
		want   int64
	}{
		"new":     {backoffice.AccountFilter{CreatedDays: 7, Sort: backoffice.SortName}, k.Now.NewAccounts},
		"active":  {backoffice.AccountFilter{ActiveDays: 30}, k.Now.ActiveAccounts},
		"average": {backoffice.AccountFilter{Sort: backoffice.SortUsers}, totals.Accounts},
		"company": {backoffice.AccountFilter{CompanyDomain: &yes}, k.Now.CompanyAccounts},
	} {
		var rows int64
		if err := s.EachAccount(ctx, c.filter, func(backoffice.AccountRow) error { rows++; return nil }); err != nil {
			t.Fatal(err)
		}
		page, err := s.Accounts(ctx, c.filter, "")
		if err != nil {
			t.Fatal(err)
		}
		if rows != c.want || page.Total != c.want {
			t.Fatalf("card %s says %d, its list has %d rows and says %d", name, c.want, rows, page.Total)
		}
	}
}
