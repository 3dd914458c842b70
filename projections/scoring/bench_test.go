package scoring_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// BenchmarkScore is the score of one event's lead, its text read already.
func BenchmarkScore(b *testing.B) {
	texts := []scoring.Text{scoring.ReadText("can we see it today?"), scoring.ReadText("love it"), scoring.ReadText("not interested")}
	r := rand.New(rand.NewPCG(1, 2))
	card := scoring.DefaultCard()
	list := make([]scoring.Facts, 64)
	for i := range list {
		list[i] = someFacts(r, texts)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		card.Score(list[i%len(list)])
		i++
	}
}

// BenchmarkReadText is a message of 300 characters.
func BenchmarkReadText(b *testing.B) {
	text := strings.Repeat("Hi, we loved the kitchen but it's a bit far from work. Could we stop by again on Saturday? Budget is up to 450k. ", 3)[:300]
	b.ReportAllocs()
	for b.Loop() {
		scoring.ReadText(text)
	}
}

// TestCost keeps what can be kept on a busy machine: the allocations.
func TestCost(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	f := someFacts(r, []scoring.Text{scoring.ReadText("can we see it today?")})
	if got := testing.AllocsPerRun(100, func() { scoring.DefaultCard().Score(f) }); got > 40 {
		t.Errorf("a score allocates %v times, want at most 40", got)
	}
}
