package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

func TestSignIn(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		b := w.browser()
		asked := b.get("/backoffice/sessions")
		if asked.URL.Path != "/backoffice/sign-in" || asked.URL.Query().Get("next") != "/backoffice/sessions" {
			t.Fatalf("asked for a page: %s", asked.URL)
		}
		wrong := asked.submit("#sign-in-form", url.Values{"email": {"owner@vendor.example"}, "password": {"a wrong password"}})
		if wrong.Status != http.StatusUnprocessableEntity || wrong.text("#sign-in-refused") != "E-mail or password is wrong." {
			t.Errorf("a wrong password: %d %q", wrong.Status, wrong.text(".notice"))
		}
		if got := wrong.Find("#email").AttrOr("value", ""); got != "owner@vendor.example" {
			t.Errorf("the typed address: %q", got)
		}
		if strings.Contains(wrong.Body, "a wrong password") {
			t.Error("the page repeats the password")
		}
		in := wrong.submit("#sign-in-form", url.Values{"email": {" Owner@VENDOR.example "}, "password": {passphrase}})
		if in.Status == http.StatusUnprocessableEntity {
			in = wrong.submit("#sign-in-form", url.Values{"email": {"Owner@VENDOR.example"}, "password": {passphrase}})
		}
		if in.Status != http.StatusOK || in.URL.Path != "/backoffice/sessions" || in.text("h1") != "Sessions" {
			t.Fatalf("signed in: %d %s", in.Status, in.URL)
		}
		if got := in.text("#session-table tbody"); !strings.Contains(got, "This session") || !strings.Contains(got, "127.0.0.1") {
			t.Errorf("sessions: %q", got)
		}
		if again := b.get("/backoffice/sign-in?next=/backoffice/password"); again.URL.Path != "/backoffice/password" {
			t.Errorf("the sign-in page to who is signed in: %s", again.URL)
		}
		empty := w.browser().signIn("", "")
		if empty.Status != http.StatusUnprocessableEntity || empty.text("#email-problem") == "" || empty.text("#password-problem") == "" {
			t.Errorf("nothing typed: %d %q", empty.Status, empty.text("form"))
		}
	})
}

func TestSessionEnds(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		in := func() *browser {
			t.Helper()
			b := w.browser()
			b.signIn("viewer@vendor.example", passphrase)
			if !b.signedIn() {
				t.Fatal("not signed in")
			}
			return b
		}
		idle := in()
		w.clock.Add(29 * time.Minute)
		if !idle.signedIn() {
			t.Error("ended before 30 minutes without use")
		}
		w.clock.Add(29 * time.Minute)
		if !idle.signedIn() {
			t.Error("use does not keep a session")
		}
		w.clock.Add(30 * time.Minute)
		if idle.signedIn() {
			t.Error("runs after 30 minutes without use")
		}
		long := in()
		for range 35 {
			w.clock.Add(20 * time.Minute)
			if !long.signedIn() {
				t.Fatal("ended before 12 hours")
			}
		}
		w.clock.Add(20 * time.Minute)
		if long.signedIn() {
			t.Error("runs after 12 hours")
		}

		out := in()
		stolen := w.browser()
		stolen.setCookie("steward", out.cookie("steward"))
		left := out.get("/backoffice/sessions").submit("form[action='/backoffice/sign-out']", nil)
		if left.URL.Path != "/backoffice/sign-in" || out.signedIn() || stolen.signedIn() {
			t.Error("signed out, and still in")
		}

		one, two, three := in(), in(), in()
		page := one.get("/backoffice/sessions")
		if n := page.Find("#session-table tbody tr").Length(); n != 3 {
			t.Errorf("%d sessions listed", n)
		}
		page.submit("#session-table tr:not(:has(.tag)) form", nil)
		if !one.signedIn() || two.signedIn() == three.signedIn() {
			t.Error("one of the others was to be ended")
		}
		one.get("/backoffice/sessions").submit("form[action='/backoffice/sessions/end']", nil)
		if one.signedIn() || two.signedIn() || three.signedIn() {
			t.Error("signed out everywhere, and still in")
		}
	})
}

func TestChangePassword(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		const better = "seven-brass-kettles"
		here, there := w.browser(), w.browser()
		here.signIn("manager@vendor.example", passphrase)
		there.signIn("manager@vendor.example", passphrase)
		old := here.cookie("steward")
		try := func(current, password, again string) *shown {
			return here.get("/backoffice/password").submit("#password-form", url.Values{"current": {current}, "password": {password}, "again": {again}})
		}
		for field, p := range map[string]*shown{
			"current":  try("not my password at all", better, better),
			"password": try(passphrase, "short", "short"),
			"again":    try(passphrase, better, better+"x"),
		} {
			if p.Status != http.StatusUnprocessableEntity || p.text("#"+field+"-problem") == "" {
				t.Errorf("%s: %d %q", field, p.Status, p.text("#password-form"))
			}
		}
		if p := try(passphrase, passphrase, passphrase); p.text("#password-problem") == "" {
			t.Error("the same password again")
		}
		if p := try(passphrase, "manager@vendor.example-and", "manager@vendor.example-and"); p.text("#password-problem") == "" {
			t.Error("a password with the e-mail inside")
		}
		done := try(passphrase, better, better)
		if done.URL.Path != "/backoffice/sessions" || !strings.Contains(done.text("#toasts"), "Password changed") {
			t.Fatalf("changed: %d %s %q", done.Status, done.URL, done.text("#toasts"))
		}
		if !here.signedIn() || there.signedIn() {
			t.Error("this session was to go on, the other to end")
		}
		stolen := w.browser()
		stolen.setCookie("steward", old)
		if stolen.signedIn() {
			t.Error("the cookie from before the change still opens")
		}
		if p := w.browser().signIn("manager@vendor.example", passphrase); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("the old password: %d", p.Status)
		}
		fresh := w.browser()
		fresh.signIn("manager@vendor.example", better)
		if !fresh.signedIn() {
			t.Error("the new password does not open")
		}
	})
}

func TestSetUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		if p := w.browser().get("/backoffice/sign-in"); !strings.Contains(p.text(".notice"), "set-up link") {
			t.Errorf("sign-in before the set-up: %q", p.text(".notice"))
		}
		token, hash := auth.SetupToken.New()
		if err := s.MakeSetupLink(ctx, hash); err != nil {
			t.Fatal(err)
		}
		if p := w.browser().get("/backoffice/setup"); p.Status != http.StatusNotFound {
			t.Errorf("without the link: %d", p.Status)
		}
		if p := w.browser().get("/backoffice/setup?token=" + token[1:] + "A"); p.Status != http.StatusNotFound {
			t.Errorf("with another link: %d", p.Status)
		}
		b := w.browser()
		before := storetest.Dump(t, s)
		form := b.get("/backoffice/setup?token=" + token)
		if form.Status != http.StatusOK || form.URL.RawQuery != "" || strings.Contains(form.Body, token) {
			t.Fatalf("the form: %d %s", form.Status, form.URL)
		}
		if d := storetest.Differ(before, storetest.Dump(t, s)); len(d) != 0 {
			t.Errorf("opening the link changes %v", d)
		}
		fill := func(email, name, password, again string) *shown {
			return form.submit("#setup-form", url.Values{"email": {email}, "name": {name}, "password": {password}, "again": {again}})
		}
		wrong := fill("nobody", "", "short", "short")
		for _, f := range []string{"email", "name", "password"} {
			if wrong.Status != http.StatusUnprocessableEntity || wrong.text("#"+f+"-problem") == "" {
				t.Errorf("%s: %d %q", f, wrong.Status, wrong.text("#setup-form"))
			}
		}
		second := w.browser()
		late := second.get("/backoffice/setup?token=" + token)
		if p := fill("ada@vendor.example", "Ada Weber", passphrase, passphrase); p.URL.Path != "/backoffice/accounts" {
			t.Fatalf("set up: %d %s %q", p.Status, p.URL, p.text("#setup-form"))
		}
		if !b.signedIn() || b.cookie("steward-setup") != "" {
			t.Error("after the set-up one is signed in, and the link is out of the browser")
		}
		if p := late.submit("#setup-form", url.Values{"email": {"eve@evil.example"}, "name": {"Eve"}, "password": {passphrase}, "again": {passphrase}}); p.Status != http.StatusNotFound {
			t.Errorf("the link a second time: %d", p.Status)
		}
		if p := w.browser().get("/backoffice/setup?token=" + token); p.Status != http.StatusNotFound || p.text("h1") != "Already set up" {
			t.Errorf("the link afterwards: %d %q", p.Status, p.text("h1"))
		}
		if list, err := s.StaffList(ctx); err != nil || len(list) != 1 || list[0].Role != backoffice.Owner {
			t.Errorf("staff: %+v, %v", list, err)
		}
	})
}
