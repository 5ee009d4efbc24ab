package store

import (
	"context"
	"errors"
	"time"

	"steward/backoffice"
)

// forgotten is what a statement removes that is older than an age, $1.
type forgotten struct {
	text string
	age  time.Duration
}

const aDay = 24 * time.Hour

var forgetting = []forgotten{
	{`DELETE FROM sign_in_attempts WHERE at < $1`, 2 * aDay},         // a lockout lasts a day at most
	{`DELETE FROM staff_sessions WHERE seen_at < $1`, 25 * aDay},     // idle at most 24 days
	{`DELETE FROM staff_sessions WHERE created_at < $1`, 366 * aDay}, // signed in anew at least once a year
	{`DELETE FROM staff_devices WHERE created_at < $1`, 91 * aDay},   // remembered at most 90 days
	{`DELETE FROM setup_links WHERE expires_at < $1`, 30 * aDay},
	{`DELETE FROM passkey_challenges WHERE expires_at < $1`, aDay},
	{`DELETE FROM pending_sign_ins WHERE expires_at < $1`, aDay},
	{`DELETE FROM pending_staff_sign_ins WHERE expires_at < $1`, aDay},
	{`DELETE FROM user_devices WHERE created_at < $1`, 91 * aDay},
	{`DELETE FROM user_sessions WHERE created_at < $1`, 366 * aDay},
	{`DELETE FROM mailed_links WHERE expires_at < $1`, 30 * aDay},
	{`DELETE FROM removed_memberships WHERE removed_at < $1`, backoffice.BinDays * aDay},
	{`DELETE FROM resting_grants WHERE rests_at < $1`, backoffice.BinDays * aDay},
	{`DELETE FROM user_applications WHERE rests_at < $1`, backoffice.BinDays * aDay},
	{`DELETE FROM removed_user_applications WHERE (account_key, application_key) IN (SELECT r.account_key, r.application_key FROM removed_assignments r WHERE r.removed_at < $1)`,
		backoffice.BinDays * aDay},
	{`DELETE FROM removed_assignments WHERE removed_at < $1`, backoffice.BinDays * aDay},
}

// Forget removes what nothing asks for any more: attempts to sign in, sessions,
// devices, set-up links and mail beyond their longest life. Where a part of it
// fails the others are done all the same.
func (s *Store) Forget(ctx context.Context) error {
	do := func(part func(*tx) error) error { return s.update(essential(ctx), backoffice.System(), part) }
	return errors.Join(
		do(func(t *tx) error { return t.forget(forgetting) }),
		do((*tx).restExpired),
		do(func(t *tx) error { return t.forget(forgettingOpenID) }),
		do(func(t *tx) error { return t.forget(forgettingMails) }))
}

func (t *tx) forget(list []forgotten) error {
	for _, old := range list {
		if _, err := t.exec(old.text, t.now.Add(-old.age).UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}
