package views

import "steward/backoffice"

// UserAct is something that is done to several users at once.
type UserAct struct {
	Name, Label, Icon string
	Bad               bool
}

// UserActs are the acts of the bulk bar, in its order.
var UserActs = []UserAct{
	{Name: "role-given", Label: "Add role", Icon: "plus"},
	{Name: "role-taken", Label: "Remove role", Icon: "minus"},
	{Name: "invitation", Label: "Resend invitation", Icon: "mail"},
	{Name: "lock", Label: "Lock", Icon: "lock"},
	{Name: "unlock", Label: "Unlock", Icon: "lock-open"},
	{Name: "sessions", Label: "End sessions", Icon: "log-out"},
}

// UserActNamed finds an act.
func UserActNamed(name string) (UserAct, bool) {
	for _, a := range UserActs {
		if a.Name == name {
			return a, true
		}
	}
	return UserAct{}, false
}

// UserActScene is a bulk act before it is done: what would become of whom; or
// after: what did.
type UserActScene struct {
	UserSelection
	Act     UserAct
	Role    string // key of the role that is given or taken
	Roles   []backoffice.Role
	Going   int64         // rows that are or were changed
	Staying []UserActLine // those that are not, with the reason
	Tried   bool          // Going and Staying are known
	Done    bool
}

// UserActLine is a user who is left as they are, and why.
type UserActLine struct{ ID, Name, Why string }

// NeedsRole reports whether the act asks for a role first.
func (a UserAct) NeedsRole() bool { return a.Name == "role-given" || a.Name == "role-taken" }
