package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// The removal of an application from an account is taken back: how the account had
// it, and to whom it was given, but for what was revoked since.
func TestReturnApplication(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		try := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		account, err := s.CreateAccount(ctx, cmd, backoffice.NewAccount{Name: "Nord", ID: "nord"})
		try(err)
		people := map[string]backoffice.User{}
		for _, name := range []string{"ana", "bo", "cem", "dua", "eva"} {
			people[name], err = s.AddUser(ctx, cmd, "nord", backoffice.NewMember{Email: name + "@nord.example", Roles: []string{backoffice.RoleReadOnly}})
			try(err)
		}
		wiki, everywhere := application(t, s, backoffice.Application{Name: "Wiki", Active: true}), application(t, s, backoffice.Application{Name: "Everywhere", Active: true, AutoAssigned: true})
		assign := func(auto bool) {
			t.Helper()
			_, err := s.AssignApplications(ctx, cmd, "nord", []string{wiki.ID}, auto)
			try(err)
		}
		remove := func(id string) string {
			t.Helper()
			clock.Add(time.Minute)
			try(s.RemoveApplication(ctx, cmd, "nord", id))
			removal, err := s.LastRemoval(ctx, "nord", id)
			try(err)
			clock.Add(time.Minute)
			return removal
		}
		undo := func(id, removal string) error { return s.ReturnApplication(ctx, cmd, "nord", id, removal) }
		have := func(id string) string {
			t.Helper()
			v, err := s.AccountApplication(ctx, account.Key, id)
			if errors.Is(err, backoffice.ErrNotFound) {
				return "none"
			}
			try(err)
			var names []string
			for name, u := range people {
				list, err := s.UserApplications(ctx, u.Key, account.Key)
				try(err)
				if slices.ContainsFunc(list, func(a backoffice.UserApplication) bool { return a.ID == id }) {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			return fmt.Sprintf("%s: %s", v.Path, strings.Join(names, " "))
		}
		expect := func(what, id, want string) {
			t.Helper()
			if got := have(id); got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		refused := func(what, id, removal, why string) {
			t.Helper()
			before := have(id)
			var refusal backoffice.Refusal
			if err := undo(id, removal); !errors.As(err, &refusal) || !strings.Contains(refusal.Error(), why) {
				t.Errorf("%s: %v", what, err)
			}
			expect(what, id, before)
		}

		// offered holds the trail to offering the undo of a removal, or not.
		offered := func(what, id, removal string, want bool) {
			t.Helper()
			page, err := s.Events(ctx, backoffice.EventFilter{Object: id}, "", 0)
			try(err)
			i := slices.IndexFunc(page.Rows, func(e backoffice.EventRow) bool { return e.Undo == removal })
			if i < 0 || page.Rows[i].Undoable != want {
				t.Errorf("%s: the trail offers the undo: %v", what, !want)
			}
		}

		assign(false)
		for _, name := range []string{"ana", "bo", "cem", "dua", "eva"} {
			try(s.GiveApplication(ctx, cmd, "nord", wiki.ID, people[name].ID))
		}
		try(s.TakeApplication(ctx, cmd, "nord", wiki.ID, people["eva"].ID))
		first := remove(wiki.ID)
		expect("removed", wiki.ID, "none")
		// Meanwhile one is removed from the account, one is put into the bin, and one is
		// removed and added anew.
		gone, err := s.RemoveMember(ctx, cmd, "nord", people["bo"].ID)
		try(err)
		_, err = s.DeleteUser(ctx, cmd, people["cem"].ID)
		try(err)
		_, err = s.RemoveMember(ctx, cmd, "nord", people["dua"].ID)
		try(err)
		clock.Add(time.Minute)
		_, err = s.AddUser(ctx, cmd, "nord", backoffice.NewMember{Email: "dua@nord.example", Roles: []string{backoffice.RoleReadOnly}})
		try(err)
		try(undo(wiki.ID, first))
		expect("undone", wiki.ID, "manual: ana")
		if err := undo(wiki.ID, first); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("undone twice: %v", err)
		}
		// Who comes back by undo has it again.
		try(s.RestoreMember(ctx, cmd, "nord", people["bo"].ID, gone))
		_, err = s.RestoreUser(ctx, cmd, people["cem"].ID)
		try(err)
		expect("they are back", wiki.ID, "manual: ana bo cem")

		// Assigned again, it is not undone, and begins without users; the next removal
		// keeps what there is then.
		second := remove(wiki.ID)
		offered("removed once more", wiki.ID, second, true)
		assign(true)
		if err := undo(wiki.ID, second); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("assigned again: %v", err)
		}
		offered("assigned again", wiki.ID, second, false)
		expect("assigned again", wiki.ID, "account: ana bo cem dua eva")
		third := remove(wiki.ID)
		if err := undo(wiki.ID, second); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("an earlier removal: %v", err)
		}
		try(undo(wiki.ID, third))
		expect("as the account had it", wiki.ID, "account: ana bo cem dua eva")
		try(s.SetAutoAssignment(ctx, cmd, "nord", wiki.ID, false))

		// What all accounts start with comes back while they do.
		fourth := remove(everywhere.ID)
		expect("taken from one account", everywhere.ID, "none")
		try(undo(everywhere.ID, fourth))
		expect("given back", everywhere.ID, "environment: ana bo cem dua eva")
		fifth := remove(everywhere.ID)
		offered("away from one account", everywhere.ID, fifth, true)
		try(s.SetAutoAssigned(ctx, cmd, everywhere.ID, false))
		refused("no more everywhere", everywhere.ID, fifth, "is not assigned to all accounts any more")
		offered("no more everywhere", everywhere.ID, fifth, false)
		sixth := remove(wiki.ID)
		try(s.SetAutoAssigned(ctx, cmd, wiki.ID, true))
		refused("everywhere by now", wiki.ID, sixth, "again meanwhile")
		offered("everywhere by now", wiki.ID, sixth, false)
		try(s.SetAutoAssigned(ctx, cmd, wiki.ID, false))

		// What is not theirs, not there, or too old.
		seventh := remove(wiki.ID)
		if err := undo(everywhere.ID, seventh); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("of another application: %v", err)
		}
		if err := s.ReturnApplication(ctx, backoffice.Actor{Kind: backoffice.ActorStaff, Role: backoffice.Viewer}, "nord", wiki.ID, seventh); !errors.Is(err, backoffice.ErrForbidden) {
			t.Errorf("a Viewer: %v", err)
		}
		if page, err := s.Events(ctx, backoffice.EventFilter{Object: wiki.ID}, "", 1); err != nil || !page.Rows[0].Undoable || page.Rows[0].Undo != seventh {
			t.Errorf("in the trail: %+v, %v", page.Rows, err)
		}
		clock.Add(backoffice.BinDays * 24 * time.Hour)
		if err := undo(wiki.ID, seventh); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("after 30 days: %v", err)
		}
		clock.Add(time.Hour)
		try(s.Forget(ctx))
		kept := storetest.Dump(t, s)
		for _, table := range []string{"removed_assignments", "removed_user_applications"} {
			if rows, ok := kept[table]; !ok || len(rows) > 0 {
				t.Errorf("%s keeps %v (%v)", table, rows, ok)
			}
		}
	})
}

// The undo gives the application to nobody whose access from above ended since, be
// it that they have some anew; whose access only changed has it again, and so has
// who became a member besides.
func TestReturnApplicationToWhoStandsAbove(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		try := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		_, below, _, _ := reseller(t, s)
		wiki := application(t, s, backoffice.Application{Name: "Wiki", Active: true})
		_, err := s.AssignApplications(ctx, cmd, below.ID, []string{wiki.ID}, false)
		try(err)
		lasting, short := backoffice.NewGrant{}, backoffice.NewGrant{EndsAt: clock.Now().Add(time.Hour)}
		people := map[string]backoffice.User{}
		for who, g := range map[string]backoffice.NewGrant{"stays": lasting, "changed": lasting, "member": lasting, "anew": lasting, "ended": short, "added anew": lasting, "removed": lasting, "returned": lasting} {
			email := strings.ReplaceAll(who, " ", "-") + "@nord.example"
			u, err := s.AddUser(ctx, cmd, "nord", backoffice.NewMember{Email: email, Roles: []string{backoffice.RoleReadOnly}})
			try(err)
			_, err = s.RecordVisits(ctx, cmd, []backoffice.Visit{{AccountID: "nord", Email: email, At: clock.Now()}})
			try(err)
			try(s.GiveAccess(ctx, cmd, "nord", u.ID, g))
			try(s.GiveApplication(ctx, cmd, below.ID, wiki.ID, u.ID))
			people[who] = u
		}
		clock.Add(time.Minute)
		try(s.RemoveApplication(ctx, cmd, below.ID, wiki.ID))
		removal, err := s.LastRemoval(ctx, below.ID, wiki.ID)
		try(err)
		clock.Add(2 * time.Hour)

		try(s.GiveAccess(ctx, cmd, "nord", people["changed"].ID, backoffice.NewGrant{Reason: "Support"}))
		_, err = s.AddUser(ctx, cmd, below.ID, backoffice.NewMember{Email: people["member"].Email, Roles: []string{backoffice.RoleReadOnly}})
		try(err)
		try(s.RevokeAccess(ctx, cmd, "nord", people["anew"].ID))
		removals := map[string]string{}
		for _, who := range []string{"added anew", "removed", "returned"} {
			clock.Add(time.Second)
			removals[who], err = s.RemoveMember(ctx, cmd, "nord", people[who].ID)
			try(err)
		}
		clock.Add(time.Minute)
		for _, who := range []string{"anew", "ended"} {
			try(s.GiveAccess(ctx, cmd, "nord", people[who].ID, lasting))
		}
		again := people["added anew"].Email
		_, err = s.AddUser(ctx, cmd, "nord", backoffice.NewMember{Email: again, Roles: []string{backoffice.RoleReadOnly}})
		try(err)
		_, err = s.RecordVisits(ctx, cmd, []backoffice.Visit{{AccountID: "nord", Email: again, At: clock.Now()}})
		try(err)
		try(s.GiveAccess(ctx, cmd, "nord", people["added anew"].ID, lasting))
		try(s.RestoreMember(ctx, cmd, "nord", people["returned"].ID, removals["returned"]))
		try(s.ReturnApplication(ctx, cmd, below.ID, wiki.ID, removal))
		try(s.RestoreMember(ctx, cmd, "nord", people["removed"].ID, removals["removed"]))

		for who, u := range people {
			list, err := s.UserApplications(ctx, u.Key, below.Key)
			try(err)
			if want := who != "anew" && who != "ended" && who != "added anew"; (len(list) == 1) != want {
				t.Errorf("%s: %+v, and should have it: %v", who, list, want)
			}
		}
		agree(t, s)
	})
}
