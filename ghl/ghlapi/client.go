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
	limits map[string]*limit       // by location
	known  map[string]*definitions // by location
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
	client := &Client{c: c, writes: plain, limits: map[string]*limit{}, known: map[string]*definitions{}}
	client.reads = client.repeating(plain)
	return client
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
	name     string // in metrics
	location string
	method   string
	path     string
	version  string // Config.Version where empty
	body     any
	reads    bool // changes nothing: may be repeated
}

// do waits its turn, sends r and decodes the answer into out, where not nil.
func (c *Client) do(ctx context.Context, r request, out any) (err error) {
	l := c.limit(r.location)
	if err := l.wait(ctx); err != nil {
		return err
	}
	defer measure(r, time.Now(), &err)
	var written atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }}
	req, err := c.build(httptrace.WithClientTrace(ctx, trace), r)
	if err != nil {
		return c.fault(r, false, err)
	}
	resp, err := c.send(l, r, req)
	if err != nil {
		return c.fault(r, written.Load(), err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case resp.StatusCode >= 300:
		return c.refusal(r, resp, b)
	case out == nil:
		return nil // it was taken, whatever the rest says
	case err != nil:
		return c.fault(r, true, fmt.Errorf("read the answer: %w", err))
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

// send sends a call that writes once, and one that reads until it is answered.
func (c *Client) send(l *limit, r request, req *http.Request) (*http.Response, error) {
	if r.reads {
		again, err := retryablehttp.FromRequest(req.WithContext(context.WithValue(req.Context(), limitKey{}, l)))
		if err != nil {
			return nil, err
		}
		return c.reads.Do(again)
	}
	resp, err := c.writes.Do(req)
	if err == nil {
		l.learn(resp.Header, resp.StatusCode)
	}
	return resp, err
}

// fault is the lack of an answer. The error of net/http names the address,
// which Path has already; what is under it says why.
func (c *Client) fault(r request, written bool, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return &ghl.APIError{Method: r.method, Path: r.path, Written: written, Err: err}
}
