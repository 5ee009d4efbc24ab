package handlers

import (
	"errors"
	"net/http"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

func (s *server) showTokens(c *call) error {
	return s.tokensPage(c, http.StatusOK, views.Tokens{Chosen: []string{string(backoffice.ScopeVisits)}})
}

func (s *server) tokensPage(c *call, status int, t views.Tokens) error {
	page, err := c.page("API tokens", views.PartSettings)
	if err != nil {
		return err
	}
	if t.List, err = c.store().Tokens(c.ctx()); err != nil {
		return err
	}
	t.Now = c.store().Now()
	return c.render(status, page, views.TokensPage(page, t))
}

// makeToken shows the token in its own answer, once: it is in no cookie, no
// address and no database.
func (s *server) makeToken(c *call) error {
	form, err := c.posted()
	if err != nil {
		return err
	}
	name := form.Get("name")
	secret, hash := auth.APIToken.New()
	token, err := c.store().MakeToken(c.ctx(), c.actor, name, form["scope"], hash)
	var problems backoffice.Problems
	if errors.As(err, &problems) {
		return s.tokensPage(c, http.StatusUnprocessableEntity, views.Tokens{Name: name, Chosen: form["scope"], Problems: problems})
	} else if err != nil {
		return err
	}
	return s.tokensPage(c, http.StatusCreated, views.Tokens{Made: token, Secret: secret, Chosen: []string{string(backoffice.ScopeVisits)}})
}

func (s *server) revokeToken(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	if err := c.store().RevokeToken(c.ctx(), c.actor, c.Param("id")); err != nil {
		return err
	}
	return c.saved("/backoffice/settings/tokens", ui.ToastProps{Text: "Token revoked. It opens nothing any more."}, nil)
}
