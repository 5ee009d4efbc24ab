package handlers

import (
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"steward/federation"
	"steward/static"
)

// contentPolicy lets nothing run or load that is not served by us; nothing is
// inline, so there is no nonce.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Limits of a request (security.md T-84, T-87).
const (
	bodyLimit  = 1 << 20
	queryLimit = 8 << 10
)

// outer is what every request passes before the routes: recovery, request ID,
// log, headers, host, origin, size.
func (s *server) outer(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	if err := cross.AddTrustedOrigin(s.PublicURL.Scheme + "://" + s.PublicURL.Host); err != nil {
		panic(err) // New has checked the public URL
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		id := uuid.NewString()
		rec := &recorder{ResponseWriter: w}
		h := rec.Header()
		h.Set("X-Request-ID", id)
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", referrerPolicy(r))
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		path := strings.TrimPrefix(r.URL.Path, s.base)
		if !strings.HasPrefix(path, static.Prefix) {
			h.Set("Cache-Control", "no-store")
		}
		if s.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				s.Log.Error("panic", "id", id, "panic", p, "stack", string(debug.Stack()))
				if !rec.wrote {
					s.fail(errPanic, s.echo.NewContext(r, rec))
				}
			}
			s.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("id", id), slog.String("method", r.Method),
				slog.String("path", r.URL.Path), slog.Int("status", rec.status), slog.Int64("bytes", rec.bytes),
				slog.Duration("took", time.Since(begun)))
		}()
		if !s.ownHost(r.Host) && path != "/healthz" && path != "/readyz" {
			http.Error(rec, "Steward answers at "+s.PublicURL.String()+". Open that address, or set --public-url to the one you want to use.", http.StatusMisdirectedRequest)
			return
		}
		if len(r.URL.RawQuery) > queryLimit && (path != federation.LogoutPath && path != federation.AuthorizePath || len(r.URL.RawQuery) > logoutQueryLimit) {
			http.Error(rec, "The address is too long.", http.StatusRequestURITooLong)
			return
		}
		// What shows no cookie may come from anywhere. What an application posts to have
		// a user sign in or out is asked again by GET.
		if !strings.HasPrefix(path, "/api/") && !federation.Machine(path) && path != federation.AuthorizePath && path != federation.LogoutPath {
			if err := cross.Check(r); err != nil || !s.ownOrigin(r) {
				http.Error(rec, "This request came from another site and was refused.", http.StatusForbidden)
				return
			}
		}
		if r.Method == http.MethodOptions && federation.Machine(path) {
			s.provider.ServeHTTP(rec, r) // a browser asks whether a script of an application may
			return
		}
		if !s.largeBody(path) {
			r.Body = http.MaxBytesReader(rec, r.Body, bodyLimit)
		}
		next.ServeHTTP(rec, r)
	})
}

// largeBody reports whether a route limits its body by itself.
func (s *server) largeBody(path string) bool { return path == "/backoffice/import" }

// ownHost reports whether a request was meant for us. While the public URL is
// this machine's own name, its other names are welcome too.
func (s *server) ownHost(host string) bool {
	if strings.EqualFold(host, s.PublicURL.Host) {
		return true
	}
	return loopback(s.PublicURL.Hostname()) && loopback(hostname(host))
}

// referrerPolicy keeps our addresses to ourselves. No referrer at all would make
// browsers post our own forms with the Origin null; a link with a token has no
// form, and not even we need to see it again.
func referrerPolicy(r *http.Request) string {
	if strings.Contains(r.URL.RawQuery, "token=") {
		return "no-referrer"
	}
	return "same-origin"
}

// ownOrigin reports whether a request that changes something comes from a page of
// ours, as far as it says so. Where a browser tells nothing more, the check of
// net/http compares hosts alone; a page of ours has our scheme, too.
func (s *server) ownOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if r.Header.Get("Sec-Fetch-Site") == "same-origin" {
		return true // no page can say that for another one
	}
	if origin == "" || r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Scheme == s.PublicURL.Scheme && s.ownHost(u.Host)
}

func hostname(hostport string) string {
	if h, port, err := net.SplitHostPort(hostport); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return ""
		}
		return h
	}
	return strings.Trim(hostport, "[]")
}

func loopback(name string) bool {
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

type panicError struct{}

func (panicError) Error() string { return "a handler panicked; the log has its stack" }

var errPanic = panicError{}

// recorder notes status and size for the log.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	wrote  bool
}

func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if !r.wrote {
		r.status, r.wrote = http.StatusOK, true
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
