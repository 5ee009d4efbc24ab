package main

import (
	"reflect"
	"strings"
	"testing"
)

// parsed is the command line after the arguments, and what the parser said.
func parsed(environment map[string]string, args ...string) (c command, verb string, err error) {
	v, err := commandLine(&c).parse(args, func(name string) (string, bool) {
		text, ok := environment[name]
		return text, ok
	})
	return c, v.name, err
}

func TestArgumentsGoBeforeTheEnvironmentAndThatBeforeDefaults(t *testing.T) {
	c, verb, err := parsed(nil, "serve")
	if err != nil || verb != "serve" || c.Serve.Addr != ":8080" || c.Serve.Environment != "Production" || c.Database != "data/steward.db" || c.Serve.Dev || c.Serve.TrustedProxies != nil {
		t.Errorf("defaults: %q %+v %v", verb, c, err)
	}
	environment := map[string]string{"STEWARD_ADDR": ":1", "STEWARD_DATABASE": "e.db", "STEWARD_DEV": "yes", "STEWARD_TRUSTED_PROXIES": "10.0.0.0/8,::1", "STEWARD_ENVIRONMENT": ""}
	c, _, err = parsed(environment, "serve")
	if err != nil || c.Serve.Addr != ":1" || c.Database != "e.db" || !c.Serve.Dev || !reflect.DeepEqual(c.Serve.TrustedProxies, []string{"10.0.0.0/8", "::1"}) || c.Serve.Environment != "" {
		t.Errorf("environment: %+v %v", c, err)
	}
	c, _, err = parsed(environment, "--database=a.db", "serve", "--addr", ":2", "--dev=false", "--trusted-proxies", "127.0.0.1", "--trusted-proxies=::1")
	if err != nil || c.Serve.Addr != ":2" || c.Database != "a.db" || c.Serve.Dev || !reflect.DeepEqual(c.Serve.TrustedProxies, []string{"127.0.0.1", "::1"}) {
		t.Errorf("arguments: %+v %v", c, err)
	}
}

func TestArgumentsOfVerbsBelowVerbs(t *testing.T) {
	c, verb, err := parsed(nil, "staff", "add", "ada@example.com", "--role=owner", "--database", "x.db", "--password-file", "-")
	if err != nil || verb != "staff add" || c.Staff.Add.Email != "ada@example.com" || c.Staff.Add.Role != "owner" || c.Staff.Add.PasswordFile != "-" || c.Database != "x.db" {
		t.Errorf("%q %+v %v", verb, c.Staff.Add, err)
	}
	c, _, err = parsed(nil, "token", "add", "--scope", "visits:write", "--", "--name")
	if err != nil || c.Token.Add.Name != "--name" {
		t.Errorf("after --: %+v %v", c.Token.Add, err)
	}
	c, _, err = parsed(map[string]string{"STEWARD_SEED": "18446744073709551615"}, "demo", "--accounts=-3", "--at", "2026-11-20T12:00:00Z")
	if err != nil || c.Demo.Accounts != -3 || c.Demo.Seed != 1<<64-1 || c.Demo.At.IsZero() {
		t.Errorf("numbers: %+v %v", c.Demo, err)
	}
	t.Setenv("HOME", "/home/ada")
	c, _, err = parsed(map[string]string{"STEWARD_IMPORT_ACCOUNTS": "~/a.csv"}, "import", "--users", "u.csv")
	if err != nil || c.Import.Accounts != "/home/ada/a.csv" || c.Import.Users != "u.csv" {
		t.Errorf("files: %+v %v", c.Import, err)
	}
}

func TestArgumentsThatAreRefused(t *testing.T) {
	for _, test := range []struct {
		args, says string
	}{
		{"", "expected one of serve, staff, token,"},
		{"bogus", "unexpected argument bogus, expected one of serve,"},
		{"staff", "expected one of add, reset-mfa"},
		{"staff bogus", "unexpected argument bogus, expected one of add, reset-mfa"},
		{"serve --bogus", "unknown flag --bogus"},
		{"serve -x=1", "unknown flag -x"},
		{"serve -addr=:1", "unknown flag -addr"},
		{"serve --role=owner", "unknown flag --role"},
		{"serve more", "unexpected argument more"},
		{"serve --addr", "--addr lacks its value"},
		{"serve --addr --dev", "--addr lacks its value"},
		{"serve --dev=maybe", `--dev: must be true or false, and is "maybe"`},
		{"demo --accounts x", `--accounts: must be a number, and is "x"`},
		{"demo --seed=-1", `--seed: must be a number from 0, and is "-1"`},
		{"kpis --at x", "2026-11-20T12:00:00Z"},
		{"export", "expected <what>"},
		{"export bogus", `<what> must be one of accounts, users, visits, and is "bogus"`},
		{"export accounts more", "unexpected argument more"},
		{"staff add", "expected <email>"},
		{"staff add a@example.com", "missing flags: --role=owner|manager|viewer, --password-file=FILE"},
		{"staff add a@example.com --role=king --password-file=-", `--role: must be one of owner, manager, viewer, and is "king"`},
	} {
		if _, _, err := parsed(nil, strings.Fields(test.args)...); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("steward %s: %v", test.args, err)
		}
	}
	if _, _, err := parsed(map[string]string{"STEWARD_ACCOUNTS": "many"}, "demo"); err == nil || !strings.Contains(err.Error(), "STEWARD_ACCOUNTS: must be a number") {
		t.Errorf("the environment: %v", err)
	}
}

// The help of every verb names what it takes, in lines of 80 columns.
func TestHelp(t *testing.T) {
	code, out, _ := runVerb(t, "x.db", "", "staff", "add", "--help")
	if code != exitOK {
		t.Error(code)
	}
	for _, part := range []string{"Usage: steward staff add --role=owner|manager|viewer --password-file=FILE <email> [flags]\n", "  <email>  E-mail address to sign in with.\n",
		"  -h, --help ", "      --name=TEXT ", "($STEWARD_ROLE)"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing in\n%s", part, out)
		}
	}
	var c command
	var walk func(v *verb)
	walk = func(v *verb) {
		help := v.usage()
		for line := range strings.Lines(help) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 && !strings.HasPrefix(line, "Usage:") {
				t.Errorf("%s: %d columns: %s", v.name, n, line)
			}
		}
		for at := v; at != nil; at = at.parent {
			for _, f := range append(at.flags, at.args...) {
				if at == v && !strings.Contains(help, f.title()) || f.help == "" {
					t.Errorf("the help of %q does not say %s", v.name, f.title())
				}
			}
		}
		for _, below := range v.verbs {
			if _, runs := below.value.Addr().Interface().(runner); runs != (len(below.verbs) == 0) {
				t.Errorf("%s: what holds no verbs runs, and nothing else (%v)", below.name, runs)
			}
			if !strings.Contains(help, below.name) {
				t.Errorf("the help of %q does not name %q", v.name, below.name)
			}
			walk(below)
		}
	}
	walk(commandLine(&c))
}
