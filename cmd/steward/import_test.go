package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"steward/backoffice"
)

func TestImport(t *testing.T) {
	const dir = "../../store/testdata/customers/"
	files := []string{"--accounts", dir + "accounts.csv", "--users", dir + "users.csv", "--visits", dir + "visits.csv"}
	database := filepath.Join(t.TempDir(), "steward.db")
	figures := func(args ...string) (c backoffice.ImportCounts) {
		t.Helper()
		code, stdout, stderr := runVerb(t, database, "", append(append([]string{"import", "--json"}, files...), args...)...)
		if code != 0 || stderr != "" {
			t.Fatalf("%v: %d\n%s%s", args, code, stdout, stderr)
		}
		if err := json.Unmarshal([]byte(stdout), &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	dry := figures("--dry-run")
	if dry.Accounts.Created != 40 || len(dry.Refused) != 21 || dry.Refused[0].File != "accounts.csv" || dry.Refused[0].Reason == "" {
		t.Errorf("a dry run: %+v", dry)
	}
	if code, _, stderr := runVerb(t, database, "", append([]string{"import", "--strict"}, files...)...); code != 1 || !strings.Contains(stderr, "nothing was imported") {
		t.Errorf("strict: %d %s", code, stderr)
	}
	first := figures()
	if first.Accounts != dry.Accounts || first.Visits != dry.Visits || first.Users.Created != 184 {
		t.Errorf("after a dry run: %+v", first)
	}
	if second := figures(); second.Accounts.Created+second.Accounts.Updated != 0 || second.Accounts.Unchanged != 40 {
		t.Errorf("again: %+v", second)
	}
	code, stdout, stderr := runVerb(t, database, "", append([]string{"import"}, files...)...)
	if code != 0 || !strings.Contains(stdout, "unchanged") || !strings.Contains(stderr, "users.csv, line ") {
		t.Errorf("for people: %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := runVerb(t, database, "", "check"); code != 0 {
		t.Errorf("check: %d\n%s%s", code, stdout, stderr)
	}
	odd := filepath.Join(t.TempDir(), "odd.csv")
	if err := os.WriteFile(odd, []byte("id,name,colour\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, 2, "at least one file"},
		{[]string{"--accounts", "not-there.csv"}, 1, "no such file"},
		{[]string{"--accounts", odd}, 1, "odd.csv, line 1: There is no column “colour”."},
	} {
		code, stdout, stderr := runVerb(t, database, "", append([]string{"import"}, c.args...)...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: %d\n%s%s", c.args, code, stdout, stderr)
		}
	}
}
