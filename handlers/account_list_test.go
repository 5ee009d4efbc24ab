package handlers_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"steward/backoffice"
)

// customers are the accounts that the tests of the list share.
var customers = []struct {
	id, name, email string
	age             time.Duration
	visits          []int // days ago
}{
	{"nord-group", "Nord Group", "hana.fischer@nord-group.example", 400 * day, []int{0, 1, 2, 40}},
	{"acc-000001", "Müller & Söhne GmbH", "sami.tanaka@gmail.com", 5 * day, []int{1}},
	{"acc-000002", "株式会社さくら", "sami.jansen@sakura.example", 60 * day, []int{29}},
	{"acc-000017", "אבגד בע״מ", "pia.ito@abgd.example", 100 * day, []int{30, 31}},
	{"acc-000007", "=SUM(A1:A9) Holdings", "sami.weber@sum.example", 20 * day, nil},
	{"acc-000014", "<b>Bold</b> Bakery", "", 6 * day, nil},
	{"acc-000015", "100% Juice", "goran@web.de", 300 * day, []int{200}},
	{"acc-000016", "50_Percent", "nils@fifty.example", 8 * day, nil},
}

const day = 24 * time.Hour

// fill adds the customers, the oldest first, at their time.
func (w *site) fill() {
	w.t.Helper()
	now := w.clock.Now()
	for _, c := range customers {
		w.clock.Set(now.Add(-c.age))
		if _, err := w.store.CreateAccount(ctx, *w.as, backoffice.NewAccount{Name: c.name, ID: c.id, PrimaryEmail: c.email}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.clock.Set(now)
	var visits []backoffice.Visit
	for _, c := range customers {
		for _, d := range c.visits {
			visits = append(visits, backoffice.Visit{AccountID: c.id, Email: c.email, At: now.Add(-time.Duration(d) * day)})
		}
	}
	if _, err := w.store.RecordVisits(ctx, *w.as, visits); err != nil {
		w.t.Fatal(err)
	}
}

// ids are the accounts on a page of the list, in order.
func (p *shown) ids() []string {
	var ids []string
	p.Find("#accounts-list tbody tr").Each(func(_ int, r *goquery.Selection) { ids = append(ids, r.Find("input[name=id]").AttrOr("value", "")) })
	return ids
}

func (p *shown) has(t *testing.T, selector string) {
	t.Helper()
	if p.Find(selector).Length() == 0 {
		t.Errorf("%s: no %s", p.URL, selector)
	}
}

func TestCardsEqualTheirLists(t *testing.T) {
	w := newSite(t)
	w.fill()
	b := w.browser()
	page := b.get("/backoffice/accounts")
	if page.Status != http.StatusOK || page.text("h1") != "Accounts" {
		t.Fatalf("%d %s", page.Status, page.Body)
	}
	want := map[string]string{"New accounts": "2", "Active accounts": "3", "Average users per account": "0.88", "Company-domain accounts": "5"}
	page.Find(".kpi").Each(func(_ int, card *goquery.Selection) {
		label := card.Find(".kpi-label").Text()
		figure := strings.TrimSpace(card.Find(".kpi-figure").Text())
		if figure != want[label] {
			t.Errorf("%s: %s, want %s", label, figure, want[label])
		}
		if card.Find("[popovertarget]").Length() != 1 || card.Find(".hint").Length() != 1 || !strings.Contains(card.Find(".fresh").Text(), "as of 12:00 UTC") {
			t.Errorf("%s: no definition or freshness", label)
		}
		list := b.get(card.Find(".kpi-label a").AttrOr("href", ""))
		rows := list.Find("#accounts-list tbody tr").Length()
		if label == "Average users per account" {
			if rows != len(customers) || list.Find("th[aria-sort=descending]").Text() == "" || !strings.Contains(list.text("thead"), "Users") {
				t.Errorf("%s opens %d rows", label, rows)
			}
			return
		}
		if strconv.Itoa(rows) != figure {
			t.Errorf("%s says %s, its list has %d rows", label, figure, rows)
		}
		delete(want, label)
	})
	if got := page.text(".kpi:nth-child(1) .kpi-foot"); !strings.Contains(got, "+11 in the 7 days before") {
		t.Errorf("previous period: %q", got)
	}
	if got := page.text(".kpi:nth-child(2) .kpi-foot"); !strings.Contains(got, "30 days earlier") {
		t.Errorf("previous period: %q", got)
	}
}

func TestAccountsFilters(t *testing.T) {
	w := newSite(t)
	w.fill()
	b := w.browser()
	for _, c := range []struct{ query, want string }{
		{"", "acc-000001 acc-000014 acc-000016 acc-000007 acc-000002 acc-000017 acc-000015 nord-group"},
		{"sort=created", "nord-group acc-000015 acc-000017 acc-000002 acc-000007 acc-000016 acc-000014 acc-000001"},
		{"created=7d", "acc-000001 acc-000014"},
		{"created=2026-10-31..2026-11-12", "acc-000016 acc-000007"},
		{"created=..2026-01-31", "acc-000015 nord-group"},
		{"active=30d&sort=name", "acc-000001 nord-group acc-000002"},
		{"active=7d&sort=-last", "nord-group acc-000001"},
		{"dormant=30d&sort=name", "acc-000015 acc-000016 acc-000014 acc-000007 acc-000017"},
		{"domain=company&sort=primary", "nord-group acc-000016 acc-000017 acc-000002 acc-000007"},
		{"domain=personal&sort=name", "acc-000015 acc-000014 acc-000001"},
		{"reseller=yes", ""},
		{"parent=yes", ""},
		{"q=100%25", "acc-000015"},
		{"q=50_", "acc-000016"},
		{"q=%3Cb%3E", "acc-000014"},
		{"q=muller", "acc-000001"},
		{"q=MÜLLER", "acc-000001"},
		{"q=acc-0000&sort=name&active=30d", "acc-000001 acc-000002"},
		{"q=%D7%90%D7%91%D7%92%D7%93", "acc-000017"},
		{"q=%22", ""},
		{"q=%27+OR+1%3D1", ""},
		{"sort=-visits&active=7d", "nord-group acc-000001"},
	} {
		page := b.get("/backoffice/accounts?" + c.query)
		if got := strings.Join(page.ids(), " "); page.Status != http.StatusOK || got != c.want {
			t.Errorf("%s: %d\n%s\nwant\n%s", c.query, page.Status, got, c.want)
		}
		if c.query != "" && !strings.HasPrefix(c.query, "sort") && page.Find(".chip").Length() == 0 && !strings.HasPrefix(c.query, "q=") {
			t.Errorf("%s: no chip", c.query)
		}
	}
	// A chip is taken away by its link, and the search stays.
	page := b.get("/backoffice/accounts?q=nord&created=7d")
	if got := page.text("#accounts-list"); !strings.Contains(got, "No account matches") || !strings.Contains(got, "“nord”") || !strings.Contains(got, "1 account") {
		t.Errorf("nothing found: %q", got)
	}
	page = b.get(page.Find(".chip-x").AttrOr("href", ""))
	if page.URL.RawQuery != "q=nord" || len(page.ids()) != 1 {
		t.Errorf("%s: %v", page.URL, page.ids())
	}
	// The form of a browser without script leads to a short address.
	page = b.get("/backoffice/accounts").submit("#filters form", url.Values{"created": {"30d"}, "reseller": {"no"}})
	if page.URL.RawQuery != "created=30d&reseller=no" || len(page.ids()) != 4 {
		t.Errorf("%s: %v", page.URL, page.ids())
	}
	page = page.submit("#filters form", url.Values{"created": {"range"}, "created_from": {"2026-11-01"}, "created_to": {""}, "reseller": {""}})
	if page.URL.RawQuery != "created=2026-11-01.." || len(page.ids()) != 3 {
		t.Errorf("%s: %v", page.URL, page.ids())
	}
	page = page.submit("form.search", url.Values{"q": {"50"}})
	if page.URL.Query().Get("q") != "50" || page.URL.Query().Get("created") == "" || len(page.ids()) != 1 {
		t.Errorf("%s: %v", page.URL, page.ids())
	}
	page = b.get("/backoffice/accounts?q=nord").submit("#columns form", url.Values{"cols": {"name", "created", "users"}})
	if page.URL.RawQuery != "q=nord&cols=created,users" || page.Find("th.w-visits").Length() != 0 {
		t.Errorf("columns: %s", page.URL)
	}
	// What is not understood is said, and does no harm.
	page = b.get("/backoffice/accounts?colour=%3Cscript%3E&created=soon&sort=shoes&page=garbage")
	if page.Status != http.StatusOK || len(page.ids()) != len(customers) || !strings.Contains(page.text("#accounts-notes"), "“colour=<script>”") || page.Find("#accounts-notes script").Length() != 0 {
		t.Errorf("%d %q", page.Status, page.text("#accounts-notes"))
	}
	if page := b.get("/backoffice/accounts?filter=edit&created=7d"); page.Find(".panel-inline form select[name=created] option[selected]").AttrOr("value", "") != "7d" {
		t.Error("the filter form does not open without script")
	}
}

func TestAccountsPages(t *testing.T) {
	w := newSite(t)
	for i := range 120 {
		w.clock.Add(time.Second)
		if _, err := w.store.CreateAccount(ctx, *w.as, backoffice.NewAccount{Name: fmt.Sprintf("Account %03d", i), ID: fmt.Sprintf("a-%03d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	b := w.browser()
	page := b.get("/backoffice/accounts?sort=name")
	seen := map[string]bool{}
	for n, want := range []string{"1–50 of 120 accounts", "51–100 of 120 accounts", "101–120 of 120 accounts"} {
		if got := page.text(".lead-bottom .num"); got != want {
			t.Errorf("page %d: %q", n, got)
		}
		for _, id := range page.ids() {
			seen[id] = true
		}
		if next := page.Find("a[rel=next]"); next.Length() == 1 {
			page = b.get(next.AttrOr("href", ""))
		}
	}
	if len(seen) != 120 {
		t.Errorf("%d accounts on three pages", len(seen))
	}
	page = b.get(page.Find("a[rel=prev]").AttrOr("href", ""))
	if ids := page.ids(); len(ids) != 50 || ids[0] != "a-050" {
		t.Errorf("back: %v", ids)
	}
	first := b.get("/backoffice/accounts?sort=name")
	last := b.get(first.Find(".lead-bottom a").Last().AttrOr("href", ""))
	if ids := last.ids(); last.text(".lead-bottom .num") != "101–120 of 120 accounts" && len(ids) != 50 {
		t.Errorf("last page: %q %v", last.text(".lead-bottom .num"), ids)
	}
	// htmx gets the list alone, with what stands around it.
	part := b.get("/backoffice/accounts?q=account+11", "accounts-list")
	if strings.Contains(part.Body, "<html") || len(part.ids()) != 10 || !strings.Contains(part.Body, `hx-target="#accounts-tools"`) || !strings.Contains(part.Body, "10 accounts") {
		t.Errorf("section: %.300s", part.Body)
	}
	if vary := strings.Join(part.Header.Values("Vary"), ", "); !strings.Contains(vary, "HX-Request") {
		t.Errorf("Vary: %q", vary)
	}
}

func TestAccountsEmptyAndViewer(t *testing.T) {
	w := newSite(t)
	b := w.browser()
	page := b.get("/backoffice/accounts")
	if page.text("#blank-title") != "No accounts yet" || page.text(".blank .actions") != "Add new Import" || !strings.Contains(page.text(".kpi-foot"), "nothing to compare yet") {
		t.Errorf("empty: %q", page.text(".blank"))
	}
	w.fill()
	w.as.Role = backoffice.Viewer
	page = b.get("/backoffice/accounts")
	for _, word := range []string{"Add new", "Delete", "Edit metadata", "Enable sub-account management", "Import"} {
		if strings.Contains(page.text("main"), word) {
			t.Errorf("a viewer is shown %q", word)
		}
	}
	page.has(t, ".bulk [formaction='/backoffice/selection/export']")
	for _, path := range []string{"/backoffice/accounts", "/backoffice/accounts.csv", "/backoffice/search?q=nord"} {
		if p := b.get(path); p.Status != http.StatusOK {
			t.Errorf("viewer %s: %d", path, p.Status)
		}
	}
}

func TestAccountsExport(t *testing.T) {
	w := newSite(t)
	w.fill()
	b := w.browser()
	page := b.get("/backoffice/accounts?sort=name&cols=created,users")
	link := page.Find("a[href*='accounts.csv']").AttrOr("href", "")
	file := b.get(link)
	if got := file.Header.Get("Content-Disposition"); got != `attachment; filename="accounts-2026-11-20.csv"` {
		t.Errorf("%s: %q", link, got)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(file.Body, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != len(customers)+1 || strings.Join(rows[0], ",") != "Account name,ID,Reseller,Parent ID,Parent name,Created,Users" {
		t.Fatalf("%v %v", err, rows)
	}
	if !strings.Contains(file.Body, "\"'=SUM(A1:A9) Holdings\"") && !strings.Contains(file.Body, "'=SUM(A1:A9) Holdings,") {
		t.Errorf("a formula is not escaped: %s", file.Body)
	}
	file = b.get("/backoffice/accounts.csv?q=nobody")
	if strings.TrimSpace(strings.TrimPrefix(file.Body, "\ufeff")) != "Account name,ID,Reseller,Parent ID,Parent name,Created,Last visit,Daily visits,Primary user" {
		t.Errorf("empty export: %q", file.Body)
	}
}

func TestPalette(t *testing.T) {
	w := newSite(t)
	w.fill()
	for i := range 20 {
		if _, err := w.store.CreateAccount(ctx, *w.as, backoffice.NewAccount{Name: fmt.Sprintf("North acc-000001 %d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	b := w.browser()
	page := b.get("/backoffice/search?q=+acc-000001+", "palette-results")
	if page.Find("a").Length() != 8 || page.Find("a").First().AttrOr("href", "") != "/backoffice/accounts/acc-000001" {
		t.Errorf("an exact ID: %s", page.Body)
	}
	if page := b.get("/backoffice/search?q=nord", "palette-results"); page.text("a:first-child .cell-name") != "Nord Group" {
		t.Errorf("a name: %s", page.Body)
	}
	if page := b.get("/backoffice/search?q=%3Cscript%3E", "palette-results"); page.Find("script").Length() != 0 || !strings.Contains(page.text("*"), "“<script>”") {
		t.Errorf("nothing found: %s", page.Body)
	}
}
