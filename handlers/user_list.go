package handlers

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"steward/backoffice"
	"steward/views"
)

func (s *server) userListRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{get, views.UsersPath, backoffice.ReadAllUsers, s.showUsers},
		{get, views.UsersPath + ".csv", backoffice.ReadAllUsers, s.exportUsers},
		{post, "/backoffice/user-selection/export", backoffice.ReadAllUsers, s.exportUserSelection},
	}
}

// showUsers is the page of users: cards and list.
func (s *server) showUsers(c *call) error {
	values := c.QueryParams()
	editing := values.Get("filter") == "edit"
	delete(values, "filter")
	q, ignored := backoffice.ParseUserQuery(values)
	if !c.isFragment() && !editing && len(ignored) == 0 && fromForm(values) {
		// A form sends what was left empty as well: the address is kept short.
		return c.Redirect(http.StatusSeeOther, s.link(views.UsersAddress(q)))
	}
	v, err := s.usersView(c, q)
	if err != nil {
		return err
	}
	v.Ignored, v.Editing = ignored, editing
	return c.render(http.StatusOK, v.Page, views.UsersPage(v), section{"users-list", views.UsersUpdate(v)})
}

func (s *server) usersView(c *call, q backoffice.UserQuery) (views.UsersView, error) {
	v := views.UsersView{Query: q, MayWrite: c.may(backoffice.WriteAllUsers)}
	var err error
	if v.Page, err = c.page("Users", views.PartUsers); err != nil {
		return v, err
	}
	if v.Users, err = c.store().UserKPIs(c.ctx()); err != nil {
		return v, err
	}
	kpis, totals, err := c.store().Dashboard(c.ctx())
	if err != nil {
		return v, err
	}
	v.KPIs, v.Accounts, v.Now = kpis, totals.Accounts, v.Users.At
	if v.List, err = c.store().Users(c.ctx(), q.UserFilter, q.Page); err != nil {
		return v, err
	}
	if v.Roles, err = c.store().RolesToGive(c.ctx()); err != nil {
		return v, err
	}
	if v.Applications, err = c.store().ApplicationsByName(c.ctx()); err != nil {
		return v, err
	}
	if v.Saved, err = s.savedViews(c, usersList); err != nil {
		return v, err
	}
	if q.AccountID != "" {
		if a, err := c.store().Account(c.ctx(), q.AccountID); err == nil {
			v.Account = a.Name
		}
	}
	if len(v.List.Rows) == 0 && q.Query != "" && q.Filters() > 0 {
		if v.Without, err = c.store().CountUsers(c.ctx(), q.Unfiltered().UserFilter); err != nil {
			return v, err
		}
	}
	return v, nil
}

// exportUsers streams the list as CSV, filtered as shown.
func (s *server) exportUsers(c *call) error {
	q, _ := backoffice.ParseUserQuery(c.QueryParams())
	return s.sendUsers(c, func(do func(backoffice.UserRow) error) error {
		return c.store().EachUser(c.ctx(), q.UserFilter, do)
	})
}

var userExport = []struct {
	label string
	cell  func(*backoffice.UserRow) string
}{
	{"Name", func(r *backoffice.UserRow) string { return r.Name }},
	{"E-mail", func(r *backoffice.UserRow) string { return r.Email }},
	{"ID", func(r *backoffice.UserRow) string { return r.ID }},
	{"Created", func(r *backoffice.UserRow) string { return r.CreatedAt.UTC().Format(time.RFC3339) }},
	{"Locked", func(r *backoffice.UserRow) string { return strconv.FormatBool(r.Locked) }},
	{"Accounts", func(r *backoffice.UserRow) string { return strconv.FormatInt(r.Accounts, 10) }},
	{"Roles", func(r *backoffice.UserRow) string { return strings.Join(r.Roles, ", ") }},
	{"Applications", func(r *backoffice.UserRow) string { return strings.Join(r.Applications, ", ") }},
	{"Verified", func(r *backoffice.UserRow) string { return strconv.FormatBool(r.Verified) }},
	{"MFA", func(r *backoffice.UserRow) string { return strconv.FormatBool(r.Factors != 0) }},
	{"Last visit", func(r *backoffice.UserRow) string {
		if r.LastVisit.IsZero() {
			return ""
		}
		return r.LastVisit.UTC().Format(time.RFC3339)
	}},
	{"Visits", func(r *backoffice.UserRow) string { return strconv.FormatInt(r.Days, 10) }},
}

// sendUsers writes rows as CSV while they are read, as sendAccounts does.
func (s *server) sendUsers(c *call, each func(func(backoffice.UserRow) error) error) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/csv; charset=utf-8")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="users-`+backoffice.DayOf(s.now()).String()+`.csv"`)
	w := csv.NewWriter(c.Response())
	line := make([]string, len(userExport))
	n := 0
	begin := func() error {
		// The mark tells spreadsheets that the text is UTF-8.
		if _, err := c.Response().Write([]byte("\ufeff")); err != nil {
			return err
		}
		for i, col := range userExport {
			line[i] = col.label
		}
		return w.Write(line)
	}
	err := each(func(r backoffice.UserRow) error {
		if n == 0 {
			if err := begin(); err != nil {
				return err
			}
		}
		for i, col := range userExport {
			line[i] = backoffice.EscapeCell(col.cell(&r))
		}
		if n++; n%backoffice.PageSize == 0 {
			w.Flush()
		}
		return w.Write(line)
	})
	if err == nil && n == 0 {
		err = begin()
	}
	if w.Flush(); err == nil {
		err = w.Error()
	}
	if err != nil && c.Response().Committed {
		s.Log.Error("export broken off", "rows", n, "error", err)
		panic(http.ErrAbortHandler)
	}
	return err
}
