package store

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"steward/backoffice"
)

// importedVisits are visits of one account as a plan keeps them.
type importedVisits struct {
	emails []string
	days   []backoffice.Day // in ascending order
	users  []int            // number of the visit's user in emails
}

// decodeVisits reads what encodeVisits wrote.
func decodeVisits(b []byte) (v importedVisits, err error) {
	next := func() int {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			err = errors.New("visits of a plan are cut short")
			return 0
		}
		b = b[size:]
		return int(n)
	}
	for n := next(); n > 0 && err == nil; n-- {
		length := next()
		if length > len(b) {
			return v, errors.New("visits of a plan are cut short")
		}
		v.emails = append(v.emails, string(b[:length]))
		b = b[length:]
	}
	day := 0
	for n := next(); n > 0 && err == nil; n-- {
		day += next()
		u := next()
		if u >= len(v.emails) {
			return v, errors.New("visits of a plan name no user")
		}
		v.days, v.users = append(v.days, backoffice.Day(day)), append(v.users, u)
	}
	return v, err
}

var (
	insertVisitsBulk = newRowList(`INSERT INTO visits (account_key, day, user_key) VALUES `, plainTuple(3), ``, 0)
	addVisitsBulk    = newRowList(`WITH v (key, n, last) AS (VALUES `, []string{"CAST($ AS BIGINT)", "CAST($ AS BIGINT)", "CAST($ AS BIGINT)"},
		`) UPDATE memberships SET visits = visits + v.n, status = CASE WHEN disabled THEN status ELSE 'activated' END,
			last_visit_at = CASE WHEN last_visit_at < v.last THEN v.last ELSE last_visit_at END FROM v WHERE memberships.key = v.key`, 0)
)

func (t *tx) applyVisits(list []*applyRow) error {
	decoded := make([]importedVisits, len(list))
	ids := make([]string, len(list))
	var emails []string
	for i, row := range list {
		var err error
		if decoded[i], err = decodeVisits(row.data); err != nil {
			return err
		}
		emails = append(emails, decoded[i].emails...)
		ids[i] = row.subject
	}
	users, err := t.keysByText(lookupUserKeys, emails)
	if err != nil {
		return err
	}
	accounts, err := t.accountBirths(ids)
	if err != nil {
		return err
	}
	var wanted []accountUser
	for i, v := range decoded {
		for _, e := range v.emails {
			wanted = append(wanted, accountUser{accounts[ids[i]].key, users[e]})
		}
	}
	members, err := t.pairs(wanted)
	if err != nil {
		return err
	}
	batch := &visitBatch{t: t, members: map[int64]*memberVisits{}, accounts: map[int64]*visitedAccount{}, waiting: map[int64]bool{}}
	var keys []int64
	for _, id := range ids {
		if a := accounts[id]; a.key != 0 && batch.accounts[a.key] == nil {
			batch.accounts[a.key] = &visitedAccount{}
			keys = append(keys, a.key)
		}
	}
	if err := lookup(t.ctx, t, lookupVisited, keys, func(r rowScanner) error {
		var key int64
		a := visitedAccount{}
		err := r.Scan(&key, &a.created, &a.last, &a.visits, &a.day, &a.packed)
		*batch.accounts[key] = a
		return err
	}); err != nil {
		return err
	}
	for i, row := range list {
		account := accounts[ids[i]]
		if account.key == 0 {
			row.did, row.reason = backoffice.ImportRefused, "The account is not there any more."
			continue
		}
		if err := batch.apply(row, account, decoded[i], users, members); err != nil {
			return err
		}
	}
	return batch.flush()
}

type memberVisits struct{ n, last int64 }

// visitBatch gathers the visits of some rows, to write them together.
type visitBatch struct {
	t        *tx
	args     []any                     // of the visits
	saved    []any                     // of what the accounts' visits add up to
	accounts map[int64]*visitedAccount // by key
	members  map[int64]*memberVisits   // by membership
	order    []int64
	waiting  map[int64]bool // accounts whose visits are not written yet
}

// apply writes those visits of a row that are not there yet.
func (b *visitBatch) apply(row *applyRow, account accountBirth, v importedVisits, users map[string]int64, members map[accountUser]storedMembership) error {
	t := b.t
	const w = backoffice.ActiveDays
	if b.waiting[account.key] {
		if err := b.flush(); err != nil {
			return err
		}
	}
	a := b.accounts[account.key]
	first, final := v.days[0], v.days[len(v.days)-1]
	type dayUser struct {
		day  backoffice.Day
		user int64
	}
	there := map[dayUser]bool{}
	var had []backoffice.Day
	if a.visits > 0 {
		// The days around tell which windows were active already.
		rows, err := t.rows(t.ctx, `SELECT day, user_key FROM visits WHERE account_key = $1 AND day BETWEEN $2 AND $3 ORDER BY day`,
			account.key, int64(first-w), int64(final+w))
		if err := eachRow(rows, err, func(r rowScanner) error {
			var d dayUser
			err := r.Scan(&d.day, &d.user)
			there[d] = true
			if len(had) == 0 || had[len(had)-1] != d.day {
				had = append(had, d.day)
			}
			return err
		}); err != nil {
			return err
		}
	}
	newest := max(a.day, final)
	recent := unpackRecent(a.packed, a.day, newest)
	all := slices.Clone(had)
	var skipped []int
	exact := map[int]int64{}
	var added int64
	for i, day := range v.days {
		user := users[v.emails[v.users[i]]]
		m, ok := members[accountUser{account.key, user}]
		if !ok || there[dayUser{day, user}] {
			skipped = append(skipped, i)
			if ok {
				row.there++
			} else {
				row.gone++
			}
			continue
		}
		b.args = append(b.args, account.key, int64(day), user)
		added++
		at := day.Start().UnixMicro()
		if m.last != 0 && m.last < at && m.last%dayMicros != 0 {
			exact[v.users[i]] = m.last
		}
		mv := b.members[m.key]
		if mv == nil {
			mv = &memberVisits{}
			b.members[m.key] = mv
			b.order = append(b.order, m.key)
		}
		mv.n++
		mv.last = max(mv.last, at)
		a.last = max(a.last, at)
		if len(all) == 0 || all[len(all)-1] != day {
			all = append(all, day)
		}
		if back := newest - day; back < backoffice.RecentDays {
			c := &recent[backoffice.RecentDays-1-int(back)]
			*c = uint16(min(int64(*c)+1, 65535))
		}
	}
	row.did = backoffice.ImportCreate
	if len(skipped)+len(exact) > 0 {
		row.undo = undoVisits{skipped, exact}.encode()
	}
	if added == 0 {
		row.did = backoffice.ImportUnchanged
		return nil
	}
	slices.Sort(all)
	t.kpi.countActive(account.created, had, -1)
	t.kpi.countActive(account.created, slices.Compact(all), 1)
	b.waiting[account.key] = true
	a.visits, a.day, a.packed = a.visits+added, newest, packRecent(recent)
	b.saved = append(b.saved, account.key, a.visits, a.last, int64(a.day), a.packed)
	return nil
}

// flush writes the visits, and counts them to their memberships.
func (b *visitBatch) flush() error {
	if err := insertVisitsBulk.exec(b.t, nil, b.args); err != nil {
		return err
	}
	var args []any
	for _, key := range b.order {
		args = append(args, key, b.members[key].n, b.members[key].last)
	}
	clear(b.members)
	clear(b.waiting)
	if err := saveVisited[b.t.s.dialect.engine.SQLite].exec(b.t, nil, b.saved); err != nil {
		return err
	}
	b.args, b.saved, b.order = b.args[:0], b.saved[:0], b.order[:0]
	return addVisitsBulk.exec(b.t, nil, args)
}

const dayMicros = int64(24 * time.Hour / time.Microsecond)

// undoVisits is what the undo of a row of visits has to know beside the row:
// which ones it did not bring, in ascending order, and of users who were last
// seen at an exact time, by their number, that time.
type undoVisits struct {
	skipped []int
	exact   map[int]int64
}

func (u undoVisits) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(len(u.skipped)))
	for _, n := range u.skipped {
		b = binary.AppendUvarint(b, uint64(n))
	}
	for user, at := range u.exact {
		b = binary.AppendUvarint(b, uint64(user))
		b = binary.AppendUvarint(b, uint64(at))
	}
	return b
}

// decodeUndoVisits reads what encode wrote; nothing is the zero value.
func decodeUndoVisits(b []byte) (u undoVisits, err error) {
	u.exact = map[int]int64{}
	if len(b) == 0 {
		return u, nil
	}
	next := func() uint64 {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			err = errors.New("the undo of visits is cut short")
			return 0
		}
		b = b[size:]
		return n
	}
	for n := next(); n > 0 && err == nil; n-- {
		u.skipped = append(u.skipped, int(next()))
	}
	for len(b) > 0 && err == nil {
		user := int(next())
		u.exact[user] = int64(next())
	}
	return u, err
}
