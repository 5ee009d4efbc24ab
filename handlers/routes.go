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

		{get, "/backoffice/sign-in", public, s.showSignIn},
		{post, "/backoffice/sign-in", public, s.signIn},
		{post, "/backoffice/sign-out", public, s.signOut},
		{get, "/backoffice/setup", public, s.showSetup},
		{post, "/backoffice/setup", public, s.setUp},
		{get, "/backoffice/sessions", backoffice.WriteSelf, s.showSessions},
		{post, "/backoffice/sessions/end", backoffice.WriteSelf, s.endSessions},
		{post, "/backoffice/sessions/:id/end", backoffice.WriteSelf, s.endSession},
		{get, "/backoffice/password", backoffice.WriteSelf, s.showPassword},
		{post, "/backoffice/password", backoffice.WriteSelf, s.changePassword},

		{get, "/backoffice/settings/staff", backoffice.WriteStaff, s.showStaffList},
		{post, "/backoffice/settings/staff", backoffice.WriteStaff, s.addStaff},
		{get, "/backoffice/settings/staff/new", backoffice.WriteStaff, s.showNewStaff},
		{get, "/backoffice/settings/staff/:id", backoffice.WriteStaff, s.showStaff},
		{post, "/backoffice/settings/staff/:id/role", backoffice.WriteStaff, s.changeStaffRole},
		{post, "/backoffice/settings/staff/:id/removal", backoffice.WriteStaff, s.removeStaff},
		{get, "/backoffice/settings/tokens", backoffice.WriteTokens, s.showTokens},
		{post, "/backoffice/settings/tokens", backoffice.WriteTokens, s.makeToken},
		{post, "/backoffice/settings/tokens/:id/revocation", backoffice.WriteTokens, s.revokeToken},
	}
	list = append(list, s.signInRoutes()...)
	list = append(list, s.signInLinkRoutes()...)
	list = append(list, s.openIDRoutes()...)
	list = append(list, s.signUpRoutes()...)
	list = append(list, s.addressLinkRoutes()...)
	list = append(list, s.addressReturnRoutes()...)
	list = append(list, s.staffLinkRoutes()...)
	list = append(list, s.accountListRoutes()...)
	list = append(list, s.accountNewRoutes()...)
	list = append(list, s.userListRoutes()...)
	list = append(list, s.userRoutes()...)
	list = append(list, s.userBulkRoutes()...)
	list = append(list, s.selectionRoutes()...)
	list = append(list, s.viewRoutes()...)
	list = append(list, s.policyRoutes()...)
	list = append(list, s.accountRoutes()...)
	list = append(list, s.accountGraphRoutes()...)
	list = append(list, s.reachRoutes()...)
	list = append(list, s.grantRoutes()...)
	list = append(list, s.accountParentRoutes()...)
	list = append(list, s.memberNewRoutes()...)
	list = append(list, s.invitationRoutes()...)
	list = append(list, s.acceptRoutes()...)
	list = append(list, s.mailRoutes()...)
	list = append(list, s.binRoutes()...)
	list = append(list, s.metadataRoutes()...)
	list = append(list, s.roleRoutes()...)
	list = append(list, s.applicationRoutes()...)
	list = append(list, s.accountApplicationRoutes()...)
	list = append(list, s.importRoutes()...)
	list = append(list, s.eventRoutes()...)
	list = append(list, s.signInMFARoutes()...)
	list = append(list, s.staffMFARoutes()...)
	list = append(list, s.devRoutes()...)
	return list
}
