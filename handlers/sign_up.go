package handlers

import (
	"errors"
	"net/http"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// signUpRoutes are the way in for who signs up by themselves, and the settings
// that open it.
func (s *server) signUpRoutes() []route {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	return []route{
		{get, "/sign-up", public, s.showSignUp},
		{post, "/sign-up", public, s.signUp},
		{get, "/sign-up/mail", public, s.showSignUpMail},
		{post, "/sign-up/link", public, s.sendVerifyLink},
		{get, "/sign-up/verify", public, s.showVerify},
		{post, "/sign-up/verify", public, s.verifyAddress},
		{get, views.SignUpSettingsPath, backoffice.ReadSettings, s.showSignUpSettings},
		{post, views.SignUpSettingsPath, backoffice.WriteSettings, s.saveSignUpSettings},
	}
}

func (s *server) showSignUpSettings(c *call) error {
	settings, err := c.store().SignUpSettings(c.ctx())
	if err != nil {
		return err
	}
	page, err := c.page("Sign-up", views.PartSettings)
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.SignUpSettingsPage(page, views.SignUpSettings{SignUpSettings: settings,
		Address: s.PublicURL.JoinPath("sign-up").String(), MayWrite: c.may(backoffice.WriteSettings), Owner: c.may(backoffice.WriteStaff)}))
}

func (s *server) saveSignUpSettings(c *call) error {
	form, err := c.fields("open", "verify")
	if err != nil {
		return err
	}
	settings := backoffice.SignUpSettings{Open: form["open"] != "", Verify: form["verify"] != ""}
	if err := c.store().SaveSignUpSettings(c.ctx(), c.actor, settings); err != nil {
		return err
	}
	text := "Saved. People cannot sign up by themselves."
	if settings.Open {
		text = "Saved. People can sign up by themselves."
	}
	return c.saved(views.SignUpSettingsPath, ui.ToastProps{Text: text}, nil)
}

// signUpPage draws the form of a sign-up; the rules of the password are those of
// the environment, since there is no account yet.
func (s *server) signUpPage(c *call, status int, v views.SignUp) error {
	state, err := c.store().EnvironmentPolicy(c.ctx())
	if err != nil {
		return err
	}
	v.Policy = state.InForce.Policy
	return c.gatePage(status, views.SignUpPage(s.gate(c, "Sign up"), v))
}

func (s *server) showSignUp(c *call) error {
	settings, err := c.store().SignUpSettings(c.ctx())
	if err != nil {
		return err
	}
	if !settings.Open {
		return backoffice.ErrNotFound
	}
	if _, ok, err := s.users.Current(c.Request()); err != nil {
		return err
	} else if ok {
		return c.Redirect(http.StatusSeeOther, s.link("/portal"))
	}
	return s.signUpPage(c, http.StatusOK, views.SignUp{Next: c.QueryParam("next")})
}

// signUp makes an account with its first user. Where verification is on, the
// answer is the same and comes at the same time when a user has the address
// already: then a mail tells its owner. Where it is off, who is new is in at once,
// and cannot but be told apart.
func (s *server) signUp(c *call) error {
	arrived := time.Now()
	form, err := c.fields("email", "name", "account", "password", "again", "next")
	if err != nil {
		return err
	}
	settings, err := c.store().SignUpSettings(c.ctx())
	if err != nil {
		return err
	}
	if !settings.Open {
		return backoffice.ErrNotFound
	}
	n := backoffice.NewSignUp{Email: form["email"], Name: form["name"], Account: form["account"]}
	clean, problems := n.Clean()
	state, err := c.store().EnvironmentPolicy(c.ctx())
	if err != nil {
		return err
	}
	for field, sentence := range s.newUserPassword(state.InForce.Policy, form["password"], form["again"], n.Email, n.Account) {
		problems.Add(field, sentence)
	}
	if len(problems) > 0 {
		return s.signUpPage(c, http.StatusUnprocessableEntity, views.SignUp{New: n, Next: form["next"], Problems: problems})
	}
	attempt := auth.Attempt{Subject: "mail " + auth.UserSubject(clean.Email), Network: auth.Network(c.RealIP()), At: s.now()}
	verdict, err := s.throttle.Begin(c.ctx(), attempt, mailLockout)
	if err != nil {
		return err
	}
	if !verdict.Allowed {
		if err := s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return s.signUpPage(c, http.StatusTooManyRequests, views.SignUp{New: n, Next: form["next"], Refused: tooMany(verdict)})
	}
	hash, err := s.hasher.Hash(c.ctx(), form["password"])
	if err != nil {
		if errors.Is(err, auth.ErrBusy) {
			c.Response().Header().Set("Retry-After", "1")
		}
		return err
	}
	out, err := c.store().SignUp(c.ctx(), clean, hash, c.RealIP(), form["next"], auth.VerifyLinkToken.New)
	if err != nil {
		return err
	}
	if err := s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
		return err
	}
	if out.Mailed {
		s.putWayIn(c, wayIn{Email: clean.Email, Next: form["next"]})
		return c.Redirect(http.StatusSeeOther, s.link("/sign-up/mail"))
	}
	token, pending := auth.PendingSignInToken.New()
	if err := c.store().BeginSignIn(c.ctx(), out.User.Key, backoffice.ByPassword, pending, false, form["next"]); err != nil {
		return err
	}
	return s.goOn(c, token, pending)
}

func (s *server) showSignUpMail(c *call) error {
	w, ok := s.wayIn(c)
	if !ok {
		return c.Redirect(http.StatusSeeOther, s.link("/sign-in"))
	}
	return c.gatePage(http.StatusOK, views.SignUpMailPage(s.gate(c, "Look into your mail"), w.Email))
}

// sendVerifyLink mails the link again, to who has shown the password and stands
// before the door.
func (s *server) sendVerifyLink(c *call) error {
	p, _, ok, err := s.underWay(c, backoffice.StepVerify)
	if !ok {
		return err
	}
	attempt := auth.Attempt{Subject: "mail " + auth.UserSubject(p.User.Email), Network: auth.Network(c.RealIP()), At: s.now()}
	verdict, err := s.throttle.Begin(c.ctx(), attempt, mailLockout)
	if err != nil {
		return err
	}
	if !verdict.Allowed {
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return c.gatePage(http.StatusTooManyRequests, views.StopPage(s.gate(c, "Prove your address"), p.User.Email, true, nil, tooMany(verdict)))
	}
	if err := c.store().MailLink(c.ctx(), store.LinkVerify, p.User.Email, p.Next, auth.VerifyLinkToken.New); err != nil && !errors.Is(err, backoffice.ErrNotFound) {
		return err
	}
	s.putWayIn(c, wayIn{Email: p.User.Email, Next: p.Next})
	return c.Redirect(http.StatusSeeOther, s.link("/sign-up/mail"))
}

// verifyLink finds the mailed link that the browser came with. Errors:
// ErrNotFound.
func (s *server) verifyLink(c *call) (link []byte, l store.MailedLink, err error) {
	k, err := c.Cookie(s.cookieName("verify-link"))
	if err != nil {
		return nil, l, backoffice.ErrNotFound
	}
	link, _ = auth.VerifyLinkToken.Hash(k.Value)
	l, err = c.store().MailedLink(c.ctx(), store.LinkVerify, link)
	return link, l, err
}

func (s *server) showVerify(c *call) error {
	if _, redirected, err := s.landed(c, "verify-link", "/sign-up/verify"); redirected || err != nil {
		return err
	}
	_, l, err := s.verifyLink(c)
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadLink(c)
	}
	if err != nil {
		return err
	}
	return c.gatePage(http.StatusOK, views.VerifyPage(s.gate(c, "Prove your address"), views.Ways{Email: l.Email}))
}

// verifyAddress proves the address of a sign-up by the mailed link and the
// password together. Somebody else may have signed up with it: they have the
// password and not the mail, its owner has the mail and not the password, and
// neither gets in by this door. The owner who wants in nevertheless asks for a
// link to sign in or for a new password, which forget what the other set
// (security.md, T-21). So nobody who signed up for themselves loses what they
// chose.
func (s *server) verifyAddress(c *call) error {
	arrived := time.Now()
	form, err := c.fields("password")
	if err != nil {
		return err
	}
	link, l, err := s.verifyLink(c)
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadLink(c)
	}
	if err != nil {
		return err
	}
	refuse := func(status int, v views.Ways) error {
		if err := s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		v.Email = l.Email
		return c.gatePage(status, views.VerifyPage(s.gate(c, "Prove your address"), v))
	}
	if form["password"] == "" {
		return refuse(http.StatusUnprocessableEntity, views.Ways{Problems: backoffice.Problems{"password": "Enter the password that you chose."}})
	}
	attempt, remembered, err := s.userAttempt(c, l.Email)
	if err != nil {
		return err
	}
	user, _, verdict, err := s.checkUserPassword(c.ctx(), attempt, l.Email, form["password"])
	switch {
	case errors.Is(err, auth.ErrBusy):
		c.Response().Header().Set("Retry-After", "1")
		return err
	case err != nil:
		return err
	case !verdict.Allowed:
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return refuse(http.StatusTooManyRequests, views.Ways{Refused: tooMany(verdict)})
	case user.Key != l.User.Key || user.Locked:
		return refuse(http.StatusUnprocessableEntity, views.Ways{Problems: backoffice.Problems{"password": "That is not the password that was chosen at sign-up."}})
	}
	if err := s.throttle.Succeeded(c.ctx(), attempt); err != nil {
		return err
	}
	if _, err := c.store().UseVerifyLink(c.ctx(), link, user.Key, c.RealIP()); errors.Is(err, backoffice.ErrNotFound) {
		return s.deadLink(c)
	} else if err != nil {
		return err
	}
	c.SetCookie(s.cookie(s.cookieName("verify-link"), "", -1))
	token, pending := auth.PendingSignInToken.New()
	if err := c.store().BeginSignIn(c.ctx(), user.Key, backoffice.ByPassword, pending, remembered, l.Next); err != nil {
		return err
	}
	return s.goOn(c, token, pending)
}
