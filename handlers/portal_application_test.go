package handlers_test

import (
	"strings"
	"testing"

	"steward/backoffice"
)

// A user's first page lists what they can open from the account that they are in,
// and nothing that is closed, not theirs, or another account's.
func TestPortalListsApplications(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		cmd := backoffice.CommandLine()
		add := func(a backoffice.Application, account string, auto bool) backoffice.Application {
			t.Helper()
			a.Kind, a.RedirectURIs = backoffice.SinglePage, []string{"https://app.example/callback"}
			a, err := w.store.CreateApplication(ctx, cmd, a, nil)
			if err == nil && account != "" {
				_, err = w.store.AssignApplications(ctx, cmd, account, []string{a.ID}, auto)
			}
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		b := w.browser()
		if p := b.userSignIn("uma@nord.example", userPassphrase); strings.Contains(p.Body, "portal-applications") {
			t.Fatal("a section of applications, where there is none")
		}
		add(backoffice.Application{Name: "Ledger", URL: "https://ledger.example/home", Active: true, Default: true}, "", false)
		add(backoffice.Application{Name: "Field Notes", Active: true}, "nord", true)
		add(backoffice.Application{Name: "Closed One", AutoAssigned: true}, "", false)
		add(backoffice.Application{Name: "Of Others", Active: true}, "sued", true)
		byHand := add(backoffice.Application{Name: "By Hand", Active: true}, "nord", false)
		text := b.get("/portal").Body
		for _, want := range []string{"Ledger", `href="https://ledger.example/home"`, "Field Notes"} {
			if !strings.Contains(text, want) {
				t.Errorf("the page lacks %s", want)
			}
		}
		for _, not := range []string{"Closed One", "Of Others", "By Hand"} {
			if strings.Contains(text, not) {
				t.Errorf("the page shows %s", not)
			}
		}
		uma, _, err := w.store.UserCredentials(ctx, "uma@nord.example")
		if err == nil {
			err = w.store.GiveApplication(ctx, cmd, "nord", byHand.ID, uma.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		if text := b.get("/portal").Body; !strings.Contains(text, "By Hand") {
			t.Error("what was given by hand is not there")
		}
		if text := w.signedIn(w.staff("reader@vendor.example", backoffice.Viewer)).get("/backoffice/users/" + uma.ID).Body; !strings.Contains(text, "Closed One") || !strings.Contains(text, "Account auto-assigned") ||
			!strings.Contains(text, "Environment auto-assigned") || strings.Contains(text, "Of Others") {
			t.Error("the user’s page does not tell of her applications and their paths")
		}
	})
}
