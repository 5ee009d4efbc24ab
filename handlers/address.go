package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

const (
	confirmAddressPath = "/profile/address/confirm"
	returnAddressPath  = "/sign-in/address"
)

// addressRoutes are what is asked for in a session, to change one's address.
func (s *server) addressRoutes() []portalRoute {
	const post = http.MethodPost
	return []portalRoute{
		{post, "/profile/address", anyUser, s.askNewAddress},
		{post, confirmAddressPath, anyUser, s.confirmAddress},
	}
}

// addressLinkRoutes are where the mailed link lands: it leaves the address bar
// before anybody is asked to sign in, so that it is part of no other address.
func (s *server) addressLinkRoutes() []route {
	return []route{{http.MethodGet, confirmAddressPath, public, s.showNewAddress}}
}

// addressReturnRoutes are for who has lost the address of their user to somebody
// who was in as them: nobody is signed in, the mailed link opens.
func (s *server) addressReturnRoutes() []route {
	return []route{
		{http.MethodGet, returnAddressPath, public, s.showAddressReturn},
		{http.MethodPost, returnAddressPath + "/restoration", public, s.returnAddress},
	}
}

// showAddressReturn asks before anything happens: a program that opens links of
// mails takes no address back.
func (s *server) showAddressReturn(c *call) error {
	token, redirected, err := s.landed(c, "return-link", returnAddressPath)
	if redirected || err != nil {
		return err
	}
	hash, _ := auth.ReturnLinkToken.Hash(token)
	l, err := c.store().MailedLink(c.ctx(), store.LinkReturn, hash)
	if errors.Is(err, backoffice.ErrNotFound) || err == nil && l.User.Email == l.Email {
		return s.deadLink(c)
	}
	if err != nil {
		return err
	}
	return c.gatePage(http.StatusOK, views.AddressReturnPage(s.gate(c, "Take your address back"), l.Email, l.Taken))
}

func (s *server) returnAddress(c *call) error {
	k, err := c.Cookie(s.cookieName("return-link"))
	if err != nil {
		return s.deadLink(c)
	}
	link, _ := auth.ReturnLinkToken.Hash(k.Value)
	l, err := c.store().UseReturnLink(c.ctx(), link, c.RealIP(), auth.ResetLinkToken.New)
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadLink(c)
	}
	if err != nil {
		return err
	}
	c.SetCookie(s.cookie(s.cookieName("return-link"), "", -1))
	if l.Taken {
		return c.gatePage(http.StatusConflict, views.AddressFrozenPage(s.gate(c, "Your user is locked"), l.Email))
	}
	s.putWayIn(c, wayIn{Email: l.Email})
	return c.gatePage(http.StatusOK, views.AddressReturnedPage(s.gate(c, "The address is yours again")))
}

// askNewAddress mails a link to the address that a user wants. It asks for the
// password as often as sign-in would, and answers alike whether or not somebody
// has the address.
func (s *server) askNewAddress(c *call) error {
	arrived := time.Now()
	form, err := c.fields("new_email", "address_password")
	if err != nil {
		return err
	}
	refuse := func(status int, p backoffice.Problems) error {
		if err := s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		return s.profile(c, status, views.Profile{NewEmail: form["new_email"], Problems: p})
	}
	problems := backoffice.Problems{}
	if form["new_email"] == "" {
		problems.Add("new_email", "Enter the address that you want to sign in with.")
	} else if _, err := backoffice.ParseEmail(form["new_email"]); err != nil {
		problems.Add("new_email", err.Error())
	}
	_, hash, err := c.store().UserCredentials(c.ctx(), c.actor.Email)
	if err != nil {
		return err
	}
	switch {
	case hash != "" && form["address_password"] == "":
		problems.Add("address_password", "Enter the password that you have.")
	case hash == "" && s.now().Sub(c.in.ProvedAt) > backoffice.ReauthMinutes*time.Minute:
		problems.Add("new_email", "You have no password to show: sign out and in again, and change the address within five minutes of it.")
	}
	if len(problems) > 0 {
		return refuse(http.StatusUnprocessableEntity, problems)
	}
	if hash != "" {
		attempt, _, err := s.userAttempt(c, c.actor.Email)
		if err != nil {
			return err
		}
		user, _, verdict, err := s.checkUserPassword(c.ctx(), attempt, c.actor.Email, form["address_password"])
		switch {
		case err != nil:
			return err
		case !verdict.Allowed:
			c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
			return refuse(http.StatusTooManyRequests, backoffice.Problems{"address_password": tooMany(verdict)})
		case user.Key != c.actor.Key:
			return refuse(http.StatusUnprocessableEntity, backoffice.Problems{"address_password": "That is not your password."})
		}
		if err := s.throttle.Succeeded(c.ctx(), attempt); err != nil {
			return err
		}
	}
	// Mail to any address on a user's word: as often as anybody may ask for it.
	attempt := auth.Attempt{Subject: "mail " + auth.UserSubject(c.actor.Email), Network: auth.Network(c.RealIP()), At: s.now()}
	verdict, err := s.throttle.Begin(c.ctx(), attempt, mailLockout)
	if err != nil {
		return err
	}
	if !verdict.Allowed {
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return refuse(http.StatusTooManyRequests, backoffice.Problems{"new_email": tooMany(verdict)})
	}
	email, err := c.store().AskNewAddress(c.ctx(), c.actor, form["new_email"], auth.ChangeLinkToken.New)
	if p, ok := problemsOf(err); ok {
		return refuse(http.StatusUnprocessableEntity, backoffice.Problems{"new_email": p["email"]})
	}
	if err != nil {
		return err
	}
	if err := s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
		return err
	}
	return c.saved("/profile", ui.ToastProps{Text: "A mail is on its way to " + email + ". Open its link within 30 minutes; until then your address stays."}, nil)
}

// changeLink finds the mailed link that the browser came with. Errors:
// ErrNotFound, also for one of another user.
func (s *server) changeLink(c *call, in auth.UserIn) (link []byte, l store.MailedLink, err error) {
	k, err := c.Cookie(s.cookieName("change-link"))
	if err != nil {
		return nil, l, backoffice.ErrNotFound
	}
	link, _ = auth.ChangeLinkToken.Hash(k.Value)
	if l, err = c.store().MailedLink(c.ctx(), store.LinkChange, link); err == nil && l.User.Key != in.User.Key {
		err = backoffice.ErrNotFound
	}
	return link, l, err
}

func (s *server) showNewAddress(c *call) error {
	token, redirected, err := s.landed(c, "change-link", confirmAddressPath)
	if redirected || err != nil {
		return err
	}
	if token == "" {
		return s.deadLink(c)
	}
	in, ok, err := s.users.Current(c.Request())
	if err != nil {
		return err
	}
	if !ok {
		return c.Redirect(http.StatusSeeOther, s.link("/sign-in?next="+url.QueryEscape(confirmAddressPath)))
	}
	_, l, err := s.changeLink(c, in)
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadLink(c)
	}
	if err != nil {
		return err
	}
	return c.gatePage(http.StatusOK, views.NewAddressPage(s.gate(c, "Confirm your new address"), l.User.Email, l.Email, ""))
}

// confirmAddress gives the user the address that the link was mailed to.
func (s *server) confirmAddress(c *call) error {
	link, l, err := s.changeLink(c, c.in)
	if err == nil {
		_, err = c.store().UseChangeLink(c.ctx(), c.actor, link, c.in.Hash(), auth.ReturnLinkToken.New)
	}
	if p, ok := problemsOf(err); ok {
		return c.gatePage(http.StatusUnprocessableEntity, views.NewAddressPage(s.gate(c, "Confirm your new address"), l.User.Email, l.Email, p["email"]))
	}
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadLink(c)
	}
	if err != nil {
		return err
	}
	if err := s.users.Rotate(c.Response(), c.Request(), false); err != nil {
		return err
	}
	c.SetCookie(s.cookie(s.cookieName("change-link"), "", -1))
	return c.saved("/profile", ui.ToastProps{Text: "You sign in with " + l.Email + " from now on. Your other sessions were ended."}, nil)
}
