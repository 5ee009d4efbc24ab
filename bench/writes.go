package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"steward/store"
)

// writeResult is what writing gave: batches of 1,000 visits by 8 connections.
type writeResult struct {
	fresh    figures // each user for the first time on a day
	repeated figures // visits that were sent before
	half     figures // one of each in turns
	later    figures // users seen on that day before, at later instants
	page     figures // the accounts page meanwhile
	quiet    figures // the same before anything was written
	after    figures // the accounts page, each right after a write
	memory   int64   // PSS after all of it

	accounts  float64 // accounts made in a second by an import beside the server
	importing figures // the accounts page meanwhile
}

const (
	batch = 1000
	// again is how many users the repeated visits are of, mostUsers how many there are in all.
	again, mostUsers = 20 * batch, 400 * batch
)

// measureWrites sends visits in batches to a copy of the data, and imports
// accounts into it, while the accounts page is being opened.
func measureWrites(o options, database string) (*writeResult, error) {
	name := filepath.Join(outDir, "writes.db")
	if err := copyFile(database, name); err != nil {
		return nil, err
	}
	defer removeDatabase(name)
	token, _, _, err := run(nil, binary("steward"), "--database", name, "token", "add", "bench "+time.Now().Format(time.RFC3339Nano), "--scope", "visits:write")
	if err != nil {
		return nil, err
	}
	s, err := startSteward(name)
	if err != nil {
		return nil, err
	}
	defer func() { s.end() }()
	token = strings.TrimSpace(token)
	users, err := s.visitors(name, token)
	if err != nil {
		return nil, err
	}
	r := &writeResult{}
	page := get(accountsPath, s.cookie)
	const rate = 50
	meanwhile := func(length time.Duration) chan figures {
		pages := make(chan figures, 1)
		go func() { pages <- open(s.process, 8, rate, length, func(int) request { return page }) }()
		return pages
	}
	if r.quiet, err = whole("pages", <-meanwhile(o.length)); err != nil {
		return nil, err
	}
	now := time.Now().UTC().Add(-time.Second)
	// The n-th visit of all: each user today, then each on days long ago.
	fresh := func(n int) visit {
		at := now
		if round := n / len(users); round > 0 {
			at = now.AddDate(0, 0, -400-round)
		}
		return visit{users[n%len(users)], at}
	}
	old := users[:min(again, len(users))]
	repeated := func(c *rand.Rand) visit { return visit{old[c.IntN(len(old))], now} }
	sent := 0
	send := func(next func(c *rand.Rand, i, j int) visit) (figures, error) {
		first := sent
		f := closed(s.process, 8, o.length, func(i int) request {
			c := rand.New(rand.NewPCG(uint64(first+i), 1))
			return post("/api/v1/visits", "application/json", token, body(func(j int) visit { return next(c, first+i, j) }))
		})
		sent += f.requests + 8
		return whole("visits", f)
	}
	pages := meanwhile(4*o.length + 500*time.Millisecond)
	if r.fresh, err = send(func(_ *rand.Rand, i, j int) visit { return fresh(i*batch + j) }); err != nil {
		return nil, err
	}
	// Whoever is to be seen again has been seen.
	for i := 0; i < len(old); i += batch {
		if err := s.send(token, body(func(j int) visit { return visit{old[(i+j)%len(old)], now} })); err != nil {
			return nil, err
		}
	}
	if r.repeated, err = send(func(c *rand.Rand, _, _ int) visit { return repeated(c) }); err != nil {
		return nil, err
	}
	if r.half, err = send(func(c *rand.Rand, i, j int) visit {
		if j%2 == 0 {
			return repeated(c)
		}
		return fresh(i*batch + j)
	}); err != nil {
		return nil, err
	}
	if r.later, err = send(func(c *rand.Rand, _, _ int) visit {
		return visit{old[c.IntN(len(old))], time.Now().UTC().Add(-time.Second)}
	}); err != nil {
		return nil, err
	}
	if r.page, err = whole("pages", <-pages); err != nil {
		return nil, err
	}
	r.memory = s.memory()
	if r.after, err = s.afterWrites(o, token, page, old); err != nil {
		return nil, err
	}
	if err := r.importBeside(s, name, meanwhile); err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	return r, check(name)
}

// whole refuses figures of a load in which something failed.
func whole(what string, f figures) (figures, error) {
	if f.failed > 0 || f.requests == 0 {
		return f, fmt.Errorf("%s: %d failed of %d, the first with: %w", what, f.failed, f.failed+f.requests, f.firstErr)
	}
	return f, nil
}

// send sends one batch.
func (s *steward) send(token string, batch []byte) error {
	c := &client{addr: s.addr}
	defer c.close()
	status, _, err := c.do(post("/api/v1/visits", "application/json", token, batch))
	return failure(status, err)
}

// afterWrites opens the page each time after one visit was written: what the
// page keeps between two writes does not help it.
func (s *steward) afterWrites(o options, token string, page request, users []visitor) (figures, error) {
	c := &client{addr: s.addr}
	defer c.close()
	f := figures{}
	var took []sample
	for begun := time.Now(); time.Since(begun) < o.length; {
		if err := s.send(token, body(func(int) visit { return visit{users[len(took)%len(users)], time.Now().UTC().Add(-time.Second)} })); err != nil {
			return f, err
		}
		asked := time.Now()
		status, n, err := c.do(page)
		if err := failure(status, err); err != nil {
			return f, err
		}
		took = append(took, sample{time.Since(asked), n})
	}
	f.summarize(took)
	return f, nil
}

// importBeside imports accounts into the database of a server that is running,
// and opens the page as long as that takes.
func (r *writeResult) importBeside(s *steward, database string, meanwhile func(time.Duration) chan figures) error {
	file := filepath.Join(outDir, "beside.csv")
	defer os.Remove(file)
	const n = 20_000
	if err := writeAccounts(file, n); err != nil {
		return err
	}
	done := make(chan error, 1)
	var took time.Duration
	go func() {
		var err error
		_, took, _, err = run(nil, binary("steward"), "--database", database, "import", "--accounts", file, "--json")
		done <- err
	}()
	var all []sample
	for {
		f, err := whole("pages", <-meanwhile(500*time.Millisecond))
		if err != nil {
			return err
		}
		all = append(all, f.samples...)
		select {
		case err := <-done:
			r.accounts = float64(n) / took.Seconds()
			r.importing.summarize(all)
			return err
		default:
		}
	}
}

type visitor struct{ account, email string }

// exported reads users of accounts as the export writes them, shuffled.
func exported(database string) ([]visitor, error) {
	cmd := exec.Command(binary("steward"), "--database", database, "export", "users")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer cmd.Wait()
	defer cmd.Process.Kill() // most are enough
	rows := csv.NewReader(out)
	head, err := rows.Read()
	if err != nil {
		return nil, err
	}
	email, account := slices.Index(head, "email"), slices.Index(head, "account_id")
	if email < 0 || account < 0 {
		return nil, fmt.Errorf("the export of users has the columns %q", head)
	}
	var users []visitor
	for len(users) < mostUsers {
		row, err := rows.Read()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		if row[account] != "" {
			users = append(users, visitor{row[account], row[email]})
		}
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
	return users, nil
}

// visitors are users who may be seen. Those who may not are named by the refusal
// of a batch in which one visit is of nobody: nothing of it is recorded.
func (s *steward) visitors(database, token string) ([]visitor, error) {
	all, err := exported(database)
	if err != nil {
		return nil, err
	}
	var users []visitor
	for len(all) > 0 {
		list := all[:min(batch-1, len(all))]
		all = all[len(list):]
		at := time.Now().UTC().Add(-time.Minute)
		b := body(func(j int) visit {
			if j < len(list) {
				return visit{list[j], at}
			}
			return visit{visitor{"nobody", "nobody@bench.example"}, at}
		})
		q, err := http.NewRequest(http.MethodPost, "http://"+s.addr+"/api/v1/visits", bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Authorization", "Bearer "+token)
		res, err := (&http.Client{Timeout: 20 * time.Second}).Do(q)
		if err != nil {
			return nil, err
		}
		var refused struct{ Errors []store.VisitProblem }
		err = json.NewDecoder(res.Body).Decode(&refused)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusUnprocessableEntity {
			return nil, fmt.Errorf("visits of nobody: status %d, %v", res.StatusCode, err)
		}
		gone := map[int]bool{}
		for _, e := range refused.Errors {
			gone[e.Index] = true
		}
		for i, u := range list {
			if !gone[i] {
				users = append(users, u)
			}
		}
	}
	if len(users) == 0 {
		return nil, fmt.Errorf("no users in %s", database)
	}
	return users, nil
}

type visit struct {
	visitor
	at time.Time
}

// body is a batch as the API takes it.
func body(next func(j int) visit) []byte {
	b := make([]byte, 0, 160*batch)
	b = append(b, `{"visits":[`...)
	for j := range batch {
		if j > 0 {
			b = append(b, ',')
		}
		v := next(j)
		b = append(append(append(append(b, `{"account_id":"`...), v.account...), `","email":"`...), v.email...)
		b = v.at.AppendFormat(append(b, `","at":"`...), time.RFC3339)
		b = append(b, `"}`...)
	}
	return append(b, `]}`...)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	removeDatabase(to)
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

func removeDatabase(name string) {
	for _, end := range []string{"", "-wal", "-shm"} {
		os.Remove(name + end)
	}
}
