package outbox

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
	"steward/views"
)

var ctx = context.Background()

// received is a mail as the server got it.
type received struct {
	from string
	to   []string
	data string
}

// message takes it apart: headers, and the two parts.
func (r received) message(t *testing.T) (h mail.Header, text, html string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(r.data))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return m.Header, text, html
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			html = string(b)
		} else {
			text = string(b)
		}
	}
}

// server is a mail server that can be told how to misbehave.
type server struct {
	addr string
	tls  *tls.Config

	mu    sync.Mutex
	mails []received
	mood  string // "", refuse, stall, die
	auth  bool   // asks for user and password
}

func (s *server) be(mood string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mood = mood
}

func (s *server) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.mails...)
}

type session struct {
	s    *server
	c    *smtp.Conn
	in   bool
	mail received
}

func (s *session) AuthMechanisms() []string {
	if s.s.auth {
		return []string{sasl.Plain}
	}
	return nil
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "steward" || password != "s3cret" {
			return errors.New("no")
		}
		s.in = true
		return nil
	}), nil
}

func (s *session) Reset()        { s.mail = received{} }
func (s *session) Logout() error { return nil }
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.s.auth && !s.in {
		return smtp.ErrAuthRequired
	}
	s.mail.from = from
	return nil
}
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	if s.s.mood == "refuse" {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox here"}
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}
func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.s.mu.Lock()
	mood := s.s.mood
	s.mail.data = string(b)
	s.s.mails = append(s.s.mails, s.mail)
	s.s.mu.Unlock()
	switch mood {
	case "die":
		s.c.Conn().Close()
	case "stall":
		time.Sleep(2 * time.Second)
	}
	return nil
}

// serve runs a mail server; with a TLS configuration it offers STARTTLS, or
// begins with TLS when implicit.
func serve(t *testing.T, config *tls.Config, implicit bool) *server {
	t.Helper()
	s := &server{tls: config}
	backend := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{s: s, c: c}, nil }))
	backend.Domain = "mail.example.com"
	backend.AllowInsecureAuth = true
	backend.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if implicit {
		l = tls.NewListener(l, config)
	} else {
		backend.TLSConfig = config
	}
	done := make(chan struct{})
	go func() { defer close(done); backend.Serve(l) }()
	t.Cleanup(func() { backend.Close(); <-done })
	return s
}

// certificate makes one for 127.0.0.1 that nobody signed, and the roots that trust it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}

func sender(t *testing.T, address string) *SMTP {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSMTP(u, "noreply@vendor.example", "")
	if err != nil {
		t.Fatal(err)
	}
	s.time = time.Second
	return s
}

func letterTo(email string) backoffice.Letter {
	return backoffice.Letter{ID: "0197a3f2", At: storetest.Now, FromName: "Nord Group", To: email, Subject: "Invitation to Nord", Text: "Welcome.\n", HTML: "<p>Welcome.</p>"}
}

func TestSend(t *testing.T) {
	config, roots := certificate(t)
	for name, c := range map[string]struct {
		implicit bool
		config   *tls.Config
		address  string
		auth     bool
	}{
		"plain on this machine": {address: "smtp://%s"},
		"password":              {address: "smtp://steward:s3cret@%s", auth: true},
		"STARTTLS":              {address: "smtp://steward:s3cret@%s", config: config, auth: true},
		"TLS":                   {address: "smtps://steward:s3cret@%s", config: config, implicit: true, auth: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.config, c.implicit)
			s.auth = c.auth
			from := sender(t, fmt.Sprintf(c.address, s.addr))
			from.tls.RootCAs = roots
			if err := from.Send(ctx, letterTo("ada@example.com")); err != nil {
				t.Fatal(err)
			}
			got := s.all()
			if len(got) != 1 || got[0].from != "noreply@vendor.example" || fmt.Sprint(got[0].to) != "[ada@example.com]" {
				t.Fatalf("%+v", got)
			}
			h, text, html := got[0].message(t)
			if h.Get("From") != `"Nord Group" <noreply@vendor.example>` || h.Get("To") != "<ada@example.com>" || h.Get("Subject") != "Invitation to Nord" ||
				h.Get("Message-Id") != "<0197a3f2@vendor.example>" || strings.TrimSpace(text) != "Welcome." || html != "<p>Welcome.</p>" {
				t.Errorf("%v\n%q\n%q", h, text, html)
			}
		})
	}
	t.Run("a certificate that nobody signed", func(t *testing.T) {
		s := serve(t, config, true)
		if err := sender(t, "smtps://"+s.addr).Send(ctx, letterTo("ada@example.com")); err == nil || !strings.Contains(err.Error(), "not to be trusted") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a wrong password", func(t *testing.T) {
		s := serve(t, nil, false)
		s.auth = true
		err := sender(t, "smtp://steward:wr0ng@"+s.addr).Send(ctx, letterTo("ada@example.com"))
		if err == nil || strings.Contains(err.Error(), "wr0ng") || len(s.all()) != 0 {
			t.Errorf("%v", err)
		}
		t.Log(err)
	})
	t.Run("another machine without TLS", func(t *testing.T) {
		s := serve(t, nil, false)
		from := sender(t, "smtp://"+s.addr)
		from.loopback = false
		if err := from.Send(ctx, letterTo("ada@example.com")); err == nil || len(s.all()) != 0 {
			t.Errorf("a letter went out in the clear: %v", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		l, _ := net.Listen("tcp", "127.0.0.1:0")
		l.Close()
		if err := sender(t, "smtp://"+l.Addr().String()).Send(ctx, letterTo("ada@example.com")); err == nil || !strings.Contains(err.Error(), "does not answer") {
			t.Errorf("%v", err)
		}
	})
	t.Run("never greets", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := sender(t, "smtp://"+l.Addr().String()).Send(ctx, letterTo("ada@example.com")); err == nil || !strings.Contains(err.Error(), "took longer") {
			t.Errorf("%v", err)
		}
	})
}

func TestAddressOfTheServer(t *testing.T) {
	for address, port := range map[string]int{"smtp://mail.example.com": 587, "smtps://mail.example.com": 465, "smtp://u:p@mail.example.com:2525": 2525} {
		if s := sender(t, address); s.port != port {
			t.Errorf("%s: port %d", address, s.port)
		}
	}
	for _, bad := range []string{"http://mail.example.com", "smtp://", "smtp://mail.example.com/path", "smtp://u:s3cret@mail.example.com:0", "smtp://mail.example.com?tls=no"} {
		u, err := url.Parse(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewSMTP(u, "", "x.example"); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	u, _ := url.Parse("smtp://mail.example.com")
	if _, err := NewSMTP(u, "no address", "x.example"); err == nil {
		t.Error("letters from nobody")
	}
}

// box is a store with one invitation in its outbox.
func box(t *testing.T, s *store.Store, email string) {
	t.Helper()
	cli := backoffice.CommandLine()
	if _, err := s.Account(ctx, "nord"); errors.Is(err, backoffice.ErrNotFound) {
		if _, err := s.CreateAccount(ctx, cli, backoffice.NewAccount{Name: "Nord", ID: "nord"}); err != nil {
			t.Fatal(err)
		}
	}
	mint := func() (string, []byte) {
		token := rand.Text()
		sum := sha256.Sum256([]byte(token))
		return token, sum[:]
	}
	if _, err := s.InviteUser(ctx, cli, "nord", backoffice.NewMember{Email: email, Roles: []string{"admin"}}, mint); err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, s *store.Store) backoffice.Mail {
	t.Helper()
	page, err := s.Mails(ctx, "", "")
	if err != nil || len(page.Rows) == 0 {
		t.Fatalf("%+v, %v", page, err)
	}
	return page.Rows[0]
}

// A server that refuses, stalls or dies after DATA: the act stands, staff see
// why, and the mail goes out once the server is well again.
func TestMailSurvivesItsServer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		smtpServer := serve(t, nil, false)
		w := &Worker{Box: s, Sender: sender(t, "smtp://"+smtpServer.addr), Log: slog.New(slog.DiscardHandler),
			Write: func(m backoffice.Mail) (backoffice.Letter, error) {
				return views.WriteLetter(m, "https://steward.example")
			}}
		attempt := func() {
			t.Helper()
			if ok, err := w.one(ctx); !ok || err != nil {
				t.Fatalf("%v, %v", ok, err)
			}
		}
		box(t, s, "ada@example.com")
		for _, c := range []struct{ mood, why string }{{"refuse", "550"}, {"stall", "took longer"}, {"die", "hung up"}} {
			smtpServer.be(c.mood)
			attempt()
			m := state(t, s)
			if m.State != backoffice.MailQueued || !strings.Contains(m.Reason, c.why) {
				t.Fatalf("%s: %s, %q", c.mood, m.State, m.Reason)
			}
			if ok, err := w.one(ctx); ok || err != nil {
				t.Fatalf("%s: no pause, %v", c.mood, err)
			}
			clock.Add(backoffice.MailPause(m.Attempts))
		}
		smtpServer.be("")
		attempt()
		if m := state(t, s); m.State != backoffice.MailSent || m.Reason != "" || m.Attempts != 4 {
			t.Errorf("%+v", m)
		}
		if page, err := s.Invitations(ctx, backoffice.InvitationFilter{}, "", 0); err != nil || len(page.Rows) != 1 || page.Rows[0].Mail != backoffice.MailSent {
			t.Errorf("%+v, %v", page, err)
		}
		// Who got it before the server died gets the same letter again, by its name.
		got := smtpServer.all()
		first, text, _ := got[len(got)-2].message(t)
		last, again, _ := got[len(got)-1].message(t)
		if first.Get("Message-Id") != last.Get("Message-Id") || text != again || !strings.Contains(text, "https://steward.example/invitation?token=") {
			t.Errorf("%v\n%v\n%s", first, last, text)
		}
	})
}

// Several letters go out while one server thread stalls, and the worker ends when
// it is told to.
func TestWorkerRuns(t *testing.T) {
	clock := storetest.NewClock()
	s := storetest.Open(t, storetest.SQLite(t), clock)
	smtpServer := serve(t, nil, false)
	w := &Worker{Box: s, Sender: sender(t, "smtp://"+smtpServer.addr), Log: slog.New(slog.DiscardHandler), Every: 10 * time.Millisecond,
		Write: func(m backoffice.Mail) (backoffice.Letter, error) {
			return views.WriteLetter(m, "https://steward.example")
		}}
	run, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(run) }()
	for i := range 12 {
		box(t, s, fmt.Sprintf("user-%d@example.com", i))
	}
	for begun := time.Now(); len(smtpServer.all()) < 12 && time.Since(begun) < 20*time.Second; {
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	<-ended
	to := map[string]bool{}
	for _, r := range smtpServer.all() {
		to[r.to[0]] = true
	}
	if len(to) != 12 || len(smtpServer.all()) != 12 {
		t.Errorf("%d letters to %d people", len(smtpServer.all()), len(to))
	}
	if f, err := s.MailFigures(ctx); err != nil || f.Queued != 0 {
		t.Errorf("%+v, %v", f, err)
	}
}

// hostile are names as an attacker writes them.
var hostile = []string{
	"Nord\r\nBcc: victim@example.com", "Nord\nSubject: Pay now\n\nBody", "a@b.example, victim@example.com", `"; <victim@example.com>`, "x\u2028Bcc: victim@example.com",
	"x\u2029y\u0085z\x00\x0b", strings.Repeat("A very long name ", 100), strings.Repeat("x", 2000), "=?utf-8?q?Bcc:_victim=40example.com?=", "Nørd 社 🙂\u202egnp.exe",
	`<a href="https://evil.example">Nord</a>`, "http://evil.example/login", "www.evil.example", "Nord <noreply@bank.example>", "\ufeff\u200bNord",
}

// T-31: whatever stands in the names, a mail has one recipient and our headers
// only.
func TestAttack_T31_HeaderInjection(t *testing.T) {
	smtpServer := serve(t, nil, false)
	from := sender(t, "smtp://"+smtpServer.addr)
	ours := []string{"Mime-Version", "Message-Id", "Date", "Subject", "From", "To", "Content-Type", "Auto-Submitted", "X-Auto-Response-Suppress", "Received"}
	for i, name := range hostile {
		m := backoffice.Mail{ID: fmt.Sprint("mail-", i), Kind: backoffice.MailInvitation, To: "ada@example.com", CreatedAt: storetest.Now, ExpiresAt: storetest.Now,
			MailContent: backoffice.MailContent{Token: "token", Name: name, Account: name, By: name, Message: name, Roles: []string{name}}}
		l, err := views.WriteLetter(m, "https://steward.example")
		if err != nil {
			t.Fatal(err)
		}
		if err := from.Send(ctx, l); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		got := smtpServer.all()[i]
		if got.from != "noreply@vendor.example" || fmt.Sprint(got.to) != "[ada@example.com]" {
			t.Errorf("%q: from %s to %v", name, got.from, got.to)
		}
		h, _, _ := got.message(t)
		for field, values := range h {
			known := false
			for _, o := range ours {
				known = known || o == field
			}
			if !known || len(values) != 1 {
				t.Errorf("%q: header %s: %q", name, field, values)
			}
		}
		for _, field := range []string{"From", "To"} {
			list, err := h.AddressList(field)
			if err != nil || len(list) != 1 || list[0].Address != map[string]string{"From": "noreply@vendor.example", "To": "ada@example.com"}[field] {
				t.Errorf("%q: %s: %v, %v", name, field, list, err)
			}
		}
		for _, line := range strings.Split(got.data, "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
				t.Errorf("%q: a line of %d bytes", name, len(line))
			}
		}
	}
}

func FuzzMessage(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		l := letterTo("ada@example.com")
		l.FromName, l.Subject = name, name
		m, err := Message(l, mail.Address{Address: "noreply@vendor.example"})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if _, err := m.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		read, err := mail.ReadMessage(strings.NewReader(b.String()))
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if to, err := m.GetRecipients(); err != nil || len(to) != 1 {
			t.Errorf("%q: %v, %v", name, to, err)
		}
		if len(read.Header) != 9 {
			t.Errorf("%q: headers %v", name, read.Header)
		}
	})
}

// T-32: names are text in a mail and lead nowhere.
func TestAttack_T32_NamesAreInert(t *testing.T) {
	for _, name := range hostile {
		m := backoffice.Mail{Kind: backoffice.MailInvitation, To: "ada@example.com", ExpiresAt: storetest.Now,
			MailContent: backoffice.MailContent{Token: "token", Account: name, By: name, Message: name + "\nhttps://evil.example/x", Roles: []string{name}}}
		l, err := views.WriteLetter(m, "https://steward.example")
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{l.Text, l.HTML} {
			for _, bad := range []string{"<a href=\"https://evil", "http://evil", "https://evil", "www.evil.example", "evil.example", "noreply@bank.example"} {
				if strings.Contains(part, bad) {
					t.Errorf("%q: %s stands in a part", name, bad)
				}
			}
		}
		if n := strings.Count(l.HTML, "<a "); n != 2 {
			t.Errorf("%q: %d links", name, n)
		}
	}
}

func TestMailbox(t *testing.T) {
	var b Mailbox
	for i := range kept + 5 {
		l := letterTo("ada@example.com")
		l.ID = fmt.Sprint(i)
		if err := b.Send(ctx, l); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.Letters(); len(got) != kept || got[0].ID != fmt.Sprint(kept+4) {
		t.Errorf("%d letters, the newest %s", len(got), got[0].ID)
	}
}
