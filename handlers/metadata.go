package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

func (s *server) metadataRoutes() []route {
	return []route{
		{http.MethodGet, "/backoffice/accounts/:id/metadata", backoffice.ReadMetadata, s.showMetadata},
		{http.MethodPost, "/backoffice/accounts/:id/metadata", backoffice.WriteAccounts, s.saveMetadata},
	}
}

func (s *server) showMetadata(c *call) error {
	a, err := c.store().Account(c.ctx(), c.Param("id"))
	if err != nil {
		return err
	}
	return s.metadataPage(c, http.StatusOK, a, views.MetadataForm{Base: a.Metadata, Version: a.MetadataVersion, Editor: views.MetadataEditor(a.Metadata)})
}

func (s *server) metadataPage(c *call, status int, a backoffice.Account, f views.MetadataForm) error {
	page, err := c.page("Metadata", views.PartAccounts)
	if err != nil {
		return err
	}
	f.Account = backoffice.AccountRef{Key: a.Key, ID: a.ID, Name: a.Name}
	f.Text, f.MayChange = a.Metadata, c.may(backoffice.WriteAccounts)
	if f.Ancestors, err = c.store().Ancestors(c.ctx(), a.Key); err != nil {
		return err
	}
	here := f
	here.InPlace = true
	return c.render(status, page, views.MetadataPage(page, f), section{views.AccountMetadataID, views.MetadataInPlace(page, here)})
}

// metadataSection is what the account's page shows while nobody changes it.
func metadataSection(s views.AccountScene) templ.Component {
	props := views.MetadataSectionProps{Text: s.Account.Metadata}
	if s.MayWrite {
		props.Edit = s.Path("/metadata")
	}
	return views.MetadataSection(props)
}

func (s *server) saveMetadata(c *call) error {
	form, err := c.posted()
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(form.Get("version"), 10, 64)
	if err != nil {
		return badRequest(err)
	}
	a, err := c.store().Account(c.ctx(), c.Param("id"))
	if err != nil {
		return err
	}
	editor := enteredRows(form)
	mine, problem, at := enteredMetadata(form, &editor)
	if problem != "" {
		editor.Problem, editor.At = problem, at
		return s.metadataPage(c, http.StatusUnprocessableEntity, a, views.MetadataForm{Base: form.Get("base"), Version: version, Editor: editor})
	}
	if form.Get("merge") != "" && version == a.MetadataVersion {
		if mine, err = mergedMetadata(form, mine, a.Metadata); err != nil {
			return err
		}
	}
	err = c.store().SetMetadata(c.ctx(), c.actor, a.ID, store.MetadataEdit{Text: mine.String(), Version: version, Base: form.Get("base")})
	var problems backoffice.Problems
	var conflict *store.MetadataConflict
	switch {
	case errors.As(err, &conflict):
		return s.metadataConflict(c, a, conflict)
	case errors.As(err, &problems):
		editor.Problem = problems["metadata"]
		return s.metadataPage(c, http.StatusUnprocessableEntity, a, views.MetadataForm{Base: form.Get("base"), Version: version, Editor: editor})
	case err != nil:
		return err
	}
	return c.saved("/backoffice/accounts/"+url.PathEscape(a.ID), ui.ToastProps{Text: "Metadata saved."}, func() error {
		saved, err := c.store().Account(c.ctx(), a.ID)
		if err != nil {
			return err
		}
		scene := c.accountScene(saved)
		return c.changed(scene, metadataSection(scene), views.AccountMetadataID)
	})
}

// maxMetadataRows keeps a form in bounds; 16 KiB never hold that many keys.
const maxMetadataRows = 4000

// enteredRows fills the editor with what was typed.
func enteredRows(form url.Values) ui.MetadataProps {
	editor := ui.MetadataProps{ID: "metadata-editor", JSON: form.Get("json"), View: form.Get("view")}
	for i, key := range form["key"] {
		if i >= len(form["value"]) || i > maxMetadataRows {
			break
		}
		if value := form["value"][i]; key != "" || strings.TrimSpace(value) != "" {
			editor.Rows = append(editor.Rows, ui.Pair{Name: key, Value: value})
		}
	}
	return editor
}

// enteredMetadata reads the rows or the JSON of the form, whichever it says is
// meant. The problem is for the whole; at is the row that it is about, from 1.
func enteredMetadata(form url.Values, editor *ui.MetadataProps) (m backoffice.Metadata, problem string, at int) {
	if form.Get("view") == "json" || form.Get("view_json") != "" || form.Get("merge") != "" {
		editor.View = "json"
		m, err := backoffice.ParseMetadata(form.Get("json"), backoffice.MaxMetadataBytes)
		if err != nil {
			return m, err.Error(), 0
		}
		return m, "", 0
	}
	var keys, values []string
	for _, r := range editor.Rows {
		keys, values = append(keys, r.Name), append(values, r.Value)
	}
	m, problems := backoffice.ParseMetadataRows(keys, values, backoffice.MaxMetadataBytes)
	for i, key := range keys {
		for _, part := range []string{"key.", "value."} {
			if text := problems[part+strconv.Itoa(i)]; text != "" {
				if key != "" {
					text = key + ": " + text
				}
				return m, text, i + 1
			}
		}
	}
	if len(problems) > 0 {
		return m, problems.Err().Error(), 0
	}
	return m, "", 0
}

// mergedMetadata puts mine on top of what is stored by now, with the choices
// that were made for the keys that both changed.
func mergedMetadata(form url.Values, mine backoffice.Metadata, stored string) (backoffice.Metadata, error) {
	base, err := backoffice.ParseMetadata(form.Get("base"), backoffice.MaxMetadataBytes)
	if err != nil {
		return mine, badRequest(err)
	}
	theirs, err := backoffice.ParseMetadata(stored, backoffice.MaxMetadataBytes)
	if err != nil {
		return mine, err
	}
	merged, conflicts := backoffice.MergeMetadata(base, mine, theirs)
	chosen := map[string]bool{}
	for i, key := range form["choice_key"] {
		chosen[key] = form.Get("choice."+strconv.Itoa(i)) == "mine"
	}
	for _, key := range conflicts {
		if !chosen[key] {
			continue
		}
		value, ok := mine.Get(key)
		if !ok {
			merged = backoffice.RemoveMetadataKey(merged, key)
			continue
		}
		// The limit is asked for the whole, when it is saved.
		if merged, err = backoffice.SetMetadataKey(merged, key, value, 4*backoffice.MaxMetadataBytes); err != nil {
			return mine, err
		}
	}
	return merged, nil
}

func (s *server) metadataConflict(c *call, a backoffice.Account, conflict *store.MetadataConflict) error {
	who := "Somebody else"
	last, err := c.store().Events(c.ctx(), backoffice.EventFilter{Action: "account.metadata-changed", Account: a.ID}, "", 1)
	if err != nil {
		return err
	}
	if len(last.Rows) == 1 && last.Rows[0].ActorName != "" {
		who = last.Rows[0].ActorName
	}
	return s.metadataPage(c, http.StatusConflict, a, views.MetadataForm{Base: conflict.Base.String(), Version: conflict.Version,
		Merge: &views.MetadataMerge{Who: who, Mine: conflict.Mine.String(), Changes: conflict.Changes()}})
}
