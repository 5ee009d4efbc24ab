package store

import (
	"context"
	"errors"
	"time"

	"steward/backoffice"
)

// endFamilies ends the families that the condition finds, and with them every
// token that came of them. Its parameters begin with $2.
func (t *tx) endFamilies(where string, args ...any) error {
	_, err := t.exec(`UPDATE openid_families SET ended_at = $1 WHERE ended_at IS NULL AND `+where, append([]any{t.now.UnixMicro()}, args...)...)
	return err
}

// endSessions ends the sessions that the condition finds, and what applications
// have of the sign-ins that they came from. It returns how many there were.
func (t *tx) endSessions(where string, args ...any) (int64, error) {
	rows, err := t.rows(t.ctx, `SELECT sign_in FROM user_sessions WHERE `+where, args...)
	ended, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
	if err != nil || len(ended) == 0 {
		return 0, err
	}
	for _, signIn := range ended {
		if err := t.endFamilies(`sign_in = $2`, signIn); err != nil {
			return 0, err
		}
	}
	return t.exec(`DELETE FROM user_sessions WHERE `+where, args...)
}

// endThere ends the sessions of a user in one account, and what applications have
// of the user there.
func (t *tx) endThere(user, account int64) error {
	if _, err := t.exec(`DELETE FROM user_sessions WHERE user_key = $1 AND account_key = $2`, user, account); err != nil {
		return err
	}
	return t.endFamilies(`user_key = $2 AND account_key = $3`, user, account)
}

// EndSignIn ends what came of a sign-in of a user: its session, and the families
// of all applications. It is what an application asks for that signs its user out.
// One that is gone is no error.
func (s *Store) EndSignIn(ctx context.Context, userID, signIn, address string) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		u, err := readUser(t.ctx, t, selectUserByID, userID)
		if errors.Is(err, backoffice.ErrNotFound) || signIn == "" {
			return nil
		}
		if err != nil {
			return err
		}
		if err := t.endFamilies(`user_key = $2 AND sign_in = $3`, u.Key, signIn); err != nil {
			return err
		}
		var hash []byte
		err = t.get(`SELECT token_hash FROM user_sessions WHERE user_key = $1 AND sign_in = $2`, u.Key, signIn).Scan(&hash)
		if errors.Is(err, backoffice.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return t.signOut(hash, address)
	})
}

// RevokeAccessToken ends one access token, whose hash is kept until it would have
// run out.
func (s *Store) RevokeAccessToken(ctx context.Context, token []byte, until time.Time) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		_, err := t.exec(`INSERT INTO openid_revoked_tokens (token_hash, expires_at) VALUES ($1, $2) ON CONFLICT (token_hash) DO NOTHING`, token, until.UnixMicro())
		return err
	})
}

// RevokeRefreshToken ends the family of a refresh token of an application. One
// that is none of it is no error.
func (s *Store) RevokeRefreshToken(ctx context.Context, applicationID string, handle []byte) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		return t.endFamilies(`handle_hash = $2 AND application_key IN (SELECT key FROM applications WHERE id = $3)`, nonNil(handle), applicationID)
	})
}

// SinglePageOrigin reports whether a single-page application runs under an origin,
// as browsers write it: one of its sign-ins may end there.
func (s *Store) SinglePageOrigin(ctx context.Context, origin string) (bool, error) {
	if origin == "" || backoffice.WebOrigin(origin) != origin {
		return false, nil
	}
	rows, err := s.query().rows(ctx, `SELECT p.redirect_uris FROM applications p WHERE p.deleted_at IS NULL AND p.active AND p.kind = $1`, string(backoffice.SinglePage))
	list, err := collect(rows, err, func(r rowScanner) (v []string, err error) { err = r.Scan(lines{&v}); return })
	if err != nil {
		return false, err
	}
	for _, uris := range list {
		for _, uri := range uris {
			if backoffice.WebOrigin(uri) == origin {
				return true, nil
			}
		}
	}
	return false, nil
}

// forgettingOpenID removes requests, families and tokens that nothing asks for any
// more. A family is kept for as long as a code or a refresh token of it could be
// shown again.
var forgettingOpenID = []forgotten{
	{`DELETE FROM openid_requests WHERE expires_at < $1`, 0},
	{`DELETE FROM openid_families WHERE seen_at < $1`, backoffice.RefreshLife + aDay},
	{`DELETE FROM openid_families WHERE ended_at < $1`, 7 * aDay},
	{`DELETE FROM openid_families WHERE handle_hash IS NULL AND seen_at < $1`, aDay},
	{`DELETE FROM openid_revoked_tokens WHERE expires_at < $1`, time.Hour},
}
