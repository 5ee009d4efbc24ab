package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
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
