package handlers_test

import (
	"strings"
	"testing"

	"steward/backoffice"
)

func TestAccountsAPI(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		cli := backoffice.CommandLine()
		for _, id := range []string{"nord", "gone"} {
			if _, err := w.store.CreateAccount(ctx, cli, backoffice.NewAccount{Name: strings.ToUpper(id), ID: id}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.store.DeleteAccount(ctx, cli, "gone", "GONE", false); err != nil {
			t.Fatal(err)
		}
		token := w.token("accounts:write")
		put := func(token, id, body string) answer {
			t.Helper()
			return w.raw(raw{method: "PUT", path: "/api/v1/accounts/" + id, body: body, header: map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}})
		}
		reseller := func() bool {
			t.Helper()
			a, err := w.store.Account(ctx, "nord")
			if err != nil {
				t.Fatal(err)
			}
			return a.IsReseller
		}
		for i, body := range []string{`{"isReseller": true}`, `{"isReseller": true}`, `{}`} {
			if got := put(token, "nord", body); got.Status != 200 || strings.TrimSpace(got.Body) != `{"id":"nord","name":"NORD","isReseller":true}` || !reseller() {
				t.Errorf("%d: %d %s", i, got.Status, got.Body)
			}
		}
		events, err := w.store.Events(ctx, backoffice.EventFilter{Account: "nord"}, "", 10)
		if err != nil || len(events.Rows) != 2 {
			t.Errorf("twice the same is one act: %d events, %v", len(events.Rows), err)
		}
		for _, c := range []struct {
			body, want string
			status     int
		}{
			{`{"isReseller": false, "name": "X"}`, `"field":"name"`, 422},
			{`{"isReseller": "no"}`, `"field":"isReseller"`, 422},
			{`{"isReseller": null}`, `"field":"isReseller"`, 422},
			{`{"isReseller": false, "isReseller": true}`, "twice", 400},
			{`[]`, "object", 400},
			{`{"isReseller": false} x`, "", 400},
			{``, "", 400},
		} {
			if got := put(token, "nord", c.body); got.Status != c.status || !strings.Contains(got.Body, c.want) || got.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d %s", c.body, got.Status, got.Body)
			}
		}
		first := ""
		for _, id := range []string{"no-such", "gone", "x%2Fnord", "%00"} {
			got := put(token, id, `{"isReseller": false}`)
			if got.Status != 404 {
				t.Errorf("%s: %d %s", id, got.Status, got.Body)
			}
			if first == "" {
				first = got.same()
			} else if got.same() != first {
				t.Errorf("%s differs", id)
			}
		}
		if got := put(w.token("visits:write"), "nord", `{"isReseller": false}`); got.Status != 403 {
			t.Errorf("another scope: %d", got.Status)
		}
		if !reseller() {
			t.Error("something that was refused was done")
		}
		if got := put(token, "nord", `{"isReseller": false}`); got.Status != 200 || reseller() {
			t.Errorf("off: %d %s", got.Status, got.Body)
		}
	})
}
