package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"steward/backoffice"
)

// Access by grant is resolved here and nowhere else: sign-in, sessions, policies,
// previews and explanations ask with the same conditions.
const (
	// grantTables are memberships m with their accounts x, and the grants g that
	// they were given.
	grantTables = ` memberships m CROSS JOIN accounts x LEFT JOIN grants g ON g.membership_key = m.key `
	grantJoin   = ` x.key = m.account_key `
	// lies is the condition that account a lies below account x, at any depth.
	lies = liesBinned + `AND a.deleted_at IS NULL `
	// liesBinned leaves out whether a is in the bin.
	liesBinned = ` a.parent_key IS NOT NULL AND a.path >= x.path || x.key || '/' AND a.path < x.path || x.key || '0' `
)

// grants is the condition that membership m in account x leads into what lies
// below x at the instant $n: it was accepted and is not switched off, it was
// given access that has not ended or all of x have it, and x manages sub-accounts.
func grants(n int) string {
	return grantJoin + ` AND x.is_reseller AND NOT m.disabled AND ` + given("m", n)
}

// given is that condition whether or not the access rests: because m, which may be
// what is kept of a membership, is switched off, or because x does not manage
// sub-accounts.
func given(m string, n int) string {
	return ` x.deleted_at IS NULL AND ` + m + `.status = 'activated' AND (x.sub_access = 'always' OR g.ends_at = 0 OR g.ends_at > $` + strconv.Itoa(n) + `) `
}

// selectStanding is how a user, $1, stands in an account outside of the bin, $2,
// by membership; the membership is empty where there is none.
const selectStanding = `SELECT a.key, a.id, a.name, a.parent_key IS NOT NULL, COALESCE(m.key, 0), COALESCE(m.status, ''), COALESCE(m.disabled, FALSE),
	COALESCE(m.last_visit_at, 0) FROM accounts a LEFT JOIN memberships m ON m.account_key = a.key AND m.user_key = $1
	WHERE a.key = $2 AND a.deleted_at IS NULL`

var selectGranting = `SELECT m.key FROM accounts a CROSS JOIN ` + grantTables + ` WHERE m.user_key = $1 AND a.key = $2 AND ` + lies + ` AND ` + grants(3) + ` ORDER BY m.key`

// membershipIn is how a user stands in one account by membership alone. Errors:
// ErrNotFound when they are no member.
func membershipIn(ctx context.Context, r reader, user, account int64) (backoffice.Standing, error) {
	s, _, err := readStanding(ctx, r, user, account)
	if err == nil && s.Membership == 0 {
		err = backoffice.ErrNotFound
	}
	if err == nil {
		s.Roles, err = heldRoles(ctx, r, s.Membership)
	}
	return s, err
}

func readStanding(ctx context.Context, r reader, user, account int64) (s backoffice.Standing, sub bool, err error) {
	err = r.row(ctx, selectStanding, user, account).Scan(&s.Account.Key, &s.Account.ID, &s.Account.Name, &sub, &s.Membership, &s.Status, &s.Disabled, zeroMicros{&s.LastVisit})
	return s, sub, err
}

// standingIn is how a user stands in one account at an instant, by membership and
// by grants from above. Roles add up; those of a membership that does not let in
// do not hold. Errors: ErrNotFound when they do not stand in it at all.
func standingIn(ctx context.Context, r reader, now time.Time, user, account int64) (backoffice.Standing, error) {
	s, sub, err := readStanding(ctx, r, user, account)
	if err != nil {
		return s, err
	}
	var from []int64
	if sub {
		rows, err := r.rows(ctx, selectGranting, user, account, now.UnixMicro())
		if from, err = collect(rows, err, scanKey); err != nil {
			return s, err
		}
	}
	s.Granted = len(from) > 0
	if s.Membership == 0 && !s.Granted {
		return s, backoffice.ErrNotFound
	}
	if s.Membership != 0 && (!s.Granted || s.Accepts()) {
		from = append(from, s.Membership)
	}
	s.Roles, err = heldRoles(ctx, r, from...)
	return s, err
}

func scanKey(r rowScanner) (v int64, err error) { err = r.Scan(&v); return }

// maxStandings is how many accounts a list offers at once to who reaches more by
// grant; the others are found by searching.
const maxStandings = 100

var (
	selectStandings = `SELECT a.key, a.id, a.name, m.key, m.status, m.disabled, m.last_visit_at
		FROM memberships m JOIN accounts a ON a.key = m.account_key AND a.deleted_at IS NULL
		WHERE m.user_key = $1 AND a.search LIKE $2 ESCAPE '\' ORDER BY m.last_visit_at DESC, a.name_sort, a.key`
	selectGrantingInside = `SELECT DISTINCT x.path || x.key || '/' FROM ` + grantTables + ` WHERE m.user_key = $1 AND ` + grants(2) + ` ORDER BY 1`
	// The nearest below come first: in the order of the paths nothing is sorted,
	// and no more is read than is shown.
	selectGrantedStandings = `SELECT a.name_sort, a.key, a.id, a.name FROM accounts a WHERE a.parent_key IS NOT NULL AND a.path >= $2 AND a.path < $3 AND a.deleted_at IS NULL
		AND a.search LIKE $4 ESCAPE '\' AND NOT EXISTS (SELECT 1 FROM memberships o WHERE o.account_key = a.key AND o.user_key = $1)
		ORDER BY a.path, a.deleted_at LIMIT $5`
	selectGrantedMembers = `SELECT DISTINCT a.key FROM ` + grantTables + ` CROSS JOIN memberships o CROSS JOIN accounts a
		WHERE m.user_key = $1 AND ` + grants(2) + ` AND o.user_key = $1 AND a.key = o.account_key AND ` + lies
)

// standings are the accounts that a user stands in whose name or ID the query is
// part of, roles left out: those of their memberships, the one visited last
// first, then those that grants lead into, by name, of these the maxStandings
// nearest at most. more says that there are others.
func standings(ctx context.Context, r reader, now time.Time, user int64, query string) (list []backoffice.Standing, more bool, err error) {
	pattern := like(foldQuery(query))
	list, err = memberships(ctx, r, user, pattern)
	if err != nil || len(list) == 0 && query == "" { // a grant is a membership's
		return list, false, err
	}
	if len(list) > 1 {
		rows, err := r.rows(ctx, selectGrantedMembers, user, now.UnixMicro())
		both, err := collect(rows, err, scanKey)
		if err != nil {
			return list, false, err
		}
		for i := range list {
			list[i].Granted = slices.Contains(both, list[i].Account.Key)
		}
	}
	rows, err := r.rows(ctx, selectGrantingInside, user, now.UnixMicro())
	inside, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
	if err != nil {
		return list, false, err
	}
	type granted struct {
		sort string
		backoffice.Standing
	}
	var found []granted
	above := "\x00"
	for _, p := range inside {
		if strings.HasPrefix(p, above) { // below another one: it is there already
			continue
		}
		above = p
		rows, err := r.rows(ctx, selectGrantedStandings, user, p, until(p), pattern, maxStandings+1-len(found))
		part, err := collect(rows, err, func(r rowScanner) (g granted, err error) {
			g.Granted = true
			err = r.Scan(&g.sort, &g.Account.Key, &g.Account.ID, &g.Account.Name)
			return
		})
		if err != nil {
			return list, false, err
		}
		if found = append(found, part...); len(found) > maxStandings {
			found, more = found[:maxStandings], true
			break
		}
	}
	slices.SortFunc(found, func(a, b granted) int { return strings.Compare(a.sort, b.sort) })
	for _, g := range found {
		list = append(list, g.Standing)
	}
	return list, more, nil
}

// memberships are how a user stands in accounts by membership, those whose search
// text is like the pattern, the one visited last first; roles are left out.
func memberships(ctx context.Context, r reader, user int64, pattern string) ([]backoffice.Standing, error) {
	rows, err := r.rows(ctx, selectStandings, user, pattern)
	return collect(rows, err, func(r rowScanner) (s backoffice.Standing, err error) {
		err = r.Scan(&s.Account.Key, &s.Account.ID, &s.Account.Name, &s.Membership, &s.Status, &s.Disabled, zeroMicros{&s.LastVisit})
		return
	})
}

// withStanding adds an account that a user chose to a list that may be too short
// to have it.
func withStanding(ctx context.Context, r reader, now time.Time, user int64, list []backoffice.Standing, accountID string) ([]backoffice.Standing, error) {
	if accountID == "" || slices.ContainsFunc(list, func(s backoffice.Standing) bool { return s.Account.ID == accountID }) {
		return list, nil
	}
	var key int64
	err := r.row(ctx, `SELECT key FROM accounts WHERE id = $1 AND deleted_at IS NULL`, accountID).Scan(&key)
	if err == nil {
		var s backoffice.Standing
		if s, err = standingIn(ctx, r, now, user, key); err == nil {
			list = append(list, s)
		}
	}
	if errors.Is(err, backoffice.ErrNotFound) {
		err = nil
	}
	return list, err
}

const selectHeldRoles = `SELECT o.id, o.handle, o.name, o.level, o.permissions FROM membership_roles mr JOIN roles o ON o.key = mr.role_key
	WHERE mr.membership_key = $1 AND o.deleted_at IS NULL ORDER BY o.level, o.handle`

// heldRoles are the roles of memberships, each once, with their permissions.
func heldRoles(ctx context.Context, r reader, memberships ...int64) (roles []backoffice.Role, err error) {
	for _, m := range memberships {
		rows, err := r.rows(ctx, selectHeldRoles, m)
		list, err := collect(rows, err, func(r rowScanner) (role backoffice.Role, err error) {
			var permissions string
			if err := r.Scan(&role.ID, &role.Key, &role.Name, &role.Level, &permissions); err != nil {
				return role, err
			}
			role.Permissions, err = permissionsOf(permissions)
			return role, err
		})
		if err != nil {
			return nil, err
		}
		for _, role := range list {
			if !slices.ContainsFunc(roles, func(o backoffice.Role) bool { return o.ID == role.ID }) {
				roles = append(roles, role)
			}
		}
	}
	return roles, nil
}

// permissionsOf reads permissions as a role keeps them.
func permissionsOf(text string) (p backoffice.Permissions, err error) {
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("permissions of a role: %w", err)
	}
	return p, nil
}
