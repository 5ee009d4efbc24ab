package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

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
	list := []portalRoute{
		{get, "/portal/users", backoffice.ReadUsers, s.showPortalUsers},
		{get, "/portal/users/new", backoffice.WriteUsers, s.showInviteUser},
		{post, "/portal/users", backoffice.WriteUsers, s.inviteUser},
	}
	for _, r := range []portalRoute{
		{get, "/users/:id", backoffice.ReadUsers, s.showPortalUser},
		{post, "/users/:id/roles", backoffice.WriteUsers, s.savePortalRoles},
		{post, "/users/:id/disabled", backoffice.WriteUsers, s.savePortalDisabled},
		{post, "/users/:id/invitation", backoffice.WriteUsers, s.sendPortalInvitation},
		{get, "/users/:id/removal", backoffice.DeleteUsers, s.showPortalRemoval},
		{post, "/users/:id/removal", backoffice.DeleteUsers, s.removePortalUser},
		{post, "/users/:id/restoration", backoffice.DeleteUsers, s.returnPortalUser},
	} {
		// Of an account below it takes to see it; the permission is held there, and the
		// handlers ask for it.
		list = append(list, portalRoute{r.method, "/portal" + r.path, r.permission, r.handle},
			portalRoute{r.method, "/portal/accounts/:account" + r.path, backoffice.ReadSubAccounts, r.handle})
	}
	return list
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

// portalUser draws the page of one user of an account, their own or one below.
func (s *server) portalUser(c *call, status int, p place, chosen []string, problems backoffice.Problems) error {
	member, held, err := c.store().Member(c.ctx(), p.Account, c.userID())
	if errors.Is(err, backoffice.ErrNotFound) && status == http.StatusOK {
		return s.toWhy(c, p)
	}
	if err != nil {
		return err
	}
	member = member.ForCustomers()
	if err := p.frame(c, cmp.Or(member.Name, member.Email)); err != nil {
		return err
	}
	if chosen == nil {
		chosen = held
	}
	all, err := c.store().GrantableRoles(c.ctx(), p.Account)
	if err != nil {
		return err
	}
	scene := views.PortalUser{Page: p.Page, Account: p.Account, At: &p.PlaceScene, Member: member, Chosen: chosen, Problems: problems, Now: s.now(), Self: member.Key == c.actor.Key}
	var own []backoffice.Role
	for _, r := range all {
		if slices.Contains(held, r.Key) {
			own = append(own, r)
		}
		if p.mayGive(r) {
			scene.Roles = append(scene.Roles, r)
		}
	}
	// Who stands above is shown, and not offered to be changed.
	under := scene.Self || p.mayGive(own...)
	scene.MayWrite, scene.MayDelete = under && p.held.Has(backoffice.WriteUsers), under && p.held.Has(backoffice.DeleteUsers)
	if problems["roles"] == outdatedRoles {
		scene.Problems = backoffice.Problems{"roles": rolesOutdated(own)}
	}
	if scene.Seen, err = c.store().Held(c.ctx(), p.Account, member.User); err != nil {
		return err
	}
	if member.Status == backoffice.Invited {
		if scene.Invitation, err = c.store().OpenInvitation(c.ctx(), p.Account.Key, member.ID); err != nil && !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
	}
	if p.held.Has(backoffice.ReadApplications) {
		if scene.Applications, err = c.store().UserApplications(c.ctx(), member.Key, p.Account.Key); err != nil {
			return err
		}
	}
	grant, ok, err := c.grantSection(p, member)
	if err != nil {
		return err
	}
	if ok {
		scene.Grant = &grant
	}
	return c.render(status, p.Page, views.PortalUserPage(scene))
}

// toWhy leads to why somebody comes into the account who is no member of it. Errors:
// ErrNotFound for who does not.
func (s *server) toWhy(c *call, p place) error {
	who, err := c.store().Why(c.ctx(), p.Account, c.userID())
	if err != nil {
		return err
	}
	if !p.seen(who).Enters() {
		return backoffice.ErrNotFound
	}
	return c.goTo(p.UserPath(who.User.ID, "/why"))
}

// outdatedRoles stands for rolesOutdated until it is known what is held.
const outdatedRoles = "outdated"

func (s *server) showPortalUser(c *call) error {
	p, err := c.place(backoffice.ReadUsers)
	if err != nil {
		return err
	}
	return s.portalUser(c, http.StatusOK, p, nil, nil)
}

func (s *server) savePortalRoles(c *call) error {
	form, err := c.posted()
	if err != nil {
		return err
	}
	p, err := c.place(backoffice.WriteUsers)
	if err != nil {
		return err
	}
	id := c.userID()
	err = c.store().Confirm(c.ctx(), c.actor, p.Account, store.ActRoles(p.Account.ID, id, form["roles"]), form.Get("seen"))
	if errors.Is(err, backoffice.ErrOutdated) {
		return s.portalUser(c, http.StatusConflict, p, append([]string{}, form["roles"]...), backoffice.Problems{"roles": outdatedRoles})
	}
	if problems, ok := problemsOf(err); ok {
		return s.portalUser(c, http.StatusUnprocessableEntity, p, append([]string{}, form["roles"]...), problems)
	}
	if err != nil {
		return err
	}
	if id == c.actor.ID && p.Home == p.Account.ID {
		return c.saved("/portal", ui.ToastProps{Text: "Your roles were changed."}, nil)
	}
	return c.saved(p.UserPath(id, ""), ui.ToastProps{Text: "Roles saved. They hold from the next request on."}, nil)
}

func (s *server) savePortalDisabled(c *call) error {
	form, err := c.fields("disabled")
	if err != nil {
		return err
	}
	p, err := c.place(backoffice.WriteUsers)
	if err != nil {
		return err
	}
	off := form["disabled"] == "true"
	err = c.store().SetMemberDisabled(c.ctx(), c.actor, p.Account.ID, c.userID(), off)
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		return s.portalUser(c, http.StatusUnprocessableEntity, p, nil, backoffice.Problems{"disabled": refusal.Error()})
	}
	if err != nil {
		return err
	}
	text := "Access switched on."
	if off {
		text = "Access switched off. Sessions in this account were ended."
	}
	return c.saved(p.UserPath(c.userID(), ""), ui.ToastProps{Text: text}, nil)
}

// sendPortalInvitation sends the invitation that waits again, or invites who was
// added silently.
func (s *server) sendPortalInvitation(c *call) error {
	p, err := c.place(backoffice.WriteUsers)
	if err != nil {
		return err
	}
	id := c.userID()
	i, err := c.store().OpenInvitation(c.ctx(), p.Account.Key, id)
	if errors.Is(err, backoffice.ErrNotFound) {
		u, err := c.store().InviteMember(c.ctx(), c.actor, p.Account.ID, id, auth.InvitationToken.New)
		var refusal backoffice.Refusal
		if errors.As(err, &refusal) {
			return s.portalUser(c, http.StatusUnprocessableEntity, p, nil, backoffice.Problems{"invitation": refusal.Error()})
		}
		if err != nil {
			return err
		}
		return c.saved(p.UserPath(id, ""), ui.ToastProps{Text: u.Email + " was invited."}, nil)
	}
	if err != nil {
		return err
	}
	if _, err := c.store().ResendInvitation(c.ctx(), c.actor, i.ID, auth.InvitationToken.New); err != nil {
		return err
	}
	return c.saved(p.UserPath(id, ""), ui.ToastProps{Text: "Invitation sent again. The link in the earlier mail is dead."}, nil)
}

func (s *server) removalPage(c *call, status int, p place, refused string) error {
	member, _, err := c.store().Member(c.ctx(), p.Account, c.userID())
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
	err = c.store().Confirm(c.ctx(), c.actor, p.Account, store.ActRemoveMember(p.Account.ID, c.userID(), &removal), form["seen"])
	var refusal backoffice.Refusal
	p.Outdated = errors.Is(err, backoffice.ErrOutdated)
	if errors.As(err, &refusal) || p.Outdated {
		return s.removalPage(c, p.refused(), p, string(refusal))
	}
	if err != nil {
		return err
	}
	toast := ui.ToastProps{Text: "The user was removed from “" + p.Account.Name + "”."}
	if id := c.userID(); id != c.actor.ID { // who leaves has nothing to say there any more
		toast.Undo, toast.Hidden = s.link(p.UserPath(id, "/restoration")), []ui.Pair{{Name: "removal", Value: removal}}
	}
	return c.saved(p.list(), toast, nil)
}

// list is where the users of the account are listed.
func (p place) list() string {
	if p.Home != p.Account.ID {
		return views.PortalAccountPath(p.Account.ID, "")
	}
	return "/portal/users"
}

// returnPortalUser takes a removal back, as its toast offers.
func (s *server) returnPortalUser(c *call) error {
	form, err := c.fields("removal")
	if err != nil {
		return err
	}
	p, err := c.place(backoffice.DeleteUsers)
	if err != nil {
		return err
	}
	if form["removal"] == "" {
		// Of who was never removed from here nothing is known.
		if _, _, err := c.store().Member(c.ctx(), p.Account, c.userID()); err != nil {
			return err
		}
		return badRequest(errors.New("no removal"))
	}
	err = c.store().RestoreMember(c.ctx(), c.actor, p.Account.ID, c.userID(), form["removal"])
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		return c.saved(p.list(), ui.ToastProps{Bad: true, Text: "Nobody was put back. " + refusal.Error()}, nil)
	}
	if err != nil {
		return err
	}
	return c.saved(p.UserPath(c.userID(), ""), ui.ToastProps{Text: "They are in “" + p.Account.Name + "” again, with the roles that still exist. Sessions do not come back."}, nil)
}
