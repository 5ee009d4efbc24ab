package views

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"steward/backoffice"
	"steward/views/ui"
)

// UserRows are the lines of the list of users, appended to a buffer as those of
// accounts are, byte for byte what userRowsPlain draws.
type UserRows struct {
	Rows []backoffice.UserRow
	Base string
	Now  time.Time
}

// Render writes the rows.
func (u UserRows) Render(_ context.Context, w io.Writer) error {
	buf := rowBuffers.Get().(*[]byte)
	b := (*buf)[:0]
	for i := range u.Rows {
		b = u.appendRow(b, &u.Rows[i])
	}
	_, err := w.Write(b)
	*buf = b
	rowBuffers.Put(buf)
	return err
}

var (
	rowLocked  = `<span class="tag keep" data-tone="bad">` + string(ui.AppendIcon(nil, "lock")) + `<span class="cut"><bdi>Locked</bdi></span></span>`
	rowYes     = `<span class="state" data-state="good">` + string(ui.AppendIcon(nil, "circle-check")) + `Yes</span>`
	rowNo      = `<span class="state" data-state="idle">` + string(ui.AppendIcon(nil, "circle-dashed")) + `No</span>`
	rowNothing = `<span class="soft">None</span>`
)

func (u UserRows) appendRow(b []byte, r *backoffice.UserRow) []byte {
	// An ID is made of letters, digits and -, and needs no escaping.
	name, under := userCell(r)
	b = append(b, `<tr`...)
	if r.Locked {
		b = append(b, ` data-flags="locked"`...)
	}
	b = append(b, `><td class="w-check c-check"><input class="check" type="checkbox" name="id" value="`...)
	b = append(b, r.ID...)
	b = append(b, `" aria-label="Select"></td><td><div class="cell"><div class="cell-top"><a class="cell-name" href="`...)
	b = u.appendLink(b, r.ID)
	b = append(b, `" dir="auto"`...)
	if len(name) > longName && utf8.RuneCountInString(name) > longName {
		b = append(b, ` title="`...)
		b = ui.AppendEscaped(b, name)
		b = append(b, '"')
	}
	b = append(b, `><bdi>`...)
	b = ui.AppendEscaped(b, name)
	b = append(b, `</bdi></a> `...)
	if r.Locked {
		b = append(b, rowLocked...)
	}
	b = append(b, `</div><div class="cell-id"><span class="cut">`...)
	b = ui.AppendEscaped(b, under)
	b = append(b, `</span></div><div class="cell-more cut">`...)
	b = ui.AppendNumber(b, r.Accounts)
	if r.Accounts == 1 {
		b = append(b, ` account · `...)
	} else {
		b = append(b, ` accounts · `...)
	}
	b = u.appendRoles(b, r)
	b = append(b, `</div></div></td><td class="w-date c-broad num nowrap">`...)
	b = ui.AppendDate(b, r.CreatedAt)
	b = append(b, `</td><td class="w-count c-mid right">`...)
	b = ui.AppendNumber(b, r.Accounts)
	b = append(b, `</td><td class="w-apps c-wide"><div class="cut">`...)
	if len(r.Applications) == 0 {
		b = append(b, rowNothing...)
	} else {
		b = appendNames(b, r.Applications)
	}
	b = append(b, `</div></td><td class="w-roles c-wide"><div class="cut">`...)
	if len(r.Roles) == 0 {
		b = append(b, rowNothing...)
	} else {
		b = u.appendRoles(b, r)
	}
	b = append(b, `</div></td><td class="w-flag c-wide">`...)
	if r.Verified {
		b = append(b, rowYes...)
	} else {
		b = append(b, rowNo...)
	}
	b = append(b, `</td><td class="w-flag c-wide">`...)
	if m := factorsText(r.Factors); m == "" {
		b = append(b, rowNothing...)
	} else {
		b = append(b, m...)
	}
	b = append(b, `</td><td class="w-date num nowrap">`...)
	switch {
	case r.LastVisit.IsZero():
		b = append(b, `<span class="soft">Never</span>`...)
	case dayOnly(r.LastVisit):
		b = AccountRows{Now: u.Now}.appendSeen(b, r.LastVisit)
	default:
		b = ui.AppendTime(b, r.LastVisit, u.Now)
	}
	b = append(b, `</td><td class="w-count c-mid right">`...)
	b = ui.AppendNumber(b, r.Days)
	b = append(b, `</td>`...)
	return append(b, rowEnd...)
}

// userCell is what stands for a user: the name over the address, or the address
// over the ID of who has no name.
func userCell(r *backoffice.UserRow) (name, under string) {
	if r.Name == "" {
		return r.Email, r.ID
	}
	return r.Name, r.Email
}

func (u UserRows) appendLink(b []byte, id string) []byte {
	b = ui.AppendEscaped(b, u.Base)
	b = append(b, UsersPath+"/"...)
	return append(b, id...)
}

func (u UserRows) link(id string) string { return u.Base + UsersPath + "/" + id }

func (u UserRows) appendRoles(b []byte, r *backoffice.UserRow) []byte {
	if len(r.Roles) == 0 {
		return append(b, "no roles"...)
	}
	return appendNames(b, r.Roles)
}

func appendNames(b []byte, names []string) []byte {
	for i, name := range names {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = ui.AppendEscaped(b, name)
	}
	return b
}

func rolesText(r backoffice.UserRow) string {
	if len(r.Roles) == 0 {
		return "no roles"
	}
	return strings.Join(r.Roles, ", ")
}

// factorsText names second factors: "App, passkey"; "" for none.
func factorsText(m backoffice.MFAMethods) string {
	app, key := m&backoffice.AuthenticatorApp != 0, m&backoffice.Passkey != 0
	switch {
	case app && key:
		return "App, passkey"
	case app:
		return "App"
	case key:
		return "Passkey"
	}
	return ""
}

// plain draws the rows without the appended loop, for the test that compares.
func (u UserRows) plain() string {
	var b bytes.Buffer
	if err := userRowsPlain(u).Render(context.Background(), &b); err != nil {
		return err.Error()
	}
	return b.String()
}
