package handlers

import (
	"errors"
	"net/http"
	"slices"

	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

func (s *server) portalApplicationRoutes() []portalRoute {
	const (
		get, post = http.MethodGet, http.MethodPost
	)
	return []portalRoute{
		{get, "/portal/applications", backoffice.ReadApplications, s.showPortalApplications},
		{get, "/portal/applications/:application/logo", anyUser, s.showPortalLogo},
		{get, "/portal/applications/:application", backoffice.ReadApplications, s.showPortalApplication},
		{get, "/portal/applications/:application/auto-assignment", backoffice.WriteApplications, s.askPortalAutoAssignment},
		{post, "/portal/applications/:application/auto-assignment", backoffice.WriteApplications, s.savePortalAutoAssignment},
		{get, "/portal/applications/:application/users/new", backoffice.WriteApplications, s.showPortalCandidates},
		{post, "/portal/applications/:application/users", backoffice.WriteApplications, s.givePortalApplication},
		{post, "/portal/applications/:application/users/:id/removal", backoffice.DeleteApplications, s.takePortalApplication},
	}
}

func (s *server) showPortalApplications(c *call) error {
	page, err := c.portal("Applications", views.PortalApplicationsPart)
	if err != nil {
		return err
	}
	account, err := c.here()
	if err != nil {
		return err
	}
	list, err := c.store().AccountApplications(c.ctx(), account.Key)
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.PortalApplicationsPage(views.PortalApplicationList{Page: page, Account: account, Rows: list}))
}

// portalApplication finds an application that the account has in which the user is.
// Errors: ErrNotFound, also for one that only other accounts have.
func (c *call) portalApplication() (scene views.PortalApplication, err error) {
	if scene.Account, err = c.here(); err != nil {
		return scene, err
	}
	list, err := c.store().AccountApplications(c.ctx(), scene.Account.Key)
	if err != nil {
		return scene, err
	}
	i := slices.IndexFunc(list, func(a backoffice.AccountApplication) bool { return a.ID == c.Param("application") })
	if i < 0 {
		return scene, backoffice.ErrNotFound
	}
	scene.Application = list[i]
	scene.ReadsUsers = c.actor.MayHere(backoffice.ReadUsers)
	scene.MayGive = scene.ReadsUsers && c.actor.MayHere(backoffice.WriteApplications)
	scene.MayTake = scene.ReadsUsers && c.actor.MayHere(backoffice.DeleteApplications)
	scene.MayAuto = c.actor.MayHere(backoffice.WriteApplications)
	scene.Page, err = c.portal(scene.Application.Name, views.PortalApplicationsPart)
	return scene, err
}

// customersSee hides what a customer must not know of who has not accepted: in the
// portal an invited person is an address.
func customersSee(list []backoffice.ApplicationUser) []backoffice.ApplicationUser {
	for i := range list {
		if list[i].Status == backoffice.Invited && !list[i].Granted {
			list[i].Name = ""
		}
	}
	return list
}

func (s *server) showPortalApplication(c *call) error {
	scene, err := c.portalApplication()
	if err != nil {
		return err
	}
	q := c.QueryParams()
	scene.Filter = backoffice.ApplicationUserFilter{Query: clippedQuery(q.Get("q")), After: q.Get("after"), Before: q.Get("before"), Customers: true}
	if scene.Filter.After != "" {
		scene.Filter.Before = ""
	}
	if scene.ReadsUsers {
		if scene.List, err = c.store().ApplicationUsers(c.ctx(), scene.Account.Key, scene.Application.Key, scene.Filter); err != nil {
			return err
		}
		customersSee(scene.List.Rows)
	}
	return c.render(http.StatusOK, scene.Page, views.PortalApplicationPage(scene), section{views.PortalApplicationUsersID, views.PortalApplicationUsers(scene)})
}

func (s *server) askPortalAutoAssignment(c *call) error {
	scene, err := c.portalApplication()
	if err != nil {
		return err
	}
	if scene.Application.Application.ReachesAll() {
		return c.goTo(scene.Path(""))
	}
	if scene.Granted, err = c.store().GrantedTo(c.ctx(), scene.Account.Key); err != nil {
		return err
	}
	return c.render(http.StatusOK, scene.Page, views.PortalAutoAssignmentPage(scene))
}

func (s *server) savePortalAutoAssignment(c *call) error {
	form, err := c.fields("on")
	if err != nil {
		return err
	}
	scene, err := c.portalApplication()
	if err != nil {
		return err
	}
	on := form["on"] == "true"
	err = c.store().SetAutoAssignment(c.ctx(), c.actor, scene.Account.ID, scene.Application.ID, on)
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		return c.saved(scene.Path(""), ui.ToastProps{Text: refusal.Error(), Bad: true}, nil)
	}
	if err != nil {
		return err
	}
	text := "Every user of this account has " + scene.Application.Name + " now."
	if !on {
		text = "Who has " + scene.Application.Name + " keeps it, and it can be taken from each of them. New users do not get it."
	}
	return c.saved(scene.Path(""), ui.ToastProps{Text: text}, nil)
}

// portalCandidates are the users of the account who could be given the application,
// those who are ticked first.
func (c *call) portalCandidates(query string, chosen []string) (views.PortalCandidates, error) {
	scene, err := c.portalApplication()
	if err != nil {
		return views.PortalCandidates{}, err
	}
	if !scene.ReadsUsers {
		return views.PortalCandidates{}, backoffice.ErrForbidden
	}
	p := views.PortalCandidates{PortalApplication: scene, Query: clippedQuery(query), Chosen: chosen}
	p.List, err = c.store().ApplicationUsers(c.ctx(), scene.Account.Key, scene.Application.Key, backoffice.ApplicationUserFilter{Query: p.Query, Others: true, Customers: true})
	customersSee(p.List.Rows)
	return p, err
}

func (s *server) showPortalCandidates(c *call) error {
	p, err := c.portalCandidates(c.QueryParam("q"), c.QueryParams()["user"])
	if err != nil {
		return err
	}
	if p.Application.Path.ReachesAll() {
		return c.goTo(p.Path(""))
	}
	return c.render(http.StatusOK, p.Page, views.PortalCandidatesPage(p))
}

func (s *server) givePortalApplication(c *call) error {
	form, err := c.posted()
	if err != nil {
		return err
	}
	ids := form["user"]
	if len(ids) > maxGiven {
		return errTwice
	}
	p, err := c.portalCandidates(form.Get("q"), ids)
	if err != nil {
		return err
	}
	refuse := func(why string) error {
		p.Problem = why
		return c.render(http.StatusUnprocessableEntity, p.Page, views.PortalCandidatesPage(p))
	}
	if len(ids) == 0 {
		return refuse("Choose at least one user.")
	}
	given := int64(0)
	for _, id := range ids {
		err := c.store().GiveApplication(c.ctx(), c.actor, p.Account.ID, p.Application.ID, id)
		var refusal backoffice.Refusal
		switch {
		case errors.Is(err, backoffice.ErrNotFound):
		case errors.As(err, &refusal):
			return refuse(refusal.Error())
		case err != nil:
			return err
		default:
			given++
		}
	}
	if given == 0 {
		return refuse("They are not in this account any more. Nobody was added.")
	}
	return c.saved(p.Path(""), ui.ToastProps{Text: ui.Count(given, "user has it.", "users have it.")}, nil)
}

func (s *server) takePortalApplication(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	scene, err := c.portalApplication()
	if err != nil {
		return err
	}
	if !scene.ReadsUsers {
		return backoffice.ErrForbidden
	}
	err = c.store().TakeApplication(c.ctx(), c.actor, scene.Account.ID, scene.Application.ID, c.Param("id"))
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		return c.saved(scene.Path(""), ui.ToastProps{Text: refusal.Error(), Bad: true}, nil)
	}
	if err != nil {
		return err
	}
	toast := ui.ToastProps{Text: scene.Application.Name + " was taken from them. They cannot enter it from their next request on."}
	if scene.MayGive {
		toast.Undo, toast.Hidden = s.link(scene.Path("/users")), []ui.Pair{{Name: "user", Value: c.Param("id")}}
	}
	return c.saved(scene.Path(""), toast, nil)
}
