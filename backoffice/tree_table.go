package backoffice

import "strings"

// What of a branch the table shows at once.
const (
	TreeTablePage = 100  // sub-accounts of one account, and as many more with each step
	maxTreeRows   = 2500 // of what was opened one by one
	maxTreeAll    = 500  // of what "all" opens
)

// TreeTable is what the table of a branch shows.
type TreeTable struct {
	Branch *Branch
	// State is what was asked for, and what followed from it: what had to be opened
	// to show the selected account.
	State TreeState
	// Rows in the order of walking: an account, then all below it. Of a search: its
	// hits alone.
	Rows []TreeRow
	Hits int  // how many accounts the search found
	Full bool // not all that is open fits
}

// TreeRow is an account in the table, or what stands for the sub-accounts of one
// that are not shown.
type TreeRow struct {
	At       int   // the account, by index in the branch; of a row that stands for others, the one above them
	Hidden   int64 // how many further accounts it stands for; 0 for an account
	From     int   // of a row that stands for others: how many come before them
	Level    int   // 1 at the top
	Pos, Set int   // which of how many sub-accounts of the same account, from 1
	Open     bool
	Selected bool
}

// NewTreeTable lists a branch as the state asks for. A search, and nothing else,
// leaves the order of the tree.
func NewTreeTable(b *Branch, s TreeState) *TreeTable {
	t := &TreeTable{Branch: b, State: s}
	if len(b.Nodes) == 0 {
		return t
	}
	selected := b.Index(s.Selected)
	if selected < 0 {
		t.State.Selected = ""
	}
	if Fold(s.Query) != "" {
		t.search(selected)
		return t
	}
	if selected >= 0 {
		if up := b.parent[selected]; up >= 0 {
			if !s.All {
				t.State = b.TreeOpened(t.State, up)
			}
			for i := selected; b.parent[i] >= 0; i = b.parent[i] {
				up := b.parent[i]
				for at, c := range b.children[up] {
					if c == i && at >= max(TreeTablePage, t.State.shownTo(b.Nodes[up].ID)) {
						t.State = t.State.upTo(b.Nodes[up].ID, pageEnd(at+1))
					}
				}
			}
		}
	}
	open := t.choose(selected)
	t.walk(0, 1, 1, 1, selected, open)
	return t
}

// pageEnd is the end of the page on which the n-th stands, from 1.
func pageEnd(n int) int { return (n + TreeTablePage - 1) / TreeTablePage * TreeTablePage }

// shown is how many sub-accounts of the account at i are listed while it is open.
func (t *TreeTable) shown(i int) int {
	return min(len(t.Branch.children[i]), max(TreeTablePage, t.State.shownTo(t.Branch.Nodes[i].ID)))
}

// choose says which accounts are open: those that were opened, then, where all
// are, what fits, the highest first.
func (t *TreeTable) choose(selected int) []bool {
	b := t.Branch
	open := b.treeOpen(t.State)
	for _, id := range t.State.Shut {
		if i := b.Index(id); i >= 0 {
			open[i] = false
		}
	}
	for i := selected; i > 0; i = b.parent[i] {
		open[b.parent[i]] = true
	}
	rows := 1
	for i := range b.Nodes { // parents come before their children
		if !open[i] || len(b.children[i]) == 0 {
			open[i] = false
			continue
		}
		if n := t.shown(i); rows+n > maxTreeRows {
			open[i], t.Full = false, true
		} else {
			rows += n
		}
	}
	if !t.State.All {
		return open
	}
	shut := map[int]bool{}
	for _, id := range t.State.Shut {
		shut[b.Index(id)] = true
	}
	for queue := []int{0}; len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		if !open[i] {
			n := t.shown(i)
			if n == 0 || shut[i] {
				continue
			}
			if rows+n > maxTreeAll {
				t.Full = true
				continue
			}
			open[i] = true
			rows += n
		}
		queue = append(queue, b.children[i][:t.shown(i)]...)
	}
	return open
}

func (t *TreeTable) walk(i, level, pos, set, selected int, open []bool) {
	t.Rows = append(t.Rows, TreeRow{At: i, Level: level, Pos: pos, Set: set, Open: open[i], Selected: i == selected})
	if open[i] {
		t.below(i, 0, t.shown(i), level+1, func(c, pos, set int) { t.walk(c, level+1, pos, set, selected, open) })
	}
}

// below lists the sub-accounts of the account at i from one place up to another.
func (t *TreeTable) below(i, from, to, level int, put func(c, pos, set int)) {
	list := t.Branch.children[i]
	for at := from; at < to; at++ {
		put(list[at], at+1, len(list))
	}
	if to < len(list) {
		t.Rows = append(t.Rows, TreeRow{At: i, Hidden: int64(len(list) - to), From: to, Level: level, Pos: to + 1, Set: len(list)})
	}
}

// TreePage lists the next page of the sub-accounts of the account at i, all of
// them closed, after the first ones.
func (b *Branch) TreePage(i, from int) *TreeTable {
	t := &TreeTable{Branch: b}
	if n := len(b.children[i]); from >= 0 && from < n {
		level := len(b.Path(i)) + 1
		t.below(i, from, min(n, from+TreeTablePage), level, func(c, pos, set int) {
			t.Rows = append(t.Rows, TreeRow{At: c, Level: level, Pos: pos, Set: set})
		})
	}
	return t
}

// search lists the accounts whose name contains what is looked for, or whose ID
// does.
func (t *TreeTable) search(selected int) {
	b, q := t.Branch, Fold(t.State.Query)
	room := max(TreeTablePage, t.State.shownTo(b.Nodes[0].ID))
	for i := range b.Nodes {
		n := &b.Nodes[i]
		if !strings.Contains(Fold(n.Name), q) && !strings.Contains(Fold(n.ID), q) {
			continue
		}
		if t.Hits++; t.Hits <= room && t.Hits <= maxTreeRows {
			t.Rows = append(t.Rows, TreeRow{At: i, Level: 1, Pos: t.Hits, Selected: i == selected})
		}
	}
	for i := range t.Rows {
		t.Rows[i].Set = t.Hits
	}
	if n := len(t.Rows); n < t.Hits {
		t.Rows = append(t.Rows, TreeRow{Hidden: int64(t.Hits - n), From: n, Level: 1, Pos: n + 1, Set: t.Hits})
	}
}

// TreeToggled returns the state with the account opened that is closed in the
// table, and the other way round.
func (b *Branch) TreeToggled(s TreeState, i int) TreeState {
	for _, r := range NewTreeTable(b, s).Rows {
		if r.At == i && r.Hidden == 0 && r.Open {
			return b.TreeClosed(s, i)
		}
	}
	return b.TreeOpened(s, i)
}

// TreeFurther returns the state with a page more of the sub-accounts of an account
// shown.
func (s TreeState) TreeFurther(id string) TreeState {
	return s.upTo(id, max(TreeTablePage, s.shownTo(id))+TreeTablePage)
}
