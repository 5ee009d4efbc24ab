package handlers

import (
	"errors"
	"net/http"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
)

func (d mfaDesk) showPasskey(c *call) error {
	return d.passkeyPage(c, http.StatusOK, "", nil)
}

func (d mfaDesk) passkeyPage(c *call, status int, name string, problems backoffice.Problems) error {
	v, err := d.scene(c)
	switch {
	case err != nil:
		return err
	case !v.methods.Has(backoffice.Passkey):
		return c.goTo(d.path(""))
	case !v.fresh:
		return d.askForProof(c, d.path("/passkeys/new"))
	}
	page, err := d.page(c, "New passkey")
	if err != nil {
		return err
	}
	return c.render(status, page, views.MFAPasskeyPage(page, views.NewPasskey{Base: d.path(""), Name: name, Problems: problems, Staff: d.staff}))
}

func (d mfaDesk) passkeyChallenge(c *call) error {
	v, err := d.scene(c)
	switch {
	case err != nil:
		return err
	case !v.methods.Has(backoffice.Passkey), !v.fresh:
		// The form is posted without an answer, and led to what comes first.
		return c.NoContent(http.StatusConflict)
	}
	browser, kept, err := d.s.passkeys.BeginEnrol(d.person(c, v.mfa))
	return d.s.challenge(c, "enrol", d.holder(c), browser, kept, err)
}

// challenge keeps what a passkey has to answer, and sends what the browser needs.
func (s *server) challenge(c *call, purpose string, h backoffice.MFAHolder, browser []byte, kept string, err error) error {
	if err != nil {
		return err
	}
	if err := c.store().KeepChallenge(c.ctx(), s.users.SetChallenge(c.Response()), purpose, h, kept); err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "application/json", browser)
}

// taken uses up the challenge that the browser shows. Errors: ErrWrongCode.
func (s *server) taken(c *call, purpose string, h backoffice.MFAHolder) (kept string, err error) {
	hash, ok := s.users.Challenge(c.Request())
	if !ok {
		return "", backoffice.ErrWrongCode
	}
	return c.store().TakeChallenge(c.ctx(), hash, purpose, h)
}

// newPasskey reads the passkey that a browser made. Errors: ErrWrongCode.
func (s *server) newPasskey(c *call, h backoffice.MFAHolder, person auth.PasskeyPerson, name, answer string) (e backoffice.PasskeyEntry, err error) {
	kept, err := s.taken(c, "enrol", h)
	if err != nil {
		return e, err
	}
	e, err = s.passkeys.FinishEnrol(person, kept, answer)
	if errors.Is(err, auth.ErrPasskey) {
		err = backoffice.ErrWrongCode
	}
	e.Name = name
	return e, err
}

const noPasskey = "No passkey was made. Try again; without script, or where the browser knows no passkeys, it cannot be done."

func (d mfaDesk) addPasskey(c *call) error {
	form, err := c.fields("name", "credential")
	if err != nil {
		return err
	}
	v, err := d.scene(c)
	switch {
	case err != nil:
		return err
	case !v.methods.Has(backoffice.Passkey):
		return c.goTo(d.path(""))
	case !v.fresh:
		return d.askForProof(c, d.path("/passkeys/new"))
	}
	entry, err := d.s.newPasskey(c, d.holder(c), d.person(c, v.mfa), form["name"], form["credential"])
	if errors.Is(err, backoffice.ErrWrongCode) {
		return d.passkeyPage(c, http.StatusUnprocessableEntity, form["name"], backoffice.Problems{"": noPasskey})
	} else if err != nil {
		return err
	}
	codes, hashes := auth.NewRecoveryCodes()
	made, err := c.store().AddPasskey(c.ctx(), c.actor, d.holder(c), entry, hashes, v.keep)
	if p, ok := problemsOf(err); ok {
		return d.passkeyPage(c, http.StatusUnprocessableEntity, form["name"], p)
	}
	if errors.Is(err, backoffice.ErrConflict) {
		return d.passkeyPage(c, http.StatusUnprocessableEntity, form["name"], backoffice.Problems{"": "This passkey is enrolled already."})
	}
	if err != nil {
		return err
	}
	return d.enrolled(c, made, codes, "Passkey enrolled. Your other sessions were ended.")
}

func (s *server) provePasskey(c *call, f factorShown) error {
	if !s.hasPasskeys {
		return backoffice.ErrWrongCode
	}
	kept, err := s.taken(c, f.purpose, f.holder)
	if err != nil {
		return err
	}
	used, data, err := s.passkeys.FinishProof(f.person, kept, f.answer)
	if errors.Is(err, auth.ErrPasskey) {
		return backoffice.ErrWrongCode
	}
	if err != nil {
		return err
	}
	return c.store().UsePasskey(c.ctx(), f.holder, used, data)
}
