package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/labstack/echo/v4"

	"steward/backoffice"
	"steward/handlers"
	"steward/store"
	"steward/store/storetest"
)

// publicRoutes need nobody signed in. Whoever adds one adds it here, and says why.
var publicRoutes = []string{
	"GET /",                    // leads to the accounts, and so to the sign-in
	"GET /healthz",             // machines ask
	"GET /readyz",              // machines ask
	"GET /backoffice/sign-in",  // the way in
	"POST /backoffice/sign-in", //
	"POST /backoffice/sign-out",
	"GET /backoffice/setup", // opened by a one-use link
	"POST /backoffice/setup",
	"GET /sign-in", // the way in of users; what each may do follows from the sign-in under way
	"POST /sign-in",
	"GET /sign-in/password",
	"POST /sign-in/password",
	"GET /sign-in/accounts",
	"POST /sign-in/accounts",
	"GET /sign-in/stop",
	"POST /sign-in/cancel",
	"POST /sign-in/link", // mails a link to who has the address
	"GET /sign-in/link",  // opened by a one-use link
	"POST /sign-in/link/use",
	"GET /sign-in/mail",
	"POST /sign-in/reset", // mails a link to who has the address
	"GET /sign-in/reset",  // opened by a one-use link
	"POST /sign-in/reset/password",
	"GET /sign-up", // 404 while sign-up is closed
	"POST /sign-up",
	"GET /sign-up/mail",
	"POST /sign-up/link",  // mails a link to who has shown their password
	"GET /sign-up/verify", // opened by a one-use link
	"POST /sign-up/verify",
	"GET /profile/address/confirm", // opened by a one-use link, and by the session of who asked for it
	"GET /sign-in/address",         // opened by a one-use link
	"POST /sign-in/address/restoration",
	"POST /sign-out",
	"GET /.well-known/openid-configuration", // machines ask
	"GET /oauth/keys",
	"POST /oauth/token", // by a code, a refresh token or a secret
	"GET /oauth/userinfo",
	"POST /oauth/userinfo",     // by an access token
	"POST /oauth/introspect",   // by a secret
	"POST /oauth/revoke",       // by a token, and a secret where there is one
	"GET /oauth/authorize",     // where applications send their users
	"POST /oauth/authorize",    // leads to the same by GET
	"GET /oauth/logout",        //
	"POST /oauth/logout",       //
	"GET /sign-in/application", // for a request that an application began in this browser
	"GET /sign-in/application/logo",
	"POST /sign-in/application",
	"POST /sign-in/application/somebody-else",
	"POST /sign-out/application",
	"GET /invitation", // opened by a one-use link
	"POST /invitation",
	"POST /invitation/code",
	"POST /sign-in/invitations",   // for a sign-in under way
	"GET /backoffice/staff-setup", // opened by a one-use link
	"POST /backoffice/staff-setup",
	"POST /sign-in/passkey", // the way in by a passkey alone
	"POST /sign-in/passkey/challenge",
	"POST /sign-in/continue",
	"GET /sign-in/mfa", // what each may do follows from the sign-in under way
	"POST /sign-in/mfa",
	"POST /sign-in/mfa/challenge",
	"GET /sign-in/enrol",
	"POST /sign-in/enrol/authenticator",
	"GET /sign-in/enrol/authenticator",
	"POST /sign-in/enrol/authenticator/code",
	"POST /sign-in/enrol/passkeys/challenge",
	"POST /sign-in/enrol/passkeys",
	"GET /backoffice/sign-in/mfa", // the same for staff
	"POST /backoffice/sign-in/mfa",
	"POST /backoffice/sign-in/mfa/challenge",
	"GET /backoffice/sign-in/enrol",
	"POST /backoffice/sign-in/enrol/authenticator",
	"GET /backoffice/sign-in/enrol/authenticator",
	"POST /backoffice/sign-in/enrol/authenticator/code",
	"POST /backoffice/sign-in/enrol/passkeys/challenge",
	"POST /backoffice/sign-in/enrol/passkeys",
	"POST /backoffice/sign-in/continue",
	"POST /backoffice/sign-in/cancel",
}

// heldThere are routes of the portal whose permission is asked for in the account
// that they name, and not in the one that the user is in.
var heldThere = map[string]backoffice.Permission{
	"GET /portal/accounts/:id/users/new":                   backoffice.WriteUsers,
	"POST /portal/accounts/:id/users":                      backoffice.WriteUsers,
	"POST /portal/accounts/:account/users/:id/roles":       backoffice.WriteUsers,
	"POST /portal/accounts/:account/users/:id/disabled":    backoffice.WriteUsers,
	"POST /portal/accounts/:account/users/:id/invitation":  backoffice.WriteUsers,
	"GET /portal/accounts/:account/users/:id/removal":      backoffice.DeleteUsers,
	"POST /portal/accounts/:account/users/:id/removal":     backoffice.DeleteUsers,
	"POST /portal/accounts/:account/users/:id/restoration": backoffice.DeleteUsers,
}

// Every route declares who may use it, and nothing answers that is not declared.
func TestAttack_T02_RouteWithoutPermission(t *testing.T) {
	w := gateFor(t)
	declared := map[string]bool{}
	for _, e := range w.probe.Table() {
		line := e.Method + " " + e.Path
		if declared[line] {
			t.Errorf("%s stands in the table twice", line)
		}
		declared[line] = true
		if e.Permission == "" && e.Scope == "" && !e.Portal && !slices.Contains(publicRoutes, line) {
			t.Errorf("%s needs no permission and is not on the list of public routes", line)
		}
		if e.Portal && e.Method != http.MethodGet && strings.Contains(string(e.Here), ".read.") && heldThere[line] == "" {
			t.Errorf("%s changes something by the permission %s, which is one to read", line, e.Here)
		}
		if e.Method != http.MethodGet && e.Permission.ReadOnly() {
			if !slices.Contains(readingPosts, line) {
				t.Errorf("%s changes something by the permission %s, which is one to read", line, e.Permission)
			}
		}
	}
	for _, line := range publicRoutes {
		if !declared[line] {
			t.Errorf("the list of public routes has %s, which is none", line)
		}
	}
	for _, line := range w.probe.Answered() {
		if line == echo.RouteNotFound+" /api/*" {
			continue // says which methods an address takes
		}
		if _, path, _ := strings.Cut(line, " "); !declared[line] && !strings.HasPrefix(path, "/static/") && !strings.HasPrefix(path, "/assets/") && path != "/*" {
			t.Errorf("%s is answered and in no table", line)
		}
	}
}

// readingPosts are forms that change nothing but the browser's own cookies, or
// whose selection is too long for an address.
var readingPosts = []string{"POST /backoffice/theme", "POST /backoffice/selection/export", "POST /backoffice/user-selection/export"}

// deadWithoutLink answer 404 to whoever comes without the link that opens them.
var deadWithoutLink = []string{"GET /backoffice/setup", "POST /backoffice/setup", "GET /backoffice/staff-setup", "POST /backoffice/staff-setup", "GET /sign-in/link", "POST /sign-in/link/use",
	"GET /sign-in/reset", "POST /sign-in/reset/password", "GET /invitation", "POST /invitation", "POST /invitation/code",
	"GET /sign-up", "POST /sign-up", "GET /sign-up/verify", "POST /sign-up/verify", "GET /profile/address/confirm", "POST /profile/address/confirm",
	"GET /sign-in/address", "POST /sign-in/address/restoration",
	"GET /sign-in/application", "GET /sign-in/application/logo", "POST /sign-in/application", "POST /sign-in/application/somebody-else"}

// byToken answer 401 to whoever shows neither a token nor a secret.
var byToken = []string{"POST /oauth/token", "GET /oauth/userinfo", "POST /oauth/userinfo", "POST /oauth/introspect", "POST /oauth/revoke"}

// fromAnywhere may be posted to by other sites: what reads no cookie, and what
// leads to the same by GET.
var fromAnywhere = []string{"/oauth/token", "/oauth/userinfo", "/oauth/introspect", "/oauth/revoke", "/oauth/authorize", "/oauth/logout"}

func gateFor(t *testing.T) *site {
	t.Helper()
	clock := storetest.NewClock()
	return newGate(t, storetest.Open(t, storetest.SQLite(t), clock), clock, nil)
}

// Every route by everybody, with IDs that are theirs, somebody else's, and
// nobody's: who may not is told so in the same words whatever the ID, reads
// nothing, and changes nothing.
func TestAttack_T01_Matrix(t *testing.T) {
	// In parts, each on databases of its own: what the actors use up stays small,
	// and the parts run beside each other.
	const parts = 8
	var rows, routes, actors, engines atomic.Int64
	t.Run("parts", func(t *testing.T) {
		for part := range parts {
			t.Run(strconv.Itoa(part), func(t *testing.T) {
				t.Parallel()
				storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
					w := newGate(t, s, clock, nil)
					w.furnish()
					cast := w.cast()
					table := w.probe.Table()
					for i := part; i < len(table); i += parts {
						rows.Add(w.everybodyAsks(table[i], cast))
					}
					if part == 0 {
						engines.Add(1)
					}
					routes.Store(int64(len(table)))
					actors.Store(int64(len(cast)))
				})
			})
		}
	})
	if want := engines.Load() * routes.Load() * actors.Load(); rows.Load() != want {
		t.Errorf("%d rows, want %d: each route by each actor on each engine", rows.Load(), want)
	}
	t.Logf("%d routes by %d actors", routes.Load(), actors.Load())
}

// everybodyAsks asks for one route as each actor, with the IDs of others, and
// returns how many asked.
func (w *site) everybodyAsks(e handlers.Entry, cast []attacker) (rows int64) {
	line := e.Method + " " + e.Path
	// Who is let in has objects of their own, which are used up; the others
	// are refused the same ones.
	with := make([]objects, len(cast))
	var refused objects
	for i, a := range cast {
		switch {
		case !hasParams(e.Path):
		case a.may(e), e.Portal && a.runs:
			with[i] = w.objectsFor(a)
		default:
			if refused.own == nil {
				refused = w.objectsFor(attacker{})
			}
			with[i] = refused
		}
	}
	before := storetest.Dump(w.t, w.store)
	for i, a := range cast {
		rows++
		if a.may(e) {
			w.foreignIDs(e, a, with[i])
		} else {
			w.refused(e, a, with[i])
		}
	}
	w.unchanged(before, line+", refused,")
	for i, a := range cast {
		if a.may(e) {
			w.allowed(e, &cast[i], with[i])
		}
	}
	return rows
}

// refused holds an actor to what they may not do.
func (w *site) refused(e handlers.Entry, a attacker, o objects) {
	w.t.Helper()
	paths := swaps(e.Path, o)
	if own, ok := address(e.Path, o.own); ok {
		paths = append(paths, own)
	}
	first := ""
	for _, path := range paths {
		what := e.Method + " " + path + " by " + a.name
		got := w.ask(e, path, a)
		got.headers(w.t, what)
		switch {
		case e.Scope != "":
			want := http.StatusUnauthorized
			if a.scope != "" {
				want = http.StatusForbidden
			}
			if got.Status != want {
				w.t.Errorf("%s: %d, want %d", what, got.Status, want)
			}
		case a.in && !e.Portal, a.user.Key != 0 && a.runs && e.Portal:
			if got.Status != http.StatusForbidden {
				w.t.Errorf("%s: %d, want 403", what, got.Status)
			}
		default:
			if !got.toSignInOf(e) {
				w.t.Errorf("%s: %d %s, want the sign-in page", what, got.Status, got.Header.Get("Location"))
			}
			got.Header.Del("Location") // where to go on to is what they asked for
		}
		w.noCanary(got, what)
		if body := got.same(); first == "" {
			first = body
		} else if body != first {
			w.t.Errorf("%s: the refusal differs by ID:\n%s\n\n%s", what, body, first)
		}
	}
}

func (w *site) noCanary(got answer, what string) {
	w.t.Helper()
	for _, c := range canaries {
		if strings.Contains(got.Body, c) {
			w.t.Errorf("%s: reads %s", what, c)
		}
	}
}

// foreignIDs holds an actor who may use a route to the IDs that are theirs: what is
// not answers as what does not exist.
func (w *site) foreignIDs(e handlers.Entry, a attacker, o objects) {
	w.t.Helper()
	need, first, forbidden := heldThere[e.Method+" "+e.Path], "", ""
	for _, path := range swaps(e.Path, o) {
		what := e.Method + " " + path + " by " + a.name
		got := w.ask(e, path, a)
		got.headers(w.t, what)
		if need != "" && !a.held.Has(need) && strings.Contains(path, "/accounts/"+url.PathEscape(o.own["accounts"])+"/") {
			// What takes a permission in an account that they see is refused whoever it is
			// about.
			if body := got.same(); got.Status != http.StatusForbidden || forbidden != "" && body != forbidden {
				w.t.Errorf("%s: %d, want the same 403 as for anybody:\n%s\n\n%s", what, got.Status, body, forbidden)
			} else {
				forbidden = body
			}
			w.noCanary(got, what)
			continue
		}
		// An empty form may be refused before anybody looks for what it is about.
		if got.Status != http.StatusNotFound && got.Status != http.StatusBadRequest && got.Status != http.StatusUnprocessableEntity {
			w.t.Errorf("%s: %d, want 404", what, got.Status)
		}
		w.noCanary(got, what)
		if body := got.same(); first == "" {
			first = body
		} else if body != first {
			w.t.Errorf("%s: somebody else's differs from nobody's:\n%s\n\n%s", what, body, first)
		}
	}
}

// allowed uses a route as its page would, without filling in anything.
func (w *site) allowed(e handlers.Entry, a *attacker, o objects) {
	w.t.Helper()
	path, ok := address(e.Path, o.own)
	if !ok {
		w.t.Logf("no ID is known for %s: teach objectsFor", e.Path)
		return
	}
	what := e.Method + " " + path + " by " + a.name
	got := w.ask(e, path, *a)
	got.headers(w.t, what)
	if need := heldThere[e.Method+" "+e.Path]; need != "" && !a.held.Has(need) {
		if got.Status != http.StatusForbidden {
			w.t.Errorf("%s: %d, want 403", what, got.Status)
		}
		return
	}
	wrong := got.Status >= 500 || got.Status == http.StatusForbidden || got.Status == http.StatusUnauthorized && !slices.Contains(byToken, e.Method+" "+e.Path)
	if !slices.Contains(deadWithoutLink, e.Method+" "+e.Path) {
		wrong = wrong || got.Status == http.StatusNotFound
	}
	if (e.Permission != "" || e.Portal) && got.toSignInOf(e) && !slices.Contains([]string{"/backoffice/sessions/end", "/profile/sessions/end"}, e.Path) {
		wrong = true
	}
	if wrong {
		w.t.Errorf("%s: %d %s", what, got.Status, got.Header.Get("Location"))
	}
	if a.in { // what was used may have ended the session
		cookie, _ := w.sessionOf(a.staff)
		a.cookies = map[string]string{"steward": cookie}
	}
	if a.user.Key != 0 && a.runs {
		cookie, _ := w.userSession(a.user, a.account)
		a.cookies = map[string]string{"steward-user": cookie}
	}
}

// Nothing that the pages of one reader hold tells them of somebody else's doings.
func TestAttack_T05_CountsTellNothing(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		w.furnish()
		viewer := w.staff("t05@vendor.example", backoffice.Viewer)
		cookie, _ := w.sessionOf(viewer)
		// Sessions and saved views are what one member of staff keeps from another.
		read := func() string {
			var all strings.Builder
			for _, path := range []string{"/backoffice/sessions", "/backoffice/accounts"} {
				all.WriteString(w.raw(raw{method: "GET", path: path, cookies: map[string]string{"steward": cookie}}).same())
			}
			return all.String()
		}
		before := read()
		other := w.staff("other@vendor.example", backoffice.Manager)
		for i := range 30 {
			w.sessionOf(other)
			if _, err := w.store.SaveView(ctx, other.Actor("", ""), "accounts", "CANARY-VIEW "+string(rune('a'+i)), "q=x", false); err != nil {
				t.Fatal(err)
			}
		}
		if read() != before {
			t.Error("another's sessions and private views change what a viewer reads")
		}
	})
}
