package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"steward/backoffice"
)

// DemoOptions say which demo data to make.
type DemoOptions struct {
	Accounts int
	Seed     uint64
	At       time.Time             // the instant that it ends with; zero: now
	Progress func(done, total int) // called now and then; nil: not
}

// DemoCounts is what was made.
type DemoCounts struct {
	Accounts, Users, Memberships, Visits int64
	At                                   time.Time
}

// Errors of FillDemo.
var (
	ErrNotEmpty = errors.New("the database already has accounts or users")
	ErrFuture   = errors.New("the instant lies in the future")
)

// demoBatch is how many accounts are in memory at once, a few times over.
const demoBatch = 500

// demoAccount is an account that is ready to be written.
type demoAccount struct {
	backoffice.DemoAccount
	sort, search string
}

// FillDemo fills an empty database with believable accounts, users and visits:
// the same options always give the same data. It is one unit of work, so that
// other writers wait for its end. Errors: ErrNotEmpty, ErrFuture.
func (s *Store) FillDemo(ctx context.Context, actor backoffice.Actor, o DemoOptions) (DemoCounts, error) {
	if o.At.IsZero() {
		o.At = s.Now()
	}
	counts := DemoCounts{At: o.At.UTC()}
	if o.At.After(s.Now()) {
		return counts, ErrFuture
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := s.update(ctx, actor, func(t *tx) error {
		var have bool
		if err := t.get(`SELECT EXISTS (SELECT 1 FROM accounts) OR EXISTS (SELECT 1 FROM users)`).Scan(&have); err != nil {
			return err
		}
		if have {
			return ErrNotEmpty
		}
		w, err := t.demoWriter(&counts)
		if err != nil {
			return err
		}
		if err := t.inBulk(func() error {
			for batch := range makeDemo(ctx, o) {
				if err := w.write(batch); err != nil {
					return err
				}
				if o.Progress != nil {
					o.Progress(int(counts.Accounts), o.Accounts)
				}
			}
			return ctx.Err()
		}); err != nil {
			return err
		}
		if err := t.afterKeys("accounts", "users", "memberships"); err != nil {
			return err
		}
		return t.record(event{action: "demo.created", kind: "environment", name: "Demo data", after: map[string]any{
			"accounts": counts.Accounts, "users": counts.Users, "memberships": counts.Memberships, "visits": counts.Visits,
			"seed": o.Seed, "at": o.At.UTC().Format(time.RFC3339)}})
	})
	return counts, err
}

// makeDemo thinks the accounts up beside the writing.
func makeDemo(ctx context.Context, o DemoOptions) <-chan []demoAccount {
	batches := make(chan []demoAccount, 2)
	go func() {
		defer close(batches)
		d := backoffice.NewDemo(o.Accounts, o.Seed, o.At)
		for {
			batch := make([]demoAccount, 0, demoBatch)
			for len(batch) < demoBatch {
				a, ok := d.Next()
				if !ok {
					break
				}
				sort, search := accountKeys(a.Name, a.ID)
				batch = append(batch, demoAccount{a, sort, search})
			}
			if len(batch) == 0 {
				return
			}
			select {
			case batches <- batch:
			case <-ctx.Done():
				return
			}
		}
	}()
	return batches
}

// demoWriter writes accounts with keys that ascend, all tables in the order of
// their keys.
type demoWriter struct {
	t                                                       *tx
	counts                                                  *DemoCounts
	users, accounts, engagement, memberships, roles, visits *bulk
	first                                                   []int64 // key of each account's first user, 0 without
	admin, readOnly                                         int64
}

func (t *tx) demoWriter(counts *DemoCounts) (*demoWriter, error) {
	w := &demoWriter{t: t, counts: counts,
		users:       t.bulk("users", "key, "+newUserColumns.names(""), ""),
		accounts:    t.bulk("accounts", "key, "+accountColumns.names("")+", name_sort, search", ""),
		engagement:  t.bulk("engagement", "account_key, users, visits, last_visit_at, recent_day, recent", ""),
		memberships: t.bulk("memberships", "key, account_key, user_key, status, disabled, created_at, counted_at, last_visit_at, visits", ""),
		roles:       t.bulk("membership_roles", "membership_key, role_key", ""),
		visits:      t.bulk("visits", "account_key, day, user_key", ""),
	}
	w.roles.after = w.memberships
	err := t.get(`SELECT key FROM roles WHERE handle = 'admin'`).Scan(&w.admin)
	if err == nil {
		err = t.get(`SELECT key FROM roles WHERE handle = 'read-only'`).Scan(&w.readOnly)
	}
	return w, err
}

func (w *demoWriter) write(batch []demoAccount) error {
	t, c := w.t, w.counts
	firstAccount, firstUser := c.Accounts+1, c.Users+1
	for i := range batch {
		a := &batch[i]
		a.Key = firstAccount + int64(i)
		if a.Parent >= 0 {
			a.ParentKey = int64(a.Parent) + 1
		}
		first := int64(0)
		for j := range a.Users {
			u := &a.Users[j]
			c.Users++
			u.Key = c.Users
			if err := w.users.add(append([]any{u.Key}, newUserColumns.values(&u.User)...)...); err != nil {
				return err
			}
		}
		if len(a.Users) > 0 {
			first = a.Users[0].Key
			if a.PrimaryEmail != "" {
				a.PrimaryUserKey = first
			}
		}
		w.first = append(w.first, first)
	}
	t.kpi.users += c.Users + 1 - firstUser
	if err := w.users.flush(); err != nil {
		return err
	}
	for i := range batch {
		a := &batch[i]
		if err := w.accounts.add(append([]any{a.Key}, accountColumns.values(&a.Account, a.sort, a.search)...)...); err != nil {
			return err
		}
		t.kpi.countAccount(countOf(&a.Account), 1)
	}
	c.Accounts += int64(len(batch))
	if err := w.accounts.flush(); err != nil {
		return err
	}
	for i := range batch {
		if err := w.members(&batch[i]); err != nil {
			return err
		}
	}
	for _, b := range []*bulk{w.engagement, w.memberships, w.roles, w.visits} {
		if err := b.flush(); err != nil {
			return err
		}
	}
	return nil
}

// members writes what hangs on an account: memberships, roles, visits, and
// what these add up to.
func (w *demoWriter) members(a *demoAccount) error {
	t, c := w.t, w.counts
	created := a.CreatedAt.UnixMicro()
	var users, last int64
	member := func(user int64, u *backoffice.DemoUser, roles ...int64) error {
		c.Memberships++
		users++
		at := u.CreatedAt.UnixMicro()
		counted := max(at, created)
		t.kpi.countMembership(counted, 1)
		last = max(last, u.LastVisit)
		if err := w.memberships.add(c.Memberships, a.Key, user, string(u.Status), u.Disabled, at, counted, u.LastVisit, u.Visits); err != nil {
			return err
		}
		for _, r := range roles {
			if r == 0 {
				continue
			}
			if err := w.roles.add(c.Memberships, r); err != nil {
				return err
			}
		}
		return nil
	}
	if a.ParentAdmin && w.first[a.Parent] != 0 {
		u := backoffice.DemoUser{Status: backoffice.PendingLogin}
		u.CreatedAt = a.CreatedAt
		if err := member(w.first[a.Parent], &u, w.admin); err != nil {
			return err
		}
	}
	for j := range a.Users {
		u := &a.Users[j]
		var admin, readOnly int64
		if u.Admin {
			admin = w.admin
		}
		if u.ReadOnly {
			readOnly = w.readOnly
		}
		if err := member(u.Key, u, admin, readOnly); err != nil {
			return err
		}
	}
	var days []backoffice.Day
	for _, v := range a.Visits {
		if n := len(days); n == 0 || days[n-1] != v.Day {
			days = append(days, v.Day)
		}
		if err := w.visits.add(a.Key, int64(v.Day), a.Users[v.User].Key); err != nil {
			return err
		}
	}
	c.Visits += int64(len(a.Visits))
	var newest backoffice.Day
	var packed []byte
	if n := len(days); n > 0 {
		newest = days[n-1]
		var recent [backoffice.RecentDays]uint16
		for i := len(a.Visits) - 1; i >= 0 && newest-a.Visits[i].Day < backoffice.RecentDays; i-- {
			recent[backoffice.RecentDays-1-int(newest-a.Visits[i].Day)]++
		}
		packed = packRecent(recent)
		t.kpi.countActive(created, days, 1)
	}
	return w.engagement.add(a.Key, users, int64(len(a.Visits)), last, int64(newest), packed)
}

// bulkTables are the tables whose further indexes are made anew after a bulk
// insert into an empty database: sorting them once is several times faster than
// finding the place of each row.
const bulkTables = `('accounts', 'engagement', 'memberships', 'membership_roles', 'users', 'user_engagement')`

// bulkCache is the engine's page cache during a bulk insert, in KiB: the
// indexes that hold no two alike cannot be made afterwards.
const bulkCache = 192 << 10

// inBulk runs fill with the engine set up for many rows, in the same unit of
// work: whoever reads sees nothing of it before the end.
func (t *tx) inBulk(fill func() error) (err error) {
	if !t.s.dialect.engine.SQLite {
		return fill()
	}
	set := func(texts ...string) error {
		for _, text := range texts {
			if _, err := t.exec(text); err != nil {
				return err
			}
		}
		return nil
	}
	defer func() {
		if e := set(`PRAGMA cache_size = -2000`); err == nil {
			err = e
		}
	}()
	if err := set(fmt.Sprintf(`PRAGMA cache_size = -%d`, bulkCache)); err != nil {
		return err
	}
	type index struct{ name, text string }
	rows, err := t.rows(t.ctx, `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN `+bulkTables+` ORDER BY name`)
	indexes, err := collect(rows, err, func(r rowScanner) (i index, err error) { err = r.Scan(&i.name, &i.text); return })
	if err != nil {
		return err
	}
	rows, err = t.rows(t.ctx, `SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'tally_%' ORDER BY name`)
	triggers, err := collect(rows, err, func(r rowScanner) (i index, err error) { err = r.Scan(&i.name, &i.text); return })
	if err != nil {
		return err
	}
	for _, i := range indexes {
		if err := set(`DROP INDEX ` + i.name); err != nil {
			return err
		}
	}
	for _, i := range triggers {
		if err := set(`DROP TRIGGER ` + i.name); err != nil {
			return err
		}
	}
	if err := fill(); err != nil {
		return err
	}
	if err := t.tallyUsers(); err != nil {
		return err
	}
	for _, table := range indexedTables {
		if err := t.indexAll(table); err != nil {
			return err
		}
	}
	for _, i := range triggers {
		if err := set(i.text); err != nil {
			return err
		}
	}
	for _, i := range indexes {
		if err := set(i.text); err != nil {
			return err
		}
	}
	return nil
}

// afterKeys has the engine count on behind keys that were given by hand.
func (t *tx) afterKeys(tables ...string) error {
	if t.s.dialect.engine.SQLite {
		return nil
	}
	for _, table := range tables {
		if _, err := t.exec(`SELECT setval(pg_get_serial_sequence('` + table + `', 'key'), GREATEST((SELECT MAX(key) FROM ` + table + `), 1))`); err != nil {
			return err
		}
	}
	return nil
}
