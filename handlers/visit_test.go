package handlers_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store/storetest"
)

// token makes an API token with the scopes.
func (w *site) token(scopes ...string) string {
	w.t.Helper()
	secret, hash := auth.APIToken.New()
	if _, err := w.store.MakeToken(ctx, backoffice.CommandLine(), "Planner", scopes, hash); err != nil {
		w.t.Fatal(err)
	}
	return secret
}

// answer is what the API says.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

func (w *site) postVisits(token, body string, headers ...string) answer {
	w.t.Helper()
	req, _ := http.NewRequest(http.MethodPost, w.url+"/api/v1/visits", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

func TestVisitsAPI(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		for _, id := range []string{"nord", "sued"} {
			if _, err := w.store.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: id, ID: id, PrimaryEmail: "hana@" + id + ".example"}); err != nil {
				t.Fatal(err)
			}
		}
		token := w.token("visits:write")
		now := w.clock.Now().Format(time.RFC3339)
		visit := func(account, email, at string) string {
			return fmt.Sprintf(`{"account_id":%q,"email":%q,"at":%q}`, account, email, at)
		}
		batch := func(visits ...string) string { return `{"visits":[` + strings.Join(visits, ",") + `]}` }
		good := batch(visit("nord", "hana@nord.example", now), visit("nord", "Hana@NORD.example", now), visit("sued", "hana@sued.example", "2026-11-01T23:30:00-01:00"))
		if a := w.postVisits(token, good); a.Status != http.StatusOK || a.Body != `{"recorded":2,"unchanged":1}`+"\n" || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("a batch: %d %s", a.Status, a.Body)
		}
		if a := w.postVisits(token, good); a.Status != http.StatusOK || a.Body != `{"recorded":0,"unchanged":3}`+"\n" {
			t.Errorf("again: %d %s", a.Status, a.Body)
		}
		if acc, err := w.store.Account(ctx, "sued"); err != nil || acc.Visits != 1 || acc.LastVisit.Format(time.RFC3339) != "2026-11-02T00:30:00Z" {
			t.Errorf("recorded: %+v, %v", acc.Engagement, err)
		}
		before := storetest.Dump(t, w.store)
		mixed := w.postVisits(token, batch(visit("sued", "hana@sued.example", now), visit("none", "hana@nord.example", now),
			visit("nord", "hana@sued.example", now), visit("nord", "hana@nord.example", w.clock.Now().Add(time.Hour).Format(time.RFC3339))))
		var p struct {
			Status int
			Errors []struct {
				Index  int
				Field  string
				Reason string
			}
		}
		if err := json.Unmarshal([]byte(mixed.Body), &p); err != nil || mixed.Status != 422 || mixed.Header.Get("Content-Type") != "application/problem+json" {
			t.Fatalf("%d %s", mixed.Status, mixed.Body)
		}
		if got := fmt.Sprint(p.Errors); got != "[{1 account_id no account has this ID} {2 email no user of the account} {3 at lies after now}]" {
			t.Errorf("refused: %s", got)
		}
		if d := storetest.Differ(before, storetest.Dump(t, w.store)); len(d) > 0 {
			t.Errorf("a batch with mistakes changed %v", d)
		}
		thousand := make([]string, 1001)
		for i := range thousand {
			thousand[i] = visit("nord", "hana@nord.example", w.clock.Now().Add(-time.Duration(i)*24*time.Hour).Format(time.RFC3339))
		}
		if a := w.postVisits(token, batch(thousand...)); a.Status != 422 {
			t.Errorf("1,001 visits: %d %s", a.Status, a.Body)
		}
		if a := w.postVisits(token, batch(thousand[:1000]...)); a.Status != 200 {
			t.Errorf("1,000 visits: %d %s", a.Status, a.Body)
		}
		if a := w.postVisits(token, batch()); a.Status != 422 {
			t.Errorf("no visits: %d %s", a.Status, a.Body)
		}
		for what, c := range map[string]struct {
			answer answer
			status int
		}{
			"no token":           {w.postVisits("", good), 401},
			"a wrong token":      {w.postVisits(token[:len(token)-1]+"_", good), 401},
			"another scope":      {w.postVisits(w.token("accounts:write"), good), 403},
			"basic":              {w.postVisits("", good, "Authorization", "Basic "+token), 401},
			"a form":             {w.postVisits(token, good, "Content-Type", "application/x-www-form-urlencoded"), 415},
			"plain text":         {w.postVisits(token, good, "Content-Type", "text/plain"), 415},
			"another charset":    {w.postVisits(token, good, "Content-Type", "application/json; charset=utf-16"), 415},
			"compressed":         {w.postVisits(token, good, "Content-Encoding", "gzip"), 415},
			"too large":          {w.postVisits(token, batch(strings.Repeat(" ", 1<<20))), 413},
			"no JSON":            {w.postVisits(token, "visits"), 400},
			"from another site":  {w.postVisits(token, good, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"), 200},
			"an unknown field":   {w.postVisits(token, `{"visits":[],"as":"owner"}`), 400},
			"in another charset": {w.postVisits(token, good, "Content-Type", `application/json; charset="UTF-8"`), 200},
		} {
			if c.answer.Status != c.status {
				t.Errorf("%s: %d, want %d: %s", what, c.answer.Status, c.status, c.answer.Body)
			}
			if c.status >= 400 && (c.answer.Header.Get("Content-Type") != "application/problem+json" || c.status == 401 && c.answer.Header.Get("WWW-Authenticate") == "") {
				t.Errorf("%s: %v", what, c.answer.Header)
			}
		}
		req, _ := http.NewRequest(http.MethodGet, w.url+"/api/v1/visits", nil)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 405 || res.Header.Get("Allow") != "POST" || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("GET: %d %s", res.StatusCode, res.Header.Get("Content-Type"))
		}
		list, err := w.store.Tokens(ctx)
		if err != nil || len(list) != 2 || !list[1].LastUsedAt.Equal(w.clock.Now()) {
			t.Errorf("last used: %+v, %v", list, err)
		}
		if err := w.store.RevokeToken(ctx, backoffice.CommandLine(), list[1].ID); err != nil {
			t.Fatal(err)
		}
		if a := w.postVisits(token, good); a.Status != 401 {
			t.Errorf("a revoked token: %d", a.Status)
		}
	})
}
