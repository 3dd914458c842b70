package handlers_test

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/ghl"
	"github.com/enterprisehub/ghl-ledger/handlers"
	"github.com/enterprisehub/ghl-ledger/ledger/boltlog"
)

// BenchmarkSealing compares deliveries into a ledger that seals bodies with
// those into one that does not, for new contacts and for known ones, in one run:
// what sealing costs of what is done for an event before it is answered. Nothing
// is written to a network or a log, which would make the share smaller. What it
// costs of the ledger's own work is in BenchmarkSealing of boltlog.
//
//	GHL_LEDGER_BENCH_PAIRS  how many pairs of rounds (400)
func BenchmarkSealing(b *testing.B) {
	body, err := os.ReadFile("../testdata/webhooks/ghl.ContactCreate.json")
	if err != nil {
		b.Fatal(err)
	}
	rounds, err := strconv.Atoi(cmp.Or(os.Getenv("GHL_LEDGER_BENCH_PAIRS"), "400"))
	if err != nil {
		b.Fatal(err)
	}
	for _, who := range []struct {
		name     string
		contacts int
	}{{"new", rounds * sealingRound}, {"known", 100}} {
		b.Run(who.name, func(b *testing.B) {
			for b.Loop() {
				doors := [2]http.Handler{quietDoor(b, boltlog.Options{}), quietDoor(b, boltlog.Options{Plain: true})}
				compareDoors(b, doors, body, rounds, who.contacts)
			}
		})
	}
}

const sealingRound = 2560 // events

// compareDoors has both doors take the same rounds in turns, so that what else
// the machine does is in both, and reports their rates.
func compareDoors(b *testing.B, doors [2]http.Handler, body []byte, rounds, contacts int) {
	b.Helper()
	var took [2]float64
	var ratios []float64
	for round := range rounds {
		ds := signedRound(body, round, contacts)
		var seconds [2]float64
		for _, j := range []int{round % 2, 1 - round%2} {
			requests := requestsOf(ds)
			runtime.GC() // not the other's garbage in this one's time
			seconds[j] = post(b, doors[j], requests)
			took[j] += seconds[j]
		}
		ratios = append(ratios, seconds[1]/seconds[0])
	}
	slices.Sort(ratios)
	n := float64(rounds * sealingRound)
	b.ReportMetric(n/took[0], "sealed-events/s")
	b.ReportMetric(n/took[1], "plain-events/s")
	b.ReportMetric(took[1]/took[0], "sealed/plain")
	b.ReportMetric((ratios[(len(ratios)-1)/2]+ratios[len(ratios)/2])/2, "sealed/plain-median")
}

// quietDoor is what senders reach of a service over a ledger on the disk,
// without a listener.
func quietDoor(b *testing.B, o boltlog.Options) http.Handler {
	b.Helper()
	o.Now = func() time.Time { return fixtureNow }
	log, err := boltlog.Open(b.TempDir(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = log.Close() })
	keys := ghl.Keys{PublicKeys: []ghl.PublicKey{{Name: "ghl-ed25519", Ed25519: platformKey.Public().(ed25519.PublicKey)}}}
	return handlers.Public(handlers.Deps{
		Log: log, Logger: slog.New(slog.DiscardHandler), Now: o.Now, Keys: func() ghl.Keys { return keys },
		AppID: fixtureApp, Locations: []string{fixtureLocation}, MaxBody: 64 << 10, MaxAge: 72 * time.Hour,
	})
}

// signed is a delivery's body and its signature.
type signed struct {
	body      []byte
	signature string
}

// signedRound returns the deliveries of a round: one body, each time with
// another webhookId, about one of so many contacts.
func signedRound(body []byte, round, contacts int) (ds []signed) {
	for n := round * sealingRound; n < (round+1)*sealingRound; n++ {
		text := bytes.Replace(body, []byte("ZbYIdz86B3kY7jTYNPau"), fmt.Appendf(nil, "contact%d", n%contacts), 1)
		text = bytes.Replace(text, []byte("0f174bc5-5ff6-4de2-ae6f-9dcb6c5a232a"), fmt.Appendf(nil, "delivery-%d", n), 1)
		ds = append(ds, signed{text, ghl.SignEd25519(platformKey, text)})
	}
	return ds
}

func requestsOf(ds []signed) (requests []*http.Request) {
	for _, d := range ds {
		req := httptest.NewRequest("POST", "/webhooks/ghl", bytes.NewReader(d.body))
		req.Header.Set("X-GHL-Signature", d.signature)
		requests = append(requests, req)
	}
	return requests
}

// post sends the requests from 256 senders and returns the seconds it took.
func post(b *testing.B, door http.Handler, requests []*http.Request) float64 {
	b.Helper()
	begun := time.Now()
	var all sync.WaitGroup
	for s := range 256 {
		all.Go(func() {
			for i := s; i < len(requests); i += 256 {
				w := httptest.NewRecorder()
				door.ServeHTTP(w, requests[i])
				if text := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(text, `"message":"stored"`) {
					b.Errorf("%d %s, want it stored", w.Code, text)
				}
			}
		})
	}
	all.Wait()
	return time.Since(begun).Seconds()
}
