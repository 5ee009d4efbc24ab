package handlers

import (
	"errors"
	"net/http"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
)

func (s *server) signInLinkRoutes() []route {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	return []route{
		{post, "/sign-in/link", public, s.askForLink},
		{get, "/sign-in/link", public, s.showLink},
		{post, "/sign-in/link/use", public, s.useLink},
		{post, "/sign-in/reset", public, s.askForReset},
		{get, "/sign-in/reset", public, s.showReset},
		{post, "/sign-in/reset/password", public, s.resetPassword},
		{get, "/sign-in/mail", public, s.showMailSent},
	}
}

// mailLockout is how many mails an address is sent before the next one has to
// wait, whether or not somebody has it.
var mailLockout = auth.Lockout{Attempts: 10, For: 15 * time.Minute}

func (s *server) askForLink(c *call) error  { return s.askForMail(c, store.LinkSignIn) }
func (s *server) askForReset(c *call) error { return s.askForMail(c, store.LinkReset) }

// askForMail has a link mailed to the address, if a user has it. The answer is
// the same, and comes at the same time, when nobody does.
func (s *server) askForMail(c *call, purpose string) error {
	arrived := time.Now()
	form, err := c.fields("email")
	if err != nil {
		return err
	}
	email := canonical(form["email"])
	if email == "" {
		return c.Redirect(http.StatusSeeOther, s.link("/sign-in"))
	}
	w, _ := s.wayIn(c)
	attempt := auth.Attempt{Subject: "mail " + auth.UserSubject(email), Network: auth.Network(c.RealIP()), At: s.now()}
	verdict, err := s.throttle.Begin(c.ctx(), attempt, mailLockout)
	if err != nil {
		return err
	}
	if verdict.Allowed {
		mint := auth.SignInLinkToken.New
		if purpose == store.LinkReset {
			mint = auth.ResetLinkToken.New
		}
		if err := c.store().MailLink(c.ctx(), purpose, email, w.Next, mint); err != nil && !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
	}
	if err := s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
		return err
	}
	if !verdict.Allowed {
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return c.gatePage(http.StatusTooManyRequests, views.WaysPage(s.gate(c, "Sign in"), views.Ways{Email: email, Refused: tooMany(verdict), More: s.passkeyWay("")}))
	}
	s.putWayIn(c, wayIn{Email: email, Next: w.Next})
	return c.Redirect(http.StatusSeeOther, s.link("/sign-in/mail"))
}

func (s *server) showMailSent(c *call) error {
	w, ok := s.wayIn(c)
	if !ok {
		return c.Redirect(http.StatusSeeOther, s.link("/sign-in"))
	}
	return c.gatePage(http.StatusOK, views.MailSentPage(s.gate(c, "Look into your mail"), w.Email))
}

// landed takes the token out of the address of a link, into a cookie that lives
// shortly, and leads to the address without it: nobody who sees the browser's
// history or a log holds a link (security.md, T-29).
func (s *server) landed(c *call, cookie, path string) (token string, redirected bool, err error) {
	if token := c.QueryParam("token"); token != "" {
		c.SetCookie(s.cookie(s.cookieName(cookie), token, 30*60))
		return "", true, c.Redirect(http.StatusSeeOther, s.link(path))
	}
	k, err := c.Cookie(s.cookieName(cookie))
	if err != nil {
		return "", false, nil
	}
	return k.Value, false, nil
}

func (s *server) deadLink(c *call) error {
	return c.gatePage(http.StatusNotFound, views.DeadLinkPage(s.gate(c, "This link does not open")))
}

// showLink asks whether to sign in: a page that a program opens before the user
// does uses nothing up.
func (s *server) showLink(c *call) error {
	token, redirected, err := s.landed(c, "sign-in-link", "/sign-in/link")
	if redirected || err != nil {
		return err
	}
	hash, _ := auth.SignInLinkToken.Hash(token)
	l, err := c.store().MailedLink(c.ctx(), store.LinkSignIn, hash)
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadLink(c)
	}
	if err != nil {
		return err
	}
	return c.gatePage(http.StatusOK, views.LinkPage(s.gate(c, "Sign in"), l.Email))
}

func (s *server) useLink(c *call) error {
	k, err := c.Cookie(s.cookieName("sign-in-link"))
	if err != nil {
		return s.deadLink(c)
	}
	link, _ := auth.SignInLinkToken.Hash(k.Value)
	l, err := c.store().MailedLink(c.ctx(), store.LinkSignIn, link)
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadLink(c)
	}
	if err != nil {
		return err
	}
	_, remembered, err := s.userAttempt(c, l.Email)
	if err != nil {
		return err
	}
	token, hash := auth.PendingSignInToken.New()
	if _, err := c.store().UseSignInLink(c.ctx(), link, hash, remembered); errors.Is(err, backoffice.ErrNotFound) {
		return s.deadLink(c)
	} else if err != nil {
		return err
	}
	c.SetCookie(s.cookie(s.cookieName("sign-in-link"), "", -1))
	return s.goOn(c, token, hash)
}

func (s *server) showReset(c *call) error {
	token, redirected, err := s.landed(c, "reset-link", "/sign-in/reset")
	if redirected || err != nil {
		return err
	}
	hash, _ := auth.ResetLinkToken.Hash(token)
	return s.resetPage(c, hash, http.StatusOK, nil)
}

func (s *server) resetPage(c *call, hash []byte, status int, problems backoffice.Problems) error {
	l, err := c.store().MailedLink(c.ctx(), store.LinkReset, hash)
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadLink(c)
	}
	if err != nil {
		return err
	}
	policy, err := c.store().UserPolicy(c.ctx(), l.User.Key)
	if err != nil {
		return err
	}
	return c.gatePage(status, views.ResetPage(s.gate(c, "Set a new password"), views.Reset{Email: l.Email, Policy: policy, Problems: problems}))
}

// resetPassword sets a new password by a mailed link. It signs nobody in: the
// next sign-in asks for everything that the policy demands (security.md, T-47).
func (s *server) resetPassword(c *call) error {
	form, err := c.fields("password", "again")
	if err != nil {
		return err
	}
	k, err := c.Cookie(s.cookieName("reset-link"))
	if err != nil {
		return s.deadLink(c)
	}
	link, _ := auth.ResetLinkToken.Hash(k.Value)
	l, err := c.store().MailedLink(c.ctx(), store.LinkReset, link)
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadLink(c)
	}
	if err != nil {
		return err
	}
	policy, err := c.store().UserPolicy(c.ctx(), l.User.Key)
	if err != nil {
		return err
	}
	problems := s.newUserPassword(policy, form["password"], form["again"], l.Email, "")
	if len(problems) == 0 && policy.History > 0 {
		again, err := s.usedBefore(c.ctx(), l.User.Key, form["password"], policy.History)
		if err != nil {
			return err
		}
		if again != "" {
			problems.Add("password", again)
		}
	}
	if len(problems) > 0 {
		return s.resetPage(c, link, http.StatusUnprocessableEntity, problems)
	}
	hash, err := s.hasher.Hash(c.ctx(), form["password"])
	if err != nil {
		return err
	}
	if _, err := c.store().UseResetLink(c.ctx(), link, hash, c.RealIP()); errors.Is(err, backoffice.ErrNotFound) {
		return s.deadLink(c)
	} else if err != nil {
		return err
	}
	c.SetCookie(s.cookie(s.cookieName("reset-link"), "", -1))
	s.putWayIn(c, wayIn{Email: l.Email, Next: l.Next})
	return c.gatePage(http.StatusOK, views.ResetDonePage(s.gate(c, "Password set")))
}
