package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"steward/backoffice"
)

// maxEarlier is how many entries of the trail are read for earlier access.
const maxEarlier = "100"

// EarlierAccess returns the access to sub-accounts of some accounts that a user had
// and has no more, what ended last first: what was revoked, replaced or taken away
// with a membership, from the trail and from what rests, and what ended by itself.
// A removal that was taken back ended nothing.
func (s *Store) EarlierAccess(ctx context.Context, user backoffice.User, accounts []int64) (list []backoffice.PastGrant, err error) {
	if len(accounts) == 0 {
		return nil, nil
	}
	q := s.query()
	in, args := keyList(accounts, 2)
	// What holds now, by account and the instant it was given.
	type given struct {
		account, at int64
	}
	holds := map[given]bool{}
	scan := func(r rowScanner) (p backoffice.PastGrant, err error) {
		err = r.Scan(&p.Account.Key, &p.Account.ID, &p.Account.Name, micros{&p.At}, &p.By, &p.Reason, zeroMicros{&p.EndsAt}, zeroMicros{&p.EndedAt})
		return
	}
	rows, err := q.rows(ctx, `SELECT a.key, a.id, a.name, g.granted_at, g.granted_by, g.reason, g.ends_at, 0 FROM memberships m JOIN grants g ON g.membership_key = m.key
		JOIN accounts a ON a.key = m.account_key WHERE m.user_key = $1 AND a.key IN (`+in+`)`, append([]any{user.Key}, args...)...)
	now, err := collect(rows, err, scan)
	if err != nil {
		return nil, err
	}
	for _, p := range now {
		if p.EndsAt.IsZero() || p.EndsAt.After(s.Now()) {
			holds[given{p.Account.Key, p.At.UnixMicro()}] = true
			continue
		}
		p.How, p.EndedAt = backoffice.GrantOver, p.EndsAt
		list = append(list, p)
	}
	rows, err = q.rows(ctx, `SELECT e.action, a.key, a.id, a.name, e.at, e.actor_name, COALESCE(e.before_data, '') FROM events e JOIN accounts a ON a.key = e.account_key
		WHERE e.object_id = $1 AND e.action IN ('user.access-given', 'user.access-revoked', 'user.removed') AND e.account_key IN (`+in+`) AND a.deleted_at IS NULL
		ORDER BY e.key DESC LIMIT `+maxEarlier, append([]any{user.ID}, args...)...)
	type line struct {
		action, before string
		backoffice.PastGrant
	}
	lines, err := collect(rows, err, func(r rowScanner) (l line, err error) {
		err = r.Scan(&l.action, &l.Account.Key, &l.Account.ID, &l.Account.Name, micros{&l.EndedAt}, &l.EndedBy, &l.before)
		return
	})
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		var was struct {
			At     time.Time `json:"given_at"`
			By     string    `json:"given_by"`
			Reason string    `json:"reason"`
			EndsAt time.Time `json:"ends_at"`
		}
		if l.before == "" || json.Unmarshal([]byte(l.before), &was) != nil || was.At.IsZero() {
			continue
		}
		p := l.PastGrant
		p.Grant = backoffice.Grant{At: was.At, By: was.By, Reason: was.Reason, EndsAt: was.EndsAt}
		p.How = map[string]string{"user.access-given": backoffice.GrantChanged, "user.access-revoked": backoffice.GrantRevoked, "user.removed": backoffice.GrantTaken}[l.action]
		if !p.EndsAt.IsZero() && !p.EndsAt.After(p.EndedAt) {
			p.How, p.EndedAt, p.EndedBy = backoffice.GrantOver, p.EndsAt, ""
		}
		list = append(list, p)
	}
	rows, err = q.rows(ctx, `SELECT a.key, a.id, a.name, r.granted_at, r.granted_by, r.reason, r.ends_at, r.rests_at FROM resting_grants r JOIN accounts a ON a.key = r.account_key
		WHERE r.user_key = $1 AND a.key IN (`+in+`)`, append([]any{user.Key}, args...)...)
	rest, err := collect(rows, err, scan)
	if err != nil {
		return nil, err
	}
	for _, p := range rest {
		p.How = backoffice.GrantTaken
		list = append(list, p)
	}
	// The same access once: the trail comes before what rests, and knows who.
	seen := map[given]bool{}
	list = slices.DeleteFunc(list, func(p backoffice.PastGrant) bool {
		g := given{p.Account.Key, p.At.UnixMicro()}
		gone := holds[g] || seen[g]
		seen[g] = true
		return gone
	})
	slices.SortStableFunc(list, func(a, b backoffice.PastGrant) int { return b.EndedAt.Compare(a.EndedAt) })
	return list, nil
}
