package handlers

import (
	"errors"
	"net/http"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
)

func (s *server) setupCookie() string { return s.cookieName("steward-setup") }

// showSetup takes the token out of the address, where histories would keep it,
// into a cookie, and shows the form at a clean address.
func (s *server) showSetup(c *call) error {
	if token := c.QueryParam("token"); token != "" {
		hash, ok := auth.SetupToken.Hash(token)
		if !ok {
			return s.deadSetupLink(c)
		}
		switch err := c.store().SetupLink(c.ctx(), hash); {
		case errors.Is(err, backoffice.ErrNotFound):
			return s.deadSetupLink(c)
		case err != nil:
			return err
		}
		c.SetCookie(s.cookie(s.setupCookie(), token, 24*3600))
		return c.Redirect(http.StatusSeeOther, s.link("/backoffice/setup"))
	}
	if _, err := s.setupHash(c); err != nil {
		return s.deadSetup(c, err)
	}
	return c.gatePage(http.StatusOK, views.SetupPage(s.gate(c, "Set up"), views.Setup{}))
}

// setupHash finds the link that the browser came with. Errors: ErrNotFound.
func (s *server) setupHash(c *call) ([]byte, error) {
	cookie, err := c.Cookie(s.setupCookie())
	if err != nil {
		return nil, backoffice.ErrNotFound
	}
	hash, ok := auth.SetupToken.Hash(cookie.Value)
	if !ok {
		return nil, backoffice.ErrNotFound
	}
	return hash, c.store().SetupLink(c.ctx(), hash)
}

func (s *server) deadSetup(c *call, err error) error {
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadSetupLink(c)
	}
	return err
}

func (s *server) deadSetupLink(c *call) error {
	owned, err := c.store().HasOwner(c.ctx())
	if err != nil {
		return err
	}
	return c.gatePage(http.StatusNotFound, views.DeadSetupPage(s.gate(c, "Set up"), owned))
}

// setUp makes the first owner and signs them in. The link is used by this alone.
func (s *server) setUp(c *call) error {
	form, err := c.fields("email", "name", "password", "again")
	if err != nil {
		return err
	}
	link, err := s.setupHash(c)
	if err != nil {
		return s.deadSetup(c, err)
	}
	n := backoffice.NewStaff{Email: form["email"], Name: form["name"]}
	refuse := func(p backoffice.Problems) error {
		return c.gatePage(http.StatusUnprocessableEntity, views.SetupPage(s.gate(c, "Set up"), views.Setup{New: n, Problems: p}))
	}
	problems := newPassword(form["password"], form["again"], n.Email)
	if form["name"] == "" {
		problems.Add("name", "Enter your name.")
	}
	for field, sentence := range checkNewStaff(n, backoffice.Owner) {
		problems.Add(field, sentence)
	}
	if len(problems) > 0 {
		return refuse(problems)
	}
	hash, err := s.hasher.Hash(c.ctx(), form["password"])
	if err != nil {
		return err
	}
	staff, err := c.store().UseSetupLink(c.ctx(), link, n, hash, c.RealIP())
	if errors.As(err, &problems) {
		return refuse(problems)
	} else if err != nil {
		return s.deadSetup(c, err)
	}
	c.SetCookie(s.cookie(s.setupCookie(), "", -1))
	if err := s.begin(c, staff, false); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, s.link("/backoffice/accounts"))
}
