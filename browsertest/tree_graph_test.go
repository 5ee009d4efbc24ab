package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const graphPage = "/dev/views/graph?accounts="

// TestTreeGraphPictures opens the graph of branches of every size, and asks
// axe-core and the content policy. With STEWARD_TEST_PICTURES set to a folder it
// leaves a picture of each there.
func TestTreeGraphPictures(t *testing.T) {
	w := newSite(t, owner())
	pictures := os.Getenv("STEWARD_TEST_PICTURES")
	for _, dark := range []bool{false, true} {
		scheme := map[bool]string{false: "light", true: "dark"}[dark]
		for _, width := range []int64{380, 1280, 1920} {
			t.Run(fmt.Sprintf("%d-%s", width, scheme), func(t *testing.T) {
				p := w.tab(t, tabOptions{width: width, height: 860, dark: dark})
				for _, state := range []struct{ name, query string }{
					{"1", "1"}, {"12", "12"}, {"300", "300"}, {"5000", "5000"}, {"12-all", "12&open=all"}, {"300-all-users", "300&open=all&by=users"},
					{"5000-found", "5000&q=quartz+marine"}, {"300-policy", "300&by=policy&sel=acc-9-000001"}, {"5000-all", "5000&open=all"},
				} {
					p.open(graphPage + state.query)
					p.wait(`document.querySelector("[data-tree-graph][data-live] .graph").style.transform !== ""`)
					if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
						t.Errorf("%s at %d: %d pixels wider than the window", state.name, width, over)
					}
					if width == 1280 || width == 380 && state.name == "5000-found" {
						p.accessible(fmt.Sprintf("%s at %d, %s", state.name, width, scheme))
					}
					if pictures != "" {
						p.picture(filepath.Join(pictures, fmt.Sprintf("graph-%s.%d.%s.png", state.name, width, scheme)))
					}
				}
			})
		}
	}
}

// liveGraph opens the graph and waits until it can be moved.
func liveGraph(p *tab, query string) {
	p.t.Helper()
	p.open(graphPage + query)
	p.waitGraph("true")
}

// waitGraph waits until the graph on the page is set up and something holds.
func (p *tab) waitGraph(expression string) {
	p.t.Helper()
	p.wait(`document.querySelector("[data-tree-graph][data-live] .graph")?.style.transform && (` + expression + `)`)
}

// focusedNode is the account that has the focus, "" when none has.
func focusedNode(p *tab) string {
	p.t.Helper()
	return eval[string](p, `document.activeElement.dataset?.node ?? ""`)
}

// inView says whether a node lies inside the window of the graph.
const inView = `(id => {
	const n = document.querySelector('[data-node="' + id + '"] .node-box')?.getBoundingClientRect(), p = document.querySelector("[data-graph-view]").getBoundingClientRect();
	return !!n && n.left >= p.left && n.right <= p.right && n.top >= p.top && n.bottom <= p.bottom;
})`

func TestTreeGraphByKeyboard(t *testing.T) {
	w := newSite(t, owner())
	p := w.tab(t, tabOptions{})
	liveGraph(p, "300")
	press := func(keys ...string) {
		t.Helper()
		for _, k := range keys {
			p.run(chromedp.KeyEvent(k))
		}
	}
	at := func(want string) {
		t.Helper()
		if got := focusedNode(p); got != want {
			t.Fatalf("the focus is on %q, want %q", got, want)
		}
		if !eval[bool](p, inView+fmt.Sprintf("(%q)", want)) {
			t.Errorf("%s has the focus and is out of the window", want)
		}
	}
	// The canvas moves by arrows and is enlarged by + and −.
	p.run(chromedp.Focus("[data-graph-view]", chromedp.ByQuery))
	before := eval[string](p, `document.querySelector(".graph").style.transform`)
	press(kb.ArrowDown, kb.ArrowRight, "+")
	p.wait(fmt.Sprintf(`document.querySelector(".graph").style.transform !== %q`, before))
	if got := p.text("[data-graph-percent]"); got == "100 %" {
		t.Errorf("after + it stands at %s", got)
	}
	press("0")
	p.wait(`new URL(location.href).searchParams.has("z")`)

	press(kb.Tab)
	at("nord-group")
	press(kb.ArrowRight)
	first := focusedNode(p)
	if first == "nord-group" || first == "" {
		t.Fatalf("right leads to %q", first)
	}
	press(kb.ArrowDown)
	second := focusedNode(p)
	press(kb.ArrowUp)
	at(first)
	press(kb.ArrowLeft)
	at("nord-group")
	press(kb.End)
	if got := focusedNode(p); got == "nord-group" || got == second {
		t.Errorf("End leads to %q", got)
	}
	press(kb.Home, "n", "n")
	for range 40 { // letters go to the next name that begins so
		if focusedNode(p) == "acc-9-000001" {
			break
		}
		press("n")
	}
	at("acc-9-000001")
	drawn := eval[int](p, `document.querySelectorAll(".node").length`)
	press(" ")
	p.waitGraph(fmt.Sprintf(`document.querySelectorAll(".node").length > %d && location.search.includes("open=acc-9-000001")`, drawn))
	p.wait(`document.activeElement.dataset?.node === "acc-9-000001"`)
	if got := eval[string](p, `document.activeElement.getAttribute("aria-expanded")`); got != "true" {
		t.Errorf("opened, aria-expanded is %q", got)
	}
	press(kb.ArrowRight)
	child := focusedNode(p)
	if got := eval[string](p, `document.activeElement.getAttribute("aria-level")`); got != "3" {
		t.Errorf("the child is at level %s", got)
	}
	press(kb.Enter)
	p.waitGraph(fmt.Sprintf(`document.querySelector('[aria-selected="true"]')?.dataset.node === %q`, child))
	p.wait(fmt.Sprintf(`document.activeElement.dataset?.node === %q && location.search.includes("sel=%s")`, child, child))
	p.accessible("with a selected account")
	press(kb.ArrowLeft)
	at("acc-9-000001")
	press(kb.ArrowLeft)
	p.waitGraph(fmt.Sprintf(`document.querySelectorAll(".node").length === %d`, drawn))
	// What closed over the selected account has the selection.
	p.wait(`location.search.includes("sel=acc-9-000001")`)

	// "+ N more" opens by the keyboard, too.
	liveGraph(p, "5000&open=acc-9-000001")
	p.run(chromedp.Focus(`[data-node="+acc-9-000001"]`, chromedp.ByQuery))
	press(kb.Enter)
	p.waitGraph(`document.querySelectorAll(".node").length > 120 && location.search.includes("more=acc-9-000001~120")`)
}

func TestTreeGraphFliesToWhatIsFound(t *testing.T) {
	w := newSite(t, owner())
	for _, still := range []bool{true, false} {
		p := w.tab(t, tabOptions{})
		if !still {
			p.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "no-preference"}}))
		}
		liveGraph(p, "5000")
		p.run(chromedp.SendKeys("#graph-q", "quartz marine", chromedp.ByQuery))
		p.waitGraph(`document.querySelector(".node-on.node-found .node-name")?.textContent.startsWith("Quartz Marine")`)
		if got := p.text(".graph-found"); !strings.HasPrefix(got, "1 of ") {
			t.Errorf("found: %q", got)
		}
		first := eval[string](p, `document.querySelector(".node-on").dataset.node`)
		p.wait(inView + fmt.Sprintf("(%q)", first))
		if got := eval[string](p, `document.activeElement.id + ":" + document.activeElement.value`); got != "graph-q:quartz marine" {
			t.Errorf("while one types the focus goes to %q", got)
		}
		p.run(chromedp.KeyEvent(kb.Enter))
		p.waitGraph(fmt.Sprintf(`document.querySelector(".node-on")?.dataset.node !== %q`, first))
		second := eval[string](p, `document.querySelector(".node-on").dataset.node`)
		p.wait(inView + fmt.Sprintf("(%q)", second))
		// The address shows the same to somebody else.
		p.wait(fmt.Sprintf(`location.search.includes("sel=%s") && new URL(location.href).searchParams.has("z")`, second))
		time.Sleep(700 * time.Millisecond) // the flight, and its address
		where := eval[string](p, `location.pathname + location.search`)
		how := eval[string](p, `document.querySelector(".graph").style.transform`)
		other := w.tab(t, tabOptions{})
		other.open(where)
		other.waitGraph(inView + fmt.Sprintf("(%q)", second))
		if got := eval[string](other, `document.querySelector(".graph").style.transform`); !nearly(how, got) {
			t.Errorf("%s: %s, was %s", where, got, how)
		}
	}
}

// nearly compares two transforms to a pixel and a hundredth.
func nearly(a, b string) bool {
	var x, y, k [2]float64
	for i, s := range []string{a, b} {
		if _, err := fmt.Sscanf(strings.ReplaceAll(s, "px", " "), "translate(%f , %f ) scale(%f)", &x[i], &y[i], &k[i]); err != nil {
			return false
		}
	}
	return math.Abs(x[0]-x[1]) <= 1 && math.Abs(y[0]-y[1]) <= 1 && math.Abs(k[0]-k[1]) <= 0.01
}

func TestTreeGraphByPointer(t *testing.T) {
	w := newSite(t, owner())
	p := w.tab(t, tabOptions{})
	liveGraph(p, "12")
	transform := `document.querySelector(".graph").style.transform`
	was := eval[string](p, transform)
	p.run(chromedp.MouseEvent(input.MousePressed, 800, 700, chromedp.Button("left")), chromedp.MouseEvent(input.MouseMoved, 760, 650, chromedp.Button("left")),
		chromedp.MouseEvent(input.MouseMoved, 700, 600, chromedp.Button("left")), chromedp.MouseEvent(input.MouseReleased, 700, 600, chromedp.Button("left")))
	p.wait(fmt.Sprintf("%s !== %q", transform, was))
	// The wheel moves, with Ctrl it enlarges; the page stays.
	was = eval[string](p, transform)
	p.run(input.DispatchMouseEvent(input.MouseWheel, 700, 600).WithDeltaX(0).WithDeltaY(80))
	p.wait(fmt.Sprintf("%s !== %q", transform, was))
	p.run(input.DispatchMouseEvent(input.MouseWheel, 700, 600).WithDeltaX(0).WithDeltaY(-80).WithModifiers(input.ModifierCtrl))
	p.wait(`parseInt(document.querySelector("[data-graph-percent]").textContent) > 110`)
	if y := eval[float64](p, `scrollY`); y != 0 {
		t.Errorf("the page went to %v", y)
	}
	p.click(`[data-graph-zoom="fit"]`)
	p.wait(`document.querySelector("[data-graph-percent]").textContent === "100 %"`)
	p.click(`[data-node="acc-9-000001"] [data-knob]`)
	p.waitGraph(`document.querySelector('[data-node="acc-9-000001"]').getAttribute("aria-expanded") === "true"`)
	p.click(`[data-node="acc-9-000003"] .node-box`)
	p.waitGraph(`document.querySelector(".canvas-card h2")?.textContent === "Nord Textiles"`)
	p.click(`.canvas-card [data-graph-go]`)
	p.waitGraph(`!document.querySelector(".canvas-card")`)
	p.wait(`document.activeElement.dataset.node === "acc-9-000003"`)
	p.run(chromedp.Focus(`.toolbar .end a`, chromedp.ByQuery), chromedp.KeyEvent(kb.Enter))
	p.waitGraph(`location.search.includes("open=all")`)
	p.wait(`document.activeElement.textContent.trim() === "Expand all"`)
	p.click(`.legend-title`)
	p.click(`#graph-measure a[href*="by=policy"]`)
	p.waitGraph(`document.querySelector(".node-share").textContent.startsWith("Policy ")`)
	// The browser makes the PNG under the content policy.
	p.run(chromedp.Evaluate(`HTMLAnchorElement.prototype.click = function () { window.saved = [this.download, this.href]; }; document.querySelector("[data-graph-png]").dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true})); 0`, nil))
	p.wait(`window.saved`)
	if got := eval[string](p, `createImageBitmap.length && window.saved[0]`); got != "graph.png" {
		t.Errorf("saved as %q", got)
	}
	// On a phone two fingers enlarge it.
	phone := w.tab(t, tabOptions{width: 380, height: 800})
	phone.run(emulation.SetTouchEmulationEnabled(true))
	liveGraph(phone, "12&z=0.5&x=20&y=40")
	finger := func(kind input.TouchType, points ...float64) {
		touch := input.DispatchTouchEvent(kind, []*input.TouchPoint{})
		for i := 0; i+1 < len(points); i += 2 {
			touch.TouchPoints = append(touch.TouchPoints, &input.TouchPoint{X: points[i], Y: points[i+1], ID: float64(i + 1)})
		}
		phone.run(touch)
	}
	finger(input.TouchStart, 150, 500)
	finger(input.TouchStart, 150, 500, 200, 500)
	finger(input.TouchMove, 140, 500, 220, 500)
	finger(input.TouchMove, 110, 500, 270, 500)
	finger(input.TouchEnd)
	phone.wait(`parseInt(document.querySelector("[data-graph-percent]").textContent) > 80`)
	if y := eval[float64](phone, `scrollY + (visualViewport.scale - 1)`); y != 0 {
		t.Errorf("the page moved or was enlarged, by %v", y)
	}
}

// TestTreeGraphPrints holds that the whole picture comes onto the sheet, without
// what it is looked at with.
func TestTreeGraphPrints(t *testing.T) {
	w := newSite(t, owner())
	p := w.tab(t, tabOptions{width: 1000, height: 1400})
	for _, query := range []string{"12&open=all&sel=acc-9-000004", "300&open=all&x=-900&y=-2000&z=2"} {
		liveGraph(p, query)
		p.run(emulation.SetEmulatedMedia().WithMedia("print"))
		type box struct{ Left, Top, Right, Bottom, Width float64 }
		graph := eval[box](p, `(r => ({left: r.left, top: r.top, right: r.right, bottom: r.bottom, width: r.width}))(document.querySelector(".graph").getBoundingClientRect())`)
		nodes := eval[[]box](p, `[...document.querySelectorAll(".node-box")].map(n => (r => ({left: r.left, top: r.top, right: r.right, bottom: r.bottom, width: r.width}))(n.getBoundingClientRect()))`)
		if graph.Left < 0 || graph.Right > 1000 || graph.Bottom-graph.Top > 1000 {
			t.Errorf("%s: the picture is at %+v", query, graph)
		}
		for _, n := range nodes {
			if n.Left < graph.Left-1 || n.Right > graph.Right+1 || n.Top < graph.Top-1 || n.Bottom > graph.Bottom+1 || n.Width < 1 {
				t.Fatalf("%s: a node at %+v, the picture at %+v", query, n, graph)
			}
		}
		for _, tool := range []string{".canvas-tools", ".minimap", ".tree-graph .toolbar", ".side"} {
			if eval[bool](p, fmt.Sprintf(`document.querySelector(%q).checkVisibility()`, tool)) {
				t.Errorf("%s: %s is printed", query, tool)
			}
		}
		if dir := os.Getenv("STEWARD_TEST_PICTURES"); dir != "" {
			p.picture(filepath.Join(dir, "graph-print-"+query[:2]+".png"))
		}
		p.run(emulation.SetEmulatedMedia())
	}
}

// TestTreeGraphIsHeard reads what a screen reader is told.
func TestTreeGraphIsHeard(t *testing.T) {
	w := newSite(t, owner())
	p := w.tab(t, tabOptions{})
	liveGraph(p, "12&sel=acc-9-000001")
	var tree []*accessibility.Node
	p.run(chromedp.ActionFunc(func(c context.Context) (err error) {
		tree, err = accessibility.GetFullAXTree().Do(c)
		return err
	}))
	var heard []string
	for _, n := range tree {
		var role, name string
		if n.Role != nil && n.Name != nil && json.Unmarshal(n.Role.Value, &role) == nil && json.Unmarshal(n.Name.Value, &name) == nil && strings.HasPrefix(role, "tree") {
			heard = append(heard, role+" "+strings.ReplaceAll(name, "\u00a0", " "))
		}
	}
	if len(heard) != 7 || heard[0] != "tree Nord Group and its sub-accounts" || heard[1] != "treeitem Nord Group: 36 users, 1 522 with all below, 16 % active, policy strength 69, 11 sub-accounts" {
		t.Errorf("heard: %q", heard)
	}
}

func TestTreeGraphWithoutScript(t *testing.T) {
	w := newSite(t, owner())
	p := w.tab(t, tabOptions{noScript: true})
	p.open(graphPage + "12")
	p.click(`[data-node="acc-9-000001"] [data-knob]`)
	p.there(`[data-node="acc-9-000001"][aria-expanded="true"]`)
	p.click(`[data-node="acc-9-000001"] .node-box`)
	p.there(`.canvas-card h2`)
	p.run(chromedp.SendKeys("#graph-q", "cedar"+kb.Enter, chromedp.ByQuery))
	p.there(`.node-found`)
}

// TestTreeGraphFrames reports how many frames take long while 600 nodes are moved.
// It does not judge: a clock fails no test here.
func TestTreeGraphFrames(t *testing.T) {
	w := newSite(t, owner())
	p := w.tab(t, tabOptions{width: 1920, height: 1080})
	liveGraph(p, "5000&open=all")
	if n := eval[int](p, `document.querySelectorAll(".node").length`); n < 500 || n > 600 {
		t.Errorf("%d nodes", n)
	}
	for _, zoom := range []string{"0.700", "0.150"} {
		liveGraph(p, "5000&open=all&x=0&y=-4000&z="+zoom)
		took := eval[[]float64](p, `new Promise(done => {
			const port = document.querySelector("[data-graph-view]"), took = []; let last = performance.now(), n = 0;
			const frame = now => {
				took.push(now - last); last = now;
				if (++n > 120) { done(took.slice(1)); return; }
				port.dispatchEvent(new WheelEvent("wheel", {deltaX: Math.sin(n / 9) * 6, deltaY: n < 60 ? 24 : -24, bubbles: true, cancelable: true}));
				requestAnimationFrame(frame);
			};
			requestAnimationFrame(frame);
		})`)
		slices.Sort(took)
		long := 0
		for _, ms := range took {
			if ms > 50 {
				long++
			}
		}
		t.Logf("moving 600 nodes at %s: %d frames, median %.1f ms, 95 %% within %.1f ms, %d over 50 ms", zoom, len(took), took[len(took)/2], took[len(took)*95/100], long)
	}
}

// TestTableAndGraphAreOneTree changes between the two views of All Accounts: what
// is open and what is selected stays, also what script has opened just now.
func TestTableAndGraphAreOneTree(t *testing.T) {
	w := newSite(t, owner())
	furnishUsers(t, w)
	furnishSubAccounts(t, w, 300)
	p := w.tab(t, tabOptions{})
	p.userSignIn("hana.fischer@nord-textil.example", "nord")
	p.open("/portal/accounts")
	p.click(`tr[data-id="sub-0"] .twist`)
	p.wait(`document.querySelector('tr[data-id="sub-0"]').getAttribute("aria-expanded") === "true"`)
	p.click(`a[data-tree-view]`)
	p.waitGraph(`document.querySelector('[data-node="sub-0"]').getAttribute("aria-expanded") === "true"`)
	p.click(`[data-node="sub-1"] [data-knob]`)
	p.waitGraph(`document.querySelector('[data-node="sub-1"]').getAttribute("aria-expanded") === "true"`)
	p.run(chromedp.Focus(`[data-node="sub-1"]`, chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.Enter))
	p.waitGraph(`document.querySelector(".canvas-card h2")`)
	chosen := eval[string](p, `document.querySelector(".node-on").dataset.node`)
	p.accessible("graph of the portal")
	if dir := os.Getenv("STEWARD_TEST_PICTURES"); dir != "" {
		p.picture(filepath.Join(dir, "portal-graph.png"))
	}
	p.click(`.segments a:first-child`)
	p.wait(fmt.Sprintf(`document.querySelector('tr[aria-selected="true"]')?.dataset.id === %q`, chosen))
	for _, id := range []string{"sub-0", "sub-1"} {
		if got := eval[string](p, fmt.Sprintf(`document.querySelector('tr[data-id=%q]').getAttribute("aria-expanded")`, id)); got != "true" {
			t.Errorf("%s is closed in the table", id)
		}
	}
}
