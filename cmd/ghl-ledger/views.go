package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"

	"github.com/enterprisehub/ghl-ledger/ghl/outbox"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// openViews opens every view of a data directory.
func openViews(dataDir string, from ledger.Reader, log *slog.Logger) (*projections.Runner, error) {
	return projections.NewRunner(filepath.Join(dataDir, "views"), from, projections.Options{Logger: log},
		projections.NewLeads(meaning), projections.NewOutcomes(meaning), projections.Metrics{}, projections.Models{}, outbox.Pending{})
}

// viewer is where views stand: the running service, or a stopped one's files.
type viewer interface {
	views(ctx context.Context) ([]viewRow, error)
	// turn is rebuild, or preview, and then accept or discard.
	turn(ctx context.Context, name, act, why string) error
	diff(ctx context.Context, name string) (projections.Diff, error)
}

// views gets where the views stand.
func (r *remote) views(ctx context.Context) ([]viewRow, error) {
	var got struct {
		Data []viewRow `json:"data"`
	}
	err := r.get(ctx, "projections", nil, &got)
	return got.Data, err
}

func (r *remote) turn(ctx context.Context, name, act, why string) error {
	return r.post(ctx, "projections/"+url.PathEscape(name)+"/"+act, reason(why), nil)
}

func (r *remote) diff(ctx context.Context, name string) (d projections.Diff, err error) {
	asked := *r
	asked.patience = allTime
	return d, asked.get(ctx, "projections/"+url.PathEscape(name)+"/diff", nil, &d)
}

// stopped is the views of a service that does not run, followed here.
type stopped struct {
	ledger *boltlog.Log
	runner *projections.Runner
	end    context.CancelFunc
	ended  chan error
}

// follow opens the ledger and the views of dir, and folds what they lack.
func follow(ctx context.Context, dir string) (*stopped, error) {
	log, err := boltlog.Open(dir, boltlog.Options{Logger: slog.New(slog.DiscardHandler)})
	if errors.Is(err, boltlog.ErrLocked) {
		return nil, fmt.Errorf("%w: stop the service, or leave --data out to ask it", err)
	}
	if err != nil {
		return nil, storageError(dir, err)
	}
	runner, err := openViews(dir, log, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	ctx, end := context.WithCancel(ctx)
	s := &stopped{ledger: log, runner: runner, end: end, ended: make(chan error, 1)}
	go func() { s.ended <- runner.Run(ctx) }()
	return s, nil
}

func (s *stopped) views(context.Context) (rows []viewRow, err error) {
	b, err := json.Marshal(s.runner.Status()) // the API's form
	if err != nil {
		return nil, err
	}
	return rows, json.Unmarshal(b, &rows)
}

func (s *stopped) turn(_ context.Context, name, act, _ string) error {
	return map[string]func(string) error{
		"rebuild": s.runner.Rebuild, "preview": s.runner.Preview, "accept": s.runner.Accept, "discard": s.runner.Discard,
	}[act](name)
}

func (s *stopped) diff(ctx context.Context, name string) (projections.Diff, error) {
	return s.runner.Diff(ctx, name, 10)
}

// Close leaves the files as a service leaves them.
func (s *stopped) Close() error {
	s.end()
	return errors.Join(<-s.ended, s.runner.Close(), s.ledger.Close())
}
