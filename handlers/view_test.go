package handlers_test

import (
	"fmt"
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

// The page of users keeps its own views: none of them stands above the accounts.
func TestSavedViewsOfUsers(t *testing.T) {
	w := newSite(t)
	manager := w.staff("manager@vendor.example", backoffice.Manager).Actor("", "")
	w.as = &manager
	w.fill()
	b := w.browser()
	list := b.get("/backoffice/users")
	all := list.text("#users-tabs")
	if !strings.HasPrefix(all, "All users ") || list.Find(".tab-act").Length() != 0 {
		t.Errorf("nothing to save yet: %q", all)
	}
	list = b.get("/backoffice/users?sort=name&mfa=no&without=test.example&page=x&nonsense=1")
	form := b.get(list.Find(".tab-act").AttrOr("href", ""))
	if !strings.Contains(form.text("main"), "Every user who has no MFA and whose address is not at test.example.") || form.text("nav[aria-label] a[aria-current]") == "" {
		t.Errorf("%q", form.text("main"))
	}
	if p := form.submit("main form", url.Values{"name": {""}}); p.Status != http.StatusUnprocessableEntity || p.Find("input[name=query]").AttrOr("value", "") != "mfa=no&without=test.example&sort=name" {
		t.Errorf("no name: %d", p.Status)
	}
	list = form.submit("main form", url.Values{"name": {"No MFA"}, "shared": {"true"}})
	if list.URL.Path != "/backoffice/users" || list.text("#users-tabs a[aria-current]") != "No MFA" {
		t.Errorf("%s %q", list.URL, list.text("#users-tabs"))
	}
	if tabs := b.get("/backoffice/accounts").text("#accounts-tabs"); strings.Contains(tabs, "MFA") {
		t.Errorf("above the accounts: %q", tabs)
	}
	// A counter knows how many these are.
	b.post("/backoffice/views", url.Values{"name": {"Seen"}, "page": {"users"}, "query": {"active=30d"}})
	seen := b.get("/backoffice/users?active=30d")
	if got, want := seen.text("#users-tabs a[aria-current]"), fmt.Sprint("Seen ", seen.Find("#users-list tbody tr").Length()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	list = b.get("/backoffice/users?sort=name&mfa=no&without=test.example")
	if back := b.get(list.Find("#view-menu a").AttrOr("href", "")); !strings.Contains(back.Find("main form a").AttrOr("href", ""), "/backoffice/users?") {
		t.Errorf("cancel leads to %q", back.Find("main form a").AttrOr("href", ""))
	}
	list = b.get(list.Find("#view-menu a").AttrOr("href", "")).submit("main form", url.Values{"name": {"Without MFA"}})
	if list.URL.Path != "/backoffice/users" || list.text("#users-tabs a[aria-current]") != "Without MFA" {
		t.Errorf("renamed: %s %q", list.URL, list.text("#users-tabs"))
	}
	gone := list.submit("#view-menu form", nil)
	if strings.Contains(gone.text("#users-tabs"), "MFA") {
		t.Errorf("deleted: %q", gone.text("#users-tabs"))
	}
	if back := gone.submit("[data-toast] form", nil); back.URL.Path != "/backoffice/users" || !strings.Contains(back.text("#users-tabs"), "Without MFA") {
		t.Errorf("taken back: %s %q", back.URL, back.text("#users-tabs"))
	}
	// What changes with the list in place are the tabs, too.
	if p := b.get("/backoffice/users?q=a", "users-list"); p.Find("#users-tabs").Length() == 0 && !strings.Contains(p.Body, `id="users-tabs"`) {
		t.Errorf("%.300s", p.Body)
	}
	if p := b.get("/backoffice/views/new?page=roles&query=q%3Dx"); p.Status != http.StatusNotFound {
		t.Errorf("a form for a page without views: %d", p.Status)
	}
	if p := b.post("/backoffice/views", url.Values{"name": {"X"}, "page": {"roles"}, "query": {"q=x"}}); p.Status != http.StatusNotFound {
		t.Errorf("a page without views: %d", p.Status)
	}
}
