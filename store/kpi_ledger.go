package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"steward/backoffice"
)

// ledger holds the figures of this process in memory. It is read from the
// counters once, and follows what units of work tell of their changes, those of
// other processes included; a moment later it is as exact as a count would be,
// since it knows what enters and leaves the trailing windows next.
type ledger struct {
	mu      sync.Mutex
	loaded  bool
	version int64 // of the last change that is in it
	seen    int64 // SQLite's data_version when it was last known to be current
	loads   int   // how often it was read anew

	totals  Totals
	latest  int64          // nothing is dated after this instant
	visited backoffice.Day // no visit lies after this day
	today   backoffice.Day // the last day of the courses
	days    [courseDays]dayDelta
	before  int64 // active steps before the first day of the courses
	edges   [edgeCount]edge
	courses *courses // made of these when asked for
}

type dayDelta struct{ accounts, company, memberships, step int64 }

// courses are the daily courses that end with given figures.
type courses struct {
	now                      backoffice.Figures
	created, active, company []int64
	average                  []float64
}

// courseDays is how long the pictures of the cards reach back.
const courseDays = 60

// The instants at which the windows begin, and now, after which nothing counts yet.
const (
	edgeNow = iota
	edgeWeek
	edgeFortnight
	edgeMonth
	edgeCount
)

var edgeBack = [edgeCount]time.Duration{0, backoffice.NewWindow, 2 * backoffice.NewWindow, backoffice.PreviousPeriod}

// edge is what lies after an instant that moves on with the clock.
type edge struct {
	after  hourDelta // dated after it; active: of the same day only
	from   int64     // the edge may not go back behind this instant
	to     int64     // until here the next ones are known
	next   []instant // dated after the edge and up to to, in their order
	day    backoffice.Day
	whole  bool // memberships and activity are of interest, too
	nobody bool // nothing is dated after it
}

// instant is what is dated with one instant.
type instant struct {
	at int64
	hourDelta
}

// edgeReach is how far ahead an edge knows what it meets, at most.
const edgeReach = hourMicros

// ledgerBounds are what a ledger takes in at once. No figure depends on them,
// which a test holds by making them small.
var ledgerBounds = struct {
	instants int // that an edge knows beforehand
	changes  int // that a ledger lies behind; with more it is read anew
}{256, 200}

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
	l := &s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx = context.WithoutCancel(ctx) // others wait for what is found here
	current, err := s.follow(ctx, l)
	if err != nil {
		return backoffice.KPIs{}, Totals{}, err
	}
	// The clock is read after the changes: none of them lies ahead of it.
	now := s.Now()
	if current {
		if current, err = s.advance(ctx, l, now); err != nil {
			return backoffice.KPIs{}, Totals{}, err
		}
	}
	if !current {
		if now, err = s.load(ctx, l); err != nil {
			l.loaded = false
			return backoffice.KPIs{}, Totals{}, err
		}
	}
	k, t := l.figures(now)
	return k, t, nil
}

func (s *Store) changesText() string {
	return s.dialect.packedSelect(`FROM kpi_changes WHERE version > $1 ORDER BY version LIMIT `+strconv.Itoa(ledgerBounds.changes+1), "version", "change")
}

// tellKPIs writes down what the unit of work has changed in the counters.
func (t *tx) tellKPIs(k *kpiDelta) error {
	const most, kept = 16 << 10, 1000
	change := k.encode()
	if len(change) > most {
		change = ""
	}
	var version int64
	if err := t.get(`INSERT INTO kpi_changes (version, change) SELECT COALESCE(MAX(version), 0) + 1, $1 FROM kpi_changes RETURNING version`, change).Scan(&version); err != nil {
		return fmt.Errorf("tell the figures: %w", err)
	}
	if version%100 == 0 {
		if _, err := t.exec(`DELETE FROM kpi_changes WHERE version <= $1`, version-kept); err != nil {
			return err
		}
	}
	return nil
}

func (k *kpiDelta) encode() string {
	b := make([]byte, 0, 64+24*len(k.hours)+12*len(k.days))
	add := func(n int64) { b = append(strconv.AppendInt(b, n, 10), ' ') }
	for _, n := range []int64{k.accounts, k.company, k.memberships, k.users, k.resellers, k.children, k.binned, k.latest, int64(k.visited), int64(len(k.hours))} {
		add(n)
	}
	for h, d := range k.hours {
		add(h)
		add(d.accounts)
		add(d.company)
		add(d.memberships)
		add(d.active)
	}
	for day, n := range k.days {
		add(int64(day))
		add(n)
	}
	return string(b)
}

// follow takes in what was committed since; false where the ledger has to be
// read anew.
func (s *Store) follow(ctx context.Context, l *ledger) (bool, error) {
	if s.dialect.engine.PostgreSQL {
		if !l.loaded {
			return false, nil
		}
		p, err := s.query().packed(ctx, s.changesText(), l.version)
		if err != nil {
			return false, err
		}
		return l.take(p), p.err
	}
	v := &s.watch
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.open(s); err != nil {
		return false, s.fail(err)
	}
	seen, err := v.ask(ctx)
	if err != nil {
		return false, s.fail(err)
	}
	if !l.loaded || seen == l.seen {
		l.seen = seen
		return l.loaded, nil
	}
	rows, err := v.changes.QueryContext(ctx, l.version)
	if err != nil {
		return false, s.fail(err)
	}
	p, err := packedFrom(rows)
	if err != nil {
		return false, s.fail(err)
	}
	l.seen = seen
	return l.take(p), p.err
}

// take applies changes, which must be the ones that follow; false where the
// ledger cannot follow them.
func (l *ledger) take(p packed) bool {
	for n := 1; p.more(); n++ {
		version, change := p.int(), p.text()
		if p.err != nil || version != l.version+1 || n > ledgerBounds.changes || !l.apply(change) {
			l.loaded = false
			return false
		}
		l.version = version
	}
	return true
}

// apply takes in one change; false where the ledger cannot tell what follows of it.
func (l *ledger) apply(change string) bool {
	r := numbers{rest: change}
	t := &l.totals
	for _, n := range []*int64{&t.Accounts, &t.Company, &t.Memberships, &t.Users, &t.Resellers, &t.SubAccounts, &t.Binned} {
		*n += r.next()
	}
	l.latest = max(l.latest, r.next())
	l.visited = max(l.visited, backoffice.Day(r.next()))
	l.courses = nil
	first := l.today - courseDays + 1
	for range r.next() {
		hour := r.next()
		d := hourDelta{r.next(), r.next(), r.next(), r.next()}
		if i := floorDiv(hour, 24) - int64(first); i >= 0 && i < courseDays {
			l.days[i].accounts += d.accounts
			l.days[i].company += d.company
			l.days[i].memberships += d.memberships
		}
		for i := range l.edges {
			if !l.edges[i].apply(hour, d) {
				return false
			}
		}
	}
	for r.rest != "" && !r.broken {
		switch day, n := backoffice.Day(r.next()), r.next(); {
		case day < first:
			l.before += n
		case day <= l.today:
			l.days[day-first].step += n
		}
	}
	return !r.broken
}

// apply takes in what changed in an hour; false where that lies among what the
// edge meets next.
func (e *edge) apply(hour int64, d hourDelta) bool {
	begin := hour * hourMicros
	switch {
	case e.nobody: // whether something is dated after it, latest tells
	case begin+hourMicros <= e.from:
	case begin <= e.to:
		return false
	default:
		e.add(begin, d, 1)
	}
	return true
}

// add counts what is dated after the edge.
func (e *edge) add(at int64, d hourDelta, n int64) {
	e.after.accounts += n * d.accounts
	e.after.company += n * d.company
	e.after.memberships += n * d.memberships
	if backoffice.DayOf(time.UnixMicro(at)) == e.day {
		e.after.active += n * d.active
	}
}

// pass takes what is dated up to an instant out of what lies after the edge.
func (e *edge) pass(at int64) {
	for len(e.next) > 0 && e.next[0].at <= at {
		e.add(e.next[0].at, e.next[0].hourDelta, -1)
		e.from, e.next = e.next[0].at, e.next[1:]
	}
}

// numbers reads what encode has written.
type numbers struct {
	rest   string
	broken bool
}

func (r *numbers) next() int64 {
	i, n, negative := 0, int64(0), false
	if i < len(r.rest) && r.rest[i] == '-' {
		i, negative = 1, true
	}
	begin := i
	for ; i < len(r.rest) && r.rest[i] >= '0' && r.rest[i] <= '9'; i++ {
		n = 10*n + int64(r.rest[i]-'0')
	}
	if i == begin || i == len(r.rest) || r.rest[i] != ' ' {
		r.broken, r.rest = true, ""
		return 0
	}
	r.rest = r.rest[i+1:]
	if negative {
		return -n
	}
	return n
}

// advance moves the edges to where they are at an instant; false where the
// ledger has to be read anew.
func (s *Store) advance(ctx context.Context, l *ledger, now time.Time) (bool, error) {
	if l.today != backoffice.DayOf(now) {
		return false, nil
	}
	for i := range l.edges {
		e, at := &l.edges[i], now.Add(-edgeBack[i]).UnixMicro()
		if i == edgeNow && l.latest <= at {
			*e = edge{nobody: true}
			continue
		}
		if e.nobody || at < e.from || at > e.to+edgeReach {
			return false, nil
		}
		e.pass(at)
		if at <= e.to {
			continue
		}
		if ok, err := s.extend(ctx, l, e, at); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// extend reads what an edge meets next; false where the ledger is behind by now,
// or the edge too far ahead.
func (s *Store) extend(ctx context.Context, l *ledger, e *edge, at int64) (bool, error) {
	n, err := s.snapshot(ctx)
	if err != nil {
		return false, err
	}
	defer n.close()
	var version int64
	if err := n.row(ctx, kpiVersion).Scan(&version); err != nil || version != l.version {
		return false, err
	}
	e.from = e.to
	if err := e.read(ctx, n, e.from, at+edgeReach); err != nil {
		return false, err
	}
	e.pass(at)
	return at <= e.to, nil
}

const kpiVersion = `SELECT COALESCE(MAX(version), 0) FROM kpi_changes`

// read asks for what is dated after from, up to to or as far as the bound reaches.
func (e *edge) read(ctx context.Context, r reader, from, to int64) error {
	e.next, e.to = nil, to
	const limit = ` GROUP BY 1 ORDER BY 1 LIMIT ` // by the index, a few instants
	scan := func(r rowScanner) (v instant, err error) {
		err = r.Scan(&v.at, &v.accounts, &v.company, &v.memberships, &v.active)
		return
	}
	gather := func(text string, args ...any) error {
		rows, err := r.rows(ctx, text+limit+strconv.Itoa(ledgerBounds.instants), args...)
		found, err := collect(rows, err, scan)
		if err != nil {
			return err
		}
		if len(found) == ledgerBounds.instants {
			e.to = min(e.to, found[len(found)-1].at)
		}
		e.next = append(e.next, found...)
		return nil
	}
	active := "0"
	if e.whole {
		active = activeOnCreation
	}
	if err := gather(`SELECT a.created_at, COUNT(*), `+countTrue("a.company_domain")+`, 0, `+active+` FROM accounts a
		WHERE a.deleted_at IS NULL AND a.created_at > $1 AND a.created_at <= $2`, from, to); err != nil {
		return err
	}
	if e.whole {
		if err := gather(`SELECT counted_at, 0, 0, COUNT(*), 0 FROM memberships WHERE counted_at > $1 AND counted_at <= $2`, from, to); err != nil {
			return err
		}
		slices.SortStableFunc(e.next, func(a, b instant) int { return cmp(a.at, b.at) })
		for n := len(e.next); n > 0 && e.next[n-1].at > e.to; n-- {
			e.next = e.next[:n-1]
		}
	}
	return nil
}

func countTrue(condition string) string { return `COALESCE(SUM(` + truth(condition) + `), 0)` }

// activeOnCreation counts accounts a that were active on the day of their creation.
var activeOnCreation = countTrue(`EXISTS (SELECT 1 FROM visits v WHERE v.account_key = a.key
	AND v.day BETWEEN a.created_at / ` + dayText + ` - ` + strconv.Itoa(backoffice.ActiveDays-1) + ` AND a.created_at / ` + dayText + `)`)

var dayText = strconv.FormatInt(dayMicros, 10)

// load reads the ledger from the counters, as of one moment, which it returns.
func (s *Store) load(ctx context.Context, l *ledger) (time.Time, error) {
	n, err := s.snapshot(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer n.close()
	var fresh ledger
	t := &fresh.totals
	var counted, visited int64
	if err := n.row(ctx, `SELECT accounts, company, memberships, users, resellers, children, binned, (`+kpiVersion+`),
		COALESCE((SELECT MAX(created_at) FROM accounts WHERE deleted_at IS NULL), 0), COALESCE((SELECT MAX(counted_at) FROM memberships WHERE counted_at IS NOT NULL), 0),
		COALESCE((SELECT MAX(last_visit_at) FROM engagement), 0) FROM kpi_totals`).
		Scan(&t.Accounts, &t.Company, &t.Memberships, &t.Users, &t.Resellers, &t.SubAccounts, &t.Binned, &fresh.version,
			&fresh.latest, &counted, &visited); err != nil {
		return time.Time{}, err
	}
	now := s.Now() // what was just seen is not ahead of it
	fresh.latest = max(fresh.latest, counted)
	fresh.visited = backoffice.DayOf(time.UnixMicro(visited))
	fresh.today = backoffice.DayOf(now)
	first := fresh.today - courseDays + 1

	rows, err := n.rows(ctx, `SELECT hour / 24, SUM(accounts), SUM(company), SUM(memberships) FROM kpi_hours WHERE hour >= $1 AND hour < $2 GROUP BY hour / 24`,
		int64(first)*24, int64(fresh.today+1)*24)
	if err := eachRow(rows, err, func(r rowScanner) error {
		var day int64
		var d dayDelta
		err := r.Scan(&day, &d.accounts, &d.company, &d.memberships)
		fresh.days[day-int64(first)] = d
		return err
	}); err != nil {
		return time.Time{}, err
	}
	if err := n.row(ctx, `SELECT COALESCE(SUM(active_step), 0) FROM kpi_days WHERE day < $1`, int64(first)).Scan(&fresh.before); err != nil {
		return time.Time{}, err
	}
	rows, err = n.rows(ctx, `SELECT day, active_step FROM kpi_days WHERE day BETWEEN $1 AND $2`, int64(first), int64(fresh.today))
	if err := eachRow(rows, err, func(r rowScanner) error {
		var day, step int64
		err := r.Scan(&day, &step)
		fresh.days[day-int64(first)].step = step
		return err
	}); err != nil {
		return time.Time{}, err
	}
	for i := range fresh.edges {
		e, at := &fresh.edges[i], now.Add(-edgeBack[i])
		if i == edgeNow && fresh.latest <= at.UnixMicro() {
			e.nobody = true
			continue
		}
		if e.whole = i == edgeNow || i == edgeMonth; e.whole {
			e.day = backoffice.DayOf(at)
		}
		if err := e.count(ctx, n, at.UnixMicro()); err != nil {
			return time.Time{}, err
		}
		if err := e.read(ctx, n, e.from, e.from+edgeReach); err != nil {
			return time.Time{}, err
		}
	}
	l.totals, l.latest, l.visited, l.today, l.days, l.before, l.edges = fresh.totals, fresh.latest, fresh.visited, fresh.today, fresh.days, fresh.before, fresh.edges
	l.version, l.loaded, l.courses = fresh.version, true, nil
	l.loads++
	return now, nil
}

// count counts what lies after an instant: whole hours from the counters, the
// rest of the instant's own hour by index.
func (e *edge) count(ctx context.Context, r reader, at int64) error {
	e.from = at
	hour := floorDiv(at, hourMicros)
	if err := r.row(ctx, `SELECT COALESCE(SUM(accounts), 0), COALESCE(SUM(company), 0), COALESCE(SUM(memberships), 0),
		COALESCE(SUM(CASE WHEN hour < $2 THEN active ELSE 0 END), 0) FROM kpi_hours WHERE hour > $1`, hour, int64(e.day+1)*24).
		Scan(&e.after.accounts, &e.after.company, &e.after.memberships, &e.after.active); err != nil {
		return err
	}
	var rest hourDelta
	end := (hour + 1) * hourMicros
	if err := r.row(ctx, `SELECT COUNT(*) FROM accounts WHERE deleted_at IS NULL AND created_at > $1 AND created_at < $2`, at, end).Scan(&rest.accounts); err != nil {
		return err
	}
	if e.whole {
		if err := r.row(ctx, `SELECT `+countTrue("a.company_domain")+`, `+activeOnCreation+`,
			(SELECT COUNT(*) FROM memberships WHERE counted_at > $1 AND counted_at < $2)
			FROM accounts a WHERE a.deleted_at IS NULL AND a.created_at > $1 AND a.created_at < $2`, at, end).
			Scan(&rest.company, &rest.active, &rest.memberships); err != nil {
			return err
		}
	}
	e.add(at, rest, 1)
	return nil
}

// figures are what the ledger says of the instant to which it was advanced.
func (l *ledger) figures(now time.Time) (backoffice.KPIs, Totals) {
	ahead, week, fortnight, month := &l.edges[edgeNow].after, &l.edges[edgeWeek].after, &l.edges[edgeFortnight].after, &l.edges[edgeMonth].after
	t := l.totals
	t.ahead = ahead.accounts > 0 || l.visited > l.today
	k := backoffice.KPIs{At: now}
	k.Now = backoffice.Figures{NewAccounts: week.accounts - ahead.accounts, Accounts: t.Accounts - ahead.accounts,
		Memberships: t.Memberships - ahead.memberships, CompanyAccounts: t.Company - ahead.company}
	k.Previous = backoffice.Figures{NewAccounts: fortnight.accounts - week.accounts, Accounts: t.Accounts - month.accounts,
		Memberships: t.Memberships - month.memberships, CompanyAccounts: t.Company - month.company}
	if l.courses == nil || l.courses.now != k.Now {
		l.courses = l.course(k.Now)
	}
	c := l.courses
	k.New, k.Active, k.Average, k.Company = c.created, c.active, c.average, c.company
	// The course counts accounts created by the end of a day; both instants lie
	// within one.
	k.Now.ActiveAccounts = c.active[courseDays-1] - ahead.active
	k.Previous.ActiveAccounts = c.active[courseDays-1-int(l.today-backoffice.DayOf(now.Add(-backoffice.PreviousPeriod)))] - month.active
	return k, t
}

// course makes the daily courses anew: others may still be reading the last ones.
func (l *ledger) course(now backoffice.Figures) *courses {
	c := &courses{now: now, created: make([]int64, 14), active: make([]int64, courseDays), company: make([]int64, courseDays), average: make([]float64, courseDays)}
	active := l.before
	for i := range l.days {
		active += l.days[i].step
		c.active[i] = active
	}
	for i := courseDays - 1; i >= 0; i-- {
		c.company[i], c.average[i] = now.CompanyAccounts, now.AverageUsers()
		d := &l.days[i]
		now.Accounts, now.CompanyAccounts, now.Memberships = now.Accounts-d.accounts, now.CompanyAccounts-d.company, now.Memberships-d.memberships
		if j := i - courseDays + len(c.created); j >= 0 {
			c.created[j] = d.accounts
		}
	}
	return c
}
