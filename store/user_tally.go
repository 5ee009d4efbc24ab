package store

import (
	"context"

	"steward/backoffice"
)

// What memberships, roles and visits add up to for a user stands in
// user_engagement and user_days, and is kept by triggers of the schema
// (migrations/00005_users.sql): users are written in many places.

// tallyUsers makes all of it from the rows, in a database where none of it was
// kept while they were written.
func (t *tx) tallyUsers() error {
	for _, text := range []string{
		`INSERT INTO user_days (user_key, day, n) SELECT user_key, day, COUNT(*) FROM visits GROUP BY user_key, day ORDER BY user_key, day`,
		`INSERT INTO user_engagement (user_key, accounts, days, last_visit_at, roles)
			SELECT u.key, COALESCE(m.accounts, 0), COALESCE(d.days, 0), COALESCE(m.last, 0), COALESCE(r.roles, '')
			FROM users u
			LEFT JOIN (SELECT user_key, COUNT(counted_at) AS accounts, MAX(last_visit_at) AS last FROM memberships GROUP BY user_key) m ON m.user_key = u.key
			LEFT JOIN (SELECT user_key, COUNT(*) AS days FROM user_days GROUP BY user_key) d ON d.user_key = u.key
			LEFT JOIN (SELECT x.user_key, string_agg(x.r, ' ') AS roles FROM (SELECT DISTINCT m.user_key, CAST(mr.role_key AS TEXT) AS r
				FROM memberships m JOIN membership_roles mr ON mr.membership_key = m.key WHERE m.counted_at IS NOT NULL) x GROUP BY x.user_key) r ON r.user_key = u.key
			WHERE u.deleted_at IS NULL ORDER BY u.key`,
		`INSERT INTO kpi_user_hours (hour, users) SELECT created_at / 3600000000, COUNT(*) FROM users WHERE deleted_at IS NULL GROUP BY created_at / 3600000000`,
		`UPDATE kpi_user_mark SET version = version + 1`,
	} {
		if _, err := t.exec(text); err != nil {
			return err
		}
	}
	return t.tallyActiveUsers()
}

// tallyActiveUsers counts, from user_days, in which windows users were active.
func (t *tx) tallyActiveUsers() error {
	steps := userSteps{}
	if err := eachUserDays(t.ctx, t, func(created backoffice.Day, days []backoffice.Day) { steps.count(created, days, 1) }); err != nil {
		return err
	}
	return t.stepUsers(steps)
}

// eachUserDays calls do with the days of every user outside of the bin who was
// ever seen.
func eachUserDays(ctx context.Context, r reader, do func(created backoffice.Day, days []backoffice.Day)) error {
	rows, err := r.rows(ctx, `SELECT d.user_key, u.created_at, d.day FROM user_days d JOIN users u ON u.key = d.user_key WHERE u.deleted_at IS NULL ORDER BY d.user_key, d.day`)
	var user, created int64
	var days []backoffice.Day
	err = eachRow(rows, err, func(r rowScanner) error {
		var key, at, day int64
		if err := r.Scan(&key, &at, &day); err != nil {
			return err
		}
		if key != user && len(days) > 0 {
			do(backoffice.Day(floorDiv(created, dayMicros)), days)
			days = days[:0]
		}
		user, created, days = key, at, append(days, backoffice.Day(day))
		return nil
	})
	if len(days) > 0 {
		do(backoffice.Day(floorDiv(created, dayMicros)), days)
	}
	return err
}

// userSteps is by how much the number of active users of a day differs from that
// of the day before.
type userSteps map[backoffice.Day]int64

// count adds (n = 1) or takes away (n = -1) the windows in which a user who was
// seen on the days, in ascending order, is active: those that end on one of the
// 30 days from a visit on, and not before the user was created.
func (s userSteps) count(created backoffice.Day, days []backoffice.Day, n int64) {
	for i, day := range days {
		lo, hi := max(day, created), day+backoffice.ActiveDays-1
		if i > 0 {
			lo = max(lo, days[i-1]+backoffice.ActiveDays)
		}
		if lo <= hi {
			s[lo] += n
			s[hi+1] -= n
		}
	}
}

// stepUsers adds steps to the course of active users.
func (t *tx) stepUsers(steps userSteps) error {
	for day, n := range steps {
		if _, err := t.exec(`INSERT INTO kpi_user_days (day, active_step) VALUES ($1, $2)
			ON CONFLICT (day) DO UPDATE SET active_step = kpi_user_days.active_step + excluded.active_step`, int64(day), n); err != nil {
			return err
		}
	}
	return nil
}
