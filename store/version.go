package store

import (
	"context"
	"database/sql"
	"strconv"
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

// dataVersion returns a text that differs from an earlier answer when something
// was committed in between, by whichever process.
func (s *Store) dataVersion(ctx context.Context) (string, error) {
	if s.dialect.engine.PostgreSQL {
		// What a reader may see: two that are equal see the same rows.
		var snapshot string
		err := s.query().row(ctx, `SELECT CAST(pg_current_snapshot() AS TEXT)`).Scan(&snapshot)
		return snapshot, err
	}
	v := &s.version
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn == nil {
		var err error
		if v.conn, err = s.read.Conn(context.Background()); err != nil {
			return "", s.fail(err)
		}
		if v.stmt, err = v.conn.PrepareContext(context.Background(), "PRAGMA data_version"); err != nil {
			v.conn.Close()
			v.conn = nil
			return "", s.fail(err)
		}
	}
	var n int64
	err := v.stmt.QueryRowContext(context.WithoutCancel(ctx)).Scan(&n)
	return strconv.FormatInt(n, 10), s.fail(err)
}
