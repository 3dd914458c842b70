package training

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// ModelCard says what a model is, what it was trained on and how it was tried.
type ModelCard struct {
	ModelID    string    `json:"model_id"`
	Kind       string    `json:"kind"`
	Target     string    `json:"target"`
	FeatureSet string    `json:"feature_set"`
	TrainedAt  time.Time `json:"trained_at"`
	From       time.Time `json:"from"` // of the rows trained on
	To         time.Time `json:"to"`
	Rows       int       `json:"rows"`
	Leads      int       `json:"leads"`
	Won        int       `json:"won"`
	HeldLeads  int       `json:"held_leads"`
	HeldWon    int       `json:"held_won"`

	AUC     float64         `json:"auc"`
	AUCLow  float64         `json:"auc_low"` // the middle 95 % of a bootstrap
	AUCHigh float64         `json:"auc_high"`
	LogLoss float64         `json:"log_loss"`
	Brier   float64         `json:"brier"`
	ECE     float64         `json:"ece"`
	Slope   float64         `json:"calibration_slope"`
	Bins    []Bin           `json:"bins"`
	Lift    float64         `json:"lift_at_10"`
	Capture float64         `json:"capture_at_10"`
	Tiers   []Slice         `json:"tiers"`
	Slices  []Slice         `json:"slices"`
	Points  Compared        `json:"points"`
	Serving Compared        `json:"serving"`
	Weights []FeatureWeight `json:"weights"`
	Leaks   []Leak          `json:"leaks"`
	Checks  []Check         `json:"checks"`
	Promote bool            `json:"promote"`
	Limits  []string        `json:"known_limits"`
}

// Slice is one kind of rows: what was said of them and what came.
type Slice struct {
	Name      string  `json:"name"`
	Rows      int     `json:"rows"`
	Predicted float64 `json:"predicted"`
	Seen      float64 `json:"seen"`
	LogLoss   float64 `json:"log_loss"`
}

// Compared is another model on the same rows.
type Compared struct {
	ModelID string  `json:"model_id"`
	AUC     float64 `json:"auc"`
	LogLoss float64 `json:"log_loss"`
}

// FeatureWeight is what a model makes of a feature, in points for one standard
// deviation.
type FeatureWeight struct {
	Name   string  `json:"name"`
	Points float64 `json:"points"`
}

// limits are what no figure of a card shows.
func (t Target) limits() []string {
	late := "A lead that is won later than 90 days after a row counts as not won in that row."
	if t == Churn {
		late = "A lead that comes back later than 60 days after a row counts as silent in that row."
	}
	return []string{
		"It knows the leads of this office alone; a new source or market is not in it.",
		"What agents do because of a score changes what becomes of the lead.",
		late,
	}
}

// result makes the card of a trial and the verdict.
func (t *trial) result(checks []Check) Result {
	promote := !slices.ContainsFunc(checks, func(c Check) bool { return !c.OK })
	leads := leadsOf(t.train.rows)
	won, _ := wins(leads)
	heldWon, heldLost := wins(leadsOf(t.held.rows))
	low, high := aucRange(t.judged)
	lift, capture := Lift(t.judged)
	c := ModelCard{
		ModelID: t.candidate.ID(), Kind: t.candidate.Kind, Target: Target(t.candidate.Target).String(), FeatureSet: scoring.FeatureSet, TrainedAt: t.Now,
		Rows: len(t.train.rows), Leads: len(leads), Won: won, HeldLeads: heldWon + heldLost, HeldWon: heldWon,
		AUC: round4(AUC(t.judged)), AUCLow: round4(low), AUCHigh: round4(high),
		LogLoss: round4(LogLoss(t.judged)), Brier: round4(Brier(t.judged)), ECE: round4(ECE(t.judged)), Slope: round4(Slope(t.judged)),
		Bins: Bins(t.judged), Lift: round4(lift), Capture: round4(capture), Tiers: t.tierSlices(), Slices: t.sourceSlices(),
		Points:  Compared{t.points.ID(), round4(AUC(t.byPoints)), round4(LogLoss(t.byPoints))},
		Serving: Compared{servingID(t.Serving), round4(AUC(t.serve)), round4(LogLoss(t.serve))},
		Weights: weightsOf(t.candidate), Leaks: t.leaks, Checks: checks, Promote: promote, Limits: t.Target.limits(),
	}
	c.From, c.To = span(t.train.rows)
	return Result{Model: t.candidate, Card: c, Promote: promote}
}

// refusal is the first condition that did not hold.
func (c ModelCard) refusal() string {
	for _, k := range c.Checks {
		if !k.OK {
			return fmt.Sprintf("%s: %s, want %s", k.Name, k.Got, k.Want)
		}
	}
	return ""
}

func servingID(m *scoring.Model) string {
	if m == nil {
		return scoring.DefaultCard().ID()
	}
	return m.ID()
}

func span(rows []Row) (from, to time.Time) {
	for i, r := range rows {
		if i == 0 || r.AsOf.Before(from) {
			from = r.AsOf
		}
		if r.AsOf.After(to) {
			to = r.AsOf
		}
	}
	return from, to
}

func weightsOf(m *scoring.Model) (list []FeatureWeight) {
	for i, name := range m.Features {
		if p := round4(m.Weights[i] * scoring.PointsPerDoubling / math.Ln2); p != 0 {
			list = append(list, FeatureWeight{name, p})
		}
	}
	slices.SortStableFunc(list, func(a, b FeatureWeight) int { return cmp.Compare(math.Abs(b.Points), math.Abs(a.Points)) })
	return list
}

func (t *trial) tierSlices() (list []Slice) {
	tiers := t.byTier()
	for _, tier := range []string{scoring.Hot, scoring.Warm, scoring.Cold} {
		list = append(list, sliceOf(tier, tiers[tier]))
	}
	return list
}

func (t *trial) sourceSlices() (list []Slice) {
	by := map[string][]Judged{}
	for i, r := range t.held.rows {
		by[cmp.Or(r.Source, "unknown")] = append(by[cmp.Or(r.Source, "unknown")], t.judged[i])
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		list = append(list, sliceOf(name, by[name]))
	}
	return list
}

func sliceOf(name string, list []Judged) Slice {
	return Slice{
		Name: name, Rows: len(list), LogLoss: round4(LogLoss(list)),
		Predicted: round4(mean(list, func(j Judged) float64 { return j.P })), Seen: round4(mean(list, func(j Judged) float64 { return j.Y })),
	}
}

func round4(x float64) float64 { return math.Round(x*1e4) / 1e4 }
