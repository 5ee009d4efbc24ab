package store

import (
	"context"
	"database/sql"
	"sync"
)

// versionWatch answers whether anything was committed, by this process or
// another one, since it was last asked. SQLite counts that per connection, so
// one connection is kept for the question.
type versionWatch struct {
	mu   sync.Mutex
	conn *sql.Conn
	stmt *sql.Stmt
}

func (v *versionWatch) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn != nil {
		v.stmt.Close()
		v.conn.Close()
		v.conn = nil
	}
}

// dataVersion returns a number that differs from an earlier answer when
// something was committed in between; ok is false where the engine has no such
// number (PostgreSQL) and nothing may be kept.
func (s *Store) dataVersion(ctx context.Context) (version int64, ok bool, err error) {
	if !s.dialect.engine.SQLite {
		return 0, false, nil
	}
	v := &s.version
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn == nil {
		if v.conn, err = s.read.Conn(context.Background()); err != nil {
			return 0, false, s.fail(err)
		}
		if v.stmt, err = v.conn.PrepareContext(context.Background(), "PRAGMA data_version"); err != nil {
			v.conn.Close()
			v.conn = nil
			return 0, false, s.fail(err)
		}
	}
	err = v.stmt.QueryRowContext(context.WithoutCancel(ctx)).Scan(&version)
	return version, err == nil, s.fail(err)
}
