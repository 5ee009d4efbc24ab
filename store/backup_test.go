package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/store/storetest"
)

// The drill: a backup is taken while eight write, and restored; everything that
// was confirmed before the backup began is there.
func TestAttack_T93(t *testing.T) {
	path := storetest.SQLite(t)
	s := storetest.Open(t, path, storetest.NewClock())
	var mu sync.Mutex
	confirmed := map[string]bool{}
	var stop atomic.Bool
	var writers sync.WaitGroup
	started := make(chan struct{}, 8)
	for w := range 8 {
		writers.Go(func() {
			for i := 0; !stop.Load(); i++ {
				id := fmt.Sprintf("w%d-%d", w, i)
				if _, err := s.CreateAccount(ctx, actor, backoffice.NewAccount{Name: "Account " + id, ID: id, PrimaryEmail: id + "@nord.example"}); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				confirmed[id] = true
				mu.Unlock()
				if i == 20 {
					started <- struct{}{}
				}
			}
		})
	}
	for range 8 {
		<-started
	}
	mu.Lock()
	var before []string
	for id := range confirmed {
		before = append(before, id)
	}
	mu.Unlock()
	file := filepath.Join(t.TempDir(), "backup.db")
	if _, err := s.Backup(ctx, file); err != nil {
		t.Fatal(err)
	}
	stop.Store(true)
	writers.Wait()
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the backup's mode: %v, %v", st.Mode(), err)
	}
	if _, err := s.Backup(ctx, file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second backup over the first: %v", err)
	}
	if left, _ := filepath.Glob(file + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	// Somebody has it open: refused, and nothing changed.
	if _, err := store.RestoreBackup(ctx, file, path, storetest.Now); !errors.Is(err, store.ErrInUse) {
		t.Errorf("restore beside an open database: %v", err)
	}
	s.Close()
	kept, err := store.RestoreBackup(ctx, file, path, storetest.Now)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kept, path+".before-restore-") {
		t.Errorf("kept as %q", kept)
	}
	restored := storetest.Open(t, path, storetest.NewClock())
	for _, id := range before {
		if _, err := restored.Account(ctx, id); err != nil {
			t.Errorf("%s was confirmed before the backup: %v", id, err)
		}
	}
	agree(t, restored)
	former := storetest.Open(t, kept, storetest.NewClock())
	for id := range confirmed {
		if _, err := former.Account(ctx, id); err != nil {
			t.Errorf("%s is not in the former database: %v", id, err)
		}
	}
	agree(t, former)
}

// Several verbs may be the first to meet an absent database.
func TestOpenSideBySide(t *testing.T) {
	path := storetest.SQLite(t)
	var openers sync.WaitGroup
	for range 4 {
		openers.Go(func() {
			s, err := store.Open(ctx, path, store.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	openers.Wait()
	agree(t, storetest.Open(t, path, storetest.NewClock()))
}

func TestAttack_T94(t *testing.T) {
	path := storetest.SQLite(t)
	first, err := store.Open(ctx, path, store.Options{Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(ctx, path, store.Options{Serve: true}); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a second server: %v", err)
	}
	link := filepath.Join(t.TempDir(), "other-name.db")
	os.Symlink(path, link)
	if _, err := store.Open(ctx, link, store.Options{Serve: true}); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a second server by another name: %v", err)
	}
	beside, err := store.Open(ctx, path, store.Options{})
	if err != nil {
		t.Fatalf("a verb beside the server: %v", err)
	}
	beside.Close()
	first.Close()
	again, err := store.Open(ctx, path, store.Options{Serve: true})
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	again.Close()
}

// T-92: what is not a whole database of this version is refused with a sentence,
// by opening and by restoring alike, and left as it is.
func TestAttack_T92(t *testing.T) {
	good := storetest.SQLite(t)
	s := storetest.Open(t, good, storetest.NewClock())
	for i := range 30 {
		create(t, s, fmt.Sprintf("Account %d", i), fmt.Sprintf("acc-%d", i), fmt.Sprintf("u%d@nord.example", i))
	}
	backup := filepath.Join(t.TempDir(), "good.db")
	if _, err := s.Backup(ctx, backup); err != nil {
		t.Fatal(err)
	}
	s.Close()
	whole, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	run := func(t *testing.T, file, text string) {
		t.Helper()
		db, err := sql.Open("sqlite3", file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		make func(t *testing.T, file string)
		is   error
		says string
	}{
		{"newer schema", func(t *testing.T, file string) {
			os.WriteFile(file, whole, 0o600)
			run(t, file, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
		}, store.ErrNewer, "9999"},
		{"somebody else's", func(t *testing.T, file string) { run(t, file, `CREATE TABLE songs (name TEXT)`) }, store.ErrForeign, "not a database of Steward"},
		{"truncated", func(t *testing.T, file string) { os.WriteFile(file, whole[:len(whole)*2/3/4096*4096], 0o600) }, store.ErrForeign, "cut short"},
		{"truncated in the header", func(t *testing.T, file string) { os.WriteFile(file, whole[:60], 0o600) }, store.ErrForeign, ""},
		{"text", func(t *testing.T, file string) { os.WriteFile(file, bytes.Repeat([]byte("id,name\n"), 1000), 0o600) }, store.ErrForeign, ""},
		{"zeros", func(t *testing.T, file string) { os.WriteFile(file, make([]byte, 8192), 0o600) }, store.ErrForeign, ""},
		{"garbage behind the header", func(t *testing.T, file string) {
			b := bytes.Clone(whole)
			for i := 100; i < 4096; i++ {
				b[i] = byte(i * 31)
			}
			os.WriteFile(file, b, 0o600)
		}, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "steward.db")
			test.make(t, file)
			before, _ := os.ReadFile(file)
			if s, err := store.Open(ctx, file, store.Options{}); err == nil {
				s.Close()
				t.Fatal("opened")
			} else if test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("open: %v", err)
			}
			target := filepath.Join(t.TempDir(), "target.db")
			os.WriteFile(target, whole, 0o600)
			if _, err := store.RestoreBackup(ctx, file, target, storetest.Now); err == nil {
				t.Fatal("restored")
			} else if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("restore: %v", err)
			}
			if after, _ := os.ReadFile(file); test.is != nil && test.is != store.ErrNewer && !bytes.Equal(before, after) {
				t.Error("the refused file was changed")
			}
			if after, _ := os.ReadFile(target); !bytes.Equal(whole, after) {
				t.Error("the database was changed by a refused restore")
			}
			if left, _ := filepath.Glob(target + ".*"); len(left) > 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	if _, err := store.Open(ctx, filepath.Join(t.TempDir(), "none.db"), store.Options{MustExist: true}); !errors.Is(err, store.ErrMissing) {
		t.Errorf("absent: %v", err)
	}
}
