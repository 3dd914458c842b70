package training

import (
	"math"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// overtaken is how far points with Platt, as Calibrated gives them, are ahead of
// m on the leads after it was trained: in log likelihood of what is known of
// them, summed from the lead since which they have done best. Nothing is known
// of when the market turned, so the sum starts wherever it says most; while m
// is the better one it stays near zero, and it grows from the first leads of
// another market on, however long m was right before.
//
// Whoever waits for labels hears of the newest leads in 90 days. That a lead
// was not won yet says something as well: the longer ago, the more.
func overtaken(m *scoring.Model, t Task, trainedTo time.Time) float64 {
	points, err := Calibrated(t)
	if err != nil {
		return 0 // so few outcomes that nothing can be said
	}
	known := delaysOf(ripe(t.Rows, t.Now))
	var late []Row
	for _, r := range t.Rows {
		if r.AsOf.After(trainedTo) && r.AsOf.Before(t.Now) {
			late = append(late, r)
		}
	}
	ahead := map[string]float64{}
	s := newSet(late)
	for i, r := range s.rows {
		gain := known.loss(m.Probability(r.X, r.Points), r, t.Now) - known.loss(points.Probability(r.X, r.Points), r, t.Now)
		ahead[r.Lead] += float64(s.weight[i] * gain)
	}
	sum := 0.0
	for _, l := range leadsOf(late) {
		sum = max(0, sum+ahead[l.name])
	}
	return sum
}

// delays are how long it took until a label was known, shortest first: of those
// that were 0, and of those that were 1.
type delays [2][]time.Duration

func delaysOf(rows []Row) (d delays) {
	for _, r := range rows {
		y := int(r.Y)
		d[y] = append(d[y], r.Known.Sub(r.AsOf))
	}
	for y := range d {
		slices.Sort(d[y])
	}
	return d
}

// open is the share of rows with a label that are still open at an age. It is
// never none: what is open nevertheless must not be impossible.
func (d delays) open(y int, age time.Duration) float64 {
	n, _ := slices.BinarySearch(d[y], age)
	return float64(len(d[y])-n+1) / float64(len(d[y])+1)
}

// loss is the log loss of a probability that a row is won, by what is known of
// it now: how it ended, or that it is open at its age.
func (d delays) loss(p float64, r Row, now time.Time) float64 {
	if r.Known.Before(now) {
		return lossOf(Judged{P: p, Y: r.Y})
	}
	age := now.Sub(r.AsOf)
	return -math.Log(float64(p*d.open(1, age)) + float64((1-p)*d.open(0, age)))
}
