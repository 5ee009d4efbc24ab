package store

import (
	"context"
	"errors"
	"time"

	"steward/backoffice"
)

// keepRemoved notes what a membership was that is taken away, so that it can
// come back for 30 days; what an earlier removal of the same kept is gone.
func (t *tx) keepRemoved(removal string, m memberRow) error {
	if _, err := t.exec(`DELETE FROM removed_memberships WHERE user_key = $1 AND account_key = $2`, m.user.Key, m.account.Key); err != nil {
		return err
	}
	return t.one(`INSERT INTO removed_memberships (id, user_key, account_key, status, disabled, created_at, roles, removed_at)
		SELECT $1, m.user_key, m.account_key, m.status, m.disabled, m.created_at,
			COALESCE((SELECT string_agg(CAST(mr.role_key AS TEXT), ' ') FROM membership_roles mr WHERE mr.membership_key = m.key), ''), $2
		FROM memberships m WHERE m.key = $3`, removal, t.now.UnixMicro(), m.standing.Membership)
}

// RestoreMember takes the removal of a user from an account back, by its ID:
// they are in it again with the roles that still exist, or what these were
// replaced by, and the status that is true; no session comes back. A user may who
// may remove users there, and give what comes back. Errors: ErrNotFound when there
// is nothing left to undo, ErrForbidden, a Refusal.
func (s *Store) RestoreMember(ctx context.Context, actor backoffice.Actor, accountID, userID, removal string) error {
	return s.update(ctx, actor, func(t *tx) error {
		var status, held string
		var disabled bool
		var created, removed int64
		if err := t.get(`SELECT r.status, r.disabled, r.created_at, r.roles, r.removed_at FROM removed_memberships r
			JOIN users u ON u.key = r.user_key JOIN accounts a ON a.key = r.account_key
			WHERE r.id = $1 AND r.removed_at > $2 AND u.deleted_at IS NULL AND a.deleted_at IS NULL AND a.id = $3 AND u.id = $4`,
			removal, t.now.Add(-backoffice.BinDays*24*time.Hour).UnixMicro(), accountID, userID).Scan(&status, &disabled, &created, &held, &removed); err != nil {
			return err
		}
		a, err := t.account(accountID)
		if err != nil {
			return err
		}
		u, err := t.mayReturn(a, userID)
		if err != nil {
			return err
		}
		if _, err := membershipIn(t.ctx, t, u.Key, a.Key); err == nil {
			return backoffice.Refusal("They are in this account again already.")
		} else if !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
		roles, err := t.rolesThere(held)
		if err != nil {
			return err
		}
		if len(roles) == 0 {
			return backoffice.Refusal("None of the roles that they had exists any more. Add them to the account anew.")
		}
		if err := t.mayReturnAs(a, u, roles); err != nil {
			return err
		}
		is, err := t.statusAgain(a.Key, u.Key, backoffice.MembershipStatus(status), removed)
		if err != nil {
			return err
		}
		key, err := t.insertMembership(membership{account: a.Key, user: u.Key, status: is, createdAt: time.UnixMicro(created).UTC()}, a.CreatedAt, roles)
		if err != nil {
			return err
		}
		if disabled {
			if err := t.one(`UPDATE memberships SET disabled = TRUE WHERE key = $1`, key); err != nil {
				return err
			}
		}
		if err := t.grantAgain(a.Key, u.Key); err != nil {
			return err
		}
		if err := t.applicationsAgain(u.Key, removed); err != nil {
			return err
		}
		if err := t.one(`DELETE FROM removed_memberships WHERE id = $1`, removal); err != nil {
			return err
		}
		standing, err := membershipIn(t.ctx, t, u.Key, a.Key)
		if err != nil {
			return err
		}
		var names []string
		for _, r := range standing.Roles {
			names = append(names, r.Name)
		}
		return t.record(event{action: "user.returned", kind: "user", id: u.ID, name: userLabel(u.Name, u.Email), accountKey: a.Key,
			after: map[string]any{"account": a.Name, "roles": names, "status": is}})
	})
}

// mayReturn finds a user whose removal from an account the actor may take back.
// Errors: ErrNotFound, ErrForbidden.
func (t *tx) mayReturn(a backoffice.Account, userID string) (backoffice.User, error) {
	if t.actor.Kind == backoffice.ActorUser {
		if err := t.mayManage(a.Key, backoffice.WriteAccounts, backoffice.DeleteUsers); err != nil {
			return backoffice.User{}, err
		}
		return readUser(t.ctx, t, selectUserByID, userID)
	}
	if err := t.mayStill(backoffice.WriteAccounts); err != nil {
		return backoffice.User{}, err
	}
	return t.userNow(userID)
}

// mayReturnAs refuses a user who could not give what comes back with a membership:
// its roles, and its access to sub-accounts. Errors: a Refusal.
func (t *tx) mayReturnAs(a backoffice.Account, u backoffice.User, roles []int64) error {
	if t.actor.Kind != backoffice.ActorUser {
		return nil
	}
	var given []backoffice.Role
	if err := lookup(t.ctx, t, selectRolesByKey, roles, func(r rowScanner) error {
		v, err := scanRole(r)
		given = append(given, v.Role)
		return err
	}); err != nil {
		return err
	}
	if err := t.actor.MayGive(a.Key, given); err != nil {
		return err
	}
	var rests bool
	err := t.get(`SELECT EXISTS (SELECT 1 FROM resting_grants WHERE account_key = $1 AND user_key = $2)`, a.Key, u.Key).Scan(&rests)
	if err == nil && rests && !t.actor.MayHere(backoffice.WriteSubAccountAccess) {
		err = backoffice.Refusal("They had access to sub-accounts, which you may not give. Ask somebody who may to put them back.")
	}
	return err
}

// statusAgain is the status of a membership that comes back after it was taken
// away at an instant: Invited only where its invitation waits again, which was
// closed at that instant and by nothing else. That takes a link that still lives
// and that somebody has got, at the address that the user still has. Whoever has
// no invitation has to sign in, and has never done so.
func (t *tx) statusAgain(account, user int64, was backoffice.MembershipStatus, closed int64) (backoffice.MembershipStatus, error) {
	if was != backoffice.Invited {
		return was, nil
	}
	n, err := t.exec(`UPDATE invitations SET revoked_at = NULL WHERE account_key = $1 AND user_key = $2 AND revoked_at = $3 AND accepted_at IS NULL AND expires_at > $4
		AND email = (SELECT u.email FROM users u WHERE u.key = $2)
		AND (copied OR COALESCE((SELECT l.state FROM mails l WHERE l.key = mail_key), 'sent') = 'sent')`, account, user, closed, t.now.UnixMicro())
	if err != nil || n == 0 {
		return backoffice.PendingLogin, err
	}
	return backoffice.Invited, nil
}
