package store_test

import (
	"encoding/json"
	"iter"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// expected is what lies beside a set of customers: what importing it gives.
type expected struct {
	At          time.Time
	Accounts    int64
	Users       int64
	Memberships int64
	Visits      int64
	Refused     []backoffice.ImportRefusal
	KPIs        struct {
		New     int64   `json:"new_accounts_7d"`
		Active  int64   `json:"active_accounts_30d"`
		Average float64 `json:"average_users_per_account"`
		Company int64   `json:"company_domain_accounts"`
	}
	PreviousNew int64    `json:"previous_new_accounts_7d"`
	Top         [][3]any `json:"top_by_visits"`
}

// customers are the sets that the import is held to: a small one that is always
// there, and the one that lies beside the repository.
func customers(t *testing.T) []string {
	dirs := []string{"testdata/customers"}
	for up := "../.."; len(up) < 20; up += "/.." {
		dir := up + "/shared/data/customers"
		if _, err := os.Stat(dir + "/expected.json"); err == nil {
			return append(dirs, dir)
		}
	}
	t.Log("../shared/data/customers is not here: the small set of testdata is imported alone")
	return dirs
}

func readExpected(t *testing.T, dir string) (e expected) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// folder gives the files of a folder that are there.
func folder(t *testing.T, dir string) iter.Seq2[store.ImportFile, error] {
	return func(yield func(store.ImportFile, error) bool) {
		for _, kind := range []backoffice.ImportKind{backoffice.ImportAccounts, backoffice.ImportUsers, backoffice.ImportVisits} {
			f, err := os.Open(filepath.Join(dir, string(kind)+".csv"))
			if os.IsNotExist(err) {
				continue
			}
			if !yield(store.ImportFile{Kind: kind, Name: filepath.Join(dir, string(kind)+".csv"), Reader: f}, err) {
				return
			}
			f.Close()
		}
	}
}

func plan(t *testing.T, s *store.Store, files iter.Seq2[store.ImportFile, error]) backoffice.ImportRun {
	t.Helper()
	run, err := s.PlanImport(ctx, actor, false, files)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func apply(t *testing.T, s *store.Store, run backoffice.ImportRun) backoffice.ImportRun {
	t.Helper()
	done, err := s.ApplyImport(ctx, actor, run.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if done.State != backoffice.ImportApplied || done.RowsDone != done.RowsTotal {
		t.Fatalf("import ended as %s, %d of %d rows", done.State, done.RowsDone, done.RowsTotal)
	}
	return done
}

func TestImportCustomers(t *testing.T) {
	for _, dir := range customers(t) {
		want := readExpected(t, dir)
		t.Run(map[bool]string{true: "small", false: "shared"}[dir == "testdata/customers"], func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
				clock.Set(want.At)
				run := plan(t, s, folder(t, dir))
				planned := run.Counts
				done := apply(t, s, run)
				c := done.Counts
				for _, f := range []struct {
					kind backoffice.ImportKind
					want int64
				}{{backoffice.ImportAccounts, want.Accounts}, {backoffice.ImportUsers, want.Users}, {backoffice.ImportMemberships, want.Memberships}, {backoffice.ImportVisits, want.Visits}} {
					if got := c.Of(f.kind).Created; got != f.want {
						t.Errorf("%d %s created, want %d", got, f.kind, f.want)
					}
					if *c.Of(f.kind) != *planned.Of(f.kind) {
						t.Errorf("%s: planned %+v, applied %+v", f.kind, *planned.Of(f.kind), *c.Of(f.kind))
					}
				}
				refused, err := s.ImportRefusals(ctx, run.ID)
				if err != nil {
					t.Fatal(err)
				}
				for i := range max(len(refused), len(want.Refused)) {
					var got, wanted backoffice.ImportRefusal
					if i < len(refused) {
						got = refused[i]
					}
					if i < len(want.Refused) {
						wanted = want.Refused[i]
					}
					if got.File != wanted.File || got.Line != wanted.Line || got.Column != wanted.Column {
						t.Errorf("refused %+v, want %+v", got, wanted)
					}
					if got.Reason == "" {
						t.Errorf("no reason: %+v", got)
					}
				}
				holds(t, s, want)
				agree(t, s)

				again := apply(t, s, plan(t, s, folder(t, dir)))
				if again.RowsTotal != 0 {
					t.Errorf("a second import changes %d rows: %+v", again.RowsTotal, again.Counts)
				}
				for _, k := range []backoffice.ImportKind{backoffice.ImportAccounts, backoffice.ImportUsers, backoffice.ImportMemberships, backoffice.ImportVisits} {
					first, second := *c.Of(k), *again.Counts.Of(k)
					if second.Created != 0 || second.Updated != 0 || second.Unchanged != first.Created+first.Unchanged || second.Refused != first.Refused {
						t.Errorf("%s: first %+v, second %+v", k, first, second)
					}
				}
				holds(t, s, want)
				agree(t, s)
			})
		})
	}
}

// holds compares the figures and the busiest accounts with what was expected.
func holds(t *testing.T, s *store.Store, want expected) {
	t.Helper()
	k, err := s.KPIsAt(ctx, want.At)
	if err != nil {
		t.Fatal(err)
	}
	if k.Now.NewAccounts != want.KPIs.New || k.Now.ActiveAccounts != want.KPIs.Active || k.Now.CompanyAccounts != want.KPIs.Company ||
		math.Abs(k.Now.AverageUsers()-want.KPIs.Average) > 0.00005 || k.Previous.NewAccounts != want.PreviousNew {
		t.Errorf("figures %+v, before %+v; want %+v, %d before", k.Now, k.Previous, want.KPIs, want.PreviousNew)
	}
	p, err := s.Accounts(ctx, backoffice.AccountFilter{Sort: backoffice.SortVisits}, "")
	if err != nil {
		t.Fatal(err)
	}
	for i, top := range want.Top {
		row := p.Rows[i]
		if row.ID != top[0] || row.Visits != int64(top[1].(float64)) || row.LastVisit.Format(time.DateOnly) != top[2] {
			t.Errorf("%d. by visits: %s %d %s, want %v", i+1, row.ID, row.Visits, row.LastVisit, top)
		}
	}
}
