package store

import (
	"fmt"
	"maps"
	"slices"
)

// addGrams counts the trigrams of an account's search text, each once.
func (c *check) addGrams(search string) {
	if c.grams == nil {
		c.grams = map[string]int64{}
	}
	text := padded(search)
	var starts [4]int // of the last four letters
	n := 0
	seen := c.seenGrams[:0]
	for i := range text {
		starts[n%4] = i
		n++
		if n > 3 {
			seen = append(seen, text[starts[(n-4)%4]:i])
		}
	}
	if n >= 3 {
		seen = append(seen, text[starts[(n-3)%4]:])
	}
	slices.Sort(seen)
	for i, g := range seen {
		if i == 0 || g != seen[i-1] {
			c.grams[g]++
		}
	}
	c.seenGrams = seen
}

// searchIndex compares the index of the search with the accounts: the same
// keys, and each trigram in as many accounts as have it. PostgreSQL's index is
// the column itself.
func (c *check) searchIndex() error {
	if !c.s.dialect.engine.SQLite {
		return nil
	}
	for what, text := range map[string]string{
		"is not found by a search":       `SELECT key FROM accounts WHERE deleted_at IS NULL AND key NOT IN (SELECT id FROM accounts_fts_docsize) LIMIT 1000`,
		"is still in the search's index": `SELECT id FROM accounts_fts_docsize WHERE id NOT IN (SELECT key FROM accounts WHERE deleted_at IS NULL) LIMIT 1000`,
	} {
		rows, err := c.r.rows(c.ctx, text)
		keys, err := collect(rows, err, func(r rowScanner) (v int64, err error) { err = r.Scan(&v); return })
		if err != nil {
			return err
		}
		for _, k := range keys {
			c.found("search", nextCounter, "the account with key %d %s", k, what)
		}
	}
	rows, err := c.r.rows(c.ctx, `SELECT term, doc FROM accounts_fts_terms`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var term string
		var n int64
		if err := rows.Scan(&term, &n); err != nil {
			return err
		}
		if want := c.grams[term]; n != want {
			c.found("search", nextCounter, "%s is found in %d accounts, and stands in %d", fmt.Sprintf("%q", term), n, want)
		}
		delete(c.grams, term)
	}
	if err := rows.Err(); err != nil {
		return c.s.fail(err)
	}
	for _, term := range slices.Sorted(maps.Keys(c.grams)) {
		c.found("search", nextCounter, "%q is found nowhere, and stands in %d accounts", term, c.grams[term])
	}
	return nil
}
