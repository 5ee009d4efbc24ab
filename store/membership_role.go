package store

import (
	"context"
	"slices"

	"steward/backoffice"
)

// grantables returns the roles that can be given in an account, the highest first.
func grantables(ctx context.Context, r reader, account int64) ([]storedRole, error) {
	rows, err := r.rows(ctx, selectRoles+` AND (r.account_key IS NULL OR r.account_key = $1) ORDER BY r.level, r.name, r.key`, account)
	return collect(rows, err, func(r rowScanner) (storedRole, error) { return scanRole(r) })
}

// GrantableRoles returns the roles that can be given to users of an account, the
// highest first.
func (s *Store) GrantableRoles(ctx context.Context, a backoffice.Account) ([]backoffice.Role, error) {
	found, err := grantables(ctx, s.query(), a.Key)
	roles := make([]backoffice.Role, len(found))
	for i, g := range found {
		roles[i] = g.Role
	}
	return roles, err
}

// rolesNamed finds roles that can be given in an account by their keys. Errors:
// a Refusal for a key that is unknown there.
func (t *tx) rolesNamed(account int64, keys []string) ([]storedRole, error) {
	known, err := grantables(t.ctx, t, account)
	if err != nil {
		return nil, err
	}
	var roles []storedRole
	for _, key := range distinct(keys) {
		i := slices.IndexFunc(known, func(g storedRole) bool { return g.Key == key })
		if i < 0 {
			return nil, backoffice.Refusal("One of these roles does not exist any more. Choose again.")
		}
		roles = append(roles, known[i])
	}
	return roles, nil
}

// mayAddUsers refuses an actor who may not add users to the account. Errors:
// ErrForbidden, ErrNotFound.
func (t *tx) mayAddUsers(account int64) error {
	return t.mayManage(account, backoffice.WriteAccounts, backoffice.WriteUsers)
}

// mayGrant refuses an actor who may not give the roles in the account, after
// mayManage has read what they hold there; staff and the command line may give
// any. Errors: a Refusal (backoffice.MayGrant).
func (t *tx) mayGrant(account int64, given []storedRole) error {
	roles := make([]backoffice.Role, len(given))
	for i, g := range given {
		roles[i] = g.Role
	}
	return t.actor.MayGive(account, roles)
}
