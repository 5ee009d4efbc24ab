package handlers_test

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/handlers"
	"steward/store"
	"steward/store/storetest"
)

// inner is what no visitor may read: statements, files, stacks, texts of errors.
var inner = regexp.MustCompile(`(?i)sql:|sqlite|postgres|pgx|SELECT |INSERT |database is closed|goroutine|\.go:\d|runtime error|/srv/|/tmp/|context canceled|bad connection|prepare "`)

var param = regexp.MustCompile(`:[a-z_]+|\*`)

// T-86: with the database gone, a request given up, or a handler that panics,
// every route answers a plain page with a number, and nothing of what is inside.
func TestAttack_T86_EveryRoute(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		owner := backoffice.Actor{Kind: backoffice.ActorStaff, Key: 1, ID: "staff-ada", Name: "Ada Weber", Email: "ada.weber@kontor.example", Role: backoffice.Owner, Session: "session"}
		var panics atomic.Bool // the server's goroutines read it
		w := newGate(t, s, clock, func(o *handlers.Options) {
			o.As = func(*http.Request) (backoffice.Actor, bool) {
				if panics.Load() {
					panic("sqlite goroutine /srv/steward")
				}
				return owner, true
			}
		})
		if _, err := s.CreateAccount(ctx, owner, backoffice.NewAccount{Name: "Nord", ID: "nord"}); err != nil {
			t.Fatal(err)
		}
		ask := func(e handlers.Entry, ctx context.Context) *http.Response {
			var body string
			if e.Method != http.MethodGet {
				body = "name=Nord&id=nord&email=a%40b.example&password=x&current=x&new=x&again=x&role=viewer"
			}
			req, err := http.NewRequestWithContext(ctx, e.Method, w.url+param.ReplaceAllString(e.Path, "nord"), strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Sec-Fetch-Site", "same-origin")
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if strings.HasPrefix(e.Path, "/api/") {
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Authorization", "Bearer something")
			}
			// Whoever might be signed in, or on the way in, has to be looked up.
			for name, purpose := range map[string]auth.Purpose{"steward-user": auth.UserSessionToken, "steward-sign-in": auth.PendingSignInToken,
				"steward-sign-in-staff": auth.PendingStaffToken, "sign-in-link": auth.SignInLinkToken, "reset-link": auth.ResetLinkToken, "return-link": auth.ReturnLinkToken} {
				token, _ := purpose.New()
				req.AddCookie(&http.Cookie{Name: name, Value: token})
			}
			client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			res, err := client.Do(req)
			if err != nil {
				if ctx.Err() == nil {
					t.Fatalf("%s %s: %v", e.Method, e.Path, err)
				}
				return nil
			}
			return res
		}
		// storeless routes ask the database nothing on their way to an answer: they
		// lead elsewhere, or were asked nothing.
		storeless := func(e handlers.Entry) bool {
			switch e.Path {
			case "/", "/healthz", "/backoffice/theme", "/backoffice/sign-in", "/backoffice/sign-out", "/backoffice/search", "/backoffice/settings",
				"/sign-in/mail", "/sign-up/mail", "/backoffice/sign-in/cancel",
				"/.well-known/openid-configuration", "/oauth/token", "/oauth/userinfo", "/oauth/introspect", "/oauth/revoke":
				return true
			case "/oauth/authorize", "/oauth/logout":
				return e.Method == http.MethodPost
			case "/sign-in":
				return e.Method == http.MethodPost
			case "/sign-in/password":
				return e.Method == http.MethodGet
			}
			return false
		}
		hold := func(what string, want func(handlers.Entry, int) bool) {
			t.Helper()
			for _, e := range w.probe.Table() {
				res := ask(e, ctx)
				b := new(strings.Builder)
				if _, err := copyBody(b, res); err != nil {
					t.Errorf("%s, %s %s: %v", what, e.Method, e.Path, err)
				}
				if found := inner.FindString(b.String()); found != "" {
					t.Errorf("%s, %s %s: %d tells %q", what, e.Method, e.Path, res.StatusCode, found)
				}
				if !want(e, res.StatusCode) {
					t.Errorf("%s, %s %s: %d", what, e.Method, e.Path, res.StatusCode)
				}
				if res.StatusCode >= 500 && !strings.Contains(b.String(), res.Header.Get("X-Request-ID")) {
					t.Errorf("%s, %s %s: an answer without its number", what, e.Method, e.Path)
				}
			}
		}
		for _, e := range w.probe.Table() { // given up while under way
			given, cancel := context.WithTimeout(ctx, 300*time.Microsecond)
			if res := ask(e, given); res != nil {
				res.Body.Close()
			}
			cancel()
		}
		if err := s.Ping(ctx); err != nil {
			t.Fatalf("after requests that were given up: %v", err)
		}
		panics.Store(true)
		hold("a panic", func(e handlers.Entry, status int) bool {
			return status == http.StatusInternalServerError || e.Permission == "" || e.Scope != ""
		})
		panics.Store(false)
		if err := s.Ping(ctx); err != nil {
			t.Fatalf("after panics: %v", err)
		}
		s.Close()
		hold("a closed database", func(e handlers.Entry, status int) bool {
			return status == http.StatusServiceUnavailable || storeless(e) && status < 500 || status >= 400 && status < 500
		})
	})
}

func copyBody(b *strings.Builder, res *http.Response) (int64, error) {
	defer res.Body.Close()
	return io.Copy(b, res.Body)
}
