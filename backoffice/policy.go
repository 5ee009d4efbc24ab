package backoffice

import (
	"slices"
	"strings"
)

// Setting names one setting of a security policy: the key of its problem, of
// its field in the form, and of its column (product.md, section 3).
type Setting string

const (
	SettingComplexity      Setting = "complexity"
	SettingMFAEnabled      Setting = "mfa_enabled"
	SettingMFAForce        Setting = "mfa_force"
	SettingMFAMethods      Setting = "mfa_methods"
	SettingRememberDays    Setting = "remember_days"
	SettingIdleMinutes     Setting = "idle_minutes"
	SettingAbsoluteMinutes Setting = "absolute_minutes"
	SettingMaxSessions     Setting = "max_sessions"
	SettingLockoutAttempts Setting = "lockout_attempts"
	SettingLockoutMinutes  Setting = "lockout_minutes"
	SettingHistory         Setting = "history"
)

// Ranges of the settings. A minute is the unit of every duration.
const (
	MinPasswordLength = 6
	MaxPasswordLength = 128

	MaxRememberDays    = 90
	MaxIdleMinutes     = 24 * 24 * 60
	MaxAbsoluteMinutes = 365 * 24 * 60
	// product.md names no end for the number of sessions; this one keeps
	// typing errors out.
	MaxMaxSessions     = 1000
	MaxLockoutAttempts = 100
	MaxLockoutMinutes  = 24 * 60
	MaxHistory         = 10
)

// Sessions of staff do not follow the policies of accounts.
const (
	StaffIdleMinutes     = 30
	StaffAbsoluteMinutes = 12 * 60
)

// Policy is what is demanded, every setting in force.
//
// What counts as stricter, setting by setting:
//   - Complexity: demands add up, the greatest length and all the classes.
//   - MFAEnabled: on, since an account that wants its users to be able to
//     enrol must not be undone by one that does not care.
//   - MFAForce: Force before Force except SSO before Don't force.
//   - MFAMethods: what all offer; where nothing would remain, passkey, the
//     one of the two that cannot be phished. So some method always remains.
//   - RememberDays: fewer; 0 is off, the strictest.
//   - IdleMinutes, AbsoluteMinutes: fewer.
//   - MaxSessions: fewer; 0 is no limit, the loosest.
//   - LockoutAttempts: fewer. LockoutMinutes: more.
//   - History: more.
type Policy struct {
	Complexity      Complexity `json:"complexity"`
	MFAEnabled      bool       `json:"mfa_enabled"`
	MFAForce        MFAForce   `json:"mfa_force"`
	MFAMethods      MFAMethods `json:"mfa_methods"`
	RememberDays    int        `json:"remember_days"`
	IdleMinutes     int        `json:"idle_minutes"`
	AbsoluteMinutes int        `json:"absolute_minutes"`
	MaxSessions     int        `json:"max_sessions"`
	LockoutAttempts int        `json:"lockout_attempts"`
	LockoutMinutes  int        `json:"lockout_minutes"`
	History         int        `json:"history"`
}

// PolicyRules is what one place, the environment or an account, has laid
// down itself. What is not set is inherited. Two PolicyRules are equal when
// they say the same.
type PolicyRules struct {
	Complexity      Optional[Complexity] `json:"complexity"`
	MFAEnabled      Optional[bool]       `json:"mfa_enabled"`
	MFAForce        Optional[MFAForce]   `json:"mfa_force"`
	MFAMethods      Optional[MFAMethods] `json:"mfa_methods"`
	RememberDays    Optional[int]        `json:"remember_days"`
	IdleMinutes     Optional[int]        `json:"idle_minutes"`
	AbsoluteMinutes Optional[int]        `json:"absolute_minutes"`
	MaxSessions     Optional[int]        `json:"max_sessions"`
	LockoutAttempts Optional[int]        `json:"lockout_attempts"`
	LockoutMinutes  Optional[int]        `json:"lockout_minutes"`
	History         Optional[int]        `json:"history"`
}

// DefaultEnvironmentPolicy is what a new installation demands, every setting
// set.
func DefaultEnvironmentPolicy() PolicyRules {
	return PolicyRules{
		Complexity:      Some(Passphrase.Complexity()),
		MFAEnabled:      Some(true),
		MFAForce:        Some(DontForce),
		MFAMethods:      Some(AuthenticatorApp | Passkey),
		RememberDays:    Some(14),
		IdleMinutes:     Some(12 * 60),
		AbsoluteMinutes: Some(7 * 24 * 60),
		MaxSessions:     Some(0),
		LockoutAttempts: Some(10),
		LockoutMinutes:  Some(15),
		History:         Some(0),
	}
}

// MFAForce says who must use a second factor. The greater the stricter.
type MFAForce int

const (
	DontForce MFAForce = iota + 1
	ForceExceptSSO
	Force
)

// MFAForces lists them as the form shows them.
var MFAForces = []MFAForce{DontForce, Force, ForceExceptSSO}

func (f MFAForce) String() string {
	switch f {
	case Force:
		return "Force"
	case ForceExceptSSO:
		return "Force except SSO"
	}
	return "Don’t force"
}

// Key is the form's and the API's word for it.
func (f MFAForce) Key() string {
	switch f {
	case Force:
		return "force"
	case ForceExceptSSO:
		return "force_except_sso"
	}
	return "dont_force"
}

// ParseMFAForce reads a key; 0 and false for any other text.
func ParseMFAForce(key string) (MFAForce, bool) {
	for _, f := range MFAForces {
		if f.Key() == key {
			return f, true
		}
	}
	return 0, false
}

// MFAMethods is the set of second factors that users may enrol.
type MFAMethods int

const (
	AuthenticatorApp MFAMethods = 1 << iota
	Passkey

	allMFAMethods = AuthenticatorApp | Passkey
)

// Has reports whether every method of other is in m.
func (m MFAMethods) Has(other MFAMethods) bool { return m&other == other }

func (m MFAMethods) String() string {
	var names []string
	if m.Has(AuthenticatorApp) {
		names = append(names, "authenticator app")
	}
	if m.Has(Passkey) {
		names = append(names, "passkey")
	}
	return upperFirst(strings.Join(names, ", "))
}

// Classes is a set of required kinds of characters.
type Classes int

const (
	Upper Classes = 1 << iota
	Lower
	Digit
	Special

	AllClasses = Upper | Lower | Digit | Special
)

// Has reports whether every class of other is in c.
func (c Classes) Has(other Classes) bool { return c&other == other }

func (c Classes) names() []string {
	var names []string
	for _, class := range []struct {
		bit  Classes
		name string
	}{{Upper, "upper"}, {Lower, "lower"}, {Digit, "digit"}, {Special, "special"}} {
		if c.Has(class.bit) {
			names = append(names, class.name)
		}
	}
	return names
}

// String is "upper, lower, digit and special".
func (c Classes) String() string { return listed(c.names()) }

// Complexity is a minimum length, in code points of the NFC form, and a set
// of required classes.
type Complexity struct {
	MinLength int     `json:"min_length"`
	Classes   Classes `json:"classes"`
}

// Level is a name for a Complexity; Custom is every pair without a name of
// its own.
type Level string

const (
	Passphrase Level = "passphrase"
	Easy       Level = "easy"
	Medium     Level = "medium"
	Hard       Level = "hard"
	Custom     Level = "custom"
)

// Levels lists them as the form shows them.
var Levels = []Level{Passphrase, Easy, Medium, Hard, Custom}

// Complexity is the pair that the level names; the zero pair for Custom and
// for what is no level.
func (l Level) Complexity() Complexity {
	switch l {
	case Passphrase:
		return Complexity{MinLength: 15}
	case Easy:
		return Complexity{MinLength: 6}
	case Medium:
		return Complexity{MinLength: 8, Classes: AllClasses}
	case Hard:
		return Complexity{MinLength: 10, Classes: AllClasses}
	}
	return Complexity{}
}

// Label is the word on the page.
func (l Level) Label() string { return upperFirst(string(l)) }

// Hint is the line under the label.
func (l Level) Hint() string {
	if l == Custom {
		return "Own minimum length and classes"
	}
	return l.Complexity().String()
}

// Level names the pair.
func (c Complexity) Level() Level {
	for _, level := range Levels {
		if level != Custom && level.Complexity() == c {
			return level
		}
	}
	return Custom
}

// String is "At least 8 with upper, lower, digit and special".
func (c Complexity) String() string {
	if c.Classes == 0 {
		return "At least " + counted(c.MinLength, "character")
	}
	return "At least " + number(c.MinLength) + " with " + c.Classes.String()
}

// Result spells out everything that a password has to meet.
func (c Complexity) Result() string {
	with := ""
	if c.Classes != 0 {
		with = " with " + c.Classes.String()
	}
	return number(c.MinLength) + " to " + number(MaxPasswordLength) + " characters" + with +
		", no character three times in a row, not a common password, not containing the e-mail."
}

// lever is how one setting is read, joined and shown; the list of levers is
// the only place that walks over all settings.
type lever struct {
	setting Setting
	label   string
	isSet   func(PolicyRules) bool
	put     func(*Policy, PolicyRules)
	copy    func(*Policy, Policy)
	join    func(*Policy, Policy)
	clear   func(*PolicyRules)
	take    func(*PolicyRules, PolicyRules)
	show    func(Policy) string
}

// simple makes a lever of a field that both structs have.
func simple[T comparable](setting Setting, label string, rule func(*PolicyRules) *Optional[T], field func(*Policy) *T, stricter func(a, b T) T, show func(T) string) lever {
	return lever{
		setting: setting,
		label:   label,
		isSet:   func(r PolicyRules) bool { return rule(&r).Set },
		put:     func(p *Policy, r PolicyRules) { *field(p) = rule(&r).V },
		copy:    func(dst *Policy, src Policy) { *field(dst) = *field(&src) },
		join:    func(a *Policy, b Policy) { *field(a) = stricter(*field(a), *field(&b)) },
		clear:   func(r *PolicyRules) { *rule(r) = Optional[T]{} },
		take:    func(dst *PolicyRules, src PolicyRules) { *rule(dst) = *rule(&src) },
		show:    func(p Policy) string { return show(*field(&p)) },
	}
}

func fewer(a, b int) int { return min(a, b) }
func more(a, b int) int  { return max(a, b) }

func strictestComplexity(a, b Complexity) Complexity {
	return Complexity{MinLength: max(a.MinLength, b.MinLength), Classes: a.Classes | b.Classes}
}

func strictestMethods(a, b MFAMethods) MFAMethods {
	if both := a & b & allMFAMethods; both != 0 {
		return both
	}
	return Passkey
}

func strictestSessions(a, b int) int {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

var levers = []lever{
	simple(SettingComplexity, "Password complexity", func(r *PolicyRules) *Optional[Complexity] { return &r.Complexity }, func(p *Policy) *Complexity { return &p.Complexity }, strictestComplexity, Complexity.String),
	simple(SettingMFAEnabled, "Enable MFA", func(r *PolicyRules) *Optional[bool] { return &r.MFAEnabled }, func(p *Policy) *bool { return &p.MFAEnabled }, func(a, b bool) bool { return a || b }, showSwitch),
	simple(SettingMFAForce, "Force MFA", func(r *PolicyRules) *Optional[MFAForce] { return &r.MFAForce }, func(p *Policy) *MFAForce { return &p.MFAForce }, func(a, b MFAForce) MFAForce { return max(a, b) }, MFAForce.String),
	simple(SettingMFAMethods, "Methods offered", func(r *PolicyRules) *Optional[MFAMethods] { return &r.MFAMethods }, func(p *Policy) *MFAMethods { return &p.MFAMethods }, strictestMethods, MFAMethods.String),
	simple(SettingRememberDays, "Remember device", func(r *PolicyRules) *Optional[int] { return &r.RememberDays }, func(p *Policy) *int { return &p.RememberDays }, fewer, showRemember),
	simple(SettingIdleMinutes, "Idle timeout", func(r *PolicyRules) *Optional[int] { return &r.IdleMinutes }, func(p *Policy) *int { return &p.IdleMinutes }, fewer, FormatMinutes),
	simple(SettingAbsoluteMinutes, "New sign-in after", func(r *PolicyRules) *Optional[int] { return &r.AbsoluteMinutes }, func(p *Policy) *int { return &p.AbsoluteMinutes }, fewer, FormatMinutes),
	simple(SettingMaxSessions, "Sessions at once", func(r *PolicyRules) *Optional[int] { return &r.MaxSessions }, func(p *Policy) *int { return &p.MaxSessions }, strictestSessions, showSessions),
	simple(SettingLockoutAttempts, "Lock after", func(r *PolicyRules) *Optional[int] { return &r.LockoutAttempts }, func(p *Policy) *int { return &p.LockoutAttempts }, fewer, func(n int) string { return counted(n, "attempt") }),
	simple(SettingLockoutMinutes, "Lock for", func(r *PolicyRules) *Optional[int] { return &r.LockoutMinutes }, func(p *Policy) *int { return &p.LockoutMinutes }, more, FormatMinutes),
	simple(SettingHistory, "Password history", func(r *PolicyRules) *Optional[int] { return &r.History }, func(p *Policy) *int { return &p.History }, more, showHistory),
}

func leverOf(setting Setting) lever {
	i := slices.IndexFunc(levers, func(l lever) bool { return l.setting == setting })
	if i < 0 {
		panic("backoffice: no such setting: " + string(setting))
	}
	return levers[i]
}

// Settings lists every setting in the order of the page.
func Settings() []Setting {
	list := make([]Setting, len(levers))
	for i, l := range levers {
		list[i] = l.setting
	}
	return list
}

// Label is the setting's name on the page. It panics on what is no setting.
func (s Setting) Label() string { return leverOf(s).label }

// Show is the setting's value as the page writes it.
func (p Policy) Show(s Setting) string { return leverOf(s).show(p) }

// IsSet reports whether the rules lay down the setting themselves.
func (r PolicyRules) IsSet(s Setting) bool { return leverOf(s).isSet(r) }

// Reset returns the rules with the setting inherited again.
func (r PolicyRules) Reset(s Setting) PolicyRules {
	leverOf(s).clear(&r)
	return r
}

// With returns the rules with the setting as other has it.
func (r PolicyRules) With(s Setting, other PolicyRules) PolicyRules {
	leverOf(s).take(&r, other)
	return r
}

// With returns the policy with the setting as other has it.
func (p Policy) With(s Setting, other Policy) Policy {
	leverOf(s).copy(&p, other)
	return p
}

// Show is the value that the rules themselves lay down, and "Inherited"
// where they do not.
func (r PolicyRules) Show(s Setting) string {
	l := leverOf(s)
	if !l.isSet(r) {
		return "Inherited"
	}
	var p Policy
	l.put(&p, r)
	return l.show(p)
}

// Rules is the policy as rules that set everything.
func (p Policy) Rules() PolicyRules {
	return PolicyRules{
		Complexity:      Some(p.Complexity),
		MFAEnabled:      Some(p.MFAEnabled),
		MFAForce:        Some(p.MFAForce),
		MFAMethods:      Some(p.MFAMethods),
		RememberDays:    Some(p.RememberDays),
		IdleMinutes:     Some(p.IdleMinutes),
		AbsoluteMinutes: Some(p.AbsoluteMinutes),
		MaxSessions:     Some(p.MaxSessions),
		LockoutAttempts: Some(p.LockoutAttempts),
		LockoutMinutes:  Some(p.LockoutMinutes),
		History:         Some(p.History),
	}
}
