package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"steward/backoffice"
)

// openInvitation is the condition on an invitation i that waits to be accepted,
// whether or not its link has expired.
const openInvitation = `i.accepted_at IS NULL AND i.revoked_at IS NULL`

const (
	invitationNames = `i.key, i.id, i.email, i.message, i.invited_by, i.created_at, i.sent_at, i.expires_at, i.accepted_at, i.revoked_at, i.copied,
		u.key, u.id, u.name, a.key, a.id, a.name, COALESCE(i.mail_key, 0)`
	invitationTables = ` FROM invitations i JOIN users u ON u.key = i.user_key JOIN accounts a ON a.key = i.account_key`
	// A visit that was imported or sent by the API activates a membership, and an
	// account in the bin waits for nobody.
	pendingInvitation = openInvitation + ` AND a.deleted_at IS NULL AND EXISTS (SELECT 1 FROM memberships m
		WHERE m.account_key = i.account_key AND m.user_key = i.user_key AND m.status = 'invited')`
	selectInvitation = `SELECT ` + invitationNames + invitationTables + ` WHERE ` + pendingInvitation
)

// invitation is an invitation as a unit of work reads it.
type invitation struct {
	backoffice.Invitation
	mail int64
}

func scanInvitation(r rowScanner) (i invitation, err error) {
	err = r.Scan(&i.Key, &i.ID, &i.Email, &i.Message, &i.InvitedBy, micros{&i.CreatedAt}, micros{&i.SentAt}, micros{&i.ExpiresAt},
		nullMicros{&i.AcceptedAt}, nullMicros{&i.RevokedAt}, &i.Copied, &i.UserKey, &i.UserID, &i.UserName, &i.AccountKey, &i.AccountID, &i.AccountName, &i.mail)
	return i, err
}

// InvitationDays returns for how many days a link of an invitation lives.
func (s *Store) InvitationDays(ctx context.Context) (int, error) {
	return invitationDays(ctx, s.query())
}

func invitationDays(ctx context.Context, r reader) (int, error) {
	v, err := setting(ctx, r, "invitation-days")
	if n, e := strconv.Atoi(v); e == nil && n >= 1 && n <= backoffice.MaxInvitationDays {
		return n, err
	}
	return backoffice.InvitationDays, err
}

// SaveInvitationDays sets for how many days links of invitations live that are
// sent from now on. Errors: Problems (days), ErrForbidden.
func (s *Store) SaveInvitationDays(ctx context.Context, actor backoffice.Actor, typed string) error {
	days, err := backoffice.ParseInvitationDays(typed)
	if err != nil {
		return backoffice.Problems{"days": err.Error()}
	}
	return s.update(ctx, actor, func(t *tx) error {
		if !t.actor.May(backoffice.WriteSettings) {
			return backoffice.ErrForbidden
		}
		before, err := invitationDays(t.ctx, t)
		if err != nil || before == days {
			return err
		}
		if err := t.setSetting("invitation-days", strconv.Itoa(days)); err != nil {
			return err
		}
		return t.record(event{action: "settings.invitations-changed", kind: "settings", id: "invitations", name: "Invitations",
			before: map[string]any{"days": before}, after: map[string]any{"days": days}})
	})
}

// member is somebody who is to come into an account.
type member struct {
	email   backoffice.Email
	message string
	roles   []storedRole
	mint    backoffice.Mint // nil: added silently
	access  bool            // to what lies below the account
	given   []backoffice.Application
}

// InviteUser adds somebody to an account and sends an invitation; mint makes its
// link. An address that is no user's yet becomes one. Errors: ErrNotFound,
// ErrForbidden, Problems (email, roles, applications, message).
func (s *Store) InviteUser(ctx context.Context, actor backoffice.Actor, accountID string, n backoffice.NewMember, mint backoffice.Mint) (backoffice.User, error) {
	return s.addUser(ctx, actor, accountID, n, mint)
}

// AddUser adds somebody to an account silently: they are there as
// “Pending login”, and no mail is sent. Otherwise it is InviteUser.
func (s *Store) AddUser(ctx context.Context, actor backoffice.Actor, accountID string, n backoffice.NewMember) (backoffice.User, error) {
	return s.addUser(ctx, actor, accountID, n, nil)
}

func (s *Store) addUser(ctx context.Context, actor backoffice.Actor, accountID string, n backoffice.NewMember, mint backoffice.Mint) (u backoffice.User, err error) {
	m := member{mint: mint, access: n.Access}
	var problems backoffice.Problems
	if m.email, err = backoffice.ParseEmail(n.Email); err != nil {
		problems.Add("email", err.Error())
	}
	if m.message, err = backoffice.CleanMessage(n.Message); err != nil {
		problems.Add("message", err.Error())
	}
	if len(n.Roles) == 0 {
		problems.Add("roles", "Choose at least one role.")
	}
	err = s.update(ctx, actor, func(t *tx) error {
		a, err := t.account(accountID)
		if err != nil {
			return err
		}
		if err := t.mayAddUsers(a.Key); err != nil {
			return err
		}
		problems := maps.Clone(problems)
		if m.roles, err = t.rolesNamed(a.Key, n.Roles); err != nil {
			if !isRefusal(err) {
				return err
			}
			problems.Add("roles", err.Error())
		} else if err := t.mayGrant(a.Key, m.roles); err != nil {
			if !isRefusal(err) {
				return err
			}
			problems.Add("roles", err.Error())
		}
		if m.given, err = t.applicationsToGive(a.Key, n.Applications); isRefusal(err) {
			problems.Add("applications", err.Error())
		} else if err != nil {
			return err
		}
		if problems["email"] == "" {
			if why, err := t.cannotJoin(a.Key, m.email); err != nil {
				return err
			} else if why != "" {
				problems.Add("email", why)
			}
		}
		if err := problems.Err(); err != nil {
			return err
		}
		u, err = t.addMember(a, m)
		return err
	})
	return u, err
}

func isRefusal(err error) bool {
	var r backoffice.Refusal
	return errors.As(err, &r)
}

// cannotJoin says why somebody cannot be added to an account, "" when they can.
func (t *tx) cannotJoin(account int64, email backoffice.Email) (string, error) {
	var status backoffice.MembershipStatus
	err := t.get(`SELECT COALESCE(m.status, '') FROM users u
		LEFT JOIN memberships m ON m.user_key = u.key AND m.account_key = $1 WHERE u.email = $2 AND u.deleted_at IS NULL`, account, string(email)).Scan(&status)
	switch {
	case errors.Is(err, backoffice.ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	case status == backoffice.Invited:
		return "This person is invited to this account already. Resend the invitation instead.", nil
	case status != "":
		return "This person is in this account already.", nil
	}
	return "", nil
}

// addMember adds somebody who can join to an account, and invites them where
// they are to be invited.
func (t *tx) addMember(a backoffice.Account, m member) (backoffice.User, error) {
	u, err := t.ensureUser(m.email, "", t.now.Truncate(time.Microsecond))
	if err != nil {
		return u, err
	}
	status := backoffice.PendingLogin
	if m.mint != nil {
		status = backoffice.Invited
	}
	var keys []int64
	var roleNames []string
	for _, r := range m.roles {
		keys, roleNames = append(keys, r.key), append(roleNames, r.Name)
	}
	if _, err := t.insertMembership(membership{account: a.Key, user: u.Key, status: status, createdAt: t.now.Truncate(time.Microsecond)}, a.CreatedAt, keys); err != nil {
		return u, err
	}
	if m.access {
		if err := t.giveAccess(a.ID, u.ID, backoffice.NewGrant{}); err != nil {
			return u, err
		}
	}
	e := event{action: "user.added", kind: "user", id: u.ID, name: userLabel(u.Name, u.Email), accountKey: a.Key,
		after: map[string]any{"email": u.Email, "account": a.Name, "roles": roleNames}}
	if m.mint != nil {
		e.action = "user.invited"
		if err := t.invite(a, u, m.message, roleNames, m.mint); err != nil {
			return u, err
		}
	}
	if err := t.record(e); err != nil {
		return u, err
	}
	for _, given := range m.given {
		if err := t.giveByHand(a, given, u); err != nil {
			return u, err
		}
	}
	return u, nil
}

// addFirstUser adds the primary user to a new account, with the roles of a first
// user; the trail tells of it apart only where a mail is sent.
func (t *tx) addFirstUser(a backoffice.Account, email backoffice.Email, mint backoffice.Mint) error {
	if mint == nil {
		roles, err := t.firstUserRoles()
		if err != nil {
			return err
		}
		_, err = t.insertMembership(membership{account: a.Key, user: a.PrimaryUserKey, status: backoffice.PendingLogin, createdAt: a.CreatedAt}, a.CreatedAt, roles)
		return err
	}
	all, err := grantables(t.ctx, t, a.Key)
	if err != nil {
		return err
	}
	_, err = t.addMember(a, member{email: email, mint: mint, roles: slices.DeleteFunc(all, func(g storedRole) bool { return !g.FirstUser })})
	return err
}

// userLabel is how the trail calls a user.
func userLabel(name, email string) string {
	if name != "" {
		return name
	}
	return email
}

// invite writes the invitation of a member, and its mail.
func (t *tx) invite(a backoffice.Account, u backoffice.User, message string, roles []string, mint backoffice.Mint) error {
	if err := t.closeInvitations(a.Key, u.Key); err != nil {
		return err
	}
	days, err := invitationDays(t.ctx, t)
	if err != nil {
		return err
	}
	token, hash := mint()
	i := invitation{Invitation: backoffice.Invitation{ID: newID(), Email: u.Email, Message: message, InvitedBy: t.actor.Label(), UserName: u.Name,
		AccountKey: a.Key, AccountName: a.Name, ExpiresAt: t.now.Add(time.Duration(days) * 24 * time.Hour)}}
	if i.mail, err = t.mailInvitation(i, roles, token); err != nil {
		return err
	}
	now := t.now.UnixMicro()
	_, err = t.exec(`INSERT INTO invitations (id, account_key, user_key, email, search, token_hash, message, invited_by_kind, invited_by_id, invited_by,
			created_at, sent_at, expires_at, mail_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		i.ID, a.Key, u.Key, i.Email, backoffice.Fold(i.Email+"\n"+u.Name), hash, message, string(t.actor.Kind), t.actor.ID, i.InvitedBy,
		now, now, i.ExpiresAt.UnixMicro(), i.mail)
	return err
}

func (t *tx) mailInvitation(i invitation, roles []string, token string) (int64, error) {
	by := i.InvitedBy
	if t.actor.Kind == backoffice.ActorCommand || t.actor.Kind == backoffice.ActorSystem {
		by = "" // nobody whom the reader would know
	}
	return t.mail(backoffice.Mail{Kind: backoffice.MailInvitation, To: i.Email, AccountKey: i.AccountKey, ExpiresAt: i.ExpiresAt,
		MailContent: backoffice.MailContent{Token: token, Name: i.UserName, Account: i.AccountName, By: by, Message: i.Message, Roles: roles}})
}

// closeInvitations revokes what is open of a user in an account, whose
// membership is taken away or made anew: its link is dead, and its mail stays
// unsent.
func (t *tx) closeInvitations(account, user int64) error {
	rows, err := t.rows(t.ctx, `UPDATE invitations SET revoked_at = $1 WHERE account_key = $2 AND user_key = $3
		AND accepted_at IS NULL AND revoked_at IS NULL RETURNING COALESCE(mail_key, 0)`, t.now.UnixMicro(), account, user)
	mails, err := collect(rows, err, func(r rowScanner) (v int64, err error) { err = r.Scan(&v); return })
	if err != nil {
		return err
	}
	for _, key := range mails {
		if err := t.dropMail(key); err != nil {
			return err
		}
	}
	return nil
}

// pending reads a pending invitation that the actor may act on. Errors:
// ErrNotFound, ErrForbidden.
func (t *tx) pending(id string) (invitation, []string, error) {
	i, err := scanInvitation(t.get(selectInvitation+` AND i.id = $1`, id))
	if err != nil {
		return i, nil, err
	}
	if err := t.mayAddUsers(i.AccountKey); err != nil {
		return i, nil, err
	}
	rows, err := t.rows(t.ctx, `SELECT r.name FROM memberships m JOIN membership_roles mr ON mr.membership_key = m.key JOIN roles r ON r.key = mr.role_key
		WHERE m.account_key = $1 AND m.user_key = $2 ORDER BY r.level, r.name`, i.AccountKey, i.UserKey)
	roles, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
	return i, roles, err
}

// renew gives a pending invitation a new link and a new life; the old link is
// dead from here on, and a mail with it that still waits stays unsent.
func (t *tx) renew(i invitation, hash []byte, mail int64, copied bool) error {
	if err := t.dropMail(i.mail); err != nil {
		return err
	}
	return t.one(`UPDATE invitations SET token_hash = $1, sent_at = $2, expires_at = $3, mail_key = $4, copied = $5, code_hash = NULL WHERE key = $6 AND accepted_at IS NULL AND revoked_at IS NULL`,
		hash, t.now.UnixMicro(), i.ExpiresAt.UnixMicro(), nullKey(mail), copied, i.Key)
}

func (t *tx) newLife(i *invitation) error {
	days, err := invitationDays(t.ctx, t)
	i.ExpiresAt = t.now.Add(time.Duration(days) * 24 * time.Hour)
	return err
}

func (t *tx) recordInvitation(action string, i invitation, before, after map[string]any) error {
	return t.record(event{action: action, kind: "user", id: i.UserID, name: userLabel(i.UserName, i.Email), accountKey: i.AccountKey, before: before, after: after})
}

// ResendInvitation sends a pending invitation again with a new link; the old one
// is dead. Errors: ErrNotFound, ErrForbidden.
func (s *Store) ResendInvitation(ctx context.Context, actor backoffice.Actor, id string, mint backoffice.Mint) (backoffice.Invitation, error) {
	var i invitation
	err := s.update(ctx, actor, func(t *tx) (err error) {
		i, err = t.resend(id, mint)
		return err
	})
	return i.Invitation, err
}

func (t *tx) resend(id string, mint backoffice.Mint) (invitation, error) {
	i, roles, err := t.pending(id)
	if err != nil {
		return i, err
	}
	if err := t.newLife(&i); err != nil {
		return i, err
	}
	token, hash := mint()
	mail, err := t.mailInvitation(i, roles, token)
	if err != nil {
		return i, err
	}
	if err := t.renew(i, hash, mail, false); err != nil {
		return i, err
	}
	return i, t.recordInvitation("invitation.resent", i, nil, map[string]any{"email": i.Email, "account": i.AccountName})
}

// CopyInvitation makes a new link of a pending invitation for staff to hand on by
// themselves, and returns its token; the old link is dead. Customers' users may
// not. Errors: ErrNotFound, ErrForbidden.
func (s *Store) CopyInvitation(ctx context.Context, actor backoffice.Actor, id string, mint backoffice.Mint) (i backoffice.Invitation, token string, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		if !t.actor.May(backoffice.WriteAccounts) {
			return backoffice.ErrForbidden
		}
		found, _, err := t.pending(id)
		if err != nil {
			return err
		}
		if err := t.newLife(&found); err != nil {
			return err
		}
		var hash []byte
		token, hash = mint()
		i = found.Invitation
		if err := t.renew(found, hash, 0, true); err != nil {
			return err
		}
		return t.recordInvitation("invitation.copied", found, nil, map[string]any{"email": i.Email, "account": i.AccountName})
	})
	return i, token, err
}

// RevokeInvitation takes a pending invitation back: its link is dead, a mail that
// still waits stays unsent, and who was invited is in the account no more.
// Errors: ErrNotFound, ErrForbidden.
func (s *Store) RevokeInvitation(ctx context.Context, actor backoffice.Actor, id string) (backoffice.Invitation, error) {
	var i invitation
	err := s.update(ctx, actor, func(t *tx) (err error) {
		i, err = t.revoke(id)
		return err
	})
	return i.Invitation, err
}

func (t *tx) revoke(id string) (invitation, error) {
	i, roles, err := t.pending(id)
	if err != nil {
		return i, err
	}
	var key int64
	if err := t.get(`SELECT key FROM memberships WHERE account_key = $1 AND user_key = $2`, i.AccountKey, i.UserKey).Scan(&key); err != nil {
		return i, err
	}
	held, err := heldRoles(t.ctx, t, key)
	if err != nil {
		return i, err
	}
	if t.actor.MayGive(i.AccountKey, held) != nil { // nobody takes away who stands above them
		return i, backoffice.ErrForbidden
	}
	if err := t.deleteMembership(key); err != nil { // and with it the invitation
		return i, err
	}
	return i, t.recordInvitation("invitation.revoked", i, map[string]any{"email": i.Email, "account": i.AccountName, "roles": roles}, nil)
}

// ResendInvitations sends several invitations again; each result names one by its
// ID and address. Errors end the whole, and what the results name is done.
func (s *Store) ResendInvitations(ctx context.Context, actor backoffice.Actor, ids []string, mint backoffice.Mint) ([]BulkResult, error) {
	return s.eachInvitation(ctx, actor, ids, func(t *tx, id string) (invitation, error) { return t.resend(id, mint) })
}

// RevokeInvitations takes several invitations back, as ResendInvitations.
func (s *Store) RevokeInvitations(ctx context.Context, actor backoffice.Actor, ids []string) ([]BulkResult, error) {
	return s.eachInvitation(ctx, actor, ids, func(t *tx, id string) (invitation, error) { return t.revoke(id) })
}

func (s *Store) eachInvitation(ctx context.Context, actor backoffice.Actor, ids []string, act func(*tx, string) (invitation, error)) (results []BulkResult, err error) {
	for batch := range slices.Chunk(distinct(ids), bulkBatch) {
		var part []BulkResult
		err := s.update(ctx, actor, func(t *tx) error {
			part = part[:0]
			for _, id := range batch {
				i, err := act(t, id)
				switch {
				case errors.Is(err, backoffice.ErrNotFound):
					email, err := invitedAddress(t.ctx, t, id)
					if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
						return err
					}
					part = append(part, BulkResult{ID: id, Name: email, Refused: "it is not pending any more"})
				case err != nil:
					return err
				default:
					part = append(part, BulkResult{ID: id, Name: i.Email})
				}
			}
			return nil
		})
		if err != nil {
			return results, err
		}
		results = append(results, part...)
	}
	return results, nil
}

// InvitedAddress returns the address of an invitation, pending or not. Errors:
// ErrNotFound.
func (s *Store) InvitedAddress(ctx context.Context, id string) (string, error) {
	return invitedAddress(ctx, s.query(), id)
}

func invitedAddress(ctx context.Context, r reader, id string) (email string, err error) {
	err = r.row(ctx, `SELECT email FROM invitations WHERE id = $1`, id).Scan(&email)
	return email, err
}
