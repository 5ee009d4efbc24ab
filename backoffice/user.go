package backoffice

import "time"

// User is a person, once per installation, identified by e-mail.
type User struct {
	Key       int64
	ID        string
	Email     string
	Name      string
	CreatedAt time.Time
	Verified  bool // the address was proved
	Locked    bool // can sign in nowhere
}

// MembershipStatus says how a user stands in one account.
type MembershipStatus string

// The four statuses; their labels are those of the pages.
const (
	Activated    MembershipStatus = "activated"
	Invited      MembershipStatus = "invited"
	PendingLogin MembershipStatus = "pending"
	NotActive    MembershipStatus = "inactive"
)

// Label returns the status in the words of the pages.
func (s MembershipStatus) Label() string {
	switch s {
	case Activated:
		return "Activated"
	case Invited:
		return "Invited"
	case PendingLogin:
		return "Pending login"
	case NotActive:
		return "Not active"
	}
	return string(s)
}

// Member is a user as an account's page shows them: with their membership.
type Member struct {
	User
	Status    MembershipStatus
	Disabled  bool // switched off in this account only
	Primary   bool // the account was created for them
	Roles     []string
	Since     time.Time
	LastVisit time.Time
	Visits    int64
}

// ForCustomers is the user as customers see them. Who has not accepted their
// invitation is an address: whether it is a user's elsewhere, and whose, is not
// for who invited it to know (security.md, T-33).
func (m Member) ForCustomers() Member {
	if m.Status == Invited {
		m.User = m.User.unknown()
	}
	return m
}

func (u User) unknown() User { return User{Key: u.Key, ID: u.ID, Email: u.Email} }

// MembersPerPage is how many users an account's page shows at once.
const MembersPerPage = 25

// MemberFilter says which users of an account are shown: after or before the
// user with that ID in the order of the list, "" for the first ones.
type MemberFilter struct {
	Query  string // part of a name or e-mail, as typed
	Active bool   // with a visit to the account in the last 30 days
	After  string
	Before string
	// Customers says that customers look, see Member.ForCustomers.
	Customers bool
}

// MembersPage is one page of an account's users. Next and Prev are what After
// and Before take for the pages beside it, "" where there is none.
type MembersPage struct {
	Rows  []Member
	Total int64
	Next  string
	Prev  string
}
