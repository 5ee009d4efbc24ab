package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"steward/backoffice"
)

// trigrams finds accounts by part of their folded name or ID, or users by part of
// their folded name or address: accounts_fts, users_fts. On PostgreSQL the columns
// have an index of their own; a test holds both to one behaviour.
//
// A search is adaptive. Few hits are read and sorted. More of them are met by
// walking the list in its order: a step along a narrow index that asks whether the
// search has hit the row costs a twentieth of a row that is read. Along the names
// the hits themselves come in order, from wherever the page begins.
type trigrams struct {
	dialect      *dialect
	table        string
	count, terms string    // statements
	next, beyond [2]string // statements, up and down the names
}

func trigramsOf(d *dialect, table string) trigrams {
	match := table + `_fts WHERE ` + table + `_fts MATCH $1`
	return trigrams{d, table, `SELECT COUNT(*) FROM (SELECT 1 FROM ` + match + ` LIMIT $2)`,
		`SELECT term FROM ` + table + `_fts_terms WHERE term >= $1 AND term < $2 LIMIT $3`,
		[2]string{`SELECT COUNT(*), COALESCE(MAX(at), 0) FROM (SELECT rowid AS at FROM ` + match + ` AND rowid >= $2 ORDER BY rowid LIMIT $3)`,
			`SELECT COUNT(*), COALESCE(MIN(at), 0) FROM (SELECT rowid AS at FROM ` + match + ` AND rowid <= $2 ORDER BY rowid DESC LIMIT $3)`},
		[2]string{`SELECT COUNT(*) FROM (SELECT 1 FROM ` + match + ` AND rowid > $2 AND rowid <= $3 LIMIT $4)`,
			`SELECT COUNT(*) FROM (SELECT 1 FROM ` + match + ` AND rowid < $2 AND rowid >= $3 LIMIT $4)`},
	}
}

// bounds are where a list changes its way of finding rows. No row depends on
// them, which a test holds by making them small.
var bounds = struct {
	probe      int64 // a search with fewer hits than these has them sorted
	hits       int64 // hits that are counted
	even       int64 // rows of the list for the square of the hits, from where on both are looked through
	stretch    int64 // hits along the names that are gathered at once, at first
	crowd      int64 // hits in one place, from where on the names are rather walked there
	walk       int64 // rows that a search walks along the names where hits lie close
	vocabulary int   // trigrams that begin with a one- or two-letter input, at most
	gather     int64 // rows of an index that are rather sorted than met by walking another order
	near       int64 // rows that a search walks at least before its hits are gathered
	count      int64 // matches that are counted: a list then says "2 000+"
	work       int64 // accounts that are looked at to count them
}{4000, 60_000, 100, 256, 1000, 150_000, 800, 20_000, 4000, 2000, 20_000}

// stepsForHit is how many rows of an order are walked in half the time in which
// a hit is gathered.
const stepsForHit = 10

// nearRows is how far a search walks the order of the list before all its hits
// are rather gathered: what is common fills a page by then, unless it all lies
// elsewhere in the order. Where the index does not know all hits, a step reads
// the row, unless it goes along the names, whose index holds the text.
func nearRows(h hits, covers bool) int64 {
	switch {
	case covers && h.match != "":
		return bounds.walk
	case covers:
		return stepsForHit * bounds.near
	case h.counted():
		return max(12*bounds.near, stepsForHit*h.n)
	case h.all && 80*h.rows > h.n*bounds.near:
		return bounds.near / 4 // unless they lie close here, it takes more anyway
	}
	return bounds.near
}

// indexedTables have such an index on SQLite.
var indexedTables = []string{"accounts", "users"}

// A rowid of the index is the place of the row's name in the order of names, as
// far as four bytes tell, and behind it the row's key.
const (
	keyBits  = 31
	keyOfRow = "rowid & 2147483647"
)

// placeOf is the place of a folded name, as the schema's column.
func placeOf(name string) int64 {
	var b [4]byte
	copy(b[:], name)
	return int64(binary.BigEndian.Uint32(b[:]))
}

// firstAt is the least name that a place may have.
func firstAt(place int64) string {
	return strings.TrimRight(string(binary.BigEndian.AppendUint32(nil, uint32(place))), "\x00")
}

// indexAll makes an index from the rows of its table.
func (t *tx) indexAll(table string) error {
	for _, text := range []string{
		`INSERT INTO ` + table + `_fts (` + table + `_fts, rank) VALUES ('hashsize', 33554432)`,
		`INSERT INTO ` + table + `_fts (rowid, search) SELECT place << 31 | key, search || char(10, 10) FROM ` + table + ` WHERE deleted_at IS NULL ORDER BY 1`,
		`INSERT INTO ` + table + `_fts (` + table + `_fts) VALUES ('optimize')`,
		`INSERT INTO ` + table + `_fts (` + table + `_fts, rank) VALUES ('hashsize', 1048576)`,
	} {
		if _, err := t.exec(text); err != nil {
			return err
		}
	}
	return nil
}

// index brings the indexes in line with what the transaction has written, in the
// order of their rows: the index is written out wherever that order breaks.
func (w *writer) index(ctx context.Context) error {
	for _, table := range indexedTables {
		due := table + "_fts_due"
		var gone, come bool
		if err := w.queryRow(ctx, `SELECT EXISTS (SELECT 1 FROM `+due+` WHERE was), EXISTS (SELECT 1 FROM `+due+`)`).Scan(&gone, &come); err != nil {
			return err
		}
		var texts []string
		if gone {
			texts = append(texts, `DELETE FROM `+table+`_fts WHERE rowid IN (SELECT id FROM `+due+` WHERE was)`)
		}
		if come {
			texts = append(texts, `INSERT INTO `+table+`_fts (rowid, search) SELECT d.id, r.search || char(10, 10) FROM `+due+` d CROSS JOIN `+table+` r ON r.key = d.id & 2147483647
				WHERE r.deleted_at IS NULL AND r.place = d.id >> 31 ORDER BY d.id`, `DELETE FROM `+due)
		}
		for _, text := range texts {
			if _, err := w.exec(ctx, text); err != nil {
				return fmt.Errorf("index %s: %w", table, err)
			}
		}
	}
	return nil
}

// padded makes each pair of letters the beginning of a trigram, and each letter
// too: the last ones have followers.
func padded(search string) string { return search + "\n\n" }

// hits is what the index says of a search.
type hits struct {
	match     string // expression for the index; "" where the index cannot say
	n         int64  // how many rows may match, as many as were asked for at most
	all       bool   // n is how many
	few       bool   // fewer than bounds.probe rows may match: sort them
	none      bool   // nothing matches
	asked     bool   // rows are drawn from the index
	rows      int64  // of the whole list
	uneven    bool   // names and the order have to do with each other
	from, end int64  // rowids between which it is asked; 0, 0: everywhere
	within    int64  // only among so many rows of the list's order; 0: everywhere
	first     string // statement that yields the keys of those
}

// find asks the index for a folded text, and counts its hits up to most; rows is
// how long the whole list is.
func (x trigrams) find(ctx context.Context, q query, folded string, most, rows int64) (hits, error) {
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
		return hits{all: true, few: true, none: true}, nil
	}
	var n int64
	if err := q.row(ctx, x.count, match, most).Scan(&n); err != nil {
		return hits{}, err
	}
	few := n < bounds.probe
	return hits{match: match, n: n, all: n < most, few: few, none: n == 0, asked: few, rows: rows}, nil
}

// keys writes a statement that yields the keys of what is hit.
func (x trigrams) keys(l *listQuery, h hits) string {
	text := "SELECT " + keyOfRow + " FROM " + x.table + "_fts WHERE " + x.table + "_fts MATCH " + l.arg(h.match)
	if h.from != 0 || h.end != 0 {
		text += " AND rowid BETWEEN " + l.arg(min(h.from, h.end)) + " AND " + l.arg(max(h.from, h.end))
	}
	if h.first != "" {
		text += " AND " + keyOfRow + " IN (" + h.first + ")"
	}
	return text
}

// alongNames draws hits in the order of names, from the cursor on: stretch by
// stretch, each of whole places, so that what is read of one lies before what is
// read of the next. read is told where, and to gather all hits there; or, at a
// place where very many lie together, to walk the names from there, which must
// fill the page or be thrown away. It reports whether the page is full.
func (x trigrams) alongNames(ctx context.Context, q query, h hits, desc bool, c listCursor, read func(listWay, hits, listCursor) (full bool, err error)) error {
	dir, step, last := 0, int64(1), int64(math.MaxInt64)
	if desc {
		dir, step, last = 1, -1, 0
	}
	h.asked = true
	h.from = math.MaxInt64 - last
	span := func(place int64) (near, far int64) {
		near, far = place<<keyBits, place<<keyBits|(1<<keyBits-1)
		if desc {
			return far, near
		}
		return near, far
	}
	if !c.Edge {
		h.from, _ = span(placeOf(c.Text))
	}
	for size := bounds.stretch; ; size = min(4*size, bounds.probe) {
		var n, edge int64
		if err := q.row(ctx, x.next[dir], h.match, h.from, size).Scan(&n, &edge); err != nil {
			return err
		}
		h.end = last
		if n == size {
			place := edge >> keyBits
			near, far := span(place)
			if err := q.row(ctx, x.beyond[dir], h.match, edge, far, bounds.crowd).Scan(&n); err != nil {
				return err
			}
			switch h.end = far; {
			case n < bounds.crowd:
			case h.from>>keyBits != place:
				h.end = near - step
			default:
				at := c
				if c.Edge || placeOf(c.Text) != place {
					at = listCursor{Text: firstAt(place), Back: c.Back}
					if desc {
						at.Text = firstAt(place + 1)
					}
				}
				if full, err := read(nearBy, h, at); err != nil || full {
					return err
				}
			}
		}
		if full, err := read(gathered, h, c); err != nil || full || h.end == last {
			return err
		}
		h.from = h.end + step
	}
}

// hitsOf is how many hits are counted: along the names it matters only whether
// they are few.
func hitsOf(names bool) int64 {
	if names {
		return bounds.probe
	}
	return bounds.hits
}

// wayOf is how a page of a search finds its rows at first.
func (s *Store) wayOf(folded string, gather bool, h hits, names bool) listWay {
	switch {
	case gather:
		return gathered
	case folded == "" || !s.dialect.engine.SQLite:
		return inOrder
	case names && h.match != "":
		return byName
	}
	return nearBy
}

const noTerms = "\x00"

// counted reports whether the hits are so few that a walk rather asks the index
// for each row than the walk's rows are looked for among the hits: a walk to a
// full page is as long as the hits are rare, where they lie evenly.
func (h hits) counted() bool {
	return h.match != "" && h.all && (h.uneven || h.n*h.n <= bounds.even*h.rows)
}

// reach is among how many rows of the order hits are looked for, one after the
// other until they fill a page: as many as should hold two pages where
// hits lie evenly, then more, then all (0).
func (h hits) reach() []int64 {
	if h.counted() || h.n == 0 {
		return []int64{0}
	}
	even := max(bounds.hits/6, 120*h.rows/h.n)
	if even >= bounds.hits/2 {
		return []int64{even, 0}
	}
	return []int64{even, bounds.hits, 0}
}

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
