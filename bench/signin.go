package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"steward/auth"
)

// signInResult is how fast users sign in, and how the accounts page fares
// meanwhile.
type signInResult struct {
	signIns figures // as many as go
	storm   figures // 40 a second
	page    figures // meanwhile
	quiet   figures // the page before
}

const (
	signInUsers    = 4000
	signInPassword = "seven quiet lanterns"
	stormRate      = 40
)

// measureSignIn signs users in, each another one, into a copy of the data.
func measureSignIn(o options, database string) (*signInResult, error) {
	name := filepath.Join(outDir, "signin.db")
	if err := copyFile(database, name); err != nil {
		return nil, err
	}
	defer removeDatabase(name)
	users := filepath.Join(outDir, "signin-users.csv")
	accounts := filepath.Join(outDir, "signin-accounts.csv")
	defer os.Remove(users)
	defer os.Remove(accounts)
	if err := writeSignIns(accounts, users); err != nil {
		return nil, err
	}
	if _, _, _, err := run(nil, binary("steward"), "--database", name, "import", "--strict", "--accounts", accounts, "--users", users); err != nil {
		return nil, err
	}
	s, err := startSteward(name)
	if err != nil {
		return nil, err
	}
	defer func() { s.end() }()
	page := get(accountsPath, s.cookie)
	next := 0
	signIns := func(i int) request { return signInRequest((next + i) % signInUsers) }
	r := &signInResult{}
	pages := func(length time.Duration) chan figures {
		out := make(chan figures, 1)
		go func() { out <- open(s.process, 8, 50, length, func(int) request { return page }) }()
		return out
	}
	if r.quiet, err = whole("pages", <-pages(o.length)); err != nil {
		return nil, err
	}
	if r.signIns, err = whole("sign-ins", closed(s.process, 4, 2*o.length, signIns)); err != nil {
		return nil, err
	}
	next += r.signIns.requests + 4
	meanwhile := pages(2 * o.length)
	if r.storm, err = whole("sign-ins", open(s.process, 16, stormRate, 2*o.length, signIns)); err != nil {
		return nil, err
	}
	if r.page, err = whole("pages", <-meanwhile); err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	return r, check(name)
}

func signInEmail(i int) string { return "user" + strconv.Itoa(i) + "@sign-in.example" }

// signInRequest is the form of the password page.
func signInRequest(i int) request {
	body := url.Values{"email": {signInEmail(i)}, "password": {signInPassword}}.Encode()
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /sign-in/password HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return b.Bytes()
}

// writeSignIns writes one account and its users, who all have the password.
func writeSignIns(accounts, users string) error {
	hash, err := auth.NewHasher(runtime.GOMAXPROCS(0)).Hash(context.Background(), signInPassword)
	if err != nil {
		return err
	}
	if err := os.WriteFile(accounts, []byte("id,name\nsign-in-bench,Sign-in bench\n"), 0o600); err != nil {
		return err
	}
	f, err := os.Create(users)
	if err != nil {
		return err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	if err := w.Write([]string{"email", "name", "account_id", "roles", "password_hash"}); err != nil {
		return err
	}
	for i := range signInUsers {
		if err := w.Write([]string{signInEmail(i), "", "sign-in-bench", "read-only", hash}); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
