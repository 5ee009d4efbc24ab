package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

func (s *server) policyRoutes() []route {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	return []route{
		{get, "/backoffice/accounts/:id/policy", backoffice.ReadAccounts, s.showPolicy},
		{post, "/backoffice/accounts/:id/policy", backoffice.WritePolicies, s.savePolicy},
		{post, "/backoffice/accounts/:id/policy/preview", backoffice.WritePolicies, s.previewPolicy},
		{get, "/backoffice/settings", backoffice.ReadSettings, s.showSettings},
		{get, "/backoffice/settings/policy", backoffice.ReadSettings, s.showPolicy},
		{post, "/backoffice/settings/policy", backoffice.WriteSettings, s.savePolicy},
		{post, "/backoffice/settings/policy/preview", backoffice.WriteSettings, s.previewPolicy},
	}
}

func (s *server) showSettings(c *call) error { return c.goTo("/backoffice/settings/policy") }

// policyState reads the policy that the address names: of an account, or of the
// environment.
func (c *call) policyState() (store.PolicyState, error) {
	if c.Param("id") == "" {
		return c.store().EnvironmentPolicy(c.ctx())
	}
	return c.store().PolicyOf(c.ctx(), c.Param("id"))
}

// policyForm is a policy as the form says it: every setting has a value, and
// what was left as it was found is not laid down anew.
type policyForm struct {
	Complexity      backoffice.Complexity
	MFAEnabled      bool
	MFAForce        backoffice.MFAForce
	MFAMethods      backoffice.MFAMethods
	RememberDays    int
	IdleMinutes     int
	AbsoluteMinutes int
	MaxSessions     int
	LockoutAttempts int
	LockoutMinutes  int
	History         int
}

// policyEntry is what was posted, read.
type policyEntry struct {
	fields  views.PolicyFields
	policy  backoffice.Policy // a setting that could not be read is as in base
	base    backoffice.Policy // what the form showed when it was made
	version int64
	bad     backoffice.Problems
	reset   string
}

// shownPolicy is what the form shows before anybody types: what is in force, and
// of the complexity what the account itself has chosen.
func shownPolicy(p store.PolicyState) backoffice.Policy {
	shown := p.InForce.Policy
	shown.Complexity = p.Inherited.Complexity
	if p.Own.Complexity.Set {
		shown.Complexity = p.Own.Complexity.V
	}
	return shown
}

func policyFields(p backoffice.Policy) views.PolicyFields {
	f := views.PolicyFields{
		Level: string(p.Complexity.Level()), MinLength: strconv.Itoa(p.Complexity.MinLength),
		Upper: p.Complexity.Classes.Has(backoffice.Upper), Lower: p.Complexity.Classes.Has(backoffice.Lower),
		Digit: p.Complexity.Classes.Has(backoffice.Digit), Special: p.Complexity.Classes.Has(backoffice.Special),
		MFAEnabled: p.MFAEnabled, MFAForce: p.MFAForce.Key(),
		AuthenticatorApp: p.MFAMethods.Has(backoffice.AuthenticatorApp), Passkey: p.MFAMethods.Has(backoffice.Passkey),
		RememberDays: orEmpty(p.RememberDays), MaxSessions: orEmpty(p.MaxSessions),
		LockoutAttempts: strconv.Itoa(p.LockoutAttempts), History: strconv.Itoa(p.History),
	}
	split := func(minutes int, most backoffice.TimeUnit) (string, string) {
		n, unit := backoffice.SplitMinutes(minutes)
		if unit == backoffice.UnitDays && most == backoffice.UnitHours {
			n, unit = n*24, most
		}
		return strconv.Itoa(n), string(unit)
	}
	f.Idle, f.IdleUnit = split(p.IdleMinutes, backoffice.UnitDays)
	f.Absolute, f.AbsoluteUnit = split(p.AbsoluteMinutes, backoffice.UnitDays)
	f.Lockout, f.LockoutUnit = split(p.LockoutMinutes, backoffice.UnitHours)
	return f
}

func orEmpty(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// policyEntry decodes the form. What cannot be read is a problem at its field.
func (c *call) policyEntry(shown backoffice.Policy) (policyEntry, error) {
	form, err := c.posted()
	if err != nil {
		return policyEntry{}, err
	}
	for name, values := range form {
		if len(values) > 1 && name != "mfa_enabled" {
			return policyEntry{}, errTwice
		}
	}
	on := func(name string) bool { return form.Get(name) != "" }
	e := policyEntry{base: shown, reset: form.Get("reset"), fields: views.PolicyFields{
		Level: form.Get("complexity"), MinLength: form.Get("min_length"), Upper: on("upper"), Lower: on("lower"), Digit: on("digit"), Special: on("special"),
		MFAEnabled: on("mfa_enabled"), MFAForce: form.Get("mfa_force"), AuthenticatorApp: on("authenticator_app"), Passkey: on("passkey"),
		RememberDays: form.Get("remember_days"), Idle: form.Get("idle"), IdleUnit: form.Get("idle_unit"),
		Absolute: form.Get("absolute"), AbsoluteUnit: form.Get("absolute_unit"), MaxSessions: form.Get("max_sessions"),
		LockoutAttempts: form.Get("lockout_attempts"), Lockout: form.Get("lockout"), LockoutUnit: form.Get("lockout_unit"), History: form.Get("history"),
	}}
	if e.version, err = strconv.ParseInt(form.Get("version"), 10, 64); err != nil {
		return e, badRequest(err)
	}
	var base backoffice.Policy
	if json.Unmarshal([]byte(form.Get("base")), &base) == nil && base != (backoffice.Policy{}) {
		e.base = base
	}
	f, was := e.fields, e.base
	p := policyForm{Complexity: was.Complexity, MFAEnabled: f.MFAEnabled, MFAForce: was.MFAForce}
	if level := backoffice.Level(f.Level); slices.Contains(backoffice.Levels, level) {
		p.Complexity = level.Complexity()
		if level == backoffice.Custom {
			p.Complexity = backoffice.Complexity{MinLength: was.Complexity.MinLength}
			if n, ok := whole(f.MinLength); ok && f.MinLength != "" {
				p.Complexity.MinLength = n
			} else {
				e.bad.Add(backoffice.FieldMinLength, "Write a whole number between 6 and 128.")
			}
			for class, set := range map[backoffice.Classes]bool{backoffice.Upper: f.Upper, backoffice.Lower: f.Lower, backoffice.Digit: f.Digit, backoffice.Special: f.Special} {
				if set {
					p.Complexity.Classes |= class
				}
			}
		}
	}
	if force, ok := backoffice.ParseMFAForce(f.MFAForce); ok {
		p.MFAForce = force
	}
	if f.AuthenticatorApp {
		p.MFAMethods |= backoffice.AuthenticatorApp
	}
	if f.Passkey {
		p.MFAMethods |= backoffice.Passkey
	}
	number := func(s backoffice.Setting, text string, was int) int {
		if n, ok := whole(text); ok {
			return n
		}
		e.bad.Add(string(s), "Write a whole number.")
		return was
	}
	duration := func(s backoffice.Setting, text, unit string, was int) int {
		n, ok := whole(text)
		if minutes, known := backoffice.TimeUnit(unit).Minutes(n); ok && known && text != "" {
			return minutes
		} else if ok && text != "" && n > 0 {
			e.bad.Add(string(s), "That is too long.")
			return was
		}
		e.bad.Add(string(s), "Write a whole number, and choose its unit.")
		return was
	}
	p.RememberDays = number(backoffice.SettingRememberDays, f.RememberDays, was.RememberDays)
	p.IdleMinutes = duration(backoffice.SettingIdleMinutes, f.Idle, f.IdleUnit, was.IdleMinutes)
	p.AbsoluteMinutes = duration(backoffice.SettingAbsoluteMinutes, f.Absolute, f.AbsoluteUnit, was.AbsoluteMinutes)
	p.MaxSessions = number(backoffice.SettingMaxSessions, f.MaxSessions, was.MaxSessions)
	p.LockoutAttempts = number(backoffice.SettingLockoutAttempts, f.LockoutAttempts, was.LockoutAttempts)
	p.LockoutMinutes = duration(backoffice.SettingLockoutMinutes, f.Lockout, f.LockoutUnit, was.LockoutMinutes)
	p.History = number(backoffice.SettingHistory, f.History, was.History)
	e.policy = backoffice.Policy(p)
	return e, nil
}

// whole reads a whole number as people write it; an empty field is 0.
func whole(text string) (int, bool) {
	text = strings.NewReplacer(" ", "", "\u00a0", "", ",", "").Replace(text)
	if text == "" {
		return 0, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && n <= 1e9
}

// changed lists the settings that the form says otherwise than it was shown.
func (e policyEntry) changed() []backoffice.Setting {
	var list []backoffice.Setting
	for _, s := range backoffice.Settings() {
		if e.policy.Show(s) != e.base.Show(s) {
			list = append(list, s)
		}
	}
	return list
}

// rules are what the place would have laid down once the form is saved.
func (e policyEntry) rules(own backoffice.PolicyRules) backoffice.PolicyRules {
	all := e.policy.Rules()
	for _, s := range e.changed() {
		own = own.With(s, all)
	}
	return own
}

// without is the entry with some settings as they are shown.
func (e policyEntry) without(settings []backoffice.Setting) policyEntry {
	for _, s := range settings {
		e.policy = e.policy.With(s, e.base)
	}
	return e
}

func (s *server) showPolicy(c *call) error {
	state, err := c.policyState()
	if err != nil {
		return err
	}
	return s.policyPage(c, http.StatusOK, state, shownEntry(state), views.PolicyForm{})
}

// shownEntry is the form before anybody types.
func shownEntry(p store.PolicyState) policyEntry {
	shown := shownPolicy(p)
	return policyEntry{fields: policyFields(shown), policy: shown, base: shown, version: p.Version}
}

// previewPolicy answers what saving would do, and saves nothing.
func (s *server) previewPolicy(c *call) error {
	state, err := c.policyState()
	if err != nil {
		return err
	}
	e, err := c.policyEntry(shownPolicy(state))
	if err != nil {
		return err
	}
	if c.isFragment() {
		form, err := s.policyFormOf(c, state, e, views.PolicyForm{})
		if err != nil {
			return err
		}
		return c.fragment(http.StatusOK, views.PolicyPreview(form))
	}
	return s.policyPage(c, http.StatusOK, state, e, views.PolicyForm{})
}

func (s *server) savePolicy(c *call) error {
	state, err := c.policyState()
	if err != nil {
		return err
	}
	e, err := c.policyEntry(shownPolicy(state))
	if err != nil {
		return err
	}
	if e.reset != "" {
		return s.resetSetting(c, state, e)
	}
	if e.version != state.Version {
		return s.policyConflict(c, state, e)
	}
	rules := e.rules(state.Own)
	if len(e.bad) > 0 || len(state.Check(rules)) > 0 {
		return s.policyPage(c, http.StatusUnprocessableEntity, state, e, views.PolicyForm{Saving: true})
	}
	if state.Account.ID == "" {
		err = c.store().SaveEnvironmentPolicy(c.ctx(), c.actor, rules, e.version)
	} else {
		err = c.store().SavePolicy(c.ctx(), c.actor, state.Account.ID, rules, e.version)
	}
	var problems backoffice.Problems
	switch {
	case errors.Is(err, backoffice.ErrConflict), errors.As(err, &problems):
		// Somebody else was quicker, here or above.
		if state, err = c.policyState(); err != nil {
			return err
		}
		if e.version != state.Version {
			return s.policyConflict(c, state, e)
		}
		return s.policyPage(c, http.StatusUnprocessableEntity, state, e, views.PolicyForm{Saving: true})
	case err != nil:
		return err
	}
	return c.saved(policyPath(state, true), ui.ToastProps{Text: "Security policy saved."}, func() error { return c.policyChanged(state.Account.ID) })
}

// policyChanged answers htmx with the section of the account's page, as it
// stands after saving.
func (c *call) policyChanged(id string) error {
	a, err := c.store().Account(c.ctx(), id)
	if err != nil {
		return err
	}
	scene := c.accountScene(a)
	body, err := c.policySection(&scene)
	if err != nil {
		return err
	}
	return c.changed(scene, body, views.AccountPolicyID)
}

// policySection reads what is in force. The way to the account, which the head
// of the page shows, is read with it.
func (c *call) policySection(scene *views.AccountScene) (templ.Component, error) {
	p, err := c.store().PolicyOf(c.ctx(), scene.Account.ID)
	scene.Ancestors = p.Ancestors
	props := views.PolicyFactsProps{InForce: p.InForce, View: scene.Path("/policy")}
	if c.may(backoffice.WritePolicies) {
		props.Edit = scene.Path("/policy")
	}
	return views.PolicySection(props), err
}

// policyPath is the page of a policy, or after saving what it belongs to.
func policyPath(p store.PolicyState, after bool) string {
	switch {
	case p.Account.ID == "":
		return "/backoffice/settings/policy"
	case after:
		return "/backoffice/accounts/" + url.PathEscape(p.Account.ID)
	}
	return "/backoffice/accounts/" + url.PathEscape(p.Account.ID) + "/policy"
}

// resetSetting acts at once; what else was typed stays in the form, unsaved.
func (s *server) resetSetting(c *call, state store.PolicyState, e policyEntry) error {
	setting := backoffice.Setting(e.reset)
	if !slices.Contains(backoffice.Settings(), setting) {
		return backoffice.ErrNotFound
	}
	err := c.store().ResetSetting(c.ctx(), c.actor, state.Account.ID, setting, e.version)
	fresh, readErr := c.policyState()
	var problems backoffice.Problems
	switch {
	case errors.Is(err, backoffice.ErrConflict) && readErr == nil:
		return s.policyConflict(c, fresh, e)
	case errors.As(err, &problems):
		return s.policyPage(c, http.StatusUnprocessableEntity, state, e, views.PolicyForm{Saving: true, Problems: problems})
	case err != nil || readErr != nil:
		return errors.Join(err, readErr)
	}
	e = e.without([]backoffice.Setting{setting})
	delete(e.bad, string(setting))
	if len(e.changed()) == 0 && len(e.bad) == 0 {
		return c.saved(policyPath(state, false), ui.ToastProps{Text: setting.Label() + " was reset to what is inherited."}, func() error {
			return s.policyPage(c, http.StatusOK, fresh, shownEntry(fresh), views.PolicyForm{})
		})
	}
	return s.policyPage(c, http.StatusOK, fresh, e.onto(shownPolicy(fresh), fresh.Version), views.PolicyForm{Reset: setting.Label()})
}

// onto puts what was changed on top of what is shown by now.
func (e policyEntry) onto(shown backoffice.Policy, version int64) policyEntry {
	changed := e.changed()
	typed, typedFields := e.policy, e.fields
	e.policy, e.version = shown, version
	for _, s := range changed {
		e.policy = e.policy.With(s, typed)
	}
	e.base = shown
	e.fields = policyFields(e.policy)
	for field := range e.bad { // what could not be read stands as it was typed
		keepTyped(&e.fields, typedFields, field)
	}
	return e
}

func keepTyped(f *views.PolicyFields, typed views.PolicyFields, field string) {
	switch field {
	case backoffice.FieldMinLength:
		f.Level, f.MinLength = typed.Level, typed.MinLength
		f.Upper, f.Lower, f.Digit, f.Special = typed.Upper, typed.Lower, typed.Digit, typed.Special
	case string(backoffice.SettingRememberDays):
		f.RememberDays = typed.RememberDays
	case string(backoffice.SettingIdleMinutes):
		f.Idle, f.IdleUnit = typed.Idle, typed.IdleUnit
	case string(backoffice.SettingAbsoluteMinutes):
		f.Absolute, f.AbsoluteUnit = typed.Absolute, typed.AbsoluteUnit
	case string(backoffice.SettingMaxSessions):
		f.MaxSessions = typed.MaxSessions
	case string(backoffice.SettingLockoutAttempts):
		f.LockoutAttempts = typed.LockoutAttempts
	case string(backoffice.SettingLockoutMinutes):
		f.Lockout, f.LockoutUnit = typed.Lockout, typed.LockoutUnit
	case string(backoffice.SettingHistory):
		f.History = typed.History
	}
}

// policyConflict shows both: what holds by now beside what was typed.
func (s *server) policyConflict(c *call, state store.PolicyState, e policyEntry) error {
	shown := shownPolicy(state)
	conflict := &views.PolicyConflict{Who: "Somebody else"}
	for _, setting := range e.changed() {
		if shown.Show(setting) != e.base.Show(setting) && shown.Show(setting) != e.policy.Show(setting) {
			conflict.Both = append(conflict.Both, views.ConflictLine{Label: setting.Label(), Theirs: shown.Show(setting), Mine: e.policy.Show(setting)})
		}
	}
	filter := backoffice.EventFilter{Action: "policy.changed", Account: state.Account.ID}
	if state.Account.ID == "" {
		filter.Action = "policy.environment-changed"
	}
	last, err := c.store().Events(c.ctx(), filter, "", 1)
	if err != nil {
		return err
	}
	if len(last.Rows) == 1 && last.Rows[0].ActorName != "" {
		conflict.Who, conflict.At = last.Rows[0].ActorName, last.Rows[0].At
	}
	return s.policyPage(c, http.StatusConflict, state, e.onto(shown, state.Version), views.PolicyForm{Conflict: conflict})
}

func (s *server) policyPage(c *call, status int, state store.PolicyState, e policyEntry, form views.PolicyForm) error {
	part := views.PartAccounts
	if state.Account.ID == "" {
		part = views.PartSettings
	}
	page, err := c.page("Security policy", part)
	if err != nil {
		return err
	}
	if form, err = s.policyFormOf(c, state, e, form); err != nil {
		return err
	}
	whole := views.PolicyPage(page, form)
	if state.Account.ID == "" {
		whole = views.EnvironmentPolicyPage(page, form, c.may(backoffice.WriteStaff))
	}
	here := form
	here.InPlace = true
	return c.render(status, page, whole, section{views.AccountPolicyID, views.PolicyInPlace(page, here)})
}

// policyFormOf fills in what follows from the entry: what would hold, what is
// refused, whom it touches.
func (s *server) policyFormOf(c *call, state store.PolicyState, e policyEntry, form views.PolicyForm) (views.PolicyForm, error) {
	base, err := json.Marshal(e.base)
	if err != nil {
		return form, err
	}
	form.Account, form.Ancestors, form.Own, form.InForce, form.Inherited = state.Account, state.Ancestors, state.Own, state.InForce, state.Inherited
	form.MayChange = c.may(backoffice.WritePolicies)
	if state.Account.ID == "" {
		form.MayChange = c.may(backoffice.WriteSettings)
	}
	form.Fields, form.Base, form.Version = e.fields, string(base), e.version
	for field, sentence := range e.bad {
		form.Problems.Add(field, sentence)
	}
	changed := e.changed()
	for field, sentence := range state.Check(e.rules(state.Own)) {
		setting := backoffice.Setting(field)
		if slices.Contains(changed, setting) && spoken[setting] {
			sentence += " You entered " + lower(e.policy.Show(setting)) + "."
		}
		form.Problems.Add(field, sentence)
	}
	var refused []backoffice.Setting
	for _, setting := range backoffice.Settings() {
		if form.Problems[string(setting)] != "" || setting == backoffice.SettingComplexity && (form.Problems[backoffice.FieldMinLength] != "" || form.Problems[backoffice.FieldClasses] != "") {
			refused = append(refused, setting)
		}
	}
	allowed := e.without(refused)
	form.Changed = allowed.changed()
	form.Next = state.Try(allowed.rules(state.Own))
	if !form.MayChange {
		return form, nil
	}
	// Counting over a whole environment must not hold up who is typing.
	ctx, cancel := context.WithTimeout(c.ctx(), 2*time.Second)
	defer cancel()
	touch, err := c.store().PolicyTouched(ctx, state, allowed.rules(state.Own))
	if err != nil {
		return form, err
	}
	form.Touches = touchLines(state, touch, form)
	return form, nil
}

// spoken are the settings whose typed value is repeated in the refusal.
var spoken = map[backoffice.Setting]bool{
	backoffice.SettingRememberDays: true, backoffice.SettingIdleMinutes: true, backoffice.SettingAbsoluteMinutes: true, backoffice.SettingMaxSessions: true,
	backoffice.SettingLockoutAttempts: true, backoffice.SettingLockoutMinutes: true, backoffice.SettingHistory: true,
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func touchLines(state store.PolicyState, touch store.PolicyTouch, form views.PolicyForm) []views.TouchLine {
	line := func(l backoffice.PreviewLine) views.TouchLine {
		return views.TouchLine{Figure: ui.Number(l.Count), Text: l.Text}
	}
	lines := touch.Lines()
	var out []views.TouchLine
	if form.Next.MFAForce > backoffice.DontForce {
		if touch.Uncounted {
			out = append(out, views.TouchLine{Text: "Every user whom no account forces already must enrol in MFA at their next sign-in"})
		} else {
			out = append(out, line(lines[0]))
		}
	}
	if touch.SessionsEnd > 0 {
		out = append(out, line(lines[1]))
	}
	if state.Account.ID == "" {
		return append(out, views.TouchLine{Figure: ui.Number(touch.Accounts), Text: plural(touch.Accounts, "account stands under this", "accounts stand under this")})
	}
	out = append(out, views.TouchLine{Figure: ui.Number(touch.Users), Text: plural(touch.Users, "user is held to it", "users are held to it")})
	if len(form.Changed) > 0 {
		out = append(out, line(lines[2]))
	}
	return append(out, line(lines[3]))
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
