package store

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// column ties a column of a table to the field of T that holds it. at returns
// the field's address: a *string, *int64, *bool, or something that scans and
// values itself.
type column[T any] struct {
	name string
	at   func(*T) any
}

// columns is the one list of a table's columns: it feeds SELECT, INSERT, UPDATE
// and Scan, so that they cannot drift apart.
type columns[T any] []column[T]

// names lists the columns, each behind the prefix, for SELECT and INSERT.
func (c columns[T]) names(prefix string) string {
	var b strings.Builder
	for i, col := range c {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(prefix + col.name)
	}
	return b.String()
}

// params lists $from, $from+1, … for as many columns as there are.
func (c columns[T]) params(from int) string {
	var b strings.Builder
	for i := range c {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(from+i))
	}
	return b.String()
}

// set lists name = $from, … for UPDATE.
func (c columns[T]) set(from int) string {
	var b strings.Builder
	for i, col := range c {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(col.name + " = $" + strconv.Itoa(from+i))
	}
	return b.String()
}

// scan returns where the columns' values go.
func (c columns[T]) scan(v *T) []any {
	out := make([]any, len(c))
	for i, col := range c {
		out[i] = col.at(v)
	}
	return out
}

// values returns the columns' values, followed by more.
func (c columns[T]) values(v *T, more ...any) []any {
	out := make([]any, 0, len(c)+len(more))
	for _, col := range c {
		switch p := col.at(v).(type) {
		case *string:
			out = append(out, *p)
		case *int64:
			out = append(out, *p)
		case *bool:
			out = append(out, *p)
		case *[]byte:
			out = append(out, *p)
		default:
			out = append(out, p.(driver.Valuer))
		}
	}
	return append(out, more...)
}

// micros stores a time as microseconds since 1970.
type micros struct{ t *time.Time }

func (m micros) Scan(v any) error {
	us, err := asInt(v)
	*m.t = time.Time{}
	if err == nil && v != nil {
		*m.t = time.UnixMicro(us).UTC()
	}
	return err
}
func (m micros) Value() (driver.Value, error) { return m.t.UnixMicro(), nil }

// nullMicros stores the zero time as NULL.
type nullMicros struct{ t *time.Time }

func (m nullMicros) Scan(v any) error { return micros(m).Scan(v) }
func (m nullMicros) Value() (driver.Value, error) {
	if m.t.IsZero() {
		return nil, nil
	}
	return m.t.UnixMicro(), nil
}

// zeroMicros stores the zero time as 0, where a column takes part in an order.
type zeroMicros struct{ t *time.Time }

func (m zeroMicros) Scan(v any) error {
	us, err := asInt(v)
	*m.t = time.Time{}
	if err == nil && us != 0 {
		*m.t = time.UnixMicro(us).UTC()
	}
	return err
}
func (m zeroMicros) Value() (driver.Value, error) {
	if m.t.IsZero() {
		return int64(0), nil
	}
	return m.t.UnixMicro(), nil
}

// nullable stores the key 0 as NULL.
type nullable struct{ k *int64 }

func (n nullable) Scan(v any) error {
	k, err := asInt(v)
	*n.k = k
	return err
}
func (n nullable) Value() (driver.Value, error) {
	if *n.k == 0 {
		return nil, nil
	}
	return *n.k, nil
}

// textual stores a word of a type of its own.
type textual[T ~string] struct{ v *T }

func (w textual[T]) Scan(v any) error {
	switch v := v.(type) {
	case string:
		*w.v = T(v)
	case []byte:
		*w.v = T(v)
	default:
		return fmt.Errorf("%T where a text was expected", v)
	}
	return nil
}
func (w textual[T]) Value() (driver.Value, error) { return string(*w.v), nil }

func asInt(v any) (int64, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case int64:
		return v, nil
	case int32:
		return int64(v), nil
	}
	return 0, fmt.Errorf("%T where an integer was expected", v)
}

// word stores a word that has a type of its own.
type word[T ~string] struct{ w *T }

func (w word[T]) Scan(v any) error {
	switch v := v.(type) {
	case string:
		*w.w = T(v)
	case []byte:
		*w.w = T(v)
	default:
		return fmt.Errorf("%T where a word was expected", v)
	}
	return nil
}

func (w word[T]) Value() (driver.Value, error) { return string(*w.w), nil }
