package training_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
	"pgregory.net/rapid"
)

// told is one entry of a drawn ledger.
type told struct {
	Days int // since the entry before
	Late int // hours between what happened and its arrival
	Kind string
	Who  int
	What int
}

var toldKinds = []string{
	"contact.created", "contact.updated", "message.received", "message.sent", "appointment.scheduled", "appointment.completed",
	"appointment.missed", "opportunity.created", "opportunity.won", "opportunity.lost", "campaign.opened", "clock.ticked",
}

var said = []string{"can I see it? budget 400k", "STOP", "not interested", "I love it, what is the price?", "do you offer financing"}

func drawTold(t *rapid.T) told {
	return told{
		Days: rapid.IntRange(0, 12).Draw(t, "days"), Late: rapid.SampledFrom([]int{0, 0, 1, 30, 400}).Draw(t, "late"),
		Kind: rapid.SampledFrom(toldKinds).Draw(t, "kind"), Who: rapid.IntRange(0, 2).Draw(t, "who"), What: rapid.IntRange(0, 4).Draw(t, "what"),
	}
}

// written is a ledger of what is told.
func written(list []told) (*memlog.Log, error) {
	now := time.Date(2024, 1, 1, 9, 0, 0, 0, time.UTC)
	log := memlog.New(func() time.Time { return now })
	for i, e := range list {
		now = now.AddDate(0, 0, e.Days).Add(time.Second)
		if _, err := log.Append(context.Background(), e.draft(i, now)); err != nil {
			return nil, err
		}
	}
	return log, nil
}

func (e told) draft(i int, now time.Time) ledger.Draft {
	d := ledger.Draft{Kind: e.Kind, Key: fmt.Sprint(i), Occurred: now, Body: []byte("{}")}
	if e.Kind == "clock.ticked" {
		return d
	}
	happened := now.Add(-time.Duration(e.Late) * time.Hour)
	d.Subject, d.Location, d.Meta.Scheme, d.Occurred = fmt.Sprintf("c%d", e.Who), "loc", "hmac", happened
	d.Body = fmt.Appendf(nil, `{"type":%q,"timestamp":%q,"data":{"contact_id":%q,"first_name":"Ann","source":"referral","message_id":"m%d",
		"channel":"sms","content":%q,"appointment_id":"a%d","opportunity_id":"o%d","name":"9 Elm Road","value":%d,"feedback":"loved it","campaign_id":"x"}}`,
		e.Kind, happened.Format(time.RFC3339), d.Subject, i, said[e.What], e.What, e.What, 200000+50000*e.What)
	return d
}

// collected are all rows of the log up to an entry.
func collected(log ledger.Reader, dir string, until ledger.Seq, target training.Target) (list []training.Sample, err error) {
	s := training.Source{Log: log, Dir: dir, Meaning: meaning, Card: scoring.BuiltIn(), Until: until, Target: target}
	err = s.Each(context.Background(), func(_, _ ledger.Seq) {}, func(r training.Sample) error {
		list = append(list, r)
		return nil
	})
	return list, err
}

// unlabelled is a row but for what became of it.
func unlabelled(s training.Sample) string {
	s.Y, s.Known, s.Labelled = 0, time.Time{}, false
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// leak says where the rows of the whole log differ from those of the log cut
// off after an entry. A label that was known may only change for what became
// known later.
func leak(whole, part []training.Sample, at ledger.Seq) error {
	for i, s := range whole {
		if s.Seq > at {
			whole = whole[:i]
			break
		}
	}
	if len(whole) != len(part) {
		return fmt.Errorf("%d rows up to entry %d of the whole log, %d of the part", len(whole), at, len(part))
	}
	for i, s := range part {
		if a, b := unlabelled(whole[i]), unlabelled(s); a != b {
			return fmt.Errorf("row at entry %d\nof the whole log %s\nof the part      %s", s.Seq, a, b)
		}
		if later := whole[i]; s.Labelled && (!later.Labelled || later.Y != s.Y && !later.Known.After(s.Known)) {
			return fmt.Errorf("label at entry %d: %v known at %v, later %v known at %v", s.Seq, s.Y, s.Known, later.Y, later.Known)
		}
	}
	return nil
}

// served are the features that the view itself gives, which is folded by the
// runner from a log that ends at the row's entry.
func served(log ledger.Reader, dir string, s training.Sample) ([]float64, error) {
	cut := script{log, s.Seq}
	r, err := projections.NewRunner(dir, cut, projections.Options{}, projections.NewLeads(meaning))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	err = r.Wait(ctx, projections.LeadsName, s.Seq)
	lead, _, gerr := projections.LeadsView{Runner: r, Meaning: meaning}.Get(s.Lead)
	cancel()
	return scoring.FeaturesOf(lead.Facts), errors.Join(err, gerr, <-done, r.Close())
}

// TestLeakage: for any log and any place in it, the rows up to there are those
// of the log cut off there, byte for byte, and their features are what the view
// that serves says at their entry, on a bbolt file of its own.
func TestLeakage(t *testing.T) {
	rows := 0
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(drawTold), 1, 40).Draw(t, "log")
		at := ledger.Seq(rapid.IntRange(1, len(list)).Draw(t, "cut"))
		target := rapid.SampledFrom([]training.Target{training.Win, training.Churn}).Draw(t, "target")
		dir, err := os.MkdirTemp("", "leakage-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		log, err := written(list)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := collected(log, dir, 0, target)
		if err != nil {
			t.Fatal(err)
		}
		part, err := collected(log, dir, at, target)
		if err == nil {
			err = leak(whole, part, at)
		}
		if err != nil {
			t.Fatal(err)
		}
		if rows += len(whole); len(whole) == 0 {
			return
		}
		one := whole[rapid.IntRange(0, len(whole)-1).Draw(t, "row")]
		x, err := served(log, dir, one)
		if err != nil || !slices.Equal(x, one.X) {
			t.Fatalf("row at entry %d: features %v, the view served %v, %v", one.Seq, one.X, x, err)
		}
	})
	t.Logf("%d rows", rows)
}

// TestLateWord: a lead that was taken for silent and is heard of late is not
// silent, which was known no sooner than that came.
func TestLateWord(t *testing.T) {
	log, err := written([]told{{0, 0, "contact.created", 0, 0}, {61, 0, "contact.created", 1, 0}, {1, 30 * 24, "message.received", 0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := collected(log, t.TempDir(), 0, training.Churn)
	if err != nil {
		t.Fatal(err)
	}
	part, err := collected(log, t.TempDir(), 2, training.Churn)
	if err != nil {
		t.Fatal(err)
	}
	before, after := part[0], whole[0]
	if !before.Labelled || before.Y != 1 || !after.Labelled || after.Y != 0 || !after.Known.After(before.Known) {
		t.Errorf("label %v known at %v, then %v known at %v", before.Y, before.Known, after.Y, after.Known)
	}
}

// TestPlantedLeak: the law above finds rows that know the end, and a row of
// the past that a later entry changes.
func TestPlantedLeak(t *testing.T) {
	list := []told{
		{0, 0, "contact.created", 0, 0}, {10, 0, "message.received", 0, 0}, {9, 0, "message.received", 0, 3}, {5, 0, "opportunity.won", 0, 0},
	}
	log, err := written(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		plant func([]training.Sample)
		found bool
	}{
		{"nothing planted", func([]training.Sample) {}, false},
		{"a feature that is the label", func(s []training.Sample) { s[0].X[0] = s[0].Y + 0.125 }, true},
		{"points of a later entry", func(s []training.Sample) { s[0].Points = s[2].Points + 1 }, true},
		{"a time of a later entry", func(s []training.Sample) { s[0].AsOf = s[1].AsOf }, true},
		{"a row more", func(s []training.Sample) { s[2].Seq = 2 }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole, err := collected(log, t.TempDir(), 0, training.Win)
			if err != nil || len(whole) != 3 || whole[0].Y != 1 {
				t.Fatalf("%+v, %v", whole, err)
			}
			part, err := collected(log, t.TempDir(), 2, training.Win)
			if err != nil {
				t.Fatal(err)
			}
			tt.plant(whole)
			if err := leak(whole, part, 2); (err != nil) != tt.found {
				t.Errorf("leak = %v, want one found: %v", err, tt.found)
			}
		})
	}
}

// script is a log that ends at an entry.
type script struct {
	ledger.Reader
	at ledger.Seq
}

func (s script) Head(ctx context.Context) (ledger.Cursor, error) {
	for e, err := range s.Reader.Read(ctx, ledger.Cursor{Seq: s.at - 1}) {
		return e.Cursor(), err
	}
	return ledger.Cursor{}, ledger.ErrNone
}

func (s script) Read(ctx context.Context, after ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for e, err := range s.Reader.Read(ctx, after) {
			if err == nil && e.Seq > s.at || !yield(e, err) {
				return
			}
		}
	}
}

func (s script) Tail(ctx context.Context, after ledger.Cursor) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for e, err := range s.Read(ctx, after) {
			if !yield(e, err) {
				return
			}
		}
		<-ctx.Done()
		yield(ledger.Entry{}, ctx.Err())
	}
}
