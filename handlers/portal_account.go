package handlers

import (
	"net/http"
	"strconv"

	"steward/backoffice"
	"steward/views"
)

func (s *server) portalAccountRoutes() []portalRoute {
	const (
		get, post = http.MethodGet, http.MethodPost
		read      = backoffice.ReadSubAccounts
		write     = backoffice.WriteSubAccounts
		remove    = backoffice.DeleteSubAccounts
		manage    = backoffice.WriteSubAccountManagement
	)
	return append(s.portalInviteRoutes(), []portalRoute{
		{get, "/portal/accounts", read, s.showPortalAccounts},
		{get, "/portal/accounts.svg", read, s.sendPortalGraph},
		{get, "/portal/accounts/new", write, s.showNewSubAccount},
		{post, "/portal/accounts", write, s.createSubAccount},
		{get, "/portal/accounts/:id", read, s.showPortalAccount},
		{post, "/portal/accounts/:id/name", write, s.renameSubAccount},
		{get, "/portal/accounts/:id/parent", write, s.showMove},
		{post, "/portal/accounts/:id/parent", write, s.moveSubAccount},
		{get, "/portal/accounts/:id/removal", remove, s.showAccountRemoval},
		{post, "/portal/accounts/:id/removal", remove, s.removeSubAccount},
		{post, "/portal/restorations", remove, s.restoreSubAccount},
		{get, "/portal/accounts/:id/management", manage, s.showManagement},
		{post, "/portal/accounts/:id/management", manage, s.saveManagement},
	}...)
}

// subAccounts is how many accounts lie below the one that the user is in, -1
// where they manage none.
func (c *call) subAccounts() (int64, error) {
	if !c.actor.MayHere(backoffice.ReadSubAccounts) {
		return -1, nil
	}
	home, err := c.here()
	if err != nil || !home.IsReseller {
		return -1, err
	}
	return c.store().BranchSize(c.ctx(), home.Key)
}

// managed is the account that the user is in, who manages its sub-accounts.
// Errors: ErrNotFound where it has none to manage.
func (c *call) managed() (backoffice.Account, error) {
	home, err := c.here()
	if err == nil && !home.IsReseller {
		err = backoffice.ErrNotFound
	}
	return home, err
}

// showPortalAccounts shows the own account and all below it, as a table or as a
// picture.
func (s *server) showPortalAccounts(c *call) error {
	home, err := c.managed()
	if err != nil {
		return err
	}
	branch, err := c.store().Tree(c.ctx(), home.Key)
	if err != nil {
		return err
	}
	q := c.QueryParams()
	state := backoffice.ParseTreeState(q)
	if c.isFragment() && q.Has("rows") {
		return s.portalTreeRows(c, branch, q.Get("rows"), q.Get("from"))
	}
	// Without script the buttons of the table ask for what follows from its state.
	if i := branch.Index(q.Get("toggle")); i >= 0 {
		return c.goTo(views.PortalAccountsAddress(false, branch.TreeToggled(state, i)))
	}
	if i := branch.Index(q.Get("further")); i >= 0 {
		return c.goTo(views.PortalAccountsAddress(false, state.TreeFurther(q.Get("further"))))
	}
	page, err := c.portal("All Accounts", views.PortalAccounts)
	if err != nil {
		return err
	}
	scene := s.portalAccountsScene(c, page)
	scene.Table = backoffice.NewTreeTable(branch, state)
	if q.Get("view") == "graph" {
		return s.showPortalGraph(c, page, scene)
	}
	return c.render(http.StatusOK, page, views.PortalAccountsPage(scene), section{views.PortalTreeID, views.PortalTree(scene)})
}

func (s *server) portalAccountsScene(c *call, page views.Page) views.PortalAccountsScene {
	return views.PortalAccountsScene{Page: page, Now: s.now(), MayInvite: c.actor.MayHere(backoffice.WriteUsers),
		MayCreate: c.actor.MayHere(backoffice.WriteSubAccounts), MayRemove: c.actor.MayHere(backoffice.DeleteSubAccounts)}
}

// portalTreeRows answers with the next page of the sub-accounts of an account
// alone, for script to put into the table.
func (s *server) portalTreeRows(c *call, branch *backoffice.Branch, id, from string) error {
	i := branch.Index(id)
	n, err := strconv.Atoi(from)
	if from == "" {
		n, err = 0, nil
	}
	if i < 0 || err != nil {
		return backoffice.ErrNotFound
	}
	scene := s.portalAccountsScene(c, s.gate(c, ""))
	scene.Table = branch.TreePage(i, n)
	return c.fragment(http.StatusOK, views.PortalTreeRows(scene))
}
