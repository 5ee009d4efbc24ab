package handlers_test

import (
	"net/http"
	"net/url"
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

// In the portal an admin gives applications of the account to its users and takes
// them, as far as their permissions reach; what reaches everybody is fixed.
func TestPortalAssignsApplications(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		cmd := backoffice.CommandLine()
		made := map[string]backoffice.Application{}
		for _, name := range []string{"Ledger", "Notes", "Of Others"} {
			a, err := w.store.CreateApplication(ctx, cmd, backoffice.Application{Name: name, Kind: backoffice.SinglePage, RedirectURIs: []string{"https://app.example/callback"}, Active: true, Default: name == "Ledger"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			made[name] = a
		}
		for account, name := range map[string]string{"nord": "Notes", "sued": "Of Others"} {
			if _, err := w.store.AssignApplications(ctx, cmd, account, []string{made[name].ID}, false); err != nil {
				t.Fatal(err)
			}
		}
		uma, _, err := w.store.UserCredentials(ctx, "uma@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		hana := w.browser()
		p := hana.userSignIn("hana@nord.example", userPassphrase)
		if p.URL.Path == "/sign-in/accounts" {
			p.submit("form", url.Values{"account": {"nord"}})
		}
		list := hana.get("/portal/applications")
		if !strings.Contains(list.Body, "Ledger") || !strings.Contains(list.Body, "Notes") || strings.Contains(list.Body, "Of Others") {
			t.Fatal("the list of applications")
		}
		if p := hana.get("/portal/applications/" + made["Of Others"].ID); p.Status != http.StatusNotFound {
			t.Fatalf("another account’s application answers %d", p.Status)
		}
		fixed := hana.get("/portal/applications/" + made["Ledger"].ID)
		if !strings.Contains(fixed.Body, "cannot be taken from a single user") || strings.Contains(fixed.Body, "Add users") {
			t.Fatal("what reaches everybody is not fixed")
		}
		notes := "/portal/applications/" + made["Notes"].ID
		none := hana.get(notes+"/users/new").submit("#candidates-form", nil)
		if none.Status != http.StatusUnprocessableEntity || !strings.Contains(none.Body, "Choose at least one user.") {
			t.Fatalf("nobody chosen answers %d", none.Status)
		}
		if p := hana.get(notes + "/users/new?user=" + uma.ID + "&q=hana"); !strings.Contains(p.Body, "added too") {
			t.Fatal("who was ticked is forgotten by a search")
		}
		if p := hana.get(notes+"/users/new").submit("#candidates-form", url.Values{"user": {uma.ID}}); !strings.Contains(p.Body, "1 user has it.") || !strings.Contains(p.Body, "uma@nord.example") {
			t.Fatalf("given: %d", p.Status)
		}
		hana.get(notes+"/auto-assignment").submit("#auto-assignment-form", nil)
		if p := hana.get(notes); !strings.Contains(p.Body, "End auto-assignment first") {
			t.Fatal("auto-assignment is not on")
		}
		if p := hana.get(notes + "/auto-assignment"); !strings.Contains(p.Body, "2 users keep it") {
			t.Fatal("the consequence is not told")
		} else {
			p.submit("#auto-assignment-form", nil)
		}
		taken := hana.get(notes).submit(`form[action$="/users/`+uma.ID+`/removal"]`, nil)
		if !strings.Contains(taken.Body, "was taken from them") {
			t.Fatal("not taken")
		}
		if p := taken.submit(".toast-line form", nil); !strings.Contains(p.Body, "1 user has it.") {
			t.Errorf("undone: %q", p.text("main"))
		}
		hana.get(notes).submit(`form[action$="/users/`+uma.ID+`/removal"]`, nil)
		// Who may only read sees no button, and is refused.
		reader := w.browser()
		if p := reader.userSignIn("uma@nord.example", userPassphrase).follow(`a[href$="/portal/applications"]`).follow(`a[href$="` + made["Notes"].ID + `"]`); strings.Contains(p.Body, "Add users") ||
			strings.Contains(p.Body, "/removal") {
			t.Fatal("buttons that would be refused")
		}
		if p := reader.get(notes + "/users/new"); p.Status != http.StatusForbidden {
			t.Fatalf("refused with %d", p.Status)
		}
	})
}
