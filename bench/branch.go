package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
)

// branchResult is how fast a reseller of 5,000 sub-accounts, four levels deep,
// sees and changes its tree among all the other accounts.
type branchResult struct {
	pages []pageResult
	acts  []actResult
}

// actResult is what single calls took, in the order of their length.
type actResult struct {
	name  string
	times []time.Duration
}

func (a actResult) p50() time.Duration { return a.times[len(a.times)/2] }
func (a actResult) most() time.Duration {
	return a.times[len(a.times)-1]
}

const (
	branchTop   = "bench-reseller"
	branchAdmin = "admin@reseller-bench.example"
	branchSize  = 5000
)

// branchParent is under which account the one with the number lies: five below
// the top, ten below each of those, ten again, and the rest below these, so that
// each of the five is a branch of a thousand.
func branchParent(i int) string {
	switch {
	case i < 5:
		return branchTop
	case i < 55:
		return branchID((i - 5) / 10)
	case i < 555:
		return branchID(5 + (i-55)/10)
	}
	return branchID(55 + (i-555)%500)
}

func branchID(i int) string { return "bench-sub-" + strconv.Itoa(i) }

func measureBranch(o options, database string) (*branchResult, error) {
	name := filepath.Join(outDir, "branch.db")
	if err := copyFile(database, name); err != nil {
		return nil, err
	}
	defer removeDatabase(name)
	files := map[string]string{}
	for _, kind := range []string{"accounts", "users", "visits"} {
		files[kind] = filepath.Join(outDir, "branch-"+kind+".csv")
		defer os.Remove(files[kind])
	}
	if err := writeBranch(files); err != nil {
		return nil, err
	}
	if _, _, _, err := run(nil, binary("steward"), "--database", name, "import", "--strict", "--accounts", files["accounts"], "--users", files["users"], "--visits", files["visits"]); err != nil {
		return nil, err
	}
	r := &branchResult{}
	if err := r.measureStore(name); err != nil {
		return nil, err
	}
	s, err := startSteward(name)
	if err != nil {
		return nil, err
	}
	defer func() { s.end() }()
	web, cookie, err := signInUser("http://"+s.addr, branchAdmin, branchTop)
	if err != nil {
		return nil, err
	}
	portal := *s
	portal.cookie = cookie
	for _, p := range []struct{ name, path string }{
		{"table, the first level", "/portal/accounts?view=table"},
		{"table, a level below", "/portal/accounts?view=table&open=" + branchID(0)},
		{"table, search", "/portal/accounts?view=table&q=Branch+44"},
		{"graph, the first level", "/portal/accounts?view=graph"},
		{"graph, all that fits", "/portal/accounts?view=graph&open=all"},
		{"graph, search", "/portal/accounts?view=graph&q=Branch+4444"},
		{"a sub-account", "/portal/accounts/" + branchID(7)},
		{"who can reach it", "/portal/accounts/" + branchID(4444) + "/reach"},
	} {
		f, err := portal.page(o, p.path)
		if err != nil {
			return nil, err
		}
		r.pages = append(r.pages, pageResult{p.name, f})
	}
	// Moved to and fro: a branch of a thousand.
	var took []time.Duration
	for i := range 10 {
		to := []string{branchID(1), branchTop}[i%2]
		begun := time.Now()
		req, err := http.NewRequest(http.MethodPost, "http://"+s.addr+"/portal/accounts/"+branchID(0)+"/parent", strings.NewReader(url.Values{"parent": {to}}.Encode()))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := web.Transport.RoundTrip(withCookie(req, cookie))
		if err != nil {
			return nil, err
		}
		res.Body.Close()
		if res.StatusCode != http.StatusSeeOther {
			return nil, fmt.Errorf("moving a branch: status %d", res.StatusCode)
		}
		took = append(took, time.Since(begun))
	}
	r.add("move of a branch of 1,000, over HTTP", took)
	if err := s.end(); err != nil {
		return nil, err
	}
	return r, check(name)
}

func withCookie(r *http.Request, cookie string) *http.Request {
	r.Header.Set("Cookie", cookie)
	return r
}

func (r *branchResult) add(name string, times []time.Duration) {
	slices.Sort(times)
	r.acts = append(r.acts, actResult{name, times})
}

// measureStore asks the store itself; it also gives the admin access to the
// sub-accounts.
func (r *branchResult) measureStore(database string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, database, store.Options{Now: time.Now})
	if err != nil {
		return err
	}
	defer s.Close()
	admin, _, err := s.UserCredentials(ctx, branchAdmin)
	if err != nil {
		return err
	}
	if err := s.GiveAccess(ctx, backoffice.CommandLine(), branchTop, admin.ID, backoffice.NewGrant{}); err != nil {
		return err
	}
	top, err := s.Account(ctx, branchTop)
	if err != nil {
		return err
	}
	deep, err := s.Account(ctx, branchID(4444))
	if err != nil {
		return err
	}
	for _, act := range []struct {
		name string
		do   func() error
	}{
		{"who can reach an account, five levels down", func() error { _, err := s.WhoReaches(ctx, deep, ""); return err }},
		{"why somebody comes into it", func() error { _, err := s.Why(ctx, deep, admin.ID); return err }},
		{"how many lie below", func() error {
			n, err := s.BranchSize(ctx, top.Key)
			if err == nil && n != branchSize {
				err = fmt.Errorf("%d accounts lie below, not %d", n, branchSize)
			}
			return err
		}},
		{"the accounts of the admin", func() error { _, _, err := s.Standings(ctx, admin.Key, ""); return err }},
	} {
		var took []time.Duration
		for range 50 {
			begun := time.Now()
			if err := act.do(); err != nil {
				return fmt.Errorf("%s: %w", act.name, err)
			}
			took = append(took, time.Since(begun))
		}
		r.add(act.name, took)
	}
	return nil
}

// writeBranch writes the reseller with its sub-accounts, three users each, of
// whom every second one was seen yesterday.
func writeBranch(files map[string]string) error {
	hash, err := auth.NewHasher(runtime.GOMAXPROCS(0)).Hash(context.Background(), signInPassword)
	if err != nil {
		return err
	}
	var accounts, users, visits bytes.Buffer
	a, u, v := csv.NewWriter(&accounts), csv.NewWriter(&users), csv.NewWriter(&visits)
	day := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	a.Write([]string{"id", "name", "parent_id", "is_reseller"})
	a.Write([]string{branchTop, "Reseller bench", "", "true"})
	u.Write([]string{"email", "name", "account_id", "roles", "password_hash", "email_verified"})
	u.Write([]string{branchAdmin, "Ada Admin", branchTop, "admin", hash, "true"})
	v.Write([]string{"account_id", "email", "day"})
	v.Write([]string{branchTop, branchAdmin, day})
	for i := range branchSize {
		id := branchID(i)
		a.Write([]string{id, "Branch " + strconv.Itoa(i), branchParent(i), "false"})
		for j := range 3 {
			email := fmt.Sprintf("user%d-%d@reseller-bench.example", i, j)
			u.Write([]string{email, "", id, "read-only", "", "true"})
			if (i+j)%2 == 0 {
				v.Write([]string{id, email, day})
			}
		}
	}
	for kind, part := range map[string]struct {
		w *csv.Writer
		b *bytes.Buffer
	}{"accounts": {a, &accounts}, "users": {u, &users}, "visits": {v, &visits}} {
		part.w.Flush()
		if err := part.w.Error(); err != nil {
			return err
		}
		if err := os.WriteFile(files[kind], part.b.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// signInUser signs a user in by password, to one of their accounts, and returns
// the cookie.
func signInUser(base, email, account string) (*http.Client, string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, "", err
	}
	web := &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{}}
	res, err := web.PostForm(base+"/sign-in/password", url.Values{"email": {email}, "password": {signInPassword}})
	if err != nil {
		return nil, "", err
	}
	res.Body.Close()
	if strings.HasSuffix(res.Request.URL.Path, "/sign-in/accounts") {
		if res, err = web.PostForm(base+"/sign-in/accounts", url.Values{"account": {account}}); err != nil {
			return nil, "", err
		}
		res.Body.Close()
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, "", err
	}
	var cookies []string
	for _, c := range jar.Cookies(u) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	if res.Request.URL.Path != "/portal" {
		return nil, "", fmt.Errorf("signing in as %s ended at %s with status %d", email, res.Request.URL, res.StatusCode)
	}
	return web, strings.Join(cookies, "; "), nil
}
