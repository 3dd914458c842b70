package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// alertQuiet is how long more alerts of one kind are gathered before they are
// sent as one: a thousand failures are two messages, not a thousand.
const alertQuiet = 10 * time.Minute

// alerts tells operators what needs a person. It needs neither ledger nor
// views, so it works when they are the trouble.
type alerts struct {
	send func(text string) error // nil: alerts are only logged
	log  *slog.Logger

	mu     sync.Mutex
	groups map[string]*alertGroup
	raised []handlers.Raised // since the start, one a kind, the newest last
	wake   chan struct{}
}

// alertsKept is how many kinds of alert are remembered for the console.
const alertsKept = 50

// alertGroup is one kind of alert that was sent and is being gathered.
type alertGroup struct {
	quietUntil time.Time
	more       int
	newest     string
}

// newAlerts returns alerts that go to the given service URLs. The error names
// no URL, for they hold tokens.
func newAlerts(urls []string, log *slog.Logger) (*alerts, error) {
	a := &alerts{log: log, groups: map[string]*alertGroup{}, wake: make(chan struct{}, 1)}
	if len(urls) == 0 {
		return a, nil
	}
	sender, err := shoutrrr.CreateSender(urls...)
	if err != nil {
		return nil, fmt.Errorf("LEDGER_ALERT_URL: not a service URL that this program knows (schemes given: %s)", schemes(urls))
	}
	a.send = func(text string) error {
		errs := sender.Send(text, &types.Params{"title": "ghl-ledger"})
		if errors.Join(errs...) != nil {
			return fmt.Errorf("alert by %s was not accepted", schemes(urls))
		}
		return nil
	}
	return a, nil
}

func schemes(urls []string) string {
	var list []string
	for _, raw := range urls {
		scheme, _, _ := strings.Cut(raw, ":")
		if u, err := url.Parse(raw); err == nil {
			scheme = u.Scheme
		}
		list = append(list, scheme)
	}
	return strings.Join(list, ", ")
}

// Alert implements outbox.Alerter: it logs what needs a person, and has it
// sent. Alerts of one group are gathered after the first.
func (a *alerts) Alert(x outbox.Alert) {
	a.log.Error("alert", "severity", x.Severity, "group", x.Group, "title", x.Title, "text", x.Text, "count", max(x.Count, 1))
	metrics.GetOrCreateCounter(fmt.Sprintf(`ghl_ledger_alerts_total{severity=%q}`, x.Severity)).Add(max(x.Count, 1))
	text := fmt.Sprintf("[%s] %s\n%s", x.Severity, x.Title, x.Text)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remember(x, time.Now())
	if g, ok := a.groups[x.Group]; ok {
		g.more += max(x.Count, 1)
		g.newest = text
		return
	}
	a.groups[x.Group] = &alertGroup{newest: text}
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// remember keeps x for Raised, in the place of older ones of its group.
func (a *alerts) remember(x outbox.Alert, now time.Time) {
	r := handlers.Raised{Group: x.Group, First: now}
	if i := slices.IndexFunc(a.raised, func(r handlers.Raised) bool { return r.Group == x.Group }); i >= 0 {
		r = a.raised[i]
		a.raised = slices.Delete(a.raised, i, i+1)
	}
	r.Severity, r.Title, r.Text = string(x.Severity), x.Title, x.Text
	r.Count, r.Last = r.Count+max(x.Count, 1), now
	a.raised = append(a.raised, r)
	a.raised = a.raised[max(0, len(a.raised)-alertsKept):]
}

// Raised returns the alerts since the start, the newest first.
func (a *alerts) Raised() []handlers.Raised {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := slices.Clone(a.raised)
	slices.Reverse(list)
	return list
}

// Run sends what was raised until ctx ends, and then what is left.
func (a *alerts) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			a.deliver(a.due(time.Now(), true))
			return nil
		case <-a.wake:
		case <-tick.C:
		}
		a.deliver(a.due(time.Now(), false))
	}
}

// due takes the messages to send now: each group's first, and what was
// gathered since where its quiet time is over, or all of it.
func (a *alerts) due(now time.Time, all bool) (texts []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, g := range a.groups {
		switch {
		case g.quietUntil.IsZero():
			texts = append(texts, g.newest)
			g.quietUntil = now.Add(alertQuiet)
		case g.more > 0 && (all || now.After(g.quietUntil)):
			texts = append(texts, fmt.Sprintf("%d more of %s; the newest: %s", g.more, name, g.newest))
			g.more, g.quietUntil = 0, now.Add(alertQuiet)
		case now.After(g.quietUntil):
			delete(a.groups, name)
		}
	}
	return texts
}

func (a *alerts) deliver(texts []string) {
	if a.send == nil {
		return
	}
	for _, text := range texts {
		if err := a.send(text); err != nil {
			a.log.Error("alert not sent", "err", err)
		}
	}
}
