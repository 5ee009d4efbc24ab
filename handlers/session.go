package handlers

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

func (s *server) showSignIn(c *call) error {
	next := c.QueryParam("next")
	if _, ok, err := s.identify(c); err != nil {
		return err
	} else if ok {
		return c.Redirect(http.StatusSeeOther, s.safeNext(next, "/backoffice/accounts"))
	}
	owned, err := c.store().HasOwner(c.ctx())
	if err != nil {
		return err
	}
	return c.gatePage(http.StatusOK, views.SignInPage(s.gate(c, "Sign in"), views.SignIn{Next: next, NotSetUp: !owned}))
}

// signIn checks e-mail and password. Every refusal comes half a second after
// the request and is the same whether or not somebody has the address.
func (s *server) signIn(c *call) error {
	arrived := time.Now()
	form, err := c.fields("email", "password", "next")
	if err != nil {
		return err
	}
	refuse := func(status int, v views.SignIn) error {
		if err := s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		v.Email, v.Next = form["email"], form["next"]
		return c.gatePage(status, views.SignInPage(s.gate(c, "Sign in"), v))
	}
	var problems backoffice.Problems
	if form["email"] == "" {
		problems.Add("email", "Enter your e-mail address.")
	}
	if form["password"] == "" {
		problems.Add("password", "Enter your password.")
	}
	if len(problems) > 0 {
		return refuse(http.StatusUnprocessableEntity, views.SignIn{Problems: problems})
	}
	attempt, err := s.attempt(c, form["email"])
	if err != nil {
		return err
	}
	staff, hash, verdict, err := s.checkPassword(c.ctx(), attempt, form["email"], form["password"])
	switch {
	case errors.Is(err, auth.ErrBusy):
		c.Response().Header().Set("Retry-After", "1")
		return err
	case err != nil:
		return err
	case !verdict.Allowed:
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return refuse(http.StatusTooManyRequests, views.SignIn{Refused: tooMany(verdict)})
	case hash == "":
		return refuse(http.StatusUnprocessableEntity, views.SignIn{Refused: "E-mail or password is wrong."})
	}
	if err := s.throttle.Succeeded(c.ctx(), attempt); err != nil {
		return err
	}
	return s.afterPassword(c, staff, attempt.Device, form["next"])
}

// begin signs a member of staff in. A browser that they were not known by yet
// becomes one that they are.
func (s *server) begin(c *call, staff backoffice.Staff, known bool) error {
	return s.beginProved(c, staff, known, time.Time{})
}

// beginProved is begin for who has shown a second factor at that time.
func (s *server) beginProved(c *call, staff backoffice.Staff, known bool, mfaAt time.Time) error {
	if _, err := s.sessions.SignIn(c.Response(), c.Request(), staff, c.RealIP(), mfaAt); err != nil {
		return err
	}
	if known {
		return nil
	}
	return c.store().AddDevice(c.ctx(), staff.Key, s.sessions.NewDevice(c.Response()))
}

// attempt describes a try to sign in under the address that was typed.
func (s *server) attempt(c *call, typed string) (auth.Attempt, error) {
	a := auth.Attempt{Subject: auth.Subject(typed), Network: auth.Network(c.RealIP()), At: c.store().Now()}
	hash, ok := s.sessions.DeviceHash(c.Request())
	if !ok {
		return a, nil
	}
	known, err := c.store().KnownDevice(c.ctx(), canonical(typed), hash)
	a.Device = known
	return a, err
}

// canonical is the address as it is kept, "" for what is none.
func canonical(typed string) string {
	email, err := backoffice.ParseEmail(typed)
	if err != nil {
		return ""
	}
	return string(email)
}

// checkPassword counts the attempt and compares. The same is read and computed
// whether or not somebody has the address. hash is "" when the password is wrong.
func (s *server) checkPassword(ctx context.Context, attempt auth.Attempt, typed, password string) (staff backoffice.Staff, hash string, verdict auth.Verdict, err error) {
	verdict, err = s.throttle.Begin(ctx, attempt, staffLockout)
	if err != nil || !verdict.Allowed {
		return staff, "", verdict, err
	}
	staff, hash, err = s.Store.StaffCredentials(ctx, canonical(typed))
	if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
		return staff, "", verdict, err
	}
	ok, err := s.hasher.Verify(ctx, password, hash)
	if err != nil || !ok {
		return backoffice.Staff{}, "", verdict, err
	}
	return staff, hash, verdict, nil
}

// staffLockout holds for staff whatever the environment asks of users.
var staffLockout = auth.LockoutOf(backoffice.Resolve(backoffice.DefaultEnvironmentPolicy(), nil, backoffice.NamedRules{}).Policy)

func retrySeconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

func tooMany(v auth.Verdict) string {
	wait := "in " + strconv.Itoa(int(math.Ceil(v.RetryAfter.Minutes()))) + " minutes"
	switch {
	case v.RetryAfter <= 30*time.Second:
		wait = "in half a minute"
	case v.RetryAfter <= time.Minute:
		wait = "in a minute"
	}
	return "Too many attempts. Try again " + wait + "."
}

// signOut ends the session, if there is one, and empties what the browser keeps.
func (s *server) signOut(c *call) error {
	if err := s.sessions.SignOut(c.Response(), c.Request()); err != nil {
		return err
	}
	return s.leave(c)
}

func (s *server) leave(c *call) error {
	c.Response().Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return c.goTo("/backoffice/sign-in")
}

func (s *server) showSessions(c *call) error {
	page, err := c.page("Sessions", "")
	if err != nil {
		return err
	}
	list, err := c.store().StaffSessions(c.ctx(), c.actor.Key)
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.SessionsPage(page, views.Sessions{List: list, Current: c.actor.Session, Now: c.store().Now()}))
}

// endSession ends one of one's own sessions; the current one is signed out.
func (s *server) endSession(c *call) error {
	id := c.Param("id")
	if id == c.actor.Session {
		return s.signOut(c)
	}
	if err := c.store().EndStaffSession(c.ctx(), c.actor, id); err != nil {
		return err
	}
	return c.saved("/backoffice/sessions", ui.ToastProps{Text: "Session ended."}, nil)
}

// endSessions signs out everywhere, here too.
func (s *server) endSessions(c *call) error {
	if err := c.store().DeleteOtherStaffSessions(c.ctx(), c.actor.Key, nil); err != nil {
		return err
	}
	return s.signOut(c)
}
