package scoring_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden holds scores and readings to a file that was written on amd64;
// make eval runs this test on arm64 as well, under qemu. A change of the file
// is a change of what people are told: read its diff.
func TestGolden(t *testing.T) {
	var got bytes.Buffer
	var texts []scoring.Text
	for _, file := range []string{"messages.jsonl", "held_out.jsonl", "held_out_2.jsonl"} {
		texts = append(texts, readings(t, &got, file)...)
	}
	r := rand.New(rand.NewPCG(2026, 1))
	for i := range 300 {
		s := scoring.DefaultCard().Score(someFacts(r, texts))
		fmt.Fprintf(&got, "%03d %6.2f %.2f %-4s %.2f %s", i, s.Value, s.Confidence, s.Quality, s.ChurnRisk, s.Actions[0].Code)
		for _, reason := range s.Reasons {
			fmt.Fprintf(&got, " %s%+.2f", reason.Code, reason.Points)
		}
		got.WriteByte('\n')
	}
	readings(t, &got, "held_out_3.jsonl")
	checkGolden(t, "testdata/scores.golden", got.Bytes())
}

// readings writes what every message of a table is read as.
func readings(t *testing.T, to *bytes.Buffer, file string) (texts []scoring.Text) {
	t.Helper()
	for _, m := range readLabelled(t, file) {
		text := scoring.ReadText(m.Text)
		texts = append(texts, text)
		fmt.Fprintf(to, "%-21s %5.2f %-8s %.40q\n", text.Intent, text.Sentiment, text.Label, m.Text)
	}
	return texts
}

func checkGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wants, gots := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	for i := range min(len(wants), len(gots)) {
		if !bytes.Equal(wants[i], gots[i]) {
			t.Errorf("%s:%d\n got %s\nwant %s", file, i+1, gots[i], wants[i])
		}
	}
	if len(wants) != len(gots) {
		t.Errorf("%s has %d lines, got %d", file, len(wants), len(gots))
	}
}

// someFacts makes a lead up, with messages that say what texts do.
func someFacts(r *rand.Rand, texts []scoring.Text) scoring.Facts {
	ago := func() time.Time { return noon.Add(-time.Duration(r.IntN(120*24*60)) * time.Minute) }
	n := 0
	event := func() string { n++; return fmt.Sprintf("evt_%03d", n) }
	months := r.Float64() * 18
	f := scoring.Facts{
		AsOf: noon, Created: noon.AddDate(0, 0, -r.IntN(120)), CreatedBy: event(), PreferencesBy: event(),
		HasEmail: r.IntN(2) == 0, HasPhone: r.IntN(2) == 0, TimelineMonths: &months, BudgetMax: float64(r.IntN(2)) * 450_000,
		Source: []string{"", "website", "referral", "import"}[r.IntN(4)], OptedOut: r.IntN(15) == 0, OptedOutBy: "evt_out",
	}
	for range r.IntN(6) {
		text := texts[r.IntN(len(texts))]
		f.Messages = append(f.Messages, scoring.Message{At: ago(), Inbound: r.IntN(3) > 0, Intent: text.Intent, Sentiment: text.Sentiment, Event: event()})
	}
	for i := range r.IntN(3) {
		a := scoring.Appointment{ID: fmt.Sprint(i), Status: []string{"scheduled", "completed", "missed", "cancelled"}[r.IntN(4)], Booked: ago(), Event: event()}
		if a.Start = a.Booked.AddDate(0, 0, 3+r.IntN(10)); a.Status != "scheduled" {
			a.Ended, a.Sentiment = a.Booked.AddDate(0, 0, 2), 2*r.Float64()-1
		}
		f.Appointments = append(f.Appointments, a)
	}
	for i := range r.IntN(2) {
		f.Opportunities = append(f.Opportunities, scoring.Opportunity{ID: fmt.Sprint(i), Status: []string{"open", "won", "lost"}[r.IntN(3)], Value: 400_000, At: ago(), Event: event()})
	}
	for range r.IntN(4) {
		f.Opens = append(f.Opens, scoring.Touch{At: ago(), Event: event()})
	}
	return f
}
