package backoffice

import (
	"fmt"
	"testing"
	"time"
)

func TestWebOrigin(t *testing.T) {
	for address, want := range map[string]string{
		"https://app.example/cb":          "https://app.example",
		"HTTPS://App.Example:443/cb":      "https://app.example",
		"http://app.example:80":           "http://app.example",
		"http://app.example:443/":         "http://app.example:443",
		"https://BÜRO.example:8443/x":     "https://xn--bro-hoa.example:8443",
		"https://my_host.example/":        "https://my_host.example",
		"http://[::1]:3000/cb":            "http://[::1]:3000",
		"http://[2001:DB8::1]:80/cb":      "http://[2001:db8::1]",
		"http://127.0.0.1/":               "http://127.0.0.1",
		"com.example.app:/callback":       "",
		"//app.example/":                  "",
		"javascript:alert(1)":             "",
		"null":                            "",
		"":                                "",
		"https://app.example/%zz":         "",
		"https://app.example:99999999999": "https://app.example:99999999999",
	} {
		if got := WebOrigin(address); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

// Addresses are pasted by the thousand as fast as by the dozen (security.md, T-87).
func TestManyRedirectURIs(t *testing.T) {
	a := Application{Name: "Ledger", Kind: WebApplication}
	for i := range 50_000 {
		a.RedirectURIs = append(a.RedirectURIs, fmt.Sprintf("https://app.example/%d", i))
	}
	begun := time.Now()
	if _, p := CheckApplication(a); p["redirect_uris"] == "" {
		t.Error("fifty thousand addresses are taken")
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("refusing them took %v", took)
	}
	a.RedirectURIs = a.RedirectURIs[:MaxApplicationURIs]
	if _, p := CheckApplication(a); len(p) > 0 {
		t.Errorf("as many as there can be: %v", p)
	}
}
