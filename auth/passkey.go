package auth

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/gorilla/sessions"

	"steward/backoffice"
)

// ErrPasskey is returned for an answer of a passkey that proves nothing.
var ErrPasskey = errors.New("the passkey proves nothing")

// maxPasskeyAnswer is longer than any answer of an authenticator, in bytes.
const maxPasskeyAnswer = 32 << 10

// Passkeys runs the ceremonies of WebAuthn for one public address. What a browser
// has to answer is kept by the caller between the two halves of a ceremony.
type Passkeys struct{ web *webauthn.WebAuthn }

// NewPasskeys makes the ceremonies of the address that people use. ok is false
// for an address that has no passkeys: a bare network address, and plain http
// anywhere but on localhost.
func NewPasskeys(publicURL *url.URL, name string) (p Passkeys, ok bool) {
	host := publicURL.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return p, false
	}
	if publicURL.Scheme != "https" && host != "localhost" && !strings.HasSuffix(host, ".localhost") {
		return p, false
	}
	web, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: name, RPOrigins: []string{publicURL.Scheme + "://" + publicURL.Host},
		AttestationPreference:  protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationRequired},
	})
	if err != nil {
		return p, false
	}
	return Passkeys{web}, true
}

// PasskeyPerson is whom a passkey belongs to. ID is public and never changes; it
// is what the passkey itself keeps of them.
type PasskeyPerson struct {
	ID, Email, Name string
	Entries         []backoffice.PasskeyEntry
}

type webPerson struct {
	PasskeyPerson
	credentials []webauthn.Credential
}

func (p webPerson) WebAuthnID() []byte                         { return []byte(p.ID) }
func (p webPerson) WebAuthnName() string                       { return p.Email }
func (p webPerson) WebAuthnCredentials() []webauthn.Credential { return p.credentials }
func (p webPerson) WebAuthnDisplayName() string {
	if p.Name == "" {
		return p.Email
	}
	return p.Name
}

func (p PasskeyPerson) web() (webPerson, error) {
	w := webPerson{PasskeyPerson: p}
	for _, e := range p.Entries {
		var c webauthn.Credential
		if err := json.Unmarshal([]byte(e.Data), &c); err != nil {
			return w, err
		}
		w.credentials = append(w.credentials, c)
	}
	return w, nil
}

// ceremony gives the two halves: what the browser gets, and what is kept.
func ceremony(options any, session *webauthn.SessionData, err error) (browser []byte, kept string, _ error) {
	if err != nil {
		return nil, "", err
	}
	if browser, err = json.Marshal(options); err != nil {
		return nil, "", err
	}
	text, err := json.Marshal(session)
	return browser, string(text), err
}

// BeginEnrol begins to make a passkey: JSON for the browser, and what has to be
// kept until it answers.
func (p Passkeys) BeginEnrol(person PasskeyPerson) (browser []byte, kept string, err error) {
	w, err := person.web()
	if err != nil {
		return nil, "", err
	}
	var have []protocol.CredentialDescriptor
	for _, c := range w.credentials {
		have = append(have, c.Descriptor())
	}
	options, session, err := p.web.BeginRegistration(w, webauthn.WithExclusions(have))
	return ceremony(options, session, err)
}

// FinishEnrol reads the browser's answer. The name is the caller's to give.
// Errors: ErrPasskey.
func (p Passkeys) FinishEnrol(person PasskeyPerson, kept, answer string) (e backoffice.PasskeyEntry, err error) {
	session, err := keptCeremony(kept, answer)
	if err != nil {
		return e, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return e, ErrPasskey
	}
	w, err := person.web()
	if err != nil {
		return e, err
	}
	c, err := p.web.CreateCredential(w, session, parsed)
	if err != nil {
		return e, ErrPasskey
	}
	// Nothing is kept of who made the authenticator.
	c.Attestation = webauthn.CredentialAttestation{}
	data, err := json.Marshal(c)
	return backoffice.PasskeyEntry{Credential: c.ID, Data: string(data)}, err
}

// BeginProof asks for a signature by one of a person's passkeys.
func (p Passkeys) BeginProof(person PasskeyPerson) (browser []byte, kept string, err error) {
	w, err := person.web()
	if err != nil {
		return nil, "", err
	}
	options, session, err := p.web.BeginLogin(w)
	return ceremony(options, session, err)
}

// BeginSignIn asks for a signature by whichever passkey of this address the
// browser has.
func (p Passkeys) BeginSignIn() (browser []byte, kept string, err error) {
	options, session, err := p.web.BeginDiscoverableLogin()
	return ceremony(options, session, err)
}

// PasskeyCredential is the ID of the credential that an answer speaks of. It is
// what the browser says, and proves nothing. Errors: ErrPasskey.
func PasskeyCredential(answer string) ([]byte, error) {
	if len(answer) > maxPasskeyAnswer {
		return nil, ErrPasskey
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return nil, ErrPasskey
	}
	return parsed.RawID, nil
}

// FinishProof holds an answer to the person whose passkey it has to be, and
// returns the entry's data as it is to be kept from now on. Whoever holds the
// passkey was verified by it. A counter that went back is a copy, and proves
// nothing. Errors: ErrPasskey.
func (p Passkeys) FinishProof(person PasskeyPerson, kept, answer string) (used backoffice.PasskeyEntry, data string, err error) {
	session, err := keptCeremony(kept, answer)
	if err != nil {
		return used, "", err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return used, "", ErrPasskey
	}
	w, err := person.web()
	if err != nil {
		return used, "", err
	}
	var c *webauthn.Credential
	if session.UserID == nil {
		_, c, err = p.web.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			if string(handle) != person.ID {
				return nil, ErrPasskey
			}
			return w, nil
		}, session, parsed)
	} else {
		c, err = p.web.ValidateLogin(w, session, parsed)
	}
	if err != nil || c.Authenticator.CloneWarning || !parsed.Response.AuthenticatorData.Flags.HasUserVerified() {
		return used, "", ErrPasskey
	}
	for _, e := range person.Entries {
		if string(e.Credential) == string(c.ID) {
			text, err := json.Marshal(c)
			return e, string(text), err
		}
	}
	return used, "", ErrPasskey
}

func keptCeremony(kept, answer string) (session webauthn.SessionData, err error) {
	if len(answer) > maxPasskeyAnswer {
		return session, ErrPasskey
	}
	return session, json.Unmarshal([]byte(kept), &session)
}

// passkeyCookie holds the token of a ceremony for as long as the browser is
// busy with it.
func passkeyCookie(secure bool) string {
	if secure {
		return "__Host-steward-passkey"
	}
	return "steward-passkey"
}

// SetChallenge gives the browser the token of a passkey's ceremony and returns its
// hash.
func (s *UserSessions) SetChallenge(w http.ResponseWriter) (hash []byte) {
	token, hash := PasskeyChallengeToken.New()
	options := s.options()
	options.MaxAge = 5 * 60
	http.SetCookie(w, sessions.NewCookie(passkeyCookie(s.secure), token, options))
	return hash
}

// Challenge is the hash of the ceremony that the browser shows.
func (s *UserSessions) Challenge(r *http.Request) (hash []byte, ok bool) {
	return s.shown(r, passkeyCookie(s.secure), PasskeyChallengeToken)
}
