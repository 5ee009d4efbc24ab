package federation

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"steward/backoffice"
)

// algorithm signs every token. No other is looked at: neither "none", nor one that
// would take a public key for a secret (security.md, T-74).
const algorithm = jose.RS256

// Types of tokens, in their heads: none passes for another.
const (
	idTokenType     = "JWT"
	accessTokenType = "at+jwt" // RFC 9068
)

// keyCache keeps keys that were parsed, which takes longer than to sign; what is
// kept under an ID never changes.
type keyCache struct{ parsed *sync.Map }

// MakeSigningKey computes a key to sign tokens with: PKCS #8 and PKIX.
func MakeSigningKey() (private, public []byte, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	if private, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, nil, err
	}
	public, err = x509.MarshalPKIXPublicKey(&key.PublicKey)
	return private, public, err
}

func (c keyCache) private(k backoffice.SigningKey) (*rsa.PrivateKey, error) {
	if v, ok := c.parsed.Load(k.ID); ok {
		return v.(*rsa.PrivateKey), nil
	}
	v, err := x509.ParsePKCS8PrivateKey(k.Private)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", k.ID, err)
	}
	key, ok := v.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("signing key %s is none of RSA", k.ID)
	}
	c.parsed.Store(k.ID, key)
	return key, nil
}

func published(k backoffice.SigningKey) (jose.JSONWebKey, error) {
	key, err := x509.ParsePKIXPublicKey(k.Public)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("signing key %s: %w", k.ID, err)
	}
	return jose.JSONWebKey{Key: key, KeyID: k.ID, Algorithm: string(algorithm), Use: oidc.KeyUseSignature}, nil
}

// Keys publishes the keys by which tokens are known to be ours.
func (p *Provider) Keys(ctx context.Context, _ *op.Request[struct{}]) (*op.Response, error) {
	list, err := p.store.SigningKeys(ctx)
	if err != nil {
		return nil, failed(ctx, err)
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range list {
		key, err := published(k)
		if err != nil {
			return nil, failed(ctx, err)
		}
		set.Keys = append(set.Keys, key)
	}
	return op.NewResponse(set), nil
}

// signer is the key that signs now. The first one is made when it is asked for.
func (p *Provider) signer(ctx context.Context) (sign func(kind string, claims map[string]any) (string, error), err error) {
	list, err := p.store.SigningKeys(ctx)
	if err == nil && len(list) == 0 {
		if err = p.store.RotateSigningKeys(ctx, MakeSigningKey); err == nil {
			list, err = p.store.SigningKeys(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("there is no key to sign with")
	}
	key, err := p.keys.private(list[0])
	if err != nil {
		return nil, err
	}
	return func(kind string, claims map[string]any) (string, error) {
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: list[0].ID}}, (&jose.SignerOptions{}).WithType(jose.ContentType(kind)))
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(claims)
		if err != nil {
			return "", err
		}
		signed, err := s.Sign(text)
		if err != nil {
			return "", err
		}
		return signed.CompactSerialize()
	}, nil
}

// verify gives back the claims of a token of ours of one type, into v; false for
// anything else. Whether it has run out is the caller's to ask, and whether one may
// be signed by a key that is published no more.
func (p *Provider) verify(ctx context.Context, kind, token string, retired bool, v any) (bool, error) {
	if len(token) > maxForm {
		return false, nil
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{algorithm})
	if err != nil || len(signed.Signatures) != 1 {
		return false, nil
	}
	head := signed.Signatures[0].Protected
	if typ, _ := head.ExtraHeaders[jose.HeaderType].(string); typ != kind {
		return false, nil
	}
	list, err := p.store.SigningKeys(ctx)
	if err != nil {
		return false, err
	}
	named := func(k backoffice.SigningKey) bool { return k.ID == head.KeyID }
	i := slices.IndexFunc(list, named)
	if i < 0 && retired {
		if list, err = p.store.RetiredSigningKeys(ctx); err != nil {
			return false, err
		}
		i = slices.IndexFunc(list, named)
	}
	if i < 0 {
		return false, nil
	}
	key, err := published(list[i])
	if err != nil {
		return false, err
	}
	text, err := signed.Verify(key.Key.(crypto.PublicKey))
	if err != nil {
		return false, nil
	}
	return json.Unmarshal(text, v) == nil, nil
}

// hinted is what an ID token of ours says of a user who signed in.
type hinted struct{ client, subject, signIn string }

// hint reads an ID token that an application shows to name its user. It may have
// run out: that is what it is for (OpenID Connect RP-Initiated Logout, section 2).
func (p *Provider) hint(ctx context.Context, token string) (h hinted, ok bool, err error) {
	var c struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
		SignIn   string `json:"sid"`
		Issued   int64  `json:"iat"`
	}
	ok, err = p.verify(ctx, idTokenType, token, true, &c)
	ok = ok && c.Issuer == p.issuer && c.Subject != "" && c.Audience != "" && !time.Unix(c.Issued, 0).After(p.now().Add(time.Minute))
	if !ok {
		return hinted{}, false, err
	}
	return hinted{c.Audience, c.Subject, c.SignIn}, true, nil
}
