package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"steward/backoffice"
)

// RoleHoldersPage is a page of the memberships that hold a role. Next and Prev
// are what after and before take.
type RoleHoldersPage struct {
	Rows       []backoffice.RoleHolder
	Total      int64
	Binned     int64 // further ones, in the bin
	Next, Prev string
}

// RoleHolders returns a page of who holds a role, in the order in which they
// were added to their accounts. A position that is not there any more opens an
// empty page. Errors: ErrNotFound.
func (s *Store) RoleHolders(ctx context.Context, id, after, before string) (page RoleHoldersPage, err error) {
	role, err := scanRole(s.query().row(ctx, selectRoleByID, id))
	if err != nil {
		return page, err
	}
	live, binned, err := holders(ctx, s.query(), []int64{role.key})
	if err != nil {
		return page, err
	}
	page.Total, page.Binned = live[role.key], binned[role.key]
	text := `SELECT u.id, u.name, u.email, a.id, a.name, m.status, COALESCE((SELECT string_agg(o.name, '` + "\n" + `') FROM (SELECT r.name FROM membership_roles x
			JOIN roles r ON r.key = x.role_key WHERE x.membership_key = m.key AND x.role_key <> $1 ORDER BY r.level, r.name) o), '')
		FROM membership_roles mr JOIN memberships m ON m.key = mr.membership_key JOIN users u ON u.key = m.user_key JOIN accounts a ON a.key = m.account_key
		WHERE mr.role_key = $1 AND m.counted_at IS NOT NULL`
	const at = ` (SELECT x.key FROM memberships x JOIN users y ON y.key = x.user_key JOIN accounts b ON b.key = x.account_key WHERE y.id = $2 AND b.id = $3)`
	args, desc := []any{role.key}, ""
	place := func(cursor string) (user, account any) {
		u, a, _ := strings.Cut(cursor, ".")
		return u, a
	}
	switch {
	case after != "":
		user, account := place(after)
		text, args = text+` AND mr.membership_key >`+at, append(args, user, account)
	case before != "":
		user, account := place(before)
		text, args, desc = text+` AND mr.membership_key <`+at, append(args, user, account), " DESC"
	}
	rows, err := s.query().rows(ctx, text+` ORDER BY mr.membership_key`+desc+` LIMIT `+strconv.Itoa(backoffice.PageSize+1), args...)
	page.Rows, err = collect(rows, err, func(r rowScanner) (h backoffice.RoleHolder, err error) {
		var others string
		err = r.Scan(&h.UserID, &h.UserName, &h.Email, &h.AccountID, &h.AccountName, &h.Status, &others)
		if others != "" {
			h.Others = strings.Split(others, "\n")
		}
		return
	})
	if err != nil {
		return page, err
	}
	page.Rows, page.Prev, page.Next = window(page.Rows, backoffice.PageSize, after, before, func(h backoffice.RoleHolder) string { return h.UserID + "." + h.AccountID })
	return page, nil
}

// effectTime bounds the counting while somebody fills in a form.
const effectTime = 2 * time.Second

// RoleEffect says what becomes of the memberships that hold a role once it has
// the permissions. Where counting them takes longer than two seconds the effect
// is Uncounted. Errors: ErrNotFound.
func (s *Store) RoleEffect(ctx context.Context, id string, permissions backoffice.Permissions) (backoffice.RoleEffect, error) {
	role, err := scanRole(s.query().row(ctx, selectRoleByID, id))
	if err != nil {
		return backoffice.RoleEffect{}, err
	}
	groups, err := s.holderGroups(ctx, role)
	if err == nil {
		e := backoffice.Effect(role.Permissions, permissions, groups)
		return e, s.unmanaged(ctx, role, permissions, &e)
	}
	if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return backoffice.RoleEffect{}, err
	}
	live, _, err := holders(ctx, s.query(), []int64{role.key})
	e := backoffice.Effect(role.Permissions, permissions, []backoffice.RoleHolders{{Count: live[role.key]}})
	e.Uncounted = true
	return e, err
}

// holderGroups counts who holds a role by the other roles that they hold.
func (s *Store) holderGroups(ctx context.Context, role storedRole) ([]backoffice.RoleHolders, error) {
	bounded, cancel := context.WithTimeout(ctx, effectTime)
	defer cancel()
	type group struct {
		others string
		count  int64
	}
	rows, err := s.query().rows(bounded, `SELECT others, COUNT(*) FROM (
			SELECT COALESCE((SELECT string_agg(CAST(o.role_key AS TEXT), ',') FROM membership_roles o WHERE o.membership_key = h.membership_key AND o.role_key <> $1), '') AS others
			FROM membership_roles h JOIN memberships m ON m.key = h.membership_key WHERE h.role_key = $1 AND m.counted_at IS NOT NULL) g
		GROUP BY others`, role.key)
	list, err := collect(rows, err, func(r rowScanner) (g group, err error) { err = r.Scan(&g.others, &g.count); return })
	if bounded.Err() != nil && err != nil {
		return nil, context.DeadlineExceeded
	}
	if err != nil {
		return nil, err
	}
	var keys []int64
	for _, g := range list {
		for _, text := range splitKeys(g.others) {
			key, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
	}
	known := map[string]backoffice.Permissions{}
	if err := lookup(ctx, s.query(), selectRolesByKey, keys, func(r rowScanner) error {
		v, err := scanRole(r)
		known[strconv.FormatInt(v.key, 10)] = v.Permissions
		return err
	}); err != nil {
		return nil, err
	}
	groups := make([]backoffice.RoleHolders, len(list))
	for i, g := range list {
		groups[i].Count = g.count
		for _, key := range splitKeys(g.others) {
			groups[i].Others = append(groups[i].Others, known[key]...)
		}
	}
	return groups, nil
}

var selectRolesByKey = inList(selectRoles+` AND r.key`, ``)

func splitKeys(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// manages is the condition on a role r that whoever holds it can manage the
// account: it holds backoffice.WriteUsers, as JSON in the column.
var manages = func() string {
	var or []string
	for _, p := range backoffice.WriteUsers.Holders() {
		or = append(or, `r.permissions LIKE '%"`+string(p)+`"%'`)
	}
	return "(" + strings.Join(or, " OR ") + ")"
}()

// managing is the condition on a membership m of a user u that who has it is
// there to manage anything (tx.keepAManager).
const managing = `m.status = 'activated' AND NOT m.disabled AND NOT u.locked AND u.deleted_at IS NULL`

// unmanaged finds the accounts that only holders of a role can manage, where it
// is to lose the permission for it. Where that takes too long they are left out,
// and the effect is Uncounted.
func (s *Store) unmanaged(ctx context.Context, role storedRole, permissions backoffice.Permissions, e *backoffice.RoleEffect) error {
	if !role.Permissions.Has(backoffice.WriteUsers) || permissions.Has(backoffice.WriteUsers) {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, effectTime)
	defer cancel()
	rows, err := s.query().rows(bounded, `SELECT a.id, a.name, COUNT(*) OVER () FROM accounts a WHERE a.deleted_at IS NULL AND a.key IN (
			SELECT m.account_key FROM membership_roles h JOIN memberships m ON m.key = h.membership_key JOIN users u ON u.key = m.user_key
			WHERE h.role_key = $1 AND m.counted_at IS NOT NULL AND `+managing+`)
		AND NOT EXISTS (SELECT 1 FROM memberships m JOIN users u ON u.key = m.user_key JOIN membership_roles mr ON mr.membership_key = m.key JOIN roles r ON r.key = mr.role_key
			WHERE m.account_key = a.key AND mr.role_key <> $1 AND `+managing+` AND `+manages+`)
		ORDER BY a.name_sort, a.key LIMIT `+strconv.Itoa(backoffice.MaxUnmanaged), role.key)
	e.Unmanaged, err = collect(rows, err, func(r rowScanner) (a backoffice.AccountRef, err error) {
		err = r.Scan(&a.ID, &a.Name, &e.Unmanageds)
		return
	})
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		e.Unmanaged, e.Unmanageds, e.Uncounted = nil, 0, true
		return nil
	}
	return err
}
