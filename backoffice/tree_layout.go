package backoffice

// tidyTree places the nodes of a tree beside each other, after Buchheim, Jünger
// and Leipert, "Improving Walker's Algorithm to Run in Linear Time" (2002):
// parents stand in the middle of their children, siblings in their order, and
// equal parts of the tree look alike. parent gives for each node the index of the
// one above it, smaller than its own, and -1 for the root at 0; siblings follow
// in their order. Siblings are at least 1 apart, others of the same level at
// least cousins. What it returns begins at 0.
func tidyTree(parent []int, cousins float64) []float64 {
	n := len(parent)
	if n == 0 {
		return nil
	}
	t := tidy{cousins: cousins, parent: parent, children: make([][]int, n), number: make([]int, n), prelim: make([]float64, n),
		mod: make([]float64, n), change: make([]float64, n), shift: make([]float64, n), thread: make([]int, n), ancestor: make([]int, n)}
	for i, p := range parent {
		t.thread[i], t.ancestor[i] = -1, i
		if p >= 0 {
			t.number[i] = len(t.children[p])
			t.children[p] = append(t.children[p], i)
		}
	}
	// Parents come before their children: backwards, all below a node is placed
	// when its turn comes; siblings need the ones before them, so that a parent
	// places its children together.
	for v := n - 1; v >= 0; v-- {
		t.placeChildren(v)
	}
	places, least := make([]float64, n), 0.0
	sums := make([]float64, n) // of the mods above
	for v := range n {
		if p := parent[v]; p >= 0 {
			sums[v] = sums[p] + t.mod[p]
		}
		places[v] = t.prelim[v] + sums[v]
		least = min(least, places[v])
	}
	for v := range places {
		places[v] -= least
	}
	return places
}

type tidy struct {
	cousins          float64
	parent           []int
	children         [][]int
	number           []int // among the siblings
	prelim, mod      []float64
	change, shift    []float64
	thread, ancestor []int
}

// placeChildren places the children of v beside each other, once all below them
// is placed, and v itself, for the moment, above their middle.
func (t *tidy) placeChildren(v int) {
	list := t.children[v]
	if len(list) == 0 {
		return
	}
	def := list[0]
	for i, w := range list {
		if middle := t.prelim[w]; i > 0 {
			// Until here prelim is the middle of w's own children, and mod is 0.
			t.prelim[w] = t.prelim[list[i-1]] + 1
			if len(t.children[w]) > 0 {
				t.mod[w] = t.prelim[w] - middle
			}
			def = t.apportion(w, list[i-1], def)
		}
	}
	shift, change := 0.0, 0.0
	for i := len(list) - 1; i >= 0; i-- {
		w := list[i]
		t.prelim[w] += shift
		t.mod[w] += shift
		change += t.change[w]
		shift += t.shift[w] + change
	}
	t.prelim[v] = (t.prelim[list[0]] + t.prelim[list[len(list)-1]]) / 2
}

func (t *tidy) first(v int) int {
	if c := t.children[v]; len(c) > 0 {
		return c[0]
	}
	return t.thread[v]
}

func (t *tidy) last(v int) int {
	if c := t.children[v]; len(c) > 0 {
		return c[len(c)-1]
	}
	return t.thread[v]
}

// apportion moves the part below v away from the parts of its siblings before it
// where they would meet, and spreads the room among those between.
func (t *tidy) apportion(v, before, def int) int {
	// i: inside, o: outside; r: of v's part, l: of the parts before.
	ir, or, il := v, v, before
	ol := t.children[t.parent[v]][0]
	sir, sor, sil, sol := t.mod[ir], t.mod[or], t.mod[il], t.mod[ol]
	for {
		inner, outer := t.last(il), t.first(ir)
		if inner < 0 || outer < 0 {
			break
		}
		il, ir, ol, or = inner, outer, t.first(ol), t.last(or)
		t.ancestor[or] = v
		if by := t.prelim[il] + sil - t.prelim[ir] - sir + t.cousins; by > 0 {
			from := def
			if a := t.ancestor[il]; t.parent[a] == t.parent[v] {
				from = a
			}
			parts := float64(t.number[v] - t.number[from])
			t.change[v] -= by / parts
			t.shift[v] += by
			t.change[from] += by / parts
			t.prelim[v] += by
			t.mod[v] += by
			sir += by
			sor += by
		}
		sil += t.mod[il]
		sir += t.mod[ir]
		sol += t.mod[ol]
		sor += t.mod[or]
	}
	if next := t.last(il); next >= 0 && t.last(or) < 0 {
		t.thread[or] = next
		t.mod[or] += sil - sor
	}
	if next := t.first(ir); next >= 0 && t.first(ol) < 0 {
		t.thread[ol] = next
		t.mod[ol] += sir - sol
		def = v
	}
	return def
}
