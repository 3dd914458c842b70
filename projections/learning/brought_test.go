package learning_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/learning"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// timid is a model folder that gives every lead the same small chance.
func timid() scoring.Folder {
	p := 1 / (1 + math.Exp(3))
	row := fmt.Sprintf(`{"x":[0],"probability":%v}`, p)
	return scoring.Folder{
		Manifest: []byte(`{"format":1,"model":"linear.json","feature_set":"fs-1","features":["messages_30d"],"self_tests":[` + strings.Repeat(row+",", 19) + row + `]}`),
		Linear:   []byte(`{"intercept":-3,"weights":[0],"base_rate":0.2}`),
	}
}

// A model that somebody brought is watched from then on: what it would have
// said of leads before it came is nothing that it promised.
func TestBrought(t *testing.T) {
	inOffice(t, func(t *testing.T, o *office) {
		o.rows = months(14, time.Now(), 0, 0)
		word := learning.Word{By: projections.ByImport, Reason: "ours"}
		id, err := o.loop.Import(t.Context(), timid(), word)
		if err == nil {
			err = o.loop.Promote(t.Context(), id, word)
		}
		if err != nil || o.inForce() != id {
			t.Fatalf("promoted: %v; in force %s", err, o.inForce())
		}
		run := o.train(learning.Order{Evaluate: id})
		if run.Card == nil || run.Card.HeldLeads == 0 || run.Watched == nil || run.Watched.Leads != 0 || len(run.Watched.Alarms) != 0 {
			t.Errorf("tried: %+v, watched %+v", run, run.Watched)
		}
		o.append("clock.ticked", time.Now()) // first: it says what time it is when a training is due
		for range 25 {
			o.append("opportunity.won", time.Now())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := o.loop.List(); len(got) < 2 || o.inForce() != id || len(o.alerts) != 0 {
			t.Errorf("after %d trainings %s is in force, alerts %q", len(got), o.inForce(), o.alerts)
		}
	})
}
