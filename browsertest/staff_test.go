package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"steward/auth"
	"steward/backoffice"
)

const passphrase = "correct-horse-staple"

// staffed adds an owner and two others, who all have the passphrase.
func (w *site) staffed() {
	w.t.Helper()
	hash, err := auth.NewHasher(runtime.NumCPU()).Hash(ctx, passphrase)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range []backoffice.NewStaff{
		{Email: "ada.weber@kontor.example", Name: "Ada Weber", Role: backoffice.Owner},
		{Email: "max@kontor.example", Role: backoffice.Manager},
		{Email: "lior.cohen@kontor.example", Name: "ליאור כהן", Role: backoffice.Viewer},
	} {
		if _, err := w.store.AddStaff(ctx, backoffice.CommandLine(), n, hash); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (p *tab) signIn(email, password string) {
	p.t.Helper()
	p.open("/backoffice/sign-in")
	p.fill("#email", email)
	p.fill("#password", password)
	p.click("#sign-in-form button")
}

// From the set-up link to a token that is shown once, as the first owner goes.
func TestSetUpJourney(t *testing.T) {
	w := newSite(t, nil)
	token, hash := auth.SetupToken.New()
	if err := w.store.MakeSetupLink(ctx, hash); err != nil {
		t.Fatal(err)
	}
	p := w.tab(t, tabOptions{})
	p.open("/backoffice/setup?token=" + token)
	if got := eval[string](p, "location.pathname + location.search"); got != "/backoffice/setup" {
		t.Errorf("the token stays in the address: %s", got)
	}
	p.fill("#name", "Ada Weber")
	p.fill("#email", "ada.weber@kontor.example")
	p.fill("#password", "short")
	p.fill("#again", "short")
	p.click("#setup-form button")
	p.wait(`document.querySelector("#password-problem")`)
	p.accessible("set-up, refused")
	p.fill("#password", passphrase)
	p.fill("#again", passphrase)
	p.click("#setup-form button")
	p.wait(`location.pathname === "/backoffice/accounts"`)

	p.open("/backoffice/settings/staff/new")
	p.fill("#email", "max@kontor.example")
	p.click("#new-staff-form input[value=manager]")
	p.click("#new-staff-form button[type=submit]")
	p.wait(`document.querySelector("#staff-table")?.textContent.includes("max@kontor.example")`)
	p.accessible("a set-up link of staff")
	link := eval[string](p, `document.querySelector("#staff-link code").textContent`)
	max := w.tab(t, tabOptions{})
	max.run(chromedp.Navigate(link))
	max.wait(`document.querySelector("#staff-setup-form")`)
	max.accessible("choose a password")
	max.fill("#password", passphrase)
	max.fill("#again", passphrase)
	max.click("#staff-setup-form button[type=submit]")
	max.wait(`location.pathname === "/backoffice/accounts"`)
	max.open("/backoffice/staff-setup?token=x")
	max.accessible("a dead set-up link of staff")

	p.open("/backoffice/settings/tokens")
	p.fill("#token-name", "Planner")
	p.click("#token-form button[type=submit]")
	p.wait(`document.querySelector("#new-token code")?.textContent.startsWith("steward_")`)
	p.accessible("a new token")
	p.click("#token-table button")
	p.wait(`document.querySelector("dialog[open]")`)
	p.accessible("revoke a token")
	p.click("dialog[open] footer button[type=submit]")
	p.wait(`document.querySelector("#token-table").textContent.includes("None.")`)

	p.open("/backoffice/sessions")
	p.click("form[action='/backoffice/sessions/end'] button")
	p.wait(`location.pathname === "/backoffice/sign-in"`)
}

// The way in and out needs no script.
func TestSignInWithoutScript(t *testing.T) {
	w := newSite(t, nil)
	w.staffed()
	p := w.tab(t, tabOptions{noScript: true})
	p.open("/backoffice/password")
	p.fill("#email", "ada.weber@kontor.example")
	p.fill("#password", passphrase)
	p.click("#sign-in-form button")
	p.there("#password-form")
	p.fill("#current", passphrase)
	p.fill("#password", "seven-brass-kettles")
	p.fill("#again", "seven-brass-kettles")
	p.click("#password-form button[type=submit]")
	p.there("#session-table")
	p.click("#session-table tbody button")
	p.there("#sign-in-form")
}

// TestStaffPages looks at the pages of staff, and of who is not signed in, as
// TestEveryPage does at the others.
func TestStaffPages(t *testing.T) {
	pictures := os.Getenv("STEWARD_TEST_PICTURES")
	for _, dark := range []bool{false, true} {
		scheme := map[bool]string{false: "light", true: "dark"}[dark]
		for _, width := range []int64{380, 1280, 1920} {
			w := newSite(t, nil)
			p := w.tab(t, tabOptions{width: width, height: 860, dark: dark})
			look := func(name string) {
				t.Helper()
				if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
					t.Errorf("%s at %d: %d pixels wider than the window", name, width, over)
				}
				if width != 1920 {
					p.accessible(fmt.Sprintf("%s at %d, %s", name, width, scheme))
				}
				if pictures != "" {
					p.picture(filepath.Join(pictures, fmt.Sprintf("%s.%d.%s.png", name, width, scheme)))
				}
			}
			p.open("/backoffice/setup")
			look("setup-dead")
			token, hash := auth.SetupToken.New()
			if err := w.store.MakeSetupLink(ctx, hash); err != nil {
				t.Fatal(err)
			}
			p.open("/backoffice/setup?token=" + token)
			look("setup")
			w.staffed()
			p.signIn("ada.weber@kontor.example", "not the password")
			p.wait(`document.querySelector("#sign-in-refused")`)
			look("sign-in-refused")
			p.signIn("ada.weber@kontor.example", passphrase)
			p.wait(`location.pathname === "/backoffice/accounts"`)
			if _, err := w.store.MakeToken(ctx, backoffice.CommandLine(), "Planner, production", []string{"visits:write"}, []byte("hash")); err != nil {
				t.Fatal(err)
			}
			for _, page := range []string{"sessions", "password", "settings/staff", "settings/staff/new", "settings/tokens"} {
				p.open("/backoffice/" + page)
				look(strings.ReplaceAll(page, "/", "-"))
			}
			p.open("/backoffice/settings/staff/new")
			p.fill("#email", "someone.new@kontor.example")
			p.click("#new-staff-form button[type=submit]")
			p.wait(`document.querySelector("#staff-link code")`)
			look("staff-link")
			p.open(strings.TrimPrefix(eval[string](p, `document.querySelector("#staff-link code").textContent`), w.url))
			look("staff-setup")
			p.open("/backoffice/settings/staff")
			p.click("#staff-table tr:last-child a")
			p.wait(`document.querySelector("#staff-role-form")`)
			look("staff-member")
			p.click("button[commandfor=remove-staff]")
			p.wait(`document.querySelector("dialog[open]")`)
			look("staff-remove")
		}
	}
}
