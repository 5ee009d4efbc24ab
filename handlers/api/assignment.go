package api

import (
	"errors"
	"net/http"

	"steward/backoffice"
)

// reached is an application as it reaches an account, or a user in one.
type reached struct {
	ID     string                     `json:"id"`
	Name   string                     `json:"name"`
	Type   backoffice.ApplicationKind `json:"type"`
	URL    string                     `json:"url"`
	Active bool                       `json:"active"`
	Path   backoffice.AssignmentPath  `json:"path"` // default, environment, account or manual
	// Automatic says that every user of the account has it, so that it cannot be taken
	// from one of them.
	Automatic bool `json:"automatic"`
}

func reachedBy(a backoffice.Application, path backoffice.AssignmentPath) reached {
	return reached{a.ID, a.Name, a.Kind, a.URL, a.Active, path, path.ReachesAll()}
}

// assignment is an application that an account has.
type assignment struct {
	reached
	AutoAssigned bool  `json:"autoAssigned"` // by the account itself, beside what the environment does
	Users        int64 `json:"users"`        // to whom it was given; of an automatic one, all users by membership
}

func assignmentOf(v backoffice.AccountApplication) assignment {
	return assignment{reachedBy(v.Application, v.Path), v.Auto, v.Users}
}

// listAccountApplications lists all applications that an account has, by name: there
// are at most backoffice.MaxApplications.
func (a *API) listAccountApplications(r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	account, err := a.store.Account(r.ctx(), r.params["id"])
	if err != nil {
		return err
	}
	list, err := a.store.AccountApplications(r.ctx(), account.Key)
	if err != nil {
		return err
	}
	out := struct {
		Applications []assignment `json:"applications"`
	}{make([]assignment, len(list))}
	for i, v := range list {
		out.Applications[i] = assignmentOf(v)
	}
	write(r.ResponseWriter, http.StatusOK, "application/json", out)
	return nil
}

// assignment finds the application that the path names, in the account that it
// names, without counting its users. Errors: ErrNotFound where the account does not have it.
func (a *API) assignment(r *request) (account backoffice.Account, v backoffice.AccountApplication, err error) {
	if account, err = a.store.Account(r.ctx(), r.params["id"]); err == nil {
		v, err = a.store.Assignment(r.ctx(), account.Key, r.params["application"])
	}
	return account, v, err
}

func (a *API) showAssignment(r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	account, err := a.store.Account(r.ctx(), r.params["id"])
	if err != nil {
		return err
	}
	v, err := a.store.AccountApplication(r.ctx(), account.Key, r.params["application"])
	if err != nil {
		return err
	}
	write(r.ResponseWriter, http.StatusOK, "application/json", assignmentOf(v))
	return nil
}

// assignApplication gives an account an application, or leaves the one that it has,
// and says whether every user of the account has it, where the body names that. The
// same body again changes nothing. What the environment assigns reaches every user
// already, and cannot be kept from one, whatever the account itself says.
func (a *API) assignApplication(r *request) error {
	var auto *bool
	refused, err := r.switches("an assignment", map[string]**bool{"autoAssigned": &auto})
	if err != nil {
		return err
	}
	account, v, err := a.assignment(r)
	if errors.Is(err, backoffice.ErrNotFound) && account.Key != 0 {
		v.Application, err = a.store.Application(r.ctx(), r.params["application"])
	}
	if err == nil {
		err = unchanged(refused)
	}
	if err != nil {
		return err
	}
	switch {
	case auto != nil && !*auto && v.ReachesAll():
		path := backoffice.ByEnvironment
		if v.Default {
			path = backoffice.ByDefault
		}
		err = backoffice.Refusal(path.Fixed())
	case v.Path == "":
		_, err = a.store.AssignApplications(r.ctx(), r.actor, account.ID, []string{v.ID}, auto != nil && *auto && !v.ReachesAll())
	case auto != nil && *auto != v.Auto && !v.ReachesAll():
		err = a.store.SetAutoAssignment(r.ctx(), r.actor, account.ID, v.ID, *auto)
	}
	if err != nil {
		return err
	}
	return a.showAssignment(r)
}

// removeApplication takes an application from an account and from all of its users;
// one that it does not have stays away.
func (a *API) removeApplication(r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	if err := a.store.RemoveApplication(r.ctx(), r.actor, r.params["id"], r.params["application"]); err != nil {
		return err
	}
	r.WriteHeader(http.StatusNoContent)
	return nil
}

// applicationUser is a user who has an application in an account.
type applicationUser struct {
	ID        string                    `json:"id"`
	Email     string                    `json:"email"`
	Name      string                    `json:"name"`
	Granted   bool                      `json:"granted"` // is in the account by access from above, and no member
	Path      backoffice.AssignmentPath `json:"path"`
	Automatic bool                      `json:"automatic"`
}

// applicationUserPage is a page of them by address; Next as of applicationPage.
type applicationUserPage struct {
	Users []applicationUser `json:"users"`
	Next  string            `json:"next,omitempty"`
}

// listApplicationUsers lists who has an application in an account, by membership or
// by access from above.
func (a *API) listApplicationUsers(r *request) error {
	after, limit, err := r.page()
	if err != nil {
		return err
	}
	account, v, err := a.assignment(r)
	if err != nil {
		return err
	}
	found, err := a.store.ApplicationUsers(r.ctx(), account.Key, v.Key, backoffice.ApplicationUserFilter{After: after, Limit: limit})
	if err != nil {
		return err
	}
	if found.Lost {
		return lost()
	}
	page := applicationUserPage{make([]applicationUser, len(found.Rows)), found.Next}
	for i, u := range found.Rows {
		page.Users[i] = applicationUser{u.UserID, u.Email, u.Name, u.Granted, u.Path, u.Path.ReachesAll()}
	}
	write(r.ResponseWriter, http.StatusOK, "application/json", page)
	return nil
}

// giveApplication gives a user of an account one of its applications; who has it
// keeps it as it is.
func (a *API) giveApplication(r *request) error {
	refused, err := r.switches("a user's assignment", nil)
	if err != nil {
		return err
	}
	if err := unchanged(refused); err != nil {
		return err
	}
	if err := a.store.GiveApplication(r.ctx(), r.actor, r.params["id"], r.params["application"], r.params["user"]); err != nil {
		return err
	}
	r.WriteHeader(http.StatusNoContent)
	return nil
}

// takeApplication takes an application from one user of an account; who does not
// have it goes without.
func (a *API) takeApplication(r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	err := a.store.TakeApplication(r.ctx(), r.actor, r.params["id"], r.params["application"], r.params["user"])
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		return &problem{Status: http.StatusConflict, Title: "It cannot be taken from a single user", Detail: refusal.Error()}
	} else if err != nil {
		return err
	}
	r.WriteHeader(http.StatusNoContent)
	return nil
}

// userApplication is an application that a user can open, and the account from
// which.
type userApplication struct {
	Account accountName `json:"account"`
	reached
}

// accountName is an account as others name it.
type accountName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// listUserApplications lists which applications a user can open now, account by
// account. More says that access from above leads into further accounts, which are
// asked for one by one.
func (a *API) listUserApplications(r *request) error {
	q, err := r.query("account")
	if err != nil {
		return err
	}
	u, err := a.store.User(r.ctx(), r.params["id"])
	if err != nil {
		return err
	}
	var account backoffice.Account
	if q.Has("account") {
		if account, err = a.store.Account(r.ctx(), q.Get("account")); err != nil {
			return err
		}
	}
	list, more, err := a.store.OpenApplications(r.ctx(), u.User, account.Key)
	if err != nil {
		return err
	}
	out := struct {
		Applications []userApplication `json:"applications"`
		More         bool              `json:"more"`
	}{make([]userApplication, len(list)), more}
	for i, v := range list {
		out.Applications[i] = userApplication{accountName{v.Account.ID, v.Account.Name}, reachedBy(v.Application, v.Path)}
	}
	write(r.ResponseWriter, http.StatusOK, "application/json", out)
	return nil
}
