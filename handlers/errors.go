package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// fault is what a visitor is told of an error: never the error itself.
type fault struct {
	status      int
	title, lead string
}

func faultOf(err error) fault {
	var he *echo.HTTPError
	var p backoffice.Problems
	switch {
	case errors.Is(err, backoffice.ErrNotFound):
		return fault{http.StatusNotFound, "Page not found", "There is nothing at this address, or it is not for you to see. It may have been moved to the bin."}
	case errors.Is(err, backoffice.ErrForbidden):
		return fault{http.StatusForbidden, "Not allowed", "Your role does not allow this. Ask an owner of this Steward for a role that does."}
	case errors.Is(err, backoffice.ErrConflict):
		return fault{http.StatusConflict, "Changed meanwhile", "Somebody else changed this while you were working on it. Go back, reload, and apply your change again."}
	case errors.Is(err, backoffice.ErrOutdated):
		return fault{http.StatusConflict, "This changed since you looked", "Nothing was changed. Go back, reload, and see what it would change now."}
	case errors.Is(err, backoffice.ErrDiskFull):
		return fault{http.StatusServiceUnavailable, "Not saved: the disk is full", "Nothing was changed, and what was saved before can be read. Once there is room on the server’s disk, saving works again by itself."}
	case errors.Is(err, backoffice.ErrUnavailable):
		return fault{http.StatusServiceUnavailable, "Not saved: storage is unavailable", "Nothing was changed. The disk may be full, or the database does not answer. Try again in a moment."}
	case errors.Is(err, auth.ErrBusy):
		return fault{http.StatusServiceUnavailable, "Too many people are signing in", "Nothing is wrong with what you typed. Go back and try again in a moment."}
	case errors.As(err, &p):
		return fault{http.StatusUnprocessableEntity, "That was refused", p.Error()}
	case errors.Is(err, context.Canceled):
		return fault{499, "Cancelled", ""}
	case errors.Is(err, context.DeadlineExceeded):
		return fault{http.StatusServiceUnavailable, "That took too long", "Nothing was changed. Try again in a moment."}
	case errors.As(err, new(*http.MaxBytesError)):
		return fault{http.StatusRequestEntityTooLarge, "Too large", "What was sent is larger than this page takes."}
	case errors.As(err, &he) && he.Code < 500:
		switch he.Code {
		case http.StatusNotFound:
			return faultOf(backoffice.ErrNotFound)
		case http.StatusMethodNotAllowed:
			return fault{he.Code, "Not possible here", "This address does not take that kind of request."}
		case http.StatusRequestEntityTooLarge:
			return faultOf(&http.MaxBytesError{})
		}
		return fault{he.Code, "That request cannot be understood", "Go back and try again from the page itself."}
	}
	return fault{http.StatusInternalServerError, "Something went wrong", "Nothing was lost that was saved before. Try again; if it happens again, tell who runs this Steward the number below."}
}

// fail is the one place where an error becomes status, log line and page.
func (s *server) fail(err error, ec echo.Context) {
	if ec.Response().Committed {
		return
	}
	c := &call{Context: ec, s: s}
	req := ec.Request()
	if errors.Is(err, errSignIn) {
		if err := s.askToSignIn(c); err != nil {
			s.Log.Error("sign-in redirect", "error", err)
		}
		return
	}
	if errors.Is(err, errUserSignIn) {
		if err := s.askUserToSignIn(c); err != nil {
			s.Log.Error("sign-in redirect", "error", err)
		}
		return
	}
	f := faultOf(err)
	id := ec.Response().Header().Get("X-Request-ID")
	if f.status >= 500 {
		s.Log.Error("request failed", "id", id, "method", req.Method, "route", ec.Path(), "error", err)
	}
	detail := ""
	if f.status >= 500 {
		detail = "Number " + id
	}
	path := strings.TrimPrefix(req.URL.Path, s.base)
	if strings.HasPrefix(path, "/api/") {
		s.failAPI(c, f, id)
		return
	}
	page := s.gate(c, f.title)
	page.Path = ""
	back := ui.ButtonProps{Label: "Go to Accounts", Href: s.link("/backoffice/accounts")}
	if usersPath(path) {
		back = ui.ButtonProps{Label: "Go to the portal", Href: s.link("/portal")}
	}
	var more []ui.ButtonProps
	if f.status == http.StatusNotFound && strings.HasPrefix(path, views.AccountsPath+"/") {
		// An old link may lead to what was deleted. The same is offered whether
		// or not there ever was such an account, without a word of it.
		more = append(more, ui.ButtonProps{Label: "Look in the bin", Variant: "outline", Href: s.link("/backoffice/bin")})
	}
	if err := c.gatePage(f.status, views.ErrorPage(page, f.title, f.lead, nil, back, detail, more...)); err != nil {
		s.Log.Error("error page", "id", id, "error", err)
	}
}

// usersPath reports whether an address is one for users of accounts.
func usersPath(path string) bool {
	for _, part := range []string{"/portal", "/profile", "/sign-in", "/sign-out", "/invitation", "/oauth"} {
		if path == part || strings.HasPrefix(path, part+"/") {
			return true
		}
	}
	return false
}

// problemsOf returns the problems of a form that an error stands for.
func problemsOf(err error) (backoffice.Problems, bool) {
	var p backoffice.Problems
	ok := errors.As(err, &p)
	return p, ok
}

func (s *server) failAPI(c *call, f fault, id string) {
	c.Response().Header().Set("Content-Type", "application/problem+json")
	if err := c.JSON(f.status, map[string]any{"title": f.title, "status": f.status, "detail": f.lead, "instance": id}); err != nil {
		s.Log.Error("problem details", "id", id, "error", err)
	}
}

// askToSignIn leads to the sign-in page, and back to where the visitor wanted
// to go. A form that was posted is not repeated.
func (s *server) askToSignIn(c *call) error {
	if strings.HasPrefix(strings.TrimPrefix(c.Request().URL.Path, s.base), "/api/") {
		s.failAPI(c, fault{http.StatusUnauthorized, "Sign in first", "Send a bearer token."}, c.Response().Header().Get("X-Request-ID"))
		return nil
	}
	to := s.link("/backoffice/sign-in")
	if c.Request().Method == http.MethodGet && !c.isFragment() {
		if next := strings.TrimPrefix(c.Request().URL.RequestURI(), s.base); next != "/" && next != "/backoffice/accounts" {
			to += "?next=" + url.QueryEscape(next)
		}
	}
	if c.isFragment() {
		return c.NoContent(http.StatusUnauthorized)
	}
	return c.Redirect(http.StatusSeeOther, to)
}
