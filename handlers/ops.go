package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/julienschmidt/httprouter"
)

// ops answers those who look after the service.
type ops struct{ Deps }

// verify says whether webhooks would be taken now.
func (o *ops) verify(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	causes, _ := o.unready(r.Context())
	if len(causes) > 0 {
		return &Problem{Status: 429, Short: "Cannot store now", Code: "not_ready", Message: causes[0],
			RetryAfter: 30 * time.Second, Data: map[string]any{"causes": causes}}
	}
	writeJSON(w, http.StatusOK, verifyAnswer{"ready", Version})
	return nil
}

// verifyAnswer is what the seed's verify says.
type verifyAnswer struct {
	Status  string `json:"status"` // ready
	Version string `json:"version"`
}

// unready is Unready, and that the service is about to end.
func (d Deps) unready(ctx context.Context) (causes, warnings []string) {
	causes, warnings = d.Unready(ctx)
	if d.Draining() {
		causes = append(causes, "shutting down")
	}
	return causes, warnings
}

// health says how the last hour's webhooks fared.
func (o *ops) health(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	hour, err := o.Health.Health(r.Context(), o.Now())
	if err != nil {
		return err
	}
	answer := healthOf(hour)
	if answer.Causes, _ = o.unready(r.Context()); len(answer.Causes) > 0 {
		answer.Status = "degraded" // that nothing failed in the last hour may be since nothing was taken
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// healthAnswer is the seed's get_webhook_health.
type healthAnswer struct {
	Events       int     `json:"events_last_hour"`
	SuccessRate  float64 `json:"success_rate_percent"`
	Milliseconds float64 `json:"avg_processing_time_ms"`
	Status       string  `json:"status"` // healthy above 99 %, else degraded

	Causes []string `json:"causes,omitempty"` // why nothing can be stored
}

func healthOf(h LastHour) healthAnswer {
	a := healthAnswer{Events: h.Events, SuccessRate: 100, Status: "degraded"}
	if h.Events > 0 {
		a.SuccessRate = 100 * float64(h.Events-h.Failed) / float64(h.Events)
	}
	if h.Scored > 0 {
		a.Milliseconds = milliseconds(h.Processing / time.Duration(h.Scored))
	}
	if a.SuccessRate > 99 {
		a.Status = "healthy"
	}
	return a
}

// alive says that the process answers, and no more.
func (o *ops) alive(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) error {
	writeJSON(w, http.StatusOK, aliveAnswer{"alive"})
	return nil
}

// aliveAnswer is what GET /healthz says.
type aliveAnswer struct {
	Status string `json:"status"` // alive
}

// readyAnswer is what GET /readyz says, ready or not.
type readyAnswer struct {
	Status   string   `json:"status"` // ready or unready
	Causes   []string `json:"causes"`
	Warnings []string `json:"warnings"`
}

// ready says whether events can be appended, and if not, why.
func (o *ops) ready(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	causes, warnings := o.unready(r.Context())
	answer := readyAnswer{Status: "ready", Causes: orEmpty(causes), Warnings: orEmpty(warnings)}
	status := http.StatusOK
	if len(causes) > 0 {
		answer.Status, status = "unready", http.StatusServiceUnavailable
	}
	writeJSON(w, status, answer)
	return nil
}

// orEmpty makes a missing list an empty one: [] in JSON, not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
