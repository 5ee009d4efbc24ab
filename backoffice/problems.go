package backoffice

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Problems maps the name of a form field to one sentence that says what is
// wrong and what to do. The empty field name is for the form as a whole.
// A Problems value is an error only while it has entries: return it by Err.
type Problems map[string]string

// Add notes the first problem of a field; later ones are dropped, since a field
// shows one sentence.
func (p *Problems) Add(field, sentence string) {
	if *p == nil {
		*p = Problems{}
	}
	if _, ok := (*p)[field]; !ok {
		(*p)[field] = sentence
	}
}

// Err returns p as an error, or nil when there are no problems.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// Error lists the problems in the order of their field names.
func (p Problems) Error() string {
	fields := make([]string, 0, len(p))
	for f := range p {
		fields = append(fields, f)
	}
	sort.Strings(fields)
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteString("; ")
		}
		if f != "" {
			b.WriteString(f + ": ")
		}
		b.WriteString(p[f])
	}
	return b.String()
}

// Errors that every verb may return. Handlers turn them into 404, 403, 409.
var (
	// ErrNotFound is returned for what does not exist and for what the actor
	// may not see; the two are never told apart.
	ErrNotFound = errors.New("not found")
	// ErrForbidden is returned for what the actor may see but not do.
	ErrForbidden = errors.New("forbidden")
	// ErrConflict is returned when the thing was changed by someone else since
	// it was read.
	ErrConflict = errors.New("changed by someone else meanwhile")
	// ErrOutdated is returned when an act would change something else than its
	// preview said.
	ErrOutdated = errors.New("the preview is not true any more")
	// ErrUnavailable is returned when nothing can be written just now: a full
	// disk, a database that does not answer.
	ErrUnavailable = errors.New("storage is unavailable")
	// ErrDiskFull is the ErrUnavailable of a disk that has no room left.
	ErrDiskFull = fmt.Errorf("the disk is full: %w", ErrUnavailable)
)
