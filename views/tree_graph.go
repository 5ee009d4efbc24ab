package views

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/a-h/templ"

	"steward/backoffice"
	"steward/views/ui"
)

// TreeGraphSection is the id of the section that TreeGraph draws.
const TreeGraphSection = "tree-graph"

// TreeGraphScene is the picture of a branch, and what may be done with it.
// Addresses carry the base path.
type TreeGraphScene struct {
	Graph *backoffice.TreeGraph
	Path  string // where every state of the picture is asked for: "/portal/accounts"
	Keep  string // what stands in the query before the state: "view=graph"; may be empty
	// Views leads to other views of the same accounts; none shows no choice.
	Views []ui.Tab
	// Account is the page of an account, Create the form for a new one below it;
	// nil shows no such link.
	Account  func(id string) string
	Create   func(id string) string
	Download string // the picture as a file, "/portal/accounts.svg"; "" offers none
	Now      time.Time

	asFile bool // drawn by TreeGraphFile
}

// root is the account at the top.
func (s TreeGraphScene) root() backoffice.TreeNode { return s.Graph.Branch.Nodes[0] }

func (s TreeGraphScene) label() string {
	if len(s.Graph.Branch.Nodes) == 1 {
		return s.root().Name
	}
	return s.root().Name + " and its sub-accounts"
}

// address is where a state is shown.
func (s TreeGraphScene) address(state backoffice.TreeState) string {
	return withQuery(s.Path, s.Keep, state.Encode())
}

func withQuery(path string, parts ...string) string {
	sep := byte('?')
	if strings.Contains(path, "?") {
		sep = '&'
	}
	for _, p := range parts {
		if p != "" {
			path, sep = path+string(sep)+p, '&'
		}
	}
	return path
}

func (s TreeGraphScene) file() string { return withQuery(s.Download, s.Graph.State.Encode()) }

func (s TreeGraphScene) colouredBy(m backoffice.TreeMeasure) string {
	state := s.Graph.State
	state.Measure = m
	return s.address(state)
}

func (s TreeGraphScene) allOpen() string {
	state := s.Graph.State
	state.All, state.Given, state.Open, state.Shut, state.More = true, true, nil, nil, nil
	return s.address(state)
}

// folded is the first look again, the selection at the top if there is one.
func (s TreeGraphScene) folded() string {
	state := backoffice.TreeState{Measure: s.Graph.State.Measure}
	if s.Graph.State.Selected != "" {
		state.Selected = s.root().ID
	}
	return s.address(state)
}

func (s TreeGraphScene) unselected() string {
	state := s.Graph.State
	state.Selected, state.Query = "", ""
	return s.address(state)
}

// hit is the address that selects the hit so many after the present one.
func (s TreeGraphScene) hit(by int) string {
	g, state := s.Graph, s.Graph.State
	n := len(g.Hits)
	at := g.Hit + by
	if g.Hit < 0 && by < 0 {
		at = n - 1
	}
	state.Selected = g.Branch.Nodes[g.Hits[(at%n+n)%n]].ID
	return s.address(state)
}

func (s TreeGraphScene) foundText() string {
	g := s.Graph
	switch n := len(g.Hits); {
	case g.State.Query == "":
		return ""
	case n == 0:
		return "Nothing found"
	case g.Hit >= 0:
		return ui.Number(g.Hit+1) + " of " + ui.Number(n) + " found"
	default:
		return ui.Number(n) + " found"
	}
}

// searchHidden is the state that a search keeps.
func (s TreeGraphScene) searchHidden() []ui.Pair {
	state := s.Graph.State
	state.Query, state.Selected = "", ""
	var list []ui.Pair
	for _, q := range []string{s.Keep, state.Encode()} {
		list = append(list, queryPairs(q)...)
	}
	return list
}

// selected is the account that is selected, -1 for none.
func (s TreeGraphScene) selected() int { return s.Graph.Branch.Index(s.Graph.State.Selected) }

// treeScale is a measure as the graph draws it.
type treeScale struct {
	title string
	ends  []string
}

func treeScaleOf(m backoffice.TreeMeasure) treeScale {
	switch m {
	case backoffice.ByUsers:
		return treeScale{"Users with all below", []string{"0", "10", "100", "1k", "10k", "100k"}}
	case backoffice.ByPolicy:
		return treeScale{"Policy strength", []string{"0", "20", "40", "60", "80", "100"}}
	}
	return treeScale{"Active users in 30 days", []string{"0", "20", "40", "60", "80", "100\u00a0%"}}
}

// treeValue is what a measure says about an account: how long its bar is, from 0
// to 1, which of the five steps of colour it has, and the words beside it. Without
// a value the step is -1.
func treeValue(m backoffice.TreeMeasure, n *backoffice.TreeNode) (length float64, step int, words string) {
	switch m {
	case backoffice.ByUsers:
		if n.BranchUsers == 0 {
			return 0, -1, ""
		}
		length = math.Log10(float64(n.BranchUsers)) / 5
		if n.Below > 0 {
			words = ui.Number(n.BranchUsers) + " in all"
		}
	case backoffice.ByPolicy:
		length = float64(n.Strength) / 100
		words = "Policy " + ui.Number(n.Strength)
	default:
		share, any := n.ActiveShare()
		if !any {
			return 0, -1, ""
		}
		length = share
		words = percent(share) + " active"
	}
	return max(min(length, 1), 0), min(int(length*5+1e-9), 4), words
}

func percent(share float64) string { return ui.Number(int(math.Round(share*100))) + "\u00a0%" }

func usersText(n *backoffice.TreeNode) string {
	if n.BranchUsers == 0 {
		return "No users yet"
	}
	return ui.Count(n.Users, "user", "users")
}

// sentence says all that a node shows, for its title and for who hears it.
func (s TreeGraphScene) sentence(b []byte, n *backoffice.TreeNode) []byte {
	b = append(b, n.Name...)
	b = append(b, ": "...)
	b = append(b, ui.Count(n.Users, "user", "users")...)
	if n.Below > 0 {
		b = append(b, ", "...)
		b = ui.AppendNumber(b, n.BranchUsers)
		b = append(b, " with all below"...)
	}
	if share, any := n.ActiveShare(); any {
		b = append(b, ", "...)
		b = append(b, percent(share)...)
		b = append(b, " active"...)
	}
	b = append(b, ", policy strength "...)
	b = ui.AppendNumber(b, int64(n.Strength))
	if n.Below > 0 {
		b = append(b, ", "...)
		b = append(b, ui.Count(n.Below, "sub-account", "sub-accounts")...)
	}
	return b
}

// Room for a name inside its box, in pixels, at 13 pixels and weight 500. In a file
// the fonts of others are some 15 % wider.
const (
	treeNameRoom     = backoffice.TreeNodeWidth - 24
	treeNameRoomFile = treeNameRoom * 0.87
)

// cutName shortens a name to what fits, by the usual widths of its characters:
// the server cannot measure. A name written from the right keeps its mark at its
// own end.
func cutName(name string, room float64) (cut string, rtl bool) {
	const dots = 8
	width, fits := 0.0, 0
	for i, r := range name {
		rtl = rtl || unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana)
		w := runeWidth(r)
		if w > 0 && width <= room-dots {
			fits = i // a mark is not parted from its letter
		}
		if width += w; width > room {
			cut = name[:fits]
			for cut != "" && cut[len(cut)-1] == ' ' {
				cut = cut[:len(cut)-1]
			}
			if cut += "…"; rtl {
				cut += "\u200f"
			}
			return cut, rtl
		}
	}
	return name, rtl
}

func runeWidth(r rune) float64 {
	switch {
	case r >= ' ' && r <= '~':
		return float64(asciiWidths[r-' ']) / 10
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000:
		return 13
	case unicode.IsUpper(r):
		return 9.4
	}
	return 7.9
}

// asciiWidths are the widths from the space to the tilde in Geist at 13 pixels and
// weight 500, in tenths of a pixel.
var asciiWidths = [...]uint8{
	32, 30, 47, 67, 84, 105, 84, 24, 38, 38, 56, 73, 28, 54, 28, 52, 89, 48, 82, 81, 82, 83, 79, 71,
	81, 79, 39, 39, 71, 71, 71, 74, 120, 90, 89, 93, 92, 78, 75, 93, 91, 34, 76, 83, 73, 114, 95, 98,
	83, 97, 88, 85, 75, 90, 88, 125, 82, 80, 73, 47, 48, 47, 57, 73, 34, 73, 78, 72, 78, 74, 44, 78,
	76, 31, 35, 73, 36, 113, 75, 75, 78, 78, 47, 69, 46, 76, 73, 108, 74, 72, 70, 51, 36, 51, 68,
}

// appendCoordinate writes a number of pixels, to a tenth.
func appendCoordinate(b []byte, v float64) []byte {
	return strconv.AppendFloat(b, math.Round(v*10)/10, 'f', -1, 64)
}

// appendEdges writes the ways from parents to children: those that the filter lets.
func appendEdges(b []byte, g *backoffice.TreeGraph, onPath bool) []byte {
	at := func(letter byte, v ...float64) {
		b = append(b, letter)
		for i, x := range v {
			if i > 0 {
				b = append(b, ' ')
			}
			b = appendCoordinate(b, x)
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Parent < 0 || n.OnPath != onPath {
			continue
		}
		p := &g.Nodes[n.Parent]
		x0, y0, x1, y1 := p.X+backoffice.TreeNodeWidth, p.Y+backoffice.TreeNodeHeight/2, n.X, n.Y+backoffice.TreeNodeHeight/2
		at('M', x0, y0)
		dy := y1 - y0
		if math.Abs(dy) < 1 {
			at('L', x1, y1)
			continue
		}
		bend := math.Copysign(min(8, math.Abs(dy)/2), dy)
		mid, r := x0+25, math.Abs(bend)
		at('H', mid-r)
		at('Q', mid, y0, mid, y0+bend)
		at('V', y1-bend)
		at('Q', mid, y1, mid+r, y1)
		at('H', x1)
	}
	return b
}

func pixels(v float64) string { return string(appendCoordinate(nil, v)) }

// measureItem is a measure in the menu.
func (s TreeGraphScene) measureItem(m backoffice.TreeMeasure) ui.ItemProps {
	p := ui.ItemProps{Label: m.Label(), Href: s.colouredBy(m), Attrs: templ.Attributes{"data-graph-go": "stay"}}
	switch m {
	case backoffice.ByUsers:
		p.Icon = "users"
	case backoffice.ByPolicy:
		p.Icon = "shield-check"
	default:
		p.Icon = "activity"
	}
	if now := s.Graph.State.Measure; m == now || now == "" && m == backoffice.ByActivity {
		p.Attrs["aria-current"], p.End = "true", "shown"
	}
	return p
}

// treeMapFrom is from how many nodes on a picture has a small map of itself.
const treeMapFrom = 9

// mapShape lets the map of a picture that is very tall fill its room.
func (s TreeGraphScene) mapShape() string {
	if s.Graph.Height > 2.5*s.Graph.Width {
		return "none"
	}
	return "xMidYMid"
}
