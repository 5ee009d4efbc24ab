package views

import (
	"strconv"

	"github.com/a-h/templ"

	"steward/backoffice"
	"steward/views/ui"
)

// MetadataForm is the page on which an account's metadata is read and changed.
type MetadataForm struct {
	Account   backoffice.AccountRef
	Ancestors []backoffice.AccountRef
	MayChange bool

	Text    string // as stored
	Base    string // as it was read first: what a conflict is told from
	Version int64
	Editor  ui.MetadataProps
	Merge   *MetadataMerge
	InPlace bool // it stands on the account's page, where its section stood

	// Of a user's metadata: the form's address and the page that it belongs to,
	// without the base path, and what is said under the title.
	Address, Back, About string
	Title                string
	Crumbs               []ui.Crumb
}

// MetadataMerge is what two people have changed since both read the same.
type MetadataMerge struct {
	Who     string
	Mine    string // the whole text that was to be saved
	Changes []backoffice.MetadataChange
}

// MetadataEditor fills the editor with what is stored.
func MetadataEditor(text string) ui.MetadataProps {
	p := ui.MetadataProps{ID: "metadata-editor", JSON: text}
	m, err := backoffice.ParseMetadata(text, backoffice.MaxMetadataBytes)
	if err != nil {
		p.View, p.Problem = "json", err.Error()
		return p
	}
	p.JSON = m.Indented()
	for _, e := range m.Entries() {
		p.Rows = append(p.Rows, ui.Pair{Name: e.Key, Value: e.RowText()})
	}
	return p
}

func (f MetadataForm) path(base string) string {
	if f.Address != "" {
		return base + f.Address
	}
	return AccountPath(base, f.Account.ID) + "/metadata"
}

// back is the page that the metadata belongs to.
func (f MetadataForm) back(base string) string {
	if f.Back != "" {
		return base + f.Back
	}
	return AccountPath(base, f.Account.ID)
}

// posts are the attributes of the form where it stands in place of its section.
func (f MetadataForm) posts(base string) templ.Attributes {
	if !f.InPlace {
		return nil
	}
	return ui.PostsSection(f.path(base), AccountMetadataID)
}

// swaps are those of a link to what takes the form's place.
func (f MetadataForm) swaps(href string) templ.Attributes {
	if !f.InPlace {
		return nil
	}
	return swaps(href, AccountMetadataID)
}

func (f MetadataForm) crumbs(base string) []ui.Crumb {
	return PolicyForm{Account: f.Account, Ancestors: f.Ancestors}.crumbsTo(base, "Metadata")
}

// choices are the keys that both changed: somebody has to decide.
func (m MetadataMerge) choices() []string {
	var keys []string
	for _, c := range m.Changes {
		if c.Side == backoffice.ChangedByBoth {
			keys = append(keys, c.Key)
		}
	}
	return keys
}

func (m MetadataMerge) choiceName(key string) string {
	for i, k := range m.choices() {
		if k == key {
			return "choice." + strconv.Itoa(i)
		}
	}
	return ""
}

func metadataSide(s backoffice.MetadataSide) string {
	switch s {
	case backoffice.ChangedByMe:
		return "Yours is kept"
	case backoffice.ChangedByThem:
		return "Theirs is kept"
	}
	return "The same"
}
