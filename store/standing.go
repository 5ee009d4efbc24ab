package store

import (
	"context"
	"encoding/json"
	"fmt"

	"steward/backoffice"
)

// selectStanding lists accounts outside of the bin with how a user, $1, stands in
// them, roles apart. Access by grant will join it here.
const selectStanding = `SELECT a.key, a.id, a.name, m.key, m.status, m.disabled, m.last_visit_at
	FROM memberships m JOIN accounts a ON a.key = m.account_key AND a.deleted_at IS NULL WHERE m.user_key = $1`

func scanStanding(r rowScanner) (s backoffice.Standing, err error) {
	err = r.Scan(&s.Account.Key, &s.Account.ID, &s.Account.Name, &s.Membership, &s.Status, &s.Disabled, zeroMicros{&s.LastVisit})
	return s, err
}

// standingIn is how a user stands in one account. Errors: ErrNotFound when they
// do not stand in it at all.
func standingIn(ctx context.Context, r reader, user, account int64) (backoffice.Standing, error) {
	s, err := scanStanding(r.row(ctx, selectStanding+` AND m.account_key = $2`, user, account))
	if err != nil {
		return s, err
	}
	s.Roles, err = heldRoles(ctx, r, s.Membership)
	return s, err
}

// standings are all accounts that a user stands in, the one visited last first;
// roles are left out.
func standings(ctx context.Context, r reader, user int64) ([]backoffice.Standing, error) {
	rows, err := r.rows(ctx, selectStanding+` ORDER BY m.last_visit_at DESC, a.name_sort, a.key`, user)
	return collect(rows, err, scanStanding)
}

// heldRoles are the roles of a membership, with their permissions.
func heldRoles(ctx context.Context, r reader, membership int64) ([]backoffice.Role, error) {
	rows, err := r.rows(ctx, `SELECT o.handle, o.name, o.level, o.permissions FROM membership_roles mr JOIN roles o ON o.key = mr.role_key
		WHERE mr.membership_key = $1 ORDER BY o.level, o.handle`, membership)
	return collect(rows, err, func(r rowScanner) (role backoffice.Role, err error) {
		var permissions string
		if err := r.Scan(&role.Key, &role.Name, &role.Level, &permissions); err != nil {
			return role, err
		}
		role.Permissions, err = permissionsOf(permissions)
		return role, err
	})
}

// permissionsOf reads permissions as a role keeps them.
func permissionsOf(text string) (p backoffice.Permissions, err error) {
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("permissions of a role: %w", err)
	}
	return p, nil
}
