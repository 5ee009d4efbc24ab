package store

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"steward/backoffice"
)

// StandingIn is how a user stands in an account at this moment, by membership
// and by grants, with the roles that hold. Errors: ErrNotFound when they do not
// stand in it at all.
func (s *Store) StandingIn(ctx context.Context, userKey, accountKey int64) (backoffice.Standing, error) {
	return standingIn(ctx, s.query(), s.Now(), userKey, accountKey)
}

// TryMove is TryReach for putting an account under another one, or with an empty
// parentID to the top: it says as well which settings of the account's security
// policy would be in force then and are not now. Errors: those of MoveAccount.
func (s *Store) TryMove(ctx context.Context, actor backoffice.Actor, a backoffice.Account, parentID string) (move backoffice.MovePreview, err error) {
	move.Reach, err = s.TryReach(ctx, actor, a, actMove(a.ID, parentID, &move.Policy))
	return move, err
}

// TryDelete is TryReach for deleting an account, with its sub-accounts moved up: it
// says as well of each of these which settings of its security policy would be in
// force in another way. Errors: those of DeleteAccount.
func (s *Store) TryDelete(ctx context.Context, actor backoffice.Actor, a backoffice.Account) (v backoffice.DeletionPreview, err error) {
	v.Reach, err = s.TryReach(ctx, actor, a, actDelete(a.ID, a.Name, true, new(string), &v.Policies))
	return v, err
}

// MoveAccounts puts several accounts under another one, or with an empty parentID
// to the top, in units of work of at most a hundred. Those that cannot go there
// are refused one by one. With dry nothing is done: the results say what would
// become of each. Errors: ErrForbidden, Problems (parent) for a parent that is
// not there.
func (s *Store) MoveAccounts(ctx context.Context, actor backoffice.Actor, ids []string, parentID string, dry bool) (results []BulkResult, err error) {
	if parentID != "" {
		if _, err := s.Account(ctx, parentID); errors.Is(err, backoffice.ErrNotFound) {
			return nil, backoffice.Problems{"parent": "No account has this ID."}
		} else if err != nil {
			return nil, err
		}
	}
	move := func(t *tx, a backoffice.Account) (string, error) { return t.moveOr(a, parentID) }
	if !dry {
		return s.inBatches(ctx, actor, ids, move)
	}
	// Each by itself from the state as it is, taken back in units that let others write.
	for _, id := range distinct(ids) {
		err := s.update(ctx, actor, func(t *tx) error {
			a, err := t.account(id)
			if errors.Is(err, backoffice.ErrNotFound) {
				results = append(results, BulkResult{ID: id, Refused: "it is not there any more"})
				return errPreviewed
			}
			if err != nil {
				return err
			}
			refused, err := move(t, a)
			if err != nil {
				return err
			}
			results = append(results, BulkResult{ID: a.ID, Name: a.Name, Refused: refused})
			return errPreviewed
		})
		if err != nil && !errors.Is(err, errPreviewed) {
			return results, err
		}
	}
	return results, nil
}

// moveOr moves an account, or says why it stays.
func (t *tx) moveOr(a backoffice.Account, parentID string) (refused string, err error) {
	if a.ParentID == parentID {
		return "it lies there already", nil
	}
	err = t.moveAccount(a.ID, parentID)
	var problems backoffice.Problems
	if errors.As(err, &problems) && problems["parent"] != "" {
		why := strings.TrimSuffix(problems["parent"], ".")
		return strings.ToLower(why[:1]) + why[1:], nil
	}
	return "", err
}

// MostTriedMoves is up to how many accounts a bulk move is one unit of work, whose
// reach is previewed.
const MostTriedMoves = 200

// actMoves is MoveAccounts of not more than MostTriedMoves, as one unit of work.
func (s *Store) actMoves(ctx context.Context, ids []string, parentID string, results *[]BulkResult) (act Act, err error) {
	ids = distinct(ids)
	act.among = []int64{}
	for _, id := range append(slices.Clone(ids), parentID) {
		a, err := s.Account(ctx, id)
		if errors.Is(err, backoffice.ErrNotFound) && id == parentID && parentID != "" {
			return act, backoffice.Problems{"parent": "No account has this ID."}
		}
		if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
			return act, err
		}
		if err == nil && id != parentID {
			act.among = append(act.among, a.Key)
		}
	}
	act.do = func(t *tx) error {
		*results = nil
		for _, id := range ids {
			a, err := t.account(id)
			if errors.Is(err, backoffice.ErrNotFound) {
				*results = append(*results, BulkResult{ID: id, Refused: "it is not there any more"})
				continue
			}
			if err != nil {
				return err
			}
			refused, err := t.moveOr(a, parentID)
			if err != nil {
				return err
			}
			*results = append(*results, BulkResult{ID: a.ID, Name: a.Name, Refused: refused})
		}
		return nil
	}
	return act, nil
}

// TryMoves is TryMove of several accounts at once, with what would become of each.
// Of more than MostTriedMoves it tells that alone. Errors: those of MoveAccounts.
func (s *Store) TryMoves(ctx context.Context, actor backoffice.Actor, ids []string, parentID string) (results []BulkResult, change backoffice.ReachChange, err error) {
	if len(ids) > MostTriedMoves {
		results, err = s.MoveAccounts(ctx, actor, ids, parentID, true)
		return results, change, err
	}
	act, err := s.actMoves(ctx, ids, parentID, &results)
	if err == nil {
		change, err = s.TryReach(ctx, actor, backoffice.Account{}, act)
	}
	return results, change, err
}

// ConfirmMoves is MoveAccounts as TryMoves previewed it: seen is the Digest of what
// was shown. Errors: those of MoveAccounts, ErrOutdated.
func (s *Store) ConfirmMoves(ctx context.Context, actor backoffice.Actor, ids []string, parentID, seen string) (results []BulkResult, err error) {
	if len(ids) > MostTriedMoves || seen == "" {
		return s.MoveAccounts(ctx, actor, ids, parentID, false)
	}
	act, err := s.actMoves(ctx, ids, parentID, &results)
	if err == nil {
		err = s.Confirm(ctx, actor, backoffice.Account{}, act, seen)
	}
	return results, err
}

// outermost are those of some accounts that lie below none of the others.
func (t *tx) outermost(accounts []int64) (roots []int64, err error) {
	above := make(map[int64]string, len(accounts))
	for _, key := range accounts {
		if above[key], err = pathOf(t.ctx, t, key); err != nil {
			return nil, err
		}
	}
	for _, key := range accounts {
		inner := false
		for field := range strings.SplitSeq(above[key], "/") {
			if n, err := strconv.ParseInt(field, 10, 64); err == nil {
				if _, other := above[n]; other {
					inner = true
				}
			}
		}
		if !inner {
			roots = append(roots, key)
		}
	}
	return roots, nil
}

// endUnreachableOf ends the sessions of a user in accounts that they do not come
// into any more: those below an account that they have left.
func (t *tx) endUnreachableOf(user int64) error {
	rows, err := t.rows(t.ctx, `SELECT account_key FROM user_sessions WHERE user_key = $1
		UNION SELECT account_key FROM openid_families WHERE user_key = $1 AND ended_at IS NULL`, user)
	accounts, err := collect(rows, err, scanKey)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		standing, err := standingIn(t.ctx, t, t.now, user, account)
		if err == nil && standing.Enters() {
			continue
		}
		if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
		if err := t.endThere(user, account); err != nil {
			return err
		}
	}
	return t.restApplications(user)
}

// FindUser finds a user outside of the bin by their ID or address as somebody
// typed it. Errors: ErrNotFound.
func (s *Store) FindUser(ctx context.Context, typed string) (backoffice.User, error) {
	typed = strings.TrimSpace(typed)
	u, err := readUser(ctx, s.query(), selectUserByID, typed)
	if !errors.Is(err, backoffice.ErrNotFound) {
		return u, err
	}
	email, invalid := backoffice.ParseEmail(typed)
	if invalid != nil {
		return u, backoffice.ErrNotFound
	}
	return readUser(ctx, s.query(), selectUserByEmail, string(email))
}
