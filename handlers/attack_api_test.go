package handlers_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/handlers/api"
)

// The API's addresses refuse what they do not take in words that a machine reads,
// alike for everybody; what is no address of the API stays not there, however it is
// written.
func TestAttack_T83_API(t *testing.T) {
	w := gateFor(t)
	w.staff("owner@vendor.example", backoffice.Owner)
	token := map[string]string{"Authorization": "Bearer " + w.token(string(backoffice.ScopeVisits))}
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "post", "CONNECTX"}
	problem := func(got answer, what string, status int) {
		t.Helper()
		var p struct {
			Title, Instance string
			Status          int
		}
		if kind := got.Header.Get("Content-Type"); got.Status != status || kind != "application/problem+json" {
			t.Errorf("%s: %d %s, want %d", what, got.Status, kind, status)
		} else if strings.HasPrefix(what, "HEAD ") {
			return
		} else if err := json.Unmarshal([]byte(got.Body), &p); err != nil || p.Status != status || p.Title == "" || p.Instance == "" {
			t.Errorf("%s: %v %s", what, err, got.Body)
		}
	}
	for _, e := range w.probe.Table() {
		if e.Scope == "" {
			continue
		}
		path, ok := address(e.Path, w.objectsFor(attacker{}).own)
		allow := api.Methods(path)
		if !ok || !slices.Contains(strings.Split(allow, ", "), e.Method) {
			t.Fatalf("%s takes %q", path, allow)
		}
		for _, method := range methods {
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			first := ""
			for _, header := range []map[string]string{nil, token, {"X-HTTP-Method-Override": "POST"}, {"Authorization": "Bearer nobody's"}} {
				got := w.raw(raw{method: method, path: path, header: header})
				problem(got, method+" "+path, http.StatusMethodNotAllowed)
				if got.Header.Get("Allow") != allow {
					t.Errorf("%s %s allows %q, want %q", method, path, got.Header.Get("Allow"), allow)
				}
				got.headers(t, method+" "+path)
				if body := got.same(); first == "" {
					first = body
				} else if body != first {
					t.Errorf("%s %s differs by who asks:\n%s\n\n%s", method, path, body, first)
				}
			}
		}
		for _, method := range append(methods, strings.Split(allow, ", ")...) {
			for _, trick := range []string{path + "/", path + "//", "/" + path, path + "/x", path + "%00", path + "%20", path + ";x", path + "%2f", path + ".", path + "/%2e%2e/visits",
				strings.ToUpper(path), strings.Replace(path, "/api", "/API", 1), strings.Replace(path, "/v1", "/./v1", 1), strings.Replace(path, "/v1", "/v2", 1),
				strings.Replace(path, "/v1/", "/v1%2f", 1), strings.Replace(path, "/v1/", "/v1%5c", 1), strings.TrimSuffix(path, "s")} {
				if api.Methods(trick) != "" {
					continue // only another ID at the end: an address like any other
				}
				if got := w.raw(raw{method: method, path: trick, header: token}); got.Status != http.StatusNotFound && got.Status != http.StatusBadRequest || got.Header.Get("Allow") != "" {
					t.Errorf("%s %s: %d, allows %q", method, trick, got.Status, got.Header.Get("Allow"))
				}
			}
		}
	}
	problem(w.raw(raw{method: "GET", path: "/api/v1/nothing", header: token}), "GET /api/v1/nothing", http.StatusNotFound)
}
