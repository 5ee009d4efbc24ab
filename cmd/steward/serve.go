package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"

	"steward/backoffice"
	"steward/federation"
	"steward/handlers"
	"steward/outbox"
	"steward/store"
	"steward/views"
)

type serveCommand struct {
	Addr           string   `help:"Address to listen on." default:":8080" env:"STEWARD_ADDR" placeholder:"HOST:PORT"`
	PublicURL      string   `help:"Address that people use, for links; http://localhost:PORT when left out. A path in it is the prefix that Steward lives under." name:"public-url" env:"STEWARD_PUBLIC_URL" placeholder:"URL"`
	TrustedProxies []string `help:"Networks of reverse proxies whose X-Forwarded-For is believed, separated by commas." env:"STEWARD_TRUSTED_PROXIES" placeholder:"CIDR"`
	MetricsAddr    string   `help:"Address of a listener of its own for Prometheus; none when left out." env:"STEWARD_METRICS_ADDR" placeholder:"HOST:PORT"`
	SMTPURL        string   `help:"Mail server: smtp://, smtps:// with user:password@host:port. Mail waits when left out." name:"smtp-url" env:"STEWARD_SMTP_URL" placeholder:"URL"`
	MailFrom       string   `help:"Address that mail is sent from; steward@ the host of the public URL when left out." name:"mail-from" env:"STEWARD_MAIL_FROM" placeholder:"ADDRESS"`
	Environment    string   `help:"Name of the environment, shown in the page's head." default:"Production" env:"STEWARD_ENVIRONMENT" placeholder:"NAME"`
	Dev            bool     `help:"For development: the view gallery at /dev/views, and without --smtp-url the mailbox at /dev/mail. On loopback only." env:"STEWARD_DEV"`
}

// Limits of a connection. Uploads and exports that take longer move their own
// deadlines while they progress.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	// drainTime is how long connections are still accepted after readiness turned
	// false, so that what is on its way arrives.
	drainTime = 500 * time.Millisecond
	// endTime is how long requests under way may take to end.
	endTime = 30 * time.Second
)

// configuration is serveCommand after every value was understood.
type configuration struct {
	publicURL *url.URL
	proxies   []netip.Prefix
	smtp      *outbox.SMTP // nil: none
}

func (c *serveCommand) configuration() (cfg configuration, err error) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return cfg, usage("--addr %q is not HOST:PORT or :PORT", c.Addr)
	}
	if c.Dev && c.PublicURL == "" && host == "" {
		c.Addr = "127.0.0.1:" + port
	} else if ip := net.ParseIP(host); c.Dev && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return cfg, usage("--dev is for this machine alone: listen on --addr 127.0.0.1:%s", port)
	}
	if c.PublicURL == "" {
		cfg.publicURL = &url.URL{Scheme: "http", Host: "localhost:" + port}
	} else {
		u, err := url.Parse(c.PublicURL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return cfg, usage("--public-url %q is not an address such as https://steward.example.com", c.PublicURL)
		}
		u.Path = strings.TrimSuffix(u.Path, "/")
		cfg.publicURL = u
	}
	for _, p := range c.TrustedProxies {
		p = strings.TrimSpace(p)
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			addr, err := netip.ParseAddr(p)
			if err != nil {
				return cfg, usage("--trusted-proxies: %q is neither a network such as 10.0.0.0/8 nor an address", p)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		cfg.proxies = append(cfg.proxies, prefix.Masked())
	}
	if c.SMTPURL != "" {
		u, err := url.Parse(c.SMTPURL)
		if err != nil { // its text would repeat the password
			return cfg, usage("--smtp-url is not an address such as smtps://user:password@mail.example.com:465")
		}
		if cfg.smtp, err = outbox.NewSMTP(u, c.MailFrom, cfg.publicURL.Hostname()); err != nil {
			return cfg, usage("--smtp-url: %v", err)
		}
	}
	return cfg, nil
}

func (c *serveCommand) Run(ctx context.Context, a *app) error {
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	limitMemory()
	log := newLog(a)
	slog.SetDefault(slog.New(federation.Quiet(log.Handler())))

	// The port first: who cannot listen leaves the database alone.
	listener, err := listen(c.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", c.Addr, err)
	}
	defer listener.Close()
	key, err := a.key()
	if err != nil {
		return err
	}
	if key == nil {
		return usage("a PostgreSQL server has no place for the key that seals secrets: name a file with --key-file")
	}
	s, err := store.Open(ctx, a.database, store.Options{Now: a.now, Serve: true, Key: key})
	if err != nil {
		return err
	}
	defer s.Close()

	d := &drain{ready: cfg.publicURL.Path + "/readyz"}
	mail := c.mail(s, cfg, log)
	handler, err := c.handler(s, cfg, mail, log)
	if err != nil {
		return err
	}
	m := newGauges(s)
	open := &connections{}
	server := &http.Server{
		ConnState:         open.watch,
		Handler:           d.wrap(m.wrap(handler)),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 2)
	if c.MetricsAddr != "" {
		stop, err := m.listen(c.MetricsAddr, failed)
		if err != nil {
			return err
		}
		defer stop()
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { housekeep(work, s, log) })
	if mail.worker != nil {
		background.Go(func() { mail.worker.Run(work) })
	}
	background.Go(func() {
		if err := s.ResumeImports(work); err != nil && !errors.Is(err, context.Canceled) {
			log.Error("an import that was interrupted could not go on; it is tried again at the next start", "error", err)
		}
	})
	defer background.Wait()
	defer stopWork()

	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(a.stdout, "Steward is at %s\n", cfg.publicURL)
	if err := c.greet(ctx, a, s, cfg); err != nil {
		return err
	}
	log.Info("serving", "addr", listener.Addr().String(), "database", s.Engine(), "version", version())

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("ending")
	d.begin()
	time.Sleep(drainTime)
	listener.end()
	open.quiet(endTime)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		return fmt.Errorf("requests were still under way after %v: %w", endTime, err)
	}
	log.Info("ended")
	return nil
}

// greet prints the one-use set-up link while there is no owner, and the sign-in
// address once there is one.
func (c *serveCommand) greet(ctx context.Context, a *app, s *store.Store, cfg configuration) error {
	link, err := setupLink(ctx, s, cfg.publicURL.String())
	if err != nil {
		return err
	}
	if link != "" {
		_, err = fmt.Fprintf(a.stdout, "Nobody owns it yet. Open this link within 24 hours; it works once:\n%s\n", link)
	} else {
		_, err = fmt.Fprintf(a.stdout, "Sign in at %s/backoffice/sign-in\n", cfg.publicURL)
	}
	return err
}

// handler is everything that answers on the public address.
func (c *serveCommand) handler(s *store.Store, cfg configuration, mail mailing, log *slog.Logger) (http.Handler, error) {
	return handlers.New(handlers.Options{
		Store: s, PublicURL: cfg.publicURL, Environment: c.Environment, Production: c.Environment == "Production",
		Trusted: cfg.proxies, Log: log, Dev: c.Dev, Mail: mail.by, Letters: mail.letters,
	})
}

// mailing is what sends mail, if anything does.
type mailing struct {
	worker  *outbox.Worker
	by      string                     // what it sends by, in words
	letters func() []backoffice.Letter // of the mailbox of development
}

// mail sends by the mail server that was named; in development, without one, mail
// goes into a mailbox of its own. Otherwise it waits.
func (c *serveCommand) mail(s *store.Store, cfg configuration, log *slog.Logger) (m mailing) {
	w := &outbox.Worker{Box: s, Log: log, Write: func(m backoffice.Mail) (backoffice.Letter, error) {
		return views.WriteLetter(m, cfg.publicURL.String())
	}}
	switch {
	case cfg.smtp != nil:
		w.Sender, m.by = cfg.smtp, cfg.smtp.String()
	case c.Dev:
		box := &outbox.Mailbox{}
		w.Sender, m.by, m.letters = box, "the mailbox of development", box.Letters
	default:
		return m
	}
	m.worker = w
	return m
}

// drain tells clients to open no further requests on their connections while
// the server ends.
type drain struct {
	on    atomic.Bool
	ready string // path of the readiness probe
}

func (d *drain) begin() { d.on.Store(true) }

func (d *drain) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.on.Load() {
			w.Header().Set("Connection", "close")
			if r.URL.Path == d.ready {
				http.Error(w, "ending", http.StatusServiceUnavailable)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func newLog(a *app) *slog.Logger {
	if f, ok := a.stderr.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return slog.New(slog.NewTextHandler(a.stderr, nil))
	}
	return slog.New(slog.NewJSONHandler(a.stderr, nil))
}

// housekeep does hourly what time alone makes due.
func housekeep(ctx context.Context, s *store.Store, log *slog.Logger) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		err := each(ctx,
			func(ctx context.Context) error { return purge(ctx, s, log) },
			s.Forget,
			s.PurgeImports,
			func(ctx context.Context) error { return s.RotateSigningKeys(ctx, federation.MakeSigningKey) })
		if err != nil && ctx.Err() == nil {
			log.Error("housekeeping failed; it is tried again in an hour", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// each does all of the acts, whichever fail: one that cannot be done keeps no other
// from being done.
func each(ctx context.Context, acts ...func(context.Context) error) (err error) {
	for _, act := range acts {
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		err = errors.Join(err, act(ctx))
	}
	return err
}

// purge empties the bin of what is older than 30 days, a few at a time: others
// write in between. Roles come last: what is left of an account or a user may
// name one.
func purge(ctx context.Context, s *store.Store, log *slog.Logger) error {
	const atOnce = 20
	var gone [4]int
	var acts []func(context.Context) error
	for i, some := range []func(context.Context, int) (int, error){s.Purge, s.PurgeUsers, s.PurgeRoles, s.PurgeApplications} {
		acts = append(acts, func(ctx context.Context) error {
			for {
				if err := ctx.Err(); err != nil {
					return err
				}
				n, err := some(ctx, atOnce)
				gone[i] += n
				if err != nil || n < atOnce {
					return err
				}
			}
		})
	}
	err := each(ctx, acts...)
	if gone != [4]int{} {
		log.Info("purged the bin", "accounts", gone[0], "users", gone[1], "roles", gone[2], "applications", gone[3])
	}
	return err
}
