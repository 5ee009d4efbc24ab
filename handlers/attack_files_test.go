package handlers_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Forms with files take their files and the fields that they have: every column
// of the database beside them, before and behind the file, as a field and as a
// file, changes nothing.
func TestAttack_T04_FormsWithFiles(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		w.furnish()
		owner := w.staff("owner@vendor.example", backoffice.Owner)
		cookie, _ := w.sessionOf(owner)
		const canary = "987654321"
		columns := allColumns(t)
		send := func(path, field, file string, content []byte, plain map[string]string) answer {
			var b bytes.Buffer
			m := multipart.NewWriter(&b)
			all := func() {
				for _, c := range columns {
					for _, name := range []string{c, camel(c), "account." + c, "account[" + c + "]"} {
						if field == "logo" && name != c { // as much as a form with a picture may weigh
							continue
						}
						if name == field || plain[name] != "" || name == "users" || name == "visits" { // what the form has itself
							continue
						}
						m.WriteField(name, canary)
						if part, err := m.CreateFormFile(name, canary+".csv"); err == nil {
							part.Write([]byte(canary))
						}
					}
				}
			}
			all()
			for name, value := range plain {
				m.WriteField(name, value)
			}
			part, err := m.CreateFormFile(field, file)
			if err != nil {
				t.Fatal(err)
			}
			part.Write(content)
			if field != "logo" {
				all()
			}
			m.Close()
			return w.raw(raw{method: "POST", path: path, body: b.String(), cookies: map[string]string{"steward": cookie}, header: map[string]string{"Content-Type": m.FormDataContentType()}})
		}
		changed := func(before map[string][]string, what string, allowed ...string) {
			t.Helper()
			after := storetest.Dump(t, s)
			for _, line := range storetest.Differ(before, after) {
				table, row, _ := strings.Cut(strings.TrimLeft(line, "+- "), ": ")
				if !slices.Contains(allowed, table) || strings.Contains(row, `"`+canary+`"`) || strings.Contains(row, `:`+canary) {
					t.Errorf("%s changed %s", what, line)
				}
			}
		}

		before := storetest.Dump(t, s)
		var got answer
		every := columns
		for _, columns = range [][]string{every[:len(every)/2], every[len(every)/2:]} { // a form has a thousand parts at most
			got = send("/backoffice/accounts/sued/logo", "logo", "logo.png", asPNG(picture(20, 20)), nil)
			if got.Status >= 400 {
				t.Errorf("a logo beside half of the columns: %d", got.Status)
			}
		}
		columns = every
		if logo := w.raw(raw{method: "GET", path: "/backoffice/accounts/sued/logo", cookies: map[string]string{"steward": cookie}}); got.Status >= 400 || logo.Status != http.StatusOK {
			t.Errorf("a logo beside every column: %d, kept: %d", got.Status, logo.Status)
		}
		changed(before, "the form of the logo", "accounts", "account_logos", "events", "event_head", "staff_sessions")
		after, err := s.Account(ctx, "sued")
		if err != nil {
			t.Fatal(err)
		}
		if after.Name != "Süd Logistik" || after.IsReseller || after.ParentID != "" || after.PrimaryEmail != "uma@sued.example" || after.Website != "" {
			t.Errorf("the account beside its logo: %+v", after)
		}

		before = storetest.Dump(t, s)
		got = send("/backoffice/import", "accounts", "accounts.csv", []byte("id,name\nplanned,Planned\n"), nil)
		if !strings.HasPrefix(got.Header.Get("Location"), "/backoffice/import/") {
			t.Fatalf("a plan beside every column: %d %s", got.Status, got.Body)
		}
		changed(before, "the form of the import", "imports", "import_rows", "events", "event_head", "staff_sessions")
		run, err := s.Import(ctx, strings.TrimPrefix(got.Header.Get("Location"), "/backoffice/import/"))
		if err != nil {
			t.Fatal(err)
		}
		if run.State != backoffice.ImportPlanned || run.Strict || run.RowsDone != 0 || run.Counts.Accounts.Created != 1 || run.Counts.Users.Total()+run.Counts.Visits.Total() != 0 {
			t.Errorf("the plan: %+v", run)
		}

		// A column of the database that a file of accounts does not have is refused
		// by its name, and nothing of the file is planned.
		own := strings.Split("id,name,created_at,parent_id,website,primary_user_email,is_reseller,metadata", ",")
		before = storetest.Dump(t, s)
		for _, c := range columns {
			if slices.Contains(own, c) {
				continue
			}
			got := send("/backoffice/import", "accounts", "accounts.csv", []byte("id,name,"+c+"\nplanned,Planned,"+canary+"\n"), nil)
			if got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, c) {
				t.Errorf("a file with the column %s: %d", c, got.Status)
			}
		}
		w.unchanged(before, "a file with columns that accounts do not have", "imports") // where it stands as failed
	})
}
