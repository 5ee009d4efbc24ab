package store

import (
	"context"

	"steward/backoffice"
)

// Tamper runs a statement past every rule, as nothing but a test does.
func (s *Store) Tamper(text string, args ...any) (n int64, err error) {
	err = s.update(context.Background(), backoffice.System(), func(t *tx) error {
		n, err = t.exec(text, args...)
		return err
	})
	return n, err
}
