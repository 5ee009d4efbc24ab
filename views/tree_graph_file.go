package views

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"steward/backoffice"
	"steward/views/ui"
)

// treeFileStyle is the light look of the picture, by itself: a file has no
// stylesheet of ours, and no font. The colours are those of tokens.css.
const treeFileStyle = `text{font-family:"Geist Variable",Geist,ui-sans-serif,system-ui,"Helvetica Neue",Arial,"Noto Sans",sans-serif;fill:#5c6a6e;font-size:12px}` +
	`.desk{fill:#f4f7f8}.edge{fill:none;stroke:#c6cfd1;stroke-width:1.25}.edge-on{stroke:#006173;stroke-width:1.75}` +
	`.node-box{fill:#fff;stroke:#c6cfd1}.node-on .node-box{stroke:#006173;stroke-width:2}.node-found .node-box{fill:#e5f3f6}` +
	`.node-name{fill:#122126;font-size:13px;font-weight:500}.node-share{fill:#445357;font-weight:500}.title{fill:#122126;font-size:14px;font-weight:600}` +
	`.node-more .node-box{fill:none;stroke-dasharray:4 3}.node-more .node-name{fill:#445357}.knob{fill:#fff;stroke:#828f92}.knob-room{fill:none}.knob-mark{fill:none;stroke:#445357;stroke-width:1.5;stroke-linecap:round}` +
	`.s-track{fill:#f0f4f5}.s-0{fill:#afb9bc}.s-1{fill:#90b4bb}.s-2{fill:#619daa}.s-3{fill:#2c7f90}.s-4{fill:#005a6c}`

// TreeGraphPolicy is the content policy for the file, should a browser open it as
// a page: its style and nothing else.
var TreeGraphPolicy = func() string {
	sum := sha256.Sum256([]byte(treeFileStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; sandbox"
}()

// Heights of what stands above and below the picture in its file, in pixels, and
// the least width for it.
const (
	treeFileHead  = 44
	treeFileFoot  = 48
	treeFileWidth = 480
)

// TreeGraphFile is the picture as a file of its own: SVG without script, links or
// anything that is fetched, in light colours. Names stand in it as text, escaped;
// characters that XML does not know are left out.
func TreeGraphFile(s TreeGraphScene) []byte {
	s.asFile = true
	g := s.Graph
	width, height := max(g.Width, treeFileWidth), g.Height+treeFileHead+treeFileFoot
	size := func(b []byte) []byte {
		b = appendCoordinate(b, width)
		b = append(b, `" height="`...)
		return appendCoordinate(b, height)
	}
	var b []byte
	b = append(b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<svg xmlns="http://www.w3.org/2000/svg" role="img" width="`...)
	b = size(b)
	b = append(b, `" viewBox="0 0 `...)
	b = appendCoordinate(b, width)
	b = append(b, ' ')
	b = appendCoordinate(b, height)
	b = append(b, `"><title>`...)
	b = ui.AppendEscaped(b, xmlText(s.label()))
	b = append(b, `</title><style>`+treeFileStyle+`</style><rect class="desk" width="`...)
	b = size(b)
	b = append(b, `"/><text class="title" x="20" y="32">`...)
	b = ui.AppendEscaped(b, xmlText(s.label()))
	b = append(b, `</text><g transform="translate(0 44)"><path class="edge" d="`...)
	b = appendEdges(b, g, false)
	b = append(b, `"/><path class="edge edge-on" d="`...)
	b = appendEdges(b, g, true)
	b = append(b, `"/>`...)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		a := g.Branch.Nodes[n.At]
		a.Name = xmlText(a.Name)
		b = append(b, `<g class="node`...)
		if n.Hidden > 0 {
			b = append(b, " node-more"...)
		}
		if n.Selected {
			b = append(b, " node-on"...)
		}
		if n.Found {
			b = append(b, " node-found"...)
		}
		b = append(b, `" transform="translate(`...)
		b = appendCoordinate(b, n.X)
		b = append(b, ' ')
		b = appendCoordinate(b, n.Y)
		b = append(b, `)">`...)
		if n.Hidden > 0 {
			b = appendMoreBox(b, moreText(n))
		} else {
			b = append(b, `<title>`...)
			b = ui.AppendEscaped(b, string(s.sentence(nil, &a)))
			b = append(b, `</title>`...)
			b = s.appendBox(b, &a)
			if a.Children > 0 && !n.Open {
				b = appendKnob(b, n, &a)
			}
		}
		b = append(b, `</g>`...)
	}
	b = append(b, `</g><g transform="translate(20 `...)
	b = appendCoordinate(b, height-treeFileFoot+4)
	b = append(b, `)">`...)
	b = appendFileLegend(b, s)
	return append(b, "</g></svg>\n"...)
}

// appendFileLegend writes what the colours mean, and of when they are.
func appendFileLegend(b []byte, s TreeGraphScene) []byte {
	scale := treeScaleOf(s.Graph.State.Measure)
	b = append(b, `<text y="10">`...)
	b = append(b, scale.title...)
	b = append(b, `</text><text x="180" y="10">`...)
	b = append(b, "As of "+ui.DateTime(s.Now)...)
	b = append(b, `</text>`...)
	for i := range 5 {
		x := float64(i * 32)
		b = append(b, `<rect class="s-`...)
		b = append(b, '0'+byte(i))
		b = append(b, `" x="`...)
		b = appendCoordinate(b, x)
		b = append(b, `" y="16" width="31" height="6"/>`...)
	}
	for i, end := range scale.ends {
		b = append(b, `<text x="`...)
		b = appendCoordinate(b, float64(i*32))
		if i > 0 {
			b = append(b, `" text-anchor="middle`...)
		}
		b = append(b, `" y="35">`...)
		b = append(b, end...)
		b = append(b, `</text>`...)
	}
	return b
}

// xmlText leaves out what may not stand in XML 1.0 at all.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
}

// TreeGraphName is what the file is called, for a header: "nord-group.svg".
func TreeGraphName(g *backoffice.TreeGraph) string {
	name := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '.') {
			return r
		}
		return '-'
	}, g.Branch.Nodes[0].ID)
	return "accounts-" + name + ".svg"
}
