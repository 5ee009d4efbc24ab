package browsertest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
)

// furnishApplication serves an application under another host than Steward, so
// that everything between the two crosses origins, and returns it and the address
// that it is served under.
func furnishApplication(t *testing.T, w *site, a backoffice.Application) (backoffice.Application, string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		io.WriteString(rw, `<!doctype html><html lang="en"><title>Ledger</title><link rel="icon" href="data:,"><h1>Ledger</h1>`)
	}))
	t.Cleanup(server.Close)
	at := server.URL
	if !strings.Contains(w.url, "localhost") {
		at = strings.Replace(at, "127.0.0.1", "localhost", 1)
	}
	a.Kind, a.RedirectURIs, a.LogoutURIs = backoffice.SinglePage, []string{at + "/callback"}, []string{at + "/goodbye"}
	a, err := w.store.CreateApplication(ctx, backoffice.CommandLine(), a, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a, at
}

// askFor is the address that a sign-in to an application begins at.
func askFor(a backoffice.Application, more ...string) string {
	sum := sha256.Sum256([]byte("a verifier that nobody needs to know here, and long"))
	q := url.Values{"client_id": {a.ID}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	if len(a.RedirectURIs) > 0 {
		q.Set("redirect_uri", a.RedirectURIs[0])
	}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "/oauth/authorize?" + q.Encode()
}

// The forms of signing in end at the application, under another origin, which
// browsers hold against the content policy of the page with the form.
func TestSignInEndsAtTheApplication(t *testing.T) {
	for _, noScript := range []bool{false, true} {
		t.Run(map[bool]string{false: "with script", true: "without script"}[noScript], func(t *testing.T) {
			w := newNamedSite(t)
			furnishUsers(t, w)
			a, at := furnishApplication(t, w, backoffice.Application{Name: "Ledger", Active: true, AutoAssigned: true})
			p := w.tab(t, tabOptions{noScript: noScript})
			there := fmt.Sprintf(`location.href.startsWith("%s/callback?") && new URLSearchParams(location.search).get("code")`, at)
			p.open(askFor(a, "login_hint", "uma.okafor@nord-textil.example"))
			p.wait(`location.pathname === "/sign-in"`)
			p.click("#address-form button")
			p.wait(`document.querySelector("#password-form") !== null`)
			p.fill("#password", "wrong wrong wrong")
			p.click("#password-form button")
			p.wait(`document.querySelector("#sign-in-refused") !== null`)
			p.fill("#password", userPassphrase)
			p.click("#password-form button")
			p.wait(there)
			p.open(askFor(a))
			p.wait(there)
			// Signing out, asked on a page of ours.
			p.open("/oauth/logout?" + url.Values{"client_id": {a.ID}, "post_logout_redirect_uri": {at + "/goodbye"}}.Encode())
			p.click("#sign-out-form button")
			p.wait(fmt.Sprintf(`location.href === "%s/goodbye"`, at))
			// With the choice of an account, at the sign-in and in the session.
			p.open(askFor(a))
			p.fill("#email", "hana.fischer@nord-textil.example")
			p.click("#address-form button")
			p.wait(`document.querySelector("#password-form") !== null`)
			p.fill("#password", userPassphrase)
			p.click("#password-form button")
			p.wait(`location.pathname === "/sign-in/accounts"`)
			p.click("#choice-form button[value=sakura]")
			p.wait(there)
			w.clock.Add(time.Second)
			p.open(askFor(a, "prompt", "select_account"))
			p.wait(`location.pathname === "/sign-in/application"`)
			p.click("#choice-form button[value=nord]")
			p.wait(there)
			p.open("/portal")
			if got := p.text("main"); !strings.Contains(got, "株式会社さくら物流") {
				t.Errorf("the session did not stay: %.200s", got)
			}
		})
	}
}

// leftElsewhere is a link by mail for a user who began at an application in another
// browser.
func leftElsewhere(t *testing.T, w *site, a backoffice.Application) (token string) {
	t.Helper()
	request, hash := auth.OpenIDRequest.New()
	_, browser := auth.OpenIDBrowser.New()
	err := w.store.BeginOpenID(ctx, backoffice.OpenIDRequest{Application: a, RedirectURI: a.RedirectURIs[0], Scopes: []string{backoffice.ScopeOpenID}}, hash, browser)
	if err == nil {
		err = w.store.MailLink(ctx, store.LinkSignIn, "hana.fischer@nord-textil.example", views.EntryOf(request), func() (string, []byte) {
			var hash []byte
			token, hash = auth.SignInLinkToken.New()
			return token, hash
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestEveryPageOfEntering looks at the pages between an application and its user,
// those that say what is wrong among them, as the user and as staff see them.
func TestEveryPageOfEntering(t *testing.T) {
	pictures := os.Getenv("STEWARD_TEST_PICTURES")
	for _, dark := range []bool{false, true} {
		scheme := map[bool]string{false: "light", true: "dark"}[dark]
		for _, width := range []int64{380, 1280, 1920} {
			t.Run(fmt.Sprintf("%d-%s", width, scheme), func(t *testing.T) {
				w := newSite(t, owner())
				furnishUsers(t, w)
				a, at := furnishApplication(t, w, backoffice.Application{Name: "Ledger", Active: true, AutoAssigned: true, URL: "https://ledger.example/"})
				closed, _ := furnishApplication(t, w, backoffice.Application{Name: "Warehouse Management and Fulfilment Console", AutoAssigned: true})
				none, _ := furnishApplication(t, w, backoffice.Application{Name: "Atlas", Active: true})
				p := w.tab(t, tabOptions{width: width, height: 860, dark: dark})
				look := func(name, heading string, fixed bool) {
					t.Helper()
					if got := p.text("h1"); !strings.Contains(got, heading) {
						t.Errorf("%s: %s", name, got)
					}
					if fixed != eval[bool](p, `document.querySelector("main .actions a[href*='/backoffice/']") !== null`) {
						t.Errorf("%s: the link for staff", name)
					}
					if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
						t.Errorf("%s at %d: %d pixels wider than the window", name, width, over)
					}
					if width != 1920 {
						p.accessible(fmt.Sprintf("%s at %d, %s", name, width, scheme))
					}
					if pictures != "" {
						p.picture(filepath.Join(pictures, fmt.Sprintf("openid-%s.%d.%s.png", name, width, scheme)))
					}
				}
				p.open(askFor(backoffice.Application{}))
				look("no-application", "Which application?", true)
				p.open(askFor(backoffice.Application{ID: "nobody", RedirectURIs: a.RedirectURIs}))
				look("unknown", "no such application", true)
				p.open(askFor(closed))
				look("inactive", "is not open yet", true)
				p.open(askFor(a, "redirect_uri", "https://evil.example/callback?with=a&long=address&that=goes&on=and&on=and&on="+strings.Repeat("x", 100)))
				look("wrong-redirect", "returns to a wrong address", true)
				p.open("/sign-in/application?request=x")
				look("dead", "cannot go on", false)
				p.open(askFor(a))
				p.fill("#email", "hana.fischer@nord-textil.example")
				p.click("#address-form button")
				p.wait(`document.querySelector("#password-form") !== null`)
				p.fill("#password", userPassphrase)
				p.click("#password-form button")
				p.wait(`location.pathname === "/sign-in/accounts"`)
				look("choice-at-sign-in", "Choose an account", false)
				p.click("#choice-form button[value=nord]")
				p.wait(fmt.Sprintf(`location.href.startsWith("%s/callback?")`, at))
				w.clock.Add(time.Second)
				p.open(askFor(a, "prompt", "select_account"))
				look("choice", "Choose an account", false)
				p.open(askFor(a, "account_id", "west"))
				look("choice-after-hint", "Choose an account", false)
				p.open("/profile")
				p.wait(`document.querySelector("#application-sign-ins li") !== null`)
				look("profile", "Profile", false)
				hana, err := w.store.FindUser(ctx, "hana.fischer@nord-textil.example")
				if err != nil {
					t.Fatal(err)
				}
				p.open("/backoffice/users/" + hana.ID)
				p.wait(`document.querySelector("#application-sign-ins li") !== null`)
				look("user", "Hana", true)
				link := leftElsewhere(t, w, a)
				p.open("/sign-in/link?token=" + link)
				p.click("#use-link-form button")
				p.wait(`document.querySelector("#choice-form, main a.btn") !== null && document.querySelector("#use-link-form") === null`)
				p.click("#choice-form button[value=nord]")
				p.wait(`document.querySelector("h1").textContent === "You are signed in"`)
				look("signed-in-elsewhere", "You are signed in", false)
				p.open(askFor(none))
				look("not-yours", "You do not have Atlas", true)
				p.open("/oauth/logout?" + url.Values{"client_id": {a.ID}, "post_logout_redirect_uri": {at + "/goodbye"}}.Encode())
				look("sign-out", "Sign out?", false)
				p.open("/oauth/logout")
				p.click("#sign-out-form button")
				p.wait(`location.pathname === "/sign-out/application"`)
				look("signed-out", "You are signed out", false)
			})
		}
	}
}
