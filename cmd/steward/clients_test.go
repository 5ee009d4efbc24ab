package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"steward/auth"
	"steward/backoffice"
	"steward/store"
)

// The clients below were written by others: they find everything in what the
// server publishes, and are told nothing but its address, an ID and a secret.

const clientPassphrase = "seven quiet lanterns"

// vendor is a server with an account, a user who has a password, and an
// application that is made from the command line.
type vendor struct {
	*child
	database   string
	id, secret string
}

func newVendor(t *testing.T, kind, redirect, loggedOut string) *vendor {
	t.Helper()
	database := filepath.Join(t.TempDir(), "steward.db")
	args := []string{"application", "add", "Ledger", "--type", kind, "--redirect-uri", redirect, "--default", "--json"}
	if loggedOut != "" {
		args = append(args, "--logout-uri", loggedOut)
	}
	code, stdout, stderr := runVerb(t, database, "", args...)
	v := &vendor{database: database}
	var made struct{ ID, Secret string }
	if err := json.Unmarshal([]byte(stdout), &made); code != 0 || err != nil {
		t.Fatalf("%d %q %q", code, stdout, stderr)
	}
	v.id, v.secret = made.ID, made.Secret
	v.people(t)
	v.child = startChild(t, database)
	return v
}

func (v *vendor) people(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	key, err := (&app{database: v.database}).key()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(ctx, v.database, store.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Nord AG", ID: "nord", PrimaryEmail: "hana@nord.example"}); err != nil {
		t.Fatal(err)
	}
	hash, err := auth.NewHasher(1).Hash(ctx, clientPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	u, _, err := s.UserCredentials(ctx, "hana@nord.example")
	if err == nil {
		err = s.SetUserPassword(ctx, backoffice.CommandLine(), u.Key, "", hash, nil)
	}
	if err == nil {
		err = s.RenameUser(ctx, backoffice.CommandLine(), u.ID, "Hana Fischer")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// surfer is somebody at a browser without script.
type surfer struct {
	t      *testing.T
	client *http.Client
}

func newSurfer(t *testing.T) *surfer {
	jar, _ := cookiejar.New(nil)
	return &surfer{t: t, client: &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// to follows an address through redirects, fills in the pages of signing in, and
// stops at the first address that begins with until, which it does not ask for.
func (s *surfer) to(address, until string) *url.URL {
	s.t.Helper()
	request, _ := http.NewRequest(http.MethodGet, address, nil)
	for range 20 {
		request.Header.Set("Accept", "text/html") // Apache's module answers a script otherwise
		res, err := s.client.Do(request)
		if err != nil {
			s.t.Fatal(err)
		}
		page, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			s.t.Fatal(err)
		}
		if location := res.Header.Get("Location"); location != "" {
			next, err := request.URL.Parse(location)
			if err != nil {
				s.t.Fatal(err)
			}
			if strings.HasPrefix(next.String(), until) {
				return next
			}
			request, _ = http.NewRequest(http.MethodGet, next.String(), nil)
			continue
		}
		doc, err := goquery.NewDocumentFromReader(bytes.NewReader(page))
		if err != nil {
			s.t.Fatal(err)
		}
		if content := doc.Find("meta[http-equiv=refresh]").AttrOr("content", ""); content != "" {
			next, err := request.URL.Parse(strings.TrimPrefix(content, "0;url="))
			if err != nil {
				s.t.Fatal(err)
			}
			request, _ = http.NewRequest(http.MethodGet, next.String(), nil)
			continue
		}
		onward := ""
		doc.Find("a[href]").Each(func(_ int, a *goquery.Selection) {
			if href := a.AttrOr("href", ""); strings.HasPrefix(href, until) {
				onward = href
			}
		})
		if onward != "" { // a page that leads on
			next, _ := url.Parse(onward)
			return next
		}
		form := doc.Find("#address-form, #password-form, #logout-form").First()
		if form.Length() == 0 {
			s.t.Fatalf("%s %s answers %d:\n%s", request.Method, request.URL, res.StatusCode, strings.Join(strings.Fields(doc.Find("body").Text()), " "))
		}
		values := url.Values{}
		form.Find("input[name]").Each(func(_ int, in *goquery.Selection) { values.Set(in.AttrOr("name", ""), in.AttrOr("value", "")) })
		if values.Has("email") && values.Get("email") == "" {
			values.Set("email", "hana@nord.example")
		}
		if values.Has("password") {
			values.Set("password", clientPassphrase)
		}
		action, err := request.URL.Parse(form.AttrOr("action", ""))
		if err != nil {
			s.t.Fatal(err)
		}
		request, _ = http.NewRequest(http.MethodPost, action.String(), strings.NewReader(values.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", action.Scheme+"://"+action.Host)
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	s.t.Fatalf("%s leads nowhere", address)
	return nil
}

// program finds one that a test needs, or leaves the test out where not all are
// demanded.
func program(t *testing.T, name, install string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if path = "/usr/sbin/" + name; fileThere(path) {
		return path
	}
	if os.Getenv("STEWARD_TEST_ALL") != "" {
		t.Fatalf("no %s on this machine: install %s", name, install)
	}
	t.Skipf("a client left out: install %s", install)
	return ""
}

func fileThere(name string) bool { _, err := os.Stat(name); return err == nil }

// golang.org/x/oauth2 with coreos/go-oidc.
func TestClient_Go(t *testing.T) {
	const redirect, loggedOut = "http://localhost:3111/callback", "http://localhost:3111/bye"
	for _, kind := range []string{"web", "spa"} {
		t.Run(kind, func(t *testing.T) {
			v := newVendor(t, kind, redirect, loggedOut)
			ctx := t.Context()
			provider, err := oidc.NewProvider(ctx, v.url)
			if err != nil {
				t.Fatal(err)
			}
			config := oauth2.Config{ClientID: v.id, ClientSecret: v.secret, Endpoint: provider.Endpoint(), RedirectURL: redirect,
				Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess}}
			verifier := oauth2.GenerateVerifier()
			hana := newSurfer(t)
			back := hana.to(config.AuthCodeURL("some state", oauth2.S256ChallengeOption(verifier), oidc.Nonce("some nonce")), redirect)
			if back.Query().Get("state") != "some state" || back.Query().Get("iss") != v.url {
				t.Fatalf("back at %s", back)
			}
			tokens, err := config.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := tokens.Extra("id_token").(string)
			id, err := provider.Verifier(&oidc.Config{ClientID: v.id}).Verify(ctx, raw)
			if err != nil || id.Nonce != "some nonce" {
				t.Fatalf("%+v, %v", id, err)
			}
			var claims struct {
				Email         string   `json:"email"`
				EmailVerified bool     `json:"email_verified"`
				Name          string   `json:"name"`
				TenantID      string   `json:"tenantId"`
				TenantIDs     []string `json:"tenantIds"`
				Roles         []string `json:"roles"`
				Permissions   []string `json:"permissions"`
				ApplicationID string   `json:"applicationId"`
				SessionID     string   `json:"sid"`
			}
			if err := id.Claims(&claims); err != nil || claims.Email != "hana@nord.example" || claims.Name != "Hana Fischer" || claims.TenantID != "nord" ||
				len(claims.TenantIDs) != 1 || len(claims.Roles) == 0 || len(claims.Permissions) == 0 || claims.ApplicationID != v.id || claims.SessionID == "" {
				t.Fatalf("%+v, %v", claims, err)
			}
			user, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
			if err != nil || user.Subject != id.Subject || user.Email != claims.Email {
				t.Fatalf("%+v, %v", user, err)
			}
			old := *tokens
			old.Expiry = time.Now().Add(-time.Hour)
			fresh, err := config.TokenSource(ctx, &old).Token()
			if err != nil || fresh.AccessToken == tokens.AccessToken || fresh.RefreshToken == tokens.RefreshToken || fresh.RefreshToken == "" {
				t.Fatalf("refreshed: %v", err)
			}
			if _, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(fresh)); err != nil {
				t.Fatal(err)
			}
			var meta struct {
				End string `json:"end_session_endpoint"`
			}
			if err := provider.Claims(&meta); err != nil || meta.End == "" {
				t.Fatalf("%+v, %v", meta, err)
			}
			out := hana.to(meta.End+"?"+url.Values{"id_token_hint": {raw}, "post_logout_redirect_uri": {loggedOut}, "state": {"bye"}}.Encode(), loggedOut)
			if out.Query().Get("state") != "bye" {
				t.Fatalf("signed out to %s", out)
			}
			if _, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: fresh.RefreshToken}).Token(); err == nil {
				t.Fatal("the refresh token outlives the session")
			}
			if _, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(fresh)); err == nil {
				t.Fatal("userinfo of a session that ended")
			}
		})
	}
}

// openIDClient installs openid-client, as the lock file pins it, into a folder.
func openIDClient(t *testing.T) string {
	t.Helper()
	npm, dir := program(t, "npm", "npm"), t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "client.mjs"} {
		b, err := os.ReadFile(filepath.Join("testdata/openid-client", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		if os.Getenv("STEWARD_TEST_ALL") == "" {
			t.Skipf("a client left out: the npm registry does not answer: %v", err)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// openid-client of the npm registry, with a secret and without one.
func TestClient_OpenIDClient(t *testing.T) {
	node := program(t, "node", "nodejs")
	const redirect, loggedOut = "http://localhost:3112/callback", "http://localhost:3112/bye"
	dir := openIDClient(t)
	for _, kind := range []string{"web", "spa"} {
		t.Run(kind, func(t *testing.T) {
			v := newVendor(t, kind, redirect, loggedOut)
			config, _ := json.Marshal(map[string]string{"issuer": v.url, "id": v.id, "secret": v.secret, "redirect": redirect, "loggedOut": loggedOut})
			command := exec.CommandContext(t.Context(), node, "client.mjs", string(config))
			command.Dir = dir
			var moans bytes.Buffer
			command.Stderr = &moans
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
			hana := newSurfer(t)
			var last struct {
				Go, Refreshed, Reused, Revoked, Out string
				Active                              *bool
				Claims, User                        struct {
					Sub, Email, Name, TenantID string
				}
			}
			for lines := bufio.NewScanner(out); lines.Scan(); {
				last.Go = ""
				if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
					t.Fatalf("%q: %v", lines.Text(), err)
				}
				if last.Go != "" {
					until := redirect
					if strings.Contains(last.Go, url.QueryEscape(loggedOut)) {
						until = loggedOut
					}
					fmt.Fprintf(in, "{\"back\":%q}\n", hana.to(last.Go, until))
				}
			}
			if err := command.Wait(); err != nil {
				t.Fatalf("%v\n%s\nserver:\n%s", err, moans.String(), v.output)
			}
			if last.Claims.Sub == "" || last.User.Sub != last.Claims.Sub || last.Claims.Email != "hana@nord.example" || last.Claims.Name != "Hana Fischer" ||
				last.Claims.TenantID != "nord" || last.Refreshed != last.Claims.Sub || last.Reused != "invalid_grant" || last.Revoked != "invalid_grant" ||
				last.Out != loggedOut+"?state=bye" || (last.Active == nil) != (kind == "spa") || last.Active != nil && !*last.Active {
				t.Fatalf("%+v", last)
			}
		})
	}
}

// The ten lines of the README sign a user in, as they stand there.
func TestClient_README(t *testing.T) {
	node := program(t, "node", "nodejs")
	dir := openIDClient(t)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, found := strings.Cut(string(readme), "```js\n")
	code, _, closed := strings.Cut(code, "```\n")
	if n := strings.Count(code, "\n"); !found || !closed || n != 10 {
		t.Fatalf("the README has %d lines of JavaScript", n)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	here := "http://localhost:" + port
	v := newVendor(t, "web", here+"/callback", "")
	code = strings.NewReplacer("http://localhost:8080", v.url, "http://localhost:3000", here, "listen(3000)", "listen("+port+")").Replace(code)
	if err := os.WriteFile(filepath.Join(dir, "readme.mjs"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(node, "readme.mjs")
	command.Dir = dir
	command.Env = append(os.Environ(), "ID="+v.id, "SECRET="+v.secret)
	output := &safeBuffer{}
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
	answers(t, here+"/favicon.ico", output)
	hana := newSurfer(t)
	back := hana.to(here+"/", here+"/callback?")
	res, err := hana.client.Get(back.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if got := string(b); err != nil || got != "Hello Hana Fischer of nord, you are admin." {
		t.Fatalf("%q, %v\n%s", got, err, output)
	}
}

// answers waits until a server answers at an address.
func answers(t *testing.T, address string, output fmt.Stringer) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if res, err := client.Get(address); err == nil {
			res.Body.Close()
			return
		}
	}
	t.Fatalf("%s does not answer:\n%s", address, output)
}

// apacheRoot is a folder with files that Apache, which is another user, may read.
func apacheRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "steward-apache") // t.TempDir is for its owner alone
	if err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// runApache serves with a configuration until the test ends.
func runApache(t *testing.T, apache, dir, config string, v *vendor) *safeBuffer {
	t.Helper()
	file := filepath.Join(dir, "apache.conf")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	command := exec.CommandContext(ctx, apache, "-f", file, "-DFOREGROUND")
	output := &safeBuffer{}
	command.Stdout, command.Stderr = output, output
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { command.Wait(); close(ended) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Logf("apache:\n%s\n%s\nserver:\n%s", output, log, v.output)
		}
	})
	return output
}

// mod_auth_openidc of Debian's Apache.
func TestClient_ModAuthOpenIDC(t *testing.T) {
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
	site := "http://" + l.Addr().String()
	v := newVendor(t, "web", site+"/protected/callback", site+"/bye")
	dir := apacheRoot(t, map[string]string{"root/protected/index.html": "protected", "root/bye": "bye"})
	config := fmt.Sprintf(`ServerRoot %[1]s
ServerName 127.0.0.1
Listen %[2]s
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
LogLevel warn auth_openidc:info
Mutex file:%[1]s
%[7]s
LoadModule mpm_event_module %[3]smod_mpm_event.so
LoadModule authn_core_module %[3]smod_authn_core.so
LoadModule authz_core_module %[3]smod_authz_core.so
LoadModule authz_user_module %[3]smod_authz_user.so
LoadModule dir_module %[3]smod_dir.so
LoadModule headers_module %[3]smod_headers.so
LoadModule auth_openidc_module %[3]smod_auth_openidc.so
DocumentRoot %[1]s/root
OIDCProviderMetadataURL %[4]s/.well-known/openid-configuration
OIDCClientID %[5]s
OIDCClientSecret %[6]s
OIDCRedirectURI http://%[2]s/protected/callback
OIDCCryptoPassphrase a-passphrase-of-this-test
OIDCScope "openid profile email offline_access"
OIDCPKCEMethod S256
OIDCRemoteUserClaim email
OIDCInfoHook iat access_token refresh_token id_token userinfo
OIDCCookieSameSite Off
<Location /protected>
  AuthType openid-connect
  Require valid-user
  Header set X-User "expr=%%{REMOTE_USER}"
  Header set X-Tenant "expr=%%{req:OIDC_CLAIM_tenantId}"
</Location>
`, dir, strings.TrimPrefix(site, "http://"), modules, v.url, v.id, v.secret, webUser())
	l.Close() // held until here: nobody else was given the port
	output := runApache(t, apache, dir, config, v)
	answers(t, site+"/bye", output)
	hana := newSurfer(t)
	get := func(address string) (*http.Response, string) {
		t.Helper()
		request, _ := http.NewRequest(http.MethodGet, address, nil)
		request.Header.Set("Accept", "text/html")
		res, err := hana.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(b)
	}
	back := hana.to(site+"/protected/", site+"/protected/callback?")
	if res, text := get(back.String()); res.StatusCode != http.StatusFound {
		t.Fatalf("the callback answers %d %s", res.StatusCode, text)
	}
	res, text := get(site + "/protected/")
	if res.StatusCode != http.StatusOK || text != "protected" || res.Header.Get("X-User") != "hana@nord.example" || res.Header.Get("X-Tenant") != "nord" {
		t.Fatalf("%d %q as %q of %q", res.StatusCode, text, res.Header.Get("X-User"), res.Header.Get("X-Tenant"))
	}
	type info struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		User         struct {
			Email, TenantID string
		} `json:"userinfo"`
	}
	known := func() (v info) {
		t.Helper()
		_, text := get(site + "/protected/callback?info=json")
		if err := json.Unmarshal([]byte(text), &v); err != nil || v.AccessToken == "" || v.RefreshToken == "" || v.User.Email != "hana@nord.example" {
			t.Fatalf("%s: %v", text, err)
		}
		return v
	}
	before := known()
	res, text = get(site + "/protected/callback?" + url.Values{"refresh": {site + "/protected/"}, "access_token": {before.AccessToken}}.Encode())
	if res.StatusCode != http.StatusFound || strings.Contains(res.Header.Get("Location"), "error") {
		t.Fatalf("refresh: %d %s %s", res.StatusCode, res.Header.Get("Location"), text)
	}
	if after := known(); after.AccessToken == before.AccessToken || after.RefreshToken == before.RefreshToken {
		t.Fatal("the tokens were not renewed")
	}
	if out := hana.to(site+"/protected/callback?"+url.Values{"logout": {site + "/bye"}}.Encode(), site+"/bye"); out.Path != "/bye" {
		t.Fatalf("signed out to %s", out)
	}
	// Neither the site nor Steward knows them any more: the way leads to the sign-in.
	if res, _ := get(site + "/protected/"); !strings.HasPrefix(res.Header.Get("Location"), v.url) {
		t.Fatalf("still signed in: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
}

// webUser says who Apache serves as: it refuses to be root.
func webUser() string {
	if os.Getuid() != 0 {
		return ""
	}
	return "User www-data\nGroup www-data"
}
