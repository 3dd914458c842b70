package handlers

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// families says what each metric of ours is, for those who meet it in a
// dashboard. One that is not here fails TestMetrics.
var families = map[string]string{
	"ghl_ledger_http_requests_total":            "Requests answered, by listener, route pattern and status.",
	"ghl_ledger_webhooks_total":                 "Webhooks answered, by what became of them: received, duplicate, conflict, unknown (a type that nothing handles), quarantined, or the code of the refusal.",
	"ghl_ledger_webhook_seconds":                "From a webhook's first byte to its answer, flushes included.",
	"ghl_ledger_quarantined_total":              "Authentic deliveries kept apart, by cause.",
	"ghl_ledger_conflicts_total":                "Events whose sender's id had come before with another body, kept as entries of their own.",
	"ghl_ledger_connections_refused_total":      "Connections closed because their address held too many.",
	"ghl_ledger_panics_total":                   "Requests whose handler panicked, and bodies whose reading did.",
	"ghl_ledger_head_seq":                       "Sequence number of the newest entry.",
	"ghl_ledger_ready":                          "1 if events can be appended, else 0.",
	"ghl_ledger_draining":                       "1 while the service is about to end.",
	"ghl_ledger_projection_lag_entries":         "Entries that a view has not folded yet.",
	"ghl_ledger_projection_lag_seconds":         "Age of the oldest entry that a view has not folded.",
	"ghl_ledger_projection_parked":              "Entries that a view could not digest, and those that wait behind them.",
	"ghl_ledger_projection_generation":          "Generation of a view: one more at each take-over.",
	"ghl_ledger_projection_halted":              "1 if a view stopped at a fault of its disk.",
	"ghl_ledger_effects":                        "What is or was owed to GoHighLevel, by state; the dead are the dead letters.",
	"ghl_ledger_effects_oldest_pending_seconds": "How long the oldest pending effect has waited; 0 if none does.",
	"ghl_ledger_effects_pending":                "Pending effects of a location.",
	"ghl_ledger_planned_seq":                    "Everything up to this sequence number is planned.",
	"ghl_ledger_events_skipped":                 "Events that could not be planned yet.",
	"ghl_ledger_location_stopped":               "1 if calls of a location wait for a person.",
	"ghl_ledger_locations_resting":              "Locations that are left alone because GoHighLevel does not answer for them.",
	"ghl_ledger_api_calls_total":                "Calls of GoHighLevel, by what they were and how they were answered; none: not at all.",
	"ghl_ledger_api_call_seconds":               "How long a call of GoHighLevel took, without the wait for its turn.",
	"ghl_ledger_file_bytes":                     "Size of the ledger's file.",
	"ghl_ledger_entry_bytes":                    "Size of the ledger's file per entry.",
	"ghl_ledger_free_bytes":                     "Bytes free where the ledger is.",
	"ghl_ledger_waiting_drafts":                 "Appends that wait for the writer.",
	"ghl_ledger_oldest_reader_seconds":          "For how long the oldest read has been open.",
	"ghl_ledger_commits_total":                  "Commits of the ledger, each with its flushes.",
	"ghl_ledger_backup_age_seconds":             "Age of the newest verified backup.",
	"ghl_ledger_alerts_total":                   "Alerts raised, by severity.",
	"ghl_ledger_build_info":                     "1; the labels say what is running.",
}

// family is one metric with its samples.
type family struct {
	kind    string
	samples []string
}

// expose writes text anew in the form that Prometheus asks for: the samples of a
// family in one place, its type and what it is above them.
func expose(w io.Writer, text []byte) error {
	all := map[string]*family{}
	var order []string
	at := func(name string) *family {
		if all[name] == nil {
			all[name] = &family{kind: "untyped"}
			order = append(order, name)
		}
		return all[name]
	}
	current := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			at(name).kind, current = kind, name
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := at(familyOf(line, current))
		f.samples = append(f.samples, line)
	}
	out := bufio.NewWriter(w)
	for _, name := range order {
		if strings.HasSuffix(name, "_count") {
			continue // three of the runtime's, named as if they were part of a histogram
		}
		if strings.HasSuffix(name, "_total") {
			all[name].kind = "counter" // what the library writes of /proc is typed a gauge
		}
		fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, helpOf(name), name, all[name].kind)
		for _, s := range all[name].samples {
			fmt.Fprintln(out, s)
		}
	}
	return out.Flush()
}

// familyOf is the family of a sample: that of the type above it, of which a
// histogram's samples only begin with the name.
func familyOf(sample, current string) string {
	name, _, _ := strings.Cut(strings.TrimRight(sample, "\n"), " ")
	name, _, _ = strings.Cut(name, "{")
	for _, end := range []string{"", "_bucket", "_sum", "_count"} {
		if name == current+end {
			return current
		}
	}
	return name
}

func helpOf(name string) string {
	if help, ok := families[name]; ok {
		return help
	}
	return "Of the process and its runtime."
}
