package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"steward/backoffice"
)

const selectToken = `SELECT key, id, name, scopes, created_at, created_by, last_used_at FROM api_tokens WHERE revoked_at IS NULL`

func scanToken(r rowScanner) (v backoffice.Token, err error) {
	var scopes string
	err = r.Scan(&v.Key, &v.ID, &v.Name, &scopes, micros{&v.CreatedAt}, &v.CreatedBy, nullMicros{&v.LastUsedAt})
	for _, s := range strings.Fields(scopes) {
		v.Scopes = append(v.Scopes, backoffice.Scope(s))
	}
	return v, err
}

func scopeText(scopes []backoffice.Scope) string {
	var names []string
	for _, s := range scopes {
		names = append(names, string(s))
	}
	return strings.Join(names, " ")
}

// MakeToken keeps the hash of a new API token. Errors: Problems (name, scopes),
// ErrForbidden.
func (s *Store) MakeToken(ctx context.Context, actor backoffice.Actor, name string, scopes []string, hash []byte) (backoffice.Token, error) {
	var problems backoffice.Problems
	name, err := backoffice.CleanName(name, 60)
	if err != nil {
		problems.Add("name", err.Error())
	} else if name == "" {
		problems.Add("name", "Enter a name that says who uses the token.")
	}
	parsed, err := backoffice.ParseScopes(scopes)
	if err != nil {
		problems.Add("scopes", err.Error())
	}
	if err := problems.Err(); err != nil {
		return backoffice.Token{}, err
	}
	by := actor.Name
	if by == "" {
		by = actor.Email
	}
	token := backoffice.Token{ID: newID(), Name: name, Scopes: parsed, CreatedBy: by}
	err = s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteTokens); err != nil {
			return err
		}
		token.CreatedAt = t.now.Truncate(time.Microsecond)
		if err := t.get(`INSERT INTO api_tokens (id, name, token_hash, scopes, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6) RETURNING key`,
			token.ID, token.Name, hash, scopeText(parsed), token.CreatedAt.UnixMicro(), by).Scan(&token.Key); err != nil {
			return err
		}
		return t.record(event{action: "token.made", kind: "token", id: token.ID, name: token.Name, after: map[string]any{"name": token.Name, "scopes": parsed}})
	})
	return token, err
}

// Tokens returns the API tokens that work, the newest first.
func (s *Store) Tokens(ctx context.Context) ([]backoffice.Token, error) {
	rows, err := s.query().rows(ctx, selectToken+` ORDER BY created_at DESC, key DESC`)
	return collect(rows, err, scanToken)
}

// FindToken returns the API token with the hash. Errors: ErrNotFound, also for a
// revoked one.
func (s *Store) FindToken(ctx context.Context, hash []byte) (backoffice.Token, error) {
	return scanToken(s.query().row(ctx, selectToken+` AND token_hash = $1`, hash))
}

// tokenMay refuses a token that was not made for the scope, or was revoked since it
// was shown.
func (t *tx) tokenMay(scope backoffice.Scope) error {
	now, err := scanToken(t.get(selectToken+` AND id = $1`, t.actor.ID))
	if errors.Is(err, backoffice.ErrNotFound) || err == nil && !now.Actor("").HasScope(string(scope)) {
		return backoffice.ErrForbidden
	}
	return err
}

// TouchToken notes that a token was used.
func (s *Store) TouchToken(ctx context.Context, key int64, at time.Time) error {
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		_, err := t.exec(`UPDATE api_tokens SET last_used_at = $1 WHERE key = $2 AND (last_used_at IS NULL OR last_used_at < $1)`, at.UnixMicro(), key)
		return err
	})
}

// RevokeToken makes a token worthless, from the next request on. Errors:
// ErrNotFound, ErrForbidden.
func (s *Store) RevokeToken(ctx context.Context, actor backoffice.Actor, id string) error {
	return s.update(essential(ctx), actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteTokens); err != nil {
			return err
		}
		token, err := scanToken(t.get(selectToken+` AND id = $1`, id))
		if err != nil {
			return err
		}
		if err := t.one(`UPDATE api_tokens SET revoked_at = $1 WHERE key = $2 AND revoked_at IS NULL`, t.now.UnixMicro(), token.Key); err != nil {
			return err
		}
		return t.record(event{action: "token.revoked", kind: "token", id: token.ID, name: token.Name,
			before: map[string]any{"name": token.Name, "scopes": token.Scopes}})
	})
}
