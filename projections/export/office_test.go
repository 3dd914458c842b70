package export_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
	"github.com/enterprisehub/ghl-ledger/projections/export"
)

// office is a ledger that tells of leads, a day apart for every ten entries.
type office struct {
	t   testing.TB
	log *memlog.Log
	at  time.Time
	x   *export.Exporter
}

func newOffice(t testing.TB) *office {
	o := &office{t: t, at: time.Date(2026, 1, 30, 22, 0, 0, 123456789, time.UTC)}
	o.log = memlog.New(func() time.Time { return o.at })
	o.x = &export.Exporter{Log: o.log, Leads: folded{o.log}, Key: bytes.Repeat([]byte{7}, 32), Dir: tempDir(t)}
	return o
}

func tempDir(t testing.TB) string {
	if t, ok := t.(interface{ TempDir() string }); ok {
		return t.TempDir()
	}
	return ""
}

// folded has the leads folded anew each time.
type folded struct{ log ledger.Reader }

func (f folded) At(ctx context.Context, until ledger.Seq, dir string) (*projections.Past, error) {
	return projections.FoldLeads(ctx, f.log, projections.Meaning{}, until, dir)
}

func (o *office) add(kind, contact, body string) ledger.Entry {
	o.t.Helper()
	o.at = o.at.Add(150 * time.Minute)
	head, err := o.log.Head(context.Background())
	if err != nil {
		o.t.Fatal(err)
	}
	d := ledger.Draft{Kind: kind, Key: fmt.Sprint("wh:", head.Seq+1), Subject: contact, Location: "loc_1", Occurred: o.at, Body: []byte(body),
		Meta: ledger.Meta{Scheme: "hmac", Dialect: "seed"}}
	if strings.HasPrefix(kind, "lead.") {
		d.Meta, d.Cause = ledger.Meta{}, head.ID
	}
	got, err := o.log.Append(context.Background(), d)
	if err != nil {
		o.t.Fatal(err)
	}
	return got[0].Entry
}

func (o *office) event(kind, contact, data string) ledger.Entry {
	return o.add(kind, contact, fmt.Sprintf(`{"type":%q,"data":{"contact_id":%q%s}}`, kind, contact, data))
}

// week is what a small office lives through with one lead.
func (o *office) week(contact string) {
	o.event("contact.created", contact, `,"first_name":"Zoë","last_name":"Quill, \"Q\"","email":"`+contact+`@Example.com","phone":"+1-555-0100","source":"Zillow","tags":["vip"]`)
	o.add("lead.scored", contact, `{"score":47.25,"confidence":0.2,"confidence_basis":"evidence_coverage","quality":"warm","churn_risk":0.125,"reasons":[{"code":"FIT","points":7.25,"text":"x"}],"recommended_actions":[{"action":"Call now","code":"call_now"}],"trend":"first","model_id":"m1","churn_model_id":"c1","as_of_seq":1}`)
	o.event("message.received", contact, `,"message_id":"m1","channel":"sms","content":"=cmd|' /C calc'!A0 up to $500k\nplease"`)
	o.event("appointment.scheduled", contact, `,"appointment_id":"a1","appointment_date":"2026-02-03T10:00:00Z"`)
	o.event("opportunity.created", contact, `,"opportunity_id":"o1","name":"12 Heron Lane","value":480000`)
	o.event("opportunity.won", contact, `,"opportunity_id":"o1","final_price":475000,"close_date":"2026-02-05"`)
	o.add("unknown.thing", "", "\xff\x00 no text, no JSON")
}

func (o *office) export(r export.Request) ([]byte, export.Summary) {
	o.t.Helper()
	var b bytes.Buffer
	s, err := export.Local{Exporter: o.x}.Export(context.Background(), r, &b)
	if err != nil {
		o.t.Fatalf("%+v: %v", r, err)
	}
	return b.Bytes(), s
}

// everything is each dataset in each format, with and without personal data.
func everything(f func(export.Request)) {
	for _, dataset := range export.Datasets() {
		for _, format := range export.Formats {
			for _, pii := range []bool{false, true} {
				f(export.Request{Dataset: dataset, Format: format, PII: pii})
			}
		}
	}
}
