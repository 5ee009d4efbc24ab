package handlers

import (
	"errors"
	"net/http"
	"net/url"

	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// Saved views of the accounts list. What is saved is the list's address, so
// that a view is a link like any other.
func (s *server) viewRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{get, "/backoffice/views/new", backoffice.WriteOwnViews, s.showNewView},
		{post, "/backoffice/views", backoffice.WriteOwnViews, s.saveView},
		{get, "/backoffice/views/:view", backoffice.WriteOwnViews, s.showView},
		{post, "/backoffice/views/:view", backoffice.WriteOwnViews, s.renameView},
		{post, "/backoffice/views/:view/deletion", backoffice.WriteOwnViews, s.deleteView},
	}
}

// viewPage is the only page that has saved views as yet.
const viewPage = "accounts"

// viewQuery brings the query of a view into the form that is stored; what the
// list does not know is left out.
func viewQuery(text string) backoffice.AccountQuery {
	values, _ := url.ParseQuery(text)
	q, _ := backoffice.ParseAccountQuery(values)
	q.Page = ""
	return q
}

// savedViews are the tabs above the list.
func (s *server) savedViews(c *call) ([]views.SavedView, error) {
	list, err := c.store().Views(c.ctx(), c.actor, viewPage)
	if err != nil {
		return nil, err
	}
	saved := make([]views.SavedView, len(list))
	for i, v := range list {
		saved[i] = views.SavedView{ID: v.ID, Name: v.Name, Query: v.Query, Own: v.Own, Shared: v.Shared, By: v.By,
			MayChange: v.Own || c.may(backoffice.ShareViews)}
		n, known, err := c.store().KnownTotal(c.ctx(), viewQuery(v.Query).AccountFilter)
		if err != nil {
			return nil, err
		}
		if known {
			saved[i].Count = ui.Number(n)
		}
	}
	return saved, nil
}

func (s *server) showNewView(c *call) error {
	return s.renderView(c, http.StatusOK, views.ViewForm{Query: viewQuery(c.QueryParam("query")).Encode()})
}

func (s *server) renderView(c *call, status int, f views.ViewForm) error {
	var err error
	title := "Save view"
	if f.ID != "" {
		title = "Rename view"
	}
	if f.Page, err = c.page(title, views.PartAccounts); err != nil {
		return err
	}
	q := viewQuery(f.Query)
	f.What, f.MayShare = views.AccountsSentence(q.AccountFilter), c.may(backoffice.ShareViews)
	return c.render(status, f.Page, views.ViewPage(f), section{"dialog", views.ViewDialog(f)})
}

func (s *server) saveView(c *call) error {
	form, err := c.fields("name", "query", "shared")
	if err != nil {
		return err
	}
	f := views.ViewForm{Name: form["name"], Query: viewQuery(form["query"]).Encode(), Shared: form["shared"] == "true"}
	_, err = c.store().SaveView(c.ctx(), c.actor, viewPage, f.Name, f.Query, f.Shared)
	if problems := (backoffice.Problems)(nil); errors.As(err, &problems) {
		f.Problems = problems
		return s.renderView(c, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	return c.saved(views.AccountsAddress(viewQuery(f.Query)), ui.ToastProps{Text: "The view “" + f.Name + "” was saved."}, nil)
}

// view finds the view that a request names, among those that its actor sees.
func (c *call) view() (backoffice.View, error) {
	list, err := c.store().Views(c.ctx(), c.actor, viewPage)
	if err != nil {
		return backoffice.View{}, err
	}
	for _, v := range list {
		if v.ID == c.param("view") {
			return v, nil
		}
	}
	return backoffice.View{}, backoffice.ErrNotFound
}

func (s *server) showView(c *call) error {
	v, err := c.view()
	if err != nil {
		return err
	}
	return s.renderView(c, http.StatusOK, views.ViewForm{ID: v.ID, Name: v.Name, Query: v.Query})
}

func (s *server) renameView(c *call) error {
	form, err := c.fields("name")
	if err != nil {
		return err
	}
	v, err := c.view()
	if err != nil {
		return err
	}
	err = c.store().RenameView(c.ctx(), c.actor, v.ID, form["name"])
	if problems := (backoffice.Problems)(nil); errors.As(err, &problems) {
		return s.renderView(c, http.StatusUnprocessableEntity, views.ViewForm{ID: v.ID, Name: form["name"], Query: v.Query, Problems: problems})
	}
	if err != nil {
		return err
	}
	return c.saved(views.AccountsAddress(viewQuery(v.Query)), ui.ToastProps{Text: "The view is now called “" + form["name"] + "”."}, nil)
}

// deleteView deletes a view; its toast saves it again.
func (s *server) deleteView(c *call) error {
	v, err := c.view()
	if err != nil {
		return err
	}
	if err := c.store().DeleteView(c.ctx(), c.actor, v.ID); err != nil {
		return err
	}
	toast := ui.ToastProps{Text: "The view “" + v.Name + "” was deleted."}
	if v.Own {
		toast.Undo = s.link("/backoffice/views")
		toast.Hidden = []ui.Pair{{Name: "name", Value: v.Name}, {Name: "query", Value: v.Query}}
		if v.Shared {
			toast.Hidden = append(toast.Hidden, ui.Pair{Name: "shared", Value: "true"})
		}
	}
	return c.saved(views.AccountsAddress(viewQuery(v.Query)), toast, nil)
}
