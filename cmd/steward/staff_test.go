package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
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

// An owner who lost the second factor, with nobody to ask, comes back in by the
// binary: their factors and sessions are gone, nobody else's, and the trail says so.
func TestStaffResetMFA(t *testing.T) {
	database := filepath.Join(t.TempDir(), "steward.db")
	if code, _, stderr := runVerb(t, database, "correct-horse-staple\n", "staff", "add", "ada@vendor.example", "--role", "owner", "--password-file", "-"); code != 0 {
		t.Fatal(stderr)
	}
	reset := func(email string) (int, string) {
		code, stdout, stderr := runVerb(t, database, "", "staff", "reset-mfa", email)
		return code, stdout + stderr
	}
	for email, want := range map[string]struct {
		code int
		says string
	}{
		"ada@vendor.example": {0, "has no second factor"}, "eve@vendor.example": {1, "nobody among the staff"}, "ada": {2, "steward:"},
	} {
		if code, out := reset(email); code != want.code || !strings.Contains(out, want.says) {
			t.Errorf("%s: %d %s", email, code, out)
		}
	}
	open := func() *store.Store {
		t.Helper()
		key, err := readKey(database + ".key")
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), database, store.Options{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	staff, _, err := s.StaffCredentials(t.Context(), "ada@vendor.example")
	if err != nil {
		t.Fatal(err)
	}
	h := backoffice.MFAHolder{Kind: backoffice.ActorStaff, Key: staff.Key}
	if _, err := s.AddPasskey(t.Context(), backoffice.CommandLine(), h, backoffice.PasskeyEntry{Name: "Key", Credential: []byte("credential"), Data: "{}"}, [][]byte{[]byte("code")}, nil); err != nil {
		t.Fatal(err)
	}
	now, session := s.Now(), []byte("session")
	if err := s.CreateStaffSession(t.Context(), staff.Key, session, backoffice.StaffSession{ID: "session", CreatedAt: now, SeenAt: now, MFAAt: now}, nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if code, out := reset(" Ada@Vendor.example"); code != 0 || !strings.Contains(out, "The second factors of ada@vendor.example are gone") {
		t.Fatalf("%d %s", code, out)
	}
	s = open()
	defer s.Close()
	if m, err := s.MFA(t.Context(), h); err != nil || m.Methods != 0 || m.CodesLeft != 0 || len(m.Passkeys) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
	if _, _, err := s.FindStaffSession(t.Context(), session); !errors.Is(err, backoffice.ErrNotFound) {
		t.Errorf("the session: %v", err)
	}
	page, err := s.Events(t.Context(), backoffice.EventFilter{}, "", 20)
	if err != nil || len(page.Rows) == 0 || page.Rows[0].Action != "staff.mfa-reset" || page.Rows[0].ActorID != "command-line" {
		t.Errorf("the trail: %+v, %v", page.Rows, err)
	}
}

func TestTokenAdd(t *testing.T) {
	database := filepath.Join(t.TempDir(), "steward.db")
	code, stdout, stderr := runVerb(t, database, "", "token", "add", "CRM", "--scope", "visits:write,accounts:write,applications:read,applications:write")
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
	if err != nil || found.Name != "CRM" || len(found.Scopes) != 4 || found.CreatedBy != "Command line" {
		t.Errorf("%+v, %v", found, err)
	}
	for _, args := range [][]string{{"CRM", "--scope", "root"}, {"CRM"}, {" ", "--scope", "visits:write"}} {
		if code, stdout, stderr := runVerb(t, database, "", append([]string{"token", "add"}, args...)...); code != 2 || stdout != "" || stderr == "" {
			t.Errorf("%q: %d %q %q", args, code, stdout, stderr)
		}
	}
}
