package scoring_test

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
	"pgregory.net/rapid"
)

type scorer func(scoring.Facts) scoring.Score

// promises are the laws, and what else is promised of one lead's score, in the
// form in which a planted fault can be tried against them.
func promises() map[string]promise {
	all := map[string]promise{
		"the reasons add up": {nothing, func(score scorer, f, _ scoring.Facts) bool {
			s, sum := score(f), cent(scoring.Base)
			for _, r := range s.Reasons {
				sum += cent(r.Points)
			}
			return sum == cent(s.Value)
		}},
		"the same facts give the same score": {nothing, func(score scorer, f, _ scoring.Facts) bool {
			return reflect.DeepEqual(score(f), score(f))
		}},
		"a tier is not left for less than the card says": {nothing, func(score scorer, f, _ scoring.Facts) bool {
			f.Quality = scoring.Hot
			s := score(f)
			return s.Value < 62 || s.Quality == scoring.Hot
		}},
		"what to do is said with its reasons and a time": {nothing, func(score scorer, f, _ scoring.Facts) bool {
			return !slices.ContainsFunc(score(f).Actions, func(a scoring.Action) bool { return len(a.Because) == 0 || a.Due.IsZero() })
		}},
	}
	for _, law := range laws {
		all[law.name] = promise{law.also, func(score scorer, before, after scoring.Facts) bool {
			return law.holds(score(before), score(after))
		}}
	}
	return all
}

type promise struct {
	also  func(*rapid.T, *scoring.Facts)
	keeps func(score scorer, before, after scoring.Facts) bool
}

func nothing(*rapid.T, *scoring.Facts) {}

// misread is a fault that makes of the facts what they are not.
func misread(change func(f *scoring.Facts)) scorer {
	return func(f scoring.Facts) scoring.Score {
		f.Appointments, f.Messages = slices.Clone(f.Appointments), slices.Clone(f.Messages)
		change(&f)
		return scoring.DefaultCard().Score(f)
	}
}

// missay is a fault in what is said.
func missay(change func(f scoring.Facts, s *scoring.Score)) scorer {
	return func(f scoring.Facts) scoring.Score {
		s := scoring.DefaultCard().Score(f)
		change(f, &s)
		return s
	}
}

func tours(from, to string) scorer {
	return misread(func(f *scoring.Facts) {
		for i := range f.Appointments {
			if f.Appointments[i].Status == from {
				f.Appointments[i].Status, f.Appointments[i].Ended = to, f.AsOf
			}
		}
	})
}

// faults are planted one at a time: each breaks a promise.
var faults = []struct {
	promise, fault string
	score          scorer
}{
	{"booking a tour never lowers the score nor raises churn", "a booked tour is taken for a cancelled one", tours("scheduled", "cancelled")},
	{"booking a tour never lowers the score nor raises churn", "a tour ahead adds to the risk", missay(func(f scoring.Facts, s *scoring.Score) {
		s.ChurnRisk += 0.05 * float64(len(f.Appointments))
	})},
	{"a missed tour never raises the score", "a missed tour is taken for one that took place", tours("missed", "completed")},
	{"an opt-out never raises the score, and churn is near certain", "an opt-out is taken for a word of interest", misread(func(f *scoring.Facts) {
		if f.OptedOut {
			f.OptedOut = false
			f.Messages = append(f.Messages, scoring.Message{At: f.AsOf, Inbound: true, Intent: scoring.Interested, Event: "evt_out"})
		}
	})},
	{"an opt-out never raises the score, and churn is near certain", "a lead that opted out may come back", missay(func(_ scoring.Facts, s *scoring.Score) {
		s.ChurnRisk = min(s.ChurnRisk, 0.9)
	})},
	{"time alone never raises the score", "a refusal is forgiven after a month", misread(func(f *scoring.Facts) {
		f.Messages = slices.DeleteFunc(f.Messages, func(m scoring.Message) bool {
			return m.Intent == scoring.NotInterested && f.AsOf.Sub(m.At) > 30*24*time.Hour
		})
	})},
	{"a refusal never raises the score nor lowers churn", "a refusal is taken for a question", misread(func(f *scoring.Facts) {
		for i := range f.Messages {
			if f.Messages[i].Intent == scoring.NotInterested {
				f.Messages[i].Intent = scoring.TourRequest
			}
		}
	})},
	{"the reasons add up", "the least reason is left out", missay(func(_ scoring.Facts, s *scoring.Score) {
		s.Reasons = s.Reasons[:max(len(s.Reasons)-1, 0)]
	})},
	{"the same facts give the same score", "a score hangs on how many there were before", countingScorer()},
	{"a tier is not left for less than the card says", "the tier before is forgotten", misread(func(f *scoring.Facts) { f.Quality = "" })},
	{"what to do is said with its reasons and a time", "an action does not say why", missay(func(_ scoring.Facts, s *scoring.Score) {
		s.Actions[0].Because = nil
	})},
}

func countingScorer() scorer {
	n := 0
	return missay(func(_ scoring.Facts, s *scoring.Score) { n++; s.Value = math.Mod(s.Value+float64(n)/100, 100) })
}

// pair is a lead before and after what a law adds.
type pair struct{ before, after scoring.Facts }

func pairs(p promise) *rapid.Generator[pair] {
	return rapid.Custom(func(t *rapid.T) pair {
		f := drawFacts(t)
		got := pair{before: f}
		f.Appointments, f.Messages = slices.Clone(f.Appointments), slices.Clone(f.Messages)
		p.also(t, &f)
		got.after = f
		return got
	})
}

// firstBroken is how many leads it takes to see the promise broken, 0 if never.
func firstBroken(p promise, score scorer) int {
	gen := pairs(p)
	for i := range 500 {
		if lead := gen.Example(i); !p.keeps(score, lead.before, lead.after) {
			return i + 1
		}
	}
	return 0
}

// TestPlantedFaults shows that the laws can fail: each finds the fault that
// breaks it, and finds none where none is planted.
func TestPlantedFaults(t *testing.T) {
	all, planted := promises(), map[string]bool{}
	for _, tt := range faults {
		planted[tt.promise] = true
		switch n := firstBroken(all[tt.promise], tt.score); n {
		case 0:
			t.Errorf("%q does not notice that %s", tt.promise, tt.fault)
		default:
			t.Logf("%q: that %s is seen with lead %d", tt.promise, tt.fault, n)
		}
	}
	for name, p := range all {
		if !planted[name] {
			t.Errorf("no fault is planted for %q", name)
		}
		if n := firstBroken(p, scoring.DefaultCard().Score); n != 0 {
			t.Errorf("%q is broken by lead %d with no fault planted", name, n)
		}
	}
}
