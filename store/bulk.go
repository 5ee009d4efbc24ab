package store

import (
	"strconv"
	"strings"
)

// bulk writes rows by statements that hold many of them: crossing into the
// engine costs more than a row does.
type bulk struct {
	t       *tx
	table   string
	columns string
	tail    string // behind the rows, such as ON CONFLICT DO NOTHING
	width   int
	most    int   // rows of a full statement
	after   *bulk // what its rows refer to and is to be written before them
	args    []any
	added   int64
}

// bulkArgs is how many values a statement may carry on both engines.
const bulkArgs = 4096

// bulk begins to insert into a table.
func (t *tx) bulk(table, columns, tail string) *bulk {
	width := strings.Count(columns, ",") + 1
	most := 1
	for most*2*width <= bulkArgs {
		most *= 2
	}
	return &bulk{t: t, table: table, columns: columns, tail: tail, width: width, most: most, args: make([]any, 0, most*width)}
}

// add takes a row; full statements are written at once.
func (b *bulk) add(values ...any) error {
	b.args = append(b.args, values...)
	if len(b.args) < b.most*b.width {
		return nil
	}
	return b.flush()
}

// flush writes the rows that wait. Statements have powers of two of rows, so
// that few different ones are prepared.
func (b *bulk) flush() error {
	if b.after != nil {
		if err := b.after.flush(); err != nil {
			return err
		}
	}
	args := b.args
	for n := b.most; len(args) > 0; {
		for n*b.width > len(args) {
			n /= 2
		}
		added, err := b.t.exec(b.text(n), args[:n*b.width]...)
		if err != nil {
			return err
		}
		b.added += added
		args = args[n*b.width:]
	}
	b.args = b.args[:0]
	return nil
}

// text is the statement for n rows.
func (b *bulk) text(n int) string {
	key := bulkText{b.table, b.columns, b.tail, n}
	if t, ok := b.t.s.bulks.Load(key); ok {
		return t.(string)
	}
	var s strings.Builder
	s.WriteString("INSERT INTO " + b.table + " (" + b.columns + ") VALUES ")
	writeParams(&s, n, b.width)
	s.WriteString(b.tail)
	b.t.s.bulks.Store(key, s.String())
	return s.String()
}

// writeParams writes n rows of placeholders: ($1, $2), ($3, $4) …
func writeParams(s *strings.Builder, n, width int) {
	for i := range n {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteByte('(')
		for j := range width {
			if j > 0 {
				s.WriteString(", ")
			}
			s.WriteByte('$')
			s.WriteString(strconv.Itoa(i*width + j + 1))
		}
		s.WriteByte(')')
	}
}

type bulkText struct {
	table, columns, tail string
	rows                 int
}
