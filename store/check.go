package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"sync"

	"steward/backoffice"
)

// Finding is something that a check found wrong.
type Finding struct {
	What   string // the part of the database
	Detail string // what is wrong with it
	Next   string // what to do about it, a sentence
}

// CheckSummary says how much was checked.
type CheckSummary struct{ Accounts, Users, Memberships, Visits, Events int64 }

const (
	nextDamage  = "Restore a backup with steward restore FILE."
	nextTrail   = "Somebody changed the file past Steward, or the disk did: keep a copy, then restore a backup made before."
	nextCounter = "Report it with this output: a counter and its rows never part by themselves."
	// sameFindings is how many findings of one kind are told one by one.
	sameFindings = 20
	checkChunk   = 2000
	maxAncestors = 32
)

// Check verifies the database as it is at one moment: the engine's own checks,
// the chain of events, that every counter equals what it counts, that the search
// knows every account, and that the accounts form a forest. It tells each
// finding, and reads only. Memory does not grow with the visits; time does.
func (s *Store) Check(ctx context.Context, found func(Finding)) (CheckSummary, error) {
	n, err := s.snapshot(ctx)
	if err != nil {
		return CheckSummary{}, err
	}
	defer n.close()
	c := &check{s: s, r: n, ctx: ctx, tell: found, told: map[string]int{}, kpi: kpiDelta{hours: map[int64]*hourDelta{}, days: map[backoffice.Day]int64{}}}
	// The engine's own look at every page takes half of the time: it goes beside.
	engine := make(chan error, 1)
	go func() { engine <- c.engine() }()
	err = func() error {
		for _, part := range []func() error{c.schema, c.trail, c.accounts, c.forest, c.figures, c.users, c.rest, c.searchIndex} {
			if err := part(); err != nil {
				return err
			}
		}
		return nil
	}()
	if engineErr := <-engine; err == nil {
		err = engineErr
	}
	if err != nil {
		return c.sum, err
	}
	for _, what := range slices.Sorted(maps.Keys(c.told)) {
		if more := c.told[what] - sameFindings; more > 0 {
			found(Finding{what, fmt.Sprintf("%d more findings of this kind", more), nextCounter})
		}
	}
	return c.sum, nil
}

type check struct {
	s    *Store
	r    *snapshot
	ctx  context.Context
	mu   sync.Mutex // tell and told
	tell func(Finding)
	told map[string]int
	sum  CheckSummary

	kpi       kpiDelta // what the counters should hold
	parents   []parentOf
	grams     gramCount // of accounts
	userGrams gramCount
}

func (c *check) found(what, next, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told[what]++; c.told[what] <= sameFindings {
		c.tell(Finding{what, fmt.Sprintf(format, args...), next})
	}
}

// same tells where two numbers differ.
func (c *check) same(what, of string, have, want int64) {
	if have != want {
		c.found(what, nextCounter, "%s is %d, and should be %d", of, have, want)
	}
}

// engine asks SQLite to look at every page, and at every reference.
// PostgreSQL keeps references itself.
func (c *check) engine() error {
	if !c.s.dialect.engine.SQLite {
		return nil
	}
	r, err := c.s.snapshot(c.ctx)
	if err != nil {
		return err
	}
	defer r.close()
	// The full-text index keeps its outline in memory, and the check of integrity
	// does not ask whether somebody else has written; a query does.
	var n int64
	if err := r.row(c.ctx, `SELECT (SELECT COUNT(*) FROM accounts_fts WHERE accounts_fts MATCH '"   "') + (SELECT COUNT(*) FROM users_fts WHERE users_fts MATCH '"   "')`).Scan(&n); err != nil {
		return err
	}
	rows, err := r.rows(c.ctx, `PRAGMA integrity_check(20)`)
	texts, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
	if err != nil {
		return err
	}
	for _, t := range texts {
		if t != "ok" {
			c.found("integrity", nextDamage, "%s", t)
		}
	}
	type ref struct{ table, parent string }
	rows, err = r.rows(c.ctx, `SELECT "table", "parent" FROM pragma_foreign_key_check LIMIT 1000`)
	refs, err := collect(rows, err, func(r rowScanner) (v ref, err error) { err = r.Scan(&v.table, &v.parent); return })
	for _, f := range refs {
		c.found("references", nextDamage, "a row of %s names a row of %s that is not there", f.table, f.parent)
	}
	return err
}

func (c *check) trail() error {
	broken, count, err := verifyEvents(c.ctx, c.r)
	if broken != 0 {
		c.found("audit trail", nextTrail, "entry %d does not follow from the one before it", broken)
	}
	c.sum.Events = count
	return err
}

// checkedAccount is a row of accounts with its engagement.
type checkedAccount struct {
	key, created, parent, primary   int64
	id, name, nameSort, search      string
	primaryEmail, metadata, logoTag string
	binned, reseller, company, logo bool

	userEmail                      string
	engaged                        bool
	users, visits, last, recentDay int64
	recent                         []byte
}

// accounts walks accounts, memberships and visits side by side, in the order of
// the accounts' keys, a chunk of accounts at a time.
func (c *check) accounts() error {
	const most = int64(1)<<62 - 1
	for low := int64(-1) << 62; ; {
		rows, err := c.r.rows(c.ctx, `SELECT a.key, a.id, a.name, a.name_sort, a.search, a.created_at, a.deleted_at IS NOT NULL, COALESCE(a.parent_key, 0),
			a.is_reseller, COALESCE(a.primary_user_key, 0), a.primary_email, a.company_domain, a.metadata, a.logo_tag, COALESCE(u.email, ''), l.account_key IS NOT NULL,
			e.account_key IS NOT NULL, COALESCE(e.users, 0), COALESCE(e.visits, 0), COALESCE(e.last_visit_at, 0), COALESCE(e.recent_day, 0), e.recent
			FROM accounts a LEFT JOIN engagement e ON e.account_key = a.key LEFT JOIN users u ON u.key = a.primary_user_key
			LEFT JOIN account_logos l ON l.account_key = a.key WHERE a.key > $1 ORDER BY a.key LIMIT $2`, low, checkChunk)
		list, err := collect(rows, err, func(r rowScanner) (a checkedAccount, err error) {
			err = r.Scan(&a.key, &a.id, &a.name, &a.nameSort, &a.search, &a.created, &a.binned, &a.parent, &a.reseller, &a.primary, &a.primaryEmail,
				&a.company, &a.metadata, &a.logoTag, &a.userEmail, &a.logo, &a.engaged, &a.users, &a.visits, &a.last, &a.recentDay, &a.recent)
			return
		})
		if err != nil {
			return err
		}
		high := most
		if len(list) == checkChunk {
			high = list[len(list)-1].key
		}
		if err := c.chunk(list, low, high); err != nil {
			return err
		}
		if high == most {
			return nil
		}
		low = high
	}
}

type checkedMember struct{ account, key, user, created, counted, visits, last int64 }

func (c *check) chunk(list []checkedAccount, low, high int64) error {
	rows, err := c.r.rows(c.ctx, `SELECT account_key, key, user_key, created_at, COALESCE(counted_at, -1), visits, last_visit_at FROM memberships
		WHERE account_key > $1 AND account_key <= $2 ORDER BY account_key, user_key`, low, high)
	members, err := collect(rows, err, func(r rowScanner) (m checkedMember, err error) {
		err = r.Scan(&m.account, &m.key, &m.user, &m.created, &m.counted, &m.visits, &m.last)
		return
	})
	if err != nil {
		return err
	}
	rows, err = c.r.rows(c.ctx, `SELECT account_key, day, user_key FROM visits WHERE account_key > $1 AND account_key <= $2
		ORDER BY account_key, day, user_key`, low, high)
	if err != nil {
		return err
	}
	defer rows.Close()
	var account, day, user int64
	more := rows.Next()
	if more {
		if err := rows.Scan(&account, &day, &user); err != nil {
			return err
		}
	}
	byUser := map[int64]int64{}
	var days []backoffice.Day
	var perDay []int64
	for _, a := range list {
		clear(byUser)
		days, perDay = days[:0], perDay[:0]
		var lastUsers []int64
		for ; more && account <= a.key; more = rows.Next() && rows.Scan(&account, &day, &user) == nil {
			c.sum.Visits++
			if account != a.key {
				c.found("visits", nextCounter, "a visit names the account with key %d, which is not there", account)
				continue
			}
			byUser[user]++
			if d := backoffice.Day(day); len(days) == 0 || days[len(days)-1] != d {
				days, perDay, lastUsers = append(days, d), append(perDay, 0), lastUsers[:0]
			}
			perDay[len(perDay)-1]++
			lastUsers = append(lastUsers, user)
		}
		n := 0
		for n < len(members) && members[n].account <= a.key {
			n++
		}
		c.account(a, members[:n], byUser, days, perDay, lastUsers)
		members = members[n:]
	}
	for ; more; more = rows.Next() && rows.Scan(&account, &day, &user) == nil {
		c.sum.Visits++
		c.found("visits", nextCounter, "a visit names the account with key %d, which is not there", account)
	}
	return c.s.fail(rows.Err())
}

// account compares one account with its memberships and visits, and adds it to
// what the counters should hold.
func (c *check) account(a checkedAccount, members []checkedMember, byUser map[int64]int64, days []backoffice.Day, perDay, lastUsers []int64) {
	c.sum.Accounts++
	if a.parent != 0 {
		c.parents = append(c.parents, parentOf{key: a.key, parent: a.parent, live: !a.binned})
	}
	nameSort, search := accountKeys(a.name, a.id)
	if a.nameSort != nameSort || a.search != search {
		c.found("search text", nextCounter, "account %s is sorted and searched by another text than its name and ID give", a.id)
	}
	if a.primaryEmail != a.userEmail {
		c.found("primary users", nextCounter, "account %s shows %q, its primary user has %q", a.id, a.primaryEmail, a.userEmail)
	}
	if company := a.primaryEmail != "" && backoffice.IsCompanyDomain(backoffice.Email(a.primaryEmail).Domain()); company != a.company {
		c.found("company domains", nextCounter, "account %s: company domain is %t, and should be %t", a.id, a.company, company)
	}
	if a.logo != (a.logoTag != "") {
		c.found("logos", nextCounter, "account %s: its logo and the mark of it disagree", a.id)
	}
	if !json.Valid([]byte(a.metadata)) {
		c.found("metadata", nextCounter, "account %s: not JSON", a.id)
	}

	var memberLast int64
	var isMember = map[int64]bool{}
	for _, m := range members {
		c.sum.Memberships++
		memberLast = max(memberLast, m.last)
		isMember[m.user] = true
		if m.visits != byUser[m.user] {
			c.found("membership visits", nextCounter, "membership %d in account %s: visits is %d, and should be %d", m.key, a.id, m.visits, byUser[m.user])
		}
		counted := max(m.created, a.created)
		if a.binned {
			counted = -1
		} else {
			c.kpi.countMembership(counted, 1)
		}
		if m.counted != counted {
			c.found("membership counting", nextCounter, "membership %d in account %s counts from %d, and should from %d", m.key, a.id, m.counted, counted)
		}
	}
	if a.binned {
		c.kpi.binned++
		if a.engaged {
			c.found("engagement", nextCounter, "account %s is in the bin, and its figures are still kept", a.id)
		}
		return
	}
	c.kpi.countAccount(accountCount{createdAt: a.created, company: a.company, reseller: a.reseller, child: a.parent != 0}, 1)
	c.kpi.countActive(a.created, days, 1)
	if c.s.dialect.engine.SQLite {
		c.grams.add(search)
	}
	if !a.engaged {
		c.found("engagement", nextCounter, "account %s has no row of figures", a.id)
		return
	}
	var visits int64
	for _, n := range perDay {
		visits += n
	}
	of := func(field string) string { return fmt.Sprintf("%s of account %s", field, a.id) }
	if a.users != int64(len(members)) {
		c.same("engagement", of("users"), a.users, int64(len(members)))
	}
	if a.visits != visits {
		c.same("engagement", of("visits"), a.visits, visits)
	}
	c.lastVisit(a, memberLast, isMember, days, lastUsers)

	newest := backoffice.Day(a.recentDay)
	var want [backoffice.RecentDays]uint16
	for i := len(days) - 1; i >= 0; i-- {
		newest = max(newest, days[i])
		if back := int(newest - days[i]); back < backoffice.RecentDays {
			want[backoffice.RecentDays-1-back] = uint16(min(perDay[i], 65535))
		} else {
			break
		}
	}
	if unpackRecent(a.recent, backoffice.Day(a.recentDay), newest) != want {
		c.found("engagement", nextCounter, "%s differ from the visits of the last 30 days", of("the bars"))
	}
}

// lastVisit holds "Last visit" to the visits: the same day, and the latest
// instant that a membership knows of that day; midnight where none knows it.
func (c *check) lastVisit(a checkedAccount, memberLast int64, isMember map[int64]bool, days []backoffice.Day, lastUsers []int64) {
	if len(days) == 0 {
		if a.last != 0 {
			c.found("engagement", nextCounter, "last visit of account %s is set, and there is none", a.id)
		}
		return
	}
	midnight := days[len(days)-1].Start().UnixMicro()
	want := max(midnight, memberLast)
	for _, u := range lastUsers {
		if !isMember[u] && a.last >= want && a.last < midnight+24*hourMicros {
			return // somebody who has left was the last
		}
	}
	if a.last != want {
		c.found("engagement", nextCounter, "last visit of account %s is %s, and should be %s", a.id, backoffice.FromMicros(a.last), backoffice.FromMicros(want))
	}
}

// parentOf is an account that has a parent.
type parentOf struct {
	key, parent int64
	live        bool
	depth       int32 // accounts above it; 0 not known yet, -1 on the way
}

// forest follows every account up to the top: no circle, nothing missing, not
// deeper than allowed. The accounts came in the order of their keys.
func (c *check) forest() error {
	find := func(key int64) int {
		i := sort.Search(len(c.parents), func(i int) bool { return c.parents[i].key >= key })
		if i < len(c.parents) && c.parents[i].key == key {
			return i
		}
		return -1
	}
	for i := range c.parents {
		var path []int
		depth := int32(0)
		for j := i; j >= 0; j = find(c.parents[j].parent) {
			if d := c.parents[j].depth; d > 0 {
				depth = d
				break
			} else if d < 0 {
				c.found("hierarchy", nextCounter, "the account with key %d is above itself", c.parents[j].key)
				break
			}
			if len(path) > maxAncestors {
				c.found("hierarchy", nextCounter, "the account with key %d lies deeper than %d", c.parents[i].key, maxAncestors)
				break
			}
			c.parents[j].depth = -1
			path = append(path, j)
		}
		for k := len(path) - 1; k >= 0; k-- {
			if depth++; depth == maxAncestors+1 {
				c.found("hierarchy", nextCounter, "the account with key %d lies deeper than %d", c.parents[path[k]].key, maxAncestors)
			}
			c.parents[path[k]].depth = depth
		}
	}
	rows, err := c.r.rows(c.ctx, `SELECT a.id FROM accounts a LEFT JOIN accounts p ON p.key = a.parent_key
		WHERE a.parent_key IS NOT NULL AND (p.key IS NULL OR p.deleted_at IS NOT NULL AND a.deleted_at IS NULL) ORDER BY a.key LIMIT 1000`)
	ids, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
	for _, id := range ids {
		c.found("hierarchy", nextCounter, "the parent of account %s is missing or in the bin", id)
	}
	if err != nil {
		return err
	}
	rows, err = c.r.rows(c.ctx, `SELECT a.id, a.path <> COALESCE(p.path || p.key || '/', '') FROM accounts a LEFT JOIN accounts p ON p.key = a.parent_key
		WHERE a.path <> COALESCE(p.path || p.key || '/', '') OR a.has_policy <> EXISTS (SELECT 1 FROM policies l WHERE l.account_key = a.key) ORDER BY a.key LIMIT 1000`)
	return eachRow(rows, err, func(r rowScanner) error {
		var id string
		var path bool
		if err := r.Scan(&id, &path); err != nil {
			return err
		}
		if path {
			c.found("hierarchy", nextCounter, "the path of account %s is not that of its parent", id)
		} else {
			c.found("hierarchy", nextCounter, "account %s and its policy disagree about whether there is one", id)
		}
		return nil
	})
}

// figures compares the counters of the dashboard with what was counted.
func (c *check) figures() error {
	if err := c.r.row(c.ctx, `SELECT COUNT(*) FROM users WHERE deleted_at IS NULL`).Scan(&c.sum.Users); err != nil {
		return err
	}
	var have kpiDelta
	if err := c.r.row(c.ctx, `SELECT accounts, company, memberships, users, resellers, children, binned FROM kpi_totals`).
		Scan(&have.accounts, &have.company, &have.memberships, &have.users, &have.resellers, &have.children, &have.binned); err != nil {
		return err
	}
	k := &c.kpi
	c.same("figures", "accounts", have.accounts, k.accounts)
	c.same("figures", "company-domain accounts", have.company, k.company)
	c.same("figures", "memberships", have.memberships, k.memberships)
	c.same("figures", "users", have.users, c.sum.Users)
	c.same("figures", "resellers", have.resellers, k.resellers)
	c.same("figures", "sub-accounts", have.children, k.children)
	c.same("figures", "accounts in the bin", have.binned, k.binned)

	type hourRow struct {
		hour int64
		hourDelta
	}
	rows, err := c.r.rows(c.ctx, `SELECT hour, accounts, company, memberships, active FROM kpi_hours ORDER BY hour`)
	hours, err := collect(rows, err, func(r rowScanner) (v hourRow, err error) {
		err = r.Scan(&v.hour, &v.accounts, &v.company, &v.memberships, &v.active)
		return
	})
	if err != nil {
		return err
	}
	for _, h := range hours {
		want := hourDelta{}
		if w := k.hours[h.hour]; w != nil {
			want = *w
		}
		if h.hourDelta != want {
			c.found("figures by hour", nextCounter, "%s: accounts, company, memberships, active are %v, and should be %v", backoffice.FromMicros(h.hour*hourMicros), h.hourDelta, want)
		}
		delete(k.hours, h.hour)
	}
	for _, hour := range slices.Sorted(maps.Keys(k.hours)) {
		if *k.hours[hour] != (hourDelta{}) {
			c.found("figures by hour", nextCounter, "%s is missing", backoffice.FromMicros(hour*hourMicros))
		}
	}
	type dayRow struct{ day, step int64 }
	rows, err = c.r.rows(c.ctx, `SELECT day, active_step FROM kpi_days ORDER BY day`)
	steps, err := collect(rows, err, func(r rowScanner) (v dayRow, err error) { err = r.Scan(&v.day, &v.step); return })
	if err != nil {
		return err
	}
	for _, d := range steps {
		day := backoffice.Day(d.day)
		c.same("active accounts by day", "the step of "+day.String(), d.step, k.days[day])
		delete(k.days, day)
	}
	for _, day := range slices.Sorted(maps.Keys(k.days)) {
		c.same("active accounts by day", "the step of "+day.String(), 0, k.days[day])
	}
	return nil
}

// rest looks at what hangs on accounts without the engine's own reference.
func (c *check) rest() error {
	var n int64
	if err := c.r.row(c.ctx, `SELECT COUNT(*) FROM policies p WHERE p.account_key <> 0 AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.key = p.account_key)`).Scan(&n); err != nil {
		return err
	}
	c.same("security policies", "the number of policies without account", n, 0)
	if err := c.r.row(c.ctx, `SELECT COUNT(*) FROM visits v WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.key = v.user_key)`).Scan(&n); err != nil {
		return err
	}
	c.same("visits", "the number of visits without user", n, 0)
	return nil
}
