package federation

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"steward/auth"
	"steward/backoffice"
)

// client is an application as the library asks after it.
type client struct{ backoffice.Application }

func (c client) GetID() string                    { return c.ID }
func (c client) RedirectURIs() []string           { return c.Application.RedirectURIs }
func (c client) PostLogoutRedirectURIs() []string { return c.LogoutURIs }
func (c client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c client) LoginURL(string) string               { return "" }
func (c client) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeJWT }
func (c client) IDTokenLifetime() time.Duration       { return backoffice.IDTokenLife }
func (c client) DevMode() bool                        { return false }
func (c client) IsScopeAllowed(string) bool           { return false }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return true }
func (c client) ClockSkew() time.Duration             { return 0 }

func (c client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(s []string) []string { return s }
}
func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(s []string) []string { return s }
}

func (c client) ApplicationType() op.ApplicationType {
	switch c.Kind {
	case backoffice.SinglePage:
		return op.ApplicationTypeUserAgent
	case backoffice.NativeApplication:
		return op.ApplicationTypeNative
	}
	return op.ApplicationTypeWeb
}

func (c client) AuthMethod() oidc.AuthMethod {
	if c.Kind.Confidential() {
		return oidc.AuthMethodBasic // or post: both are taken
	}
	return oidc.AuthMethodNone
}

func (c client) GrantTypes() []oidc.GrantType {
	list := []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
	if c.Kind == backoffice.Agent {
		list = append(list, oidc.GrantTypeClientCredentials)
	}
	return list
}

// VerifyClient finds the application that asks, and has it show its secret where it
// has one. Whether the ID or the secret is wrong does not show.
func (p *Provider) VerifyClient(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	wrong := op.NewStatusError(oidc.ErrInvalidClient().WithDescription("the application, or its secret, is wrong"), http.StatusUnauthorized)
	if r.Data.ClientAssertion != "" {
		return nil, wrong
	}
	a, err := p.store.Application(ctx, r.Data.ClientID)
	if errors.Is(err, backoffice.ErrNotFound) {
		return nil, wrong
	}
	if err != nil {
		return nil, failed(ctx, err)
	}
	if !a.Kind.Confidential() {
		if r.Data.ClientSecret != "" {
			return nil, wrong
		}
		return client{a}, nil
	}
	hash, _ := auth.ClientSecret.Hash(r.Data.ClientSecret)
	if err := p.store.CheckApplicationSecret(ctx, a.ID, hash); errors.Is(err, backoffice.ErrNotFound) {
		return nil, wrong
	} else if err != nil {
		return nil, failed(ctx, err)
	}
	if !a.Active { // its secret reads nothing while nobody enters it
		return nil, wrong
	}
	return client{a}, nil
}

// claimNames are the claims that tokens have (product.md, section 12).
var claimNames = []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "amr", "sid", "email", "email_verified", "name",
	"tenantId", "tenantIds", "roles", "permissions", "metadata", "applicationId", "type"}

// Types of tokens by whom they speak of, in the claim "type".
const (
	userToken  = "userToken"
	agentToken = "agentToken"
)

// claimsOf are the claims about a user, which every token has and userinfo tells.
func claimsOf(v backoffice.OpenIDSubject) map[string]any {
	claims := map[string]any{
		"sub": v.User.ID, "email": v.User.Email, "email_verified": v.User.Verified, "name": v.User.Name,
		"tenantId": v.Standing.Account.ID, "tenantIds": v.Accounts, "roles": v.RoleKeys(), "permissions": v.PermissionKeys(),
		"metadata": v.Metadata, "applicationId": v.Application.ID, "sid": v.Family.SignIn, "type": userToken,
	}
	return claims
}

func methodsOf(s backoffice.UserSession) []string {
	var list []string // RFC 8176
	switch s.Method {
	case backoffice.ByPassword:
		list = append(list, "pwd")
	case backoffice.ByPasskey:
		list = append(list, "pop", "user")
	}
	if !s.MFAAt.IsZero() {
		list = append(list, "mfa")
	}
	return list
}

// answer makes the tokens of a family.
func (p *Provider) answer(ctx context.Context, v backoffice.OpenIDSubject, nonce, refresh string) (*op.Response, error) {
	sign, err := p.signer(ctx)
	if err != nil {
		return nil, failed(ctx, err)
	}
	now := p.now()
	access := claimsOf(v)
	access["iss"], access["aud"], access["client_id"] = p.issuer, []string{v.Application.ID, p.issuer}, v.Application.ID
	access["iat"], access["exp"], access["jti"] = now.Unix(), now.Add(backoffice.AccessTokenLife).Unix(), v.Family.ID+"."+random()
	access["scope"], access["auth_time"] = strings.Join(v.Family.Scopes, " "), v.Family.Session.ProvedAt.Unix()
	out := &oidc.AccessTokenResponse{TokenType: oidc.BearerToken, ExpiresIn: uint64(backoffice.AccessTokenLife.Seconds()), RefreshToken: refresh, Scope: v.Family.Scopes}
	if out.AccessToken, err = sign(accessTokenType, access); err != nil {
		return nil, failed(ctx, err)
	}
	if slices.Contains(v.Family.Scopes, backoffice.ScopeOpenID) {
		id := claimsOf(v)
		id["iss"], id["aud"], id["iat"], id["exp"] = p.issuer, v.Application.ID, now.Unix(), now.Add(backoffice.IDTokenLife).Unix()
		id["auth_time"] = v.Family.Session.ProvedAt.Unix()
		if id["at_hash"], err = oidc.ClaimHash(out.AccessToken, algorithm); err != nil {
			return nil, failed(ctx, err)
		}
		if nonce != "" {
			id["nonce"] = nonce
		}
		if amr := methodsOf(v.Family.Session); len(amr) > 0 {
			id["amr"] = amr
		}
		if out.IDToken, err = sign(idTokenType, id); err != nil {
			return nil, failed(ctx, err)
		}
	}
	return op.NewResponse(out), nil
}

func random() string { return rand.Text() }

// CodeExchange gives tokens for a code.
func (p *Provider) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	x := backoffice.CodeExchange{ApplicationID: r.Client.GetID(), RedirectURI: r.Data.RedirectURI}
	x.Code, _ = auth.OpenIDCode.Hash(r.Data.Code)
	if r.Data.CodeVerifier != "" {
		sum := sha256.Sum256([]byte(r.Data.CodeVerifier))
		x.Challenge = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	handle, secret := "", ""
	handle, x.Refresh.Handle = auth.RefreshHandle.New()
	secret, x.Refresh.Secret = auth.RefreshSecret.New()
	v, nonce, err := p.store.UseOpenIDCode(ctx, x)
	if errors.Is(err, backoffice.ErrNotFound) {
		return nil, oidc.ErrInvalidGrant().WithDescription("the code is not for this, or was used")
	}
	if err != nil {
		return nil, failed(ctx, err)
	}
	refresh := ""
	if slices.Contains(v.Family.Scopes, backoffice.ScopeOffline) {
		refresh = handle + "." + secret
	}
	return p.answer(ctx, v, nonce, refresh)
}

// refreshHashes are those of the two parts of a refresh token; false when it
// cannot be one.
func refreshHashes(token string) (handle string, h backoffice.RefreshHashes, ok bool) {
	handle, secret, ok := strings.Cut(token, ".")
	var one, other bool
	h.Handle, one = auth.RefreshHandle.Hash(handle)
	h.Secret, other = auth.RefreshSecret.Hash(secret)
	return handle, h, ok && one && other
}

// RefreshToken gives tokens for a refresh token, and the next one.
func (p *Provider) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	handle, old, ok := refreshHashes(r.Data.RefreshToken)
	if !ok {
		return nil, oidc.ErrInvalidGrant().WithDescription("the refresh token is none of this application's, or was used")
	}
	var scopes []string
	if len(r.Data.Scopes) > 0 {
		scopes = r.Data.Scopes
	}
	secret, next := auth.RefreshSecret.New()
	v, err := p.store.UseRefreshToken(ctx, r.Client.GetID(), old, next, scopes)
	var refused backoffice.Refusal
	switch {
	case errors.Is(err, backoffice.ErrNotFound):
		return nil, oidc.ErrInvalidGrant().WithDescription("the refresh token is none of this application's, or was used")
	case errors.As(err, &refused):
		return nil, oidc.ErrInvalidScope().WithDescription("the refresh token does not have that scope")
	case err != nil:
		return nil, failed(ctx, err)
	}
	return p.answer(ctx, v, "", handle+"."+secret)
}

// ClientCredentialsExchange gives an agent a token of its own.
func (p *Provider) ClientCredentialsExchange(ctx context.Context, r *op.ClientRequest[oidc.ClientCredentialsRequest]) (*op.Response, error) {
	a, err := p.store.OpenIDAgent(ctx, r.Client.GetID(), nil)
	if errors.Is(err, backoffice.ErrNotFound) {
		return nil, oidc.ErrUnauthorizedClient().WithDescription("the agent is inactive")
	}
	if err != nil {
		return nil, failed(ctx, err)
	}
	if len(r.Data.Scope) > 0 {
		return nil, oidc.ErrInvalidScope().WithDescription("an agent acts by itself: no scope speaks of a user")
	}
	sign, err := p.signer(ctx)
	if err != nil {
		return nil, failed(ctx, err)
	}
	now := p.now()
	token, err := sign(accessTokenType, map[string]any{"iss": p.issuer, "sub": a.ID, "aud": []string{a.ID, p.issuer}, "client_id": a.ID, "applicationId": a.ID, "type": agentToken,
		"iat": now.Unix(), "exp": now.Add(backoffice.AccessTokenLife).Unix(), "jti": random()})
	if err != nil {
		return nil, failed(ctx, err)
	}
	return op.NewResponse(&oidc.AccessTokenResponse{AccessToken: token, TokenType: oidc.BearerToken, ExpiresIn: uint64(backoffice.AccessTokenLife.Seconds())}), nil
}

// shown are the claims of an access token that somebody shows.
type shown struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Client   string   `json:"client_id"`
	Audience []string `json:"aud"`
	Type     string   `json:"type"`
	ID       string   `json:"jti"`
	Scope    string   `json:"scope"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
}

// hash is what the token is kept under when it is revoked.
func (s shown) hash() []byte {
	sum := sha256.Sum256([]byte("steward access-token\x00" + s.ID))
	return sum[:]
}

func (s shown) family() string { id, _, _ := strings.Cut(s.ID, "."); return id }

// accessToken reads an access token of ours that has not run out.
func (p *Provider) accessToken(ctx context.Context, token string) (s shown, ok bool, err error) {
	ok, err = p.verify(ctx, accessTokenType, token, false, &s)
	ok = ok && s.Issuer == p.issuer && s.ID != "" && p.now().Before(time.Unix(s.Expires, 0))
	return s, ok, err
}

// UserInfo tells what there is to say of the user now.
func (p *Provider) UserInfo(ctx context.Context, r *op.Request[oidc.UserInfoRequest]) (*op.Response, error) {
	refused := op.NewStatusError(oidc.ErrAccessDenied().WithDescription("the access token is none of ours, has run out, or was revoked"), http.StatusUnauthorized)
	s, ok, err := p.accessToken(ctx, r.Data.AccessToken)
	if err != nil {
		return nil, failed(ctx, err)
	}
	if !ok || s.Type != userToken {
		return nil, refused
	}
	v, err := p.store.OpenIDSubject(ctx, s.family(), s.hash(), true)
	if errors.Is(err, backoffice.ErrNotFound) || err == nil && v.User.ID != s.Subject {
		return nil, refused
	}
	if err != nil {
		return nil, failed(ctx, err)
	}
	return op.NewResponse(claimsOf(v)), nil
}

// personal are the claims that a token's own application alone is told by
// introspection: another one of the vendor's, such as an API that it calls, decides
// by who it is, for which account and with which rights, and has no use for the rest
// (RFC 7662, sections 2.2 and 5).
var personal = []string{"email", "email_verified", "name", "metadata", "tenantIds", "sid"}

// Introspect tells an application with a secret whether a token is good now.
func (p *Provider) Introspect(ctx context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	cc := &op.Request[op.ClientCredentials]{Data: r.Data.ClientCredentials}
	c, err := p.VerifyClient(ctx, cc)
	if err != nil {
		return nil, err
	}
	if c.AuthMethod() == oidc.AuthMethodNone {
		return nil, op.NewStatusError(oidc.ErrInvalidClient(), http.StatusUnauthorized)
	}
	dead := op.NewResponse(map[string]any{"active": false})
	s, ok, err := p.accessToken(ctx, r.Data.Token)
	if err != nil {
		return nil, failed(ctx, err)
	}
	if !ok {
		return dead, nil
	}
	out := map[string]any{}
	if s.Type == agentToken {
		_, err = p.store.OpenIDAgent(ctx, s.Client, s.hash())
		out["applicationId"], out["type"] = s.Client, agentToken
	} else {
		var v backoffice.OpenIDSubject
		if v, err = p.store.OpenIDSubject(ctx, s.family(), s.hash(), false); err == nil {
			out = claimsOf(v)
			if c.GetID() != s.Client {
				maps.DeleteFunc(out, func(name string, _ any) bool { return slices.Contains(personal, name) })
			}
		}
	}
	if errors.Is(err, backoffice.ErrNotFound) {
		return dead, nil
	}
	if err != nil {
		return nil, failed(ctx, err)
	}
	out["active"], out["iss"], out["sub"], out["aud"], out["client_id"], out["jti"] = true, s.Issuer, s.Subject, s.Audience, s.Client, s.ID
	out["token_type"], out["iat"], out["exp"] = oidc.BearerToken, s.Issued, s.Expires
	if s.Scope != "" {
		out["scope"] = s.Scope
	}
	return op.NewResponse(out), nil
}

// Revocation ends a token of the application that asks: an access token alone, or
// a refresh token and with it everything that came of it (RFC 7009). One that is
// none is no error.
func (p *Provider) Revocation(ctx context.Context, r *op.ClientRequest[oidc.RevocationRequest]) (*op.Response, error) {
	done := op.NewResponse(struct{}{})
	if _, h, ok := refreshHashes(r.Data.Token); ok {
		if err := p.store.RevokeRefreshToken(ctx, r.Client.GetID(), h.Handle); err != nil {
			return nil, failed(ctx, err)
		}
		return done, nil
	}
	s, ok, err := p.accessToken(ctx, r.Data.Token)
	if err != nil {
		return nil, failed(ctx, err)
	}
	if !ok {
		return done, nil
	}
	if s.Client != r.Client.GetID() {
		return nil, oidc.ErrUnauthorizedClient().WithDescription("the token is another application's")
	}
	if err := p.store.RevokeAccessToken(ctx, s.hash(), time.Unix(s.Expires, 0)); err != nil {
		return nil, failed(ctx, err)
	}
	return done, nil
}
