package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
)

// A user is created with applications: those of the account that was named, of
// which those that everybody has stand there and cannot be taken out.
func TestCreateUserWithApplications(t *testing.T) {
	w := newSite(t)
	w.manager()
	w.create("Nord <i>", "nord", "ana@nord.example")
	w.create("Süd", "sued", "bo@sued.example")
	books, all := w.sold(backoffice.Application{Name: "Books <i>", Active: true}), w.sold(backoffice.Application{Name: "Everywhere", AutoAssigned: true})
	wiki := w.sold(backoffice.Application{Name: "Wiki"})
	for account, ids := range map[string][]string{"nord": {books, wiki}, "sued": {wiki}} {
		if _, err := w.store.AssignApplications(ctx, backoffice.CommandLine(), account, ids, false); err != nil {
			t.Fatal(err)
		}
	}
	b := w.browser()
	empty := b.get("/backoffice/users/new")
	if !strings.Contains(empty.text("#new-user-account"), "Name an account: those that it has can be given here.") {
		t.Errorf("no account: %q", empty.text("#new-user-account"))
	}
	typed := url.Values{"email": {"New@nord.example"}, "name": {"New <b>"}, "account": {" nord "}, "role": {"admin"}, "invite": {"no"}}
	// Without script a button shows what the account has, and keeps what was typed.
	show := url.Values{"show": {"account"}}
	for name, v := range typed {
		show[name] = v
	}
	form := empty.submit("#user-form", show)
	if form.Status != http.StatusOK || form.Find("#email").AttrOr("value", "") != "New@nord.example" || form.Find("#name").AttrOr("value", "") != "New <b>" ||
		form.Find("input[name=role][checked]").AttrOr("value", "") != "admin" || form.Find("input[name=invite][checked]").AttrOr("value", "") != "no" || form.text("#roles legend") != "Roles in Nord <i>" {
		t.Errorf("shown: %d %q", form.Status, form.text("#user-form"))
	}
	rows := form.Find("#member-applications-list li")
	if rows.Length() != 3 || rows.Eq(0).Find("bdi").Text() != "Books <i>" || rows.Eq(1).Find(".tag").Text() != "Inactive" {
		t.Errorf("offered: %q", form.text("#member-applications"))
	}
	fixed := rows.Last()
	if _, off := fixed.Find("input[checked]").Attr("disabled"); !off || !strings.Contains(fixed.Text(), "It is assigned to every user of every account.") || fixed.Find("input").AttrOr("value", "") != all {
		t.Errorf("what everybody has: %q", fixed.Text())
	}
	// htmx asks for that part alone, with what was chosen.
	part := b.get("/backoffice/users/new?account=sued&shown=nord&role=read-only&application="+wiki, "new-user-account")
	if strings.Contains(part.Body, "<form") || part.Find("input[name=role][checked]").AttrOr("value", "") != "read-only" || part.Find("#member-applications-list li").Length() != 2 || part.Find("input[name=application][checked]:not([disabled])").AttrOr("value", "") != wiki {
		t.Errorf("of another account: %s", part.Body)
	}
	if p := b.get("/backoffice/users/new?account=nobody&shown=nord", "new-user-account"); !strings.Contains(p.text("#new-user-account"), "There is no account with this ID.") || p.Find("input[name=application]").Length() != 0 {
		t.Errorf("of none: %q", p.text("#new-user-account"))
	}
	// Wrong input keeps what was ticked.
	bad := form.submit("#user-form", url.Values{"email": {"nonsense"}, "application": {books, wiki}})
	if bad.Status != http.StatusUnprocessableEntity || bad.Find("input[name=application][checked]:not([disabled])").Length() != 2 {
		t.Errorf("refused: %d %q", bad.Status, bad.text("#user-form"))
	}
	// What this account does not have is refused at the field.
	foreign := form.submit("#user-form", url.Values{"account": {"sued"}, "application": {books}})
	if foreign.Status != http.StatusUnprocessableEntity || foreign.text("#member-applications-problem") != "The account does not have one of these applications. Choose again." || foreign.Find("#member-applications-list li").Length() != 2 {
		t.Errorf("foreign: %d %q", foreign.Status, foreign.text("#user-form"))
	}
	made := form.submit("#user-form", url.Values{"application": {books}})
	if made.Status != http.StatusOK || !strings.HasPrefix(made.URL.Path, "/backoffice/users/") || !strings.Contains(made.text("#applications"), "Books <i>") || strings.Contains(made.text("#applications"), "Wiki") {
		t.Errorf("created: %s %q", made.URL, made.text("#applications"))
	}
	// "Add user" on an account has the same section.
	add := b.get("/backoffice/accounts/nord/users/new", "dialog")
	if add.Find("dialog #member-applications-list li").Length() != 3 {
		t.Errorf("add user: %q", add.text("dialog"))
	}
	if p := add.submit("dialog form", url.Values{"email": {"nonsense"}, "application": {wiki}}, "dialog"); p.Status != http.StatusUnprocessableEntity || p.Find("input[name=application][checked]:not([disabled])").AttrOr("value", "") != wiki {
		t.Errorf("refused: %d %q", p.Status, p.text("dialog"))
	}
	b.get("/backoffice/accounts/nord/users/new").submit("form[action$='/users']", url.Values{"email": {"second@nord.example"}, "how": {"silent"}, "application": {wiki}})
	if p := b.get("/backoffice/accounts/nord/applications/" + wiki); p.Find("#application-users tbody tr").Length() != 1 || !strings.Contains(p.text("#application-users"), "second@nord.example") {
		t.Errorf("added: %q", p.text("#application-users"))
	}
	if w.create("Leer", "leer", ""); !strings.Contains(b.get("/backoffice/users/new?account=leer").text("#member-applications"), "Everywhere") {
		t.Error("an account with what all have shows nothing")
	}
}
