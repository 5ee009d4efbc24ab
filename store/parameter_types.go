package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// nameParameterTypes says which types of PostgreSQL our parameters are. pgx needs
// it where nothing is prepared (default_query_exec_mode=exec in the URL, for a
// pooler between). Its own list, with the arrays, ranges and pointers of every
// type, is 1.4 MB of code, and releases leave it out (.ci/build).
func nameParameterTypes(_ context.Context, conn *pgx.Conn) error {
	m := conn.TypeMap()
	nameParameterType[int64](m, "int8")
	nameParameterType[int](m, "int8")
	nameParameterType[int32](m, "int4")
	nameParameterType[float64](m, "float8")
	nameParameterType[bool](m, "bool")
	nameParameterType[string](m, "text")
	nameParameterType[[]byte](m, "bytea")
	nameParameterType[time.Time](m, "timestamptz")
	return nil
}

func nameParameterType[T any](m *pgtype.Map, name string) {
	var value T
	m.RegisterDefaultPgType(value, name)
	m.RegisterDefaultPgType(&value, name)
}
