package backoffice

import "slices"

// RoleHolders are memberships that hold a role beside the same other roles.
type RoleHolders struct {
	Others Permissions // what the other roles hold together
	Count  int64
}

// PermissionShift says how many memberships gain or lose one permission.
type PermissionShift struct {
	Permission Permission
	Gain, Lose int64
}

// RoleEffect is what a change of a role's permissions does to who holds it.
type RoleEffect struct {
	Holders int64 // memberships that hold the role
	Gain    int64 // of them, that have a permission more than before
	Lose    int64 // of them, that have one less
	Shifts  []PermissionShift
	// Uncounted is set when counting would have taken too long: Shifts then
	// names the permissions, and Gain and Lose are as if no membership held
	// another role.
	Uncounted bool
	// Unmanaged are accounts that nobody could manage any more, the first few by
	// name; Unmanageds is how many there are.
	Unmanaged  []AccountRef
	Unmanageds int64
}

// MaxUnmanaged is how many accounts a RoleEffect names.
const MaxUnmanaged = 5

// Effect says what becomes of memberships when the permissions of their role are
// replaced. Who holds what is asked of Permissions.Has, before and after, as any
// request asks it; a permission that another role holds as well is neither
// gained nor lost.
func Effect(before, after Permissions, holders []RoleHolders) RoleEffect {
	var keys Permissions
	for _, e := range BuiltInPermissions() {
		keys = append(keys, e.Key)
	}
	var named Permissions
	named = append(append(named, before...), after...)
	for _, h := range holders {
		named = append(named, h.Others...)
	}
	slices.Sort(named)
	for _, p := range slices.Compact(named) {
		if !slices.Contains(keys, p) {
			keys = append(keys, p)
		}
	}
	shifts := make([]PermissionShift, len(keys))
	var e RoleEffect
	for _, h := range holders {
		e.Holders += h.Count
		had := append(slices.Clone(h.Others), before...)
		has := append(slices.Clone(h.Others), after...)
		gains, loses := false, false
		for i, p := range keys {
			shifts[i].Permission = p
			switch was, is := had.Has(p), has.Has(p); {
			case is && !was:
				shifts[i].Gain += h.Count
				gains = true
			case was && !is:
				shifts[i].Lose += h.Count
				loses = true
			}
		}
		if gains {
			e.Gain += h.Count
		}
		if loses {
			e.Lose += h.Count
		}
	}
	for _, s := range shifts {
		if s.Gain > 0 || s.Lose > 0 {
			e.Shifts = append(e.Shifts, s)
		}
	}
	return e
}
