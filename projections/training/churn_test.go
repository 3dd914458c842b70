package training_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// TestChurnLabels: a lead is gone that is lost, or silent for sixty days.
func TestChurnLabels(t *testing.T) {
	for _, tt := range []struct {
		name string
		live func(d *diary)
		want string // label and day known of the first row, or "censored"
	}{
		{"silent", func(d *diary) { d.on(70, "contact.created", "other", "") }, "1@60"},
		{"not known yet", func(d *diary) { d.on(50, "contact.created", "other", "") }, "censored"},
		{"wrote again", func(d *diary) {
			d.on(40, "message.received", "c1", `,"message_id":"m","content":"hello"`)
			d.on(70, "contact.created", "other", "")
		}, "0@60"},
		{"we wrote, nobody answered", func(d *diary) {
			d.on(40, "message.sent", "c1", `,"message_id":"m","content":"hello"`)
			d.on(70, "contact.created", "other", "")
		}, "1@60"},
		{"wrote too late", func(d *diary) { d.on(65, "message.received", "c1", `,"message_id":"m","content":"hello"`) }, "1@60"},
		{"lost", func(d *diary) { d.on(20, "opportunity.lost", "c1", `,"opportunity_id":"o"`) }, "1@20"},
		{"won", func(d *diary) { d.on(20, "opportunity.won", "c1", `,"opportunity_id":"o"`) }, "0@20"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDiary(t)
			d.on(0, "contact.created", "c1", `,"first_name":"Ann"`)
			tt.live(d)
			rows, err := collected(d.log, t.TempDir(), ledger.Seq(d.n), training.Churn)
			if err != nil || len(rows) == 0 {
				t.Fatal(len(rows), err)
			}
			got := "censored"
			if r := rows[0]; r.Labelled {
				got = fmt.Sprintf("%v@%d", r.Y, int(r.Known.Sub(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).Hours()/24))
			}
			if got != tt.want {
				t.Errorf("label %s, want %s", got, tt.want)
			}
		})
	}
}

// TestChurnModel: the trainer, the gate and the card serve churn, too. Such a
// model changes nothing but the risk, and where a deal has ended or nobody may
// write, not even that.
func TestChurnModel(t *testing.T) {
	rows, facts := someRows(9, 120)
	for i := range rows {
		rows[i].Y = 1 - rows[i].Y
		rows[i].Points = scoring.ChurnPoints(scoring.DefaultCard().Score(facts[i]).ChurnRisk)
	}
	got, err := training.Train(training.Task{Target: training.Churn, Rows: rows, Now: later})
	if err != nil || !got.Promote || got.Model.Kind != scoring.KindLogistic || got.Card.Target != "lost, or silent for 60 days" {
		t.Fatalf("%v\n%s", err, got.Card.Markdown())
	}
	t.Logf("AUC %.3f, log loss %.4f; calibrated risk of the card %.4f", got.Card.AUC, got.Card.LogLoss, got.Card.Points.LogLoss)
	text, err := got.Model.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := scoring.ParseModel(text); err != nil {
		t.Errorf("its own text: %v", err)
	}
	moved := 0
	for _, f := range facts[:100] {
		moved += sameButChurn(t, got.Model, f)
		f.OptedOut, f.OptedOutBy = true, "evt_o"
		if s := got.Model.Score(f); s.ChurnRisk < 0.95 {
			t.Errorf("opted out: churn risk %v", s.ChurnRisk)
		}
		f.OptedOut, f.Opportunities = false, []scoring.Opportunity{{ID: "o", Status: "won", At: f.AsOf, Event: "evt_w"}}
		if s := got.Model.Score(f); s.ChurnRisk != 0 {
			t.Errorf("won: churn risk %v", s.ChurnRisk)
		}
	}
	if moved < 50 {
		t.Errorf("%d risks of 100 are not the card's", moved)
	}
}

func sameButChurn(t *testing.T, m *scoring.Model, f scoring.Facts) (moved int) {
	t.Helper()
	was, is := scoring.DefaultCard().Score(f), m.Score(f)
	if is.Value != was.Value || is.Quality != was.Quality || len(is.Reasons) != len(was.Reasons) {
		t.Errorf("a model of churn changes the score: %v, was %v", is.Value, was.Value)
	}
	sum := 0.0
	for _, r := range is.ChurnReasons {
		sum += r.Points
	}
	if sum != is.ChurnRisk {
		t.Errorf("reasons %v, risk %v", is.ChurnReasons, is.ChurnRisk)
	}
	if is.ChurnRisk != was.ChurnRisk {
		return 1
	}
	return 0
}
