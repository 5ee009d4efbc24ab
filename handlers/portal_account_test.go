package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"steward/backoffice"
	"steward/store"
)

// eachReseller serves Nord AG, which manages sub-accounts, with Hana as its admin
// and Uma who only reads, and Süd AG, which is somebody else's.
func eachReseller(t *testing.T, test func(t *testing.T, w *site)) {
	t.Helper()
	eachPeople(t, func(t *testing.T, w *site) {
		if err := w.store.SetReseller(ctx, backoffice.CommandLine(), "nord", true); err != nil {
			t.Fatal(err)
		}
		test(t, w)
	})
}

// below makes an account below another one, and returns its ID.
func (w *site) below(parentID, name string) string {
	w.t.Helper()
	a, err := w.store.CreateSubAccount(ctx, backoffice.CommandLine(), parentID, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.ID
}

func (p *shown) names() string { return p.texts("a.cell-name") }

func (p *shown) texts(selector string) string {
	var list []string
	p.Find(selector).Each(func(_ int, s *goquery.Selection) { list = append(list, strings.TrimSpace(s.Text())) })
	return strings.Join(list, ", ")
}

// follow opens the link that the selector finds.
func (p *shown) follow(selector string) *shown {
	p.b.t.Helper()
	href, ok := p.Find(selector).First().Attr("href")
	if !ok {
		p.b.t.Fatalf("no link %s on %s", selector, p.URL)
	}
	return p.b.get(href)
}

func TestAllAccountsIsForWhoManagesThem(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		hana := w.userIn("hana@nord.example", "nord")
		if p := hana.get("/portal"); strings.Contains(p.text("nav"), "All Accounts") {
			t.Error("an account that manages none is offered All Accounts")
		}
		if p := hana.get("/portal/accounts"); p.Status != http.StatusNotFound {
			t.Errorf("an account that manages none: %d", p.Status)
		}
		if err := w.store.SetReseller(ctx, backoffice.CommandLine(), "nord", true); err != nil {
			t.Fatal(err)
		}
		if p := hana.get("/portal"); !strings.Contains(p.text("nav"), "All Accounts") {
			t.Error("the navigation does not lead to All Accounts")
		}
		p := hana.get("/portal/accounts")
		if p.Status != http.StatusOK || !strings.Contains(p.text("main"), "No sub-accounts yet") || p.names() != "Nord AG" {
			t.Errorf("the first visit: %d %s", p.Status, p.text("main"))
		}
	})
}

func TestTableOfAccountsOpensAndCloses(t *testing.T) {
	eachReseller(t, func(t *testing.T, w *site) {
		textiles := w.below("nord", "Textiles")
		w.below("nord", "Marine")
		w.below(textiles, "Looms")
		hana := w.userIn("hana@nord.example", "nord")
		p := hana.get("/portal/accounts")
		if p.names() != "Nord AG, Marine, Textiles" {
			t.Fatalf("at first: %s", p.names())
		}
		row := p.Find("tr[data-id='" + textiles + "']")
		if row.AttrOr("aria-level", "") != "2" || row.AttrOr("aria-posinset", "") != "2" || row.AttrOr("aria-setsize", "") != "2" || row.AttrOr("aria-expanded", "") != "false" {
			t.Errorf("its row: %v", row.Nodes[0].Attr)
		}
		p = p.submit("form[data-tree]", url.Values{"toggle": {textiles}})
		if p.names() != "Nord AG, Marine, Textiles, Looms" || p.URL.Query().Get("open") != textiles {
			t.Errorf("opened: %s %s", p.names(), p.URL)
		}
		p = p.submit("form[data-tree]", url.Values{"toggle": {textiles}})
		if p.names() != "Nord AG, Marine, Textiles" {
			t.Errorf("closed: %s %s", p.names(), p.URL)
		}
		if p := hana.get("/portal/accounts?rows="+textiles, rowTarget); p.names() != "Looms" || p.Find("h1").Length() != 0 {
			t.Errorf("its rows alone: %s", p.text("body"))
		}
		if p := hana.get("/portal/accounts?rows=sued", rowTarget); p.Status != http.StatusNotFound {
			t.Errorf("rows of somebody else's: %d", p.Status)
		}
		if p := hana.get("/portal/accounts?open=all"); p.names() != "Nord AG, Marine, Textiles, Looms" {
			t.Errorf("all open: %s", p.names())
		}
		// Searching shows hits with their path; the selected account is always shown.
		p = hana.get("/portal/accounts?q=loom")
		if p.names() != "Looms" || p.text(".cell-id") != "Nord AG › Textiles" {
			t.Errorf("found: %s, in %s", p.names(), p.text(".cell-id"))
		}
		looms := p.Find("tr[data-id]").AttrOr("data-id", "")
		if p := hana.get("/portal/accounts?sel=" + looms); p.text("tr[aria-selected=true] .cell-name") != "Looms" {
			t.Errorf("selected: %s", p.names())
		}
		if p := hana.get("/portal/accounts?q=Süd"); !strings.Contains(p.text("main"), "No account here matches") {
			t.Errorf("somebody else's account: %s", p.text("main"))
		}
	})
}

// importAccounts brings in accounts from a file.
func (w *site) importAccounts(csv string) {
	w.t.Helper()
	cli := backoffice.CommandLine()
	run, err := w.store.PlanImport(ctx, cli, true, func(yield func(store.ImportFile, error) bool) {
		yield(store.ImportFile{Kind: backoffice.ImportAccounts, Name: "accounts.csv", Reader: strings.NewReader(csv)}, nil)
	})
	if err == nil {
		_, err = w.store.ApplyImport(ctx, cli, run.ID, func(int64, int64) {})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// rowTarget is what htmx names as the place for rows of the table.
const rowTarget = "tr"

func TestTableOfAccountsComesInPages(t *testing.T) {
	eachReseller(t, func(t *testing.T, w *site) {
		var csv strings.Builder
		csv.WriteString("id,name,parent_id\n")
		for i := range 230 {
			fmt.Fprintf(&csv, "sub-%03d,Sub %03d,nord\n", i, i)
		}
		w.importAccounts(csv.String())
		hana := w.userIn("hana@nord.example", "nord")
		p := hana.get("/portal/accounts")
		if n := p.Find("tr[data-id]").Length(); n != 101 || !strings.Contains(p.text("tr[data-more]"), "Show 100 more of 130") {
			t.Fatalf("%d rows, then %q", n, p.text("tr[data-more]"))
		}
		p = p.submit("form[data-tree]", url.Values{"further": {"nord"}})
		if n := p.Find("tr[data-id]").Length(); n != 201 || !strings.Contains(p.text("tr[data-more]"), "Show 30 more of 30") {
			t.Errorf("%d rows, then %q", n, p.text("tr[data-more]"))
		}
		if p := hana.get("/portal/accounts?rows=nord&from=200", rowTarget); p.Find("a.cell-name").Length() != 30 || p.Find("button[name=further]").Length() != 0 {
			t.Errorf("the last page: %s", p.names())
		}
		if p := hana.get("/portal/accounts?sel=sub-220"); p.text("tr[aria-selected=true] .cell-name") != "Sub 220" {
			t.Errorf("one of the last, selected: %s", p.text("tr[aria-selected=true]"))
		}
	})
}

func TestAdminRunsTheirSubAccounts(t *testing.T) {
	eachReseller(t, func(t *testing.T, w *site) {
		hana := w.userIn("hana@nord.example", "nord")
		form := hana.get("/portal/accounts").follow("main a.btn[href$='/portal/accounts/new']")
		if p := form.submit("#new-sub-account", url.Values{"name": {" "}}); p.Status != http.StatusUnprocessableEntity || p.text(".problem") != "Give the account a name." {
			t.Errorf("without a name: %d %s", p.Status, p.text("form"))
		}
		p := form.submit("#new-sub-account", url.Values{"name": {"Textiles"}})
		if p.text("h1") != "Textiles" || p.texts(".trail li") != "All Accounts, Nord AG, Textiles" {
			t.Fatalf("created: %d %s in %s", p.Status, p.text("h1"), p.text(".trail"))
		}
		textiles := strings.TrimPrefix(p.URL.Path, "/portal/accounts/")
		p = p.follow("main a.btn[href*='/portal/accounts/new?parent=']").submit("#new-sub-account", url.Values{"name": {"Looms"}})
		if p.texts(".trail li") != "All Accounts, Nord AG, Textiles, Looms" {
			t.Fatalf("the third level: %s", p.text(".trail"))
		}
		looms := p.URL.Path

		p = hana.get(looms+"?edit=name").submit("#account-name form", url.Values{"name": {""}})
		if p.Status != http.StatusUnprocessableEntity || p.Find("#name[aria-invalid]").Length() != 1 {
			t.Errorf("renamed to nothing: %d %s", p.Status, p.text("#account-name"))
		}
		if p = hana.get(looms+"?edit=name").submit("#account-name form", url.Values{"name": {"Weaving"}}); p.text("h1") != "Weaving" {
			t.Errorf("renamed: %d %s", p.Status, p.text("h1"))
		}

		// An account with sub-accounts stays where it is.
		p = hana.get("/portal/accounts/" + textiles + "/removal")
		if !strings.Contains(p.text("main"), "It has 1 sub-account.") || p.Find("#removal-form").Length() != 0 {
			t.Errorf("removing a parent: %s", p.text("main"))
		}
		if p := hana.post("/portal/accounts/"+textiles+"/removal", nil); p.Status != http.StatusConflict {
			t.Errorf("removing a parent all the same: %d", p.Status)
		}

		// Moving shows what it changes, first.
		p = hana.get(looms + "/parent?q=nord")
		if p.names() != "" && p.texts(".picker-row .cell-name") != "Nord AG" {
			t.Errorf("parents: %s", p.texts(".picker-row .cell-name"))
		}
		p = p.follow(".picker-row")
		if !strings.Contains(p.text("main"), "Nobody gains or loses access") || !strings.Contains(p.text("main"), "policy in force stays") {
			t.Errorf("the preview: %s", p.text("main"))
		}
		if p = p.submit("main form[action$='/parent']", nil); p.texts(".trail li") != "All Accounts, Nord AG, Weaving" {
			t.Errorf("moved: %d %s", p.Status, p.text(".trail"))
		}
		if p := hana.get("/portal/accounts/" + textiles + "/parent?to=" + textiles); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("under itself: %d", p.Status)
		}

		// Childless it goes, and comes back.
		p = hana.get(looms+"/removal").submit("#removal-form", nil)
		if p.URL.Path != "/portal/accounts" || strings.Contains(p.names(), "Weaving") || hana.get(looms).Status != http.StatusNotFound {
			t.Fatalf("removed: %s %s", p.URL, p.names())
		}
		if p = p.submit("[data-toast] form", nil); p.text("h1") != "Weaving" {
			t.Errorf("undone: %d %s", p.Status, p.text("h1"))
		}

		p = hana.get("/portal/accounts/"+textiles+"/management").submit("#management-form", nil)
		if !strings.Contains(p.text(".head"), "Reseller") {
			t.Errorf("manages its own: %s", p.text(".head"))
		}
		p = hana.get("/portal/accounts/"+textiles+"/management").submit("#management-form", nil)
		if strings.Contains(p.text(".head"), "Reseller") {
			t.Errorf("no longer: %s", p.text(".head"))
		}
	})
}

func TestReadOnlyUserSeesSubAccountsAndChangesNone(t *testing.T) {
	eachReseller(t, func(t *testing.T, w *site) {
		textiles := "/portal/accounts/" + w.below("nord", "Textiles")
		uma := w.userIn("uma@nord.example", "nord")
		p := uma.get(textiles)
		if p.Status != http.StatusOK || p.Find("main form[method=post]").Length() != 0 || strings.Contains(p.text("main"), "Create") {
			t.Errorf("%d %s", p.Status, p.text("main"))
		}
		if !strings.Contains(p.text("#account-users"), "do not let you see") {
			t.Errorf("users of an account that they are not in: %s", p.text("#account-users"))
		}
		for _, path := range []string{"/parent", "/removal", "/management"} {
			if p := uma.get(textiles + path); p.Status != http.StatusForbidden {
				t.Errorf("%s: %d", path, p.Status)
			}
		}
		for _, path := range []string{"/name", "/parent", "/removal", "/management"} {
			if p := uma.post(textiles+path, url.Values{}); p.Status != http.StatusForbidden {
				t.Errorf("posting %s: %d", path, p.Status)
			}
		}
		if p := uma.get("/portal/accounts/sued"); p.Status != http.StatusNotFound {
			t.Errorf("somebody else's: %d", p.Status)
		}
	})
}

func TestInvitingSeveralUsers(t *testing.T) {
	eachReseller(t, func(t *testing.T, w *site) {
		hana := w.userIn("hana@nord.example", "nord")
		p := hana.get("/portal/users/new").submit("#invite-form", url.Values{"email": {"one@nord.example, uma@nord.example\nnonsense\nONE@nord.example"}, "message": {"Come in"}, "access": {"true"}})
		if p.Status != http.StatusUnprocessableEntity || p.text(".notice li") != "one@nord.example was invited" {
			t.Fatalf("%d %s", p.Status, p.text("form"))
		}
		if refused := p.text(".refusals"); !strings.Contains(refused, "uma@nord.example This person is in this account already.") || !strings.Contains(refused, "nonsense") {
			t.Errorf("refused: %s", refused)
		}
		if left := strings.Fields(p.Find("#email").Text()); len(left) != 2 || p.Find("#message").Text() != "\nCome in" && p.Find("#message").Text() != "Come in" || p.Find("input[name=access][checked]").Length() != 1 {
			t.Errorf("what was typed: %q %q", left, p.Find("#message").Text())
		}
		one, _, err := w.store.UserCredentials(ctx, "one@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		nord, err := w.store.Account(ctx, "nord")
		if err != nil {
			t.Fatal(err)
		}
		if _, given, err := w.store.GrantOf(ctx, nord.Key, one.Key); err != nil || !given {
			t.Errorf("access to sub-accounts: %v, %v", given, err)
		}
		if p := p.submit("#invite-form", url.Values{"email": {"two@nord.example;three@nord.example"}}); p.URL.Path != "/portal/users" || !strings.Contains(p.text("[data-toast]"), "2 users were invited to Nord AG") {
			t.Errorf("the rest: %d %s", p.Status, p.text("main"))
		}
		if p := hana.get("/portal/users/new").submit("#invite-form", url.Values{"email": {""}}); p.Status != http.StatusUnprocessableEntity || p.Find("#email[aria-invalid]").Length() != 1 {
			t.Errorf("nobody: %d %s", p.Status, p.text("form"))
		}
		if p := hana.get("/portal/users/new").submit("#invite-form", url.Values{"email": {"four@nord.example"}, "roles": nil}); p.Status != http.StatusUnprocessableEntity || p.Find("#email").Text() != "four@nord.example" {
			t.Errorf("without a role: %d %s", p.Status, p.text("form"))
		}
	})
}

func TestInvitingToASubAccountTakesThePermissionThere(t *testing.T) {
	eachReseller(t, func(t *testing.T, w *site) {
		textiles := w.below("nord", "Textiles")
		form := "/portal/accounts/" + textiles + "/users/new"
		hana := w.userIn("hana@nord.example", "nord")
		if p := hana.get(form); p.Status != http.StatusForbidden {
			t.Fatalf("an admin of the parent without access: %d", p.Status)
		}
		u, _, err := w.store.UserCredentials(ctx, "hana@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.store.GiveAccess(ctx, backoffice.CommandLine(), "nord", u.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		p := hana.get(form).submit("#invite-form", url.Values{"email": {"new@textiles.example"}, "roles": {"read-only"}})
		if p.URL.Path != "/portal/accounts/"+textiles || !strings.Contains(p.text("#account-users"), "new@textiles.example") {
			t.Errorf("invited: %d %s", p.Status, p.text("main"))
		}
		if m := w.mailed(); m.To != "new@textiles.example" || m.Account != "Textiles" {
			t.Errorf("%+v", m)
		}
		// Who only reads here, and is an admin there, may invite there.
		uma := w.userIn("uma@nord.example", "nord")
		if p := uma.get(form); p.Status != http.StatusForbidden {
			t.Errorf("who only reads: %d", p.Status)
		}
		w.member(textiles, "uma@nord.example", backoffice.RoleAdmin)
		w.userIn("uma@nord.example", textiles)
		if p := uma.get(form).submit("#invite-form", url.Values{"email": {"other@textiles.example"}, "roles": {"admin"}}); !strings.Contains(p.text("#account-users"), "other@textiles.example") {
			t.Errorf("an admin there: %d %s", p.Status, p.text("main"))
		}
		if p := uma.get("/portal/accounts/sued/users/new"); p.Status != http.StatusNotFound {
			t.Errorf("somebody else's: %d", p.Status)
		}
	})
}
