package views

import (
	"steward/backoffice"
	"steward/views/ui"
)

// GrantScene is the access to sub-accounts of one membership.
type GrantScene struct {
	PlaceScene
	Member    backoffice.Member
	Given     bool
	Grant     backoffice.Grant
	Below     int64 // accounts below this one
	MayChange bool
	Forbidden string // why it is not theirs to change, though others may be
	// What the forms do: giving, or revoking.
	Change   backoffice.ReachChange
	EndsAt   string // as typed
	Reason   string
	Problems backoffice.Problems
	Refused  string
	Next     string // where to go back to, "" for the user's page
}

// Always reports whether all memberships of the account have it.
func (s GrantScene) Always() bool { return s.Account.SubAccess == backoffice.AccessAlways }

// Has reports whether the membership has access, though it may rest or be over.
func (s GrantScene) Has() bool { return s.Given || s.Always() }

func (s GrantScene) name() string { return personName(s.Member.User) }

func (s GrantScene) link(rest string) string { return s.userLink(s.Member.ID, rest) }

// back is where the pages lead back to.
func (s GrantScene) back() string {
	if s.Next != "" {
		return s.Page.Link(s.Next)
	}
	return s.userPage(s.Member.ID)
}

// state is how the access stands, in a glyph and a word.
func (s GrantScene) state() (kind, word string) {
	over := s.Given && !s.Grant.EndsAt.IsZero() && !s.Grant.EndsAt.After(s.Now)
	switch {
	case !s.Has():
		return "idle", "No access"
	case !s.Account.IsReseller:
		return "wait", "Rests: sub-account management is off"
	case !s.Always() && over:
		return "idle", "Ended"
	case s.Member.Disabled:
		return "wait", "Rests: the membership is switched off"
	case s.Member.Status != backoffice.Activated:
		return "wait", "Waits for their first sign-in"
	case s.Always():
		return "good", "Always on"
	}
	return "good", "Given"
}

// reach is in how many sub-accounts the access holds, in words.
func (s GrantScene) reach() string {
	begins := "It holds in "
	switch {
	case s.Below == 0:
		return s.Account.Name + " has no sub-accounts yet; new ones are included the moment they exist."
	case s.Member.Status != backoffice.Activated:
		begins = "They have not signed in to " + s.Account.Name + " yet. From their first sign-in on it holds in "
	case s.Member.Disabled:
		begins = "Their membership is switched off. Once it is on again, it holds in "
	case !s.Account.IsReseller:
		begins = "Sub-account management is off. Once it is on, it holds in "
	}
	return begins + ui.Count(s.Below, "sub-account", "sub-accounts") + " of " + s.Account.Name + ", and in new ones the moment they exist."
}

// DefaultScene is the default of an account for access to sub-accounts, with what
// each choice would change.
type DefaultScene struct {
	PlaceScene
	Chosen   backoffice.AccessDefault
	Changes  []backoffice.ReachChange // by backoffice.AccessDefaults
	Refused  []string                 // likewise: why it is not theirs to choose
	Problems backoffice.Problems
}

// defaultHelp says what a default means.
func defaultHelp(d backoffice.AccessDefault) string {
	switch d {
	case backoffice.AccessOn:
		return "New memberships come with access; it can be revoked one by one."
	case backoffice.AccessAlways:
		return "Every membership has access, those that exist too, and none can lose it singly."
	}
	return "Access is given one by one."
}

// ManagementScene asks before sub-account management is switched.
type ManagementScene struct {
	PlaceScene
	On      bool // what it would become
	Change  backoffice.ReachChange
	Below   int64
	Refused string
	Next    string
}

func (s ManagementScene) title() string {
	if s.On {
		return "Enable sub-account management"
	}
	return "Disable sub-account management"
}

// holdsBelow reports whether the roles hold in sub-accounts at present.
func (s GrantScene) holdsBelow() bool {
	kind, _ := s.state()
	return kind == "good"
}

// rolesBelow says in how many sub-accounts a change of the roles holds, too.
func (s GrantScene) rolesBelow() string {
	if s.Below == 0 {
		return "The access to sub-accounts takes these roles along: they hold in each that is created."
	}
	return "The access to sub-accounts takes these roles along: what is saved here holds in " + ui.Count(s.Below, "sub-account", "sub-accounts") + " of " + s.Account.Name + ", too."
}
