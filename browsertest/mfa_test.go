package browsertest

import (
	"context"
	"encoding/base32"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"steward/auth"
	"steward/backoffice"
	"steward/handlers"
	"steward/store/storetest"
)

// newNamedSite serves at localhost: a bare network address can have no passkeys.
func newNamedSite(t *testing.T) *site {
	t.Helper()
	clock := storetest.NewClock()
	w := &site{t: t, store: storetest.Open(t, storetest.SQLite(t), clock), clock: clock}
	server := httptest.NewUnstartedServer(nil)
	public, _ := url.Parse("http://localhost:" + server.Listener.Addr().String()[strings.LastIndex(server.Listener.Addr().String(), ":")+1:])
	h, err := handlers.New(handlers.Options{Store: w.store, PublicURL: public, Environment: "Production", Production: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = late(t, h)
	server.Start()
	t.Cleanup(server.Close)
	w.url = public.String()
	return w
}

// authenticator gives the window one that is held and unlocked, without asking.
func (p *tab) authenticator() {
	p.t.Helper()
	p.run(webauthn.Enable(), chromedp.ActionFunc(func(c context.Context) error {
		_, err := webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21,
			Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}).Do(c)
		return err
	}))
}

// signInUma goes through the two pages of signing in.
func (p *tab) signInUma() {
	p.t.Helper()
	p.open("/sign-in")
	p.fill("#email", "uma.okafor@nord-textil.example")
	p.click("#address-form button")
	p.wait(`document.querySelector("#password-form") !== null`)
	p.fill("#password", userPassphrase)
	p.click("#password-form button")
}

// appCode reads the key of the app off the page and computes the code.
func (p *tab) appCode() (secret []byte, code string) {
	p.t.Helper()
	secret, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(p.text("#app-key"), " ", ""))
	if err != nil {
		p.t.Fatal(err)
	}
	if code, err = auth.TOTPCode(secret, p.clock.Now()); err != nil {
		p.t.Fatal(err)
	}
	return secret, code
}

// A passkey is made on the profile; then it signs in by itself, without an
// address, and stands for the second factor after the password.
func TestPasskey(t *testing.T) {
	w := newNamedSite(t)
	furnishUsers(t, w)
	p := w.tab(t, tabOptions{})
	p.authenticator()
	p.signInUma()
	p.wait(`location.pathname === "/portal"`)
	p.open("/profile/mfa")
	p.click("#mfa-passkeys a.btn")
	p.wait(`location.pathname === "/profile/mfa/passkeys/new"`)
	p.fill("#passkey-name", "Laptop")
	p.click("#passkey-form button")
	p.wait(`document.querySelectorAll(".codes code").length === 10`)
	p.open("/profile/mfa")
	if got := p.text("#mfa-passkeys"); !strings.Contains(got, "Laptop") {
		t.Errorf("the list: %s", got)
	}
	// The same device is not enrolled twice.
	p.open("/profile/mfa/passkeys/new")
	p.fill("#passkey-name", "Again")
	p.click("#passkey-form button")
	p.wait(`document.querySelector("[data-passkey-problem]:not([hidden])") !== null`)
	if got := p.text("[data-passkey-problem]"); !strings.Contains(got, "already") {
		t.Errorf("again: %s", got)
	}
	signOut := func() {
		t.Helper()
		p.open("/portal")
		eval[bool](p, `(document.querySelector("form[action='/sign-out']").submit(), true)`)
		p.wait(`location.pathname === "/sign-in"`)
	}
	signOut()
	p.click("#passkey-form button")
	p.wait(`location.pathname === "/portal"`)
	signOut()
	p.signInUma()
	p.wait(`location.pathname === "/sign-in/mfa"`)
	if got := p.text("h1"); got != "Confirm it is you" {
		t.Errorf("after the password: %s", got)
	}
	p.click("#mfa-passkey-form button")
	p.wait(`location.pathname === "/portal"`)
	// It stands for a proof as well, and can be renamed and removed.
	w.clock.Add(6 * 60e9)
	p.open("/profile/mfa/passkeys/new")
	p.wait(`location.pathname === "/profile/mfa/proof"`)
	p.click("#proof-form button")
	p.wait(`location.pathname === "/profile/mfa/passkeys/new"`)
	p.open("/profile/mfa")
	p.click("#mfa-passkeys td .btn:first-child")
	p.fill("dialog[open] input[name=name]", "Key ring")
	p.click("dialog[open] .btn:not([data-variant])")
	p.wait(`document.querySelector("#mfa-passkeys").innerText.includes("Key ring")`)
	p.click("#mfa-passkeys td .btn[data-variant=danger-outline]")
	p.click("dialog[open] .btn[data-variant=destructive]")
	p.wait(`document.querySelector("#mfa-codes") === null && document.querySelector("#mfa-passkeys table") === null`)
	signOut()
	p.click("#passkey-form button")
	p.wait(`document.querySelector("#sign-in-refused") !== null`)
	p.signInUma()
	p.wait(`location.pathname === "/portal"`)
}

// Where the policy forces a second factor, an authenticator app is enrolled on the
// way in without script.
func TestForcedEnrolmentWithoutScript(t *testing.T) {
	w := newNamedSite(t)
	furnishUsers(t, w)
	forceMFA(t, w)
	p := w.tab(t, tabOptions{noScript: true})
	p.signInUma()
	p.wait(`location.pathname === "/sign-in/enrol"`)
	if eval[bool](p, `document.querySelector("#enrol-passkey-form").checkVisibility()`) {
		t.Error("a passkey is offered without script")
	}
	p.click("#enrol-app-form button")
	p.wait(`document.querySelector("#app-key") !== null`)
	_, code := p.appCode()
	p.fill("#code", code)
	p.click("#app-code-form button")
	p.wait(`document.querySelectorAll(".codes code").length === 10`)
	recovery := eval[string](p, `document.querySelector(".codes code").textContent`)
	p.click("#codes-form button")
	p.wait(`location.pathname === "/portal"`)
	w.clock.Add(60e9)
	p = w.tab(t, tabOptions{noScript: true})
	p.signInUma()
	p.wait(`location.pathname === "/sign-in/mfa"`)
	p.open("/sign-in/mfa?with=recovery")
	p.fill("#code", recovery)
	p.click("#mfa-form button")
	p.wait(`location.pathname === "/portal"`)
}

func forceMFA(t *testing.T, w *site) {
	t.Helper()
	e, err := w.store.EnvironmentPolicy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e.Own.MFAForce = backoffice.Some(backoffice.Force)
	if err := w.store.SaveEnvironmentPolicy(ctx, backoffice.CommandLine(), e.Own, e.Version); err != nil {
		t.Fatal(err)
	}
}

// The pages of second factors, in light and dark, wide and narrow, by axe-core
// and the content policy.
func TestEveryPageOfMFA(t *testing.T) {
	pictures := os.Getenv("STEWARD_TEST_PICTURES")
	for _, dark := range []bool{false, true} {
		scheme := map[bool]string{false: "light", true: "dark"}[dark]
		for _, width := range []int64{380, 1280, 1920} {
			t.Run(fmt.Sprintf("%d-%s", width, scheme), func(t *testing.T) {
				w := newNamedSite(t)
				furnishUsers(t, w)
				hash, err := auth.NewHasher(2).Hash(ctx, userPassphrase)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.store.AddStaff(ctx, backoffice.CommandLine(), backoffice.NewStaff{Email: "ada.weber@kontor.example", Name: "Ada Weber", Role: backoffice.Owner}, hash); err != nil {
					t.Fatal(err)
				}
				forceMFA(t, w)
				p := w.tab(t, tabOptions{width: width, height: 860, dark: dark})
				p.authenticator()
				look := func(name string) {
					t.Helper()
					if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
						t.Errorf("%s at %d: %d pixels wider than the window", name, width, over)
					}
					if width != 1920 {
						p.accessible(fmt.Sprintf("%s at %d, %s", name, width, scheme))
					}
					if pictures != "" {
						p.picture(filepath.Join(pictures, fmt.Sprintf("mfa-%s.%d.%s.png", name, width, scheme)))
					}
				}
				p.open("/sign-in")
				look("address")
				p.signInUma()
				p.wait(`location.pathname === "/sign-in/enrol"`)
				look("enrol")
				p.click("#enrol-app-form button")
				p.wait(`document.querySelector("#app-key") !== null`)
				look("enrol-app")
				p.fill("#code", "000000")
				p.click("#app-code-form button")
				p.wait(`document.querySelector(".problem") !== null && document.querySelector("[aria-invalid]") !== null`)
				look("enrol-app-refused")
				_, code := p.appCode()
				p.fill("#code", code)
				p.click("#app-code-form button")
				p.wait(`document.querySelectorAll(".codes code").length === 10`)
				look("codes-door")
				p.click("#codes-form button")
				p.wait(`location.pathname === "/portal"`)
				for _, path := range []string{"/profile", "/profile/mfa", "/profile/mfa/passkeys/new"} {
					p.open(path)
					look(strings.ReplaceAll(strings.Trim(path, "/"), "/", "-"))
				}
				p.fill("#passkey-name", "Notebook von Uma Okafor")
				p.click("#passkey-form button")
				p.wait(`location.pathname === "/profile/mfa" && document.querySelector("#mfa-passkeys table") !== null`)
				look("profile-mfa-both")
				p.click("#mfa-codes .btn")
				p.click("dialog[open] .btn:not([data-variant])")
				p.wait(`document.querySelectorAll(".codes code").length === 10`)
				look("codes-profile")
				w.clock.Add(6 * 60e9)
				p.open("/profile/mfa/proof?next=/profile/mfa")
				look("proof")
				p.open("/profile/mfa/proof?next=/profile/mfa&with=passkey")
				look("proof-passkey")
				eval[bool](p, `(document.querySelector("form[action='/sign-out']").submit(), true)`)
				p.wait(`location.pathname === "/sign-in"`)
				p.signInUma()
				p.wait(`location.pathname === "/sign-in/mfa"`)
				look("door")
				p.fill("#code", "000000")
				p.click("#mfa-form button")
				p.wait(`document.querySelector("[aria-invalid]") !== null`)
				look("door-refused")
				for _, with := range []string{"passkey", "recovery"} {
					p.open("/sign-in/mfa?with=" + with)
					look("door-" + with)
				}
				if err := w.store.ForceStaffMFA(ctx, backoffice.CommandLine(), true); err != nil {
					t.Fatal(err)
				}
				p.open("/backoffice/sign-in")
				p.fill("#email", "ada.weber@kontor.example")
				p.fill("#password", userPassphrase)
				p.click("#sign-in-form button")
				p.wait(`location.pathname === "/backoffice/sign-in/enrol"`)
				look("staff-enrol")
				p.click("#enrol-app-form button")
				p.wait(`document.querySelector("#app-key") !== null`)
				_, code = p.appCode()
				p.fill("#code", code)
				p.click("#app-code-form button")
				p.wait(`document.querySelectorAll(".codes code").length === 10`)
				p.click("#codes-form button")
				p.wait(`location.pathname === "/backoffice/accounts"`)
				for _, path := range []string{"/backoffice/mfa", "/backoffice/settings/staff-mfa"} {
					p.open(path)
					look(strings.ReplaceAll(strings.Trim(path, "/"), "/", "-"))
				}
			})
		}
	}
}
