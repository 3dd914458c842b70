package projections

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Counts are of the events of one type in some time.
type Counts struct {
	Count       int      `json:"count"`
	Success     int      `json:"success"`
	Failure     int      `json:"failure"`
	SuccessRate *float64 `json:"success_rate_percent"` // null of nothing
	Processed   int      `json:"processed"`            // answered: what the times are over
	AverageMS   *float64 `json:"avg_processing_time_ms"`
	P95MS       *float64 `json:"p95_processing_time_ms"` // at most 3.2 % off
}

// PeriodCounts are Counts of a minute, an hour or a day.
type PeriodCounts struct {
	Start time.Time `json:"start"`
	Counts
}

// TypeCounts are Counts of a type, as a whole and by period.
type TypeCounts struct {
	Type string `json:"type"`
	Counts
	Periods []PeriodCounts `json:"periods"` // oldest first, without empty ones
}

// MetricsFilter chooses what to count.
type MetricsFilter struct {
	By    string    // minute, hour or day; default hour
	Type  string    // of events; default all
	Since time.Time // default: an hour of minutes, a day of hours, 30 days
	Until time.Time // not included; default now
}

// EventMetrics is the answer, in the API's form.
type EventMetrics struct {
	By    string       `json:"by"`
	Since time.Time    `json:"since"`
	Until time.Time    `json:"until"`
	Total TypeCounts   `json:"total"`
	Types []TypeCounts `json:"types"` // most events first
}

// ErrPeriod is a MetricsFilter.By that is not known.
var ErrPeriod = fmt.Errorf("metrics are by minute, hour or day")

var periods = map[string]struct {
	grain   byte
	length  time.Duration
	usually time.Duration
}{
	"minute": {minutes, time.Minute, time.Hour},
	"hour":   {hours, time.Hour, 24 * time.Hour},
	"day":    {hours, 24 * time.Hour, 30 * 24 * time.Hour},
}

// Metrics counts events by type and period.
func (v MetricsView) Metrics(f MetricsFilter) (m EventMetrics, err error) {
	f.By = cmp.Or(f.By, "hour")
	period, ok := periods[f.By]
	if !ok {
		return m, ErrPeriod
	}
	if f.Until.IsZero() {
		f.Until = v.Runner.o.Now().Add(time.Millisecond) // what came this moment too
	}
	if f.Since.IsZero() {
		f.Since = f.Until.Add(-period.usually)
	}
	m = EventMetrics{By: f.By, Since: f.Since.UTC().Truncate(period.length), Until: f.Until.UTC(), Types: []TypeCounts{}}
	parked, err := v.parked()
	if err != nil {
		return m, err
	}
	parts := map[string]map[int64]tally{}
	tell := func(at time.Time, t string, n tally) {
		if f.Type == "" || f.Type == t {
			start := at.Truncate(period.length).UnixMicro()
			add(parts, t, start, n)
			add(parts, "", start, n)
		}
	}
	err = v.view(func(r rows) error {
		return errors.Join(r.eachCell(period.grain, m.Since, m.Until, tell), r.eachParked(parked, m.Since, m.Until, tell))
	})
	for t, part := range parts {
		if t == "" {
			m.Total = countsBy("all", part)
			continue
		}
		m.Types = append(m.Types, countsBy(t, part))
	}
	if m.Total.Type == "" {
		m.Total = countsBy("all", nil)
	}
	slices.SortFunc(m.Types, func(a, b TypeCounts) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Type, b.Type)) })
	return m, err
}

func add(parts map[string]map[int64]tally, t string, start int64, n tally) {
	if parts[t] == nil {
		parts[t] = map[int64]tally{}
	}
	if parts[t][start] == nil {
		parts[t][start] = tally{}
	}
	parts[t][start].add(n, 1)
}

func countsBy(t string, part map[int64]tally) TypeCounts {
	list := TypeCounts{Type: t, Periods: []PeriodCounts{}}
	total := tally{}
	for _, start := range slices.Sorted(maps.Keys(part)) {
		total.add(part[start], 1)
		list.Periods = append(list.Periods, PeriodCounts{time.UnixMicro(start).UTC(), countsOf(part[start])})
	}
	list.Counts = countsOf(total)
	return list
}

func countsOf(t tally) Counts {
	c := Counts{Count: int(t["n"]), Failure: int(t["failed"]), Processed: int(t["took"])}
	c.Success = c.Count - c.Failure
	c.SuccessRate = percent(c.Success, c.Count)
	if c.Processed > 0 {
		average, p95 := inMS(t.average("took")), inMS(t.quantile("took", 0.95))
		c.AverageMS, c.P95MS = &average, &p95
	}
	return c
}

func inMS(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
