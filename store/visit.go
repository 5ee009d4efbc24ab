package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"steward/backoffice"
)

// seen is a visit whose account and user are resolved.
type seen struct {
	account, user int64
	day           backoffice.Day
	at            int64 // microseconds; midnight exactly when only the day is known
}

// writeVisits records visits, folded: one row for each user, account and day,
// one change of each account and membership that they touch. It returns how
// many were new.
func (t *tx) writeVisits(list []seen) (int64, error) {
	slices.SortFunc(list, func(a, b seen) int {
		if a.account != b.account {
			return cmp(a.account, b.account)
		}
		if a.day != b.day {
			return cmp(int64(a.day), int64(b.day))
		}
		return cmp(a.user, b.user)
	})
	var total int64
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].account == list[0].account {
			n++
		}
		added, err := t.writeAccountVisits(list[:n])
		if err != nil {
			return total, err
		}
		total += added
		list = list[n:]
	}
	return total, nil
}

// writeAccountVisits records visits of one account, sorted by day.
func (t *tx) writeAccountVisits(list []seen) (int64, error) {
	account := list[0].account
	var created, lastAt, visits, recentDay int64
	var packed []byte
	if err := t.get(`SELECT a.created_at, e.last_visit_at, e.visits, e.recent_day, e.recent FROM engagement e JOIN accounts a ON a.key = e.account_key
		WHERE e.account_key = $1`, account).Scan(&created, &lastAt, &visits, &recentDay, &packed); err != nil {
		return 0, fmt.Errorf("visits of account: %w", err)
	}
	createdDay := backoffice.DayOf(time.UnixMicro(created))
	lastDay := backoffice.Day(-1)
	if visits > 0 {
		lastDay = backoffice.DayOf(time.UnixMicro(lastAt))
	}
	newest := max(backoffice.Day(recentDay), list[len(list)-1].day)
	recent := unpackRecent(packed, backoffice.Day(recentDay), newest)

	type member struct{ n, last int64 }
	members := map[int64]*member{}
	var added int64
	prev := backoffice.Day(-1 << 30) // the day before this one with a visit, as far as known
	for i := 0; i < len(list); {
		day := list[i].day
		// Neighbours tell which windows become active by this day; they are asked
		// for before the day itself is written.
		var have bool
		var before, after = prev, backoffice.Day(1 << 30)
		if day <= lastDay {
			var b, a int64
			if err := t.get(`SELECT EXISTS (SELECT 1 FROM visits WHERE account_key = $1 AND day = $2),
				COALESCE((SELECT MAX(day) FROM visits WHERE account_key = $1 AND day < $2), -1000000),
				COALESCE((SELECT MIN(day) FROM visits WHERE account_key = $1 AND day > $2), 1000000)`, account, int64(day)).Scan(&have, &b, &a); err != nil {
				return 0, err
			}
			before, after = backoffice.Day(b), backoffice.Day(a)
		} else if lastDay >= 0 {
			before = max(before, lastDay)
		}
		var onDay int64
		for ; i < len(list) && list[i].day == day; i++ {
			v := list[i]
			n, err := t.exec(`INSERT INTO visits (account_key, day, user_key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, account, int64(day), v.user)
			if err != nil {
				return 0, err
			}
			onDay += n
			m := members[v.user]
			if m == nil {
				m = &member{}
				members[v.user] = m
			}
			m.n += n
			m.last = max(m.last, v.at)
			lastAt = max(lastAt, v.at)
		}
		prev = day
		if onDay == 0 {
			continue
		}
		added += onDay
		if !have {
			const w = backoffice.ActiveDays
			lo, hi := max(day, before+w, createdDay), min(day+w-1, after-1)
			if lo <= hi {
				t.kpi.step(lo, 1)
				t.kpi.step(hi+1, -1)
			}
		}
		if back := newest - day; back < backoffice.RecentDays {
			c := &recent[backoffice.RecentDays-1-int(back)]
			*c = uint16(min(int64(*c)+onDay, 65535))
		}
	}
	for user, m := range members {
		if _, err := t.exec(`UPDATE memberships SET visits = visits + $1, status = 'activated',
			last_visit_at = CASE WHEN last_visit_at < $2 THEN $2 ELSE last_visit_at END WHERE account_key = $3 AND user_key = $4`,
			m.n, m.last, account, user); err != nil {
			return 0, err
		}
	}
	return added, t.one(`UPDATE engagement SET visits = $1, last_visit_at = $2, recent_day = $3, recent = $4 WHERE account_key = $5`,
		visits+added, lastAt, int64(newest), packRecent(recent), account)
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
		(SELECT COALESCE(MAX(last_visit_at), 0) FROM memberships WHERE account_key = $1),
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

// VisitProblem says why the visit at Index of a batch was refused.
type VisitProblem struct {
	Index  int    `json:"index"`
	Field  string `json:"field"` // account_id, email, user_id or at
	Reason string `json:"reason"`
}

// VisitProblems is the error of RecordVisits: all visits that were refused.
// Nothing of the batch was recorded.
type VisitProblems []VisitProblem

func (p VisitProblems) Error() string { return fmt.Sprintf("%d visits refused", len(p)) }

// MaxVisits is how many visits a batch may have.
const MaxVisits = 1000

// RecordVisits records a batch of visits, all or none; the same visits again
// change nothing. It returns how many were new. Errors: VisitProblems.
func (s *Store) RecordVisits(ctx context.Context, actor backoffice.Actor, visits []backoffice.Visit) (int64, error) {
	var added int64
	err := s.update(ctx, actor, func(t *tx) error {
		list, problems, err := t.resolveVisits(visits)
		if err != nil {
			return err
		}
		if len(problems) > 0 {
			return problems
		}
		added, err = t.writeVisits(list)
		return err
	})
	return added, err
}

// resolveVisits finds the accounts and users that visits name.
func (t *tx) resolveVisits(visits []backoffice.Visit) ([]seen, VisitProblems, error) {
	var problems VisitProblems
	list := make([]seen, 0, len(visits))
	accounts := map[string]int64{}
	type who struct {
		account int64
		user    string
	}
	users := map[who]seen{}
	for i, v := range visits {
		refuse := func(field, reason string) { problems = append(problems, VisitProblem{i, field, reason}) }
		account, ok := accounts[v.AccountID]
		if !ok {
			err := t.get(`SELECT key FROM accounts WHERE id = $1 AND deleted_at IS NULL`, v.AccountID).Scan(&account)
			if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
				return nil, nil, err
			}
			accounts[v.AccountID] = account
		}
		if account == 0 {
			refuse("account_id", "no account has this ID")
			continue
		}
		field, arg := "user_id", v.UserID
		text := `SELECT u.key, u.locked, m.disabled FROM users u LEFT JOIN memberships m ON m.user_key = u.key AND m.account_key = $1 WHERE u.id = $2`
		if v.UserID == "" {
			field = "email"
			email, err := backoffice.ParseEmail(v.Email)
			if err != nil {
				refuse(field, err.Error())
				continue
			}
			arg = string(email)
			text = strings.Replace(text, "u.id", "u.email", 1)
		}
		found, ok := users[who{account, arg}]
		if !ok {
			var locked bool
			var disabled *bool
			err := t.get(text, account, arg).Scan(&found.user, &locked, &disabled)
			switch {
			case errors.Is(err, backoffice.ErrNotFound) || err == nil && disabled == nil:
				refuse(field, "no user of the account")
				continue
			case err != nil:
				return nil, nil, err
			case locked:
				refuse(field, "the user is locked")
				continue
			case *disabled:
				refuse(field, "the membership is disabled")
				continue
			}
			found.account = account
			users[who{account, arg}] = found
		}
		if v.At.After(t.now) {
			refuse("at", "lies after now")
			continue
		}
		if v.At.Unix() < 0 {
			refuse("at", "lies before 1970")
			continue
		}
		found.day, found.at = backoffice.DayOf(v.At), v.At.UnixMicro()
		list = append(list, found)
	}
	return list, problems, nil
}
