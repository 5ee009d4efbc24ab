package store

import (
	"context"
	"time"

	"steward/backoffice"
)

// StaffLinkLife is how long a member of staff has to choose a password by their
// set-up link.
const StaffLinkLife = 24 * time.Hour

const usableStaffLink = `token_hash = $1 AND used_at IS NULL AND expires_at > $2
	AND EXISTS (SELECT 1 FROM staff s WHERE s.key = staff_links.staff_key AND s.removed_at IS NULL)`

// AddStaffByLink lets somebody into the backoffice who chooses their password
// themselves, by the link with the hash; until then nobody signs in as them.
// Errors: Problems (email, name, role), ErrForbidden.
func (s *Store) AddStaffByLink(ctx context.Context, actor backoffice.Actor, n backoffice.NewStaff, hash []byte) (backoffice.Staff, error) {
	n, err := CheckNewStaff(n)
	if err != nil {
		return backoffice.Staff{}, err
	}
	var staff backoffice.Staff
	err = s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteStaff); err != nil {
			return err
		}
		if staff, err = t.insertStaff(n, ""); err != nil {
			return err
		}
		return t.staffLink(staff, hash)
	})
	return staff, err
}

// MakeStaffLink keeps the hash of a link by which a member of staff chooses a
// password, the first or another one; links made for them earlier are dead.
// Errors: ErrNotFound, ErrForbidden.
func (s *Store) MakeStaffLink(ctx context.Context, actor backoffice.Actor, id string, hash []byte) (staff backoffice.Staff, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteStaff); err != nil {
			return err
		}
		if staff, err = scanStaff(t.get(selectStaffByID, id)); err != nil {
			return err
		}
		return t.staffLink(staff, hash)
	})
	return staff, err
}

func (t *tx) staffLink(staff backoffice.Staff, hash []byte) error {
	now := t.now.UnixMicro()
	if _, err := t.exec(`UPDATE staff_links SET used_at = $1 WHERE staff_key = $2 AND used_at IS NULL`, now, staff.Key); err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO staff_links (token_hash, staff_key, created_at, expires_at) VALUES ($1, $2, $3, $4)`,
		hash, staff.Key, now, t.now.Add(StaffLinkLife).UnixMicro()); err != nil {
		return err
	}
	return t.record(event{action: "staff.link-made", kind: "staff", id: staff.ID, name: staff.Label()})
}

// StaffLink returns whose link it is. Errors: ErrNotFound for one that cannot be
// used.
func (s *Store) StaffLink(ctx context.Context, hash []byte) (backoffice.Staff, error) {
	var key int64
	if err := s.query().row(ctx, `SELECT staff_key FROM staff_links WHERE `+usableStaffLink, hash, s.Now().UnixMicro()).Scan(&key); err != nil {
		return backoffice.Staff{}, err
	}
	return scanStaff(s.query().row(ctx, selectStaffByKey, key))
}

// UseStaffLink gives the member of staff whose link it is the password, once: of
// many who come with the link at the same time one succeeds. Their sessions and
// known devices end. Errors: ErrNotFound for a link that cannot be used.
func (s *Store) UseStaffLink(ctx context.Context, hash []byte, passwordHash, address string) (staff backoffice.Staff, err error) {
	if staff, err = s.StaffLink(ctx, hash); err != nil {
		return staff, err
	}
	err = s.update(ctx, staff.Actor(address, ""), func(t *tx) error {
		var key int64
		if err := t.get(`UPDATE staff_links SET used_at = $2 WHERE `+usableStaffLink+` RETURNING staff_key`, hash, t.now.UnixMicro()).Scan(&key); err != nil {
			return err
		}
		if err := t.one(`UPDATE staff SET password_hash = $1, version = version + 1 WHERE key = $2`, passwordHash, key); err != nil {
			return err
		}
		for _, text := range []string{endSessionsOfStaff, `DELETE FROM staff_devices WHERE staff_key = $1`} {
			if _, err := t.exec(text, key); err != nil {
				return err
			}
		}
		if staff, err = scanStaff(t.get(selectStaffByKey, key)); err != nil {
			return err
		}
		return t.record(event{action: "staff.set-up", kind: "staff", id: staff.ID, name: staff.Label()})
	})
	return staff, err
}

// StaffWaiting returns the IDs of staff who have no password yet.
func (s *Store) StaffWaiting(ctx context.Context) (map[string]bool, error) {
	rows, err := s.query().rows(ctx, `SELECT id FROM staff WHERE removed_at IS NULL AND password_hash = ''`)
	ids, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
	waiting := map[string]bool{}
	for _, id := range ids {
		waiting[id] = true
	}
	return waiting, err
}
