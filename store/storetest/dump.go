package storetest

import (
	"database/sql"
	"fmt"
	"sort"
	"strings"
	"testing"

	"steward/store"
)

// Dump returns every row of every table of a database that Open opened, save for
// the one that only tells what has changed, each as one line, in a fixed order:
// two dumps are equal when nothing changed between.
func Dump(t testing.TB, s *store.Store) map[string][]string {
	t.Helper()
	name, ok := names.Load(s)
	if !ok {
		t.Fatal("this database was not opened by storetest")
	}
	if s.Engine() == "postgres" {
		return dump(t, "pgx", name.(string), `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`)
	}
	return DumpFile(t, name.(string))
}

// DumpFile is Dump of a SQLite file.
func DumpFile(t testing.TB, path string) map[string][]string {
	t.Helper()
	return dump(t, "sqlite3", "file:"+path+"?_query_only=1&_busy_timeout=10000",
		`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '%\_fts%' ESCAPE '\'`)
}

func dump(t testing.TB, driver, dsn, list string) map[string][]string {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	out := map[string][]string{}
	for _, table := range column(t, db, list) {
		if !strings.HasPrefix(table, "goose") && table != "kpi_changes" {
			out[table] = column(t, db, `SELECT * FROM `+table)
		}
	}
	return out
}

// Differ names the rows that one dump has and the other lacks, tables in
// `except` aside.
func Differ(before, after map[string][]string, except ...string) []string {
	var out []string
	skip := map[string]bool{}
	for _, e := range except {
		skip[e] = true
	}
	tables := map[string]bool{}
	for t := range before {
		tables[t] = true
	}
	for t := range after {
		tables[t] = true
	}
	for t := range tables {
		if skip[t] {
			continue
		}
		count := map[string]int{}
		for _, r := range before[t] {
			count[r]--
		}
		for _, r := range after[t] {
			count[r]++
		}
		for r, n := range count {
			switch {
			case n > 0:
				out = append(out, "+ "+t+": "+r)
			case n < 0:
				out = append(out, "- "+t+": "+r)
			}
		}
	}
	sort.Strings(out)
	return out
}

func column(t testing.TB, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		values := make([]any, len(names))
		dest := make([]any, len(names))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for i, v := range values {
			if x, ok := v.([]byte); ok {
				v = string(x)
			}
			if len(names) == 1 {
				fmt.Fprint(&b, v)
			} else {
				fmt.Fprintf(&b, "%s=%q ", names[i], fmt.Sprint(v))
			}
		}
		out = append(out, b.String())
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	sort.Strings(out)
	return out
}
