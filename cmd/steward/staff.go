package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
)

type staffCommand struct {
	Add      staffAddCommand      `cmd:"" help:"Let somebody into the backoffice."`
	ResetMFA staffResetMFACommand `cmd:"" name:"reset-mfa" help:"Take away the second factors of somebody who lost them, and end their sessions."`
}

type staffAddCommand struct {
	Email        string `arg:"" help:"E-mail address to sign in with."`
	Role         string `help:"owner, manager or viewer." enum:"owner,manager,viewer" required:"" placeholder:"owner|manager|viewer" env:"STEWARD_ROLE"`
	Name         string `help:"Name, as pages show it." env:"STEWARD_NAME"`
	PasswordFile string `help:"File with the first password, a passphrase of 15 characters or more; - reads standard input." required:"" placeholder:"FILE" env:"STEWARD_PASSWORD_FILE"`
}

// maxPasswordFile is more than any password has.
const maxPasswordFile = 8 << 10

func (c *staffAddCommand) Run(ctx context.Context, a *app) error {
	who, err := store.CheckNewStaff(backoffice.NewStaff{Email: c.Email, Name: c.Name, Role: backoffice.StaffRole(c.Role)})
	var problems backoffice.Problems
	if errors.As(err, &problems) {
		return usage("%s", sentences(problems))
	} else if err != nil {
		return err
	}
	password, err := a.readPassword(c.PasswordFile)
	if err != nil {
		return err
	}
	if wrong := backoffice.CheckPassword(backoffice.Passphrase.Complexity(), password, backoffice.Email(who.Email), ""); len(wrong) > 0 {
		return fmt.Errorf("the password was refused: %s\nPut a passphrase of several words into the file", strings.Join(wrong, " "))
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	hash, err := auth.NewHasher(1).Hash(ctx, password)
	if err != nil {
		return err
	}
	staff, err := s.AddStaff(ctx, backoffice.CommandLine(), who, hash)
	if errors.As(err, &problems) {
		return errors.New(sentences(problems))
	} else if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s is staff now, as %s.\n", staff.Email, staff.Role.Label())
	return nil
}

type staffResetMFACommand struct {
	Email string `arg:"" help:"E-mail address that they sign in with."`
}

// Run is the way back in for an owner: everybody else's second factors are reset
// by an owner on the page.
func (c *staffResetMFACommand) Run(ctx context.Context, a *app) error {
	email, err := backoffice.ParseEmail(c.Email)
	if err != nil {
		return usage("%v", err)
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	staff, _, err := s.StaffCredentials(ctx, string(email))
	if errors.Is(err, backoffice.ErrNotFound) {
		return fmt.Errorf("nobody among the staff has the address %s", email)
	} else if err != nil {
		return err
	}
	h := backoffice.MFAHolder{Kind: backoffice.ActorStaff, Key: staff.Key}
	m, err := s.MFA(ctx, h)
	if err != nil {
		return err
	}
	if m.Methods == 0 {
		fmt.Fprintf(a.stdout, "%s has no second factor. Nothing was changed.\n", email)
		return nil
	}
	if err := s.ResetMFA(ctx, backoffice.CommandLine(), h); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "The second factors of %s are gone and their sessions have ended. Their password alone lets them in until they enrol anew: ask them to do it at once.\n", email)
	return nil
}

// readPassword reads the first line of a file, "-" for standard input. A line
// break at its end is not part of the password.
func (a *app) readPassword(name string) (string, error) {
	in := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxPasswordFile))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	password, rest, _ := strings.Cut(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n")
	if strings.TrimSpace(rest) != "" {
		return "", usage("the password file has more than one line")
	}
	if password == "" {
		return "", usage("the password file is empty")
	}
	return password, nil
}

type tokenCommand struct {
	Add tokenAddCommand `cmd:"" help:"Make an API token; standard output is the token alone, once."`
}

type tokenAddCommand struct {
	Name  string   `arg:"" help:"Who uses the token."`
	Scope []string `help:"What it may do, separated by commas: visits:write, accounts:write, applications:read, applications:write." required:"" placeholder:"SCOPE" env:"STEWARD_SCOPE"`
}

func (c *tokenAddCommand) Run(ctx context.Context, a *app) error {
	if _, err := backoffice.ParseScopes(c.Scope); err != nil {
		return usage("--scope: %v", err)
	}
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	token, hash := auth.APIToken.New()
	var problems backoffice.Problems
	if _, err := s.MakeToken(ctx, backoffice.CommandLine(), c.Name, c.Scope, hash); errors.As(err, &problems) {
		return usage("%s", sentences(problems))
	} else if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, token)
	return err
}

// sentences are what problems say, without the names of fields.
func sentences(p backoffice.Problems) string {
	var out []string
	for _, field := range []string{"email", "name", "role", "scopes", "kind", "url", "description", "redirect_uris", "logout_uris", ""} {
		if s, ok := p[field]; ok {
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}

// setupLink makes a one-use link for the first owner; "" once there is one.
func setupLink(ctx context.Context, s *store.Store, publicURL string) (string, error) {
	owned, err := s.HasOwner(ctx)
	if err != nil || owned {
		return "", err
	}
	token, hash := auth.SetupToken.New()
	err = s.MakeSetupLink(ctx, hash)
	if errors.Is(err, store.ErrSetUp) {
		return "", nil
	}
	return publicURL + "/backoffice/setup?token=" + token, err
}
