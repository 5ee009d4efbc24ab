package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

// group makes nord a reseller with marine below it and marine-1 below that, and
// returns the IDs of the two.
func (w *site) group() (marine, marine1 string) {
	w.t.Helper()
	cli := backoffice.CommandLine()
	if err := w.store.SetReseller(ctx, cli, "nord", true); err != nil {
		w.t.Fatal(err)
	}
	a, err := w.store.CreateSubAccount(ctx, cli, "nord", "Marine")
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := w.store.CreateSubAccount(ctx, cli, a.ID, "Marine 1")
	if err != nil {
		w.t.Fatal(err)
	}
	return a.ID, b.ID
}

// person finds a user by address.
func (w *site) person(email string) backoffice.User {
	w.t.Helper()
	u, err := w.store.FindUser(ctx, email)
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

func (w *site) enters(email, account string) bool {
	w.t.Helper()
	a, err := w.store.Account(ctx, account)
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := w.store.StandingIn(ctx, w.person(email).Key, a.Key)
	return err == nil && s.Enters()
}

func TestAccessIsGivenAndRevokedInThePortal(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		marine, marine1 := w.group()
		uma := w.person("uma@nord.example")
		w.userIn("uma@nord.example", "nord") // has signed in once
		admin := w.userIn("hana@nord.example", "nord")
		page := admin.get("/portal/users/" + uma.ID)
		if !strings.Contains(page.text("#sub-account-access"), "No access") {
			t.Fatalf("her page: %s", page.text("main"))
		}
		form := admin.get("/portal/users/" + uma.ID + "/access")
		if got := form.text("#access-change .strong"); got != "uma@nord.example gains 2 accounts." {
			t.Errorf("preview: %q", got)
		}
		for field, value := range map[string]string{"ends_at": "yesterday", "reason": strings.Repeat("x", 301)} {
			p := form.submit("#access-form", url.Values{field: {value}})
			if p.Status != http.StatusUnprocessableEntity || p.Find("#"+field).AttrOr("value", "") != value || p.text("#"+field+"-problem") == "" {
				t.Errorf("%s: %d %s", field, p.Status, p.text("form"))
			}
		}
		if p := form.submit("#access-form", url.Values{"ends_at": {w.clock.Now().Format(time.DateOnly)}}); p.Status != http.StatusUnprocessableEntity || w.enters(uma.Email, marine) {
			t.Errorf("today: %d %s", p.Status, p.text("form"))
		}
		p := form.submit("#access-form", url.Values{"ends_at": {w.clock.Now().AddDate(0, 0, 3).Format(time.DateOnly)}, "reason": {"Supports Marine"}})
		if p.Status != http.StatusOK || !strings.Contains(p.text("#sub-account-access"), "Supports Marine") || !w.enters(uma.Email, marine1) {
			t.Fatalf("given: %d %s", p.Status, p.text("main"))
		}
		if got := p.text("#roles-below"); !strings.Contains(got, "2 sub-accounts of Nord AG") {
			t.Errorf("beside her roles: %q", got)
		}
		// Changed: the typed values are there, the end can be taken away.
		form = admin.get("/portal/users/" + uma.ID + "/access")
		if form.Find("#reason").AttrOr("value", "") != "Supports Marine" {
			t.Errorf("the form: %s", form.text("form"))
		}
		form.submit("#access-form", url.Values{"ends_at": {""}})
		w.clock.Add(10 * 24 * time.Hour)
		admin = w.userIn("hana@nord.example", "nord")
		if !w.enters(uma.Email, marine1) {
			t.Error("it ended by itself")
		}
		ask := admin.get("/portal/users/" + uma.ID + "/access/revocation")
		if got := ask.text("#revocation-change .strong"); got != "uma@nord.example loses access to 2 accounts." {
			t.Errorf("preview of revoking: %q", got)
		}
		if p := ask.submit("#revocation-form", nil); p.Status != http.StatusOK || !strings.Contains(p.text("#sub-account-access"), "No access") || w.enters(uma.Email, marine1) {
			t.Errorf("revoked: %d %s", p.Status, p.text("main"))
		}
	})
}

func TestAccessBelowAndAlwaysOn(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		marine, marine1 := w.group()
		cli := backoffice.CommandLine()
		mia := w.member(marine, "mia@marine.example", backoffice.RoleReadOnly)
		w.userIn("mia@marine.example", marine)
		if err := w.store.SetReseller(ctx, cli, marine, true); err != nil {
			t.Fatal(err)
		}
		admin := w.userIn("hana@nord.example", "nord")
		below := "/portal/accounts/" + marine + "/users/" + mia.ID
		if p := admin.get(below + "/access"); p.Status != http.StatusForbidden {
			t.Errorf("without holding anything there: %d", p.Status)
		}
		if err := w.store.GiveAccess(ctx, cli, "nord", w.person("hana@nord.example").ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		p := admin.get(below+"/access").submit("#access-form", nil)
		if p.Status != http.StatusOK || !w.enters(mia.Email, marine1) {
			t.Errorf("given below: %d %s", p.Status, p.text("main"))
		}
		if p := admin.get("/portal/accounts/sued/users/" + mia.ID + "/access"); p.Status != http.StatusNotFound {
			t.Errorf("an account elsewhere: %d", p.Status)
		}
		// The default for all.
		w.userIn("uma@nord.example", "nord")
		form := admin.get("/portal/access-default")
		if got := form.text("#change-always .strong"); got != "uma@nord.example gains 2 accounts." || form.Find("#change-on, #change-off").Length() != 0 {
			t.Errorf("always: %q", got)
		}
		if p := form.submit("#default-form", url.Values{"access": {"sometimes"}}); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("no such default: %d", p.Status)
		}
		form.submit("#default-form", url.Values{"access": {"always"}})
		if a, err := w.store.Account(ctx, "nord"); err != nil || a.SubAccess != backoffice.AccessAlways {
			t.Fatalf("%+v, %v", a.SubAccess, err)
		}
		uma := w.person("uma@nord.example")
		section := admin.get("/portal/users/" + uma.ID)
		if section.Find("#always-on[disabled][checked]").Length() != 1 || section.Find("a[href$='/access/revocation']").Length() != 0 || !strings.Contains(section.text("#sub-account-access"), "cannot be taken from one") {
			t.Errorf("always on: %s", section.text("#sub-account-access"))
		}
		if p := admin.get("/portal/users/"+uma.ID+"/access/revocation").submit("#revocation-form", nil); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("revoked singly: %d", p.Status)
		}
	})
}

// T-13: access that is revoked is gone with the very next request, whether it is
// a page, a part of one, or a form that was prepared before.
func TestAttack_T13_RevokedAccessToSubAccounts(t *testing.T) {
	cli := backoffice.CommandLine()
	for name, revoke := range map[string]func(w *site, user string) error{
		"revoked":   func(w *site, user string) error { return w.store.RevokeAccess(ctx, cli, "nord", user) },
		"ability":   func(w *site, user string) error { return w.store.SetReseller(ctx, cli, "nord", false) },
		"removed":   func(w *site, user string) error { _, err := w.store.RemoveMember(ctx, cli, "nord", user); return err },
		"switched":  func(w *site, user string) error { return w.store.SetMemberDisabled(ctx, cli, "nord", user, true) },
		"its end":   func(w *site, user string) error { w.clock.Add(49 * time.Hour); return nil },
		"moved off": func(w *site, user string) error { return w.store.MoveAccount(ctx, cli, "marine-below", "") },
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			eachPeople(t, func(t *testing.T, w *site) {
				w.group()
				if _, err := w.store.CreateAccount(ctx, cli, backoffice.NewAccount{Name: "Marine below", ID: "marine-below"}); err != nil {
					t.Fatal(err)
				}
				if err := w.store.MoveAccount(ctx, cli, "marine-below", "nord"); err != nil {
					t.Fatal(err)
				}
				boss := w.member("nord", "boss@nord.example", backoffice.RoleAdmin)
				w.userIn("boss@nord.example", "nord")
				if err := w.store.GiveAccess(ctx, cli, "nord", boss.ID, backoffice.NewGrant{EndsAt: w.clock.Now().Add(48 * time.Hour)}); err != nil {
					t.Fatal(err)
				}
				tom := w.member("marine-below", "tom@marine.example", backoffice.RoleReadOnly)
				b := w.userIn("boss@nord.example", "marine-below").still()
				page := b.get("/portal/users/" + tom.ID)
				if page.Status != http.StatusOK || page.Find("#portal-user-roles form").Length() != 1 {
					t.Fatalf("before: %d %s", page.Status, page.text("main"))
				}
				if err := revoke(w, boss.ID); err != nil {
					t.Fatal(err)
				}
				// The form that was prepared, the page, and the part that htmx asks for.
				if p := page.submit("#portal-user-roles form", url.Values{"roles": {"admin"}}); p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), "/sign-in") {
					t.Errorf("a prepared form: %d %s", p.Status, p.Header.Get("Location"))
				}
				if p := b.get("/portal/users"); p.Status != http.StatusSeeOther {
					t.Errorf("a page: %d", p.Status)
				}
				if p := b.get("/portal/users?q=t", "portal-user-table"); p.Status != http.StatusUnauthorized {
					t.Errorf("a part of a page: %d", p.Status)
				}
				a, err := w.store.Account(ctx, "marine-below")
				if err != nil {
					t.Fatal(err)
				}
				if _, held, err := w.store.Member(ctx, a, tom.ID); err != nil || len(held) != 1 || held[0] != backoffice.RoleReadOnly {
					t.Errorf("his roles were changed: %v, %v", held, err)
				}
			})
		})
	}
}
