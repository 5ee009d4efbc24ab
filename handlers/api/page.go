package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// How many rows a page of a list has, where limit does not say it, and at most.
const (
	pageRows    = 100
	maxPageRows = 500
)

// query reads the parameters of an address; one that is not among names, comes
// twice or is no text is refused by its name: a filter that is passed over would
// answer more than was asked for.
func (r *request) query(names ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &problem{Status: http.StatusBadRequest, Title: "That is no address of a list", Detail: "What follows the question mark cannot be read."}
	}
	var refused []fieldProblem
	for name, values := range q {
		shown := name
		if len(name) > longestName || !plain(name) {
			shown = ""
		}
		switch {
		case !slices.Contains(names, name):
			refused = append(refused, fieldProblem{shown, "is no parameter of this address"})
		case len(values) > 1:
			refused = append(refused, fieldProblem{shown, "comes twice"})
		case !plain(values[0]):
			refused = append(refused, fieldProblem{shown, "is not text"})
		}
	}
	slices.SortFunc(refused, func(a, b fieldProblem) int {
		return slices.Compare([]string{a.Field, a.Reason}, []string{b.Field, b.Reason})
	})
	return q, refusedQuery(refused...)
}

func refusedQuery(refused ...fieldProblem) error {
	if len(refused) == 0 {
		return nil
	}
	return &problem{Status: http.StatusUnprocessableEntity, Title: "Nothing was read", Detail: "The address has parameters that are refused.", Errors: refused}
}

// page reads where a page of a list begins, and how many rows it has at most. after
// is the next of the page before, "" for the first one.
func (r *request) page() (after string, limit int, err error) {
	q, err := r.query("after", "limit")
	if err != nil {
		return "", 0, err
	}
	if limit = pageRows; q.Has("limit") {
		n, err := strconv.Atoi(q.Get("limit"))
		if err != nil || n < 1 || n > maxPageRows {
			return "", 0, refusedQuery(fieldProblem{"limit", fmt.Sprintf("is not a number from 1 to %d", maxPageRows)})
		}
		limit = n
	}
	return q.Get("after"), limit, nil
}

// lost is the answer to a page behind a row that is not there any more: an empty one
// would look like the end of the list.
func lost() error {
	return refusedQuery(fieldProblem{"after", "is no position in this list any more; begin again at the first page"})
}
