// Package store owns the database: every SQL statement, and every unit of work.
// Reads are nouns (Account, Accounts), writes are the act's verb (CreateAccount);
// a write loads, asks the rule, and puts row, event and counters into one
// transaction. Statements are written once for both engines, with $N
// placeholders; what differs between the engines stands in dialect.go.
package store
