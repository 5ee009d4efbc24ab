package store

import (
	"context"

	"steward/backoffice"
)

// AcceptHere accepts an invitation of the user who is signed in, and has come to
// their session by another way than its link. Only a proved address will do, as on
// the way in. Errors: ErrNotFound, also for somebody else's.
func (s *Store) AcceptHere(ctx context.Context, actor backoffice.Actor, id string) (backoffice.Invitation, error) {
	var out backoffice.Invitation
	err := s.update(ctx, actor, func(t *tx) error {
		i, err := t.invitedHere(id)
		if err != nil {
			return err
		}
		out = i.Invitation
		return t.useInvitation(i.Invitation)
	})
	return out, err
}

// DeclineInvitation takes the user who is signed in out of the account that they
// are invited to: the link is dead, and only a new invitation lets them in.
// Errors: ErrNotFound, also for somebody else's.
func (s *Store) DeclineInvitation(ctx context.Context, actor backoffice.Actor, id string) (backoffice.Invitation, error) {
	var out backoffice.Invitation
	err := s.update(ctx, actor, func(t *tx) error {
		i, err := t.invitedHere(id)
		if err != nil {
			return err
		}
		out = i.Invitation
		var key int64
		if err := t.get(`SELECT key FROM memberships WHERE account_key = $1 AND user_key = $2 AND status = $3`, i.AccountKey, i.UserKey, string(backoffice.Invited)).Scan(&key); err != nil {
			return err
		}
		if err := t.deleteMembership(key); err != nil {
			return err
		}
		return t.recordInvitation("invitation.declined", i, map[string]any{"email": i.Email, "account": i.AccountName}, nil)
	})
	return out, err
}

// invitedHere is an invitation that the actor themselves may accept or decline.
func (t *tx) invitedHere(id string) (invitation, error) {
	if t.actor.Kind != backoffice.ActorUser {
		return invitation{}, backoffice.ErrForbidden
	}
	u, err := readUser(t.ctx, t, selectUserByID, t.actor.ID)
	if err != nil {
		return invitation{}, err
	}
	if u.Locked || !u.Verified {
		return invitation{}, backoffice.ErrNotFound
	}
	return scanInvitation(t.get(selectUsable+` AND i.id = $2 AND i.user_key = $3`, t.now.UnixMicro(), id, u.Key))
}
