package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"steward/backoffice"
)

// The figures of the dashboard come from counters that change in the
// transaction of what they count: kpi_totals, kpi_hours by hour of creation,
// kpi_days for the course of active accounts. What a unit of work has changed in
// them is told in kpi_changes, by which the ledger of each process follows.

// kpiDelta gathers what a unit of work changes in the counters.
type kpiDelta struct {
	accounts, company, memberships, users, resellers, children, binned int64

	hours map[int64]*hourDelta
	days  map[backoffice.Day]int64

	latest  int64          // nothing that was added is dated after this instant
	visited backoffice.Day // and no visit after this day
}

type hourDelta struct{ accounts, company, memberships, active int64 }

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
	k.latest = max(k.latest, a.createdAt)
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
	k.latest = max(k.latest, countedAt)
	k.hour(countedAt).memberships += n
}

// countActive adds the windows that an account with visits on the given days,
// in ascending order, is active in: those that end on one of the 30 days from a
// visit on, and not before the account was created.
func (k *kpiDelta) countActive(createdAt int64, days []backoffice.Day, n int64) {
	const w = backoffice.ActiveDays
	created := backoffice.DayOf(time.UnixMicro(createdAt))
	for i := 0; i < len(days); {
		lo, hi := days[i], days[i]+w-1
		for i++; i < len(days) && days[i] <= hi+1; i++ {
			hi = days[i] + w - 1
		}
		k.countWindow(createdAt, max(lo, created), hi, n)
	}
}

// countWindow adds the windows that end on the days from lo to hi, none of them
// before the account was created.
func (k *kpiDelta) countWindow(createdAt int64, lo, hi backoffice.Day, n int64) {
	k.visited = max(k.visited, hi-backoffice.ActiveDays+1)
	if lo > hi {
		return
	}
	k.step(lo, n)
	k.step(hi+1, -n)
	if lo == backoffice.DayOf(time.UnixMicro(createdAt)) {
		k.hour(createdAt).active += n
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

var (
	addHours = newRowList(`INSERT INTO kpi_hours (hour, accounts, company, memberships, active) VALUES `, plainTuple(5),
		` ON CONFLICT (hour) DO UPDATE SET accounts = kpi_hours.accounts + excluded.accounts, company = kpi_hours.company + excluded.company,
		memberships = kpi_hours.memberships + excluded.memberships, active = kpi_hours.active + excluded.active`, 0)
	addDays = newRowList(`INSERT INTO kpi_days (day, active_step) VALUES `, plainTuple(2),
		` ON CONFLICT (day) DO UPDATE SET active_step = kpi_days.active_step + excluded.active_step`, 0)
)

// flushKPIs writes what the unit of work has gathered.
func (t *tx) flushKPIs() error {
	k := &t.kpi
	maps.DeleteFunc(k.hours, func(_ int64, d *hourDelta) bool { return *d == hourDelta{} })
	maps.DeleteFunc(k.days, func(_ backoffice.Day, n int64) bool { return n == 0 })
	totals := k.accounts != 0 || k.company != 0 || k.memberships != 0 || k.users != 0 || k.resellers != 0 || k.children != 0 || k.binned != 0
	if totals {
		if err := t.one(`UPDATE kpi_totals SET accounts = accounts + $1, company = company + $2, memberships = memberships + $3,
			users = users + $4, resellers = resellers + $5, children = children + $6, binned = binned + $7`,
			k.accounts, k.company, k.memberships, k.users, k.resellers, k.children, k.binned); err != nil {
			return err
		}
	}
	var hours, days []any
	for _, h := range slices.Sorted(maps.Keys(k.hours)) {
		d := k.hours[h]
		hours = append(hours, h, d.accounts, d.company, d.memberships, d.active)
	}
	for _, day := range slices.Sorted(maps.Keys(k.days)) {
		days = append(days, int64(day), k.days[day])
	}
	if err := addHours.exec(t, nil, hours); err != nil {
		return err
	}
	if err := addDays.exec(t, nil, days); err != nil {
		return err
	}
	if totals || len(k.hours) > 0 || len(k.days) > 0 || k.visited > backoffice.DayOf(t.now) {
		if err := t.tellKPIs(k); err != nil {
			return err
		}
	}
	t.kpi = kpiDelta{}
	return nil
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
