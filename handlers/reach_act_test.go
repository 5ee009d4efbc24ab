package handlers_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

// Two tabs: a confirmation whose preview is not true any more does nothing, shows
// what is true now with everything that was typed, and is done from there.
func TestConfirmationsAreBoundToTheirPreviews(t *testing.T) {
	type tab struct {
		name, path, form string
		set              url.Values
		kept             string // selector of a value that was typed
		done             func(w *site, marine, marine1 string) bool
	}
	day := func(w *site) string { return w.clock.Now().AddDate(0, 0, 3).Format(time.DateOnly) }
	given := func(email, account string) func(w *site, marine, marine1 string) bool {
		return func(w *site, marine, marine1 string) bool {
			if account == "marine" {
				account = marine
			}
			a, err := w.store.Account(ctx, account)
			if err != nil {
				w.t.Fatal(err)
			}
			_, ok, err := w.store.GrantOf(ctx, a.Key, w.person(email).Key)
			return err == nil && ok
		}
	}
	not := func(is func(w *site, marine, marine1 string) bool) func(w *site, marine, marine1 string) bool {
		return func(w *site, marine, marine1 string) bool { return !is(w, marine, marine1) }
	}
	member := func(email, account string) func(w *site, marine, marine1 string) bool {
		return func(w *site, marine, marine1 string) bool {
			a, err := w.store.Account(ctx, map[string]string{"marine": marine, "nord": "nord"}[account])
			if err != nil {
				w.t.Fatal(err)
			}
			_, _, err = w.store.Member(ctx, a, w.person(email).ID)
			return err == nil
		}
	}
	account := func(id string, is func(a backoffice.Account, marine string) bool) func(w *site, marine, marine1 string) bool {
		return func(w *site, marine, marine1 string) bool {
			a, err := w.store.Account(ctx, map[string]string{"marine": marine, "marine1": marine1, "nord": "nord"}[id])
			if errors.Is(err, backoffice.ErrNotFound) {
				a = backoffice.Account{}
			} else if err != nil {
				w.t.Fatal(err)
			}
			return is(a, marine)
		}
	}
	gone := func(a backoffice.Account, _ string) bool { return a.ID == "" }
	admin := func(w *site, marine, marine1 string) bool {
		a, _ := w.store.Account(ctx, "nord")
		_, held, err := w.store.Member(ctx, a, w.person("uma@nord.example").ID)
		return err == nil && len(held) == 1 && held[0] == backoffice.RoleAdmin
	}
	tabs := func(staff bool, id func(email string) string, marine, marine1, day string) []tab {
		uma, mia := id("uma@nord.example"), id("mia@marine.example")
		give := tab{form: "#access-form", set: url.Values{"reason": {"Typed before"}, "ends_at": {day}}, kept: "#reason[value='Typed before'], #ends_at[value='" + day + "']", done: given("uma@nord.example", "nord")}
		revoke := tab{form: "#revocation-form", done: not(given("mia@marine.example", "marine"))}
		always := tab{form: "#default-form", set: url.Values{"access": {"always"}}, kept: "#access-always[checked]", done: account("nord", func(a backoffice.Account, _ string) bool { return a.SubAccess == backoffice.AccessAlways })}
		roles := tab{set: url.Values{"roles": {"admin"}}, kept: "input[value=admin][checked]", done: admin}
		under := account("marine1", func(a backoffice.Account, _ string) bool { return a.ParentID == "nord" })
		off := account("marine", func(a backoffice.Account, _ string) bool { return !a.IsReseller })
		with := func(t tab, name, path, form string) tab {
			t.name, t.path = name, path
			if form != "" {
				t.form = form
			}
			return t
		}
		if staff {
			roles.set = url.Values{"role": {"admin"}}
			return []tab{
				with(give, "staff give", "/backoffice/accounts/nord/users/"+uma+"/access", ""),
				with(revoke, "staff revoke", "/backoffice/accounts/"+marine+"/users/"+mia+"/access/revocation", ""),
				with(always, "staff default", "/backoffice/accounts/nord/access-default", ""),
				with(roles, "staff roles", "/backoffice/users/"+uma+"/memberships/nord/roles", "form[action$='/roles']"),
				{name: "staff ability", path: "/backoffice/accounts/" + marine + "/sub-account-management", form: "#management-form", done: off},
				{name: "staff move", path: "/backoffice/accounts/" + marine1 + "/parent?parent=nord", form: "#parent-form", done: under},
				{name: "staff remove", path: "/backoffice/users/" + mia + "/memberships/" + marine + "/removal", form: "#removal-form", done: not(member("mia@marine.example", "marine"))},
				{name: "staff delete", path: "/backoffice/accounts/" + marine + "/deletion", form: "#deletion", set: url.Values{"name": {"Marine"}, "move_up": {"true"}}, kept: "#confirm-name[value=Marine]", done: account("marine", gone)},
			}
		}
		return []tab{
			with(give, "give", "/portal/users/"+uma+"/access", ""),
			with(revoke, "revoke", "/portal/accounts/"+marine+"/users/"+mia+"/access/revocation", ""),
			with(always, "default", "/portal/access-default", ""),
			with(roles, "roles", "/portal/users/"+uma, "#portal-user-roles form"),
			{name: "ability", path: "/portal/accounts/" + marine + "/management", form: "#management-form", done: off},
			{name: "move", path: "/portal/accounts/" + marine1 + "/parent?to=nord", form: "main form[method=post]", done: under},
			{name: "remove a user", path: "/portal/accounts/" + marine + "/users/" + mia + "/removal", form: "#removal-form", done: not(member("mia@marine.example", "marine"))},
			{name: "remove", path: "/portal/accounts/" + marine1 + "/removal", form: "#removal-form", done: account("marine1", gone)},
		}
	}
	for i := range 8 {
		for _, staff := range []bool{true, false} {
			t.Run(fmt.Sprint(i, staff), func(t *testing.T) {
				eachPeople(t, func(t *testing.T, w *site) {
					cli := backoffice.CommandLine()
					must := func(err error) {
						t.Helper()
						if err != nil {
							t.Fatal(err)
						}
					}
					marine, marine1 := w.group()
					must(w.store.SetReseller(ctx, cli, marine, true))
					mia := w.member(marine, "mia@marine.example", backoffice.RoleReadOnly)
					w.member(marine1, "tom@marine.example", backoffice.RoleReadOnly)
					w.userIn("mia@marine.example", marine)
					w.userIn("tom@marine.example", marine1)
					w.userIn("uma@nord.example", "nord")
					hana := w.userIn("hana@nord.example", "nord")
					must(w.store.GiveAccess(ctx, cli, "nord", w.person("hana@nord.example").ID, backoffice.NewGrant{}))
					must(w.store.GiveAccess(ctx, cli, marine, mia.ID, backoffice.NewGrant{}))
					b := hana
					if staff {
						b = w.browser()
						b.signIn("owner@vendor.example", passphrase)
					}
					x := tabs(staff, func(email string) string { return w.person(email).ID }, marine, marine1, day(w))[i]
					shown := b.get(x.path)
					if shown.Status != http.StatusOK || shown.Find("#outdated").Length() != 0 {
						t.Fatalf("%s: %d %s", x.name, shown.Status, shown.text("main"))
					}
					// The other tab: Tom of Marine 1 comes with another role there, and Uma with
					// another one above; an account more lies below both.
					a1, err := w.store.Account(ctx, marine1)
					must(err)
					if x.name == "roles" || x.name == "staff roles" {
						must(w.store.ChangeMemberRoles(ctx, cli, "nord", w.person("uma@nord.example").ID, []string{backoffice.RoleAdmin, backoffice.RoleReadOnly}))
					} else if strings.HasSuffix(x.name, "remove") && !staff {
						w.member(a1.ID, "zoe@marine.example", backoffice.RoleReadOnly)
					} else if strings.HasSuffix(x.name, "move") {
						must(w.store.RevokeAccess(ctx, cli, marine, mia.ID))
					} else {
						w.below(marine1, "Made meanwhile")
					}
					late := shown.submit(x.form, x.set)
					if late.Status != http.StatusConflict || !strings.Contains(late.text("main"), "This changed since you looked") || x.done(w, marine, marine1) {
						t.Fatalf("%s, too late: %d %s", x.name, late.Status, late.text("main"))
					}
					if x.kept != "" && late.Find(x.kept).Length() == 0 {
						t.Errorf("%s: what was typed is not kept: %s", x.name, late.text("main"))
					}
					again := url.Values{}
					if x.set.Has("move_up") {
						again.Set("move_up", "true")
					}
					if p := late.submit(x.form, again); p.Status != http.StatusOK || !x.done(w, marine, marine1) {
						t.Errorf("%s, once more: %d %s", x.name, p.Status, p.text("main"))
					}
				})
			})
		}
	}
}

// Staff read whose access a deletion takes before they confirm it, and that of
// moving its sub-accounts up.
func TestDeletionSaysWhoLosesAccess(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		cli := backoffice.CommandLine()
		marine, marine1 := w.group()
		if err := w.store.SetReseller(ctx, cli, marine, true); err != nil {
			t.Fatal(err)
		}
		mia := w.member(marine, "mia@marine.example", backoffice.RoleReadOnly)
		w.userIn("mia@marine.example", marine)
		if err := w.store.GiveAccess(ctx, cli, marine, mia.ID, backoffice.NewGrant{}); err != nil {
			t.Fatal(err)
		}
		b := w.browser()
		b.signIn("owner@vendor.example", passphrase)
		p := b.get("/backoffice/accounts/" + marine + "/deletion")
		if got := p.text("#deletion-change .strong"); got != "mia@marine.example loses access to 2 accounts." {
			t.Errorf("before: %q", got)
		}
		dialog := b.get("/backoffice/accounts/"+marine+"/deletion", "dialog")
		if dialog.Find("dialog #deletion-change").Length() != 1 || dialog.Find("dialog input[name=seen]").Length() != 1 {
			t.Errorf("the dialog: %s", dialog.text("dialog"))
		}
		if !w.enters("mia@marine.example", marine1) {
			t.Fatal("the preview was done")
		}
		p = p.submit("#deletion", url.Values{"name": {"Marine"}, "move_up": {"true"}})
		if p.Status != http.StatusOK || w.enters("mia@marine.example", marine1) {
			t.Errorf("deleted: %d %s", p.Status, p.text("main"))
		}
	})
}

// Staff see before an account goes what becomes of the policies in force of the
// sub-accounts that move up.
func TestDeletionShowsPoliciesOfWhatMovesUp(t *testing.T) {
	eachReseller(t, func(t *testing.T, w *site) {
		marine := w.below("nord", "Nord Marine")
		w.below(marine, "Nord Marine Docks")
		b := w.signedIn(w.staff("mia@vendor.example", backoffice.Manager))
		path := "/backoffice/accounts/" + marine + "/deletion"
		if text := b.get(path).text("main"); !strings.Contains(text, "The security policies in force of what moves up stay as they are.") {
			t.Errorf("without a policy: %s", text)
		}
		if err := w.store.SavePolicy(ctx, backoffice.CommandLine(), marine, backoffice.PolicyRules{History: backoffice.Some(5)}, 0); err != nil {
			t.Fatal(err)
		}
		text := b.get(path).text("main")
		for _, want := range []string{"Security policies in force that change", "Nord Marine Docks and what lies below it", "(looser)"} {
			if !strings.Contains(text, want) {
				t.Errorf("the page lacks %q: %s", want, text)
			}
		}
	})
}
