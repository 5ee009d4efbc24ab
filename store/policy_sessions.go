package store

import (
	"context"
	"errors"

	"steward/backoffice"
)

// sessionsTouched lists the sessions that other rules may end, with what their
// users are held to in each before and after: those of whoever is in the branch
// of the account, wherever they run, since a second factor that is forced there is
// asked for everywhere. For the environment it is every session.
func (s *Store) sessionsTouched(ctx context.Context, p PolicyState, rules backoffice.PolicyRules) ([]backoffice.PolicySession, error) {
	args := []any{p.Account.Key, s.Now().UnixMicro()}
	who := `WITH RECURSIVE who (user_key) AS (SELECT DISTINCT x.user_key FROM user_sessions x WHERE x.account_key <> $1)`
	if p.Account.Key != 0 {
		above, err := aboveKeys(ctx, s.query(), p.Account.Key)
		if err != nil {
			return nil, err
		}
		in, keys := keyList(append(above, 0), 3) // a key that no account has stands for none
		args = append(args, keys...)
		who = branch + `, who (user_key) AS (SELECT DISTINCT x.user_key FROM user_sessions x WHERE x.user_key IN (
			SELECT m.user_key FROM branch b JOIN memberships m ON m.account_key = b.key
			UNION SELECT m.user_key FROM ` + grantTables + ` WHERE x.key IN (` + in + `) AND ` + grants(2) + `))`
	}
	rows, err := s.query().rows(ctx, who+` SELECT x.user_key, x.account_key, x.created_at, x.seen_at, x.mfa_at > 0, m.key IS NOT NULL AND NOT m.disabled
		FROM who w JOIN user_sessions x ON x.user_key = w.user_key
		JOIN users u ON u.key = x.user_key JOIN accounts a ON a.key = x.account_key LEFT JOIN memberships m ON m.account_key = x.account_key AND m.user_key = x.user_key
		WHERE NOT u.locked AND u.deleted_at IS NULL AND a.deleted_at IS NULL AND CAST($2 AS BIGINT) > 0`, args...)
	type running struct {
		backoffice.PolicySession
		member bool
	}
	found, err := collect(rows, err, func(r rowScanner) (x running, err error) {
		err = r.Scan(&x.User, &x.Account, micros{&x.SignedInAt}, micros{&x.SeenAt}, &x.MFA, &x.member)
		return
	})
	if err != nil {
		return nil, err
	}
	var sessions []backoffice.PolicySession
	for _, x := range found {
		if !x.member { // it runs where a grant leads in, as long as it does
			standing, err := standingIn(ctx, s.query(), s.Now(), x.User, x.Account)
			if errors.Is(err, backoffice.ErrNotFound) || err == nil && !standing.Enters() {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		sessions = append(sessions, x.PolicySession)
	}
	if len(sessions) == 0 {
		return nil, nil
	}
	type pair struct{ user, account int64 }
	rows, err = s.query().rows(ctx, who+` SELECT m.user_key, m.account_key FROM who w JOIN memberships m ON m.user_key = w.user_key
		JOIN accounts a ON a.key = m.account_key WHERE `+heldBy+` AND a.deleted_at IS NULL UNION `+grantedPolicies, args...)
	accepted, err := collect(rows, err, func(r rowScanner) (v pair, err error) { err = r.Scan(&v.user, &v.account); return })
	if err != nil {
		return nil, err
	}
	// What stands above and in each account that is asked for; the one that is
	// changed is among it, whether or not it has rules of its own so far.
	type rung struct {
		account, key int64
		rules        backoffice.PolicyRules
	}
	rows, err = s.query().rows(ctx, who+`, granted (user_key, account_key) AS (`+grantedPolicies+`), places (key) AS (
			SELECT x.account_key FROM who w JOIN user_sessions x ON x.user_key = w.user_key
			UNION SELECT m.account_key FROM who w JOIN memberships m ON m.user_key = w.user_key WHERE `+heldBy+`
			UNION SELECT g.account_key FROM granted g),
		up (account, key, parent_key, level) AS (
			SELECT a.key, a.key, a.parent_key, 0 FROM places p JOIN accounts a ON a.key = p.key
			UNION ALL
			SELECT up.account, p.key, p.parent_key, up.level + 1 FROM up JOIN accounts p ON p.key = up.parent_key WHERE up.level < 64)
		SELECT up.account, up.key, `+policyColumns.names("p.")+` FROM up LEFT JOIN policies p ON p.account_key = up.key
		WHERE p.version IS NOT NULL OR up.key = $1 ORDER BY up.account, up.level DESC`, args...)
	rungs, err := collect(rows, err, func(r rowScanner) (v rung, err error) {
		err = r.Scan(append([]any{&v.account, &v.key}, policyColumns.scan(&v.rules)...)...)
		return
	})
	if err != nil {
		return nil, err
	}
	before, after := p.environment, p.environment
	if p.Account.Key == 0 {
		if before, _, err = policyRow(ctx, s.query(), 0); err != nil {
			return nil, err
		}
		after = rules
	}
	chains := map[int64][2][]backoffice.NamedRules{}
	for _, v := range rungs {
		chain := chains[v.account]
		now := v.rules
		if v.key == p.Account.Key {
			now = rules
		}
		chain[0], chain[1] = append(chain[0], backoffice.NamedRules{Rules: v.rules}), append(chain[1], backoffice.NamedRules{Rules: now})
		chains[v.account] = chain
	}
	known := map[int64]backoffice.PolicyShift{}
	in := func(account int64) backoffice.PolicyShift {
		shift, ok := known[account]
		if !ok {
			chain := chains[account]
			shift = backoffice.PolicyShift{Before: backoffice.Resolve(before, chain[0], backoffice.NamedRules{}).Policy,
				After: backoffice.Resolve(after, chain[1], backoffice.NamedRules{}).Policy}
			known[account] = shift
		}
		return shift
	}
	all := map[int64]backoffice.PolicyShift{}
	for _, v := range accepted {
		shift := in(v.account)
		if so, ok := all[v.user]; ok {
			shift = backoffice.PolicyShift{Before: backoffice.Strictest(so.Before, shift.Before), After: backoffice.Strictest(so.After, shift.After)}
		}
		all[v.user] = shift
	}
	for i, x := range sessions {
		here := in(x.Account)
		held, ok := all[x.User]
		if !ok {
			held = here
		}
		sessions[i].Held = backoffice.PolicyShift{Before: backoffice.HeldTo(here.Before, held.Before), After: backoffice.HeldTo(here.After, held.After)}
	}
	return sessions, nil
}
