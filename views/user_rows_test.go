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
func TestUserRowsPlain(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	u := UserRows{Base: "/crm", Now: now, Rows: []backoffice.UserRow{
		{User: backoffice.User{ID: "f8fdd208-5434-4156-b637-a4685d385e06", Email: "ana@nord.example", Name: `<b>"Ana" & 'Co'</b>`, CreatedAt: now, Verified: true, Locked: true},
			Factors: backoffice.AuthenticatorApp | backoffice.Passkey, Accounts: 3, Roles: []string{"Admin", "<i>"}, Applications: []string{"Ledger", "R&D"}, LastVisit: now.Add(-time.Minute), Days: 1234},
		{User: backoffice.User{ID: "a", Email: "x@y.example", CreatedAt: now}, Factors: backoffice.Passkey, LastVisit: now.Truncate(24 * time.Hour)},
		{User: backoffice.User{ID: "b", Email: "x@y.example", Name: strings.Repeat("名", 60), CreatedAt: now}, Factors: backoffice.AuthenticatorApp, Accounts: 1},
	}}
	var b bytes.Buffer
	if err := u.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), u.plain(); got != want {
		i := 0
		for i < min(len(got), len(want)) && got[i] == want[i] {
			i++
		}
		t.Fatalf("appended\n…%.200s\ntemplate\n…%.200s", got[max(0, i-80):], want[max(0, i-80):])
	}
}
