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
	"strings"
	"time"
)

// remote is where a command finds the running service: the ledger has one
// owner, so commands talk to it over HTTP.
type remote struct {
	URL   string `name:"ledger-url" help:"The running service; http:// and LEDGER_ADMIN_LISTEN if not given."`
	Token string `name:"ledger-admin-token" secret:"" help:"Its admin or analyst token."`

	patience time.Duration // how long a call may take; 30 seconds if zero
}

// find completes r from the service's own settings.
func (r *remote) find(s *settings) {
	if r.URL == "" {
		listen := s.value["LEDGER_ADMIN_LISTEN"]
		if listen == "" {
			listen = "127.0.0.1:8081"
		}
		r.URL = "http://" + listen
	}
	r.URL = strings.TrimRight(r.URL, "/")
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

// call sends one request to the API and decodes its answer into out.
func (r *remote) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.URL+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.Token)
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: cmp.Or(r.patience, 30*time.Second)}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("reach the service at %s: %w: is `ghl-ledger serve` running? --ledger-url says where", r.URL, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return decodeAnswer(resp.StatusCode, b, out)
}

func decodeAnswer(status int, b []byte, out any) error {
	if status >= 400 {
		p := &apiProblem{Status: status}
		if json.Unmarshal(b, p) != nil || p.Short == "" {
			return fmt.Errorf("the service answered %d: %.200s", status, b)
		}
		if status == http.StatusUnauthorized {
			return errors.Join(p, errors.New("set LEDGER_ADMIN_TOKEN to the service's token"))
		}
		return p
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}
