package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// everyPage lists the pages of the backoffice; {id} is an account with users,
// visits and sub-accounts.
var everyPage = []string{
	"/dev/views",
}

// TestEveryPage opens every page in light and dark, wide and narrow, and asks
// axe-core and the content policy. With STEWARD_TEST_PICTURES set to a folder
// it leaves a picture of each there.
func TestEveryPage(t *testing.T) {
	w := newSite(t, owner())
	pictures := os.Getenv("STEWARD_TEST_PICTURES")
	for _, dark := range []bool{false, true} {
		scheme := map[bool]string{false: "light", true: "dark"}[dark]
		for _, width := range []int64{380, 1280, 1920} {
			p := w.tab(tabOptions{width: width, height: 860, dark: dark})
			for _, page := range everyPage {
				p.open(page)
				if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
					t.Errorf("%s at %d: %d pixels wider than the window", page, width, over)
				}
				if width != 1920 {
					p.accessible(fmt.Sprintf("%s at %d, %s", page, width, scheme))
				}
				if pictures != "" {
					name := strings.Trim(strings.NewReplacer("/", "-", "?", "-", "&", "-", "=", "-").Replace(page), "-")
					p.picture(filepath.Join(pictures, fmt.Sprintf("%s.%d.%s.png", name, width, scheme)))
				}
			}
		}
	}
}
