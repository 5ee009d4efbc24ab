package views

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

// The appended loop and the template draw the same bytes.
func TestAccountRowsPlain(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	row := func(id, name, email, parent string, reseller bool, last time.Time) backoffice.AccountRow {
		r := backoffice.AccountRow{ID: id, Name: name, PrimaryEmail: email, IsReseller: reseller, CreatedAt: now.Add(-1234567 * time.Second)}
		if parent != "" {
			r.ParentID, r.ParentName = "p-1", parent
		}
		r.Visits, r.Users, r.LastVisit = 1234567, 6, last
		for i := range r.Recent {
			r.Recent[i] = uint16(i * i % 17)
		}
		return r
	}
	rows := []backoffice.AccountRow{
		row("nord-group", "Nord Group", "hana@nord.example", "", true, now.Add(-4*time.Minute)),
		row("a", `<b>"Bold" & 'brave'</b>`, "", `<i>`, false, time.Time{}),
		row("f8fdd208-5434-4156-b637-a4685d385e06", strings.Repeat("名", 200), "x@y.example", "אבגד בע״מ", true, now.Truncate(24*time.Hour)),
		row("x:1@y", "שלום", "x@y.example", "", false, now.Truncate(24*time.Hour).AddDate(0, 0, -1)),
		row("y", "Old", "x@y.example", "", false, now.Truncate(24*time.Hour).AddDate(0, 0, -3)),
		row("z", strings.Repeat("n", 41), "x@y.example", "", false, now.Truncate(24*time.Hour).AddDate(0, 0, -300)),
		{ID: "empty", CreatedAt: now},
	}
	for _, columns := range []backoffice.AccountColumns{backoffice.UsualColumns, backoffice.ColumnName, backoffice.UsualColumns | backoffice.ColumnUsers} {
		for _, byUsers := range []bool{false, true} {
			a := AccountRows{Rows: rows, Columns: columns, Base: "/crm", Now: now, ByUsers: byUsers}
			var b bytes.Buffer
			if err := a.Render(context.Background(), &b); err != nil {
				t.Fatal(err)
			}
			if got, want := b.String(), a.plain(); got != want {
				i := 0
				for i < min(len(got), len(want)) && got[i] == want[i] {
					i++
				}
				t.Fatalf("columns %b: appended\n…%.200s\ntemplate\n…%.200s", columns, got[max(0, i-80):], want[max(0, i-80):])
			}
		}
	}
}

func BenchmarkAccountRows(b *testing.B) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	a := AccountRows{Columns: backoffice.UsualColumns, Now: now}
	for i := range backoffice.PageSize {
		r := backoffice.AccountRow{ID: "f8fdd208-5434-4156-b637-a4685d385e06", Name: "Nord Textiles", PrimaryEmail: "hana@nord.example", CreatedAt: now, Engagement: backoffice.Engagement{Visits: 1234, LastVisit: now.Add(-time.Hour)}}
		for d := range r.Recent {
			r.Recent[d] = uint16((i + d*7) % 13)
		}
		a.Rows = append(a.Rows, r)
	}
	var out bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		a.Render(context.Background(), &out)
	}
}
