package handlers

import (
	"net/http"
	"net/url"
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
		return s.treeRows(c, branch, s.portalAccountsScene(c, s.gate(c, "")), q.Get("rows"), q.Get("from"))
	}
	if to, ok := treeStep(branch, state, q); ok {
		return c.goTo(views.PortalAccountsAddress(false, to))
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

// treeStep is the state that a button of the table asks for: without script they
// ask for what follows from its state.
func treeStep(branch *backoffice.Branch, state backoffice.TreeState, q url.Values) (backoffice.TreeState, bool) {
	if i := branch.Index(q.Get("toggle")); i >= 0 {
		return branch.TreeToggled(state, i), true
	}
	if i := branch.Index(q.Get("further")); i >= 0 {
		return state.TreeFurther(q.Get("further")), true
	}
	return state, false
}

func withState(at string, state backoffice.TreeState) string {
	if q := state.Encode(); q != "" {
		return at + "?" + q
	}
	return at
}

// treeRows answers with the next page of the sub-accounts of an account alone, for
// script to put into the table.
func (s *server) treeRows(c *call, branch *backoffice.Branch, scene views.PortalAccountsScene, id, from string) error {
	i := branch.Index(id)
	n, err := strconv.Atoi(from)
	if from == "" {
		n, err = 0, nil
	}
	if i < 0 || err != nil {
		return backoffice.ErrNotFound
	}
	scene.Table = branch.TreePage(i, n)
	return c.fragment(http.StatusOK, views.PortalTreeRows(scene))
}
