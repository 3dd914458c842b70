package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// TestLearning is the loop as a whole, on the program itself: a ledger of an
// office, a training, the gate, a promotion that scores every lead anew, the
// same scores after the views are deleted, and the way back. It has leads enough
// for calibrated points; LEDGER_OFFICE_LEADS=620 has enough for a learned model.
func TestLearning(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("LEDGER_OFFICE_LEADS"))
	p := newProcess(t, map[string]string{"GHL_EFFECTS": "off", "GHL_LOCATION_ID": "loc_1"})
	leads := officeLedger(t, p.data, max(n, 150))
	p.start()
	var first trainingRun
	p.until(p.waitTime, "trained by itself", func() bool {
		for _, run := range list[trainingRun](p, "/api/v1/trainings") {
			if run.Of == projections.TargetWin { // one of churn follows
				first = run
			}
		}
		return first.Ended != nil
	})
	if first.TooFew || first.Card == nil || first.Error != "" {
		t.Fatalf("trained by itself: %+v", first)
	}
	t.Logf("%d leads won %d; AUC %.3f (points %.3f), log loss %.4f (points %.4f); gate: %s",
		first.Card.Leads, first.Card.Won, first.Card.AUC, first.Card.Points.AUC, first.Card.LogLoss, first.Card.Points.LogLoss, first.Verdict)
	model := first.ModelID
	if !first.Promoted {
		p.must("model", "promote", model, "--reason", "for the test", "--yes")
	}
	before := p.allBy(model, leads)
	for contact, s := range before {
		if s.Win == nil || (s.Basis == "posterior") != (first.Card.Kind == scoring.KindLogistic) {
			t.Fatalf("%s is scored %+v by a model of kind %s", contact, s, first.Card.Kind)
		}
	}
	if code := p.stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if err := os.RemoveAll(filepath.Join(p.data, "views")); err != nil {
		t.Fatal(err)
	}
	p.start()
	for contact, s := range p.allBy(model, leads) {
		if was := before[contact]; s.text() != was.text() {
			t.Fatalf("%s with the views deleted: %s, was %s", contact, s.text(), was.text())
		}
	}
	p.must("model", "evaluate", model)
	p.must("model", "rollback", "--reason", "for the test", "--yes")
	for contact, s := range p.allBy(scoring.BuiltIn().ID(), leads) {
		if s.Win != nil {
			t.Fatalf("%s after the roll-back: %+v", contact, s)
		}
	}
}

// allBy waits until every lead is scored by a model, and returns them.
func (p *process) allBy(model string, n int) (all map[string]leadView) {
	p.t.Helper()
	p.until(p.waitTime, "scored by "+model, func() bool {
		all = p.scores()
		by := 0
		for _, v := range all {
			if v.Model == model {
				by++
			}
		}
		return by == n
	})
	return all
}

// must runs the program beside the service; it must end with 0.
func (p *process) must(args ...string) string {
	p.t.Helper()
	out, err := p.command(args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (v leadView) text() string {
	b, _ := json.Marshal([]any{v.Score, v.Win, v.Confidence, v.Quality, v.Model, v.Reasons})
	return string(b)
}

// scores are all leads, by contact.
func (p *process) scores() map[string]leadView {
	p.t.Helper()
	all := map[string]leadView{}
	var l struct{ Data []leadView }
	if err := json.Unmarshal([]byte(p.must("leads", "list", "--limit", "0", "--output", "json")), &l); err != nil {
		p.t.Fatal(err)
	}
	for _, v := range l.Data {
		all[v.Contact] = v
	}
	return all
}

// officeLedger writes the ledger of an office of two years that ended lately:
// who was referred and writes much is rather won, seeded. It returns how many
// leads there are.
func officeLedger(t *testing.T, dir string, leads int) int {
	t.Helper()
	type event struct {
		at   time.Time
		kind string
		who  int
		data string
	}
	r := rand.New(rand.NewPCG(4, 2))
	end := time.Now().UTC().AddDate(0, 0, -5).Truncate(time.Hour)
	var events []event
	for i := range leads {
		came := end.AddDate(-2, 0, 0).Add(time.Duration(i) * 720 * 24 * time.Hour / time.Duration(leads))
		source, want := "facebook", -2.2
		if r.IntN(2) == 0 {
			source, want = "referral", -0.2
		}
		events = append(events, event{came, "contact.created", i, fmt.Sprintf(`"first_name":"Lead","email":"lead%d@example.com","source":%q`, i, source)})
		for n := range r.IntN(4) {
			want += 0.7
			at := came.Add(time.Duration(8+9*n) * 24 * time.Hour)
			events = append(events, event{at, "message.received", i, fmt.Sprintf(`"message_id":"m%d_%d","content":"is it still available?"`, i, n)})
		}
		deal := fmt.Sprintf(`"opportunity_id":"o%d"`, i)
		switch x := r.Float64(); {
		case x < 1/(1+math.Exp(-want)):
			events = append(events, event{came.Add(time.Duration(45+r.IntN(30)) * 24 * time.Hour), "opportunity.won", i, deal + `,"final_price":400000`})
		case x > 0.7:
			events = append(events, event{came.Add(time.Duration(45+r.IntN(30)) * 24 * time.Hour), "opportunity.lost", i, deal + `,"reason":"price"`})
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.who, b.who)) })
	var now time.Time
	log, err := boltlog.Open(dir, boltlog.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		if e.at.After(end) {
			break
		}
		now = e.at
		who := fmt.Sprintf("contact_%04d", e.who)
		body := fmt.Sprintf(`{"type":%q,"timestamp":%q,"data":{"contact_id":%q,%s}}`, e.kind, e.at.Format(time.RFC3339), who, e.data)
		_, err := log.Append(t.Context(), ledger.Draft{
			Kind: e.kind, Key: fmt.Sprint("office:", i), Subject: who, Location: "loc_1", Occurred: e.at,
			Meta: ledger.Meta{Scheme: "hmac", Dialect: "seed"}, Body: []byte(body),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return leads
}
