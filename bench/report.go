package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// result is all that was measured.
type result struct {
	sizes        []*sizeResult
	writes       *writeResult
	imported     *importResult
	signIn       *signInResult
	branch       *branchResult
	applications *applicationResult
	binary       int64
	took         time.Duration
}

// median is of what pick takes from each round.
func median(list []figures, pick func(figures) float64) float64 {
	v := make([]float64, len(list))
	for i, f := range list {
		v[i] = pick(f)
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

func rate(f figures) float64     { return f.perSecond }
func cpu(f figures) float64      { return float64(f.cpu.Nanoseconds()) / 1000 }
func p50(f figures) float64      { return f.p50.Seconds() * 1000 }
func p95(f figures) float64      { return f.p95.Seconds() * 1000 }
func p99(f figures) float64      { return f.p99.Seconds() * 1000 }
func answered(f figures) float64 { return float64(f.bytes) }

func (r *result) print(w io.Writer) {
	say := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	say("\nThe accounts page: 50 rows with sparklines, four cards, gzip; Steward signed in, with session, authorisation and log; the limit with nothing")
	r.loads(say, func(s *sizeResult) *listResult { return &s.list })
	say("\nThe page of users over all accounts: 50 rows, five cards, likewise")
	r.loads(say, func(s *sizeResult) *listResult { return &s.users })

	say("\n%9s %14s %12s %12s", "accounts", "first byte ms", "idle MiB", "loaded MiB")
	for _, s := range r.sizes {
		say("%9d %14.0f %12.1f %12.1f", s.accounts, s.first.Seconds()*1000, mib(s.idle), mib(s.loaded))
	}
	say("Stripped binary: %.1f MiB", mib(r.binary))

	last := r.sizes[len(r.sizes)-1]
	for _, list := range []struct {
		name string
		*listResult
	}{{"Accounts", &last.list}, {"Users", &last.users}} {
		for _, part := range []struct {
			name  string
			pages []pageResult
		}{{"pages", list.pages}, {"search as typed", list.search}} {
			say("\n%s: %s at %d accounts, one connection\n%-36s %8s %8s %8s", list.name, part.name, last.accounts, "", "p50 ms", "p99 ms", "CPU µs")
			for _, p := range part.pages {
				say("%-36s %8.2f %8.2f %8d", p.name, p50(p.figures), p99(p.figures), p.cpu.Microseconds())
			}
		}
	}
	if x := r.writes; x != nil {
		say("\nWriting at %d accounts, synchronous=FULL, 8 connections, batches of %d\n%-36s %10s %8s %8s %12s", last.accounts, batch, "visits", "visits/s", "p50 ms", "p99 ms", "CPU µs/visit")
		for _, v := range []struct {
			name string
			f    figures
		}{{"sent before", x.repeated}, {"one of each in turns", x.half}, {"seen that day, at later instants", x.later}, {"users not seen that day", x.fresh}} {
			say("%-36s %10.0f %8.2f %8.2f %12.2f", v.name, v.f.perSecond*batch, p50(v.f), p99(v.f), cpu(v.f)/batch)
		}
		say("%-36s %10s %8s %8s", "the accounts page, 50/s", "", "p50 ms", "p99 ms")
		for _, v := range []struct {
			name string
			f    figures
		}{{"before", x.quiet}, {"while visits are sent", x.page}, {"right after a write", x.after}, {"while accounts are imported", x.importing}} {
			say("%-36s %10s %8.2f %8.2f", v.name, "", p50(v.f), p99(v.f))
		}
		say("Accounts imported meanwhile: %.0f accounts/s. Memory of the server: %.1f MiB", x.accounts, mib(x.memory))
	}
	if x := r.imported; x != nil {
		say("\nImport of %d accounts, %d users, %d visits: %.1f s, %.0f MiB at most", x.accounts, x.users, x.visits, x.took.Seconds(), mib(x.most))
		say("Import of %d accounts alone: %.1f s, %.0f accounts/s", x.only, x.onlyTook.Seconds(), float64(x.only)/x.onlyTook.Seconds())
	}
	if x := r.signIn; x != nil {
		say("\nSigning in: %.0f/s with 4 connections, p50 %.0f ms, %.0f ms CPU each", x.signIns.perSecond, p50(x.signIns), cpu(x.signIns)/1000)
		say("The accounts page, 50/s: p99 %.1f ms before, %.1f ms while %d sign in a second", p99(x.quiet), p99(x.page), stormRate)
	}
	if x := r.branch; x != nil {
		say("\nA reseller of %d sub-accounts, four levels deep, among the others; one connection", branchSize)
		say("%-52s %8s %8s %8s %8s", "", "p50 ms", "p99 ms", "CPU µs", "bytes")
		for _, p := range x.pages {
			say("%-52s %8.2f %8.2f %8.0f %8.0f", p.name, p50(p.figures), p99(p.figures), cpu(p.figures), answered(p.figures))
		}
		for _, a := range x.acts {
			say("%-52s %8.2f %8.2f", a.name, a.p50().Seconds()*1000, a.most().Seconds()*1000)
		}
	}
	if x := r.applications; x != nil {
		say("\nAn application, and an account of %d users among the others; one connection", crowd)
		say("%-52s %8s %8s %8s", "", "p50 ms", "most ms", "CPU µs")
		for _, a := range x.acts {
			spent := "–"
			if cpu, ok := x.cpu[a.name]; ok {
				spent = fmt.Sprintf("%.0f", cpu)
			}
			say("%-52s %8.2f %8.2f %8s", a.name, a.p50().Seconds()*1000, a.most().Seconds()*1000, spent)
		}
	}
	r.goals(say)
	say("\nsteward check passed after each part. The whole took %s.", r.took.Round(time.Second))
}

// loads prints what was measured of a list under each load.
func (r *result) loads(say func(string, ...any), of func(*sizeResult) *listResult) {
	say("\n%9s  %-8s %-8s %9s %8s %8s %8s %8s %7s", "accounts", "server", "load", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU µs", "bytes")
	for _, s := range r.sizes {
		l := of(s)
		for _, load := range loads {
			name := load + " conn."
			if load == "open" {
				name = "1000/s"
			}
			for _, side := range []struct {
				name string
				f    []figures
			}{{"steward", l.ours[load]}, {"limit", l.limit[load]}} {
				m := func(pick func(figures) float64) float64 { return median(side.f, pick) }
				say("%9d  %-8s %-8s %10.0f %8.2f %8.2f %8.2f %8.0f %7.0f", s.accounts, side.name, name, m(rate), m(p50), m(p95), m(p99), m(cpu), m(answered))
			}
		}
	}
	l := of(r.sizes[0])
	say("\nMedians of %d rounds in turns. The page has %d bytes, the limit's %d.", len(l.ours["8"]), l.html, l.htmlHand)
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// published are the figures of others for the same page over 1,000,000
// accounts, with those of the limit server beside which they were taken.
const (
	publishedLimit      = 13_657.0
	publishedPocketBase = 923.0
	publishedDjango     = 64.0
)

// goals compares with what was promised. What others do cannot be run here: the
// comparison goes by way of the limit server, with their published figures.
func (r *result) goals(say func(string, ...any)) {
	say("\n%-76s %12s %12s", "Goal", "measured", "promised")
	line := func(what, got, want string, ok bool) {
		mark := "yes"
		if !ok {
			mark = "NO"
		}
		say("%-76s %12s %12s  %s", what, got, want, mark)
	}
	most := func(what string, got, want float64, unit string) {
		line(what, fmt.Sprintf("%.2f%s", got, unit), fmt.Sprintf("≤ %g%s", want, unit), got <= want)
	}
	least := func(what string, got, want float64, unit string) {
		line(what, fmt.Sprintf("%.2f%s", got, unit), fmt.Sprintf("≥ %g%s", want, unit), got >= want)
	}
	first, last := r.sizes[0], r.sizes[len(r.sizes)-1]
	ratio := func(l *listResult, load string, pick func(figures) float64) float64 {
		return median(l.ours[load], pick) / median(l.limit[load], pick)
	}
	// common are the goals that both lists share, 1 to 4; those of users are 9.
	common := func(goal func(n int) string, page string, first, last *listResult) {
		most(goal(1)+"CPU of the "+page+" page, times the limit", ratio(last, "8", cpu), 1.5, "")
		least(goal(1)+page+" requests/s, times the limit", ratio(last, "8", rate), 0.67, "")
		if first != last {
			span := fmt.Sprintf("%s%s, from %d to %d accounts: ", goal(2), page, r.sizes[0].accounts, r.sizes[len(r.sizes)-1].accounts)
			most(span+"CPU", median(last.ours["8"], cpu)/median(first.ours["8"], cpu), 1.15, "")
			most(span+"p99 at 1000/s", median(last.ours["open"], p99)/median(first.ours["open"], p99), 1.2, "")
		}
		base := 0.0
		var worst, slowest pageResult
		for _, p := range last.pages {
			switch {
			case strings.HasPrefix(p.name, "account "):
			case base == 0:
				base = p50(p.figures)
			case p50(p.figures) > p50(worst.figures):
				worst = p
			}
		}
		if base > 0 {
			most(goal(3)+page+", slowest order and page, times the first ("+worst.name+")", p50(worst.figures)/base, 1.2, "")
		}
		for _, p := range last.search {
			if p.p99 > slowest.p99 {
				slowest = p
			}
		}
		most(goal(4)+page+", search as typed, slowest p99 (“"+slowest.name+"”)", p99(slowest.figures), 25, " ms")
	}
	common(func(n int) string { return fmt.Sprintf("%d  ", n) }, "accounts", &first.list, &last.list)
	speed := ratio(&last.list, "8", rate)
	least("1  times PocketBase without total, by its published share of the limit", speed*publishedLimit/publishedPocketBase, 10, "")
	least("1  times Django without KPIs, likewise", speed*publishedLimit/publishedDjango, 150, "")
	common(func(int) string { return "9  " }, "users", &first.users, &last.users)
	for _, p := range last.list.pages {
		if strings.HasPrefix(p.name, "account ") {
			say("%-76s %9d µs %12s", "6  account page, CPU (at most 2 × 85 µs for each section shown)", p.cpu.Microseconds(), "")
		}
	}
	most("7  memory idle", mib(last.idle), 30, " MiB")
	most("7  memory under load", mib(last.loaded), 64, " MiB")
	most("7  first byte after start", last.first.Seconds()*1000, 100, " ms")
	most("7  stripped binary", mib(r.binary), 30, " MiB")
	most("7  the list, compressed", median(last.list.ours["8"], answered)/1024, 12, " KiB")
	if x := r.writes; x != nil {
		least("8  visits/s in batches, sent before", x.repeated.perSecond*batch, 200_000, "")
		least("8  visits/s in batches, users seen that day", x.later.perSecond*batch, 200_000, "")
		least("8  visits/s in batches, users not seen that day", x.fresh.perSecond*batch, 200_000, "")
		most("8  page's p99 while visits are sent", p99(x.page), 50, " ms")
		most("8  page's p99 while accounts are imported", p99(x.importing), 50, " ms")
		most("7  memory while visits are sent", mib(x.memory), 64, " MiB")
	}
	if x := r.signIn; x != nil {
		least("11 sign-ins/s", x.signIns.perSecond, 60, "")
		most("11 page's p99 while 40 sign in a second", p99(x.page), 100, " ms")
	}
	if x := r.imported; x != nil {
		least("8  account creations/s by the bulk path", float64(x.only)/x.onlyTook.Seconds(), 3000, "")
		most("12 import", x.took.Seconds(), 120, " s")
		most("12 memory of the import", mib(x.most), 256, " MiB")
	}
	if x := r.branch; x != nil {
		for i, p := range x.pages {
			if i < 6 { // table, graph and search
				most("10 "+p.name+", p50", p50(p.figures), 10, " ms")
			}
		}
		for i, want := range []float64{5, 5, 1, 0, 100} {
			if want > 0 {
				most("10 "+x.acts[i].name+", median", x.acts[i].p50().Seconds()*1000, want, " ms")
			}
		}
	}
}
