// Package backoffice owns the words and the rules of Steward: plain types and
// pure functions, no storage, no web. Everything else speaks in its terms.
package backoffice
