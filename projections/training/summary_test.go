package training_test

import (
	"fmt"
	"strings"
	"testing"
)

// ended is what two years came to under each rule.
type ended struct {
	points, gated, ungated, foreseen float64 // means over all leads
	worst                            float64 // difference of the loop to points with Platt in a month
	month                            int     // that month
	loss                             float64 // of the loop in its worst month
	over                             [3]int  // months over the limit: loop, gate off, oracle
}

func (y *years) ended() (e ended) {
	all := 0.0
	for i, m := range y.months {
		if m.leads == 0 {
			continue
		}
		n := float64(m.leads)
		all += n
		e.points, e.gated, e.ungated, e.foreseen = e.points+m.points, e.gated+m.gated, e.ungated+m.ungated, e.foreseen+m.foreseen
		if worse := (m.gated - m.points) / n; e.month == 0 || worse > e.worst {
			e.worst, e.month = worse, i+1
		}
		e.loss = max(e.loss, m.gated/n)
		for k, cost := range []float64{m.gated, m.ungated, m.foreseen} {
			if (cost-m.points)/n > mostWorse {
				e.over[k]++
			}
		}
	}
	e.points, e.gated, e.ungated, e.foreseen = e.points/all, e.gated/all, e.ungated/all, e.foreseen/all
	return e
}

// summary is a line a seed, and their mean.
func summary(list []*years) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed   worst month: difference  log loss   mean: points+Platt    loop  gate off  oracle   months over %+.3f: loop  gate off  oracle   alarms\n", mostWorse)
	var mean ended
	n, worse := float64(len(list)), 0
	for _, y := range list {
		e := y.ended()
		fmt.Fprintf(&b, "%-6d %+12.4f (month %2d)  %10.4f  %18.4f  %.4f    %.4f  %.4f  %25d  %8d  %6d  %7d\n",
			y.seed, e.worst, e.month, e.loss, e.points, e.gated, e.ungated, e.foreseen, e.over[0], e.over[1], e.over[2], y.gated.fallbacks)
		mean.points, mean.gated, mean.ungated, mean.foreseen = mean.points+e.points/n, mean.gated+e.gated/n, mean.ungated+e.ungated/n, mean.foreseen+e.foreseen/n
		if e.ungated > e.gated {
			worse++
		}
	}
	fmt.Fprintf(&b, "mean %54.4f  %.4f    %.4f  %.4f\nwithout the gate it is worse with %d of %d seeds, by %+.4f in the mean",
		mean.points, mean.gated, mean.ungated, mean.foreseen, worse, len(list), mean.ungated-mean.gated)
	return b.String()
}

// judge holds a regime's seeds to the limits.
func judge(t *testing.T, list []*years) {
	more := 0.0
	for _, y := range list {
		e := y.ended()
		if e.worst > mostWorse || e.loss > mostLoss {
			t.Errorf("seed %d, %s: log loss %.4f in the worst month, %+.4f against points with Platt in month %d; want at most %.1f, and %+.3f",
				y.seed, y.name, e.loss, e.worst, e.month, mostLoss, mostWorse)
		}
		more += e.ungated - e.gated
	}
	if more <= 0 {
		t.Errorf("%s: without the gate the log loss is %+.4f in the mean: want it worse", list[0].name, more/float64(len(list)))
	}
}
