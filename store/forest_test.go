package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// forest is a model of accounts, memberships and grants, as plain as it can be,
// that the store is held to.
type forest struct {
	t        *testing.T
	s        *store.Store
	clock    *storetest.Clock
	random   *rand.Rand
	accounts []*modelAccount
	users    []backoffice.User
	step     int
}

type modelAccount struct {
	backoffice.Account
	parent   *modelAccount
	deletion string // in the bin by it
	reseller bool
	access   backoffice.AccessDefault
	members  map[int]*modelMember // by place in users
}

type modelMember struct {
	active, disabled, granted bool
	ends                      time.Time
}

func (m *modelMember) enters() bool { return m != nil && !m.disabled }

func (f *forest) now() time.Time { return f.clock.Now() }

// leads reports whether a membership in a leads into what lies below.
func (f *forest) leads(a *modelAccount, m *modelMember) bool {
	return m != nil && m.active && !m.disabled && a.reseller && a.deletion == "" &&
		(a.access == backoffice.AccessAlways || m.granted && (m.ends.IsZero() || m.ends.After(f.now())))
}

func (f *forest) granted(user int, a *modelAccount) bool {
	for up := a.parent; up != nil; up = up.parent {
		if f.leads(up, up.members[user]) {
			return true
		}
	}
	return false
}

func (f *forest) enters(user int, a *modelAccount) bool {
	return a.deletion == "" && (a.members[user].enters() || f.granted(user, a))
}

func (a *modelAccount) below(other *modelAccount) bool {
	for up := a.parent; up != nil; up = up.parent {
		if up == other {
			return true
		}
	}
	return false
}

func (a *modelAccount) depth() (n int) {
	for up := a.parent; up != nil; up = up.parent {
		n++
	}
	return n
}

func (f *forest) height(a *modelAccount) (n int) {
	for _, b := range f.accounts {
		if b.below(a) {
			n = max(n, b.depth()-a.depth())
		}
	}
	return n
}

func (f *forest) childless(a *modelAccount) bool {
	for _, b := range f.accounts {
		if b.parent == a && b.deletion == "" {
			return false
		}
	}
	return true
}

func (f *forest) pick(binned bool) *modelAccount {
	for range 50 {
		if a := f.accounts[f.random.IntN(len(f.accounts))]; (a.deletion != "") == binned {
			return a
		}
	}
	return nil
}

func (f *forest) fatal(format string, args ...any) {
	f.t.Helper()
	f.t.Fatalf("step %d: "+format, append([]any{f.step}, args...)...)
}

// outcome compares an act's error with what the model says: "" for none, else
// what sort it is.
func (f *forest) outcome(what string, err error, want string) bool {
	f.t.Helper()
	var problems backoffice.Problems
	var children *store.HasSubAccounts
	var refusal backoffice.Refusal
	have := ""
	switch {
	case err == nil:
	case errors.As(err, &problems):
		have = "problems"
	case errors.As(err, &children):
		have = "children"
	case errors.As(err, &refusal):
		have = "refused"
	case errors.Is(err, backoffice.ErrNotFound):
		have = "not found"
	default:
		f.fatal("%s: %v", what, err)
	}
	if have != want {
		f.fatal("%s: %q (%v), and the model says %q", what, have, err, want)
	}
	return err == nil
}

const mostForest = 40

func (f *forest) act() {
	cmd := backoffice.CommandLine()
	a := f.pick(false)
	user := f.random.IntN(len(f.users))
	u := f.users[user]
	m := a.members[user]
	switch f.random.IntN(14) {
	case 0, 1: // a new one below, or at the top
		if len(f.accounts) >= mostForest {
			return
		}
		want := ""
		if a.depth() >= backoffice.MaxDepth {
			want = "problems"
		}
		made, err := f.s.CreateSubAccount(ctx, cmd, a.ID, fmt.Sprint("Account ", f.step))
		if f.outcome("create", err, want) {
			f.accounts = append(f.accounts, &modelAccount{Account: made, parent: a, members: map[int]*modelMember{}})
		}
	case 2, 3, 4:
		to := f.pick(false)
		want := ""
		if to == a || to.below(a) || to.depth()+1+f.height(a) > backoffice.MaxDepth && to != a.parent {
			want = "problems"
		}
		if f.outcome("move", f.s.MoveAccount(ctx, cmd, a.ID, to.ID), want) {
			a.parent = to
		}
	case 5:
		if f.random.IntN(3) == 0 && f.outcome("move to the top", f.s.MoveAccount(ctx, cmd, a.ID, ""), "") {
			a.parent = nil
		}
	case 6:
		alive := 0
		for _, b := range f.accounts {
			if b.deletion == "" {
				alive++
			}
		}
		if alive < 4 {
			return
		}
		want := ""
		if !f.childless(a) {
			want = "children"
		}
		deletion, err := f.s.RemoveSubAccount(ctx, cmd, a.ID)
		if f.outcome("remove", err, want) {
			a.deletion = deletion
		}
	case 7:
		if b := f.pick(true); b != nil {
			want := ""
			if b.parent != nil && b.parent.deletion != "" {
				want = "problems"
			}
			_, err := f.s.Restore(ctx, cmd, b.deletion)
			if f.outcome("restore", err, want) {
				b.deletion = ""
			}
		}
	case 8:
		on := f.random.IntN(3) > 0
		if f.outcome("ability", f.s.SetReseller(ctx, cmd, a.ID, on), "") {
			a.reseller = on
		}
	case 9:
		d := []backoffice.AccessDefault{backoffice.AccessOff, backoffice.AccessOff, backoffice.AccessOn, backoffice.AccessAlways}[f.random.IntN(4)]
		if f.outcome("default", f.s.SetAccessDefault(ctx, cmd, a.ID, d), "") {
			a.access = d
		}
	case 10:
		if m == nil {
			_, err := f.s.AddUser(ctx, cmd, a.ID, backoffice.NewMember{Email: u.Email, Roles: []string{backoffice.RoleReadOnly}})
			if f.outcome("add", err, "") {
				a.members[user] = &modelMember{granted: a.access == backoffice.AccessOn}
			}
			return
		}
		if f.random.IntN(2) == 0 {
			_, err := f.s.RemoveMember(ctx, cmd, a.ID, u.ID)
			if f.outcome("remove a member", err, "") {
				delete(a.members, user)
			}
			return
		}
		off := !m.disabled
		if f.outcome("disable", f.s.SetMemberDisabled(ctx, cmd, a.ID, u.ID, off), "") {
			m.disabled = off
		}
	case 11: // somebody is seen, which accepts a membership
		_, err := f.s.RecordVisits(ctx, cmd, []backoffice.Visit{{AccountID: a.ID, Email: u.Email, At: f.now()}})
		var refused store.VisitProblems
		if errors.As(err, &refused) == f.enters(user, a) || err != nil && refused == nil {
			f.fatal("a visit: %v, and the model says %v", err, f.enters(user, a))
		}
		if err == nil && m.enters() {
			m.active = true
		}
	case 12:
		if m == nil {
			f.outcome("give", f.s.GiveAccess(ctx, cmd, a.ID, u.ID, backoffice.NewGrant{}), "not found")
			return
		}
		g := backoffice.NewGrant{}
		if f.random.IntN(2) == 0 {
			g.EndsAt = f.now().Add(time.Duration(1+f.random.IntN(60)) * time.Minute)
		}
		if f.outcome("give", f.s.GiveAccess(ctx, cmd, a.ID, u.ID, g), "") {
			m.granted, m.ends = true, g.EndsAt
		}
	case 13:
		if f.random.IntN(2) == 0 {
			f.clock.Add(time.Duration(f.random.IntN(30)) * time.Minute)
			return
		}
		want := ""
		switch {
		case m == nil:
			want = "not found"
		case a.access == backoffice.AccessAlways:
			want = "refused"
		}
		if f.outcome("revoke", f.s.RevokeAccess(ctx, cmd, a.ID, u.ID), want) {
			m.granted, m.ends = false, time.Time{}
		}
	}
}

// compare holds every user and account to the model, by each way of asking.
func (f *forest) compare() {
	f.t.Helper()
	for i, u := range f.users {
		list, more, err := f.s.Standings(ctx, u.Key, "")
		if err != nil || more {
			f.fatal("standings: %v, more %v", err, more)
		}
		in := map[string]bool{}
		for _, standing := range list {
			if in[standing.Account.ID] {
				f.fatal("%s stands twice in %s", u.Email, standing.Account.Name)
			}
			in[standing.Account.ID] = true
		}
		for _, a := range f.accounts {
			if want := f.enters(i, a); in[a.ID] != want {
				f.fatal("%s comes into %s (key %d): %v, and the model says %v", u.Email, a.Name, a.Key, in[a.ID], want)
			}
		}
	}
	a := f.pick(false)
	page, err := f.s.WhoReaches(ctx, a.Account, "")
	if err != nil {
		f.fatal("who reaches: %v", err)
	}
	reach := map[string]backoffice.Reacher{}
	for _, r := range page.Rows {
		reach[r.User.ID] = r
	}
	for i, u := range f.users {
		want := f.enters(i, a)
		if r, ok := reach[u.ID]; ok != want || ok && !r.Enters() {
			f.fatal("%s reaches %s: %v with %+v, and the model says %v", u.Email, a.Name, ok, r.Paths, want)
		}
		why, err := f.s.Why(ctx, a.Account, u.ID)
		if err != nil || why.Enters() != want {
			f.fatal("why %s comes into %s: %+v, %v, and the model says %v", u.Email, a.Name, why.Paths, err, want)
		}
	}
	b, err := f.s.Branch(ctx, a.Key)
	if err != nil {
		f.fatal("branch: %v", err)
	}
	below := int64(0)
	for _, x := range f.accounts {
		if x.deletion == "" && x.below(a) {
			below++
			if i := b.Index(x.ID); i < 0 || b.Nodes[b.Parent(i)].ID != x.parent.ID {
				f.fatal("%s is not where it should be below %s", x.Name, a.Name)
			}
		}
	}
	if b.Nodes[0].Below != below {
		f.fatal("%d lie below %s, and the model says %d", b.Nodes[0].Below, a.Name, below)
	}
}

// plant makes a forest of three accounts, and four users of the first.
func plant(t *testing.T, s *store.Store, clock *storetest.Clock, seed uint64) *forest {
	t.Helper()
	t.Logf("seed %d", seed)
	f := &forest{t: t, s: s, clock: clock, random: rand.New(rand.NewPCG(seed, 1))}
	for i := range 3 {
		a := create(t, s, fmt.Sprint("Top ", i), fmt.Sprint("top-", i), "")
		f.accounts = append(f.accounts, &modelAccount{Account: a, members: map[int]*modelMember{}})
	}
	for i := range 4 {
		u, err := s.AddUser(ctx, backoffice.CommandLine(), "top-0", backoffice.NewMember{Email: fmt.Sprintf("user%d@nord.example", i), Roles: []string{backoffice.RoleAdmin}})
		if err != nil {
			t.Fatal(err)
		}
		f.users = append(f.users, u)
		f.accounts[0].members[i] = &modelMember{}
	}
	return f
}

// walkForest takes random steps, and compares now and then.
func walkForest(t *testing.T, s *store.Store, clock *storetest.Clock, seed uint64, steps, every int) {
	f := plant(t, s, clock, seed)
	for f.step = range steps {
		f.act()
		if f.step%every == 0 {
			f.compare()
		}
	}
	f.compare()
	agree(t, s)
}

// After any sequence of creates, moves, removals, restores, grants and revokes
// there is no circle and no orphan, and the resolver says of every user and
// account what the model says. make soak takes 100,000 steps.
func TestForest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		walkForest(t, s, clock, rand.Uint64(), 1200, 5)
	})
}

// Moves that would close a circle together: one of each pair wins, whoever else
// is moving.
func TestAttack_T09_MovesRaced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		for round := range 8 {
			a, b := create(t, s, "A", fmt.Sprint("a-", round), ""), create(t, s, "B", fmt.Sprint("b-", round), "")
			var wins atomic.Int64
			var racing sync.WaitGroup
			begin := make(chan struct{})
			for i := range 64 {
				racing.Go(func() {
					<-begin
					from, to := a.ID, b.ID
					if i%2 == 1 {
						from, to = to, from
					}
					err := s.MoveAccount(ctx, cmd, from, to)
					var problems backoffice.Problems
					if err == nil {
						wins.Add(1)
					} else if !errors.As(err, &problems) {
						t.Error(err)
					}
				})
			}
			close(begin)
			racing.Wait()
			// All movers of one direction are content: it lies there already.
			if n := wins.Load(); n != 32 {
				t.Errorf("%d of 64 moves were done", n)
			}
		}
		agree(t, s)
	})
}

// Removing an account while others put accounts below it never leaves an orphan.
func TestAttack_T11_RemovalRaced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		top := create(t, s, "Top", "top", "")
		for range 10 {
			a, err := s.CreateSubAccount(ctx, cmd, top.ID, "Between")
			if err != nil {
				t.Fatal(err)
			}
			var racing sync.WaitGroup
			var removed, made atomic.Int64
			begin := make(chan struct{})
			for i := range 64 {
				racing.Go(func() {
					<-begin
					if i%2 == 0 {
						_, err := s.RemoveSubAccount(ctx, cmd, a.ID)
						var children *store.HasSubAccounts
						if err == nil {
							removed.Add(1)
						} else if !errors.As(err, &children) && !errors.Is(err, backoffice.ErrNotFound) {
							t.Error(err)
						}
						return
					}
					if _, err := s.CreateSubAccount(ctx, cmd, a.ID, "Below"); err == nil {
						made.Add(1)
					} else if !errors.Is(err, backoffice.ErrNotFound) {
						t.Error(err)
					}
				})
			}
			close(begin)
			racing.Wait()
			if removed.Load() > 0 == (made.Load() > 0) {
				t.Errorf("removed %d times, %d made below", removed.Load(), made.Load())
			}
		}
		agree(t, s)
	})
}
