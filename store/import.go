package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"steward/backoffice"
)

// ImportFile is a file to be imported. Kind is accounts, users or visits; Name
// may be a path, of which the base name is kept.
type ImportFile struct {
	Kind   backoffice.ImportKind
	Name   string
	Reader io.Reader
}

// Rows of an import are applied in the order of their numbers: users first,
// which accounts name as their primary user, then accounts, memberships, visits.
const importPhase = int64(1) << 40

var importPhases = map[backoffice.ImportKind]int64{
	backoffice.ImportUsers:       0,
	backoffice.ImportAccounts:    importPhase,
	backoffice.ImportMemberships: 2 * importPhase,
	backoffice.ImportVisits:      3 * importPhase,
}

// importBatch is how long one transaction of an import may hold the writer, and
// importPause how long others, of this process or another one, then have it for
// themselves. A batch ends with the first group of rows after its time.
var (
	importBatch = 120 * time.Millisecond
	importPause = 10 * time.Millisecond
)

// importKeep is how long an applied import can be undone: its rows go afterwards.
const importKeep = backoffice.BinDays * 24 * time.Hour

const selectImport = `SELECT key, id, created_at, actor_name, files, strict, state, counts, rows_total, rows_done, undo_done, kept, failure, finished_at
	FROM imports WHERE `

func scanImport(r rowScanner) (run backoffice.ImportRun, err error) {
	var files, counts string
	err = r.Scan(&run.Key, &run.ID, micros{&run.CreatedAt}, &run.ActorName, &files, &run.Strict, &run.State, &counts,
		&run.RowsTotal, &run.RowsDone, &run.UndoDone, &run.Kept, &run.Failure, nullMicros{&run.FinishedAt})
	if err == nil {
		err = json.Unmarshal([]byte(files), &run.Files)
	}
	if err == nil {
		err = json.Unmarshal([]byte(counts), &run.Counts)
	}
	return run, err
}

// Import returns the import with the ID. Errors: ErrNotFound.
func (s *Store) Import(ctx context.Context, id string) (backoffice.ImportRun, error) {
	return scanImport(s.query().row(ctx, selectImport+`id = $1`, id))
}

// Imports returns the newest imports, discarded ones left out.
func (s *Store) Imports(ctx context.Context, limit int) ([]backoffice.ImportRun, error) {
	rows, err := s.query().rows(ctx, selectImport+`state NOT IN ('discarded', 'failed') ORDER BY key DESC LIMIT $1`, limit)
	return collect(rows, err, scanImport)
}

// ImportRefusals returns all refused rows of an import, in the order of the
// files and their lines.
func (s *Store) ImportRefusals(ctx context.Context, id string) ([]backoffice.ImportRefusal, error) {
	rows, err := s.query().rows(ctx, `SELECT r.file, r.line, r.col, r.value, r.reason FROM import_rows r JOIN imports i ON i.key = r.import_key
		WHERE i.id = $1 AND r.kind IN ('accounts', 'users', 'memberships', 'visits') AND r.action = 'refused'
		ORDER BY CASE r.kind WHEN 'accounts' THEN 1 WHEN 'visits' THEN 3 ELSE 2 END, r.line, r.seq`, id)
	return collect(rows, err, func(r rowScanner) (v backoffice.ImportRefusal, err error) {
		err = r.Scan(&v.File, &v.Line, &v.Column, &v.Value, &v.Reason)
		return
	})
}

// ImportRows returns a page of an import's rows of one kind and action, ""
// standing for all of them, that hold the query in subject, value or
// reason; those after the row numbered after. more tells whether others follow.
// A refused row of the users file is among the memberships, and among the users
// when its address or name was refused. Errors: ErrNotFound.
func (s *Store) ImportRows(ctx context.Context, id string, kind backoffice.ImportKind, action backoffice.ImportAction, query string, after int64, limit int) (list []backoffice.ImportRow, more bool, err error) {
	run, err := s.Import(ctx, id)
	if err != nil {
		return nil, false, err
	}
	where := `import_key = $1 AND seq > $2`
	args := []any{run.Key, after}
	if kind == backoffice.ImportUsers && action == backoffice.ImportRefused {
		kind = backoffice.ImportMemberships
		where += ` AND col IN ('email', 'name')`
	}
	kinds := []any{"accounts", "users", "memberships", "visits"}
	if kind != "" {
		kinds = []any{string(kind)}
	}
	var places []string
	for _, k := range kinds {
		args = append(args, k)
		places = append(places, fmt.Sprintf("$%d", len(args)))
	}
	where += ` AND kind IN (` + strings.Join(places, ", ") + `)`
	if action != "" {
		args = append(args, string(action))
		where += fmt.Sprintf(` AND action = $%d`, len(args))
	}
	if query = strings.TrimSpace(query); query != "" {
		args = append(args, like(strings.ToLower(query)))
		where += fmt.Sprintf(` AND LOWER(subject || ' ' || value || ' ' || reason) LIKE $%d ESCAPE '\'`, len(args))
	}
	args = append(args, limit+1)
	rows, err := s.query().rows(ctx, `SELECT seq, kind, action, file, line, n, subject, col, value, reason FROM import_rows WHERE `+where+
		fmt.Sprintf(` ORDER BY seq LIMIT $%d`, len(args)), args...)
	list, err = collect(rows, err, func(r rowScanner) (v backoffice.ImportRow, err error) {
		err = r.Scan(&v.Seq, &v.Kind, &v.Action, &v.File, &v.Line, &v.Count, &v.Subject, &v.Column, &v.Value, &v.Reason)
		return
	})
	if len(list) > limit {
		return list[:limit], true, err
	}
	return list, false, err
}

// importState moves an import from one of the states to another. Errors:
// ErrNotFound, ErrConflict when it is in none of them.
func (t *tx) importState(id string, to backoffice.ImportState, from ...backoffice.ImportState) (backoffice.ImportRun, error) {
	run, err := scanImport(t.get(selectImport+`id = $1`, id))
	if err != nil {
		return run, err
	}
	for _, f := range from {
		if run.State == f {
			run.State = to
			return run, t.one(`UPDATE imports SET state = $1, touched_at = $2 WHERE key = $3`, string(to), t.now.UnixMicro(), run.Key)
		}
	}
	return run, backoffice.ErrConflict
}

// DiscardImport throws away a plan that was not applied. Errors: ErrNotFound,
// ErrConflict.
func (s *Store) DiscardImport(ctx context.Context, actor backoffice.Actor, id string) error {
	var key int64
	err := s.update(ctx, actor, func(t *tx) error {
		run, err := t.importState(id, backoffice.ImportDiscarded, backoffice.ImportPlanning, backoffice.ImportPlanned)
		key = run.Key
		return err
	})
	if err != nil {
		return err
	}
	return s.dropImportRows(context.WithoutCancel(ctx), key)
}

// dropImportRows removes an import's rows, in batches.
func (s *Store) dropImportRows(ctx context.Context, key int64) error {
	for {
		var n int64
		err := s.update(ctx, backoffice.System(), func(t *tx) (err error) {
			n, err = t.exec(`DELETE FROM import_rows WHERE import_key = $1 AND seq IN (SELECT seq FROM import_rows WHERE import_key = $1 ORDER BY seq LIMIT 5000)`, key)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
		if err := pause(ctx, importPause); err != nil {
			return err
		}
	}
}

// PurgeImports drops the rows of imports that can no longer be undone, and the
// plans that nobody applied for as long.
func (s *Store) PurgeImports(ctx context.Context) error {
	rows, err := s.query().rows(ctx, `SELECT key FROM imports WHERE state IN ('applied', 'undone', 'planned') AND touched_at <= $1
		AND EXISTS (SELECT 1 FROM import_rows r WHERE r.import_key = imports.key)`, s.Now().Add(-importKeep).UnixMicro())
	keys, err := collect(rows, err, func(r rowScanner) (v int64, err error) { err = r.Scan(&v); return })
	if err != nil {
		return err
	}
	for _, key := range keys {
		err := s.update(essential(ctx), backoffice.System(), func(t *tx) error {
			_, err := t.exec(`UPDATE imports SET state = 'discarded' WHERE key = $1 AND state = 'planned'`, key)
			return err
		})
		if err != nil {
			return err
		}
		if err := s.dropImportRows(essential(ctx), key); err != nil {
			return err
		}
	}
	return nil
}

// ResumeImports goes on with imports and undos that a stop has interrupted, and
// gives up plans whose files are gone. It returns when all are done or ctx ends.
func (s *Store) ResumeImports(ctx context.Context) error {
	const silent = 10 * time.Minute
	type open struct {
		key, touched int64
		id           string
		state        backoffice.ImportState
	}
	rows, err := s.query().rows(ctx, `SELECT key, touched_at, id, state FROM imports WHERE state IN ('planning', 'applying', 'undoing') ORDER BY key`)
	list, err := collect(rows, err, func(r rowScanner) (v open, err error) {
		err = r.Scan(&v.key, &v.touched, &v.id, &v.state)
		return
	})
	var errs []error
	for _, run := range list {
		switch run.state {
		case backoffice.ImportApplying:
			err = s.applyRows(ctx, run.id, nil)
		case backoffice.ImportUndoing:
			err = s.undoRows(ctx, run.id, nil)
		default:
			if s.Now().UnixMicro()-run.touched < silent.Microseconds() {
				continue // another process may be reading its files
			}
			err = s.failPlan(run.key, "The reading of its files was interrupted.")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("import %s: %w", run.id, err))
		}
	}
	return errors.Join(append(errs, err)...)
}

// pause waits, or returns the error of a context that ends before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
