package store

import (
	"context"
	"time"

	"steward/backoffice"
)

// GiveAccess lets the roles of a membership hold in all that lies below its
// account, now and later; who has it already gets the new end and reason. A user
// may give what they may give in the account, where they hold the permission.
// Errors: ErrNotFound, ErrForbidden, Problems (ends_at, reason), a Refusal.
func (s *Store) GiveAccess(ctx context.Context, actor backoffice.Actor, accountID, userID string, n backoffice.NewGrant) error {
	return s.update(ctx, actor, func(t *tx) error { return t.giveAccess(accountID, userID, n) })
}

func (t *tx) giveAccess(accountID, userID string, n backoffice.NewGrant) error {
	m, err := t.mayChangeAccess(accountID, userID)
	if err != nil {
		return err
	}
	reason, problems := checkGrant(n, t.now)
	if err := problems.Err(); err != nil {
		return err
	}
	return t.grant(m, backoffice.NewGrant{Reason: reason, EndsAt: n.EndsAt})
}

func checkGrant(n backoffice.NewGrant, now time.Time) (reason string, problems backoffice.Problems) {
	reason, err := backoffice.CleanName(n.Reason, backoffice.MaxGrantReason)
	if err != nil {
		problems.Add("reason", err.Error())
	}
	if !n.EndsAt.IsZero() && !n.EndsAt.After(now) {
		problems.Add("ends_at", "Choose a day after today, or leave it empty.")
	}
	return reason, problems
}

// mayChangeAccess finds a membership whose access to sub-accounts the actor may
// give and revoke. Errors: ErrNotFound, ErrForbidden, a Refusal.
func (t *tx) mayChangeAccess(accountID, userID string) (memberRow, error) {
	p, err := t.inBranch(accountID, backoffice.WriteSubAccountAccess)
	if err != nil {
		return memberRow{}, err
	}
	m, err := t.memberOf(accountID, userID)
	if err != nil || t.actor.Kind != backoffice.ActorUser {
		return m, err
	}
	if err := t.mayManage(p.Key, backoffice.WriteAccounts, backoffice.WriteSubAccountAccess); err != nil {
		return m, err
	}
	return m, backoffice.MayGrant(t.actor.Roles, m.standing.Roles)
}

// grant writes the access of a membership and the event.
func (t *tx) grant(m memberRow, n backoffice.NewGrant) error {
	ends := int64(0)
	before, err := t.grantPayload(m, nil)
	if err != nil {
		return err
	}
	after := map[string]any{"account": m.account.Name}
	if !n.EndsAt.IsZero() {
		ends = n.EndsAt.UnixMicro()
		after["ends_at"] = n.EndsAt
	}
	if n.Reason != "" {
		after["reason"] = n.Reason
	}
	if err := t.restApplications(m.user.Key); err != nil { // access that had ended by itself
		return err
	}
	if err := t.one(`INSERT INTO grants (membership_key, granted_at, granted_by, reason, ends_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (membership_key) DO UPDATE SET granted_at = $2, granted_by = $3, reason = $4, ends_at = $5`,
		m.standing.Membership, t.now.UnixMicro(), t.actor.Label(), n.Reason, ends); err != nil {
		return err
	}
	if err := t.endUnreachable(m.account.Key); err != nil { // an end that came nearer
		return err
	}
	return t.record(event{action: "user.access-given", kind: "user", id: m.user.ID, name: userLabel(m.user.Name, m.user.Email), accountKey: m.account.Key, before: before, after: after})
}

// grantPayload adds to the fields of an event the access that a membership was
// given, which the event ends: EarlierAccess reads it there. Without any it adds
// nothing.
func (t *tx) grantPayload(m memberRow, fields map[string]any) (any, error) {
	g, given, err := grantOf(t.ctx, t, m.account.Key, m.user.Key)
	if err == nil && given {
		if fields == nil {
			fields = map[string]any{}
		}
		fields["given_at"], fields["given_by"] = g.At, g.By
		if g.Reason != "" {
			fields["reason"] = g.Reason
		}
		if !g.EndsAt.IsZero() {
			fields["ends_at"] = g.EndsAt
		}
	}
	if fields == nil {
		return nil, err
	}
	return fields, err
}

// grantByDefault gives a new membership the access that its account gives to all
// new ones.
func (t *tx) grantByDefault(account, first, last int64) error {
	_, err := t.exec(`INSERT INTO grants (membership_key, granted_at, granted_by) SELECT m.key, $1, $2 FROM memberships m JOIN accounts a ON a.key = m.account_key
		WHERE m.key BETWEEN $3 AND $4 AND a.sub_access = 'on' AND ($5 = 0 OR a.key = $5) ON CONFLICT DO NOTHING`, t.now.UnixMicro(), t.actor.Label(), first, last, account)
	return err
}

// restGrant keeps the access of a membership that is taken away.
func (t *tx) restGrant(membership, account, user int64) error {
	if _, err := t.exec(`DELETE FROM resting_grants WHERE account_key = $1 AND user_key = $2`, account, user); err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO resting_grants (account_key, user_key, granted_at, granted_by, reason, ends_at, rests_at)
		SELECT $1, $2, granted_at, granted_by, reason, ends_at, $3 FROM grants WHERE membership_key = $4`, account, user, t.now.UnixMicro(), membership)
	return err
}

// grantAgain gives a membership that comes back the access that it had, and none
// that new ones get.
func (t *tx) grantAgain(account, user int64) error {
	if _, err := t.exec(`DELETE FROM grants WHERE membership_key IN (SELECT key FROM memberships WHERE account_key = $1 AND user_key = $2)`, account, user); err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO grants (membership_key, granted_at, granted_by, reason, ends_at)
		SELECT m.key, r.granted_at, r.granted_by, r.reason, r.ends_at FROM resting_grants r JOIN memberships m ON m.account_key = r.account_key AND m.user_key = r.user_key
		WHERE r.account_key = $1 AND r.user_key = $2
		ON CONFLICT (membership_key) DO UPDATE SET granted_at = excluded.granted_at, granted_by = excluded.granted_by, reason = excluded.reason, ends_at = excluded.ends_at`, account, user); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM resting_grants WHERE account_key = $1 AND user_key = $2`, account, user)
	return err
}

// RevokeAccess takes access to sub-accounts from a membership; sessions below
// that nothing else leads into end. Who has none is no error. Errors:
// ErrNotFound, ErrForbidden, a Refusal where all of the account have it.
func (s *Store) RevokeAccess(ctx context.Context, actor backoffice.Actor, accountID, userID string) error {
	return s.update(ctx, actor, func(t *tx) error { return t.revokeAccess(accountID, userID) })
}

func (t *tx) revokeAccess(accountID, userID string) error {
	m, err := t.mayChangeAccess(accountID, userID)
	if err != nil {
		return err
	}
	if m.account.SubAccess == backoffice.AccessAlways {
		return backoffice.Refusal("Every user of this account has access to its sub-accounts: that is always on here, and cannot be taken from one of them.")
	}
	before, err := t.grantPayload(m, map[string]any{"account": m.account.Name})
	if err != nil {
		return err
	}
	n, err := t.exec(`DELETE FROM grants WHERE membership_key = $1`, m.standing.Membership)
	if err != nil || n == 0 {
		return err
	}
	if err := t.endUnreachable(m.account.Key); err != nil {
		return err
	}
	return t.record(event{action: "user.access-revoked", kind: "user", id: m.user.ID, name: userLabel(m.user.Name, m.user.Email), accountKey: m.account.Key, before: before})
}

// GrantOf returns the access to sub-accounts that a membership was given, and
// whether it was. Errors: none for who is no member.
func (s *Store) GrantOf(ctx context.Context, account, user int64) (g backoffice.Grant, given bool, err error) {
	return grantOf(ctx, s.query(), account, user)
}

func grantOf(ctx context.Context, r reader, account, user int64) (g backoffice.Grant, given bool, err error) {
	rows, err := r.rows(ctx, `SELECT g.granted_at, g.granted_by, g.reason, g.ends_at FROM memberships m JOIN grants g ON g.membership_key = m.key
		WHERE m.account_key = $1 AND m.user_key = $2`, account, user)
	list, err := collect(rows, err, scanGrant)
	if len(list) == 1 {
		g, given = list[0], true
	}
	return g, given, err
}

func scanGrant(r rowScanner) (g backoffice.Grant, err error) {
	err = r.Scan(micros{&g.At}, &g.By, &g.Reason, zeroMicros{&g.EndsAt})
	return g, err
}
