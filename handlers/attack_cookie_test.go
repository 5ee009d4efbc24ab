package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"steward/backoffice"
	"steward/store/storetest"
)

// Every cookie that we set is bound to this host, out of reach of script, and small.
func TestAttack_T59_Cookies(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t), storetest.NewClock())
	w := &site{t: t, store: s}
	w.staff("owner@vendor.example", backoffice.Owner)
	h := overHTTPS(t, s)
	jar := map[string]*http.Cookie{}
	seen := map[string]bool{}
	ask := func(method, path, form string) {
		t.Helper()
		req := httptest.NewRequest(method, "https://steward.example"+path, strings.NewReader(form))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, c := range jar {
			req.AddCookie(c)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if rec.Code >= 400 {
			t.Errorf("%s %s: %d", method, path, rec.Code)
		}
		for _, c := range rec.Result().Cookies() {
			if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || len(c.Raw) > 4096 {
				t.Errorf("%s %s sets %s", method, path, c.Raw)
			}
			seen[c.Name] = true
			if c.MaxAge < 0 {
				delete(jar, c.Name)
			} else {
				jar[c.Name] = &http.Cookie{Name: c.Name, Value: c.Value}
			}
		}
	}
	ask("POST", "/backoffice/sign-in", url.Values{"email": {"owner@vendor.example"}, "password": {passphrase}}.Encode())
	ask("POST", "/backoffice/theme", "theme=dark")
	ask("POST", "/backoffice/accounts", url.Values{"name": {"Nord"}, "id": {"nord"}, "email": {"hana@nord.example"}}.Encode())
	ask("GET", "/backoffice/accounts", "")
	ask("POST", "/backoffice/sign-out", "")
	// A user, who comes to stand in two accounts.
	if _, err := s.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Sued", ID: "sued", PrimaryEmail: "hana@sued.example"}); err != nil {
		t.Fatal(err)
	}
	u, err := s.AddUser(ctx, backoffice.CommandLine(), "nord", backoffice.NewMember{Email: "hana@sued.example", Roles: []string{backoffice.RoleAdmin}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetUserPassword(ctx, backoffice.CommandLine(), u.Key, "", passphraseHash(), nil); err != nil {
		t.Fatal(err)
	}
	ask("POST", "/sign-in", url.Values{"email": {"hana@sued.example"}, "next": {"/profile"}}.Encode())
	ask("POST", "/sign-in/password", url.Values{"email": {"hana@sued.example"}, "password": {passphrase}}.Encode())
	ask("POST", "/sign-in/accounts", url.Values{"account": {"nord"}}.Encode())
	ask("POST", "/portal/switch", url.Values{"account": {"sued"}}.Encode())
	ask("GET", "/portal", "")
	ask("POST", "/sign-out", "")
	if len(seen) < 8 || jar["__Host-steward"] != nil || jar["__Host-steward-user"] != nil || jar["__Host-steward-sign-in"] != nil {
		t.Errorf("cookies set: %v, kept after sign-out: %v", seen, jar)
	}
}
