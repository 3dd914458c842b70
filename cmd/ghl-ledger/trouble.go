package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
)

// lookEvery is how often the service looks at itself.
const lookEvery = 15 * time.Second

// trouble alerts when the service cannot store what comes, or a view has halted
// or set entries aside: once for each trouble, and again when it comes back.
type trouble struct {
	causes func() []string // why nothing can be appended
	views  func() []string // what is wrong with views
	alert  func(kind, text string)
	told   map[string]bool
}

// Run looks until ctx ends, which is no error.
func (t *trouble) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.look()
		case <-ctx.Done():
			return nil
		}
	}
}

func (t *trouble) look() {
	now := map[string]bool{}
	for _, cause := range t.causes() {
		t.tell(now, "events cannot be stored", "events cannot be stored", cause+": webhooks are answered 429")
	}
	for _, text := range t.views() {
		t.tell(now, text, "view in trouble", text+": see `ghl-ledger projections list`")
	}
	t.told = now
}

// tell alerts of what was not told at the look before.
func (t *trouble) tell(now map[string]bool, key, kind, text string) {
	if !now[key] && !t.told[key] {
		t.alert(kind, text)
	}
	now[key] = true
}

// storageCauses says why the ledger takes nothing.
func (s *service) storageCauses() (causes []string) {
	if err := s.ledger.Ready(); err != nil {
		causes = append(causes, err.Error())
	}
	return causes
}

// viewWarnings says what is wrong with views.
func (s *service) viewWarnings() (warnings []string) {
	for _, v := range s.runner.Status() {
		if v.Err != "" {
			warnings = append(warnings, fmt.Sprintf("view %s: %s", v.Name, v.Err))
		}
		if v.Parked > 0 {
			warnings = append(warnings, fmt.Sprintf("view %s: %d entries parked", v.Name, v.Parked))
		}
	}
	return warnings
}

// lastWord is how long an alert may take when the process ends after it.
const lastWord = 3 * time.Second

// Last sends an alert at once, past what is gathered, and returns when it was
// accepted or lastWord is over: nothing will run after it.
func (a *alerts) Last(x outbox.Alert) {
	a.log.Error("alert", "severity", x.Severity, "group", x.Group, "title", x.Title, "text", x.Text)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		a.deliver([]string{fmt.Sprintf("[%s] %s\n%s", x.Severity, x.Title, x.Text)})
	}()
	select {
	case <-sent:
	case <-time.After(lastWord):
		a.log.Error("alert not sent in time", "group", x.Group)
	}
}

// lastOf alerts of what the ledger's own files keep the service from.
func (a *alerts) lastOf(err error) {
	title := ""
	switch {
	case errors.Is(err, ledger.ErrCorrupt):
		title = "ledger damaged: the service does not start"
	case errors.Is(err, ledger.ErrNewer):
		title = "a newer release wrote the ledger: this one does not start"
	case errors.Is(err, boltlog.ErrMode):
		title = "others may read the ledger: the service does not start"
	case errors.Is(err, ledger.ErrDoubt):
		title = "storage in doubt: the service has ended without an answer, and reads the disk at its next start"
	default:
		return
	}
	a.Last(outbox.Alert{Severity: outbox.High, Group: "ledger", Title: title, Text: err.Error()})
}
