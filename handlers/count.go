package handlers

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/julienschmidt/httprouter"
)

// seconds are the upper bounds of our histograms.
var seconds = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// countRequest counts one answered request. All labels are from closed lists:
// routes are patterns, results the codes of respond.go.
func countRequest(listener string, n *note, status int, took time.Duration) {
	metrics.GetOrCreateCounter(fmt.Sprintf(`ghl_ledger_http_requests_total{listener=%q,route=%q,status="%d"}`, listener, n.route, status)).Inc()
	if !takesWebhooks(n.route) {
		return
	}
	metrics.GetOrCreateCounter(fmt.Sprintf(`ghl_ledger_webhooks_total{result=%q}`, n.result)).Inc()
	metrics.GetOrCreatePrometheusHistogramExt(`ghl_ledger_webhook_seconds`, seconds).Update(took.Seconds())
}

func countQuarantined(cause string) {
	metrics.GetOrCreateCounter(fmt.Sprintf(`ghl_ledger_quarantined_total{cause=%q}`, cause)).Inc()
}

func countRefusedConnection() {
	metrics.GetOrCreateCounter(`ghl_ledger_connections_refused_total`).Inc()
}

// isWebhook reports whether a route is one that GoHighLevel calls.
func isWebhook(route string) bool { return strings.HasPrefix(route, "/webhooks/") }

// takesWebhooks reports whether events come in by route.
func takesWebhooks(route string) bool {
	return route == webhookPath || strings.HasPrefix(route, webhookPath+"/workflow/")
}

// metrics answers in the text format of Prometheus, without a token and
// without anything personal.
func (a *api) metrics(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	metrics.WritePrometheus(w, true)
	a.writeLedgerMetrics(r, w)
	a.writeViewMetrics(w)
	a.writeOwedMetrics(w)
	for _, write := range a.MoreMetrics {
		write(w)
	}
	return nil
}

func (a *api) writeLedgerMetrics(r *http.Request, w io.Writer) {
	head, err := a.Log.Head(r.Context())
	if err != nil {
		return // readyz says why
	}
	metrics.WriteGaugeUint64(w, "ghl_ledger_head_seq", uint64(head.Seq))
	causes, _ := a.Unready(r.Context())
	ready := uint64(1)
	if len(causes) > 0 {
		ready = 0
	}
	metrics.WriteGaugeUint64(w, "ghl_ledger_ready", ready)
}
