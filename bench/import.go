package main

import (
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"steward/backoffice"
)

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
	r.only = 30_000
	if err := writeAccounts(file("only.csv"), r.only); err != nil {
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
		r.accounts++
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
	for _, w := range []*csv.Writer{accounts, users, seen} {
		if w.Flush(); w.Error() != nil {
			return w.Error()
		}
	}
	return nil
}

// writeAccounts writes a file of n accounts alone, with IDs that no other data
// set has.
func writeAccounts(file string, n int) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	w.Write([]string{"id", "name", "created_at", "website", "metadata"})
	d := backoffice.NewDemo(n, 3, time.Now().Add(-time.Hour))
	for a, ok := d.Next(); ok; a, ok = d.Next() {
		w.Write([]string{"new-" + a.ID, a.Name, a.CreatedAt.Format(time.RFC3339), a.Website, a.Metadata})
	}
	w.Flush()
	return w.Error()
}
