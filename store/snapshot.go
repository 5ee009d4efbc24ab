package store

import (
	"context"
	"database/sql"
	"fmt"
)

// snapshot is a reader that sees the database as it was at one moment, however
// long it reads and whatever is written meanwhile.
type snapshot struct {
	s  *Store
	tx *sql.Tx
}

func (s *Store) snapshot(ctx context.Context) (*snapshot, error) {
	o := &sql.TxOptions{}
	if s.dialect.engine.PostgreSQL {
		o = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	t, err := s.read.BeginTx(ctx, o)
	if err != nil {
		return nil, s.fail(err)
	}
	return &snapshot{s, t}, nil
}

func (n *snapshot) close() { n.tx.Rollback() }

func (n *snapshot) engine() *dialect { return n.s.dialect }

func (n *snapshot) rows(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	rows, err := n.tx.QueryContext(ctx, n.s.dialect.text(text), n.s.dialect.args(args)...)
	if err != nil {
		err = fmt.Errorf("%.60q: %w", text, err)
	}
	return rows, n.s.fail(err)
}

func (n *snapshot) row(ctx context.Context, text string, args ...any) row {
	return row{s: n.s, row: n.tx.QueryRowContext(ctx, n.s.dialect.text(text), n.s.dialect.args(args)...)}
}

func (n *snapshot) packed(ctx context.Context, text string, args ...any) (packed, error) {
	rows, err := n.rows(ctx, text, args...)
	if err != nil {
		return packed{}, err
	}
	p, err := packedFrom(rows)
	return p, n.s.fail(err)
}
