package training

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// The live monitor's limits.
const (
	watchedLeads  = 50   // fewer say nothing
	surprise      = 3.0  // standard deviations of wins that chance does not explain
	mostMiss      = 0.05 // and so far must the win rate be from what was said
	driftAlarm    = 0.25 // PSI: the usual limit for "another population"
	tierLeads     = 20   // of a tier, to say that its order is wrong
	driftedBins   = 10
	smallestShare = 0.001 // of a bin, or its logarithm would say everything
	mostAhead     = 4.0   // log likelihood by which points may be ahead on the newest leads
)

// Drift is how far a feature's values have moved since training: the population
// stability index. Below 0.1 is nothing, above 0.25 another population.
type Drift struct {
	Feature string  `json:"feature"`
	PSI     float64 `json:"psi"`
}

// Watched is what the live monitor sees of a model that serves.
type Watched struct {
	ModelID   string    `json:"model_id"`
	From      time.Time `json:"from"` // of the rows looked at: later than those trained on
	To        time.Time `json:"to"`
	Leads     int       `json:"leads"` // whose outcome is known
	Won       int       `json:"won"`
	Predicted float64   `json:"predicted"` // the mean probability given
	Seen      float64   `json:"seen"`      // how many were won
	Tiers     []Slice   `json:"tiers"`
	Drift     []Drift   `json:"drift"`  // worst first
	Ahead     float64   `json:"ahead"`  // of a learned one, by how much log likelihood points with Platt tell the newest leads better
	Alarms    []string  `json:"alarms"` // why the model should not serve; none if all is well
}

// Watch compares what a model said of leads with what became of them, and the
// features of late rows with those that it was trained on. Of rows that are not
// known by now it looks at the features, and that they are open.
func Watch(m *scoring.Model, trainedTo time.Time, rows []Row, now time.Time) Watched {
	w := Watched{ModelID: m.ID()}
	before, after := splitAt(rows, trainedTo)
	late := newSet(ripe(after, now))
	w.From, w.To = span(late.rows)
	leads := leadsOf(late.rows)
	w.Won, _ = wins(leads)
	w.Leads = len(leads)
	judged := late.judged(func(r Row) float64 { return m.Probability(r.X, r.Points) })
	w.Predicted = round4(mean(judged, func(j Judged) float64 { return j.P }))
	w.Seen = round4(mean(judged, func(j Judged) float64 { return j.Y }))
	if m.BaseRate > 0 {
		w.Tiers = (&trial{candidate: m, judged: judged}).tierSlices()
	}
	w.Drift = drifts(m, before, after)
	if m.Kind == scoring.KindLogistic {
		w.Ahead = round4(overtaken(m, Task{Target: Target(m.Target), Rows: rows, Now: now}, trainedTo))
	}
	w.alarm(m, judged)
	if w.Ahead > mostAhead {
		w.Alarms = append(w.Alarms, fmt.Sprintf("calibrated points tell the newest leads better, by %.1f of log likelihood", w.Ahead))
	}
	return w
}

func splitAt(rows []Row, at time.Time) (before, after []Row) {
	for _, r := range rows {
		if r.AsOf.After(at) {
			after = append(after, r)
		} else {
			before = append(before, r)
		}
	}
	return before, after
}

func (w *Watched) alarm(m *scoring.Model, judged []Judged) {
	if w.Leads < watchedLeads {
		return
	}
	if off := wonBeyondChance(judged); math.Abs(off) > surprise && math.Abs(w.Predicted-w.Seen) > mostMiss {
		w.Alarms = append(w.Alarms, fmt.Sprintf("it said that %.1f %% of the leads would be %s, and %.1f %% were", 100*w.Predicted, Target(m.Target).came(), 100*w.Seen))
	}
	if len(w.Tiers) == 3 && w.Tiers[0].Seen < w.Tiers[2].Seen && enoughOf(judged, m) {
		w.Alarms = append(w.Alarms, fmt.Sprintf("of those it put highest %.1f %% were %s, of those it put lowest %.1f %%", 100*w.Tiers[0].Seen, Target(m.Target).came(), 100*w.Tiers[2].Seen))
	}
	if psi := weighed(m, w.Drift); psi > driftAlarm {
		w.Alarms = append(w.Alarms, fmt.Sprintf("the leads are no longer those that it learned from: stability index %.2f", psi))
	}
}

// wonBeyondChance is by how many standard deviations more leads were won than
// was said; a lead counts once, however many rows it has.
func wonBeyondChance(judged []Judged) float64 {
	type one struct{ p, y, n float64 }
	leads := map[string]*one{}
	var order []string
	for _, j := range judged {
		l := leads[j.Lead]
		if l == nil {
			l = &one{}
			leads[j.Lead] = l
			order = append(order, j.Lead)
		}
		l.p, l.y, l.n = l.p+j.P, l.y+j.Y, l.n+1
	}
	diff, variance := 0.0, 0.0
	for _, name := range order {
		l := leads[name]
		p := l.p / l.n
		diff += l.y/l.n - p
		variance += float64(p * (1 - p))
	}
	return diff / math.Sqrt(max(variance, 1e-9))
}

// enoughOf reports whether both ends of the scale have leads to compare.
func enoughOf(judged []Judged, m *scoring.Model) bool {
	tiers := (&trial{candidate: m, judged: judged}).byTier()
	for _, tier := range []string{scoring.Hot, scoring.Cold} {
		leads := map[string]bool{}
		for _, j := range tiers[tier] {
			leads[j.Lead] = true
		}
		if len(leads) < tierLeads {
			return false
		}
	}
	return true
}

// weighed is the drift of the features by what the model makes of them.
func weighed(m *scoring.Model, list []Drift) float64 {
	sum, all := 0.0, 0.0
	for i, name := range m.Features {
		k := slices.IndexFunc(list, func(d Drift) bool { return d.Feature == name })
		if k >= 0 {
			w := math.Abs(m.Weights[i])
			sum, all = sum+float64(w*list[k].PSI), all+w
		}
	}
	return sum / max(all, 1e-9)
}

// drifts compares each feature that the model uses.
func drifts(m *scoring.Model, before, after []Row) (list []Drift) {
	if len(leadsOf(before)) < watchedLeads || len(leadsOf(after)) < watchedLeads {
		return nil
	}
	for k, f := range scoring.Features() {
		if slices.Contains(m.Features, f.Name) {
			list = append(list, Drift{f.Name, round4(psi(column(before, k), column(after, k)))})
		}
	}
	slices.SortStableFunc(list, func(a, b Drift) int { return cmp.Compare(b.PSI, a.PSI) })
	return list
}

func column(rows []Row, k int) []float64 {
	x := make([]float64, len(rows))
	for i, r := range rows {
		x[i] = r.X[k]
	}
	slices.Sort(x)
	return x
}

// psi compares two sorted columns by bins that hold a tenth of the first each;
// equal values stay in one bin.
func psi(was, is []float64) float64 {
	var edges []float64
	for i := 1; i < driftedBins; i++ {
		if e := was[i*len(was)/driftedBins]; len(edges) == 0 || e > edges[len(edges)-1] {
			edges = append(edges, e)
		}
	}
	sum, from, isFrom := 0.0, 0, 0
	for i := 0; i <= len(edges); i++ {
		to, isTo := len(was), len(is)
		if i < len(edges) {
			to, _ = slices.BinarySearch(was, edges[i])
			isTo, _ = slices.BinarySearch(is, edges[i])
		}
		p := max(float64(to-from)/float64(len(was)), smallestShare)
		q := max(float64(isTo-isFrom)/float64(len(is)), smallestShare)
		sum += float64((q - p) * math.Log(q/p))
		from, isFrom = to, isTo
	}
	return sum
}
