package store

import (
	"fmt"
	"maps"
	"slices"
)

// gramCount is in how many search texts each trigram stands.
type gramCount struct {
	of   map[string]int64
	seen []string
}

// add counts the trigrams of a search text, each once.
func (c *gramCount) add(search string) {
	if c.of == nil {
		c.of = map[string]int64{}
	}
	text := padded(search)
	var starts [4]int // of the last four letters
	n := 0
	seen := c.seen[:0]
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
			c.of[g]++
		}
	}
	c.seen = seen
}

// searchIndex compares the indexes of the search with accounts and users.
// PostgreSQL's indexes are the columns themselves.
func (c *check) searchIndex() error {
	if !c.s.dialect.engine.SQLite {
		return nil
	}
	if err := c.searchOf("account", "accounts", c.grams.of); err != nil {
		return err
	}
	return c.searchOf("user", "users", c.userGrams.of)
}

// searchOf compares one index with its table: the same keys, and each trigram
// in as many rows as have it.
func (c *check) searchOf(one, table string, grams map[string]int64) error {
	for what, text := range map[string]string{
		"is not found by a search":       `SELECT key FROM ` + table + ` WHERE deleted_at IS NULL AND (place << 31 | key) NOT IN (SELECT id FROM ` + table + `_fts_docsize) LIMIT 1000`,
		"is still in the search's index": `SELECT id & 2147483647 FROM ` + table + `_fts_docsize WHERE id NOT IN (SELECT place << 31 | key FROM ` + table + ` WHERE deleted_at IS NULL) LIMIT 1000`,
	} {
		rows, err := c.r.rows(c.ctx, text)
		keys, err := collect(rows, err, func(r rowScanner) (v int64, err error) { err = r.Scan(&v); return })
		if err != nil {
			return err
		}
		for _, k := range keys {
			c.found("search", nextCounter, "the %s with key %d %s", one, k, what)
		}
	}
	rows, err := c.r.rows(c.ctx, `SELECT term, doc FROM `+table+`_fts_terms`)
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
		if want := grams[term]; n != want {
			c.found("search", nextCounter, "%s is found in %d %s, and stands in %d", fmt.Sprintf("%q", term), n, table, want)
		}
		delete(grams, term)
	}
	if err := rows.Err(); err != nil {
		return c.s.fail(err)
	}
	for _, term := range slices.Sorted(maps.Keys(grams)) {
		c.found("search", nextCounter, "%q is found nowhere, and stands in %d %s", term, grams[term], table)
	}
	return nil
}
