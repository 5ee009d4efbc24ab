package backoffice

import (
	"slices"
	"strings"
	"time"
)

// Scope is one thing that an API token may do.
type Scope string

// Scopes of API tokens.
const (
	ScopeVisits   Scope = "visits:write"
	ScopeAccounts Scope = "accounts:write"
	// ScopeReadApplications reads applications and who has them; ScopeWriteApplications
	// assigns them as well.
	ScopeReadApplications  Scope = "applications:read"
	ScopeWriteApplications Scope = "applications:write"
)

// Scopes lists the scopes that exist.
func Scopes() []Scope {
	return []Scope{ScopeVisits, ScopeAccounts, ScopeReadApplications, ScopeWriteApplications}
}

// Includes reports whether a token of the scope may do what another scope allows.
func (s Scope) Includes(other Scope) bool {
	return s == other || s == ScopeWriteApplications && other == ScopeReadApplications
}

// Label says what a token of the scope may do.
func (s Scope) Label() string {
	switch s {
	case ScopeVisits:
		return "Record visits"
	case ScopeAccounts:
		return "Change accounts"
	case ScopeReadApplications:
		return "Read applications and who has them"
	case ScopeWriteApplications:
		return "Read and assign applications"
	}
	return string(s)
}

// ParseScopes reads scopes as they are typed: sorted, each once. An unknown one
// and an empty list are a Refusal.
func ParseScopes(typed []string) ([]Scope, error) {
	var out []Scope
	for _, t := range typed {
		s := Scope(strings.TrimSpace(t))
		if s == "" {
			continue
		}
		if !slices.Contains(Scopes(), s) {
			return nil, Refusal("There is no such scope. Scopes are " + scopeNames() + ".")
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, Refusal("Choose at least one scope of " + scopeNames() + ".")
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func scopeNames() string {
	var names []string
	for _, s := range Scopes() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// Token is an API token as an owner sees it; the secret is shown once, when it
// is made, and kept nowhere.
type Token struct {
	Key        int64
	ID         string
	Name       string
	Scopes     []Scope
	CreatedAt  time.Time
	CreatedBy  string
	LastUsedAt time.Time // zero: never; at most a minute old
}

// Actor is who acts when the token is shown.
func (t Token) Actor(address string) Actor {
	a := Actor{Kind: ActorToken, Key: t.Key, ID: t.ID, Name: t.Name, Address: address}
	for _, s := range t.Scopes {
		a.Scopes = append(a.Scopes, string(s))
	}
	return a
}
