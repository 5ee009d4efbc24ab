package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// held is what each user holds in each account outside of the bin, as sign-in
// resolves it.
func held(t *testing.T, s *store.Store, users []backoffice.User) map[string]string {
	t.Helper()
	var accounts []backoffice.AccountRow
	page, err := s.Accounts(ctx, backoffice.AccountFilter{}, "")
	if err != nil {
		t.Fatal(err)
	}
	accounts = append(accounts, page.Rows...)
	if int(page.Total) != len(page.Rows) {
		t.Fatal("more accounts than a page holds")
	}
	out := map[string]string{}
	for _, a := range accounts {
		for _, u := range users {
			standing, err := s.StandingIn(ctx, u.Key, a.Key)
			if errors.Is(err, backoffice.ErrNotFound) || err == nil && !standing.Enters() {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			var roles []string
			for _, r := range standing.Roles {
				roles = append(roles, r.Key)
			}
			slices.Sort(roles)
			out[u.ID+" "+a.ID] = strings.Join(roles, ",") + "."
		}
	}
	return out
}

// counted tells two states apart as a preview does.
func counted(before, after map[string]string) map[string]int64 {
	n := map[string]int64{}
	for at, was := range before {
		user, _, _ := strings.Cut(at, " ")
		switch is, there := after[at]; {
		case !there:
			n[user+" loses"]++
		case is != was:
			n[user+" changes"]++
		}
	}
	for at := range after {
		if _, there := before[at]; !there {
			user, _, _ := strings.Cut(at, " ")
			n[user+" gains"]++
		}
	}
	return n
}

func previewed(c backoffice.ReachChange) map[string]int64 {
	n := map[string]int64{}
	for word, list := range map[string][]backoffice.UserReach{" gains": c.Gains, " loses": c.Loses, " changes": c.Changes} {
		for _, u := range list {
			n[u.UserID+word] = u.Accounts
		}
	}
	return n
}

// Whatever the tree, a preview says exactly what the act then does, changes
// nothing by itself, and is done only while it is true.
func TestPreviewsAreExact(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 2))
		cmd := backoffice.CommandLine()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		var ids []string
		for i := range 12 {
			a := create(t, s, fmt.Sprint("Account ", i), fmt.Sprint("a-", i), "")
			ids = append(ids, a.ID)
			must(s.SetReseller(ctx, cmd, a.ID, i%3 < 2))
			if i > 1 {
				must(s.MoveAccount(ctx, cmd, a.ID, ids[random.IntN(i)]))
			}
		}
		var users []backoffice.User
		for i := range 4 {
			for j := range 5 {
				id := ids[(i*3+j*j)%len(ids)]
				role := []string{backoffice.RoleAdmin, backoffice.RoleReadOnly}[random.IntN(2)]
				u, err := s.AddUser(ctx, cmd, id, backoffice.NewMember{Email: fmt.Sprintf("user%d@nord.example", i), Roles: []string{role}})
				var problems backoffice.Problems
				if errors.As(err, &problems) {
					continue // a member already
				}
				must(err)
				if j == 0 {
					users = append(users, u)
				}
				_, err = s.RecordVisits(ctx, cmd, []backoffice.Visit{{AccountID: id, Email: u.Email, At: clock.Now()}})
				must(err)
				if random.IntN(2) == 0 {
					must(s.GiveAccess(ctx, cmd, id, u.ID, backoffice.NewGrant{}))
				}
			}
		}
		any := func() backoffice.Account {
			for {
				a, err := s.Account(ctx, ids[random.IntN(len(ids))])
				if err == nil {
					return a
				}
			}
		}
		done, outdated := 0, 0
		for range 120 {
			if done > 60 && outdated > 3 {
				break
			}
			a, u := any(), users[random.IntN(len(users))]
			var act store.Act
			var name string
			switch random.IntN(8) {
			case 0:
				name, act = "give", store.ActGive(a.ID, u.ID, backoffice.NewGrant{})
			case 1:
				name, act = "revoke", store.ActRevoke(a.ID, u.ID)
			case 2:
				name, act = "move", store.ActMove(a.ID, any().ID)
			case 3:
				name, act = "to the top", store.ActMove(a.ID, "")
			case 4:
				name, act = "default", store.ActDefault(a.ID, backoffice.AccessDefaults()[random.IntN(3)])
			case 5:
				name, act = "ability", store.ActManage(a.ID, random.IntN(3) > 0)
			case 6:
				if random.IntN(3) > 0 {
					continue
				}
				name, act = "move up, then delete", store.ActDelete(a.ID, a.Name, true, new(string))
			case 7:
				name, act = "remove", store.ActRemoveMember(a.ID, u.ID, new(string))
			}
			before := held(t, s, users)
			change, err := s.TryReach(ctx, cmd, a, act)
			if after := held(t, s, users); len(counted(before, after)) != 0 {
				t.Fatalf("%s: the preview was done", name)
			}
			var problems backoffice.Problems
			var refusal backoffice.Refusal
			if errors.As(err, &problems) || errors.As(err, &refusal) || errors.Is(err, backoffice.ErrNotFound) {
				if err2 := s.Confirm(ctx, cmd, a, act, "x"); err2 == nil || errors.Is(err2, backoffice.ErrOutdated) {
					t.Fatalf("%s: previewed %v, then %v", name, err, err2)
				}
				continue
			}
			must(err)
			// Another tab meanwhile.
			other, b, v := random.IntN(4), any(), users[random.IntN(len(users))]
			if other == 0 {
				if err := s.GiveAccess(ctx, cmd, b.ID, v.ID, backoffice.NewGrant{}); err == nil {
					before = held(t, s, users)
				}
			}
			err = s.Confirm(ctx, cmd, a, act, change.Digest)
			after := held(t, s, users)
			got, want := counted(before, after), previewed(change)
			if errors.Is(err, backoffice.ErrOutdated) {
				if other != 0 || len(got) != 0 {
					t.Fatalf("%s: outdated, other tab %d, and %v changed", name, other, got)
				}
				outdated++
				continue
			}
			must(err)
			done++
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s at %s: it did %v, and the preview said %v", name, a.ID, got, want)
			}
		}
		if done < 20 {
			t.Errorf("%d acts were done", done)
		}
		agree(t, s)
	})
}

// Two tabs: what one confirms has to be what it was shown.
func TestConfirmationsAreBound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		nord, a, a1, _ := reseller(t, s)
		hana := userNamed(t, s, "hana@nord.example")
		signInOf(t, s, hana.Email, "nord", "1")
		fresh := func(id string) backoffice.Account {
			t.Helper()
			b, err := s.Account(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		nord = fresh("nord")
		n := 0
		another := func() error { // account below, in another tab
			n++
			_, err := s.CreateSubAccount(ctx, cmd, a1.ID, fmt.Sprint("Another ", n))
			return err
		}
		bound := func(name string, root backoffice.Account, act store.Act, meanwhile func() error, holds func() bool) {
			t.Helper()
			seen, err := s.TryReach(ctx, cmd, root, act)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := meanwhile(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := s.Confirm(ctx, cmd, root, act, seen.Digest); !errors.Is(err, backoffice.ErrOutdated) || holds() {
				t.Errorf("%s, changed since: %v", name, err)
			}
			now, err := s.TryReach(ctx, cmd, root, act)
			if err != nil || now.Digest == seen.Digest {
				t.Errorf("%s: the digest stayed, %v", name, err)
			}
			if err := s.Confirm(ctx, cmd, root, act, now.Digest); err != nil || !holds() {
				t.Errorf("%s, seen anew: %v", name, err)
			}
		}
		given := func() bool { _, ok, _ := s.GrantOf(ctx, nord.Key, hana.Key); return ok }
		bound("give", nord, store.ActGive("nord", hana.ID, backoffice.NewGrant{Reason: "Runs it"}), another, given)
		bound("revoke", nord, store.ActRevoke("nord", hana.ID), another, func() bool { return !given() })
		if err := s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		parent := func(id, want string) func() bool { return func() bool { return fresh(id).ParentID == want } }
		bound("move", a1, store.ActMove(a1.ID, "nord"), func() error {
			uma, err := s.AddUser(ctx, cmd, a.ID, backoffice.NewMember{Email: "uma@nord.example", Roles: []string{backoffice.RoleReadOnly}})
			if err == nil {
				signInOf(t, s, uma.Email, a.ID, "2")
				err = s.SetReseller(ctx, cmd, a.ID, true)
			}
			if err == nil {
				err = s.GiveAccess(ctx, cmd, a.ID, uma.ID, backoffice.NewGrant{})
			}
			return err
		}, parent(a1.ID, "nord"))
		// The policy that it comes under is shown, and bound as well.
		bound("move under another policy", a1, store.ActMove(a1.ID, a.ID), func() error {
			return s.SavePolicy(ctx, cmd, a.ID, backoffice.PolicyRules{History: backoffice.Some(5)}, 0)
		}, parent(a1.ID, a.ID))
		bound("ability", nord, store.ActManage("nord", false), another, func() bool { return !fresh("nord").IsReseller })
		bound("ability again", nord, store.ActManage("nord", true), another, func() bool { return fresh("nord").IsReseller })
		member := func(email string) func() error {
			return func() error {
				_, err := s.AddUser(ctx, cmd, "nord", backoffice.NewMember{Email: email, Roles: []string{backoffice.RoleReadOnly}})
				if err == nil {
					signInOf(t, s, email, "nord", email)
				}
				return err
			}
		}
		bound("default", nord, store.ActDefault("nord", backoffice.AccessAlways), member("tom@nord.example"), func() bool { return fresh("nord").SubAccess == backoffice.AccessAlways })
		tom := userNamed(t, s, "tom@nord.example")
		bound("remove a user", nord, store.ActRemoveMember("nord", tom.ID, new(string)), another, func() bool {
			_, _, err := s.Member(ctx, nord, tom.ID)
			return errors.Is(err, backoffice.ErrNotFound)
		})
		bound("move up, then delete", a, store.ActDelete(a.ID, a.Name, true, new(string)), func() error {
			_, err := s.AddUser(ctx, cmd, a1.ID, backoffice.NewMember{Email: "uma@nord.example", Roles: []string{backoffice.RoleReadOnly}})
			return err
		}, func() bool { _, err := s.Account(ctx, a.ID); return errors.Is(err, backoffice.ErrNotFound) })
		if fresh(a1.ID).ParentID != "nord" {
			t.Error("what lay below was not moved up")
		}
		// Roles: the form shows what is held, not what is gained.
		seen, err := s.Held(ctx, nord, hana)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Confirm(ctx, cmd, nord, store.ActRoles("nord", hana.ID, []string{backoffice.RoleReadOnly}), seen); err != nil {
			t.Errorf("roles: %v", err)
		}
		if err := s.Confirm(ctx, cmd, nord, store.ActRoles("nord", hana.ID, []string{backoffice.RoleAdmin}), seen); !errors.Is(err, backoffice.ErrOutdated) {
			t.Errorf("roles that were changed since: %v", err)
		}
		// Unbound, as over the API.
		if err := s.Confirm(ctx, cmd, nord, store.ActRoles("nord", hana.ID, []string{backoffice.RoleAdmin}), ""); err != nil {
			t.Errorf("unbound: %v", err)
		}
		childless, err := s.CreateSubAccount(ctx, cmd, "nord", "Childless")
		if err != nil {
			t.Fatal(err)
		}
		bound("remove", childless, store.ActRemove(childless.ID, new(string)), func() error {
			_, err := s.AddUser(ctx, cmd, childless.ID, backoffice.NewMember{Email: "zoe@nord.example", Roles: []string{backoffice.RoleReadOnly}})
			return err
		}, func() bool { _, err := s.Account(ctx, childless.ID); return errors.Is(err, backoffice.ErrNotFound) })
		agree(t, s)
	})
}

// What an account was deleted from, who reached its sub-accounts by it loses
// them, and who comes from above keeps them.
func TestPreviewOfMovingUpThenDeleting(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, a, a1, _ := reseller(t, s)
		if _, err := s.CreateSubAccount(ctx, cmd, a1.ID, "Nord A 1 a"); err != nil {
			t.Fatal(err)
		}
		hana := userNamed(t, s, "hana@nord.example")
		signInOf(t, s, hana.Email, "nord", "1")
		if err := s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		uma, err := s.AddUser(ctx, cmd, a.ID, backoffice.NewMember{Email: "uma@nord.example", Roles: []string{backoffice.RoleReadOnly}})
		if err != nil {
			t.Fatal(err)
		}
		signInOf(t, s, uma.Email, a.ID, "2")
		if err := s.SetReseller(ctx, cmd, a.ID, true); err != nil {
			t.Fatal(err)
		}
		if err := s.GiveAccess(ctx, cmd, a.ID, uma.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		a, err = s.Account(ctx, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		try, err := s.TryReach(ctx, cmd, a, store.ActDelete(a.ID, a.Name, true, new(string)))
		if want := "2 users lose access to up to 3 accounts."; err != nil || try.Sentence() != want {
			t.Errorf("%q, %v, want %q", try.Sentence(), err, want)
		}
		if n := previewed(try); n[uma.ID+" loses"] != 3 || n[hana.ID+" loses"] != 1 || len(n) != 2 {
			t.Errorf("%v", n)
		}
		// At the top, too.
		if err := s.MoveAccount(ctx, cmd, a.ID, ""); err != nil {
			t.Fatal(err)
		}
		if try, err = s.TryReach(ctx, cmd, a, store.ActDelete(a.ID, a.Name, true, new(string))); err != nil || try.Sentence() != "uma@nord.example loses access to 3 accounts." {
			t.Errorf("at the top: %q, %v", try.Sentence(), err)
		}
	})
}
