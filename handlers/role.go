package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

func (s *server) roleRoutes() []route {
	const (
		get, post   = http.MethodGet, http.MethodPost
		read, write = backoffice.ReadRoles, backoffice.WriteRoles
	)
	return []route{
		{get, "/backoffice/roles", read, s.showRoles},
		{post, "/backoffice/roles", write, s.createRole},
		{get, "/backoffice/roles/new", write, s.showNewRole},
		{post, views.RoleRestorationsPath, write, s.restoreRole},
		{get, "/backoffice/roles/:id", read, s.showRole},
		{post, "/backoffice/roles/:id", write, s.saveRole},
		{get, "/backoffice/roles/:id/edit", write, s.editRole},
		{post, "/backoffice/roles/:id/preview", write, s.previewRole},
		{get, "/backoffice/roles/:id/deletion", write, s.askRoleDeletion},
		{post, "/backoffice/roles/:id/deletion", write, s.deleteRole},
	}
}

// accountNamed is the account that an address or a form names; "" is none.
func (c *call) accountNamed(id string) (backoffice.AccountRef, error) {
	if id == "" {
		return backoffice.AccountRef{}, nil
	}
	a, err := c.store().Account(c.ctx(), id)
	return backoffice.AccountRef{Key: a.Key, ID: a.ID, Name: a.Name}, err
}

func (s *server) showRoles(c *call) error {
	q := c.QueryParams()
	account, err := c.accountNamed(q.Get("account"))
	if err != nil {
		return err
	}
	v := views.RolesView{MayWrite: c.may(backoffice.WriteRoles), Account: account, Paged: q.Get("after") != "" || q.Get("before") != ""}
	if v.Page, err = c.page("Roles", views.PartRoles); err != nil {
		return err
	}
	if v.Roles, err = c.store().Roles(c.ctx()); err != nil {
		return err
	}
	page, err := c.store().AccountRoles(c.ctx(), account.ID, q.Get("after"), q.Get("before"))
	if err != nil {
		return err
	}
	v.Of, v.Next, v.Prev = page.Rows, page.Next, page.Prev
	return c.render(http.StatusOK, v.Page, views.RolesPage(v), section{views.AccountRoleListID, views.AccountRoleList(v)})
}

// roleView reads the role that the path names, for a page with the title.
func (c *call) roleView(title func(backoffice.Role) string) (v views.RoleView, err error) {
	if v.Role, err = c.store().Role(c.ctx(), c.param("id")); err != nil {
		return v, err
	}
	v.MayWrite = c.may(backoffice.WriteRoles)
	if v.Known, err = c.store().OwnPermissions(c.ctx(), v.Role.AccountID); err != nil {
		return v, err
	}
	v.Page, err = c.page(title(v.Role), views.PartRoles)
	return v, err
}

func roleName(r backoffice.Role) string { return r.Name }

func (s *server) showRole(c *call) error {
	v, err := c.roleView(roleName)
	if err != nil {
		return err
	}
	q := c.QueryParams()
	h, err := c.store().RoleHolders(c.ctx(), v.Role.ID, q.Get("after"), q.Get("before"))
	if err != nil {
		return err
	}
	v.Holders, v.Total, v.Binned, v.Next, v.Prev = h.Rows, h.Total, h.Binned, h.Next, h.Prev
	return c.render(http.StatusOK, v.Page, views.RolePage(v), section{views.RoleHoldersID, views.RoleHolders(v)})
}

// roleEntry is what the form of a role posts, and the role that it says.
type roleEntry struct {
	views.RoleEntry
	role    backoffice.Role
	bad     backoffice.Problems // what could not be read
	account string
	version int64
}

// shownRoleEntry is what the form shows before anybody types.
func shownRoleEntry(r backoffice.Role) views.RoleEntry {
	return views.RoleEntry{Name: r.Name, Key: r.Key, Description: r.Description, Level: strconv.Itoa(r.Level), Permissions: r.Permissions, Default: r.Default, FirstUser: r.FirstUser}
}

// roleEntry decodes the form. What is fixed of a role that exists is as it was.
func (c *call) roleEntry(before backoffice.Role) (roleEntry, error) {
	form, err := c.posted()
	if err != nil {
		return roleEntry{}, err
	}
	for name, values := range form {
		if len(values) > 1 && name != "permissions" {
			return roleEntry{}, errTwice
		}
	}
	e := roleEntry{account: form.Get("account"), RoleEntry: views.RoleEntry{Name: form.Get("name"), Key: form.Get("key"), Description: form.Get("description"), Level: form.Get("level"),
		More: form.Get("more"), Default: form.Get("default") != "", FirstUser: form.Get("first_user") != ""}}
	if len(form["permissions"]) > 2*backoffice.MaxRolePermissions {
		return e, errTwice
	}
	for _, p := range form["permissions"] {
		e.Permissions = append(e.Permissions, backoffice.Permission(p))
	}
	all := slices.Clone(e.Permissions)
	for _, p := range strings.FieldsFunc(e.More, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' || r == ' ' || r == '\t' }) {
		all = append(all, backoffice.Permission(p))
	}
	e.role = backoffice.Role{Name: e.Name, Key: strings.TrimSpace(e.Key), Description: e.Description, Permissions: all, Default: e.Default, FirstUser: e.FirstUser, AccountID: e.account}
	if level, ok := whole(e.Level); ok && strings.TrimSpace(e.Level) != "" {
		e.role.Level = level
	} else if !before.BuiltIn {
		e.bad.Add("level", "Write a whole number.")
	}
	if before.ID == "" {
		return e, nil
	}
	if before.BuiltIn {
		e.role.Name, e.role.Level, e.role.Permissions = before.Name, before.Level, before.Permissions
		e.Name, e.Level, e.Permissions = before.Name, strconv.Itoa(before.Level), before.Permissions
	}
	if e.version, err = strconv.ParseInt(form.Get("version"), 10, 64); err != nil {
		return e, badRequest(err)
	}
	return e, nil
}

func (s *server) showNewRole(c *call) error {
	account, err := c.accountNamed(c.QueryParam("account"))
	if err != nil {
		return err
	}
	return s.newRolePage(c, http.StatusOK, views.RoleForm{Account: account, Entry: views.RoleEntry{Level: "100"}})
}

func (s *server) newRolePage(c *call, status int, f views.RoleForm) (err error) {
	if f.Page, err = c.page("Add role", views.PartRoles); err != nil {
		return err
	}
	if f.Known, err = c.store().OwnPermissions(c.ctx(), f.Account.ID); err != nil {
		return err
	}
	return c.render(status, f.Page, views.RoleFormPage(f))
}

func (s *server) createRole(c *call) error {
	e, err := c.roleEntry(backoffice.Role{})
	if err != nil {
		return err
	}
	account, err := c.accountNamed(e.account)
	if err != nil {
		return err
	}
	problems := e.bad
	_, more := backoffice.CheckRole(e.role)
	for field, sentence := range more {
		problems.Add(field, sentence)
	}
	var made backoffice.Role
	if len(problems) == 0 {
		made, err = c.store().CreateRole(c.ctx(), c.actor, e.role)
	}
	if errors.As(err, &problems) || len(problems) > 0 {
		return s.newRolePage(c, http.StatusUnprocessableEntity, views.RoleForm{Account: account, Entry: e.RoleEntry, Problems: problems, Saving: true})
	} else if err != nil {
		return err
	}
	return c.saved(views.RolePath(made.ID), ui.ToastProps{Text: "The role “" + made.Name + "” was added."}, nil)
}

func (s *server) editRole(c *call) error {
	v, err := c.roleView(func(r backoffice.Role) string { return "Edit " + r.Name })
	if err != nil {
		return err
	}
	return s.roleForm(c, http.StatusOK, views.RoleForm{RoleView: v, Entry: shownRoleEntry(v.Role), Version: v.Role.Version}, v.Role.Permissions)
}

// roleForm answers with the form, and what saving it with the permissions would do.
func (s *server) roleForm(c *call, status int, f views.RoleForm, permissions backoffice.Permissions) (err error) {
	if f.Effect, err = c.store().RoleEffect(c.ctx(), f.Role.ID, permissions); err != nil {
		return err
	}
	return c.render(status, f.Page, views.RoleFormPage(f), section{views.RoleEffectID, views.RoleEffect(f)})
}

func (s *server) previewRole(c *call) error {
	v, e, err := c.editedRole()
	if err != nil {
		return err
	}
	return s.roleForm(c, http.StatusOK, views.RoleForm{RoleView: v, Entry: e.RoleEntry, Version: e.version, Problems: e.bad}, e.role.Permissions)
}

func (c *call) editedRole() (v views.RoleView, e roleEntry, err error) {
	if v, err = c.roleView(func(r backoffice.Role) string { return "Edit " + r.Name }); err == nil {
		e, err = c.roleEntry(v.Role)
	}
	return v, e, err
}

func (s *server) saveRole(c *call) error {
	v, e, err := c.editedRole()
	if err != nil {
		return err
	}
	if e.version != v.Role.Version {
		return s.roleConflict(c, v, e)
	}
	_, problems := backoffice.CheckRoleChange(v.Role, e.role)
	for field, sentence := range e.bad {
		problems.Add(field, sentence)
	}
	if len(problems) == 0 {
		err = c.store().SaveRole(c.ctx(), c.actor, v.Role.ID, e.role, e.version)
	}
	switch {
	case errors.As(err, &problems), len(problems) > 0:
		return s.roleForm(c, http.StatusUnprocessableEntity, views.RoleForm{RoleView: v, Entry: e.RoleEntry, Version: e.version, Problems: problems, Saving: true}, e.role.Permissions)
	case errors.Is(err, backoffice.ErrConflict):
		if v, err = c.roleView(roleName); err != nil {
			return err
		}
		return s.roleConflict(c, v, e)
	case err != nil:
		return err
	}
	return c.saved(views.RolePath(v.Role.ID), s.roleSaved(v.Role), nil)
}

// roleSaved offers the way back, where what was there fits into the toast.
func (s *server) roleSaved(before backoffice.Role) ui.ToastProps {
	toast := ui.ToastProps{Text: "The role “" + before.Name + "” was saved."}
	undo := toast
	undo.Undo = s.link(views.RolePath(before.ID))
	undo.Hidden = []ui.Pair{{Name: "version", Value: strconv.FormatInt(before.Version+1, 10)}, {Name: "name", Value: before.Name},
		{Name: "description", Value: before.Description}, {Name: "level", Value: strconv.Itoa(before.Level)}}
	for _, p := range before.Permissions {
		undo.Hidden = append(undo.Hidden, ui.Pair{Name: "permissions", Value: string(p)})
	}
	for name, on := range map[string]bool{"default": before.Default, "first_user": before.FirstUser} {
		if on {
			undo.Hidden = append(undo.Hidden, ui.Pair{Name: name, Value: "on"})
		}
	}
	if b, err := json.Marshal(undo); err != nil || len(b) > maxFlash {
		return toast
	}
	return undo
}

// roleConflict shows what somebody else saved meanwhile beside what was typed.
func (s *server) roleConflict(c *call, v views.RoleView, e roleEntry) error {
	conflict := &views.RoleConflict{Who: "Somebody else"}
	last, err := c.store().Events(c.ctx(), backoffice.EventFilter{Action: "role.changed", Query: v.Role.ID}, "", 1)
	if err != nil {
		return err
	}
	if len(last.Rows) == 1 && last.Rows[0].ActorName != "" {
		conflict.Who = last.Rows[0].ActorName
	}
	mine, _ := backoffice.CheckRoleChange(v.Role, e.role)
	line := func(label, theirs, mine string) {
		if theirs != mine {
			conflict.Both = append(conflict.Both, views.ConflictLine{Label: label, Theirs: theirs, Mine: mine})
		}
	}
	line("Name", v.Role.Name, mine.Name)
	line("Description", v.Role.Description, mine.Description)
	line("Level", strconv.Itoa(v.Role.Level), strconv.Itoa(mine.Level))
	line("Default", onOff(v.Role.Default), onOff(mine.Default))
	line("First user", onOff(v.Role.FirstUser), onOff(mine.FirstUser))
	line("Permissions", permissionText(v.Role.Permissions), permissionText(mine.Permissions))
	return s.roleForm(c, http.StatusConflict, views.RoleForm{RoleView: v, Entry: e.RoleEntry, Version: v.Role.Version, Problems: e.bad, Conflict: conflict}, e.role.Permissions)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func permissionText(set backoffice.Permissions) string {
	if len(set) == 0 {
		return "none"
	}
	var keys []string
	for _, p := range set {
		keys = append(keys, string(p))
	}
	return strings.Join(keys, ", ")
}

func (s *server) askRoleDeletion(c *call) error {
	return s.roleDeletionPage(c, http.StatusOK, c.QueryParam("replacement"), nil)
}

func (s *server) roleDeletionPage(c *call, status int, replacement string, problems backoffice.Problems) error {
	v, err := c.roleView(func(r backoffice.Role) string { return "Delete " + r.Name })
	if err != nil {
		return err
	}
	d := views.RoleDeletion{RoleView: v, Problems: problems}
	if v.Role.BuiltIn {
		return c.goTo(views.RolePath(v.Role.ID))
	}
	h, err := c.store().RoleHolders(c.ctx(), v.Role.ID, "", "")
	if err != nil {
		return err
	}
	d.Total, d.Binned = h.Total, h.Binned
	if d.Choices, err = c.replacements(v.Role); err != nil {
		return err
	}
	for _, r := range d.Choices {
		if r.ID != replacement {
			continue
		}
		d.Replacement, d.Chosen = r.ID, true
		if d.Effect, err = c.store().RoleEffect(c.ctx(), v.Role.ID, r.Permissions); err != nil {
			return err
		}
	}
	return c.render(status, d.Page, views.RoleDeletionPage(d))
}

// replacements are the roles that can be given in place of one.
func (c *call) replacements(role backoffice.Role) ([]backoffice.Role, error) {
	rows, err := c.store().Roles(c.ctx())
	if err != nil {
		return nil, err
	}
	for after := ""; role.AccountID != ""; {
		page, err := c.store().AccountRoles(c.ctx(), role.AccountID, after, "")
		if err != nil {
			return nil, err
		}
		if rows = append(rows, page.Rows...); page.Next == "" {
			break
		}
		after = page.Next
	}
	var list []backoffice.Role
	for _, r := range rows {
		if r.ID != role.ID {
			list = append(list, r.Role)
		}
	}
	return list, nil
}

func (s *server) deleteRole(c *call) error {
	form, err := c.fields("replacement")
	if err != nil {
		return err
	}
	role, err := c.store().Role(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	var problems backoffice.Problems
	_, err = c.store().DeleteRole(c.ctx(), c.actor, role.ID, form["replacement"])
	if errors.As(err, &problems) {
		return s.roleDeletionPage(c, http.StatusUnprocessableEntity, form["replacement"], problems)
	} else if err != nil {
		return err
	}
	toast := ui.ToastProps{Text: "The role “" + role.Name + "” was deleted.", Undo: s.link(views.RoleRestorationsPath), Hidden: []ui.Pair{{Name: "role", Value: role.ID}}}
	return c.saved(rolesPath(role.AccountID), toast, nil)
}

// rolesPath is the list that a role stands in.
func rolesPath(accountID string) string {
	if accountID == "" {
		return "/backoffice/roles"
	}
	return "/backoffice/roles?account=" + url.QueryEscape(accountID)
}

// restoreRole takes the deletion of a role back, with who had it.
func (s *server) restoreRole(c *call) error {
	form, err := c.fields("role")
	if err != nil {
		return err
	}
	var problems backoffice.Problems
	back, err := c.store().RestoreRole(c.ctx(), c.actor, form["role"])
	switch {
	case errors.Is(err, backoffice.ErrNotFound):
		return c.saved("/backoffice/roles", ui.ToastProps{Text: "There is nothing left to undo: it was restored already, or its 30 days are over.", Bad: true}, nil)
	case errors.As(err, &problems):
		return c.saved("/backoffice/roles", ui.ToastProps{Text: "Not restored. " + problems["key"], Bad: true}, nil)
	case err != nil:
		return err
	}
	return c.saved(views.RolePath(back.Role.ID), ui.ToastProps{Text: restoredRoleText(back)}, nil)
}

func restoredRoleText(back store.RestoredRole) string {
	text := "The role “" + back.Role.Name + "” is back."
	if back.GivenTo > 0 {
		text += " " + ui.Count(back.GivenTo, "membership has", "memberships have") + " it again."
	}
	if back.Changed > 0 {
		text += " " + ui.Count(back.Changed, "was", "were") + " changed since and keeps its roles."
		if back.Changed > 1 {
			text = strings.TrimSuffix(text, "keeps its roles.") + "keep their roles."
		}
	}
	return text
}
