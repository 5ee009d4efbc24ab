package handlers

import (
	"context"
	"net/http"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// The bulk bar of the list of users posts to these.
func (s *server) userBulkRoutes() []route {
	var list []route
	for _, act := range views.UserActs {
		list = append(list, route{http.MethodPost, "/backoffice/user-selection/" + act.Name, backoffice.WriteAllUsers,
			func(c *call) error { return s.changeSelection(c, act) }})
	}
	return list
}

// userChange is what an act does to each user.
func userChange(act views.UserAct, role string) store.UserChange {
	switch act.Name {
	case "role-given":
		return store.GiveRole(role)
	case "role-taken":
		return store.TakeRole(role)
	case "invitation":
		return store.InviteEverywhere(auth.InvitationToken.New)
	case "lock":
		return store.SetLocked(true)
	case "unlock":
		return store.SetLocked(false)
	}
	return store.EndSessions()
}

// changeSelection shows what an act would do, row by row, and does it once that
// is confirmed.
func (s *server) changeSelection(c *call, act views.UserAct) error {
	sel, err := c.userSelection()
	if err != nil {
		return err
	}
	scene := views.UserActScene{Act: act, Role: sel.form.Get("role")}
	var ids []string
	if scene.UserSelection, ids, err = c.selectedUsers(sel); err != nil {
		return err
	}
	if len(ids) == 0 {
		return c.noUserSelected(sel)
	}
	if act.NeedsRole() {
		if scene.Roles, err = c.store().RolesToGive(c.ctx()); err != nil {
			return err
		}
	}
	known := !act.NeedsRole()
	for _, r := range scene.Roles {
		known = known || r.Key == scene.Role
	}
	status := http.StatusOK
	switch {
	case scene.Changed:
		status = http.StatusConflict
	case !known:
		scene.Role = "" // asked for first
	case sel.form.Get("confirmed") == "yes":
		// What was confirmed is done to its end, whoever closes the window meanwhile.
		results, err := c.store().ChangeUsers(context.WithoutCancel(c.ctx()), c.actor, ids, userChange(act, scene.Role))
		if err != nil {
			return err
		}
		scene.Done = true
		scene.Going, scene.Staying = actLines(results)
		if len(scene.Staying) == 0 {
			return c.saved(views.UsersAddress(sel.view), ui.ToastProps{Text: act.Label + ": done for " + ui.Count(scene.Going, "user", "users") + "."}, nil)
		}
	}
	if known && !scene.Done {
		results, err := c.store().TryUsers(c.ctx(), c.actor, ids, userChange(act, scene.Role))
		if err != nil {
			return err
		}
		scene.Tried = true
		scene.Going, scene.Staying = actLines(results)
	}
	if scene.Page, err = c.page(act.Label, views.PartUsers); err != nil {
		return err
	}
	return c.render(status, scene.Page, views.UserActPage(scene))
}

func actLines(results []store.BulkResult) (going int64, staying []views.UserActLine) {
	for _, r := range results {
		if r.Refused == "" {
			going++
			continue
		}
		staying = append(staying, views.UserActLine{ID: r.ID, Name: r.Name, Why: r.Refused})
	}
	return going, staying
}
