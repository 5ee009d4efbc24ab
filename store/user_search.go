package store

import (
	"strings"

	"steward/backoffice"
)

// idBeginning reports whether a search may be the beginning of a user's ID: from
// eight digits on, so that what is shorter finds names and addresses alone.
func idBeginning(folded string) bool {
	return len(folded) >= 8 && len(folded) <= 36 && strings.Trim(folded, "0123456789abcdef-") == ""
}

// found is a statement that yields the keys of all users whom the search may
// find.
func (src userSource) found(x trigrams, l *listQuery, f backoffice.UserFilter) string {
	keys := x.keys(l, src.hits)
	if src.byID {
		keys += " UNION ALL SELECT key FROM users WHERE id >= " + l.arg(f.Query) + " AND id < " + l.arg(f.Query+"~")
	}
	return keys
}

// reach is hits.reach; who is found by their ID stands outside of the index.
func (src userSource) reach() []int64 {
	if src.byID {
		return []int64{0}
	}
	return src.hits.reach()
}

// covered reports whether the index of the order holds the text that is searched.
func (src userSource) covered(f backoffice.UserFilter) bool {
	return f.Sort == backoffice.UsersByName && !src.byID
}
