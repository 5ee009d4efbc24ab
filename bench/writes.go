package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"steward/backoffice"
	"steward/store"
)

// writeResult is what writing gave.
type writeResult struct {
	seen, unseen figures // batches of 1,000 visits: users seen that day before, and not
	page         figures // the accounts page while both ran
}

const batch = 1000

// measureWrites sends visits in batches to a copy of the data, and opens the
// accounts page meanwhile.
func measureWrites(o options, database string) (*writeResult, error) {
	name := filepath.Join(outDir, "writes.db")
	if err := copyFile(database, name); err != nil {
		return nil, err
	}
	defer os.Remove(name)
	users, err := visitors(name, 10_000)
	if err != nil {
		return nil, err
	}
	token, _, _, err := run(nil, binary("steward"), "--database", name, "token", "add", "bench "+time.Now().Format(time.RFC3339Nano), "--scope", "visits:write")
	if err != nil {
		return nil, err
	}
	s, err := startSteward(name)
	if err != nil {
		return nil, err
	}
	defer func() { s.end() }()
	r := &writeResult{}
	pages := make(chan figures, 1)
	go func() {
		page := get(accountsPath, s.cookie)
		pages <- open(s.process, 8, 50, 2*o.length+500*time.Millisecond, func(int) request { return page })
	}()
	post := func(at func(i int) time.Time) (figures, error) {
		f := closed(s.process, 8, o.length, func(i int) request {
			return post("/api/v1/visits", "application/json", strings.TrimSpace(token), visits(users, uint64(i), at(i)))
		})
		if f.failed > 0 || f.requests == 0 {
			return f, fmt.Errorf("visits: %d batches failed, the first with: %w", f.failed, f.firstErr)
		}
		return f, nil
	}
	now := time.Now().UTC().Add(-time.Second)
	if r.unseen, err = post(func(i int) time.Time { return now.AddDate(-1, 0, -i/10-40) }); err != nil {
		return nil, err
	}
	if r.seen, err = post(func(int) time.Time { return time.Now().UTC().Add(-time.Second) }); err != nil {
		return nil, err
	}
	r.page = <-pages
	if err := s.end(); err != nil {
		return nil, err
	}
	return r, check(name)
}

type visitor struct{ account, email string }

// visitors draws users of accounts all over the list.
func visitors(database string, most int) ([]visitor, error) {
	ctx := context.Background()
	s, err := store.Open(ctx, database, store.Options{MustExist: true})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var out []visitor
	cursor := ""
	for len(out) < most {
		p, err := s.Accounts(ctx, backoffice.AccountFilter{Sort: backoffice.SortPrimaryUser}, cursor)
		if err != nil {
			return nil, err
		}
		for _, a := range p.Rows {
			members, err := s.Members(ctx, backoffice.Account{Key: a.Key, Engagement: a.Engagement}, backoffice.MemberFilter{})
			if err != nil {
				return nil, err
			}
			for _, m := range members.Rows {
				if !m.Locked && !m.Disabled {
					out = append(out, visitor{a.ID, m.Email})
				}
			}
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no users in %s", database)
	}
	return out, nil
}

// visits is a batch as the API takes it.
func visits(users []visitor, seed uint64, at time.Time) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	b.WriteString(`{"visits":[`)
	for i := range batch {
		if i > 0 {
			b.WriteByte(',')
		}
		u := users[r.IntN(len(users))]
		b.WriteString(`{"account_id":"` + u.account + `","email":"` + u.email + `","at":"`)
		b.Write(at.AppendFormat(nil, time.RFC3339))
		b.WriteString(`"}`)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// importResult is what the import of files gave.
type importResult struct {
	accounts, users, visits int
	took                    time.Duration
	most                    int64
	only                    int // accounts of a file that has only accounts
	onlyTook                time.Duration
}

// measureImport imports 100,000 accounts with their users and visits, and apart
// from it a file that has only accounts.
func measureImport() (*importResult, error) {
	r := &importResult{}
	dir := filepath.Join(outDir, "import")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := func(name string) string { return filepath.Join(dir, name) }
	if err := r.write(file, 100_000); err != nil {
		return nil, err
	}
	_, took, most, err := run(nil, binary("steward"), "--database", file("whole.db"), "import",
		"--accounts", file("accounts.csv"), "--users", file("users.csv"), "--visits", file("visits.csv"), "--json")
	if err != nil {
		return nil, err
	}
	r.took, r.most = took, most
	if err := check(file("whole.db")); err != nil {
		return nil, err
	}
	if _, r.onlyTook, _, err = run(nil, binary("steward"), "--database", file("only.db"), "import", "--accounts", file("only.csv"), "--json"); err != nil {
		return nil, err
	}
	return r, check(file("only.db"))
}

// write writes the files of the import.
func (r *importResult) write(file func(string) string, n int) (err error) {
	sheet := func(name string, head ...string) *csv.Writer {
		f, e := os.Create(file(name))
		if e != nil {
			err = e
			return csv.NewWriter(io.Discard)
		}
		w := csv.NewWriter(f)
		w.Write(head)
		return w
	}
	accounts := sheet("accounts.csv", "id", "name", "created_at", "parent_id", "website", "primary_user_email", "is_reseller", "metadata")
	only := sheet("only.csv", "id", "name", "created_at", "website", "metadata")
	users := sheet("users.csv", "email", "name", "account_id", "roles", "created_at")
	seen := sheet("visits.csv", "account_id", "email", "day")
	if err != nil {
		return err
	}
	d := backoffice.NewDemo(n, 2, time.Now().Add(-time.Hour))
	var ids []string
	for {
		a, ok := d.Next()
		if !ok {
			break
		}
		parent := ""
		if a.Parent >= 0 {
			parent = ids[a.Parent]
		}
		ids = append(ids, a.ID)
		created := a.CreatedAt.Format(time.RFC3339)
		accounts.Write([]string{a.ID, a.Name, created, parent, a.Website, a.PrimaryEmail, strconv.FormatBool(a.IsReseller), a.Metadata})
		if r.accounts++; r.accounts <= 30_000 {
			only.Write([]string{a.ID, a.Name, created, a.Website, a.Metadata})
			r.only++
		}
		for _, u := range a.Users {
			role := "read-only"
			if u.Admin {
				role = "admin"
			}
			users.Write([]string{u.Email, u.Name, a.ID, role, u.CreatedAt.Format(time.RFC3339)})
			r.users++
		}
		for _, v := range a.Visits {
			seen.Write([]string{a.ID, a.Users[v.User].Email, v.Day.String()})
			r.visits++
		}
	}
	for _, w := range []*csv.Writer{accounts, only, users, seen} {
		if w.Flush(); w.Error() != nil {
			return w.Error()
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	for _, old := range []string{to + "-wal", to + "-shm"} {
		os.Remove(old)
	}
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
