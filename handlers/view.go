package handlers

import (
	"errors"
	"net/http"
	"net/url"

	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// Saved views of the large lists. What is saved is the list's address, so that
// a view is a link like any other.
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

// viewList is a page whose views can be saved.
type viewList struct {
	name, title, part, path string
	// tidy brings a query into the form that is stored; what the list does not
	// know is left out.
	tidy func(url.Values) string
	// what says in words what a query shows.
	what func(*call, url.Values) string
	// known counts what a query shows, where that costs nothing.
	known func(*call, url.Values) (int64, bool, error)
}

var accountsList = viewList{"accounts", "Accounts", views.PartAccounts, views.AccountsPath,
	func(v url.Values) string { return accountQuery(v).Encode() },
	func(_ *call, v url.Values) string { return views.AccountsSentence(accountQuery(v).AccountFilter) },
	func(c *call, v url.Values) (int64, bool, error) {
		return c.store().KnownTotal(c.ctx(), accountQuery(v).AccountFilter)
	},
}

var usersList = viewList{"users", "Users", views.PartUsers, views.UsersPath,
	func(v url.Values) string { return userQuery(v).Encode() },
	func(c *call, v url.Values) string {
		f := userQuery(v).UserFilter
		role, account, application := f.RoleID, f.AccountID, f.ApplicationID
		if role != "" {
			if r, err := c.store().Role(c.ctx(), role); err == nil {
				role = r.Name
			}
		}
		if account != "" {
			if a, err := c.store().Account(c.ctx(), account); err == nil {
				account = a.Name
			}
		}
		if application != "" {
			if a, err := c.store().Application(c.ctx(), application); err == nil {
				application = a.Name
			}
		}
		return views.UsersSentence(f, role, account, application)
	},
	func(c *call, v url.Values) (int64, bool, error) {
		return c.store().KnownUserTotal(c.ctx(), userQuery(v).UserFilter)
	},
}

func accountQuery(v url.Values) backoffice.AccountQuery {
	q, _ := backoffice.ParseAccountQuery(v)
	q.Page = ""
	return q
}

func userQuery(v url.Values) backoffice.UserQuery {
	q, _ := backoffice.ParseUserQuery(v)
	q.Page = ""
	return q
}

// viewListOf finds a list by the name that requests and views give it; accounts
// were the first.
func viewListOf(name string) (viewList, error) {
	switch name {
	case "", accountsList.name:
		return accountsList, nil
	case usersList.name:
		return usersList, nil
	}
	return viewList{}, backoffice.ErrNotFound
}

func (l viewList) encoded(query string) string {
	values, _ := url.ParseQuery(query)
	return l.tidy(values)
}

// address is the path of a view, without the base path.
func (l viewList) address(query string) string {
	if query = l.encoded(query); query == "" {
		return l.path
	}
	return l.path + "?" + query
}

// savedViews are the tabs above a list.
func (s *server) savedViews(c *call, l viewList) ([]views.SavedView, error) {
	list, err := c.store().Views(c.ctx(), c.actor, l.name)
	if err != nil {
		return nil, err
	}
	saved := make([]views.SavedView, len(list))
	for i, v := range list {
		saved[i] = views.SavedView{ID: v.ID, Name: v.Name, Query: v.Query, Own: v.Own, Shared: v.Shared, By: v.By,
			MayChange: v.Own || c.may(backoffice.ShareViews)}
		values, _ := url.ParseQuery(v.Query)
		n, known, err := l.known(c, values)
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
	l, err := viewListOf(c.QueryParam("page"))
	if err != nil {
		return err
	}
	return s.renderView(c, http.StatusOK, l, views.ViewForm{Query: l.encoded(c.QueryParam("query"))})
}

func (s *server) renderView(c *call, status int, l viewList, f views.ViewForm) error {
	var err error
	title := "Save view"
	if f.ID != "" {
		title = "Rename view"
	}
	if f.Page, err = c.page(title, l.part); err != nil {
		return err
	}
	values, _ := url.ParseQuery(l.encoded(f.Query))
	f.List, f.Title, f.Path = l.name, l.title, l.path
	f.What, f.MayShare = l.what(c, values), c.may(backoffice.ShareViews)
	return c.render(status, f.Page, views.ViewPage(f), section{"dialog", views.ViewDialog(f)})
}

func (s *server) saveView(c *call) error {
	form, err := c.fields("name", "page", "query", "shared")
	if err != nil {
		return err
	}
	l, err := viewListOf(form["page"])
	if err != nil {
		return err
	}
	f := views.ViewForm{Name: form["name"], Query: l.encoded(form["query"]), Shared: form["shared"] == "true"}
	_, err = c.store().SaveView(c.ctx(), c.actor, l.name, f.Name, f.Query, f.Shared)
	if problems := (backoffice.Problems)(nil); errors.As(err, &problems) {
		f.Problems = problems
		return s.renderView(c, http.StatusUnprocessableEntity, l, f)
	}
	if err != nil {
		return err
	}
	return c.saved(l.address(f.Query), ui.ToastProps{Text: "The view “" + f.Name + "” was saved."}, nil)
}

// view finds the view that a request names, among those that its actor sees,
// and the list that it is of.
func (c *call) view() (backoffice.View, viewList, error) {
	for _, l := range []viewList{accountsList, usersList} {
		list, err := c.store().Views(c.ctx(), c.actor, l.name)
		if err != nil {
			return backoffice.View{}, l, err
		}
		for _, v := range list {
			if v.ID == c.param("view") {
				return v, l, nil
			}
		}
	}
	return backoffice.View{}, viewList{}, backoffice.ErrNotFound
}

func (s *server) showView(c *call) error {
	v, l, err := c.view()
	if err != nil {
		return err
	}
	return s.renderView(c, http.StatusOK, l, views.ViewForm{ID: v.ID, Name: v.Name, Query: v.Query})
}

func (s *server) renameView(c *call) error {
	form, err := c.fields("name")
	if err != nil {
		return err
	}
	v, l, err := c.view()
	if err != nil {
		return err
	}
	err = c.store().RenameView(c.ctx(), c.actor, v.ID, form["name"])
	if problems := (backoffice.Problems)(nil); errors.As(err, &problems) {
		return s.renderView(c, http.StatusUnprocessableEntity, l, views.ViewForm{ID: v.ID, Name: form["name"], Query: v.Query, Problems: problems})
	}
	if err != nil {
		return err
	}
	return c.saved(l.address(v.Query), ui.ToastProps{Text: "The view is now called “" + form["name"] + "”."}, nil)
}

// deleteView deletes a view; its toast saves it again.
func (s *server) deleteView(c *call) error {
	v, l, err := c.view()
	if err != nil {
		return err
	}
	if err := c.store().DeleteView(c.ctx(), c.actor, v.ID); err != nil {
		return err
	}
	toast := ui.ToastProps{Text: "The view “" + v.Name + "” was deleted."}
	if v.Own {
		toast.Undo = s.link("/backoffice/views")
		toast.Hidden = []ui.Pair{{Name: "page", Value: l.name}, {Name: "name", Value: v.Name}, {Name: "query", Value: v.Query}}
		if v.Shared {
			toast.Hidden = append(toast.Hidden, ui.Pair{Name: "shared", Value: "true"})
		}
	}
	return c.saved(l.address(v.Query), toast, nil)
}
