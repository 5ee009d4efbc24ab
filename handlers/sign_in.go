package handlers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
)

// signInRoutes are the way in for users. They are public; what each of them may
// do follows from the sign-in under way, see backoffice.NextStep.
func (s *server) signInRoutes() []route {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	return []route{
		{get, "/sign-in", public, s.showAddress},
		{post, "/sign-in", public, s.takeAddress},
		{get, "/sign-in/password", public, s.showWays},
		{post, "/sign-in/password", public, s.takePassword},
		{get, "/sign-in/accounts", public, s.showChoice},
		{post, "/sign-in/accounts", public, s.takeChoice},
		{get, "/sign-in/stop", public, s.showStop},
		{post, "/sign-in/cancel", public, s.cancelSignIn},
		{post, "/sign-out", public, s.signOutUser},
	}
}

// wayIn is what a browser carries from the address to the next page. Nothing in
// it is trusted: it is what the visitor typed.
type wayIn struct {
	Email string `json:"e"`
	Next  string `json:"n,omitempty"`
}

const wayInSeconds = 30 * 60

func (s *server) putWayIn(c *call, w wayIn) {
	b, err := json.Marshal(w)
	if err != nil || len(b) > 2500 {
		return
	}
	c.SetCookie(s.cookie(s.cookieName("way-in"), base64.RawURLEncoding.EncodeToString(b), wayInSeconds))
}

func (s *server) wayIn(c *call) (w wayIn, ok bool) {
	k, err := c.Cookie(s.cookieName("way-in"))
	if err != nil {
		return w, false
	}
	b, err := base64.RawURLEncoding.DecodeString(k.Value)
	if err != nil || json.Unmarshal(b, &w) != nil {
		return w, false
	}
	return w, canonical(w.Email) != ""
}

func (s *server) dropWayIn(c *call) { c.SetCookie(s.cookie(s.cookieName("way-in"), "", -1)) }

// showAddress asks for the e-mail address alone: what comes next is the same for
// every one.
func (s *server) showAddress(c *call) error {
	next := c.QueryParam("next")
	w, _ := s.wayIn(c)
	if c.QueryParam("change") != "" {
		next = w.Next
	}
	if in, ok, err := s.users.Current(c.Request()); err != nil {
		return err
	} else if ok {
		// An application may want the credentials of who is signed in to be shown again.
		a, waits, err := s.askedFor(c, next)
		if err != nil {
			return err
		}
		if waits && a.Satisfied(in.SignedInUser) {
			return s.onward(c, a.path())
		}
		if !waits {
			return c.Redirect(http.StatusSeeOther, s.safeNext(next, "/portal"))
		}
	}
	return s.addressPage(c, http.StatusOK, views.Address{Email: w.Email, Next: next})
}

func (s *server) addressPage(c *call, status int, v views.Address) error {
	settings, err := c.store().SignUpSettings(c.ctx())
	if err != nil {
		return err
	}
	v.SignUp, v.More = settings.Open, s.passkeyWay(v.Next)
	if v.Toward, err = s.towardFrom(c, v.Next); err != nil {
		return err
	}
	return c.gatePage(status, views.AddressPage(s.gate(c, "Sign in"), v))
}

func (s *server) takeAddress(c *call) error {
	form, err := c.fields("email", "next")
	if err != nil {
		return err
	}
	problem := ""
	switch {
	case form["email"] == "":
		problem = "Enter your e-mail address."
	case canonical(form["email"]) == "":
		_, err := backoffice.ParseEmail(form["email"])
		problem = err.Error()
	}
	if problem != "" {
		return s.addressPage(c, http.StatusUnprocessableEntity, views.Address{Email: form["email"], Next: form["next"], Problems: backoffice.Problems{"email": problem}})
	}
	s.putWayIn(c, wayIn{Email: canonical(form["email"]), Next: form["next"]})
	return c.Redirect(http.StatusSeeOther, s.link("/sign-in/password"))
}

// showWays offers every way to prove the address, whoever has it.
func (s *server) showWays(c *call) error {
	w, ok := s.wayIn(c)
	if !ok {
		return c.Redirect(http.StatusSeeOther, s.link("/sign-in"))
	}
	return c.gatePage(http.StatusOK, views.WaysPage(s.gate(c, "Sign in"), views.Ways{Email: w.Email, More: s.passkeyWay("")}))
}

// takePassword checks a password. Every refusal comes half a second after the
// request and is the same whether or not somebody has the address.
func (s *server) takePassword(c *call) error {
	arrived := time.Now()
	form, err := c.fields("email", "password")
	if err != nil {
		return err
	}
	w, _ := s.wayIn(c)
	email := canonical(form["email"])
	refuse := func(status int, v views.Ways) error {
		if err := s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		v.Email, v.More = form["email"], s.passkeyWay("")
		return c.gatePage(status, views.WaysPage(s.gate(c, "Sign in"), v))
	}
	if email == "" {
		return c.Redirect(http.StatusSeeOther, s.link("/sign-in"))
	}
	if form["password"] == "" {
		return refuse(http.StatusUnprocessableEntity, views.Ways{Problems: backoffice.Problems{"password": "Enter your password."}})
	}
	attempt, remembered, err := s.userAttempt(c, email)
	if err != nil {
		return err
	}
	user, _, verdict, err := s.checkUserPassword(c.ctx(), attempt, email, form["password"])
	switch {
	case errors.Is(err, auth.ErrBusy):
		c.Response().Header().Set("Retry-After", "1")
		return err
	case err != nil:
		return err
	case !verdict.Allowed:
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return refuse(http.StatusTooManyRequests, views.Ways{Refused: tooMany(verdict)})
	case user.Key == 0 || user.Locked:
		return refuse(http.StatusUnprocessableEntity, views.Ways{Refused: "E-mail or password is wrong."})
	}
	if err := s.throttle.Succeeded(c.ctx(), attempt); err != nil {
		return err
	}
	token, hash := auth.PendingSignInToken.New()
	if err := c.store().BeginSignIn(c.ctx(), user.Key, backoffice.ByPassword, hash, remembered, w.Next); err != nil {
		return err
	}
	return s.goOn(c, token, hash)
}

// userAttempt describes a try to sign in as a user, and says whether the browser
// is remembered: then it needs no second factor now.
func (s *server) userAttempt(c *call, email string) (a auth.Attempt, remembered bool, err error) {
	a = auth.Attempt{Subject: auth.UserSubject(email), Network: auth.Network(c.RealIP()), At: s.now()}
	hash, ok := s.users.DeviceHash(c.Request())
	if !ok {
		return a, false, nil
	}
	a.Device, remembered, err = c.store().KnownUserDevice(c.ctx(), email, hash)
	return a, remembered, err
}

// checkUserPassword counts the attempt and compares. The same is read and
// computed whether or not somebody has the address. A user without a key means
// that the password is wrong; hash is the one that it was compared with, as it is
// kept now. A hash made elsewhere, or at another cost, becomes
// one of ours while the password is at hand.
func (s *server) checkUserPassword(ctx context.Context, attempt auth.Attempt, email, password string) (u backoffice.User, hash string, verdict auth.Verdict, err error) {
	policy, err := s.Store.SignInPolicy(ctx, email)
	if err != nil {
		return u, "", verdict, err
	}
	verdict, err = s.throttle.Begin(ctx, attempt, auth.LockoutOf(policy))
	if err != nil || !verdict.Allowed {
		return u, "", verdict, err
	}
	u, hash, err = s.Store.UserCredentials(ctx, email)
	if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
		return backoffice.User{}, "", verdict, err
	}
	ok, err := s.hasher.Verify(ctx, password, hash)
	if err != nil || !ok {
		return backoffice.User{}, "", verdict, err
	}
	if s.hasher.NeedsRehash(hash) {
		fresh, err := s.hasher.Hash(ctx, password)
		if err == nil {
			err = s.Store.RehashPassword(ctx, u.Key, hash, fresh)
		}
		if err != nil {
			s.Log.Warn("a password was not hashed again; it is tried at the next sign-in", "error", err)
		} else {
			hash = fresh
		}
	}
	return u, hash, verdict, nil
}

// goOn leads to the next step of a sign-in under way, whose token the browser
// gets.
func (s *server) goOn(c *call, token string, hash []byte) error {
	s.users.SetPending(c.Response(), token)
	p, err := c.store().PendingSignIn(c.ctx(), hash)
	if err != nil {
		return err
	}
	return s.goOnFrom(c, p, hash)
}

// goOnFrom leads to the next step of a sign-in under way. Where there is nothing
// to choose, that is the account itself.
func (s *server) goOnFrom(c *call, p store.PendingSignIn, hash []byte) error {
	invited, err := c.openInvitations(p)
	if err != nil {
		return err
	}
	if step := p.Step(); (step == backoffice.StepEnter || step == backoffice.StepChoose) && p.Facts.Chosen == "" && len(invited) == 0 {
		if done, err := s.goOnToApplication(c, p, hash); done {
			return err
		}
	}
	if p.Step() == backoffice.StepEnter && len(invited) == 0 {
		for _, standing := range p.Facts.Accounts {
			if standing.Enters() && (p.Facts.Chosen == "" || p.Facts.Chosen == standing.Account.ID) {
				return s.enter(c, p, hash, standing.Account.ID)
			}
		}
	}
	return c.Redirect(http.StatusSeeOther, s.link(stepPath(p.Step())))
}

// stepPath is the page of a step.
func stepPath(step backoffice.SignInStep) string {
	switch step {
	case backoffice.StepMFA:
		return "/sign-in/mfa"
	case backoffice.StepEnrol:
		return "/sign-in/enrol"
	case backoffice.StepChoose, backoffice.StepEnter:
		return "/sign-in/accounts"
	}
	return "/sign-in/stop"
}

// underWay returns the sign-in under way, if its next step is one of those. When
// it is another one, the visitor is led there; when nothing is under way, to the
// beginning. Then ok is false, and the answer is given.
func (s *server) underWay(c *call, steps ...backoffice.SignInStep) (p store.PendingSignIn, hash []byte, ok bool, err error) {
	hash, shown := s.users.Pending(c.Request())
	if !shown {
		return p, nil, false, c.Redirect(http.StatusSeeOther, s.link("/sign-in"))
	}
	p, err = c.store().PendingSignIn(c.ctx(), hash)
	if errors.Is(err, backoffice.ErrNotFound) || err == nil && p.User.Locked {
		s.users.SetPending(c.Response(), "")
		return p, nil, false, c.Redirect(http.StatusSeeOther, s.link("/sign-in"))
	}
	if err != nil {
		return p, nil, false, err
	}
	for _, step := range steps {
		if p.Step() == step {
			return p, hash, true, nil
		}
	}
	return p, nil, false, c.Redirect(http.StatusSeeOther, s.link(stepPath(p.Step())))
}

// enter begins the session in an account and leads on to where the user wanted
// to go. The session that the browser came with, whoever's it was, ends.
func (s *server) enter(c *call, p store.PendingSignIn, pending []byte, accountID string) error {
	token, hash := auth.UserSessionToken.New()
	in := store.SignIn{Hash: hash, Pending: pending, Session: backoffice.UserSession{Address: c.RealIP(), UserAgent: auth.Clipped(c.Request().UserAgent())}}
	if old, ok, err := s.users.Current(c.Request()); err != nil {
		return err
	} else if ok {
		in.Replaces = old.Hash()
	}
	x, err := c.store().EnterAccount(c.ctx(), in, accountID)
	if errors.Is(err, backoffice.ErrNotFound) || errors.Is(err, backoffice.ErrForbidden) {
		return c.Redirect(http.StatusSeeOther, s.link("/sign-in/accounts"))
	}
	if err != nil {
		return err
	}
	s.users.SetPending(c.Response(), "")
	s.users.SetCookie(c.Response(), token)
	s.dropWayIn(c)
	if c.Get("remembered") != nil { // under a token of its own, which the browser has not shown yet
		return s.arrive(c, p.Next)
	}
	if old, ok := s.users.DeviceHash(c.Request()); ok {
		if known, _, err := c.store().KnownUserDevice(c.ctx(), x.User.Email, old); err != nil {
			return err
		} else if known {
			return s.arrive(c, p.Next)
		}
	}
	if err := c.store().AddUserDevice(c.ctx(), x.User.Key, s.users.NewDevice(c.Response()), nil, time.Time{}); err != nil {
		return err
	}
	return s.arrive(c, p.Next)
}

// showChoice asks which account to enter.
func (s *server) showChoice(c *call) error {
	p, _, ok, err := s.underWay(c, backoffice.StepChoose, backoffice.StepEnter)
	if !ok {
		return err
	}
	invited, err := c.openInvitations(p)
	if err != nil {
		return err
	}
	return s.choicePage(c, http.StatusOK, p, views.Choice{User: p.User, Accounts: p.Facts.Accounts, More: p.More, Invited: invited, Query: clippedQuery(c.QueryParam("q")),
		Portal: c.QueryParam("portal") != "", Now: s.now()})
}

// choicePage offers the accounts of a sign-in under way; on the way to an application
// only those that have it.
func (s *server) choicePage(c *call, status int, p store.PendingSignIn, choice views.Choice) (err error) {
	if choice.Query != "" {
		if choice.Accounts, choice.More, err = c.store().Standings(c.ctx(), p.User.Key, choice.Query); err != nil {
			return err
		}
		choice.Invited = nil
	}
	if a, waits, err := s.askedFor(c, p.Next); err != nil {
		return err
	} else if waits && !choice.Portal {
		choice.Toward = s.toward(a)
		if choice.Accounts, choice.More, _, err = c.store().EntryAccounts(c.ctx(), p.User.Key, a.Application.Key, choice.Query); err != nil {
			return err
		}
		if a.AccountHint != "" && choice.Query == "" {
			if there, err := c.store().EntryByID(c.ctx(), p.User.Key, a.AccountHint, a.Application.Key); err != nil {
				return err
			} else if there {
				if err := c.named(&choice, a, a.AccountHint); err != nil {
					return err
				}
			}
		}
	}
	return c.gatePage(status, views.ChoicePage(s.gate(c, "Choose an account"), choice))
}

func (s *server) takeChoice(c *call) error {
	form, err := c.fields("account", "portal")
	if err != nil {
		return err
	}
	p, hash, ok, err := s.underWay(c, backoffice.StepChoose, backoffice.StepEnter)
	if !ok {
		return err
	}
	if form["portal"] != "" {
		// Not on to the application, which just refused them, whatever the account asks
		// for first.
		p.Next = ""
		if err := c.store().ForgetNext(c.ctx(), hash); err != nil && !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
	}
	for _, standing := range p.Facts.Accounts {
		if standing.Enters() && standing.Account.ID == form["account"] {
			return s.enter(c, p, hash, form["account"])
		}
	}
	if p.More && form["account"] != "" {
		// One that the list left out: the store knows whether it is theirs.
		return s.enter(c, p, hash, form["account"])
	}
	return s.choicePage(c, http.StatusUnprocessableEntity, p, views.Choice{User: p.User, Accounts: p.Facts.Accounts, More: p.More, Portal: form["portal"] != "",
		Problem: "Choose one of these accounts.", Now: s.now()})
}

// showStop says why a sign-in whose credentials were right ends nowhere yet.
func (s *server) showStop(c *call) error {
	p, _, ok, err := s.underWay(c, backoffice.StepNone, backoffice.StepVerify)
	if !ok {
		return err
	}
	invited, err := c.openInvitations(p)
	if err != nil {
		return err
	}
	return c.gatePage(http.StatusForbidden, views.StopPage(s.gate(c, "No account to enter"), p.User.Email, p.Step() == backoffice.StepVerify, invited, ""))
}

// cancelSignIn gives up a sign-in under way.
func (s *server) cancelSignIn(c *call) error {
	to := "/sign-in"
	if hash, ok := s.users.Pending(c.Request()); ok {
		p, err := c.store().PendingSignIn(c.ctx(), hash)
		if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
		if p.Next != "" {
			to += "?next=" + url.QueryEscape(p.Next)
		}
		if err := c.store().EndPending(c.ctx(), hash); err != nil {
			return err
		}
	}
	s.users.SetPending(c.Response(), "")
	s.dropWayIn(c)
	return c.Redirect(http.StatusSeeOther, s.link(to))
}

// signOutUser ends the session, if there is one, and empties what the browser
// keeps.
func (s *server) signOutUser(c *call) error {
	if err := s.users.SignOut(c.Response(), c.Request()); err != nil {
		return err
	}
	c.Response().Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return c.goTo("/sign-in")
}

// switchTo moves the session of the request to another account of its user.
func (s *server) switchTo(c *call, accountID string) (backoffice.SignedInUser, error) {
	token, hash := auth.UserSessionToken.New()
	x, err := c.store().SwitchAccount(c.ctx(), c.in.Hash(), hash, accountID, c.RealIP(), auth.Clipped(c.Request().UserAgent()))
	if err != nil {
		return x, err
	}
	s.users.SetCookie(c.Response(), token)
	return x, nil
}
