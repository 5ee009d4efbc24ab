package handlers_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"steward/backoffice"
)

// Who reaches thousands of accounts by access from above is told of all of them by
// userinfo, and of a hundred by a token (product.md, section 12): a token stays small
// enough for a header, and an answer costs as many statements as there are grants,
// whatever lies below them.
func TestUserinfoOfFiveThousandAccounts(t *testing.T) {
	w := peopleGate(t)
	cli := backoffice.CommandLine()
	if err := w.store.SetReseller(ctx, cli, "nord", true); err != nil {
		t.Fatal(err)
	}
	const many = 5_000
	work := make(chan int)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for i := range work {
				if _, err := w.store.CreateSubAccount(ctx, cli, "nord", fmt.Sprint("Below ", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range many {
		work <- i
	}
	close(work)
	wg.Wait()
	hana := must(w.store.FindUser(ctx, "hana@nord.example"))
	if err := w.store.GiveAccess(ctx, cli, "nord", hana.ID, backoffice.NewGrant{}); err != nil {
		t.Fatal(err)
	}
	v := w.application(backoffice.WebApplication)
	begun := time.Now()
	token, c := v.tokens(w.userIn("hana@nord.example", "nord").get(v.begin()))
	signIn := time.Since(begun)
	if len(c.Accounts) != backoffice.MaxTokenAccounts || c.Accounts[0] != "nord" || len(token.AccessToken) > 8<<10 {
		t.Errorf("the token names %d accounts in %d bytes", len(c.Accounts), len(token.AccessToken))
	}
	var took []time.Duration
	for range 5 {
		begun = time.Now()
		info, err := v.userinfo(token.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(begun))
		slices.Sort(info.Accounts)
		if n := len(slices.Compact(info.Accounts)); n != many+2 { // nord, sued, and what lies below nord
			t.Fatalf("userinfo names %d accounts", n)
		}
	}
	slices.Sort(took)
	t.Logf("sign-in and tokens %v, userinfo %v (%v at most)", signIn, took[2], took[4])
	if took[0] > 2*time.Second {
		t.Errorf("userinfo takes %v", took[0])
	}
}
