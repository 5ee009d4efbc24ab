package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// managedAccount is an account of the branch that a user manages, with what they hold in
// that very account.
type managedAccount struct {
	views.ManagedAccount
	held   backoffice.Permissions
	roles  []backoffice.Role
	enters bool
}

// managedAccount finds the account that the path names. Errors: ErrNotFound for
// what does not lie in the user's branch.
func (c *call) managedAccount() (m managedAccount, err error) {
	if !c.actor.MayHere(backoffice.ReadSubAccounts) {
		return m, backoffice.ErrNotFound
	}
	if _, err := c.managed(); err != nil {
		return m, err
	}
	m.Now = c.s.now()
	if m.Account, m.Path, err = c.store().SubAccountOf(c.ctx(), c.actor.Account, c.param("id")); err != nil {
		return m, err
	}
	standing, err := c.store().StandingIn(c.ctx(), c.actor.Key, m.Account.Key)
	if errors.Is(err, backoffice.ErrNotFound) {
		return m, nil
	}
	if m.enters = err == nil && standing.Enters(); m.enters {
		m.roles, m.held = standing.Roles, backoffice.PermissionsOf(standing.Roles)
	}
	return m, err
}

// told leaves of a preview who they are to those who may read the users of the
// account: others learn how many.
func (m managedAccount) told(change backoffice.ReachChange) backoffice.ReachChange {
	if m.held.Has(backoffice.ReadUsers) {
		return change
	}
	return change.Nameless()
}

// belowOwn is managedAccount for what nobody does to the account that they are in.
func (c *call) belowOwn() (managedAccount, error) {
	m, err := c.managedAccount()
	if err == nil && m.Own() {
		err = backoffice.ErrForbidden
	}
	return m, err
}

// showPortalAccount is the page of one account of the branch.
func (s *server) showPortalAccount(c *call) error {
	return s.portalAccount(c, http.StatusOK, c.QueryParam("edit") == "name", "", "")
}

func (s *server) portalAccount(c *call, status int, renaming bool, typed, problem string) error {
	m, err := c.managedAccount()
	if err != nil {
		return err
	}
	if m.Page, err = c.portal(m.Account.Name, views.PortalAccounts); err != nil {
		return err
	}
	may := c.actor.MayHere
	scene := views.PortalAccountScene{ManagedAccount: m.ManagedAccount, Typed: typed, Problem: problem, MayEnter: m.enters,
		MayCreate: may(backoffice.WriteSubAccounts), MayWrite: may(backoffice.WriteSubAccounts), MayRemove: may(backoffice.DeleteSubAccounts),
		MayManage: may(backoffice.WriteSubAccountManagement), MayInvite: m.held.Has(backoffice.WriteUsers)}
	if scene.Renaming = renaming && scene.MayWrite && !m.Own(); scene.Renaming && problem == "" {
		scene.Typed = m.Account.Name
	}
	if scene.Branch, err = c.store().Branch(c.ctx(), m.Account.Key); err != nil {
		return err
	}
	if scene.Granted, err = c.store().GrantedTo(c.ctx(), m.Account.Key); err != nil {
		return err
	}
	if scene.Visits, err = c.store().BranchVisits(c.ctx(), m.Account.Key); err != nil {
		return err
	}
	users := []section{}
	if m.held.Has(backoffice.ReadUsers) {
		q := c.QueryParams()
		f := backoffice.MemberFilter{Query: clippedQuery(q.Get("q")), After: q.Get("after"), Before: q.Get("before"), Customers: true}
		members, err := c.store().Members(c.ctx(), m.Account, f)
		if err != nil {
			return err
		}
		scene.Users = &views.PortalUserList{Page: m.Page, Account: m.Account, Filter: f, Members: members, Now: m.Now, Path: views.PortalAccountPath(m.Account.ID, "")}
		if !m.Own() {
			scene.Users.Href = func(id string) string {
				return s.link(views.PortalAccountPath(m.Account.ID, "/users/"+url.PathEscape(id)))
			}
		}
		users = append(users, section{views.PortalUserTableID, views.PortalUserTable(*scene.Users)})
	}
	return c.render(status, m.Page, views.PortalAccountPage(scene), append(users, section{views.PortalAccountNameID, views.PortalAccountName(scene)})...)
}

func (s *server) renameSubAccount(c *call) error {
	m, err := c.belowOwn()
	if err != nil {
		return err
	}
	form, err := c.fields("name")
	if err != nil {
		return err
	}
	err = c.store().RenameSubAccount(c.ctx(), c.actor, m.Account.ID, form["name"])
	if p, ok := problemsOf(err); ok {
		return s.portalAccount(c, http.StatusUnprocessableEntity, true, form["name"], p["name"])
	}
	if err != nil {
		return err
	}
	return c.saved(views.PortalAccountPath(m.Account.ID, ""), ui.ToastProps{Text: "Name saved."}, nil)
}

// pathText names the accounts above the one at i.
func pathText(b *backoffice.Branch, i int) string {
	var names []string
	for _, up := range b.Path(i) {
		if up != i {
			names = append(names, b.Nodes[up].Name)
		}
	}
	return strings.Join(names, " › ")
}

// choices lists the accounts of a branch that may be chosen and match.
func choices(b *backoffice.Branch, query string, may func(i int) bool) (rows []views.ParentChoice, more int) {
	q := backoffice.Fold(strings.TrimSpace(query))
	for i := range b.Nodes {
		n := &b.Nodes[i]
		if !may(i) || !strings.Contains(backoffice.Fold(n.Name), q) && !strings.Contains(backoffice.Fold(n.ID), q) {
			continue
		}
		if len(rows) == views.MaxParentChoices {
			more++
			continue
		}
		rows = append(rows, views.ParentChoice{ID: n.ID, Name: n.Name, Path: pathText(b, i)})
	}
	return rows, more
}

func (s *server) showMove(c *call) error {
	m, err := c.belowOwn()
	if err != nil {
		return err
	}
	return s.movePage(c, http.StatusOK, m, c.QueryParam("to"), "")
}

// movePage asks for the new parent or, where one was chosen, whether to move.
func (s *server) movePage(c *call, status int, m managedAccount, to, problem string) error {
	branch, err := c.store().Branch(c.ctx(), c.actor.Account.Key)
	if err != nil {
		return err
	}
	if m.Page, err = c.portal("Move", views.PortalAccounts); err != nil {
		return err
	}
	scene := views.PortalMove{ManagedAccount: m.ManagedAccount, Problem: problem}
	if i := branch.Index(to); to != "" && problem == "" {
		if i < 0 {
			return backoffice.ErrNotFound
		}
		scene.Preview, err = c.store().TryMove(c.ctx(), c.actor, m.Account, to)
		if p, ok := problemsOf(err); ok {
			status, scene.Problem = http.StatusUnprocessableEntity, p["parent"]
		} else if err != nil {
			return err
		} else {
			scene.Preview.Reach = m.told(scene.Preview.Reach)
			scene.To, scene.ToPath = backoffice.AccountRef{Key: branch.Nodes[i].Key, ID: to, Name: branch.Nodes[i].Name}, pathText(branch, i)
		}
	}
	self := branch.Index(m.Account.ID)
	inside := func(i int) bool {
		for ; i >= 0; i = branch.Parent(i) {
			if i == self {
				return true
			}
		}
		return false
	}
	query := clippedQuery(c.QueryParam("q"))
	scene.Picker = views.ParentPicker{Action: s.link(views.PortalAccountPath(m.Account.ID, "/parent")), Name: "to", Query: query}
	scene.Picker.Rows, scene.Picker.More = choices(branch, query, func(i int) bool { return !inside(i) && i != branch.Parent(self) })
	return c.render(status, m.Page, views.PortalMovePage(scene), section{views.ParentChoicesID, views.ParentChoices(scene.Picker)})
}

func (s *server) moveSubAccount(c *call) error {
	m, err := c.belowOwn()
	if err != nil {
		return err
	}
	form, err := c.fields("parent", "seen")
	if err != nil {
		return err
	}
	err = c.store().Confirm(c.ctx(), c.actor, m.Account, store.ActMove(m.Account.ID, form["parent"]), form["seen"])
	if m.Outdated = errors.Is(err, backoffice.ErrOutdated); m.Outdated {
		return s.movePage(c, http.StatusConflict, m, form["parent"], "")
	}
	if p, ok := problemsOf(err); ok {
		return s.movePage(c, http.StatusUnprocessableEntity, m, form["parent"], p["parent"])
	}
	if err != nil {
		return err
	}
	toast := ui.ToastProps{Text: "“" + m.Account.Name + "” was moved."}
	if len(m.Path) > 1 {
		toast.Undo, toast.Hidden = s.link(views.PortalAccountPath(m.Account.ID, "/parent")), []ui.Pair{{Name: "parent", Value: m.Path[len(m.Path)-2].ID}}
	}
	return c.saved(views.PortalAccountPath(m.Account.ID, ""), toast, nil)
}

func (s *server) showAccountRemoval(c *call) error {
	m, err := c.belowOwn()
	if err != nil {
		return err
	}
	return s.accountRemoval(c, http.StatusOK, m)
}

func (s *server) accountRemoval(c *call, status int, m managedAccount) (err error) {
	if m.Page, err = c.portal("Remove account", views.PortalAccounts); err != nil {
		return err
	}
	scene := views.PortalRemoval{ManagedAccount: m.ManagedAccount, Users: m.Account.Users, Refused: status != http.StatusOK}
	if scene.Children, err = c.store().BranchSize(c.ctx(), m.Account.Key); err != nil {
		return err
	}
	if scene.Children == 0 {
		scene.Reach, err = c.store().TryReach(c.ctx(), c.actor, m.Account, store.ActRemove(m.Account.ID, new(string)))
		if has := (*store.HasSubAccounts)(nil); errors.As(err, &has) {
			scene.Children, err = has.Count, nil
		}
		if err != nil {
			return err
		}
		scene.Reach = m.told(scene.Reach)
	}
	return c.render(status, m.Page, views.PortalRemovalOfAccountPage(scene))
}

func (s *server) removeSubAccount(c *call) error {
	m, err := c.belowOwn()
	if err != nil {
		return err
	}
	form, err := c.fields("seen")
	if err != nil {
		return err
	}
	var deletion string
	err = c.store().Confirm(c.ctx(), c.actor, m.Account, store.ActRemove(m.Account.ID, &deletion), form["seen"])
	m.Outdated = errors.Is(err, backoffice.ErrOutdated)
	if has := (*store.HasSubAccounts)(nil); errors.As(err, &has) || m.Outdated {
		return s.accountRemoval(c, http.StatusConflict, m)
	}
	if err != nil {
		return err
	}
	up := backoffice.TreeState{Selected: m.Path[len(m.Path)-2].ID}
	return c.saved(views.PortalAccountsAddress(false, up), ui.ToastProps{Text: "“" + m.Account.Name + "” was removed.", Undo: s.link("/portal/restorations"),
		Hidden: []ui.Pair{{Name: "deletion", Value: deletion}}}, nil)
}

// restoreSubAccount takes a removal back.
func (s *server) restoreSubAccount(c *call) error {
	form, err := c.fields("deletion")
	if err != nil {
		return err
	}
	if form["deletion"] == "" {
		return badRequest(errors.New("no deletion"))
	}
	ref, err := c.store().RestoreSubAccount(c.ctx(), c.actor, form["deletion"])
	if p, ok := problemsOf(err); ok {
		c.putFlash(ui.ToastProps{Bad: true, Text: "It was not restored. " + firstProblem(p)})
		return c.goTo(views.PortalAccountsPath)
	}
	if err != nil {
		return err
	}
	return c.saved(views.PortalAccountPath(ref.ID, ""), ui.ToastProps{Text: "“" + ref.Name + "” is back."}, nil)
}

func firstProblem(p backoffice.Problems) string {
	for _, sentence := range p {
		return sentence
	}
	return ""
}

func (s *server) showManagement(c *call) error {
	m, err := c.belowOwn()
	if err != nil {
		return err
	}
	return s.managementPage(c, http.StatusOK, m)
}

func (s *server) managementPage(c *call, status int, m managedAccount) (err error) {
	if m.Page, err = c.portal("Managing its own", views.PortalAccounts); err != nil {
		return err
	}
	scene := views.PortalManagement{ManagedAccount: m.ManagedAccount}
	if scene.Below, err = c.store().BranchSize(c.ctx(), m.Account.Key); err != nil {
		return err
	}
	if scene.Reach, err = c.store().TryReach(c.ctx(), c.actor, m.Account, store.ActManage(m.Account.ID, !m.Account.IsReseller)); err != nil {
		return err
	}
	scene.Reach = m.told(scene.Reach)
	return c.render(status, m.Page, views.PortalManagementPage(scene))
}

func (s *server) saveManagement(c *call) error {
	m, err := c.belowOwn()
	if err != nil {
		return err
	}
	form, err := c.fields("on", "seen")
	if err != nil {
		return err
	}
	on := form["on"] == "true"
	if m.Account.IsReseller == on {
		return c.goTo(views.PortalAccountPath(m.Account.ID, "")) // somebody else did the same
	}
	err = c.store().Confirm(c.ctx(), c.actor, m.Account, store.ActManage(m.Account.ID, on), form["seen"])
	if m.Outdated = errors.Is(err, backoffice.ErrOutdated); m.Outdated {
		return s.managementPage(c, http.StatusConflict, m)
	}
	if err != nil {
		return err
	}
	text := "“" + m.Account.Name + "” no longer manages its own sub-accounts."
	if on {
		text = "“" + m.Account.Name + "” manages its own sub-accounts now."
	}
	return c.saved(views.PortalAccountPath(m.Account.ID, ""), ui.ToastProps{Text: text}, nil)
}

// maxParentOptions is up to how many accounts the parent of a new one is chosen
// from a plain list.
const maxParentOptions = 60

func (s *server) showNewSubAccount(c *call) error {
	q := c.QueryParams()
	return s.newSubAccount(c, http.StatusOK, q.Get("name"), q.Get("parent"), nil)
}

func (s *server) newSubAccount(c *call, status int, name, parent string, problems backoffice.Problems) error {
	if _, err := c.managed(); err != nil {
		return err
	}
	branch, err := c.store().Branch(c.ctx(), c.actor.Account.Key)
	if err != nil {
		return err
	}
	at := branch.Index(cmp.Or(parent, c.actor.Account.ID))
	if at < 0 {
		return backoffice.ErrNotFound
	}
	page, err := c.portal("Create New Account", views.PortalAccounts)
	if err != nil {
		return err
	}
	scene := views.NewSubAccount{Page: page, Name: clippedQuery(name), Parent: branch.Nodes[at].ID, Where: branch.Nodes[at].Name, Problems: problems}
	if above := pathText(branch, at); above != "" {
		scene.Where = above + " › " + scene.Where
	}
	any := func(int) bool { return true }
	switch {
	case c.QueryParam("choose") != "" && c.Request().Method == http.MethodGet:
		query := clippedQuery(c.QueryParam("q"))
		scene.Choosing = &views.ParentPicker{Action: s.link(views.PortalAccountsPath + "/new"), Name: "parent", Query: query, Keep: []ui.Pair{{Name: "choose", Value: "parent"}, {Name: "name", Value: scene.Name}}}
		scene.Choosing.Rows, scene.Choosing.More = choices(branch, query, any)
		if c.isFragment() {
			return c.fragment(status, views.ParentChoices(*scene.Choosing))
		}
	case len(branch.Nodes) <= maxParentOptions:
		for i, n := range branch.Nodes {
			scene.Options = append(scene.Options, ui.Option{Value: n.ID, Label: strings.Repeat("\u2003", len(branch.Path(i))-1) + n.Name})
		}
	}
	return c.render(status, page, views.NewSubAccountPage(scene))
}

func (s *server) createSubAccount(c *call) error {
	form, err := c.fields("name", "parent")
	if err != nil {
		return err
	}
	if _, err := c.managed(); err != nil {
		return err
	}
	parent := cmp.Or(form["parent"], c.actor.Account.ID)
	a, err := c.store().CreateSubAccount(c.ctx(), c.actor, parent, form["name"])
	if p, ok := problemsOf(err); ok {
		return s.newSubAccount(c, http.StatusUnprocessableEntity, form["name"], parent, p)
	}
	if err != nil {
		return err
	}
	return c.saved(views.PortalAccountPath(a.ID, ""), ui.ToastProps{Text: "“" + a.Name + "” was created.", Href: s.link(views.PortalAccountsPath + "?sel=" + url.QueryEscape(a.ID)), Link: "Show in table"}, nil)
}
