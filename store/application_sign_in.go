package store

import (
	"context"
	"errors"
	"slices"
	"strings"

	"steward/backoffice"
)

// maxSignIns is how many families are looked at of one user: the ones that were
// given tokens last.
const maxSignIns = 2000

// ApplicationSignIns returns the applications that hold tokens of a user, the one
// that was given some last first: with a refresh token that is still good, or an
// access token that has not run out.
func (s *Store) ApplicationSignIns(ctx context.Context, userKey int64) ([]backoffice.ApplicationSignIn, error) {
	type held struct {
		application, account int64
		id, name             string
		at                   backoffice.AccountRef
		family               backoffice.OpenIDFamily
	}
	now, r := s.Now(), s.query()
	user, err := readUser(ctx, r, selectUserByKey, userKey)
	if err != nil {
		return nil, err
	}
	rows, err := r.rows(ctx, `SELECT p.key, p.id, p.name, a.key, a.id, a.name, f.method, f.created_at, f.signed_in_at, f.proved_at, f.mfa_at, f.seen_at
		FROM openid_families f JOIN applications p ON p.key = f.application_key AND p.deleted_at IS NULL JOIN accounts a ON a.key = f.account_key AND a.deleted_at IS NULL
		WHERE f.user_key = $1 AND f.ended_at IS NULL AND (f.handle_hash IS NOT NULL OR f.seen_at > $2) ORDER BY f.seen_at DESC, f.key DESC LIMIT $3`,
		userKey, now.Add(-backoffice.AccessTokenLife-backoffice.OpenIDCodeLife).UnixMicro(), maxSignIns)
	families, err := collect(rows, err, func(r rowScanner) (h held, err error) {
		f := &h.family
		err = r.Scan(&h.application, &h.id, &h.name, &h.account, &h.at.ID, &h.at.Name, word[backoffice.SignInMethod]{&f.Session.Method}, micros{&f.CreatedAt},
			micros{&f.Session.CreatedAt}, micros{&f.Session.ProvedAt}, zeroMicros{&f.Session.MFAAt}, micros{&f.Session.SeenAt})
		h.at.Key = h.account
		return
	})
	if err != nil {
		return nil, err
	}
	type place struct{ account, application int64 }
	stands, open := map[int64]backoffice.SignedInUser{}, map[place]bool{}
	var list []backoffice.ApplicationSignIn
	for _, h := range families {
		in, known := stands[h.account]
		if !known {
			in.User = user
			if in.Standing, err = standingIn(ctx, r, now, userKey, h.account); err == nil {
				in.Policy, err = heldTo(ctx, r, now, userKey, h.at.ID)
			}
			if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
				return nil, err
			}
			in.User.Locked = user.Locked || err != nil
			stands[h.account] = in
		}
		at := place{h.account, h.application}
		enters, known := open[at]
		if !known && !in.User.Locked {
			refused, err := entry(ctx, r, userKey, h.account, h.application)
			if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
				return nil, err
			}
			enters = err == nil && refused == backoffice.EntryOpen
			open[at] = enters
		}
		if !enters || !h.family.Runs(in, now) {
			continue
		}
		i := slices.IndexFunc(list, func(x backoffice.ApplicationSignIn) bool { return x.ID == h.id })
		if i < 0 {
			i = len(list)
			list = append(list, backoffice.ApplicationSignIn{ID: h.id, Name: h.name, Since: h.family.CreatedAt, SeenAt: h.family.Session.SeenAt})
		}
		x := &list[i]
		if h.family.CreatedAt.Before(x.Since) {
			x.Since = h.family.CreatedAt
		}
		if !slices.Contains(x.Accounts, h.at) {
			x.Accounts = append(x.Accounts, h.at)
		}
	}
	for _, x := range list {
		slices.SortFunc(x.Accounts, func(a, b backoffice.AccountRef) int { return strings.Compare(a.Name, b.Name) })
	}
	return list, nil
}

// EndApplicationSignIns takes away what an application has of a user: every refresh
// token and every access token, in all accounts. Sessions here go on. That they have
// ended already is no error. Errors: ErrNotFound when it never had any.
func (s *Store) EndApplicationSignIns(ctx context.Context, actor backoffice.Actor, userKey int64, applicationID string) error {
	return s.update(essential(ctx), actor, func(t *tx) error {
		user, err := readUser(t.ctx, t, selectUserByKey, userKey)
		if err != nil {
			return err
		}
		a, err := scanApplication(t.get(selectApplicationByID, applicationID))
		if err != nil {
			return err
		}
		n, err := t.exec(`UPDATE openid_families SET ended_at = $1 WHERE ended_at IS NULL AND user_key = $2 AND application_key = $3`, t.now.UnixMicro(), userKey, a.Key)
		if err != nil {
			return err
		}
		if n == 0 {
			// One that they never signed in to is not told from none.
			var had int64
			return t.get(`SELECT key FROM openid_families WHERE user_key = $1 AND application_key = $2 LIMIT 1`, userKey, a.Key).Scan(&had)
		}
		return t.record(event{action: "user.left-application", kind: "user", id: user.ID, name: user.Email, after: map[string]any{"application": a.Name}})
	})
}
