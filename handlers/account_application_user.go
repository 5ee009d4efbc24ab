package handlers

import (
	"errors"
	"net/http"
	"slices"

	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// applicationUsers reads the page of one application in an account.
func (c *call) applicationUsers(f backoffice.ApplicationUserFilter) (scene views.ApplicationUsersScene, err error) {
	a, v, err := c.assignment()
	if err != nil {
		return scene, err
	}
	scene.Application, scene.Filter = v, f
	if scene.Scene, err = c.assignmentScene(a); err != nil {
		return scene, err
	}
	if scene.Granted, err = c.store().GrantedTo(c.ctx(), a.Key); err != nil {
		return scene, err
	}
	scene.List, err = c.store().ApplicationUsers(c.ctx(), a.Key, v.Key, f)
	return scene, err
}

func (s *server) showApplicationUsers(c *call) error {
	q := c.QueryParams()
	f := backoffice.ApplicationUserFilter{Query: shortened(q.Get("q")), After: q.Get("after"), Before: q.Get("before")}
	if f.After != "" {
		f.Before = ""
	}
	scene, err := c.applicationUsers(f)
	if err != nil {
		return err
	}
	page, err := c.page(scene.Application.Name+" in "+scene.Scene.Account.Name, views.PartAccounts)
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.ApplicationUsersPage(scene), section{views.ApplicationUsersID, views.ApplicationUsers(scene)},
		section{views.ApplicationUsersListID, views.ApplicationUsersList(scene)})
}

// maxGiven is how many users one form gives an application.
const maxGiven = 200

// userPicker reads who could be given the application, those that are ticked first.
func (c *call) userPicker(query string, ids []string) (p views.UserPicker, err error) {
	a, v, err := c.assignment()
	if err != nil {
		return p, err
	}
	p.Application, p.Query = v, query
	if p.Scene, err = c.assignmentScene(a); err != nil {
		return p, err
	}
	found, err := c.store().ApplicationUsers(c.ctx(), a.Key, v.Key, backoffice.ApplicationUserFilter{Query: query, Others: true})
	if err != nil {
		return p, err
	}
	if len(ids) > 0 {
		// What is ticked is somebody who stands here, or nobody at all.
		ticked, err := c.store().ApplicationUsers(c.ctx(), a.Key, v.Key, backoffice.ApplicationUserFilter{Only: ids, Others: true, Limit: maxGiven})
		if err != nil {
			return p, err
		}
		p.Chosen = ticked.Rows
	}
	for _, u := range found.Rows {
		if !slices.Contains(ids, u.UserID) {
			p.Rows = append(p.Rows, u)
		}
	}
	p.More = found.Next != ""
	return p, nil
}

func (s *server) showUserPicker(c *call) error {
	q := c.QueryParams()
	if len(q["user"]) > maxGiven {
		return errTwice
	}
	p, err := c.userPicker(shortened(q.Get("q")), q["user"])
	if err != nil {
		return err
	}
	return s.renderUserPicker(c, http.StatusOK, p)
}

func (s *server) renderUserPicker(c *call, status int, p views.UserPicker) error {
	if p.Application.Path.ReachesAll() {
		return c.goTo(views.AccountApplicationPath("", p.Scene.Account.ID, p.Application.ID))
	}
	if c.isFragment() && c.target() == views.ApplicationCandidatesID {
		return c.fragment(status, views.UserCandidates(p))
	}
	if c.isFragment() {
		return c.fragment(status, views.UserPickerDrawer(p))
	}
	page, err := c.page("Add users", views.PartAccounts)
	if err != nil {
		return err
	}
	return c.render(status, page, views.UserPickerPage(p))
}

func (s *server) giveApplication(c *call) error {
	form, err := c.posted()
	if err != nil {
		return err
	}
	ids := form["user"]
	if len(ids) > maxGiven {
		return errTwice
	}
	a, v, err := c.assignment()
	if err != nil {
		return err
	}
	refuse := func(problem string) error {
		p, err := c.userPicker(shortened(form.Get("q")), ids)
		if err != nil {
			return err
		}
		p.Problem = problem
		return s.renderUserPicker(c, http.StatusUnprocessableEntity, p)
	}
	if len(ids) == 0 {
		return refuse("Choose at least one user.")
	}
	given, gone := int64(0), int64(0)
	for _, id := range ids {
		err := c.store().GiveApplication(c.ctx(), c.actor, a.ID, v.ID, id)
		switch {
		case errors.Is(err, backoffice.ErrNotFound):
			gone++
		case err != nil:
			return err
		default:
			given++
		}
	}
	if given == 0 {
		return refuse("They are not in this account any more. Nobody was added.")
	}
	toast := ui.ToastProps{Text: ui.Count(given, "user has it.", "users have it.")}
	if gone > 0 {
		toast.Text += " " + ui.Count(gone, "is", "are") + " not in this account any more."
	}
	c.closes()
	return c.usersChanged("", toast)
}

// usersChanged answers a change of who has an application: htmx with the list anew.
func (c *call) usersChanged(query string, toast ui.ToastProps) error {
	return c.saved(views.AccountApplicationPath("", c.param("id"), c.param("application")), toast, func() error {
		scene, err := c.applicationUsers(backoffice.ApplicationUserFilter{Query: shortened(query)})
		if err != nil {
			return err
		}
		return c.fragment(http.StatusOK, views.ApplicationUsers(scene), toast)
	})
}

func (s *server) takeApplication(c *call) error {
	form, err := c.fields("q")
	if err != nil {
		return err
	}
	a, v, err := c.assignment()
	if err != nil {
		return err
	}
	u, err := c.store().User(c.ctx(), c.param("user"))
	if err != nil {
		return err
	}
	err = c.store().TakeApplication(c.ctx(), c.actor, a.ID, v.ID, u.ID)
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		return c.saved(views.AccountApplicationPath("", a.ID, v.ID), ui.ToastProps{Text: refusal.Error(), Bad: true}, nil)
	} else if err != nil {
		return err
	}
	name := u.Name
	if name == "" {
		name = u.Email
	}
	return c.usersChanged(form["q"], ui.ToastProps{Text: name + " does not have it any more.", Undo: views.AccountApplicationPath(s.base, a.ID, v.ID) + "/users", Hidden: []ui.Pair{{Name: "user", Value: u.ID}}})
}
