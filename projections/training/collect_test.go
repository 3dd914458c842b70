package training_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"github.com/enterprisehub/ghl-ledger/projections/training"
)

var meaning = projections.Meaning{Text: scoring.ReadText, Preferences: scoring.ReadPreferences, Address: scoring.PropertyAddress}

// diary is a ledger that is written as time goes by.
type diary struct {
	*testing.T
	log *memlog.Log
	now time.Time
	n   int
}

func newDiary(t *testing.T) *diary {
	d := &diary{T: t, now: time.Date(2024, 1, 1, 9, 0, 0, 0, time.UTC)}
	d.log = memlog.New(func() time.Time { return d.now })
	return d
}

// on appends an event of a contact, so many days after the first.
func (d *diary) on(day int, kind, contact, data string) ledger.Entry {
	d.Helper()
	d.n++
	d.now = time.Date(2024, 1, 1, 9, 0, d.n, 0, time.UTC).AddDate(0, 0, day)
	body := fmt.Sprintf(`{"type":%q,"timestamp":%q,"data":{"contact_id":%q%s}}`, kind, d.now.Format(time.RFC3339), contact, data)
	got, err := d.log.Append(d.Context(), ledger.Draft{Kind: kind, Key: fmt.Sprint(d.n), Subject: contact, Location: "loc",
		Occurred: d.now, Meta: ledger.Meta{Scheme: "hmac"}, Body: []byte(body)})
	if err != nil {
		d.Fatal(err)
	}
	return got[0].Entry
}

func (d *diary) rows() []training.Row {
	d.Helper()
	s := training.Source{Log: d.log, Dir: d.TempDir(), Meaning: meaning, Card: scoring.BuiltIn()}
	rows, err := s.Rows(d.Context(), func(_, _ ledger.Seq) {})
	if err != nil {
		d.Fatal(err)
	}
	return rows
}

// What becomes of a lead within ninety days is its label, known when it came
// to be known; a row whose label is not known yet says when it will be.
func TestLabels(t *testing.T) {
	for _, tt := range []struct {
		name string
		live func(d *diary)
		want string // day, label and day known of each row of c1
	}{
		{"nothing came of it", func(d *diary) { d.on(100, "contact.created", "other", "") }, "0:0@90"},
		{"not known yet", func(d *diary) { d.on(80, "contact.created", "other", "") }, "0:?@90"},
		{"won", func(d *diary) { d.on(40, "opportunity.won", "c1", `,"opportunity_id":"o"`) }, "0:1@40"},
		{"won too late", func(d *diary) { d.on(120, "opportunity.won", "c1", `,"opportunity_id":"o"`) }, "0:0@90"},
		{"lost", func(d *diary) { d.on(40, "opportunity.lost", "c1", `,"opportunity_id":"o"`) }, "0:0@40"},
		{"lost, and won after all", func(d *diary) {
			d.on(40, "opportunity.lost", "c1", `,"opportunity_id":"o"`)
			d.on(60, "opportunity.won", "c1", `,"opportunity_id":"o2"`)
		}, "0:1@60"},
		{"a row a week at most, and none once it has ended", func(d *diary) {
			for _, day := range []int{3, 8, 9, 20, 50} {
				if day == 50 {
					d.on(30, "opportunity.won", "c1", `,"opportunity_id":"o"`)
				}
				d.on(day, "message.received", "c1", fmt.Sprintf(`,"message_id":"m%d","content":"hello"`, day))
			}
		}, "0:1@30 8:1@30 20:1@30"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDiary(t)
			d.on(0, "contact.created", "c1", `,"first_name":"Ann"`)
			tt.live(d)
			got := ""
			day := func(at time.Time) int { return int(at.Sub(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).Hours() / 24) }
			for _, r := range d.rows() {
				y := fmt.Sprint(r.Y)
				if r.Known.After(d.now) {
					y = "?"
				}
				if r.Lead == "c1" {
					got += fmt.Sprintf(" %d:%s@%d", day(r.AsOf), y, day(r.Known))
				}
			}
			if got != "" {
				got = got[1:]
			}
			if got != tt.want {
				t.Errorf("rows %q, want %q", got, tt.want)
			}
		})
	}
}
