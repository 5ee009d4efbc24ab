package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"steward/backoffice"
)

// passkeyChallengeLife is for how long a passkey may sign a challenge
// (security.md, promises).
const passkeyChallengeLife = 5 * time.Minute

// KeepChallenge notes what a passkey has to sign: for one purpose, by one holder
// (key 0: whoever holds the passkey), in the browser whose cookie has the hash.
func (s *Store) KeepChallenge(ctx context.Context, hash []byte, purpose string, h backoffice.MFAHolder, data string) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		if _, err := t.exec(`DELETE FROM passkey_challenges WHERE expires_at <= $1`, t.now.UnixMicro()); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO passkey_challenges (token_hash, purpose, holder, holder_key, data, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			hash, purpose, string(h.Kind), h.Key, data, t.now.Add(passkeyChallengeLife).UnixMicro())
		return err
	})
}

// TakeChallenge uses a challenge up: of many who come with it one gets it, whether
// or not what they signed is right. Errors: ErrWrongCode.
func (s *Store) TakeChallenge(ctx context.Context, hash []byte, purpose string, h backoffice.MFAHolder) (data string, err error) {
	err = s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		err := t.get(`DELETE FROM passkey_challenges WHERE token_hash = $1 AND purpose = $2 AND holder = $3 AND holder_key = $4 AND expires_at > $5 RETURNING data`,
			nonNil(hash), purpose, string(h.Kind), h.Key, t.now.UnixMicro()).Scan(&data)
		if errors.Is(err, backoffice.ErrNotFound) {
			return backoffice.ErrWrongCode
		}
		return err
	})
	return data, err
}

// PasskeyOwner is whose passkey has the credential's ID.
type PasskeyOwner struct {
	Holder backoffice.MFAHolder
	ID     string // public ID of the person
	Entry  backoffice.PasskeyEntry
}

// PasskeyByCredential finds a passkey of the users or of staff. Errors:
// ErrNotFound.
func (s *Store) PasskeyByCredential(ctx context.Context, kind backoffice.ActorKind, credential []byte) (PasskeyOwner, error) {
	return passkeyByCredential(ctx, s.query(), kind, credential)
}

func (t *tx) passkeyByCredential(kind backoffice.ActorKind, credential []byte) (PasskeyOwner, error) {
	return passkeyByCredential(t.ctx, t, kind, credential)
}

func passkeyByCredential(ctx context.Context, r reader, kind backoffice.ActorKind, credential []byte) (o PasskeyOwner, err error) {
	o.Holder.Kind = kind
	p := &o.Entry
	err = r.row(ctx, mfaOf(o.Holder).byCredential, nonNil(credential)).Scan(&o.Holder.Key, &o.ID, &p.ID, &p.Name, &p.Credential, &p.Data,
		micros{&p.CreatedAt}, nullMicros{&p.LastUsedAt})
	return o, err
}

// UsePasskey notes that a passkey has signed, and its counter; old is the entry
// that the signature was checked against. Errors: ErrWrongCode when it was used,
// or removed, meanwhile.
func (s *Store) UsePasskey(ctx context.Context, h backoffice.MFAHolder, old backoffice.PasskeyEntry, data string) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		err := t.one(mfaOf(h).usePasskey, h.Key, old.ID, old.Data, data, t.now.UnixMicro())
		if errors.Is(err, backoffice.ErrNotFound) {
			return backoffice.ErrWrongCode
		}
		return err
	})
}

// RenamePasskey gives a passkey another name. Errors: ErrNotFound, Problems
// (name).
func (s *Store) RenamePasskey(ctx context.Context, actor backoffice.Actor, h backoffice.MFAHolder, id, name string) error {
	name, wrong := passkeyName(name)
	return s.update(ctx, actor, func(t *tx) error {
		if wrong != nil {
			// What is not theirs does not exist, whatever it would be called.
			m, err := s.MFA(t.ctx, h)
			if err == nil && !slices.ContainsFunc(m.Passkeys, func(p backoffice.PasskeyEntry) bool { return p.ID == id }) {
				err = backoffice.ErrNotFound
			}
			if err == nil {
				err = wrong
			}
			return err
		}
		if err := t.one(mfaOf(h).namePasskey, h.Key, id, name); err != nil {
			return err
		}
		return t.mfaNoted(h, "passkey-renamed", name)
	})
}
