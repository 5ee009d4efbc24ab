package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"steward/backoffice"
	"steward/migrations"
)

// Store is an open database.
type Store struct {
	dialect *dialect
	file    string // of SQLite
	write   *sql.DB
	read    *sql.DB
	now     func() time.Time

	reads    sync.Map // statement -> *sql.Stmt on the read pool
	lists    sync.Map // end of a list's statement -> the whole
	bulks    sync.Map // bulkText -> statement of many rows
	writer   *writer  // SQLite's single writing connection
	watch    versionWatch
	ledger   ledger
	known    *knownVisits
	reports  reports
	index    trigrams // of accounts
	people   trigrams // of users
	userKPIs userLedger
	roles    roleMemory
	branches branchMemory
	views    viewMemory
	secret   []byte // signs the cursors of lists
	lock     *os.File
	reserve  *reserve // of a SQLite file that is served
	sealer   sealer

	turns chan struct{} // PostgreSQL's writers of this process, one writing and one behind it
}

// Options change how a database is opened.
type Options struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// MustExist refuses to make a database that is not there.
	MustExist bool
	// NoMigrate leaves an older schema as it is; opening one is then an error.
	NoMigrate bool
	// Serve claims a SQLite file for this process as the one that serves it.
	Serve bool
	// Key seals secrets: KeySize random bytes, nil where none will be touched.
	Key []byte
}

// Errors of Open. The command line says what to do about each.
var (
	ErrMissing = errors.New("there is no database")
	ErrNewer   = errors.New("the database was written by a newer version of Steward")
	ErrForeign = errors.New("this is not a database of Steward")
	ErrInUse   = errors.New("another process serves this database")
)

// Open opens a database, makes it when absent, and brings its schema up to
// date. A name that starts with postgres:// or postgresql:// is a PostgreSQL
// server's; anything else is the path of a SQLite file.
func Open(ctx context.Context, name string, o Options) (*Store, error) {
	s := &Store{now: o.Now, known: newKnownVisits()}
	if s.now == nil {
		s.now = time.Now
	}
	var err error
	if s.sealer, err = newSealer(o.Key); err != nil {
		return nil, err
	}
	if IsPostgres(name) {
		err = s.openPostgres(ctx, name, o)
	} else {
		err = s.openSQLite(ctx, name, o)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	if s.secret, err = s.cursorSecret(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) openSQLite(ctx context.Context, path string, o Options) error {
	s.dialect, s.file = sqliteDialect, path
	s.index, s.people = trigramsOf(sqliteDialect, "accounts"), trigramsOf(sqliteDialect, "users")
	if st, err := os.Stat(path); err != nil || st.Size() == 0 {
		if o.MustExist {
			return fmt.Errorf("%w at %s", ErrMissing, path)
		}
		if dir := filepath.Dir(path); dir != "." {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
		}
		// The file holds customers' data: nobody else on the machine reads it.
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		f.Close()
	} else if err := sqliteHeader(path); err != nil {
		return err
	} else if err := sqliteOurs(ctx, path); err != nil {
		return err
	}
	if o.Serve {
		var err error
		if s.lock, err = lockServe(path); err != nil {
			return err
		}
		s.reserve = newReserve(path)
	}
	// Pragmas stand in the DSN: one that is run once holds for one connection.
	dsn := fileDSN(path) + "?_busy_timeout=10000&_foreign_keys=on&_journal_mode=WAL&_synchronous=FULL"
	var err error
	if s.write, err = sql.Open("sqlite3", dsn+"&_txlock=immediate&_cache_size=-16384"); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	s.write.SetConnMaxLifetime(0)
	if err := s.write.PingContext(ctx); err != nil {
		return fmt.Errorf("%w: %s (%v)", ErrForeign, path, err)
	}
	if _, err := s.write.ExecContext(ctx, "PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 4096"); err != nil {
		return err
	}
	if err := s.migrate(ctx, o); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite3", dsn+"&_query_only=1"); err != nil {
		return err
	}
	n := max(runtime.GOMAXPROCS(0), 4)
	s.read.SetMaxOpenConns(n)
	s.read.SetMaxIdleConns(n)
	s.writer, err = newWriter(s)
	return err
}

// sqliteHeader refuses files that are not SQLite's or are cut short, before the
// engine touches them.
func sqliteHeader(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 100)
	if n, _ := f.ReadAt(head, 0); n < 100 || string(head[:16]) != "SQLite format 3\x00" {
		return fmt.Errorf("%w: %s", ErrForeign, path)
	}
	page := int64(head[16])<<8 | int64(head[17])
	if page == 1 {
		page = 65536
	}
	if page < 512 || page&(page-1) != 0 {
		return fmt.Errorf("%w: %s", ErrForeign, path)
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	// A write-ahead log may hold pages that the file does not have yet; without
	// one, the file must be as long as its header says.
	pages := int64(head[28])<<24 | int64(head[29])<<16 | int64(head[30])<<8 | int64(head[31])
	if wal, err := os.Stat(path + "-wal"); err != nil || wal.Size() == 0 {
		if st.Size() < pages*page {
			return fmt.Errorf("%w: %s is cut short: %d of %d bytes", ErrForeign, path, st.Size(), pages*page)
		}
	}
	return nil
}

// sqliteOurs refuses a SQLite file that something else than Steward made, and
// leaves it as it is. One whose first migration was cut off is Steward's.
func sqliteOurs(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite3", fileDSN(path)+"?_busy_timeout=10000")
	if err != nil {
		return err
	}
	defer db.Close()
	var ours, others int
	err = db.QueryRowContext(ctx, `SELECT COALESCE(SUM(name IN ('goose_db_version', 'event_head')), 0), COALESCE(SUM(name NOT IN ('goose_db_version', 'sqlite_sequence')), 0)
		FROM sqlite_master WHERE type = 'table'`).Scan(&ours, &others)
	if err != nil && !sqliteDialect.unavailable(err) {
		return fmt.Errorf("%w: %s (%v)", ErrForeign, path, err)
	}
	if err == nil && ours < 2 && others > 0 {
		return fmt.Errorf("%w: %s", ErrForeign, path)
	}
	return err
}

func (s *Store) openPostgres(ctx context.Context, dsn string, o Options) error {
	s.dialect = postgresDialect
	s.index, s.people = trigramsOf(postgresDialect, "accounts"), trigramsOf(postgresDialect, "users")
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("PostgreSQL does not answer: %w", err)
	}
	db := sql.OpenDB(stdlib.GetConnector(*config, stdlib.OptionAfterConnect(nameParameterTypes)))
	s.write, s.read, s.turns = db, db, make(chan struct{}, 2)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("PostgreSQL does not answer: %w", err)
	}
	// Several processes may start at once: one of them looks and migrates.
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(writeLock)+1); err != nil {
		return err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(writeLock)+1)
	if err := postgresOurs(ctx, conn, o); err != nil {
		return err
	}
	return s.migrate(ctx, o)
}

// postgresOurs refuses a database that something else than Steward uses, or that
// cannot hold every letter, and leaves it as it is.
func postgresOurs(ctx context.Context, conn *sql.Conn, o Options) error {
	var name, encoding string
	var release, ours, others int
	if err := conn.QueryRowContext(ctx, `SELECT current_database(), current_setting('server_encoding'), CAST(current_setting('server_version_num') AS INTEGER),
		COUNT(*) FILTER (WHERE table_name IN ('goose_db_version', 'event_head')), COUNT(*) FILTER (WHERE table_name <> 'goose_db_version')
		FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'`).
		Scan(&name, &encoding, &release, &ours, &others); err != nil {
		return err
	}
	switch {
	case release < 130000:
		return fmt.Errorf("PostgreSQL is %d, and Steward needs 13 or newer", release/10000)
	case ours < 2 && others > 0:
		return fmt.Errorf("%w: %s", ErrForeign, name)
	case ours < 2 && o.MustExist:
		return fmt.Errorf("%w in %s", ErrMissing, name)
	case encoding != "UTF8":
		return fmt.Errorf("the encoding of %s is %s, and Steward needs UTF8: make one with CREATE DATABASE %s ENCODING 'UTF8' TEMPLATE template0", name, encoding, name)
	}
	return nil
}

// migrate brings the schema up to date. A schema newer than this binary, and a
// database that is somebody else's, are refused.
func (s *Store) migrate(ctx context.Context, o Options) error {
	gd := database.DialectSQLite3
	if s.dialect.engine.PostgreSQL {
		gd = database.DialectPostgres
	}
	p, err := goose.NewProvider(gd, s.write, migrations.FS(s.dialect.engine))
	if err != nil {
		return err
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	sources := p.ListSources()
	want := sources[len(sources)-1].Version
	if have > want {
		return fmt.Errorf("%w: its schema is %d, this version knows %d; run the newer steward, or restore a backup made before the upgrade", ErrNewer, have, want)
	}
	if have == want {
		return nil
	}
	if o.NoMigrate {
		return fmt.Errorf("the schema is %d, this version needs %d: run steward migrate", have, want)
	}
	_, err = p.Up(ctx)
	// Two processes that begin with an absent SQLite file migrate it side by side:
	// the second finds made what it was about to make.
	for try := 0; err != nil && s.dialect.engine.SQLite && try < 20; try++ {
		time.Sleep(100 * time.Millisecond)
		if have, readErr := p.GetDBVersion(ctx); readErr == nil && have == want {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Close ends all connections. Writes that were begun are finished first.
func (s *Store) Close() error {
	var errs []error
	if s.writer != nil {
		s.writer.close()
	}
	s.watch.close()
	s.reads.Range(func(_, v any) bool { v.(*sql.Stmt).Close(); return true })
	if s.read != nil && s.read != s.write {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	if s.lock != nil {
		s.lock.Close()
	}
	return errors.Join(errs...)
}

// Engine returns "sqlite" or "postgres".
func (s *Store) Engine() string { return s.dialect.name }

// Now returns the store's clock, in UTC.
func (s *Store) Now() time.Time { return s.now().UTC() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.query().row(ctx, `SELECT 1`).Scan(&one)
}

// fail turns errors of the engine into those that verbs promise.
func (s *Store) fail(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return backoffice.ErrNotFound
	case errors.Is(err, backoffice.ErrUnavailable):
		return err
	case s.dialect.full(err):
		return fmt.Errorf("%w: %w", backoffice.ErrDiskFull, err)
	case s.dialect.unavailable(err), s.dialect.damaged(err):
		return fmt.Errorf("%w: %w", backoffice.ErrUnavailable, err)
	}
	return err
}
