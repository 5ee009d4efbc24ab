package handlers

import (
	"errors"
	"net/http"
	"strings"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
)

// acceptRoutes are what links of invitations lead to. They are public: who holds
// the link may see what it offers, and only the owner of the address accepts.
func (s *server) acceptRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{get, views.InvitationPath, public, s.showInvitation},
		{post, views.InvitationPath, public, s.acceptInvitation},
		{post, views.InvitationPath + "/code", public, s.mailInvitationCode},
		{post, "/sign-in/invitations", public, s.acceptOnTheWayIn},
	}
}

const invitationCookie = "invitation"

// offer is the invitation whose link the browser came with. Where it opens
// nothing, the answer is given and ok is false.
func (s *server) offer(c *call) (o store.InvitationOffer, hash []byte, ok bool, err error) {
	k, err := c.Cookie(s.cookieName(invitationCookie))
	if err != nil {
		return o, nil, false, s.deadInvitation(c)
	}
	if hash, ok = auth.InvitationToken.Hash(k.Value); !ok {
		return o, nil, false, s.deadInvitation(c)
	}
	o, err = c.store().InvitationByLink(c.ctx(), hash)
	if errors.Is(err, backoffice.ErrNotFound) {
		return o, nil, false, s.deadInvitation(c)
	}
	return o, hash, err == nil, err
}

func (s *server) deadInvitation(c *call) error {
	return c.gatePage(http.StatusNotFound, views.DeadInvitationPage(s.gate(c, "Invitation")))
}

// showInvitation says what is offered, and to whom; it accepts nothing. The token
// goes out of the address first.
func (s *server) showInvitation(c *call) error {
	c.Response().Header().Set("X-Robots-Tag", "noindex")
	if _, redirected, err := s.landed(c, invitationCookie, views.InvitationPath); redirected || err != nil {
		return err
	}
	o, _, ok, err := s.offer(c)
	if !ok {
		return err
	}
	return s.invitationPage(c, http.StatusOK, o, views.InvitationForm{CodeSent: c.QueryParam("code") == "sent"})
}

// invitationPage is the page for who holds the link: a new user sets a password,
// a known one signs in and confirms, and who is signed in as somebody else is
// refused.
func (s *server) invitationPage(c *call, status int, o store.InvitationOffer, f views.InvitationForm) error {
	page := s.gate(c, "Invitation")
	in, signedIn, err := s.users.Current(c.Request())
	switch {
	case err != nil:
		return err
	case signedIn && in.User.Key != o.UserKey:
		return c.gatePage(http.StatusForbidden, views.OtherUserPage(page, in.User.Email))
	case o.SetsPassword:
		f.Invitation, f.Policy, f.AsksCode = o.Invitation, o.Policy, o.AsksCode
		return c.gatePage(status, views.NewUserPage(page, f))
	case signedIn:
		return c.gatePage(status, views.ConfirmInvitationPage(page, o.Invitation))
	}
	return c.gatePage(status, views.SignInToAcceptPage(page, o.Invitation))
}

// acceptInvitation uses the link up.
func (s *server) acceptInvitation(c *call) error {
	form, err := c.fields("name", "password", "again", "code")
	if err != nil {
		return err
	}
	o, hash, ok, err := s.offer(c)
	if !ok {
		return err
	}
	in, signedIn, err := s.users.Current(c.Request())
	switch {
	case err != nil:
		return err
	case signedIn && in.User.Key != o.UserKey, !signedIn && !o.SetsPassword:
		return s.invitationPage(c, http.StatusForbidden, o, views.InvitationForm{})
	case o.SetsPassword:
		return s.acceptAsNewUser(c, o, hash, form)
	}
	if _, err := c.store().AcceptAsUser(c.ctx(), in.Actor(c.RealIP()), hash); errors.Is(err, backoffice.ErrNotFound) {
		return s.deadInvitation(c)
	} else if err != nil {
		return err
	}
	s.dropInvitation(c)
	c.in = in
	if _, err := s.switchTo(c, o.AccountID); errors.Is(err, backoffice.ErrNotFound) {
		return c.goTo("/sign-in")
	} else if err != nil {
		return err
	}
	return c.goTo("/portal")
}

func (s *server) dropInvitation(c *call) {
	c.SetCookie(s.cookie(s.cookieName(invitationCookie), "", -1))
}

// acceptAsNewUser sets name and password under the policy in force. The sign-in
// goes on from here: what else the policy demands comes next.
func (s *server) acceptAsNewUser(c *call, o store.InvitationOffer, hash []byte, form map[string]string) error {
	f := views.InvitationForm{Name: form["name"], Code: form["code"], CodeSent: true}
	refuse := func(p backoffice.Problems) error {
		f.Problems = p
		return s.invitationPage(c, http.StatusUnprocessableEntity, o, f)
	}
	problems := s.newUserPassword(o.Policy, form["password"], form["again"], o.Email, o.AccountName)
	if name, err := backoffice.CleanName(form["name"], backoffice.MaxName); err != nil {
		problems.Add("name", err.Error())
	} else if name == "" {
		problems.Add("name", "Enter your name.")
	}
	code := strings.Join(strings.Fields(form["code"]), "")
	if o.AsksCode && code == "" {
		problems.Add("code", "Enter the code from the mail.")
	}
	if len(problems) == 0 && o.Policy.History > 0 {
		again, err := s.usedBefore(c.ctx(), o.UserKey, form["password"], o.Policy.History)
		if err != nil {
			return err
		}
		if again != "" {
			problems.Add("password", again)
		}
	}
	if len(problems) > 0 {
		return refuse(problems)
	}
	password, err := s.hasher.Hash(c.ctx(), form["password"])
	if err != nil {
		return err
	}
	token, pending := auth.PendingSignInToken.New()
	_, err = c.store().AcceptAsNewUser(c.ctx(), hash, store.NewUser{Name: form["name"], PasswordHash: password, Code: code, Pending: pending, Address: c.RealIP()})
	switch {
	case errors.Is(err, store.ErrWrongCode):
		return refuse(backoffice.Problems{"code": "That is not the code that was mailed last, or it was wrong too often. Ask for another one."})
	case errors.As(err, &problems):
		return refuse(problems)
	case errors.Is(err, backoffice.ErrNotFound):
		return s.deadInvitation(c)
	case err != nil:
		return err
	}
	s.dropInvitation(c)
	return s.goOn(c, token, pending)
}

// mailInvitationCode has a code mailed to the address of the invitation; how
// often is bounded like any mail that somebody can ask for.
func (s *server) mailInvitationCode(c *call) error {
	if _, err := c.posted(); err != nil {
		return err
	}
	o, hash, ok, err := s.offer(c)
	if !ok {
		return err
	}
	attempt := auth.Attempt{Subject: "mail " + auth.UserSubject(o.Email), Network: auth.Network(c.RealIP()), At: s.now()}
	verdict, err := s.throttle.Begin(c.ctx(), attempt, mailLockout)
	if err != nil {
		return err
	}
	if !verdict.Allowed {
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return s.invitationPage(c, http.StatusTooManyRequests, o, views.InvitationForm{CodeSent: true, Problems: backoffice.Problems{"code": tooMany(verdict)}})
	}
	if err := c.store().MailInvitationCode(c.ctx(), hash); errors.Is(err, backoffice.ErrNotFound) {
		return s.deadInvitation(c)
	} else if err != nil {
		return err
	}
	return c.goTo(views.InvitationPath + "?code=sent")
}

// acceptOnTheWayIn accepts an invitation on a page of the sign-in, and enters
// its account.
func (s *server) acceptOnTheWayIn(c *call) error {
	form, err := c.fields("invitation")
	if err != nil {
		return err
	}
	_, hash, ok, err := s.underWay(c, backoffice.StepNone, backoffice.StepChoose, backoffice.StepEnter)
	if !ok {
		return err
	}
	i, err := c.store().AcceptOnTheWayIn(c.ctx(), hash, form["invitation"], c.RealIP())
	if errors.Is(err, backoffice.ErrNotFound) {
		return s.deadInvitation(c)
	}
	if err != nil {
		return err
	}
	p, err := c.store().PendingSignIn(c.ctx(), hash)
	if err != nil {
		return err
	}
	return s.enter(c, p, hash, i.AccountID)
}

// openInvitations are the invitations that a user on the way in is shown: those
// of a proved address.
func (c *call) openInvitations(p store.PendingSignIn) ([]backoffice.InvitationRow, error) {
	if !p.User.Verified {
		return nil, nil
	}
	return c.store().UserInvitations(c.ctx(), p.User.Key)
}
