package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"steward/backoffice"
)

// DeleteRole moves a role to the bin, from which RestoreRole brings it back for
// 30 days. One that memberships hold, in the bin too, goes only with another role
// that is given to them in its place. It returns the deletion's ID, by which the
// trail offers to undo it. Errors: ErrNotFound, ErrForbidden, Problems
// (replacement; default, first_user for the last role that is given by itself; ""
// for a built-in one).
func (s *Store) DeleteRole(ctx context.Context, actor backoffice.Actor, id, replacementID string) (deletion string, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteRoles); err != nil {
			return err
		}
		role, err := scanRole(t.get(selectRoleByID, id))
		if err != nil {
			return err
		}
		if role.BuiltIn {
			return backoffice.Problems{"": "A built-in role cannot be deleted."}
		}
		live, binned, err := holders(t.ctx, t, []int64{role.key})
		if err != nil {
			return err
		}
		deletion = newID()
		e := role.event("role.deleted", rolePayload(role.Role), nil)
		e.undo = deletion
		var replacedBy int64
		if n := live[role.key] + binned[role.key]; n > 0 {
			replacement, err := t.replacement(role, replacementID, live[role.key], binned[role.key])
			if err != nil {
				return err
			}
			if err := t.replaceRole(role.key, replacement.key); err != nil {
				return err
			}
			replacedBy = replacement.key
			e.action, e.after = "role.replaced", map[string]any{"replacement": replacement.Name, "memberships": n}
		}
		if err := t.one(`UPDATE roles SET deleted_at = $1, deletion_id = $2, replaced_by = $3, version = version + 1 WHERE key = $4`,
			t.now.UnixMicro(), deletion, nullKey(replacedBy), role.key); err != nil {
			return err
		}
		if err := t.keepRolesGiven(); err != nil {
			return err
		}
		return t.record(e)
	})
	return deletion, err
}

// heldKeys are the keys of the roles of a membership mr.membership_key, in order:
// by them a later change is told from what the replacement left.
const heldKeys = `COALESCE((SELECT string_agg(x.r, ' ') FROM (SELECT CAST(h.role_key AS TEXT) AS r FROM membership_roles h
	WHERE h.membership_key = mr.membership_key ORDER BY 1) x), '')`

// replaceRole gives one role in place of another, and remembers to whom.
func (t *tx) replaceRole(role, replacement int64) error {
	if _, err := t.exec(`DELETE FROM replaced_roles WHERE role_key = $1`, role); err != nil {
		return err
	}
	for _, text := range []string{
		`INSERT INTO replaced_roles (role_key, membership_key, gained, left_with) SELECT $2, mr.membership_key,
			NOT EXISTS (SELECT 1 FROM membership_roles o WHERE o.membership_key = mr.membership_key AND o.role_key = $1), '' FROM membership_roles mr WHERE mr.role_key = $2`,
		`INSERT INTO membership_roles (membership_key, role_key) SELECT membership_key, $1 FROM membership_roles WHERE role_key = $2 ON CONFLICT DO NOTHING`,
	} {
		if _, err := t.exec(text, replacement, role); err != nil {
			return err
		}
	}
	for _, text := range []string{
		`DELETE FROM membership_roles WHERE role_key = $1`,
		`UPDATE replaced_roles SET left_with = (SELECT ` + heldKeys + ` FROM (SELECT replaced_roles.membership_key AS membership_key) mr) WHERE role_key = $1`,
	} {
		if _, err := t.exec(text, role); err != nil {
			return err
		}
	}
	return nil
}

// replacement finds the role that is given in place of another one. It has to
// be known wherever the other one was.
func (t *tx) replacement(role storedRole, id string, live, binned int64) (storedRole, error) {
	if id == "" {
		return storedRole{}, backoffice.Problems{"replacement": heldText(live, binned) + " Choose the role that is given in its place."}
	}
	other, err := scanRole(t.get(selectRoleByID, id))
	if errors.Is(err, backoffice.ErrNotFound) || err == nil && (other.key == role.key || other.account != 0 && other.account != role.account) {
		return other, backoffice.Problems{"replacement": "Choose another role that is there wherever this one is held."}
	}
	return other, err
}

func heldText(live, binned int64) string {
	text := fmt.Sprintf("%d memberships hold this role", live)
	if live == 1 {
		text = "One membership holds this role"
	}
	switch {
	case binned == 1:
		text += ", and one in the bin"
	case binned > 1:
		text += fmt.Sprintf(", and %d in the bin", binned)
	}
	return text + "."
}

// RestoredRole says what came of bringing a role back.
type RestoredRole struct {
	Role    backoffice.Role
	GivenTo int64 // memberships that have it again
	Changed int64 // memberships whose roles were changed since, and stay as they are
}

// RestoreRole brings a role back from the bin, with the memberships that had it
// when it was deleted: they have it again, and what they got in its place no
// more. A membership whose roles were changed since keeps them. Errors:
// ErrNotFound, ErrForbidden, Problems (key) when another role has its key by now.
func (s *Store) RestoreRole(ctx context.Context, actor backoffice.Actor, id string) (out RestoredRole, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteRoles); err != nil {
			return err
		}
		role, err := scanRole(t.get(`SELECT `+roleFields+` FROM roles r LEFT JOIN accounts a ON a.key = r.account_key
			WHERE r.deleted_at IS NOT NULL AND (r.account_key IS NULL OR a.deleted_at IS NULL) AND r.id = $1`, id))
		if err != nil {
			return err
		}
		if err := t.keyIsFree(role); err != nil {
			return err
		}
		var replacement int64
		if err := t.get(`SELECT COALESCE(replaced_by, 0) FROM roles WHERE key = $1`, role.key).Scan(&replacement); err != nil {
			return err
		}
		if err := t.one(`UPDATE roles SET deleted_at = NULL, deletion_id = NULL, replaced_by = NULL, version = version + 1 WHERE key = $1`, role.key); err != nil {
			return err
		}
		out = RestoredRole{Role: role.Role}
		if out.GivenTo, out.Changed, err = t.giveBack(role.key, replacement); err != nil {
			return err
		}
		after := rolePayload(role.Role)
		if out.GivenTo > 0 {
			after["memberships"] = out.GivenTo
		}
		return t.record(role.event("role.restored", nil, after))
	})
	return out, err
}

// giveBack gives a role to the memberships that its deletion took it from, and
// counts those that were changed since.
func (t *tx) giveBack(role, replacement int64) (given, changed int64, err error) {
	const unchanged = `FROM replaced_roles mr WHERE mr.role_key = $1 AND mr.left_with = ` + heldKeys + ` AND EXISTS (SELECT 1 FROM memberships m WHERE m.key = mr.membership_key)`
	if err := t.get(`SELECT COUNT(*) FROM replaced_roles r JOIN memberships m ON m.key = r.membership_key WHERE r.role_key = $1`, role).Scan(&changed); err != nil {
		return 0, 0, err
	}
	rows, err := t.rows(t.ctx, `SELECT mr.membership_key, mr.gained `+unchanged+` ORDER BY 1`, role)
	type had struct {
		membership int64
		gained     bool
	}
	list, err := collect(rows, err, func(r rowScanner) (h had, err error) { err = r.Scan(&h.membership, &h.gained); return })
	if err != nil {
		return 0, 0, err
	}
	for _, h := range list {
		if _, err := t.exec(`INSERT INTO membership_roles (membership_key, role_key) VALUES ($1, $2) ON CONFLICT DO NOTHING`, h.membership, role); err != nil {
			return 0, 0, err
		}
		if !h.gained {
			continue
		}
		if _, err := t.exec(`DELETE FROM membership_roles WHERE membership_key = $1 AND role_key = $2`, h.membership, replacement); err != nil {
			return 0, 0, err
		}
	}
	_, err = t.exec(`DELETE FROM replaced_roles WHERE role_key = $1`, role)
	return int64(len(list)), changed - int64(len(list)), err
}

// rolesThere are the roles of a list of keys that exist; one that was deleted
// since stands for what was given in its place.
func (t *tx) rolesThere(keys string) (roles []int64, err error) {
	for field := range strings.FieldsSeq(keys) {
		key, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return nil, err
		}
		// Each step leads to a role that was there when the one before it went: it
		// ends after some, and the limit is for a damaged row.
		for range 64 {
			var binned bool
			var next int64
			err := t.get(`SELECT deleted_at IS NOT NULL, COALESCE(replaced_by, 0) FROM roles WHERE key = $1`, key).Scan(&binned, &next)
			if errors.Is(err, backoffice.ErrNotFound) {
				break
			}
			if err != nil {
				return nil, err
			}
			if !binned {
				if !slices.Contains(roles, key) {
					roles = append(roles, key)
				}
				break
			}
			if key = next; key == 0 {
				break
			}
		}
	}
	return roles, nil
}

// PurgeRoles removes for good what roles have been in the bin for longer than 30
// days, at most limit of them, and the payloads of their events; the chain keeps
// the digests. It returns how many went.
func (s *Store) PurgeRoles(ctx context.Context, limit int) (n int, err error) {
	err = s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		rows, err := t.rows(t.ctx, `SELECT key, id FROM roles WHERE deleted_at IS NOT NULL AND deleted_at <= $1 ORDER BY deleted_at, key LIMIT $2`,
			t.now.Add(-backoffice.BinDays*24*time.Hour).UnixMicro(), limit)
		type gone struct {
			key int64
			id  string
		}
		list, err := collect(rows, err, func(r rowScanner) (g gone, err error) { err = r.Scan(&g.key, &g.id); return })
		if err != nil {
			return err
		}
		for _, g := range list {
			for _, text := range []string{
				`DELETE FROM replaced_roles WHERE role_key = $1`,
				`UPDATE roles SET replaced_by = NULL WHERE replaced_by = $1`,
				`DELETE FROM roles WHERE key = $1`,
			} {
				if _, err := t.exec(text, g.key); err != nil {
					return err
				}
			}
			if _, err := t.exec(`UPDATE events SET `+emptied+` WHERE object_id = $1 AND object_kind = 'role'`, g.id); err != nil {
				return err
			}
			if err := t.record(event{action: "role.purged", kind: "role", id: g.id}); err != nil {
				return err
			}
		}
		n = len(list)
		return nil
	})
	return n, err
}
