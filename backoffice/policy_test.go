package backoffice

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawPolicy(t *rapid.T, name string) Policy {
	p := Policy{
		Complexity:      Complexity{rapid.IntRange(6, 128).Draw(t, name+" length"), Classes(rapid.IntRange(0, 15).Draw(t, name+" classes"))},
		MFAEnabled:      rapid.Bool().Draw(t, name+" enabled"),
		MFAForce:        MFAForce(rapid.IntRange(1, 3).Draw(t, name+" force")),
		MFAMethods:      MFAMethods(rapid.IntRange(1, 3).Draw(t, name+" methods")),
		RememberDays:    rapid.IntRange(0, 90).Draw(t, name+" days"),
		IdleMinutes:     rapid.IntRange(1, MaxIdleMinutes).Draw(t, name+" idle"),
		AbsoluteMinutes: rapid.IntRange(1, MaxAbsoluteMinutes).Draw(t, name+" absolute"),
		MaxSessions:     rapid.IntRange(0, 5).Draw(t, name+" sessions"),
		LockoutAttempts: rapid.IntRange(1, 100).Draw(t, name+" attempts"),
		LockoutMinutes:  rapid.IntRange(1, 1440).Draw(t, name+" lockout"),
		History:         rapid.IntRange(0, 10).Draw(t, name+" history"),
	}
	p.MFAEnabled = p.MFAEnabled || p.MFAForce > DontForce
	return p
}

func drawRules(t *rapid.T, name string) PolicyRules {
	rules := drawPolicy(t, name).Rules()
	for _, s := range Settings() {
		if rapid.Bool().Draw(t, name+" inherits "+string(s)) {
			rules = rules.Reset(s)
		}
	}
	return rules
}

func drawAccount(t *rapid.T, name string) NamedRules {
	return NamedRules{ID: name, Name: strings.ToUpper(name), Rules: drawRules(t, name)}
}

func TestStrictestIsAJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawPolicy(t, "a"), drawPolicy(t, "b"), drawPolicy(t, "c")
		if Strictest(a) != a || Strictest(a, a) != a {
			t.Fatalf("not idempotent: %+v", a)
		}
		if Strictest(a, b) != Strictest(b, a) {
			t.Fatalf("not commutative: %+v, %+v", a, b)
		}
		if Strictest(a, Strictest(b, c)) != Strictest(Strictest(a, b), c) || Strictest(a, b, c) != Strictest(c, a, b) {
			t.Fatalf("not associative: %+v, %+v, %+v", a, b, c)
		}
		all := Strictest(a, b, c)
		for _, p := range []Policy{a, b, c} {
			if looser := all.Looser(p); looser != nil {
				t.Fatalf("looser than one of its parts in %v: %+v", looser, all)
			}
		}
		if all.MFAMethods == 0 || all.MFAForce > DontForce && !all.MFAEnabled {
			t.Fatalf("nobody can meet %+v", all)
		}
	})
}

func TestStrictestSettingBySetting(t *testing.T) {
	a := Policy{Complexity{15, 0}, true, DontForce, AuthenticatorApp, 0, 720, 10080, 0, 10, 15, 0}
	b := Policy{Complexity{8, AllClasses}, true, ForceExceptSSO, Passkey, 14, 60, 20000, 3, 5, 10, 5}
	want := Policy{Complexity{15, AllClasses}, true, ForceExceptSSO, Passkey, 0, 60, 10080, 3, 5, 15, 5}
	if got := Strictest(a, b); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := Strictest(); got.Rules() != DefaultEnvironmentPolicy() {
		t.Errorf("without accounts: %+v", got)
	}
}

func TestResolveIsNeverLooserThanWhatStandsAbove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		environment, account := drawRules(t, "env"), drawAccount(t, "own")
		ancestors := []NamedRules{drawAccount(t, "top"), drawAccount(t, "middle")}
		inForce := Resolve(environment, ancestors, account)
		above := Resolve(environment, ancestors, NamedRules{})
		for _, p := range []Policy{
			Resolve(environment, nil, NamedRules{}).Policy,
			Resolve(environment, ancestors[:1], NamedRules{}).Policy,
			above.Policy,
			Resolve(environment, nil, account).Policy,
		} {
			if looser := inForce.Looser(p); looser != nil {
				t.Fatalf("%v looser than above", looser)
			}
		}
		if len(inForce.Settings) != len(Settings()) {
			t.Fatalf("%d settings explained", len(inForce.Settings))
		}
		for _, s := range inForce.Settings {
			if s.Value != inForce.Show(s.Setting) || len(s.From) == 0 || s.Own != account.Rules.IsSet(s.Setting) {
				t.Fatalf("%+v does not explain %s", s, inForce.Show(s.Setting))
			}
			for _, o := range s.From {
				if o.Kind == FromAccount && !s.Own && s.Setting != SettingMFAEnabled {
					t.Fatalf("%+v comes from an account that did not set it", s)
				}
			}
		}
		// What may be saved is what then holds, complexity and the switch
		// that forcing brings along apart.
		if len(Validate(account.Rules, above)) == 0 {
			for _, s := range Settings() {
				if s == SettingComplexity || !account.Rules.IsSet(s) {
					continue
				}
				if got, want := inForce.Show(s), account.Rules.Show(s); got != want {
					t.Fatalf("%s: saved %q, in force %q", s, want, got)
				}
			}
		}
	})
}

func TestEnvironmentMadeStricterWinsOverOlderRows(t *testing.T) {
	account := NamedRules{ID: "nord", Name: "Nord Textiles", Rules: PolicyRules{
		IdleMinutes: Some(600), MFAForce: Some(DontForce), MFAEnabled: Some(false), MaxSessions: Some(0),
		Complexity: Some(Easy.Complexity()), RememberDays: Some(30), History: Some(1),
	}}
	environment := DefaultEnvironmentPolicy()
	environment.IdleMinutes = Some(480)
	environment.MFAForce = Some(Force)
	environment.MaxSessions = Some(3)
	environment.RememberDays = Some(0)
	environment.History = Some(5)
	got := Resolve(environment, nil, account)
	if got.Policy.Rules() != environment {
		t.Errorf("in force: %+v", got.Policy)
	}
	idle := got.Setting(SettingIdleMinutes)
	if idle.FromText() != "environment" || idle.OverridesText() != "this account: 10 hours" || !idle.Own || idle.Value != "8 hours" {
		t.Errorf("idle timeout: %+v", idle)
	}
}

func TestProvenance(t *testing.T) {
	environment := DefaultEnvironmentPolicy()
	environment.MFAEnabled = Some(false)
	top := NamedRules{"group", "Nord Group", PolicyRules{IdleMinutes: Some(240), History: Some(3), MFAForce: Some(ForceExceptSSO)}}
	own := NamedRules{"nord", "Nord Textiles", PolicyRules{History: Some(5), IdleMinutes: Some(240), Complexity: Some(Medium.Complexity())}}
	got := Resolve(environment, []NamedRules{top}, own)
	for _, c := range []struct {
		setting          Setting
		value, from, ovr string
		own              bool
	}{
		{SettingComplexity, "At least 15 with upper, lower, digit and special", "environment and this account", "", true},
		{SettingMFAEnabled, "On", "ancestor Nord Group", "environment: off", false},
		{SettingMFAForce, "Force except SSO", "ancestor Nord Group", "environment: don’t force", false},
		{SettingIdleMinutes, "4 hours", "ancestor Nord Group", "environment: 12 hours", true},
		{SettingHistory, "Last 5", "this account", "environment: off; ancestor Nord Group: last 3", true},
		{SettingMaxSessions, "No limit", "environment", "", false},
		{SettingAbsoluteMinutes, "7 days", "environment", "", false},
		{SettingLockoutAttempts, "10 attempts", "environment", "", false},
	} {
		s := got.Setting(c.setting)
		if s.Value != c.value || s.FromText() != c.from || s.OverridesText() != c.ovr || s.Own != c.own {
			t.Errorf("%s: %q from %q over %q (own %v), want %+v", c.setting, s.Value, s.FromText(), s.OverridesText(), s.Own, c)
		}
	}
}

func TestValidateRefusesLooserWithTheReason(t *testing.T) {
	environment := Policy{Complexity{15, 0}, true, ForceExceptSSO, AuthenticatorApp, 14, 480, 1440, 3, 10, 15, 5}.Rules()
	group := NamedRules{"group", "Nord Group", PolicyRules{LockoutAttempts: Some(5), RememberDays: Some(0)}}
	inherited := Resolve(environment, []NamedRules{group}, NamedRules{})
	for _, c := range []struct {
		rules PolicyRules
		field string
		want  string
	}{
		{PolicyRules{}, "", ""},
		{environment.Reset(SettingLockoutAttempts).Reset(SettingRememberDays), "", ""},
		{PolicyRules{Complexity: Some(Easy.Complexity())}, "", ""},
		{PolicyRules{MFAForce: Some(Force)}, "", ""},
		{PolicyRules{IdleMinutes: Some(720)}, "idle_minutes", "At most 8 hours: the environment sets that limit."},
		{PolicyRules{AbsoluteMinutes: Some(1441)}, "absolute_minutes", "At most 1 day: the environment sets that limit."},
		{PolicyRules{MaxSessions: Some(0)}, "max_sessions", "At most 3 sessions: the environment sets that limit."},
		{PolicyRules{MaxSessions: Some(4)}, "max_sessions", "At most 3 sessions: the environment sets that limit."},
		{PolicyRules{LockoutAttempts: Some(6)}, "lockout_attempts", "At most 5 attempts: the account Nord Group sets that limit."},
		{PolicyRules{LockoutMinutes: Some(14)}, "lockout_minutes", "At least 15 minutes: the environment sets that limit."},
		{PolicyRules{History: Some(4)}, "history", "At least 5 passwords: the environment sets that limit."},
		{PolicyRules{RememberDays: Some(1)}, "remember_days", "Devices are not remembered: the account Nord Group sets that limit."},
		{PolicyRules{MFAEnabled: Some(false)}, "mfa_enabled", "MFA stays enabled: the environment sets that limit."},
		{PolicyRules{MFAForce: Some(DontForce)}, "mfa_force", "Force or Force except SSO: the environment sets that limit."},
		{PolicyRules{MFAMethods: Some(AuthenticatorApp | Passkey)}, "mfa_methods", "Only authenticator app: the environment sets that limit."},
		{PolicyRules{MFAMethods: Some(Passkey)}, "mfa_methods", "Only authenticator app: the environment sets that limit."},
		{PolicyRules{IdleMinutes: Some(0)}, "idle_minutes", "Between 1 minute and 24 days."},
		{PolicyRules{IdleMinutes: Some(MaxIdleMinutes + 1)}, "idle_minutes", "Between 1 minute and 24 days."},
		{PolicyRules{AbsoluteMinutes: Some(MaxAbsoluteMinutes + 1)}, "absolute_minutes", "Between 1 minute and 365 days."},
		{PolicyRules{MaxSessions: Some(-1)}, "max_sessions", "No limit, or between 1 and 1,000 sessions."},
		{PolicyRules{LockoutAttempts: Some(0)}, "lockout_attempts", "Between 1 and 100 attempts."},
		{PolicyRules{LockoutMinutes: Some(1441)}, "lockout_minutes", "Between 1 minute and 24 hours."},
		{PolicyRules{History: Some(11)}, "history", "Between 0 and 10 passwords."},
		{PolicyRules{RememberDays: Some(91)}, "remember_days", "Off, or between 1 and 90 days."},
		{PolicyRules{Complexity: Some(Complexity{5, 0})}, "min_length", "Between 6 and 128 characters."},
		{PolicyRules{Complexity: Some(Complexity{129, 0})}, "min_length", "Between 6 and 128 characters."},
		{PolicyRules{Complexity: Some(Complexity{8, 16})}, "classes", "Choose among upper, lower, digit and special."},
		{PolicyRules{MFAForce: Some(MFAForce(0))}, "mfa_force", "Choose one of the three."},
		{PolicyRules{MFAMethods: Some(MFAMethods(0))}, "mfa_methods", "Offer at least one method: authenticator app, passkey."},
	} {
		problems := Validate(c.rules, inherited)
		if c.field == "" && len(problems) == 0 {
			continue
		}
		if len(problems) != 1 || problems[c.field] != c.want {
			t.Errorf("%+v: %v, want %s: %q", c.rules, problems, c.field, c.want)
		}
	}
}

func TestForcingRequiresMFAEnabled(t *testing.T) {
	environment := DefaultEnvironmentPolicy()
	environment.MFAEnabled = Some(false)
	inherited := Resolve(environment, nil, NamedRules{})
	if p := Validate(PolicyRules{MFAForce: Some(Force)}, inherited); p["mfa_force"] == "" {
		t.Error("forced what nobody can enrol in")
	}
	if p := Validate(PolicyRules{MFAForce: Some(Force), MFAEnabled: Some(true)}, inherited); len(p) != 0 {
		t.Errorf("refused: %v", p)
	}
	environment.MFAForce = Some(Force)
	if p := ValidateEnvironment(environment); p["mfa_force"] == "" {
		t.Error("the environment forced what nobody can enrol in")
	}
	if p := ValidateEnvironment(DefaultEnvironmentPolicy()); len(p) != 0 {
		t.Errorf("the default is refused: %v", p)
	}
	if p := ValidateEnvironment(PolicyRules{MaxSessions: Some(2000)}); p["max_sessions"] == "" {
		t.Error("ranges hold for the environment too")
	}
}

func TestLevelsNamePairs(t *testing.T) {
	for _, level := range Levels {
		if level != Custom && level.Complexity().Level() != level {
			t.Errorf("%s is not its own name", level)
		}
	}
	if (Complexity{9, 0}).Level() != Custom || Custom.Complexity() != (Complexity{}) {
		t.Error("Custom")
	}
	if got := Passphrase.Complexity().Result(); got != "15 to 128 characters, no character three times in a row, not a common password, not containing the e-mail." {
		t.Error(got)
	}
	if got := Hard.Complexity().Result(); got != "10 to 128 characters with upper, lower, digit and special, no character three times in a row, not a common password, not containing the e-mail." {
		t.Error(got)
	}
	if Hard.Hint() != "At least 10 with upper, lower, digit and special" || Easy.Hint() != "At least 6 characters" || Hard.Label() != "Hard" {
		t.Error(Hard.Hint(), Easy.Hint())
	}
}

func TestHeldToKeepsSessionLimitsOfTheAccount(t *testing.T) {
	a := DefaultEnvironmentPolicy()
	b := a
	b.IdleMinutes, b.MaxSessions, b.AbsoluteMinutes, b.History, b.MFAForce = Some(5), Some(1), Some(60), Some(4), Some(Force)
	session := Resolve(a, nil, NamedRules{}).Policy
	held := HeldTo(session, Resolve(b, nil, NamedRules{}).Policy)
	if held.IdleMinutes != 720 || held.MaxSessions != 0 || held.AbsoluteMinutes != 10080 || held.History != 4 || held.MFAForce != Force {
		t.Errorf("%+v", held)
	}
}

func TestMinutes(t *testing.T) {
	for n, want := range map[int]string{1: "1 minute", 15: "15 minutes", 60: "1 hour", 90: "1 hour 30 minutes", 720: "12 hours", 1440: "1 day", 10080: "7 days", 1500: "1 day 1 hour", 0: "0 minutes"} {
		if got := FormatMinutes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, MaxAbsoluteMinutes).Draw(t, "minutes")
		amount, unit := SplitMinutes(n)
		if back, ok := unit.Minutes(amount); !ok || back != n {
			t.Fatalf("%d became %d %s", n, amount, unit)
		}
	})
	if _, ok := TimeUnit("years").Minutes(1); ok {
		t.Error("years")
	}
	if _, ok := UnitDays.Minutes(1 << 62); ok {
		t.Error("overflow")
	}
}

func TestPolicyRulesSurviveJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := drawRules(t, "rules")
		text, err := json.Marshal(rules)
		if err != nil {
			t.Fatal(err)
		}
		var back PolicyRules
		if err := json.Unmarshal(text, &back); err != nil || back != rules {
			t.Fatalf("%s: %v", text, err)
		}
	})
}

func TestTouched(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	before := Resolve(DefaultEnvironmentPolicy(), nil, NamedRules{}).Policy
	after := before
	after.MFAForce, after.MaxSessions, after.MFAMethods = ForceExceptSSO, 2, AuthenticatorApp
	strict := Strictest(before, after)
	session := func(signedIn, seen time.Duration) PolicySession {
		return PolicySession{User: 7, Account: 1, SignedInAt: now.Add(-signedIn), SeenAt: now.Add(-seen), MFA: true, Held: PolicyShift{before, after}}
	}
	preview := Touched(PolicyChange{
		Before: before, After: after, SubAccounts: 3, Now: now,
		Users: []PolicyUser{
			{},
			{Enrolled: AuthenticatorApp},
			{Enrolled: Passkey},
			{SSO: true},
			{Elsewhere: []Policy{strict}},
			{Elsewhere: []Policy{before}},
			{Enrolled: AuthenticatorApp},
		},
		Sessions: []PolicySession{
			session(time.Hour, time.Minute), session(2*time.Hour, 0), session(3*time.Hour, 0),
			session(20*time.Hour, 13*time.Hour), session(8*24*time.Hour, time.Minute),
		},
	})
	if preview.MustEnrol != 3 || preview.SessionsEnd != 1 || preview.SubAccounts != 3 {
		t.Errorf("%+v", preview)
	}
	lines := preview.Lines()
	if lines[0].Text != "users must enrol in MFA at their next sign-in" || lines[1].Text != "running session ends at once, because each user may keep 2" {
		t.Errorf("%+v", lines)
	}

	// Each account has its own limits, and what MFA is forced by ends sessions
	// elsewhere; each is counted where it runs.
	inBoth := func(user, account int64, mfa bool, after Policy) PolicySession {
		return PolicySession{User: user, Account: account, SignedInAt: now.Add(-time.Hour), SeenAt: now.Add(-time.Hour), MFA: mfa, Held: PolicyShift{before, after}}
	}
	short, shorter, forced := before, before, before
	short.IdleMinutes, shorter.IdleMinutes, forced.MFAForce = 60, 30, Force
	for want, sessions := range map[string][]PolicySession{
		"0 running sessions end at once":                                             {inBoth(1, 1, true, before), inBoth(1, 2, false, before), inBoth(1, 3, true, forced)},
		"2 running sessions end at once, because the idle timeout is 1 hour":         {inBoth(1, 1, true, short), inBoth(2, 1, true, short), inBoth(2, 2, true, before)},
		"2 running sessions end at once":                                             {inBoth(1, 1, true, short), inBoth(1, 2, true, shorter)},
		"1 running session ends at once, because no second factor was shown in them": {inBoth(1, 1, false, forced), inBoth(1, 2, true, forced)},
		"3 running sessions end at once":                                             {inBoth(1, 1, false, forced), inBoth(1, 2, true, short), inBoth(2, 2, true, short)},
	} {
		line := Touched(PolicyChange{Before: before, After: after, Now: now, Sessions: sessions}).Lines()[1]
		if got := number(line.Count) + " " + line.Text; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}

	// Session limits of another account do not hold here, so a user is held
	// already only where the rest is stricter elsewhere.
	after = before
	after.MFAForce = ForceExceptSSO
	preview = Touched(PolicyChange{Before: before, After: after, Now: now, Users: []PolicyUser{{Elsewhere: []Policy{strict}}, {Elsewhere: []Policy{before}}, {}}})
	if preview.HeldAlready != 1 || preview.MustEnrol != 2 {
		t.Errorf("%+v", preview)
	}
	if preview := Touched(PolicyChange{Before: before, After: before, Users: []PolicyUser{{Elsewhere: []Policy{strict}}}, Now: now}); preview != (Preview{}) {
		t.Errorf("no change touches nobody: %+v", preview)
	}
}
