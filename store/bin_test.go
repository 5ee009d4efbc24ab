package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// family imports accounts with their parents, each line "id parent".
func family(t *testing.T, s *store.Store, lines ...[2]string) {
	t.Helper()
	accounts := "id,name,parent_id\n"
	for _, l := range lines {
		accounts += l[0] + ",Account " + l[0] + "," + l[1] + "\n"
	}
	bring(t, s, accounts, "")
}

func bring(t *testing.T, s *store.Store, accounts, users string) {
	t.Helper()
	run, err := s.PlanImport(ctx, actor, true, func(yield func(store.ImportFile, error) bool) {
		if yield(store.ImportFile{Kind: backoffice.ImportAccounts, Name: "accounts.csv", Reader: strings.NewReader(accounts)}, nil) && users != "" {
			yield(store.ImportFile{Kind: backoffice.ImportUsers, Name: "users.csv", Reader: strings.NewReader(users)}, nil)
		}
	})
	if err == nil {
		run, err = s.ApplyImport(ctx, actor, run.ID, func(int64, int64) {})
	}
	if err != nil {
		t.Fatalf("%+v: %v", run, err)
	}
}

func bin(t *testing.T, s *store.Store, id string) string {
	t.Helper()
	deletion, err := s.DeleteAccount(ctx, actor, id, "Account "+id, false)
	if err != nil {
		t.Fatalf("delete %s: %v", id, err)
	}
	return deletion
}

// restore brings one account back; the sentence says why it was refused.
func restore(t *testing.T, s *store.Store, id string) (refused string) {
	t.Helper()
	results, err := s.RestoreAccounts(ctx, actor, []string{id})
	if err != nil || len(results) != 1 {
		t.Fatalf("restore %s: %+v, %v", id, results, err)
	}
	return results[0].Refused
}

func TestMembers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		users := "email,name,account_id,roles,created_at\n"
		for i := range 60 {
			users += fmt.Sprintf("u%02d@nord.example,Ünï %02d,nord,admin;read-only,2026-01-01T00:00:00Z\n", i, i)
		}
		bring(t, s, "id,name,primary_user_email\nnord,Nord,u30@nord.example\n", users)
		a, err := s.Account(ctx, "nord")
		if err != nil {
			t.Fatal(err)
		}
		walk := func(f backoffice.MemberFilter) (emails []string, first backoffice.MembersPage) {
			t.Helper()
			var firsts []string
			for n := 0; ; n++ {
				p, err := s.Members(ctx, a, f)
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					first = p
				}
				for _, m := range p.Rows {
					emails = append(emails, m.Email)
				}
				if len(p.Rows) > 0 {
					firsts = append(firsts, p.Rows[0].Email)
				}
				if p.Next == "" {
					// Back again: the same pages.
					for n := len(firsts) - 2; n >= 0; n-- {
						f.After, f.Before = "", p.Prev
						if p, err = s.Members(ctx, a, f); err != nil || len(p.Rows) == 0 || p.Rows[0].Email != firsts[n] {
							t.Fatalf("back to page %d: %+v, %v", n, p.Rows, err)
						}
					}
					if p.Prev != "" {
						t.Errorf("before the first page there is %q", p.Prev)
					}
					return emails, first
				}
				f.After, f.Before = p.Next, ""
			}
		}
		all, first := walk(backoffice.MemberFilter{})
		if len(all) != 60 || all[0] != "u30@nord.example" || all[1] != "u00@nord.example" || first.Total != 60 {
			t.Errorf("%d users, %v, total %d", len(all), all[:2], first.Total)
		}
		if m := first.Rows[0]; !m.Primary || len(m.Roles) != 2 || m.Roles[0] != "Admin" || m.Roles[1] != "Read only" || m.Name != "Ünï 30" {
			t.Errorf("the primary user: %+v", m)
		}
		if found, p := walk(backoffice.MemberFilter{Query: "UNI"}); len(found) != 60 || p.Total != 60 || found[0] != "u30@nord.example" {
			t.Errorf("search: %d", len(found))
		}
		if found, p := walk(backoffice.MemberFilter{Query: "uni 1"}); len(found) != 10 || p.Total != 10 {
			t.Errorf("search: %v", found)
		}
		if found, _ := walk(backoffice.MemberFilter{Query: `%'"`}); len(found) != 0 {
			t.Errorf("search: %v", found)
		}
		if _, err := s.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: "nord", Email: "u07@nord.example", At: clock.Now()}}); err != nil {
			t.Fatal(err)
		}
		if found, p := walk(backoffice.MemberFilter{Active: true}); len(found) != 1 || found[0] != "u07@nord.example" || p.Total != 1 {
			t.Errorf("active: %v", found)
		}
		clock.Add(30 * 24 * time.Hour)
		if found, _ := walk(backoffice.MemberFilter{Active: true}); len(found) != 0 {
			t.Errorf("active a month later: %v", found)
		}
		if p, err := s.Members(ctx, a, backoffice.MemberFilter{After: "nobody"}); err != nil || len(p.Rows) != 0 {
			t.Errorf("after nobody: %+v, %v", p, err)
		}
	})
}

// The figures of an account equal what its visits and memberships say, counted
// one by one.
func TestAccountFigures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		now := clock.Now()
		users := "email,name,account_id,roles,created_at\n"
		joined := []int{400, 70, 59, 31, 29, 0}
		for i, back := range joined {
			users += fmt.Sprintf("u%d@nord.example,,nord,admin,%s\n", i, now.AddDate(0, 0, -back).Format(time.RFC3339))
		}
		bring(t, s, "id,name,created_at\nnord,Nord,2020-01-01T00:00:00Z\n", users)
		type day struct{ user, back int }
		var seen []day
		var visits []backoffice.Visit
		for user := range 3 {
			for back := 0; back < 100; back += 3 + user*7 {
				seen = append(seen, day{user, back})
				visits = append(visits, backoffice.Visit{AccountID: "nord", Email: fmt.Sprintf("u%d@nord.example", user), At: now.AddDate(0, 0, -back)})
			}
		}
		if _, err := s.RecordVisits(ctx, actor, visits); err != nil {
			t.Fatal(err)
		}
		count := func(from, to int) (users, visits int64) {
			who := map[int]bool{}
			for _, d := range seen {
				if d.back >= from && d.back <= to {
					who[d.user] = true
					visits++
				}
			}
			return int64(len(who)), visits
		}
		a, err := s.Account(ctx, "nord")
		if err != nil {
			t.Fatal(err)
		}
		f, err := s.AccountFigures(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		active, n := count(0, 29)
		before, m := count(30, 59)
		if f.Active != active || f.Visits != n || f.ActiveBefore != before || f.VisitsBefore != m {
			t.Errorf("%+v, not %d %d %d %d", f, active, n, before, m)
		}
		if a.Users != 6 || f.UsersBefore != 4 {
			t.Errorf("%d users, %d thirty days earlier", a.Users, f.UsersBefore)
		}
		for i := range f.ActiveCourse {
			back := (backoffice.FigureSteps - 1 - i) * 5
			if u, v := count(back, back+4); f.ActiveCourse[i] != u || f.VisitsCourse[i] != v {
				t.Errorf("step %d: %d users and %d visits, not %d and %d", i, f.ActiveCourse[i], f.VisitsCourse[i], u, v)
			}
			var members int64
			for _, j := range joined {
				if j >= back {
					members++
				}
			}
			if f.UsersCourse[i] != members {
				t.Errorf("step %d: %d members, not %d", i, f.UsersCourse[i], members)
			}
		}
	})
}

func TestSubAccounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		lines := [][2]string{{"top", ""}, {"other", ""}, {"foreign", "other"}}
		for i := range 55 {
			lines = append(lines, [2]string{fmt.Sprintf("s%02d", i), "top"})
		}
		family(t, s, append(lines, [2]string{"grandchild", "s01"})...)
		bin(t, s, "s54")
		top, err := s.Account(ctx, "top")
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		after := ""
		for {
			p, err := s.SubAccounts(ctx, top, after, "")
			if err != nil || p.Total != 54 {
				t.Fatalf("%d, %v", p.Total, err)
			}
			for _, r := range p.Rows {
				all = append(all, r.ID)
			}
			if after = p.Next; after == "" {
				back, err := s.SubAccounts(ctx, top, "", p.Prev)
				if err != nil || len(back.Rows) != 25 || back.Rows[0].ID != "s25" || back.Next != "s49" || back.Prev != "s25" {
					t.Errorf("back: %+v, %v", back, err)
				}
				break
			}
		}
		if len(all) != 54 || all[0] != "s00" || all[53] != "s53" {
			t.Errorf("%d: %v", len(all), all)
		}
	})
}

func TestDeletionConsequences(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		bring(t, s, "id,name,parent_id\nnord,Account nord,\nsub,Account sub,nord\nother,Account other,\n",
			"email,name,account_id,roles\na@x.example,,nord,admin\nb@x.example,,nord,admin\nb@x.example,,other,admin\nc@x.example,,nord,admin\nc@x.example,,sub,admin\n")
		c, err := s.DeletionConsequences(ctx, "nord")
		if err != nil || c != (store.Consequences{SubAccounts: 1, Members: 3, LoseOnly: 1}) {
			t.Errorf("%+v, %v", c, err)
		}
		bin(t, s, "other")
		// A membership in the bin is none that a user could keep.
		if c, _ := s.DeletionConsequences(ctx, "nord"); c.LoseOnly != 2 {
			t.Errorf("%+v", c)
		}
		if _, err := s.DeletionConsequences(ctx, "other"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("of what is in the bin: %v", err)
		}
	})
}

func TestMoveUpThenDelete(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		family(t, s, [2]string{"top", ""}, [2]string{"mid", "top"}, [2]string{"leaf", "mid"}, [2]string{"gone", "mid"})
		bin(t, s, "gone")
		var has *store.HasSubAccounts
		if _, err := s.DeleteAccount(ctx, actor, "mid", "Account mid", false); !errors.As(err, &has) || has.Count != 1 {
			t.Fatalf("with a sub-account: %v", err)
		}
		if _, err := s.DeleteAccount(ctx, actor, "mid", "wrong", true); !errors.As(err, new(backoffice.Problems)) {
			t.Fatalf("wrong name: %v", err)
		}
		if a, _ := s.Account(ctx, "leaf"); a.ParentID != "mid" {
			t.Error("a refused deletion moved a sub-account")
		}
		deletion, err := s.DeleteAccount(ctx, actor, "mid", "Account mid", true)
		if err != nil {
			t.Fatal(err)
		}
		if a, _ := s.Account(ctx, "leaf"); a.ParentID != "top" {
			t.Errorf("leaf lies under %q", a.ParentID)
		}
		agree(t, s)
		// What went to the bin before waits for its parent.
		if why := restore(t, s, "gone"); !strings.Contains(why, "“Account mid” is in the bin") {
			t.Errorf("under a parent in the bin: %q", why)
		}
		if _, err := s.Restore(ctx, actor, deletion); err != nil {
			t.Fatal(err)
		}
		if why := restore(t, s, "gone"); why != "" {
			t.Fatal(why)
		}
		if a, _ := s.Account(ctx, "gone"); a.ParentID != "mid" {
			t.Errorf("gone came back under %q", a.ParentID)
		}
		if a, _ := s.Account(ctx, "leaf"); a.ParentID != "top" {
			t.Errorf("leaf lies under %q", a.ParentID)
		}
		agree(t, s)
	})
}

func TestBinPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		var lines [][2]string
		var ids []string
		for i := range 120 {
			id := fmt.Sprintf("a%03d", i)
			lines = append(lines, [2]string{id, ""})
			ids = append(ids, id)
		}
		family(t, s, append(lines, [2]string{"child", "a000"})...)
		bin(t, s, "child")
		clock.Add(time.Minute)
		if _, results, err := s.DeleteAccounts(ctx, actor, ids); err != nil || len(results) != 120 || results[0].Refused != "" {
			t.Fatalf("%v, %v", results[0], err)
		}
		agree(t, s)
		seen := map[string]bool{}
		f := store.BinFilter{}
		var pages int
		for {
			p, err := s.Bin(ctx, f)
			if err != nil || p.Total != 121 {
				t.Fatalf("%d, %v", p.Total, err)
			}
			for _, r := range p.Rows {
				if seen[r.ID] {
					t.Errorf("%s twice", r.ID)
				}
				seen[r.ID] = true
				if r.DeletedBy != "Ada Weber" || !r.PurgeAt.Equal(r.DeletedAt.Add(30*24*time.Hour)) {
					t.Errorf("%+v", r)
				}
				if r.ID == "child" && (r.ParentID != "a000" || !r.ParentGone) {
					t.Errorf("%+v", r)
				}
			}
			pages++
			if p.Next == "" {
				if p, err = s.Bin(ctx, store.BinFilter{Before: p.Prev}); err != nil || len(p.Rows) != 50 || p.Next == "" {
					t.Errorf("back: %d, %v", len(p.Rows), err)
				}
				break
			}
			f.After = p.Next
		}
		if len(seen) != 121 || pages != 3 {
			t.Errorf("%d accounts on %d pages", len(seen), pages)
		}
		if p, _ := s.Bin(ctx, store.BinFilter{Query: "ACCOUNT a05"}); p.Total != 10 || len(p.Rows) != 10 {
			t.Errorf("search: %d", p.Total)
		}
		results, err := s.RestoreAccounts(ctx, actor, []string{"child", "a000", "a001", "never"})
		if err != nil || len(results) != 4 {
			t.Fatalf("%+v, %v", results, err)
		}
		for _, r := range results {
			if (r.Refused != "") != (r.ID == "never") {
				t.Errorf("%+v", r)
			}
		}
		agree(t, s)
	})
}

// What is purged leaves the digests of its events and nothing else.
func TestPurge(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		a := create(t, s, "Secret Name", "secret", "canary@secret.example")
		if _, err := s.SaveAccount(ctx, actor, "secret", store.AccountChange{Version: 1, Name: "Secret Name", AccountDetails: backoffice.AccountDetails{Address: "Secret Street"}}); err != nil {
			t.Fatal(err)
		}
		if err := s.SetLogo(ctx, actor, "secret", []byte("png"), "tag"); err != nil {
			t.Fatal(err)
		}
		create(t, s, "Other", "other", "")
		if _, err := s.DeleteAccount(ctx, actor, "secret", a.Name, false); err != nil {
			t.Fatal(err)
		}
		clock.Add(30*24*time.Hour - time.Minute)
		if n, err := s.Purge(ctx, 10); err != nil || n != 0 {
			t.Fatalf("a minute early: %d, %v", n, err)
		}
		clock.Add(time.Minute)
		if n, err := s.Purge(ctx, 10); err != nil || n != 1 {
			t.Fatalf("%d, %v", n, err)
		}
		agree(t, s) // the chain holds
		p, err := s.Events(ctx, backoffice.EventFilter{}, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		purged := 0
		for _, e := range p.Rows {
			if e.ObjectID != "secret" {
				continue
			}
			if e.Before != "" || e.After != "" || e.ObjectName != "" {
				t.Errorf("left of it: %+v", e)
			}
			purged++
		}
		if purged != 5 {
			t.Errorf("%d events of it", purged)
		}
		if found, _ := s.Events(ctx, backoffice.EventFilter{Query: "secret name"}, "", 100); len(found.Rows) != 0 {
			t.Errorf("found: %+v", found.Rows)
		}
		if _, _, err := s.Logo(ctx, "secret"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("logo: %v", err)
		}
		if why := restore(t, s, "secret"); why == "" {
			t.Error("what was purged came back")
		}
	})
}

// An ID that is used again brings nothing of what had it before.
func TestAttack_T06(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		create(t, s, "Old", "acme", "old@acme.example")
		old, err := s.Account(ctx, "acme")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.RecordVisits(ctx, actor, []backoffice.Visit{{AccountID: "acme", Email: "old@acme.example", At: clock.Now()}}); err != nil {
			t.Fatal(err)
		}
		if err := s.SetLogo(ctx, actor, "acme", []byte("png"), "tag"); err != nil {
			t.Fatal(err)
		}
		if err := s.SetMetadata(ctx, actor, "acme", store.MetadataEdit{Text: `{"secret":1}`, Version: 1}); err != nil {
			t.Fatal(err)
		}
		history := backoffice.PolicyRules{}
		history.History = backoffice.Some(7)
		if err := s.SavePolicy(ctx, actor, "acme", history, 0); err != nil {
			t.Fatal(err)
		}
		deletion, err := s.DeleteAccount(ctx, actor, "acme", "Old", false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: "New", ID: "acme"}); !errors.As(err, new(*store.InBin)) {
			t.Fatalf("while it is in the bin: %v", err)
		}
		clock.Add(31 * 24 * time.Hour)
		if _, err := s.Purge(ctx, 10); err != nil {
			t.Fatal(err)
		}
		create(t, s, "New", "acme", "")
		a, err := s.Account(ctx, "acme")
		if err != nil {
			t.Fatal(err)
		}
		if a.Key == old.Key || a.Users != 0 || a.Visits != 0 || a.Metadata != "{}" || a.LogoTag != "" || !a.LastVisit.IsZero() {
			t.Errorf("%+v", a)
		}
		if p, err := s.Members(ctx, a, backoffice.MemberFilter{}); err != nil || len(p.Rows) != 0 {
			t.Errorf("members: %+v, %v", p.Rows, err)
		}
		if days, err := s.VisitsByDay(ctx, a.Key, 0, backoffice.DayOf(clock.Now())); err != nil || len(days) != 0 {
			t.Errorf("visits: %v, %v", days, err)
		}
		if p, err := s.PolicyOf(ctx, "acme"); err != nil || p.Own != (backoffice.PolicyRules{}) {
			t.Errorf("policy: %+v, %v", p.Own, err)
		}
		if p, err := s.Events(ctx, backoffice.EventFilter{Account: "acme"}, "", 100); err != nil || len(p.Rows) != 1 || p.Rows[0].Action != "account.created" {
			t.Errorf("events: %+v, %v", p.Rows, err)
		}
		if _, err := s.Restore(ctx, actor, deletion); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("undo of the old deletion: %v", err)
		}
		if _, _, err := s.Logo(ctx, "acme"); !errors.Is(err, backoffice.ErrNotFound) {
			t.Errorf("logo: %v", err)
		}
		agree(t, s)
	})
}

// Deleting a parent races with restoring its sub-account: never is there an
// account whose parent is in the bin. The long race runs in the soak.
func TestAttack_T11(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		family(t, s, [2]string{"parent", ""}, [2]string{"child", "parent"})
		for range 12 {
			bin(t, s, "child")
			var wg sync.WaitGroup
			for range 4 {
				wg.Add(2)
				go func() {
					defer wg.Done()
					var has *store.HasSubAccounts
					if _, err := s.DeleteAccount(ctx, actor, "parent", "Account parent", false); err != nil && !errors.As(err, &has) && !errors.Is(err, backoffice.ErrNotFound) {
						t.Errorf("delete: %v", err)
					}
				}()
				go func() {
					defer wg.Done()
					if _, err := s.RestoreAccounts(ctx, actor, []string{"child"}); err != nil {
						t.Errorf("restore: %v", err)
					}
				}()
			}
			wg.Wait()
			_, parentErr := s.Account(ctx, "parent")
			_, childErr := s.Account(ctx, "child")
			if (parentErr == nil) != (childErr == nil) {
				t.Fatalf("parent: %v, child: %v", parentErr, childErr)
			}
			if parentErr != nil {
				if results, err := s.RestoreAccounts(ctx, actor, []string{"child", "parent"}); err != nil || len(results) != 2 {
					t.Fatalf("%+v, %v", results, err)
				}
			}
			agree(t, s)
		}
	})
}
