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
)

// openSignUp lets people sign up by themselves.
func (w *site) openSignUp(verify bool) {
	w.t.Helper()
	if err := w.store.SaveSignUpSettings(ctx, backoffice.CommandLine(), backoffice.SignUpSettings{Open: true, Verify: verify}); err != nil {
		w.t.Fatal(err)
	}
}

// sound fails where the check of the database finds anything.
func (w *site) sound() {
	w.t.Helper()
	if _, err := w.store.Check(ctx, func(f store.Finding) { w.t.Errorf("%s: %s", f.What, f.Detail) }); err != nil {
		w.t.Fatal(err)
	}
}

// noMail fails where a mail waits.
func (w *site) noMail() {
	w.t.Helper()
	if m, err := w.store.LeaseMail(ctx); err == nil {
		w.t.Errorf("a mail %s to %s", m.Kind, m.To)
	}
}

func newcomer(email string) url.Values {
	return url.Values{"email": {email}, "name": {"Nora Lind"}, "account": {"Lind & Töchter"}, "password": {userPassphrase}, "again": {userPassphrase}}
}

// standing is how the user with the address stands in their only account.
func (w *site) standing(email string) (backoffice.MembershipStatus, backoffice.User) {
	w.t.Helper()
	u, _, err := w.store.UserCredentials(ctx, email)
	if err != nil {
		w.t.Fatal(err)
	}
	page, err := w.store.Accounts(ctx, backoffice.AccountFilter{}, "")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, row := range page.Rows {
		if row.PrimaryEmail != email {
			continue
		}
		account, err := w.store.Account(ctx, row.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		members, err := w.store.Members(ctx, account, backoffice.MemberFilter{})
		if err != nil {
			w.t.Fatal(err)
		}
		return members.Rows[0].Status, u
	}
	return "", u
}

func TestSignUpIsASetting(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		visitor := w.browser()
		if p := visitor.get("/sign-up"); p.Status != http.StatusNotFound {
			t.Errorf("closed: %d", p.Status)
		}
		if p := w.raw(raw{method: "POST", path: "/sign-up", body: newcomer("nora@lind.example").Encode()}); p.Status != http.StatusNotFound {
			t.Errorf("closed, posted: %d", p.Status)
		}
		if n := visitor.get("/sign-in").Find("a[href='/sign-up']").Length(); n != 0 {
			t.Error("the sign-in page leads to a page that is closed")
		}
		b := w.browser()
		b.signIn("owner@vendor.example", passphrase)
		p := b.get("/backoffice/settings/sign-up")
		if p.Find("#open[checked]").Length() != 0 || p.Find("#verify[checked]").Length() != 1 {
			t.Errorf("a new installation: %s", p.text("main"))
		}
		p = p.submit("#sign-up-settings-form", url.Values{"open": {"on"}})
		if p.Find("#open[checked]").Length() != 1 || p.Find("#verify[checked]").Length() != 1 {
			t.Errorf("saved: %d %s", p.Status, p.text("main"))
		}
		if trail := b.get("/backoffice/audit").text("main"); !strings.Contains(trail, "let people sign up by themselves") {
			t.Errorf("the trail: %s", trail)
		}
		if n := visitor.get("/sign-in").Find("a[href='/sign-up']").Length(); n != 1 {
			t.Error("the sign-in page does not lead to sign-up")
		}
		b.get("/backoffice/settings/sign-up").submit("#sign-up-settings-form", url.Values{"open": nil, "verify": nil})
		if trail := b.get("/backoffice/audit").text("main"); !strings.Contains(trail, "closed sign-up") || !strings.Contains(trail, "without e-mail verification") {
			t.Errorf("the trail: %s", trail)
		}
		if p := visitor.get("/sign-up"); p.Status != http.StatusNotFound {
			t.Errorf("closed again: %d", p.Status)
		}
		viewer := w.browser()
		viewer.signIn("viewer@vendor.example", passphrase)
		if p := viewer.get("/backoffice/settings/sign-up"); p.Status != http.StatusOK || p.Find("form#sign-up-settings-form").Length() != 0 {
			t.Errorf("a viewer: %d", p.Status)
		}
	})
}

func TestSignUpRefusesAtTheField(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		w.openSignUp(true)
		for why, change := range map[string]url.Values{
			"#email-problem | Enter your":        {"email": {""}},
			"#name-problem | Enter your name":    {"name": {" "}},
			"#account-problem | Enter a name":    {"account": {""}},
			"#password-problem | At least 15":    {"password": {"short"}, "again": {"short"}},
			"#password-problem | Not containing": {"password": {"nora@lind.example!"}, "again": {"nora@lind.example!"}},
			"#again-problem | not the same":      {"again": {"something else entirely"}},
		} {
			form := newcomer("nora@lind.example")
			for k, v := range change {
				form[k] = v
			}
			p := w.browser().get("/sign-up").submit("#sign-up-form", form)
			at, sentence, _ := strings.Cut(why, " | ")
			if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text(at), sentence) {
				t.Errorf("%s: %d %s", why, p.Status, p.text("main"))
			}
			for _, field := range []string{"email", "name", "account"} {
				if got, _ := p.Find("#" + field).Attr("value"); got != form.Get(field) && field != "name" {
					t.Errorf("%s: %s is %q", why, field, got)
				}
			}
			for _, field := range []string{"password", "again"} {
				if got, _ := p.Find("#" + field).Attr("value"); got != "" {
					t.Errorf("%s: the password comes back", why)
				}
			}
		}
		// The list of rules is the environment's.
		policy, err := w.store.EnvironmentPolicy(ctx)
		if err != nil {
			t.Fatal(err)
		}
		policy.Own.Complexity = backoffice.Some(backoffice.Complexity{MinLength: 30})
		if err := w.store.SaveEnvironmentPolicy(ctx, backoffice.CommandLine(), policy.Own, policy.Version); err != nil {
			t.Fatal(err)
		}
		p := w.browser().get("/sign-up")
		if !strings.Contains(p.text("#password-rules"), "30") {
			t.Errorf("rules: %s", p.text("#password-rules"))
		}
		if p := p.submit("#sign-up-form", newcomer("nora@lind.example")); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text("#password-problem"), "At least 30") {
			t.Errorf("under the policy: %d %s", p.Status, p.text("main"))
		}
		w.noMail()
	})
}

func TestSignUpWithVerification(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		w.openSignUp(true)
		b := w.browser()
		p := b.get("/sign-up").submit("#sign-up-form", newcomer("Nora@Lind.Example"))
		if p.URL.Path != "/sign-up/mail" || !strings.Contains(p.text("main"), "nora@lind.example") {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		if status, u := w.standing("nora@lind.example"); status != backoffice.NotActive || u.Verified {
			t.Errorf("%s, verified %t", status, u.Verified)
		}
		first := w.mailed()
		if first.Kind != backoffice.MailVerify || first.To != "nora@lind.example" || !first.ExpiresAt.Equal(w.clock.Now().Add(24*time.Hour).Truncate(time.Microsecond)) {
			t.Fatalf("%+v", first)
		}
		// The password alone leads to the stop page, which sends the link again.
		p = b.userSignIn("nora@lind.example", userPassphrase)
		if p.URL.Path != "/sign-in/stop" || b.get("/portal").URL.Path != "/sign-in" {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		if p := b.get("/sign-in/stop").submit("#send-link-form", nil); p.URL.Path != "/sign-up/mail" {
			t.Fatalf("again: %s", p.URL)
		}
		m := w.mailed()
		if p := w.browser().get("/sign-up/verify?token=" + first.Token); p.Status != http.StatusNotFound {
			t.Errorf("the link before: %d", p.Status)
		}
		// T-29: the token leaves the address; looking uses nothing up.
		if p := w.browser().still().get("/sign-up/verify?token=" + m.Token); p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/sign-up/verify" || p.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("landing: %d %v", p.Status, p.Header)
		}
		for _, wrong := range []string{"", "wrong wrong wrong 1"} {
			p := w.browser().get("/sign-up/verify?token="+m.Token).submit("#verify-form", url.Values{"password": {wrong}})
			if p.Status != http.StatusUnprocessableEntity {
				t.Errorf("%q: %d", wrong, p.Status)
			}
		}
		other := w.browser()
		p = other.get("/sign-up/verify?token="+m.Token).submit("#verify-form", url.Values{"password": {userPassphrase}})
		if p.URL.Path != "/portal" || !strings.Contains(p.text("h1"), "Lind & Töchter") {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		if status, u := w.standing("nora@lind.example"); status != backoffice.Activated || !u.Verified {
			t.Errorf("%s, verified %t", status, u.Verified)
		}
		if p := w.browser().get("/sign-up/verify?token=" + m.Token); p.Status != http.StatusNotFound {
			t.Errorf("a second time: %d", p.Status)
		}
		if p := other.get("/portal/users/new"); p.Status != http.StatusOK {
			t.Errorf("the first user manages the account: %d", p.Status)
		}
		w.sound()
	})
}

func TestSignUpWithoutVerification(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		w.openSignUp(false)
		b := w.browser()
		p := b.get("/sign-up").submit("#sign-up-form", newcomer("nora@lind.example"))
		if p.URL.Path != "/portal" || !strings.Contains(p.text("h1"), "Lind & Töchter") {
			t.Fatalf("%s %s", p.URL, p.text("main"))
		}
		if status, u := w.standing("nora@lind.example"); status != backoffice.Activated || u.Verified {
			t.Errorf("%s, verified %t", status, u.Verified)
		}
		if p := b.get("/sign-up"); p.URL.Path != "/portal" {
			t.Errorf("signed in: %s", p.URL)
		}
		w.noMail()
		w.sound()
	})
}

// T-33: who signs up with a known address reads what everybody reads; its owner
// gets a mail, and there is no second account and no other password.
func TestAttack_T33_SignUpTellsNothing(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		w.openSignUp(true)
		try := func(email string) string {
			b := w.browser().still()
			p := b.get("/sign-up").submit("#sign-up-form", newcomer(email))
			all := []string{p.Header.Get("Location")}
			p = b.get("/sign-up/mail")
			return strings.Join(append(all, http.StatusText(p.Status), strings.ReplaceAll(p.Body, email, "EMAIL")), "\n")
		}
		before, err := w.store.Accounts(ctx, backoffice.AccountFilter{}, "")
		if err != nil {
			t.Fatal(err)
		}
		known := try("uma@nord.example")
		if m := w.mailed(); m.Kind != backoffice.MailKnown || m.To != "uma@nord.example" || m.Token != "" {
			t.Errorf("%+v", m)
		}
		after, err := w.store.Accounts(ctx, backoffice.AccountFilter{}, "")
		if err != nil || len(after.Rows) != len(before.Rows) {
			t.Errorf("%d accounts, %d before, %v", len(after.Rows), len(before.Rows), err)
		}
		unknown := try("una@nord.example")
		if known != unknown {
			t.Errorf("a known address answers\n%s\n\nan unknown one\n%s", known, unknown)
		}
		if m := w.mailed(); m.Kind != backoffice.MailVerify {
			t.Errorf("%+v", m)
		}
		if again := try("una@nord.example"); again != unknown {
			t.Error("an address that waits to be proved answers otherwise")
		}
		if m := w.mailed(); m.Kind != backoffice.MailVerify {
			t.Errorf("again: %+v", m)
		}
		w.sound()
	})
}

// T-21: somebody signs up with another's address. The owner's click alone does not
// let them in, and once the owner comes in by their mailbox, nothing of the other
// is left.
func TestAttack_T21_SignUpWithAnothersAddress(t *testing.T) {
	for _, verify := range []bool{true, false} {
		eachGate(t, func(t *testing.T, w *site) {
			w.openSignUp(verify)
			attacker := w.browser()
			attacker.get("/sign-up").submit("#sign-up-form", newcomer("vera@opfer.example"))
			if verify {
				link := w.mailed()
				attacker.userSignIn("vera@opfer.example", userPassphrase)
				vera := w.browser()
				vera.get("/sign-up/verify?token="+link.Token).submit("#verify-form", url.Values{"password": {"what vera would have chosen"}})
				if _, u := w.standing("vera@opfer.example"); u.Verified {
					t.Error("the click alone proved the address")
				}
			} else if p := attacker.get("/profile").submit("#profile-address form", url.Values{"new_email": {"eve@elsewhere.example"}, "address_password": {userPassphrase}}); p.URL.Path != "/profile" {
				t.Fatalf("%s %s", p.URL, p.text("main"))
			}
			var change backoffice.Mail
			if !verify { // a link waits at the attacker's own address
				if change = w.mailed(); change.Kind != backoffice.MailChange || change.To != "eve@elsewhere.example" {
					t.Fatalf("%+v", change)
				}
				w.mailed() // the notice
			}
			vera := w.browser()
			vera.get("/sign-in").submit("#address-form", url.Values{"email": {"vera@opfer.example"}}).submit("#link-form", nil)
			p := vera.get("/sign-in/link?token="+w.mailed().Token).submit("#use-link-form", nil)
			if p.URL.Path != "/portal" {
				t.Fatalf("the owner: %s %s", p.URL, p.text("main"))
			}
			if p := attacker.get("/portal"); p.URL.Path == "/portal" {
				t.Error("the attacker's session is left")
			}
			if p := w.browser().userSignIn("vera@opfer.example", userPassphrase); p.Status != http.StatusUnprocessableEntity {
				t.Errorf("the attacker's password: %d %s", p.Status, p.URL)
			}
			if !verify {
				if _, err := w.store.MailedLink(ctx, store.LinkChange, mustHash(t, auth.ChangeLinkToken, change.Token)); err == nil {
					t.Error("the attacker's link to another address is left")
				}
			}
			w.sound()
		})
	}
}

func mustHash(t *testing.T, p auth.Purpose, token string) []byte {
	t.Helper()
	hash, ok := p.Hash(token)
	if !ok {
		t.Fatalf("%q is no token", token)
	}
	return hash
}

// T-24, T-25, T-30: where links lead, whom they are sent to, and what opens them.
func TestAttack_T30_LinksOfSignUp(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		w.openSignUp(true)
		for _, body := range []string{
			"email=nora@lind.example&email=eve@elsewhere.example&" + newcomer("x@y.example").Encode(),
			newcomer("x@y.example").Encode() + "&password=" + url.QueryEscape(userPassphrase),
		} {
			if got := w.raw(raw{method: "POST", path: "/sign-up", body: body}); got.Status != http.StatusBadRequest {
				t.Errorf("%s: %d", body, got.Status)
			}
		}
		if got := w.raw(raw{method: "POST", path: "/sign-up", body: `{"email":"nora@lind.example"}`, header: map[string]string{"Content-Type": "application/json"}}); got.Status != http.StatusUnsupportedMediaType {
			t.Errorf("JSON: %d", got.Status)
		}
		w.noMail()
		w.browser().get("/sign-up").submit("#sign-up-form", newcomer("nora@lind.example"))
		m := w.mailed()
		flip := func(s string) string {
			if s[0] == 'A' {
				return "B" + s[1:]
			}
			return "A" + s[1:]
		}
		for _, path := range []string{"/sign-in/link", "/sign-in/reset", "/profile/address/confirm", "/sign-in/address"} {
			p := w.browser().get(path + "?token=" + m.Token)
			if p.Status != http.StatusNotFound && p.URL.Path != "/sign-in" {
				t.Errorf("%s: %d %s", path, p.Status, p.URL)
			}
		}
		for _, token := range []string{m.Token[:42], m.Token + "A", flip(m.Token), strings.ToUpper(m.Token), m.Token + "=", "x"} {
			if p := w.browser().get("/sign-up/verify?token=" + url.QueryEscape(token)); p.Status != http.StatusNotFound {
				t.Errorf("%q: %d", token, p.Status)
			}
		}
		w.clock.Add(24*time.Hour + time.Second)
		if p := w.browser().get("/sign-up/verify?token=" + m.Token); p.Status != http.StatusNotFound {
			t.Errorf("a day later: %d", p.Status)
		}
	})
}

// The mail of sign-up is as throttled as every other mail to an address.
func TestSignUpIsThrottled(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		w.openSignUp(true)
		refused := 0
		for range 8 {
			if p := w.browser().get("/sign-up").submit("#sign-up-form", newcomer("nora@lind.example")); p.Status == http.StatusTooManyRequests {
				refused++
				if v, _ := p.Find("#account").Attr("value"); v != "Lind & Töchter" || p.Header.Get("Retry-After") == "" {
					t.Errorf("what was typed is gone: %q", v)
				}
			}
		}
		if refused == 0 {
			t.Error("eight sign-ups with one address, none too many")
		}
	})
}
