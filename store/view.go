package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"steward/backoffice"
)

const selectView = `SELECT v.id, v.page, v.name, v.query, v.shared, v.staff_key = $1, CASE WHEN s.name = '' THEN s.email ELSE s.name END, v.created_at
	FROM saved_views v JOIN staff s ON s.key = v.staff_key WHERE (v.staff_key = $1 OR v.shared)`

func scanView(r rowScanner) (v backoffice.View, err error) {
	err = r.Scan(&v.ID, &v.Page, &v.Name, &v.Query, &v.Shared, &v.Own, &v.By, micros{&v.CreatedAt})
	return v, err
}

// viewMemory keeps the saved views that pages show while nothing was committed
// to a SQLite file, by whichever process.
type viewMemory struct {
	mu      sync.Mutex
	version int64
	lists   map[viewsOf][]backoffice.View
}

type viewsOf struct {
	staff int64
	page  string
}

const rememberedViews = 1000 // lists of somebody and a page

// Views returns the saved views of a page that the actor sees: their own and
// those that are shared, by name.
func (s *Store) Views(ctx context.Context, actor backoffice.Actor, page string) ([]backoffice.View, error) {
	read := func() ([]backoffice.View, error) {
		rows, err := s.query().rows(ctx, selectView+` AND v.page = $2 ORDER BY v.name, v.key`, actor.Key, page)
		return collect(rows, err, scanView)
	}
	if s.dialect.engine.PostgreSQL {
		return read()
	}
	m, key := &s.views, viewsOf{actor.Key, page}
	m.mu.Lock()
	defer m.mu.Unlock()
	// Asked before views are read: what is committed between the two is read again
	// rather than not at all.
	version, err := s.dataVersion(ctx)
	if err != nil {
		return nil, err
	}
	if m.lists == nil || version != m.version || len(m.lists) >= rememberedViews {
		m.version, m.lists = version, map[viewsOf][]backoffice.View{}
	}
	list, ok := m.lists[key]
	if !ok {
		if list, err = read(); err != nil {
			return nil, err
		}
		m.lists[key] = list
	}
	return slices.Clone(list), nil
}

// SaveView keeps a page's query under a name; one of the actor's own with the
// same name is replaced. Errors: Problems (name, query), ErrForbidden for
// sharing without leave to.
func (s *Store) SaveView(ctx context.Context, actor backoffice.Actor, page, name, query string, shared bool) (backoffice.View, error) {
	var problems backoffice.Problems
	name, err := backoffice.CleanName(name, backoffice.MaxViewName)
	if err != nil {
		problems.Add("name", err.Error())
	} else if name == "" {
		problems.Add("name", "Enter a name.")
	}
	if len(query) > backoffice.MaxViewQuery {
		problems.Add("", "This view has too many filters to be saved.")
	}
	if err := problems.Err(); err != nil {
		return backoffice.View{}, err
	}
	view := backoffice.View{Page: page, Name: name, Query: query, Shared: shared, Own: true, By: actor.Label()}
	err = s.update(ctx, actor, func(t *tx) error {
		if actor.Kind != backoffice.ActorStaff {
			return backoffice.ErrForbidden
		}
		if err := t.mayStill(backoffice.WriteOwnViews); err != nil {
			return err
		}
		if shared {
			if err := t.mayStill(backoffice.ShareViews); err != nil {
				return err
			}
		}
		view.CreatedAt = t.now.Truncate(time.Microsecond)
		before, err := scanView(t.get(selectView+` AND v.staff_key = $1 AND v.page = $2 AND v.name = $3`, actor.Key, page, name))
		switch {
		case err == nil:
			view.ID, view.CreatedAt = before.ID, before.CreatedAt
			if before.Query == query && before.Shared == shared {
				return nil
			}
			if err := t.one(`UPDATE saved_views SET query = $1, shared = $2 WHERE id = $3`, query, shared, view.ID); err != nil {
				return err
			}
			return t.record(event{action: "view.saved", kind: "view", id: view.ID, name: name, before: viewPayload(before), after: viewPayload(view)})
		case !errors.Is(err, backoffice.ErrNotFound):
			return err
		}
		var have int
		if err := t.get(`SELECT COUNT(*) FROM saved_views WHERE staff_key = $1 AND page = $2`, actor.Key, page).Scan(&have); err != nil {
			return err
		}
		if have >= backoffice.MaxViews {
			return backoffice.Problems{"name": "You have 50 saved views here. Delete one first."}
		}
		view.ID = newID()
		if _, err := t.exec(`INSERT INTO saved_views (id, staff_key, shared, page, name, query, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			view.ID, actor.Key, shared, page, name, query, view.CreatedAt.UnixMicro()); err != nil {
			return err
		}
		return t.record(event{action: "view.saved", kind: "view", id: view.ID, name: name, after: viewPayload(view)})
	})
	return view, err
}

func viewPayload(v backoffice.View) map[string]any {
	return map[string]any{"page": v.Page, "query": v.Query, "shared": v.Shared}
}

// RenameView gives a view another name: one of the actor's own, or a shared one
// where the actor may share. Errors: Problems (name), ErrNotFound, also for
// somebody's private one; ErrForbidden.
func (s *Store) RenameView(ctx context.Context, actor backoffice.Actor, id, name string) error {
	name, err := backoffice.CleanName(name, backoffice.MaxViewName)
	if err != nil {
		return backoffice.Problems{"name": err.Error()}
	}
	if name == "" {
		return backoffice.Problems{"name": "Enter a name."}
	}
	return s.update(ctx, actor, func(t *tx) error {
		view, err := scanView(t.get(selectView+` AND v.id = $2`, actor.Key, id))
		if err != nil {
			return err
		}
		need := backoffice.WriteOwnViews
		if !view.Own {
			need = backoffice.ShareViews
		}
		if err := t.mayStill(need); err != nil || view.Name == name {
			return err
		}
		var taken bool
		if err := t.get(`SELECT EXISTS (SELECT 1 FROM saved_views o JOIN saved_views v ON v.id = $1
			WHERE o.staff_key = v.staff_key AND o.page = v.page AND o.name = $2)`, id, name).Scan(&taken); err != nil {
			return err
		}
		if taken {
			return backoffice.Problems{"name": "There is another view with this name."}
		}
		if err := t.one(`UPDATE saved_views SET name = $1 WHERE id = $2`, name, id); err != nil {
			return err
		}
		return t.record(event{action: "view.renamed", kind: "view", id: id, name: name, before: map[string]any{"name": view.Name}, after: map[string]any{"name": name}})
	})
}

// DeleteView deletes one of the actor's own views, or a shared one where the
// actor may share. Errors: ErrNotFound, also for somebody's private one;
// ErrForbidden.
func (s *Store) DeleteView(ctx context.Context, actor backoffice.Actor, id string) error {
	return s.update(ctx, actor, func(t *tx) error {
		view, err := scanView(t.get(selectView+` AND v.id = $2`, actor.Key, id))
		if err != nil {
			return err
		}
		need := backoffice.WriteOwnViews
		if !view.Own {
			need = backoffice.ShareViews
		}
		if err := t.mayStill(need); err != nil {
			return err
		}
		if err := t.one(`DELETE FROM saved_views WHERE id = $1`, id); err != nil {
			return err
		}
		return t.record(event{action: "view.deleted", kind: "view", id: id, name: view.Name, before: viewPayload(view)})
	})
}
