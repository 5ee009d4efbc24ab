package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"steward/backoffice"
)

var userSessionColumns = columns[backoffice.UserSession]{
	{"id", func(s *backoffice.UserSession) any { return &s.ID }},
	{"sign_in", func(s *backoffice.UserSession) any { return &s.SignIn }},
	{"created_at", func(s *backoffice.UserSession) any { return micros{&s.CreatedAt} }},
	{"seen_at", func(s *backoffice.UserSession) any { return micros{&s.SeenAt} }},
	{"proved_at", func(s *backoffice.UserSession) any { return micros{&s.ProvedAt} }},
	{"mfa_at", func(s *backoffice.UserSession) any { return zeroMicros{&s.MFAAt} }},
	{"method", func(s *backoffice.UserSession) any { return word[backoffice.SignInMethod]{&s.Method} }},
	{"address", func(s *backoffice.UserSession) any { return &s.Address }},
	{"user_agent", func(s *backoffice.UserSession) any { return &s.UserAgent }},
}

var (
	selectUserSession = `SELECT ` + userSessionColumns.names("x.") + `, x.account_key, u.key, ` + userColumns.names("u.") +
		` FROM user_sessions x JOIN users u ON u.key = x.user_key WHERE x.token_hash = $1 AND u.deleted_at IS NULL`
	insertUserSession = `INSERT INTO user_sessions (` + userSessionColumns.names("") + `, token_hash, user_key, account_key) VALUES (` +
		userSessionColumns.params(1) + `, $10, $11, $12)`
)

// FindUserSession returns what a request of a user is judged by: everything is
// read now, nothing is remembered from the request before. Whether the session
// still runs is the caller's to ask of it. Errors: ErrNotFound, also when the
// user stands in the account no more.
func (s *Store) FindUserSession(ctx context.Context, hash []byte) (backoffice.SignedInUser, error) {
	return findUserSession(ctx, s.query(), s.Now(), hash)
}

func findUserSession(ctx context.Context, r reader, now time.Time, hash []byte) (x backoffice.SignedInUser, err error) {
	var account int64
	dest := append(userSessionColumns.scan(&x.UserSession), &account, &x.User.Key)
	if err := r.row(ctx, selectUserSession, hash).Scan(append(dest, userColumns.scan(&x.User)...)...); err != nil {
		return x, err
	}
	if x.Standing, err = standingIn(ctx, r, now, x.User.Key, account); err != nil {
		return x, err
	}
	x.Policy, err = heldTo(ctx, r, now, x.User.Key, x.Standing.Account.ID)
	return x, err
}

// heldTo is what a user meets in a session of an account.
func heldTo(ctx context.Context, r reader, now time.Time, user int64, accountID string) (backoffice.Policy, error) {
	here, err := policyOf(ctx, r, accountID)
	if err != nil {
		return backoffice.Policy{}, err
	}
	all, err := policyForUser(ctx, r, now, user)
	if err != nil {
		return backoffice.Policy{}, err
	}
	return backoffice.HeldTo(here.InForce.Policy, all), nil
}

// SignIn is what a user enters an account with.
type SignIn struct {
	Session  backoffice.UserSession
	Hash     []byte // of the new session's token
	Pending  []byte // hash of the sign-in under way that is used up by it
	Replaces []byte // hash of the session that the browser came with; nil for none
}

// EnterAccount ends a sign-in under way and begins the session, in one unit of
// work: the visit is written, a membership that waited for its user becomes
// Activated, the oldest sessions beyond what the account's policy allows end. It
// looks at everything again: a user who was locked, or whom somebody took out
// meanwhile, does not get in. Errors: ErrNotFound when the sign-in is no more
// under way, ErrForbidden when NextStep asks for something else first; what the
// policy of this very account asks for, the sign-in under way remembers.
func (s *Store) EnterAccount(ctx context.Context, in SignIn, accountID string) (backoffice.SignedInUser, error) {
	var x backoffice.SignedInUser
	enrolFirst := false
	err := s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		p, err := t.pendingSignIn(in.Pending)
		if err != nil {
			return err
		}
		p.Facts.Chosen = accountID
		if p.Facts.Accounts, err = withStanding(t.ctx, t, t.now, p.User.Key, p.Facts.Accounts, accountID); err != nil {
			return err
		}
		if err := p.heldToEntered(t.ctx, t); err != nil {
			return err
		}
		switch step := backoffice.NextStep(p.Facts); {
		case p.User.Locked:
			return backoffice.ErrForbidden
		case step == backoffice.StepEnrol && slices.ContainsFunc(p.Facts.Accounts, func(a backoffice.Standing) bool { return a.Account.ID == accountID && a.Enters() }):
			enrolFirst = true
			return t.one(`UPDATE pending_sign_ins SET chosen = $2 WHERE token_hash = $1`, in.Pending, accountID)
		case step != backoffice.StepEnter:
			return backoffice.ErrForbidden
		}
		if err := t.one(`DELETE FROM pending_sign_ins WHERE token_hash = $1`, in.Pending); err != nil {
			return err
		}
		session := in.Session
		session.ID, session.Method, session.MFAAt = newID(), p.Facts.Method, p.Facts.MFAAt
		session.SignIn = session.ID
		session.CreatedAt, session.SeenAt, session.ProvedAt = t.now, t.now, t.now
		if session.MFAAt.IsZero() && session.Method == backoffice.ByPasskey {
			session.MFAAt = t.now
		}
		for _, standing := range p.Facts.Accounts {
			if standing.Account.ID == accountID {
				x, err = t.enter(p.User, standing, session, in.Hash, in.Replaces)
				return err
			}
		}
		return backoffice.ErrForbidden
	})
	if err == nil && enrolFirst {
		err = backoffice.ErrForbidden
	}
	return x, err
}

// SwitchAccount moves a session to another account of its user: that is a visit
// of the other one, and the session gets a new token. Errors: ErrNotFound for an
// account that the user cannot enter, and when the session is no more;
// ErrForbidden where the account's policy asks for a second factor that was not
// shown, or for a newer sign-in.
func (s *Store) SwitchAccount(ctx context.Context, old, hash []byte, accountID, address, userAgent string) (backoffice.SignedInUser, error) {
	var x backoffice.SignedInUser
	err := s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		was, err := findUserSession(t.ctx, t, t.now, old)
		if err != nil {
			return err
		}
		var account int64
		if err := t.get(`SELECT key FROM accounts WHERE id = $1 AND deleted_at IS NULL`, accountID).Scan(&account); err != nil {
			return err
		}
		standing, err := standingIn(t.ctx, t, t.now, was.User.Key, account)
		if err != nil {
			return err
		}
		if !was.Runs(t.now) || !standing.Enters() {
			return backoffice.ErrNotFound
		}
		// What the other account demands of a session holds before anything of it is
		// seen, and before it counts as visited.
		there := was
		there.Standing = standing
		if there.Policy, err = heldTo(t.ctx, t, t.now, was.User.Key, accountID); err != nil {
			return err
		}
		if !there.Runs(t.now) {
			return backoffice.ErrForbidden
		}
		session := was.UserSession
		session.ID, session.SeenAt, session.Address, session.UserAgent = newID(), t.now, address, userAgent
		x, err = t.enter(was.User, standing, session, hash, old)
		return err
	})
	return x, err
}

// enter writes a session of an account and what follows from it.
func (t *tx) enter(u backoffice.User, in backoffice.Standing, session backoffice.UserSession, hash, replaces []byte) (x backoffice.SignedInUser, err error) {
	if replaces != nil {
		// What applications have of the session stays with its user, who goes on.
		var user int64
		var signIn string
		err := t.get(`DELETE FROM user_sessions WHERE token_hash = $1 RETURNING user_key, sign_in`, replaces).Scan(&user, &signIn)
		switch {
		case errors.Is(err, backoffice.ErrNotFound):
		case err != nil:
			return x, err
		case user == u.Key:
			session.SignIn = signIn
		default:
			if err := t.endFamilies(`sign_in = $2`, signIn); err != nil {
				return x, err
			}
		}
	}
	if in, err = standingIn(t.ctx, t, t.now, u.Key, in.Account.Key); err != nil {
		return x, err
	}
	accepted := in.Accepts() && in.Status != backoffice.Activated
	if accepted {
		if _, err := t.exec(`UPDATE memberships SET status = $1 WHERE key = $2`, string(backoffice.Activated), in.Membership); err != nil {
			return x, err
		}
	}
	policy, err := heldTo(t.ctx, t, t.now, u.Key, in.Account.ID)
	if err != nil {
		return x, err
	}
	if policy.MaxSessions > 0 {
		// The oldest make room for the new one.
		if _, err := t.endSessions(`user_key = $1 AND account_key = $2 AND token_hash NOT IN (
			SELECT token_hash FROM user_sessions WHERE user_key = $1 AND account_key = $2 ORDER BY created_at DESC, id DESC LIMIT $3)`,
			u.Key, in.Account.Key, int64(policy.MaxSessions-1)); err != nil {
			return x, err
		}
	}
	if _, err := t.exec(insertUserSession, userSessionColumns.values(&session, hash, u.Key, in.Account.Key)...); err != nil {
		return x, err
	}
	if err := t.visit(u, in); err != nil {
		return x, err
	}
	x = backoffice.SignedInUser{UserSession: session, User: u, Standing: in, Policy: policy}
	if accepted {
		x.Standing.Status = backoffice.Activated
	}
	t.actor = x.Actor(session.Address)
	e := event{action: "user.signed-in", kind: "user", id: u.ID, name: u.Email, accountKey: in.Account.Key, after: map[string]any{"method": session.Method}}
	if !session.CreatedAt.Equal(session.SeenAt) {
		e.action, e.after = "user.switched", nil
	}
	if accepted {
		e.before, e.after = map[string]any{"status": in.Status}, map[string]any{"status": backoffice.Activated, "method": session.Method}
	}
	return x, t.record(e)
}

// visit writes that a user who stands in an account is seen there now.
func (t *tx) visit(u backoffice.User, in backoffice.Standing) error {
	last := int64(0)
	if !in.LastVisit.IsZero() {
		last = in.LastVisit.UnixMicro()
	}
	if _, err := t.writeVisits([]seen{{account: in.Account.Key, user: u.Key, member: in.Membership, day: backoffice.DayOf(t.now), at: t.now.UnixMicro(), last: last}}); err != nil {
		return err
	}
	if in.Membership != 0 && !in.Accepts() {
		// Who came in by a grant has not accepted a membership that waits.
		return t.one(`UPDATE memberships SET status = $1 WHERE key = $2`, string(in.Status), in.Membership)
	}
	return nil
}

// RotateUserSession gives a running session another token and notes that a
// credential was shown just now; mfa says that it was a second factor. Errors:
// ErrNotFound.
func (s *Store) RotateUserSession(ctx context.Context, old, hash []byte, mfa bool) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		return t.one(`UPDATE user_sessions SET token_hash = $2, proved_at = $3, seen_at = $3, mfa_at = CASE WHEN $4 THEN $3 ELSE mfa_at END
			WHERE token_hash = $1`, old, hash, t.now.UnixMicro(), mfa)
	})
}

// TouchUserSession notes that a session was seen.
func (s *Store) TouchUserSession(ctx context.Context, hash []byte, at time.Time) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		_, err := t.exec(`UPDATE user_sessions SET seen_at = $1 WHERE token_hash = $2 AND seen_at < $1`, at.UnixMicro(), hash)
		return err
	})
}

// DeleteUserSession ends the session with the hash: its user signs out. One that
// is gone is no error.
func (s *Store) DeleteUserSession(ctx context.Context, hash []byte, address string) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error { return t.signOut(hash, address) })
}

func (t *tx) signOut(hash []byte, address string) error {
	x, err := findUserSession(t.ctx, t, t.now, hash)
	gone := errors.Is(err, backoffice.ErrNotFound)
	if err != nil && !gone {
		return err
	}
	if _, err := t.endSessions(`token_hash = $1`, hash); err != nil || gone {
		return err
	}
	t.actor = x.Actor(address)
	return t.record(event{action: "user.signed-out", kind: "user", id: x.User.ID, name: x.User.Email, accountKey: x.Standing.Account.Key})
}

// UserSessions returns the sessions of a user that may still run, the one seen
// last first.
func (s *Store) UserSessions(ctx context.Context, userKey int64) ([]backoffice.RunningSession, error) {
	rows, err := s.query().rows(ctx, `SELECT `+userSessionColumns.names("x.")+`, a.key, a.id, a.name FROM user_sessions x
		JOIN accounts a ON a.key = x.account_key AND a.deleted_at IS NULL WHERE x.user_key = $1 ORDER BY x.seen_at DESC, x.id DESC`, userKey)
	list, err := collect(rows, err, func(r rowScanner) (x backoffice.RunningSession, err error) {
		err = r.Scan(append(userSessionColumns.scan(&x.UserSession), &x.Account.Key, &x.Account.ID, &x.Account.Name)...)
		return
	})
	if err != nil {
		return nil, err
	}
	kept, limits := list[:0], map[string]backoffice.Policy{}
	for _, x := range list {
		p, ok := limits[x.Account.ID]
		if !ok {
			state, err := s.PolicyOf(ctx, x.Account.ID)
			if errors.Is(err, backoffice.ErrNotFound) {
				continue
			} else if err != nil {
				return nil, err
			}
			p = state.InForce.Policy
			limits[x.Account.ID] = p
		}
		if (backoffice.SignedInUser{UserSession: x.UserSession, Policy: p}).Runs(s.Now()) {
			kept = append(kept, x)
		}
	}
	return kept, nil
}

// EndUserSession ends one session of a user by its public ID: the user's own
// act, or that of staff. Errors: ErrNotFound, also for somebody else's.
func (s *Store) EndUserSession(ctx context.Context, actor backoffice.Actor, userKey int64, id string) error {
	return s.update(essential(ctx), actor, func(t *tx) error {
		var account int64
		var userID, email string
		if err := t.get(`SELECT x.account_key, u.id, u.email FROM user_sessions x JOIN users u ON u.key = x.user_key WHERE x.id = $1 AND x.user_key = $2`,
			id, userKey).Scan(&account, &userID, &email); err != nil {
			return err
		}
		if _, err := t.endSessions(`id = $1`, id); err != nil {
			return err
		}
		return t.record(event{action: "user.session-ended", kind: "user", id: userID, name: email, accountKey: account})
	})
}

// EndUserSessions ends all sessions of a user but the one with the hash keep;
// all of them where keep is nil. Sign-ins under way end as well. It returns how
// many sessions ended.
func (s *Store) EndUserSessions(ctx context.Context, actor backoffice.Actor, userKey int64, keep []byte) (n int64, err error) {
	err = s.update(essential(ctx), actor, func(t *tx) error {
		var userID, email string
		if err := t.get(`SELECT id, email FROM users WHERE key = $1 AND deleted_at IS NULL`, userKey).Scan(&userID, &email); err != nil {
			return err
		}
		if n, err = t.endUserSessions(userKey, 0, keep); err != nil || n == 0 {
			return err
		}
		return t.record(event{action: "user.sessions-ended", kind: "user", id: userID, name: email, after: map[string]any{"sessions": n}})
	})
	return n, err
}

// endUserSessions ends the sessions of a user, in one account or, with 0, in
// all, what applications have of them, and the sign-ins under way.
func (t *tx) endUserSessions(user, account int64, keep []byte) (int64, error) {
	if _, err := t.exec(`DELETE FROM pending_sign_ins WHERE user_key = $1`, user); err != nil {
		return 0, err
	}
	if err := t.endFamilies(`user_key = $2 AND ($3 = 0 OR account_key = $3) AND sign_in NOT IN (SELECT sign_in FROM user_sessions WHERE token_hash = $4)`, user, account, nonNil(keep)); err != nil {
		return 0, err
	}
	if account != 0 {
		return t.exec(`DELETE FROM user_sessions WHERE user_key = $1 AND account_key = $2 AND token_hash <> $3`, user, account, nonNil(keep))
	}
	return t.exec(`DELETE FROM user_sessions WHERE user_key = $1 AND token_hash <> $2`, user, nonNil(keep))
}

// Standings returns the accounts that a user can enter, the one visited last
// first, then those that grants lead into, of these a hundred at most; more says
// that there are others. The query is part of their names or IDs. Roles are left
// out.
func (s *Store) Standings(ctx context.Context, userKey int64, query string) (open []backoffice.Standing, more bool, err error) {
	list, more, err := standings(ctx, s.query(), s.Now(), userKey, query)
	open = list[:0]
	for _, standing := range list {
		if standing.Enters() {
			open = append(open, standing)
		}
	}
	return open, more, err
}
