package api

import (
	"errors"
	"net/http"
	"time"

	"steward/backoffice"
)

// application is an application as the API shows it; its secrets are shown nowhere.
type application struct {
	ID           string                     `json:"id"`
	Name         string                     `json:"name"`
	Type         backoffice.ApplicationKind `json:"type"` // web, spa, native or agent
	URL          string                     `json:"url"`
	Description  string                     `json:"description"`
	RedirectURIs []string                   `json:"redirectUris"`
	LogoutURIs   []string                   `json:"logoutUris"`
	Active       bool                       `json:"active"`
	Default      bool                       `json:"default"`
	AutoAssigned bool                       `json:"autoAssigned"` // to all accounts and all of their users
	HasLogo      bool                       `json:"hasLogo"`
	CreatedAt    time.Time                  `json:"createdAt"`
}

func applicationOf(a backoffice.Application) application {
	return application{a.ID, a.Name, a.Kind, a.URL, a.Description, append([]string{}, a.RedirectURIs...), append([]string{}, a.LogoutURIs...),
		a.Active, a.Default, a.AutoAssigned, a.LogoTag != "", a.CreatedAt.UTC()}
}

// applicationPage is a page of applications; Next, where there is one, is the after
// of the next page.
type applicationPage struct {
	Applications []application `json:"applications"`
	Next         string        `json:"next,omitempty"`
}

// listApplications lists the environment's applications by name.
func (a *API) listApplications(r *request) error {
	after, limit, err := r.page()
	if err != nil {
		return err
	}
	list, next, err := a.store.ApplicationsAfter(r.ctx(), after, limit)
	if errors.Is(err, backoffice.ErrNotFound) {
		return lost()
	} else if err != nil {
		return err
	}
	page := applicationPage{make([]application, len(list)), next}
	for i, v := range list {
		page.Applications[i] = applicationOf(v)
	}
	write(r.ResponseWriter, http.StatusOK, "application/json", page)
	return nil
}

func (a *API) showApplication(r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	v, err := a.store.Application(r.ctx(), r.params["id"])
	if err != nil {
		return err
	}
	write(r.ResponseWriter, http.StatusOK, "application/json", applicationOf(v))
	return nil
}
