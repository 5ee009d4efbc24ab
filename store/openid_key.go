package store

import (
	"context"
	"errors"

	"steward/backoffice"
)

func signingKeyPurpose(id string) string { return "signing key " + id }

// SigningKeys returns the keys that are published, the one that signs now first;
// it alone comes with its private part. There is none before RotateSigningKeys.
func (s *Store) SigningKeys(ctx context.Context) (list []backoffice.SigningKey, err error) {
	now := s.Now().UnixMicro()
	rows, err := s.query().rows(ctx, `SELECT id, sealed, public FROM signing_keys WHERE ends_at = 0 OR ends_at > $1
		ORDER BY CASE WHEN signs_at <= $1 THEN 0 ELSE 1 END, signs_at DESC, key DESC`, now)
	sealed := [][]byte{}
	list, err = collect(rows, err, func(r rowScanner) (k backoffice.SigningKey, err error) {
		var b []byte
		err = r.Scan(&k.ID, &b, &k.Public)
		sealed = append(sealed, b)
		return
	})
	if err == nil && len(list) > 0 {
		list[0].Private, err = s.sealer.open(signingKeyPurpose(list[0].ID), sealed[0])
	}
	return list, err
}

// RetiredSigningKeys returns the public parts of keys that are published no more,
// for backoffice.SigningKeyKnown: no token is good by them, and an ID token may
// still say whom it was about.
func (s *Store) RetiredSigningKeys(ctx context.Context) ([]backoffice.SigningKey, error) {
	now := s.Now()
	rows, err := s.query().rows(ctx, `SELECT id, public FROM signing_keys WHERE ends_at <> 0 AND ends_at <= $1 AND ends_at > $2 ORDER BY key DESC`,
		now.UnixMicro(), now.Add(-backoffice.SigningKeyKnown).UnixMicro())
	return collect(rows, err, func(r rowScanner) (k backoffice.SigningKey, err error) {
		err = r.Scan(&k.ID, &k.Public)
		return
	})
}

// RotateSigningKeys makes what is due: the first key, which signs at once, or the
// next one, which is published backoffice.SigningKeyNotice before it signs; of those
// whose last token has run out it removes the private part, and later the rest.
// make computes a key, which takes a while, and is called outside of the unit of
// work. Errors: ErrNoKey.
func (s *Store) RotateSigningKeys(ctx context.Context, make func() (private, public []byte, err error)) error {
	due, err := signingKeyDue(ctx, s.query(), s.Now().Add(backoffice.SigningKeyNotice).UnixMicro())
	if err != nil {
		return err
	}
	var private, public []byte
	if due {
		if s.sealer.aead == nil {
			return ErrNoKey
		}
		if private, public, err = make(); err != nil {
			return err
		}
	}
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		if _, err := t.exec(`DELETE FROM signing_keys WHERE ends_at <> 0 AND ends_at <= $1`, t.now.Add(-backoffice.SigningKeyKnown).UnixMicro()); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE signing_keys SET sealed = $2 WHERE ends_at <> 0 AND ends_at <= $1 AND sealed <> $2`, t.now.UnixMicro(), []byte{}); err != nil {
			return err
		}
		// Another process may have been faster.
		still, err := signingKeyDue(t.ctx, t, t.now.Add(backoffice.SigningKeyNotice).UnixMicro())
		if err != nil || !still || private == nil {
			return err
		}
		var n int
		if err := t.get(`SELECT COUNT(*) FROM signing_keys WHERE ends_at = 0 OR ends_at > $1`, t.now.UnixMicro()).Scan(&n); err != nil {
			return err
		}
		signs := t.now
		if n > 0 {
			signs = signs.Add(backoffice.SigningKeyNotice)
		}
		if _, err := t.exec(`UPDATE signing_keys SET ends_at = $1 WHERE ends_at = 0`, signs.Add(backoffice.SigningKeyAfter).UnixMicro()); err != nil {
			return err
		}
		id := newID()
		sealed, err := s.sealer.seal(signingKeyPurpose(id), private)
		if err != nil {
			return err
		}
		return t.one(`INSERT INTO signing_keys (id, sealed, public, created_at, signs_at) VALUES ($1, $2, $3, $4, $5)`, id, sealed, public, t.now.UnixMicro(), signs.UnixMicro())
	})
}

// signingKeyDue reports whether the newest key will have signed for long enough at
// an instant, or there is none.
func signingKeyDue(ctx context.Context, r reader, at int64) (bool, error) {
	var since int64
	err := r.row(ctx, `SELECT signs_at FROM signing_keys WHERE ends_at = 0 ORDER BY signs_at DESC LIMIT 1`).Scan(&since)
	if errors.Is(err, backoffice.ErrNotFound) {
		return true, nil
	}
	return err == nil && since+backoffice.SigningKeyLife.Microseconds() <= at, err
}
