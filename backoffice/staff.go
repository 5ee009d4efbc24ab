package backoffice

import (
	"strings"
	"time"
)

// StaffRole is what a member of staff may do.
type StaffRole string

// The three roles of staff, product.md section 8.
const (
	Owner   StaffRole = "owner"
	Manager StaffRole = "manager"
	Viewer  StaffRole = "viewer"
)

// StaffPermission is one thing that staff may do. Every backoffice route names
// the one it needs.
type StaffPermission string

// Permissions of staff.
const (
	ReadAccounts       StaffPermission = "accounts.read"
	WriteAccounts      StaffPermission = "accounts.write"
	ReadAllUsers       StaffPermission = "users.read"
	WriteAllUsers      StaffPermission = "users.write"
	ReadMetadata       StaffPermission = "metadata.read"
	ReadSecureMetadata StaffPermission = "secure-metadata.read"
	WritePolicies      StaffPermission = "policies.write"
	Import             StaffPermission = "import"
	ReadTrail          StaffPermission = "audit.read"
	WriteOwnViews      StaffPermission = "views.write"
	ShareViews         StaffPermission = "views.share"
	WriteSelf          StaffPermission = "self.write" // own password and sessions
	ReadSettings       StaffPermission = "settings.read"
	WriteSettings      StaffPermission = "settings.write"
	WriteStaff         StaffPermission = "staff.write"
	WriteTokens        StaffPermission = "tokens.write"
	ReadRoles          StaffPermission = "roles.read"
	WriteRoles         StaffPermission = "roles.write"

	ReadAllApplications  StaffPermission = "applications.read"
	WriteAllApplications StaffPermission = "applications.write"
)

var staffPermissions = map[StaffRole][]StaffPermission{
	Viewer: {ReadAccounts, ReadAllUsers, ReadMetadata, ReadTrail, WriteOwnViews, WriteSelf, ReadSettings, ReadRoles, ReadAllApplications},
	Manager: {ReadAccounts, ReadAllUsers, ReadMetadata, ReadTrail, WriteOwnViews, WriteSelf, ReadSettings, ReadRoles, ReadAllApplications,
		WriteAccounts, WriteAllUsers, ReadSecureMetadata, WritePolicies, Import, ShareViews, WriteAllApplications},
	Owner: {ReadAccounts, ReadAllUsers, ReadMetadata, ReadTrail, WriteOwnViews, WriteSelf, ReadSettings, ReadRoles, ReadAllApplications,
		WriteAccounts, WriteAllUsers, ReadSecureMetadata, WritePolicies, Import, ShareViews, WriteAllApplications,
		WriteSettings, WriteStaff, WriteTokens, WriteRoles},
}

// StaffRoles lists the roles, the mightiest first.
func StaffRoles() []StaffRole { return []StaffRole{Owner, Manager, Viewer} }

// Valid reports whether r is one of the three roles.
func (r StaffRole) Valid() bool { _, ok := staffPermissions[r]; return ok }

// May reports whether the role holds the permission.
func (r StaffRole) May(p StaffPermission) bool {
	for _, have := range staffPermissions[r] {
		if have == p {
			return true
		}
	}
	return false
}

// Label returns the role as pages write it.
func (r StaffRole) Label() string {
	switch r {
	case Owner:
		return "Owner"
	case Manager:
		return "Manager"
	case Viewer:
		return "Viewer"
	}
	return string(r)
}

// ReadOnly reports whether the permission lets nobody change anything.
func (p StaffPermission) ReadOnly() bool { return strings.HasSuffix(string(p), ".read") }

// Staff is a person of the vendor who uses the backoffice.
type Staff struct {
	Key       int64
	ID        string
	Email     string
	Name      string
	Role      StaffRole
	CreatedAt time.Time
	Version   int64
}

// StaffSession is one signed-in browser of a member of staff.
type StaffSession struct {
	ID        string
	CreatedAt time.Time
	SeenAt    time.Time
	Address   string
	UserAgent string
	ProvedAt  time.Time // when a credential was shown last
	MFAAt     time.Time // when a second factor was shown; zero: never
}

// Actor is the member of staff as the one who acts, in the session and from the
// network address given.
func (s Staff) Actor(session, address string) Actor {
	return Actor{Kind: ActorStaff, Key: s.Key, ID: s.ID, Name: s.Name, Email: s.Email, Role: s.Role, Session: session, Address: address}
}

// Label is how pages call a member of staff: the name, or the e-mail where
// there is none.
func (s Staff) Label() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Email
}

// NewStaff is what "Add staff" and the set-up page fill in.
type NewStaff struct {
	Email string
	Name  string
	Role  StaffRole
}

// LastOwner refuses what would leave nobody to look after the installation.
const LastOwner Refusal = "This is the last owner. Make somebody else an owner first."
