package handlers

import (
	"context"
	"encoding/csv"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
	"steward/views"
	"steward/views/ui"
)

// invitationRoutes are the list of pending invitations and what is done with them.
func (s *server) invitationRoutes() []route {
	const (
		get, post = http.MethodGet, http.MethodPost
		at        = views.InvitationsPath
	)
	return []route{
		{get, at, backoffice.ReadAccounts, s.showInvitations},
		{get, at + ".csv", backoffice.ReadAccounts, s.exportInvitations},
		{post, at + "/resending", backoffice.WriteAccounts, s.resendInvitations},
		{post, at + "/revocation", backoffice.WriteAccounts, s.revokeInvitations},
		{post, at + "/:id/link", backoffice.WriteAccounts, s.copyInvitation},
	}
}

func invitationFilter(q url.Values) backoffice.InvitationFilter {
	return backoffice.InvitationFilter{Query: shortened(q.Get("q")), Account: shortened(q.Get("account")), Mail: shortened(q.Get("mail")),
		Expiry: shortened(q.Get("expiry")), By: shortened(q.Get("by"))}
}

func (s *server) showInvitations(c *call) error {
	v := views.InvitationsView{Filter: invitationFilter(c.QueryParams()), MayWrite: c.may(backoffice.WriteAccounts), Now: s.now()}
	var err error
	if v.Page, err = c.page("Invitations", views.PartInvitations); err != nil {
		return err
	}
	if v.List, err = c.store().Invitations(c.ctx(), v.Filter, c.QueryParam("page"), 0); err != nil {
		return err
	}
	if v.Inviters, err = c.store().Inviters(c.ctx()); err != nil {
		return err
	}
	if !c.isFragment() {
		if v.Funnel, err = c.store().InvitationFunnel(c.ctx()); err != nil {
			return err
		}
	}
	if v.Filter.Account != "" {
		if a, err := c.store().Account(c.ctx(), v.Filter.Account); err == nil {
			v.Account = a.Name
		}
	}
	return c.render(http.StatusOK, v.Page, views.InvitationsPage(v), section{views.InvitationsListID, views.InvitationsUpdate(v)})
}

var invitationColumns = []struct {
	name string
	cell func(*backoffice.InvitationRow) string
}{
	{"E-mail", func(r *backoffice.InvitationRow) string { return r.Email }},
	{"Name", func(r *backoffice.InvitationRow) string { return r.UserName }},
	{"User ID", func(r *backoffice.InvitationRow) string { return r.UserID }},
	{"Account ID", func(r *backoffice.InvitationRow) string { return r.AccountID }},
	{"Account", func(r *backoffice.InvitationRow) string { return r.AccountName }},
	{"Roles", func(r *backoffice.InvitationRow) string { return strings.Join(r.Roles, "; ") }},
	{"Invited", func(r *backoffice.InvitationRow) string { return r.CreatedAt.Format(time.RFC3339) }},
	{"Invited by", func(r *backoffice.InvitationRow) string { return r.InvitedBy }},
	{"Sent", func(r *backoffice.InvitationRow) string { return r.SentAt.Format(time.RFC3339) }},
	{"Expires", func(r *backoffice.InvitationRow) string { return r.ExpiresAt.Format(time.RFC3339) }},
	{"Mail", func(r *backoffice.InvitationRow) string {
		if r.Copied {
			return "Link copied"
		}
		return r.Mail.Label()
	}},
	{"Reason", func(r *backoffice.InvitationRow) string { return r.Reason }},
}

// exportInvitations streams the list as CSV: what is shown, page by page. A
// failure after the first line breaks the connection off: a file that is cut
// short must not look like a whole one.
func (s *server) exportInvitations(c *call) error {
	f := invitationFilter(c.QueryParams())
	w := csv.NewWriter(c.Response())
	line := make([]string, len(invitationColumns))
	begun := false
	begin := func() error {
		begun = true
		h := c.Response().Header()
		h.Set(echo.HeaderContentType, "text/csv; charset=utf-8")
		h.Set(echo.HeaderContentDisposition, `attachment; filename="invitations-`+backoffice.DayOf(s.now()).String()+`.csv"`)
		// The mark tells spreadsheets that the text is UTF-8.
		if _, err := c.Response().Write([]byte("\ufeff")); err != nil {
			return err
		}
		for i, col := range invitationColumns {
			line[i] = col.name
		}
		return w.Write(line)
	}
	err := c.store().EachInvitation(c.ctx(), f, func(r backoffice.InvitationRow) error {
		if !begun {
			if err := begin(); err != nil {
				return err
			}
		}
		for i, col := range invitationColumns {
			line[i] = backoffice.EscapeCell(col.cell(&r))
		}
		return w.Write(line)
	})
	if err == nil && !begun {
		err = begin()
	}
	if err != nil && !begun {
		return err
	}
	if w.Flush(); err == nil {
		err = w.Error()
	}
	if err != nil {
		s.Log.Error("export of the invitations broken off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// selectedInvitations looks at what a form of the list names: one, those that are
// ticked, or all that a view of the list finds.
func (s *server) selectedInvitations(c *call, revoke bool) (a views.InvitationsAct, form url.Values, err error) {
	if form, err = c.posted(); err != nil {
		return a, form, err
	}
	a.Revoke, a.All, a.Expected = revoke, form.Get("all"), form.Get("expected")
	view := form.Get("view")
	if a.All != "" {
		if view = a.All; view == "all" {
			view = ""
		}
	}
	values, err := url.ParseQuery(view)
	if err != nil {
		return a, form, backoffice.Problems{"": "This selection cannot be read. Go back to the list and select again."}
	}
	filter := invitationFilter(values)
	a.Back = s.link(views.InvitationsPath)
	if q := views.InvitationValues(filter).Encode(); q != "" {
		a.Back += "?" + q
	}
	note := func(r backoffice.InvitationRow) error {
		if a.Count++; a.Count > maxSelection {
			return backoffice.Problems{"": "One act changes at most 10 000 invitations. Narrow the list, and do it in parts."}
		}
		if a.IDs = append(a.IDs, r.ID); len(a.Names) < views.MaxNames {
			a.Names = append(a.Names, r.Email)
		}
		return nil
	}
	if a.All != "" {
		err = c.store().EachInvitation(c.ctx(), filter, note)
	} else {
		ids := form["id"]
		if one := form.Get("one"); one != "" {
			ids = []string{one}
		}
		ids = slices.Compact(slices.Sorted(slices.Values(ids)))
		for _, id := range ids {
			r, findErr := c.store().Invitation(c.ctx(), id)
			if errors.Is(findErr, backoffice.ErrNotFound) {
				// It says so among the results.
				r.ID = id
				r.Email, findErr = c.store().InvitedAddress(c.ctx(), id)
			}
			if findErr != nil && !errors.Is(findErr, backoffice.ErrNotFound) {
				return a, form, findErr
			}
			if err = note(r); err != nil {
				break
			}
		}
	}
	a.Changed = a.Expected != "" && a.Expected != strconv.FormatInt(a.Count, 10)
	return a, form, err
}

func (s *server) resendInvitations(c *call) error {
	return s.actOnInvitations(c, false, func(ctx context.Context, ids []string) ([]store.BulkResult, error) {
		return c.store().ResendInvitations(ctx, c.actor, ids, auth.InvitationToken.New)
	})
}

func (s *server) revokeInvitations(c *call) error {
	return s.actOnInvitations(c, true, func(ctx context.Context, ids []string) ([]store.BulkResult, error) {
		return c.store().RevokeInvitations(ctx, c.actor, ids)
	})
}

// actOnInvitations does it at once to a single one that is sent again, and asks
// before the rest.
func (s *server) actOnInvitations(c *call, revoke bool, act func(context.Context, []string) ([]store.BulkResult, error)) error {
	a, form, err := s.selectedInvitations(c, revoke)
	if err != nil {
		return err
	}
	back := strings.TrimPrefix(a.Back, s.base)
	if a.Count == 0 {
		return c.saved(back, ui.ToastProps{Text: "Nothing was selected. Tick the invitations first.", Bad: true}, nil)
	}
	if form.Get("confirmed") != "yes" && (revoke || a.Count > 1) || a.Changed {
		status := http.StatusOK
		if a.Changed {
			status = http.StatusConflict
		}
		return s.renderInvitationsAct(c, status, a)
	}
	// What was confirmed is done to its end, whoever closes the window meanwhile.
	results, err := act(context.WithoutCancel(c.ctx()), a.IDs)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Refused == "" {
			a.Done++
		}
		a.Results = append(a.Results, views.BulkLine{ID: r.ID, Name: r.Name, Why: r.Refused})
	}
	if len(results) == 1 {
		toast := ui.ToastProps{Text: "The invitation of " + results[0].Name + " was sent again."}
		switch {
		case results[0].Refused != "":
			toast = ui.ToastProps{Text: "The invitation is not pending any more.", Bad: true}
		case revoke:
			toast.Text = "The invitation of " + results[0].Name + " was revoked."
		}
		return c.saved(back, toast, nil)
	}
	return s.renderInvitationsAct(c, http.StatusOK, a)
}

func (s *server) renderInvitationsAct(c *call, status int, a views.InvitationsAct) error {
	title := "Resend invitations"
	if a.Revoke {
		title = "Revoke invitations"
	}
	var err error
	if a.Page, err = c.page(title, views.PartInvitations); err != nil {
		return err
	}
	return c.render(status, a.Page, views.InvitationsActPage(a))
}

// copyInvitation shows a new link in its own answer, once: it is in no cookie, no
// address and no database.
func (s *server) copyInvitation(c *call) error {
	if _, err := c.posted(); err != nil {
		return err
	}
	i, token, err := c.store().CopyInvitation(c.ctx(), c.actor, c.param("id"), auth.InvitationToken.New)
	if err != nil {
		return err
	}
	page, err := c.page("Link of an invitation", views.PartInvitations)
	if err != nil {
		return err
	}
	return c.render(http.StatusCreated, page, views.InvitationLinkPage(page, i, s.PublicURL.String()+"/invitation?token="+token))
}
