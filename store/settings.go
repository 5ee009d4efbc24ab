package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"

	"steward/backoffice"
)

// setting returns a setting's value, "" where it was never set.
func setting(ctx context.Context, r reader, name string) (string, error) {
	var v string
	err := r.row(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&v)
	if errors.Is(err, backoffice.ErrNotFound) {
		return "", nil
	}
	return v, err
}

func (t *tx) setSetting(name, value string) error {
	_, err := t.exec(`INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}

// cursorSecret returns the key that signs the lists' cursors; the first process
// to ask makes it.
func (s *Store) cursorSecret(ctx context.Context) ([]byte, error) {
	v, err := setting(ctx, s.query(), "cursor-secret")
	if err != nil || v != "" {
		return []byte(v), err
	}
	b := make([]byte, 32)
	rand.Read(b)
	err = s.update(ctx, backoffice.System(), func(t *tx) error {
		if v, err = setting(ctx, t, "cursor-secret"); err != nil || v != "" {
			return err
		}
		v = hex.EncodeToString(b)
		return t.setSetting("cursor-secret", v)
	})
	return []byte(v), err
}
