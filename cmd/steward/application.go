package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"steward/auth"
	"steward/backoffice"
)

type applicationCommand struct {
	Add          applicationAddCommand    `cmd:"" help:"Make an application that users sign in to; its ID and secret are printed once."`
	List         applicationListCommand   `cmd:"" help:"List the applications."`
	RotateSecret applicationRotateCommand `cmd:"" name:"rotate-secret" help:"Make a new client secret; the one before works for another 24 hours."`
}

type applicationAddCommand struct {
	Name        string   `arg:"" help:"Name, as users see it."`
	Type        string   `help:"web, spa, native or agent." enum:"web,spa,native,agent" required:"" placeholder:"web|spa|native|agent" env:"STEWARD_TYPE"`
	RedirectURI []string `name:"redirect-uri" help:"Address that sign-in returns to, compared exactly; may be given again." placeholder:"URI" sep:"none" env:"STEWARD_REDIRECT_URI"`
	LogoutURI   []string `name:"logout-uri" help:"Address that signing out returns to, compared exactly; may be given again." placeholder:"URI" sep:"none" env:"STEWARD_LOGOUT_URI"`
	URL         string   `name:"url" help:"Where users open it." placeholder:"URL" env:"STEWARD_URL"`
	Description string   `help:"What it is, in a sentence." placeholder:"TEXT" env:"STEWARD_DESCRIPTION"`
	Default     bool     `help:"Make it the default: sign-in requests without an application ID are for it, and every account starts with it." env:"STEWARD_DEFAULT"`
	AutoAssign  bool     `name:"auto-assign" help:"Assign it to all accounts and all of their users." env:"STEWARD_AUTO_ASSIGN"`
	Inactive    bool     `help:"Do not let users enter it yet." env:"STEWARD_INACTIVE"`
	JSON        bool     `name:"json" help:"Print JSON." env:"STEWARD_JSON"`
}

func (c *applicationAddCommand) Run(ctx context.Context, a *app) error {
	wanted := backoffice.Application{Name: c.Name, Kind: backoffice.ApplicationKind(c.Type), URL: c.URL, Description: c.Description,
		RedirectURIs: c.RedirectURI, LogoutURIs: c.LogoutURI, Active: !c.Inactive, Default: c.Default, AutoAssigned: c.AutoAssign}
	if _, problems := backoffice.CheckApplication(wanted); len(problems) > 0 {
		return usage("%s", sentences(problems))
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	var secret string
	var hash []byte
	if wanted.Kind.Confidential() {
		secret, hash = auth.ClientSecret.New()
	}
	made, err := s.CreateApplication(ctx, backoffice.CommandLine(), wanted, hash)
	var problems backoffice.Problems
	if errors.As(err, &problems) {
		return errors.New(sentences(problems))
	} else if err != nil {
		return err
	}
	return a.printCredentials(made.ID, secret, c.JSON)
}

// printCredentials is the only time that a secret is shown.
func (a *app) printCredentials(id, secret string, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(struct {
			ID     string `json:"id"`
			Secret string `json:"secret,omitempty"`
		}{id, secret})
	}
	if secret == "" {
		_, err := fmt.Fprintf(a.stdout, "ID: %s\n", id)
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "ID:     %s\nSecret: %s\n", id, secret)
	return err
}

type applicationListCommand struct {
	JSON bool `name:"json" help:"Print JSON, an application in each line." env:"STEWARD_JSON"`
}

type applicationJSON struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Type         string   `json:"type" env:"STEWARD_TYPE"`
	Active       bool     `json:"active"`
	Default      bool     `json:"default" env:"STEWARD_DEFAULT"`
	AutoAssigned bool     `json:"auto_assigned" env:"STEWARD_AUTO_ASSIGN"`
	Accounts     int64    `json:"accounts"`
	URL          string   `json:"url,omitempty" env:"STEWARD_URL"`
	RedirectURIs []string `json:"redirect_uris" env:"STEWARD_REDIRECT_URI"`
	LogoutURIs   []string `json:"logout_uris" env:"STEWARD_LOGOUT_URI"`
}

func (c *applicationListCommand) Run(ctx context.Context, a *app) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := s.Applications(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(a.stdout)
		for _, p := range list {
			if err := out.Encode(applicationJSON{p.ID, p.Name, string(p.Kind), p.Active, p.Default, p.AutoAssigned, p.Accounts, p.URL,
				append([]string{}, p.RedirectURIs...), append([]string{}, p.LogoutURIs...)}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(a.stdout, "There is no application yet. Make one with steward application add NAME --type web --redirect-uri URI.")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tTYPE\tSTATE\tASSIGNED\tACCOUNTS")
	for _, p := range list {
		state, path := "active", "one by one"
		if !p.Active {
			state = "inactive"
		}
		switch {
		case p.Default:
			path = "default"
		case p.AutoAssigned:
			path = "auto-assigned"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\n", p.ID, backoffice.VisibleCell(p.Name), p.Kind, state, path, p.Accounts)
	}
	return w.Flush()
}

type applicationRotateCommand struct {
	ID   string `arg:"" help:"ID of the application."`
	JSON bool   `name:"json" help:"Print JSON." env:"STEWARD_JSON"`
}

func (c *applicationRotateCommand) Run(ctx context.Context, a *app) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	secret, hash := auth.ClientSecret.New()
	var refusal backoffice.Refusal
	switch err := s.MakeApplicationSecret(ctx, backoffice.CommandLine(), c.ID, hash); {
	case errors.Is(err, backoffice.ErrNotFound):
		return fmt.Errorf("there is no application with the ID %s: steward application list shows those that there are", backoffice.VisibleCell(c.ID))
	case errors.As(err, &refusal):
		return errors.New(string(refusal))
	case err != nil:
		return err
	}
	return a.printCredentials(c.ID, secret, c.JSON)
}
