package handlers

import (
	"errors"
	"net/http"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
)

const staffSetupPath = "/backoffice/staff-setup"

// staffLinkRoutes are the link by which a member of staff chooses a password.
func (s *server) staffLinkRoutes() []route {
	return []route{
		{http.MethodPost, "/backoffice/settings/staff/:id/link", backoffice.WriteStaff, s.makeStaffLink},
		{http.MethodGet, staffSetupPath, public, s.showStaffSetup},
		{http.MethodPost, staffSetupPath, public, s.setUpStaff},
	}
}

// makeStaffLink shows a new link, this once.
func (s *server) makeStaffLink(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	token, hash := auth.StaffLinkToken.New()
	staff, err := c.store().MakeStaffLink(c.ctx(), c.actor, c.Param("id"), hash)
	if err != nil {
		return err
	}
	return s.staffListPage(c, http.StatusCreated, staff, token)
}

// staffLink is a link as it is handed on: the address is ours, whatever the
// request says of it.
func (s *server) staffLink(token string) string {
	u := *s.PublicURL
	u.Path = s.link(staffSetupPath)
	u.RawQuery = "token=" + token
	return u.String()
}

func (s *server) staffSetupCookie() string { return s.cookieName("steward-staff-setup") }

// showStaffSetup takes the token out of the address, as showSetup does.
func (s *server) showStaffSetup(c *call) error {
	if token := c.QueryParam("token"); token != "" {
		hash, ok := auth.StaffLinkToken.Hash(token)
		if !ok {
			return s.deadStaffSetup(c, backoffice.ErrNotFound)
		}
		if _, err := c.store().StaffLink(c.ctx(), hash); err != nil {
			return s.deadStaffSetup(c, err)
		}
		c.SetCookie(s.cookie(s.staffSetupCookie(), token, 24*3600))
		return c.Redirect(http.StatusSeeOther, s.link(staffSetupPath))
	}
	staff, _, err := s.staffSetup(c)
	if err != nil {
		return s.deadStaffSetup(c, err)
	}
	return c.gatePage(http.StatusOK, views.StaffSetupPage(s.gate(c, "Choose a password"), staff, nil))
}

// staffSetup finds whose link the browser came with. Errors: ErrNotFound.
func (s *server) staffSetup(c *call) (staff backoffice.Staff, hash []byte, err error) {
	cookie, err := c.Cookie(s.staffSetupCookie())
	if err != nil {
		return staff, nil, backoffice.ErrNotFound
	}
	hash, ok := auth.StaffLinkToken.Hash(cookie.Value)
	if !ok {
		return staff, nil, backoffice.ErrNotFound
	}
	staff, err = c.store().StaffLink(c.ctx(), hash)
	return staff, hash, err
}

func (s *server) deadStaffSetup(c *call, err error) error {
	if !errors.Is(err, backoffice.ErrNotFound) {
		return err
	}
	return c.gatePage(http.StatusNotFound, views.DeadStaffSetupPage(s.gate(c, "Choose a password")))
}

// setUpStaff takes the password and signs in. The link is used by this alone.
func (s *server) setUpStaff(c *call) error {
	form, err := c.fields("password", "again")
	if err != nil {
		return err
	}
	staff, link, err := s.staffSetup(c)
	if err != nil {
		return s.deadStaffSetup(c, err)
	}
	if problems := newPassword(form["password"], form["again"], staff.Email); len(problems) > 0 {
		return c.gatePage(http.StatusUnprocessableEntity, views.StaffSetupPage(s.gate(c, "Choose a password"), staff, problems))
	}
	hash, err := s.hasher.Hash(c.ctx(), form["password"])
	if err != nil {
		return err
	}
	if staff, err = c.store().UseStaffLink(c.ctx(), link, hash, c.RealIP()); err != nil {
		return s.deadStaffSetup(c, err)
	}
	c.SetCookie(s.cookie(s.staffSetupCookie(), "", -1))
	if err := s.begin(c, staff, false); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, s.link("/backoffice/accounts"))
}
