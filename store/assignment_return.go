package store

import (
	"context"
	"time"

	"steward/backoffice"
)

var removedTables = []string{"removed_user_applications", "removed_assignments"}

// keepAssignment notes how an account has an application that is taken from it, and
// to whom it was given by hand, so that it can come back for 30 days; what an earlier
// removal of the same kept is gone.
func (t *tx) keepAssignment(removal string, account, application int64) error {
	if err := t.forgetAssignment(account, application); err != nil {
		return err
	}
	if err := t.one(`INSERT INTO removed_assignments (id, account_key, application_key, own, auto_assigned, created_at, removed_at)
		SELECT $1, a.key, p.key, CASE WHEN aa.account_key IS NULL THEN FALSE ELSE TRUE END, COALESCE(aa.auto_assigned, FALSE), COALESCE(aa.created_at, 0), CAST($2 AS BIGINT)
		FROM`+assignmentTables+`WHERE a.key = $3 AND p.key = $4`, removal, t.now.UnixMicro(), account, application); err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO removed_user_applications (account_key, application_key, user_key, created_at, rests_at)
		SELECT account_key, application_key, user_key, created_at, rests_at FROM user_applications WHERE account_key = $1 AND application_key = $2`, account, application)
	return err
}

func (t *tx) forgetAssignment(account, application int64) error {
	for _, table := range removedTables {
		if _, err := t.exec(`DELETE FROM `+table+` WHERE account_key = $1 AND application_key = $2`, account, application); err != nil {
			return err
		}
	}
	return nil
}

// LastRemoval returns the ID of the last removal of an application from an account that
// can be undone. Errors: ErrNotFound.
func (s *Store) LastRemoval(ctx context.Context, accountID, applicationID string) (id string, err error) {
	err = s.query().row(ctx, `SELECT r.id FROM removed_assignments r JOIN accounts a ON a.key = r.account_key JOIN applications p ON p.key = r.application_key
		WHERE a.id = $1 AND p.id = $2 AND r.removed_at > $3`, accountID, applicationID, s.Now().Add(-backoffice.BinDays*24*time.Hour).UnixMicro()).Scan(&id)
	return id, err
}

// ReturnApplication takes the removal of an application from an account back, by its
// ID: the account has it as before, and so has everybody to whom it was given by
// hand, but for those who came in anew since. Who is not in the account any more
// has it again when they come back by undo. Only staff and machines may. Errors:
// ErrNotFound when there is nothing left to undo, because it was assigned again as
// well, ErrForbidden, a Refusal when the environment assigns it meanwhile, or no more.
func (s *Store) ReturnApplication(ctx context.Context, actor backoffice.Actor, accountID, applicationID, removal string) error {
	return s.update(ctx, actor, func(t *tx) error {
		if err := t.mayStill(backoffice.WriteAllApplications); err != nil {
			return err
		}
		account, a, path, err := t.assignmentNow(accountID, applicationID)
		if err != nil {
			return err
		}
		var own, auto bool
		var created, removed int64
		if err := t.get(`SELECT own, auto_assigned, created_at, removed_at FROM removed_assignments WHERE id = $1 AND account_key = $2 AND application_key = $3 AND removed_at > $4`,
			removal, account.Key, a.Key, t.now.Add(-backoffice.BinDays*24*time.Hour).UnixMicro()).Scan(&own, &auto, &created, &removed); err != nil {
			return err
		}
		switch {
		case path != "":
			return backoffice.Refusal("“" + a.Name + "” was assigned to this account again meanwhile.")
		case !own && !a.ReachesAll():
			return backoffice.Refusal("“" + a.Name + "” is not assigned to all accounts any more. Assign it to this one.")
		}
		if _, err := t.exec(`DELETE FROM account_applications WHERE account_key = $1 AND application_key = $2`, account.Key, a.Key); err != nil {
			return err
		}
		if own {
			if err := t.one(`INSERT INTO account_applications (account_key, application_key, auto_assigned, created_at) VALUES ($1, $2, $3, $4)`, account.Key, a.Key, auto, created); err != nil {
				return err
			}
		}
		if _, err := t.exec(`INSERT INTO user_applications (account_key, application_key, user_key, created_at, rests_at)
			SELECT r.account_key, r.application_key, r.user_key, r.created_at, r.rests_at FROM removed_user_applications r WHERE r.account_key = $1 AND r.application_key = $2
			ON CONFLICT (account_key, application_key, user_key) DO NOTHING`, account.Key, a.Key); err != nil {
			return err
		}
		if err := t.restGone(account.Key, a.Key, time.UnixMicro(removed)); err != nil {
			return err
		}
		if err := t.forgetAssignment(account.Key, a.Key); err != nil {
			return err
		}
		return t.record(applicationEvent("application.returned", a, account.Key, nil, map[string]any{"account": account.Name, "auto_assigned": auto}))
	})
}
