package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

func (w *site) accounts() int64 {
	w.t.Helper()
	totals, err := w.store.Totals(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return totals.Accounts
}

func TestAddAccount(t *testing.T) {
	w := newSite(t)
	b := w.browser()
	form := b.get("/backoffice/accounts/new")
	if form.text("h1") != "Add new account" {
		t.Fatalf("%d %s", form.Status, form.Body)
	}
	// Nothing typed: the form comes back with its sentence, and what was typed.
	refused := form.submit("main form", url.Values{"name": {"  "}, "email": {"nobody"}})
	if refused.Status != http.StatusUnprocessableEntity || refused.text("#new-name-problem") == "" || refused.text("#new-email-problem") == "" || refused.Find("#new-email").AttrOr("value", "") != "nobody" {
		t.Errorf("%d %q", refused.Status, refused.text("main"))
	}
	bad := form.submit("main form", url.Values{"name": {"Nord"}, "id": {"new"}})
	if bad.text("#new-id-problem") == "" || bad.Find("#new-name").AttrOr("value", "") != "Nord" {
		t.Errorf("a reserved ID: %q", bad.text("main"))
	}
	added := form.submit("main form", url.Values{"name": {" <b>Nord</b> "}, "id": {"nord"}, "email": {"Hana@nord.example"}})
	if added.URL.Path != "/backoffice/accounts/nord" {
		t.Errorf("leads to %s", added.URL)
	}
	if a, err := w.store.Account(ctx, "nord"); err != nil || a.Name != "<b>Nord</b>" || a.PrimaryEmail != "hana@nord.example" || a.Users != 1 {
		t.Errorf("%+v %v", a, err)
	}
	if toast := b.get("/backoffice/accounts").text(".toast-text"); added.text(".toast-text")+toast != "“<b>Nord</b>” was added." {
		t.Errorf("toast %q", toast)
	}
	// The same form sent twice adds one account, with an ID or without.
	if again := form.submit("main form", url.Values{"name": {"<b>Nord</b>"}, "id": {"nord"}, "email": {"hana@nord.example"}}); again.URL.Path != "/backoffice/accounts/nord" || w.accounts() != 1 {
		t.Errorf("twice with an ID: %s, %d accounts", again.URL, w.accounts())
	}
	first := form.submit("main form", url.Values{"name": {"Süd"}})
	second := form.submit("main form", url.Values{"name": {"Süd"}})
	if first.URL.Path != second.URL.Path || w.accounts() != 2 {
		t.Errorf("twice without an ID: %s and %s, %d accounts", first.URL, second.URL, w.accounts())
	}
	fresh := b.get("/backoffice/accounts/new").submit("main form", url.Values{"name": {"Süd"}})
	if fresh.URL.Path == first.URL.Path || w.accounts() != 3 {
		t.Errorf("a new form with the same name: %s, %d accounts", fresh.URL, w.accounts())
	}
	// A taken ID is refused at the field.
	w.clock.Add(time.Hour)
	taken := form.submit("main form", url.Values{"name": {"<b>Nord</b>"}, "id": {"nord"}, "email": {"hana@nord.example"}})
	if taken.Status != http.StatusUnprocessableEntity || !strings.Contains(taken.text("#new-id-problem"), "exists") {
		t.Errorf("a taken ID: %d %q", taken.Status, taken.text("main"))
	}
	// Over the list it is a dialog, with the same answers.
	dialog := b.get("/backoffice/accounts/new", "dialog")
	if strings.Contains(dialog.Body, "<html") || dialog.Find("dialog[data-open] form").Length() != 1 {
		t.Errorf("dialog: %.200s", dialog.Body)
	}
	if p := dialog.submit("dialog form", url.Values{"id": {"nord"}, "name": {"Other"}}, "dialog"); p.Status != http.StatusUnprocessableEntity || p.Find("dialog #new-id-problem").Length() != 1 || strings.Contains(p.Body, "<html") {
		t.Errorf("refused in the dialog: %d %.200s", p.Status, p.Body)
	}
	if p := dialog.submit("dialog form", url.Values{"name": {"Dialog"}, "id": {"dialog-1"}}, "dialog"); p.Header.Get("HX-Redirect") != "/backoffice/accounts/dialog-1" {
		t.Errorf("added in the dialog: %v", p.Header)
	}
}

func TestAddBinnedAccount(t *testing.T) {
	w := newSite(t)
	b := w.browser()
	if _, err := w.store.CreateAccount(ctx, *w.as, backoffice.NewAccount{Name: "Nord", ID: "nord"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.DeleteAccount(ctx, *w.as, "nord", "Nord", false); err != nil {
		t.Fatal(err)
	}
	form := b.get("/backoffice/accounts/new")
	p := form.submit("main form:not(#restore-binned)", url.Values{"name": {"Nord again"}, "id": {"nord"}})
	if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text("#new-id-problem"), "in the bin") || p.Find("button[form=restore-binned]").Length() != 1 {
		t.Fatalf("%d %q", p.Status, p.text("main"))
	}
	if p.Find("#restore-binned input[name=one]").AttrOr("value", "") != "nord" || p.Find("#restore-binned").AttrOr("action", "") != "/backoffice/restorations" {
		t.Error("no way to restore it")
	}
}
