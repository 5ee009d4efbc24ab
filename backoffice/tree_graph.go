package backoffice

import (
	"slices"
	"strings"
)

// What of a branch is drawn at once. A browser pans smoothly over some 500 to 800
// nodes (performance.md).
const (
	MaxTreeNodes = 600 // drawn, those that stand for more among them

	// Of the sub-accounts of an account the first ones are shown; each step further
	// shows as many more, and forgets the first when there are too many.
	treeFirst  = 20
	treeAll    = 25 // up to here all are shown at once
	treeStep   = 100
	treeWindow = treeFirst + treeStep
)

// Geometry of the graph, in pixels: the top account at the left, every level a
// column further.
const (
	TreeNodeWidth  = 190
	TreeNodeHeight = 52
	treeColumn     = 240 // from one level to the next
	treeRow        = 64  // from one sibling to the next
	treeCousins    = 1.2 // rows between accounts of different parents
	treeMargin     = 20
	treeKnob       = 24 // what opens a node stands out of it, with a number
)

// TreeGraph is what is drawn of a branch.
type TreeGraph struct {
	Branch *Branch
	// State is what was asked for, and what followed from it: the selected account
	// is in it, and what had to be opened to show it.
	State TreeState
	// Nodes in the order of walking: an account, then all below it.
	Nodes         []GraphNode
	Width, Height float64
	// Hits are the accounts that the search found, by index in the branch; Hit is
	// the one that is selected of them, -1 for none.
	Hits []int
	Hit  int
	// Full says that not all that is open fits: some accounts stay closed, or are
	// shown in part.
	Full bool
}

// GraphNode is a box of the graph: an account, or what stands for the
// sub-accounts of one that are not shown.
type GraphNode struct {
	// At is the account, by index in the branch; of a node that stands for others,
	// the one that they are below.
	At     int
	Parent int // by index in the graph, -1 for the top
	// Hidden is how many accounts a node stands for; 0 for an account. Before says
	// that they come before those shown. To is how far they are shown when it opens.
	Hidden int64
	Before bool
	To     int

	Level    int // 1 at the top
	Pos, Set int // which of how many sub-accounts of the same account, from 1
	Open     bool
	Selected bool
	Found    bool
	OnPath   bool // it is selected, or above what is
	X, Y     float64
}

// treeSpan is which sub-accounts of an account are shown: from, up to before to.
type treeSpan struct{ from, to int }

// NewTreeGraph draws a branch as the state asks for: at most MaxTreeNodes nodes,
// breadth first, the path to the selected account before all others. A search
// selects its first hit when none of its hits is selected.
func NewTreeGraph(b *Branch, s TreeState) *TreeGraph {
	g := &TreeGraph{Branch: b, State: s, Hit: -1}
	if len(b.Nodes) == 0 {
		return g
	}
	selected := b.Index(s.Selected)
	found := g.search(selected)
	if selected < 0 && g.Hit >= 0 {
		selected = g.Hits[g.Hit]
	}
	var path []int
	if g.State.Selected = ""; selected >= 0 {
		g.State.Selected = b.Nodes[selected].ID
		path = b.Path(selected)
		if up := b.parent[selected]; up >= 0 && !s.All {
			g.State = b.TreeOpened(g.State, up)
		}
	}
	spans := g.choose(path)
	onPath := map[int]bool{}
	for _, i := range path {
		onPath[i] = true
	}
	g.lay(spans)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Hidden == 0 {
			n.Selected, n.Found, n.OnPath = n.At == selected, found != nil && found[n.At], onPath[n.At]
		}
	}
	return g
}

// search finds the accounts whose name contains what is looked for, or whose ID it is.
func (g *TreeGraph) search(selected int) []bool {
	q := Fold(g.State.Query)
	if q == "" {
		return nil
	}
	found := make([]bool, len(g.Branch.Nodes))
	for i := range g.Branch.Nodes {
		if n := &g.Branch.Nodes[i]; strings.Contains(g.Branch.folded[i], q) || n.ID == g.State.Query {
			found[i] = true
			if i == selected {
				g.Hit = len(g.Hits)
			}
			g.Hits = append(g.Hits, i)
		}
	}
	if selected < 0 && len(g.Hits) > 0 {
		g.Hit = 0
	}
	return found
}

// choose says which accounts are open, and which sub-accounts each shows.
func (g *TreeGraph) choose(path []int) map[int]treeSpan {
	b, s := g.Branch, g.State
	open := b.treeOpen(s)
	shut := map[int]bool{}
	for _, id := range s.Shut {
		if i := b.Index(id); i >= 0 {
			shut[i] = true
		}
	}
	next := map[int]int{} // on the path: the sub-account that has to be shown
	for i := 1; i < len(path); i++ {
		next[path[i-1]] = path[i]
	}
	spans := map[int]treeSpan{}
	drawn, reserved := 1, len(next)*3 // an account of the path, with what may stand for those around it
	for queue := []int{0}; len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		list := b.children[i]
		child, must := next[i]
		if len(list) == 0 || !must && (!open[i] || shut[i]) {
			continue
		}
		if must {
			reserved -= 3
		}
		span, given := windowOf(len(list), s.shownTo(b.Nodes[i].ID))
		at := -1
		if must {
			at = slices.Index(list, child)
			if at < span.from || at >= span.to {
				steps := (at + 1 - treeFirst + treeStep - 1) / treeStep
				span, given = windowOf(len(list), treeFirst+steps*treeStep)
			}
		}
		if room := MaxTreeNodes - drawn - reserved; span.nodes(len(list)) > room {
			g.Full = true
			if room < 3 && !must {
				continue
			}
			span = span.cut(max(room-2, 1), given, at)
		}
		if given {
			g.State = g.State.upTo(b.Nodes[i].ID, span.to)
		}
		spans[i] = span
		drawn += span.nodes(len(list))
		queue = append(queue, list[span.from:span.to]...)
	}
	if !s.All {
		return spans
	}
	// What was opened by itself is drawn; now whatever fits as a whole.
	for queue := []int{0}; len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		list := b.children[i]
		span, drawnAlready := spans[i]
		if !drawnAlready {
			if len(list) == 0 || shut[i] {
				continue
			}
			span, _ = windowOf(len(list), s.shownTo(b.Nodes[i].ID))
			if drawn+span.nodes(len(list)) > MaxTreeNodes {
				g.Full = true
				continue
			}
			spans[i] = span
			drawn += span.nodes(len(list))
		}
		queue = append(queue, list[span.from:span.to]...)
	}
	return spans
}

// windowOf is which of n sub-accounts are shown when they are up to a number, 0
// for the first look; given says that a number was given and counts.
func windowOf(n, to int) (span treeSpan, given bool) {
	if n <= treeAll {
		return treeSpan{0, n}, false
	}
	if to <= 0 {
		return treeSpan{0, treeFirst}, false
	}
	to = min(max(to, min(n, treeFirst)), n)
	return treeSpan{max(0, to-treeWindow), to}, true
}

// nodes is how many nodes a span takes, of n sub-accounts.
func (s treeSpan) nodes(n int) int {
	k := s.to - s.from
	if s.from > 0 {
		k++
	}
	if s.to < n {
		k++
	}
	return k
}

// cut shortens a span to k sub-accounts: at its end when it is the first look,
// otherwise at its beginning, which has been seen; the one at stays in it.
func (s treeSpan) cut(k int, given bool, at int) treeSpan {
	if k >= s.to-s.from {
		return s
	}
	whole := s
	if given {
		s.from = s.to - k
	} else {
		s.to = s.from + k
	}
	if at >= 0 && (at < s.from || at >= s.to) {
		s = treeSpan{at, at + k}
		if over := s.to - whole.to; over > 0 {
			s = treeSpan{s.from - over, s.to - over}
		}
	}
	return s
}

// lay puts the nodes that are drawn into order, and in their places.
func (g *TreeGraph) lay(spans map[int]treeSpan) {
	b := g.Branch
	var parent []int
	put := func(n GraphNode) int {
		g.Nodes = append(g.Nodes, n)
		parent = append(parent, n.Parent)
		return len(g.Nodes) - 1
	}
	var walk func(i, up, level, pos, set int)
	walk = func(i, up, level, pos, set int) {
		span, open := spans[i]
		me := put(GraphNode{At: i, Parent: up, Level: level, Pos: pos, Set: set, Open: open})
		list := b.children[i]
		if span.from > 0 {
			to := max(span.from, min(treeFirst, len(list)))
			put(GraphNode{At: i, Parent: me, Hidden: int64(span.from), Before: true, To: to, Level: level + 1, Pos: 1, Set: len(list)})
		}
		for k := span.from; k < span.to; k++ {
			walk(list[k], me, level+1, k+1, len(list))
		}
		if open && span.to < len(list) {
			step := treeStep
			if span.to-span.from < treeFirst { // no room: a step must not leave any out
				step = span.to - span.from
			}
			step = min(step, len(list)-span.to)
			put(GraphNode{At: i, Parent: me, Hidden: int64(len(list) - span.to), To: span.to + step, Level: level + 1, Pos: span.to + 1, Set: len(list)})
		}
	}
	walk(0, -1, 1, 1, 1)
	deepest, lowest := 0, 0.0
	for i, y := range tidyTree(parent, treeCousins) {
		n := &g.Nodes[i]
		n.X, n.Y = float64(treeMargin+(n.Level-1)*treeColumn), treeMargin+y*treeRow
		deepest, lowest = max(deepest, n.Level), max(lowest, n.Y)
	}
	g.Width = float64(2*treeMargin + (deepest-1)*treeColumn + TreeNodeWidth + treeKnob)
	g.Height = lowest + TreeNodeHeight + treeMargin
}

// More is the state in which the sub-accounts of the account at i, by index in
// the branch, are shown up to a number.
func (g *TreeGraph) More(to, i int) TreeState {
	s := g.Branch.TreeOpened(g.State, i)
	return s.upTo(g.Branch.Nodes[i].ID, to)
}
