package backoffice_test

import (
	"testing"
	"time"

	"steward/backoffice"
)

func TestReachChangeInWords(t *testing.T) {
	ana := backoffice.UserReach{UserID: "1", Name: "Ana Weber", Email: "ana@nord.example", Accounts: 14}
	one := backoffice.UserReach{UserID: "2", Email: "uma@nord.example", Accounts: 1}
	two := func(n int64) (list []backoffice.UserReach) {
		for range 3 {
			list = append(list, backoffice.UserReach{Email: "x@nord.example", Accounts: n})
		}
		return list
	}
	for want, c := range map[string]backoffice.ReachChange{
		"Nobody gains or loses access to an account.":                                    {},
		"Ana Weber gains 14 accounts.":                                                   {Gains: []backoffice.UserReach{ana}},
		"uma@nord.example gains 1 account.":                                              {Gains: []backoffice.UserReach{one}},
		"uma@nord.example loses access to 1 account.":                                    {Loses: []backoffice.UserReach{one}},
		"Ana Weber gains 14 accounts; 3 users lose access to 2 accounts each.":           {Gains: []backoffice.UserReach{ana}, Loses: two(2)},
		"3 users gain 1 account.":                                                        {Gains: two(1)},
		"2 users lose access to up to 14 accounts.":                                      {Loses: []backoffice.UserReach{ana, one}},
		"Ana Weber gains 14 accounts and has other roles in 14 accounts.":                {Gains: []backoffice.UserReach{ana}, Changes: []backoffice.UserReach{ana}},
		"Ana Weber has other roles in 14 accounts.":                                      {Changes: []backoffice.UserReach{ana}},
		"uma@nord.example gains 1 account; 3 users have other roles in 2 accounts each.": {Gains: []backoffice.UserReach{one}, Changes: two(2)},
		"Ana Weber gains 5,000 accounts.":                                                {Gains: []backoffice.UserReach{{Name: "Ana Weber", Accounts: 5000}}},
	} {
		if got := c.Sentence(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func reacher() backoffice.Reacher {
	admin, read := backoffice.BuiltInRoles()[0], backoffice.BuiltInRoles()[1]
	at := func(key int64, id, name string) backoffice.AccountRef {
		return backoffice.AccountRef{Key: key, ID: id, Name: name}
	}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	return backoffice.Reacher{User: backoffice.User{Email: "ana@nord.example"}, Paths: []backoffice.AccessPath{
		{At: at(3, "c", "Harbor"), Direct: true, Status: backoffice.Activated, Roles: []backoffice.Role{read}},
		{At: at(2, "b", "Partners"), Status: backoffice.Activated, Grant: backoffice.Grant{At: now, By: "Emil"}, Roles: []backoffice.Role{read}},
		{At: at(1, "a", "Group"), Status: backoffice.Activated, Always: true, Roles: []backoffice.Role{admin}},
	}}
}

func TestWhatRemainsWithoutAPath(t *testing.T) {
	r := reacher()
	for i, want := range []string{
		"Access to this account stays, by the access grant at Partners and the access grant at Group. Every role and permission stays.",
		"Access to this account stays, by the direct membership and the access grant at Group. Every role and permission stays.",
		"Access to this account stays, by the direct membership and the access grant at Partners. Loses the role Admin here, and with it 12 permissions: Create or update sub-account, Delete sub-accounts, Give access to sub-accounts, Let a sub-account manage its own and 8 more. What stays is 7 permissions: Read sub-accounts, Read users, Read roles, Read account details and 3 more.",
	} {
		if got := r.Remains(i); got != want {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
	if got := r.Summary(); got != "by three paths, which add up to 2 roles and 19 permissions" {
		t.Error(got)
	}
	r.Paths = r.Paths[:1]
	if got := r.Remains(0); got != "No access to this account remains: sessions in it end at once." {
		t.Error(got)
	}
	r.Paths[0].Blocked = "The membership is switched off."
	if got := r.Remains(0); got != "This way does not lead in at present: nothing would change here." {
		t.Error(got)
	}
}

func TestRemainderInWords(t *testing.T) {
	at := func(names ...string) (list []backoffice.AccountRef) {
		for _, name := range names {
			list = append(list, backoffice.AccountRef{Name: name})
		}
		return list
	}
	for want, m := range map[string]backoffice.Remainder{
		"": {Reached: 1},
		"Loses access to all 14 accounts that this path leads into. Sessions there end at once.":                                                                          {Reached: 14},
		"Keeps access to 3 of 14 accounts, through the access grant at Partners; loses 11, where sessions end at once.":                                                   {Reached: 14, Kept: 3, Grants: at("Partners")},
		"Keeps access to all 14 accounts, through access from above your account. In 2 accounts of those that stay, fewer roles hold.":                                    {Reached: 14, Kept: 14, Changed: 2, Grants: at("")},
		"Keeps access to 2 of 3 accounts, through the access grant at A, the membership in B, the membership in C and 1 other path; loses 1, where sessions end at once.": {Reached: 3, Kept: 2, Grants: at("A"), Members: at("B", "C", "D")},
	} {
		if got := m.Sentence(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWhyAPermissionIsHeldOrNot(t *testing.T) {
	r := reacher()
	roles := backoffice.BuiltInRoles()
	if got := r.AnswerFor(backoffice.DeleteSubAccounts, roles).Sentence(); got != "Held by the role Admin, by the access grant at Group." {
		t.Error(got)
	}
	r.Paths[2].Blocked = "Switched off."
	if got := r.AnswerFor(backoffice.DeleteSubAccounts, roles).Sentence(); got != "It would come by the role Admin, by the access grant at Group, which does not lead in at present. The role Admin would." {
		t.Error(got)
	}
	r.Paths = r.Paths[:2]
	if got := r.AnswerFor(backoffice.DeleteSubAccounts, roles).Sentence(); got != "None of the paths holds it. The role Admin would." {
		t.Error(got)
	}
	if got := r.AnswerFor("billing.read", nil).Sentence(); got != "None of the paths holds it. No role that can be given here holds it." {
		t.Error(got)
	}
}

// What begins above is told without a name, and only where it leads in.
func TestPathsFromAboveAreNotNamed(t *testing.T) {
	r := reacher()
	seen := r.From([]int64{2, 3})
	if len(seen.Paths) != 3 || seen.Paths[2].Title() != "Access from an account above yours" || seen.Paths[2].At.Key != 0 || seen.Paths[2].Roles[0].Name != "Roles from above" {
		t.Errorf("%+v", seen.Paths)
	}
	if got := seen.Remains(0); got != "Access to this account stays, by the access grant at Partners and access from an account above yours. Every role and permission stays." {
		t.Error(got)
	}
	r.Paths[2].Blocked = "The membership in Group is switched off."
	if seen = r.From([]int64{2, 3}); len(seen.Paths) != 2 {
		t.Errorf("%+v", seen.Paths)
	}
}
