package store

import (
	"context"
	"errors"

	"steward/backoffice"
)

// SetMetadataKey puts a value, any JSON text, under a key of several accounts'
// metadata; the empty value takes the key away. Each account has its own event;
// one whose metadata would grow too large is refused by itself. The act is undone
// by its ID. Errors: Problems (key, value).
func (s *Store) SetMetadataKey(ctx context.Context, actor backoffice.Actor, ids []string, key, value string) (act string, results []BulkResult, err error) {
	try := value
	if try == "" {
		try = "null"
	}
	if _, err := backoffice.SetMetadataKey(backoffice.Metadata{}, key, try, backoffice.MaxMetadataBytes); err != nil {
		return "", nil, err
	}
	act = newID()
	results, err = s.inBatches(ctx, actor, ids, func(t *tx, a backoffice.Account) (string, error) {
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
		return "", t.setMetadata(a, before, after, act)
	})
	return act, results, err
}

// UndoMetadataKey gives the accounts of a SetMetadataKey back what stood under the
// key before; one whose value was changed since is refused by itself and stays as
// it is. Errors: ErrNotFound when there is nothing that the act has changed.
func (s *Store) UndoMetadataKey(ctx context.Context, actor backoffice.Actor, act string) ([]BulkResult, error) {
	type change struct{ id, before, after string }
	rows, err := s.query().rows(ctx, `SELECT object_id, COALESCE(before_data, '{}'), COALESCE(after_data, '{}') FROM events
		WHERE undo = $1 AND undo <> '' AND action = 'account.metadata-changed' ORDER BY key`, act)
	list, err := collect(rows, err, func(r rowScanner) (c change, err error) { err = r.Scan(&c.id, &c.before, &c.after); return })
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, backoffice.ErrNotFound
	}
	changes, ids := make(map[string]change, len(list)), make([]string, 0, len(list))
	for _, c := range list {
		changes[c.id] = c
		ids = append(ids, c.id)
	}
	return s.inBatches(ctx, actor, ids, func(t *tx, a backoffice.Account) (string, error) {
		var parsed [3]backoffice.Metadata
		for i, text := range []string{changes[a.ID].before, changes[a.ID].after, a.Metadata} {
			if parsed[i], err = backoffice.ParseMetadata(text, 2*backoffice.MaxMetadataBytes); err != nil {
				return "", err
			}
		}
		before, after, now := parsed[0], parsed[1], parsed[2]
		back := now
		for _, e := range append(before.Entries(), after.Entries()...) {
			was, had := before.Get(e.Key)
			set, has := after.Get(e.Key)
			is, there := now.Get(e.Key)
			if there != has || is != set {
				return "its value was changed since", nil
			}
			back = backoffice.RemoveMetadataKey(back, e.Key)
			if had {
				if back, err = backoffice.SetMetadataKey(back, e.Key, was, backoffice.MaxMetadataBytes); err != nil {
					return "its metadata would have more than 16 KiB", nil
				}
			}
		}
		return "", t.setMetadata(a, now, back, "")
	})
}
