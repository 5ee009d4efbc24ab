package backoffice

import (
	"errors"
	"time"
)

// ErrWrongCode is returned for a second factor that proves nothing: a wrong
// code, one that was taken before, a passkey of somebody else.
var ErrWrongCode = errors.New("wrong code")

// LastFactor refuses to remove the only second factor where one is forced.
const LastFactor Refusal = "A second factor is demanded of you, and this is the last one. Add another one first."

// Limits of second factors.
const (
	RecoveryCodes  = 10 // made at a time
	MaxPasskeys    = 20
	MaxPasskeyName = 60
	MFATries       = 5 // wrong codes of a sign-in before it has to begin anew (security.md, T-43)
)

// MailFactor tells somebody that a second factor of theirs was changed, whoever
// did it.
const MailFactor MailKind = "factor"

// MFAHolder is whose second factors something is about: a user or a member of
// staff, by the internal key.
type MFAHolder struct {
	Kind ActorKind // ActorUser or ActorStaff
	Key  int64
}

// MFA is how the second factors of somebody stand.
type MFA struct {
	Methods   MFAMethods // enrolled
	AppSince  time.Time  // zero: no authenticator app
	Passkeys  []PasskeyEntry
	CodesLeft int
}

// Left are the methods of what is there, whatever is written of it.
func (m MFA) Left() (methods MFAMethods) {
	if !m.AppSince.IsZero() {
		methods |= AuthenticatorApp
	}
	if len(m.Passkeys) > 0 {
		methods |= Passkey
	}
	return methods
}

// PasskeyEntry is an enrolled passkey. Data is JSON of its public key, flags and
// counter, which auth alone reads.
type PasskeyEntry struct {
	ID         string
	Name       string
	Credential []byte
	Data       string
	CreatedAt  time.Time
	LastUsedAt time.Time // zero: never
}

// Fresh reports whether what was shown is new enough for a change of
// credentials themselves: one within ReauthMinutes, and by who has a second
// factor that one.
func (m MFA) Fresh(provedAt, mfaAt, now time.Time) bool {
	shown := provedAt
	if m.Methods != 0 {
		shown = mfaAt
	}
	return now.Before(shown.Add(ReauthMinutes * time.Minute))
}

// After so many wrong codes of one person, from wherever they came, the next one
// has to wait. The count does not care for sessions, restarts or a right
// password (security.md, T-43).
const (
	MFALockAttempts = MFATries
	MFALockMinutes  = 30
)

// RememberedUnder names the part of a policy that a remembered browser is held
// to: it is asked again once that has changed.
func (p Policy) RememberedUnder() string {
	return p.MFAForce.Key() + " " + p.MFAMethods.String() + " " + showRemember(p.RememberDays)
}

// StaffFactors is a member of staff with the second factors that they have
// enrolled.
type StaffFactors struct {
	Staff
	Factors MFAMethods
}
