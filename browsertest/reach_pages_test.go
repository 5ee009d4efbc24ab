package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"steward/backoffice"
)

// The pages by which a customer gives, revokes and explains access, with a long
// path and somebody whom several ways lead in.
func TestEveryPageOfReach(t *testing.T) {
	w := newSite(t, owner())
	ids := furnishUsers(t, w)
	cli := backoffice.CommandLine()
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fail(w.store.SetReseller(ctx, cli, "nord", true))
	parent := "nord"
	var deep []string
	for _, name := range []string{"Nord Resale Partners", "株式会社さくら Harbor Security", "Maschinenbau und Anlagentechnik Vertriebsgesellschaft"} {
		a, err := w.store.CreateSubAccount(ctx, cli, parent, name)
		fail(err)
		fail(w.store.SetReseller(ctx, cli, a.ID, true))
		deep, parent = append(deep, a.ID), a.ID
	}
	hana := ids["hana.fischer"]
	fail(w.store.GiveAccess(ctx, cli, "nord", hana, backoffice.NewGrant{Reason: "Runs the support of the whole group"}))
	_, err := w.store.AddUser(ctx, cli, deep[2], backoffice.NewMember{Email: "hana.fischer@nord-textil.example", Roles: []string{backoffice.RoleReadOnly}})
	fail(err)
	_, err = w.store.AddUser(ctx, cli, deep[2], backoffice.NewMember{Email: "uma.okafor@nord-textil.example", Roles: []string{backoffice.RoleAdmin}})
	fail(err)
	_, err = w.store.AddUser(ctx, cli, deep[1], backoffice.NewMember{Email: "uma.okafor@nord-textil.example", Roles: []string{backoffice.RoleReadOnly}})
	fail(err)
	_, err = w.store.RecordVisits(ctx, cli, []backoffice.Visit{{AccountID: deep[1], Email: "uma.okafor@nord-textil.example", At: w.store.Now()}})
	fail(err)
	fail(w.store.GiveAccess(ctx, cli, deep[1], ids["uma.okafor"], backoffice.NewGrant{}))
	// What is over: revoked, and taken away with its membership.
	fail(w.store.GiveAccess(ctx, cli, "nord", ids["uma.okafor"], backoffice.NewGrant{Reason: "Stands in for the manager of the branch, who is away until the spring"}))
	fail(w.store.RevokeAccess(ctx, cli, "nord", ids["uma.okafor"]))
	_, err = w.store.AddUser(ctx, cli, deep[0], backoffice.NewMember{Email: "uma.okafor@nord-textil.example", Roles: []string{backoffice.RoleReadOnly}})
	fail(err)
	fail(w.store.GiveAccess(ctx, cli, deep[0], ids["uma.okafor"], backoffice.NewGrant{}))
	_, err = w.store.RemoveMember(ctx, *owner(), deep[0], ids["uma.okafor"])
	fail(err)
	below := "/portal/accounts/" + deep[2]
	pages := []struct{ name, path string }{
		{"user", "/portal/users/" + hana},
		{"give", "/portal/users/" + ids["uma.okafor"] + "/access"},
		{"change", "/portal/users/" + hana + "/access"},
		{"revoke", "/portal/users/" + hana + "/access/revocation"},
		{"outdated", "/portal/users/" + hana + "/access/revocation"},
		{"remove", "/portal/users/" + ids["uma.okafor"] + "/removal"},
		{"user-below", below + "/users/" + ids["uma.okafor"]},
		{"user-below-granting", "/portal/accounts/" + deep[1] + "/users/" + ids["uma.okafor"]},
		{"account-below", "/portal/accounts/" + deep[1]},
		{"why", below + "/users/" + hana + "/why"},
		{"why-permission", below + "/users/" + ids["uma.okafor"] + "/why?permission=" + string(backoffice.WriteUsers)},
		{"reach", below + "/reach"},
		{"default", "/portal/access-default"},
		{"staff-why", "/backoffice/accounts/" + deep[2] + "/users/" + hana + "/why"},
		{"staff-move", "/backoffice/accounts/" + deep[1] + "/parent?parent=west"},
		{"staff-disable", "/backoffice/accounts/nord/sub-account-management"},
		{"staff-delete", "/backoffice/accounts/" + deep[1] + "/deletion"},
	}
	pictures := os.Getenv("STEWARD_TEST_PICTURES")
	for _, dark := range []bool{false, true} {
		scheme := map[bool]string{false: "light", true: "dark"}[dark]
		for _, width := range []int64{380, 1280, 1920} {
			t.Run(fmt.Sprintf("%d-%s", width, scheme), func(t *testing.T) {
				p := w.tab(t, tabOptions{width: width, height: 860, dark: dark})
				p.userSignIn("hana.fischer@nord-textil.example", "nord")
				for _, page := range pages {
					p.open(page.path)
					if page.name == "outdated" { // in another tab an account is added below
						_, err := w.store.CreateSubAccount(ctx, cli, deep[0], "Added meanwhile")
						fail(err)
						p.click("#revocation-form button[type=submit]")
						p.wait(`document.querySelector("#outdated, .toast-line") !== null`)
						if !eval[bool](p, `document.querySelector("#outdated") !== null`) {
							t.Error("a confirmation that came too late was done")
						}
					}
					if !strings.HasSuffix(eval[string](p, `location.pathname+location.search`), page.path) || eval[bool](p, `document.querySelector(".gate") !== null`) {
						t.Fatalf("%s: not there", page.name)
					}
					if eval[bool](p, `document.querySelector("main details") !== null`) {
						eval[bool](p, `document.querySelectorAll("main details").forEach(d => d.open = true), true`)
					}
					if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
						t.Errorf("%s at %d: %d pixels wider than the window", page.name, width, over)
					}
					if width != 1920 {
						p.accessible(fmt.Sprintf("%s at %d, %s", page.name, width, scheme))
					}
					if pictures != "" {
						p.picture(filepath.Join(pictures, fmt.Sprintf("reach-%s.%d.%s.png", page.name, width, scheme)))
					}
				}
			})
		}
	}
}
