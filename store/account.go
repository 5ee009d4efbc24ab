package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"steward/backoffice"
)

// accountColumns are the columns of accounts that an Account holds. To add a
// field: a migration, the field in backoffice.Account, a line here, a field in
// the form and a line where the handler reads it.
var accountColumns = columns[backoffice.Account]{
	{"id", func(a *backoffice.Account) any { return &a.ID }},
	{"name", func(a *backoffice.Account) any { return &a.Name }},
	{"created_at", func(a *backoffice.Account) any { return micros{&a.CreatedAt} }},
	{"deleted_at", func(a *backoffice.Account) any { return nullMicros{&a.DeletedAt} }},
	{"is_reseller", func(a *backoffice.Account) any { return &a.IsReseller }},
	{"sub_access", func(a *backoffice.Account) any { return word[backoffice.AccessDefault]{&a.SubAccess} }},
	{"parent_key", func(a *backoffice.Account) any { return nullable{&a.ParentKey} }},
	{"primary_user_key", func(a *backoffice.Account) any { return nullable{&a.PrimaryUserKey} }},
	{"primary_email", func(a *backoffice.Account) any { return &a.PrimaryEmail }},
	{"company_domain", func(a *backoffice.Account) any { return &a.CompanyDomain }},
	{"website", func(a *backoffice.Account) any { return &a.Website }},
	{"address", func(a *backoffice.Account) any { return &a.Address }},
	{"time_zone", func(a *backoffice.Account) any { return &a.TimeZone }},
	{"currency", func(a *backoffice.Account) any { return &a.Currency }},
	{"status_text", func(a *backoffice.Account) any { return &a.StatusText }},
	{"logo_tag", func(a *backoffice.Account) any { return &a.LogoTag }},
	{"version", func(a *backoffice.Account) any { return &a.Version }},
	{"metadata_version", func(a *backoffice.Account) any { return &a.MetadataVersion }},
	{"metadata", func(a *backoffice.Account) any { return &a.Metadata }},
}

var (
	selectAccount = `SELECT a.key, ` + accountColumns.names("a.") + `, COALESCE(p.id, ''), COALESCE(p.name, ''), COALESCE(u.id, ''), COALESCE(u.name, ''),
		COALESCE(e.users, 0), COALESCE(e.visits, 0), COALESCE(e.last_visit_at, 0), COALESCE(e.recent_day, 0), e.recent
		FROM accounts a LEFT JOIN accounts p ON p.key = a.parent_key LEFT JOIN users u ON u.key = a.primary_user_key
		LEFT JOIN engagement e ON e.account_key = a.key WHERE `
	selectAccountByID  = selectAccount + `a.id = $1`
	selectAccountByKey = selectAccount + `a.key = $1`
	insertAccount      = `INSERT INTO accounts (` + accountColumns.names("") + `, name_sort, search) VALUES (` + accountColumns.params(1) +
		fmt.Sprintf(`, $%d, $%d) RETURNING key`, len(accountColumns)+1, len(accountColumns)+2)
	updateAccount = `UPDATE accounts SET ` + accountColumns.set(1) +
		fmt.Sprintf(`, name_sort = $%d, search = $%d WHERE key = $%d`, len(accountColumns)+1, len(accountColumns)+2, len(accountColumns)+3)
)

func readAccount(ctx context.Context, r reader, today backoffice.Day, text string, arg any) (backoffice.Account, error) {
	var a backoffice.Account
	var recentDay int64
	var recent []byte
	dest := append([]any{&a.Key}, accountColumns.scan(&a)...)
	dest = append(dest, &a.ParentID, &a.ParentName, &a.PrimaryUserID, &a.PrimaryName,
		&a.Users, &a.Visits, zeroMicros{&a.LastVisit}, &recentDay, &recent)
	if err := r.row(ctx, text, arg).Scan(dest...); err != nil {
		return backoffice.Account{}, err
	}
	a.HasLogo = a.LogoTag != ""
	a.Recent = unpackRecent(recent, backoffice.Day(recentDay), today)
	return a, nil
}

// Account returns the account with the ID. What is in the bin is not found.
// Errors: ErrNotFound.
func (s *Store) Account(ctx context.Context, id string) (backoffice.Account, error) {
	a, err := readAccount(ctx, s.query(), backoffice.DayOf(s.Now()), selectAccountByID, id)
	if err == nil && !a.DeletedAt.IsZero() {
		return backoffice.Account{}, backoffice.ErrNotFound
	}
	return a, err
}

// account reads an account inside a unit of work. Errors: ErrNotFound, also for
// what is in the bin.
func (t *tx) account(id string) (backoffice.Account, error) {
	a, err := readAccount(t.ctx, t, backoffice.DayOf(t.now), selectAccountByID, id)
	if err == nil && !a.DeletedAt.IsZero() {
		return backoffice.Account{}, backoffice.ErrNotFound
	}
	return a, err
}

// Ancestors returns the accounts above the one with the key, the highest first.
func (s *Store) Ancestors(ctx context.Context, key int64) ([]backoffice.AccountRef, error) {
	return ancestors(ctx, s.query(), key)
}

func ancestors(ctx context.Context, r reader, key int64) ([]backoffice.AccountRef, error) {
	rows, err := r.rows(ctx, `WITH RECURSIVE up (key, id, name, parent_key, level) AS (
			SELECT p.key, p.id, p.name, p.parent_key, 1 FROM accounts a JOIN accounts p ON p.key = a.parent_key WHERE a.key = $1
			UNION ALL
			SELECT p.key, p.id, p.name, p.parent_key, up.level + 1 FROM up JOIN accounts p ON p.key = up.parent_key WHERE up.level < 64)
		SELECT key, id, name FROM up ORDER BY level DESC`, key)
	return collect(rows, err, func(r rowScanner) (v backoffice.AccountRef, err error) {
		err = r.Scan(&v.Key, &v.ID, &v.Name)
		return
	})
}

// CreateAccount makes an account, and its primary user where an e-mail is
// given: a new user, or one that exists, with the first-user roles, invited or
// as a Pending-login member. Errors: Problems (name, id, email); *InBin as well when the
// ID belongs to an account in the bin.
func (s *Store) CreateAccount(ctx context.Context, actor backoffice.Actor, n backoffice.NewAccount) (backoffice.Account, error) {
	var problems backoffice.Problems
	a := backoffice.Account{Metadata: "{}", Version: 1, MetadataVersion: 1}
	var err error
	if a.Name, err = backoffice.CleanName(n.Name, backoffice.MaxName); err != nil {
		problems.Add("name", err.Error())
	} else if a.Name == "" {
		problems.Add("name", "Give the account a name.")
	}
	if a.ID = n.ID; a.ID == "" {
		a.ID = newAccountID()
	} else if err := backoffice.CheckAccountID(a.ID); err != nil {
		problems.Add("id", err.Error())
	}
	var email backoffice.Email
	if n.PrimaryEmail != "" {
		if email, err = backoffice.ParseEmail(n.PrimaryEmail); err != nil {
			problems.Add("email", err.Error())
		}
	}
	if err := problems.Err(); err != nil {
		return a, err
	}
	err = s.update(ctx, actor, func(t *tx) error {
		var deleted bool
		err := t.get(`SELECT deleted_at IS NOT NULL FROM accounts WHERE id = $1`, a.ID).Scan(&deleted)
		switch {
		case err == nil && deleted:
			return &InBin{ID: a.ID}
		case err == nil:
			return backoffice.Problems{"id": "An account with this ID exists. Choose another ID, or leave it empty."}
		case !errors.Is(err, backoffice.ErrNotFound):
			return err
		}
		a.CreatedAt = t.now.Truncate(time.Microsecond)
		if email != "" {
			if why, err := t.cannotJoin(0, email); err != nil {
				return err
			} else if why != "" {
				return backoffice.Problems{"email": why}
			}
			u, err := t.ensureUser(email, "", a.CreatedAt)
			if err != nil {
				return err
			}
			a.PrimaryUserKey, a.PrimaryUserID, a.PrimaryEmail = u.Key, u.ID, u.Email
			a.CompanyDomain = backoffice.IsCompanyDomain(email.Domain())
		}
		if err := t.insertAccount(&a); err != nil {
			return err
		}
		after := accountPayload(a)
		if err := t.record(event{action: "account.created", kind: "account", id: a.ID, name: a.Name, accountKey: a.Key, after: after}); err != nil || email == "" {
			return err
		}
		return t.addFirstUser(a, email, n.Invite)
	})
	return a, err
}

// InBin is the error of CreateAccount when the ID belongs to an account in the
// bin: restoring that one may be what was meant.
type InBin struct{ ID string }

func (e *InBin) Error() string {
	return "An account with this ID is in the bin. Restore it, or choose another ID."
}

// notInPayload are columns of text that the trail names otherwise, or not at all.
var notInPayload = []string{"id", "primary_email", "logo_tag", "metadata"}

// accountPayload is what the trail keeps of an account's details.
func accountPayload(a backoffice.Account) map[string]any {
	p := map[string]any{}
	put := func(name, v string) {
		if v != "" {
			p[name] = v
		}
	}
	for _, c := range accountColumns {
		if v, ok := c.at(&a).(*string); ok && !slices.Contains(notInPayload, c.name) {
			put(c.name, *v)
		}
	}
	put("primary_user", a.PrimaryEmail)
	put("parent_id", a.ParentID)
	put("logo", a.LogoTag)
	if a.IsReseller {
		p["is_reseller"] = true
	}
	if a.SubAccess != backoffice.AccessOff {
		p["sub_access"] = a.SubAccess
	}
	return p
}

// insertAccount writes a new account with all that is counted and searched; it
// sets a.Key.
func (t *tx) insertAccount(a *backoffice.Account) error {
	sort, search := accountKeys(a.Name, a.ID)
	if err := t.get(insertAccount, accountColumns.values(a, sort, search)...).Scan(&a.Key); err != nil {
		return fmt.Errorf("insert account: %w", err)
	}
	if _, err := t.exec(`INSERT INTO engagement (account_key) VALUES ($1)`, a.Key); err != nil {
		return err
	}
	t.kpi.countAccount(countOf(a), 1)
	return nil
}

// saveAccount writes a changed account back, and moves what was counted and
// indexed from before to after. The caller has read before in this unit of work.
func (t *tx) saveAccount(before, after backoffice.Account) error {
	sort, search := accountKeys(after.Name, after.ID)
	if err := t.one(updateAccount, accountColumns.values(&after, sort, search, after.Key)...); err != nil {
		return err
	}
	if b, a := countOf(&before), countOf(&after); b != a {
		t.kpi.countAccount(b, -1)
		t.kpi.countAccount(a, 1)
	}
	if !before.CreatedAt.Equal(after.CreatedAt) {
		return t.recountCreated(before, after)
	}
	return nil
}

// recountCreated moves what depends on the day of creation: the windows that
// the account is active in, and from when its memberships count.
func (t *tx) recountCreated(before, after backoffice.Account) error {
	days, err := t.visitDays(after.Key)
	if err != nil {
		return err
	}
	t.kpi.countActive(before.CreatedAt.UnixMicro(), days, -1)
	t.kpi.countActive(after.CreatedAt.UnixMicro(), days, 1)
	return t.recountMemberships(after.Key, after.CreatedAt)
}

func countOf(a *backoffice.Account) accountCount {
	return accountCount{createdAt: a.CreatedAt.UnixMicro(), company: a.CompanyDomain, reseller: a.IsReseller, child: a.ParentKey != 0}
}

// accountKeys returns what the list is sorted by and what a search looks into.
func accountKeys(name, id string) (sort, search string) {
	sort = backoffice.Fold(name)
	return sort, sort + "\n" + backoffice.Fold(id)
}

// AccountChange is what "Edit account details" saves. Version is that of the
// account as it was read; a change by somebody else meanwhile is ErrConflict.
type AccountChange struct {
	Version int64
	Name    string
	backoffice.AccountDetails
}

// SaveAccount changes an account's name and details. Errors: ErrNotFound,
// Problems, ErrConflict.
func (s *Store) SaveAccount(ctx context.Context, actor backoffice.Actor, id string, c AccountChange) (backoffice.Account, error) {
	var problems backoffice.Problems
	name, err := backoffice.CleanName(c.Name, backoffice.MaxName)
	if err != nil {
		problems.Add("name", err.Error())
	} else if name == "" {
		problems.Add("name", "Give the account a name.")
	}
	details, bad := c.AccountDetails.Clean()
	for f, p := range bad {
		problems.Add(f, p)
	}
	if err := problems.Err(); err != nil {
		return backoffice.Account{}, err
	}
	var a backoffice.Account
	err = s.update(ctx, actor, func(t *tx) error {
		before, err := t.account(id)
		if err != nil {
			return err
		}
		a = before
		a.Name, a.AccountDetails = name, details
		if a.Name == before.Name && a.AccountDetails == before.AccountDetails {
			return nil
		}
		if before.Version != c.Version {
			return backoffice.ErrConflict
		}
		a.Version++
		if err := t.saveAccount(before, a); err != nil {
			return err
		}
		b, c := changed(accountPayload(before), accountPayload(a))
		return t.record(event{action: "account.details-changed", kind: "account", id: a.ID, name: a.Name, accountKey: a.Key, before: b, after: c})
	})
	return a, err
}

// changed leaves of two payloads what differs.
func changed(before, after map[string]any) (b, a map[string]any) {
	b, a = map[string]any{}, map[string]any{}
	for k, v := range before {
		if w, ok := after[k]; !ok || w != v {
			b[k] = v
		}
	}
	for k, v := range after {
		if w, ok := before[k]; !ok || w != v {
			a[k] = v
		}
	}
	return b, a
}

// SetReseller turns sub-account management of an account on or off: what staff
// and API tokens do, and users for what lies below their own account. Grants rest
// while it is off, and sessions that only they led into end. Errors: ErrNotFound,
// ErrForbidden.
func (s *Store) SetReseller(ctx context.Context, actor backoffice.Actor, id string, on bool) error {
	return s.update(ctx, actor, func(t *tx) error { return t.setReseller(id, on) })
}

func (t *tx) setReseller(id string, on bool) error {
	p, err := t.belowHome(id, backoffice.WriteSubAccountManagement)
	if err != nil || p.IsReseller == on {
		return err
	}
	a := p.Account
	a.IsReseller = on
	if err := t.saveAccount(p.Account, a); err != nil {
		return err
	}
	action := "account.sub-account-management-enabled"
	if !on {
		action = "account.sub-account-management-disabled"
		if err := t.endUnreachable(a.Key); err != nil {
			return err
		}
	}
	return t.record(event{action: action, kind: "account", id: a.ID, name: a.Name, accountKey: a.Key,
		before: map[string]any{"is_reseller": !on}, after: map[string]any{"is_reseller": on}})
}

// SetLogo stores the logo as a PNG of the given content tag, or takes it away
// when png is empty. The caller has decoded and encoded the picture anew.
// Errors: ErrNotFound.
func (s *Store) SetLogo(ctx context.Context, actor backoffice.Actor, id string, png []byte, tag string) error {
	return s.update(ctx, actor, func(t *tx) error {
		before, err := t.account(id)
		if err != nil {
			return err
		}
		if len(png) == 0 {
			tag = ""
		}
		if before.LogoTag == tag {
			return nil
		}
		if _, err := t.exec(`DELETE FROM account_logos WHERE account_key = $1`, before.Key); err != nil {
			return err
		}
		if tag != "" {
			if _, err := t.exec(`INSERT INTO account_logos (account_key, png) VALUES ($1, $2)`, before.Key, png); err != nil {
				return err
			}
		}
		a := before
		a.LogoTag = tag
		if err := t.saveAccount(before, a); err != nil {
			return err
		}
		b, c := changed(accountPayload(before), accountPayload(a))
		return t.record(event{action: "account.logo-changed", kind: "account", id: a.ID, name: a.Name, accountKey: a.Key, before: b, after: c})
	})
}

// Logo returns an account's logo as a PNG, and its content tag. Errors: ErrNotFound.
func (s *Store) Logo(ctx context.Context, id string) (png []byte, tag string, err error) {
	err = s.query().row(ctx, `SELECT l.png, a.logo_tag FROM accounts a JOIN account_logos l ON l.account_key = a.key
		WHERE a.id = $1 AND a.deleted_at IS NULL`, id).Scan(&png, &tag)
	return png, tag, err
}
