package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

func (s *server) applicationRoutes() []route {
	const (
		get, post   = http.MethodGet, http.MethodPost
		read, write = backoffice.ReadAllApplications, backoffice.WriteAllApplications
		one         = views.ApplicationsPath + "/:id"
	)
	return []route{
		{get, views.ApplicationsPath, read, s.showApplications},
		{post, views.ApplicationsPath, write, s.createApplication},
		{get, views.ApplicationsPath + "/new", write, s.showNewApplication},
		{post, views.ApplicationRestorationsPath, write, s.restoreApplication},
		{get, views.BinnedApplicationsPath, read, s.showBinnedApplications},
		{get, one, read, s.showApplication},
		{get, one + "/details", write, s.editApplicationDetails},
		{post, one + "/details", write, s.saveApplicationDetails},
		{get, one + "/addresses", write, s.editApplicationAddresses},
		{post, one + "/addresses", write, s.saveApplicationAddresses},
		{get, one + "/logo", read, s.showApplicationLogo},
		{post, one + "/logo", write, s.saveApplicationLogo},
		{post, one + "/logo-removal", write, s.removeApplicationLogo},
		{post, one + "/activity", write, s.setApplicationActive},
		{get, one + "/default", write, s.askDefault},
		{post, one + "/default", write, s.setDefault},
		{get, one + "/auto-assignment", write, s.askAutoAssigned},
		{post, one + "/auto-assignment", write, s.setAutoAssigned},
		{get, one + "/secrets/new", write, s.askSecret},
		{post, one + "/secrets", write, s.makeSecret},
		{get, one + "/secrets/:secret/removal", write, s.askSecretEnd},
		{post, one + "/secrets/:secret/removal", write, s.endSecret},
		{get, one + "/deletion", write, s.askApplicationDeletion},
		{post, one + "/deletion", write, s.deleteApplication},
	}
}

func (s *server) showApplications(c *call) (err error) {
	v := views.ApplicationsView{MayWrite: c.may(backoffice.WriteAllApplications), Query: shortened(c.QueryParam("q"))}
	if v.Page, err = c.page("Applications", views.PartApplications); err != nil {
		return err
	}
	if v.Rows, err = c.store().FindApplications(c.ctx(), v.Query); err != nil {
		return err
	}
	return c.render(http.StatusOK, v.Page, views.ApplicationsPage(v), section{views.ApplicationsListID, views.ApplicationsList(v)})
}

// issuer is the public URL, by which applications know this Steward.
func (s *server) issuer() string { return strings.TrimSuffix(s.PublicURL.String(), "/") }

// application is the application that the path names.
func (c *call) application() (backoffice.Application, error) {
	return c.store().Application(c.ctx(), c.param("id"))
}

// applicationScene reads what the page of an application shows; what htmx did not
// ask for is left out.
func (c *call) applicationScene(a backoffice.Application) (scene views.ApplicationScene, err error) {
	q, st, ctx := c.QueryParams(), c.store(), c.ctx()
	scene = views.ApplicationScene{Application: a, MayWrite: c.may(backoffice.WriteAllApplications), Now: c.s.now(), Issuer: c.s.issuer(), Client: q.Get("client")}
	if scene.Page, err = c.page(a.Name, views.PartApplications); err != nil {
		return scene, err
	}
	if scene.Secrets, err = st.ApplicationSecrets(ctx, a.Key); err != nil {
		return scene, err
	}
	if scene.Have, err = st.ReachOf(ctx, a.ID); err != nil {
		return scene, err
	}
	before := q.Get("before")
	if q.Get("after") != "" {
		before = ""
	}
	if scene.Accounts, err = st.ApplicationAccounts(ctx, a, q.Get("after"), before); err != nil {
		return scene, err
	}
	events, err := st.Events(ctx, backoffice.EventFilter{Object: a.ID}, "", recentEvents)
	scene.Events = views.RecentEventsProps{Rows: events.Rows, Now: scene.Now, All: c.s.link("/backoffice/audit?q=" + url.QueryEscape(a.ID)),
		Event: func(id string) string { return c.s.link("/backoffice/audit/" + id) }}
	return scene, err
}

func (c *call) renderApplication(status int, scene views.ApplicationScene) error {
	var sections []section
	for _, id := range views.ApplicationSectionIDs() {
		sections = append(sections, section{id, views.ApplicationSection(scene, id)})
	}
	return c.render(status, scene.Page, views.ApplicationPage(scene), sections...)
}

// applicationSaved answers a change of an application: htmx with the section and
// the head, a plain browser by leading back.
func (c *call) applicationSaved(id, section string, toast ui.ToastProps) error {
	return c.saved(views.ApplicationPath(id)+"#"+section, toast, func() error {
		a, err := c.store().Application(c.ctx(), id)
		if err != nil {
			return err
		}
		scene, err := c.applicationScene(a)
		if err != nil {
			return err
		}
		return c.fragment(http.StatusOK, views.ApplicationChanged(scene, section), scene.Toasts...)
	})
}

func (s *server) showApplication(c *call) error {
	a, err := c.application()
	if err != nil {
		return err
	}
	scene, err := c.applicationScene(a)
	if err != nil {
		return err
	}
	return c.renderApplication(http.StatusOK, scene)
}

func (s *server) showNewApplication(c *call) error {
	return s.newApplicationPage(c, http.StatusOK, views.ApplicationEdit{Kind: string(backoffice.WebApplication), Token: uuid.NewString()})
}

func (s *server) newApplicationPage(c *call, status int, e views.ApplicationEdit) error {
	page, err := c.page("Add new application", views.PartApplications)
	if err != nil {
		return err
	}
	return c.render(status, page, views.NewApplicationPage(page, e))
}

// applicationFields are those of the form of a new application.
var applicationFields = []string{"token", "name", "kind", "url", "description", "redirect_uris", "logout_uris"}

// postedWith is fields for a form that may carry a file.
func (c *call) postedWith(file string, names ...string) (out map[string]string, picture []byte, chosen bool, err error) {
	req := c.Request()
	if kind, _, _ := strings.Cut(req.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "multipart/form-data") {
		out, err = c.fields(names...)
		return out, nil, false, err
	}
	if err := req.ParseMultipartForm(bodyLimit); err != nil {
		return nil, nil, false, badRequest(err)
	}
	out = map[string]string{}
	for _, n := range names {
		if len(req.PostForm[n]) > 1 {
			return nil, nil, false, errTwice
		}
		out[n] = req.PostForm.Get(n)
	}
	if _, head, err := req.FormFile(file); err != nil || head.Size == 0 && head.Filename == "" {
		return out, nil, false, nil
	}
	picture, err = c.logoFile()
	return out, picture, true, err
}

// uriLines are the lines of a text.
func uriLines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
}

// createApplication adds an application. The form carries the ID that it gets:
// sent twice, it adds one, and the secret that the first answer shows is not shown
// again.
func (s *server) createApplication(c *call) error {
	form, picture, chosen, err := c.postedWith("logo", applicationFields...)
	var problems backoffice.Problems
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		problems.Add("logo", refusal.Error())
	} else if err != nil {
		return err
	}
	e := views.ApplicationEdit{Token: form["token"], Name: form["name"], Kind: form["kind"], URL: form["url"], Description: form["description"],
		RedirectURIs: form["redirect_uris"], LogoutURIs: form["logout_uris"], Picture: chosen}
	if t, err := uuid.Parse(e.Token); err != nil || t.String() != e.Token {
		e.Token = uuid.NewString()
	}
	wanted := backoffice.Application{ID: e.Token, Name: e.Name, Kind: backoffice.ApplicationKind(e.Kind), URL: e.URL, Description: e.Description,
		RedirectURIs: uriLines(e.RedirectURIs), LogoutURIs: uriLines(e.LogoutURIs)}
	var tag string
	if len(problems) == 0 && chosen {
		if picture, tag, err = encodeLogo(picture); errors.As(err, &refusal) {
			problems.Add("logo", refusal.Error())
		} else if err != nil {
			return err
		}
	}
	if len(problems) > 0 {
		_, more := backoffice.CheckApplication(wanted)
		for field, sentence := range more {
			problems.Add(field, sentence)
		}
	}
	var made backoffice.Application
	var secret string
	var hash []byte
	if len(problems) == 0 {
		if wanted.Kind.Confidential() {
			secret, hash = auth.ClientSecret.New()
		}
		made, err = s.Store.CreateApplication(c.ctx(), c.actor, wanted, hash)
	}
	switch {
	case errors.As(err, &problems), len(problems) > 0:
		e.Problems = problems
		return s.newApplicationPage(c, http.StatusUnprocessableEntity, e)
	case errors.Is(err, backoffice.ErrConflict):
		return s.applicationAddedBefore(c, e.Token)
	case err != nil:
		return err
	}
	if tag != "" {
		if err := s.Store.SaveApplicationLogo(c.ctx(), c.actor, made.ID, picture, tag); err != nil {
			return err
		}
	}
	toast := ui.ToastProps{Text: "“" + made.Name + "” was added."}
	if secret == "" {
		return c.saved(views.ApplicationPath(made.ID), toast, nil)
	}
	return c.showSecret(http.StatusCreated, made.ID, secret, toast)
}

// applicationAddedBefore leads to what the same form has added already.
func (s *server) applicationAddedBefore(c *call, id string) error {
	if _, err := s.Store.Application(c.ctx(), id); errors.Is(err, backoffice.ErrNotFound) {
		return c.saved(views.ApplicationsPath, ui.ToastProps{Text: "This form was sent before, and what it added was deleted since.", Bad: true}, nil)
	} else if err != nil {
		return err
	}
	return c.saved(views.ApplicationPath(id), ui.ToastProps{Text: "It was added already. Its secret was shown then, and is not shown again."}, nil)
}

func (s *server) editApplicationDetails(c *call) error   { return s.editApplication(c, false) }
func (s *server) editApplicationAddresses(c *call) error { return s.editApplication(c, true) }

func (s *server) editApplication(c *call, addresses bool) error {
	a, err := c.application()
	if err != nil {
		return err
	}
	scene, err := c.applicationScene(a)
	if err != nil {
		return err
	}
	scene.Edit, scene.Addresses = views.ApplicationEditOf(a), addresses
	return c.renderApplication(http.StatusOK, scene)
}

func (s *server) saveApplicationDetails(c *call) error {
	form, err := c.fields("version", "name", "url", "description")
	if err != nil {
		return err
	}
	return s.saveApplication(c, form["version"], views.ApplicationDetailsID, func(e *views.ApplicationEdit) {
		e.Name, e.URL, e.Description = form["name"], form["url"], form["description"]
	})
}

func (s *server) saveApplicationAddresses(c *call) error {
	form, err := c.fields("version", "redirect_uris", "logout_uris")
	if err != nil {
		return err
	}
	return s.saveApplication(c, form["version"], views.ApplicationAddressesID, func(e *views.ApplicationEdit) {
		e.RedirectURIs, e.LogoutURIs = form["redirect_uris"], form["logout_uris"]
	})
}

// saveApplication saves one part of an application: typed puts what the form says
// over what is stored.
func (s *server) saveApplication(c *call, version, part string, typed func(*views.ApplicationEdit)) error {
	before, err := c.application()
	if err != nil {
		return err
	}
	e := views.ApplicationEditOf(before)
	typed(e)
	// A version that is no number is none that there ever was: a conflict.
	e.Version, _ = strconv.ParseInt(version, 10, 64)
	wanted := before
	wanted.Name, wanted.URL, wanted.Description = e.Name, e.URL, e.Description
	wanted.RedirectURIs, wanted.LogoutURIs = uriLines(e.RedirectURIs), uriLines(e.LogoutURIs)
	err = s.Store.SaveApplication(c.ctx(), c.actor, before.ID, wanted, e.Version)
	status := http.StatusUnprocessableEntity
	switch {
	case errors.Is(err, backoffice.ErrConflict):
		status, e.Conflict = http.StatusConflict, true
		if before, err = c.application(); err != nil {
			return err
		}
		e.Version = before.Version
	case errors.As(err, &e.Problems):
	case err != nil:
		return err
	default:
		text := "Details saved."
		if part == views.ApplicationAddressesID {
			text = "Addresses saved."
		}
		return c.applicationSaved(before.ID, part, ui.ToastProps{Text: text})
	}
	scene, err := c.applicationScene(before)
	if err != nil {
		return err
	}
	scene.Edit, scene.Addresses = e, part == views.ApplicationAddressesID
	return c.renderApplication(status, scene)
}

func (s *server) showApplicationLogo(c *call) error {
	body, tag, err := s.Store.ApplicationLogo(c.ctx(), c.param("id"))
	if err != nil {
		return err
	}
	return c.picture(body, tag)
}

func (s *server) saveApplicationLogo(c *call) error {
	file, err := c.logoFile()
	var body []byte
	var tag string
	if err == nil {
		body, tag, err = encodeLogo(file)
	}
	var refusal backoffice.Refusal
	if errors.As(err, &refusal) {
		a, err := c.application()
		if err != nil {
			return err
		}
		scene, err := c.applicationScene(a)
		if err != nil {
			return err
		}
		scene.LogoProblem = refusal.Error()
		return c.renderApplication(http.StatusUnprocessableEntity, scene)
	}
	if err != nil {
		return err
	}
	if err := s.Store.SaveApplicationLogo(c.ctx(), c.actor, c.param("id"), body, tag); err != nil {
		return err
	}
	return c.applicationSaved(c.param("id"), views.ApplicationLogoID, ui.ToastProps{Text: "Logo saved."})
}

func (s *server) removeApplicationLogo(c *call) error {
	if err := s.Store.SaveApplicationLogo(c.ctx(), c.actor, c.param("id"), nil, ""); err != nil {
		return err
	}
	return c.applicationSaved(c.param("id"), views.ApplicationLogoID, ui.ToastProps{Text: "Logo removed."})
}

// ask shows a question in a dialog, or without script on a page of its own.
func (c *call) ask(title, part string, a views.Ask) error {
	if c.isFragment() {
		return c.fragment(http.StatusOK, views.AskDialog(a))
	}
	page, err := c.page(title, part)
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, page, views.AskPage(a))
}

// closes says that the dialog whose form was answered has done its work.
func (c *call) closes() { c.Response().Header().Set("HX-Trigger", "close-dialog") }

func (s *server) showBinnedApplications(c *call) (err error) {
	scene := views.BinnedApplicationsScene{Now: s.now(), MayWrite: c.may(backoffice.WriteAllApplications)}
	if scene.Page, err = c.page("Bin", views.PartBin); err != nil {
		return err
	}
	if scene.Rows, err = s.Store.BinnedApplications(c.ctx()); err != nil {
		return err
	}
	return c.render(http.StatusOK, scene.Page, views.BinnedApplicationsPage(scene))
}

// restoreApplication takes a deletion back, as its toast, the trail and the bin
// offer.
func (s *server) restoreApplication(c *call) error {
	form, err := c.fields("application", "deletion")
	if err != nil {
		return err
	}
	id := form["application"]
	if id == "" {
		id = form["deletion"]
	}
	a, err := s.Store.RestoreApplication(c.ctx(), c.actor, id)
	var problems backoffice.Problems
	switch {
	case errors.Is(err, backoffice.ErrNotFound):
		return c.saved(views.BinnedApplicationsPath, ui.ToastProps{Text: "There is nothing left to undo: it was restored already, or its 30 days are over.", Bad: true}, nil)
	case errors.As(err, &problems):
		return c.saved(views.BinnedApplicationsPath, ui.ToastProps{Text: "Not restored. " + problems["name"] + " Rename that one first.", Bad: true}, nil)
	case err != nil:
		return err
	}
	return c.saved(views.ApplicationPath(a.ID), ui.ToastProps{Text: "“" + a.Name + "” was restored."}, nil)
}

// secretKey is the client secret that the path names. Errors: ErrNotFound.
func (c *call) secretKey(list []backoffice.ApplicationSecret) (backoffice.ApplicationSecret, error) {
	key, err := strconv.ParseInt(c.param("secret"), 10, 64)
	if err != nil {
		return backoffice.ApplicationSecret{}, backoffice.ErrNotFound
	}
	at := slices.IndexFunc(list, func(k backoffice.ApplicationSecret) bool { return k.Key == key && !k.EndsAt.IsZero() })
	if at < 0 {
		return backoffice.ApplicationSecret{}, backoffice.ErrNotFound
	}
	return list[at], nil
}

// showSecret answers with the page of the application and a secret that was just
// made: it is in no cookie, no address and no database. Sent again, the form makes
// none and shows none.
func (c *call) showSecret(status int, id, secret string, toast ui.ToastProps) error {
	a, err := c.store().Application(c.ctx(), id)
	if err != nil {
		return err
	}
	c.Set("toast", toast)
	scene, err := c.applicationScene(a)
	if err != nil {
		return err
	}
	scene.Secret = secret
	if c.isFragment() {
		c.closes()
		return c.fragment(http.StatusOK, views.ApplicationChanged(scene, views.ApplicationSecretsID), scene.Toasts...)
	}
	return c.render(status, scene.Page, views.ApplicationPage(scene))
}
