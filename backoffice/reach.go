package backoffice

import (
	"slices"
	"strconv"
	"strings"
)

// Empty reports whether nobody gains or loses anything, nor comes with other roles.
func (c ReachChange) Empty() bool {
	return len(c.Gains) == 0 && len(c.Loses) == 0 && len(c.Changes) == 0
}

// Nameless is the change for who may not know the users: how many, and not who.
func (c ReachChange) Nameless() ReachChange {
	strip := func(list []UserReach) (out []UserReach) {
		for _, u := range list {
			out = append(out, UserReach{Accounts: u.Accounts})
		}
		return out
	}
	return ReachChange{Gains: strip(c.Gains), Loses: strip(c.Loses), Changes: strip(c.Changes), Digest: c.Digest}
}

// Named reports whether it is told who gains and loses.
func (c ReachChange) Named() bool {
	unnamed := func(u UserReach) bool { return u.Email == "" }
	return !c.Empty() && !slices.ContainsFunc(slices.Concat(c.Gains, c.Loses, c.Changes), unnamed)
}

// Sentence says what an act changes of who comes where: "Ana Weber gains 14
// accounts; 3 users lose access to 2 accounts." Of several users who do not gain
// or lose the same number the greatest is told.
func (c ReachChange) Sentence() string {
	var parts []string
	if s := c.ofOne(); s != "" {
		return s
	}
	if s := reachSentence(c.Gains, "gains ", "gain "); s != "" {
		parts = append(parts, s)
	}
	if s := reachSentence(c.Loses, "loses access to ", "lose access to "); s != "" {
		parts = append(parts, s)
	}
	if s := reachSentence(c.Changes, "has other roles in ", "have other roles in "); s != "" {
		parts = append(parts, s)
	}
	if len(parts) == 0 {
		return "Nobody gains or loses access to an account."
	}
	return strings.Join(parts, "; ") + "."
}

// ofOne is the sentence of a change that is one user's alone; "" for any other.
func (c ReachChange) ofOne() string {
	var who UserReach
	var parts []string
	for _, part := range []struct {
		list []UserReach
		verb string
	}{{c.Gains, "gains "}, {c.Loses, "loses access to "}, {c.Changes, "has other roles in "}} {
		if len(part.list) == 0 {
			continue
		}
		u := part.list[0]
		if len(part.list) > 1 || u.UserID == "" || len(parts) > 0 && u.UserID != who.UserID {
			return ""
		}
		who, parts = u, append(parts, part.verb+countOfAccounts(u.Accounts))
	}
	if len(parts) == 0 {
		return ""
	}
	return who.Label() + " " + joinAnd(parts) + "."
}

func reachSentence(list []UserReach, one, many string) string {
	if len(list) == 0 {
		return ""
	}
	most, same := int64(0), true
	for _, u := range list {
		same = same && u.Accounts == list[0].Accounts
		most = max(most, u.Accounts)
	}
	if len(list) == 1 {
		return list[0].Label() + " " + one + countOfAccounts(most)
	}
	who := number(len(list)) + " users " + many
	if !same {
		return who + "up to " + countOfAccounts(most)
	}
	return who + countOfAccounts(most) + each(most)
}

// each keeps several users from being read as sharing what each of them has.
func each(n int64) string {
	if n == 1 {
		return ""
	}
	return " each"
}

func countOfAccounts(n int64) string {
	if n == 1 {
		return "1 account"
	}
	return number(int(n)) + " accounts"
}

// Label is how pages call the user: the name, or the address where there is none.
func (u UserReach) Label() string {
	if u.Name != "" {
		return u.Name
	}
	if u.Email == "" {
		return "1 user" // Nameless
	}
	return u.Email
}

// Title names a way into an account.
func (p AccessPath) Title() string {
	switch {
	case p.Direct:
		return "Direct membership"
	case p.At.ID == "":
		return "Access from an account above yours"
	case p.Always || !p.Grant.At.IsZero():
		return "Access grant at " + p.At.Name
	}
	return "Membership in " + p.At.Name
}

// phrase names the way in the middle of a sentence.
func (p AccessPath) phrase() string {
	switch {
	case p.Direct:
		return "the direct membership"
	case p.At.ID == "":
		return "access from an account above yours"
	}
	return "the access grant at " + p.At.Name
}

// OpenPaths are the ways that lead in.
func (r Reacher) OpenPaths() []AccessPath {
	var open []AccessPath
	for _, p := range r.Paths {
		if p.Open() {
			open = append(open, p)
		}
	}
	return open
}

func joinAnd(parts []string) string {
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
	return strings.Join(parts, "")
}

var smallNumbers = [...]string{"no", "one", "two", "three", "four", "five", "six"}

func inWords(n int) string {
	if n < len(smallNumbers) {
		return smallNumbers[n]
	}
	return strconv.Itoa(n)
}

// Summary says by how many ways a user comes in, and what they add up to: "by
// three paths, which add up to 2 roles and 19 permissions".
func (r Reacher) Summary() string {
	open := len(r.OpenPaths())
	paths, add := inWords(open)+" paths", "which add up to "
	if open == 1 {
		paths, add = "one path", "with "
	}
	roles := len(r.Roles())
	held := len(HeldOf(PermissionsOf(r.Roles())))
	return "by " + paths + ", " + add + countedWord(roles, "role") + " and " + countedWord(held, "permission")
}

func countedWord(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// HeldOf are the permissions of the catalogue, and the environment's own keys,
// that a set holds: wildcards stand for what they hold of the catalogue.
func HeldOf(set Permissions) Permissions {
	var held Permissions
	for _, e := range BuiltInPermissions() {
		if set.Has(e.Key) {
			held = append(held, e.Key)
		}
	}
	for _, p := range set {
		if p.Valid() && !p.Wildcard() && !slices.Contains(held, p) {
			held = append(held, p)
		}
	}
	return held
}

// PermissionAnswer says whether a user holds a permission in an account, by
// which ways and roles, or why not.
type PermissionAnswer struct {
	Permission Permission
	By         []string // "the role Admin, by the direct membership"
	// Blocked are the ways that would bring it but do not lead in.
	Blocked []string
	// Roles that hold it and could be given, by name.
	Roles []string
}

// Held reports whether the user has the permission.
func (a PermissionAnswer) Held() bool { return len(a.By) > 0 }

// AnswerFor looks for a permission in the ways of a user; roles are those that
// could be given in the account.
func (r Reacher) AnswerFor(p Permission, roles []Role) PermissionAnswer {
	a := PermissionAnswer{Permission: p}
	for _, path := range r.Paths {
		for _, role := range path.Roles {
			if !role.Permissions.Has(p) {
				continue
			}
			by := "the role " + role.Name + ", by " + path.phrase()
			if path.At.ID == "" && !path.Direct {
				by = path.phrase()
			}
			if path.Open() && !r.User.Locked {
				a.By = append(a.By, by)
			} else {
				a.Blocked = append(a.Blocked, by)
			}
		}
	}
	for _, role := range roles {
		if role.Permissions.Has(p) {
			a.Roles = append(a.Roles, role.Name)
		}
	}
	return a
}

// Sentence is the answer in words.
func (a PermissionAnswer) Sentence() string {
	if a.Held() {
		return "Held by " + joinAnd(a.By) + "."
	}
	text := "None of the paths holds it."
	if len(a.Blocked) > 0 {
		text = "It would come by " + joinAnd(a.Blocked) + ", which does not lead in at present."
	}
	switch len(a.Roles) {
	case 0:
		return text + " No role that can be given here holds it."
	case 1:
		return text + " The role " + a.Roles[0] + " would."
	}
	return text + " The roles " + joinAnd(a.Roles) + " would."
}

// From shows of the ways of a user what those may know who are in an account
// below which path begins with them: what begins above it is not named, and is
// left out where it does not lead in. within are the keys of the accounts that
// they may see.
func (r Reacher) From(within []int64) Reacher {
	out := Reacher{User: r.User}
	invited := func(p AccessPath) bool { return p.Status == Invited }
	if !slices.ContainsFunc(r.Paths, AccessPath.Open) && slices.ContainsFunc(r.Paths, invited) {
		out.User = r.User.unknown() // see Member.ForCustomers
	}
	for _, p := range r.Paths {
		if slices.Contains(within, p.At.Key) {
			out.Paths = append(out.Paths, p)
			continue
		}
		if p.Open() {
			// Names of roles may be another account's own: what they hold is told.
			out.Paths = append(out.Paths, AccessPath{Since: p.Since, Status: p.Status, Roles: nameless(p.Roles)})
		}
	}
	return out
}

func nameless(roles []Role) []Role {
	if len(roles) == 0 {
		return nil
	}
	return []Role{{Name: "Roles from above", Permissions: PermissionsOf(roles)}}
}

// MovePreview is what putting an account under another one changes.
type MovePreview struct {
	Reach  ReachChange
	Policy []PolicyDifference
}

// DeletionPreview is what deleting an account changes, its sub-accounts moved up.
type DeletionPreview struct {
	Reach    ReachChange
	Policies []MovedPolicy
}

// MovedPolicy are the settings that would be in force in another way in an account
// that moves, as far as it demands nothing of its own.
type MovedPolicy struct {
	Account AccountRef
	Policy  []PolicyDifference
}

// PolicyDifference is a setting that would be in force in another way.
type PolicyDifference struct {
	Setting       Setting
	Before, After string
	Looser        bool // less is demanded afterwards
}

// ComparePolicies lists the settings in which two policies in force differ.
func ComparePolicies(before, after InForce) []PolicyDifference {
	looser := after.Looser(before.Policy)
	var list []PolicyDifference
	for _, s := range Settings() {
		was, is := before.Show(s), after.Show(s)
		if was != is {
			list = append(list, PolicyDifference{Setting: s, Before: was, After: is, Looser: slices.Contains(looser, s)})
		}
	}
	return list
}

// AccessDefaults are the three defaults, in the order of pages.
func AccessDefaults() []AccessDefault { return []AccessDefault{AccessOff, AccessOn, AccessAlways} }

// Word is the default as forms carry it.
func (d AccessDefault) Word() string {
	if d == AccessOff {
		return "off"
	}
	return string(d)
}

// AccessDefaultNamed is the default that a form carries; ok is false for what is
// none.
func AccessDefaultNamed(word string) (d AccessDefault, ok bool) {
	for _, d := range AccessDefaults() {
		if d.Word() == word {
			return d, true
		}
	}
	return AccessOff, false
}
