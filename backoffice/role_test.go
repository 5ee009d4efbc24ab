package backoffice

import (
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
