package export

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// eventRow is an entry of the ledger.
type eventRow struct {
	Seq      int64     `col:"seq" source:"ledger" about:"The entry's place: 1, 2, 3, … without a gap."`
	ID       string    `col:"event_id" source:"ledger" about:"The entry's id; also a cursor to go on from."`
	Recorded time.Time `col:"recorded_at" source:"ledger" about:"When it became durable."`
	Arrived  time.Time `col:"arrived_at" source:"ledger" about:"When it first came in; recorded_at, unless it was kept apart for a while."`
	Occurred time.Time `col:"occurred_at,null" source:"sender" about:"When it happened, by the sender's clock."`
	Kind     string    `col:"kind,dict" source:"ledger" about:"What happened: thing.verb."`
	Contact  string    `col:"contact_id,null,dict" personal:"contact" source:"sender" about:"Whom it is about."`
	Location string    `col:"location_id,null,dict" source:"sender" about:"GoHighLevel's location, the tenant."`
	Key      string    `col:"key" personal:"key" source:"ledger" about:"Unique in the ledger for ever; a delivery that comes twice has one."`
	Cause    string    `col:"cause,null,dict" source:"ledger" about:"The entry that this one answers."`
	Scheme   string    `col:"scheme,null,dict" source:"ledger" about:"What verified it: hmac, ed25519, rsa, token; nothing for the service's own."`
	Dialect  string    `col:"dialect,null,dict" source:"ledger" about:"seed, ghl, guide or workflow; nothing for the service's own."`
	KeyName  string    `col:"key_name,null,dict" source:"ledger" about:"Which configured key verified it."`
	Hint     string    `col:"type_hint,null,dict" source:"sender" about:"The type that the request's path named."`
	Through  int64     `col:"through,null" source:"ledger" about:"Everything up to this seq is planned."`
	Conflict bool      `col:"conflict" source:"ledger" about:"Its id had come before, with another body."`
	Backfill bool      `col:"backfill" source:"ledger" about:"Read back or admitted late, not delivered."`
	Size     int64     `col:"size" unit:"byte" source:"ledger" about:"What it takes in the ledger."`
	Hash     string    `col:"hash" source:"ledger" about:"SHA-256 of the entry as stored, chained over the one before."`
	Erased   bool      `col:"erased" source:"ledger" about:"Its body was destroyed."`
	Body     *string   `col:"body,null" personal:"direct" leak:"after" source:"sender" about:"The bytes that came; fields that people fill in may tell of the result."`
	Encoding string    `col:"body_encoding,null,dict" personal:"direct" source:"ledger" about:"utf-8, or base64 where the bytes are no text."`
}

func eventOf(e *ledger.Entry, row *eventRow) (bool, error) {
	*row = eventRow{
		Seq: int64(e.Seq), ID: ledger.FormatID(e.ID), Recorded: e.Recorded, Arrived: e.Arrived(), Occurred: e.Occurred,
		Kind: e.Kind, Contact: e.Subject, Location: e.Location, Key: e.Key, Cause: ledger.FormatID(e.Cause),
		Scheme: e.Meta.Scheme, Dialect: e.Meta.Dialect, KeyName: e.Meta.KeyName, Hint: e.Meta.Type,
		Through: int64(e.Meta.Through), Conflict: e.Meta.Conflict, Backfill: e.Meta.Backfill,
		Size: int64(e.Size), Hash: hexOf(e.Hash), Erased: e.Erased,
	}
	if e.Body != nil && !e.Erased {
		text, encoding := string(e.Body), "utf-8"
		if !utf8.Valid(e.Body) {
			text, encoding = base64.StdEncoding.EncodeToString(e.Body), "base64"
		}
		row.Body, row.Encoding = &text, encoding
	}
	return true, nil
}

// scoreRow is a score at the time it was made.
type scoreRow struct {
	Seq        int64     `col:"seq" source:"ledger" about:"The place of lead.scored in the ledger."`
	ID         string    `col:"event_id" source:"ledger" about:"Its id."`
	Recorded   time.Time `col:"recorded_at" source:"ledger" about:"When the score was made."`
	Contact    string    `col:"contact_id,dict" personal:"contact" source:"sender" about:"The lead."`
	Location   string    `col:"location_id,null,dict" source:"sender" about:"GoHighLevel's location."`
	Cause      string    `col:"cause,null" source:"ledger" about:"The event that it answers."`
	AsOf       int64     `col:"as_of_seq" source:"ledger" about:"It knows of entries up to this seq."`
	Score      float64   `col:"score" unit:"points" source:"model" about:"0 to 100: 40 is the base rate, 15 more doubles the odds."`
	Delta      *float64  `col:"delta,null" unit:"points" source:"model" about:"Against the score before."`
	Quality    string    `col:"quality,dict" source:"model" about:"hot, warm or cold."`
	Win        *float64  `col:"win_probability,null" unit:"probability" source:"model" about:"Of winning within 90 days; nothing until calibrated."`
	Churn      float64   `col:"churn_risk" unit:"probability" source:"model" about:"Of losing the lead, or of 60 days without a word from it."`
	Confidence float64   `col:"confidence" unit:"probability" source:"model" about:"How sure the score is, on the basis that confidence_basis names."`
	Basis      string    `col:"confidence_basis,dict" source:"model" about:"evidence_coverage or posterior."`
	Trend      string    `col:"trend,null,dict" source:"model" about:"first, rising, falling or steady."`
	Action     string    `col:"action,null,dict" source:"model" about:"The code of the first action recommended."`
	Reasons    string    `col:"reasons" source:"model" about:"Codes with their points, one blank between: 40 plus these is the score."`
	Model      string    `col:"model_id,dict" source:"model" about:"The model that served."`
	ChurnModel string    `col:"churn_model_id,null,dict" source:"model" about:"The model that said churn_risk; nothing where that was the points card."`
}

// kindScored is the kind of the entries that hold a score.
const kindScored = "lead.scored"

func scoreOf(e *ledger.Entry, row *scoreRow) (bool, error) {
	if e.Kind != kindScored || e.Erased {
		return false, nil
	}
	var said struct {
		scoring.Score
		AsOf int64 `json:"as_of_seq"`
	}
	if err := json.Unmarshal(e.Body, &said); err != nil {
		return false, err
	}
	s := said.Score
	*row = scoreRow{
		Seq: int64(e.Seq), ID: ledger.FormatID(e.ID), Recorded: e.Recorded, Contact: e.Subject, Location: e.Location,
		Cause: ledger.FormatID(e.Cause), AsOf: said.AsOf, Score: s.Value, Delta: s.Delta, Quality: s.Quality,
		Win: s.WinProbability, Churn: s.ChurnRisk, Confidence: s.Confidence, Basis: s.ConfidenceBasis,
		Trend: s.Trend, Action: firstAction(s), Reasons: reasonsOf(s), Model: s.ModelID, ChurnModel: s.ChurnModelID,
	}
	return true, nil
}

func firstAction(s scoring.Score) string {
	if len(s.Actions) == 0 {
		return ""
	}
	return s.Actions[0].Code
}

// reasonsOf leaves the reasons' words out: they may quote the lead.
func reasonsOf(s scoring.Score) string {
	var b strings.Builder
	for i, r := range s.Reasons {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(r.Code)
		b.WriteByte(':')
		b.Write(appendPlain(nil, Float, &cell{f: r.Points}))
	}
	return b.String()
}

// labelRow is the end of a deal: what a score should have told.
type labelRow struct {
	Seq         int64     `col:"seq" leak:"label" source:"ledger" about:"The place of the event that says so."`
	ID          string    `col:"event_id" leak:"label" source:"ledger" about:"Its id."`
	Known       time.Time `col:"known_at" leak:"label" source:"ledger" about:"When the ledger knew: before it, nothing may learn from this row."`
	Occurred    time.Time `col:"occurred_at,null" leak:"label" source:"sender" about:"When it happened, by the sender's clock."`
	Contact     string    `col:"contact_id,dict" personal:"contact" source:"sender" about:"The lead."`
	Location    string    `col:"location_id,null,dict" source:"sender" about:"GoHighLevel's location."`
	Opportunity string    `col:"opportunity_id,null" personal:"opportunity" source:"sender" about:"The deal."`
	Outcome     string    `col:"outcome,dict" leak:"label" source:"sender" about:"won or lost."`
	Y           int64     `col:"y" leak:"label" source:"sender" about:"1 where it was won, 0 where it was lost."`
	Value       *float64  `col:"value,null" unit:"currency of the account" leak:"label" source:"sender" about:"Its price at the end."`
	Closed      string    `col:"close_date,null" leak:"label" source:"sender" about:"The day that the sender gives, as it was written."`
}

func labelOf(e *ledger.Entry, row *labelRow) (bool, error) {
	t := ghl.Type(e.Kind)
	if t != ghl.OpportunityWon && t != ghl.OpportunityLost || e.Erased {
		return false, nil
	}
	ev, err := ghl.ParseEvent(e.Body, e.Meta.Type)
	if err != nil || ev.Opportunity == nil {
		return false, nil //nolint:nilerr // a view parks it: it is the end of no deal
	}
	*row = labelRow{
		Seq: int64(e.Seq), ID: ledger.FormatID(e.ID), Known: e.Recorded, Occurred: e.Occurred, Contact: e.Subject,
		Location: e.Location, Opportunity: ev.Opportunity.ID, Outcome: strings.TrimPrefix(e.Kind, "opportunity."),
		Value: ev.Opportunity.Value,
	}
	if t == ghl.OpportunityWon {
		row.Y = 1
	}
	if ev.Opportunity.CloseDate != nil {
		row.Closed = *ev.Opportunity.CloseDate
	}
	return true, nil
}
