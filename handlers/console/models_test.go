package console_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// learned is an API that has a learned model, and notes what it is asked to do.
func learned(asked *[]string) http.Handler {
	const card = `{"target":"won within 90 days","from":"2024-01-01T00:00:00Z","to":"2025-01-01T00:00:00Z","rows":900,"leads":400,"won":80,
		"held_leads":200,"held_won":40,"auc":0.81,"auc_low":0.75,"auc_high":0.86,"log_loss":0.41,"brier":0.13,"ece":0.03,"calibration_slope":1.02,
		"bins":[{"predicted":0.1,"seen":0.08,"rows":100},{"predicted":0.5,"seen":0.52,"rows":100}],"lift_at_10":2.5,"capture_at_10":0.25,
		"tiers":[{"name":"hot","rows":20,"predicted":0.6,"seen":0.61}],"slices":[],"points":{"auc":0.7,"log_loss":0.5},"serving":{"auc":0.7,"log_loss":0.5},
		"weights":[{"name":"source_referral","points":9.5}],"checks":[{"name":"calibrated","got":"0.03","want":"ECE 0.10 or less","ok":true},
		{"name":"its order is no worse","got":"0.6","want":"AUC 0.7","ok":false}],"known_limits":["It knows this office alone."]}`
	const model = `"id":"model:0a1b2c3d4e5f","kind":"logistic","status":"rejected","by":"gate","decided":"gate","reason":"its order is no worse","thumbs":{"up":1,"down":2}`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := `{"data":[],"next":null}`
		switch {
		case r.Method == http.MethodPost:
			in, _ := io.ReadAll(r.Body)
			*asked = append(*asked, r.URL.Path+" "+strings.TrimSpace(string(in)))
		case r.URL.Path == "/api/v1/models":
			body = `{"data":[{` + model + `,"card":null}],"next":null}`
		case strings.HasPrefix(r.URL.Path, "/api/v1/models/"):
			body = `{` + model + `,"card":` + card + `}`
		case r.URL.Path == "/api/v1/trainings":
			body = `{"data":[{"id":"training_1","action":"train","state":"running","why":"a week has passed","seq":5,"target":10}],"next":null}`
		}
		_, _ = io.WriteString(w, body)
	})
}

// TestModelPages: the list, and a card with its charts; what an administrator
// does there is what the API does.
func TestModelPages(t *testing.T) {
	var asked []string
	b := openOn(t, learned(&asked), time.Now)
	b.signIn(token)
	for path, want := range map[string][]string{
		"/console/models": {"a learned model (version 0a1b2c3d)", "1 up, 2 down", "a week has passed", "Train now", `max="10" value="5"`},
		"/console/models/model:0a1b2c3d4e5f": {"0.810", "0.4100", "(0.750 to 0.860)", "Failed", "AUC 0.7", "It knows this office alone.",
			`class="chart square"`, "said 50.0 %, seen 52.0 % of 100", "the best 50 % have 87 % of the wins", "Let it serve"},
	} {
		status, body := b.get(path)
		for _, w := range want {
			if status != 200 || !strings.Contains(body, w) {
				t.Errorf("%s: %d, lacks %q", path, status, w)
			}
		}
		if strings.Contains(body, "No learned model yet") {
			t.Errorf("%s says that nothing is learned", path)
		}
	}
	for path, want := range map[string]string{
		"/console/act/models/model:0a1b2c3d4e5f/promote":  `/api/v1/models/model:0a1b2c3d4e5f/promote {"reason":"we try it"}`,
		"/console/act/models/model:0a1b2c3d4e5f/rollback": `/api/v1/models/model:0a1b2c3d4e5f/rollback {"reason":"we try it"}`,
		"/console/train": `/api/v1/models {"reason":"we try it"}`,
	} {
		asked = nil
		r, err := b.PostForm(b.url+path, url.Values{"reason": {"we try it"}, "back": {"/console/models"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if len(asked) != 1 || asked[0] != want {
			t.Errorf("%s asked %q, want %q", path, asked, want)
		}
	}
}

// TestNoModelYet: the page says who scores, and what is missing.
func TestNoModelYet(t *testing.T) {
	b := open(t, time.Now)
	b.signIn(token)
	if _, body := b.get("/console/models"); !strings.Contains(body, "No learned model yet: the points card scores. From 50 outcomes, 20 won and 20 not") {
		t.Errorf("the page of models: %s", body)
	}
}
