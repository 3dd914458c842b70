package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// unwrapURL is err without the address, which who prints it says better.
func unwrapURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// examineService asks the service itself, if it runs.
func (c *Config) examineService(ctx context.Context) []finding {
	at := "http://" + reachable(c.Listen)
	_, body, err := fetch(ctx, at+"/readyz", 5*time.Second)
	if err != nil {
		return []finding{skip("service", fmt.Sprintf("does not run at %s: %v", at, err), "ghl-ledger serve")}
	}
	var ready struct{ Causes, Warnings []string }
	if json.Unmarshal([]byte(body), &ready) != nil {
		return []finding{fail("service", at+" is answered by something else", "set LEDGER_LISTEN to a free address")}
	}
	list := []finding{ok("service", "runs at %s and takes webhooks", at)}
	if len(ready.Causes) > 0 {
		list[0] = fail("service", "runs at "+at+" and takes no webhooks: "+strings.Join(ready.Causes, "; "), "remove the cause; what it says comes from its storage")
	}
	for _, w := range ready.Warnings {
		list = append(list, warn("service", w, "ghl-ledger projections list"))
	}
	return append(list, c.examineAdmin(ctx))
}

// examineAdmin asks the API, with the token.
func (c *Config) examineAdmin(ctx context.Context) finding {
	r := remote{URL: "http://" + reachable(c.AdminListen), Token: c.AdminToken, patience: 5 * time.Second}
	var ledger struct{ Entries uint64 }
	if err := r.get(ctx, "ledger", nil, &ledger); err != nil {
		return fail("API", err.Error(), "see that LEDGER_ADMIN_LISTEN and LEDGER_ADMIN_TOKEN are the service's own")
	}
	return ok("API", "takes the token; %s in the ledger", plural(int(ledger.Entries), "entry"))
}

// examinePublic asks the service at its public address, as GoHighLevel would.
func (c *Config) examinePublic(ctx context.Context) finding {
	const check = "public address"
	const set = "set it to the address that GoHighLevel reaches, https://…/webhooks/ghl"
	switch {
	case c.WebhookURL == "":
		return skip(check, "GHL_WEBHOOK_URL is not set", set)
	case strings.Contains(c.WebhookURL, "YOUR-HOST"):
		return skip(check, "GHL_WEBHOOK_URL is the example still: "+c.WebhookURL, set)
	}
	status, body, err := fetch(ctx, strings.TrimRight(c.WebhookURL, "/")+"/verify", 10*time.Second)
	var v struct{ Status, Version string }
	switch {
	case err != nil:
		return fail(check, fmt.Sprintf("%s: %v", c.WebhookURL, err), "look at DNS, the firewall and the proxy (deploy/Caddyfile, deploy/nginx.conf)")
	case status == http.StatusTooManyRequests:
		return fail(check, c.WebhookURL+" takes nothing now (429)", "start the service, or look at why it is not ready")
	case json.Unmarshal([]byte(body), &v) != nil || v.Version != serviceVersion:
		return fail(check, fmt.Sprintf("%s/verify is answered %d by something else", c.WebhookURL, status), "pass /webhooks/ on to LEDGER_LISTEN ("+c.Listen+")")
	case !strings.HasPrefix(c.WebhookURL, "https://"):
		return warn(check, c.WebhookURL+" answers, without TLS", "use https: workflow tokens travel in the address")
	}
	return ok(check, "%s answers", c.WebhookURL)
}

// examineGHL looks at the clock, at GoHighLevel's API, and at what the token may.
func (c *Config) examineGHL(ctx context.Context) []finding {
	list := []finding{examineClock()}
	began := time.Now()
	date, err := c.reachGHL(ctx)
	if err != nil {
		return append(list, fail("GoHighLevel", fmt.Sprintf("%s: %v", c.APIBaseURL, err), "look at DNS and the firewall: the service must reach it on 443"))
	}
	list = append(list, ok("GoHighLevel", "%s answers within %s", c.APIBaseURL, time.Since(began).Round(time.Millisecond/10)))
	if skew := time.Since(date); !date.IsZero() && (skew > c.WebhookTolerance/2 || skew < -c.WebhookTolerance/2) {
		list[0] = fail("clock", fmt.Sprintf("differs from GoHighLevel's by %s", skew.Round(time.Second)), "set the clock, and keep it set: systemctl enable --now systemd-timesyncd")
	}
	if c.APIKey == "" && len(c.APIKeys) == 0 {
		return append(list, skip("token", "GHL_API_KEY is not set: effects are held", "see below for where to get one"))
	}
	if len(c.LocationID) == 0 {
		return append(list, skip("token", "GHL_LOCATION_ID is not set", "set it: Settings > Business Profile shows it"))
	}
	return append(append(list, c.examineToken(ctx)...), c.examineFields(ctx)...)
}

// reachGHL returns what time it is there.
func (c *Config) reachGHL(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, c.APIBaseURL, nil)
	if err != nil {
		return time.Time{}, err
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // a redirect is an answer
	if err != nil {
		return time.Time{}, unwrapURL(err)
	}
	_ = resp.Body.Close()
	date, _ := http.ParseTime(resp.Header.Get("Date")) // without one there is nothing to compare
	return date, nil
}

// unsynchronised is the kernel's word for a clock that nobody sets.
const unsynchronised = 0x40 // STA_UNSYNC

func examineClock() finding {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err == nil && t.Status&unsynchronised != 0 {
		return warn("clock", "nothing keeps it right", "systemctl enable --now systemd-timesyncd: a webhook's time may differ by GHL_WEBHOOK_TOLERANCE")
	}
	return ok("clock", "%s", time.Now().UTC().Format(time.RFC3339))
}

func (c *Config) examineToken(ctx context.Context) (list []finding) {
	all := permissions(ctx, c)
	for _, p := range all {
		switch p.State {
		case "missing":
			list = append(list, fail("token", fmt.Sprintf("location %s: no scope %s, for %s", p.Location, p.Scope, p.For), "add it in Settings > Private Integrations"))
		case "unknown":
			list = append(list, warn("token", fmt.Sprintf("location %s: %s is not known: %s", p.Location, p.Scope, p.Why), "ghl-ledger ghl permissions, later"))
		}
	}
	if len(list) == 0 {
		list = append(list, ok("token", "has all %d scopes", len(scopes)))
	}
	return list
}

func (c *Config) examineFields(ctx context.Context) (list []finding) {
	rows, err := ourFields(ctx, c)
	if err != nil {
		return []finding{warn("custom fields", err.Error(), "ghl-ledger ghl fields, later")}
	}
	for _, r := range rows {
		if r.State == "missing" {
			list = append(list, fail("custom fields", fmt.Sprintf("location %s: %s is missing", r.Location, r.Key), "ghl-ledger ghl fields --create"))
		}
	}
	if len(list) == 0 {
		list = append(list, ok("custom fields", "all %d are there", len(rows)))
	}
	return list
}
