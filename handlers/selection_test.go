package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
)

// press sends the list's form by one of the buttons of its bulk bar.
func (p *shown) press(label string, set url.Values) *shown {
	p.b.t.Helper()
	form := p.Find("#accounts-form")
	action := ""
	for _, button := range form.Find(".bulk button[formaction]").EachIter() {
		if strings.TrimSpace(button.Text()) == label {
			action = button.AttrOr("formaction", "")
		}
	}
	if action == "" {
		p.b.t.Fatalf("no button %q on %s", label, p.URL)
	}
	form.SetAttr("action", action)
	return p.submit("#accounts-form", set)
}

// confirm sends the form of a page by its first button.
func (p *shown) confirm(set url.Values) *shown {
	if set == nil {
		set = url.Values{}
	}
	set.Set("confirmed", "yes")
	return p.submit("main form", set)
}

func TestDeleteSelection(t *testing.T) {
	w := newSite(t)
	w.fill()
	b := w.browser()
	list := b.get("/backoffice/accounts?sort=name")
	if p := list.press("Delete", nil); p.URL.Path != "/backoffice/accounts" || !strings.Contains(p.text(".toast-text"), "Nothing was selected") {
		t.Errorf("nothing ticked: %s %q", p.URL, p.text(".toast-text"))
	}
	ask := list.press("Delete", url.Values{"id": {"nord-group", "acc-000001"}})
	if ask.Status != http.StatusOK || !strings.Contains(ask.text("h1"), "Delete 2 accounts") || !strings.Contains(ask.text("main"), "Müller & Söhne GmbH") || !strings.Contains(ask.text("main"), "21 December 2026") && !strings.Contains(ask.text("main"), "20 December 2026") {
		t.Errorf("%d %q", ask.Status, ask.text("main"))
	}
	if w.accounts() != int64(len(customers)) {
		t.Error("deleted before it was confirmed")
	}
	done := ask.confirm(nil)
	if done.URL.RawQuery != "sort=name" || w.accounts() != int64(len(customers))-2 || !strings.Contains(done.text(".toast-text"), "2 accounts were moved to the bin.") {
		t.Errorf("%s %q, %d left", done.URL, done.text(".toast-text"), w.accounts())
	}
	undo := done.Find("[data-toast] form")
	if undo.AttrOr("action", "") != "/backoffice/restorations" {
		t.Error("no undo")
	}
	deletion := undo.Find("input[name=deletion]").AttrOr("value", "")
	if _, err := w.store.Restore(ctx, *w.as, deletion); err != nil || w.accounts() != int64(len(customers)) {
		t.Errorf("undo: %v", err)
	}
	// Sent again, the confirmation finds nothing any more to delete, and says so.
	ask.confirm(nil)
	if again := ask.confirm(nil); again.Status != http.StatusOK || !strings.Contains(again.text(".toast-text"), "Nothing was selected") {
		t.Errorf("twice: %d %q", again.Status, again.text("main"))
	}
}

func TestDeleteAllThatMatch(t *testing.T) {
	w := newSite(t)
	for i := range 70 {
		if _, err := w.store.CreateAccount(ctx, *w.as, backoffice.NewAccount{Name: fmt.Sprintf("Harbor %02d", i), ID: fmt.Sprintf("h-%02d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	w.fill()
	b := w.browser()
	list := b.get("/backoffice/accounts?q=harbor")
	all := list.Find("input[name=all]").AttrOr("value", "")
	if all != "q=harbor" || !strings.Contains(list.text(".bulk-all"), "Select all 70 that match") {
		t.Fatalf("all: %q %q", all, list.text(".bulk-all"))
	}
	ask := list.press("Delete", url.Values{"all": {all}})
	if !strings.Contains(ask.text("h1"), "Delete 70 accounts") || !strings.Contains(ask.text("main"), "Every account named or numbered “harbor”.") || !strings.Contains(ask.text("main"), "and 50 more") {
		t.Errorf("%q", ask.text("main"))
	}
	if p := ask.confirm(nil); p.Status != http.StatusUnprocessableEntity || w.accounts() != 78 {
		t.Errorf("without the number: %d", p.Status)
	}
	// The list changes between the question and the answer.
	if _, err := w.store.CreateAccount(ctx, *w.as, backoffice.NewAccount{Name: "Harbor late"}); err != nil {
		t.Fatal(err)
	}
	changed := ask.confirm(url.Values{"typed": {"70"}})
	if changed.Status != http.StatusConflict || !strings.Contains(changed.text("main"), "changed meanwhile") || w.accounts() != 79 {
		t.Errorf("%d %q", changed.Status, changed.text("main"))
	}
	done := changed.confirm(url.Values{"typed": {"71"}})
	if w.accounts() != int64(len(customers)) || !strings.Contains(done.text(".toast-text"), "71 accounts") {
		t.Errorf("%q, %d left", done.text(".toast-text"), w.accounts())
	}
	// A selection that cannot be read wholly is refused: it would be a wider one.
	req := url.Values{"all": {"q=harbor&colour=red"}}
	if p := b.post("/backoffice/selection/deletion", req); p.Status != http.StatusUnprocessableEntity {
		t.Errorf("a view that is not understood: %d", p.Status)
	}
}

func TestSelectionWithSubAccounts(t *testing.T) {
	w := newSite(t)
	w.fill()
	w.imports("id,name,parent_id\nacc-000002,株式会社さくら,nord-group\n", "")
	b := w.browser()
	list := b.get("/backoffice/accounts?parent=yes")
	if ids := list.ids(); len(ids) != 1 || ids[0] != "acc-000002" || !strings.Contains(list.text("tbody .tag"), "in Nord Group") {
		t.Errorf("sub-accounts: %v %q", ids, list.text("tbody .tag"))
	}
	if in := b.get("/backoffice/accounts?in=nord-group"); len(in.ids()) != 1 || !strings.Contains(in.text(".chip"), "Nord Group") {
		t.Errorf("in the group: %v %q", in.ids(), in.text(".chip"))
	}
	ask := b.get("/backoffice/accounts").press("Delete", url.Values{"id": {"nord-group", "acc-000001"}})
	if !strings.Contains(ask.text(".consequences"), "1 account stays") || !strings.Contains(ask.text("form .btn"), "Delete 1 account") {
		t.Errorf("%q", ask.text("main"))
	}
	done := ask.confirm(nil)
	if !strings.Contains(done.text("main"), "1 account was moved to the bin.") || !strings.Contains(done.text("tbody"), "Nord Group") || !strings.Contains(done.text("tbody"), "it has sub-accounts") || done.Find("input[name=deletion]").Length() != 1 {
		t.Errorf("%q", done.text("main"))
	}
}

func TestSelectionMetadata(t *testing.T) {
	w := newSite(t)
	w.fill()
	b := w.browser()
	list := b.get("/backoffice/accounts")
	form := list.press("Edit metadata", url.Values{"id": {"nord-group", "acc-000001"}})
	if !strings.Contains(form.text("h1"), "Edit metadata of 2 accounts") {
		t.Fatalf("%q", form.text("main"))
	}
	for _, c := range []struct{ key, value, problem string }{
		{"", "1", "#md-key-problem"},
		{"plan", "", "#md-value-problem"},
		{"plan", "{", "#md-value-problem"},
	} {
		if p := form.confirm(url.Values{"key": {c.key}, "value": {c.value}}); p.Status != http.StatusUnprocessableEntity || p.text(c.problem) == "" {
			t.Errorf("%+v: %d %q", c, p.Status, p.text("main"))
		}
	}
	done := form.confirm(url.Values{"key": {"plan"}, "value": {"team"}})
	if !strings.Contains(done.text(".toast-text"), "“plan” was set on 2 accounts.") {
		t.Errorf("%q", done.text(".toast-text"))
	}
	if a, _ := w.store.Account(ctx, "acc-000001"); a.Metadata != `{"plan":"team"}` {
		t.Errorf("metadata %s", a.Metadata)
	}
	// Undo gives back what stood there before, where nobody has changed it since.
	undone := done.submit("[data-toast] form", nil)
	if a, _ := w.store.Account(ctx, "acc-000001"); a.Metadata != `{}` || !strings.Contains(undone.text(".toast-text"), "2 accounts is as it was") {
		t.Errorf("undone: %s %q", a.Metadata, undone.text(".toast-text"))
	}
	if again := done.submit("[data-toast] form", nil); !strings.Contains(again.text("main"), "Nothing was taken back") || !strings.Contains(again.text("tbody"), "changed since") {
		t.Errorf("undone twice: %d %q", again.Status, again.text("main"))
	}
	first := form.confirm(url.Values{"key": {"plan"}, "value": {"team"}})
	form.confirm(url.Values{"key": {"plan"}, "value": {`{"tier": 2}`}})
	if late := first.submit("[data-toast] form", nil); !strings.Contains(late.text("tbody"), "changed since") {
		t.Errorf("undone after another change: %q", late.text("main"))
	}
	if none := b.post("/backoffice/selection/metadata-reversal", url.Values{"act": {"nothing"}, "next": {"https://evil.example/"}}); !strings.Contains(none.text(".toast-text"), "nothing left") || none.URL.Host != strings.TrimPrefix(w.url, "http://") {
		t.Errorf("nothing to undo: %s", none.URL)
	}
	form.confirm(url.Values{"key": {"plan"}, "act": {"remove"}})
	if a, _ := w.store.Account(ctx, "acc-000001"); a.Metadata != `{}` {
		t.Errorf("metadata %s", a.Metadata)
	}
}

func TestSelectionExportAndViewer(t *testing.T) {
	w := newSite(t)
	w.fill()
	b := w.browser()
	list := b.get("/backoffice/accounts?cols=users")
	file := list.press("Export", url.Values{"id": {"acc-000014", "nord-group"}})
	if lines := strings.Split(strings.TrimSpace(file.Body), "\n"); len(lines) != 3 || !strings.HasSuffix(strings.TrimSpace(lines[0]), ",Users") {
		t.Errorf("%q", file.Body)
	}
	if file := list.press("Export", url.Values{"id": {"acc-000014"}, "view": {""}}); len(strings.Split(strings.TrimSpace(file.Body), "\n")) != 2 {
		t.Errorf("%q", file.Body)
	}
	w.as.Role = backoffice.Viewer
	for _, path := range []string{"/backoffice/selection/deletion", "/backoffice/selection/metadata", "/backoffice/accounts"} {
		if p := b.post(path, url.Values{"id": {"nord-group"}, "confirmed": {"yes"}, "name": {"X"}}); p.Status != http.StatusForbidden {
			t.Errorf("a viewer posts to %s: %d", path, p.Status)
		}
	}
	if p := b.post("/backoffice/selection/export", url.Values{"id": {"nord-group"}}); p.Status != http.StatusOK {
		t.Errorf("a viewer exports: %d", p.Status)
	}
	if w.accounts() != int64(len(customers)) {
		t.Error("a viewer changed something")
	}
}
