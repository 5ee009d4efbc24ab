package browsertest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/pquerna/otp/totp"

	"steward/backoffice"
	"steward/outbox"
	"steward/views"
)

// post is a mail server that keeps what it is given.
type post struct {
	mu    sync.Mutex
	mails []string
}

type postSession struct{ p *post }

func (s postSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s postSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s postSession) Reset()                               {}
func (s postSession) Logout() error                        { return nil }
func (s postSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.mails = append(s.p.mails, string(b))
	return err
}

// link waits for a mail with a link to the path, and returns the link.
func (p *post) link(t *testing.T, path string) string {
	t.Helper()
	link := regexp.MustCompile(`http://[^\s<>"]*` + regexp.QuoteMeta(path) + `\?token=[A-Za-z0-9_-]{43}`)
	for range 300 {
		p.mu.Lock()
		for _, m := range p.mails {
			whole := strings.ReplaceAll(strings.ReplaceAll(m, "=\r\n", ""), "=3D", "=")
			if found := link.FindString(whole); found != "" {
				p.mu.Unlock()
				return found
			}
		}
		p.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("no mail with a link to %s among %d", path, len(p.mails))
	return ""
}

// mailServer sends the site's mail to a mail server of the test.
func (w *site) mailServer(t *testing.T) *post {
	t.Helper()
	p := &post{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return postSession{p}, nil }))
	server.Domain = "localhost"
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	sender, err := outbox.NewSMTP(&url.URL{Scheme: "smtp", Host: listener.Addr().String()}, "steward@kontor.example", "kontor.example")
	if err != nil {
		t.Fatal(err)
	}
	worker := &outbox.Worker{Box: w.store, Sender: sender, Log: slog.New(slog.DiscardHandler), Every: 50 * time.Millisecond,
		Write: func(m backoffice.Mail) (backoffice.Letter, error) { return views.WriteLetter(m, w.url) }}
	run, stop := context.WithCancel(ctx)
	var ended sync.WaitGroup
	ended.Go(func() { worker.Run(run) })
	t.Cleanup(func() { stop(); ended.Wait() })
	return p
}

// figure is what a card of the accounts page says.
func (p *tab) figure(label string) string {
	p.t.Helper()
	return strings.TrimSpace(eval[string](p, fmt.Sprintf(`[...document.querySelectorAll(".kpi")].find(k => k.querySelector(".kpi-label").textContent.trim() === %q).querySelector(".kpi-figure").innerText`, label)))
}

// From an empty database to a visit in the figures: staff adds an account and
// invites a user, who comes in by the mail and everything that the policy demands.
func TestPeopleJourney(t *testing.T) {
	w := newSite(t, owner())
	mails := w.mailServer(t)
	staff := w.tab(t, tabOptions{})
	staff.open("/backoffice/accounts/new")
	staff.fill("#new-name", "Nord Textil")
	staff.fill("#new-id", "nord")
	staff.click("main form.form button[type=submit]")
	staff.wait(`location.pathname === "/backoffice/accounts/nord"`)

	// Nord demands a second factor, and a long password.
	policy, err := w.store.PolicyOf(ctx, "nord")
	if err != nil {
		t.Fatal(err)
	}
	policy.Own.MFAForce = backoffice.Some(backoffice.Force)
	policy.Own.RememberDays = backoffice.Some(0)
	if err := w.store.SavePolicy(ctx, *owner(), "nord", policy.Own, policy.Version); err != nil {
		t.Fatal(err)
	}
	staff.open("/backoffice/accounts")
	if got := staff.figure("Active accounts"); got != "0" {
		t.Errorf("active accounts before: %s", got)
	}
	staff.open("/backoffice/accounts/nord/users/new")
	staff.fill("#member-email", "uma.okafor@nord-textil.example")
	eval[bool](staff, `(document.querySelector("main input[name=role][value=admin]").checked = true)`)
	eval[bool](staff, `(document.querySelector("main input[name=how][value=invite]").checked = true)`)
	staff.click("main form.form .actions button")
	staff.wait(`location.pathname === "/backoffice/accounts/nord"`)
	staff.wait(`document.querySelector("#users") === null || document.body.innerText.includes("Invited")`)

	// The user follows the mail.
	user := w.tab(t, tabOptions{})
	user.open(strings.TrimPrefix(mails.link(t, "/invitation"), w.url))
	user.wait(`document.querySelector("#invitation-form") !== null`)
	if strings.Contains(eval[string](user, `location.href`), "token") {
		t.Error("the token stays in the address")
	}
	accept := func(password string) {
		t.Helper()
		user.fill("#name", "Uma Okafor")
		user.fill("#password", password)
		user.fill("#again", password)
		user.click("#invitation-form button")
	}
	accept("too short")
	user.wait(`document.querySelector("#password[aria-invalid=true]") !== null`)
	if got := eval[string](user, `document.querySelector("#name").value`); got != "Uma Okafor" {
		t.Errorf("the name after a refusal: %q", got)
	}
	accept(userPassphrase)

	// A second factor is demanded before anything is seen.
	user.wait(`location.pathname === "/sign-in/enrol"`)
	user.open("/portal")
	user.wait(`location.pathname === "/sign-in"`)
	user.open("/sign-in/enrol")
	user.click("#enrol-app-form button")
	user.wait(`document.querySelector("#app-key") !== null`)
	key := strings.ReplaceAll(eval[string](user, `document.querySelector("#app-key").textContent`), " ", "")
	code := func() string {
		t.Helper()
		c, err := totp.GenerateCode(key, w.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	user.fill("#code", code())
	user.click("#app-code-form button[type=submit]")
	user.wait(`document.querySelector("#codes-form") !== null`)
	user.click("#codes-form button")
	user.wait(`location.pathname === "/portal"`)
	if got := user.text("h1"); got != "Nord Textil" {
		t.Errorf("landed in %q", got)
	}

	// The visit is in the figures at once.
	row := func() string {
		t.Helper()
		staff.open("/backoffice/accounts")
		return eval[string](staff, `[...document.querySelectorAll("tbody tr")].find(r => r.innerText.includes("Nord Textil")).innerText`)
	}
	first := row()
	if got := staff.figure("Active accounts"); got != "1" {
		t.Errorf("active accounts after: %s", got)
	}
	account, err := w.store.Account(ctx, "nord")
	if err != nil || account.Visits != 1 || !account.LastVisit.Equal(w.clock.Now().Truncate(time.Microsecond)) {
		t.Errorf("after the first sign-in: %d visits, last %v, %v", account.Visits, account.LastVisit, err)
	}
	if !regexp.MustCompile(`(?m)(^|\s)1(\s|$)`).MatchString(first) || !strings.Contains(first, "just now") {
		t.Errorf("the row of the list: %q", first)
	}

	// A second account, and the switch into it.
	if _, err := w.store.CreateAccount(ctx, *owner(), backoffice.NewAccount{Name: "Süd Logistik", ID: "sued", PrimaryEmail: "uma.okafor@nord-textil.example"}); err != nil {
		t.Fatal(err)
	}
	user.open("/portal")
	user.click("button.brand")
	user.click("#switch form button")
	user.wait(`document.querySelector("h1").innerText === "Süd Logistik"`)
	if a, err := w.store.Account(ctx, "sued"); err != nil || a.Visits != 1 {
		t.Errorf("after the switch: %+v, %v", a, err)
	}

	// A second sign-in on the day leaves the visits as they are.
	w.clock.Add(2 * time.Minute)
	user.click(".bar-user")
	user.click(`form[action="/sign-out"] button`)
	user.wait(`location.pathname === "/sign-in"`)
	user.fill("#email", "uma.okafor@nord-textil.example")
	user.click("#address-form button")
	user.wait(`document.querySelector("#password-form") !== null`)
	user.fill("#password", userPassphrase)
	user.click("#password-form button")
	user.wait(`location.pathname === "/sign-in/mfa"`)
	user.fill("#code", code())
	user.click("#mfa-form button[type=submit]")
	user.wait(`location.pathname === "/sign-in/accounts"`)
	user.click("#choice-form button[value=nord]")
	user.wait(`location.pathname === "/portal"`)
	if a, err := w.store.Account(ctx, "nord"); err != nil || a.Visits != 1 || !a.LastVisit.Equal(w.clock.Now().Truncate(time.Microsecond)) {
		t.Errorf("after the second sign-in: %d visits, last %v, %v", a.Visits, a.LastVisit, err)
	}
}
