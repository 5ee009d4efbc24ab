package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// When an application ceases to be everybody's, whoever comes back later has it as
// those who stayed do: from the bin, after a removal, or as access that rested;
// whose access had ended does not, whichever way they come.
func TestKeptByWhoComesBack(t *testing.T) {
	for name, off := range map[string]func(s *store.Store, accountID, applicationID string, on bool) error{
		"account": func(s *store.Store, accountID, applicationID string, on bool) error {
			if _, err := s.AssignApplications(ctx, backoffice.CommandLine(), accountID, []string{applicationID}, true); err != nil || on {
				return err
			}
			return s.SetAutoAssignment(ctx, backoffice.CommandLine(), accountID, applicationID, false)
		},
		"environment": func(s *store.Store, _, applicationID string, on bool) error {
			return s.SetAutoAssigned(ctx, backoffice.CommandLine(), applicationID, on)
		},
		"default": func(s *store.Store, _, applicationID string, on bool) error {
			return s.SetDefaultApplication(ctx, backoffice.CommandLine(), applicationID, on)
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
				cmd := backoffice.CommandLine()
				_, below, deep, _ := reseller(t, s)
				wiki := application(t, s, backoffice.Application{Name: "Wiki", Active: true})
				try := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				try(off(s, deep.ID, wiki.ID, true))
				users := map[string]backoffice.User{}
				add := func(account, who string, g *backoffice.NewGrant) backoffice.User {
					t.Helper()
					email := who + "@nord.example"
					u, err := s.AddUser(ctx, cmd, account, backoffice.NewMember{Email: email, Roles: []string{backoffice.RoleReadOnly}})
					try(err)
					_, err = s.RecordVisits(ctx, cmd, []backoffice.Visit{{AccountID: account, Email: email, At: clock.Now()}})
					try(err)
					if g != nil {
						try(s.GiveAccess(ctx, cmd, account, u.ID, *g))
					}
					users[who] = u
					return u
				}
				all, ends := &backoffice.NewGrant{}, &backoffice.NewGrant{EndsAt: clock.Now().Add(time.Minute)}
				removals := map[string]string{}
				remove := func(account, who string) {
					t.Helper()
					clock.Add(time.Second)
					removal, err := s.RemoveMember(ctx, cmd, account, users[who].ID)
					try(err)
					removals[who] = removal
				}
				bin := func(who string) {
					t.Helper()
					clock.Add(time.Second)
					_, err := s.DeleteUser(ctx, cmd, users[who].ID)
					try(err)
				}
				add(deep.ID, "stays", nil)
				add(deep.ID, "removed", nil)
				add(deep.ID, "binned", nil)
				add("nord", "above", all)
				add("nord", "above-removed", all)
				add("nord", "above-binned", all)
				add("nord", "above-disabled", all)
				add("nord", "above-removed-disabled", all)
				add("nord", "above-ended", ends)
				add("nord", "above-ended-removed", ends)
				add("nord", "above-without", nil)
				for _, who := range []string{"above-disabled", "above-removed-disabled"} {
					try(s.SetMemberDisabled(ctx, cmd, "nord", users[who].ID, true))
				}
				remove(deep.ID, "removed")
				remove("nord", "above-removed")
				remove("nord", "above-removed-disabled")
				remove("nord", "above-ended-removed")
				bin("binned")
				bin("above-binned")
				clock.Add(2 * time.Minute)

				try(off(s, deep.ID, wiki.ID, false))
				count := func(what string, want int64) {
					t.Helper()
					if v, err := s.AccountApplication(ctx, deep.Key, wiki.ID); err != nil || v.Path != backoffice.ByHand || v.Users != want {
						t.Fatalf("%s: %+v, %v; want %d users", what, v, err, want)
					}
				}
				count("after it ended", 2)
				try(s.SetReseller(ctx, cmd, "nord", false))
				count("while access rests", 1)
				try(s.Forget(ctx))
				try(s.SetReseller(ctx, cmd, "nord", true))
				count("when it is back", 2)

				try(s.SetMemberDisabled(ctx, cmd, "nord", users["above-disabled"].ID, false))
				try(s.RestoreMember(ctx, cmd, deep.ID, users["removed"].ID, removals["removed"]))
				for _, who := range []string{"above-removed", "above-removed-disabled", "above-ended-removed"} {
					try(s.RestoreMember(ctx, cmd, "nord", users[who].ID, removals[who]))
				}
				try(s.SetMemberDisabled(ctx, cmd, "nord", users["above-removed-disabled"].ID, false))
				for _, who := range []string{"binned", "above-binned"} {
					_, err := s.RestoreUser(ctx, cmd, users[who].ID)
					try(err)
				}
				for _, who := range []string{"above-ended", "above-ended-removed", "above-without"} {
					try(s.GiveAccess(ctx, cmd, "nord", users[who].ID, *all))
				}
				has := map[string]bool{"stays": true, "removed": true, "binned": true, "above": true, "above-removed": true, "above-binned": true, "above-disabled": true, "above-removed-disabled": true}
				for who, u := range users {
					_, why, err := s.Entry(ctx, u.Key, deep.Key, wiki.Key)
					if err != nil || (why == backoffice.EntryOpen) != has[who] {
						t.Errorf("%s: %q, %v", who, why, err)
					}
				}
				count("all back", int64(len(has)))
				// Between the two nobody is but those above.
				if name != "account" {
					if v, err := s.AccountApplication(ctx, below.Key, wiki.ID); err != nil || v.Users != 5 {
						t.Fatalf("between: %+v, %v", v, err)
					}
				}
				agree(t, s)
			})
		})
	}
}

// What was taken while access rested does not come back with it, nor what rests
// for who has lost the access meanwhile.
func TestRestingAccessKeepsWhatIsLeft(t *testing.T) {
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
		var apps []backoffice.Application
		var ids []string
		for i := range 2 {
			apps = append(apps, application(t, s, backoffice.Application{Name: fmt.Sprint("Application ", i), Active: true}))
			ids = append(ids, apps[i].ID)
		}
		give := func() {
			t.Helper()
			_, err := s.AssignApplications(ctx, cmd, below.ID, ids, false)
			try(err)
			try(s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}))
			for _, id := range ids {
				try(s.GiveApplication(ctx, cmd, below.ID, id, hana.ID))
			}
		}
		has := func(what string, want int) {
			t.Helper()
			list, err := s.UserApplications(ctx, hana.Key, below.Key)
			if err != nil || len(list) != want {
				t.Fatalf("%s: %+v, %v; want %d", what, list, err, want)
			}
		}
		for what, rest := range map[string]func(off bool) error{
			"disabled":  func(off bool) error { return s.SetMemberDisabled(ctx, cmd, "nord", hana.ID, off) },
			"no longer": func(off bool) error { return s.SetReseller(ctx, cmd, "nord", !off) },
		} {
			give()
			has(what, 2)
			try(rest(true))
			has(what+", while it rests", 0)
			try(s.RemoveApplication(ctx, cmd, below.ID, ids[0]))
			try(s.Forget(ctx))
			try(rest(false))
			has(what+", again", 1)
			try(rest(true))
			try(s.RevokeAccess(ctx, cmd, "nord", hana.ID))
			try(rest(false))
			try(s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}))
			has(what+", revoked while it rested", 0)
		}
	})
}

// What was given by hand comes back with the account and who stood in it, whichever
// of the two is restored first; what ended while the account was in the bin does not.
func TestRestoredInAnyOrder(t *testing.T) {
	for _, first := range []string{"account", "people"} {
		t.Run(first, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
				cmd := backoffice.CommandLine()
				_, _, deep, _ := reseller(t, s)
				wiki := application(t, s, backoffice.Application{Name: "Wiki", Active: true})
				try := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				gone, kept := application(t, s, backoffice.Application{Name: "Gone", Active: true}), []string{}
				_, err := s.AssignApplications(ctx, cmd, deep.ID, []string{wiki.ID, gone.ID}, false)
				try(err)
				users := map[string]backoffice.User{}
				for _, who := range []string{"stays", "binned", "above-binned", "above-removed", "above-revoked", "above-returned-once"} {
					account, email := "nord", who+"@nord.example"
					if who == "stays" || who == "binned" {
						account = deep.ID
					}
					u, err := s.AddUser(ctx, cmd, account, backoffice.NewMember{Email: email, Roles: []string{backoffice.RoleReadOnly}})
					try(err)
					_, err = s.RecordVisits(ctx, cmd, []backoffice.Visit{{AccountID: account, Email: email, At: clock.Now()}})
					try(err)
					if account == "nord" {
						try(s.GiveAccess(ctx, cmd, account, u.ID, backoffice.NewGrant{}))
					}
					for _, id := range []string{wiki.ID, gone.ID} {
						try(s.GiveApplication(ctx, cmd, deep.ID, id, u.ID))
					}
					users[who] = u
					if who != "above-revoked" {
						kept = append(kept, who)
					}
				}
				try(s.RemoveApplication(ctx, cmd, deep.ID, gone.ID))
				removal, err := s.LastRemoval(ctx, deep.ID, gone.ID)
				try(err)
				clock.Add(time.Second)
				once, err := s.RemoveMember(ctx, cmd, "nord", users["above-returned-once"].ID)
				try(err)
				clock.Add(time.Second)
				try(s.RestoreMember(ctx, cmd, "nord", users["above-returned-once"].ID, once))
				clock.Add(time.Second)
				deletion, err := s.DeleteAccount(ctx, cmd, deep.ID, deep.Name, false)
				try(err)
				removals := map[string]string{}
				for _, who := range []string{"above-removed", "above-returned-once"} {
					clock.Add(time.Second)
					removals[who], err = s.RemoveMember(ctx, cmd, "nord", users[who].ID)
					try(err)
				}
				for _, who := range []string{"binned", "above-binned"} {
					clock.Add(time.Second)
					_, err = s.DeleteUser(ctx, cmd, users[who].ID)
					try(err)
				}
				try(s.RevokeAccess(ctx, cmd, "nord", users["above-revoked"].ID))
				clock.Add(time.Second)

				account := func() {
					t.Helper()
					_, err := s.Restore(ctx, cmd, deletion)
					try(err)
					clock.Add(time.Second)
				}
				if first == "account" {
					account()
				}
				for who, id := range removals {
					try(s.RestoreMember(ctx, cmd, "nord", users[who].ID, id))
					clock.Add(time.Second)
				}
				for _, who := range []string{"binned", "above-binned"} {
					_, err := s.RestoreUser(ctx, cmd, users[who].ID)
					try(err)
					clock.Add(time.Second)
				}
				if first == "people" {
					account()
				}
				try(s.ReturnApplication(ctx, cmd, deep.ID, gone.ID, removal))
				try(s.GiveAccess(ctx, cmd, "nord", users["above-revoked"].ID, backoffice.NewGrant{}))
				for who, u := range users {
					list, err := s.UserApplications(ctx, u.Key, deep.Key)
					try(err)
					if want := slices.Contains(kept, who); want && len(list) != 2 || !want && len(list) != 0 {
						t.Errorf("%s: %+v, and should have them: %v", who, list, want)
					}
				}
				agree(t, s)
			})
		})
	}
}
