package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"steward/backoffice"
)

// seen is a visit whose account, user and membership are found.
type seen struct {
	account, user, member int64 // member is 0 of who came in by a grant
	day                   backoffice.Day
	at                    int64 // microseconds; midnight exactly when only the day is known
	last                  int64 // of the membership, before; 0 when it has none
	known                 bool  // it is on disk, and moves nothing
}

// recorded reports whether the visit is recorded already: the last one of the
// membership was on its day.
func (v seen) recorded() bool {
	return v.last != 0 && backoffice.DayOf(time.UnixMicro(v.last)) == v.day
}

var (
	lookupVisited = inList(`SELECT e.account_key, a.created_at, e.last_visit_at, e.visits, e.recent_day, e.recent
		FROM engagement e JOIN accounts a ON a.key = e.account_key WHERE e.account_key`, ``)
	insertVisited = newRowList(`INSERT INTO visits (account_key, day, user_key) VALUES `, plainTuple(3),
		` ON CONFLICT DO NOTHING RETURNING account_key, day, user_key`, 0)
	moveVisited = newRowList(`WITH v (key, last) AS (VALUES `, []string{"CAST($ AS BIGINT)", "CAST($ AS BIGINT)"},
		`) UPDATE engagement SET last_visit_at = v.last FROM v WHERE engagement.account_key = v.key AND engagement.last_visit_at < v.last`, 0)
	saveVisited = map[bool]*rowList{true: saveVisitedList("BLOB"), false: saveVisitedList("BYTEA")} // by whether the engine is SQLite
)

func saveVisitedList(bytes string) *rowList {
	return newRowList(`WITH v (key, visits, last, day, recent) AS (VALUES `,
		[]string{"CAST($ AS BIGINT)", "CAST($ AS BIGINT)", "CAST($ AS BIGINT)", "CAST($ AS INTEGER)", "CAST($ AS " + bytes + ")"},
		`) UPDATE engagement SET visits = v.visits, last_visit_at = v.last, recent_day = v.day, recent = v.recent FROM v WHERE engagement.account_key = v.key`, 0)
}

// writeVisits records visits, folded: one row for each user, account and day,
// one change of each account and membership that they touch, all of them by few
// statements. It returns those that were new.
func (t *tx) writeVisits(list []seen) (map[visitRow]bool, error) {
	list = foldVisits(list)
	fresh := list[:0:0]
	var moved []any // accounts whose last visit moves, without a new one
	members := visitTallies{members: map[int64]*memberVisits{}, others: map[accountUser]*memberVisits{}}
	for i := 0; i < len(list); {
		account := list[i].account
		last, begin, any := int64(0), len(fresh), false
		for ; i < len(list) && list[i].account == account; i++ {
			v := list[i]
			if !v.recorded() {
				fresh = append(fresh, v)
				continue
			}
			if v.at > v.last {
				members.of(v).last = v.at
				last, any = max(last, v.at), true
			}
		}
		if any && len(fresh) == begin {
			moved = append(moved, account, last)
		} else if any {
			fresh[begin].last = last // the account's row is written anyway
		}
	}
	if err := moveVisited.exec(t, nil, moved); err != nil {
		return nil, err
	}
	inserted, err := t.writeFresh(fresh, members)
	if err != nil {
		return nil, err
	}
	args := make([]any, 0, 3*len(members.members))
	for _, key := range slices.Sorted(maps.Keys(members.members)) {
		m := members.members[key]
		args = append(args, key, m.n, m.last)
	}
	if err := addVisitsBulk.exec(t, nil, args); err != nil {
		return nil, err
	}
	return inserted, t.addOthersVisits(members.others)
}

// visitTallies are what visits add to memberships, and to those who came in by
// a grant.
type visitTallies struct {
	members map[int64]*memberVisits
	others  map[accountUser]*memberVisits
}

// of is what the visits of the one who made v add up to.
func (l visitTallies) of(v seen) *memberVisits {
	if v.member == 0 {
		pair := accountUser{v.account, v.user}
		if l.others[pair] == nil {
			l.others[pair] = &memberVisits{}
		}
		return l.others[pair]
	}
	if l.members[v.member] == nil {
		l.members[v.member] = &memberVisits{}
	}
	return l.members[v.member]
}

// addOthersVisits keeps what users without membership visited for the day on
// which they may become members.
func (t *tx) addOthersVisits(others map[accountUser]*memberVisits) error {
	for pair, m := range others {
		if _, err := t.exec(`INSERT INTO former_members (account_key, user_key, visits, last_visit_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account_key, user_key) DO UPDATE SET visits = former_members.visits + $3,
			last_visit_at = CASE WHEN former_members.last_visit_at < $4 THEN $4 ELSE former_members.last_visit_at END`, pair.account, pair.user, m.n, m.last); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE user_engagement SET last_visit_at = $2 WHERE user_key = $1 AND last_visit_at < $2`, pair.user, m.last); err != nil {
			return err
		}
	}
	return nil
}

// foldVisits sorts visits by account, day and user, and leaves the latest of
// those that are one.
func foldVisits(list []seen) []seen {
	slices.SortFunc(list, func(a, b seen) int {
		switch {
		case a.account != b.account:
			return cmp(a.account, b.account)
		case a.day != b.day:
			return cmp(int64(a.day), int64(b.day))
		case a.user != b.user:
			return cmp(a.user, b.user)
		}
		return cmp(b.at, a.at)
	})
	return slices.CompactFunc(list, func(a, b seen) bool { return a.account == b.account && a.day == b.day && a.user == b.user })
}

// visitedAccount is what an account's visits add up to, before and after.
type visitedAccount struct {
	created, last, visits int64
	day                   backoffice.Day // that recent ends with
	packed                []byte
}

// visitRow is the row of a visit.
type visitRow struct {
	account int64
	day     backoffice.Day
	user    int64
}

// writeFresh records visits, folded and sorted, that may not be there yet. It
// returns those that were not.
func (t *tx) writeFresh(list []seen, members visitTallies) (map[visitRow]bool, error) {
	if len(list) == 0 {
		return nil, nil
	}
	var keys []int64
	args := make([]any, 0, 3*len(list))
	for i, v := range list {
		if i == 0 || v.account != list[i-1].account {
			keys = append(keys, v.account)
		}
		args = append(args, v.account, int64(v.day), v.user)
	}
	accounts := make(map[int64]*visitedAccount, len(keys))
	if err := lookup(t.ctx, t, lookupVisited, keys, func(r rowScanner) error {
		var key int64
		a := &visitedAccount{}
		err := r.Scan(&key, &a.created, &a.last, &a.visits, &a.day, &a.packed)
		accounts[key] = a
		return err
	}); err != nil {
		return nil, err
	}
	around, err := t.daysAround(list, accounts)
	if err != nil {
		return nil, err
	}
	inserted := make(map[visitRow]bool, len(list))
	if err := insertVisited.query(t.ctx, t, nil, args, func(r rowScanner) error {
		var v visitRow
		err := r.Scan(&v.account, &v.day, &v.user)
		inserted[v] = true
		return err
	}); err != nil {
		return nil, err
	}
	args = args[:0]
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].account == list[0].account {
			n++
		}
		account := list[0].account
		a := accounts[account]
		if a == nil {
			return nil, fmt.Errorf("visits of account: %w", backoffice.ErrNotFound)
		}
		packed, day := t.countVisits(a, list[:n], around, inserted, members)
		args = append(args, account, a.visits, a.last, int64(day), packed)
		list = list[n:]
	}
	return inserted, saveVisited[t.s.dialect.engine.SQLite].exec(t, nil, args)
}

// daysBeside are the days with visits next to a day, and whether it has some itself.
type daysBeside struct {
	have          bool
	before, after backoffice.Day
}

type accountDay struct {
	account int64
	day     backoffice.Day
}

var lookupDaysAround = newRowList(`WITH wanted (account_key, day) AS (VALUES `, []string{"CAST($ AS BIGINT)", "CAST($ AS INTEGER)"}, `) SELECT w.account_key, w.day,
	EXISTS (SELECT 1 FROM visits v WHERE v.account_key = w.account_key AND v.day = w.day),
	COALESCE((SELECT MAX(v.day) FROM visits v WHERE v.account_key = w.account_key AND v.day < w.day), -1000000),
	COALESCE((SELECT MIN(v.day) FROM visits v WHERE v.account_key = w.account_key AND v.day > w.day), 1000000) FROM wanted w`, 0)

// daysAround asks for the neighbours of days before an account's last one: they
// tell which windows become active by a new visit. It is asked before anything
// is written. The days behind the last one have no need of it.
func (t *tx) daysAround(list []seen, accounts map[int64]*visitedAccount) (map[accountDay]daysBeside, error) {
	var wanted []any
	for i, v := range list {
		a := accounts[v.account]
		if a == nil || a.visits == 0 || v.day >= backoffice.DayOf(time.UnixMicro(a.last)) || i > 0 && list[i-1].account == v.account && list[i-1].day == v.day {
			continue
		}
		wanted = append(wanted, v.account, int64(v.day))
	}
	found := make(map[accountDay]daysBeside, len(wanted)/2)
	return found, lookupDaysAround.query(t.ctx, t, nil, wanted, func(r rowScanner) error {
		var at accountDay
		var d daysBeside
		err := r.Scan(&at.account, &at.day, &d.have, &d.before, &d.after)
		found[at] = d
		return err
	})
}

// countVisits adds the visits of one account, sorted by day, to its row, to the
// memberships and to the figures.
func (t *tx) countVisits(a *visitedAccount, list []seen, around map[accountDay]daysBeside, inserted map[visitRow]bool, members visitTallies) ([]byte, backoffice.Day) {
	const w, never = backoffice.ActiveDays, backoffice.Day(1 << 30)
	lastDay := -never
	if a.visits > 0 {
		lastDay = backoffice.DayOf(time.UnixMicro(a.last))
	}
	createdDay := backoffice.DayOf(time.UnixMicro(a.created))
	newest := max(a.day, list[len(list)-1].day)
	recent := unpackRecent(a.packed, a.day, newest)
	a.last = max(a.last, list[0].last)
	prev := -never // the day with visits before this one, among those that were written
	for i := 0; i < len(list); {
		day := list[i].day
		var onDay int64
		for ; i < len(list) && list[i].day == day; i++ {
			v := list[i]
			m := members.of(v)
			if inserted[visitRow{v.account, day, v.user}] {
				m.n++
				onDay++
			}
			m.last = max(m.last, v.at)
			a.last = max(a.last, v.at)
		}
		beside, asked := around[accountDay{list[0].account, day}]
		if !asked {
			beside = daysBeside{have: day == lastDay, before: lastDay, after: never}
		}
		beside.before = max(beside.before, prev)
		prev = day
		if onDay == 0 {
			continue
		}
		a.visits += onDay
		if !beside.have {
			lo, hi := max(day, beside.before+w, createdDay), min(day+w-1, beside.after-1)
			t.kpi.countWindow(a.created, lo, hi, 1)
		}
		if back := newest - day; back < backoffice.RecentDays {
			c := &recent[backoffice.RecentDays-1-int(back)]
			*c = uint16(min(int64(*c)+onDay, 65535))
		}
	}
	return packRecent(recent), newest
}

func cmp(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// packRecent writes the visits of the 30 days that end with the newest as 60
// bytes, the oldest day first.
func packRecent(r [backoffice.RecentDays]uint16) []byte {
	b := make([]byte, 2*backoffice.RecentDays)
	for i, n := range r {
		binary.LittleEndian.PutUint16(b[2*i:], n)
	}
	return b
}

// unpackRecent reads what packRecent wrote for the days up to newest, as the 30
// days up to today.
func unpackRecent(b []byte, newest, today backoffice.Day) (r [backoffice.RecentDays]uint16) {
	if len(b) != 2*backoffice.RecentDays {
		return r
	}
	shift := int(today - newest)
	for i := range r {
		if j := i + shift; j >= 0 && j < backoffice.RecentDays {
			r[i] = binary.LittleEndian.Uint16(b[2*j:])
		}
	}
	return r
}

// unpackRecentHex is unpackRecent for bytes in hexadecimal digits.
func unpackRecentHex(r *[backoffice.RecentDays]uint16, digits string, newest, today backoffice.Day) {
	if len(digits) != 4*backoffice.RecentDays {
		return
	}
	shift := int(today - newest)
	for i := range r {
		if j := i + shift; j >= 0 && j < backoffice.RecentDays {
			d := digits[4*j : 4*j+4]
			r[i] = uint16(hexDigit(d[0]))<<4 | uint16(hexDigit(d[1])) | uint16(hexDigit(d[2]))<<12 | uint16(hexDigit(d[3]))<<8
		}
	}
}

func hexDigit(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	if c >= 'A' {
		return c - 'A' + 10
	}
	return c - '0'
}

// visitDays returns the days on which an account was visited, in ascending order.
func (t *tx) visitDays(account int64) ([]backoffice.Day, error) {
	rows, err := t.rows(t.ctx, `SELECT DISTINCT day FROM visits WHERE account_key = $1 ORDER BY day`, account)
	return collect(rows, err, func(r rowScanner) (v backoffice.Day, err error) { err = r.Scan(&v); return })
}

// recountEngagement makes the engagement row of an account anew from its
// memberships and visits, when it comes back from the bin.
func (t *tx) recountEngagement(account int64) error {
	var users, visits, last, day int64
	if err := t.get(`SELECT (SELECT COUNT(*) FROM memberships WHERE account_key = $1),
		(SELECT COALESCE(MAX(last_visit_at), 0) FROM (SELECT last_visit_at FROM memberships WHERE account_key = $1
			UNION ALL SELECT last_visit_at FROM former_members WHERE account_key = $1) l),
		(SELECT COUNT(*) FROM visits WHERE account_key = $1), (SELECT COALESCE(MAX(day), 0) FROM visits WHERE account_key = $1)`, account).
		Scan(&users, &last, &visits, &day); err != nil {
		return err
	}
	last = max(last, backoffice.Day(day).Start().UnixMicro())
	recent, err := recentVisits(t.ctx, t, account, backoffice.Day(day))
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO engagement (account_key, users, visits, last_visit_at, recent_day, recent) VALUES ($1, $2, $3, $4, $5, $6)`,
		account, users, visits, last, day, packRecent(recent))
	return err
}

func recentVisits(ctx context.Context, r reader, account int64, newest backoffice.Day) (out [backoffice.RecentDays]uint16, err error) {
	days, err := visitsByDay(ctx, r, account, newest-backoffice.RecentDays+1, newest)
	for _, d := range days {
		out[backoffice.RecentDays-1-int(newest-d.Day)] = uint16(min(d.Visits, 65535))
	}
	return out, err
}

func visitsByDay(ctx context.Context, r reader, account int64, from, to backoffice.Day) ([]backoffice.VisitDay, error) {
	rows, err := r.rows(ctx, `SELECT day, COUNT(*) FROM visits WHERE account_key = $1 AND day BETWEEN $2 AND $3 GROUP BY day ORDER BY day`,
		account, int64(from), int64(to))
	return collect(rows, err, func(r rowScanner) (v backoffice.VisitDay, err error) { err = r.Scan(&v.Day, &v.Visits); return })
}

// VisitsByDay returns an account's visits on the days from from to to, days
// without left out.
func (s *Store) VisitsByDay(ctx context.Context, accountKey int64, from, to backoffice.Day) ([]backoffice.VisitDay, error) {
	return visitsByDay(ctx, s.query(), accountKey, from, to)
}
