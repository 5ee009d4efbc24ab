package store

import (
	"context"
	"slices"

	"steward/backoffice"
)

// AccountFigures returns the figures of an account as of this moment, all of
// them by one statement over its visits and memberships of the last 60 days.
func (s *Store) AccountFigures(ctx context.Context, a backoffice.Account) (f backoffice.AccountFigures, err error) {
	const days = 2 * backoffice.ActiveDays
	f.At = s.Now()
	today := backoffice.DayOf(f.At)
	rows, err := s.query().rows(ctx, `SELECT 0, ($2 - day) / 5, COUNT(DISTINCT user_key), COUNT(*) FROM visits
			WHERE account_key = $1 AND day BETWEEN $3 AND $2 GROUP BY 2
		UNION ALL SELECT 1, ($2 - day) / 30, COUNT(DISTINCT user_key), COUNT(*) FROM visits
			WHERE account_key = $1 AND day BETWEEN $3 AND $2 GROUP BY 2
		UNION ALL SELECT 2, ($4 - created_at) / 432000000000, COUNT(*), 0 FROM memberships
			WHERE account_key = $1 AND created_at > $5 AND created_at <= $4 GROUP BY 2`,
		a.Key, int64(today), int64(today-days+1), f.At.UnixMicro(), f.At.Add(-2*backoffice.PreviousPeriod).UnixMicro())
	type step struct{ kind, back, users, visits int64 }
	steps, err := collect(rows, err, func(r rowScanner) (v step, err error) {
		err = r.Scan(&v.kind, &v.back, &v.users, &v.visits)
		return
	})
	if err != nil {
		return f, err
	}
	const last = backoffice.FigureSteps - 1
	var joined [backoffice.FigureSteps]int64
	for _, v := range steps {
		switch {
		case v.back < 0 || v.back > last:
		case v.kind == 0:
			f.ActiveCourse[last-v.back], f.VisitsCourse[last-v.back] = v.users, v.visits
		case v.kind == 1 && v.back == 0:
			f.Active, f.Visits = v.users, v.visits
		case v.kind == 1:
			f.ActiveBefore, f.VisitsBefore = v.users, v.visits
		case v.kind == 2:
			joined[last-v.back] = v.users
		}
	}
	n := a.Users
	for i := last; i >= 0; i-- {
		f.UsersCourse[i] = n
		n -= joined[i]
	}
	f.UsersBefore = f.UsersCourse[last/2]
	return f, nil
}

// SubAccounts returns a page of the direct sub-accounts of an account, by name:
// those after or before the one with the given ID, or the first ones. Next and
// Prev of the page are such IDs.
func (s *Store) SubAccounts(ctx context.Context, parent backoffice.Account, after, before string) (page backoffice.AccountsPage, err error) {
	const (
		n    = backoffice.MembersPerPage
		head = `SELECT a.key, a.id, a.name, a.created_at, a.is_reseller, e.users, e.visits, e.last_visit_at,
			(SELECT COUNT(*) FROM accounts WHERE parent_key = $1 AND deleted_at IS NULL)
			FROM accounts a JOIN engagement e ON e.account_key = a.key WHERE a.parent_key = $1 AND a.deleted_at IS NULL`
		place = ` (SELECT b.name_sort, b.key FROM accounts b WHERE b.id = $3)`
	)
	text, args := head+` ORDER BY a.name_sort, a.key LIMIT $2`, []any{parent.Key, n + 1}
	switch {
	case before != "":
		text = head + ` AND (a.name_sort, a.key) <` + place + ` ORDER BY a.name_sort DESC, a.key DESC LIMIT $2`
		args = append(args, before)
	case after != "":
		text = head + ` AND (a.name_sort, a.key) >` + place + ` ORDER BY a.name_sort, a.key LIMIT $2`
		args = append(args, after)
	}
	rows, err := s.query().rows(ctx, text, args...)
	page.Rows, err = collect(rows, err, func(r rowScanner) (v backoffice.AccountRow, err error) {
		err = r.Scan(&v.Key, &v.ID, &v.Name, micros{&v.CreatedAt}, &v.IsReseller, &v.Users, &v.Visits, zeroMicros{&v.LastVisit}, &page.Total)
		return
	})
	if err != nil {
		return page, err
	}
	page.Rows, page.Prev, page.Next = window(page.Rows, n, after, before, func(a backoffice.AccountRow) string { return a.ID })
	return page, nil
}

// window cuts the row too many from what a keyset page read, turns a page that
// was read backwards, and says where the pages beside it begin. A page read
// with before has the row nearest to it first.
func window[T any](rows []T, n int, after, before string, id func(T) string) (_ []T, prev, next string) {
	more := len(rows) > n
	if more {
		rows = rows[:n]
	}
	if len(rows) == 0 {
		return rows, "", ""
	}
	if before != "" {
		slices.Reverse(rows)
	}
	first, last := id(rows[0]), id(rows[len(rows)-1])
	if before != "" && more || before == "" && after != "" {
		prev = first
	}
	if before != "" || more {
		next = last
	}
	return rows, prev, next
}
