package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/views"
)

func TestGraphAsFile(t *testing.T) {
	w := newSite(t)
	p := w.browser().get("/dev/views/graph.svg?accounts=300&open=all&by=users")
	if p.Status != http.StatusOK || p.Header.Get("Content-Type") != "image/svg+xml; charset=utf-8" || !strings.Contains(p.Body, "Users with all below") {
		t.Fatalf("%d %s", p.Status, p.Header.Get("Content-Type"))
	}
	if got := p.Header.Get("Content-Disposition"); got != `attachment; filename="accounts-nord-group.svg"` {
		t.Errorf("called %s", got)
	}
	if got := p.Header.Get("Content-Security-Policy"); got != views.TreeGraphPolicy || !strings.Contains(got, "style-src 'sha256-") {
		t.Errorf("policy %q", got)
	}
}

func TestGraphAnswersWithItsSectionAlone(t *testing.T) {
	w := newSite(t)
	p := w.browser().get("/dev/views/graph?accounts=12&q=cedar", "tree-graph")
	if p.Status != http.StatusOK || strings.Contains(p.Body, "<html") || !strings.HasPrefix(p.Body, "<section id=\"tree-graph\"") {
		t.Fatalf("%d %.80s", p.Status, p.Body)
	}
	if got := p.text(".graph-found"); got != "1 of 1 found" {
		t.Errorf("found: %q", got)
	}
}

func TestGraphOfManagedAccounts(t *testing.T) {
	eachReseller(t, func(t *testing.T, w *site) {
		textiles := w.below("nord", "Textiles")
		looms := w.below(textiles, "Looms")
		w.below("sued", "Canary of somebody else")
		hana := w.userIn("hana@nord.example", "nord")
		p := hana.get("/portal/accounts?view=graph")
		if got := p.texts(".graph .node-name"); p.Status != http.StatusOK || got != "Nord AG, Textiles" {
			t.Fatalf("%d: %s", p.Status, got)
		}
		// What is selected is shown, in the picture as in the table.
		p = hana.get(p.Find(`a[aria-label="Expand Textiles, 1"]`).AttrOr("href", ""))
		p = hana.get(p.Find(`[data-node="`+looms+`"] a`).AttrOr("href", ""))
		if got := p.text(".canvas-card h2"); got != "Looms" || !strings.Contains(p.text(".canvas-card"), "in Nord AG › Textiles") {
			t.Errorf("selected: %q", got)
		}
		if got := p.Find(".card-acts a").Last().AttrOr("href", ""); hana.get(got).Status != http.StatusOK || !strings.Contains(got, looms) {
			t.Errorf("Create New Account leads to %q", got)
		}
		table := hana.get(p.Find(".segments a").First().AttrOr("href", ""))
		if got := table.Find(`tr[aria-selected="true"]`).AttrOr("data-id", ""); got != looms {
			t.Errorf("the table selects %q", got)
		}
		graph := hana.get(table.Find(".segments a").Last().AttrOr("href", ""))
		if got := graph.Find(`[aria-selected="true"]`).AttrOr("data-node", ""); got != looms {
			t.Errorf("the picture selects %q", got)
		}
		file := hana.get(p.Find("a[download]").AttrOr("href", ""))
		if file.Status != http.StatusOK || file.Header.Get("Content-Type") != "image/svg+xml; charset=utf-8" || !strings.Contains(file.Body, ">Looms<") {
			t.Errorf("the file: %d %s", file.Status, file.Header.Get("Content-Type"))
		}
		for _, path := range []string{"/portal/accounts?view=graph&open=all&q=canary", "/portal/accounts.svg?open=all&q=canary"} {
			if p := hana.get(path); p.Status != http.StatusOK || strings.Contains(p.Body, "Canary of") {
				t.Errorf("%s: %d, or it tells of others", path, p.Status)
			}
		}
		other := w.userIn("hana@nord.example", "sued")
		for _, path := range []string{"/portal/accounts?view=graph", "/portal/accounts.svg"} {
			if p := other.get(path); p.Status != http.StatusNotFound {
				t.Errorf("who manages none, %s: %d", path, p.Status)
			}
		}
	})
}

func TestStaffSeeTheSameGraph(t *testing.T) {
	w := newSite(t)
	if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Nord AG", ID: "nord"}); err != nil {
		t.Fatal(err)
	}
	textiles := w.below("nord", "Textiles")
	p := w.browser().get("/backoffice/accounts/nord")
	p = p.b.get(p.Find("a[href$='/graph']").AttrOr("href", ""))
	if got := p.texts(".graph .node-name"); p.Status != http.StatusOK || got != "Nord AG, Textiles" {
		t.Fatalf("%d: %s", p.Status, got)
	}
	p = p.b.get(p.Find(`[data-node="`+textiles+`"] a`).AttrOr("href", ""))
	if got := p.Find("[data-graph-open]").AttrOr("href", ""); got != "/backoffice/accounts/"+textiles {
		t.Errorf("it opens %q", got)
	}
	if file := p.b.get(p.Find("a[download]").AttrOr("href", "")); file.Status != http.StatusOK || !strings.Contains(file.Body, ">Textiles<") {
		t.Errorf("the file: %d", file.Status)
	}
	if p := p.b.get("/backoffice/accounts/nobody/graph"); p.Status != http.StatusNotFound {
		t.Errorf("an account that is not there: %d", p.Status)
	}
}

func TestStaffSeeTheSameTable(t *testing.T) {
	w := newSite(t)
	if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Nord AG", ID: "nord"}); err != nil {
		t.Fatal(err)
	}
	textiles := w.below("nord", "Textiles")
	w.below(textiles, "Looms")
	p := w.browser().get("/backoffice/accounts/nord")
	p = p.b.get(p.Find("a[href$='/tree']").AttrOr("href", ""))
	if got := p.names(); p.Status != http.StatusOK || got != "Nord AG, Textiles" {
		t.Fatalf("%d: %s", p.Status, got)
	}
	if got := p.Find("tr[data-id='"+textiles+"'] a.cell-name").AttrOr("href", ""); got != "/backoffice/accounts/"+textiles {
		t.Errorf("it opens %q", got)
	}
	if strings.Contains(p.text("main"), "Create New Account") || strings.Contains(p.text("main"), "You are here") {
		t.Error("staff are offered what users do in their own account")
	}
	// Without script a button opens a level; with it the level comes alone.
	p = p.b.get("/backoffice/accounts/nord/tree?toggle=" + textiles)
	if got := p.names(); got != "Nord AG, Textiles, Looms" || p.URL.Path != "/backoffice/accounts/nord/tree" {
		t.Errorf("opened: %s at %s", got, p.URL)
	}
	if got := p.b.get("/backoffice/accounts/nord/tree?rows="+textiles, "account-tree").Body; !strings.Contains(got, "Looms") || strings.Contains(got, "<html") {
		t.Errorf("the rows alone: %.200s", got)
	}
	if got := p.b.get("/backoffice/accounts/nord/tree?q=loom").names(); got != "Looms" {
		t.Errorf("found: %s", got)
	}
	if p := p.b.get("/backoffice/accounts/nobody/tree"); p.Status != http.StatusNotFound {
		t.Errorf("an account that is not there: %d", p.Status)
	}
}
