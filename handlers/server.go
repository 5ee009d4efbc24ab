// Package handlers owns the web: routes, who may use them, decoding of forms,
// and the answer. A handler decodes, calls one verb of the store, and renders;
// it knows no SQL and decides no rule.
package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/zstd"
	"github.com/labstack/echo/v4"

	"steward/auth"
	"steward/backoffice"
	"steward/federation"
	"steward/handlers/api"
	"steward/static"
	"steward/store"
)

// Options are what one mounted environment needs to know.
type Options struct {
	Store       *store.Store
	PublicURL   *url.URL // scheme, host and the path prefix that Steward lives under
	Environment string   // name shown in the page's head
	Production  bool     // false colours the head
	Trusted     []netip.Prefix
	Log         *slog.Logger
	Dev         bool   // adds /dev/views, on loopback only
	Mail        string // what sends mail, in words; empty: it waits, and staff are told
	// Letters is what is in the mailbox of development, the newest first; nil: there
	// is none.
	Letters func() []backoffice.Letter
	// As stands in for the sign-in in tests of pages: it names the actor of a request.
	As func(*http.Request) (backoffice.Actor, bool)
	// Wait stands in for auth.Wait in tests of refusals: they count work, not time.
	Wait func(context.Context, time.Duration) error
}

// server holds what handlers share.
type server struct {
	Options
	echo   *echo.Echo
	base   string // path prefix without a slash at its end
	secure bool
	flash  flashSealer

	hasher   *auth.Hasher
	sessions *auth.SessionStore
	users    *auth.UserSessions
	throttle auth.Throttle
	provider *federation.Provider
	requests *buckets // sign-ins that applications begin
	refusals *buckets // of machines
	// manyRequests are sign-ins, too, of as many networks as one site can have.
	manyRequests *buckets

	passkeys    auth.Passkeys
	hasPasskeys bool // the public address can have some
}

// New returns the handler of one environment.
func New(o Options) (http.Handler, error) {
	_, h, err := build(o)
	return h, err
}

func build(o Options) (*server, http.Handler, error) {
	if o.PublicURL == nil || o.PublicURL.Host == "" {
		return nil, nil, fmt.Errorf("the public URL must have a scheme and a host")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Options: o, echo: echo.New(), base: strings.TrimSuffix(o.PublicURL.Path, "/"), secure: o.PublicURL.Scheme == "https"}
	s.flash = newFlashSealer()
	if s.Wait == nil {
		s.Wait = auth.Wait
	}
	s.hasher = auth.NewHasher(runtime.GOMAXPROCS(0))
	s.sessions = auth.NewSessionStore(o.Store, o.PublicURL, o.Store.Now)
	s.users = auth.NewUserSessions(o.Store, o.PublicURL, o.Store.Now)
	s.throttle = auth.NewThrottle(o.Store)
	s.provider = federation.New(o.PublicURL, o.Store, o.Store.Now)
	s.requests, s.refusals = newBuckets(requestRate, requestBurst), newBuckets(refusalRate, refusalBurst)
	s.manyRequests = newBuckets(4*requestRate, 4*requestBurst)
	s.passkeys, s.hasPasskeys = auth.NewPasskeys(o.PublicURL, "Steward")
	e := s.echo
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.fail
	// The default would believe any X-Forwarded-For.
	e.IPExtractor = echo.ExtractIPDirect()
	if len(o.Trusted) > 0 {
		trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
		for _, p := range o.Trusted {
			trust = append(trust, echo.TrustIPRange(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
		}
		e.IPExtractor = echo.ExtractIPFromXFFHeader(trust...)
	}
	for _, r := range s.routes() {
		e.Add(r.method, s.base+r.path, s.serve(r))
	}
	for _, r := range s.portalRoutes() {
		e.Add(r.method, s.base+r.path, s.serveUser(r))
	}
	machine := api.New(o.Store, o.Log)
	for _, r := range api.Routes() {
		e.Add(r.Method, s.base+r.Path, func(ec echo.Context) error {
			// Echo lets a parameter at the end take slashes along.
			if api.Methods(strings.TrimPrefix(echo.GetPath(ec.Request()), s.base)) == "" {
				return backoffice.ErrNotFound
			}
			machine.Serve(r, ec.Response(), ec.Request(), ec.RealIP())
			return nil
		})
	}
	// Echo asks this before it would say that another method is taken.
	e.RouteNotFound(s.base+"/api/*", func(ec echo.Context) error {
		allow := api.Methods(strings.TrimPrefix(echo.GetPath(ec.Request()), s.base))
		if allow == "" {
			return backoffice.ErrNotFound
		}
		machine.RefuseMethod(allow, ec.Response(), ec.Request())
		return nil
	})
	e.Any(s.base+static.Prefix+"*", echo.WrapHandler(http.StripPrefix(s.base, static.Handler())))
	e.RouteNotFound("/*", func(echo.Context) error { return backoffice.ErrNotFound })

	// zstd for browsers that take it: fewer bytes than gzip in less time.
	compress, err := gzhttp.NewWrapper(gzhttp.CompressionLevel(1), gzhttp.ZstdCompressionLevel(int(zstd.SpeedDefault)), gzhttp.MinSize(512))
	if err != nil {
		return nil, nil, err
	}
	return s, s.outer(compress(e)), nil
}

// Base is the path prefix under which the environment is mounted.
func (s *server) link(path string) string { return s.base + path }

// now is the time of the request.
func (s *server) now() time.Time { return s.Store.Now() }

// cookieName is a cookie's name: on https with the prefix that binds it to this
// host alone.
func (s *server) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

// cookie makes a cookie as all of ours are. maxAge is in seconds, below 0 to
// take it away.
func (s *server) cookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode}
}
