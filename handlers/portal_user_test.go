package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/auth"
	"steward/backoffice"
)

// A user of a sub-account has a page from above: who holds the permissions there
// changes what they may, without switching the account.
func TestUserOfASubAccountHasAPage(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		cli := backoffice.CommandLine()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		marine, marine1 := w.group()
		must(w.store.SetReseller(ctx, cli, marine, true))
		mia := w.member(marine, "mia@marine.example", backoffice.RoleReadOnly)
		w.userIn("mia@marine.example", marine)
		hana, uma := w.person("hana@nord.example"), w.person("uma@nord.example")
		admin := w.userIn("hana@nord.example", "nord")
		page := "/portal/accounts/" + marine + "/users/" + mia.ID
		if p := admin.get(page); p.Status != http.StatusForbidden {
			t.Errorf("without holding anything there: %d", p.Status)
		}
		must(w.store.GiveAccess(ctx, cli, "nord", hana.ID, backoffice.NewGrant{}))
		must(w.store.GiveAccess(ctx, cli, marine, mia.ID, backoffice.NewGrant{Reason: "Runs Marine"}))
		list := admin.get("/portal/accounts/" + marine)
		p := list.follow("#portal-user-table a.cell-name")
		if p.Status != http.StatusOK || p.URL.Path != page || p.text("h1") != "mia@marine.example" {
			t.Fatalf("her page: %d %s %s", p.Status, p.URL, p.text("main"))
		}
		for _, want := range []string{"Activated", "Runs Marine", "Why does this person have access?", "Remove from account"} {
			if !strings.Contains(p.text("main"), want) {
				t.Errorf("her page lacks %q: %s", want, p.text("main"))
			}
		}
		if got := p.text(".trail"); !strings.HasPrefix(got, "All AccountsMarinemia@") {
			t.Errorf("the way to it: %s", got)
		}
		roles := func() string {
			a, err := w.store.Account(ctx, marine)
			must(err)
			_, held, err := w.store.Member(ctx, a, mia.ID)
			if err != nil {
				return err.Error()
			}
			return strings.Join(held, ",")
		}
		if p := p.submit("#portal-user-roles form", url.Values{"roles": nil}); p.Status != http.StatusUnprocessableEntity || p.text(".problem") == "" {
			t.Errorf("no role: %d", p.Status)
		}
		p = p.submit("#portal-user-roles form", url.Values{"roles": {backoffice.RoleAdmin}})
		if p.Status != http.StatusOK || p.URL.Path != page || roles() != backoffice.RoleAdmin {
			t.Fatalf("roles: %d %s, she holds %s", p.Status, p.URL, roles())
		}
		p = p.submit("form[action$='/disabled']", nil)
		if p.URL.Path != page || !strings.Contains(p.text("main"), "Switched off") || w.enters(mia.Email, marine) {
			t.Errorf("switched off: %d %s", p.Status, p.text("main"))
		}
		p = p.submit("form[action$='/disabled']", nil)
		if !w.enters(mia.Email, marine1) {
			t.Errorf("switched on: %d %s", p.Status, p.text("main"))
		}
		// Removed, and put back with everything by the toast.
		gone := p.follow("a[href$='/removal']").submit("#removal-form", nil)
		if gone.Status != http.StatusOK || gone.URL.Path != "/portal/accounts/"+marine || w.enters(mia.Email, marine1) {
			t.Fatalf("removed: %d %s %s", gone.Status, gone.URL, gone.text("main"))
		}
		back := gone.submit("#toasts form", nil)
		if back.Status != http.StatusOK || back.URL.Path != page || roles() != backoffice.RoleAdmin || !w.enters(mia.Email, marine1) {
			t.Errorf("undone: %d %s, she holds %s", back.Status, back.URL, roles())
		}
		if again := gone.submit("#toasts form", nil); again.Status != http.StatusNotFound {
			t.Errorf("undone twice: %d", again.Status)
		}
		// Somebody who waits for their invitation.
		invited, err := w.store.InviteUser(ctx, cli, marine, backoffice.NewMember{Email: "new@marine.example", Roles: []string{backoffice.RoleReadOnly}}, auth.InvitationToken.New)
		must(err)
		p = admin.get("/portal/accounts/"+marine+"/users/"+invited.ID).submit("form[action$='/invitation']", nil)
		if p.Status != http.StatusOK || !strings.Contains(p.text("#toasts"), "Invitation sent again") {
			t.Errorf("resent: %d %s", p.Status, p.text("main"))
		}
		// Who comes by a grant alone is no member: the page says why they come in.
		if p := admin.get("/portal/accounts/" + marine + "/users/" + hana.ID); !strings.HasSuffix(p.URL.Path, "/why") || p.Status != http.StatusOK {
			t.Errorf("by a grant alone: %d %s", p.Status, p.URL)
		}
		// What is not theirs does not exist; what they may only read is not theirs to change.
		for _, path := range []string{"/portal/accounts/sued/users/" + mia.ID, "/portal/accounts/" + marine + "/users/" + uma.ID, "/portal/accounts/" + marine + "/users/nobody"} {
			if p := admin.get(path); p.Status != http.StatusNotFound {
				t.Errorf("%s: %d", path, p.Status)
			}
		}
		w.userIn("uma@nord.example", "nord")
		must(w.store.GiveAccess(ctx, cli, "nord", uma.ID, backoffice.NewGrant{}))
		reader := w.userIn("uma@nord.example", "nord")
		p = reader.get(page)
		if p.Status != http.StatusOK || p.Find("main form").Length() != 0 || p.Find("a[href$='/removal']").Length() != 0 {
			t.Errorf("who may read: %d %s", p.Status, p.text("main"))
		}
		for _, act := range []string{"/roles", "/disabled", "/invitation", "/removal", "/restoration"} {
			if p := reader.post(page+act, url.Values{"roles": {"read-only"}, "removal": {"x"}}); p.Status != http.StatusForbidden {
				t.Errorf("%s by who may only read: %d", act, p.Status)
			}
		}
		if roles() != backoffice.RoleAdmin {
			t.Errorf("she holds %s", roles())
		}
		// From below, what lies above has no such page.
		if p := w.userIn("mia@marine.example", marine).get("/portal/accounts/nord/users/" + uma.ID); p.Status != http.StatusNotFound {
			t.Errorf("from below: %d", p.Status)
		}
	})
}

// The portal's own removal is taken back by its toast; who left by themselves is
// offered nothing.
func TestPortalRemovalIsUndone(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		uma := w.person("uma@nord.example")
		admin := w.userIn("hana@nord.example", "nord")
		gone := admin.get("/portal/users/"+uma.ID+"/removal").submit("#removal-form", nil)
		if gone.URL.Path != "/portal/users" || strings.Contains(gone.text("table"), "uma@") {
			t.Fatalf("removed: %d %s", gone.Status, gone.text("main"))
		}
		// Somebody without the permission cannot use the same form.
		removal := gone.Find("#toasts input[name=removal]").AttrOr("value", "")
		w.member("nord", "tom@nord.example", backoffice.RoleReadOnly)
		if p := w.userIn("tom@nord.example", "nord").post("/portal/users/"+uma.ID+"/restoration", url.Values{"removal": {removal}}); p.Status != http.StatusForbidden {
			t.Errorf("by who may not: %d", p.Status)
		}
		w.member("sued", "sara@sued.example", backoffice.RoleAdmin)
		sara := w.userIn("sara@sued.example", "sued")
		if p := sara.post("/portal/users/"+uma.ID+"/restoration", url.Values{"removal": {removal}}); p.Status != http.StatusNotFound {
			t.Errorf("by another account: %d", p.Status)
		}
		p := gone.submit("#toasts form", nil)
		if p.Status != http.StatusOK || p.URL.Path != "/portal/users/"+uma.ID || !strings.Contains(p.text("#toasts"), "again") {
			t.Errorf("undone: %d %s", p.Status, p.text("main"))
		}
		if p := gone.submit("#toasts form", nil); p.Status != http.StatusNotFound {
			t.Errorf("undone twice: %d", p.Status)
		}
	})
}
