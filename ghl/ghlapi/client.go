// Package ghlapi is GoHighLevel's wire: the calls that the service makes, each
// with its location's token, within its location's limits.
//
// A call that reads is repeated when it failed for a passing cause. A call
// that writes is one HTTP request, never more: whether it may be repeated is
// decided from the ledger (package outbox), so every error says whether
// something may have reached GoHighLevel.
package ghlapi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/hashicorp/go-retryablehttp"
)

// Limits of one call.
const (
	dialTimeout   = 5 * time.Second
	answerTimeout = 20 * time.Second // from the request to the whole answer
	maxAnswer     = 8 << 20          // bytes of an answer that are read
	readRetries   = 3
)

// conversationsVersion is the Version header of the conversations' API; the
// others take Config.Version (openapi/conversations.json).
const conversationsVersion = "2021-04-15"

// Config of a Client. BaseURL and Token are required.
type Config struct {
	BaseURL   string
	Version   string                       // the Version header; 2021-07-28 where empty
	Token     func(location string) string // asked for each call, so a rotated token is taken at once
	Rate      Rate                         // per location; no limit where zero
	Daily     int                          // calls a location a day; no limit where 0
	Transport http.RoundTripper            // net/http's, hardened, where nil
	Now       func() time.Time             // time.Now where nil
}

// Client calls GoHighLevel. Its methods are safe for concurrent use. All their
// errors are *ghl.APIError, or the context's own while a call waited its turn.
type Client struct {
	c      Config
	writes *http.Client
	reads  *retryablehttp.Client

	mu     sync.Mutex
	limits map[string]*limit                    // by location
	fields map[string]map[string]ghl.Definition // by location, then by field key
}

// New returns a client.
func New(c Config) *Client {
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	c.Version = cmp.Or(c.Version, "2021-07-28")
	if c.Transport == nil {
		c.Transport = transport()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	plain := &http.Client{Transport: c.Transport, Timeout: answerTimeout, CheckRedirect: refuseRedirect}
	reads := retryablehttp.NewClient()
	reads.HTTPClient = plain
	reads.RetryMax, reads.RetryWaitMin, reads.RetryWaitMax = readRetries, time.Second, 10*time.Second
	reads.Logger = nil // it would log addresses with contact ids
	reads.ErrorHandler = retryablehttp.PassthroughErrorHandler
	return &Client{c: c, writes: plain, reads: reads, limits: map[string]*limit{}, fields: map[string]map[string]ghl.Definition{}}
}

// transport is net/http's with a time-out for each phase. The environment's
// proxy is not asked: a token goes to GoHighLevel and nowhere else.
func transport() http.RoundTripper {
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: answerTimeout,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       60 * time.Second,
		ForceAttemptHTTP2:     true,
	}
}

// refuseRedirect keeps a token from following an answer to another host.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// request is one call.
type request struct {
	location string
	method   string
	path     string
	version  string // Config.Version where empty
	body     any
	reads    bool // changes nothing: may be repeated
}

// do waits its turn, sends r and decodes the answer into out, where not nil.
func (c *Client) do(ctx context.Context, r request, out any) error {
	l := c.limit(r.location)
	if err := l.wait(ctx); err != nil {
		return err
	}
	var written atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }}
	req, err := c.build(httptrace.WithClientTrace(ctx, trace), r)
	if err != nil {
		return c.fault(r, false, err)
	}
	resp, err := c.send(r, req)
	if err != nil {
		return c.fault(r, written.Load(), err)
	}
	defer resp.Body.Close()
	l.learn(resp.Header, resp.StatusCode)
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case resp.StatusCode >= 300:
		return refusal(r, resp, b)
	case err != nil:
		return c.fault(r, true, fmt.Errorf("read the answer: %w", err))
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return c.fault(r, true, fmt.Errorf("the answer is not the JSON that was expected: %w", err))
	}
	return nil
}

func (c *Client) build(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.c.BaseURL+r.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.c.Token(r.location))
	req.Header.Set("Version", cmp.Or(r.version, c.c.Version))
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !r.reads {
		// net/http sends a request again on a fresh connection when it can
		// rewind the body; a message would go twice.
		req.GetBody = nil
	}
	return req, nil
}

func (c *Client) send(r request, req *http.Request) (*http.Response, error) {
	if !r.reads {
		return c.writes.Do(req)
	}
	again, err := retryablehttp.FromRequest(req)
	if err != nil {
		return nil, err
	}
	return c.reads.Do(again)
}

// fault is the lack of an answer. The error of net/http names the address,
// which Path has already; what is under it says why.
func (c *Client) fault(r request, written bool, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return &ghl.APIError{Method: r.method, Path: r.path, Written: written, Err: err}
}
