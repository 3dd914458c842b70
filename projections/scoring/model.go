package scoring

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
)

// The kinds of models, in the order of the stages.
const (
	KindPoints   = "points"       // the card alone
	KindPlatt    = "points_platt" // the card, its points calibrated to a probability
	KindLogistic = "logistic"     // learned weights of the features
)

// TargetChurn is the target of a model that says whether a lead is lost or
// falls silent, not whether it is won. Its points are those of ChurnPoints, and
// its signs are the opposite.
const TargetChurn = "churn"

// SignOf is the sign that a feature's weight in a model of target must have.
func SignOf(f Feature, target string) int {
	if target == TargetChurn {
		return -f.Sign
	}
	return f.Sign
}

// ChurnPoints puts a card's risk of churn on the scale of points, for a model
// of churn to be calibrated to: 40 is even odds, 15 more doubles them.
func ChurnPoints(risk float64) float64 {
	p := max(0.005, min(risk, 0.995))
	return Base + PointsPerDoubling*math.Log2(p/(1-p))
}

// Model says how leads are scored: everything that it takes, so that a ledger
// that carries it needs nothing else to score anew. It is read-only after
// ParseModel.
type Model struct {
	Format     int             `json:"format"`
	Kind       string          `json:"kind"`
	FeatureSet string          `json:"feature_set"`
	Target     string          `json:"target,omitempty"` // "" is winning, or TargetChurn
	Card       json.RawMessage `json:"card,omitempty"`   // tiers, evidence, churn and points; null is the card that is built in

	Features  []string  `json:"features,omitempty"` // of a logistic one, in order
	Mean      []float64 `json:"mean,omitempty"`
	Scale     []float64 `json:"scale,omitempty"`
	Weights   []float64 `json:"weights,omitempty"` // of (x-mean)/scale, in log odds
	Intercept float64   `json:"intercept,omitempty"`
	Spread    []float64 `json:"spread,omitempty"` // variance of each weight

	Platt       *[2]float64        `json:"platt,omitempty"` // slope and shift of the log odds
	BaseRate    float64            `json:"base_rate,omitempty"`
	Reliability map[string]float64 `json:"reliability,omitempty"` // by tier: how often it was right when tried

	id    string
	card  *Card
	index []int // of each feature in the set

	foretold *Model // says the risk of churn; nil is the card
}

// Limits of a model: what is beyond them is no model, whoever made it.
const (
	MaxModelBytes = 1 << 20
	maxWeight     = 1e6
)

// ParseModel reads a model. Its error says what is wrong with it; a hostile
// one costs no more than MaxModelBytes to refuse.
func ParseModel(data []byte) (*Model, error) {
	if len(data) > MaxModelBytes {
		return nil, fmt.Errorf("model: %d bytes, over %d", len(data), MaxModelBytes)
	}
	var m Model
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("model: something follows the model")
	}
	return m.Ready()
}

// Ready checks m and returns it ready to score.
func (m Model) Ready() (*Model, error) {
	m.card, m.index = DefaultCard(), nil
	if len(m.Card) > 0 && !bytes.Equal(m.Card, []byte("null")) {
		card, err := ParseCard(m.Card)
		if err != nil {
			return nil, fmt.Errorf("model: %w", err)
		}
		m.card = card
	}
	var f faults
	m.validate(&f)
	if err := errors.Join(f...); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	canonical, err := m.Canonical()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(canonical)
	m.id = "model:" + hex.EncodeToString(sum[:12])
	if m.Kind == KindPoints {
		m.id = m.card.ID()
	}
	return &m, nil
}

var builtInModel = sync.OnceValue(func() *Model {
	m, err := PointsModel(defaultCard)
	if err != nil {
		panic(fmt.Sprintf("scoring: the built-in model: %v", err))
	}
	return m
})

// BuiltIn returns the model that scores before another one does: the built-in
// card.
func BuiltIn() *Model { return builtInModel() }

// PointsModel returns the model that a card alone makes. Its error names every
// fault of the card.
func PointsModel(card []byte) (*Model, error) {
	if len(card) > MaxModelBytes {
		return nil, fmt.Errorf("card: %d bytes, over %d", len(card), MaxModelBytes)
	}
	if _, err := ParseCard(card); err != nil {
		return nil, err
	}
	return Model{Format: 1, Kind: KindPoints, FeatureSet: FeatureSet, Card: card}.Ready()
}

// Canonical is the model as JSON, always the same bytes: floats are exact.
func (m Model) Canonical() ([]byte, error) {
	out, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return out, nil
}

// ID names the model by what it says.
func (m *Model) ID() string { return m.id }

func (m *Model) validate(f *faults) {
	f.check(m.Format == 1, "format", "want 1, got %d", m.Format)
	f.check(m.FeatureSet == FeatureSet, "feature_set", "want %s, got %q", FeatureSet, m.FeatureSet)
	f.check(m.Target == "" || m.Target == TargetChurn && m.Kind != KindPoints, "target", "there is no target %q of %s", m.Target, m.Kind)
	f.check(slices.Contains([]string{KindPoints, KindPlatt, KindLogistic}, m.Kind), "kind", "there is no kind %q", m.Kind)
	if p := m.Platt; p != nil {
		f.check(finite(p[0], 100) && p[0] > 0 && finite(p[1], 100), "platt", "want a slope above 0 and a shift, both finite: %v", *p)
	}
	f.check(m.Platt != nil || m.Kind == KindPoints, "platt", "missing")
	f.check(m.Kind == KindPoints || m.BaseRate > 0 && m.BaseRate < 1, "base_rate", "want above 0 and below 1")
	for tier, r := range m.Reliability {
		f.check(r >= 0 && r <= 1, "reliability."+tier, "want 0 to 1")
	}
	if m.Kind == KindLogistic {
		m.validateWeights(f)
	}
}

func (m *Model) validateWeights(f *faults) {
	n := len(m.Features)
	f.check(n > 0 && n <= len(features), "features", "want 1 to %d", len(features))
	if len(m.Mean) != n || len(m.Scale) != n || len(m.Weights) != n || len(m.Spread) != 0 && len(m.Spread) != n {
		f.add("weights", "want one mean, scale and weight a feature")
		return
	}
	f.check(finite(m.Intercept, maxWeight), "intercept", "not a number within %v", maxWeight)
	seen := map[string]bool{}
	for i, name := range m.Features {
		at := "features." + name
		k := slices.IndexFunc(features, func(x Feature) bool { return x.Name == name })
		if k < 0 || seen[name] {
			f.add(at, "not in %s, or twice", FeatureSet)
			continue
		}
		seen[name] = true
		m.index = append(m.index, k)
		f.check(finite(m.Mean[i], 1e9), at, "mean %v", m.Mean[i])
		f.check(finite(m.Scale[i], 1e9) && m.Scale[i] > 1e-9, at, "scale %v", m.Scale[i])
		f.check(finite(m.Weights[i], maxWeight), at, "weight %v", m.Weights[i])
		f.check(len(m.Spread) == 0 || m.Spread[i] >= 0 && finite(m.Spread[i], maxWeight), at, "spread")
		f.check(!features[k].Unsigned, at, "no model may use it: it moves both ways with what is promised")
		sign := SignOf(features[k], m.Target)
		f.check(float64(sign)*m.Weights[i] >= 0, at, "weight %v breaks a promise: want sign %+d", m.Weights[i], sign)
	}
}

// Score says what the model thinks of a lead.
func (m *Model) Score(f Facts) Score {
	s := m.card.Score(f)
	if m.Target == TargetChurn {
		m.churn(&f, &s)
		return s
	}
	switch m.Kind {
	case KindPlatt:
		s.WinProbability = m.probability(f)
	case KindLogistic:
		m.learned(&f, &s)
	}
	s.ModelID = m.id
	if m.foretold != nil {
		m.foretold.churn(&f, &s)
	}
	return s
}

// logOdds is the model's opinion, not yet calibrated.
func (m *Model) logOdds(x []float64) float64 {
	z := m.Intercept
	for i, k := range m.index {
		z += float64(m.Weights[i] * ((x[k] - m.Mean[i]) / m.Scale[i]))
	}
	return z
}

// Probability is the calibrated probability of a win for a vector of the set.
func (m *Model) Probability(x []float64, points float64) float64 {
	z := (points - Base) / PointsPerDoubling * math.Ln2
	if m.Kind == KindLogistic {
		z = m.logOdds(x)
	}
	if m.Platt != nil {
		z = float64(m.Platt[0]*z) + m.Platt[1]
	}
	return 1 / (1 + math.Exp(-z))
}

func (m *Model) probability(f Facts) *float64 {
	total, _ := m.card.reasons(&f)
	p := hundredths(m.Probability(nil, total.float())).float()
	return &p
}

// learned replaces what the card says of the score by what the weights do.
func (m *Model) learned(f *Facts, s *Score) {
	x := m.card.Vector(*f)
	z := float64(m.Platt[0]*m.logOdds(x)) + m.Platt[1]
	base := math.Log(m.BaseRate / (1 - m.BaseRate))
	total, reasons := m.parts(f, base)
	kept := max(0, min(total, 100*100))
	s.Value, s.Reasons = kept.float(), appendCap(reasons, kept-total, "The scale runs from 0 to 100", f.CreatedBy)
	s.Quality = m.card.tiers.of(kept, f.Quality)
	p := hundredths(1 / (1 + math.Exp(-z))).float()
	s.WinProbability = &p
	s.Confidence, s.ConfidenceBasis = m.confidence(x, kept, s.Quality).float(), "posterior"
	s.Actions = actions(f, *s)
}

// leastShown is the smallest part that is a reason of its own, in hundredths.
const leastShown = 50

// mostPoints is the most that one part can be, either way.
const mostPoints = 1e6

// parts are what each feature adds to 40, in hundredths, weightiest first.
func (m *Model) parts(f *Facts, base float64) (total centi, reasons []Reason) {
	point := func(z float64) centi { // bounded, so that no sum of parts overflows
		return hundredths(max(-mostPoints, min(PointsPerDoubling/math.Ln2*z, mostPoints)))
	}
	average := point(float64(m.Platt[0]*m.Intercept) + m.Platt[1] - base)
	total = hundredths(Base) + average
	rest := average
	for i, k := range m.index {
		x, event := m.card.feature(k, f)
		p := point(float64(m.Platt[0]*m.Weights[i]) * ((x - m.Mean[i]) / m.Scale[i]))
		total += p
		if p > -leastShown && p < leastShown {
			rest += p
			continue
		}
		reasons = append(reasons, Reason{Code: "F_" + features[k].Name, Points: p.float(), Text: learnedText(features[k].Text, x > m.Mean[i], p), EventID: cmp.Or(event, f.CreatedBy)})
	}
	slices.SortStableFunc(reasons, func(a, b Reason) int { return cmp.Compare(abs(b.Points), abs(a.Points)) })
	if rest != 0 {
		reasons = append(reasons, Reason{Code: "REST", Points: rest.float(), Text: "What is usual among our leads, and smaller signs", EventID: f.CreatedBy})
	}
	return total, reasons
}

// learnedText says what a feature does. What is missing speaks too, so it is
// said whether there is more or less of it than with other leads.
func learnedText(text string, more bool, p centi) string {
	amount, side := "less than usual", "against"
	if more {
		amount = "more than usual"
	}
	if p > 0 {
		side = "for"
	}
	return text + ": " + amount + ", which speaks " + side + " the lead by what we learned from our closings"
}

// confidence is the probability that the tier is right: that a score whose
// error is what the spread of the weights makes of it lies within the tier. It
// is never above what that tier proved to be worth when the model was tried.
func (m *Model) confidence(x []float64, score centi, tier string) centi {
	variance := 0.0
	for i, k := range m.index {
		if len(m.Spread) > 0 {
			d := (x[k] - m.Mean[i]) / m.Scale[i]
			variance += float64(d * d * m.Spread[i])
		}
	}
	sd := PointsPerDoubling / math.Ln2 * m.Platt[0] * math.Sqrt(variance+0.01)
	low, high := math.Inf(-1), math.Inf(1)
	t := m.card.tiers
	switch tier {
	case Hot:
		low = (t.hot - t.hysteresis).float()
	case Warm:
		low, high = (t.warm - t.hysteresis).float(), t.hot.float()
	default:
		high = t.warm.float()
	}
	normal := func(to float64) float64 { return 0.5 * math.Erfc((score.float()-to)/sd/math.Sqrt2) }
	p := normal(high) - normal(low)
	if r, ok := m.Reliability[tier]; ok {
		p = min(p, r)
	}
	return hundredths(max(0, min(p, 1)))
}
