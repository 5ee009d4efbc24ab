package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// reachRoutes say to staff who comes into an account, and why.
func (s *server) reachRoutes() []route {
	const get, read = http.MethodGet, backoffice.ReadAccounts
	return []route{
		{get, views.AccessAskPath, read, s.askWhy},
		{get, "/backoffice/accounts/:id/reach", read, s.showReach},
		{get, "/backoffice/accounts/:id/users/:user/why", read, s.showWhy},
	}
}

// portalReachRoutes say it to users, of the account that they are in and of those
// below it.
func (s *server) portalReachRoutes() []portalRoute {
	const get = http.MethodGet
	return []portalRoute{
		{get, "/portal/reach", backoffice.ReadUsers, s.showReach},
		{get, "/portal/users/:id/why", backoffice.ReadUsers, s.showWhy},
		{get, "/portal/accounts/:account/reach", backoffice.ReadSubAccounts, s.showReach},
		{get, "/portal/accounts/:account/users/:id/why", backoffice.ReadSubAccounts, s.showWhy},
	}
}

// place is the account that a page about access is of, as who asks may see it.
type place struct {
	views.PlaceScene
	held  backoffice.Permissions // of a user in the portal, in this account
	roles []backoffice.Role      // likewise
}

// place finds the account that the path names. Staff may by their route; a user
// needs the permission in that very account, and sees it when it is the one that
// they are in or, where they manage sub-accounts, lies below it. Errors:
// ErrNotFound, ErrForbidden.
func (c *call) place(need backoffice.Permission) (p place, err error) {
	p.Now = c.s.now()
	if c.actor.Kind != backoffice.ActorUser {
		if p.Account, err = c.account(); err != nil {
			return p, err
		}
		p.Above, err = c.store().Ancestors(c.ctx(), p.Account.Key)
		p.Above = append(p.Above, backoffice.AccountRef{Key: p.Account.Key, ID: p.Account.ID, Name: p.Account.Name})
		return p, err
	}
	home, err := c.here()
	if err != nil {
		return p, err
	}
	p.Home = home.ID
	id := c.param("account")
	if id == home.ID && !home.IsReseller {
		return p, backoffice.ErrNotFound // who manages none has its own pages only
	}
	if id == "" || id == home.ID {
		p.Account, p.Above, p.roles = home, []backoffice.AccountRef{c.actor.Account}, c.actor.Roles
	} else {
		if !home.IsReseller {
			return p, backoffice.ErrNotFound
		}
		if p.Account, p.Above, err = c.store().SubAccountOf(c.ctx(), c.actor.Account, id); err != nil {
			return p, err
		}
		if p.roles, err = c.rolesIn(p.Account.Key); err != nil {
			return p, err
		}
	}
	p.held = backoffice.PermissionsOf(p.roles)
	if !p.held.Has(need) {
		return p, backoffice.ErrForbidden
	}
	return p, nil
}

// heldIn are the permissions that the user of the portal holds in an account.
func (c *call) heldIn(account int64) (backoffice.Permissions, error) {
	roles, err := c.rolesIn(account)
	return backoffice.PermissionsOf(roles), err
}

// rolesIn are the roles that the user of the portal holds in an account.
func (c *call) rolesIn(account int64) ([]backoffice.Role, error) {
	standing, err := c.store().StandingIn(c.ctx(), c.actor.Key, account)
	if errors.Is(err, backoffice.ErrNotFound) || err == nil && !standing.Enters() {
		return nil, nil
	}
	return standing.Roles, err
}

// userID is the user that the path of a page about access names.
func (c *call) userID() string {
	if c.actor.Kind == backoffice.ActorUser {
		return c.param("id")
	}
	return c.param("user")
}

// mayGive reports whether a user in the portal may give the roles in the account.
func (p place) mayGive(roles ...backoffice.Role) bool {
	return backoffice.MayGrant(p.roles, roles) == nil
}

// frame begins the page around a page about access.
func (p *place) frame(c *call, title string) (err error) {
	if !p.IsPortal() {
		p.Page, err = c.page(title, views.PartAccounts)
		return err
	}
	part := views.PortalUsers
	if p.Home != p.Account.ID {
		part = views.PortalAccounts
	}
	p.Page, err = c.portal(title, part)
	return err
}

// within are the keys of the accounts of the path that may be seen.
func (p place) within() (keys []int64) {
	for _, a := range p.Above {
		keys = append(keys, a.Key)
	}
	return keys
}

// seen leaves of somebody's ways into an account what may be told.
func (p place) seen(who backoffice.Reacher) backoffice.Reacher {
	if !p.IsPortal() {
		return who
	}
	return who.From(p.within())
}

func (s *server) showReach(c *call) error {
	p, err := c.place(backoffice.ReadUsers)
	if err != nil {
		return err
	}
	after := c.QueryParam("after")
	found, err := c.store().WhoReaches(c.ctx(), p.Account, after)
	if err != nil {
		return err
	}
	if err := p.frame(c, "Who can reach "+p.Account.Name); err != nil {
		return err
	}
	scene := views.ReachScene{PlaceScene: p.PlaceScene, Total: found.Total, After: after, Next: found.Next}
	for _, r := range found.Rows {
		scene.Rows = append(scene.Rows, p.seen(r))
	}
	return c.render(http.StatusOK, p.Page, views.ReachPage(scene))
}

// askWhy finds the user and the account that staff ask for, and leads to the
// answer.
func (s *server) askWhy(c *call) error {
	q := c.QueryParams()
	scene := views.WhyScene{AskedUser: clippedQuery(q.Get("user")), AskedAccount: clippedQuery(q.Get("account")), Permission: askedPermission(q)}
	status := http.StatusOK
	if q.Has("user") || q.Has("account") {
		u, err := c.store().FindUser(c.ctx(), scene.AskedUser)
		if errors.Is(err, backoffice.ErrNotFound) {
			scene.Problems.Add("user", "No user has this address or ID.")
		} else if err != nil {
			return err
		}
		var rows []backoffice.AccountRow
		if strings.TrimSpace(scene.AskedAccount) != "" {
			if rows, err = c.store().FindAccounts(c.ctx(), scene.AskedAccount, 1); err != nil {
				return err
			}
		}
		if len(rows) == 0 {
			scene.Problems.Add("account", "No account has this ID or name.")
		}
		if len(scene.Problems) == 0 {
			to := accountPath(rows[0].ID) + "/users/" + url.PathEscape(u.ID) + "/why"
			if scene.Permission != "" {
				to += "?permission=" + url.QueryEscape(string(scene.Permission))
			}
			return c.goTo(to)
		}
		status = http.StatusUnprocessableEntity
	}
	scene.Now = s.now()
	scene.Options = permissionOptions(nil)
	var err error
	if scene.Page, err = c.page("Why does this person have access?", views.PartAccounts); err != nil {
		return err
	}
	return c.render(status, scene.Page, views.WhyPage(scene))
}

// askedPermission is the permission that an address asks for; what can be none is
// as if it were not there.
func askedPermission(q url.Values) backoffice.Permission {
	if p := backoffice.Permission(q.Get("permission")); p.Valid() && !p.Wildcard() {
		return p
	}
	return ""
}

// permissionOptions are what can be asked for: the catalogue, and the keys that
// the user's roles hold beside it.
func permissionOptions(further backoffice.Permissions) []ui.Option {
	options := []ui.Option{{Label: "Any access"}}
	for _, category := range backoffice.PermissionCategories(further) {
		for _, e := range category.Entries {
			options = append(options, ui.Option{Value: string(e.Key), Label: e.Key.Label()})
		}
	}
	return options
}

// showWhy explains by which paths a user comes into an account.
func (s *server) showWhy(c *call) error {
	p, err := c.place(backoffice.ReadUsers)
	if err != nil {
		return err
	}
	who, err := c.store().Why(c.ctx(), p.Account, c.userID())
	if err != nil {
		return err
	}
	who = p.seen(who)
	if p.IsPortal() && len(who.Paths) == 0 {
		return backoffice.ErrNotFound // of nobody else is there anything to know
	}
	if err := p.frame(c, cmp.Or(who.User.Name, who.User.Email)); err != nil {
		return err
	}
	roles, err := c.store().GrantableRoles(c.ctx(), p.Account)
	if err != nil {
		return err
	}
	scene := views.WhyScene{PlaceScene: p.PlaceScene, Who: who, Permission: askedPermission(c.QueryParams())}
	further := backoffice.PermissionsOf(who.Roles())
	if scene.Permission != "" {
		further = append(further, scene.Permission)
		scene.Answer = who.AnswerFor(scene.Permission, roles)
	}
	scene.Options = permissionOptions(further)
	scene.MayRevoke, scene.Reaches = make([]string, len(who.Paths)), make([]int64, len(who.Paths))
	scene.Remains = make([]backoffice.Remainder, len(who.Paths))
	for i, path := range who.Paths {
		if scene.Remains[i], err = c.remains(p, who.User, path); err != nil {
			return err
		}
		if scene.MayRevoke[i], err = c.revocation(p, who.User.ID, path); err != nil {
			return err
		}
		if !path.Direct && path.At.Key != 0 {
			if scene.Reaches[i], err = c.store().BranchSize(c.ctx(), path.At.Key); err != nil {
				return err
			}
		}
	}
	if scene.Earlier, err = c.store().EarlierAccess(c.ctx(), who.User, p.within()); err != nil {
		return err
	}
	scene.Missing = missing(p, scene)
	return c.render(http.StatusOK, p.Page, views.WhyPage(scene))
}

// remains is what would be left without a path of all that it leads into, as far as
// who asks may see it: whoever does not read sub-accounts learns of the account
// alone.
func (c *call) remains(p place, user backoffice.User, path backoffice.AccessPath) (m backoffice.Remainder, err error) {
	if path.At.Key == 0 || p.IsPortal() && !c.actor.MayHere(backoffice.ReadSubAccounts) {
		return m, nil
	}
	if m, err = c.store().Remains(c.ctx(), user, path); err != nil || !p.IsPortal() {
		return m, err
	}
	// Ways that begin above what may be seen have no names.
	home, err := c.store().Ancestors(c.ctx(), c.actor.Account.Key)
	for i, g := range m.Grants {
		if slices.ContainsFunc(home, func(a backoffice.AccountRef) bool { return a.Key == g.Key }) {
			m.Grants[i] = backoffice.AccountRef{}
		}
	}
	return m, err
}

// revocation is where a path is revoked, "" where it is not the actor's to revoke.
func (c *call) revocation(p place, user string, path backoffice.AccessPath) (string, error) {
	if path.At.Key == 0 || !path.Direct && (path.Always || path.Grant.At.IsZero()) {
		return "", nil
	}
	at := p.PlaceScene
	at.Account.Key, at.Account.ID = path.At.Key, path.At.ID
	if !p.IsPortal() {
		if !c.may(backoffice.WriteAccounts) {
			return "", nil
		}
		if path.Direct {
			return userPath(user) + "/memberships/" + url.PathEscape(path.At.ID) + "/removal", nil
		}
		return at.UserPath(user, "/access/revocation"), nil
	}
	held, err := c.heldIn(path.At.Key)
	if err != nil {
		return "", err
	}
	switch {
	case path.Direct && held.Has(backoffice.DeleteUsers):
		return at.UserPath(user, "/removal"), nil
	case !path.Direct && held.Has(backoffice.WriteSubAccountAccess) && c.actor.MayHere(backoffice.WriteSubAccountAccess):
		return at.UserPath(user, "/access/revocation"), nil
	}
	return "", nil
}

// maxMissing is how many grants are named that somebody does not have.
const maxMissing = 6

// missing says why there is no more access than there is.
func missing(p place, s views.WhyScene) (list []views.WhyMissing) {
	who := s.Who
	if who.User.Locked {
		list = append(list, views.WhyMissing{Title: "Locked", Text: "The user can sign in nowhere until they are unlocked."})
	}
	if s.Permission != "" && !s.Answer.Held() {
		list = append(list, views.WhyMissing{Title: s.Permission.Label(), Text: s.Answer.Sentence(), Code: string(s.Permission)})
	}
	for _, path := range who.Paths {
		if !path.Open() {
			list = append(list, views.WhyMissing{Title: path.Title(), Text: path.Blocked})
		}
	}
	held := backoffice.PermissionsOf(who.Roles())
	if who.Enters() && s.Permission == "" {
		var lacks []string
		for _, e := range backoffice.BuiltInPermissions() {
			if !held.Has(e.Key) {
				lacks = append(lacks, e.Name)
			}
		}
		if len(lacks) > 0 {
			list = append(list, views.WhyMissing{Title: ui.Count(int64(len(lacks)), "permission", "permissions"), Text: "None of the paths holds: " + strings.Join(lacks, ", ") + "."})
		}
	}
	if who.Enters() {
		return list
	}
	// From the account itself upwards.
	for i, a := range slices.Backward(p.Above) {
		if slices.ContainsFunc(who.Paths, func(path backoffice.AccessPath) bool { return path.At.Key == a.Key }) {
			continue
		}
		if i == len(p.Above)-1 {
			list = append(list, views.WhyMissing{Title: "Membership in " + a.Name, Text: "They are no member of this account."})
		} else {
			list = append(list, views.WhyMissing{Title: "Access grant at " + a.Name, Text: "They are no member there; a membership with access to its sub-accounts would lead in here."})
		}
		if len(list) >= maxMissing {
			break
		}
	}
	return list
}
