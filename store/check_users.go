package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"steward/backoffice"
)

// users compares what is kept of each user with names, memberships and visits.
func (c *check) users() error {
	rows, err := c.r.rows(c.ctx, `SELECT u.key, u.id, u.email, u.name, u.name_sort, u.search, u.created_at, u.deleted_at IS NOT NULL,
		e.user_key IS NOT NULL, COALESCE(e.accounts, 0), COALESCE(e.days, 0), COALESCE(e.last_visit_at, 0), COALESCE(e.roles, ''),
		(SELECT COUNT(*) FROM memberships m WHERE m.user_key = u.key AND m.counted_at IS NOT NULL),
		(SELECT COALESCE(MAX(m.last_visit_at), 0) FROM memberships m WHERE m.user_key = u.key),
		(SELECT COUNT(*) FROM user_days d WHERE d.user_key = u.key), (SELECT COALESCE(MAX(d.day), -1) FROM user_days d WHERE d.user_key = u.key),
		COALESCE((SELECT string_agg(CAST(x.role_key AS TEXT), ' ') FROM (SELECT DISTINCT mr.role_key FROM memberships m
			JOIN membership_roles mr ON mr.membership_key = m.key WHERE m.user_key = u.key AND m.counted_at IS NOT NULL) x), '')
		FROM users u LEFT JOIN user_engagement e ON e.user_key = u.key`)
	hours := map[int64]int64{}
	err = eachRow(rows, err, func(r rowScanner) error {
		var key, created, accounts, days, last, wantAccounts, memberLast, wantDays, lastDay int64
		var id, email, name, nameSort, search, roles, wantRoles string
		var binned, engaged bool
		if err := r.Scan(&key, &id, &email, &name, &nameSort, &search, &created, &binned, &engaged, &accounts, &days, &last, &roles,
			&wantAccounts, &memberLast, &wantDays, &lastDay, &wantRoles); err != nil {
			return err
		}
		if binned {
			if engaged || wantAccounts > 0 {
				c.found("users", nextCounter, "user %s is in the bin, and is still counted", id)
			}
			return nil
		}
		hours[created/hourMicros]++
		wantSort, wantSearch := userKeys(name, email)
		if nameSort != wantSort || search != wantSearch {
			c.found("search text", nextCounter, "user %s is sorted and searched by another text than name and address give", id)
		}
		if c.s.dialect.engine.SQLite {
			c.userGrams.add(wantSearch)
		}
		if !engaged {
			c.found("users", nextCounter, "user %s has no row of figures", id)
			return nil
		}
		of := func(field string) string { return fmt.Sprintf("%s of user %s", field, id) }
		if accounts != wantAccounts {
			c.same("users", of("accounts"), accounts, wantAccounts)
		}
		if days != wantDays {
			c.same("users", of("days"), days, wantDays)
		}
		if last < memberLast || wantDays > 0 && backoffice.DayOf(time.UnixMicro(last)) < backoffice.Day(lastDay) {
			c.found("users", nextCounter, "user %s was seen after the last visit that is kept", id)
		}
		if roles != wantRoles {
			have, want := strings.Fields(roles), strings.Fields(wantRoles)
			slices.Sort(have)
			slices.Sort(want)
			if !slices.Equal(have, want) {
				c.found("users", nextCounter, "roles of user %s are %v, and should be %v", id, have, want)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.userFigures("users by hour", `SELECT hour, users FROM kpi_user_hours`, hours); err != nil {
		return err
	}
	steps := userSteps{}
	if err := eachUserDays(c.ctx, c.r, func(created backoffice.Day, days []backoffice.Day) { steps.count(created, days, 1) }); err != nil {
		return err
	}
	days := map[int64]int64{}
	for day, n := range steps {
		days[int64(day)] = n
	}
	if err := c.userFigures("active users by day", `SELECT day, active_step FROM kpi_user_days`, days); err != nil {
		return err
	}
	var n int64
	if err := c.r.row(c.ctx, `SELECT (SELECT COUNT(*) FROM (SELECT user_key, day, COUNT(*) AS n FROM visits GROUP BY user_key, day) v
		LEFT JOIN user_days d ON d.user_key = v.user_key AND d.day = v.day WHERE d.n IS NULL OR d.n <> v.n)
		+ (SELECT COALESCE(SUM(n), 0) FROM user_days) - (SELECT COUNT(*) FROM visits)`).Scan(&n); err != nil {
		return err
	}
	c.same("users", "the number of days that visits and users have not in common", n, 0)
	return nil
}

// userFigures compares the rows of a counter with what they should be.
func (c *check) userFigures(what, text string, want map[int64]int64) error {
	rows, err := c.r.rows(c.ctx, text)
	if err := eachRow(rows, err, func(r rowScanner) error {
		var at, n int64
		err := r.Scan(&at, &n)
		if n != want[at] {
			c.found(what, nextCounter, "number %d is %d, and should be %d", at, n, want[at])
		}
		delete(want, at)
		return err
	}); err != nil {
		return err
	}
	for _, at := range slices.Sorted(maps.Keys(want)) {
		c.same(what, fmt.Sprintf("number %d", at), 0, want[at])
	}
	return nil
}
