package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// deps is what the doors are built of.
func (s *service) deps(trusted []netip.Prefix) handlers.Deps {
	c := s.cfg
	return handlers.Deps{
		Log: s.ledger, Logger: s.log, Shared: handlers.NewShared(s.ledger),
		Keys: s.senderKeys, AppID: c.AppID, Locations: c.LocationID,
		MaxBody: int64(c.MaxBody), MaxAge: c.DeliveryMaxAge,
		Rate: handlers.Rate(c.RateLimit), TrustedProxies: trusted,
		AdminToken: c.AdminToken, AnalystToken: c.AnalystToken,
		Unready: s.unready, Draining: s.draining.Load,
		Health:      lastHour{s.metrics},
		Projections: s.runner, Leads: s.leads, Effects: s.pending, Mode: outbox.Mode(c.Effects),
		Acts: s.acts(), Tasks: s.tasks, HasKey: s.hasKey, Resting: s.courier.Breaks, Outcomes: s.outcomes, Metrics: s.metrics, Forget: s.forgetting,
		Rescorer: outbox.Rescore{Roll: s.leads, Models: s.models},
		Learning: s.learning,
		Storage:  s.storage,
		Size:     func() int64 { return s.ledger.Stats().Bytes },
		Verify:   s.verify,
		Export:   s.exporter,
		Backup:   s.ledger, Reconciles: s.reconciles,
		Alert: s.alert, Alerts: s.alerts.Raised, NewestBackup: s.backups.at,

		MoreMetrics: []func(io.Writer){s.writeStorageMetrics, s.backups.writeMetrics},
	}
}

// alert tells the operators of something of that kind.
func (s *service) alert(kind, text string) {
	s.alerts.Alert(outbox.Alert{Severity: outbox.High, Group: kind, Title: kind, Text: text})
}

// writeStorageMetrics writes what the ledger's files are like.
func (s *service) writeStorageMetrics(w io.Writer) {
	st := s.ledger.Stats()
	for name, v := range map[string]float64{
		"ghl_ledger_file_bytes":            float64(st.Bytes),
		"ghl_ledger_entry_bytes":           float64(st.Bytes) / float64(max(st.Head.Seq, 1)),
		"ghl_ledger_free_bytes":            float64(st.Free),
		"ghl_ledger_waiting_drafts":        float64(st.Waiting),
		"ghl_ledger_oldest_reader_seconds": st.OldestReader.Seconds(),
	} {
		metrics.WriteGaugeFloat64(w, name, v)
	}
	metrics.WriteCounterUint64(w, "ghl_ledger_commits_total", st.Commits)
	metrics.WriteGaugeUint64(w, fmt.Sprintf("ghl_ledger_build_info{version=%q,go=%q}", cmp.Or(buildVersion, "dev"), runtime.Version()), 1)
}

// storageView is what GET ledger says of the ledger's files.
type storageView struct {
	FreeBytes     int64   `json:"free_bytes"`
	EntryBytes    float64 `json:"bytes_per_entry"` // of the file, by the number of entries
	Commits       uint64  `json:"commits"`         // since the start
	WaitingDrafts int64   `json:"waiting_drafts"`
	OldestReader  float64 `json:"oldest_reader_seconds"`
	Damage        string  `json:"damage,omitempty"` // the first entry that was found damaged

	Verifying *verifying `json:"verifying,omitempty"` // while every entry is looked at
}

// verifying is how far a look at every entry is.
type verifying struct {
	Seq ledger.Seq `json:"seq"`
	Of  ledger.Seq `json:"of"`
}

func (s *service) storage() any {
	st := s.ledger.Stats()
	v := storageView{
		FreeBytes: st.Free, EntryBytes: float64(st.Bytes) / float64(max(st.Head.Seq, 1)),
		Commits: st.Commits, WaitingDrafts: st.Waiting, OldestReader: st.OldestReader.Seconds(),
		Verifying: s.verifying.Load(),
	}
	if damage := s.ledger.Damage(); damage != nil {
		v.Damage = damage.Error()
	}
	return v
}

// unready says why nothing can be appended, and what an operator should know.
func (s *service) unready(context.Context) (causes, warnings []string) {
	causes, warnings = s.storageCauses(), s.viewWarnings()
	if w := s.learning.Warning(); w != "" {
		warnings = append(warnings, w)
	}
	if w := s.backups.warning(time.Now()); w != "" {
		warnings = append(warnings, w)
	}
	return causes, warnings
}

// verify looks at every entry of the open ledger.
func (s *service) verify(ctx context.Context) (any, error) {
	defer s.verifying.Store(nil)
	r, err := s.ledger.Verify(ctx, func(done, total ledger.Seq) { s.verifying.Store(&verifying{done, total}) })
	return verdictOf(r), err
}

// lastHour has the metrics view answer for GET /webhooks/ghl/health.
type lastHour struct{ projections.MetricsView }

// Health implements handlers.Health.
func (l lastHour) Health(ctx context.Context, now time.Time) (handlers.LastHour, error) {
	h, err := l.MetricsView.Health(ctx, now)
	return handlers.LastHour(h), err
}
