package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// The bulk bar of the accounts list posts to these: they stand outside of
// /backoffice/accounts/, where every word may be an account's ID.
func (s *server) selectionRoutes() []route {
	const post = http.MethodPost
	return []route{
		{post, "/backoffice/selection/export", backoffice.ReadAccounts, s.exportSelection},
		{post, "/backoffice/selection/deletion", backoffice.WriteAccounts, s.deleteSelection},
		{post, "/backoffice/selection/metadata", backoffice.WriteAccounts, s.editSelectionMetadata},
		{post, "/backoffice/selection/metadata-reversal", backoffice.WriteAccounts, s.undoSelectionMetadata},
	}
}

// selection is what a form of the bulk bar names: accounts by their IDs, or all
// that a view of the list finds.
type selection struct {
	form     url.Values
	ids      []string
	lost     int // of the IDs in the form, those that no account can have
	all      bool
	view     backoffice.AccountQuery // where the form stood, and with all what is selected
	expected string                  // how many there were when the form was shown
}

// maxSelection is how many accounts one bulk act may change. An export has no limit.
const maxSelection = 10000

func (c *call) selection() (selection, error) {
	form, err := c.posted()
	if err != nil {
		return selection{}, err
	}
	sel := selection{form: form, expected: form.Get("expected")}
	query := form.Get("view")
	if a := form.Get("all"); a != "" {
		if sel.all, query = true, a; a == "all" {
			query = ""
		}
	}
	if sel.view, err = parseView(query); err != nil || sel.all {
		return sel, err
	}
	seen := map[string]bool{}
	for _, id := range form["id"] {
		switch {
		case seen[id]:
		case backoffice.ValidAccountID(id):
			sel.ids = append(sel.ids, id)
		default:
			sel.lost++
		}
		seen[id] = true
	}
	return sel, nil
}

func parseView(query string) (backoffice.AccountQuery, error) {
	values, err := url.ParseQuery(query)
	q, ignored := backoffice.ParseAccountQuery(values)
	if err != nil || len(ignored) > 0 {
		// What is selected must be what was seen: a part that is left out would widen it.
		return q, backoffice.Problems{"": "This selection cannot be read. Go back to the list and select again."}
	}
	q.Page = ""
	return q, nil
}

// each calls do with every account of a selection.
func (c *call) each(sel selection, do func(backoffice.AccountRow) error) error {
	if sel.all {
		return c.store().EachAccount(c.ctx(), sel.view.AccountFilter, do)
	}
	return c.store().EachOf(c.ctx(), sel.ids, do)
}

// exportSelection is exportAccounts of what is ticked.
func (s *server) exportSelection(c *call) error {
	sel, err := c.selection()
	if err != nil {
		return err
	}
	if !sel.all && len(sel.ids) == 0 {
		return c.nothingSelected(sel)
	}
	absent, err := c.store().Absent(c.ctx(), sel.ids, false)
	if err != nil {
		return err
	}
	if sel.lost+len(absent) > 0 {
		return c.saved(views.AccountsAddress(sel.view), ui.ToastProps{Text: "Some of what was selected is not there any more. This is the list as it stands: select again.", Bad: true}, nil)
	}
	return s.sendAccounts(c, sel.view, func(do func(backoffice.AccountRow) error) error { return c.each(sel, do) })
}

func (c *call) nothingSelected(sel selection) error {
	return c.saved(views.AccountsAddress(sel.view), ui.ToastProps{Text: "Nothing was selected. Tick the accounts first.", Bad: true}, nil)
}

// errTooMany ends the gathering of a selection.
var errTooMany = errors.New("more accounts than one act may change")

// selected looks at the accounts of a selection; ids are all of them. Changed is
// set when that is not what was confirmed: nothing of it may be done then, an
// account that is not there any more does not leave the others to be changed.
func (s *server) selected(c *call, sel selection) (v views.Selection, ids []string, err error) {
	v = views.Selection{All: sel.all, View: sel.view}
	err = c.each(sel, func(r backoffice.AccountRow) error {
		if ids = append(ids, r.ID); len(ids) > maxSelection {
			return errTooMany
		}
		if len(v.Names) < views.MaxNames {
			v.Names = append(v.Names, r.Name)
		}
		return nil
	})
	if errors.Is(err, errTooMany) {
		return v, nil, backoffice.Problems{"": "One act changes at most 10 000 accounts. Narrow the list, and do it in parts."}
	}
	v.Count = int64(len(ids))
	v.Changed = sel.expected != "" && sel.expected != strconv.Itoa(len(ids))
	if !sel.all {
		v.IDs = ids
		v.Changed = v.Changed || sel.lost > 0 || len(ids) < len(sel.ids)
	}
	return v, ids, err
}

// deleteSelection shows what would go, and deletes it once that is confirmed.
func (s *server) deleteSelection(c *call) error {
	sel, err := c.selection()
	if err != nil {
		return err
	}
	scene := views.DeletionScene{Typed: sel.form.Get("typed"), Until: s.now().Add(backoffice.BinDays * 24 * time.Hour)}
	var ids []string
	if scene.Selection, ids, err = s.selected(c, sel); err != nil {
		return err
	}
	if len(ids) == 0 {
		return c.nothingSelected(sel)
	}
	plan, err := c.store().DeletionsConsequences(c.ctx(), ids)
	if err != nil {
		return err
	}
	scene.Going, scene.Memberships, scene.Staying = plan.Going, plan.Memberships, plan.Staying
	status := http.StatusOK
	if sel.form.Get("confirmed") == "yes" && !scene.Changed {
		typed := strings.Map(digits, scene.Typed)
		if !scene.MustType() || typed == strconv.FormatInt(scene.Going, 10) {
			return s.deleteConfirmed(c, scene, ids)
		}
		status, scene.Problem = http.StatusUnprocessableEntity, "Type the number as it is written here, or cancel."
	} else if scene.Changed {
		status = http.StatusConflict
	}
	if scene.Page, err = c.page("Delete accounts", views.PartAccounts); err != nil {
		return err
	}
	return c.render(status, scene.Page, views.DeletionPage(scene))
}

// digits drops what is not a digit: numbers are written with spaces.
func digits(r rune) rune {
	if r < '0' || r > '9' {
		return -1
	}
	return r
}

func (s *server) deleteConfirmed(c *call, scene views.DeletionScene, ids []string) error {
	// What was confirmed is done to its end, whoever closes the window meanwhile.
	deletion, results, err := c.store().DeleteAccounts(context.WithoutCancel(c.ctx()), c.actor, ids)
	if err != nil {
		return err
	}
	done, refused := sorted(results)
	said := ui.Count(done, "account was", "accounts were") + " moved to the bin."
	if len(refused) == 0 {
		return c.saved(views.AccountsAddress(scene.View), ui.ToastProps{Text: said, Undo: s.link("/backoffice/restorations"),
			Hidden: []ui.Pair{{Name: "deletion", Value: deletion}, {Name: "next", Value: views.AccountsAddress(scene.View)}}}, nil)
	}
	if done == 0 {
		deletion, said = "", "No account was deleted."
	}
	return s.renderBulk(c, views.BulkScene{Selection: scene.Selection, Title: "Delete accounts", Done: said, Undo: deletion, Refused: refused})
}

func sorted(results []store.BulkResult) (done int64, refused []views.BulkLine) {
	for _, r := range results {
		if r.Refused == "" {
			done++
			continue
		}
		refused = append(refused, views.BulkLine{ID: r.ID, Name: r.Name, Why: r.Refused})
	}
	return done, refused
}

func (s *server) renderBulk(c *call, scene views.BulkScene) error {
	var err error
	if scene.Page, err = c.page(scene.Title, views.PartAccounts); err != nil {
		return err
	}
	return c.render(http.StatusOK, scene.Page, views.BulkPage(scene))
}

// editSelectionMetadata asks for a key, and sets or removes it on every account
// of the selection.
func (s *server) editSelectionMetadata(c *call) error {
	sel, err := c.selection()
	if err != nil {
		return err
	}
	f := sel.form
	scene := views.MetadataKeyScene{Key: f.Get("key"), Value: f.Get("value"), Remove: f.Get("act") == "remove"}
	var ids []string
	if scene.Selection, ids, err = s.selected(c, sel); err != nil {
		return err
	}
	if len(ids) == 0 {
		return c.nothingSelected(sel)
	}
	status := http.StatusOK
	if f.Get("confirmed") == "yes" && !scene.Changed {
		problems, err := s.setSelectionKey(c, scene, ids)
		if problems == nil {
			return err
		}
		status, scene.Problems = http.StatusUnprocessableEntity, problems
	} else if scene.Changed {
		status = http.StatusConflict
	}
	if scene.Page, err = c.page("Edit metadata", views.PartAccounts); err != nil {
		return err
	}
	return c.render(status, scene.Page, views.MetadataKeyPage(scene))
}

// setSelectionKey answers the request unless it returns problems.
func (s *server) setSelectionKey(c *call, scene views.MetadataKeyScene, ids []string) (backoffice.Problems, error) {
	value := ""
	if !scene.Remove {
		var err error
		if strings.TrimSpace(scene.Value) == "" {
			return backoffice.Problems{"value": "Write a value, or choose to remove the key. Write \"\" for an empty text."}, nil
		}
		if value, err = backoffice.ParseRowText(scene.Value); err != nil {
			return backoffice.Problems{"value": err.Error()}, nil
		}
	}
	act, results, err := c.store().SetMetadataKey(context.WithoutCancel(c.ctx()), c.actor, ids, scene.Key, value)
	var problems backoffice.Problems
	if errors.As(err, &problems) {
		return problems, nil
	}
	if err != nil {
		return nil, err
	}
	done, refused := sorted(results)
	said := "“" + scene.Key + "” was set on " + ui.Count(done, "account", "accounts") + "."
	if scene.Remove {
		said = "“" + scene.Key + "” was removed from " + ui.Count(done, "account", "accounts") + "."
	}
	if len(refused) == 0 {
		return nil, c.saved(views.AccountsAddress(scene.View), ui.ToastProps{Text: said, Undo: s.link("/backoffice/selection/metadata-reversal"),
			Hidden: []ui.Pair{{Name: "act", Value: act}, {Name: "next", Value: views.AccountsAddress(scene.View)}}}, nil)
	}
	return nil, s.renderBulk(c, views.BulkScene{Selection: scene.Selection, Title: "Edit metadata", Done: said, Refused: refused})
}

// undoSelectionMetadata takes a change of a key back, as its toast offers.
func (s *server) undoSelectionMetadata(c *call) error {
	form, err := c.fields("act", "next")
	if err != nil {
		return err
	}
	to := s.safeNext(form["next"], views.AccountsPath)
	back := func(toast ui.ToastProps) error {
		c.putFlash(toast)
		return c.Redirect(http.StatusSeeOther, to)
	}
	results, err := c.store().UndoMetadataKey(context.WithoutCancel(c.ctx()), c.actor, form["act"])
	if errors.Is(err, backoffice.ErrNotFound) {
		return back(ui.ToastProps{Text: "There is nothing left to undo.", Bad: true})
	}
	if err != nil {
		return err
	}
	done, refused := sorted(results)
	if len(refused) == 0 {
		return back(ui.ToastProps{Text: "The metadata of " + ui.Count(done, "account", "accounts") + " is as it was before."})
	}
	said := "The metadata of " + ui.Count(done, "account", "accounts") + " is as it was before."
	if done == 0 {
		said = "Nothing was taken back."
	}
	return s.renderBulk(c, views.BulkScene{Title: "Undo", Done: said, Refused: refused})
}
