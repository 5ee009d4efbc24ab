package handlers_test

import (
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store/storetest"
)

// appKeyOf reads the key of an authenticator app off the page that shows it.
func (p *shown) appKeyOf() []byte {
	p.b.t.Helper()
	secret, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(p.Find("#app-key").Text(), " ", ""))
	if err != nil || len(secret) != 20 {
		p.b.t.Fatalf("no key on %s: %q, %v", p.URL, p.text("main"), err)
	}
	return secret
}

// codeNow is what the app shows.
func (w *site) codeNow(secret []byte) string {
	w.t.Helper()
	code, err := auth.TOTPCode(secret, w.clock.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// codesOf reads the recovery codes off the page that shows them.
func (p *shown) codesOf() []string {
	var list []string
	for _, c := range p.Find(".codes code").EachIter() {
		list = append(list, c.Text())
	}
	if len(list) != backoffice.RecoveryCodes {
		p.b.t.Fatalf("%d recovery codes on %s: %s", len(list), p.URL, p.text("main"))
	}
	return list
}

// enrolOnProfile sets up an authenticator app on the page of second factors and
// returns its key and the recovery codes.
func (b *browser) enrolOnProfile(base string) (secret []byte, codes []string) {
	b.t.Helper()
	p := b.get(base).submit("#begin-app-form", nil)
	secret = p.appKeyOf()
	p = p.submit("#app-code-form", url.Values{"code": {b.codeNow(secret)}})
	return secret, p.codesOf()
}

// eachFactor runs a test for users and for staff: who signs in, and where.
func eachFactor(t *testing.T, test func(t *testing.T, w *site, f factorPlace)) {
	t.Helper()
	eachPeople(t, func(t *testing.T, w *site) {
		for _, f := range []factorPlace{
			{"user", "uma@nord.example", "/profile/mfa", "/sign-in", "/portal", "steward-user"},
			{"staff", "owner@vendor.example", "/backoffice/mfa", "/backoffice/sign-in", "/backoffice/accounts", "steward"},
		} {
			t.Run(f.kind, func(t *testing.T) {
				v := *w
				v.t = t
				test(t, &v, f)
			})
		}
	})
}

type factorPlace struct{ kind, email, desk, door, home, cookie string }

// password goes as far as a right password leads.
func (f factorPlace) password(b *browser) *shown {
	b.t.Helper()
	if f.kind == "staff" {
		return b.signIn(f.email, passphrase)
	}
	return b.userSignIn(f.email, userPassphrase)
}

func TestSecondFactorOfAnApp(t *testing.T) {
	eachFactor(t, func(t *testing.T, w *site, f factorPlace) {
		b := w.browser()
		if p := f.password(b); p.URL.Path != f.home {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		p := b.get(f.desk).submit("#begin-app-form", nil)
		if p.URL.Path != f.desk+"/authenticator" || p.Find("svg.qr path").AttrOr("d", "") == "" || p.Find("script:not([src])").Length() > 0 {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		secret := p.appKeyOf()
		if q := p.submit("#app-code-form", url.Values{"code": {"000000"}}); q.Status != http.StatusUnprocessableEntity || q.Find(".problem").Length() == 0 {
			t.Errorf("a wrong code: %d %s", q.Status, q.text("main"))
		}
		before := b.cookie(f.cookie)
		p = p.submit("#app-code-form", url.Values{"code": {w.codeNow(secret)}})
		codes := p.codesOf()
		if b.cookie(f.cookie) == before {
			t.Error("T-40: the session kept its token")
		}
		if p := b.get(f.desk); !strings.Contains(p.text("#mfa-codes"), "10 of 10 left") || !strings.Contains(p.text("#mfa-app"), "Enrolled") {
			t.Errorf("%s", p.text("main"))
		}
		if strings.Contains(b.get(f.desk).Body, codes[0]) || strings.Contains(b.get(f.desk).Body, strings.ReplaceAll(b32(secret), "=", "")) {
			t.Error("a secret is shown again")
		}
		// The way in asks for it now, and goes on under another token.
		w.clock.Add(time.Minute)
		b = w.browser()
		p = f.password(b)
		if p.URL.Path != f.door+"/mfa" || b.cookie(f.cookie) != "" {
			t.Fatalf("after the password: %s %s", p.URL, p.text("main"))
		}
		if q := b.get(f.home); q.URL.Path != f.door {
			t.Errorf("half-way in, %s opens %s", f.home, q.URL)
		}
		code := w.codeNow(secret)
		if q := p.submit("#mfa-form", url.Values{"code": {code}}); q.URL.Path != f.home {
			t.Fatalf("with the code: %s %s", q.URL, q.text("main"))
		}
		// T-44: not with the code that was taken, but with a recovery code, once.
		b = w.browser()
		p = f.password(b)
		if q := p.submit("#mfa-form", url.Values{"code": {code}}); q.URL.Path == f.home || q.Status != http.StatusUnprocessableEntity {
			t.Errorf("the same code again: %d %s", q.Status, q.URL)
		}
		p = b.get(f.door+"/mfa?with=recovery").submit("#mfa-form", url.Values{"code": {strings.ToUpper(codes[4])}})
		if p.URL.Path != f.home {
			t.Fatalf("with a recovery code: %s %s", p.URL, p.text("main"))
		}
		if p := b.get(f.desk); !strings.Contains(p.text("#mfa-codes"), "9 of 10 left") {
			t.Errorf("%s", p.text("#mfa-codes"))
		}
		b = w.browser()
		f.password(b)
		if p := b.get(f.door+"/mfa?with=recovery").submit("#mfa-form", url.Values{"code": {codes[4]}}); p.URL.Path == f.home {
			t.Error("a recovery code opened twice")
		}
	})
}

func b32(secret []byte) string { return base32.StdEncoding.EncodeToString(secret) }

// Five wrong codes end a sign-in, and the person is asked to wait however they
// begin anew; a right password forgives nothing.
func TestAttack_T43_GuessedCodes(t *testing.T) {
	eachFactor(t, func(t *testing.T, w *site, f factorPlace) {
		home := w.browser()
		f.password(home)
		secret, _ := home.enrolOnProfile(f.desk)
		w.clock.Add(time.Minute)
		wrong, taken := 0, 0
		for range 4 {
			b := w.browser()
			p := f.password(b)
			for range 4 {
				q := p.submit("#mfa-form", url.Values{"code": {"000000"}})
				wrong++
				if q.Status == http.StatusUnprocessableEntity {
					taken++
				} else if q.Status != http.StatusTooManyRequests {
					t.Fatalf("guess %d: %d %s", wrong, q.Status, q.text("main"))
				}
			}
		}
		if taken != backoffice.MFATries {
			t.Errorf("%d guesses of %d were looked at, want %d", taken, wrong, backoffice.MFATries)
		}
		// A right code does not help who has guessed, until the time is over.
		b := w.browser()
		p := f.password(b)
		if q := p.submit("#mfa-form", url.Values{"code": {w.codeNow(secret)}}); q.URL.Path == f.home || q.Header.Get("Retry-After") == "" {
			t.Errorf("at once: %d %s", q.Status, q.URL)
		}
		// T-48: the browser that they are known by is not kept out by strangers.
		home.submitSignOut(f)
		p = f.password(home)
		if q := p.submit("#mfa-form", url.Values{"code": {w.codeNow(secret)}}); q.URL.Path != f.home {
			t.Errorf("from a known browser: %d %s", q.Status, q.text("main"))
		}
		w.clock.Add(backoffice.MFALockMinutes*time.Minute + time.Second)
		p = f.password(w.browser())
		if q := p.submit("#mfa-form", url.Values{"code": {w.codeNow(secret)}}); q.URL.Path != f.home {
			t.Errorf("after the time: %d %s", q.Status, q.text("main"))
		}
	})
}

func (b *browser) submitSignOut(f factorPlace) {
	b.t.Helper()
	path := "/sign-out"
	if f.kind == "staff" {
		path = "/backoffice/sign-out"
	}
	if p := b.get(f.home).submit("form[action='"+path+"']", nil); p.URL.Path != f.door {
		b.t.Fatalf("signed out: %s", p.URL)
	}
}

// One sign-in takes five codes, also when they come at once.
func TestAttack_T43_OneChallenge(t *testing.T) {
	eachFactor(t, func(t *testing.T, w *site, f factorPlace) {
		home := w.browser()
		f.password(home)
		secret, _ := home.enrolOnProfile(f.desk)
		w.clock.Add(time.Minute)
		// From a known browser and from others the counts of the person differ; that
		// of the sign-in is one.
		home.submitSignOut(f)
		p := f.password(home)
		ended := 0
		for range backoffice.MFATries + 3 {
			if q := p.submit("#mfa-form", url.Values{"code": {"000000"}}); strings.Contains(q.text("h1"), "Sign in again") {
				ended++
			}
			w.clock.Add(31 * time.Second) // past the delays
		}
		if ended != 3 {
			t.Errorf("%d of the tries after five were told that it is over", ended)
		}
		if q := p.submit("#mfa-form", url.Values{"code": {w.codeNow(secret)}}); q.URL.Path == f.home {
			t.Error("a right code after five wrong ones got in")
		}
	})
}

// A change of second factors needs a credential that was shown within five
// minutes: the factor itself, from who has one.
func TestAttack_T45_ChangeNeedsFreshProof(t *testing.T) {
	eachFactor(t, func(t *testing.T, w *site, f factorPlace) {
		b := w.browser()
		f.password(b)
		w.clock.Add(5*time.Minute + time.Second)
		p := b.get(f.desk).submit("#begin-app-form", nil)
		if p.URL.Path != f.desk+"/proof" {
			t.Fatalf("set up, after five minutes: %s", p.URL)
		}
		right := userPassphrase
		if f.kind == "staff" {
			right = passphrase
		}
		if q := p.submit("#proof-form", url.Values{"password": {"not the password at all"}}); q.Status != http.StatusUnprocessableEntity {
			t.Errorf("a wrong password: %d", q.Status)
		}
		before := b.cookie(f.cookie)
		if q := p.submit("#proof-form", url.Values{"password": {right}}); q.URL.Path != f.desk || b.cookie(f.cookie) == before {
			t.Fatalf("with the password: %s", q.URL)
		}
		elsewhere := w.browser()
		f.password(elsewhere)
		secret, _ := b.enrolOnProfile(f.desk)
		if q := elsewhere.get(f.desk); q.URL.Path != f.door {
			t.Errorf("another session goes on at %s", q.URL)
		}
		w.clock.Add(5*time.Minute + time.Second)
		for what, form := range map[string]string{"remove": "#remove-app form", "new codes": "#renew-codes form"} {
			if q := b.get(f.desk).submit(form, nil); q.URL.Path != f.desk+"/proof" {
				t.Errorf("%s: %s", what, q.URL)
			}
		}
		// The password is not enough any more.
		p = b.get(f.desk + "/proof")
		if p.Find("input[type=password]").Length() != 0 {
			t.Error("the password is asked for, of who has a second factor")
		}
		before = b.cookie(f.cookie)
		if q := p.submit("#proof-form", url.Values{"code": {w.codeNow(secret)}}); q.URL.Path != f.desk || b.cookie(f.cookie) == before {
			t.Fatalf("with the code: %s %s", q.URL, q.text("main"))
		}
		p = b.get(f.desk).submit("#renew-codes form", nil)
		codes := p.codesOf()
		if p = b.get(f.desk).submit("#remove-app form", nil); p.URL.Path != f.desk || p.Find("#mfa-codes").Length() != 0 {
			t.Errorf("removed: %s %s", p.URL, p.text("main"))
		}
		b = w.browser()
		if p := f.password(b); p.URL.Path != f.home {
			t.Errorf("after the removal: %s", p.URL)
		}
		if hash, ok := auth.HashRecoveryCode(codes[0]); !ok || hash == nil {
			t.Error("a code of ours is none")
		}
	})
}

// T-42 and T-28: with a password alone, no route but those of the second factor
// answers, and none of them leads around it.
func TestAttack_T42_HalfWayIn(t *testing.T) {
	eachFactor(t, func(t *testing.T, w *site, f factorPlace) {
		home := w.browser()
		f.password(home)
		home.enrolOnProfile(f.desk)
		b := w.browser().still()
		pending := "steward-sign-in"
		if f.kind == "staff" {
			pending = "steward-sign-in-staff"
			b.signIn(f.email, passphrase)
			b.postForm(f.door, url.Values{"email": {f.email}, "password": {passphrase}})
		} else {
			b.postForm("/sign-in", url.Values{"email": {f.email}})
			b.postForm("/sign-in/password", url.Values{"email": {f.email}, "password": {userPassphrase}})
		}
		token := b.cookie(pending)
		if token == "" {
			t.Fatal("no sign-in is under way")
		}
		for _, e := range w.probe.Table() {
			path := strings.NewReplacer(":id", "nord").Replace(e.Path)
			for _, body := range []string{"", "with=app", "with=app&code=", "code=1&code=2", "with=recovery&code=----", "with=passkey&credential={}", "account=nord", "with=&next=/portal"} {
				if e.Method == http.MethodGet && body != "" {
					continue
				}
				got := w.raw(raw{method: e.Method, path: path, body: body, cookies: map[string]string{pending: token}})
				if got.cookie(f.cookie) != "" {
					t.Fatalf("%s %s %q began a session", e.Method, path, body)
				}
				public := e.Permission == "" && e.Scope == "" && !e.Portal
				if !public && got.Status < 400 && !got.toSignInOf(e) {
					t.Errorf("%s %s %q: %d %s", e.Method, path, body, got.Status, got.Header.Get("Location"))
				}
				if e.Method == http.MethodPost && strings.HasSuffix(path, "/cancel") {
					f.again(w, b, &token, pending)
				}
			}
		}
	})
}

// again begins the sign-in anew, where one was given up.
func (f factorPlace) again(w *site, b *browser, token *string, pending string) {
	if f.kind == "staff" {
		b.postForm(f.door, url.Values{"email": {f.email}, "password": {passphrase}})
	} else {
		b.postForm("/sign-in", url.Values{"email": {f.email}})
		b.postForm("/sign-in/password", url.Values{"email": {f.email}, "password": {userPassphrase}})
	}
	*token = b.cookie(pending)
}

func (b *browser) postForm(path string, values url.Values) *shown {
	b.t.Helper()
	req, _ := http.NewRequest(http.MethodPost, b.absolute(path), strings.NewReader(values.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req, nil)
}

// Where a second factor is demanded, who has none enrols it on the way in.
func TestForcedEnrolment(t *testing.T) {
	eachFactor(t, func(t *testing.T, w *site, f factorPlace) {
		session := w.browser()
		f.password(session)
		w.forceMFA(f)
		if p := session.get(f.desk); p.URL.Path != f.door {
			t.Errorf("a session begun without one goes on at %s", p.URL)
		}
		b := w.browser()
		p := f.password(b)
		if p.URL.Path != f.door+"/enrol" {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		p = p.submit("#enrol-app-form", nil)
		secret := p.appKeyOf()
		if q := b.get(f.home); q.URL.Path != f.door {
			t.Errorf("pending, %s opens %s", f.home, q.URL)
		}
		p = p.submit("#app-code-form", url.Values{"code": {w.codeNow(secret)}})
		p.codesOf()
		if q := b.get(f.door + "/enrol"); q.URL.Path == f.door+"/enrol" {
			t.Errorf("enrolled, and asked to enrol again")
		}
		if p = p.submit("#codes-form", nil); p.URL.Path != f.home {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		p = b.get(f.desk)
		if p.Find("#remove-app").Length() != 0 || !strings.Contains(p.text("#mfa-app"), "It stays") {
			t.Errorf("%s", p.text("#mfa-app"))
		}
		if q := b.postForm(f.desk+"/authenticator/removal", nil); q.Status != http.StatusUnprocessableEntity {
			t.Errorf("removing the last one: %d", q.Status)
		}
		w.clock.Add(time.Minute)
		if p := f.password(w.browser()); p.URL.Path != f.door+"/mfa" {
			t.Errorf("the next time: %s", p.URL)
		}
	})
}

func (w *site) forceMFA(f factorPlace) {
	w.t.Helper()
	if f.kind == "staff" {
		if err := w.store.ForceStaffMFA(ctx, backoffice.CommandLine(), true); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	p, err := w.store.PolicyOf(ctx, "nord")
	if err != nil {
		w.t.Fatal(err)
	}
	p.Own.MFAForce = backoffice.Some(backoffice.Force)
	if err := w.store.SavePolicy(ctx, backoffice.CommandLine(), "nord", p.Own, p.Version); err != nil {
		w.t.Fatal(err)
	}
}

// T-46: a remembered browser is not asked again, until the policy says otherwise.
func TestAttack_T46_RememberedOnTheWayIn(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		f := factorPlace{"user", "uma@nord.example", "/profile/mfa", "/sign-in", "/portal", "steward-user"}
		b := w.browser()
		f.password(b)
		secret, _ := b.enrolOnProfile(f.desk)
		w.clock.Add(time.Minute)
		b.submitSignOut(f)
		p := f.password(b)
		if !strings.Contains(p.text("#mfa-form"), "Remember this device for 14 days") {
			t.Fatalf("%s", p.text("main"))
		}
		if p = p.submit("#mfa-form", url.Values{"code": {w.codeNow(secret)}, "remember": {"yes"}}); p.URL.Path != "/portal" {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		device := b.cookie("steward-user-device")
		b.submitSignOut(f)
		w.clock.Add(10 * time.Minute)
		if p := f.password(b); p.URL.Path != "/portal" {
			t.Fatalf("remembered: %s", p.URL)
		}
		// It was not shown now: a change of credentials asks for it.
		if p := b.get(f.desk).submit("#remove-app form", nil); p.URL.Path != f.desk+"/proof" {
			t.Errorf("remembered and fresh: %s", p.URL)
		}
		// Somebody else with the cookie, and the same with another address.
		thief := w.browser()
		other := "A"
		if strings.HasPrefix(device, other) {
			other = "B"
		}
		thief.setCookie("steward-user-device", other+device[1:])
		if p := f.password(thief); p.URL.Path != "/sign-in/mfa" {
			t.Errorf("with another cookie: %s", p.URL)
		}
		p2, err := w.store.PolicyOf(ctx, "nord")
		if err != nil {
			t.Fatal(err)
		}
		p2.Own.RememberDays = backoffice.Some(0)
		if err := w.store.SavePolicy(ctx, backoffice.CommandLine(), "nord", p2.Own, p2.Version); err != nil {
			t.Fatal(err)
		}
		b.submitSignOut(f)
		if p := f.password(b); p.URL.Path != "/sign-in/mfa" || strings.Contains(p.text("main"), "Remember") {
			t.Errorf("where the policy says always: %s %s", p.URL, p.text("main"))
		}
	})
}

// T-47: a new password by mail does not lead around the second factor.
func TestAttack_T47_ResetKeepsTheSecondFactor(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		f := factorPlace{"user", "uma@nord.example", "/profile/mfa", "/sign-in", "/portal", "steward-user"}
		b := w.browser()
		mailed := func(kind backoffice.MailKind) backoffice.Mail {
			t.Helper()
			for {
				if m := w.mailed(); m.Kind == kind {
					return m
				}
			}
		}
		b.get("/sign-in").submit("#address-form", url.Values{"email": {f.email}}).submit("#link-form", nil)
		m := mailed(backoffice.MailSignIn)
		b.get("/sign-in/link?token="+m.Token).submit("#use-link-form", nil) // proves the address, and with it drops the password
		b.enrolOnProfile(f.desk)
		other := w.browser()
		other.get("/sign-in").submit("#address-form", url.Values{"email": {f.email}}).submit("#reset-form", nil)
		m = mailed(backoffice.MailReset)
		p := other.get("/sign-in/reset?token="+m.Token).submit("#reset-password-form", url.Values{"password": {"eleven green bottles"}, "again": {"eleven green bottles"}})
		if p.Status != http.StatusOK {
			t.Fatalf("%d %s", p.Status, p.text("main"))
		}
		if p := other.userSignIn(f.email, "eleven green bottles"); p.URL.Path != "/sign-in/mfa" {
			t.Errorf("after the reset: %s", p.URL)
		}
		// Nor does a link by mail.
		other = w.browser()
		other.get("/sign-in").submit("#address-form", url.Values{"email": {f.email}}).submit("#link-form", nil)
		m = mailed(backoffice.MailSignIn)
		if p := other.get("/sign-in/link?token="+m.Token).submit("#use-link-form", nil); p.URL.Path != "/sign-in/mfa" {
			t.Errorf("by a link: %s", p.URL)
		}
	})
}

func TestMFASwitchedOffOffersNothing(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		e, err := w.store.EnvironmentPolicy(ctx)
		if err != nil {
			t.Fatal(err)
		}
		e.Own.MFAEnabled = backoffice.Some(false)
		if err := w.store.SaveEnvironmentPolicy(ctx, backoffice.CommandLine(), e.Own, e.Version); err != nil {
			t.Fatal(err)
		}
		b := w.browser()
		b.userSignIn("uma@nord.example", userPassphrase)
		p := b.get("/profile/mfa")
		if p.Find("#begin-app-form").Length() != 0 || !strings.Contains(p.text("main"), "MFA is switched off") {
			t.Errorf("%s", p.text("main"))
		}
		before := storetest.Dump(t, w.store)
		for _, path := range []string{"/authenticator", "/passkeys", "/passkeys/challenge", "/authenticator/code"} {
			if q := b.postForm("/profile/mfa"+path, nil); q.Status != http.StatusConflict && q.URL.Path != "/profile/mfa" {
				t.Errorf("%s: %d %s", path, q.Status, q.URL)
			}
		}
		w.unchanged(before, "enrolling where MFA is off")
	})
}

func TestOwnersForceAndResetMFAOfStaff(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		owner, viewer := w.browser(), w.browser()
		owner.signIn("owner@vendor.example", passphrase)
		viewer.signIn("viewer@vendor.example", passphrase)
		viewer.enrolOnProfile("/backoffice/mfa")
		p := owner.get("/backoffice/settings/staff-mfa")
		if p.Status != http.StatusOK || !strings.Contains(p.text("#staff-factors"), "Authenticator app") {
			t.Fatalf("%d %s", p.Status, p.text("main"))
		}
		if q := viewer.get("/backoffice/settings/staff-mfa"); q.Status != http.StatusForbidden {
			t.Errorf("a viewer: %d", q.Status)
		}
		p = p.submit("#staff-factors ~ form, dialog form", nil)
		if !strings.Contains(p.text("main"), "None") || viewer.get("/backoffice/mfa").URL.Path != "/backoffice/sign-in" {
			t.Errorf("reset: %s", p.text("main"))
		}
		p = owner.get("/backoffice/settings/staff-mfa").submit("#staff-mfa-form", url.Values{"force": {"yes"}})
		if p.URL.Path != "/backoffice/sign-in" {
			t.Errorf("forced: %s", p.URL)
		}
		if p := owner.signIn("owner@vendor.example", passphrase); p.URL.Path != "/backoffice/sign-in/enrol" {
			t.Errorf("the next sign-in: %s", p.URL)
		}
		if got := fmt.Sprint(w.raw(raw{method: "GET", path: "/backoffice/sign-in/mfa"}).Status); got != "303" {
			t.Errorf("without a sign-in under way: %s", got)
		}
	})
}

// A user who lost the second factor asks staff: it is gone with their sessions and
// recovery codes, they are told by mail, and come in by their password until they
// enrol anew. Nobody else's is touched, and who may only read is offered nothing.
func TestStaffResetMFAOfAUser(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		uma, hana, viewer, manager := w.browser(), w.browser(), w.browser(), w.browser()
		uma.userSignIn("uma@nord.example", userPassphrase)
		_, codes := uma.enrolOnProfile("/profile/mfa")
		hana.userSignIn("hana@nord.example", userPassphrase).submit("#choice-form", url.Values{"account": {"nord"}})
		hana.enrolOnProfile("/profile/mfa")
		for range 2 {
			w.mailed()
		}
		u, _, err := w.store.UserCredentials(ctx, "uma@nord.example")
		if err != nil {
			t.Fatal(err)
		}
		page := "/backoffice/users/" + u.ID
		viewer.signIn("viewer@vendor.example", passphrase)
		if p := viewer.get(page); p.Status != http.StatusOK || p.Find("#mfa button, #reset-mfa").Length() != 0 {
			t.Errorf("a viewer: %d %s", p.Status, p.text("#mfa"))
		}
		manager.signIn("manager@vendor.example", passphrase)
		p := manager.get(page).submit("#reset-mfa form", nil)
		if p.Status != http.StatusOK || !strings.Contains(p.text("#mfa"), "No second factor is enrolled.") || p.Find("#reset-mfa").Length() != 0 {
			t.Fatalf("%d %s", p.Status, p.text("#mfa"))
		}
		if p := uma.get("/profile/mfa"); p.URL.Path != "/sign-in" {
			t.Errorf("their session: %s", p.URL)
		}
		if p := hana.get("/profile/mfa"); p.URL.Path != "/profile/mfa" || !strings.Contains(p.text("main"), "Authenticator app") {
			t.Errorf("somebody else: %s", p.URL)
		}
		if m := w.mailed(); m.To != "uma@nord.example" || m.Kind != backoffice.MailFactor || m.Factor != "Your second factors were reset" {
			t.Errorf("%+v", m)
		}
		h := backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: u.Key}
		hash, ok := auth.HashRecoveryCode(codes[0])
		if _, err := w.store.UseRecoveryCode(ctx, backoffice.System(), h, hash); !ok || !errors.Is(err, backoffice.ErrWrongCode) {
			t.Errorf("a recovery code from before: %v", err)
		}
		if p := w.browser().userSignIn("uma@nord.example", userPassphrase); p.URL.Path != "/portal" {
			t.Errorf("by the password alone: %s", p.URL)
		}
		// Where one is demanded, the next sign-in is an enrolment.
		w.forceMFA(factorPlace{kind: "user"})
		if p := w.browser().userSignIn("uma@nord.example", userPassphrase); p.URL.Path != "/sign-in/enrol" {
			t.Errorf("where one is forced: %s", p.URL)
		}
	})
}

// Who enters an account for the first time meets its policy before it: no session
// begins that the policy would end.
func TestForcedEnrolmentAtTheFirstAccount(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		w.forceMFA(factorPlace{kind: "user"}) // of nord alone
		b := w.browser()
		p := b.userSignIn("uma@nord.example", userPassphrase)
		if p.URL.Path != "/sign-in/enrol" {
			t.Errorf("of one account: %s", p.URL)
		}
		b = w.browser()
		p = b.userSignIn("hana@nord.example", userPassphrase)
		if p.URL.Path != "/sign-in/accounts" {
			t.Fatalf("of two: %s", p.URL)
		}
		if p = p.submit("#choice-form", url.Values{"account": {"nord"}}); p.URL.Path != "/sign-in/enrol" || b.cookie("steward-user") != "" {
			t.Fatalf("nord was chosen: %s", p.URL)
		}
		account, err := w.store.Account(ctx, "nord")
		if err != nil || account.Visits != 0 {
			t.Errorf("a visit before the second factor: %+v, %v", account.Visits, err)
		}
		p = p.submit("#enrol-app-form", nil)
		p = p.submit("#app-code-form", url.Values{"code": {w.codeNow(p.appKeyOf())}})
		p.codesOf()
		if p = p.submit("#codes-form", nil); p.URL.Path != "/portal" || !strings.Contains(p.text("h1"), "Nord AG") {
			t.Errorf("%s %s", p.URL, p.text("main"))
		}
		// The other account asks for nothing, of who has nothing.
		w.member("sued", "otto@sued.example", backoffice.RoleReadOnly)
		if p := b.get("/portal").submit("#switch form", url.Values{"account": {"sued"}}); !strings.Contains(p.text("h1"), "Sued AG") {
			t.Errorf("switched: %s", p.text("main"))
		}
	})
}
