package views

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"steward/backoffice"
	"steward/views/ui"
)

// AccountRows are the lines of the accounts list. The list is the page that is
// opened most, and its rows are most of it: they are appended to a buffer,
// byte for byte what accountRowsPlain draws. What needs script, the button that
// copies the ID and the one that opens the row's menu, is put there by script
// (rows.js), which adds the name to the checkbox's label as well: without it the
// name leads to the account, where all of it is.
type AccountRows struct {
	Rows    []backoffice.AccountRow
	Columns backoffice.AccountColumns
	Base    string
	Now     time.Time
	ByUsers bool // the list is sorted by users
}

var rowBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 128<<10); return &b }}

// Render writes the rows.
func (a AccountRows) Render(_ context.Context, w io.Writer) error {
	buf := rowBuffers.Get().(*[]byte)
	b := (*buf)[:0]
	for i := range a.Rows {
		b = a.appendRow(b, &a.Rows[i])
	}
	_, err := w.Write(b)
	*buf = b
	rowBuffers.Put(buf)
	return err
}

// Pieces that every row repeats.
var (
	rowEnd    = `<td class="w-menu"></td></tr>`
	rowSeller = `<span class="tag keep"><span class="cut"><bdi>Reseller</bdi></span></span>`
)

// longName is from where on a name is cut in most windows: it gets a title.
const longName = 40

func (a AccountRows) appendRow(b []byte, r *backoffice.AccountRow) []byte {
	// An ID is made of letters, digits and . _ : - @, and needs no escaping.
	b = append(b, `<tr`...)
	if r.IsReseller {
		b = append(b, ` data-flags="reseller"`...)
	}
	b = append(b, `><td class="w-check c-check"><input class="check" type="checkbox" name="id" value="`...)
	b = append(b, r.ID...)
	b = append(b, `" aria-label="Select"></td><td><div class="cell"><div class="cell-top"><a class="cell-name" href="`...)
	b = a.appendLink(b, r.ID)
	b = append(b, `" dir="auto"`...)
	if len(r.Name) > longName && utf8.RuneCountInString(r.Name) > longName {
		b = append(b, ` title="`...)
		b = ui.AppendEscaped(b, r.Name)
		b = append(b, '"')
	}
	b = append(b, `><bdi>`...)
	b = ui.AppendEscaped(b, r.Name)
	b = append(b, `</bdi></a> `...)
	if r.IsReseller {
		b = append(b, rowSeller...)
	}
	if r.ParentID != "" {
		b = append(b, `<a class="tag" href="`...)
		b = a.appendLink(b, r.ParentID)
		b = append(b, `"><span class="cut">in <bdi>`...)
		b = ui.AppendEscaped(b, r.ParentName)
		b = append(b, `</bdi></span></a>`...)
	}
	b = append(b, `</div><div class="cell-id"><span class="cut">`...)
	b = append(b, r.ID...)
	b = append(b, `</span></div><div class="cell-more cut"><span class="more-last">`...)
	b = a.appendSeen(b, r.LastVisit)
	if r.PrimaryEmail != "" {
		b = append(b, ` · `...)
	}
	b = append(b, `</span>`...)
	b = ui.AppendEscaped(b, r.PrimaryEmail)
	b = append(b, `</div></div></td>`...)
	if a.Columns.Has(backoffice.ColumnCreated) {
		b = append(b, `<td class="w-date c-created num nowrap">`...)
		b = ui.AppendDate(b, r.CreatedAt)
		b = append(b, `</td>`...)
	}
	if a.Columns.Has(backoffice.ColumnLastVisit) {
		b = append(b, `<td class="w-date c-last num nowrap">`...)
		switch {
		case r.LastVisit.IsZero():
			b = append(b, `<span class="soft">Never</span>`...)
		case dayOnly(r.LastVisit):
			b = a.appendSeen(b, r.LastVisit)
		default:
			b = ui.AppendTime(b, r.LastVisit, a.Now)
		}
		b = append(b, `</td>`...)
	}
	if a.Columns.Has(backoffice.ColumnVisits) {
		b = append(b, `<td class="`...)
		b = append(b, a.visitsClass()...)
		b = append(b, `"><span class="visits">`...)
		b = ui.AppendNumber(b, r.Visits)
		b = ui.AppendSpark(b, r.Recent[:], "visits")
		b = append(b, `</span></td>`...)
	}
	if a.Columns.Has(backoffice.ColumnUsers) {
		b = append(b, `<td class="`...)
		b = append(b, a.usersClass()...)
		b = append(b, `">`...)
		b = ui.AppendNumber(b, r.Users)
		b = append(b, `</td>`...)
	}
	if a.Columns.Has(backoffice.ColumnPrimaryUser) {
		b = append(b, `<td class="w-user c-user cut">`...)
		if r.PrimaryEmail == "" {
			b = append(b, `<span class="soft">None</span>`...)
		} else {
			b = ui.AppendEscaped(b, r.PrimaryEmail)
		}
		b = append(b, `</td>`...)
	}
	return append(b, rowEnd...)
}

func (a AccountRows) appendLink(b []byte, id string) []byte {
	b = ui.AppendEscaped(b, a.Base)
	b = append(b, "/backoffice/accounts/"...)
	return append(b, id...)
}

// dayOnly reports whether only the day of a visit is known: an import brings
// days, and midnight stands for one.
func dayOnly(t time.Time) bool { return t.Unix()%86400 == 0 && t.Nanosecond() == 0 }

// appendSeen writes when an account was last visited, without markup.
func (a AccountRows) appendSeen(b []byte, t time.Time) []byte {
	switch {
	case t.IsZero():
		return append(b, "Never visited"...)
	case !dayOnly(t):
		return ui.AppendAgo(b, t, a.Now)
	}
	switch days := backoffice.DayOf(a.Now) - backoffice.DayOf(t); {
	case days == 0:
		return append(b, "Today"...)
	case days == 1:
		return append(b, "Yesterday"...)
	case days > 1 && days < 7:
		return append(b, byte('0'+days), ' ', 'd', 'a', 'y', 's', ' ', 'a', 'g', 'o')
	}
	return ui.AppendDate(b, t)
}

func (a AccountRows) seen(t time.Time) string { return string(a.appendSeen(nil, t)) }

// On a phone there is room for one figure: the one that the list is sorted by.
func (a AccountRows) visitsClass() string {
	if a.ByUsers {
		return "w-visits c-mid right"
	}
	return "w-visits right"
}

func (a AccountRows) usersClass() string {
	if a.ByUsers {
		return "w-count right"
	}
	return "w-count c-mid right"
}

// Plain draws the rows without the appended loop, for the test that compares.
func (a AccountRows) plain() string {
	var b bytes.Buffer
	if err := accountRowsPlain(a).Render(context.Background(), &b); err != nil {
		return err.Error()
	}
	return b.String()
}
