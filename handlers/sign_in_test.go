package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
)

const userPassphrase = "seven quiet lanterns"

// eachPeople runs test on each engine, with two accounts, and users who have a
// password: Hana in both, Uma in one.
func eachPeople(t *testing.T, test func(t *testing.T, w *site)) {
	t.Helper()
	eachGate(t, func(t *testing.T, w *site) {
		w.people()
		test(t, w)
	})
}

// people adds the accounts and users of eachPeople.
func (w *site) people() {
	t := w.t
	t.Helper()
	for _, id := range []string{"nord", "sued"} {
		if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: strings.ToUpper(id[:1]) + id[1:] + " AG", ID: id, PrimaryEmail: "hana@nord.example"}); err != nil {
			t.Fatal(err)
		}
	}
	w.member("nord", "uma@nord.example", backoffice.RoleReadOnly)
	for _, email := range []string{"hana@nord.example", "uma@nord.example"} {
		u, _, err := w.store.UserCredentials(ctx, email)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.store.SetUserPassword(ctx, backoffice.CommandLine(), u.Key, "", userHash(), nil); err != nil {
			t.Fatal(err)
		}
	}
}

var userHash = sync.OnceValue(func() string {
	h, err := auth.NewHasher(2).Hash(ctx, userPassphrase)
	if err != nil {
		panic(err)
	}
	return h
})

// userSignIn fills in the two pages of signing in.
func (b *browser) userSignIn(email, password string) *shown {
	b.t.Helper()
	return b.get("/sign-in").submit("#address-form", url.Values{"email": {email}}).submit("#password-form", url.Values{"password": {password}})
}

func TestUserSignsInAndSwitches(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		b := w.browser()
		if p := b.get("/portal"); p.URL.Path != "/sign-in" {
			t.Fatalf("without a session: %s", p.URL)
		}
		p := b.userSignIn("Uma@Nord.Example", userPassphrase)
		if p.URL.Path != "/portal" || !strings.Contains(p.text("h1"), "Nord AG") {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		account, err := w.store.Account(ctx, "nord")
		if err != nil || account.Visits != 1 || !account.LastVisit.Equal(w.clock.Now().Truncate(time.Microsecond)) {
			t.Errorf("the visit: %+v, %v", account, err)
		}
		b = w.browser()
		p = b.userSignIn("hana@nord.example", userPassphrase)
		if p.URL.Path != "/sign-in/accounts" {
			t.Fatalf("of several: %s", p.URL)
		}
		if p := b.get("/portal"); p.URL.Path != "/sign-in" {
			t.Fatalf("before the choice: %s", p.URL)
		}
		p = p.submit("#choice-form", url.Values{"account": {"sued"}})
		if p.URL.Path != "/portal" || !strings.Contains(p.text("h1"), "Sued AG") {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		before := b.cookie("steward-user")
		p = p.submit("#switch form", url.Values{"account": {"nord"}})
		if !strings.Contains(p.text("h1"), "Nord AG") || b.cookie("steward-user") == before {
			t.Errorf("switched: %s", p.text("main"))
		}
		other := w.browser()
		other.setCookie("steward-user", before)
		if p := other.get("/portal"); p.URL.Path != "/sign-in" {
			t.Errorf("the cookie from before the switch opens %s", p.URL)
		}
		p = p.submit("form[action='/sign-out']", nil)
		if p.URL.Path != "/sign-in" || b.get("/portal").URL.Path != "/sign-in" {
			t.Errorf("signed out: %s", p.URL)
		}
	})
}

func TestWhereAUserWantedToGo(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		p := w.browser().get("/profile?x=1")
		p = p.submit("#address-form", url.Values{"email": {"uma@nord.example"}}).submit("#password-form", url.Values{"password": {userPassphrase}})
		if p.URL.RequestURI() != "/profile?x=1" {
			t.Errorf("led to %s", p.URL)
		}
	})
}

func TestUserPasswordRefusedAndChanged(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		b, elsewhere := w.browser(), w.browser()
		elsewhere.userSignIn("uma@nord.example", userPassphrase)
		b.userSignIn("uma@nord.example", userPassphrase)
		form := "#profile-password form"
		for why, set := range map[string]url.Values{
			"At least 15":          {"current": {userPassphrase}, "password": {"short"}, "again": {"short"}},
			"not the same":         {"current": {userPassphrase}, "password": {"eleven green bottles"}, "again": {"eleven green bottle"}},
			"not your password":    {"current": {"wrong wrong wrong 1"}, "password": {"eleven green bottles"}, "again": {"eleven green bottles"}},
			"password you have":    {"current": {userPassphrase}, "password": {userPassphrase}, "again": {userPassphrase}},
			"Enter the password":   {"current": {""}, "password": {"eleven green bottles"}, "again": {"eleven green bottles"}},
			"Not containing the e": {"current": {userPassphrase}, "password": {"uma@nord.example and more"}, "again": {"uma@nord.example and more"}},
		} {
			p := b.get("/profile").submit(form, set)
			if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text("main"), why) {
				t.Errorf("%s: %d %s", why, p.Status, p.text(".problem"))
			}
		}
		before := b.cookie("steward-user")
		p := b.get("/profile").submit(form, url.Values{"current": {userPassphrase}, "password": {"eleven green bottles"}, "again": {"eleven green bottles"}})
		if p.Status != http.StatusOK || p.URL.Path != "/profile" || b.cookie("steward-user") == before {
			t.Fatalf("changed: %d %s", p.Status, p.text(".problem"))
		}
		if elsewhere.get("/portal").URL.Path != "/sign-in" {
			t.Error("another session outlived the change of the password")
		}
		if p := w.browser().userSignIn("uma@nord.example", userPassphrase); p.URL.Path == "/portal" {
			t.Error("the old password still opens")
		}
		if p := w.browser().userSignIn("uma@nord.example", "eleven green bottles"); p.URL.Path != "/portal" {
			t.Errorf("the new password: %s", p.text("main"))
		}
	})
}

// mailed takes the next mail out of the outbox.
func (w *site) mailed() backoffice.Mail {
	w.t.Helper()
	m, err := w.store.LeaseMail(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.SentMail(ctx, m.Key, m.Lease); err != nil {
		w.t.Fatal(err)
	}
	return m
}

func TestUserComesInByALinkOfMail(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		b := w.browser()
		p := b.get("/sign-in").submit("#address-form", url.Values{"email": {"uma@nord.example"}}).submit("#link-form", nil)
		if p.URL.Path != "/sign-in/mail" {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		m := w.mailed()
		if m.To != "uma@nord.example" || m.Kind != backoffice.MailSignIn {
			t.Fatalf("%+v", m)
		}
		// T-29: the address that holds the token is left at once, and looking uses nothing up.
		still := w.browser().still()
		if p := still.get("/sign-in/link?token=" + m.Token); p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/sign-in/link" || p.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("landing: %d %v", p.Status, p.Header)
		}
		for range 3 {
			if p := w.browser().get("/sign-in/link?token=" + m.Token); p.Status != http.StatusOK {
				t.Fatalf("looking at the link: %d", p.Status)
			}
		}
		p = b.get("/sign-in/link?token="+m.Token).submit("#use-link-form", nil)
		if p.URL.Path != "/portal" {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		if p := w.browser().get("/sign-in/link?token=" + m.Token); p.Status != http.StatusNotFound {
			t.Errorf("the link a second time: %d", p.Status)
		}
		u, _, _ := w.store.UserCredentials(ctx, "uma@nord.example")
		if !u.Verified {
			t.Error("the address was proved, and is not noted as such")
		}
	})
}

func TestAttack_T47_ResetSignsNobodyIn(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		running := w.browser()
		running.userSignIn("uma@nord.example", userPassphrase)
		b := w.browser()
		b.get("/sign-in").submit("#address-form", url.Values{"email": {"uma@nord.example"}}).submit("#reset-form", nil)
		m := w.mailed()
		p := b.get("/sign-in/reset?token=" + m.Token)
		if p.URL.String() != w.url+"/sign-in/reset" {
			t.Fatalf("landing at %s", p.URL)
		}
		if p := p.submit("#reset-password-form", url.Values{"password": {"short"}, "again": {"short"}}); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("a short password: %d", p.Status)
		}
		p = p.submit("#reset-password-form", url.Values{"password": {"eleven green bottles"}, "again": {"eleven green bottles"}})
		if p.Status != http.StatusOK || b.get("/portal").URL.Path != "/sign-in" {
			t.Fatalf("%d %s", p.Status, p.text("main"))
		}
		if running.get("/portal").URL.Path != "/sign-in" {
			t.Error("a session outlived the reset")
		}
		if p := b.get("/sign-in/reset?token=" + m.Token); p.Status != http.StatusNotFound {
			t.Errorf("the link a second time: %d", p.Status)
		}
		if p := w.browser().userSignIn("uma@nord.example", "eleven green bottles"); p.URL.Path != "/portal" {
			t.Errorf("the new password: %s", p.text("main"))
		}
	})
}

// T-21: whoever set a password for an address before its owner proved it does not
// come in with it afterwards.
func TestAttack_T21_PreHijackedAddress(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		attacker := w.browser()
		if attacker.userSignIn("uma@nord.example", userPassphrase).URL.Path != "/portal" {
			t.Fatal("the attacker's own sign-in")
		}
		b := w.browser()
		b.get("/sign-in").submit("#address-form", url.Values{"email": {"uma@nord.example"}}).submit("#link-form", nil)
		b.get("/sign-in/link?token="+w.mailed().Token).submit("#use-link-form", nil)
		if attacker.get("/portal").URL.Path != "/sign-in" {
			t.Error("the attacker's session outlived the proof of the address")
		}
		if w.browser().userSignIn("uma@nord.example", userPassphrase).URL.Path == "/portal" {
			t.Error("the attacker's password outlived the proof of the address")
		}
		if b.get("/portal").URL.Path != "/portal" {
			t.Error("the owner is not in")
		}
	})
}

// T-33: known and unknown addresses get the same bytes, whatever they try.
func TestAttack_T33_UsersAreNotToldApart(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		try := func(email string) string {
			b := w.browser()
			var all strings.Builder
			ways := b.get("/sign-in").submit("#address-form", url.Values{"email": {email}})
			for _, p := range []*shown{ways, ways.submit("#password-form", url.Values{"password": {"wrong wrong wrong 1"}}), ways.submit("#link-form", nil), ways.submit("#reset-form", nil)} {
				all.WriteString(http.StatusText(p.Status) + p.URL.Path + strings.ReplaceAll(p.Body, email, "EMAIL"))
			}
			return all.String()
		}
		known, unknown := try("uma@nord.example"), try("una@nord.example")
		if known != unknown {
			t.Errorf("a known address answers\n%s\n\nan unknown one\n%s", known, unknown)
		}
	})
}

// T-28, T-40: from every state of a sign-in, every later endpoint leads to where
// the sign-in stands, and never to a session.
func TestAttack_T28_StepsCannotBeSkipped(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		for name, prepare := range map[string]func(b *browser){
			"nothing": func(*browser) {},
			"an address": func(b *browser) {
				b.get("/sign-in").submit("#address-form", url.Values{"email": {"hana@nord.example"}})
			},
			"a wrong word": func(b *browser) { b.userSignIn("hana@nord.example", "wrong wrong wrong 1") },
			"a password":   func(b *browser) { b.userSignIn("hana@nord.example", userPassphrase) },
			"a forged one": func(b *browser) { forged, _ := auth.PendingSignInToken.New(); b.setCookie("steward-sign-in", forged) },
			"another's purpose": func(b *browser) {
				token, hash := auth.UserSessionToken.New()
				u, _, _ := w.store.UserCredentials(ctx, "hana@nord.example")
				if err := w.store.BeginSignIn(ctx, u.Key, backoffice.ByPassword, hash, false, ""); err != nil {
					t.Fatal(err)
				}
				b.setCookie("steward-sign-in", token)
				b.setCookie("steward-user", token)
			},
		} {
			b := w.browser().still()
			follow := w.browser()
			follow.client.Jar = b.client.Jar
			prepare(follow)
			for _, e := range w.probe.Table() {
				if !strings.HasPrefix(e.Path, "/sign-in") && !strings.HasPrefix(e.Path, "/sign-up") || e.Path == "/sign-in/cancel" {
					continue
				}
				for _, form := range []url.Values{{}, {"account": {"west"}}, {"account": {""}}, {"email": {"hana@nord.example"}}, {"email": {"hana@nord.example"}, "password": {""}},
					{"account": {"nord", "sued"}}, {"code": {"000000"}}} {
					req, _ := http.NewRequest(e.Method, w.url+e.Path, strings.NewReader(form.Encode()))
					req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					if got := b.do(req, nil); got.Status >= 500 {
						t.Errorf("%s, then %s %s %v: %d", name, e.Method, e.Path, form, got.Status)
					}
					if b.cookie("steward-user") != "" && follow.get("/portal").URL.Path == "/portal" {
						t.Fatalf("%s, then %s %s %v: a session", name, e.Method, e.Path, form)
					}
				}
			}
		}
	})
}

// A locked user, a deleted account: nobody gets in, in the words of a wrong password.
func TestLockoutFollowsThePolicy(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		p, err := w.store.PolicyOf(ctx, "nord")
		if err != nil {
			t.Fatal(err)
		}
		p.Own.LockoutAttempts = backoffice.Some(2)
		if err := w.store.SavePolicy(ctx, backoffice.CommandLine(), "nord", p.Own, p.Version); err != nil {
			t.Fatal(err)
		}
		// Who has signed in to the account is held to its policy.
		known := w.browser()
		known.userSignIn("uma@nord.example", userPassphrase)
		for i := range 2 {
			if p := w.browser().userSignIn("uma@nord.example", "wrong wrong wrong 1"); p.Status != http.StatusUnprocessableEntity {
				t.Fatalf("attempt %d: %d", i+1, p.Status)
			}
		}
		if p := w.browser().userSignIn("uma@nord.example", userPassphrase); p.Status != http.StatusTooManyRequests || p.Header.Get("Retry-After") != "900" {
			t.Errorf("locked out: %d, Retry-After %s", p.Status, p.Header.Get("Retry-After"))
		}
		// T-48: strangers lock nobody out who has a known device.
		if p := known.get("/profile"); p.Status != http.StatusOK {
			t.Errorf("the running session: %d", p.Status)
		}
		known.get("/profile").submit("form[action='/sign-out']", nil)
		if p := known.userSignIn("uma@nord.example", userPassphrase); p.URL.Path != "/portal" {
			t.Errorf("from a known device: %d %s", p.Status, p.text("main"))
		}
		w.clock.Add(15 * time.Minute)
		if p := w.browser().userSignIn("uma@nord.example", userPassphrase); p.URL.Path != "/portal" {
			t.Errorf("after its time: %d", p.Status)
		}
	})
}

// T-42: what an account demands holds for who enters it for the first time too,
// by sign-in, by choice and by switch; until it is met there is no session in it,
// and no visit.
func TestAttack_T42_FirstEntryIsHeldToTheAccount(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		p, err := w.store.PolicyOf(ctx, "sued")
		if err != nil {
			t.Fatal(err)
		}
		p.Own.MFAForce = backoffice.Some(backoffice.Force)
		if err := w.store.SavePolicy(ctx, backoffice.CommandLine(), "sued", p.Own, p.Version); err != nil {
			t.Fatal(err)
		}
		u := w.member("sued", "solo@sued.example", backoffice.RoleAdmin)
		if err := w.store.SetUserPassword(ctx, backoffice.CommandLine(), u.Key, "", userHash(), nil); err != nil {
			t.Fatal(err)
		}
		b := w.browser()
		if p := b.userSignIn("solo@sued.example", userPassphrase); p.URL.Path != "/sign-in/enrol" || b.cookie("steward-user") != "" {
			t.Errorf("the only account: %s", p.URL)
		}
		b = w.browser()
		choice := b.userSignIn("hana@nord.example", userPassphrase)
		if choice.URL.Path != "/sign-in/accounts" {
			t.Fatalf("hana: %s", choice.URL)
		}
		if p := choice.submit("#choice-form", url.Values{"account": {"sued"}}); p.URL.Path != "/sign-in/enrol" || b.cookie("steward-user") != "" {
			t.Errorf("chosen: %s", p.URL)
		}
		b = w.browser()
		home := b.userSignIn("hana@nord.example", userPassphrase).submit("#choice-form", url.Values{"account": {"nord"}})
		if home.URL.Path != "/portal" {
			t.Fatalf("the other account: %s", home.URL)
		}
		if p := home.submit("#switch form", url.Values{"account": {"sued"}}); p.URL.Path != "/portal" || !strings.Contains(p.text("h1"), "Nord AG") {
			t.Errorf("switched: %s %s", p.URL, p.text("h1"))
		}
		if a, err := w.store.Account(ctx, "sued"); err != nil || a.Visits != 0 {
			t.Errorf("visits of the account: %d, %v", a.Visits, err)
		}
	})
}
