package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"steward/auth"
	"steward/backoffice"
	"steward/handlers"
	"steward/store"
	"steward/store/storetest"
)

// tryPassword posts the sign-in form.
func (w *site) tryPassword(email, password string, more ...map[string]string) answer {
	w.t.Helper()
	q := raw{method: "POST", path: "/backoffice/sign-in", body: url.Values{"email": {email}, "password": {password}}.Encode()}
	if len(more) > 0 {
		q.header = more[0]
	}
	if len(more) > 1 {
		q.cookies = more[1]
	}
	return w.raw(q)
}

// session is the session cookie that an answer sets; "" for none.
func (a answer) cookie(name string) string {
	for _, c := range (&http.Response{Header: a.Header}).Cookies() {
		if c.Name == name && c.MaxAge >= 0 {
			return c.Value
		}
	}
	return ""
}

func (w *site) opens(cookie string) bool {
	w.t.Helper()
	return w.raw(raw{method: "GET", path: "/backoffice/sessions", cookies: map[string]string{"steward": cookie}}).Status == http.StatusOK
}

// No step of a flow can be left out, emptied, doubled or put in another's place.
func TestAttack_T28_StepSkipping(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		token, hash := auth.SetupToken.New()
		if err := s.MakeSetupLink(ctx, hash); err != nil {
			t.Fatal(err)
		}
		full := url.Values{"email": {"eve@evil.example"}, "name": {"Eve"}, "password": {passphrase}, "again": {passphrase}}.Encode()
		try := func(what string, q raw) {
			t.Helper()
			if got := w.raw(q); got.cookie("steward") != "" || got.Status < 400 {
				t.Errorf("%s: %d, session %q", what, got.Status, got.cookie("steward"))
			}
		}
		before := storetest.Dump(t, s)
		other, _ := auth.SetupToken.New()
		session, _ := auth.StaffSessionToken.New()
		for what, cookies := range map[string]map[string]string{
			"without a link": nil, "with another link": {"steward-setup": other}, "with a session's token": {"steward-setup": session}, "with an empty link": {"steward-setup": ""},
		} {
			try("set up "+what, raw{method: "POST", path: "/backoffice/setup", body: full, cookies: cookies})
			try("set up, token in the address, "+what, raw{method: "POST", path: "/backoffice/setup?token=" + token, body: full + "&token=" + token, cookies: cookies})
		}
		link := map[string]string{"steward-setup": token}
		for what, body := range map[string]string{
			"empty": "", "no password": "email=eve%40evil.example&name=Eve", "two addresses": full + "&email=other%40evil.example",
			"a role of one's choice, no address": "role=owner&password=" + passphrase + "&again=" + passphrase, "passwords in the address": "email=eve%40evil.example&name=Eve&password=&again=",
		} {
			try("set up: "+what, raw{method: "POST", path: "/backoffice/setup?" + full, body: body, cookies: link})
		}
		try("set up as JSON", raw{method: "POST", path: "/backoffice/setup", body: `{"email":"eve@evil.example"}`, cookies: link, header: map[string]string{"Content-Type": "application/json"}})
		w.unchanged(before, "a step left out")

		w.staff("owner@vendor.example", backoffice.Owner)
		good := url.Values{"email": {"owner@vendor.example"}, "password": {passphrase}}.Encode()
		for what, q := range map[string]raw{
			"empty":                   {body: ""},
			"the password alone":      {body: "password=" + passphrase},
			"the address alone":       {body: "email=owner%40vendor.example"},
			"an array":                {body: "email[]=owner%40vendor.example&password[]=" + passphrase},
			"two addresses":           {body: good + "&email=eve%40evil.example"},
			"two passwords":           {body: good + "&password=x"},
			"everything in the query": {path: "?" + good},
			"JSON":                    {body: `{"email":"owner@vendor.example","password":"` + passphrase + `"}`, header: map[string]string{"Content-Type": "application/json"}},
			"plain text":              {body: good, header: map[string]string{"Content-Type": "text/plain"}},
			"NUL after the password":  {body: good + "%00"},
		} {
			q.method, q.path = "POST", "/backoffice/sign-in"+q.path
			try("sign in: "+what, q)
		}
		if got := w.raw(raw{method: "POST", path: "/backoffice/sign-in", body: good}); got.cookie("steward") == "" {
			t.Errorf("the whole form: %d", got.Status)
		}
	})
}

// Tokens open one door, spelled as they were made.
func TestAttack_T30_MangledTokens(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		w.furnish()
		staff := w.staff("t30@vendor.example", backoffice.Owner)
		session, _ := w.sessionOf(staff)
		api := w.token("visits:write")
		setup, hash := auth.SetupToken.New()
		if err := w.store.MakeSetupLink(ctx, hash); err == nil {
			t.Fatal("a link beside an owner")
		}
		device := w.tryPassword("t30@vendor.example", passphrase).cookie("steward-device")
		opens := map[string]func(string) bool{
			"session": w.opens,
			"API":     func(s string) bool { return w.postVisits(s, "{}").Status != http.StatusUnauthorized },
		}
		own := map[string]string{"session": session, "API": api}
		for door, open := range opens {
			if !open(own[door]) {
				t.Fatalf("the %s token does not open its own door", door)
			}
			for what, token := range map[string]string{"session": session, "API": api, "set-up": setup, "device": device} {
				if what != door && (open(token) || open("steward_"+token) || open(strings.TrimPrefix(token, "steward_"))) {
					t.Errorf("a %s token opens the door of the %s", what, door)
				}
			}
			token := own[door]
			var tries []string
			for i := range token {
				tries = append(tries, token[:i], token[i+1:])
				flipped := []byte(token)
				flipped[i] ^= 1
				tries = append(tries, string(flipped))
				if c := swapCase(token[i]); c != token[i] {
					tries = append(tries, token[:i]+string(c)+token[i+1:])
				}
			}
			for _, more := range []string{"A", "=", "==", ".", " A", "%00", "\t"} {
				tries = append(tries, token+more, strings.TrimSpace(more)+token)
			}
			tries = append(tries, strings.ToUpper(token), strings.ToLower(token), token+token)
			for _, try := range tries {
				if try = strings.TrimSpace(try); try != token && validCookie(try) && open(try) {
					t.Errorf("%s: %q opens for %q", door, try, token)
				}
			}
		}
	})
}

func swapCase(c byte) byte {
	switch {
	case c >= 'a' && c <= 'z':
		return c - 32
	case c >= 'A' && c <= 'Z':
		return c + 32
	}
	return c
}

func validCookie(s string) bool {
	return (&http.Cookie{Name: "x", Value: s}).Valid() == nil && !strings.ContainsAny(s, "\"")
}

// Whether an address is staff's cannot be read from an answer, nor from the work
// that goes into it.
func TestAttack_T33_Enumeration(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		waits := 0
		var mu sync.Mutex
		w := newGate(t, s, clock, func(o *handlers.Options) {
			o.Wait = func(ctx context.Context, d time.Duration) error {
				mu.Lock()
				defer mu.Unlock()
				if d < 0 || d > 500*time.Millisecond {
					t.Errorf("a refusal waits %v", d)
				}
				waits++
				return ctx.Err()
			}
		})
		w.staff("known@vendor.example", backoffice.Owner)
		pair := func(password string) (known, unknown string) {
			a := w.tryPassword("known@vendor.example", password)
			b := w.tryPassword("other@vendor.example", password)
			return strings.ReplaceAll(a.same(), "known@", "ADDRESS@"), strings.ReplaceAll(b.same(), "other@", "ADDRESS@")
		}
		statuses := map[string]bool{}
		for i := range 12 { // wrong passwords, then delays, then the lockout
			known, unknown := pair("not the password " + fmt.Sprint(i))
			if known != unknown {
				t.Fatalf("try %d:\n%s\n\n%s", i, known, unknown)
			}
			statuses[known[:3]] = true
			clock.Add(10 * time.Second)
		}
		for _, long := range []string{strings.Repeat("x", 129), strings.Repeat("é", 2000)} {
			clock.Add(time.Hour)
			if known, unknown := pair(long); known != unknown {
				t.Errorf("a long password:\n%s\n\n%s", known, unknown)
			}
		}
		if !statuses["422"] || !statuses["429"] {
			t.Errorf("seen: %v", statuses)
		}
		if waits != 2*14 {
			t.Errorf("%d refusals waited, want 28", waits)
		}
		// The same goes through the hash: while nothing can be hashed, neither is answered.
		clock.Add(time.Hour)
		stop, done := w.occupyHasher()
		known, unknown := pair("not the password")
		stop()
		<-done
		if !strings.HasPrefix(known, "503") || known != unknown {
			t.Errorf("while the hasher is busy:\n%s\n\n%s", known, unknown)
		}
		// And through the counting: each try of either is one row.
		count := map[string]int{}
		for _, row := range storetest.Dump(t, s)["sign_in_attempts"] {
			_, subject, _ := strings.Cut(row, "subject=")
			count[subject[:20]]++
		}
		if len(count) != 2 {
			t.Errorf("subjects: %v", count)
		}
		var n []int
		for _, c := range count {
			n = append(n, c)
		}
		if n[0] != n[1] {
			t.Errorf("attempts counted: %v", n)
		}
	})
}

// occupyHasher keeps every slot and the queue of the hasher taken until stop.
func (w *site) occupyHasher() (stop func(), done chan struct{}) {
	h := w.probe.Hasher()
	c, cancel := context.WithCancel(ctx)
	done = make(chan struct{})
	var wg sync.WaitGroup
	full := make(chan struct{})
	var once sync.Once
	for range 64 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for c.Err() == nil {
				if _, err := h.Hash(c, passphrase); err == auth.ErrBusy {
					once.Do(func() { close(full) })
					time.Sleep(time.Millisecond)
				}
			}
		}()
	}
	go func() { wg.Wait(); close(done) }()
	<-full
	return cancel, done
}

// A session from before the sign-in is nobody's afterwards.
func TestAttack_T40_SessionFixation(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		planted, _ := auth.StaffSessionToken.New()
		got := w.tryPassword("viewer@vendor.example", passphrase, nil, map[string]string{"steward": planted})
		if fresh := got.cookie("steward"); fresh == "" || fresh == planted || w.opens(planted) || !w.opens(fresh) {
			t.Error("a planted cookie became a session")
		}
		// The attacker's own session, planted in the victim's browser.
		attacker := w.tryPassword("manager@vendor.example", passphrase).cookie("steward")
		victim := w.tryPassword("owner@vendor.example", passphrase, nil, map[string]string{"steward": attacker}).cookie("steward")
		if victim == attacker || w.opens(attacker) || !w.opens(victim) {
			t.Error("the session that came before the sign-in lives on")
		}
	})
}

// A cookie that was kept is worth nothing once its session ended, however it did.
func TestAttack_T41_ReplayedSession(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		owner := w.staff("t41-owner@vendor.example", backoffice.Owner)
		for what, end := range map[string]func(staff backoffice.Staff, cookie, id string){
			"sign-out": func(_ backoffice.Staff, cookie, _ string) {
				w.raw(raw{method: "POST", path: "/backoffice/sign-out", cookies: map[string]string{"steward": cookie}})
			},
			"sign-out everywhere": func(staff backoffice.Staff, _, _ string) {
				other, _ := w.sessionOf(staff)
				w.raw(raw{method: "POST", path: "/backoffice/sessions/end", cookies: map[string]string{"steward": other}})
			},
			"ended from another browser": func(staff backoffice.Staff, _, id string) {
				other, _ := w.sessionOf(staff)
				w.raw(raw{method: "POST", path: "/backoffice/sessions/" + id + "/end", cookies: map[string]string{"steward": other}})
			},
			"change of the password": func(staff backoffice.Staff, _, _ string) {
				other, _ := w.sessionOf(staff)
				const better = "seven-brass-kettles"
				if got := w.raw(raw{method: "POST", path: "/backoffice/password", cookies: map[string]string{"steward": other},
					body: url.Values{"current": {passphrase}, "password": {better}, "again": {better}}.Encode()}); got.Status != http.StatusSeeOther {
					t.Errorf("change of the password: %d", got.Status)
				}
				if w.opens(other) {
					t.Error("the cookie from before the change of the password opens")
				}
			},
			"change of the role": func(staff backoffice.Staff, _, _ string) {
				if err := w.store.ChangeStaffRole(ctx, owner.Actor("", ""), staff.ID, backoffice.Manager); err != nil {
					t.Fatal(err)
				}
			},
			"removal": func(staff backoffice.Staff, _, _ string) {
				if err := w.store.RemoveStaff(ctx, owner.Actor("", ""), staff.ID); err != nil {
					t.Fatal(err)
				}
			},
			"time": func(backoffice.Staff, string, string) { w.clock.Add(31 * time.Minute) },
		} {
			staff := w.staff("t41-"+strings.ReplaceAll(what, " ", "-")+"@vendor.example", backoffice.Viewer)
			cookie, id := w.sessionOf(staff)
			if !w.opens(cookie) {
				t.Fatalf("%s: the session does not run", what)
			}
			end(staff, cookie, id)
			if w.opens(cookie) {
				t.Errorf("%s: a kept cookie still opens", what)
			}
		}
	})
}

// One link makes one owner, however many use it at once.
func TestAttack_T44_SetupLinkRaced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		token, hash := auth.SetupToken.New()
		if err := s.MakeSetupLink(ctx, hash); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		in := 0
		for i := range 16 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				body := url.Values{"email": {fmt.Sprintf("racer%d@vendor.example", i)}, "name": {"Racer"}, "password": {passphrase}, "again": {passphrase}}.Encode()
				got := w.raw(raw{method: "POST", path: "/backoffice/setup", body: body, cookies: map[string]string{"steward-setup": token}})
				mu.Lock()
				defer mu.Unlock()
				if got.cookie("steward") != "" {
					in++
				}
			}()
		}
		wg.Wait()
		list, err := s.StaffList(ctx)
		if err != nil || len(list) != 1 || in != 1 {
			t.Errorf("%d came in, %d are staff: %v", in, len(list), err)
		}
	})
}

// Who fails a thousand times elsewhere does not lock out a known device.
func TestAttack_T48_LockoutAsWeapon(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, func(o *handlers.Options) { o.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
		w.staff("victim@vendor.example", backoffice.Owner)
		device := w.tryPassword("victim@vendor.example", passphrase).cookie("steward-device")
		if device == "" {
			t.Fatal("no device cookie")
		}
		refused := 0
		for i := range 60 {
			from := map[string]string{"X-Forwarded-For": fmt.Sprintf("203.0.113.%d", i%50+1)}
			if w.tryPassword("victim@vendor.example", "guess "+fmt.Sprint(i), from).Status == http.StatusTooManyRequests {
				refused++
			}
			clock.Add(time.Second)
		}
		if refused < 45 {
			t.Errorf("%d of 60 guesses from 50 places were refused unseen", refused)
		}
		if got := w.tryPassword("victim@vendor.example", passphrase); got.Status != http.StatusTooManyRequests {
			t.Errorf("the victim on a new device: %d", got.Status)
		}
		got := w.tryPassword("victim@vendor.example", passphrase, nil, map[string]string{"steward-device": device})
		if got.cookie("steward") == "" {
			t.Errorf("the victim on a known device: %d", got.Status)
		}
		clock.Add(16 * time.Minute)
		if got := w.tryPassword("victim@vendor.example", passphrase); got.cookie("steward") == "" {
			t.Errorf("the lock does not end by itself: %d", got.Status)
		}
	})
}

// Nobody chooses the network address that they are counted by.
func TestAttack_T49_ForwardedFor(t *testing.T) {
	clock := storetest.NewClock()
	s := storetest.Open(t, storetest.SQLite(t), clock)
	guess := func(w *site, email string, i int) int {
		return w.tryPassword(email, "guess", map[string]string{
			"X-Forwarded-For": fmt.Sprintf("203.0.113.%d", i), "X-Real-IP": fmt.Sprintf("203.0.113.%d", i), "Forwarded": fmt.Sprintf("for=203.0.113.%d", i),
			"True-Client-IP": fmt.Sprintf("203.0.113.%d", i), "CF-Connecting-IP": fmt.Sprintf("203.0.113.%d", i),
		}).Status
	}
	direct := newGate(t, s, clock, nil)
	direct.staff("owner@vendor.example", backoffice.Owner)
	refused := 0
	for i := range 30 {
		if guess(direct, "owner@vendor.example", i) == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != 25 {
		t.Errorf("without a trusted proxy %d of 30 were refused, want 25", refused)
	}
	proxied := newGate(t, s, clock, func(o *handlers.Options) { o.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	refused = 0
	for i := range 30 {
		// What the client wrote stands at the left; the proxy adds what it saw.
		got := proxied.tryPassword("other@vendor.example", "guess", map[string]string{"X-Forwarded-For": fmt.Sprintf("203.0.113.%d, 198.51.100.7", i)})
		if got.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != 25 {
		t.Errorf("behind a trusted proxy %d of 30 were refused, want 25", refused)
	}
	for _, row := range storetest.Dump(t, s)["sign_in_attempts"] {
		if strings.Contains(row, "203.0.113.") {
			t.Errorf("counted by what the client says: %s", row)
		}
	}
	// A private network is no proxy by itself.
	private := newGate(t, s, clock, func(o *handlers.Options) { o.Trusted = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")} })
	private.tryPassword("third@vendor.example", "guess", map[string]string{"X-Forwarded-For": "10.0.0.1"})
	for _, row := range storetest.Dump(t, s)["sign_in_attempts"] {
		if strings.Contains(row, "10.0.0.1") {
			t.Errorf("a private address was believed: %s", row)
		}
	}
}

// Passwords of any size, many at once, cost no more than a few hashes; pages go on.
func TestAttack_T50_BigPasswords(t *testing.T) {
	w := gateFor(t)
	w.staff("owner@vendor.example", backoffice.Owner)
	big := strings.Repeat("x", 1<<20-200)
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[int]int{}
	for i := range 60 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			password := big
			if i%3 == 0 {
				password = fmt.Sprintf("a guess number %d", i)
			}
			got := w.tryPassword(fmt.Sprintf("somebody%d@vendor.example", i), password)
			mu.Lock()
			defer mu.Unlock()
			seen[got.Status]++
		}()
	}
	for range 10 {
		if got := w.raw(raw{method: "GET", path: "/backoffice/sign-in"}); got.Status != http.StatusOK {
			t.Errorf("a page meanwhile: %d", got.Status)
		}
	}
	wg.Wait()
	for status, n := range seen {
		if status != http.StatusUnprocessableEntity && status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests {
			t.Errorf("%d answers %d", n, status)
		}
	}
	if got := w.tryPassword("owner@vendor.example", strings.Repeat("x", 2<<20)); got.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body above the limit: %d", got.Status)
	}
}

// A link can lead nowhere but to a page of ours.
func TestAttack_T53_OpenRedirect(t *testing.T) {
	w := gateFor(t)
	w.staff("viewer@vendor.example", backoffice.Viewer)
	session := w.tryPassword("viewer@vendor.example", passphrase).cookie("steward")
	for _, next := range nowhere {
		body := url.Values{"email": {"viewer@vendor.example"}, "password": {passphrase}, "next": {next}}.Encode()
		for what, q := range map[string]raw{
			"the form": {method: "POST", path: "/backoffice/sign-in", body: body},
			"the page": {method: "GET", path: "/backoffice/sign-in?next=" + url.QueryEscape(next), cookies: map[string]string{"steward": session}},
			"theme":    {method: "POST", path: "/backoffice/theme", body: url.Values{"theme": {"dark"}, "next": {next}}.Encode(), cookies: map[string]string{"steward": session}},
		} {
			if what == "the form" && len(next)%4 != 0 { // hashing is slow: a quarter of them will do
				continue
			}
			got := w.raw(q)
			to := got.Header.Get("Location")
			u, err := url.Parse(to)
			if got.Status != http.StatusSeeOther || err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
				t.Errorf("%s with next=%q leads to %q (%d)", what, next, to, got.Status)
			}
		}
	}
	for _, next := range []string{"/backoffice/accounts?q=a%2Fb&sort=name", "/backoffice/sessions"} {
		if got := w.probe.SafeNext(next); got != next {
			t.Errorf("%q leads to %q", next, got)
		}
	}
}

// nowhere are addresses that lead away, in all the ways browsers understand.
var nowhere = []string{
	"//evil.example", "///evil.example", "////evil.example", `/\evil.example`, `\/evil.example`, `\\evil.example`, "/\t/evil.example", "/%09/evil.example", "/%2f/evil.example",
	"/%5cevil.example", "http:evil.example", "http:/evil.example", "https://evil.example", "HTTPS://evil.example", "javascript:alert(1)", "data:text/html,x", "/\r\nLocation: https://evil.example",
	"/%0d%0aLocation:%20https://evil.example", "https://127.0.0.1@evil.example", "//127.0.0.1@evil.example", "@evil.example", ".evil.example", "evil.example", " //evil.example", "\x00//evil.example",
	"/\x01/evil.example", "/\u200b/evil.example", "//evil.example/..", "/.//evil.example", "/..//evil.example", "/backoffice/..//evil.example", "/./\\evil.example", "?//evil.example", "#//evil.example", "",
	"%2f%2fevil.example", "%252f%252fevil.example", "/%252f/evil.example", "//[::1]/", "//evil%E3%80%82example", "/\u2028/evil.example", "mailto:a@evil.example", "ftp://evil.example", "/;@evil.example", "//;evil.example",
}

func FuzzSafeNext(f *testing.F) {
	for _, n := range nowhere {
		f.Add(n)
	}
	clock := storetest.NewClock()
	s, err := store.Open(ctx, storetest.SQLite(f), store.Options{Now: clock.Now})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	_, probe, err := handlers.NewProbed(handlers.Options{Store: s, PublicURL: &url.URL{Scheme: "https", Host: "steward.example"}})
	if err != nil {
		f.Fatal(err)
	}
	base := &url.URL{Scheme: "https", Host: "steward.example", Path: "/backoffice/sign-in"}
	f.Fuzz(func(t *testing.T, next string) {
		got := probe.SafeNext(next)
		// Browsers drop tabs and line breaks, and take a backslash for a slash.
		seen := strings.ReplaceAll(strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(got), `\`, "/")
		u, err := base.Parse(seen)
		if err != nil || u.Scheme != "https" || u.Host != "steward.example" || strings.HasPrefix(seen, "//") {
			t.Fatalf("%q leads to %q", next, got)
		}
	})
}
