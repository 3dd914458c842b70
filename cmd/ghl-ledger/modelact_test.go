package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestPromoteSays what is so of a model of churn too, which scores nobody, and
// of the points card that takes its place.
func TestPromoteSays(t *testing.T) {
	const rest = " from now on (recorded as evt_1): every lead is scored anew, and 2 leads will have another score, tier or first action"
	for _, tt := range []struct{ act, answer, want string }{
		{"promote", `"id":"model:w","foretells":"win"`, "model:w serves"},
		{"promote", `"id":"model:c","foretells":"churn"`, "model:c says the risk of churn"},
		{"rollback", `"id":"card:p","target":"win","foretells":"churn"`, "card:p says the risk of churn"},
	} {
		service := func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{%s,"changes":{"changed":2},"audit_id":"evt_1"}`, tt.answer)
		}
		code, out, errOut := ask(t, service, "model", tt.act, "model:c", "--reason", "x", "--yes")
		if code != 0 || strings.TrimSpace(out) != tt.want+rest {
			t.Errorf("%s answered %s: code %d, %q, %s; want %q", tt.act, tt.answer, code, out, errOut, tt.want+rest)
		}
	}
}
