package backoffice

import "time"

// UserDetails is a user as their page shows them.
type UserDetails struct {
	UserRow
	DeletedAt           time.Time // zero unless in the bin
	DeletionID          string
	Metadata            string // JSON object; goes into tokens
	VendorMetadata      string // JSON object; never in a token, never seen by customers or Viewers
	VendorMetadataFixed bool   // set by a migration, which no later one may change
	MetadataVersion     int64  // of both
	Version             int64  // of the rest
}

// UserMembership is a user in one account, as the user's page shows it.
type UserMembership struct {
	Account   AccountRef
	Status    MembershipStatus
	Disabled  bool
	Primary   bool // the account was created for them
	Roles     []Role
	Since     time.Time
	LastVisit time.Time
	Visits    int64
}

// Limits of a user's metadata, in bytes of the compact text (product.md,
// section 4).
const (
	MaxSessionMetadata = 4 << 10
	MaxSecureMetadata  = MaxMetadataBytes
)

// UserConsequences are what deleting users takes with it.
type UserConsequences struct {
	Accounts []AccountRef // that they leave
	Primary  []AccountRef // of those, the ones that lose their primary user
	Sessions int64
	// Unmanaged are those that nobody could manage any more.
	Unmanaged []AccountRef
}
