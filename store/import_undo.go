package store

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"steward/backoffice"
)

// UndoImport takes an applied import back, or goes on with an undo that was
// interrupted: what it made and nobody has changed since goes, what it changed
// gets its earlier values back, and what others have changed since is kept and
// stands among the rows as kept, with the reason. It works in batches as
// ApplyImport does. Errors: ErrNotFound, ErrConflict when it is not applied or
// too long ago.
func (s *Store) UndoImport(ctx context.Context, actor backoffice.Actor, id string, progress func(done, total int64)) (backoffice.ImportRun, error) {
	if err := s.StartUndo(ctx, actor, id); err != nil {
		return backoffice.ImportRun{}, err
	}
	return s.FinishImport(ctx, id, progress)
}

// StartUndo begins to take an import back, which FinishImport does. Errors:
// ErrNotFound, ErrConflict, as UndoImport says.
func (s *Store) StartUndo(ctx context.Context, actor backoffice.Actor, id string) error {
	by, err := json.Marshal(backoffice.Actor{Kind: actor.Kind, ID: actor.ID, Name: actorName(actor), Address: actor.Address})
	if err != nil {
		return err
	}
	return s.update(ctx, actor, func(t *tx) error {
		run, err := scanImport(t.get(selectImport+`id = $1`, id))
		if err != nil || run.State == backoffice.ImportUndoing {
			return err
		}
		var rows bool
		if err := t.get(`SELECT EXISTS (SELECT 1 FROM import_rows WHERE import_key = $1)`, run.Key).Scan(&rows); err != nil {
			return err
		}
		if !rows || run.RowsTotal == 0 {
			return backoffice.ErrConflict
		}
		if _, err := t.importState(id, backoffice.ImportUndoing, backoffice.ImportApplied); err != nil {
			return err
		}
		return t.one(`UPDATE imports SET next_seq = $1, undone_by = $2 WHERE key = $3`, int64(math.MaxInt64), string(by), run.Key)
	})
}

// undoRows takes back what is left of an import's rows, the last ones first.
func (s *Store) undoRows(ctx context.Context, id string, progress func(done, total int64)) error {
	var by string
	if err := s.query().row(ctx, `SELECT undone_by FROM imports WHERE id = $1`, id).Scan(&by); err != nil {
		return err
	}
	var actor backoffice.Actor
	if err := json.Unmarshal([]byte(by), &actor); err != nil {
		return err
	}
	for {
		var run backoffice.ImportRun
		err := s.update(ctx, actor, func(t *tx) (err error) {
			run, err = t.undoBatch(id)
			return err
		})
		if err != nil {
			return err
		}
		if progress != nil {
			progress(run.UndoDone, run.RowsTotal)
		}
		if run.State != backoffice.ImportUndoing {
			return nil
		}
		if err := pause(ctx, importPause); err != nil {
			return err
		}
	}
}

const selectUndoRows = `SELECT seq, kind, action, n, subject, data, COALESCE(made, 0), undo FROM import_rows
	WHERE import_key = $1 AND seq < $2 AND action IN ('create', 'update') ORDER BY seq DESC LIMIT 64`

func scanUndoRow(r rowScanner) (v *applyRow, err error) {
	v = &applyRow{}
	err = r.Scan(&v.seq, &v.kind, &v.action, &v.n, &v.subject, &v.data, &v.made, &v.undo)
	return v, err
}

func (t *tx) undoBatch(id string) (backoffice.ImportRun, error) {
	started := time.Now()
	if err := t.planByValues(); err != nil {
		return backoffice.ImportRun{}, err
	}
	run, err := scanImport(t.get(selectImport+`id = $1`, id))
	if err != nil || run.State != backoffice.ImportUndoing {
		return run, err
	}
	var next int64
	if err := t.get(`SELECT next_seq FROM imports WHERE key = $1`, run.Key).Scan(&next); err != nil {
		return run, err
	}
	roles, err := t.roleSets()
	if err != nil {
		return run, err
	}
	ended := false
	for first := true; !ended && (first || time.Since(started) < importBatch); first = false {
		rows, err := t.rows(t.ctx, selectUndoRows, run.Key, next)
		list, err := collect(rows, err, scanUndoRow)
		if err != nil {
			return run, err
		}
		ended = len(list) == 0
		for _, row := range list {
			if err := t.undoRow(row, roles); err != nil {
				return run, err
			}
			run.UndoDone += row.n
			next = row.seq
			if row.reason != "" {
				run.Kept += row.n
				if err := t.one(`UPDATE import_rows SET action = 'kept', reason = $1 WHERE import_key = $2 AND seq = $3`, row.reason, run.Key, row.seq); err != nil {
					return run, err
				}
			}
			if time.Since(started) >= importBatch {
				break
			}
		}
	}
	if err := t.one(`UPDATE imports SET next_seq = $1, undo_done = $2, kept = $3, touched_at = $4 WHERE key = $5`,
		next, run.UndoDone, run.Kept, t.now.UnixMicro(), run.Key); err != nil {
		return run, err
	}
	if !ended {
		return run, nil
	}
	run.State = backoffice.ImportUndone
	if err := t.one(`UPDATE imports SET state = 'undone', finished_at = $1 WHERE key = $2`, t.now.UnixMicro(), run.Key); err != nil {
		return run, err
	}
	return run, t.record(event{action: "import.undone", kind: "import", id: run.ID, name: importName(run.Files),
		before: importPayload(&run), after: map[string]any{"kept": run.Kept}})
}

// undoRow takes one row back, or says in its reason why it stays.
func (t *tx) undoRow(row *applyRow, roles roleSets) error {
	created := row.action == backoffice.ImportCreate
	switch {
	case row.kind == backoffice.ImportVisits:
		return t.undoVisits(row)
	case row.kind == backoffice.ImportMemberships && created:
		return t.undoMembership(row, roles)
	case row.kind == backoffice.ImportMemberships:
		return t.undoMembershipChange(row, roles)
	case row.kind == backoffice.ImportAccounts && created:
		return t.undoAccount(row)
	case row.kind == backoffice.ImportAccounts:
		return t.undoAccountChange(row)
	case created:
		return t.undoUser(row)
	}
	return t.undoUserName(row)
}

const (
	keptChanged = "It was changed since."
	keptBinned  = "The account is in the bin."
)

// membershipNow is a membership as it is by now.
type membershipNow struct {
	account, user, created, visits, last, birth int64
	disabled, binned                            bool
	roles                                       []string
}

func (t *tx) membershipNow(key int64) (m membershipNow, err error) {
	if err = t.get(`SELECT m.account_key, m.user_key, m.created_at, m.visits, m.last_visit_at, m.disabled, a.deleted_at IS NOT NULL, a.created_at
		FROM memberships m JOIN accounts a ON a.key = m.account_key WHERE m.key = $1`, key).
		Scan(&m.account, &m.user, &m.created, &m.visits, &m.last, &m.disabled, &m.binned, &m.birth); err != nil {
		return m, err
	}
	m.roles, err = t.membershipRoles(key)
	return m, err
}

func (t *tx) undoMembership(row *applyRow, roles roleSets) error {
	var in importedMembership
	if err := json.Unmarshal(row.data, &in); err != nil {
		return err
	}
	m, err := t.membershipNow(row.made)
	switch {
	case errors.Is(err, backoffice.ErrNotFound):
		return nil // taken away by somebody already
	case err != nil:
		return err
	case m.binned:
		row.reason = keptBinned
	case m.visits > 0 || m.last > 0:
		row.reason = "The user has visited since."
	case m.disabled || m.created != in.CreatedAt.V || !slices.Equal(m.roles, roles.of(in)):
		row.reason = keptChanged
	default:
		if err := t.deleteMembership(row.made); err != nil {
			return err
		}
		// Imported visits may have opened ways below; what came by these ends.
		return t.endUnreachableOf(m.user)
	}
	return nil
}

func (t *tx) undoMembershipChange(row *applyRow, roles roleSets) error {
	var in importedMembership
	var before undoMembership
	if err := errors.Join(json.Unmarshal(row.data, &in), json.Unmarshal(row.undo, &before)); err != nil {
		return err
	}
	m, err := t.membershipNow(row.made)
	if errors.Is(err, backoffice.ErrNotFound) {
		row.reason = keptChanged
		return nil
	}
	if err != nil {
		return err
	}
	after := undoMembership{before.Roles, in.CreatedAt.Or(before.CreatedAt)}
	if len(in.Roles) > 0 {
		after.Roles = in.Roles
	}
	_, known, err := roles.keys(m.account, before.Roles)
	switch {
	case err != nil:
		return err
	case m.binned:
		row.reason = keptBinned
	case m.created != after.CreatedAt || !slices.Equal(m.roles, after.Roles) || !known:
		row.reason = keptChanged
	default:
		return t.setMembership(row.made, accountBirth{m.account, m.birth}, after, before, roles)
	}
	return nil
}

func (t *tx) undoAccount(row *applyRow) error {
	var in backoffice.ImportedAccount
	if err := json.Unmarshal(row.data, &in); err != nil {
		return err
	}
	a, err := readAccount(t.ctx, t, backoffice.DayOf(t.now), selectAccountByKey, row.made)
	if errors.Is(err, backoffice.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var children, policy, known bool
	if err := t.get(`SELECT EXISTS (SELECT 1 FROM accounts WHERE parent_key = $1), EXISTS (SELECT 1 FROM policies WHERE account_key = $1),
		EXISTS (SELECT 1 FROM removed_memberships WHERE account_key = $1) OR EXISTS (SELECT 1 FROM binned_memberships WHERE account_key = $1)
		OR EXISTS (SELECT 1 FROM invitations WHERE account_key = $1) OR EXISTS (SELECT 1 FROM roles WHERE account_key = $1)`, a.Key).Scan(&children, &policy, &known); err != nil {
		return err
	}
	switch {
	case !a.DeletedAt.IsZero():
		row.reason = keptBinned
	case a.Version != 1 || a.MetadataVersion != 1 || policy || known || !backoffice.SameImported(a, in.Over(a)):
		row.reason = keptChanged
	case children:
		row.reason = "It has sub-accounts that stay."
	case a.Users > 0:
		row.reason = "It has users who stay."
	case a.Visits > 0:
		row.reason = "It has visits that stay."
	default:
		return t.deleteAccountRow(a)
	}
	return nil
}

// deleteAccountRow removes an account that nothing belongs to.
func (t *tx) deleteAccountRow(a backoffice.Account) error {
	if err := t.one(`DELETE FROM engagement WHERE account_key = $1`, a.Key); err != nil {
		return err
	}
	t.kpi.countAccount(countOf(&a), -1)
	if _, err := t.endSessions(`account_key = $1`, a.Key); err != nil {
		return err
	}
	for _, text := range []string{
		`DELETE FROM openid_families WHERE account_key = $1`,
		`DELETE FROM user_applications WHERE account_key = $1`,
		`DELETE FROM account_applications WHERE account_key = $1`,
		`DELETE FROM removed_user_applications WHERE account_key = $1`,
		`DELETE FROM removed_assignments WHERE account_key = $1`,
	} {
		if _, err := t.exec(text, a.Key); err != nil {
			return err
		}
	}
	return t.one(`DELETE FROM accounts WHERE key = $1`, a.Key)
}

func (t *tx) undoAccountChange(row *applyRow) error {
	var u undoAccount
	if err := json.Unmarshal(row.undo, &u); err != nil {
		return err
	}
	before, err := readAccount(t.ctx, t, backoffice.DayOf(t.now), selectAccountByKey, row.made)
	if errors.Is(err, backoffice.ErrNotFound) {
		row.reason = keptChanged
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case !before.DeletedAt.IsZero():
		row.reason = keptBinned
		return nil
	case before.Version != u.Version || before.MetadataVersion != u.MetadataVersion:
		row.reason = keptChanged
		return nil
	}
	after := u.Before.Over(before)
	if after.ParentID != before.ParentID {
		if row.reason, err = t.undoParent(&after); err != nil || row.reason != "" {
			return err
		}
	}
	if after.PrimaryEmail != before.PrimaryEmail {
		users, err := t.keysByText(lookupUserKeys, []string{after.PrimaryEmail})
		if err != nil {
			return err
		}
		if after.PrimaryEmail != "" && users[after.PrimaryEmail] == 0 {
			row.reason = "Its earlier primary user is not there any more."
			return nil
		}
		(&accountGroup{users: users}).setPrimary(&after)
	}
	if after.Metadata != before.Metadata {
		after.MetadataVersion++
	}
	after.Version++
	return t.saveImported(before, after)
}

// undoParent finds the parent that an account had; it says why it cannot come
// back.
func (t *tx) undoParent(a *backoffice.Account) (string, error) {
	a.ParentKey = 0
	if a.ParentID == "" {
		return "", nil
	}
	parent, err := t.account(a.ParentID)
	if errors.Is(err, backoffice.ErrNotFound) {
		return "Its earlier parent is not there any more.", nil
	}
	if err != nil {
		return "", err
	}
	a.ParentKey = parent.Key
	return t.cannotMove(a.Key, parent.Key)
}

func (t *tx) undoUser(row *applyRow) error {
	var in importedUser
	if err := json.Unmarshal(row.data, &in); err != nil {
		return err
	}
	var name string
	var verified, locked, binned, member, primary, seen, known bool
	var passwords, apps int64
	err := t.get(`SELECT name, verified, locked, deleted_at IS NOT NULL, EXISTS (SELECT 1 FROM memberships WHERE user_key = $1), EXISTS (SELECT 1 FROM accounts WHERE primary_user_key = $1),
		EXISTS (SELECT 1 FROM user_days WHERE user_key = $1),
		EXISTS (SELECT 1 FROM removed_memberships WHERE user_key = $1) OR EXISTS (SELECT 1 FROM binned_memberships WHERE user_key = $1)
		OR EXISTS (SELECT 1 FROM invitations WHERE user_key = $1) OR EXISTS (SELECT 1 FROM passkeys WHERE user_key = $1) OR EXISTS (SELECT 1 FROM recovery_codes WHERE user_key = $1),
		(SELECT COUNT(*) FROM passwords WHERE user_key = $1), (SELECT COUNT(*) FROM authenticators WHERE user_key = $1)
		FROM users WHERE key = $1`, row.made).Scan(&name, &verified, &locked, &binned, &member, &primary, &seen, &known, &passwords, &apps)
	switch {
	case errors.Is(err, backoffice.ErrNotFound):
		return nil
	case err != nil:
		return err
	case member:
		row.reason = "The user is in an account."
	case primary:
		row.reason = "The user is the primary user of an account that stays."
	case seen:
		row.reason = "The user has visited since."
	case name != in.Name.V || verified != in.Verified || locked || binned || known || passwords > 0 && !in.SetsPassword || apps > 0 && !in.SetsTOTP:
		row.reason = keptChanged
	default:
		kept, err := t.personKept(row.made, in.importedPerson)
		if err != nil {
			return err
		}
		if !kept {
			row.reason = keptChanged
			return nil
		}
		if err := t.undoPersonOf(row.made, in.importedPerson, undoPerson{}); err != nil {
			return err
		}
		t.kpi.users--
		if _, err := t.endUserSessions(row.made, 0, nil); err != nil {
			return err
		}
		for _, text := range []string{
			`DELETE FROM user_devices WHERE user_key = $1`,
			`DELETE FROM mailed_links WHERE user_key = $1`,
			`DELETE FROM openid_families WHERE user_key = $1`,
			`DELETE FROM user_applications WHERE user_key = $1`,
			`DELETE FROM removed_user_applications WHERE user_key = $1`,
		} {
			if _, err := t.exec(text, row.made); err != nil {
				return err
			}
		}
		return t.one(`DELETE FROM users WHERE key = $1`, row.made)
	}
	return nil
}

func (t *tx) undoUserName(row *applyRow) error {
	var in importedUser
	var before undoUser
	if err := errors.Join(json.Unmarshal(row.data, &in), json.Unmarshal(row.undo, &before)); err != nil {
		return err
	}
	var name, email string
	err := t.get(`SELECT name, email FROM users WHERE key = $1 AND deleted_at IS NULL`, row.made).Scan(&name, &email)
	if errors.Is(err, backoffice.ErrNotFound) || err == nil && in.Name.Set && name != in.Name.V {
		row.reason = keptChanged
		return nil
	}
	if err != nil {
		return err
	}
	if before.Person != nil {
		if kept, err := t.personKept(row.made, in.importedPerson); err != nil {
			return err
		} else if !kept {
			row.reason = keptChanged
			return nil
		}
		if err := t.undoPersonOf(row.made, in.importedPerson, *before.Person); err != nil {
			return err
		}
	}
	if !in.Name.Set {
		return nil
	}
	return t.nameUser(row.made, before.Name, email)
}

// undoVisits takes back the visits that a row has brought. A day on which the
// user has been seen again since, at an exact time, stays.
func (t *tx) undoVisits(row *applyRow) error {
	v, err := decodeVisits(row.data)
	if err != nil {
		return err
	}
	was, err := decodeUndoVisits(row.undo)
	if err != nil {
		return err
	}
	accounts, err := t.accountBirths([]string{row.subject})
	if err != nil {
		return err
	}
	account, ok := accounts[row.subject]
	if !ok {
		row.reason = keptBinned
		return nil
	}
	users, err := t.keysByText(lookupUserKeys, v.emails)
	if err != nil {
		return err
	}
	type member struct {
		key, last, gone int64
	}
	members := map[int64]*member{} // by user
	rows, err := t.rows(t.ctx, `SELECT user_key, key, last_visit_at FROM memberships WHERE account_key = $1`, account.key)
	if err := eachRow(rows, err, func(r rowScanner) error {
		m := &member{}
		var user int64
		err := r.Scan(&user, &m.key, &m.last)
		members[user] = m
		return err
	}); err != nil {
		return err
	}
	const w = backoffice.ActiveDays
	first, last := v.days[0]-w, v.days[len(v.days)-1]+w
	had, err := t.visitDaysBetween(account.key, first, last)
	if err != nil {
		return err
	}
	var gone int64
	for i, day := range v.days {
		if len(was.skipped) > 0 && was.skipped[0] == i {
			was.skipped = was.skipped[1:]
			continue
		}
		user := users[v.emails[v.users[i]]]
		m := members[user]
		if at := day.Start().UnixMicro(); m != nil && m.last > at && m.last < (day+1).Start().UnixMicro() {
			continue
		}
		n, err := t.exec(`DELETE FROM visits WHERE account_key = $1 AND day = $2 AND user_key = $3`, account.key, int64(day), user)
		if err != nil {
			return err
		}
		gone += n
		if m != nil {
			m.gone += n
		}
	}
	if gone == 0 {
		return nil
	}
	left, err := t.visitDaysBetween(account.key, first, last)
	if err != nil {
		return err
	}
	t.kpi.countActive(account.created, had, -1)
	t.kpi.countActive(account.created, left, 1)
	// What is left tells when each of them, and anybody, was here last.
	latest := map[int64]backoffice.Day{}
	rows, err = t.rows(t.ctx, `SELECT user_key, MAX(day) FROM visits WHERE account_key = $1 GROUP BY user_key`, account.key)
	if err := eachRow(rows, err, func(r rowScanner) error {
		var user, day int64
		err := r.Scan(&user, &day)
		latest[user] = backoffice.Day(day)
		return err
	}); err != nil {
		return err
	}
	exact := map[int64]int64{}
	for n, at := range was.exact {
		exact[users[v.emails[n]]] = at
	}
	for user, m := range members {
		if m.gone == 0 {
			continue
		}
		day, visited := latest[user]
		at := m.last
		if backoffice.DayOf(time.UnixMicro(at)) != day {
			at = day.Start().UnixMicro()
		}
		if e := exact[user]; backoffice.DayOf(time.UnixMicro(e)) == day {
			at = max(at, e)
		}
		// Whoever has never been here has not signed in.
		status := backoffice.Activated
		if !visited {
			at, status = 0, backoffice.PendingLogin
		}
		if err := t.one(`UPDATE memberships SET visits = visits - $1, last_visit_at = $2, status = $3 WHERE key = $4`, m.gone, at, string(status), m.key); err != nil {
			return err
		}
	}
	return t.recountVisits(account.key)
}

func (t *tx) visitDaysBetween(account int64, from, to backoffice.Day) ([]backoffice.Day, error) {
	rows, err := t.rows(t.ctx, `SELECT DISTINCT day FROM visits WHERE account_key = $1 AND day BETWEEN $2 AND $3 ORDER BY day`, account, int64(from), int64(to))
	return collect(rows, err, func(r rowScanner) (v backoffice.Day, err error) { err = r.Scan(&v); return })
}

// recountVisits makes what an account's engagement says of visits anew.
func (t *tx) recountVisits(account int64) error {
	var visits, last, day int64
	if err := t.get(`SELECT (SELECT COUNT(*) FROM visits WHERE account_key = $1), (SELECT COALESCE(MAX(last_visit_at), 0) FROM memberships WHERE account_key = $1),
		(SELECT COALESCE(MAX(day), 0) FROM visits WHERE account_key = $1)`, account).Scan(&visits, &last, &day); err != nil {
		return err
	}
	recent, err := recentVisits(t.ctx, t, account, backoffice.Day(day))
	if err != nil {
		return err
	}
	return t.one(`UPDATE engagement SET visits = $1, last_visit_at = $2, recent_day = $3, recent = $4 WHERE account_key = $5`,
		visits, max(last, backoffice.Day(day).Start().UnixMicro()), day, packRecent(recent), account)
}
