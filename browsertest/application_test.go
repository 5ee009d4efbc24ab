package browsertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"steward/backoffice"
)

// rowAct asks for the row menu of an application and for one of its acts.
func (p *tab) rowAct(application, act string) {
	p.t.Helper()
	p.wait(`document.querySelector("dialog[open]") === null`)
	eval[bool](p, fmt.Sprintf(`document.querySelector('[data-row-menu][aria-label=%q]').click() || true`, "Actions for "+application))
	p.wait(`document.querySelector("#row-menu:popover-open") !== null`)
	if act != "" {
		eval[bool](p, fmt.Sprintf(`[...document.querySelectorAll("#row-menu .item-row")].find(i => i.checkVisibility() && i.textContent.trim() === %q).click() || true`, act))
		p.wait(`document.querySelector("dialog[open]") !== null`)
	}
}

// row is what the section "Applications / Agents" says of an application.
func (p *tab) row(application string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`[...document.querySelectorAll("#applications [data-id]")].find(r => r.querySelector(".cell-name").textContent.trim() === %q)?.innerText.replace(/\s+/g, " ").trim() ?? ""`, application))
}

func (p *tab) said(selector, want string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`document.querySelector(%q)?.innerText.replace(/\s+/g, " ").includes(%q)`, selector, want))
}

// An application from its first form to the users who have it: every sentence of
// product.md, section 10, that staff carry out.
func TestApplicationJourney(t *testing.T) {
	w := newSite(t, owner())
	cli := backoffice.CommandLine()
	*w.as = cli
	if _, err := w.store.CreateAccount(ctx, cli, backoffice.NewAccount{Name: "Nord Textiles", ID: "nord", PrimaryEmail: "hana.fischer@nord.example"}); err != nil {
		t.Fatal(err)
	}
	for i := range 13 {
		if _, err := w.store.AddUser(ctx, cli, "nord", backoffice.NewMember{Email: fmt.Sprintf("u%02d@nord.example", i), Roles: []string{backoffice.RoleReadOnly}}); err != nil {
			t.Fatal(err)
		}
	}
	for name, kind := range map[string]backoffice.ApplicationKind{"Kontor Floor": backoffice.NativeApplication, "Reorder agent": backoffice.Agent, "Supplier portal": backoffice.SinglePage} {
		a := backoffice.Application{Name: name, Kind: kind, Active: name != "Supplier portal"}
		if kind != backoffice.Agent {
			a.RedirectURIs = []string{"https://app.example/callback"}
		}
		if _, err := w.store.CreateApplication(ctx, cli, a, nil); err != nil {
			t.Fatal(err)
		}
	}
	p := w.tab(t, tabOptions{})

	// Environment ➜ "Applications" ➜ "Add new": the secret is shown once.
	p.open("/backoffice/applications")
	p.click(`.head a[href="/backoffice/applications/new"]`)
	p.fill("#name", "Kontor Planner")
	p.fill("#redirect_uris", "https://planner.example/callback")
	p.click("#application-form .actions button[type=submit]")
	secret := p.text("#new-secret")
	if !strings.HasPrefix(secret, "steward_secret_") {
		t.Errorf("the secret: %q", secret)
	}
	p.accessible("a new secret")
	p.click("#accounts-h ~ * , .side a[href$='/backoffice/accounts']")
	p.wait(`location.pathname === "/backoffice/accounts"`)
	p.run(chromedp.NavigateBack())
	p.wait(`location.pathname.startsWith("/backoffice/applications")`)
	if body := eval[string](p, `document.body.innerText`); strings.Contains(body, secret) {
		t.Error("going back shows the secret again")
	}
	apps, err := w.store.Applications(ctx)
	if err != nil || len(apps) != 4 {
		t.Fatalf("%d applications, %v", len(apps), err)
	}
	planner := apps[1].ID
	p.open("/backoffice/applications/" + planner)
	if body := eval[string](p, `document.documentElement.outerHTML`); strings.Contains(body, secret) {
		t.Error("the page shows the secret again")
	}
	p.said("#availability", "Nobody can enter it yet")
	p.click("#active-switch")
	p.wait(`document.querySelector("#active-switch").ariaChecked === "true" && document.querySelector(".app-head .tag") === null`)

	// A new secret takes the place of the one before, which works for another day.
	p.click(`#credentials a[href$="/secrets/new"]`)
	p.said("dialog[open]", "The one before works for another 24 hours")
	p.click("dialog[open] .panel-foot button[type=submit]")
	p.wait(`document.querySelector("dialog[open]") === null && document.querySelectorAll("#credentials tbody tr").length === 2`)
	if made := p.text("#new-secret"); made == secret || !strings.HasPrefix(made, "steward_secret_") {
		t.Errorf("rotated: %q", made)
	}
	p.click("#credentials tbody a")
	p.click("dialog[open] .panel-foot button[type=submit]")
	p.wait(`document.querySelector("dialog[open]") === null && document.querySelectorAll("#credentials tbody tr").length === 1`)
	p.run(chromedp.Reload())
	p.wait(`document.querySelector("#credentials") !== null && document.querySelector("#new-secret") === null`)

	// "Auto-assigned app" says whom it reaches before it does; the keyboard is enough.
	p.run(chromedp.Focus("#auto-switch", chromedp.ByQuery), chromedp.KeyEvent(" "))
	p.said("dialog[open]", "1 account gains it")
	p.said("dialog[open]", "14 users gain it")
	p.accessible("the preview of an auto-assigned app")
	p.click("dialog[open] button[type=submit]")
	p.wait(`document.querySelector("#auto-switch")?.ariaChecked === "true"`)
	p.said("#accounts", "Environment auto-assigned")

	// Account ➜ "Applications / Agents" ➜ "Assign application": a drawer at the right.
	p.open("/backoffice/accounts/nord")
	p.said("#applications", "Applications / Agents")
	if got := p.row("Kontor Planner"); !strings.Contains(got, "Environment auto-assigned") || !strings.Contains(got, "14 users") {
		t.Errorf("assigned by the environment: %q", got)
	}
	assign := `#applications a[href$="/applications/new"]`
	p.click(assign)
	p.wait(`document.querySelector("dialog.drawer-end[open]")?.getBoundingClientRect().right === innerWidth`)
	if got := p.text("#assignable"); !strings.Contains(got, "Kontor Floor Native") || !strings.Contains(got, "Supplier portal Single-page Inactive") || strings.Contains(got, "Kontor Planner") {
		t.Errorf("offered: %q", got)
	}
	if eval[string](p, `document.activeElement.id`) != "assign-q" {
		t.Error("the search does not begin")
	}
	p.click(`#assignable li:nth-child(1) input`)
	p.run(chromedp.SendKeys("#assign-q", "zzz", chromedp.ByQuery))
	p.wait(`document.querySelectorAll("#assignable li:not([hidden])").length === 1`)
	p.run(chromedp.SendKeys("#assign-q", "\b\b\bSÜPPL", chromedp.ByQuery))
	p.wait(`document.querySelectorAll("#assignable li:not([hidden])").length === 2`) // what is ticked stays
	p.click(`#assignable li:nth-child(3) input`)
	p.said("dialog[open] [data-chosen]", "2 selected")
	p.accessible("the drawer")
	p.click("dialog[open] .panel-foot button[type=submit]")
	p.wait(`document.querySelector("dialog[open]") === null && document.querySelectorAll("#applications [data-id]").length === 3`)
	p.said("#toasts", "2 applications were assigned.")
	if got := p.row("Supplier portal"); !strings.Contains(got, "Inactive") || !strings.Contains(got, "no users yet") {
		t.Errorf("an inactive one: %q", got)
	}

	// Nothing chosen is refused in its place.
	p.click(assign)
	p.click("dialog[open] .panel-foot button[type=submit]")
	p.said("dialog[open]", "Choose at least one application.")
	p.run(chromedp.KeyEvent("\x1b"))

	// The row menu says what each act brings.
	p.rowAct("Kontor Planner", "")
	if why := eval[string](p, `[...document.querySelectorAll("#row-menu [aria-disabled=true]")].filter(i => i.checkVisibility()).map(i => i.innerText.replace(/\s+/g, " ")).join("|")`); !strings.Contains(why, "Disable auto-assignment The environment assigns it to every account") || strings.Contains(why, "|") {
		t.Errorf("the disabled act: %q", why)
	}
	p.accessible("the row menu")
	p.run(chromedp.KeyEvent("\x1b"))
	p.rowAct("Kontor Floor", "Enable auto-assignment")
	p.said("dialog[open]", "14 users gain it")
	p.click("dialog[open] .panel-foot button[type=submit]")
	p.wait(`document.querySelector("dialog[open]") === null && document.querySelector("#applications [data-flags=account]") !== null`)
	if got := p.row("Kontor Floor"); !strings.Contains(got, "Account auto-assigned") {
		t.Errorf("assigned by the account: %q", got)
	}

	// Who joins has it; it cannot be taken from a single user, and that is said.
	if _, err := w.store.AddUser(ctx, cli, "nord", backoffice.NewMember{Email: "zoe@nord.example", Roles: []string{backoffice.RoleReadOnly}}); err != nil {
		t.Fatal(err)
	}
	eval[bool](p, `[...document.querySelectorAll("#applications .cell-name")].find(a => a.textContent === "Kontor Floor").click() || true`)
	p.said("#application-users", "zoe@nord.example")
	control := `#application-users tbody tr:first-child .held-act`
	if got := p.text(control); got != "Remove Auto-assigned" {
		t.Errorf("the control: %q", got)
	}
	if eval[bool](p, `!document.querySelector("`+control+` button").disabled || document.getElementById(document.querySelector("`+control+` button").getAttribute("aria-describedby")).checkVisibility() === false`) {
		t.Error("the control is not disabled, or its reason not there to be read")
	}
	p.said("#fixed-reason", "It is assigned to every user of this account.")
	p.accessible("users of an auto-assigned application")

	// Turned off it leaves what they had, one by one.
	p.click(`.app-head a[href*="auto-assignment"]`)
	p.said("dialog[open]", "15 users keep it as manual assignments and can lose it one by one; users who join later do not get it.")
	p.click("dialog[open] .panel-foot button[type=submit]")
	p.wait(`document.querySelector("#fixed") === null && document.querySelectorAll("#application-users tbody form").length === 15`)
	p.click(`#application-users tbody tr:last-child form button`)
	p.wait(`document.querySelectorAll("#application-users tbody form").length === 14`)
	p.said("#toasts", "zoe@nord.example does not have it any more.")

	// "Add users": what is ticked stays while one searches.
	p.click(`#application-users a[href$="/users/new"]`)
	p.said("dialog.drawer-end[open]", "zoe@nord.example")
	if _, err := w.store.AddUser(ctx, cli, "nord", backoffice.NewMember{Email: "ada@nord.example", Roles: []string{backoffice.RoleReadOnly}}); err != nil {
		t.Fatal(err)
	}
	p.click("#candidates-list li:first-child input")
	p.run(chromedp.SendKeys("#candidates-q", "ADA", chromedp.ByQuery))
	p.said("#candidates-list", "ada@nord.example")
	p.wait(`document.querySelectorAll("#candidates-list li").length === 2`)
	p.click("#candidates-list li:last-child input")
	p.said("dialog[open] [data-chosen]", "2 selected")
	p.accessible("the picker of users")
	p.click("dialog[open] .panel-foot button[type=submit]")
	p.wait(`document.querySelector("dialog[open]") === null && document.querySelectorAll("#application-users tbody form").length === 16`)

	// "Remove" takes it from the account and all of its users.
	p.open("/backoffice/accounts/nord/applications")
	p.rowAct("Kontor Floor", "Remove")
	p.said("dialog[open]", "16 users lose it")
	p.click("dialog[open] .panel-foot button[type=submit]")
	p.wait(`document.querySelector("dialog[open]") === null && document.querySelectorAll("#applications tbody tr").length === 2`)

	// "Auto-assign users": whatever is chosen, all of them have.
	p.click(`#applications a[href*="/applications/auto-assignment"]`)
	p.said("dialog.drawer-end[open]", "16 users now, and whoever joins later.")
	eval[bool](p, `document.querySelectorAll("#assignable input").forEach(b => b.click()) || true`)
	p.said("dialog[open] [data-chosen]", "3 selected")
	p.click("dialog[open] .panel-foot button[type=submit]")
	p.wait(`document.querySelector("dialog[open]") === null && document.querySelectorAll("#applications [data-flags=account]").length === 3`)
	p.click(`#applications a[href*="/applications/new"]`)
	p.said("dialog[open]", "All applications are assigned already.")
}

// The same without script: each step is a page of its own.
func TestApplicationsWithoutScript(t *testing.T) {
	w := newSite(t, owner())
	cli := backoffice.CommandLine()
	*w.as = cli
	if _, err := w.store.CreateAccount(ctx, cli, backoffice.NewAccount{Name: "Nord Textiles", ID: "nord", PrimaryEmail: "hana.fischer@nord.example"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Books", "Wiki"} {
		if _, err := w.store.CreateApplication(ctx, cli, backoffice.Application{Name: name, Kind: backoffice.WebApplication, RedirectURIs: []string{"https://app.example/cb"}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	p := w.tab(t, tabOptions{width: 380, height: 800, noScript: true})
	p.open("/backoffice/accounts/nord/applications/new")
	p.fill("#assign-q", "wiki")
	p.click("#assignable li:first-child input") // Books, which the search would leave out
	p.click(".find button")
	p.wait(`location.search.includes("q=wiki") && document.querySelectorAll("#assignable li").length === 2`)
	p.click("#assignable li:nth-child(2) input")
	p.click("#assign-form .actions button[type=submit]")
	p.there("#applications li:nth-child(2)")
	p.click("#applications li:first-child .icon-btn") // ⋮ leads to the page with the same acts
	p.there("#application-users")
	p.click(`.app-head a[href*="auto-assignment"]`)
	p.click("#auto-assignment-form button[type=submit]")
	p.there("#fixed")
	a, err := w.store.Applications(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p.open("/backoffice/applications/" + a[0].ID)
	p.click("#active-switch")
	p.there("#active-switch[aria-checked=true]")
	p.click("#auto-switch")
	p.there("#auto-assignment-form")
	p.click("#auto-assignment-form button[type=submit]")
	p.there("#auto-switch[aria-checked=true]")
}
