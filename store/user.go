package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"steward/backoffice"
)

var userColumns = columns[backoffice.User]{
	{"id", func(u *backoffice.User) any { return &u.ID }},
	{"email", func(u *backoffice.User) any { return &u.Email }},
	{"name", func(u *backoffice.User) any { return &u.Name }},
	{"created_at", func(u *backoffice.User) any { return micros{&u.CreatedAt} }},
	{"verified", func(u *backoffice.User) any { return &u.Verified }},
	{"locked", func(u *backoffice.User) any { return &u.Locked }},
}

var (
	selectUserByEmail = `SELECT u.key, ` + userColumns.names("u.") + ` FROM users u WHERE u.email = $1`
	selectUserByID    = `SELECT u.key, ` + userColumns.names("u.") + ` FROM users u WHERE u.id = $1`
	insertUser        = `INSERT INTO users (` + userColumns.names("") + `) VALUES (` + userColumns.params(1) + `) RETURNING key`
	updateUser        = `UPDATE users SET ` + userColumns.set(1) + ` WHERE key = $7`
)

func readUser(ctx context.Context, r reader, text string, arg any) (backoffice.User, error) {
	var u backoffice.User
	err := r.row(ctx, text, arg).Scan(append([]any{&u.Key}, userColumns.scan(&u)...)...)
	return u, err
}

// ensureUser returns the user with the address, a new one where there is none.
func (t *tx) ensureUser(email backoffice.Email, name string, createdAt time.Time) (backoffice.User, error) {
	u, err := readUser(t.ctx, t, selectUserByEmail, string(email))
	if !errors.Is(err, backoffice.ErrNotFound) {
		return u, err
	}
	u = backoffice.User{ID: newID(), Email: string(email), Name: name, CreatedAt: createdAt}
	return u, t.insertUser(&u)
}

func (t *tx) insertUser(u *backoffice.User) error {
	t.kpi.users++
	return t.get(insertUser, userColumns.values(u)...).Scan(&u.Key)
}

// membership is a row to be written.
type membership struct {
	key, account, user int64
	status             backoffice.MembershipStatus
	createdAt          time.Time
}

// insertMembership adds a user to an account with roles, and counts it from the
// later of its own and the account's creation on.
func (t *tx) insertMembership(m membership, accountCreated time.Time, roles []int64) (int64, error) {
	counted := m.createdAt.UnixMicro()
	if a := accountCreated.UnixMicro(); a > counted {
		counted = a
	}
	if err := t.get(`INSERT INTO memberships (account_key, user_key, status, created_at, counted_at) VALUES ($1, $2, $3, $4, $5) RETURNING key`,
		m.account, m.user, string(m.status), m.createdAt.UnixMicro(), counted).Scan(&m.key); err != nil {
		return 0, err
	}
	if err := t.setRoles(m.key, roles); err != nil {
		return 0, err
	}
	t.kpi.countMembership(counted, 1)
	_, err := t.exec(`UPDATE engagement SET users = users + 1 WHERE account_key = $1`, m.account)
	return m.key, err
}

// setRoles replaces the roles of a membership.
func (t *tx) setRoles(membership int64, roles []int64) error {
	if _, err := t.exec(`DELETE FROM membership_roles WHERE membership_key = $1`, membership); err != nil {
		return err
	}
	for _, r := range roles {
		if _, err := t.exec(`INSERT INTO membership_roles (membership_key, role_key) VALUES ($1, $2) ON CONFLICT DO NOTHING`, membership, r); err != nil {
			return err
		}
	}
	return nil
}

// deleteMembership takes a user out of an account.
func (t *tx) deleteMembership(key int64) error {
	var account, counted int64
	if err := t.get(`SELECT account_key, COALESCE(counted_at, 0) FROM memberships WHERE key = $1`, key).Scan(&account, &counted); err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM membership_roles WHERE membership_key = $1`, key); err != nil {
		return err
	}
	if err := t.one(`DELETE FROM memberships WHERE key = $1`, key); err != nil {
		return err
	}
	if counted == 0 { // in the bin: not counted
		return nil
	}
	t.kpi.countMembership(counted, -1)
	_, err := t.exec(`UPDATE engagement SET users = users - 1 WHERE account_key = $1`, account)
	return err
}

// recountMemberships sets from when an account's memberships count, after the
// account's creation was changed or when it comes back from the bin.
func (t *tx) recountMemberships(account int64, created time.Time) error {
	if err := t.uncountMemberships(account); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE memberships SET counted_at = CASE WHEN created_at > $1 THEN created_at ELSE $1 END WHERE account_key = $2`,
		created.UnixMicro(), account); err != nil {
		return err
	}
	return t.eachCounted(account, 1)
}

// uncountMemberships takes an account's memberships out of the figures.
func (t *tx) uncountMemberships(account int64) error {
	if err := t.eachCounted(account, -1); err != nil {
		return err
	}
	_, err := t.exec(`UPDATE memberships SET counted_at = NULL WHERE account_key = $1`, account)
	return err
}

func (t *tx) eachCounted(account, n int64) error {
	rows, err := t.rows(t.ctx, `SELECT counted_at FROM memberships WHERE account_key = $1 AND counted_at IS NOT NULL`, account)
	counted, err := collect(rows, err, func(r rowScanner) (v int64, err error) { err = r.Scan(&v); return })
	for _, at := range counted {
		t.kpi.countMembership(at, n)
	}
	return err
}

func (t *tx) firstUserRoles() ([]int64, error) {
	rows, err := t.rows(t.ctx, `SELECT key FROM roles WHERE first_user ORDER BY key`)
	return collect(rows, err, func(r rowScanner) (v int64, err error) { err = r.Scan(&v); return })
}

// Members returns up to limit users of an account, the primary user first, then
// by e-mail; the ones after the e-mail address `after` only. Errors: none for
// an account without users.
func (s *Store) Members(ctx context.Context, a backoffice.Account, after string, limit int) ([]backoffice.Member, error) {
	q := s.query()
	text := `SELECT m.key, u.key, ` + userColumns.names("u.") + `, m.status, m.disabled, m.created_at, m.last_visit_at, m.visits
		FROM memberships m JOIN users u ON u.key = m.user_key WHERE m.account_key = $1`
	var rows *sql.Rows
	var err error
	if after == "" {
		rows, err = q.rows(ctx, text+` ORDER BY CASE WHEN u.key = $2 THEN 0 ELSE 1 END, u.email LIMIT $3`, a.Key, a.PrimaryUserKey, limit)
	} else {
		rows, err = q.rows(ctx, text+` AND u.key <> $2 AND u.email > $3 ORDER BY u.email LIMIT $4`, a.Key, a.PrimaryUserKey, after, limit)
	}
	type keyed struct {
		key int64
		backoffice.Member
	}
	found, err := collect(rows, err, func(r rowScanner) (m keyed, err error) {
		dest := append([]any{&m.key, &m.Key}, userColumns.scan(&m.User)...)
		err = r.Scan(append(dest, &m.Status, &m.Disabled, micros{&m.Since}, zeroMicros{&m.LastVisit}, &m.Visits)...)
		m.Primary = m.Key == a.PrimaryUserKey
		return
	})
	if err != nil {
		return nil, err
	}
	members := make([]backoffice.Member, len(found))
	for i, m := range found {
		members[i] = m.Member
		rows, err := q.rows(ctx, `SELECT r.name FROM membership_roles mr JOIN roles r ON r.key = mr.role_key WHERE mr.membership_key = $1 ORDER BY r.level, r.name`, m.key)
		if members[i].Roles, err = collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return }); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// splitRoles reads the roles of an import cell: keys separated by semicolons.
func splitRoles(cell string) []string {
	var out []string
	for _, r := range strings.Split(cell, ";") {
		if r = strings.TrimSpace(r); r != "" {
			out = append(out, r)
		}
	}
	return out
}
