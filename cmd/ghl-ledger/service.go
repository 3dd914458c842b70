package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl/ghlapi"
	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/export"
	"github.com/enterprisehub/ghl-ledger/projections/learning"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
	"golang.org/x/sync/errgroup"
)

// service is the whole: one ledger, the views folded from it, the planner and
// the courier that act on it, and two doors.
type service struct {
	cfg        Config
	log        *slog.Logger
	ledger     *boltlog.Log
	runner     *projections.Runner
	leads      projections.LeadsView
	outcomes   projections.OutcomesView
	metrics    projections.MetricsView
	exporter   *export.Exporter
	models     projections.ModelsView
	learning   *learning.Loop
	pending    outbox.PendingView
	api        *ghlapi.Client
	planner    *outbox.Planner
	courier    *outbox.Courier
	enricher   *outbox.Enricher
	reconciles *outbox.Reconciles
	tasks      *outbox.Tasks
	forgetting *forgetting
	alerts     *alerts
	backups    *backups
	secrets    atomic.Pointer[secrets]
	draining   atomic.Bool
	verifying  atomic.Pointer[verifying]
}

// meaning is how texts and fields are read by every fold.
var meaning = projections.Meaning{Text: scoring.ReadText, Preferences: scoring.ReadPreferences, Address: scoring.PropertyAddress}

// openService opens the ledger and wires the rooms. doubt is called when the
// storage is in doubt, before anybody is answered; it should not return.
func openService(cfg Config, log *slog.Logger, alerts *alerts, doubt func(error)) (s *service, err error) {
	s = &service{cfg: cfg, log: log, alerts: alerts}
	if err := s.useSecrets(cfg); err != nil {
		return nil, err
	}
	templates, err := readTemplates(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	opened, err := boltlog.Open(cfg.DataDir, boltlog.Options{Logger: log, MinFree: int64(cfg.MinFreeDisk), Doubt: doubt, Damage: s.tellDamage})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil { // s is nil by then
			err = errors.Join(err, opened.Close())
		}
	}()
	s.ledger = opened
	s.backups = &backups{from: s.ledger, dir: cfg.BackupDir, every: cfg.BackupEvery, keep: cfg.BackupKeep, of: s.ledger.ID(), log: log, alert: s.alert}
	s.runner, err = openViews(cfg.DataDir, s.ledger, log)
	if err != nil {
		return nil, endError(cfg.DataDir, err) // no configuration is about them
	}
	s.leads = projections.LeadsView{Runner: s.runner, Meaning: meaning}
	s.outcomes = projections.OutcomesView{Runner: s.runner, Meaning: meaning}
	s.metrics = projections.MetricsView{Runner: s.runner}
	s.models = projections.NewModelsView(s.runner)
	s.pending = outbox.PendingView{Views: s.runner}
	if s.exporter, err = export.New(cfg.DataDir, s.ledger, s.leads); err != nil {
		return nil, errors.Join(err, s.runner.Close())
	}
	s.forgetting = newForgetting(s.ledger, s.runner, cfg.DataDir)
	head, err := s.ledger.Head(context.Background())
	if err != nil {
		return nil, errors.Join(err, s.runner.Close())
	}
	s.wireLearning()
	s.wireOutbox(templates)
	s.wireReads(head)
	return s, nil
}

// readTemplates reads the operator's texts, where there are any.
func readTemplates(dataDir string) (*outbox.Templates, error) {
	var dir fs.FS
	path := filepath.Join(dataDir, "templates")
	if _, err := os.Stat(path); err == nil {
		dir = os.DirFS(path)
	}
	t, err := outbox.ParseTemplates(dir, time.Local)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func (s *service) wireOutbox(templates *outbox.Templates) {
	c := s.cfg
	s.api = c.callsWith(s.token)
	s.planner = outbox.NewPlanner(outbox.PlannerConfig{
		Log: s.ledger, Pending: s.pending, Leads: s.leads, Models: s.models, Roll: s.leads, Mode: outbox.Mode(c.Effects), Logger: s.log,
		Rules: outbox.Rules(outbox.RulesConfig{Sequences: c.Sequences, HotLeadTask: c.HotLeadTask, ReadText: scoring.ReadText}),
	})
	s.tasks = outbox.NewTasks(s.acts(), 0, s.log)
	s.courier = outbox.NewCourier(outbox.CourierConfig{
		Log: s.ledger, Pending: s.pending, Leads: s.leads, Contacts: s.api, Deeds: s.api, Templates: templates,
		HasKey: s.hasKey, Mode: outbox.Mode(c.Effects),
		Retry:   outbox.Retry{Max: c.RetryMax, Initial: c.RetryInitial, Factor: c.RetryFactor, MaxDelay: c.RetryMaxDelay},
		Cap:     outbox.Cap{Messages: c.MessageCap.N, Per: c.MessageCap.Per},
		Alerter: s.alerts, Logger: s.log,
	})
}

// wireLearning wires what decides which model scores.
func (s *service) wireLearning() {
	s.learning = learning.New(learning.Config{
		Log: s.ledger, Models: s.models, Leads: s.leads, Alert: s.alert, Logger: s.log,
		Rows: closings{training.Source{Log: s.ledger, Dir: s.cfg.DataDir, Meaning: meaning}},
	})
}

// closings are what models learn from, with the points of any card.
type closings struct{ training.Source }

// Rows implements learning.Rows.
func (c closings) Rows(ctx context.Context, card *scoring.Model, of training.Target, progress func(done, total ledger.Seq)) ([]training.Row, error) {
	c.Card, c.Target = card, of
	return c.Source.Rows(ctx, progress)
}

// takeCard compares the card file with what the ledger says it was. Its faults
// are told by Warning; the service goes on by the card before.
func (s *service) takeCard(ctx context.Context) {
	if err := s.learning.TakeCard(ctx, s.cfg.DataDir); err != nil && ctx.Err() == nil {
		s.log.Error("points card not taken: the one before goes on", "err", err)
	}
}

// wireReads wires what reads from GoHighLevel. Head is where the life before
// this one ended.
func (s *service) wireReads(head ledger.Cursor) {
	c := s.cfg
	s.enricher = outbox.NewEnricher(outbox.EnricherConfig{
		Log: s.ledger, Names: s.leads, Definitions: s.api, Locations: c.LocationID, HasKey: s.hasKey, Logger: s.log,
	})
	reconcile := outbox.ReconcilesConfig{
		Reconciler: outbox.Reconciler{Log: s.ledger, Leads: s.leads, Names: s.leads, Roll: s.leads, Records: s.api, Now: time.Now},
		Locations:  c.LocationID, HasKey: s.hasKey, Every: c.ReconcileEvery, Alerter: s.alerts, Logger: s.log,
	}
	if head.Seq > 0 {
		reconcile.Before = head.ID.Timestamp()
	}
	s.reconciles = outbox.NewReconciles(reconcile)
}

// finishForgetting does what an earlier life was cut off in. A failure is for
// the log and the next start: webhooks are taken nevertheless.
func (s *service) finishForgetting(ctx context.Context) error {
	if err := s.forgetting.finish(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("a contact is not wholly forgotten; the next start tries again", "err", err)
	}
	return nil
}

// acts are what people do to effects.
func (s *service) acts() outbox.Acts { return outbox.Acts{Log: s.ledger, Pending: s.pending} }

// hasKey reports whether GoHighLevel can be called for a location.
func (s *service) hasKey(location string) bool { return s.token(location) != "" }

// run serves until ctx ends, then drains: no new requests, those under way
// answered, receipts of calls under way recorded, the ledger closed. It
// returns why it ended; nil when ctx did.
func (s *service) run(ctx context.Context, d doors) error {
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	g, working := errgroup.WithContext(working)
	for _, work := range s.workers() {
		g.Go(s.halting(working, work))
	}
	g.Go(func() error {
		defer stopWork()
		return s.serve(ctx, working, d)
	})
	err := errors.Join(g.Wait(), s.runner.Close(), s.ledger.Close())
	s.log.Info("stopped", "err", err)
	return err
}

// workers are what goes on beside answering. Each ends with its context.
func (s *service) workers() []func(context.Context) error {
	quiet := silence{log: s.ledger, locations: s.cfg.LocationID, after: s.cfg.Silence, alert: s.alert}
	workers := []func(context.Context) error{
		s.runner.Run, s.planner.Run, s.courier.Run, s.enricher.Run, s.reconciles.Run,
		outbox.Clock{Log: s.ledger, Pending: s.pending}.Run, s.tasks.Run, quiet.Run, s.finishForgetting,
		s.learning.Run, func(ctx context.Context) error { s.takeCard(ctx); return nil }, s.alerts.Run, s.backups.Run,
	}
	if s.cfg.ForgetOnDelete {
		deleted := forgetDeleted{forgetting: s.forgetting, log: s.ledger, leads: s.leads}
		workers = append(workers, deleted.Run)
	}
	return workers
}
