package backoffice

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// TreeMeasure is what the graph of a branch colours its accounts by.
type TreeMeasure string

// The three measures.
const (
	ByActivity TreeMeasure = "activity" // share of active users of the whole branch
	ByUsers    TreeMeasure = "users"    // users of the whole branch
	ByPolicy   TreeMeasure = "policy"   // Policy.Strength
)

// TreeMeasures lists them as the page shows them.
var TreeMeasures = []TreeMeasure{ByActivity, ByUsers, ByPolicy}

// Label is the measure in the words of the page.
func (m TreeMeasure) Label() string {
	switch m {
	case ByUsers:
		return "Users"
	case ByPolicy:
		return "Policy strength"
	}
	return "Activity"
}

// TreeState is how somebody looks at a branch: all of it stands in the address,
// so that a link to it can be shared.
type TreeState struct {
	// What is in Open is open, and what lies above it; Given says that nothing in
	// Open means nothing open, and not the root alone. All opens what fits besides,
	// but for Shut.
	All   bool
	Given bool
	Open  []string
	Shut  []string
	// More says how far the sub-accounts of an account are shown that has more
	// than fit: the number of the last one.
	More     []TreeMore
	Selected string
	Query    string
	Measure  TreeMeasure // "" is ByActivity
}

// TreeMore is how far the sub-accounts of an account are shown.
type TreeMore struct {
	ID string
	To int
}

// Bounds of a state, so that its address stays short enough to be sent.
const (
	maxTreeList  = 100 // accounts in Open, Shut and More, each
	maxTreeQuery = 200 // characters
)

// ParseTreeState reads a state from the parameters open, shut, more, sel, q and
// by. What it does not understand is left out.
func ParseTreeState(v url.Values) TreeState {
	s := TreeState{Query: firstRunes(strings.TrimSpace(v.Get("q")), maxTreeQuery)}
	if id := v.Get("sel"); ValidAccountID(id) {
		s.Selected = id
	}
	if m := TreeMeasure(v.Get("by")); m != ByActivity && slices.Contains(TreeMeasures, m) {
		s.Measure = m
	}
	if v.Has("open") {
		s.Given = true
		s.Open = treeList(v.Get("open"))
		if all := slices.Index(s.Open, "all"); all >= 0 {
			s.All, s.Open = true, slices.Delete(s.Open, all, all+1)
		}
	}
	if s.All {
		s.Shut = treeList(v.Get("shut"))
	}
	for part := range strings.SplitSeq(v.Get("more"), ",") {
		id, to, _ := strings.Cut(part, "~")
		if n, err := strconv.Atoi(to); err == nil && n > 0 && n <= 1_000_000 && ValidAccountID(id) {
			s = s.upTo(id, n)
		}
	}
	return s
}

func treeList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if ValidAccountID(part) && !slices.Contains(list, part) && len(list) < maxTreeList {
			list = append(list, part)
		}
	}
	return list
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

// Encode is the state as the query of an address, without the question mark; ""
// for the first look at a branch. IDs are made of characters that need no escaping
// there.
func (s TreeState) Encode() string {
	var b strings.Builder
	add := func(name, value string) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(value)
	}
	open := strings.Join(s.Open, ",")
	switch {
	case s.All && open != "":
		add("open", "all,"+open)
	case s.All:
		add("open", "all")
	case s.Given:
		add("open", open)
	}
	if s.All && len(s.Shut) > 0 {
		add("shut", strings.Join(s.Shut, ","))
	}
	for i, m := range s.More {
		if i == 0 {
			add("more", "")
		} else {
			b.WriteByte(',')
		}
		b.WriteString(m.ID)
		b.WriteByte('~')
		b.WriteString(strconv.Itoa(m.To))
	}
	if s.Measure != "" && s.Measure != ByActivity {
		add("by", string(s.Measure))
	}
	if s.Query != "" {
		add("q", url.QueryEscape(s.Query))
	}
	if s.Selected != "" {
		add("sel", s.Selected)
	}
	return b.String()
}

// upTo returns the state with the sub-accounts of an account shown up to a
// number; 0 forgets it.
func (s TreeState) upTo(id string, to int) TreeState {
	list := make([]TreeMore, 0, len(s.More)+1)
	for _, m := range s.More {
		if m.ID != id {
			list = append(list, m)
		}
	}
	if to > 0 {
		list = append(list, TreeMore{id, to})
	}
	s.More = list[max(0, len(list)-maxTreeList):]
	return s
}

func (s TreeState) shownTo(id string) int {
	for _, m := range s.More {
		if m.ID == id {
			return m.To
		}
	}
	return 0
}

// treeOpen is which accounts of a branch are open by what the state lists: those
// in Open with all above them.
func (b *Branch) treeOpen(s TreeState) []bool {
	open := make([]bool, len(b.Nodes))
	if len(open) == 0 {
		return open
	}
	open[0] = !s.Given || s.All
	for _, id := range s.Open {
		for i := b.Index(id); i >= 0 && !open[i]; i = b.parent[i] {
			open[i] = true
		}
	}
	return open
}

// TreeOpened returns the state with the account at i open, and whatever is above it.
func (b *Branch) TreeOpened(s TreeState, i int) TreeState {
	id := b.Nodes[i].ID
	s.Shut = without(s.Shut, func(o string) bool { at := b.Index(o); return at < 0 || b.above(at, i) })
	s.Given = true
	// What lies above is open by it already, and needs no place in the list.
	s.Open = append(without(s.Open, func(o string) bool { at := b.Index(o); return at < 0 || b.above(at, i) }), id)
	s.Open = s.Open[max(0, len(s.Open)-maxTreeList):]
	return s
}

// TreeClosed returns the state with the account at i closed, and all below it. A
// selected account below gives the selection to it.
func (b *Branch) TreeClosed(s TreeState, i int) TreeState {
	id := b.Nodes[i].ID
	if at := b.Index(s.Selected); at > i && b.above(i, at) {
		s.Selected = id
	}
	s.Given = true
	s.Open = without(s.Open, func(o string) bool { at := b.Index(o); return at < 0 || b.above(i, at) })
	if s.All {
		s.Shut = append(without(s.Shut, func(o string) bool { at := b.Index(o); return at < 0 || b.above(i, at) }), id)
		s.Shut = s.Shut[max(0, len(s.Shut)-maxTreeList):]
		return s
	}
	if up := b.Parent(i); up >= 0 && !slices.ContainsFunc(s.Open, func(o string) bool { return b.above(up, b.Index(o)) }) {
		s.Open = append(s.Open, b.Nodes[up].ID)
	}
	return s
}

// above reports whether the account at i is the one at j, or above it.
func (b *Branch) above(i, j int) bool {
	for ; j > i; j = b.parent[j] {
	}
	return i == j
}

func without(list []string, drop func(string) bool) []string {
	out := make([]string, 0, len(list)+1)
	for _, s := range list {
		if !drop(s) {
			out = append(out, s)
		}
	}
	return out
}
