package handlers

import (
	"net/http"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

func (s *server) showPassword(c *call) error {
	page, err := c.page("Change password", "")
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.PasswordPage(page, c.actor.Email, nil))
}

// changePassword asks for the current password, as often as sign-in would; then
// every other session ends and this one gets a new cookie.
func (s *server) changePassword(c *call) error {
	arrived := time.Now()
	form, err := c.fields("current", "password", "again")
	if err != nil {
		return err
	}
	refuse := func(status int, p backoffice.Problems) error {
		page, err := c.page("Change password", "")
		if err != nil {
			return err
		}
		return c.render(status, page, views.PasswordPage(page, c.actor.Email, p))
	}
	problems := newPassword(form["password"], form["again"], c.actor.Email)
	if form["current"] == "" {
		problems.Add("current", "Enter the password that you have.")
	} else if backoffice.NormalPassword(form["current"]) == backoffice.NormalPassword(form["password"]) {
		problems.Add("password", "That is the password you have.")
	}
	if len(problems) > 0 {
		return refuse(http.StatusUnprocessableEntity, problems)
	}
	attempt, err := s.attempt(c, c.actor.Email)
	if err != nil {
		return err
	}
	staff, verified, verdict, err := s.checkPassword(c.ctx(), attempt, c.actor.Email, form["current"])
	switch {
	case err != nil:
		return err
	case !verdict.Allowed:
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return refuse(http.StatusTooManyRequests, backoffice.Problems{"current": tooMany(verdict)})
	case verified == "" || staff.Key != c.actor.Key:
		if err := s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		return refuse(http.StatusUnprocessableEntity, backoffice.Problems{"current": "That is not your password."})
	}
	if err := s.throttle.Succeeded(c.ctx(), attempt); err != nil {
		return err
	}
	hash, err := s.hasher.Hash(c.ctx(), form["password"])
	if err != nil {
		return err
	}
	signedIn, _, err := s.sessions.Current(c.Request())
	if err != nil {
		return err
	}
	if err := c.store().ChangePassword(c.ctx(), c.actor, staff.Key, verified, hash, signedIn.Hash()); err != nil {
		return err
	}
	if _, err := s.sessions.Rotate(c.Response(), c.Request()); err != nil {
		return err
	}
	if err := c.store().AddDevice(c.ctx(), staff.Key, s.sessions.NewDevice(c.Response())); err != nil {
		return err
	}
	return c.saved("/backoffice/sessions", ui.ToastProps{Text: "Password changed. Your other sessions were ended."}, nil)
}

// newPassword says what is wrong with a password typed twice.
func newPassword(password, again, email string) backoffice.Problems {
	problems := backoffice.Problems{}
	if password == "" {
		problems.Add("password", "Enter a password.")
	} else if wrong := backoffice.CheckPassword(backoffice.Passphrase.Complexity(), password, backoffice.Email(canonical(email)), ""); len(wrong) > 0 {
		for i, w := range wrong {
			if i > 0 {
				wrong[0] += " " + w
			}
		}
		problems.Add("password", wrong[0])
	} else if again != password {
		problems.Add("again", "The two are not the same.")
	}
	return problems
}
