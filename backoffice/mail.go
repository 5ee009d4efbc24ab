package backoffice

import (
	"strings"
	"time"
	"unicode"
)

// MailKind says what a mail is for.
type MailKind string

// Kinds of mail.
const (
	MailInvitation     MailKind = "invitation"
	MailInvitationCode MailKind = "invitation-code"
	MailSignIn         MailKind = "sign-in"
	MailReset          MailKind = "reset"

	MailVerify      MailKind = "verify"       // a link that proves the address of a sign-up
	MailKnown       MailKind = "known"        // somebody typed the address, which is a user's already
	MailChange      MailKind = "change"       // a link that makes the address a user's
	MailChangeAsked MailKind = "change-asked" // to the address that a user is about to leave
	MailChanged     MailKind = "changed"      // to the address that a user has left
)

// Label returns the kind in the words of the pages.
func (k MailKind) Label() string {
	switch k {
	case MailInvitationCode:
		return "Code of an invitation"
	case MailInvitation:
		return "Invitation"
	case MailSignIn:
		return "Link to sign in"
	case MailReset:
		return "New password"
	case MailFactor:
		return "Notice of a second factor"
	case MailVerify:
		return "Proof of the address"
	case MailKnown:
		return "Address known already"
	case MailChange:
		return "New address"
	case MailChangeAsked:
		return "Notice of a new address"
	case MailChanged:
		return "Address changed"
	}
	return string(k)
}

// MailState says how a mail stands.
type MailState string

// States of a mail. A mail that failed was given up; one that was dropped had
// become pointless: its invitation was revoked or sent again meanwhile.
const (
	MailQueued  MailState = "queued"
	MailSent    MailState = "sent"
	MailFailed  MailState = "failed"
	MailDropped MailState = "dropped"
)

// Label returns the state in the words of the pages.
func (s MailState) Label() string {
	switch s {
	case MailQueued:
		return "Queued"
	case MailSent:
		return "Sent"
	case MailFailed:
		return "Failed"
	case MailDropped:
		return "Not sent"
	}
	return string(s)
}

// MailStates lists the states in their order.
func MailStates() []MailState { return []MailState{MailQueued, MailSent, MailFailed, MailDropped} }

// Mail is an entry of the outbox. MailContent is there while it is being sent.
type Mail struct {
	Key       int64
	ID        string
	Kind      MailKind
	To        string // the canonical address of a user
	State     MailState
	Attempts  int64
	Reason    string // why the last attempt failed, in words for staff
	CreatedAt time.Time
	NextAt    time.Time // of what is queued: when it is tried next
	ExpiresAt time.Time // when its link dies; zero: never
	DoneAt    time.Time // of what is sent, failed or dropped
	Lease     string    // names the attempt under way
	// AccountKey is the account in whose name it is written; 0 for the environment.
	AccountKey int64
	MailContent
}

// MailContent is what a mail says, sealed in the database until it is sent.
type MailContent struct {
	Token   string   `json:"token,omitempty"`   // of its one-time link
	Factor  string   `json:"factor,omitempty"`  // what happened to a second factor of the reader
	Code    string   `json:"code,omitempty"`    // that is typed where it was asked for
	Name    string   `json:"name,omitempty"`    // of who receives it
	Account string   `json:"account,omitempty"` // name of the account in whose name it is written
	By      string   `json:"by,omitempty"`      // who invites
	Message string   `json:"message,omitempty"` // what they write
	Roles   []string `json:"roles,omitempty"`   // names
	Address string   `json:"address,omitempty"` // that a user wants to have, or has, instead
}

// MailAttempts is after how many attempts a mail is given up.
const MailAttempts = 10

// MailLease is how long one attempt may take; a mail whose attempt did not end by
// then is tried again, since whoever tried it is gone.
const MailLease = 2 * time.Minute

// mailPauses are the pauses after failed attempts; the last one repeats.
var mailPauses = [...]time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour}

// MailPause is how long a mail waits after so many failed attempts, 1 or more.
func MailPause(attempts int64) time.Duration {
	return mailPauses[min(max(attempts, 1), int64(len(mailPauses)))-1]
}

// MailPage is one page of the outbox, the newest first.
type MailPage struct {
	Rows       []Mail
	Next, Prev string
}

// MailFigures is how the outbox stands.
type MailFigures struct {
	Queued  int64
	Waiting int64 // of the queued: tried in vain at least once
	Failed  int64
	Oldest  time.Time // when the oldest of the queued was written; zero: none is
}

// Letter is a mail as it leaves the machine.
type Letter struct {
	ID       string // of the mail: the same for each attempt
	At       time.Time
	FromName string
	To       string
	Subject  string
	Text     string
	HTML     string
}

// MailLine makes a text that somebody else wrote fit for a line of a mail or its
// header: one line, no control or formatting characters, at most limit code
// points.
func MailLine(s string, limit int) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d', r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	clean = strings.Join(strings.Fields(clean), " ")
	if r := []rune(clean); len(r) > limit {
		return strings.TrimSpace(string(r[:limit-1])) + "…"
	}
	return clean
}

// wordJoiner breaks what a mail reader would turn into a link, and is not seen.
const wordJoiner = "\u2060"

// Inert keeps mail readers from making a link of a text that somebody else
// wrote: addresses in it are broken by a character that is not seen. A name must
// not lead anywhere (security.md, T-32).
func Inert(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		b.WriteRune(r)
		next := i + 1
		switch {
		case next == len(runes):
		case (r == '.' || r == '@') && i > 0 && !unicode.IsSpace(runes[i-1]) && !unicode.IsSpace(runes[next]),
			r == ':' && !unicode.IsSpace(runes[next]),
			r == '/' && runes[next] == '/':
			b.WriteString(wordJoiner)
		}
	}
	return b.String()
}
