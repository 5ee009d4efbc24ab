package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"steward/backoffice"
)

// Lives of what leads into a session.
const (
	// PendingSignInLife is for how long a sign-in may go on after its first
	// credential (security.md, promises: MFA challenge 5 minutes); enrolling an
	// authenticator app fits in.
	PendingSignInLife = 5 * time.Minute
	// userDeviceLife is how long a browser is known after a sign-in.
	userDeviceLife = deviceLife
)

// PendingSignIn is a sign-in under way: a first credential was right.
type PendingSignIn struct {
	User  backoffice.User
	Facts backoffice.SignInFacts
	Next  string // where the user wanted to go
	More  bool   // there are further accounts, which Facts leaves out
}

// Step is what the user has to do next.
func (p PendingSignIn) Step() backoffice.SignInStep { return backoffice.NextStep(p.Facts) }

// UserCredentials returns the user with the canonical address and the hash of
// their password, "" where they have none. Errors: ErrNotFound.
func (s *Store) UserCredentials(ctx context.Context, email string) (u backoffice.User, hash string, err error) {
	err = s.query().row(ctx, `SELECT u.key, `+userColumns.names("u.")+`, COALESCE((SELECT p.hash FROM passwords p WHERE p.user_key = u.key
		ORDER BY p.set_at DESC LIMIT 1), '') FROM users u WHERE u.email = $1 AND u.deleted_at IS NULL`, email).Scan(append(append([]any{&u.Key}, userColumns.scan(&u)...), &hash)...)
	return u, hash, err
}

// SignInPolicy is what attempts under an address are judged by: the policy of
// its user, or the environment's where there is none, found by the same work.
func (s *Store) SignInPolicy(ctx context.Context, email string) (backoffice.Policy, error) {
	var user int64
	err := s.query().row(ctx, `SELECT key FROM users WHERE email = $1 AND deleted_at IS NULL`, email).Scan(&user)
	if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
		return backoffice.Policy{}, err
	}
	return policyForUser(ctx, s.query(), s.Now(), user)
}

// BeginSignIn notes that a first credential of a user was right; hash is that of
// the token by which their browser goes on. Errors: ErrNotFound for a user who is
// locked or deleted by now.
func (s *Store) BeginSignIn(ctx context.Context, userKey int64, method backoffice.SignInMethod, hash []byte, remembered bool, next string) error {
	if !utf8.ValidString(next) || strings.ContainsRune(next, 0) {
		next = "" // no address of ours
	}
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		var locked bool
		if err := t.get(`SELECT locked FROM users WHERE key = $1 AND deleted_at IS NULL`, userKey).Scan(&locked); err != nil {
			return err
		}
		if locked {
			return backoffice.ErrNotFound
		}
		if _, err := t.exec(`DELETE FROM pending_sign_ins WHERE expires_at <= $1`, t.now.UnixMicro()); err != nil {
			return err
		}
		mfa, err := t.rememberedSince(userKey, remembered)
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO pending_sign_ins (token_hash, user_key, method, created_at, expires_at, mfa_at, next) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			hash, userKey, string(method), t.now.UnixMicro(), t.now.Add(PendingSignInLife).UnixMicro(), mfa, next)
		return err
	})
}

// PendingSignIn returns the sign-in under way with the hash. Errors: ErrNotFound,
// also when its time is over.
func (s *Store) PendingSignIn(ctx context.Context, hash []byte) (PendingSignIn, error) {
	return pendingSignIn(ctx, s.query(), hash, s.Now())
}

func (t *tx) pendingSignIn(hash []byte) (PendingSignIn, error) {
	return pendingSignIn(t.ctx, t, hash, t.now)
}

func pendingSignIn(ctx context.Context, r reader, hash []byte, now time.Time) (p PendingSignIn, err error) {
	var factors int64
	dest := append([]any{&p.User.Key}, userColumns.scan(&p.User)...)
	if err := r.row(ctx, `SELECT u.key, `+userColumns.names("u.")+`, u.factors, x.method, x.mfa_at, x.next, x.chosen FROM pending_sign_ins x
		JOIN users u ON u.key = x.user_key AND u.deleted_at IS NULL WHERE x.token_hash = $1 AND x.expires_at > $2`, nonNil(hash), now.UnixMicro()).
		Scan(append(dest, &factors, word[backoffice.SignInMethod]{&p.Facts.Method}, zeroMicros{&p.Facts.MFAAt}, &p.Next, &p.Facts.Chosen)...); err != nil {
		return p, err
	}
	p.Facts.Factors = backoffice.MFAMethods(factors)
	if p.Facts.Accounts, p.More, err = standings(ctx, r, now, p.User.Key, ""); err != nil {
		return p, err
	}
	if p.Facts.Accounts, err = withStanding(ctx, r, now, p.User.Key, p.Facts.Accounts, p.Facts.Chosen); err != nil {
		return p, err
	}
	if p.Facts.Policy, err = policyForUser(ctx, r, now, p.User.Key); err != nil {
		return p, err
	}
	return p, p.heldToEntered(ctx, r)
}

// heldToEntered adds the policy of the account that will be entered to what the
// user is held to: who was merely invited meets it there for the first time.
func (p *PendingSignIn) heldToEntered(ctx context.Context, r reader) error {
	id, open := p.Facts.Chosen, 0
	for _, standing := range p.Facts.Accounts {
		if standing.Enters() {
			if open++; p.Facts.Chosen == "" {
				id = standing.Account.ID
			}
		}
	}
	if p.Facts.Chosen == "" && open != 1 {
		return nil
	}
	state, err := policyOf(ctx, r, id)
	if errors.Is(err, backoffice.ErrNotFound) { // no account of theirs any more: NextStep says so
		return nil
	}
	p.Facts.Policy = backoffice.Strictest(p.Facts.Policy, state.InForce.Policy)
	return err
}

// ProvePending notes that a sign-in under way has shown its second factor, and
// gives it another token: what was known before it is worth nothing after.
// Errors: ErrNotFound.
func (s *Store) ProvePending(ctx context.Context, old, hash []byte) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		return t.one(`UPDATE pending_sign_ins SET token_hash = $2, mfa_at = $3, expires_at = $4 WHERE token_hash = $1 AND expires_at > $3`,
			old, hash, t.now.UnixMicro(), t.now.Add(PendingSignInLife).UnixMicro())
	})
}

// ForgetNext has a sign-in under way end in the portal, wherever its user was going.
// Errors: ErrNotFound.
func (s *Store) ForgetNext(ctx context.Context, hash []byte) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		return t.one(`UPDATE pending_sign_ins SET next = '' WHERE token_hash = $1`, hash)
	})
}

// EndPending gives up a sign-in under way; one that is gone is no error.
func (s *Store) EndPending(ctx context.Context, hash []byte) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		_, err := t.exec(`DELETE FROM pending_sign_ins WHERE token_hash = $1`, hash)
		return err
	})
}

// PasswordHistory returns the hashes of a user's passwords, the present one
// first, at most n and the present one always.
func (s *Store) PasswordHistory(ctx context.Context, userKey int64, n int) ([]string, error) {
	rows, err := s.query().rows(ctx, `SELECT hash FROM passwords WHERE user_key = $1 ORDER BY set_at DESC LIMIT $2`, userKey, int64(max(n, 1)))
	return collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
}

// SetUserPassword keeps the hash of a user's new password and ends all of their
// other sessions, sign-ins under way and remembered devices. verified is the
// hash that the old password was checked against, "" where none was asked for;
// keep is the hash of the session that goes on. Errors: ErrConflict when somebody
// set another one meanwhile, ErrNotFound.
func (s *Store) SetUserPassword(ctx context.Context, actor backoffice.Actor, userKey int64, verified, hash string, keep []byte) error {
	return s.update(essential(ctx), actor, func(t *tx) error { return t.setUserPassword(userKey, verified, hash, keep) })
}

func (t *tx) setUserPassword(userKey int64, verified, hash string, keep []byte) error {
	var userID, email, present string
	if err := t.get(`SELECT u.id, u.email, COALESCE((SELECT p.hash FROM passwords p WHERE p.user_key = u.key ORDER BY p.set_at DESC LIMIT 1), '')
		FROM users u WHERE u.key = $1 AND u.deleted_at IS NULL`, userKey).Scan(&userID, &email, &present); err != nil {
		return err
	}
	if verified != "" && verified != present {
		return backoffice.ErrConflict
	}
	if err := t.keepPassword(userKey, hash); err != nil {
		return err
	}
	if _, err := t.endUserSessions(userKey, 0, keep); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE user_devices SET remembered_until = 0 WHERE user_key = $1`, userKey); err != nil {
		return err
	}
	if err := t.killLinks(userKey); err != nil {
		return err
	}
	return t.record(event{action: "user.password-set", kind: "user", id: userID, name: email})
}

// keepPassword puts a hash before the others, of which as many stay as a policy
// can ask for.
func (t *tx) keepPassword(userKey int64, hash string) error {
	at := t.now.UnixMicro()
	var last int64
	if err := t.get(`SELECT COALESCE(MAX(set_at), 0) FROM passwords WHERE user_key = $1`, userKey).Scan(&last); err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO passwords (user_key, set_at, hash) VALUES ($1, $2, $3)`, userKey, max(at, last+1), hash); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM passwords WHERE user_key = $1 AND set_at NOT IN (SELECT set_at FROM passwords WHERE user_key = $1 ORDER BY set_at DESC LIMIT $2)`,
		userKey, int64(backoffice.MaxHistory+1))
	return err
}

// RehashPassword replaces a hash by one of the same password at today's cost. It
// is no change of the password: one that was set meanwhile stays.
func (s *Store) RehashPassword(ctx context.Context, userKey int64, old, hash string) error {
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		_, err := t.exec(`UPDATE passwords SET hash = $3 WHERE user_key = $1 AND hash = $2`, userKey, old, hash)
		return err
	})
}

// KnownUserDevice reports whether the user with the canonical address has signed
// in from the browser with the hash, and whether it needs no second factor now.
// Whether there is such a user does not show.
func (s *Store) KnownUserDevice(ctx context.Context, email string, hash []byte) (known, remembered bool, err error) {
	now := s.Now()
	var user int64
	var until, since time.Time
	var under string
	err = s.query().row(ctx, `SELECT u.key, d.created_at, d.remembered_until, d.remembered_under FROM user_devices d JOIN users u ON u.key = d.user_key
		WHERE d.token_hash = $1 AND u.email = $2 AND u.deleted_at IS NULL AND d.created_at > $3`, nonNil(hash), email, now.Add(-userDeviceLife).UnixMicro()).
		Scan(&user, micros{&since}, zeroMicros{&until}, &under)
	if errors.Is(err, backoffice.ErrNotFound) {
		return false, false, nil
	}
	if err != nil || !until.After(now) {
		return err == nil, false, err
	}
	p, err := policyForUser(ctx, s.query(), s.Now(), user)
	// The policy in force now decides, not the one that was.
	return err == nil, p.RememberDays > 0 && under == p.RememberedUnder() && now.Before(since.Add(time.Duration(p.RememberDays)*24*time.Hour)), err
}

// AddUserDevice makes a browser known to a user; until says for how long it needs
// no second factor, zero for not at all, and never for longer than the policy in
// force allows. replaces is the hash it was known by.
func (s *Store) AddUserDevice(ctx context.Context, userKey int64, hash, replaces []byte, until time.Time) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		if _, err := t.exec(`DELETE FROM user_devices WHERE created_at <= $1 OR token_hash = $2`, t.now.Add(-userDeviceLife).UnixMicro(), nonNil(replaces)); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM user_devices WHERE user_key = $1 AND token_hash NOT IN
			(SELECT token_hash FROM user_devices WHERE user_key = $1 ORDER BY created_at DESC LIMIT $2)`, userKey, devicesKept-1); err != nil {
			return err
		}
		p, err := policyForUser(t.ctx, t, t.now, userKey)
		if err != nil {
			return err
		}
		if most := t.now.Add(time.Duration(p.RememberDays) * 24 * time.Hour); until.After(most) {
			until = most
		}
		_, err = t.exec(`INSERT INTO user_devices (token_hash, user_key, created_at, remembered_until, remembered_under) VALUES ($1, $2, $3, $4, $5)`,
			hash, userKey, t.now.UnixMicro(), zeroMicros{&until}, p.RememberedUnder())
		return err
	})
}

// rememberedSince is when a second factor was shown by who comes from a remembered
// browser: at the latest when the first of their browsers was remembered, so that
// it never passes for one that was shown just now. 0 where it is not remembered.
func (t *tx) rememberedSince(user int64, remembered bool) (since int64, err error) {
	if remembered {
		err = t.get(`SELECT COALESCE(MIN(created_at), 0) FROM user_devices WHERE user_key = $1 AND remembered_until > $2`, user, t.now.UnixMicro()).Scan(&since)
	}
	return since, err
}

// MailLink has a link mailed to the user with the canonical address, for one
// purpose; those made earlier for the same purpose are dead. Errors: ErrNotFound
// when nobody has the address, or is locked.
func (s *Store) MailLink(ctx context.Context, purpose, email, next string, mint backoffice.Mint) error {
	if purpose == LinkChange || linkMails[purpose] == "" {
		return fmt.Errorf("no mail is sent for %q", purpose)
	}
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		u, err := readUser(t.ctx, t, selectUserByEmail+` AND u.deleted_at IS NULL`, email)
		if err != nil {
			return err
		}
		if u.Locked {
			return backoffice.ErrNotFound
		}
		return t.mailLink(purpose, u, u.Email, next, mint)
	})
}

// mailLink mails a link of a user to an address, theirs or the one that they want
// to have; those made earlier for the same purpose are dead.
func (t *tx) mailLink(purpose string, u backoffice.User, to, next string, mint backoffice.Mint) error {
	if _, err := t.exec(`UPDATE mailed_links SET used_at = $3 WHERE user_key = $1 AND purpose = $2 AND used_at IS NULL`, u.Key, purpose, t.now.UnixMicro()); err != nil {
		return err
	}
	token, until, err := t.makeLink(purpose, u, to, next, mint)
	if err != nil {
		return err
	}
	_, err = t.mail(backoffice.Mail{Kind: linkMails[purpose], To: to, ExpiresAt: until, MailContent: backoffice.MailContent{Token: token, Name: u.Name}})
	return err
}

// makeLink keeps a link beside those that there are.
func (t *tx) makeLink(purpose string, u backoffice.User, to, next string, mint backoffice.Mint) (token string, until time.Time, err error) {
	token, hash := mint()
	until = t.now.Add(linkLives[purpose])
	_, err = t.exec(`INSERT INTO mailed_links (token_hash, purpose, user_key, email, next, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		hash, purpose, u.Key, to, next, t.now.UnixMicro(), until.UnixMicro())
	return token, until, err
}

// linkMails are the mails that carry the links.
var linkMails = map[string]backoffice.MailKind{LinkSignIn: backoffice.MailSignIn, LinkReset: backoffice.MailReset,
	LinkVerify: backoffice.MailVerify, LinkChange: backoffice.MailChange}

// UserPolicy is the strictest of the policies of a user's accounts.
func (s *Store) UserPolicy(ctx context.Context, userKey int64) (backoffice.Policy, error) {
	return policyForUser(ctx, s.query(), s.Now(), userKey)
}

// MailedLink is a link that came by mail.
type MailedLink struct {
	User  backoffice.User
	Email string // that it was mailed to
	Next  string
	// Taken says, of a link that takes an address back, that somebody else has it.
	Taken bool
}

// Purposes of mailed links, and for how long they can be used.
const (
	LinkSignIn = "magic-link"
	LinkReset  = "reset"
	LinkVerify = "verify"
	LinkChange = "change"
	LinkReturn = "return" // takes a change of the address back
)

var linkLives = map[string]time.Duration{LinkSignIn: 30 * time.Minute, LinkReset: 30 * time.Minute, LinkVerify: 24 * time.Hour, LinkChange: 30 * time.Minute,
	LinkReturn: 7 * 24 * time.Hour}

// LinkPurposes lists what links are mailed for.
func LinkPurposes() []string {
	return slices.Sorted(slices.Values([]string{LinkSignIn, LinkReset, LinkVerify, LinkChange}))
}

// MailedLink returns what a link is about, without using it up. Errors:
// ErrNotFound for one that cannot be used for the purpose.
func (s *Store) MailedLink(ctx context.Context, purpose string, hash []byte) (l MailedLink, err error) {
	dest := append([]any{&l.User.Key}, userColumns.scan(&l.User)...)
	err = s.query().row(ctx, `SELECT u.key, `+userColumns.names("u.")+`, x.email, x.next FROM mailed_links x JOIN users u ON u.key = x.user_key AND u.deleted_at IS NULL
		WHERE x.token_hash = $1 AND x.purpose = $2 AND x.used_at IS NULL AND x.expires_at > $3`, nonNil(hash), purpose, s.Now().UnixMicro()).Scan(append(dest, &l.Email, &l.Next)...)
	if err == nil && purpose == LinkReturn {
		l.Taken, err = isTaken(ctx, s.query(), l)
	}
	return l, err
}

// useLink consumes a link: of many who come with it at the same time one gets
// through. Errors: ErrNotFound.
func (t *tx) useLink(purpose string, hash []byte) (l MailedLink, err error) {
	var user int64
	if err := t.get(`UPDATE mailed_links SET used_at = $3 WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3
		RETURNING user_key, email, next`, nonNil(hash), purpose, t.now.UnixMicro()).Scan(&user, &l.Email, &l.Next); err != nil {
		return l, err
	}
	dest := append([]any{&l.User.Key}, userColumns.scan(&l.User)...)
	err = t.get(`SELECT u.key, `+userColumns.names("u.")+` FROM users u WHERE u.key = $1 AND u.deleted_at IS NULL`, user).Scan(dest...)
	return l, err
}

// UseSignInLink ends the way of a link by mail: its address is proved, and a
// sign-in is under way. Errors: ErrNotFound, also for a user who is locked.
func (s *Store) UseSignInLink(ctx context.Context, link, pending []byte, remembered bool) (l MailedLink, err error) {
	err = s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		if l, err = t.useLink(LinkSignIn, link); err != nil {
			return err
		}
		if l.User.Locked || l.User.Email != l.Email {
			return backoffice.ErrNotFound
		}
		if err := t.proveAddress(&l.User); err != nil {
			return err
		}
		mfa, err := t.rememberedSince(l.User.Key, remembered)
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO pending_sign_ins (token_hash, user_key, method, created_at, expires_at, mfa_at, next) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			pending, l.User.Key, string(backoffice.ByMagicLink), t.now.UnixMicro(), t.now.Add(PendingSignInLife).UnixMicro(), mfa, l.Next)
		return err
	})
	return l, err
}

// proveAddress notes that the address was proved by something mailed to it. Who
// reads the mail owns the address; whoever set a password or a factor for it
// before may have been somebody else, who must not come in with them afterwards
// (security.md, T-21).
func (t *tx) proveAddress(u *backoffice.User) error {
	if u.Verified {
		return nil
	}
	if err := t.forgetCredentials(u.Key); err != nil {
		return err
	}
	return t.verifyUser(u)
}

// forgetCredentials takes everything from a user by which they could come in,
// links that were mailed among it: one may wait at an address that is not theirs.
func (t *tx) forgetCredentials(user int64) error {
	if _, err := t.endUserSessions(user, 0, nil); err != nil {
		return err
	}
	for _, text := range []string{
		`DELETE FROM mailed_links WHERE user_key = $1`,
		`DELETE FROM passwords WHERE user_key = $1`,
		`DELETE FROM authenticators WHERE user_key = $1`,
		`DELETE FROM recovery_codes WHERE user_key = $1`,
		`DELETE FROM passkeys WHERE user_key = $1`,
		`DELETE FROM user_devices WHERE user_key = $1`,
		`UPDATE users SET factors = 0 WHERE key = $1`,
	} {
		if _, err := t.exec(text, user); err != nil {
			return err
		}
	}
	return nil
}

// verifyUser marks the address as proved: the membership of who signed up by
// themselves may be entered from now on.
func (t *tx) verifyUser(u *backoffice.User) error {
	if u.Verified {
		return nil
	}
	u.Verified = true
	if _, err := t.exec(`UPDATE users SET verified = TRUE WHERE key = $1`, u.Key); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE memberships SET status = $2 WHERE user_key = $1 AND status = $3`, u.Key, string(backoffice.PendingLogin), string(backoffice.NotActive)); err != nil {
		return err
	}
	return t.record(event{action: "user.verified", kind: "user", id: u.ID, name: u.Email, before: map[string]any{"verified": false}, after: map[string]any{"verified": true}})
}

// UseResetLink sets a new password by a link of mail: the address is proved by
// it, everything else of the user's sessions ends, and nobody is signed in.
// Errors: ErrNotFound.
func (s *Store) UseResetLink(ctx context.Context, link []byte, passwordHash, address string) (l MailedLink, err error) {
	err = s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		if l, err = t.useLink(LinkReset, link); err != nil {
			return err
		}
		if l.User.Email != l.Email {
			return backoffice.ErrNotFound
		}
		t.actor = backoffice.Actor{Kind: backoffice.ActorUser, Key: l.User.Key, ID: l.User.ID, Name: l.User.Name, Email: l.User.Email, Address: address}
		if err := t.proveAddress(&l.User); err != nil {
			return err
		}
		return t.setUserPassword(l.User.Key, "", passwordHash, nil)
	})
	return l, err
}
