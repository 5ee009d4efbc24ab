package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"sync"
)

// rowList is a statement with a list of rows, in the few sizes that it is prepared
// for.
type rowList struct {
	head, tail string
	tuple      []string // of one row: "$" for a parameter, or text around one as in "CAST($ AS BIGINT)"
	fixed      int
	texts      sync.Map // number of rows -> statement
}

// rowListSizes are numbers of rows. A statement to a server costs the way there
// and back, whatever it holds.
func (d *dialect) rowListSizes() []int {
	if d.engine.PostgreSQL {
		return []int{512, 128, 32, 8, 2, 1}
	}
	return []int{64, 8, 1}
}

// newRowList prepares head, the rows, tail. fixed parameters $1 … $fixed stand in
// head or tail and come before those of the rows.
func newRowList(head string, tuple []string, tail string, fixed int) *rowList {
	return &rowList{head: head, tail: tail, tuple: tuple, fixed: fixed}
}

func (b *rowList) text(rows int) string {
	if t, ok := b.texts.Load(rows); ok {
		return t.(string)
	}
	var t strings.Builder
	t.WriteString(b.head)
	n := b.fixed
	for row := range rows {
		if row > 0 {
			t.WriteString(", ")
		}
		t.WriteByte('(')
		for i, part := range b.tuple {
			if i > 0 {
				t.WriteString(", ")
			}
			n++
			t.WriteString(strings.Replace(part, "$", "$"+strconv.Itoa(n), 1))
		}
		t.WriteByte(')')
	}
	t.WriteString(b.tail)
	b.texts.Store(rows, t.String())
	return t.String()
}

// plainTuple is a row of n parameters.
func plainTuple(n int) []string {
	t := make([]string, n)
	for i := range t {
		t[i] = "$"
	}
	return t
}

// each calls do with the statements that write all rows, whose values stand one
// after the other in args.
func (b *rowList) each(d *dialect, fixed, args []any, do func(text string, args []any) error) error {
	width := len(b.tuple)
	for _, size := range d.rowListSizes() {
		for len(args) >= size*width {
			list := args[:size*width]
			if len(fixed) > 0 {
				list = append(append(make([]any, 0, len(fixed)+len(list)), fixed...), list...)
			}
			if err := do(b.text(size), list); err != nil {
				return err
			}
			args = args[size*width:]
		}
	}
	return nil
}

// exec runs the statement for all rows.
func (b *rowList) exec(t *tx, fixed, args []any) error {
	return b.each(t.s.dialect, fixed, args, func(text string, args []any) error {
		_, err := t.exec(text, args...)
		return err
	})
}

// query runs the statement for all rows and calls scan for each row that it
// returns, in no order.
func (b *rowList) query(ctx context.Context, r reader, fixed, args []any, scan func(rowScanner) error) error {
	return b.each(r.engine(), fixed, args, func(text string, args []any) error {
		rows, err := r.rows(ctx, text, args...)
		return eachRow(rows, err, scan)
	})
}

// eachRow calls scan for all rows and closes them.
func eachRow(rows *sql.Rows, err error, scan func(rowScanner) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// lookupSize is how many values an inList statement has room for.
const lookupSize = 100

// inList ends a statement with a list of lookupSize values: head IN (…) tail.
func inList(head, tail string) string {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString(" IN (")
	for i := range lookupSize {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	b.WriteString(")")
	b.WriteString(tail)
	return b.String()
}

// lookup runs an inList statement for all values and calls scan for each row. What
// else the statement takes follows the values.
func lookup[V any](ctx context.Context, r reader, text string, values []V, scan func(rowScanner) error, others ...any) error {
	args := append(make([]any, lookupSize), others...)
	for len(values) > 0 {
		n := min(len(values), lookupSize)
		for i := range lookupSize {
			args[i] = values[min(i, n-1)]
		}
		rows, err := r.rows(ctx, text, args...)
		if err := eachRow(rows, err, scan); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}
