package handlers

import (
	"errors"
	"net/http"
	"net/url"

	"steward/backoffice"
	"steward/federation"
	"steward/views"
	"steward/views/ui"
)

// refuseRequest says what is wrong with what an application asks for: to its user
// in plain words, and to staff with the link that mends it. Nobody is redirected.
func (s *server) refuseRequest(c *call, r federation.Refused) error {
	name, status := r.Application.Name, http.StatusBadRequest
	title, lead := "This sign-in cannot begin", "What the application sent cannot be understood. Tell who runs it."
	fix, path := "", ""
	switch r.Why {
	case federation.NoApplication:
		title = "Which application?"
		lead = "The application did not say which one it is, and there is no default application. Tell who runs it: either it sends its ID, as client_id, or one application becomes the default."
		fix, path = "Choose the default application", "/backoffice/applications"
	case federation.UnknownApplication:
		title = "There is no such application"
		lead = "The application calls itself by an ID that is not known here. Tell who runs it: the client_id that it sends is wrong, or the application was deleted."
		fix, path = "Look at all applications", "/backoffice/applications"
	case federation.InactiveOne:
		status = http.StatusForbidden
		title, lead = name+" is not open yet", "Nobody can sign in to it at the moment. Try again later, or ask who runs it."
		fix, path = "Open it to users", applicationPath(r.Application)
	case federation.WrongRedirect:
		title = name + " returns to a wrong address"
		lead = "The address that it wants to go on at is not one that was entered for it, so that you stay here. Tell who runs it."
		if r.RedirectURI == "" {
			lead = "It did not say at which address it goes on after the sign-in, as redirect_uri. Tell who runs it."
		}
		fix, path = "Look at its addresses", applicationPath(r.Application)
	}
	return s.refusal(c, status, title, lead, fix, path, shownAddress(r))
}

// shownAddress is the address that an application asked for, for who mends it; it
// is text and no link.
func shownAddress(r federation.Refused) string {
	if r.Why != federation.WrongRedirect || r.RedirectURI == "" {
		return ""
	}
	return "It asked for " + backoffice.VisibleCell(r.RedirectURI[:min(len(r.RedirectURI), 300)])
}

func applicationPath(a backoffice.Application) string {
	return "/backoffice/applications/" + url.PathEscape(a.ID)
}

// refuseEntry says why a user does not enter an application. account is where they
// are, empty where they have not entered one yet.
func (s *server) refuseEntry(c *call, a asked, u backoffice.User, account backoffice.AccountRef, why backoffice.EntryRefusal) error {
	name := a.Application.Name
	title, lead := "You do not have "+name, "None of your accounts has it. Ask an admin of your account, or who sells it to you."
	fix, path := "Look at the application", applicationPath(a.Application)
	switch why {
	case backoffice.EntryInactive:
		title, lead = name+" is not open yet", "Nobody can sign in to it at the moment. Try again later, or ask who runs it."
		fix = "Open it to users"
	case backoffice.EntryNotForUser:
		lead = "Your account has it, and it was not given to you. Ask an admin of your account."
	}
	switch {
	case why == backoffice.EntryNotForUser:
		// One of their accounts has it, and is named on their page; where it is the one
		// that they are in, its page there is where it is given.
		fix, path = "Look at the user", views.UserPath("", u.ID)+"#accounts"
		if _, err := c.store().Assignment(c.ctx(), account.Key, a.Application.ID); err == nil {
			fix, path = "Users who have it in this account", views.AccountApplicationPath("", account.ID, a.Application.ID)
		} else if !errors.Is(err, backoffice.ErrNotFound) {
			return err
		}
	case why == backoffice.EntryNoAccount && account.ID != "":
		fix, path = "Applications of this account", views.AccountsPath+"/"+url.PathEscape(account.ID)+"/applications"
	}
	portal := "/portal"
	if account.ID == "" {
		portal = "/sign-in/accounts?portal=yes"
	}
	return s.refusalFor(c, http.StatusForbidden, title, lead, fix, path, "You are "+u.Email+".", portal)
}

func (s *server) refusal(c *call, status int, title, lead, fix, path, detail string) error {
	return s.refusalFor(c, status, title, lead, fix, path, detail, "/portal")
}

// refusalFor shows staff who are signed in, in this browser, where to mend it.
func (s *server) refusalFor(c *call, status int, title, lead, fix, path, detail, portal string) error {
	var more []ui.ButtonProps
	_, staff, err := s.identify(c.Context)
	if err != nil {
		return err
	}
	if staff && fix != "" {
		more = append(more, ui.ButtonProps{Label: fix, Variant: "outline", Href: s.link(path)})
	}
	page := s.gate(c, title)
	page.Path = ""
	return c.gatePage(status, views.ErrorPage(page, title, lead, nil, ui.ButtonProps{Label: "Go to the portal", Href: s.link(portal)}, detail, more...))
}
