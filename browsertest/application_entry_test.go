package browsertest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"steward/auth"
	"steward/backoffice"
)

// enter asks for an application as somebody who is not signed in, and signs in.
func (p *tab) enter(address, email string) {
	p.t.Helper()
	p.leave()
	p.open(address)
	p.fill("#email", email)
	p.click("#address-form button")
	p.wait(`document.querySelector("#password-form") !== null`)
	p.fill("#password", userPassphrase)
	p.click("#password-form button")
}

// leave ends the session of the user, and not that of staff.
func (p *tab) leave() {
	p.t.Helper()
	p.open("/oauth/logout")
	p.wait(`/^(Sign out\?|You are signed out)$/.test(document.querySelector("h1")?.innerText)`)
	if eval[bool](p, `document.querySelector("#sign-out-form") !== null`) {
		p.click("#sign-out-form button")
		p.said("h1", "You are signed out")
	}
}

// Product.md, section 10, from both sides, each sentence: what staff set up in
// the backoffice, and what users meet who come from the application. One browser
// holds both sessions, as that of somebody does who tries out what they set up.
// TestApplicationJourney has the sentences about the drawer and the row menu.
func TestApplicationsAreEntered(t *testing.T) {
	w := newNamedSite(t)
	w.staffed()
	furnishUsers(t, w)
	cli := backoffice.CommandLine()
	hash, err := auth.NewHasher(2).Hash(ctx, userPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	join := func(account, email string) {
		t.Helper()
		if _, err := w.store.AddUser(ctx, cli, account, backoffice.NewMember{Email: email, Roles: []string{backoffice.RoleReadOnly}}); err != nil {
			t.Fatal(err)
		}
		u, _, err := w.store.UserCredentials(ctx, email)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.store.SetUserPassword(ctx, cli, u.Key, "", hash, nil); err != nil {
			t.Fatal(err)
		}
	}
	const uma, ben = "uma.okafor@nord-textil.example", "ben.larsen@nord-textil.example"
	other, at := furnishApplication(t, w, backoffice.Application{Name: "Atlas", Active: true})
	arrived := fmt.Sprintf(`location.href.startsWith("%s/callback?") && new URLSearchParams(location.search).get("code")`, at)
	p := w.tab(t, tabOptions{})
	refused := func(heading, lead string) {
		t.Helper()
		p.said("h1", heading)
		p.said("main", lead)
	}

	// "An authorization request without application ID, where there is no default
	// application, ends on an error page that says which of the two to fix."
	p.open(askFor(backoffice.Application{RedirectURIs: other.RedirectURIs}))
	refused("Which application?", "either it sends its ID, as client_id, or one application becomes the default")
	if eval[bool](p, `document.querySelector("a[href*='/backoffice']") !== null`) {
		t.Error("a user is shown a link for staff")
	}
	p.accessible("no application")

	// "The environment has applications: name, ID, type, URL, logo, description,
	// sign-in redirect URIs, active (integrated) or inactive, default, …"
	p.signIn("ada.weber@kontor.example", passphrase)
	p.wait(`location.pathname === "/backoffice/accounts"`)
	picture := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i := range 64 * 64 {
		picture.Set(i%64, i/64, color.RGBA{0x1f, 0x5c, 0x63, 0xff})
	}
	var logo bytes.Buffer
	if err := png.Encode(&logo, picture); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ledger.png")
	if err := os.WriteFile(file, logo.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	p.open("/backoffice/applications/new")
	p.fill("#name", "Ledger")
	p.click("#kind-spa")
	p.fill("#redirect_uris", at+"/callback")
	p.fill("#url", at)
	p.fill("#description", "Books and balances")
	p.run(chromedp.SetUploadFiles("#logo-file", []string{file}, chromedp.ByQuery))
	p.click("#application-form .actions button[type=submit]")
	p.wait(`location.pathname.startsWith("/backoffice/applications/app_") || document.querySelector("#availability") !== null`)
	applications, err := w.store.Applications(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var ledger backoffice.Application
	for _, a := range applications {
		if a.Name == "Ledger" {
			ledger = a.Application
		}
	}
	for _, want := range []string{"Ledger", ledger.ID, "Single-page", at, at + "/callback", "Books and balances", "Inactive"} {
		p.said("main", want)
	}
	p.wait(`[...document.querySelectorAll("main img")].some(i => i.complete && i.naturalWidth > 0)`)

	// "Inactive ones can be assigned; users cannot enter them yet."
	page := "/backoffice/applications/" + ledger.ID
	p.open("/backoffice/accounts/nord/applications/new")
	p.fill("#assign-q", "led")
	p.click("#assignable li:not([hidden]) input")
	p.said("#assignable", "Inactive")
	p.click("#assign-form .actions button[type=submit]")
	p.said("#applications", "Ledger")
	p.open(askFor(ledger))
	refused("Ledger is not open yet", "Nobody can sign in to it at the moment")
	// Staff who are signed in find the link that mends it.
	p.click("main .actions a[href*='/backoffice/']")
	p.click("#active-switch")
	p.there("#active-switch[aria-checked=true]")

	// "Other applications are given to users one by one"; "So does one of a user
	// without that application."
	p.enter(askFor(ledger), uma)
	refused("You do not have Ledger", "Your account has it, and it was not given to you")
	p.accessible("without the application")
	// "Signing in to the portal needs no application."
	p.click("main .actions a[href*=portal]")
	p.click("#choice-form button[value=nord]")
	p.wait(`location.pathname === "/portal"`)
	p.said("main", "Nord Textil")
	if eval[bool](p, `document.body.innerText.includes("Ledger")`) {
		t.Error("the portal lists an application that its user cannot open")
	}
	p.open("/backoffice/accounts/nord/applications/" + ledger.ID + "/users/new")
	p.click(`#candidates-list li input[value="` + userID(t, w, uma) + `"]`)
	p.click("main form .actions button[type=submit]")
	p.said("#application-users", uma)
	p.open(askFor(ledger))
	p.wait(arrived)
	p.open("/portal")
	p.said("main", "Ledger")
	p.enter(askFor(ledger), ben)
	refused("You do not have Ledger", "it was not given to you")

	// "Enable auto-assignment" "reaches existing and new users and those with access
	// by grant".
	p.open("/backoffice/accounts/nord/applications/" + ledger.ID + "/auto-assignment")
	p.said("#auto-assignment-form", "4 users gain it")
	p.click("#auto-assignment-form button[type=submit]")
	p.said("#applications", "Account auto-assigned")
	p.enter(askFor(ledger), ben)
	p.wait(arrived)
	join("nord", "new@nord-textil.example")
	p.enter(askFor(ledger), "new@nord-textil.example")
	p.wait(arrived)
	if err := w.store.SetReseller(ctx, cli, "nord", true); err != nil {
		t.Fatal(err)
	}
	yard, err := w.store.CreateSubAccount(ctx, cli, "nord", "North Yard")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.GiveAccess(ctx, cli, "nord", userID(t, w, ben), backoffice.NewGrant{}); err != nil {
		t.Fatal(err)
	}
	p.enter(askFor(ledger, "account_id", yard.ID), ben)
	p.said("h1", "Choose an account")
	if eval[bool](p, `document.querySelector("#choice-form").innerText.includes("North Yard")`) {
		t.Error("an account is offered that does not have the application")
	}
	p.open("/backoffice/accounts/" + yard.ID + "/applications/auto-assignment")
	p.click(`#assignable input[value="` + ledger.ID + `"]`)
	p.click("#assign-form .actions button[type=submit], #auto-assign-form .actions button[type=submit]")
	p.said("#applications", "Account auto-assigned")
	p.enter(askFor(ledger, "account_id", yard.ID), ben)
	p.wait(arrived)

	// "Turning auto-assignment off leaves those who had it with manual assignments;
	// the confirmation says so."
	p.open("/backoffice/accounts/nord/applications/" + ledger.ID + "/auto-assignment")
	p.said("#auto-assignment-form", "keep it as manual assignments")
	p.click("#auto-assignment-form button[type=submit]")
	p.wait(`document.querySelector("#applications [data-id]") !== null && document.querySelector("#applications [data-flags=account]") === null`)
	p.open(askFor(ledger))
	p.wait(arrived)
	join("nord", "late@nord-textil.example")
	p.enter(askFor(ledger), "late@nord-textil.example")
	refused("You do not have Ledger", "it was not given to you")

	// "An account starts with the default and the environment's auto-assigned
	// applications. The default reaches all users of the accounts that have it."
	// "default (at most one)".
	p.open("/backoffice/applications/" + other.ID + "/default")
	p.click("main form button[type=submit]")
	p.there("#default-switch[aria-checked=true]")
	p.open(page + "/default")
	p.said("main", "Atlas")
	p.click("main form button[type=submit]")
	p.there("#default-switch[aria-checked=true]")
	p.open("/backoffice/applications/" + other.ID)
	p.there("#default-switch[aria-checked=false]")
	p.open("/backoffice/applications/" + other.ID + "/auto-assignment")
	p.click("main form button[type=submit]")
	p.there("#auto-switch[aria-checked=true]")
	p.open("/backoffice/accounts/new")
	p.fill("main form input[name=name]", "Quay Freight")
	p.fill("main form input[name=id]", "quay")
	p.click("main form button[type=submit]")
	p.there("#details")
	p.open("/backoffice/accounts/quay/applications")
	for _, want := range []string{"Ledger", "Atlas", "Environment auto-assigned"} {
		p.said("main", want)
	}
	join("quay", "quinn@quay.example")
	p.enter(askFor(backoffice.Application{RedirectURIs: ledger.RedirectURIs}), "quinn@quay.example")
	p.wait(arrived)
	p.enter(askFor(ledger), "late@nord-textil.example")
	p.wait(arrived)
	p.open("/portal")
	for _, want := range []string{"Ledger", "Atlas"} {
		p.said("main", want)
	}
}

// userID is the ID of a user by their address.
func userID(t *testing.T, w *site, email string) string {
	t.Helper()
	u, _, err := w.store.UserCredentials(ctx, email)
	if err != nil {
		t.Fatal(err)
	}
	return u.ID
}
