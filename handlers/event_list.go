package handlers

import (
	"encoding/csv"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

func (s *server) eventRoutes() []route {
	return []route{
		{http.MethodGet, views.EventsPath, backoffice.ReadTrail, s.showEvents},
		{http.MethodGet, views.EventsPath + ".csv", backoffice.ReadTrail, s.exportEvents},
		{http.MethodPost, views.EventsPath + "/verification", backoffice.WriteSettings, s.verifyEvents},
		{http.MethodGet, views.EventsPath + "/:event", backoffice.ReadTrail, s.showEvent},
	}
}

// eventFilter reads the view of the trail from the address. What cannot be
// understood is left out and named.
func (c *call) eventFilter() (f backoffice.EventFilter, from, to string, ignored []backoffice.IgnoredParameter) {
	text := func(name string) string { return shortened(c.QueryParam(name)) }
	f = backoffice.EventFilter{Query: text("q"), Action: text("action"), ActorID: text("actor"), Account: text("account")}
	day := func(name string) (backoffice.Day, string) {
		v := text(name)
		if v == "" {
			return 0, ""
		}
		d, err := backoffice.ParseDay(v)
		if err != nil {
			ignored = append(ignored, backoffice.IgnoredParameter{Name: name, Value: v, Reason: "is not a day written as 2026-11-20"})
			return 0, ""
		}
		return d, v
	}
	if d, v := day("from"); v != "" {
		f.From, from = d.Start(), v
	}
	if d, v := day("to"); v != "" {
		f.To, to = (d + 1).Start(), v
	}
	return f, from, to, ignored
}

func (s *server) showEvents(c *call) error {
	v, err := s.eventsView(c)
	if err != nil {
		return err
	}
	cursor := c.QueryParam("page")
	if v.List, err = c.store().Events(c.ctx(), v.Filter, cursor, 0); err != nil {
		return err
	}
	if v.Actors, err = c.store().EventActors(c.ctx()); err != nil {
		return err
	}
	if v.Check, v.Checked, err = c.store().LastTrailCheck(c.ctx()); err != nil {
		return err
	}
	if v.Filter.Account != "" {
		if a, err := c.store().Account(c.ctx(), v.Filter.Account); err == nil {
			v.Account = a.Name
		}
	}
	return c.render(http.StatusOK, v.Page, views.EventsPage(v), section{"events-list", views.EventsUpdate(v)})
}

func (s *server) eventsView(c *call) (v views.EventsView, err error) {
	v.Filter, v.From, v.To, v.Ignored = c.eventFilter()
	v.Now = s.now()
	v.MayCheck, v.MayRestore, v.MayStaff = c.may(backoffice.WriteSettings), c.may(backoffice.WriteAccounts), c.may(backoffice.WriteStaff)
	v.MayApplications = c.may(backoffice.WriteAllApplications)
	v.MayRoles, v.MayUsers = c.may(backoffice.WriteRoles), c.may(backoffice.WriteAllUsers)
	v.Page, err = c.page("Audit trail", views.PartAudit)
	return v, err
}

func (s *server) showEvent(c *call) error {
	e, err := c.store().Event(c.ctx(), c.Param("event"))
	if err != nil {
		return err
	}
	v, err := s.eventsView(c)
	if err != nil {
		return err
	}
	v.Single = true
	return c.render(http.StatusOK, v.Page, views.EventPage(v, e))
}

// verifyEvents walks the whole chain and notes what it found.
func (s *server) verifyEvents(c *call) error {
	if _, err := c.posted(); err != nil {
		return err
	}
	check, err := c.store().CheckTrail(c.ctx())
	if err != nil {
		return err
	}
	toast := ui.ToastProps{Text: "The chain is whole: " + ui.Count(check.Count, "entry", "entries") + " verified."}
	if check.Broken != 0 {
		toast = ui.ToastProps{Text: "The chain is broken at entry " + ui.Number(check.Broken) + ".", Bad: true}
	}
	return c.saved(views.EventsPath, toast, nil)
}

var eventColumns = []struct {
	name string
	cell func(*backoffice.EventRow) string
}{
	{"Time", func(e *backoffice.EventRow) string { return e.At.UTC().Format(time.RFC3339Nano) }},
	{"What happened", func(e *backoffice.EventRow) string { return e.Summary() }},
	{"Action", func(e *backoffice.EventRow) string { return e.Action }},
	{"Actor kind", func(e *backoffice.EventRow) string { return string(e.Kind) }},
	{"Actor", func(e *backoffice.EventRow) string { return e.ActorName }},
	{"Actor ID", func(e *backoffice.EventRow) string { return e.ActorID }},
	{"Address", func(e *backoffice.EventRow) string { return e.Address }},
	{"Object kind", func(e *backoffice.EventRow) string { return e.ObjectKind }},
	{"Object", func(e *backoffice.EventRow) string { return e.ObjectName }},
	{"Object ID", func(e *backoffice.EventRow) string { return e.ObjectID }},
	{"Account ID", func(e *backoffice.EventRow) string { return e.AccountID }},
	{"Before", func(e *backoffice.EventRow) string { return e.Before }},
	{"After", func(e *backoffice.EventRow) string { return e.After }},
	{"Entry ID", func(e *backoffice.EventRow) string { return e.ID }},
}

// exportEvents streams the trail as CSV: what is shown, page by page. A failure
// after the first line breaks the connection off: a file that is cut short must
// not look like a whole one.
func (s *server) exportEvents(c *call) error {
	f, _, _, _ := c.eventFilter()
	w := csv.NewWriter(c.Response())
	line := make([]string, len(eventColumns))
	begun := false
	begin := func() error {
		begun = true
		h := c.Response().Header()
		h.Set(echo.HeaderContentType, "text/csv; charset=utf-8")
		h.Set(echo.HeaderContentDisposition, `attachment; filename="audit-trail-`+backoffice.DayOf(s.now()).String()+`.csv"`)
		// The mark tells spreadsheets that the text is UTF-8.
		if _, err := c.Response().Write([]byte("\ufeff")); err != nil {
			return err
		}
		for i, col := range eventColumns {
			line[i] = col.name
		}
		return w.Write(line)
	}
	err := c.store().EachEvent(c.ctx(), f, func(e backoffice.EventRow) error {
		if !begun {
			if err := begin(); err != nil {
				return err
			}
		}
		for i, col := range eventColumns {
			line[i] = backoffice.EscapeCell(col.cell(&e))
		}
		return w.Write(line)
	})
	if err == nil && !begun {
		err = begin()
	}
	if err != nil && !begun {
		return err
	}
	if w.Flush(); err == nil {
		err = w.Error()
	}
	if err != nil {
		s.Log.Error("export of the trail broken off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
