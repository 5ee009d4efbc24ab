package backoffice

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Letters that people type without their stroke or as two, and that Unicode
// does not take apart.
var foldedLetters = strings.NewReplacer(
	"ł", "l", "ø", "o", "đ", "d", "ð", "d", "ħ", "h", "ŧ", "t", "ı", "i",
	"æ", "ae", "œ", "oe", "þ", "th",
)

// Fold is the form in which names are searched and sorted, on both engines
// alike: compatibility forms are made plain, accents of Latin, Greek and
// Cyrillic letters and the optional points of Hebrew and Arabic go, case is
// folded, every run of space is one space, none at the ends. Marks that make
// another letter (in Indic scripts, in Kana) stay. The same text always gives
// the same folded text, and folding it again changes nothing. The order of
// folded texts is that of their bytes.
func Fold(s string) string {
	if folded, ok := foldASCII(s); ok {
		return folded
	}
	s = strings.ToValidUTF8(s, "\ufffd")
	// Folding case can bring forth letters that have accents, and composing
	// them letters that have a case: the round is repeated until nothing
	// changes. Two are the rule, and four have always been enough.
	for range 4 {
		folded := foldOnce(s)
		if folded == s || isASCII(folded) {
			return folded
		}
		s = folded
	}
	return s
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func foldOnce(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space := true
	for _, r := range norm.NFKD.String(foldedLetters.Replace(cases.Fold().String(norm.NFKD.String(s)))) {
		switch {
		case isDroppedMark(r):
			continue
		case unicode.IsSpace(r) || unicode.IsControl(r):
			if !space {
				b.WriteByte(' ')
			}
			space = true
		default:
			b.WriteRune(r)
			space = false
		}
	}
	return norm.NFKC.String(strings.TrimSuffix(b.String(), " "))
}

func isDroppedMark(r rune) bool {
	switch {
	case r < 0x300:
		return r == 0xad // the soft hyphen is not there
	case r <= 0x36f, r >= 0x483 && r <= 0x487, r >= 0x591 && r <= 0x5c7 && unicode.Is(unicode.Mn, r),
		r >= 0x610 && r <= 0x61a, r >= 0x64b && r <= 0x65f, r == 0x670, r == 0x640,
		r >= 0x1ab0 && r <= 0x1aff, r >= 0x1dc0 && r <= 0x1dff, r >= 0x20d0 && r <= 0x20ff,
		r >= 0xfe00 && r <= 0xfe0f, r >= 0xfe20 && r <= 0xfe2f:
		return true
	}
	// Zero-width characters cannot be seen, so they cannot be searched.
	return r >= 0x200b && r <= 0x200f || r == 0x2060 || r == 0xfeff || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// foldASCII is the ordinary case, without tables.
func foldASCII(s string) (string, bool) {
	clean, space := true, true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			return "", false
		}
		isSpace := c <= ' ' || c == 0x7f
		if c >= 'A' && c <= 'Z' || isSpace && (c != ' ' || space) {
			clean = false
		}
		space = isSpace
	}
	if clean && (s == "" || !space) {
		return s, true
	}
	folded := make([]byte, 0, len(s))
	space = true
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c <= ' ' || c == 0x7f:
			if !space {
				folded = append(folded, ' ')
			}
			space = true
			continue
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		folded = append(folded, c)
		space = false
	}
	if n := len(folded); n > 0 && folded[n-1] == ' ' {
		folded = folded[:n-1]
	}
	return string(folded), true
}
