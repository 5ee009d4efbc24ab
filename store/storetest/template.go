package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"steward/store"
)

// migrated are databases whose schema is up to date and in which nothing happened:
// each test begins with a copy, which takes a fraction of what the schema does.
var migrated templates

type templates struct {
	file     sync.Once
	bytes    []byte
	mu       sync.Mutex
	main     bool   // Main runs, and drops what is made
	database string // of PostgreSQL; "" until somebody needs it
}

// Main runs the tests of a package with a template on PostgreSQL, and drops it:
//
//	func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
//
// Without it each test on PostgreSQL writes its schema itself.
func Main(m *testing.M) (code int) {
	migrated.mu.Lock()
	migrated.main = true
	migrated.mu.Unlock()
	code = m.Run()
	migrated.drop()
	return code
}

// sqlite returns the bytes of a fresh file.
func (m *templates) sqlite(t testing.TB) []byte {
	t.Helper()
	m.file.Do(func() {
		name := filepath.Join(t.TempDir(), "template.db")
		if err := fresh(name); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m.bytes = b
	})
	if m.bytes == nil {
		t.Fatal("the template of a SQLite file was not made")
	}
	return m.bytes
}

// postgres returns the name of a fresh database to copy, "" where there is none.
func (m *templates) postgres(t testing.TB) string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if PostgreSQL == "" || !m.main || m.database != "" {
		return m.database
	}
	name := fmt.Sprintf("steward_template_%d", os.Getpid())
	if err := onAdmin(`CREATE DATABASE ` + name); err != nil {
		t.Fatalf("make a database on %s: %v", PostgreSQL, err)
	}
	m.database = name
	if err := fresh(onServer(name)); err != nil {
		t.Fatal(err)
	}
	return name
}

func (m *templates) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.database != "" {
		if err := onAdmin(`DROP DATABASE IF EXISTS ` + m.database + ` WITH (FORCE)`); err != nil {
			fmt.Fprintf(os.Stderr, "%s is left behind: %v\n", m.database, err)
		}
	}
	m.database, m.main = "", false
}

// fresh writes the schema of a database, and closes it: nothing of it stands in a
// log beside the file, and nobody is connected, which copying asks for.
func fresh(name string) error {
	s, err := store.Open(context.Background(), name, store.Options{Now: NewClock().Now, Key: make([]byte, store.KeySize)})
	if err != nil {
		return err
	}
	return s.Close()
}

func onAdmin(statement string) error {
	admin, err := sql.Open("pgx", PostgreSQL)
	if err != nil {
		return err
	}
	defer admin.Close()
	_, err = admin.Exec(statement)
	return err
}
