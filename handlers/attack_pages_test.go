package handlers_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"steward/auth"
	"steward/backoffice"
	"steward/handlers"
	"steward/store"
	"steward/store/storetest"
)

// routeOf finds the entry of the table that a method and path reach: of several
// the one whose words stand there.
func routeOf(table []handlers.Entry, method, path string) (found handlers.Entry, ok bool) {
	parts := strings.Split(path, "/")
	best := -1
	for _, e := range table {
		pattern := strings.Split(e.Path, "/")
		if e.Method != method || len(pattern) != len(parts) {
			continue
		}
		words := 0
		for i, p := range pattern {
			if p == parts[i] {
				words++
			} else if !strings.HasPrefix(p, ":") {
				words = -1
				break
			}
		}
		if words > best {
			found, best, ok = e, words, true
		}
	}
	return found, ok
}

// acts are the requests that a page offers: links, forms, buttons with an address
// of their own, and what htmx would ask for.
func acts(p *shown) map[string]string {
	out := map[string]string{}
	add := func(method, to string, el *goquery.Selection) {
		u, err := p.URL.Parse(to)
		if err != nil || u.Host != p.URL.Host || strings.HasPrefix(to, "#") || to == "" {
			return
		}
		html, _ := goquery.OuterHtml(el)
		out[method+" "+u.EscapedPath()] = html[:min(len(html), 160)]
	}
	p.Find("a[href]").Each(func(_ int, el *goquery.Selection) { add("GET", el.AttrOr("href", ""), el) })
	p.Find("form[action]").Each(func(_ int, el *goquery.Selection) {
		add(strings.ToUpper(el.AttrOr("method", "get")), el.AttrOr("action", ""), el)
	})
	p.Find("[formaction]").Each(func(_ int, el *goquery.Selection) { add("POST", el.AttrOr("formaction", ""), el) })
	p.Find("[hx-get]").Each(func(_ int, el *goquery.Selection) { add("GET", el.AttrOr("hx-get", ""), el) })
	p.Find("[hx-post]").Each(func(_ int, el *goquery.Selection) { add("POST", el.AttrOr("hx-post", ""), el) })
	return out
}

// Nobody is shown a button that would be refused.
func TestNoButtonThatWouldBeRefused(t *testing.T) {
	w := gateFor(t)
	w.furnish()
	w.staff("owner@vendor.example", backoffice.Owner)
	table := w.probe.Table()
	for _, role := range backoffice.StaffRoles() {
		staff := w.staff("shown-"+string(role)+"@vendor.example", role)
		w.objectsFor(attacker{staff: staff, in: true})
		pages := w.signedIn(staff).crawl("/backoffice/accounts", "/backoffice/accounts/canary-nord", "/backoffice/bin", "/backoffice/audit", "/backoffice/sessions")
		if len(pages) < 8 {
			t.Errorf("%s: only %d pages", role, len(pages))
		}
		for _, p := range pages {
			for act, html := range acts(p) {
				method, path, _ := strings.Cut(act, " ")
				path = strings.ReplaceAll(path, "%7Bid%7D", "canary-nord") // the row menu's
				e, ok := routeOf(table, method, path)
				if ok && e.Permission != "" && !role.May(e.Permission) {
					t.Errorf("%s is shown %s on %s, which takes %s:\n\t%s", role, act, p.URL.Path, e.Permission, html)
				}
			}
		}
	}
}

// IDs that are not for the actor make a whole selection void: what it names beside
// them stays as it is, though the act was confirmed.
func TestAttack_T03_IDsInArrays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		w.furnish()
		owner := w.staff("owner@vendor.example", backoffice.Owner)
		cookie, _ := w.sessionOf(owner)
		ask := func(path string, form url.Values) answer {
			return w.raw(raw{method: "POST", path: path, body: form.Encode(), cookies: map[string]string{"steward": cookie}})
		}
		acts := map[string][]string{} // path of an act on many -> what it may be done to
		for _, e := range w.probe.Table() {
			if strings.HasPrefix(e.Path, "/backoffice/selection/") && e.Method == http.MethodPost && !hasParams(e.Path) {
				acts[e.Path] = []string{"sued", "canary-nord"}
			}
		}
		acts["/backoffice/restorations"] = []string{"gone"}
		if len(acts) < 4 {
			t.Errorf("acts on many: %v", acts)
		}
		before := storetest.Dump(t, s)
		for path, mine := range acts {
			foreign := []string{noSuchID, "canary-nord'--", "", "../sued", strings.Repeat("x", 200), "SUED"}
			if path == "/backoffice/restorations" {
				foreign = append(foreign, "sued") // is there, and not in the bin
			} else {
				foreign = append(foreign, "gone") // is in the bin
			}
			for _, theirs := range foreign {
				for _, name := range []string{"id", "ids", "ids[]", "id[]"} {
					for _, expected := range []string{"", "1", "2", "3"} {
						form := url.Values{"key": {"plan"}, "value": {`"x"`}, "confirmed": {"yes"}, "expected": {expected}, "typed": {expected}, "act": {"set"}}
						form[name] = append([]string{theirs}, mine...)
						if expected == "2" {
							form[name] = append(append([]string(nil), mine...), theirs)
						}
						got := ask(path, form)
						if got.Status >= 500 || strings.Contains(got.Header.Get("Content-Type"), "csv") {
							t.Errorf("%s with %s=%q: %d", path, name, theirs, got.Status)
						}
					}
				}
			}
			w.unchanged(before, path+", confirmed, with an ID that is not there,")
		}
		// The same without it is done: what made the acts void was the ID.
		for _, path := range []string{"/backoffice/selection/export", "/backoffice/selection/metadata", "/backoffice/selection/deletion", "/backoffice/restorations"} {
			before := storetest.Dump(t, s)
			got := ask(path, url.Values{"key": {"plan"}, "value": {`"x"`}, "confirmed": {"yes"}, "expected": {strconv.Itoa(len(acts[path]))}, "act": {"set"}, "id": acts[path]})
			changed := len(storetest.Differ(before, storetest.Dump(t, s))) > 0
			if export := strings.Contains(got.Header.Get("Content-Type"), "csv"); got.Status >= 400 || changed == export {
				t.Errorf("%s of what is there: %d, changed: %v", path, got.Status, changed)
			}
		}
		// Where one ID is taken, a second one is no second choice.
		before = storetest.Dump(t, s)
		got := w.raw(raw{method: "POST", path: "/backoffice/settings/staff/" + noSuchID + "/role?id=" + owner.ID, body: "role=viewer&id=" + owner.ID + "&staff_id=" + owner.ID,
			cookies: map[string]string{"steward": cookie, "id": owner.ID}, header: map[string]string{"X-Staff-ID": owner.ID}})
		if got.Status != http.StatusNotFound {
			t.Errorf("an ID beside the address: %d", got.Status)
		}
		w.unchanged(before, "an ID beside the address")
	})
}

// The set-up token is nowhere but in the first request.
func TestAttack_T29_TokenInAddress(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		token, hash := auth.SetupToken.New()
		if err := s.MakeSetupLink(ctx, hash); err != nil {
			t.Fatal(err)
		}
		first := w.raw(raw{method: "GET", path: "/backoffice/setup?token=" + token})
		if first.Status != http.StatusSeeOther || first.Header.Get("Location") != "/backoffice/setup" || first.Header.Get("Referrer-Policy") != "no-referrer" || strings.Contains(first.Body, token) {
			t.Errorf("%d %v", first.Status, first.Header)
		}
		page := w.raw(raw{method: "GET", path: "/backoffice/setup", cookies: map[string]string{"steward-setup": first.cookie("steward-setup")}})
		if page.Status != http.StatusOK || strings.Contains(page.same(), token) {
			t.Errorf("the page: %d, with the token: %v", page.Status, strings.Contains(page.same(), token))
		}
		for table, rows := range storetest.Dump(t, s) {
			if strings.Contains(strings.Join(rows, ""), token) {
				t.Errorf("the table %s holds the token", table)
			}
		}
	})
}

// What proves who somebody is stands on no page, in no export and not in the trail.
func TestAttack_T60_Secrets(t *testing.T) {
	w := gateFor(t)
	w.furnish()
	owner := w.staff("owner@vendor.example", backoffice.Owner)
	b := w.browser()
	b.signIn("owner@vendor.example", passphrase)
	token, hash := auth.APIToken.New()
	if _, err := w.store.MakeToken(ctx, owner.Actor("", ""), "Planner", []string{"visits:write"}, hash); err != nil {
		t.Fatal(err)
	}
	session, _ := auth.StaffSessionToken.Hash(b.cookie("steward"))
	secrets := []string{passphrase, passphraseHash(), token, hex.EncodeToString(hash), b.cookie("steward"), b.cookie("steward-device"), hex.EncodeToString(session), "$argon2id$"}
	pages := b.crawl("/backoffice/accounts", "/backoffice/accounts.csv", "/backoffice/accounts/canary-nord", "/backoffice/audit", "/backoffice/audit.csv", "/backoffice/settings/tokens", "/backoffice/settings/staff", "/backoffice/sessions")
	for _, p := range append(pages, b.get("/backoffice/accounts.csv"), b.get("/backoffice/audit.csv")) {
		for i, s := range secrets {
			if strings.Contains(p.Body, s) {
				t.Errorf("%s shows secret %d", p.URL, i)
			}
		}
	}
}

// Whatever stands in a list's address is data: no answer is an error of ours.
func TestAttack_T80_ListParameters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		w.furnish()
		owner := attacker{staff: w.staff("owner@vendor.example", backoffice.Owner), in: true}
		cookie, _ := w.sessionOf(owner.staff)
		o := w.objectsFor(owner)
		random := rand.New(rand.NewPCG(80, 80))
		hostile := []string{"'", `"`, "name; DROP TABLE staff", "name DESC, (SELECT password_hash FROM staff)", "1 OR 1=1", "') OR ('1'='1", "-1", "0", "99999999999999999999", "name--", "/**/", "%", "_", `\`, "$1", "?1",
			"\x00", "’", "NULL", "true", "[]", "{}", "last", "bGFzdA", "AAAA" + strings.Repeat("A", 300), "2026-99-99", "CASE WHEN 1=1 THEN name ELSE key END", "users,(select 1)", "-created", "nord* OR staff", `"nord" NEAR(x)`}
		names := []string{"q", "sort", "order", "dir", "asc", "page", "cursor", "after", "before", "created", "active", "dormant", "company", "reseller", "parent", "columns", "filter", "from", "to", "action", "actor", "account", "days", "kind", "state", "limit", "ids", "all"}
		before := storetest.Dump(t, s)
		leak := regexp.MustCompile(`(?i)syntax error|no such column|SQLSTATE|sqlite|malformed MATCH|fts5`)
		for _, e := range w.probe.Table() {
			path, ok := address(e.Path, o.own)
			if !ok || e.Method != http.MethodGet {
				continue
			}
			for range 25 {
				query := url.Values{}
				for range 1 + random.IntN(3) {
					query.Add(names[random.IntN(len(names))], hostile[random.IntN(len(hostile))])
				}
				got := w.raw(raw{method: "GET", path: path + "?" + query.Encode(), cookies: map[string]string{"steward": cookie}})
				if got.Status >= 500 || leak.MatchString(visibleText(got)) {
					t.Errorf("%s?%s: %d %s", path, query.Encode(), got.Status, leak.FindString(visibleText(got)))
				}
			}
		}
		w.unchanged(before, "a list's address")
	})
}

// Who comes back under an address is somebody new.
func TestAttack_T06_RecycledAddress(t *testing.T) {
	eachGate(t, func(t *testing.T, w *site) {
		owner := w.staff("t06-owner@vendor.example", backoffice.Owner).Actor("", "")
		first := w.staff("again@vendor.example", backoffice.Manager)
		b := w.browser()
		b.signIn("again@vendor.example", passphrase)
		if _, err := w.store.SaveView(ctx, first.Actor("", ""), "accounts", "Mine", "q=x", false); err != nil {
			t.Fatal(err)
		}
		if err := w.store.RemoveStaff(ctx, owner, first.ID); err != nil {
			t.Fatal(err)
		}
		second := w.staff("again@vendor.example", backoffice.Viewer)
		if second.ID == first.ID || b.signedIn() {
			t.Error("the old session opens for the new one")
		}
		if views, err := w.store.Views(ctx, second.Actor("", ""), "accounts"); err != nil || len(views) != 0 {
			t.Errorf("private views of the first: %v, %v", views, err)
		}
		device, _ := auth.DeviceToken.Hash(b.cookie("steward-device"))
		if known, err := w.store.KnownDevice(ctx, "again@vendor.example", device); err != nil || known {
			t.Errorf("the first one's device is known to the second: %v", err)
		}
		page, err := w.store.Events(ctx, backoffice.EventFilter{ActorID: second.ID}, "", 10)
		if err != nil || len(page.Rows) != 0 {
			t.Errorf("the trail lays %d acts of the first on the second: %v", len(page.Rows), err)
		}
	})
}

// Two owners who take each other's role away leave one.
func TestAttack_T12_LastOwner(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newGate(t, s, clock, nil)
		for round := range 4 {
			var both [2]backoffice.Staff
			var cookies [2]string
			for i := range both {
				both[i] = w.staff(fmt.Sprintf("t12-%d-%d@vendor.example", round, i), backoffice.Owner)
				cookies[i], _ = w.sessionOf(both[i])
			}
			list, err := s.StaffList(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range list {
				if m.ID != both[0].ID && m.ID != both[1].ID {
					if err := s.RemoveStaff(ctx, backoffice.CommandLine(), m.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
			done := make(chan struct{})
			for i := range 8 {
				go func() {
					defer func() { done <- struct{}{} }()
					verb, text := "/role", "role=viewer"
					if i%4 > 1 {
						verb, text = "/removal", ""
					}
					w.raw(raw{method: "POST", path: "/backoffice/settings/staff/" + both[1-i%2].ID + verb, body: text, cookies: map[string]string{"steward": cookies[i%2]}})
				}()
			}
			for range 8 {
				<-done
			}
			if has, err := s.HasOwner(ctx); err != nil || !has {
				t.Fatalf("round %d: nobody owns it: %v", round, err)
			}
		}
	})
}
