package ghlapi

import (
	"context"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// How calls that read are repeated. What asks for a longer wait than
// maxReadWait is not repeated: whoever asked may come back.
const (
	readRetries = 3
	minReadWait = time.Second
	maxReadWait = time.Minute
)

// limitKey is where a call that reads carries its location's limit, since each
// repetition takes a turn and hears an answer.
type limitKey struct{}

func (c *Client) repeating(plain *http.Client) *retryablehttp.Client {
	r := retryablehttp.NewClient()
	r.HTTPClient = plain
	r.Logger = nil // it would log addresses with contact ids
	r.ErrorHandler = retryablehttp.PassthroughErrorHandler
	r.RetryMax, r.RetryWaitMin, r.RetryWaitMax = readRetries, minReadWait, maxReadWait
	r.CheckRetry, r.Backoff = c.worthRepeating, c.readWait
	r.PrepareRetry = func(req *http.Request) error {
		return limitOf(req.Context()).wait(req.Context())
	}
	return r
}

func limitOf(ctx context.Context) *limit { return ctx.Value(limitKey{}).(*limit) }

// worthRepeating is asked after every try, so it is also where an answer is learnt from.
func (c *Client) worthRepeating(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if resp != nil {
		limitOf(ctx).learn(resp.Header, resp.StatusCode)
	}
	if resp != nil && retryAfter(resp.Header, resp.StatusCode, c.c.Now()) > maxReadWait {
		return false, nil
	}
	return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
}

func (c *Client) readWait(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	wait := min(least<<min(attempt, 10), most)
	if resp != nil {
		wait = max(wait, min(retryAfter(resp.Header, resp.StatusCode, c.c.Now()), most))
	}
	return wait
}
