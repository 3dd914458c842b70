package handlers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/export"
	"github.com/enterprisehub/ghl-ledger/projections/learning"
)

// Problem is an answer that says no: what, what to do about it, and a code
// that stays the same when the words change.
type Problem struct {
	Status     int
	Short      string
	Message    string
	Code       string
	RetryAfter time.Duration // with 429 and 503
	Data       any           // more for a program: faults by field, the quarantine's id
}

func (p *Problem) Error() string { return p.Short + ": " + p.Message }

// with returns p with another message.
func (p Problem) with(message string) *Problem {
	p.Message = message
	return &p
}

// logged is a Problem whose cause is for our own log alone.
type logged struct {
	*Problem
	cause error
}

func (l *logged) Error() string { return l.Short + ": " + l.cause.Error() }
func (l *logged) Unwrap() error { return l.Problem }

// ErrState is for an act that the state of its object does not allow.
var ErrState = errors.New("handlers: its state does not allow that")

// The answers that are not an error of another room.
var (
	unauthorizedWebhook = Problem{Status: 401, Short: "Invalid signature", Code: "invalid_signature",
		Message: "The request is not signed as configured. `ghl-ledger sign --verify` explains a signature."}
	unauthorized = Problem{Status: 401, Short: "Unauthorized", Code: "unauthorized",
		Message: "Send Authorization: Bearer with the admin or analyst token."}
	forbidden = Problem{Status: 403, Short: "Forbidden", Code: "forbidden",
		Message: "The analyst token reads and exports; this takes the admin token."}
	crossOrigin = Problem{Status: 403, Short: "Forbidden", Code: "cross_origin",
		Message: "A page of another site may not change anything here."}
	notFound         = Problem{Status: 404, Short: "Not found", Code: "not_found", Message: "There is no such thing here."}
	methodNotAllowed = Problem{Status: 405, Short: "Method not allowed", Code: "method_not_allowed", Message: "The Allow header lists what this path takes."}
	framing          = Problem{Status: 400, Short: "Bad request", Code: "ambiguous_length",
		Message: "A request has either Content-Length or Transfer-Encoding, not both, and no header is folded."}
	headersTooLarge = Problem{Status: 431, Short: "Request header fields too large", Code: "headers_too_large",
		Message: "The request's headers are larger than 16 KiB."}
	unreadable    = Problem{Status: 400, Short: "Bad request", Code: "unreadable_body", Message: "The body could not be read to its end."}
	incomplete    = Problem{Status: 429, Short: "Incomplete body", Code: "incomplete_body", Message: "The body did not come to its end; send it again.", RetryAfter: 5 * time.Second}
	badParameter  = Problem{Status: 400, Short: "Bad parameter", Code: "bad_parameter"}
	notConfigured = Problem{Status: 501, Short: "Not configured", Code: "not_configured", Message: "This service runs without that part."}
	tooFast       = Problem{Status: 429, Short: "Too many requests", Code: "rate_limited", Message: "Slow down; send it again later.", RetryAfter: time.Second}
	draining      = Problem{Status: 429, Short: "Cannot store now", Code: "shutting_down", Message: "The service is restarting; send it again.", RetryAfter: 5 * time.Second}
	internal      = Problem{Status: 500, Short: "Internal error", Code: "internal", Message: "The log has the cause under this request's id."}
	unstored      = Problem{Status: 429, Short: "Cannot store now", Code: "not_stored", Message: "The event may not be stored; send it again.", RetryAfter: 5 * time.Second}
	wrongState    = Problem{Status: 409, Short: "Not possible now", Code: "wrong_state"} // its words are the error's
	badModel      = Problem{Status: 400, Short: "Not a model that may serve", Code: "bad_model"}
	gateClosed    = Problem{Status: 409, Short: "Gate closed", Code: "gate_closed", Message: "The gate is closed to this model: its card says why. To let it serve nevertheless, give a reason."}
	waitedTooLong = Problem{Status: 504, Short: "Still waiting", Code: "wait_timeout", Message: "The view does not include that event yet; ask again."}
)

// statuses is the one table from an error of another room to an answer. What a
// sender can repeat is 429, never 5xx: it is the one refusal that GoHighLevel
// has always retried.
var statuses = []struct {
	is      error
	problem Problem
}{
	{ledger.ErrFull, Problem{Status: 429, Short: "Cannot store now", Code: "disk_full", Message: "The disk has no room; send it again.", RetryAfter: 30 * time.Second}},
	{ledger.ErrBusy, Problem{Status: 429, Short: "Cannot store now", Code: "queue_full", Message: "Too many appends wait; send it again.", RetryAfter: time.Second}},
	{ledger.ErrDoubt, Problem{Status: 429, Short: "Cannot store now", Code: "storage_in_doubt", Message: "The storage failed; send it again.", RetryAfter: 30 * time.Second}},
	{ledger.ErrClosed, draining},
	{ledger.ErrNone, notFound},
	{ledger.ErrDraft, Problem{Status: 400, Short: "Bad request", Code: "too_long", Message: "An id or a body is longer than the ledger takes."}},
	{ledger.ErrCorrupt, Problem{Status: 500, Short: "Corrupt entry", Code: "corrupt_entry", Message: "An entry cannot be read: run `ghl-ledger verify`."}},
	{ErrState, wrongState},
	{outbox.ErrState, wrongState},
	{outbox.ErrNoEffect, notFound},
	{outbox.ErrNoReconcile, notFound},
	{outbox.ErrBulk, badParameter},
	{outbox.ErrNoTask, notFound},
	{outbox.ErrTasksEnding, draining},
	{projections.ErrNoModel, notFound},
	{projections.ErrDamaged, Problem{Status: 500, Short: "Damaged view", Code: "damaged_view", Message: "A view cannot be read, and is made anew from the ledger; ask again later.", RetryAfter: 30 * time.Second}},
	{projections.ErrModelState, wrongState},
	{projections.ErrGateClosed, gateClosed},
	{learning.ErrNoRun, notFound},
	{export.ErrRequest, badParameter},
	{projections.ErrCursor, Problem{Status: 400, Short: "Bad parameter", Code: "bad_parameter", Message: "after: want the next of the page before."}},
	{context.DeadlineExceeded, Problem{Status: 503, Short: "Timed out", Code: "timed_out", Message: "It took too long; ask again.", RetryAfter: 5 * time.Second}},
	{context.Canceled, Problem{Status: 499, Short: "Client closed", Code: "canceled", Message: "The client went away."}},
}

// problemOf returns the answer to err; an error that nobody has foreseen is
// the internal one, whose words say nothing of the cause.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Problem{Status: 413, Short: "Body too large", Code: "body_too_large", Message: "The body is larger than this service takes (LEDGER_MAX_BODY)."}
	}
	for _, row := range statuses {
		if errors.Is(err, row.is) {
			if row.problem.Message == "" {
				return row.problem.with(plain(err, row.is))
			}
			return &row.problem
		}
	}
	return &internal
}

// plain is what err says beside the sentinel that it wraps: the short text of
// the answer says that already, and a package's name says nothing to a person.
func plain(err, is error) string {
	text := err.Error()
	if reason, ok := strings.CutPrefix(text, is.Error()); ok && reason != "" {
		return strings.TrimLeft(reason, ":\n ")
	}
	if pkg, rest, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(is.Error(), pkg+": ") {
		return rest
	}
	return text
}

// problemBody is a Problem as it is sent.
type problemBody struct {
	Status  string `json:"status"` // error
	Error   string `json:"error"`
	Message string `json:"message"`
	Code    string `json:"code"`
	Data    any    `json:"data,omitempty"`
}

// refuse answers with what err means, and notes err for the log line.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if n := noteOf(r); n.err == nil {
		n.err = err
		n.result = cmp.Or(n.result, p.Code)
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	writeJSON(w, p.Status, problemBody{Status: "error", Error: p.Short, Message: p.Message, Code: p.Code, Data: p.Data})
}

// writeJSON sends v. Nothing that is answered here may be kept by a cache.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = 500, []byte(`{"status":"error","error":"Internal error","message":"The answer could not be encoded.","code":"internal"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client is gone: there is nobody to tell
}
