package store

import (
	"context"
	"sync"
	"time"

	"steward/backoffice"
)

// userKPICache keeps the last figures of users while nothing was committed and
// no instant passed at which one of them changes by itself.
type userKPICache struct {
	mu      sync.Mutex
	version int64
	until   time.Time
	kpis    backoffice.UserKPIs
}

// UserKPIs returns the figures of users of this moment, from the counters.
func (s *Store) UserKPIs(ctx context.Context) (backoffice.UserKPIs, error) {
	c, now := &s.userKPIs, s.Now()
	if !s.dialect.engine.SQLite {
		k, _, err := s.countUserKPIs(ctx, now)
		return k, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// Asked before the figures are read: what is committed between the two is
	// counted twice over rather than not at all.
	version, err := s.dataVersion(ctx)
	if err != nil {
		return backoffice.UserKPIs{}, err
	}
	if c.version != version || !now.Before(c.until) || now.Before(c.kpis.At) {
		if c.kpis, c.until, err = s.countUserKPIs(ctx, now); err != nil {
			c.until = time.Time{}
			return backoffice.UserKPIs{}, err
		}
		c.version = version
	}
	k := c.kpis
	k.At = now
	return k, nil
}

// countUserKPIs reads the figures in one statement, so that they are of one
// moment, and says until when they hold while nothing is written.
func (s *Store) countUserKPIs(ctx context.Context, at time.Time) (backoffice.UserKPIs, time.Time, error) {
	k := backoffice.UserKPIs{At: at, New: make([]int64, 14), Active: make([]int64, courseDays)}
	week, fortnight, month := at.Add(-backoffice.NewWindow).UnixMicro(), at.Add(-2*backoffice.NewWindow).UnixMicro(), at.Add(-backoffice.PreviousPeriod).UnixMicro()
	today, then := backoffice.DayOf(at), backoffice.DayOf(at.Add(-backoffice.PreviousPeriod))
	end := func(us int64) int64 { return (floorDiv(us, hourMicros) + 1) * hourMicros }
	const since = `(SELECT COALESCE(SUM(users), 0) FROM kpi_user_hours WHERE hour > `
	const edge = `(SELECT COUNT(*) FROM users WHERE deleted_at IS NULL AND created_at > `
	var total, afterWeek, afterFortnight, afterMonth, later, next1, next2, next3 int64
	first := today - courseDays + 1
	var base int64
	if err := s.query().row(ctx, `SELECT (SELECT users FROM kpi_totals),
		`+since+`$1) + `+edge+`$2 AND created_at < $3),
		`+since+`$4) + `+edge+`$5 AND created_at < $6),
		`+since+`$7) + `+edge+`$8 AND created_at < $9),
		(SELECT COALESCE(SUM(active_step), 0) FROM kpi_user_days WHERE day < $10),
		(SELECT COUNT(*) FROM users u WHERE u.deleted_at IS NULL AND u.created_at > $8 AND u.created_at < $11
			AND EXISTS (SELECT 1 FROM user_days d WHERE d.user_key = u.key AND d.day BETWEEN $12 AND $13)),
		COALESCE((SELECT MIN(created_at) FROM users WHERE deleted_at IS NULL AND created_at > $2), 0),
		COALESCE((SELECT MIN(created_at) FROM users WHERE deleted_at IS NULL AND created_at > $5), 0),
		COALESCE((SELECT MIN(created_at) FROM users WHERE deleted_at IS NULL AND created_at > $8), 0)`,
		floorDiv(week, hourMicros), week, end(week), floorDiv(fortnight, hourMicros), fortnight, end(fortnight), floorDiv(month, hourMicros), month, end(month),
		int64(first), (then+1).Start().UnixMicro(), int64(then)-backoffice.ActiveDays+1, int64(then)).
		Scan(&total, &afterWeek, &afterFortnight, &afterMonth, &base, &later, &next1, &next2, &next3); err != nil {
		return k, time.Time{}, err
	}
	type dayRow struct{ day, n int64 }
	scan := func(r rowScanner) (v dayRow, err error) { err = r.Scan(&v.day, &v.n); return }
	rows, err := s.query().rows(ctx, `SELECT day, active_step FROM kpi_user_days WHERE day BETWEEN $1 AND $2`, int64(first), int64(today))
	steps, err := collect(rows, err, scan)
	if err != nil {
		return k, time.Time{}, err
	}
	for _, v := range steps {
		k.Active[v.day-int64(first)] = v.n
	}
	for i := range k.Active {
		base += k.Active[i]
		k.Active[i] = base
	}
	rows, err = s.query().rows(ctx, `SELECT hour / 24, SUM(users) FROM kpi_user_hours WHERE hour BETWEEN $1 AND $2 GROUP BY hour / 24`, int64(today-13)*24, int64(today)*24+23)
	days, err := collect(rows, err, scan)
	if err != nil {
		return k, time.Time{}, err
	}
	for _, v := range days {
		k.New[v.day-int64(today)+13] = v.n
	}
	k.Now = backoffice.UserFigures{Users: total, New: afterWeek, Active: k.Active[courseDays-1]}
	k.Previous = backoffice.UserFigures{Users: total - afterMonth, New: afterFortnight - afterWeek, Active: k.Active[courseDays-1-int(today-then)] - later}
	until := (today + 1).Start()
	for _, c := range []struct{ at, edge int64 }{{next1, week}, {next2, fortnight}, {next3, month}} {
		if t := at.Add(time.Duration(c.at-c.edge) * time.Microsecond); c.at != 0 && t.Before(until) {
			until = t
		}
	}
	return k, until, nil
}
