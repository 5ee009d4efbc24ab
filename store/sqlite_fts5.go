//go:build !sqlite_fts5

package store

// A build without the tag sqlite_fts5 would fail at run time, at the first
// search. It fails here instead: build with `make build`, or with
// `-tags sqlite_fts5`.
var _ = build_with_make_or_with_the_tag_sqlite_fts5
