package main

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// TestMetrics looks at /metrics of a running service as promtool does, and
// holds the alert rules and the dashboard against it: each metric that they
// name must be there.
func TestMetrics(t *testing.T) {
	text := scrape(t)
	found := families(t, text)
	t.Run("conventions", func(t *testing.T) { conventional(t, found) })
	t.Run("labels", func(t *testing.T) { bounded(t, found) })
	t.Run("visible", func(t *testing.T) { visible(t, found) })
	t.Run("alerts", func(t *testing.T) { alertRules(t, found) })
	t.Run("dashboard", func(t *testing.T) { dashboard(t, found) })
	t.Run("datadog", datadog)
	t.Run("promtool", func(t *testing.T) { promtool(t, text) })
}

// canary is a contact, and a path, that must not come out as a label.
const canary = "canary-5d1e"

// scrape runs a service, has it do everything that counts, and reads /metrics.
func scrape(t *testing.T) []byte {
	p := newProcess(t, map[string]string{"GHL_LOCATION_ID": "loc_1", "GHL_API_KEY": "pit", "GHL_API_BASE_URL": "http://127.0.0.1:1",
		"LEDGER_BACKUP_DIR": t.TempDir(), "LEDGER_BACKUP_EVERY": "1h", "GHL_RETRY_INITIAL": "1h"})
	p.start()
	for _, typ := range []string{"contact.created", "contact.updated", "message.received"} {
		r, err := p.deliver(ghl.SampleOf(ghl.Type(typ), "seed", ghl.SampleValues{At: time.Now(), Contact: canary}))
		if err != nil || r.Status != "received" {
			t.Fatalf("%s: %+v %v", typ, r, err)
		}
	}
	_, _ = p.deliver([]byte(`{"type":"contact.created","data":{"contact_id":7,"` + canary + `":1}}`)) // quarantined
	for _, path := range []string{"/api/v1/leads/" + canary, "/" + canary, "/api/v1/events?q=" + canary, "/console/" + canary} {
		_ = p.do("GET", path, nil, nil)
		_ = p.do(strings.ToUpper(canary), path, nil, nil)
	}
	var text []byte
	p.until(p.startTime, "counting calls and backups", func() bool {
		text = p.fetch("/metrics")
		return bytes.Contains(text, []byte("ghl_ledger_api_calls_total{")) && bytes.Contains(text, []byte("ghl_ledger_backup_age_seconds")) &&
			bytes.Contains(text, []byte("ghl_ledger_effects_pending{"))
	})
	return text
}

// fetch reads a page without a token.
func (p *process) fetch(path string) []byte {
	p.t.Helper()
	resp, err := p.client.Get("http://" + p.admin + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// metric is a family of samples.
type metric struct {
	help, kind string
	labels     map[string][]string // values by label
	samples    int
}

var (
	sampleForm = regexp.MustCompile(`^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$`)
	labelForm  = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)
)

// families parses text strictly: a family's HELP and TYPE stand once, above all
// of its samples.
func families(t *testing.T, text []byte) map[string]*metric {
	t.Helper()
	found, name := map[string]*metric{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			var help string
			if name, help, _ = strings.Cut(rest, " "); found[name] != nil {
				t.Errorf("%s comes twice", name)
			}
			found[name] = &metric{help: help, labels: map[string][]string{}}
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "+name+" "); ok {
			found[name].kind = rest
			continue
		}
		m := sampleForm.FindStringSubmatch(line)
		if m == nil || found[name] == nil || !slices.Contains([]string{name, name + "_bucket", name + "_sum", name + "_count"}, m[1]) {
			t.Errorf("%q does not belong to %s", line, name)
			continue
		}
		found[name].samples++
		for _, l := range labelForm.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(found[name].labels[l[1]], l[2]) {
				found[name].labels[l[1]] = append(found[name].labels[l[1]], l[2])
			}
		}
	}
	return found
}

// conventional is what promtool check metrics looks at.
func conventional(t *testing.T, found map[string]*metric) {
	prefix := regexp.MustCompile(`^(ghl_ledger|go|process)_[a-z][a-z0-9_]*[a-z0-9]$`)
	units := regexp.MustCompile(`_(ms|millis|milliseconds|minutes|hours|days|kb|mb|kib|mib|megabytes|percent)(_|$)`)
	for name, m := range found {
		ours := strings.HasPrefix(name, "ghl_ledger_")
		switch {
		case strings.HasPrefix(name, "vm_"): // of this test's own PromQL parser
		case !prefix.MatchString(name):
			t.Errorf("%s: the name is not as ours are", name)
		case units.MatchString(name):
			t.Errorf("%s: not a base unit", name)
		case (m.kind == "counter") != strings.HasSuffix(name, "_total") && ours:
			t.Errorf("%s is a %s", name, m.kind)
		case m.kind == "" || m.help == "" || ours && m.help == "Of the process and its runtime.":
			t.Errorf("%s: type %q, help %q", name, m.kind, m.help)
		case ours && m.kind == "histogram" && !strings.HasSuffix(name, "_seconds"):
			t.Errorf("%s: a histogram of what?", name)
		case m.samples == 0:
			t.Errorf("%s has no samples", name)
		}
	}
}

// bounded wants every label's values to come from a closed list.
func bounded(t *testing.T, found map[string]*metric) {
	word := regexp.MustCompile(`^[a-z][a-z0-9_.]*$`)
	closed := map[string]*regexp.Regexp{
		"listener": regexp.MustCompile(`^(public|admin|both)$`), "route": regexp.MustCompile(`^(none|/[a-z0-9_/:.-]*)$`),
		"status": regexp.MustCompile(`^([1-5][0-9][0-9]|[1-5]xx|none)$`), "result": word, "cause": word, "projection": word, "state": word,
		"call": word, "severity": regexp.MustCompile(`^(high|medium)$`), "location": regexp.MustCompile(`^loc_1$`),
		"version": regexp.MustCompile(`.`), "go": regexp.MustCompile(`^go1`), "le": regexp.MustCompile(`^([0-9.e+-]+|\+Inf)$`),
	}
	for name, m := range found {
		if !strings.HasPrefix(name, "ghl_ledger_") {
			continue
		}
		for label, values := range m.labels {
			if closed[label] == nil {
				t.Errorf("%s has a label %s: are its values a closed list?", name, label)
				continue
			}
			for _, v := range values {
				if !closed[label].MatchString(v) || strings.Contains(strings.ToLower(v), canary) {
					t.Errorf("%s{%s=%q} is not of a closed list", name, label, v)
				}
			}
		}
		if m.samples > 400 {
			t.Errorf("%s has %d series", name, m.samples)
		}
	}
}

// visible is what must be seen from outside, whatever becomes of the rest.
func visible(t *testing.T, found map[string]*metric) {
	for what, names := range map[string]string{
		"can it take webhooks":          "ready draining",
		"what became of webhooks":       "webhooks_total webhook_seconds quarantined_total connections_refused_total panics_total",
		"the ledger's growth and room":  "head_seq file_bytes entry_bytes free_bytes waiting_drafts commits_total oldest_reader_seconds",
		"the views":                     "projection_lag_entries projection_lag_seconds projection_parked projection_halted projection_generation",
		"what is owed, and since when":  "effects effects_pending effects_oldest_pending_seconds planned_seq events_skipped location_stopped locations_resting",
		"calls of GoHighLevel":          "api_calls_total api_call_seconds",
		"backups, alerts, what it runs": "backup_age_seconds alerts_total build_info http_requests_total",
	} {
		for name := range strings.FieldsSeq(names) {
			if found["ghl_ledger_"+name] == nil {
				t.Errorf("%s: there is no ghl_ledger_%s", what, name)
			}
		}
	}
	if states := found["ghl_ledger_effects"].labels["state"]; len(states) != 7 {
		t.Errorf("effects are counted in the states %q, want all seven", states)
	}
}
