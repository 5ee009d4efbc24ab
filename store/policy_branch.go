package store

import (
	"context"
	"slices"
	"sort"
	"strconv"
	"strings"

	"steward/backoffice"
)

// grantedPolicies are the pairs of user and account, of users in w, whom grants
// lead into an account that has laid down a policy, or into account $1: accounts
// without one have that of those above, which the membership is in or the grant
// leads into as well. $2 is the instant.
var grantedPolicies = func() string {
	from := `SELECT m.user_key, a.key FROM who w CROSS JOIN ` + grantTables + ` CROSS JOIN accounts a
		WHERE m.user_key = w.user_key AND ` + grants(2) + ` AND ` + lies
	return from + ` AND a.has_policy UNION ` + from + ` AND a.key = $1`
}()

// branchUsers lists the users of a branch, by membership and by grants from above,
// with the policies of all accounts that they are held by; shift answers for
// accounts of the branch.
func (s *Store) branchUsers(ctx context.Context, p PolicyState, shift func(account int64) (backoffice.PolicyShift, bool)) ([]backoffice.PolicyUser, error) {
	q, now := s.query(), s.Now().UnixMicro()
	path, err := pathOf(ctx, q, p.Account.Key)
	if err != nil {
		return nil, err
	}
	inside := path + strconv.FormatInt(p.Account.Key, 10) + "/"
	above, err := aboveKeys(ctx, q, p.Account.Key)
	if err != nil {
		return nil, err
	}
	// A key that no account has stands for none above.
	in, keys := keyList(append(above, 0), 3)
	who := branch + `, who (user_key) AS (
			SELECT m.user_key FROM branch b JOIN memberships m ON m.account_key = b.key JOIN users u ON u.key = m.user_key
			WHERE NOT m.disabled AND NOT u.locked
			UNION
			SELECT m.user_key FROM ` + grantTables + ` JOIN users u ON u.key = m.user_key
			WHERE x.key IN (` + in + `) AND NOT u.locked AND u.deleted_at IS NULL AND ` + grants(2) + `),
		granted (user_key, account_key) AS (` + grantedPolicies + `)`
	args := append([]any{p.Account.Key, now}, keys...)
	rows, err := q.rows(ctx, who+`,
		elsewhere (key) AS (
			SELECT m.account_key FROM who t JOIN memberships m ON m.user_key = t.user_key JOIN accounts a ON a.key = m.account_key
			WHERE `+heldBy+` AND a.deleted_at IS NULL AND m.account_key NOT IN (SELECT key FROM branch)
			UNION
			SELECT account_key FROM granted WHERE account_key NOT IN (SELECT key FROM branch)),
		up (account, key, parent_key, level) AS (
			SELECT a.key, a.key, a.parent_key, 0 FROM elsewhere e JOIN accounts a ON a.key = e.key
			UNION ALL
			SELECT up.account, p.key, p.parent_key, up.level + 1 FROM up JOIN accounts p ON p.key = up.parent_key WHERE up.level < 64)
		SELECT up.account, up.level, p.version, `+policyColumns.names("p.")+` FROM up JOIN policies p ON p.account_key = up.key
		ORDER BY up.account, up.level DESC`, args...)
	chains, err := policyChains(rows, err)
	if err != nil {
		return nil, err
	}
	bare := backoffice.Resolve(p.environment, nil, backoffice.NamedRules{}).Policy
	outside := map[int64]backoffice.Policy{}
	for account, chain := range chains {
		outside[account] = backoffice.Resolve(p.environment, chain, backoffice.NamedRules{}).Policy
	}
	type pair struct {
		user, account int64
		accepted      bool
		factors       int64
	}
	scan := func(r rowScanner) (v pair, err error) {
		err = r.Scan(&v.user, &v.account, &v.accepted, &v.factors)
		return
	}
	rows, err = q.rows(ctx, who+` SELECT m.user_key, m.account_key, m.status = 'activated', u.factors FROM who t JOIN memberships m ON m.user_key = t.user_key
			JOIN users u ON u.key = m.user_key JOIN accounts a ON a.key = m.account_key WHERE NOT m.disabled AND a.deleted_at IS NULL
		UNION SELECT g.user_key, g.account_key, TRUE, u.factors FROM granted g JOIN users u ON u.key = g.user_key WHERE g.account_key NOT IN (SELECT key FROM branch)`, args...)
	pairs, err := collect(rows, err, scan)
	if err != nil {
		return nil, err
	}
	users := map[int64]*backoffice.PolicyUser{}
	of := func(v pair) *backoffice.PolicyUser {
		if users[v.user] == nil {
			users[v.user] = &backoffice.PolicyUser{Enrolled: backoffice.MFAMethods(v.factors)}
		}
		return users[v.user]
	}
	for _, v := range pairs {
		u := of(v)
		if here, ok := shift(v.account); ok {
			u.Reached = append(u.Reached, here)
			continue
		}
		if !v.accepted {
			continue
		}
		there, ok := outside[v.account]
		if !ok {
			there = bare
		}
		u.Elsewhere = append(u.Elsewhere, there)
	}
	// What grants lead into within the branch: each policy there once.
	rows, err = q.rows(ctx, `SELECT m.user_key, x.path || x.key || '/', u.factors FROM accounts x CROSS JOIN memberships m LEFT JOIN grants g ON g.membership_key = m.key
		JOIN users u ON u.key = m.user_key AND u.deleted_at IS NULL AND NOT u.locked
		WHERE (x.key = $1 OR x.key IN (`+in+`) OR x.parent_key IS NOT NULL AND x.path >= $`+strconv.Itoa(len(keys)+3)+` AND x.path < $`+strconv.Itoa(len(keys)+4)+`) AND `+grants(2),
		append(slices.Clone(args), inside, until(inside))...)
	type way struct {
		pair
		inside string
	}
	ways, err := collect(rows, err, func(r rowScanner) (w way, err error) { err = r.Scan(&w.user, &w.inside, &w.factors); return })
	if err != nil || len(ways) == 0 {
		return policyUsers(users), err
	}
	rows, err = q.rows(ctx, selectReachNodes, p.Account.Key, inside, until(inside))
	nodes, err := collect(rows, err, func(r rowScanner) (n reachNode, err error) { err = r.Scan(&n.key, &n.inside); return })
	if err != nil {
		return nil, err
	}
	slices.SortFunc(nodes, func(a, b reachNode) int { return strings.Compare(a.inside, b.inside) })
	known := map[string][]backoffice.PolicyShift{}
	for _, w := range ways {
		shifts, ok := known[w.inside]
		if !ok {
			end := until(w.inside)
			for i := sort.Search(len(nodes), func(i int) bool { return nodes[i].inside > w.inside }); i < len(nodes) && nodes[i].inside < end; i++ {
				if here, ok := shift(nodes[i].key); ok && !slices.Contains(shifts, here) {
					shifts = append(shifts, here)
				}
			}
			known[w.inside] = shifts
		}
		if len(shifts) > 0 {
			u := of(w.pair)
			u.Reached = append(u.Reached, shifts...)
		}
	}
	return policyUsers(users), nil
}

func policyUsers(users map[int64]*backoffice.PolicyUser) (list []backoffice.PolicyUser) {
	for _, u := range users {
		list = append(list, *u)
	}
	return list
}
