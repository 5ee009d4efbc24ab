package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/a-h/templ"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
)

// signInChallenge is the same for everybody: the passkey says whose it is.
func (s *server) signInChallenge(c *call) error {
	if !s.hasPasskeys {
		return c.NoContent(http.StatusConflict)
	}
	browser, kept, err := s.passkeys.BeginSignIn()
	return s.challenge(c, "sign-in", backoffice.MFAHolder{Kind: backoffice.ActorUser}, browser, kept, err)
}

func (s *server) signInByPasskey(c *call) error {
	arrived := time.Now()
	form, err := c.fields("credential", "next")
	if err != nil {
		return err
	}
	w, _ := s.wayIn(c)
	user, err := s.passkeyUser(c, form["credential"])
	token, hash := auth.PendingSignInToken.New()
	if err == nil {
		next := w.Next
		if form["next"] != "" {
			next = form["next"]
		}
		err = c.store().BeginSignIn(c.ctx(), user, backoffice.ByPasskey, hash, false, next)
	}
	switch {
	case errors.Is(err, backoffice.ErrWrongCode), errors.Is(err, backoffice.ErrNotFound):
		if err := s.Wait(c.ctx(), auth.FailureWait(arrived, time.Now())); err != nil {
			return err
		}
		refused := "That passkey opens nothing here. Try again, or choose another way."
		if w.Email == "" {
			return s.addressPage(c, http.StatusUnprocessableEntity, views.Address{Next: form["next"], Refused: refused})
		}
		return c.gatePage(http.StatusUnprocessableEntity, views.WaysPage(s.gate(c, "Sign in"), views.Ways{Email: w.Email, Refused: refused, More: s.passkeyWay("")}))
	case err != nil:
		return err
	}
	return s.goOn(c, token, hash)
}

// passkeyUser is the key of the user whose passkey has signed the challenge that
// the browser shows. Errors: ErrWrongCode.
func (s *server) passkeyUser(c *call, answer string) (int64, error) {
	if !s.hasPasskeys {
		return 0, backoffice.ErrWrongCode
	}
	kept, err := s.taken(c, "sign-in", backoffice.MFAHolder{Kind: backoffice.ActorUser})
	if err != nil {
		return 0, err
	}
	credential, err := auth.PasskeyCredential(answer)
	if err != nil {
		return 0, backoffice.ErrWrongCode
	}
	o, err := c.store().PasskeyByCredential(c.ctx(), backoffice.ActorUser, credential)
	if err != nil {
		return 0, err
	}
	used, data, err := s.passkeys.FinishProof(auth.PasskeyPerson{ID: o.ID, Entries: []backoffice.PasskeyEntry{o.Entry}}, kept, answer)
	if errors.Is(err, auth.ErrPasskey) {
		return 0, backoffice.ErrWrongCode
	}
	if err != nil {
		return 0, err
	}
	return o.Holder.Key, c.store().UsePasskey(c.ctx(), o.Holder, used, data)
}

// passkeyWay is the way in by a passkey alone, nil where the public address has
// none.
func (s *server) passkeyWay(next string) templ.Component {
	if !s.hasPasskeys {
		return nil
	}
	return views.PasskeyWay(s.base, next)
}
