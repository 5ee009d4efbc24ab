package federation

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/cors"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"steward/backoffice"
)

// Where the provider answers, below the public address.
const (
	DiscoveryPath  = oidc.DiscoveryEndpoint
	KeysPath       = "/oauth/keys"
	AuthorizePath  = "/oauth/authorize"
	TokenPath      = "/oauth/token"
	UserinfoPath   = "/oauth/userinfo"
	IntrospectPath = "/oauth/introspect"
	RevokePath     = "/oauth/revoke"
	LogoutPath     = "/oauth/logout"
)

// Store is where applications, what they were given, and the keys are kept.
type Store interface {
	Application(ctx context.Context, id string) (backoffice.Application, error)
	DefaultApplication(ctx context.Context) (backoffice.Application, error)
	CheckApplicationSecret(ctx context.Context, id string, hash []byte) error
	SinglePageOrigin(ctx context.Context, origin string) (bool, error)

	SigningKeys(ctx context.Context) ([]backoffice.SigningKey, error)
	RetiredSigningKeys(ctx context.Context) ([]backoffice.SigningKey, error)
	RotateSigningKeys(ctx context.Context, make func() (private, public []byte, err error)) error

	UseOpenIDCode(ctx context.Context, x backoffice.CodeExchange) (v backoffice.OpenIDSubject, nonce string, err error)
	UseRefreshToken(ctx context.Context, applicationID string, old backoffice.RefreshHashes, next []byte, scopes []string) (backoffice.OpenIDSubject, error)
	OpenIDSubject(ctx context.Context, familyID string, token []byte, all bool) (backoffice.OpenIDSubject, error)
	OpenIDAgent(ctx context.Context, id string, token []byte) (backoffice.Application, error)
	RevokeAccessToken(ctx context.Context, token []byte, until time.Time) error
	RevokeRefreshToken(ctx context.Context, applicationID string, handle []byte) error
}

// Provider is the OpenID provider of one environment. As an http.Handler it
// answers machines: the documents, tokens, userinfo, introspection, revocation,
// none of which reads a cookie. Where a user is shown something, it judges what an
// application asks, and the handlers answer.
type Provider struct {
	op.UnimplementedServer
	issuer  string
	base    string
	store   Store
	now     func() time.Time
	keys    keyCache
	handler http.Handler
}

// New makes the provider of an environment; its issuer is the public address.
func New(publicURL *url.URL, store Store, now func() time.Time) *Provider {
	p := &Provider{issuer: strings.TrimSuffix(publicURL.String(), "/"), base: strings.TrimSuffix(publicURL.Path, "/"), store: store, now: now}
	p.keys.parsed = &sync.Map{}
	endpoints := op.Endpoints{
		Token: op.NewEndpoint(TokenPath), Introspection: op.NewEndpoint(IntrospectPath), Userinfo: op.NewEndpoint(UserinfoPath),
		Revocation: op.NewEndpoint(RevokePath), JwksURI: op.NewEndpoint(KeysPath),
	}
	p.handler = http.StripPrefix(p.base, op.RegisterServer(p, endpoints, op.WithServerCORSOptions(&cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			ok, err := p.store.SinglePageOrigin(r.Context(), origin)
			return ok && err == nil, []string{"Origin"}
		},
		AllowedMethods: []string{http.MethodGet, http.MethodPost}, AllowedHeaders: []string{"Authorization", "Content-Type"},
		MaxAge: 600, OptionsSuccessStatus: http.StatusNoContent,
	})))
	return p
}

// Issuer is the name of the provider: its public address.
func (p *Provider) Issuer() string { return p.issuer }

// Machine reports whether a path below the public address is asked by machines
// alone: they come from anywhere, and show no cookie.
func Machine(path string) bool {
	return slices.Contains([]string{DiscoveryPath, KeysPath, TokenPath, UserinfoPath, IntrospectPath, RevokePath}, path)
}

// maxForm is how many bytes an application may post.
const maxForm = 64 << 10

// ServeHTTP answers what Machine names.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, p.base)
	w = &challenger{ResponseWriter: w, path: path}
	if path != DiscoveryPath && path != KeysPath && r.Method != http.MethodOptions {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		// An address ends in logs and histories, so that nothing secret may stand in it
		// (RFC 6749, section 2.3.1); and who sends something twice has two readers
		// understand it differently.
		if err := onceInBody(r); err != nil {
			op.WriteError(w, r, err, nil)
			return
		}
	}
	p.handler.ServeHTTP(w, r)
}

func onceInBody(r *http.Request) error {
	if r.URL.RawQuery != "" {
		return oidc.ErrInvalidRequest().WithDescription("parameters belong into the body")
	}
	if err := r.ParseForm(); err != nil {
		return oidc.ErrInvalidRequest().WithDescription("the form cannot be read")
	}
	for name, values := range r.Form {
		if len(values) > 1 {
			return oidc.ErrInvalidRequest().WithDescription("%q was sent twice", clip(name))
		}
	}
	return nil
}

func clip(name string) string { return name[:min(len(name), 60)] }

// challenger says with a refusal how to come, as HTTP wants it.
type challenger struct {
	http.ResponseWriter
	path string
}

func (c *challenger) WriteHeader(status int) {
	if status == http.StatusUnauthorized {
		scheme := `Basic realm="Steward"`
		if c.path == UserinfoPath {
			scheme = `Bearer error="invalid_token"`
		}
		c.Header().Set("WWW-Authenticate", scheme)
	}
	c.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (c *challenger) Unwrap() http.ResponseWriter { return c.ResponseWriter }

type numberKey struct{}

// WithNumber adds the number of a request, which whoever asks is told when
// something went wrong.
func WithNumber(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, numberKey{}, id)
}

// Quiet keeps what the library writes to the log of a process from it, but for what
// befell us: that it has routes, and that an application was refused, the log of
// requests says already. It is for the default log, which the library writes to.
func Quiet(h slog.Handler) slog.Handler { return quiet{h} }

type quiet struct{ slog.Handler }

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelError {
		frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
		if strings.HasPrefix(frame.Function, "github.com/zitadel/oidc/") {
			return nil
		}
	}
	return q.Handler.Handle(ctx, r)
}

func (q quiet) WithAttrs(list []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(list)} }
func (q quiet) WithGroup(name string) slog.Handler      { return quiet{q.Handler.WithGroup(name)} }

// failed turns an error of the store into an answer that tells nothing of it but
// the number under which the log has it; the library logs what befell.
func failed(ctx context.Context, err error) error {
	id, _ := ctx.Value(numberKey{}).(string)
	status := http.StatusInternalServerError
	if errors.Is(err, backoffice.ErrUnavailable) || errors.Is(err, backoffice.ErrDiskFull) {
		status = http.StatusServiceUnavailable
	}
	return op.NewStatusError(oidc.ErrServerError().WithParent(err).WithDescription("number %s", id), status)
}

// metadata is the discovery document: what is not in it is not done.
type metadata struct {
	oidc.DiscoveryConfiguration
	Iss bool `json:"authorization_response_iss_parameter_supported"` // RFC 9207
}

// Discovery says what the provider does, and where.
func (p *Provider) Discovery(context.Context, *op.Request[struct{}]) (*op.Response, error) {
	return op.NewResponse(metadata{Iss: true, DiscoveryConfiguration: oidc.DiscoveryConfiguration{
		Issuer:                                    p.issuer,
		AuthorizationEndpoint:                     p.issuer + AuthorizePath,
		TokenEndpoint:                             p.issuer + TokenPath,
		IntrospectionEndpoint:                     p.issuer + IntrospectPath,
		UserinfoEndpoint:                          p.issuer + UserinfoPath,
		RevocationEndpoint:                        p.issuer + RevokePath,
		EndSessionEndpoint:                        p.issuer + LogoutPath,
		JwksURI:                                   p.issuer + KeysPath,
		ScopesSupported:                           backoffice.OpenIDScopes(),
		ResponseTypesSupported:                    []string{string(oidc.ResponseTypeCode)},
		ResponseModesSupported:                    []string{string(oidc.ResponseModeQuery)},
		GrantTypesSupported:                       []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken, oidc.GrantTypeClientCredentials},
		SubjectTypesSupported:                     []string{"public"},
		IDTokenSigningAlgValuesSupported:          []string{string(algorithm)},
		TokenEndpointAuthMethodsSupported:         []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost, oidc.AuthMethodNone},
		RevocationEndpointAuthMethodsSupported:    []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost, oidc.AuthMethodNone},
		IntrospectionEndpointAuthMethodsSupported: []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost},
		ClaimTypesSupported:                       []string{"normal"},
		ClaimsSupported:                           claimNames,
		CodeChallengeMethodsSupported:             []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
	}}), nil
}
