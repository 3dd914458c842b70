package ghlapi

import (
	"errors"
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/enterprisehub/ghl-ledger/ghl"
)

var seconds = []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20}

// measure counts a call by what it was and how it was answered: a status, or
// none. It does not count the wait for a turn.
func measure(r request, began time.Time, err *error) {
	status := "2xx"
	if api, ok := errors.AsType[*ghl.APIError](*err); ok {
		status = "none"
		if api.Status != 0 {
			status = fmt.Sprint(api.Status)
		}
	}
	metrics.GetOrCreateCounter(fmt.Sprintf(`ghl_ledger_api_calls_total{call=%q,status=%q}`, r.name, status)).Inc()
	metrics.GetOrCreatePrometheusHistogramExt(fmt.Sprintf(`ghl_ledger_api_call_seconds{call=%q}`, r.name), seconds).Update(time.Since(began).Seconds())
}
