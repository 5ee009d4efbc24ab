package backoffice

// The complexity of a password has two fields in the form.
const (
	FieldMinLength = "min_length"
	FieldClasses   = "classes"
)

// Validate says what an account may not save: numbers out of range, and
// settings looser than what it inherits, each with the limit and where that
// comes from. A complexity is never too loose, because demands add up.
// inherited is what Resolve gives for the account without rules of its own.
// The keys of the problems are those of the settings, and FieldMinLength and
// FieldClasses. To say why a choice is disabled, validate rules that hold
// that choice alone.
func Validate(rules PolicyRules, inherited InForce) Problems {
	problems := validateRanges(rules)
	for _, l := range levers {
		key := string(l.setting)
		if l.setting == SettingComplexity || !l.isSet(rules) || problems[key] != "" {
			continue
		}
		var own, above, joined Policy
		l.put(&own, rules)
		l.copy(&above, inherited.Policy)
		joined = own
		l.join(&joined, above)
		if joined != own {
			problems[key] = looserSentence(l.setting, above, inherited.Setting(l.setting).From[0])
		}
	}
	if rules.MFAMethods.Set && problems[string(SettingMFAMethods)] == "" && !inherited.MFAMethods.Has(rules.MFAMethods.V) {
		problems[string(SettingMFAMethods)] = looserSentence(SettingMFAMethods, inherited.Policy, inherited.Setting(SettingMFAMethods).From[0])
	}
	forces := rules.MFAForce.Set && rules.MFAForce.V > DontForce
	if forces && !rules.MFAEnabled.Or(inherited.MFAEnabled) && problems[string(SettingMFAForce)] == "" {
		problems[string(SettingMFAForce)] = "Enable MFA as well: forcing it requires that."
	}
	return problems
}

// ValidateEnvironment says what the environment may not save: it has nothing
// above it, so that only ranges and "forcing requires it enabled" count.
func ValidateEnvironment(rules PolicyRules) Problems {
	problems := validateRanges(rules)
	defaults := DefaultEnvironmentPolicy()
	if rules.MFAForce.Or(defaults.MFAForce.V) > DontForce && !rules.MFAEnabled.Or(defaults.MFAEnabled.V) && problems[string(SettingMFAForce)] == "" {
		problems[string(SettingMFAForce)] = "Enable MFA as well: forcing it requires that."
	}
	return problems
}

func validateRanges(rules PolicyRules) Problems {
	problems := Problems{}
	within := func(s Setting, value Optional[int], low, high int, sentence string) {
		if value.Set && (value.V < low || value.V > high) {
			problems[string(s)] = sentence
		}
	}
	if c := rules.Complexity; c.Set {
		if c.V.MinLength < MinPasswordLength || c.V.MinLength > MaxPasswordLength {
			problems[FieldMinLength] = "Between 6 and 128 characters."
		}
		if c.V.Classes&^AllClasses != 0 {
			problems[FieldClasses] = "Choose among upper, lower, digit and special."
		}
	}
	if f := rules.MFAForce; f.Set && (f.V < DontForce || f.V > Force) {
		problems[string(SettingMFAForce)] = "Choose one of the three."
	}
	if m := rules.MFAMethods; m.Set && (m.V == 0 || m.V&^allMFAMethods != 0) {
		problems[string(SettingMFAMethods)] = "Offer at least one method: authenticator app, passkey."
	}
	within(SettingRememberDays, rules.RememberDays, 0, MaxRememberDays, "Off, or between 1 and 90 days.")
	within(SettingIdleMinutes, rules.IdleMinutes, 1, MaxIdleMinutes, "Between 1 minute and 24 days.")
	within(SettingAbsoluteMinutes, rules.AbsoluteMinutes, 1, MaxAbsoluteMinutes, "Between 1 minute and 365 days.")
	within(SettingMaxSessions, rules.MaxSessions, 0, MaxMaxSessions, "No limit, or between 1 and 1,000 sessions.")
	within(SettingLockoutAttempts, rules.LockoutAttempts, 1, MaxLockoutAttempts, "Between 1 and 100 attempts.")
	within(SettingLockoutMinutes, rules.LockoutMinutes, 1, MaxLockoutMinutes, "Between 1 minute and 24 hours.")
	within(SettingHistory, rules.History, 0, MaxHistory, "Between 0 and 10 passwords.")
	return problems
}

func looserSentence(s Setting, above Policy, from Origin) string {
	limit := ": " + from.limit()
	switch s {
	case SettingMFAEnabled:
		return "MFA stays enabled" + limit
	case SettingMFAForce:
		if above.MFAForce == ForceExceptSSO {
			return "Force or Force except SSO" + limit
		}
		return "Force" + limit
	case SettingMFAMethods:
		return "Only " + lowerFirst(above.MFAMethods.String()) + limit
	case SettingRememberDays:
		if above.RememberDays == 0 {
			return "Devices are not remembered" + limit
		}
		return "At most " + showRemember(above.RememberDays) + limit
	case SettingIdleMinutes:
		return "At most " + FormatMinutes(above.IdleMinutes) + limit
	case SettingAbsoluteMinutes:
		return "At most " + FormatMinutes(above.AbsoluteMinutes) + limit
	case SettingMaxSessions:
		return "At most " + showSessions(above.MaxSessions) + limit
	case SettingLockoutAttempts:
		return "At most " + counted(above.LockoutAttempts, "attempt") + limit
	case SettingLockoutMinutes:
		return "At least " + FormatMinutes(above.LockoutMinutes) + limit
	case SettingHistory:
		return "At least " + counted(above.History, "password") + limit
	}
	return "Looser than what holds above" + limit
}
