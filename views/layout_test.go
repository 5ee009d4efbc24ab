package views

import (
	"context"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"steward/views/ui"
)

func document(t *testing.T, c templ.Component) *goquery.Document {
	t.Helper()
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	d, err := goquery.NewDocumentFromReader(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var sample = Page{
	Title: "Accounts", Env: "Staging", EnvOther: true, Base: "/eu", Assets: "/eu/static/abc", Theme: "dark", Path: "/backoffice/accounts?q=x",
	Actor:  Actor{Name: "Ada Weber", Email: "ada.weber@kontor.example", Role: "Manager"},
	Nav:    Navigation("/eu", PartAccounts, NavCounts{Accounts: "1\u00a0200"}),
	Toasts: []ui.ToastProps{{Text: "Nord Textiles is in the bin.", Undo: "/eu/backoffice/bin/1/restoration"}},
}

// wellFormed checks what has to hold for every page: see the look's principle 7.
func wellFormed(t *testing.T, d *goquery.Document) {
	t.Helper()
	if n := d.Find("[style], style, script:not([src])").Length(); n > 0 {
		t.Errorf("%d inline styles or scripts", n)
	}
	ids := map[string]int{}
	d.Find("*").Each(func(_ int, s *goquery.Selection) {
		for _, a := range s.Nodes[0].Attr {
			if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") || strings.HasPrefix(a.Val, "js:") {
				t.Errorf("%s=%q runs something inline", a.Key, a.Val)
			}
			if a.Key == "id" {
				ids[a.Val]++
			}
		}
	})
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %q stands %d times", id, n)
		}
	}
	for _, ref := range []string{"for", "aria-labelledby", "aria-describedby", "aria-controls", "popovertarget", "commandfor", "form"} {
		d.Find("[" + ref + "]").Each(func(_ int, s *goquery.Selection) {
			for _, id := range strings.Fields(s.AttrOr(ref, "")) {
				if ids[id] == 0 && !(ref == "popovertarget" && id == "save-view") {
					t.Errorf("%s names %q, which is not there", ref, id)
				}
			}
		})
	}
	d.Find("form").Each(func(_ int, s *goquery.Selection) {
		if s.AttrOr("action", "") == "" || s.AttrOr("method", "") == "" {
			html, _ := goquery.OuterHtml(s)
			t.Errorf("a form without action or method: %.120s", html)
		}
	})
	d.Find("button:not([aria-label]), a[href]:not([aria-label])").Each(func(_ int, s *goquery.Selection) {
		if strings.TrimSpace(s.Text()) == "" {
			html, _ := goquery.OuterHtml(s)
			t.Errorf("nothing to read on %.120s", html)
		}
	})
}

func TestGalleryIsWellFormed(t *testing.T) { wellFormed(t, document(t, Gallery(sample))) }

func TestGateIsWellFormed(t *testing.T) {
	d := document(t, ErrorPage(sample, "Not here", "Nothing is at this address.", []Fix{{Title: "Look in the bin", Text: "…"}},
		ui.ButtonProps{Label: "Back", Href: "/eu/backoffice/accounts"}, "404"))
	wellFormed(t, d)
	if d.Find("main h1").Text() != "Not here" || d.Find("ol.fixes li").Length() != 1 {
		t.Error("title or ways out are missing")
	}
}

func TestLayoutLivesUnderItsBasePath(t *testing.T) {
	d := document(t, Layout(sample))
	d.Find("a[href], form[action], link[href], script[src], [hx-get]").Each(func(_ int, s *goquery.Selection) {
		for _, name := range []string{"href", "action", "src", "hx-get"} {
			if v, ok := s.Attr(name); ok && !strings.HasPrefix(v, "/eu/") && !strings.HasPrefix(v, "#") {
				t.Errorf("%s=%q leaves the base path", name, v)
			}
		}
	})
}

func TestLayoutTellsWhereOneIs(t *testing.T) {
	d := document(t, Layout(sample))
	if got := d.Find("title").Text(); got != "Accounts · Staging · Steward" {
		t.Errorf("title %q", got)
	}
	if d.Find("body[data-env=other] .env").Text() != "Staging" || d.Find("html[data-theme=dark]").Length() != 1 {
		t.Error("environment or theme is not in the page")
	}
	if d.Find("nav.side [aria-current=page]").Length() != 1 || !strings.HasPrefix(strings.TrimSpace(d.Find("nav.side [aria-current=page]").Text()), "Accounts") {
		t.Error("the current part is not marked")
	}
	if d.Find("#toasts [data-toast] form[method=post]").AttrOr("action", "") != "/eu/backoffice/bin/1/restoration" {
		t.Error("the toast has no way back")
	}
	if d.Find("form[action='/eu/backoffice/sign-out'][method=post]").Length() != 1 {
		t.Error("signing out is not a form that posts")
	}
	if document(t, Layout(Page{Theme: `x" onload="`})).Find("html[data-theme], html[onload]").Length() != 0 {
		t.Error("a foreign theme got into the page")
	}
}

func TestSettingsShowAnOwnerMore(t *testing.T) {
	if n := len(SettingsTabs("", SettingsPolicy, false)); n != 3 {
		t.Errorf("%d tabs for who is not an owner", n)
	}
	if n := len(SettingsTabs("", SettingsPolicy, true)); n != 6 {
		t.Errorf("%d tabs for an owner", n)
	}
}
