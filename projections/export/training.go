package export

import (
	"context"
	"reflect"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

// trainingRow is what a model learns from: a lead as it was known at one entry,
// and what became of it.
type trainingRow struct {
	Contact string    `col:"contact_id,dict" personal:"contact" source:"sender" about:"The lead. No lead may be on both sides of a split."`
	Event   string    `col:"event_id" source:"ledger" about:"The entry up to which the features know."`
	AsOf    time.Time `col:"as_of" source:"leads" about:"The time as of which they are."`
	Source  string    `col:"source,null,dict" source:"sender" about:"Where the lead came from, to slice by."`
	Points  float64   `col:"card_points" unit:"points" source:"model" about:"What the built-in points card says."`
	Tier    string    `col:"card_tier,dict" source:"model" about:"Its tier: hot, warm or cold."`
	Y       int64     `col:"y" leak:"label" source:"ledger" about:"1 where the lead won within 90 days of as_of, else 0."`
	Known   time.Time `col:"known_at" leak:"label" source:"ledger" about:"When that was known: a model as of an earlier time may not learn from this row."`
	Set     string    `col:"feature_set,dict" source:"model" about:"Which set of features the others are."`
	X       []float64
}

func ofTraining() dataset {
	columns := columnsOf(reflect.TypeFor[trainingRow](), featureColumns())
	return dataset{about: "What a model learns from: features as they were, and the result where it is known by the end of the range.",
		columns: columns, asOf: true, write: writeTraining}
}

func writeTraining(ctx context.Context, p *Plan, out *rows, s *Summary) error {
	if p.last.Seq == 0 {
		return nil
	}
	row := new(trainingRow)
	v := reflect.ValueOf(row).Elem()
	return p.samples(ctx, s, func(r training.Row) error {
		*row = trainingRow{Contact: r.Lead, Event: r.Event, AsOf: r.AsOf, Source: r.Source, Points: r.Points, Tier: r.Tier,
			Y: int64(r.Y), Known: r.Known, Set: scoring.FeatureSet, X: r.X}
		return out.put(v, false)
	})
}

// samples yields the rows of the ledger as it was at the end of the range, and
// counts what of the range was erased: one reading serves both.
func (p *Plan) samples(ctx context.Context, s *Summary, yield func(training.Row) error) error {
	from := training.Source{Log: p.x.Log, Until: p.last.Seq, Dir: p.x.Dir, Card: scoring.BuiltIn()}
	from.Seen = func(e ledger.Entry) {
		if e.Erased && p.first.Seq > 0 && e.Seq >= p.first.Seq {
			s.Erased++
		}
	}
	return from.Each(ctx, func(at, total ledger.Seq) { p.Progress(int64(at), int64(total)) }, func(r training.Sample) error {
		if !r.Labelled {
			return nil
		}
		return yield(r.Row)
	})
}
