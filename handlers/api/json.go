package api

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// parser reads JSON of a shape that is known beforehand: objects whose every
// name is expected, arrays, and strings. Whatever else stands there is refused
// when it is met, so that depth and size of foreign values do not matter.
// Refusals are panics of the type syntax.
type parser struct {
	b []byte
	i int
}

type syntax string

func (p *parser) fail(format string, args ...any) {
	panic(syntax(fmt.Sprintf("At byte %d: ", p.i) + fmt.Sprintf(format, args...)))
}

// longestName is more than any field has; a longer one is not repeated.
const longestName = 64

func (p *parser) unexpected(name string, twice bool) {
	switch {
	case twice:
		p.fail("the field %q comes twice.", name)
	case len(name) > longestName:
		p.fail("there is no such field.")
	}
	p.fail("there is no field %q.", name)
}

// utf8 refuses a body that is not UTF-8.
func (p *parser) utf8() {
	if !utf8.Valid(p.b) {
		panic(syntax("The body is not UTF-8."))
	}
}

func (p *parser) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\r', '\n':
			p.i++
		default:
			return
		}
	}
}

// next skips space and returns the byte that follows, 0 at the end.
func (p *parser) next() byte {
	p.space()
	if p.i == len(p.b) {
		return 0
	}
	return p.b[p.i]
}

func (p *parser) expect(c byte, what string) {
	if p.next() != c {
		p.fail("expected %s.", what)
	}
	p.i++
}

func (p *parser) end() {
	if p.next(); p.i != len(p.b) {
		p.fail("more follows after the end.")
	}
}

// object reads an object; field is called after each name and reads its value.
func (p *parser) object(field func(name string)) {
	p.expect('{', "an object")
	if p.next() == '}' {
		p.i++
		return
	}
	for {
		name := p.text()
		p.expect(':', "a colon")
		field(string(name))
		if p.next() == '}' {
			p.i++
			return
		}
		p.expect(',', "a comma or the end of the object")
	}
}

// array reads an array; value reads the one with the index.
func (p *parser) array(value func(i int)) {
	p.expect('[', "an array")
	if p.next() == ']' {
		p.i++
		return
	}
	for i := 0; ; i++ {
		value(i)
		if p.next() == ']' {
			p.i++
			return
		}
		p.expect(',', "a comma or the end of the array")
	}
}

// text reads a string. What it returns is good until the body's buffer is used
// again.
func (p *parser) text() []byte {
	p.expect('"', "a string")
	start := p.i
	escaped := false
	for ; p.i < len(p.b); p.i++ {
		switch c := p.b[p.i]; {
		case c == '"':
			raw := p.b[start:p.i]
			p.i++
			if !escaped {
				return raw
			}
			var s string
			if json.Unmarshal(p.b[start-1:p.i], &s) != nil {
				p.fail("a string has an escape that is none.")
			}
			return []byte(s)
		case c == '\\':
			escaped = true
			p.i++
		case c < ' ':
			p.fail("a string has a control character.")
		}
	}
	p.fail("a string does not end.")
	return nil
}
