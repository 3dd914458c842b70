package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestPromoteSays what is so of a model of churn too, which scores nobody.
func TestPromoteSays(t *testing.T) {
	service := func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"id":"model:c","target":"churn","changes":{"changed":2},"audit_id":"evt_1"}`)
	}
	code, out, errOut := ask(t, service, "model", "promote", "model:c", "--reason", "x", "--yes")
	want := "model:c serves from now on (recorded as evt_1): every lead is scored anew, and 2 leads will have another score, tier or first action"
	if code != 0 || strings.Contains(out, "scores every lead") || !strings.Contains(out, want) {
		t.Errorf("code %d, %q, %s; want %q", code, out, errOut, want)
	}
}
