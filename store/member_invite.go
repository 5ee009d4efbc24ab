package store

import (
	"context"
	"errors"

	"steward/backoffice"
)

// InviteMember sends an invitation to somebody who is in an account already and
// has never signed in to it: they were added silently, and are “Invited” from
// here on. mint makes the link. Errors: ErrNotFound, ErrForbidden, a Refusal for
// who waits for nothing, or cannot come in.
func (s *Store) InviteMember(ctx context.Context, actor backoffice.Actor, accountID, userID string, mint backoffice.Mint) (backoffice.User, error) {
	var u backoffice.User
	err := s.update(ctx, actor, func(t *tx) error {
		m, err := t.memberOf(accountID, userID)
		if err != nil {
			return err
		}
		u = m.user
		if err := t.mayAddUsers(m.account.Key); err != nil {
			return err
		}
		if err := t.overMember(m); err != nil {
			return err
		}
		if refused := notInvitable(m.user, m.standing); refused != "" {
			return backoffice.Refusal(refused)
		}
		return t.inviteMember(m, mint)
	})
	return u, err
}

// notInvitable says why nobody can be invited to where they are, "" when they can.
func notInvitable(u backoffice.User, in backoffice.Standing) string {
	switch {
	case u.Locked:
		return "This user is locked. Unlock them first."
	case in.Disabled:
		return "This user is switched off in this account. Switch them on first."
	case in.Status == backoffice.Invited:
		return "This user is invited already. Resend the invitation instead."
	case in.Status == backoffice.Activated:
		return "This user has signed in to this account already."
	case in.Status == backoffice.NotActive:
		return "This user signed up and has to verify their address first."
	}
	return ""
}

// inviteMember makes somebody who waits silently “Invited”.
func (t *tx) inviteMember(m memberRow, mint backoffice.Mint) error {
	var names []string
	for _, r := range m.standing.Roles {
		names = append(names, r.Name)
	}
	if err := t.one(`UPDATE memberships SET status = $1 WHERE key = $2 AND status = $3`, string(backoffice.Invited), m.standing.Membership, string(backoffice.PendingLogin)); err != nil {
		return err
	}
	if err := t.invite(m.account, m.user, "", names, mint); err != nil {
		return err
	}
	return t.record(event{action: "user.invited", kind: "user", id: m.user.ID, name: userLabel(m.user.Name, m.user.Email), accountKey: m.account.Key,
		before: map[string]any{"status": backoffice.PendingLogin}, after: map[string]any{"email": m.user.Email, "account": m.account.Name, "roles": names, "status": backoffice.Invited}})
}

// InviteEverywhere sends every open invitation of a user again, with new links,
// and invites them where they were added silently and have not signed in yet.
func InviteEverywhere(mint backoffice.Mint) UserChange {
	return func(t *tx, u backoffice.User) (string, error) {
		if u.Locked {
			return "locked", nil
		}
		list, err := memberships(t.ctx, t, u.Key, "%")
		if err != nil {
			return "", err
		}
		if len(list) == 0 {
			return "in no account", nil
		}
		sent, disabled, unverified := 0, 0, 0
		for _, in := range list {
			switch {
			case in.Disabled:
				disabled++
			case in.Status == backoffice.NotActive:
				unverified++
			case in.Status == backoffice.Invited:
				var id string
				if err := t.get(`SELECT i.id FROM invitations i WHERE i.user_key = $1 AND i.account_key = $2 AND `+openInvitation, u.Key, in.Account.Key).Scan(&id); errors.Is(err, backoffice.ErrNotFound) {
					continue
				} else if err != nil {
					return "", err
				}
				if _, err := t.resend(id, mint); err != nil {
					return "", err
				}
				sent++
			case in.Status == backoffice.PendingLogin:
				m := memberRow{user: u}
				if m.account, err = t.account(in.Account.ID); err != nil {
					return "", err
				}
				if m.standing, err = membershipIn(t.ctx, t, u.Key, in.Account.Key); err != nil {
					return "", err
				}
				if err := t.inviteMember(m, mint); err != nil {
					return "", err
				}
				sent++
			}
		}
		switch {
		case sent > 0:
			return "", nil
		case disabled == len(list):
			return "disabled in every account", nil
		case unverified > 0:
			return "signed up and has to verify the address first", nil
		}
		return "has signed in already", nil
	}
}
