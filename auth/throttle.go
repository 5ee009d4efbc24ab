package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"steward/backoffice"
)

// Limits of attempts to sign in (product.md, section 11).
const (
	attemptWindow      = 15 * time.Minute
	freePerPair        = 5   // per user and network address, before delays begin
	freePerNetwork     = 100 // per network address
	firstDelay         = 30 * time.Second
	longestDelay       = 15 * time.Minute
	failureAnswerAfter = 500 * time.Millisecond
)

// The words of attempts stand in backoffice, where the store knows them too.
type (
	Attempt       = backoffice.SignInAttempt
	AttemptCounts = backoffice.AttemptCounts
	AttemptWindow = backoffice.AttemptWindow
)

// AttemptTable is where failed attempts are kept.
type AttemptTable interface {
	// ReserveAttempt counts and, when allow says yes, writes the attempt, all
	// in one write transaction: a hundred guesses at once are counted one
	// after the other.
	ReserveAttempt(ctx context.Context, attempt Attempt, window AttemptWindow, allow func(AttemptCounts) bool) error
	// ForgiveAttempts deletes the attempts with the same Subject, Network and
	// Device.
	ForgiveAttempts(ctx context.Context, attempt Attempt) error
}

// Lockout is the part of a policy that holds for all attempts on a user.
type Lockout struct {
	Attempts int
	For      time.Duration
}

// LockoutOf takes the lockout out of a policy.
func LockoutOf(p backoffice.Policy) Lockout {
	return Lockout{p.LockoutAttempts, time.Duration(p.LockoutMinutes) * time.Minute}
}

// Verdict says whether an attempt may go on.
type Verdict struct {
	Allowed bool
	// Locked is true when the user is locked out for a while, false when the
	// attempt only came too soon.
	Locked bool
	// RetryAfter is how long to wait, for the header of the same name.
	RetryAfter time.Duration
}

// Decide judges an attempt by those before it. It is the same whether or not
// anybody has the address. From a known device only attempts from known
// devices count, so that strangers can lock nobody out who has one; without,
// all others count, from wherever they come. After so many attempts as the
// policy says the user is locked until its time has passed since the last
// one; attempts refused are not counted, so that nobody is locked for ever.
// After 5 failures of a user from one network address, and after 100 from it
// in all, each further one waits twice as long as the one before.
func Decide(counts AttemptCounts, lockout Lockout, device bool, now time.Time) Verdict {
	wait := delay(counts.Pair-freePerPair, counts.PairLast, now)
	if !device {
		wait = max(wait, delay(counts.Network-freePerNetwork, counts.NetworkLast, now))
	}
	locked := false
	if counts.Subject >= lockout.Attempts {
		if left := counts.SubjectLast.Add(lockout.For).Sub(now); left > 0 && left >= wait {
			wait, locked = left, true
		}
	}
	// A clock that was set back must not lock people out for longer than the
	// rules can.
	wait = min(wait, max(longestDelay, lockout.For))
	return Verdict{Allowed: wait <= 0, Locked: locked, RetryAfter: max(wait, 0)}
}

// delay is what is left of the wait after the attempt that was so many above
// the free ones, counting from 0.
func delay(above int, last, now time.Time) time.Duration {
	if above < 0 {
		return 0
	}
	length := longestDelay
	if above < 10 {
		length = min(firstDelay<<above, longestDelay)
	}
	return last.Add(length).Sub(now)
}

// Throttle counts attempts before they are made.
type Throttle struct{ table AttemptTable }

// NewThrottle makes a Throttle over a table.
func NewThrottle(table AttemptTable) Throttle { return Throttle{table} }

// Begin asks whether an attempt may be made, and counts it as failed when it
// may: Succeeded takes that back. Call it before looking at the password.
func (t Throttle) Begin(ctx context.Context, attempt Attempt, lockout Lockout) (Verdict, error) {
	window := AttemptWindow{Lock: attempt.At.Add(-max(lockout.For, attemptWindow)), Delays: attempt.At.Add(-attemptWindow)}
	var verdict Verdict
	err := t.table.ReserveAttempt(ctx, attempt, window, func(counts AttemptCounts) bool {
		verdict = Decide(counts, lockout, attempt.Device, attempt.At)
		return verdict.Allowed
	})
	if err != nil {
		return Verdict{}, err
	}
	return verdict, nil
}

// Succeeded forgets the failures of the user from the same place. Those from
// elsewhere stay: whoever guesses there gains nothing by the user's success.
func (t Throttle) Succeeded(ctx context.Context, attempt Attempt) error {
	return t.table.ForgiveAttempts(ctx, attempt)
}

// Subject is what attempts on an address are counted by: a digest of its
// canonical form, or of what was typed, where that is no address.
func Subject(typed string) string {
	subject := ""
	if email, err := backoffice.ParseEmail(typed); err == nil {
		subject = "email " + string(email)
	} else {
		subject = "typed " + typed[:min(len(typed), 1024)]
	}
	sum := sha256.Sum256([]byte(subject))
	return hex.EncodeToString(sum[:])
}

// UserSubject is what attempts of users on an address are counted by: apart from
// those of staff, so that neither locks the other out.
func UserSubject(typed string) string { return "user " + Subject(typed) }

// Network is what attempts from an address are counted by: the address of
// IPv4, the /64 of IPv6, which one household has to itself. What cannot be
// read counts together.
func Network(address string) string {
	host := address
	if port, err := netip.ParseAddrPort(address); err == nil {
		host = port.Addr().String()
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return "unknown"
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}

// FailureWait is how long an answer that refuses still has to wait, so that
// every one comes half a second after its request arrived and tells nothing
// by its time.
func FailureWait(arrived, now time.Time) time.Duration {
	return max(0, min(failureAnswerAfter-now.Sub(arrived), failureAnswerAfter))
}

// Wait waits, or until the request is given up.
func Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
