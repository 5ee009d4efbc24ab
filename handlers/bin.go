package handlers

import (
	"errors"
	"net/http"
	"slices"

	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// binRoutes are the bin, and the way back out of it.
func (s *server) binRoutes() []route {
	return []route{
		{http.MethodGet, "/backoffice/bin", backoffice.ReadAccounts, s.showBin},
		{http.MethodPost, "/backoffice/restorations", backoffice.WriteAccounts, s.restore},
	}
}

func (s *server) showBin(c *call) error {
	q := c.QueryParams()
	f := store.BinFilter{Query: shortened(q.Get("q")), After: q.Get("after"), Before: q.Get("before")}
	if f.After != "" {
		f.Before = ""
	}
	return c.renderBin(http.StatusOK, f, nil)
}

func (c *call) renderBin(status int, f store.BinFilter, refused []views.BinRefusal) error {
	found, err := c.store().Bin(c.ctx(), f)
	if err != nil {
		return err
	}
	page, err := c.page("Bin", views.PartBin)
	if err != nil {
		return err
	}
	scene := views.BinScene{Base: c.s.base, Now: c.s.now(), MayWrite: c.may(backoffice.WriteAccounts), Query: f.Query,
		Total: found.Total, Next: found.Next, Prev: found.Prev, Refused: refused}
	for _, r := range found.Rows {
		scene.Rows = append(scene.Rows, views.BinRow{ID: r.ID, Name: r.Name, ParentID: r.ParentID, ParentName: r.ParentName, ParentGone: r.ParentGone,
			DeletedAt: r.DeletedAt, DeletedBy: r.DeletedBy, PurgeAt: r.PurgeAt, Members: r.Members})
	}
	return c.render(status, page, views.BinPage(scene), section{views.BinListID, views.BinList(scene)})
}

// maxRestored is how many accounts one request may name.
const maxRestored = 1000

// restore brings accounts back: those of a deletion that is undone, or those
// that were chosen in the bin.
func (s *server) restore(c *call) error {
	form, err := c.posted()
	if err != nil {
		return err
	}
	if deletion := form.Get("deletion"); deletion != "" {
		return s.undoDeletion(c, deletion, form.Get("next"))
	}
	ids := form["id"]
	if one := form.Get("one"); one != "" {
		ids = []string{one}
	}
	if len(ids) == 0 || len(ids) > maxRestored {
		return c.backToBin("Choose the accounts that are to be restored.", true)
	}
	// One that is not there makes the whole void: what was chosen is not what is.
	absent, err := c.store().Absent(c.ctx(), ids, true)
	if err != nil {
		return err
	}
	if len(absent) > 0 {
		var refused []views.BinRefusal
		for _, id := range absent {
			refused = append(refused, views.BinRefusal{Name: id, Why: "It is not in the bin any more."})
		}
		return c.renderBin(http.StatusConflict, store.BinFilter{Query: shortened(form.Get("q"))}, refused)
	}
	results, err := c.store().RestoreAccounts(c.ctx(), c.actor, slices.Clone(ids))
	if err != nil {
		return err
	}
	var done []store.BulkResult
	var refused []views.BinRefusal
	for _, r := range results {
		if r.Refused == "" {
			done = append(done, r)
			continue
		}
		if r.Name == "" {
			r.Name = r.ID
		}
		refused = append(refused, views.BinRefusal{Name: r.Name, Why: r.Refused})
	}
	toast := restoredToast(s, done)
	if len(refused) > 0 {
		// Nothing may be lost in a redirect: the reasons stand above the list.
		if toast.Text != "" {
			c.Set("toast", toast)
		}
		status := http.StatusOK
		if len(done) == 0 {
			status = http.StatusConflict
		}
		return c.renderBin(status, store.BinFilter{Query: shortened(form.Get("q"))}, refused)
	}
	return c.saved("/backoffice/bin", toast, func() error {
		return c.renderBin(http.StatusOK, store.BinFilter{Query: shortened(form.Get("q"))}, nil)
	})
}

func restoredToast(s *server, done []store.BulkResult) ui.ToastProps {
	switch len(done) {
	case 0:
		return ui.ToastProps{}
	case 1:
		return ui.ToastProps{Text: "“" + done[0].Name + "” was restored.", Href: s.link(accountPath(done[0].ID))}
	}
	return ui.ToastProps{Text: ui.Number(len(done)) + " accounts were restored."}
}

// undoDeletion takes a deletion back, as its toast and the trail offer.
func (s *server) undoDeletion(c *call, deletion, next string) error {
	restored, err := c.store().Restore(c.ctx(), c.actor, deletion)
	var problems backoffice.Problems
	switch {
	case errors.Is(err, backoffice.ErrNotFound):
		return c.backToBin("There is nothing left to undo: it was restored already, or its 30 days are over.", true)
	case errors.As(err, &problems):
		return c.backToBin("Not restored. "+problems.Error(), true)
	case err != nil:
		return err
	}
	done := make([]store.BulkResult, len(restored))
	for i, a := range restored {
		done[i] = store.BulkResult{ID: a.ID, Name: a.Name}
	}
	toast, to := restoredToast(s, done), "/backoffice/accounts"
	if len(done) == 1 {
		toast.Href, to = "", accountPath(done[0].ID)
	}
	if next != "" {
		c.putFlash(toast)
		return c.Redirect(http.StatusSeeOther, s.safeNext(next, to))
	}
	return c.saved(to, toast, nil)
}

func (c *call) backToBin(said string, bad bool) error {
	return c.saved("/backoffice/bin", ui.ToastProps{Text: said, Bad: bad}, nil)
}
