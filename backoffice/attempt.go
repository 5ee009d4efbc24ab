package backoffice

import "time"

// SignInAttempt is one try to sign in.
type SignInAttempt struct {
	Subject string // what auth.Subject makes of the address, existing or not
	Network string // of auth.Network
	Device  bool   // came from a device that the subject is known by
	At      time.Time
}

// AttemptCounts is what earlier attempts add up to. Attempts from known
// devices and others never count together.
type AttemptCounts struct {
	// Subject counts the attempts with the same Subject and Device that were
	// later than the lock's beginning; SubjectLast is the latest of them.
	Subject     int
	SubjectLast time.Time
	// Pair counts those that have the same Network as well and were later
	// than the delays' beginning.
	Pair     int
	PairLast time.Time
	// Network counts all from the same Network that did not come from a
	// known device of their subject, later than the delays' beginning.
	Network     int
	NetworkLast time.Time
}

// AttemptWindow says from when on attempts count.
type AttemptWindow struct {
	Lock   time.Time // for AttemptCounts.Subject
	Delays time.Time // for Pair and Network
}
