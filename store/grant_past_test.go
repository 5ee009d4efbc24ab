package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// What was access once: who gave it, when and why, and who ended it, however it
// ended; what came back is not among it.
func TestEarlierAccess(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		nord, a, _, _ := reseller(t, s)
		hana := userNamed(t, s, "hana@nord.example")
		signInOf(t, s, hana.Email, "nord", "1")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		earlier := func(accounts ...int64) string {
			t.Helper()
			list, err := s.EarlierAccess(ctx, hana, accounts)
			must(err)
			var lines []string
			for _, p := range list {
				lines = append(lines, fmt.Sprintf("%s %s %q %s: %s %s %s", p.Account.ID, p.At.UTC().Format("2/15"), p.Reason, p.By, p.How, p.EndedAt.UTC().Format("2/15"), p.EndedBy))
			}
			return strings.Join(lines, "\n")
		}
		day := clock.Now().UTC()
		at := func() string { return clock.Now().UTC().Format("2/15") }
		if got := earlier(nord.Key, a.Key); got != "" {
			t.Errorf("at first: %s", got)
		}
		first := at()
		must(s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{Reason: "Runs it"}))
		if got := earlier(nord.Key); got != "" {
			t.Errorf("what holds: %s", got)
		}
		clock.Add(25 * time.Hour)
		second := at()
		must(s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{Reason: "For a while", EndsAt: clock.Now().Add(48 * time.Hour)}))
		changed := fmt.Sprintf("nord %s %q Command line: %s %s Command line", first, "Runs it", backoffice.GrantChanged, second)
		if got := earlier(nord.Key); got != changed {
			t.Errorf("given anew:\n%s\nwant\n%s", got, changed)
		}
		clock.Add(49 * time.Hour)
		over := fmt.Sprintf("nord %s %q Command line: %s %s ", second, "For a while", backoffice.GrantOver, clock.Now().Add(-time.Hour).UTC().Format("2/15"))
		if got := earlier(nord.Key); got != over+"\n"+changed {
			t.Errorf("over:\n%s\nwant\n%s", got, over+"\n"+changed)
		}
		third := at()
		must(s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}))
		if got := earlier(nord.Key); got != over+"\n"+changed {
			t.Errorf("over and given again:\n%s", got)
		}
		// A removal that is undone ends nothing; what is revoked afterwards is over once.
		clock.Add(time.Hour)
		removed := at()
		removal, err := s.RemoveMember(ctx, cmd, "nord", hana.ID)
		must(err)
		taken := fmt.Sprintf("nord %s %q Command line: %s %s Command line", third, "", backoffice.GrantTaken, removed)
		if got := earlier(nord.Key); got != taken+"\n"+over+"\n"+changed {
			t.Errorf("taken away:\n%s\nwant\n%s", got, taken)
		}
		must(s.RestoreMember(ctx, cmd, "nord", hana.ID, removal))
		if got := earlier(nord.Key); got != over+"\n"+changed {
			t.Errorf("back:\n%s", got)
		}
		clock.Add(time.Hour)
		revoked := fmt.Sprintf("nord %s %q Command line: %s %s Command line", third, "", backoffice.GrantRevoked, at())
		must(s.RevokeAccess(ctx, cmd, "nord", hana.ID))
		if got := earlier(nord.Key); got != revoked+"\n"+over+"\n"+changed {
			t.Errorf("revoked:\n%s", got)
		}
		if got := earlier(a.Key); got != "" {
			t.Errorf("of another account: %s", got)
		}
		if got := earlier(); got != "" {
			t.Errorf("of none: %s", got)
		}
		if clock.Now().UTC().Before(day) {
			t.Error("the clock ran back")
		}
		agree(t, s)
	})
}

// What remains without a way, by the resolver itself: how many accounts, by which
// other ways, and with fewer roles.
func TestRemains(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, a, a1, _ := reseller(t, s)
		hana := userNamed(t, s, "hana@nord.example")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		signInOf(t, s, hana.Email, "nord", "1")
		must(s.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}))
		b, err := s.CreateSubAccount(ctx, cmd, "nord", "Nord B")
		must(err)
		remains := func(account backoffice.Account) (list []string) {
			t.Helper()
			who, err := s.Why(ctx, account, hana.ID)
			must(err)
			for _, p := range who.Paths {
				m, err := s.Remains(ctx, who.User, p)
				must(err)
				list = append(list, fmt.Sprint(m.Reached, " ", m.Kept, " ", m.Changed, " ", m.Sentence()))
			}
			return list
		}
		if got := remains(a1); len(got) != 1 || got[0] != "3 0 0 Loses access to all 3 accounts that this path leads into. Sessions there end at once." {
			t.Errorf("one way: %q", got)
		}
		// A way lower down keeps one, a membership beside it another one.
		must(s.SetReseller(ctx, cmd, a.ID, true))
		_, err = s.AddUser(ctx, cmd, a.ID, backoffice.NewMember{Email: hana.Email, Roles: []string{backoffice.RoleReadOnly}})
		must(err)
		signInOf(t, s, hana.Email, a.ID, "2")
		must(s.GiveAccess(ctx, cmd, a.ID, hana.ID, backoffice.NewGrant{}))
		got := remains(a1)
		if len(got) != 2 || got[0] != "1 1 1 " || got[1] != "3 2 2 Keeps access to 2 of 3 accounts, through the access grant at Nord A and the membership in Nord A; loses 1, where sessions end at once. In 2 accounts of those that stay, fewer roles hold." {
			t.Errorf("two ways: %q", got)
		}
		// The direct membership in Nord A leads below as well.
		if got := remains(a); len(got) != 2 || !strings.HasPrefix(got[0], "2 2 2 Keeps access to all 2 accounts, through the access grant at Nord") {
			t.Errorf("a membership that leads below: %q", got)
		}
		if got := remains(b); len(got) != 1 {
			t.Errorf("beside: %q", got)
		}
		if n := len(held(t, s, []backoffice.User{hana})); n != 4 {
			t.Errorf("asking changed what she holds: %d", n)
		}
	})
}
