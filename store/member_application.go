package store

import (
	"errors"

	"steward/backoffice"
)

// applicationsToGive finds the applications of an account that a user who comes
// into it is given by hand; those that reach every user of it anyway are left out.
// Errors: ErrNotFound, ErrForbidden, a Refusal for one that the account does not
// have.
func (t *tx) applicationsToGive(account int64, ids []string) ([]backoffice.Application, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if err := t.mayAssign(account, backoffice.WriteApplications); err != nil {
		return nil, err
	}
	var list []backoffice.Application
	for _, id := range distinct(ids) {
		a, err := scanApplication(t.get(selectApplicationByID, id))
		var path backoffice.AssignmentPath
		if err == nil {
			path, err = pathTo(t.ctx, t, account, a.Key)
		}
		switch {
		case errors.Is(err, backoffice.ErrNotFound) || err == nil && path == "":
			return nil, backoffice.Refusal("The account does not have one of these applications. Choose again.")
		case err != nil:
			return nil, err
		case !path.ReachesAll():
			list = append(list, a)
		}
	}
	return list, nil
}

// giveByHand gives a user of an account one of its applications, and tells the
// trail of it; who has it already keeps it as it is.
func (t *tx) giveByHand(account backoffice.Account, a backoffice.Application, u backoffice.User) error {
	n, err := t.exec(`INSERT INTO user_applications (account_key, application_key, user_key, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account_key, application_key, user_key) DO UPDATE SET rests_at = NULL, created_at = $4 WHERE user_applications.rests_at IS NOT NULL`,
		account.Key, a.Key, u.Key, t.now.UnixMicro())
	if err != nil || n == 0 {
		return err
	}
	return t.record(event{action: "user.application-given", kind: "user", id: u.ID, name: userLabel(u.Name, u.Email), accountKey: account.Key, after: map[string]any{"application": a.Name}})
}
