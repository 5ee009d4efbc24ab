package outbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"steward/backoffice"
)

// sendTime is how long connecting, and then sending, may take each; both
// together end before the lease does.
const sendTime = 30 * time.Second

// SMTP sends letters by a mail server.
type SMTP struct {
	host     string
	port     int
	user     string
	password string
	implicit bool // TLS from the first byte
	loopback bool
	from     mail.Address
	time     time.Duration
	tls      *tls.Config
}

// NewSMTP reads the address of a mail server: smtp://user:password@host:587 asks
// for TLS by STARTTLS, smtps://user:password@host:465 begins with it. Only on
// this machine itself a server may do without. from is the address that letters
// are sent from; empty is steward@ the public host. The error never repeats the
// password.
func NewSMTP(server *url.URL, from, publicHost string) (*SMTP, error) {
	s := &SMTP{host: server.Hostname(), implicit: server.Scheme == "smtps", time: sendTime}
	if server.Scheme != "smtp" && server.Scheme != "smtps" || s.host == "" || server.Path != "" && server.Path != "/" || server.RawQuery != "" {
		return nil, errors.New("not an address such as smtps://user:password@mail.example.com:465")
	}
	s.port = 587
	if s.implicit {
		s.port = 465
	}
	if p := server.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return nil, errors.New("the port is not a number from 1 to 65535")
		}
		s.port = int(n)
	}
	s.user = server.User.Username()
	s.password, _ = server.User.Password()
	s.loopback = isLoopback(s.host)
	s.tls = &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
	if s.loopback && !s.implicit {
		// What a mail server on this machine offers is often a certificate that it
		// made for itself, and nothing leaves the machine.
		s.tls.InsecureSkipVerify = true
	}
	if from == "" {
		from = "steward@" + publicHost
	}
	a, err := mail.ParseAddress(from)
	if err != nil || !strings.Contains(a.Address, "@") {
		return nil, fmt.Errorf("%q is no address to send from: set --mail-from", from)
	}
	s.from = mail.Address{Address: a.Address}
	return s, nil
}

// String names the server and the address that letters are sent from.
func (s *SMTP) String() string {
	return net.JoinHostPort(s.host, strconv.Itoa(s.port)) + ", from " + s.from.Address
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send hands a letter to the server. A letter that was accepted is sent, whatever
// the server does afterwards.
func (s *SMTP) Send(ctx context.Context, l backoffice.Letter) error {
	m, err := Message(l, s.from)
	if err != nil {
		return err
	}
	var conn net.Conn
	client, err := s.client(&conn)
	if err != nil {
		return s.explain(err)
	}
	defer func() {
		// A handshake that breaks off leaves its connection open otherwise.
		if conn != nil {
			conn.Close()
		}
	}()
	dialed, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return s.explain(err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	err = client.SendWithSMTPClient(dialed, m)
	if m.IsDelivered() {
		_ = client.CloseWithSMTPClient(dialed) // a server that hangs up has the letter all the same
		return nil
	}
	if err == nil {
		err = errors.New("the server did not confirm")
	}
	return s.explain(err)
}

func (s *SMTP) client(conn *net.Conn) (*gomail.Client, error) {
	dial := func(ctx context.Context, network, address string) (c net.Conn, err error) {
		d := &net.Dialer{Timeout: s.time}
		if c, err = d.DialContext(ctx, network, address); err != nil {
			return nil, err
		}
		*conn = c
		if s.implicit {
			if err := c.SetDeadline(time.Now().Add(s.time)); err != nil {
				return nil, err
			}
			t := tls.Client(c, s.tls)
			if err := t.HandshakeContext(ctx); err != nil {
				return nil, err
			}
			c = t
		}
		return c, nil
	}
	options := []gomail.Option{gomail.WithPort(s.port), gomail.WithTimeout(s.time), gomail.WithTLSConfig(s.tls), gomail.WithDialContextFunc(dial), gomail.WithoutNoop()}
	switch {
	case s.implicit:
		options = append(options, gomail.WithSSL())
	case s.loopback:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.user != "" {
		auth := gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin)
		if s.loopback && !s.implicit {
			auth = gomail.WithSMTPAuth(gomail.SMTPAuthPlainNoEnc)
		}
		options = append(options, auth, gomail.WithUsername(s.user), gomail.WithPassword(s.password))
	}
	return gomail.NewClient(s.host, options...)
}

// explain says in words for staff why a letter was not sent. go-mail keeps the
// causes of its errors to itself, so that some are told by their text alone.
func (s *SMTP) explain(err error) error {
	server := net.JoinHostPort(s.host, strconv.Itoa(s.port))
	text := err.Error()
	text, _, _ = strings.Cut(text, ", affected ")
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
	}
	var said *textproto.Error
	var send *gomail.SendError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &said):
		return fmt.Errorf("the mail server refused: %d %s", said.Code, said.Msg)
	case errors.As(err, &send) && send.ErrorCode() != 0:
		if _, answer, ok := strings.Cut(text, ": "); ok {
			text = answer
		}
		return fmt.Errorf("the mail server refused: %s", text)
	case errors.As(err, &untrusted):
		return fmt.Errorf("the certificate of the mail server %s is not to be trusted: %v", server, untrusted.Unwrap())
	case errors.Is(err, context.DeadlineExceeded), has("i/o timeout", "deadline exceeded"):
		return fmt.Errorf("the mail server %s took longer than %v", server, s.time)
	case has("EOF", "closed network connection", "connection reset", "broken pipe"):
		return fmt.Errorf("the mail server %s hung up before it confirmed", server)
	case has("connection refused"):
		return fmt.Errorf("the mail server %s does not answer", server)
	case has("no such host"):
		return fmt.Errorf("there is no mail server %s: its name is unknown", server)
	}
	return fmt.Errorf("the mail server %s: %s", server, text)
}

// Message is a letter as it goes over the wire: our headers only, one recipient,
// plain text and HTML. Foreign names have been made fit for a line before they
// come into a header, and once more here.
func Message(l backoffice.Letter, from mail.Address) (*gomail.Msg, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))
	m.FromMailAddress(&mail.Address{Name: backoffice.MailLine(l.FromName, 60), Address: from.Address})
	if err := m.EnvelopeFrom(from.Address); err != nil {
		return nil, fmt.Errorf("%q is no address to send from", from.Address)
	}
	to, err := backoffice.ParseEmail(l.To)
	if err != nil || string(to) != l.To {
		return nil, errors.New("the address is none that mail can be sent to")
	}
	m.ToMailAddress(&mail.Address{Address: l.To})
	m.Subject(backoffice.MailLine(l.Subject, 150))
	m.SetDateWithValue(l.At)
	// The same for each attempt: who receives a letter twice sees that it is one.
	_, host, _ := strings.Cut(from.Address, "@")
	m.SetMessageIDWithValue(l.ID + "@" + host)
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	if l.HTML != "" {
		m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	}
	return m, nil
}
