package store

import (
	"context"
	"errors"

	"steward/backoffice"
)

// UserEdit is what staff change of who a user is. Version is that of the user as
// they were read.
type UserEdit struct {
	Name, Email string
	Version     int64
}

// SaveUser gives a user another name or address, by staff. Nobody has proved a
// new address: the user is not Verified any more, every session and remembered
// browser of theirs ends, and mailed links and mails for the old address are
// dead; whoever proves the new one by mail sets a new password (security.md,
// T-21). Open invitations go to the new address with new links, which mint makes.
// A proved old address is told. Errors: ErrNotFound, ErrForbidden, ErrConflict
// when somebody else changed the user since, Problems (name, email).
func (s *Store) SaveUser(ctx context.Context, actor backoffice.Actor, id string, e UserEdit, mint backoffice.Mint) error {
	var problems backoffice.Problems
	name, err := backoffice.CleanName(e.Name, backoffice.MaxName)
	if err != nil {
		problems.Add("name", err.Error())
	}
	parsed, err := backoffice.ParseEmail(e.Email)
	if err != nil {
		problems.Add("email", err.Error())
	}
	email := string(parsed)
	return s.update(ctx, actor, func(t *tx) error {
		u, err := t.userNow(id)
		if err != nil {
			return err
		}
		var version int64
		if err := t.get(`SELECT version FROM users WHERE key = $1`, u.Key).Scan(&version); err != nil {
			return err
		}
		if version != e.Version {
			return backoffice.ErrConflict
		}
		if problems["name"] == "" && name == "" && u.Name != "" {
			problems.Add("name", "Enter a name.")
		}
		if problems["email"] == "" && email != u.Email {
			if _, err := readUser(t.ctx, t, selectUserByEmail, email); err == nil {
				problems.Add("email", "Another user has this address.")
			} else if !errors.Is(err, backoffice.ErrNotFound) {
				return err
			}
		}
		if err := problems.Err(); err != nil {
			return err
		}
		if name != u.Name {
			if err := t.nameUser(u.Key, name, u.Email); err != nil {
				return err
			}
			if err := t.recordUser("user.renamed", u, map[string]any{"name": u.Name}, map[string]any{"name": name}); err != nil {
				return err
			}
			u.Name = name
		}
		if email == u.Email {
			return nil
		}
		return t.rehouse(u, email, mint)
	})
}

// rehouse gives a user an address that nobody has proved.
func (t *tx) rehouse(u backoffice.User, email string, mint backoffice.Mint) error {
	was := u
	if err := t.nameUser(u.Key, u.Name, email); err != nil {
		return err
	}
	u.Email, u.Verified = email, false
	if err := t.recordUser("user.address-changed", was, map[string]any{"email": was.Email, "verified": was.Verified}, map[string]any{"email": email, "verified": false}); err != nil {
		return err
	}
	if err := t.renamePrimary(u.Key, email); err != nil {
		return err
	}
	if _, err := t.endUserSessions(u.Key, 0, nil); err != nil {
		return err
	}
	if err := t.killLinks(u.Key); err != nil {
		return err
	}
	for _, text := range []string{
		`UPDATE users SET verified = FALSE WHERE key = $1`,
		`DELETE FROM user_devices WHERE user_key = $1`,
	} {
		if _, err := t.exec(text, u.Key); err != nil {
			return err
		}
	}
	if _, err := t.exec(`UPDATE mails SET state = 'dropped', payload = NULL, done_at = $1 WHERE email = $2 AND state = 'queued'`, t.now.UnixMicro(), was.Email); err != nil {
		return err
	}
	if err := t.moveInvitations(u, mint); err != nil {
		return err
	}
	if !was.Verified {
		return nil // it may be somebody else's, who has nothing to do with it
	}
	_, err := t.mail(backoffice.Mail{Kind: backoffice.MailChanged, To: was.Email, MailContent: backoffice.MailContent{Name: u.Name, Address: email}})
	return err
}

// moveInvitations binds the open invitations of a user to the address that they
// have now. Their links are dead; those that had not expired are sent anew.
func (t *tx) moveInvitations(u backoffice.User, mint backoffice.Mint) error {
	rows, err := t.rows(t.ctx, `SELECT i.id, i.expires_at > $2 FROM invitations i WHERE i.user_key = $1 AND `+openInvitation+` ORDER BY i.key`, u.Key, t.now.UnixMicro())
	type open struct {
		id    string
		lives bool
	}
	list, err := collect(rows, err, func(r rowScanner) (o open, err error) { err = r.Scan(&o.id, &o.lives); return })
	if err != nil {
		return err
	}
	for _, o := range list {
		_, dead := mint()
		if err := t.one(`UPDATE invitations SET email = $1, search = $2, token_hash = $3, code_hash = NULL WHERE id = $4`, u.Email, backoffice.Fold(u.Email+"\n"+u.Name), dead, o.id); err != nil {
			return err
		}
		if !o.lives {
			continue
		}
		if _, err := t.resend(o.id, mint); err != nil && !errors.Is(err, backoffice.ErrNotFound) { // of an account in the bin
			return err
		}
	}
	return nil
}
