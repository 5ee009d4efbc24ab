package handlers

import (
	"errors"
	"net/http"
	"strconv"

	"steward/auth"
	"steward/backoffice"
	"steward/views"
	"steward/views/ui"
)

func (s *server) setApplicationActive(c *call) error {
	form, err := c.fields("on")
	if err != nil {
		return err
	}
	on := form["on"] == "true"
	if err := s.Store.SetApplicationActive(c.ctx(), c.actor, c.param("id"), on); err != nil {
		return err
	}
	toast := ui.ToastProps{Text: "It is inactive: nobody enters it.", Undo: s.link(views.ApplicationPath(c.param("id")) + "/activity"), Hidden: []ui.Pair{{Name: "on", Value: strconv.FormatBool(!on)}}}
	if on {
		toast.Text = "It is active: users who have it can enter it."
	}
	return c.applicationSaved(c.param("id"), views.ApplicationReachID, toast)
}

// askApplication begins a question about the application that the path names.
func (c *call) askApplication(last, path string) (backoffice.Application, views.Ask, error) {
	a, err := c.application()
	at := c.s.link(views.ApplicationPath(a.ID))
	return a, views.Ask{Name: a.Name, Action: at + path, Back: at, Crumbs: []ui.Crumb{{Label: "Backoffice", Href: c.s.link(views.AccountsPath)},
		{Label: "Applications", Href: c.s.link(views.ApplicationsPath)}, {Label: a.Name, Href: at}, {Label: last}}}, err
}

// keptLines say what the end of a reach over all accounts leaves.
func keptLines(v backoffice.AssignmentPreview) []views.AskLine {
	return []views.AskLine{
		{Icon: "building-2", Strong: ui.Count(v.Accounts, "account keeps it", "accounts keep it"), Text: own(v.Accounts) + " Accounts that are added later do not get it."},
		{Icon: "users", Strong: ui.Count(v.Users, "user keeps it", "users keep it"), Text: "as manual assignments and can lose it one by one. Users who join later do not get it."},
	}
}

func own(accounts int64) string {
	if accounts == 1 {
		return "as an assignment of its own."
	}
	return "as assignments of their own."
}

func gainedLines(v backoffice.AssignmentPreview) []views.AskLine {
	return []views.AskLine{
		{Icon: "building-2", Strong: ui.Count(v.Accounts, "account gains it", "accounts gain it"), Text: "and so does every account that is added later."},
		{Icon: "users", Strong: ui.Count(v.Users, "user gains it", "users gain it"), Text: "and so does whoever joins later or comes in by grant. It cannot be taken from a single user."},
	}
}

func (s *server) askDefault(c *call) error {
	a, ask, err := c.askApplication("Default", "/default")
	if err != nil {
		return err
	}
	preview, err := s.Store.PreviewReach(c.ctx(), a.ID)
	if err != nil {
		return err
	}
	ask.ID, ask.Hidden = "default", []ui.Pair{{Name: "on", Value: strconv.FormatBool(!a.Default)}}
	if a.Default {
		ask.Title, ask.After, ask.Button, ask.Bad = "Make", " no more the default?", "End default", true
		ask.Lines = []views.AskLine{{Icon: "circle-alert", Text: "Sign-in requests that name no application end on an error page, until another one is the default."}}
		if a.AutoAssigned {
			ask.Note = "Nobody gains or loses it: it is an “Auto-assigned app” as well."
		} else {
			ask.Lines = append(ask.Lines, keptLines(preview)...)
		}
		return c.ask("Default", views.PartApplications, ask)
	}
	ask.Title, ask.After, ask.Button = "Make", " the default?", "Make default"
	ask.Lines = []views.AskLine{{Icon: "log-in", Text: "Sign-in requests that name no application are for it from now on."}}
	before, err := s.Store.DefaultApplication(c.ctx())
	if err != nil && !errors.Is(err, backoffice.ErrNotFound) {
		return err
	}
	if err == nil {
		ask.Lines = append(ask.Lines, views.AskLine{Icon: "arrow-down-up", Strong: "“" + before.Name + "”", Text: formerDefault(before)})
	}
	if a.AutoAssigned {
		ask.Note = "Nobody gains or loses it: it is an “Auto-assigned app” already."
	} else {
		ask.Lines = append(ask.Lines, gainedLines(preview)...)
	}
	return c.ask("Default", views.PartApplications, ask)
}

func formerDefault(a backoffice.Application) string {
	if a.AutoAssigned {
		return "is the default no more, and stays assigned to all accounts."
	}
	return "is the default no more. Its accounts and users keep it as assignments of their own; later ones do not get it."
}

func (s *server) setDefault(c *call) error {
	return s.setReach(c, func(id string, on bool) error { return s.Store.SetDefaultApplication(c.ctx(), c.actor, id, on) },
		"It is the default application.", "It is the default application no more.")
}

func (s *server) askAutoAssigned(c *call) error {
	a, ask, err := c.askApplication("Auto-assigned app", "/auto-assignment")
	if err != nil {
		return err
	}
	preview, err := s.Store.PreviewReach(c.ctx(), a.ID)
	if err != nil {
		return err
	}
	ask.ID, ask.Hidden = "auto-assignment", []ui.Pair{{Name: "on", Value: strconv.FormatBool(!a.AutoAssigned)}}
	if a.AutoAssigned {
		ask.Title, ask.After, ask.Button = "Stop assigning", " to all accounts?", "Stop assigning"
		ask.Lines = keptLines(preview)
	} else {
		ask.Title, ask.After, ask.Button = "Assign", " to all accounts?", "Assign to all"
		ask.Lines = gainedLines(preview)
	}
	if a.Default {
		ask.Lines, ask.Note = nil, "Nobody gains or loses it: it is the default application, which reaches all users of the accounts that have it."
	}
	return c.ask("Auto-assigned app", views.PartApplications, ask)
}

func (s *server) setAutoAssigned(c *call) error {
	return s.setReach(c, func(id string, on bool) error { return s.Store.SetAutoAssigned(c.ctx(), c.actor, id, on) },
		"It is assigned to all accounts and their users.", "It is assigned to all accounts no more. Who had it keeps it.")
}

func (s *server) setReach(c *call, set func(id string, on bool) error, onText, offText string) error {
	form, err := c.fields("on")
	if err != nil {
		return err
	}
	on := form["on"] == "true"
	if err := set(c.param("id"), on); err != nil {
		return err
	}
	if !on {
		onText = offText
	}
	return c.saved(views.ApplicationPath(c.param("id")), ui.ToastProps{Text: onText}, nil)
}

func (s *server) askSecret(c *call) error {
	a, ask, err := c.askApplication("Rotate secret", "/secrets")
	if err != nil {
		return err
	}
	list, err := s.Store.ApplicationSecrets(c.ctx(), a.Key)
	if err != nil {
		return err
	}
	ask.ID, ask.Title, ask.After, ask.Button, ask.Section = "rotation", "Rotate the secret of", "?", "Rotate secret", views.ApplicationSecretsID
	ask.Lines = []views.AskLine{
		{Icon: "key-round", Strong: "A new secret is made", Text: "and shown once, right after this."},
		{Icon: "clock", Strong: "The one before works for another 24 hours,", Text: "so that the application can be changed over without a gap. It can be ended sooner."},
	}
	newest := int64(0)
	if len(list) > 0 {
		newest = list[0].Key
	} else {
		ask.Title, ask.Button, ask.Lines = "Make a secret for", "Make secret", ask.Lines[:1]
	}
	if !a.Kind.Confidential() {
		return c.goTo(views.ApplicationPath(a.ID))
	}
	ask.Hidden = []ui.Pair{{Name: "newest", Value: strconv.FormatInt(newest, 10)}}
	return c.ask("Rotate secret", views.PartApplications, ask)
}

// makeSecret makes a client secret. The form carries which one was the newest:
// sent twice, it makes one.
func (s *server) makeSecret(c *call) error {
	form, err := c.fields("newest")
	if err != nil {
		return err
	}
	// What is no number is none that there ever was: a conflict.
	newest, err := strconv.ParseUint(form["newest"], 10, 63)
	if err != nil {
		newest = 1<<63 - 1
	}
	id := c.param("id")
	secret, hash := auth.ClientSecret.New()
	err = s.Store.RotateApplicationSecret(c.ctx(), c.actor, id, int64(newest), hash)
	var refusal backoffice.Refusal
	switch {
	case errors.Is(err, backoffice.ErrConflict):
		return c.saved(views.ApplicationPath(id), ui.ToastProps{Text: "No secret was made: there is a newer one since you asked. A secret is shown once only; rotate again for another one.", Bad: true}, nil)
	case errors.As(err, &refusal):
		return c.saved(views.ApplicationPath(id), ui.ToastProps{Text: refusal.Error(), Bad: true}, nil)
	case err != nil:
		return err
	}
	return c.showSecret(http.StatusCreated, id, secret, ui.ToastProps{Text: "A new secret was made."})
}

func (s *server) askSecretEnd(c *call) error {
	a, ask, err := c.askApplication("End secret", "/secrets/"+c.param("secret")+"/removal")
	if err != nil {
		return err
	}
	list, err := s.Store.ApplicationSecrets(c.ctx(), a.Key)
	if err != nil {
		return err
	}
	k, err := c.secretKey(list)
	if err != nil {
		return err
	}
	ask.ID, ask.Title, ask.Name, ask.Button, ask.Bad, ask.Section = "secret-end", "End this secret now?", "", "End secret", true, views.ApplicationSecretsID
	ask.Lead = "The secret of “" + a.Name + "” that was made " + ui.DateTime(k.CreatedAt) + "."
	used := "It was never used."
	if !k.LastUsed.IsZero() {
		used = "It was last used " + ui.DateTime(k.LastUsed) + "."
	}
	ask.Lines = []views.AskLine{{Icon: "key-round", Text: "Whoever still shows it is refused at once, and not only from " + ui.DateTime(k.EndsAt) + " on. " + used}}
	return c.ask("End secret", views.PartApplications, ask)
}

func (s *server) endSecret(c *call) error {
	key, err := strconv.ParseInt(c.param("secret"), 10, 64)
	if err != nil {
		return backoffice.ErrNotFound
	}
	if err := s.Store.EndApplicationSecret(c.ctx(), c.actor, c.param("id"), key); err != nil {
		return err
	}
	c.closes()
	return c.applicationSaved(c.param("id"), views.ApplicationSecretsID, ui.ToastProps{Text: "The secret is refused from now on."})
}

func (s *server) askApplicationDeletion(c *call) error {
	a, ask, err := c.askApplication("Delete", "/deletion")
	if err != nil {
		return err
	}
	have, err := s.Store.ReachOf(c.ctx(), a.ID)
	if err != nil {
		return err
	}
	ask.ID, ask.Title, ask.After, ask.Button, ask.Bad = "delete-application", "Delete", "?", "Delete application", true
	ask.Lead = "It goes to the bin and can be restored until " + ui.LongDate(s.now().AddDate(0, 0, backoffice.BinDays)) + ", with everything that it is assigned to. Then it is purged for good."
	ask.Lines = []views.AskLine{{Icon: "log-out", Text: "Nobody enters it from now on, and its client secrets are refused."}}
	if have.Accounts > 0 {
		ask.Lines = append(ask.Lines, views.AskLine{Icon: "building-2", Strong: ui.Count(have.Accounts, "account loses it,", "accounts lose it,"), Text: "and with it " + ui.Count(have.Users, "user.", "users.")})
	} else {
		ask.Lines = append(ask.Lines, views.AskLine{Icon: "building-2", Text: "No account has it."})
	}
	if a.Default {
		ask.Lines = append(ask.Lines, views.AskLine{Icon: "circle-alert", Text: "It is the default: sign-in requests that name no application end on an error page, until another one is it."})
	}
	return c.ask("Delete "+a.Name, views.PartApplications, ask)
}

func (s *server) deleteApplication(c *call) error {
	if _, err := c.fields(); err != nil {
		return err
	}
	a, err := c.application()
	if err != nil {
		return err
	}
	deletion, err := s.Store.DeleteApplication(c.ctx(), c.actor, a.ID)
	if err != nil {
		return err
	}
	return c.saved(views.ApplicationsPath, ui.ToastProps{Text: "“" + a.Name + "” was moved to the bin.", Undo: s.link(views.ApplicationRestorationsPath),
		Hidden: []ui.Pair{{Name: "deletion", Value: deletion}}}, nil)
}
