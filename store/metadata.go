package store

import (
	"context"
	"encoding/json"

	"steward/backoffice"
)

// MetadataEdit is the metadata of an account as somebody wants to have it.
type MetadataEdit struct {
	Text    string // JSON object
	Version int64  // MetadataVersion of the account when it was read
	Base    string // the text that was read, from which a conflict is told; may be empty
}

// MetadataConflict is the error of SetMetadata when somebody else changed the
// metadata since it was read: both are to be shown.
type MetadataConflict struct {
	Base, Mine, Theirs backoffice.Metadata
	Version            int64 // of Theirs
}

func (c *MetadataConflict) Error() string { return backoffice.ErrConflict.Error() }
func (c *MetadataConflict) Unwrap() error { return backoffice.ErrConflict }

// Changes says per key who changed what.
func (c *MetadataConflict) Changes() []backoffice.MetadataChange {
	return backoffice.MetadataDiff(c.Base, c.Mine, c.Theirs)
}

// SetMetadata replaces an account's metadata. Errors: ErrNotFound, Problems
// (metadata), *MetadataConflict, which is an ErrConflict.
func (s *Store) SetMetadata(ctx context.Context, actor backoffice.Actor, accountID string, edit MetadataEdit) error {
	mine, err := backoffice.ParseMetadata(edit.Text, backoffice.MaxMetadataBytes)
	if err != nil {
		return backoffice.Problems{"metadata": err.Error()}
	}
	return s.update(ctx, actor, func(t *tx) error {
		a, err := t.account(accountID)
		if err != nil {
			return err
		}
		theirs, err := backoffice.ParseMetadata(a.Metadata, backoffice.MaxMetadataBytes)
		if err != nil {
			return err
		}
		if a.MetadataVersion != edit.Version {
			c := &MetadataConflict{Mine: mine, Theirs: theirs, Version: a.MetadataVersion}
			if base, err := backoffice.ParseMetadata(edit.Base, backoffice.MaxMetadataBytes); err == nil {
				c.Base = base
			}
			return c
		}
		return t.setMetadata(a, theirs, mine, "")
	})
}

// setMetadata writes changed metadata; the account was read in this unit of work.
// undo is what takes the change back together with others, "" for none.
func (t *tx) setMetadata(a backoffice.Account, before, after backoffice.Metadata, undo string) error {
	if before.String() == after.String() {
		return nil
	}
	if err := t.one(`UPDATE accounts SET metadata = $1, metadata_version = metadata_version + 1 WHERE key = $2`, after.String(), a.Key); err != nil {
		return err
	}
	b, c := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for _, change := range backoffice.MetadataDiff(before, after, before) {
		if change.Base != nil {
			b[change.Key] = json.RawMessage(*change.Base)
		}
		if change.Mine != nil {
			c[change.Key] = json.RawMessage(*change.Mine)
		}
	}
	if len(b) == 0 && len(c) == 0 {
		return nil // the order of the keys alone
	}
	return t.record(event{action: "account.metadata-changed", kind: "account", id: a.ID, name: a.Name, accountKey: a.Key, before: b, after: c, undo: undo})
}
