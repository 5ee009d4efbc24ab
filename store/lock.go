package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// IsPostgres reports whether a database's name is that of a PostgreSQL server.
func IsPostgres(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://")
}

// lockServe claims a SQLite file for the one process that serves it, or that
// replaces it; the claim ends with the process. Errors: ErrInUse.
func lockServe(path string) (*os.File, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", ErrInUse, path)
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return f, nil
}

// WALSize returns how many bytes SQLite's write-ahead log has on disk; 0 on
// PostgreSQL.
func (s *Store) WALSize() int64 {
	if s.file == "" {
		return 0
	}
	st, err := os.Stat(s.file + "-wal")
	if err != nil {
		return 0
	}
	return st.Size()
}
