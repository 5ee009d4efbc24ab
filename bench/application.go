package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
)

// applicationResult is how long it takes to assign an application to an account of
// 100,000 users, and to give out and renew tokens.
type applicationResult struct {
	acts []actResult
	cpu  map[string]float64 // µs of the server's process for each, by name
}

func (r *applicationResult) add(name string, times []time.Duration) {
	slices.Sort(times)
	r.acts = append(r.acts, actResult{name, times})
}

const (
	crowd         = 100_000
	crowdAccount  = "bench-crowd"
	crowdUser     = "user0@crowd-bench.example"
	crowdRedirect = "http://localhost:1/callback"
)

func measureApplications(database string) (*applicationResult, error) {
	name := filepath.Join(outDir, "applications.db")
	if err := copyFile(database, name); err != nil {
		return nil, err
	}
	defer removeDatabase(name)
	defer os.Remove(name + ".key")
	// What the data's own server sealed stays readable.
	if key, err := os.ReadFile(database + ".key"); err == nil {
		if err := os.WriteFile(name+".key", key, 0o600); err != nil {
			return nil, err
		}
	}
	accounts, users := filepath.Join(outDir, "crowd-accounts.csv"), filepath.Join(outDir, "crowd-users.csv")
	defer os.Remove(accounts)
	defer os.Remove(users)
	if err := writeCrowd(accounts, users); err != nil {
		return nil, err
	}
	if _, _, _, err := run(nil, binary("steward"), "--database", name, "import", "--strict", "--accounts", accounts, "--users", users); err != nil {
		return nil, err
	}
	r := &applicationResult{cpu: map[string]float64{}}
	out, _, _, err := run(nil, binary("steward"), "--database", name, "application", "add", "Bench", "--type", "web", "--redirect-uri", crowdRedirect, "--json")
	if err != nil {
		return nil, err
	}
	var app struct{ ID, Secret string }
	if err := json.Unmarshal([]byte(out), &app); err != nil {
		return nil, err
	}
	if err := r.measureAssignment(name, app.ID); err != nil {
		return nil, err
	}
	s, err := startSteward(name)
	if err != nil {
		return nil, err
	}
	defer func() { s.end() }()
	if err := r.measureTokens(s, app.ID, app.Secret); err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	return r, check(name)
}

// measureAssignment enables and disables auto-assignment, three times each. The
// last is enabled.
func (r *applicationResult) measureAssignment(database, id string) error {
	ctx, cmd := context.Background(), backoffice.CommandLine()
	s, err := store.Open(ctx, database, store.Options{Now: time.Now})
	if err != nil {
		return err
	}
	defer s.Close()
	app, err := s.Application(ctx, id)
	if err != nil {
		return err
	}
	if _, err := s.AssignApplications(ctx, cmd, crowdAccount, []string{app.ID}, false); err != nil {
		return err
	}
	took := map[bool][]time.Duration{}
	for range 3 {
		for _, on := range []bool{true, false} {
			begun := time.Now()
			if err := s.SetAutoAssignment(ctx, cmd, crowdAccount, app.ID, on); err != nil {
				return err
			}
			took[on] = append(took[on], time.Since(begun))
		}
	}
	r.add("auto-assignment enabled, 100,000 users", took[true])
	r.add("disabled: all of them keep it by hand", took[false])
	account, err := s.Account(ctx, crowdAccount)
	if err != nil {
		return err
	}
	u, _, err := s.UserCredentials(ctx, crowdUser)
	if err != nil {
		return err
	}
	if err := s.SetAutoAssignment(ctx, cmd, crowdAccount, app.ID, true); err != nil {
		return err
	}
	var entries []time.Duration
	for range 200 {
		begun := time.Now()
		if _, why, err := s.Entry(ctx, u.Key, account.Key, app.Key); err != nil || why != backoffice.EntryOpen {
			return fmt.Errorf("entry: %q, %v", why, err)
		}
		entries = append(entries, time.Since(begun))
	}
	r.add("may one of them enter it", entries)
	return nil
}

// measureTokens has a user who is signed in go into the application again and
// again, and renews tokens.
func (r *applicationResult) measureTokens(s *steward, app, secret string) error {
	base := "http://localhost" + s.addr[strings.LastIndexByte(s.addr, ':'):]
	web, _, err := signInUser(base, crowdUser, crowdAccount)
	if err != nil {
		return err
	}
	web.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), crowdRedirect) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	config := oauth2.Config{ClientID: app, ClientSecret: secret, RedirectURL: crowdRedirect, Scopes: []string{"openid", "profile", "email", "offline_access"},
		Endpoint: oauth2.Endpoint{AuthURL: base + "/oauth/authorize", TokenURL: base + "/oauth/token", AuthStyle: oauth2.AuthStyleInHeader}}
	ctx := context.Background()
	code := func() (code, verifier string, err error) {
		verifier = oauth2.GenerateVerifier()
		res, err := web.Get(config.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)))
		if err != nil {
			return "", "", err
		}
		res.Body.Close()
		back, err := res.Location()
		if err != nil || back.Query().Get("code") == "" {
			return "", "", fmt.Errorf("no code at %s, status %d: %v", res.Request.URL, res.StatusCode, err)
		}
		return back.Query().Get("code"), verifier, nil
	}
	const n = 100
	var codes, verifiers []string
	measure := func(name string, do func(i int) error) error {
		var took []time.Duration
		before := s.cpu()
		for i := range n {
			begun := time.Now()
			if err := do(i); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			took = append(took, time.Since(begun))
		}
		r.cpu[name] = float64((s.cpu() - before).Microseconds()) / n
		r.add(name, took)
		return nil
	}
	if err := measure("a sign-in to it, up to the code", func(int) error {
		c, v, err := code()
		codes, verifiers = append(codes, c), append(verifiers, v)
		return err
	}); err != nil {
		return err
	}
	var token *oauth2.Token
	if err := measure("tokens for a code", func(i int) (err error) {
		token, err = config.Exchange(ctx, codes[i], oauth2.VerifierOption(verifiers[i]))
		return err
	}); err != nil {
		return err
	}
	return measure("tokens renewed", func(int) (err error) {
		token, err = config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
		return err
	})
}

// writeCrowd writes an account of 100,000 users, the first of whom has a password.
func writeCrowd(accounts, users string) error {
	hash, err := auth.NewHasher(runtime.GOMAXPROCS(0)).Hash(context.Background(), signInPassword)
	if err != nil {
		return err
	}
	if err := os.WriteFile(accounts, []byte("id,name\n"+crowdAccount+",Crowd bench\n"), 0o600); err != nil {
		return err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"email", "account_id", "roles", "password_hash", "email_verified"})
	for i := range crowd {
		w.Write([]string{"user" + strconv.Itoa(i) + "@crowd-bench.example", crowdAccount, "read-only", hash, "true"})
		hash = ""
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	return os.WriteFile(users, b.Bytes(), 0o600)
}
