package store

import (
	"context"
	"sync"

	"steward/backoffice"
)

// branchMemory keeps branches while nothing was committed to a SQLite file, by
// whichever process: who walks through a tree asks for it with every step.
type branchMemory struct {
	mu       sync.Mutex
	version  int64
	since    int64 // who was seen from then on is active
	accounts int   // of all branches kept
	kept     map[int64]*backoffice.Branch
}

// keptAccounts is how many accounts of branches are kept, some 250 bytes each.
const keptAccounts = 40_000

// Tree is Branch with BranchStrength: an account and all that lie below it, with
// how strict the policy in force is. What it returns is shared, and not to be
// changed. Errors: ErrNotFound.
func (s *Store) Tree(ctx context.Context, root int64) (*backoffice.Branch, error) {
	m, since := &s.branches, s.activeSince()
	var version int64
	if s.dialect.engine.SQLite {
		// Asked before the branch is read: what is committed between the two is read
		// again rather than not at all.
		var err error
		if version, err = s.dataVersion(ctx); err != nil {
			return nil, err
		}
		m.mu.Lock()
		if m.kept == nil || m.version != version || m.since != since {
			m.version, m.since, m.accounts, m.kept = version, since, 0, map[int64]*backoffice.Branch{}
		}
		b := m.kept[root]
		m.mu.Unlock()
		if b != nil {
			return b, nil
		}
	}
	b, err := s.Branch(ctx, root)
	if err == nil {
		err = s.BranchStrength(ctx, b)
	}
	if err != nil || !s.dialect.engine.SQLite {
		return b, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version == version && m.since == since && m.accounts+len(b.Nodes) <= keptAccounts && m.kept[root] == nil {
		m.kept[root], m.accounts = b, m.accounts+len(b.Nodes)
	}
	return b, nil
}
