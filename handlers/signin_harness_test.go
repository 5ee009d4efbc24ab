package handlers_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"sync"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/handlers"
	"steward/store"
	"steward/store/storetest"
)

const passphrase = "correct-horse-staple"

// passphraseHash is computed once for all tests: it is meant to be slow.
var passphraseHash = sync.OnceValue(func() string {
	h, err := auth.NewHasher(runtime.NumCPU()).Hash(context.Background(), passphrase)
	if err != nil {
		panic(err)
	}
	return h
})

// newGate serves a database with nobody signed in: who comes has to show a
// session. Refusals come at once unless change says otherwise.
func newGate(t *testing.T, s *store.Store, clock *storetest.Clock, change func(*handlers.Options)) *site {
	t.Helper()
	w := &site{t: t, store: s, clock: clock}
	server := httptest.NewUnstartedServer(nil)
	public, err := url.Parse("http://" + server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	o := handlers.Options{Store: s, PublicURL: public, Environment: "Production", Production: true, Log: slog.New(slog.DiscardHandler),
		Letters: func() []backoffice.Letter {
			return []backoffice.Letter{{ID: "letter", Subject: "Hello", HTML: "<p>Hello</p>"}}
		},
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	if change != nil {
		change(&o)
	}
	h, probe, err := handlers.NewProbed(o)
	if err != nil {
		t.Fatal(err)
	}
	w.probe = probe
	server.Config.Handler = h
	server.Start()
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// eachGate runs test on each engine, with an owner, a manager and a viewer who
// all have the passphrase.
func eachGate(t *testing.T, test func(t *testing.T, w *site)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		for _, r := range backoffice.StaffRoles() {
			w.staff(string(r)+"@vendor.example", r)
		}
		test(t, w)
	})
}

func (w *site) staff(email string, role backoffice.StaffRole) backoffice.Staff {
	w.t.Helper()
	staff, err := w.store.AddStaff(ctx, backoffice.CommandLine(), backoffice.NewStaff{Email: email, Name: role.Label() + " Person", Role: role}, passphraseHash())
	if err != nil {
		w.t.Fatal(err)
	}
	return staff
}

// signIn fills in the sign-in form.
func (b *browser) signIn(email, password string) *shown {
	b.t.Helper()
	return b.get("/backoffice/sign-in").submit("#sign-in-form", url.Values{"email": {email}, "password": {password}})
}

// cookieOf returns what the browser would send back.
func (b *browser) cookie(name string) string {
	u, _ := url.Parse(b.url)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// setCookie puts a cookie into the browser, as who has stolen it would.
func (b *browser) setCookie(name, value string) {
	u, _ := url.Parse(b.url)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// still stops the browser from following redirects.
func (b *browser) still() *browser {
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

// signedInAs reports whether the browser's session runs.
func (b *browser) signedIn() bool {
	b.t.Helper()
	return b.get("/backoffice/sessions").URL.Path == "/backoffice/sessions"
}
