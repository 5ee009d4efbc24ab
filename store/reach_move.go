package store

import (
	"context"
	"errors"
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
	move := func(t *tx, a backoffice.Account) (string, error) {
		if a.ParentID == parentID {
			return "it lies there already", nil
		}
		err := t.moveAccount(a.ID, parentID)
		var problems backoffice.Problems
		if errors.As(err, &problems) && problems["parent"] != "" {
			why := strings.TrimSuffix(problems["parent"], ".")
			return strings.ToLower(why[:1]) + why[1:], nil
		}
		return "", err
	}
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
