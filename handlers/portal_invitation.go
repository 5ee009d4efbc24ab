package handlers

import (
	"errors"
	"net/http"

	"steward/backoffice"
	"steward/views/ui"
)

// portalInvitationRoutes are what a user does with their own invitations, in a
// session that began another way.
func (s *server) portalInvitationRoutes() []portalRoute {
	const post = http.MethodPost
	return []portalRoute{
		{post, "/portal/invitations/:id/acceptance", anyUser, s.acceptHere},
		{post, "/portal/invitations/:id/refusal", anyUser, s.declineHere},
	}
}

// acceptHere accepts an invitation, and changes to the account that it leads to.
func (s *server) acceptHere(c *call) error {
	if _, err := c.posted(); err != nil {
		return err
	}
	i, err := c.store().AcceptHere(c.ctx(), c.actor, c.Param("id"))
	if err != nil {
		return err
	}
	_, err = s.switchTo(c, i.AccountID)
	switch {
	case errors.Is(err, backoffice.ErrForbidden):
		c.putFlash(ui.ToastProps{Text: "Accepted. " + i.AccountName + " asks for a second factor, or for a newer sign-in: sign out, and sign in to it."})
	case err != nil:
		return err
	default:
		c.putFlash(ui.ToastProps{Text: "You are in " + i.AccountName + " now."})
	}
	return c.goTo("/portal")
}

// declineHere takes the user out of where they are invited.
func (s *server) declineHere(c *call) error {
	if _, err := c.posted(); err != nil {
		return err
	}
	i, err := c.store().DeclineInvitation(c.ctx(), c.actor, c.Param("id"))
	if err != nil {
		return err
	}
	return c.saved("/portal", ui.ToastProps{Text: "Declined. Whoever invited you to " + i.AccountName + " can do so again."}, nil)
}
