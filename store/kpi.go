package store

import (
	"context"
	"sync"
	"time"

	"steward/backoffice"
)

// The figures of the dashboard come from counters that change in the
// transaction of what they count: kpi_totals, kpi_hours by hour of creation,
// kpi_days for the course of active accounts. A figure that trails to the second
// is the sum of whole hours plus a count, by index, within the hour on the edge.

// kpiDelta gathers what a unit of work changes in the counters.
type kpiDelta struct {
	accounts, company, memberships, users, resellers, children, binned int64

	hours map[int64]*hourDelta
	days  map[backoffice.Day]int64
}

type hourDelta struct{ accounts, company, memberships int64 }

const hourMicros = int64(time.Hour / time.Microsecond)

func (k *kpiDelta) hour(us int64) *hourDelta {
	if k.hours == nil {
		k.hours = map[int64]*hourDelta{}
	}
	h := floorDiv(us, hourMicros)
	d := k.hours[h]
	if d == nil {
		d = &hourDelta{}
		k.hours[h] = d
	}
	return d
}

func (k *kpiDelta) step(day backoffice.Day, n int64) {
	if k.days == nil {
		k.days = map[backoffice.Day]int64{}
	}
	k.days[day] += n
}

// countAccount adds (n = 1) or takes away (n = -1) an account.
func (k *kpiDelta) countAccount(a accountCount, n int64) {
	k.accounts += n
	h := k.hour(a.createdAt)
	h.accounts += n
	if a.company {
		k.company += n
		h.company += n
	}
	if a.reseller {
		k.resellers += n
	}
	if a.child {
		k.children += n
	}
}

// accountCount is what the counters know of an account.
type accountCount struct {
	createdAt                int64 // microseconds
	company, reseller, child bool
}

func (k *kpiDelta) countMembership(countedAt, n int64) {
	k.memberships += n
	k.hour(countedAt).memberships += n
}

// countActive adds the windows that an account with visits on the given days,
// in ascending order, is active in: those that end on one of the 30 days from a
// visit on, and not before the account was created.
func (k *kpiDelta) countActive(created backoffice.Day, days []backoffice.Day, n int64) {
	const w = backoffice.ActiveDays
	for i := 0; i < len(days); {
		lo, hi := days[i], days[i]+w-1
		for i++; i < len(days) && days[i] <= hi+1; i++ {
			hi = days[i] + w - 1
		}
		if lo = max(lo, created); lo <= hi {
			k.step(lo, n)
			k.step(hi+1, -n)
		}
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// flushKPIs writes what the unit of work has gathered.
func (t *tx) flushKPIs() error {
	k := &t.kpi
	if k.accounts != 0 || k.company != 0 || k.memberships != 0 || k.users != 0 || k.resellers != 0 || k.children != 0 || k.binned != 0 {
		if err := t.one(`UPDATE kpi_totals SET accounts = accounts + $1, company = company + $2, memberships = memberships + $3,
			users = users + $4, resellers = resellers + $5, children = children + $6, binned = binned + $7`,
			k.accounts, k.company, k.memberships, k.users, k.resellers, k.children, k.binned); err != nil {
			return err
		}
	}
	for h, d := range k.hours {
		if *d == (hourDelta{}) {
			continue
		}
		if _, err := t.exec(`INSERT INTO kpi_hours (hour, accounts, company, memberships) VALUES ($1, $2, $3, $4)
			ON CONFLICT (hour) DO UPDATE SET accounts = kpi_hours.accounts + excluded.accounts,
			company = kpi_hours.company + excluded.company, memberships = kpi_hours.memberships + excluded.memberships`,
			h, d.accounts, d.company, d.memberships); err != nil {
			return err
		}
	}
	for day, n := range k.days {
		if n == 0 {
			continue
		}
		if _, err := t.exec(`INSERT INTO kpi_days (day, active_step) VALUES ($1, $2)
			ON CONFLICT (day) DO UPDATE SET active_step = kpi_days.active_step + excluded.active_step`, int64(day), n); err != nil {
			return err
		}
	}
	t.kpi = kpiDelta{}
	return nil
}

// kpiCache keeps the last figures while nothing was committed and no instant
// passed at which one of them changes by itself.
type kpiCache struct {
	counting sync.Mutex // one counts, others wait for what it finds
	mu       sync.Mutex
	version  string
	until    time.Time
	kpis     backoffice.KPIs
	totals   Totals
}

func (c *kpiCache) get(version string, now time.Time) (backoffice.KPIs, Totals, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until.IsZero() || version != c.version || !now.Before(c.until) || now.Before(c.kpis.At) {
		return backoffice.KPIs{}, Totals{}, false
	}
	k := c.kpis
	k.At = now
	return k, c.totals, true
}

func (c *kpiCache) put(version string, until time.Time, k backoffice.KPIs, totals Totals) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version, c.until, c.kpis, c.totals = version, until, k, totals
}

// Totals are counts of everything that is not in the bin.
type Totals struct {
	Accounts, Company, Memberships, Users, Resellers, SubAccounts int64
	Binned                                                        int64

	// ahead: something is dated after now, since the clock went back.
	ahead bool
}

// KPIs returns the figures of this moment, from the counters.
func (s *Store) KPIs(ctx context.Context) (backoffice.KPIs, error) {
	k, _, err := s.Dashboard(ctx)
	return k, err
}

// Totals returns how many accounts, users and so on there are at this moment.
func (s *Store) Totals(ctx context.Context) (Totals, error) {
	_, t, err := s.Dashboard(ctx)
	return t, err
}

// Dashboard returns the figures and the totals of this moment.
func (s *Store) Dashboard(ctx context.Context) (backoffice.KPIs, Totals, error) {
	c, now := &s.kpis, s.Now()
	fail := func(err error) (backoffice.KPIs, Totals, error) { return backoffice.KPIs{}, Totals{}, err }
	version, err := s.dataVersion(ctx)
	if err != nil {
		return fail(err)
	}
	if k, totals, ok := c.get(version, now); ok {
		return k, totals, nil
	}
	c.counting.Lock()
	defer c.counting.Unlock()
	if version, err = s.dataVersion(ctx); err != nil {
		return fail(err)
	}
	if k, totals, ok := c.get(version, now); ok {
		return k, totals, nil
	}
	// What was counted while nobody committed is of one moment. Where somebody
	// always does, the moment has to be held.
	for range 2 {
		k, totals, until, err := s.countKPIs(ctx, s.query(), now)
		if err != nil {
			return fail(err)
		}
		after, err := s.dataVersion(ctx)
		if err != nil {
			return fail(err)
		}
		if after == version {
			c.put(version, until, k, totals)
			return k, totals, nil
		}
		version = after
	}
	k, totals, until, err := s.snapshotKPIs(ctx, now)
	if err != nil {
		return fail(err)
	}
	c.put(version, until, k, totals)
	return k, totals, nil
}

func (s *Store) snapshotKPIs(ctx context.Context, now time.Time) (backoffice.KPIs, Totals, time.Time, error) {
	n, err := s.snapshot(ctx)
	if err != nil {
		return backoffice.KPIs{}, Totals{}, time.Time{}, err
	}
	defer n.close()
	return s.countKPIs(ctx, n, now)
}

// edges are the instants at which the windows begin.
type edges struct{ now, week, fortnight, month int64 }

func edgesAt(at time.Time) edges {
	return edges{
		now:       at.UnixMicro(),
		week:      at.Add(-backoffice.NewWindow).UnixMicro(),
		fortnight: at.Add(-2 * backoffice.NewWindow).UnixMicro(),
		month:     at.Add(-backoffice.PreviousPeriod).UnixMicro(),
	}
}

func (s *Store) countKPIs(ctx context.Context, q reader, at time.Time) (backoffice.KPIs, Totals, time.Time, error) {
	k := backoffice.KPIs{At: at}
	var totals Totals
	fail := func(err error) (backoffice.KPIs, Totals, time.Time, error) {
		return backoffice.KPIs{}, Totals{}, time.Time{}, err
	}
	if err := q.row(ctx, `SELECT accounts, company, memberships, users, resellers, children, binned FROM kpi_totals`).
		Scan(&totals.Accounts, &totals.Company, &totals.Memberships, &totals.Users, &totals.Resellers, &totals.SubAccounts, &totals.Binned); err != nil {
		return fail(err)
	}
	e := edgesAt(at)
	today := backoffice.DayOf(at)
	hour := func(us int64) int64 { return floorDiv(us, hourMicros) }
	end := func(us int64) int64 { return (hour(us) + 1) * hourMicros }

	// After each edge: whole hours from the counters, the rest of the edge's hour by index.
	var week, fortnight, monthAccounts, monthCompany, monthMembers int64
	if err := q.row(ctx, `SELECT
		COALESCE(SUM(CASE WHEN hour > $1 THEN accounts ELSE 0 END), 0), COALESCE(SUM(CASE WHEN hour > $2 THEN accounts ELSE 0 END), 0),
		COALESCE(SUM(accounts), 0), COALESCE(SUM(company), 0), COALESCE(SUM(memberships), 0)
		FROM kpi_hours WHERE hour > $3`, hour(e.week), hour(e.fortnight), hour(e.month)).
		Scan(&week, &fortnight, &monthAccounts, &monthCompany, &monthMembers); err != nil {
		return fail(err)
	}
	var weekEdge, fortnightEdge, monthEdge, companyEdge, memberEdge int64
	if err := q.row(ctx, `SELECT
		(SELECT COUNT(*) FROM accounts WHERE deleted_at IS NULL AND created_at > $1 AND created_at < $2),
		(SELECT COUNT(*) FROM accounts WHERE deleted_at IS NULL AND created_at > $3 AND created_at < $4),
		(SELECT COUNT(*) FROM accounts WHERE deleted_at IS NULL AND created_at > $5 AND created_at < $6),
		(SELECT COUNT(*) FROM accounts WHERE deleted_at IS NULL AND created_at > $5 AND created_at < $6 AND company_domain),
		(SELECT COUNT(*) FROM memberships WHERE counted_at > $5 AND counted_at < $6)`,
		e.week, end(e.week), e.fortnight, end(e.fortnight), e.month, end(e.month)).
		Scan(&weekEdge, &fortnightEdge, &monthEdge, &companyEdge, &memberEdge); err != nil {
		return fail(err)
	}
	// What is dated after now does not count yet; there is none unless the clock went back.
	var ahead, companyAhead, membersAhead, lastVisit int64
	if err := q.row(ctx, `SELECT
		(SELECT COUNT(*) FROM accounts WHERE deleted_at IS NULL AND created_at > $1),
		(SELECT COUNT(*) FROM accounts WHERE deleted_at IS NULL AND created_at > $1 AND company_domain),
		(SELECT COUNT(*) FROM memberships WHERE counted_at > $1),
		COALESCE((SELECT MAX(last_visit_at) FROM engagement), 0)`, e.now).Scan(&ahead, &companyAhead, &membersAhead, &lastVisit); err != nil {
		return fail(err)
	}
	totals.ahead = ahead > 0 || lastVisit >= (today+1).Start().UnixMicro()
	k.Now = backoffice.Figures{NewAccounts: week + weekEdge - ahead, Accounts: totals.Accounts - ahead,
		Memberships: totals.Memberships - membersAhead, CompanyAccounts: totals.Company - companyAhead}
	k.Previous = backoffice.Figures{
		NewAccounts:     fortnight + fortnightEdge - week - weekEdge,
		Accounts:        totals.Accounts - monthAccounts - monthEdge,
		Memberships:     totals.Memberships - monthMembers - memberEdge,
		CompanyAccounts: totals.Company - monthCompany - companyEdge,
	}
	if err := s.kpiCourses(ctx, q, &k, today); err != nil {
		return fail(err)
	}
	// The course counts accounts created by the end of a day; both instants lie
	// within one.
	then := backoffice.DayOf(at.Add(-backoffice.PreviousPeriod))
	k.Now.ActiveAccounts = k.Active[len(k.Active)-1]
	k.Previous.ActiveAccounts = k.Active[len(k.Active)-1-int(today-then)]
	for _, c := range []struct {
		after  int64
		day    backoffice.Day
		figure *int64
	}{{e.month, then, &k.Previous.ActiveAccounts}, {e.now, today, &k.Now.ActiveAccounts}} {
		if c.after == e.now && ahead == 0 {
			continue
		}
		var later int64
		if err := q.row(ctx, `SELECT COUNT(*) FROM accounts a WHERE a.deleted_at IS NULL AND a.created_at > $1 AND a.created_at < $2
			AND EXISTS (SELECT 1 FROM visits v WHERE v.account_key = a.key AND v.day BETWEEN $3 AND $4)`,
			c.after, (c.day + 1).Start().UnixMicro(), int64(c.day-backoffice.ActiveDays+1), int64(c.day)).Scan(&later); err != nil {
			return fail(err)
		}
		*c.figure -= later
	}

	until, err := s.nextEdge(ctx, q, e, today)
	if err != nil {
		return fail(err)
	}
	return k, totals, until, nil
}

// courseDays is how long the pictures of the cards reach back.
const courseDays = 60

// kpiCourses fills the daily courses, which end with today.
func (s *Store) kpiCourses(ctx context.Context, q reader, k *backoffice.KPIs, today backoffice.Day) error {
	first := today - courseDays + 1
	k.New = make([]int64, 14)
	k.Active, k.Company = make([]int64, courseDays), make([]int64, courseDays)
	k.Average = make([]float64, courseDays)

	var base int64
	if err := q.row(ctx, `SELECT COALESCE(SUM(active_step), 0) FROM kpi_days WHERE day < $1`, int64(first)).Scan(&base); err != nil {
		return err
	}
	type stepRow struct{ day, n int64 }
	rows, err := q.rows(ctx, `SELECT day, active_step FROM kpi_days WHERE day BETWEEN $1 AND $2`, int64(first), int64(today))
	steps, err := collect(rows, err, func(r rowScanner) (v stepRow, err error) { err = r.Scan(&v.day, &v.n); return })
	if err != nil {
		return err
	}
	for _, v := range steps {
		k.Active[v.day-int64(first)] = v.n
	}
	for i := range k.Active {
		base += k.Active[i]
		k.Active[i] = base
	}

	type dayRow struct{ day, accounts, company, memberships int64 }
	rows, err = q.rows(ctx, `SELECT hour / 24, SUM(accounts), SUM(company), SUM(memberships) FROM kpi_hours WHERE hour >= $1 GROUP BY hour / 24`, int64(first)*24)
	days, err := collect(rows, err, func(r rowScanner) (v dayRow, err error) {
		err = r.Scan(&v.day, &v.accounts, &v.company, &v.memberships)
		return
	})
	if err != nil {
		return err
	}
	byDay := map[backoffice.Day]dayRow{}
	for _, d := range days {
		byDay[backoffice.Day(d.day)] = d
		if i := int(backoffice.Day(d.day) - today + 13); i >= 0 && i < 14 {
			k.New[i] = d.accounts
		}
	}
	accounts, company, members := k.Now.Accounts, k.Now.CompanyAccounts, k.Now.Memberships
	for i := courseDays - 1; i >= 0; i-- {
		f := backoffice.Figures{Accounts: accounts, Memberships: members}
		k.Company[i], k.Average[i] = company, f.AverageUsers()
		d := byDay[first+backoffice.Day(i)]
		accounts, company, members = accounts-d.accounts, company-d.company, members-d.memberships
	}
	return nil
}

// nextEdge returns the first instant after now at which a figure changes though
// nothing is written: something leaves or enters a trailing window.
func (s *Store) nextEdge(ctx context.Context, q reader, e edges, today backoffice.Day) (time.Time, error) {
	var week, fortnight, month, member, now, memberNow int64
	if err := q.row(ctx, `SELECT
		COALESCE((SELECT MIN(created_at) FROM accounts WHERE deleted_at IS NULL AND created_at > $1), 0),
		COALESCE((SELECT MIN(created_at) FROM accounts WHERE deleted_at IS NULL AND created_at > $2), 0),
		COALESCE((SELECT MIN(created_at) FROM accounts WHERE deleted_at IS NULL AND created_at > $3), 0),
		COALESCE((SELECT MIN(counted_at) FROM memberships WHERE counted_at > $3), 0),
		COALESCE((SELECT MIN(created_at) FROM accounts WHERE deleted_at IS NULL AND created_at > $4), 0),
		COALESCE((SELECT MIN(counted_at) FROM memberships WHERE counted_at > $4), 0)`, e.week, e.fortnight, e.month, e.now).
		Scan(&week, &fortnight, &month, &member, &now, &memberNow); err != nil {
		return time.Time{}, err
	}
	until := (today + 1).Start()
	for _, c := range []struct{ at, edge int64 }{{week, e.week}, {fortnight, e.fortnight}, {month, e.month}, {member, e.month}, {now, e.now}, {memberNow, e.now}} {
		if c.at != 0 {
			if t := time.UnixMicro(e.now + c.at - c.edge).UTC(); t.Before(until) {
				until = t
			}
		}
	}
	return until, nil
}

// KPIsAt counts the figures as of an instant from the rows themselves: over
// what exists now and was there by then. It serves the command line and the
// check of the counters; it takes time in proportion to the data.
func (s *Store) KPIsAt(ctx context.Context, at time.Time) (backoffice.KPIs, error) {
	k := backoffice.KPIs{At: at.UTC()}
	var err error
	if k.Now, err = s.recount(ctx, at, at); err != nil {
		return k, err
	}
	if k.Previous, err = s.recount(ctx, at.Add(-backoffice.PreviousPeriod), at.Add(-backoffice.NewWindow)); err != nil {
		return k, err
	}
	return k, nil
}

// recount counts the figures as of at; "New accounts" over the week up to week.
func (s *Store) recount(ctx context.Context, at, week time.Time) (backoffice.Figures, error) {
	var f backoffice.Figures
	q, us, day := s.query(), at.UnixMicro(), int64(backoffice.DayOf(at))
	err := q.row(ctx, `SELECT
		(SELECT COUNT(*) FROM accounts WHERE deleted_at IS NULL AND created_at > $1 AND created_at <= $2),
		(SELECT COUNT(*) FROM accounts a WHERE deleted_at IS NULL AND created_at <= $3
			AND EXISTS (SELECT 1 FROM visits v WHERE v.account_key = a.key AND v.day BETWEEN $4 AND $5)),
		(SELECT COUNT(*) FROM accounts WHERE deleted_at IS NULL AND created_at <= $3),
		(SELECT COUNT(*) FROM memberships m JOIN accounts a ON a.key = m.account_key
			WHERE a.deleted_at IS NULL AND a.created_at <= $3 AND m.created_at <= $3),
		(SELECT COUNT(*) FROM accounts WHERE deleted_at IS NULL AND created_at <= $3 AND company_domain)`,
		week.Add(-backoffice.NewWindow).UnixMicro(), week.UnixMicro(), us, day-backoffice.ActiveDays+1, day).
		Scan(&f.NewAccounts, &f.ActiveAccounts, &f.Accounts, &f.Memberships, &f.CompanyAccounts)
	return f, err
}
