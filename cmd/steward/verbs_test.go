package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	database := filepath.Join(t.TempDir(), "steward.db")
	foreign := filepath.Join(t.TempDir(), "songs.db")
	if err := os.WriteFile(foreign, []byte(strings.Repeat("la ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"check"}, exitFailed, "Make one with steward migrate"},
		{[]string{"backup", "x.db"}, exitFailed, "Make one with steward migrate"},
		{[]string{"migrate"}, exitOK, ""},
		{[]string{"check"}, exitOK, ""},
		{[]string{"frobnicate"}, exitUsage, "steward --help"},
		{[]string{"kpis", "--at", "yesterday"}, exitUsage, "2026-11-20T12:00:00Z"},
		{[]string{"serve", "--addr", "nowhere"}, exitUsage, "HOST:PORT"},
		{[]string{"serve", "--public-url", "steward.example.com"}, exitUsage, "https://steward.example.com"},
		{[]string{"serve", "--trusted-proxies", "10.0.0.0/33"}, exitUsage, "10.0.0.0/8"},
		{[]string{"serve", "--smtp-url", "secret@nowhere"}, exitUsage, "smtps://"},
		{[]string{"serve", "--dev", "--addr", "0.0.0.0:8080"}, exitUsage, "this machine alone"},
		{[]string{"restore", foreign}, exitFailed, "not a database of Steward"},
		{[]string{"restore", "not-there.db"}, exitFailed, "no such file"},
	} {
		code, _, stderr := runVerb(t, database, "", test.args...)
		if code != test.code || !strings.Contains(stderr, test.says) || strings.Contains(stderr, "secret@") {
			t.Errorf("steward %s: %d\n%s", strings.Join(test.args, " "), code, stderr)
		}
	}
	if code, _, stderr := runVerb(t, foreign, "", "kpis"); code != exitFailed || !strings.Contains(stderr, "not a database of Steward") || !strings.Contains(stderr, "--database") {
		t.Errorf("a foreign file: %d\n%s", code, stderr)
	}
	if code, stdout, _ := runVerb(t, database, "", "--version"); code != exitOK || strings.TrimSpace(stdout) == "" {
		t.Errorf("--version: %d %q", code, stdout)
	}
	if code, _, stderr := runVerb(t, "postgres://localhost/steward", "", "restore", foreign); code != exitUsage || !strings.Contains(stderr, "pg_restore") {
		t.Errorf("restore on PostgreSQL: %d\n%s", code, stderr)
	}
}

func TestKPIsAsJSON(t *testing.T) {
	database := filepath.Join(t.TempDir(), "steward.db")
	if code, _, stderr := runVerb(t, database, "", "demo", "--accounts", "60", "--seed", "4"); code != exitOK {
		t.Fatal(stderr)
	}
	code, stdout, stderr := runVerb(t, database, "", "kpis", "--json")
	if code != exitOK {
		t.Fatal(stderr)
	}
	if !regexp.MustCompile(`^\{"at":"[^"]+","new_accounts_7d":\d+,"active_accounts_30d":\d+,"average_users_per_account":\d+\.\d{4},"company_domain_accounts":\d+,` +
		`"previous":\{"new_accounts_7d":\d+,"active_accounts_30d":\d+,"average_users_per_account":\d+\.\d{4},"company_domain_accounts":\d+\}\}\n$`).MatchString(stdout) {
		t.Errorf("kpis --json: %s", stdout)
	}
	var now struct{ At string }
	if err := json.Unmarshal([]byte(stdout), &now); err != nil {
		t.Fatal(err)
	}
	_, again, _ := runVerb(t, database, "", "kpis", "--json", "--at", now.At)
	if again != stdout {
		t.Errorf("the counters say %sa recount says %s", stdout, again)
	}
}
