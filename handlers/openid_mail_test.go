package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

// Who begins at an application and is mailed a link comes out at the application: in
// the same browser signed in to it, in another one by one more click, at the address
// where it begins.
func TestMailedLinkLeadsToTheApplication(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		w.openSignUp(true)
		v := w.applicationOf(backoffice.Application{Name: "Ledger", Kind: backoffice.WebApplication, Active: true, AutoAssigned: true, URL: "https://ledger.example/start"})
		bare := w.applicationOf(backoffice.Application{Name: "Bare", Kind: backoffice.WebApplication, Active: true, AutoAssigned: true})
		credentials := url.Values{"password": {"eleven green bottles"}, "again": {"eleven green bottles"}}
		ways := map[string]struct {
			ask  func(p *shown)
			open func(b *browser) *shown
		}{
			"a link": {func(p *shown) {
				p.submit("#address-form", url.Values{"email": {"uma@nord.example"}}).submit("#link-form", nil)
			},
				func(b *browser) *shown {
					return b.get("/sign-in/link?token="+w.mailed().Token).submit("#use-link-form", nil)
				}},
			"a reset": {func(p *shown) {
				p.submit("#address-form", url.Values{"email": {"uma@nord.example"}}).submit("#reset-form", nil)
			},
				func(b *browser) *shown {
					return b.get("/sign-in/reset?token="+w.mailed().Token).submit("#reset-password-form", credentials).follow("main a.btn").
						submit("#password-form", url.Values{"password": credentials["password"]})
				}},
			"a sign-up": {func(p *shown) {
				p = p.follow("a[href*='/sign-up']")
				p = p.submit("#sign-up-form", url.Values{"email": {"nora"}}) // refused once: the way is kept
				p.submit("#sign-up-form", newcomer("nora"+strings.ReplaceAll(w.clock.Now().Format("150405.000000"), ".", "")+"@lind.example"))
			},
				func(b *browser) *shown {
					return b.get("/sign-up/verify?token="+w.mailed().Token).submit("#verify-form", url.Values{"password": {userPassphrase}})
				}},
		}
		for what, way := range ways {
			w.clock.Add(16 * time.Minute)
			b := w.browser()
			way.ask(b.get(v.begin()))
			if p := way.open(b); !strings.HasPrefix(p.URL.String(), v.oauth.RedirectURL) || p.URL.Query().Get("code") == "" {
				t.Errorf("%s, in the same browser: %s %s", what, p.URL, p.text("main"))
			}
			w.clock.Add(16 * time.Minute)
			way.ask(w.browser().get(v.begin()))
			other := w.browser()
			p := way.open(other)
			if p.Status != http.StatusOK || p.text("h1") != "You are signed in" || p.Find("main a.btn").AttrOr("href", "") != "https://ledger.example/start" || !strings.Contains(p.text("main"), "Ledger") {
				t.Errorf("%s, in another browser: %d %s %s", what, p.Status, p.URL, p.text("main"))
			}
			if _, c := v.tokens(other.get(v.begin())); c.Subject == "" {
				t.Errorf("%s: not signed in there", what)
			}
			w.clock.Add(16 * time.Minute)
			way.ask(w.browser().get(bare.begin()))
			if p := way.open(w.browser()); p.URL.Path != "/portal" || !strings.Contains(p.text("main"), "Bare") {
				t.Errorf("%s, of an application without an address: %s %s", what, p.URL, p.text("main"))
			}
		}
		// What cannot go on leads back to where it began.
		entry := w.browser().still().get(v.begin()).Header.Get("Location")
		if p := w.browser().get(entry); p.Status != http.StatusNotFound || p.Find("main .actions a").First().AttrOr("href", "") != "https://ledger.example/start" {
			t.Errorf("in another browser: %d %s", p.Status, p.text("main"))
		}
		entry = w.browser().still().get(bare.begin()).Header.Get("Location")
		if p := w.browser().get(entry); p.Status != http.StatusNotFound || p.Find("main .actions a").Length() != 1 || p.Find("main .actions a").AttrOr("href", "") != "/portal" {
			t.Errorf("in another browser, without an address: %d %s", p.Status, p.text("main"))
		}
		// A way back that is no text is none.
		for _, path := range []string{"/sign-up", "/sign-in"} {
			p := w.browser().get(path + "?next=" + url.QueryEscape("/portal\x00"))
			if path == "/sign-up" {
				p = p.submit("#sign-up-form", newcomer("odd@lind.example"))
			} else {
				p = p.submit("#address-form", url.Values{"email": {"uma@nord.example"}}).submit("#link-form", nil)
			}
			if p.Status >= 500 {
				t.Errorf("%s: %d", path, p.Status)
			}
		}
	})
}
