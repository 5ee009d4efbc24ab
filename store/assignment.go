package store

import (
	"context"
	"errors"

	"steward/backoffice"
)

// Which application reaches whom is resolved here and nowhere else: pages, sign-in
// and tokens ask with the same conditions, at the moment they need it. Nothing is
// kept for a user but what was given to them by hand.
const (
	// assignmentTables are an application p, an account a, and what was settled
	// between the two, aa.
	assignmentTables = ` applications p CROSS JOIN accounts a LEFT JOIN account_applications aa ON aa.account_key = a.key AND aa.application_key = p.key `
	// assigned is the condition that account a has application p.
	assigned = ` p.deleted_at IS NULL AND a.deleted_at IS NULL AND CASE WHEN aa.account_key IS NULL THEN p.is_default OR p.auto_assigned ELSE NOT aa.without END `
	// assignedToAll is the condition that, where a has p, all of its users have it.
	assignedToAll = ` (p.is_default OR p.auto_assigned OR COALESCE(aa.auto_assigned, FALSE)) `
	// assignmentPath is how p reaches a.
	assignmentPath = ` CASE WHEN p.is_default THEN 'default' WHEN p.auto_assigned THEN 'environment' WHEN COALESCE(aa.auto_assigned, FALSE) THEN 'account' ELSE 'manual' END `
)

// byHand is the condition that p was given to user $1 in a.
var byHand = givenTo("$1")

// accountsWith counts the accounts outside of the bin that have an application.
func accountsWith(ctx context.Context, r reader, a backoffice.Application) (n int64, err error) {
	var all, without, with int64
	if err := r.row(ctx, `SELECT COALESCE(SUM(CASE WHEN aa.without THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN aa.without THEN 0 ELSE 1 END), 0)
		FROM account_applications aa JOIN accounts a ON a.key = aa.account_key AND a.deleted_at IS NULL WHERE aa.application_key = $1`, a.Key).Scan(&without, &with); err != nil {
		return 0, err
	}
	if !a.ReachesAll() {
		return with, nil
	}
	err = r.row(ctx, `SELECT COUNT(*) FROM engagement`).Scan(&all)
	return all - without, err
}

// AccountApplications returns the applications that an account has, by name.
func (s *Store) AccountApplications(ctx context.Context, accountKey int64) ([]backoffice.AccountApplication, error) {
	rows, err := s.query().rows(ctx, selectAccountApplications+` ORDER BY p.name_sort, p.key`, accountKey, s.Now().UnixMicro())
	return collect(rows, err, scanAccountApplication)
}

// AvailableApplications returns the applications that an account does not have,
// by name.
func (s *Store) AvailableApplications(ctx context.Context, accountKey int64) ([]backoffice.Application, error) {
	rows, err := s.query().rows(ctx, `SELECT `+applicationFields+` FROM`+assignmentTables+`WHERE a.key = $1 AND p.deleted_at IS NULL AND NOT (`+assigned+`) ORDER BY p.name_sort, p.key`, accountKey)
	return collect(rows, err, scanApplication)
}

var selectUserApplications = `SELECT ` + applicationFields + `, ` + assignmentPath + ` FROM` + assignmentTables +
	`WHERE a.key = $2 AND ` + assigned + ` AND (` + assignedToAll + ` OR ` + byHand + `) ORDER BY p.name_sort, p.key`

// UserApplications returns the applications that a user has in an account, by
// name, the inactive ones included; none for who does not stand in it.
func (s *Store) UserApplications(ctx context.Context, userKey, accountKey int64) ([]backoffice.UserApplication, error) {
	standing, err := standingIn(ctx, s.query(), s.Now(), userKey, accountKey)
	if errors.Is(err, backoffice.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	rows, err := s.query().rows(ctx, selectUserApplications, userKey, accountKey)
	return collect(rows, err, func(r rowScanner) (v backoffice.UserApplication, err error) {
		v.Account = standing.Account
		v.Application, err = scanApplicationAnd(r, word[backoffice.AssignmentPath]{&v.Path})
		return
	})
}

var selectEntry = `SELECT p.active, CASE WHEN ` + assigned + ` THEN TRUE ELSE FALSE END, CASE WHEN ` + assignedToAll + ` OR ` + byHand + ` THEN TRUE ELSE FALSE END
	FROM` + assignmentTables + `WHERE a.key = $2 AND p.key = $3`

// entry is whether a user who enters an account enters an application there, and
// why not.
func entry(ctx context.Context, r reader, user, account, application int64) (backoffice.EntryRefusal, error) {
	var active, has, reaches bool
	if err := r.row(ctx, selectEntry, user, account, application).Scan(&active, &has, &reaches); err != nil {
		return backoffice.EntryNoAccount, err
	}
	switch {
	case !active:
		return backoffice.EntryInactive, nil
	case !has:
		return backoffice.EntryNoAccount, nil
	case !reaches:
		return backoffice.EntryNotForUser, nil
	}
	return backoffice.EntryOpen, nil
}

// Entry tells how a user stands in an account, and whether they enter an
// application from there. Errors: ErrNotFound for who does not stand in the
// account, or may not enter it.
func (s *Store) Entry(ctx context.Context, userKey, accountKey, applicationKey int64) (backoffice.Standing, backoffice.EntryRefusal, error) {
	standing, err := standingIn(ctx, s.query(), s.Now(), userKey, accountKey)
	if err == nil && !standing.Enters() {
		err = backoffice.ErrNotFound
	}
	if err != nil {
		return standing, backoffice.EntryNoAccount, err
	}
	why, err := entry(ctx, s.query(), userKey, accountKey, applicationKey)
	return standing, why, err
}

// EntryByID is Entry for an account by its ID, and reports whether its user enters.
func (s *Store) EntryByID(ctx context.Context, userKey int64, accountID string, applicationKey int64) (bool, error) {
	var account int64
	err := s.query().row(ctx, `SELECT key FROM accounts WHERE id = $1 AND deleted_at IS NULL`, accountID).Scan(&account)
	if err == nil {
		var why backoffice.EntryRefusal
		_, why, err = s.Entry(ctx, userKey, account, applicationKey)
		if err == nil {
			return why == backoffice.EntryOpen, nil
		}
	}
	if errors.Is(err, backoffice.ErrNotFound) {
		err = nil
	}
	return false, err
}

// EntryAccounts returns the accounts from which a user enters an application, as
// Standings returns all of them. why is the mildest reason of those that are left
// out: what has to be settled for one to be there.
func (s *Store) EntryAccounts(ctx context.Context, userKey, applicationKey int64, query string) (open []backoffice.Standing, more bool, why backoffice.EntryRefusal, err error) {
	list, more, err := s.Standings(ctx, userKey, query)
	why = backoffice.EntryNoAccount
	open = list[:0]
	for _, standing := range list {
		refused, err := entry(ctx, s.query(), userKey, standing.Account.Key, applicationKey)
		if err != nil {
			return nil, false, why, err
		}
		switch refused {
		case backoffice.EntryOpen:
			open = append(open, standing)
		case backoffice.EntryInactive, backoffice.EntryNotForUser:
			why = refused
		}
	}
	if len(open) > 0 {
		why = backoffice.EntryOpen
	}
	return open, more, why, err
}

// assignmentNow finds an account and an application for an act upon both, and how
// the one reaches the other; "" where it does not. Errors: ErrNotFound,
// ErrForbidden.
func (t *tx) assignmentNow(accountID, applicationID string) (account backoffice.Account, a backoffice.Application, path backoffice.AssignmentPath, err error) {
	if account, err = t.account(accountID); err != nil {
		return
	}
	if err = t.mayAssign(account.Key, backoffice.WriteApplications); err != nil {
		return
	}
	if a, err = scanApplication(t.get(selectApplicationByID, applicationID)); err != nil {
		return
	}
	path, err = pathTo(t.ctx, t, account.Key, a.Key)
	return
}

// mayAssign refuses an actor who may not give applications to users of an account.
func (t *tx) mayAssign(account int64, here backoffice.Permission) error {
	if t.actor.Kind != backoffice.ActorUser {
		return t.mayAssignAny()
	}
	return t.mayManage(account, backoffice.WriteAllApplications, here)
}

// mayAssignAny refuses an actor who may not give applications to accounts.
func (t *tx) mayAssignAny() error {
	if t.actor.Kind == backoffice.ActorToken {
		return t.tokenMay(backoffice.ScopeWriteApplications)
	}
	return t.mayStill(backoffice.WriteAllApplications)
}

func pathTo(ctx context.Context, r reader, account, application int64) (path backoffice.AssignmentPath, err error) {
	err = r.row(ctx, `SELECT `+assignmentPath+` FROM`+assignmentTables+`WHERE a.key = $1 AND p.key = $2 AND `+assigned, account, application).Scan(word[backoffice.AssignmentPath]{&path})
	if errors.Is(err, backoffice.ErrNotFound) {
		err = nil
	}
	return path, err
}

// AssignApplications gives applications to an account; with auto every user of it
// has them. Those that it has already stay as they are, but for auto. It returns
// how many came. Only staff and machines may. Errors: ErrNotFound, ErrForbidden,
// Problems (applications).
func (s *Store) AssignApplications(ctx context.Context, actor backoffice.Actor, accountID string, applicationIDs []string, auto bool) (n int, err error) {
	if len(applicationIDs) == 0 {
		return 0, backoffice.Problems{"applications": "Choose at least one application."}
	}
	err = s.update(ctx, actor, func(t *tx) error {
		if err := t.mayAssignAny(); err != nil {
			return err
		}
		for _, id := range applicationIDs {
			account, a, path, err := t.assignmentNow(accountID, id)
			if err != nil {
				return err
			}
			if path == "" || auto && path == backoffice.ByHand {
				if err := t.assign(account, a, auto); err != nil {
					return err
				}
				n++
			}
		}
		return nil
	})
	return n, err
}

// assign writes the assignment anew; no removal of an earlier one can be undone then.
func (t *tx) assign(account backoffice.Account, a backoffice.Application, auto bool) error {
	if err := t.forgetAssignment(account.Key, a.Key); err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM account_applications WHERE account_key = $1 AND application_key = $2`, account.Key, a.Key); err != nil {
		return err
	}
	if !a.ReachesAll() || auto {
		if err := t.one(`INSERT INTO account_applications (account_key, application_key, auto_assigned, created_at) VALUES ($1, $2, $3, $4)`,
			account.Key, a.Key, auto, t.now.UnixMicro()); err != nil {
			return err
		}
	}
	return t.record(applicationEvent("application.assigned", a, account.Key, nil, map[string]any{"account": account.Name, "auto_assigned": auto}))
}

// RemoveApplication takes an application from an account and from all of its
// users; one that all accounts start with stays away from this one from now on.
// One that it does not have is no error. ReturnApplication takes it back. Only staff
// and machines may. Errors: ErrNotFound, ErrForbidden.
func (s *Store) RemoveApplication(ctx context.Context, actor backoffice.Actor, accountID, applicationID string) error {
	return s.update(ctx, actor, func(t *tx) error {
		if err := t.mayAssignAny(); err != nil {
			return err
		}
		account, a, path, err := t.assignmentNow(accountID, applicationID)
		if err != nil || path == "" {
			return err
		}
		removal := newID()
		if err := t.keepAssignment(removal, account.Key, a.Key); err != nil {
			return err
		}
		for _, text := range []string{
			`DELETE FROM account_applications WHERE account_key = $1 AND application_key = $2`,
			`DELETE FROM user_applications WHERE account_key = $1 AND application_key = $2`,
		} {
			if _, err := t.exec(text, account.Key, a.Key); err != nil {
				return err
			}
		}
		if err := t.endFamilies(`account_key = $2 AND application_key = $3`, account.Key, a.Key); err != nil {
			return err
		}
		if a.ReachesAll() {
			if err := t.one(`INSERT INTO account_applications (account_key, application_key, without, created_at) VALUES ($1, $2, TRUE, $3)`, account.Key, a.Key, t.now.UnixMicro()); err != nil {
				return err
			}
		}
		e := applicationEvent("application.removed", a, account.Key, map[string]any{"account": account.Name, "path": path}, nil)
		e.undo = removal
		return t.record(e)
	})
}

// SetAutoAssignment says whether every user of an account has an application that
// the account has. When it ends, those who have it keep it, each by hand. Errors:
// ErrNotFound, also for an application that the account does not have,
// ErrForbidden, a Refusal where the environment assigns it.
func (s *Store) SetAutoAssignment(ctx context.Context, actor backoffice.Actor, accountID, applicationID string, on bool) error {
	return s.update(ctx, actor, func(t *tx) error {
		account, a, path, err := t.assignmentNow(accountID, applicationID)
		if err != nil {
			return err
		}
		switch {
		case path == "":
			return backoffice.ErrNotFound
		case a.ReachesAll():
			return backoffice.Refusal(path.Fixed())
		case on == (path == backoffice.ByAccount):
			return nil
		}
		if err := t.one(`UPDATE account_applications SET auto_assigned = $3 WHERE account_key = $1 AND application_key = $2`, account.Key, a.Key, on); err != nil {
			return err
		}
		action := "application.auto-assignment-enabled"
		if !on {
			action = "application.auto-assignment-disabled"
			if err := t.keepByHand(account.Key, a.Key); err != nil {
				return err
			}
		}
		return t.record(applicationEvent(action, a, account.Key, nil, map[string]any{"account": account.Name}))
	})
}

// GiveApplication gives a user who stands in an account one of its applications.
// Who has it already keeps it as it is. Errors: ErrNotFound, ErrForbidden.
func (s *Store) GiveApplication(ctx context.Context, actor backoffice.Actor, accountID, applicationID, userID string) error {
	return s.update(ctx, actor, func(t *tx) error {
		account, a, u, path, err := t.givable(accountID, applicationID, userID, backoffice.WriteApplications)
		if err != nil || path.ReachesAll() {
			return err
		}
		return t.giveByHand(account, a, u)
	})
}

// TakeApplication takes an application from a user in one account. Who does not
// have it is no error. Errors: ErrNotFound, ErrForbidden, a Refusal where it
// reaches every user of the account.
func (s *Store) TakeApplication(ctx context.Context, actor backoffice.Actor, accountID, applicationID, userID string) error {
	return s.update(ctx, actor, func(t *tx) error {
		account, a, u, path, err := t.givable(accountID, applicationID, userID, backoffice.DeleteApplications)
		if err != nil {
			return err
		}
		if path.ReachesAll() {
			return backoffice.Refusal(path.Fixed())
		}
		n, err := t.exec(`DELETE FROM user_applications WHERE account_key = $1 AND application_key = $2 AND user_key = $3`, account.Key, a.Key, u.Key)
		if err != nil || n == 0 {
			return err
		}
		if err := t.endFamilies(`user_key = $2 AND account_key = $3 AND application_key = $4`, u.Key, account.Key, a.Key); err != nil {
			return err
		}
		return t.record(event{action: "user.application-taken", kind: "user", id: u.ID, name: userLabel(u.Name, u.Email), accountKey: account.Key, before: map[string]any{"application": a.Name}})
	})
}

// givable finds an application that an account has, and a user who stands there.
func (t *tx) givable(accountID, applicationID, userID string, here backoffice.Permission) (account backoffice.Account, a backoffice.Application, u backoffice.User, path backoffice.AssignmentPath, err error) {
	if account, err = t.account(accountID); err != nil {
		return
	}
	if err = t.mayAssign(account.Key, here); err != nil {
		return
	}
	if a, err = scanApplication(t.get(selectApplicationByID, applicationID)); err != nil {
		return
	}
	if path, err = pathTo(t.ctx, t, account.Key, a.Key); err == nil && path == "" {
		err = backoffice.ErrNotFound
	}
	if err != nil {
		return
	}
	if u, err = readUser(t.ctx, t, selectUserByID, userID); err != nil {
		return
	}
	standing, err := standingIn(t.ctx, t, t.now, u.Key, account.Key)
	if err == nil && t.actor.Kind == backoffice.ActorUser && t.actor.Key != u.Key {
		if standing.Membership == 0 && !account.IsReseller && t.actor.Account.Key == account.Key {
			return account, a, u, path, backoffice.ErrNotFound // counted there, and not named
		}
		// What stands above them they neither help nor hinder.
		err = t.overMember(memberRow{account: account, user: u, standing: standing})
	}
	return account, a, u, path, err
}

// endDefault takes the place of the default from the application that has it; who
// had it keeps it.
func (t *tx) endDefault() error {
	a, err := scanApplication(t.get(selectApplications + ` AND p.is_default`))
	if errors.Is(err, backoffice.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.setReach(a, a.AutoAssigned, false)
}

// SetDefaultApplication makes an application the default, in place of the one that
// was, or ends that. Who had the one that ends keeps it, as SetAutoAssigned says.
// Errors: ErrNotFound, ErrForbidden.
func (s *Store) SetDefaultApplication(ctx context.Context, actor backoffice.Actor, id string, on bool) error {
	return s.update(ctx, actor, func(t *tx) error {
		a, err := t.applicationNow(id)
		if err != nil || a.Default == on {
			return err
		}
		action := "application.default-ended"
		if on {
			action = "application.default-set"
			if err := t.endDefault(); err != nil {
				return err
			}
		}
		if err := t.setReach(a, a.AutoAssigned, on); err != nil {
			return err
		}
		return t.record(applicationEvent(action, a, 0, nil, nil))
	})
}

// SetAutoAssigned is the toggle "Auto-assigned app": whether all accounts, and all
// of their users, have an application. When it ends, the accounts that have it
// keep it as an assignment of their own, and their users each by hand. Errors:
// ErrNotFound, ErrForbidden.
func (s *Store) SetAutoAssigned(ctx context.Context, actor backoffice.Actor, id string, on bool) error {
	return s.update(ctx, actor, func(t *tx) error {
		a, err := t.applicationNow(id)
		if err != nil || a.AutoAssigned == on {
			return err
		}
		action := "application.auto-assigned-off"
		if on {
			action = "application.auto-assigned-on"
		}
		if err := t.setReach(a, on, a.Default); err != nil {
			return err
		}
		return t.record(applicationEvent(action, a, 0, nil, nil))
	})
}

const keepForAccounts = `INSERT INTO account_applications (account_key, application_key, created_at) SELECT a.key, CAST($1 AS BIGINT), CAST($2 AS BIGINT) FROM accounts a WHERE TRUE ON CONFLICT DO NOTHING`

// setReach writes how the environment assigns an application. What it reached it
// stays with: accounts in the bin come back as they went.
func (t *tx) setReach(a backoffice.Application, auto, byDefault bool) error {
	if a.ReachesAll() && !auto && !byDefault {
		if err := t.keepAllByHand(a.Key); err != nil {
			return err
		}
		if _, err := t.exec(keepForAccounts, a.Key, t.now.UnixMicro()); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM account_applications WHERE application_key = $1 AND without`, a.Key); err != nil {
			return err
		}
	}
	return t.one(`UPDATE applications SET auto_assigned = $2, is_default = $3, version = version + 1 WHERE key = $1`, a.Key, auto, byDefault)
}

// PreviewReach tells what assigning an application to all accounts gives, and what
// ending that leaves as assignments of their own. Errors: ErrNotFound.
func (s *Store) PreviewReach(ctx context.Context, id string) (v backoffice.AssignmentPreview, err error) {
	a, err := s.Application(ctx, id)
	if err != nil {
		return v, err
	}
	have, err := accountsWith(ctx, s.query(), a)
	if err != nil {
		return v, err
	}
	if a.ReachesAll() {
		v.Accounts = have
		err = s.query().row(ctx, `SELECT COUNT(*) FROM user_engagement`).Scan(&v.Users)
		if err != nil {
			return v, err
		}
		// Those whose every account gave it up.
		var away int64
		err = s.query().row(ctx, `SELECT COUNT(DISTINCT m.user_key) FROM account_applications aa JOIN memberships m ON m.account_key = aa.account_key AND m.counted_at IS NOT NULL
			WHERE aa.application_key = $1 AND aa.without AND NOT EXISTS (SELECT 1 FROM memberships o JOIN accounts a ON a.key = o.account_key AND a.deleted_at IS NULL
				LEFT JOIN account_applications x ON x.account_key = o.account_key AND x.application_key = $1
				WHERE o.user_key = m.user_key AND NOT COALESCE(x.without, FALSE))`, a.Key).Scan(&away)
		var none int64
		if err == nil {
			err = s.query().row(ctx, `SELECT COUNT(*) FROM user_engagement WHERE accounts = 0`).Scan(&none)
		}
		v.Users -= away + none
		return v, err
	}
	var all, in, haveNow int64
	if err := s.query().row(ctx, `SELECT COUNT(*) FROM engagement`).Scan(&all); err != nil {
		return v, err
	}
	if err := s.query().row(ctx, `SELECT COUNT(*) FROM user_engagement WHERE accounts > 0`).Scan(&in); err != nil {
		return v, err
	}
	// Gaining it is having it in no account yet.
	err = s.query().row(ctx, countUsersWith, a.Key).Scan(&haveNow)
	return backoffice.AssignmentPreview{Accounts: all - have, Users: in - haveNow}, err
}

// ReachOf tells who has an application now: accounts outside of the bin, and users.
// Errors: ErrNotFound.
func (s *Store) ReachOf(ctx context.Context, id string) (v backoffice.AssignmentPreview, err error) {
	a, err := s.Application(ctx, id)
	if err != nil {
		return v, err
	}
	if a.ReachesAll() {
		return s.PreviewReach(ctx, id)
	}
	if v.Accounts, err = accountsWith(ctx, s.query(), a); err != nil {
		return v, err
	}
	err = s.query().row(ctx, countUsersWith, a.Key).Scan(&v.Users)
	return v, err
}

// countUsersWith counts the users who have the application $1 by their account or
// by hand.
const countUsersWith = `SELECT COUNT(*) FROM (SELECT m.user_key FROM account_applications aa JOIN accounts a ON a.key = aa.account_key AND a.deleted_at IS NULL
		JOIN memberships m ON m.account_key = aa.account_key WHERE aa.application_key = $1 AND aa.auto_assigned
	UNION SELECT ua.user_key FROM user_applications ua JOIN memberships m ON m.account_key = ua.account_key AND m.user_key = ua.user_key AND m.counted_at IS NOT NULL
		WHERE ua.application_key = $1 AND ua.rests_at IS NULL) x`
