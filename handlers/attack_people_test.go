package handlers_test

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"steward/auth"
	"steward/backoffice"
	"steward/handlers"
	"steward/store"
	"steward/store/storetest"
	"steward/views"
)

// Nobody chooses the network address that they are counted by: not at the doors
// of users either, nor while they are in.
func TestAttack_T49_ForwardedForOfUsers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		direct := newGate(t, s, clock, nil)
		proxied := newGate(t, s, clock, func(o *handlers.Options) { o.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
		if _, err := s.CreateAccount(ctx, backoffice.CommandLine(), backoffice.NewAccount{Name: "Nord AG", ID: "nord"}); err != nil {
			t.Fatal(err)
		}
		direct.openSignUp(true)
		claims := func(i int) map[string]string {
			said := fmt.Sprintf("203.0.113.%d", i)
			return map[string]string{"X-Forwarded-For": said, "X-Real-IP": said, "Forwarded": "for=" + said, "True-Client-IP": said, "CF-Connecting-IP": said, "X-Client-IP": said}
		}
		// What the client wrote stands at the left; the proxy adds what it saw.
		behind := func(i int) map[string]string {
			return map[string]string{"X-Forwarded-For": fmt.Sprintf("203.0.113.%d, 198.51.100.7", i), "X-Real-IP": fmt.Sprintf("203.0.113.%d", i), "Forwarded": fmt.Sprintf("for=203.0.113.%d", i)}
		}
		account := 0
		for _, from := range []struct {
			name   string
			w      *site
			header func(int) map[string]string
		}{{"without a trusted proxy", direct, claims}, {"behind one", proxied, behind}} {
			from.w.t = t
			for _, door := range []struct {
				name, path string
				form       func(email string) url.Values
				free       int
			}{
				{"the password of a user", "/sign-in/password", func(email string) url.Values {
					return url.Values{"email": {email}, "password": {"guess guess guess"}}
				}, 5},
				{"a link by mail", "/sign-in/link", func(email string) url.Values { return url.Values{"email": {email}} }, 5},
				{"a reset", "/sign-in/reset", func(email string) url.Values { return url.Values{"email": {email}} }, 5},
				{"a sign-up", "/sign-up", newcomer, 5},
			} {
				account++
				email := fmt.Sprintf("user-%d@nord.example", account)
				direct.t = t
				u := direct.member("nord", email, backoffice.RoleReadOnly)
				if err := s.SetUserPassword(ctx, backoffice.CommandLine(), u.Key, "", userHash(), nil); err != nil {
					t.Fatal(err)
				}
				refused := 0
				for i := range 30 {
					got := from.w.raw(raw{method: "POST", path: door.path, header: from.header(i), body: door.form(email).Encode()})
					if got.Status == http.StatusTooManyRequests {
						refused++
					}
				}
				if refused != 30-door.free {
					t.Errorf("%s, %s: %d of 30 were refused, want %d", from.name, door.name, refused, 30-door.free)
				}
			}
		}
		// The address that a session and an act are noted with is the true one too.
		u := direct.member("nord", "session@nord.example", backoffice.RoleReadOnly)
		if err := s.SetUserPassword(ctx, backoffice.CommandLine(), u.Key, "", userHash(), nil); err != nil {
			t.Fatal(err)
		}
		if got := direct.raw(raw{method: "POST", path: "/sign-in/password", header: claims(200), body: url.Values{"email": {u.Email}, "password": {userPassphrase}}.Encode()}); got.cookie("steward-user") == "" {
			t.Errorf("signing in: %d", got.Status)
		}
		for table, rows := range storetest.Dump(t, s) {
			for _, row := range rows {
				if strings.Contains(row, "203.0.113.") {
					t.Errorf("%s holds what a client said: %s", table, row)
				}
			}
		}
	})
}

// poisons are what a request may say about who we are.
var poisons = []map[string]string{
	{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "8443"},
	{"Forwarded": "host=evil.example;proto=https;for=1.2.3.4"},
	{"X-Original-Host": "evil.example", "X-Host": "evil.example", "X-Forwarded-Server": "evil.example", "X-Forwarded-Prefix": "//evil.example", "X-Original-URL": "//evil.example/", "X-Rewrite-URL": "//evil.example/"},
	{"Origin": "", "Referer": "https://evil.example/sign-in"},
}

var anyAddress = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s"'<>]*`)

// everyMail is every kind of mail that leaves.
var everyMail = []backoffice.MailKind{backoffice.MailInvitation, backoffice.MailInvitationCode, backoffice.MailSignIn, backoffice.MailReset, backoffice.MailVerify,
	backoffice.MailKnown, backoffice.MailChange, backoffice.MailChangeAsked, backoffice.MailChanged, backoffice.MailFactor}

// Every link of every kind of mail begins with the public URL, whatever the
// request says that it was asked for by.
func TestAttack_T24_EveryMail(t *testing.T) {
	for i, header := range poisons {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
				w := newGate(t, s, clock, nil)
				w.openSignUp(true)
				header := merge(header)
				if _, ok := header["Origin"]; ok {
					header["Origin"] = w.url
				}
				cli := backoffice.CommandLine()
				if _, err := s.CreateAccount(ctx, cli, backoffice.NewAccount{Name: "Nord AG", ID: "nord"}); err != nil {
					t.Fatal(err)
				}
				u := w.member("nord", "hana@nord.example", backoffice.RoleAdmin)
				if err := s.SetUserPassword(ctx, cli, u.Key, "", userHash(), nil); err != nil {
					t.Fatal(err)
				}
				as, _ := w.userSession(u, "nord")
				seen := map[backoffice.MailKind]bool{}
				var last backoffice.Mail
				post := func(path string, form url.Values, cookies map[string]string, kinds ...backoffice.MailKind) {
					t.Helper()
					got := w.raw(raw{method: "POST", path: path, header: header, cookies: cookies, body: form.Encode()})
					if got.Status >= 400 || strings.Contains(got.Header.Get("Location"), "evil") {
						t.Fatalf("%s: %d %s", path, got.Status, got.Header.Get("Location"))
					}
					if fresh := got.cookie("steward-user"); fresh != "" {
						as = fresh
					}
					for _, kind := range kinds {
						m := w.mailed()
						if m.Kind != kind {
							t.Fatalf("%s sent %q, want %q", path, m.Kind, kind)
						}
						if seen[m.Kind] = true; m.Token != "" {
							last = m
						}
						l, err := views.WriteLetter(m, w.url)
						if err != nil {
							t.Fatal(err)
						}
						for _, text := range []string{l.Text, l.HTML} {
							for _, address := range anyAddress.FindAllString(text, -1) {
								if !strings.HasPrefix(address, w.url+"/") && !strings.HasPrefix(address, "http://www.w3.org/") {
									t.Errorf("%s links to %s", m.Kind, address)
								}
							}
							if strings.Contains(text, "evil") || m.Token != "" && !strings.Contains(text, w.url+"/") {
								t.Errorf("%s: %s", m.Kind, text)
							}
						}
					}
				}
				me := func() map[string]string { return map[string]string{"steward-user": as} }
				email := func(e string) url.Values { return url.Values{"email": {e}} }
				post("/portal/users", url.Values{"email": {"new@nord.example"}, "roles": {"read-only"}}, me(), backoffice.MailInvitation)
				account, _ := s.Account(ctx, "nord")
				invited, _, _ := s.UserCredentials(ctx, "new@nord.example")
				invitation, err := s.OpenInvitation(ctx, account.Key, invited.ID)
				if err != nil {
					t.Fatal(err)
				}
				_, copied, err := s.CopyInvitation(ctx, cli, invitation.ID, auth.InvitationToken.New)
				if err != nil {
					t.Fatal(err)
				}
				post("/invitation/code", nil, map[string]string{"invitation": copied}, backoffice.MailInvitationCode)
				post("/sign-in/link", email("hana@nord.example"), nil, backoffice.MailSignIn)
				post("/sign-in/reset", email("hana@nord.example"), nil, backoffice.MailReset)
				post("/sign-up", newcomer("nora@lind.example"), nil, backoffice.MailVerify)
				post("/sign-up", newcomer("hana@nord.example"), nil, backoffice.MailKnown)
				post("/profile/address", wanted("hana@west.example", userPassphrase), me(), backoffice.MailChange, backoffice.MailChangeAsked)
				post("/profile/address/confirm", nil, merge(me(), map[string]string{"change-link": last.Token}), backoffice.MailChanged)
				h := backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: u.Key}
				w.passkeyOf(h, "key")
				w.mailed()
				owner := w.staff("owner@vendor.example", backoffice.Owner)
				cookie, _ := w.sessionOf(owner)
				post("/backoffice/users/"+u.ID+"/second-factors/reset", nil, map[string]string{"steward": cookie}, backoffice.MailFactor)
				for _, kind := range everyMail {
					if !seen[kind] {
						t.Errorf("no mail %s was seen", kind)
					}
				}
				for _, path := range []string{"/sign-in", "/sign-in/link?token=x", "/sign-in/reset?token=x", "/sign-up", "/sign-up/verify?token=x", "/invitation?token=x", "/profile", "/profile/address/confirm?token=x", "/sign-in/address?token=x", "/portal/users"} {
					for _, host := range []string{"evil.example", strings.TrimPrefix(w.url, "http://") + ".evil.example"} {
						if got := w.raw(raw{method: "GET", path: path, host: host, cookies: me()}); got.Status != http.StatusMisdirectedRequest || strings.Contains(got.Header.Get("Location")+got.Body, "evil") {
							t.Errorf("%s of %s: %d", path, host, got.Status)
						}
					}
				}
			})
		})
	}
}

// lines is a log that many write to.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// What proves who a user is, and their secure metadata, stands in no answer to
// anybody whom it is not for, in no log, not in the trail, in no mail but the one
// that carries it, and in no export; what a form was sent is not given back. In
// the database it is hashed or sealed.
func TestAttack_T60_SecretsOfPeople(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		log := &lines{}
		w := newGate(t, s, clock, func(o *handlers.Options) {
			o.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			o.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		})
		w.furnish()
		w.openSignUp(true)
		cli := backoffice.CommandLine()
		secrets := map[string]string{"a password": userPassphrase, "its hash": userHash(), "any hash": "$argon2id$", "a typed password": "CANARY typed 12345"}
		spell := func(what string, raw []byte) {
			secrets[what+", hex"], secrets[what+", base64"] = hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw)
			secrets[what+", url"], secrets[what+", raw"] = base64.RawURLEncoding.EncodeToString(raw), string(raw)
		}
		// Mara brings what another system knew of her; secure metadata is staff's.
		key := []byte("CANARY-TOTP-KEY-20by")
		foreign := "{SSHA256}" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("CANARYSUM", 5)))
		file := "email,account_id,email_verified,metadata,vendor_metadata,password_hash,totp_secret\n" +
			`mara@canary-nord.example,canary-nord,true,"{""seat"":4}","{""legacy"":""CANARY-VENDOR""}",` + foreign + "," + base32.StdEncoding.EncodeToString(key) + "\n"
		run, err := s.PlanImport(ctx, cli, false, func(yield func(store.ImportFile, error) bool) {
			yield(store.ImportFile{Kind: backoffice.ImportUsers, Name: "users.csv", Reader: strings.NewReader(file)}, nil)
		})
		if err == nil {
			_, err = s.ApplyImport(ctx, cli, run.ID, func(int64, int64) {})
		}
		if err != nil {
			t.Fatal(err)
		}
		secrets["an imported hash"], secrets["an imported key"] = foreign, base32.StdEncoding.EncodeToString(key)
		spell("an imported key", key)
		// Hana and Uma use everything there is.
		var mailed []string
		for _, email := range []string{"hana@canary-nord.example", "uma@canary-nord.example"} {
			u := w.member2("canary-nord", email)
			if err := s.SetUserPassword(ctx, cli, u.Key, "", userHash(), nil); err != nil {
				t.Fatal(err)
			}
		}
		tokens := func() {
			for {
				m, err := s.LeaseMail(ctx)
				if err != nil {
					return
				}
				l, err := views.WriteLetter(m, w.url)
				if err != nil {
					t.Fatal(err)
				}
				text := l.Text + l.HTML + l.Subject + l.FromName
				if m.Token != "" {
					n := len(mailed)
					mailed = append(mailed, m.Token)
					secrets[fmt.Sprint("token ", n, " of a mail ", m.Kind)] = m.Token
					text = strings.ReplaceAll(text, url.QueryEscape(m.Token), "")
				}
				for what, secret := range secrets {
					if strings.Contains(text, secret) {
						t.Errorf("a mail %s holds %s", m.Kind, what)
					}
				}
				if strings.Contains(text, "CANARY-VENDOR") {
					t.Errorf("a mail %s holds secure metadata", m.Kind)
				}
				if err := s.SentMail(ctx, m.Key, m.Lease); err != nil {
					t.Fatal(err)
				}
			}
		}
		uma := w.browser()
		uma.userSignIn("uma@canary-nord.example", userPassphrase)
		app, codes := uma.enrolOnProfile("/profile/mfa")
		secrets["the key of an app"] = base32.StdEncoding.EncodeToString(app)
		spell("the key of an app", app)
		for i, code := range codes {
			secrets[fmt.Sprint("recovery code ", i)] = code
			if hash, ok := auth.HashRecoveryCode(code); ok {
				spell(fmt.Sprint("the hash of recovery code ", i), hash)
			}
		}
		u, _, _ := s.UserCredentials(ctx, "hana@canary-nord.example")
		holder := backoffice.MFAHolder{Kind: backoffice.ActorUser, Key: u.Key}
		session, _ := w.userSession(u, "canary-nord")
		keep, _ := auth.UserSessionToken.Hash(session)
		if _, err := s.AddPasskey(ctx, cli, holder, backoffice.PasskeyEntry{Name: "Ring", Credential: []byte("CANARY-CREDENTIAL"), Data: `{"key":"CANARY-PASSKEY"}`}, nil, keep); err != nil {
			t.Fatal(err)
		}
		spell("a credential", []byte("CANARY-CREDENTIAL"))
		secrets["a passkey's data"] = "CANARY-PASSKEY"
		hana := w.browser()
		hana.setCookie("steward-user", session)
		for _, b := range []*browser{uma, hana} {
			token := b.cookie("steward-user")
			hash, ok := auth.UserSessionToken.Hash(token)
			if !ok || token == "" {
				t.Fatal("no session")
			}
			n := len(secrets)
			secrets[fmt.Sprint("session ", n)] = token
			spell(fmt.Sprint("the hash of session ", n), hash)
		}
		asking := w.browser()
		ways := asking.get("/sign-in").submit("#address-form", url.Values{"email": {u.Email}})
		ways.submit("#link-form", nil)
		ways.submit("#reset-form", nil)
		asking.get("/sign-up").submit("#sign-up-form", newcomer("nora@lind.example"))
		hana.get("/portal/users/new").submit("#invite-form", url.Values{"email": {"new@nord.example"}, "roles": {"read-only"}})
		hana.get("/profile").submit(addressForm, wanted("hana@west.example", userPassphrase))
		tokens()
		if len(mailed) < 5 {
			t.Fatalf("%d tokens were mailed", len(mailed))
		}
		for i, token := range mailed { // each is opened, which takes it out of the address
			for _, path := range []string{"/sign-in/link", "/sign-in/reset", "/sign-up/verify", "/invitation", "/profile/address/confirm", "/sign-in/address"} {
				got := w.raw(raw{method: "GET", path: path + "?token=" + url.QueryEscape(token)})
				if strings.Contains(got.Header.Get("Location")+got.Body, token) {
					t.Errorf("%s gives token %d back", path, i)
				}
			}
		}
		tell := func(what, text string) {
			t.Helper()
			for name, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%s: shows %s", what, name)
				}
			}
		}
		// Every page, as everybody; forms with what nobody should get back.
		owner := w.staff("t60-owner@vendor.example", backoffice.Owner)
		mara, _, _ := s.UserCredentials(ctx, "mara@canary-nord.example")
		readers := []attacker{{name: "nobody"}}
		for _, role := range backoffice.StaffRoles() {
			staff := owner
			if role != backoffice.Owner {
				staff = w.staff("t60-"+string(role)+"@vendor.example", role)
			}
			readers = append(readers, attacker{name: string(role), staff: staff, in: true})
		}
		readers = append(readers, attacker{name: "an admin", user: w.member("canary-nord", "admin@canary-nord.example", backoffice.RoleAdmin), account: "canary-nord", runs: true})
		secure := regexp.MustCompile(`CANARY-VENDOR`)
		shown, read := 0, map[string]int{}
		for _, a := range readers {
			if a.name == "nobody" {
				continue
			}
			ids := w.objectsFor(a).own
			ids["users"], ids["accounts"] = mara.ID, "canary-nord"
			for _, e := range w.probe.Table() {
				path, ok := address(e.Path, ids)
				if !ok || e.Method != http.MethodGet || e.Scope != "" {
					continue
				}
				cookies := map[string]string{"steward-user": hana.cookie("steward-user")}
				if a.in {
					cookie, _ := w.sessionOf(a.staff)
					cookies = map[string]string{"steward": cookie}
				}
				got := w.raw(raw{method: "GET", path: path, cookies: cookies})
				what := "GET " + path + " by " + a.name
				if got.Status == http.StatusOK {
					read[a.name]++
				}
				body := got.Body
				for _, c := range got.Header["Set-Cookie"] { // the browser's own
					body = strings.ReplaceAll(body, c, "")
				}
				tell(what, body+got.Header.Get("Location"))
				if secure.MatchString(got.Body) {
					if shown++; !a.in || !a.staff.Role.May(backoffice.ReadSecureMetadata) {
						t.Errorf("%s: shows secure metadata", what)
					}
				}
			}
		}
		if shown == 0 || read["viewer"] < 30 || read["an admin"] < 6 {
			t.Errorf("secure metadata was shown %d times, and pages read: %v", shown, read)
		}
		typed := url.Values{}
		for _, field := range []string{"password", "again", "current", "address_password", "code", "credential", "token"} {
			typed.Set(field, secrets["a typed password"])
		}
		typed.Set("email", "hana@canary-nord.example")
		typed.Set("with", "app")
		for _, e := range w.probe.Table() {
			if e.Method != http.MethodPost || e.Scope != "" || hasParams(e.Path) || strings.HasSuffix(e.Path, "/sign-out") || strings.Contains(e.Path, "end") {
				continue
			}
			cookie, _ := w.sessionOf(owner)
			got := w.raw(raw{method: "POST", path: e.Path, body: typed.Encode(), cookies: map[string]string{"steward": cookie, "steward-user": session}})
			tell("POST "+e.Path, got.Body+got.Header.Get("Location"))
		}
		for kind, out := range map[backoffice.ImportKind]*bytes.Buffer{backoffice.ImportUsers: {}, backoffice.ImportAccounts: {}, backoffice.ImportVisits: {}} {
			if err := s.Export(ctx, out, kind, backoffice.AccountFilter{}); err != nil {
				t.Fatal(err)
			}
			tell("the export of "+string(kind), out.String())
		}
		tokens()
		tell("the log", log.String())
		if secure.MatchString(log.String()) || !strings.Contains(log.String(), "/portal") {
			t.Error("the log shows secure metadata, or nothing")
		}
		// What is kept: hashes of what proves somebody, which no page shows; the rest sealed.
		hashed := []string{"the hash of", "its hash", "any hash", "an imported hash", "a credential", "a passkey's data"}
		for table, rows := range storetest.Dump(t, s) {
			for name, secret := range secrets {
				if table != "events" && slices.ContainsFunc(hashed, func(p string) bool { return strings.HasPrefix(name, p) }) {
					continue
				}
				for _, row := range rows {
					if strings.Contains(row, secret) {
						t.Errorf("%s keeps %s: %.200s", table, name, row)
					}
				}
			}
			if table == "events" && secure.MatchString(strings.Join(rows, "\n")) {
				t.Error("the trail holds secure metadata")
			}
		}
	})
}

// member2 makes a user an admin of an account that may have them already.
func (w *site) member2(accountID, email string) backoffice.User {
	w.t.Helper()
	if u, _, err := w.store.UserCredentials(ctx, email); err == nil {
		return u
	}
	return w.member(accountID, email, backoffice.RoleAdmin)
}
