package store

import (
	"context"
	"database/sql"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"steward/backoffice"
)

// query runs statements that read, each on whichever connection is free.
type query struct{ s *Store }

func (s *Store) query() query { return query{s} }

func (q query) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	if st, ok := q.s.reads.Load(text); ok {
		return st.(*sql.Stmt), nil
	}
	st, err := q.s.read.PrepareContext(ctx, q.s.dialect.text(text))
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", text, err)
	}
	if other, loaded := q.s.reads.LoadOrStore(text, st); loaded {
		st.Close()
		return other.(*sql.Stmt), nil
	}
	return st, nil
}

func (q query) rows(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	st, err := q.stmt(ctx, text)
	if err != nil {
		return nil, q.s.fail(err)
	}
	rows, err := st.QueryContext(ctx, q.s.dialect.args(args)...)
	return rows, q.s.fail(err)
}

func (q query) row(ctx context.Context, text string, args ...any) row {
	st, err := q.stmt(ctx, text)
	if err != nil {
		return row{s: q.s, err: err}
	}
	return row{s: q.s, row: st.QueryRowContext(ctx, q.s.dialect.args(args)...)}
}

func (q query) engine() *dialect { return q.s.dialect }

// row is a *sql.Row whose Scan returns the errors that verbs promise.
type row struct {
	s   *Store
	row *sql.Row
	err error
}

func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.s.fail(r.err)
	}
	return r.s.fail(r.row.Scan(dest...))
}

// reader is what query and tx share: a helper that reads takes one and works
// inside a unit of work and outside of it.
type reader interface {
	rows(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	row(ctx context.Context, text string, args ...any) row
	engine() *dialect
}

// tx is a unit of work under way. At most one is writing at any moment, on both
// engines, so that what it has read stays true until it commits.
type tx struct {
	s     *Store
	ctx   context.Context // without the request's end: a write is not torn in the middle
	now   time.Time
	actor backoffice.Actor
	seat  backoffice.AccountRef // the account of a user's session; actor.Account is where they act
	exec_ func(ctx context.Context, text string, args ...any) (sql.Result, error)
	rows_ func(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	row_  func(ctx context.Context, text string, args ...any) *sql.Row
	kpi   kpiDelta
	said  []string // what a preview shows beside who comes where, see say
}

func (t *tx) exec(text string, args ...any) (int64, error) {
	res, err := t.exec_(t.ctx, text, args...)
	if err != nil {
		return 0, fmt.Errorf("%.60q: %w", text, err)
	}
	return res.RowsAffected()
}

// one runs a statement that must touch exactly one row; ErrNotFound when it
// touches none.
func (t *tx) one(text string, args ...any) error {
	n, err := t.exec(text, args...)
	if err == nil && n == 0 {
		err = backoffice.ErrNotFound
	}
	return err
}

func (t *tx) rows(_ context.Context, text string, args ...any) (*sql.Rows, error) {
	return t.rows_(t.ctx, text, t.s.dialect.args(args)...)
}

func (t *tx) row(_ context.Context, text string, args ...any) row {
	return row{s: t.s, row: t.row_(t.ctx, text, t.s.dialect.args(args)...)}
}

func (t *tx) engine() *dialect { return t.s.dialect }

func (t *tx) get(text string, args ...any) row { return t.row(t.ctx, text, args...) }

// writeLock is the advisory lock that PostgreSQL's writers take in turn.
const writeLock = 0x57E7A4D

// update runs fn as one unit of work for the actor: all of it is on disk when
// update returns nil, and none of it when it returns an error.
func (s *Store) update(ctx context.Context, actor backoffice.Actor, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	if s.writer != nil {
		err = s.writer.do(ctx, actor, fn)
	} else {
		err = s.updatePostgres(ctx, actor, fn)
	}
	return s.fail(err)
}

func (s *Store) updatePostgres(ctx context.Context, actor backoffice.Actor, fn func(*tx) error) error {
	// Who waits for a turn may be given up, and holds no connection that a reader
	// could use. From the first statement on the unit of work runs to its end.
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx = context.WithoutCancel(ctx)
	p, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer p.Rollback()
	if _, err := p.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(writeLock)); err != nil {
		return err
	}
	t := &tx{s: s, ctx: ctx, now: s.Now(), actor: actor, exec_: p.ExecContext, rows_: p.QueryContext, row_: p.QueryRowContext}
	if err := fn(t); err != nil {
		return err
	}
	if err := t.flushKPIs(); err != nil {
		return err
	}
	return p.Commit()
}

// writer owns SQLite's one writing connection. Units of work that arrive while
// another is running are committed together, each inside a savepoint of its
// own: one sync to disk then serves them all, and a failure undoes only its own.
type writer struct {
	s     *Store
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	units chan *unit
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once
}

type unit struct {
	ctx      context.Context
	actor    backoffice.Actor
	fn       func(*tx) error
	err      error
	panicked any
	ended    chan struct{}
}

// Limits of a shared commit: nobody waits for strangers longer than this.
const (
	groupUnits = 128
	groupTime  = 10 * time.Millisecond
)

var errClosed = fmt.Errorf("the database is closed: %w", sql.ErrConnDone)

func newWriter(s *Store) (*writer, error) {
	conn, err := s.write.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	w := &writer{s: s, conn: conn, stmts: map[string]*sql.Stmt{}, units: make(chan *unit, groupUnits), stop: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w, nil
}

func (w *writer) close() {
	w.once.Do(func() { close(w.stop) })
	<-w.done
}

func (w *writer) do(ctx context.Context, actor backoffice.Actor, fn func(*tx) error) error {
	u := &unit{ctx: context.WithoutCancel(ctx), actor: actor, fn: fn, ended: make(chan struct{})}
	select {
	case w.units <- u:
	case <-w.stop:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-u.ended:
	case <-w.done:
		select {
		case <-u.ended:
		default:
			return errClosed
		}
	}
	if u.panicked != nil {
		panic(u.panicked)
	}
	return u.err
}

func (w *writer) run() {
	defer close(w.done)
	defer func() {
		for _, st := range w.stmts {
			st.Close()
		}
		w.conn.Close()
	}()
	for {
		select {
		case u := <-w.units:
			w.group(u)
		case <-w.stop:
			for {
				select {
				case u := <-w.units:
					w.group(u)
				default:
					return
				}
			}
		}
	}
}

// group runs u and whatever else is waiting in one transaction.
func (w *writer) group(u *unit) {
	ctx := context.Background()
	begun := []*unit{u}
	settle := func(err error) {
		for _, u := range begun {
			if err != nil && u.err == nil && u.panicked == nil {
				u.err = err
			}
			close(u.ended)
		}
	}
	if !w.s.reserve.again(time.Now()) && !isEssential(u.ctx) {
		settle(errNoRoom)
		return
	}
	if _, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		settle(err)
		return
	}
	deadline := time.Now().Add(groupTime)
	broken := w.unit(u)
	for broken == nil && len(begun) < groupUnits && time.Now().Before(deadline) {
		select {
		case next := <-w.units:
			begun = append(begun, next)
			if !w.s.reserve.again(time.Now()) && !isEssential(next.ctx) {
				next.err = errNoRoom
				continue
			}
			broken = w.unit(next)
			continue
		default:
		}
		break
	}
	if broken == nil {
		broken = w.index(ctx)
	}
	if broken == nil {
		_, broken = w.conn.ExecContext(ctx, "COMMIT")
	}
	if broken != nil {
		w.conn.ExecContext(ctx, "ROLLBACK")
		if w.s.dialect.full(broken) {
			// What the log holds goes into the file, so that the log begins anew in
			// the room it has: a full disk serves again as soon as it can.
			w.s.reserve.give()
			w.conn.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
		}
	}
	settle(broken)
}

// unit runs one unit of work in a savepoint. It returns an error only when the
// whole transaction is lost, as SQLite does on a full disk.
func (w *writer) unit(u *unit) (lost error) {
	ctx := context.Background()
	if _, err := w.exec(ctx, "SAVEPOINT unit"); err != nil {
		return err
	}
	t := &tx{s: w.s, ctx: u.ctx, now: w.s.Now(), actor: u.actor, exec_: w.exec, rows_: w.query, row_: w.queryRow}
	func() {
		defer func() {
			if p := recover(); p != nil {
				// It goes on in who asked for the unit, whose stack does not show where.
				u.panicked = fmt.Errorf("%v\n\n%s", p, debug.Stack())
			}
		}()
		if u.err = u.fn(t); u.err == nil {
			u.err = t.flushKPIs()
		}
	}()
	if u.err == nil && u.panicked == nil {
		_, err := w.exec(ctx, "RELEASE unit")
		return err
	}
	if _, err := w.exec(ctx, "ROLLBACK TO unit"); err != nil {
		// What befell this unit is why there is nothing left to go back to.
		if u.err == nil {
			u.err = err
		}
		return u.err
	}
	_, err := w.exec(ctx, "RELEASE unit")
	return err
}

func (w *writer) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	if st, ok := w.stmts[text]; ok {
		return st, nil
	}
	st, err := w.conn.PrepareContext(ctx, w.s.dialect.text(text))
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", text, err)
	}
	w.stmts[text] = st
	return st, nil
}

func (w *writer) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	st, err := w.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

func (w *writer) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	st, err := w.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

func (w *writer) queryRow(ctx context.Context, text string, args ...any) *sql.Row {
	st, err := w.stmt(ctx, text)
	if err != nil {
		return w.conn.QueryRowContext(ctx, w.s.dialect.text(text), args...) // reports the same error
	}
	return st.QueryRowContext(ctx, args...)
}

// collect reads all rows with scan and closes them.
func collect[T any](rows *sql.Rows, err error, scan func(rowScanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// rowScanner is a *sql.Rows or a row: what a scan function reads from.
type rowScanner interface{ Scan(dest ...any) error }
