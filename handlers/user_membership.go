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

func (s *server) setUserDisabled(c *call) error {
	form, err := c.fields("on")
	if err != nil {
		return err
	}
	scene, a, err := c.membership()
	if err != nil {
		return err
	}
	on := form["on"] == "true"
	if err := c.store().SetMemberDisabled(c.ctx(), c.actor, a.ID, scene.User.ID, on); err != nil {
		return err
	}
	toast := ui.ToastProps{Text: "Enabled in “" + a.Name + "”."}
	if on {
		toast = ui.ToastProps{Text: "Disabled in “" + a.Name + "”: their sessions there have ended.",
			Undo: s.link(userPath(scene.User.ID) + "/memberships/" + a.ID + "/disabled"), Hidden: []ui.Pair{{Name: "on", Value: "false"}}}
	}
	return c.userSaved(scene.User.ID, views.UserAccountsID, toast)
}

// inviteMember sends an invitation to who was added silently, or sends the one
// that waits again.
func (s *server) inviteMember(c *call) error {
	if _, err := c.posted(); err != nil {
		return err
	}
	scene, a, err := c.membership()
	if err != nil {
		return err
	}
	text := "Invited to “" + a.Name + "”."
	if scene.Member.Status == backoffice.Invited {
		i, err := c.store().OpenInvitation(c.ctx(), a.Key, scene.User.ID)
		if err == nil {
			_, err = c.store().ResendInvitation(c.ctx(), c.actor, i.ID, auth.InvitationToken.New)
		}
		if err != nil {
			return err
		}
		text = "Invitation sent again. The link in the earlier mail is dead."
	} else if _, err := c.store().InviteMember(c.ctx(), c.actor, a.ID, scene.User.ID, auth.InvitationToken.New); err != nil {
		return c.refusedOr(err, scene.User.ID)
	}
	return c.userSaved(scene.User.ID, views.UserAccountsID, ui.ToastProps{Text: text})
}

// refusedOr says a refusal on the user's page; any other error is returned.
func (c *call) refusedOr(err error, id string) error {
	var refusal backoffice.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	return c.userSaved(id, views.UserAccountsID, ui.ToastProps{Text: "Nothing was changed. " + refusal.Error(), Bad: true})
}

func (s *server) askUserRemoval(c *call) error {
	scene, a, err := c.membership()
	if err != nil {
		return err
	}
	return c.renderUserRemoval(http.StatusOK, scene, a)
}

func (c *call) renderUserRemoval(status int, scene views.UserRolesScene, a backoffice.Account) (err error) {
	if scene.LastManager, err = c.store().LastManager(c.ctx(), a, scene.User.User); err != nil {
		return err
	}
	if scene.Loses, err = c.tryRemoval(a, scene.User.ID); err != nil {
		return err
	}
	page, err := c.page("Remove from account", views.PartUsers)
	if err != nil {
		return err
	}
	return c.render(status, page, views.UserRemovalPage(scene))
}

func (s *server) removeUser(c *call) error {
	form, err := c.fields("seen")
	if err != nil {
		return err
	}
	scene, a, err := c.membership()
	if err != nil {
		return err
	}
	var removal string
	err = c.store().Confirm(c.ctx(), c.actor, a, store.ActRemoveMember(a.ID, scene.User.ID, &removal), form["seen"])
	if scene.Grant.Outdated = errors.Is(err, backoffice.ErrOutdated); scene.Grant.Outdated {
		return c.renderUserRemoval(http.StatusConflict, scene, a)
	}
	if err != nil {
		return err
	}
	return c.userSaved(scene.User.ID, views.UserAccountsID, ui.ToastProps{Text: "Removed from “" + a.Name + "”.",
		Undo: s.link(views.ReturnPath(scene.User.ID, a.ID)), Hidden: []ui.Pair{{Name: "removal", Value: removal}}})
}

// returnUser takes a removal back, as its toast and the trail offer.
func (s *server) returnUser(c *call) error {
	form, err := c.fields("removal")
	if err != nil {
		return err
	}
	u, err := c.liveUser()
	if err != nil {
		return err
	}
	a, err := c.store().Account(c.ctx(), c.param("account"))
	if err != nil {
		return err
	}
	err = c.store().RestoreMember(c.ctx(), c.actor, a.ID, u.ID, form["removal"])
	if errors.Is(err, backoffice.ErrNotFound) {
		// Who is in the account was put back already; of anybody else nothing is known.
		if _, _, err := c.membership(); err != nil {
			return err
		}
		err = backoffice.Refusal("There is nothing left to undo.")
	}
	if err != nil {
		return c.refusedOr(err, u.ID)
	}
	return c.userSaved(u.ID, views.UserAccountsID, ui.ToastProps{Text: "They are in “" + a.Name + "” again, with the roles that still exist. Sessions do not come back."})
}
