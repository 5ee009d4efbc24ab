package handlers

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

func (s *server) accountNewRoutes() []route {
	return []route{
		{http.MethodGet, views.AccountsPath + "/new", backoffice.WriteAccounts, s.showNewAccount},
		{http.MethodPost, views.AccountsPath, backoffice.WriteAccounts, s.createAccount},
	}
}

func (s *server) showNewAccount(c *call) error {
	return s.renderNewAccount(c, http.StatusOK, views.NewAccountForm{Token: uuid.NewString()})
}

func (s *server) renderNewAccount(c *call, status int, f views.NewAccountForm) error {
	var err error
	if f.Page, err = c.page("Add new account", views.PartAccounts); err != nil {
		return err
	}
	return c.render(status, f.Page, views.NewAccountPage(f), section{"dialog", views.NewAccountDialog(f)})
}

// createAccount adds an account. The form carries the ID that an account
// without one gets: whoever sends the form twice adds it once.
func (s *server) createAccount(c *call) error {
	form, err := c.fields("name", "id", "email", "invite", "token")
	if err != nil {
		return err
	}
	f := views.NewAccountForm{Name: form["name"], ID: strings.TrimSpace(form["id"]), Email: strings.TrimSpace(form["email"]), Invite: form["invite"] == "true", Token: form["token"]}
	if t, err := uuid.Parse(f.Token); err != nil || t.String() != f.Token {
		f.Token = uuid.NewString()
	}
	n := backoffice.NewAccount{Name: f.Name, ID: f.ID, PrimaryEmail: f.Email}
	if f.Invite {
		n.Invite = auth.InvitationToken.New
	}
	if n.ID == "" {
		n.ID = f.Token
	}
	a, err := c.store().CreateAccount(c.ctx(), c.actor, n)
	var problems backoffice.Problems
	var binned *store.InBin
	switch {
	case errors.As(err, &binned) && f.ID == "":
		// Added by this form, deleted, and sent again: a new account is meant.
		n.ID = ""
		if a, err = c.store().CreateAccount(c.ctx(), c.actor, n); err != nil {
			return err
		}
	case errors.As(err, &binned):
		f.Binned = binned.ID
		f.Problems = backoffice.Problems{"id": binned.Error()}
		return s.renderNewAccount(c, http.StatusUnprocessableEntity, f)
	case errors.As(err, &problems):
		if problems["id"] != "" {
			if there, ok := s.addedBefore(c, n, f); ok {
				a = there
				break
			}
		}
		f.Problems = problems
		return s.renderNewAccount(c, http.StatusUnprocessableEntity, f)
	case err != nil:
		return err
	}
	return c.saved(views.AccountsPath+"/"+a.ID, ui.ToastProps{Text: "“" + a.Name + "” was added."}, nil)
}

// sentTwice is how long after the first a second sending of the same form with
// an ID of its own is taken for the same act.
const sentTwice = 2 * time.Minute

// addedBefore finds the account that this very form has added already: by the
// form's token, or, with an ID that was typed, the same account just now.
func (s *server) addedBefore(c *call, n backoffice.NewAccount, f views.NewAccountForm) (backoffice.Account, bool) {
	a, err := c.store().Account(c.ctx(), n.ID)
	if err != nil {
		return a, false
	}
	if f.ID == "" {
		return a, true
	}
	name, _ := backoffice.CleanName(f.Name, backoffice.MaxName)
	email := backoffice.Email("")
	if f.Email != "" {
		email, _ = backoffice.ParseEmail(f.Email)
	}
	return a, a.Name == name && a.PrimaryEmail == string(email) && s.now().Sub(a.CreatedAt) < sentTwice
}
