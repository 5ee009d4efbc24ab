package handlers

import (
	"steward/views"
	"steward/views/ui"
)

// leaveApplication takes away what an application holds of the user who asks.
func (s *server) leaveApplication(c *call) error {
	if err := c.store().EndApplicationSignIns(c.ctx(), c.actor, c.actor.Key, c.param("application")); err != nil {
		return err
	}
	return c.saved("/profile#sessions", ui.ToastProps{Text: "Signed out of the application."}, nil)
}

// endApplicationOfUser does so for a user, by staff.
func (s *server) endApplicationOfUser(c *call) error {
	u, err := c.liveUser()
	if err != nil {
		return err
	}
	if err := c.store().EndApplicationSignIns(c.ctx(), c.actor, u.Key, c.param("application")); err != nil {
		return err
	}
	return c.userSaved(u.ID, views.UserSessionsID, ui.ToastProps{Text: "They are signed out of the application."})
}
