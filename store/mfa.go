package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"steward/backoffice"
)

// pendingAuthenticatorLife is how long the key of an authenticator app can be
// proved after it was shown.
const pendingAuthenticatorLife = 30 * time.Minute

// mfaTexts are the statements about the second factors of one kind of people:
// users and staff have the same, in tables of their own.
type mfaTexts struct {
	kind         string // of the object in the trail
	person       string // public ID, e-mail and name
	state        string
	passkeys     string
	begin        string
	pending      string
	enrol        string
	secret       string
	step         string
	dropApp      string
	addFactor    string
	setFactors   string
	countCodes   string
	dropCodes    string
	addCode      string
	useCode      string
	addPasskey   string
	countPasskey string
	dropPasskey  string
	namePasskey  string
	byCredential string
	usePasskey   string
	endSessions  string
	endPending   string
}

func mfaTextsOf(kind, people, own, prefix, pending string) mfaTexts {
	apps, codes, passkeys := prefix+"authenticators", prefix+"recovery_codes", prefix+"passkeys"
	gone := "deleted_at"
	if kind == "staff" {
		gone = "removed_at"
	}
	return mfaTexts{
		kind:   kind,
		person: `SELECT id, email, name FROM ` + people + ` WHERE key = $1 AND ` + gone + ` IS NULL`,
		state: `SELECT p.factors, COALESCE((SELECT a.enrolled_at FROM ` + apps + ` a WHERE a.` + own + ` = p.key), 0),
			(SELECT COUNT(*) FROM ` + codes + ` c WHERE c.` + own + ` = p.key AND c.used_at IS NULL) FROM ` + people + ` p WHERE p.key = $1 AND p.` + gone + ` IS NULL`,
		passkeys: `SELECT id, name, credential, data, created_at, last_used_at FROM ` + passkeys + ` WHERE ` + own + ` = $1 ORDER BY created_at, key`,
		begin: `INSERT INTO ` + apps + ` (` + own + `, secret, created_at) VALUES ($1, $2, $3) ON CONFLICT (` + own + `)
			DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at, last_step = 0 WHERE ` + apps + `.enrolled_at IS NULL`,
		pending: `SELECT secret FROM ` + apps + ` WHERE ` + own + ` = $1 AND enrolled_at IS NULL AND created_at > $2`,
		enrol:   `UPDATE ` + apps + ` SET enrolled_at = $2, last_step = $3 WHERE ` + own + ` = $1 AND enrolled_at IS NULL`,
		secret:  `SELECT secret FROM ` + apps + ` WHERE ` + own + ` = $1 AND enrolled_at IS NOT NULL`,
		// Each code is taken once, and none that is older than one that was taken.
		step:         `UPDATE ` + apps + ` SET last_step = $2 WHERE ` + own + ` = $1 AND enrolled_at IS NOT NULL AND last_step < $2 RETURNING last_step`,
		dropApp:      `DELETE FROM ` + apps + ` WHERE ` + own + ` = $1 AND enrolled_at IS NOT NULL`,
		addFactor:    `UPDATE ` + people + ` SET factors = factors | $2 WHERE key = $1`,
		setFactors:   `UPDATE ` + people + ` SET factors = $2 WHERE key = $1`,
		countCodes:   `SELECT COUNT(*) FROM ` + codes + ` WHERE ` + own + ` = $1 AND used_at IS NULL`,
		dropCodes:    `DELETE FROM ` + codes + ` WHERE ` + own + ` = $1`,
		addCode:      `INSERT INTO ` + codes + ` (` + own + `, hash) VALUES ($1, $2)`,
		useCode:      `UPDATE ` + codes + ` SET used_at = $3 WHERE ` + own + ` = $1 AND hash = $2 AND used_at IS NULL RETURNING used_at`,
		addPasskey:   `INSERT INTO ` + passkeys + ` (id, ` + own + `, credential, name, data, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		countPasskey: `SELECT COUNT(*) FROM ` + passkeys + ` WHERE ` + own + ` = $1`,
		dropPasskey:  `DELETE FROM ` + passkeys + ` WHERE ` + own + ` = $1 AND id = $2 RETURNING name`,
		namePasskey:  `UPDATE ` + passkeys + ` SET name = $3 WHERE ` + own + ` = $1 AND id = $2`,
		byCredential: `SELECT k.` + own + `, p.id, k.id, k.name, k.credential, k.data, k.created_at, k.last_used_at FROM ` + passkeys + ` k
			JOIN ` + people + ` p ON p.key = k.` + own + ` AND p.` + gone + ` IS NULL WHERE k.credential = $1`,
		usePasskey:  `UPDATE ` + passkeys + ` SET data = $4, last_used_at = $5 WHERE ` + own + ` = $1 AND id = $2 AND data = $3`,
		endSessions: `DELETE FROM ` + kind + `_sessions WHERE ` + own + ` = $1 AND token_hash <> $2`,
		endPending:  `DELETE FROM ` + pending + ` WHERE ` + own + ` = $1 AND token_hash <> $2`,
	}
}

var (
	userMFA  = mfaTextsOf("user", "users", "user_key", "", "pending_sign_ins")
	staffMFA = mfaTextsOf("staff", "staff", "staff_key", "staff_", "pending_staff_sign_ins")
)

func mfaOf(h backoffice.MFAHolder) *mfaTexts {
	if h.Kind == backoffice.ActorStaff {
		return &staffMFA
	}
	return &userMFA
}

// authenticatorPurpose binds the sealed key of an app to its owner.
func authenticatorPurpose(h backoffice.MFAHolder) string {
	return fmt.Sprintf("authenticator %s %d", mfaOf(h).kind, h.Key)
}

// keepAuthenticator keeps the key of a user's authenticator app, as an import
// brings it, in place of the one that there was. secret is the key itself, not
// its base32 spelling. One that is not enrolled counts for nothing until a code
// of it was shown. Errors: ErrNoKey.
func (t *tx) keepAuthenticator(user int64, secret []byte, enrolled bool) error {
	h := backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: user}
	sealed, err := t.s.sealer.seal(authenticatorPurpose(h), secret)
	if err != nil {
		return err
	}
	since := int64(0)
	if enrolled {
		since = t.now.UnixMicro()
	}
	if _, err := t.exec(`INSERT INTO authenticators (user_key, secret, created_at, enrolled_at) VALUES ($1, $2, $3, $4) ON CONFLICT (user_key)
		DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at, enrolled_at = excluded.enrolled_at, last_step = 0`,
		user, sealed, t.now.UnixMicro(), nullKey(since)); err != nil || !enrolled {
		return err
	}
	_, err = t.exec(userMFA.addFactor, user, int64(backoffice.AuthenticatorApp))
	return err
}

// MFA returns how somebody's second factors stand. Errors: ErrNotFound.
func (s *Store) MFA(ctx context.Context, h backoffice.MFAHolder) (backoffice.MFA, error) {
	return mfaState(ctx, s.query(), h)
}

func mfaState(ctx context.Context, r reader, h backoffice.MFAHolder) (m backoffice.MFA, err error) {
	var factors int64
	if err := r.row(ctx, mfaOf(h).state, h.Key).Scan(&factors, zeroMicros{&m.AppSince}, &m.CodesLeft); err != nil {
		return m, err
	}
	m.Methods = backoffice.MFAMethods(factors)
	rows, err := r.rows(ctx, mfaOf(h).passkeys, h.Key)
	m.Passkeys, err = collect(rows, err, func(r rowScanner) (p backoffice.PasskeyEntry, err error) {
		err = r.Scan(&p.ID, &p.Name, &p.Credential, &p.Data, micros{&p.CreatedAt}, nullMicros{&p.LastUsedAt})
		return
	})
	return m, err
}

// BeginAuthenticator keeps the key of an app that is shown to somebody and counts
// for nothing until a code of it comes back; a key that waited so far is dead.
// Errors: ErrConflict when there is an enrolled one, ErrNoKey.
func (s *Store) BeginAuthenticator(ctx context.Context, h backoffice.MFAHolder, secret []byte) error {
	sealed, err := s.sealer.seal(authenticatorPurpose(h), secret)
	if err != nil {
		return err
	}
	return s.update(ctx, backoffice.System(), func(t *tx) error {
		n, err := t.exec(mfaOf(h).begin, h.Key, sealed, t.now.UnixMicro())
		if err == nil && n == 0 {
			err = backoffice.ErrConflict
		}
		return err
	})
}

// PendingAuthenticator returns the key that waits for its first code. Errors:
// ErrNotFound.
func (s *Store) PendingAuthenticator(ctx context.Context, h backoffice.MFAHolder) (secret []byte, err error) {
	return s.pendingAuthenticator(ctx, s.query(), h, s.Now())
}

func (s *Store) pendingAuthenticator(ctx context.Context, r reader, h backoffice.MFAHolder, now time.Time) ([]byte, error) {
	var sealed []byte
	if err := r.row(ctx, mfaOf(h).pending, h.Key, now.Add(-pendingAuthenticatorLife).UnixMicro()).Scan(&sealed); err != nil {
		return nil, err
	}
	return s.sealer.open(authenticatorPurpose(h), sealed)
}

// CodeCheck says whether a code that was typed belongs to the key at the time,
// and to which of its time steps.
type CodeCheck func(secret []byte, now time.Time) (step int64, ok bool)

// EnrolAuthenticator takes the first code of an app. Whoever has no recovery
// codes left gets those with the hashes; made says so. keep is the hash of the
// session or sign-in under way that goes on, every other one of theirs ends.
// Errors: ErrNotFound without a key that waits, ErrWrongCode.
func (s *Store) EnrolAuthenticator(ctx context.Context, actor backoffice.Actor, h backoffice.MFAHolder, check CodeCheck, codes [][]byte, keep []byte) (made bool, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		secret, err := s.pendingAuthenticator(t.ctx, t, h, t.now)
		if err != nil {
			return err
		}
		step, ok := check(secret, t.now)
		if !ok {
			return backoffice.ErrWrongCode
		}
		if err := t.one(mfaOf(h).enrol, h.Key, t.now.UnixMicro(), step); err != nil {
			return err
		}
		made, err = t.enrolled(h, backoffice.AuthenticatorApp, "authenticator app", codes, keep)
		return err
	})
	return made, err
}

// AddPasskey enrols a passkey; codes and keep as with EnrolAuthenticator. Errors:
// Problems (name) also when there are too many, ErrConflict when it is enrolled
// already.
func (s *Store) AddPasskey(ctx context.Context, actor backoffice.Actor, h backoffice.MFAHolder, p backoffice.PasskeyEntry, codes [][]byte, keep []byte) (made bool, err error) {
	if p.Name, err = passkeyName(p.Name); err != nil {
		return false, err
	}
	err = s.update(ctx, actor, func(t *tx) error {
		var n int
		if err := t.get(mfaOf(h).countPasskey, h.Key).Scan(&n); err != nil {
			return err
		}
		if n >= backoffice.MaxPasskeys {
			return backoffice.Problems{"name": fmt.Sprintf("There are %d passkeys already. Remove one first.", n)}
		}
		_, err := t.passkeyByCredential(h.Kind, p.Credential)
		if err == nil {
			return backoffice.ErrConflict
		} else if !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
		if _, err := t.exec(mfaOf(h).addPasskey, newID(), h.Key, p.Credential, p.Name, p.Data, t.now.UnixMicro()); err != nil {
			return err
		}
		made, err = t.enrolled(h, backoffice.Passkey, "passkey", codes, keep)
		return err
	})
	return made, err
}

func passkeyName(typed string) (string, error) {
	name, err := backoffice.CleanName(typed, backoffice.MaxPasskeyName)
	if err == nil && name == "" {
		err = backoffice.Refusal("Enter a name.")
	}
	if err != nil {
		return "", backoffice.Problems{"name": err.Error()}
	}
	return name, nil
}

// enrolled is what follows from a new second factor.
func (t *tx) enrolled(h backoffice.MFAHolder, method backoffice.MFAMethods, word string, codes [][]byte, keep []byte) (made bool, err error) {
	if err := t.one(mfaOf(h).addFactor, h.Key, int64(method)); err != nil {
		return false, err
	}
	var left int
	if err := t.get(mfaOf(h).countCodes, h.Key).Scan(&left); err != nil {
		return false, err
	}
	if left == 0 {
		made = true
		if err := t.writeCodes(h, codes); err != nil {
			return made, err
		}
	}
	return made, t.mfaChanged(h, "mfa-enrolled", word, keep)
}

func (t *tx) writeCodes(h backoffice.MFAHolder, codes [][]byte) error {
	if _, err := t.exec(mfaOf(h).dropCodes, h.Key); err != nil {
		return err
	}
	for _, hash := range codes {
		if _, err := t.exec(mfaOf(h).addCode, h.Key, hash); err != nil {
			return err
		}
	}
	return nil
}

// mfaChanged ends what was begun under other factors, and tells the trail and
// the person.
func (t *tx) mfaChanged(h backoffice.MFAHolder, action, word string, keep []byte) error {
	q := mfaOf(h)
	if h.Kind == backoffice.ActorUser {
		// What applications were given ends with the sessions that it came from.
		if err := t.endFamilies(`user_key = $2 AND sign_in NOT IN (SELECT sign_in FROM user_sessions WHERE token_hash = $3)`, h.Key, nonNil(keep)); err != nil {
			return err
		}
	}
	for _, text := range []string{q.endSessions, q.endPending} {
		if _, err := t.exec(text, h.Key, nonNil(keep)); err != nil {
			return err
		}
	}
	if h.Kind != backoffice.ActorStaff {
		if _, err := t.exec(`UPDATE user_devices SET remembered_until = 0 WHERE user_key = $1`, h.Key); err != nil {
			return err
		}
	}
	return t.mfaNoted(h, action, word)
}

// mfaNoted writes an event about somebody's second factors, and a notice to them.
func (t *tx) mfaNoted(h backoffice.MFAHolder, action, word string) error {
	var id, email, name string
	if err := t.get(mfaOf(h).person, h.Key).Scan(&id, &email, &name); err != nil {
		return err
	}
	e := event{action: mfaOf(h).kind + "." + action, kind: mfaOf(h).kind, id: id, name: email}
	if h.Kind == backoffice.ActorStaff && name != "" {
		e.name = name
	}
	if word != "" {
		e.after = map[string]any{"method": word}
	}
	if err := t.record(e); err != nil {
		return err
	}
	notice := mfaNotices[action]
	if notice == "" || t.s.sealer.aead == nil { // without a key file nothing is mailed
		return nil
	}
	_, err := t.mail(backoffice.Mail{Kind: backoffice.MailFactor, To: email, MailContent: backoffice.MailContent{Name: name, Factor: fmt.Sprintf(notice, word)}})
	return err
}

// mfaNotices are what a mail says of a change; %[1]s is the factor.
var mfaNotices = map[string]string{
	"mfa-enrolled":           "A second factor was added: %[1]s",
	"mfa-removed":            "A second factor was removed: %[1]s",
	"mfa-reset":              "Your second factors were reset%[1]s",
	"recovery-codes-renewed": "New recovery codes were made%[1]s",
	"recovery-code-used":     "A recovery code was used%[1]s",
}

// UseCode takes a code of an authenticator app, once: of many that come at the
// same time one gets through, and no older one after it. Errors: ErrWrongCode.
func (s *Store) UseCode(ctx context.Context, h backoffice.MFAHolder, check CodeCheck) error {
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		var sealed []byte
		err := t.get(mfaOf(h).secret, h.Key).Scan(&sealed)
		if errors.Is(err, backoffice.ErrNotFound) {
			return backoffice.ErrWrongCode
		} else if err != nil {
			return err
		}
		secret, err := s.sealer.open(authenticatorPurpose(h), sealed)
		if err != nil {
			return err
		}
		step, ok := check(secret, t.now)
		if !ok {
			return backoffice.ErrWrongCode
		}
		if err := t.get(mfaOf(h).step, h.Key, step).Scan(&step); errors.Is(err, backoffice.ErrNotFound) {
			return backoffice.ErrWrongCode
		} else if err != nil {
			return err
		}
		return nil
	})
}

// UseRecoveryCode takes the recovery code with the hash, once. It returns how
// many are left. Errors: ErrWrongCode.
func (s *Store) UseRecoveryCode(ctx context.Context, actor backoffice.Actor, h backoffice.MFAHolder, hash []byte) (left int, err error) {
	err = s.update(essential(ctx), actor, func(t *tx) error {
		var at int64
		if err := t.get(mfaOf(h).useCode, h.Key, hash, t.now.UnixMicro()).Scan(&at); errors.Is(err, backoffice.ErrNotFound) {
			return backoffice.ErrWrongCode
		} else if err != nil {
			return err
		}
		if err := t.get(mfaOf(h).countCodes, h.Key).Scan(&left); err != nil {
			return err
		}
		return t.mfaNoted(h, "recovery-code-used", "")
	})
	return left, err
}

// RenewRecoveryCodes puts other recovery codes in the place of those that there
// are, which are dead from now on. Errors: ErrNotFound for who has no second
// factor.
func (s *Store) RenewRecoveryCodes(ctx context.Context, actor backoffice.Actor, h backoffice.MFAHolder, codes [][]byte, keep []byte) error {
	return s.update(ctx, actor, func(t *tx) error {
		m, err := mfaState(t.ctx, t, h)
		if err != nil {
			return err
		}
		if m.Methods == 0 {
			return backoffice.ErrNotFound
		}
		if err := t.writeCodes(h, codes); err != nil {
			return err
		}
		return t.mfaChanged(h, "recovery-codes-renewed", "", keep)
	})
}

// RemoveAuthenticator takes the authenticator app away. Errors: ErrNotFound,
// LastFactor where one is forced and this is the last.
func (s *Store) RemoveAuthenticator(ctx context.Context, actor backoffice.Actor, h backoffice.MFAHolder, keep []byte) error {
	return s.update(ctx, actor, func(t *tx) error {
		if err := t.one(mfaOf(h).dropApp, h.Key); err != nil {
			return err
		}
		return t.removedFactor(h, "authenticator app", keep)
	})
}

// RemovePasskey takes a passkey away by its public ID. Errors: ErrNotFound,
// LastFactor.
func (s *Store) RemovePasskey(ctx context.Context, actor backoffice.Actor, h backoffice.MFAHolder, id string, keep []byte) error {
	return s.update(ctx, actor, func(t *tx) error {
		var name string
		if err := t.get(mfaOf(h).dropPasskey, h.Key, id).Scan(&name); err != nil {
			return err
		}
		return t.removedFactor(h, "passkey", keep)
	})
}

// removedFactor counts what is left, and holds the last one to what is forced.
func (t *tx) removedFactor(h backoffice.MFAHolder, word string, keep []byte) error {
	m, err := mfaState(t.ctx, t, h)
	if err != nil {
		return err
	}
	left := m.Left()
	if left == 0 {
		forced, err := mfaForced(t.ctx, t, t.now, h)
		if err != nil {
			return err
		}
		if forced {
			return backoffice.LastFactor
		}
		// Recovery codes stand for a factor: without one they open nothing.
		if err := t.writeCodes(h, nil); err != nil {
			return err
		}
	}
	if _, err := t.exec(mfaOf(h).setFactors, h.Key, int64(left)); err != nil {
		return err
	}
	return t.mfaChanged(h, "mfa-removed", word, keep)
}

// MFAForced reports whether a second factor is demanded of somebody: of a user
// by a policy of theirs, of staff by the owners.
func (s *Store) MFAForced(ctx context.Context, h backoffice.MFAHolder) (bool, error) {
	return mfaForced(ctx, s.query(), s.Now(), h)
}

func mfaForced(ctx context.Context, r reader, now time.Time, h backoffice.MFAHolder) (bool, error) {
	if h.Kind == backoffice.ActorStaff {
		return staffMFAForced(ctx, r)
	}
	p, err := policyForUser(ctx, r, now, h.Key)
	return p.MFAForce > backoffice.DontForce, err
}

// ResetMFA takes all second factors from somebody who has lost them; staff do
// it, and the command line. Errors: ErrNotFound, ErrForbidden.
func (s *Store) ResetMFA(ctx context.Context, actor backoffice.Actor, h backoffice.MFAHolder) error {
	return s.update(ctx, actor, func(t *tx) error {
		permission := backoffice.WriteAccounts
		if h.Kind == backoffice.ActorStaff {
			permission = backoffice.WriteStaff
		}
		if err := t.mayStill(permission); err != nil {
			return err
		}
		m, err := mfaState(t.ctx, t, h)
		if err != nil {
			return err
		}
		if err := t.dropFactors(h); err != nil || m.Methods == 0 {
			return err
		}
		return t.mfaChanged(h, "mfa-reset", "", nil)
	})
}

// dropFactors forgets every second factor, also one that waits for its proof.
func (t *tx) dropFactors(h backoffice.MFAHolder) error {
	texts := []string{`DELETE FROM authenticators WHERE user_key = $1`, `DELETE FROM recovery_codes WHERE user_key = $1`,
		`DELETE FROM passkeys WHERE user_key = $1`, `UPDATE users SET factors = 0 WHERE key = $1`}
	if h.Kind == backoffice.ActorStaff {
		texts = []string{`DELETE FROM staff_authenticators WHERE staff_key = $1`, `DELETE FROM staff_recovery_codes WHERE staff_key = $1`,
			`DELETE FROM staff_passkeys WHERE staff_key = $1`, `UPDATE staff SET factors = 0 WHERE key = $1`}
	}
	for _, text := range texts {
		if _, err := t.exec(text, h.Key); err != nil {
			return err
		}
	}
	return nil
}
