package store

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"steward/backoffice"
)

// roleMemory keeps roles that pages of users name while nothing was committed to
// a SQLite file, by whichever process: roles change seldom, and are named fifty
// times a page.
type roleMemory struct {
	mu      sync.Mutex
	version int64
	names   map[string]roleName // by keys as user_engagement holds them
	toGive  []backoffice.Role   // nil: not read
}

type roleName struct {
	name  string
	level int64
}

// current forgets what may have changed. The caller holds the lock.
func (m *roleMemory) current(ctx context.Context, s *Store) error {
	if s.dialect.engine.SQLite {
		// Asked before roles are read: what is committed between the two is read
		// again rather than not at all.
		version, err := s.dataVersion(ctx)
		if err != nil || m.names != nil && version == m.version {
			return err
		}
		m.version = version
	}
	m.names, m.toGive = map[string]roleName{}, nil
	return nil
}

// RolesToGive returns the roles of the environment, the highest first, without
// counting who holds them: that takes time in proportion to memberships.
func (s *Store) RolesToGive(ctx context.Context) ([]backoffice.Role, error) {
	m := &s.roles
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.current(ctx, s); err != nil {
		return nil, err
	}
	if m.toGive == nil {
		rows, err := s.query().rows(ctx, selectRoles+` AND r.account_key IS NULL ORDER BY r.level, r.name, r.key`)
		list, err := collect(rows, err, func(r rowScanner) (backoffice.Role, error) { v, err := scanRole(r); return v.Role, err })
		if err != nil {
			return nil, err
		}
		m.toGive = list
	}
	return slices.Clone(m.toGive), nil
}

// namesOf returns names and levels of the roles with the keys, which are numbers.
func (m *roleMemory) namesOf(ctx context.Context, s *Store, keys []string) (map[string]roleName, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.current(ctx, s); err != nil {
		return nil, err
	}
	found := make(map[string]roleName, len(keys))
	var unknown []int64
	for _, key := range keys {
		if r, ok := m.names[key]; ok {
			found[key] = r
			continue
		}
		n, err := strconv.ParseInt(key, 10, 64)
		if err != nil {
			return nil, err
		}
		unknown = append(unknown, n)
	}
	err := lookup(ctx, s.query(), lookupRoleNames, unknown, func(r rowScanner) error {
		var key int64
		var v roleName
		err := r.Scan(&key, &v.name, &v.level)
		text := strconv.FormatInt(key, 10)
		found[text], m.names[text] = v, v
		return err
	})
	return found, err
}
