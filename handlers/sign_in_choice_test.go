package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
)

// Whoever posts an account that is none of theirs gets the same choice again: on the
// way to an application, of the accounts that have it. Staff are led to where it is
// mended that somebody does not enter one.
func TestChoiceOfAnAccountRefused(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		cmd := backoffice.CommandLine()
		if _, err := w.store.CreateAccount(ctx, cmd, backoffice.NewAccount{Name: "West AG", ID: "west"}); err != nil {
			t.Fatal(err)
		}
		w.member("west", "hana@nord.example", backoffice.RoleReadOnly)
		v := w.applicationOf(backoffice.Application{Name: "Ledger", Kind: backoffice.SinglePage, Active: true})
		assign := func(account string, auto bool) {
			t.Helper()
			if _, err := w.store.AssignApplications(ctx, cmd, account, []string{v.app.ID}, auto); err != nil {
				t.Fatal(err)
			}
		}
		assign("west", true)
		assign("sued", true)
		signIn := func(b *browser) *shown {
			return b.get(v.begin()).submit("#address-form", url.Values{"email": {"hana@nord.example"}}).submit("#password-form", url.Values{"password": {userPassphrase}})
		}
		p := signIn(w.browser())
		p = p.submit("#choice-form", url.Values{"account": {"nothing"}})
		if p.Status != http.StatusUnprocessableEntity || strings.Contains(p.text("#choice-form"), "Nord AG") || p.Find("#choice-form button.choice").Length() != 2 || !strings.Contains(p.text(".toward"), "Ledger") {
			t.Errorf("refused: %d %q", p.Status, p.text("main"))
		}
		if _, c := v.tokens(p.submit("#choice-form", url.Values{"account": {"west"}})); c.Account != "west" {
			t.Errorf("chosen then: %+v", c)
		}

		// Given to chosen users of the account that they are in, or of another one.
		staff := w.signedIn(w.staff("reader@vendor.example", backoffice.Viewer))
		for _, account := range []string{"west", "sued"} {
			if err := w.store.RemoveApplication(ctx, cmd, account, v.app.ID); err != nil {
				t.Fatal(err)
			}
		}
		uma := w.person("uma@nord.example")
		cookie, _ := w.userSession(uma, "nord")
		staff.setCookie("steward-user", cookie)
		link := func() string { return staff.get(v.begin()).Find("main .actions a:last-child").AttrOr("href", "") }
		if got := link(); got != "/backoffice/accounts/nord/applications" {
			t.Errorf("no account has it: %s", got)
		}
		assign("nord", false)
		if got := link(); got != "/backoffice/accounts/nord/applications/"+v.app.ID {
			t.Errorf("this account has it: %s", got)
		}
		if p := staff.get(link()); p.Status != http.StatusOK || !strings.Contains(p.text("h1"), "Ledger") {
			t.Errorf("it leads to %d %s", p.Status, p.URL)
		}
	})
}
