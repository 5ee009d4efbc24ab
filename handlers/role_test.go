package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
)

func TestRolePages(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Nord <b>Textiles</b>", ID: "nord", PrimaryEmail: "uma@nord.example"}); err != nil {
			t.Fatal(err)
		}
		b := w.browser()
		b.signIn("owner@vendor.example", passphrase)
		if p := b.get("/backoffice/roles"); p.text("#roles tbody tr:first-child td:first-child") != "AdminBuilt inFirst useradmin" || p.text("#roles tbody tr:first-child td:last-child") != "1" {
			t.Errorf("the list: %q", p.text("#roles"))
		}
		add := func(set url.Values) *shown { return b.get("/backoffice/roles/new").submit("#role-form", set) }
		refused := add(url.Values{"name": {"Support <i>team</i>"}, "key": {"admin"}, "level": {"many"}, "permissions": {"fe.secure.read.users"}, "more": {"billing.read\nnot ok!"}, "default": {"on"}})
		if refused.Status != http.StatusUnprocessableEntity || refused.text("#level-problem") == "" || !strings.Contains(refused.text("#more-problem"), "ok!") ||
			refused.Find("#name").AttrOr("value", "") != "Support <i>team</i>" || refused.Find("[value='fe.secure.read.users'][checked]").Length() != 1 ||
			!strings.Contains(refused.Find("#more").Text(), "not ok!") || refused.Find("[name=default][checked]").Length() != 1 {
			t.Errorf("refused: %d %q", refused.Status, refused.text("#role-form"))
		}
		if p := add(url.Values{"name": {"Support"}, "key": {"admin"}}); p.Status != http.StatusUnprocessableEntity || p.text("#key-problem") != "The role Admin has this key." {
			t.Errorf("a taken key: %d %q", p.Status, p.text("#key-problem"))
		}
		page := add(url.Values{"name": {"Support <i>team</i>"}, "key": {"support"}, "level": {"5"}, "permissions": {"fe.secure.read.users", "fe.secure.write.*"}, "more": {"billing.read, billing.pay"}})
		if page.Status != http.StatusOK || page.text("h1") != "Support <i>team</i>" || !strings.Contains(page.text("#toasts"), "was added") {
			t.Fatalf("added: %d %s %q", page.Status, page.URL, page.text("main"))
		}
		path := page.URL.Path
		edit := b.get(path + "/edit")
		if edit.Find("[name=key]").Length() != 0 || edit.Find("[value='billing.pay'][checked]").Length() != 1 || !strings.Contains(edit.text("#role-effect"), "nobody is touched") {
			t.Errorf("the form: %q", edit.text("#role-form"))
		}

		// A role of one account, held by somebody.
		form := b.get("/backoffice/accounts/nord")
		own := b.get(form.Find("#roles .section-head a").AttrOr("href", "")).submit("#role-form", url.Values{"name": {"Buyer"}, "key": {"buyer"}, "level": {"20"}, "permissions": {"fe.secure.read.users"}})
		if own.Status != http.StatusOK || own.Find("[name=default]").Length() != 0 {
			t.Fatalf("a role of an account: %d %q", own.Status, own.text("main"))
		}
		command := backoffice.CommandLine()
		w.as = &command
		w.imports("id,name\n", "email,account_id,roles\nb@nord.example,nord,buyer\nc@nord.example,nord,buyer;admin\n")
		buyer := b.get(own.URL.Path)
		if buyer.text("#holders .count") != "2" || buyer.Find("#holders tbody tr").Length() != 2 {
			t.Errorf("who has it: %q", buyer.text("#holders"))
		}
		if p := b.get("/backoffice/accounts/nord"); p.text("#roles dd") != "2 users" {
			t.Errorf("on the account's page: %q", p.text("#roles"))
		}

		// What saving would do, and then does.
		edit = b.get(own.URL.Path + "/edit")
		change := url.Values{"permissions": {"fe.secure.write.users"}}
		asked := b.get(own.URL.Path + "/edit")
		asked.Find("#role-form").SetAttr("action", asked.Find("#role-form").AttrOr("hx-post", ""))
		preview := asked.submit("#role-form", change, "role-effect")
		if got := preview.text("#role-effect li"); got != "2memberships hold this role1loses “Read users”1gains “Invite and update users”" {
			t.Errorf("preview: %q", got)
		}
		if preview.Find("form").Length() != 0 {
			t.Error("the preview brings the form")
		}
		other := b.get(own.URL.Path + "/edit")
		saved := edit.submit("#role-form", change)
		if saved.Status != http.StatusOK || !strings.Contains(saved.text("#toasts"), "was saved") || saved.Find("#toasts form").Length() != 1 {
			t.Fatalf("saved: %d %q", saved.Status, saved.text("main"))
		}
		conflict := other.submit("#role-form", url.Values{"name": {"Purchaser"}})
		if conflict.Status != http.StatusConflict || conflict.Find("#name").AttrOr("value", "") != "Purchaser" || !strings.Contains(conflict.text(".notice"), "Name: theirs Buyer, yours Purchaser") ||
			!strings.Contains(conflict.text(".notice"), "changed this role meanwhile") {
			t.Errorf("conflict: %d %q", conflict.Status, conflict.text(".notice"))
		}
		undone := saved.submit("#toasts form", nil)
		if r, err := w.store.AccountRoles(ctx, "nord", "", ""); err != nil || undone.Status != http.StatusOK || len(r.Rows) != 1 || string(r.Rows[0].Permissions[0]) != "fe.secure.read.users" {
			t.Errorf("undone: %d %+v, %v", undone.Status, r.Rows, err)
		}

		// Deleting one that is held takes a replacement.
		ask := b.get(own.URL.Path + "/deletion")
		if p := ask.submit("#role-deletion", nil); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text("#replacement-problem"), "2 memberships hold this role.") {
			t.Errorf("deleted while held: %d %q", p.Status, p.text("main"))
		}
		chosen := ask.submit("#role-replacement", url.Values{"replacement": {backoffice.RoleReadOnly}})
		if !strings.Contains(chosen.text("#role-effect"), "1gains “Read sub-accounts”") {
			t.Errorf("what the replacement does: %q", chosen.text("#role-effect"))
		}
		replaced := chosen.submit("#role-deletion", nil)
		if replaced.Status != http.StatusOK || replaced.URL.Path != "/backoffice/roles" || replaced.Find("#toasts form").Length() != 1 {
			t.Errorf("replaced: %d %s", replaced.Status, replaced.URL)
		}
		if p := replaced.submit("#toasts form", nil); p.URL.Path != own.URL.Path || p.text("#holders .count") != "2" || !strings.Contains(p.text("#toasts"), "2 memberships have it again") {
			t.Errorf("the replacement taken back: %s %q %q", p.URL, p.text("#holders"), p.text("#toasts"))
		}
		// The same from the trail.
		b.get(own.URL.Path+"/deletion").submit("#role-replacement", url.Values{"replacement": {"admin"}}).submit("#role-deletion", nil)
		if p := b.get("/backoffice/audit?action=role.replaced").submit(".event-acts form", nil); p.URL.Path != own.URL.Path || p.text("#holders .count") != "2" {
			t.Errorf("undone from the trail: %s %q", p.URL, p.text("main"))
		}
		if n := b.get("/backoffice/audit?action=role.replaced").Find(".event-acts form").Length(); n != 0 {
			t.Error("what was undone can be undone again")
		}
		gone := b.get(path+"/deletion").submit("#role-deletion", nil)
		if back := gone.submit("#toasts form", nil); back.Status != http.StatusOK || back.URL.Path != path {
			t.Errorf("brought back: %d %s", back.Status, back.URL)
		}
		if p := gone.submit("#toasts form", nil); !strings.Contains(p.text("#toasts"), "nothing left to undo") {
			t.Errorf("brought back twice: %q", p.text("#toasts"))
		}

		// The built-in ones, and staff who only look.
		if p := b.get("/backoffice/roles/admin/edit").submit("#role-form", url.Values{"first_user": {}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text("#given-problem"), "only role that first users get") {
			t.Errorf("nobody's first role: %d %q", p.Status, p.text("#role-form"))
		}
		if p := b.get("/backoffice/roles/admin/deletion"); p.URL.Path != "/backoffice/roles/admin" {
			t.Errorf("deleting Admin: %s", p.URL)
		}
		viewer := w.browser()
		viewer.signIn("viewer@vendor.example", passphrase)
		for _, look := range []string{"/backoffice/roles", path} {
			if p := viewer.get(look); p.Status != http.StatusOK || p.Find("main .head .btn").Length() != 0 {
				t.Errorf("a viewer at %s: %d %q", look, p.Status, p.text("main .head"))
			}
		}
		if p := viewer.get(path + "/edit"); p.Status != http.StatusForbidden {
			t.Errorf("a viewer edits: %d", p.Status)
		}
	})
}

func TestRoleFormWarnsOfAccountsWithoutManager(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "")
	boss, err := w.store.CreateRole(ctx, backoffice.CommandLine(), backoffice.Role{Key: "boss", Name: "Boss", Level: 1, Permissions: backoffice.Permissions{backoffice.WriteUsers}})
	if err != nil {
		t.Fatal(err)
	}
	w.imports("id,name\n", "email,account_id,roles\nb@nord.example,nord,boss\n")
	if _, err := w.store.RecordVisits(ctx, backoffice.CommandLine(), []backoffice.Visit{{AccountID: "nord", Email: "b@nord.example", At: w.clock.Now()}}); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	edit := b.get("/backoffice/roles/" + boss.ID + "/edit")
	if edit.Find("#role-effect .notice").Length() != 0 {
		t.Errorf("a warning of nothing: %q", edit.text("#role-effect"))
	}
	edit.Find("#role-form").SetAttr("action", edit.Find("#role-form").AttrOr("hx-post", ""))
	const want = "“Nord Textiles” would have nobody who can manage its users."
	if p := edit.submit("#role-form", url.Values{"permissions": {"fe.secure.read.users"}}, "role-effect"); !strings.Contains(p.text("#role-effect .notice"), want) {
		t.Errorf("no warning before saving: %q", p.text("#role-effect"))
	}
	ask := b.get("/backoffice/roles/" + boss.ID + "/deletion")
	if p := ask.submit("#role-replacement", url.Values{"replacement": {"read-only"}}); !strings.Contains(p.text("#role-effect .notice"), want) {
		t.Errorf("no warning before deleting: %q", p.text("#role-effect"))
	}
	if p := ask.submit("#role-replacement", url.Values{"replacement": {"admin"}}); p.Find("#role-effect .notice").Length() != 0 {
		t.Errorf("a warning where the replacement manages: %q", p.text("#role-effect"))
	}
}
