package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/auth"
	"steward/backoffice"
)

func TestStaffPages(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		b := w.browser()
		b.signIn("owner@vendor.example", passphrase)
		if n := b.get("/backoffice/settings/staff").Find("#staff-table tbody tr").Length(); n != 3 {
			t.Errorf("%d staff listed", n)
		}
		add := func(email, role string) *shown {
			return b.get("/backoffice/settings/staff/new").submit("#new-staff-form",
				url.Values{"email": {email}, "name": {"New <b>Person</b>"}, "role": {role}})
		}
		if p := add("owner@vendor.example", "viewer"); p.Status != http.StatusUnprocessableEntity || p.text("#email-problem") == "" ||
			p.Find("#name").AttrOr("value", "") != "New <b>Person</b>" {
			t.Errorf("a taken address: %d %q", p.Status, p.text("#new-staff-form"))
		}
		if p := add("x@vendor.example", "king"); p.text("#role-problem") == "" {
			t.Error("no such role")
		}
		added := add("new@vendor.example", "viewer")
		link := added.text("#staff-link code")
		if added.Status != http.StatusCreated || !strings.HasPrefix(link, w.url+"/backoffice/staff-setup?token=") {
			t.Fatalf("added: %d %q", added.Status, link)
		}
		theirs := w.browser()
		if p := theirs.signIn("new@vendor.example", ""); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("without a password: %d", p.Status)
		}
		if again := b.get("/backoffice/settings/staff"); strings.Contains(again.Body, link) || !strings.Contains(again.text("#staff-table"), "No password yet") {
			t.Errorf("the list: %q", again.text("#staff-table"))
		}
		choose := theirs.get(link)
		if choose.URL.RawQuery != "" || !strings.Contains(choose.text("main"), "new@vendor.example") {
			t.Errorf("the link led to %s", choose.URL)
		}
		if p := choose.submit("#staff-setup-form", url.Values{"password": {"short"}, "again": {"short"}}); p.Status != http.StatusUnprocessableEntity || p.text("#password-problem") == "" {
			t.Errorf("a short password: %d", p.Status)
		}
		if p := choose.submit("#staff-setup-form", url.Values{"password": {passphrase}, "again": {passphrase}}); p.URL.Path != "/backoffice/accounts" || !theirs.signedIn() {
			t.Errorf("chosen: %d %s", p.Status, p.URL)
		}
		if p := w.browser().get(link); p.Status != http.StatusNotFound || !strings.Contains(p.text("h1"), "does not open") {
			t.Errorf("the link again: %d", p.Status)
		}
		if p := theirs.get("/backoffice/settings/staff"); p.Status != http.StatusForbidden {
			t.Errorf("a viewer looks at the staff: %d", p.Status)
		}
		member := b.get(b.get("/backoffice/settings/staff").Find("#staff-table td:contains('new@') a").AttrOr("href", ""))
		if p := member.submit("#staff-role-form", url.Values{"role": {"manager"}}); p.URL.Path != "/backoffice/settings/staff" {
			t.Errorf("role: %d %s", p.Status, p.URL)
		}
		if theirs.signedIn() {
			t.Error("a session outlives the change of the role")
		}
		theirs.signIn("new@vendor.example", passphrase)
		member.submit("#remove-staff form", nil)
		if theirs.signedIn() {
			t.Error("a session outlives the removal")
		}
		if p := theirs.signIn("new@vendor.example", passphrase); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("who was removed signs in: %d", p.Status)
		}
		self := b.get(b.get("/backoffice/settings/staff").Find("#staff-table tr:has(.tag) a").AttrOr("href", ""))
		for _, p := range []*shown{self.submit("#remove-staff form", nil), self.submit("#staff-role-form", url.Values{"role": {"viewer"}})} {
			if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text(".notice"), "last owner") {
				t.Errorf("the last owner: %d %q", p.Status, p.text(".notice"))
			}
		}
	})
}

func TestTokenPages(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		b := w.browser()
		b.signIn("owner@vendor.example", passphrase)
		page := b.get("/backoffice/settings/tokens")
		if p := page.submit("#token-form", url.Values{"name": {" "}}); p.Status != http.StatusUnprocessableEntity || p.text("#token-name-problem") == "" {
			t.Errorf("no name: %d %q", p.Status, p.text("#token-form"))
		}
		made := page.submit("#token-form", url.Values{"name": {"Planner"}})
		token := made.text("#new-token code")
		hash, ok := auth.APIToken.Hash(token)
		if made.Status != http.StatusCreated || !ok {
			t.Fatalf("made: %d %q", made.Status, token)
		}
		found, err := w.store.FindToken(ctx, hash)
		if err != nil || found.Name != "Planner" || len(found.Scopes) != 1 || found.Scopes[0] != backoffice.ScopeVisits {
			t.Errorf("kept: %+v, %v", found, err)
		}
		again := b.get("/backoffice/settings/tokens")
		if strings.Contains(again.Body, token) || !strings.Contains(again.text("#token-table"), "Planner") {
			t.Errorf("the list: %q", again.text("#token-table"))
		}
		again.submit("dialog form[action$='/revocation']", nil)
		if _, err := w.store.FindToken(ctx, hash); err == nil {
			t.Error("revoked, and still opens")
		}
	})
}
