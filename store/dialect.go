package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"

	"steward/migrations"
)

// dialect holds all that the two engines do differently.
type dialect struct {
	name   string // "sqlite" or "postgres"
	engine migrations.Engine
	texts  sync.Map // statement as written -> as the engine wants it
}

var (
	sqliteDialect   = &dialect{name: "sqlite", engine: migrations.SQLite}
	postgresDialect = &dialect{name: "postgres", engine: migrations.PostgreSQL}
)

var placeholder = regexp.MustCompile(`(LIMIT |LIKE )?\$(\d+)`)

// text translates a statement. go-sqlite3 binds $N by order of first
// appearance, silently; ?N it binds by number. A parameter that stands alone
// behind LIMIT or LIKE has SQLite plan the statement anew each time it is bound,
// which takes longer than to run it: an expression does not.
func (d *dialect) text(query string) string {
	if d.engine.PostgreSQL {
		return query
	}
	if t, ok := d.texts.Load(query); ok {
		return t.(string)
	}
	t := placeholder.ReplaceAllStringFunc(query, func(found string) string {
		word, number, _ := strings.Cut(found, "$")
		switch word {
		case "LIMIT ":
			return "LIMIT 0 + ?" + number
		case "LIKE ":
			return "LIKE ('' || ?" + number + ")"
		}
		return "?" + number
	})
	d.texts.Store(query, t)
	return t
}

// args makes what a read asks for fit for the engine. PostgreSQL refuses texts
// with bytes that are no UTF-8, or with NUL; nothing that is stored has them, so
// that asking for one is asking for what is not there, on both engines.
func (d *dialect) args(args []any) []any {
	if d.engine.SQLite {
		return args
	}
	fit := args
	for i, a := range args {
		if s, ok := a.(string); ok && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
			if &fit[0] == &args[0] {
				fit = slices.Clone(args)
			}
			fit[i] = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
		}
	}
	return fit
}

// unavailable reports whether err means that the storage itself does not serve:
// full disk, failed input or output, lost server, a database that was closed.
func (d *dialect) unavailable(err error) bool {
	var lite sqlite3.Error
	if errors.As(err, &lite) {
		switch lite.Code {
		case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrNomem:
			return true
		}
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:2] {
		case "08", "40", "53", "57", "58":
			return true
		}
		return false
	}
	var network net.Error
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false // the caller's own end
	}
	return errors.As(err, new(*pgconn.ConnectError)) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone) || closed(err)
}

// closed reports whether err is what database/sql says after Close; it gives
// these two no name.
func closed(err error) bool {
	for err != nil {
		if t := err.Error(); t == "sql: database is closed" || t == "sql: statement is closed" {
			return true
		}
		err = errors.Unwrap(err)
	}
	return false
}

// busy reports whether err means that somebody else has the SQLite file open.
func (d *dialect) busy(err error) bool {
	var lite sqlite3.Error
	return errors.As(err, &lite) && (lite.Code == sqlite3.ErrBusy || lite.Code == sqlite3.ErrLocked)
}

// damaged reports whether err means that what SQLite reads makes no sense: a
// damaged file, or a disk that answers with errors.
func (d *dialect) damaged(err error) bool {
	var lite sqlite3.Error
	return errors.As(err, &lite) && (lite.Code == sqlite3.ErrCorrupt || lite.Code == sqlite3.ErrNotADB)
}

// full reports whether err means that the disk has no room left.
func (d *dialect) full(err error) bool {
	var lite sqlite3.Error
	return errors.As(err, &lite) && lite.Code == sqlite3.ErrFull
}

// plain keeps SQLite's planner from choosing an index for the column: a unary plus
// hides it. PostgreSQL chooses by its statistics and needs no such word.
func (d *dialect) plain(column string) string {
	if d.engine.SQLite {
		return "+" + column
	}
	return column
}

// asKey follows the argument that a table's key is compared with behind a column
// that has many equals. SQLite looks for such a pair in an index only where the
// two sides have a collation, and integer keys have none: without it, a page deep
// among equals walks all of them that lie before it.
func (d *dialect) asKey() string {
	if d.engine.SQLite {
		return " COLLATE BINARY"
	}
	return ""
}
