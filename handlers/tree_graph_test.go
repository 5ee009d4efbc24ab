package handlers_test

import (
	"net/http"
	"strings"
	"testing"

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
