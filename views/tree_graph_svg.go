package views

import (
	"context"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"steward/backoffice"
	"steward/views/ui"
)

// queryPairs parts a query that we have written ourselves.
func queryPairs(query string) []ui.Pair {
	var list []ui.Pair
	for part := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(part, "="); name != "" {
			if value, err := url.QueryUnescape(value); err == nil {
				list = append(list, ui.Pair{Name: name, Value: value})
			}
		}
	}
	return list
}

// treeSVG draws the picture into a page: every state that a node leads to is a
// link, so that it works without script.
func (s TreeGraphScene) treeSVG() templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		buf := rowBuffers.Get().(*[]byte)
		b := s.appendSVG((*buf)[:0])
		_, err := w.Write(b)
		*buf = b
		rowBuffers.Put(buf)
		return err
	})
}

func (s TreeGraphScene) appendSVG(b []byte) []byte {
	g := s.Graph
	b = append(b, `<svg class="graph" data-graph-svg role="tree" aria-label="`...)
	b = ui.AppendEscaped(b, s.label())
	b = append(b, `" width="`...)
	b = appendCoordinate(b, g.Width)
	b = append(b, `" height="`...)
	b = appendCoordinate(b, g.Height)
	b = append(b, `" viewBox="0 0 `...)
	b = appendCoordinate(b, g.Width)
	b = append(b, ' ')
	b = appendCoordinate(b, g.Height)
	b = append(b, `"><g role="presentation"><path class="edge" d="`...)
	b = appendEdges(b, g, false)
	b = append(b, `"/><path class="edge edge-on" d="`...)
	b = appendEdges(b, g, true)
	b = append(b, `"/></g>`...)
	selects := s.selects()
	inTurn := max(slices.IndexFunc(g.Nodes, func(n backoffice.GraphNode) bool { return n.Selected }), 0)
	for i := range g.Nodes {
		b = s.appendNode(b, i, i == inTurn, selects)
	}
	return append(b, `</svg>`...)
}

// selects is the address that selects an account: its ID follows.
func (s TreeGraphScene) selects() string {
	state := s.Graph.State
	state.Selected = "@"
	return strings.TrimSuffix(s.address(state), "@")
}

func (s TreeGraphScene) appendNode(b []byte, at int, inTurn bool, selects string) []byte {
	g := s.Graph
	n := &g.Nodes[at]
	a := &g.Branch.Nodes[n.At]
	stands := n.Hidden > 0
	b = append(b, `<g class="node`...)
	if stands {
		b = append(b, " node-more"...)
	}
	if n.Selected {
		b = append(b, " node-on"...)
	}
	if n.Found {
		b = append(b, " node-found"...)
	}
	b = append(b, `" role="treeitem" tabindex="`...)
	if inTurn {
		b = append(b, '0')
	} else {
		b = append(b, "-1"...)
	}
	b = append(b, `" aria-level="`...)
	b = strconv.AppendInt(b, int64(n.Level), 10)
	b = append(b, `" aria-setsize="`...)
	b = strconv.AppendInt(b, int64(n.Set), 10)
	b = append(b, `" aria-posinset="`...)
	b = strconv.AppendInt(b, int64(n.Pos), 10)
	b = append(b, '"')
	if a.Children > 0 && !stands {
		b = append(b, ` aria-expanded="`...)
		b = strconv.AppendBool(b, n.Open)
		b = append(b, '"')
	}
	if n.Selected {
		b = append(b, ` aria-selected="true"`...)
	}
	b = append(b, ` data-node="`...)
	if stands {
		b = append(b, '+')
		if n.Before {
			b = append(b, '-')
		}
	}
	b = append(b, a.ID...)
	b = append(b, `" transform="translate(`...)
	b = appendCoordinate(b, n.X)
	b = append(b, ' ')
	b = appendCoordinate(b, n.Y)
	b = append(b, `)">`...)
	if stands {
		return s.appendMore(b, n, a)
	}
	b = append(b, `<title>`...)
	b = ui.AppendEscaped(b, string(s.sentence(nil, a)))
	b = append(b, `</title><a href="`...)
	b = ui.AppendEscaped(b, selects)
	b = append(b, a.ID...)
	b = append(b, `">`...)
	b = s.appendBox(b, a)
	b = append(b, `</a>`...)
	if a.Children > 0 {
		b = append(b, `<a class="knob-link" data-knob aria-label="`...)
		state := g.State
		if n.Open {
			b = append(b, "Collapse "...)
			state = g.Branch.TreeClosed(state, n.At)
		} else {
			b = append(b, "Expand "...)
			state = g.Branch.TreeOpened(state, n.At)
		}
		b = ui.AppendEscaped(b, a.Name)
		if !n.Open {
			b = append(b, ", "...)
			b = ui.AppendNumber(b, a.Children)
		}
		b = append(b, `" href="`...)
		b = ui.AppendEscaped(b, s.address(state))
		b = append(b, `">`...)
		b = appendKnob(b, n, a)
		b = append(b, `</a>`...)
	}
	return append(b, `</g>`...)
}

// appendBox writes the inside of an account's node.
func (s TreeGraphScene) appendBox(b []byte, a *backoffice.TreeNode) []byte {
	b = append(b, `<rect class="node-box" x=".5" y=".5" width="189" height="51" rx="8"/><text class="node-name" x="12" y="20"`...)
	room := float64(treeNameRoom)
	if s.asFile {
		room = treeNameRoomFile
	}
	name, rtl := cutName(a.Name, room)
	if rtl {
		b = append(b, ` direction="ltr" unicode-bidi="isolate"`...)
	}
	b = append(b, '>')
	b = ui.AppendEscaped(b, name)
	b = append(b, `</text><text class="node-meta" x="12" y="36">`...)
	b = append(b, usersText(a)...)
	b = append(b, `</text>`...)
	length, step, words := treeValue(s.Graph.State.Measure, a)
	if words != "" {
		b = append(b, `<text class="node-share" x="178" y="36" text-anchor="end">`...)
		b = append(b, words...)
		b = append(b, `</text>`...)
	}
	b = append(b, `<rect class="s-track" x="12" y="43" width="166" height="4" rx="2"/>`...)
	if step >= 0 {
		b = append(b, `<rect class="s-`...)
		b = append(b, '0'+byte(step))
		b = append(b, `" x="12" y="43" width="`...)
		b = appendCoordinate(b, max(166*length, 4))
		b = append(b, `" height="4" rx="2"/>`...)
	}
	return b
}

// appendKnob writes what opens and closes a node; a closed one says how many it hides.
func appendKnob(b []byte, n *backoffice.GraphNode, a *backoffice.TreeNode) []byte {
	b = append(b, `<circle class="knob-room" cx="190" cy="26" r="14"/><circle class="knob" cx="190" cy="26" r="9"/><path class="knob-mark" d="M186 26h8`...)
	if !n.Open {
		b = append(b, `M190 22v8"/><text class="knob-count" x="204" y="30">`...)
		b = ui.AppendNumber(b, a.Children)
		return append(b, `</text>`...)
	}
	return append(b, `"/>`...)
}

func moreText(n *backoffice.GraphNode) string {
	text := "+ " + ui.Number(n.Hidden) + " more"
	if n.Before {
		text = "+ " + ui.Number(n.Hidden) + " before"
	}
	return text
}

func (s TreeGraphScene) appendMore(b []byte, n *backoffice.GraphNode, a *backoffice.TreeNode) []byte {
	text := moreText(n)
	b = append(b, `<title>`...)
	b = append(b, text...)
	b = append(b, " below "...)
	b = ui.AppendEscaped(b, a.Name)
	b = append(b, `</title><a href="`...)
	b = ui.AppendEscaped(b, s.address(s.Graph.More(n.To, n.At)))
	b = append(b, `">`...)
	b = appendMoreBox(b, text)
	return append(b, `</a></g>`...)
}

func appendMoreBox(b []byte, text string) []byte {
	b = append(b, `<rect class="node-box" x=".5" y=".5" width="189" height="51" rx="8"/><text class="node-name" x="12" y="31">`...)
	b = append(b, text...)
	return append(b, `</text>`...)
}

// minimap is the whole picture as one path, small.
func (s TreeGraphScene) minimap() string {
	var b []byte
	for i := range s.Graph.Nodes {
		n := &s.Graph.Nodes[i]
		b = append(b, 'M')
		b = strconv.AppendInt(b, int64(n.X), 10)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(n.Y), 10)
		b = append(b, "h190v52h-190z"...)
	}
	return string(b)
}
