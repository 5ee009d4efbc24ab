package store_test

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
)

// The benchmarks of the store run on a database that is there already, made by
// `steward demo`; those that write work on a copy:
//
//	go test -run '^$' -bench . ./store -args -db bench/out/100000.db
var benchDB = flag.String("db", "", "SQLite file with demo data, for the benchmarks")

func benchStore(b *testing.B, copied bool) *store.Store {
	b.Helper()
	if *benchDB == "" {
		b.Skip("no demo data: name a file by -args -db FILE")
	}
	name := *benchDB
	if copied {
		name = filepath.Join(b.TempDir(), "steward.db")
		copyFile(b, *benchDB, name)
	}
	s, err := store.Open(ctx, name, store.Options{MustExist: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

func copyFile(b *testing.B, from, to string) {
	b.Helper()
	in, err := os.Open(from)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		b.Fatal(err)
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
}

// timed runs op b.N times and reports the distribution beside the mean.
func timed(b *testing.B, op func(i int)) {
	b.Helper()
	op(0) // statements are prepared, pages are read
	took := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	spent := cpuTime()
	for i := range b.N {
		start := time.Now()
		op(i)
		took = append(took, time.Since(start))
	}
	b.StopTimer()
	b.ReportMetric(float64((cpuTime()-spent).Microseconds())/float64(b.N), "µs-cpu")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
}

// cpuTime is what the process has used: it says more than the clock where
// others use the machine, too.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkAccounts(b *testing.B) {
	s := benchStore(b, false)
	for _, sort := range []backoffice.AccountSort{backoffice.SortCreated, backoffice.SortName, backoffice.SortLastVisit, backoffice.SortVisits, backoffice.SortPrimaryUser, backoffice.SortUsers} {
		for _, asc := range []bool{false, true} {
			f := backoffice.AccountFilter{Sort: sort, Asc: asc}
			deep := ""
			for range 100 {
				p, err := s.Accounts(ctx, f, deep)
				if err != nil {
					b.Fatal(err)
				}
				deep = p.Next
			}
			for _, page := range []struct{ name, cursor string }{{"first", ""}, {"deep", deep}, {"last", "last"}} {
				b.Run(fmt.Sprintf("%s/asc=%v/%s", sort, asc, page.name), func(b *testing.B) {
					timed(b, func(int) {
						p, err := s.Accounts(ctx, f, page.cursor)
						if err != nil || len(p.Rows) != backoffice.PageSize {
							b.Fatal(len(p.Rows), err)
						}
					})
				})
			}
		}
	}
}

func BenchmarkFilters(b *testing.B) {
	s := benchStore(b, false)
	yes, no := true, false
	p, err := s.Accounts(ctx, backoffice.AccountFilter{HasParent: &yes}, "")
	if err != nil {
		b.Fatal(err)
	}
	parent := p.Rows[0].ParentID
	today := backoffice.DayOf(s.Now())
	for _, c := range []struct {
		name string
		f    backoffice.AccountFilter
	}{
		{"created 7", backoffice.AccountFilter{CreatedDays: 7}},
		{"created 1", backoffice.AccountFilter{CreatedDays: 1}},
		{"created 90", backoffice.AccountFilter{CreatedDays: 90}},
		{"created range", backoffice.AccountFilter{HasCreated: true, CreatedFrom: today - 900, CreatedTo: today - 899}},
		{"active 30", backoffice.AccountFilter{ActiveDays: 30}},
		{"active 1", backoffice.AccountFilter{ActiveDays: 1}},
		{"active 7", backoffice.AccountFilter{ActiveDays: 7}},
		{"dormant 30", backoffice.AccountFilter{DormantDays: 30}},
		{"dormant 365", backoffice.AccountFilter{DormantDays: 365}},
		{"company", backoffice.AccountFilter{CompanyDomain: &yes}},
		{"not company", backoffice.AccountFilter{CompanyDomain: &no}},
		{"reseller", backoffice.AccountFilter{Reseller: &yes}},
		{"parent", backoffice.AccountFilter{HasParent: &yes}},
		{"top", backoffice.AccountFilter{HasParent: &no}},
		{"below one", backoffice.AccountFilter{ParentID: parent}},
		{"reseller dormant 30", backoffice.AccountFilter{Reseller: &yes, DormantDays: 30}},
		{"reseller not company dormant 90 new 90", backoffice.AccountFilter{Reseller: &yes, CompanyDomain: &no, DormantDays: 90, CreatedDays: 90}},
		{"active 1 dormant 30", backoffice.AccountFilter{ActiveDays: 1, DormantDays: 30}},
	} {
		for _, sort := range []backoffice.AccountSort{backoffice.SortCreated, backoffice.SortName, backoffice.SortLastVisit, backoffice.SortVisits} {
			for _, asc := range []bool{false, true} {
				f := c.f
				f.Sort, f.Asc = sort, asc
				b.Run(fmt.Sprintf("%s/%s/asc=%v", c.name, sort, asc), func(b *testing.B) {
					timed(b, func(int) {
						if _, err := s.Accounts(ctx, f, ""); err != nil {
							b.Fatal(err)
						}
					})
				})
			}
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	s := benchStore(b, false)
	for _, q := range []string{"gmbh", "group", "acc-", "acc-1000", "acc-100017", "weber", "müller", "zzz", "zzqqxx", "nonexistent company", "cobit", "a", "e", "q", "z", "ab", "zx", "qq", "0", "7f", "株", "株式", "株式会社", "桜", "東京", "有限公司", "한", "ש", "ООО", "inc", "group se", "labs gmbh", "albabit l", "-", "a-1", "b4c", "-4b", "de-", "nord möbel", "ü", "e e"} {
		for _, sort := range []backoffice.AccountSort{backoffice.SortCreated, backoffice.SortName, backoffice.SortPrimaryUser, backoffice.SortVisits} {
			for _, asc := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/%s/asc=%v", q, sort, asc), func(b *testing.B) {
					timed(b, func(int) {
						if _, err := s.Accounts(ctx, backoffice.AccountFilter{Query: q, Sort: sort, Asc: asc}, ""); err != nil {
							b.Fatal(err)
						}
					})
				})
			}
		}
	}
}

func BenchmarkKPIs(b *testing.B) {
	s := benchStore(b, true)
	b.Run("quiet", func(b *testing.B) {
		timed(b, func(int) {
			if _, err := s.KPIs(ctx); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("written", func(b *testing.B) {
		for i := range b.N {
			b.StopTimer()
			if err := s.SetReseller(ctx, actor, benchAccount(b, s), i%2 == 0); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if _, err := s.KPIs(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchAccount(b *testing.B, s *store.Store) string {
	b.Helper()
	p, err := s.Accounts(ctx, backoffice.AccountFilter{Sort: backoffice.SortVisits}, "")
	if err != nil {
		b.Fatal(err)
	}
	return p.Rows[0].ID
}

func BenchmarkAccount(b *testing.B) {
	s := benchStore(b, false)
	id := benchAccount(b, s)
	a, err := s.Account(ctx, id)
	if err != nil {
		b.Fatal(err)
	}
	today := backoffice.DayOf(s.Now())
	for name, op := range map[string]func() error{
		"account": func() error { _, err := s.Account(ctx, id); return err },
		"chart90": func() error { _, err := s.VisitsByDay(ctx, a.Key, today-89, today); return err },
		"figures": func() error { _, err := s.AccountFigures(ctx, a); return err },
		"below":   func() error { _, err := s.SubAccounts(ctx, a, "", ""); return err },
		"members": func() error { _, err := s.Members(ctx, a, backoffice.MemberFilter{}); return err },
		"above":   func() error { _, err := s.Ancestors(ctx, a.Key); return err },
	} {
		b.Run(name, func(b *testing.B) {
			timed(b, func(int) {
				if err := op(); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// visitors draws users of accounts all over the list.
func visitors(b *testing.B, s *store.Store, accounts int) []backoffice.Visit {
	b.Helper()
	var all []backoffice.Visit
	cursor := ""
	for len(all) < 20*accounts && accounts > 0 {
		p, err := s.Accounts(ctx, backoffice.AccountFilter{Sort: backoffice.SortPrimaryUser}, cursor)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range p.Rows {
			if r.Users == 0 {
				continue
			}
			accounts--
			members, err := s.Members(ctx, backoffice.Account{Key: r.Key}, backoffice.MemberFilter{})
			if err != nil {
				b.Fatal(err)
			}
			for _, m := range members.Rows[:min(20, len(members.Rows))] {
				if !m.Locked && !m.Disabled {
					all = append(all, backoffice.Visit{AccountID: r.ID, Email: m.Email})
				}
			}
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	return all
}

func BenchmarkRecordVisits(b *testing.B) {
	s := benchStore(b, true)
	all := visitors(b, s, 20_000)
	b.Logf("%d users", len(all))
	begun := 0 // batches of earlier runs
	run := func(name string, writers int, visit func(r *rand.Rand, i, j int) backoffice.Visit) {
		b.Run(fmt.Sprintf("%s/writers=%d", name, writers), func(b *testing.B) {
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			spent := cpuTime()
			for range writers {
				wg.Go(func() {
					for {
						i := int(next.Add(1)) - 1
						if i >= b.N {
							return
						}
						r := rand.New(rand.NewPCG(uint64(i), 1))
						batch := make([]backoffice.Visit, store.MaxVisits)
						for j := range batch {
							batch[j] = visit(r, begun+i, j)
						}
						if _, err := s.RecordVisits(ctx, actor, batch); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			begun += b.N
			b.ReportMetric(float64((cpuTime()-spent).Microseconds())/float64(b.N*store.MaxVisits), "µs-cpu/visit")
			b.ReportMetric(float64(b.N*store.MaxVisits)/b.Elapsed().Seconds(), "visits/s")
		})
	}
	p, err := s.Accounts(ctx, backoffice.AccountFilter{Sort: backoffice.SortLastVisit}, "")
	if err != nil {
		b.Fatal(err)
	}
	newest := p.Rows[0].LastVisit
	now := s.Now().Add(-time.Minute)
	at := func(v backoffice.Visit, at time.Time) backoffice.Visit { v.At = at; return v }
	anybody := func(r *rand.Rand) backoffice.Visit { return all[r.IntN(len(all))] }
	// Each user once a day, on a day after the last that the file knows: it has
	// to have been made with --at some years ago.
	fresh := func(i, j int) backoffice.Visit {
		n := i*store.MaxVisits + j
		return at(all[n%len(all)], newest.Add(time.Duration(n/len(all)+1)*24*time.Hour))
	}
	for _, writers := range []int{1, 8} {
		run("fresh", writers, func(_ *rand.Rand, i, j int) backoffice.Visit { return fresh(i, j) })
		// A day long ago that nobody was seen on yet, again and again.
		run("late", writers, func(r *rand.Rand, i, _ int) backoffice.Visit {
			return at(anybody(r), newest.AddDate(0, 0, -i/100-400))
		})
		// Users seen on that day before, at later and later instants.
		run("later", writers, func(r *rand.Rand, i, _ int) backoffice.Visit {
			return at(anybody(r), now.Add(time.Duration(i)*time.Microsecond))
		})
		run("repeated", writers, func(r *rand.Rand, _, _ int) backoffice.Visit { return at(anybody(r), now) })
		run("half", writers, func(r *rand.Rand, i, j int) backoffice.Visit {
			if j%2 == 0 {
				return at(anybody(r), now)
			}
			return fresh(i, j)
		})
	}
}

func BenchmarkCreateAccount(b *testing.B) {
	s := benchStore(b, true)
	run := fmt.Sprint(time.Now().UnixNano())
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			var next atomic.Int64
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for {
						i := next.Add(1)
						if int(i) > b.N {
							return
						}
						id := fmt.Sprintf("bench-%s-%d-%d-%d", run, writers, b.N, i)
						if _, err := s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: "Nord Textiles " + id, ID: id, PrimaryEmail: "hana@" + id + ".example"}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accounts/s")
		})
	}
}
