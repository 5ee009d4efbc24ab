package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"steward/backoffice"
	"steward/store"
)

// account makes an account, whose primary user has the address when there is one.
func (w *site) account(name, id, email string) backoffice.Account {
	w.t.Helper()
	a, err := w.store.CreateAccount(ctx, *w.as, backoffice.NewAccount{Name: name, ID: id, PrimaryEmail: email})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *site) visits(id, email string, daysAgo ...int) {
	w.t.Helper()
	var list []backoffice.Visit
	for _, n := range daysAgo {
		list = append(list, backoffice.Visit{AccountID: id, Email: email, At: w.clock.Now().Add(-time.Duration(n) * 24 * time.Hour)})
	}
	if _, err := w.store.RecordVisits(ctx, *w.as, list); err != nil {
		w.t.Fatal(err)
	}
}

// imports brings in accounts and users as files of an import.
func (w *site) imports(accounts, users string) {
	w.t.Helper()
	run, err := w.store.PlanImport(ctx, *w.as, true, func(yield func(store.ImportFile, error) bool) {
		if yield(store.ImportFile{Kind: backoffice.ImportAccounts, Name: "accounts.csv", Reader: strings.NewReader(accounts)}, nil) && users != "" {
			yield(store.ImportFile{Kind: backoffice.ImportUsers, Name: "users.csv", Reader: strings.NewReader(users)}, nil)
		}
	})
	if err == nil {
		_, err = w.store.ApplyImport(ctx, *w.as, run.ID, func(int64, int64) {})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func expect(t *testing.T, p *shown, status int, texts map[string]string) {
	t.Helper()
	if p.Status != status {
		t.Errorf("%s: status %d, not %d: %.300s", p.URL, p.Status, status, p.text("body"))
	}
	for selector, want := range texts {
		if got := p.text(selector); !strings.Contains(got, want) {
			t.Errorf("%s: %s reads %q, not %q", p.URL, selector, got, want)
		}
	}
}

func TestAccountPage(t *testing.T) {
	w := newSite(t)
	w.account("Nord Textiles", "nord:1@a.b-c_d", "hana.fischer@nord-textiles.example")
	w.clock.Add(70 * 24 * time.Hour)
	w.visits("nord:1@a.b-c_d", "hana.fischer@nord-textiles.example", 0, 1, 3, 31, 40, 61)
	p := w.browser().get("/backoffice/accounts/nord:1@a.b-c_d")
	expect(t, p, http.StatusOK, map[string]string{
		"title": "Nord Textiles", "h1": "Nord Textiles", "#account-head .cell-id": "nord:1@a.b-c_d",
		".kpi:nth-child(1)": "Users", ".kpi:nth-child(1) .kpi-figure": "1",
		".kpi:nth-child(2) .kpi-label": "Active users", ".kpi:nth-child(2) .kpi-figure": "1", ".kpi:nth-child(2) .kpi-foot": "1 in the 30 days before",
		".kpi:nth-child(3) .kpi-figure": "6", ".kpi:nth-child(3) .kpi-foot": "2 in the 30 days before",
		".kpi:nth-child(4) .kpi-figure": "Just now",
		"#users tbody tr":               "Activated", "#users .tag": "Primary user", "#users .w-roles": "Admin",
		"#details .facts": "hana.fischer@nord-textiles.example", "#policy .facts": "At least 15 characters",
		"#events": "Ada Weber", "#engagement .legend": "Visits per day, 6", "#sub-accounts": "Sub-account management is off",
	})
	for _, item := range []string{"Edit account details", "Security policy", "Edit metadata", "Enable sub-account management", "Copy account ID", "Delete account"} {
		if !strings.Contains(p.text("#account-menu"), item) {
			t.Errorf("the menu lacks %q: %s", item, p.text("#account-menu"))
		}
	}
	if got := p.Find(".kpi .hint").Length(); got != 4 {
		t.Errorf("%d definitions", got)
	}
	// Every link and form of the page leads to the account itself, not beside it.
	p.Find("[href*='accounts/nord'], [action*='accounts/nord'], [hx-get*='accounts/nord']").Each(func(_ int, e *goquery.Selection) {
		for _, name := range []string{"href", "action", "hx-get"} {
			if v, ok := e.Attr(name); ok && !strings.HasPrefix(v, "/backoffice/accounts/nord:1@a.b-c_d") {
				t.Errorf("%s=%q", name, v)
			}
		}
	})
	for _, escaped := range []string{"/backoffice/accounts/nord%3A1%40a.b-c_d", "/backoffice/accounts/nord:1%40a%2Eb-c_d"} {
		expect(t, w.browser().get(escaped), http.StatusOK, map[string]string{"h1": "Nord Textiles"})
	}
	if missing := w.browser().get("/backoffice/accounts/nord%2F1"); missing.Status != http.StatusNotFound {
		t.Errorf("a slash in an ID: %d", missing.Status)
	}
}

func TestAccountSectionsAlone(t *testing.T) {
	w := newSite(t)
	w.account("Nord Textiles", "nord", "hana@nord.example")
	w.visits("nord", "hana@nord.example", 0)
	b := w.browser()
	for _, id := range []string{"engagement", "users", "users-list", "sub-accounts", "details", "logo", "policy", "metadata", "events"} {
		p := b.get("/backoffice/accounts/nord?days=365", id)
		if p.Status != http.StatusOK || p.Find("body > #"+id).Length() != 1 || p.Find(".side").Length() != 0 {
			t.Errorf("%s alone: %d %.200s", id, p.Status, p.Body)
		}
		if p.Header.Get("Vary") == "" {
			t.Errorf("%s: no Vary", id)
		}
	}
	if p := b.get("/backoffice/accounts/nord?days=365", "engagement"); p.Find("#engagement .m-day").Length() != 365 || p.text("#engagement [aria-current]") != "365 days" {
		t.Errorf("365 days: %d", p.Find("#engagement .m-day").Length())
	}
	if p := b.get("/backoffice/accounts/nord?days=7"); p.Find("#engagement .m-day").Length() != 90 {
		t.Errorf("a period that is none: %d days", p.Find("#engagement .m-day").Length())
	}
	// What is not a section is the whole page.
	if p := b.get("/backoffice/accounts/nord", "elsewhere"); p.Find(".side").Length() != 1 || p.Find("#users").Length() != 1 {
		t.Error("an unknown target did not get the page")
	}
}

func TestAccountUsersByPage(t *testing.T) {
	w := newSite(t)
	users := "email,name,account_id,roles,created_at\n"
	for i := range 60 {
		users += fmt.Sprintf("user%02d@nord.example,Person %02d,nord,admin;read-only,2026-01-01T00:00:00Z\n", i, i)
	}
	w.imports("id,name,primary_user_email\nnord,Nord,user42@nord.example\n", users)
	w.visits("nord", "user07@nord.example", 3)
	b := w.browser()
	p := b.get("/backoffice/accounts/nord")
	var seen []string
	for {
		p.Find("#users tbody tr .cell-id").Each(func(_ int, e *goquery.Selection) { seen = append(seen, strings.TrimSpace(e.Text())) })
		next, ok := p.Find("#users a[rel=next]").Attr("href")
		if !ok {
			break
		}
		p = b.get(next)
	}
	if len(seen) != 60 || seen[0] != "user42@nord.example" || seen[1] != "user00@nord.example" || seen[59] != "user59@nord.example" {
		t.Fatalf("%d users: %v", len(seen), seen)
	}
	prev, ok := p.Find("#users a[rel=prev]").Attr("href")
	if !ok {
		t.Fatal("no way back")
	}
	if p = b.get(prev, "users-list"); p.Find("tbody tr").Length() != 25 || p.text("tbody tr:first-child .cell-id") != seen[25] {
		t.Errorf("the page before begins with %s, not %s", p.text("tbody tr:first-child .cell-id"), seen[25])
	}
	if got := p.text("tbody tr:first-child .w-roles"); got != "Admin, Read only" {
		t.Errorf("roles: %q", got)
	}
	p = b.get("/backoffice/accounts/nord").submit("#users form.search", url.Values{"q": {"PERSON 3"}})
	if p.Find("#users tbody tr").Length() != 10 || !strings.Contains(p.text("#users-list .lead-bottom"), "10 users") {
		t.Errorf("search: %d rows, %q", p.Find("#users tbody tr").Length(), p.text("#users-list .lead-bottom"))
	}
	expect(t, b.get("/backoffice/accounts/nord?q=nobody"), http.StatusOK, map[string]string{"#users-list": "No user of this account matches"})
	p = b.get("/backoffice/accounts/nord")
	active, _ := p.Find(".kpi:nth-child(2) a").Attr("href")
	p = b.get(active)
	if p.Find("#users tbody tr").Length() != 1 || p.text("#users tbody tr .cell-id") != "user07@nord.example" {
		t.Errorf("active users: %s", p.text("#users"))
	}
}

func TestAccountDetails(t *testing.T) {
	w := newSite(t)
	w.account("Nord", "nord", "")
	b := w.browser()
	form := b.get("/backoffice/accounts/nord/details")
	if form.Find("#time-zones option[value='Europe/Copenhagen']").Length() != 1 {
		t.Error("no time zones proposed")
	}
	bad := form.submit("#details form", url.Values{"name": {""}, "website": {"javascript:alert(1)"}, "time_zone": {"Berlin"}, "currency": {"EURO"}, "status_text": {strings.Repeat("x", 81)}})
	expect(t, bad, http.StatusUnprocessableEntity, map[string]string{"#details-name-problem": "Give the account a name", "#details-website-problem": "Write a web address",
		"#details-zone-problem": "Choose a time zone", "#details-currency-problem": "three letters", "#details-status-problem": "At most 80"})
	if v, _ := bad.Find("#details-website").Attr("value"); v != "javascript:alert(1)" {
		t.Errorf("typed value lost: %q", v)
	}
	saved := form.submit("#details form", url.Values{"name": {"Nord Textiles"}, "website": {"nord.example"}, "address": {"Strandgade 27\r\n1401 København"},
		"time_zone": {"Europe/Copenhagen"}, "currency": {"dkk"}, "status_text": {"Renewal in January"}})
	expect(t, saved, http.StatusOK, map[string]string{"h1": "Nord Textiles", "#details": "Strandgade 27 1401 København", "#toasts": "Details saved."})
	a, err := w.store.Account(ctx, "nord")
	if err != nil || a.Currency != "DKK" || a.Website != "https://nord.example" || a.Address != "Strandgade 27\n1401 København" || a.StatusText != "Renewal in January" {
		t.Errorf("saved: %+v, %v", a.AccountDetails, err)
	}
	// Somebody saved meanwhile: both are shown, what was typed stays, and saving again stores it.
	conflict := form.submit("#details form", url.Values{"name": {"Nord AG"}, "currency": {"EUR"}})
	expect(t, conflict, http.StatusConflict, map[string]string{"#details .notice": "Somebody else changed", "#details .diff del": "DKK", "#details .diff ins": "EUR"})
	if v, _ := conflict.Find("#details-name").Attr("value"); v != "Nord AG" {
		t.Errorf("typed value lost: %q", v)
	}
	again := conflict.submit("#details form", nil, "details")
	expect(t, again, http.StatusOK, map[string]string{"#details": "EUR", "title": "Nord AG", "hx-partial h1": "Nord AG"})
	// Switching sub-account management is no change of the details.
	form = b.get("/backoffice/accounts/nord/details")
	b.get("/backoffice/accounts/nord/sub-account-management").submit("#management-form", nil)
	expect(t, form.submit("#details form", url.Values{"currency": {"SEK"}}), http.StatusOK, map[string]string{"#details": "SEK"})
	if twice := b.post("/backoffice/accounts/nord/details", url.Values{"name": {"a", "b"}}); twice.Status != http.StatusBadRequest {
		t.Errorf("a field twice: %d", twice.Status)
	}
}

func TestSubAccountManagement(t *testing.T) {
	w := newSite(t)
	w.account("Nord", "nord", "")
	b := w.browser()
	ask := func(page *shown) *shown {
		return b.get(page.Find("#account-menu a[href*='/sub-account-management']").AttrOr("href", ""))
	}
	page := ask(b.get("/backoffice/accounts/nord"))
	expect(t, page, http.StatusOK, map[string]string{"h1": "Enable sub-account management?", "#management-change": "Nobody gains or loses"})
	page = page.submit("#management-form", nil)
	expect(t, page, http.StatusOK, map[string]string{"#sub-accounts": "Disable sub-account management", ".toast-text": "is on"})
	page = ask(page).submit("#management-form", nil)
	expect(t, page, http.StatusOK, map[string]string{"#sub-accounts": "Enable sub-account management", "#toasts": "is off"})
	page = page.submit("#toasts form", nil)
	expect(t, page, http.StatusOK, map[string]string{"#sub-accounts": "Disable sub-account management"})
	if got := b.post("/backoffice/accounts/nord/sub-account-management", url.Values{"on": {"true"}, "next": {"//evil.example"}}); got.URL.Host != strings.TrimPrefix(w.url, "http://") {
		t.Errorf("led to %s", got.URL)
	}
}

func TestSubAccounts(t *testing.T) {
	w := newSite(t)
	accounts := "id,name,parent_id,is_reseller\ntop,Top,,true\n"
	for i := range 30 {
		accounts += fmt.Sprintf("sub-%02d,Sub %02d,top,false\n", i, i)
	}
	accounts += "leaf,Leaf,sub-03,false\n"
	w.imports(accounts, "")
	b := w.browser()
	p := b.get("/backoffice/accounts/top")
	expect(t, p, http.StatusOK, map[string]string{"#sub-accounts-h + .count": "30", "#sub-accounts .lead-bottom": "25 of 30", "#sub-accounts tbody tr:first-child": "Sub 00"})
	next, _ := p.Find("#sub-accounts a[rel=next]").Attr("href")
	p = b.get(next, "sub-accounts")
	if p.Find("tbody tr").Length() != 5 || p.text("tbody tr:last-child .cell-name") != "Sub 29" {
		t.Errorf("second page: %s", p.text("tbody"))
	}
	prev, _ := p.Find("a[rel=prev]").Attr("href")
	if p = b.get(prev, "sub-accounts"); p.Find("tbody tr").Length() != 25 || p.text("tbody tr:first-child .cell-name") != "Sub 00" {
		t.Errorf("back: %s", p.text("tbody"))
	}
	p = b.get("/backoffice/accounts/leaf")
	expect(t, p, http.StatusOK, map[string]string{".trail": "TopSub 03Leaf", "#sub-accounts": "sub-account of Sub 03", "#account-head .tag": "Sub-account"})
}

func TestViewerSeesNoButtons(t *testing.T) {
	w := newSite(t)
	w.account("Nord", "nord", "hana@nord.example")
	w.account("Binned", "binned", "")
	w.delete("binned", "Binned")
	w.as.Role = backoffice.Viewer
	b := w.browser()
	for _, path := range []string{"/backoffice/accounts/nord", "/backoffice/bin"} {
		p := b.get(path)
		if n := p.Find("main form[method=post], main button[type=submit]").Length(); p.Status != http.StatusOK || n != 0 {
			t.Errorf("%s: %d, %d forms that would be refused", path, p.Status, n)
		}
		if s := p.text("main"); strings.Contains(s, "Edit account") || strings.Contains(s, "Delete") && path != "/backoffice/bin" || strings.Contains(s, "Restore ") {
			t.Errorf("%s offers changes: %s", path, s)
		}
	}
	for _, path := range []string{"/details", "/deletion"} {
		if p := b.get("/backoffice/accounts/nord" + path); p.Status != http.StatusForbidden {
			t.Errorf("%s: %d", path, p.Status)
		}
	}
	for _, path := range []string{"/backoffice/accounts/nord/details", "/backoffice/accounts/nord/logo", "/backoffice/accounts/nord/logo-removal",
		"/backoffice/accounts/nord/sub-account-management", "/backoffice/accounts/nord/deletion", "/backoffice/restorations"} {
		if p := b.post(path, url.Values{"name": {"Nord"}}); p.Status != http.StatusForbidden {
			t.Errorf("%s: %d", path, p.Status)
		}
	}
}

// post sends a form that is on no page: what an attacker or an old tab sends.
func (b *browser) post(path string, values url.Values) *shown {
	b.t.Helper()
	req, _ := http.NewRequest(http.MethodPost, b.absolute(path), strings.NewReader(values.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req, nil)
}

func (w *site) delete(id, name string) string {
	w.t.Helper()
	deletion, err := w.store.DeleteAccount(ctx, *w.as, id, name, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return deletion
}
