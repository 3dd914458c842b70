package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/oklog/ulid/v2"
)

// note is what becomes of one request, for its log line. It never holds a
// path, a header or a body: ids, tokens and people are in those.
type note struct {
	id     string // the request's
	route  string // the pattern that matched
	role   string
	kind   string
	entry  string
	result string
	err    error
}

type noteKey struct{}

// noteOf returns r's note; an empty one if r did not come through observed.
func noteOf(r *http.Request) *note {
	if n, ok := r.Context().Value(noteKey{}).(*note); ok {
		return n
	}
	return &note{}
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// observed gives each request an id, one line in the log and its place in the
// metrics, and turns a panic into a refusal. The id is always our own: one that
// a client chose could carry anything into the log.
func observed(d Deps, listener string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		n := &note{id: ulid.Make().String(), route: "none"}
		rec := &recorder{ResponseWriter: w}
		r = r.WithContext(context.WithValue(r.Context(), noteKey{}, n))
		rec.Header().Set("X-Request-Id", n.id)
		defer func() {
			recovered(rec, r, recover())
			took := time.Since(start)
			countRequest(listener, n, rec.status, took)
			logRequest(d.Logger, listener, r, n, rec, took)
		}()
		if err := wellFramed(rec, r); err != nil {
			refuse(rec, r, err)
			return
		}
		next.ServeHTTP(rec, r)
	})
}

// wellFramed refuses requests that another server might read otherwise, and
// heads that are too long. The connection ends with them, and with any chunked
// request: what follows its body is not looked at.
func wellFramed(w http.ResponseWriter, r *http.Request) error {
	if len(r.TransferEncoding) > 0 {
		w.Header().Set("Connection", "close")
	}
	if bothLengths(r) {
		w.Header().Set("Connection", "close")
		return &framing
	}
	size := len(r.RequestURI)
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	if size > maxHeaderBytes {
		w.Header().Set("Connection", "close")
		return &headersTooLarge
	}
	return nil
}

// recovered answers a request whose handler panicked. An authentic event is
// refused so that it is sent again; it is never acknowledged.
func recovered(w *recorder, r *http.Request, v any) {
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	countPanic()
	n := noteOf(r)
	n.err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	n.result = "panic"
	if w.status != 0 {
		return // something was sent: the connection ends short of it
	}
	err := n.err
	if isWebhook(n.route) {
		refuse(w, r, &unstored)
	} else {
		refuse(w, r, &internal)
	}
	n.err = err
}

// logRequest writes the one line. A panic and an answer of ours that failed are
// errors; a refusal is for whoever looks.
func logRequest(log *slog.Logger, listener string, r *http.Request, n *note, rec *recorder, took time.Duration) {
	level := slog.LevelInfo
	if rec.status >= 500 || n.result == "panic" {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("request", n.id), slog.String("listener", listener), slog.String("method", methodLabel(r.Method)),
		slog.String("route", n.route), slog.Int("status", rec.status), slog.Int64("bytes", rec.bytes),
		slog.Float64("ms", milliseconds(took)),
	}
	for _, a := range []struct{ key, value string }{
		{"role", n.role}, {"kind", n.kind}, {"entry", n.entry}, {"result", n.result},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	if n.err != nil {
		attrs = append(attrs, slog.String("err", n.err.Error()))
	}
	log.LogAttrs(r.Context(), level, "request", attrs...)
}

// milliseconds returns d at a tenth of a millisecond.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond).Microseconds()) / 1000
}

// methodLabel keeps a method of the client's invention out of logs and metrics.
func methodLabel(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}
