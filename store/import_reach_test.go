package store_test

import (
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// An import that puts an account under another parent, or takes the ability from
// one, ends the sessions below that nothing leads into any more; so does its undo.
func TestImportEndsSessionsThatLostReach(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		cmd := backoffice.CommandLine()
		_, a, a1, _ := reseller(t, s)
		hana, sara := userNamed(t, s, "hana@nord.example"), userNamed(t, s, "sara@sued.example")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(s.SetReseller(ctx, cmd, "sued", true))
		for _, who := range []struct {
			backoffice.User
			account string
		}{{hana, "nord"}, {sara, "sued"}} {
			signInOf(t, s, who.Email, who.account, who.account)
			must(s.GiveAccess(ctx, cmd, who.account, who.ID, backoffice.NewGrant{}))
		}
		in := func(u backoffice.User) (accounts string) {
			t.Helper()
			list, err := s.UserSessions(ctx, u.Key)
			must(err)
			var names []string
			for _, x := range list {
				names = append(names, x.Account.Name)
			}
			return strings.Join(names, ", ")
		}
		signInOf(t, s, hana.Email, a1.ID, "below")
		load := func(rows string) backoffice.ImportRun {
			t.Helper()
			run := plan(t, s, func(yield func(store.ImportFile, error) bool) {
				yield(store.ImportFile{Kind: backoffice.ImportAccounts, Name: "accounts.csv", Reader: strings.NewReader(rows)}, nil)
			})
			return apply(t, s, run)
		}
		if got := in(hana); !strings.Contains(got, "Nord A 1") {
			t.Fatalf("before: %s", got)
		}
		run := load("id,parent_id\n" + a.ID + ",sued\n")
		if b, err := s.Account(ctx, a.ID); err != nil || b.ParentID != "sued" {
			t.Fatalf("%+v, %v", b.ParentID, err)
		}
		if got := in(hana); got != "Nord" {
			t.Errorf("after the import she is in %s", got)
		}
		signInOf(t, s, sara.Email, a1.ID, "above")
		if got := in(sara); !strings.Contains(got, "Nord A 1") {
			t.Fatalf("Sara: %s", got)
		}
		_, err := s.UndoImport(ctx, cmd, run.ID, func(int64, int64) {})
		must(err)
		if b, err := s.Account(ctx, a.ID); err != nil || b.ParentID != "nord" {
			t.Fatalf("undone: %+v, %v", b.ParentID, err)
		}
		if got := in(sara); got != "Süd" {
			t.Errorf("after the undo Sara is in %s", got)
		}
		signInOf(t, s, hana.Email, a1.ID, "again")
		load("id,is_reseller\nnord,false\n")
		if got := in(hana); got != "Nord" {
			t.Errorf("without the ability she is in %s", got)
		}
		agree(t, s)
	})
}
