package training_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// What the loop must keep to, in each month of the simulation.
const (
	simulatedMonths = 24
	mostWorse       = 0.005
	mostLoss        = 1.0
)

const week = 7 * 24 * time.Hour

// regime is one kind of office. In some the agents at first note what a buyer
// changed when the deal is done, before the ledger hears that it is: on those
// leads the field tells the end, on new ones it tells nothing.
type regime struct {
	name     string
	market   market
	leads    int  // a month
	tidied   int  // months in which agents note things once the deal is done
	promised bool // here the limits hold, and without the gate it is worse in the mean
}

var regimes = []regime{
	{"the realistic office: the market cools half way, and for the first three months agents note things after the fact", cools, 110, 3, true},
	{"the same, but for nine months", cools, 110, 9, true},
	{"the market cools half way, nobody notes anything after the fact", cools, 110, 0, false},
	{"the market cools slowly, from month 9 to 18", coolsSlow, 110, 0, false},
	{"the market stays", stays, 110, 0, false},
	{"few leads: the market cools half way", cools, 30, 0, false},
	{"the market turns round over night, half way", turnsRound, 110, 0, false},
}

// The limits of the gate and the monitor were chosen on seeds 1 to 6, and one
// mistake was found on 110. These were not looked at before.
var reportedSeeds = []uint64{201, 202, 203, 204, 205, 206, 207, 208, 209, 210}

// TestTwoYears: with the loop on, no month of the realistic office is more than
// .005 worse than points with Platt, which are calibrated anew each week to all
// that is known; with the gate off it is worse. Harder offices are printed as
// they are.
//
// Where nothing that gives a probability serves (in the first months, or after
// the monitor's alarm), the loop is judged as points with Platt. The loss is
// what is expected over 2,000 leads a month that the office never sees, by odds
// that only the simulation knows: 110 leads would tell chance, not models.
func TestTwoYears(t *testing.T) {
	seeds, list, unseen, every := reportedSeeds[:1], regimes[:1], 500, 3*week
	if os.Getenv("GHL_LEDGER_EVAL") != "" {
		seeds, list, unseen, every = reportedSeeds, regimes, 2000, week
	}
	var mu sync.Mutex
	ran := make([][]*years, len(list))
	t.Run("seeds", func(t *testing.T) {
		for _, seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				tried := unseenBy(seed, unseen)
				for i, r := range list {
					y := newYears(seed, r, tried)
					y.every = every
					if err := y.run(); err != nil {
						t.Fatalf("%s: %v", r.name, err)
					}
					mu.Lock()
					ran[i] = append(ran[i], y)
					mu.Unlock()
				}
			})
		}
	})
	for i, r := range list {
		slices.SortFunc(ran[i], func(a, b *years) int { return cmp.Compare(a.seed, b.seed) })
		t.Logf("%s\n%s", r.name, summary(ran[i]))
		if i == 0 || r.market == turnsRound {
			t.Logf("month by month, seed %d:\n%s", ran[i][0].seed, ran[i][0].table())
		}
		if r.promised {
			judge(t, ran[i])
		}
	}
}

// years is an office that learns as it goes.
type years struct {
	regime
	seed    uint64
	every   time.Duration // how often it trains and points are calibrated
	start   time.Time
	rows    []training.Row
	hidden  []hidden // of each row
	tried   []judgedLead
	points  *scoring.Model
	learned *scoring.Model // the newest, whatever the gate said
	gated   rule           // what the gate promotes serves
	ungated rule           // the same trainings: the newest serves
	months  [simulatedMonths]simulated
}

// rule is one way to say what serves.
type rule struct {
	model     *scoring.Model // nil is points alone
	to        time.Time      // the newest row that it was trained on
	changes   int
	fallbacks int
}

// hidden is what nobody in the office knows of a lead: its chance, and what it
// would be if the market had not turned.
type hidden struct{ chance, was float64 }

// judgedLead is a lead that the office never sees.
type judgedLead struct {
	training.Row
	month int
	after float64
	odds  odds
}

// simulated is what one month's leads cost under each rule.
type simulated struct {
	leads                            int
	points, gated, ungated, foreseen float64
	learned                          int // leads that a learned model of the gated loop judged
}

// unseenBy makes the leads that no office of a seed sees, by their time.
func unseenBy(seed uint64, n int) (list []judgedLead) {
	o := newOffice(seed + 1000)
	for m := range simulatedMonths {
		for i := range n {
			rows, facts := o.month(m, 1, i)
			list = append(list, judgedLead{rows[0], m, o.after(facts[0].Created), o.odds})
		}
	}
	slices.SortStableFunc(list, func(a, b judgedLead) int { return a.AsOf.Compare(b.AsOf) })
	return list
}

func newYears(seed uint64, r regime, tried []judgedLead) *years {
	o := newOffice(seed)
	o.market = r.market
	y := &years{regime: r, seed: seed, start: o.start, tried: tried}
	for m := range simulatedMonths {
		for i := range r.leads {
			rows, facts := o.month(m, 1, m*r.leads+i)
			if m < r.tidied && i%5 > 0 {
				tidy(rows[0])
			}
			now, was := r.market.chance(o.odds, o.after(facts[0].Created))
			y.rows, y.hidden = append(y.rows, rows[0]), append(y.hidden, hidden{now, was})
		}
	}
	return y
}

// tidy is what agents do to four of five leads once they know the end.
func tidy(r training.Row) {
	k := slices.IndexFunc(scoring.Features(), func(f scoring.Feature) bool { return f.Name == "preference_changes" })
	r.X[k] = r.Y
}

func (y *years) run() error {
	end := y.start.AddDate(0, simulatedMonths+1, 0)
	for at := y.start; at.Before(end); at = at.Add(y.every) {
		if err := y.train(at); err != nil {
			return fmt.Errorf("%s: %w", at.Format(time.DateOnly), err)
		}
	}
	return nil
}

// train trains on what is known, and has what then serves judge the leads until
// the next time.
func (y *years) train(now time.Time) error {
	task := training.Task{Now: now}
	for _, r := range y.rows {
		if r.AsOf.Before(now) {
			task.Rows = append(task.Rows, r)
		}
	}
	y.gated.watch(task)
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
		if r.Model.Kind == scoring.KindLogistic {
			y.learned = r.Model
		}
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

// measure takes the leads that come before the next training. Nobody gives a
// probability before there is enough for Platt: those months are left out.
func (y *years) measure(now time.Time) {
	n := 0
	for n < len(y.tried) && y.tried[n].AsOf.Before(now.Add(y.every)) {
		n++
	}
	leads := y.tried[:n]
	y.tried = y.tried[n:]
	if y.points == nil {
		return
	}
	foreseen := y.oracle(leads, now)
	for _, l := range leads {
		m := &y.months[l.month]
		m.leads++
		chance, _ := y.market.chance(l.odds, l.after)
		m.points += l.loss(y.points, chance)
		m.gated += l.loss(cmpModel(y.gated.model, y.points), chance)
		m.ungated += l.loss(cmpModel(y.ungated.model, y.points), chance)
		m.foreseen += l.loss(foreseen, chance)
		if y.gated.model != nil && y.gated.model.Kind == scoring.KindLogistic {
			m.learned++
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
func (l judgedLead) loss(m *scoring.Model, chance float64) float64 {
	p := m.Probability(l.X, l.Points)
	return -chance*math.Log(p) - (1-chance)*math.Log1p(-p)
}

// oracle is what somebody has serve who knows both markets to the last weight,
// and the day of the turn if there is one, but not whether the market turned:
// that the oracle must find in what is known of the office's leads by then, as
// the loop must. It takes the newest learned model or points with Platt, which
// costs less by what it believes. Nobody who has those two to choose from, and
// sees no more, can expect to do better.
func (y *years) oracle(leads []judgedLead, now time.Time) *scoring.Model {
	if y.learned == nil {
		return y.points
	}
	z := 0.0 // log odds that it turned
	for i, r := range y.rows {
		if h := y.hidden[i]; r.AsOf.Before(now) && h.chance != h.was {
			z += tells(r, h.chance, now) - tells(r, h.was, now)
		}
	}
	cost := 0.0
	for _, l := range leads {
		chance, was := y.market.chance(l.odds, l.after)
		believed := was + sigmoid(z)*(chance-was)
		cost += l.loss(y.learned, believed) - l.loss(y.points, believed)
	}
	if cost > 0 {
		return y.points
	}
	return y.learned
}

// tells is the log likelihood of what is known of a row now, by its chance.
func tells(r training.Row, chance float64, now time.Time) float64 {
	days := now.Sub(r.AsOf).Hours() / 24
	switch {
	case !r.Known.Before(now):
		return math.Log1p(-chance * max(0, min((days-soonest)/(latest-soonest), 1)))
	case r.Y == 1:
		return math.Log(chance)
	}
	return math.Log1p(-chance)
}

func (y *years) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "month    leads  points+Platt  loop (gate)  difference  gate off  difference  oracle     served by the loop\n")
	for i, m := range y.months {
		if m.leads == 0 {
			fmt.Fprintf(&b, "%-7s  no probability yet\n", y.start.AddDate(0, i, 0).Format("2006-01"))
			continue
		}
		n := float64(m.leads)
		fmt.Fprintf(&b, "%-7s  %5d  %12.4f  %11.4f  %+10.4f  %8.4f  %+10.4f  %+9.4f  learned %3.0f %%\n",
			y.start.AddDate(0, i, 0).Format("2006-01"), m.leads, m.points/n, m.gated/n, (m.gated-m.points)/n,
			m.ungated/n, (m.ungated-m.points)/n, (m.foreseen-m.points)/n, 100*float64(m.learned)/n)
	}
	fmt.Fprintf(&b, "gate: %d promotions, %d alarms; without: %d promotions", y.gated.changes, y.gated.fallbacks, y.ungated.changes)
	return b.String()
}
