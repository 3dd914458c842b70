package training

import (
	"fmt"
	"math"
	"slices"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// Check is one condition of the gate.
type Check struct {
	Name string `json:"name"`
	Got  string `json:"got"`
	Want string `json:"want"`
	OK   bool   `json:"ok"`
}

// The gate's limits.
const (
	surely      = 0.90  // how often a bootstrap must find it better
	aucSlack    = 0.005 // how much worse its order may be
	mostECE     = 0.10
	leastSlope  = 0.7
	mostSlope   = 1.4
	leakFeature = 0.80
	leakModel   = 0.95
	mostMoved   = 0.30
)

// trial is a candidate before the gate, judged on rows that it has not seen.
type trial struct {
	Task
	candidate, points       *scoring.Model
	train, held             set
	judged, byPoints, serve []Judged
	leaks                   []Leak
}

// Leak is a feature that alone tells too much of the outcome.
type Leak struct {
	Name   string  `json:"name"`
	AUC    float64 `json:"auc"`
	Waived bool    `json:"waived"`
}

func newTrial(t Task, candidate, points *scoring.Model, train, held set) *trial {
	by := func(m *scoring.Model) []Judged {
		return held.judged(func(r Row) float64 { return m.Probability(r.X, r.Points) })
	}
	tr := &trial{Task: t, candidate: candidate, points: points, train: train, held: held, judged: by(candidate), byPoints: by(points)}
	tr.serve = tr.byPoints
	if !t.unscored() {
		tr.serve = by(t.Serving)
	}
	tr.leaks = tr.findLeaks()
	return tr
}

// unscored reports that what serves gives no probability of its own.
func (t Task) unscored() bool { return t.Serving == nil || t.Serving.Kind == scoring.KindPoints }

// findLeaks lists features of the candidate that alone order the training rows
// too well: what agents fill in after the fact. The older and the newer half
// are looked at, too: a habit that was given up hides in the whole.
func (t *trial) findLeaks() (leaks []Leak) {
	parts := t.train.halves()
	for k, f := range scoring.Features() {
		if !slices.Contains(t.candidate.Features, f.Name) {
			continue
		}
		worst := 0.0
		for _, part := range parts {
			auc := AUC(part.judged(func(r Row) float64 { return r.X[k] }))
			worst = max(worst, auc, 1-auc)
		}
		if worst >= leakFeature {
			leaks = append(leaks, Leak{f.Name, worst, slices.Contains(t.Waived, f.Name)})
		}
	}
	return leaks
}

// halves are s, and its older and newer leads where those are enough to tell.
func (s set) halves() []set {
	leads := leadsOf(s.rows)
	old := map[string]bool{}
	for _, l := range leads[:len(leads)/2] {
		old[l.name] = true
	}
	var older, newer []Row
	for _, r := range s.rows {
		if old[r.Lead] {
			older = append(older, r)
		} else {
			newer = append(newer, r)
		}
	}
	parts := []set{s}
	for _, rows := range [][]Row{older, newer} {
		if won, lost := wins(leadsOf(rows)); min(won, lost) >= learnRarer {
			parts = append(parts, newSet(rows))
		}
	}
	return parts
}

func check(name string, ok bool, want, got string, args ...any) Check {
	return Check{Name: name, OK: ok, Want: want, Got: fmt.Sprintf(got, args...)}
}

// learnedChecks are the conditions for a learned model. All must hold.
func (t *trial) learnedChecks() []Check {
	won, lost := wins(leadsOf(t.held.rows))
	overServing, overPoints := surelyBetter(t.judged, t.serve), surelyBetter(t.judged, t.byPoints)
	auc, before := AUC(t.judged), AUC(t.serve)
	ece, slope := ECE(t.judged), Slope(t.judged)
	checks := []Check{
		check("enough that it has not seen", won+lost >= heldLeads && min(won, lost) >= heldRarer,
			fmt.Sprintf("200 leads, 20 %s and 20 not", t.Target.came()), "%d, %d and %d", won+lost, won, lost),
		check("better than the model that serves", overServing >= surely, "in 90 % of the draws", "%.1f %%", 100*overServing),
		check("better than calibrated points", overPoints >= surely, "in 90 % of the draws", "%.1f %%", 100*overPoints),
		check("its order is no worse", auc >= before-aucSlack, fmt.Sprintf("AUC %.3f or more", before-aucSlack), "%.3f", auc),
		check("calibrated", ece <= mostECE, "ECE 0.10 or less", "%.3f", ece),
		check("neither bold nor timid", slope >= leastSlope && slope <= mostSlope, "slope 0.7 to 1.4", "%.2f", slope),
		check("too good to be true", auc < leakModel || slices.Contains(t.Waived, "model"), "AUC below 0.95, or waived", "%.3f", auc),
		t.promises(),
		t.sequel(),
	}
	for _, l := range t.leaks {
		checks = append(checks, check("leak: "+l.Name, l.Waived, "AUC of a single feature below 0.80, or waived", "%.3f", l.AUC))
	}
	return append(checks, t.tiers())
}

// calibratedChecks are those for a calibration, which changes no score.
func (t *trial) calibratedChecks() []Check {
	base := t.held.baseRate()
	known := t.held.judged(func(Row) float64 { return base })
	loss, plain, ece := LogLoss(t.judged), LogLoss(known), ECE(t.judged)
	checks := []Check{
		check("better than the base rate", loss < plain, fmt.Sprintf("log loss below %.4f", plain), "%.4f", loss),
		check("calibrated", ece <= mostECE, "ECE 0.10 or less", "%.3f", ece),
	}
	// A newer calibration of the same points knows all that the older did, and
	// more. To compare them on leads that the older learned from kept it too long.
	if !t.unscored() && t.Serving.Kind == scoring.KindLogistic { // 200 leads may look better by chance
		share := surelyBetter(t.judged, t.serve)
		checks = append(checks, check("better than the model that serves", share >= surely, "in 90 % of the draws", "%.1f %%", 100*share))
	}
	return checks
}

// sequel looks at the leads after those that the candidate learned from, also
// those that are open: what the monitor would take back at once is not let in.
func (t *trial) sequel() Check {
	_, to := span(t.train.rows)
	ahead := overtaken(t.candidate, t.Task, to)
	return check("the newest leads do not speak against it", ahead <= mostAhead, fmt.Sprintf("calibrated points ahead by %.1f of log likelihood at most", mostAhead), "%.1f", ahead)
}

// promises moves every feature that a promise speaks of, for real rows, and
// sees that the probability does not go the wrong way.
func (t *trial) promises() Check {
	broken := ""
	for k, f := range scoring.Features() {
		sign := scoring.SignOf(f, t.candidate.Target)
		if sign == 0 && !f.Unsigned {
			continue
		}
		for _, r := range t.held.rows[:min(len(t.held.rows), 200)] {
			moved := slices.Clone(r.X)
			moved[k] += float64(max(-1, min(1, sign)))
			up := t.candidate.Probability(moved, r.Points) - t.candidate.Probability(r.X, r.Points)
			if f.Unsigned && up != 0 || up < 0 {
				broken = f.Name
			}
		}
	}
	return check("keeps the promises", broken == "", "no tour lowers a score, no missed one, opt-out or time raises it", "%s", cmpOr(broken, "kept"))
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// tiers counts the open leads whose tier would be another.
func (t *trial) tiers() Check {
	moved := 0
	before := scorer(t.Serving)
	for _, f := range t.Open {
		if before.Score(f).Quality != t.candidate.Score(f).Quality {
			moved++
		}
	}
	share := float64(moved) / float64(max(len(t.Open), 1))
	return check("people's lists stay what they are", share <= mostMoved || t.AcceptTiers, "30 % of the open leads change tier, or accepted", "%.0f %% of %d", 100*share, len(t.Open))
}

type scores interface {
	Score(scoring.Facts) scoring.Score
}

func scorer(m *scoring.Model) scores {
	if m == nil {
		return scoring.DefaultCard()
	}
	return m
}

// withReliability notes in the model how far each tier's win rate was from
// what it said, on rows that it had not seen: no confidence is above that.
func (t *trial) withReliability(m *scoring.Model) (*scoring.Model, error) {
	tried := *m
	tried.Reliability = map[string]float64{}
	for tier, list := range t.byTier() {
		said := mean(list, func(j Judged) float64 { return j.P })
		seen := mean(list, func(j Judged) float64 { return j.Y })
		tried.Reliability[tier] = math.Round(1e4*(1-math.Abs(said-seen))) / 1e4
	}
	return tried.Ready()
}

// byTier sorts the judged rows by the tier that their probability means.
func (t *trial) byTier() map[string][]Judged {
	tiers := map[string][]Judged{}
	base := logit(t.candidate.BaseRate)
	for _, j := range t.judged {
		score := scoring.Base + scoring.PointsPerDoubling*(logit(j.P)-base)/math.Ln2
		tier := scoring.Cold
		switch {
		case score >= 65:
			tier = scoring.Hot
		case score >= 35:
			tier = scoring.Warm
		}
		tiers[tier] = append(tiers[tier], j)
	}
	return tiers
}
