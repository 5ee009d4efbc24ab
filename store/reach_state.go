package store

import (
	"context"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// holding is which roles somebody holds in an account: a number of heldSets. 0 is
// no access.
type holding int32

// heldSets gives sets of roles numbers, by which they are compared.
type heldSets struct {
	byText map[string]holding
	sets   [][]int64 // sorted, by holding-1
	unions map[[2]holding]holding
}

func setText(keys []int64) string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(strconv.FormatInt(k, 10))
		b.WriteByte(' ')
	}
	return b.String()
}

// of numbers the roles whose keys a text names, parted by spaces, in any order.
func (r *heldSets) of(text string) (holding, error) {
	if h, ok := r.byText[text]; ok {
		return h, nil
	}
	var keys []int64
	for part := range strings.FieldsSeq(text) {
		key, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return 0, err
		}
		keys = append(keys, key)
	}
	h := r.set(keys)
	r.byText[text] = h
	return h, nil
}

func (r *heldSets) set(keys []int64) holding {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	text := "=" + setText(keys)
	h, ok := r.byText[text]
	if !ok {
		r.sets = append(r.sets, keys)
		h = holding(len(r.sets))
		r.byText[text] = h
	}
	return h
}

// join is what two ways into one account add up to.
func (r *heldSets) join(a, b holding) holding {
	switch {
	case a == 0 || a == b:
		return b
	case b == 0:
		return a
	}
	both := [2]holding{min(a, b), max(a, b)}
	h, ok := r.unions[both]
	if !ok {
		h = r.set(append(slices.Clone(r.sets[a-1]), r.sets[b-1]...))
		r.unions[both] = h
	}
	return h
}

// keys are the roles of a set.
func (r *heldSets) keys(h holding) []int64 {
	if h == 0 {
		return nil
	}
	return r.sets[h-1]
}

// reachView sees who comes into which accounts, with which roles, at one instant.
// States that it has seen can be compared: they number accounts and roles alike.
type reachView struct {
	ctx   context.Context
	r     reader
	now   time.Time
	slots map[int64]int32 // of accounts, by key
	at    []int64         // keys of accounts, by slot
	roles heldSets
}

func newReachView(ctx context.Context, r reader, now time.Time) *reachView {
	return &reachView{ctx: ctx, r: r, now: now, slots: map[int64]int32{}, roles: heldSets{byText: map[string]holding{}, unions: map[[2]holding]holding{}}}
}

func (v *reachView) slot(account int64) int32 {
	n, ok := v.slots[account]
	if !ok {
		n = int32(len(v.at))
		v.slots[account], v.at = n, append(v.at, account)
	}
	return n
}

// userReach is what one user holds in the accounts that were looked at.
type userReach struct {
	all []holding         // by slot, of who comes in by grants
	few map[int32]holding // of anybody else
}

func (u *userReach) in(slot int32) holding {
	switch {
	case u == nil:
		return 0
	case u.all != nil && int(slot) < len(u.all):
		return u.all[slot]
	}
	return u.few[slot]
}

// each calls fn with every account that the user comes into.
func (u *userReach) each(fn func(slot int32, h holding)) {
	if u == nil {
		return
	}
	for slot, h := range u.all {
		if h != 0 {
			fn(int32(slot), h)
		}
	}
	for slot, h := range u.few {
		fn(slot, h)
	}
}

// reachNode is an account that is looked at, with what the paths of all below it
// begin with.
type reachNode struct {
	key    int64
	inside string
	slot   int32
}

// reachState is who comes into accounts.
type reachState struct {
	nodes []reachNode // in order of their paths
	users map[int64]*userReach
	ways  []reachWay // of who alone is looked at
}

// reachWay is where a way into accounts begins: a membership, or access that one
// was given.
type reachWay struct {
	membership, account int64
	inside              string // of a grant, what it leads into; "" of a membership
}

// reachScope says what of the accounts is looked at.
type reachScope struct {
	roots []int64 // with all that lies below each; none lies below another one
	user  int64   // this one alone; 0: everybody
	// What counts as if it were not there: a membership, and the access of one.
	withoutMember, withoutGrant int64
}

const selectReachNodes = `SELECT key, path || key || '/' FROM accounts WHERE deleted_at IS NULL AND (key = $1 OR parent_key IS NOT NULL AND path >= $2 AND path < $3)`

const heldRoleKeys = `COALESCE((SELECT string_agg(CAST(mr.role_key AS TEXT), ' ') FROM membership_roles mr WHERE mr.membership_key = m.key), '')`

// see finds who comes into the accounts of a scope.
func (v *reachView) see(sc reachScope) (state reachState, err error) {
	type place struct{ path, inside string }
	places := make([]place, len(sc.roots))
	for i, root := range sc.roots {
		if places[i].path, err = pathOf(v.ctx, v.r, root); err != nil {
			return state, err
		}
		places[i].inside = places[i].path + strconv.FormatInt(root, 10) + "/"
		rows, err := v.r.rows(v.ctx, selectReachNodes, root, places[i].inside, until(places[i].inside))
		nodes, err := collect(rows, err, func(r rowScanner) (n reachNode, err error) { err = r.Scan(&n.key, &n.inside); return })
		if err != nil {
			return state, err
		}
		for _, n := range nodes {
			n.slot = v.slot(n.key)
			state.nodes = append(state.nodes, n)
		}
	}
	slices.SortFunc(state.nodes, func(a, b reachNode) int { return strings.Compare(a.inside, b.inside) })
	state.users = map[int64]*userReach{}
	counted := map[int64]bool{}
	for i, root := range sc.roots {
		if err := v.seeGrants(sc, root, places[i].inside, &state, counted); err != nil {
			return state, err
		}
	}
	for i, root := range sc.roots {
		if err := v.seeMembers(sc, root, places[i].inside, &state); err != nil {
			return state, err
		}
	}
	return state, nil
}

// seeGrants marks what grants above a root, in it and below it lead into; those
// that were counted already are left out.
func (v *reachView) seeGrants(sc reachScope, root int64, inside string, state *reachState, counted map[int64]bool) error {
	above, err := aboveKeys(v.ctx, v.r, root)
	if err != nil {
		return err
	}
	in, args := keyList(append(above, root), 7)
	rows, err := v.r.rows(v.ctx, `SELECT m.key, m.user_key, x.key, x.path || x.key || '/', `+heldRoleKeys+` FROM accounts x CROSS JOIN memberships m LEFT JOIN grants g ON g.membership_key = m.key
		JOIN users u ON u.key = m.user_key AND u.deleted_at IS NULL AND NOT u.locked
		WHERE (x.key IN (`+in+`) OR x.parent_key IS NOT NULL AND x.path >= $2 AND x.path < $3) AND (CAST($4 AS BIGINT) = 0 OR m.user_key = $4)
		AND m.key <> $5 AND m.key <> $6 AND `+grants(1),
		append([]any{v.now.UnixMicro(), inside, until(inside), sc.user, sc.withoutMember, sc.withoutGrant}, args...)...)
	type granting struct {
		key, user, account int64
		inside, roles      string
	}
	list, err := collect(rows, err, func(r rowScanner) (g granting, err error) {
		err = r.Scan(&g.key, &g.user, &g.account, &g.inside, &g.roles)
		return
	})
	if err != nil {
		return err
	}
	for _, g := range list {
		if counted[g.key] {
			continue
		}
		counted[g.key] = true
		h, err := v.roles.of(g.roles)
		if err != nil {
			return err
		}
		if sc.user != 0 {
			state.ways = append(state.ways, reachWay{g.key, g.account, g.inside})
		}
		u := state.users[g.user]
		if u == nil {
			u = &userReach{all: make([]holding, len(v.at))}
			state.users[g.user] = u
		}
		end := until(g.inside)
		for i := sort.Search(len(state.nodes), func(i int) bool { return state.nodes[i].inside >= g.inside }); i < len(state.nodes) && state.nodes[i].inside < end; i++ {
			if n := state.nodes[i]; n.inside != g.inside { // what lies below, not the account itself
				u.all[n.slot] = v.roles.join(u.all[n.slot], h)
			}
		}
	}
	return nil
}

// seeMembers marks what memberships in a root and below it lead into.
func (v *reachView) seeMembers(sc reachScope, root int64, inside string, state *reachState) error {
	rows, err := v.r.rows(v.ctx, `SELECT m.key, m.user_key, m.account_key, `+heldRoleKeys+` FROM accounts a CROSS JOIN memberships m
		JOIN users u ON u.key = m.user_key AND u.deleted_at IS NULL AND NOT u.locked
		WHERE (a.key = $1 OR a.parent_key IS NOT NULL AND a.path >= $2 AND a.path < $3) AND a.deleted_at IS NULL AND m.account_key = a.key
		AND NOT m.disabled AND m.status NOT IN ('inactive', 'invited') AND (CAST($4 AS BIGINT) = 0 OR m.user_key = $4) AND m.key <> $5`, root, inside, until(inside), sc.user, sc.withoutMember)
	type member struct {
		accountUser
		key   int64
		roles string
	}
	list, err := collect(rows, err, func(r rowScanner) (m member, err error) { err = r.Scan(&m.key, &m.user, &m.account, &m.roles); return })
	if err != nil {
		return err
	}
	for _, m := range list {
		h, err := v.roles.of(m.roles)
		if err != nil {
			return err
		}
		if sc.user != 0 {
			state.ways = append(state.ways, reachWay{membership: m.key, account: m.account})
		}
		u, slot := state.users[m.user], v.slot(m.account)
		switch {
		case u == nil:
			state.users[m.user] = &userReach{few: map[int32]holding{slot: h}}
		case u.all != nil:
			u.all[slot] = v.roles.join(u.all[slot], h)
		default:
			u.few[slot] = v.roles.join(u.few[slot], h)
		}
	}
	return nil
}
