package handlers

import (
	"slices"

	"steward/backoffice"
	"steward/views"
)

// The picture of an application, for who may know that it is there: a user of an
// account that has it, and a browser that is on the way to it. Staff have theirs at
// the application's own address.

// showPortalLogo serves the logo of an application that the user has in the account
// that they are in, or may read of there.
func (s *server) showPortalLogo(c *call) error {
	id := c.Param("application")
	if !c.actor.MayHere(backoffice.ReadApplications) {
		list, err := c.store().UserApplications(c.ctx(), c.actor.Key, c.actor.Account.Key)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(a backoffice.UserApplication) bool { return a.ID == id }) {
			return backoffice.ErrNotFound
		}
	} else if _, err := c.store().Assignment(c.ctx(), c.actor.Account.Key, id); err != nil {
		return err
	}
	body, tag, err := c.store().ApplicationLogo(c.ctx(), id)
	if err != nil {
		return err
	}
	return c.picture(body, tag)
}

// showEntryLogo serves the logo of the application that a request is of, to the
// browser that brought it.
func (s *server) showEntryLogo(c *call) error {
	a, err := s.askedBy(c, c.QueryParam("request"))
	if err != nil {
		return err
	}
	body, tag, err := c.store().ApplicationLogo(c.ctx(), a.Application.ID)
	if err != nil {
		return err
	}
	return c.picture(body, tag)
}

// toward is the application that a request is of, as pages of signing in show it.
func (s *server) toward(a asked) views.Toward {
	t := views.Toward{Name: a.Application.Name}
	if a.Application.LogoTag != "" {
		t.Logo = s.link(views.EntryLogoOf(a.token))
	}
	return t
}

// towardFrom is toward for what a sign-in leads to, empty where that is no
// application.
func (s *server) towardFrom(c *call, next string) (views.Toward, error) {
	a, waits, err := s.askedFor(c, next)
	if err != nil || !waits {
		return views.Toward{}, err
	}
	return s.toward(a), nil
}
