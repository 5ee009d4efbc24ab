package backoffice

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of invitations (product.md, section 6).
const (
	InvitationDays    = 7    // how long a link lives, unless the environment says otherwise
	MaxInvitationDays = 90   //
	MaxMessage        = 1000 // code points of what an inviter writes
)

// NewMember is what "Add user" fills in.
type NewMember struct {
	Email   string
	Roles   []string // keys
	Message string   // goes into the mail
	Invite  bool     // send an invitation; otherwise the user is added silently
	Access  bool     // to all that lies below the account, too
	// Applications are the IDs of applications of the account that they are given by
	// hand.
	Applications []string
}

// Invitation is the offer by mail to join an account.
type Invitation struct {
	Key         int64
	ID          string
	Email       string // that it is bound to
	Message     string
	InvitedBy   string // name of who invited
	CreatedAt   time.Time
	SentAt      time.Time // when the link that works was made
	ExpiresAt   time.Time
	AcceptedAt  time.Time // zero: not
	RevokedAt   time.Time // zero: not
	UserID      string
	UserName    string
	Copied      bool // the link was copied by staff: it proves no mailbox
	UserKey     int64
	AccountKey  int64
	AccountID   string
	AccountName string
}

// Mint makes the token of a link and the hash under which it is kept.
type Mint func() (token string, hash []byte)

// InvitationRow is an invitation as the list shows it. A copied link has no
// mail: then Mail is empty.
type InvitationRow struct {
	Invitation
	Roles    []string // names
	Mail     MailState
	Reason   string // why the mail was not sent yet, or not at all
	Attempts int64
	NextAt   time.Time // of a queued mail
}

// Expired reports whether the link is dead by now.
func (i Invitation) Expired(now time.Time) bool { return !now.Before(i.ExpiresAt) }

// InvitationFilter says which of the pending invitations are shown.
type InvitationFilter struct {
	Query   string // part of an address, of a user's name, or of an account's name or ID
	Account string // ID
	Mail    string // state of the mail, "copied" for links that were copied, "" for any
	Expiry  string // "open", "soon" (within two days), "expired", "" for any
	By      string // ID of who invited
}

// Values of InvitationFilter.
const (
	MailCopied    = "copied"
	ExpiryOpen    = "open"
	ExpirySoon    = "soon"
	ExpiryOver    = "expired"
	SoonDays      = 2
	InvitationAge = 30 // days that the funnel looks back on
)

// InvitationsPage is one page of the pending invitations, the newest first.
type InvitationsPage struct {
	Rows       []InvitationRow
	Total      int64
	Next, Prev string
}

// InvitationFunnel says what became of the invitations of the last 30 days.
type InvitationFunnel struct {
	Invited  int64
	Accepted int64
	Visited  int64 // of the accepted: with a first visit to the account
	Open     int64 // pending now, whenever they were sent
	Expired  int64 // of them
}

// CleanMessage returns what an inviter wrote, in lines without trailing space.
// The error is a Refusal.
func CleanMessage(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", refuseUTF8
	}
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return "", Refusal("Control characters are not possible here.")
		}
	}
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	s = strings.TrimSpace(strings.Join(lines, "\n"))
	if utf8.RuneCountInString(s) > MaxMessage {
		return "", Refusal("At most " + number(MaxMessage) + " characters.")
	}
	return s, nil
}

// ParseInvitationDays reads the setting as it is typed. The error is a Refusal.
func ParseInvitationDays(typed string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(typed))
	if err != nil || n < 1 || n > MaxInvitationDays {
		return 0, Refusal("From 1 to " + strconv.Itoa(MaxInvitationDays) + " days.")
	}
	return n, nil
}

// InvitationUnusable is what is said of a link that opens nothing, whatever the
// reason: who holds it learns nothing of whose it was.
const InvitationUnusable Refusal = "This invitation cannot be used: it was accepted, replaced by a newer one, revoked, or its time is over."
