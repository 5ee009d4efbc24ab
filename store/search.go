package store

import (
	"context"
	"strings"

	"steward/backoffice"
)

// accountIndex finds accounts by part of their folded name or ID. It has two
// forms, one for each engine, held to one behaviour by a test.
//
// A search is adaptive: the index is asked for at most bounds.gather hits. Fewer
// than bounds.probe are read and sorted; with more the list is walked in its
// order, since a page of matches then lies near everywhere. A row that is read
// costs ten times a step along a narrow index, and forty times a hit: the walk
// asks first whether the index has hit the row.
type accountIndex struct{ trigrams }

// trigrams asks one index: accounts_fts, users_fts.
type trigrams struct {
	dialect      *dialect
	count, terms string // statements
}

func trigramsOf(d *dialect, table string) trigrams {
	return trigrams{d, `SELECT COUNT(*) FROM (SELECT 1 FROM ` + table + `_fts WHERE ` + table + `_fts MATCH $1 LIMIT $2)`,
		`SELECT term FROM ` + table + `_fts_terms WHERE term >= $1 AND term < $2 LIMIT $3`}
}

// put indexes an account's search text; what was indexed for the key before is
// replaced.
func (x accountIndex) put(t *tx, key int64, search string) error {
	if !x.dialect.engine.SQLite {
		return nil // a column with a trigram index
	}
	if err := x.drop(t, key); err != nil {
		return err
	}
	return x.add(t, key, search)
}

// add indexes an account that is new.
func (x accountIndex) add(t *tx, key int64, search string) error {
	if !x.dialect.engine.SQLite {
		return nil
	}
	_, err := t.exec(`INSERT INTO accounts_fts (rowid, search) VALUES ($1, $2)`, key, padded(search))
	return err
}

// drop takes an account out of the index.
func (x accountIndex) drop(t *tx, key int64) error {
	if !x.dialect.engine.SQLite {
		return nil
	}
	_, err := t.exec(`DELETE FROM accounts_fts WHERE rowid = $1`, key)
	return err
}

// padded makes each pair of letters the beginning of a trigram, and each letter
// too: the last ones have followers.
func padded(search string) string { return search + "\n\n" }

// hits is what the index says of a search.
type hits struct {
	match string // expression for the index; "" where the index cannot say
	n     int64  // how many rows may match, bounds.gather for that many or more
	few   bool   // fewer than bounds.probe rows may match: sort them
	none  bool   // nothing matches
}

// find asks the index for a folded text.
func (x trigrams) find(ctx context.Context, q query, folded string) (hits, error) {
	if folded == "" {
		return hits{}, nil
	}
	if !x.dialect.engine.SQLite {
		return hits{}, nil // PostgreSQL's planner chooses between index and order
	}
	match, err := x.expression(ctx, q, folded)
	if err != nil || match == "" {
		return hits{}, err
	}
	if match == noTerms {
		return hits{none: true}, nil
	}
	var n int64
	if err := q.row(ctx, x.count, match, bounds.gather).Scan(&n); err != nil {
		return hits{}, err
	}
	return hits{match: match, n: n, few: n < bounds.probe, none: n == 0}, nil
}

const noTerms = "\x00"

// counted reports whether the index knows all that may match: the walk can ask it.
func (h hits) counted() bool { return h.match != "" && h.n < bounds.gather }

// expression returns what the index is asked: all trigrams of the text, or
// for shorter inputs every trigram that begins with it. It is "" when the list
// is better walked.
func (x trigrams) expression(ctx context.Context, q query, folded string) (string, error) {
	runes := []rune(folded)
	var b strings.Builder
	if len(runes) >= 3 {
		// Every other one covers each pair of neighbours: those between say little
		// more, and each is a list to be gone through.
		last := min(len(runes)-3, 63)
		for i := 0; i <= last; i += 2 {
			if i > 0 {
				b.WriteString(" AND ")
			}
			quoteTerm(&b, string(runes[i:i+3]))
			if i+1 == last {
				i--
			}
		}
		return b.String(), nil
	}
	rows, err := q.rows(ctx, x.terms, folded, folded+"\xff", bounds.vocabulary+1)
	terms, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
	switch {
	case err != nil:
		return "", err
	case len(terms) == 0:
		return noTerms, nil
	case len(terms) > bounds.vocabulary:
		return "", nil
	}
	for i, term := range terms {
		if i > 0 {
			b.WriteString(" OR ")
		}
		quoteTerm(&b, term)
	}
	return b.String(), nil
}

func quoteTerm(b *strings.Builder, s string) {
	b.WriteByte('"')
	b.WriteString(strings.ReplaceAll(s, `"`, `""`))
	b.WriteByte('"')
}

// like returns a pattern that finds the folded text literally, for LIKE … ESCAPE '\'.
func like(folded string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(folded) + "%"
}

// foldQuery prepares what was typed for a search.
func foldQuery(typed string) string {
	const most = 200
	f := backoffice.Fold(typed)
	if r := []rune(f); len(r) > most {
		f = string(r[:most])
	}
	return f
}
