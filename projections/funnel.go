package projections

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// FunnelFilter chooses the leads to count, by when they were first heard of,
// and how to part them. Its zero value takes all of them as one.
type FunnelFilter struct {
	Location string
	Source   string // without case
	Since    time.Time
	Until    time.Time // the day of it is included
	By       string    // "", source, day, week or month
}

// Funnel is how far leads came, in the API's form.
type Funnel struct {
	By        string       `json:"by,omitempty"`
	Total     FunnelPart   `json:"total"`
	Parts     []FunnelPart `json:"parts"` // by source: most leads first; by period: oldest first
	Pipelines []DealStage  `json:"pipelines"`
}

// FunnelPart is the funnel of some leads.
type FunnelPart struct {
	Key     string        `json:"key"` // the source, or the day, the Monday or the month (2026-01) that they came
	Leads   int           `json:"leads"`
	Stages  []FunnelStage `json:"stages"` // new to sold
	Lost    int           `json:"lost"`   // stand there now
	Deleted int           `json:"deleted"`
	Deals   DealCounts    `json:"deals"`
	LostWhy []LostCount   `json:"lost_reasons"` // most frequent first
}

// FunnelStage is one step of a lead's life.
type FunnelStage struct {
	Stage          LeadStatus `json:"stage"`
	Reached        int        `json:"reached"`                     // came as far as this, or further
	Now            int        `json:"now"`                         // stand here
	Value          float64    `json:"value"`                       // of the open deals of those who stand here; of sold ones the prices
	Conversion     *float64   `json:"conversion_percent"`          // of those who reached the stage before
	Overall        *float64   `json:"overall_percent"`             // of all leads
	AverageSeconds *float64   `json:"average_seconds_from_before"` // since they reached the stage before
	MedianSeconds  *float64   `json:"median_seconds_from_before"`
}

// DealCounts counts the deals of some leads.
type DealCounts struct {
	Open           int      `json:"open"`
	OpenValue      float64  `json:"open_value"`
	Won            int      `json:"won"`
	WonValue       float64  `json:"won_value"`
	Lost           int      `json:"lost"`
	LostValue      float64  `json:"lost_value"`
	WinRate        *float64 `json:"win_rate_percent"` // of those won or lost
	AverageSeconds *float64 `json:"average_seconds_to_win"`
	MedianSeconds  *float64 `json:"median_seconds_to_win"`
}

// LostCount counts lost deals by the category of their reason.
type LostCount struct {
	Category string  `json:"reason_category"`
	Deals    int     `json:"deals"`
	Value    float64 `json:"value"`
}

// DealStage counts the open deals in a stage of a pipeline, as the sender
// names them.
type DealStage struct {
	Pipeline string  `json:"pipeline"`
	Stage    string  `json:"stage"`
	Deals    int     `json:"deals"`
	Value    float64 `json:"value"`
}

// ErrPart is a FunnelFilter.By that is not known.
var ErrPart = fmt.Errorf("a funnel is by source, day, week or month")

// Funnel returns how far the leads came that the filter chooses.
func (v OutcomesView) Funnel(filter FunnelFilter) (f Funnel, err error) {
	if !slices.Contains([]string{"", "source", "day", "week", "month"}, filter.By) {
		return f, ErrPart
	}
	total, parts := tally{}, map[string]tally{}
	err = v.view(func(r rows) error {
		return r.each("cells", func(k, raw []byte) error {
			c, chosen := filter.cell(string(k))
			if !chosen {
				return nil
			}
			t := tally{}
			if err := Decode("cells", raw, &t); err != nil {
				return err
			}
			t = r.namedIn(c.location, t)
			total.add(t, 1)
			if parts[c.part] == nil {
				parts[c.part] = tally{}
			}
			parts[c.part].add(t, 1)
			return nil
		})
	})
	f = Funnel{By: filter.By, Total: partOf("", total), Parts: []FunnelPart{}, Pipelines: stagesOf(total)}
	if filter.By != "" {
		for _, name := range sortedKeys(parts) {
			f.Parts = append(f.Parts, partOf(name, parts[name]))
		}
	}
	if filter.By == "source" {
		slices.SortStableFunc(f.Parts, func(a, b FunnelPart) int { return b.Leads - a.Leads })
	}
	return f, err
}

type cell struct{ location, part string }

// cell reads a cell's key and says whether the filter chooses it.
func (f FunnelFilter) cell(k string) (c cell, chosen bool) {
	part := strings.SplitN(k, "\x00", 3) // location, source, day
	day, err := time.Parse(time.DateOnly, part[2])
	switch {
	case err != nil,
		f.Location != "" && part[0] != f.Location,
		f.Source != "" && part[1] != strings.ToLower(f.Source),
		!f.Since.IsZero() && day.Before(f.Since.UTC().Truncate(24*time.Hour)),
		!f.Until.IsZero() && day.After(f.Until.UTC()):
		return c, false
	}
	c = cell{location: part[0]}
	switch f.By {
	case "source":
		c.part = part[1]
	case "day":
		c.part = part[2]
	case "week":
		c.part = day.AddDate(0, 0, -(int(day.Weekday())+6)%7).Format(time.DateOnly)
	case "month":
		c.part = part[2][:len("2006-01")]
	}
	return c, true
}

// namedIn is t with the ids in the names of its counters resolved, as far as
// their names are known.
func (r rows) namedIn(location string, t tally) tally {
	named := tally{}
	for name, n := range t {
		named.bump(r.counterName(location, name), n)
	}
	return named
}

func (r rows) counterName(location, name string) string {
	bare, money := strings.CutPrefix(name, "$")
	if id, ok := strings.CutPrefix(bare, "lost/#"); ok {
		bare = "lost/" + ReasonCategory(r.named(location, readLostReasons, id))
	}
	if both, ok := strings.CutPrefix(bare, "stage/"); ok {
		pipeline, stage, _ := strings.Cut(both, "\x00")
		bare = "stage/" + r.known(location, readPipelines, pipeline) + "\x00" + r.known(location, readStages, stage)
	}
	if money {
		return "$" + bare
	}
	return bare
}

// known is name, or the name of the id in it; the id while that is unknown.
func (r rows) known(location, what, name string) string {
	id, isID := strings.CutPrefix(name, "#")
	if known := r.named(location, what, id); isID && known != "" {
		return known
	}
	return id
}

func partOf(name string, t tally) FunnelPart {
	p := FunnelPart{Key: name, Leads: int(t["leads"]), Lost: int(t["now/lost"]), Deleted: int(t["now/deleted"]), LostWhy: []LostCount{}}
	before := p.Leads
	for i, stage := range FunnelStages {
		s := FunnelStage{Stage: stage, Reached: int(t["reached/"+string(stage)]), Now: int(t["now/"+string(stage)]), Value: t.money("now/" + string(stage))}
		s.Overall = percent(s.Reached, p.Leads)
		if i > 0 {
			s.Conversion = percent(s.Reached, before)
			s.AverageSeconds, s.MedianSeconds = t.seconds("to/" + string(stage))
		}
		before = s.Reached
		p.Stages = append(p.Stages, s)
	}
	p.Deals = dealsOf(t)
	for category, n := range t.with("lost/") {
		p.LostWhy = append(p.LostWhy, LostCount{category, int(n), t.money("lost/" + category)})
	}
	slices.SortFunc(p.LostWhy, func(a, b LostCount) int { return cmp.Or(b.Deals-a.Deals, cmp.Compare(a.Category, b.Category)) })
	return p
}

func dealsOf(t tally) DealCounts {
	d := DealCounts{
		Open: int(t["deals/open"]), OpenValue: t.money("deals/open"),
		Won: int(t["deals/won"]), WonValue: t.money("deals/won"),
		Lost: int(t["deals/lost"]), LostValue: t.money("deals/lost"),
	}
	d.WinRate = percent(d.Won, d.Won+d.Lost)
	d.AverageSeconds, d.MedianSeconds = t.seconds("closed")
	return d
}

func stagesOf(t tally) []DealStage {
	list := []DealStage{}
	byName := t.with("stage/")
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		pipeline, stage, _ := strings.Cut(name, "\x00")
		list = append(list, DealStage{pipeline, stage, int(byName[name]), t.money("stage/" + name)})
	}
	return list
}

// seconds are the average and the median of what took counted, nil of nothing.
func (t tally) seconds(name string) (average, median *float64) {
	if t[name] == 0 {
		return nil, nil
	}
	a, m := t.average(name).Seconds(), t.quantile(name, 0.5).Seconds()
	return &a, &m
}

// percent is nil of nothing.
func percent(n, of int) *float64 {
	if of == 0 {
		return nil
	}
	p := 100 * float64(n) / float64(of)
	return &p
}
