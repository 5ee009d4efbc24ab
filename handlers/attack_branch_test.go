package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store/storetest"
)

// branchCast is who tries the routes of sub-accounts, and where they are in the
// tree: top, which has mid and sibling; mid, which has leaf; and another tree.
var branchCast = []struct {
	name, home, role string
	grant            bool
	sees             []string // by the portal, of the accounts below
}{
	{"admin with access below", "mid", backoffice.RoleAdmin, true, []string{"mid", "leaf"}},
	{"admin", "mid", backoffice.RoleAdmin, false, []string{"mid", "leaf"}},
	{"read-only", "mid", backoffice.RoleReadOnly, true, []string{"mid", "leaf"}},
	{"admin of the child", "leaf", backoffice.RoleAdmin, false, nil},
	{"admin of the parent", "top", backoffice.RoleAdmin, true, []string{"top", "mid", "leaf", "sibling"}},
	{"admin of the sibling", "sibling", backoffice.RoleAdmin, true, []string{"sibling"}},
	{"admin of another tree", "other", backoffice.RoleAdmin, true, []string{"other", "other-leaf"}},
}

// Every route of one account of a branch by everybody around it: what one may not
// see is not there, whether it lies above, beside, or in another tree; what one may
// see and not do is refused; nothing says a word of the rest, or changes it.
func TestAttack_T01_Branches(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		cli := backoffice.CommandLine()
		names := map[string]string{}
		var csv strings.Builder
		csv.WriteString("id,name,parent_id\n")
		for _, line := range []string{"top,", "mid,top", "leaf,mid", "sibling,top", "other,", "other-leaf,other"} {
			id, parent, _ := strings.Cut(line, ",")
			names[id] = "Canary-" + strings.ToUpper(id) + "-name"
			csv.WriteString(id + "," + names[id] + "," + parent + "\n")
		}
		w.importAccounts(csv.String())
		for _, id := range []string{"top", "mid", "sibling", "other"} {
			if err := w.store.SetReseller(ctx, cli, id, true); err != nil {
				t.Fatal(err)
			}
		}
		targets := []string{"top", "mid", "leaf", "sibling", "other", "other-leaf"}
		members := map[string]string{}
		for _, id := range targets {
			members[id] = w.member(id, "canary-member@"+id+".example", backoffice.RoleReadOnly).ID
		}
		for i, a := range branchCast {
			email := "cast" + string(rune('a'+i)) + "@" + a.home + ".example"
			u := w.member(a.home, email, a.role)
			cookie, _ := w.userSession(u, a.home)
			if a.grant && a.home != "leaf" {
				if err := w.store.GiveAccess(ctx, cli, a.home, u.ID, backoffice.NewGrant{}); err != nil {
					t.Fatal(err)
				}
			}
			role, err := w.store.Role(ctx, a.role)
			if err != nil {
				t.Fatal(err)
			}
			cookies := map[string]string{"steward-user": cookie}
			sees := func(id string) bool {
				for _, s := range a.sees {
					if s == id {
						return true
					}
				}
				return false
			}
			tellsNothing := func(got answer, what string) {
				for _, id := range targets {
					if !sees(id) && id != a.home && (strings.Contains(got.Body, names[id]) || strings.Contains(got.Body, "canary-member@"+id+".example")) {
						t.Errorf("%s: tells of %s", what, id)
					}
				}
			}
			for _, path := range []string{"/portal", "/portal/accounts?open=all", "/portal/accounts?view=graph&open=all", "/portal/accounts.svg?open=all", "/portal/accounts?q=canary", "/portal/accounts?sel=top", "/portal/accounts?sel=other-leaf",
				"/portal/accounts/new", "/portal/accounts/new?choose=parent", "/portal/accounts/new?parent=top", "/portal/users", "/portal/users/new", "/portal/reach"} {
				tellsNothing(w.raw(raw{method: "GET", path: path, cookies: cookies}), path+" by "+a.name)
			}
			for _, target := range targets {
				var before map[string][]string
				if !sees(target) {
					before = storetest.Dump(t, w.store)
				}
				for _, e := range w.probe.Table() {
					if !e.Portal || !strings.HasPrefix(e.Path, "/portal/accounts/:") || e.Method != http.MethodGet && sees(target) {
						continue
					}
					parts := strings.Split(e.Path, "/")
					parts[3] = target
					if len(parts) > 5 && strings.HasPrefix(parts[5], ":") {
						parts[5] = members[target]
					}
					path := strings.Join(parts, "/")
					what := e.Method + " " + path + " by " + a.name
					got := w.raw(raw{method: e.Method, path: path, cookies: cookies, body: url.Values{"name": {"Taken"}, "parent": {a.home}, "on": {"true"}, "email": {"x@y.example"}, "roles": {"read-only"}, "access": {"off"}}.Encode()})
					tellsNothing(got, what)
					switch {
					case !role.Permissions.Has(e.Here):
						if got.Status != http.StatusForbidden {
							t.Errorf("%s: %d, want 403: the role does not hold %s", what, got.Status, e.Here)
						}
					case !sees(target) && target == a.home: // it manages none, and who comes into it is theirs to know
					case !sees(target):
						if got.Status != http.StatusNotFound {
							t.Errorf("%s: %d, want 404", what, got.Status)
						}
					case got.Status != http.StatusOK && got.Status != http.StatusForbidden && got.Status != http.StatusNotFound:
						t.Errorf("%s: %d", what, got.Status)
					case e.Path == "/portal/accounts/:id" && got.Status != http.StatusOK:
						t.Errorf("%s: %d, want 200", what, got.Status)
					}
				}
				if before != nil {
					w.unchanged(before, a.name+", who does not see "+target+",")
				}
			}
		}
	})
}

// Two customers alike: whatever comes and goes at the one, a thousand users, a
// hundred sub-accounts, visits, changes no byte of what the other reads.
func TestAttack_T05_CustomersApart(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		cmd := backoffice.CommandLine()
		w.as = &cmd
		for _, id := range []string{"nord", "sued"} {
			if err := w.store.SetReseller(ctx, cmd, id, true); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"Marine", "Pharma"} {
				if _, err := w.store.CreateSubAccount(ctx, cmd, id, name); err != nil {
					t.Fatal(err)
				}
			}
		}
		uma, _, err := w.store.UserCredentials(ctx, "uma@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		hana, _, err := w.store.UserCredentials(ctx, "hana@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		cookie, _ := w.userSession(uma, "nord")
		read := func() map[string]string {
			all := map[string]string{}
			for _, path := range []string{"/portal", "/portal/switch", "/portal/users", "/portal/users?q=a", "/portal/users/" + hana.ID, "/portal/users/" + hana.ID + "/why",
				"/portal/accounts", "/portal/accounts?open=all", "/portal/accounts?q=ma", "/portal/accounts?view=graph&open=all", "/portal/accounts.svg?open=all",
				"/portal/accounts/nord", "/portal/reach", "/profile"} {
				all[path] = w.raw(raw{method: "GET", path: path, cookies: map[string]string{"steward-user": cookie}}).same()
				if !strings.HasPrefix(all[path], "200") {
					t.Errorf("%s: %.60s", path, all[path])
				}
			}
			return all
		}
		before := read()
		var accounts, users strings.Builder
		accounts.WriteString("id,name,parent_id\n")
		users.WriteString("email,name,account_id,roles\n")
		var visits []backoffice.Visit
		for i := range 1000 {
			if i < 100 {
				fmt.Fprintf(&accounts, "sued-%d,Marine %d,sued\n", i, i)
			}
			email := fmt.Sprintf("anna%d@sued.example", i)
			fmt.Fprintf(&users, "%s,Anna %d,sued-%d,admin\n", email, i, i%100)
			visits = append(visits, backoffice.Visit{AccountID: fmt.Sprintf("sued-%d", i%100), Email: email, At: w.clock.Now()})
		}
		w.imports(accounts.String(), users.String())
		if n, err := w.store.RecordVisits(ctx, cmd, visits); err != nil || n != 1000 {
			t.Fatalf("%d visits, %v", n, err)
		}
		for path, after := range read() {
			if after != before[path] {
				t.Errorf("%s: what happens at another customer changes it", path)
			}
		}
	})
}
