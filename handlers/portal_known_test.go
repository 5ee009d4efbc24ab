package handlers_test

import (
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
)

// Inviting an address tells nobody whether it is a user's elsewhere, and whose.
func TestAttack_T33_InvitingAUserOfAnotherAccount(t *testing.T) {
	eachReseller(t, func(t *testing.T, w *site) {
		w.member("sued", "secret@sued.example", backoffice.RoleReadOnly)
		if err := w.store.RenameUser(ctx, backoffice.CommandLine(), w.person("secret@sued.example").ID, "Zora Geheim"); err != nil {
			t.Fatal(err)
		}
		hana := w.userIn("hana@nord.example", "nord")
		p := hana.get("/portal/users/new").submit("#invite-form", url.Values{"email": {"secret@sued.example"}})
		id := w.person("secret@sued.example").ID
		if p.URL.Path != "/portal/users/"+id {
			t.Fatalf("%d %s", p.Status, p.text("main"))
		}
		for _, path := range []string{"/portal/users/" + id, "/portal/users", "/portal/accounts/nord", "/portal/users/" + id + "/why", "/portal/reach",
			"/portal/users/" + id + "/access", "/portal/users/" + id + "/removal"} {
			p := hana.get(path)
			if p.Status != 200 || strings.Contains(p.text("html"), "Zora") {
				t.Errorf("%s: %d %s", path, p.Status, p.text("main"))
			}
		}
		if p := hana.get("/portal/users?q=geheim"); strings.Contains(p.text("main"), "secret@sued.example") {
			t.Error("their name is found")
		}
		if p := hana.get("/portal/users?q=secret"); !strings.Contains(p.text("table"), "secret@sued.example") {
			t.Errorf("their address is not found: %s", p.text("main"))
		}
	})
}

// A preview names the users of an account to those alone who may read them.
func TestAttack_T05_PreviewsNameNobodyToWhoMayNotReadUsers(t *testing.T) {
	eachReseller(t, func(t *testing.T, w *site) {
		marine, textiles := w.below("nord", "Marine"), w.below("nord", "Textiles")
		w.member(marine, "zoe@zoo.example", backoffice.RoleReadOnly)
		hana := w.userIn("hana@nord.example", "nord")
		for _, path := range []string{"/removal", "/management", "/parent?to=" + textiles} {
			p := hana.get("/portal/accounts/" + marine + path)
			if p.Status != 200 || strings.Contains(p.text("html"), "zoe@") {
				t.Errorf("%s: %d %s", path, p.Status, p.text("main"))
			}
		}
		if p := hana.get("/portal/accounts/" + marine + "/removal"); !strings.Contains(p.text("main"), "1 user loses access to 1 account") {
			t.Errorf("how many: %s", p.text("main"))
		}
		// With access below she may read its users, and learns who.
		if err := w.store.GiveAccess(ctx, backoffice.CommandLine(), "nord", w.person("hana@nord.example").ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		if p := hana.get("/portal/accounts/" + marine + "/removal"); !strings.Contains(p.text("main"), "zoe@") {
			t.Errorf("with access: %s", p.text("main"))
		}
	})
}
