package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"steward/auth"
	"steward/backoffice"
)

// ledgerAt adds the account West, and an application that every user of these
// accounts has.
func (w *site) ledgerAt(accounts ...string) *relying {
	w.t.Helper()
	if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "West AG", ID: "west"}); err != nil {
		w.t.Fatal(err)
	}
	v := w.applicationOf(backoffice.Application{Name: "Ledger", Kind: backoffice.WebApplication, Active: true, URL: "https://ledger.example/start"})
	for _, id := range accounts {
		if _, err := w.store.AssignApplications(ctx, backoffice.CommandLine(), id, []string{v.app.ID}, true); err != nil {
			w.t.Fatal(err)
		}
	}
	return v
}

// passwordOf signs in from the page that asks for the address.
func (p *shown) passwordOf(email string) *shown {
	p.b.t.Helper()
	return p.submit("#address-form", url.Values{"email": {email}}).submit("#password-form", url.Values{"password": {userPassphrase}})
}

// What a user chose leads themselves alone: who signs in after them for the same
// request is led to accounts of their own, and by what the application named.
func TestChoiceLeadsNobodyElse(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Ost AG", ID: "ost"}); err != nil {
			t.Fatal(err)
		}
		v := w.ledgerAt("sued", "west", "ost")
		w.member("west", "hana@nord.example", backoffice.RoleReadOnly)
		w.member("west", "uma@nord.example", backoffice.RoleReadOnly)
		// chosen has Hana choose an account, and her session end before she is there.
		chosen := func(account string, options ...oauth2.AuthCodeOption) *shown {
			t.Helper()
			b := w.userIn("hana@nord.example", "nord")
			p := b.get(v.begin(options...))
			p = p.submitStill("#choice-form", url.Values{"account": {account}})
			to, goesOn := p.onward()
			if p.Status != http.StatusOK || !goesOn {
				t.Fatalf("chosen: %d %s", p.Status, p.text("main"))
			}
			b.setCookie("steward-user", "")
			return b.get(to)
		}
		for _, options := range [][]oauth2.AuthCodeOption{nil, {with("prompt", "select_account")}} {
			if _, c := v.tokens(chosen("west", options...).passwordOf("hana@nord.example")); c.Account != "west" {
				t.Errorf("her own choice: %+v", c)
			}
		}
		// One that Uma does not have.
		if _, c := v.tokens(chosen("sued").passwordOf("uma@nord.example")); c.Account != "west" {
			t.Errorf("the only one of hers: %+v", c)
		}
		w.member("sued", "uma@nord.example", backoffice.RoleReadOnly)
		for named, options := range map[string][]oauth2.AuthCodeOption{"": nil, "west": {with("prompt", "select_account"), with("account_id", "west")}} {
			p := chosen("sued", options...).passwordOf("uma@nord.example")
			if p.URL.Path != "/sign-in/accounts" || p.Find("#choice-form button.choice").Length() != 2 || p.Find("#choice-form [autofocus]").AttrOr("value", "") != named {
				t.Errorf("both are hers, %q is named: %s %s", named, p.URL, p.text("main"))
			}
		}
		// The account that the application named holds for who has it.
		w.member("ost", "uma@nord.example", backoffice.RoleReadOnly)
		if _, c := v.tokens(chosen("sued", with("account_id", "ost")).passwordOf("uma@nord.example")); c.Account != "ost" {
			t.Errorf("the one that the application names: %+v", c)
		}
	})
}

// submitStill is submit by a browser that does not go on from the page that answers.
func (p *shown) submitStill(selector string, set url.Values) *shown {
	p.b.t.Helper()
	p.b.still()
	defer func() { p.b.client.CheckRedirect = nil }()
	return p.submit(selector, set)
}

// On the way to an application an open invitation is shown (product.md, section 6):
// the account that it leads to may be the only one that has it.
func TestInvitationOnTheWayToAnApplication(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		v := w.ledgerAt("west")
		// A link that she opened proved her address.
		other := w.browser()
		other.get("/sign-in").submit("#address-form", url.Values{"email": {"uma@nord.example"}}).submit("#link-form", nil)
		other.get("/sign-in/link?token="+w.mailed().Token).submit("#use-link-form", nil)
		uma := w.person("uma@nord.example")
		if !uma.Verified {
			t.Fatal("her address is not proved")
		}
		if err := w.store.SetUserPassword(ctx, backoffice.CommandLine(), uma.Key, "", userHash(), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.InviteUser(ctx, backoffice.CommandLine(), "west", backoffice.NewMember{Email: uma.Email, Roles: []string{backoffice.RoleReadOnly}}, auth.InvitationToken.New); err != nil {
			t.Fatal(err)
		}
		p := w.browser().get(v.begin()).passwordOf(uma.Email)
		if p.Status != http.StatusOK || p.URL.Path != "/sign-in/accounts" || !strings.Contains(p.text(".open-invitations"), "West AG") || !strings.Contains(p.text("main"), "None of your accounts has Ledger.") {
			t.Fatalf("invited: %d %s %s", p.Status, p.URL, p.text("main"))
		}
		if _, c := v.tokens(p.submit(".open-invitations form", nil)); c.Account != "west" {
			t.Errorf("accepted: %+v", c)
		}
	})
}

// Who turns to the portal, because none of their accounts has the application, ends
// there: from the list without any account, after a search, and when the account asks
// for a second factor first.
func TestPortalInsteadOfTheApplication(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		v := w.ledgerAt("west")
		b := w.browser()
		p := b.get(v.begin()).passwordOf("hana@nord.example")
		if p.Status != http.StatusForbidden {
			t.Fatalf("without it: %d %s", p.Status, p.text("main"))
		}
		p = b.get("/sign-in/accounts")
		if text := p.text("main"); !strings.Contains(text, "None of your accounts has Ledger.") || strings.Contains(text, "These are yours") {
			t.Errorf("the list of none: %s", text)
		}
		if p = p.follow("main a[href='/sign-in/accounts?portal=yes']"); p.Find("#choice-form button.choice").Length() != 2 {
			t.Fatalf("on to the portal: %s", p.text("main"))
		}
		p = b.get("/sign-in/accounts?portal=yes&q=zzz").follow("main a[href^='/sign-in/accounts']")
		if p.Find("#choice-form button.choice").Length() != 2 {
			t.Fatalf("all, after a search: %s %s", p.URL, p.text("main"))
		}
		policy, err := w.store.PolicyOf(ctx, "sued")
		if err != nil {
			t.Fatal(err)
		}
		policy.Own.MFAForce = backoffice.Some(backoffice.Force)
		if err := w.store.SavePolicy(ctx, backoffice.CommandLine(), "sued", policy.Own, policy.Version); err != nil {
			t.Fatal(err)
		}
		p = p.submit("#choice-form", url.Values{"account": {"sued"}})
		if p.URL.Path != "/sign-in/enrol" {
			t.Fatalf("asked for a second factor: %s %s", p.URL, p.text("main"))
		}
		hash, _ := auth.PendingSignInToken.Hash(b.cookie("steward-sign-in"))
		if pending, err := w.store.PendingSignIn(ctx, hash); err != nil || pending.Next != "" || pending.Facts.Chosen != "sued" {
			t.Errorf("kept: %q %q %v", pending.Next, pending.Facts.Chosen, err)
		}
	})
}

// An account that the application names, and that the list left out, says of itself
// what the others say.
func TestNamedAccountBeyondTheList(t *testing.T) {
	w := peopleGate(t)
	cli := backoffice.CommandLine()
	if err := w.store.SetReseller(ctx, cli, "nord", true); err != nil {
		t.Fatal(err)
	}
	last := ""
	for i := range 105 {
		a, err := w.store.CreateSubAccount(ctx, cli, "nord", fmt.Sprintf("Below %03d", i))
		if err != nil {
			t.Fatal(err)
		}
		last = a.ID
	}
	if err := w.store.GiveAccess(ctx, cli, "nord", w.person("hana@nord.example").ID, backoffice.NewGrant{}); err != nil {
		t.Fatal(err)
	}
	v := w.application(backoffice.WebApplication)
	b := w.userIn("hana@nord.example", "nord")
	w.clock.Add(time.Second)
	p := b.get(v.begin(with("prompt", "select_account"), with("account_id", last)))
	if first := strings.Join(strings.Fields(p.Find("#choice-form button.choice").First().Text()), " "); !strings.Contains(first, "Below 104") || !strings.Contains(first, "By access from above") {
		t.Errorf("named: %q in %s", first, p.text("main"))
	}
}

// Who comes back by a mailed link too late is told so, and not that it was another
// browser.
func TestTooLateInTheSameBrowser(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		v := w.ledgerAt("nord")
		b := w.browser()
		p := b.get(v.begin())
		w.clock.Add(backoffice.OpenIDRequestLife + time.Minute)
		p = p.passwordOf("uma@nord.example")
		if text := p.text("main"); p.text("h1") != "You are signed in" || !strings.Contains(text, "took longer than half an hour") || strings.Contains(text, "another browser") {
			t.Errorf("too late: %s %s", p.URL, text)
		}
	})
}
