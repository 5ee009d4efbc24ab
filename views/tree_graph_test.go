package views

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"steward/backoffice"
)

var treeNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func sampleScene(accounts int, query string) TreeGraphScene {
	v, err := url.ParseQuery(query)
	if err != nil {
		panic(err)
	}
	return TreeGraphScene{Graph: backoffice.NewTreeGraph(backoffice.SampleBranch(accounts, treeNow), backoffice.ParseTreeState(v)), Path: "/portal/accounts", Keep: "view=graph",
		Download: "/portal/accounts.svg", Account: func(id string) string { return "/portal/accounts/" + id }, Now: treeNow}
}

// A file of the graph is XML that fetches and runs nothing, whatever accounts are called.
func TestTreeGraphFileIsHarmless(t *testing.T) {
	nasty := `</text></style><script>alert(1)</script>` + "\x00\x1b\ufffe" + `" onload="alert(1)`
	b := backoffice.NewBranch(1, []backoffice.TreeNode{{Key: 1, ID: "nord", Name: "=cmd|'/c calc'!A1 & Co"}, {Key: 2, ParentKey: 1, ID: "a", Name: nasty}, {Key: 3, ParentKey: 1, ID: "b", Name: "]]><image href='https://evil.example/x'/>"}})
	file := TreeGraphFile(TreeGraphScene{Graph: backoffice.NewTreeGraph(b, backoffice.TreeState{}), Now: treeNow})
	d := xml.NewDecoder(bytes.NewReader(file))
	var texts strings.Builder
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "svg", "g", "title", "style", "rect", "path", "text", "circle":
			default:
				t.Errorf("element %s", e.Name.Local)
			}
			for _, a := range e.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Name.Local, "href") || strings.Contains(a.Value, "url(") {
					t.Errorf("attribute %s=%q of %s", a.Name.Local, a.Value, e.Name.Local)
				}
			}
		case xml.CharData:
			texts.Write(e)
		}
	}
	if got := texts.String(); !strings.Contains(got, `<script>alert(1)</script>`) || !strings.Contains(got, "=cmd|'/c calc'!A1 & Co and its sub-accounts") {
		t.Errorf("names are not there as text: %q", got)
	}
	if strings.Contains(treeFileStyle, "url(") || strings.Contains(treeFileStyle, "@import") || strings.ContainsAny(treeFileStyle, "<&") {
		t.Error("the style fetches something, or is no text of XML")
	}
}

// The colours of the file are those of the pages in light.
func TestTreeGraphFileHasOurColours(t *testing.T) {
	sheet, err := os.ReadFile("../static/css/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	token := regexp.MustCompile(`--([a-z0-9-]+):\s*light-dark\(oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)`)
	ours := map[string]string{}
	for _, m := range token.FindAllStringSubmatch(string(sheet), -1) {
		var v [3]float64
		for i := range v {
			v[i], _ = strconv.ParseFloat(m[i+2], 64)
		}
		ours[m[1]] = hexOf(v[0], v[1], v[2])
	}
	for class, want := range map[string]string{".desk": "desk", ".node-name": "ink", ".node-share": "ink-2", "text": "ink-3", ".s-track": "hover",
		".node-found .node-box": "petrol-soft", ".s-0": "share-0", ".s-1": "share-1", ".s-2": "share-2", ".s-3": "share-3", ".s-4": "share-4"} {
		rule := regexp.MustCompile(`(?:^|})` + regexp.QuoteMeta(class) + `\{[^}]*fill:(#[0-9a-f]{6})`).FindStringSubmatch(treeFileStyle)
		if rule == nil || rule[1] != ours[want] {
			t.Errorf("%s is %v, --%s is %s", class, rule, want, ours[want])
		}
	}
}

// hexOf writes a colour of OKLCH in sRGB (Björn Ottosson, "A perceptual color
// space for image processing").
func hexOf(light, chroma, hue float64) string {
	a, b := chroma*math.Cos(hue*math.Pi/180), chroma*math.Sin(hue*math.Pi/180)
	l := math.Pow(light+0.3963377774*a+0.2158037573*b, 3)
	m := math.Pow(light-0.1055613458*a-0.0638541728*b, 3)
	s := math.Pow(light-0.0894841775*a-1.2914855480*b, 3)
	out := "#"
	for _, x := range []float64{4.0767416621*l - 3.3077115913*m + 0.2309699292*s, -1.2684380046*l + 2.6097574011*m - 0.3413193965*s, -0.0041960863*l - 0.7034186147*m + 1.7076147010*s} {
		if x <= 0.0031308 {
			x *= 12.92
		} else {
			x = 1.055*math.Pow(x, 1/2.4) - 0.055
		}
		out += fmt.Sprintf("%02x", int(math.Round(255*max(0, min(1, x)))))
	}
	return out
}

func TestLongNamesAreCut(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"Nord Group", "Nord Group"},
		{"Vereinigte Elektrizitätswerke und Netzbetreiber", "Vereinigte Elektrizitätswe…"},
		{"WWWWWWWWWWWWWWWWWWWWWWWW", "WWWWWWWWWWWW…"},
		{"株式会社さくらホールディングス東京本社", "株式会社さくらホールディ…"},
		{strings.Repeat("e\u0301", 40), strings.Repeat("e\u0301", 21) + "…"},
		{strings.Repeat("נורד ", 10), strings.TrimSuffix(strings.Repeat("נורד ", 4), " ") + " נ…\u200f"},
		{"Two words and a space here x", "Two words and a space h…"},
	} {
		got, _ := cutName(c.name, treeNameRoom)
		if !strings.HasSuffix(c.want, "…\u200f") && got != c.want {
			t.Errorf("%q: %q, want %q", c.name, got, c.want)
		}
		if strings.HasSuffix(c.want, "…\u200f") && (!strings.HasSuffix(got, "…\u200f") || !strings.HasPrefix(c.name, strings.TrimSuffix(got, "…\u200f"))) {
			t.Errorf("%q: %q", c.name, got)
		}
	}
}

func TestTreeGraphIsWholeMarkup(t *testing.T) {
	for _, query := range []string{"", "open=all", "open=all&by=users", "q=marine", "by=policy&sel=acc-9-000001", "q=nobody+at+all", "open="} {
		var page bytes.Buffer
		s := sampleScene(300, query)
		if err := TreeGraph(s).Render(context.Background(), &page); err != nil {
			t.Fatal(err)
		}
		html := page.String()
		if n := strings.Count(html, `tabindex="0"`); n != 2 { // the canvas, and one node
			t.Errorf("%q: %d stops", query, n)
		}
		if got, want := strings.Count(html, `role="treeitem"`), len(s.Graph.Nodes); got != want {
			t.Errorf("%q: %d nodes of %d", query, got, want)
		}
		for _, bad := range []string{"style=", "onclick", "NaN", "href=\"\"", "%!"} {
			if strings.Contains(html, bad) {
				t.Errorf("%q: %s in the page", query, bad)
			}
		}
		// Each address of a node leads back to the graph.
		for _, m := range regexp.MustCompile(`<a href="([^"]*)"><rect`).FindAllStringSubmatch(html, -1) {
			if !strings.HasPrefix(m[1], "/portal/accounts?view=graph&amp;") {
				t.Fatalf("%q leads to %s", query, m[1])
			}
		}
	}
}

func BenchmarkTreeGraphPage600(b *testing.B) {
	branch := backoffice.SampleBranch(5000, treeNow)
	v := url.Values{"open": {"all"}}
	for b.Loop() {
		s := TreeGraphScene{Graph: backoffice.NewTreeGraph(branch, backoffice.ParseTreeState(v)), Path: "/portal/accounts", Keep: "view=graph", Now: treeNow}
		if err := TreeGraph(s).Render(context.Background(), io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
