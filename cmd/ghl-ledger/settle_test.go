package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestSettleSaysWhatIsLeft: the plan and the result name what does not become
// a new event, and a refusal names the setting.
func TestSettleSaysWhatIsLeft(t *testing.T) {
	service := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet:
			fmt.Fprint(w, `{"id":"evt_1","cause":"other_location"}`)
		case strings.HasSuffix(r.URL.Path, "/admit"):
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"error":"Still not ours","message":"add it to GHL_LOCATION_ID","code":"still_foreign"}`)
		default:
			fmt.Fprint(w, `{"done":3,"duplicates":1,"still_invalid":2,"sample":[],"next":null}`)
		}
	}
	for _, tt := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"--all", "--dry-run"}, 0, []string{"would admit 3 deliveries", "1 of them were there", "2 wait on"}},
		{[]string{"--all", "--yes"}, 0, []string{"3 deliveries admitted", "1 of them were there", "2 wait on"}},
		{[]string{"evt_1", "--yes"}, 1, []string{"evt_1: add it to GHL_LOCATION_ID"}},
	} {
		code, out, errOut := ask(t, service, append([]string{"quarantine", "admit"}, tt.args...)...)
		for _, want := range tt.says {
			if code != tt.code || !strings.Contains(out+errOut, want) {
				t.Errorf("%v: got %d %q %q, want %d %q", tt.args, code, out, errOut, tt.code, want)
			}
		}
	}
}

// TestEventsListSaysWhyApart: a quarantined delivery's line has the reason.
func TestEventsListSaysWhyApart(t *testing.T) {
	_, out, errOut := ask(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":[{"id":"evt_1","kind":"event.quarantined","status":"failed","quarantined":"other_location"}],"next":null}`)
	}, "events", "list")
	if !strings.Contains(out, "failed: other_location") {
		t.Errorf("got %q %q, want the cause", out, errOut)
	}
}
