package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"steward/backoffice"
)

// heldBy is the condition on a membership m by which a user is held to an
// account's policy wherever they sign in: it was accepted, and neither it nor
// the account is switched off. Who was merely invited or added by others is
// held in that account alone.
const heldBy = `m.status = 'activated' AND NOT m.disabled`

// PolicyForUser returns the strictest of the policies of all the user's
// accounts, setting by setting, counting accepted memberships and grants; without any it
// is the environment's default. Limits of sessions are those of the session's
// account: see backoffice.HeldTo. Errors: ErrNotFound.
func (s *Store) PolicyForUser(ctx context.Context, userID string) (backoffice.Policy, error) {
	u, err := readUser(ctx, s.query(), selectUserByID, userID)
	if err != nil {
		return backoffice.Policy{}, err
	}
	return policyForUser(ctx, s.query(), s.Now(), u.Key)
}

func policyForUser(ctx context.Context, r reader, now time.Time, user int64) (backoffice.Policy, error) {
	environment, err := environmentPolicy(ctx, r)
	if err != nil {
		return backoffice.Policy{}, err
	}
	rows, err := r.rows(ctx, `WITH RECURSIVE up (account, key, parent_key, level) AS (
			SELECT a.key, a.key, a.parent_key, 0 FROM memberships m JOIN accounts a ON a.key = m.account_key
			WHERE m.user_key = $1 AND `+heldBy+` AND a.deleted_at IS NULL
			UNION
			SELECT a.key, a.key, a.parent_key, 0 FROM `+grantTables+` CROSS JOIN accounts a
			WHERE m.user_key = $1 AND `+grants(2)+` AND a.has_policy AND `+lies+`
			UNION ALL
			SELECT up.account, p.key, p.parent_key, up.level + 1 FROM up JOIN accounts p ON p.key = up.parent_key WHERE up.level < 64)
		SELECT up.account, up.level, p.version, `+policyColumns.names("p.")+` FROM up JOIN policies p ON p.account_key = up.key
		ORDER BY up.account, up.level DESC`, user, now.UnixMicro())
	chains, err := policyChains(rows, err)
	if err != nil {
		return backoffice.Policy{}, err
	}
	all := []backoffice.Policy{environment.InForce.Policy}
	for _, chain := range chains {
		all = append(all, backoffice.Resolve(environment.Own, chain, backoffice.NamedRules{}).Policy)
	}
	return backoffice.Strictest(all...), nil
}

// policyChains reads the rules that stand above and in each of several
// accounts, the top ones first. An account without any is missing.
func policyChains(rows *sql.Rows, err error) (map[int64][]backoffice.NamedRules, error) {
	type line struct {
		account int64
		rules   backoffice.PolicyRules
	}
	lines, err := collect(rows, err, func(r rowScanner) (l line, err error) {
		var level, version int64
		err = r.Scan(append([]any{&l.account, &level, &version}, policyColumns.scan(&l.rules)...)...)
		return
	})
	chains := map[int64][]backoffice.NamedRules{}
	for _, l := range lines {
		chains[l.account] = append(chains[l.account], backoffice.NamedRules{Rules: l.rules})
	}
	return chains, err
}

// PolicyTouch is whom a change of a policy touches.
type PolicyTouch struct {
	backoffice.Preview
	Users    int64 // who is held to what is changed
	Accounts int64 // of the environment: all of them
	// Uncounted is set when counting who must enrol would have taken too long.
	Uncounted bool
}

// PolicyTouched counts whom other rules for an account would touch: its users
// and those of all sub-accounts below, which inherit, by membership and by grants
// from above.
func (s *Store) PolicyTouched(ctx context.Context, p PolicyState, rules backoffice.PolicyRules) (PolicyTouch, error) {
	if p.Account.Key == 0 {
		return s.environmentTouched(ctx, p, rules)
	}
	var touch PolicyTouch
	rows, err := s.query().rows(ctx, branch+`
		SELECT b.key, b.parent_key, b.level, COALESCE(p.version, 0), `+policyColumns.names("p.")+`
		FROM branch b LEFT JOIN policies p ON p.account_key = b.key ORDER BY b.level, b.key`, p.Account.Key)
	type below struct {
		key, parent, level, version int64
		rules                       backoffice.PolicyRules
	}
	list, err := collect(rows, err, func(r rowScanner) (b below, err error) {
		err = r.Scan(append([]any{&b.key, nullable{&b.parent}, &b.level, &b.version}, policyColumns.scan(&b.rules)...)...)
		return
	})
	if err != nil {
		return touch, err
	}
	// The policy of each account of the branch before and after: an account
	// without rules of its own has exactly its parent's.
	type place struct {
		backoffice.PolicyShift
		above []backoffice.NamedRules // below the account that is changed
	}
	places := map[int64]place{}
	for _, b := range list {
		if b.key == p.Account.Key {
			places[b.key] = place{PolicyShift: backoffice.PolicyShift{Before: p.InForce.Policy, After: p.Try(rules).Policy}}
			continue
		}
		here := places[b.parent]
		if b.version > 0 {
			here.above = append(append([]backoffice.NamedRules{}, here.above...), backoffice.NamedRules{Rules: b.rules})
			resolve := func(own backoffice.PolicyRules) backoffice.Policy {
				all := append(append(append([]backoffice.NamedRules{}, p.above...), backoffice.NamedRules{Rules: own}), here.above...)
				return backoffice.Resolve(p.environment, all, backoffice.NamedRules{}).Policy
			}
			here.Before, here.After = resolve(p.Own), resolve(rules)
		}
		places[b.key] = here
	}
	users, err := s.branchUsers(ctx, p, func(account int64) (backoffice.PolicyShift, bool) {
		here, ok := places[account]
		return here.PolicyShift, ok
	})
	if err != nil {
		return touch, err
	}
	sessions, err := s.sessionsTouched(ctx, p, rules)
	if err != nil {
		return touch, err
	}
	own := places[p.Account.Key]
	touch.Users, touch.Accounts = int64(len(users)), int64(len(list))
	touch.Preview = backoffice.Touched(backoffice.PolicyChange{Before: own.Before, After: own.After, Users: users, Sessions: sessions, SubAccounts: len(list) - 1, Now: s.Now()})
	return touch, nil
}

// branch is an account with all that lie below it.
const branch = `WITH RECURSIVE branch (key, parent_key, level) AS (
	SELECT key, parent_key, 0 FROM accounts WHERE key = $1
	UNION ALL
	SELECT a.key, a.parent_key, branch.level + 1 FROM branch JOIN accounts a ON a.parent_key = branch.key
	WHERE a.deleted_at IS NULL AND branch.level < 64)`

// environmentTouched counts over all accounts. Who must enrol is only asked for
// when forcing MFA begins, and only for as long as the context allows.
func (s *Store) environmentTouched(ctx context.Context, p PolicyState, rules backoffice.PolicyRules) (touch PolicyTouch, err error) {
	_, totals, err := s.Dashboard(ctx)
	if err != nil {
		return touch, err
	}
	touch.Accounts = totals.Accounts
	after := p.Try(rules)
	sessions, err := s.sessionsTouched(ctx, p, rules)
	if err != nil && ctx.Err() != nil {
		touch.Uncounted = true
		return touch, nil
	} else if err != nil {
		return touch, err
	}
	touch.Preview = backoffice.Touched(backoffice.PolicyChange{Sessions: sessions, Now: s.Now()})
	if p.InForce.MFAForce > backoffice.DontForce || after.MFAForce <= backoffice.DontForce {
		return touch, nil
	}
	var n int64
	err = s.query().row(ctx, `WITH RECURSIVE forced (key) AS (
			SELECT a.key FROM policies p JOIN accounts a ON a.key = p.account_key WHERE p.mfa_force > $1
			UNION
			SELECT a.key FROM forced f JOIN accounts a ON a.parent_key = f.key)
		SELECT COUNT(*) FROM users u WHERE NOT u.locked AND u.deleted_at IS NULL AND u.factors & $2 = 0
		AND EXISTS (SELECT 1 FROM memberships m JOIN accounts a ON a.key = m.account_key WHERE m.user_key = u.key AND NOT m.disabled AND a.deleted_at IS NULL)
		AND NOT EXISTS (SELECT 1 FROM memberships m JOIN accounts a ON a.key = m.account_key
			WHERE m.user_key = u.key AND NOT m.disabled AND a.deleted_at IS NULL AND m.account_key IN (SELECT key FROM forced))`,
		int64(backoffice.DontForce), int64(after.MFAMethods)).Scan(&n)
	if errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		touch.Uncounted = true
		return touch, nil
	}
	touch.MustEnrol = int(n)
	return touch, err
}
