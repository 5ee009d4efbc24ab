package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"steward/backoffice"
)

// AccountApplication returns one application that an account has. Errors:
// ErrNotFound when it does not have it.
func (s *Store) AccountApplication(ctx context.Context, accountKey int64, id string) (backoffice.AccountApplication, error) {
	return scanAccountApplication(s.query().row(ctx, selectAccountApplications+` AND p.id = $3`, accountKey, s.Now().UnixMicro(), id))
}

// Assignment is AccountApplication without counting Users.
func (s *Store) Assignment(ctx context.Context, accountKey int64, id string) (backoffice.AccountApplication, error) {
	return scanAccountApplication(s.query().row(ctx, selectAssignments+` AND p.id = $2`, accountKey, id))
}

// Assignments is AccountApplications without counting Users.
func (s *Store) Assignments(ctx context.Context, accountKey int64) ([]backoffice.AccountApplication, error) {
	rows, err := s.query().rows(ctx, selectAssignments+` ORDER BY p.name_sort, p.key`, accountKey)
	return collect(rows, err, scanAccountApplication)
}

var assignmentFields = applicationFields + `, ` + assignmentPath + `, COALESCE(aa.auto_assigned, FALSE)`

var selectAssignments = `SELECT ` + assignmentFields + `, 0 FROM` + assignmentTables + `WHERE a.key = $1 AND ` + assigned

var selectAccountApplications = `SELECT ` + assignmentFields + `,
	CASE WHEN ` + assignedToAll + ` THEN (SELECT e.users FROM engagement e WHERE e.account_key = a.key)
		ELSE ` + handed("p.key", 2) + ` END
	FROM` + assignmentTables + `WHERE a.key = $1 AND ` + assigned

// handed counts those who stand in account a and to whom an application was given
// there by hand, at the instant $n: members, and who comes in by grant alone.
func handed(application string, n int) string {
	in := ` ua.account_key = a.key AND ua.application_key = ` + application + ` AND ua.rests_at IS NULL `
	return ` (SELECT COUNT(*) FROM user_applications ua JOIN memberships o ON o.account_key = a.key AND o.user_key = ua.user_key WHERE` + in + `)
		+ CASE WHEN a.parent_key IS NULL THEN 0 ELSE (SELECT COUNT(*) FROM user_applications ua WHERE` + in + `
			AND NOT EXISTS (SELECT 1 FROM memberships o WHERE o.account_key = a.key AND o.user_key = ua.user_key)
			AND EXISTS (SELECT 1 FROM` + grantTables + `WHERE m.user_key = ua.user_key AND ` + lies + ` AND ` + grants(n) + `)) END `
}

func scanAccountApplication(r rowScanner) (v backoffice.AccountApplication, err error) {
	v.Application, err = scanApplicationAnd(r, word[backoffice.AssignmentPath]{&v.Path}, &v.Auto, &v.Users)
	return v, err
}

// ApplicationAccounts returns a page of the accounts outside of the bin that have
// an application, by name. A position that is not there any more opens an empty
// page.
func (s *Store) ApplicationAccounts(ctx context.Context, a backoffice.Application, after, before string) (page backoffice.ApplicationAccountsPage, err error) {
	// Where all accounts start with it the accounts are walked through by their
	// name; else the few assignments are.
	from := ` FROM account_applications aa JOIN accounts a ON a.key = aa.account_key WHERE aa.application_key = $1 AND a.deleted_at IS NULL AND NOT aa.without`
	users := ` CASE WHEN aa.auto_assigned THEN (SELECT e.users FROM engagement e WHERE e.account_key = a.key)
		ELSE ` + handed("$1", 2) + ` END`
	path := ` CASE WHEN aa.auto_assigned THEN 'account' ELSE 'manual' END`
	if a.ReachesAll() {
		from = ` FROM accounts a LEFT JOIN account_applications aa ON aa.account_key = a.key AND aa.application_key = $1 WHERE a.deleted_at IS NULL AND NOT COALESCE(aa.without, FALSE)`
		users, path = ` (SELECT e.users FROM engagement e WHERE e.account_key = a.key)`, ` 'environment'`
		if a.Default {
			path = ` 'default'`
		}
	}
	const place = ` (SELECT o.name_sort, o.key FROM accounts o WHERE o.id = $3)`
	text, args, desc := `SELECT a.key, a.id, a.name,`+path+`,`+users+from+` AND CAST($2 AS BIGINT) <> 0`, []any{a.Key, s.Now().UnixMicro()}, ""
	switch {
	case before != "":
		text, args, desc = text+` AND (a.name_sort, a.key) <`+place, append(args, before), " DESC"
	case after != "":
		text, args = text+` AND (a.name_sort, a.key) >`+place, append(args, after)
	}
	rows, err := s.query().rows(ctx, text+` ORDER BY a.name_sort`+desc+`, a.key`+desc+` LIMIT `+strconv.Itoa(backoffice.MembersPerPage+1), args...)
	page.Rows, err = collect(rows, err, func(r rowScanner) (v backoffice.ApplicationAccount, err error) {
		err = r.Scan(&v.Account.Key, &v.Account.ID, &v.Account.Name, word[backoffice.AssignmentPath]{&v.Path}, &v.Users)
		return
	})
	page.Rows, page.Prev, page.Next = window(page.Rows, backoffice.MembersPerPage, after, before, func(v backoffice.ApplicationAccount) string { return v.Account.ID })
	return page, err
}

// ApplicationUsers returns a page of the users of an account, by membership or by
// grant, who have one of its applications, or with Others of those who could be
// given it, by address. It is empty for an application that the account does not
// have. A cursor that was not made here for this list opens its first page. As
// customers may know them, who comes in from above is among them only in an account
// that manages sub-accounts itself, as with WhoReaches: below, the portal counts
// them and names none.
func (s *Store) ApplicationUsers(ctx context.Context, accountKey, applicationKey int64, f backoffice.ApplicationUserFilter) (page backoffice.ApplicationUsersPage, err error) {
	q, n := s.query(), f.Limit
	if n == 0 {
		n = backoffice.MembersPerPage
	}
	path, err := pathTo(ctx, q, accountKey, applicationKey)
	if err != nil || path == "" || path.ReachesAll() && f.Others {
		return page, err
	}
	list := []any{"users of an application", accountKey, applicationKey, f.Others, f.Customers, f.Query, f.Only}
	cursor := f.After
	if cursor == "" {
		cursor = f.Before
	}
	c, ok := s.openCursor(cursor, list)
	if !ok {
		c, page.Lost = listCursor{Edge: true}, cursor != ""
	}
	above, err := aboveKeys(ctx, q, accountKey)
	if err == nil && f.Customers && len(above) > 0 {
		var named bool
		if err = q.row(ctx, `SELECT is_reseller FROM accounts WHERE key = $1`, accountKey).Scan(&named); !named {
			above = nil
		}
	}
	if err != nil {
		return page, err
	}
	args := []any{accountKey, applicationKey, s.Now().UnixMicro(), like(foldQuery(f.Query))}
	// Those above are named by their keys, so that only their members are looked at.
	in, keys := keyList(above, len(args)+1)
	args = append(args, keys...)
	from := ` FROM accounts x CROSS JOIN memberships m LEFT JOIN grants g ON g.membership_key = m.key WHERE x.key IN (` + in + `) AND ` + grants(3)
	var people string
	if path.ReachesAll() || f.Others {
		people = `SELECT m.user_key, m.status, FALSE AS granted FROM memberships m WHERE m.account_key = $1`
		if len(above) > 0 {
			people += ` UNION ALL SELECT DISTINCT m.user_key, '', TRUE` + from + ` AND NOT EXISTS (SELECT 1 FROM memberships o WHERE o.account_key = $1 AND o.user_key = m.user_key)`
		}
	} else {
		people = `SELECT ua.user_key, o.status, FALSE AS granted FROM user_applications ua JOIN memberships o ON o.account_key = $1 AND o.user_key = ua.user_key
			WHERE ua.account_key = $1 AND ua.application_key = $2 AND ua.rests_at IS NULL`
		if len(above) > 0 {
			people += ` UNION ALL SELECT DISTINCT m.user_key, '', TRUE` + from + ` AND NOT EXISTS (SELECT 1 FROM memberships o WHERE o.account_key = $1 AND o.user_key = m.user_key)
				AND ` + byHandIn("m.user_key")
		}
	}
	has := ` CAST($2 AS BIGINT) <> 0 AND CAST($3 AS BIGINT) <> 0 `
	if f.Others {
		has += `AND NOT ` + byHandIn("p.user_key")
	}
	searched := `u.search`
	if f.Customers {
		// What is not shown is not found either.
		searched = `CASE WHEN p.status = 'invited' AND NOT p.granted THEN u.email ELSE u.search END`
	}
	where, desc := "", ""
	if len(f.Only) > 0 {
		var in []string
		for _, id := range f.Only {
			args = append(args, id)
			in = append(in, "$"+strconv.Itoa(len(args)))
		}
		where = ` AND u.id IN (` + strings.Join(in, ", ") + `)`
	}
	if !c.Edge {
		// Addresses are unique outside of the bin.
		than := ">"
		if c.Back {
			than, desc = "<", " DESC"
		}
		where, args = where+` AND u.email `+than+` $`+strconv.Itoa(len(args)+1), append(args, c.Text)
	}
	rows, err := q.rows(ctx, `SELECT u.id, u.name, u.email, p.status, p.granted FROM (`+people+`) p JOIN users u ON u.key = p.user_key
		WHERE u.deleted_at IS NULL AND`+has+`AND `+searched+` LIKE $4 ESCAPE '\'`+where+` ORDER BY u.email`+desc+` LIMIT `+strconv.Itoa(n+1), args...)
	page.Rows, err = collect(rows, err, func(r rowScanner) (v backoffice.ApplicationUser, err error) {
		if v.Has = !f.Others; v.Has {
			v.Path = path
		}
		if err = r.Scan(&v.UserID, &v.Name, &v.Email, word[backoffice.MembershipStatus]{&v.Status}, &v.Granted); err != nil {
			err = fmt.Errorf("user of an application: %w", err)
		}
		return
	})
	if err != nil {
		return page, err
	}
	page.Rows, page.Prev, page.Next = cut(s, page.Rows, n, c, list, func(v backoffice.ApplicationUser) listCursor { return listCursor{Text: v.Email} })
	return page, nil
}

// byHandIn is whether application $2 was given to a user in account $1. A value and
// no condition: one look by key for each user, however the engine would join.
func byHandIn(user string) string {
	return `COALESCE((SELECT TRUE FROM user_applications h WHERE h.account_key = $1 AND h.application_key = $2 AND h.user_key = ` + user + ` AND h.rests_at IS NULL), FALSE) `
}
