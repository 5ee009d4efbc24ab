package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestKeyFileIsMadeOnceForItsOwnerOnly(t *testing.T) {
	a := &app{database: filepath.Join(t.TempDir(), "data", "steward.db")}
	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			k, err := a.key()
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	wg.Wait()
	for _, k := range keys {
		if len(k) != 32 || !bytes.Equal(k, keys[0]) {
			t.Fatalf("keys differ: %x and %x", k, keys[0])
		}
	}
	st, err := os.Stat(a.database + ".key")
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", st, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(a.database), ".key-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestKeyFileThatCannotBeUsedIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	a := &app{database: "postgres://example/db", keyFile: path}
	if _, err := a.key(); err == nil || !strings.Contains(err.Error(), "make one with") {
		t.Errorf("absent on PostgreSQL: %v", err)
	}
	good := strings.Repeat("0f", 32)
	write(good+"\n", 0o644)
	if _, err := a.key(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("readable by others: %v", err)
	}
	write("not hexadecimal", 0o600)
	if _, err := a.key(); err == nil || !strings.Contains(err.Error(), "no key file") {
		t.Errorf("garbage: %v", err)
	}
	write(good, 0o600)
	if k, err := a.key(); err != nil || len(k) != 32 {
		t.Errorf("%x, %v", k, err)
	}
	if k, err := (&app{database: "postgres://example/db"}).key(); k != nil || err != nil {
		t.Errorf("PostgreSQL without --key-file: %x, %v", k, err)
	}
}
