package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"steward/backoffice"
)

const selectEvent = `SELECT e.key, e.id, e.at, e.actor_kind, e.actor_id, e.actor_name, e.address, e.action, e.object_kind, e.object_id, e.object_name,
	COALESCE(e.before_data, ''), COALESCE(e.after_data, ''), e.undo, e.payload_digest, e.digest,
	COALESCE(a.id, ''), COALESCE(a.name, ''),
	CASE e.object_kind
		WHEN 'account' THEN EXISTS (SELECT 1 FROM accounts o WHERE o.id = e.object_id AND o.deleted_at IS NULL)
		WHEN 'role' THEN EXISTS (SELECT 1 FROM roles o WHERE o.id = e.object_id AND o.deleted_at IS NULL)
		WHEN 'import' THEN EXISTS (SELECT 1 FROM imports o WHERE o.id = e.object_id)
		WHEN 'application' THEN EXISTS (SELECT 1 FROM applications o WHERE o.id = e.object_id AND o.deleted_at IS NULL)
		ELSE FALSE END,
	e.undo <> '' AND CASE e.object_kind
		WHEN 'account' THEN EXISTS (SELECT 1 FROM accounts o WHERE o.id = e.object_id AND o.deletion_id = e.undo AND o.deleted_at IS NOT NULL)
		WHEN 'role' THEN EXISTS (SELECT 1 FROM roles o WHERE o.id = e.object_id AND o.deletion_id = e.undo AND o.deleted_at IS NOT NULL)
		WHEN 'application' THEN EXISTS (SELECT 1 FROM applications o WHERE o.id = e.object_id AND o.deletion_id = e.undo AND o.deleted_at IS NOT NULL)
			OR EXISTS (SELECT 1 FROM removed_assignments o CROSS JOIN` + assignmentTables + `WHERE o.id = e.undo AND a.key = o.account_key AND p.key = o.application_key
				AND a.deleted_at IS NULL AND p.deleted_at IS NULL AND (o.own OR p.is_default OR p.auto_assigned) AND NOT (` + assigned + `))
		WHEN 'user' THEN EXISTS (SELECT 1 FROM users o WHERE o.id = e.object_id AND o.deletion_id = e.undo AND o.deleted_at IS NOT NULL AND o.purged_at IS NULL)
			OR EXISTS (SELECT 1 FROM removed_memberships o WHERE o.id = e.undo)
		ELSE FALSE END
	FROM events e LEFT JOIN accounts a ON a.key = e.account_key`

func scanEvent(r rowScanner) (e backoffice.EventRow, err error) {
	var sum []byte
	err = r.Scan(&e.Key, &e.ID, micros{&e.At}, &e.Kind, &e.ActorID, &e.ActorName, &e.Address, &e.Action, &e.ObjectKind, &e.ObjectID, &e.ObjectName,
		&e.Before, &e.After, &e.Undo, &sum, &e.Digest, &e.AccountID, &e.AccountName, &e.Exists, &e.Undoable)
	e.Purged = purged(e.Event, sum)
	return
}

// Event returns one entry of the trail. Errors: ErrNotFound.
func (s *Store) Event(ctx context.Context, id string) (backoffice.EventRow, error) {
	return scanEvent(s.query().row(ctx, selectEvent+` WHERE e.id = $1`, id))
}

// Events returns one page of the trail, the newest entries first; limit is how
// many, 0 for the usual page. A cursor that was not made here for this filter
// opens the first page.
func (s *Store) Events(ctx context.Context, f backoffice.EventFilter, cursor string, limit int) (backoffice.EventsPage, error) {
	if limit == 0 {
		limit = backoffice.PageSize
	}
	l := &listQuery{}
	if err := s.narrowEvents(ctx, l, f); err != nil {
		if errors.Is(err, backoffice.ErrNotFound) {
			err = nil
		}
		return backoffice.EventsPage{}, err
	}
	c, ok := s.openCursor(cursor, f)
	if !ok {
		c = listCursor{Edge: true}
	}
	dir := " DESC"
	switch {
	case c.Edge:
	case c.Back:
		l.add("e.key > " + l.arg(c.Key))
		dir = ""
	default:
		l.add("e.key < " + l.arg(c.Key))
	}
	where := ""
	if len(l.where) > 0 {
		where = " WHERE " + strings.Join(l.where, " AND ")
	}
	rows, err := s.query().rows(ctx, selectEvent+where+` ORDER BY e.key`+dir+` LIMIT `+l.arg(limit+1), l.args...)
	found, err := collect(rows, err, scanEvent)
	if err != nil {
		return backoffice.EventsPage{}, err
	}
	more := len(found) > limit
	if more {
		found = found[:limit]
	}
	if c.Back {
		slices.Reverse(found)
	}
	page := backoffice.EventsPage{Rows: found}
	if n := len(found); n > 0 {
		if more || c.Back {
			page.Next = s.sealCursor(listCursor{Key: found[n-1].Key}, f)
		}
		if !c.Edge && (!c.Back || more) {
			page.Prev = s.sealCursor(listCursor{Key: found[0].Key, Back: true}, f)
		}
	}
	return page, nil
}

func (s *Store) narrowEvents(ctx context.Context, l *listQuery, f backoffice.EventFilter) error {
	if q := foldQuery(f.Query); q != "" {
		l.add(`e.search LIKE ` + l.arg(like(q)) + ` ESCAPE '\'`)
	}
	switch {
	case f.Action == "":
	case strings.HasSuffix(f.Action, "."):
		// A range rather than a pattern: it walks the index.
		l.add("e.action >= " + l.arg(f.Action))
		l.add("e.action < " + l.arg(strings.TrimSuffix(f.Action, ".")+"/"))
	default:
		l.add("e.action = " + l.arg(f.Action))
	}
	if f.ActorID != "" {
		l.add("e.actor_id = " + l.arg(f.ActorID))
	}
	if f.Object != "" {
		l.add("e.object_id = " + l.arg(f.Object))
	}
	if f.Account != "" {
		var key int64
		if err := s.query().row(ctx, `SELECT key FROM accounts WHERE id = $1`, f.Account).Scan(&key); err != nil {
			return err
		}
		l.add("e.account_key = " + l.arg(key))
	}
	if !f.From.IsZero() {
		l.add("e.at >= " + l.arg(f.From.UnixMicro()))
	}
	if !f.To.IsZero() {
		l.add("e.at < " + l.arg(f.To.UnixMicro()))
	}
	return nil
}

// EachEvent calls do with every entry that the filter leaves, the newest first,
// a page at a time: no long-lived read holds up the engine's housekeeping.
func (s *Store) EachEvent(ctx context.Context, f backoffice.EventFilter, do func(backoffice.EventRow) error) error {
	cursor := ""
	for {
		page, err := s.Events(ctx, f, cursor, 500)
		if err != nil {
			return err
		}
		for _, e := range page.Rows {
			if err := do(e); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// EventActors lists who has done something, by name, at most a hundred.
func (s *Store) EventActors(ctx context.Context) ([]backoffice.EventActor, error) {
	// Hops from one actor to the next over the index, however long the trail is.
	rows, err := s.query().rows(ctx, `WITH RECURSIVE actor (id) AS (
			SELECT MIN(actor_id) FROM events
			UNION ALL
			SELECT (SELECT MIN(e.actor_id) FROM events e WHERE e.actor_id > actor.id) FROM actor WHERE actor.id IS NOT NULL)
		SELECT e.actor_kind, e.actor_id, e.actor_name FROM actor a
		JOIN events e ON e.key = (SELECT MAX(l.key) FROM events l WHERE l.actor_id = a.id)
		ORDER BY e.actor_name, e.actor_id LIMIT 100`)
	return collect(rows, err, func(r rowScanner) (a backoffice.EventActor, err error) {
		err = r.Scan(&a.Kind, &a.ID, &a.Name)
		return
	})
}

// CheckTrail verifies the chain of events and notes the outcome.
func (s *Store) CheckTrail(ctx context.Context) (backoffice.TrailCheck, error) {
	c := backoffice.TrailCheck{At: s.Now()}
	var err error
	if c.Broken, c.Count, err = s.VerifyEvents(ctx); err != nil {
		return c, err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return c, err
	}
	return c, s.update(ctx, backoffice.System(), func(t *tx) error { return t.setSetting("trail-check", string(b)) })
}

// LastTrailCheck returns the outcome of the last CheckTrail; ok is false when
// there was none.
func (s *Store) LastTrailCheck(ctx context.Context) (c backoffice.TrailCheck, ok bool, err error) {
	v, err := setting(ctx, s.query(), "trail-check")
	if err != nil || v == "" {
		return c, false, err
	}
	return c, json.Unmarshal([]byte(v), &c) == nil, nil
}
