package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"steward/auth"
	"steward/store"
)

func runVerb(t *testing.T, database, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs, now: time.Now}
	code = a.run(t.Context(), append(args, "--database", database))
	return code, out.String(), errs.String()
}

func TestStaffAdd(t *testing.T) {
	database := filepath.Join(t.TempDir(), "new", "steward.db")
	const passphrase = "correct-horse-staple"
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(passphrase+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what  string
		stdin string
		args  []string
		code  int
		says  string
	}{
		{"from standard input, into a database that is absent", passphrase + "\n", []string{"ada@vendor.example", "--role", "owner", "--password-file", "-"}, 0, "ada@vendor.example is staff now, as Owner."},
		{"from a file, with a name", "", []string{"max@vendor.example", "--role", "viewer", "--name", "Max", "--password-file", file}, 0, "as Viewer"},
		{"twice", passphrase, []string{"Ada@vendor.example", "--role", "owner", "--password-file", "-"}, 1, "staff already"},
		{"a short password", "short", []string{"b@vendor.example", "--role", "owner", "--password-file", "-"}, 1, "At least 15 characters."},
		{"no password", "\n", []string{"b@vendor.example", "--role", "owner", "--password-file", "-"}, 2, "empty"},
		{"no address", passphrase, []string{"b", "--role", "owner", "--password-file", "-"}, 2, "steward:"},
		{"no such role", passphrase, []string{"b@vendor.example", "--role", "king", "--password-file", "-"}, 2, "owner"},
		{"no such file", "", []string{"b@vendor.example", "--role", "owner", "--password-file", file + ".not"}, 1, "no such file"},
	} {
		code, stdout, stderr := runVerb(t, database, c.stdin, append([]string{"staff", "add"}, c.args...)...)
		if code != c.code || !strings.Contains(stdout+stderr, c.says) || strings.Contains(stdout+stderr, passphrase) {
			t.Errorf("%s: %d\n%s%s", c.what, code, stdout, stderr)
		}
	}
	s, err := store.Open(t.Context(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, email := range []string{"ada@vendor.example", "max@vendor.example"} {
		_, hash, err := s.StaffCredentials(t.Context(), email)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := auth.NewHasher(1).Verify(t.Context(), passphrase, hash); !ok || err != nil {
			t.Errorf("%s does not sign in with the password: %v", email, err)
		}
	}
}

func TestTokenAdd(t *testing.T) {
	database := filepath.Join(t.TempDir(), "steward.db")
	code, stdout, stderr := runVerb(t, database, "", "token", "add", "CRM", "--scope", "visits:write,accounts:write")
	token := strings.TrimSuffix(stdout, "\n")
	hash, ok := auth.APIToken.Hash(token)
	if code != 0 || !ok || stderr != "" {
		t.Fatalf("%d %q %q", code, stdout, stderr)
	}
	s, err := store.Open(t.Context(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found, err := s.FindToken(t.Context(), hash)
	if err != nil || found.Name != "CRM" || len(found.Scopes) != 2 || found.CreatedBy != "Command line" {
		t.Errorf("%+v, %v", found, err)
	}
	for _, args := range [][]string{{"CRM", "--scope", "root"}, {"CRM"}, {" ", "--scope", "visits:write"}} {
		if code, stdout, stderr := runVerb(t, database, "", append([]string{"token", "add"}, args...)...); code != 2 || stdout != "" || stderr == "" {
			t.Errorf("%q: %d %q %q", args, code, stdout, stderr)
		}
	}
}
