package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Purpose is what a random token is for. The purpose is part of what is
// hashed: a token shown at another purpose's door is unknown there.
type Purpose string

// Purposes of tokens.
const (
	StaffSessionToken Purpose = "staff-session"
	DeviceToken       Purpose = "device"
	SetupToken        Purpose = "setup-link"
	StaffLinkToken    Purpose = "staff-link"
	APIToken          Purpose = "api-token"
	ClientSecret      Purpose = "client-secret" // of an application

	UserSessionToken   Purpose = "user-session"
	UserDeviceToken    Purpose = "user-device"
	PendingSignInToken Purpose = "pending-sign-in"
	SignInLinkToken    Purpose = "sign-in-link"
	ResetLinkToken     Purpose = "reset-link"
	VerifyLinkToken    Purpose = "verify-link"
	ChangeLinkToken    Purpose = "change-link"
	ReturnLinkToken    Purpose = "return-link"

	OpenIDRequest Purpose = "openid-request"
	OpenIDBrowser Purpose = "openid-browser" // that an application's request is bound to
	OpenIDCode    Purpose = "openid-code"
	RefreshHandle Purpose = "refresh-handle" // part of a refresh token that stays
	RefreshSecret Purpose = "refresh-secret" // part that changes with each use

	PendingStaffToken     Purpose = "pending-staff-sign-in"
	PasskeyChallengeToken Purpose = "passkey-challenge"
	InvitationToken       Purpose = "invitation"
)

const (
	tokenBytes  = 32
	tokenLength = 43 // base64url without padding
	// Tokens that people paste into files can be told by their beginning, by
	// them and by scanners for leaked secrets.
	apiTokenPrefix     = "steward_"
	clientSecretPrefix = "steward_secret_"
)

var tokenEncoding = base64.RawURLEncoding.Strict()

func (p Purpose) prefix() string {
	switch p {
	case APIToken:
		return apiTokenPrefix
	case ClientSecret:
		return clientSecretPrefix
	}
	return ""
}

// New makes a token of 256 random bits, and the SHA-256 under which it is
// stored. The token itself is shown once and kept nowhere.
func (p Purpose) New() (token string, hash []byte) {
	var secret [tokenBytes]byte
	_, _ = rand.Read(secret[:]) // never fails
	return p.prefix() + tokenEncoding.EncodeToString(secret[:]), p.hash(secret[:])
}

// Hash is the form under which a token that somebody shows would be stored;
// false when it cannot be a token at all. There is exactly one spelling for
// each token.
func (p Purpose) Hash(token string) (hash []byte, ok bool) {
	encoded, ok := strings.CutPrefix(token, p.prefix())
	if !ok || len(encoded) != tokenLength || strings.ContainsAny(encoded, "\r\n") {
		return nil, false
	}
	secret, err := tokenEncoding.DecodeString(encoded)
	if err != nil || len(secret) != tokenBytes {
		return nil, false
	}
	return p.hash(secret), true
}

func (p Purpose) hash(secret []byte) []byte {
	sum := sha256.New()
	sum.Write([]byte("steward " + p + "\x00"))
	sum.Write(secret)
	return sum.Sum(nil)
}

// Same compares two secrets or digests in a time that does not tell where
// they differ.
func Same(a, b []byte) bool { return hmac.Equal(a, b) }

// Signer signs short texts that travel through a browser and come back, with
// HMAC-SHA256. They are not secret.
type Signer struct{ key []byte }

// NewSigner makes a Signer of a secret key of 32 bytes or more.
func NewSigner(key []byte) Signer { return Signer{append([]byte(nil), key...)} }

// Sign returns the text with its signature, safe in a cookie and a URL. The
// text is good for the one purpose only.
func (s Signer) Sign(purpose, text string) string {
	return tokenEncoding.EncodeToString([]byte(text)) + "." + tokenEncoding.EncodeToString(s.mac(purpose, text))
}

// Verify gives back the text of Sign; false for anything else.
func (s Signer) Verify(purpose, signed string) (text string, ok bool) {
	encoded, signature, found := strings.Cut(signed, ".")
	if !found || strings.ContainsAny(signed, "\r\n") {
		return "", false
	}
	decoded, err := tokenEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	mac, err := tokenEncoding.DecodeString(signature)
	if err != nil || !Same(mac, s.mac(purpose, string(decoded))) {
		return "", false
	}
	return string(decoded), true
}

func (s Signer) mac(purpose, text string) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(purpose + "\x00" + text))
	return mac.Sum(nil)
}
