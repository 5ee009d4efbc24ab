package store

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"steward/backoffice"
)

const selectUserDetails = `SELECT u.key, u.id, u.email, u.name, u.created_at, u.verified, u.locked, u.factors, COALESCE(u.deleted_at, 0), COALESCE(u.deletion_id, ''),
	u.metadata, u.vendor_metadata, u.vendor_metadata_fixed, u.metadata_version, u.version,
	COALESCE(e.accounts, 0), COALESCE(e.days, 0), COALESCE(e.last_visit_at, 0), COALESCE(e.roles, '')
	FROM users u LEFT JOIN user_engagement e ON e.user_key = u.key WHERE u.id = $1 AND u.purged_at IS NULL`

// User returns a user, also one in the bin. Errors: ErrNotFound.
func (s *Store) User(ctx context.Context, id string) (backoffice.UserDetails, error) {
	var u backoffice.UserDetails
	f := []foundUser{{}}
	var factors int64
	if err := s.query().row(ctx, selectUserDetails, id).Scan(&u.Key, &u.ID, &u.Email, &u.Name, micros{&u.CreatedAt}, &u.Verified, &u.Locked, &factors,
		zeroMicros{&u.DeletedAt}, &u.DeletionID, &u.Metadata, &u.VendorMetadata, &u.VendorMetadataFixed, &u.MetadataVersion, &u.Version,
		&u.Accounts, &u.Days, zeroMicros{&u.LastVisit}, &f[0].roles); err != nil {
		return u, err
	}
	u.Factors = backoffice.MFAMethods(factors)
	err := s.nameRoles(ctx, f)
	u.Roles = f[0].Roles
	return u, err
}

// UserMemberships returns the accounts outside of the bin that a user is in, by
// name. Errors: none for who is in none.
func (s *Store) UserMemberships(ctx context.Context, userKey int64) ([]backoffice.UserMembership, error) {
	type row struct {
		backoffice.UserMembership
		key int64
	}
	rows, err := s.query().rows(ctx, `SELECT m.key, a.key, a.id, a.name, m.status, m.disabled, COALESCE(a.primary_user_key, 0) = $1, m.created_at, m.last_visit_at, m.visits
		FROM memberships m JOIN accounts a ON a.key = m.account_key AND a.deleted_at IS NULL WHERE m.user_key = $1 ORDER BY a.name_sort, a.key`, userKey)
	found, err := collect(rows, err, func(r rowScanner) (m row, err error) {
		err = r.Scan(&m.key, &m.Account.Key, &m.Account.ID, &m.Account.Name, &m.Status, &m.Disabled, &m.Primary, micros{&m.Since}, zeroMicros{&m.LastVisit}, &m.Visits)
		return
	})
	if err != nil {
		return nil, err
	}
	list := make([]backoffice.UserMembership, len(found))
	for i, m := range found {
		list[i] = m.UserMembership
		if list[i].Roles, err = heldRoles(ctx, s.query(), m.key); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// UserVisitsByDay returns in how many accounts a user was seen on each of the
// days from from to to, days without left out.
func (s *Store) UserVisitsByDay(ctx context.Context, userKey int64, from, to backoffice.Day) ([]backoffice.VisitDay, error) {
	rows, err := s.query().rows(ctx, `SELECT day, n FROM user_days WHERE user_key = $1 AND day BETWEEN $2 AND $3 ORDER BY day`, userKey, int64(from), int64(to))
	return collect(rows, err, func(r rowScanner) (v backoffice.VisitDay, err error) { err = r.Scan(&v.Day, &v.Visits); return })
}

// userNow finds a user outside of the bin whom the actor may change. Errors:
// ErrNotFound, ErrForbidden.
func (t *tx) userNow(id string) (backoffice.User, error) {
	if err := t.mayStill(backoffice.WriteAllUsers); err != nil {
		return backoffice.User{}, err
	}
	return readUser(t.ctx, t, selectUserByID, id)
}

func (t *tx) recordUser(action string, u backoffice.User, before, after any) error {
	return t.record(event{action: action, kind: "user", id: u.ID, name: userLabel(u.Name, u.Email), before: before, after: after})
}

// UserChange is one act on a user: SetLocked, EndSessions, GiveRole and so on.
// It says why it refuses, "" when it is done.
type UserChange func(*tx, backoffice.User) (refused string, err error)

// ChangeUser does one act on one user. Errors: ErrNotFound, ErrForbidden, a
// Refusal.
func (s *Store) ChangeUser(ctx context.Context, actor backoffice.Actor, id string, act UserChange) error {
	return s.update(ctx, actor, func(t *tx) error {
		u, err := t.userNow(id)
		if err != nil {
			return err
		}
		refused, err := act(t, u)
		if err == nil && refused != "" {
			err = backoffice.Refusal(refused)
		}
		return err
	})
}

// ChangeUsers does one act on several users, in units of work of at most
// bulkBatch: after an error, what the results name is done.
func (s *Store) ChangeUsers(ctx context.Context, actor backoffice.Actor, ids []string, act UserChange) (results []BulkResult, err error) {
	for batch := range slices.Chunk(distinct(ids), bulkBatch) {
		var part []BulkResult
		err := s.update(ctx, actor, func(t *tx) error {
			part = part[:0]
			for _, id := range batch {
				u, err := t.userNow(id)
				if errors.Is(err, backoffice.ErrNotFound) {
					part = append(part, BulkResult{ID: id, Refused: "not there any more"})
					continue
				}
				if err != nil {
					return err
				}
				refused, err := act(t, u)
				if err != nil {
					return err
				}
				part = append(part, BulkResult{ID: u.ID, Name: userLabel(u.Name, u.Email), Refused: refused})
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

// errDryRun takes back what a dry run has done.
var errDryRun = errors.New("dry run")

// TryUsers says what ChangeUsers would do, row by row, and does none of it.
func (s *Store) TryUsers(ctx context.Context, actor backoffice.Actor, ids []string, act UserChange) (results []BulkResult, err error) {
	for batch := range slices.Chunk(distinct(ids), bulkBatch) {
		var part []BulkResult
		err := s.update(ctx, actor, func(t *tx) error {
			part = part[:0]
			for _, id := range batch {
				u, err := t.userNow(id)
				if errors.Is(err, backoffice.ErrNotFound) {
					part = append(part, BulkResult{ID: id, Refused: "not there any more"})
					continue
				}
				if err != nil {
					return err
				}
				refused, err := act(t, u)
				if err != nil {
					return err
				}
				part = append(part, BulkResult{ID: u.ID, Name: userLabel(u.Name, u.Email), Refused: refused})
			}
			return errDryRun
		})
		if !errors.Is(err, errDryRun) {
			return results, err
		}
		results = append(results, part...)
	}
	return results, nil
}

// SetLocked locks a user, who can then sign in nowhere and whose sessions end at
// once, or unlocks them.
func SetLocked(locked bool) UserChange {
	return func(t *tx, u backoffice.User) (string, error) {
		switch {
		case u.Locked == locked && locked:
			return "locked already", nil
		case u.Locked == locked:
			return "not locked", nil
		}
		if err := t.one(`UPDATE users SET locked = $1, version = version + 1 WHERE key = $2`, locked, u.Key); err != nil {
			return "", err
		}
		action := "user.unlocked"
		var after any
		if locked {
			action = "user.locked"
			n, err := t.endUserSessions(u.Key, 0, nil)
			if err != nil {
				return "", err
			}
			if n > 0 {
				after = map[string]any{"sessions": n}
			}
		}
		return "", t.recordUser(action, u, nil, after)
	}
}

// EndSessions ends all sessions of a user.
func EndSessions() UserChange {
	return func(t *tx, u backoffice.User) (string, error) {
		n, err := t.endUserSessions(u.Key, 0, nil)
		if err != nil || n == 0 {
			return "no session", err
		}
		return "", t.recordUser("user.sessions-ended", u, nil, map[string]any{"sessions": n})
	}
}

// memberKeys are the memberships of a user in accounts outside of the bin.
func (t *tx) memberKeys(user int64) ([]accountUser, error) {
	rows, err := t.rows(t.ctx, `SELECT account_key, key FROM memberships WHERE user_key = $1 AND counted_at IS NOT NULL ORDER BY account_key`, user)
	return collect(rows, err, func(r rowScanner) (m accountUser, err error) { err = r.Scan(&m.account, &m.user); return })
}

// GiveRole gives a user a role, by its key, in every account that they are in
// and that knows it.
func GiveRole(key string) UserChange {
	return func(t *tx, u backoffice.User) (string, error) {
		return t.moveRole(u, key, true)
	}
}

// TakeRole takes a role, by its key, from a user in every account. A membership
// keeps at least one role.
func TakeRole(key string) UserChange {
	return func(t *tx, u backoffice.User) (string, error) {
		return t.moveRole(u, key, false)
	}
}

func (t *tx) moveRole(u backoffice.User, key string, give bool) (string, error) {
	members, err := t.memberKeys(u.Key)
	if err != nil {
		return "", err
	}
	if len(members) == 0 {
		return "in no account", nil
	}
	changed, kept := 0, 0
	for _, m := range members {
		known, err := grantables(t.ctx, t, m.account)
		if err != nil {
			return "", err
		}
		i := slices.IndexFunc(known, func(r storedRole) bool { return r.Key == key })
		if i < 0 {
			continue
		}
		held, err := heldRoles(t.ctx, t, m.user)
		if err != nil {
			return "", err
		}
		has := slices.ContainsFunc(held, func(r backoffice.Role) bool { return r.Key == key })
		if has == give {
			continue
		}
		if !give && len(held) == 1 {
			kept++
			continue
		}
		text := `INSERT INTO membership_roles (membership_key, role_key) VALUES ($1, $2)`
		if !give {
			text = `DELETE FROM membership_roles WHERE membership_key = $1 AND role_key = $2`
		}
		if _, err := t.exec(text, m.user, known[i].key); err != nil {
			return "", err
		}
		var before, after []string
		for _, r := range held {
			before = append(before, r.Name)
			if give || r.Key != key {
				after = append(after, r.Name)
			}
		}
		if give {
			after = append(after, known[i].Name)
		}
		var name string
		if err := t.get(`SELECT name FROM accounts WHERE key = $1`, m.account).Scan(&name); err != nil {
			return "", err
		}
		if err := t.record(event{action: "user.roles-changed", kind: "user", id: u.ID, name: userLabel(u.Name, u.Email), accountKey: m.account,
			before: map[string]any{"account": name, "roles": before}, after: map[string]any{"account": name, "roles": after}}); err != nil {
			return "", err
		}
		changed++
	}
	switch {
	case changed > 0:
		return "", nil
	case kept > 0:
		return "it is the only role they have", nil
	case give:
		return "they have it already", nil
	}
	return "they do not have it", nil
}

// CreatedUser is what "Create user" fills in.
type CreatedUser struct {
	Email, Name string
	AccountID   string   // "": in no account yet
	Roles       []string // keys
	// Applications are the IDs of applications of the account that the user is given
	// by hand.
	Applications []string
}

// CreateUser makes a user and, where an account is named, puts them into it: with
// an invitation whose link mint makes, or silently where it is nil. Errors:
// ErrForbidden, Problems (email, name, account, roles, applications).
func (s *Store) CreateUser(ctx context.Context, actor backoffice.Actor, n CreatedUser, mint backoffice.Mint) (u backoffice.User, err error) {
	var problems backoffice.Problems
	email, err := backoffice.ParseEmail(n.Email)
	if err != nil {
		problems.Add("email", err.Error())
	}
	name, err := backoffice.CleanName(n.Name, backoffice.MaxName)
	if err != nil {
		problems.Add("name", err.Error())
	}
	err = s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteAllUsers); err != nil {
			return err
		}
		var account backoffice.Account
		var roles []storedRole
		var given []backoffice.Application
		problems := maps.Clone(problems)
		if n.AccountID != "" {
			var err error
			if account, err = t.account(n.AccountID); errors.Is(err, backoffice.ErrNotFound) {
				problems.Add("account", "There is no account with this ID.")
			} else if err != nil {
				return err
			} else if roles, err = t.rolesNamed(account.Key, n.Roles); isRefusal(err) {
				problems.Add("roles", err.Error())
			} else if err != nil {
				return err
			} else if len(roles) == 0 {
				problems.Add("roles", "Choose at least one role.")
			}
			if account.Key != 0 {
				if given, err = t.applicationsToGive(account.Key, n.Applications); isRefusal(err) {
					problems.Add("applications", err.Error())
				} else if err != nil {
					return err
				}
			}
		} else if len(n.Applications) > 0 {
			problems.Add("applications", "Name the account in which they get them.")
		}
		if problems["email"] == "" {
			if _, err := readUser(t.ctx, t, selectUserByEmail, string(email)); err == nil {
				problems.Add("email", "There is a user with this address already.")
			} else if !errors.Is(err, backoffice.ErrNotFound) {
				return err
			}
		}
		if err := problems.Err(); err != nil {
			return err
		}
		u = backoffice.User{ID: newUserID(), Email: string(email), Name: name, CreatedAt: t.now.Truncate(time.Microsecond)}
		if err := t.insertUser(&u); err != nil {
			return err
		}
		if err := t.recordUser("user.created", u, nil, map[string]any{"email": u.Email}); err != nil || n.AccountID == "" {
			return err
		}
		_, err := t.addMember(account, member{email: email, roles: roles, mint: mint, given: given})
		return err
	})
	return u, err
}

// userMetadata are the columns of the two kinds, by whether it is the secure one.
var userMetadata = map[bool]struct {
	column, action string
	limit          int
}{
	false: {"metadata", "user.metadata-changed", backoffice.MaxSessionMetadata},
	true:  {"vendor_metadata", "user.secure-metadata-changed", backoffice.MaxSecureMetadata},
}

// SetUserMetadata replaces the session metadata of a user, or with secure the
// other one, of which the trail holds the keys alone. Errors: ErrNotFound,
// ErrForbidden, Problems (metadata), *MetadataConflict.
func (s *Store) SetUserMetadata(ctx context.Context, actor backoffice.Actor, id string, secure bool, edit MetadataEdit) error {
	kind := userMetadata[secure]
	mine, err := backoffice.ParseMetadata(edit.Text, kind.limit)
	if err != nil {
		return backoffice.Problems{"metadata": err.Error()}
	}
	return s.update(ctx, actor, func(t *tx) error {
		u, err := t.userNow(id)
		if err != nil {
			return err
		}
		if secure {
			if err := t.mayStill(backoffice.ReadSecureMetadata); err != nil {
				return err
			}
		}
		var text string
		var version int64
		if err := t.get(`SELECT `+kind.column+`, metadata_version FROM users WHERE key = $1`, u.Key).Scan(&text, &version); err != nil {
			return err
		}
		theirs, err := backoffice.ParseMetadata(text, backoffice.MaxMetadataBytes)
		if err != nil {
			return err
		}
		base, err := backoffice.ParseMetadata(edit.Base, backoffice.MaxMetadataBytes)
		if err != nil {
			base = backoffice.Metadata{}
		}
		// The version is of both kinds: a change of the other one is no conflict.
		if version != edit.Version && base.String() != theirs.String() {
			return &MetadataConflict{Base: base, Mine: mine, Theirs: theirs, Version: version}
		}
		if theirs.String() == mine.String() {
			return nil
		}
		if err := t.one(`UPDATE users SET `+kind.column+` = $1, metadata_version = metadata_version + 1 WHERE key = $2`, mine.String(), u.Key); err != nil {
			return err
		}
		before, after := map[string]any{}, map[string]any{}
		var keys []string
		for _, c := range backoffice.MetadataDiff(theirs, mine, theirs) {
			keys = append(keys, c.Key)
			if c.Base != nil {
				before[c.Key] = json.RawMessage(*c.Base)
			}
			if c.Mine != nil {
				after[c.Key] = json.RawMessage(*c.Mine)
			}
		}
		if secure {
			return t.recordUser(kind.action, u, nil, map[string]any{"keys": keys})
		}
		return t.recordUser(kind.action, u, before, after)
	})
}
