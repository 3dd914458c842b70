package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ghl/ghltest"
	"github.com/enterprisehub/ghl-ledger/ledger"
)

// trialLocation is the one location of a trial.
const trialLocation = "location_demo"

// trial is the whole service on a directory of its own, with a GoHighLevel of
// ours beside it. Everything but that GoHighLevel is real, HTTP too: what demo
// shows and bench measures is what serve does.
type trial struct {
	cfg     Config
	doors   doors
	sandbox *ghltest.Server
	remote  *http.Server // the sandbox's
	service *service
	echoed  atomic.Int64 // updates that the sandbox sent back and the service answered
	stop    context.CancelFunc
	ended   chan struct{} // closed when the service has ended, of err
	err     error
}

// newTrial starts a trial in dir: on the addresses of the README where they
// are free and wanted, else on any. Close ends it.
func newTrial(ctx context.Context, dir string, log *slog.Logger, wellKnown bool) (t *trial, err error) {
	t = &trial{ended: make(chan struct{})}
	if t.cfg, err = defaults(); err != nil {
		return nil, err
	}
	t.cfg.WebhookSecret = []string{secret()}
	t.cfg.AdminToken, t.cfg.APIKey = secret(), "pit-"+secret()
	t.cfg.LocationID = []string{trialLocation}
	t.cfg.DataDir, t.cfg.MinFreeDisk = filepath.Join(dir, "data"), 0
	alerts, err := newAlerts(t.cfg.AlertURL, log)
	if err != nil {
		return nil, err
	}
	if err := t.listen(wellKnown); err != nil {
		return nil, err
	}
	if err := t.startSandbox(log); err != nil {
		return nil, errors.Join(err, t.doors.Close())
	}
	if t.service, err = openService(t.cfg, log, alerts, leave(log, alerts)); err != nil {
		return nil, errors.Join(err, t.doors.Close(), t.remote.Close())
	}
	ctx, t.stop = context.WithCancel(ctx)
	go func() {
		defer close(t.ended)
		t.err = t.service.run(ctx, t.doors)
	}()
	return t, nil
}

func (t *trial) listen(wellKnown bool) (err error) {
	if wellKnown {
		if t.doors, err = t.cfg.listen(); err == nil {
			return nil
		}
	}
	if t.doors.public, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	if t.doors.admin, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return errors.Join(err, t.doors.public.Close())
	}
	return nil
}

// startSandbox starts the GoHighLevel, which sends our updates back as webhooks.
func (t *trial) startSandbox(log *slog.Logger) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	t.cfg.APIBaseURL = "http://" + l.Addr().String()
	t.sandbox = ghltest.New(ghltest.Options{Webhook: ghltest.Webhook{To: t.echo, Secret: t.cfg.WebhookSecret[0]}})
	t.remote = &http.Server{Handler: t.sandbox, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := t.remote.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the sandbox has ended", "err", err)
		}
	}()
	return nil
}

// echo takes an update that comes back from the sandbox to the service.
func (t *trial) echo(d ghltest.Delivery) {
	headers := map[string]string{}
	for name := range d.Header {
		headers[name] = d.Header.Get(name)
	}
	if _, err := post(context.Background(), t.webhooks(), d.Body, headers); err == nil {
		t.echoed.Add(1)
	}
}

// webhooks is the address that takes webhooks.
func (t *trial) webhooks() string {
	return "http://" + t.doors.public.Addr().String() + "/webhooks/ghl"
}

// deliver sends one webhook as the seed's gateway does.
func (t *trial) deliver(ctx context.Context, body []byte) (received, error) {
	stamp := ghl.Timestamp(time.Now())
	return post(ctx, t.webhooks(), body, map[string]string{
		"X-GHL-Timestamp": stamp, "X-GHL-Signature": ghl.SignHMAC(t.cfg.WebhookSecret[0], stamp, body),
	})
}

// Close drains the service and ends the sandbox.
func (t *trial) Close() error {
	t.stop()
	<-t.ended
	err := errors.Join(t.err, t.remote.Close())
	t.sandbox.Close()
	return err
}

// settleTime is how long all that follows from one event may take, on a
// machine that is busy with something else too.
const settleTime = time.Minute

// settle waits until the planner is past the entry at seq, no effect is due,
// and every update has come back and been planned too.
func (t *trial) settle(ctx context.Context, seq ledger.Seq) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for {
		done, err := t.settled(ctx, seq)
		if done || err != nil {
			return err
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return errors.New("what follows from it was not done in time")
		}
	}
}

func (t *trial) settled(ctx context.Context, seq ledger.Seq) (bool, error) {
	if t.echoed.Load() < t.updates() {
		return false, nil
	}
	head, err := t.service.ledger.Head(ctx)
	if err != nil {
		return false, err
	}
	if err := t.service.pending.Wait(ctx, head.Seq); err != nil {
		return false, err
	}
	place, err := t.service.pending.Place()
	if err != nil || place < max(seq, t.newestEvent(ctx, seq)) {
		return false, err
	}
	backlog, _, err := t.service.pending.Backlog()
	return backlog == 0 && t.echoed.Load() >= t.updates(), err
}

// updates counts the contacts' updates that the sandbox took.
func (t *trial) updates() (n int64) {
	for _, c := range t.sandbox.Calls() {
		if c.Method == http.MethodPut && c.Taken {
			n++
		}
	}
	return n
}

// newestEvent returns the seq of the newest webhook from seq on.
func (t *trial) newestEvent(ctx context.Context, seq ledger.Seq) (newest ledger.Seq) {
	for e, err := range t.service.ledger.Read(ctx, ledger.Cursor{Seq: seq}) {
		if err != nil {
			break // the next call of the ledger says so
		}
		if e.Meta.Scheme != "" && e.Kind != "event.quarantined" { // which nothing follows from
			newest = e.Seq
		}
	}
	return newest
}
