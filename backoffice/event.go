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

// EventFilter says which part of the trail a page shows.
type EventFilter struct {
	Query   string    // part of a name or ID of actor or object, or of the action
	Action  string    // exact, or a prefix that ends with a dot
	ActorID string    // who did it
	Account string    // ID of an account: what concerns it
	Object  string    // ID of what it was done to
	From    time.Time // first instant; zero: from the beginning
	To      time.Time // instant after the last; zero: up to now
}

// EventRow is an entry of the trail as a page shows it, with what has become of
// its object since.
type EventRow struct {
	Event
	AccountName string // of AccountID, as it is called now
	Exists      bool   // the object is there, and not in the bin
	Undoable    bool   // what it deleted is in the bin and can be restored
}

// EventsPage is one page of the trail, the newest entry first.
type EventsPage struct {
	Rows []EventRow
	Next string // older
	Prev string // newer
}

// EventActor is somebody who stands in the trail.
type EventActor struct {
	Kind     ActorKind
	ID, Name string
}

// TrailCheck is the outcome of the last time that the chain was verified.
type TrailCheck struct {
	At     time.Time `json:"at"`
	Count  int64     `json:"count"`            // entries up to which it was walked
	Broken int64     `json:"broken,omitempty"` // the first that does not follow, 0 when all do
}
