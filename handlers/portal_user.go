package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

func (s *server) portalUserRoutes() []portalRoute {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	return []portalRoute{
		{get, "/portal/users", backoffice.ReadUsers, s.showPortalUsers},
		{get, "/portal/users/new", backoffice.WriteUsers, s.showInviteUser},
		{post, "/portal/users", backoffice.WriteUsers, s.inviteUser},
		{get, "/portal/users/:id", backoffice.ReadUsers, s.showPortalUser},
		{post, "/portal/users/:id/roles", backoffice.WriteUsers, s.savePortalRoles},
		{post, "/portal/users/:id/disabled", backoffice.WriteUsers, s.savePortalDisabled},
		{post, "/portal/users/:id/invitation", backoffice.WriteUsers, s.sendPortalInvitation},
		{get, "/portal/users/:id/removal", backoffice.DeleteUsers, s.showPortalRemoval},
		{post, "/portal/users/:id/removal", backoffice.DeleteUsers, s.removePortalUser},
	}
}

// here is the account that the user is in.
func (c *call) here() (backoffice.Account, error) {
	return c.store().Account(c.ctx(), c.actor.Account.ID)
}

func (s *server) showPortalUsers(c *call) error {
	page, err := c.portal("Users", views.PortalUsers)
	if err != nil {
		return err
	}
	account, err := c.here()
	if err != nil {
		return err
	}
	q := c.QueryParams()
	f := backoffice.MemberFilter{Query: clippedQuery(q.Get("q")), After: q.Get("after"), Before: q.Get("before"), Customers: true}
	members, err := c.store().Members(c.ctx(), account, f)
	if err != nil {
		return err
	}
	scene := views.PortalUserList{Page: page, Account: account, Filter: f, Members: members, MayInvite: c.actor.MayHere(backoffice.WriteUsers), Now: s.now()}
	return c.render(http.StatusOK, page, views.PortalUsersPage(scene), section{views.PortalUserTableID, views.PortalUserTable(scene)})
}

// clippedQuery keeps a search to the length that names have.
func clippedQuery(q string) string {
	if r := []rune(q); len(r) > backoffice.MaxName {
		return string(r[:backoffice.MaxName])
	}
	return q
}

// mayGive are the roles that the actor may give in the account that they are in.
func (c *call) mayGive(account backoffice.Account) ([]backoffice.Role, error) {
	all, err := c.store().GrantableRoles(c.ctx(), account)
	var roles []backoffice.Role
	for _, r := range all {
		if c.actor.MayGive(account.Key, []backoffice.Role{r}) == nil {
			roles = append(roles, r)
		}
	}
	return roles, err
}

// portalUser draws the page of one user of the account.
func (s *server) portalUser(c *call, status int, chosen []string, problems backoffice.Problems) error {
	account, err := c.here()
	if err != nil {
		return err
	}
	member, held, err := c.store().Member(c.ctx(), account, c.Param("id"))
	if err != nil {
		return err
	}
	member = member.ForCustomers()
	page, err := c.portal(cmp.Or(member.Name, member.Email), views.PortalUsers)
	if err != nil {
		return err
	}
	if chosen == nil {
		chosen = held
	}
	all, err := c.store().GrantableRoles(c.ctx(), account)
	if err != nil {
		return err
	}
	var own []backoffice.Role
	for _, r := range all {
		for _, key := range held {
			if r.Key == key {
				own = append(own, r)
			}
		}
	}
	scene := views.PortalUser{Page: page, Account: account, Member: member, Chosen: chosen, Problems: problems, Now: s.now(),
		Self: member.Key == c.actor.Key, MayDelete: c.actor.MayHere(backoffice.DeleteUsers)}
	// Who stands above is shown, and not offered to be changed.
	scene.MayWrite = c.actor.MayHere(backoffice.WriteUsers) && (scene.Self || c.actor.MayGive(account.Key, own) == nil)
	scene.MayDelete = scene.MayDelete && (scene.Self || c.actor.MayGive(account.Key, own) == nil)
	if scene.Roles, err = c.mayGive(account); err != nil {
		return err
	}
	if problems["roles"] == outdatedRoles {
		scene.Problems = backoffice.Problems{"roles": rolesOutdated(own)}
	}
	if scene.Seen, err = c.store().Held(c.ctx(), account, member.User); err != nil {
		return err
	}
	if member.Status == backoffice.Invited {
		if scene.Invitation, err = c.store().OpenInvitation(c.ctx(), account.Key, member.ID); err != nil && !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
	}
	grant, ok, err := c.grantSection(page, account, member)
	if err != nil {
		return err
	}
	if ok {
		scene.Grant = &grant
	}
	return c.render(status, page, views.PortalUserPage(scene))
}

// outdatedRoles stands for rolesOutdated until it is known what is held.
const outdatedRoles = "outdated"

func (s *server) showPortalUser(c *call) error {
	return s.portalUser(c, http.StatusOK, nil, nil)
}

func (s *server) portalUserPath(c *call) string {
	return "/portal/users/" + url.PathEscape(c.Param("id"))
}

func (s *server) savePortalRoles(c *call) error {
	form, err := c.posted()
	if err != nil {
		return err
	}
	account, err := c.here()
	if err != nil {
		return err
	}
	err = c.store().Confirm(c.ctx(), c.actor, account, store.ActRoles(account.ID, c.Param("id"), form["roles"]), form.Get("seen"))
	if errors.Is(err, backoffice.ErrOutdated) {
		return s.portalUser(c, http.StatusConflict, append([]string{}, form["roles"]...), backoffice.Problems{"roles": outdatedRoles})
	}
	if p, ok := problemsOf(err); ok {
		return s.portalUser(c, http.StatusUnprocessableEntity, append([]string{}, form["roles"]...), p)
	}
	if err != nil {
		return err
	}
	if c.Param("id") == c.actor.ID {
		return c.saved("/portal", ui.ToastProps{Text: "Your roles were changed."}, nil)
	}
	return c.saved(s.portalUserPath(c), ui.ToastProps{Text: "Roles saved. They hold from the next request on."}, nil)
}

func (s *server) savePortalDisabled(c *call) error {
	form, err := c.fields("disabled")
	if err != nil {
		return err
	}
	off := form["disabled"] == "true"
	err = c.store().SetMemberDisabled(c.ctx(), c.actor, c.actor.Account.ID, c.Param("id"), off)
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		return s.portalUser(c, http.StatusUnprocessableEntity, nil, backoffice.Problems{"disabled": refusal.Error()})
	}
	if err != nil {
		return err
	}
	text := "Access switched on."
	if off {
		text = "Access switched off. Sessions in this account were ended."
	}
	return c.saved(s.portalUserPath(c), ui.ToastProps{Text: text}, nil)
}

// sendPortalInvitation sends the invitation that waits again, or invites who was
// added silently.
func (s *server) sendPortalInvitation(c *call) error {
	account, err := c.here()
	if err != nil {
		return err
	}
	i, err := c.store().OpenInvitation(c.ctx(), account.Key, c.Param("id"))
	if errors.Is(err, backoffice.ErrNotFound) {
		u, err := c.store().InviteMember(c.ctx(), c.actor, account.ID, c.Param("id"), auth.InvitationToken.New)
		var refusal backoffice.Refusal
		if errors.As(err, &refusal) {
			return s.portalUser(c, http.StatusUnprocessableEntity, nil, backoffice.Problems{"invitation": refusal.Error()})
		}
		if err != nil {
			return err
		}
		return c.saved(s.portalUserPath(c), ui.ToastProps{Text: u.Email + " was invited."}, nil)
	}
	if err != nil {
		return err
	}
	if _, err := c.store().ResendInvitation(c.ctx(), c.actor, i.ID, auth.InvitationToken.New); err != nil {
		return err
	}
	return c.saved(s.portalUserPath(c), ui.ToastProps{Text: "Invitation sent again. The link in the earlier mail is dead."}, nil)
}

func (s *server) removalPage(c *call, status int, p place, refused string) error {
	member, _, err := c.store().Member(c.ctx(), p.Account, c.Param("id"))
	if err != nil {
		return err
	}
	member = member.ForCustomers()
	if err := p.frame(c, "Remove user"); err != nil {
		return err
	}
	scene := views.PortalUser{Page: p.Page, Account: p.Account, Member: member, Self: member.Key == c.actor.Key, At: &p.PlaceScene}
	if scene.Loses, err = c.tryRemoval(p.Account, member.ID); err != nil {
		return err
	}
	return c.render(status, p.Page, views.PortalRemovalPage(scene, refused))
}

func (s *server) showPortalRemoval(c *call) error {
	p, err := c.place(backoffice.DeleteUsers)
	if err != nil {
		return err
	}
	return s.removalPage(c, http.StatusOK, p, "")
}

func (s *server) removePortalUser(c *call) error {
	form, err := c.fields("seen")
	if err != nil {
		return err
	}
	p, err := c.place(backoffice.DeleteUsers)
	if err != nil {
		return err
	}
	var removal string
	err = c.store().Confirm(c.ctx(), c.actor, p.Account, store.ActRemoveMember(p.Account.ID, c.Param("id"), &removal), form["seen"])
	var refusal backoffice.Refusal
	p.Outdated = errors.Is(err, backoffice.ErrOutdated)
	if errors.As(err, &refusal) || p.Outdated {
		return s.removalPage(c, p.refused(), p, string(refusal))
	}
	if err != nil {
		return err
	}
	to := "/portal/users"
	if p.Home != p.Account.ID {
		to = views.PortalAccountPath(p.Account.ID, "")
	}
	return c.saved(to, ui.ToastProps{Text: "The user was removed from “" + p.Account.Name + "”."}, nil)
}
