package handlers_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"steward/backoffice"
	"steward/views"
)

func (w *site) create(name, id, email string) backoffice.Account {
	w.t.Helper()
	a, err := w.store.CreateAccount(context.Background(), *w.as, backoffice.NewAccount{Name: name, ID: id, PrimaryEmail: email})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// words is the text of what the selector finds, with a space between elements.
func (p *shown) words(selector string) string {
	var parts []string
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			parts = append(parts, strings.Fields(n.Data)...)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	for _, n := range p.Find(selector).Nodes {
		walk(n)
	}
	return strings.Join(parts, " ")
}

func inForce(p *shown, setting string) string { return p.words("#" + setting + "-in-force") }

func TestPolicyOfAnAccount(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "hana@nord.example")
	b := w.browser()
	p := b.get("/backoffice/accounts/nord/policy")
	if p.Status != http.StatusOK || p.text("h1") != "Security policy" || !strings.Contains(inForce(p, "idle-minutes"), "12 hours from environment") {
		t.Fatalf("%d %q %q", p.Status, p.text("h1"), inForce(p, "idle-minutes"))
	}
	if p.text("#policy-count") != "Nothing changed yet" {
		t.Errorf("untouched: %q", p.text("#policy-count"))
	}

	// Without script, "Preview" says what would follow and saves nothing.
	action := p.Find("noscript").Text()
	if !strings.Contains(action, "/policy/preview") {
		t.Errorf("no preview for browsers without script: %s", action)
	}

	p = p.submit("#policy-form", url.Values{"idle": {"4"}, "history": {"5"}, "mfa_force": {"force"}})
	if p.Status != http.StatusNotFound && p.URL.Path != "/backoffice/accounts/nord" {
		t.Fatalf("after saving: %d at %s", p.Status, p.URL)
	}
	p = b.get("/backoffice/accounts/nord/policy")
	if got := inForce(p, "idle-minutes"); !strings.Contains(got, "4 hours this account overrides environment: 12 hours") {
		t.Errorf("in force: %q", got)
	}
	state, err := w.store.PolicyOf(ctx, "nord")
	if err != nil {
		t.Fatal(err)
	}
	want := backoffice.PolicyRules{IdleMinutes: backoffice.Some(240), History: backoffice.Some(5), MFAForce: backoffice.Some(backoffice.Force)}
	if state.Own != want {
		t.Errorf("only what was changed is laid down: %+v", state.Own)
	}

	// Reset keeps the rest of what was typed.
	p = p.submit("#policy-form", url.Values{"history": {"7"}, "reset": {"idle_minutes"}})
	if p.Status != http.StatusOK || !strings.Contains(p.words(".notice"), "Idle timeout was reset") || p.Find("#history").AttrOr("value", "") != "7" || p.Find("#idle-minutes").AttrOr("value", "") != "12" {
		t.Errorf("reset beside something typed: %d %q history %q idle %q", p.Status, p.words(".notice"), p.Find("#history").AttrOr("value", ""), p.Find("#idle-minutes").AttrOr("value", ""))
	}
	p = p.submit("#policy-form", url.Values{"history": {"5"}, "reset": {"history"}})
	if p.URL.Path != "/backoffice/accounts/nord/policy" || !strings.Contains(p.text("#toasts"), "Password history was reset") {
		t.Errorf("reset alone: %s %q", p.URL, p.text("#toasts"))
	}
	if state, _ = w.store.PolicyOf(ctx, "nord"); state.Own != (backoffice.PolicyRules{MFAForce: backoffice.Some(backoffice.Force)}) {
		t.Errorf("after resets: %+v", state.Own)
	}
}

func TestPolicyLooserIsRefusedAtTheField(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "hana@nord.example")
	p := w.browser().get("/backoffice/accounts/nord/policy").submit("#policy-form",
		url.Values{"idle": {"13"}, "lockout_attempts": {"many"}, "max_sessions": {"3"}, "complexity": {"easy"}})
	if p.Status != http.StatusUnprocessableEntity {
		t.Fatalf("status %d", p.Status)
	}
	if got := p.text("#idle-minutes-problem"); got != "At most 12 hours: the environment sets that limit. You entered 13 hours." {
		t.Errorf("at the field: %q", got)
	}
	if p.Find("#idle-minutes").AttrOr("value", "") != "13" || p.Find("#idle-minutes").AttrOr("aria-invalid", "") != "true" || p.Find("#lockout-attempts").AttrOr("value", "") != "many" {
		t.Error("what was typed is not there any more")
	}
	if got := p.text("#policy-count"); got != "2 settings changed, 2 refused" {
		t.Errorf("bar: %q", got)
	}
	if got := p.words(".notice"); !strings.HasPrefix(got, "Nothing was saved. 2 settings are refused: Idle timeout , Lock after") {
		t.Errorf("notice: %q", got)
	}
	if got := p.text("#policy-result"); !strings.HasPrefix(got, "Result: 15 to 128 characters, no character three times") {
		t.Errorf("a level may always be chosen, the result says what holds: %q", got)
	}
	if state, _ := w.store.PolicyOf(ctx, "nord"); state.Version != 0 {
		t.Error("something was saved")
	}
}

func TestPolicyPreviewFollowsWhatIsChosen(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "hana@nord.example")
	b := w.browser()
	p := b.get("/backoffice/accounts/nord/policy")
	p.Find("#policy-form").SetAttr("action", "/backoffice/accounts/nord/policy/preview")
	parts := p.submit("#policy-form", url.Values{"mfa_force": {"force"}, "complexity": {"medium"}}, "policy-preview")
	if parts.Status != http.StatusOK || !strings.Contains(parts.words("#policy-preview"), "1 user must enrol in MFA at their next sign-in") {
		t.Errorf("%d %q", parts.Status, parts.words("#policy-preview"))
	}
	if got := parts.text("#policy-result"); !strings.Contains(got, "15 to 128 characters with upper, lower, digit and special") {
		t.Errorf("result: %q", got)
	}
	if got := inForce(parts, "mfa-force"); !strings.Contains(got, "Force when saved") {
		t.Errorf("next: %q", got)
	}
	whole := p.submit("#policy-form", url.Values{"mfa_force": {"force"}, "idle": {"900"}})
	if whole.Status != http.StatusOK || whole.text("#policy-count") != "1 setting changed, 1 refused" || !strings.Contains(whole.text("#policy-preview"), "must enrol") {
		t.Errorf("preview without script: %d %q", whole.Status, whole.text("#policy-count"))
	}
	if state, _ := w.store.PolicyOf(ctx, "nord"); state.Version != 0 {
		t.Error("a preview saved something")
	}
}

func TestPolicyConflictShowsBoth(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "")
	p := w.browser().get("/backoffice/accounts/nord/policy")
	kofi := *w.as
	kofi.Name, kofi.ID = "Kofi Novak", "staff-kofi"
	if err := w.store.SavePolicy(ctx, kofi, "nord", backoffice.PolicyRules{IdleMinutes: backoffice.Some(240), History: backoffice.Some(3)}, 0); err != nil {
		t.Fatal(err)
	}
	p = p.submit("#policy-form", url.Values{"idle": {"2"}, "max_sessions": {"4"}})
	if p.Status != http.StatusConflict {
		t.Fatalf("status %d", p.Status)
	}
	notice := p.words(".notice")
	if !strings.Contains(notice, "Kofi Novak changed this policy meanwhile") || !strings.Contains(notice, "Idle timeout : theirs 4 hours, yours 2 hours") {
		t.Errorf("notice: %q", notice)
	}
	if p.Find("#idle-minutes").AttrOr("value", "") != "2" || p.Find("#history").AttrOr("value", "") != "3" {
		t.Error("typed values are kept, and untouched ones are theirs")
	}
	p.submit("#policy-form", nil)
	state, err := w.store.PolicyOf(ctx, "nord")
	want := backoffice.PolicyRules{IdleMinutes: backoffice.Some(120), History: backoffice.Some(3), MaxSessions: backoffice.Some(4)}
	if err != nil || state.Own != want {
		t.Errorf("merged: %+v, %v", state.Own, err)
	}
}

func TestPolicyForWhoMayNotChangeIt(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "")
	w.as.Role = backoffice.Viewer
	b := w.browser()
	for _, path := range []string{"/backoffice/accounts/nord/policy", "/backoffice/settings/policy"} {
		p := b.get(path)
		if p.Status != http.StatusOK || !strings.Contains(p.words("#policy-reading"), "Idle timeout 12 hours") {
			t.Errorf("%s: %d %q", path, p.Status, p.words("#policy-reading"))
		}
		if n := p.Find("main form, main button, main input").Length(); n != 0 {
			t.Errorf("%s has %d controls for a viewer", path, n)
		}
	}
	w.as.Role = backoffice.Manager
	if n := b.get("/backoffice/settings/policy").Find("main form").Length(); n != 0 {
		t.Error("a manager has controls for the environment")
	}
	if n := b.get("/backoffice/accounts/nord/policy").Find("#policy-form").Length(); n != 1 {
		t.Error("a manager has no form for an account")
	}
}

func TestEnvironmentPolicy(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "hana@nord.example")
	if err := w.store.SavePolicy(ctx, *w.as, "nord", backoffice.PolicyRules{IdleMinutes: backoffice.Some(600)}, 0); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	p := b.get("/backoffice/settings").submit("#policy-form", url.Values{"idle": {"1"}, "complexity": {"custom"}, "min_length": {"20"}, "upper": {"on"}, "mfa_enabled": nil, "mfa_force": {"force"}})
	if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text("#mfa-force-problem"), "Enable MFA as well") {
		t.Fatalf("forcing without enabling: %d %q", p.Status, p.text("#mfa-force-problem"))
	}
	p = p.submit("#policy-form", url.Values{"mfa_enabled": {"on"}})
	if p.Status != http.StatusOK || !strings.Contains(p.text("#toasts"), "Security policy saved") || !strings.Contains(inForce(p, "idle-minutes"), "1 hour set here default: 12 hours") {
		t.Errorf("%d %q %q", p.Status, p.text("#toasts"), inForce(p, "idle-minutes"))
	}
	// The stricter environment wins over the account's older row.
	p = b.get("/backoffice/accounts/nord/policy")
	if got := inForce(p, "idle-minutes"); !strings.Contains(got, "1 hour from environment overrides this account: 10 hours") {
		t.Errorf("in force: %q", got)
	}
	if got := inForce(p, "complexity"); !strings.Contains(got, "At least 20 with upper") {
		t.Errorf("complexity: %q", got)
	}
	// An untouched field whose own row is too loose by now is not refused.
	p = p.submit("#policy-form", url.Values{"history": {"2"}})
	if state, err := w.store.PolicyOf(ctx, "nord"); err != nil || state.Own.History.V != 2 || state.Own.IdleMinutes.V != 600 {
		t.Errorf("%d %+v, %v", p.Status, state.Own, err)
	}
}

// With script the form takes the place of its section on the account's page:
// what is refused stays there, what is saved puts the section back.
func TestPolicyIsChangedInPlace(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "hana@nord.example")
	b := w.browser()
	const id = views.AccountPolicyID
	edit := b.get("/backoffice/accounts/nord").Find("#policy a[data-edits]")
	if edit.AttrOr("hx-get", "") != "/backoffice/accounts/nord/policy" || edit.AttrOr("href", "") != edit.AttrOr("hx-get", "") || edit.AttrOr("hx-target", "") != "#policy" {
		t.Fatalf("the link to the form: %v", edit.Nodes)
	}
	p := b.get(edit.AttrOr("hx-get", ""), id)
	if p.Find("html, nav").Length() > 1 || p.Find("section#policy #policy-form").AttrOr("hx-target", "") != "#policy" || p.Find("#policy-preview").Length() != 1 {
		t.Fatalf("%d %.300s", p.Status, p.Body)
	}
	if back := p.Find(".save-bar a"); back.AttrOr("hx-get", "") != "/backoffice/accounts/nord" || b.get(back.AttrOr("hx-get", ""), id).Find("section#policy dl").Length() != 1 {
		t.Error("Cancel does not put the section back")
	}
	p = p.submit("#policy-form", url.Values{"idle": {"12"}, "idle_unit": {"days"}, "history": {"5"}}, id)
	if p.Status != http.StatusUnprocessableEntity || p.Find("section#policy").Length() != 1 || p.Find("#history").AttrOr("value", "") != "5" || !strings.Contains(p.text("#idle-minutes-problem"), "12 days") {
		t.Fatalf("refused: %d %q", p.Status, p.text("#idle-minutes-problem"))
	}
	saved := p.submit("#policy-form", url.Values{"idle": {"4"}, "idle_unit": {"hours"}}, id)
	if saved.Status != http.StatusOK || saved.Find("section#policy form").Length() != 0 || !strings.Contains(saved.text("section#policy"), "4 hours") || !strings.Contains(saved.Body, "Security policy saved.") {
		t.Fatalf("saved: %d %.400s", saved.Status, saved.Body)
	}
	again := p.submit("#policy-form", url.Values{"idle": {"2"}, "idle_unit": {"hours"}}, id)
	if again.Status != http.StatusConflict || again.Find("section#policy #policy-form").Length() != 1 || again.Find("#idle-minutes").AttrOr("value", "") != "2" {
		t.Fatalf("somebody was quicker: %d %.300s", again.Status, again.Body)
	}
	reset := b.get("/backoffice/accounts/nord/policy", id).submit("#policy-form", url.Values{"reset": {"idle_minutes"}}, id)
	if reset.Status != http.StatusOK || reset.Header.Get("HX-Redirect") != "" || reset.Find("section#policy #policy-form").Length() != 1 || !strings.Contains(reset.Body, "Idle timeout was reset") {
		t.Fatalf("reset: %d %.300s", reset.Status, reset.Body)
	}
}
