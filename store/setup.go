package store

import (
	"context"
	"errors"
	"time"

	"steward/backoffice"
)

// SetupLinkLife is how long a set-up link can be used.
const SetupLinkLife = 24 * time.Hour

// ErrSetUp is returned where a set-up link is asked for and somebody owns the
// installation already.
var ErrSetUp = errors.New("the installation has an owner")

const usableLink = `token_hash = $1 AND used_at IS NULL AND expires_at > $2
	AND NOT EXISTS (SELECT 1 FROM staff WHERE role = 'owner' AND removed_at IS NULL)`

// MakeSetupLink keeps the hash of a link by which the first owner comes in;
// links made earlier are dead. Errors: ErrSetUp.
func (s *Store) MakeSetupLink(ctx context.Context, hash []byte) error {
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		var owners int
		if err := t.get(countOwners).Scan(&owners); err != nil {
			return err
		}
		if owners > 0 {
			return ErrSetUp
		}
		now := t.now.UnixMicro()
		if _, err := t.exec(`UPDATE setup_links SET used_at = $1 WHERE used_at IS NULL`, now); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO setup_links (token_hash, created_at, expires_at) VALUES ($1, $2, $3)`,
			hash, now, t.now.Add(SetupLinkLife).UnixMicro()); err != nil {
			return err
		}
		return t.record(event{action: "setup-link.made", kind: "setup-link", name: "Set-up link"})
	})
}

// SetupLink reports whether the link with the hash can be used. Errors:
// ErrNotFound when it cannot.
func (s *Store) SetupLink(ctx context.Context, hash []byte) error {
	var one int
	return s.query().row(ctx, `SELECT 1 FROM setup_links WHERE `+usableLink, hash, s.Now().UnixMicro()).Scan(&one)
}

// UseSetupLink makes the first owner, once: of many who come with the link at
// the same time one gets in. Errors: ErrNotFound for a link that cannot be used,
// Problems (email, name).
func (s *Store) UseSetupLink(ctx context.Context, hash []byte, n backoffice.NewStaff, passwordHash, address string) (backoffice.Staff, error) {
	n.Role = backoffice.Owner
	n, err := CheckNewStaff(n)
	if err != nil {
		return backoffice.Staff{}, err
	}
	actor := backoffice.Actor{Kind: backoffice.ActorStaff, Email: n.Email, Name: n.Name, Role: n.Role, Address: address}
	var staff backoffice.Staff
	err = s.update(ctx, actor, func(t *tx) error {
		var used []byte
		if err := t.get(`UPDATE setup_links SET used_at = $2 WHERE `+usableLink+` RETURNING token_hash`, hash, t.now.UnixMicro()).Scan(&used); err != nil {
			return err
		}
		staff, err = t.insertStaff(n, passwordHash)
		return err
	})
	return staff, err
}
