package store

import (
	"errors"
	"fmt"
	"slices"

	"steward/backoffice"
)

// planUser is a user that the files name.
type planUser struct {
	key     int64 // 0: not in the database, or not looked up
	name    string
	created int64 // microseconds, the earliest of its rows
	line    int64 // the first row of the users file that brings it
	inFile  bool  // an accepted row of the users file
	wanted  bool  // that, or an accepted account's primary user
	named   bool  // the file has a column for its name
}

// importedUser is what a plan keeps of a user.
type importedUser struct {
	Email     string                      `json:"email"`
	Name      backoffice.Optional[string] `json:"name,omitzero"`
	CreatedAt int64                       `json:"created_at"`
	importedPerson
}

func pair(account, user int32) uint64 { return uint64(account)<<32 | uint64(user) }

// storedMembership is a membership that is in the database.
type storedMembership struct {
	key, user, created, last int64
	roles                    []string
}

type accountEmail struct {
	account int64
	email   string
}

var lookupImportedMemberships = newRowList(`WITH wanted (account_key, email) AS (VALUES `, []string{"CAST($ AS BIGINT)", "CAST($ AS TEXT)"},
	`) SELECT w.account_key, w.email, m.key, m.user_key, m.created_at FROM wanted w CROSS JOIN users u JOIN memberships m
		ON m.account_key = w.account_key AND m.user_key = u.key WHERE u.email = w.email AND u.deleted_at IS NULL`, 0)

var lookupRoles = inList(`SELECT mr.membership_key, r.handle FROM membership_roles mr JOIN roles r ON r.key = mr.role_key WHERE mr.membership_key`, ` ORDER BY r.handle`)

// lookUpMemberships finds memberships in the database; roles are filled when
// they are asked for.
func (p *importPlan) lookUpMemberships(wanted []accountEmail, roles bool) (map[accountEmail]*storedMembership, error) {
	found := map[accountEmail]*storedMembership{}
	if p.fresh || len(wanted) == 0 {
		return found, nil
	}
	args := make([]any, 0, 2*len(wanted))
	for _, w := range wanted {
		args = append(args, w.account, w.email)
	}
	byKey := map[int64]*storedMembership{}
	var keys []int64
	err := lookupImportedMemberships.query(p.ctx, p.s.query(), nil, args, func(r rowScanner) error {
		var w accountEmail
		m := &storedMembership{}
		if err := r.Scan(&w.account, &w.email, &m.key, &m.user, &m.created); err != nil {
			return err
		}
		found[w], byKey[m.key] = m, m
		keys = append(keys, m.key)
		return nil
	})
	if err != nil || !roles {
		return found, err
	}
	return found, lookup(p.ctx, p.s.query(), lookupRoles, keys, func(r rowScanner) error {
		var key int64
		var handle string
		if err := r.Scan(&key, &handle); err != nil {
			return err
		}
		if m := byKey[key]; !slices.Contains(m.roles, handle) {
			m.roles = append(m.roles, handle)
		}
		return nil
	})
}

type userRecord struct {
	row     backoffice.ImportedMembership
	typed   string // the address as it was written
	line    int64
	refused *backoffice.RefusedCell
}

func (p *importPlan) readUsers(r *csvReader) error {
	return records(r, func() (userRecord, error) {
		rec := userRecord{line: r.line, refused: r.misshapen()}
		if rec.refused == nil {
			var err error
			rec.typed, _ = r.cell("email")
			if rec.row, err = backoffice.ParseImportedMembership(r.cell, p.roles, p.now); err != nil && !errors.As(err, &rec.refused) {
				return rec, err
			}
			if rec.refused == nil && len(rec.row.Person.TOTP) > 0 && p.s.sealer.aead == nil {
				rec.refused = &backoffice.RefusedCell{Column: "totp_secret", Reason: noKeyFile}
			}
		}
		return rec, nil
	}, p.planUsers)
}

func (p *importPlan) planUsers(list []userRecord) error {
	var unknown []string
	for _, rec := range list {
		if rec.row.AccountID != "" && !p.accounts[p.account(rec.row.AccountID)].known {
			unknown = append(unknown, rec.row.AccountID)
		}
	}
	if err := p.lookUpAccounts(unknown, nil); err != nil {
		return err
	}
	var wanted []accountEmail
	for _, rec := range list {
		if rec.row.AccountID != "" {
			if key := p.accounts[p.account(rec.row.AccountID)].key; key != 0 {
				wanted = append(wanted, accountEmail{key, rec.row.Email})
			}
		}
	}
	stored, err := p.lookUpMemberships(wanted, true)
	if err != nil {
		return err
	}
	if len(p.users) > maxPlanned || len(p.accounts) > maxPlanned {
		return &FileError{p.file, 0, "At most 16 million users go into one import. Split the file."}
	}
	for _, rec := range list {
		subject := rec.row.Email
		if rec.row.Email != "" {
			subject += " · " + rec.row.AccountID
			if why := p.placeMembership(rec); why != nil {
				rec.refused = why
			}
		}
		if rec.refused != nil {
			if err := p.refuse(backoffice.ImportMemberships, rec.line, subject, rec.refused); err != nil {
				return err
			}
			continue
		}
		if err := p.planMembership(rec, subject, stored[accountEmail{p.accounts[p.account(rec.row.AccountID)].key, rec.row.Email}]); err != nil {
			return err
		}
	}
	return nil
}

// placeMembership says why a row cannot become a membership of its account,
// whatever else is in it.
func (p *importPlan) placeMembership(rec userRecord) *backoffice.RefusedCell {
	i := p.account(rec.row.AccountID)
	if why := p.strange(i); why != "" {
		if rec.refused != nil && rec.refused.Column == "name" {
			return nil // found first
		}
		return &backoffice.RefusedCell{Column: "account_id", Value: rec.row.AccountID, Reason: why}
	}
	u := p.user(rec.row.Email)
	if line, twice := p.lines[pair(i, u)]; twice {
		return &backoffice.RefusedCell{Column: "email", Value: rec.typed, Reason: fmt.Sprintf("The address stands in line %d for this account already.", line)}
	}
	p.lines[pair(i, u)] = int32(rec.line)
	return nil
}

// strange says why nothing can be put into an account; "" when it can.
func (p *importPlan) strange(i int32) string {
	switch acc := &p.accounts[i]; {
	case acc.exists():
		return ""
	case acc.refused:
		return "The account's row is refused."
	case acc.binned:
		return "The account is in the bin."
	}
	return noAccount
}

const noAccount = "No account has this ID."

func (p *importPlan) planMembership(rec userRecord, subject string, stored *storedMembership) error {
	row, action := rec.row, backoffice.ImportCreate
	i, u := p.account(row.AccountID), p.user(row.Email)
	if stored != nil {
		action = backoffice.ImportUnchanged
		if row.Roles != nil && !slices.Equal(row.Roles, stored.roles) || row.CreatedAt.Set && row.CreatedAt.V != stored.created {
			action = backoffice.ImportUpdate
		}
		p.users[u].key = stored.user
	} else if !row.CreatedAt.Set {
		row.CreatedAt = backoffice.Some(p.now.UnixMicro())
	}
	user := &p.users[u]
	if row.CreatedAt.Set && (user.created == 0 || row.CreatedAt.V < user.created) {
		user.created = row.CreatedAt.V
	}
	if !user.inFile {
		user.inFile, user.wanted, user.line = true, true, rec.line
	}
	p.say(u, row.Person)
	user.named = user.named || row.Name.Set
	if user.name == "" {
		user.name = row.Name.V
	}
	p.members[pair(i, u)] = true
	var data any
	if action != backoffice.ImportUnchanged {
		data = importedMembership{ImportedMembership: row}
	}
	_, err := p.stage(planned{kind: backoffice.ImportMemberships, action: action, file: p.file, line: rec.line, subject: subject, data: data})
	return err
}

// importedMembership is what a plan keeps of a membership.
type importedMembership struct {
	backoffice.ImportedMembership
	First bool `json:"first,omitempty"` // has the first-user roles: nobody named any
}

// settleUsers adds the primary users who are not in the users file, as "Add
// new" does, and writes what becomes of each user.
func (p *importPlan) settleUsers() error {
	p.lines = nil
	var left []int32
	var wanted []accountEmail
	flush := func() error {
		stored, err := p.lookUpMemberships(wanted, false)
		if err != nil {
			return err
		}
		for _, i := range left {
			if err := p.planPrimary(i, stored[accountEmail{p.accounts[i].key, p.emails[p.accounts[i].primary]}]); err != nil {
				return err
			}
		}
		left, wanted = left[:0], wanted[:0]
		return nil
	}
	for i := range p.accounts {
		acc := &p.accounts[i]
		if !acc.accepted || acc.primary < 0 || p.members[pair(int32(i), acc.primary)] {
			continue
		}
		left = append(left, int32(i))
		if acc.key != 0 {
			wanted = append(wanted, accountEmail{acc.key, p.emails[acc.primary]})
		}
		if len(left) == 500 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return p.planEachUser()
}

// planPrimary plans the membership of a primary user whom the users file does
// not have. One who was taken out of the account since is not brought back by
// the same file again.
func (p *importPlan) planPrimary(i int32, stored *storedMembership) error {
	acc := &p.accounts[i]
	action, user := backoffice.ImportCreate, &p.users[acc.primary]
	switch {
	case stored != nil:
		action, user.key = backoffice.ImportUnchanged, stored.user
	case !acc.setsPrimary:
		return nil
	}
	if user.created == 0 || acc.created < user.created {
		user.created = acc.created
	}
	if user.wanted = true; user.line == 0 {
		user.line = acc.line
	}
	p.members[pair(i, acc.primary)] = true
	m := importedMembership{backoffice.ImportedMembership{AccountID: p.accountIDs[i], Email: p.emails[acc.primary], CreatedAt: backoffice.Some(acc.created)}, true}
	var data any
	if action == backoffice.ImportCreate {
		data = m
	}
	_, err := p.stage(planned{kind: backoffice.ImportMemberships, action: action, file: p.accountsFile, line: acc.line,
		subject: m.Email + " · " + m.AccountID, data: data})
	return err
}

var lookupImportedUsers = inList(`SELECT key, email, name FROM users WHERE deleted_at IS NULL AND email`, ``)

func (p *importPlan) planEachUser() error {
	var list []int32
	flush := func() error {
		names := map[int32]string{}
		if !p.fresh && len(list) > 0 {
			emails := make([]string, len(list))
			for k, u := range list {
				emails[k] = p.emails[u]
			}
			err := lookup(p.ctx, p.s.query(), lookupImportedUsers, emails, func(r rowScanner) error {
				var key int64
				var email, name string
				if err := r.Scan(&key, &email, &name); err != nil {
					return err
				}
				u := p.userAt[email]
				p.users[u].key, names[u] = key, name
				return nil
			})
			if err != nil {
				return err
			}
		}
		now, err := p.peopleNow(list)
		if err != nil {
			return err
		}
		for _, u := range list {
			user := &p.users[u]
			action, data := backoffice.ImportCreate, any(nil)
			row := importedUser{Email: p.emails[u], CreatedAt: user.created}
			if user.named {
				row.Name = backoffice.Some(user.name)
			}
			if user.key != 0 {
				action = backoffice.ImportUnchanged
				if user.named && user.name != names[u] {
					action = backoffice.ImportUpdate
				}
			}
			var why *backoffice.RefusedCell
			if says := p.people[u]; says != nil {
				var c backoffice.ImportedPerson
				was := now[row.Email]
				if user.key == 0 {
					was.metadata, was.vendor = "{}", "{}"
				}
				if c, why = changes(*says, was); why != nil {
					action = backoffice.ImportRefused
				} else if c.Said() {
					if action == backoffice.ImportUnchanged {
						action = backoffice.ImportUpdate
					}
					if row.importedPerson, err = p.keep(row.Email, c); err != nil {
						return err
					}
				}
			}
			if action != backoffice.ImportUnchanged && why == nil {
				data = row
			}
			file, subject := p.accountsFile, row.Email
			if user.inFile {
				file = p.usersFile
			}
			if user.name != "" {
				subject = user.name + " · " + row.Email
			}
			if _, err := p.stage(planned{kind: backoffice.ImportUsers, action: action, file: file, line: user.line, subject: subject, data: data, refused: why}); err != nil {
				return err
			}
			user.name = ""
		}
		list = list[:0]
		return nil
	}
	for u := range p.users {
		if !p.users[u].wanted {
			continue
		}
		if list = append(list, int32(u)); len(list) == 500 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
