package learning_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/learning"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// office is a ledger with its views and a loop, and rows that a test makes up.
type office struct {
	*testing.T
	log    *memlog.Log
	dir    string
	models projections.ModelsView
	loop   *learning.Loop
	rows   []training.Row
	alerts []string
	stop   func()
	n      int
}

// Rows implements learning.Rows.
func (o *office) Rows(_ context.Context, _ *scoring.Model, of training.Target, progress func(done, total ledger.Seq)) ([]training.Row, error) {
	progress(1, 2)
	rows := slices.Clone(o.rows)
	for i := range rows {
		if of == training.Churn { // who does not win is gone
			rows[i].Y, rows[i].Points = 1-rows[i].Y, 2*scoring.Base-rows[i].Points
		}
	}
	return rows, nil
}

func inOffice(t *testing.T, f func(*testing.T, *office)) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{T: t, log: memlog.New(time.Now), dir: t.TempDir()}
		o.open()
		defer func() { o.stop() }()
		f(t, o)
	})
}

// open starts the views and the loop, as a service does.
func (o *office) open() {
	o.Helper()
	runner, err := projections.NewRunner(filepath.Join(o.dir, "views"), o.log, projections.Options{Logger: slog.New(slog.DiscardHandler)},
		projections.NewLeads(projections.Meaning{}), projections.Models{})
	if err != nil {
		o.Fatal(err)
	}
	o.models = projections.NewModelsView(runner)
	o.loop = learning.New(learning.Config{
		Log: o.log, Models: o.models, Rows: o, Leads: projections.LeadsView{Runner: runner},
		Alert: func(kind, text string) { o.alerts = append(o.alerts, kind+": "+text) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{runner.Run, o.loop.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				o.Error(err)
			}
		})
	}
	o.stop = func() {
		cancel()
		running.Wait()
		if err := runner.Close(); err != nil {
			o.Error(err)
		}
	}
}

// reopen ends the service, deletes its views and starts it again.
func (o *office) reopen() {
	o.stop()
	if err := os.RemoveAll(filepath.Join(o.dir, "views")); err != nil {
		o.Fatal(err)
	}
	o.open()
}

func (o *office) append(kind string, at time.Time) {
	o.Helper()
	o.n++
	if _, err := o.log.Append(o.Context(), ledger.Draft{Kind: kind, Key: fmt.Sprint("k", o.n), Occurred: at, Body: []byte(`{}`)}); err != nil {
		o.Fatal(err)
	}
}

// kinds are the entries about models, with who decided.
func (o *office) kinds() (list []string) {
	o.Helper()
	for e, err := range o.log.Read(o.Context(), ledger.Cursor{}) {
		if err != nil {
			o.Fatal(err)
		}
		if strings.HasPrefix(e.Kind, "model.") {
			list = append(list, e.Kind)
		}
	}
	return list
}

func (o *office) inForce() string {
	o.Helper()
	synctest.Wait()
	head, err := o.log.Head(o.Context())
	if err == nil {
		err = o.models.Wait(o.Context(), head.Seq)
	}
	if err != nil {
		o.Fatal(err)
	}
	m, err := o.models.InForce(head.Seq)
	if err != nil {
		o.Fatal(err)
	}
	return m.ID()
}

// train has a training done, and returns how it ended.
func (o *office) train(order learning.Order) learning.Run {
	o.Helper()
	run, err := o.loop.Start(order)
	if err != nil {
		o.Fatal(err)
	}
	synctest.Wait()
	run, err = o.loop.Get(run.ID)
	if err != nil || run.State != learning.Done {
		o.Fatalf("run %+v, %v", run, err)
	}
	return run
}

// column is the place of a feature.
func column(name string) int {
	return slices.IndexFunc(scoring.Features(), func(f scoring.Feature) bool { return f.Name == name })
}

// months makes up leads of so many months that end before now: what two
// features say of them, by those weights, is what becomes of them.
func months(n int, end time.Time, weights ...float64) (rows []training.Row) {
	r := rand.New(rand.NewPCG(11, 5))
	at := end.Add(-time.Duration(n) * 30 * 24 * time.Hour)
	for i := 0; at.Before(end); i++ {
		x := make([]float64, len(scoring.Features()))
		x[column("source_referral")], x[column("messages_30d")] = float64(r.IntN(2)), 2*r.Float64()
		z := -1.8 + weights[0]*x[column("source_referral")] + weights[1]*x[column("messages_30d")]
		row := training.Row{
			Lead: fmt.Sprintf("lead_%s_%05d", end.Format("0102"), i), AsOf: at, X: x, Source: "website",
			Points: 40 + 5*x[column("messages_30d")] + 4*r.NormFloat64(), Tier: scoring.Warm, Known: at.Add(training.Horizon - time.Hour),
		}
		if r.Float64() < 1/(1+math.Exp(-z)) {
			row.Y = 1
		}
		rows = append(rows, row)
		at = at.Add(8 * time.Hour)
	}
	return rows
}

// A training is appended with what the gate said; the model is in force from
// there on, and after the views are gone too. A roll-back brings back what
// served before.
func TestTrainPromoteRollBack(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.rows = months(14, time.Now(), 2, 1.2)
		dry := o.train(learning.Order{DryRun: true})
		if kinds := o.kinds(); len(kinds) != 0 || dry.Card == nil || dry.Promoted {
			t.Fatalf("a dry run left %v: %+v", kinds, dry)
		}
		run := o.train(learning.Order{Why: "asked for"})
		if !run.Promoted || run.Card.AUC < 0.6 || o.inForce() != run.ModelID {
			t.Fatalf("trained %+v; in force %s", run, o.inForce())
		}
		if got := fmt.Sprint(o.kinds()); got != "[model.trained model.promoted]" {
			t.Errorf("entries %s", got)
		}
		again := o.train(learning.Order{Why: "once more"})
		if info, err := o.models.Get(run.ModelID); again.ModelID != run.ModelID || again.Promoted || !again.Serves ||
			!strings.Contains(again.Verdict, "serves already") || err != nil || info.Reason != run.Verdict || info.Status != projections.ModelServing {
			t.Errorf("trained on the same rows: %+v; the model is %+v, %v", again, info, err)
		}
		before, err := o.models.InForce(1 << 40)
		if err != nil {
			t.Fatal(err)
		}
		o.reopen()
		if got := o.inForce(); got != run.ModelID {
			t.Errorf("with the views deleted %s is in force, want %s", got, run.ModelID)
		}
		after, err := o.models.InForce(1 << 40)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range o.rows[:200] {
			if a, b := before.Probability(r.X, r.Points), after.Probability(r.X, r.Points); a != b {
				t.Fatalf("a replay gives %v, want %v", b, a)
			}
		}
		word := learning.Word{By: projections.ByPerson, Reason: "agents do not trust it"}
		if err := o.loop.Promote(t.Context(), run.ModelID, word); !errors.Is(err, projections.ErrModelState) {
			t.Errorf("promoted while it serves: %v", err)
		}
		if err := o.loop.RollBack(t.Context(), run.ModelID, word); err != nil || o.inForce() != scoring.BuiltIn().ID() {
			t.Errorf("rolled back: %v; in force %s", err, o.inForce())
		}
		if err := o.loop.RollBack(t.Context(), run.ModelID, word); !errors.Is(err, projections.ErrModelState) {
			t.Errorf("rolled back while it does not serve: %v", err)
		}
	})
}

// A model that the gate refuses does not serve, until a person says why it
// should.
func TestClosedGate(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.rows = months(14, time.Now(), 0, 0) // nothing to learn
		run := o.train(learning.Order{})
		if run.Promoted || o.inForce() != scoring.BuiltIn().ID() || run.Verdict == "" {
			t.Fatalf("trained on noise: %+v", run)
		}
		for _, reason := range []string{"", " \t"} {
			if err := o.loop.Promote(t.Context(), run.ModelID, learning.Word{By: projections.ByPerson, Reason: reason}); !errors.Is(err, projections.ErrGateClosed) {
				t.Errorf("promoted for the reason %q: %v", reason, err)
			}
		}
		if err := o.loop.Promote(t.Context(), run.ModelID, learning.Word{By: projections.ByPerson, Reason: "we try it"}); err != nil || o.inForce() != run.ModelID {
			t.Errorf("promoted with a reason: %v; in force %s", err, o.inForce())
		}
		if err := o.loop.Promote(t.Context(), "model:none", learning.Word{Reason: "x"}); !errors.Is(err, projections.ErrNoModel) {
			t.Errorf("promoted what there is not: %v", err)
		}
	})
}

// Too few outcomes are an answer: what is there, and what it takes.
func TestTooFew(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.rows = months(14, time.Now(), 2, 1)[:30]
		if run := o.train(learning.Order{}); !run.TooFew || !strings.Contains(run.Verdict, "the points card scores") || len(o.kinds()) != 0 {
			t.Errorf("run %+v, entries %v", run, o.kinds())
		}
	})
}

// A training starts by itself with the first outcomes, fifty outcomes or a week
// later, by entries and not by the clock.
func TestByItself(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.rows = months(14, time.Now(), 2, 1.2)
		check := func(when, want string) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			var got []string
			for _, run := range slices.Backward(o.loop.List()) {
				if run.Of == projections.TargetWin {
					got = append(got, run.Why)
				}
			}
			if strings.Join(got, "; ") != want {
				t.Errorf("%s: trained because %q, want %q", when, got, want)
			}
		}
		day := func(n int) time.Time { return time.Now().Truncate(24*time.Hour).AddDate(0, 0, n) }
		add := func(n int, kind string) {
			for range n {
				o.append(kind, time.Now())
			}
		}
		o.append("clock.ticked", day(0))
		add(30, "opportunity.lost")
		add(19, "opportunity.won")
		check("19 won", "")
		add(1, "opportunity.won")
		check("20 won", "there are outcomes to learn from")
		add(49, "opportunity.lost")
		for i := range 6 {
			o.append("clock.ticked", day(1+i))
		}
		check("nearly a week, 49 outcomes", "there are outcomes to learn from")
		add(1, "opportunity.lost")
		check("50 outcomes", "there are outcomes to learn from; 50 new outcomes")
		for i := range 7 {
			o.append("clock.ticked", day(7+i))
		}
		check("a week", "there are outcomes to learn from; 50 new outcomes; a week has passed")
		time.Sleep(90 * 24 * time.Hour)
		check("no entry", "there are outcomes to learn from; 50 new outcomes; a week has passed")
		o.reopen()
		check("a restart", "")
	})
}

// A model that no longer does what it promised is rolled back to points, and
// the operators hear of it.
func TestMonitor(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.rows = months(14, time.Now(), 2, 1.2)
		learned := o.train(learning.Order{}).ModelID
		if o.inForce() != learned {
			t.Fatal("not promoted")
		}
		time.Sleep(200 * 24 * time.Hour)
		for _, r := range months(4, time.Now().Add(-95*24*time.Hour), 0, 0) {
			r.Y = 0 // nobody buys any more
			o.rows = append(o.rows, r)
		}
		o.append("clock.ticked", time.Now()) // first: it says what time it is when a training is due
		for range 25 {
			o.append("opportunity.won", time.Now())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		kinds := o.kinds()
		if !slices.Contains(kinds, projections.KindModelRolledBack) || o.inForce() == learned {
			t.Errorf("entries %v; in force %s", kinds, o.inForce())
		}
		if len(o.alerts) != 1 || !strings.Contains(o.alerts[0], "would be won") {
			t.Errorf("alerts %q", o.alerts)
		}
	})
}
