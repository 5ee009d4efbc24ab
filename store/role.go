package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"steward/backoffice"
)

var roleColumns = columns[backoffice.Role]{
	{"id", func(r *backoffice.Role) any { return &r.ID }},
	{"handle", func(r *backoffice.Role) any { return &r.Key }},
	{"name", func(r *backoffice.Role) any { return &r.Name }},
	{"description", func(r *backoffice.Role) any { return &r.Description }},
	{"level", func(r *backoffice.Role) any { return roleLevel{&r.Level} }},
	{"permissions", func(r *backoffice.Role) any { return permissionList{&r.Permissions} }},
	{"is_default", func(r *backoffice.Role) any { return &r.Default }},
	{"first_user", func(r *backoffice.Role) any { return &r.FirstUser }},
	{"built_in", func(r *backoffice.Role) any { return &r.BuiltIn }},
	{"version", func(r *backoffice.Role) any { return &r.Version }},
}

// fromRoles joins the account that a role belongs to. Roles of accounts in the
// bin rest with them.
const fromRoles = ` FROM roles r LEFT JOIN accounts a ON a.key = r.account_key WHERE r.deleted_at IS NULL AND (r.account_key IS NULL OR a.deleted_at IS NULL)`

var (
	roleFields     = `r.key, COALESCE(r.account_key, 0), COALESCE(a.id, ''), COALESCE(a.name, ''), ` + roleColumns.names("r.")
	selectRoles    = `SELECT ` + roleFields + fromRoles
	selectRoleByID = selectRoles + ` AND r.id = $1`
	insertRole     = fmt.Sprintf(`INSERT INTO roles (`+roleColumns.names("")+`, account_key) VALUES (`+roleColumns.params(1)+`, $%d)`, len(roleColumns)+1)
	updateRole     = fmt.Sprintf(`UPDATE roles SET `+roleColumns.set(1)+` WHERE key = $%d`, len(roleColumns)+1)
)

type roleLevel struct{ n *int }

func (l roleLevel) Scan(v any) error {
	n, err := asInt(v)
	*l.n = int(n)
	return err
}
func (l roleLevel) Value() (driver.Value, error) { return int64(*l.n), nil }

// permissionList stores permissions as a JSON array.
type permissionList struct{ p *backoffice.Permissions }

func (l permissionList) Scan(v any) error {
	text, ok := v.(string)
	if b, isBytes := v.([]byte); isBytes {
		text, ok = string(b), true
	}
	if !ok {
		return fmt.Errorf("%T where permissions were expected", v)
	}
	*l.p = nil
	return json.Unmarshal([]byte(text), l.p)
}

func (l permissionList) Value() (driver.Value, error) {
	if len(*l.p) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(*l.p)
	return string(b), err
}

// storedRole is a role with the keys of its rows.
type storedRole struct {
	backoffice.Role
	key, account int64
}

func scanRole(r rowScanner, more ...any) (v storedRole, err error) {
	dest := append([]any{&v.key, &v.account, &v.AccountID, &v.AccountName}, roleColumns.scan(&v.Role)...)
	err = r.Scan(append(dest, more...)...)
	return v, err
}

// Role returns the role with the ID. Errors: ErrNotFound, also for a role of an
// account in the bin.
func (s *Store) Role(ctx context.Context, id string) (backoffice.Role, error) {
	v, err := scanRole(s.query().row(ctx, selectRoleByID, id))
	return v.Role, err
}

// Roles returns the roles of the environment, the highest first, and how many
// memberships hold each.
func (s *Store) Roles(ctx context.Context) ([]backoffice.RoleRow, error) {
	rows, err := s.query().rows(ctx, selectRoles+` AND r.account_key IS NULL ORDER BY r.level, r.name, r.key`)
	return s.roleRows(ctx, rows, err)
}

// AccountRoles returns a page of the roles that belong to one account each, by
// account and level; with an account's ID only those of that account. after and
// before are IDs of roles; a position that is not there any more opens an empty
// page.
func (s *Store) AccountRoles(ctx context.Context, accountID, after, before string) (page RolesPage, err error) {
	// The order is that of creation within an account.
	text, args := selectRoles+` AND r.account_key IS NOT NULL AND ($1 = '' OR a.id = $1)`, []any{accountID}
	const at = ` (SELECT x.account_key, x.key FROM roles x WHERE x.id = $2)`
	desc := ""
	switch {
	case after != "":
		text, args = text+` AND (r.account_key, r.key) >`+at, append(args, after)
	case before != "":
		text, args, desc = text+` AND (r.account_key, r.key) <`+at, append(args, before), " DESC"
	}
	rows, err := s.query().rows(ctx, text+` ORDER BY r.account_key`+desc+`, r.key`+desc+fmt.Sprintf(` LIMIT %d`, backoffice.PageSize+1), args...)
	if page.Rows, err = s.roleRows(ctx, rows, err); err != nil {
		return page, err
	}
	page.Rows, page.Prev, page.Next = window(page.Rows, backoffice.PageSize, after, before, func(r backoffice.RoleRow) string { return r.ID })
	return page, nil
}

// RolesPage is a page of roles. Next and Prev are what after and before take.
type RolesPage struct {
	Rows       []backoffice.RoleRow
	Next, Prev string
}

var (
	countHolders = inList(`SELECT mr.role_key, COUNT(*) FROM membership_roles mr WHERE mr.role_key`, ` GROUP BY mr.role_key`)
	countBinned  = inList(`SELECT mr.role_key, COUNT(*) FROM memberships m JOIN membership_roles mr ON mr.membership_key = m.key
		WHERE m.counted_at IS NULL AND mr.role_key`, ` GROUP BY mr.role_key`)
)

// holders counts the memberships that hold each of some roles: those that
// count, and those that are in the bin.
func holders(ctx context.Context, r reader, roles []int64) (live, binned map[int64]int64, err error) {
	live, binned = map[int64]int64{}, map[int64]int64{}
	for text, into := range map[string]map[int64]int64{countHolders: live, countBinned: binned} {
		if err := lookup(ctx, r, text, roles, func(r rowScanner) error {
			var key, n int64
			err := r.Scan(&key, &n)
			into[key] = n
			return err
		}); err != nil {
			return nil, nil, err
		}
	}
	for key, n := range binned {
		live[key] -= n
	}
	return live, binned, nil
}

func (s *Store) roleRows(ctx context.Context, rows *sql.Rows, err error) ([]backoffice.RoleRow, error) {
	list, err := collect(rows, err, func(r rowScanner) (storedRole, error) { return scanRole(r) })
	if err != nil {
		return nil, err
	}
	keys := make([]int64, len(list))
	for i, v := range list {
		keys[i] = v.key
	}
	members, _, err := holders(ctx, s.query(), keys)
	out := make([]backoffice.RoleRow, len(list))
	for i, v := range list {
		out[i] = backoffice.RoleRow{Role: v.Role, Members: members[v.key]}
	}
	return out, err
}

// OwnPermissions returns the keys that roles of the environment, and of one
// account when its ID is given, hold beside the built-in ones: wildcards
// included, sorted.
func (s *Store) OwnPermissions(ctx context.Context, accountID string) (backoffice.Permissions, error) {
	rows, err := s.query().rows(ctx, selectRoles+` AND (r.account_key IS NULL OR a.id = $1)`, accountID)
	list, err := collect(rows, err, func(r rowScanner) (storedRole, error) { return scanRole(r) })
	var own backoffice.Permissions
	for _, v := range list {
		for _, p := range v.Permissions {
			if p.Name() == "" {
				own = append(own, p)
			}
		}
	}
	slices.Sort(own)
	return slices.Compact(own), err
}

// CreateRole adds a role to the catalogue, or with an AccountID to the roles of
// that account. Errors: Problems (name, key, description, level, permissions,
// default, first_user), ErrNotFound for the account, ErrForbidden.
func (s *Store) CreateRole(ctx context.Context, actor backoffice.Actor, role backoffice.Role) (backoffice.Role, error) {
	role.ID, role.BuiltIn, role.Version = newID(), false, 1
	role, problems := backoffice.CheckRole(role)
	if err := problems.Err(); err != nil {
		return role, err
	}
	err := s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteRoles); err != nil {
			return err
		}
		v := storedRole{Role: role}
		if role.AccountID != "" {
			if err := t.get(`SELECT key, name FROM accounts WHERE id = $1 AND deleted_at IS NULL`, role.AccountID).Scan(&v.account, &v.AccountName); err != nil {
				return err
			}
			role.AccountName = v.AccountName
		}
		if err := t.keyIsFree(v); err != nil {
			return err
		}
		if _, err := t.exec(insertRole, roleColumns.values(&v.Role, nullKey(v.account))...); err != nil {
			return err
		}
		return t.record(v.event("role.created", nil, rolePayload(v.Role)))
	})
	return role, err
}

// keyIsFree refuses a key that would name two roles in one account.
func (t *tx) keyIsFree(v storedRole) error {
	var owner, account string
	err := t.get(`SELECT r.name, COALESCE(a.name, '') FROM roles r LEFT JOIN accounts a ON a.key = r.account_key
		WHERE r.deleted_at IS NULL AND r.handle = $1 AND r.key <> $2 AND (r.account_key IS NULL OR $3 = 0 OR r.account_key = $3) ORDER BY r.account_key IS NOT NULL, r.key LIMIT 1`,
		v.Key, v.key, v.account).Scan(&owner, &account)
	switch {
	case errors.Is(err, backoffice.ErrNotFound):
		return nil
	case err != nil:
		return err
	case account != "" && v.account == 0:
		return backoffice.Problems{"key": "The account " + account + " has a role of its own with this key."}
	}
	return backoffice.Problems{"key": "The role " + owner + " has this key."}
}

// event is what the trail says of a role.
func (v storedRole) event(action string, before, after any) event {
	return event{action: action, kind: "role", id: v.ID, name: v.Name, accountKey: v.account, before: before, after: after}
}

func rolePayload(r backoffice.Role) map[string]any {
	p := map[string]any{"key": r.Key, "name": r.Name, "description": r.Description, "level": r.Level,
		"permissions": append(backoffice.Permissions{}, r.Permissions...), "default": r.Default, "first_user": r.FirstUser}
	if r.AccountName != "" {
		p["account"] = r.AccountName
	}
	return p
}

// SaveRole changes a role, and with it what everybody may who holds it, from
// their next request on. version is that of the role as it was read. Errors:
// ErrNotFound, ErrForbidden, ErrConflict when somebody else changed it since,
// Problems (as CreateRole, and "" for a built-in one).
func (s *Store) SaveRole(ctx context.Context, actor backoffice.Actor, id string, role backoffice.Role, version int64) error {
	return s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteRoles); err != nil {
			return err
		}
		before, err := scanRole(t.get(selectRoleByID, id))
		if err != nil {
			return err
		}
		if before.Version != version {
			return backoffice.ErrConflict
		}
		after := before
		var problems backoffice.Problems
		if after.Role, problems = backoffice.CheckRoleChange(before.Role, role); len(problems) > 0 {
			return problems
		}
		if after.Same(before.Role) {
			return nil
		}
		after.Version = before.Version + 1
		if err := t.one(updateRole, roleColumns.values(&after.Role, before.key)...); err != nil {
			return err
		}
		if err := t.keepRolesGiven(); err != nil {
			return err
		}
		was, is := rolePayload(before.Role), rolePayload(after.Role)
		for field := range was {
			if fmt.Sprint(was[field]) == fmt.Sprint(is[field]) {
				delete(was, field)
				delete(is, field)
			}
		}
		return t.record(after.event("role.changed", was, is))
	})
}

// keepRolesGiven is asked after a change: somebody new gets a role even where
// nobody names one.
func (t *tx) keepRolesGiven() error {
	var defaults, first int
	if err := t.get(`SELECT COALESCE(SUM(CASE WHEN is_default THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN first_user THEN 1 ELSE 0 END), 0)
		FROM roles WHERE account_key IS NULL AND deleted_at IS NULL`).Scan(&defaults, &first); err != nil {
		return err
	}
	var problems backoffice.Problems
	if defaults == 0 {
		problems.Add("default", "This is the only default role. Make another one the default first.")
	}
	if first == 0 {
		problems.Add("first_user", "This is the only role that first users get. Give them another one first.")
	}
	return problems.Err()
}
