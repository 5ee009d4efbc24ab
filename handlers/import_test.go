package handlers_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"

	"steward/backoffice"
)

// importFiles sends the form of the page "Import": a file for each name that has
// a text, and the fields of the page in its order.
func (b *browser) importFiles(texts map[string]string, strict bool) *shown {
	b.t.Helper()
	form := b.get("/backoffice/import")
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for _, kind := range []string{"accounts", "users", "visits"} {
		form.has(b.t, `#import-form input[type=file][name=`+kind+`]`)
		name := ""
		if texts[kind] != "" {
			name = kind + ".csv"
		}
		part, err := m.CreateFormFile(kind, name)
		if err != nil {
			b.t.Fatal(err)
		}
		part.Write([]byte(texts[kind]))
	}
	if strict {
		form.has(b.t, `#import-form input[type=checkbox][name=strict]`)
		m.WriteField("strict", "on")
	}
	m.Close()
	req, _ := http.NewRequest(http.MethodPost, b.absolute("/backoffice/import"), &body)
	req.Header.Set("Content-Type", m.FormDataContentType())
	return b.do(req, nil)
}

func customerFiles(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, kind := range []string{"accounts", "users", "visits"} {
		b, err := os.ReadFile("../store/testdata/customers/" + kind + ".csv")
		if err != nil {
			t.Fatal(err)
		}
		texts[kind] = string(b)
	}
	return texts
}

func TestImportPage(t *testing.T) {
	w := newSite(t)
	b := w.browser()
	if p := b.get("/backoffice/import"); p.Status != http.StatusOK || !strings.Contains(p.text("#import-history"), "None yet") {
		t.Fatalf("the empty page: %d %s", p.Status, p.text("main"))
	}
	plan := b.importFiles(customerFiles(t), false)
	if plan.Status != http.StatusOK || !strings.HasPrefix(plan.URL.Path, "/backoffice/import/") || !strings.Contains(plan.text("#import-progress"), "21 rows are refused") {
		t.Fatalf("the plan: %d %s\n%s", plan.Status, plan.URL, plan.text("main"))
	}
	if n := plan.Find("#import-lines tbody tr").Length(); n != 21 {
		t.Errorf("%d refused rows shown", n)
	}
	if got := plan.text("#import-figures tbody tr:nth-child(1)"); got != "Accounts400010" {
		t.Errorf("figures %q", got)
	}
	if a, _ := w.store.Totals(ctx); a.Accounts != 0 {
		t.Error("a plan has made accounts")
	}
	path := plan.URL.Path
	if p := b.get(path + "?q=ouroboros"); p.Find("#import-lines tbody tr").Length() != 1 {
		t.Errorf("search: %s", p.text("#import-lines"))
	}
	if p := b.get(path+"?kind=visits&action=create", "import-lines"); p.Find("tbody tr").Length() == 0 || p.Find("#import-figures").Length() != 0 {
		t.Errorf("the lines alone: %s", p.Body)
	}
	csv := b.get(path + "/refused.csv")
	if !strings.HasPrefix(csv.Body, "\ufefffile,line,column,value,reason\naccounts.csv,43,id,") || strings.Count(csv.Body, "\n") != 22 {
		t.Errorf("refused rows as CSV:\n%s", csv.Body)
	}
	applied := plan.submit(`form[action$="/application"]`, nil)
	if !strings.Contains(applied.text("#import-progress"), "Applied. 40 accounts, 184 users, 191 memberships, 1 764 visits new.") {
		t.Fatalf("applied: %s", applied.text("#import-progress"))
	}
	// A second click, in another window.
	if again := plan.submit(`form[action$="/application"]`, nil); !strings.Contains(again.text("#toasts"), "not in that state any more") {
		t.Errorf("applied twice: %s", again.text("#toasts"))
	}
	second := b.importFiles(customerFiles(t), true)
	if !strings.Contains(second.text("#import-progress"), "Nothing can be applied: 21 rows are refused.") || second.Find(`form[action$="/application"]`).Length() != 0 {
		t.Errorf("strict: %s", second.text("#import-progress"))
	}
	if p := second.submit(`form[action$="/discarding"]`, nil); !strings.Contains(p.text("#toasts"), "discarded") || p.Find("#import-history tbody tr").Length() != 1 {
		t.Errorf("discarded: %s", p.text("main"))
	}
	undo := b.get(path).Find(`a[href$="/reversal"]`)
	if dialog := b.get(undo.AttrOr("hx-get", ""), "dialog"); dialog.Find("dialog[data-open] form").AttrOr("action", "") != undo.AttrOr("href", "") || !strings.Contains(dialog.text("dialog"), "Applied: 40 accounts, 184 users") {
		t.Errorf("the dialog: %s", dialog.Body)
	}
	undone := b.get(undo.AttrOr("href", "")).submit(`form[action$="/reversal"]`, nil)
	if !strings.Contains(undone.text("#import-progress"), "This import was undone.") {
		t.Errorf("undone: %s", undone.text("#import-progress"))
	}
	if p := b.get(undo.AttrOr("href", "")); p.Find(`form[action$="/reversal"]`).Length() != 0 || p.URL.Path != path {
		t.Errorf("undone twice: %s", p.URL)
	}
	if a, _ := w.store.Totals(ctx); a.Accounts != 0 || a.Users != 0 {
		t.Errorf("left: %+v", a)
	}
	refused := b.importFiles(map[string]string{"users": "email,colour\n"}, true)
	if refused.Status != http.StatusUnprocessableEntity || !strings.Contains(refused.text("#import-users-problem"), "users.csv, line 1: There is no column “colour”.") ||
		refused.Find(`#import-strict[checked]`).Length() != 1 {
		t.Errorf("an unknown column: %d %s", refused.Status, refused.text("#import-form"))
	}
	if p := b.importFiles(nil, false); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.text("#import-form"), "Choose at least one file.") {
		t.Errorf("no file: %d %s", p.Status, p.text("#import-form"))
	}
	w.as.Role = backoffice.Viewer
	for _, path := range []string{"/backoffice/import", path, path + "/refused.csv"} {
		if p := b.get(path); p.Status != http.StatusForbidden {
			t.Errorf("%s for a viewer: %d", path, p.Status)
		}
	}
}

// A large upload is read as it comes: what the process holds does not grow with
// the file.
func TestImportUploadIsStreamed(t *testing.T) {
	w := newSite(t)
	var accounts strings.Builder
	accounts.WriteString("id,name\n")
	for i := range 30_000 {
		fmt.Fprintf(&accounts, "a%d,%s\n", i, strings.Repeat("x", 100))
	}
	p := w.browser().importFiles(map[string]string{"accounts": accounts.String()}, false)
	if p.Status != http.StatusOK || !strings.Contains(p.text("#import-figures"), "30 000") {
		t.Errorf("%d %s", p.Status, p.text("main"))
	}
	if next, ok := p.Find(`#import-rows a[rel=next]`).Attr("href"); !ok {
		t.Error("one page only")
	} else if second := w.browser().get(next); second.Find("#import-lines tbody tr").Length() != backoffice.PageSize {
		t.Errorf("the second page: %s", second.text("#import-lines"))
	}
}
