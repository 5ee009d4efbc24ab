package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
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

// newUserColumns are what a new row is written with: beside the user's own, what
// the list is sorted and searched by.
var newUserColumns = append(userColumns[:len(userColumns):len(userColumns)],
	column[backoffice.User]{"name_sort", func(u *backoffice.User) any { return userText{u, false} }},
	column[backoffice.User]{"search", func(u *backoffice.User) any { return userText{u, true} }})

// userText is what userKeys gives for a user.
type userText struct {
	u      *backoffice.User
	search bool
}

func (x userText) Value() (driver.Value, error) {
	sort, search := userKeys(x.u.Name, x.u.Email)
	if x.search {
		return search, nil
	}
	return sort, nil
}

// userKeys returns what users are sorted and searched by.
func userKeys(name, email string) (sort, search string) {
	if sort = backoffice.Fold(name); sort == "" {
		return email, "\n" + email
	}
	return sort, sort + "\n" + email
}

// nameUser gives a user another name or address, and keeps what they are found
// by in step with it.
func (t *tx) nameUser(key int64, name, email string) error {
	sort, search := userKeys(name, email)
	return t.one(`UPDATE users SET name = $1, email = $2, name_sort = $3, search = $4, version = version + 1 WHERE key = $5`, name, email, sort, search, key)
}

var (
	selectUserByEmail = `SELECT u.key, ` + userColumns.names("u.") + ` FROM users u WHERE u.email = $1 AND u.deleted_at IS NULL`
	selectUserByKey   = `SELECT u.key, ` + userColumns.names("u.") + ` FROM users u WHERE u.key = $1 AND u.deleted_at IS NULL`
	selectUserByID    = `SELECT u.key, ` + userColumns.names("u.") + ` FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL`
	insertUser        = `INSERT INTO users (` + newUserColumns.names("") + `) VALUES (` + newUserColumns.params(1) + `) RETURNING key`
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
	u = backoffice.User{ID: newUserID(), Email: string(email), Name: name, CreatedAt: createdAt}
	return u, t.insertUser(&u)
}

func (t *tx) insertUser(u *backoffice.User) error {
	t.kpi.users++
	return t.get(insertUser, newUserColumns.values(u)...).Scan(&u.Key)
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
	// What was given by hand to who stood here once is not theirs by coming again.
	if err := t.restApplications(m.user); err != nil {
		return 0, err
	}
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
	if err := t.grantByDefault(m.account, m.key, m.key); err != nil {
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

// deleteMembership takes a user out of an account; an invitation that is open
// goes with it.
func (t *tx) deleteMembership(key int64) error {
	var account, user, counted int64
	if err := t.get(`SELECT account_key, user_key, COALESCE(counted_at, 0) FROM memberships WHERE key = $1`, key).Scan(&account, &user, &counted); err != nil {
		return err
	}
	if err := t.closeInvitations(account, user); err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM membership_roles WHERE membership_key = $1`, key); err != nil {
		return err
	}
	if err := t.restGrant(key, account, user); err != nil {
		return err
	}
	if err := t.one(`DELETE FROM memberships WHERE key = $1`, key); err != nil {
		return err
	}
	if err := t.restApplications(user); err != nil {
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
	rows, err := t.rows(t.ctx, `SELECT key FROM roles WHERE first_user AND deleted_at IS NULL ORDER BY key`)
	return collect(rows, err, func(r rowScanner) (v int64, err error) { err = r.Scan(&v); return })
}

// memberOrder puts the primary user, $2, before all others, who follow by e-mail.
const memberOrder = `CASE WHEN u.key = $2 THEN '' ELSE u.email END`

// membersWhere reads users of an account with their roles: all of one
// statement, however many there are. where is a constant piece.
func (q query) membersWhere(ctx context.Context, where string, desc bool, args ...any) ([]backoffice.Member, error) {
	dir := ""
	if desc {
		dir = " DESC"
	}
	rows, err := q.rows(ctx, `SELECT x.*, COALESCE((SELECT string_agg(o.name, '`+"\n"+`') FROM (SELECT r.name FROM membership_roles mr
			JOIN roles r ON r.key = mr.role_key WHERE mr.membership_key = x.membership ORDER BY r.level, r.name) o), '')
		FROM (SELECT m.key AS membership, u.key, `+userColumns.names("u.")+`, m.status, m.disabled, m.created_at AS since, m.last_visit_at, m.visits,
			`+memberOrder+` AS place FROM memberships m JOIN users u ON u.key = m.user_key
			WHERE m.account_key = $1 AND `+where+` ORDER BY place`+dir+` LIMIT `+strconv.Itoa(backoffice.MembersPerPage+1)+`) x ORDER BY x.place`+dir, args...)
	return collect(rows, err, func(r rowScanner) (m backoffice.Member, err error) {
		var membership int64
		var place, roles string
		dest := append([]any{&membership, &m.Key}, userColumns.scan(&m.User)...)
		err = r.Scan(append(dest, &m.Status, &m.Disabled, micros{&m.Since}, zeroMicros{&m.LastVisit}, &m.Visits, &place, &roles)...)
		m.Primary = place == ""
		if roles != "" {
			m.Roles = strings.Split(roles, "\n")
		}
		return
	})
}

// Members returns a page of the users of an account, the primary user first,
// then by e-mail. A position that is not there any more opens an empty page.
// Errors: none for an account without users.
func (s *Store) Members(ctx context.Context, a backoffice.Account, f backoffice.MemberFilter) (page backoffice.MembersPage, err error) {
	if f.Query = backoffice.Fold(f.Query); f.Query != "" {
		return s.searchMembers(ctx, a, f)
	}
	q := s.query()
	page.Total = a.Users
	since := int64(0)
	if f.Active {
		since = s.activeSince()
		if err := q.row(ctx, `SELECT COUNT(*) FROM memberships WHERE account_key = $1 AND last_visit_at >= $2`, a.Key, since).Scan(&page.Total); err != nil {
			return page, err
		}
	}
	const place = `(SELECT ` + memberOrder + ` FROM users u WHERE u.id = $4)`
	switch {
	case f.Before != "":
		page.Rows, err = q.membersWhere(ctx, `m.last_visit_at >= $3 AND `+memberOrder+` < `+place, true, a.Key, a.PrimaryUserKey, since, f.Before)
	case f.After != "":
		page.Rows, err = q.membersWhere(ctx, `m.last_visit_at >= $3 AND `+memberOrder+` > `+place, false, a.Key, a.PrimaryUserKey, since, f.After)
	default:
		page.Rows, err = q.membersWhere(ctx, `m.last_visit_at >= $3`, false, a.Key, a.PrimaryUserKey, since)
	}
	if err != nil {
		return page, err
	}
	page.Rows, page.Prev, page.Next = window(page.Rows, backoffice.MembersPerPage, f.After, f.Before, func(m backoffice.Member) string { return m.ID })
	forCustomers(page.Rows, f)
	return page, nil
}

// forCustomers leaves of users what those may know who look.
func forCustomers(rows []backoffice.Member, f backoffice.MemberFilter) {
	for i := range rows {
		if f.Customers {
			rows[i] = rows[i].ForCustomers()
		}
	}
}

// activeSince is from when on a visit makes a user or an account active today.
func (s *Store) activeSince() int64 {
	return (backoffice.DayOf(s.Now()) - backoffice.ActiveDays + 1).Start().UnixMicro()
}

// searchMembers finds users of one account by part of name or e-mail, folded
// alike on both engines; it walks through the account's users only.
func (s *Store) searchMembers(ctx context.Context, a backoffice.Account, f backoffice.MemberFilter) (page backoffice.MembersPage, err error) {
	type match struct {
		key int64
		id  string
	}
	since := int64(0)
	if f.Active {
		since = s.activeSince()
	}
	rows, err := s.query().rows(ctx, `SELECT m.key, u.id, u.email, u.name, m.status FROM memberships m JOIN users u ON u.key = m.user_key
		WHERE m.account_key = $1 AND m.last_visit_at >= $3 ORDER BY `+memberOrder, a.Key, a.PrimaryUserKey, since)
	if err != nil {
		return page, err
	}
	defer rows.Close()
	var found []match
	from, to := 0, -1
	for rows.Next() {
		var m match
		var email, name string
		var status backoffice.MembershipStatus
		if err := rows.Scan(&m.key, &m.id, &email, &name, &status); err != nil {
			return page, err
		}
		if f.Customers && status == backoffice.Invited {
			name = ""
		}
		if m.id == f.Before {
			to = len(found)
		}
		if strings.Contains(backoffice.Fold(email), f.Query) || strings.Contains(backoffice.Fold(name), f.Query) || m.id == f.Query {
			found = append(found, m)
		}
		if m.id == f.After {
			from = len(found)
		}
	}
	if err := rows.Err(); err != nil {
		return page, err
	}
	rows.Close()
	page.Total = int64(len(found))
	if to >= 0 {
		from = max(0, to-backoffice.MembersPerPage)
	} else {
		to = min(len(found), from+backoffice.MembersPerPage)
	}
	if from >= to {
		return page, nil
	}
	if from > 0 {
		page.Prev = found[from].id
	}
	if to < len(found) {
		page.Next = found[to-1].id
	}
	args := []any{a.Key, a.PrimaryUserKey}
	marks := make([]string, 0, to-from)
	for _, m := range found[from:to] {
		args = append(args, m.key)
		marks = append(marks, "$"+strconv.Itoa(len(args)))
	}
	page.Rows, err = s.query().membersWhere(ctx, `m.key IN (`+strings.Join(marks, ", ")+`)`, false, args...)
	forCustomers(page.Rows, f)
	return page, err
}

// RenameUser changes the name of a user: their own act, or that of staff. Errors:
// ErrNotFound, Problems (name), ErrForbidden for somebody else's.
func (s *Store) RenameUser(ctx context.Context, actor backoffice.Actor, id, name string) error {
	name, err := backoffice.CleanName(name, backoffice.MaxName)
	if err != nil {
		return backoffice.Problems{"name": err.Error()}
	}
	if name == "" {
		return backoffice.Problems{"name": "Enter a name."}
	}
	if actor.Kind == backoffice.ActorUser && actor.ID != id {
		return backoffice.ErrForbidden
	}
	return s.update(ctx, actor, func(t *tx) error {
		u, err := readUser(t.ctx, t, selectUserByID, id)
		if err != nil || u.Name == name {
			return err
		}
		if err := t.nameUser(u.Key, name, u.Email); err != nil {
			return err
		}
		return t.record(event{action: "user.renamed", kind: "user", id: u.ID, name: u.Email, before: map[string]any{"name": u.Name}, after: map[string]any{"name": name}})
	})
}
