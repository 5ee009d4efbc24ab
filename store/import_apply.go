package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"steward/backoffice"
)

// ApplyImport applies a plan, or goes on with one whose application was
// interrupted. Each batch is one transaction that also says how far it came, so
// that nothing is done twice and nothing left out, whatever ends the process.
// When ctx ends between two batches its error is returned, and the import waits
// to be resumed. progress, which may be nil, is told the rows done and in all.
// Errors: ErrNotFound, ErrConflict when it is neither planned nor being applied,
// Problems when it is strict and rows are refused.
func (s *Store) ApplyImport(ctx context.Context, actor backoffice.Actor, id string, progress func(done, total int64)) (backoffice.ImportRun, error) {
	if err := s.StartImport(ctx, actor, id); err != nil {
		return backoffice.ImportRun{}, err
	}
	return s.FinishImport(ctx, id, progress)
}

// StartImport begins to apply a plan, which FinishImport does. Errors:
// ErrNotFound, ErrConflict, Problems, as ApplyImport says.
func (s *Store) StartImport(ctx context.Context, actor backoffice.Actor, id string) error {
	return s.update(ctx, actor, func(t *tx) error {
		run, err := t.importState(id, backoffice.ImportApplying, backoffice.ImportPlanned, backoffice.ImportApplying)
		if err != nil {
			return err
		}
		if n := run.Counts.RefusedRows(); run.Strict && n > 0 {
			return backoffice.Problems{"": fmt.Sprintf("Nothing is applied, since rows are refused (%d) and the import is strict.", n)}
		}
		return nil
	})
}

// FinishImport goes on with an import that is being applied or undone until it
// is done, or until ctx ends, whose error it then returns: the import waits to
// be resumed. progress, which may be nil, is told the rows done and in all.
// Errors: ErrNotFound.
func (s *Store) FinishImport(ctx context.Context, id string, progress func(done, total int64)) (backoffice.ImportRun, error) {
	run, err := s.Import(ctx, id)
	switch {
	case err != nil:
	case run.State == backoffice.ImportApplying:
		err = s.applyRows(ctx, id, progress)
	case run.State == backoffice.ImportUndoing:
		err = s.undoRows(ctx, id, progress)
	}
	if err != nil {
		return backoffice.ImportRun{}, err
	}
	return s.Import(context.WithoutCancel(ctx), id)
}

// MakeImportStrict lets nothing of a plan be applied while a row of it is
// refused. Errors: ErrNotFound when there is no such plan.
func (s *Store) MakeImportStrict(ctx context.Context, actor backoffice.Actor, id string) error {
	return s.update(ctx, actor, func(t *tx) error {
		return t.one(`UPDATE imports SET strict = TRUE WHERE id = $1 AND state = 'planned'`, id)
	})
}

// importActor is who began the import: its later batches, after a restart even,
// are theirs.
func (s *Store) importActor(ctx context.Context, id string) (a backoffice.Actor, err error) {
	err = s.query().row(ctx, `SELECT actor_kind, actor_id, actor_name, address FROM imports WHERE id = $1`, id).Scan(&a.Kind, &a.ID, &a.Name, &a.Address)
	return a, err
}

// applyRows applies what is left of an import's rows, batch after batch.
func (s *Store) applyRows(ctx context.Context, id string, progress func(done, total int64)) error {
	actor, err := s.importActor(ctx, id)
	if err != nil {
		return err
	}
	for {
		var run backoffice.ImportRun
		err := s.update(ctx, actor, func(t *tx) (err error) {
			run, err = t.applyBatch(id)
			return err
		})
		if err != nil {
			return err
		}
		if progress != nil {
			progress(run.RowsDone, run.RowsTotal)
		}
		if run.State != backoffice.ImportApplying {
			return nil
		}
		if err := pause(ctx, importPause); err != nil {
			return err
		}
	}
}

// applyRow is a row of the plan as it is applied.
type applyRow struct {
	seq     int64
	kind    backoffice.ImportKind
	action  backoffice.ImportAction
	n       int64
	subject string
	data    []byte

	// What became of it.
	made   int64
	undo   []byte
	scrub  []byte // the data without what nobody needs to read again
	reason string
	did    backoffice.ImportAction
	there  int64 // of n, visits that others have brought meanwhile
	gone   int64 // of n, visits whose users were taken away meanwhile
}

const selectApplyRows = `SELECT seq, kind, action, n, subject, data FROM import_rows WHERE import_key = $1 AND seq >= $2 AND action IN ('create', 'update') ORDER BY seq LIMIT 256`

func scanApplyRow(r rowScanner) (v *applyRow, err error) {
	v = &applyRow{}
	err = r.Scan(&v.seq, &v.kind, &v.action, &v.n, &v.subject, &v.data)
	v.did = v.action
	return v, err
}

// applyBatch applies groups of rows until the batch has had its time.
func (t *tx) applyBatch(id string) (backoffice.ImportRun, error) {
	started := time.Now()
	if err := t.planByValues(); err != nil {
		return backoffice.ImportRun{}, err
	}
	run, err := scanImport(t.get(selectImport+`id = $1`, id))
	if err != nil || run.State != backoffice.ImportApplying {
		return run, err
	}
	var next int64
	if err := t.get(`SELECT next_seq FROM imports WHERE key = $1`, run.Key).Scan(&next); err != nil {
		return run, err
	}
	ended := false
	for first := true; !ended && (first || time.Since(started) < importBatch); first = false {
		rows, err := t.rows(t.ctx, selectApplyRows, run.Key, next)
		list, err := collect(rows, err, scanApplyRow)
		if err != nil {
			return run, err
		}
		if ended = len(list) == 0; ended {
			break
		}
		// One kind at a time, and no more visits than a batch has time for.
		n, weight := 1, list[0].n
		for n < len(list) && list[n].kind == list[0].kind && weight+list[n].n <= t.groupVisits() {
			weight += list[n].n
			n++
		}
		list = list[:n]
		if err := t.applyGroup(list); err != nil {
			return run, err
		}
		if err := t.settleGroup(&run, list); err != nil {
			return run, err
		}
		next = list[n-1].seq + 1
	}
	counts, err := json.Marshal(run.Counts)
	if err != nil {
		return run, err
	}
	if err := t.one(`UPDATE imports SET next_seq = $1, rows_done = $2, counts = $3, touched_at = $4 WHERE key = $5`,
		next, run.RowsDone, string(counts), t.now.UnixMicro(), run.Key); err != nil {
		return run, err
	}
	if !ended {
		return run, nil
	}
	return run, t.endImport(&run)
}

// groupVisits is how many visits are applied together. More of them at once
// spare ways to a server and back.
func (t *tx) groupVisits() int64 {
	if t.engine().engine.PostgreSQL {
		return 4 * stagedVisits
	}
	return stagedVisits
}

// planByValues keeps PostgreSQL from plans that it made while the tables were
// empty: in those each lookup reads a table from end to end.
func (t *tx) planByValues() error {
	if t.engine().engine.SQLite {
		return nil
	}
	_, err := t.exec(`SET LOCAL plan_cache_mode = force_custom_plan`)
	return err
}

func (t *tx) applyGroup(list []*applyRow) error {
	switch list[0].kind {
	case backoffice.ImportUsers:
		return t.applyUsers(list)
	case backoffice.ImportAccounts:
		return t.applyAccounts(list)
	case backoffice.ImportMemberships:
		return t.applyMemberships(list)
	}
	return t.applyVisits(list)
}

var updateImportRowsMade = newRowList(`WITH v (seq, made) AS (VALUES `, []string{"CAST($ AS BIGINT)", "CAST($ AS BIGINT)"},
	`) UPDATE import_rows SET made = v.made FROM v WHERE import_rows.import_key = $1 AND import_rows.seq BETWEEN $2 AND $3 AND import_rows.seq = v.seq`, 3)

// settleGroup notes in the rows what became of them, which may differ from the
// plan when others were at work meanwhile.
func (t *tx) settleGroup(run *backoffice.ImportRun, list []*applyRow) error {
	var made []any
	for _, row := range list {
		run.RowsDone += row.n
		if row.scrub != nil {
			if err := t.one(`UPDATE import_rows SET data = $1 WHERE import_key = $2 AND seq = $3`, row.scrub, run.Key, row.seq); err != nil {
				return err
			}
		}
		if row.did == row.action && row.undo == nil && row.reason == "" {
			if row.made != 0 {
				made = append(made, row.seq, row.made)
			}
			continue
		}
		figures := run.Counts.Of(row.kind)
		figures.Add(row.action, -row.n)
		figures.Add(row.did, row.n-row.there-row.gone)
		figures.Add(backoffice.ImportUnchanged, row.there)
		figures.Add(backoffice.ImportRefused, row.gone)
		if err := t.one(`UPDATE import_rows SET action = $1, reason = $2, made = $3, undo = $4 WHERE import_key = $5 AND seq = $6`,
			string(row.did), row.reason, nullKey(row.made), row.undo, run.Key, row.seq); err != nil {
			return err
		}
	}
	return updateImportRowsMade.exec(t, []any{run.Key, list[0].seq, list[len(list)-1].seq}, made)
}

// endImport closes an import and writes its one event.
func (t *tx) endImport(run *backoffice.ImportRun) error {
	run.State, run.FinishedAt = backoffice.ImportApplied, t.now
	if err := t.one(`UPDATE imports SET state = 'applied', finished_at = $1 WHERE key = $2`, t.now.UnixMicro(), run.Key); err != nil {
		return err
	}
	e := event{action: "import.applied", kind: "import", id: run.ID, name: importName(run.Files), after: importPayload(run)}
	if run.RowsTotal > 0 {
		e.undo = run.ID
	}
	return t.record(e)
}

// importName names an import by its files.
func importName(files []backoffice.ImportedFile) string {
	name := ""
	for i, f := range files {
		if i > 0 {
			name += ", "
		}
		name += f.Name
	}
	return name
}

// importPayload is what the trail keeps of an import.
func importPayload(run *backoffice.ImportRun) map[string]any {
	files := map[string]string{}
	for _, f := range run.Files {
		files[f.Name] = "sha256:" + f.Digest
	}
	return map[string]any{"files": files, "accounts": run.Counts.Accounts, "users": run.Counts.Users,
		"memberships": run.Counts.Memberships, "visits": run.Counts.Visits}
}

// keysByText runs an inList statement whose rows are a key and a text.
func (t *tx) keysByText(text string, values []string) (map[string]int64, error) {
	found := make(map[string]int64, len(values))
	err := lookup(t.ctx, t, text, values, func(r rowScanner) error {
		var key int64
		var v string
		err := r.Scan(&key, &v)
		found[v] = key
		return err
	})
	return found, err
}

var (
	lookupUserKeys  = inList(`SELECT key, email FROM users WHERE deleted_at IS NULL AND email`, ``)
	insertUsersBulk = newRowList(`INSERT INTO users (`+newUserColumns.names("")+`) VALUES `, plainTuple(len(newUserColumns)), ` RETURNING key, email`, 0)
)

type undoUser struct {
	Name   string      `json:"name"`
	Person *undoPerson `json:"person,omitempty"`
}

func (t *tx) applyUsers(list []*applyRow) error {
	users := make([]importedUser, len(list))
	emails := make([]string, len(list))
	for i, row := range list {
		if err := json.Unmarshal(row.data, &users[i]); err != nil {
			return err
		}
		emails[i] = users[i].Email
	}
	there, err := t.keysByText(lookupUserKeys, emails)
	if err != nil {
		return err
	}
	made := map[string]*applyRow{}
	var args []any
	for i, row := range list {
		u := users[i]
		if key := there[u.Email]; key != 0 {
			if err := t.renameUser(row, key, u); err != nil {
				return err
			}
			continue
		}
		row.did = backoffice.ImportCreate
		made[u.Email] = row
		n := backoffice.User{ID: newUserID(), Email: u.Email, Name: u.Name.V, CreatedAt: time.UnixMicro(u.CreatedAt).UTC()}
		args = append(args, newUserColumns.values(&n)...)
		t.kpi.users++
	}
	if err := insertUsersBulk.query(t.ctx, t, nil, args, func(r rowScanner) error {
		var key int64
		var email string
		err := r.Scan(&key, &email)
		made[email].made = key
		return err
	}); err != nil {
		return err
	}
	for i, row := range list {
		if made[users[i].Email] == row {
			if _, err := t.applyPerson(row, row.made, &users[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tx) renameUser(row *applyRow, key int64, u importedUser) error {
	var before undoUser
	if err := t.get(`SELECT name FROM users WHERE key = $1`, key).Scan(&before.Name); err != nil {
		return err
	}
	row.did = backoffice.ImportUnchanged
	var err error
	if before.Person, err = t.applyPerson(row, key, &u); err != nil {
		return err
	}
	renamed := u.Name.Set && u.Name.V != before.Name
	if !renamed && before.Person == nil {
		return nil
	}
	row.did, row.made = backoffice.ImportUpdate, key
	if row.undo, err = json.Marshal(before); err != nil || !renamed {
		return err
	}
	return t.nameUser(key, u.Name.V, u.Email)
}

var lookupImportMembershipAccounts = inList(`SELECT key, id, created_at FROM accounts WHERE id`, ` AND deleted_at IS NULL`)

type accountBirth struct{ key, created int64 }

func (t *tx) accountBirths(ids []string) (map[string]accountBirth, error) {
	found := make(map[string]accountBirth, len(ids))
	err := lookup(t.ctx, t, lookupImportMembershipAccounts, ids, func(r rowScanner) error {
		var id string
		var a accountBirth
		err := r.Scan(&a.key, &id, &a.created)
		found[id] = a
		return err
	})
	return found, err
}

type accountUser struct{ account, user int64 }

var (
	lookupPairs = newRowList(`WITH wanted (account_key, user_key) AS (VALUES `, []string{"CAST($ AS BIGINT)", "CAST($ AS BIGINT)"},
		`) SELECT m.account_key, m.user_key, m.key, m.created_at, m.last_visit_at FROM wanted w CROSS JOIN memberships m WHERE m.account_key = w.account_key AND m.user_key = w.user_key`, 0)
	insertMembershipsBulk = newRowList(`INSERT INTO memberships (account_key, user_key, status, created_at, counted_at) VALUES `, plainTuple(5),
		` RETURNING key, account_key, user_key`, 0)
	addUsersBulk = newRowList(`WITH v (key, n) AS (VALUES `, []string{"CAST($ AS BIGINT)", "CAST($ AS BIGINT)"},
		`) UPDATE engagement SET users = users + v.n FROM v WHERE engagement.account_key = v.key`, 0)
	insertRolesBulk = newRowList(`INSERT INTO membership_roles (membership_key, role_key) VALUES `, plainTuple(2), ``, 0)
)

// pairs finds memberships by account and user.
func (t *tx) pairs(wanted []accountUser) (map[accountUser]storedMembership, error) {
	args := make([]any, 0, 2*len(wanted))
	for _, w := range wanted {
		args = append(args, w.account, w.user)
	}
	found := make(map[accountUser]storedMembership, len(wanted))
	err := lookupPairs.query(t.ctx, t, nil, args, func(r rowScanner) error {
		var w accountUser
		var m storedMembership
		err := r.Scan(&w.account, &w.user, &m.key, &m.created, &m.last)
		m.user = w.user
		found[w] = m
		return err
	})
	return found, err
}

type undoMembership struct {
	Roles     []string `json:"roles"`
	CreatedAt int64    `json:"created_at"`
}

// roleSets are the environment's roles by their keys, and those for who has
// none named. Roles of accounts are looked up when they are named.
type roleSets struct {
	t                     *tx
	byHandle              map[string]int64
	defaults, firstUserOf []string
}

func (t *tx) roleSets() (roleSets, error) {
	sets := roleSets{t: t, byHandle: map[string]int64{}}
	rows, err := t.rows(t.ctx, `SELECT key, handle, is_default, first_user FROM roles WHERE account_key IS NULL AND deleted_at IS NULL ORDER BY handle`)
	err = eachRow(rows, err, func(r rowScanner) error {
		var key int64
		var handle string
		var isDefault, first bool
		if err := r.Scan(&key, &handle, &isDefault, &first); err != nil {
			return err
		}
		sets.byHandle[handle] = key
		if isDefault {
			sets.defaults = append(sets.defaults, handle)
		}
		if first {
			sets.firstUserOf = append(sets.firstUserOf, handle)
		}
		return nil
	})
	return sets, err
}

// of returns the roles that a row gives a new member.
func (s roleSets) of(m importedMembership) []string {
	switch {
	case m.First:
		return s.firstUserOf
	case len(m.Roles) == 0:
		return s.defaults
	}
	return m.Roles
}

// keys returns the keys of roles in an account; ok is false when one is gone.
func (s roleSets) keys(account int64, handles []string) (keys []int64, ok bool, err error) {
	for _, h := range handles {
		key := s.byHandle[h]
		if key == 0 {
			err = s.t.get(`SELECT key FROM roles WHERE account_key = $1 AND handle = $2 AND deleted_at IS NULL`, account, h).Scan(&key)
			if errors.Is(err, backoffice.ErrNotFound) {
				return nil, false, nil
			} else if err != nil {
				return nil, false, err
			}
		}
		keys = append(keys, key)
	}
	return keys, true, nil
}

func (t *tx) applyMemberships(list []*applyRow) error {
	members := make([]importedMembership, len(list))
	emails, ids := make([]string, len(list)), make([]string, len(list))
	for i, row := range list {
		if err := json.Unmarshal(row.data, &members[i]); err != nil {
			return err
		}
		emails[i], ids[i] = members[i].Email, members[i].AccountID
	}
	users, err := t.keysByText(lookupUserKeys, emails)
	if err != nil {
		return err
	}
	accounts, err := t.accountBirths(ids)
	if err != nil {
		return err
	}
	wanted := make([]accountUser, len(list))
	for i, m := range members {
		wanted[i] = accountUser{accounts[m.AccountID].key, users[m.Email]}
	}
	there, err := t.pairs(wanted)
	if err != nil {
		return err
	}
	roles, err := t.roleSets()
	if err != nil {
		return err
	}
	made := map[accountUser]*applyRow{}
	given := map[accountUser][]int64{}
	more := map[int64]int64{}
	var args []any
	for i, row := range list {
		m, w := members[i], wanted[i]
		keys, ok, err := roles.keys(w.account, roles.of(m))
		switch {
		case err != nil:
			return err
		case w.account == 0:
			row.did, row.reason = backoffice.ImportRefused, "The account is not there any more."
			continue
		case w.user == 0:
			row.did, row.reason = backoffice.ImportRefused, "The user is not there any more."
			continue
		case !ok:
			row.did, row.reason = backoffice.ImportRefused, "A role is not there any more."
			continue
		}
		if old, exists := there[w]; exists {
			if err := t.changeMembership(row, old, m, accounts[m.AccountID], roles); err != nil {
				return err
			}
			continue
		}
		row.did = backoffice.ImportCreate
		created := m.CreatedAt.Or(t.now.UnixMicro())
		counted := max(created, accounts[m.AccountID].created)
		args = append(args, w.account, w.user, string(backoffice.PendingLogin), created, counted)
		made[w], given[w] = row, keys
		t.kpi.countMembership(counted, 1)
		more[w.account]++
	}
	var roleArgs []any
	first, last := int64(1)<<62, int64(0)
	err = insertMembershipsBulk.query(t.ctx, t, nil, args, func(r rowScanner) error {
		var key int64
		var w accountUser
		err := r.Scan(&key, &w.account, &w.user)
		made[w].made = key
		first, last = min(first, key), max(last, key)
		for _, role := range given[w] {
			roleArgs = append(roleArgs, key, role)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := insertRolesBulk.exec(t, nil, roleArgs); err != nil {
		return err
	}
	if err := t.grantByDefault(0, first, last); err != nil {
		return err
	}
	args = args[:0]
	for _, account := range slices.Sorted(maps.Keys(more)) {
		args = append(args, account, more[account])
	}
	return addUsersBulk.exec(t, nil, args)
}

// membershipRoles returns the keys of a membership's roles, sorted.
func (t *tx) membershipRoles(key int64) ([]string, error) {
	rows, err := t.rows(t.ctx, `SELECT r.handle FROM membership_roles mr JOIN roles r ON r.key = mr.role_key WHERE mr.membership_key = $1 ORDER BY r.handle`, key)
	return collect(rows, err, func(r rowScanner) (v string, err error) { err = r.Scan(&v); return })
}

// changeMembership gives a membership that exists the roles and the creation of
// a row.
func (t *tx) changeMembership(row *applyRow, old storedMembership, m importedMembership, account accountBirth, roles roleSets) error {
	before := undoMembership{CreatedAt: old.created}
	var err error
	if before.Roles, err = t.membershipRoles(old.key); err != nil {
		return err
	}
	row.did = backoffice.ImportUnchanged
	after := undoMembership{before.Roles, m.CreatedAt.Or(old.created)}
	if len(m.Roles) > 0 {
		after.Roles = m.Roles
	}
	if slices.Equal(after.Roles, before.Roles) && after.CreatedAt == before.CreatedAt {
		return nil
	}
	row.did, row.made = backoffice.ImportUpdate, old.key
	if row.undo, err = json.Marshal(before); err != nil {
		return err
	}
	return t.setMembership(old.key, account, before, after, roles)
}

// setMembership moves a membership from one set of roles and creation to
// another.
func (t *tx) setMembership(key int64, account accountBirth, before, after undoMembership, roles roleSets) error {
	if !slices.Equal(before.Roles, after.Roles) {
		keys, ok, err := roles.keys(account.key, after.Roles)
		if err != nil {
			return err
		}
		if !ok {
			return errors.New("a role is gone")
		}
		if err := t.setRoles(key, keys); err != nil {
			return err
		}
	}
	if before.CreatedAt == after.CreatedAt {
		return nil
	}
	t.kpi.countMembership(max(before.CreatedAt, account.created), -1)
	counted := max(after.CreatedAt, account.created)
	t.kpi.countMembership(counted, 1)
	return t.one(`UPDATE memberships SET created_at = $1, counted_at = $2 WHERE key = $3`, after.CreatedAt, counted, key)
}
