package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
)

func TestSavedViews(t *testing.T) {
	w := newSite(t)
	manager, viewer := w.staff("manager@vendor.example", backoffice.Manager).Actor("", ""), w.staff("viewer@vendor.example", backoffice.Viewer).Actor("", "")
	w.as = &manager
	w.fill()
	b := w.browser()
	list := b.get("/backoffice/accounts")
	if list.text("#accounts-tabs") != "All accounts 8" {
		t.Errorf("nothing to save yet: %q", list.text("#accounts-tabs"))
	}
	list = b.get("/backoffice/accounts?active=30d&sort=name")
	form := b.get(list.Find(".tab-act").AttrOr("href", ""))
	if !strings.Contains(form.text("main"), "Every account that is active in the last 30 days.") {
		t.Errorf("%q", form.text("main"))
	}
	if p := form.submit("main form", url.Values{"name": {" "}}); p.Status != http.StatusUnprocessableEntity || p.text("#view-name-problem") == "" {
		t.Errorf("no name: %d", p.Status)
	}
	list = form.submit("main form", url.Values{"name": {"Busy <ones>"}})
	if list.URL.RawQuery != "active=30d&sort=name" || list.text("#accounts-tabs a[aria-current]") != "Busy <ones> 3" || len(list.ids()) != 3 {
		t.Errorf("%s %q", list.URL, list.text("#accounts-tabs"))
	}
	form = b.get(b.get("/backoffice/accounts?domain=company").Find(".tab-act").AttrOr("href", ""))
	form.submit("main form", url.Values{"name": {"Companies"}, "shared": {"true"}})

	// Rename and delete, and take the deletion back.
	list = b.get("/backoffice/accounts?active=30d&sort=name")
	rename := b.get(list.Find("#view-menu a").AttrOr("href", ""))
	if p := rename.submit("main form", url.Values{"name": {"Companies"}}); p.Status != http.StatusUnprocessableEntity {
		t.Errorf("a name that is taken: %d", p.Status)
	}
	list = rename.submit("main form", url.Values{"name": {"Active"}})
	if list.text("#accounts-tabs a[aria-current]") != "Active 3" {
		t.Errorf("renamed: %q", list.text("#accounts-tabs"))
	}
	id := strings.TrimPrefix(list.Find("#view-menu a").AttrOr("href", ""), "/backoffice/views/")
	gone := list.submit("#view-menu form", nil)
	if strings.Contains(gone.text("#accounts-tabs"), "Active") || !strings.Contains(gone.text(".toast-text"), "deleted") {
		t.Errorf("deleted: %q %q", gone.text("#accounts-tabs"), gone.text(".toast-text"))
	}
	if back := gone.submit("[data-toast] form", nil); !strings.Contains(back.text("#accounts-tabs"), "Active") {
		t.Errorf("taken back: %q", back.text("#accounts-tabs"))
	}
	if p := b.post("/backoffice/views/"+id, url.Values{"name": {"X"}}); p.Status != http.StatusNotFound {
		t.Errorf("a view that is gone: %d", p.Status)
	}

	// A viewer keeps views of their own, sees shared ones, and changes none of those.
	w.as = &viewer
	list = b.get("/backoffice/accounts?domain=company")
	if tabs := list.text("#accounts-tabs"); tabs != "All accounts 8Companies 5" || list.Find("#view-menu").Length() != 0 {
		t.Errorf("a viewer sees %q", tabs)
	}
	form = b.get(b.get("/backoffice/accounts?q=nord").Find(".tab-act").AttrOr("href", ""))
	if form.Find("input[name=shared]").Length() != 0 {
		t.Error("a viewer is offered to share")
	}
	if list = form.submit("main form", url.Values{"name": {"Nord"}}); list.text("#accounts-tabs a[aria-current]") != "Nord" {
		t.Errorf("a viewer's own view: %q", list.text("#accounts-tabs"))
	}
	if p := b.post("/backoffice/views", url.Values{"name": {"Mine"}, "query": {"q=x"}, "shared": {"true"}}); p.Status != http.StatusForbidden {
		t.Errorf("a viewer shares: %d", p.Status)
	}
	// Over the list it is a dialog.
	dialog := b.get("/backoffice/views/new?query=active%3D7d", "dialog")
	if dialog.Find("dialog[data-open] input[name=query]").AttrOr("value", "") != "active=7d" || strings.Contains(dialog.Body, "<html") {
		t.Errorf("dialog: %.300s", dialog.Body)
	}
}
