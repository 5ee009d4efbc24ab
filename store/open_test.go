package store_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// Several processes begin with an empty PostgreSQL database at once: one of them
// makes the schema, the others wait.
func TestPostgresOpenSideBySide(t *testing.T) {
	for range 3 {
		name := storetest.Postgres(t)
		var openers sync.WaitGroup
		for range 6 {
			openers.Go(func() {
				s, err := store.Open(ctx, name, store.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				s.Close()
			})
		}
		openers.Wait()
		agree(t, storetest.Open(t, name, storetest.NewClock()))
	}
}

// A PostgreSQL database that is somebody else's, was written by a newer version,
// or cannot hold every letter, is refused and left as it is (T-92).
func TestAttack_T92_Postgres(t *testing.T) {
	exec := func(name string, texts ...string) {
		t.Helper()
		db, err := sql.Open("pgx", name)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, text := range texts {
			if _, err := db.Exec(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	tables := func(name string) (n int) {
		db, _ := sql.Open("pgx", name)
		defer db.Close()
		if err := db.QueryRow(`SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'public'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	foreign := storetest.Postgres(t)
	exec(foreign, `CREATE TABLE customers (id INTEGER)`)
	if _, err := store.Open(ctx, foreign, store.Options{}); !errors.Is(err, store.ErrForeign) || tables(foreign) != 1 {
		t.Errorf("a foreign database: %v, %d tables", err, tables(foreign))
	}
	absent := storetest.Postgres(t)
	if _, err := store.Open(ctx, absent, store.Options{MustExist: true}); !errors.Is(err, store.ErrMissing) || tables(absent) != 0 {
		t.Errorf("a database without schema: %v, %d tables", err, tables(absent))
	}
	newer := storetest.Postgres(t)
	storetest.Open(t, newer, storetest.NewClock()).Close()
	exec(newer, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`)
	if _, err := store.Open(ctx, newer, store.Options{}); !errors.Is(err, store.ErrNewer) {
		t.Errorf("a newer schema: %v", err)
	}
	narrow := storetest.Postgres(t)
	i := strings.LastIndex(narrow, "/") + 1
	other := strings.SplitN(narrow[i:], "?", 2)[0]
	exec(storetest.PostgreSQL, `DROP DATABASE `+other, `CREATE DATABASE `+other+` ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
	if _, err := store.Open(ctx, narrow, store.Options{}); err == nil || !strings.Contains(err.Error(), "UTF8") || tables(narrow) != 0 {
		t.Errorf("a database that cannot hold every letter: %v", err)
	}
}

// A path is a path, whatever SQLite would make of it.
func TestOpenOddPaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, path := range []string{":memory:", "a?mode=ro", "b#c", "d%20e", "file:f", "g h", "./i", "/" + filepath.Join(dir, "j"), "k&l=m", "ü"} {
		for round := range 2 {
			s, err := store.Open(ctx, path, store.Options{})
			if err != nil {
				t.Errorf("%s: %v", path, err)
				break
			}
			if round == 0 {
				_, err = s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: "Nord", ID: "nord"})
			} else {
				_, err = s.Account(ctx, "nord")
			}
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			s.Close()
		}
		if st, err := os.Stat(path); err != nil || st.Size() == 0 {
			t.Errorf("%s is not a file with the database: %v", path, err)
		}
	}
}
