package handlers

import (
	"net/http"
	"net/url"

	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// treeScene is the picture of a branch in the state that a query asks for. path
// and download are addresses of ours without the base path, where the picture and
// its file are asked for; keep is what of the query stands before the state.
func (c *call) treeScene(b *backoffice.Branch, path, keep, download string) views.TreeGraphScene {
	scene := views.TreeGraphScene{Graph: backoffice.NewTreeGraph(b, backoffice.ParseTreeState(c.QueryParams())), Path: c.s.link(path), Keep: keep, Now: c.s.now()}
	if download != "" {
		scene.Download = c.s.link(download)
	}
	return scene
}

// sendTreeGraph answers with the picture as a file. There is no PNG here: the
// browser draws it from this file (tree-graph.js), with the fonts that it has; a
// rasteriser of our own would know few scripts.
func (c *call) sendTreeGraph(scene views.TreeGraphScene) error {
	h := c.Response().Header()
	h.Set("Content-Security-Policy", views.TreeGraphPolicy)
	h.Set("Content-Disposition", `attachment; filename="`+views.TreeGraphName(scene.Graph)+`"`)
	return c.Blob(http.StatusOK, "image/svg+xml; charset=utf-8", views.TreeGraphFile(scene))
}

// showPortalGraph shows All Accounts as a picture.
func (s *server) showPortalGraph(c *call, page views.Page, scene views.PortalAccountsScene) error {
	graph := s.portalGraph(c, scene.Table.Branch)
	if scene.MayCreate {
		graph.Create = func(id string) string {
			return s.link(views.PortalAccountsPath + "/new?parent=" + url.QueryEscape(id))
		}
	}
	scene.Graph = views.TreeGraph(graph)
	return c.render(http.StatusOK, page, views.PortalAccountsPage(scene), section{views.TreeGraphSection, scene.Graph})
}

// sendPortalGraph is the same picture as a file.
func (s *server) sendPortalGraph(c *call) error {
	home, err := c.managed()
	if err != nil {
		return err
	}
	branch, err := c.store().Tree(c.ctx(), home.Key)
	if err != nil {
		return err
	}
	return c.sendTreeGraph(s.portalGraph(c, branch))
}

func (s *server) portalGraph(c *call, branch *backoffice.Branch) views.TreeGraphScene {
	graph := c.treeScene(branch, views.PortalAccountsPath, "view=graph", views.PortalAccountsPath+".svg")
	graph.Views = views.PortalAccountsViews(c.s.base, graph.Graph.State, true)
	graph.Account = func(id string) string { return s.link(views.PortalAccountPath(id, "")) }
	return graph
}

// accountGraphRoutes show staff the same picture for any account.
func (s *server) accountGraphRoutes() []route {
	return []route{
		{http.MethodGet, "/backoffice/accounts/:id/tree", backoffice.ReadAccounts, s.showAccountTree},
		{http.MethodGet, "/backoffice/accounts/:id/graph", backoffice.ReadAccounts, s.showAccountGraph},
		{http.MethodGet, "/backoffice/accounts/:id/graph.svg", backoffice.ReadAccounts, s.sendAccountGraph},
	}
}

// showAccountTree shows staff an account with all below it, as a table.
func (s *server) showAccountTree(c *call) error {
	a, err := c.account()
	if err != nil {
		return err
	}
	branch, err := c.store().Tree(c.ctx(), a.Key)
	if err != nil {
		return err
	}
	scene := views.PortalAccountsScene{Staff: true, Now: s.now(), MayMove: c.actor.May(backoffice.WriteAccounts)}
	q := c.QueryParams()
	state := backoffice.ParseTreeState(q)
	at := views.AccountPath("", a.ID) + "/tree"
	if c.isFragment() && q.Has("rows") {
		scene.Page = s.gate(c, "")
		return s.treeRows(c, branch, scene, q.Get("rows"), q.Get("from"))
	}
	if to, ok := treeStep(branch, state, q); ok {
		return c.goTo(withState(at, to))
	}
	if scene.Page, err = c.page("Sub-accounts of "+a.Name, views.PartAccounts); err != nil {
		return err
	}
	scene.Table = backoffice.NewTreeTable(branch, state)
	return c.render(http.StatusOK, scene.Page, views.AccountTreePage(scene), section{views.PortalTreeID, views.PortalTree(scene)})
}

func (s *server) showAccountGraph(c *call) error {
	a, graph, err := s.accountGraph(c)
	if err != nil {
		return err
	}
	page, err := c.page("Graph of "+a.Name, views.PartAccounts)
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.AccountGraphPage(s.base, a, graph), section{views.TreeGraphSection, views.TreeGraph(graph)})
}

func (s *server) sendAccountGraph(c *call) error {
	_, graph, err := s.accountGraph(c)
	if err != nil {
		return err
	}
	return c.sendTreeGraph(graph)
}

func (s *server) accountGraph(c *call) (a backoffice.Account, graph views.TreeGraphScene, err error) {
	if a, err = c.account(); err != nil {
		return a, graph, err
	}
	branch, err := c.store().Tree(c.ctx(), a.Key)
	if err != nil {
		return a, graph, err
	}
	path := views.AccountPath("", a.ID) + "/graph"
	graph = c.treeScene(branch, path, "", path+".svg")
	graph.Account = func(id string) string { return views.AccountPath(s.base, id) }
	graph.Views = views.AccountTreeViews(s.base, a.ID, graph.Graph.State, true)
	return a, graph, nil
}

// sampleSizes are the branches that the gallery draws.
var sampleSizes = []int{1, 12, 300, 5000}

func (s *server) showSampleGraph(c *call) error {
	scene := s.sampleGraph(c)
	p, err := c.page("Graph", "")
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, p, views.TreeGraphGallery(scene), section{views.TreeGraphSection, views.TreeGraph(scene)})
}

func (s *server) sendSampleGraph(c *call) error {
	return c.sendTreeGraph(s.sampleGraph(c))
}

// sampleGraph is a branch of the gallery: accounts in the query says how large.
func (s *server) sampleGraph(c *call) views.TreeGraphScene {
	accounts := sampleSizes[1]
	for _, n := range sampleSizes {
		if c.QueryParam("accounts") == views.SampleSize(n) {
			accounts = n
		}
	}
	keep := url.Values{"accounts": {views.SampleSize(accounts)}}.Encode()
	scene := c.treeScene(backoffice.SampleBranch(accounts, s.now()), views.TreeGraphGalleryPath, keep, "")
	scene.Download = s.link(views.TreeGraphGalleryPath + ".svg?" + keep)
	scene.Account = func(id string) string { return s.link("/backoffice/accounts/" + id) }
	scene.Views = []ui.Tab{{Label: "Table", Icon: "table", Href: "#"}, {Label: "Graph", Icon: "network", Href: s.link(views.TreeGraphGalleryPath), Current: true}}
	scene.Create = func(id string) string { return s.link("/backoffice/accounts/new?parent=" + id) }
	return scene
}
