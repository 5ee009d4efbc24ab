package handlers_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

// invitations makes an account and invites so many to it by its page.
func (w *site) invitations(emails ...string) *browser {
	w.t.Helper()
	if _, err := w.store.Account(ctx, "nord"); err != nil {
		if _, err := w.store.CreateAccount(ctx, *w.as, backoffice.NewAccount{Name: "Nord Group", ID: "nord", PrimaryEmail: "hana@nord.example"}); err != nil {
			w.t.Fatal(err)
		}
	}
	b := w.browser()
	for _, email := range emails {
		p := b.get("/backoffice/accounts/nord/users/new").submit("form[action$='/users']", url.Values{"email": {email}, "role": {"read-only"}, "message": {"Welcome."}})
		if p.Status != http.StatusOK || p.URL.Path != "/backoffice/accounts/nord" {
			w.t.Fatalf("%d %s: %s", p.Status, p.URL, p.text(".problem"))
		}
		w.clock.Add(time.Minute)
	}
	return b
}

func TestAddUserOnAccount(t *testing.T) {
	w := newSite(t)
	b := w.invitations()
	form := b.get("/backoffice/accounts/nord/users/new")
	if got := form.Find("input[name=role][checked]").AttrOr("value", ""); got != "read-only" {
		t.Errorf("the role that is offered is %q", got)
	}
	p := form.submit("form[action$='/users']", url.Values{"email": {"Ada@Example.com"}})
	if p.URL.Path != "/backoffice/accounts/nord" || !strings.Contains(p.text("#toasts"), "ada@example.com was invited.") || !strings.Contains(p.text("#users"), "Invited") {
		t.Errorf("%s: %q", p.URL, p.text("#toasts"))
	}
	if p.Find("#mail-waits").Length() != 1 {
		t.Error("nothing says that mail waits")
	}
	p = b.get("/backoffice/accounts/nord/users/new").submit("form[action$='/users']", url.Values{"email": {"uma@example.com"}, "how": {"silent"}, "role": {"admin", "read-only"}})
	if !strings.Contains(p.text("#toasts"), "uma@example.com was added.") || !strings.Contains(p.text("#users"), "Pending login") {
		t.Errorf("%q", p.text("#users"))
	}
	// What is refused stands in the form again, with the reason at its field.
	p = b.get("/backoffice/accounts/nord/users/new").submit("form[action$='/users']", url.Values{"email": {"ada@example.com"}, "role": {"admin"}, "message": {"Hello\n\nthere"}})
	if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text("#member-email-problem"), "invited to this account already") ||
		p.Find("#member-email").AttrOr("value", "") != "ada@example.com" || strings.TrimSpace(p.Find("#member-message").Text()) != "Hello\n\nthere" {
		t.Errorf("%d: %q", p.Status, p.text("form"))
	}
	p = b.get("/backoffice/accounts/nord/users/new").submit("form[action$='/users']", url.Values{"email": {"new@example.com"}, "role": {}})
	if p.Status != http.StatusUnprocessableEntity || p.text("#member-roles-problem") == "" {
		t.Errorf("without a role: %d", p.Status)
	}
	if w.as.Role = backoffice.Viewer; b.get("/backoffice/accounts/nord").Find("a[href$='/users/new']").Length() != 0 {
		t.Error("a viewer is offered to add users")
	}
}

func TestInvitePrimaryUser(t *testing.T) {
	w := newSite(t)
	p := w.browser().get("/backoffice/accounts/new").submit("form[action$='/accounts']", url.Values{"name": {"Süd"}, "email": {"uma@sued.example"}, "invite": {"true"}})
	if p.Status != http.StatusOK || !strings.Contains(p.text("#users"), "Invited") {
		t.Errorf("%d %s: %q", p.Status, p.URL, p.text("#users"))
	}
}

func TestInvitationsPage(t *testing.T) {
	w := newSite(t)
	b := w.browser()
	if p := b.get("/backoffice/invitations"); p.Status != http.StatusOK || !strings.Contains(p.text(".blank"), "No invitation waits") {
		t.Errorf("%d: %q", p.Status, p.text(".blank"))
	}
	b = w.invitations("ada@example.com", "uma@example.com", "chen@example.com")
	p := b.get("/backoffice/invitations")
	if n := p.Find("#invitations-list tbody tr").Length(); n != 3 {
		t.Fatalf("%d rows", n)
	}
	row := p.Find("#invitations-list tbody tr").First().Text()
	for _, part := range []string{"chen@example.com", "Nord Group", "nord", "Queued", "Ada Weber", "Read only"} {
		if !strings.Contains(row, part) {
			t.Errorf("the row lacks %q: %q", part, row)
		}
	}
	if p.text("#invitations-list .lead-bottom [role=status]") != "3 invitations, newest first" {
		t.Errorf("%q", p.text(".lead-bottom"))
	}
	// Search and filters narrow it, and their state is in the address.
	for query, want := range map[string]int{"q=uma": 1, "q=nord": 3, "mail=queued": 3, "mail=sent": 0, "expiry=expired": 0, "expiry=open": 3, "account=nord": 3, "by=staff-ada": 3, "q=zzz": 0} {
		if n := b.get("/backoffice/invitations?" + query).Find("#invitations-list tbody tr").Length(); n != want {
			t.Errorf("%s: %d rows, want %d", query, n, want)
		}
	}
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.get("/backoffice/invitations.csv?q=uma").Body, "\ufeff"))).ReadAll()
	if err != nil || len(lines) != 2 || lines[1][0] != "uma@example.com" || lines[1][10] != "Queued" {
		t.Errorf("%v, %v", lines, err)
	}
	// One is sent again at once.
	id := p.Find("button[name=one]").First().AttrOr("value", "")
	again := b.post("/backoffice/invitations/resending", url.Values{"one": {id}})
	if !strings.Contains(again.text("#toasts"), "The invitation of chen@example.com was sent again.") {
		t.Errorf("%d %q", again.Status, again.text("#toasts"))
	}
	// A copied link is shown once.
	link := b.post("/backoffice/invitations/"+id+"/link", nil)
	if href := link.text("#invitation-link"); link.Status != http.StatusCreated || !strings.HasPrefix(href, w.url+"/invitation?token=") || len(href) < len(w.url)+60 {
		t.Errorf("%d %q", link.Status, href)
	}
	if !strings.Contains(b.get("/backoffice/invitations?mail=copied").text("#invitations-list"), "Link copied") {
		t.Error("the list does not say that the link was copied")
	}
	// Several are revoked after a question, with a result for each.
	all := p.Find("input[name=id]")
	ids := []string{all.Eq(0).AttrOr("value", ""), all.Eq(1).AttrOr("value", "")}
	ask := b.post("/backoffice/invitations/revocation", url.Values{"id": ids})
	if ask.Status != http.StatusOK || !strings.Contains(ask.text("h1"), "Revoke 2 invitations") {
		t.Fatalf("%d %q", ask.Status, ask.text("h1"))
	}
	if _, err := w.store.RevokeInvitation(ctx, *w.as, ids[0]); err != nil { // somebody else was faster
		t.Fatal(err)
	}
	ids2 := url.Values{"id": ids, "expected": {"2"}, "confirmed": {"yes"}}
	done := b.post("/backoffice/invitations/revocation", ids2)
	if !strings.Contains(done.Body, "1 invitation was revoked.") || !strings.Contains(done.text("tbody"), "not pending any more") || !strings.Contains(done.text("tbody"), "Revoked") {
		t.Errorf("%d %q", done.Status, done.text("main"))
	}
	if p := b.get("/backoffice/invitations"); p.Find("#invitations-list tbody tr").Length() != 1 {
		t.Errorf("%q", p.text("#invitations-list"))
	}
	// All that match.
	rest := b.post("/backoffice/invitations/resending", url.Values{"all": {"q=ada"}})
	if !strings.Contains(rest.text("#toasts"), "ada@example.com was sent again") {
		t.Errorf("%d %q", rest.Status, rest.text("main"))
	}
	if p := b.post("/backoffice/invitations/resending", nil); !strings.Contains(p.text("#toasts"), "Nothing was selected") {
		t.Errorf("%q", p.text("#toasts"))
	}
	w.as.Role = backoffice.Viewer
	if p := b.get("/backoffice/invitations"); p.Status != http.StatusOK || p.Find("button[name=one], input[name=id]").Length() != 0 {
		t.Error("a viewer is offered to change something")
	}
}

func TestMailSettings(t *testing.T) {
	w := newSite(t)
	b := w.invitations("ada@example.com")
	p := b.get("/backoffice/settings/mail")
	if !strings.Contains(p.text("main"), "No mail server is set.") || !strings.Contains(p.text("#mail-list"), "ada@example.com") || !strings.Contains(p.text("#mail-list"), "Queued") {
		t.Errorf("%q", p.text("main"))
	}
	if p = p.submit("#invitation-days", url.Values{"days": {"0"}}); p.Status != http.StatusUnprocessableEntity || p.text("#days-problem") == "" || p.Find("#days").AttrOr("value", "") != "0" {
		t.Errorf("%d %q", p.Status, p.text("#days-problem"))
	}
	p = p.submit("#invitation-days", url.Values{"days": {"14"}})
	if p.Status != http.StatusOK || p.Find("#days").AttrOr("value", "") != "14" {
		t.Errorf("%d", p.Status)
	}
	if n := b.get("/backoffice/settings/mail?state=sent").Find("tbody tr").Length(); n != 0 {
		t.Errorf("%d sent", n)
	}
	w.as.Role = backoffice.Viewer
	if p := b.get("/backoffice/settings/mail"); p.Status != http.StatusOK || p.Find("#invitation-days").Length() != 0 {
		t.Error("a viewer is offered to change something")
	}
}

func TestMailbox(t *testing.T) {
	w := newSite(t)
	letter := backoffice.Letter{ID: "one", At: w.clock.Now(), FromName: "Nord", To: "ada@example.com", Subject: "Invitation to Nord",
		Text: "Open the invitation:\n\nhttps://steward.example/invitation?token=abc\n", HTML: "<!doctype html><p>Hello</p>"}
	w.letters = []backoffice.Letter{letter}
	b := w.browser()
	if p := b.get("/dev/mail"); !strings.Contains(p.text("#mailbox"), "Invitation to Nord") {
		t.Errorf("%q", p.text("main"))
	}
	p := b.get("/dev/mail/one")
	if !strings.Contains(p.text("#letter-text"), "token=abc") || p.Find("a[href='https://steward.example/invitation?token=abc']").Length() != 1 {
		t.Errorf("%q", p.text("main"))
	}
	html := b.get("/dev/mail/one/html")
	if html.Body != letter.HTML || !strings.Contains(html.Header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-") {
		t.Errorf("%q %q", html.Body, html.Header.Get("Content-Security-Policy"))
	}
	if b.get("/dev/mail/two").Status != http.StatusNotFound {
		t.Error("a letter that is none")
	}
	for _, r := range []backoffice.StaffRole{backoffice.Manager, backoffice.Viewer} {
		if w.as.Role = r; b.get("/dev/mail/one").Status != http.StatusForbidden {
			t.Errorf("a %s reads mail with links of others", r)
		}
	}
}
