package handlers_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
)

func (w *site) trail() *browser {
	w.t.Helper()
	w.create("Nord Textiles", "nord", "")
	w.create(`=HYPERLINK("http://evil")`, "evil", "")
	kofi := *w.as
	kofi.Name, kofi.ID, kofi.Address = "Kofi Novak", "staff-kofi", "192.0.2.7"
	for _, err := range []error{
		w.store.SavePolicy(ctx, kofi, "nord", backoffice.PolicyRules{History: backoffice.Some(3)}, 0),
		w.store.SavePolicy(ctx, kofi, "nord", backoffice.PolicyRules{History: backoffice.Some(5)}, 1),
		w.store.SetMetadata(ctx, kofi, "nord", store.MetadataEdit{Text: `{"<b>bold</b>":"</td><script>alert(1)</script>"}`, Version: 1}),
	} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return w.browser()
}

func TestAuditTrail(t *testing.T) {
	w := newSite(t)
	b := w.trail()
	p := b.get("/backoffice/audit")
	rows := p.Find("#events-list tr[id]")
	if p.Status != http.StatusOK || rows.Length() != 5 {
		t.Fatalf("%d with %d rows", p.Status, rows.Length())
	}
	if got := strings.Join(strings.Fields(rows.Eq(1).Find("summary").Text()), " "); got != "Kofi Novak set Password history to the last 5, before: the last 3" {
		t.Errorf("sentence: %q", got)
	}
	if got := rows.Eq(1).Find("del").Text() + " > " + rows.Eq(1).Find("ins").Text(); got != "Last 3 > Last 5" {
		t.Errorf("diff: %q", got)
	}
	if rows.Eq(1).Find("a[href='/backoffice/accounts/nord']").Length() != 1 || !strings.Contains(rows.Eq(1).Text(), "192.0.2.7") {
		t.Error("the object's link or the address is missing")
	}
	if p.Find("#events-list script, #events-list b").Length() != 0 || !strings.Contains(rows.Eq(0).Find("ins").Text(), "</td><script>alert(1)</script>") {
		t.Error("what was changed is not shown as text")
	}
	for query, want := range map[string]int{"q=kofi": 3, "action=policy.": 2, "actor=staff-kofi": 3, "account=nord": 4, "from=2026-11-21": 0, "to=2026-11-20": 5, "q=nothing+like+it": 0, "action=account.&actor=staff-ada": 2} {
		if n := b.get("/backoffice/audit?" + query).Find("#events-list tr[id]").Length(); n != want {
			t.Errorf("%s: %d rows, want %d", query, n, want)
		}
	}
	if got := b.get("/backoffice/audit?from=yesterday").words(".notice"); !strings.Contains(got, "yesterday") {
		t.Errorf("a day that is none: %q", got)
	}
	part := b.get("/backoffice/audit?q=kofi", "events-list")
	if part.Find("main").Length() != 0 || part.Find("#events-list tr[id]").Length() != 3 {
		t.Error("htmx gets more, or less, than the list")
	}
	one := b.get(rows.Eq(1).Find(".event-acts a").AttrOr("href", ""))
	if one.Status != http.StatusOK || one.words("h1") != "Entry 4" || !strings.Contains(one.words(".event-line"), "Kofi Novak set Password history") {
		t.Errorf("permanent link: %d %q", one.Status, one.words("main"))
	}
	if p := b.get("/backoffice/audit/nothing"); p.Status != http.StatusNotFound {
		t.Errorf("no such entry: %d", p.Status)
	}
}

func TestAuditTrailVerification(t *testing.T) {
	w := newSite(t)
	b := w.trail()
	p := b.get("/backoffice/audit")
	if !strings.Contains(p.words("#trail-state"), "not been verified yet") {
		t.Errorf("before: %q", p.words("#trail-state"))
	}
	p = p.submit("#trail-state form", nil)
	if p.Status != http.StatusOK || !strings.Contains(p.words("#trail-state"), "Chain verified: 5 entries") {
		t.Errorf("after: %d %q", p.Status, p.words("#trail-state"))
	}
	w.as.Role = backoffice.Viewer
	p = b.get("/backoffice/audit")
	if p.Find("main form[method=post], main form:not([method=get])").Length() != 0 {
		t.Error("a viewer has something to post")
	}
}

func TestAuditTrailOffersToUndoADeletion(t *testing.T) {
	w := newSite(t)
	w.create("Nord Textiles", "nord", "")
	if _, err := w.store.DeleteAccount(ctx, *w.as, "nord", "Nord Textiles", false); err != nil {
		t.Fatal(err)
	}
	b := w.browser()
	p := b.get("/backoffice/audit").submit(".event-acts form", nil)
	if _, err := w.store.Account(ctx, "nord"); err != nil {
		t.Fatalf("%d: %v", p.Status, err)
	}
	if n := b.get("/backoffice/audit").Find(".event-acts form").Length(); n != 0 {
		t.Error("what was undone can be undone again")
	}
}

func TestAuditTrailAsCSV(t *testing.T) {
	w := newSite(t)
	b := w.trail()
	p := b.get("/backoffice/audit.csv?" + url.Values{"action": {"account."}}.Encode())
	if !strings.HasPrefix(p.Header.Get("Content-Type"), "text/csv") || !strings.Contains(p.Header.Get("Content-Disposition"), "audit-trail-2026-11-20.csv") {
		t.Errorf("headers: %v", p.Header)
	}
	lines, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(p.Body, "\ufeff"))).ReadAll()
	if err != nil || len(lines) != 4 || lines[0][1] != "What happened" {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for _, line := range lines[1:] {
		for _, cell := range line {
			if strings.HasPrefix(cell, "=") {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
	if lines[2][8] != `'=HYPERLINK("http://evil")` || !strings.Contains(lines[1][12], "alert(1)") {
		t.Errorf("cells: %q", lines[1:3])
	}
	if empty := b.get("/backoffice/audit.csv?q=nothing+like+it"); strings.Count(empty.Body, "\n") != 1 {
		t.Errorf("nothing found: %q", empty.Body)
	}
}
