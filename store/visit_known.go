package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"steward/backoffice"
)

// knownVisits remembers who was seen where, of what is on disk: an application
// that reports each request reports the same visits all day. It holds only as
// long as nothing made narrower who may be seen where (the table identities).
type knownVisits struct {
	secret [sha256.BlockSize]byte // nobody else can make two names meet

	mu      sync.RWMutex
	version int64 // of identities, that all members were read at
	members map[visitName]knownMember

	asked       sync.Mutex
	dataVersion int64 // at which identities was read last, and what it was
	identities  int64
}

// mostKnown bounds the memory to some 16 MB.
const mostKnown = 200_000

// visitName stands for an account's ID and a user's address or ID, as they were
// spelled.
type visitName [16]byte

// knownMember is a membership that may be seen, and some of its visits.
type knownMember struct {
	account, user, member int64
	last                  int64  // microseconds: it was seen then, at the latest known
	days                  uint64 // bit n: it was seen on the n-th day before that one
}

func newKnownVisits() *knownVisits {
	k := &knownVisits{version: -1}
	rand.Read(k.secret[:])
	return k
}

// names returns the names of visits.
func (k *knownVisits) names(visits []backoffice.Visit) []visitName {
	out := make([]visitName, len(visits))
	b := make([]byte, 0, 256)
	for i, v := range visits {
		who, mark := v.Email, byte(0)
		if v.UserID != "" {
			who, mark = v.UserID, 1
		}
		// The lengths keep apart what stands beside each other.
		n := len(v.AccountID)
		b = append(append(b[:0], k.secret[:32]...), mark, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
		b = append(append(b, v.AccountID...), who...)
		sum := sha256.Sum256(b)
		out[i] = visitName(sum[:16])
	}
	return out
}

// has reports whether the visit at is on disk and would move nothing.
func (m *knownMember) has(at int64) bool {
	back := microDay(m.last) - microDay(at)
	return at <= m.last && back < 64 && m.days&(1<<back) != 0
}

// learn adds a visit that is on disk.
func (m *knownMember) learn(at int64) {
	switch ahead := microDay(at) - microDay(m.last); {
	case at >= m.last:
		m.last = at
		if ahead >= 64 {
			m.days = 0
		}
		m.days = m.days<<(ahead&63) | 1
	case -ahead < 64:
		m.days |= 1 << -ahead
	}
}

func microDay(us int64) backoffice.Day { return backoffice.Day(floorDiv(us, dayMicros)) }

// find fills those of list whose members are known at the version, and reports
// whether all visits are known with them.
func (k *knownVisits) find(version int64, names []visitName, visits []backoffice.Visit, now time.Time, list []seen) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.version != version {
		return false
	}
	all := true
	for i, name := range names {
		m, ok := k.members[name]
		if !ok {
			all = false
			continue
		}
		at := visits[i].At.UnixMicro()
		known := m.has(at) && !visits[i].At.After(now)
		all = all && known
		list[i] = seen{account: m.account, user: m.user, member: m.member, day: microDay(at), at: at, last: m.last, known: known}
	}
	return all
}

// add remembers visits that were committed while identities stood at the version.
func (k *knownVisits) add(version int64, names []visitName, list []seen) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.version != version {
		return
	}
	for i, v := range list {
		if v.member == 0 { // a grant may end by itself
			continue
		}
		m, ok := k.members[names[i]]
		switch {
		case !ok && len(k.members) >= mostKnown:
			for old := range k.members { // whichever comes first
				delete(k.members, old)
				break
			}
			fallthrough
		case !ok:
			m = knownMember{account: v.account, user: v.user, member: v.member}
		}
		if v.last != 0 {
			m.learn(v.last)
		}
		m.learn(v.at)
		k.members[names[i]] = m
	}
}

// at empties what is known unless it was read at the version.
func (k *knownVisits) at(version int64) {
	k.mu.RLock()
	same := k.version == version
	k.mu.RUnlock()
	if same {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.version, k.members = version, map[visitName]knownMember{}
}

const selectIdentities = `SELECT version FROM identities`

// identitiesVersion returns a number that differs from an earlier answer when
// who may be seen where became narrower in between, by whichever process.
func (s *Store) identitiesVersion(ctx context.Context) (version int64, err error) {
	if s.dialect.engine.PostgreSQL {
		err = s.query().row(ctx, selectIdentities).Scan(&version)
		return version, err
	}
	k := s.known
	k.asked.Lock()
	defer k.asked.Unlock()
	// Asked before identities is read: what is committed between the two is seen
	// twice rather than not at all.
	data, err := s.dataVersion(ctx)
	if err != nil || data == k.dataVersion {
		return k.identities, err
	}
	if err = s.query().row(ctx, selectIdentities).Scan(&version); err == nil {
		k.dataVersion, k.identities = data, version
	}
	return version, err
}
