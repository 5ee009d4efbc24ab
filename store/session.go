package store

import (
	"context"
	"errors"
	"time"

	"steward/backoffice"
)

var sessionColumns = columns[backoffice.StaffSession]{
	{"id", func(s *backoffice.StaffSession) any { return &s.ID }},
	{"created_at", func(s *backoffice.StaffSession) any { return micros{&s.CreatedAt} }},
	{"seen_at", func(s *backoffice.StaffSession) any { return micros{&s.SeenAt} }},
	{"address", func(s *backoffice.StaffSession) any { return &s.Address }},
	{"user_agent", func(s *backoffice.StaffSession) any { return &s.UserAgent }},
	{"proved_at", func(s *backoffice.StaffSession) any { return zeroMicros{&s.ProvedAt} }},
	{"mfa_at", func(s *backoffice.StaffSession) any { return zeroMicros{&s.MFAAt} }},
}

var (
	selectSession = `SELECT ` + sessionColumns.names("x.") + `, s.key, ` + staffColumns.names("s.") +
		` FROM staff_sessions x JOIN staff s ON s.key = x.staff_key WHERE x.token_hash = $1 AND s.removed_at IS NULL
		AND (x.mfa_at > 0 OR NOT EXISTS (SELECT 1 FROM settings WHERE name = 'staff-mfa' AND value = 'force'))`
	selectSessions = `SELECT ` + sessionColumns.names("") + ` FROM staff_sessions WHERE staff_key = $1 AND seen_at > $2 AND created_at > $3 ORDER BY seen_at DESC, id DESC`
	insertSession  = `INSERT INTO staff_sessions (` + sessionColumns.names("") + `, token_hash, staff_key) VALUES (` + sessionColumns.params(1) + `, $8, $9)`
)

// FindStaffSession returns the session with the hash and whose it is. Whether
// its time is over is the caller's to judge. One that was begun without a second
// factor is none any more where that is forced on staff. Errors: ErrNotFound.
func (s *Store) FindStaffSession(ctx context.Context, hash []byte) (x backoffice.StaffSession, staff backoffice.Staff, err error) {
	dest := append(append(sessionColumns.scan(&x), &staff.Key), staffColumns.scan(&staff)...)
	err = s.query().row(ctx, selectSession, hash).Scan(dest...)
	return x, staff, err
}

// StaffSessions returns the running sessions of a member of staff, the one seen
// last first.
func (s *Store) StaffSessions(ctx context.Context, staffKey int64) ([]backoffice.StaffSession, error) {
	idle, began := sessionLimits(s.Now())
	rows, err := s.query().rows(ctx, selectSessions, staffKey, idle, began)
	return collect(rows, err, func(r rowScanner) (x backoffice.StaffSession, err error) {
		err = r.Scan(sessionColumns.scan(&x)...)
		return
	})
}

// sessionLimits are the instants after which a running session was seen and began.
func sessionLimits(now time.Time) (seen, began int64) {
	return now.Add(-backoffice.StaffIdleMinutes * time.Minute).UnixMicro(), now.Add(-backoffice.StaffAbsoluteMinutes * time.Minute).UnixMicro()
}

// CreateStaffSession writes a session, and in the same unit of work ends the one
// with the hash replaces, where that is not nil. Sessions whose time is over are
// swept. Errors: ErrNotFound when the member of staff is no more.
func (s *Store) CreateStaffSession(ctx context.Context, staffKey int64, hash []byte, x backoffice.StaffSession, replaces []byte) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		staff, err := scanStaff(t.get(selectStaffByKey, staffKey))
		if err != nil {
			return err
		}
		t.actor = staff.Actor(x.ID, x.Address)
		idle, began := sessionLimits(t.now)
		if _, err := t.exec(`DELETE FROM staff_sessions WHERE seen_at <= $1 OR created_at <= $2`, idle, began); err != nil {
			return err
		}
		if replaces != nil {
			if _, err := t.exec(`DELETE FROM staff_sessions WHERE token_hash = $1`, replaces); err != nil {
				return err
			}
		}
		if _, err := t.exec(insertSession, sessionColumns.values(&x, hash, staffKey)...); err != nil {
			return err
		}
		if !x.CreatedAt.Equal(x.SeenAt) { // a new cookie for a session that runs
			return nil
		}
		return t.record(event{action: "staff.signed-in", kind: "staff", id: staff.ID, name: staff.Label()})
	})
}

// TouchStaffSession notes that a session was seen.
func (s *Store) TouchStaffSession(ctx context.Context, hash []byte, at time.Time) error {
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		_, err := t.exec(`UPDATE staff_sessions SET seen_at = $1 WHERE token_hash = $2 AND seen_at < $1`, at.UnixMicro(), hash)
		return err
	})
}

// DeleteStaffSession ends the session with the hash: its person signs out. One
// that is gone is no error.
func (s *Store) DeleteStaffSession(ctx context.Context, hash []byte) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		var x backoffice.StaffSession
		var staff backoffice.Staff
		dest := append(append(sessionColumns.scan(&x), &staff.Key), staffColumns.scan(&staff)...)
		if err := t.get(selectSession, hash).Scan(dest...); err != nil {
			if errors.Is(err, backoffice.ErrNotFound) {
				return nil
			}
			return err
		}
		if err := t.one(`DELETE FROM staff_sessions WHERE token_hash = $1`, hash); err != nil {
			return err
		}
		t.actor = staff.Actor(x.ID, x.Address)
		return t.record(event{action: "staff.signed-out", kind: "staff", id: staff.ID, name: staff.Label()})
	})
}

// EndStaffSession ends one of the actor's own sessions by its public ID. Errors:
// ErrNotFound, also for somebody else's.
func (s *Store) EndStaffSession(ctx context.Context, actor backoffice.Actor, id string) error {
	return s.update(essential(ctx), actor, func(t *tx) error {
		if err := t.one(`DELETE FROM staff_sessions WHERE id = $1 AND staff_key = $2`, id, actor.Key); err != nil {
			return err
		}
		return t.record(event{action: "staff.session-ended", kind: "staff", id: actor.ID, name: actor.Label()})
	})
}

// DeleteOtherStaffSessions ends all sessions of a member of staff but the one
// with the hash keep; all of them where keep is nil.
func (s *Store) DeleteOtherStaffSessions(ctx context.Context, staffKey int64, keep []byte) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		staff, err := scanStaff(t.get(selectStaffByKey, staffKey))
		if err != nil {
			return err
		}
		n, err := t.exec(`DELETE FROM staff_sessions WHERE staff_key = $1 AND token_hash <> $2`, staffKey, nonNil(keep))
		if err != nil || n == 0 {
			return err
		}
		t.actor = staff.Actor("", "")
		return t.record(event{action: "staff.sessions-ended", kind: "staff", id: staff.ID, name: staff.Label(), after: map[string]any{"sessions": n}})
	})
}
