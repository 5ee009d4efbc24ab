package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
)

const goodPassword = "a very calm harbour at dusk"

// invitationTo invites somebody to an account and returns the token of their mail.
func (w *site) invitationTo(account, email string) string {
	w.t.Helper()
	cli := backoffice.CommandLine()
	if _, err := w.store.Account(ctx, account); err != nil {
		if _, err := w.store.CreateAccount(ctx, cli, backoffice.NewAccount{Name: strings.ToUpper(account[:1]) + account[1:] + " Group", ID: account}); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.store.InviteUser(ctx, cli, account, backoffice.NewMember{Email: email, Roles: []string{"admin"}, Message: "Welcome."}, auth.InvitationToken.New); err != nil {
		w.t.Fatal(err)
	}
	return w.mailed().Token
}

func (w *site) status(account, email string) backoffice.MembershipStatus {
	w.t.Helper()
	a, err := w.store.Account(ctx, account)
	if err != nil {
		w.t.Fatal(err)
	}
	page, err := w.store.Members(ctx, a, backoffice.MemberFilter{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range page.Rows {
		if m.Email == email {
			return m.Status
		}
	}
	return ""
}

// accept follows the link and sets name and password.
func (b *browser) accept(token string) *shown {
	b.t.Helper()
	return b.get("/invitation?token="+token).submit("#invitation-form", url.Values{"name": {"Ada Weber"}, "password": {goodPassword}, "again": {goodPassword}})
}

func TestInvitationJourney(t *testing.T) {
	w := newSite(t)
	token := w.invitationTo("nord", "ada@example.com")
	b := w.browser()
	p := b.get("/invitation?token=" + token)
	if p.Status != http.StatusOK || p.URL.RawQuery != "" || p.text("h1") != "Join Nord Group" || !strings.Contains(p.text("main"), "ada@example.com") || !strings.Contains(p.text("main"), "Welcome.") {
		t.Fatalf("%d %s %q", p.Status, p.URL, p.text("main"))
	}
	// The policy refuses, and what was typed stands there again.
	p = p.submit("#invitation-form", url.Values{"name": {"Ada Weber"}, "password": {"short"}, "again": {"short"}})
	if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text("#password-problem"), "15") || p.Find("#name").AttrOr("value", "") != "Ada Weber" {
		t.Errorf("%d %q", p.Status, p.text("#password-problem"))
	}
	if w.status("nord", "ada@example.com") != backoffice.Invited {
		t.Error("a refusal accepted")
	}
	for name, v := range map[string]url.Values{
		"again":    {"name": {"Ada"}, "password": {goodPassword}, "again": {goodPassword + "x"}},
		"name":     {"name": {" "}, "password": {goodPassword}, "again": {goodPassword}},
		"password": {"name": {"Ada"}, "password": {"nord group nord group"}, "again": {"nord group nord group"}},
	} {
		if p := p.submit("#invitation-form", v); p.Status != http.StatusUnprocessableEntity || p.text("#"+name+"-problem") == "" {
			t.Errorf("%s: %d %q", name, p.Status, p.text("form"))
		}
	}
	p = p.submit("#invitation-form", url.Values{"name": {"Ada Weber"}, "password": {goodPassword}, "again": {goodPassword}})
	if p.Status != http.StatusOK || !strings.HasPrefix(p.URL.Path, "/portal") {
		t.Fatalf("%d %s %q", p.Status, p.URL, p.text("main"))
	}
	if got := w.status("nord", "ada@example.com"); got != backoffice.Activated {
		t.Errorf("status %s", got)
	}
	a, err := w.store.Account(ctx, "nord")
	if err != nil || a.Visits != 1 {
		t.Errorf("%d visits, %v", a.Visits, err)
	}
	// Once used it opens nothing, for nobody.
	for _, b := range []*browser{b, w.browser()} {
		if p := b.get("/invitation?token=" + token); p.Status != http.StatusNotFound || !strings.Contains(p.text("h1"), "cannot be used") || strings.Contains(p.Body, "ada@example.com") || strings.Contains(p.Body, "Nord") {
			t.Errorf("%d %q", p.Status, p.text("main"))
		}
	}
	// A known user who is signed in confirms, and is in the other account.
	second := w.invitationTo("sued", "ada@example.com")
	p = b.get("/invitation?token=" + second)
	if p.Find("#password").Length() != 0 || p.text("h1") != "Join Sued Group" {
		t.Fatalf("%q", p.text("main"))
	}
	if p = p.submit("#invitation-form", nil); !strings.HasPrefix(p.URL.Path, "/portal") || w.status("sued", "ada@example.com") != backoffice.Activated {
		t.Errorf("%s, %s", p.URL, w.status("sued", "ada@example.com"))
	}
}

// Who comes in by another way is shown the invitation, and accepts it there.
func TestInvitationShownOnTheWayIn(t *testing.T) {
	w := newSite(t)
	w.browser().accept(w.invitationTo("nord", "ada@example.com"))
	w.invitationTo("sued", "ada@example.com")
	b := w.browser()
	p := b.get("/sign-in").submit("#address-form", url.Values{"email": {"ada@example.com"}})
	p = p.submit("form[action$='/sign-in/password']", url.Values{"password": {goodPassword}})
	if p.URL.Path != "/sign-in/accounts" || !strings.Contains(p.text(".open-invitations"), "Sued Group") {
		t.Fatalf("%s %q", p.URL, p.text("main"))
	}
	p = p.submit(".open-invitations form", nil)
	if !strings.HasPrefix(p.URL.Path, "/portal") || w.status("sued", "ada@example.com") != backoffice.Activated {
		t.Errorf("%d %s %q", p.Status, p.URL, p.text("main"))
	}
}

// A known user who is not signed in is led to the sign-in, and nothing is set by
// the link.
func TestInvitationOfKnownUser(t *testing.T) {
	w := newSite(t)
	w.browser().accept(w.invitationTo("nord", "ada@example.com"))
	token := w.invitationTo("sued", "ada@example.com")
	b := w.browser()
	p := b.get("/invitation?token=" + token)
	if p.Find("a[href='/sign-in?next=%2Finvitation']").Length() != 1 || p.Find("form").Length() != 0 {
		t.Errorf("%q", p.text("main"))
	}
	p = b.post("/invitation", url.Values{"name": {"Eve"}, "password": {goodPassword}, "again": {goodPassword}})
	if p.Status != http.StatusForbidden || w.status("sued", "ada@example.com") != backoffice.Invited {
		t.Errorf("%d", p.Status)
	}
}

// T-20: who is signed in under another address is refused, and is told nothing
// of whose invitation it is. GET never accepts.
func TestAttack_T20_OtherUser(t *testing.T) {
	w := newSite(t)
	eve := w.browser()
	if p := eve.accept(w.invitationTo("eve", "eve@example.com")); !strings.HasPrefix(p.URL.Path, "/portal") {
		t.Fatalf("%s", p.URL)
	}
	token := w.invitationTo("nord", "ada@example.com")
	for range 2 {
		p := eve.get("/invitation?token=" + token)
		if p.Status != http.StatusForbidden || strings.Contains(p.Body, "ada@example.com") || strings.Contains(p.Body, "Nord") {
			t.Errorf("%d %q", p.Status, p.text("main"))
		}
		if p = eve.post("/invitation", url.Values{"name": {"Eve"}, "password": {goodPassword}, "again": {goodPassword}}); p.Status != http.StatusForbidden {
			t.Errorf("%d", p.Status)
		}
	}
	b := w.browser()
	for range 3 {
		b.get("/invitation?token=" + token)
		b.get("/invitation")
	}
	if got := w.status("nord", "ada@example.com"); got != backoffice.Invited {
		t.Errorf("status %s", got)
	}
}

// T-20: the link dies with its time, exactly.
func TestAttack_T20_Expiry(t *testing.T) {
	w := newSite(t)
	token := w.invitationTo("nord", "ada@example.com")
	b := w.browser()
	w.clock.Add(7*24*time.Hour - time.Second)
	form := b.get("/invitation?token=" + token)
	if form.Status != http.StatusOK {
		t.Fatalf("%d", form.Status)
	}
	w.clock.Add(time.Second)
	if p := form.submit("#invitation-form", url.Values{"name": {"Ada"}, "password": {goodPassword}, "again": {goodPassword}}); p.Status != http.StatusNotFound {
		t.Errorf("%d", p.Status)
	}
	if got := w.status("nord", "ada@example.com"); got != backoffice.Invited {
		t.Errorf("status %s", got)
	}
}

// T-24: the link in the mail begins with the public URL, whatever a request says.
func TestAttack_T24_LinkInMail(t *testing.T) {
	w := newSite(t)
	if _, err := w.store.CreateAccount(ctx, *w.as, backoffice.NewAccount{Name: "Nord", ID: "nord"}); err != nil {
		t.Fatal(err)
	}
	for i, header := range []map[string]string{{"X-Forwarded-Host": "evil.example"}, {"X-Forwarded-Proto": "gopher"}, {"Forwarded": "host=evil.example;proto=https"}, {"X-Forwarded-Port": "666"}} {
		email := "user-" + string(rune('a'+i)) + "@example.com"
		a := w.raw(raw{method: "POST", path: "/backoffice/accounts/nord/users", header: header, body: url.Values{"email": {email}, "role": {"admin"}, "how": {"invite"}}.Encode()})
		if a.Status != http.StatusSeeOther {
			t.Fatalf("%v: %d", header, a.Status)
		}
		m := w.mailed()
		l, err := views.WriteLetter(m, w.url)
		if err != nil {
			t.Fatal(err)
		}
		if link := views.LetterLink(l); link != w.url+"/invitation?token="+m.Token || strings.Contains(l.Text+l.HTML, "evil") || m.To != email {
			t.Errorf("%v: %s", header, link)
		}
	}
	if a := w.raw(raw{method: "GET", path: "/invitation?token=x", host: "evil.example"}); a.Status != http.StatusMisdirectedRequest {
		t.Errorf("another host: %d", a.Status)
	}
}

// T-25: an address that comes twice is refused: mail goes to the stored one.
func TestAttack_T25_TwoAddresses(t *testing.T) {
	w := newSite(t)
	if _, err := w.store.CreateAccount(ctx, *w.as, backoffice.NewAccount{Name: "Nord", ID: "nord"}); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	for _, v := range []url.Values{
		{"email": {"ada@example.com", "eve@example.com"}, "role": {"admin"}}, {"email": {"ada@example.com,eve@example.com"}, "role": {"admin"}},
		{"email": {"ada@example.com\r\nBcc: eve@example.com"}, "role": {"admin"}}, {"email": {"ADA@exampl\u212a.com"}, "role": {"admin"}},
	} {
		if p := b.post("/backoffice/accounts/nord/users", v); p.Status != http.StatusBadRequest && p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", v, p.Status)
		}
	}
	if waits, err := w.store.MailWaits(ctx); err != nil || waits {
		t.Errorf("mail was written: %v", err)
	}
}

// T-29: the token goes out of the address at once; the page that takes it sends no
// referrer, is not indexed, loads nothing foreign, and no log holds it.
func TestAttack_T29_InvitationToken(t *testing.T) {
	w := newSite(t)
	token := w.invitationTo("nord", "ada@example.com")
	a := w.raw(raw{method: "GET", path: "/invitation?token=" + token})
	if a.Status != http.StatusSeeOther || a.Header.Get("Location") != "/invitation" || a.Header.Get("Referrer-Policy") != "no-referrer" || a.Header.Get("Cache-Control") != "no-store" || strings.Contains(a.Body, token) {
		t.Errorf("%d %v %q", a.Status, a.Header, a.Body)
	}
	cookie := a.Header.Get("Set-Cookie")
	for _, part := range []string{"HttpOnly", "SameSite=Lax", "Max-Age="} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie lacks %s: %s", part, cookie)
		}
	}
	p := w.browser().get("/invitation?token=" + token)
	if strings.Contains(p.Body, token) || p.Header.Get("X-Robots-Tag") != "noindex" || p.Find("meta[name=robots][content=noindex]").Length() != 1 {
		t.Errorf("%v", p.Header)
	}
	p.Find("[src], link[href]").Each(func(_ int, e *goquery.Selection) {
		if from := e.AttrOr("src", e.AttrOr("href", "")); !strings.HasPrefix(from, "/") || strings.HasPrefix(from, "//") {
			t.Errorf("the page loads %s", from)
		}
	})
}

// T-30: every prefix, suffix, flip of case or bit of a token, and every token of
// another purpose, opens nothing.
func TestAttack_T30_InvitationToken(t *testing.T) {
	w := newSite(t)
	token := w.invitationTo("nord", "ada@example.com")
	var bad []string
	for i := range token {
		bad = append(bad, token[:i], token[i:][min(1, i):]+"x", token[:i]+flip(token[i])+token[i+1:])
	}
	bad = append(bad, token+"A", "A"+token, token+"=", " "+token, token+token)
	for _, p := range []auth.Purpose{auth.StaffSessionToken, auth.SetupToken, auth.APIToken, auth.UserSessionToken, auth.SignInLinkToken, auth.ResetLinkToken, auth.PendingSignInToken} {
		other, _ := p.New()
		bad = append(bad, other)
	}
	for _, b := range bad {
		if b == token {
			continue
		}
		a := w.raw(raw{method: "GET", path: "/invitation", cookies: map[string]string{"invitation": b}})
		if a.Status != http.StatusNotFound {
			t.Errorf("%q: %d", b, a.Status)
		}
	}
	// And an invitation's token opens no other door.
	for path, cookie := range map[string]string{"/sign-in/link": "sign-in-link", "/sign-in/reset": "reset-link", "/backoffice/setup": "steward-setup"} {
		if a := w.raw(raw{method: "GET", path: path, cookies: map[string]string{cookie: token}}); a.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}

func flip(c byte) string {
	if c >= 'a' && c <= 'z' {
		return string(c - 32)
	}
	if c >= 'A' && c <= 'Z' {
		return string(c + 32)
	}
	return string(c ^ 1)
}

// T-33: a link that opens nothing is answered in the same words, whatever the
// reason and whoever it was for.
func TestAttack_T33_DeadInvitations(t *testing.T) {
	w := newSite(t)
	used := w.invitationTo("nord", "ada@example.com")
	w.browser().accept(used)
	expired := w.invitationTo("nord", "bob@example.com")
	w.clock.Add(7 * 24 * time.Hour)
	revoked := w.invitationTo("nord", "carl@example.com")
	page, err := w.store.Invitations(ctx, backoffice.InvitationFilter{Query: "carl"}, "", 0)
	if err != nil || len(page.Rows) != 1 {
		t.Fatal(err)
	}
	if _, err := w.store.RevokeInvitation(ctx, *w.as, page.Rows[0].ID); err != nil {
		t.Fatal(err)
	}
	never, _ := auth.InvitationToken.New()
	first := ""
	for name, token := range map[string]string{"used": used, "expired": expired, "revoked": revoked, "never was": never, "no token": "x"} {
		a := w.raw(raw{method: "GET", path: "/invitation", cookies: map[string]string{"invitation": token}})
		if first == "" {
			first = a.same()
		} else if a.same() != first {
			t.Errorf("%s: %s", name, a.same())
		}
	}
}

// A link that staff copied asks for the code that is mailed to the address.
func TestCopiedInvitation(t *testing.T) {
	w := newSite(t)
	w.invitationTo("nord", "ada@example.com")
	page, err := w.store.Invitations(ctx, backoffice.InvitationFilter{}, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := w.store.CopyInvitation(ctx, *w.as, page.Rows[0].ID, auth.InvitationToken.New)
	if err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	p := b.get("/invitation?token=" + token)
	if p.Find("#code-form").Length() != 1 || p.Find("#invitation-form").Length() != 0 {
		t.Fatalf("%q", p.text("main"))
	}
	p = p.submit("#code-form", nil)
	m := w.mailed()
	if m.Kind != backoffice.MailInvitationCode || m.To != "ada@example.com" {
		t.Fatalf("%+v", m)
	}
	set := func(code string) url.Values {
		return url.Values{"name": {"Ada"}, "password": {goodPassword}, "again": {goodPassword}, "code": {code}}
	}
	if p = p.submit("#invitation-form", set("000 00")); p.Status != http.StatusUnprocessableEntity || p.text("#code-problem") == "" {
		t.Errorf("%d %q", p.Status, p.text("form"))
	}
	if p = p.submit("#invitation-form", set(m.Code[:3]+" "+m.Code[3:])); !strings.HasPrefix(p.URL.Path, "/portal") {
		t.Errorf("%d %s %q", p.Status, p.URL, p.text("main"))
	}
}
