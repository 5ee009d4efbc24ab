package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// call is one request on its way through a handler.
type call struct {
	echo.Context
	s     *server
	actor backoffice.Actor
	in    auth.UserIn // of routes of the portal
	path  string      // the route's pattern
}

func (c *call) ctx() context.Context { return c.Request().Context() }
func (c *call) store() *store.Store  { return c.s.Store }

// may reports whether the actor holds the permission: pages show no control
// that would be refused.
func (c *call) may(p backoffice.StaffPermission) bool { return c.actor.May(p) }

// page begins the frame around a page of the backoffice: part is the entry of
// the navigation that it belongs to.
func (c *call) page(title, part string) (views.Page, error) {
	p := c.s.gate(c, title)
	_, totals, err := c.store().Dashboard(c.ctx())
	if err != nil {
		return p, err
	}
	p.Actor = views.Actor{Name: c.actor.Name, Email: c.actor.Email, Role: c.actor.Role.Label()}
	if p.Actor.Name == "" {
		p.Actor.Name = c.actor.Email
	}
	counts := views.NavCounts{Accounts: ui.Number(totals.Accounts), Users: ui.Number(totals.Users)}
	if totals.Binned > 0 {
		counts.Bin = ui.Number(totals.Binned)
	}
	p.Nav = views.Navigation(c.s.base, part, counts)
	if !c.may(backoffice.Import) {
		p.Nav.Main = slices.DeleteFunc(p.Nav.Main, func(i views.NavItem) bool { return i.Href == c.s.link("/backoffice/import") })
	}
	if c.s.Mail == "" && !c.isFragment() {
		if p.MailWaits, err = c.store().MailWaits(c.ctx()); err != nil {
			return p, err
		}
	}
	if t, ok := c.takeFlash(); ok {
		p.Toasts = append(p.Toasts, t)
	}
	return p, nil
}

// serve turns a route into Echo's handler: session, permission, then the handler.
func (s *server) serve(r route) echo.HandlerFunc {
	return func(ec echo.Context) error {
		c := &call{Context: ec, s: s, path: r.path}
		if r.permission == public {
			return r.handle(c)
		}
		actor, ok, err := s.identify(ec)
		if err != nil {
			return err
		}
		if !ok {
			return errSignIn
		}
		c.actor = actor
		if !actor.May(r.permission) {
			return backoffice.ErrForbidden
		}
		return r.handle(c)
	}
}

// errSignIn sends a visitor to the sign-in page.
var errSignIn = errors.New("sign in first")

// identify finds who is signed in.
func (s *server) identify(ec echo.Context) (backoffice.Actor, bool, error) {
	if s.As != nil {
		a, ok := s.As(ec.Request())
		a.Address = ec.RealIP()
		return a, ok, nil
	}
	signedIn, ok, err := s.sessions.Current(ec.Request())
	if err != nil || !ok {
		return backoffice.Actor{}, false, err
	}
	return signedIn.Staff.Actor(signedIn.ID, ec.RealIP()), true, nil
}

func (s *server) showRoot(c *call) error {
	return c.Redirect(http.StatusSeeOther, s.link("/backoffice/accounts"))
}

func (s *server) showHealth(c *call) error { return c.String(http.StatusOK, "ok\n") }

func (s *server) showReady(c *call) error {
	if err := c.store().Ping(c.ctx()); err != nil {
		return err
	}
	return c.String(http.StatusOK, "ready\n")
}

// saveTheme keeps the choice in a cookie, so that the next page comes in it
// from its first byte.
func (s *server) saveTheme(c *call) error {
	theme := c.FormValue("theme")
	if theme != "light" && theme != "dark" {
		theme = "system"
	}
	c.SetCookie(s.cookie(s.cookieName("theme"), theme, 365*24*3600))
	if c.isFragment() {
		return c.NoContent(http.StatusNoContent)
	}
	return c.Redirect(http.StatusSeeOther, s.safeNext(c.FormValue("next"), "/backoffice/accounts"))
}
