package handlers

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

func (s *server) importRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{get, views.ImportPath, backoffice.Import, s.showImport},
		{post, views.ImportPath, backoffice.Import, s.planImport},
		{get, views.ImportPath + "/:import", backoffice.Import, s.showImportRun},
		{get, views.ImportPath + "/:import/refused.csv", backoffice.Import, s.exportRefused},
		{post, views.ImportPath + "/:import/application", backoffice.Import, s.applyImport},
		{post, views.ImportPath + "/:import/discarding", backoffice.Import, s.discardImport},
		{get, views.ImportPath + "/:import/reversal", backoffice.Import, s.askUndoImport},
		{post, views.ImportPath + "/:import/reversal", backoffice.Import, s.undoImport},
	}
}

// Limits of an upload. It is read as it comes and never held as a whole; who
// sends nothing for a while has gone.
const (
	importLimit  = 1 << 30
	importSilent = 30 * time.Second
	importWait   = time.Second
	shownImports = 50
)

func (s *server) showImport(c *call) error {
	return s.renderImport(c, http.StatusOK, views.ImportView{})
}

func (s *server) renderImport(c *call, status int, v views.ImportView) (err error) {
	v.Now = s.now()
	if v.Page, err = c.page("Import", views.PartImport); err != nil {
		return err
	}
	if v.Runs, err = c.store().Imports(c.ctx(), shownImports); err != nil {
		return err
	}
	return c.render(status, v.Page, views.ImportPage(v))
}

// planImport reads the uploaded files as they arrive, in the order of the form,
// and leads to their plan.
func (s *server) planImport(c *call) error {
	upload, err := c.upload()
	if err != nil {
		return err
	}
	run, err := c.store().PlanImport(c.ctx(), c.actor, false, upload.files)
	var file *store.FileError
	switch {
	case errors.As(err, &file):
		// What was not read is let go: the browser listens once it has sent all.
		v := views.ImportView{Problems: backoffice.Problems{string(upload.kind): file.Error()}}
		upload.drain()
		v.Strict = upload.strict
		return s.renderImport(c, http.StatusUnprocessableEntity, v)
	case err != nil:
		return err
	}
	if upload.strict {
		if err := c.store().MakeImportStrict(c.ctx(), c.actor, run.ID); err != nil {
			return err
		}
	}
	return c.goTo(views.ImportPath + "/" + run.ID)
}

// upload is a form with files on its way in.
type upload struct {
	parts  *multipart.Reader
	kind   backoffice.ImportKind // of the file that is being read; "" for none
	strict bool
}

func (c *call) upload() (*upload, error) {
	req := c.Request()
	control := http.NewResponseController(c.Response())
	req.Body = http.MaxBytesReader(c.Response(), &patientBody{req.Body, control, time.Now}, importLimit)
	parts, err := req.MultipartReader()
	if err != nil {
		return nil, echo.NewHTTPError(http.StatusUnsupportedMediaType).SetInternal(err)
	}
	return &upload{parts: parts}, nil
}

// patientBody gives a long upload its time, as long as something arrives.
type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
	now     func() time.Time
}

func (b *patientBody) Read(p []byte) (int, error) {
	// Not every connection knows deadlines; then there is none to move.
	_ = b.control.SetReadDeadline(b.now().Add(importSilent))
	_ = b.control.SetWriteDeadline(b.now().Add(2 * importSilent))
	return b.ReadCloser.Read(p)
}

// files gives the files of the form that were chosen, one after the other.
func (u *upload) files(yield func(store.ImportFile, error) bool) {
	const fieldLimit = 16
	for {
		part, err := u.parts.NextPart()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			u.kind = ""
			yield(store.ImportFile{}, badRequest(err))
			return
		}
		switch name := part.FormName(); name {
		case "accounts", "users", "visits":
			if part.FileName() == "" {
				continue // nothing was chosen
			}
			u.kind = backoffice.ImportKind(name)
			if !yield(store.ImportFile{Kind: u.kind, Name: part.FileName(), Reader: part}, nil) {
				return
			}
			u.kind = ""
		case "strict":
			v, err := io.ReadAll(io.LimitReader(part, fieldLimit))
			if err != nil {
				yield(store.ImportFile{}, badRequest(err))
				return
			}
			u.strict = string(v) == "on"
		}
	}
}

// drain reads what is left of the form, within its limit.
func (u *upload) drain() {
	for f, err := range u.files {
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, f.Reader); err != nil {
			return
		}
	}
}

func (s *server) showImportRun(c *call) error {
	v := views.ImportRunView{Now: s.now(), Query: shortened(c.QueryParam("q"))}
	var err error
	if v.Run, err = c.store().Import(c.ctx(), c.Param("import")); err != nil {
		return err
	}
	v.Kind, v.Action = importChoice(c.QueryParam("kind"), c.QueryParam("action"), &v.Run)
	if after, err := strconv.ParseInt(c.QueryParam("after"), 10, 64); err == nil && after > 0 {
		v.After = after
	}
	if v.Rows, v.More, err = c.store().ImportRows(c.ctx(), v.Run.ID, v.Kind, v.Action, v.Query, v.After, backoffice.PageSize); err != nil {
		return err
	}
	if v.Page, err = c.page("Import", views.PartImport); err != nil {
		return err
	}
	return c.render(http.StatusOK, v.Page, views.ImportRunPage(v), section{"import-progress", views.ImportUpdate(v)},
		section{"import-rows", views.ImportRows(v)}, section{"import-lines", views.ImportLines(v)})
}

// importChoice reads which rows are to be shown: where nothing is said, the
// refused ones, or else the first kind that has any.
func importChoice(kind, action string, run *backoffice.ImportRun) (backoffice.ImportKind, backoffice.ImportAction) {
	a := backoffice.ImportAction(action)
	switch a {
	case backoffice.ImportCreate, backoffice.ImportUpdate, backoffice.ImportUnchanged, backoffice.ImportRefused, backoffice.ImportKept:
	default:
		a = ""
	}
	kinds := []backoffice.ImportKind{backoffice.ImportAccounts, backoffice.ImportUsers, backoffice.ImportMemberships, backoffice.ImportVisits}
	for _, k := range kinds {
		if string(k) == kind {
			return k, a
		}
	}
	if run.Counts.RefusedRows() > 0 {
		return "", backoffice.ImportRefused
	}
	for _, k := range kinds {
		if run.Counts.Of(k).Total() > 0 {
			return k, a
		}
	}
	return backoffice.ImportAccounts, a
}

// exportRefused gives the refused rows as CSV, to be mended.
func (s *server) exportRefused(c *call) error {
	run, err := c.store().Import(c.ctx(), c.Param("import"))
	if err != nil {
		return err
	}
	list, err := c.store().ImportRefusals(c.ctx(), run.ID)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/csv; charset=utf-8")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="refused-rows.csv"`)
	// The mark tells spreadsheets that the text is UTF-8.
	if _, err := c.Response().Write([]byte("\ufeff")); err != nil {
		return err
	}
	w := csv.NewWriter(c.Response())
	lines := [][]string{{"file", "line", "column", "value", "reason"}}
	for _, r := range list {
		lines = append(lines, []string{backoffice.EscapeCell(r.File), strconv.FormatInt(r.Line, 10), r.Column, backoffice.EscapeCell(r.Value), r.Reason})
	}
	return w.WriteAll(lines)
}

func (s *server) applyImport(c *call) error {
	if _, err := c.posted(); err != nil {
		return err
	}
	return s.importTo(c, c.store().StartImport(c.ctx(), c.actor, c.Param("import")))
}

// askUndoImport shows the dialog, or without script a page that asks the same.
func (s *server) askUndoImport(c *call) error {
	v := views.ImportRunView{Now: s.now()}
	var err error
	if v.Run, err = c.store().Import(c.ctx(), c.Param("import")); err != nil {
		return err
	}
	if v.Run.State != backoffice.ImportApplied {
		return c.goTo(views.ImportPath + "/" + v.Run.ID)
	}
	v.Page = s.gate(c, "Undo import")
	if c.isFragment() {
		return c.fragment(http.StatusOK, views.ImportUndoDialog(v))
	}
	if v.Page, err = c.page("Undo import", views.PartImport); err != nil {
		return err
	}
	return c.render(http.StatusOK, v.Page, views.ImportUndoPage(v))
}

func (s *server) undoImport(c *call) error {
	if _, err := c.posted(); err != nil {
		return err
	}
	return s.importTo(c, c.store().StartUndo(c.ctx(), c.actor, c.Param("import")))
}

// importTo lets an import that was started go on behind the page that shows how
// far it is. An error of its own is told there.
func (s *server) importTo(c *call, err error) error {
	id := c.Param("import")
	var problems backoffice.Problems
	switch {
	case errors.As(err, &problems):
		return c.saved(views.ImportPath+"/"+id, ui.ToastProps{Text: problems[""], Bad: true}, nil)
	case errors.Is(err, backoffice.ErrConflict):
		return c.saved(views.ImportPath+"/"+id, ui.ToastProps{Text: "The import is not in that state any more. This is how it stands.", Bad: true}, nil)
	case err != nil:
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// A stop of the server interrupts it between two batches; the next start
		// goes on with it.
		if _, err := s.Store.FinishImport(context.Background(), id, nil); err != nil {
			s.Log.Error("an import waits to be resumed", "import", id, "error", err)
		}
	}()
	// A small one is done before the page is.
	select {
	case <-done:
	case <-time.After(importWait):
	}
	return c.goTo(views.ImportPath + "/" + id)
}

func (s *server) discardImport(c *call) error {
	if _, err := c.posted(); err != nil {
		return err
	}
	err := c.store().DiscardImport(c.ctx(), c.actor, c.Param("import"))
	if errors.Is(err, backoffice.ErrConflict) {
		return c.saved(views.ImportPath+"/"+c.Param("import"), ui.ToastProps{Text: "The import is not a plan any more. This is how it stands.", Bad: true}, nil)
	}
	if err != nil {
		return err
	}
	return c.saved(views.ImportPath, ui.ToastProps{Text: "The plan was discarded. Nothing of it was applied."}, nil)
}
