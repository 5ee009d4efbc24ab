package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"steward/backoffice"
)

// errPreviewed takes back what a preview has tried.
var errPreviewed = errors.New("previewed")

// Act is something that moves reach: TryReach previews it, Confirm does it.
type Act struct {
	do   func(*tx) error
	user string // ID of the one whose reach alone it moves; "" for anybody's
	// held says that what was shown is what the user holds, and not a change: the
	// form from which their roles are chosen.
	held bool
	// among are accounts whose branches it bears on, in place of the root's.
	among []int64
}

// TryReach does an act, sees who comes where before and after it, and takes it
// back. root is the account whose branch the act bears on. What the act refuses,
// TryReach returns.
func (s *Store) TryReach(ctx context.Context, actor backoffice.Actor, root backoffice.Account, act Act) (change backoffice.ReachChange, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		if change, err = t.reachChange(root, act); err != nil {
			return err
		}
		return errPreviewed
	})
	if errors.Is(err, errPreviewed) {
		err = nil
	}
	return change, err
}

// Confirm does an act as it was previewed: seen is the Digest of the ReachChange
// that was shown. Where the act would change another reach by now, nothing is done.
// With seen "" it is done as it comes, as over the API. Errors: those of the act,
// ErrOutdated.
func (s *Store) Confirm(ctx context.Context, actor backoffice.Actor, root backoffice.Account, act Act, seen string) error {
	return s.update(ctx, actor, func(t *tx) error {
		if seen == "" {
			return act.do(t)
		}
		change, err := t.reachChange(root, act)
		if err == nil && change.Digest != seen {
			err = backoffice.ErrOutdated
		}
		return err
	})
}

// reachChange does an act and says what it changes of who comes where.
func (t *tx) reachChange(root backoffice.Account, act Act) (change backoffice.ReachChange, err error) {
	roots := func() ([]int64, error) {
		if act.among == nil {
			return []int64{root.Key}, nil
		}
		return t.outermost(act.among)
	}
	var scope reachScope
	if scope.roots, err = roots(); err != nil {
		return change, err
	}
	if act.user != "" {
		u, err := readUser(t.ctx, t, selectUserByID, act.user)
		if err != nil {
			if refused := act.do(t); refused != nil {
				err = refused
			}
			return change, err
		}
		scope.user = u.Key
	}
	view := newReachView(t.ctx, t, t.now)
	before, err := view.see(scope)
	if err != nil {
		return change, err
	}
	t.said = nil
	if err := act.do(t); err != nil {
		return change, err
	}
	if act.held {
		return compareReach(view, before, before, true, t.said)
	}
	if scope.roots, err = roots(); err != nil {
		return change, err
	}
	var gone bool
	if act.among != nil {
		// Moved, and where they were there are none of them.
	} else if err := t.get(`SELECT deleted_at IS NOT NULL FROM accounts WHERE key = $1`, root.Key).Scan(&gone); err != nil {
		return change, err
	}
	if gone {
		// What lay directly below lies elsewhere, each with what is below it.
		scope.roots = nil
		if len(before.nodes) > 0 {
			depth := strings.Count(before.nodes[0].inside, "/")
			for _, n := range before.nodes {
				if strings.Count(n.inside, "/") == depth+1 {
					scope.roots = append(scope.roots, n.key)
				}
			}
		}
	}
	after, err := view.see(scope)
	if err != nil {
		return change, err
	}
	return compareReach(view, before, after, false, t.said)
}

// compareReach tells two states apart; with held the digest is that of what is
// held before.
func compareReach(view *reachView, before, after reachState, held bool, said []string) (change backoffice.ReachChange, err error) {
	type count struct{ gains, loses, changes int64 }
	counts := map[int64]*count{}
	type line struct {
		user, account int64
		was, is       holding
	}
	var lines []line
	note := func(user int64, slot int32, was, is holding) {
		if was == is && !held {
			return
		}
		lines = append(lines, line{user, view.at[slot], was, is})
		n := counts[user]
		if n == nil {
			n = &count{}
			counts[user] = n
		}
		switch {
		case was == is:
		case was == 0:
			n.gains++
		case is == 0:
			n.loses++
		default:
			n.changes++
		}
	}
	for user, reached := range before.users {
		reached.each(func(slot int32, was holding) { note(user, slot, was, after.users[user].in(slot)) })
	}
	for user, reached := range after.users {
		reached.each(func(slot int32, is holding) {
			if before.users[user].in(slot) == 0 {
				note(user, slot, 0, is)
			}
		})
	}
	ids := map[int64]string{}
	for user, n := range counts {
		r := backoffice.UserReach{}
		if err := view.r.row(view.ctx, `SELECT id, name, email FROM users WHERE key = $1`, user).Scan(&r.UserID, &r.Name, &r.Email); err != nil {
			return change, err
		}
		ids[user] = r.UserID
		for _, part := range []struct {
			n    int64
			list *[]backoffice.UserReach
		}{{n.gains, &change.Gains}, {n.loses, &change.Loses}, {n.changes, &change.Changes}} {
			if part.n > 0 {
				r.Accounts = part.n
				*part.list = append(*part.list, r)
			}
		}
	}
	most := func(a, b backoffice.UserReach) int {
		if a.Accounts != b.Accounts {
			return int(b.Accounts - a.Accounts)
		}
		return strings.Compare(a.Email, b.Email)
	}
	slices.SortFunc(change.Gains, most)
	slices.SortFunc(change.Loses, most)
	slices.SortFunc(change.Changes, most)
	// The digest is of users by their IDs, which nobody guesses: it tells nothing to
	// who may not know them.
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = fmt.Sprint(ids[l.user], l.account, view.roles.keys(l.was), l.was != 0, view.roles.keys(l.is), l.is != 0)
	}
	slices.Sort(texts)
	h := sha256.New()
	for _, text := range append(texts, said...) {
		writeText(h, text)
	}
	change.Digest = hex.EncodeToString(h.Sum(nil)[:16])
	return change, nil
}

// say notes what a preview shows beside who comes where: it is bound as well.
func (t *tx) say(parts ...any) { t.said = append(t.said, fmt.Sprint(parts...)) }

// Acts that move reach.

// ActGive is GiveAccess.
func ActGive(accountID, userID string, n backoffice.NewGrant) Act {
	return Act{user: userID, do: func(t *tx) error {
		if err := t.sayMembership(accountID, userID); err != nil {
			return err
		}
		return t.giveAccess(accountID, userID, n)
	}}
}

// ActRevoke is RevokeAccess.
func ActRevoke(accountID, userID string) Act {
	return Act{user: userID, do: func(t *tx) error {
		if err := t.sayMembership(accountID, userID); err != nil {
			return err
		}
		return t.revokeAccess(accountID, userID)
	}}
}

// sayMembership notes how a membership stands, which the pages about its access
// show: access may wait, and move nobody yet.
func (t *tx) sayMembership(accountID, userID string) error {
	m, err := t.memberOf(accountID, userID)
	if err != nil {
		return err
	}
	g, given, err := grantOf(t.ctx, t, m.account.Key, m.user.Key)
	if err != nil {
		return err
	}
	for _, r := range m.standing.Roles {
		t.say(r.ID)
	}
	t.say(m.standing.Status, m.standing.Disabled, given, g.At.UnixMicro(), g.By, g.Reason, g.EndsAt.UnixMicro())
	return nil
}

// ActMove is MoveAccount.
func ActMove(id, parentID string) Act { return actMove(id, parentID, nil) }

// actMove tells as well, where it is asked for, which settings of the account's
// security policy in force differ afterwards.
func actMove(id, parentID string, policy *[]backoffice.PolicyDifference) Act {
	return Act{do: func(t *tx) error {
		before, err := policyOf(t.ctx, t, id)
		if err != nil {
			return err
		}
		if err := t.moveAccount(id, parentID); err != nil {
			return err
		}
		after, err := policyOf(t.ctx, t, id)
		if err != nil {
			return err
		}
		list := backoffice.ComparePolicies(before.InForce, after.InForce)
		for _, d := range list {
			t.say(d.Setting, d.Before, "\x00", d.After)
		}
		if policy != nil {
			*policy = list
		}
		return nil
	}}
}

// ActDefault is SetAccessDefault.
func ActDefault(id string, d backoffice.AccessDefault) Act {
	return Act{do: func(t *tx) error { return t.setAccessDefault(id, d) }}
}

// ActManage is SetReseller.
func ActManage(id string, on bool) Act {
	return Act{do: func(t *tx) error { return t.setReseller(id, on) }}
}

// ActRemove is RemoveSubAccount; deletion is set to its ID.
func ActRemove(id string, deletion *string) Act {
	return Act{do: func(t *tx) (err error) {
		*deletion, err = t.removeSubAccount(id)
		return err
	}}
}

// ActDelete is DeleteAccount; deletion is set to its ID.
func ActDelete(id, typed string, moveUp bool, deletion *string) Act {
	return actDelete(id, typed, moveUp, deletion, new([]backoffice.MovedPolicy))
}

// actDelete tells as well which settings of the policies of what moves up differ
// afterwards. What moves leaves the policy of the account behind, and no other one.
func actDelete(id, typed string, moveUp bool, deletion *string, policies *[]backoffice.MovedPolicy) Act {
	return Act{do: func(t *tx) error {
		type sub struct {
			backoffice.AccountRef
			own bool // has a policy of its own
		}
		rows, err := t.rows(t.ctx, `SELECT c.key, c.id, c.name, c.has_policy FROM accounts a JOIN accounts c ON c.parent_key = a.key AND c.deleted_at IS NULL
			WHERE a.id = $1 AND a.has_policy ORDER BY c.name_sort, c.key`, id)
		moved, err := collect(rows, err, func(r rowScanner) (v sub, err error) { err = r.Scan(&v.Key, &v.ID, &v.Name, &v.own); return })
		if err != nil {
			return err
		}
		// Those without a policy of their own lie under the same one.
		inForce := func() ([]backoffice.InForce, error) {
			list, shared := make([]backoffice.InForce, len(moved)), -1
			for i, a := range moved {
				if !a.own && shared >= 0 {
					list[i] = list[shared]
					continue
				}
				p, err := policyOf(t.ctx, t, a.ID)
				if err != nil {
					return nil, err
				}
				if list[i] = p.InForce; !a.own {
					shared = i
				}
			}
			return list, nil
		}
		before, err := inForce()
		if err != nil {
			return err
		}
		if *deletion, err = t.deleteAccount(id, typed, moveUp); err != nil {
			return err
		}
		after, err := inForce()
		if err != nil {
			return err
		}
		*policies = nil
		for i, a := range moved {
			list := backoffice.ComparePolicies(before[i], after[i])
			if len(list) > 0 {
				*policies = append(*policies, backoffice.MovedPolicy{Account: a.AccountRef, Policy: list})
			}
			for _, d := range list {
				t.say(a.ID, d.Setting, d.Before, "\x00", d.After)
			}
		}
		return nil
	}}
}

// ActRemoveMember is RemoveMember; removal is set to its ID.
func ActRemoveMember(accountID, userID string, removal *string) Act {
	return Act{user: userID, do: func(t *tx) (err error) {
		*removal, err = t.removeMember(accountID, userID)
		return err
	}}
}

// ActRoles is ChangeMemberRoles: what was shown is what the user holds in the
// account and below it.
func ActRoles(accountID, userID string, keys []string) Act {
	return Act{user: userID, held: true, do: func(t *tx) error { return t.changeMemberRoles(accountID, userID, keys) }}
}

// Held is the digest of what a user holds in an account and below it, as Confirm
// takes it for ActRoles.
func (s *Store) Held(ctx context.Context, a backoffice.Account, user backoffice.User) (string, error) {
	view := newReachView(ctx, s.query(), s.Now())
	state, err := view.see(reachScope{roots: []int64{a.Key}, user: user.Key})
	if err != nil {
		return "", err
	}
	change, err := compareReach(view, state, state, true, nil)
	return change.Digest, err
}
