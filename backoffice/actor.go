package backoffice

// ActorKind says what sort of caller acts.
type ActorKind string

// Kinds of actors.
const (
	ActorStaff   ActorKind = "staff"
	ActorUser    ActorKind = "user" // of a customer's account, in the portal
	ActorToken   ActorKind = "token"
	ActorCommand ActorKind = "command" // somebody at the machine's own command line
	ActorSystem  ActorKind = "system"  // Steward itself: purges, demo data
)

// Actor is who performs a request: every verb that writes takes one and puts
// it into the trail.
type Actor struct {
	Kind    ActorKind
	Key     int64 // of the staff, user or token row; 0 for command and system
	ID      string
	Name    string
	Email   string
	Role    StaffRole // of staff; empty otherwise
	Session string    // public ID of the session of staff or a user
	Scopes  []string  // of a token
	// Account is where a user acts, and Roles what they hold there; both are
	// read anew with each request. Empty for everybody else.
	Account AccountRef
	Roles   []Role
	Address string // network address that the request came from
}

// May reports whether the actor holds the permission. The command line may do
// everything: who reaches it owns the machine and the file.
func (a Actor) May(p StaffPermission) bool {
	switch a.Kind {
	case ActorCommand, ActorSystem:
		return true
	case ActorStaff:
		return a.Role.May(p)
	}
	return false
}

// MayHere reports whether a user holds the permission in the account that they
// are in.
func (a Actor) MayHere(p Permission) bool {
	if a.Kind != ActorUser {
		return false
	}
	for _, role := range a.Roles {
		if role.Permissions.Has(p) {
			return true
		}
	}
	return false
}

// MayGive says why the actor may not give the roles in the account with the key,
// as a Refusal; nil when they may. Staff with the permission, the command line
// and Steward itself give any; a user gives what MayGrant allows, in the account
// that they are in.
func (a Actor) MayGive(account int64, roles []Role) error {
	if a.Kind != ActorUser {
		return nil
	}
	if a.Account.Key != account {
		return ErrNotFound
	}
	return MayGrant(a.Roles, roles)
}

// HasScope reports whether a token was made for the scope, or for one that
// includes it.
func (a Actor) HasScope(scope string) bool {
	if a.Kind != ActorToken {
		return false
	}
	for _, s := range a.Scopes {
		if Scope(s).Includes(Scope(scope)) {
			return true
		}
	}
	return false
}

// Label is how pages call the actor: the name, or the e-mail where there is none.
func (a Actor) Label() string {
	if a.Name != "" {
		return a.Name
	}
	return a.Email
}

// CommandLine is the actor of the binary's verbs.
func CommandLine() Actor { return Actor{Kind: ActorCommand, ID: "command-line", Name: "Command line"} }

// System is the actor of Steward's own housekeeping.
func System() Actor { return Actor{Kind: ActorSystem, ID: "system", Name: "Steward"} }
