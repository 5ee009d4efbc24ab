package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"steward/backoffice"
)

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
//
// Who was seen is found beside the writer, and batches that wait for it are
// written together. Visits are no events of the trail, so that the unit of work
// is nobody's.
func (s *Store) RecordVisits(ctx context.Context, _ backoffice.Actor, visits []backoffice.Visit) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	version, err := s.identitiesVersion(ctx)
	if err != nil {
		return 0, err
	}
	s.known.at(version)
	r := &report{visits: visits, names: s.known.names(visits), seen: make([]seen, len(visits)), version: version, ended: make(chan struct{})}
	now := s.Now()
	if s.known.find(version, r.names, visits, now, r.seen) {
		return 0, nil
	}
	// What is found here holds only if identities stand at the version still when
	// it is written, and so they do at a refusal.
	problems, err := resolveVisits(ctx, s.query(), now, visits, r.seen)
	if err != nil {
		return 0, err
	}
	if len(problems) > 0 {
		return 0, problems
	}
	if !slices.ContainsFunc(r.seen, func(v seen) bool { return !v.known }) {
		if after, err := s.identitiesVersion(ctx); err != nil || after == version {
			s.known.add(version, r.names, r.seen)
			return 0, err
		}
	}
	return s.reports.do(ctx, s, r)
}

// report is a batch of visits on its way to the writer.
type report struct {
	visits  []backoffice.Visit
	names   []visitName
	seen    []seen // as found while identities stood at version
	version int64

	added    int64
	err      error
	panicked any
	ended    chan struct{}
}

// reports are the batches that wait. Those that do are written by one unit of
// work: it folds what they have in common.
type reports struct {
	mu      sync.Mutex
	waiting []*report
	running bool
}

// groupReports bounds how long a unit of work keeps others waiting.
const groupReports = 8

func (q *reports) do(ctx context.Context, s *Store, r *report) (int64, error) {
	q.mu.Lock()
	q.waiting = append(q.waiting, r)
	if !q.running {
		q.running = true
		go q.run(s)
	}
	q.mu.Unlock()
	select {
	case <-r.ended:
	case <-ctx.Done():
		if q.withdraw(r) {
			return 0, ctx.Err()
		}
		<-r.ended
	}
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.added, r.err
}

// take returns the reports whose turn it is.
func (q *reports) take() []*report {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), groupReports)
	list := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return list
}

// withdraw takes back a report that nobody has begun with.
func (q *reports) withdraw(r *report) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, r)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// run writes what waits until nothing does.
func (q *reports) run(s *Store) {
	for {
		q.mu.Lock()
		q.running = len(q.waiting) > 0
		more := q.running
		q.mu.Unlock()
		if !more {
			return
		}
		list, err := s.writeReports(q.take)
		if err != nil && len(list) > 1 {
			for _, r := range list { // what befell one of them is not the others' fault
				s.writeReports(func() []*report { return []*report{r} })
			}
		}
		for _, r := range list {
			close(r.ended)
		}
	}
}

// writeReports writes the batches that take returns in one unit of work; it is
// asked when the unit begins. Each batch says how it ended.
func (s *Store) writeReports(take func() []*report) (list []*report, err error) {
	var version int64
	err = func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = errors.New("a unit of work panicked")
				for _, r := range list {
					r.panicked = p
				}
			}
		}()
		return s.update(context.Background(), backoffice.System(), func(t *tx) (err error) {
			list = take()
			for _, r := range list {
				r.added, r.err, r.panicked = 0, nil, nil
			}
			if len(list) > 0 {
				version, err = t.writeReports(list)
			}
			return err
		})
	}()
	if err != nil && list == nil { // it has not even begun
		list = take()
	}
	for _, r := range list {
		switch {
		case err != nil:
			r.err = err
		case r.err == nil:
			s.known.add(version, r.names, r.seen)
		}
	}
	return list, err
}

// writeReports writes those batches in which nothing is refused, and returns the
// version of identities.
func (t *tx) writeReports(list []*report) (int64, error) {
	var version int64
	if err := t.get(selectIdentities).Scan(&version); err != nil {
		return 0, err
	}
	var all []seen
	for _, r := range list {
		if r.version != version {
			clear(r.seen)
			problems, err := resolveVisits(t.ctx, t, t.now, r.visits, r.seen)
			if err != nil {
				return 0, err
			}
			if len(problems) > 0 {
				r.err = problems
				continue
			}
		}
		for _, v := range r.seen {
			if !v.known {
				all = append(all, v)
			}
		}
	}
	inserted, err := t.writeVisits(all)
	if err != nil {
		return 0, err
	}
	for _, r := range list {
		if r.err != nil {
			continue
		}
		for _, v := range r.seen {
			// The first that told of a visit has recorded it.
			if row := (visitRow{v.account, v.day, v.user}); inserted[row] {
				inserted[row] = false
				r.added++
			}
		}
	}
	return version, nil
}

var (
	lookupVisitAccounts = inList(`SELECT key, id FROM accounts WHERE deleted_at IS NULL AND id`, ``)
	lookupVisitEmails   = inList(`SELECT key, email, locked FROM users WHERE deleted_at IS NULL AND email`, ``)
	lookupVisitUsers    = inList(`SELECT key, id, locked FROM users WHERE deleted_at IS NULL AND id`, ``)
	lookupVisitMembers  = newRowList(`WITH wanted (account_key, user_key) AS (VALUES `, []string{"CAST($ AS BIGINT)", "CAST($ AS BIGINT)"},
		`) SELECT m.account_key, m.user_key, m.key, m.disabled, CASE WHEN m.visits > 0 THEN m.last_visit_at ELSE 0 END
		FROM wanted w CROSS JOIN memberships m WHERE m.account_key = w.account_key AND m.user_key = w.user_key`, 0)
)

// resolveVisits finds the accounts, users and memberships that visits name, and
// fills those of list that are not found yet. It returns the visits that are
// refused.
func resolveVisits(ctx context.Context, q reader, now time.Time, visits []backoffice.Visit, list []seen) (VisitProblems, error) {
	var problems VisitProblems
	refuse := func(i int, field, reason string) { problems = append(problems, VisitProblem{i, field, reason}) }
	type person struct {
		key    int64
		locked bool
	}
	var ids, emails, users []string
	accounts := map[string]int64{}
	people := map[string]person{} // by address, or byID and the ID
	const byID = "\x00"
	named := make([]string, len(visits)) // the keys in people; "" where the address is none
	for i, v := range visits {
		if list[i].member != 0 {
			continue
		}
		if _, ok := accounts[v.AccountID]; !ok {
			accounts[v.AccountID] = 0
			ids = append(ids, v.AccountID)
		}
		who := byID + v.UserID
		if v.UserID == "" {
			email, err := backoffice.ParseEmail(v.Email)
			if err != nil {
				refuse(i, "email", err.Error())
				continue
			}
			who = string(email)
		}
		named[i] = who
		if _, ok := people[who]; !ok {
			people[who] = person{}
			if v.UserID == "" {
				emails = append(emails, who)
			} else {
				users = append(users, v.UserID)
			}
		}
	}
	if err := lookup(ctx, q, lookupVisitAccounts, ids, func(r rowScanner) error {
		var key int64
		var id string
		err := r.Scan(&key, &id)
		accounts[id] = key
		return err
	}); err != nil {
		return nil, err
	}
	for _, l := range []struct {
		text, prefix string
		names        []string
	}{{lookupVisitEmails, "", emails}, {lookupVisitUsers, byID, users}} {
		if err := lookup(ctx, q, l.text, l.names, func(r rowScanner) error {
			var name string
			var p person
			err := r.Scan(&p.key, &name, &p.locked)
			people[l.prefix+name] = p
			return err
		}); err != nil {
			return nil, err
		}
	}
	type member struct {
		key, last int64
		disabled  bool
	}
	members := map[accountUser]*member{}
	var args []any
	for i, v := range visits {
		if list[i].member != 0 {
			continue
		}
		pair := accountUser{accounts[v.AccountID], people[named[i]].key}
		if _, ok := members[pair]; !ok && pair.account != 0 && pair.user != 0 {
			members[pair] = nil
			args = append(args, pair.account, pair.user)
		}
	}
	if err := lookupVisitMembers.query(ctx, q, nil, args, func(r rowScanner) error {
		var pair accountUser
		m := &member{}
		err := r.Scan(&pair.account, &pair.user, &m.key, &m.disabled, &m.last)
		members[pair] = m
		return err
	}); err != nil {
		return nil, err
	}
	// Who is no member, or switched off as one, may come in by a grant.
	outsiders := map[accountUser]bool{}
	for pair, m := range members {
		if m == nil || m.disabled {
			standing, err := standingIn(ctx, q, now, pair.user, pair.account)
			if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
				return nil, err
			}
			outsiders[pair] = standing.Granted
		}
	}
	for i, v := range visits {
		field := "user_id"
		if v.UserID == "" {
			field = "email"
		}
		var account int64
		var who person
		var m *member
		found := list[i].member != 0
		if !found {
			account, who = accounts[v.AccountID], people[named[i]]
			m = members[accountUser{account, who.key}]
		}
		switch {
		case !found && named[i] == "": // refused above
		case !found && account == 0:
			refuse(i, "account_id", "no account has this ID")
		case !found && m == nil && !outsiders[accountUser{account, who.key}]:
			refuse(i, field, "no user of the account")
		case who.locked:
			refuse(i, field, "the user is locked")
		case !found && m != nil && m.disabled && !outsiders[accountUser{account, who.key}]:
			refuse(i, field, "the membership is disabled")
		case v.At.After(now):
			refuse(i, "at", "lies after now")
		case v.At.Unix() < 0:
			refuse(i, "at", "lies before 1970")
		case !found:
			at := v.At.UnixMicro()
			if m == nil {
				list[i] = seen{account: account, user: who.key, day: microDay(at), at: at}
				continue
			}
			list[i] = seen{account: account, user: who.key, member: m.key, day: microDay(at), at: at, last: m.last, known: m.last != 0 && at <= m.last && microDay(at) == microDay(m.last)}
		}
	}
	slices.SortFunc(problems, func(a, b VisitProblem) int { return a.Index - b.Index })
	return problems, nil
}
