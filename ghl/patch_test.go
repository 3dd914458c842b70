package ghl_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

func TestPatchEncode(t *testing.T) {
	defs := map[string]ghl.Definition{
		ghl.FieldScore:     {ID: "id-score", DataType: "NUMERICAL"},
		ghl.FieldChurn:     {ID: "id-churn", DataType: "TEXT"},
		ghl.FieldSalePrice: {ID: "id-price", DataType: "MONETORY"},
		ghl.FieldStatus:    {ID: "id-status", DataType: "TEXT"},
	}
	got, err := ghl.Patch{
		ghl.FieldScore: 72.126, ghl.FieldChurn: 0.1, ghl.FieldSalePrice: "425000", ghl.FieldStatus: "sold",
	}.Encode(defs)
	want := []ghl.FieldValue{{"id-score", 72.13}, {"id-churn", "0.10"}, {"id-price", 425000.0}, {"id-status", "sold"}}
	less := func(a, b ghl.FieldValue) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(got, less)
	slices.SortFunc(want, less)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Encode: %v (-want +got)\n%s", err, diff)
	}

	_, err = ghl.Patch{ghl.FieldScore: 1.0, ghl.FieldQuality: "hot", ghl.FieldAction: "Call"}.Encode(defs)
	missing := new(ghl.MissingFieldsError)
	if !errors.As(err, &missing) || !slices.Equal(missing.Keys, []string{ghl.FieldQuality, ghl.FieldAction}) {
		t.Errorf("Encode error = %v, want the two missing fields", err)
	}
}

func TestSameValue(t *testing.T) {
	tests := []struct {
		a, b any
		want bool
	}{
		{"72.50", 72.5, true}, {72.5, "72.5", true}, {72.501, 72.5, true}, {72.51, 72.5, false},
		{"hot", "hot", true}, {"hot", "cold", false}, {nil, "hot", false}, {nil, nil, false},
		{"", "0", false}, {math.NaN(), math.NaN(), false}, {[]any{"a"}, "a", false},
	}
	for _, tt := range tests {
		if got := ghl.SameValue(tt.a, tt.b); got != tt.want {
			t.Errorf("SameValue(%v, %v) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
