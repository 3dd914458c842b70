package scoring_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"pgregory.net/rapid"
)

// drawModel is any learned model that is accepted.
func drawModel(t *rapid.T) *scoring.Model {
	m := scoring.Model{Format: 1, Kind: scoring.KindLogistic, FeatureSet: scoring.FeatureSet, Platt: &[2]float64{1, 0.1}, BaseRate: 0.2, Intercept: -1.2}
	for _, f := range scoring.Features() {
		w := rapid.Float64Range(-1, 1).Draw(t, f.Name)
		if f.Unsigned {
			continue
		}
		if f.Sign != 0 {
			w = math.Copysign(w, float64(f.Sign))
		}
		m.Features, m.Mean, m.Scale = append(m.Features, f.Name), append(m.Mean, 0.3), append(m.Scale, 0.7)
		m.Weights, m.Spread = append(m.Weights, w), append(m.Spread, 0.01)
	}
	ready, err := m.Ready()
	if err != nil {
		t.Fatal(err)
	}
	return ready
}

// TestLawsOfModels: a learned model keeps the promises too.
func TestLawsOfModels(t *testing.T) {
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m, f := drawModel(t), drawFacts(t)
				before := m.Score(f)
				law.also(t, &f)
				if after := m.Score(f); !law.holds(before, after) {
					t.Fatalf("score %.2f, churn %.2f before; %.2f, %.2f after\n%+v\n%+v", before.Value, before.ChurnRisk, after.Value, after.ChurnRisk, before.Reasons, after.Reasons)
				}
			})
		})
	}
}

func TestReasonsOfModelsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawModel(t).Score(drawFacts(t))
		if got := 4000 + cents(t, s.Reasons); got != cent(s.Value) {
			t.Fatalf("40 and the reasons are %d, the score is %.2f: %+v", got, s.Value, s.Reasons)
		}
		if s.WinProbability == nil || s.Confidence < 0 || s.Confidence > 1 || s.ConfidenceBasis != "posterior" {
			t.Fatalf("%+v", s)
		}
	})
}

// TestParseModel: what is no model is refused with the reason.
func TestParseModel(t *testing.T) {
	good := scoring.Model{
		Format: 1, Kind: scoring.KindLogistic, FeatureSet: scoring.FeatureSet, Platt: &[2]float64{1, 0}, BaseRate: 0.2,
		Features: []string{"points", "silence"}, Mean: []float64{0, 1}, Scale: []float64{1, 1}, Weights: []float64{0.7, -0.2},
	}
	text, err := good.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	m, err := scoring.ParseModel(text)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := m.Canonical(); err != nil || !bytes.Equal(again, text) {
		t.Errorf("read and written again: %s, %v", again, err)
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"truncated", string(text[len(text)/2:]), "", "unexpected EOF"},
		{"two of them", "}", "}{}", "follows"},
		{"an infinite weight", "0.7", "1e999", "cannot unmarshal number"},
		{"a huge weight", "0.7", "1e300", "weight 1e+300"},
		{"a weight that breaks a promise", "-0.2", "0.2", "breaks a promise"},
		{"NaN", "0.7", "NaN", "invalid character"},
		{"scale zero", `"scale":[1,1]`, `"scale":[1,0]`, "scale 0"},
		{"too few weights", "[0.7,-0.2]", "[0.7]", "one mean, scale and weight"},
		{"a feature twice", `"points","silence"`, `"points","points"`, "or twice"},
		{"an unknown feature", `"silence"`, `"shoe_size"`, "not in fs-1"},
		{"one that no model may use", `"silence"`, `"days_to_tour"`, "no model may use it"},
		{"another feature set", `"fs-1"`, `"fs-9"`, "feature_set"},
		{"a slope below zero", `"platt":[1,0]`, `"platt":[-1,0]`, "platt"},
		{"no calibration", `"platt":[1,0],`, "", "platt: missing"},
		{"a base rate of one", `"base_rate":0.2`, `"base_rate":1`, "base_rate"},
		{"an unknown field", `"format"`, `"exec":"rm","format"`, "unknown field"},
		{"too large", "{", "{" + strings.Repeat(" ", scoring.MaxModelBytes), "bytes, over"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := scoring.ParseModel([]byte(strings.Replace(string(text), tt.old, tt.new, 1))); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParseModel = %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzParseModel(f *testing.F) {
	f.Add([]byte(`{"format":1,"kind":"points","feature_set":"fs-1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := scoring.ParseModel(data); err == nil {
			s := m.Score(scoring.Facts{AsOf: noon})
			if _, err := json.Marshal(s); err != nil {
				t.Errorf("%s scores %+v: %v", data, s, err)
			}
		}
	})
}
