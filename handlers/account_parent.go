package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// accountParentRoutes link an account to a parent, or several at once.
func (s *server) accountParentRoutes() []route {
	const (
		get, post = http.MethodGet, http.MethodPost
		write     = backoffice.WriteAccounts
	)
	return []route{
		{get, "/backoffice/accounts/:id/parent", write, s.showParent},
		{post, "/backoffice/accounts/:id/parent", write, s.saveParent},
		{post, "/backoffice/selection/move", write, s.moveSelection},
	}
}

// foundParents is how many accounts a search for a parent offers.
const foundParents = 8

// showParent finds a parent, and says what lying under it would change.
func (s *server) showParent(c *call) error {
	q := c.QueryParams()
	return s.renderParent(c, http.StatusOK, views.ParentScene{Query: clippedQuery(q.Get("q")), Chosen: q.Get("parent") != "" || q.Get("top") == "true", ParentID: q.Get("parent")}, nil)
}

func (s *server) renderParent(c *call, status int, scene views.ParentScene, problems backoffice.Problems) error {
	p, err := c.place(backoffice.WriteSubAccounts)
	if err != nil {
		return err
	}
	scene.Problems = problems
	if scene.Chosen && problems == nil {
		if scene.ParentID != "" {
			parent, err := c.store().Account(c.ctx(), scene.ParentID)
			if err != nil {
				return err
			}
			scene.ParentName = parent.Name
		}
		scene.Move, err = c.store().TryMove(c.ctx(), c.actor, p.Account, scene.ParentID)
		if refused, ok := problemsOf(err); ok {
			status, scene.Problems = http.StatusUnprocessableEntity, refused
		} else if err != nil {
			return err
		}
	}
	if len(scene.Problems) > 0 {
		scene.Chosen = false
	}
	if scene.Query != "" && !scene.Chosen {
		if scene.Found, err = c.store().FindAccounts(c.ctx(), scene.Query, foundParents); err != nil {
			return err
		}
	}
	if err := p.frame(c, "Parent account"); err != nil {
		return err
	}
	p.Outdated = scene.Outdated && scene.Chosen
	scene.PlaceScene = p.PlaceScene
	return c.render(status, p.Page, views.ParentPage(scene))
}

func (s *server) saveParent(c *call) error {
	form, err := c.fields("parent", "top", "seen")
	if err != nil {
		return err
	}
	a, err := c.account()
	if err != nil {
		return err
	}
	parent := form["parent"]
	if parent == "" && form["top"] != "true" {
		return s.renderParent(c, http.StatusUnprocessableEntity, views.ParentScene{}, backoffice.Problems{"parent": "Choose the account that it shall lie under."})
	}
	err = c.store().Confirm(c.ctx(), c.actor, a, store.ActMove(a.ID, parent), form["seen"])
	if errors.Is(err, backoffice.ErrOutdated) {
		return s.renderParent(c, http.StatusConflict, views.ParentScene{Chosen: true, ParentID: parent, PlaceScene: views.PlaceScene{Outdated: true}}, nil)
	}
	if problems, ok := problemsOf(err); ok {
		return s.renderParent(c, http.StatusUnprocessableEntity, views.ParentScene{Query: parent}, problems)
	}
	if err != nil {
		return err
	}
	text := "“" + a.Name + "” lies at the top now."
	if parent != "" {
		text = "“" + a.Name + "” was moved."
	}
	return c.saved(accountPath(a.ID), ui.ToastProps{Text: text, Undo: s.link(accountPath(a.ID) + "/parent"), Hidden: parentPairs(a.ParentID)}, nil)
}

// parentPairs are what a form posts that puts an account under a parent, or to the
// top.
func parentPairs(parent string) []ui.Pair {
	if parent == "" {
		return []ui.Pair{{Name: "top", Value: "true"}}
	}
	return []ui.Pair{{Name: "parent", Value: parent}}
}

// namedAccount finds the one account that somebody means by an ID or a name.
func (c *call) namedAccount(typed string) (backoffice.AccountRow, backoffice.Problems, error) {
	if strings.TrimSpace(typed) == "" {
		return backoffice.AccountRow{}, backoffice.Problems{"parent": "Type the ID or the name of an account."}, nil
	}
	rows, err := c.store().FindAccounts(c.ctx(), typed, 2)
	if err != nil {
		return backoffice.AccountRow{}, nil, err
	}
	is := func(i int) bool {
		return i < len(rows) && (rows[i].ID == strings.TrimSpace(typed) || backoffice.SameName(typed, rows[i].Name))
	}
	switch {
	case !is(0):
		return backoffice.AccountRow{}, backoffice.Problems{"parent": "No account has this ID or name."}, nil
	case rows[0].ID != strings.TrimSpace(typed) && is(1):
		return backoffice.AccountRow{}, backoffice.Problems{"parent": "Several accounts have this name. Use the ID."}, nil
	}
	return rows[0], nil, nil
}

// moveSelection asks for a parent, says what would become of each account of the
// selection, and moves them once that is confirmed.
func (s *server) moveSelection(c *call) error {
	sel, err := c.selection()
	if err != nil {
		return err
	}
	scene := views.MoveScene{Parent: sel.form.Get("parent"), Top: sel.form.Get("top") == "true"}
	var ids []string
	if scene.Selection, ids, err = s.selected(c, sel); err != nil {
		return err
	}
	if len(ids) == 0 {
		return c.nothingSelected(sel)
	}
	status := http.StatusOK
	confirmed := sel.form.Get("confirmed") == "yes" && !scene.Changed
	if confirmed || sel.form.Has("preview") {
		var problems backoffice.Problems
		if !scene.Top {
			var parent backoffice.AccountRow
			if parent, problems, err = c.namedAccount(scene.Parent); err != nil {
				return err
			}
			scene.ParentID, scene.ParentName = parent.ID, parent.Name
		}
		if len(problems) > 0 {
			status, scene.Problem = http.StatusUnprocessableEntity, problems["parent"]
		} else {
			// What was confirmed is done to its end, whoever closes the window meanwhile.
			var results []store.BulkResult
			if confirmed {
				results, err = c.store().ConfirmMoves(context.WithoutCancel(c.ctx()), c.actor, ids, scene.ParentID, sel.form.Get("seen"))
				if scene.Outdated = errors.Is(err, backoffice.ErrOutdated); scene.Outdated {
					confirmed, status = false, http.StatusConflict
				}
			}
			if !confirmed {
				results, scene.Change, err = c.store().TryMoves(c.ctx(), c.actor, ids, scene.ParentID)
			}
			if err != nil && !errors.As(err, &problems) {
				return err
			}
			going, refused := sorted(results)
			if confirmed && problems == nil {
				said := ui.Count(going, "account was", "accounts were") + " moved."
				if len(refused) == 0 {
					return c.saved(views.AccountsAddress(scene.View), ui.ToastProps{Text: said}, nil)
				}
				return s.renderBulk(c, views.BulkScene{Selection: scene.Selection, Title: "Move accounts", Done: said, Refused: refused})
			}
			scene.Bound = len(ids) <= store.MostTriedMoves
			scene.Tried, scene.Going, scene.Problem = true, going, problems["parent"]
			for _, r := range results {
				scene.Lines = append(scene.Lines, views.BulkLine{ID: r.ID, Name: r.Name, Why: r.Refused})
			}
		}
	}
	if scene.Changed {
		status = http.StatusConflict
	}
	if scene.Page, err = c.page("Move accounts", views.PartAccounts); err != nil {
		return err
	}
	return c.render(status, scene.Page, views.MovePage(scene))
}
