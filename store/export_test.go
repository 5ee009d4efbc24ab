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

// SetParentForTest puts an account under another one, as an import does.
func (s *Store) SetParentForTest(ctx context.Context, id, parent string) error {
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		before, err := t.account(id)
		if err != nil {
			return err
		}
		p, err := t.account(parent)
		if err != nil {
			return err
		}
		after := before
		after.ParentKey = p.Key
		return t.saveAccount(before, after)
	})
}
