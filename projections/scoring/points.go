package scoring

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Cap is the code of a reason that takes back what a limit does not count.
const Cap = "CAP"

// Score says what the card thinks of a lead. Base plus the points of all
// reasons is Value, exactly, when counted in hundredths.
func (c *Card) Score(f Facts) Score {
	total, reasons := c.reasons(&f)
	risk, churnReasons := c.churn.risk(&f)
	s := Score{
		Value:           total.float(),
		Confidence:      c.evidence.coverage(&f).float(),
		ConfidenceBasis: "evidence_coverage",
		Quality:         c.tiers.of(total, f.Quality),
		ChurnRisk:       risk.float(),
		Reasons:         reasons,
		ChurnReasons:    churnReasons,
		ModelID:         c.id,
	}
	s.Actions = actions(&f, s)
	return s
}

// reasons returns the score in hundredths and what it is made of, the weightiest
// first.
func (c *Card) reasons(f *Facts) (centi, []Reason) {
	var sums [len(groups)]centi
	var events [len(groups)]string // of each group, the entry of its last signal
	reasons := make([]Reason, 0, 16)
	var t tally // one for all: it escapes
	for i, s := range signals {
		w := &c.signals[i]
		t = tally{weight: w, sign: centi(s.sign), asOf: f.AsOf}
		s.find(f, &t)
		if p := t.capped(); p != 0 {
			sums[max(w.group, 0)] += p
			events[max(w.group, 0)] = t.event
			reasons = append(reasons, Reason{Code: s.code, Points: p.float(), Text: t.text(), EventID: t.event})
		}
	}
	slices.SortStableFunc(reasons, func(a, b Reason) int { return cmp.Compare(abs(b.Points), abs(a.Points)) })
	total := hundredths(Base)
	for i, sum := range sums {
		kept := max(c.groups[i].min, min(sum, c.groups[i].max))
		reasons = appendCap(reasons, kept-sum, groupCaps[i], events[i])
		total += kept
	}
	kept := max(0, min(total, 100*100))
	return kept, appendCap(reasons, kept-total, "The scale runs from 0 to 100", f.CreatedBy)
}

var groupCaps = [len(groups)]string{
	"All interest together counts for no more",
	"All engagement together counts for no more",
	"All that is known of the lead counts for no more",
	"All that speaks against it counts for no more",
}

// appendCap adds what a limit takes back, by the entry that it limits.
func appendCap(reasons []Reason, p centi, text, event string) []Reason {
	if p == 0 {
		return reasons
	}
	return append(reasons, Reason{Code: Cap, Points: p.float(), Text: text, EventID: event})
}

// text says the tally as a salesperson would.
func (t *tally) text() string {
	text := t.weight.one
	if t.n > 1 {
		text = t.weight.many
	}
	text = strings.ReplaceAll(text, "{n}", strconv.Itoa(t.n))
	return strings.ReplaceAll(text, "{what}", t.what)
}

// of returns the tier of a score, given the tier before. A lead leaves a tier
// only when it is hysteresis below the tier's edge, so that one on the edge
// does not flicker.
func (t tiers) of(score centi, before string) string {
	hot, warm := t.hot, t.warm
	switch before {
	case Hot:
		hot -= t.hysteresis
		warm -= t.hysteresis
	case Warm:
		warm -= t.hysteresis
	}
	switch {
	case score >= hot:
		return Hot
	case score >= warm:
		return Warm
	}
	return Cold
}

func abs(x float64) float64 { return max(x, -x) }
