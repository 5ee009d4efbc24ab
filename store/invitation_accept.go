package store

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"time"

	"steward/backoffice"
)

// Limits of the code that a copied link asks for.
const (
	// InvitationCodeLife is for how long it can be entered.
	InvitationCodeLife = 30 * time.Minute
	// invitationCodeTries is how often it may be wrong before a new one is needed.
	invitationCodeTries = 5
)

// InvitationOffer is an invitation as who holds its link sees it.
type InvitationOffer struct {
	backoffice.Invitation
	// SetsPassword: who accepts is not known to own the address yet, or has nothing
	// to sign in with. Otherwise they sign in and confirm.
	SetsPassword bool
	// AsksCode: the link was copied by staff and proves no mailbox, so that a code
	// is mailed to the address before a password is set by it.
	AsksCode bool
	Policy   backoffice.Policy // that a password has to meet
}

// usableInvitation is the condition on an invitation by which its link opens, at
// the instant $1: it is open, lives, is bound to the address that its user still
// has, and nobody switched off what it leads to.
const usableInvitation = openInvitation + ` AND i.expires_at > $1 AND i.email = u.email AND NOT u.locked AND u.deleted_at IS NULL AND a.deleted_at IS NULL
	AND EXISTS (SELECT 1 FROM memberships m WHERE m.account_key = i.account_key AND m.user_key = i.user_key AND NOT m.disabled)`

const selectUsable = `SELECT ` + invitationNames + invitationTables + ` WHERE ` + usableInvitation

// InvitationByLink returns what the link with the hash offers, without using it
// up. Errors: ErrNotFound for a link that opens nothing, whatever the reason.
func (s *Store) InvitationByLink(ctx context.Context, hash []byte) (InvitationOffer, error) {
	return invitationOffer(ctx, s.query(), hash, s.Now())
}

func invitationOffer(ctx context.Context, r reader, hash []byte, now time.Time) (o InvitationOffer, err error) {
	i, err := scanInvitation(r.row(ctx, selectUsable+` AND i.token_hash = $2`, now.UnixMicro(), nonNil(hash)))
	if err != nil {
		return o, err
	}
	o.Invitation = i.Invitation
	var verified bool
	var credentials int64
	if err := r.row(ctx, `SELECT verified, (SELECT COUNT(*) FROM passwords WHERE user_key = $1) + (SELECT COUNT(*) FROM passkeys WHERE user_key = $1)
		FROM users WHERE key = $1`, i.UserKey).Scan(&verified, &credentials); err != nil {
		return o, err
	}
	o.SetsPassword = !verified || credentials == 0
	o.AsksCode = o.SetsPassword && i.Copied
	o.Policy, err = heldTo(ctx, r, now, i.UserKey, i.AccountID)
	return o, err
}

// NewUser is what somebody sets who accepts an invitation by its link.
type NewUser struct {
	Name         string
	PasswordHash string
	Code         string // where the offer asks for one
	Pending      []byte // hash of the token of the sign-in that goes on from here
	Address      string // that the request came from
}

// ErrWrongCode is returned for a code that is not the one that was mailed, or no
// more good.
var ErrWrongCode = errors.New("the code is wrong")

// AcceptAsNewUser uses a link up: its user gets a name and a password, and a
// sign-in is under way. Whatever somebody else had set for the address before
// it was proved is gone (security.md, T-21). Of many who come with the link at the
// same time one gets through. Errors: ErrNotFound for a link that opens nothing or
// asks to sign in, Problems (name), ErrWrongCode.
func (s *Store) AcceptAsNewUser(ctx context.Context, hash []byte, n NewUser) (backoffice.Invitation, error) {
	var problems backoffice.Problems
	name, err := backoffice.CleanName(n.Name, backoffice.MaxName)
	if err != nil {
		problems.Add("name", err.Error())
	} else if name == "" {
		problems.Add("name", "Enter your name.")
	}
	if err := problems.Err(); err != nil {
		return backoffice.Invitation{}, err
	}
	var out backoffice.Invitation
	var wrong error
	err = s.update(ctx, backoffice.System(), func(t *tx) error {
		o, err := invitationOffer(t.ctx, t, hash, t.now)
		if err != nil {
			return err
		}
		if !o.SetsPassword {
			return backoffice.ErrNotFound
		}
		if o.AsksCode {
			// A wrong code is counted, so that the unit of work is not undone.
			if wrong, err = t.checkInvitationCode(o.Invitation, n.Code); err != nil || wrong != nil {
				return err
			}
		}
		u, err := readUser(t.ctx, t, selectUserByID, o.UserID)
		if err != nil {
			return err
		}
		t.actor = backoffice.Actor{Kind: backoffice.ActorUser, Key: u.Key, ID: u.ID, Name: name, Email: u.Email, Address: n.Address}
		if err := t.useInvitation(o.Invitation); err != nil {
			return err
		}
		if err := t.proveAddress(&u); err != nil {
			return err
		}
		if err := t.nameUser(u.Key, name, u.Email); err != nil {
			return err
		}
		if err := t.setUserPassword(u.Key, "", n.PasswordHash, nil); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO pending_sign_ins (token_hash, user_key, method, created_at, expires_at, mfa_at, next) VALUES ($1, $2, $3, $4, $5, 0, '')`,
			n.Pending, u.Key, string(backoffice.ByPassword), t.now.UnixMicro(), t.now.Add(PendingSignInLife).UnixMicro()); err != nil {
			return err
		}
		out = o.Invitation
		return nil
	})
	if err == nil {
		err = wrong
	}
	return out, err
}

// AcceptAsUser uses a link up for the user who is signed in: nobody else can.
// Errors: ErrNotFound for a link that opens nothing, or has its user set a
// password; ErrForbidden for somebody else's.
func (s *Store) AcceptAsUser(ctx context.Context, actor backoffice.Actor, hash []byte) (backoffice.Invitation, error) {
	var out backoffice.Invitation
	err := s.update(ctx, actor, func(t *tx) error {
		o, err := invitationOffer(t.ctx, t, hash, t.now)
		switch {
		case err != nil:
			return err
		case actor.Kind != backoffice.ActorUser || actor.Key != o.UserKey:
			return backoffice.ErrForbidden
		case o.SetsPassword:
			return backoffice.ErrNotFound
		}
		out = o.Invitation
		return t.useInvitation(o.Invitation)
	})
	return out, err
}

// AcceptOnTheWayIn accepts an invitation of a user who came by another way than
// its link, once their sign-in under way has shown everything but the account.
// Only a proved address will do: whoever else signed up under it must not be let
// in by its owner's invitation. Errors: ErrNotFound, ErrForbidden.
func (s *Store) AcceptOnTheWayIn(ctx context.Context, pending []byte, id, address string) (backoffice.Invitation, error) {
	var out backoffice.Invitation
	err := s.update(ctx, backoffice.System(), func(t *tx) error {
		p, err := t.pendingSignIn(pending)
		if err != nil {
			return err
		}
		switch p.Step() {
		case backoffice.StepNone, backoffice.StepChoose, backoffice.StepEnter:
		default:
			return backoffice.ErrForbidden
		}
		if p.User.Locked || !p.User.Verified {
			return backoffice.ErrNotFound
		}
		t.actor = backoffice.Actor{Kind: backoffice.ActorUser, Key: p.User.Key, ID: p.User.ID, Name: p.User.Name, Email: p.User.Email, Address: address}
		i, err := scanInvitation(t.get(selectUsable+` AND i.id = $2 AND i.user_key = $3`, t.now.UnixMicro(), id, p.User.Key))
		if err != nil {
			return err
		}
		out = i.Invitation
		return t.useInvitation(i.Invitation)
	})
	return out, err
}

// useInvitation consumes an invitation by one guarded statement, and lets its
// user into the account: they are to sign in to it.
func (t *tx) useInvitation(i backoffice.Invitation) error {
	var key int64
	if err := t.get(`UPDATE invitations SET accepted_at = $1 WHERE key = $2 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $1 RETURNING key`,
		t.now.UnixMicro(), i.Key).Scan(&key); err != nil {
		return err
	}
	var mail int64
	if err := t.get(`SELECT COALESCE(mail_key, 0) FROM invitations WHERE key = $1`, key).Scan(&mail); err != nil {
		return err
	}
	if err := t.dropMail(mail); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE memberships SET status = $1 WHERE account_key = $2 AND user_key = $3 AND status = $4`,
		string(backoffice.PendingLogin), i.AccountKey, i.UserKey, string(backoffice.Invited)); err != nil {
		return err
	}
	return t.record(event{action: "invitation.accepted", kind: "user", id: i.UserID, name: userLabel(i.UserName, i.Email), accountKey: i.AccountKey,
		after: map[string]any{"email": i.Email, "account": i.AccountName}})
}

// MailInvitationCode mails a code to the address of an invitation whose link was
// copied. Errors: ErrNotFound for a link that opens nothing or asks for none.
func (s *Store) MailInvitationCode(ctx context.Context, hash []byte) error {
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		o, err := invitationOffer(t.ctx, t, hash, t.now)
		if err != nil {
			return err
		}
		if !o.AsksCode {
			return backoffice.ErrNotFound
		}
		n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
		if err != nil {
			return err
		}
		code := fmt.Sprintf("%06d", n)
		expires := t.now.Add(InvitationCodeLife)
		if err := t.one(`UPDATE invitations SET code_hash = $1, code_expires_at = $2, code_tries = 0 WHERE key = $3`,
			s.codeSum(o.ID, code), expires.UnixMicro(), o.Key); err != nil {
			return err
		}
		_, err = t.mail(backoffice.Mail{Kind: backoffice.MailInvitationCode, To: o.Email, AccountKey: o.AccountKey, ExpiresAt: expires,
			MailContent: backoffice.MailContent{Code: code, Name: o.UserName, Account: o.AccountName}})
		return err
	})
}

// codeSum is the form in which a code is kept: six digits are soon tried out by
// who has the database, and the secret keeps those off who have a copy of one row.
func (s *Store) codeSum(id, code string) []byte {
	h := hmac.New(sha256.New, s.secret)
	writeText(h, "invitation code")
	writeText(h, id)
	writeText(h, code)
	return h.Sum(nil)
}

// checkInvitationCode counts the try, and says with ErrWrongCode that it failed.
func (t *tx) checkInvitationCode(i backoffice.Invitation, code string) (wrong, err error) {
	var sum []byte
	var expires, tries int64
	if err := t.get(`SELECT code_hash, code_expires_at, code_tries FROM invitations WHERE key = $1`, i.Key).Scan(&sum, &expires, &tries); err != nil {
		return nil, err
	}
	if len(sum) == 0 || t.now.UnixMicro() >= expires || tries >= invitationCodeTries {
		return ErrWrongCode, nil
	}
	if !hmac.Equal(sum, t.s.codeSum(i.ID, code)) {
		return ErrWrongCode, t.one(`UPDATE invitations SET code_tries = code_tries + 1 WHERE key = $1`, i.Key)
	}
	return nil, t.one(`UPDATE invitations SET code_hash = NULL WHERE key = $1`, i.Key)
}
