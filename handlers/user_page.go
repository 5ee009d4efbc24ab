package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

func (s *server) showUser(c *call) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	return c.renderUser(http.StatusOK, u, nil)
}

// wholeUser reads everything that the page of a user shows.
func (c *call) wholeUser(u backoffice.UserDetails) (views.UserScene, error) {
	var err error
	scene, st, ctx := c.userScene(u), c.store(), c.ctx()
	if !scene.Secure {
		scene.User.VendorMetadata = ""
	}
	if scene.Memberships, err = st.UserMemberships(ctx, u.Key); err != nil {
		return scene, err
	}
	if scene.Applications, scene.MoreApplications, err = st.ApplicationsOf(ctx, u.Key); err != nil {
		return scene, err
	}
	sessions, err := st.UserSessions(ctx, u.Key)
	if err != nil {
		return scene, err
	}
	for _, x := range sessions {
		scene.Sessions = append(scene.Sessions, views.UserSessionLine{UserSession: x.UserSession, Account: x.Account})
	}
	if scene.SignIns, err = st.ApplicationSignIns(ctx, u.Key); err != nil {
		return scene, err
	}
	if scene.MFA, err = st.MFA(ctx, backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: u.Key}); err != nil {
		return scene, err
	}
	today := backoffice.DayOf(c.s.now())
	first := today - backoffice.Day(scene.Days) + 1
	scene.Visits = views.AccountVisits{First: first.Start(), Counts: make([]int, scene.Days), Before: make([]int, scene.Days)}
	days, err := st.UserVisitsByDay(ctx, u.Key, first-backoffice.Day(scene.Days), today)
	if err != nil {
		return scene, err
	}
	for _, d := range days {
		if d.Day >= first {
			scene.Visits.Counts[d.Day-first] = int(d.Visits)
		} else {
			scene.Visits.Before[int(d.Day-first)+scene.Days] = int(d.Visits)
		}
	}
	events, err := st.Events(ctx, backoffice.EventFilter{Object: u.ID}, "", recentEvents)
	if err != nil {
		return scene, err
	}
	scene.Events = views.RecentEventsProps{Rows: events.Rows, Now: scene.Now, All: c.s.link("/backoffice/audit?q=" + url.QueryEscape(u.ID)),
		Event: func(id string) string { return c.s.link("/backoffice/audit/" + id) }}
	return scene, nil
}

// renderUser answers with the page of a user, or with the one section of it that
// htmx asks for; edit is the form in place of the details.
func (c *call) renderUser(status int, u backoffice.UserDetails, edit *views.UserDetailsEdit) error {
	scene, err := c.wholeUser(u)
	if err != nil {
		return err
	}
	scene.Edit = edit
	page, err := c.page(cmp.Or(u.Name, u.Email), views.PartUsers)
	if err != nil {
		return err
	}
	var sections []section
	for _, id := range views.UserSectionIDs() {
		sections = append(sections, section{id, views.UserSection(scene, id)})
	}
	return c.render(status, page, views.UserPage(scene), sections...)
}

// userSaved answers a change of a user: htmx with the section that was changed,
// the head and what tells of it, a plain browser by leading back.
func (c *call) userSaved(id, section string, toast ui.ToastProps) error {
	return c.saved(userPath(id)+"#"+section, toast, func() error {
		u, err := c.store().User(c.ctx(), id)
		if err != nil {
			return err
		}
		scene, err := c.wholeUser(u)
		if err != nil {
			return err
		}
		page, err := c.page(cmp.Or(u.Name, u.Email), views.PartUsers)
		if err != nil {
			return err
		}
		return c.fragment(http.StatusOK, views.UserChanged(page, scene, section), page.Toasts...)
	})
}

func (s *server) editUserDetails(c *call) error {
	u, err := c.liveUser()
	if err != nil {
		return err
	}
	return c.renderUser(http.StatusOK, u, &views.UserDetailsEdit{Name: u.Name, Email: u.Email, Version: u.Version})
}

func (s *server) saveUserDetails(c *call) error {
	form, err := c.fields("name", "email", "version")
	if err != nil {
		return err
	}
	edit := views.UserDetailsEdit{Name: form["name"], Email: form["email"]}
	// A version that is no number is none that there ever was: a conflict.
	edit.Version, _ = strconv.ParseInt(form["version"], 10, 64)
	before, err := c.liveUser()
	if err != nil {
		return err
	}
	err = c.store().SaveUser(c.ctx(), c.actor, before.ID, store.UserEdit{Name: edit.Name, Email: edit.Email, Version: edit.Version}, auth.InvitationToken.New)
	status := http.StatusUnprocessableEntity
	switch {
	case errors.As(err, &edit.Problems):
		return c.renderUser(status, before, &edit)
	case errors.Is(err, backoffice.ErrConflict):
		now, err := c.liveUser()
		if err != nil {
			return err
		}
		edit.Conflict, edit.Version = true, now.Version
		return c.renderUser(http.StatusConflict, now, &edit)
	case err != nil:
		return err
	}
	after, err := c.liveUser()
	if err != nil {
		return err
	}
	toast := ui.ToastProps{Text: "Details saved."}
	if after.Email != before.Email {
		toast.Text = "Details saved. The new address is not verified yet, and all sessions have ended."
	}
	return c.userSaved(before.ID, views.UserDetailsID, toast)
}

// changeUser does one act on the user that the path names, and leads back to
// where the form stood.
func (c *call) changeUser(act store.UserChange, toast ui.ToastProps) error {
	form, err := c.fields("next")
	if err != nil {
		return err
	}
	id := c.param("id")
	err = c.store().ChangeUser(c.ctx(), c.actor, id, act)
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		toast = ui.ToastProps{Text: "Nothing was changed: " + string(refusal) + ".", Bad: true}
	} else if err != nil {
		return err
	}
	if form["next"] != "" || !c.isFragment() {
		c.putFlash(toast)
		return c.Redirect(http.StatusSeeOther, c.s.safeNext(form["next"], userPath(id)))
	}
	shown := views.UserDetailsID
	if slices.Contains(views.UserSectionIDs(), c.target()) {
		shown = c.target()
	}
	return c.userSaved(id, shown, toast)
}

func (s *server) lockUser(c *call) error {
	return c.changeUser(store.SetLocked(true), ui.ToastProps{Text: "Locked: they can sign in nowhere.", Undo: s.link(userPath(c.param("id")) + "/unlock")})
}

func (s *server) unlockUser(c *call) error {
	return c.changeUser(store.SetLocked(false), ui.ToastProps{Text: "Unlocked.", Undo: s.link(userPath(c.param("id")) + "/lock")})
}

func (s *server) endSessionsOfUser(c *call) error {
	return c.changeUser(store.EndSessions(), ui.ToastProps{Text: "All sessions have ended."})
}

func (s *server) endSessionOfUser(c *call) error {
	u, err := c.liveUser()
	if err != nil {
		return err
	}
	if err := c.store().EndUserSession(c.ctx(), c.actor, u.Key, c.param("session")); err != nil {
		return err
	}
	return c.userSaved(u.ID, views.UserSessionsID, ui.ToastProps{Text: "The session has ended."})
}

func (s *server) resetSecondFactors(c *call) error {
	u, err := c.liveUser()
	if err != nil {
		return err
	}
	if err := c.store().ResetMFA(c.ctx(), c.actor, backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: u.Key}); err != nil {
		return err
	}
	return c.userSaved(u.ID, views.UserFactorsID, ui.ToastProps{Text: "The second factors are gone. Where they are demanded, new ones are enrolled at the next sign-in."})
}
