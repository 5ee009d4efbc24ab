package store

import (
	"context"
	"database/sql"
	"sync"
)

// versionWatch answers whether anything was committed, by this process or
// another one, since it was last asked. SQLite counts that per connection, so
// one connection is kept for the question, and for reading what has changed.
type versionWatch struct {
	mu      sync.Mutex
	conn    *sql.Conn
	version *sql.Stmt
	changes *sql.Stmt
}

func (v *versionWatch) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn != nil {
		v.version.Close()
		v.changes.Close()
		v.conn.Close()
		v.conn = nil
	}
}

// open takes the connection. The caller holds the lock.
func (v *versionWatch) open(s *Store) (err error) {
	if v.conn != nil {
		return nil
	}
	ctx := context.Background()
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return err
	}
	if v.version, err = conn.PrepareContext(ctx, "PRAGMA data_version"); err == nil {
		if v.changes, err = conn.PrepareContext(ctx, s.dialect.text(s.changesText())); err != nil {
			v.version.Close()
		}
	}
	if err != nil {
		conn.Close()
		return err
	}
	v.conn = conn
	return nil
}

// dataVersion returns a number that differs from an earlier answer when something
// was committed to the SQLite file in between, by whichever process.
func (s *Store) dataVersion(ctx context.Context) (int64, error) {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	if err := s.watch.open(s); err != nil {
		return 0, s.fail(err)
	}
	n, err := s.watch.ask(ctx)
	return n, s.fail(err)
}

// ask reads the connection's data_version. The caller holds the lock.
func (v *versionWatch) ask(ctx context.Context) (n int64, err error) {
	err = v.version.QueryRowContext(context.WithoutCancel(ctx)).Scan(&n)
	return n, err
}
