package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

// to waits for a mail to an address, and returns it alone.
func (p *post) to(t *testing.T, address string) *post {
	t.Helper()
	for range 300 {
		p.mu.Lock()
		at := slices.IndexFunc(p.mails, func(m string) bool { return strings.Contains(m, address) })
		if at >= 0 {
			defer p.mu.Unlock()
			return &post{mails: p.mails[at : at+1]}
		}
		p.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("no mail to %s", address)
	return nil
}

// A hierarchy from nothing: staff let an account manage sub-accounts, its admin
// makes three levels and invites somebody with access from the second, who enters
// an account of the third that was made afterwards, is explained, and is out with
// the next request when the access is revoked.
func TestSubAccountJourney(t *testing.T) {
	w := newSite(t, owner())
	furnishUsers(t, w)
	staff := w.tab(t, tabOptions{width: 1280, height: 860})
	staff.open("/backoffice/accounts/nord/sub-account-management")
	staff.click("main form[action$='/sub-account-management'] button[type=submit]")
	staff.wait(`document.querySelector(".toast-line") !== null`)

	hana := w.tab(t, tabOptions{width: 1280, height: 860})
	hana.userSignIn("hana.fischer@nord-textil.example", "nord")
	hana.open("/portal/accounts")
	create := func(parent, name string) (path string) {
		t.Helper()
		hana.open("/portal/accounts/new?parent=" + parent)
		hana.fill("#name", name)
		hana.click("#new-sub-account .actions button")
		hana.wait(fmt.Sprintf(`document.querySelector("h1")?.textContent.trim() === %q`, name))
		return strings.TrimPrefix(eval[string](hana, `location.pathname`), "/portal/accounts/")
	}
	second := create("nord", "Nord Pharma")
	third := create(second, "Nord Pharma Basel")
	hana.open("/portal/accounts/" + second + "/management")
	hana.click("#management-form button[type=submit]")
	hana.wait(`document.querySelector(".head .tag")?.textContent.trim() === "Reseller"`)

	// What she may do at the second level she holds by access from the first.
	user, _, err := w.store.UserCredentials(ctx, "hana.fischer@nord-textil.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.GiveAccess(ctx, backoffice.CommandLine(), "nord", user.ID, backoffice.NewGrant{}); err != nil {
		t.Fatal(err)
	}
	hana.open("/portal/accounts/" + second + "/users/new")
	hana.fill("#email", "ines@nord-pharma.example")
	hana.click("input[name=access]")
	mail := w.mailServer(t)
	hana.click("#invite-form .actions button")
	hana.wait(`location.pathname.endsWith("/` + second + `") && document.querySelector("#account-users").textContent.includes("ines@")`)

	ines := w.tab(t, tabOptions{width: 1280, height: 860})
	ines.open(strings.TrimPrefix(mail.to(t, "ines@nord-pharma.example").link(t, "/invitation"), w.url))
	ines.wait(`document.querySelector("#invitation-form") !== null`)
	ines.fill("#name", "Ines Roth")
	ines.fill("#password", userPassphrase)
	if eval[bool](ines, `document.querySelector("#again") !== null`) {
		ines.fill("#again", userPassphrase)
	}
	ines.click("#invitation-form button")
	ines.wait(`location.pathname === "/portal"`)

	late := create(second, "Nord Pharma Lugano")
	ines.open("/portal")
	ines.click("button.brand")
	ines.click("form[action$='/portal/switch']:has(input[value='" + late + "']) button")
	ines.wait(`document.querySelector("h1").textContent.includes("Lugano")`)

	member, _, err := w.store.UserCredentials(ctx, "ines@nord-pharma.example")
	if err != nil {
		t.Fatal(err)
	}
	hana.open("/portal/accounts/" + late + "/users/" + member.ID + "/why")
	if said := hana.text("main"); !strings.Contains(said, "Access grant at Nord Pharma") {
		t.Errorf("why: %s", said)
	}
	hana.open("/portal/accounts/" + second + "/users/" + member.ID + "/access/revocation")
	hana.click("main form[method=post] button[type=submit]")
	hana.wait(`document.querySelector(".toast-line") !== null`)
	ines.open("/portal")
	if where := eval[string](ines, `location.pathname`); where != "/sign-in" {
		t.Errorf("after the revocation: %s %s", where, ines.text("main"))
	}

	// A parent stays; what has nothing below it goes, and comes back.
	hana.open("/portal/accounts/" + second + "/removal")
	if said := hana.text("main"); !strings.Contains(said, "It has 2 sub-accounts.") {
		t.Errorf("removing a parent: %s", said)
	}
	hana.open("/portal/accounts/" + third + "/removal")
	hana.click("#removal-form button")
	hana.wait(`document.querySelector(".toast-line form button") !== null`)
	hana.click(".toast-line form button")
	hana.wait(`location.pathname.endsWith("/` + third + `")`)
}
