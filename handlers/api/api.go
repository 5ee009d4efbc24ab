// Package api owns the management API: JSON over HTTP for machines, which show a
// bearer token. Cookies open nothing here, so no other site can make a browser
// use it. Refusals are problem details (RFC 9457).
package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
)

// Route is one entry of the API's table: what may be asked for, and the scope
// that a token needs for it.
type Route struct {
	Method string
	Path   string
	Scope  backoffice.Scope
	handle func(*API, *request) error
}

// Routes is everything that the API answers.
func Routes() []Route {
	const (
		get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
		read, write         = backoffice.ScopeReadApplications, backoffice.ScopeWriteApplications
		account             = "/api/v1/accounts/:id"
		assignment          = account + "/applications/:application"
	)
	return []Route{
		{post, "/api/v1/visits", backoffice.ScopeVisits, (*API).recordVisits},
		{put, account, backoffice.ScopeAccounts, (*API).changeAccount},
		{get, "/api/v1/applications", read, (*API).listApplications},
		{get, "/api/v1/applications/:id", read, (*API).showApplication},
		{get, account + "/applications", read, (*API).listAccountApplications},
		{get, assignment, read, (*API).showAssignment},
		{put, assignment, write, (*API).assignApplication},
		{del, assignment, write, (*API).removeApplication},
		{get, assignment + "/users", read, (*API).listApplicationUsers},
		{put, assignment + "/users/:user", write, (*API).giveApplication},
		{del, assignment + "/users/:user", write, (*API).takeApplication},
		{get, "/api/v1/users/:id/applications", read, (*API).listUserApplications},
	}
}

// Methods returns the methods that an address takes, as an Allow header names
// them; "" for what is no address of the API.
func Methods(path string) string {
	var taken []string
	for _, r := range Routes() {
		if matches(r.Path, path) {
			taken = append(taken, r.Method)
		}
	}
	return strings.Join(taken, ", ")
}

// matches reports whether a path is one of the pattern.
func matches(pattern, path string) bool {
	words, parts := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(words, parts, func(word, part string) bool {
		return word == part || strings.HasPrefix(word, ":") && part != ""
	})
}

// RefuseMethod answers a request to a path of the API that takes other methods.
// It asks for no token and looks for nothing, and so tells nothing but what the
// API's description says.
func (a *API) RefuseMethod(allow string, w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Allow", allow)
	a.fail(w, req, &problem{Status: http.StatusMethodNotAllowed, Title: "Method not allowed", Detail: "This address takes " + allow + "."})
}

// API answers the routes over one environment's store.
type API struct {
	store *store.Store
	log   *slog.Logger
}

// New makes the API of an environment.
func New(s *store.Store, log *slog.Logger) *API { return &API{s, log} }

// request is one call on its way: who acts is known, and holds the scope.
type request struct {
	http.ResponseWriter
	*http.Request
	actor  backoffice.Actor
	params map[string]string
}

// params reads what stands in a path for the words of a pattern; Steward may live
// under a prefix. Errors: ErrNotFound for what can be no ID.
func params(pattern, escaped string) (map[string]string, error) {
	words, parts := strings.Split(pattern, "/"), strings.Split(escaped, "/")
	parts = parts[max(0, len(parts)-len(words)):]
	found := map[string]string{}
	for i, word := range words[len(words)-len(parts):] {
		name, is := strings.CutPrefix(word, ":")
		if !is {
			continue
		}
		id, err := url.PathUnescape(parts[i])
		if err != nil || !plain(id) {
			return nil, backoffice.ErrNotFound
		}
		found[name] = id
	}
	return found, nil
}

// plain reports whether a text can be an ID: the storage refuses others.
func plain(id string) bool {
	return utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}

func (r *request) ctx() context.Context { return r.Request.Context() }

// bodyLimit is in bytes; a batch of a thousand visits fits several times.
const bodyLimit = 1 << 20

// Serve answers a request to a route; address is the network address that it
// came from.
func (a *API) Serve(route Route, w http.ResponseWriter, req *http.Request, address string) {
	if err := a.serve(route, w, req, address); err != nil {
		a.fail(w, req, err)
	}
}

func (a *API) serve(route Route, w http.ResponseWriter, req *http.Request, address string) error {
	actor, err := a.identify(req, address)
	if err != nil {
		return err
	}
	if !actor.HasScope(string(route.Scope)) {
		return &problem{Status: http.StatusForbidden, Title: "Not allowed", Detail: "This token was not made for the scope " + string(route.Scope) + ".",
			challenge: `Bearer error="insufficient_scope", scope="` + string(route.Scope) + `"`}
	}
	found, err := params(route.Path, req.URL.EscapedPath())
	if err != nil {
		return err
	}
	return route.handle(a, &request{w, req, actor, found})
}

// touchEvery is how often a token that is used writes that it was.
const touchEvery = time.Minute

// identify finds whose token the request shows. One that is missing, malformed,
// unknown or revoked is told apart by nothing.
func (a *API) identify(req *http.Request, address string) (backoffice.Actor, error) {
	unknown := &problem{Status: http.StatusUnauthorized, Title: "No valid token", Detail: "Send an API token: Authorization: Bearer steward_…", challenge: "Bearer"}
	values := req.Header.Values("Authorization")
	if len(values) != 1 {
		return backoffice.Actor{}, unknown
	}
	scheme, shown, _ := strings.Cut(values[0], " ")
	hash, ok := auth.APIToken.Hash(shown)
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return backoffice.Actor{}, unknown
	}
	token, err := a.store.FindToken(req.Context(), hash)
	if errors.Is(err, backoffice.ErrNotFound) {
		return backoffice.Actor{}, unknown
	} else if err != nil {
		return backoffice.Actor{}, err
	}
	if now := a.store.Now(); now.Sub(token.LastUsedAt) >= touchEvery {
		if err := a.store.TouchToken(req.Context(), token.Key, now); err != nil {
			return backoffice.Actor{}, err
		}
	}
	return token.Actor(address), nil
}

// problem is a refusal as the caller reads it.
type problem struct {
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"` // the request's ID
	Errors   any    `json:"errors,omitempty"`

	challenge string
}

func (p *problem) Error() string { return p.Title + ": " + p.Detail }

func badRequest(detail string) error {
	return &problem{Status: http.StatusBadRequest, Title: "That is not the JSON expected here", Detail: detail}
}

// fail is the one place where an error becomes an answer.
func (a *API) fail(w http.ResponseWriter, req *http.Request, err error) {
	id := w.Header().Get("X-Request-ID")
	var p *problem
	var refusal backoffice.Refusal
	if !errors.As(err, &p) {
		switch {
		case errors.As(err, &refusal):
			p = &problem{Status: http.StatusConflict, Title: "Nothing was changed", Detail: refusal.Error()}
		case errors.As(err, new(*http.MaxBytesError)):
			p = &problem{Status: http.StatusRequestEntityTooLarge, Title: "Too large", Detail: "A request may have at most 1 MiB."}
		case errors.Is(err, backoffice.ErrNotFound):
			p = &problem{Status: http.StatusNotFound, Title: "Not found", Detail: "There is nothing at this address."}
		case errors.Is(err, backoffice.ErrForbidden):
			p = &problem{Status: http.StatusForbidden, Title: "Not allowed", Detail: "This token may not do that."}
		case errors.Is(err, backoffice.ErrDiskFull):
			p = &problem{Status: http.StatusServiceUnavailable, Title: "The disk is full", Detail: "Nothing was changed. Send the request again once there is room on the server's disk."}
			w.Header().Set("Retry-After", "60")
		case errors.Is(err, backoffice.ErrUnavailable):
			p = &problem{Status: http.StatusServiceUnavailable, Title: "Storage is unavailable", Detail: "Nothing was changed. Send the request again in a moment."}
			w.Header().Set("Retry-After", "5")
		case errors.Is(err, context.Canceled):
			p = &problem{Status: 499, Title: "Cancelled"}
		default:
			p = &problem{Status: http.StatusInternalServerError, Title: "Something went wrong", Detail: "Nothing was changed. Tell who runs this Steward the instance."}
		}
		if p.Status >= 500 {
			a.log.Error("request failed", "id", id, "method", req.Method, "route", req.URL.Path, "error", err)
		}
	}
	p.Instance = id
	if p.challenge != "" {
		w.Header().Set("WWW-Authenticate", p.challenge)
	}
	write(w, p.Status, "application/problem+json", p)
}

func write(w http.ResponseWriter, status int, kind string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types always marshal
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}

// body reads a JSON body whole into buffer. Errors: 415, *http.MaxBytesError.
func (r *request) body(buffer []byte) ([]byte, error) {
	kind, params, err := mime.ParseMediaType(r.Header().Get("Content-Type"))
	if err != nil || kind != "application/json" || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return nil, &problem{Status: http.StatusUnsupportedMediaType, Title: "Not JSON", Detail: "Send Content-Type: application/json."}
	}
	if e := r.Header().Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, &problem{Status: http.StatusUnsupportedMediaType, Title: "Compressed", Detail: "Send the body uncompressed."}
	}
	in := http.MaxBytesReader(r.ResponseWriter, r.Body, bodyLimit)
	for {
		if len(buffer) == cap(buffer) {
			buffer = append(buffer, 0)[:len(buffer)]
		}
		n, err := in.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		switch {
		case err == io.EOF:
			return buffer, nil
		case errors.As(err, new(*http.MaxBytesError)):
			return nil, err
		case err != nil:
			return nil, badRequest("The body broke off.")
		}
	}
}

// Header is the request's: both halves of request have one.
func (r *request) Header() http.Header { return r.Request.Header }
