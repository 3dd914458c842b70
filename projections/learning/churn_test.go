package learning_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/learning"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// quiet is a lead of which little is known.
func quiet() scoring.Facts {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return scoring.Facts{AsOf: at, Created: at.AddDate(0, 0, -9), Source: "referral", HasEmail: true, CreatedBy: "evt_1"}
}

// A model of churn is trained, tried and put in force like one of winning, and
// beside it: it says the risk of churn and nothing else. A roll-back leaves
// that to the card again.
func TestChurn(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		score := func() scoring.Score {
			t.Helper()
			o.inForce()
			m, err := o.models.InForce(1 << 40)
			if err != nil {
				t.Fatal(err)
			}
			return m.Score(quiet())
		}
		o.rows = months(14, time.Now(), 2, 1.2)
		card := score()
		run := o.train(learning.Order{Target: training.Churn})
		if !run.Promoted || run.Of != "churn" || o.inForce() != scoring.BuiltIn().ID() {
			t.Fatalf("trained %+v; %s scores", run, o.inForce())
		}
		churn := score()
		if churn.ChurnModelID != run.ModelID || churn.ChurnRisk == card.ChurnRisk || churn.Value != card.Value || churn.ModelID != card.ModelID {
			t.Errorf("score %+v, by the card %+v", churn, card)
		}
		won := o.train(learning.Order{})
		both := score()
		if both.ModelID != won.ModelID || both.ChurnModelID != run.ModelID || both.ChurnRisk != churn.ChurnRisk || both.Value == card.Value {
			t.Errorf("with a model of winning, too: %+v", both)
		}
		o.reopen()
		if again := score(); fmt.Sprint(again.ChurnReasons) != fmt.Sprint(both.ChurnReasons) || again.Value != both.Value {
			t.Errorf("a replay: %+v, want %+v", again, both)
		}
		for _, id := range []string{run.ModelID, won.ModelID} {
			if info, err := o.models.Get(id); err != nil || info.Status != projections.ModelServing {
				t.Errorf("%+v, %v: does not serve", info, err)
			}
		}
		word := learning.Word{By: projections.ByPerson, Reason: "agents do not trust it"}
		if err := o.loop.RollBack(t.Context(), run.ModelID, word); err != nil {
			t.Fatal(err)
		}
		if after := score(); after.ChurnModelID != "" || after.ChurnRisk != card.ChurnRisk || after.ModelID != won.ModelID {
			t.Errorf("rolled back: %+v", after)
		}
		if err := o.loop.Promote(t.Context(), run.ModelID, word); err != nil || score().ChurnModelID != run.ModelID {
			t.Errorf("promoted by a person: %v, %+v", err, score())
		}
	})
}

// After a training of winning that ran by itself comes one of churn. Where a
// model of churn no longer does what it promised, the card says it again.
func TestChurnByItself(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.rows = months(14, time.Now(), 2, 1.2)
		o.append("clock.ticked", time.Now()) // first: it says what time it is when a training is due
		for range 25 {
			o.append("opportunity.won", time.Now())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if list := o.loop.List(); len(list) != 2 || list[0].Of != "churn" || list[1].Of != "win" || !list[0].Promoted || !list[1].Promoted {
			t.Fatalf("trainings %+v", list)
		}
		if got := fmt.Sprint(o.kinds()); got != "[model.trained model.promoted model.trained model.promoted]" {
			t.Errorf("entries %s", got)
		}
		time.Sleep(200 * 24 * time.Hour)
		for _, r := range months(4, time.Now().Add(-95*24*time.Hour), 0, 0) {
			r.Y = 0 // everybody leaves
			o.rows = append(o.rows, r)
		}
		o.append("clock.ticked", time.Now())
		time.Sleep(time.Second)
		synctest.Wait()
		m, err := o.models.Foretells(1 << 40)
		if err != nil || len(o.alerts) != 2 {
			t.Errorf("%v, %v, alerts %q", m, err, o.alerts)
		}
	})
}
