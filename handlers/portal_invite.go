package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// portalInviteRoutes invite users to an account below the one that the user is
// in. What it takes is held there, not here: the handlers ask for it.
func (s *server) portalInviteRoutes() []portalRoute {
	return []portalRoute{
		{http.MethodGet, "/portal/accounts/:id/users/new", backoffice.ReadSubAccounts, s.showInviteBelow},
		{http.MethodPost, "/portal/accounts/:id/users", backoffice.ReadSubAccounts, s.inviteBelow},
	}
}

// inviting is the account that users are invited to, with what the actor holds in
// it.
type inviting struct {
	account backoffice.Account
	path    []backoffice.AccountRef // from the own account down to it; nil for the own one
	roles   []backoffice.Role
}

func (i inviting) may(p backoffice.Permission) bool {
	return backoffice.PermissionsOf(i.roles).Has(p)
}

// hereInviting is the account that the user is in.
func (c *call) hereInviting() (i inviting, err error) {
	i.roles = c.actor.Roles
	i.account, err = c.here()
	return i, err
}

// belowInviting is the account that the path names. Errors: ErrNotFound for what
// the user does not see, ErrForbidden where they may not invite.
func (c *call) belowInviting() (i inviting, err error) {
	m, err := c.managedAccount()
	if err != nil {
		return i, err
	}
	i = inviting{account: m.Account, path: m.Path, roles: m.roles}
	if !i.may(backoffice.WriteUsers) {
		return i, backoffice.ErrForbidden
	}
	return i, nil
}

// access says whether who is invited can be given access to what lies below the
// account, and if not, why it needs no saying.
func (c *call) access(i inviting) (offered bool, note string, err error) {
	below := int64(0)
	if i.account.IsReseller || i.path != nil {
		if below, err = c.store().BranchSize(c.ctx(), i.account.Key); err != nil {
			return false, "", err
		}
	}
	switch {
	case !i.account.IsReseller && below == 0:
		return false, "", nil
	case i.account.SubAccess != backoffice.AccessOff && i.account.IsReseller:
		return false, "New users of this account get access to its sub-accounts: that is its default.", nil
	}
	home, err := c.here()
	return err == nil && home.IsReseller && c.actor.MayHere(backoffice.ReadSubAccounts) && c.actor.MayHere(backoffice.WriteSubAccountAccess) &&
		i.may(backoffice.WriteSubAccountAccess), "", err
}

func (s *server) showInviteUser(c *call) error {
	i, err := c.hereInviting()
	if err != nil {
		return err
	}
	return s.invitePage(c, http.StatusOK, i, views.PortalInvite{})
}

func (s *server) inviteUser(c *call) error {
	i, err := c.hereInviting()
	if err != nil {
		return err
	}
	return s.inviteUsers(c, i)
}

func (s *server) showInviteBelow(c *call) error {
	i, err := c.belowInviting()
	if err != nil {
		return err
	}
	return s.invitePage(c, http.StatusOK, i, views.PortalInvite{})
}

func (s *server) inviteBelow(c *call) error {
	i, err := c.belowInviting()
	if err != nil {
		return err
	}
	return s.inviteUsers(c, i)
}

func (s *server) invitePage(c *call, status int, i inviting, scene views.PortalInvite) (err error) {
	part := views.PortalUsers
	if i.path != nil {
		part = views.PortalAccounts
	}
	if scene.Page, err = c.portal("Invite Users", part); err != nil {
		return err
	}
	scene.Account, scene.Path = i.account, i.path
	all, err := c.store().GrantableRoles(c.ctx(), i.account)
	if err != nil {
		return err
	}
	for _, r := range all {
		if backoffice.MayGrant(i.roles, []backoffice.Role{r}) == nil {
			scene.Roles = append(scene.Roles, r)
		}
	}
	if status == http.StatusOK && len(scene.New.Roles) == 0 {
		for _, r := range scene.Roles {
			if r.Default {
				scene.New.Roles = append(scene.New.Roles, r.Key)
			}
		}
	}
	if scene.AccessOffered, scene.AccessNote, err = c.access(i); err != nil {
		return err
	}
	return c.render(status, scene.Page, views.PortalInvitePage(scene))
}

// maxInvited is how many are invited at once.
const maxInvited = 100

// addresses parts what was typed into addresses, each once, in their order.
func addresses(typed string) []string {
	parts := strings.FieldsFunc(typed, func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) })
	var list []string
	for _, p := range parts {
		if !slices.ContainsFunc(list, func(o string) bool { return strings.EqualFold(o, p) }) {
			list = append(list, p)
		}
	}
	return list
}

// inviteUsers invites everybody who was typed, each by themselves: who cannot be
// invited stays in the form with the reason, and nothing typed is lost.
func (s *server) inviteUsers(c *call, i inviting) error {
	form, err := c.posted()
	if err != nil {
		return err
	}
	typed := form.Get("email")
	scene := views.PortalInvite{Typed: typed, New: backoffice.NewMember{Roles: form["roles"], Message: form.Get("message"), Invite: true, Access: form.Get("access") == "true"}}
	list := addresses(typed)
	switch {
	case len(list) == 0:
		list = []string{""} // refused with the sentence of an empty address
	case len(list) > maxInvited:
		scene.Problems = backoffice.Problems{"email": "At most " + ui.Number(maxInvited) + " people are invited at once. These are " + ui.Number(len(list)) + "."}
		return s.invitePage(c, http.StatusUnprocessableEntity, i, scene)
	}
	if scene.New.Access {
		if offered, _, err := c.access(i); err != nil {
			return err
		} else if !offered {
			return backoffice.ErrForbidden
		}
	}
	var last backoffice.User
	for at, email := range list {
		n := scene.New
		n.Email = email
		u, err := c.store().InviteUser(c.ctx(), c.actor, i.account.ID, n, auth.InvitationToken.New)
		var refusal backoffice.Refusal
		switch p, refused := problemsOf(err); {
		case refused && (p["roles"] != "" || p["message"] != ""):
			// It holds for everybody: those who were not asked about yet stay.
			scene.Problems = p
			scene.Typed = strings.Join(append(scene.RefusedAddresses(), list[at:]...), "\n")
			return s.invitePage(c, http.StatusUnprocessableEntity, i, scene)
		case refused:
			scene.Refused = append(scene.Refused, views.InviteRefusal{Email: email, Reason: p["email"]})
		case errors.As(err, &refusal):
			scene.Refused = append(scene.Refused, views.InviteRefusal{Email: email, Reason: refusal.Error()})
		case err != nil:
			return err
		default:
			scene.Invited, last = append(scene.Invited, u.Email), u
		}
	}
	if len(scene.Refused) > 0 {
		scene.Problems = backoffice.Problems{}
		if len(list) == 1 {
			scene.Problems.Add("email", scene.Refused[0].Reason)
			scene.Refused = nil
		} else {
			scene.Problems.Add("email", ui.Count(int64(len(scene.Refused)), "address", "addresses")+" could not be invited: see the reason of each.")
			scene.Typed = strings.Join(scene.RefusedAddresses(), "\n")
		}
		return s.invitePage(c, http.StatusUnprocessableEntity, i, scene)
	}
	if len(list) > 1 {
		return c.saved(i.usersPath(), ui.ToastProps{Text: ui.Number(len(list)) + " users were invited to " + i.account.Name + "."}, nil)
	}
	if i.path != nil {
		return c.saved(i.usersPath(), ui.ToastProps{Text: last.Email + " was invited to " + i.account.Name + "."}, nil)
	}
	return c.saved("/portal/users/"+url.PathEscape(last.ID), ui.ToastProps{Text: last.Email + " was invited."}, nil)
}

// usersPath is where the users of the account are listed.
func (i inviting) usersPath() string {
	if i.path == nil {
		return "/portal/users"
	}
	return views.PortalAccountPath(i.account.ID, "#account-users")
}
