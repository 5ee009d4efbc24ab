package store

import (
	"context"
	"time"

	"steward/backoffice"
)

// Forget removes what nothing asks for any more: attempts to sign in, sessions,
// devices, set-up links and mail beyond their longest life.
func (s *Store) Forget(ctx context.Context) error {
	const day = 24 * time.Hour
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		for _, old := range []struct {
			text string
			age  time.Duration
		}{
			{`DELETE FROM sign_in_attempts WHERE at < $1`, 2 * day},         // a lockout lasts a day at most
			{`DELETE FROM staff_sessions WHERE seen_at < $1`, 25 * day},     // idle at most 24 days
			{`DELETE FROM staff_sessions WHERE created_at < $1`, 366 * day}, // signed in anew at least once a year
			{`DELETE FROM staff_devices WHERE created_at < $1`, 91 * day},   // remembered at most 90 days
			{`DELETE FROM setup_links WHERE expires_at < $1`, 30 * day},
			{`DELETE FROM passkey_challenges WHERE expires_at < $1`, day},
			{`DELETE FROM pending_sign_ins WHERE expires_at < $1`, day},
			{`DELETE FROM pending_staff_sign_ins WHERE expires_at < $1`, day},
			{`DELETE FROM user_devices WHERE created_at < $1`, 91 * day},
			{`DELETE FROM user_sessions WHERE created_at < $1`, 366 * day},
			{`DELETE FROM mailed_links WHERE expires_at < $1`, 30 * day},
			{`DELETE FROM removed_memberships WHERE removed_at < $1`, backoffice.BinDays * day},
			{`DELETE FROM resting_grants WHERE rests_at < $1`, backoffice.BinDays * day},
			{`DELETE FROM user_applications WHERE rests_at < $1`, backoffice.BinDays * day},
			{`DELETE FROM removed_user_applications WHERE EXISTS (SELECT 1 FROM removed_assignments r WHERE r.account_key = removed_user_applications.account_key
				AND r.application_key = removed_user_applications.application_key AND r.removed_at < $1)`, backoffice.BinDays * day},
			{`DELETE FROM removed_assignments WHERE removed_at < $1`, backoffice.BinDays * day},
		} {
			if _, err := t.exec(old.text, t.now.Add(-old.age).UnixMicro()); err != nil {
				return err
			}
		}
		if err := t.restExpired(); err != nil {
			return err
		}
		if err := t.forgetOpenID(); err != nil {
			return err
		}
		return t.forgetMails()
	})
}
