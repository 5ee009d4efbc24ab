package backoffice

import (
	"slices"
	"time"
)

// PolicyChange is a policy before and after saving, and whom it is about:
// what the preview counts, and what the saving then enforces.
type PolicyChange struct {
	Before, After Policy
	Users         []PolicyUser
	// SubAccounts is the number of accounts that inherit the change.
	SubAccounts int
	Now         time.Time
}

// PolicyUser is what the preview has to know of a user of the account.
type PolicyUser struct {
	// Enrolled are the second factors that the user has.
	Enrolled MFAMethods
	// SSO is true when the user comes by the account's single sign-on.
	SSO bool
	// Reached are the user's accounts that the change reaches, where that is
	// not, or not only, the account that is changed itself: a sub-account may
	// have rules of its own. Empty means the change as it stands.
	Reached []PolicyShift
	// Elsewhere are the policies in force in the user's other accounts.
	Elsewhere []Policy
	// Sessions are those running in this account.
	Sessions []PolicySession
}

// PolicyShift is what holds in one account before and after a change.
type PolicyShift struct{ Before, After Policy }

// PolicySession is a running session.
type PolicySession struct {
	SignedInAt time.Time
	SeenAt     time.Time
}

// Preview counts whom a change touches.
type Preview struct {
	// MustEnrol are users who need a second factor after the change, did not
	// before, and have none of those that are then offered.
	MustEnrol int
	// SessionsEnd are sessions that run under the policy before and end under
	// the one after.
	SessionsEnd int
	// HeldAlready are users for whom nothing changes, because other accounts
	// of theirs hold them to something stricter.
	HeldAlready int
	// SubAccounts inherit the change.
	SubAccounts int

	after Policy
	ended struct{ idle, age, limit int }
}

// PreviewLine is one line of the preview: a figure and what it counts.
type PreviewLine struct {
	Count int
	Text  string
}

// Touched is what the form shows before it is saved (product.md, section 3,
// rule e), counted as of the change's Now.
func Touched(change PolicyChange) Preview {
	preview := Preview{SubAccounts: change.SubAccounts, after: change.After}
	for _, user := range change.Users {
		before, after := user.shift(change)
		if !user.mustEnrol(before) && user.mustEnrol(after) {
			preview.MustEnrol++
		}
		if len(user.Elsewhere) != 0 && change.Before != change.After && before == after {
			preview.HeldAlready++
		}
		running, _, _, _ := keptSessions(user.Sessions, change.Before, change.Now)
		_, idle, age, limit := keptSessions(running, change.After, change.Now)
		preview.ended.idle += idle
		preview.ended.age += age
		preview.ended.limit += limit
	}
	preview.SessionsEnd = preview.ended.idle + preview.ended.age + preview.ended.limit
	return preview
}

// shift is what the user is held to before and after a change.
func (u PolicyUser) shift(change PolicyChange) (before, after Policy) {
	if len(u.Reached) == 0 {
		return HeldTo(change.Before, u.Elsewhere...), HeldTo(change.After, u.Elsewhere...)
	}
	b, a := append([]Policy{}, u.Elsewhere...), append([]Policy{}, u.Elsewhere...)
	for _, r := range u.Reached {
		b, a = append(b, r.Before), append(a, r.After)
	}
	return Strictest(b...), Strictest(a...)
}

func (u PolicyUser) mustEnrol(p Policy) bool {
	if p.MFAForce <= DontForce || p.MFAForce == ForceExceptSSO && u.SSO {
		return false
	}
	return u.Enrolled&p.MFAMethods == 0
}

// keptSessions are the sessions that a policy lets run, the newest first, and
// how many it ends for which reason.
func keptSessions(sessions []PolicySession, p Policy, now time.Time) (kept []PolicySession, idle, age, limit int) {
	for _, s := range sessions {
		switch {
		case !now.Before(s.SeenAt.Add(time.Duration(p.IdleMinutes) * time.Minute)):
			idle++
		case !now.Before(s.SignedInAt.Add(time.Duration(p.AbsoluteMinutes) * time.Minute)):
			age++
		default:
			kept = append(kept, s)
		}
	}
	slices.SortStableFunc(kept, func(a, b PolicySession) int { return b.SignedInAt.Compare(a.SignedInAt) })
	if p.MaxSessions != 0 && len(kept) > p.MaxSessions {
		limit = len(kept) - p.MaxSessions
		kept = kept[:p.MaxSessions]
	}
	return kept, idle, age, limit
}

// Lines are the four sentences of the preview.
func (p Preview) Lines() []PreviewLine {
	sessions := plural(p.SessionsEnd, "running session ends at once", "running sessions end at once")
	switch p.SessionsEnd {
	case 0:
	case p.ended.limit:
		sessions += ", because each user may keep " + number(p.after.MaxSessions)
	case p.ended.idle:
		sessions += ", because the idle timeout is " + FormatMinutes(p.after.IdleMinutes)
	case p.ended.age:
		sessions += ", because a new sign-in is due after " + FormatMinutes(p.after.AbsoluteMinutes)
	}
	return []PreviewLine{
		{p.MustEnrol, plural(p.MustEnrol, "user must enrol in MFA at their next sign-in", "users must enrol in MFA at their next sign-in")},
		{p.SessionsEnd, sessions},
		{p.HeldAlready, plural(p.HeldAlready,
			"user with other accounts is held to a stricter policy already; nothing changes for them",
			"users with other accounts are held to a stricter policy already; nothing changes for them")},
		{p.SubAccounts, plural(p.SubAccounts, "sub-account inherits this", "sub-accounts inherit this")},
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
