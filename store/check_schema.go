package store

import (
	"context"
	"database/sql"
	"strings"
	"sync"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"steward/migrations"
)

// madeSchema is what the migrations make of an empty SQLite database: the text of
// each table, index and trigger by its name, and the built-in roles.
var madeSchema = sync.OnceValues(func() (map[string]string, error) {
	ctx := context.Background()
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	p, err := goose.NewProvider(database.DialectSQLite3, db, migrations.FS(migrations.SQLite))
	if err != nil {
		return nil, err
	}
	if _, err := p.Up(ctx); err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, selectSchema)
	return schemaOf(rows, err)
})

const selectSchema = `SELECT type || ' ' || name, COALESCE(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'
	UNION ALL SELECT 'role ' || handle, name || char(10) || level || char(10) || permissions FROM roles WHERE built_in
	UNION ALL SELECT 'role ' || handle || ', as it was made', description FROM roles WHERE built_in AND version = 1`

func schemaOf(rows *sql.Rows, err error) (map[string]string, error) {
	out := map[string]string{}
	_, err = collect(rows, err, func(r rowScanner) (struct{}, error) {
		var name, text string
		err := r.Scan(&name, &text)
		out[name] = text
		return struct{}{}, err
	})
	return out, err
}

// schema compares the schema of a SQLite file with what the migrations make: a
// byte of it that is not what it was lets a statement mean something else. And it
// looks at values that nothing else of the check reads.
func (c *check) schema() error {
	if !c.s.dialect.engine.SQLite {
		return nil
	}
	want, err := madeSchema()
	if err != nil {
		return err
	}
	rows, err := c.r.rows(c.ctx, selectSchema)
	have, err := schemaOf(rows, err)
	if err != nil {
		return err
	}
	for name, text := range want {
		if _, there := have[name]; !there && strings.HasSuffix(name, ", as it was made") {
			continue // its description was edited since
		}
		if have[name] != text {
			c.found("schema", nextDamage, "%s is not what the migrations made", name)
		}
	}
	for name := range have {
		if _, known := want[name]; !known {
			c.found("schema", nextDamage, "%s is nothing that the migrations made", name)
		}
	}
	var n int64
	if err := c.r.row(c.ctx, `SELECT COUNT(*) FROM users WHERE NOT json_valid(metadata) OR NOT json_valid(vendor_metadata)`).Scan(&n); err != nil {
		return err
	}
	c.same("metadata", "the number of users whose metadata is not JSON", n, 0)
	if err := c.r.row(c.ctx, `SELECT COUNT(*) FROM memberships WHERE status NOT IN ('activated', 'invited', 'pending', 'inactive')`).Scan(&n); err != nil {
		return err
	}
	c.same("memberships", "the number of memberships without a status", n, 0)
	return nil
}
