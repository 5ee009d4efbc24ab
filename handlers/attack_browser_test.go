package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"steward/backoffice"
	"steward/handlers"
	"steward/store"
	"steward/store/storetest"
)

// crawl opens every page that links lead to, up to three views of each.
func (b *browser) crawl(start ...string) []*shown {
	b.t.Helper()
	queue, views, known := start, map[string]int{}, map[string]bool{}
	var pages []*shown
	for len(queue) > 0 && len(pages) < 120 {
		path := queue[0]
		queue = queue[1:]
		u, err := url.Parse(path)
		if err != nil || u.Host != "" || known[path] || strings.Contains(path, "%7B") || views[u.Path] >= 3 || !strings.HasPrefix(u.Path, "/backoffice/") {
			continue
		}
		known[path] = true
		views[u.Path]++
		page := b.get(path)
		if page.Status != http.StatusOK {
			b.t.Logf("%s: %d", path, page.Status)
			continue
		}
		if !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
			continue
		}
		pages = append(pages, page)
		page.Find("a[href]").Each(func(_ int, a *goquery.Selection) {
			if to, err := page.URL.Parse(a.AttrOr("href", "")); err == nil && to.Host == page.URL.Host {
				queue = append(queue, to.RequestURI())
			}
		})
	}
	return pages
}

// as is a browser in which the member of staff is signed in.
func (w *site) signedIn(staff backoffice.Staff) *browser {
	b := w.browser()
	cookie, _ := w.sessionOf(staff)
	b.setCookie("steward", cookie)
	return b
}

// Every column of the database as a further field of every form: nothing is taken
// that the form does not have.
func TestAttack_T04_MassAssignment(t *testing.T) {
	w := gateFor(t)
	w.furnish()
	owner := w.staff("owner@vendor.example", backoffice.Owner)
	columns := allColumns(t)
	if len(columns) < 80 {
		t.Fatalf("%d columns found", len(columns))
	}
	const canary = "987654321"
	tried := map[string]bool{}
	for _, page := range w.signedIn(owner).crawl("/backoffice/accounts", "/backoffice/accounts/canary-nord", "/backoffice/settings/staff/new", "/backoffice/settings/tokens", "/backoffice/password") {
		page.Find("form").Each(func(_ int, form *goquery.Selection) {
			action := form.AttrOr("action", "")
			shape := regexp.MustCompile(`[0-9a-f-]{36}`).ReplaceAllString(action, "ID")
			if !strings.EqualFold(form.AttrOr("method", "get"), "post") || tried[shape] || strings.Contains(form.AttrOr("enctype", ""), "multipart") {
				return
			}
			tried[shape] = true
			values := url.Values{}
			form.Find("input, select, textarea").Each(func(_ int, f *goquery.Selection) {
				if name := f.AttrOr("name", ""); name != "" {
					_, checked := f.Attr("checked")
					if kind := f.AttrOr("type", ""); kind != "radio" && kind != "checkbox" || checked {
						values.Add(name, f.AttrOr("value", f.Find("option[selected]").AttrOr("value", f.Text())))
					}
					if !values.Has(name) {
						values[name] = nil
					}
				}
			})
			for _, c := range columns {
				for _, spelling := range []string{c, strings.ReplaceAll(c, "_", "-"), camel(c)} {
					if !values.Has(spelling) {
						values.Set(spelling, canary)
					}
				}
			}
			cookie, _ := w.sessionOf(owner)
			got := w.raw(raw{method: "POST", path: action, body: values.Encode(), cookies: map[string]string{"steward": cookie}})
			if got.Status >= 500 {
				t.Errorf("%s with every column: %d", shape, got.Status)
			}
			for table, rows := range storetest.Dump(t, w.store) {
				for _, row := range rows {
					if strings.Contains(row, `"`+canary+`"`) || table != "events" && strings.Contains(row, canary) {
						t.Errorf("%s took a column that it has no field for: %s: %s", shape, table, row)
					}
				}
			}
		})
	}
	if len(tried) < 8 {
		t.Errorf("only %d forms found: %v", len(tried), tried)
	}
	viewer := w.staff("t04@vendor.example", backoffice.Viewer)
	cookie, _ := w.sessionOf(viewer)
	w.raw(raw{method: "POST", path: "/backoffice/theme", body: "theme=dark&role=owner&staff_key=1", cookies: map[string]string{"steward": cookie}})
	if now, err := w.store.Staff(ctx, viewer.ID); err != nil || now.Role != backoffice.Viewer {
		t.Errorf("a viewer made themselves %s", now.Role)
	}
}

func camel(column string) string {
	parts := strings.Split(column, "_")
	for i := 1; i < len(parts); i++ {
		if parts[i] != "" {
			parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
		}
	}
	return strings.Join(parts, "")
}

// allColumns reads the names of columns out of the schema.
func allColumns(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schema: %v", err)
	}
	line := regexp.MustCompile(`(?m)^\s+([a-z_]+)\s+(?:TEXT|BIGINT|INTEGER|BOOLEAN|\{\{)`)
	seen := map[string]bool{}
	var out []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(b), -1) {
			if !seen[m[1]] {
				seen[m[1]] = true
				out = append(out, m[1])
			}
		}
	}
	return out
}

// Requests of two people at once: each reads what is theirs.
func TestAttack_T16_TwoAtOnce(t *testing.T) {
	w := gateFor(t)
	w.furnish()
	var wg sync.WaitGroup
	people := []backoffice.Staff{w.staff("canary-one@vendor.example", backoffice.Owner), w.staff("canary-two@vendor.example", backoffice.Viewer)}
	for i := range 8 {
		me, other := people[i%2], people[1-i%2]
		cookie, _ := w.sessionOf(me)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 25 {
				for _, path := range []string{"/backoffice/sessions", "/backoffice/accounts", "/backoffice/password"} {
					got := w.raw(raw{method: "GET", path: path, cookies: map[string]string{"steward": cookie}})
					if got.Status != http.StatusOK || !strings.Contains(got.Body, me.Email) || strings.Contains(got.Body, other.Email) {
						t.Errorf("%s for %s: %d, reads of the other: %v", path, me.Email, got.Status, strings.Contains(got.Body, other.Email))
						return
					}
				}
			}
		}()
	}
	wg.Wait()
}

// Requests that are given up in the middle leave nothing of theirs to others.
func TestAttack_T17_CancelledRequests(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		w.furnish()
		one, two := w.staff("canary-one@vendor.example", backoffice.Owner), w.staff("canary-two@vendor.example", backoffice.Viewer)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		cookie, _ := w.sessionOf(one)
		for i := range 2 {
			wg.Add(1)
			random := rand.New(rand.NewPCG(1, uint64(i)))
			go func() {
				defer wg.Done()
				for {
					select {
					case <-stop:
						return
					case <-time.After(2 * time.Millisecond):
					}
					c, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(4000))*time.Microsecond)
					req, _ := http.NewRequestWithContext(c, http.MethodGet, w.url+"/backoffice/accounts", nil)
					req.AddCookie(&http.Cookie{Name: "steward", Value: cookie})
					if res, err := rawClient.Do(req); err == nil {
						_, _ = io.Copy(io.Discard, res.Body)
						res.Body.Close()
					}
					cancel()
				}
			}()
		}
		mine, _ := w.sessionOf(two)
		for range 40 {
			got := w.raw(raw{method: "GET", path: "/backoffice/sessions", cookies: map[string]string{"steward": mine}})
			if got.Status != http.StatusOK || !strings.Contains(got.Body, two.Email) || strings.Contains(got.Body, one.Email) {
				t.Errorf("%d, reads of the other: %v", got.Status, strings.Contains(got.Body, one.Email))
			}
		}
		close(stop)
		wg.Wait()
	})
}

// Whatever a request calls us, links lead to the public URL.
func TestAttack_T24_HostPoisoning(t *testing.T) {
	w := gateFor(t)
	own := strings.TrimPrefix(w.url, "http://")
	for _, host := range []string{"evil.example", own + ".evil.example", "evil.example:80", own + "@evil.example", "evil.example/" + own, "", strings.Replace(own, "127.0.0.1", "10.0.0.1", 1)} {
		for _, path := range []string{"/", "/backoffice/sign-in", "/backoffice/accounts", "/api/v1/visits"} {
			if host == "" {
				continue
			}
			got := w.raw(raw{method: "GET", path: path, host: host})
			if got.Status != http.StatusMisdirectedRequest && got.Status != http.StatusBadRequest || strings.Contains(got.Header.Get("Location")+got.Body, "evil") {
				t.Errorf("%s at %s: %d %s", host, path, got.Status, got.Header.Get("Location"))
			}
		}
	}
	// An absolute address in the request's line stands above the header.
	for _, target := range []string{"//evil.example/backoffice/sign-in", "//evil.example:80/"} {
		req, _ := http.NewRequest(http.MethodGet, w.url, nil)
		req.URL.Opaque, req.Host = target, own
		res, err := rawClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", target, res.StatusCode)
		}
	}
	for _, header := range []map[string]string{
		{"X-Forwarded-Host": "evil.example"}, {"X-Forwarded-Proto": "https"}, {"X-Forwarded-Port": "8443"}, {"Forwarded": "host=evil.example;proto=https"},
		{"X-Original-Host": "evil.example"}, {"X-Host": "evil.example"}, {"X-Forwarded-Prefix": "//evil.example"}, {"X-Original-URL": "/backoffice/settings"}, {"X-Rewrite-URL": "/healthz"},
	} {
		for _, path := range []string{"/", "/backoffice/accounts", "/backoffice/sign-in"} {
			plain := w.raw(raw{method: "GET", path: path})
			got := w.raw(raw{method: "GET", path: path, header: header})
			if got.same() != plain.same() {
				t.Errorf("%v changes the answer of %s", header, path)
			}
		}
	}
}

// Nothing is changed from another site, and nothing by reading.
func TestAttack_T51_CrossSite(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		w.furnish()
		owner := attacker{name: "owner", staff: w.staff("owner@vendor.example", backoffice.Owner), in: true}
		cookie, _ := w.sessionOf(owner.staff)
		o := w.objectsFor(owner)
		variants := map[string]map[string]string{
			"cross-site":                     {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
			"same-site":                      {"Sec-Fetch-Site": "same-site", "Origin": "http://sub.localhost"},
			"cross-site, our Origin":         {"Sec-Fetch-Site": "cross-site"},
			"foreign Origin alone":           {"Origin": "https://evil.example"},
			"null Origin":                    {"Origin": "null"},
			"foreign Origin, htmx":           {"Origin": "https://evil.example", "HX-Request": "true"},
			"text/plain":                     {"Origin": "https://evil.example", "Content-Type": "text/plain"},
			"multipart":                      {"Sec-Fetch-Site": "cross-site", "Content-Type": "multipart/form-data; boundary=x"},
			"Origin of another port":         {"Origin": "http://127.0.0.1:1"},
			"Origin of another scheme":       {"Origin": strings.Replace(w.url, "http:", "https:", 1)},
			"cross-site, token of a form":    {"Sec-Fetch-Site": "cross-site", "X-CSRF-Token": "1"},
			"cross-site, navigated by a GET": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
		}
		before := storetest.Dump(t, s)
		for _, e := range w.probe.Table() {
			path, ok := address(e.Path, o.own)
			if !ok || e.Method == http.MethodGet {
				continue
			}
			for name, header := range variants {
				for _, method := range []string{e.Method, "PUT", "PATCH", "DELETE"} {
					text, kind := body(e)
					got := w.raw(raw{method: method, path: path, body: text, header: merge(kind, header), cookies: map[string]string{"steward": cookie}})
					// The API looks at no cookie: without a token nobody is anybody there.
					want := http.StatusForbidden
					if e.Scope != "" {
						want = http.StatusUnauthorized
					}
					// A method that an address of the API does not take is told to everybody.
					if slices.Contains(fromAnywhere, e.Path) && got.Status != http.StatusForbidden {
						continue // nothing may change all the same
					}
					if got.Status != want && !(e.Scope != "" && method != e.Method && (got.Status == http.StatusNotFound || got.Status == http.StatusMethodNotAllowed)) {
						t.Errorf("%s %s, %s: %d, want %d", method, path, name, got.Status, want)
					}
				}
			}
			for _, override := range []map[string]string{{"X-HTTP-Method-Override": e.Method}, {"X-Method-Override": e.Method}, {"X-HTTP-Method": e.Method}} {
				w.raw(raw{method: "GET", path: path + "?_method=" + e.Method, header: merge(override, map[string]string{"Sec-Fetch-Site": "cross-site"}), cookies: map[string]string{"steward": cookie}})
			}
		}
		for _, e := range w.probe.Table() {
			if path, ok := address(e.Path, o.own); ok && e.Method == http.MethodGet {
				for _, header := range []map[string]string{nil, {"HX-Request": "true", "HX-Target": "section#accounts-list"}, {"Sec-Fetch-Site": "cross-site"}} {
					got := w.raw(raw{method: "GET", path: path, header: header, cookies: map[string]string{"steward": cookie}})
					if got.Status >= 500 {
						t.Errorf("GET %s: %d", path, got.Status)
					}
				}
				w.raw(raw{method: "HEAD", path: path, cookies: map[string]string{"steward": cookie}})
			}
		}
		w.unchanged(before, "a request from another site, or one that reads,")
		if !w.opens(cookie) {
			t.Error("the session ended meanwhile")
		}
		// A form of ours, as browsers send it under our own Referrer-Policy.
		got := w.raw(raw{method: "POST", path: "/backoffice/theme", body: "theme=dark", cookies: map[string]string{"steward": cookie}, header: map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "null"}})
		if got.Status != http.StatusSeeOther {
			t.Errorf("a form of our own: %d", got.Status)
		}
	})
}

// The templates use no way around templ's escaping, and nothing inline.
func TestAttack_T55_EscapeHatches(t *testing.T) {
	banned := regexp.MustCompile(`templ\.Raw\b|templ\.SafeCSS|templ\.SafeClass|templ\.JSUnsafeFuncCall|templ\.SafeScript|hx-on|hx-vals|hx-vars|js:|javascript:|\bstyle=|<style|<script>|\son[a-z]+=|templ\.ComponentScript|^\s*(css|script) \w+\(|target="_blank"`)
	// Links to elsewhere are opened so that the other side learns nothing of us.
	allowed := map[string]string{
		// A mail is no page: mail readers know no style sheets, and it is a constant.
		"views/mail.templ":            `@templ.Raw("<style>" + mailStyle + "</style>")`,
		"views/account_details.templ": `href={ templ.URL(s.Account.Website) } rel="noopener noreferrer nofollow" target="_blank"`,
		"views/application.templ":     `href={ templ.URL(s.Application.URL) } rel="noopener noreferrer" target="_blank"`,
	}
	safe := regexp.MustCompile(`templ\.SafeURL\(([A-Za-z.]*(Path|Address)\(|p\.Link\(|p\.Event\(|p\.(Href|Action|Undo)\b|[a-z]\.Href\)|[a-z]\.Page\.Link\(|[a-z]\.remove\b|[a-z]\.[a-z][A-Za-z]*\(|href\)|remove\)|edit\)|action\)|"#"|"/)`)
	lines := 0
	err := filepath.WalkDir("../views", func(name string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".templ" {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(b), "\n") {
			lines++
			where := fmt.Sprintf("%s:%d: %s", strings.TrimPrefix(name, "../"), i+1, strings.TrimSpace(line))
			rest := line
			if ok := allowed[strings.TrimPrefix(name, "../")]; ok != "" {
				rest = strings.ReplaceAll(line, ok, "")
			}
			if banned.MatchString(rest) && !strings.HasPrefix(strings.TrimSpace(line), "//") {
				t.Errorf("%s", where)
			}
			if n := strings.Count(line, "templ.SafeURL("); n != len(safe.FindAllString(line, -1)) {
				t.Errorf("%s\n\tnot an address that we make ourselves: use templ.URL", where)
			}
		}
		return nil
	})
	if err != nil || lines < 500 {
		t.Fatalf("%d lines read: %v", lines, err)
	}
}

// What names and addresses hold never becomes a link elsewhere, a handler or a style.
func TestAttack_T55_Pages(t *testing.T) {
	w := gateFor(t)
	owner := w.staff("owner@vendor.example", backoffice.Owner)
	nasty := []string{`"><script>alert(1)</script>`, `javascript:alert(1)`, `' onmouseover='alert(1)`, `</title><img src=x onerror=alert(1)>`, `//evil.example`, `{{7*7}}${7*7}`, `<!--`, `data:text/html,x`, "\u202eevil", `?q="><b`}
	for i, n := range nasty {
		if _, err := w.store.CreateAccount(ctx, owner.Actor("", ""), backoffice.NewAccount{Name: n, ID: fmt.Sprintf("x%d", i), PrimaryEmail: fmt.Sprintf("u%d@x.example", i)}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.SaveView(ctx, owner.Actor("", ""), "accounts", n, "q="+url.QueryEscape(n), true); err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.MakeToken(ctx, owner.Actor("", ""), n, []string{"visits:write"}, []byte(n)); err != nil {
			t.Fatal(err)
		}
	}
	pages := w.signedIn(owner).crawl("/backoffice/accounts?q="+url.QueryEscape(nasty[0]), "/backoffice/accounts", "/backoffice/accounts/x0", "/backoffice/settings/tokens")
	if len(pages) < 10 {
		t.Errorf("only %d pages", len(pages))
	}
	for _, p := range pages {
		p.Find("*").Each(func(_ int, el *goquery.Selection) {
			for _, a := range el.Nodes[0].Attr {
				what := fmt.Sprintf("%s: <%s %s=%q>", p.URL, goquery.NodeName(el), a.Key, a.Val)
				switch {
				case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcdoc", strings.HasPrefix(a.Key, "hx-on"), a.Key == "hx-vals":
					t.Error(what)
				case a.Key == "href", a.Key == "action", a.Key == "formaction", a.Key == "src", strings.HasPrefix(a.Key, "hx-get"), strings.HasPrefix(a.Key, "hx-post"):
					u, err := url.Parse(a.Val)
					if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") && !strings.HasPrefix(a.Val, "?") || strings.HasPrefix(a.Val, "//") {
						t.Error(what)
					}
				}
			}
		})
		p.Find("script").Each(func(_ int, s *goquery.Selection) {
			if strings.TrimSpace(s.Text()) != "" {
				t.Errorf("%s: a script inside the page", p.URL)
			}
		})
		if p.Find("style, iframe, object, embed, base").Length() > 0 {
			t.Errorf("%s: an element that has no place here", p.URL)
		}
	}
}

// htmx keeps no pages, asks nobody else, and runs no text as script.
func TestAttack_T56_Htmx(t *testing.T) {
	w := gateFor(t)
	b := w.signedIn(w.staff("owner@vendor.example", backoffice.Owner))
	var config map[string]any
	if err := json.Unmarshal([]byte(b.get("/backoffice/accounts").Find("meta[name=htmx-config]").AttrOr("content", "")), &config); err != nil {
		t.Fatal(err)
	}
	if config["mode"] != "same-origin" || config["history"] != "reload" || config["includeIndicatorCSS"] != false {
		t.Errorf("htmx is told %v", config)
	}
	out := b.still().get("/backoffice/sessions").submit("form[action='/backoffice/sign-out']", nil)
	if got := out.Header.Get("Clear-Site-Data"); !strings.Contains(got, `"storage"`) || !strings.Contains(got, `"cache"`) {
		t.Errorf("after sign-out the browser is told %q", got)
	}
}

// What the router answers outside of its table carries the headers too.
func TestAttack_T58_Headers(t *testing.T) {
	w := gateFor(t)
	for _, q := range []raw{
		{method: "GET", path: "/nothing"}, {method: "GET", path: "/backoffice/nothing"}, {method: "GET", path: "/api/nothing"}, {method: "POST", path: "/nothing"},
		{method: "GET", path: "/", host: "evil.example"}, {method: "POST", path: "/backoffice/sign-in", header: map[string]string{"Sec-Fetch-Site": "cross-site"}},
		{method: "POST", path: "/backoffice/sign-in", body: strings.Repeat("x", 2<<20)}, {method: "GET", path: "/?" + strings.Repeat("x", 9000)}, {method: "TRACE", path: "/"}, {method: "OPTIONS", path: "/backoffice/accounts"},
	} {
		w.raw(q).headers(t, q.method+" "+q.path[:min(len(q.path), 40)])
	}
	page := w.browser().get("/backoffice/sign-in")
	page.Find("link[href], script[src]").Each(func(_ int, el *goquery.Selection) {
		asset := w.raw(raw{method: "GET", path: el.AttrOr("href", el.AttrOr("src", ""))})
		if asset.Status != http.StatusOK || asset.Header.Get("X-Content-Type-Options") != "nosniff" || asset.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", el.AttrOr("href", el.AttrOr("src", "")), asset.Status, asset.Header)
		}
	})
	https := overHTTPS(t, storetest.Open(t, storetest.SQLite(t), storetest.NewClock()))
	rec := httptest.NewRecorder()
	https.ServeHTTP(rec, httptest.NewRequest("GET", "https://steward.example/backoffice/sign-in", nil))
	if !strings.Contains(rec.Header().Get("Strict-Transport-Security"), "max-age=") {
		t.Errorf("on https: %v", rec.Header())
	}
}

func overHTTPS(t *testing.T, s *store.Store) http.Handler {
	t.Helper()
	h, err := handlers.New(handlers.Options{Store: s, PublicURL: &url.URL{Scheme: "https", Host: "steward.example"}, Environment: "Production", Production: true})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A path written otherwise is the same page, by the same rules, or none.
func TestAttack_T83_PathTricks(t *testing.T) {
	w := gateFor(t)
	w.furnish()
	w.staff("owner@vendor.example", backoffice.Owner)
	viewer := w.staff("viewer@vendor.example", backoffice.Viewer)
	cookie, _ := w.sessionOf(viewer)
	a := attacker{name: "viewer", staff: viewer, in: true, cookies: map[string]string{"steward": cookie}}
	o := w.objectsFor(a)
	for _, e := range w.probe.Table() {
		path, ok := address(e.Path, o.own)
		if !ok || e.Permission == "" || a.may(e) {
			continue
		}
		tricks := []string{path + "/", path + "//", "/" + path, strings.Replace(path, "/backoffice", "//backoffice", 1), strings.Replace(path, "/backoffice", "/./backoffice", 1),
			strings.Replace(path, "/backoffice/", "/backoffice/x/../", 1), strings.Replace(path, "/backoffice/", "/backoffice%2f", 1), strings.Replace(path, "/backoffice/", "/backoffice%2F", 1),
			strings.Replace(path, "/backoffice/", "/%62ackoffice/", 1), strings.Replace(path, "/backoffice/", "/backoffice/%2e/", 1), strings.Replace(path, "/backoffice/", "/backoffice/%2e%2e/backoffice/", 1),
			strings.Replace(path, "/backoffice/", "/backoffice%5c", 1), strings.Replace(path, "/backoffice", "/BACKOFFICE", 1), strings.Replace(path, "/backoffice", "/static/../backoffice", 1),
			path + ";x", path + ";x=y", path + "%00", path + "%20", path + "%2f", path + ".", path + "%3f", path + "%23", path + "?x#y", path + "/.", path + "/%2e%2e/" + filepath.Base(path)}
		for _, trick := range tricks {
			got := w.raw(raw{method: e.Method, path: trick, cookies: a.cookies})
			if got.Status < 300 {
				t.Errorf("%s %s opens to a viewer: %d", e.Method, trick, got.Status)
			}
			if to := got.Header.Get("Location"); got.Status < 400 && strings.HasPrefix(to, "//") {
				t.Errorf("%s %s leads to %s", e.Method, trick, to)
			}
		}
		for _, method := range []string{"HEAD", "OPTIONS", "QUERY", "PROPFIND", "TRACE", "get", "CONNECTX"} {
			got := w.raw(raw{method: method, path: path, cookies: a.cookies, header: map[string]string{"X-HTTP-Method-Override": e.Method}})
			if got.Status < 300 && got.Body != "" {
				t.Errorf("%s %s answers a viewer: %d", method, path, got.Status)
			}
		}
	}
	for _, path := range []string{"/static/../go.mod", "/static/%2e%2e/go.mod", "/static/..%2fgo.mod", "/static//etc/passwd", "/static/..%5c..%5cgo.mod", "/static/x/..%00", "/static/", "/static/js/"} {
		got := w.raw(raw{method: "GET", path: path})
		if got.Status == http.StatusOK {
			t.Errorf("%s: %d %.80s", path, got.Status, got.Body)
		}
	}
}

// One request is one line of the log, and holds nothing of what people typed.
func TestAttack_T85_Log(t *testing.T) {
	clock := storetest.NewClock()
	var mu sync.Mutex
	var out bytes.Buffer
	w := newGate(t, storetest.Open(t, storetest.SQLite(t), clock), clock, func(o *handlers.Options) {
		o.Log = slog.New(slog.NewJSONHandler(writerFunc(func(b []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return out.Write(b)
		}), nil))
	})
	w.staff("secret-person@vendor.example", backoffice.Owner)
	session := w.tryPassword("secret-person@vendor.example", passphrase)
	cookies := map[string]string{"steward": session.cookie("steward")}
	token := w.token("visits:write")
	w.tryPassword("secret-person@vendor.example", "a-secret-password-typed-wrong")
	w.postVisits(token, `{"visits":[{"account_id":"x","email":"secret-person@vendor.example","at":"2026-01-01T00:00:00Z"}]}`)
	w.raw(raw{method: "GET", path: "/backoffice/accounts?q=secret-person%40vendor.example%0a%1b[31m{\"level\":\"ERROR\"}", cookies: cookies})
	w.raw(raw{method: "GET", path: "/backoffice/x%0d%0a{\"msg\":\"forged\"}%1b[2J", header: map[string]string{"User-Agent": "x\tforged"}, cookies: cookies})
	w.raw(raw{method: "GET", path: "/backoffice/setup?token=secret-token"})
	w.raw(raw{method: "POST", path: "/backoffice/settings/tokens", body: "name=a%0d%0aforged&scope=visits:write", cookies: cookies})
	mu.Lock()
	defer mu.Unlock()
	requests := 0
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("not a line of its own: %q", line)
		}
		if entry["msg"] == "forged" {
			t.Errorf("forged: %q", line)
		}
		if entry["msg"] == "request" {
			requests++
		}
	}
	if requests != 7 {
		t.Errorf("%d requests logged, want 7:\n%s", requests, out.String())
	}
	for _, secret := range []string{passphrase, "a-secret-password", "secret-person", "secret-token", session.cookie("steward"), session.cookie("steward-device"), token, "\x1b", "127.0.0.1"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// With the database gone every route answers with a page that tells nothing but
// the request's number, and the process goes on.
func TestAttack_T86_DatabaseGone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		w.furnish()
		owner := attacker{name: "owner", staff: w.staff("owner@vendor.example", backoffice.Owner), in: true}
		o := w.objectsFor(owner)
		cookie, _ := w.sessionOf(owner.staff)
		owner.cookies = map[string]string{"steward": cookie}
		token := w.token("visits:write")
		leaks := regexp.MustCompile(`(?i)sql|select |insert |\.go:|goroutine|database is closed|pgx|sqlite|/store|panic|connection`)
		table := w.probe.Table()
		s.Close()
		for _, e := range table {
			path, ok := address(e.Path, o.own)
			if !ok {
				continue
			}
			a := owner
			if e.Scope != "" {
				a = attacker{header: map[string]string{"Authorization": "Bearer " + token}}
			}
			got := w.ask(e, path, a)
			what := e.Method + " " + path
			got.headers(t, what)
			needs := e.Permission != "" || e.Scope != "" || strings.HasSuffix(e.Path, "readyz")
			if needs && got.Status != http.StatusInternalServerError && got.Status != http.StatusServiceUnavailable {
				t.Errorf("%s: %d", what, got.Status)
			}
			if got.Status >= 500 && !strings.Contains(got.Body, got.Header.Get("X-Request-ID")) && got.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("%s: the number of the request is not on the page: %.300s", what, got.Body)
			}
			if m := leaks.FindString(visibleText(got)); m != "" {
				t.Errorf("%s: the answer says %q: %.300s", what, m, visibleText(got))
			}
		}
		if got := w.raw(raw{method: "GET", path: "/healthz"}); got.Status != http.StatusOK {
			t.Errorf("healthz: %d", got.Status)
		}
	})
}

func visibleText(a answer) string {
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		return a.Body
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.Body))
	if err != nil {
		return a.Body
	}
	return doc.Find("body").Text()
}

// Values of any size and any number are refused by their size.
func TestAttack_T87_Sizes(t *testing.T) {
	w := gateFor(t)
	owner := w.staff("owner@vendor.example", backoffice.Owner)
	cookie, _ := w.sessionOf(owner)
	cookies := map[string]string{"steward": cookie}
	long := strings.Repeat("a", 500_000)
	for what, q := range map[string]raw{
		"a long address":  {method: "POST", path: "/backoffice/sign-in", body: "email=" + long + "@x.example&password=x"},
		"many dots":       {method: "POST", path: "/backoffice/sign-in", body: "email=x@" + strings.Repeat("a.", 200_000) + "&password=x"},
		"a long name":     {method: "POST", path: "/backoffice/settings/tokens", body: "scope=visits:write&name=" + long, cookies: cookies},
		"many parameters": {method: "POST", path: "/backoffice/settings/tokens", body: strings.Repeat("scope=visits:write&", 50_000), cookies: cookies},
		"a long search":   {method: "GET", path: "/backoffice/accounts?q=" + long[:8000], cookies: cookies},
		"a long cookie":   {method: "GET", path: "/backoffice/accounts", cookies: map[string]string{"steward": long[:20_000]}},
	} {
		got := w.raw(q)
		if got.Status >= 500 || q.method == "POST" && got.Status < 400 {
			t.Errorf("%s: %d", what, got.Status)
		}
	}
}
