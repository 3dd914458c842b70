package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"go.yaml.in/yaml/v4"
)

// alertRules reads the rules as Prometheus does.
func alertRules(t *testing.T, found map[string]*metric) {
	text, err := os.ReadFile("deploy/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if names[r.Alert] || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["action"] == "" {
				t.Errorf("%s: want one of that name, with a severity, a summary and what to do", r.Alert)
			}
			names[r.Alert] = true
			asked(t, found, r.Alert, r.Expr)
		}
	}
	if t.Logf("%d alert rules", len(names)); len(names) == 0 {
		t.Error("no rules")
	}
}

// dashboard reads the dashboard as Grafana does.
func dashboard(t *testing.T, found map[string]*metric) {
	text, err := os.ReadFile("deploy/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		UID, Title    string
		SchemaVersion int
		Panels        []struct {
			ID          int
			Title, Type string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil || board.UID == "" || board.SchemaVersion == 0 {
		t.Fatalf("not a dashboard: %v", err)
	}
	place, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q: its id, its targets or its place", p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := place[[2]int{x, y}]; other != "" {
					t.Fatalf("panels %q and %q overlap", other, p.Title)
				}
				place[[2]int{x, y}] = p.Title
			}
		}
		for _, q := range p.Targets {
			asked(t, found, p.Title, strings.ReplaceAll(q.Expr, "$__rate_interval", "5m"))
		}
	}
	t.Logf("%d panels", len(board.Panels))
}

// datadog reads the agent's configuration: what the check needs is there.
func datadog(t *testing.T) {
	text, err := os.ReadFile("deploy/datadog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Instances []struct {
			Endpoint  string   `yaml:"openmetrics_endpoint"`
			Namespace string   `yaml:"namespace"`
			Metrics   []string `yaml:"metrics"`
		} `yaml:"instances"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil || len(file.Instances) != 1 {
		t.Fatalf("%d instances: %v", len(file.Instances), err)
	}
	if i := file.Instances[0]; !strings.HasSuffix(i.Endpoint, ":8081/metrics") || i.Namespace == "" || len(i.Metrics) == 0 {
		t.Errorf("the check would not run: %+v", i)
	}
}

// asked parses a PromQL expression and wants its metrics, and the labels that
// it matches them by, to be there.
func asked(t *testing.T, found map[string]*metric, where, expr string) {
	t.Helper()
	e, err := metricsql.Parse(expr)
	if err != nil {
		t.Errorf("%s: %s: %v", where, expr, err)
		return
	}
	metrics := 0
	metricsql.VisitAll(e, func(e metricsql.Expr) {
		m, ok := e.(*metricsql.MetricExpr)
		if !ok || len(m.LabelFilterss) == 0 {
			return
		}
		metrics++
		name := m.LabelFilterss[0][0].Value
		if name == "up" {
			return // Prometheus's own
		}
		of := found[name]
		if of == nil {
			of = found[strings.TrimSuffix(name, "_bucket")]
		}
		if of == nil {
			t.Errorf("%s: there is no metric %s", where, name)
			return
		}
		for _, l := range m.LabelFilterss[0][1:] {
			if of.labels[l.Label] == nil {
				t.Errorf("%s: %s has no label %s", where, name, l.Label)
			}
		}
	})
	if metrics == 0 {
		t.Errorf("%s: %s asks for no metric", where, expr)
	}
}

// promtool runs Prometheus's own tool where it is installed (Debian's package
// prometheus): `make promtool` fetches it.
func promtool(t *testing.T, text []byte) {
	tool := os.Getenv("PROMTOOL")
	if tool == "" {
		t.Skip("PROMTOOL is not set: make promtool runs this with Debian's")
	}
	for _, args := range [][]string{{"check", "metrics"}, {"check", "rules", "deploy/alerts.yml"}} {
		cmd := exec.Command(tool, args...)
		cmd.Stdin = bytes.NewReader(text)
		out, err := cmd.CombinedOutput()
		t.Logf("promtool %s: error %v %s", strings.Join(args, " "), err, out)
		if err != nil || len(out) > 0 && args[1] == "metrics" {
			t.Errorf("promtool %s is not content", strings.Join(args, " "))
		}
	}
}
