package projections

import (
	"encoding/json"
	"maps"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// LeadJSON is a Lead as it is written: the fields of its score stand among its
// own, null or empty while it is not scored.
type LeadJSON struct {
	leadFields
	Preferences     PreferencesJSON  `json:"preferences"`
	Score           *float64         `json:"score"`
	Confidence      *float64         `json:"confidence"`
	ConfidenceBasis *string          `json:"confidence_basis"`
	Quality         *string          `json:"quality"`
	WinProbability  *float64         `json:"win_probability"`
	ChurnRisk       *float64         `json:"churn_risk"`
	Actions         []scoring.Action `json:"recommended_actions"`
	Reasons         []scoring.Reason `json:"reasons"`
	ChurnReasons    []scoring.Reason `json:"churn_reasons"`
	Delta           *float64         `json:"delta"`
	Trend           *string          `json:"trend"`
	ModelID         *string          `json:"model_id"`
}

// PreferencesJSON are Preferences as they are written: each is there, null
// where it is not known.
type PreferencesJSON struct {
	BudgetMin      *float64          `json:"budget_min"`
	BudgetMax      *float64          `json:"budget_max"`
	TimelineMonths *float64          `json:"timeline_months"`
	PropertyType   *string           `json:"property_type"`
	Locations      []string          `json:"locations"`
	From           map[string]string `json:"from"` // evt_ id by preference
}

func (p Preferences) written() PreferencesJSON {
	w := PreferencesJSON{TimelineMonths: p.TimelineMonths, Locations: append([]string{}, p.Locations...), From: map[string]string{}}
	maps.Copy(w.From, p.From)
	if p.BudgetMin != 0 {
		w.BudgetMin = &p.BudgetMin
	}
	if p.BudgetMax != 0 {
		w.BudgetMax = &p.BudgetMax
	}
	if p.PropertyType != "" {
		w.PropertyType = &p.PropertyType
	}
	return w
}

// leadFields is a Lead without its methods.
type leadFields Lead

// MarshalJSON writes the lead as a LeadJSON.
func (l Lead) MarshalJSON() ([]byte, error) {
	flat := LeadJSON{leadFields: leadFields(l), Preferences: l.Preferences.written(), Actions: []scoring.Action{}, Reasons: []scoring.Reason{}, ChurnReasons: []scoring.Reason{}}
	if s := l.Score; s != nil {
		flat.Score, flat.Confidence, flat.ConfidenceBasis = &s.Value, &s.Confidence, &s.ConfidenceBasis
		flat.Quality, flat.WinProbability, flat.ChurnRisk, flat.ModelID = &s.Quality, s.WinProbability, &s.ChurnRisk, &s.ModelID
		flat.Delta, flat.Trend = s.Delta, &s.Trend
		flat.Actions = append(flat.Actions, s.Actions...)
		flat.Reasons = append(flat.Reasons, s.Reasons...)
		flat.ChurnReasons = append(flat.ChurnReasons, s.ChurnReasons...)
	}
	return json.Marshal(flat)
}
