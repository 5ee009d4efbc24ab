package handlers_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"steward/auth"
	"steward/backoffice"
	"steward/handlers"
	"steward/store"
	"steward/store/storetest"
)

// raw is one request as an attacker writes it: no redirect is followed, no
// cookie is kept.
type raw struct {
	method  string
	path    string
	body    string
	header  map[string]string
	cookies map[string]string
	host    string
}

// raw sends a request. Without a header for the body's kind a body is a form.
func (w *site) raw(q raw) answer {
	w.t.Helper()
	req, err := http.NewRequest(q.method, w.url, strings.NewReader(q.body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.URL.Opaque = q.path // as it is written, without repair
	if strings.HasPrefix(q.path, "//") {
		req.URL.Opaque = "//" + req.URL.Host + q.path
	}
	if q.host != "" {
		req.Host = q.host
	}
	if q.body != "" || q.method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range q.header {
		req.Header.Set(k, v)
	}
	for k, v := range q.cookies {
		req.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	res, err := rawClient.Do(req)
	if err != nil {
		w.t.Fatalf("%s %s: %v", q.method, q.path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", q.method, q.path, err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

var rawClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// same is an answer without what differs by nature.
func (a answer) same() string {
	h := a.Header.Clone()
	id := h.Get("X-Request-ID")
	h.Del("X-Request-ID")
	h.Del("Date")
	var b strings.Builder
	fmt.Fprintln(&b, a.Status)
	if err := h.Write(&b); err != nil {
		panic(err)
	}
	b.WriteString(strings.ReplaceAll(a.Body, id, "REQUEST-ID"))
	return b.String()
}

// toSignIn reports whether the answer leads to the sign-in page.
func (a answer) toSignIn() bool {
	u, err := url.Parse(a.Header.Get("Location"))
	return err == nil && a.Status == http.StatusSeeOther && u.Path == "/backoffice/sign-in"
}

// toSignInOf reports whether the answer leads to the sign-in page of those whom
// the route is for.
func (a answer) toSignInOf(e handlers.Entry) bool {
	if !e.Portal {
		return a.toSignIn()
	}
	u, err := url.Parse(a.Header.Get("Location"))
	return err == nil && a.Status == http.StatusSeeOther && u.Path == "/sign-in"
}

// userSession signs a user in to an account and returns the session's cookie and
// public ID.
func (w *site) userSession(u backoffice.User, accountID string) (cookie, id string) {
	w.t.Helper()
	_, pending := auth.PendingSignInToken.New()
	if err := w.store.BeginSignIn(ctx, u.Key, backoffice.ByPassword, pending, false, ""); err != nil {
		w.t.Fatal(err)
	}
	cookie, hash := auth.UserSessionToken.New()
	x, err := w.store.EnterAccount(ctx, store.SignIn{Hash: hash, Pending: pending}, accountID)
	if err != nil {
		w.t.Fatal(err)
	}
	return cookie, x.ID
}

// member adds a user with the role to an account.
func (w *site) member(accountID, email, role string) backoffice.User {
	w.t.Helper()
	u, err := w.store.AddUser(ctx, backoffice.CommandLine(), accountID, backoffice.NewMember{Email: email, Roles: []string{role}})
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

// passkeyOf enrols a passkey and returns its ID. To enrol one ends sessions, so
// that nobody of the cast has one of their own.
func (w *site) passkeyOf(h backoffice.MFAHolder, name string) string {
	w.t.Helper()
	if _, err := w.store.AddPasskey(ctx, backoffice.CommandLine(), h, backoffice.PasskeyEntry{Name: name, Credential: []byte(name), Data: "{}"}, nil, nil); err != nil {
		w.t.Fatal(err)
	}
	m, err := w.store.MFA(ctx, h)
	if err != nil {
		w.t.Fatal(err)
	}
	return m.Passkeys[0].ID
}

// sessionOf begins a session and returns its cookie and public ID.
func (w *site) sessionOf(staff backoffice.Staff) (cookie, id string) {
	w.t.Helper()
	cookie, hash := auth.StaffSessionToken.New()
	id = uuid.NewString()
	now := w.store.Now()
	if err := w.store.CreateStaffSession(ctx, staff.Key, hash, backoffice.StaffSession{ID: id, CreatedAt: now, SeenAt: now}, nil); err != nil {
		w.t.Fatal(err)
	}
	return cookie, id
}

// attacker is somebody who sends requests.
type attacker struct {
	name    string
	staff   backoffice.Staff
	in      bool // a session of theirs runs
	scope   backoffice.Scope
	user    backoffice.User // of an account, with the role and its permissions there
	account string
	held    backoffice.Permissions
	runs    bool // a session of the user runs
	cookies map[string]string
	header  map[string]string
}

// may reports whether the route is theirs to use.
func (a attacker) may(e handlers.Entry) bool {
	if e.Scope != "" {
		return a.scope.Includes(e.Scope)
	}
	if e.Portal {
		return a.runs && (e.Here == "" || a.held.Has(e.Here))
	}
	return e.Permission == "" || a.in && a.staff.Role.May(e.Permission)
}

// cast makes everybody who tries every route.
func (w *site) cast() []attacker {
	w.t.Helper()
	list := []attacker{{name: "anonymous"}}
	for _, r := range backoffice.StaffRoles() {
		staff := w.staff("cast-"+string(r)+"@vendor.example", r)
		cookie, _ := w.sessionOf(staff)
		list = append(list, attacker{name: string(r), staff: staff, in: true, cookies: map[string]string{"steward": cookie}})
	}
	owner := list[1].staff.Actor("", "")
	removed := w.staff("cast-removed@vendor.example", backoffice.Owner)
	cookie, _ := w.sessionOf(removed)
	if err := w.store.RemoveStaff(ctx, owner, removed.ID); err != nil {
		w.t.Fatal(err)
	}
	list = append(list, attacker{name: "removed owner", staff: removed, cookies: map[string]string{"steward": cookie}})
	ended := w.staff("cast-ended@vendor.example", backoffice.Owner)
	cookie, id := w.sessionOf(ended)
	if err := w.store.EndStaffSession(ctx, ended.Actor("", ""), id); err != nil {
		w.t.Fatal(err)
	}
	list = append(list, attacker{name: "ended session", staff: ended, cookies: map[string]string{"steward": cookie}})
	w.castAccounts()
	for _, role := range backoffice.BuiltInRoles() {
		u := w.member("cast-nord", role.Key+"@cast-nord.example", role.Key)
		cookie, _ := w.userSession(u, "cast-nord")
		list = append(list, attacker{name: "user, " + role.Name, user: u, account: "cast-nord", held: role.Permissions, runs: true, cookies: map[string]string{"steward-user": cookie}})
	}
	gone := w.member("cast-sued", "gone@cast-sued.example", backoffice.RoleAdmin)
	cookie, _ = w.userSession(gone, "cast-sued")
	if _, err := w.store.EndUserSessions(ctx, backoffice.CommandLine(), gone.Key, nil); err != nil {
		w.t.Fatal(err)
	}
	list = append(list, attacker{name: "user, ended session", user: gone, account: "cast-sued", cookies: map[string]string{"steward-user": cookie}})
	forgedUser, _ := auth.UserSessionToken.New()
	list = append(list, attacker{name: "user, forged session", cookies: map[string]string{"steward-user": forgedUser}})
	forged, _ := auth.StaffSessionToken.New()
	list = append(list, attacker{name: "forged session", cookies: map[string]string{"steward": forged}})
	for _, s := range backoffice.Scopes() {
		list = append(list, attacker{name: "token " + string(s), scope: s, header: map[string]string{"Authorization": "Bearer " + w.token(string(s))}})
	}
	// The first use of a token in a minute is noted; these have been used.
	tokens, err := w.store.Tokens(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, token := range tokens {
		if err := w.store.TouchToken(ctx, token.Key, w.store.Now()); err != nil {
			w.t.Fatal(err)
		}
	}
	return list
}

// castAccounts makes the accounts of those of the cast who are users, once.
func (w *site) castAccounts() {
	w.t.Helper()
	for _, id := range []string{"cast-nord", "cast-sued"} {
		if _, err := w.store.Account(ctx, id); err == nil {
			continue
		}
		if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Cast " + id, ID: id}); err != nil {
			w.t.Fatal(err)
		}
		if err := w.store.SetReseller(ctx, backoffice.CommandLine(), id, true); err != nil {
			w.t.Fatal(err)
		}
		// What they hold in their account they hold below it as well.
		if err := w.store.SetAccessDefault(ctx, backoffice.CommandLine(), id, backoffice.AccessAlways); err != nil {
			w.t.Fatal(err)
		}
	}
}

// canaries are what nobody may read who is not let in.
var canaries = []string{"CANARY-NORD", "canary-nord", "CANARY-VIEW"}

// objects are the IDs that stand in the addresses of this site, by the word before
// them: real ones that the asking actor may use, and foreign ones that exist and
// are somebody else's.
type objects struct{ own, foreign map[string]string }

// furnish fills the site with one of each.
func (w *site) furnish() {
	w.t.Helper()
	cli := backoffice.CommandLine()
	for _, n := range []backoffice.NewAccount{
		{Name: "CANARY-NORD Textiles", ID: "canary-nord", PrimaryEmail: "hana@canary-nord.example"},
		{Name: "Süd Logistik", ID: "sued", PrimaryEmail: "uma@sued.example"},
		{Name: "Gone", ID: "gone"},
	} {
		if _, err := w.store.CreateAccount(ctx, cli, n); err != nil {
			w.t.Fatal(err)
		}
	}
	if _, err := w.store.DeleteAccount(ctx, cli, "gone", "Gone", false); err != nil {
		w.t.Fatal(err)
	}
}

// objectsFor makes what the actor may use, fresh, and what they may not.
func (w *site) objectsFor(a attacker) objects {
	w.t.Helper()
	w.castAccounts()
	o := objects{own: map[string]string{}, foreign: map[string]string{}}
	cli := backoffice.CommandLine()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	account, err := w.store.CreateAccount(ctx, cli, backoffice.NewAccount{Name: "Account " + id, ID: "a" + id, PrimaryEmail: "u@" + id + ".example"})
	if err != nil {
		w.t.Fatal(err)
	}
	o.own["accounts"], o.foreign["accounts"] = account.ID, "gone"
	if err := w.store.SetLogo(ctx, cli, account.ID, []byte("picture"), "tag"); err != nil {
		w.t.Fatal(err)
	}
	for kind, to := range map[bool]map[string]string{true: o.own, false: o.foreign} {
		u, err := w.store.InviteUser(ctx, cli, account.ID, backoffice.NewMember{Email: fmt.Sprint("i", kind, "@", id, ".example"), Roles: []string{backoffice.RoleReadOnly}}, auth.InvitationToken.New)
		if err != nil {
			w.t.Fatal(err)
		}
		invitation, err := w.store.MemberInvitation(ctx, account.Key, u.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		if to["invitations"] = invitation.ID; !kind {
			if _, err := w.store.RevokeInvitation(ctx, cli, invitation.ID); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	person := w.member(account.ID, "person-"+id+"@vendor.example", backoffice.RoleReadOnly)
	o.own["users"], o.own["memberships"], o.foreign["memberships"] = person.ID, account.ID, "cast-sued"
	_, o.own["user-sessions"] = w.userSession(person, account.ID)
	_, o.foreign["user-sessions"] = w.userSession(w.member("cast-sued", "other-"+id+"@vendor.example", backoffice.RoleReadOnly), "cast-sued")
	o.own["mail"] = "letter"
	other := w.staff("other-"+id+"@vendor.example", backoffice.Viewer)
	o.own["staff"] = other.ID
	_, o.foreign["sessions"] = w.sessionOf(other)
	if view, err := w.store.SaveView(ctx, other.Actor("", ""), "accounts", "CANARY-VIEW", "q=x", false); err == nil {
		o.foreign["views"] = view.ID
	}
	if a.in {
		_, o.own["sessions"] = w.sessionOf(a.staff)
		if view, err := w.store.SaveView(ctx, a.staff.Actor("", ""), "accounts", "Mine "+id, "q=y", false); err == nil {
			o.own["views"] = view.ID
		}
	}
	if a.runs {
		_, o.own["sessions"] = w.userSession(a.user, a.account)
		own, err := w.store.InviteUser(ctx, cli, a.account, backoffice.NewMember{Email: "own-" + id + "@vendor.example", Roles: []string{backoffice.RoleReadOnly}}, auth.InvitationToken.New)
		if err != nil {
			w.t.Fatal(err)
		}
		o.own["users"] = own.ID
		o.foreign["invitations"] = o.own["invitations"] // it is another user's
		delete(o.own, "invitations")
		below, err := w.store.CreateSubAccount(ctx, cli, a.account, "Below "+id)
		if err != nil {
			w.t.Fatal(err)
		}
		w.member(below.ID, own.Email, backoffice.RoleReadOnly)
		o.own["accounts"], o.foreign["accounts"] = below.ID, "cast-sued"
		foreign := w.member("cast-sued", "foreign-"+id+"@vendor.example", backoffice.RoleAdmin)
		o.foreign["users"] = foreign.ID
		_, o.foreign["sessions"] = w.userSession(foreign, "cast-sued")
		o.foreign["passkeys"] = w.passkeyOf(backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: foreign.Key}, id)
	} else {
		o.foreign["passkeys"] = w.passkeyOf(backoffice.MFAHolder{Kind: backoffice.ActorStaff, Key: other.Key}, id)
	}
	token, err := w.store.MakeToken(ctx, cli, "Token "+id, []string{"visits:write"}, []byte("token-"+id))
	if err != nil {
		w.t.Fatal(err)
	}
	o.own["tokens"] = token.ID
	removed := w.staff("gone-"+id+"@vendor.example", backoffice.Viewer)
	if err := w.store.RemoveStaff(ctx, cli, removed.ID); err != nil {
		w.t.Fatal(err)
	}
	o.foreign["staff"] = removed.ID
	revoked, err := w.store.MakeToken(ctx, cli, "Revoked "+id, []string{"visits:write"}, []byte("revoked-"+id))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.RevokeToken(ctx, cli, revoked.ID); err != nil {
		w.t.Fatal(err)
	}
	o.foreign["tokens"] = revoked.ID
	page, err := w.store.Events(ctx, backoffice.EventFilter{}, "", 1)
	if err != nil {
		w.t.Fatal(err)
	}
	o.own["audit"] = page.Rows[0].ID
	plan, err := w.store.PlanImport(ctx, cli, false, func(yield func(store.ImportFile, error) bool) {
		yield(store.ImportFile{Kind: backoffice.ImportAccounts, Name: "accounts.csv", Reader: strings.NewReader("id,name\ni" + id + ",Planned\n")}, nil)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	o.own["import"] = plan.ID
	for key, into := range map[string]map[string]string{"role": o.own, "deleted": o.foreign} {
		role, err := w.store.CreateRole(ctx, cli, backoffice.Role{Key: key + "-" + id, Name: "Role " + id, Level: 5})
		if err != nil {
			w.t.Fatal(err)
		}
		into["roles"] = role.ID
	}
	if _, err := w.store.DeleteRole(ctx, cli, o.foreign["roles"], ""); err != nil {
		w.t.Fatal(err)
	}
	if a.runs {
		w.applicationsFor(o, a.account, "cast-sued", id)
		o.own["application-sign-ins"], o.foreign["application-sign-ins"] = w.signedInTo(a.user, a.account, id), o.own["applications"]
	} else {
		o.own["application-sign-ins"], o.foreign["application-sign-ins"] = w.signedInTo(person, account.ID, id), "gone"
		w.applicationsFor(o, account.ID, "", id)
	}
	return o
}

// applicationsFor adds an application that the account has, with a secret that is
// running out, and one that only another account has; without another one, it is
// in the bin.
func (w *site) applicationsFor(o objects, account, another, id string) {
	w.t.Helper()
	cli := backoffice.CommandLine()
	for kind, into := range map[string]map[string]string{"has": o.own, "other": o.foreign} {
		_, hash := auth.ClientSecret.New()
		a, err := w.store.CreateApplication(ctx, cli, backoffice.Application{Name: "Application " + kind + " " + id, Kind: backoffice.WebApplication, Active: true, RedirectURIs: []string{"https://app.example/cb"}}, hash)
		if err == nil {
			err = w.store.MakeApplicationSecret(ctx, cli, a.ID, hash)
		}
		if err == nil {
			err = w.store.SaveApplicationLogo(ctx, cli, a.ID, []byte("picture"), "tag")
		}
		if err == nil {
			of := account
			if kind == "other" && another != "" {
				of = another
			}
			_, err = w.store.AssignApplications(ctx, cli, of, []string{a.ID}, false)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		secrets, err := w.store.ApplicationSecrets(ctx, a.Key)
		if err != nil {
			w.t.Fatal(err)
		}
		into["applications"], into["secrets"] = a.ID, strconv.FormatInt(secrets[len(secrets)-1].Key, 10)
	}
	if another != "" {
		return
	}
	if _, err := w.store.DeleteApplication(ctx, cli, o.foreign["applications"]); err != nil {
		w.t.Fatal(err)
	}
}

// noSuchID is an ID of the right shape that nothing has.
const noSuchID = "0197a3f2-7c1e-7b7a-9d55-000000000000"

// address fills the parameters of a path, all from the same source; ok is false
// when the source does not know one of them.
func address(path string, ids map[string]string) (out string, ok bool) {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if !strings.HasPrefix(p, ":") {
			continue
		}
		id, known := ids[parts[i-1]]
		if !known {
			return "", false
		}
		parts[i] = url.PathEscape(id)
	}
	return strings.Join(parts, "/"), true
}

// swaps are the addresses of a route with its parameters swapped one at a time for
// an ID that nothing has, and for one that is not for the actor to use.
func swaps(path string, o objects) []string {
	parts := strings.Split(path, "/")
	var out []string
	for i, p := range parts {
		if !strings.HasPrefix(p, ":") {
			continue
		}
		for _, id := range []string{noSuchID, o.foreign[parts[i-1]]} {
			if id == "" {
				continue
			}
			swapped := append([]string(nil), parts...)
			swapped[i] = id
			if filled, ok := address(strings.Join(swapped, "/"), o.own); ok {
				out = append(out, filled)
			} else if !strings.Contains(strings.Join(append(swapped[:i:i], swapped[i+1:]...), "/"), ":") {
				out = append(out, strings.Join(swapped, "/"))
			}
		}
	}
	return out
}

func hasParams(path string) bool { return strings.Contains(path, "/:") }

// body is what a request to a route carries at the least.
func body(e handlers.Entry) (text string, header map[string]string) {
	switch {
	case e.Method == http.MethodGet:
		return "", nil
	case e.Scope != "":
		return "{}", map[string]string{"Content-Type": "application/json"}
	}
	return "", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
}

func merge(maps ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func (w *site) ask(e handlers.Entry, path string, a attacker) answer {
	w.t.Helper()
	text, header := body(e)
	return w.raw(raw{method: e.Method, path: path, body: text, header: merge(header, a.header), cookies: a.cookies})
}

// unchanged fails when the database differs from the dump, sessions seen aside.
func (w *site) unchanged(before map[string][]string, what string, except ...string) {
	w.t.Helper()
	if d := storetest.Differ(before, storetest.Dump(w.t, w.store), except...); len(d) > 0 {
		w.t.Errorf("%s changed the database:\n%s", what, strings.Join(d, "\n"))
	}
}

// headers checks what every answer must carry (T-58).
func (a answer) headers(t *testing.T, what string) {
	t.Helper()
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin"} {
		if a.Header.Get(name) != want {
			t.Errorf("%s: %s is %q", what, name, a.Header.Get(name))
		}
	}
	csp := a.Header.Get("Content-Security-Policy")
	if csp == "default-src 'none'; sandbox" { // a picture: stricter still
		csp = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	}
	for _, part := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("%s: the content policy lacks %s: %q", what, part, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
		t.Errorf("%s: content policy %q", what, csp)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: Cache-Control is %q", what, a.Header.Get("Cache-Control"))
	}
	if a.Header.Get("X-Request-ID") == "" {
		t.Errorf("%s: no request ID", what)
	}
}
