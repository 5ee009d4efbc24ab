package browsertest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"steward/backoffice"
	"steward/store"
)

// group makes a reseller's policy, metadata and trail to look at.
func (w *site) group() {
	w.t.Helper()
	actor := *owner()
	env := backoffice.PolicyRules{IdleMinutes: backoffice.Some(480), MFAForce: backoffice.Some(backoffice.ForceExceptSSO)}
	_, err := w.store.CreateAccount(ctx, actor, backoffice.NewAccount{Name: "Nord Textiles", ID: "nord", PrimaryEmail: "hana@nord.example"})
	_, err2 := w.store.CreateAccount(ctx, actor, backoffice.NewAccount{Name: "株式会社さくら", ID: "sakura", PrimaryEmail: "hana@nord.example"})
	for _, err := range []error{err, err2,
		w.store.SaveEnvironmentPolicy(ctx, actor, env, 0),
		w.store.SavePolicy(ctx, actor, "nord", backoffice.PolicyRules{History: backoffice.Some(3)}, 0),
		w.store.SavePolicy(ctx, actor, "nord", backoffice.PolicyRules{History: backoffice.Some(5), MaxSessions: backoffice.Some(5)}, 1),
		w.store.SetMetadata(ctx, actor, "nord", store.MetadataEdit{Text: `{"plan":"team","seats":143,"crm":{"owner":"Quinn","stage":"renewal"}}`, Version: 1}),
	} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// choose ticks what may lie under the bar at the window's end just now.
func (p *tab) choose(selector string) {
	p.t.Helper()
	p.run(chromedp.Evaluate(`document.querySelector("`+selector+`").click()`, nil))
}

// keep leaves a picture where pictures are asked for.
func (p *tab) keep(name string) {
	p.t.Helper()
	if dir := os.Getenv("STEWARD_TEST_PICTURES"); dir != "" {
		p.picture(filepath.Join(dir, name+".png"))
	}
}

// What is chosen is followed beside the form; what is refused is said at its
// field with what was typed; then it is mended and saved.
func TestPolicyJourney(t *testing.T) {
	w := newSite(t, owner())
	w.group()
	p := w.tab(t, tabOptions{})
	p.open("/backoffice/accounts/nord/policy")
	p.choose(`input[name=complexity][value=hard]`)
	p.wait(`document.querySelector("#policy-result").textContent.includes("15 to 128 characters with upper, lower, digit and special")`)
	p.choose(`input[name=mfa_force][value=force]`)
	p.wait(`document.querySelector("#mfa-force-in-force").textContent.includes("Force when saved")`)
	p.fill("#idle-minutes", "12")
	p.wait(`document.querySelector("#policy-count").textContent === "2 settings changed, 1 refused"`)
	if got := eval[string](p, `document.activeElement.id`); got != "idle-minutes" {
		t.Errorf("the focus went to %q while typing", got)
	}
	p.click(`.save-bar button`)
	p.wait(`document.querySelector(".notice[role=alert]")`)
	if got := p.text("#idle-minutes-problem"); got != "At most 8 hours: the environment sets that limit. You entered 12 hours." {
		t.Errorf("at the field: %q", got)
	}
	p.accessible("a refused policy")
	p.fill("#idle-minutes", "4")
	p.run(chromedp.SendKeys("#idle-minutes", "\r", chromedp.ByQuery)) // Enter saves, and is no reset
	p.wait(`location.pathname.endsWith("/accounts/nord")`)
	state, err := w.store.PolicyOf(ctx, "nord")
	if err != nil || state.Own.IdleMinutes.V != 240 || state.Own.History.V != 5 || state.Own.MFAForce.V != backoffice.Force {
		t.Errorf("saved: %+v, %v", state.Own, err)
	}
}

// On the account's page the form takes the place of its section.
func TestPolicyInPlaceJourney(t *testing.T) {
	w := newSite(t, owner())
	w.group()
	p := w.tab(t, tabOptions{})
	p.open("/backoffice/accounts/nord")
	p.click("#policy a[data-edits]")
	p.wait(`document.querySelector("#policy #policy-form")`)
	p.wait(`document.querySelector("#policy").contains(document.activeElement)`)
	p.accessible("a policy in its place")
	p.keep("in-place-policy")
	p.choose(`input[name=mfa_force][value=force]`)
	p.wait(`document.querySelector("#mfa-force-in-force").textContent.includes("Force when saved")`)
	p.fill("#idle-minutes", "12")
	p.wait(`document.querySelector("#policy-count").textContent === "1 setting changed, 1 refused"`)
	p.click(`.save-bar .actions > button`)
	p.wait(`document.querySelector("#policy .notice[role=alert]")`)
	if got := eval[string](p, `document.querySelector("#idle-minutes").value`); got != "12" {
		t.Errorf("what was typed is lost: %q", got)
	}
	p.fill("#idle-minutes", "4")
	p.click(`.save-bar .actions > button`)
	p.wait(`!document.querySelector("#policy form") && document.querySelector("#policy dl")`)
	p.wait(`document.querySelector(".toast-line")`)
	p.wait(`document.activeElement.matches("#policy a[data-edits]")`)
	if state, err := w.store.PolicyOf(ctx, "nord"); err != nil || state.Own.IdleMinutes.V != 240 || state.Own.MFAForce.V != backoffice.Force {
		t.Errorf("saved: %+v, %v", state.Own, err)
	}
	p.click("#policy a[data-edits]")
	p.wait(`document.querySelector("#policy #policy-form")`)
	p.click(`.save-bar .actions > a`)
	p.wait(`!document.querySelector("#policy form") && location.pathname.endsWith("/accounts/nord")`)

	p.click("#metadata a[data-edits]")
	p.wait(`document.querySelector("#metadata #metadata-form")`)
	p.accessible("metadata in its place")
	p.keep("in-place-metadata")
	if err := w.store.SetMetadata(ctx, *owner(), "nord", store.MetadataEdit{Text: `{"plan":"pro","seats":143}`, Version: 2}); err != nil {
		t.Fatal(err)
	}
	p.run(chromedp.SetValue(`#metadata-form input[name=value]`, "enterprise", chromedp.ByQuery))
	p.click(`#metadata-form .actions button[type=submit]`)
	p.wait(`document.querySelector("#metadata #metadata-merge")`)
	p.accessible("a merge in its place")
	p.keep("in-place-merge")
	p.choose(`input[name='choice.0'][value=mine]`)
	p.click(`#metadata-merge .actions button`)
	p.wait(`!document.querySelector("#metadata form") && document.querySelector("#metadata").textContent.includes("enterprise")`)
}

func TestMetadataJourney(t *testing.T) {
	w := newSite(t, owner())
	w.group()
	p := w.tab(t, tabOptions{})
	p.open("/backoffice/accounts/nord/metadata")
	p.click(`[data-view-tab=json]`)
	p.run(chromedp.SetValue(`textarea[name=json]`, `{"plan": "pro", "big": 12345678901234567890}`, chromedp.ByQuery))
	p.click(`[data-view-tab=rows]`)
	p.click(`#metadata-form button[type=submit]`)
	p.wait(`location.pathname.endsWith("/accounts/nord")`)
	if a, err := w.store.Account(ctx, "nord"); err != nil || a.Metadata != `{"plan":"pro","big":12345678901234567890}` {
		t.Errorf("saved: %s, %v", a.Metadata, err)
	}
}

// Two people save: the second is shown both, in the window of a phone.
func TestMetadataMergeJourney(t *testing.T) {
	w := newSite(t, owner())
	w.group()
	p := w.tab(t, tabOptions{width: 380, height: 800, dark: true})
	p.open("/backoffice/accounts/nord/metadata")
	kofi := *owner()
	kofi.Name = "Kofi Novak"
	if err := w.store.SetMetadata(ctx, kofi, "nord", store.MetadataEdit{Text: `{"plan":"pro","seats":143}`, Version: 2}); err != nil {
		t.Fatal(err)
	}
	p.run(chromedp.SetValue(`#metadata-form input[name=value]`, "enterprise", chromedp.ByQuery))
	p.click(`#metadata-form .actions button[type=submit]`)
	p.wait(`document.querySelector("#metadata-merge")`)
	p.accessible("a merge of metadata")
	p.choose(`input[name='choice.0'][value=mine]`)
	p.click(`#metadata-merge .actions button`)
	p.wait(`location.pathname.endsWith("/accounts/nord")`)
	if a, err := w.store.Account(ctx, "nord"); err != nil || a.Metadata != `{"plan":"enterprise","seats":143}` {
		t.Errorf("merged: %s, %v", a.Metadata, err)
	}
}

func TestAuditJourney(t *testing.T) {
	w := newSite(t, owner())
	w.group()
	p := w.tab(t, tabOptions{})
	p.open("/backoffice/audit")
	p.fill("#events-q", "sakura")
	p.wait(`document.querySelectorAll("#events-list tr[id]").length === 1 && location.search.includes("sakura")`)
	if got := eval[string](p, `document.activeElement.id`); got != "events-q" {
		t.Errorf("the focus went to %q while typing", got)
	}
	p.open("/backoffice/audit?action=policy.")
	p.click(".event summary")
	p.wait(`document.querySelector(".event[open] .diff ins").checkVisibility()`)
	p.accessible("an open entry")
}
