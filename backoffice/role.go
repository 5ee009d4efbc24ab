package backoffice

import (
	"slices"
	"strconv"
	"strings"
)

// Role is a named set of permissions with a level; 0 is the highest.
type Role struct {
	ID string
	// Key names the role in imports and tokens. It is unique in each account,
	// among those of the environment and the account's own, and never changes.
	Key         string
	Name        string
	Description string
	Level       int
	Permissions Permissions // sorted
	// Default is given to a user for whom no role is named, FirstUser to the
	// first user of an account. Roles of one account are neither.
	Default   bool
	FirstUser bool
	BuiltIn   bool // Admin and Read only: what they may is fixed, they are never deleted
	// AccountID is the one account that the role belongs to; empty for roles
	// of the environment.
	AccountID   string
	AccountName string
	Version     int64
}

// RoleRow is a role as the list of roles shows it.
type RoleRow struct {
	Role
	Members int64 // memberships that hold it; those of accounts in the bin are not counted
}

// RoleHolder is a membership that holds a role.
type RoleHolder struct {
	UserID, UserName, Email string
	AccountID, AccountName  string
	Status                  MembershipStatus
	Others                  []string // names of the other roles that it holds
}

// Limits of a role (product.md, section 8, leaves them to us).
const (
	MaxRoleKey         = 64
	MaxRoleDescription = 500
	MaxRoleLevel       = 1000
	MaxRolePermissions = 500
)

// ValidRoleKey reports whether a role can have the key: 1 to 64 ASCII letters,
// digits and ". _ -", starting with a letter or digit.
func ValidRoleKey(key string) bool {
	if key == "" || len(key) > MaxRoleKey || !isLetterOrDigit(key[0]) {
		return false
	}
	for i := range len(key) {
		if !isLetterOrDigit(key[i]) && strings.IndexByte("._-", key[i]) < 0 {
			return false
		}
	}
	return true
}

// CheckRole returns a role in the form in which it is kept, and what is wrong
// with it (name, key, description, level, permissions, default, first_user).
// What only the database knows, such as a key that is taken, is not asked.
func CheckRole(r Role) (Role, Problems) {
	var problems Problems
	name, err := CleanName(r.Name, MaxName)
	switch {
	case err != nil:
		problems.Add("name", err.Error())
	case name == "":
		problems.Add("name", "Enter a name.")
	default:
		r.Name = name
	}
	switch {
	case r.Key == "":
		problems.Add("key", "Enter a key.")
	case !ValidRoleKey(r.Key):
		problems.Add("key", "A key has at most "+strconv.Itoa(MaxRoleKey)+" letters, digits and . _ -, and starts with a letter or digit.")
	}
	if description, err := CleanName(r.Description, MaxRoleDescription); err != nil {
		problems.Add("description", err.Error())
	} else {
		r.Description = description
	}
	if r.Level < 0 || r.Level > MaxRoleLevel {
		problems.Add("level", "A level is a whole number from 0, the highest, to "+number(MaxRoleLevel)+".")
	}
	r.Permissions = slices.Clone(r.Permissions)
	slices.Sort(r.Permissions)
	r.Permissions = slices.Compact(r.Permissions)
	if len(r.Permissions) > MaxRolePermissions {
		problems.Add("permissions", "A role holds at most "+number(MaxRolePermissions)+" permissions. A trailing * stands for everything below.")
	}
	for _, p := range r.Permissions {
		if !p.Valid() {
			problems.Add("permissions", VisibleCell(string(p))+" is no permission: parts of letters, digits, _ and - joined by dots, with * only as the last part.")
		}
	}
	if r.AccountID != "" {
		if r.Default {
			problems.Add("default", "Only a role of the environment can be the default.")
		}
		if r.FirstUser {
			problems.Add("first_user", "Only a role of the environment can be given to first users.")
		}
	}
	return r, problems
}

// BuiltInFixed is why the permissions of a built-in role stay as they are.
const BuiltInFixed Refusal = "This role is built in: its name, level and permissions stay as they are."

// CheckRoleChange is CheckRole for a role that exists: its key and its account
// stay, and of a built-in one also what it may.
func CheckRoleChange(before, after Role) (Role, Problems) {
	after.ID, after.Key, after.BuiltIn, after.AccountID, after.AccountName = before.ID, before.Key, before.BuiltIn, before.AccountID, before.AccountName
	after, problems := CheckRole(after)
	if before.BuiltIn && (after.Name != before.Name || after.Level != before.Level || !slices.Equal(after.Permissions, before.Permissions)) {
		problems.Add("", string(BuiltInFixed))
	}
	return after, problems
}

// Same reports whether two states of one role say the same.
func (r Role) Same(other Role) bool {
	return r.Name == other.Name && r.Description == other.Description && r.Level == other.Level && r.Default == other.Default &&
		r.FirstUser == other.FirstUser && slices.Equal(r.Permissions, other.Permissions)
}

// RoleKeys are the keys of roles and whose they are: IDs of accounts, "" for
// the environment.
type RoleKeys map[string][]string

// Add notes a role.
func (k RoleKeys) Add(key, accountID string) { k[key] = append(k[key], accountID) }

// In says why the account does not know a role by the key, as a Refusal; nil
// when it does.
func (k RoleKeys) In(key, accountID string) error {
	owners := k[key]
	switch {
	case len(owners) == 0:
		return Refusal("There is no role with the key " + VisibleCell(key) + ".")
	case slices.Contains(owners, "") || slices.Contains(owners, accountID):
		return nil
	}
	return Refusal("The role with the key " + VisibleCell(key) + " belongs to another account.")
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
		{ID: RoleAdmin, Key: RoleAdmin, Name: "Admin", Description: "Every permission.", Level: 0, Permissions: Permissions{AllPermissions}, FirstUser: true, BuiltIn: true, Version: 1},
		{ID: RoleReadOnly, Key: RoleReadOnly, Name: "Read only", Description: "Every read permission.", Level: readOnlyLevel, Permissions: ReadPermissions(), Default: true, BuiltIn: true, Version: 1},
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

// MayChangeRoles says why the holder of some roles may not replace the roles of
// somebody in the same account, as a Refusal; nil when they may. What is taken
// away has to be within their reach like what is given: nobody strips those who
// stand above them.
func MayChangeRoles(own, before, after []Role) error {
	var moved []Role
	for _, pair := range [][2][]Role{{before, after}, {after, before}} {
		for _, r := range pair[0] {
			if !slices.ContainsFunc(pair[1], func(other Role) bool { return other.ID == r.ID }) {
				moved = append(moved, r)
			}
		}
	}
	return MayGrant(own, moved)
}

// MayEditRole says why the holder of some roles may not make of one role
// another, as a Refusal; nil when they may. Both have to be within their reach,
// so that nobody gains by editing a role that they hold, nor weakens one above
// their own. A new role has no before, a deleted one no after: there the one
// that is given counts alone, and in place of a deleted role its replacement.
func MayEditRole(own []Role, before, after *Role) error {
	var both []Role
	for _, r := range []*Role{before, after} {
		if r != nil {
			both = append(both, *r)
		}
	}
	return MayGrant(own, both)
}

// PermissionsOf is everything that some roles hold together.
func PermissionsOf(roles []Role) Permissions {
	var set Permissions
	for _, r := range roles {
		set = append(set, r.Permissions...)
	}
	return set
}
