package backoffice

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of names, in characters (code points).
const (
	MaxName            = 200
	MaxAccountIDLength = 128
)

// ReservedAccountID is an address of its own: the form that makes accounts.
const ReservedAccountID = "new"

const (
	refuseAccountID = Refusal("An ID has 1 to 128 letters, digits and . _ : - @, and starts with a letter or digit.")
	refuseReserved  = Refusal("“new” is reserved; choose another ID.")
	refuseControl   = Refusal("Line breaks and other control characters are not possible here.")
	refuseUTF8      = Refusal("The text is not valid UTF-8.")
)

// CheckAccountID returns a Refusal for what cannot be an account's ID: 1–128
// ASCII letters, digits and ". _ : - @", starting with a letter or digit,
// case-sensitive (product.md, section 1). Nothing is trimmed.
func CheckAccountID(id string) error {
	if id == ReservedAccountID {
		return refuseReserved
	}
	if id == "" || len(id) > MaxAccountIDLength || !isLetterOrDigit(id[0]) {
		return refuseAccountID
	}
	for i := 0; i < len(id); i++ {
		if !isLetterOrDigit(id[i]) && strings.IndexByte("._:-@", id[i]) < 0 {
			return refuseAccountID
		}
	}
	return nil
}

// ValidAccountID reports whether CheckAccountID has nothing to say.
func ValidAccountID(id string) bool { return CheckAccountID(id) == nil }

// CleanName returns a name as it was typed into a form, without surrounding
// space, at most limit code points. Control characters are refused; any other
// character may stand in a name, unchanged. An empty name is not refused
// here: whether one is required is the form's matter.
func CleanName(s string, limit int) (string, error) {
	if !utf8.ValidString(s) {
		return "", refuseUTF8
	}
	s = strings.TrimSpace(s)
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "", refuseControl
	}
	if utf8.RuneCountInString(s) > limit {
		return "", Refusal("At most " + counted(limit, "character") + ".")
	}
	return s, nil
}

// CleanImportedName is CleanName for names from a file: line breaks, which
// spreadsheets put into cells, become a space (product.md, section 13).
func CleanImportedName(s string, limit int) (string, error) {
	if strings.ContainsFunc(s, isLineBreak) {
		var b strings.Builder
		s = strings.ReplaceAll(s, "\r\n", "\n")
		for i, r := range s {
			switch {
			case isLineBreak(r):
				b.WriteByte(' ')
			case r == utf8.RuneError:
				// Bytes that are no character stay, to be refused below.
				_, size := utf8.DecodeRuneInString(s[i:])
				b.WriteString(s[i : i+size])
			default:
				b.WriteRune(r)
			}
		}
		s = b.String()
	}
	return CleanName(s, limit)
}

func isLineBreak(r rune) bool {
	switch r {
	case '\n', '\r', '\u0085', '\u2028', '\u2029':
		return true
	}
	return false
}

// SameName reports whether what was typed to confirm an act is the name: the
// same characters in the same case, whatever space stands between and around
// them, and however they are composed. Browsers show runs of space as one.
func SameName(typed, name string) bool {
	plain := func(s string) string { return strings.Join(strings.Fields(norm.NFC.String(s)), " ") }
	return plain(typed) == plain(name)
}
