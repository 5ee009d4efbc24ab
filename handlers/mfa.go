package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// mfaDesk looks after the second factors of one kind of people: users, on their
// profile, or staff.
type mfaDesk struct {
	s     *server
	staff bool
}

func (s *server) mfaRoutes() []portalRoute {
	var list []portalRoute
	for _, r := range (mfaDesk{s, false}).routes() {
		list = append(list, portalRoute{r.method, r.path, anyUser, r.handle})
	}
	return list
}

func (s *server) staffMFARoutes() []route {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	list := append(mfaDesk{s, true}.routes(),
		route{get, "/backoffice/settings/staff-mfa", backoffice.WriteStaff, s.showStaffMFA},
		route{post, "/backoffice/settings/staff-mfa", backoffice.WriteStaff, s.saveStaffMFA},
		route{post, "/backoffice/settings/staff/:id/mfa-reset", backoffice.WriteStaff, s.resetStaffMFA})
	return append(list, mfaDoor{s, true}.routes()...)
}

func (d mfaDesk) routes() []route {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	list := []route{
		{get, "", backoffice.WriteSelf, d.show},
		{get, "/proof", backoffice.WriteSelf, d.showProof},
		{post, "/proof", backoffice.WriteSelf, d.prove},
		{post, "/proof/challenge", backoffice.WriteSelf, d.proofChallenge},
		{post, "/authenticator", backoffice.WriteSelf, d.beginApp},
		{get, "/authenticator", backoffice.WriteSelf, d.showApp},
		{post, "/authenticator/code", backoffice.WriteSelf, d.enrolApp},
		{post, "/authenticator/removal", backoffice.WriteSelf, d.removeApp},
		{get, "/passkeys/new", backoffice.WriteSelf, d.showPasskey},
		{post, "/passkeys/challenge", backoffice.WriteSelf, d.passkeyChallenge},
		{post, "/passkeys", backoffice.WriteSelf, d.addPasskey},
		{post, "/passkeys/:id/name", backoffice.WriteSelf, d.renamePasskey},
		{post, "/passkeys/:id/removal", backoffice.WriteSelf, d.removePasskey},
		{post, "/recovery-codes", backoffice.WriteSelf, d.renewCodes},
	}
	for i := range list {
		list[i].path = d.path(list[i].path)
	}
	return list
}

// path is an address below the page of one's second factors.
func (d mfaDesk) path(rest string) string {
	if d.staff {
		return "/backoffice/mfa" + rest
	}
	return "/profile/mfa" + rest
}

func (d mfaDesk) holder(c *call) backoffice.MFAHolder {
	return backoffice.MFAHolder{Kind: holderKind(d.staff), Key: c.actor.Key}
}

func holderKind(staff bool) backoffice.ActorKind {
	if staff {
		return backoffice.ActorStaff
	}
	return backoffice.ActorUser
}

func (d mfaDesk) page(c *call, title string) (views.Page, error) {
	if d.staff {
		return c.page(title, "")
	}
	return c.portal(title, "")
}

// session is the hash of the running session, and when credentials were shown in
// it.
func (d mfaDesk) session(c *call) (hash []byte, provedAt, mfaAt time.Time, err error) {
	if !d.staff {
		return c.in.Hash(), c.in.ProvedAt, c.in.MFAAt, nil
	}
	in, ok, err := d.s.sessions.Current(c.Request())
	if err == nil && !ok && d.s.As == nil {
		err = errSignIn
	}
	return in.Hash(), in.ProvedAt, in.MFAAt, err
}

// offer is what may be enrolled, and whether something must be.
func (d mfaDesk) offer(c *call) (methods backoffice.MFAMethods, forced bool, err error) {
	if d.staff {
		forced, err = c.store().StaffMFAForced(c.ctx())
		return d.s.offered(backoffice.AuthenticatorApp | backoffice.Passkey), forced, err
	}
	p := c.in.Policy
	if !p.MFAEnabled {
		return 0, false, nil
	}
	return d.s.offered(p.MFAMethods), p.MFAForce > backoffice.DontForce, nil
}

// offered leaves out passkeys where the public address has none.
func (s *server) offered(m backoffice.MFAMethods) backoffice.MFAMethods {
	if !s.hasPasskeys {
		m &^= backoffice.Passkey
	}
	return m
}

func (d mfaDesk) person(c *call, m backoffice.MFA) auth.PasskeyPerson {
	return auth.PasskeyPerson{ID: c.actor.ID, Email: c.actor.Email, Name: c.actor.Name, Entries: m.Passkeys}
}

// desk is what every handler here begins with.
type deskScene struct {
	mfa     backoffice.MFA
	methods backoffice.MFAMethods
	forced  bool
	keep    []byte
	fresh   bool
}

func (d mfaDesk) scene(c *call) (v deskScene, err error) {
	if v.mfa, err = c.store().MFA(c.ctx(), d.holder(c)); err != nil {
		return v, err
	}
	if v.methods, v.forced, err = d.offer(c); err != nil {
		return v, err
	}
	keep, provedAt, mfaAt, err := d.session(c)
	v.keep, v.fresh = keep, v.mfa.Fresh(provedAt, mfaAt, d.s.now())
	return v, err
}

// askForProof leads to where a credential is shown anew, and back to next.
func (d mfaDesk) askForProof(c *call, next string) error {
	return c.goTo(d.path("/proof?next=" + url.QueryEscape(next)))
}

func (d mfaDesk) view(v deskScene) views.MFA {
	return views.MFA{Base: d.path(""), MFA: v.mfa, Offered: v.methods, Forced: v.forced, Staff: d.staff, Now: d.s.now()}
}

func (d mfaDesk) show(c *call) error {
	v, err := d.scene(c)
	if err != nil {
		return err
	}
	page, err := d.page(c, "MFA")
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.MFAPage(page, d.view(v)))
}

func (d mfaDesk) beginApp(c *call) error {
	v, err := d.scene(c)
	switch {
	case err != nil:
		return err
	case !v.methods.Has(backoffice.AuthenticatorApp):
		return c.goTo(d.path(""))
	case !v.fresh:
		return d.askForProof(c, d.path(""))
	}
	if err := c.store().BeginAuthenticator(c.ctx(), d.holder(c), auth.NewTOTPSecret()); errors.Is(err, backoffice.ErrConflict) {
		return c.goTo(d.path(""))
	} else if err != nil {
		return err
	}
	return c.goTo(d.path("/authenticator"))
}

// appKey draws the key that waits for its first code.
func (s *server) appKey(ctx context.Context, h backoffice.MFAHolder, email string) (k views.AppKey, err error) {
	secret, err := s.Store.PendingAuthenticator(ctx, h)
	if err != nil {
		return k, err
	}
	issuer := "Steward"
	if !s.Production && s.Environment != "" {
		issuer += " " + s.Environment
	}
	k.Key = auth.TOTPKey(secret)
	k.Path, k.Side, err = auth.QRPath(auth.TOTPAddress(secret, issuer, email))
	return k, err
}

func (d mfaDesk) showApp(c *call) error { return d.appPage(c, http.StatusOK, "") }

func (d mfaDesk) appPage(c *call, status int, problem string) error {
	k, err := d.s.appKey(c.ctx(), d.holder(c), c.actor.Email)
	if errors.Is(err, backoffice.ErrNotFound) {
		return c.goTo(d.path(""))
	}
	if err != nil {
		return err
	}
	k.Action, k.Problem, k.Back = d.path("/authenticator/code"), problem, d.path("")
	page, err := d.page(c, "Authenticator app")
	if err != nil {
		return err
	}
	return c.render(status, page, views.MFAAppPage(page, k, d.staff))
}

func (d mfaDesk) enrolApp(c *call) error {
	arrived := time.Now()
	form, err := c.fields("code")
	if err != nil {
		return err
	}
	v, err := d.scene(c)
	switch {
	case err != nil:
		return err
	case !v.methods.Has(backoffice.AuthenticatorApp):
		return c.goTo(d.path(""))
	case !v.fresh:
		return d.askForProof(c, d.path("/authenticator"))
	}
	codes, hashes := auth.NewRecoveryCodes()
	made, err := c.store().EnrolAuthenticator(c.ctx(), c.actor, d.holder(c), auth.TOTPCheck(form["code"]), hashes, v.keep)
	switch {
	case errors.Is(err, backoffice.ErrNotFound):
		return c.goTo(d.path(""))
	case errors.Is(err, backoffice.ErrWrongCode):
		if err := d.s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		return d.appPage(c, http.StatusUnprocessableEntity, wrongAppCode(form["code"]))
	case err != nil:
		return err
	}
	return d.enrolled(c, made, codes, "Authenticator app enrolled. Your other sessions were ended.")
}

func wrongAppCode(typed string) string {
	if strings.TrimSpace(typed) == "" {
		return "Enter the 6 digits that the app shows."
	}
	return "This is not the code that the app shows now. Enter the newest one; the clock of your phone has to be right."
}

// enrolled ends an enrolment: the session gets a new token, since a second
// factor was just shown, and new recovery codes are shown this once.
func (d mfaDesk) enrolled(c *call, made bool, codes []string, toast string) error {
	if err := d.rotate(c, true); err != nil {
		return err
	}
	if made {
		return d.codesPage(c, codes, toast)
	}
	return c.saved(d.path(""), ui.ToastProps{Text: toast}, nil)
}

func (d mfaDesk) codesPage(c *call, codes []string, toast string) error {
	page, err := d.page(c, "Recovery codes")
	if err != nil {
		return err
	}
	if toast != "" {
		page.Toasts = append(page.Toasts, ui.ToastProps{Text: toast})
	}
	return c.render(http.StatusOK, page, views.MFACodesPage(page, codes, d.path(""), d.staff))
}

// rotate gives the session another token after a credential was shown.
func (d mfaDesk) rotate(c *call, mfa bool) error {
	if !d.staff {
		return d.s.users.Rotate(c.Response(), c.Request(), mfa)
	}
	if d.s.As != nil {
		return nil
	}
	_, err := d.s.sessions.Prove(c.Response(), c.Request(), mfa)
	return err
}

// changed answers a change of second factors that needs a credential shown just
// now.
func (d mfaDesk) changed(c *call, toast string, change func(deskScene) error) error {
	v, err := d.scene(c)
	if err != nil {
		return err
	}
	if !v.fresh {
		return d.askForProof(c, d.path(""))
	}
	err = change(v)
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		page, err := d.page(c, "MFA")
		if err != nil {
			return err
		}
		w := d.view(v)
		w.Refused = string(refusal)
		return c.render(http.StatusUnprocessableEntity, page, views.MFAPage(page, w))
	}
	if err != nil {
		return err
	}
	return c.saved(d.path(""), ui.ToastProps{Text: toast}, nil)
}

func (d mfaDesk) removeApp(c *call) error {
	if v, err := d.scene(c); err != nil {
		return err
	} else if v.mfa.AppSince.IsZero() {
		return c.goTo(d.path(""))
	}
	return d.changed(c, "Authenticator app removed. Your other sessions were ended.", func(v deskScene) error {
		return c.store().RemoveAuthenticator(c.ctx(), c.actor, d.holder(c), v.keep)
	})
}

func (d mfaDesk) removePasskey(c *call) error {
	v, err := d.scene(c)
	if err != nil {
		return err
	}
	// What is nobody's is not there, however old the session's proof is.
	if !slices.ContainsFunc(v.mfa.Passkeys, func(k backoffice.PasskeyEntry) bool { return k.ID == c.Param("id") }) {
		return backoffice.ErrNotFound
	}
	return d.changed(c, "Passkey removed. Your other sessions were ended.", func(v deskScene) error {
		return c.store().RemovePasskey(c.ctx(), c.actor, d.holder(c), c.Param("id"), v.keep)
	})
}

func (d mfaDesk) renamePasskey(c *call) error {
	form, err := c.fields("name")
	if err != nil {
		return err
	}
	err = c.store().RenamePasskey(c.ctx(), c.actor, d.holder(c), c.Param("id"), form["name"])
	if p, ok := problemsOf(err); ok {
		v, err := d.scene(c)
		if err != nil {
			return err
		}
		page, err := d.page(c, "MFA")
		if err != nil {
			return err
		}
		w := d.view(v)
		w.Renamed, w.Name, w.Problems = c.Param("id"), form["name"], p
		return c.render(http.StatusUnprocessableEntity, page, views.MFAPage(page, w))
	}
	if err != nil {
		return err
	}
	return c.saved(d.path(""), ui.ToastProps{Text: "Passkey renamed."}, nil)
}

// renewCodes shows new recovery codes, this once; those before are dead.
func (d mfaDesk) renewCodes(c *call) error {
	v, err := d.scene(c)
	if err != nil {
		return err
	}
	if v.mfa.Methods == 0 {
		return c.goTo(d.path(""))
	}
	if !v.fresh {
		return d.askForProof(c, d.path(""))
	}
	codes, hashes := auth.NewRecoveryCodes()
	if err := c.store().RenewRecoveryCodes(c.ctx(), c.actor, d.holder(c), hashes, v.keep); err != nil {
		return err
	}
	return d.codesPage(c, codes, "")
}

// Showing a credential anew.

func (d mfaDesk) showProof(c *call) error {
	return d.proofPage(c, http.StatusOK, views.MFAProof{With: c.QueryParam("with"), Next: c.QueryParam("next")})
}

func (d mfaDesk) proofPage(c *call, status int, p views.MFAProof) error {
	v, err := d.scene(c)
	if err != nil {
		return err
	}
	p.Base, p.Email, p.MFA, p.Passkeys, p.Staff = d.path(""), c.actor.Email, v.mfa, d.s.hasPasskeys, d.staff
	p.Next = strings.TrimPrefix(d.s.safeNext(p.Next, d.path("")), d.s.base)
	p.HasPassword = d.staff
	if !d.staff && v.mfa.Methods == 0 {
		_, hash, err := c.store().UserCredentials(c.ctx(), c.actor.Email)
		if err != nil {
			return err
		}
		p.HasPassword = hash != ""
	}
	page, err := d.page(c, "Confirm it is you")
	if err != nil {
		return err
	}
	return c.render(status, page, views.MFAProofPage(page, p))
}

func (d mfaDesk) proofChallenge(c *call) error {
	v, err := d.scene(c)
	if err != nil {
		return err
	}
	if len(v.mfa.Passkeys) == 0 || !d.s.hasPasskeys {
		return c.NoContent(http.StatusConflict)
	}
	browser, kept, err := d.s.passkeys.BeginProof(d.person(c, v.mfa))
	return d.s.challenge(c, "proof", d.holder(c), browser, kept, err)
}

// prove takes a credential that is shown anew: a second factor from who has one,
// the password from who has none. Tries count as those of signing in do.
func (d mfaDesk) prove(c *call) error {
	arrived := time.Now()
	form, err := c.fields("with", "code", "password", "credential", "next")
	if err != nil {
		return err
	}
	v, err := d.scene(c)
	if err != nil {
		return err
	}
	next := strings.TrimPrefix(d.s.safeNext(form["next"], d.path("")), d.s.base)
	refuse := func(status int, field, sentence string) error {
		if err := d.s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		return d.proofPage(c, status, views.MFAProof{With: form["with"], Next: next, Problems: backoffice.Problems{field: sentence}})
	}
	if v.mfa.Methods == 0 {
		return d.provePassword(c, form["password"], next, refuse)
	}
	verdict, err := d.s.proveFactor(c, factorShown{holder: d.holder(c), person: d.person(c, v.mfa), actor: c.actor,
		with: form["with"], code: form["code"], answer: form["credential"], purpose: "proof", device: d.knownDevice(c)})
	switch {
	case errors.Is(err, backoffice.ErrWrongCode):
		return refuse(http.StatusUnprocessableEntity, "code", wrongFactor(form["with"], form["code"]))
	case err != nil:
		return err
	case !verdict.Allowed:
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return refuse(http.StatusTooManyRequests, "code", tooMany(verdict))
	}
	if err := d.rotate(c, true); err != nil {
		return err
	}
	return c.goTo(next)
}

func (d mfaDesk) knownDevice(c *call) bool {
	known, err := d.s.factorDevice(c, d.staff, c.actor.Email)
	return err == nil && known
}

func (d mfaDesk) provePassword(c *call, password, next string, refuse func(int, string, string) error) error {
	if password == "" {
		return refuse(http.StatusUnprocessableEntity, "password", "Enter your password.")
	}
	right, verdict, forgive, err := d.checkPassword(c, password)
	switch {
	case err != nil:
		return err
	case !verdict.Allowed:
		c.Response().Header().Set("Retry-After", retrySeconds(verdict.RetryAfter))
		return refuse(http.StatusTooManyRequests, "password", tooMany(verdict))
	case !right:
		return refuse(http.StatusUnprocessableEntity, "password", "That is not your password.")
	}
	if err := d.s.throttle.Succeeded(c.ctx(), forgive); err != nil {
		return err
	}
	if err := d.rotate(c, false); err != nil {
		return err
	}
	return c.goTo(next)
}

func (d mfaDesk) checkPassword(c *call, password string) (right bool, verdict auth.Verdict, attempt auth.Attempt, err error) {
	if d.staff {
		if attempt, err = d.s.attempt(c, c.actor.Email); err != nil {
			return false, verdict, attempt, err
		}
		staff, hash, verdict, err := d.s.checkPassword(c.ctx(), attempt, c.actor.Email, password)
		return hash != "" && staff.Key == c.actor.Key, verdict, attempt, err
	}
	if attempt, _, err = d.s.userAttempt(c, c.actor.Email); err != nil {
		return false, verdict, attempt, err
	}
	user, _, verdict, err := d.s.checkUserPassword(c.ctx(), attempt, c.actor.Email, password)
	return user.Key == c.actor.Key, verdict, attempt, err
}

// factorShown is a second factor as it comes from a form.
type factorShown struct {
	holder  backoffice.MFAHolder
	person  auth.PasskeyPerson
	actor   backoffice.Actor
	with    string // app, recovery or passkey
	code    string
	answer  string
	purpose string // of the passkey's challenge
	device  bool   // from a browser that they are known by
}

// factorLockout holds for the codes of one person, whatever a policy says of
// passwords (security.md, T-43).
var factorLockout = auth.Lockout{Attempts: backoffice.MFALockAttempts, For: backoffice.MFALockMinutes * time.Minute}

// proveFactor checks a second factor. Codes are counted before they are looked at,
// by person; a passkey cannot be guessed, so that nobody is kept out by somebody
// else's guesses who has one. Errors: ErrWrongCode.
func (s *server) proveFactor(c *call, f factorShown) (auth.Verdict, error) {
	if f.with == "passkey" {
		return auth.Verdict{Allowed: true}, s.provePasskey(c, f)
	}
	attempt := auth.Attempt{Subject: "mfa " + string(f.holder.Kind) + " " + strconv.FormatInt(f.holder.Key, 10),
		Network: auth.Network(c.RealIP()), Device: f.device, At: s.now()}
	verdict, err := s.throttle.Begin(c.ctx(), attempt, factorLockout)
	if err != nil || !verdict.Allowed {
		return verdict, err
	}
	if f.with == "recovery" {
		hash, ok := auth.HashRecoveryCode(f.code)
		if !ok {
			return verdict, backoffice.ErrWrongCode
		}
		if _, err := c.store().UseRecoveryCode(c.ctx(), f.actor, f.holder, hash); err != nil {
			return verdict, err
		}
	} else if err := c.store().UseCode(c.ctx(), f.holder, auth.TOTPCheck(f.code)); err != nil {
		return verdict, err
	}
	return verdict, s.throttle.Succeeded(c.ctx(), attempt)
}

// factorDevice reports whether the browser is one that the person is known by.
func (s *server) factorDevice(c *call, staff bool, email string) (bool, error) {
	if staff {
		a, err := s.attempt(c, email)
		return a.Device, err
	}
	a, _, err := s.userAttempt(c, email)
	return a.Device, err
}

func wrongFactor(with, typed string) string {
	switch {
	case with == "passkey":
		return "The passkey did not prove it. Try again, or choose another way."
	case strings.TrimSpace(typed) == "" && with == "recovery":
		return "Enter one of your recovery codes."
	case strings.TrimSpace(typed) == "":
		return "Enter the 6 digits that the app shows."
	case with == "recovery":
		return "This recovery code is not valid, or was used already."
	}
	return "This code is not valid, or was used already. Enter the newest one."
}
