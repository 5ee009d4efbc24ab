package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store"
	"steward/views"
)

// setup is what the application's page gives to be copied for a client.
func (v *vendor) setup(t *testing.T, client string) string {
	t.Helper()
	key, err := (&app{database: v.database}).key()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), v.database, store.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a, err := s.Application(t.Context(), v.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, setup := range (views.ApplicationScene{Application: a, Issuer: v.url}).Setups() {
		if setup.ID == client {
			return setup.Text
		}
	}
	t.Fatalf("no settings for %s", client)
	return ""
}

// cut is what stands before a line that begins so, and what after it.
func cut(t *testing.T, text, line string) (before, after string) {
	t.Helper()
	before, after, found := strings.Cut(text, "\n"+line)
	if !found {
		t.Fatalf("no line %q in\n%s", line, text)
	}
	_, after, _ = strings.Cut(after, "\n")
	return before, after
}

// converse runs a program that prints an address for a browser and reads the one
// that the browser came back to; it is told the rest of what it prints.
func (v *vendor) converse(t *testing.T, redirect string, command *exec.Cmd) string {
	t.Helper()
	command.Env = append(os.Environ(), "OIDC_CLIENT_SECRET="+v.secret)
	moans := &safeBuffer{}
	command.Stderr = moans
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
	lines := bufio.NewReader(out)
	address, err := lines.ReadString('\n')
	if err != nil {
		rest, _ := io.ReadAll(lines)
		t.Fatalf("%v: %q %q\n%s", err, address, rest, moans)
	}
	fmt.Fprintln(in, newSurfer(t).to(strings.TrimSpace(address), redirect))
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Fatalf("%v\n%s\nserver:\n%s", err, moans, v.output)
	}
	return strings.TrimSpace(string(rest))
}

// goRun is a program of Go that stands in one file.
func goRun(t *testing.T, code string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	file, to := filepath.Join(dir, "main.go"), filepath.Join(dir, "client")
	if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), program(t, "go", "Go"), "build", "-o", to, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, code)
	}
	return exec.CommandContext(t.Context(), to)
}

// The settings that an application's page shows sign a user in as they stand
// there, but for the places of secrets and where a browser comes between.
func TestClient_Setups(t *testing.T) {
	const redirect = "http://localhost:3113/callback"
	const hana = "hana@nord.example nord admin"
	node := func(t *testing.T, kind, client string) {
		at := program(t, "node", "nodejs")
		dir := openIDClient(t)
		v := newVendor(t, kind, redirect, "")
		begin, end := cut(t, v.setup(t, client), "// At /callback: ")
		code := begin + `
import { createInterface } from "node:readline";
console.log(to.href);
const current = new URL((await createInterface({ input: process.stdin })[Symbol.asyncIterator]().next()).value);
` + end + `
console.log(email, tenantId, roles.join());
process.exit(sub ? 0 : 1);
`
		if err := os.WriteFile(filepath.Join(dir, "setup.mjs"), []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		command := exec.CommandContext(t.Context(), at, "setup.mjs")
		command.Dir = dir
		if got := v.converse(t, redirect, command); got != hana {
			t.Errorf("%q", got)
		}
	}
	const head = `package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func browse(to string) *http.Request {
	fmt.Println(to)
	back, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	return httptest.NewRequest("GET", strings.TrimSpace(back), nil)
}

func main() {
	w := httptest.NewRecorder()
	if err := signIn(context.Background(), w, httptest.NewRequest("GET", "/", nil)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

`
	t.Run("go, web", func(t *testing.T) {
		v := newVendor(t, "web", redirect, "")
		begin, end := cut(t, v.setup(t, "go"), "// At /callback: ")
		got := v.converse(t, redirect, goRun(t, head+`func signIn(ctx context.Context, w *httptest.ResponseRecorder, r *http.Request) error {
`+begin+`
	r = browse(w.Header().Get("Location"))
	if r.FormValue("state") != state {
		return fmt.Errorf("another state")
	}
`+end+`
	fmt.Println(user.Email, user.TenantID, strings.Join(user.Roles, ","))
	return err
}
`))
		if got != hana {
			t.Errorf("%q", got)
		}
	})
	t.Run("go, native", func(t *testing.T) {
		v := newVendor(t, "native", "http://127.0.0.1/callback", "")
		begin, end := cut(t, v.setup(t, "go"), "// When the browser comes back: ")
		got := v.converse(t, "http://127.0.0.1/callback", goRun(t, head+`func signIn(ctx context.Context, w *httptest.ResponseRecorder, r *http.Request) error {
	var code string
	openBrowser := func(to string) { code = browse(to).FormValue("code") }
`+begin+"\n"+end+`
	if err != nil {
		return err
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(ctx, raw)
	if err == nil {
		fmt.Println(idToken.Subject != "", token.RefreshToken != "")
	}
	return err
}
`))
		if got != "true true" {
			t.Errorf("%q", got)
		}
	})
	t.Run("node, web", func(t *testing.T) { node(t, "web", "node") })
	t.Run("node, native", func(t *testing.T) { node(t, "native", "node") })
	t.Run("browser, single-page", func(t *testing.T) { node(t, "spa", "browser") })
	t.Run("agent", func(t *testing.T) {
		var came string
		api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came = r.Header.Get("Authorization") }))
		t.Cleanup(api.Close)
		v := newAgent(t)
		golang := goRun(t, `package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/oauth2/clientcredentials"
)

func main() {
	ctx := context.Background()
`+strings.Replace(v.setup(t, "go"), "https://api.example.com/", api.URL, 1)+`
	fmt.Println(res != nil, err)
}
`)
		golang.Env = append(os.Environ(), "OIDC_CLIENT_SECRET="+v.secret)
		if out, err := golang.CombinedOutput(); err != nil || string(out) != "true <nil>\n" || !strings.HasPrefix(came, "Bearer ey") {
			t.Errorf("go: %v %s %q", err, out, came)
		}
		curl := exec.CommandContext(t.Context(), program(t, "sh", "sh"), "-c", strings.Replace(v.setup(t, "curl"), "curl ", program(t, "curl", "curl")+" --silent ", 1))
		curl.Env = golang.Env
		var token struct {
			AccessToken string `json:"access_token"`
			ExpiresIn   int    `json:"expires_in"`
		}
		if out, err := curl.Output(); err != nil || json.Unmarshal(out, &token) != nil || token.AccessToken == "" || token.ExpiresIn <= 0 {
			t.Errorf("curl: %v %s", err, out)
		}
		dir := openIDClient(t)
		if err := os.WriteFile(filepath.Join(dir, "setup.mjs"), []byte(v.setup(t, "node")+"\nconsole.log(access_token.split('.').length, expires_in > 0);\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		js := exec.CommandContext(t.Context(), program(t, "node", "nodejs"), "setup.mjs")
		js.Dir, js.Env = dir, golang.Env
		if out, err := js.CombinedOutput(); err != nil || string(out) != "3 true\n" {
			t.Errorf("node: %v %s", err, out)
		}
	})
	t.Run("environment", func(t *testing.T) {
		v := newVendor(t, "web", redirect, "")
		settings := map[string]string{}
		for line := range strings.Lines(v.setup(t, "env")) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			settings[name] = value
		}
		res, err := http.Get(settings["OIDC_DISCOVERY_URL"])
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var meta struct{ Issuer string }
		if err := json.NewDecoder(res.Body).Decode(&meta); err != nil || meta.Issuer != settings["OIDC_ISSUER"] || settings["OIDC_CLIENT_ID"] != v.id || settings["OIDC_REDIRECT_URI"] != redirect {
			t.Errorf("%+v of %v, %v", meta, settings, err)
		}
	})
	t.Run("apache", func(t *testing.T) {
		apache := program(t, "apache2", "apache2 and libapache2-mod-auth-openidc")
		const modules = "/usr/lib/apache2/modules/"
		if !fileThere(modules + "mod_auth_openidc.so") {
			program(t, "mod_auth_openidc", "libapache2-mod-auth-openidc")
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		here := l.Addr().String()
		v := newVendor(t, "web", "http://"+here+"/callback", "")
		dir := apacheRoot(t, map[string]string{"root/index.html": "protected"})
		config := fmt.Sprintf(`ServerRoot %[1]s
ServerName 127.0.0.1
Listen %[2]s
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
Mutex file:%[1]s
%[4]s
LoadModule mpm_event_module %[3]smod_mpm_event.so
LoadModule authn_core_module %[3]smod_authn_core.so
LoadModule authz_core_module %[3]smod_authz_core.so
LoadModule authz_user_module %[3]smod_authz_user.so
LoadModule dir_module %[3]smod_dir.so
LoadModule auth_openidc_module %[3]smod_auth_openidc.so
DocumentRoot %[1]s/root
`, dir, here, modules, webUser()) + strings.NewReplacer("<client secret>", v.secret, "<a long random text of your own>", "a-passphrase-of-this-test").Replace(v.setup(t, "apache")) + "\n"
		l.Close() // held until here: nobody else was given the port
		answers(t, "http://"+here+"/", runApache(t, apache, dir, config, v))
		hana := newSurfer(t)
		back := hana.to("http://"+here+"/", "http://"+here+"/callback?")
		res, err := hana.client.Get(back.String())
		if err == nil {
			res.Body.Close()
			res, err = hana.client.Get("http://" + here + "/")
		}
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if b, err := io.ReadAll(res.Body); err != nil || string(b) != "protected" {
			t.Errorf("%d %s %v", res.StatusCode, b, err)
		}
	})
}

// newAgent is a server with an agent.
func newAgent(t *testing.T) *vendor {
	t.Helper()
	v := &vendor{database: filepath.Join(t.TempDir(), "steward.db")}
	code, stdout, stderr := runVerb(t, v.database, "", "application", "add", "Reorders", "--type", string(backoffice.Agent), "--json")
	var made struct{ ID, Secret string }
	if err := json.Unmarshal([]byte(stdout), &made); code != 0 || err != nil {
		t.Fatalf("%d %q %q", code, stdout, stderr)
	}
	v.id, v.secret = made.ID, made.Secret
	v.child = startChild(t, v.database)
	return v
}
