package backoffice

import "strings"

// OriginKind says which kind of place laid a rule down.
type OriginKind int

const (
	FromEnvironment OriginKind = iota
	FromAncestor
	FromAccount
)

// Origin is a place that laid a rule down. ID and Name are those of the
// account, and empty for the environment.
type Origin struct {
	Kind OriginKind
	ID   string
	Name string
}

// String is the origin as it stands after "from": "environment", "ancestor
// Nord Group", "this account".
func (o Origin) String() string {
	switch o.Kind {
	case FromAncestor:
		return "ancestor " + o.Name
	case FromAccount:
		return "this account"
	}
	return "environment"
}

// limit is the sentence's end that names the origin.
func (o Origin) limit() string {
	switch o.Kind {
	case FromAncestor:
		return "the account " + o.Name + " sets that limit."
	case FromAccount:
		return "this account sets that limit."
	}
	return "the environment sets that limit."
}

// NamedRules are the rules of one account.
type NamedRules struct {
	ID    string
	Name  string
	Rules PolicyRules
}

// Overridden is a demand that does not decide: something stricter holds.
type Overridden struct {
	Origin Origin
	Value  string
}

// SettingInForce is one setting: what holds, and why.
type SettingInForce struct {
	Setting Setting
	// Value is the value in force, as the page writes it.
	Value string
	// From is whose demand decides. There are several where demands add up:
	// a length from here, a class from there.
	From []Origin
	// Overrides are the other demands that were laid down, from the
	// environment downwards.
	Overrides []Overridden
	// Own is true when the account itself has laid the setting down,
	// whether or not that decides: then there is something to reset.
	Own bool
}

// FromText is "environment", or "environment and this account".
func (s SettingInForce) FromText() string {
	names := make([]string, len(s.From))
	for i, o := range s.From {
		names[i] = o.String()
	}
	return listed(names)
}

// OverridesText is "environment: no limit; ancestor Nord Group: 5 sessions",
// and empty when nothing is overridden.
func (s SettingInForce) OverridesText() string {
	var texts []string
	for _, o := range s.Overrides {
		texts = append(texts, o.Origin.String()+": "+lowerFirst(o.Value))
	}
	return strings.Join(texts, "; ")
}

// InForce is the policy that holds for an account, with the reason for each
// setting in the order of the page.
type InForce struct {
	Policy
	Settings []SettingInForce
}

// Setting is the entry of one setting. It panics on what is no setting.
func (f InForce) Setting(s Setting) SettingInForce {
	for _, entry := range f.Settings {
		if entry.Setting == s {
			return entry
		}
	}
	panic("backoffice: no such setting: " + string(s))
}

// Resolve says what holds for an account: the strictest of the environment,
// the ancestors (the top one first) and the account, setting by setting.
// Because the strictest always wins, an environment that becomes stricter
// holds at once, whatever older rows of accounts say. What the environment
// leaves unset is as in a new installation. For the environment's own page
// there are neither ancestors nor account.
func Resolve(environment PolicyRules, ancestors []NamedRules, account NamedRules) InForce {
	type layer struct {
		origin Origin
		rules  PolicyRules
	}
	layers := make([]layer, 0, len(ancestors)+1)
	for _, a := range ancestors {
		layers = append(layers, layer{Origin{FromAncestor, a.ID, a.Name}, a.Rules})
	}
	layers = append(layers, layer{Origin{FromAccount, account.ID, account.Name}, account.Rules})

	var inForce InForce
	for _, l := range levers {
		entry := SettingInForce{Setting: l.setting, From: []Origin{{}}}
		var base Policy
		if l.isSet(environment) {
			l.put(&base, environment)
		} else {
			l.put(&base, DefaultEnvironmentPolicy())
		}
		held := base
		type demand struct {
			origin Origin
			value  Policy
		}
		demands := []demand{{Origin{}, base}}
		for _, layer := range layers {
			if !l.isSet(layer.rules) {
				continue
			}
			entry.Own = entry.Own || layer.origin.Kind == FromAccount
			var own Policy
			l.put(&own, layer.rules)
			demands = append(demands, demand{layer.origin, own})
			joined := held
			l.join(&joined, own)
			switch joined {
			case held:
			case own:
				entry.From = []Origin{layer.origin}
			default:
				entry.From = append(entry.From, layer.origin)
			}
			held = joined
		}
		for _, d := range demands {
			if d.value != held && !containsOrigin(entry.From, d.origin) {
				entry.Overrides = append(entry.Overrides, Overridden{d.origin, l.show(d.value)})
			}
		}
		entry.Value = l.show(held)
		l.copy(&inForce.Policy, held)
		inForce.Settings = append(inForce.Settings, entry)
	}
	inForce.enableWhatIsForced()
	return inForce
}

// A place that forces MFA wants it enabled, even under one that has switched
// it off since.
func (f *InForce) enableWhatIsForced() {
	if f.MFAForce <= DontForce || f.MFAEnabled {
		return
	}
	f.MFAEnabled = true
	force := f.Setting(SettingMFAForce)
	for i := range f.Settings {
		enabled := &f.Settings[i]
		if enabled.Setting != SettingMFAEnabled {
			continue
		}
		for _, o := range enabled.From {
			if !containsOrigin(force.From, o) {
				enabled.Overrides = append(enabled.Overrides, Overridden{o, enabled.Value})
			}
		}
		enabled.From, enabled.Value = force.From, showSwitch(true)
	}
}

func containsOrigin(list []Origin, o Origin) bool {
	for _, other := range list {
		if other == o {
			return true
		}
	}
	return false
}

// Strictest is the strictest of several policies, setting by setting (see
// Policy for what that means). The order of the policies does not matter.
// Without any policy it is the default of a new installation: a user without
// accounts is held to the environment, which the caller passes.
func Strictest(policies ...Policy) Policy {
	if len(policies) == 0 {
		return Resolve(PolicyRules{}, nil, NamedRules{}).Policy
	}
	strictest := policies[0]
	for _, p := range policies[1:] {
		for _, l := range levers {
			l.join(&strictest, p)
		}
	}
	return strictest
}

// HeldTo is what a user meets in a session of one account: the strictest of
// all their accounts (accepted memberships and grants), except for the
// limits of sessions, which are those of the session's account alone.
func HeldTo(session Policy, all ...Policy) Policy {
	held := Strictest(append([]Policy{session}, all...)...)
	held.IdleMinutes = session.IdleMinutes
	held.AbsoluteMinutes = session.AbsoluteMinutes
	held.MaxSessions = session.MaxSessions
	return held
}

// Looser reports in which settings p is looser than other; nil when p may
// stand under other.
func (p Policy) Looser(other Policy) []Setting {
	var looser []Setting
	for _, l := range levers {
		joined, same := p, p
		l.join(&joined, other)
		if joined != same {
			looser = append(looser, l.setting)
		}
	}
	return looser
}
