package store

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"steward/backoffice"
)

// userLedger holds the figures of users in memory, as ledger does those of
// accounts. Their counters are kept by triggers, whoever writes: what follows a
// commit are one row for each day of the last months, and a mark that tells
// whether users came or went. The hours and the edges of the trailing windows
// are read anew when it has moved, or an edge passes what is known ahead of it.
type userLedger struct {
	mu      sync.Mutex
	loaded  bool
	seen    int64 // SQLite's data_version when it was last known to be current
	loads   int   // how often the edges were read
	today   backoffice.Day
	mark    int64 // of the hours
	touched int64 // of the users who were created on the day of the month's edge
	kpis    backoffice.UserKPIs
	from    int64 // the edges may not go back behind the instant they were read for
	edges   [3]userEdge
	total   int64
}

// userEdge is how many users were created after an instant that moves on with
// the clock, and the next ones that it meets.
type userEdge struct {
	users, active int64 // active on the edge's day; of the month's edge alone
	next          []userInstant
	to            int64 // until here the next ones are known
}

type userInstant struct{ at, users, active int64 }

var userEdgeBack = [3]time.Duration{backoffice.NewWindow, 2 * backoffice.NewWindow, backoffice.PreviousPeriod}

// The edges in the order of userEdgeBack.
const (
	userWeek = iota
	userFortnight
	userMonth
)

// UserKPIs returns the figures of users of this moment, from the counters.
func (s *Store) UserKPIs(ctx context.Context) (backoffice.UserKPIs, error) {
	l := &s.userKPIs
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx = context.WithoutCancel(ctx) // others wait for what is found here
	var seen int64
	var err error
	// Asked before the figures are read: what is committed between the two is
	// read twice over rather than not at all.
	if s.dialect.engine.SQLite {
		if seen, err = s.dataVersion(ctx); err != nil {
			return backoffice.UserKPIs{}, err
		}
	}
	now := s.Now()
	current := l.loaded && l.today == backoffice.DayOf(now)
	if current && (seen != l.seen || s.dialect.engine.PostgreSQL) {
		if current, err = l.follow(ctx, s, s.query()); err != nil {
			return backoffice.UserKPIs{}, err
		}
	}
	if !current || !l.advance(now) {
		if err := l.load(ctx, s, now); err != nil {
			l.loaded = false
			return backoffice.UserKPIs{}, err
		}
	}
	l.seen = seen
	return l.figures(now), nil
}

// userDaysText reads what changes with visits: total and mark stand before the
// days.
func (s *Store) userDaysText() string {
	return s.dialect.packedSelect(`FROM (SELECT -2 AS day, users AS active_step, 0 AS touched FROM kpi_totals UNION ALL SELECT -1, version, 0 FROM kpi_user_mark
		UNION ALL SELECT day, active_step, touched FROM kpi_user_days WHERE day >= $1) AS d`, "day", "active_step", "touched")
}

// follow takes in what visits and acts have changed; false where the edges have
// to be read anew.
func (l *userLedger) follow(ctx context.Context, s *Store, r interface {
	packed(context.Context, string, ...any) (packed, error)
}) (bool, error) {
	first := l.today - courseDays + 1
	then := l.today - backoffice.Day(backoffice.PreviousPeriod/(24*time.Hour))
	p, err := r.packed(ctx, s.userDaysText(), int64(first))
	if err != nil {
		return false, err
	}
	var mark, touched, rest int64
	active := make([]int64, courseDays)
	for p.more() {
		day, n, t := backoffice.Day(p.int()), p.int(), p.int()
		switch day {
		case -2:
			l.total = n
			continue
		case -1:
			mark = n
			continue
		case then:
			touched = t
		}
		if rest += n; day <= l.today {
			active[day-first] = n
		}
	}
	if p.err != nil {
		return false, p.err
	}
	// Whoever becomes active ceases to be it: what lies before these days is what
	// they take away.
	active[0] -= rest
	for i := range active[1:] {
		active[i+1] += active[i]
	}
	if !slices.Equal(active, l.kpis.Active) {
		l.kpis.Active = active // others may still be reading the last one
	}
	same := mark == l.mark && touched == l.touched
	l.mark, l.touched = mark, touched
	return same, nil
}

// advance moves the edges to where they are at an instant; false where they have
// to be read anew.
func (l *userLedger) advance(now time.Time) bool {
	if now.UnixMicro() < l.from {
		return false
	}
	for i := range l.edges {
		e, at := &l.edges[i], now.Add(-userEdgeBack[i]).UnixMicro()
		if at > e.to {
			return false
		}
		for len(e.next) > 0 && e.next[0].at <= at {
			e.users -= e.next[0].users
			e.active -= e.next[0].active
			e.next = e.next[1:]
		}
	}
	l.from = now.UnixMicro()
	return true
}

// load reads all of it as of one moment.
func (l *userLedger) load(ctx context.Context, s *Store, now time.Time) error {
	n, err := s.snapshot(ctx)
	if err != nil {
		return err
	}
	defer n.close()
	l.today, l.loads = backoffice.DayOf(now), l.loads+1
	if _, err := l.follow(ctx, s, n); err != nil {
		return err
	}
	month := now.Add(-backoffice.PreviousPeriod).UnixMicro()
	p, err := n.packed(ctx, s.dialect.packedSelect(`FROM kpi_user_hours WHERE hour >= $1`, "hour", "users"), floorDiv(month, hourMicros))
	if err != nil {
		return err
	}
	l.edges = [3]userEdge{}
	created := make([]int64, 14)
	for p.more() {
		hour, users := p.int(), p.int()
		if i := floorDiv(hour, 24) - int64(l.today) + int64(len(created)) - 1; i >= 0 && i < int64(len(created)) {
			created[i] += users
		}
		for i, back := range userEdgeBack {
			if hour > floorDiv(now.Add(-back).UnixMicro(), hourMicros) {
				l.edges[i].users += users
			}
		}
	}
	if p.err != nil {
		return p.err
	}
	l.kpis.New = created
	for i, back := range userEdgeBack {
		if err := l.edges[i].read(ctx, n, now.Add(-back).UnixMicro(), i == userMonth); err != nil {
			return err
		}
	}
	l.from, l.loaded = now.UnixMicro(), true
	return nil
}

// activeOnArrival is true of a user u who was active on the day of their creation.
var activeOnArrival = `EXISTS (SELECT 1 FROM user_days d WHERE d.user_key = u.key
	AND d.day BETWEEN u.created_at / ` + dayText + ` - ` + strconv.Itoa(backoffice.ActiveDays-1) + ` AND u.created_at / ` + dayText + `)`

// read asks for what the hours do not tell: the rest of the hour in which the
// edge lies, the next instants, and for the month's edge who of the rest of its
// day was active on it.
func (e *userEdge) read(ctx context.Context, r reader, at int64, month bool) error {
	const created = ` FROM users u WHERE u.deleted_at IS NULL AND u.created_at > $1 AND u.created_at `
	var rest int64
	if err := r.row(ctx, `SELECT COUNT(*)`+created+`< $2`, at, (floorDiv(at, hourMicros)+1)*hourMicros).Scan(&rest); err != nil {
		return err
	}
	e.users += rest
	e.to = at + edgeReach
	active := "0"
	if month {
		end := (floorDiv(at, dayMicros) + 1) * dayMicros
		if err := r.row(ctx, `SELECT COUNT(*)`+created+`< $2 AND `+activeOnArrival, at, end).Scan(&e.active); err != nil {
			return err
		}
		e.to, active = min(e.to, end-1), countTrue(activeOnArrival)
	}
	rows, err := r.rows(ctx, `SELECT u.created_at, COUNT(*), `+active+created+`<= $2 GROUP BY 1 ORDER BY 1 LIMIT `+strconv.Itoa(ledgerBounds.instants), at, e.to)
	e.next, err = collect(rows, err, func(r rowScanner) (v userInstant, err error) {
		err = r.Scan(&v.at, &v.users, &v.active)
		return
	})
	if n := len(e.next); n == ledgerBounds.instants {
		e.to = e.next[n-1].at
	}
	return err
}

// figures are what the ledger says of the instant to which it was advanced.
func (l *userLedger) figures(now time.Time) backoffice.UserKPIs {
	k := l.kpis
	week, fortnight, month := &l.edges[userWeek], &l.edges[userFortnight], &l.edges[userMonth]
	then := courseDays - 1 - int(l.today-backoffice.DayOf(now.Add(-backoffice.PreviousPeriod)))
	k.At = now
	k.Now = backoffice.UserFigures{Users: l.total, New: week.users, Active: k.Active[courseDays-1]}
	k.Previous = backoffice.UserFigures{Users: l.total - month.users, New: fortnight.users - week.users, Active: k.Active[then] - month.active}
	return k
}

// UserKPIsAt counts the figures of users from the rows themselves, as KPIsAt
// does those of accounts; it takes time in proportion to the data.
func (s *Store) UserKPIsAt(ctx context.Context, at time.Time) (backoffice.UserKPIs, error) {
	k := backoffice.UserKPIs{At: at}
	count := func(at, week time.Time) (f backoffice.UserFigures, err error) {
		day := int64(backoffice.DayOf(at))
		err = s.query().row(ctx, `SELECT
			(SELECT COUNT(*) FROM users WHERE deleted_at IS NULL AND created_at > $1 AND created_at <= $2),
			(SELECT COUNT(*) FROM users u WHERE u.deleted_at IS NULL AND u.created_at <= $3
				AND EXISTS (SELECT 1 FROM visits v WHERE v.user_key = u.key AND v.day BETWEEN $4 AND $5)),
			(SELECT COUNT(*) FROM users WHERE deleted_at IS NULL AND created_at <= $3)`,
			week.Add(-backoffice.NewWindow).UnixMicro(), week.UnixMicro(), at.UnixMicro(), day-backoffice.ActiveDays+1, day).Scan(&f.New, &f.Active, &f.Users)
		return f, err
	}
	var err error
	if k.Now, err = count(at, at); err != nil {
		return k, err
	}
	k.Previous, err = count(at.Add(-backoffice.PreviousPeriod), at.Add(-backoffice.NewWindow))
	return k, err
}
