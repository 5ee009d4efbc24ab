package handlers

import (
	"errors"
	"net/url"
	"strconv"

	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// userSelection is what a form of the bulk bar names: users by their IDs, or all
// that a view of the list finds.
type userSelection struct {
	form     url.Values
	ids      []string
	all      bool
	view     backoffice.UserQuery // where the form stood, and with all what is selected
	expected string               // how many there were when the form was shown
}

func (c *call) userSelection() (userSelection, error) {
	form, err := c.posted()
	if err != nil {
		return userSelection{}, err
	}
	sel := userSelection{form: form, expected: form.Get("expected")}
	query := form.Get("view")
	if a := form.Get("all"); a != "" {
		if sel.all, query = true, a; a == "all" {
			query = ""
		}
	}
	values, err := url.ParseQuery(query)
	q, ignored := backoffice.ParseUserQuery(values)
	if err != nil || len(ignored) > 0 {
		// What is selected must be what was seen: a part that is left out would widen it.
		return sel, backoffice.Problems{"": "This selection cannot be read. Go back to the list and select again."}
	}
	q.Page = ""
	sel.view = q
	seen := map[string]bool{}
	for _, id := range form["id"] {
		if !sel.all && !seen[id] {
			sel.ids = append(sel.ids, id)
		}
		seen[id] = true
	}
	return sel, nil
}

// eachUser calls do with every user of a selection.
func (c *call) eachUser(sel userSelection, do func(backoffice.UserRow) error) error {
	if sel.all {
		return c.store().EachUser(c.ctx(), sel.view.UserFilter, do)
	}
	return c.store().EachUserOf(c.ctx(), sel.ids, do)
}

// selectedUsers looks at the users of a selection. Changed is set when they are
// not who was confirmed: nothing of it may be done then.
func (c *call) selectedUsers(sel userSelection) (v views.UserSelection, ids []string, err error) {
	v = views.UserSelection{All: sel.all, View: sel.view}
	err = c.eachUser(sel, func(r backoffice.UserRow) error {
		if ids = append(ids, r.ID); len(ids) > maxSelection {
			return errTooMany
		}
		if len(v.Rows) < views.MaxNames {
			v.Rows = append(v.Rows, r)
		}
		return nil
	})
	if errors.Is(err, errTooMany) {
		return v, nil, backoffice.Problems{"": "One act changes at most 10 000 users. Narrow the list, and do it in parts."}
	}
	v.Count = int64(len(ids))
	v.Changed = sel.expected != "" && sel.expected != strconv.Itoa(len(ids))
	if !sel.all {
		v.IDs = ids
		v.Changed = v.Changed || len(ids) < len(sel.ids)
	}
	return v, ids, err
}

func (c *call) noUserSelected(sel userSelection) error {
	return c.saved(views.UsersAddress(sel.view), ui.ToastProps{Text: "Nobody was selected. Tick the users first.", Bad: true}, nil)
}

// exportUserSelection is exportUsers of who is ticked.
func (s *server) exportUserSelection(c *call) error {
	sel, err := c.userSelection()
	if err != nil {
		return err
	}
	if !sel.all {
		v, ids, err := c.selectedUsers(sel)
		switch {
		case err != nil:
			return err
		case len(sel.ids) == 0:
			return c.noUserSelected(sel)
		case v.Changed || len(ids) == 0:
			return c.saved(views.UsersAddress(sel.view), ui.ToastProps{Text: "Some of who was selected is not there any more. This is the list as it stands: select again.", Bad: true}, nil)
		}
	}
	return s.sendUsers(c, func(do func(backoffice.UserRow) error) error { return c.eachUser(sel, do) })
}
