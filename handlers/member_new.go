package handlers

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// memberNewRoutes add a user to an account.
func (s *server) memberNewRoutes() []route {
	return []route{
		{http.MethodGet, "/backoffice/accounts/:id/users/new", backoffice.WriteAccounts, s.showNewMember},
		{http.MethodPost, "/backoffice/accounts/:id/users", backoffice.WriteAccounts, s.addMember},
	}
}

// showNewMember offers the default roles, and to an account without users those
// of a first user.
func (s *server) showNewMember(c *call) error {
	a, err := c.account()
	if err != nil {
		return err
	}
	f := views.NewMemberForm{Account: a, New: backoffice.NewMember{Invite: true}}
	if f.Roles, err = c.store().GrantableRoles(c.ctx(), a); err != nil {
		return err
	}
	for _, r := range f.Roles {
		if a.Users == 0 && r.FirstUser || a.Users > 0 && r.Default {
			f.New.Roles = append(f.New.Roles, r.Key)
		}
	}
	return s.renderNewMember(c, http.StatusOK, f)
}

func (s *server) renderNewMember(c *call, status int, f views.NewMemberForm) error {
	f.MailOff = s.Mail == ""
	var err error
	if f.Mine, err = c.store().Assignments(c.ctx(), f.Account.Key); err != nil {
		return err
	}
	if f.Page, err = c.page("Add user", views.PartAccounts); err != nil {
		return err
	}
	if !c.isFragment() {
		if f.Ancestors, err = c.store().Ancestors(c.ctx(), f.Account.Key); err != nil {
			return err
		}
	}
	return c.render(status, f.Page, views.NewMemberPage(f), section{"dialog", views.NewMemberDialog(f)})
}

func (s *server) addMember(c *call) error {
	a, err := c.account()
	if err != nil {
		return err
	}
	form, err := c.fields("email", "message", "how")
	if err != nil {
		return err
	}
	posted, err := c.posted()
	if err != nil {
		return err
	}
	if len(posted["application"]) > backoffice.MaxApplications {
		return errTwice
	}
	n := backoffice.NewMember{Email: strings.TrimSpace(form["email"]), Message: form["message"], Roles: slices.Clone(posted["role"]), Applications: slices.Clone(posted["application"]), Invite: form["how"] != "silent"}
	var u backoffice.User
	if n.Invite {
		u, err = c.store().InviteUser(c.ctx(), c.actor, a.ID, n, auth.InvitationToken.New)
	} else {
		u, err = c.store().AddUser(c.ctx(), c.actor, a.ID, n)
	}
	var problems backoffice.Problems
	if errors.As(err, &problems) {
		f := views.NewMemberForm{Account: a, New: n, Problems: problems}
		if f.Roles, err = c.store().GrantableRoles(c.ctx(), a); err != nil {
			return err
		}
		return s.renderNewMember(c, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	text := u.Email + " was added."
	if n.Invite {
		text = u.Email + " was invited."
	}
	return c.saved(accountPath(a.ID)+"#"+views.AccountUsersID, ui.ToastProps{Text: text}, nil)
}
