package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime/debug"

	"steward/backoffice"
	"steward/store"
)

type importCommand struct {
	Accounts string `help:"CSV file with the columns id, name, created_at, parent_id, website, primary_user_email, is_reseller, metadata." type:"path" placeholder:"FILE" env:"STEWARD_IMPORT_ACCOUNTS"`
	Users    string `help:"CSV file with the columns email, name, account_id, roles, created_at, email_verified, metadata, vendor_metadata, password_hash, totp_secret." type:"path" placeholder:"FILE" env:"STEWARD_IMPORT_USERS"`
	Visits   string `help:"CSV file with the columns account_id, email, day." type:"path" placeholder:"FILE" env:"STEWARD_IMPORT_VISITS"`
	DryRun   bool   `help:"Say what would be done, and change nothing." env:"STEWARD_DRY_RUN"`
	Strict   bool   `help:"With a refused row, change nothing and end with exit code 1." env:"STEWARD_STRICT"`
	JSON     bool   `help:"Print the counts and the refused rows as JSON." name:"json" env:"STEWARD_JSON"`
}

func (c *importCommand) Run(ctx context.Context, a *app) error {
	if c.Accounts == "" && c.Users == "" && c.Visits == "" {
		return usage("name at least one file: --accounts FILE, --users FILE, --visits FILE")
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	limitImportMemory()
	// What an earlier import has left undone comes first: this one builds on it.
	if err := s.ResumeImports(ctx); err != nil {
		return err
	}
	bar := newProgress(a.stderr, "Reading")
	run, err := s.PlanImport(ctx, backoffice.CommandLine(), c.Strict, c.files(bar))
	bar.clear()
	if err != nil {
		return err
	}
	refused := run.Counts.RefusedRows() > 0
	if c.DryRun || c.Strict && refused {
		if err := errors.Join(c.report(ctx, a, s, run), s.DiscardImport(ctx, backoffice.CommandLine(), run.ID)); err != nil {
			return err
		}
		if c.Strict && refused {
			if !c.JSON {
				fmt.Fprintln(a.stderr, "steward: nothing was imported, since rows are refused and --strict is given. Mend them, or leave --strict out.")
			}
			return errSilent
		}
		return nil
	}
	bar = newProgress(a.stderr, "Importing")
	run, err = s.ApplyImport(ctx, backoffice.CommandLine(), run.ID, func(done, total int64) { bar.show(int(done), int(total)) })
	bar.clear()
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(a.stderr, "steward: interrupted. The import goes on where it stopped with the next steward import or steward serve.")
		return errSilent
	}
	if err != nil {
		return err
	}
	return c.report(ctx, a, s, run)
}

// importMemory is what the collector should stay below: the engine's own memory
// comes on top of it, and performance.md allows 256 MB in all.
const importMemory = 160 << 20

func limitImportMemory() {
	limitMemory()
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(min(debug.SetMemoryLimit(-1), importMemory))
	}
}

// files opens the files one after the other, as the plan asks for them.
func (c *importCommand) files(bar *progress) iter.Seq2[store.ImportFile, error] {
	list := []struct {
		kind backoffice.ImportKind
		path string
	}{{backoffice.ImportAccounts, c.Accounts}, {backoffice.ImportUsers, c.Users}, {backoffice.ImportVisits, c.Visits}}
	var total int64
	for _, f := range list {
		if st, err := os.Stat(f.path); err == nil {
			total += st.Size()
		}
	}
	return func(yield func(store.ImportFile, error) bool) {
		var read int64
		for _, f := range list {
			if f.path == "" {
				continue
			}
			in, err := os.Open(f.path)
			shown := &shownReader{in: in, read: &read, total: total, bar: bar}
			more := yield(store.ImportFile{Kind: f.kind, Name: f.path, Reader: shown}, err)
			in.Close()
			if !more || err != nil {
				return
			}
		}
	}
}

// shownReader moves the bar with what is read.
type shownReader struct {
	in    io.Reader
	read  *int64
	total int64
	bar   *progress
}

func (r *shownReader) Read(b []byte) (int, error) {
	n, err := r.in.Read(b)
	*r.read += int64(n)
	r.bar.show(int(*r.read), int(r.total))
	return n, err
}

// report prints what was done, or would be.
func (c *importCommand) report(ctx context.Context, a *app, s *store.Store, run backoffice.ImportRun) error {
	refused, err := s.ImportRefusals(ctx, run.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		run.Counts.Refused = refused
		if refused == nil {
			run.Counts.Refused = []backoffice.ImportRefusal{}
		}
		return json.NewEncoder(a.stdout).Encode(run.Counts)
	}
	for _, r := range refused {
		where := fmt.Sprintf("%s, line %d", r.File, r.Line)
		if r.Column != "" {
			where += ", " + r.Column
		}
		fmt.Fprintf(a.stderr, "%s: “%s”: %s\n", where, r.Value, r.Reason)
	}
	if len(refused) > 0 {
		fmt.Fprintln(a.stderr)
	}
	created, updated := "created", "updated"
	if run.State == backoffice.ImportPlanned {
		created, updated = "to create", "to update"
	}
	fmt.Fprintf(a.stdout, "%-12s %12s %12s %12s %12s\n", "", created, updated, "unchanged", "refused")
	for _, kind := range []backoffice.ImportKind{backoffice.ImportAccounts, backoffice.ImportUsers, backoffice.ImportMemberships, backoffice.ImportVisits} {
		f := run.Counts.Of(kind)
		fmt.Fprintf(a.stdout, "%-12s %12d %12d %12d %12d\n", kind, f.Created, f.Updated, f.Unchanged, f.Refused)
	}
	return nil
}
