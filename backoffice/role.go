package backoffice

// Role is a named set of permissions with a level; 0 is the highest.
type Role struct {
	ID          string
	Key         string
	Name        string
	Description string
	Level       int
	Permissions Permissions
	// Default is given to a user for whom no role is named, FirstUser to the
	// first user of an account.
	Default   bool
	FirstUser bool
	// AccountID is the one account that the role belongs to; empty for roles
	// of the environment.
	AccountID string
}

// Keys of the built-in roles.
const (
	RoleAdmin    = "admin"
	RoleReadOnly = "read-only"
)

// readOnlyLevel leaves room for an environment's own roles between the two
// built-in ones.
const readOnlyLevel = 10

// BuiltInRoles are the roles that every environment has (product.md, section
// 8): Admin, given to an account's first user, and Read only, the default.
func BuiltInRoles() []Role {
	return []Role{
		{Key: RoleAdmin, Name: "Admin", Description: "Every permission.", Level: 0, Permissions: Permissions{AllPermissions}, FirstUser: true},
		{Key: RoleReadOnly, Name: "Read only", Description: "Every read permission.", Level: readOnlyLevel, Permissions: ReadPermissions(), Default: true},
	}
}

// ReadPermissions is every built-in permission to read.
func ReadPermissions() Permissions {
	return Permissions{"fe.account-hierarchy.read.*", "fe.secure.read.*"}
}

// MayGrant says why the holder of some roles may not give others in the same
// account, as a Refusal; nil when they may. Nobody gives a role that stands
// above their own highest one, or that holds permissions they lack. Who holds
// no role gives none. own are the roles held in the target account, by
// membership or grant; the rule is the same for invitations, imports by
// customers, grants and the editing of roles.
func MayGrant(own, given []Role) error {
	if len(given) == 0 {
		return nil
	}
	if len(own) == 0 {
		return Refusal("Only who has a role in this account may give roles there.")
	}
	highest := own[0].Level
	var held Permissions
	for _, role := range own {
		highest = min(highest, role.Level)
		held = append(held, role.Permissions...)
	}
	for _, role := range given {
		if role.Level < highest {
			return Refusal("The role " + role.Name + " stands above your own.")
		}
		if !Covers(held, role.Permissions) {
			return Refusal("The role " + role.Name + " holds permissions that you lack.")
		}
	}
	return nil
}
