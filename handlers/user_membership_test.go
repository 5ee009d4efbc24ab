package handlers_test

import (
	"net/http"
	"strings"
	"testing"
)

// Staff may take the last one who manages an account, and are told so before.
func TestRemovingTheLastManagerWarns(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		hana, uma := w.person("hana@nord.example"), w.person("uma@nord.example")
		w.userIn("hana@nord.example", "nord")
		b := w.browser()
		b.signIn("owner@vendor.example", passphrase)
		p := b.get("/backoffice/users/" + hana.ID + "/memberships/nord/removal")
		if p.Status != http.StatusOK || !strings.Contains(p.text("#last-manager"), "Nobody is left who can manage “Nord AG”.") {
			t.Errorf("the last: %d %s", p.Status, p.text("main"))
		}
		if p := b.get("/backoffice/users/" + hana.ID + "/deletion"); !strings.Contains(p.text("#last-manager"), "Nord AG") {
			t.Errorf("deleting her: %s", p.text("main"))
		}
		if p := b.get("/backoffice/users/" + uma.ID + "/memberships/nord/removal"); p.Find("#last-manager").Length() != 0 {
			t.Errorf("somebody else: %s", p.text("main"))
		}
		if p := p.submit("#removal-form", nil); p.Status != http.StatusOK || w.enters("hana@nord.example", "nord") {
			t.Errorf("done all the same: %d %s", p.Status, p.text("main"))
		}
	})
}
