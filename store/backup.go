package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"steward/migrations"
)

// Backup copies a SQLite database, as it is at one moment, into a new file that
// only its owner may read, and returns the file's length. Others go on writing.
// The file is on disk when Backup returns nil, and not there otherwise. Errors:
// fs.ErrExist when there is a file of that name.
func (s *Store) Backup(ctx context.Context, file string) (size int64, err error) {
	if s.file == "" {
		return 0, errors.ErrUnsupported
	}
	if _, err := os.Lstat(file); err == nil {
		return 0, &fs.PathError{Op: "backup", Path: file, Err: fs.ErrExist}
	}
	part, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".part-*") // mode 0600
	if err != nil {
		return 0, err
	}
	defer os.Remove(part.Name())
	defer part.Close()
	db, err := sql.Open("sqlite3", fileDSN(s.file)+"?_busy_timeout=10000")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, fileDSN(part.Name())); err != nil {
		return 0, s.fail(fmt.Errorf("copy into %s: %w", file, err))
	}
	if err := part.Sync(); err != nil {
		return 0, fmt.Errorf("write %s to disk: %w", file, err)
	}
	st, err := part.Stat()
	if err != nil {
		return 0, err
	}
	// A link, not a rename: what appeared under the name meanwhile stays.
	if err := os.Link(part.Name(), file); err != nil {
		return 0, err
	}
	return st.Size(), syncDir(file)
}

func fileDSN(path string) string {
	// From the root on, so that no name means something else to SQLite: ":memory:"
	// and "//host" do.
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath()
}

func syncDir(file string) error {
	d, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// RestoreBackup verifies a backup and puts a copy of it in the place of the
// SQLite file at path. What was there stays beside it, under the name that is
// returned. At every moment one of the two is complete at path. Errors:
// ErrInUse while another process serves or uses path, ErrForeign and ErrNewer
// for what is no backup of this version.
func RestoreBackup(ctx context.Context, backup, path string, now time.Time) (kept string, err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if a, err := os.Stat(backup); err != nil {
		return "", err
	} else if b, err := os.Stat(path); err == nil && os.SameFile(a, b) {
		return "", fmt.Errorf("%s is the database itself, not a backup of it", backup)
	}
	if err := sqliteHeader(backup); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	lock, err := lockServe(path)
	if err != nil {
		return "", err
	}
	defer lock.Close()

	part, err := copyBackup(backup, path)
	if err != nil {
		return "", err
	}
	defer os.Remove(part)
	if err := verifyBackup(ctx, part, backup); err != nil {
		return "", err
	}
	if _, err := os.Lstat(path); err == nil {
		if err := settle(ctx, path); err != nil {
			return "", err
		}
		kept = path + ".before-restore-" + now.UTC().Format("20060102T150405.000")
		// Of a damaged file the log goes along; a log that stayed would be played
		// into the restored file.
		for _, suffix := range []string{"-wal", "-shm"} {
			if err := os.Rename(path+suffix, kept+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
		}
		if err := os.Link(path, kept); err != nil {
			return "", err
		}
	} else {
		os.Remove(path + "-wal")
		os.Remove(path + "-shm")
	}
	if err := syncDir(path); err != nil {
		return kept, err
	}
	if err := os.Rename(part, path); err != nil {
		return kept, err
	}
	return kept, syncDir(path)
}

// copyBackup copies into the directory of path, onto disk.
func copyBackup(backup, path string) (part string, err error) {
	in, err := os.Open(backup)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".restore-*")
	if err != nil {
		return "", err
	}
	defer out.Close()
	if _, err = io.Copy(out, in); err == nil {
		err = out.Sync()
	}
	if err == nil {
		// Where the backup is a plain copy of a database in use, part of it is in
		// the log beside.
		if wal, walErr := os.Stat(backup + "-wal"); walErr == nil && wal.Size() > 0 {
			err = fmt.Errorf("%s has a log beside it (%s-wal): it is a database in use, not a backup; make one with steward backup", backup, filepath.Base(backup))
		}
	}
	if err != nil {
		os.Remove(out.Name())
		return "", err
	}
	return out.Name(), nil
}

// verifyBackup looks at every page of the copy, and at its schema's version.
func verifyBackup(ctx context.Context, part, name string) error {
	db, err := sql.Open("sqlite3", fileDSN(part)+"?mode=ro&immutable=1&_query_only=1")
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `PRAGMA integrity_check(1)`)
	texts, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
	if err == nil && len(texts) > 0 && texts[0] != "ok" {
		err = errors.New(texts[0])
	}
	if err != nil {
		return fmt.Errorf("%s is damaged: %w; choose another backup", name, err)
	}
	var have int64
	err = db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&have)
	if err != nil || have == 0 {
		return fmt.Errorf("%w: %s", ErrForeign, name)
	}
	p, err := goose.NewProvider(database.DialectSQLite3, db, migrations.FS(migrations.SQLite))
	if err != nil {
		return err
	}
	sources := p.ListSources()
	if want := sources[len(sources)-1].Version; have > want {
		return fmt.Errorf("%w: %s has schema %d, this version knows %d; restore it with the newer steward", ErrNewer, name, have, want)
	}
	return nil
}

// settle brings the log of a SQLite file into the file and takes it away, which
// works only while nobody else has it open. A file that is too damaged for that
// is left as it is.
func settle(ctx context.Context, path string) error {
	if sqliteHeader(path) != nil {
		return nil
	}
	db, err := sql.Open("sqlite3", fileDSN(path)+"?_busy_timeout=2000")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var mode string
	err = db.QueryRowContext(ctx, `PRAGMA journal_mode = DELETE`).Scan(&mode)
	if sqliteDialect.busy(err) {
		return fmt.Errorf("%w: a verb of steward has %s open; wait for its end", ErrInUse, path)
	}
	return nil
}
