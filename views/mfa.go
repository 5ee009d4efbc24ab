package views

import (
	"net/url"
	"strings"
	"time"

	"steward/backoffice"
	"steward/views/ui"
)

// MFADoor is what a page about second factors on the way in shows.
type MFADoor struct {
	Base         string // below which its pages lie
	Email, Name  string
	With         string // the way that was chosen: app, passkey, recovery
	App, Passkey bool   // enrolled
	CodesLeft    bool
	Offered      backoffice.MFAMethods // to be enrolled
	RememberDays int                   // 0: not offered
	Remember     bool                  // as ticked
	Staff        bool
	Problem      string // at the code
	Refused      string
	Key          string // name of a new passkey, as typed
	Problems     backoffice.Problems
}

// with is the way that the page asks for: the one chosen, or the first there is.
func (d MFADoor) with() string {
	switch {
	case d.With == "app" && d.App, d.With == "passkey" && d.Passkey, d.With == "recovery" && d.CodesLeft:
		return d.With
	case d.App:
		return "app"
	case d.Passkey:
		return "passkey"
	}
	return "recovery"
}

// otherWay leads to another way to show a second factor.
type otherWay struct{ With, Label, Icon string }

func otherWays(with string, app, passkey, codes bool) []otherWay {
	var list []otherWay
	if app && with != "app" {
		list = append(list, otherWay{"app", "Use the authenticator app", "smartphone"})
	}
	if passkey && with != "passkey" {
		list = append(list, otherWay{"passkey", "Use a passkey instead", "fingerprint"})
	}
	if codes && with != "recovery" {
		list = append(list, otherWay{"recovery", "Use a recovery code", "key"})
	}
	return list
}

// AppKey is the key of an authenticator app as it is shown once: a picture, and
// groups to be typed.
type AppKey struct {
	Path    string // of the picture, in modules
	Side    int
	Key     string
	Action  string // where its first code is posted
	Back    string
	Problem string
}

// bare is the key without the spaces of its groups, for copying.
func (k AppKey) bare() string { return strings.ReplaceAll(k.Key, " ", "") }

// MFA is what the page of one's second factors shows.
type MFA struct {
	Base     string
	MFA      backoffice.MFA
	Offered  backoffice.MFAMethods // to be enrolled; none where the policy has MFA switched off
	Forced   bool
	Staff    bool
	Refused  string
	Renamed  string // ID of the passkey whose new name was refused
	Name     string // as typed
	Problems backoffice.Problems
	Now      time.Time
}

func (m MFA) canRemoveApp() bool { return !m.Forced || len(m.MFA.Passkeys) > 0 }
func (m MFA) canRemovePasskey() bool {
	return !m.Forced || len(m.MFA.Passkeys) > 1 || !m.MFA.AppSince.IsZero()
}

// NewPasskey is what the form of a new passkey shows.
type NewPasskey struct {
	Base     string
	Name     string
	Staff    bool
	Problems backoffice.Problems
}

// MFAProof is what the page shows on which a credential is shown anew.
type MFAProof struct {
	Base, Email string
	Next        string
	With        string
	MFA         backoffice.MFA
	HasPassword bool
	Passkeys    bool // this address can have some
	Staff       bool
	Problems    backoffice.Problems
}

func (p MFAProof) with() string {
	return MFADoor{With: p.With, App: !p.MFA.AppSince.IsZero(), Passkey: p.Passkeys && len(p.MFA.Passkeys) > 0, CodesLeft: p.MFA.CodesLeft > 0}.with()
}

// StaffMFA is what the settings of second factors of staff show.
type StaffMFA struct {
	Forced bool
	Staff  []backoffice.StaffFactors
	Self   string // ID of who looks
}

// mustEnrol is how many of the staff have no second factor.
func (s StaffMFA) mustEnrol() int {
	n := 0
	for _, v := range s.Staff {
		if v.Factors == 0 {
			n++
		}
	}
	return n
}

// factorLetter tells of a change of somebody's second factors. It holds no link:
// who gets one out of the blue should come by themselves.
func factorLetter(m backoffice.Mail) letter {
	return letter{
		subject: backoffice.MailLine(m.Factor, 150),
		title:   m.Factor,
		lines:   []string{"It was changed for " + m.To + " on " + ui.DateTime(m.CreatedAt) + "."},
		notes:   []string{"It was not you? Then sign in at once, set a new password, look at your second factors, and tell who looks after your account."},
		foot:    "Sent by Steward.",
	}
}

func urlQuery(s string) string { return url.QueryEscape(s) }
