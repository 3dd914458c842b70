package handlers_test

import (
	"context"
	"encoding/json"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// noRows is a ledger from which there is nothing to learn yet.
type noRows struct{}

func (noRows) Rows(context.Context, *scoring.Model, training.Target, func(done, total ledger.Seq)) ([]training.Row, error) {
	return nil, nil
}

// folder is the body that brings a model whose intercept is that.
func folder(t *testing.T, intercept float64) string {
	t.Helper()
	tests := []map[string]any{}
	for i := range 20 {
		z := intercept + 0.5*float64(i)
		tests = append(tests, map[string]any{"x": []float64{float64(i)}, "probability": 1 / (1 + math.Exp(-z))})
	}
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	manifest := map[string]any{"format": 1, "model": "linear.json", "feature_set": "fs-1", "features": []string{"messages_30d"}, "self_tests": tests}
	linear := map[string]any{"intercept": intercept, "weights": []float64{0.5}, "base_rate": 0.2}
	return text(map[string]any{"reason": "ours", "folder": map[string]string{"manifest": text(manifest), "linear": text(linear)}})
}

// TestModels: a model that somebody brings is kept, put in force for a reason,
// scores every lead, and is rolled back.
func TestModels(t *testing.T) {
	d := openWithViews(t)
	d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	builtIn := scoring.BuiltIn().ID()
	if got := d.get("/api/v1/models"); got.status != 200 || got.at("data.0.id") != builtIn || got.at("data.0.status") != "serving" {
		t.Fatalf("models of a new service: %d %s", got.status, got.text)
	}
	brought := d.post("/api/v1/models", folder(t, -1.5))
	id, _ := brought.at("id").(string)
	if brought.status != 200 || !strings.HasPrefix(id, "model:") || brought.at("status") != "trained" {
		t.Fatalf("brought a model: %d %s", brought.status, brought.text)
	}
	path := "/api/v1/models/" + url.PathEscape(id)
	for _, tt := range []struct {
		do, body string
		status   int
		want     string
	}{
		{"/promote", `{}`, 409, "gate_closed"},
		{"/rollback", `{"reason":"x"}`, 409, "wrong_state"},
		{"/promote", `{"reason":"we try it","dry_run":true}`, 200, `"changed":1`},
		{"/promote", `{"reason":"we try it"}`, 200, `"foretells":"win"`},
		{"/promote", `{"reason":"again"}`, 409, "wrong_state"},
	} {
		if got := d.post(path+tt.do, tt.body); got.status != tt.status || !strings.Contains(got.text, tt.want) {
			t.Errorf("%s %s: %d %s; want %d and %s", tt.do, tt.body, got.status, got.text, tt.status, tt.want)
		}
	}
	d.untilLead(t, "model_id", id)
	if got := d.get("/api/v1/leads/contact_1"); got.at("win_probability") == nil || got.at("confidence_basis") != "posterior" {
		t.Errorf("a lead scored by it: %s", got.text)
	}
	if got := d.post(path+"/rollback", `{"reason":"nobody trusts it"}`); got.status != 200 || got.at("id") != builtIn {
		t.Errorf("rolled back: %d %s", got.status, got.text)
	}
	d.untilLead(t, "model_id", builtIn)
	if got := d.get(path); got.at("status") != "rolled_back" || got.at("reason") != "nobody trusts it" || got.at("card") == nil {
		t.Errorf("the model then: %s", got.text)
	}
	if kinds := strings.Join(d.kinds(), " "); strings.Count(kinds, "audit.models.promote") != 1 || strings.Count(kinds, "model.rolled_back") != 1 {
		t.Errorf("the ledger has %s", kinds)
	}
	if got := d.get("/api/v1/models/model:none"); got.status != 404 {
		t.Errorf("no model: %d %s", got.status, got.text)
	}
}

// untilLead returns once a field of the lead is so.
func (d *door) untilLead(t *testing.T, field string, want any) {
	t.Helper()
	got := d.get("/api/v1/leads/contact_1")
	for deadline := time.Now().Add(10 * time.Second); got.at(field) != want && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		got = d.get("/api/v1/leads/contact_1")
	}
	if got.at(field) != want {
		t.Fatalf("the lead stays %s, want %s %v", got.text, field, want)
	}
}

// TestBadModels: what is no model is refused with the reason, and not kept.
func TestBadModels(t *testing.T) {
	d := openWithViews(t)
	for name, tt := range map[string]struct{ body, want string }{
		"NaN":                {strings.Replace(folder(t, -1), `[0.5]`, `[NaN]`, 1), "invalid character 'N'"},
		"failing self-tests": {strings.Replace(folder(t, -1), `\"intercept\":-1`, `\"intercept\":-2`, 1), "self-test 1: the model gives"},
		"nothing":            {`{"folder":{}}`, "manifest.json: it is empty"},
		"too large":          {`{"folder":{"linear":"` + strings.Repeat("x", 5<<20) + `"}}`, "larger than this service takes"},
	} {
		if got := d.post("/api/v1/models", tt.body); got.status != 400 && got.status != 413 || !strings.Contains(got.text, tt.want) {
			t.Errorf("%s: %d %.300s; want %q", name, got.status, got.text, tt.want)
		}
	}
	if kinds := strings.Join(d.kinds(), " "); strings.Contains(kinds, "model.trained") || strings.Contains(kinds, "audit") {
		t.Errorf("the ledger has %s", kinds)
	}
}

// TestTraining: a training runs by itself; too few outcomes are an answer.
func TestTraining(t *testing.T) {
	d := openWithViews(t)
	got := d.post("/api/v1/models", `{"reason":"a look","dry_run":true}`)
	id, _ := got.at("id").(string)
	if got.status != 202 || got.at("action") != "train" || got.at("audit_id") == nil {
		t.Fatalf("train: %d %s", got.status, got.text)
	}
	run := d.untilRun(t, id)
	if run.at("state") != "done" || run.at("too_few") != true || !strings.Contains(run.at("verdict").(string), "the points card scores") {
		t.Errorf("the run: %s", run.text)
	}
	got = d.post("/api/v1/models/"+url.PathEscape(scoring.BuiltIn().ID())+"/evaluate", `{}`)
	if got.status != 202 || got.at("action") != "evaluate" {
		t.Errorf("evaluate: %d %s", got.status, got.text)
	}
	d.untilRun(t, got.at("id").(string))
	if list := d.get("/api/v1/trainings"); list.status != 200 || len(list.at("data").([]any)) != 2 {
		t.Errorf("trainings: %d %s", list.status, list.text)
	}
	if got := d.get("/api/v1/trainings/none"); got.status != 404 {
		t.Errorf("no training: %d %s", got.status, got.text)
	}
}

func (d *door) untilRun(t *testing.T, id string) (run reply) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if run = d.get("/api/v1/trainings/" + id); run.at("ended_at") != nil {
			return run
		}
	}
	t.Fatalf("the training stays %s", run.text)
	return run
}

// TestThumbs: an agent's word is an entry of its own, counted by model, and
// changes no score.
func TestThumbs(t *testing.T) {
	d := openWithViews(t)
	before := d.get("/api/v1/leads/contact_1?wait=" + d.signed(created).at("data.event_id").(string))
	for _, body := range []string{`{"thumb":"up"}`, `{"thumb":"down","reason":"they moved away"}`, `{"thumb":"up"}`} {
		if got := d.post("/api/v1/leads/contact_1/feedback", body); got.status != 200 || got.at("event_id") == nil {
			t.Fatalf("%s: %d %s", body, got.status, got.text)
		}
	}
	if got := d.post("/api/v1/leads/contact_1/feedback", `{"thumb":"sideways"}`); got.status != 400 {
		t.Errorf("no thumb: %d %s", got.status, got.text)
	}
	d.synced("models")
	if got := d.get("/api/v1/models"); got.at("data.0.thumbs.up") != 2.0 || got.at("data.0.thumbs.down") != 1.0 {
		t.Errorf("models: %s", got.text)
	}
	if after := d.get("/api/v1/leads/contact_1"); after.at("score") != before.at("score") {
		t.Errorf("the score is %v, was %v", after.at("score"), before.at("score"))
	}
}
