package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"steward/auth"
	"steward/store"
)

func TestApplicationVerbs(t *testing.T) {
	database := filepath.Join(t.TempDir(), "steward.db")
	code, stdout, stderr := runVerb(t, database, "", "application", "list")
	if code != 0 || !strings.Contains(stdout, "no application yet") || stderr != "" {
		t.Fatalf("%d %q %q", code, stdout, stderr)
	}
	code, stdout, stderr = runVerb(t, database, "", "application", "add", "Ledger", "--type", "web", "--redirect-uri", "https://ledger.example/a,b",
		"--redirect-uri", "http://localhost:3000/callback", "--default", "--auto-assign", "--json")
	var made struct{ ID, Secret string }
	if err := json.Unmarshal([]byte(stdout), &made); code != 0 || err != nil || made.ID == "" || stderr != "" {
		t.Fatalf("%d %q %q", code, stdout, stderr)
	}
	hash, ok := auth.ClientSecret.Hash(made.Secret)
	if !ok {
		t.Fatalf("%q is no secret", made.Secret)
	}
	works := func(hash []byte) bool {
		t.Helper()
		key, err := (&app{database: database}).key()
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), database, store.Options{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		a, err := s.Application(t.Context(), made.ID)
		if err != nil || len(a.RedirectURIs) != 2 || a.RedirectURIs[0] != "https://ledger.example/a,b" || !a.Default || !a.AutoAssigned || !a.Active {
			t.Fatalf("%+v, %v", a, err)
		}
		return s.CheckApplicationSecret(t.Context(), made.ID, hash) == nil
	}
	if !works(hash) {
		t.Fatal("the secret does not work")
	}
	code, stdout, stderr = runVerb(t, database, "", "application", "rotate-secret", made.ID)
	_, second, _ := strings.Cut(strings.TrimSpace(stdout), "Secret: ")
	other, ok := auth.ClientSecret.Hash(second)
	if code != 0 || !ok || stderr != "" {
		t.Fatalf("%d %q %q", code, stdout, stderr)
	}
	if !works(hash) || !works(other) {
		t.Fatal("both secrets work for a while")
	}
	code, stdout, stderr = runVerb(t, database, "", "application", "add", "Phone", "--type", "native", "--redirect-uri", "com.example.phone:/callback")
	id, isID := strings.CutPrefix(strings.TrimSpace(stdout), "ID: ")
	if code != 0 || !isID || strings.Contains(stdout, "Secret") || stderr != "" {
		t.Fatalf("%d %q %q", code, stdout, stderr)
	}
	code, stdout, _ = runVerb(t, database, "", "application", "list")
	if code != 0 || !strings.Contains(stdout, "Ledger  web     active  default") || !strings.Contains(stdout, "Phone   native  active  one by one") {
		t.Fatalf("%d %s", code, stdout)
	}
	code, stdout, _ = runVerb(t, database, "", "application", "list", "--json")
	if lines := strings.Split(strings.TrimSpace(stdout), "\n"); code != 0 || len(lines) != 2 || !json.Valid([]byte(lines[0])) {
		t.Fatalf("%d %s", code, stdout)
	}
	for _, try := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"application", "add", "X", "--type", "web"}, 2, "at least one address"},
		{[]string{"application", "add", "X", "--type", "web", "--redirect-uri", "http://ledger.example/"}, 2, "not encrypted"},
		{[]string{"application", "add", "X", "--type", "web", "--redirect-uri", "https://*.example/"}, 2, "Wildcards"},
		{[]string{"application", "add", "X", "--type", "desktop", "--redirect-uri", "https://x.example/"}, 2, "--type"},
		{[]string{"application", "add", "ledger", "--type", "spa", "--redirect-uri", "https://x.example/"}, 1, "Another application has this name."},
		{[]string{"application", "rotate-secret", id}, 1, "cannot keep a secret"},
		{[]string{"application", "rotate-secret", "nobody"}, 1, "no application with the ID"},
	} {
		if code, stdout, stderr := runVerb(t, database, "", try.args...); code != try.code || stdout != "" || !strings.Contains(stderr, try.says) {
			t.Errorf("%q: %d %q %q", try.args, code, stdout, stderr)
		}
	}
}
