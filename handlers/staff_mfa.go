package handlers

import (
	"errors"
	"net/http"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// staffPendingCookie holds the token of a sign-in of staff under way.
func (s *server) staffPendingCookie() string { return s.cookieName("steward-sign-in-staff") }

func (s *server) setStaffPending(c *call, token string) {
	age := 0
	if token == "" {
		age = -1
	}
	c.SetCookie(s.cookie(s.staffPendingCookie(), token, age))
}

// afterPassword leads on once the password of a member of staff was right: to
// their second factor, where they have one or owners demand one, otherwise in.
func (s *server) afterPassword(c *call, staff backoffice.Staff, known bool, next string) error {
	token, hash := auth.PendingStaffToken.New()
	step, err := c.store().BeginStaffSignIn(c.ctx(), staff.Key, hash, next)
	if err != nil {
		return err
	}
	if step == backoffice.StepEnter {
		if err := s.begin(c, staff, known); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, s.safeNext(next, "/backoffice/accounts"))
	}
	s.setStaffPending(c, token)
	return c.Redirect(http.StatusSeeOther, s.link(staffStepPath(step)))
}

func staffStepPath(step backoffice.SignInStep) string {
	switch step {
	case backoffice.StepMFA:
		return "/backoffice/sign-in/mfa"
	case backoffice.StepEnrol:
		return "/backoffice/sign-in/enrol"
	}
	return "/backoffice/sign-in"
}

// staffUnderWay returns the sign-in of staff under way, if its next step is the
// one asked for; otherwise the visitor is led to where they are.
func (s *server) staffUnderWay(c *call, step backoffice.SignInStep) (p store.PendingStaffSignIn, hash []byte, ok bool, err error) {
	k, err := c.Cookie(s.staffPendingCookie())
	if err != nil {
		return p, nil, false, c.Redirect(http.StatusSeeOther, s.link("/backoffice/sign-in"))
	}
	hash, _ = auth.PendingStaffToken.Hash(k.Value)
	p, err = c.store().PendingStaffSignIn(c.ctx(), hash)
	if errors.Is(err, backoffice.ErrNotFound) {
		s.setStaffPending(c, "")
		return p, nil, false, c.Redirect(http.StatusSeeOther, s.link("/backoffice/sign-in"))
	}
	if err != nil {
		return p, nil, false, err
	}
	if p.Step() == step {
		return p, hash, true, nil
	}
	return p, nil, false, c.Redirect(http.StatusSeeOther, s.link(staffStepPath(p.Step())))
}

// enterStaff ends a sign-in of staff whose steps are done, and begins the session.
func (s *server) enterStaff(c *call, pending []byte) error {
	p, err := c.store().UseStaffPending(c.ctx(), pending)
	if errors.Is(err, backoffice.ErrNotFound) || errors.Is(err, backoffice.ErrForbidden) {
		s.setStaffPending(c, "")
		return c.Redirect(http.StatusSeeOther, s.link("/backoffice/sign-in"))
	}
	if err != nil {
		return err
	}
	s.setStaffPending(c, "")
	known, err := s.factorDevice(c, true, p.Staff.Email)
	if err != nil {
		return err
	}
	if err := s.beginProved(c, p.Staff, known, p.MFAAt); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, s.safeNext(p.Next, "/backoffice/accounts"))
}

// continueStaff goes on after the recovery codes were shown.
func (d mfaDoor) continueStaff(c *call) error {
	_, hash, ok, err := d.s.staffUnderWay(c, backoffice.StepEnter)
	if !ok {
		return err
	}
	return d.s.enterStaff(c, hash)
}

// cancelStaff gives up a sign-in under way.
func (d mfaDoor) cancelStaff(c *call) error {
	d.s.setStaffPending(c, "")
	return c.Redirect(http.StatusSeeOther, d.s.link("/backoffice/sign-in"))
}

// showStaffMFA is where owners demand a second factor of staff.
func (s *server) showStaffMFA(c *call) error {
	page, err := c.page("Staff MFA", views.PartSettings)
	if err != nil {
		return err
	}
	v, err := s.staffMFAView(c)
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.StaffMFAPage(page, v))
}

func (s *server) staffMFAView(c *call) (v views.StaffMFA, err error) {
	if v.Forced, err = c.store().StaffMFAForced(c.ctx()); err != nil {
		return v, err
	}
	v.Self = c.actor.ID
	v.Staff, err = c.store().StaffFactors(c.ctx())
	return v, err
}

func (s *server) saveStaffMFA(c *call) error {
	form, err := c.fields("force")
	if err != nil {
		return err
	}
	force := form["force"] == "yes"
	if err := c.store().ForceStaffMFA(c.ctx(), c.actor, force); err != nil {
		return err
	}
	toast := "Each of the staff chooses whether to use a second factor."
	if force {
		toast = "A second factor is demanded of staff from now on."
	}
	return c.saved("/backoffice/settings/staff-mfa", ui.ToastProps{Text: toast}, nil)
}

// resetStaffMFA helps somebody who has lost their second factors.
func (s *server) resetStaffMFA(c *call) error {
	staff, err := c.store().Staff(c.ctx(), c.Param("id"))
	if err != nil {
		return err
	}
	// One's own are changed by who can show them.
	if staff.Key == c.actor.Key {
		return c.goTo("/backoffice/mfa")
	}
	desk := mfaDesk{s, true}
	v, err := desk.scene(c)
	if err != nil {
		return err
	}
	if !v.fresh {
		return desk.askForProof(c, "/backoffice/settings/staff-mfa")
	}
	if err := c.store().ResetMFA(c.ctx(), c.actor, backoffice.MFAHolder{Kind: backoffice.ActorStaff, Key: staff.Key}); err != nil {
		return err
	}
	return c.saved("/backoffice/settings/staff-mfa", ui.ToastProps{Text: "Second factors of " + staff.Label() + " reset. Their sessions were ended."}, nil)
}
