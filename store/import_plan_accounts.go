package store

import (
	"errors"
	"fmt"
	"slices"

	"steward/backoffice"
)

// planAccount is an account that the files name, whether they bring it or not.
type planAccount struct {
	key     int64 // 0: not in the database
	created int64 // microseconds; of an accepted row
	seq     int64 // of an accepted row
	line    int64
	parent  int32 // that the row gives; none: -1
	was     int32 // parent in the database; none: -1
	primary int32 // user that the row names; none: -1

	inFile, accepted, refused bool
	known, binned             bool // looked up; found in the bin
	setsParent, setsPrimary   bool
}

func (a *planAccount) exists() bool { return a.accepted || a.key != 0 && !a.binned }

// account returns the number of the account with the ID, a new one where the
// files have not named it yet.
func (p *importPlan) account(id string) int32 {
	i, ok := p.accountAt[id]
	if !ok {
		i = int32(len(p.accounts))
		p.accounts = append(p.accounts, planAccount{parent: -1, was: -1, primary: -1, known: p.fresh})
		p.accountIDs = append(p.accountIDs, id)
		p.accountAt[id] = i
	}
	return i
}

// user returns the number of the user with the address, likewise.
func (p *importPlan) user(email string) int32 {
	i, ok := p.userAt[email]
	if !ok {
		i = int32(len(p.users))
		p.users = append(p.users, planUser{})
		p.emails = append(p.emails, email)
		p.userAt[email] = i
	}
	return i
}

var lookupImportedAccounts = inList(`SELECT a.key, a.id, a.name, a.created_at, a.deleted_at, a.is_reseller, COALESCE(p.id, ''), a.primary_email, a.website, a.metadata
	FROM accounts a LEFT JOIN accounts p ON p.key = a.parent_key WHERE a.id`, ``)

// lookUpAccounts finds the accounts in the database, and calls found for each.
func (p *importPlan) lookUpAccounts(ids []string, found func(i int32, a backoffice.Account)) error {
	if p.fresh || len(ids) == 0 {
		return nil
	}
	err := lookup(p.ctx, p.s.query(), lookupImportedAccounts, ids, func(r rowScanner) error {
		var a backoffice.Account
		if err := r.Scan(&a.Key, &a.ID, &a.Name, micros{&a.CreatedAt}, nullMicros{&a.DeletedAt}, &a.IsReseller, &a.ParentID, &a.PrimaryEmail, &a.Website, &a.Metadata); err != nil {
			return err
		}
		i := p.account(a.ID)
		acc := &p.accounts[i]
		acc.key, acc.known, acc.binned = a.Key, true, !a.DeletedAt.IsZero()
		if a.ParentID != "" {
			was := p.account(a.ParentID)
			p.accounts[i].was = was
		}
		if found != nil {
			found(i, a)
		}
		return nil
	})
	for _, id := range ids {
		p.accounts[p.account(id)].known = true
	}
	return err
}

type accountRecord struct {
	row     backoffice.ImportedAccount
	line    int64
	refused *backoffice.RefusedCell
}

func (p *importPlan) readAccounts(r *csvReader) error {
	return records(r, func() (accountRecord, error) {
		rec := accountRecord{line: r.line, refused: r.misshapen()}
		if rec.refused == nil {
			var err error
			if rec.row, err = backoffice.ParseImportedAccount(r.cell, p.now); err != nil && !errors.As(err, &rec.refused) {
				return rec, err
			}
		}
		return rec, nil
	}, p.planAccounts)
}

func (p *importPlan) planAccounts(list []accountRecord) error {
	var ids []string
	for _, rec := range list {
		if rec.row.ID != "" && rec.refused == nil {
			ids = append(ids, rec.row.ID)
		}
	}
	stored := map[int32]backoffice.Account{}
	if err := p.lookUpAccounts(ids, func(i int32, a backoffice.Account) { stored[i] = a }); err != nil {
		return err
	}
	if len(p.accounts) > maxPlanned {
		return &FileError{p.file, 0, "At most 16 million accounts go into one import. Split the file."}
	}
	for _, rec := range list {
		subject := rec.row.ID
		if name := rec.row.Name.V; name != "" {
			subject = name + " · " + rec.row.ID
		}
		var i int32 = -1
		if rec.row.ID != "" {
			i = p.account(rec.row.ID)
			if acc := &p.accounts[i]; acc.inFile {
				rec.refused = &backoffice.RefusedCell{Column: "id", Value: rec.row.ID, Reason: fmt.Sprintf("The ID stands in line %d already.", acc.line)}
			} else {
				acc.inFile, acc.line, acc.refused = true, rec.line, rec.refused != nil
			}
		}
		if rec.refused == nil {
			switch acc := p.accounts[i]; {
			case acc.binned:
				rec.refused = &backoffice.RefusedCell{Column: "id", Value: rec.row.ID, Reason: "The account is in the bin. Restore it, or use another ID."}
			case acc.key == 0 && !rec.row.Name.Set:
				rec.refused = &backoffice.RefusedCell{Column: "name", Reason: "A new account has a name; the file has no such column."}
			}
			if rec.refused != nil {
				p.accounts[i].refused = true
			}
		}
		if rec.refused != nil {
			if err := p.refuse(backoffice.ImportAccounts, rec.line, subject, rec.refused); err != nil {
				return err
			}
			continue
		}
		if err := p.planAccount(i, rec, subject, stored); err != nil {
			return err
		}
	}
	return nil
}

func (p *importPlan) planAccount(i int32, rec accountRecord, subject string, stored map[int32]backoffice.Account) error {
	row, action := rec.row, backoffice.ImportCreate
	before := backoffice.Account{CreatedAt: p.now}
	if p.accounts[i].key != 0 {
		before = stored[i]
		action = backoffice.ImportUnchanged
		if !backoffice.SameImported(before, row.Over(before)) {
			action = backoffice.ImportUpdate
		}
	} else if !row.CreatedAt.Set {
		row.CreatedAt = backoffice.Some(p.now.UnixMicro())
	}
	after := row.Over(before)
	var data any
	if action != backoffice.ImportUnchanged {
		data = row
	}
	seq, err := p.stage(planned{kind: backoffice.ImportAccounts, action: action, file: p.file, line: rec.line, subject: subject, data: data})
	if err != nil {
		return err
	}
	parent := int32(-1)
	if row.ParentID.V != "" {
		parent = p.account(row.ParentID.V)
	}
	acc := &p.accounts[i]
	acc.accepted, acc.seq, acc.created = true, seq, after.CreatedAt.UnixMicro()
	acc.parent, acc.setsParent = parent, row.ParentID.Set
	if row.PrimaryEmail.V != "" {
		acc.primary = p.user(row.PrimaryEmail.V)
		acc.setsPrimary = acc.key == 0 || before.PrimaryEmail != row.PrimaryEmail.V
	}
	return nil
}

// settleHierarchy refuses the rows whose parent is not there, is refused itself,
// lies below them, or is too deep, and puts parents before their children.
func (p *importPlan) settleHierarchy() error {
	// Up to the top, whether or not the file names them.
	for {
		var ids []string
		for i := range p.accounts {
			if !p.accounts[i].known {
				ids = append(ids, p.accountIDs[i])
			}
		}
		if len(ids) == 0 {
			break
		}
		if err := p.lookUpAccounts(ids, nil); err != nil {
			return err
		}
	}
	late := map[int32]*backoffice.RefusedCell{}
	refuse := func(i int32, reason string) {
		acc := &p.accounts[i]
		acc.accepted, acc.refused = false, true
		late[i] = &backoffice.RefusedCell{Column: "parent_id", Value: p.accountIDs[acc.parent], Reason: reason}
	}
	var order []int32
	var depth []int16
	for settled := false; !settled; {
		settled = true
		for _, i := range p.loops() {
			refuse(i, "The account would be above itself.")
			settled = false
		}
		if !settled {
			continue
		}
		order, depth = p.parentsFirst()
		for _, i := range order {
			acc := &p.accounts[i]
			if !acc.accepted || !acc.setsParent || acc.parent < 0 {
				continue
			}
			parent := &p.accounts[acc.parent]
			reason := ""
			switch {
			case parent.exists() && depth[i] > backoffice.MaxDepth:
				reason = fmt.Sprintf("Sub-accounts go at most %d levels deep.", backoffice.MaxDepth)
			case parent.exists():
				below, err := p.heightBelow(acc)
				if err != nil {
					return err
				}
				if int64(depth[i])+below > backoffice.MaxDepth {
					reason = fmt.Sprintf("Its own sub-accounts would lie deeper than %d levels.", backoffice.MaxDepth)
				}
			case parent.refused:
				reason = "The parent's row is refused."
			case parent.binned:
				reason = "The parent is in the bin."
			default:
				reason = noAccount
			}
			if reason != "" {
				refuse(i, reason)
				settled = false
			}
		}
	}
	if err := p.refuseLate(late); err != nil {
		return err
	}
	return p.moveBehindParents(order, depth)
}

// above returns the parent that an account will have; -1 for none.
func (p *importPlan) above(i int32) int32 {
	acc := &p.accounts[i]
	if acc.accepted && acc.setsParent {
		return acc.parent
	}
	return acc.was
}

// loops returns the rows that would put accounts above themselves: all members
// of each loop that the file gives a parent.
func (p *importPlan) loops() []int32 {
	var found []int32
	walk := make([]int32, len(p.accounts)) // number of the walk that came by, from 1
	for start := range p.accounts {
		n := int32(start) + 1
		i := int32(start)
		for i >= 0 && walk[i] == 0 {
			walk[i] = n
			i = p.above(i)
		}
		if i < 0 || walk[i] != n {
			continue
		}
		for first := i; ; {
			if acc := &p.accounts[i]; acc.accepted && acc.setsParent {
				found = append(found, i)
			}
			if i = p.above(i); i == first {
				break
			}
		}
	}
	return found
}

// parentsFirst returns all accounts, each after its parent, and how many lie
// above each. There are no loops.
func (p *importPlan) parentsFirst() ([]int32, []int16) {
	depth := make([]int16, len(p.accounts))
	for i := range depth {
		depth[i] = -1
	}
	order := make([]int32, 0, len(p.accounts))
	var path []int32
	for start := range p.accounts {
		path = path[:0]
		i := int32(start)
		for i >= 0 && depth[i] < 0 {
			path = append(path, i)
			i = p.above(i)
		}
		d := int16(-1)
		if i >= 0 {
			d = depth[i]
		}
		for _, i := range slices.Backward(path) {
			d = min(d+1, 1<<14)
			depth[i] = d
			order = append(order, i)
		}
	}
	return order, depth
}

// heightBelow returns how many levels lie below an account that moves with what
// is below it.
func (p *importPlan) heightBelow(acc *planAccount) (int64, error) {
	if acc.key == 0 || acc.parent == acc.was {
		return 0, nil
	}
	return levelsBelow(p.ctx, p.s.query(), acc.key)
}

// refuseLate turns rows that were taken into refused ones.
func (p *importPlan) refuseLate(late map[int32]*backoffice.RefusedCell) error {
	if err := p.flush(); err != nil {
		return err
	}
	var list []int32
	for i := range late {
		list = append(list, i)
	}
	slices.Sort(list)
	for chunk := range slices.Chunk(list, 1000) {
		err := p.update(func(t *tx) error {
			for _, i := range chunk {
				var was backoffice.ImportAction
				if err := t.get(`SELECT action FROM import_rows WHERE import_key = $1 AND seq = $2`, p.key, p.accounts[i].seq).Scan(&was); err != nil {
					return err
				}
				why := late[i]
				if err := t.one(`UPDATE import_rows SET action = 'refused', col = $1, value = $2, reason = $3, data = NULL WHERE import_key = $4 AND seq = $5`,
					why.Column, backoffice.VisibleCell(why.Value), why.Reason, p.key, p.accounts[i].seq); err != nil {
					return err
				}
				p.counts.Accounts.Add(was, -1)
				p.counts.Accounts.Refused++
				if was != backoffice.ImportUnchanged {
					p.total--
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// moveBehindParents gives the rows whose parents come later in the file, and
// all below them, numbers after the others, parents first.
func (p *importPlan) moveBehindParents(order []int32, depth []int16) error {
	last := make([]int64, len(p.accounts)) // the latest row of it and those above
	moved := make([]bool, len(p.accounts))
	var list []int32
	for _, i := range order {
		acc := &p.accounts[i]
		if up := p.above(i); up >= 0 {
			last[i], moved[i] = last[up], moved[up]
		}
		if acc.accepted {
			if last[i] > acc.seq || moved[i] {
				moved[i] = true
				list = append(list, i)
			}
			last[i] = max(last[i], acc.seq)
		}
	}
	slices.SortStableFunc(list, func(a, b int32) int { return int(depth[a]) - int(depth[b]) })
	for chunk := range slices.Chunk(list, 2000) {
		err := p.update(func(t *tx) error {
			for _, i := range chunk {
				seq := p.next[backoffice.ImportAccounts]
				p.next[backoffice.ImportAccounts]++
				if err := t.one(`UPDATE import_rows SET seq = $1 WHERE import_key = $2 AND seq = $3`, seq, p.key, p.accounts[i].seq); err != nil {
					return err
				}
				p.accounts[i].seq = seq
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
