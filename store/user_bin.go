package store

import (
	"context"
	"errors"
	"time"

	"steward/backoffice"
)

// UserDeletion says what goes with a user. Errors: ErrNotFound.
func (s *Store) UserDeletion(ctx context.Context, userKey int64) (c backoffice.UserConsequences, err error) {
	members, err := s.UserMemberships(ctx, userKey)
	if err != nil {
		return c, err
	}
	for _, m := range members {
		c.Accounts = append(c.Accounts, m.Account)
		if m.Primary {
			c.Primary = append(c.Primary, m.Account)
		}
		if backoffice.PermissionsOf(m.Roles).Has(backoffice.WriteUsers) {
			stays, err := staysManaged(ctx, s.query(), s.Now(), m.Account.Key, 0, userKey)
			if err != nil {
				return c, err
			}
			if !stays {
				c.Unmanaged = append(c.Unmanaged, m.Account)
			}
		}
	}
	err = s.query().row(ctx, `SELECT COUNT(*) FROM user_sessions WHERE user_key = $1`, userKey).Scan(&c.Sessions)
	return c, err
}

// DeleteUser moves a user to the bin, from which they can be restored for 30
// days: they leave every account, their sessions and invitations end at once,
// the address is free. It returns the deletion's ID, by which it is undone.
// Errors: ErrNotFound, ErrForbidden.
func (s *Store) DeleteUser(ctx context.Context, actor backoffice.Actor, id string) (deletion string, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		u, err := t.userNow(id)
		if err != nil {
			return err
		}
		deletion = newID()
		return t.binUser(u, deletion)
	})
	return deletion, err
}

func (t *tx) binUser(u backoffice.User, deletion string) error {
	if _, err := t.endUserSessions(u.Key, 0, nil); err != nil {
		return err
	}
	for _, text := range []string{
		`DELETE FROM user_devices WHERE user_key = $1`,
		`DELETE FROM mailed_links WHERE user_key = $1`,
		`DELETE FROM binned_memberships WHERE user_key = $1`,
		`INSERT INTO binned_memberships (user_key, account_key, status, disabled, created_at, roles, is_primary)
			SELECT m.user_key, m.account_key, m.status, m.disabled, m.created_at,
			COALESCE((SELECT string_agg(CAST(mr.role_key AS TEXT), ' ') FROM membership_roles mr WHERE mr.membership_key = m.key), ''),
			EXISTS (SELECT 1 FROM accounts a WHERE a.key = m.account_key AND a.primary_user_key = m.user_key)
			FROM memberships m WHERE m.user_key = $1`,
	} {
		if _, err := t.exec(text, u.Key); err != nil {
			return err
		}
	}
	rows, err := t.rows(t.ctx, `SELECT account_key, key FROM memberships WHERE user_key = $1 ORDER BY key`, u.Key)
	members, err := collect(rows, err, func(r rowScanner) (m accountUser, err error) { err = r.Scan(&m.account, &m.user); return })
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := t.closeInvitations(m.account, u.Key); err != nil {
			return err
		}
		if err := t.deleteMembership(m.user); err != nil {
			return err
		}
	}
	rows, err = t.rows(t.ctx, `SELECT key FROM accounts WHERE primary_user_key = $1 ORDER BY key`, u.Key)
	primary, err := collect(rows, err, func(r rowScanner) (v int64, err error) { err = r.Scan(&v); return })
	if err != nil {
		return err
	}
	for _, key := range primary {
		if err := t.setPrimaryUser(key, backoffice.User{}); err != nil {
			return err
		}
	}
	if err := t.stepUser(u, -1); err != nil {
		return err
	}
	if err := t.one(`UPDATE users SET deleted_at = $1, deletion_id = $2 WHERE key = $3 AND deleted_at IS NULL`, t.now.UnixMicro(), deletion, u.Key); err != nil {
		return err
	}
	t.kpi.users--
	return t.record(event{action: "user.deleted", kind: "user", id: u.ID, name: userLabel(u.Name, u.Email), before: map[string]any{"email": u.Email, "name": u.Name}, undo: deletion})
}

// setPrimaryUser gives an account another primary user, or none.
func (t *tx) setPrimaryUser(account int64, u backoffice.User) error {
	a, err := readAccount(t.ctx, t, backoffice.DayOf(t.now), selectAccountByKey, account)
	if err != nil {
		return err
	}
	after := a
	after.PrimaryUserKey, after.PrimaryUserID, after.PrimaryEmail, after.PrimaryName = u.Key, u.ID, u.Email, u.Name
	after.CompanyDomain = u.Email != "" && backoffice.IsCompanyDomain(backoffice.Email(u.Email).Domain())
	if !a.DeletedAt.IsZero() { // counted nowhere
		return t.one(`UPDATE accounts SET primary_user_key = $1, primary_email = $2, company_domain = $3 WHERE key = $4`,
			nullKey(u.Key), u.Email, after.CompanyDomain, account)
	}
	return t.saveAccount(a, after)
}

// stepUser adds the windows in which a user was active to the course of active
// users (n = 1), or takes them away (n = -1).
func (t *tx) stepUser(u backoffice.User, n int64) error {
	rows, err := t.rows(t.ctx, `SELECT day FROM user_days WHERE user_key = $1 ORDER BY day`, u.Key)
	days, err := collect(rows, err, func(r rowScanner) (v backoffice.Day, err error) { err = r.Scan(&v); return })
	if err != nil {
		return err
	}
	steps := userSteps{}
	steps.count(backoffice.DayOf(u.CreatedAt), days, n)
	return t.stepUsers(steps)
}

// RestoreUser brings a user back from the bin, with the memberships of accounts
// and the roles that still are; no sessions, no invitations. Errors:
// ErrNotFound, ErrForbidden, Problems when the address is somebody else's by now.
func (s *Store) RestoreUser(ctx context.Context, actor backoffice.Actor, id string) (u backoffice.User, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteAllUsers); err != nil {
			return err
		}
		if u, err = readUser(t.ctx, t, selectUserByID, id); !errors.Is(err, backoffice.ErrNotFound) {
			return err // not in the bin: nothing is to be done
		}
		u, err = readUser(t.ctx, t, `SELECT u.key, `+userColumns.names("u.")+` FROM users u WHERE u.id = $1 AND u.deleted_at IS NOT NULL AND u.purged_at IS NULL`, id)
		if err != nil {
			return err
		}
		if _, err := readUser(t.ctx, t, selectUserByEmail, u.Email); err == nil {
			return backoffice.Problems{"": "The address " + u.Email + " belongs to another user by now. Delete or change that one first."}
		} else if !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
		return t.restoreUser(u)
	})
	return u, err
}

func (t *tx) restoreUser(u backoffice.User) error {
	var deleted int64
	if err := t.get(`SELECT deleted_at FROM users WHERE key = $1`, u.Key).Scan(&deleted); err != nil {
		return err
	}
	if err := t.one(`UPDATE users SET deleted_at = NULL, deletion_id = NULL, version = version + 1 WHERE key = $1`, u.Key); err != nil {
		return err
	}
	t.kpi.users++
	if err := t.stepUser(u, 1); err != nil {
		return err
	}
	type was struct {
		account, created   int64
		status, roles      string
		disabled, primary  bool
		accountCreated     int64
		binned, hasPrimary bool
	}
	rows, err := t.rows(t.ctx, `SELECT b.account_key, b.status, b.disabled, b.created_at, b.roles, b.is_primary, a.created_at, a.deleted_at IS NOT NULL, a.primary_user_key IS NOT NULL
		FROM binned_memberships b JOIN accounts a ON a.key = b.account_key WHERE b.user_key = $1 ORDER BY b.account_key`, u.Key)
	list, err := collect(rows, err, func(r rowScanner) (m was, err error) {
		err = r.Scan(&m.account, &m.status, &m.disabled, &m.created, &m.roles, &m.primary, &m.accountCreated, &m.binned, &m.hasPrimary)
		return
	})
	if err != nil {
		return err
	}
	for _, m := range list {
		roles, err := t.rolesThere(m.roles)
		if err != nil {
			return err
		}
		status, err := t.statusAgain(m.account, u.Key, backoffice.MembershipStatus(m.status), deleted)
		if err != nil {
			return err
		}
		created := time.UnixMicro(m.created).UTC()
		if m.binned {
			// It counts when the account comes back.
			var key int64
			if err := t.get(`INSERT INTO memberships (account_key, user_key, status, created_at) VALUES ($1, $2, $3, $4) RETURNING key`, m.account, u.Key, string(status), m.created).Scan(&key); err != nil {
				return err
			}
			if err := t.setRoles(key, roles); err != nil {
				return err
			}
		} else if _, err := t.insertMembership(membership{account: m.account, user: u.Key, status: status, createdAt: created}, time.UnixMicro(m.accountCreated), roles); err != nil {
			return err
		}
		if err := t.grantAgain(m.account, u.Key); err != nil {
			return err
		}
		if m.disabled {
			if err := t.one(`UPDATE memberships SET disabled = TRUE WHERE account_key = $1 AND user_key = $2`, m.account, u.Key); err != nil {
				return err
			}
		}
		if m.primary && !m.hasPrimary {
			if err := t.setPrimaryUser(m.account, u); err != nil {
				return err
			}
		}
	}
	if err := t.applicationsAgain(u.Key, deleted); err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM binned_memberships WHERE user_key = $1`, u.Key); err != nil {
		return err
	}
	return t.recordUser("user.restored", u, nil, map[string]any{"email": u.Email, "accounts": len(list)})
}

// BinnedUser is a line of the bin of users.
type BinnedUser struct {
	ID, Name, Email    string
	DeletedAt, PurgeAt time.Time
	DeletedBy          string
	Accounts           int64 // that they would be in again
}

// BinnedUsers returns a page of the users in the bin, the newest deletion first;
// after and before are IDs of users.
func (s *Store) BinnedUsers(ctx context.Context, after, before string) (list []BinnedUser, prev, next string, err error) {
	const head = `SELECT u.id, u.name, u.email, u.deleted_at,
		COALESCE((SELECT e.actor_name FROM events e WHERE e.object_id = u.id AND e.action = 'user.deleted' ORDER BY e.key DESC LIMIT 1), ''),
		(SELECT COUNT(*) FROM binned_memberships b WHERE b.user_key = u.key) FROM users u WHERE u.deleted_at IS NOT NULL AND u.purged_at IS NULL`
	const place = ` (SELECT b.deleted_at, b.key FROM users b WHERE b.id = $2)`
	text, args := head+` ORDER BY u.deleted_at DESC, u.key DESC LIMIT $1`, []any{backoffice.PageSize + 1}
	switch {
	case before != "":
		text = head + ` AND (u.deleted_at, u.key) >` + place + ` ORDER BY u.deleted_at, u.key LIMIT $1`
		args = append(args, before)
	case after != "":
		text = head + ` AND (u.deleted_at, u.key) <` + place + ` ORDER BY u.deleted_at DESC, u.key DESC LIMIT $1`
		args = append(args, after)
	}
	rows, err := s.query().rows(ctx, text, args...)
	list, err = collect(rows, err, func(r rowScanner) (b BinnedUser, err error) {
		err = r.Scan(&b.ID, &b.Name, &b.Email, micros{&b.DeletedAt}, &b.DeletedBy, &b.Accounts)
		b.PurgeAt = b.DeletedAt.Add(backoffice.BinDays * 24 * time.Hour)
		return
	})
	list, prev, next = window(list, backoffice.PageSize, after, before, func(b BinnedUser) string { return b.ID })
	return list, prev, next, err
}

// PurgeUsers removes for good who has been in the bin for longer than 30 days, at
// most limit users: what is left is an empty row, which visits of accounts name,
// and the digests of their events. It returns how many went.
func (s *Store) PurgeUsers(ctx context.Context, limit int) (n int, err error) {
	err = s.update(ctx, backoffice.System(), func(t *tx) error {
		rows, err := t.rows(t.ctx, `SELECT key, id FROM users WHERE deleted_at IS NOT NULL AND purged_at IS NULL AND deleted_at <= $1 ORDER BY deleted_at, key LIMIT $2`,
			t.now.Add(-backoffice.BinDays*24*time.Hour).UnixMicro(), limit)
		type gone struct {
			key int64
			id  string
		}
		list, err := collect(rows, err, func(r rowScanner) (g gone, err error) { err = r.Scan(&g.key, &g.id); return })
		if err != nil {
			return err
		}
		for _, g := range list {
			if err := t.dropFactors(backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: g.key}); err != nil {
				return err
			}
			for _, text := range []string{
				`DELETE FROM passwords WHERE user_key = $1`,
				`DELETE FROM binned_memberships WHERE user_key = $1`,
				`DELETE FROM removed_memberships WHERE user_key = $1`,
				`DELETE FROM resting_grants WHERE user_key = $1`,
				`DELETE FROM user_applications WHERE user_key = $1`,
				`DELETE FROM removed_user_applications WHERE user_key = $1`,
				`DELETE FROM openid_families WHERE user_key = $1`,
				`DELETE FROM invitations WHERE user_key = $1`,
				`UPDATE users SET email = '', name = '', name_sort = '', search = '', metadata = '{}', vendor_metadata = '{}' WHERE key = $1`,
			} {
				if _, err := t.exec(text, g.key); err != nil {
					return err
				}
			}
			// What they did tells of them as much as what was done to them.
			for _, text := range []string{
				`UPDATE events SET ` + emptied + ` WHERE object_id = $1 AND object_kind = 'user'`,
				`UPDATE events SET ` + emptied + ` WHERE actor_id = $1 AND actor_kind = 'user'`,
				`UPDATE invitations SET invited_by = '' WHERE invited_by_id = $1 AND invited_by_kind = 'user'`,
			} {
				if _, err := t.exec(text, g.id); err != nil {
					return err
				}
			}
			if err := t.one(`UPDATE users SET purged_at = $1 WHERE key = $2`, t.now.UnixMicro(), g.key); err != nil {
				return err
			}
			if err := t.record(event{action: "user.purged", kind: "user", id: g.id}); err != nil {
				return err
			}
		}
		n = len(list)
		return nil
	})
	return n, err
}
