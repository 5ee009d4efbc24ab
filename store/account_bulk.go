package store

import (
	"context"
	"errors"
	"slices"

	"steward/backoffice"
)

// BulkResult says what became of each account of a bulk act.
type BulkResult struct {
	ID, Name string
	Refused  string // why, "" when done
}

// bulkBatch is how many accounts one unit of work changes: others write in
// between.
const bulkBatch = 100

// inBatches calls act with every account that the IDs name, in units of work of
// at most bulkBatch. act says why it refuses an account, "" when it is done; an
// error ends the whole, and the units before it stay done.
func (s *Store) inBatches(ctx context.Context, actor backoffice.Actor, ids []string, act func(*tx, backoffice.Account) (refused string, err error)) (results []BulkResult, err error) {
	for batch := range slices.Chunk(distinct(ids), bulkBatch) {
		var part []BulkResult
		err := s.update(ctx, actor, func(t *tx) error {
			part = part[:0]
			for _, id := range batch {
				a, err := t.account(id)
				if errors.Is(err, backoffice.ErrNotFound) {
					part = append(part, BulkResult{ID: id, Refused: "it is not there any more"})
					continue
				}
				if err != nil {
					return err
				}
				refused, err := act(t, a)
				if err != nil {
					return err
				}
				part = append(part, BulkResult{ID: a.ID, Name: a.Name, Refused: refused})
			}
			return nil
		})
		if err != nil {
			return results, err
		}
		results = append(results, part...)
	}
	return results, nil
}

// distinct leaves of IDs that are named more than once the first.
func distinct(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		again := seen[id]
		seen[id] = true
		return again
	})
}

// DeleteAccounts moves several accounts to the bin as one act, which is undone
// by its deletion ID; those that have sub-accounts outside of the selection are
// refused one by one. Thousands go in several units of work: after an error,
// what the results name is in the bin.
func (s *Store) DeleteAccounts(ctx context.Context, actor backoffice.Actor, ids []string) (deletion string, results []BulkResult, err error) {
	deletion = newID()
	order, err := s.deepestFirst(ctx, ids)
	if err != nil {
		return deletion, nil, err
	}
	results, err = s.inBatches(ctx, actor, order, func(t *tx, a backoffice.Account) (string, error) {
		err := t.binAccount(a, deletion)
		if has := (*HasSubAccounts)(nil); errors.As(err, &has) {
			return "it has sub-accounts", nil
		}
		return "", err
	})
	return deletion, results, err
}

// deepestFirst orders accounts so that children come before their parents: a
// whole branch can go in one act.
func (s *Store) deepestFirst(ctx context.Context, ids []string) ([]string, error) {
	depth, err := s.depths(ctx, ids)
	if err != nil {
		return nil, err
	}
	order := slices.Clone(ids)
	slices.SortStableFunc(order, func(a, b string) int { return depth[b] - depth[a] })
	return order, nil
}

// depths returns how many accounts lie above each, in the bin or not.
func (s *Store) depths(ctx context.Context, ids []string) (map[string]int, error) {
	depth := make(map[string]int, len(ids))
	for _, id := range ids {
		var key, parent int64
		err := s.query().row(ctx, `SELECT key, COALESCE(parent_key, 0) FROM accounts WHERE id = $1`, id).Scan(&key, &parent)
		if errors.Is(err, backoffice.ErrNotFound) || err == nil && parent == 0 {
			depth[id] = 0
			continue
		}
		if err != nil {
			return nil, err
		}
		up, err := s.Ancestors(ctx, key)
		if err != nil {
			return nil, err
		}
		depth[id] = len(up)
	}
	return depth, nil
}

// BulkConsequences are what deleting several accounts at once would do.
type BulkConsequences struct {
	Going       int64 // accounts that would go to the bin
	Memberships int64 // of those
	// Staying are refused: they have sub-accounts that are not selected, or whose
	// own sub-accounts are not.
	Staying []backoffice.AccountRef
}

// DeletionsConsequences says what DeleteAccounts would do with the accounts.
func (s *Store) DeletionsConsequences(ctx context.Context, ids []string) (c BulkConsequences, err error) {
	selected := make(map[string]backoffice.Account, len(ids))
	for _, id := range ids {
		a, err := s.Account(ctx, id)
		if errors.Is(err, backoffice.ErrNotFound) {
			continue
		}
		if err != nil {
			return c, err
		}
		selected[id] = a
	}
	staying := map[string]bool{}
	for id, a := range selected {
		rows, err := s.query().rows(ctx, `SELECT id FROM accounts WHERE parent_key = $1 AND deleted_at IS NULL`, a.Key)
		children, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
		if err != nil {
			return c, err
		}
		for _, child := range children {
			if _, goes := selected[child]; goes {
				continue
			}
			// It stays, and so does everything above it.
			for up, there := id, true; there && !staying[up]; {
				staying[up] = true
				up = selected[up].ParentID
				_, there = selected[up]
			}
			break
		}
	}
	for _, id := range ids {
		a, there := selected[id]
		switch {
		case !there:
		case staying[id]:
			c.Staying = append(c.Staying, backoffice.AccountRef{Key: a.Key, ID: a.ID, Name: a.Name})
		default:
			c.Going++
			c.Memberships += a.Users
		}
	}
	return c, nil
}
