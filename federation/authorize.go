package federation

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"steward/backoffice"
)

// Refusal is why a request of an application cannot go on. What its user can do
// about it differs.
type Refusal string

// Refusals that end on a page of ours: nobody is redirected to an address that is
// not the application's own.
const (
	NoApplication      Refusal = "no-application"      // none was named, and there is no default
	UnknownApplication Refusal = "unknown-application" // there is none with the ID
	InactiveOne        Refusal = "inactive"
	WrongRedirect      Refusal = "wrong-redirect" // the address to return to is not one of the application's
	Malformed          Refusal = "malformed"
)

// Refused is a request that cannot go on. With a Location it ends at the
// application, which is told there; without, on a page.
type Refused struct {
	Why         Refusal
	Application backoffice.Application // where it is known
	RedirectURI string                 // that was asked for
	Location    string
}

// once are parameters that decide where a request ends: sent twice, two readers
// could understand them differently.
var once = []string{"client_id", "redirect_uri", "state", "response_type", "response_mode", "scope", "nonce", "code_challenge", "code_challenge_method",
	"prompt", "max_age", "login_hint", "account_id", "id_token_hint", "request", "request_uri"}

// AuthorizationRequest judges what an application asks for with an authorization request
// (OpenID Connect Core, section 3.1.2; RFC 9700; RFC 7636).
func (p *Provider) AuthorizationRequest(ctx context.Context, q url.Values) (r backoffice.OpenIDRequest, refused *Refused, err error) {
	for _, name := range []string{"client_id", "redirect_uri"} {
		if len(q[name]) > 1 {
			return r, &Refused{Why: Malformed}, nil
		}
	}
	a, why, err := p.asking(ctx, q.Get("client_id"))
	if err != nil || why != "" {
		return r, &Refused{Why: why}, err
	}
	r = backoffice.OpenIDRequest{Application: a, RedirectURI: q.Get("redirect_uri"), State: q.Get("state"), Nonce: q.Get("nonce"),
		LoginHint: q.Get("login_hint"), AccountHint: q.Get("account_id"), Challenge: q.Get("code_challenge")}
	switch {
	case !a.Redirects(a.RedirectURIs, r.RedirectURI):
		return r, &Refused{Why: WrongRedirect, Application: a, RedirectURI: r.RedirectURI}, nil
	case !a.Active:
		return r, &Refused{Why: InactiveOne, Application: a}, nil
	}
	problem, description := p.wrong(q, &r)
	if problem == "" {
		if hint := q.Get("id_token_hint"); hint != "" {
			h, ok, err := p.hint(ctx, hint)
			if err != nil {
				return r, nil, err
			}
			if !ok || h.client != a.ID {
				problem, description = "invalid_request", "the id_token_hint is none of this application's"
			}
			r.Subject = h.subject
		}
	}
	if problem != "" {
		return r, &Refused{Why: Malformed, Application: a, Location: p.Answer(r, url.Values{"error": {problem}, "error_description": {description}})}, nil
	}
	return r, nil, nil
}

// asking is the application that a request is for.
func (p *Provider) asking(ctx context.Context, id string) (backoffice.Application, Refusal, error) {
	find, none := func() (backoffice.Application, error) { return p.store.Application(ctx, id) }, UnknownApplication
	if id == "" {
		find, none = func() (backoffice.Application, error) { return p.store.DefaultApplication(ctx) }, NoApplication
	}
	a, err := find()
	if errors.Is(err, backoffice.ErrNotFound) {
		return a, none, nil
	}
	return a, "", err
}

// wrong is what an application, known by its address, is told of its request, and
// takes over what is right.
func (p *Provider) wrong(q url.Values, r *backoffice.OpenIDRequest) (problem, description string) {
	for _, name := range once {
		if len(q[name]) > 1 {
			return "invalid_request", name + " was sent twice"
		}
	}
	for name, most := range map[string]int{"state": 2048, "nonce": 512, "login_hint": 254, "account_id": 128} {
		if v := q.Get(name); len(v) > most || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			if name == "state" {
				r.State = "" // no answer could bring it back
			}
			return "invalid_request", name + " is too long, or no text"
		}
	}
	method := q.Get("code_challenge_method")
	switch {
	case q.Get("request") != "":
		return "request_not_supported", ""
	case q.Get("request_uri") != "":
		return "request_uri_not_supported", ""
	case q.Get("registration") != "":
		return "registration_not_supported", ""
	case q.Get("response_type") == "":
		return "invalid_request", "response_type is missing"
	case q.Get("response_type") != "code":
		return "unsupported_response_type", "only code is answered"
	case q.Get("response_mode") != "" && q.Get("response_mode") != "query":
		return "invalid_request", "only the response_mode query is answered"
	case r.Challenge == "" && method != "":
		return "invalid_request", "code_challenge is missing"
	case r.Challenge == "" && !r.Application.Kind.Confidential():
		return "invalid_request", "code_challenge is missing: applications without a secret use PKCE"
	case r.Challenge != "" && method != "S256":
		return "invalid_request", "code_challenge_method must be S256"
	case r.Challenge != "" && !isChallenge(r.Challenge):
		return "invalid_request", "code_challenge is no SHA-256 in base64url"
	}
	for _, scope := range strings.Fields(q.Get("scope")) {
		if slices.Contains(backoffice.OpenIDScopes(), scope) && !slices.Contains(r.Scopes, scope) {
			r.Scopes = append(r.Scopes, scope)
		}
	}
	if !slices.Contains(r.Scopes, backoffice.ScopeOpenID) {
		return "invalid_scope", "the scope openid is missing"
	}
	for _, prompt := range strings.Fields(q.Get("prompt")) {
		if !slices.Contains([]string{backoffice.PromptNone, backoffice.PromptLogin, backoffice.PromptAccount, backoffice.PromptConsent}, prompt) {
			return "invalid_request", "prompt knows none, login, select_account and consent"
		}
		r.Prompt = append(r.Prompt, prompt)
	}
	if r.Asks(backoffice.PromptNone) && len(r.Prompt) > 1 {
		return "invalid_request", "prompt none stands alone"
	}
	if r.Asks(backoffice.PromptLogin) {
		r.FreshSince = p.now()
	}
	if age := q.Get("max_age"); age != "" {
		seconds, err := strconv.ParseUint(age, 10, 31)
		if err != nil {
			return "invalid_request", "max_age is no number of seconds"
		}
		if since := p.now().Add(-time.Duration(seconds) * time.Second); since.After(r.FreshSince) {
			r.FreshSince = since
		}
	}
	return "", ""
}

// isChallenge reports whether a text can be the SHA-256 of a verifier.
func isChallenge(text string) bool {
	return len(text) == 43 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// Answer is the address at the application that a request ends at, with what it is
// told there: a code, or an error.
func (p *Provider) Answer(r backoffice.OpenIDRequest, values url.Values) string {
	if r.State != "" {
		values.Set("state", r.State)
	}
	values.Set("iss", p.issuer)
	return withQuery(r.RedirectURI, values)
}

// withQuery adds to the query of an address, and leaves what it has as it is.
func withQuery(uri string, values url.Values) string {
	for name, v := range values {
		if len(v) == 0 || v[0] == "" {
			delete(values, name)
		}
	}
	if len(values) == 0 {
		return uri
	}
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
		if strings.HasSuffix(uri, "?") || strings.HasSuffix(uri, "&") {
			separator = ""
		}
	}
	return uri + separator + values.Encode()
}

// Logout is what an application asks for when it signs its user out (OpenID
// Connect RP-Initiated Logout).
type Logout struct {
	Application backoffice.Application // zero where none was named
	// Hinted says that an ID token of ours, for this application, names whom it is
	// about: the user, and the sign-in.
	Hinted         bool
	UserID, SignIn string
	ReturnTo       string // an address of the application; empty: it stays here
	Refused        Refusal
}

// Logout judges what an application asks for. It may return only to one of its own
// addresses for that.
func (p *Provider) Logout(ctx context.Context, q url.Values) (l Logout, err error) {
	for _, name := range []string{"client_id", "post_logout_redirect_uri", "id_token_hint", "state"} {
		if len(q[name]) > 1 {
			return Logout{Refused: Malformed}, nil
		}
	}
	id := q.Get("client_id")
	if hint := q.Get("id_token_hint"); hint != "" {
		h, ok, err := p.hint(ctx, hint)
		if err != nil {
			return l, err
		}
		if ok && (id == "" || id == h.client) {
			id, l.Hinted, l.UserID, l.SignIn = h.client, true, h.subject, h.signIn
		}
	}
	to := q.Get("post_logout_redirect_uri")
	if id == "" {
		// A hint that is too old to be known is no mistake of the user's, who wants to
		// sign out: they are asked, and stay here.
		if to != "" && q.Get("id_token_hint") == "" {
			l.Refused = NoApplication
		}
		return l, nil
	}
	if l.Application, err = p.store.Application(ctx, id); errors.Is(err, backoffice.ErrNotFound) {
		l.Refused = UnknownApplication
		return l, nil
	}
	if err != nil || to == "" {
		return l, err
	}
	if !l.Application.Redirects(l.Application.LogoutURIs, to) {
		l.Refused = WrongRedirect
		return l, nil
	}
	l.ReturnTo = withQuery(to, url.Values{"state": {q.Get("state")}})
	return l, nil
}
