package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
)

// The API, the pages and the token of a sign-in give one answer to who opens an
// application, and from which account.
func TestApplicationsAPIAgreesWithPagesAndTokens(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		cli := backoffice.CommandLine()
		m := w.machine(backoffice.ScopeWriteApplications)
		staff := w.signedIn(w.staff("agree@vendor.example", backoffice.Viewer))
		_, marine := w.group()
		w.userIn("uma@nord.example", "nord") // has accepted
		hana, uma := w.person("hana@nord.example"), w.person("uma@nord.example")
		if err := w.store.GiveAccess(ctx, cli, "nord", uma.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		v := w.applicationOf(backoffice.Application{Name: "Ledger", Kind: backoffice.WebApplication, Active: true})
		names := map[string]string{"nord": "Nord AG", "sued": "Sued AG", marine: "Marine 1"}
		browsers := map[string]*browser{hana.ID: w.browser(), uma.ID: w.browser()}
		locked, barred := false, false
		// byToken signs in to the application from an account and looks at the token.
		byToken := func(u backoffice.User, account string) bool {
			t.Helper()
			b := browsers[u.ID]
			p := b.get(v.begin(with("account_id", account)))
			if p.URL.Path == "/sign-in" && p.Find("#address-form").Length() == 1 {
				p = p.submit("#address-form", url.Values{"email": {u.Email}}).submit("#password-form", url.Values{"password": {userPassphrase}})
			}
			if !strings.HasPrefix(p.URL.String(), v.oauth.RedirectURL) || !p.URL.Query().Has("code") {
				return false
			}
			_, c := v.tokens(p)
			return c.ApplicationID == v.app.ID && c.Account == account && c.Subject == u.ID
		}
		byPortal := func(u backoffice.User, account string) bool {
			t.Helper()
			if locked && u.ID == uma.ID || names[account] == "" || !w.enters(u.Email, account) {
				return false
			}
			return strings.Contains(w.userIn(u.Email, account).get("/portal").text("#portal-applications"), "Ledger")
		}
		// byPage looks at the user's page, which shows inactive ones with their mark.
		byPage := func(u backoffice.User, account string) backoffice.AssignmentPath {
			t.Helper()
			rows := staff.get("/backoffice/users/" + u.ID).Find("#applications tbody tr")
			for i := range rows.Length() {
				row := rows.Eq(i)
				if row.Find(".cell-name").Text() != "Ledger" || row.Find(".cell-id a").Text() != names[account] || row.Find(".tag").Length() > 0 {
					continue
				}
				for _, p := range []backoffice.AssignmentPath{backoffice.ByDefault, backoffice.ByEnvironment, backoffice.ByAccount, backoffice.ByHand} {
					if row.Find("td.w-path").Text() == p.Label() {
						return p
					}
				}
			}
			return ""
		}
		check := func(what string, want ...string) {
			t.Helper()
			var have []string
			for _, u := range []backoffice.User{hana, uma} {
				for _, account := range []string{"nord", "sued", marine} {
					var path backoffice.AssignmentPath
					everywhere := m.list("users/" + u.ID + "/applications")
					for _, a := range everywhere.Applications {
						if a.ID == v.app.ID && a.Account.ID == account {
							path = backoffice.AssignmentPath(a.Path)
						}
					}
					if names[account] == "" {
						m.expect("GET", "users/"+u.ID+"/applications?account="+account, "", http.StatusNotFound, "")
					} else {
						there := m.list("users/" + u.ID + "/applications?account=" + account)
						var one backoffice.AssignmentPath
						for _, a := range there.Applications {
							if a.Account.ID != account || !a.Active {
								t.Fatalf("%s: of %s in %s: %+v", what, u.Email, account, a)
							}
							one = backoffice.AssignmentPath(a.Path)
						}
						if one != path {
							t.Errorf("%s: %s in %s by %q, and in the list of all by %q", what, u.Email, account, one, path)
						}
					}
					if got := byToken(u, account); got != (path != "") {
						t.Errorf("%s: %s in %s: the API says %q, the token %v", what, u.Email, account, path, got)
					}
					if got := byPortal(u, account); got != (path != "") {
						t.Errorf("%s: %s in %s: the API says %q, the portal %v", what, u.Email, account, path, got)
					}
					// What somebody has but cannot open, because they are locked or disabled,
					// stands on their page, and so does that.
					if got := byPage(u, account); got != path && !(barred && u.ID == uma.ID) {
						t.Errorf("%s: %s in %s: the API says %q, the user's page %q", what, u.Email, account, path, got)
					}
					if path != "" {
						have = append(have, strings.TrimSuffix(u.Email, "@nord.example")+" "+names[account]+" "+string(path))
					}
				}
			}
			slices.Sort(want)
			if slices.Sort(have); !slices.Equal(have, want) {
				t.Errorf("%s: %q, want %q", what, have, want)
			}
		}
		do := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		of := func(account string) string { return "accounts/" + account + "/applications/" + v.app.ID }
		check("nobody has it")
		m.expect("PUT", of("nord"), "", 200, "")
		check("the account has it, and no user")
		m.expect("PUT", of("nord")+"/users/"+uma.ID, "", 204, "")
		check("given", "uma Nord AG manual")
		m.expect("PUT", of("nord"), `{"autoAssigned": true}`, 200, "")
		check("by the account", "uma Nord AG account", "hana Nord AG account")
		m.expect("PUT", of("nord"), `{"autoAssigned": false}`, 200, "")
		check("by the account no more", "uma Nord AG manual", "hana Nord AG manual")
		m.expect("PUT", of(marine), "", 200, "")
		m.expect("PUT", of(marine)+"/users/"+hana.ID, "", 404, "")
		m.expect("PUT", of(marine)+"/users/"+uma.ID, "", 204, "")
		if got := m.list(of(marine) + "/users"); len(got.Users) != 1 || got.Users[0].ID != uma.ID || !got.Users[0].Granted {
			t.Errorf("by grant: %+v", got)
		}
		check("given to who comes from above", "uma Nord AG manual", "hana Nord AG manual", "uma Marine 1 manual")
		do(w.store.SetMemberDisabled(ctx, cli, "nord", uma.ID, true))
		barred = true
		check("disabled", "hana Nord AG manual")
		do(w.store.SetMemberDisabled(ctx, cli, "nord", uma.ID, false))
		barred = false
		do(w.store.SetAutoAssigned(ctx, cli, v.app.ID, true))
		check("by the environment", "uma Nord AG environment", "hana Nord AG environment", "hana Sued AG environment", "uma Marine 1 environment")
		m.expect("DELETE", of("sued"), "", 204, "")
		check("given up by an account", "uma Nord AG environment", "hana Nord AG environment", "uma Marine 1 environment")
		do(w.store.SetApplicationActive(ctx, cli, v.app.ID, false))
		check("inactive")
		do(w.store.SetApplicationActive(ctx, cli, v.app.ID, true))
		do(w.store.SetDefaultApplication(ctx, cli, v.app.ID, true))
		check("the default", "uma Nord AG default", "hana Nord AG default", "uma Marine 1 default")
		do(w.store.SetDefaultApplication(ctx, cli, v.app.ID, false))
		do(w.store.SetAutoAssigned(ctx, cli, v.app.ID, false))
		locked, barred = true, true
		do(w.store.ChangeUser(ctx, cli, uma.ID, store.SetLocked(true)))
		check("locked", "hana Nord AG manual")
		do(w.store.ChangeUser(ctx, cli, uma.ID, store.SetLocked(false)))
		locked, barred = false, false
		check("as it was", "uma Nord AG manual", "hana Nord AG manual", "uma Marine 1 manual")
		deletion, err := w.store.DeleteApplication(ctx, cli, v.app.ID)
		do(err)
		for _, u := range []backoffice.User{hana, uma} {
			if got := m.list("users/" + u.ID + "/applications"); len(got.Applications) != 0 || byToken(u, "nord") || byPortal(u, "nord") || byPage(u, "nord") != "" {
				t.Errorf("the application in the bin: %+v", got)
			}
		}
		_, err = w.store.RestoreApplication(ctx, cli, deletion)
		do(err)
		_, err = w.store.DeleteAccount(ctx, cli, marine, "Marine 1", false)
		do(err)
		delete(names, marine)
		check("an account in the bin", "uma Nord AG manual", "hana Nord AG manual")
	})
}
