package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"steward/backoffice"
)

// memberRow is a membership as the verbs that change one find it.
type memberRow struct {
	account  backoffice.Account
	user     backoffice.User
	standing backoffice.Standing
}

// mayManage refuses an actor who may not change the users of an account: staff by
// their permission, a user by theirs in the account that they are in, read anew
// within this unit of work. What is not theirs to know does not exist. Errors:
// ErrForbidden, ErrNotFound.
func (t *tx) mayManage(account int64, staff backoffice.StaffPermission, here backoffice.Permission) error {
	if t.actor.Kind != backoffice.ActorUser {
		if !t.actor.May(staff) {
			return backoffice.ErrForbidden
		}
		return nil
	}
	if t.seat.Key == 0 {
		t.seat = t.actor.Account
	}
	seen := t.seat.Key == account
	if !seen {
		// An account below is seen by who manages sub-accounts, and changed by who has
		// come to hold the permission there.
		home, err := t.home()
		if err != nil {
			return err
		}
		path, err := pathOf(t.ctx, t, account)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(path, home.inside()) {
			return backoffice.ErrNotFound
		}
	}
	standing, err := standingIn(t.ctx, t, t.now, t.actor.Key, account)
	if !seen && (errors.Is(err, backoffice.ErrNotFound) || err == nil && !standing.Enters()) {
		return backoffice.ErrForbidden
	}
	if err != nil {
		return err
	}
	if !standing.Enters() {
		return backoffice.ErrNotFound
	}
	t.actor.Account, t.actor.Roles = standing.Account, standing.Roles
	if !t.actor.MayHere(here) {
		return backoffice.ErrForbidden
	}
	return nil
}

// memberOf finds a user of an account by public IDs. Errors: ErrNotFound.
func (t *tx) memberOf(accountID, userID string) (m memberRow, err error) {
	if m.account, err = t.account(accountID); err != nil {
		return m, err
	}
	if m.user, err = readUser(t.ctx, t, selectUserByID, userID); err != nil {
		return m, err
	}
	m.standing, err = membershipIn(t.ctx, t, m.user.Key, m.account.Key)
	return m, err
}

// overMember refuses a user who would change somebody that stands above them:
// what they could not give they cannot take away either.
func (t *tx) overMember(m memberRow) error {
	if t.actor.Kind != backoffice.ActorUser || t.actor.Key == m.user.Key {
		return nil
	}
	if backoffice.MayGrant(t.actor.Roles, m.standing.Roles) != nil {
		return backoffice.Refusal("This user holds a role that stands above yours.")
	}
	return nil
}

// mayReachBelow refuses a user who would have somebody hold more in sub-accounts
// by other roles, without being one who may give access to them: the roles of a
// membership that was given access hold there as well.
func (t *tx) mayReachBelow(m memberRow, after []storedRole) error {
	if t.actor.Kind != backoffice.ActorUser || t.actor.MayHere(backoffice.WriteSubAccountAccess) {
		return nil
	}
	var given int64
	if err := t.get(`SELECT COUNT(*) FROM grants WHERE membership_key = $1`, m.standing.Membership).Scan(&given); err != nil || given == 0 {
		return err
	}
	for _, r := range after {
		if !backoffice.Covers(backoffice.PermissionsOf(m.standing.Roles), r.Permissions) {
			return backoffice.Refusal("This user has access to sub-accounts, where the role " + r.Name + " would hold as well: you may not give access to them.")
		}
	}
	return nil
}

// keepAManager refuses an act of a customer admin after which nobody could manage
// the account (product.md, section 5): without is the membership that would not
// count any more.
func (t *tx) keepAManager(account, without int64) error {
	if t.actor.Kind != backoffice.ActorUser {
		return nil
	}
	stays, err := staysManaged(t.ctx, t, t.now, account, without, 0)
	if err == nil && !stays {
		err = backoffice.Refusal("Nobody else could manage this account then. Make somebody else an admin first.")
	}
	return err
}

// staysManaged reports whether somebody could still manage an account, by
// membership or by a grant from above, if a membership did not count, or all that a
// user has; 0 is none.
func staysManaged(ctx context.Context, r reader, now time.Time, account, without, withoutUser int64) (bool, error) {
	manage := func(held []backoffice.Permissions, err error) (bool, error) {
		return slices.ContainsFunc(held, func(p backoffice.Permissions) bool { return p.Has(backoffice.WriteUsers) }), err
	}
	rows, err := r.rows(ctx, `SELECT DISTINCT o.permissions FROM memberships m JOIN users u ON u.key = m.user_key
		JOIN membership_roles mr ON mr.membership_key = m.key JOIN roles o ON o.key = mr.role_key
		WHERE m.account_key = $1 AND m.key <> $2 AND m.user_key <> $3 AND `+managing, account, without, withoutUser)
	if may, err := manage(collect(rows, err, scanPermissions)); err != nil || may {
		return may, err
	}
	// Who comes in from above can manage it as well.
	above, err := aboveKeys(ctx, r, account)
	if err != nil || len(above) == 0 {
		return false, err
	}
	in, args := keyList(above, 3)
	rows, err = r.rows(ctx, `SELECT DISTINCT o.permissions FROM accounts x CROSS JOIN memberships m LEFT JOIN grants g ON g.membership_key = m.key
		JOIN users u ON u.key = m.user_key JOIN membership_roles mr ON mr.membership_key = m.key JOIN roles o ON o.key = mr.role_key
		WHERE x.key IN (`+in+`) AND m.user_key <> $2 AND NOT u.locked AND u.deleted_at IS NULL AND o.deleted_at IS NULL AND `+grants(1), append([]any{now.UnixMicro(), withoutUser}, args...)...)
	return manage(collect(rows, err, scanPermissions))
}

// LastManager reports whether nobody could manage an account any more once a user
// of it, who can by their roles, were removed from it.
func (s *Store) LastManager(ctx context.Context, a backoffice.Account, user backoffice.User) (bool, error) {
	standing, err := membershipIn(ctx, s.query(), user.Key, a.Key)
	if err != nil || !backoffice.PermissionsOf(standing.Roles).Has(backoffice.WriteUsers) {
		return false, err
	}
	stays, err := staysManaged(ctx, s.query(), s.Now(), a.Key, standing.Membership, 0)
	return err == nil && !stays, err
}

func scanPermissions(r rowScanner) (p backoffice.Permissions, err error) {
	var text string
	if err := r.Scan(&text); err != nil {
		return nil, err
	}
	return permissionsOf(text)
}

// ChangeMemberRoles replaces the roles of a user in an account. It holds from
// their next request on. Errors: ErrNotFound, ErrForbidden, Problems (roles).
func (s *Store) ChangeMemberRoles(ctx context.Context, actor backoffice.Actor, accountID, userID string, keys []string) error {
	return s.update(ctx, actor, func(t *tx) error { return t.changeMemberRoles(accountID, userID, keys) })
}

func (t *tx) changeMemberRoles(accountID, userID string, keys []string) error {
	m, err := t.memberOf(accountID, userID)
	if err != nil {
		return err
	}
	if err := t.mayManage(m.account.Key, backoffice.WriteAccounts, backoffice.WriteUsers); err != nil {
		return err
	}
	if len(keys) == 0 {
		return backoffice.Problems{"roles": "Choose at least one role."}
	}
	roles, err := t.rolesNamed(m.account.Key, keys)
	if err == nil {
		err = t.overMember(m)
	}
	if err == nil {
		err = t.mayGrant(m.account.Key, roles)
	}
	if err == nil {
		err = t.mayReachBelow(m, roles)
	}
	manages := false
	var after, before []string
	var rows []int64
	for _, r := range roles {
		manages = manages || r.Permissions.Has(backoffice.WriteUsers)
		after, rows = append(after, r.Name), append(rows, r.key)
	}
	if err == nil && !manages {
		err = t.keepAManager(m.account.Key, m.standing.Membership)
	}
	if isRefusal(err) {
		return backoffice.Problems{"roles": err.Error()}
	} else if err != nil {
		return err
	}
	for _, r := range m.standing.Roles {
		before = append(before, r.Name)
	}
	if strings.Join(before, "\n") == strings.Join(after, "\n") {
		return nil
	}
	if err := t.setRoles(m.standing.Membership, rows); err != nil {
		return err
	}
	return t.record(event{action: "user.roles-changed", kind: "user", id: m.user.ID, name: userLabel(m.user.Name, m.user.Email), accountKey: m.account.Key,
		before: map[string]any{"account": m.account.Name, "roles": before}, after: map[string]any{"account": m.account.Name, "roles": after}})
}

// RemoveMember takes a user out of an account; their sessions in it end at once.
// It returns the removal's ID, by which RestoreMember takes it back. Errors:
// ErrNotFound, ErrForbidden, a Refusal.
func (s *Store) RemoveMember(ctx context.Context, actor backoffice.Actor, accountID, userID string) (removal string, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		removal, err = t.removeMember(accountID, userID)
		return err
	})
	return removal, err
}

func (t *tx) removeMember(accountID, userID string) (removal string, err error) {
	m, err := t.memberOf(accountID, userID)
	if err != nil {
		return "", err
	}
	if err := t.mayManage(m.account.Key, backoffice.WriteAccounts, backoffice.DeleteUsers); err != nil {
		return "", err
	}
	if err := errors.Join(t.overMember(m), t.keepAManager(m.account.Key, m.standing.Membership)); err != nil {
		return "", firstRefusal(err)
	}
	if _, err := t.endUserSessions(m.user.Key, m.account.Key, nil); err != nil {
		return "", err
	}
	removal = newID()
	if err := t.keepRemoved(removal, m); err != nil {
		return "", err
	}
	var roles []string
	for _, r := range m.standing.Roles {
		roles = append(roles, r.Name)
	}
	before, err := t.grantPayload(m, map[string]any{"account": m.account.Name, "roles": roles, "status": m.standing.Status})
	if err != nil {
		return "", err
	}
	if err := t.deleteMembership(m.standing.Membership); err != nil {
		return "", err
	}
	if err := t.endUnreachableOf(m.user.Key); err != nil {
		return "", err
	}
	return removal, t.record(event{action: "user.removed", kind: "user", id: m.user.ID, name: userLabel(m.user.Name, m.user.Email), accountKey: m.account.Key, before: before, undo: removal})
}

// firstRefusal is the first sentence of refusals joined.
func firstRefusal(err error) error {
	var r backoffice.Refusal
	if errors.As(err, &r) {
		return r
	}
	return err
}

// SetMemberDisabled switches a membership off or on again. Off ends the user's
// sessions in the account at once; nothing else is lost. Errors: ErrNotFound,
// ErrForbidden, a Refusal.
func (s *Store) SetMemberDisabled(ctx context.Context, actor backoffice.Actor, accountID, userID string, disabled bool) error {
	return s.update(ctx, actor, func(t *tx) error {
		m, err := t.memberOf(accountID, userID)
		if err != nil {
			return err
		}
		if err := t.mayManage(m.account.Key, backoffice.WriteAccounts, backoffice.WriteUsers); err != nil {
			return err
		}
		if m.standing.Disabled == disabled {
			return nil
		}
		err = t.overMember(m)
		if err == nil && disabled {
			err = t.keepAManager(m.account.Key, m.standing.Membership)
		}
		if err != nil {
			return err
		}
		if err := t.one(`UPDATE memberships SET disabled = $1 WHERE key = $2`, disabled, m.standing.Membership); err != nil {
			return err
		}
		action := "user.enabled"
		if disabled {
			action = "user.disabled"
			if _, err := t.endUserSessions(m.user.Key, m.account.Key, nil); err != nil {
				return err
			}
			if err := t.endUnreachableOf(m.user.Key); err != nil {
				return err
			}
		}
		return t.record(event{action: action, kind: "user", id: m.user.ID, name: userLabel(m.user.Name, m.user.Email), accountKey: m.account.Key,
			after: map[string]any{"account": m.account.Name}})
	})
}

// Member returns a user of an account as its page shows them. Errors:
// ErrNotFound.
func (s *Store) Member(ctx context.Context, a backoffice.Account, userID string) (m backoffice.Member, roles []string, err error) {
	u, err := readUser(ctx, s.query(), selectUserByID, userID)
	if err != nil {
		return m, nil, err
	}
	found, err := s.query().membersWhere(ctx, `m.last_visit_at >= $3 AND u.key = $4`, false, a.Key, a.PrimaryUserKey, int64(0), u.Key)
	if err != nil {
		return m, nil, err
	}
	if len(found) == 0 {
		return m, nil, backoffice.ErrNotFound
	}
	standing, err := membershipIn(ctx, s.query(), u.Key, a.Key)
	for _, r := range standing.Roles {
		roles = append(roles, r.Key)
	}
	return found[0], roles, err
}

// OpenInvitation returns the pending invitation of a user to an account, by the
// account's key. Errors: ErrNotFound.
func (s *Store) OpenInvitation(ctx context.Context, account int64, userID string) (backoffice.Invitation, error) {
	i, err := scanInvitation(s.query().row(ctx, selectInvitation+` AND i.account_key = $1 AND u.id = $2`, account, userID))
	return i.Invitation, err
}
