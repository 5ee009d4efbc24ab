package browsertest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"steward/backoffice"
)

// elsewhere serves a page under an origin of its own, at a port of a loopback
// address; from /callback and /goodbye it leads on to to, where that is given.
func elsewhere(t *testing.T, host, to string) string {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if to != "" {
			http.Redirect(rw, r, to+r.URL.Path+"?"+r.URL.RawQuery, http.StatusSeeOther)
			return
		}
		rw.Header().Set("Content-Type", "text/html")
		io.WriteString(rw, `<!doctype html><html lang="en"><title>Ledger</title><link rel="icon" href="data:,"><h1>Ledger</h1>`)
	}))
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// An application leads on where it likes after it took its user back: browsers hold
// each step of the way of a form against the content policy of the page with the
// form, so that no step of it may lie elsewhere.
func TestApplicationLeadsOnToAnotherOrigin(t *testing.T) {
	hosts := []string{"127.0.0.1"}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		l.Close()
		hosts = append(hosts, "::1")
	} else {
		t.Log("this machine has no IPv6:", err)
	}
	for _, host := range hosts {
		for _, noScript := range []bool{false, true} {
			t.Run(host+map[bool]string{false: " with script", true: " without script"}[noScript], func(t *testing.T) {
				w := newNamedSite(t)
				furnishUsers(t, w)
				third := elsewhere(t, "127.0.0.1", "")
				at := elsewhere(t, host, third)
				a := backoffice.Application{Name: "Ledger", Kind: backoffice.NativeApplication, Active: true, AutoAssigned: true,
					RedirectURIs: []string{at + "/callback"}, LogoutURIs: []string{at + "/goodbye"}}
				a, err := w.store.CreateApplication(ctx, backoffice.CommandLine(), a, nil)
				if err != nil {
					t.Fatal(err)
				}
				p := w.tab(t, tabOptions{noScript: noScript})
				there := fmt.Sprintf(`location.href.startsWith("%s/callback?") && new URLSearchParams(location.search).get("code")`, third)
				// With the password.
				p.open(askFor(a, "login_hint", "uma.okafor@nord-textil.example"))
				p.wait(`location.pathname === "/sign-in"`)
				p.click("#address-form button")
				p.wait(`document.querySelector("#password-form") !== null`)
				p.fill("#password", userPassphrase)
				p.click("#password-form button")
				p.wait(there)
				// In a session, asked.
				w.clock.Add(time.Second)
				p.open(askFor(a, "prompt", "select_account"))
				p.wait(`location.pathname === "/sign-in/application"`)
				p.click("#choice-form button[value=nord]")
				p.wait(there)
				// Out of it, asked.
				p.open("/oauth/logout?" + url.Values{"client_id": {a.ID}, "post_logout_redirect_uri": {at + "/goodbye"}, "state": {"s"}}.Encode())
				p.click("#sign-out-form button")
				p.wait(fmt.Sprintf(`location.href === "%s/goodbye?state=s"`, third))
				// With the choice of an account.
				p.open(askFor(a))
				p.fill("#email", "hana.fischer@nord-textil.example")
				p.click("#address-form button")
				p.wait(`document.querySelector("#password-form") !== null`)
				p.fill("#password", userPassphrase)
				p.click("#password-form button")
				p.wait(`location.pathname === "/sign-in/accounts"`)
				p.click("#choice-form button[value=sakura]")
				p.wait(there)
			})
		}
	}
}
