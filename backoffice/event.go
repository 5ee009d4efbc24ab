package backoffice

import "time"

// Event is an entry of the audit trail: one change, written in the transaction
// that made it.
type Event struct {
	Key  int64
	ID   string
	At   time.Time
	Kind ActorKind
	// ActorID and ActorName are as they were when it happened.
	ActorID   string
	ActorName string
	Address   string

	Action     string // such as "account.created"
	ObjectKind string // such as "account"
	ObjectID   string
	ObjectName string
	AccountID  string // the account whose branch may see it; empty for the environment
	Before     string // JSON object, empty when there was nothing
	After      string // JSON object, empty when nothing is left
	Undo       string // what can be undone by it: the public ID of a deletion or an import

	Digest []byte // SHA-256 over the previous digest and this event
	Purged bool   // the payload is gone, the digests stand
}
