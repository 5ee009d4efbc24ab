package store

import (
	"context"
	"encoding/json"
	"time"

	"steward/backoffice"
)

// undoAccount is an account before the import changed it, and its versions
// afterwards: when these have moved on, somebody else has changed it since.
type undoAccount struct {
	Before          backoffice.ImportedAccount `json:"before"`
	Version         int64                      `json:"version"`
	MetadataVersion int64                      `json:"metadata_version"`
}

var (
	lookupAccountKeys    = inList(`SELECT CASE WHEN deleted_at IS NULL THEN key ELSE -key END, id FROM accounts WHERE id`, ``)
	insertAccountsBulk   = newRowList(`INSERT INTO accounts (`+accountColumns.names("")+`, name_sort, search) VALUES `, plainTuple(len(accountColumns)+2), ` RETURNING key, id`, 0)
	insertEngagementBulk = newRowList(`INSERT INTO engagement (account_key) VALUES `, plainTuple(1), ``, 0)
)

func (t *tx) applyAccounts(list []*applyRow) error {
	rows := make([]backoffice.ImportedAccount, len(list))
	var ids, emails []string
	for i, row := range list {
		if err := json.Unmarshal(row.data, &rows[i]); err != nil {
			return err
		}
		ids = append(ids, rows[i].ID)
		if rows[i].ParentID.V != "" {
			ids = append(ids, rows[i].ParentID.V)
		}
		if rows[i].PrimaryEmail.V != "" {
			emails = append(emails, rows[i].PrimaryEmail.V)
		}
	}
	g := &accountGroup{t: t, making: map[string]*applyRow{}, deep: map[int64]int64{}}
	var err error
	if g.keys, err = t.keysByText(lookupAccountKeys, ids); err != nil {
		return err
	}
	if g.users, err = t.keysByText(lookupUserKeys, emails); err != nil {
		return err
	}
	for i, row := range list {
		if err := g.apply(row, rows[i]); err != nil {
			return err
		}
	}
	return g.flush()
}

// accountGroup is a group of accounts being applied. New ones are written
// together, as long as none needs another one's key as its parent.
type accountGroup struct {
	t      *tx
	keys   map[string]int64 // of accounts by ID; negative in the bin
	users  map[string]int64 // of users by address
	making map[string]*applyRow
	fresh  []backoffice.Account
	deep   map[int64]int64 // how many lie above an account
}

func (g *accountGroup) apply(row *applyRow, in backoffice.ImportedAccount) error {
	if _, waits := g.making[in.ParentID.V]; waits {
		if err := g.flush(); err != nil {
			return err
		}
	}
	refuse := func(reason string) error {
		row.did, row.reason = backoffice.ImportRefused, reason
		return nil
	}
	parent := g.keys[in.ParentID.V]
	switch {
	case g.keys[in.ID] < 0:
		return refuse("The account is in the bin by now.")
	case in.ParentID.V != "" && parent <= 0:
		return refuse("The parent is not there any more.")
	case in.PrimaryEmail.V != "" && g.users[in.PrimaryEmail.V] == 0:
		return refuse("The primary user is not there any more.")
	}
	if g.keys[in.ID] > 0 {
		return g.change(row, in)
	}
	if !in.Name.Set {
		return refuse("The account is not there any more.")
	}
	above, err := g.above(parent)
	if err != nil {
		return err
	}
	if above > backoffice.MaxDepth {
		return refuse("The parent lies too deep by now.")
	}
	a := in.Over(backoffice.Account{Metadata: "{}", Version: 1, MetadataVersion: 1, CreatedAt: g.t.now.Truncate(time.Microsecond)})
	a.ParentKey = parent
	g.setPrimary(&a)
	row.did = backoffice.ImportCreate
	g.making[a.ID] = row
	g.fresh = append(g.fresh, a)
	return nil
}

func (g *accountGroup) setPrimary(a *backoffice.Account) {
	a.PrimaryUserKey, a.CompanyDomain = g.users[a.PrimaryEmail], false
	if a.PrimaryEmail != "" {
		a.CompanyDomain = backoffice.IsCompanyDomain(backoffice.Email(a.PrimaryEmail).Domain())
	}
}

// above returns how many accounts lie above a child of the parent.
func (g *accountGroup) above(parent int64) (int64, error) {
	if parent == 0 {
		return 0, nil
	}
	if n, ok := g.deep[parent]; ok {
		return n, nil
	}
	up, err := ancestors(g.t.ctx, g.t, parent)
	g.deep[parent] = int64(len(up)) + 1
	return g.deep[parent], err
}

// flush writes the new accounts.
func (g *accountGroup) flush() error {
	if len(g.fresh) == 0 {
		return nil
	}
	t := g.t
	var args []any
	for i := range g.fresh {
		a := &g.fresh[i]
		sort, search := accountKeys(a.Name, a.ID)
		args = append(args, accountColumns.values(a, sort, search)...)
		t.kpi.countAccount(countOf(a), 1)
	}
	var keys []any
	err := insertAccountsBulk.query(t.ctx, t, nil, args, func(r rowScanner) error {
		var key int64
		var id string
		err := r.Scan(&key, &id)
		g.keys[id], g.making[id].made = key, key
		keys = append(keys, key)
		return err
	})
	if err != nil {
		return err
	}
	if err := insertEngagementBulk.exec(t, nil, keys); err != nil {
		return err
	}
	clear(g.making)
	g.fresh = g.fresh[:0]
	return nil
}

// change gives an account that exists what a row says.
func (g *accountGroup) change(row *applyRow, in backoffice.ImportedAccount) error {
	t := g.t
	before, err := t.account(in.ID)
	if err != nil {
		return err
	}
	after := in.Over(before)
	if row.did = backoffice.ImportUnchanged; backoffice.SameImported(before, after) {
		return nil
	}
	if after.ParentID != before.ParentID {
		after.ParentKey = g.keys[after.ParentID]
		reason, err := t.cannotMove(before.Key, after.ParentKey)
		if err != nil {
			return err
		}
		if reason != "" {
			row.did, row.reason = backoffice.ImportRefused, reason
			return nil
		}
		clear(g.deep)
	}
	if after.PrimaryEmail != before.PrimaryEmail {
		g.setPrimary(&after)
	}
	if after.Metadata != before.Metadata {
		after.MetadataVersion++
	}
	same := after
	if same.Metadata = before.Metadata; !backoffice.SameImported(before, same) {
		after.Version++
	}
	row.did, row.made = backoffice.ImportUpdate, before.Key
	if row.undo, err = json.Marshal(undoAccount{importedOf(before), after.Version, after.MetadataVersion}); err != nil {
		return err
	}
	return t.saveImported(before, after)
}

// saveImported saves an account that an import changes, or its undo: where that
// takes reach, sessions of who comes in no more end, as when it is moved by hand.
func (t *tx) saveImported(before, after backoffice.Account) error {
	if err := t.saveAccount(before, after); err != nil {
		return err
	}
	if after.ParentKey == before.ParentKey && (after.IsReseller || !before.IsReseller) {
		return nil
	}
	return t.endUnreachable(after.Key)
}

// importedOf returns the row that would bring an account as it is.
func importedOf(a backoffice.Account) backoffice.ImportedAccount {
	return backoffice.ImportedAccount{
		ID: a.ID, Name: backoffice.Some(a.Name), CreatedAt: backoffice.Some(a.CreatedAt.UnixMicro()), ParentID: backoffice.Some(a.ParentID),
		Website: backoffice.Some(a.Website), PrimaryEmail: backoffice.Some(a.PrimaryEmail), IsReseller: backoffice.Some(a.IsReseller),
		Metadata: backoffice.Some(a.Metadata),
	}
}

// cannotMove says why an account cannot come under a parent; "" when it can.
func (t *tx) cannotMove(account, parent int64) (string, error) {
	if parent == 0 {
		return "", nil
	}
	up, err := ancestors(t.ctx, t, parent)
	if err != nil {
		return "", err
	}
	for _, a := range up {
		if a.Key == account {
			return "The account would be above itself.", nil
		}
	}
	if parent == account {
		return "The account would be above itself.", nil
	}
	below, err := levelsBelow(t.ctx, t, account)
	if err == nil && int64(len(up))+1+below > backoffice.MaxDepth {
		return "The accounts would lie too deep.", nil
	}
	return "", err
}

// levelsBelow returns how many levels of sub-accounts an account has.
func levelsBelow(ctx context.Context, r reader, key int64) (n int64, err error) {
	err = r.row(ctx, `WITH RECURSIVE down (key, level) AS (
			SELECT key, 1 FROM accounts WHERE parent_key = $1
			UNION ALL
			SELECT a.key, down.level + 1 FROM down JOIN accounts a ON a.parent_key = down.key WHERE down.level < 64)
		SELECT COALESCE(MAX(level), 0) FROM down`, key).Scan(&n)
	return n, err
}
