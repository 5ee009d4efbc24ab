package store_test

import (
	"errors"
	"fmt"
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
		if p := list(backoffice.ApplicationUserFilter{Others: true, Query: "U07"}); len(p.Rows) != 1 || p.Rows[0].Email != "u07@nord.example" || p.Rows[0].Has {
			t.Fatalf("searched: %+v", p)
		}
		for _, id := range []string{hana.ID, userNamed(t, s, "u07@nord.example").ID} {
			if err := s.GiveApplication(ctx, cmd, below.ID, wiki.ID, id); err != nil {
				t.Fatal(err)
			}
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
