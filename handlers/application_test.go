package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"steward/backoffice"
)

// addApplication adds one by its form and returns its page.
func (b *browser) addApplication(set url.Values) *shown {
	b.t.Helper()
	return b.get("/backoffice/applications/new").submit("#application-form", set)
}

var webApplication = url.Values{"name": {"Kontor <b>Books</b>"}, "kind": {"web"}, "redirect_uris": {"https://books.example/callback"}}

func TestApplicationIsAddedAndItsSecretShownOnce(t *testing.T) {
	w := newSite(t)
	w.manager()
	b := w.browser()
	if p := b.get("/backoffice/applications"); p.text("#blank-title") != "No applications yet" || p.Find("a[href='/backoffice/applications/new']").Length() != 1 {
		t.Errorf("empty: %q", p.text("main"))
	}
	bad := b.addApplication(url.Values{"name": {""}, "kind": {"web"}, "url": {"books"}, "redirect_uris": {"http://books.example/cb\nhttps://ok.example/cb"}, "logout_uris": {"https://*.example/"}})
	if bad.Status != http.StatusUnprocessableEntity || bad.text("#name-problem") != "Enter a name." || bad.text("#url-problem") == "" ||
		!strings.Contains(bad.text("#redirect_uris-problem"), "not encrypted") || !strings.Contains(bad.text("#logout_uris-problem"), "Wildcards") ||
		!strings.Contains(bad.Find("#redirect_uris").Text(), "https://ok.example/cb") || bad.Find("#url").AttrOr("value", "") != "books" {
		t.Fatalf("refused: %d %q", bad.Status, bad.text("#application-form"))
	}
	form := b.get("/backoffice/applications/new")
	made := form.submit("#application-form", webApplication)
	secret := made.text("#new-secret")
	if made.Status != http.StatusCreated || !strings.HasPrefix(secret, "steward_secret_") || made.text("h1") != "Kontor <b>Books</b>" || made.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("added: %d %q", made.Status, made.text("main"))
	}
	// Sent again, by reloading or by a second click, it adds none and shows none.
	again := form.submit("#application-form", webApplication)
	if again.Status != http.StatusOK || !strings.HasPrefix(again.URL.Path, "/backoffice/applications/") || again.Find("#new-secret").Length() != 0 || !strings.Contains(again.text(".toast-text"), "added already") {
		t.Errorf("sent again: %d %s %q", again.Status, again.URL, again.text(".toast-text"))
	}
	path := again.URL.Path
	if p := b.get(path); strings.Contains(p.Body, secret) || p.Find("#credentials tbody tr").Length() != 1 || p.Find(".app-head .tag").Text() != "Inactive" {
		t.Errorf("its page: %q", p.text("#credentials"))
	}
	if p := b.addApplication(webApplication); p.text("#name-problem") != "Another application has this name." {
		t.Errorf("a taken name: %q", p.text("#application-form"))
	}
	spa := b.addApplication(url.Values{"name": {"Floor"}, "kind": {"spa"}, "redirect_uris": {"https://floor.example/"}})
	if spa.Status != http.StatusOK || spa.Find("#new-secret").Length() != 0 || spa.Find("#credentials a").Length() != 0 || !strings.Contains(spa.text("#credentials"), "PKCE") {
		t.Errorf("a single-page application: %d %q", spa.Status, spa.text("#credentials"))
	}
	list := b.get("/backoffice/applications")
	if list.Find("#applications tbody tr").Length() != 2 || !strings.Contains(list.text("#applications tbody"), "Kontor <b>Books</b>") {
		t.Errorf("the list: %q", list.text("#applications"))
	}

	// Rotation: the old one works on for a day, and can be ended.
	ask := b.get(path + "/secrets/new")
	if !strings.Contains(ask.text("form"), "24 hours") {
		t.Errorf("rotation: %q", ask.text("form"))
	}
	rotated := ask.submit("#rotation-form", nil)
	if rotated.Status != http.StatusCreated || rotated.text("#new-secret") == "" || rotated.text("#new-secret") == secret || rotated.Find("#credentials tbody tr").Length() != 2 {
		t.Fatalf("rotated: %d %q", rotated.Status, rotated.text("#credentials"))
	}
	twice := ask.submit("#rotation-form", nil)
	if twice.Find("#new-secret").Length() != 0 || twice.Find("#credentials tbody tr").Length() != 2 || !strings.Contains(twice.text(".toast-text"), "No secret was made") {
		t.Errorf("rotated twice: %q %q", twice.text(".toast-text"), twice.text("#credentials"))
	}
	end := b.get(b.get(path).Find("#credentials tbody a").AttrOr("href", ""))
	if p := end.submit("#secret-end-form", nil); p.Find("#credentials tbody tr").Length() != 1 {
		t.Errorf("ended: %q", p.text("#credentials"))
	}
	// With htmx the section comes with the secret, and closes the dialog.
	if p := b.get(path+"/secrets/new", "dialog").submit("dialog form", nil, "credentials"); p.text("#new-secret") == "" || p.Header.Get("HX-Trigger") != "close-dialog" || strings.Contains(p.Body, "<html") {
		t.Errorf("rotated by htmx: %d %s", p.Status, p.Body)
	}
}

func TestApplicationIsChangedInItsPlace(t *testing.T) {
	w := newSite(t)
	w.manager()
	w.create("Nord", "nord", "ana@nord.example")
	b := w.browser()
	b.addApplication(webApplication)
	path := b.get("/backoffice/applications").Find("#applications a.cell-name").AttrOr("href", "")
	late := b.get(path + "/details")
	if p := b.get(path+"/details").submit("#details-form", url.Values{"name": {"Kontor Books"}, "url": {"https://books.example"}, "description": {"Bookkeeping"}}); p.text("h1") != "Kontor Books" || p.text(".toast-text") != "Details saved." || !strings.Contains(p.text("#details"), "Bookkeeping") {
		t.Errorf("details: %q", p.text("#details"))
	}
	if p := late.submit("#details-form", url.Values{"name": {"Mine"}}); p.Status != http.StatusConflict || p.Find("#name").AttrOr("value", "") != "Mine" || !strings.Contains(p.text("#details .notice"), "Somebody else") || !strings.Contains(p.text("#details .diff"), "Kontor Books") {
		t.Errorf("conflict: %d %q", p.Status, p.text("#details"))
	} else if p = p.submit("#details-form", nil); p.text("h1") != "Mine" {
		t.Errorf("saved over it: %q", p.text("h1"))
	}
	if p := b.get(path+"/addresses").submit("#addresses-form", url.Values{"redirect_uris": {"nonsense"}}); p.Status != http.StatusUnprocessableEntity || p.text("#redirect_uris-problem") == "" || strings.TrimSpace(p.Find("#redirect_uris").Text()) != "nonsense" {
		t.Errorf("bad address: %d %q", p.Status, p.text("#addresses"))
	}
	saved := b.get(path+"/addresses", "addresses").submit("#addresses-form", url.Values{"redirect_uris": {"https://books.example/cb\r\nhttps://books.example/cb2\r\n"}, "logout_uris": {"https://books.example/bye"}}, "addresses")
	if saved.Status != http.StatusOK || saved.Find("#addresses .uris li").Length() != 3 || !strings.Contains(saved.Body, `hx-target="#integration"`) {
		t.Errorf("addresses: %d %s", saved.Status, saved.Body)
	}
	on := b.get(path).submit("#availability form[action$='/activity']", nil)
	if on.Find("#active-switch").AttrOr("aria-checked", "") != "true" || !strings.Contains(on.text(".toast-text"), "active") {
		t.Errorf("active: %q", on.text("#availability"))
	}
	if p := on.submit(".toast-line form", nil); p.Find("#active-switch").AttrOr("aria-checked", "") != "false" {
		t.Errorf("undone: %q", p.text("#availability"))
	}
	ask := b.get(path + "/auto-assignment")
	if text := ask.text("form.deletion"); !strings.Contains(text, "1 account gains it") || !strings.Contains(text, "1 user gains it") {
		t.Errorf("preview: %q", text)
	}
	auto := ask.submit("form.deletion", nil)
	if auto.Find("#auto-switch").AttrOr("aria-checked", "") != "true" || auto.text("#accounts tbody td:first-child") != "Nordnord" || auto.text("#accounts .tag") != "Environment auto-assigned" {
		t.Errorf("auto-assigned: %q", auto.text("main"))
	}
	ask = b.get(path + "/default")
	if text := ask.text("form.deletion"); !strings.Contains(text, "Nobody gains or loses it") {
		t.Errorf("default of an auto-assigned one: %q", text)
	}
	ask.submit("form.deletion", nil)
	b.addApplication(url.Values{"name": {"Other"}, "kind": {"spa"}, "redirect_uris": {"https://floor.example/"}})
	other := b.get("/backoffice/applications").Find("#applications tr:last-child a.cell-name").AttrOr("href", "")
	if text := b.get(other + "/default").text("form.deletion"); !strings.Contains(text, "“Mine” is the default no more, and stays assigned") || !strings.Contains(text, "1 user gains it") {
		t.Errorf("another default: %q", text)
	}
	off := b.get(path+"/default").submit("form.deletion", nil)
	if off.Find("#default-switch").AttrOr("aria-checked", "") != "false" {
		t.Errorf("default ended: %q", off.text("#availability"))
	}
	ask = b.get(path + "/auto-assignment")
	if text := ask.text("form.deletion"); !strings.Contains(text, "1 account keeps it") || !strings.Contains(text, "1 user keeps it as manual assignments and can lose it one by one") {
		t.Errorf("end of it: %q", text)
	}
	if p := ask.submit("form.deletion", nil); p.text("#accounts .tag") != "Assigned" {
		t.Errorf("kept: %q", p.text("#accounts"))
	}
	// To the bin and back, by undo and from the bin.
	gone := b.get(path+"/deletion").submit("form.deletion", nil)
	if gone.URL.Path != "/backoffice/applications" || gone.Find("#applications tbody tr").Length() != 1 || b.get(path).Status != http.StatusNotFound {
		t.Fatalf("deleted: %s %q", gone.URL, gone.text("main"))
	}
	if p := gone.submit(".toast-line form", nil); p.URL.Path != path || p.text("#accounts .tag") != "Assigned" {
		t.Errorf("undone: %s %q", p.URL, p.text("main"))
	}
	b.get(path+"/deletion").submit("form.deletion", nil)
	if p := b.get("/backoffice/audit?q="+path[strings.LastIndex(path, "/")+1:]).submit("form[action$='/applications/restorations']", nil); p.URL.Path != path {
		t.Errorf("restored from the trail: %s", p.URL)
	}
	b.get(path+"/deletion").submit("form.deletion", nil)
	if p := b.get("/backoffice/bin/applications").submit("#bin-applications form", nil); p.URL.Path != path || p.text("h1") != "Mine" {
		t.Errorf("restored: %s %q", p.URL, p.text("main"))
	}
	if p := b.get(path); p.Find("#events li").Length() < 5 {
		t.Errorf("events: %q", p.text("#events"))
	}
}

func TestApplicationSettingsFitItsType(t *testing.T) {
	w := newSite(t)
	w.manager()
	b := w.browser()
	for kind, want := range map[string]struct{ clients, not string }{
		"web":    {"GoNodeApache.env", ""},
		"spa":    {"JavaScript.env", "SECRET"},
		"native": {"GoNode.env", "SECRET"},
		"agent":  {"GoNodecurl.env", "authorize"},
	} {
		b.addApplication(url.Values{"name": {"App " + kind}, "kind": {kind}, "redirect_uris": {"https://app.example/cb"}})
		var path string
		b.get("/backoffice/applications").Find("#applications a.cell-name").Each(func(_ int, a *goquery.Selection) {
			if a.Text() == "App "+kind {
				path = a.AttrOr("href", "")
			}
		})
		id := path[strings.LastIndex(path, "/")+1:]
		p := b.get(path)
		if got := p.text("#integration .segments"); got != want.clients {
			t.Errorf("%s: clients %q", kind, got)
		}
		p.Find("#integration .segments a").Each(func(_ int, a *goquery.Selection) {
			part := b.get(a.AttrOr("href", ""), "integration")
			text := part.Find("pre code").Text()
			if !strings.Contains(text, id) || !strings.Contains(text, w.url) || strings.Contains(text, "REDIRECT") && a.Text() != ".env" || strings.Contains(text, "ISSUER\"") {
				t.Errorf("%s, %s: %s", kind, a.Text(), text)
			}
			if want.not != "" && strings.Contains(text, want.not) {
				t.Errorf("%s, %s has %s: %s", kind, a.Text(), want.not, text)
			}
			if part.Find("[data-copy]").Last().AttrOr("data-copy", "") == "" {
				t.Errorf("%s: nothing to copy", kind)
			}
		})
	}
}

func TestViewerReadsApplications(t *testing.T) {
	w := newSite(t)
	w.manager()
	b := w.browser()
	w.create("Nord", "nord", "ana@nord.example")
	b.addApplication(webApplication)
	path := b.get("/backoffice/applications").Find("#applications a.cell-name").AttrOr("href", "")
	id := path[strings.LastIndex(path, "/")+1:]
	if _, err := w.store.AssignApplications(ctx, backoffice.CommandLine(), "nord", []string{id}, true); err != nil {
		t.Fatal(err)
	}
	viewer := w.staff("vera@vendor.example", backoffice.Viewer).Actor("", "")
	w.as = &viewer
	for _, page := range []string{"/backoffice/applications", path, "/backoffice/bin/applications", "/backoffice/accounts/nord/applications", "/backoffice/accounts/nord/applications/" + id, "/backoffice/accounts/nord"} {
		p := b.get(page)
		if p.Status != http.StatusOK || p.Find("main form[method=post]").Length() != 0 {
			t.Errorf("%s: %d, %d forms", page, p.Status, p.Find("main form[method=post]").Length())
		}
		p.Find("main a[href]").Each(func(_ int, a *goquery.Selection) {
			if href := a.AttrOr("href", ""); strings.HasPrefix(href, "/") && strings.Contains(href, "application") {
				if got := b.get(href); got.Status != http.StatusOK {
					t.Errorf("%s offers %s: %d", page, href, got.Status)
				}
			}
		})
	}
}

// The list is searched by name or ID, and the address says by what.
func TestApplicationsAreSearched(t *testing.T) {
	w := newSite(t)
	w.manager()
	b := w.browser()
	const path = "/backoffice/applications"
	if p := b.get(path); p.Find("#applications-q").Length() != 0 || !strings.Contains(p.text("main"), "No applications yet") {
		t.Errorf("none at all: %q", p.text("main"))
	}
	books, cafe := w.sold(backoffice.Application{Name: "Books"}), w.sold(backoffice.Application{Name: "Café <i>"})
	for query, want := range map[string]string{"BOOK": books, "cafe": cafe, "é <": cafe, strings.ToUpper(books[len(books)-12:]): books} {
		if p := b.get(path + "?q=" + url.QueryEscape(query)); p.Find("tbody tr").Length() != 1 || p.Find("tbody tr").AttrOr("data-id", "") != want || p.Find("#applications-q").AttrOr("value", "") != query {
			t.Errorf("%q: %q", query, p.text("#applications"))
		}
	}
	none := b.get(path + "?q=zzz%25")
	if none.Find("tbody tr").Length() != 0 || !strings.Contains(none.text("#applications"), "No application matches “zzz%”.") || none.Find("a[href$='/applications/new']").Length() == 0 {
		t.Errorf("nothing found: %q", none.text("main"))
	}
	if p := none.follow("#applications a"); p.Find("tbody tr").Length() != 2 {
		t.Errorf("all of them: %q", p.text("#applications"))
	}
	if p := b.get(path+"?q=book", "applications"); p.Find("tbody tr").Length() != 1 || strings.Contains(p.Body, "<h1") {
		t.Errorf("the part alone: %s", p.Body)
	}
}
