package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
)

// Who comes into more accounts than a list shows finds the others by searching,
// at sign-in and in a running session.
func TestManyAccountsAreSearched(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		cmd := backoffice.CommandLine()
		if err := w.store.SetReseller(ctx, cmd, "nord", true); err != nil {
			t.Fatal(err)
		}
		var last backoffice.Account
		for i := range 120 {
			var err error
			if last, err = w.store.CreateSubAccount(ctx, cmd, "nord", fmt.Sprintf("Branch %03d", i)); err != nil {
				t.Fatal(err)
			}
		}
		in := w.userIn("hana@nord.example", "nord")
		hana, _, err := w.store.UserCredentials(ctx, "hana@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.store.GiveAccess(ctx, cmd, "nord", hana.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		if p := in.get("/portal"); !strings.Contains(p.text("#switch"), "All your accounts") || p.Find("#switch form").Length() > 20 {
			t.Errorf("the menu: %s", p.text("#switch"))
		}
		p := in.get("/portal/switch")
		if n := p.Find(".choice").Length(); n < 100 || n > 103 || strings.Contains(p.text("main"), last.Name) || !strings.Contains(p.text("main"), "There are more") {
			t.Errorf("%d accounts are offered", n)
		}
		p = in.get("/portal/switch?q=" + url.QueryEscape("branch 119"))
		if n := p.Find(".choice").Length(); n != 1 {
			t.Fatalf("%d found: %s", n, p.text("main"))
		}
		if p = p.submit("#choice-form", url.Values{"account": {last.ID}}); p.Status != http.StatusOK || !strings.Contains(p.text(".brand"), last.Name) {
			t.Errorf("switched: %d %s", p.Status, p.text(".brand"))
		}
		if p := in.get("/portal/switch?q=nothing"); !strings.Contains(p.text("main"), "None of your accounts is called") {
			t.Errorf("nothing found: %s", p.text("main"))
		}
		// At sign-in.
		b := w.browser()
		p = b.userSignIn("hana@nord.example", userPassphrase)
		if p.URL.Path != "/sign-in/accounts" || strings.Contains(p.text("main"), last.Name) {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		p = b.get("/sign-in/accounts?q=119")
		if p = p.submit("#choice-form", url.Values{"account": {last.ID}}); p.URL.Path != "/portal" || !strings.Contains(p.text(".brand"), last.Name) {
			t.Errorf("entered: %s %s", p.URL, p.text(".brand"))
		}
		// A foreign account is no more theirs for being typed.
		b = w.browser()
		b.userSignIn("hana@nord.example", userPassphrase)
		foreign, err := w.store.CreateAccount(ctx, cmd, backoffice.NewAccount{Name: "Foreign", ID: "foreign"})
		if err != nil {
			t.Fatal(err)
		}
		b.post("/sign-in/accounts", url.Values{"account": {foreign.ID}})
		if p := b.get("/portal"); p.URL.Path == "/portal" {
			t.Errorf("a foreign account was entered: %s", p.text(".brand"))
		}
	})
}
