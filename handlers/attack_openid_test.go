package handlers_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"steward/backoffice"
	"steward/federation"
	"steward/store/storetest"
)

// newTokens signs Uma in to an application, and returns the browser, too.
func (v *relying) newTokens() (*browser, *oauth2.Token) {
	v.w.t.Helper()
	b := v.w.userIn("uma@nord.example", "nord")
	token, _ := v.tokens(b.get(v.begin()))
	return b, token
}

// dead holds that nothing of a sign-in is good any more.
func (v *relying) dead(what string, token *oauth2.Token) {
	v.w.t.Helper()
	if _, err := v.refresh(token.RefreshToken); !isError(err, "invalid_grant") {
		v.w.t.Errorf("%s: refreshed: %v", what, err)
	}
	if _, err := v.userinfo(token.AccessToken); err == nil {
		v.w.t.Errorf("%s: userinfo tells", what)
	}
	if v.secret != "" && v.active(token.AccessToken) {
		v.w.t.Errorf("%s: introspection says that the token is good", what)
	}
}

// An application's user is sent to no address but its own, whatever is changed of it.
func TestAttack_T53_WrongRedirect(t *testing.T) {
	w := peopleGate(t)
	for _, kind := range []backoffice.ApplicationKind{backoffice.WebApplication, backoffice.SinglePage, backoffice.NativeApplication} {
		const right = "https://app.example/Callback/in?x=1"
		v := w.applicationOf(backoffice.Application{Name: "Ledger " + string(kind), Kind: kind, Active: true, AutoAssigned: true, RedirectURIs: []string{right}})
		b := w.userIn("uma@nord.example", "nord").still()
		var list []string
		for i := range right {
			for _, c := range []byte{right[i] ^ 1, right[i] ^ 0x20, '%', '*'} {
				list = append(list, right[:i]+string(rune(c))+right[i+1:])
			}
			list = append(list, right[:i]+fmt.Sprintf("%%%02X", right[i])+right[i+1:], right[:i]+fmt.Sprintf("%%%02x", right[i])+right[i+1:],
				right[:i]+right[i+1:], right[:i+1]+" "+right[i+1:], right[:i+1]+"\\"+right[i+1:])
		}
		list = append(list, right+"/", right+"#x", right+"#", right+"&x=2", right+"%00", right+"\n", right+" ", strings.Replace(right, "://", "://user@", 1),
			strings.Replace(right, "app.example", "app.example:443", 1), strings.Replace(right, "app.example", "app.example.evil.example", 1),
			strings.Replace(right, "app.example", "app.example.", 1), strings.Replace(right, "app.example", "evil.example#@app.example", 1),
			strings.Replace(right, "https://app.example", "https://evil.example/https://app.example", 1), "//app.example/Callback/in?x=1", "javascript:alert(1)", "data:text/html,x",
			url.QueryEscape(right), strings.Replace(right, "/in", "/./in", 1), strings.Replace(right, "/in", "/../Callback/in", 1), strings.ToUpper(right), "http"+right[5:], "")
		for _, uri := range list {
			if uri == right {
				continue
			}
			v.oauth.RedirectURL = uri
			for _, more := range []string{"", "&prompt=none", "&response_type=token", "&response_mode=fragment"} {
				p := b.get(v.begin() + more)
				if to := p.Header.Get("Location"); to != "" || p.Status != http.StatusBadRequest {
					t.Errorf("%s, %q%s: %d %s", kind, uri, more, p.Status, to)
				}
				if more == "" && uri != "" && !strings.Contains(p.text("h1"), "returns to a wrong address") {
					t.Errorf("%s, %q: %s", kind, uri, p.text("main"))
				}
				if p.Find("a[href*='evil']").Length() != 0 {
					t.Errorf("%q is a link on the page", uri)
				}
			}
		}
		v.oauth.RedirectURL = right
		p := b.get(v.begin() + "&redirect_uri=" + url.QueryEscape(right))
		if p.Header.Get("Location") != "" || p.Status != http.StatusBadRequest {
			t.Errorf("two addresses: %d %s", p.Status, p.Header.Get("Location"))
		}
	}
	// The port of a loopback address is chosen anew by a native application alone.
	for kind, status := range map[backoffice.ApplicationKind]int{backoffice.NativeApplication: http.StatusSeeOther, backoffice.WebApplication: http.StatusBadRequest} {
		v := w.applicationOf(backoffice.Application{Name: "Loopback " + string(kind), Kind: kind, Active: true, AutoAssigned: true, RedirectURIs: []string{"http://127.0.0.1/cb"}})
		for uri, want := range map[string]int{"http://127.0.0.1:1234/cb": status, "http://127.0.0.1:1234/cb2": 400, "http://localhost:1234/cb": 400, "https://127.0.0.1:1234/cb": 400, "http://127.0.0.2:1/cb": 400} {
			v.oauth.RedirectURL = uri
			if p := w.browser().still().get(v.begin()); p.Status != want {
				t.Errorf("%s, %s: %d, want %d", kind, uri, p.Status, want)
			}
		}
	}
}

// peopleGate is eachPeople on SQLite alone: for what asks the engine nothing new.
func peopleGate(t *testing.T) *site {
	t.Helper()
	w := gateFor(t)
	w.people()
	return w
}

// Whoever signs out is returned to an address of the application alone.
func TestAttack_T53_LogoutRedirect(t *testing.T) {
	w := peopleGate(t)
	v := w.application(backoffice.WebApplication)
	b, token := v.newTokens()
	b.still()
	id, _ := token.Extra("id_token").(string)
	other := w.application(backoffice.SinglePage)
	for _, to := range []string{"https://evil.example/", "//evil.example", v.logout + "/", v.logout + "?x=1", v.logout + "#x", strings.Replace(v.logout, "http://", "http://x@", 1),
		v.oauth.RedirectURL, other.logout, "javascript:alert(1)", v.logout + "%0d%0aX: y", strings.ToUpper(v.logout)} {
		for _, q := range []url.Values{{"id_token_hint": {id}}, {"client_id": {v.app.ID}}, {"id_token_hint": {id}, "client_id": {v.app.ID}}, {}, {"client_id": {"nobody"}}} {
			q.Set("post_logout_redirect_uri", to)
			p := b.get("/oauth/logout?" + q.Encode())
			if p.Header.Get("Location") != "" || p.Status != http.StatusBadRequest {
				t.Errorf("%v: %d %s", q, p.Status, p.Header.Get("Location"))
			}
			if csp := p.Header.Get("Content-Security-Policy"); strings.Contains(csp, "evil") {
				t.Errorf("%v: %s", q, csp)
			}
		}
		got := w.raw(raw{method: "POST", path: "/sign-out/application", cookies: map[string]string{"steward-user": b.cookie("steward-user")},
			body: url.Values{"client_id": {v.app.ID}, "post_logout_redirect_uri": {to}}.Encode()})
		if got.Header.Get("Location") != "" || got.Status != http.StatusBadRequest {
			t.Errorf("%s, confirmed: %d %s", to, got.Status, got.Header.Get("Location"))
		}
	}
	// Without a proof of whom the application means nobody is signed out unasked: not by
	// its ID alone, by another application's, or by a token that is none.
	head, rest, _ := strings.Cut(id, ".")
	for what, q := range map[string]url.Values{
		"nothing":               {},
		"the ID":                {"client_id": {v.app.ID}},
		"another ID":            {"client_id": {other.app.ID}, "id_token_hint": {id}},
		"an access token":       {"id_token_hint": {token.AccessToken}},
		"half a token":          {"id_token_hint": {head + "." + rest[:20]}},
		"a token without a sum": {"id_token_hint": {id[:strings.LastIndex(id, ".")+1]}},
	} {
		p := b.get("/oauth/logout?" + q.Encode())
		if p.Status != http.StatusOK || p.Find("#sign-out-form").Length() != 1 {
			t.Errorf("%s: %d %s", what, p.Status, p.text("main"))
		}
	}
	for what, hint := range forged(t, w, id) {
		if p := b.get("/oauth/logout?id_token_hint=" + hint); p.Find("#sign-out-form").Length() != 1 {
			t.Errorf("%s signs out: %d", what, p.Status)
		}
	}
	// Somebody else's token signs nobody out here.
	hana := w.userIn("hana@nord.example", "nord")
	if p := hana.get("/oauth/logout?id_token_hint=" + id); p.Find("#sign-out-form").Length() != 1 || !strings.Contains(p.text("main"), "hana@nord.example") {
		t.Errorf("the token of somebody else: %s", p.text("main"))
	}
	if _, err := v.userinfo(token.AccessToken); err != nil {
		t.Fatalf("something of this ended the session: %v", err)
	}
	b.client.CheckRedirect = nil
	p := b.get("/oauth/logout?"+url.Values{"client_id": {v.app.ID}, "post_logout_redirect_uri": {v.logout}, "state": {"s&t"}}.Encode()).submit("#sign-out-form", nil)
	if p.URL.String() != v.logout+"?state=s%26t" {
		t.Errorf("confirmed: %s", p.URL)
	}
	v.dead("after signing out", token)
}

// forged are tokens like one of ours that we did not sign.
func forged(t *testing.T, w *site, token string) map[string]string {
	t.Helper()
	parts := strings.Split(token, ".")
	enc := base64.RawURLEncoding
	var head map[string]any
	b, err := enc.DecodeString(parts[0])
	if err != nil || json.Unmarshal(b, &head) != nil {
		t.Fatal(err)
	}
	with := func(changes map[string]any) string {
		h := map[string]any{}
		for k, v := range head {
			h[k] = v
		}
		for k, v := range changes {
			h[k] = v
		}
		b, _ := json.Marshal(h)
		return enc.EncodeToString(b) + "." + parts[1]
	}
	mine, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		sig, err := rsa.SignPKCS1v15(rand.Reader, mine, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + enc.EncodeToString(sig)
	}
	mac := func(text string, key []byte) string {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return text + "." + enc.EncodeToString(m.Sum(nil))
	}
	keys, err := w.store.SigningKeys(ctx)
	if err != nil || len(keys) == 0 {
		t.Fatal(err)
	}
	public := keys[0].Public
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	parsed, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	jwk := map[string]any{"kty": "RSA", "n": enc.EncodeToString(mine.N.Bytes()), "e": "AQAB", "kid": "mine"}
	return map[string]string{
		"alg none":                         with(map[string]any{"alg": "none"}) + ".",
		"alg None":                         with(map[string]any{"alg": "None"}) + ".",
		"alg none, signed":                 with(map[string]any{"alg": "none"}) + "." + parts[2],
		"a key of one's own":               sign(parts[0] + "." + parts[1]),
		"a key of one's own, named so":     sign(with(map[string]any{"kid": "mine"})),
		"a key that the head brings":       sign(with(map[string]any{"kid": "mine", "jwk": jwk})),
		"a key at an address":              sign(with(map[string]any{"kid": "mine", "jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/keys"})),
		"HS256 with the public key":        mac(with(map[string]any{"alg": "HS256"}), public),
		"HS256 with the public key, PEM":   mac(with(map[string]any{"alg": "HS256"}), asPEM),
		"HS256 with the public key, PKCS1": mac(with(map[string]any{"alg": "HS256"}), x509.MarshalPKCS1PublicKey(parsed.(*rsa.PublicKey))),
		"RS512 over the sum of RS256":      with(map[string]any{"alg": "RS512"}) + "." + parts[2],
		"no key named":                     with(map[string]any{"kid": ""}) + "." + parts[2],
		"other claims":                     parts[0] + "." + enc.EncodeToString([]byte(`{"iss":"`+w.url+`","sub":"x","aud":"x","exp":99999999999}`)) + "." + parts[2],
		"crit":                             with(map[string]any{"crit": []string{"exp"}}) + "." + parts[2],
	}
}

// A token is good when we signed it, for what it is, while it runs.
func TestAttack_T74_ForeignAndExpiredTokens(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		_, token := v.newTokens()
		if !v.active(token.AccessToken) {
			t.Fatal("the token is not good")
		}
		bad := forged(t, w, token.AccessToken)
		bad["an ID token"], _ = token.Extra("id_token").(string)
		bad["a refresh token"], bad["nothing"], bad["dots"] = token.RefreshToken, "x", ".."
		for what, forged := range bad {
			if _, err := v.userinfo(forged); err == nil {
				t.Errorf("%s: userinfo tells", what)
			}
			if v.active(forged) {
				t.Errorf("%s: introspection says that it is good", what)
			}
			if status, _ := v.ask("/oauth/revoke", url.Values{"token": {forged}}); status != http.StatusOK && what != "a refresh token" {
				t.Errorf("%s: revoked: %d", what, status)
			}
			if what == "a refresh token" { // of its family everything ended: the next ones begin anew
				_, token = v.newTokens()
			}
		}
		w.clock.Add(backoffice.AccessTokenLife)
		if _, err := v.userinfo(token.AccessToken); err == nil || v.active(token.AccessToken) {
			t.Errorf("a token that has run out: %v", err)
		}
		// Keys change without breaking what runs; a token of a key that is gone is none.
		v.newTokens()
		before, err := w.store.SigningKeys(ctx)
		if err != nil || len(before) != 1 {
			t.Fatalf("%d keys, %v", len(before), err)
		}
		rotate := func(after time.Duration) {
			t.Helper()
			w.clock.Add(after)
			if err := w.store.RotateSigningKeys(ctx, federation.MakeSigningKey); err != nil {
				t.Fatal(err)
			}
		}
		rotate(backoffice.SigningKeyLife - backoffice.SigningKeyNotice)
		if keys, _ := w.store.SigningKeys(ctx); len(keys) != 2 || keys[0].ID != before[0].ID {
			t.Fatal("the next key is not published beside the one that signs")
		}
		w.clock.Add(backoffice.SigningKeyNotice - time.Minute)
		_, token = v.newTokens()
		w.clock.Add(time.Minute)
		if keys, _ := w.store.SigningKeys(ctx); len(keys) != 2 || keys[0].ID == before[0].ID {
			t.Fatal("the next key does not sign")
		}
		if !v.active(token.AccessToken) {
			t.Error("the change of keys breaks a token that runs")
		}
		if _, again := v.newTokens(); !v.active(again.AccessToken) {
			t.Error("a token of the new key")
		}
		rotate(backoffice.SigningKeyAfter)
		if keys, _ := w.store.SigningKeys(ctx); len(keys) != 1 || keys[0].ID == before[0].ID {
			t.Error("the old key is still published")
		}
	})
}

// Every answer names who gives it, whatever the request says of itself.
func TestAttack_T74_MixedIssuer(t *testing.T) {
	w := peopleGate(t)
	v := w.application(backoffice.WebApplication)
	for _, header := range []map[string]string{{"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}, {"X-Forwarded-Proto": "https", "X-Forwarded-Port": "1"}} {
		got := w.raw(raw{method: "GET", path: "/.well-known/openid-configuration", header: header})
		var d map[string]any
		if err := json.Unmarshal([]byte(got.Body), &d); err != nil || d["issuer"] != w.url || strings.Contains(got.Body, "evil") {
			t.Errorf("%v: %s", header, got.Body)
		}
		for name, value := range d {
			if address, ok := value.(string); ok && strings.HasSuffix(name, "_endpoint") && !strings.HasPrefix(address, w.url+"/oauth/") {
				t.Errorf("%s is %s", name, address)
			}
		}
		if d["request_uri_parameter_supported"] != false || d["authorization_response_iss_parameter_supported"] != true || fmt.Sprint(d["response_types_supported"]) != "[code]" ||
			fmt.Sprint(d["grant_types_supported"]) != "[authorization_code refresh_token client_credentials]" || fmt.Sprint(d["code_challenge_methods_supported"]) != "[S256]" ||
			fmt.Sprint(d["id_token_signing_alg_values_supported"]) != "[RS256]" {
			t.Errorf("%s", got.Body)
		}
	}
	if got := w.raw(raw{method: "GET", path: "/.well-known/openid-configuration", host: "evil.example"}); got.Status != http.StatusMisdirectedRequest {
		t.Errorf("for another host: %d", got.Status)
	}
	b := w.userIn("uma@nord.example", "nord")
	for _, options := range [][2]string{{"prompt", "none"}, {"prompt", "bogus"}, {"scope", "email"}} {
		v.returned(b.get(strings.Replace(v.begin(), options[0]+"=", "was=", 1) + "&" + options[0] + "=" + options[1])) // looks at iss
	}
}

// A request belongs to the browser that brought it, and ends once.
func TestAttack_T74_RequestOfAnotherBrowser(t *testing.T) {
	eachPeople(t, func(t *testing.T, w *site) {
		v := w.application(backoffice.WebApplication)
		evil := w.browser().still()
		p := evil.get(v.begin())
		entry := p.Header.Get("Location")
		if !strings.HasPrefix(entry, "/sign-in/application?request=") {
			t.Fatalf("%d %s", p.Status, entry)
		}
		victim := w.userIn("uma@nord.example", "nord")
		if p := victim.get(entry); p.Status != http.StatusNotFound || !strings.Contains(p.text("h1"), "cannot go on") {
			t.Errorf("in another browser: %d %s", p.Status, p.URL)
		}
		token, _ := url.Parse(entry)
		for _, path := range []string{"/sign-in/application", "/sign-in/application/somebody-else"} {
			got := w.raw(raw{method: "POST", path: path, cookies: map[string]string{"steward-user": victim.cookie("steward-user")},
				body: url.Values{"request": {token.Query().Get("request")}, "account": {"nord"}}.Encode()})
			if got.Status != http.StatusNotFound {
				t.Errorf("%s in another browser: %d %s", path, got.Status, got.Header.Get("Location"))
			}
		}
		// In its own, after another request of its own: both go on.
		b := w.browser().still()
		one := b.get(v.begin()).Header.Get("Location")
		first := v.verifier
		two := b.get(v.begin()).Header.Get("Location")
		cookie, _ := w.userSession(must(w.store.FindUser(ctx, "uma@nord.example")), "nord")
		b.setCookie("steward-user", cookie)
		if to := b.get(two).Header.Get("Location"); !strings.Contains(to, "code=") {
			t.Errorf("the second: %s", to)
		}
		v.verifier = first
		if to := b.get(one).Header.Get("Location"); !strings.Contains(to, "code=") {
			t.Errorf("the first: %s", to)
		}
		if p := b.get(one); p.Status != http.StatusNotFound {
			t.Errorf("completed twice: %d %s", p.Status, p.Header.Get("Location"))
		}
		old := b.get(v.begin()).Header.Get("Location")
		w.clock.Add(backoffice.OpenIDRequestLife)
		if p := b.get(old); p.Status != http.StatusNotFound {
			t.Errorf("after half an hour: %d", p.Status)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A request says exactly what is answered, or the application is told that it does not.
func TestAttack_T74_ResponseAndPromptAbuse(t *testing.T) {
	w := peopleGate(t)
	v := w.application(backoffice.WebApplication)
	b := w.userIn("uma@nord.example", "nord")
	id, _ := must(v.exchange(v.returned(b.get(v.begin())).Get("code"))).Extra("id_token").(string)
	ask := func(change url.Values) url.Values {
		t.Helper()
		u := must(url.Parse(v.begin()))
		q := u.Query()
		for name, values := range change {
			q[name] = values
		}
		u.RawQuery = q.Encode()
		return v.returned(b.get(u.String()))
	}
	for want, list := range map[string][]url.Values{
		"unsupported_response_type":  {{"response_type": {"token"}}, {"response_type": {"code token"}}, {"response_type": {"id_token"}}, {"response_type": {"none"}}, {"response_type": {"CODE"}}},
		"invalid_request":            {{"response_type": {""}}, {"response_mode": {"fragment"}}, {"response_mode": {"form_post"}}, {"response_mode": {"web_message"}}, {"prompt": {"none login"}}, {"prompt": {"none none"}}, {"prompt": {"create"}}, {"max_age": {"-1"}}, {"max_age": {"1e3"}}, {"max_age": {"99999999999999999999"}}, {"scope": {"openid", "email"}}, {"nonce": {"a", "b"}}, {"id_token_hint": {"x"}}, {"id_token_hint": {forged(t, w, id)["alg none"]}}, {"id_token_hint": {forged(t, w, id)["HS256 with the public key, PEM"]}}},
		"invalid_scope":              {{"scope": {""}}, {"scope": {"email"}}, {"scope": {"OpenID"}}},
		"request_not_supported":      {{"request": {"eyJhbGciOiJub25lIn0.e30."}}},
		"request_uri_not_supported":  {{"request_uri": {"http://127.0.0.1:1/x"}}},
		"registration_not_supported": {{"registration": {"{}"}}},
	} {
		for _, change := range list {
			if q := ask(change); q.Get("error") != want || q.Get("code") != "" {
				t.Errorf("%v: %v, want %s", change, q, want)
			}
		}
	}
	if q := ask(url.Values{"scope": {"openid admin offline_access"}, "prompt": {"consent"}, "id_token_hint": {id}, "display": {"touch"}, "acr_values": {"x"}}); q.Get("code") == "" {
		t.Errorf("what is not known is left out: %v", q)
	}
	b = w.userIn("hana@nord.example", "nord")
	if q := ask(url.Values{"id_token_hint": {id}}); q.Get("error") != "login_required" {
		t.Errorf("somebody else than the hint says: %v", q)
	}
	// By POST it is the same as by GET, from another site, too.
	u := must(url.Parse(v.begin()))
	got := w.raw(raw{method: "POST", path: "/oauth/authorize", body: u.RawQuery, header: map[string]string{"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}})
	if to := must(url.Parse(got.Header.Get("Location"))); got.Status != http.StatusSeeOther || to.Path != "/oauth/authorize" || to.Query().Get("client_id") != v.app.ID {
		t.Errorf("by POST: %d %s", got.Status, to)
	}
	// Machines send what is secret in the body, once.
	code := v.returned(b.get(v.begin())).Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {v.oauth.RedirectURL}, "code_verifier": {v.verifier}}
	secret := url.Values{"client_id": {v.app.ID}, "client_secret": {v.secret}}
	for what, q := range map[string]raw{
		"a secret in the address": {path: "/oauth/token?" + secret.Encode(), body: form.Encode()},
		"a code in the address":   {path: "/oauth/token?" + form.Encode(), body: secret.Encode()},
		"two codes":               {path: "/oauth/token", body: form.Encode() + "&" + secret.Encode() + "&code=x"},
		"a token in the address":  {path: "/oauth/userinfo?access_token=" + id},
		"a body too large":        {path: "/oauth/token", body: form.Encode() + "&" + secret.Encode() + "&x=" + strings.Repeat("x", 70<<10)},
	} {
		q.method = "POST"
		if got := w.raw(q); got.Status < 400 || got.Status >= 500 {
			t.Errorf("%s: %d %s", what, got.Status, got.Body)
		}
	}
	for what, header := range map[string]string{"a wrong secret": "wrong", "no secret": "", "another's": w.application(backoffice.Agent).secret} {
		bad := url.Values{"client_id": {v.app.ID}, "client_secret": {header}}
		got := w.raw(raw{method: "POST", path: "/oauth/token", body: form.Encode() + "&" + bad.Encode()})
		if got.Status != http.StatusUnauthorized || !strings.Contains(got.Body, "invalid_client") || !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%s: %d %s", what, got.Status, got.Body)
		}
	}
	got = w.raw(raw{method: "POST", path: "/oauth/token", body: form.Encode() + "&" + secret.Encode()})
	if got.Status != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("as it should be: %d %s", got.Status, got.Body)
	}
	for _, grant := range []string{"password", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:device_code", "implicit"} {
		if status, answer := v.ask("/oauth/token", url.Values{"grant_type": {grant}, "assertion": {id}, "subject_token": {id}, "subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}, "device_code": {"x"}, "username": {"u"}, "password": {"p"}}); status < 400 || answer["access_token"] != nil {
			t.Errorf("%s: %d %v", grant, status, answer)
		}
	}
}

// Scripts of single-page applications may ask, and those of nobody else.
func TestAttack_T74_OriginsOfScripts(t *testing.T) {
	w := peopleGate(t)
	spa := w.applicationOf(backoffice.Application{Name: "Single", Kind: backoffice.SinglePage, Active: true, RedirectURIs: []string{"https://app.example/cb", "HTTPS://Shop.Example:443/cb", "https://büro.example:8443/cb", "http://[::1]:80/cb"}})
	w.applicationOf(backoffice.Application{Name: "Web", Kind: backoffice.WebApplication, Active: true, RedirectURIs: []string{"https://web.example/cb"}})
	for origin, want := range map[string]bool{"https://app.example": true, "https://web.example": false, "https://evil.example": false, "null": false, "https://app.example:444": false, "http://app.example": false,
		"https://shop.example": true, "https://shop.example:443": false, "HTTPS://Shop.Example:443": false, "https://Shop.Example": false,
		"https://xn--bro-hoa.example:8443": true, "https://xn--bro-hoa.example": false, "https://büro.example:8443": false, "http://[::1]": true} {
		for _, path := range []string{"/oauth/token", "/oauth/userinfo", "/oauth/revoke", "/.well-known/openid-configuration", "/oauth/keys"} {
			got := w.raw(raw{method: "OPTIONS", path: path, header: map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}})
			if allowed := got.Header.Get("Access-Control-Allow-Origin"); (allowed == origin) != want || allowed == "*" || got.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s asks for %s: %q", origin, path, allowed)
			}
			got = w.raw(raw{method: "POST", path: path, body: "client_id=" + spa.app.ID, header: map[string]string{"Origin": origin, "Sec-Fetch-Site": "cross-site"}})
			if allowed := got.Header.Get("Access-Control-Allow-Origin"); strings.HasPrefix(path, "/oauth/") && path != "/oauth/keys" && (allowed == origin) != want {
				t.Errorf("%s posts to %s: %q", origin, path, allowed)
			}
		}
		for _, path := range []string{"/portal", "/sign-in", "/sign-in/application", "/oauth/authorize", "/oauth/introspect"} {
			got := w.raw(raw{method: "GET", path: path, header: map[string]string{"Origin": origin}})
			if got.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s may read %s", origin, path)
			}
		}
	}
}

// Nobody fills the database by beginning sign-ins, or tries codes and secrets
// without end; who comes later is served again.
func TestAttack_T84_ManySignInsAndGuesses(t *testing.T) {
	w := peopleGate(t)
	v := w.application(backoffice.WebApplication)
	b := w.browser().still()
	status := 0
	for n := 0; n < 400 && status != http.StatusTooManyRequests; n++ {
		status = b.get(v.begin()).Status
	}
	p := b.get(v.begin())
	if status != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" || !strings.Contains(p.text("h1"), "Too many") {
		t.Errorf("sign-ins without end: %d %d", status, p.Status)
	}
	if rows := storetest.Dump(t, w.store)["openid_requests"]; len(rows) != backoffice.MaxOpenIDRequests {
		t.Errorf("%d requests of one browser are kept", len(rows))
	}
	w.clock.Add(time.Minute)
	_, token := v.newTokens()
	for n := 0; n < 400 && status != http.StatusTooManyRequests || n == 0; n++ {
		status = w.raw(raw{method: "POST", path: "/oauth/token", body: "grant_type=client_credentials&client_secret=guess&client_id=" + v.app.ID}).Status
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("guesses without end: %d", status)
	}
	w.clock.Add(time.Minute)
	if p := b.get(v.begin()); p.Status != http.StatusSeeOther || !v.active(token.AccessToken) {
		t.Errorf("a minute later: %d", p.Status)
	}
	w.clock.Add(backoffice.OpenIDRequestLife + time.Second)
	if err := w.store.Forget(ctx); err != nil {
		t.Fatal(err)
	}
	if rows := storetest.Dump(t, w.store)["openid_requests"]; len(rows) != 0 {
		t.Errorf("%d requests are kept after their time", len(rows))
	}
}
