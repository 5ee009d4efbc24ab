package store

import (
	"context"

	"steward/backoffice"
)

// Ask reads one number.
func (s *Store) Ask(text string, into *int64) error {
	return s.query().row(context.Background(), text).Scan(into)
}

// AskWriter runs a pragma on the connection that writes.
func (s *Store) AskWriter(text string) error {
	return s.update(context.Background(), backoffice.System(), func(t *tx) error {
		var n int64
		return t.get(text).Scan(&n)
	})
}
