package store

import (
	"context"
	"crypto/subtle"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"steward/backoffice"
)

var applicationColumns = columns[backoffice.Application]{
	{"id", func(a *backoffice.Application) any { return &a.ID }},
	{"name", func(a *backoffice.Application) any { return &a.Name }},
	{"name_sort", func(a *backoffice.Application) any { return folded{&a.Name} }},
	{"kind", func(a *backoffice.Application) any { return word[backoffice.ApplicationKind]{&a.Kind} }},
	{"url", func(a *backoffice.Application) any { return &a.URL }},
	{"description", func(a *backoffice.Application) any { return &a.Description }},
	{"redirect_uris", func(a *backoffice.Application) any { return lines{&a.RedirectURIs} }},
	{"logout_uris", func(a *backoffice.Application) any { return lines{&a.LogoutURIs} }},
	{"active", func(a *backoffice.Application) any { return &a.Active }},
	{"is_default", func(a *backoffice.Application) any { return &a.Default }},
	{"auto_assigned", func(a *backoffice.Application) any { return &a.AutoAssigned }},
	{"logo_tag", func(a *backoffice.Application) any { return &a.LogoTag }},
	{"created_at", func(a *backoffice.Application) any { return micros{&a.CreatedAt} }},
	{"version", func(a *backoffice.Application) any { return &a.Version }},
}

// folded stores the folded form of a text, which is read from its own column.
type folded struct{ text *string }

func (folded) Scan(any) error                 { return nil }
func (f folded) Value() (driver.Value, error) { return backoffice.Fold(*f.text), nil }

// lines stores texts that hold no line break, one in a line.
type lines struct{ list *[]string }

func (l lines) Scan(v any) error {
	var text string
	if err := (textual[string]{&text}).Scan(v); err != nil {
		return err
	}
	*l.list = nil
	if text != "" {
		*l.list = strings.Split(text, "\n")
	}
	return nil
}
func (l lines) Value() (driver.Value, error) { return strings.Join(*l.list, "\n"), nil }

var (
	applicationFields     = `p.key, ` + applicationColumns.names("p.")
	selectApplications    = `SELECT ` + applicationFields + ` FROM applications p WHERE p.deleted_at IS NULL`
	selectApplicationByID = selectApplications + ` AND p.id = $1`
	insertApplication     = `INSERT INTO applications (` + applicationColumns.names("") + `) VALUES (` + applicationColumns.params(1) + `) RETURNING key`
	updateApplication     = fmt.Sprintf(`UPDATE applications SET `+applicationColumns.set(1)+` WHERE key = $%d`, len(applicationColumns)+1)
)

func scanApplication(r rowScanner) (a backoffice.Application, err error) {
	return scanApplicationAnd(r)
}

func scanApplicationAnd(r rowScanner, more ...any) (a backoffice.Application, err error) {
	dest := append([]any{&a.Key}, applicationColumns.scan(&a)...)
	err = r.Scan(append(dest, more...)...)
	return a, err
}

// Application returns the application with the ID. Errors: ErrNotFound.
func (s *Store) Application(ctx context.Context, id string) (backoffice.Application, error) {
	return scanApplication(s.query().row(ctx, selectApplicationByID, id))
}

// DefaultApplication returns the application of sign-in requests that name none.
// Errors: ErrNotFound where there is none.
func (s *Store) DefaultApplication(ctx context.Context) (backoffice.Application, error) {
	return scanApplication(s.query().row(ctx, selectApplications+` AND p.is_default`))
}

// ApplicationsByName returns the environment's applications by name.
func (s *Store) ApplicationsByName(ctx context.Context) ([]backoffice.Application, error) {
	rows, err := s.query().rows(ctx, selectApplications+` ORDER BY p.name_sort, p.key`)
	return collect(rows, err, scanApplication)
}

// ApplicationsAfter returns at most n of the environment's applications by name:
// those behind the one with the ID, or with "" the first ones. next is the ID to go
// on behind, "" at the end. One that moved to the bin is a position still. Errors:
// ErrNotFound when there is none with the ID.
func (s *Store) ApplicationsAfter(ctx context.Context, after string, n int) (list []backoffice.Application, next string, err error) {
	text, args := selectApplications, []any{n + 1}
	if after != "" {
		var key int64
		if err := s.query().row(ctx, `SELECT key FROM applications WHERE id = $1`, after).Scan(&key); err != nil {
			return nil, "", err
		}
		text, args = text+` AND (p.name_sort, p.key) > (SELECT o.name_sort, o.key FROM applications o WHERE o.key = $2)`, append(args, key)
	}
	rows, err := s.query().rows(ctx, text+` ORDER BY p.name_sort, p.key LIMIT $1`, args...)
	list, err = collect(rows, err, scanApplication)
	list, _, next = window(list, n, after, "", func(a backoffice.Application) string { return a.ID })
	return list, next, err
}

// Applications returns the environment's applications by name, and how many
// accounts have each.
func (s *Store) Applications(ctx context.Context) ([]backoffice.ApplicationRow, error) {
	return s.FindApplications(ctx, "")
}

// FindApplications returns those whose name or ID the query is part of, as
// Applications does.
func (s *Store) FindApplications(ctx context.Context, query string) ([]backoffice.ApplicationRow, error) {
	list, err := s.ApplicationsByName(ctx)
	if err != nil {
		return nil, err
	}
	if query = foldQuery(query); query != "" {
		list = slices.DeleteFunc(list, func(a backoffice.Application) bool {
			return !strings.Contains(backoffice.Fold(a.Name+"\n"+a.ID), query)
		})
	}
	out := make([]backoffice.ApplicationRow, len(list))
	for i, a := range list {
		out[i].Application = a
		if out[i].Accounts, err = accountsWith(ctx, s.query(), a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// event is what the trail says of an application, in one account or, with 0, in
// the environment.
func applicationEvent(action string, a backoffice.Application, account int64, before, after any) event {
	return event{action: action, kind: "application", id: a.ID, name: a.Name, accountKey: account, before: before, after: after}
}

func applicationPayload(a backoffice.Application) map[string]any {
	return map[string]any{"name": a.Name, "type": a.Kind, "url": a.URL, "description": a.Description,
		"redirect_uris": append([]string{}, a.RedirectURIs...), "logout_uris": append([]string{}, a.LogoutURIs...)}
}

// CreateApplication adds an application to the environment, inactive unless it
// comes active; one that is the default takes the place of the one that was. It
// gets an ID where it has none: one that was settled before tells a form that is
// sent twice. secretHash is the hash of its first client secret, nil where the
// kind has none. Errors: Problems (name, kind, url, description, redirect_uris,
// logout_uris), ErrConflict for an ID that is taken, ErrForbidden, ErrNoKey.
func (s *Store) CreateApplication(ctx context.Context, actor backoffice.Actor, a backoffice.Application, secretHash []byte) (backoffice.Application, error) {
	if a.Version = 1; a.ID == "" {
		a.ID = newID()
	}
	a, problems := backoffice.CheckApplication(a)
	if err := problems.Err(); err != nil {
		return a, err
	}
	err := s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteAllApplications); err != nil {
			return err
		}
		var n, same int
		if err := t.get(`SELECT COALESCE(SUM(CASE WHEN deleted_at IS NULL THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN id = $1 THEN 1 ELSE 0 END), 0) FROM applications`, a.ID).Scan(&n, &same); err != nil {
			return err
		}
		if same > 0 {
			return backoffice.ErrConflict
		}
		if n >= backoffice.MaxApplications {
			return backoffice.Problems{"": fmt.Sprintf("There are %d applications, and more are not kept.", n)}
		}
		if err := t.applicationNameFree(a); err != nil {
			return err
		}
		if a.Default {
			if err := t.endDefault(); err != nil {
				return err
			}
		}
		a.CreatedAt = t.now.Truncate(time.Microsecond)
		if err := t.get(insertApplication, applicationColumns.values(&a)...).Scan(&a.Key); err != nil {
			return err
		}
		if a.Kind.Confidential() && secretHash != nil {
			if err := t.keepSecret(a, secretHash); err != nil {
				return err
			}
		}
		after := applicationPayload(a)
		after["active"], after["default"], after["auto_assigned"] = a.Active, a.Default, a.AutoAssigned
		return t.record(applicationEvent("application.created", a, 0, nil, after))
	})
	return a, err
}

func (t *tx) applicationNameFree(a backoffice.Application) error {
	var taken bool
	err := t.get(`SELECT EXISTS (SELECT 1 FROM applications WHERE deleted_at IS NULL AND name_sort = $1 AND key <> $2)`, backoffice.Fold(a.Name), a.Key).Scan(&taken)
	if err == nil && taken {
		err = backoffice.Problems{"name": "Another application has this name."}
	}
	return err
}

// applicationNow is an application that the actor may change. Errors:
// ErrForbidden, ErrNotFound.
func (t *tx) applicationNow(id string) (a backoffice.Application, err error) {
	if err := t.mayStill(backoffice.WriteAllApplications); err != nil {
		return a, err
	}
	return scanApplication(t.get(selectApplicationByID, id))
}

// SaveApplication changes what an application is: name, URL, description and the
// addresses of its sign-in. Its kind stays. version is that of the application as
// it was read. Errors: ErrNotFound, ErrForbidden, ErrConflict when somebody else
// changed it since, Problems (as CreateApplication).
func (s *Store) SaveApplication(ctx context.Context, actor backoffice.Actor, id string, a backoffice.Application, version int64) error {
	return s.update(ctx, actor, func(t *tx) error {
		before, err := t.applicationNow(id)
		if err != nil {
			return err
		}
		if before.Version != version {
			return backoffice.ErrConflict
		}
		after := before
		after.Name, after.URL, after.Description, after.RedirectURIs, after.LogoutURIs = a.Name, a.URL, a.Description, a.RedirectURIs, a.LogoutURIs
		after, problems := backoffice.CheckApplication(after)
		if err := problems.Err(); err != nil {
			return err
		}
		if err := t.applicationNameFree(after); err != nil {
			return err
		}
		was, is := applicationPayload(before), applicationPayload(after)
		maps.DeleteFunc(was, func(field string, v any) bool {
			same := reflect.DeepEqual(v, is[field])
			if same {
				delete(is, field)
			}
			return same
		})
		if len(is) == 0 {
			return nil
		}
		after.Version++
		if err := t.one(updateApplication, applicationColumns.values(&after, before.Key)...); err != nil {
			return err
		}
		return t.record(applicationEvent("application.changed", after, 0, was, is))
	})
}

// SetApplicationActive says whether users can enter an application. Errors:
// ErrNotFound, ErrForbidden.
func (s *Store) SetApplicationActive(ctx context.Context, actor backoffice.Actor, id string, on bool) error {
	return s.update(ctx, actor, func(t *tx) error {
		a, err := t.applicationNow(id)
		if err != nil || a.Active == on {
			return err
		}
		if err := t.one(`UPDATE applications SET active = $2, version = version + 1 WHERE key = $1`, a.Key, on); err != nil {
			return err
		}
		action := "application.activated"
		if !on {
			action = "application.deactivated"
			if err := t.endFamilies(`application_key = $2`, a.Key); err != nil {
				return err
			}
		}
		return t.record(applicationEvent(action, a, 0, nil, nil))
	})
}

// MakeApplicationSecret keeps the hash of a new client secret; those before it
// work on for backoffice.SecretOverlap. Errors: ErrNotFound, ErrForbidden,
// ErrNoKey, a Refusal for an application that can keep none.
func (s *Store) MakeApplicationSecret(ctx context.Context, actor backoffice.Actor, id string, hash []byte) error {
	return s.makeApplicationSecret(ctx, actor, id, -1, hash)
}

// RotateApplicationSecret is MakeApplicationSecret for who saw newest as the key of
// the newest secret, 0 for none: a form that is sent twice makes one secret.
// Errors: also ErrConflict when there is a newer one.
func (s *Store) RotateApplicationSecret(ctx context.Context, actor backoffice.Actor, id string, newest int64, hash []byte) error {
	return s.makeApplicationSecret(ctx, actor, id, newest, hash)
}

func (s *Store) makeApplicationSecret(ctx context.Context, actor backoffice.Actor, id string, newest int64, hash []byte) error {
	return s.update(ctx, actor, func(t *tx) error {
		a, err := t.applicationNow(id)
		if err != nil {
			return err
		}
		if !a.Kind.Confidential() {
			return backoffice.Refusal("A " + strings.ToLower(a.Kind.Label()) + " application cannot keep a secret, and has none.")
		}
		if newest >= 0 {
			var now int64
			if err := t.get(`SELECT COALESCE(MAX(key), 0) FROM application_secrets WHERE application_key = $1`, a.Key).Scan(&now); err != nil {
				return err
			}
			if now != newest {
				return backoffice.ErrConflict
			}
		}
		if _, err := t.exec(`UPDATE application_secrets SET ends_at = $2 WHERE application_key = $1 AND (ends_at = 0 OR ends_at > $2)`,
			a.Key, t.now.Add(backoffice.SecretOverlap).UnixMicro()); err != nil {
			return err
		}
		if err := t.keepSecret(a, hash); err != nil {
			return err
		}
		return t.record(applicationEvent("application.secret-made", a, 0, nil, nil))
	})
}

func secretPurpose(a backoffice.Application) string { return "application secret " + a.ID }

func (t *tx) keepSecret(a backoffice.Application, hash []byte) error {
	sealed, err := t.s.sealer.seal(secretPurpose(a), hash)
	if err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM application_secrets WHERE application_key = $1 AND ends_at <> 0 AND ends_at <= $2`, a.Key, t.now.UnixMicro()); err != nil {
		return err
	}
	return t.one(`INSERT INTO application_secrets (application_key, sealed, created_at) VALUES ($1, $2, $3)`, a.Key, sealed, t.now.UnixMicro())
}

// EndApplicationSecret ends a secret that another one took the place of, at once.
// Errors: ErrNotFound, also for the newest, ErrForbidden.
func (s *Store) EndApplicationSecret(ctx context.Context, actor backoffice.Actor, id string, key int64) error {
	return s.update(ctx, actor, func(t *tx) error {
		a, err := t.applicationNow(id)
		if err != nil {
			return err
		}
		if err := t.one(`DELETE FROM application_secrets WHERE key = $2 AND application_key = $1 AND ends_at <> 0`, a.Key, key); err != nil {
			return err
		}
		return t.record(applicationEvent("application.secret-ended", a, 0, nil, nil))
	})
}

// ApplicationSecrets returns the secrets of an application that work, the newest
// first.
func (s *Store) ApplicationSecrets(ctx context.Context, key int64) ([]backoffice.ApplicationSecret, error) {
	rows, err := s.query().rows(ctx, `SELECT key, created_at, ends_at, COALESCE(last_used_at, 0) FROM application_secrets
		WHERE application_key = $1 AND (ends_at = 0 OR ends_at > $2) ORDER BY key DESC`, key, s.Now().UnixMicro())
	return collect(rows, err, func(r rowScanner) (v backoffice.ApplicationSecret, err error) {
		err = r.Scan(&v.Key, micros{&v.CreatedAt}, zeroMicros{&v.EndsAt}, zeroMicros{&v.LastUsed})
		return
	})
}

// CheckApplicationSecret compares the hash of a secret that was shown, that of
// auth.ClientSecret, with those that work, in a time that tells nothing of them. Errors: ErrNotFound when it is
// none of them, or the application is no more.
func (s *Store) CheckApplicationSecret(ctx context.Context, id string, hash []byte) error {
	a, err := s.Application(ctx, id)
	if err != nil {
		return err
	}
	type kept struct {
		key, used int64
		sealed    []byte
	}
	now := s.Now()
	rows, err := s.query().rows(ctx, `SELECT key, sealed, COALESCE(last_used_at, 0) FROM application_secrets WHERE application_key = $1 AND (ends_at = 0 OR ends_at > $2)`, a.Key, now.UnixMicro())
	list, err := collect(rows, err, func(r rowScanner) (v kept, err error) { err = r.Scan(&v.key, &v.sealed, &v.used); return })
	if err != nil {
		return err
	}
	var found *kept
	for i, v := range list {
		open, err := s.sealer.open(secretPurpose(a), v.sealed)
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare(open, hash) == 1 {
			found = &list[i]
		}
	}
	if found == nil {
		return backoffice.ErrNotFound
	}
	if now.UnixMicro()-found.used < time.Minute.Microseconds() {
		return nil
	}
	return s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		_, err := t.exec(`UPDATE application_secrets SET last_used_at = $2 WHERE key = $1`, found.key, now.UnixMicro())
		return err
	})
}

// SaveApplicationLogo keeps the picture of an application, a PNG, or with nil
// takes it away. Errors: ErrNotFound, ErrForbidden.
func (s *Store) SaveApplicationLogo(ctx context.Context, actor backoffice.Actor, id string, png []byte, tag string) error {
	return s.update(ctx, actor, func(t *tx) error {
		a, err := t.applicationNow(id)
		if err != nil || a.LogoTag == tag {
			return err
		}
		if _, err := t.exec(`DELETE FROM application_logos WHERE application_key = $1`, a.Key); err != nil {
			return err
		}
		if png != nil {
			if err := t.one(`INSERT INTO application_logos (application_key, png) VALUES ($1, $2)`, a.Key, png); err != nil {
				return err
			}
		}
		if err := t.one(`UPDATE applications SET logo_tag = $2, version = version + 1 WHERE key = $1`, a.Key, tag); err != nil {
			return err
		}
		return t.record(applicationEvent("application.logo-changed", a, 0, nil, nil))
	})
}

// ApplicationLogo returns the picture of an application and its content tag.
// Errors: ErrNotFound.
func (s *Store) ApplicationLogo(ctx context.Context, id string) (png []byte, tag string, err error) {
	err = s.query().row(ctx, `SELECT l.png, p.logo_tag FROM applications p JOIN application_logos l ON l.application_key = p.key
		WHERE p.id = $1 AND p.deleted_at IS NULL`, id).Scan(&png, &tag)
	return png, tag, err
}

// DeleteApplication moves an application to the bin, from which
// RestoreApplication brings it back for 30 days, with everything that it was
// assigned to. Nobody enters it meanwhile. Errors: ErrNotFound, ErrForbidden.
func (s *Store) DeleteApplication(ctx context.Context, actor backoffice.Actor, id string) (deletion string, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		a, err := t.applicationNow(id)
		if err != nil {
			return err
		}
		deletion = newID()
		if err := t.one(`UPDATE applications SET deleted_at = $2, deletion_id = $3, version = version + 1 WHERE key = $1`, a.Key, t.now.UnixMicro(), deletion); err != nil {
			return err
		}
		if err := t.endFamilies(`application_key = $2`, a.Key); err != nil {
			return err
		}
		e := applicationEvent("application.deleted", a, 0, applicationPayload(a), nil)
		e.undo = deletion
		return t.record(e)
	})
	return deletion, err
}

// RestoreApplication brings an application back from the bin, by its ID or that of
// its deletion. Where another one became the default meanwhile, that one stays it,
// and who had this one by default keeps it by hand.
// Errors: ErrNotFound, ErrForbidden, Problems (name) when another one has its name
// by now.
func (s *Store) RestoreApplication(ctx context.Context, actor backoffice.Actor, id string) (a backoffice.Application, err error) {
	err = s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteAllApplications); err != nil {
			return err
		}
		if a, err = scanApplication(t.get(`SELECT `+applicationFields+` FROM applications p WHERE p.deleted_at IS NOT NULL AND (p.id = $1 OR p.deletion_id = $1)`, id)); err != nil {
			return err
		}
		if err := t.applicationNameFree(a); err != nil {
			return err
		}
		_, err := scanApplication(t.get(selectApplications + ` AND p.is_default`))
		if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
		another := err == nil
		a.Version++
		if err := t.one(`UPDATE applications SET deleted_at = NULL, deletion_id = NULL, is_default = $2, version = $3 WHERE key = $1`, a.Key, a.Default && !another, a.Version); err != nil {
			return err
		}
		if a.Default && another {
			if err := t.setReach(a, a.AutoAssigned, false); err != nil {
				return err
			}
			a.Default = false
			a.Version++
		}
		return t.record(applicationEvent("application.restored", a, 0, nil, nil))
	})
	return a, err
}

// BinnedApplications returns the applications in the bin, the newest deletion
// first.
func (s *Store) BinnedApplications(ctx context.Context) ([]backoffice.BinnedApplication, error) {
	rows, err := s.query().rows(ctx, `SELECT `+applicationFields+`, p.deleted_at,
		COALESCE((SELECT e.actor_name FROM events e WHERE e.object_id = p.id AND e.action = 'application.deleted' ORDER BY e.key DESC LIMIT 1), '')
		FROM applications p WHERE p.deleted_at IS NOT NULL ORDER BY p.deleted_at DESC, p.key DESC`)
	return collect(rows, err, func(r rowScanner) (v backoffice.BinnedApplication, err error) {
		v.Application, err = scanApplicationAnd(r, micros{&v.DeletedAt}, &v.DeletedBy)
		v.PurgeAt = v.DeletedAt.Add(backoffice.BinDays * 24 * time.Hour)
		return
	})
}

// PurgeApplications removes for good what applications have been in the bin for
// longer than 30 days, at most limit of them, and the payloads of their events;
// the chain keeps the digests. It returns how many went.
func (s *Store) PurgeApplications(ctx context.Context, limit int) (n int, err error) {
	err = s.update(essential(ctx), backoffice.System(), func(t *tx) error {
		rows, err := t.rows(t.ctx, `SELECT `+applicationFields+` FROM applications p WHERE p.deleted_at IS NOT NULL AND p.deleted_at <= $1 ORDER BY p.deleted_at, p.key LIMIT $2`,
			t.now.Add(-backoffice.BinDays*24*time.Hour).UnixMicro(), limit)
		list, err := collect(rows, err, scanApplication)
		if err != nil {
			return err
		}
		for _, a := range list {
			for _, text := range []string{
				`DELETE FROM user_applications WHERE application_key = $1`,
				`DELETE FROM removed_user_applications WHERE application_key = $1`,
				`DELETE FROM removed_assignments WHERE application_key = $1`,
				`DELETE FROM account_applications WHERE application_key = $1`,
				`DELETE FROM application_secrets WHERE application_key = $1`,
				`DELETE FROM openid_requests WHERE application_key = $1`,
				`DELETE FROM openid_families WHERE application_key = $1`,
				`DELETE FROM application_logos WHERE application_key = $1`,
				`DELETE FROM applications WHERE key = $1`,
			} {
				if _, err := t.exec(text, a.Key); err != nil {
					return err
				}
			}
			if _, err := t.exec(`UPDATE events SET `+emptied+` WHERE object_id = $1 AND object_kind = 'application'`, a.ID); err != nil {
				return err
			}
			if err := t.record(event{action: "application.purged", kind: "application", id: a.ID}); err != nil {
				return err
			}
		}
		n = len(list)
		return nil
	})
	return n, err
}
