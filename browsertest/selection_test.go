package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Somebody ticks accounts, on a phone as at a desk: sets a key on them, takes it
// back from the toast, is asked before they are deleted, and told what was refused.
func TestSelectionJourney(t *testing.T) {
	pictures := os.Getenv("STEWARD_TEST_PICTURES")
	for _, at := range []tabOptions{{width: 380, height: 860}, {width: 1280, height: 860, dark: true}} {
		t.Run(fmt.Sprint(at.width), func(t *testing.T) {
			w := newSite(t, owner())
			w.demo(60)
			p := w.tab(t, at)
			look := func(name string) {
				t.Helper()
				if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
					t.Errorf("%s: %d pixels wider than the window", name, over)
				}
				p.accessible(name)
				if pictures != "" {
					p.picture(filepath.Join(pictures, fmt.Sprintf("%s.%d.png", strings.ReplaceAll(name, " ", "-"), at.width)))
				}
			}
			tick := func(query string) {
				t.Helper()
				p.open("/backoffice/accounts" + query)
				for i := 1; i <= 3; i++ {
					p.click(fmt.Sprintf("#accounts-list tbody tr:nth-child(%d) input.check", i))
				}
				p.wait(`getComputedStyle(document.querySelector('.bulk')).display !== 'none' && document.querySelector('[data-bulk-count]').textContent === '3 selected'`)
			}
			press := func(label string) {
				t.Helper()
				p.run(chromedp.Evaluate(fmt.Sprintf(`[...document.querySelectorAll('.bulk button[formaction]')].find(b => b.innerText.trim() === %q || b.getAttribute('aria-label') === %q || b.textContent.trim() === %q).click()`, label, label, label), nil))
			}
			tick("?sort=name")
			if size := eval[int](p, `(() => { const c = document.querySelector('#accounts-list tbody td.c-check').getBoundingClientRect(); return Math.min(c.width, c.height); })()`); size < 24 {
				t.Errorf("what is to be hit is %d pixels", size)
			}
			look("a selection")
			press("Edit metadata")
			p.wait(`document.querySelector('#md-key') !== null`)
			look("metadata of a selection")
			p.fill("#md-key", "plan")
			p.fill("#md-value", "team")
			p.click("main form button[name=confirmed]")
			p.wait(`location.pathname === '/backoffice/accounts' && document.querySelector('.toast-line form') !== null`)
			look("metadata changed")
			p.click(".toast-line form button")
			p.wait(`[...document.querySelectorAll('.toast-text')].some(e => e.textContent.includes('as it was before'))`)
			tick("?reseller=yes")
			press("Delete")
			p.wait(`document.querySelector('.consequences') !== null`)
			look("deletion of a selection")
			if eval[bool](p, `document.querySelector('main form button[name=confirmed]') !== null`) {
				p.click("main form button[name=confirmed]")
				p.wait(`document.querySelector('#refused-h, .toast-line form') !== null`)
				look("a selection deleted")
			}
		})
	}
}
