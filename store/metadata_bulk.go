package store

import (
	"context"
	"errors"

	"steward/backoffice"
)

// SetMetadataKey puts a value, any JSON text, under a key of several accounts'
// metadata; the empty value takes the key away. Each account has its own event;
// one whose metadata would grow too large is refused by itself. Errors: Problems
// (key, value).
func (s *Store) SetMetadataKey(ctx context.Context, actor backoffice.Actor, ids []string, key, value string) ([]BulkResult, error) {
	try := value
	if try == "" {
		try = "null"
	}
	if _, err := backoffice.SetMetadataKey(backoffice.Metadata{}, key, try, backoffice.MaxMetadataBytes); err != nil {
		return nil, err
	}
	return s.inBatches(ctx, actor, ids, func(t *tx, a backoffice.Account) (string, error) {
		before, err := backoffice.ParseMetadata(a.Metadata, backoffice.MaxMetadataBytes)
		if err != nil {
			return "", err
		}
		after := backoffice.RemoveMetadataKey(before, key)
		if value != "" {
			if after, err = backoffice.SetMetadataKey(before, key, value, backoffice.MaxMetadataBytes); err != nil {
				var p backoffice.Problems
				if errors.As(err, &p) {
					return "its metadata would have more than 16 KiB", nil
				}
				return "", err
			}
		}
		return "", t.setMetadata(a, before, after)
	})
}
