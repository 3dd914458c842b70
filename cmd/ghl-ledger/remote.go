package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// remote is where a command finds the running service: the ledger has one
// owner, so commands talk to it over HTTP.
type remote struct {
	URL     string `name:"ledger-url" help:"The running service; http:// and LEDGER_ADMIN_LISTEN if not given."`
	Token   string `name:"ledger-admin-token" secret:"" help:"Its admin token."`
	Analyst string `name:"ledger-analyst-token" secret:"" help:"Its analyst token, where that is all one has: it reads and exports."`

	patience time.Duration // how long an answer may take; answerTime if zero
}

// apiRoot is where the service's API begins.
const apiRoot = "/api/v1/"

// answerTime is how long the service may take over one answer; a lead's wait
// is ten seconds of it.
const answerTime = 30 * time.Second

// allTime is how long it may take over an answer for which it reads all that it has.
const allTime = 24 * time.Hour

// find completes r from the service's own settings.
func (r *remote) find(s *settings) {
	if r.URL == "" {
		listen := s.value["LEDGER_ADMIN_LISTEN"]
		if listen == "" {
			listen = "127.0.0.1:8081"
		}
		r.URL = "http://" + reachable(listen)
	}
	r.URL = strings.TrimRight(r.URL, "/")
	if r.Token == "" {
		r.Token = r.Analyst
	}
}

// reachable is where a listener on listen is called from this machine: one on
// every address is called on this one.
func reachable(listen string) string {
	for _, any := range []string{"0.0.0.0:", "[::]:", ":"} {
		if port, ok := strings.CutPrefix(listen, any); ok {
			return "127.0.0.1:" + port
		}
	}
	return listen
}

// apiProblem is the API's answer to what it could not do.
type apiProblem struct {
	Status  int    `json:"-"`
	Short   string `json:"error"`
	Message string `json:"message"`
	Code    string `json:"code"`
}

func (p *apiProblem) Error() string {
	return fmt.Sprintf("the service answered %d %s: %s", p.Status, p.Short, p.Message)
}

// get asks the API for what stands at path and decodes it into out.
func (r *remote) get(ctx context.Context, path string, q url.Values, out any) error {
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return r.call(ctx, http.MethodGet, apiRoot+path, nil, out)
}

// post has the API do what stands at path and decodes its answer into out.
func (r *remote) post(ctx context.Context, path string, in, out any) error {
	if in == nil {
		in = struct{}{}
	}
	return r.call(ctx, http.MethodPost, apiRoot+path, in, out)
}

// call sends one request to the API and decodes its answer into out.
func (r *remote) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.patience, answerTime))
	defer cancel()
	resp, err := r.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return r.decode(resp.StatusCode, b, out)
}

// send sends one request with the token. Whatever the status is, its answer
// is for the caller to read and close.
func (r *remote) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	if r.Token == "" {
		return nil, fmt.Errorf("no token for the service at %s: set LEDGER_ADMIN_TOKEN as the service has it; `ghl-ledger init` writes one into .env", r.URL)
	}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.URL+path, body)
	if err != nil {
		return nil, fmt.Errorf("LEDGER_URL %q: %w: want http://host:port", r.URL, err)
	}
	req.Header.Set("Authorization", "Bearer "+r.Token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, r.unreached(err)
	}
	return resp, nil
}

// unreached says what keeps a command from the service, and what to do.
func (r *remote) unreached(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // it repeats the address
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the service at %s did not answer within %s: look at its log, or GET %s/readyz", r.URL, answerTime, r.URL)
	}
	return fmt.Errorf("reach the service at %s: %w: start it with `ghl-ledger serve`, or say where it is with LEDGER_URL", r.URL, err)
}

// orStopped adds to an error that nothing listens what else the command can do.
func orStopped(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w, or give --data DIR while it is stopped", err)
	}
	return err
}

func (r *remote) decode(status int, b []byte, out any) error {
	if status >= 400 {
		return r.refused(status, b)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s answered %d with what is not our API's JSON: %.100q: is LEDGER_URL the admin listener?", r.URL, status, b)
	}
	return nil
}

// refused is the service's refusal as an error. Where its answer is no, rather
// than that it could not look, so is the exit code's.
func (r *remote) refused(status int, b []byte) error {
	p := &apiProblem{Status: status}
	if json.Unmarshal(b, p) != nil || p.Code == "" {
		return fmt.Errorf("%s answered %d with what is not our API's JSON: %.100q: is LEDGER_URL the admin listener?", r.URL, status, b)
	}
	switch status {
	case http.StatusUnauthorized:
		return fmt.Errorf("the service at %s does not take this token: set LEDGER_ADMIN_TOKEN as the service has it", r.URL)
	case http.StatusNotFound, http.StatusConflict, http.StatusGone:
		return answerNo{p}
	}
	return p
}

// missing says what a refusal is about. Where there is no such thing, it names
// the command that lists what there is.
func missing(err error, what, id, list string) error {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*apiProblem](err); ok && p.Status == http.StatusNotFound {
		return answerNo{fmt.Errorf("there is no %s %s: `ghl-ledger %s` shows what there is", what, printable(id), list)}
	}
	return fmt.Errorf("%s %s: %w", what, printable(id), err)
}
