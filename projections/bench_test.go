package projections_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/enterprisehub/ghl-ledger/ledger/memlog"
	"github.com/enterprisehub/ghl-ledger/projections"
)

// office fills a ledger with n entries about n/10 contacts, as a busy office
// would send them.
func office(tb testing.TB, log *memlog.Log, n int) {
	tb.Helper()
	stories := []struct{ kind, data string }{
		{"contact.created", created},
		{"message.received", `,"message_id":"m%d","channel":"sms","content":"I'm interested"`},
		{"message.sent", `,"message_id":"m%d","channel":"sms","content":"Thanks"`},
		{"opportunity.created", `,"opportunity_id":"o1","name":"%d Main Street - Buyer","value":425000,"status":"lead"`},
		{"campaign.opened", `,"campaign_id":"camp%d"`},
		{"appointment.scheduled", `,"appointment_id":"a1","property_address":"%d Main Street","appointment_date":"2026-01-15T14:00:00Z"`},
		{"contact.updated", `,"updated_fields":{"phone":"+1%d","custom_fields":{"budget":"%d-600000"}}`},
		{"appointment.completed", `,"appointment_id":"a1","feedback":"interested"`},
		{"message.received", `,"message_id":"n%d","channel":"email","content":"budget %d"`},
		{"opportunity.won", `,"opportunity_id":"o1","final_price":%d`},
	}
	at := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	for i := range n {
		s := stories[i*len(stories)/n]
		contact := fmt.Sprintf("contact_%06d", i%max(1, n/10))
		data := strings.ReplaceAll(s.data, "%d", strconv.Itoa(i))
		body := fmt.Sprintf(`{"type":%q,"timestamp":%q,"data":{"contact_id":%q%s}}`, s.kind, at.Add(time.Duration(i)*time.Second).Format(time.RFC3339), contact, data)
		if _, err := log.Append(tb.Context(), ledger.Draft{Kind: s.kind, Key: fmt.Sprint("k", i), Subject: contact, Location: "loc", Body: []byte(body)}); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkRebuild folds a whole ledger into a new view.
func BenchmarkRebuild(b *testing.B) {
	const n = 20_000
	log := memlog.New(time.Now)
	office(b, log, n)
	for _, p := range every() {
		b.Run(p.Name(), func(b *testing.B) {
			for b.Loop() {
				rebuildOnce(b, log, p)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

func rebuildOnce(b *testing.B, log *memlog.Log, p projections.Projection) {
	r, err := projections.NewRunner(b.TempDir(), log, projections.Options{}, p)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	head, _ := log.Head(ctx)
	if err := r.Wait(ctx, p.Name(), head.Seq); err != nil {
		b.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	if s := r.Status()[0]; s.Parked > 0 {
		b.Fatalf("parked: %+v", s)
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}
