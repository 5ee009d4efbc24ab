package handlers

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

func (s *server) accountListRoutes() []route {
	const get = http.MethodGet
	return []route{
		{get, views.AccountsPath, backoffice.ReadAccounts, s.showAccounts},
		{get, views.AccountsPath + ".csv", backoffice.ReadAccounts, s.exportAccounts},
		{get, "/backoffice/search", backoffice.ReadAccounts, s.searchAccounts},
	}
}

// showAccounts is the accounts page: cards and list.
func (s *server) showAccounts(c *call) error {
	values := c.QueryParams()
	editing := values.Get("filter") == "edit"
	delete(values, "filter")
	q, ignored := backoffice.ParseAccountQuery(values)
	if !c.isFragment() && !editing && len(ignored) == 0 && fromForm(values) {
		// A form sends what was left empty as well: the address is kept short.
		return c.Redirect(http.StatusSeeOther, s.link(views.AccountsAddress(q)))
	}
	v, err := s.accountsView(c, q)
	if err != nil {
		return err
	}
	v.Ignored, v.Editing = ignored, editing
	return c.render(http.StatusOK, v.Page, views.AccountsPage(v), section{"accounts-list", views.AccountsUpdate(v)})
}

// fromForm reports whether an address carries empty or repeated fields, or
// those that only the filter form has.
func fromForm(values map[string][]string) bool {
	for name, list := range values {
		if len(list) != 1 || list[0] == "" || name == "created_from" || name == "created_to" || name == "created" && list[0] == "range" {
			return true
		}
	}
	return false
}

func (s *server) accountsView(c *call, q backoffice.AccountQuery) (views.AccountsView, error) {
	v := views.AccountsView{Query: q, MayWrite: c.may(backoffice.WriteAccounts), MayImport: c.may(backoffice.Import)}
	var err error
	if v.Page, err = c.page("Accounts", views.PartAccounts); err != nil {
		return v, err
	}
	var totals store.Totals
	if v.KPIs, totals, err = c.store().Dashboard(c.ctx()); err != nil {
		return v, err
	}
	v.Accounts, v.Now = totals.Accounts, v.KPIs.At
	if v.List, err = c.store().Accounts(c.ctx(), q.AccountFilter, q.Page); err != nil {
		return v, err
	}
	if v.Saved, err = s.savedViews(c, accountsList); err != nil {
		return v, err
	}
	if q.ParentID != "" {
		if parent, err := c.store().Account(c.ctx(), q.ParentID); err == nil {
			v.Parent = parent.Name
		}
	}
	if len(v.List.Rows) == 0 && q.Query != "" && q.Filters() > 0 {
		if v.Without, err = c.store().CountAccounts(c.ctx(), q.Unfiltered().AccountFilter); err != nil {
			return v, err
		}
	}
	return v, nil
}

// searchAccounts answers the palette: the best eight, an exact ID first.
func (s *server) searchAccounts(c *call) error {
	typed := strings.TrimSpace(c.QueryParam("q"))
	q, _ := backoffice.ParseAccountQuery(map[string][]string{"q": {typed}})
	if q.Query == "" {
		return c.fragment(http.StatusOK, ui.PaletteList("", nil))
	}
	rows, err := c.store().FindAccounts(c.ctx(), q.Query, paletteRows)
	if err != nil {
		return err
	}
	found := make([]ui.Found, len(rows))
	for i, r := range rows {
		found[i] = ui.Found{Label: r.Name, Sub: r.ID, Href: s.link(views.AccountsPath + "/" + r.ID)}
		switch {
		case r.ParentName != "":
			found[i].Sub += " · in " + r.ParentName
		case r.IsReseller:
			found[i].Tag = "Reseller"
		}
	}
	return c.fragment(http.StatusOK, ui.PaletteList(q.Query, found))
}

const paletteRows = 8

// exportAccounts streams the list as CSV: what is shown, with the same columns.
func (s *server) exportAccounts(c *call) error {
	q, _ := backoffice.ParseAccountQuery(c.QueryParams())
	return s.sendAccounts(c, q, func(do func(backoffice.AccountRow) error) error {
		return c.store().EachAccount(c.ctx(), q.AccountFilter, do)
	})
}

// sendAccounts writes rows as CSV while they are read. A failure after the
// first line breaks the connection off: a file that is cut short must not look
// like a whole one.
func (s *server) sendAccounts(c *call, q backoffice.AccountQuery, each func(func(backoffice.AccountRow) error) error) error {
	shown := q.Shown()
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/csv; charset=utf-8")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="accounts-`+backoffice.DayOf(s.now()).String()+`.csv"`)
	w := csv.NewWriter(c.Response())
	head := []string{"Account name", "ID", "Reseller", "Parent ID", "Parent name"}
	for _, col := range exportColumns {
		if shown.Has(col.column) {
			head = append(head, col.label)
		}
	}
	n := 0
	begin := func() error {
		// The mark tells spreadsheets that the text is UTF-8.
		if _, err := c.Response().Write([]byte("\ufeff")); err != nil {
			return err
		}
		return w.Write(head)
	}
	line := make([]string, 0, 12)
	err := each(func(r backoffice.AccountRow) error {
		if n == 0 {
			if err := begin(); err != nil {
				return err
			}
		}
		line = append(line[:0], r.Name, r.ID, strconv.FormatBool(r.IsReseller), r.ParentID, r.ParentName)
		for _, col := range exportColumns {
			if shown.Has(col.column) {
				line = append(line, col.cell(&r))
			}
		}
		for i := range line {
			line[i] = backoffice.EscapeCell(line[i])
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

var exportColumns = []struct {
	column backoffice.AccountColumns
	label  string
	cell   func(*backoffice.AccountRow) string
}{
	{backoffice.ColumnCreated, "Created", func(r *backoffice.AccountRow) string { return r.CreatedAt.UTC().Format(time.RFC3339) }},
	{backoffice.ColumnLastVisit, "Last visit", func(r *backoffice.AccountRow) string {
		if r.LastVisit.IsZero() {
			return ""
		}
		return r.LastVisit.UTC().Format(time.RFC3339)
	}},
	{backoffice.ColumnVisits, "Daily visits", func(r *backoffice.AccountRow) string { return strconv.FormatInt(r.Visits, 10) }},
	{backoffice.ColumnUsers, "Users", func(r *backoffice.AccountRow) string { return strconv.FormatInt(r.Users, 10) }},
	{backoffice.ColumnPrimaryUser, "Primary user", func(r *backoffice.AccountRow) string { return r.PrimaryEmail }},
}
