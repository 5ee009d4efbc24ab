package backoffice

import "time"

// SignInMethod is how a user proved who they are at first.
type SignInMethod string

// The ways to sign in (product.md, section 11).
const (
	ByPassword  SignInMethod = "password"
	ByMagicLink SignInMethod = "magic-link"
	ByPasskey   SignInMethod = "passkey"
)

// Label names the way on pages.
func (m SignInMethod) Label() string {
	switch m {
	case ByPassword:
		return "Password"
	case ByMagicLink:
		return "Link by mail"
	case ByPasskey:
		return "Passkey"
	}
	return string(m)
}

// UserSession is a user signed in to one account.
type UserSession struct {
	ID        string
	SignIn    string    // ID of the session that the sign-in began with; switching the account keeps it
	CreatedAt time.Time // of the sign-in; switching the account keeps it
	SeenAt    time.Time
	ProvedAt  time.Time // when a credential was shown last
	MFAAt     time.Time // when a second factor was shown; zero: never
	Method    SignInMethod
	Address   string
	UserAgent string
}

// RunningSession is a session as its user sees it in a list.
type RunningSession struct {
	UserSession
	Account AccountRef
}

// Standing is how a user stands in an account, read anew with each request.
type Standing struct {
	Account    AccountRef
	Membership int64 // key; 0 where only a grant leads in
	Status     MembershipStatus
	Disabled   bool
	Granted    bool   // a grant from above leads in
	Roles      []Role // that hold: of the membership and of grants
	LastVisit  time.Time
}

// Enters reports whether the user may sign in to the account.
func (s Standing) Enters() bool { return s.Granted || s.Accepts() }

// Accepts reports whether the user may sign in by their membership. Who is
// invited accepts the invitation first: that takes the mailed link or a proved
// address, which whoever signed up under somebody else's does not have
// (security.md, T-21).
func (s Standing) Accepts() bool {
	return !s.Disabled && s.Status != NotActive && s.Status != Invited && (s.Membership != 0 || !s.Granted)
}

// SignedInUser is what a request of a user is judged by: the session, whose it
// is, how they stand in its account, and what is demanded of them.
type SignedInUser struct {
	UserSession
	User     User
	Standing Standing
	// Policy is what the user meets in this account, see HeldTo.
	Policy Policy
}

// Runs reports whether the session goes on: neither idle nor too old for the
// policy in force now, its user not locked, its membership not switched off. A
// policy that has come to force a second factor ends the sessions that were begun
// without one: their users sign in again, and show or enrol it on the way.
func (s SignedInUser) Runs(now time.Time) bool {
	return !s.User.Locked && s.Standing.Enters() && (s.Policy.MFAForce <= DontForce || !s.MFAAt.IsZero()) &&
		now.Before(s.SeenAt.Add(time.Duration(s.Policy.IdleMinutes)*time.Minute)) &&
		now.Before(s.CreatedAt.Add(time.Duration(s.Policy.AbsoluteMinutes)*time.Minute))
}

// Actor is who acts in the session.
func (s SignedInUser) Actor(address string) Actor {
	return Actor{Kind: ActorUser, Key: s.User.Key, ID: s.User.ID, Name: s.User.Name, Email: s.User.Email, Session: s.ID,
		Account: s.Standing.Account, Roles: s.Standing.Roles, Address: address}
}

// ReauthMinutes is how old a credential may be that was shown, for acts on
// credentials themselves (security.md, T-45).
const ReauthMinutes = 5

// SignInStep is what a user has to do next on the way in.
type SignInStep string

// Steps, in their order. Which one comes next is never kept, but asked of
// NextStep each time: no order of requests leads around one.
const (
	StepMFA    SignInStep = "mfa"    // show a second factor
	StepEnrol  SignInStep = "enrol"  // enrol one, since the policy demands it
	StepVerify SignInStep = "verify" // prove the address first
	StepChoose SignInStep = "choose" // choose among several accounts
	StepNone   SignInStep = "none"   // there is no account to enter
	StepEnter  SignInStep = "enter"
)

// SignInFacts are what decides the next step.
type SignInFacts struct {
	Method   SignInMethod
	Factors  MFAMethods // enrolled by the user
	MFAAt    time.Time  // when a second factor was shown on this way in
	Policy   Policy     // the strictest of all accounts of the user
	Accounts []Standing // all that there are
	Chosen   string     // ID of the account, once chosen
}

// NextStep is the next step of a sign-in whose first credential was right. A
// user who has a second factor shows it, whether or not a policy demands it; one
// who has none of those that are offered enrols one where it does. A passkey is
// two factors by itself: it is held and unlocked.
func NextStep(f SignInFacts) SignInStep {
	if f.Method != ByPasskey {
		switch {
		case f.MFAAt.IsZero() && f.Factors != 0:
			return StepMFA
		case f.Policy.MFAForce > DontForce && f.Factors&f.Policy.MFAMethods == 0:
			return StepEnrol
		}
	}
	var open []Standing
	unverified := false
	for _, s := range f.Accounts {
		if s.Enters() {
			open = append(open, s)
		}
		unverified = unverified || !s.Disabled && s.Status == NotActive
	}
	switch {
	case len(open) == 0 && unverified:
		return StepVerify
	case len(open) == 0:
		return StepNone
	case len(open) == 1 && f.Chosen == "":
		return StepEnter
	}
	for _, s := range open {
		if s.Account.ID == f.Chosen {
			return StepEnter
		}
	}
	return StepChoose
}
