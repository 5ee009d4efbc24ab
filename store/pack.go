package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Lists are read as one text: the engine joins the columns of all rows, and a
// page of fifty costs one crossing instead of fifty with a value in each of a
// dozen columns. Neither separator can stand in a name, an ID or an address,
// which hold no control characters.
const (
	unitSeparator   = 31
	recordSeparator = 30
)

// packedSelect returns a statement that yields the rows of `SELECT columns
// rest` as one text. Columns must not be NULL, and hold no separators.
func (d *dialect) packedSelect(rest string, columns ...string) string {
	join, char := "group_concat", "char"
	if d.engine.PostgreSQL {
		join, char = "string_agg", "chr"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT COALESCE(%s(concat_ws(%s(%d)", join, char, unitSeparator)
	for i := range columns {
		fmt.Fprintf(&b, ", c%d", i)
	}
	fmt.Fprintf(&b, "), %s(%d)), '') FROM (SELECT ", char, recordSeparator)
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s AS c%d", c, i)
	}
	b.WriteString(" " + rest + ") AS packed")
	return b.String()
}

// truth writes a condition as 1 or 0 on both engines.
func truth(condition string) string { return "CASE WHEN " + condition + " THEN 1 ELSE 0 END" }

// hex writes bytes as hexadecimal digits.
func (d *dialect) hex(column string) string {
	if d.engine.PostgreSQL {
		return "COALESCE(encode(" + column + ", 'hex'), '')"
	}
	return "COALESCE(hex(" + column + "), '')"
}

// packed reads what packedSelect's statement returned, field by field. The
// texts that it returns share the memory of the whole.
type packed struct {
	rest string
	err  error
}

// packed runs a statement made by packedSelect.
func (q query) packed(ctx context.Context, text string, args ...any) (packed, error) {
	rows, err := q.rows(ctx, text, args...)
	if err != nil {
		return packed{}, err
	}
	p, err := packedFrom(rows)
	return p, q.s.fail(err)
}

// packedFrom reads the one row of a statement made by packedSelect.
func packedFrom(rows *sql.Rows) (packed, error) {
	defer rows.Close()
	var raw sql.RawBytes
	if !rows.Next() {
		return packed{}, errors.Join(rows.Err(), sql.ErrNoRows)
	}
	if err := rows.Scan(&raw); err != nil {
		return packed{}, err
	}
	p := packed{rest: string(raw)}
	// Rows are locked for as long as the bytes of a Scan may be read, which Close
	// ends and Err does not: asked first, it would wait for ever behind a context
	// that ends at this moment, and keep the connection.
	err := rows.Close()
	return p, errors.Join(err, rows.Err())
}

// more reports whether another row follows.
func (p *packed) more() bool { return p.rest != "" && p.err == nil }

// text returns the next field.
func (p *packed) text() string {
	i := 0
	for i < len(p.rest) && p.rest[i] > unitSeparator {
		i++
	}
	field := p.rest[:i]
	if i < len(p.rest) {
		i++
	}
	p.rest = p.rest[i:]
	return field
}

// int returns the next field, an integer.
func (p *packed) int() int64 {
	field := p.text()
	n, err := strconv.ParseInt(field, 10, 64)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("%q where an integer was expected", field)
	}
	return n
}

// flag returns the next field, a truth.
func (p *packed) flag() bool { return p.text() == "1" }
