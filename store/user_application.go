package store

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"steward/backoffice"
)

// hasApplication is the condition that the membership m brings its user the
// application whose ID is the argument id.
func hasApplication(id string) string {
	return `EXISTS (SELECT 1 FROM` + assignmentTables + `WHERE a.key = m.account_key AND p.id = ` + id + ` AND ` + assigned +
		` AND (` + assignedToAll + ` OR ` + givenTo("m.user_key") + `))`
}

// givenTo is the condition that p was given by hand to a user in a.
func givenTo(user string) string {
	return ` EXISTS (SELECT 1 FROM user_applications ua WHERE ua.account_key = a.key AND ua.application_key = p.key AND ua.user_key = ` + user + ` AND ua.rests_at IS NULL) `
}

var (
	// selectReach tells of each application whether everybody in an account has it.
	selectReach = `SELECT p.key, p.name, p.is_default OR p.auto_assigned, EXISTS (SELECT 1 FROM account_applications aa WHERE aa.application_key = p.key AND aa.without)
		FROM applications p WHERE p.deleted_at IS NULL ORDER BY p.name_sort, p.key`
	selectApplicationsOf = inList(`SELECT DISTINCT m.user_key, p.key FROM memberships m CROSS JOIN accounts a CROSS JOIN applications p
		LEFT JOIN account_applications aa ON aa.account_key = a.key AND aa.application_key = p.key
		WHERE a.key = m.account_key AND `+assigned+` AND (`+assignedToAll+` OR `+givenTo("m.user_key")+`) AND m.user_key`, ``)
)

// nameApplications tells users of a page what applications their memberships
// bring them. What reaches everybody is not asked for each.
func (s *Store) nameApplications(ctx context.Context, list []foundUser) error {
	type application struct {
		key       int64
		name      string
		all, away bool
	}
	rows, err := s.query().rows(ctx, selectReach)
	apps, err := collect(rows, err, func(r rowScanner) (a application, err error) {
		err = r.Scan(&a.key, &a.name, &a.all, &a.away)
		return
	})
	if err != nil || len(apps) == 0 {
		return err
	}
	has := map[int64][]int64{}
	if slices.ContainsFunc(apps, func(a application) bool { return !a.all || a.away }) {
		keys := make([]int64, len(list))
		for i := range list {
			keys[i] = list[i].Key
		}
		if err := lookup(ctx, s.query(), selectApplicationsOf, keys, func(r rowScanner) error {
			var user, application int64
			err := r.Scan(&user, &application)
			has[user] = append(has[user], application)
			return err
		}); err != nil {
			return err
		}
	}
	for i := range list {
		for _, a := range apps {
			if a.all && !a.away && list[i].Accounts > 0 || slices.Contains(has[list[i].Key], a.key) {
				list[i].Applications = append(list[i].Applications, a.name)
			}
		}
	}
	return nil
}

// usersOfApplication are the users of whom an application can be, where they are
// not those of all accounts.
const usersOfApplication = `SELECT ua.user_key FROM user_applications ua JOIN applications p ON p.key = ua.application_key
	WHERE p.id = ? AND p.deleted_at IS NULL AND NOT p.is_default AND NOT p.auto_assigned
	UNION ALL SELECT m.user_key FROM applications p JOIN account_applications aa ON aa.application_key = p.key AND aa.auto_assigned JOIN memberships m ON m.account_key = aa.account_key
	WHERE p.id = ? AND p.deleted_at IS NULL AND NOT p.is_default AND NOT p.auto_assigned`

// OpenApplications returns the applications that a user can enter now, as Entry
// decides, account by account as Standings lists these, or with the key of one, in
// that one. Who is locked enters none. more says that there are other accounts.
func (s *Store) OpenApplications(ctx context.Context, u backoffice.User, accountKey int64) (list []backoffice.UserApplication, more bool, err error) {
	var in []backoffice.Standing
	switch {
	case u.Locked:
		return nil, false, nil
	case accountKey == 0:
		in, more, err = s.Standings(ctx, u.Key, "")
	default:
		standing, none := standingIn(ctx, s.query(), s.Now(), u.Key, accountKey)
		if none == nil && standing.Enters() {
			in = append(in, standing)
		} else if !errors.Is(none, backoffice.ErrNotFound) {
			err = none
		}
	}
	if err == nil {
		list, err = s.applicationsIn(ctx, u.Key, in)
	}
	return slices.DeleteFunc(list, func(a backoffice.UserApplication) bool { return !a.Active }), more, err
}

// ApplicationsOf returns the applications that a user has, account by account: in
// those of their memberships and in the nearest that grants lead into; more says
// that there are others. Inactive ones are included, and those of accounts that the
// user may not enter now.
func (s *Store) ApplicationsOf(ctx context.Context, userKey int64) (list []backoffice.UserApplication, more bool, err error) {
	in, more, err := standings(ctx, s.query(), s.Now(), userKey, "")
	if err == nil {
		list, err = s.applicationsIn(ctx, userKey, in)
	}
	return list, more, err
}

// selectApplicationsIn are the applications that a user has in accounts, in all of
// which they stand.
var selectApplicationsIn = inList(`SELECT `+applicationFields+`, `+assignmentPath+`, a.key FROM`+assignmentTables+
	`WHERE `+assigned+` AND (`+assignedToAll+` OR `+givenTo("$"+strconv.Itoa(lookupSize+1))+`) AND a.key`, ` ORDER BY p.name_sort, p.key`)

func (s *Store) applicationsIn(ctx context.Context, userKey int64, in []backoffice.Standing) (list []backoffice.UserApplication, err error) {
	keys, of := make([]int64, len(in)), map[int64][]backoffice.UserApplication{}
	for i, standing := range in {
		keys[i] = standing.Account.Key
	}
	if err := lookup(ctx, s.query(), selectApplicationsIn, keys, func(r rowScanner) error {
		var account int64
		var v backoffice.UserApplication
		var err error
		v.Application, err = scanApplicationAnd(r, word[backoffice.AssignmentPath]{&v.Path}, &account)
		of[account] = append(of[account], v)
		return err
	}, userKey); err != nil {
		return nil, err
	}
	for _, standing := range in {
		for _, v := range of[standing.Account.Key] {
			v.Account = standing.Account
			list = append(list, v)
		}
	}
	return list, nil
}
