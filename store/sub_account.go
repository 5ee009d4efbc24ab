package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"steward/backoffice"
)

// place is an account with where it lies.
type place struct {
	backoffice.Account
	path string // of those above it
}

// inside is what the paths of all below the account begin with.
func (p place) inside() string { return p.path + strconv.FormatInt(p.Key, 10) + "/" }

// holds reports whether another account is this one or lies below it.
func (p place) holds(other place) bool {
	return p.Key == other.Key || strings.HasPrefix(other.path, p.inside())
}

// depth is how many accounts lie above.
func (p place) depth() int { return strings.Count(p.path, "/") }

// until is the text behind all paths that begin with prefix, which ends with a
// slash.
func until(prefix string) string { return prefix[:len(prefix)-1] + "0" }

func (t *tx) place(id string) (p place, err error) {
	if p.Account, err = t.account(id); err != nil {
		return p, err
	}
	p.path, err = pathOf(t.ctx, t, p.Key)
	return p, err
}

func pathOf(ctx context.Context, r reader, key int64) (path string, err error) {
	err = r.row(ctx, `SELECT path FROM accounts WHERE key = $1`, key).Scan(&path)
	return path, err
}

// inBranch finds an account that the actor may act on as part of a tree: staff
// by their permission, a user when it is the account that they are in or lies
// below it, and they hold the permission there, where sub-accounts are managed.
// All is read anew within this unit of work. Errors: ErrNotFound for what they
// may not see, ErrForbidden.
func (t *tx) inBranch(id string, permission backoffice.Permission) (place, error) {
	if t.actor.Kind != backoffice.ActorUser {
		if !t.actor.May(backoffice.WriteAccounts) && !t.actor.HasScope(string(backoffice.ScopeAccounts)) {
			return place{}, backoffice.ErrForbidden
		}
		return t.place(id)
	}
	home, err := t.home()
	if err != nil {
		return home, err
	}
	p, err := t.place(id)
	if err == nil && !home.holds(p) {
		err = backoffice.ErrNotFound
	}
	if err == nil && !t.actor.MayHere(permission) {
		err = backoffice.ErrForbidden
	}
	return p, err
}

// home is the account that a user is in, who may see the tree below it. Errors:
// ErrNotFound.
func (t *tx) home() (home place, err error) {
	if t.seat.Key == 0 {
		t.seat = t.actor.Account
	}
	standing, err := standingIn(t.ctx, t, t.now, t.actor.Key, t.seat.Key)
	if err != nil {
		return home, err
	}
	t.actor.Account, t.actor.Roles = standing.Account, standing.Roles
	if home, err = t.place(standing.Account.ID); err != nil {
		return home, err
	}
	if !standing.Enters() || !home.IsReseller || !t.actor.MayHere(backoffice.ReadSubAccounts) {
		return home, backoffice.ErrNotFound
	}
	return home, nil
}

// belowHome is inBranch for what nobody does to the account that they are in.
func (t *tx) belowHome(id string, permission backoffice.Permission) (place, error) {
	p, err := t.inBranch(id, permission)
	if err == nil && t.actor.Kind == backoffice.ActorUser && p.Key == t.seat.Key {
		err = backoffice.ErrForbidden
	}
	return p, err
}

// SubAccountOf returns an account that lies below home, or home itself, with the
// accounts from home down to it, both included. Errors: ErrNotFound, also for
// what lies elsewhere.
func (s *Store) SubAccountOf(ctx context.Context, home backoffice.AccountRef, id string) (a backoffice.Account, path []backoffice.AccountRef, err error) {
	if a, err = s.Account(ctx, id); err != nil {
		return a, nil, err
	}
	above, err := s.Ancestors(ctx, a.Key)
	if err != nil {
		return a, nil, err
	}
	path = append(above, backoffice.AccountRef{Key: a.Key, ID: a.ID, Name: a.Name})
	for i, p := range path {
		if p.Key == home.Key {
			return a, path[i:], nil
		}
	}
	return backoffice.Account{}, nil, backoffice.ErrNotFound
}

// Branch returns an account and all that lie below it, as one tree; nothing of
// the bin. Policies are left out: see BranchStrength. Errors: ErrNotFound.
func (s *Store) Branch(ctx context.Context, root int64) (*backoffice.Branch, error) {
	path, err := pathOf(ctx, s.query(), root)
	if err != nil {
		return nil, err
	}
	inside := path + strconv.FormatInt(root, 10) + "/"
	p, err := s.query().packed(ctx, s.branchText(), root, inside, until(inside), s.activeSince())
	if err != nil {
		return nil, err
	}
	var nodes []backoffice.TreeNode
	for p.more() {
		n := backoffice.TreeNode{Key: p.int(), ParentKey: p.int(), ID: p.text(), Name: p.text(), IsReseller: p.flag(),
			CreatedAt: time.UnixMicro(p.int()).UTC()}
		n.LastVisit = backoffice.FromMicros(p.int())
		n.Users, n.Active = p.int(), p.int()
		nodes = append(nodes, n)
	}
	if p.err != nil {
		return nil, p.err
	}
	b := backoffice.NewBranch(root, nodes)
	if len(b.Nodes) == 0 {
		return nil, backoffice.ErrNotFound
	}
	return b, nil
}

// branchText reads account $1 and what lies below it, whose paths are from $2 up
// to $3; who was seen from $4 on is active.
func (s *Store) branchText() string {
	const key = "branch"
	if text, ok := s.lists.Load(key); ok {
		return text.(string)
	}
	text := s.dialect.packedSelect(`FROM (SELECT key FROM accounts WHERE key = $1 AND deleted_at IS NULL UNION ALL
			SELECT key FROM accounts WHERE parent_key IS NOT NULL AND path >= $2 AND path < $3 AND deleted_at IS NULL) b
		CROSS JOIN accounts a CROSS JOIN engagement e WHERE a.key = b.key AND e.account_key = b.key`,
		"a.key", "COALESCE(a.parent_key, 0)", "a.id", "a.name", truth("a.is_reseller"), "a.created_at", "e.last_visit_at", "e.users",
		`CASE WHEN e.last_visit_at < $4 THEN 0 ELSE (SELECT COUNT(*) FROM memberships m WHERE m.account_key = a.key AND m.last_visit_at >= $4) END`)
	s.lists.Store(key, text)
	return text
}

// BranchStrength sets how strict the policy in force is for each account of a
// branch, see backoffice.Policy.Strength.
func (s *Store) BranchStrength(ctx context.Context, b *backoffice.Branch) error {
	root := b.Nodes[0]
	state, err := policyOf(ctx, s.query(), root.ID)
	if err != nil {
		return err
	}
	path, err := pathOf(ctx, s.query(), root.Key)
	if err != nil {
		return err
	}
	inside := path + strconv.FormatInt(root.Key, 10) + "/"
	rows, err := s.query().rows(ctx, `SELECT p.account_key, p.version, `+policyColumns.names("p.")+` FROM accounts a CROSS JOIN policies p
		WHERE a.parent_key IS NOT NULL AND a.has_policy AND a.path >= $1 AND a.path < $2 AND a.deleted_at IS NULL AND p.account_key = a.key`, inside, until(inside))
	laid := map[int64]backoffice.PolicyRules{}
	if err := eachRow(rows, err, func(r rowScanner) error {
		var l laidDown
		err := r.Scan(append([]any{&l.key, &l.version}, policyColumns.scan(&l.rules)...)...)
		laid[l.key] = l.rules
		return err
	}); err != nil {
		return err
	}
	// Parents come before their children: an account without rules of its own has
	// exactly its parent's.
	above := make([][]backoffice.NamedRules, len(b.Nodes))
	above[0] = append(append([]backoffice.NamedRules{}, state.above...), backoffice.NamedRules{Rules: state.Own})
	b.Nodes[0].Strength = state.InForce.Policy.Strength()
	for i := 1; i < len(b.Nodes); i++ {
		n := &b.Nodes[i]
		above[i], n.Strength = above[b.Parent(i)], b.Nodes[b.Parent(i)].Strength
		if rules, ok := laid[n.Key]; ok {
			n.Strength = backoffice.Resolve(state.environment, above[i], backoffice.NamedRules{Rules: rules}).Policy.Strength()
			above[i] = append(above[i][:len(above[i]):len(above[i])], backoffice.NamedRules{Rules: rules})
		}
	}
	return nil
}

// BranchVisits are the visits of an account and of all below it on each of the
// last RecentDays days, the oldest first.
func (s *Store) BranchVisits(ctx context.Context, root int64) (out [backoffice.RecentDays]int64, err error) {
	path, err := pathOf(ctx, s.query(), root)
	if err != nil {
		return out, err
	}
	inside := path + strconv.FormatInt(root, 10) + "/"
	today := backoffice.DayOf(s.Now())
	rows, err := s.query().rows(ctx, `SELECT e.recent_day, e.recent FROM (SELECT key FROM accounts WHERE key = $1 AND deleted_at IS NULL UNION ALL
			SELECT key FROM accounts WHERE parent_key IS NOT NULL AND path >= $2 AND path < $3 AND deleted_at IS NULL) b
		CROSS JOIN engagement e WHERE e.account_key = b.key AND e.recent_day > $4`, root, inside, until(inside), int64(today-backoffice.RecentDays))
	err = eachRow(rows, err, func(r rowScanner) error {
		var day int64
		var packed []byte
		if err := r.Scan(&day, &packed); err != nil {
			return err
		}
		for i, n := range unpackRecent(packed, backoffice.Day(day), today) {
			out[i] += int64(n)
		}
		return nil
	})
	return out, err
}

// BranchSize is how many accounts lie below one, at any depth.
func (s *Store) BranchSize(ctx context.Context, root int64) (n int64, err error) {
	path, err := pathOf(ctx, s.query(), root)
	if err != nil {
		return 0, err
	}
	inside := path + strconv.FormatInt(root, 10) + "/"
	err = s.query().row(ctx, `SELECT COUNT(*) FROM accounts WHERE parent_key IS NOT NULL AND path >= $1 AND path < $2 AND deleted_at IS NULL`, inside, until(inside)).Scan(&n)
	return n, err
}

// tooDeep is why an account cannot be put where it would lie.
var tooDeep = "Accounts lie at most " + strconv.Itoa(backoffice.MaxDepth) + " levels below the top one. Choose a parent that is higher up."

// CreateSubAccount makes an account below another one: what staff do, and users
// in their own branch. Errors: ErrNotFound, ErrForbidden, Problems (name, parent).
func (s *Store) CreateSubAccount(ctx context.Context, actor backoffice.Actor, parentID, name string) (a backoffice.Account, err error) {
	clean, nameErr := backoffice.CleanName(name, backoffice.MaxName)
	err = s.update(ctx, actor, func(t *tx) error {
		parent, err := t.inBranch(parentID, backoffice.WriteSubAccounts)
		if err != nil {
			return err
		}
		var problems backoffice.Problems
		switch {
		case nameErr != nil:
			problems.Add("name", nameErr.Error())
		case clean == "":
			problems.Add("name", "Give the account a name.")
		}
		if parent.depth() >= backoffice.MaxDepth {
			problems.Add("parent", tooDeep)
		}
		if err := problems.Err(); err != nil {
			return err
		}
		a = backoffice.Account{ID: newAccountID(), Name: clean, CreatedAt: t.now.Truncate(time.Microsecond), Metadata: "{}", Version: 1, MetadataVersion: 1,
			ParentKey: parent.Key, ParentID: parent.ID, ParentName: parent.Name}
		if err := t.insertAccount(&a); err != nil {
			return err
		}
		return t.record(event{action: "account.created", kind: "account", id: a.ID, name: a.Name, accountKey: a.Key, after: accountPayload(a)})
	})
	return a, err
}

// RenameSubAccount gives an account below the actor's own another name. Errors:
// ErrNotFound, ErrForbidden, Problems (name).
func (s *Store) RenameSubAccount(ctx context.Context, actor backoffice.Actor, id, name string) error {
	clean, nameErr := backoffice.CleanName(name, backoffice.MaxName)
	return s.update(ctx, actor, func(t *tx) error {
		p, err := t.belowHome(id, backoffice.WriteSubAccounts)
		if err != nil {
			return err
		}
		switch {
		case nameErr != nil:
			return backoffice.Problems{"name": nameErr.Error()}
		case clean == "":
			return backoffice.Problems{"name": "Give the account a name."}
		case clean == p.Name:
			return nil
		}
		after := p.Account
		after.Name = clean
		after.Version++
		if err := t.saveAccount(p.Account, after); err != nil {
			return err
		}
		return t.record(event{action: "account.changed", kind: "account", id: p.ID, name: clean, accountKey: p.Key,
			before: map[string]any{"name": p.Name}, after: map[string]any{"name": clean}})
	})
}

// MoveAccount puts an account, with all below it, under another one; with an
// empty parent to the top, which only staff may. Sessions of who loses access by
// it end. Errors: ErrNotFound, ErrForbidden, Problems (parent).
func (s *Store) MoveAccount(ctx context.Context, actor backoffice.Actor, id, parentID string) error {
	return s.update(ctx, actor, func(t *tx) error { return t.moveAccount(id, parentID) })
}

func (t *tx) moveAccount(id, parentID string) error {
	p, err := t.belowHome(id, backoffice.WriteSubAccounts)
	if err != nil {
		return err
	}
	after := p.Account
	after.ParentKey, after.ParentID, after.ParentName = 0, "", ""
	if parentID == "" {
		if t.actor.Kind == backoffice.ActorUser {
			return backoffice.Problems{"parent": "Choose the account that it shall lie under."}
		}
	} else {
		parent, err := t.inBranch(parentID, backoffice.WriteSubAccounts)
		if errors.Is(err, backoffice.ErrNotFound) && t.actor.Kind != backoffice.ActorUser {
			return backoffice.Problems{"parent": "No account has this ID."}
		}
		if err != nil {
			return err
		}
		if p.holds(parent) {
			return backoffice.Problems{"parent": "An account cannot lie under itself, or under one of its own sub-accounts."}
		}
		var deepest int64
		if err := t.get(`SELECT COALESCE(MAX(LENGTH(path) - LENGTH(REPLACE(path, '/', ''))), 0) FROM accounts
			WHERE parent_key IS NOT NULL AND path >= $1 AND path < $2`, p.inside(), until(p.inside())).Scan(&deepest); err != nil {
			return err
		}
		height := 0
		if deepest > 0 {
			height = int(deepest) - p.depth()
		}
		if parent.depth()+1+height > backoffice.MaxDepth {
			return backoffice.Problems{"parent": tooDeep}
		}
		after.ParentKey, after.ParentID, after.ParentName = parent.Key, parent.ID, parent.Name
	}
	if after.ParentKey == p.ParentKey {
		return nil
	}
	if err := t.saveAccount(p.Account, after); err != nil {
		return err
	}
	if err := t.endUnreachable(p.Key); err != nil {
		return err
	}
	return t.record(event{action: "account.moved", kind: "account", id: p.ID, name: p.Name, accountKey: p.Key,
		before: map[string]any{"parent_id": p.ParentID, "parent": p.ParentName}, after: map[string]any{"parent_id": after.ParentID, "parent": after.ParentName}})
}

// RemoveSubAccount moves an account below the actor's own to the bin. It returns
// the deletion's ID, by which it is undone. Errors: ErrNotFound, ErrForbidden,
// *HasSubAccounts.
func (s *Store) RemoveSubAccount(ctx context.Context, actor backoffice.Actor, id string) (deletion string, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		deletion, err = t.removeSubAccount(id)
		return err
	})
	return deletion, err
}

func (t *tx) removeSubAccount(id string) (deletion string, err error) {
	p, err := t.belowHome(id, backoffice.DeleteSubAccounts)
	if err != nil {
		return "", err
	}
	deletion = newID()
	return deletion, t.binAccount(p.Account, deletion)
}

// RestoreSubAccount takes a removal back. Errors: ErrNotFound, also for what was
// not removed from the actor's own branch; ErrForbidden, Problems.
func (s *Store) RestoreSubAccount(ctx context.Context, actor backoffice.Actor, deletion string) (ref backoffice.AccountRef, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		home, err := t.home()
		if err != nil {
			return err
		}
		var id, path string
		if err := t.get(`SELECT id, path FROM accounts WHERE deletion_id = $1 AND deleted_at IS NOT NULL`, deletion).Scan(&id, &path); err != nil {
			return err
		}
		if !strings.HasPrefix(path, home.inside()) {
			return backoffice.ErrNotFound
		}
		if !t.actor.MayHere(backoffice.DeleteSubAccounts) {
			return backoffice.ErrForbidden
		}
		ref, err = t.restoreAccount(id)
		return err
	})
	return ref, err
}

// SetAccessDefault lays down whether memberships of an account come with access
// to its sub-accounts. Errors: ErrNotFound, ErrForbidden, Problems (access).
func (s *Store) SetAccessDefault(ctx context.Context, actor backoffice.Actor, id string, d backoffice.AccessDefault) error {
	return s.update(ctx, actor, func(t *tx) error { return t.setAccessDefault(id, d) })
}

func (t *tx) setAccessDefault(id string, d backoffice.AccessDefault) error {
	if !d.Valid() {
		return backoffice.Problems{"access": "Choose one of the three."}
	}
	p, err := t.inBranch(id, backoffice.WriteSubAccountAccess)
	if err != nil || p.SubAccess == d {
		return err
	}
	if err := t.mayManage(p.Key, backoffice.WriteAccounts, backoffice.WriteSubAccountAccess); t.actor.Kind == backoffice.ActorUser && err != nil {
		return err // what holds here may not hold there
	}
	if t.actor.Kind == backoffice.ActorUser && d == backoffice.AccessAlways {
		// All members get what they hold in the account everywhere below it: nobody
		// gives by a switch what they may not give singly.
		if err := t.mayGiveAll(p); err != nil {
			return err
		}
	}
	after := p.Account
	after.SubAccess = d
	if err := t.saveAccount(p.Account, after); err != nil {
		return err
	}
	if err := t.endUnreachable(p.Key); err != nil {
		return err
	}
	return t.record(event{action: "account.access-default-changed", kind: "account", id: p.ID, name: p.Name, accountKey: p.Key,
		before: map[string]any{"sub_access": p.SubAccess.Label()}, after: map[string]any{"sub_access": d.Label()}})
}

// mayGiveAll refuses a user who may not give all roles that are held in an
// account. Errors: Problems (access), ErrNotFound.
func (t *tx) mayGiveAll(p place) error {
	standing, err := standingIn(t.ctx, t, t.now, t.actor.Key, p.Key)
	if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
		return err
	}
	rows, err := t.rows(t.ctx, `SELECT DISTINCT o.id, o.name, o.level, o.permissions FROM memberships m JOIN membership_roles mr ON mr.membership_key = m.key
		JOIN roles o ON o.key = mr.role_key WHERE m.account_key = $1 AND o.deleted_at IS NULL`, p.Key)
	held, err := collect(rows, err, func(r rowScanner) (role backoffice.Role, err error) {
		var text string
		if err := r.Scan(&role.ID, &role.Name, &role.Level, &text); err != nil {
			return role, err
		}
		role.Permissions, err = permissionsOf(text)
		return role, err
	})
	if err != nil {
		return err
	}
	if err := backoffice.MayGrant(standing.Roles, held); err != nil {
		return backoffice.Problems{"access": err.Error() + " Somebody here holds it."}
	}
	return nil
}

// endUnreachable ends the sessions in an account's branch of users who do not
// come in any more.
func (t *tx) endUnreachable(root int64) error {
	path, err := pathOf(t.ctx, t, root)
	if err != nil {
		return err
	}
	inside := path + strconv.FormatInt(root, 10) + "/"
	const below = ` JOIN accounts a ON a.key = s.account_key WHERE (a.key = $1 OR a.parent_key IS NOT NULL AND a.path >= $2 AND a.path < $3) `
	rows, err := t.rows(t.ctx, `SELECT s.user_key, s.account_key FROM user_sessions s`+below+`
		UNION SELECT s.user_key, s.account_key FROM openid_families s`+below+`AND s.ended_at IS NULL`, root, inside, until(inside))
	list, err := collect(rows, err, func(r rowScanner) (v accountUser, err error) { err = r.Scan(&v.user, &v.account); return })
	if err != nil {
		return err
	}
	for _, v := range list {
		standing, err := standingIn(t.ctx, t, t.now, v.user, v.account)
		if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
		if err == nil && standing.Enters() {
			continue
		}
		if err := t.endThere(v.user, v.account); err != nil {
			return err
		}
	}
	return t.restApplicationsBelow(inside, root)
}
