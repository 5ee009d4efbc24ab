package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
)

// userIn signs a user in to an account and returns their browser.
func (w *site) userIn(email, accountID string) *browser {
	w.t.Helper()
	u, _, err := w.store.UserCredentials(ctx, email)
	if err != nil {
		w.t.Fatal(err)
	}
	b := w.browser()
	cookie, _ := w.userSession(u, accountID)
	b.setCookie("steward-user", cookie)
	return b
}

func TestAdminManagesTheUsersOfTheirAccount(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		admin := w.userIn("hana@nord.example", "nord")
		p := admin.get("/portal/users")
		if !strings.Contains(p.text("table"), "uma@nord.example") {
			t.Fatalf("the list: %s", p.text("main"))
		}
		// Inviting: refused at its field, with what was typed; then done.
		form := admin.get("/portal/users/new")
		p = form.submit("#invite-form", url.Values{"email": {"uma@nord.example"}, "message": {"Come in"}})
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text(".problem"), "in this account already") || p.Find("#message").Text() != "Come in" {
			t.Errorf("a member: %d %s", p.Status, p.text("form"))
		}
		p = form.submit("#invite-form", url.Values{"email": {"new@nord.example"}, "roles": {"read-only"}})
		if p.Status != http.StatusOK || !strings.HasPrefix(p.URL.Path, "/portal/users/") || !strings.Contains(p.text("main"), "Invited") {
			t.Fatalf("invited: %d %s %s", p.Status, p.URL, p.text("main"))
		}
		if m := w.mailed(); m.Kind != backoffice.MailInvitation || m.To != "new@nord.example" || m.Account != "Nord AG" {
			t.Errorf("%+v", m)
		}
		page := p.URL.Path
		if p := admin.get(page).submit("form[action$='/invitation']", nil); p.Status != http.StatusOK {
			t.Errorf("resent: %d", p.Status)
		}
		if m := w.mailed(); m.To != "new@nord.example" {
			t.Errorf("%+v", m)
		}
		p = admin.get(page).submit("#portal-user-roles form", url.Values{"roles": {"admin", "read-only"}})
		if p.Status != http.StatusOK || p.Find("#role-admin[checked]").Length() != 1 {
			t.Errorf("roles: %d %s", p.Status, p.text("main"))
		}
		if p := admin.get(page).submit("#portal-user-roles form", url.Values{"roles": nil}); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("no role: %d", p.Status)
		}
		p = admin.get(page+"/removal").submit("#removal-form", nil)
		if p.URL.Path != "/portal/users" || strings.Contains(p.text("table"), "new@nord.example") {
			t.Errorf("removed: %s %s", p.URL, p.text("table"))
		}
		if got := admin.get(page); got.Status != http.StatusNotFound {
			t.Errorf("somebody who was removed: %d", got.Status)
		}
	})
}

func TestReadOnlyUserSeesAndChangesNothing(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		u, _, _ := w.store.UserCredentials(ctx, "hana@nord.example")
		b := w.userIn("uma@nord.example", "nord")
		if p := b.get("/portal/users"); p.Status != http.StatusOK || strings.Contains(p.text("main"), "Invite user") {
			t.Errorf("the list: %d %s", p.Status, p.text("main"))
		}
		p := b.get("/portal/users/" + u.ID)
		if p.Status != http.StatusOK || p.Find("main form").Length() != 0 || strings.Contains(p.text("main"), "Remove from account") {
			t.Errorf("a user's page: %d %s", p.Status, p.text("main"))
		}
		if p := b.get("/portal/users/new"); p.Status != http.StatusForbidden {
			t.Errorf("inviting: %d", p.Status)
		}
	})
}

// T-13: what is taken away is gone with the next request.
func TestAttack_T13_NextRequestOfAUser(t *testing.T) {
	cli := backoffice.CommandLine()
	for name, revoke := range map[string]func(w *site, id string) error{
		"role": func(w *site, id string) error {
			return w.store.ChangeMemberRoles(ctx, cli, "nord", id, []string{"read-only"})
		},
		"switch":     func(w *site, id string) error { return w.store.SetMemberDisabled(ctx, cli, "nord", id, true) },
		"membership": func(w *site, id string) error { _, err := w.store.RemoveMember(ctx, cli, "nord", id); return err },
	} {
		t.Run(name, func(t *testing.T) {
			eachPeople(t, func(t *testing.T, w *site) {
				u := w.member("nord", "boss@nord.example", backoffice.RoleAdmin)
				b := w.userIn("boss@nord.example", "nord").still()
				if p := b.get("/portal/users/new"); p.Status != http.StatusOK {
					t.Fatalf("before: %d", p.Status)
				}
				if err := revoke(w, u.ID); err != nil {
					t.Fatal(err)
				}
				if p := b.get("/portal/users/new"); p.Status != http.StatusForbidden && p.Status != http.StatusSeeOther {
					t.Errorf("after: %d", p.Status)
				}
			})
		})
	}
}

// T-12: an account keeps somebody who can manage it, as far as its own admins can
// say; and nobody changes who stands above them.
func TestAttack_T12_LastManagerStays(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		hana, _, _ := w.store.UserCredentials(ctx, "hana@nord.example")
		admin := w.userIn("hana@nord.example", "nord")
		me := "/portal/users/" + hana.ID
		if p := admin.get(me).submit("#portal-user-roles form", url.Values{"roles": {"read-only"}}); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text(".problem"), "Nobody else could manage") {
			t.Errorf("giving up the last role of an admin: %d %s", p.Status, p.text("main"))
		}
		if p := admin.get(me+"/removal").submit("#removal-form", nil); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("leaving as the last admin: %d", p.Status)
		}
		second := w.member("nord", "second@nord.example", backoffice.RoleAdmin)
		w.userIn("second@nord.example", "nord")
		if p := admin.get(me+"/removal").submit("#removal-form", nil); p.Status != http.StatusOK || admin.get("/portal").URL.Path != "/sign-in" {
			t.Errorf("leaving while there is a second: %d", p.Status)
		}
		other := w.userIn("second@nord.example", "nord")
		if p := other.get("/portal/users/"+second.ID+"/removal").submit("#removal-form", nil); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("the second leaves as the last: %d", p.Status)
		}
	})
}
