package store

import (
	"context"
	"time"

	"steward/backoffice"
)

// attemptsKept is longer than the longest lockout that a policy can ask for.
const attemptsKept = 25 * time.Hour

// ReserveAttempt counts earlier attempts to sign in and, when allow says yes,
// writes this one, all in one unit of work: a hundred guesses at once are
// counted one after the other.
func (s *Store) ReserveAttempt(ctx context.Context, a backoffice.SignInAttempt, w backoffice.AttemptWindow, allow func(backoffice.AttemptCounts) bool) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		var c backoffice.AttemptCounts
		if err := t.get(`SELECT COUNT(*), COALESCE(MAX(at), 0) FROM sign_in_attempts WHERE subject = $1 AND device = $2 AND at > $3`,
			a.Subject, a.Device, w.Lock.UnixMicro()).Scan(&c.Subject, zeroMicros{&c.SubjectLast}); err != nil {
			return err
		}
		if err := t.get(`SELECT COUNT(*), COALESCE(MAX(at), 0) FROM sign_in_attempts WHERE subject = $1 AND network = $2 AND device = $3 AND at > $4`,
			a.Subject, a.Network, a.Device, w.Delays.UnixMicro()).Scan(&c.Pair, zeroMicros{&c.PairLast}); err != nil {
			return err
		}
		if err := t.get(`SELECT COUNT(*), COALESCE(MAX(at), 0) FROM sign_in_attempts WHERE network = $1 AND NOT device AND at > $2`,
			a.Network, w.Delays.UnixMicro()).Scan(&c.Network, zeroMicros{&c.NetworkLast}); err != nil {
			return err
		}
		if !allow(c) {
			return nil
		}
		if _, err := t.exec(`DELETE FROM sign_in_attempts WHERE at < $1`, a.At.Add(-attemptsKept).UnixMicro()); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO sign_in_attempts (subject, network, at, device) VALUES ($1, $2, $3, $4)`,
			a.Subject, a.Network, a.At.UnixMicro(), a.Device)
		return err
	})
}

// ForgiveAttempts deletes the attempts with the same subject, network and device.
func (s *Store) ForgiveAttempts(ctx context.Context, a backoffice.SignInAttempt) error {
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		_, err := t.exec(`DELETE FROM sign_in_attempts WHERE subject = $1 AND network = $2 AND device = $3`, a.Subject, a.Network, a.Device)
		return err
	})
}

// deviceLife is how long a device is known after a sign-in.
const deviceLife = 90 * 24 * time.Hour

// devicesKept is how many devices a member of staff is known by.
const devicesKept = 20

// KnownDevice reports whether the member of staff with the canonical address has
// signed in from the device with the hash. Whether there is such a member does
// not show.
func (s *Store) KnownDevice(ctx context.Context, email string, hash []byte) (known bool, err error) {
	err = s.query().row(ctx, `SELECT EXISTS (SELECT 1 FROM staff_devices d JOIN staff s ON s.key = d.staff_key
		WHERE d.token_hash = $1 AND s.email = $2 AND s.removed_at IS NULL AND d.created_at > $3)`,
		nonNil(hash), email, s.Now().Add(-deviceLife).UnixMicro()).Scan(&known)
	return known, err
}

// AddDevice makes a device known to a member of staff; the oldest beyond twenty
// and those whose time is over are forgotten.
func (s *Store) AddDevice(ctx context.Context, staffKey int64, hash []byte) error {
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		now := t.now
		if _, err := t.exec(`DELETE FROM staff_devices WHERE created_at <= $1`, now.Add(-deviceLife).UnixMicro()); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM staff_devices WHERE staff_key = $1 AND token_hash NOT IN
			(SELECT token_hash FROM staff_devices WHERE staff_key = $1 ORDER BY created_at DESC LIMIT $2)`, staffKey, devicesKept-1); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO staff_devices (token_hash, staff_key, created_at) VALUES ($1, $2, $3)`, hash, staffKey, now.UnixMicro())
		return err
	})
}
