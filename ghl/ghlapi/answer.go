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
func (c *Client) refusal(r request, resp *http.Response, body []byte) error {
	e := &ghl.APIError{
		Method: r.method, Path: r.path, Status: resp.StatusCode, Written: true,
		RetryAfter: retryAfter(resp.Header, resp.StatusCode, c.c.Now()),
	}
	var answer struct {
		Message json.RawMessage `json:"message"`
		Error   string          `json:"error"`
		TraceID string          `json:"traceId"`
	}
	if json.Unmarshal(body, &answer) != nil {
		e.Message = http.StatusText(resp.StatusCode)
		return e
	}
	e.Message, e.TraceID = shorten(c.hide(r, words(answer.Message))), shorten(answer.TraceID)
	if e.Message == "" {
		e.Message = shorten(c.hide(r, answer.Error))
	}
	return e
}

// hide takes the token out of words that repeat it.
func (c *Client) hide(r request, words string) string {
	token := c.c.Token(r.location)
	if token == "" {
		return words
	}
	return strings.ReplaceAll(words, token, "[token]")
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

// retryAfter is what an answer asks: Retry-After in seconds or as a date; for a
// 429 without it, the interval of the rate limit.
func retryAfter(h http.Header, status int, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(v, 64); err == nil && seconds >= 0 && seconds < 1e9 {
		return time.Duration(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(v); err == nil {
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			now = date // by the clock that named the time
		}
		return max(0, at.Sub(now))
	}
	if status == http.StatusTooManyRequests {
		return interval(h)
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
