package console

import (
	"fmt"
	"strings"
	"time"
)

// chart is a small picture, drawn by the template as SVG. Its coordinates are
// those of a box of Width by Height.
type chart struct {
	Width, Height float64
	Label         string // what it shows, for those who can't see it
	Bars          []bar
	Line          string // points of a polyline
	Dots          []dot
	Top, Bottom   string // the scale's ends
	From, To      string // the axis' ends
	Guide         string // points of a line to compare with; may be empty
	Square        bool   // keeps its form
}

type bar struct {
	X, Y, Width, Height float64
	Bad                 float64 // of the height, from below
	Text                string
}

// BadY is where the part for what failed begins.
func (b bar) BadY() float64 { return round2(b.Y + b.Height - b.Bad) }

type dot struct {
	X, Y float64
	Text string
}

const (
	chartWidth  = 720.0
	chartHeight = 140.0
)

// minuteChart draws the webhooks of each minute since then.
func minuteChart(list []metric, since, now time.Time) *chart {
	counts := make([]int, int(now.Sub(since)/time.Minute)+1)
	failed := make([]int, len(counts))
	most := 1
	for _, m := range list {
		i := int(m.At.Sub(since) / time.Minute)
		if i < 0 || i >= len(counts) {
			continue
		}
		counts[i] += m.Count
		failed[i] += m.Failed
		most = max(most, counts[i])
	}
	c := &chart{Width: chartWidth, Height: chartHeight, Top: fmt.Sprint(most), Bottom: "0",
		From: since.UTC().Format("15:04"), To: now.UTC().Format("15:04 UTC"), Label: "Webhooks per minute in the last hour, at most " + fmt.Sprint(most)}
	step := chartWidth / float64(len(counts))
	for i, n := range counts {
		if n == 0 {
			continue
		}
		h, bad := chartHeight*float64(n)/float64(most), chartHeight*float64(failed[i])/float64(most)
		b := bar{
			X: round2(float64(i)*step + step*.1), Y: round2(chartHeight - h), Width: round2(step * .8), Height: round2(h), Bad: round2(bad),
			Text: fmt.Sprintf("%s: %s", since.Add(time.Duration(i)*time.Minute).UTC().Format("15:04"), plural(n, "webhook", "webhooks")),
		}
		if failed[i] > 0 {
			b.Text += fmt.Sprintf(", %d failed", failed[i])
		}
		c.Bars = append(c.Bars, b)
	}
	return c
}

// scoreChart draws a lead's scores over time; nil for fewer than two.
func scoreChart(list []scored) *chart {
	var points []scored
	for _, s := range list {
		if s.Scored != nil && s.Recorded != nil {
			points = append(points, s)
		}
	}
	if len(points) < 2 {
		return nil
	}
	c := &chart{Width: chartWidth, Height: chartHeight, Top: "100", Bottom: "0",
		From: points[0].Recorded.UTC().Format("Jan 2 15:04"), To: points[len(points)-1].Recorded.UTC().Format("Jan 2 15:04 UTC"),
		Label: fmt.Sprintf("Score from %.2f to %.2f", points[0].Scored.Score, points[len(points)-1].Scored.Score)}
	var line []string
	for i, s := range points {
		x := round2(6 + (chartWidth-12)*float64(i)/float64(len(points)-1))
		y := round2(chartHeight - chartHeight*s.Scored.Score/100)
		line = append(line, fmt.Sprintf("%g,%g", x, y))
		c.Dots = append(c.Dots, dot{X: x, Y: y, Text: fmt.Sprintf("%.2f after %s", s.Scored.Score, s.CauseText)})
	}
	c.Line = strings.Join(line, " ")
	return c
}
