// Package storetest opens fresh databases for tests, on each engine in turn.
package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // makes and drops PostgreSQL's databases

	"steward/store"
)

// Now is the instant at which tests begin: a Friday noon.
var Now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Clock is a clock that moves when told.
type Clock struct{ us atomic.Int64 }

// NewClock returns a clock that stands at Now.
func NewClock() *Clock {
	c := &Clock{}
	c.us.Store(Now.UnixMicro())
	return c
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time { return time.UnixMicro(c.us.Load()).UTC() }

// Add moves the clock.
func (c *Clock) Add(d time.Duration) { c.us.Add(d.Microseconds()) }

// Set puts the clock to t.
func (c *Clock) Set(t time.Time) { c.us.Store(t.UnixMicro()) }

// PostgreSQL names the server on which tests make their databases, such as
// postgres://localhost/postgres; empty leaves that engine out.
var PostgreSQL = os.Getenv("STEWARD_TEST_POSTGRES")

// Each runs test on a fresh database of each engine. Without a PostgreSQL
// server that engine is left out, which the suite says in one line and
// STEWARD_TEST_ALL=1 turns into a failure.
func Each(t *testing.T, test func(t *testing.T, s *store.Store, clock *Clock)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		clock := NewClock()
		test(t, Open(t, SQLite(t), clock), clock)
	})
	t.Run("postgres", func(t *testing.T) {
		name := postgres(t, migrated.postgres(t))
		clock := NewClock()
		test(t, Open(t, name, clock), clock)
	})
}

// SQLite returns the name of a database file that is not there yet.
func SQLite(t testing.TB) string { return filepath.Join(t.TempDir(), "steward.db") }

var databases atomic.Int64

// Postgres makes an empty PostgreSQL database that goes with the test, and
// returns its name.
func Postgres(t testing.TB) string {
	t.Helper()
	return postgres(t, "")
}

// postgres makes a database that is a copy of the template, "" for an empty one.
func postgres(t testing.TB, template string) string {
	t.Helper()
	if PostgreSQL == "" {
		if os.Getenv("STEWARD_TEST_ALL") != "" {
			t.Fatal("PostgreSQL is left out: set STEWARD_TEST_POSTGRES to a server, or run make test")
		}
		t.Skip("PostgreSQL left out: set STEWARD_TEST_POSTGRES to a server, or run make test with PostgreSQL installed")
	}
	admin, err := sql.Open("pgx", PostgreSQL)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("steward_test_%d_%d", os.Getpid(), databases.Add(1))
	create := `CREATE DATABASE ` + name
	if template != "" {
		create += ` TEMPLATE ` + template
	}
	if _, err := admin.Exec(create); err != nil {
		admin.Close()
		t.Fatalf("make a database on %s: %v", PostgreSQL, err)
	}
	t.Cleanup(func() {
		admin.Exec(`DROP DATABASE IF EXISTS ` + name + ` WITH (FORCE)`)
		admin.Close()
	})
	return onServer(name)
}

// onServer is the name of a database of the server.
func onServer(database string) string {
	u, err := url.Parse(PostgreSQL)
	if err != nil {
		panic(err)
	}
	u.Path = "/" + database
	return u.String()
}

// Open opens a database with the clock; it is closed with the test. A SQLite file
// that is not there is a copy of one whose schema is up to date.
func Open(t testing.TB, name string, clock *Clock) *store.Store {
	t.Helper()
	if !store.IsPostgres(name) {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			if err := os.WriteFile(name, migrated.sqlite(t), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, err := store.Open(context.Background(), name, store.Options{Now: clock.Now, Key: make([]byte, store.KeySize)})
	if err != nil {
		t.Fatalf("open %s: %v", strings.SplitN(name, "@", 2)[0], err)
	}
	names.Store(s, name)
	t.Cleanup(func() { names.Delete(s); s.Close() })
	return s
}

// Beside opens the database of a store once more, as another process would, with
// a clock of its own.
func Beside(t testing.TB, s *store.Store, clock *Clock) *store.Store {
	t.Helper()
	name, ok := names.Load(s)
	if !ok {
		t.Fatal("this database was not opened by storetest")
	}
	return Open(t, name.(string), clock)
}

var names sync.Map // *store.Store -> name of its database
