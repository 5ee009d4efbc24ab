package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

func (s *server) accountApplicationRoutes() []route {
	const (
		get, post   = http.MethodGet, http.MethodPost
		read, write = backoffice.ReadAllApplications, backoffice.WriteAllApplications
		all         = "/backoffice/accounts/:id/applications"
		one         = all + "/:application"
	)
	return []route{
		{get, all, read, s.showAccountApplications},
		{post, all, write, s.assignApplications},
		{get, all + "/new", write, s.showAssign},
		{get, all + "/auto-assignment", write, s.showAutoAssign},
		{post, all + "/auto-assignment", write, s.autoAssign},
		{get, one, read, s.showApplicationUsers},
		{get, one + "/auto-assignment", write, s.askAutoAssignment},
		{post, one + "/auto-assignment", write, s.setAutoAssignment},
		{get, one + "/removal", write, s.askAssignmentRemoval},
		{post, one + "/removal", write, s.removeAssignment},
		{post, one + "/restoration", write, s.returnAssignment},
		{get, one + "/users/new", write, s.showUserPicker},
		{post, one + "/users", write, s.giveApplication},
		{post, one + "/users/:user/removal", write, s.takeApplication},
	}
}

// accountApplications reads the applications of an account for its section.
func (c *call) accountApplications(a backoffice.Account) (p views.AccountApplicationsProps, err error) {
	p.MayWrite = c.may(backoffice.WriteAllApplications)
	p.Rows, err = c.store().AccountApplications(c.ctx(), a.Key)
	return p, err
}

// assignmentScene is accountScene for pages about the applications of an account.
func (c *call) assignmentScene(a backoffice.Account) (scene views.AccountScene, err error) {
	scene = c.accountScene(a)
	scene.MayWrite = c.may(backoffice.WriteAllApplications)
	if !c.isFragment() {
		scene.Ancestors, err = c.store().Ancestors(c.ctx(), a.Key)
	}
	return scene, err
}

func (s *server) showAccountApplications(c *call) error {
	a, err := c.account()
	if err != nil {
		return err
	}
	p, err := c.accountApplications(a)
	if err != nil {
		return err
	}
	scene, err := c.assignmentScene(a)
	if err != nil {
		return err
	}
	page, err := c.page("Applications of "+a.Name, views.PartAccounts)
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.AccountApplicationsPage(scene, p), section{views.AccountApplicationsID, views.AccountApplicationTable(scene, p)})
}

// from reads on which page a form was begun.
func from(text string) views.From {
	if f := views.From(text); f == views.FromList || f == views.FromApplication {
		return f
	}
	return views.FromAccount
}

// assignmentsChanged answers a change of an account's applications: htmx with the
// section as it stands on the page where that was begun, a plain browser by leading
// back.
func (c *call) assignmentsChanged(begun views.From, application string, toast ui.ToastProps) error {
	id := c.param("id")
	switch begun {
	case views.FromApplication:
		return c.saved(views.AccountApplicationPath("", id, application), toast, nil)
	case views.FromList:
		return c.saved(views.AccountApplicationsPath("", id), toast, func() error { return c.assignmentsAnew(begun) })
	}
	return c.saved(accountPath(id)+"#"+views.AccountApplicationsID, toast, func() error { return c.assignmentsAnew(begun) })
}

func (c *call) assignmentsAnew(begun views.From) error {
	a, err := c.account()
	if err != nil {
		return err
	}
	p, err := c.accountApplications(a)
	if err != nil {
		return err
	}
	c.closes()
	scene := c.accountScene(a)
	var toasts []ui.ToastProps
	if t, ok := c.takeFlash(); ok {
		toasts = append(toasts, t)
	}
	if begun == views.FromList {
		return c.fragment(http.StatusOK, views.AccountApplicationTable(scene, p), toasts...)
	}
	return c.fragment(http.StatusOK, views.AccountApplications(scene, p), toasts...)
}

// people counts everybody who stands in an account, by membership or by grant.
func (c *call) people(a backoffice.Account) (int64, error) {
	granted, err := c.store().GrantedTo(c.ctx(), a.Key)
	return a.Users + granted, err
}

// assignForm reads what "Assign application" offers, or with auto "Auto-assign
// users".
func (c *call) assignForm(auto bool) (f views.AssignForm, err error) {
	a, err := c.account()
	if err != nil {
		return f, err
	}
	f.Auto, f.Chosen = auto, map[string]bool{}
	if f.Scene, err = c.assignmentScene(a); err != nil {
		return f, err
	}
	if f.People, err = c.people(a); err != nil {
		return f, err
	}
	available, err := c.store().AvailableApplications(c.ctx(), a.Key)
	if err != nil {
		return f, err
	}
	for _, p := range available {
		f.Rows = append(f.Rows, views.AssignRow{Application: p})
	}
	mine, err := c.store().AccountApplications(c.ctx(), a.Key)
	if err != nil {
		return f, err
	}
	for _, p := range mine {
		if auto && p.Path == backoffice.ByHand {
			f.Rows = append(f.Rows, views.AssignRow{Application: p.Application, Mine: true, Users: p.Users})
		}
	}
	slices.SortStableFunc(f.Rows, func(a, b views.AssignRow) int {
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	f.None = len(available)+len(mine) == 0
	return f, nil
}

func (s *server) showAssign(c *call) error     { return s.offerApplications(c, false) }
func (s *server) showAutoAssign(c *call) error { return s.offerApplications(c, true) }

func (s *server) offerApplications(c *call, auto bool) error {
	f, err := c.assignForm(auto)
	if err != nil {
		return err
	}
	q := c.QueryParams()
	f.From, f.Query, f.ForAll = from(q.Get("from")), shortened(q.Get("q")), q.Get("auto") == "true"
	for _, id := range q["application"] {
		f.Chosen[id] = true
	}
	return s.renderAssign(c, http.StatusOK, f)
}

func (s *server) renderAssign(c *call, status int, f views.AssignForm) error {
	if c.isFragment() {
		return c.fragment(status, views.AssignDrawer(f))
	}
	title := "Assign application"
	if f.Auto {
		title = "Auto-assign users"
	}
	page, err := c.page(title, views.PartAccounts)
	if err != nil {
		return err
	}
	return c.render(status, page, views.AssignPage(f))
}

func (s *server) assignApplications(c *call) error { return s.assign(c, false) }
func (s *server) autoAssign(c *call) error         { return s.assign(c, true) }

func (s *server) assign(c *call, all bool) error {
	form, err := c.posted()
	if err != nil {
		return err
	}
	ids := form["application"]
	if len(ids) > backoffice.MaxApplications {
		return errTwice
	}
	auto := all || form.Get("auto") == "true"
	n, err := c.store().AssignApplications(c.ctx(), c.actor, c.param("id"), ids, auto)
	var problems backoffice.Problems
	// One that was deleted while the drawer was open: the list as it stands now.
	if errors.Is(err, backoffice.ErrNotFound) && len(ids) > 0 {
		if _, err := c.account(); err != nil {
			return err
		}
		problems = backoffice.Problems{"applications": "One of them is not there any more. Nothing was assigned; this is the list as it stands."}
	}
	if errors.As(err, &problems) || len(problems) > 0 {
		f, err := c.assignForm(all)
		if err != nil {
			return err
		}
		f.From, f.Query, f.ForAll, f.Problems = from(form.Get("from")), shortened(form.Get("q")), auto, problems
		for _, id := range ids {
			f.Chosen[id] = true
		}
		return s.renderAssign(c, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	text := ui.Count(int64(n), "application was", "applications were") + " assigned."
	switch {
	case n == 0:
		text = "Nothing had to be assigned: it was there already."
	case auto:
		text = ui.Count(int64(n), "application was", "applications were") + " assigned to every user."
	}
	return c.assignmentsChanged(from(form.Get("from")), "", ui.ToastProps{Text: text})
}

// assignment is the application that the path names, in the account that it names.
// Errors: ErrNotFound where the account does not have it.
func (c *call) assignment() (a backoffice.Account, v backoffice.AccountApplication, err error) {
	if a, err = c.account(); err == nil {
		v, err = c.store().AccountApplication(c.ctx(), a.Key, c.param("application"))
	}
	return a, v, err
}

// askAssignment begins a question about an application in an account.
func (c *call) askAssignment(last, path string) (a backoffice.Account, v backoffice.AccountApplication, ask views.Ask, err error) {
	if a, v, err = c.assignment(); err != nil {
		return
	}
	begun := from(c.QueryParam("from"))
	at := views.AccountApplicationPath(c.s.base, a.ID, v.ID)
	ask = views.Ask{Name: v.Name, Action: at + path, Back: at, Hidden: []ui.Pair{{Name: "from", Value: string(begun)}}, Section: views.AccountApplicationsID,
		Crumbs: []ui.Crumb{{Label: "Backoffice", Href: c.s.link(views.AccountsPath)}, {Label: "Accounts", Href: c.s.link(views.AccountsPath)}, {Label: a.Name, Href: c.s.link(accountPath(a.ID))},
			{Label: "Applications", Href: views.AccountApplicationsPath(c.s.base, a.ID)}, {Label: v.Name, Href: at}, {Label: last}}}
	if begun == views.FromApplication {
		ask.Section = ""
	}
	return
}

func (s *server) askAutoAssignment(c *call) error {
	a, v, ask, err := c.askAssignment("Auto-assignment", "/auto-assignment")
	if err != nil {
		return err
	}
	if v.ReachesAll() {
		return c.goTo(views.AccountApplicationPath("", a.ID, v.ID))
	}
	people, err := c.people(a)
	if err != nil {
		return err
	}
	on := v.Path != backoffice.ByAccount
	ask.ID, ask.Hidden = "auto-assignment", append(ask.Hidden, ui.Pair{Name: "on", Value: strconv.FormatBool(on)})
	if on {
		ask.Title, ask.After, ask.Button = "Enable auto-assignment of", "?", "Enable auto-assignment"
		ask.Lines = []views.AskLine{
			{Icon: "user-plus", Strong: ui.Count(people-v.Users, "user gains it,", "users gain it,"), Text: "so that all " + ui.Number(people) + " have it, by membership and by grant."},
			{Icon: "users", Text: "Users who join later get it as well, and it cannot be taken from a single user."},
		}
		if people == 1 {
			ask.Lines[0].Text = "by membership or by grant."
		}
		if people <= v.Users {
			ask.Lines[0] = views.AskLine{Icon: "user-check", Text: "Every user has it already."}
		}
		return c.ask("Auto-assignment", views.PartAccounts, ask)
	}
	ask.Title, ask.After, ask.Button = "Disable auto-assignment of", "?", "Disable auto-assignment"
	ask.Lines = []views.AskLine{{Icon: "user-check", Strong: ui.Count(people, "user keeps it", "users keep it"), Text: "as manual assignments and can lose it one by one; users who join later do not get it."}}
	if people == 1 {
		ask.Lines[0].Text = "as a manual assignment and can lose it; users who join later do not get it."
	}
	return c.ask("Auto-assignment", views.PartAccounts, ask)
}

func (s *server) setAutoAssignment(c *call) error {
	form, err := c.fields("on", "from")
	if err != nil {
		return err
	}
	_, v, err := c.assignment()
	if err != nil {
		return err
	}
	on := form["on"] == "true"
	err = c.store().SetAutoAssignment(c.ctx(), c.actor, c.param("id"), v.ID, on)
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		return c.assignmentsChanged(from(form["from"]), v.ID, ui.ToastProps{Text: refusal.Error(), Bad: true})
	} else if err != nil {
		return err
	}
	toast := ui.ToastProps{Text: "“" + v.Name + "” is not assigned to every user any more. Who had it keeps it."}
	if on {
		toast.Text = "Every user has “" + v.Name + "”."
	}
	return c.assignmentsChanged(from(form["from"]), v.ID, toast)
}

func (s *server) askAssignmentRemoval(c *call) error {
	a, v, ask, err := c.askAssignment("Remove", "/removal")
	if err != nil {
		return err
	}
	have := v.Users
	if v.Path.ReachesAll() {
		if have, err = c.people(a); err != nil {
			return err
		}
	}
	ask.ID, ask.Title, ask.After, ask.Button, ask.Bad = "remove-application", "Remove", " from “"+a.Name+"”?", "Remove", true
	ask.Lines = []views.AskLine{{Icon: "users", Strong: ui.Count(have, "user loses it", "users lose it"), Text: "in this account, and cannot enter it from here any more."}}
	if have == 0 {
		ask.Lines = []views.AskLine{{Icon: "users", Text: "No user has it."}}
	}
	if v.Path == backoffice.ByHand && have > 0 {
		ask.Lines = append(ask.Lines, views.AskLine{Icon: "user-x", Text: "Undo gives it back to them, for 30 days. Assigned again later, it begins without users."})
	}
	if v.ReachesAll() {
		ask.Lines = append(ask.Lines, views.AskLine{Icon: "building-2", Text: "All accounts start with it; this one stays without it until it is assigned here again."})
	}
	return c.ask("Remove "+v.Name, views.PartAccounts, ask)
}

func (s *server) removeAssignment(c *call) error {
	form, err := c.fields("from")
	if err != nil {
		return err
	}
	a, err := c.account()
	if err != nil {
		return err
	}
	p, err := c.store().Application(c.ctx(), c.param("application"))
	if err != nil {
		return err
	}
	if err := c.store().RemoveApplication(c.ctx(), c.actor, a.ID, p.ID); err != nil {
		return err
	}
	begun := from(form["from"])
	toast := ui.ToastProps{Text: "“" + p.Name + "” was removed from “" + a.Name + "”."}
	removal, err := c.store().LastRemoval(c.ctx(), a.ID, p.ID)
	if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
		return err
	}
	if err == nil {
		toast.Undo, toast.Hidden = views.AccountApplicationPath(s.base, a.ID, p.ID)+"/restoration", []ui.Pair{{Name: "removal", Value: removal}}
	}
	if begun == views.FromApplication {
		return c.saved(views.AccountApplicationsPath("", a.ID), toast, nil)
	}
	return c.assignmentsChanged(begun, p.ID, toast)
}

// returnAssignment takes a removal back, as its toast and the trail offer.
func (s *server) returnAssignment(c *call) error {
	form, err := c.fields("removal")
	if err != nil {
		return err
	}
	a, err := c.account()
	if err != nil {
		return err
	}
	p, err := c.store().Application(c.ctx(), c.param("application"))
	if err != nil {
		return err
	}
	err = c.store().ReturnApplication(c.ctx(), c.actor, a.ID, p.ID, form["removal"])
	if errors.Is(err, backoffice.ErrNotFound) {
		err = backoffice.Refusal("There is nothing left to undo.")
	}
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		return c.saved(views.AccountApplicationsPath("", a.ID), ui.ToastProps{Text: refusal.Error(), Bad: true}, nil)
	}
	if err != nil {
		return err
	}
	return c.saved(views.AccountApplicationPath("", a.ID, p.ID), ui.ToastProps{Text: "“" + a.Name + "” has “" + p.Name + "” again, and so has everybody who had it. Sessions do not come back."}, nil)
}
