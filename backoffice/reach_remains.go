package backoffice

import "slices"

// Remainder is what would be left, without one of a user's ways, of all that this
// way leads into.
type Remainder struct {
	Reached int64 // accounts that it leads into
	Kept    int64 // of them, those that other ways lead into as well
	Changed int64 // of these, where fewer roles would hold
	// Grants and Members are where these other ways begin. One without a name is not
	// for who reads it to see.
	Grants, Members []AccountRef
}

// maxNamedWays is how many ways a sentence names.
const maxNamedWays = 3

// Sentence says in how many accounts the user would stay: "Keeps access to 3 of 14
// accounts, through the access grant at Partners." It is "" for a way that leads
// into one account alone.
func (m Remainder) Sentence() string {
	switch {
	case m.Reached < 2:
		return ""
	case m.Kept == 0:
		return "Loses access to all " + countOfAccounts(m.Reached) + " that this path leads into. Sessions there end at once."
	}
	text := "Keeps access to " + number(int(m.Kept)) + " of " + countOfAccounts(m.Reached)
	if m.Kept == m.Reached {
		text = "Keeps access to all " + countOfAccounts(m.Reached)
	}
	text += ", through " + m.through()
	if lost := m.Reached - m.Kept; lost > 0 {
		text += "; loses " + number(int(lost)) + ", where sessions end at once"
	}
	text += "."
	if m.Changed > 0 {
		text += " In " + countOfAccounts(m.Changed) + " of those that stay, fewer roles hold."
	}
	return text
}

func (m Remainder) through() string {
	var named []string
	above := false
	for _, a := range m.Grants {
		if a.Name == "" {
			above = true
			continue
		}
		named = append(named, "the access grant at "+a.Name)
	}
	if above {
		named = append(named, "access from above your account")
	}
	for _, a := range m.Members {
		named = append(named, "the membership in "+a.Name)
	}
	if more := len(named) - maxNamedWays; more > 0 {
		named = append(named[:maxNamedWays], countedWord(more, "other path"))
	}
	return joinAnd(named)
}

// Remains says what would be left of a user's access to the account itself without
// the way with that index, and which roles and permissions would not.
func (r Reacher) Remains(i int) string {
	if !r.Paths[i].Open() {
		return "This way does not lead in at present: nothing would change here."
	}
	var others []string
	var kept []Role
	for j, p := range r.Paths {
		if j != i && p.Open() {
			others, kept = append(others, p.phrase()), append(kept, p.Roles...)
		}
	}
	if len(others) == 0 {
		return "No access to this account remains: sessions in it end at once."
	}
	text := "Access to this account stays, by " + joinAnd(others) + "."
	var lost []string
	for _, role := range r.Paths[i].Roles {
		if !slices.ContainsFunc(kept, func(o Role) bool { return o.ID == role.ID }) {
			lost = append(lost, role.Name)
		}
	}
	var gone []string
	left := HeldOf(PermissionsOf(kept))
	for _, p := range HeldOf(PermissionsOf(r.Paths[i].Roles)) {
		if !slices.Contains(left, p) {
			gone = append(gone, p.Label())
		}
	}
	hidden := r.Paths[i].At.ID == "" && !r.Paths[i].Direct
	switch {
	case len(gone) == 0 && (len(lost) == 0 || hidden):
		return text + " Every role and permission stays."
	case len(gone) == 0:
		return text + " Loses " + theRoles(lost) + " here; every permission stays, by the other paths."
	case hidden:
		return text + " Loses " + permissionsInWords(gone) + " here."
	}
	return text + " Loses " + theRoles(lost) + " here, and with it " + permissionsInWords(gone) + ". " + stays(left)
}

func theRoles(names []string) string {
	if len(names) == 1 {
		return "the role " + names[0]
	}
	return "the roles " + joinAnd(names)
}

// maxNamedPermissions is how many permissions a sentence names.
const maxNamedPermissions = 4

func permissionsInWords(names []string) string {
	text := countedWord(len(names), "permission") + ": "
	if more := len(names) - maxNamedPermissions; more > 1 {
		names = append(slices.Clone(names[:maxNamedPermissions]), number(more)+" more")
	}
	return text + joinAnd(names)
}

func stays(left Permissions) string {
	if len(left) == 0 {
		return "No permission stays."
	}
	var names []string
	for _, p := range left {
		names = append(names, p.Label())
	}
	return "What stays is " + permissionsInWords(names) + "."
}
