package backoffice

// AssignmentPath is how an application reaches an account, or a user in it.
type AssignmentPath string

// Paths, the widest first. ByDefault and ByEnvironment reach every user of every
// account that has not given the application up, ByAccount every user of the
// account; ByHand is an assignment of one account, or of one user.
const (
	ByDefault     AssignmentPath = "default"
	ByEnvironment AssignmentPath = "environment"
	ByAccount     AssignmentPath = "account"
	ByHand        AssignmentPath = "manual"
)

// Label returns the path as pages write it.
func (p AssignmentPath) Label() string {
	switch p {
	case ByDefault:
		return "Default"
	case ByEnvironment:
		return "Environment auto-assigned"
	case ByAccount:
		return "Account auto-assigned"
	case ByHand:
		return "Assigned"
	}
	return string(p)
}

// ReachesAll reports whether every user of the account has the application by
// the path, so that it cannot be taken from one of them.
func (p AssignmentPath) ReachesAll() bool { return p != ByHand }

// Fixed says why an application cannot be taken from a single user; empty where
// it can.
func (p AssignmentPath) Fixed() string {
	switch p {
	case ByDefault:
		return "It is the default application: every user of the account has it."
	case ByEnvironment:
		return "It is assigned to every user of every account."
	case ByAccount:
		return "It is assigned to every user of this account."
	}
	return ""
}

// AccountApplication is an application that an account has.
type AccountApplication struct {
	Application
	Path AssignmentPath
	// Auto says that the account itself assigns it to every user of its own, beside
	// what the environment does.
	Auto  bool
	Users int64 // given one by one; with a Path that reaches all, all users of the account by membership
}

// UserApplication is an application that a user has in an account.
type UserApplication struct {
	Application
	Account AccountRef
	Path    AssignmentPath
}

// ApplicationUser is a user of an account who can have an application there.
type ApplicationUser struct {
	UserID, Name, Email string
	Status              MembershipStatus
	Granted             bool // stands in the account by a grant from above
	Has                 bool
	Path                AssignmentPath // where Has
}

// ApplicationUserFilter says which users of an account are listed with an
// application.
type ApplicationUserFilter struct {
	Query         string   // part of a name or address
	Only          []string // IDs of those who are looked for, none for all
	Others        bool     // those who could be given it, in place of those who have it
	After, Before string   // Next or Prev of a page of the same list
	Customers     bool     // as the portal may know them: who was invited is an address
	Limit         int      // how many at most; 0 for as many as a page shows
}

// ApplicationUsersPage is a page of them by address.
type ApplicationUsersPage struct {
	Rows       []ApplicationUser
	Next, Prev string
	Lost       bool // it was asked for by a cursor that is none of this list: it is the first
}

// EntryRefusal is why a user cannot enter an application in an account.
type EntryRefusal string

// Reasons, in the order in which they are looked for.
const (
	EntryOpen       EntryRefusal = ""
	EntryInactive   EntryRefusal = "inactive"     // the application is not integrated
	EntryNoAccount  EntryRefusal = "no-account"   // the account does not have it
	EntryNotForUser EntryRefusal = "not-for-user" // the account has it, the user does not
)

// AssignmentPreview is what turning an assignment on or off changes.
type AssignmentPreview struct {
	Accounts int64 // that gain the application, or keep it as their own assignment
	Users    int64 // that gain it, or keep it as a manual assignment
}
