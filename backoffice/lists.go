package backoffice

import (
	_ "embed"
	"strings"
)

// The lists of others are kept as sorted text, one entry a line, and searched
// where they lie in the binary: nothing is built at start-up. Their versions
// and digests are in lists/lock.json; lists/refresh.go fetches them.
var (
	//go:embed lists/personal-domains.txt
	personalDomains string
	//go:embed lists/personal-domains-own.txt
	personalDomainsOwn string
	//go:embed lists/common-passwords.txt
	commonPasswords string
)

// sortedTextHas finds a line in text whose lines are in the order of their
// bytes, each ended by a line feed.
func sortedTextHas(text, line string) bool {
	low, high := 0, len(text)
	for low < high {
		middle := low + (high-low)/2
		start := strings.LastIndexByte(text[:middle], '\n') + 1
		end := start + strings.IndexByte(text[start:], '\n')
		switch found := text[start:end]; {
		case found == line:
			return true
		case found < line:
			low = end + 1
		default:
			high = start
		}
	}
	return false
}
