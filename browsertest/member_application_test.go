package browsertest

import (
	"testing"

	"github.com/chromedp/chromedp"

	"steward/backoffice"
)

// "Create user" follows the account that is named: its roles, its applications, and
// what is ticked stays.
func TestCreateUserFollowsTheAccount(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(map[bool]string{true: "script", false: "no script"}[script], func(t *testing.T) {
			w := newSite(t, owner())
			cli := backoffice.CommandLine()
			*w.as = cli
			for id, name := range map[string]string{"nord": "Nord Textiles", "sued": "Süd"} {
				if _, err := w.store.CreateAccount(ctx, cli, backoffice.NewAccount{Name: name, ID: id}); err != nil {
					t.Fatal(err)
				}
			}
			furnishApplications(t, w, "nord")
			p := w.tab(t, tabOptions{width: 1280, height: 900, noScript: !script})
			p.open("/backoffice/users/new")
			name := func(id string) {
				p.fill("#account", id)
				if !script {
					p.run(chromedp.Click("button[name=show]", chromedp.ByQuery))
				}
			}
			p.fill("#email", "zoe@nord.example")
			name("nord")
			p.said("#roles", "Roles in Nord Textiles")
			p.said("#member-applications", "Night Agent")
			if n := eval[int](p, `document.querySelectorAll("#member-applications input:checked:disabled").length`); n != 4 {
				t.Errorf("%d are there for everybody", n)
			}
			p.click("#member-applications li:first-child input")
			name("nothing")
			p.said("#member-applications", "There is no account with this ID.")
			name("nord")
			p.said("#member-applications", "Night Agent")
			p.click("#member-applications li:first-child input")
			if script {
				p.accessible("create user")
			}
			p.run(chromedp.Focus("#email", chromedp.ByQuery), chromedp.KeyEvent("\r"))
			p.said("#applications", "Night Agent")
			p.said("h1", "zoe@nord.example")
		})
	}
}
