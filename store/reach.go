package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"steward/backoffice"
)

// grantRow is a membership in an account above, as the ways into what lies below
// are made of it.
type grantRow struct {
	membership, account int64
	path                backoffice.AccessPath
	user                backoffice.User
}

// selectWays are the memberships in accounts above account $1 and in itself,
// with what decides whether they lead in. Those above that were never given
// access are among them.
var selectWays = `SELECT m.key, x.key, x.id, x.name, x.is_reseller, x.sub_access, m.status, m.disabled, m.created_at, x.key = a.key,
	g.membership_key IS NOT NULL, COALESCE(g.granted_at, 0), COALESCE(g.granted_by, ''), COALESCE(g.reason, ''), COALESCE(g.ends_at, 0), u.key, ` + userColumns.names("u.") + `
	FROM accounts a CROSS JOIN accounts x CROSS JOIN memberships m JOIN users u ON u.key = m.user_key LEFT JOIN grants g ON g.membership_key = m.key
	WHERE a.key = $1 AND x.deleted_at IS NULL AND u.deleted_at IS NULL AND m.account_key = x.key `

func (s *Store) scanWay(r rowScanner) (w grantRow, err error) {
	var reseller, disabled, given bool
	var access backoffice.AccessDefault
	p := &w.path
	dest := []any{&w.membership, &p.At.Key, &p.At.ID, &p.At.Name, &reseller, word[backoffice.AccessDefault]{&access}, word[backoffice.MembershipStatus]{&p.Status}, &disabled, micros{&p.Since},
		&p.Direct, &given, zeroMicros{&p.Grant.At}, &p.Grant.By, &p.Grant.Reason, zeroMicros{&p.Grant.EndsAt}, &w.user.Key}
	if err := r.Scan(append(dest, userColumns.scan(&w.user)...)...); err != nil {
		return w, err
	}
	w.account, p.Membership = p.At.Key, w.membership
	p.Always = !p.Direct && access == backoffice.AccessAlways
	switch {
	case disabled:
		p.Blocked = "The membership in " + p.At.Name + " is switched off."
	case p.Direct && p.Status == backoffice.Invited:
		p.Blocked = "The invitation waits to be accepted."
	case p.Direct && p.Status == backoffice.NotActive:
		p.Blocked = "The address was not verified yet."
	case p.Direct:
	case p.Status != backoffice.Activated:
		p.Blocked = "They have not signed in to " + p.At.Name + " yet."
	case !given && !p.Always:
		p.Blocked = "They were given no access to the sub-accounts of " + p.At.Name + "."
	case !reseller:
		p.Blocked = "Sub-account management of " + p.At.Name + " is switched off."
	case !p.Always && !p.Grant.EndsAt.IsZero() && !p.Grant.EndsAt.After(s.Now()):
		p.Blocked = "The access ended on " + p.Grant.EndsAt.UTC().Format("2 January 2006") + "."
	}
	return w, nil
}

// Why returns every way by which a user comes into an account, and those that
// would lead in but for something, the account itself first and then the nearest
// above. A user without any has no paths. Errors: ErrNotFound for an unknown user.
func (s *Store) Why(ctx context.Context, a backoffice.Account, userID string) (who backoffice.Reacher, err error) {
	if who.User, err = readUser(ctx, s.query(), selectUserByID, userID); err != nil {
		return who, err
	}
	q := s.query()
	keys, err := aboveKeys(ctx, q, a.Key)
	if err != nil {
		return who, err
	}
	in, args := keyList(append(keys, a.Key), 3)
	rows, err := q.rows(ctx, selectWays+` AND m.user_key = $2 AND x.key IN (`+in+`) ORDER BY LENGTH(x.path) DESC`, append([]any{a.Key, who.User.Key}, args...)...)
	ways, err := collect(rows, err, s.scanWay)
	if err != nil {
		return who, err
	}
	for _, w := range ways {
		if w.path.Roles, err = heldRoles(ctx, q, w.membership); err != nil {
			return who, err
		}
		who.Paths = append(who.Paths, w.path)
	}
	return who, nil
}

// ReachPage is a page of those who can reach an account.
type ReachPage struct {
	Rows  []backoffice.Reacher
	Total int64
	Next  string // what after takes; "" on the last page
}

// WhoReaches returns a page of the users who can reach an account, by address,
// after the one with the given address, with each of their open ways. via, where
// it is not 0, leaves those who come by a grant at that account or by membership
// in it.
func (s *Store) WhoReaches(ctx context.Context, a backoffice.Account, after string) (page ReachPage, err error) {
	q := s.query()
	keys, err := aboveKeys(ctx, q, a.Key)
	if err != nil {
		return page, err
	}
	// Those above are named by their keys, so that only their members are looked at.
	in, args := keyList(append(keys, a.Key), 3)
	open := `(x.key = a.key AND NOT m.disabled AND m.status NOT IN ('inactive', 'invited') OR x.key <> a.key AND ` + grants(2) + `)`
	from := ` FROM accounts a CROSS JOIN accounts x CROSS JOIN memberships m LEFT JOIN grants g ON g.membership_key = m.key JOIN users u ON u.key = m.user_key
		WHERE a.key = $1 AND x.key IN (` + in + `) AND m.account_key = x.key AND x.deleted_at IS NULL AND u.deleted_at IS NULL AND NOT u.locked AND ` + open
	args = append([]any{a.Key, s.Now().UnixMicro()}, args...)
	if err := q.row(ctx, `SELECT COUNT(DISTINCT m.user_key)`+from, args...).Scan(&page.Total); err != nil {
		return page, err
	}
	next := "$" + strconv.Itoa(len(args)+1)
	rows, err := q.rows(ctx, `SELECT DISTINCT u.email, u.key`+from+` AND u.email > `+next+` ORDER BY u.email LIMIT `+strconv.Itoa(backoffice.MembersPerPage+1), append(slices.Clone(args), after)...)
	type person struct {
		email string
		key   int64
	}
	people, err := collect(rows, err, func(r rowScanner) (p person, err error) { err = r.Scan(&p.email, &p.key); return })
	if err != nil || len(people) == 0 {
		return page, err
	}
	if len(people) > backoffice.MembersPerPage {
		people = people[:backoffice.MembersPerPage]
		page.Next = people[len(people)-1].email
	}
	at := map[int64]int{}
	var users []int64
	for i, p := range people {
		at[p.key] = i
		users = append(users, p.key)
	}
	page.Rows = make([]backoffice.Reacher, len(people))
	members, more := keyList(users, len(keys)+3)
	_, above := keyList(append(keys, a.Key), 2)
	in, _ = keyList(append(keys, a.Key), 2)
	rows, err = q.rows(ctx, selectWays+` AND x.key IN (`+in+`) AND m.user_key IN (`+members+`) ORDER BY LENGTH(x.path) DESC`, append(append([]any{a.Key}, above...), more...)...)
	ways, err := collect(rows, err, s.scanWay)
	if err != nil {
		return page, err
	}
	for _, w := range ways {
		row := &page.Rows[at[w.user.Key]]
		row.User = w.user
		if !w.path.Open() {
			continue
		}
		if w.path.Roles, err = heldRoles(ctx, q, w.membership); err != nil {
			return page, err
		}
		row.Paths = append(row.Paths, w.path)
	}
	return page, nil
}

// GrantedTo counts the users who come into an account by a grant from above and
// are no members of it.
func (s *Store) GrantedTo(ctx context.Context, account int64) (n int64, err error) {
	q := s.query()
	keys, err := aboveKeys(ctx, q, account)
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	in, args := keyList(keys, 3)
	err = q.row(ctx, `SELECT COUNT(DISTINCT m.user_key) FROM accounts x CROSS JOIN memberships m LEFT JOIN grants g ON g.membership_key = m.key JOIN users u ON u.key = m.user_key
		WHERE x.key IN (`+in+`) AND u.deleted_at IS NULL AND NOT u.locked AND `+grants(2)+`
		AND NOT EXISTS (SELECT 1 FROM memberships o WHERE o.account_key = $1 AND o.user_key = m.user_key)`, append([]any{account, s.Now().UnixMicro()}, args...)...).Scan(&n)
	return n, err
}

// aboveKeys are the keys of the accounts above one, the highest first.
func aboveKeys(ctx context.Context, r reader, account int64) (keys []int64, err error) {
	path, err := pathOf(ctx, r, account)
	if err != nil {
		return nil, err
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
		if part == "" {
			continue
		}
		key, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the path of the account with key %d: %w", account, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// keyList writes as many parameters as there are keys, from $from on.
func keyList(keys []int64, from int) (string, []any) {
	marks, args := make([]string, len(keys)), make([]any, len(keys))
	for i, k := range keys {
		marks[i], args[i] = "$"+strconv.Itoa(from+i), k
	}
	return strings.Join(marks, ", "), args
}
