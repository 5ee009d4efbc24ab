package handlers

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// userRoutes are the page of one user over all accounts, and what is changed on
// it.
func (s *server) userRoutes() []route {
	const (
		get, post   = http.MethodGet, http.MethodPost
		read, write = backoffice.ReadAllUsers, backoffice.WriteAllUsers
	)
	return []route{
		{get, "/backoffice/users/new", write, s.showNewUser},
		{post, "/backoffice/users", write, s.createUser},
		{get, "/backoffice/users/:id", read, s.showUser},
		{get, "/backoffice/users/:id/details", write, s.editUserDetails},
		{post, "/backoffice/users/:id/details", write, s.saveUserDetails},
		{post, "/backoffice/users/:id/lock", write, s.lockUser},
		{post, "/backoffice/users/:id/unlock", write, s.unlockUser},
		{post, "/backoffice/users/:id/sessions/end", write, s.endSessionsOfUser},
		{post, "/backoffice/users/:id/user-sessions/:session/end", write, s.endSessionOfUser},
		{post, "/backoffice/users/:id/application-sign-ins/:application/end", write, s.endApplicationOfUser},
		{post, "/backoffice/users/:id/second-factors/reset", write, s.resetSecondFactors},
		{get, "/backoffice/users/:id/memberships/:account/roles", write, s.showUserRoles},
		{post, "/backoffice/users/:id/memberships/:account/roles", write, s.saveUserRoles},
		{post, "/backoffice/users/:id/memberships/:account/disabled", write, s.setUserDisabled},
		{post, "/backoffice/users/:id/memberships/:account/invitation", write, s.inviteMember},
		{get, "/backoffice/users/:id/memberships/:account/removal", write, s.askUserRemoval},
		{post, "/backoffice/users/:id/memberships/:account/removal", write, s.removeUser},
		{post, "/backoffice/users/:id/memberships/:account/restoration", write, s.returnUser},
		{get, "/backoffice/users/:id/metadata", write, s.showSessionMetadata},
		{post, "/backoffice/users/:id/metadata", write, s.saveSessionMetadata},
		{get, "/backoffice/users/:id/secure-metadata", backoffice.ReadSecureMetadata, s.showSecureMetadata},
		{post, "/backoffice/users/:id/secure-metadata", write, s.saveSecureMetadata},
		{get, "/backoffice/users/:id/deletion", write, s.askUserDeletion},
		{post, "/backoffice/users/:id/deletion", write, s.deleteUser},
		{post, "/backoffice/users/:id/restoration", write, s.restoreUser},
		{get, "/backoffice/bin/users", read, s.showBinnedUsers},
	}
}

// userPath is the address of a user's page, without the base path.
func userPath(id string) string { return views.UserPath("", id) }

// user reads the user that the path names.
func (c *call) user() (backoffice.UserDetails, error) { return c.store().User(c.ctx(), c.param("id")) }

// liveUser is user; who is in the bin is ErrNotFound.
func (c *call) liveUser() (backoffice.UserDetails, error) {
	u, err := c.user()
	if err == nil && !u.DeletedAt.IsZero() {
		err = backoffice.ErrNotFound
	}
	return u, err
}

func (c *call) userScene(u backoffice.UserDetails) views.UserScene {
	return views.UserScene{Base: c.s.base, User: u, Now: c.s.now(), MayWrite: c.may(backoffice.WriteAllUsers), Secure: c.may(backoffice.ReadSecureMetadata),
		Days: accountView(c.QueryParams()).Days}
}

// membership is what the path names: a user in one of their accounts.
func (c *call) membership() (scene views.UserRolesScene, a backoffice.Account, err error) {
	u, err := c.liveUser()
	if err != nil {
		return scene, a, err
	}
	if a, err = c.store().Account(c.ctx(), c.param("account")); err != nil {
		return scene, a, err
	}
	scene.UserScene = c.userScene(u)
	list, err := c.store().UserMemberships(c.ctx(), u.Key)
	if err != nil {
		return scene, a, err
	}
	for _, m := range list {
		if m.Account.Key == a.Key {
			scene.Member, scene.Chosen = m, map[string]bool{}
			for _, r := range m.Roles {
				scene.Chosen[r.Key] = true
			}
			scene.Known, err = c.store().GrantableRoles(c.ctx(), a)
			return scene, a, err
		}
	}
	return scene, a, backoffice.ErrNotFound
}

func (s *server) showUserRoles(c *call) error {
	scene, a, err := c.membership()
	if err != nil {
		return err
	}
	return c.renderUserRoles(http.StatusOK, a, scene)
}

func (c *call) renderUserRoles(status int, a backoffice.Account, scene views.UserRolesScene) error {
	page, err := c.page("Roles", views.PartUsers)
	if err != nil {
		return err
	}
	if scene.Seen, err = c.store().Held(c.ctx(), a, scene.User.User); err != nil {
		return err
	}
	if scene.Grant, err = c.grantScene(place{PlaceScene: views.PlaceScene{Page: page, Account: a, Now: c.s.now()}}, scene.User.ID); err != nil {
		return err
	}
	return c.render(status, page, views.UserRolesPage(scene))
}

func (s *server) saveUserRoles(c *call) error {
	scene, a, err := c.membership()
	if err != nil {
		return err
	}
	form, err := c.posted()
	if err != nil {
		return err
	}
	err = c.store().Confirm(c.ctx(), c.actor, a, store.ActRoles(a.ID, scene.User.ID, form["role"]), form.Get("seen"))
	var problems backoffice.Problems
	if errors.Is(err, backoffice.ErrOutdated) {
		scene.Problem, scene.Chosen = rolesOutdated(scene.Member.Roles), chosen(form["role"])
		return c.renderUserRoles(http.StatusConflict, a, scene)
	}
	if errors.As(err, &problems) {
		scene.Problem, scene.Chosen = problems["roles"], chosen(form["role"])
		return c.renderUserRoles(http.StatusUnprocessableEntity, a, scene)
	}
	if err != nil {
		return err
	}
	return c.saved(userPath(scene.User.ID)+"#accounts", ui.ToastProps{Text: "Roles saved."}, nil)
}

// rolesOutdated says that roles, or where they hold, are others than when the form
// was shown.
func rolesOutdated(held []backoffice.Role) string {
	var names []string
	for _, r := range held {
		names = append(names, r.Name)
	}
	return "This changed since you looked, and nothing was saved. Held by now: " + strings.Join(names, ", ") + ". Save once more to put your choice in place of that."
}

func chosen(keys []string) map[string]bool {
	set := map[string]bool{}
	for _, k := range keys {
		set[k] = true
	}
	return set
}

func (s *server) askUserDeletion(c *call) error {
	u, err := c.liveUser()
	if err != nil {
		return err
	}
	scene := views.UserDeletionScene{UserScene: c.userScene(u), Until: s.now().Add(backoffice.BinDays * 24 * time.Hour)}
	if scene.UserConsequences, err = c.store().UserDeletion(c.ctx(), u.Key); err != nil {
		return err
	}
	page, err := c.page("Delete user", views.PartUsers)
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.UserDeletionPage(scene))
}

func (s *server) deleteUser(c *call) error {
	u, err := c.liveUser()
	if err != nil {
		return err
	}
	if _, err := c.store().DeleteUser(c.ctx(), c.actor, u.ID); err != nil {
		return err
	}
	name := u.Name
	if name == "" {
		name = u.Email
	}
	return c.saved(views.UsersPath, ui.ToastProps{Text: "“" + name + "” was moved to the bin.", Undo: s.link(userPath(u.ID) + "/restoration")}, nil)
}

func (s *server) restoreUser(c *call) error {
	u, err := c.store().RestoreUser(c.ctx(), c.actor, c.param("id"))
	var problems backoffice.Problems
	if errors.As(err, &problems) {
		return c.saved("/backoffice/bin/users", ui.ToastProps{Text: problems[""], Bad: true}, nil)
	}
	if err != nil {
		return err
	}
	return c.saved(userPath(u.ID), ui.ToastProps{Text: "The user is back, in their accounts and with what was not revoked since."}, nil)
}

func (s *server) showBinnedUsers(c *call) error {
	q := c.QueryParams()
	after, before := q.Get("after"), q.Get("before")
	if after != "" {
		before = ""
	}
	list, prev, next, err := c.store().BinnedUsers(c.ctx(), after, before)
	if err != nil {
		return err
	}
	page, err := c.page("Bin", views.PartBin)
	if err != nil {
		return err
	}
	scene := views.BinnedUsersScene{Page: page, Prev: prev, Next: next, MayWrite: c.may(backoffice.WriteAllUsers), Now: s.now()}
	for _, u := range list {
		scene.Rows = append(scene.Rows, views.BinnedUserRow{ID: u.ID, Name: u.Name, Email: u.Email, DeletedBy: u.DeletedBy, DeletedAt: u.DeletedAt, PurgeAt: u.PurgeAt, Accounts: u.Accounts})
	}
	return c.render(http.StatusOK, page, views.BinnedUsersPage(scene))
}

// showNewUser offers the default roles; htmx asks for what follows the account anew
// when that is named, with what was chosen so far.
func (s *server) showNewUser(c *call) error {
	q := c.QueryParams()
	scene := views.NewUserScene{Invite: true, Chosen: chosen(q["role"]), Account: strings.TrimSpace(q.Get("account"))}
	scene.Applications.Chosen = q["application"]
	return c.renderNewUser(http.StatusOK, scene, !q.Has("shown"))
}

func (c *call) renderNewUser(status int, scene views.NewUserScene, fresh bool) error {
	var err error
	if scene.Page, err = c.page("Create user", views.PartUsers); err != nil {
		return err
	}
	if scene.Account != "" {
		if scene.Named, err = c.store().Account(c.ctx(), scene.Account); err != nil && !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
	}
	scene.Applications.Base, scene.Applications.Problem = c.s.base, scene.Problems["applications"]
	if scene.Named.ID == "" {
		scene.Roles, err = c.store().RolesToGive(c.ctx())
	} else if scene.Roles, err = c.store().GrantableRoles(c.ctx(), scene.Named); err == nil {
		scene.Applications.Rows, err = c.store().Assignments(c.ctx(), scene.Named.Key)
	}
	if err != nil {
		return err
	}
	if fresh {
		for _, r := range scene.Roles {
			scene.Chosen[r.Key] = r.Default
		}
	}
	return c.render(status, scene.Page, views.CreateUserPage(scene), section{views.NewUserAccountID, views.NewUserAccount(scene)})
}

func (s *server) createUser(c *call) error {
	f, err := c.fields("email", "name", "account", "invite", "show")
	if err != nil {
		return err
	}
	form, err := c.posted()
	if err != nil {
		return err
	}
	ids := form["application"]
	if len(ids) > backoffice.MaxApplications {
		return errTwice
	}
	var mint backoffice.Mint
	if f["invite"] == "yes" {
		mint = auth.InvitationToken.New
	}
	typed := views.NewUserScene{Email: f["email"], Name: f["name"], Account: strings.TrimSpace(f["account"]), Chosen: chosen(form["role"]), Invite: mint != nil}
	typed.Applications.Chosen = ids
	if f["show"] != "" {
		return c.renderNewUser(http.StatusOK, typed, false)
	}
	u, err := c.store().CreateUser(c.ctx(), c.actor, store.CreatedUser{Email: typed.Email, Name: typed.Name, AccountID: typed.Account, Roles: form["role"], Applications: ids}, mint)
	var problems backoffice.Problems
	if errors.As(err, &problems) {
		typed.Problems = problems
		return c.renderNewUser(http.StatusUnprocessableEntity, typed, false)
	}
	if err != nil {
		return err
	}
	toast := "The user was created."
	if mint != nil && typed.Account != "" {
		toast = "The user was created and invited."
	}
	return c.saved(userPath(u.ID), ui.ToastProps{Text: toast}, nil)
}

func (s *server) showSessionMetadata(c *call) error { return s.showUserMetadata(c, false) }
func (s *server) showSecureMetadata(c *call) error  { return s.showUserMetadata(c, true) }
func (s *server) saveSessionMetadata(c *call) error { return s.saveUserMetadata(c, false) }
func (s *server) saveSecureMetadata(c *call) error  { return s.saveUserMetadata(c, true) }

func metadataText(u backoffice.UserDetails, secure bool) string {
	if secure {
		return u.VendorMetadata
	}
	return u.Metadata
}

func (s *server) showUserMetadata(c *call, secure bool) error {
	u, err := c.liveUser()
	if err != nil {
		return err
	}
	text := metadataText(u, secure)
	return s.userMetadataPage(c, http.StatusOK, u, secure, views.MetadataForm{Base: text, Version: u.MetadataVersion, Editor: views.MetadataEditor(text)})
}

func (s *server) userMetadataPage(c *call, status int, u backoffice.UserDetails, secure bool, f views.MetadataForm) error {
	name := u.Name
	if name == "" {
		name = u.Email
	}
	f.Title, f.Address, f.Back = "Session metadata", userPath(u.ID)+"/metadata", userPath(u.ID)
	f.About = "What " + name + " carries in their tokens, at most 4 KiB. The applications see it."
	if secure {
		f.Title, f.Address = "Secure metadata", userPath(u.ID)+"/secure-metadata"
		f.About = "Never in a token and never visible to customers. It stands in no event; Viewers do not see it."
	}
	f.Text, f.MayChange = metadataText(u, secure), c.may(backoffice.WriteAllUsers)
	f.Crumbs = []ui.Crumb{{Label: "Users", Href: s.link(views.UsersPath)}, {Label: name, Href: s.link(userPath(u.ID))}, {Label: f.Title}}
	page, err := c.page(f.Title, views.PartUsers)
	if err != nil {
		return err
	}
	return c.render(status, page, views.UserMetadataPage(page, f))
}

func (s *server) saveUserMetadata(c *call, secure bool) error {
	form, err := c.posted()
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(form.Get("version"), 10, 64)
	if err != nil {
		return badRequest(err)
	}
	u, err := c.liveUser()
	if err != nil {
		return err
	}
	editor := enteredRows(form)
	mine, problem, at := enteredMetadata(form, &editor)
	again := func(status int, problem string) error {
		editor.Problem = problem
		return s.userMetadataPage(c, status, u, secure, views.MetadataForm{Base: form.Get("base"), Version: version, Editor: editor})
	}
	if problem != "" {
		editor.At = at
		return again(http.StatusUnprocessableEntity, problem)
	}
	if form.Get("merge") != "" && version == u.MetadataVersion {
		if mine, err = mergedMetadata(form, mine, metadataText(u, secure)); err != nil {
			return err
		}
	}
	err = c.store().SetUserMetadata(c.ctx(), c.actor, u.ID, secure, store.MetadataEdit{Text: mine.String(), Version: version, Base: form.Get("base")})
	var problems backoffice.Problems
	var conflict *store.MetadataConflict
	switch {
	case errors.As(err, &conflict):
		return s.userMetadataPage(c, http.StatusConflict, u, secure, views.MetadataForm{Base: conflict.Base.String(), Version: conflict.Version,
			Merge: &views.MetadataMerge{Who: "Somebody else", Mine: conflict.Mine.String(), Changes: conflict.Changes()}})
	case errors.As(err, &problems):
		return again(http.StatusUnprocessableEntity, problems["metadata"])
	case err != nil:
		return err
	}
	return c.saved(userPath(u.ID), ui.ToastProps{Text: "Metadata saved."}, nil)
}
