package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// accountRoutes are the page of one account and what is changed on it.
func (s *server) accountRoutes() []route {
	const (
		get, post   = http.MethodGet, http.MethodPost
		read, write = backoffice.ReadAccounts, backoffice.WriteAccounts
	)
	return []route{
		{get, "/backoffice/accounts/:id", read, s.showAccount},
		{get, "/backoffice/accounts/:id/details", write, s.editAccountDetails},
		{post, "/backoffice/accounts/:id/details", write, s.saveAccountDetails},
		{post, "/backoffice/accounts/:id/sub-account-management", write, s.setReseller},
		{get, "/backoffice/accounts/:id/logo", read, s.showLogo},
		{post, "/backoffice/accounts/:id/logo", write, s.saveLogo},
		{post, "/backoffice/accounts/:id/logo-removal", write, s.removeLogo},
		{get, "/backoffice/accounts/:id/deletion", write, s.askDeletion},
		{post, "/backoffice/accounts/:id/deletion", write, s.deleteAccount},
	}
}

// param is a part of the path, as it was before it was escaped.
func (c *call) param(name string) string {
	v := c.Param(name)
	if c.Request().URL.RawPath != "" {
		if plain, err := url.PathUnescape(v); err == nil {
			return plain
		}
	}
	return v
}

// account reads the account that the path names; what is in the bin, or was
// never there, is ErrNotFound alike.
func (c *call) account() (backoffice.Account, error) {
	return c.store().Account(c.ctx(), c.param("id"))
}

// accountPath is the address of an account's page, without the base path.
func accountPath(id string) string { return views.AccountPath("", id) }

// accountScene is what the sections of an account's page are drawn with. The
// way to the account, which only whole pages show, is read by them.
func (c *call) accountScene(a backoffice.Account) views.AccountScene {
	return views.AccountScene{Base: c.s.base, Account: a, Now: c.s.now(), MayWrite: c.may(backoffice.WriteAccounts), View: accountView(c.QueryParams())}
}

// accountView reads the part of the address that says what is shown; what it
// does not know is as if it were not there.
func accountView(q url.Values) views.AccountView {
	v := views.AccountView{Days: views.EngagementDays[1], After: q.Get("sub-after"), Before: q.Get("sub-before")}
	if days, err := strconv.Atoi(q.Get("days")); err == nil {
		for _, d := range views.EngagementDays {
			if d == days {
				v.Days = d
			}
		}
	}
	if v.After != "" {
		v.Before = ""
	}
	v.Users = backoffice.MemberFilter{Query: shortened(q.Get("q")), Active: q.Get("active") == strconv.Itoa(backoffice.ActiveDays), After: q.Get("after"), Before: q.Get("before")}
	if v.Users.After != "" {
		v.Users.Before = ""
	}
	return v
}

// shortened cuts a search to what a name can hold.
func shortened(q string) string {
	q = strings.ToValidUTF8(strings.TrimSpace(q), "")
	if r := []rune(q); len(r) > backoffice.MaxName {
		return string(r[:backoffice.MaxName])
	}
	return q
}

func (s *server) showAccount(c *call) error {
	a, err := c.account()
	if err != nil {
		return err
	}
	return c.renderAccount(http.StatusOK, a, accountForms{})
}

// accountForms are the forms that stand on the page in place of what they change.
type accountForms struct {
	details     *views.AccountDetailsEdit
	logoProblem string
}

// recentEvents is how many entries of the trail the page shows.
const recentEvents = 10

// accountRolesShown is how many roles of its own an account's page names.
const accountRolesShown = 8

// accountPart reads what a section shows, when it is shown.
type accountPart struct {
	id   string
	read func() (templ.Component, error)
	to   *templ.Component
}

// renderAccount answers with the page of an account, or with the one section of
// it that htmx asks for; nothing is read that is not shown.
func (c *call) renderAccount(status int, a backoffice.Account, forms accountForms) error {
	scene := c.accountScene(a)
	page, err := c.page(a.Name, views.PartAccounts)
	if err != nil {
		return err
	}
	var has views.AccountSections
	var usersList templ.Component
	parts := c.accountParts(&scene, forms, &has, &usersList)
	ids := make([]string, len(parts))
	for i, p := range parts {
		ids[i] = p.id
	}
	var sections []section
	for _, p := range parts {
		if !c.shows(p.id, ids) {
			continue
		}
		if *p.to, err = p.read(); err != nil {
			return err
		}
		sections = append(sections, section{p.id, *p.to})
	}
	return c.render(status, page, views.AccountPage(scene, has), sections...)
}

func (c *call) accountParts(scene *views.AccountScene, forms accountForms, has *views.AccountSections, usersList *templ.Component) []accountPart {
	st, ctx, s := c.store(), c.ctx(), *scene
	a := s.Account
	members := func(view func(views.AccountScene, backoffice.MembersPage) templ.Component) (templ.Component, error) {
		p, err := st.Members(ctx, a, s.View.Users)
		if err != nil {
			return nil, err
		}
		return view(s, p), nil
	}
	list := []accountPart{
		{"figures", func() (templ.Component, error) {
			f, err := st.AccountFigures(ctx, a)
			return views.AccountFigures(s, f), err
		}, &has.Figures},
		{views.AccountEngagementID, func() (templ.Component, error) {
			v, err := c.accountVisits(a, s.View.Days)
			return views.AccountEngagement(s, v), err
		}, &has.Engagement},
		{views.AccountUsersID, func() (templ.Component, error) { return members(views.AccountUsers) }, &has.Users},
		{views.AccountSubAccountsID, func() (templ.Component, error) {
			p, err := st.SubAccounts(ctx, a, s.View.After, s.View.Before)
			return views.AccountSubAccounts(s, p), err
		}, &has.SubAccounts},
		{views.AccountDetailsID, func() (templ.Component, error) { return views.AccountDetails(s, forms.details), nil }, &has.Details},
		{views.AccountPolicyID, func() (templ.Component, error) { return c.policySection(scene) }, &has.Policy},
		{views.AccountRolesID, func() (templ.Component, error) {
			p, err := st.AccountRoles(ctx, a.ID, "", "")
			props := views.AccountRolesProps{Rows: p.Rows, More: p.Next != "", MayWrite: c.may(backoffice.WriteRoles)}
			if len(props.Rows) > accountRolesShown {
				props.Rows, props.More = props.Rows[:accountRolesShown], true
			}
			return views.AccountRoles(s, props), err
		}, &has.Roles},
		{views.AccountEventsID, func() (templ.Component, error) {
			p, err := st.Events(ctx, backoffice.EventFilter{Account: a.ID}, "", recentEvents)
			return views.RecentEvents(views.RecentEventsProps{Rows: p.Rows, Now: s.Now, All: c.s.link("/backoffice/audit?account=" + url.QueryEscape(a.ID)),
				Event: func(id string) string { return c.s.link("/backoffice/audit/" + id) }}), err
		}, &has.Events},
		{views.AccountLogoID, func() (templ.Component, error) { return views.AccountLogo(s, forms.logoProblem), nil }, &has.Logo},
	}
	if c.may(backoffice.ReadAllApplications) {
		list = append(list, accountPart{views.AccountApplicationsID, func() (templ.Component, error) {
			p, err := c.accountApplications(a)
			return views.AccountApplications(s, p), err
		}, &has.Applications})
	}
	if c.may(backoffice.ReadMetadata) {
		list = append(list, accountPart{views.AccountMetadataID, func() (templ.Component, error) { return metadataSection(s), nil }, &has.Metadata})
	}
	if c.isFragment() && c.target() == views.AccountUsersListID {
		return []accountPart{{views.AccountUsersListID, func() (templ.Component, error) { return members(views.AccountUsersList) }, usersList}}
	}
	return list
}

// accountVisits reads the visits of the chart: the period, and as many days before.
func (c *call) accountVisits(a backoffice.Account, days int) (views.AccountVisits, error) {
	today := backoffice.DayOf(c.s.now())
	first := today - backoffice.Day(days) + 1
	v := views.AccountVisits{First: first.Start(), Counts: make([]int, days), Before: make([]int, days)}
	if a.Visits == 0 {
		return v, nil
	}
	list, err := c.store().VisitsByDay(c.ctx(), a.Key, first-backoffice.Day(days), today)
	for _, d := range list {
		if d.Day >= first {
			v.Counts[d.Day-first] = int(d.Visits)
		} else {
			v.Before[int(d.Day-first)+days] = int(d.Visits)
		}
	}
	return v, err
}

func (s *server) editAccountDetails(c *call) error {
	a, err := c.account()
	if err != nil {
		return err
	}
	return c.renderAccount(http.StatusOK, a, accountForms{details: &views.AccountDetailsEdit{Name: a.Name, AccountDetails: a.AccountDetails, Version: a.Version}})
}

func (s *server) saveAccountDetails(c *call) error {
	form, err := c.fields("version", "name", "website", "address", "time_zone", "currency", "status_text")
	if err != nil {
		return err
	}
	edit := views.AccountDetailsEdit{Name: form["name"], AccountDetails: backoffice.AccountDetails{Website: form["website"], Address: form["address"],
		TimeZone: form["time_zone"], Currency: form["currency"], StatusText: form["status_text"]}}
	// A version that is no number is none that there ever was: a conflict.
	edit.Version, _ = strconv.ParseInt(form["version"], 10, 64)
	id := c.param("id")
	saved, err := c.store().SaveAccount(c.ctx(), c.actor, id, store.AccountChange{Version: edit.Version, Name: edit.Name, AccountDetails: edit.AccountDetails})
	if errors.As(err, &edit.Problems) || errors.Is(err, backoffice.ErrConflict) {
		status := http.StatusUnprocessableEntity
		a, readErr := c.account()
		if readErr != nil {
			return readErr
		}
		if errors.Is(err, backoffice.ErrConflict) {
			// What was typed may now be saved over what the form shows beside it.
			status, edit.Conflict, edit.Version = http.StatusConflict, true, a.Version
			edit.AccountDetails, _ = edit.AccountDetails.Clean()
		}
		return c.renderAccount(status, a, accountForms{details: &edit})
	}
	if err != nil {
		return err
	}
	return c.saved(accountPath(id)+"#"+views.AccountDetailsID, ui.ToastProps{Text: "Details saved."}, func() error {
		scene := c.accountScene(saved)
		return c.changed(scene, views.AccountDetails(scene, nil), views.AccountDetailsID)
	})
}

// changed answers htmx after a change with the section that was changed and with
// the head of the page, whose name, picture, tags or menu may have changed too.
func (c *call) changed(scene views.AccountScene, body templ.Component, id string) error {
	page := c.s.gate(c, scene.Account.Name)
	var toasts []ui.ToastProps
	if t, ok := c.takeFlash(); ok {
		toasts = append(toasts, t)
	}
	return c.fragment(http.StatusOK, templ.Join(body, views.AccountHeadPartial(page, scene)), toasts...)
}

func (s *server) setReseller(c *call) error {
	form, err := c.fields("on", "next", "seen")
	if err != nil {
		return err
	}
	p, err := c.place(backoffice.WriteSubAccountManagement)
	if err != nil {
		return err
	}
	on := form["on"] == "true"
	err = c.store().Confirm(c.ctx(), c.actor, p.Account, store.ActManage(p.Account.ID, on), form["seen"])
	if p.Outdated = errors.Is(err, backoffice.ErrOutdated); p.Outdated {
		return c.renderReseller(http.StatusConflict, p, on, form["next"])
	}
	if err != nil {
		return err
	}
	toast := ui.ToastProps{Text: "Sub-account management is off.", Undo: s.link(accountPath(c.param("id")) + "/sub-account-management"), Hidden: []ui.Pair{{Name: "on", Value: strconv.FormatBool(!on)}}}
	if on {
		toast.Text = "Sub-account management is on."
	}
	if next := form["next"]; next != "" {
		c.putFlash(toast)
		return c.Redirect(http.StatusSeeOther, s.safeNext(next, accountPath(c.param("id"))))
	}
	return c.saved(accountPath(c.param("id"))+"#"+views.AccountSubAccountsID, toast, func() error {
		a, err := c.account()
		if err != nil {
			return err
		}
		scene := c.accountScene(a)
		p, err := c.store().SubAccounts(c.ctx(), a, "", "")
		if err != nil {
			return err
		}
		return c.changed(scene, views.AccountSubAccounts(scene, p), views.AccountSubAccountsID)
	})
}

// deletion says what goes with the account.
func (c *call) deletion(a backoffice.Account) (views.AccountDeletion, error) {
	n, err := c.store().DeletionConsequences(c.ctx(), a.ID)
	d := views.AccountDeletion{SubAccounts: n.SubAccounts, Members: n.Members, LoseOnly: n.LoseOnly,
		RestoreUntil: ui.LongDate(c.s.now().AddDate(0, 0, backoffice.BinDays))}
	if err == nil {
		var list []backoffice.AccountApplication
		list, err = c.store().Assignments(c.ctx(), a.Key)
		d.Applications = int64(len(list))
	}
	if err == nil {
		var v backoffice.DeletionPreview
		v, err = c.store().TryDelete(c.ctx(), c.actor, a)
		d.Reach, d.Policies = v.Reach, v.Policies
	}
	return d, err
}

func (s *server) askDeletion(c *call) error {
	a, err := c.account()
	if err != nil {
		return err
	}
	d, err := c.deletion(a)
	if err != nil {
		return err
	}
	return c.renderDeletion(http.StatusOK, a, d)
}

// renderDeletion shows the dialog, or without script a page that asks the same.
func (c *call) renderDeletion(status int, a backoffice.Account, d views.AccountDeletion) error {
	scene := c.accountScene(a)
	if c.isFragment() {
		return c.fragment(status, views.AccountDeletionDialog(scene, d))
	}
	var err error
	if scene.Ancestors, err = c.store().Ancestors(c.ctx(), a.Key); err != nil {
		return err
	}
	page, err := c.page("Delete "+a.Name, views.PartAccounts)
	if err != nil {
		return err
	}
	return c.render(status, page, views.AccountDeletionPage(scene, d))
}

func (s *server) deleteAccount(c *call) error {
	a, err := c.account()
	if err != nil {
		return err
	}
	form, err := c.fields("name", "move_up", "seen")
	if err != nil {
		return err
	}
	typed, deletion := form["name"], ""
	err = c.store().Confirm(c.ctx(), c.actor, a, store.ActDelete(a.ID, typed, form["move_up"] == "true", &deletion), form["seen"])
	var problems backoffice.Problems
	var has *store.HasSubAccounts
	outdated := errors.Is(err, backoffice.ErrOutdated)
	if errors.As(err, &problems) || errors.As(err, &has) || outdated {
		d, readErr := c.deletion(a)
		if readErr != nil {
			return readErr
		}
		d.Typed, d.Problem, d.Refused, d.Outdated = typed, problems["name"], has != nil, outdated
		status := http.StatusUnprocessableEntity
		if has != nil || outdated {
			status = http.StatusConflict
		}
		return c.renderDeletion(status, a, d)
	}
	if err != nil {
		return err
	}
	return c.saved("/backoffice/accounts", ui.ToastProps{Text: "“" + a.Name + "” was moved to the bin.", Undo: s.link("/backoffice/restorations"),
		Hidden: []ui.Pair{{Name: "deletion", Value: deletion}}}, nil)
}
