package ui

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"
	"pgregory.net/rapid"
)

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func document(t *testing.T, c templ.Component) *goquery.Document {
	t.Helper()
	d, err := goquery.NewDocumentFromReader(strings.NewReader(render(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func attr(t *testing.T, s *goquery.Selection, name string) string {
	t.Helper()
	if s.Length() != 1 {
		t.Fatalf("%d elements, want one", s.Length())
	}
	return s.AttrOr(name, "")
}

// around gives a component its children.
func around(c templ.Component, children string) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return c.Render(templ.WithChildren(ctx, text(children)), w)
	})
}

var nasty = `<b onclick="x('&')">"Tom" & 'Jerry'</b>` + "\u202e\n"

func TestAppendEscapedIsWhatTemplDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{nasty, "", "&amp;", "<", "\"'"})).Draw(t, "s")
		if got, want := string(AppendEscaped(nil, s)), templ.EscapeString(s); got != want {
			t.Fatalf("AppendEscaped(%q) = %q, templ writes %q", s, got, want)
		}
	})
}

func TestAppendIconIsIcon(t *testing.T) {
	for name := range icons {
		if got, want := string(AppendIcon(nil, name)), render(t, Icon(name)); got != want {
			t.Fatalf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestAppendTimeIsTime(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(rt *rapid.T) {
		then := now.Add(-time.Duration(rapid.Int64Range(-40*24*3600, 3*365*24*3600).Draw(rt, "seconds")) * time.Second)
		if got, want := string(AppendTime(nil, then, now)), render(t, Time(then, now)); got != want {
			rt.Fatalf("AppendTime = %q, Time draws %q", got, want)
		}
		if got, want := machineTime(then), then.Format(time.RFC3339); got != want {
			rt.Fatalf("machine time %q, want %q", got, want)
		}
		if got, want := Date(then), then.Format("2 Jan 2006"); got != want {
			rt.Fatalf("Date %q, want %q", got, want)
		}
		if got, want := DateTime(then), then.Format("2 Jan 2006, 15:04 UTC"); got != want {
			rt.Fatalf("DateTime %q, want %q", got, want)
		}
	})
}

func TestAgo(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		then time.Time
		want string
	}{
		{now, "just now"},
		{now.Add(-59 * time.Second), "just now"},
		{now.Add(-time.Minute), "1 minute ago"},
		{now.Add(-52 * time.Minute), "52 minutes ago"},
		{now.Add(-time.Hour), "1 hour ago"},
		{now.Add(-11 * time.Hour), "11 hours ago"},
		{time.Date(2026, 11, 19, 17, 2, 0, 0, time.UTC), "Yesterday, 17:02"},
		{time.Date(2026, 11, 18, 23, 59, 0, 0, time.UTC), "2 days ago"},
		{time.Date(2026, 11, 14, 0, 0, 0, 0, time.UTC), "6 days ago"},
		{time.Date(2026, 11, 13, 23, 0, 0, 0, time.UTC), "13 Nov 2026"},
		{now.Add(20 * time.Second), "in a moment"},
		{now.Add(6*24*time.Hour + time.Hour), "in 6 days"},
	} {
		if got := Ago(c.then, now); got != c.want {
			t.Errorf("Ago(%s) = %q, want %q", c.then, got, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1\u00a0000", 1200: "1\u00a0200", 11340: "11\u00a0340",
		1234567: "1\u00a0234\u00a0567", -1200: "\u22121\u00a0200", -9223372036854775808: "\u22129\u00a0223\u00a0372\u00a0036\u00a0854\u00a0775\u00a0808"} {
		if got := Number(n); got != want {
			t.Errorf("Number(%d) = %q, want %q", n, got, want)
		}
	}
	for _, c := range []struct{ got, want string }{
		{Decimal(4.4817, 2), "4.48"}, {Decimal(1234.5, 1), "1\u00a0234.5"}, {Decimal(-0.034, 2), "\u22120.03"}, {Decimal(0, 2), "0.00"},
		{SignedDecimal(-0.034, 2), "\u22120.03"}, {SignedDecimal(0.3, 2), "+0.30"}, {SignedDecimal(0.001, 2), "0"},
		{Signed(72), "+72"}, {Signed(-3), "\u22123"}, {Signed(0), "0"},
		{Count(1, "user", "users"), "1 user"}, {Count(14, "user", "users"), "14 users"},
		{Bytes(512), "512 bytes"}, {Bytes(16 << 10), "16 KiB"}, {Bytes(1468006), "1.4 MiB"},
		{Span(12 * time.Hour), "12 hours"}, {Span(90 * time.Minute), "90 minutes"}, {Span(14 * 24 * time.Hour), "14 days"}, {Span(time.Minute), "1 minute"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{"Ada Weber": "AW", "Hana": "H", "田中 美咲": "田", "ליאור כהן": "ל", "": "?", "…": "?",
		"hana.fischer@nord.example": "HF", "sóley ragnarsdóttir-þorvaldsdóttir": "SÞ", "<b>": "B"} {
		if got := Initials(name); got != want {
			t.Errorf("Initials(%q) = %q, want %q", name, got, want)
		}
	}
}

// bars reads the heights of a sparkline's bars by their place: it walks the path.
func bars(t *testing.T, svg string) map[int]int {
	t.Helper()
	heights := map[int]int{}
	path := regexp.MustCompile(`class="m-bars" d="M1 20([^"]*)"`).FindStringSubmatch(svg)
	if path == nil {
		return heights
	}
	x, y := 1, 20
	for _, step := range regexp.MustCompile(`v(-?\d+)|m(\d+) (\d+)`).FindAllStringSubmatch(path[1], -1) {
		var up, along, down int
		fmt.Sscan(step[1], &up)
		fmt.Sscan(step[2], &along)
		fmt.Sscan(step[3], &down)
		if x, y = x+along, y+down; y != 20 || x%3 != 1 {
			t.Errorf("a bar begins at %d %d in %s", x, y, path[1])
		}
		if up != 0 {
			y += up
			heights[x/3] = -up
		}
	}
	return heights
}

func TestSparkGeometry(t *testing.T) {
	svg := render(t, Spark([]int{0, 1, 4, 8}, "visits"))
	if got := bars(t, svg); len(got) != 3 || got[27] != 3 || got[28] != 10 || got[29] != 20 {
		t.Errorf("bars %v: fewer days stand at the right, the highest is 20", got)
	}
	if !strings.Contains(svg, `aria-label="Last 30 days: 13 visits"`) {
		t.Errorf("no sum in %s", svg)
	}
	if svg := render(t, Spark([]int(nil), "visits")); !strings.Contains(svg, `class="spark"`) || strings.Contains(svg, "m-bar") {
		t.Errorf("empty: %s", svg)
	}
	rapid.Check(t, func(rt *rapid.T) {
		counts := rapid.SliceOfN(rapid.IntRange(0, 5000), 30, 30).Draw(rt, "counts")
		svg := string(AppendSpark(nil, counts, "visits"))
		heights := bars(t, svg)
		for i, c := range counts {
			h, drawn := heights[i]
			if drawn != (c > 0) || (drawn && (h < 2 || h > 20)) {
				rt.Fatalf("day %d with %d visits is %d high", i, c, h)
			}
		}
		if svg != render(t, Spark(counts, "visits")) {
			rt.Fatal("Spark and AppendSpark differ")
		}
	})
}

func TestForeignTextIsEscapedEverywhere(t *testing.T) {
	all := map[string]templ.Component{
		"button": Button(ButtonProps{Label: nasty, Aria: nasty, Value: nasty, Name: "n"}),
		"copy":   Copy(nasty, nasty), "hint": Hint("h", nasty, nasty), "tag": Tag(TagProps{Text: nasty}),
		"field":  Field(FieldProps{ID: "f", Name: "f", Label: nasty, Value: nasty, Help: nasty, Problem: nasty, Placeholder: nasty}),
		"area":   Field(FieldProps{ID: "f", Name: "f", Label: nasty, Value: "</textarea>" + nasty, Rows: 3}),
		"select": Select(FieldProps{ID: "f", Name: "f", Label: nasty}, []Option{{Value: nasty, Label: nasty}}),
		"check":  Check(PickProps{Name: "n", Value: nasty, Label: nasty, Help: nasty}),
		"kpi":    KPI(KPIProps{ID: "k", Label: nasty, Figure: nasty, Definition: nasty, Delta: nasty, Previous: nasty}),
		"chip":   Chip(nasty, nasty, "/a", "/b"), "pager": Pager(PagerProps{Text: nasty}), "toast": Toast(ToastProps{Text: nasty, Undo: "/u"}),
		"dialog": Dialog(DialogProps{ID: "d", Title: nasty, Name: nasty, Sub: nasty}), "trail": Trail([]Crumb{{Label: nasty, Href: "/"}, {Label: nasty}}),
		"diff":    Diff([]DiffLine{{Kind: "changed", Field: nasty, Before: nasty, After: nasty}}),
		"palette": PaletteList(nasty, []Found{{Label: nasty, Sub: nasty, Href: "/"}}), "none": PaletteList(nasty, nil),
		"metadata": Metadata([]Pair{{Name: nasty, Value: nasty}}), "editor": MetadataEditor(MetadataProps{ID: "m", Rows: []Pair{{Name: nasty, Value: nasty}}, JSON: nasty}),
		"daily": Daily(DailyChart{ID: "d", Title: nasty, About: nasty, Counts: []int{1, 2}, Unit: nasty, Legend: nasty}),
		"spark": Spark([]int{1}, nasty), "item": Item(ItemProps{Label: nasty, Copies: nasty}), "head": Head(HeadProps{Title: nasty, Sub: nasty}),
	}
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			html := render(t, c)
			if strings.Contains(html, "<b onclick") {
				t.Errorf("not escaped in %s", html)
			}
			if document(t, c).Find("[onclick], [style], script, style").Length() > 0 {
				t.Errorf("something inline in %s", html)
			}
		})
	}
}

func TestAddressesCannotRunScript(t *testing.T) {
	if href := attr(t, document(t, Button(ButtonProps{Label: "x", Href: "/a?b=1&c=2"})).Find("a"), "href"); href != "/a?b=1&c=2" {
		t.Errorf("href %q", href)
	}
}

func TestFieldIsWiredToItsProblem(t *testing.T) {
	d := document(t, Field(FieldProps{ID: "idle", Name: "idle", Label: "Idle timeout", Value: "12", Help: "Up to 24 days.", Problem: "At most 8 hours.", Required: true}))
	input := d.Find("input")
	if attr(t, input, "value") != "12" || attr(t, input, "aria-invalid") != "true" || attr(t, input, "name") != "idle" {
		t.Errorf("the typed value or the refusal is lost: %s", render(t, Field(FieldProps{})))
	}
	for _, id := range strings.Fields(attr(t, input, "aria-describedby")) {
		if d.Find("#"+id).Length() != 1 {
			t.Errorf("aria-describedby names %s, which is not there", id)
		}
	}
	if attr(t, d.Find("label"), "for") != "idle" || d.Find(".field").AttrOr("data-invalid", "") != "true" {
		t.Error("label or field not marked")
	}
	if _, ok := document(t, Field(FieldProps{ID: "a", Name: "a", Label: "A"})).Find("input").Attr("aria-describedby"); ok {
		t.Error("describedby without anything to describe")
	}
	if v, ok := document(t, Field(FieldProps{ID: "p", Name: "p", Label: "Password", Type: "password", Value: "secret"})).Find("input").Attr("value"); ok {
		t.Errorf("a password came back: %q", v)
	}
	if got := document(t, Field(FieldProps{ID: "a", Name: "a", Label: "A", Rows: 3, Value: "\nfirst line is empty"})).Find("textarea").Text(); got != "\nfirst line is empty" {
		t.Errorf("text area keeps %q", got)
	}
}

func TestSelectKeepsTheChoice(t *testing.T) {
	d := document(t, Select(FieldProps{ID: "c", Name: "c", Label: "Currency", Value: "DKK"}, []Option{{Value: "EUR", Label: "Euro"}, {Value: "DKK", Label: "Krone"}}))
	if got := attr(t, d.Find("option[selected]"), "value"); got != "DKK" {
		t.Errorf("selected %q", got)
	}
}

func TestSortHeadTellsItsState(t *testing.T) {
	for sorted, arrow := range map[string]string{"ascending": icons["arrow-up"], "descending": icons["arrow-down"], "": icons["arrow-up-down"]} {
		c := SortHead(SortProps{Label: "Created", Href: "/?sort=created", Sorted: sorted, Class: "w-date", Right: true})
		th := document(t, templ.Join(templ.Raw("<table><tr>"), c, templ.Raw("</tr></table>"))).Find("th")
		if got := th.AttrOr("aria-sort", ""); got != sorted {
			t.Errorf("aria-sort %q, want %q", got, sorted)
		}
		if !strings.Contains(render(t, c), arrow) || !th.HasClass("w-date") || !th.HasClass("right") {
			t.Errorf("wrong arrow or class in %s", render(t, c))
		}
	}
	c := SortHead(SortProps{Label: "Primary user"})
	if strings.Contains(render(t, c), "<a") {
		t.Error("a head that does not sort has a link")
	}
}

func TestPagerLinksThatLeadNowhereAreNoLinks(t *testing.T) {
	d := document(t, Pager(PagerProps{Text: "50 of 463", Next: "/?after=x"}))
	if d.Find("nav a[href]").Length() != 1 || d.Find("nav a[aria-disabled=true]").Length() != 2 {
		t.Error(d.Html())
	}
	if d := document(t, Pager(PagerProps{Text: "3 accounts", Hidden: true})); d.Find("nav").Length() != 0 {
		t.Error("pages shown although all rows are there")
	}
}

func TestKPIIsADoorWithItsDefinition(t *testing.T) {
	d := document(t, KPI(KPIProps{ID: "def-new", Label: "New accounts", Href: "/list", Figure: "116", Delta: "+72", Trend: "up", Definition: "Accounts created in the last 7 days.", Chart: &Mini{Values: []float64{1, 2, 3, 4}, Before: 2, Bars: true}}))
	if attr(t, d.Find(".kpi-label a"), "href") != "/list" {
		t.Error("no way to the list")
	}
	if d.Find("#"+attr(t, d.Find("button"), "popovertarget")+"[popover]").Length() != 1 {
		t.Error("the info button opens nothing")
	}
	if d.Find("path.m-bar-0").AttrOr("d", "") != "M0 64v-16h5v16zm7 0v-32h5v32z" || d.Find("path.m-bar").AttrOr("d", "") != "M14 64v-48h5v48zm7 0v-64h5v64z" {
		t.Error("bars of the two periods are mixed up")
	}
	if d := document(t, KPI(KPIProps{ID: "x", Chart: &Mini{Values: []float64{0, 0}}})); d.Find("path.m-base").Length() != 1 {
		t.Error("nothing to show is not a base line")
	}
}

func TestDailyChartHasItsTable(t *testing.T) {
	c := DailyChart{ID: "v", Title: "Visits", First: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Counts: []int{5, 0, 1200}, Before: []int{2, 2, 2}, Unit: "visits", Past: "before"}
	d := document(t, Daily(c))
	var rows []string
	d.Find("details tbody tr").Each(func(_ int, s *goquery.Selection) { rows = append(rows, strings.TrimSpace(s.Text())) })
	if want := "3 Nov 20261\u00a0200|2 Nov 20260|1 Nov 20265"; strings.Join(rows, "|") != want {
		t.Errorf("table %q, want %q", strings.Join(rows, "|"), want)
	}
	if got := d.Find("rect.m-day title").Last().Text(); got != "3 Nov 2026: 1\u00a0200 visits" {
		t.Errorf("title %q", got)
	}
	if d.Find("path.m-prev").Length() != 2 || strings.Contains(render(t, Daily(c)), "NaN") {
		t.Error("the period before is missing")
	}
	for top, want := range map[int]int{1: 1, 5: 1, 6: 2, 10: 2, 11: 5, 47: 10, 51: 20, 1200: 500} {
		if got := niceStep(top); got != want {
			t.Errorf("niceStep(%d) = %d, want %d", top, got, want)
		}
	}
	render(t, Daily(DailyChart{ID: "e"}))
}

func TestRowMenuItemsCarryTheirConditions(t *testing.T) {
	d := document(t, Item(ItemProps{Label: "Enable", Action: "/backoffice/accounts/{id}/reseller", Unless: "reseller"}))
	if attr(t, d.Find("form"), "data-unless") != "reseller" || d.Find("form button[type=submit]").Length() != 1 {
		t.Error(d.Html())
	}
}

func TestDialogNamesItself(t *testing.T) {
	d := document(t, around(Dialog(DialogProps{ID: "del", Title: "Delete", Name: "Nord", After: "?", Action: "/x", Foot: Foot("del", "", ButtonProps{Label: "Delete account"})}), "body"))
	title := d.Find("#" + attr(t, d.Find("dialog"), "aria-labelledby"))
	if got := strings.Join(strings.Fields(title.Text()), " "); got != "Delete “Nord”?" {
		t.Errorf("title %q", got)
	}
	if attr(t, d.Find("footer button[type=submit]"), "class") != "btn" || d.Find("button[command=close][commandfor=del]").Length() != 2 {
		t.Error(d.Html())
	}
	if attr(t, d.Find("form"), "method") != "post" {
		t.Error("does not post")
	}
}

func TestEveryIconNamedInTheViewsExists(t *testing.T) {
	named := regexp.MustCompile(`Icon(?:Class)?\("([^"]+)"|Icon(?:End)?: +"([^"]+)"|BlankLine\("([^"]+)"`)
	for _, dir := range []string{".", ".."} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".templ") && !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			body, err := os.ReadFile(dir + "/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range named.FindAllStringSubmatch(string(body), -1) {
				name := m[1] + m[2] + m[3]
				if _, ok := icons[name]; !ok {
					t.Errorf("%s/%s names the icon %q, which is not there", dir, e.Name(), name)
				}
			}
		}
	}
	if err := Icon("no-such").Render(context.Background(), &strings.Builder{}); err == nil {
		t.Error("an unknown icon is no error")
	}
}
