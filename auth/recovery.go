package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"unicode"

	"steward/backoffice"
)

// recoveryAlphabet leaves out what is misread: 32 letters and digits without i,
// l, o and u.
const recoveryAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// recoveryLength is 80 bits: too many to try, so that a plain digest hides them.
const recoveryLength = 16

// NewRecoveryCodes makes the recovery codes that somebody gets at a time, and the
// hashes under which they are kept. The codes are shown once.
func NewRecoveryCodes() (codes []string, hashes [][]byte) {
	for range backoffice.RecoveryCodes {
		raw := make([]byte, recoveryLength)
		_, _ = rand.Read(raw) // never fails
		for i, b := range raw {
			raw[i] = recoveryAlphabet[b%32]
		}
		codes = append(codes, grouped(string(raw), "-"))
		hashes = append(hashes, recoveryHash(string(raw)))
	}
	return codes, hashes
}

// HashRecoveryCode is the form under which a typed recovery code would be kept;
// false when it cannot be one. Case, spaces and hyphens do not matter, and what
// is often misread is read as what is meant.
func HashRecoveryCode(typed string) (hash []byte, ok bool) {
	if len(typed) > 100 {
		return nil, false
	}
	code := strings.Map(func(r rune) rune {
		switch r = unicode.ToLower(r); r {
		case 'i', 'l':
			return '1'
		case 'o':
			return '0'
		case ' ', '-', '\t', '\u2010', '\u2011', '\u2013':
			return -1
		}
		return r
	}, typed)
	if len(code) != recoveryLength {
		return nil, false
	}
	for _, r := range code {
		if !strings.ContainsRune(recoveryAlphabet, r) {
			return nil, false
		}
	}
	return recoveryHash(code), true
}

func recoveryHash(code string) []byte {
	sum := sha256.Sum256([]byte("steward recovery-code\x00" + code))
	return sum[:]
}

// grouped puts a separator between every four characters.
func grouped(s, separator string) string {
	var b strings.Builder
	for i := 0; i < len(s); i += 4 {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(s[i:min(i+4, len(s))])
	}
	return b.String()
}
