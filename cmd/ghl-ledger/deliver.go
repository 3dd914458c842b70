package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// received is the service's answer to a webhook.
type received struct {
	HTTP    int    `json:"-"`
	Status  string `json:"status"`
	Message string `json:"message"`
	Error   string `json:"error"`
	Data    struct {
		EventID   string  `json:"event_id"`
		Duplicate bool    `json:"duplicate"`
		Took      float64 `json:"processing_time_ms"`
	} `json:"data"`
}

// post sends a webhook with the given headers.
func post(ctx context.Context, url string, body []byte, headers map[string]string) (r received, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return r, err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, v := range headers {
		req.Header.Set(name, v)
	}
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return r, fmt.Errorf("deliver to %s: %w: is the service running?", url, unwrapURL(err))
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%s answered %d without JSON: %.200s", url, resp.StatusCode, b)
	}
	r.HTTP = resp.StatusCode
	return r, nil
}
