package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
)

// Why somebody has access, or not, as staff see it and as the portal tells it:
// there nothing is named that begins above.
func TestWhyAndWhoReaches(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		cli := backoffice.CommandLine()
		marine, marine1 := w.group()
		hana, uma := w.person("hana@nord.example"), w.person("uma@nord.example")
		w.userIn("hana@nord.example", "nord")
		w.userIn("uma@nord.example", "nord")
		if err := w.store.GiveAccess(ctx, cli, "nord", hana.ID, backoffice.NewGrant{Reason: "Runs the CANARY group"}); err != nil {
			t.Fatal(err)
		}
		w.member(marine1, "hana@nord.example", backoffice.RoleReadOnly)
		staff := w.browser()
		staff.signIn("owner@vendor.example", passphrase)
		p := staff.get("/backoffice/access").submit("#ask", url.Values{"user": {"Hana@nord.example"}, "account": {"Marine 1"}, "permission": {string(backoffice.DeleteSubAccounts)}})
		if p.Status != http.StatusOK || p.URL.Path != "/backoffice/accounts/"+marine1+"/users/"+hana.ID+"/why" || p.Find("article.path").Length() != 2 {
			t.Fatalf("%d %s %s", p.Status, p.URL, p.text("main"))
		}
		if got := p.text("#permission-answer"); !strings.Contains(got, "Held by the role Admin, by the access grant at Nord AG.") {
			t.Errorf("the permission: %q", got)
		}
		if got := p.text("article.path:nth-of-type(2)"); !strings.Contains(got, "Runs the CANARY group") || !strings.Contains(got, "2 sub-accounts") || !strings.Contains(got, "Loses the role Admin here, and with it 12 permissions: ") || !strings.Contains(got, "Keeps access to 1 of 2 accounts, through the membership in Marine 1; loses 1, where sessions end at once.") {
			t.Errorf("the grant: %q", got)
		}
		if p := staff.get("/backoffice/access").submit("#ask", url.Values{"user": {"nobody@nord.example"}, "account": {"no such"}}); p.Status != http.StatusUnprocessableEntity || p.Find("#user").AttrOr("value", "") != "nobody@nord.example" || p.text("#user-problem") == "" || p.text("#account-problem") == "" {
			t.Errorf("not found: %d %s", p.Status, p.text("main"))
		}
		// Why not: her membership above has no access.
		p = staff.get("/backoffice/accounts/" + marine1 + "/users/" + uma.ID + "/why")
		if !strings.Contains(p.text(".verdict"), "has no access to") || !strings.Contains(p.text("aside"), "They were given no access to the sub-accounts of Nord AG.") || !strings.Contains(p.text("aside"), "Access grant at Marine") {
			t.Errorf("why not: %s", p.text("main"))
		}
		p = staff.get("/backoffice/accounts/" + marine1 + "/reach")
		if !strings.Contains(p.text("#reach"), "Direct membership") || !strings.Contains(p.text("#reach"), "Access grant at Nord AG") || strings.Contains(p.text("#reach"), "uma@") {
			t.Errorf("who: %s", p.text("main"))
		}
		// From below: Mia of Marine 1 sees that Hana comes from above, and no more.
		mia := w.member(marine1, "mia@marine.example", backoffice.RoleReadOnly)
		below := w.userIn("mia@marine.example", marine1)
		for _, path := range []string{"/portal/reach", "/portal/users/" + hana.ID + "/why"} {
			p := below.get(path)
			if p.Status != http.StatusOK || !strings.Contains(p.text("main"), "Access from an account above yours") || strings.Contains(p.Body, "Nord AG") || strings.Contains(p.Body, "CANARY") || strings.Contains(p.Body, "Marine<") {
				t.Errorf("%s: %d %s", path, p.Status, p.text("main"))
			}
		}
		if p := below.get("/portal/users/" + uma.ID + "/why"); p.Status != http.StatusNotFound {
			t.Errorf("somebody of another account: %d", p.Status)
		}
		// From the top: a path ends by its own revoke, where somebody else can manage.
		w.member(marine1, "boss@marine.example", backoffice.RoleAdmin)
		w.userIn("boss@marine.example", marine1)
		top := w.userIn("hana@nord.example", "nord")
		p = top.get("/portal/accounts/" + marine1 + "/users/" + mia.ID + "/why")
		if p.Status != http.StatusOK || p.Find("article.path a[href$='/removal']").Length() != 1 {
			t.Fatalf("from the top: %d %s", p.Status, p.text("main"))
		}
		ask := top.get(p.Find("article.path a[href$='/removal']").AttrOr("href", ""))
		if got := ask.text("#removal-change .strong"); got != "mia@marine.example loses access to 1 account." {
			t.Errorf("before: %q", got)
		}
		if p := ask.submit("#removal-form", nil); p.Status != http.StatusOK || w.enters("mia@marine.example", marine1) {
			t.Errorf("removed: %d %s", p.Status, p.text("main"))
		}
		p = top.get("/portal/accounts/" + marine1 + "/users/" + hana.ID + "/why")
		revoke := p.Find("article.path a[href$='/access/revocation']").AttrOr("href", "")
		if p := top.get(revoke).submit("#revocation-form", nil); p.Status != http.StatusOK || w.enters("hana@nord.example", marine) {
			t.Errorf("revoked: %d %s", p.Status, p.text("main"))
		}
		// What was once is told beneath, with who ended it: to staff, and to those above
		// whose account it began in.
		p = staff.get("/backoffice/accounts/" + marine1 + "/users/" + hana.ID + "/why")
		for _, want := range []string{"Access grant at Nord AG", "Revoked on ", "by hana@nord.example", "by Command line", "Runs the CANARY group"} {
			if got := p.text("#earlier-access"); !strings.Contains(got, want) {
				t.Errorf("earlier access lacks %q: %s", want, got)
			}
		}
		if p = w.userIn("hana@nord.example", "nord").get("/portal/reach"); p.Status != http.StatusOK {
			t.Fatalf("her own account: %d", p.Status)
		}
		if p = w.userIn("hana@nord.example", "nord").get("/portal/users/" + hana.ID + "/why"); !strings.Contains(p.text("#earlier-access"), "Runs the CANARY group") {
			t.Errorf("from the top: %d %s", p.Status, p.text("main"))
		}
		w.member(marine1, "eve@marine.example", backoffice.RoleReadOnly)
		if p = w.userIn("eve@marine.example", marine1).get("/portal/users/" + hana.ID + "/why"); p.Status != http.StatusOK || strings.Contains(p.Body, "CANARY") || p.Find("#earlier-access").Length() != 0 {
			t.Errorf("from below: %d %s", p.Status, p.text("main"))
		}
	})
}

func TestStaffLinkAccounts(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		marine, marine1 := w.group()
		hana := w.person("hana@nord.example")
		w.userIn("hana@nord.example", "nord")
		if err := w.store.GiveAccess(ctx, backoffice.CommandLine(), "nord", hana.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "West", ID: "west"}); err != nil {
			t.Fatal(err)
		}
		b := w.browser()
		b.signIn("owner@vendor.example", passphrase)
		parent := func(id string) string {
			t.Helper()
			a, err := w.store.Account(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			return a.ParentID
		}
		found := b.get("/backoffice/accounts/west/parent").submit("#parent-search", url.Values{"q": {"nord"}})
		p := b.get(found.Find("a[aria-label='Choose Nord AG']").AttrOr("href", ""))
		if got := p.text("#move-change .strong"); got != "hana@nord.example gains 1 account." || parent("west") != "" {
			t.Errorf("preview: %q", got)
		}
		p = p.submit("#parent-form", nil)
		if p.Status != http.StatusOK || parent("west") != "nord" {
			t.Fatalf("linked: %d %s", p.Status, p.text("main"))
		}
		if p = p.submit("#toasts form", nil); p.Status != http.StatusOK || parent("west") != "" {
			t.Errorf("undone: %d", p.Status)
		}
		if p := b.get("/backoffice/accounts/" + marine + "/parent?parent=" + marine1); p.Status != http.StatusUnprocessableEntity || p.Find("#parent-form").Length() != 0 {
			t.Errorf("under its own: %d %s", p.Status, p.text("main"))
		}
		if p := b.post("/backoffice/accounts/"+marine+"/parent", url.Values{}); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("nothing chosen: %d", p.Status)
		}
		p = b.get("/backoffice/accounts/" + marine1 + "/parent?top=true")
		if got := p.text("#move-change .strong"); got != "hana@nord.example loses access to 1 account." {
			t.Errorf("to the top: %q", got)
		}
		if p.submit("#parent-form", nil); parent(marine1) != "" {
			t.Error("it is not at the top")
		}
		// Several at once: what would become of each, then done.
		form := b.post("/backoffice/selection/move", url.Values{"id": {"west", marine1, "nord"}})
		if p := form.submit("#move-form", url.Values{"parent": {"nowhere"}}); p.Status != http.StatusUnprocessableEntity || p.Find("#parent").AttrOr("value", "") != "nowhere" {
			t.Errorf("no such parent: %d %s", p.Status, p.text("main"))
		}
		tried := form.submit("#move-form", url.Values{"parent": {"Nord AG"}})
		if tried.Status != http.StatusOK || strings.Count(tried.text("tbody"), "Is moved") != 2 || !strings.Contains(tried.text("tbody"), "Stays: an account cannot lie under itself") || parent("west") != "" {
			t.Fatalf("tried: %d %s", tried.Status, tried.text("main"))
		}
		if got := tried.text("#move-reach .strong"); got != "hana@nord.example gains 2 accounts." {
			t.Errorf("the preview of reach: %q", got)
		}
		if p := tried.submit("#move-form", url.Values{"seen": {"another"}}); p.Status != http.StatusConflict || !strings.Contains(p.text("main"), "This changed since you looked") || parent("west") != "" {
			t.Errorf("confirmed what was not shown: %d %s", p.Status, p.text("main"))
		}
		p = tried.submit("#move-form", nil)
		if p.Status != http.StatusOK || !strings.Contains(p.text("main"), "2 accounts were moved.") || parent("west") != "nord" || parent(marine1) != "nord" {
			t.Errorf("moved: %d %s", p.Status, p.text("main"))
		}
	})
}
