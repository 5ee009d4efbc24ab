package backoffice

import (
	"testing"
	"time"
)

func TestNextStepOfASignIn(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	in := func(id string, status MembershipStatus, disabled bool) Standing {
		return Standing{Account: AccountRef{ID: id}, Status: status, Disabled: disabled}
	}
	one := []Standing{in("nord", Activated, false)}
	two := append(one[:1:1], in("sued", PendingLogin, false))
	forced := Policy{MFAForce: Force, MFAMethods: AuthenticatorApp | Passkey}
	for name, c := range map[string]struct {
		facts SignInFacts
		want  SignInStep
	}{
		"one account":                        {SignInFacts{Method: ByPassword, Accounts: one}, StepEnter},
		"a factor is shown, policy or not":   {SignInFacts{Method: ByPassword, Accounts: one, Factors: AuthenticatorApp}, StepMFA},
		"after the factor":                   {SignInFacts{Method: ByPassword, Accounts: one, Factors: AuthenticatorApp, MFAAt: now}, StepEnter},
		"a link by mail is one factor":       {SignInFacts{Method: ByMagicLink, Accounts: one, Factors: AuthenticatorApp}, StepMFA},
		"a passkey is two":                   {SignInFacts{Method: ByPasskey, Accounts: one, Factors: Passkey, Policy: forced}, StepEnter},
		"forced without a factor":            {SignInFacts{Method: ByPassword, Accounts: one, Policy: forced}, StepEnrol},
		"forced and chosen without factor":   {SignInFacts{Method: ByPassword, Accounts: two, Policy: forced, Chosen: "nord"}, StepEnrol},
		"forced, factor shown, to choose":    {SignInFacts{Method: ByPassword, Accounts: two, Policy: forced, Factors: AuthenticatorApp, MFAAt: now}, StepChoose},
		"forced to what they have not":       {SignInFacts{Method: ByPassword, Accounts: one, Policy: Policy{MFAForce: Force, MFAMethods: Passkey}, Factors: AuthenticatorApp}, StepMFA},
		"and after what they have":           {SignInFacts{Method: ByPassword, Accounts: one, Policy: Policy{MFAForce: Force, MFAMethods: Passkey}, Factors: AuthenticatorApp, MFAAt: now}, StepEnrol},
		"several accounts":                   {SignInFacts{Method: ByPassword, Accounts: two}, StepChoose},
		"one chosen":                         {SignInFacts{Method: ByPassword, Accounts: two, Chosen: "sued"}, StepEnter},
		"somebody else's chosen":             {SignInFacts{Method: ByPassword, Accounts: two, Chosen: "west"}, StepChoose},
		"the only one, but another chosen":   {SignInFacts{Method: ByPassword, Accounts: one, Chosen: "west"}, StepChoose},
		"switched off in the only one":       {SignInFacts{Method: ByPassword, Accounts: []Standing{in("nord", Activated, true)}}, StepNone},
		"not verified yet":                   {SignInFacts{Method: ByPassword, Accounts: []Standing{in("nord", NotActive, false)}}, StepVerify},
		"not verified, switched off":         {SignInFacts{Method: ByPassword, Accounts: []Standing{in("nord", NotActive, true)}}, StepNone},
		"no account at all":                  {SignInFacts{Method: ByPassword}, StepNone},
		"a factor comes before no account":   {SignInFacts{Method: ByPassword, Factors: Passkey}, StepMFA},
		"switched off among two: one left":   {SignInFacts{Method: ByPassword, Accounts: append(one[:1:1], in("sued", Activated, true))}, StepEnter},
		"chosen, but switched off meanwhile": {SignInFacts{Method: ByPassword, Accounts: append(two[:2:2], in("west", Activated, true)), Chosen: "west"}, StepChoose},
	} {
		if got := NextStep(c.facts); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestSessionRunsByThePolicyInForceNow(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	s := SignedInUser{UserSession: UserSession{CreatedAt: now.Add(-2 * time.Hour), SeenAt: now.Add(-10 * time.Minute)},
		Standing: Standing{Status: Activated}, Policy: Policy{IdleMinutes: 11, AbsoluteMinutes: 121}}
	if !s.Runs(now) {
		t.Fatal("it should run")
	}
	if s.Runs(now.Add(time.Minute)) {
		t.Error("idle for as long as the policy allows, and runs")
	}
	stricter := s
	stricter.Policy.IdleMinutes = 10
	if stricter.Runs(now) {
		t.Error("a stricter idle timeout does not hold for a running session")
	}
	old := s
	old.Policy.AbsoluteMinutes = 120
	if old.Runs(now) {
		t.Error("older than the policy allows, and runs")
	}
	forced := s
	forced.Policy.MFAForce = Force
	if forced.Runs(now) {
		t.Error("a second factor came to be forced, and the session without one runs")
	}
	if forced.MFAAt = now.Add(-2 * time.Hour); !forced.Runs(now) {
		t.Error("the session with a second factor does not run")
	}
	locked := s
	locked.User.Locked = true
	off := s
	off.Standing.Disabled = true
	if locked.Runs(now) || off.Runs(now) {
		t.Error("a lock or a switch does not end a session")
	}
}
