package projections

import (
	"encoding/json"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// LeadJSON is a Lead as it is written: the fields of its score stand among its
// own, null or empty while it is not scored.
type LeadJSON struct {
	leadFields
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

// leadFields is a Lead without its methods.
type leadFields Lead

// MarshalJSON writes the lead as a LeadJSON.
func (l Lead) MarshalJSON() ([]byte, error) {
	flat := LeadJSON{leadFields: leadFields(l), Actions: []scoring.Action{}, Reasons: []scoring.Reason{}, ChurnReasons: []scoring.Reason{}}
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
