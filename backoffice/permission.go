package backoffice

import (
	"slices"
	"strings"
)

// Permission is a key such as fe.account-hierarchy.read.subAccount, or a
// wildcard: "*", or a key whose last part is "*", which stands for every key
// below (product.md, section 8).
type Permission string

// AllPermissions is the wildcard above every other.
const AllPermissions Permission = "*"

// Built-in permissions of the portal.
const (
	ReadSubAccounts           Permission = "fe.account-hierarchy.read.subAccount"
	WriteSubAccounts          Permission = "fe.account-hierarchy.write.subAccount"
	DeleteSubAccounts         Permission = "fe.account-hierarchy.delete.subAccount"
	WriteSubAccountAccess     Permission = "fe.account-hierarchy.write.subAccountAccess"
	WriteSubAccountManagement Permission = "fe.account-hierarchy.write.subAccountManagement"

	ReadUsers          Permission = "fe.secure.read.users"
	WriteUsers         Permission = "fe.secure.write.users"
	DeleteUsers        Permission = "fe.secure.delete.users"
	ReadUserRoles      Permission = "fe.secure.read.roles"
	WriteUserRoles     Permission = "fe.secure.write.roles"
	DeleteUserRoles    Permission = "fe.secure.delete.roles"
	ReadOwnAccount     Permission = "fe.secure.read.account"
	WriteOwnAccount    Permission = "fe.secure.write.account"
	ReadOwnPolicy      Permission = "fe.secure.read.securityPolicy"
	WriteOwnPolicy     Permission = "fe.secure.write.securityPolicy"
	ReadApplications   Permission = "fe.secure.read.applications"
	WriteApplications  Permission = "fe.secure.write.applications"
	DeleteApplications Permission = "fe.secure.delete.applications"
	ReadOwnTrail       Permission = "fe.secure.read.audit"
)

// PermissionEntry is a built-in permission and its name on pages.
type PermissionEntry struct {
	Key  Permission
	Name string
}

// BuiltInPermissions is the catalogue that every environment starts with.
func BuiltInPermissions() []PermissionEntry {
	return []PermissionEntry{
		{ReadSubAccounts, "Read sub-accounts"},
		{WriteSubAccounts, "Create or update sub-account"},
		{DeleteSubAccounts, "Delete sub-accounts"},
		{WriteSubAccountAccess, "Give access to sub-accounts"},
		{WriteSubAccountManagement, "Let a sub-account manage its own"},
		{ReadUsers, "Read users"},
		{WriteUsers, "Invite and update users"},
		{DeleteUsers, "Remove users"},
		{ReadUserRoles, "Read roles"},
		{WriteUserRoles, "Create or update roles"},
		{DeleteUserRoles, "Delete roles"},
		{ReadOwnAccount, "Read account details"},
		{WriteOwnAccount, "Update account details"},
		{ReadOwnPolicy, "Read security policy"},
		{WriteOwnPolicy, "Update security policy"},
		{ReadApplications, "Read applications"},
		{WriteApplications, "Assign applications"},
		{DeleteApplications, "Remove applications"},
		{ReadOwnTrail, "Read audit trail"},
	}
}

// PermissionCategory groups permissions on pages.
type PermissionCategory struct {
	Name    string
	Entries []PermissionEntry
}

// OwnPermissions is the category of the keys that the environment has beside
// the built-in ones.
const OwnPermissions = "Own permissions"

// PermissionCategories sorts the built-in permissions, and further keys of the
// environment, into categories. Wildcards among them are left out: they stand
// for others.
func PermissionCategories(further Permissions) []PermissionCategory {
	var list []PermissionCategory
	put := func(e PermissionEntry) {
		name := e.Key.Category()
		i := slices.IndexFunc(list, func(c PermissionCategory) bool { return c.Name == name })
		if i < 0 {
			i = len(list)
			list = append(list, PermissionCategory{Name: name})
		}
		list[i].Entries = append(list[i].Entries, e)
	}
	for _, e := range BuiltInPermissions() {
		put(e)
	}
	further = slices.Clone(further)
	slices.Sort(further)
	for _, p := range slices.Compact(further) {
		if p.Name() == "" && !p.Wildcard() && p.Valid() {
			put(PermissionEntry{Key: p})
		}
	}
	return list
}

// Category is the group of permissions that p belongs to.
func (p Permission) Category() string {
	if p.Name() == "" {
		return OwnPermissions
	}
	if strings.HasPrefix(string(p), "fe.account-hierarchy.") {
		return "Sub-accounts"
	}
	switch string(p)[strings.LastIndexByte(string(p), '.')+1:] {
	case "users":
		return "Users"
	case "roles":
		return "Roles"
	case "account":
		return "Account"
	case "securityPolicy":
		return "Security policy"
	case "applications":
		return "Applications"
	}
	return "Audit trail"
}

// Name is what pages call a built-in permission; "" for others.
func (p Permission) Name() string {
	for _, e := range BuiltInPermissions() {
		if e.Key == p {
			return e.Name
		}
	}
	return ""
}

// Wildcard reports whether p stands for every key below.
func (p Permission) Wildcard() bool { return strings.HasSuffix(string(p), "*") }

// Label is the permission in the words of the pages, its key where it has none.
func (p Permission) Label() string {
	if name := p.Name(); name != "" {
		return name
	}
	if p == AllPermissions {
		return "Every permission"
	}
	if below, ok := strings.CutSuffix(string(p), ".*"); ok {
		return "Everything below " + below
	}
	return string(p)
}

// By returns the wildcard of the set that holds p, "" where p is in the set
// itself or not held.
func (set Permissions) By(p Permission) Permission {
	if slices.Contains(set, p) {
		return ""
	}
	for _, own := range set {
		if own.Valid() && own.covers(p) {
			return own
		}
	}
	return ""
}

// Valid reports whether p can be a permission: parts of letters, digits, "_"
// and "-" joined by dots, at most 200 characters, with "*" only as the last
// part.
func (p Permission) Valid() bool {
	if p == "" || len(p) > 200 {
		return false
	}
	parts := strings.Split(string(p), ".")
	for i, part := range parts {
		if part == "*" && i == len(parts)-1 {
			return true
		}
		if part == "" {
			return false
		}
		for j := 0; j < len(part); j++ {
			if !isLetterOrDigit(part[j]) && part[j] != '_' && part[j] != '-' {
				return false
			}
		}
	}
	return true
}

// covers reports whether who has p has everything that other names. A
// wildcard covers another one below it, never the other way round.
func (p Permission) covers(other Permission) bool {
	if p == other || p == AllPermissions {
		return true
	}
	above, isWildcard := strings.CutSuffix(string(p), "*")
	return isWildcard && strings.HasSuffix(above, ".") && strings.HasPrefix(string(other), above) && len(other) > len(above)
}

// Holders are all permissions that hold a key, itself included: every wildcard
// above it.
func (p Permission) Holders() []Permission {
	list := []Permission{p, AllPermissions}
	for i, r := range p {
		if r == '.' {
			list = append(list, p[:i+1]+"*")
		}
	}
	return list
}

// Permissions is a set of permissions; nil holds none.
type Permissions []Permission

// Has reports whether the set holds the permission, itself or by a wildcard.
// What is not Valid is never held, by "*" neither.
func (set Permissions) Has(p Permission) bool {
	if !p.Valid() {
		return false
	}
	return slices.ContainsFunc(set, func(own Permission) bool { return own.Valid() && own.covers(p) })
}

// Covers reports whether a holds everything that b does: nobody gives what
// they lack.
func Covers(a, b Permissions) bool {
	for _, p := range b {
		if !a.Has(p) {
			return false
		}
	}
	return true
}
