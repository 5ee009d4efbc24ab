package store

import (
	"context"
	"strings"

	"steward/backoffice"
)

// Remains says what would be left, without one of a user's ways that Why found, of
// the accounts that this way leads into: nothing is done, the resolver looks as if
// it were revoked.
func (s *Store) Remains(ctx context.Context, user backoffice.User, path backoffice.AccessPath) (m backoffice.Remainder, err error) {
	if !path.Open() || path.Membership == 0 || user.Locked {
		return m, nil
	}
	view := newReachView(ctx, s.query(), s.Now())
	scope := reachScope{roots: []int64{path.At.Key}, user: user.Key}
	before, err := view.see(scope)
	if err != nil {
		return m, err
	}
	if scope.withoutGrant = path.Membership; path.Direct {
		scope.withoutMember = path.Membership
	}
	after, err := view.see(scope)
	if err != nil {
		return m, err
	}
	below := false // a membership may lead below its account as well
	for _, w := range before.ways {
		below = below || w.membership == path.Membership && w.inside != ""
	}
	reached := map[int64]string{}
	for _, n := range before.nodes {
		if root := n.key == path.At.Key; root && !path.Direct || !root && !below {
			continue
		}
		reached[n.key] = n.inside
		m.Reached++
		switch was, is := before.users[user.Key].in(n.slot), after.users[user.Key].in(n.slot); {
		case is == 0:
		case is != was:
			m.Changed++
			m.Kept++
		default:
			m.Kept++
		}
	}
	for _, w := range after.ways {
		leads := false
		if w.inside == "" {
			_, leads = reached[w.account]
		} else {
			for key, inside := range reached {
				leads = leads || key != w.account && strings.HasPrefix(inside, w.inside)
			}
		}
		if !leads {
			continue
		}
		a := backoffice.AccountRef{Key: w.account}
		if err := s.query().row(ctx, `SELECT id, name FROM accounts WHERE key = $1`, w.account).Scan(&a.ID, &a.Name); err != nil {
			return m, err
		}
		if w.inside == "" {
			m.Members = append(m.Members, a)
		} else {
			m.Grants = append(m.Grants, a)
		}
	}
	return m, nil
}
