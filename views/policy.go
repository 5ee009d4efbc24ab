package views

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"steward/backoffice"
	"steward/views/ui"
)

// PolicyFields is the policy's form as it was filled in.
type PolicyFields struct {
	Level                         string
	MinLength                     string
	Upper, Lower, Digit, Special  bool
	MFAEnabled                    bool
	MFAForce                      string
	AuthenticatorApp, Passkey     bool
	RememberDays                  string
	Idle, IdleUnit                string
	Absolute, AbsoluteUnit        string
	MaxSessions                   string
	LockoutAttempts               string
	Lockout, LockoutUnit, History string
}

// PolicyForm is a security policy's page: of an account, or with Account empty
// of the environment.
type PolicyForm struct {
	Account   backoffice.AccountRef
	Ancestors []backoffice.AccountRef
	MayChange bool

	Fields    PolicyFields
	Base      string // what the fields were when the page was made
	Version   int64
	Own       backoffice.PolicyRules
	InForce   backoffice.InForce
	Inherited backoffice.InForce
	// Next is what would hold once the form is saved.
	Next     backoffice.InForce
	Changed  []backoffice.Setting // without what is refused
	Problems backoffice.Problems
	Saving   bool // it was to be saved: what was refused is said at the top
	Conflict *PolicyConflict
	Touches  []TouchLine
	Reset    string // what was reset a moment ago, while other entries are unsaved
	InPlace  bool   // it stands on the account's page, where its section stood
}

// PolicyConflict says who saved in between, and what both changed.
type PolicyConflict struct {
	Who  string
	At   time.Time
	Both []ConflictLine
}

// ConflictLine is one setting that two people changed.
type ConflictLine struct{ Label, Theirs, Mine string }

// TouchLine is one line of "Whom it touches"; an empty figure is a plain line.
type TouchLine struct{ Figure, Text string }

func (f PolicyForm) environment() bool { return f.Account.ID == "" }

// path is the address of the form, and of what belongs to it.
func (f PolicyForm) path(base, rest string) string {
	if f.environment() {
		return base + "/backoffice/settings/policy" + rest
	}
	return AccountPath(base, f.Account.ID) + "/policy" + rest
}

func (f PolicyForm) cancel(base string) string {
	if f.environment() {
		return f.path(base, "")
	}
	return AccountPath(base, f.Account.ID)
}

// posts are the attributes of the form where it stands in place of its section.
func (f PolicyForm) posts(base string) templ.Attributes {
	if !f.InPlace {
		return nil
	}
	return ui.PostsSection(f.path(base, ""), AccountPolicyID)
}

// backs are those of the link that puts the section back.
func (f PolicyForm) backs(base string) templ.Attributes {
	if !f.InPlace {
		return nil
	}
	return swaps(f.cancel(base), AccountPolicyID)
}

func (f PolicyForm) crumbs(base string) []ui.Crumb { return f.crumbsTo(base, "Security policy") }

func (f PolicyForm) crumbsTo(base, page string) []ui.Crumb {
	list := []ui.Crumb{{Label: "Backoffice", Href: base + "/backoffice/accounts"}, {Label: "Accounts", Href: base + "/backoffice/accounts"}}
	for i, a := range f.Ancestors {
		if n := len(f.Ancestors); n > 3 && i > 0 && i < n-1 {
			continue
		}
		list = append(list, ui.Crumb{Label: a.Name, Href: AccountPath(base, a.ID)})
	}
	return append(list, ui.Crumb{Label: f.Account.Name, Href: AccountPath(base, f.Account.ID)}, ui.Crumb{Label: page})
}

func (f PolicyForm) lead() string {
	return "What " + f.Account.Name + " demands of its users’ sign-in. An account may be stricter than the environment and its ancestors, never looser."
}

func (f PolicyForm) problem(s backoffice.Setting) string { return f.Problems[string(s)] }

// settingID is the id of a setting's control.
func settingID(s backoffice.Setting) string { return strings.ReplaceAll(string(s), "_", "-") }

func forceID(s backoffice.Setting) string { return settingID(s) + "-in-force" }

// refused lists the settings that have a problem, in the order of the page.
func (f PolicyForm) refused() []backoffice.Setting {
	var list []backoffice.Setting
	for _, s := range backoffice.Settings() {
		if f.problem(s) != "" || s == backoffice.SettingComplexity && (f.Problems[backoffice.FieldMinLength] != "" || f.Problems[backoffice.FieldClasses] != "") {
			list = append(list, s)
		}
	}
	return list
}

// counted is "2 settings changed, 1 refused".
func (f PolicyForm) counted() string {
	var parts []string
	if n := len(f.Changed); n > 0 {
		parts = append(parts, ui.Count(int64(n), "setting changed", "settings changed"))
	}
	if n := len(f.refused()); n > 0 {
		if len(parts) == 0 {
			parts = append(parts, ui.Count(int64(n), "setting refused", "settings refused"))
		} else {
			parts = append(parts, ui.Number(n)+" refused")
		}
	}
	if len(parts) == 0 {
		return "Nothing changed yet"
	}
	return strings.Join(parts, ", ")
}

// next is what saving would change of a setting, "" when nothing.
func (f PolicyForm) next(s backoffice.Setting) string {
	now, then := f.InForce.Setting(s), f.Next.Setting(s)
	if now.Value != then.Value {
		return then.Value + " when saved"
	}
	for _, c := range f.Changed {
		if c == s {
			return "Stays so: what stands above is stricter"
		}
	}
	return ""
}

// reason says why a choice of forcing MFA may not be made, "" when it may.
func (f PolicyForm) reason(choice backoffice.MFAForce) string {
	if f.environment() {
		return ""
	}
	alone := backoffice.PolicyRules{MFAForce: backoffice.Some(choice), MFAEnabled: backoffice.Some(true)}
	return backoffice.Validate(alone, f.Inherited)[string(backoffice.SettingMFAForce)]
}

// onlyMethod says why a method may not be offered, "" when it may.
func (f PolicyForm) onlyMethod(m backoffice.MFAMethods) string {
	if f.environment() || f.Inherited.MFAMethods.Has(m) {
		return ""
	}
	return backoffice.Validate(backoffice.PolicyRules{MFAMethods: backoffice.Some(m)}, f.Inherited)[string(backoffice.SettingMFAMethods)]
}

var forceHelp = map[backoffice.MFAForce]string{
	backoffice.DontForce:      "Users may enrol, nobody has to",
	backoffice.Force:          "Everyone, at every sign-in",
	backoffice.ForceExceptSSO: "Users who come by the account’s SSO are trusted to it",
}

// provenance is where a setting comes from, in the words of the form.
func (f PolicyForm) provenance(s backoffice.Setting) (text string, own bool) {
	if f.environment() {
		if f.Own.IsSet(s) {
			return "set here", true
		}
		return "default of a new installation", false
	}
	e := f.InForce.Setting(s)
	return fromText(e), ownAlone(e)
}

// overrides is what a setting in force puts aside.
func (f PolicyForm) overrides(s backoffice.Setting) string {
	if f.environment() {
		if f.resettable(s) {
			return "default: " + f.Inherited.Show(s)
		}
		return ""
	}
	if text := f.InForce.Setting(s).OverridesText(); text != "" {
		return "overrides " + text
	}
	return ""
}

// resettable reports whether "Reset" has something to do.
func (f PolicyForm) resettable(s backoffice.Setting) bool {
	if f.environment() {
		return f.InForce.Show(s) != f.Inherited.Show(s)
	}
	return f.Own.IsSet(s)
}

var (
	sessionUnits = []ui.Option{{Value: string(backoffice.UnitMinutes), Label: "minutes"}, {Value: string(backoffice.UnitHours), Label: "hours"}, {Value: string(backoffice.UnitDays), Label: "days"}}
	lockoutUnits = sessionUnits[:2]
)
