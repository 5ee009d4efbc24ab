package handlers

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// grantRoutes let staff give and revoke access to sub-accounts.
func (s *server) grantRoutes() []route {
	const (
		get, post   = http.MethodGet, http.MethodPost
		read, write = backoffice.ReadAccounts, backoffice.WriteAccounts
	)
	return []route{
		{get, "/backoffice/accounts/:id/users/:user/access", write, s.showAccess},
		{post, "/backoffice/accounts/:id/users/:user/access", write, s.giveAccess},
		{get, "/backoffice/accounts/:id/users/:user/access/revocation", write, s.askRevocation},
		{post, "/backoffice/accounts/:id/users/:user/access/revocation", write, s.revokeAccess},
		{get, "/backoffice/accounts/:id/access-default", write, s.showAccessDefault},
		{post, "/backoffice/accounts/:id/access-default", write, s.saveAccessDefault},
		{get, "/backoffice/accounts/:id/sub-account-management", write, s.askReseller},
	}
}

// portalGrantRoutes let users do it, in the account that they are in and below it.
func (s *server) portalGrantRoutes() []portalRoute {
	const (
		get, post = http.MethodGet, http.MethodPost
		give      = backoffice.WriteSubAccountAccess
	)
	var list []portalRoute
	for _, at := range []string{"/portal", "/portal/accounts/:account"} {
		list = append(list,
			portalRoute{get, at + "/users/:id/access", give, s.showAccess},
			portalRoute{post, at + "/users/:id/access", give, s.giveAccess},
			portalRoute{get, at + "/users/:id/access/revocation", give, s.askRevocation},
			portalRoute{post, at + "/users/:id/access/revocation", give, s.revokeAccess},
			portalRoute{get, at + "/access-default", give, s.showAccessDefault},
			portalRoute{post, at + "/access-default", give, s.saveAccessDefault},
		)
	}
	return list
}

// tryRemoval asks what taking a user out of an account takes from them, there and
// below; nothing where it would be refused.
func (c *call) tryRemoval(a backoffice.Account, user string) (*backoffice.ReachChange, error) {
	change, err := c.store().TryReach(c.ctx(), c.actor, a, store.ActRemoveMember(a.ID, user, new(string)))
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		return nil, nil
	}
	return &change, err
}

// managing is place for what only those do who manage sub-accounts.
func (c *call) managing() (place, error) {
	p, err := c.place(backoffice.WriteSubAccountAccess)
	if err == nil && p.IsPortal() && !c.actor.MayHere(backoffice.ReadSubAccounts) {
		err = backoffice.ErrNotFound
	}
	if err == nil && p.IsPortal() && p.Home == p.Account.ID && !p.Account.IsReseller {
		err = backoffice.ErrNotFound
	}
	return p, err
}

// grantScene reads the access of a user of the account.
func (c *call) grantScene(p place, userID string) (scene views.GrantScene, err error) {
	scene.PlaceScene = p.PlaceScene
	if scene.Member, _, err = c.store().Member(c.ctx(), p.Account, userID); err != nil {
		return scene, err
	}
	if p.IsPortal() {
		scene.Member = scene.Member.ForCustomers()
	}
	if scene.Grant, scene.Given, err = c.store().GrantOf(c.ctx(), p.Account.Key, scene.Member.Key); err != nil {
		return scene, err
	}
	scene.Below, err = c.store().BranchSize(c.ctx(), p.Account.Key)
	return scene, err
}

// grantSection is what the page of a user in the portal says of their access to
// sub-accounts; ok is false where there is nothing to say.
func (c *call) grantSection(p place, member backoffice.Member) (scene views.GrantScene, ok bool, err error) {
	if !c.actor.MayHere(backoffice.ReadSubAccounts) {
		return scene, false, nil
	}
	if scene, err = c.grantScene(p, member.ID); err != nil {
		return scene, false, err
	}
	scene.MayChange = p.Account.IsReseller && c.actor.MayHere(backoffice.WriteSubAccountAccess) && p.held.Has(backoffice.WriteSubAccountAccess)
	return scene, p.Account.IsReseller || scene.Has(), nil
}

// try asks what an act on somebody's access would change; a refusal goes into the
// scene.
func (c *call) try(scene *views.GrantScene, act store.Act) error {
	change, err := c.store().TryReach(c.ctx(), c.actor, scene.Account, act)
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		scene.Forbidden = refusal.Error()
		return nil
	}
	scene.Change = change
	return err
}

func (s *server) showAccess(c *call) error {
	p, err := c.managing()
	if err != nil {
		return err
	}
	scene, err := c.grantScene(p, c.userID())
	if err != nil {
		return err
	}
	if !scene.Grant.EndsAt.IsZero() {
		scene.EndsAt = scene.Grant.EndsAt.UTC().Format(time.DateOnly)
	}
	scene.Reason = scene.Grant.Reason
	return c.renderAccess(http.StatusOK, p, scene)
}

func (c *call) renderAccess(status int, p place, scene views.GrantScene) error {
	if err := c.try(&scene, store.ActGive(scene.Account.ID, scene.Member.ID, backoffice.NewGrant{})); err != nil {
		return err
	}
	if err := p.frame(c, "Access to sub-accounts"); err != nil {
		return err
	}
	scene.Page = p.Page
	return c.render(status, p.Page, views.GrantPage(scene))
}

// userBack is where an act on a user's access leads back to.
func (p place) userBack(user string) string {
	if !p.IsPortal() {
		return userPath(user)
	}
	return p.UserPath(user, "")
}

func (s *server) giveAccess(c *call) error {
	form, err := c.fields("ends_at", "reason", "seen")
	if err != nil {
		return err
	}
	p, err := c.managing()
	if err != nil {
		return err
	}
	n := backoffice.NewGrant{Reason: form["reason"]}
	var problems backoffice.Problems
	if day := strings.TrimSpace(form["ends_at"]); day != "" {
		if n.EndsAt, err = time.Parse(time.DateOnly, day); err != nil {
			problems.Add("ends_at", "Write the day as "+s.now().UTC().AddDate(0, 1, 0).Format(time.DateOnly)+".")
		}
	}
	if len(problems) == 0 {
		err = c.store().Confirm(c.ctx(), c.actor, p.Account, store.ActGive(p.Account.ID, c.userID(), n), form["seen"])
		errors.As(err, &problems)
	}
	var refusal backoffice.Refusal
	p.Outdated = errors.Is(err, backoffice.ErrOutdated)
	if len(problems) > 0 || errors.As(err, &refusal) || p.Outdated {
		scene, err := c.grantScene(p, c.userID())
		if err != nil {
			return err
		}
		scene.EndsAt, scene.Reason, scene.Problems, scene.Refused = form["ends_at"], form["reason"], problems, string(refusal)
		return c.renderAccess(p.refused(), p, scene)
	}
	if err != nil {
		return err
	}
	return c.saved(p.userBack(c.userID()), ui.ToastProps{Text: "Access to the sub-accounts of “" + p.Account.Name + "” given."}, nil)
}

func (s *server) askRevocation(c *call) error {
	p, err := c.managing()
	if err != nil {
		return err
	}
	return c.renderRevocation(http.StatusOK, p, c.QueryParam("next"), "")
}

// refused is the status of a confirmation that did nothing.
func (p place) refused() int {
	if p.Outdated {
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}

func (c *call) renderRevocation(status int, p place, next, refused string) error {
	scene, err := c.grantScene(p, c.userID())
	if err != nil {
		return err
	}
	scene.Refused, scene.Next = refused, ownPath(next)
	if err := c.try(&scene, store.ActRevoke(p.Account.ID, scene.Member.ID)); err != nil {
		return err
	}
	if err := p.frame(c, "Revoke access"); err != nil {
		return err
	}
	scene.Page = p.Page
	return c.render(status, p.Page, views.GrantRevocationPage(scene))
}

// ownPath keeps of where a page was asked to lead back to what can be a page
// about access.
func ownPath(next string) string {
	if strings.HasPrefix(next, "/portal/") || strings.HasPrefix(next, "/backoffice/") {
		return next
	}
	return ""
}

func (s *server) revokeAccess(c *call) error {
	form, err := c.fields("next", "seen")
	if err != nil {
		return err
	}
	p, err := c.managing()
	if err != nil {
		return err
	}
	err = c.store().Confirm(c.ctx(), c.actor, p.Account, store.ActRevoke(p.Account.ID, c.userID()), form["seen"])
	var refusal backoffice.Refusal
	p.Outdated = errors.Is(err, backoffice.ErrOutdated)
	if errors.As(err, &refusal) || p.Outdated {
		return c.renderRevocation(p.refused(), p, form["next"], string(refusal))
	}
	if err != nil {
		return err
	}
	toast := ui.ToastProps{Text: "Access to the sub-accounts of “" + p.Account.Name + "” revoked. It holds from now on."}
	if next := ownPath(form["next"]); next != "" {
		c.putFlash(toast)
		return c.Redirect(http.StatusSeeOther, s.safeNext(next, p.userBack(c.userID())))
	}
	return c.saved(p.userBack(c.userID()), toast, nil)
}

func (s *server) showAccessDefault(c *call) error {
	p, err := c.managing()
	if err != nil {
		return err
	}
	return c.renderAccessDefault(http.StatusOK, p, p.Account.SubAccess, nil)
}

func (c *call) renderAccessDefault(status int, p place, chosen backoffice.AccessDefault, problems backoffice.Problems) error {
	if err := p.frame(c, "Default access to sub-accounts"); err != nil {
		return err
	}
	scene := views.DefaultScene{PlaceScene: p.PlaceScene, Chosen: chosen, Problems: problems}
	for _, d := range backoffice.AccessDefaults() {
		change, err := c.store().TryReach(c.ctx(), c.actor, p.Account, store.ActDefault(p.Account.ID, d))
		refused, ok := problemsOf(err)
		if err != nil && !ok {
			return err
		}
		if p.IsPortal() && !p.held.Has(backoffice.ReadUsers) {
			change = change.Nameless()
		}
		scene.Changes, scene.Refused = append(scene.Changes, change), append(scene.Refused, refused["access"])
	}
	return c.render(status, p.Page, views.AccessDefaultPage(scene))
}

func (s *server) saveAccessDefault(c *call) error {
	form, err := c.fields("access", "seen-off", "seen-on", "seen-always")
	if err != nil {
		return err
	}
	p, err := c.managing()
	if err != nil {
		return err
	}
	d, ok := backoffice.AccessDefaultNamed(form["access"])
	if !ok {
		return c.renderAccessDefault(http.StatusUnprocessableEntity, p, p.Account.SubAccess, backoffice.Problems{"access": "Choose one of the three."})
	}
	err = c.store().Confirm(c.ctx(), c.actor, p.Account, store.ActDefault(p.Account.ID, d), form["seen-"+d.Word()])
	if p.Outdated = errors.Is(err, backoffice.ErrOutdated); p.Outdated {
		return c.renderAccessDefault(http.StatusConflict, p, d, nil)
	}
	if problems, ok := problemsOf(err); ok {
		return c.renderAccessDefault(http.StatusUnprocessableEntity, p, d, problems)
	}
	if err != nil {
		return err
	}
	to := "/portal/accounts/" + p.Account.ID
	if !p.IsPortal() {
		to = accountPath(p.Account.ID) + "#" + views.AccountSubAccountsID
	}
	return c.saved(to, ui.ToastProps{Text: "Default access to sub-accounts: " + strings.ToLower(d.Label()) + "."}, nil)
}

// askReseller shows what switching sub-account management would change.
func (s *server) askReseller(c *call) error {
	p, err := c.place(backoffice.WriteSubAccountManagement)
	if err != nil {
		return err
	}
	on := !p.Account.IsReseller
	if q := c.QueryParam("on"); q != "" {
		on = q == strconv.FormatBool(true)
	}
	return c.renderReseller(http.StatusOK, p, on, c.QueryParam("next"))
}

func (c *call) renderReseller(status int, p place, on bool, next string) (err error) {
	scene := views.ManagementScene{On: on, Next: ownPath(next)}
	if scene.Change, err = c.store().TryReach(c.ctx(), c.actor, p.Account, store.ActManage(p.Account.ID, on)); err != nil {
		return err
	}
	if scene.Below, err = c.store().BranchSize(c.ctx(), p.Account.Key); err != nil {
		return err
	}
	if err := p.frame(c, "Sub-account management"); err != nil {
		return err
	}
	scene.PlaceScene = p.PlaceScene
	return c.render(status, p.Page, views.ManagementPage(scene))
}
