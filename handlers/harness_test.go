package handlers_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"steward/backoffice"
	"steward/handlers"
	"steward/store"
	"steward/store/storetest"
)

var ctx = context.Background()

// site is the real router over a real database.
type site struct {
	t       *testing.T
	store   *store.Store
	clock   *storetest.Clock
	url     string
	as      *backoffice.Actor // who is signed in; nil: nobody
	probe   handlers.Probe
	letters []backoffice.Letter // in the mailbox of development
	dead    []string            // links of invitations that were revoked
}

// newSite serves a fresh SQLite database, with an owner signed in.
func newSite(t *testing.T) *site {
	t.Helper()
	clock := storetest.NewClock()
	return newSiteOn(t, storetest.Open(t, storetest.SQLite(t), clock), clock)
}

func newSiteOn(t *testing.T, s *store.Store, clock *storetest.Clock) *site {
	t.Helper()
	w := &site{t: t, store: s, clock: clock,
		as: &backoffice.Actor{Kind: backoffice.ActorStaff, ID: "staff-ada", Name: "Ada Weber", Email: "ada.weber@kontor.example", Role: backoffice.Owner}}
	server := httptest.NewUnstartedServer(nil)
	public, err := url.Parse("http://" + server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	h, err := handlers.New(handlers.Options{Store: s, PublicURL: public, Environment: "Production", Production: true, Log: slog.New(slog.DiscardHandler), Dev: true,
		Letters: func() []backoffice.Letter { return w.letters },
		As: func(*http.Request) (backoffice.Actor, bool) {
			if w.as == nil {
				return backoffice.Actor{}, false
			}
			return *w.as, true
		}})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = h
	server.Start()
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// browser is a client that keeps cookies and follows redirects, as a browser
// without script does.
type browser struct {
	*site
	client *http.Client
}

func (w *site) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{w, &http.Client{Jar: jar}}
}

// shown is a page that the browser shows.
type shown struct {
	*goquery.Document
	b      *browser
	Status int
	URL    *url.URL // after redirects
	Body   string
	Header http.Header
}

// get opens a path. htmx names the id of the section that htmx would replace; "" is a whole page.
func (b *browser) get(path string, htmx ...string) *shown {
	b.t.Helper()
	req, _ := http.NewRequest(http.MethodGet, b.absolute(path), nil)
	return b.do(req, htmx)
}

func (b *browser) absolute(path string) string {
	if strings.HasPrefix(path, "http") {
		return path
	}
	return b.url + path
}

func (b *browser) do(req *http.Request, htmx []string) *shown {
	b.t.Helper()
	if len(htmx) > 0 {
		req.Header.Set("HX-Request", "true")
		req.Header.Set("HX-Target", "div#"+htmx[0])
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(body)))
	if err != nil {
		b.t.Fatal(err)
	}
	p := &shown{doc, b, res.StatusCode, res.Request.URL, string(body), res.Header}
	if to, goesOn := p.onward(); goesOn && b.client.CheckRedirect == nil {
		return b.get(to)
	}
	return p
}

// onward is where a page leads on to by itself.
func (p *shown) onward() (to string, goesOn bool) {
	content, goesOn := p.Find("meta[http-equiv=refresh]").Attr("content")
	return strings.TrimPrefix(content, "0;url="), goesOn
}

// submit sends the form that the selector finds, with the fields that it really
// has: each of set must be one of them.
func (p *shown) submit(selector string, set url.Values, htmx ...string) *shown {
	p.b.t.Helper()
	form := p.Find(selector).First()
	if form.Length() == 0 {
		p.b.t.Fatalf("no form %s on %s", selector, p.URL)
	}
	values := url.Values{}
	names := map[string]bool{}
	fields := form.Find("input, select, textarea, button")
	if id := form.AttrOr("id", ""); id != "" {
		fields = fields.AddSelection(p.Find("[form='" + id + "']")) // fields that stand outside of their form
	}
	fields.Each(func(_ int, f *goquery.Selection) {
		name, ok := f.Attr("name")
		if _, off := f.Attr("disabled"); !ok || off {
			return
		}
		names[name] = true
		kind := f.AttrOr("type", "")
		_, checked := f.Attr("checked")
		switch {
		case goquery.NodeName(f) == "button", kind == "submit", kind == "file":
		case goquery.NodeName(f) == "select":
			o := f.Find("option[selected]")
			if o.Length() == 0 {
				o = f.Find("option").First()
			}
			values.Add(name, o.AttrOr("value", o.Text()))
		case goquery.NodeName(f) == "textarea":
			values.Add(name, f.Text())
		case kind == "checkbox" || kind == "radio":
			if checked {
				values.Add(name, f.AttrOr("value", "on"))
			}
		default:
			values.Add(name, f.AttrOr("value", ""))
		}
	})
	for name, v := range set {
		if !names[name] {
			p.b.t.Fatalf("the form %s on %s has no field %q", selector, p.URL, name)
		}
		values[name] = v
	}
	action, err := p.URL.Parse(form.AttrOr("action", p.URL.String()))
	if err != nil {
		p.b.t.Fatal(err)
	}
	if strings.EqualFold(form.AttrOr("method", "get"), "get") {
		action.RawQuery = values.Encode()
		return p.b.get(action.String(), htmx...)
	}
	req, _ := http.NewRequest(http.MethodPost, action.String(), strings.NewReader(values.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.b.do(req, htmx)
}

// text is the text of what the selector finds, with white space folded.
func (p *shown) text(selector string) string {
	return strings.Join(strings.Fields(p.Find(selector).Text()), " ")
}
