package backoffice

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPermissions(t *testing.T) {
	for _, c := range []struct {
		set   Permissions
		key   Permission
		holds bool
	}{
		{Permissions{"*"}, ReadSubAccounts, true},
		{Permissions{"*"}, "*", true},
		{Permissions{"fe.*"}, ReadSubAccounts, true},
		{Permissions{"fe.*"}, "fe.secure.*", true},
		{Permissions{"fe.*"}, "fe.*", true},
		{Permissions{"fe.*"}, "*", false},
		{Permissions{"fe.*"}, "fe", false},
		{Permissions{"fe.*"}, "fez.x", false},
		{Permissions{"fe.secure.read.*"}, "fe.secure.*", false},
		{Permissions{"fe.secure.read.*"}, ReadUsers, true},
		{Permissions{"fe.secure.read.*"}, WriteUsers, false},
		{Permissions{ReadUsers}, ReadUsers, true},
		{Permissions{ReadUsers}, "fe.secure.read.users.x", false},
		{Permissions{"fe.secure.re*"}, ReadUsers, false},
		{Permissions{"fe.*.users"}, ReadUsers, false},
		{Permissions{"FE.*"}, ReadUsers, false},
		{Permissions{"*"}, "", false},
		{Permissions{"*"}, "a..b", false},
		{Permissions{""}, "", false},
		{nil, ReadUsers, false},
	} {
		if got := c.set.Has(c.key); got != c.holds {
			t.Errorf("%q has %q: %v", c.set, c.key, got)
		}
	}
	for p, valid := range map[Permission]bool{"*": true, "fe.*": true, "a": true, "a-b.C_1": true, "": false, ".": false, "a.": false, ".a": false, "a.*.b": false, "**": false, "a*": false, "a b": false, "ä": false, Permission(strings.Repeat("a", 201)): false} {
		if p.Valid() != valid {
			t.Errorf("%q valid: %v", p, p.Valid())
		}
	}
}

func TestBuiltInRoles(t *testing.T) {
	roles := BuiltInRoles()
	admin, readOnly := roles[0], roles[1]
	if admin.Key != "admin" || admin.Level != 0 || !admin.FirstUser || readOnly.Key != "read-only" || readOnly.Name != "Read only" || !readOnly.Default {
		t.Errorf("%+v", roles)
	}
	keys := map[Permission]bool{}
	for _, p := range BuiltInPermissions() {
		if !p.Key.Valid() || p.Name == "" || keys[p.Key] {
			t.Errorf("%+v", p)
		}
		keys[p.Key] = true
		if !admin.Permissions.Has(p.Key) {
			t.Errorf("Admin lacks %s", p.Key)
		}
		if read := strings.Contains(string(p.Key), ".read."); readOnly.Permissions.Has(p.Key) != read {
			t.Errorf("Read only and %s", p.Key)
		}
	}
	for _, key := range []Permission{"fe.account-hierarchy.read.subAccount", "fe.account-hierarchy.write.subAccount", "fe.account-hierarchy.delete.subAccount", "fe.account-hierarchy.write.subAccountAccess", "fe.account-hierarchy.write.subAccountManagement", "fe.secure.write.users"} {
		if !keys[key] {
			t.Errorf("%s is missing", key)
		}
	}
}

var anyPermission = rapid.SampledFrom([]Permission{"*", "fe.*", "fe.secure.*", "fe.secure.read.*", "fe.secure.write.*", ReadUsers, WriteUsers, DeleteUsers, ReadSubAccounts, "be.x", "be.*"})

func TestCoveringIsAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Permissions {
			return rapid.SliceOfN(anyPermission, 0, 4).Draw(t, name)
		}
		a, b, c := draw("a"), draw("b"), draw("c")
		if !Covers(a, a) || !Covers(a, nil) || !Covers(Permissions{"*"}, a) {
			t.Fatalf("%v", a)
		}
		if Covers(a, b) && Covers(b, c) && !Covers(a, c) {
			t.Fatalf("%v covers %v covers %v", a, b, c)
		}
		if p := anyPermission.Draw(t, "p"); Covers(a, b) && b.Has(p) && !a.Has(p) {
			t.Fatalf("%v covers %v, which has %v", a, b, p)
		}
	})
}

// holds asks for a permission without wildcards of its own: each of the set is
// walked part by part. It is the rule written a second time.
func holds(set Permissions, p Permission) bool {
	want := strings.Split(string(p), ".")
	for _, have := range set {
		parts := strings.Split(string(have), ".")
		for i := range parts {
			if parts[i] == "*" && i == len(parts)-1 && (len(want) > i || i == 0) {
				return true
			}
			if i >= len(want) || parts[i] != want[i] {
				break
			}
			if i == len(parts)-1 && len(want) == len(parts) {
				return true
			}
		}
	}
	return false
}

// everyRole are the built-in roles and enough others to stand in every
// relation: each built-in key and each wildcard by itself, at two levels.
func everyRole() []Role {
	roles := append(BuiltInRoles(), Role{Name: "Empty"})
	keys := Permissions{"*", "fe.*", "fe.secure.*", "fe.secure.read.*", "fe.secure.write.*", "fe.account-hierarchy.*", "be.x", "be.*"}
	for _, p := range BuiltInPermissions() {
		keys = append(keys, p.Key)
	}
	for _, p := range keys {
		for _, level := range []int{0, 10} {
			roles = append(roles, Role{Name: string(p), Level: level, Permissions: Permissions{p}})
		}
	}
	return roles
}

func TestAttack_T07_EveryPairOfRoles(t *testing.T) {
	roles := everyRole()
	var probes Permissions // what a wildcard stands for, among others
	for _, p := range BuiltInPermissions() {
		probes = append(probes, p.Key)
	}
	probes = append(probes, "be.x", "be.y", "zz", "fe.other", "fe.secure.other", "fe.secure.read.other", "fe.secure.write.other", "fe.account-hierarchy.other")
	pairs := 0
	for _, own := range roles {
		for _, given := range roles {
			pairs++
			want := given.Level >= own.Level
			for _, p := range probes {
				if holds(given.Permissions, p) && !holds(own.Permissions, p) {
					want = false
				}
			}
			if got := MayGrant([]Role{own}, []Role{given}) == nil; got != want {
				t.Errorf("%s at %d gives %s at %d: %v, want %v", own.Name, own.Level, given.Name, given.Level, got, want)
			}
			if got := MayEditRole([]Role{own}, &own, &given) == nil; got != want {
				t.Errorf("%s at %d turns itself into %s at %d: %v, want %v", own.Name, own.Level, given.Name, given.Level, got, want)
			}
		}
	}
	t.Logf("%d pairs", pairs)
}

// An account as the attacker of T-08 sees it: some roles, some users who hold
// them, and everything that one may do with both.
type roleWorld struct {
	roles []*Role
	users [][]int // user -> roles held
}

func (w *roleWorld) of(user int) []Role {
	var list []Role
	for _, r := range w.users[user] {
		if w.roles[r] != nil {
			list = append(list, *w.roles[r])
		}
	}
	return list
}

func (w *roleWorld) rolesAt(indexes []int) []Role {
	var list []Role
	for _, r := range indexes {
		if w.roles[r] != nil {
			list = append(list, *w.roles[r])
		}
	}
	return list
}

// reach is how far somebody's roles go: the probes they hold, and their level.
func reach(roles []Role) (held map[Permission]bool, level int) {
	held, level = map[Permission]bool{}, MaxRoleLevel+1
	for _, r := range roles {
		level = min(level, r.Level)
	}
	for _, p := range append(ReadPermissions(), ReadUsers, WriteUsers, DeleteUsers, ReadSubAccounts, "be.x", "be.y", "fe.other", "fe.secure.other", "zz") {
		held[p] = PermissionsOf(roles).Has(p)
	}
	return held, level
}

func TestAttack_T08_NobodyRaisesThemselves(t *testing.T) {
	drawRole := func(t *rapid.T, i int) *Role {
		return &Role{ID: string(rune('a' + i)), Level: rapid.IntRange(0, 3).Draw(t, "level"), Permissions: rapid.SliceOfN(anyPermission, 0, 3).Draw(t, "permissions")}
	}
	var acts, allowed int
	rapid.Check(t, func(t *rapid.T) {
		w := &roleWorld{}
		for i := range rapid.IntRange(1, 4).Draw(t, "roles") {
			w.roles = append(w.roles, drawRole(t, i))
		}
		some := func(name string) []int {
			return rapid.SliceOfNDistinct(rapid.IntRange(0, len(w.roles)-1), 0, min(2, len(w.roles)), rapid.ID[int]).Draw(t, name)
		}
		for range rapid.IntRange(2, 4).Draw(t, "users") {
			w.users = append(w.users, some("held"))
		}
		// step runs an act of one user when the rule lets them, and holds everybody
		// to it: the actor has nothing more than before, and whoever has more has
		// nothing that the actor lacked.
		step := func(actor int, rule error, act func()) {
			acts++
			if rule != nil {
				return
			}
			allowed++
			type state struct {
				held  map[Permission]bool
				level int
			}
			before := make([]state, len(w.users))
			for u := range w.users {
				before[u].held, before[u].level = reach(w.of(u))
			}
			act()
			for u := range w.users {
				if u == len(before) { // somebody new had nothing
					before = append(before, state{nil, MaxRoleLevel + 1})
				}
				held, level := reach(w.of(u))
				for p, is := range held {
					if is && !before[u].held[p] && (u == actor || !before[actor].held[p]) {
						t.Fatalf("user %d gained %s by an act of user %d", u, p, actor)
					}
				}
				if level < before[u].level && (u == actor || level < before[actor].level) {
					t.Fatalf("user %d rose to level %d by an act of user %d", u, level, actor)
				}
			}
		}
		user := func(name string) int { return rapid.IntRange(0, len(w.users)-1).Draw(t, name) }
		role := func(name string) int { return rapid.IntRange(0, len(w.roles)-1).Draw(t, name) }
		t.Repeat(map[string]func(*rapid.T){
			"give": func(t *rapid.T) {
				actor, target, after := user("actor"), user("target"), some("after")
				step(actor, MayChangeRoles(w.of(actor), w.of(target), w.rolesAt(after)), func() { w.users[target] = after })
			},
			"invite": func(t *rapid.T) {
				actor, roles := user("actor"), some("roles")
				step(actor, MayGrant(w.of(actor), w.rolesAt(roles)), func() {
					if len(w.users) < 6 { // whoever comes may act next
						w.users = append(w.users, nil)
						w.users[len(w.users)-1] = roles
					}
				})
			},
			"edit": func(t *rapid.T) {
				actor, r := user("actor"), role("role")
				after := drawRole(t, r)
				if w.roles[r] != nil {
					step(actor, MayEditRole(w.of(actor), w.roles[r], after), func() { w.roles[r] = after })
				}
			},
			"make": func(t *rapid.T) {
				actor, made := user("actor"), drawRole(t, len(w.roles))
				step(actor, MayEditRole(w.of(actor), nil, made), func() {
					if len(w.roles) < 8 {
						w.roles = append(w.roles, made)
					}
				})
			},
			"delete": func(t *rapid.T) {
				actor, r, in := user("actor"), role("role"), role("replacement")
				if w.roles[r] == nil || w.roles[in] == nil || r == in {
					return
				}
				step(actor, MayEditRole(w.of(actor), w.roles[r], w.roles[in]), func() {
					for u := range w.users {
						if i := slices.Index(w.users[u], r); i >= 0 {
							w.users[u][i] = in
						}
					}
					w.roles[r] = nil
				})
			},
		})
	})
	if allowed == 0 {
		t.Errorf("none of %d acts was allowed", acts)
	}
	t.Logf("%d of %d acts were allowed", allowed, acts)
}

func TestEffectOfARole(t *testing.T) {
	for _, c := range []struct {
		before, after Permissions
		holders       []RoleHolders
		want          RoleEffect
	}{
		{Permissions{ReadUsers}, Permissions{ReadUsers}, []RoleHolders{{nil, 5}}, RoleEffect{Holders: 5}},
		{Permissions{ReadUsers}, Permissions{WriteUsers}, []RoleHolders{{nil, 5}, {Permissions{"fe.secure.read.*"}, 2}, {Permissions{"*"}, 1}},
			RoleEffect{Holders: 8, Gain: 7, Lose: 5, Shifts: []PermissionShift{{ReadUsers, 0, 5}, {WriteUsers, 7, 0}}}},
		{Permissions{"be.*"}, Permissions{"be.x"}, []RoleHolders{{nil, 1}, {Permissions{"be.y"}, 1}},
			RoleEffect{Holders: 2, Lose: 2, Shifts: []PermissionShift{{"be.*", 0, 2}, {"be.y", 0, 1}}}},
		{nil, Permissions{"*"}, nil, RoleEffect{}},
	} {
		got := Effect(c.before, c.after, c.holders)
		if c.want.Shifts == nil && len(got.Shifts) == 0 {
			got.Shifts = nil
		}
		// be.y is known only where somebody holds it.
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%v to %v: %+v, want %+v", c.before, c.after, got, c.want)
		}
	}
}

func TestAttack_T07_NobodyGivesMoreThanTheyHave(t *testing.T) {
	roles := BuiltInRoles()
	admin, readOnly := roles[0], roles[1]
	for _, c := range []struct {
		own, given []Role
		may        bool
	}{
		{[]Role{admin}, []Role{admin, readOnly}, true},
		{[]Role{readOnly}, []Role{readOnly}, true},
		{[]Role{readOnly}, []Role{admin}, false},
		{[]Role{readOnly}, []Role{readOnly, admin}, false},
		{[]Role{readOnly}, []Role{{Name: "Above", Level: 9}}, false},
		{[]Role{readOnly}, []Role{{Name: "Writer", Level: 200, Permissions: Permissions{WriteUsers}}}, false},
		{[]Role{{Level: 0}}, []Role{readOnly}, false},
		{[]Role{{Level: 5}, readOnly}, []Role{{Level: 5, Permissions: Permissions{ReadUsers}}}, true},
		{nil, []Role{{Name: "Empty", Level: 1000}}, false},
		{nil, nil, true},
	} {
		if err := MayGrant(c.own, c.given); (err == nil) != c.may {
			t.Errorf("%+v gives %+v: %v", c.own, c.given, err)
		}
	}
	draw := func(t *rapid.T, name string) []Role {
		var roles []Role
		for range rapid.IntRange(0, 3).Draw(t, name) {
			roles = append(roles, Role{Level: rapid.IntRange(0, 3).Draw(t, "level"), Permissions: rapid.SliceOfN(anyPermission, 0, 3).Draw(t, "permissions")})
		}
		return roles
	}
	rapid.Check(t, func(t *rapid.T) {
		own, given, further := draw(t, "own"), draw(t, "given"), draw(t, "further")
		// A chain of gifts never reaches further than its first giver.
		if MayGrant(own, given) == nil && MayGrant(given, further) == nil && MayGrant(own, further) != nil {
			t.Fatalf("%+v gives %+v gives %+v", own, given, further)
		}
	})
}
