package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

func TestUsersOfAnApplicationInPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, below, _, _ := reseller(t, s)
		hana := userNamed(t, s, "hana@nord.example")
		signInOf(t, s, hana.Email, "nord", "1")
		if err := s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		const n = 60
		for i := range n {
			if _, err := s.AddUser(ctx, cmd, below.ID, backoffice.NewMember{Email: fmt.Sprintf("u%02d@nord.example", i), Roles: []string{backoffice.RoleReadOnly}}); err != nil {
				t.Fatal(err)
			}
		}
		wiki := application(t, s, backoffice.Application{Name: "Wiki", Active: true})
		at := accountOfID(t, s, below.ID)
		list := func(f backoffice.ApplicationUserFilter) backoffice.ApplicationUsersPage {
			t.Helper()
			page, err := s.ApplicationUsers(ctx, at.Key, wiki.Key, f)
			if err != nil {
				t.Fatal(err)
			}
			return page
		}
		if p := list(backoffice.ApplicationUserFilter{Others: true}); len(p.Rows) != 0 {
			t.Fatalf("of an application that the account does not have: %+v", p)
		}
		if _, err := s.AccountApplication(ctx, at.Key, wiki.ID); !errors.Is(err, backoffice.ErrNotFound) {
			t.Fatal(err)
		}
		if _, err := s.AssignApplications(ctx, cmd, below.ID, []string{wiki.ID}, false); err != nil {
			t.Fatal(err)
		}
		// All pages forth and back, with who comes in by grant.
		walk := func(f backoffice.ApplicationUserFilter) (all []string) {
			t.Helper()
			var back []string
			for {
				p := list(f)
				for _, u := range p.Rows {
					all = append(all, u.Email)
					if u.Granted != (u.UserID == hana.ID) {
						t.Fatalf("granted: %+v", u)
					}
				}
				if p.Next == "" {
					for len(back) < len(all)-len(p.Rows) {
						f.After, f.Before = "", p.Prev
						if p = list(f); len(p.Rows) == 0 {
							t.Fatal("nothing before")
						}
						for i := range p.Rows {
							back = append(back, p.Rows[len(p.Rows)-1-i].Email)
						}
					}
					return all
				}
				f.After = p.Next
			}
		}
		others := walk(backoffice.ApplicationUserFilter{Others: true})
		if len(others) != n+1 || others[0] != "hana@nord.example" || others[n] != fmt.Sprintf("u%02d@nord.example", n-1) {
			t.Fatalf("others: %d %v", len(others), others)
		}
		if p := list(backoffice.ApplicationUserFilter{Others: true, Limit: n}); len(p.Rows) != n || p.Next == "" || len(list(backoffice.ApplicationUserFilter{Others: true, Limit: n, After: p.Next}).Rows) != 1 {
			t.Fatalf("a longer page: %d, %q", len(p.Rows), p.Next)
		}
		if p := list(backoffice.ApplicationUserFilter{Others: true, Query: "U07"}); len(p.Rows) != 1 || p.Rows[0].Email != "u07@nord.example" || p.Rows[0].Has {
			t.Fatalf("searched: %+v", p)
		}
		only := []string{hana.ID, userNamed(t, s, "u59@nord.example").ID, userNamed(t, s, "u07@nord.example").ID, "nobody"}
		if p := list(backoffice.ApplicationUserFilter{Others: true, Only: only}); len(p.Rows) != 3 || p.Rows[0].UserID != hana.ID || p.Rows[1].Email != "u07@nord.example" || p.Next != "" {
			t.Fatalf("some of them: %+v", p)
		}
		for _, id := range []string{hana.ID, userNamed(t, s, "u07@nord.example").ID} {
			if err := s.GiveApplication(ctx, cmd, below.ID, wiki.ID, id); err != nil {
				t.Fatal(err)
			}
		}
		if p := list(backoffice.ApplicationUserFilter{Others: true, Only: only}); len(p.Rows) != 1 || p.Rows[0].Email != "u59@nord.example" {
			t.Fatalf("those of them who do not have it: %+v", p)
		}
		if got := walk(backoffice.ApplicationUserFilter{}); len(got) != 2 {
			t.Fatalf("have it: %v", got)
		}
		if got := walk(backoffice.ApplicationUserFilter{Others: true}); len(got) != n-1 {
			t.Fatalf("others: %d", len(got))
		}
		if v, err := s.AccountApplication(ctx, at.Key, wiki.ID); err != nil || v.Path != backoffice.ByHand || v.Users != 2 {
			t.Fatalf("%+v, %v", v, err)
		}
		if err := s.SetAutoAssignment(ctx, cmd, below.ID, wiki.ID, true); err != nil {
			t.Fatal(err)
		}
		if got := walk(backoffice.ApplicationUserFilter{}); len(got) != n+1 {
			t.Fatalf("all: %d", len(got))
		}
		if p := list(backoffice.ApplicationUserFilter{Others: true}); len(p.Rows) != 0 {
			t.Fatalf("others of all: %+v", p)
		}
	})
}

func TestAccountsOfAnApplication(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		for i := range 30 {
			create(t, s, fmt.Sprintf("Account %02d", i), fmt.Sprintf("a%02d", i), fmt.Sprintf("u@a%02d.example", i))
		}
		wiki := application(t, s, backoffice.Application{Name: "Wiki", Active: true})
		walk := func() (ids []string, last backoffice.ApplicationAccount) {
			t.Helper()
			after := ""
			for {
				a, err := s.Application(ctx, wiki.ID)
				if err != nil {
					t.Fatal(err)
				}
				p, err := s.ApplicationAccounts(ctx, a, after, "")
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range p.Rows {
					ids, last = append(ids, v.Account.ID), v
				}
				if p.Next == "" {
					return ids, last
				}
				after = p.Next
			}
		}
		if ids, _ := walk(); len(ids) != 0 {
			t.Fatal(ids)
		}
		if _, err := s.AssignApplications(ctx, cmd, "a07", []string{wiki.ID}, true); err != nil {
			t.Fatal(err)
		}
		if ids, v := walk(); len(ids) != 1 || v.Path != backoffice.ByAccount || v.Users != 1 {
			t.Fatalf("%v %+v", ids, v)
		}
		if err := s.SetAutoAssigned(ctx, cmd, wiki.ID, true); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveApplication(ctx, cmd, "a03", wiki.ID); err != nil {
			t.Fatal(err)
		}
		if ids, v := walk(); len(ids) != 29 || ids[3] != "a04" || v.Path != backoffice.ByEnvironment || v.Users != 1 {
			t.Fatalf("%v %+v", ids, v)
		}
	})
}

func TestFormsOfApplicationsSentTwice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		hash := []byte("0123456789abcdef0123456789abcdef")
		a := backoffice.Application{ID: "0197a3f2-7c1e-7b7a-9d55-0123456789ab", Name: "Wiki", Kind: backoffice.WebApplication, RedirectURIs: []string{"https://wiki.example/callback"}}
		made, err := s.CreateApplication(ctx, cmd, a, hash)
		if err != nil || made.ID != a.ID {
			t.Fatalf("%+v, %v", made, err)
		}
		if _, err := s.CreateApplication(ctx, cmd, a, hash); !errors.Is(err, backoffice.ErrConflict) {
			t.Fatalf("sent twice: %v", err)
		}
		secrets, err := s.ApplicationSecrets(ctx, made.Key)
		if err != nil || len(secrets) != 1 {
			t.Fatalf("%+v, %v", secrets, err)
		}
		if err := s.RotateApplicationSecret(ctx, cmd, a.ID, secrets[0].Key, hash); err != nil {
			t.Fatal(err)
		}
		if err := s.RotateApplicationSecret(ctx, cmd, a.ID, secrets[0].Key, hash); !errors.Is(err, backoffice.ErrConflict) {
			t.Fatalf("rotated twice: %v", err)
		}
		if secrets, err = s.ApplicationSecrets(ctx, made.Key); err != nil || len(secrets) != 2 || secrets[1].EndsAt.IsZero() {
			t.Fatalf("%+v, %v", secrets, err)
		}
		if _, err := s.DeleteApplication(ctx, cmd, a.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateApplication(ctx, cmd, a, hash); !errors.Is(err, backoffice.ErrConflict) {
			t.Fatalf("sent again after it was deleted: %v", err)
		}
		if list, err := s.BinnedApplications(ctx); err != nil || len(list) != 1 || list[0].ID != a.ID || list[0].DeletedBy == "" || !list[0].PurgeAt.After(list[0].DeletedAt) {
			t.Fatalf("bin: %+v, %v", list, err)
		}
	})
}

func TestApplicationsInPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		for _, name := range []string{"wiki", "Books", "äpfel", "Chat", "agenda", "Äcker", "books 2"} {
			application(t, s, backoffice.Application{Name: name})
		}
		want, err := s.ApplicationsByName(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 2, 3, 6, 7, 8} {
			var have []backoffice.Application
			after, pages := "", 0
			for {
				page, next, err := s.ApplicationsAfter(ctx, after, n)
				if err != nil || len(page) > n || next != "" && next != page[n-1].ID {
					t.Fatalf("%d behind %q: %+v, %q, %v", n, after, page, next, err)
				}
				have = append(have, page...)
				if after = next; after == "" {
					break
				}
				if pages++; pages > len(want) {
					t.Fatal("the pages do not end")
				}
			}
			if !reflect.DeepEqual(have, want) {
				t.Errorf("in pages of %d: %+v, want %+v", n, have, want)
			}
		}
		// One that moved to the bin is a position still, one that never was is none.
		if _, err := s.DeleteApplication(ctx, backoffice.CommandLine(), want[2].ID); err != nil {
			t.Fatal(err)
		}
		if page, next, err := s.ApplicationsAfter(ctx, want[2].ID, 10); err != nil || next != "" || !reflect.DeepEqual(page, want[3:]) {
			t.Errorf("behind the bin: %+v, %q, %v", page, next, err)
		}
		if _, _, err := s.ApplicationsAfter(ctx, "nobody", 10); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("behind nobody: %v", err)
		}
	})
}

// A token assigns by its scope, as long as it works, and does nothing else with it.
func TestTokenAssigns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		create(t, s, "Nord", "nord", "hana@nord.example")
		hana := userNamed(t, s, "hana@nord.example")
		wiki := application(t, s, backoffice.Application{Name: "Wiki", Active: true})
		made := func(scope backoffice.Scope) backoffice.Actor {
			t.Helper()
			token, err := s.MakeToken(ctx, cmd, string(scope), []string{string(scope)}, []byte(scope))
			if err != nil {
				t.Fatal(err)
			}
			return token.Actor("")
		}
		verbs := []func(backoffice.Actor) error{
			func(a backoffice.Actor) error {
				_, err := s.AssignApplications(ctx, a, "nord", []string{wiki.ID}, false)
				return err
			},
			func(a backoffice.Actor) error { return s.GiveApplication(ctx, a, "nord", wiki.ID, hana.ID) },
			func(a backoffice.Actor) error { return s.TakeApplication(ctx, a, "nord", wiki.ID, hana.ID) },
			func(a backoffice.Actor) error { return s.SetAutoAssignment(ctx, a, "nord", wiki.ID, true) },
			func(a backoffice.Actor) error { return s.RemoveApplication(ctx, a, "nord", wiki.ID) },
		}
		writes := made(backoffice.ScopeWriteApplications)
		others := []backoffice.Actor{made(backoffice.ScopeReadApplications), made(backoffice.ScopeVisits), made(backoffice.ScopeAccounts), {Kind: backoffice.ActorToken, ID: "nobody", Scopes: writes.Scopes}}
		refused := func(verb func(backoffice.Actor) error, list ...backoffice.Actor) {
			t.Helper()
			for _, other := range list {
				if err := verb(other); !errors.Is(err, backoffice.ErrForbidden) {
					t.Errorf("%s %v: %v", other.Name, other.Scopes, err)
				}
			}
		}
		for i, verb := range verbs {
			refused(verb, others...)
			for range 2 {
				if err := verb(writes); err != nil {
					t.Errorf("verb %d: %v", i, err)
				}
			}
		}
		page, err := s.Events(ctx, backoffice.EventFilter{ActorID: writes.ID}, "", 10)
		if err != nil || len(page.Rows) != 5 || page.Rows[0].Kind != backoffice.ActorToken {
			t.Errorf("the trail: %+v, %v", page.Rows, err)
		}
		refused(func(a backoffice.Actor) error { return s.SetAutoAssigned(ctx, a, wiki.ID, true) }, writes)
		refused(func(a backoffice.Actor) error {
			_, err := s.DeleteApplication(ctx, a, wiki.ID)
			return err
		}, writes)
		refused(func(a backoffice.Actor) error { return s.MakeApplicationSecret(ctx, a, wiki.ID, []byte("x")) }, writes)
		if err := s.RevokeToken(ctx, cmd, writes.ID); err != nil {
			t.Fatal(err)
		}
		for _, verb := range verbs {
			refused(verb, writes)
		}
	})
}

// A page of users is asked for by what a page gave, and by nothing else: not by the
// ID of a user, whose address could be found out that way, nor with the cursor of
// another list.
func TestUsersOfAnApplicationAreNotBisected(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		reseller(t, s)
		nord := accountOfID(t, s, "nord")
		for i := range 60 {
			if _, err := s.AddUser(ctx, cmd, "nord", backoffice.NewMember{Email: fmt.Sprintf("u%02d@nord.example", i), Roles: []string{backoffice.RoleReadOnly}}); err != nil {
				t.Fatal(err)
			}
		}
		wiki := application(t, s, backoffice.Application{Name: "Wiki", Active: true, AutoAssigned: true})
		list := func(f backoffice.ApplicationUserFilter) backoffice.ApplicationUsersPage {
			t.Helper()
			page, err := s.ApplicationUsers(ctx, nord.Key, wiki.Key, f)
			if err != nil || len(page.Rows) == 0 {
				t.Fatalf("%+v, %v", page, err)
			}
			return page
		}
		first := list(backoffice.ApplicationUserFilter{}).Rows[0].Email
		next := list(backoffice.ApplicationUserFilter{}).Next
		for _, f := range []backoffice.ApplicationUserFilter{
			{After: userNamed(t, s, "sara@sued.example").ID},
			{Before: userNamed(t, s, "u40@nord.example").ID},
			{After: "u40@nord.example"},
			{After: next[:len(next)-2] + "AA"},
			{After: next, Customers: true},
		} {
			if have := list(f).Rows[0].Email; have != first {
				t.Errorf("%+v begins with %s", f, have)
			}
		}
		if have := list(backoffice.ApplicationUserFilter{After: next}).Rows[0].Email; have == first {
			t.Error("the page after the first is the first")
		}
	})
}

// Who comes into an account from above is counted in its own portal, and neither
// named nor given anything by its people, unless it manages sub-accounts and may see
// who can reach it.
func TestCustomersDoNotMeetWhoStandsAbove(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, below, _, _ := reseller(t, s)
		hana := userNamed(t, s, "hana@nord.example")
		signInOf(t, s, hana.Email, "nord", "1")
		try := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		try(s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}))
		_, err := s.AddUser(ctx, cmd, below.ID, backoffice.NewMember{Email: "uma@below.example", Roles: []string{backoffice.RoleAdmin}})
		try(err)
		uma, _ := signInOf(t, s, "uma@below.example", below.ID, "2")
		wiki := application(t, s, backoffice.Application{Name: "Wiki", Active: true})
		_, err = s.AssignApplications(ctx, cmd, below.ID, []string{wiki.ID}, false)
		try(err)
		names := func(f backoffice.ApplicationUserFilter, want ...string) {
			t.Helper()
			f.Customers = true
			page, err := s.ApplicationUsers(ctx, below.Key, wiki.Key, f)
			try(err)
			var have []string
			for _, r := range page.Rows {
				have = append(have, r.Email)
			}
			if fmt.Sprint(have) != fmt.Sprint(want) {
				t.Errorf("%+v: %v, want %v", f, have, want)
			}
		}
		give := func() error { return s.GiveApplication(ctx, uma.Actor(""), below.ID, wiki.ID, hana.ID) }
		take := func() error { return s.TakeApplication(ctx, uma.Actor(""), below.ID, wiki.ID, hana.ID) }
		names(backoffice.ApplicationUserFilter{Others: true}, "uma@below.example")
		names(backoffice.ApplicationUserFilter{Others: true, Query: "hana"})
		if err := give(); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("given to who stands above: %v", err)
		}
		try(s.GiveApplication(ctx, cmd, below.ID, wiki.ID, hana.ID))
		names(backoffice.ApplicationUserFilter{})
		if err := take(); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("taken from who stands above: %v", err)
		}
		if v, err := s.AccountApplication(ctx, below.Key, wiki.ID); err != nil || v.Users != 1 {
			t.Errorf("counted: %+v, %v", v, err)
		}
		try(s.SetReseller(ctx, cmd, below.ID, true))
		names(backoffice.ApplicationUserFilter{}, "hana@nord.example")
		try(take())
		names(backoffice.ApplicationUserFilter{Others: true}, "hana@nord.example", "uma@below.example")
		try(give())
	})
}
