package handlers

import (
	"net/http"

	"steward/backoffice"
)

// route is one line of the table: what may be asked for, and the permission
// that it takes. A route without a permission is public, and then stands on the
// short list that a test knows.
type route struct {
	method     string
	path       string
	permission backoffice.StaffPermission
	handle     func(*call) error
}

// public marks routes that need nobody signed in.
const public backoffice.StaffPermission = ""

// routes is everything that this environment answers.
func (s *server) routes() []route {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	list := []route{
		{get, "/", public, s.showRoot},
		{get, "/healthz", public, s.showHealth},
		{get, "/readyz", public, s.showReady},
		{post, "/backoffice/theme", backoffice.ReadAccounts, s.saveTheme},
	}
	list = append(list, s.devRoutes()...)
	return list
}
