package ghl

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// The contact fields that this service writes, by key.
// They are never read as features: what we wrote is not evidence.
const (
	FieldScore        = "ai_score"
	FieldConfidence   = "score_confidence"
	FieldQuality      = "lead_quality"
	FieldAction       = "recommended_action"
	FieldUpdatedScore = "updated_ai_score"
	FieldChurn        = "churn_risk"
	FieldNextAction   = "next_action"
	FieldStatus       = "status"
	FieldSalePrice    = "sale_price"
	FieldCloseDate    = "close_date"
)

// Definition is a custom field as GoHighLevel defines it at a location.
type Definition struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Key      string `json:"fieldKey"` // contact.ai_score
	DataType string `json:"dataType"` // TEXT, NUMERICAL, MONETORY (sic), DATE, …
}

// OurFields are the definitions of what this service writes, by key, with the
// type that `fields --create` gives them.
var OurFields = []Definition{
	{Key: FieldScore, Name: "AI Score", DataType: "NUMERICAL"},
	{Key: FieldConfidence, Name: "Score Confidence", DataType: "NUMERICAL"},
	{Key: FieldQuality, Name: "Lead Quality", DataType: "TEXT"},
	{Key: FieldAction, Name: "Recommended Action", DataType: "TEXT"},
	{Key: FieldUpdatedScore, Name: "Updated AI Score", DataType: "NUMERICAL"},
	{Key: FieldChurn, Name: "Churn Risk", DataType: "NUMERICAL"},
	{Key: FieldNextAction, Name: "Next Action", DataType: "TEXT"},
	{Key: FieldStatus, Name: "Status", DataType: "TEXT"},
	{Key: FieldSalePrice, Name: "Sale Price", DataType: "MONETORY"},
	{Key: FieldCloseDate, Name: "Close Date", DataType: "TEXT"},
}

// IsOurs reports whether this service writes the field with that key.
func IsOurs(key string) bool {
	return slices.ContainsFunc(OurFields, func(d Definition) bool { return d.Key == key })
}

// Patch is what to write to a contact: value by field key. A value is a
// string or a float64.
type Patch map[string]any

// FieldValue is one field of the body of PUT /contacts/{id}.
type FieldValue struct {
	ID    string `json:"id"`
	Value any    `json:"field_value"`
}

// MissingFieldsError lists the keys of a Patch that the location has no field for.
type MissingFieldsError struct{ Keys []string }

func (e *MissingFieldsError) Error() string {
	return fmt.Sprintf("custom fields %v do not exist at this location: run `ghl-ledger ghl fields --create`", e.Keys)
}

// Encode returns p as GoHighLevel takes it, ordered by key: fields by id,
// numbers for numerical types, text with two decimals for the others. A key
// without a definition is a *MissingFieldsError that names them all.
func (p Patch) Encode(defs map[string]Definition) ([]FieldValue, error) {
	var values []FieldValue
	var missing []string
	for _, key := range slices.Sorted(maps.Keys(p)) {
		def, ok := defs[key]
		if !ok {
			missing = append(missing, key)
			continue
		}
		values = append(values, FieldValue{ID: def.ID, Value: encodeValue(def.DataType, p[key])})
	}
	if len(missing) > 0 {
		return nil, &MissingFieldsError{Keys: missing}
	}
	return values, nil
}

func encodeValue(dataType string, v any) any {
	number, isNumber := v.(float64)
	numeric := dataType == "NUMERICAL" || dataType == "MONETORY"
	switch {
	case isNumber && numeric:
		return math.Round(number*100) / 100
	case isNumber:
		return strconv.FormatFloat(number, 'f', 2, 64)
	case numeric:
		if n, err := strconv.ParseFloat(fmt.Sprint(v), 64); err == nil {
			return n
		}
	}
	return v
}

// SameValue reports whether a field that holds a, as some dialect sent it,
// holds what we would write as b: numbers compare by value at two decimals,
// however they are written.
func SameValue(a, b any) bool {
	x, xok := asNumber(a)
	y, yok := asNumber(b)
	if xok && yok {
		return math.Abs(x-y) < 0.005
	}
	return a != nil && b != nil && fmt.Sprint(a) == fmt.Sprint(b)
}

func asNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}
