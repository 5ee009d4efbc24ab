package store_test

import (
	"net/url"
	"testing"

	"steward/backoffice"
	"steward/store/storetest"
)

// A pooler between keeps no prepared statements: the address can say so, and in
// releases too, which leave pgx's own list of types out (.ci/check builds this
// test as they are built).
func TestPostgresWithoutPreparedStatements(t *testing.T) {
	for _, mode := range []string{"exec", "cache_statement"} {
		address, err := url.Parse(storetest.Postgres(t))
		if err != nil {
			t.Fatal(err)
		}
		query := address.Query()
		query.Set("default_query_exec_mode", mode)
		address.RawQuery = query.Encode()
		s := storetest.Open(t, address.String(), storetest.NewClock())
		create(t, s, "Nordwind", "nordwind", "ada@nordwind.example")
		found, err := s.Accounts(ctx, backoffice.AccountFilter{Query: "nord"}, "")
		if err != nil || len(found.Rows) != 1 {
			t.Errorf("%s: %d accounts, %v", mode, len(found.Rows), err)
		}
		agree(t, s)
	}
}
