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
	Sessions      []PolicySession // that run now, of whom the change may end them
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
}

// PolicyShift is what holds in one account before and after a change.
type PolicyShift struct{ Before, After Policy }

// PolicySession is a session, and what its user is held to in it (HeldTo).
type PolicySession struct {
	User, Account int64 // keys: a limit of sessions is for each user in each account
	SignedInAt    time.Time
	SeenAt        time.Time
	MFA           bool // a second factor was shown
	Held          PolicyShift
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

	ended endedSessions
}

// PreviewLine is one line of the preview: a figure and what it counts.
type PreviewLine struct {
	Count int
	Text  string
}

// Touched is what the form shows before it is saved (product.md, section 3,
// rule e), counted as of the change's Now.
func Touched(change PolicyChange) Preview {
	preview := Preview{SubAccounts: change.SubAccounts}
	for _, user := range change.Users {
		before, after := user.shift(change)
		if !user.mustEnrol(before) && user.mustEnrol(after) {
			preview.MustEnrol++
		}
		if len(user.Elsewhere) != 0 && change.Before != change.After && before == after {
			preview.HeldAlready++
		}
	}
	type place struct{ user, account int64 }
	together := map[place][]PolicySession{}
	for _, session := range change.Sessions {
		at := place{session.User, session.Account}
		together[at] = append(together[at], session)
	}
	for _, sessions := range together {
		held := sessions[0].Held
		running, _ := keptSessions(sessions, held.Before, change.Now)
		_, ended := keptSessions(running, held.After, change.Now)
		preview.ended.add(ended, held.After)
	}
	preview.SessionsEnd = preview.ended.idle + preview.ended.age + preview.ended.limit + preview.ended.mfa
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

// endedSessions counts sessions by why they end, and holds the limits that end
// them, 0 where several differ.
type endedSessions struct {
	idle, age, limit, mfa               int
	idleMinutes, ageMinutes, maxAllowed int
}

func (e *endedSessions) add(more endedSessions, under Policy) {
	same := func(limit *int, before, now, value int) {
		switch {
		case now == 0:
		case before == 0:
			*limit = value
		case *limit != value:
			*limit = 0
		}
	}
	same(&e.idleMinutes, e.idle, more.idle, under.IdleMinutes)
	same(&e.ageMinutes, e.age, more.age, under.AbsoluteMinutes)
	same(&e.maxAllowed, e.limit, more.limit, under.MaxSessions)
	e.idle, e.age, e.limit, e.mfa = e.idle+more.idle, e.age+more.age, e.limit+more.limit, e.mfa+more.mfa
}

// keptSessions are those of a user's sessions in one account that a policy lets
// run, the newest first, and how many it ends for which reason.
func keptSessions(sessions []PolicySession, p Policy, now time.Time) (kept []PolicySession, ended endedSessions) {
	for _, s := range sessions {
		switch {
		case !now.Before(s.SeenAt.Add(time.Duration(p.IdleMinutes) * time.Minute)):
			ended.idle++
		case !now.Before(s.SignedInAt.Add(time.Duration(p.AbsoluteMinutes) * time.Minute)):
			ended.age++
		case p.MFAForce > DontForce && !s.MFA:
			ended.mfa++
		default:
			kept = append(kept, s)
		}
	}
	slices.SortStableFunc(kept, func(a, b PolicySession) int { return b.SignedInAt.Compare(a.SignedInAt) })
	if p.MaxSessions != 0 && len(kept) > p.MaxSessions {
		ended.limit = len(kept) - p.MaxSessions
		kept = kept[:p.MaxSessions]
	}
	return kept, ended
}

// Lines are the four sentences of the preview.
func (p Preview) Lines() []PreviewLine {
	sessions := plural(p.SessionsEnd, "running session ends at once", "running sessions end at once")
	e := p.ended
	switch {
	case p.SessionsEnd == 0:
	case p.SessionsEnd == e.limit && e.maxAllowed > 0:
		sessions += ", because each user may keep " + number(e.maxAllowed)
	case p.SessionsEnd == e.idle && e.idleMinutes > 0:
		sessions += ", because the idle timeout is " + FormatMinutes(e.idleMinutes)
	case p.SessionsEnd == e.age && e.ageMinutes > 0:
		sessions += ", because a new sign-in is due after " + FormatMinutes(e.ageMinutes)
	case p.SessionsEnd == e.mfa:
		sessions += ", because no second factor was shown in them"
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
