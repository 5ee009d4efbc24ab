package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

// The logo of an application is for who may know of it: users who have it, or read
// what their account has, and the browser that is on the way to it.
func TestLogoOfAnApplication(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		cmd := backoffice.CommandLine()
		v := w.applicationOf(backoffice.Application{Name: "Kontor <i>", Kind: backoffice.SinglePage, Active: true})
		plain := w.applicationOf(backoffice.Application{Name: "Plain", Kind: backoffice.SinglePage, Active: true, AutoAssigned: true})
		foreign := w.applicationOf(backoffice.Application{Name: "Foreign", Kind: backoffice.SinglePage, Active: true})
		for app, account := range map[string]string{v.app.ID: "nord", foreign.app.ID: "sued"} {
			if err := w.store.SaveApplicationLogo(ctx, cmd, app, []byte("picture of "+app), "tag"); err != nil {
				t.Fatal(err)
			}
			if _, err := w.store.AssignApplications(ctx, cmd, account, []string{app}, false); err != nil {
				t.Fatal(err)
			}
		}
		safe := func(what string, p *shown, cache string) {
			t.Helper()
			if p.Status != http.StatusOK || p.Body != "picture of "+v.app.ID {
				t.Fatalf("%s: %d %q", what, p.Status, p.Body)
			}
			for name, want := range map[string]string{"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Cache-Control": cache,
				"Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; sandbox"} {
				if got := p.Header.Get(name); got != want {
					t.Errorf("%s, %s: %q", what, name, got)
				}
			}
		}
		const kept = "private, max-age=31536000, immutable"
		hidden := func(what string, b *browser, id string) {
			t.Helper()
			if p := b.get("/portal/applications/" + id + "/logo?v=tag"); p.Status != http.StatusNotFound {
				t.Errorf("%s: %d %q", what, p.Status, p.Body)
			}
		}

		// A user who reads nothing of their account sees the logo of what they have.
		uma := w.person("uma@nord.example")
		if _, err := w.store.CreateRole(ctx, cmd, backoffice.Role{Key: "none", Name: "None", Level: 9, Permissions: backoffice.Permissions{"billing.read"}}); err != nil {
			t.Fatal(err)
		}
		if err := w.store.ChangeMemberRoles(ctx, cmd, "nord", uma.ID, []string{"none"}); err != nil {
			t.Fatal(err)
		}
		b, admin := w.userIn(uma.Email, "nord"), w.userIn("hana@nord.example", "nord")
		hidden("not given to them", b, v.app.ID)
		if admin.get("/portal/applications").Find("img.app-logo").Length() != 1 {
			t.Error("the list of the account shows none")
		}
		safe("who reads", admin.get(admin.get("/portal/applications").Find("img.app-logo").AttrOr("src", "")), kept)
		if head := admin.get("/portal/applications/"+v.app.ID).Find(".head img").AttrOr("src", ""); !strings.HasSuffix(head, "/logo?v=tag") {
			t.Errorf("the head: %q", head)
		}
		hidden("of another account", admin, foreign.app.ID)
		hidden("without a picture", admin, plain.app.ID)
		hidden("not there", admin, "nothing")
		if err := w.store.GiveApplication(ctx, cmd, "nord", v.app.ID, uma.ID); err != nil {
			t.Fatal(err)
		}
		home := b.get("/portal")
		if home.Find(".launch img").Length() != 1 || !strings.Contains(home.text(".launch .glyph"), "P") {
			t.Errorf("the tiles: %q", home.text(".launch"))
		}
		safe("who has it", b.get(home.Find(".launch img").AttrOr("src", "")), kept)
		if old := b.get("/portal/applications/" + v.app.ID + "/logo?v=0"); old.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("under another tag: %q", old.Header.Get("Cache-Control"))
		}

		// On the way to it nobody is signed in yet: the browser that began sees it.
		way := w.browser()
		first := way.get(v.begin())
		if !strings.Contains(first.text(".toward"), "to go on to Kontor <i>") {
			t.Errorf("the first page: %q", first.text("main"))
		}
		src := first.Find(".toward img").AttrOr("src", "")
		safe("on the way", way.get(src), "no-store")
		if p := w.browser().get(src); p.Status != http.StatusNotFound {
			t.Errorf("in another browser: %d", p.Status)
		}
		if p := w.browser().get("/portal/applications/" + v.app.ID + "/logo"); strings.Contains(p.Body, "picture") {
			t.Error("to who is not signed in")
		}
		if p := w.browser().get(plain.begin()); p.Find(".toward img").Length() != 0 || p.text(".toward .glyph") != "P" {
			t.Errorf("without a picture: %q", p.text(".toward"))
		}
		if p := w.browser().get("/sign-in"); p.Find(".toward").Length() != 0 {
			t.Error("on the way to nowhere")
		}
		// And at the choice of the account.
		if err := w.store.GiveApplication(ctx, cmd, "nord", v.app.ID, w.person("hana@nord.example").ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.AssignApplications(ctx, cmd, "sued", []string{v.app.ID}, true); err != nil {
			t.Fatal(err)
		}
		w.clock.Add(time.Second)
		if p := admin.get(v.begin(with("prompt", "select_account"))); p.Find(".toward img").Length() != 1 || p.text(".toward h1") != "Choose an account" {
			t.Errorf("the choice: %s %q", p.URL, p.text("main"))
		}
	})
}
