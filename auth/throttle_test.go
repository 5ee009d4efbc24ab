package auth

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"steward/backoffice"
)

// memoryAttempts is the table as the interface describes it.
type memoryAttempts struct {
	mu   sync.Mutex
	rows []Attempt
}

func (m *memoryAttempts) ReserveAttempt(_ context.Context, a Attempt, window AttemptWindow, allow func(AttemptCounts) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var c AttemptCounts
	for _, row := range m.rows {
		same := row.Subject == a.Subject && row.Device == a.Device
		if same && row.At.After(window.Lock) {
			c.Subject, c.SubjectLast = c.Subject+1, later(c.SubjectLast, row.At)
		}
		if same && row.Network == a.Network && row.At.After(window.Delays) {
			c.Pair, c.PairLast = c.Pair+1, later(c.PairLast, row.At)
		}
		if row.Network == a.Network && !row.Device && row.At.After(window.Delays) {
			c.Network, c.NetworkLast = c.Network+1, later(c.NetworkLast, row.At)
		}
	}
	if allow(c) {
		m.rows = append(m.rows, a)
	}
	return nil
}

func (m *memoryAttempts) ForgiveAttempts(_ context.Context, a Attempt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := m.rows[:0]
	for _, row := range m.rows {
		if row.Subject != a.Subject || row.Network != a.Network || row.Device != a.Device {
			kept = append(kept, row)
		}
	}
	m.rows = kept
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

var (
	noon         = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	usualLockout = LockoutOf(backoffice.Strictest())
)

type trial struct {
	t        *testing.T
	throttle Throttle
	now      time.Time
	lockout  Lockout
}

func newTrial(t *testing.T) *trial {
	return &trial{t, NewThrottle(&memoryAttempts{}), noon, usualLockout}
}

func (x *trial) attempt(email, network string, device bool) Attempt {
	return Attempt{Subject: Subject(email), Network: Network(network), Device: device, At: x.now}
}

func (x *trial) begin(email, network string, device bool) Verdict {
	x.t.Helper()
	v, err := x.throttle.Begin(context.Background(), x.attempt(email, network, device), x.lockout)
	if err != nil {
		x.t.Fatal(err)
	}
	return v
}

func TestUsualLockout(t *testing.T) {
	if usualLockout != (Lockout{10, 15 * time.Minute}) {
		t.Error(usualLockout)
	}
}

func TestAttack_T49_FiveAttemptsThenDelays(t *testing.T) {
	x := newTrial(t)
	allowed := 0
	for range 30 {
		if v := x.begin("anna@nord.example", "203.0.113.7", false); v.Allowed {
			allowed++
		} else if v.Locked || v.RetryAfter <= 0 {
			t.Errorf("%+v", v)
		}
		x.now = x.now.Add(500 * time.Millisecond)
	}
	if allowed != 5 {
		t.Errorf("%d of 30 were tried", allowed)
	}
	v := x.begin("anna@nord.example", "203.0.113.7", false)
	x.now = x.now.Add(v.RetryAfter)
	if !x.begin("anna@nord.example", "203.0.113.7", false).Allowed {
		t.Error("the wait was not the wait")
	}
	if v := x.begin("anna@nord.example", "203.0.113.7", false); v.RetryAfter != time.Minute {
		t.Errorf("the second wait is twice the first: %+v", v)
	}
}

func TestAttack_T49_AHundredAttemptsFromOneNetwork(t *testing.T) {
	x := newTrial(t)
	for n := range 100 {
		if !x.begin(fmt.Sprintf("user%d@nord.example", n), "2001:db8:1:2:3::4", false).Allowed {
			t.Fatalf("attempt %d", n)
		}
	}
	if x.begin("anna@nord.example", "2001:db8:1:2:ffff::1", false).Allowed {
		t.Error("the same /64 goes on guessing")
	}
	if !x.begin("anna@nord.example", "2001:db8:1:3::1", false).Allowed {
		t.Error("the neighbour pays")
	}
	if !x.begin("anna@nord.example", "2001:db8:1:2::1", true).Allowed {
		t.Error("a known device pays for its network")
	}
}

func TestLockout(t *testing.T) {
	x := newTrial(t)
	networks := 0
	fail := func() Verdict {
		networks++
		return x.begin("anna@nord.example", fmt.Sprintf("203.0.113.%d", networks), false)
	}
	for range 10 {
		if !fail().Allowed {
			t.Fatal("locked early")
		}
		x.now = x.now.Add(time.Second)
	}
	v := fail()
	if v.Allowed || !v.Locked || v.RetryAfter != 15*time.Minute-time.Second {
		t.Errorf("%+v", v)
	}
	// Knocking does not make the lock longer.
	for range 100 {
		x.now = x.now.Add(8 * time.Second)
		fail()
	}
	x.now = noon.Add(9*time.Second + 15*time.Minute)
	if v := fail(); !v.Allowed {
		t.Errorf("locked for ever: %+v", v)
	}
}

func TestAttack_T48_StrangersLockNobodyOut(t *testing.T) {
	x := newTrial(t)
	for n := range 1000 {
		x.begin("anna@nord.example", fmt.Sprintf("198.51.%d.%d", n/250, n%250), false)
		x.now = x.now.Add(time.Second)
	}
	if x.begin("anna@nord.example", "203.0.113.7", false).Allowed {
		t.Error("without a known device the user is locked")
	}
	if v := x.begin("anna@nord.example", "203.0.113.7", true); !v.Allowed {
		t.Errorf("the known device is locked out: %+v", v)
	}
	if v := x.begin("anna@nord.example", "198.51.0.1", true); !v.Allowed {
		t.Errorf("the known device is locked out behind the stranger's address: %+v", v)
	}
	// A stolen device guesses no better than a stranger.
	tried := 0
	for range 1000 {
		if x.begin("anna@nord.example", "203.0.113.7", true).Allowed {
			tried++
		}
		x.now = x.now.Add(time.Second / 2)
	}
	if tried > 10 {
		t.Errorf("%d guesses from a known device", tried)
	}
}

func TestAttack_T33_UnknownAddressesAreCountedAlike(t *testing.T) {
	x, y := newTrial(t), newTrial(t)
	for n := range 30 {
		network := fmt.Sprintf("203.0.113.%d", n%3)
		if a, b := x.begin("anna@nord.example", network, false), y.begin("nobody@nowhere.example", network, false); a != b {
			t.Fatalf("attempt %d: %+v, %+v", n, a, b)
		}
	}
}

func TestAttack_T26_AttemptsCountOnTheCanonicalAddress(t *testing.T) {
	if Subject("Anna@Nord.Example") != Subject(" anna@nord.example ") {
		t.Error("one user, two counters")
	}
	if Subject("anna@nord.example") == Subject("berg@nord.example") || Subject("no address") == Subject("neither") {
		t.Error("two users, one counter")
	}
	if len(Subject(string(make([]byte, 1<<20)))) != 64 {
		t.Error("length")
	}
}

func TestGuessesAtOnceAreCountedOneByOne(t *testing.T) {
	x := newTrial(t)
	var allowed sync.Map
	var all sync.WaitGroup
	for n := range 100 {
		all.Go(func() {
			if x.begin("anna@nord.example", "203.0.113.7", false).Allowed {
				allowed.Store(n, true)
			}
		})
	}
	all.Wait()
	count := 0
	allowed.Range(func(any, any) bool { count++; return true })
	if count != 5 {
		t.Errorf("%d of 100 at once were tried", count)
	}
}

func TestSuccessForgivesOnlyItsOwnPlace(t *testing.T) {
	x := newTrial(t)
	for range 5 {
		x.begin("anna@nord.example", "198.51.100.1", false)
		x.begin("anna@nord.example", "203.0.113.7", false)
	}
	if err := x.throttle.Succeeded(context.Background(), x.attempt("anna@nord.example", "203.0.113.7", false)); err != nil {
		t.Fatal(err)
	}
	if !x.begin("anna@nord.example", "203.0.113.7", false).Allowed {
		t.Error("the user still waits")
	}
	if x.begin("anna@nord.example", "198.51.100.1", false).Allowed {
		t.Error("the stranger gains by it")
	}
}

func TestGuessingIsBoundedWhateverHappens(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		lockout := Lockout{rapid.IntRange(1, 20).Draw(r, "attempts"), time.Duration(rapid.IntRange(1, 60).Draw(r, "minutes")) * time.Minute}
		x := &trial{t, NewThrottle(&memoryAttempts{}), noon, lockout}
		tried, longest := 0, time.Duration(0)
		for x.now.Before(noon.Add(time.Hour)) {
			v := x.begin("anna@nord.example", fmt.Sprintf("203.0.113.%d", rapid.IntRange(0, 40).Draw(r, "network")), false)
			if v.Allowed {
				tried++
			}
			if v.Allowed == (v.RetryAfter > 0) {
				r.Fatalf("%+v", v)
			}
			longest = max(longest, v.RetryAfter)
			x.now = x.now.Add(time.Duration(rapid.IntRange(1, 120).Draw(r, "seconds")) * time.Second)
		}
		// Per lock at most the free attempts, or one when the window still
		// holds earlier ones.
		if limit := lockout.Attempts * (1 + int(time.Hour/max(lockout.For, attemptWindow))) * 2; tried > limit+int(time.Hour/lockout.For) {
			r.Fatalf("%d guesses in an hour under %+v", tried, lockout)
		}
		if longest > max(longestDelay, lockout.For) {
			r.Fatalf("a wait of %s under %+v", longest, lockout)
		}
	})
}

func TestAttack_T95_AClockSetBack(t *testing.T) {
	x := newTrial(t)
	for range 10 {
		x.begin("anna@nord.example", "203.0.113.7", false)
	}
	x.now = x.now.Add(-24 * time.Hour)
	if v := x.begin("anna@nord.example", "203.0.113.7", false); v.RetryAfter > 15*time.Minute {
		t.Errorf("%+v", v)
	}
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.7": "203.0.113.7", "203.0.113.7:4711": "203.0.113.7", "::ffff:203.0.113.7": "203.0.113.7", "[::ffff:203.0.113.7]:80": "203.0.113.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "[2001:db8:1:2::1]:80": "2001:db8:1:2::/64", "[2001:db8:1:2::1]": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "": "unknown", "nonsense": "unknown", "203.0.113.7, 10.0.0.1": "unknown", "@": "unknown",
	} {
		if got := Network(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

func TestFailureWait(t *testing.T) {
	for after, want := range map[time.Duration]time.Duration{
		0: 500 * time.Millisecond, 120 * time.Millisecond: 380 * time.Millisecond, 500 * time.Millisecond: 0, time.Second: 0, -time.Hour: 500 * time.Millisecond,
	} {
		if got := FailureWait(noon, noon.Add(after)); got != want {
			t.Errorf("%s: %s", after, got)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := Wait(ctx, time.Microsecond); err != nil {
		t.Error(err)
	}
	cancel()
	if err := Wait(ctx, time.Hour); err == nil {
		t.Error("waited for a request that is gone")
	}
	if err := Wait(ctx, 0); err == nil {
		t.Error("a request that is gone")
	}
}
