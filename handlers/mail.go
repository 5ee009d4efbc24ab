package handlers

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

// mailRoutes are the settings of mail with the outbox and, in development, the
// mailbox. Whoever reads a letter can follow its link in the reader's place: the
// mailbox is an owner's alone.
func (s *server) mailRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	list := []route{
		{get, views.MailSettingsPath, backoffice.ReadSettings, s.showMailSettings},
		{post, views.MailSettingsPath, backoffice.WriteSettings, s.saveMailSettings},
	}
	if s.Letters != nil {
		list = append(list,
			route{get, views.MailboxPath, backoffice.WriteSettings, s.showMailbox},
			route{get, views.MailboxPath + "/:letter", backoffice.WriteSettings, s.showLetter},
			route{get, views.MailboxPath + "/:letter/html", backoffice.WriteSettings, s.showLetterHTML})
	}
	return list
}

func (s *server) showMailSettings(c *call) error {
	days, err := c.store().InvitationDays(c.ctx())
	if err != nil {
		return err
	}
	return s.renderMailSettings(c, http.StatusOK, views.MailView{Days: strconv.Itoa(days)})
}

func (s *server) renderMailSettings(c *call, status int, v views.MailView) error {
	v.By, v.Mailbox = s.Mail, s.Letters != nil && c.may(backoffice.WriteSettings)
	v.MayWrite, v.Owner, v.Now = c.may(backoffice.WriteSettings), c.may(backoffice.WriteStaff), s.now()
	if v.State = backoffice.MailState(c.QueryParam("state")); !slices.Contains(backoffice.MailStates(), v.State) {
		v.State = ""
	}
	var err error
	if v.Page, err = c.page("Mail", views.PartSettings); err != nil {
		return err
	}
	if v.Figures, err = c.store().MailFigures(c.ctx()); err != nil {
		return err
	}
	if v.List, err = c.store().Mails(c.ctx(), v.State, c.QueryParam("page")); err != nil {
		return err
	}
	return c.render(status, v.Page, views.MailSettings(v), section{"mail-list", views.MailList(v)})
}

func (s *server) saveMailSettings(c *call) error {
	form, err := c.fields("days")
	if err != nil {
		return err
	}
	err = c.store().SaveInvitationDays(c.ctx(), c.actor, form["days"])
	var problems backoffice.Problems
	if errors.As(err, &problems) {
		return s.renderMailSettings(c, http.StatusUnprocessableEntity, views.MailView{Days: form["days"], Problems: problems})
	}
	if err != nil {
		return err
	}
	return c.saved(views.MailSettingsPath, ui.ToastProps{Text: "Saved. It holds for invitations sent from now on."}, nil)
}

func (s *server) showMailbox(c *call) error {
	page, err := c.page("Mailbox", "")
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.MailboxPage(page, s.Letters(), s.now()))
}

// letter finds the letter that the path names. Errors: ErrNotFound.
func (c *call) letter() (backoffice.Letter, error) {
	letters := c.s.Letters()
	i := slices.IndexFunc(letters, func(l backoffice.Letter) bool { return l.ID == c.param("letter") })
	if i < 0 {
		return backoffice.Letter{}, backoffice.ErrNotFound
	}
	return letters[i], nil
}

func (s *server) showLetter(c *call) error {
	l, err := c.letter()
	if err != nil {
		return err
	}
	page, err := c.page(l.Subject, "")
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.LetterPage(page, l))
}

// showLetterHTML shows a letter as a reader of mail would, in a page of its own.
func (s *server) showLetterHTML(c *call) error {
	l, err := c.letter()
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Security-Policy", views.LetterPolicy)
	return c.HTML(http.StatusOK, l.HTML)
}
