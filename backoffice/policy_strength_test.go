package backoffice

import (
	"testing"

	"pgregory.net/rapid"
)

func TestStrengthIsFromNothingToAHundred(t *testing.T) {
	loosest := Policy{Complexity: Complexity{MinLength: MinPasswordLength}, MFAForce: DontForce, MFAMethods: AuthenticatorApp | Passkey, RememberDays: MaxRememberDays,
		IdleMinutes: MaxIdleMinutes, AbsoluteMinutes: MaxAbsoluteMinutes, LockoutAttempts: MaxLockoutAttempts, LockoutMinutes: 1}
	strictest := Policy{Complexity: Complexity{MaxPasswordLength, AllClasses}, MFAEnabled: true, MFAForce: Force, MFAMethods: Passkey,
		IdleMinutes: 1, AbsoluteMinutes: 1, MaxSessions: 1, LockoutAttempts: 1, LockoutMinutes: MaxLockoutMinutes, History: MaxHistory}
	usual := Resolve(DefaultEnvironmentPolicy(), nil, NamedRules{}).Policy
	forced := usual
	forced.MFAForce = Force
	for _, c := range []struct {
		what string
		p    Policy
		want int
	}{{"loosest", loosest, 0}, {"default", usual, 39}, {"default, MFA forced", forced, 69}, {"strictest", strictest, 100}} {
		if got := c.p.Strength(); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}

// What is stricter in any setting is never weaker on the scale.
func TestStrengthGrowsWithStrictness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawPolicy(t, "a"), drawPolicy(t, "b")
		joined := Strictest(a, b).Strength()
		if joined < a.Strength() || joined < b.Strength() || joined > 100 || a.Strength() < 0 {
			t.Fatalf("%d of %d and %d", joined, a.Strength(), b.Strength())
		}
	})
}
