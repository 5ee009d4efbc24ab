package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// assigner is a model of who has which application, on top of that of accounts,
// memberships and grants.
type assigner struct {
	*forest
	apps  []*modelApplication
	taken []*modelRemoval
}

// modelRemoval is a membership that was taken away and can come back, with what
// was given by hand that went with it.
type modelRemoval struct {
	account *modelAccount
	user    int
	member  *modelMember
	id      string // of the removal
	hand    map[*modelApplication]map[*modelAccount]bool
}

type modelApplication struct {
	backoffice.Application
	binned bool
	at     map[*modelAccount]modelAssignment
	hand   map[modelHand]bool
}

type modelAssignment struct{ without, auto bool }

type modelHand struct {
	account *modelAccount
	user    int
}

// stands reports whether a user is in an account at all, switched off or not.
func (f *assigner) stands(user int, a *modelAccount) bool {
	return a.members[user] != nil || a.deletion == "" && f.granted(user, a)
}

// leadsResting is leads, whether or not the access rests.
func (f *assigner) leadsResting(a *modelAccount, m *modelMember) bool {
	return m != nil && m.active && a.deletion == "" &&
		(a.access == backoffice.AccessAlways || m.granted && (m.ends.IsZero() || m.ends.After(f.now())))
}

// tied reports whether anything ties a user to an account, be it that it rests.
func (f *assigner) tied(user int, a *modelAccount) bool {
	for up := a.parent; up != nil; up = up.parent {
		if f.leadsResting(up, up.members[user]) {
			return true
		}
	}
	return a.members[user] != nil
}

func (p *modelApplication) path(a *modelAccount) backoffice.AssignmentPath {
	settled, is := p.at[a]
	switch {
	case p.binned || a.deletion != "" || settled.without || !is && !p.ReachesAll():
		return ""
	case p.Default:
		return backoffice.ByDefault
	case p.AutoAssigned:
		return backoffice.ByEnvironment
	case settled.auto:
		return backoffice.ByAccount
	}
	return backoffice.ByHand
}

// keep gives everybody whom something ties to an account the application by hand,
// and who would be tied to it again when they come back.
func (f *assigner) keep(p *modelApplication, a *modelAccount) {
	for user := range f.users {
		if f.tied(user, a) {
			p.hand[modelHand{a, user}] = true
			continue
		}
		for i := len(f.taken) - 1; i >= 0; i-- {
			r := f.taken[i]
			if r.user == user && (r.account == a || a.below(r.account) && f.leadsResting(r.account, r.member)) {
				f.forget(p, a, user)
				r.add(p, a)
				break
			}
		}
	}
}

func (r *modelRemoval) add(p *modelApplication, a *modelAccount) {
	if r.hand[p] == nil {
		r.hand[p] = map[*modelAccount]bool{}
	}
	r.hand[p][a] = true
}

// forget takes an application in an account out of what comes back to a user.
func (f *assigner) forget(p *modelApplication, a *modelAccount, user int) {
	for _, r := range f.taken {
		if r.user == user {
			delete(r.hand[p], a)
		}
	}
}

// take removes a user from an account.
func (f *assigner) take(a *modelAccount, user int) {
	f.clock.Add(time.Second) // what goes at one instant comes back together
	defer f.clock.Add(time.Second)
	f.away(a, user)
	r := &modelRemoval{account: a, user: user, member: a.members[user], hand: map[*modelApplication]map[*modelAccount]bool{}}
	removal, err := f.s.RemoveMember(ctx, backoffice.CommandLine(), a.ID, f.users[user].ID)
	f.outcome("remove a member", err, "")
	r.id = removal
	delete(a.members, user)
	for _, p := range f.apps {
		for h := range p.hand {
			if h.user == user && h.account.deletion == "" && !f.tied(user, h.account) {
				r.add(p, h.account)
			}
		}
	}
	f.taken = append(f.taken, r)
	f.sweep()
	f.compareApplications()
}

// away drops what came back, or was overtaken by another removal.
func (f *assigner) away(a *modelAccount, user int) {
	f.taken = slices.DeleteFunc(f.taken, func(r *modelRemoval) bool { return r.account == a && r.user == user })
}

// giveBack takes a removal back.
func (f *assigner) giveBack(r *modelRemoval) {
	if r.account.deletion != "" {
		return
	}
	f.outcome("undo", f.s.RestoreMember(ctx, backoffice.CommandLine(), r.account.ID, f.users[r.user].ID, r.id), "")
	r.account.members[r.user] = r.member
	for p, at := range r.hand {
		for a := range at {
			if a.deletion != "" || f.tied(r.user, a) {
				p.hand[modelHand{a, r.user}] = true
			}
		}
	}
	f.away(r.account, r.user)
	f.sweep()
	f.compareApplications()
}

func (f *assigner) setReach(p *modelApplication, auto, byDefault bool) {
	if p.ReachesAll() && !auto && !byDefault {
		for _, a := range f.accounts {
			settled, is := p.at[a]
			if !settled.without && !settled.auto {
				f.keep(p, a)
			}
			switch {
			case settled.without:
				delete(p.at, a)
			case !is:
				p.at[a] = modelAssignment{}
			}
		}
	}
	p.AutoAssigned, p.Default = auto, byDefault
}

// sweep forgets what was given by hand to who does not stand there any more.
func (f *assigner) sweep() {
	for _, p := range f.apps {
		for h := range p.hand {
			if h.account.deletion == "" && !f.tied(h.user, h.account) {
				delete(p.hand, h)
			}
		}
	}
	f.taken = slices.DeleteFunc(f.taken, func(r *modelRemoval) bool { return r.account.members[r.user] != nil })
}

func (f *assigner) endDefault(but *modelApplication) {
	for _, other := range f.apps {
		if other != but && other.Default && !other.binned {
			f.setReach(other, other.AutoAssigned, false)
		}
	}
}

func (f *assigner) assign() {
	cmd := backoffice.CommandLine()
	p := f.apps[f.random.IntN(len(f.apps))]
	a := f.pick(false)
	user := f.random.IntN(len(f.users))
	for range 20 { // rather where somebody stands by a grant alone
		if b := f.pick(false); f.granted(user, b) && b.members[user] == nil {
			a = b
			break
		}
	}
	h := modelHand{a, user}
	missing := func(also bool) string {
		if p.binned || also {
			return "not found"
		}
		return ""
	}
	switch f.random.IntN(16) {
	case 0:
		on := f.random.IntN(2) == 0
		if f.outcome("environment", f.s.SetAutoAssigned(ctx, cmd, p.ID, on), missing(false)) && on != p.AutoAssigned {
			f.setReach(p, on, p.Default)
		}
	case 1:
		on := f.random.IntN(2) == 0
		if f.outcome("default", f.s.SetDefaultApplication(ctx, cmd, p.ID, on), missing(false)) && on != p.Default {
			if on {
				f.endDefault(p)
			}
			f.setReach(p, p.AutoAssigned, on)
		}
	case 2:
		if !p.binned {
			if f.random.IntN(3) == 0 {
				_, err := f.s.DeleteApplication(ctx, cmd, p.ID)
				p.binned = f.outcome("delete", err, "")
			}
			return
		}
		_, err := f.s.RestoreApplication(ctx, cmd, p.ID)
		f.outcome("restore", err, "")
		p.binned = false
		if p.Default && slices.ContainsFunc(f.apps, func(o *modelApplication) bool { return o != p && o.Default && !o.binned }) {
			f.setReach(p, p.AutoAssigned, false)
		}
	case 3:
		on := f.random.IntN(2) == 0
		if f.outcome("active", f.s.SetApplicationActive(ctx, cmd, p.ID, on), missing(false)) {
			p.Active = on
		}
	case 4, 5:
		auto := f.random.IntN(3) == 0
		_, err := f.s.AssignApplications(ctx, cmd, a.ID, []string{p.ID}, auto)
		path := p.path(a)
		if f.outcome("assign", err, missing(false)) && (path == "" || auto && path == backoffice.ByHand) {
			delete(p.at, a)
			if auto || !p.ReachesAll() {
				p.at[a] = modelAssignment{auto: auto}
			}
		}
	case 6:
		path := p.path(a)
		if f.outcome("remove", f.s.RemoveApplication(ctx, cmd, a.ID, p.ID), missing(false)) && path != "" {
			delete(p.at, a)
			for i := range f.users {
				delete(p.hand, modelHand{a, i})
				f.forget(p, a, i)
			}
			if p.ReachesAll() {
				p.at[a] = modelAssignment{without: true}
			}
		}
	case 7, 8:
		on := f.random.IntN(2) == 0
		want := missing(p.path(a) == "")
		if want == "" && p.ReachesAll() {
			want = "refused"
		}
		was := p.at[a].auto
		if f.outcome("auto-assignment", f.s.SetAutoAssignment(ctx, cmd, a.ID, p.ID, on), want) && on != was {
			p.at[a] = modelAssignment{auto: on}
			if !on {
				f.keep(p, a)
			}
		}
	case 9:
		want := missing(p.path(a) == "" || !f.stands(user, a))
		if f.outcome("give", f.s.GiveApplication(ctx, cmd, a.ID, p.ID, f.users[user].ID), want) && !p.path(a).ReachesAll() {
			p.hand[h] = true
		}
	case 10:
		want := missing(p.path(a) == "" || !f.stands(user, a))
		if want == "" && p.path(a).ReachesAll() {
			want = "refused"
		}
		if f.outcome("take", f.s.TakeApplication(ctx, cmd, a.ID, p.ID, f.users[user].ID), want) {
			delete(p.hand, h)
		}
	case 11: // taken out of an account, to come back by undo
		if a.members[user] != nil && len(f.taken) < 4 {
			f.take(a, user)
		}
	case 12:
		if len(f.taken) > 0 {
			f.giveBack(f.taken[f.random.IntN(len(f.taken))])
		}
	case 13, 14, 15: // access rests, or comes back
		for _, h := range f.above() {
			if f.random.IntN(2) == 0 {
				continue
			}
			m := h.account.members[h.user]
			if f.random.IntN(2) == 0 {
				if f.outcome("disable", f.s.SetMemberDisabled(ctx, cmd, h.account.ID, f.users[h.user].ID, !m.disabled), "") {
					m.disabled = !m.disabled
				}
			} else if f.outcome("ability", f.s.SetReseller(ctx, cmd, h.account.ID, !h.account.reseller), "") {
				h.account.reseller = !h.account.reseller
			}
			return
		}
	}
}

// above are the memberships that lead into accounts, or would, in which something
// was given by hand to who has no other way there.
func (f *assigner) above() (list []modelHand) {
	for user := range f.users {
		for _, a := range f.accounts {
			if a.deletion != "" || a.members[user] != nil || !slices.ContainsFunc(f.apps, func(p *modelApplication) bool { return p.hand[modelHand{a, user}] }) {
				continue
			}
			for up := a.parent; up != nil; up = up.parent {
				if f.leadsResting(up, up.members[user]) {
					list = append(list, modelHand{up, user})
				}
			}
		}
	}
	return list
}

// compareApplications holds every user, account and application to the model.
func (f *assigner) compareApplications() {
	f.t.Helper()
	for i, u := range f.users {
		everywhere, _, err := f.s.OpenApplications(ctx, u, 0)
		if err != nil {
			f.fatal("what %s opens: %v", u.Email, err)
		}
		for _, a := range f.accounts {
			list, err := f.s.UserApplications(ctx, u.Key, a.Key)
			if err != nil {
				f.fatal("applications of %s in %s: %v", u.Email, a.Name, err)
			}
			opens, _, err := f.s.OpenApplications(ctx, u, a.Key)
			if err != nil {
				f.fatal("what %s opens from %s: %v", u.Email, a.Name, err)
			}
			for _, p := range f.apps {
				var have, want backoffice.AssignmentPath
				for _, x := range list {
					if x.ID == p.ID {
						have = x.Path
					}
				}
				if f.stands(i, a) && a.deletion == "" {
					if want = p.path(a); want == backoffice.ByHand && !p.hand[modelHand{a, i}] {
						want = ""
					}
				}
				if have != want {
					f.fatal("%s has %s in %s by %q, and the model says %q", u.Email, p.Name, a.Name, have, want)
				}
				for _, of := range [][]backoffice.UserApplication{opens, everywhere} {
					listed := slices.ContainsFunc(of, func(x backoffice.UserApplication) bool {
						return x.ID == p.ID && x.Path == want && x.Account.Key == a.Key
					})
					if open := want != "" && p.Active && f.enters(i, a); listed != open {
						f.fatal("%s opens %s from %s: %v, and the model says %v", u.Email, p.Name, a.Name, listed, open)
					}
				}
				_, why, err := f.s.Entry(ctx, u.Key, a.Key, p.Key)
				if errors.Is(err, backoffice.ErrNotFound) {
					if f.enters(i, a) {
						f.fatal("%s does not come into %s at all", u.Email, a.Name)
					}
					continue
				}
				if err != nil || !f.enters(i, a) {
					f.fatal("entry of %s into %s: %v", u.Email, a.Name, err)
				}
				if open := want != "" && p.Active; (why == backoffice.EntryOpen) != open {
					f.fatal("%s enters %s from %s: %q, and the model says %v", u.Email, p.Name, a.Name, why, open)
				}
			}
		}
	}
	rows, err := f.s.Applications(ctx)
	if err != nil {
		f.fatal("applications: %v", err)
	}
	for _, p := range f.apps {
		i := slices.IndexFunc(rows, func(r backoffice.ApplicationRow) bool { return r.ID == p.ID })
		if (i < 0) != p.binned {
			f.fatal("%s is in the list: %v", p.Name, i >= 0)
		}
		if i < 0 {
			continue
		}
		want := int64(0)
		for _, a := range f.accounts {
			if p.path(a) != "" {
				want++
			}
		}
		if rows[i].Accounts != want {
			f.fatal("%d accounts have %s, and the model says %d", rows[i].Accounts, p.Name, want)
		}
		preview, err := f.s.PreviewReach(ctx, p.ID)
		if err != nil {
			f.fatal("preview: %v", err)
		}
		if accounts, users := f.preview(p); preview.Accounts != accounts || preview.Users != users {
			f.fatal("preview of %s: %+v, and the model says %d and %d", p.Name, preview, accounts, users)
		}
	}
	a := f.pick(false)
	had, err := f.s.AccountApplications(ctx, a.Key)
	if err != nil {
		f.fatal("applications of %s: %v", a.Name, err)
	}
	others, err := f.s.AvailableApplications(ctx, a.Key)
	if err != nil {
		f.fatal("available to %s: %v", a.Name, err)
	}
	for _, p := range f.apps {
		have := slices.ContainsFunc(had, func(x backoffice.AccountApplication) bool { return x.ID == p.ID && x.Path == p.path(a) })
		offered := slices.ContainsFunc(others, func(x backoffice.Application) bool { return x.ID == p.ID })
		if have != (p.path(a) != "") || offered != (p.path(a) == "" && !p.binned) {
			f.fatal("%s has %s: %v, it is offered: %v, and the model says %q", a.Name, p.Name, have, offered, p.path(a))
		}
		page, err := f.s.ApplicationUsers(ctx, a.Key, p.Key, backoffice.ApplicationUserFilter{})
		if err != nil || page.Next != "" {
			f.fatal("users: %+v, %v", page, err)
		}
		users := page.Rows
		hand := int64(0)
		for i, u := range f.users {
			want := p.path(a) != "" && f.stands(i, a) && (p.path(a).ReachesAll() || p.hand[modelHand{a, i}])
			if slices.ContainsFunc(users, func(x backoffice.ApplicationUser) bool { return x.UserID == u.ID }) != want {
				f.fatal("%s is among the users of %s in %s: %+v, and the model says %v", u.Email, p.Name, a.Name, users, want)
			}
			if want {
				hand++
			}
		}
		if p.path(a) != backoffice.ByHand {
			continue
		}
		if j := slices.IndexFunc(had, func(x backoffice.AccountApplication) bool { return x.ID == p.ID }); had[j].Users != hand {
			f.fatal("%d users of %s have %s, and the model says %d", had[j].Users, a.Name, p.Name, hand)
		}
		among, err := f.s.ApplicationAccounts(ctx, p.Application, "", "")
		if err != nil {
			f.fatal("accounts of %s: %v", p.Name, err)
		}
		if j := slices.IndexFunc(among.Rows, func(x backoffice.ApplicationAccount) bool { return x.Account.Key == a.Key }); j >= 0 && among.Rows[j].Users != hand {
			f.fatal("%d users of %s have %s as its page says, and the model says %d", among.Rows[j].Users, a.Name, p.Name, hand)
		}
	}
}

// preview is what PreviewReach should say: by membership, as the figures count.
func (f *assigner) preview(p *modelApplication) (accounts, users int64) {
	now, then := map[int]bool{}, map[int]bool{}
	for _, a := range f.accounts {
		if a.deletion != "" {
			continue
		}
		has := p.path(a) != ""
		if has == p.ReachesAll() {
			accounts++
		}
		for user := range a.members {
			then[user] = true
			if has && (p.path(a).ReachesAll() || p.hand[modelHand{a, user}]) {
				now[user] = true
			}
		}
	}
	if p.ReachesAll() {
		return accounts, int64(len(now))
	}
	return accounts, int64(len(then) - len(now))
}

// Under environment, account and manual assignments, grants and the end of each
// of them, the resolver says of every user, account and application what the model
// says.
func TestAssignments(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		steps := 1500
		if t.Name() != "TestAssignments/sqlite" { // the same statements, and each takes its time
			steps = 400
		}
		walkAssignments(t, s, clock, rand.Uint64(), steps, 6)
	})
}

func walkAssignments(t *testing.T, s *store.Store, clock *storetest.Clock, seed uint64, steps, every int) {
	f := &assigner{forest: plant(t, s, clock, seed)}
	for i := range 3 {
		p := application(t, s, backoffice.Application{Name: fmt.Sprint("Application ", i), Active: i != 1})
		f.apps = append(f.apps, &modelApplication{Application: p, at: map[*modelAccount]modelAssignment{}, hand: map[modelHand]bool{}})
	}
	for f.step = range steps {
		if f.random.IntN(2) == 0 {
			f.act()
			if err := s.Forget(ctx); err != nil { // what time alone ends
				t.Fatal(err)
			}
		} else {
			f.assign()
		}
		f.sweep()
		if f.step%every == 0 {
			f.compareApplications()
		}
	}
	f.compareApplications()
	f.compare()
	agree(t, s)
}

// The list of users tells of each which applications their memberships bring, and
// is narrowed to those of one.
func TestUsersByApplication(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		reseller(t, s)
		hana := userNamed(t, s, "hana@nord.example")
		wiki, mail := application(t, s, backoffice.Application{Name: "Wiki"}), application(t, s, backoffice.Application{Name: "Mail"})
		expect := func(what string, id string, want ...string) {
			t.Helper()
			page, err := s.Users(ctx, backoffice.UserFilter{ApplicationID: id, Sort: backoffice.UsersByName, Asc: true}, "")
			if err != nil {
				t.Fatal(err)
			}
			var have []string
			for _, r := range page.Rows {
				have = append(have, fmt.Sprint(r.Email, r.Applications))
			}
			if !slices.Equal(have, want) || page.Total != int64(len(want)) {
				t.Fatalf("%s: %q of %d, want %q", what, have, page.Total, want)
			}
		}
		try := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		expect("nobody", wiki.ID)
		try(s.SetAutoAssigned(ctx, cmd, wiki.ID, true))
		expect("everybody", wiki.ID, "hana@nord.example[Wiki]", "sara@sued.example[Wiki]")
		try(s.RemoveApplication(ctx, cmd, "sued", wiki.ID))
		expect("but for sued", wiki.ID, "hana@nord.example[Wiki]")
		if _, err := s.AssignApplications(ctx, cmd, "nord", []string{mail.ID}, false); err != nil {
			t.Fatal(err)
		}
		expect("given to nobody yet", mail.ID)
		try(s.GiveApplication(ctx, cmd, "nord", mail.ID, hana.ID))
		expect("given by hand", mail.ID, "hana@nord.example[Mail Wiki]")
		if _, err := s.AssignApplications(ctx, cmd, "sued", []string{mail.ID}, true); err != nil {
			t.Fatal(err)
		}
		expect("and by account", mail.ID, "hana@nord.example[Mail Wiki]", "sara@sued.example[Mail]")
		expect("no application", "nothing")
		expect("all", "", "hana@nord.example[Mail Wiki]", "sara@sued.example[Mail]")
	})
}
