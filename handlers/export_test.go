package handlers

import (
	"net/http"

	"steward/auth"
	"steward/backoffice"
	"steward/handlers/api"
)

// Entry is a line of the tables of routes, as the tests of attacks go through them.
type Entry struct {
	Method     string
	Path       string
	Permission backoffice.StaffPermission
	Scope      backoffice.Scope // of routes that a token opens
	Portal     bool             // a route of users, in the account that they are in
	Here       backoffice.Permission
}

// Probe shows tests what a handler holds inside.
type Probe struct{ s *server }

// NewProbed is New for tests that look inside.
func NewProbed(o Options) (http.Handler, Probe, error) {
	s, h, err := build(o)
	return h, Probe{s}, err
}

// Table is everything that the environment declares to answer.
func (p Probe) Table() []Entry {
	var list []Entry
	for _, r := range p.s.routes() {
		list = append(list, Entry{Method: r.method, Path: r.path, Permission: r.permission})
	}
	for _, r := range p.s.portalRoutes() {
		list = append(list, Entry{Method: r.method, Path: r.path, Portal: true, Here: r.permission})
	}
	for _, r := range api.Routes() {
		list = append(list, Entry{Method: r.Method, Path: r.Path, Scope: r.Scope})
	}
	return list
}

// Answered is everything that the router really has, as "METHOD /path".
func (p Probe) Answered() []string {
	var list []string
	for _, r := range p.s.echo.Routes() {
		list = append(list, r.Method+" "+r.Path)
	}
	return list
}

// Hasher is what sign-in hashes with.
func (p Probe) Hasher() *auth.Hasher { return p.s.hasher }

// SafeNext is where a visitor would be led.
func (p Probe) SafeNext(next string) string { return p.s.safeNext(next, "/backoffice/accounts") }
