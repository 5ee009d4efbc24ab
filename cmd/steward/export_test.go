package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestExport(t *testing.T) {
	const dir = "../../store/testdata/customers/"
	database := filepath.Join(t.TempDir(), "steward.db")
	if code, _, stderr := runVerb(t, database, "", "import", "--json", "--accounts", dir+"accounts.csv", "--users", dir+"users.csv", "--visits", dir+"visits.csv"); code != 0 {
		t.Fatal(stderr)
	}
	for _, c := range []struct {
		args  []string
		code  int
		lines int
		says  string
	}{
		{[]string{"accounts"}, 0, 41, "id,name,created_at,parent_id,website,primary_user_email,is_reseller,metadata\n"},
		{[]string{"users"}, 0, 192, "email,name,account_id,roles,created_at,email_verified,metadata,vendor_metadata\n"},
		{[]string{"visits"}, 0, 1765, "account_id,email,day\n"},
		{[]string{"visits", "--query", "q=acc-7-000005"}, 0, 291, "acc-7-000005,"},
		{[]string{"accounts", "--query", "/backoffice/accounts?q=no-such-account-at-all"}, 0, 1, "id,name"},
		{[]string{"accounts", "--query", "colour=blue"}, 2, 0, "colour"},
		{[]string{"roles"}, 2, 0, "accounts"},
	} {
		code, stdout, stderr := runVerb(t, database, "", append([]string{"export"}, c.args...)...)
		if code != c.code || strings.Count(stdout, "\n") != c.lines || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("%v: %d, %d lines\n%.300s%s", c.args, code, strings.Count(stdout, "\n"), stdout, stderr)
		}
	}
}
