package backoffice

import "math/bits"

// Strength is how strict the policy is, from 0 to 100: a scale for comparing
// accounts at a glance, not a promise of safety. It never falls when a setting
// is made stricter, in the sense of Policy, and a second factor weighs most.
// The steps follow NIST SP 800-63B: section 3.1.1 for passwords (the length
// counts, 15 characters suffice; demanded classes hardly help), 2.1.3, 2.2.3
// and 2.3.3 for sessions (30 days; 24 hours and an hour idle; 12 hours and 15
// minutes idle), 3.2.2 for lockout (at most 100 attempts), and 3.2.5 for
// passkeys, which cannot be phished. The weights are ours:
//
//	40 second factor: 5 enabled, 20 or 30 forced, 2 or 5 for what it offers
//	25 password: 2 for each character from 7 to 16, 5 for all the classes
//	20 sessions: 8 idle, 8 new sign-in, 4 sessions at once
//	10 lockout: 5 attempts, 5 minutes
//	 3 remembered devices
//	 2 password history
func (p Policy) Strength() int {
	n := 0
	if p.MFAEnabled {
		n += 5
	}
	switch p.MFAForce {
	case ForceExceptSSO:
		n += 20
	case Force:
		n += 30
	}
	switch p.MFAMethods & allMFAMethods {
	case AuthenticatorApp:
		n += 2
	case Passkey:
		n += 5
	}
	n += 2 * min(max(p.Complexity.MinLength-MinPasswordLength, 0), 10)
	classes := bits.OnesCount(uint(p.Complexity.Classes & AllClasses))
	n += classes
	if classes == 4 {
		n++
	}
	const hour, day = 60, 24 * 60
	n += atMost(p.IdleMinutes, []int{15, hour, 12 * hour, 7 * day}, 8, 2)
	n += atMost(p.AbsoluteMinutes, []int{12 * hour, day, 7 * day, 30 * day}, 8, 2)
	if p.MaxSessions > 0 {
		n += max(atMost(p.MaxSessions, []int{1, 3, 10}, 4, 1), 1)
	}
	n += atMost(p.LockoutAttempts, []int{5, 10, 20, 50, 99}, 5, 1)
	n += 5 - atMost(p.LockoutMinutes, []int{1, 4, 14, 29, 59}, 5, 1)
	n += atMost(p.RememberDays, []int{0, 7, 30}, 3, 1)
	n += min((p.History+3)/4, 2)
	return n
}

// atMost gives full points for a value up to the first step, and fall points
// less for each further step; none beyond the last.
func atMost(value int, steps []int, full, fall int) int {
	for i, step := range steps {
		if value <= step {
			return full - i*fall
		}
	}
	return 0
}
