package views

import (
	"net/url"

	"steward/views/ui"
)

// SavedView is a tab above a list.
type SavedView struct {
	ID, Name, Query string
	Count           string // "" where counting would cost
	Own, Shared     bool
	By              string
	MayChange       bool
}

// ViewTabs are the tabs above a list: everything, and the saved views; the one
// that is shown is current.
type ViewTabs struct {
	Page       Page
	List       string // "accounts", "users": the page that the views are of
	Path       string // of the list
	All, Count string // label and count of the first tab
	Query      string // of the list as it is shown, without its page
	Narrowed   bool   // by a search or filters
	Saved      []SavedView
}

func (v ViewTabs) current() *SavedView {
	for i := range v.Saved {
		if v.Saved[i].Query == v.Query {
			return &v.Saved[i]
		}
	}
	return nil
}

func (v ViewTabs) tabs() []ui.Tab {
	current := v.current()
	list := []ui.Tab{{Label: v.All, Href: v.Page.Link(v.Path), Count: v.Count, Current: !v.Narrowed && current == nil}}
	for _, s := range v.Saved {
		t := ui.Tab{Label: s.Name, Href: v.Page.Link(v.Path), Count: s.Count, Current: current != nil && current.ID == s.ID}
		if s.Query != "" {
			t.Href += "?" + s.Query
		}
		list = append(list, t)
	}
	return list
}

func (v ViewTabs) saveLink() string {
	return v.Page.Link("/backoffice/views/new?page=" + v.List + "&query=" + url.QueryEscape(v.Query))
}

func (v ViewTabs) link(s *SavedView) string { return v.Page.Link("/backoffice/views/" + s.ID) }

// ViewForm is what saving or renaming a view asks for, as it was typed.
type ViewForm struct {
	Page     Page
	List     string // the page that the view is of
	Title    string // of that page
	Path     string
	ID       string // "" for a new view
	Name     string
	Query    string // of the list
	What     string // what the view shows, in words
	Shared   bool
	MayShare bool
	Problems map[string]string
}

func (f ViewForm) title() string {
	if f.ID == "" {
		return "Save view"
	}
	return "Rename view"
}

func (f ViewForm) action() string {
	if f.ID == "" {
		return f.Page.Link("/backoffice/views")
	}
	return f.Page.Link("/backoffice/views/" + f.ID)
}

func (f ViewForm) back() string {
	if f.Query == "" {
		return f.Page.Link(f.Path)
	}
	return f.Page.Link(f.Path + "?" + f.Query)
}
