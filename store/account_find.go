package store

import (
	"context"
	"errors"
	"slices"
	"strings"

	"steward/backoffice"
)

// FindAccounts returns at most n accounts for a name or ID that is being typed
// or was pasted, the best first: the account with exactly this ID, then names
// that are the text, that begin with it, that have a word which begins with it;
// and among equals who was visited last.
func (s *Store) FindAccounts(ctx context.Context, typed string, n int) ([]backoffice.AccountRow, error) {
	page, err := s.Accounts(ctx, backoffice.AccountFilter{Query: typed, Sort: backoffice.SortLastVisit}, "")
	if err != nil {
		return nil, err
	}
	rows := page.Rows
	want := foldQuery(typed)
	if page.Next != "" {
		// More contain it than were read: those that begin with it come from the
		// order of names.
		begin, err := s.accountRows(ctx, `FROM `+s.accountTables(false)+` LEFT JOIN accounts p ON p.key = a.parent_key
			WHERE a.deleted_at IS NULL AND a.name_sort >= $1 AND a.name_sort < $2 ORDER BY a.name_sort, a.key LIMIT $3`,
			[]any{want, want + "\U0010FFFF", n}, backoffice.DayOf(s.Now()))
		if err != nil {
			return nil, err
		}
		for _, r := range begin {
			if !slices.ContainsFunc(rows, func(o backoffice.AccountRow) bool { return o.Key == r.Key }) {
				rows = append(rows, r)
			}
		}
	}
	rank := func(r backoffice.AccountRow) int {
		name := backoffice.Fold(r.Name)
		switch {
		case name == want || backoffice.Fold(r.ID) == want:
			return 0
		case strings.HasPrefix(name, want):
			return 1
		case strings.Contains(name, " "+want):
			return 2
		}
		return 3
	}
	slices.SortStableFunc(rows, func(a, b backoffice.AccountRow) int { return rank(a) - rank(b) })
	exact, err := s.Account(ctx, strings.TrimSpace(typed))
	switch {
	case err == nil:
		rows = slices.DeleteFunc(rows, func(r backoffice.AccountRow) bool { return r.ID == exact.ID })
		rows = slices.Insert(rows, 0, rowOf(exact))
	case !errors.Is(err, backoffice.ErrNotFound):
		return nil, err
	}
	return rows[:min(n, len(rows))], nil
}

// EachOf calls do with the accounts that the IDs name, in their order. Those
// that are not there any more are left out.
func (s *Store) EachOf(ctx context.Context, ids []string, do func(backoffice.AccountRow) error) error {
	for _, id := range ids {
		a, err := s.Account(ctx, id)
		if errors.Is(err, backoffice.ErrNotFound) {
			continue
		}
		if err == nil {
			err = do(rowOf(a))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Absent returns those of the IDs that name no account, or with binned no account
// in the bin: an act on many is refused as a whole where there are any.
func (s *Store) Absent(ctx context.Context, ids []string, binned bool) (absent []string, err error) {
	for _, id := range ids {
		var there bool
		if err := s.query().row(ctx, `SELECT EXISTS (SELECT 1 FROM accounts WHERE id = $1 AND (deleted_at IS NOT NULL) = $2)`, id, binned).Scan(&there); err != nil {
			return nil, err
		}
		if !there {
			absent = append(absent, id)
		}
	}
	return absent, nil
}

func rowOf(a backoffice.Account) backoffice.AccountRow {
	return backoffice.AccountRow{Key: a.Key, ID: a.ID, Name: a.Name, CreatedAt: a.CreatedAt, IsReseller: a.IsReseller,
		ParentID: a.ParentID, ParentName: a.ParentName, PrimaryEmail: a.PrimaryEmail, Engagement: a.Engagement}
}
