package store

import (
	"context"
	"time"

	"steward/backoffice"
)

// staffMFASetting holds "force" where owners demand a second factor of staff.
const staffMFASetting = "staff-mfa"

// StaffMFAForced reports whether a second factor is demanded of staff.
func (s *Store) StaffMFAForced(ctx context.Context) (bool, error) {
	return staffMFAForced(ctx, s.query())
}

func staffMFAForced(ctx context.Context, r reader) (bool, error) {
	v, err := setting(ctx, r, staffMFASetting)
	return v == "force", err
}

// ForceStaffMFA demands a second factor of staff, or leaves it to each of them.
// Sessions that were begun without one end with it; the actor's goes on only if
// they have shown one. Errors: ErrForbidden.
func (s *Store) ForceStaffMFA(ctx context.Context, actor backoffice.Actor, force bool) error {
	return s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteStaff); err != nil {
			return err
		}
		was, err := staffMFAForced(t.ctx, t)
		if err != nil || was == force {
			return err
		}
		value, action := "", "staff.mfa-not-forced"
		if force {
			value, action = "force", "staff.mfa-forced"
			if _, err := t.exec(`DELETE FROM staff_sessions WHERE mfa_at = 0`); err != nil {
				return err
			}
		}
		if err := t.setSetting(staffMFASetting, value); err != nil {
			return err
		}
		return t.record(event{action: action, kind: "settings", id: staffMFASetting, name: "Staff"})
	})
}

// PendingStaffSignIn is a sign-in of staff under way: the password was right.
type PendingStaffSignIn struct {
	Staff  backoffice.Staff
	MFAAt  time.Time // zero: no second factor was shown yet
	Next   string
	Forced bool
	// Factors are those that the member of staff has enrolled.
	Factors backoffice.MFAMethods
}

// Step is what the member of staff has to do next: StepMFA, StepEnrol or
// StepEnter.
func (p PendingStaffSignIn) Step() backoffice.SignInStep {
	switch {
	case !p.MFAAt.IsZero():
		return backoffice.StepEnter
	case p.Factors != 0:
		return backoffice.StepMFA
	case p.Forced:
		return backoffice.StepEnrol
	}
	return backoffice.StepEnter
}

// BeginStaffSignIn notes that the password of a member of staff was right; hash
// is that of the token by which their browser goes on. The step says what comes
// next; with StepEnter nothing was noted. Errors: ErrNotFound.
func (s *Store) BeginStaffSignIn(ctx context.Context, staffKey int64, hash []byte, next string) (step backoffice.SignInStep, err error) {
	err = s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		var p PendingStaffSignIn
		var factors int64
		if err := t.get(`SELECT factors FROM staff WHERE key = $1 AND removed_at IS NULL`, staffKey).Scan(&factors); err != nil {
			return err
		}
		p.Factors = backoffice.MFAMethods(factors)
		if p.Forced, err = staffMFAForced(t.ctx, t); err != nil {
			return err
		}
		if step = p.Step(); step == backoffice.StepEnter {
			return nil
		}
		if _, err := t.exec(`DELETE FROM pending_staff_sign_ins WHERE expires_at <= $1`, t.now.UnixMicro()); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO pending_staff_sign_ins (token_hash, staff_key, created_at, expires_at, next) VALUES ($1, $2, $3, $4, $5)`,
			hash, staffKey, t.now.UnixMicro(), t.now.Add(PendingSignInLife).UnixMicro(), next)
		return err
	})
	return step, err
}

// PendingStaffSignIn returns the sign-in of staff under way with the hash.
// Errors: ErrNotFound, also when its time is over.
func (s *Store) PendingStaffSignIn(ctx context.Context, hash []byte) (PendingStaffSignIn, error) {
	return pendingStaffSignIn(ctx, s.query(), hash, s.Now())
}

func pendingStaffSignIn(ctx context.Context, r reader, hash []byte, now time.Time) (p PendingStaffSignIn, err error) {
	var factors int64
	dest := append([]any{&p.Staff.Key}, staffColumns.scan(&p.Staff)...)
	if err := r.row(ctx, `SELECT s.key, `+staffColumns.names("s.")+`, s.factors, x.mfa_at, x.next FROM pending_staff_sign_ins x
		JOIN staff s ON s.key = x.staff_key AND s.removed_at IS NULL WHERE x.token_hash = $1 AND x.expires_at > $2`, nonNil(hash), now.UnixMicro()).
		Scan(append(dest, &factors, zeroMicros{&p.MFAAt}, &p.Next)...); err != nil {
		return p, err
	}
	p.Factors = backoffice.MFAMethods(factors)
	p.Forced, err = staffMFAForced(ctx, r)
	return p, err
}

// ProveStaffPending notes that a sign-in of staff under way has shown its second
// factor, and gives it another token. Errors: ErrNotFound.
func (s *Store) ProveStaffPending(ctx context.Context, old, hash []byte) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		return t.one(`UPDATE pending_staff_sign_ins SET token_hash = $2, mfa_at = $3, expires_at = $4 WHERE token_hash = $1 AND expires_at > $3`,
			old, hash, t.now.UnixMicro(), t.now.Add(PendingSignInLife).UnixMicro())
	})
}

// UseStaffPending ends a sign-in of staff under way whose steps are done: of many
// that come with it one gets through. Errors: ErrNotFound, ErrForbidden while
// something is left to do.
func (s *Store) UseStaffPending(ctx context.Context, hash []byte) (p PendingStaffSignIn, err error) {
	err = s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		if p, err = pendingStaffSignIn(t.ctx, t, hash, t.now); err != nil {
			return err
		}
		if p.Step() != backoffice.StepEnter {
			return backoffice.ErrForbidden
		}
		return t.one(`DELETE FROM pending_staff_sign_ins WHERE token_hash = $1`, hash)
	})
	return p, err
}

// TryPending counts a try with a second factor of a sign-in under way, before it
// is looked at. Errors: ErrNotFound once there were backoffice.MFATries of them:
// the sign-in begins anew.
func (s *Store) TryPending(ctx context.Context, kind backoffice.ActorKind, hash []byte) error {
	text := `UPDATE pending_sign_ins SET tries = tries + 1 WHERE token_hash = $1 AND expires_at > $2 AND tries < $3 RETURNING tries`
	if kind == backoffice.ActorStaff {
		text = `UPDATE pending_staff_sign_ins SET tries = tries + 1 WHERE token_hash = $1 AND expires_at > $2 AND tries < $3 RETURNING tries`
	}
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		var tries int
		return t.get(text, nonNil(hash), t.now.UnixMicro(), int64(backoffice.MFATries)).Scan(&tries)
	})
}

// StaffFactors lists all staff by e-mail, with the second factors that they have
// enrolled.
func (s *Store) StaffFactors(ctx context.Context) ([]backoffice.StaffFactors, error) {
	rows, err := s.query().rows(ctx, `SELECT s.key, `+staffColumns.names("s.")+`, s.factors FROM staff s WHERE s.removed_at IS NULL ORDER BY s.email`)
	return collect(rows, err, func(r rowScanner) (f backoffice.StaffFactors, err error) {
		var factors int64
		f.Staff, err = scanStaff(r, &factors)
		f.Factors = backoffice.MFAMethods(factors)
		return f, err
	})
}
