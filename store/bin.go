package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"steward/backoffice"
)

// HasSubAccounts is the error of deleting an account that has sub-accounts.
type HasSubAccounts struct{ Count int64 }

func (e *HasSubAccounts) Error() string { return fmt.Sprintf("%d sub-accounts", e.Count) }

// Consequences are what deleting an account takes with it.
type Consequences struct {
	SubAccounts int64 // while there are any, it is refused
	Members     int64
	LoseOnly    int64 // members who have no other account
	Visits      int64
}

// DeletionConsequences says what goes with an account. Errors: ErrNotFound.
func (s *Store) DeletionConsequences(ctx context.Context, id string) (c Consequences, err error) {
	a, err := s.Account(ctx, id)
	if err != nil {
		return c, err
	}
	err = s.query().row(ctx, `SELECT
		(SELECT COUNT(*) FROM accounts WHERE parent_key = $1 AND deleted_at IS NULL),
		(SELECT COUNT(*) FROM memberships WHERE account_key = $1),
		(SELECT COUNT(*) FROM memberships m WHERE m.account_key = $1 AND NOT EXISTS (
			SELECT 1 FROM memberships o JOIN accounts a ON a.key = o.account_key
			WHERE o.user_key = m.user_key AND o.account_key <> $1 AND a.deleted_at IS NULL))`, a.Key).
		Scan(&c.SubAccounts, &c.Members, &c.LoseOnly)
	c.Visits = a.Visits
	return c, err
}

// DeleteAccount moves an account to the bin, from which it can be restored for
// 30 days. moveUp moves its sub-accounts to its parent first; without it an
// account with sub-accounts is refused. typed must be the account's name (backoffice.SameName). It
// returns the deletion's ID, by which it is undone. Errors: ErrNotFound,
// Problems (name), *HasSubAccounts.
func (s *Store) DeleteAccount(ctx context.Context, actor backoffice.Actor, id, typed string, moveUp bool) (deletion string, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		deletion, err = t.deleteAccount(id, typed, moveUp)
		return err
	})
	return deletion, err
}

func (t *tx) deleteAccount(id, typed string, moveUp bool) (deletion string, err error) {
	a, err := t.account(id)
	if err != nil {
		return "", err
	}
	if !backoffice.SameName(typed, a.Name) {
		return "", backoffice.Problems{"name": "Type the account's name exactly as it is written above."}
	}
	if moveUp {
		if err := t.moveChildrenUp(a); err != nil {
			return "", err
		}
	}
	deletion = newID()
	return deletion, t.binAccount(a, deletion)
}

// binAccount takes an account out of everything that is counted, listed and found.
func (t *tx) binAccount(a backoffice.Account, deletion string) error {
	var children int64
	if err := t.get(`SELECT COUNT(*) FROM accounts WHERE parent_key = $1 AND deleted_at IS NULL`, a.Key).Scan(&children); err != nil {
		return err
	}
	if children > 0 {
		return &HasSubAccounts{children}
	}
	days, err := t.visitDays(a.Key)
	if err != nil {
		return err
	}
	if err := t.one(`UPDATE accounts SET deleted_at = $1, deletion_id = $2 WHERE key = $3 AND deleted_at IS NULL`, t.now.UnixMicro(), deletion, a.Key); err != nil {
		return err
	}
	// Who comes back with it signs in again.
	if _, err := t.exec(`DELETE FROM user_sessions WHERE account_key = $1`, a.Key); err != nil {
		return err
	}
	if err := t.endFamilies(`account_key = $2`, a.Key); err != nil {
		return err
	}
	if err := t.uncountMemberships(a.Key); err != nil {
		return err
	}
	if err := t.one(`DELETE FROM engagement WHERE account_key = $1`, a.Key); err != nil {
		return err
	}
	t.kpi.countAccount(countOf(&a), -1)
	t.kpi.countActive(a.CreatedAt.UnixMicro(), days, -1)
	t.kpi.binned++
	return t.record(event{action: "account.deleted", kind: "account", id: a.ID, name: a.Name, accountKey: a.Key, before: accountPayload(a), undo: deletion})
}

// Restore brings back the accounts of one deletion, with memberships, policy
// and parent; no sessions. It returns them. Up to a hundred come back together
// or not at all; of more, those whose parent is in the bin stay behind. Errors:
// ErrNotFound when there is nothing of it in the bin, Problems when a parent is
// in the bin itself.
func (s *Store) Restore(ctx context.Context, actor backoffice.Actor, deletion string) ([]backoffice.AccountRef, error) {
	rows, err := s.query().rows(ctx, `SELECT id FROM accounts WHERE deletion_id = $1 AND deleted_at IS NOT NULL ORDER BY key`, deletion)
	ids, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, backoffice.ErrNotFound
	}
	whole := len(ids) <= bulkBatch
	restored, refused, err := s.restoreInBatches(ctx, actor, ids, deletion, whole)
	if err == nil && len(restored) == 0 {
		err = backoffice.ErrNotFound // somebody else was faster
		if len(refused) > 0 {
			err = refused[0].why
		}
	}
	return restored, err
}

// RestoreAccounts brings several accounts back from the bin as one act; those
// whose parent stays in the bin, and those that are not in it, are refused one
// by one. Thousands come in several units of work: after an error, what the
// results name is back. Errors: none of single accounts.
func (s *Store) RestoreAccounts(ctx context.Context, actor backoffice.Actor, ids []string) (results []BulkResult, err error) {
	restored, refused, err := s.restoreInBatches(ctx, actor, distinct(ids), "", false)
	for _, a := range restored {
		results = append(results, BulkResult{ID: a.ID, Name: a.Name})
	}
	for _, r := range refused {
		results = append(results, BulkResult{ID: r.account.ID, Name: r.account.Name, Refused: r.why.Error()})
	}
	return results, err
}

// restoreInBatches restores accounts in units of work of at most bulkBatch, so
// that others write in between; parents come before their children. With a
// deletion, only what is still in the bin by it comes back; with whole, a
// refusal takes back the unit and is the error.
func (s *Store) restoreInBatches(ctx context.Context, actor backoffice.Actor, ids []string, deletion string, whole bool) (restored []backoffice.AccountRef, refused []refusedRestore, err error) {
	if len(ids) > bulkBatch {
		depth, err := s.depths(ctx, ids)
		if err != nil {
			return nil, nil, err
		}
		slices.SortStableFunc(ids, func(a, b string) int { return depth[a] - depth[b] })
	}
	for batch := range slices.Chunk(ids, bulkBatch) {
		var back []backoffice.AccountRef
		var not []refusedRestore
		err := s.update(ctx, actor, func(t *tx) (err error) {
			if deletion != "" {
				if batch, err = t.deletedBy(deletion, batch); err != nil {
					return err
				}
			}
			if back, not, err = t.restoreAccounts(batch); err == nil && whole && len(not) > 0 {
				err = not[0].why
			}
			return err
		})
		if err != nil {
			return restored, refused, err
		}
		restored, refused = append(restored, back...), append(refused, not...)
	}
	return restored, refused, nil
}

// deletedBy leaves of accounts those that the deletion put into the bin.
func (t *tx) deletedBy(deletion string, ids []string) (out []string, err error) {
	for _, id := range ids {
		var still bool
		err := t.get(`SELECT COALESCE(deletion_id, '') = $1 AND deleted_at IS NOT NULL FROM accounts WHERE id = $2`, deletion, id).Scan(&still)
		if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
			return nil, err
		}
		if err == nil && still {
			out = append(out, id)
		}
	}
	return out, nil
}

type refusedRestore struct {
	account backoffice.AccountRef
	why     error
}

// restoreAccounts brings back what can be, parents before their children.
func (t *tx) restoreAccounts(ids []string) (restored []backoffice.AccountRef, refused []refusedRestore, err error) {
	for ids = distinct(ids); len(ids) > 0; {
		var later []string
		refused = refused[:0]
		for _, id := range ids {
			a, err := t.restoreAccount(id)
			var p backoffice.Problems
			switch {
			case errors.Is(err, backoffice.ErrNotFound):
				refused = append(refused, refusedRestore{backoffice.AccountRef{ID: id}, backoffice.Problems{"": "It is not in the bin any more."}})
				later = append(later, id)
			case errors.As(err, &p):
				refused = append(refused, refusedRestore{a, err})
				later = append(later, id)
			case err != nil:
				return nil, nil, err
			default:
				restored = append(restored, a)
			}
		}
		if len(later) == len(ids) {
			break
		}
		ids = later
	}
	return restored, refused, nil
}

func (t *tx) restoreAccount(id string) (ref backoffice.AccountRef, err error) {
	a, err := readAccount(t.ctx, t, backoffice.DayOf(t.now), selectAccountByID, id)
	if err == nil && a.DeletedAt.IsZero() {
		err = backoffice.ErrNotFound
	}
	if err != nil {
		return ref, err
	}
	ref = backoffice.AccountRef{Key: a.Key, ID: a.ID, Name: a.Name}
	if a.ParentKey != 0 {
		var binned bool
		if err := t.get(`SELECT deleted_at IS NOT NULL FROM accounts WHERE key = $1`, a.ParentKey).Scan(&binned); err != nil {
			return ref, err
		}
		if binned {
			return ref, backoffice.Problems{"": fmt.Sprintf("Its parent “%s” is in the bin. Restore that one first, or both together.", a.ParentName)}
		}
	}
	if err := t.one(`UPDATE accounts SET deleted_at = NULL, deletion_id = NULL WHERE key = $1`, a.Key); err != nil {
		return ref, err
	}
	if err := t.recountEngagement(a.Key); err != nil {
		return ref, err
	}
	if err := t.recountMemberships(a.Key, a.CreatedAt); err != nil {
		return ref, err
	}
	days, err := t.visitDays(a.Key)
	if err != nil {
		return ref, err
	}
	t.kpi.countAccount(countOf(&a), 1)
	t.kpi.countActive(a.CreatedAt.UnixMicro(), days, 1)
	t.kpi.binned--
	// Who went meanwhile may come back, and then has what they would have had.
	if err := t.restGone(a.Key, 0, a.DeletedAt); err != nil {
		return ref, err
	}
	// Whoever lost access from above meanwhile finds nothing here.
	if err := t.endUnreachable(a.Key); err != nil {
		return ref, err
	}
	return ref, t.record(event{action: "account.restored", kind: "account", id: a.ID, name: a.Name, accountKey: a.Key, after: accountPayload(a)})
}

// moveChildrenUp puts an account's sub-accounts under its parent, or at the top.
func (t *tx) moveChildrenUp(a backoffice.Account) error {
	rows, err := t.rows(t.ctx, `SELECT id FROM accounts WHERE parent_key = $1 AND deleted_at IS NULL ORDER BY key`, a.Key)
	ids, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
	if err != nil {
		return err
	}
	for _, id := range ids {
		before, err := t.account(id)
		if err != nil {
			return err
		}
		after := before
		after.ParentKey, after.ParentID, after.ParentName = a.ParentKey, a.ParentID, a.ParentName
		if err := t.saveAccount(before, after); err != nil {
			return err
		}
		if err := t.endUnreachable(after.Key); err != nil {
			return err
		}
		if err := t.record(event{action: "account.moved", kind: "account", id: id, name: after.Name, accountKey: after.Key,
			before: map[string]any{"parent_id": a.ID}, after: map[string]any{"parent_id": a.ParentID}}); err != nil {
			return err
		}
	}
	return nil
}

// Binned is a line of the bin.
type Binned struct {
	ID, Name   string
	ParentID   string
	ParentName string
	ParentGone bool // the parent is in the bin too
	DeletedAt  time.Time
	DeletedBy  string
	PurgeAt    time.Time
	Members    int64

	key int64
}

// BinFilter says which part of the bin is shown: what Query is part of the name
// or ID of, after or before the account with that ID.
type BinFilter struct{ Query, After, Before string }

// BinPage is a page of the bin; Next and Prev are what After and Before take.
type BinPage struct {
	Rows       []Binned
	Total      int64
	Next, Prev string
}

// Bin returns a page of what is in the bin, the newest deletion first.
func (s *Store) Bin(ctx context.Context, f BinFilter) (page BinPage, err error) {
	const (
		head = `SELECT a.key, a.id, a.name, COALESCE(p.id, ''), COALESCE(p.name, ''), p.deleted_at IS NOT NULL, a.deleted_at,
			COALESCE((SELECT e.actor_name FROM events e WHERE e.object_id = a.id AND e.action = 'account.deleted' ORDER BY e.key DESC LIMIT 1), ''),
			(SELECT COUNT(*) FROM memberships m WHERE m.account_key = a.key)
			FROM accounts a LEFT JOIN accounts p ON p.key = a.parent_key
			WHERE a.deleted_at IS NOT NULL AND a.search LIKE $1 ESCAPE '\'`
		place = ` (SELECT b.deleted_at, b.key FROM accounts b WHERE b.id = $3)`
	)
	pattern := like(foldQuery(f.Query))
	if err := s.query().row(ctx, `SELECT COUNT(*) FROM accounts a WHERE a.deleted_at IS NOT NULL AND a.search LIKE $1 ESCAPE '\'`, pattern).Scan(&page.Total); err != nil {
		return page, err
	}
	text, args := head+` ORDER BY a.deleted_at DESC, a.key DESC LIMIT $2`, []any{pattern, backoffice.PageSize + 1}
	switch {
	case f.Before != "":
		text = head + ` AND (a.deleted_at, a.key) >` + place + ` ORDER BY a.deleted_at, a.key LIMIT $2`
		args = append(args, f.Before)
	case f.After != "":
		text = head + ` AND (a.deleted_at, a.key) <` + place + ` ORDER BY a.deleted_at DESC, a.key DESC LIMIT $2`
		args = append(args, f.After)
	}
	rows, err := s.query().rows(ctx, text, args...)
	page.Rows, err = collect(rows, err, func(r rowScanner) (b Binned, err error) {
		err = r.Scan(&b.key, &b.ID, &b.Name, &b.ParentID, &b.ParentName, &b.ParentGone, micros{&b.DeletedAt}, &b.DeletedBy, &b.Members)
		b.PurgeAt = b.DeletedAt.Add(backoffice.BinDays * 24 * time.Hour)
		return
	})
	if err != nil {
		return page, err
	}
	page.Rows, page.Prev, page.Next = window(page.Rows, backoffice.PageSize, f.After, f.Before, func(b Binned) string { return b.ID })
	return page, nil
}

// Purge removes for good what has been in the bin for longer than 30 days, at
// most limit accounts, and the payloads of their events; the chain keeps the
// digests. It returns how many went.
func (s *Store) Purge(ctx context.Context, limit int) (n int, err error) {
	err = s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		rows, err := t.rows(t.ctx, `SELECT key, id FROM accounts WHERE deleted_at IS NOT NULL AND deleted_at <= $1 ORDER BY deleted_at, key LIMIT $2`,
			t.now.Add(-backoffice.BinDays*24*time.Hour).UnixMicro(), limit)
		type gone struct {
			key int64
			id  string
		}
		list, err := collect(rows, err, func(r rowScanner) (g gone, err error) { err = r.Scan(&g.key, &g.id); return })
		if err != nil {
			return err
		}
		for _, g := range list {
			for _, text := range []string{
				`DELETE FROM membership_roles WHERE membership_key IN (SELECT key FROM memberships WHERE account_key = $1)`,
				`DELETE FROM memberships WHERE account_key = $1`,
				`DELETE FROM binned_memberships WHERE account_key = $1`,
				`DELETE FROM removed_memberships WHERE account_key = $1`,
				`DELETE FROM resting_grants WHERE account_key = $1`,
				`DELETE FROM user_applications WHERE account_key = $1`,
				`DELETE FROM removed_user_applications WHERE account_key = $1`,
				`DELETE FROM removed_assignments WHERE account_key = $1`,
				`DELETE FROM account_applications WHERE account_key = $1`,
				`DELETE FROM openid_families WHERE account_key = $1`,
				`DELETE FROM former_members WHERE account_key = $1`,
				`DELETE FROM replaced_roles WHERE role_key IN (SELECT key FROM roles WHERE account_key = $1)`,
				`DELETE FROM roles WHERE account_key = $1`,
				`DELETE FROM invitations WHERE account_key = $1`,
				`DELETE FROM mails WHERE account_key = $1`,
				`DELETE FROM visits WHERE account_key = $1`,
				`DELETE FROM account_logos WHERE account_key = $1`,
				`DELETE FROM policies WHERE account_key = $1`,
				`UPDATE accounts SET parent_key = NULL WHERE parent_key = $1`,
				`UPDATE events SET ` + emptied + ` WHERE account_key = $1`,
				`DELETE FROM accounts WHERE key = $1`,
			} {
				if _, err := t.exec(text, g.key); err != nil {
					return err
				}
			}
			t.kpi.binned--
			if err := t.record(event{action: "account.purged", kind: "account", id: g.id}); err != nil {
				return err
			}
		}
		n = len(list)
		return nil
	})
	return n, err
}
