package handlers

import (
	"bytes"
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

func countConflict() { metrics.GetOrCreateCounter(`ghl_ledger_conflicts_total`).Inc() }

func countPanic() { metrics.GetOrCreateCounter(`ghl_ledger_panics_total`).Inc() }

func countRefusedConnection() {
	metrics.GetOrCreateCounter(`ghl_ledger_connections_refused_total`).Inc()
}

// beginCounting writes zeros where nothing was counted yet: what is alerted on
// must be there before the first fault, or its first one is missed.
func beginCounting() {
	metrics.ExposeMetadata(true)
	for _, name := range []string{"ghl_ledger_panics_total", "ghl_ledger_connections_refused_total", "ghl_ledger_conflicts_total"} {
		metrics.GetOrCreateCounter(name)
	}
	for _, result := range []string{"received", "duplicate", "conflict", "unknown", "quarantined", "unauthorized", unstored.Code} {
		metrics.GetOrCreateCounter(fmt.Sprintf(`ghl_ledger_webhooks_total{result=%q}`, result))
	}
	for _, cause := range []string{causeMalformed, causeApp, causeLocation, causeOld} {
		metrics.GetOrCreateCounter(fmt.Sprintf(`ghl_ledger_quarantined_total{cause=%q}`, cause))
	}
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
	var text bytes.Buffer
	metrics.WritePrometheus(&text, true)
	a.writeLedgerMetrics(r, &text)
	a.writeViewMetrics(&text)
	a.writeOwedMetrics(&text)
	for _, write := range a.MoreMetrics {
		write(&text)
	}
	_ = expose(w, text.Bytes()) // the client is gone: there is nobody to tell
	return nil
}

func (a *api) writeLedgerMetrics(r *http.Request, w io.Writer) {
	head, err := a.Log.Head(r.Context())
	if err != nil {
		return // readyz says why
	}
	metrics.WriteGaugeUint64(w, "ghl_ledger_head_seq", uint64(head.Seq))
	causes, _ := a.unready(r.Context())
	metrics.WriteGaugeUint64(w, "ghl_ledger_ready", oneIf(len(causes) == 0))
	metrics.WriteGaugeUint64(w, "ghl_ledger_draining", oneIf(a.Draining()))
}

// oneIf is a truth as a gauge has it.
func oneIf(yes bool) uint64 {
	if yes {
		return 1
	}
	return 0
}
