package handlers

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
)

// mfaDoor asks for a second factor on the way in: of users, or of staff. What each
// of its pages may do follows from the sign-in under way.
type mfaDoor struct {
	s     *server
	staff bool
}

func (s *server) signInMFARoutes() []route {
	const post = http.MethodPost
	return append(mfaDoor{s, false}.routes(),
		route{post, "/sign-in/passkey", public, s.signInByPasskey},
		route{post, "/sign-in/passkey/challenge", public, s.signInChallenge},
		route{post, "/sign-in/continue", public, s.continueSignIn})
}

func (d mfaDoor) routes() []route {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	list := []route{
		{get, "/mfa", public, d.show},
		{post, "/mfa", public, d.prove},
		{post, "/mfa/challenge", public, d.challenge},
		{get, "/enrol", public, d.showEnrol},
		{post, "/enrol/authenticator", public, d.beginApp},
		{get, "/enrol/authenticator", public, d.showApp},
		{post, "/enrol/authenticator/code", public, d.enrolApp},
		{post, "/enrol/passkeys/challenge", public, d.enrolChallenge},
		{post, "/enrol/passkeys", public, d.addPasskey},
	}
	if d.staff {
		list = append(list, route{post, "/continue", public, d.continueStaff}, route{post, "/cancel", public, d.cancelStaff})
	}
	for i := range list {
		list[i].path = d.path(list[i].path)
	}
	return list
}

func (d mfaDoor) path(rest string) string {
	if d.staff {
		return "/backoffice/sign-in" + rest
	}
	return "/sign-in" + rest
}

// halfway is somebody whose first credential was right.
type halfway struct {
	pending  []byte
	holder   backoffice.MFAHolder
	actor    backoffice.Actor
	mfa      backoffice.MFA
	offered  backoffice.MFAMethods // to be enrolled
	remember int                   // days that a browser may be remembered for, 0: not at all
}

func (h halfway) person() auth.PasskeyPerson {
	return auth.PasskeyPerson{ID: h.actor.ID, Email: h.actor.Email, Name: h.actor.Name, Entries: h.mfa.Passkeys}
}

// underWay returns the sign-in under way if its next step is the one asked for;
// otherwise the visitor is led to where they are, and ok is false.
func (d mfaDoor) underWay(c *call, step backoffice.SignInStep) (h halfway, ok bool, err error) {
	if d.staff {
		p, hash, ok, err := d.s.staffUnderWay(c, step)
		if !ok {
			return h, false, err
		}
		h = halfway{pending: hash, actor: p.Staff.Actor("", c.RealIP()), offered: d.s.offered(backoffice.AuthenticatorApp | backoffice.Passkey)}
	} else {
		p, hash, ok, err := d.s.underWay(c, step)
		if !ok {
			return h, false, err
		}
		u := p.User
		h = halfway{pending: hash, actor: backoffice.Actor{Kind: backoffice.ActorUser, Key: u.Key, ID: u.ID, Name: u.Name, Email: u.Email, Address: c.RealIP()},
			offered: d.s.offered(p.Facts.Policy.MFAMethods), remember: p.Facts.Policy.RememberDays}
	}
	h.holder = backoffice.MFAHolder{Kind: holderKind(d.staff), Key: h.actor.Key}
	h.mfa, err = c.store().MFA(c.ctx(), h.holder)
	return h, err == nil, err
}

func (d mfaDoor) view(h halfway) views.MFADoor {
	v := views.MFADoor{Base: d.path(""), Email: h.actor.Email, Name: h.actor.Name, RememberDays: h.remember, CodesLeft: h.mfa.CodesLeft > 0,
		App: h.mfa.Methods.Has(backoffice.AuthenticatorApp), Passkey: len(h.mfa.Passkeys) > 0 && d.s.hasPasskeys, Offered: h.offered, Staff: d.staff}
	return v
}

func (d mfaDoor) show(c *call) error {
	h, ok, err := d.underWay(c, backoffice.StepMFA)
	if !ok {
		return err
	}
	v := d.view(h)
	v.With = c.QueryParam("with")
	return c.gatePage(http.StatusOK, views.MFADoorPage(d.s.gate(c, "Confirm it is you"), v))
}

// prove takes a second factor. Five tries end the sign-in, and codes are counted
// for the person besides: beginning anew gains nothing (security.md, T-43).
func (d mfaDoor) prove(c *call) error {
	arrived := time.Now()
	form, err := c.fields("with", "code", "credential", "remember")
	if err != nil {
		return err
	}
	h, ok, err := d.underWay(c, backoffice.StepMFA)
	if !ok {
		return err
	}
	refuse := func(status int, problem, refused string) error {
		if err := d.s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		v := d.view(h)
		v.With, v.Problem, v.Refused, v.Remember = form["with"], problem, refused, form["remember"] != ""
		return c.gatePage(status, views.MFADoorPage(d.s.gate(c, "Confirm it is you"), v))
	}
	if form["with"] != "passkey" && strings.TrimSpace(form["code"]) == "" {
		return refuse(http.StatusUnprocessableEntity, wrongFactor(form["with"], ""), "")
	}
	if err := c.store().TryPending(c.ctx(), h.holder.Kind, h.pending); errors.Is(err, backoffice.ErrNotFound) {
		if err := d.s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		return c.gatePage(http.StatusTooManyRequests, views.MFAEndedPage(d.s.gate(c, "Sign in again"), d.path("/cancel")))
	} else if err != nil {
		return err
	}
	device, err := d.s.factorDevice(c, d.staff, h.actor.Email)
	if err != nil {
		return err
	}
	verdict, err := d.s.proveFactor(c, factorShown{holder: h.holder, person: h.person(), actor: h.actor, with: form["with"], code: form["code"],
		answer: form["credential"], purpose: "factor", device: device})
	switch {
	case errors.Is(err, backoffice.ErrWrongCode):
		return refuse(http.StatusUnprocessableEntity, wrongFactor(form["with"], form["code"]), "")
	case err != nil:
		return err
	case !verdict.Allowed:
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return refuse(http.StatusTooManyRequests, "", tooMany(verdict))
	}
	if form["remember"] != "" && h.remember > 0 && !d.staff {
		if err := d.s.remember(c, h.actor.Key, h.remember); err != nil {
			return err
		}
	}
	return d.goOn(c, h)
}

// remember keeps the browser from being asked again for so many days; it is known
// by another token from now on.
func (s *server) remember(c *call, user int64, days int) error {
	old, _ := s.users.DeviceHash(c.Request())
	c.Set("remembered", true)
	return c.store().AddUserDevice(c.ctx(), user, s.users.NewDevice(c.Response()), old, s.now().Add(time.Duration(days)*24*time.Hour))
}

// goOn notes that a second factor was shown, under another token, and leads on.
func (d mfaDoor) goOn(c *call, h halfway) error {
	token, hash, err := d.proved(c, h)
	if err != nil {
		return err
	}
	if d.staff {
		return d.s.enterStaff(c, hash)
	}
	return d.s.goOn(c, token, hash)
}

func (d mfaDoor) proved(c *call, h halfway) (token string, hash []byte, err error) {
	if d.staff {
		token, hash = auth.PendingStaffToken.New()
		err = c.store().ProveStaffPending(c.ctx(), h.pending, hash)
		d.s.setStaffPending(c, token)
	} else {
		token, hash = auth.PendingSignInToken.New()
		err = c.store().ProvePending(c.ctx(), h.pending, hash)
		d.s.users.SetPending(c.Response(), token)
	}
	return token, hash, err
}

func (d mfaDoor) challenge(c *call) error {
	h, ok, err := d.underWay(c, backoffice.StepMFA)
	if !ok {
		return err
	}
	if len(h.mfa.Passkeys) == 0 || !d.s.hasPasskeys {
		return c.NoContent(http.StatusConflict)
	}
	browser, kept, err := d.s.passkeys.BeginProof(h.person())
	return d.s.challenge(c, "factor", h.holder, browser, kept, err)
}

// Forced enrolment.

func (d mfaDoor) showEnrol(c *call) error {
	return d.enrolPage(c, http.StatusOK, "", nil)
}

func (d mfaDoor) enrolPage(c *call, status int, name string, problems backoffice.Problems) error {
	h, ok, err := d.underWay(c, backoffice.StepEnrol)
	if !ok {
		return err
	}
	v := d.view(h)
	v.Key, v.Problems = name, problems
	return c.gatePage(status, views.EnrolDoorPage(d.s.gate(c, "Add a second factor"), v))
}

func (d mfaDoor) beginApp(c *call) error {
	h, ok, err := d.underWay(c, backoffice.StepEnrol)
	if !ok {
		return err
	}
	if !h.offered.Has(backoffice.AuthenticatorApp) {
		return backoffice.ErrForbidden
	}
	if err := c.store().BeginAuthenticator(c.ctx(), h.holder, auth.NewTOTPSecret()); err != nil && !errors.Is(err, backoffice.ErrConflict) {
		return err
	}
	return c.Redirect(http.StatusSeeOther, d.s.link(d.path("/enrol/authenticator")))
}

func (d mfaDoor) showApp(c *call) error { return d.appPage(c, http.StatusOK, "") }

func (d mfaDoor) appPage(c *call, status int, problem string) error {
	h, ok, err := d.underWay(c, backoffice.StepEnrol)
	if !ok {
		return err
	}
	k, err := d.s.appKey(c.ctx(), h.holder, h.actor.Email)
	if errors.Is(err, backoffice.ErrNotFound) {
		return c.Redirect(http.StatusSeeOther, d.s.link(d.path("/enrol")))
	}
	if err != nil {
		return err
	}
	k.Action, k.Problem, k.Back = d.path("/enrol/authenticator/code"), problem, d.path("/enrol")
	return c.gatePage(status, views.EnrolAppDoorPage(d.s.gate(c, "Authenticator app"), d.view(h), k))
}

func (d mfaDoor) enrolApp(c *call) error {
	arrived := time.Now()
	form, err := c.fields("code")
	if err != nil {
		return err
	}
	h, ok, err := d.underWay(c, backoffice.StepEnrol)
	if !ok {
		return err
	}
	if !h.offered.Has(backoffice.AuthenticatorApp) {
		return backoffice.ErrForbidden
	}
	codes, hashes := auth.NewRecoveryCodes()
	made, err := c.store().EnrolAuthenticator(c.ctx(), h.actor, h.holder, auth.TOTPCheck(form["code"]), hashes, h.pending)
	switch {
	case errors.Is(err, backoffice.ErrNotFound):
		return c.Redirect(http.StatusSeeOther, d.s.link(d.path("/enrol")))
	case errors.Is(err, backoffice.ErrWrongCode):
		if err := d.s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		return d.appPage(c, http.StatusUnprocessableEntity, wrongAppCode(form["code"]))
	case err != nil:
		return err
	}
	return d.enrolled(c, h, made, codes)
}

// enrolled shows the recovery codes, this once, before the way goes on.
func (d mfaDoor) enrolled(c *call, h halfway, made bool, codes []string) error {
	if !made {
		return d.goOn(c, h)
	}
	if _, _, err := d.proved(c, h); err != nil {
		return err
	}
	return c.gatePage(http.StatusOK, views.CodesDoorPage(d.s.gate(c, "Recovery codes"), codes, d.path("/continue")))
}

func (d mfaDoor) enrolChallenge(c *call) error {
	h, ok, err := d.underWay(c, backoffice.StepEnrol)
	if !ok {
		return err
	}
	if !h.offered.Has(backoffice.Passkey) {
		return backoffice.ErrForbidden
	}
	browser, kept, err := d.s.passkeys.BeginEnrol(h.person())
	return d.s.challenge(c, "enrol", h.holder, browser, kept, err)
}

func (d mfaDoor) addPasskey(c *call) error {
	form, err := c.fields("name", "credential")
	if err != nil {
		return err
	}
	h, ok, err := d.underWay(c, backoffice.StepEnrol)
	if !ok {
		return err
	}
	if !h.offered.Has(backoffice.Passkey) {
		return backoffice.ErrForbidden
	}
	entry, err := d.s.newPasskey(c, h.holder, h.person(), form["name"], form["credential"])
	if errors.Is(err, backoffice.ErrWrongCode) {
		return d.enrolPage(c, http.StatusUnprocessableEntity, form["name"], backoffice.Problems{"": noPasskey})
	} else if err != nil {
		return err
	}
	codes, hashes := auth.NewRecoveryCodes()
	made, err := c.store().AddPasskey(c.ctx(), h.actor, h.holder, entry, hashes, h.pending)
	if p, ok := problemsOf(err); ok {
		return d.enrolPage(c, http.StatusUnprocessableEntity, form["name"], p)
	}
	if errors.Is(err, backoffice.ErrConflict) {
		return d.enrolPage(c, http.StatusUnprocessableEntity, form["name"], backoffice.Problems{"": "This passkey is enrolled already."})
	}
	if err != nil {
		return err
	}
	return d.enrolled(c, h, made, codes)
}

// continueSignIn goes on after the recovery codes were shown.
func (s *server) continueSignIn(c *call) error {
	p, hash, ok, err := s.underWay(c, backoffice.StepEnter, backoffice.StepChoose)
	if !ok {
		return err
	}
	return s.goOnFrom(c, p, hash)
}
