package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// portalRoute is one line of the table of what users of accounts may ask for,
// and the permission that it takes in the account that they are in.
type portalRoute struct {
	method     string
	path       string
	permission backoffice.Permission // anyUser: whoever is signed in
	handle     func(*call) error
}

// anyUser marks routes of the portal that every user may use who is signed in.
const anyUser backoffice.Permission = ""

// portalRoutes is everything that is answered to users of accounts.
func (s *server) portalRoutes() []portalRoute {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	list := []portalRoute{
		{get, "/portal", anyUser, s.showPortal},
		{get, "/portal/switch", anyUser, s.showSwitch},
		{post, "/portal/switch", anyUser, s.switchAccount},
	}
	list = append(list, s.portalUserRoutes()...)
	list = append(list, s.portalInvitationRoutes()...)
	list = append(list, s.portalApplicationRoutes()...)
	list = append(list, s.portalAccountRoutes()...)
	list = append(list, s.portalReachRoutes()...)
	list = append(list, s.portalGrantRoutes()...)
	list = append(list, s.profileRoutes()...)
	list = append(list, s.addressRoutes()...)
	list = append(list, s.mfaRoutes()...)
	return list
}

// errUserSignIn sends a visitor to the sign-in page of users.
var errUserSignIn = errors.New("sign in first, as a user")

// serveUser turns a route of the portal into Echo's handler.
func (s *server) serveUser(r portalRoute) echo.HandlerFunc {
	return func(ec echo.Context) error {
		c := &call{Context: ec, s: s, path: r.path}
		in, ok, err := s.users.Current(ec.Request())
		if err != nil {
			return err
		}
		if !ok {
			return errUserSignIn
		}
		c.in, c.actor = in, in.Actor(ec.RealIP())
		if r.permission != anyUser && !c.actor.MayHere(r.permission) {
			return backoffice.ErrForbidden
		}
		return r.handle(c)
	}
}

// portal begins the frame around a page of the portal: part is the entry of the
// navigation that it belongs to.
func (c *call) portal(title, part string) (views.Page, error) {
	p := c.s.gate(c, title)
	p.Actor = views.Actor{Name: c.actor.Label(), Email: c.actor.Email}
	list, more, err := c.store().Standings(c.ctx(), c.actor.Key, "")
	if err != nil {
		return p, err
	}
	portal := &views.PortalFrame{Account: c.actor.Account, Accounts: list, More: more}
	if c.in.User.Verified {
		if portal.Invited, err = c.store().UserInvitations(c.ctx(), c.actor.Key); err != nil {
			return p, err
		}
	}
	p.Portal = portal
	below, err := c.subAccounts()
	if err != nil {
		return p, err
	}
	p.Nav = views.PortalNavigation(c.s.base, part, c.actor, below)
	if t, ok := c.takeFlash(); ok {
		p.Toasts = append(p.Toasts, t)
	}
	return p, nil
}

// askUserToSignIn leads to the sign-in page of users, and back to where the
// visitor wanted to go.
func (s *server) askUserToSignIn(c *call) error {
	if c.isFragment() {
		return c.NoContent(http.StatusUnauthorized)
	}
	to := s.link("/sign-in")
	if c.Request().Method == http.MethodGet {
		if next := strings.TrimPrefix(c.Request().URL.RequestURI(), s.base); next != "/portal" {
			to += "?next=" + url.QueryEscape(next)
		}
	}
	return c.Redirect(http.StatusSeeOther, to)
}

// showPortal is where a user lands: who they are, and their account.
func (s *server) showPortal(c *call) error {
	page, err := c.portal("Home", views.PortalHome)
	if err != nil {
		return err
	}
	account, err := c.store().Account(c.ctx(), c.actor.Account.ID)
	if err != nil {
		return err
	}
	applications, err := c.store().UserApplications(c.ctx(), c.actor.Key, account.Key)
	if err != nil {
		return err
	}
	applications = slices.DeleteFunc(applications, func(a backoffice.UserApplication) bool { return !a.Active })
	return c.render(http.StatusOK, page, views.PortalPage(views.PortalScene{Page: page, In: c.in.SignedInUser, Account: account, Applications: applications,
		ReadsUsers: c.actor.MayHere(backoffice.ReadUsers), Now: s.now()}))
}

// showSwitch lists the accounts that a user may change to.
func (s *server) showSwitch(c *call) error {
	page, err := c.portal("Your accounts", "")
	if err != nil {
		return err
	}
	choice := views.Choice{User: c.in.User, Query: clippedQuery(c.QueryParam("q")), Now: s.now()}
	if choice.Accounts, choice.More, err = c.store().Standings(c.ctx(), c.actor.Key, choice.Query); err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.SwitchPage(page, choice))
}

// switchAccount moves the session to another account of the user.
func (s *server) switchAccount(c *call) error {
	form, err := c.fields("account", "next")
	if err != nil {
		return err
	}
	if form["account"] == "" || form["account"] == c.actor.Account.ID {
		return c.goTo("/portal")
	}
	in, err := s.switchTo(c, form["account"])
	if errors.Is(err, backoffice.ErrForbidden) {
		c.putFlash(ui.ToastProps{Bad: true, Text: "That account asks for a second factor, or for a newer sign-in. Sign out, and sign in to it."})
		return c.goTo("/portal")
	}
	if err != nil {
		return err
	}
	c.putFlash(ui.ToastProps{Text: "You are in " + in.Standing.Account.Name + " now."})
	return c.goTo("/portal")
}
