package ui

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/a-h/templ"
)

// sparkDays is the number of bars in a sparkline.
const sparkDays = 30

// sparkBars holds the drawing of a bar by its height, and of the way from its
// top to the next bar's foot: a list draws fifteen hundred of them per page, and
// steps from bar to bar compress better than places do.
var sparkBars, sparkSteps = func() (bars [21]string, steps [21]string) {
	for h := range bars {
		height := strconv.Itoa(h)
		bars[h], steps[h] = "v-"+height, "m3 "+height
	}
	return bars, steps
}()

// Spark draws the counts of up to 30 days, oldest first, as bars of 2 in steps
// of 3; fewer days stand at the right. Days without a count are a foot of one
// pixel, which the stylesheet draws. what names the unit for the label: "visits" gives "Last 30 days: 166 visits".
func Spark(counts []int, what string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := w.Write(AppendSpark(make([]byte, 0, 900), counts, what))
		return err
	})
}

// AppendSpark appends what Spark draws.
func AppendSpark[N int | int32 | uint16 | uint32](b []byte, counts []N, what string) []byte {
	if len(counts) > sparkDays {
		counts = counts[len(counts)-sparkDays:]
	}
	var top N
	var sum int64
	for _, c := range counts {
		sum += int64(c)
		top = max(top, c)
	}
	b = append(b, `<svg class="spark" viewBox="0 0 90 20" role="img" aria-label="Last 30 days: `...)
	b = AppendNumber(b, sum)
	b = append(b, ' ')
	b = AppendEscaped(b, what)
	b = append(b, `">`...)
	lead := sparkDays - len(counts)
	at := func(i int) N {
		if i < lead {
			return 0
		}
		return counts[i-lead]
	}
	if top > 0 {
		b = append(b, `<path class="m-bars" d="M1 20`...)
		steps, was := 0, uint64(0) // days since the last bar, and its height
		for i := 0; i < sparkDays; i++ {
			if c := at(i); c > 0 {
				switch {
				case steps == 1:
					b = append(b, sparkSteps[was]...)
				case steps > 1:
					b = append(b, 'm')
					b = strconv.AppendInt(b, int64(steps*3), 10)
					b = append(b, ' ')
					b = strconv.AppendUint(b, was, 10)
				}
				was = max(2, (uint64(c)*20+uint64(top)/2)/uint64(top))
				b = append(b, sparkBars[was]...)
				steps = 0
			}
			steps++
		}
		b = append(b, `"/>`...)
	}
	return append(b, `</svg>`...)
}

// Mini is the small chart of a KPI card: the period before, then the period shown.
type Mini struct {
	Values []float64 // oldest first
	Before int       // how many of Values belong to the period before
	Bars   bool      // bars for what happened in each step, a line for what stood at each step
}

// A small chart is stretched to its place: across, a step is one unit of a line
// and seven of the bars; upwards there are miniH halves of a pixel.
const miniH = 64

func miniChart(m Mini) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := w.Write(appendMini(make([]byte, 0, 512), m))
		return err
	})
}

func appendMini(b []byte, m Mini) []byte {
	low, top := 0.0, 0.0
	for i, v := range m.Values {
		if i == 0 || v > top {
			top = v
		}
		if i == 0 || v < low {
			low = v
		}
	}
	open := func(width int) {
		b = append(b, `<svg class="kpi-chart" viewBox="0 0 `...)
		b = strconv.AppendInt(b, int64(width), 10)
		b = append(b, ` 64" preserveAspectRatio="none" aria-hidden="true">`...)
	}
	before := min(max(m.Before, 0), len(m.Values)-1)
	switch {
	case len(m.Values) < 2 || (top == 0 && low == 0):
		open(1)
		b = append(b, `<path class="m-base" d="M0 63h1"/>`...)
	case m.Bars:
		open(len(m.Values)*7 - 2)
		height := func(v float64) int64 { return max(3, int64(v/top*miniH+0.5)) }
		bars := func(class string, from, to int) {
			for i := from; i < to; i++ {
				if i == from {
					b = append(b, `<path class="`+class+`" d="M`...)
					b = strconv.AppendInt(b, int64(from*7), 10)
					b = append(b, ` 64`...)
				} else {
					b = append(b, `m7 0`...)
				}
				h := height(m.Values[i])
				b = append(b, `v-`...)
				b = strconv.AppendInt(b, h, 10)
				b = append(b, `h5v`...)
				b = strconv.AppendInt(b, h, 10)
				b = append(b, 'z')
			}
			if to > from {
				b = append(b, `"/>`...)
			}
		}
		bars("m-bar-0", 0, before)
		bars("m-bar", before, len(m.Values))
	default:
		open(len(m.Values) - 1)
		height := func(v float64) int64 {
			if top == low {
				return miniH / 2
			}
			return int64(60 - (v-low)/(top-low)*54 + 0.5)
		}
		line := func(class string, from, to int) {
			b = append(b, `<path class="`+class+`" d="M`...)
			b = strconv.AppendInt(b, int64(from), 10)
			b = append(b, ' ')
			was := height(m.Values[from])
			b = strconv.AppendInt(b, was, 10)
			for _, v := range m.Values[from+1 : to+1] {
				y := height(v)
				b = append(b, "l1"...)
				if y >= was {
					b = append(b, ' ')
				}
				b = strconv.AppendInt(b, y-was, 10)
				was = y
			}
			b = append(b, `"/>`...)
		}
		if before > 0 {
			line("m-before", 0, before)
		}
		line("m-line", before, len(m.Values)-1)
	}
	return append(b, `</svg>`...)
}

// appendFloat writes a coordinate, which is not negative, to a tenth.
func appendFloat(b []byte, x float64) []byte {
	tenths := int64(x*10 + 0.5)
	b = strconv.AppendInt(b, tenths/10, 10)
	if rest := tenths % 10; rest != 0 {
		b = append(b, '.', byte('0'+rest))
	}
	return b
}

// DailyChart is a chart of a count per day, beside the weekly mean of the
// period before, with a table of the same figures for who cannot see it.
type DailyChart struct {
	ID     string    // prefix of the ids inside: "visits"
	Title  string    // "Visits per day, last 90 days"
	About  string    // what there is to see, in a sentence
	First  time.Time // the day of Counts[0], UTC
	Counts []int     // one per day, without gaps
	Before []int     // as many days before First, or none
	Unit   string    // column and tooltip: "visits"
	Legend string    // "Visits per day, 2 118"
	Past   string    // "90 days before, weekly mean, 1 640"
}

const (
	plotH    = 212.0
	plotUnit = 10.0 // width of a day inside the stretched part
)

// niceStep gives the step of an axis whose highest value is top: 1, 2, 5 times a power of ten, at most five steps.
func niceStep(top int) int {
	for step := 1; ; step *= 10 {
		for _, f := range []int{1, 2, 5} {
			if top <= step*f*5 {
				return step * f
			}
		}
	}
}

// weeklyMean is the mean of the seven days around each day, as far as they are there.
func weeklyMean(counts []int) []float64 {
	mean := make([]float64, len(counts))
	for i := range counts {
		from, to := max(0, i-3), min(len(counts)-1, i+3)
		sum := 0
		for _, c := range counts[from : to+1] {
			sum += c
		}
		mean[i] = float64(sum) / float64(to-from+1)
	}
	return mean
}

func (c DailyChart) top() int {
	top := 1
	for _, n := range c.Counts {
		top = max(top, n)
	}
	for _, m := range weeklyMean(c.Before) {
		top = max(top, int(m+0.99))
	}
	return top
}

func (c DailyChart) day(i int) time.Time { return c.First.AddDate(0, 0, i) }

type gridLine struct {
	Class, Y, TextY, Label string
}

func (c DailyChart) grid() []gridLine {
	top := c.top()
	step := niceStep(top)
	var lines []gridLine
	for v := 0; v <= top; v += step {
		y := plotH - float64(v)/float64(top)*(plotH-8)
		class := "m-grid"
		if v == 0 {
			class = "m-base"
		}
		lines = append(lines, gridLine{class,
			strconv.FormatFloat(float64(int(y))+0.5, 'f', 1, 64),
			strconv.FormatFloat(y+4, 'f', 1, 64),
			Number(v)})
	}
	return lines
}

type axisText struct {
	X, Anchor, Label string
}

// axis names five days at even distances, the last one at the right edge.
func (c DailyChart) axis() []axisText {
	n := len(c.Counts)
	if n == 0 {
		return nil
	}
	marks := min(5, n)
	var texts []axisText
	for k := 0; k < marks; k++ {
		i := 0
		if marks > 1 {
			i = k * (n - 1) / (marks - 1)
		}
		t := axisText{X: strconv.FormatFloat(100*float64(i)/float64(n), 'f', 2, 64) + "%", Anchor: "start", Label: ShortDate(c.day(i))}
		if k == marks-1 && marks > 1 {
			t.X, t.Anchor = "100%", "end"
		}
		texts = append(texts, t)
	}
	return texts
}

// rows are the lines of the table, the last day first. There may be 365 of them.
func (c DailyChart) rows() templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		b := make([]byte, 0, 72*len(c.Counts))
		for i := len(c.Counts) - 1; i >= 0; i-- {
			b = append(b, `<tr><td class="num">`...)
			b = AppendDate(b, c.day(i))
			b = append(b, `</td><td class="right">`...)
			b = AppendNumber(b, int64(c.Counts[i]))
			b = append(b, `</td></tr>`...)
		}
		_, err := w.Write(b)
		return err
	})
}

// marks draws the bars, the mean of the period before, and over each day an
// unseen column that carries its figure for the pointer.
func (c DailyChart) marks() templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		top := float64(c.top())
		scale := func(v float64) float64 { return v / top * (plotH - 8) }
		n := len(c.Counts)
		b := append(make([]byte, 0, 512+150*n), `<svg width="100%" height="212" viewBox="0 0 `...)
		b = strconv.AppendInt(b, int64(max(1, n)*int(plotUnit)), 10)
		b = append(b, ` 212" preserveAspectRatio="none"><path class="m-bar" d="`...)
		for i, v := range c.Counts {
			if v <= 0 {
				continue
			}
			h := max(1.5, scale(float64(v)))
			b = append(b, 'M')
			b = appendFloat(b, float64(i)*plotUnit+1.5)
			b = append(b, " 212V"...)
			b = appendFloat(b, plotH-h)
			b = append(b, "h7V212z"...)
		}
		b = append(b, `"/>`...)
		if len(c.Before) > 1 {
			b = append(b, `<path class="m-prev" d="`...)
			for i, m := range weeklyMean(c.Before) {
				if i == 0 {
					b = append(b, 'M')
				} else {
					b = append(b, 'L')
				}
				b = appendFloat(b, float64(i)*plotUnit+plotUnit/2)
				b = append(b, ' ')
				b = appendFloat(b, plotH-scale(m))
			}
			b = append(b, `"/>`...)
		}
		for i, v := range c.Counts {
			b = append(b, `<rect class="m-day" x="`...)
			b = strconv.AppendInt(b, int64(i*int(plotUnit)), 10)
			b = append(b, `" y="0" width="10" height="212"><title>`...)
			b = AppendDate(b, c.day(i))
			b = append(b, ": "...)
			b = AppendNumber(b, int64(v))
			b = append(b, ' ')
			b = AppendEscaped(b, c.Unit)
			b = append(b, `</title></rect>`...)
		}
		b = append(b, `</svg>`...)
		_, err := w.Write(b)
		return err
	})
}
