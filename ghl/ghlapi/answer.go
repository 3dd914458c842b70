package ghlapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
)

// maxWords bounds what is kept of GoHighLevel's own words, in bytes.
const maxWords = 300

// refusal is an answer that is not a success, in GoHighLevel's form:
// {"statusCode":422,"message":["…"],"error":"…","traceId":"…"}, where message
// is a string or an array (FACTS 4.5).
func refusal(r request, resp *http.Response, body []byte) error {
	e := &ghl.APIError{Method: r.method, Path: r.path, Status: resp.StatusCode, Written: true, RetryAfter: retryAfter(resp)}
	var answer struct {
		Message json.RawMessage `json:"message"`
		Error   string          `json:"error"`
		TraceID string          `json:"traceId"`
	}
	if json.Unmarshal(body, &answer) != nil {
		e.Message = http.StatusText(resp.StatusCode)
		return e
	}
	e.Message, e.TraceID = shorten(words(answer.Message)), shorten(answer.TraceID)
	if e.Message == "" {
		e.Message = shorten(answer.Error)
	}
	return e
}

func words(message json.RawMessage) string {
	var one string
	var many []string
	if json.Unmarshal(message, &one) == nil {
		return one
	}
	_ = json.Unmarshal(message, &many) // neither: no words
	return strings.Join(many, "; ")
}

func shorten(s string) string {
	if len(s) > maxWords {
		s = strings.ToValidUTF8(s[:maxWords], "") + "…"
	}
	return s
}

// retryAfter is what the answer asks: Retry-After in seconds or as a date;
// for a 429 without it, the interval of the rate limit.
func retryAfter(resp *http.Response) time.Duration {
	h := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(h, 64); err == nil && seconds >= 0 && seconds < 1e9 {
		return time.Duration(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(h); err == nil {
		now, err := http.ParseTime(resp.Header.Get("Date"))
		if err != nil {
			now = time.Now()
		}
		return max(0, at.Sub(now))
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		return interval(resp.Header)
	}
	return 0
}

// interval is the length of GoHighLevel's burst window, 10 s if it does not say.
func interval(h http.Header) time.Duration {
	ms, err := strconv.Atoi(h.Get("X-RateLimit-Interval-Milliseconds"))
	if err != nil || ms <= 0 || ms > int(time.Hour/time.Millisecond) {
		return 10 * time.Second
	}
	return time.Duration(ms) * time.Millisecond
}
