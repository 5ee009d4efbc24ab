package browsertest

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"steward/backoffice"
	"steward/handlers"
	"steward/store"
	"steward/store/storetest"
)

//go:embed vendor/axe-core/axe.min.js
var axe string

var ctx = context.Background()

// startChromium starts a browser with a profile of its own.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("STEWARD_TEST_ALL") != "" {
			t.Fatal("no chromium on this machine: install the package chromium")
		}
		t.Skip("browser journeys left out: install the package chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(60*time.Second))
	alloc, stopAlloc := chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(stopAlloc)
	browser, stop := chromedp.NewContext(alloc)
	t.Cleanup(stop)
	if err := chromedp.Run(browser); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return browser
}

// site is the real router over a real database.
type site struct {
	t       *testing.T
	store   *store.Store
	clock   *storetest.Clock
	url     string
	mu      sync.Mutex
	as      *backoffice.Actor
	letters []backoffice.Letter // in the mailbox of development
}

// late has every page wait for STEWARD_TEST_LATE ("500ms") before it is answered:
// a journey that goes on before what it did is done passes on a quick machine,
// and fails so.
func late(t *testing.T, h http.Handler) http.Handler {
	wait, err := time.ParseDuration(cmp.Or(os.Getenv("STEWARD_TEST_LATE"), "0"))
	if err != nil {
		t.Fatalf("STEWARD_TEST_LATE: %v", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/static/") {
			time.Sleep(wait)
		}
		h.ServeHTTP(w, r)
	})
}

// newSite serves a fresh database. as is who is signed in; nil for the real
// sign-in.
func newSite(t *testing.T, as *backoffice.Actor) *site {
	t.Helper()
	clock := storetest.NewClock()
	w := &site{t: t, store: storetest.Open(t, storetest.SQLite(t), clock), clock: clock, as: as}
	server := httptest.NewUnstartedServer(nil)
	public, _ := url.Parse("http://" + server.Listener.Addr().String())
	o := handlers.Options{Store: w.store, PublicURL: public, Environment: "Production", Production: true, Log: slog.New(slog.DiscardHandler), Dev: true,
		Letters: func() []backoffice.Letter { return w.letters }}
	if as != nil {
		o.As = func(*http.Request) (backoffice.Actor, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return *w.as, true
		}
	}
	h, err := handlers.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = late(t, h)
	server.Start()
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// actAs changes who is signed in.
func (w *site) actAs(role backoffice.StaffRole) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := *w.as
	a.Role = role
	w.as = &a
}

func owner() *backoffice.Actor {
	return &backoffice.Actor{Kind: backoffice.ActorStaff, ID: "staff-ada", Name: "Ada Weber", Email: "ada.weber@kontor.example", Role: backoffice.Owner}
}

// tab is a window of the browser with cookies of its own. What the browser
// complains of is kept and fails the test at its end: refused by the content
// policy, errors on the console, exceptions.
type tab struct {
	*site
	t     *testing.T
	ctx   context.Context
	mu    sync.Mutex
	moans []string
}

type tabOptions struct {
	width, height int64
	dark          bool
	noScript      bool
}

func (w *site) tab(t *testing.T, o tabOptions) *tab {
	t.Helper()
	c := startChromium(t)
	p := &tab{site: w, t: t, ctx: c}
	if o.width == 0 {
		o.width, o.height = 1280, 860
	}
	chromedp.ListenTarget(c, func(ev any) {
		switch e := ev.(type) {
		case *log.EventEntryAdded:
			// Answers such as 422 are part of the journeys; the browser logs them as errors of the network.
			if (e.Entry.Level == log.LevelError || e.Entry.Source == log.SourceSecurity) && e.Entry.Source != log.SourceNetwork && e.Entry.Source != log.SourceIntervention {
				p.moan(string(e.Entry.Source) + ": " + e.Entry.Text)
			}
		case *runtime.EventExceptionThrown:
			p.moan("exception: " + e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError {
				var b strings.Builder
				for _, a := range e.Args {
					b.Write(a.Value)
					b.WriteString(a.Description + " ")
				}
				p.moan("console: " + b.String())
			}
		}
	})
	scheme := "light"
	if o.dark {
		scheme = "dark"
	}
	p.run(log.Enable(), runtime.Enable(), network.Enable(),
		emulation.SetDeviceMetricsOverride(o.width, o.height, 1, o.width < 500),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
		emulation.SetScriptExecutionDisabled(o.noScript))
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, m := range p.moans {
			t.Errorf("the browser says: %s", m)
		}
	})
	return p
}

func (p *tab) moan(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moans = append(p.moans, s)
}

// run performs browser actions one after the other.
func (p *tab) run(actions ...chromedp.Action) {
	p.t.Helper()
	c, cancel := context.WithTimeout(p.ctx, 20*time.Second)
	defer cancel()
	for i, a := range actions {
		err := chromedp.Run(c, a)
		for again := 0; again < 5 && err != nil && strings.Contains(err.Error(), "Could not find node"); again++ {
			time.Sleep(100 * time.Millisecond) // the page was just replaced by the next one: nothing was done to it
			err = chromedp.Run(c, a)
		}
		if err != nil {
			var where string
			chromedp.Run(p.ctx, chromedp.Location(&where))
			if dir := os.Getenv("STEWARD_TEST_PICTURES"); dir != "" {
				p.picture(dir + "/failed-" + strings.ReplaceAll(p.t.Name(), "/", "-") + ".png")
			}
			p.t.Fatalf("browser action %d of %d at %s: %v", i+1, len(actions), where, err)
		}
	}
}

// open goes to a path of the site, and waits until the page there is whole: on
// a busy machine the load event that ends the navigation can be an earlier
// page's.
func (p *tab) open(path string) {
	p.t.Helper()
	p.run(chromedp.Navigate(p.url + path))
	p.wait("document.documentElement")
}

// eval returns the value of a JavaScript expression.
func eval[T any](p *tab, expression string) (v T) {
	p.t.Helper()
	p.run(chromedp.Evaluate(expression, &v, func(e *runtime.EvaluateParams) *runtime.EvaluateParams { return e.WithAwaitPromise(true) }))
	return v
}

// wait blocks until a JavaScript expression is true, on this page or on one that
// the browser is on its way to.
func (p *tab) wait(expression string) {
	p.t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(30 * time.Millisecond) {
		var ok bool
		if err := chromedp.Run(p.ctx, chromedp.Evaluate(`document.readyState === "complete" && !!(`+expression+`)`, &ok)); err == nil && ok {
			return
		}
	}
	p.run(chromedp.ActionFunc(func(context.Context) error { return fmt.Errorf("never came true: %s", expression) }))
}

// text is the visible text of the first element that matches, once there is one.
func (p *tab) text(selector string) string {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector(%q) !== null", selector))
	return strings.Join(strings.Fields(eval[string](p, fmt.Sprintf("document.querySelector(%q).innerText", selector))), " ")
}

// there waits until the first element that matches can be seen.
func (p *tab) there(selector string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector(%q)?.checkVisibility({visibilityProperty: true})", selector))
}

// still waits until the first element that matches can be seen and lies where it
// lay before: what is pressed while a page is still put together, as happens on
// a busy machine, is something else.
func (p *tab) still(selector string) {
	p.t.Helper()
	place := fmt.Sprintf(`(r => [r.x, r.y, r.width, r.height, location.href, performance.timeOrigin].join())(document.querySelector(%q).getBoundingClientRect())`, selector)
	before, end := "", time.Now().Add(15*time.Second)
	for ; time.Now().Before(end); time.Sleep(30 * time.Millisecond) {
		p.there(selector)
		var now string
		if err := chromedp.Run(p.ctx, chromedp.Evaluate(place, &now)); err != nil {
			now = "" // the page was just replaced: once more, and "there" says when there is no end to it
		}
		if now != "" && now == before {
			return
		}
		before = now
	}
	p.t.Fatalf("%s never lies still", selector)
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.still(selector)
	p.run(chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

func (p *tab) fill(selector, value string) {
	p.t.Helper()
	p.there(selector)
	p.run(chromedp.Evaluate(`document.querySelector("`+selector+`").value = ""`, nil), chromedp.SendKeys(selector, value, chromedp.ByQuery))
}

// picture writes a PNG of the whole page.
func (p *tab) picture(file string) {
	p.t.Helper()
	var png []byte
	p.run(chromedp.FullScreenshot(&png, 100))
	if err := os.WriteFile(file, png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// accessible runs axe-core over the page as it stands and reports each
// violation with the elements that it was found on.
func (p *tab) accessible(what string) {
	p.t.Helper()
	p.run(chromedp.Evaluate(axe+";0", nil))
	raw := eval[string](p, `axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations.map(v => ({
		id: v.id, help: v.help, nodes: v.nodes.slice(0, 4).map(n => n.target.join(' ') + ' | ' + n.html.slice(0, 160) + ' | ' + (n.any[0] || n.all[0] || n.none[0] || {message: ''}).message)}))))`)
	var found []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		p.t.Fatal(err)
	}
	for _, v := range found {
		p.t.Errorf("%s: axe: %s (%s)\n\t%s", what, v.Help, v.ID, strings.Join(v.Nodes, "\n\t"))
	}
}
