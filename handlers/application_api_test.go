package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"steward/backoffice"
)

// machine is a program that uses the API with a token.
type machine struct {
	*site
	token string
}

func (w *site) machine(scopes ...backoffice.Scope) machine {
	var names []string
	for _, s := range scopes {
		names = append(names, string(s))
	}
	return machine{w, w.token(names...)}
}

// ask sends a request; a body is JSON.
func (m machine) ask(method, path, body string) answer {
	m.t.Helper()
	header := map[string]string{}
	if m.token != "" {
		header["Authorization"] = "Bearer " + m.token
	}
	if body != "" {
		header["Content-Type"] = "application/json"
	}
	return m.raw(raw{method: method, path: "/api/v1/" + path, body: body, header: header})
}

// expect asks and holds the answer to a status and a part of its body.
func (m machine) expect(method, path, body string, status int, part string) answer {
	m.t.Helper()
	got := m.ask(method, path, body)
	kind := "application/json"
	if status >= 400 {
		kind = "application/problem+json"
	}
	switch {
	case got.Status != status || !strings.Contains(got.Body, part):
		m.t.Errorf("%s %s %s: %d %s, want %d with %q", method, path, body, got.Status, got.Body, status, part)
	case status == http.StatusNoContent && (got.Body != "" || got.Header.Get("Content-Type") != ""):
		m.t.Errorf("%s %s: %q %q and no content", method, path, got.Header.Get("Content-Type"), got.Body)
	case status != http.StatusNoContent && got.Header.Get("Content-Type") != kind:
		m.t.Errorf("%s %s is %q", method, path, got.Header.Get("Content-Type"))
	}
	return got
}

// listed are applications, or users, as the API lists them.
type listed struct {
	Applications []struct {
		ID, Name, Path string
		Active         bool
		Automatic      bool
		AutoAssigned   bool
		Users          int64
		Account        struct{ ID, Name string }
	}
	Users []struct {
		ID, Email, Path    string
		Granted, Automatic bool
	}
	Next string
	More bool
}

func (m machine) list(path string) (v listed) {
	m.t.Helper()
	got := m.expect("GET", path, "", http.StatusOK, "")
	if err := json.Unmarshal([]byte(got.Body), &v); err != nil {
		m.t.Fatalf("%s: %v %s", path, err, got.Body)
	}
	return v
}

// acts are what the trail says since it was asked last, the newest first.
func (w *site) acts(since *int) (actions []string) {
	w.t.Helper()
	page, err := w.store.Events(ctx, backoffice.EventFilter{}, "", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range page.Rows[:len(page.Rows)-*since] {
		actions = append(actions, string(e.Kind)+" "+e.Action)
	}
	*since = len(page.Rows)
	return actions
}

func TestApplicationsAPI(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		reader := w.machine(backoffice.ScopeReadApplications)
		if got := reader.ask("GET", "applications", ""); strings.TrimSpace(got.Body) != `{"applications":[]}` {
			t.Errorf("none: %s", got.Body)
		}
		ids := map[string]string{}
		for i, name := range []string{"wiki", "Books", "äpfel", "Chat", "agenda", "Äcker", "Zebra"} {
			ids[name] = w.sold(backoffice.Application{Name: name, Active: i%2 == 0, AutoAssigned: name == "Chat", Default: name == "wiki"})
		}
		web := w.application(backoffice.WebApplication)
		ids[web.app.Name] = web.app.ID
		want, err := w.store.ApplicationsByName(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{1, 2, 3, 7, 8, 500} {
			var names []string
			after, pages := "", 0
			for {
				path := fmt.Sprintf("applications?limit=%d", limit)
				if after != "" {
					path += "&after=" + after
				}
				page := reader.list(path)
				for _, a := range page.Applications {
					names = append(names, a.ID)
				}
				if pages++; len(page.Applications) > limit || pages > len(want) {
					t.Fatalf("limit %d: %+v", limit, page)
				}
				if after = page.Next; after == "" {
					break
				}
			}
			if !slices.EqualFunc(names, want, func(id string, a backoffice.Application) bool { return id == a.ID }) {
				t.Errorf("limit %d: %v", limit, names)
			}
		}
		// What moves to the bin meanwhile is a position still.
		first := reader.list("applications?limit=2")
		if _, err := w.store.DeleteApplication(ctx, backoffice.CommandLine(), first.Next); err != nil {
			t.Fatal(err)
		}
		if rest := reader.list("applications?after=" + first.Next); len(rest.Applications) != len(want)-2 || rest.Applications[0].ID != want[2].ID {
			t.Errorf("behind the bin: %+v", rest)
		}
		reader.expect("GET", "applications/"+first.Next, "", http.StatusNotFound, "Not found")
		for query, part := range map[string]string{"limit=0": `"field":"limit"`, "limit=501": `"field":"limit"`, "limit=x": `"field":"limit"`, "limit=": `"field":"limit"`, "limit=1&limit=2": `"field":"limit"`,
			"after=nobody": `"field":"after"`, "after=%00": `"field":"after"`, "after=%ff": `"field":"after"`, "active=true": `"field":"active"`, "%00=1": `"field":""`} {
			reader.expect("GET", "applications?"+query, "", http.StatusUnprocessableEntity, part)
		}
		reader.expect("GET", "applications?limit=%zz", "", http.StatusBadRequest, "")
		reader.expect("GET", "applications/"+ids["Zebra"]+"?secret=1", "", http.StatusUnprocessableEntity, `"field":"secret"`)
		// One, with all that is public and nothing that is not.
		got := reader.expect("GET", "applications/"+web.app.ID, "", http.StatusOK, "")
		var one map[string]any
		if err := json.Unmarshal([]byte(got.Body), &one); err != nil {
			t.Fatal(err)
		}
		if len(one) != 12 || one["id"] != web.app.ID || one["name"] != web.app.Name || one["type"] != "web" || one["active"] != true || one["default"] != false || one["autoAssigned"] != true || one["hasLogo"] != false ||
			one["url"] != "" || one["description"] != "" || len(one["redirectUris"].([]any)) != 1 || len(one["logoutUris"].([]any)) != 1 || one["createdAt"] == "" {
			t.Errorf("%v", one)
		}
		if all := reader.ask("GET", "applications", ""); strings.Contains(all.Body+got.Body, web.secret) || strings.Contains(all.Body+got.Body, "secret") || strings.Contains(all.Body, "null") {
			t.Error(all.Body)
		}
		for _, id := range []string{"nobody", noSuchID, "%00", "%ff", "x%2Fy", "..", strings.Repeat("x", 5000)} {
			reader.expect("GET", "applications/"+id, "", http.StatusNotFound, "Not found")
		}
	})
}

func TestAssignmentsAPI(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		m := w.machine(backoffice.ScopeWriteApplications)
		cli := backoffice.CommandLine()
		hana, uma := w.person("hana@nord.example"), w.person("uma@nord.example")
		wiki, auto := w.sold(backoffice.Application{Name: "Wiki"}), w.sold(backoffice.Application{Name: "Chat", AutoAssigned: true, Active: true})
		first := w.sold(backoffice.Application{Name: "Books", Default: true})
		one, since := "accounts/nord/applications/"+wiki, 0
		w.acts(&since)
		acted := func(what string, want ...string) {
			t.Helper()
			if got := w.acts(&since); !slices.Equal(got, want) {
				t.Errorf("%s: the trail says %v, want %v", what, got, want)
			}
		}
		m.expect("GET", one, "", http.StatusNotFound, "")
		m.expect("GET", one+"/users", "", http.StatusNotFound, "")
		m.expect("PUT", one+"/users/"+uma.ID, "", http.StatusNotFound, "")
		// Assigned: as it is, without a body and with an empty one; then with the switch.
		for _, body := range []string{"", "{}", `{"autoAssigned": false}`} {
			m.expect("PUT", one, body, http.StatusOK, `"active":false,"path":"manual","automatic":false,"autoAssigned":false,"users":0}`)
		}
		acted("assigned thrice", "token application.assigned")
		for range 2 {
			m.expect("PUT", one+"/users/"+uma.ID, "", http.StatusNoContent, "")
			m.expect("PUT", one+"/users/"+uma.ID, "{}", http.StatusNoContent, "")
		}
		acted("given four times", "token user.application-given")
		if v := m.list(one + "/users"); len(v.Users) != 1 || v.Users[0].ID != uma.ID || v.Users[0].Email != uma.Email || v.Users[0].Path != "manual" || v.Users[0].Automatic || v.Next != "" {
			t.Errorf("given: %+v", v)
		}
		for _, body := range []string{`{"autoAssigned": true}`, `{"autoAssigned":true}`, `{}`, ""} {
			m.expect("PUT", one, body, http.StatusOK, `"path":"account","automatic":true,"autoAssigned":true,"users":2}`)
		}
		acted("auto-assigned", "token application.auto-assignment-enabled")
		// Automatic is not taken from one of them, and giving it changes nothing.
		m.expect("DELETE", one+"/users/"+uma.ID, "", http.StatusConflict, "It is assigned to every user of this account.")
		m.expect("PUT", one+"/users/"+uma.ID, "", http.StatusNoContent, "")
		acted("nothing")
		// Those who have it keep it by hand.
		for range 2 {
			m.expect("PUT", one, `{"autoAssigned": false}`, http.StatusOK, `"path":"manual","automatic":false,"autoAssigned":false,"users":2}`)
		}
		acted("turned off", "token application.auto-assignment-disabled")
		for range 2 {
			m.expect("DELETE", one+"/users/"+uma.ID, "", http.StatusNoContent, "")
		}
		acted("taken twice", "token user.application-taken")
		if v := m.list(one + "/users"); len(v.Users) != 1 || v.Users[0].ID != hana.ID {
			t.Errorf("taken: %+v", v)
		}
		for range 2 {
			m.expect("DELETE", one, "", http.StatusNoContent, "")
		}
		acted("removed twice", "token application.removed")
		m.expect("GET", one, "", http.StatusNotFound, "")
		m.expect("PUT", one, `{"autoAssigned": true}`, http.StatusOK, `"path":"account"`)
		acted("at once", "token application.assigned")
		// What the environment assigns.
		all := m.list("accounts/nord/applications")
		if len(all.Applications) != 3 || all.Applications[0].Path != "default" || all.Applications[1].Path != "environment" || all.Applications[2].Path != "account" ||
			all.Applications[0].Active || !all.Applications[1].Active || !all.Applications[0].Automatic || all.Applications[1].AutoAssigned || all.Applications[1].Users != 2 {
			t.Errorf("all of them: %+v", all)
		}
		// The same whatever came before: it reaches every user, and stays so.
		fixed := func() {
			t.Helper()
			for range 2 {
				m.expect("PUT", "accounts/nord/applications/"+auto, `{"autoAssigned": false}`, http.StatusConflict, "every account")
				m.expect("PUT", "accounts/nord/applications/"+first, `{"autoAssigned": false}`, http.StatusConflict, "default application")
			}
			for _, body := range []string{`{"autoAssigned": true}`, `{"autoAssigned": true}`, "{}", ""} {
				m.expect("PUT", "accounts/nord/applications/"+auto, body, http.StatusOK, `"path":"environment","automatic":true,"autoAssigned":false`)
				m.expect("PUT", "accounts/nord/applications/"+first, body, http.StatusOK, `"path":"default","automatic":true,"autoAssigned":false`)
			}
			m.expect("PUT", "accounts/nord/applications/"+auto, `{"autoAssigned": false}`, http.StatusConflict, "every account")
		}
		fixed()
		m.expect("DELETE", "accounts/nord/applications/"+auto+"/users/"+uma.ID, "", http.StatusConflict, "every account")
		m.expect("DELETE", "accounts/nord/applications/"+first+"/users/"+uma.ID, "", http.StatusConflict, "default application")
		acted("nothing")
		m.expect("DELETE", "accounts/nord/applications/"+auto, "", http.StatusNoContent, "")
		fixed()
		acted("again", "token application.assigned", "token application.removed")
		// An account that had it by itself before the environment gave it to all.
		both := w.sold(backoffice.Application{Name: "Desk"})
		for _, on := range []string{"true", "false"} {
			m.expect("PUT", "accounts/nord/applications/"+both, `{"autoAssigned": `+on+`}`, http.StatusOK, `"autoAssigned":`+on)
			for _, all := range []bool{true, false} {
				if err := w.store.SetAutoAssigned(ctx, cli, both, all); err != nil {
					t.Fatal(err)
				}
				if all {
					m.expect("PUT", "accounts/nord/applications/"+both, `{"autoAssigned": true}`, http.StatusOK, `"path":"environment"`)
					m.expect("PUT", "accounts/nord/applications/"+both, `{"autoAssigned": false}`, http.StatusConflict, "every account")
				}
			}
		}
		m.expect("DELETE", "accounts/nord/applications/"+both, "", http.StatusNoContent, "")
		w.acts(&since)
		// Bodies that are none.
		for body, want := range map[string]struct {
			status int
			part   string
		}{
			`{"autoAssigned": "yes"}`:                      {422, `"field":"autoAssigned"`},
			`{"autoAssigned": null}`:                       {422, `"field":"autoAssigned"`},
			`{"autoAssigned": 1, "path": "manual"}`:        {422, `"field":"path"`},
			`{"autoassigned": true}`:                       {422, `"field":"autoassigned"`},
			`{"autoAssigned": true, "autoAssigned": true}`: {400, "twice"},
			`[]`:       {400, "object"},
			`true`:     {400, "object"},
			`{`:        {400, ""},
			"{} {}":    {400, "follows"},
			"\xff\xfe": {400, ""},
			`{"autoAssigned": "` + strings.Repeat("x", 1<<20) + `"}`: {413, ""},
		} {
			m.expect("PUT", "accounts/sued/applications/"+wiki, body, want.status, want.part)
		}
		m.expect("PUT", one+"/users/"+uma.ID, `{"autoAssigned": true}`, http.StatusUnprocessableEntity, `"field":"autoAssigned"`)
		if got := w.raw(raw{method: "PUT", path: "/api/v1/accounts/sued/applications/" + wiki, body: "autoAssigned=true", header: map[string]string{"Authorization": "Bearer " + m.token}}); got.Status != http.StatusUnsupportedMediaType {
			t.Errorf("a form: %d", got.Status)
		}
		m.expect("PUT", "accounts/sued/applications/"+wiki+"?autoAssigned=true", "", http.StatusUnprocessableEntity, `"field":"autoAssigned"`)
		m.expect("GET", "accounts/sued/applications/"+wiki, "", http.StatusNotFound, "")
		acted("nothing that was refused")
		// What is not there is told in the same words, and before what is wrong with a body.
		if _, err := w.store.CreateAccount(ctx, cli, backoffice.NewAccount{Name: "Gone", ID: "gone", PrimaryEmail: uma.Email}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.DeleteAccount(ctx, cli, "gone", "Gone", false); err != nil {
			t.Fatal(err)
		}
		binned := w.sold(backoffice.Application{Name: "Binned", AutoAssigned: true})
		if _, err := w.store.DeleteApplication(ctx, cli, binned); err != nil {
			t.Fatal(err)
		}
		w.member("sued", "stranger@sued.example", backoffice.RoleReadOnly)
		w.acts(&since)
		for _, path := range []string{"accounts/nobody/applications", "accounts/gone/applications", "users/nobody/applications", "users/" + uma.ID + "/applications?account=gone", "users/" + uma.ID + "/applications?account=nobody",
			"users/" + uma.ID + "/applications?account="} {
			m.expect("GET", path, "", http.StatusNotFound, "Not found")
		}
		for _, ids := range [][2]string{{"nobody", wiki}, {"gone", wiki}, {"nord", noSuchID}, {"nord", binned}, {"%00", wiki}, {"nord", "%ff"}, {"x%2fnord", wiki}} {
			path := "accounts/" + ids[0] + "/applications/" + ids[1]
			m.expect("GET", path, "", http.StatusNotFound, "Not found")
			m.expect("PUT", path, "{}", http.StatusNotFound, "Not found")
			m.expect("PUT", path, `{"autoAssigned": 7}`, http.StatusNotFound, "Not found")
			m.expect("DELETE", path, "", http.StatusNotFound, "Not found")
			m.expect("GET", path+"/users", "", http.StatusNotFound, "Not found")
			m.expect("PUT", path+"/users/"+uma.ID, "", http.StatusNotFound, "Not found")
			m.expect("DELETE", path+"/users/"+uma.ID, "", http.StatusNotFound, "Not found")
		}
		for _, user := range []string{"nobody", noSuchID, "%00", w.person("stranger@sued.example").ID} {
			m.expect("PUT", one+"/users/"+user, "", http.StatusNotFound, "Not found")
			m.expect("DELETE", one+"/users/"+user, "", http.StatusNotFound, "Not found")
		}
		m.expect("GET", one+"/users?after=nobody", "", http.StatusUnprocessableEntity, `"field":"after"`)
		m.expect("GET", one+"/users?q=x", "", http.StatusUnprocessableEntity, `"field":"q"`)
		acted("nothing that is not there")
		if page, err := w.store.Events(ctx, backoffice.EventFilter{Action: "application.removed"}, "", 1); err != nil || page.Rows[0].ActorName != "Planner" || page.Rows[0].Address == "" {
			t.Errorf("who did it: %+v, %v", page.Rows, err)
		}
	})
}

// Every scope that a route asks for is offered where tokens are made.
func TestScopesAreOffered(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		b := w.browser()
		b.signIn("owner@vendor.example", passphrase)
		page := b.get("/backoffice/settings/tokens")
		for _, e := range w.probe.Table() {
			if e.Scope == "" {
				continue
			}
			made := page.submit("#token-form", url.Values{"name": {"Planner"}, "scope": {string(e.Scope)}})
			m := machine{w, made.text("#new-token code")}
			path, ok := address(e.Path, map[string]string{"accounts": noSuchID, "applications": noSuchID, "users": noSuchID})
			if got := m.ask(e.Method, strings.TrimPrefix(path, "/api/v1/"), "{}"); !ok || got.Status == http.StatusUnauthorized || got.Status == http.StatusForbidden {
				t.Errorf("%s %s by %s: %d %s", e.Method, path, e.Scope, got.Status, got.Body)
			}
		}
	})
}

// Everybody who shows the wrong token, or none, is told so by every route, and the
// scope to read does not write.
func TestApplicationsAPIByScope(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		uma := w.person("uma@nord.example")
		wiki := w.sold(backoffice.Application{Name: "Wiki", Active: true})
		if _, err := w.store.AssignApplications(ctx, backoffice.CommandLine(), "nord", []string{wiki}, false); err != nil {
			t.Fatal(err)
		}
		one, since := "accounts/nord/applications/"+wiki, 0
		w.acts(&since)
		revoked := w.machine(backoffice.ScopeWriteApplications)
		tokens, err := w.store.Tokens(ctx)
		if err == nil {
			err = w.store.RevokeToken(ctx, backoffice.CommandLine(), tokens[0].ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.acts(&since)
		nobody, others := machine{w, ""}, w.machine(backoffice.ScopeVisits, backoffice.ScopeAccounts)
		reader, writer := w.machine(backoffice.ScopeReadApplications), w.machine(backoffice.ScopeWriteApplications)
		w.acts(&since)
		for _, c := range []struct {
			method, path string
			status       int
		}{
			{"GET", "applications", 200}, {"GET", "applications/" + wiki, 200}, {"GET", "accounts/nord/applications", 200}, {"GET", one, 200}, {"GET", one + "/users", 200}, {"GET", "users/" + uma.ID + "/applications", 200},
			{"PUT", one, 200}, {"PUT", one + "/users/" + uma.ID, 204}, {"DELETE", one + "/users/" + uma.ID, 204}, {"DELETE", one, 204},
		} {
			for _, m := range []machine{nobody, {w, "steward_nobody"}, {w, revoked.token[:len(revoked.token)-1]}, revoked} {
				if got := m.expect(c.method, c.path, "", http.StatusUnauthorized, "No valid token"); got.Header.Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("%s %s: %q", c.method, c.path, got.Header.Get("WWW-Authenticate"))
				}
			}
			need := "applications:read"
			if c.method != "GET" {
				need = "applications:write"
				reader.expect(c.method, c.path, "", http.StatusForbidden, need)
			} else {
				reader.expect(c.method, c.path, "", c.status, "")
			}
			if got := others.expect(c.method, c.path, "", http.StatusForbidden, need); !strings.Contains(got.Header.Get("WWW-Authenticate"), `scope="`+need+`"`) {
				t.Errorf("%s %s: %q", c.method, c.path, got.Header.Get("WWW-Authenticate"))
			}
			acts := w.acts(&since)
			if writer.expect(c.method, c.path, "", c.status, ""); len(acts) != 0 {
				t.Errorf("%s %s: who may not did %v", c.method, c.path, acts)
			}
			w.acts(&since)
		}
	})
}
