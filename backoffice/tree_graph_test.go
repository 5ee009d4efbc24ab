package backoffice

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var treeNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// drawBranch is any branch of up to 90 accounts.
func drawBranch(t *rapid.T) *Branch {
	n := rapid.IntRange(1, 90).Draw(t, "accounts")
	nodes := make([]TreeNode, n)
	for i := range nodes {
		nodes[i] = TreeNode{Key: int64(i + 1), ID: fmt.Sprintf("a%d", i), Name: fmt.Sprintf("Account %d", i%7)}
		if i > 0 {
			nodes[i].ParentKey = int64(1 + rapid.IntRange(max(0, i-40), i-1).Draw(t, "parent"))
		}
	}
	return NewBranch(1, nodes)
}

// checkLayout holds the rules of a tidy tree.
func checkLayout(t interface{ Fatalf(string, ...any) }, g *TreeGraph) {
	below := map[int][]int{}
	columns := map[int][]int{}
	for i, n := range g.Nodes {
		if i > 0 {
			below[n.Parent] = append(below[n.Parent], i)
		}
		columns[n.Level] = append(columns[n.Level], i)
		if n.X < 0 || n.Y < 0 || n.X+TreeNodeWidth > g.Width || n.Y+TreeNodeHeight > g.Height || math.IsNaN(n.Y) {
			t.Fatalf("node %d at %v, %v is outside of %v by %v", i, n.X, n.Y, g.Width, g.Height)
		}
		if i > 0 && (n.Parent >= i || g.Nodes[n.Parent].Level != n.Level-1) {
			t.Fatalf("node %d is not below its parent", i)
		}
	}
	for level, list := range columns {
		for k := 1; k < len(list); k++ {
			if gap := g.Nodes[list[k]].Y - g.Nodes[list[k-1]].Y; gap < treeRow-1e-6 {
				t.Fatalf("level %d: %v from one to the next", level, gap)
			}
		}
	}
	for p, list := range below {
		middle := (g.Nodes[list[0]].Y + g.Nodes[list[len(list)-1]].Y) / 2
		if math.Abs(middle-g.Nodes[p].Y) > 1e-6 {
			t.Fatalf("node %d at %v, its children around %v", p, g.Nodes[p].Y, middle)
		}
	}
}

func TestTreeLayoutIsTidy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBranch(t)
		s := TreeState{All: rapid.Bool().Draw(t, "all"), Given: true}
		for range rapid.IntRange(0, 8).Draw(t, "opened") {
			s = b.TreeOpened(s, rapid.IntRange(0, len(b.Nodes)-1).Draw(t, "which"))
		}
		g := NewTreeGraph(b, s)
		checkLayout(t, g)
		again := NewTreeGraph(b, s)
		if !slices.Equal(g.Nodes, again.Nodes) {
			t.Fatalf("the same state gives two pictures")
		}
	})
}

func TestTreeLayoutOfThousands(t *testing.T) {
	b := SampleBranch(5000, treeNow)
	g := &TreeGraph{Branch: b}
	whole := map[int]treeSpan{}
	for i, list := range b.children {
		whole[i] = treeSpan{0, len(list)}
	}
	g.lay(whole)
	if len(g.Nodes) != 5000 {
		t.Fatalf("%d nodes", len(g.Nodes))
	}
	checkLayout(t, g)
}

func TestTreeGraphDrawsAtMostSomeHundreds(t *testing.T) {
	b := SampleBranch(5000, treeNow)
	rapid.Check(t, func(t *rapid.T) {
		var s TreeState
		s.All = rapid.Bool().Draw(t, "all")
		for range rapid.IntRange(0, 40).Draw(t, "acts") {
			i := rapid.IntRange(0, len(b.Nodes)-1).Draw(t, "which")
			switch rapid.IntRange(0, 3).Draw(t, "act") {
			case 0:
				s = b.TreeOpened(s, i)
			case 1:
				s = b.TreeClosed(s, i)
			case 2:
				s = s.upTo(b.Nodes[i].ID, rapid.IntRange(1, 2500).Draw(t, "to"))
			case 3:
				s.Selected = b.Nodes[i].ID
			}
		}
		g := NewTreeGraph(b, s)
		if len(g.Nodes) > MaxTreeNodes {
			t.Fatalf("%d nodes", len(g.Nodes))
		}
		checkLayout(t, g)
		shown := map[int]int64{}
		for _, n := range g.Nodes {
			if n.Level > 1 {
				if n.Hidden > 0 {
					shown[n.At] += n.Hidden
				} else {
					shown[b.Parent(n.At)]++
				}
			}
		}
		for _, n := range g.Nodes {
			if n.Hidden == 0 && n.Open && shown[n.At] != b.Nodes[n.At].Children {
				t.Fatalf("%s: %d of %d are accounted for", b.Nodes[n.At].ID, shown[n.At], b.Nodes[n.At].Children)
			}
		}
		if s.Selected != "" && !slices.ContainsFunc(g.Nodes, func(n GraphNode) bool { return n.Selected && b.Nodes[n.At].ID == s.Selected }) {
			t.Fatalf("the selected account is not drawn")
		}
		// What is in the address gives the same picture.
		values, err := url.ParseQuery(g.State.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if again := NewTreeGraph(b, ParseTreeState(values)); !slices.Equal(g.Nodes, again.Nodes) {
			t.Fatalf("the address %q gives another picture", g.State.Encode())
		}
	})
}

// Every account can be reached by opening what stands for more.
func TestTreeMoreReachesAll(t *testing.T) {
	b := SampleBranch(5000, treeNow)
	wide := b.Index("acc-9-000001")
	seen := map[int]bool{}
	s := b.TreeOpened(TreeState{}, wide)
	for range 100 {
		g := NewTreeGraph(b, s)
		more := 0
		for _, n := range g.Nodes {
			if n.Hidden == 0 && b.Parent(n.At) == wide {
				seen[n.At] = true
			}
			if n.Hidden > 0 && !n.Before && n.At == wide {
				more = n.To
			}
		}
		if more == 0 {
			break
		}
		s = g.More(more, wide)
	}
	if len(seen) != len(b.Children(wide)) || len(seen) < 1500 {
		t.Fatalf("%d of %d reached", len(seen), len(b.Children(wide)))
	}
}

func TestTreeGraphShowsWhatIsFound(t *testing.T) {
	b := SampleBranch(5000, treeNow)
	g := NewTreeGraph(b, TreeState{Query: "zephyr PAYROLL"})
	if len(g.Hits) == 0 || g.Hit != 0 {
		t.Fatalf("%d hits, at %d", len(g.Hits), g.Hit)
	}
	at := slices.IndexFunc(g.Nodes, func(n GraphNode) bool { return n.Selected })
	if at < 0 || !g.Nodes[at].Found || b.Nodes[g.Nodes[at].At].Name != "Zephyr Payroll" {
		t.Fatalf("selected %d", at)
	}
	for up := at; up >= 0; up = g.Nodes[up].Parent {
		if !g.Nodes[up].OnPath {
			t.Errorf("node %d is not on the path", up)
		}
	}
	if g := NewTreeGraph(b, TreeState{Query: "nobody is called so"}); len(g.Hits) != 0 || g.Hit != -1 || len(g.Nodes) < 2 {
		t.Errorf("%d hits", len(g.Hits))
	}
	last := len(b.Nodes) - 1
	if g := NewTreeGraph(b, TreeState{Query: b.Nodes[last].ID}); len(g.Hits) != 1 || g.Hits[0] != last {
		t.Errorf("by its ID: %v", g.Hits)
	}
}

func TestTreeStates(t *testing.T) {
	b := SampleBranch(300, treeNow)
	top, wide := 0, b.Index("acc-9-000001")
	open := func(g *TreeGraph, i int) bool {
		return slices.ContainsFunc(g.Nodes, func(n GraphNode) bool { return n.At == i && n.Hidden == 0 && n.Open })
	}
	first := NewTreeGraph(b, ParseTreeState(nil))
	if first.State.Encode() != "" || !open(first, top) || open(first, wide) {
		t.Errorf("first look: %q", first.State.Encode())
	}
	opened := NewTreeGraph(b, b.TreeOpened(first.State, wide))
	if got := opened.State.Encode(); got != "open=acc-9-000001" || !open(opened, wide) {
		t.Errorf("opened: %q", got)
	}
	closed := NewTreeGraph(b, b.TreeClosed(opened.State, wide))
	if got := closed.State.Encode(); got != "open=nord-group" || open(closed, wide) || !open(closed, top) {
		t.Errorf("closed again: %q", got)
	}
	if g := NewTreeGraph(b, b.TreeClosed(closed.State, top)); g.State.Encode() != "open=" || len(g.Nodes) != 1 {
		t.Errorf("nothing open: %q, %d nodes", g.State.Encode(), len(g.Nodes))
	}
	all := NewTreeGraph(b, TreeState{All: true, Given: true})
	shut := NewTreeGraph(b, b.TreeClosed(all.State, wide))
	if got := shut.State.Encode(); got != "open=all&shut=acc-9-000001" || open(shut, wide) || !open(all, wide) {
		t.Errorf("all but one: %q", got)
	}
	// What closes over the selected account takes the selection.
	child := b.Children(wide)[0]
	with := opened.State
	with.Selected = b.Nodes[child].ID
	if g := NewTreeGraph(b, b.TreeClosed(NewTreeGraph(b, with).State, wide)); g.State.Selected != "acc-9-000001" || open(g, wide) {
		t.Errorf("closed over the selection: %q", g.State.Encode())
	}
	odd := ParseTreeState(url.Values{"open": {"x y,<b>,ok," + strings.Repeat("a", 200)}, "sel": {"' or 1"}, "more": {"ok~-1,ok~z,ok~120,b&c~3"}, "by": {"magic"}, "q": {" " + strings.Repeat("é", 300)}})
	if got := odd.Encode(); got != "open=ok&more=ok~120&q="+strings.Repeat("%C3%A9", 200) {
		t.Errorf("what is not understood: %q", got)
	}
	if g := NewTreeGraph(NewBranch(1, nil), TreeState{}); len(g.Nodes) != 0 {
		t.Error("nothing is something")
	}
}

func BenchmarkTreeLayout5000(b *testing.B) {
	branch := SampleBranch(5000, treeNow)
	for b.Loop() {
		tidyTree(branch.parent, treeCousins)
	}
}

func BenchmarkTreeGraph600(b *testing.B) {
	branch := SampleBranch(5000, treeNow)
	for b.Loop() {
		NewTreeGraph(branch, TreeState{All: true, Given: true})
	}
}

func BenchmarkTreeGraphSearch5000(b *testing.B) {
	branch := SampleBranch(5000, treeNow)
	for b.Loop() {
		NewTreeGraph(branch, TreeState{Query: "zephyr"})
	}
}

func BenchmarkNewBranch5000(b *testing.B) {
	nodes := SampleBranch(5000, treeNow).Nodes
	for b.Loop() {
		NewBranch(1, nodes)
	}
}
