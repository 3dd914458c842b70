package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/handlers"
)

// deps is what the doors are built of.
func (s *service) deps(trusted []netip.Prefix) handlers.Deps {
	c := s.cfg
	return handlers.Deps{
		Log: s.ledger, Logger: s.log,
		Keys: func() ghl.Keys { return *s.keys.Load() }, AppID: c.AppID, Locations: c.LocationID,
		MaxBody: int64(c.MaxBody), MaxAge: c.DeliveryMaxAge,
		Rate: handlers.Rate(c.RateLimit), TrustedProxies: trusted,
		AdminToken: c.AdminToken, AnalystToken: c.AnalystToken,
		Unready: s.unready, Draining: s.draining.Load,
		Projections: s.runner, Leads: s.leads, Effects: s.pending,
		Acts:    outbox.Acts{Log: s.ledger, Pending: s.pending},
		Storage: func() any { return s.ledger.Stats() },
		Size:    func() int64 { return s.ledger.Stats().Bytes },
		Verify:  s.verify,
		Alert: func(kind, text string) {
			s.alerts.Alert(outbox.Alert{Severity: outbox.High, Group: kind, Title: kind, Text: text})
		},
	}
}

// unready says why nothing can be appended, and what an operator should know.
func (s *service) unready(context.Context) (causes, warnings []string) {
	if err := s.ledger.Ready(); err != nil {
		causes = append(causes, err.Error())
	}
	if s.draining.Load() {
		causes = append(causes, "the service is ending")
	}
	for _, v := range s.runner.Status() {
		if v.Err != "" {
			warnings = append(warnings, fmt.Sprintf("view %s: %s", v.Name, v.Err))
		}
		if v.Parked > 0 {
			warnings = append(warnings, fmt.Sprintf("view %s: %d entries parked", v.Name, v.Parked))
		}
	}
	return causes, warnings
}

// verify looks at every entry of the open ledger.
func (s *service) verify(ctx context.Context) (any, error) {
	r, err := s.ledger.Verify(ctx, nil)
	return verdictOf(r), err
}
