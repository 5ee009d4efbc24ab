package store

import (
	"context"
	"errors"

	"steward/backoffice"
)

// AskNewAddress mails a link to the address that a user wants to have instead of
// theirs, and a notice to the one that they have. Links asked for earlier are
// dead. What is answered does not tell whether somebody has the address: then its
// owner gets a mail, and no link is made. Errors: Problems (email), ErrNotFound.
func (s *Store) AskNewAddress(ctx context.Context, actor backoffice.Actor, typed string, mint backoffice.Mint) (email string, err error) {
	parsed, err := backoffice.ParseEmail(typed)
	if err != nil {
		return "", backoffice.Problems{"email": err.Error()}
	}
	err = s.update(ctx, actor, func(t *tx) error {
		u, err := readUser(t.ctx, t, selectUserByID, t.actor.ID)
		if err != nil {
			return err
		}
		if u.Locked {
			return backoffice.ErrNotFound
		}
		if u.Email == string(parsed) {
			return backoffice.Problems{"email": "That is the address you have."}
		}
		if _, err := t.exec(`UPDATE mailed_links SET used_at = $3 WHERE user_key = $1 AND purpose = $2 AND used_at IS NULL`, u.Key, LinkChange, t.now.UnixMicro()); err != nil {
			return err
		}
		other, err := readUser(t.ctx, t, selectUserByEmail, string(parsed))
		switch {
		case err == nil && other.Locked:
		case err == nil:
			if _, err := t.mail(backoffice.Mail{Kind: backoffice.MailKnown, To: other.Email, MailContent: backoffice.MailContent{Name: other.Name}}); err != nil {
				return err
			}
		case errors.Is(err, backoffice.ErrNotFound):
			if err := t.mailLink(LinkChange, u, string(parsed), "", mint); err != nil {
				return err
			}
		default:
			return err
		}
		_, err = t.mail(backoffice.Mail{Kind: backoffice.MailChangeAsked, To: u.Email, MailContent: backoffice.MailContent{Name: u.Name, Address: string(parsed)}})
		return err
	})
	return string(parsed), err
}

// UseChangeLink gives a user the address that the link was mailed to, and no
// other. It is for the one who asked, in a session of theirs: an address that was
// mistyped is somebody else's, who must not get the user by confirming it. The
// other sessions end, every other link of the user is dead, the old address is
// told and gets a link by which it takes the change back, see UseReturnLink; mint
// makes it. keep is the hash of the session that goes on. Errors: ErrNotFound,
// Problems (email) where somebody has got the address meanwhile.
func (s *Store) UseChangeLink(ctx context.Context, actor backoffice.Actor, link, keep []byte, mint backoffice.Mint) (l MailedLink, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		if l, err = t.useLink(LinkChange, link); err != nil {
			return err
		}
		if l.User.Locked || t.actor.Kind != backoffice.ActorUser || l.User.Key != t.actor.Key {
			return backoffice.ErrNotFound
		}
		if _, err := readUser(t.ctx, t, selectUserByEmail, l.Email); err == nil {
			return backoffice.Problems{"email": "Somebody has this address by now. Yours stays as it is."}
		} else if !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
		was := l.User.Email
		if err := t.changeAddress(&l.User, l.Email, "user.address-changed", keep); err != nil {
			return err
		}
		token, until, err := t.makeLink(LinkReturn, l.User, was, "", mint)
		if err != nil {
			return err
		}
		_, err = t.mail(backoffice.Mail{Kind: backoffice.MailChanged, To: was, ExpiresAt: until,
			MailContent: backoffice.MailContent{Token: token, Name: l.User.Name, Address: l.Email}})
		return err
	})
	return l, err
}

// UseReturnLink gives a user the address back that the link was mailed to, when
// it was taken from them. Whoever changed it knew the password, and could do all
// that its owner can: every session ends, the password and the recovery codes are
// gone, so are second factors and remembered browsers that came since; factors
// from before stay, since the mailbox alone is not to stand for them. Links for a
// new password go to the address that came back, made by mint. Links of other
// addresses that the user had in between are dead.
//
// Where somebody else has the address meanwhile, which may be the doing of whoever
// changed it, it cannot be given back: the link is then Taken. All the rest is
// done, and the user is locked, so that nobody comes in by the address that was
// put in its place; staff decide whose it is. The link goes on working, for when
// the address is free again. Errors: ErrNotFound, also for who has the address
// already.
func (s *Store) UseReturnLink(ctx context.Context, link []byte, address string, mint backoffice.Mint) (l MailedLink, err error) {
	err = s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		if l, err = t.useLink(LinkReturn, link); err != nil {
			return err
		}
		lost := l.User.Email
		if lost == l.Email {
			return backoffice.ErrNotFound
		}
		var changedAt int64
		if err := t.get(`SELECT created_at FROM mailed_links WHERE token_hash = $1`, link).Scan(&changedAt); err != nil {
			return err
		}
		t.actor = backoffice.Actor{Kind: backoffice.ActorUser, Key: l.User.Key, ID: l.User.ID, Name: l.User.Name, Email: l.Email, Address: address}
		if l.Taken, err = isTaken(t.ctx, t, l); err != nil {
			return err
		}
		if l.Taken {
			return t.freeze(link, l, changedAt)
		}
		if err := t.changeAddress(&l.User, l.Email, "user.address-returned", nil); err != nil {
			return err
		}
		if err := t.forgetSince(l.User.Key, changedAt); err != nil {
			return err
		}
		if _, err := t.mail(backoffice.Mail{Kind: backoffice.MailChanged, To: lost, MailContent: backoffice.MailContent{Name: l.User.Name, Address: l.Email}}); err != nil {
			return err
		}
		if l.User.Locked {
			return nil
		}
		return t.mailLink(LinkReset, l.User, l.Email, "", mint)
	})
	return l, err
}

// isTaken reports whether somebody else has the address of a link that takes it
// back.
func isTaken(ctx context.Context, r reader, l MailedLink) (bool, error) {
	u, err := readUser(ctx, r, selectUserByEmail, l.Email)
	if errors.Is(err, backoffice.ErrNotFound) {
		return false, nil
	}
	return err == nil && u.Key != l.User.Key, err
}

// freeze locks a user whose address cannot be given back, and leaves the link that
// would do it.
func (t *tx) freeze(link []byte, l MailedLink, changedAt int64) error {
	if err := t.forgetSince(l.User.Key, changedAt); err != nil {
		return err
	}
	if err := t.one(`UPDATE mailed_links SET used_at = NULL WHERE token_hash = $1`, link); err != nil {
		return err
	}
	if l.User.Locked {
		return nil
	}
	if err := t.one(`UPDATE users SET locked = TRUE, version = version + 1 WHERE key = $1`, l.User.Key); err != nil {
		return err
	}
	if _, err := t.endUserSessions(l.User.Key, 0, nil); err != nil {
		return err
	}
	return t.recordUser("user.frozen", l.User, nil, map[string]any{"email": l.Email})
}

// forgetSince takes from a user what somebody may have set, or have learnt, who
// came in as them at an instant: the password, which stays in the history, and
// every link, recovery code, remembered browser and newer second factor.
func (t *tx) forgetSince(user, at int64) error {
	if err := t.keepPassword(user, ""); err != nil { // none: nothing hashes to it
		return err
	}
	for _, text := range []string{
		`DELETE FROM mailed_links WHERE user_key = $1 AND used_at IS NULL`,
		`DELETE FROM recovery_codes WHERE user_key = $1`,
		`DELETE FROM user_devices WHERE user_key = $1`,
	} {
		if _, err := t.exec(text, user); err != nil {
			return err
		}
	}
	for _, text := range []string{
		`DELETE FROM authenticators WHERE user_key = $1 AND (enrolled_at IS NULL OR enrolled_at >= $2)`,
		`DELETE FROM passkeys WHERE user_key = $1 AND created_at >= $2`,
	} {
		if _, err := t.exec(text, user, at); err != nil {
			return err
		}
	}
	h := backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: user}
	m, err := mfaState(t.ctx, t, h)
	if err != nil {
		return err
	}
	_, err = t.exec(userMFA.setFactors, user, int64(m.Left()))
	return err
}

// changeAddress gives a user an address that was proved and is nobody's, as the
// event of the name.
func (t *tx) changeAddress(u *backoffice.User, email, action string, keep []byte) error {
	was := u.Email
	if err := t.nameUser(u.Key, u.Name, email); err != nil {
		return err
	}
	u.Email = email
	if _, err := t.exec(`UPDATE users SET version = version + 1 WHERE key = $1`, u.Key); err != nil {
		return err
	}
	if err := t.record(event{action: action, kind: "user", id: u.ID, name: userLabel(u.Name, was), accountKey: t.actor.Account.Key,
		before: map[string]any{"email": was}, after: map[string]any{"email": email}}); err != nil {
		return err
	}
	if err := t.verifyUser(u); err != nil {
		return err
	}
	if err := t.renamePrimary(u.Key, email); err != nil {
		return err
	}
	if _, err := t.endUserSessions(u.Key, 0, keep); err != nil {
		return err
	}
	return t.killLinks(u.Key)
}

// renamePrimary writes the address of a primary user where their accounts repeat
// it, with what follows from its domain. Accounts in the bin come back with it;
// they are in no figure.
func (t *tx) renamePrimary(user int64, email string) error {
	company := backoffice.IsCompanyDomain(backoffice.Email(email).Domain())
	if _, err := t.exec(`UPDATE accounts SET primary_email = $2, company_domain = $3, version = version + 1
		WHERE primary_user_key = $1 AND deleted_at IS NOT NULL`, user, email, company); err != nil {
		return err
	}
	rows, err := t.rows(t.ctx, `SELECT key FROM accounts WHERE primary_user_key = $1 AND deleted_at IS NULL ORDER BY key`, user)
	keys, err := collect(rows, err, func(r rowScanner) (v int64, err error) { err = r.Scan(&v); return })
	if err != nil {
		return err
	}
	for _, key := range keys {
		before, err := readAccount(t.ctx, t, backoffice.DayOf(t.now), selectAccountByKey, key)
		if err != nil {
			return err
		}
		after := before
		after.PrimaryEmail, after.CompanyDomain = email, company
		after.Version++
		if err := t.saveAccount(before, after); err != nil {
			return err
		}
		b, a := changed(accountPayload(before), accountPayload(after))
		if err := t.record(event{action: "account.details-changed", kind: "account", id: after.ID, name: after.Name, accountKey: after.Key, before: b, after: a}); err != nil {
			return err
		}
	}
	return nil
}

// killLinks makes every mailed link of a user dead, save for those that take a
// change of the address back: whoever changed it could kill them otherwise, by
// setting a password or changing it once more.
func (t *tx) killLinks(user int64) error {
	_, err := t.exec(`UPDATE mailed_links SET used_at = $2 WHERE user_key = $1 AND used_at IS NULL AND purpose <> $3`, user, t.now.UnixMicro(), LinkReturn)
	return err
}
