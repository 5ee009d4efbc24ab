package handlers_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestFrame(t *testing.T) {
	w := newSite(t)
	p := w.browser().get("/dev/views")
	if p.Status != http.StatusOK || !strings.Contains(p.text("title"), "Production") {
		t.Fatalf("%d %s", p.Status, p.text("title"))
	}
	if got := p.text(".side a[href='/backoffice/accounts']"); got != "Accounts 0" {
		t.Errorf("navigation: %q", got)
	}
	missing := w.browser().get("/backoffice/nothing")
	if missing.Status != http.StatusNotFound || missing.text("h1") != "Page not found" {
		t.Errorf("missing page: %d %q", missing.Status, missing.text("h1"))
	}
}
