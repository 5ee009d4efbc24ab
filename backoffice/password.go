package backoffice

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxPasswordBytes bounds what is looked at: 128 code points are at most 512
// bytes, and what normalisation makes shorter is not worth reading.
const maxPasswordBytes = 4 * 4 * MaxPasswordLength

// NormalPassword is the NFC form, the one that is checked, counted and hashed:
// the same keys give the same password on every machine.
func NormalPassword(password string) string { return norm.NFC.String(password) }

// PasswordTooLong reports what must never reach a hash function: more than
// 128 code points of the NFC form. It is cheap on a text of any length.
func PasswordTooLong(password string) bool {
	return len(password) > maxPasswordBytes || utf8.RuneCountInString(NormalPassword(password)) > MaxPasswordLength
}

// CheckPassword says everything that keeps a new password from being taken,
// one sentence each, nil when nothing does (product.md, section 3): its
// length and classes, a character three times in a row, the e-mail or its
// local part of four characters or more inside, the account's name likewise
// (security.md), the list of common passwords. What is compared is compared
// without case. accountName may be empty.
//
// The list is that of @zxcvbn-ts/language-common alone: it is maintained,
// where the older copy inside the Go port of zxcvbn is not, and one list
// means one answer.
func CheckPassword(c Complexity, password string, email Email, accountName string) []string {
	if PasswordTooLong(password) {
		return []string{"At most " + number(MaxPasswordLength) + " characters."}
	}
	if !utf8.ValidString(password) {
		return []string{string(refuseUTF8)}
	}
	password = NormalPassword(password)
	var problems []string
	if utf8.RuneCountInString(password) < max(c.MinLength, MinPasswordLength) {
		problems = append(problems, "At least "+counted(max(c.MinLength, MinPasswordLength), "character")+".")
	}
	if missing := c.Classes &^ classesOf(password); missing != 0 {
		problems = append(problems, missingClasses(missing))
	}
	if hasTriple(password) {
		problems = append(problems, "No character three times in a row.")
	}
	folded := foldPassword(password)
	if containsEmail(folded, email) {
		problems = append(problems, "Not containing the e-mail address or the part before its @.")
	}
	if name := foldPassword(strings.TrimSpace(accountName)); utf8.RuneCountInString(name) >= 4 && strings.Contains(folded, name) {
		problems = append(problems, "Not containing the account’s name.")
	}
	if sortedTextHas(commonPasswords, folded) {
		problems = append(problems, "Not one of the most common passwords.")
	}
	return problems
}

func foldPassword(s string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
}

func containsEmail(folded string, email Email) bool {
	if email == "" {
		return false
	}
	local := email.Local()
	return strings.Contains(folded, string(email)) || len(local) >= 4 && strings.Contains(folded, local)
}

// classesOf counts a letter without case, like most of the world's, as none
// of the four; whatever is neither letter nor digit is special.
func classesOf(password string) Classes {
	var c Classes
	for _, r := range password {
		switch {
		case unicode.IsUpper(r) || unicode.IsTitle(r):
			c |= Upper
		case unicode.IsLower(r):
			c |= Lower
		case unicode.IsDigit(r):
			c |= Digit
		case !unicode.IsLetter(r) && !unicode.IsMark(r):
			c |= Special
		}
	}
	return c
}

func missingClasses(missing Classes) string {
	var names []string
	for _, class := range []struct {
		bit  Classes
		name string
	}{{Upper, "an upper-case letter"}, {Lower, "a lower-case letter"}, {Digit, "a digit"}, {Special, "a special character"}} {
		if missing.Has(class.bit) {
			names = append(names, class.name)
		}
	}
	return "With " + listed(names) + "."
}

func hasTriple(password string) bool {
	var last rune
	run := 0
	for _, r := range password {
		if run > 0 && r == last {
			run++
		} else {
			last, run = r, 1
		}
		if run == 3 {
			return true
		}
	}
	return false
}
