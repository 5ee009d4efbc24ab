package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"steward/store"
)

// key reads the key that seals secrets. Beside a SQLite file it is made when
// absent, for its owner's eyes only; a PostgreSQL server has no place beside it,
// and without --key-file there is none (nil).
func (a *app) key() ([]byte, error) {
	path := a.keyFile
	if path == "" {
		if store.IsPostgres(a.database) {
			return nil, nil
		}
		path = a.database + ".key"
	}
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if store.IsPostgres(a.database) {
		// A new key in place of one that is lost would make everything sealed
		// unreadable without a word.
		return nil, fmt.Errorf("there is no key file at %s; make one with: head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' > %s && chmod 600 %s", path, path, path)
	}
	if err := makeKey(path); err != nil {
		return nil, fmt.Errorf("make the key file: %w", err)
	}
	return readKey(path)
}

func readKey(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others can read the key file %s: run chmod 600 %s", path, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != store.KeySize {
		return nil, fmt.Errorf("%s is no key file: it holds %d bytes in hexadecimal digits", path, store.KeySize)
	}
	return key, nil
}

// makeKey writes a new key. Of two processes that begin side by side one wins,
// and both use its key.
func makeKey(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	key := make([]byte, store.KeySize)
	_, _ = rand.Read(key) // never fails
	if _, err := fmt.Fprintln(f, hex.EncodeToString(key)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
