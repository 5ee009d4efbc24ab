package backoffice

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Email is an address in its canonical form: two addresses are the same user
// exactly when their Emails are equal, byte by byte. It is ASCII, lower-case,
// holds one "@", and has at most 254 characters. Only ParseEmail makes one.
type Email string

// Limits of an address, in characters (RFC 5321, 4.5.3.1).
const (
	MaxEmailLength      = 254
	maxEmailLocalLength = 64
	// A longer text is refused unread: the parsers behind domain names are
	// not to be fed by the megabyte.
	maxEmailBytes = 1024
)

const (
	refuseEmailForm   = Refusal("Enter one e-mail address, like anna@example.com.")
	refuseEmailLength = Refusal("An e-mail address has at most 254 characters.")
	refuseEmailLocal  = Refusal("Before the @, only plain letters, digits and signs without spaces are possible.")
	refuseEmailDomain = Refusal("After the @, enter a domain name, like example.com.")
	refuseEmailForms  = Refusal("The address holds look-alike characters; type it in plain letters.")
)

// The profile maps nothing: what it would have to change is refused, so that
// no two spellings meet in one mailbox unless they differ in case alone.
var emailDomain = idna.New(
	idna.BidiRule(),
	idna.CheckHyphens(true),
	idna.CheckJoiners(true),
	idna.StrictDomainName(true),
	idna.Transitional(false),
	idna.ValidateLabels(true),
	idna.VerifyDNSLength(true),
)

// ParseEmail returns the canonical form of an address (product.md, section
// 5): surrounding spaces go, the local part is an ASCII dot-atom in lower
// case, the domain is lower-case in A-label form. An address that NFKC would
// change (full-width letters, the Kelvin sign, ligatures) is refused rather
// than mapped. Quoted local parts, comments, display names and address
// literals are refused. The error is a Refusal.
func ParseEmail(raw string) (Email, error) {
	if len(raw) > maxEmailBytes {
		return "", refuseEmailLength
	}
	address := strings.Trim(raw, " ")
	if !utf8.ValidString(address) {
		return "", refuseEmailForm
	}
	if utf8.RuneCountInString(address) > MaxEmailLength {
		return "", refuseEmailLength
	}
	for _, r := range address {
		if unicode.IsControl(r) {
			return "", refuseEmailForm
		}
	}
	if !norm.NFKC.IsNormalString(address) {
		return "", refuseEmailForms
	}
	local, domain, found := strings.Cut(address, "@")
	if !found || strings.Contains(domain, "@") {
		return "", refuseEmailForm
	}
	if !isDotAtom(local) {
		return "", refuseEmailLocal
	}
	domain, err := canonicalDomain(domain)
	if err != nil {
		return "", err
	}
	canonical := asciiLower(local) + "@" + domain
	if len(canonical) > MaxEmailLength {
		return "", refuseEmailLength
	}
	return Email(canonical), nil
}

// Domain returns what stands after the "@", in A-label form.
func (e Email) Domain() string {
	_, domain, _ := strings.Cut(string(e), "@")
	return domain
}

// Local returns what stands before the "@".
func (e Email) Local() string {
	local, _, _ := strings.Cut(string(e), "@")
	return local
}

func (e Email) String() string { return string(e) }

func canonicalDomain(domain string) (string, error) {
	if isPlainDomain(domain) {
		return asciiLower(domain), nil
	}
	var lower strings.Builder
	for _, r := range domain {
		l := unicode.ToLower(r)
		// İ would become i: a letter of another alphabet must never turn
		// into an ASCII one by changing its case.
		if r >= utf8.RuneSelf && l < utf8.RuneSelf {
			return "", refuseEmailForms
		}
		lower.WriteRune(l)
	}
	domain = lower.String()
	if !norm.NFKC.IsNormalString(domain) {
		return "", refuseEmailForms
	}
	ascii, err := emailDomain.ToASCII(domain)
	if err != nil || ascii != asciiLower(ascii) || !isHostASCII(ascii) {
		return "", refuseEmailDomain
	}
	// A-labels that were typed must be the ones that their own letters give.
	unicodeForm, err := emailDomain.ToUnicode(ascii)
	if err != nil {
		return "", refuseEmailDomain
	}
	if again, err := emailDomain.ToASCII(unicodeForm); err != nil || again != ascii {
		return "", refuseEmailDomain
	}
	return ascii, nil
}

// isPlainDomain reports the ordinary case, letters, digits and hyphens with
// no A-label among them, which needs no tables.
func isPlainDomain(domain string) bool {
	if !isHostASCII(domain) || len(domain) > 253 {
		return false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if len(label) > 3 && label[2] == '-' && label[3] == '-' {
			return false
		}
	}
	return true
}

// isHostASCII reports whether every label has 1 to 63 letters, digits and
// inner hyphens, and the last one is not a number: that would be an IPv4
// address to whatever sends the mail.
func isHostASCII(domain string) bool {
	last := ""
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			if c := label[i]; !isLetterOrDigit(c) && c != '-' {
				return false
			}
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != ""
}

// isDotAtom follows RFC 5322, 3.2.3, with the length of RFC 5321.
func isDotAtom(local string) bool {
	if local == "" || len(local) > maxEmailLocalLength {
		return false
	}
	dot := true
	for i := 0; i < len(local); i++ {
		c := local[i]
		if c == '.' {
			if dot {
				return false
			}
			dot = true
			continue
		}
		dot = false
		if !isLetterOrDigit(c) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) < 0 {
			return false
		}
	}
	return !dot
}

func isLetterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func asciiLower(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			lower := []byte(s)
			for ; i < len(lower); i++ {
				if lower[i] >= 'A' && lower[i] <= 'Z' {
					lower[i] += 'a' - 'A'
				}
			}
			return string(lower)
		}
	}
	return s
}
