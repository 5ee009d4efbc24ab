package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"steward/backoffice"
)

// words stores texts that hold no space, separated by spaces.
func words(list []string) string { return strings.Join(list, " ") }

// BeginOpenID keeps what an application asked for, for the browser that brought
// it, of which backoffice.MaxOpenIDRequests are kept; hash is that of the token that its pages are opened by. Errors: ErrNotFound
// when the application is no more.
func (s *Store) BeginOpenID(ctx context.Context, r backoffice.OpenIDRequest, hash, browser []byte) error {
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		a, err := scanApplication(t.get(selectApplicationByID, r.Application.ID))
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO openid_requests (token_hash, browser_hash, application_key, redirect_uri, state, nonce, scopes, challenge, prompt,
			fresh_since, login_hint, account_hint, subject, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
			hash, browser, a.Key, r.RedirectURI, r.State, r.Nonce, words(r.Scopes), r.Challenge, words(r.Prompt),
			zeroMicros{&r.FreshSince}, r.LoginHint, r.AccountHint, r.Subject, t.now.UnixMicro(), t.now.Add(backoffice.OpenIDRequestLife).UnixMicro())
		if err != nil {
			return err
		}
		// One goes where a browser begins more than anybody means: first what nobody
		// fills in, because it is done or was asked without a page, then the oldest.
		_, err = t.exec(`DELETE FROM openid_requests WHERE browser_hash = $1 AND token_hash IN (
			SELECT token_hash FROM openid_requests WHERE browser_hash = $1 AND token_hash <> $2
				ORDER BY CASE WHEN completed_at IS NULL AND prompt <> '`+backoffice.PromptNone+`' THEN 0 ELSE 1 END, created_at DESC LIMIT 1000 OFFSET $3)`, browser, hash, backoffice.MaxOpenIDRequests-1)
		return err
	})
}

var selectOpenIDRequest = `SELECT ` + applicationFields + `, x.redirect_uri, x.state, x.nonce, x.scopes, x.challenge, x.prompt, x.fresh_since,
	x.login_hint, x.account_hint, x.chosen_account, x.chosen_by, x.subject, x.created_at, x.expires_at FROM openid_requests x JOIN applications p ON p.key = x.application_key AND p.deleted_at IS NULL
	WHERE x.token_hash = $1 AND x.browser_hash = $2 AND x.completed_at IS NULL AND x.expires_at > $3`

// OpenIDRequest returns what an application asked for, to the browser that brought
// it. Errors: ErrNotFound, also for another browser, when its time is over, and
// when it was completed.
func (s *Store) OpenIDRequest(ctx context.Context, hash, browser []byte) (backoffice.OpenIDRequest, error) {
	return openIDRequest(ctx, s.query(), s.Now(), hash, browser)
}

func openIDRequest(ctx context.Context, r reader, now time.Time, hash, browser []byte) (v backoffice.OpenIDRequest, err error) {
	var scopes, prompt string
	v.Application, err = scanApplicationAnd(r.row(ctx, selectOpenIDRequest, nonNil(hash), nonNil(browser), now.UnixMicro()), &v.RedirectURI, &v.State, &v.Nonce, &scopes,
		&v.Challenge, &prompt, zeroMicros{&v.FreshSince}, &v.LoginHint, &v.AccountHint, &v.ChosenID, &v.ChosenBy, &v.Subject, micros{&v.CreatedAt}, micros{&v.ExpiresAt})
	v.Scopes, v.Prompt = strings.Fields(scopes), strings.Fields(prompt)
	return v, err
}

// OpenIDRequestApplication returns the application of a request, whichever browser
// brought it and whether or not it goes on, while it is remembered; here reports
// whether it was this browser. Errors: ErrNotFound.
func (s *Store) OpenIDRequestApplication(ctx context.Context, hash, browser []byte) (a backoffice.Application, here bool, err error) {
	var by []byte
	a, err = scanApplicationAnd(s.query().row(ctx, `SELECT `+applicationFields+`, x.browser_hash FROM openid_requests x
		JOIN applications p ON p.key = x.application_key AND p.deleted_at IS NULL WHERE x.token_hash = $1`, nonNil(hash)), &by)
	return a, err == nil && bytes.Equal(by, browser), err
}

// ChooseOpenID keeps from which account the user wants to enter the application that
// a request is of. Errors: ErrNotFound.
func (s *Store) ChooseOpenID(ctx context.Context, hash, browser []byte, userKey int64, accountID string) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		return t.one(`UPDATE openid_requests SET chosen_account = $4, chosen_by = $5 WHERE token_hash = $1 AND browser_hash = $2 AND completed_at IS NULL AND expires_at > $3`,
			nonNil(hash), nonNil(browser), t.now.UnixMicro(), accountID, userKey)
	})
}

// RenewOpenID has the user of a request show their credentials anew, from now on:
// what the account asks for, the session that they came with does not have.
// Errors: ErrNotFound.
func (s *Store) RenewOpenID(ctx context.Context, hash, browser []byte) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		return t.one(`UPDATE openid_requests SET fresh_since = $3 WHERE token_hash = $1 AND browser_hash = $2 AND completed_at IS NULL AND expires_at > $3`,
			nonNil(hash), nonNil(browser), t.now.UnixMicro())
	})
}

// OpenIDCompletion is what completes a request: the browser that brought it, and
// the session that the user has there.
type OpenIDCompletion struct {
	Request []byte // hash
	Browser []byte // hash
	Session []byte // hash
	Account string // ID of the account that the application is entered from; empty: from that of the session, which stays where it is
	Code    []byte // hash of the code that the application gets
	Address string
}

// CompleteOpenID ends a request by a session that satisfies it, in an account that
// its user enters and whose policy the session meets: a family of tokens begins, which the code leads to, and the account
// is visited. Errors: ErrNotFound when there is no such request of this browser,
// or it was completed before; ErrForbidden when the session does not run, is older
// than the application asked, or its user does not enter the application.
func (s *Store) CompleteOpenID(ctx context.Context, c OpenIDCompletion) (v backoffice.OpenIDRequest, err error) {
	err = s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		if v, err = openIDRequest(t.ctx, t, t.now, c.Request, c.Browser); err != nil {
			return err
		}
		if err := t.one(`UPDATE openid_requests SET completed_at = $2 WHERE token_hash = $1 AND completed_at IS NULL`, c.Request, t.now.UnixMicro()); err != nil {
			return err
		}
		in, err := findUserSession(t.ctx, t, t.now, c.Session)
		if errors.Is(err, backoffice.ErrNotFound) {
			return backoffice.ErrForbidden
		}
		if err != nil {
			return err
		}
		if c.Account != "" && c.Account != in.Standing.Account.ID {
			var there int64
			if err = t.get(`SELECT key FROM accounts WHERE id = $1 AND deleted_at IS NULL`, c.Account).Scan(&there); err == nil {
				in.Standing, err = standingIn(t.ctx, t, t.now, in.User.Key, there)
			}
			if errors.Is(err, backoffice.ErrNotFound) || err == nil && !in.Standing.Enters() {
				return backoffice.ErrForbidden
			}
			if err == nil {
				in.Policy, err = heldTo(t.ctx, t, t.now, in.User.Key, c.Account)
			}
			if err != nil {
				return err
			}
		}
		refused, err := entry(t.ctx, t, in.User.Key, in.Standing.Account.Key, v.Application.Key)
		if err != nil {
			return err
		}
		if !in.Runs(t.now) || !v.Satisfied(in) || refused != backoffice.EntryOpen || v.Subject != "" && v.Subject != in.User.ID {
			return backoffice.ErrForbidden
		}
		var family int64
		if err := t.get(`INSERT INTO openid_families (id, application_key, user_key, account_key, sign_in, scopes, method, created_at, signed_in_at, proved_at, mfa_at, seen_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $8) RETURNING key`, newID(), v.Application.Key, in.User.Key, in.Standing.Account.Key, in.SignIn, words(v.Scopes),
			string(in.Method), t.now.UnixMicro(), in.CreatedAt.UnixMicro(), in.ProvedAt.UnixMicro(), zeroMicros{&in.MFAAt}).Scan(&family); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO openid_codes (token_hash, family_key, redirect_uri, challenge, nonce, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			c.Code, family, v.RedirectURI, v.Challenge, v.Nonce, t.now.Add(backoffice.OpenIDCodeLife).UnixMicro()); err != nil {
			return err
		}
		if err := t.visit(in.User, in.Standing); err != nil {
			return err
		}
		t.actor = in.Actor(c.Address)
		return t.record(event{action: "user.entered-application", kind: "user", id: in.User.ID, name: in.User.Email, accountKey: in.Standing.Account.Key,
			after: map[string]any{"application": v.Application.Name}})
	})
	return v, err
}

// UseOpenIDCode exchanges a code for what tokens say, once: of many who come with
// it at the same time one gets through, and who comes later ends everything that
// came of it (RFC 6749, section 4.1.2). nonce is what the application asked to
// have in the ID token. Errors: ErrNotFound when the code is not for this
// exchange, or its user does not enter the application any more.
func (s *Store) UseOpenIDCode(ctx context.Context, x backoffice.CodeExchange) (v backoffice.OpenIDSubject, nonce string, err error) {
	refused := false
	err = s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		var family int64
		err := t.get(`UPDATE openid_codes SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 AND redirect_uri = $3 AND challenge = $4
			AND family_key IN (SELECT f.key FROM openid_families f JOIN applications p ON p.key = f.application_key WHERE p.id = $5 AND f.ended_at IS NULL)
			RETURNING family_key, nonce`, nonNil(x.Code), t.now.UnixMicro(), x.RedirectURI, x.Challenge, x.ApplicationID).Scan(&family, &nonce)
		if errors.Is(err, backoffice.ErrNotFound) {
			refused = true
			return t.endFamilies(`key IN (SELECT family_key FROM openid_codes WHERE token_hash = $2 AND used_at IS NOT NULL)`, nonNil(x.Code))
		}
		if err != nil {
			return err
		}
		if v, err = openIDSubject(t.ctx, t, t.now, `f.key = $1`, backoffice.MaxTokenAccounts, family); errors.Is(err, backoffice.ErrNotFound) {
			refused = true
			return t.endFamilies(`key = $2`, family)
		}
		if err != nil || x.Refresh.Handle == nil || !slices.Contains(v.Family.Scopes, backoffice.ScopeOffline) {
			return err
		}
		return t.one(`UPDATE openid_families SET handle_hash = $2, refresh_hash = $3 WHERE key = $1`, family, x.Refresh.Handle, x.Refresh.Secret)
	})
	if err == nil && refused {
		err = backoffice.ErrNotFound
	}
	return v, nonce, err
}

// UseRefreshToken exchanges the changing part of a refresh token for the next one,
// once: of many who come with it at the same time one gets through. Who comes with
// one that was used before ends its family: it was stolen from one of the two
// (RFC 9700, section 4.14.2). scopes are those to have from now on, nil for all.
// Errors: ErrNotFound when the token is none of this application's, or its user
// does not enter the application any more; a Refusal for scopes that it does not
// have.
func (s *Store) UseRefreshToken(ctx context.Context, applicationID string, old backoffice.RefreshHashes, next []byte, scopes []string) (v backoffice.OpenIDSubject, err error) {
	refused := false
	err = s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		var family, seen int64
		err := t.get(`SELECT key, seen_at FROM openid_families WHERE handle_hash = $1`, nonNil(old.Handle)).Scan(&family, &seen)
		if errors.Is(err, backoffice.ErrNotFound) {
			refused = true
			return nil
		}
		if err != nil {
			return err
		}
		// Whether it was left unused for too long is asked before it counts as seen.
		v, err = openIDSubject(t.ctx, t, t.now, `f.key = $1`, backoffice.MaxTokenAccounts, family)
		if err == nil {
			err = t.get(`UPDATE openid_families SET refresh_hash = $4, seen_at = $5 WHERE key = $1 AND handle_hash = $2 AND refresh_hash = $3 AND ended_at IS NULL
				AND application_key IN (SELECT key FROM applications WHERE id = $6) RETURNING key`,
				family, old.Handle, old.Secret, next, t.now.UnixMicro(), applicationID).Scan(&family)
		}
		if errors.Is(err, backoffice.ErrNotFound) {
			refused = true
			return t.endFamilies(`key = $2`, family)
		}
		if err != nil {
			return err
		}
		for _, scope := range scopes {
			if !slices.Contains(v.Family.Scopes, scope) {
				return backoffice.Refusal("The refresh token does not have the scope " + scope + ".")
			}
		}
		if scopes != nil {
			v.Family.Scopes = scopes
		}
		return nil
	})
	if err == nil && refused {
		err = backoffice.ErrNotFound
	}
	return v, err
}

// OpenIDSubject is what the tokens of a family say now; token is the hash of the
// one that was shown. all asks for every account of the user. Errors: ErrNotFound
// when the family or the token has ended, or the user does not enter the
// application any more.
func (s *Store) OpenIDSubject(ctx context.Context, familyID string, token []byte, all bool) (v backoffice.OpenIDSubject, err error) {
	if err := s.openIDRevoked(ctx, token); err != nil {
		return v, err
	}
	n := backoffice.MaxTokenAccounts
	if all {
		n = 1 << 30
	}
	return openIDSubject(ctx, s.query(), s.Now(), `f.id = $1`, n, familyID)
}

// OpenIDAgent is an application that acts by itself with a token of its own, whose
// hash is token. Errors: ErrNotFound when it is none any more, or the token was
// revoked.
func (s *Store) OpenIDAgent(ctx context.Context, id string, token []byte) (backoffice.Application, error) {
	a, err := s.Application(ctx, id)
	if err == nil && (!a.Active || a.Kind != backoffice.Agent) {
		err = backoffice.ErrNotFound
	}
	if err == nil {
		err = s.openIDRevoked(ctx, token)
	}
	return a, err
}

func (s *Store) openIDRevoked(ctx context.Context, token []byte) error {
	var revoked bool
	err := s.query().row(ctx, `SELECT EXISTS (SELECT 1 FROM openid_revoked_tokens WHERE token_hash = $1)`, nonNil(token)).Scan(&revoked)
	if err == nil && revoked {
		err = backoffice.ErrNotFound
	}
	return err
}

var selectOpenIDFamily = `SELECT ` + applicationFields + `, f.key, f.id, f.sign_in, f.scopes, f.method, f.created_at, f.signed_in_at, f.proved_at, f.mfa_at, f.seen_at, f.account_key,
	u.key, ` + userColumns.names("u.") + `, u.metadata FROM openid_families f JOIN applications p ON p.key = f.application_key AND p.deleted_at IS NULL
	JOIN users u ON u.key = f.user_key AND u.deleted_at IS NULL WHERE f.ended_at IS NULL AND `

// openIDSubject reads everything anew by which a family is judged. Errors:
// ErrNotFound when it does not run any more.
func openIDSubject(ctx context.Context, r reader, now time.Time, where string, accounts int, args ...any) (v backoffice.OpenIDSubject, err error) {
	var account int64
	var scopes, metadata string
	f := &v.Family
	dest := []any{&f.Key, &f.ID, &f.SignIn, &scopes, word[backoffice.SignInMethod]{&f.Session.Method}, micros{&f.CreatedAt}, micros{&f.Session.CreatedAt}, micros{&f.Session.ProvedAt},
		zeroMicros{&f.Session.MFAAt}, micros{&f.Session.SeenAt}, &account, &v.User.Key}
	dest = append(append(dest, userColumns.scan(&v.User)...), &metadata)
	if v.Application, err = scanApplicationAnd(r.row(ctx, selectOpenIDFamily+where, args...), dest...); err != nil {
		return v, err
	}
	f.Scopes, v.Metadata = strings.Fields(scopes), []byte(metadata)
	if v.Standing, err = standingIn(ctx, r, now, v.User.Key, account); err != nil {
		return v, err
	}
	refused, err := entry(ctx, r, v.User.Key, account, v.Application.Key)
	if err != nil {
		return v, err
	}
	in := backoffice.SignedInUser{User: v.User, Standing: v.Standing}
	if in.Policy, err = heldTo(ctx, r, now, v.User.Key, v.Standing.Account.ID); err != nil {
		return v, err
	}
	if refused != backoffice.EntryOpen || !f.Runs(in, now) {
		return v, backoffice.ErrNotFound
	}
	v.Accounts, err = enteredAccounts(ctx, r, now, v.User.Key, v.Standing.Account.ID, accounts)
	return v, err
}

// enteredAccounts are the IDs of the accounts that a user can enter, n at most:
// the one named first, then those of their memberships, then those that grants
// lead into.
func enteredAccounts(ctx context.Context, r reader, now time.Time, user int64, first string, n int) ([]string, error) {
	ids, seen := []string{first}, map[string]bool{first: true}
	add := func(list []string) {
		for _, id := range list {
			if !seen[id] && len(ids) < n {
				ids, seen[id] = append(ids, id), true
			}
		}
	}
	own, err := memberships(ctx, r, user, like(""))
	if err != nil {
		return nil, err
	}
	for _, standing := range own {
		if standing.Enters() {
			add([]string{standing.Account.ID})
		}
	}
	rows, err := r.rows(ctx, selectGrantingInside, user, now.UnixMicro())
	inside, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
	if err != nil {
		return nil, err
	}
	above := "\x00"
	for _, p := range inside {
		if strings.HasPrefix(p, above) || len(ids) >= n {
			continue
		}
		above = p
		rows, err := r.rows(ctx, `SELECT a.id FROM accounts a WHERE a.parent_key IS NOT NULL AND a.path >= $1 AND a.path < $2 AND a.deleted_at IS NULL ORDER BY a.path, a.deleted_at LIMIT $3`, p, until(p), n)
		list, err := collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
		if err != nil {
			return nil, err
		}
		add(list)
	}
	return ids, nil
}
