package store

import (
	"context"
	"errors"
	"time"

	"steward/backoffice"
)

var staffColumns = columns[backoffice.Staff]{
	{"id", func(s *backoffice.Staff) any { return &s.ID }},
	{"email", func(s *backoffice.Staff) any { return &s.Email }},
	{"name", func(s *backoffice.Staff) any { return &s.Name }},
	{"role", func(s *backoffice.Staff) any { return (*string)(&s.Role) }},
	{"created_at", func(s *backoffice.Staff) any { return micros{&s.CreatedAt} }},
	{"version", func(s *backoffice.Staff) any { return &s.Version }},
}

var (
	selectStaff        = `SELECT s.key, ` + staffColumns.names("s.") + ` FROM staff s WHERE s.removed_at IS NULL`
	selectStaffByID    = selectStaff + ` AND s.id = $1`
	selectStaffByKey   = selectStaff + ` AND s.key = $1`
	selectStaffList    = selectStaff + ` ORDER BY s.email`
	selectCredentials  = `SELECT s.key, ` + staffColumns.names("s.") + `, s.password_hash FROM staff s WHERE s.removed_at IS NULL AND s.email = $1`
	insertStaff        = `INSERT INTO staff (` + staffColumns.names("") + `, password_hash) VALUES (` + staffColumns.params(1) + `, $7) RETURNING key`
	countOwners        = `SELECT COUNT(*) FROM staff WHERE role = 'owner' AND removed_at IS NULL AND password_hash <> ''`
	endSessionsOfStaff = `DELETE FROM staff_sessions WHERE staff_key = $1`
)

func scanStaff(r rowScanner, more ...any) (s backoffice.Staff, err error) {
	err = r.Scan(append(append([]any{&s.Key}, staffColumns.scan(&s)...), more...)...)
	return s, err
}

// StaffList returns all staff, by e-mail.
func (s *Store) StaffList(ctx context.Context) ([]backoffice.Staff, error) {
	rows, err := s.query().rows(ctx, selectStaffList)
	return collect(rows, err, func(r rowScanner) (backoffice.Staff, error) { return scanStaff(r) })
}

// Staff returns the member of staff with the ID. Errors: ErrNotFound.
func (s *Store) Staff(ctx context.Context, id string) (backoffice.Staff, error) {
	return scanStaff(s.query().row(ctx, selectStaffByID, id))
}

// StaffCredentials returns the member of staff with the canonical address and
// the hash of their password. Errors: ErrNotFound.
func (s *Store) StaffCredentials(ctx context.Context, email string) (staff backoffice.Staff, passwordHash string, err error) {
	staff, err = scanStaff(s.query().row(ctx, selectCredentials, email), &passwordHash)
	return staff, passwordHash, err
}

// HasOwner reports whether the installation is set up: somebody owns it.
func (s *Store) HasOwner(ctx context.Context) (bool, error) {
	var n int
	err := s.query().row(ctx, countOwners).Scan(&n)
	return n > 0, err
}

// CheckNewStaff returns what a form or command says of somebody new in the form
// in which it is kept. Errors: Problems (email, name, role).
func CheckNewStaff(n backoffice.NewStaff) (backoffice.NewStaff, error) {
	var problems backoffice.Problems
	email, err := backoffice.ParseEmail(n.Email)
	if err != nil {
		problems.Add("email", err.Error())
	}
	name, err := backoffice.CleanName(n.Name, backoffice.MaxName)
	if err != nil {
		problems.Add("name", err.Error())
	}
	if !n.Role.Valid() {
		problems.Add("role", "Choose Owner, Manager or Viewer.")
	}
	return backoffice.NewStaff{Email: string(email), Name: name, Role: n.Role}, problems.Err()
}

// AddStaff lets somebody into the backoffice, with the hash of their first
// password. Errors: Problems (email, name, role), ErrForbidden.
func (s *Store) AddStaff(ctx context.Context, actor backoffice.Actor, n backoffice.NewStaff, passwordHash string) (backoffice.Staff, error) {
	n, err := CheckNewStaff(n)
	if err != nil {
		return backoffice.Staff{}, err
	}
	var staff backoffice.Staff
	err = s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteStaff); err != nil {
			return err
		}
		staff, err = t.insertStaff(n, passwordHash)
		return err
	})
	return staff, err
}

// mayStill holds a member of staff to what they may do at this moment: the role
// may have been taken since the request began. Others are held to their kind.
func (t *tx) mayStill(p backoffice.StaffPermission) error {
	if t.actor.Kind == backoffice.ActorStaff {
		now, err := scanStaff(t.get(selectStaffByID, t.actor.ID))
		if errors.Is(err, backoffice.ErrNotFound) || err == nil && !now.Role.May(p) {
			return backoffice.ErrForbidden
		}
		return err
	}
	if !t.actor.May(p) {
		return backoffice.ErrForbidden
	}
	return nil
}

func (t *tx) insertStaff(n backoffice.NewStaff, passwordHash string) (backoffice.Staff, error) {
	staff := backoffice.Staff{ID: newID(), Email: n.Email, Name: n.Name, Role: n.Role, CreatedAt: t.now.Truncate(time.Microsecond), Version: 1}
	var taken bool
	if err := t.get(`SELECT EXISTS (SELECT 1 FROM staff WHERE email = $1 AND removed_at IS NULL)`, n.Email).Scan(&taken); err != nil {
		return staff, err
	}
	if taken {
		return staff, backoffice.Problems{"email": "Somebody with this e-mail is staff already."}
	}
	if err := t.get(insertStaff, staffColumns.values(&staff, passwordHash)...).Scan(&staff.Key); err != nil {
		return staff, err
	}
	if staff.Role == backoffice.Owner {
		// The set-up link dies with the first owner.
		if _, err := t.exec(`UPDATE setup_links SET used_at = $1 WHERE used_at IS NULL`, t.now.UnixMicro()); err != nil {
			return staff, err
		}
	}
	return staff, t.record(event{action: "staff.added", kind: "staff", id: staff.ID, name: staff.Label(),
		after: map[string]any{"email": staff.Email, "name": staff.Name, "role": string(staff.Role)}})
}

// keepAnOwner is asked after a change: somebody has to own the installation.
func (t *tx) keepAnOwner() error {
	var n int
	if err := t.get(countOwners).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return backoffice.Problems{"": string(backoffice.LastOwner)}
	}
	return nil
}

// ChangeStaffRole gives a member of staff another role and ends their sessions.
// Errors: ErrNotFound, ErrForbidden, Problems (role; "" for the last owner).
func (s *Store) ChangeStaffRole(ctx context.Context, actor backoffice.Actor, id string, role backoffice.StaffRole) error {
	if !role.Valid() {
		return backoffice.Problems{"role": "Choose Owner, Manager or Viewer."}
	}
	return s.update(essential(ctx), actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteStaff); err != nil {
			return err
		}
		staff, err := scanStaff(t.get(selectStaffByID, id))
		if err != nil || staff.Role == role {
			return err
		}
		if err := t.one(`UPDATE staff SET role = $1, version = version + 1 WHERE key = $2`, string(role), staff.Key); err != nil {
			return err
		}
		if err := t.keepAnOwner(); err != nil {
			return err
		}
		if role == backoffice.Owner {
			if _, err := t.exec(`UPDATE setup_links SET used_at = $1 WHERE used_at IS NULL`, t.now.UnixMicro()); err != nil {
				return err
			}
		}
		if _, err := t.exec(endSessionsOfStaff, staff.Key); err != nil {
			return err
		}
		return t.record(event{action: "staff.role-changed", kind: "staff", id: staff.ID, name: staff.Label(),
			before: map[string]any{"role": string(staff.Role)}, after: map[string]any{"role": string(role)}})
	})
}

// RemoveStaff takes somebody out of the backoffice: sessions, known devices and
// private views go at once, shared views stay. Errors: ErrNotFound, ErrForbidden,
// Problems ("") for the last owner.
func (s *Store) RemoveStaff(ctx context.Context, actor backoffice.Actor, id string) error {
	return s.update(essential(ctx), actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteStaff); err != nil {
			return err
		}
		staff, err := scanStaff(t.get(selectStaffByID, id))
		if err != nil {
			return err
		}
		if err := t.one(`UPDATE staff SET removed_at = $1, password_hash = '', version = version + 1 WHERE key = $2`, t.now.UnixMicro(), staff.Key); err != nil {
			return err
		}
		if err := t.keepAnOwner(); err != nil {
			return err
		}
		for _, text := range []string{endSessionsOfStaff, `DELETE FROM staff_devices WHERE staff_key = $1`, `DELETE FROM saved_views WHERE staff_key = $1 AND NOT shared`,
			`DELETE FROM pending_staff_sign_ins WHERE staff_key = $1`} {
			if _, err := t.exec(text, staff.Key); err != nil {
				return err
			}
		}
		if err := t.dropFactors(backoffice.MFAHolder{Kind: backoffice.ActorStaff, Key: staff.Key}); err != nil {
			return err
		}
		return t.record(event{action: "staff.removed", kind: "staff", id: staff.ID, name: staff.Label(),
			before: map[string]any{"email": staff.Email, "name": staff.Name, "role": string(staff.Role)}})
	})
}

// ChangePassword replaces the hash that was verified by the new one, and ends
// every session of the member of staff but the one with the hash keep; devices
// are known no more. Errors: ErrNotFound, ErrConflict when the password was
// changed meanwhile.
func (s *Store) ChangePassword(ctx context.Context, actor backoffice.Actor, staffKey int64, verified, passwordHash string, keep []byte) error {
	return s.update(ctx, actor, func(t *tx) error {
		staff, err := scanStaff(t.get(selectStaffByKey, staffKey))
		if err != nil {
			return err
		}
		n, err := t.exec(`UPDATE staff SET password_hash = $1, version = version + 1 WHERE key = $2 AND password_hash = $3`, passwordHash, staffKey, verified)
		if err != nil {
			return err
		}
		if n == 0 {
			return backoffice.ErrConflict
		}
		if _, err := t.exec(`DELETE FROM staff_sessions WHERE staff_key = $1 AND token_hash <> $2`, staffKey, nonNil(keep)); err != nil {
			return err
		}
		for _, text := range []string{`DELETE FROM staff_devices WHERE staff_key = $1`, `DELETE FROM pending_staff_sign_ins WHERE staff_key = $1`} {
			if _, err := t.exec(text, staffKey); err != nil {
				return err
			}
		}
		return t.record(event{action: "staff.password-changed", kind: "staff", id: staff.ID, name: staff.Label()})
	})
}

// nonNil keeps a missing hash from becoming NULL, which no comparison answers.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
