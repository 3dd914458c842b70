package training

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Judged is a prediction and what became of it.
type Judged struct {
	P      float64 // predicted probability
	Y      float64 // 1 or 0
	Weight float64
	Lead   string // rows of one lead are drawn together
}

// LogLoss is the mean weighted log loss; a probability is never taken for certain.
func LogLoss(list []Judged) float64 { return mean(list, lossOf) }

func lossOf(j Judged) float64 {
	p := min(max(j.P, 1e-12), 1-1e-12)
	return -(float64(j.Y*math.Log(p)) + float64((1-j.Y)*math.Log1p(-p)))
}

// Brier is the mean squared error.
func Brier(list []Judged) float64 {
	return mean(list, func(j Judged) float64 { return (j.P - j.Y) * (j.P - j.Y) })
}

func mean(list []Judged, of func(Judged) float64) float64 {
	sum, all := 0.0, 0.0
	for _, j := range list {
		sum += float64(j.Weight * of(j))
		all += j.Weight
	}
	if all == 0 {
		return 0
	}
	return sum / all
}

// AUC is the probability that a row that was won was given more than one that
// was not; equal ones count half. It is 0.5 where there is only one kind.
func AUC(list []Judged) float64 { return orderOf(list).auc(nil) }

// order is rows by what was predicted, lowest first.
type order []ranked

// ranked is what counts of a row for the AUC: copying a Judged about would be
// most of a sort.
type ranked struct {
	p, won, lost float64
	at           int // its place in the list
}

func orderOf(list []Judged) order {
	o := make(order, len(list))
	for i, j := range list {
		o[i] = ranked{j.P, j.Weight * j.Y, j.Weight * (1 - j.Y), i}
	}
	slices.SortFunc(o, func(a, b ranked) int { return cmp.Or(cmp.Compare(a.p, b.p), cmp.Compare(a.at, b.at)) })
	return o
}

// auc is the AUC where each row counts as many times as times says at its
// place; nil is once.
func (o order) auc(times []float64) float64 {
	won, lost, ahead := 0.0, 0.0, 0.0
	for i := 0; i < len(o); {
		w, l, p := 0.0, 0.0, o[i].p
		for ; i < len(o) && o[i].p == p; i++ {
			n := 1.0
			if times != nil {
				n = times[o[i].at]
			}
			w += float64(n * o[i].won)
			l += float64(n * o[i].lost)
		}
		ahead += float64(w * (lost + l/2))
		won, lost = won+w, lost+l
	}
	if won == 0 || lost == 0 {
		return 0.5
	}
	return ahead / float64(won*lost)
}

// Bin is one part of the rows, by what was predicted.
type Bin struct {
	Predicted float64 `json:"predicted"`
	Seen      float64 `json:"seen"`
	Rows      int     `json:"rows"`
}

// Bins are tenths of equal size, lowest first; fewer where a tenth would have
// so few rows that chance alone makes it look miscalibrated.
func Bins(list []Judged) []Bin {
	n := min(10, max(2, len(list)/leastInBin))
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b Judged) int { return cmp.Compare(a.P, b.P) })
	bins := make([]Bin, 0, n)
	for i := range n {
		part := sorted[i*len(sorted)/n : (i+1)*len(sorted)/n]
		if len(part) > 0 {
			bins = append(bins, Bin{
				Predicted: mean(part, func(j Judged) float64 { return j.P }),
				Seen:      mean(part, func(j Judged) float64 { return j.Y }), Rows: len(part),
			})
		}
	}
	return bins
}

const leastInBin = 30

// ECE is the expected calibration error over the bins.
func ECE(list []Judged) float64 {
	sum := 0.0
	for _, b := range Bins(list) {
		sum += math.Abs(b.Predicted-b.Seen) * float64(b.Rows)
	}
	return sum / float64(max(len(list), 1))
}

// Slope is the calibration slope: 1 where log odds mean what they say, below
// where predictions are too bold.
func Slope(list []Judged) float64 {
	x, y, w := make([][]float64, len(list)), make([]float64, len(list)), make([]float64, len(list))
	for i, j := range list {
		x[i], y[i], w[i] = []float64{logit(j.P)}, j.Y, j.Weight
	}
	fit, err := Regress(x, y, w, 1e-6, nil)
	if err != nil {
		return 0
	}
	return fit.Weights[0]
}

func logit(p float64) float64 {
	p = min(max(p, 1e-9), 1-1e-9)
	return math.Log(p / (1 - p))
}

// Lift is how many times as many wins the best tenth has as an average one,
// and Capture which part of all wins it has.
func Lift(list []Judged) (lift, capture float64) {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b Judged) int { return cmp.Compare(b.P, a.P) })
	won, all, best := 0.0, 0.0, 0.0
	for i, j := range sorted {
		won, all = won+j.Weight*j.Y, all+j.Weight
		if i < (len(sorted)+9)/10 {
			best += j.Weight * j.Y
		}
	}
	if won == 0 {
		return 0, 0
	}
	capture = best / won
	return capture / 0.1, capture
}

// draws is how many times a bootstrap draws, and seed what it draws by.
const (
	draws = 1000
	seed  = 20260110
)

// bootstrap calls drawn with the leads of list drawn anew, by their places in
// byLead, again and again.
func bootstrap(list []Judged, leads, times int, drawn func(leads []int)) {
	r := rand.New(rand.NewPCG(seed, uint64(len(list))))
	at := make([]int, leads)
	for range times {
		for i := range at {
			at[i] = r.IntN(leads)
		}
		drawn(at)
	}
}

// surelyBetter is in how many of the draws a has the smaller log loss of two
// judgements of the same rows.
func surelyBetter(a, b []Judged) (share float64) {
	leads := byLead(a)
	gain := make([]float64, len(leads))
	for i, l := range leads {
		for _, k := range l {
			gain[i] += float64(a[k].Weight * (lossOf(b[k]) - lossOf(a[k])))
		}
	}
	bootstrap(a, len(leads), draws, func(drawn []int) {
		sum := 0.0
		for _, i := range drawn {
			sum += gain[i]
		}
		if sum > 0 {
			share++
		}
	})
	return share / draws
}

// aucRange is the middle 95 % of the AUC over the draws; a fifth of them is
// enough for an interval.
func aucRange(list []Judged) (low, high float64) {
	leads, o := byLead(list), orderOf(list)
	times, aucs := make([]float64, len(list)), make([]float64, 0, draws/5)
	bootstrap(list, len(leads), draws/5, func(drawn []int) {
		clear(times)
		for _, i := range drawn {
			for _, k := range leads[i] {
				times[k]++
			}
		}
		aucs = append(aucs, o.auc(times))
	})
	slices.Sort(aucs)
	return aucs[len(aucs)/40], aucs[len(aucs)-1-len(aucs)/40]
}

// byLead groups the places of rows by lead, in the order of first sight.
func byLead(list []Judged) [][]int {
	at := map[string]int{}
	var groups [][]int
	for i, j := range list {
		g, ok := at[j.Lead]
		if !ok {
			g = len(groups)
			at[j.Lead] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}
