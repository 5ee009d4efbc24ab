package backoffice

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonScanner reads one JSON text strictly (RFC 8259) and copies it without
// insignificant space. encoding/json is no help here: it keeps the last of
// two equal keys, replaces what is not UTF-8, and makes floats of numbers,
// all without a word. Numbers and escapes are copied as they were written.
type jsonScanner struct {
	text  string
	at    int
	depth int
	out   strings.Builder
}

// maxJSONDepth keeps a value from being nested deeper than what reads it
// again can bear; a browser and encoding/json both bear more.
const maxJSONDepth = 1000

func (s *jsonScanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *jsonScanner) next() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *jsonScanner) fail(what string) error {
	line := 1 + strings.Count(s.text[:s.at], "\n")
	column := 1 + utf8.RuneCountInString(s.text[strings.LastIndexByte(s.text[:s.at], '\n')+1:s.at])
	return Refusal(what + " (line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column) + ").")
}

func (s *jsonScanner) value() error {
	switch c := s.next(); {
	case c == '{':
		return s.object(nil)
	case c == '[':
		return s.array()
	case c == '"':
		_, err := s.string()
		return err
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(s.text[s.at:], word) {
			s.out.WriteString(word)
			s.at += len(word)
			return nil
		}
	}
	return s.fail("This is not JSON: a value is missing here")
}

// object calls each, where there is one, with every key and the compact text
// of its value.
func (s *jsonScanner) object(each func(key, value string) error) error {
	if s.depth++; s.depth > maxJSONDepth {
		return s.fail("The value is nested too deeply")
	}
	defer func() { s.depth-- }()
	s.take()
	s.space()
	if s.next() == '}' {
		s.take()
		return nil
	}
	seen := map[string]bool{}
	for {
		s.space()
		if s.next() != '"' {
			return s.fail("This is not JSON: a key in double quotes is missing here")
		}
		start := s.at
		key, err := s.string()
		if err != nil {
			return err
		}
		if seen[key] {
			s.at = start
			return s.fail("The key " + s.text[start:min(len(s.text), start+80)][:keyEnd(s.text[start:])] + " stands here a second time")
		}
		seen[key] = true
		s.space()
		if s.next() != ':' {
			return s.fail("This is not JSON: a colon is missing here")
		}
		s.take()
		s.space()
		from := s.out.Len()
		if err := s.value(); err != nil {
			return err
		}
		if each != nil {
			if err := each(key, s.out.String()[from:]); err != nil {
				return err
			}
		}
		s.space()
		switch s.next() {
		case ',':
			s.take()
		case '}':
			s.take()
			return nil
		default:
			return s.fail("This is not JSON: a comma or } is missing here")
		}
	}
}

// keyEnd is where the quoted key ends, for a message; at most 80 bytes.
func keyEnd(text string) int {
	if end := strings.IndexByte(text[1:], '"'); end >= 0 && end < 70 {
		return end + 2
	}
	return 0
}

func (s *jsonScanner) array() error {
	if s.depth++; s.depth > maxJSONDepth {
		return s.fail("The value is nested too deeply")
	}
	defer func() { s.depth-- }()
	s.take()
	s.space()
	if s.next() == ']' {
		s.take()
		return nil
	}
	for {
		s.space()
		if err := s.value(); err != nil {
			return err
		}
		s.space()
		switch s.next() {
		case ',':
			s.take()
		case ']':
			s.take()
			return nil
		default:
			return s.fail("This is not JSON: a comma or ] is missing here")
		}
	}
}

// take copies one byte.
func (s *jsonScanner) take() {
	s.out.WriteByte(s.text[s.at])
	s.at++
}

// string returns what the string says. A lone surrogate, which no Unicode
// text can hold, is told apart from every other text by its three bytes.
func (s *jsonScanner) string() (string, error) {
	start := s.at
	s.at++
	var said strings.Builder
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case c == '"':
			s.at++
			s.out.WriteString(s.text[start:s.at])
			return said.String(), nil
		case c < ' ':
			return "", s.fail("A line break or control character stands in a string; write it as \\n or \\u00XX")
		case c != '\\':
			said.WriteByte(c)
			s.at++
			continue
		}
		if s.at+1 >= len(s.text) {
			break
		}
		switch escape := s.text[s.at+1]; escape {
		case '"', '\\', '/':
			said.WriteByte(escape)
		case 'b':
			said.WriteByte('\b')
		case 'f':
			said.WriteByte('\f')
		case 'n':
			said.WriteByte('\n')
		case 'r':
			said.WriteByte('\r')
		case 't':
			said.WriteByte('\t')
		case 'u':
			unit, ok := hex4(s.text[s.at+2:])
			if !ok {
				return "", s.fail("This is not JSON: \\u needs four hexadecimal digits")
			}
			s.at += 6
			if utf16.IsSurrogate(unit) {
				if strings.HasPrefix(s.text[s.at:], `\u`) {
					if low, ok := hex4(s.text[s.at+2:]); ok {
						if r := utf16.DecodeRune(unit, low); r != utf8.RuneError {
							said.WriteRune(r)
							s.at += 6
							continue
						}
					}
				}
				said.Write([]byte{0xe0 | byte(unit>>12), 0x80 | byte(unit>>6)&0x3f, 0x80 | byte(unit)&0x3f})
				continue
			}
			said.WriteRune(unit)
			continue
		default:
			return "", s.fail("This is not JSON: no such escape")
		}
		s.at += 2
	}
	s.at = start
	return "", s.fail("This is not JSON: a string does not end")
}

func hex4(text string) (rune, bool) {
	if len(text) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:4], 16, 16)
	return rune(n), err == nil
}

func (s *jsonScanner) number() error {
	start := s.at
	if s.next() == '-' {
		s.at++
	}
	digits := func() bool {
		from := s.at
		for c := s.next(); c >= '0' && c <= '9'; c = s.next() {
			s.at++
		}
		return s.at > from
	}
	if s.next() == '0' {
		s.at++
	} else if !digits() {
		return s.fail("This is not JSON: a digit is missing here")
	}
	if s.next() == '.' {
		s.at++
		if !digits() {
			return s.fail("This is not JSON: a digit is missing here")
		}
	}
	if c := s.next(); c == 'e' || c == 'E' {
		s.at++
		if c := s.next(); c == '+' || c == '-' {
			s.at++
		}
		if !digits() {
			return s.fail("This is not JSON: a digit is missing here")
		}
	}
	s.out.WriteString(s.text[start:s.at])
	return nil
}

// compactJSON is one JSON value without insignificant space.
func compactJSON(text string) (string, error) {
	s := jsonScanner{text: text}
	if !utf8.ValidString(text) {
		return "", refuseUTF8
	}
	s.space()
	if err := s.value(); err != nil {
		return "", err
	}
	s.space()
	if s.at != len(text) {
		return "", s.fail("Something follows the value")
	}
	return s.out.String(), nil
}

// quoteJSON is a string as JSON, with nothing escaped but what has to be.
func quoteJSON(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ':
			b.WriteString(`\u00`)
			b.WriteByte("0123456789abcdef"[r>>4])
			b.WriteByte("0123456789abcdef"[r&15])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
