package training_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// The simulation's size, and what it must keep to.
const (
	simulatedMonths = 24
	leadsAMonth     = 110
	measuredAMonth  = 2000
	mostWorse       = 0.005
	mostLoss        = 1.0
)

const week = 7 * 24 * time.Hour

// TestTwoYears: with the gate no month is worse than points with Platt. Half
// way the market turns. In some offices the agents at first note what a buyer
// changed when the deal is done, before the ledger hears that it is: on those
// leads the field tells the end, on new ones it tells nothing. There the loop
// without the gate is worse.
//
// In the last office the sources of buyers change places over night. Labels
// tell of that only ninety days later, so for five months the loop is allowed
// what no loop can know; after them it must have found back.
//
// Where nothing that gives a probability serves (in the first months, or after
// the monitor's alarm), the loop is judged as points with Platt. The loss is
// what is expected over 2,000 leads a month that the office never sees, by odds
// that only the simulation knows: 110 leads would tell chance, not models.
func TestTwoYears(t *testing.T) {
	if os.Getenv("GHL_LEDGER_EVAL") == "" {
		t.Skip("takes a minute: make eval")
	}
	for _, tt := range []struct {
		name   string
		tidied int // months in which agents note things once the deal is done
		blind  int // months after the turn in which no label tells of it
	}{
		{"the market cools", 0, 0},
		{"it cools, and agents note things after the fact for three months", 3, 0},
		{"it cools, and agents note things after the fact for nine months", 9, 0},
		{"the market turns round", 0, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			y := newYears(1, tt.tidied, tt.blind > 0)
			end := y.office.start.AddDate(0, simulatedMonths+1, 0)
			for at := y.office.start; at.Before(end); at = at.Add(week) {
				if err := y.week(at); err != nil {
					t.Fatalf("%s: %v", at.Format(time.DateOnly), err)
				}
			}
			t.Logf("\n%s", y.table())
			y.judge(t, tt.tidied > 0, tt.blind)
		})
	}
}

// years is an office that learns as it goes.
type years struct {
	office  *office
	rows    []training.Row
	tried   []judgedLead // by the time of their row
	gated   rule         // what the gate promotes serves
	ungated rule         // the same trainings: the newest serves
	points  *scoring.Model
	months  [simulatedMonths]simulated
}

// rule is one way to say what serves.
type rule struct {
	model     *scoring.Model // nil is points alone
	to        time.Time      // the newest row that it was trained on
	changes   int
	fallbacks int
}

// judgedLead is a lead that the office never sees.
type judgedLead struct {
	training.Row
	month  int
	chance float64
}

// simulated is what one month's leads cost under each rule.
type simulated struct {
	leads                  int
	gated, ungated, points float64
	learned, platt         int // leads that such a model of the gated loop judged
}

func newYears(seed uint64, tidied int, reversed bool) *years {
	y := &years{office: newOffice(seed)}
	unseen := newOffice(seed + 1000)
	y.office.reversed, unseen.reversed = reversed, reversed
	for m := range simulatedMonths {
		rows, _ := y.office.month(m, leadsAMonth, m*leadsAMonth)
		if m < tidied {
			tidy(rows)
		}
		y.rows = append(y.rows, rows...)
		for i := range measuredAMonth {
			rows, _ := unseen.month(m, 1, i)
			y.tried = append(y.tried, judgedLead{rows[0], m, unseen.chance})
		}
	}
	slices.SortStableFunc(y.tried, func(a, b judgedLead) int { return a.AsOf.Compare(b.AsOf) })
	return y
}

// tidy is what agents do to four of five leads once they know the end.
func tidy(rows []training.Row) {
	k := slices.IndexFunc(scoring.Features(), func(f scoring.Feature) bool { return f.Name == "preference_changes" })
	for i, r := range rows {
		if i%5 > 0 {
			rows[i].X[k] = r.Y
		}
	}
}

// week trains on what is known, and has what then serves judge the week's leads.
func (y *years) week(now time.Time) error {
	task := training.Task{Now: now}
	for _, r := range y.rows {
		if r.AsOf.Before(now) {
			task.Rows = append(task.Rows, r)
		}
	}
	y.gated.watch(task)
	y.ungated.watch(task)
	task.Serving = y.gated.model
	r, err := training.Train(task)
	if _, few := errors.AsType[*training.TooFewError](err); err != nil && !few {
		return err
	}
	if err == nil {
		if r.Promote {
			y.gated.take(r)
		}
		if r.Refused != nil {
			r = *r.Refused
		}
		y.ungated.take(r)
		if y.points, err = training.Calibrated(task); err != nil {
			return err
		}
	}
	y.measure(now)
	return nil
}

// watch is the live monitor.
func (r *rule) watch(t training.Task) {
	if r.model == nil {
		return
	}
	if w := training.Watch(r.model, r.to, t.Rows, t.Now); len(w.Alarms) > 0 {
		r.model, r.fallbacks = nil, r.fallbacks+1
	}
}

func (r *rule) take(result training.Result) {
	r.model, r.to, r.changes = result.Model, result.Card.To, r.changes+1
}

// measure takes the leads that come before the next week. Nobody gives a
// probability before there is enough for Platt: those months are left out.
func (y *years) measure(now time.Time) {
	for len(y.tried) > 0 && y.tried[0].AsOf.Before(now.Add(week)) {
		l := y.tried[0]
		y.tried = y.tried[1:]
		if y.points == nil {
			continue
		}
		m := &y.months[l.month]
		m.leads++
		m.points += l.loss(y.points)
		m.gated += l.loss(cmpModel(y.gated.model, y.points))
		m.ungated += l.loss(cmpModel(y.ungated.model, y.points))
		switch {
		case y.gated.model == nil:
		case y.gated.model.Kind == scoring.KindLogistic:
			m.learned++
		default:
			m.platt++
		}
	}
}

func cmpModel(m, otherwise *scoring.Model) *scoring.Model {
	if m == nil {
		return otherwise
	}
	return m
}

// loss is the expected log loss.
func (l judgedLead) loss(m *scoring.Model) float64 {
	p := m.Probability(l.X, l.Points)
	return -l.chance*math.Log(p) - (1-l.chance)*math.Log1p(-p)
}

func (y *years) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "month    leads  points+Platt  loop (gate)  difference  gate off  difference  served by the loop\n")
	for i, m := range y.months {
		if m.leads == 0 {
			fmt.Fprintf(&b, "%-7s  no probability yet\n", y.office.start.AddDate(0, i, 0).Format("2006-01"))
			continue
		}
		n := float64(m.leads)
		fmt.Fprintf(&b, "%-7s  %5d  %12.4f  %11.4f  %+10.4f  %8.4f  %+10.4f  learned %3.0f %%, Platt %3.0f %%\n",
			y.office.start.AddDate(0, i, 0).Format("2006-01"), m.leads, m.points/n, m.gated/n, (m.gated-m.points)/n,
			m.ungated/n, (m.ungated-m.points)/n, 100*float64(m.learned)/n, 100*float64(m.platt)/n)
	}
	all, gated, ungated, points := y.sums()
	fmt.Fprintf(&b, "all      %5.0f  %12.4f  %11.4f  %+10.4f  %8.4f  %+10.4f\n", all, points, gated, gated-points, ungated, ungated-points)
	fmt.Fprintf(&b, "gate: %d promotions, %d alarms; without: %d, %d", y.gated.changes, y.gated.fallbacks, y.ungated.changes, y.ungated.fallbacks)
	return b.String()
}

// sums are means over all leads.
func (y *years) sums() (all, gated, ungated, points float64) {
	for _, m := range y.months {
		all, gated, ungated, points = all+float64(m.leads), gated+m.gated, ungated+m.ungated, points+m.points
	}
	return all, gated / all, ungated / all, points / all
}

func (y *years) judge(t *testing.T, spoilt bool, blind int) {
	for i, m := range y.months {
		if m.leads == 0 {
			continue
		}
		n := float64(m.leads)
		known := i < simulatedMonths/2 || i >= simulatedMonths/2+blind
		if worse := (m.gated - m.points) / n; known && worse > mostWorse || m.gated/n > mostLoss {
			t.Errorf("month %d: log loss %.4f, %+.4f against points with Platt; want at most %+.3f, and %.1f", i+1, m.gated/n, worse, mostWorse, mostLoss)
		}
	}
	_, gated, ungated, _ := y.sums()
	if spoilt && ungated <= gated {
		t.Errorf("log loss %.4f with the gate, %.4f without: want it worse without", gated, ungated)
	}
}
