package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/views"
)

func TestMetadataRowsAndJSON(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "")
	b := w.browser()
	p := b.get("/backoffice/accounts/nord/metadata")
	p = p.submit("#metadata-form", url.Values{"key": {"plan", "seats", "crm", ""}, "value": {"team", "143", `{"owner": "Quinn"}`, ""}})
	if p.URL.Path != "/backoffice/accounts/nord" {
		t.Fatalf("%d at %s: %s", p.Status, p.URL, p.words("main"))
	}
	stored := func() string {
		a, err := w.store.Account(ctx, "nord")
		if err != nil {
			t.Fatal(err)
		}
		return a.Metadata
	}
	if got := stored(); got != `{"plan":"team","seats":143,"crm":{"owner":"Quinn"}}` {
		t.Errorf("rows: %s", got)
	}
	p = b.get("/backoffice/accounts/nord/metadata")
	p = p.submit("#metadata-form", url.Values{"key": {"plan", "plan"}, "value": {"team", "pro"}})
	if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.words("#metadata-editor-problem"), "plan: This key stands in another row already.") || p.Find("[name=key]").Eq(1).AttrOr("value", "") != "plan" {
		t.Errorf("twice: %d %q", p.Status, p.words("#metadata-editor-problem"))
	}
	p = p.submit("#metadata-form", url.Values{"view": {"json"}, "json": {`{"plan": "pro",}`}})
	if p.Status != http.StatusUnprocessableEntity || p.words("#metadata-editor-problem") == "" || !strings.Contains(p.Find("textarea").Text(), `{"plan": "pro",}`) {
		t.Errorf("bad JSON: %d %q", p.Status, p.words("#metadata-editor-problem"))
	}
	p.submit("#metadata-form", url.Values{"view": {"json"}, "json": {`{"plan": "pro", "seats": 144}`}})
	if got := stored(); got != `{"plan":"pro","seats":144}` {
		t.Errorf("JSON: %s", got)
	}
}

func TestMetadataConflictIsShownAndMerged(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "")
	if err := w.store.SetMetadata(ctx, *w.as, "nord", store.MetadataEdit{Text: `{"plan":"team","seats":143,"old":1}`, Version: 1}); err != nil {
		t.Fatal(err)
	}
	p := w.browser().get("/backoffice/accounts/nord/metadata")
	kofi := *w.as
	kofi.Name = "Kofi Novak"
	if err := w.store.SetMetadata(ctx, kofi, "nord", store.MetadataEdit{Text: `{"plan":"pro","seats":143,"theirs":true}`, Version: 2}); err != nil {
		t.Fatal(err)
	}
	p = p.submit("#metadata-form", url.Values{"key": {"plan", "seats", "old", "mine"}, "value": {"enterprise", "144", "1", "x"}})
	if p.Status != http.StatusConflict || !strings.Contains(p.words(".notice"), "Kofi Novak saved this metadata") {
		t.Fatalf("%d %q", p.Status, p.words(".notice"))
	}
	table := p.words("#metadata-merge table")
	for _, want := range []string{`plan "team" "enterprise" "pro"`, `seats 143 144 143 Yours is kept`, `theirs not there not there true Theirs is kept`} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is not in %q", want, table)
		}
	}
	p = p.submit("#metadata-merge", url.Values{"choice.0": {"mine"}})
	a, _ := w.store.Account(ctx, "nord")
	if a.Metadata != `{"plan":"enterprise","seats":144,"theirs":true,"mine":"x"}` {
		t.Errorf("%d merged: %s", p.Status, a.Metadata)
	}
}

func TestMetadataForWhoMayNotChangeIt(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "")
	if err := w.store.SetMetadata(ctx, *w.as, "nord", store.MetadataEdit{Text: `{"plan":"team"}`, Version: 1}); err != nil {
		t.Fatal(err)
	}
	w.as.Role = backoffice.Viewer
	p := w.browser().get("/backoffice/accounts/nord/metadata")
	if p.words("#metadata-reading") != `plan "team"` || p.Find("main form, main button").Length() != 0 {
		t.Errorf("%d %q", p.Status, p.words("main"))
	}
}

// Metadata that would be a script, or that a parser would choke on, goes in and
// out as it is and is shown as text (T-57).
func TestAttack_T57(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "")
	b := w.browser()
	deep := strings.Repeat("[", 900) + strings.Repeat("]", 900)
	hostile := `{"</script><script>alert(1)</script>":"</script><img src=x onerror=alert(1)>","__proto__":{"polluted":true},"constructor":1e999,"nul":"\u0000","lone":"\ud83d","deep":` + deep + `}`
	p := b.get("/backoffice/accounts/nord/metadata")
	p = p.submit("#metadata-form", url.Values{"view": {"json"}, "json": {hostile}})
	a, err := w.store.Account(ctx, "nord")
	if err != nil || a.Metadata != hostile {
		t.Fatalf("%d stored %s, %v", p.Status, a.Metadata, err)
	}
	for _, path := range []string{"/backoffice/accounts/nord/metadata", "/backoffice/accounts/nord", "/backoffice/audit"} {
		p = b.get(path)
		if p.Status != http.StatusOK || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") || p.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %s", path, p.Status, p.Header)
		}
		if strings.Contains(p.Body, "<script>alert") || p.Find("img").Length() != 0 {
			t.Errorf("%s: metadata became markup", path)
		}
	}
	// The editor gives back what it was given.
	p = b.get("/backoffice/accounts/nord/metadata").submit("#metadata-form", nil)
	if a, _ := w.store.Account(ctx, "nord"); a.Metadata != hostile {
		t.Errorf("%d after saving the rows unchanged: %s", p.Status, a.Metadata)
	}
	for _, bad := range []string{"{\"a\":\"\x00\"}", "{\"a\":\"\xff\"}", strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000), "[]", `{"a":NaN}`} {
		p := b.get("/backoffice/accounts/nord/metadata").submit("#metadata-form", url.Values{"view": {"json"}, "json": {bad}})
		if p.Status != http.StatusUnprocessableEntity && p.Status != http.StatusBadRequest {
			t.Errorf("%.20q: %d", bad, p.Status)
		}
	}
}

// With script the editor takes the place of its section on the account's page,
// and so does what two people changed.
func TestMetadataIsChangedInPlace(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "")
	if err := w.store.SetMetadata(ctx, *w.as, "nord", store.MetadataEdit{Text: `{"plan":"team"}`, Version: 1}); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	const id = views.AccountMetadataID
	edit := b.get("/backoffice/accounts/nord").Find("#metadata a[data-edits]")
	if edit.AttrOr("hx-get", "") != "/backoffice/accounts/nord/metadata" || edit.AttrOr("href", "") != edit.AttrOr("hx-get", "") {
		t.Fatalf("the link to the form: %v", edit.Nodes)
	}
	p := b.get(edit.AttrOr("hx-get", ""), id)
	if p.Find("section#metadata #metadata-form").AttrOr("hx-target", "") != "#metadata" {
		t.Fatalf("%d %.300s", p.Status, p.Body)
	}
	refused := p.submit("#metadata-form", url.Values{"view": {"json"}, "json": {`{"plan": "pro",}`}}, id)
	if refused.Status != http.StatusUnprocessableEntity || !strings.Contains(refused.text("section#metadata textarea"), `{"plan": "pro",}`) {
		t.Fatalf("refused: %d %.300s", refused.Status, refused.Body)
	}
	saved := p.submit("#metadata-form", url.Values{"view": {"json"}, "json": {`{"plan": "pro"}`}}, id)
	if saved.Status != http.StatusOK || saved.Find("section#metadata form").Length() != 0 || !strings.Contains(saved.text("section#metadata"), `"pro"`) || !strings.Contains(saved.Body, "Metadata saved.") {
		t.Fatalf("saved: %d %.300s", saved.Status, saved.Body)
	}
	both := p.submit("#metadata-form", url.Values{"view": {"json"}, "json": {`{"plan": "enterprise"}`}}, id)
	if both.Status != http.StatusConflict || both.Find("section#metadata #metadata-merge").Length() != 1 {
		t.Fatalf("both changed it: %d %.300s", both.Status, both.Body)
	}
	merged := both.submit("#metadata-merge", url.Values{"choice.0": {"mine"}}, id)
	if merged.Status != http.StatusOK || !strings.Contains(merged.text("section#metadata"), `"enterprise"`) {
		t.Fatalf("merged: %d %.300s", merged.Status, merged.Body)
	}
}
