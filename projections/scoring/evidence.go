package scoring

import (
	"maps"
	"math"
	"slices"
)

// mostCoverage bounds the confidence of points: they were not yet checked
// against closings.
const mostCoverage = 50

// evidence is how much each kind of evidence adds to confidence.
type evidence [len(kinds)]int64

// kinds are the kinds of evidence there are.
var kinds = [...]struct {
	name string
	seen func(f *Facts) bool
}{
	{"phone", func(f *Facts) bool { return f.HasPhone }},
	{"email", func(f *Facts) bool { return f.HasEmail }},
	{"source", func(f *Facts) bool { return f.Source != "" }},
	{"budget", func(f *Facts) bool { return f.BudgetMin > 0 || f.BudgetMax > 0 }},
	{"timeline", func(f *Facts) bool { return f.TimelineMonths != nil }},
	{"property_type", func(f *Facts) bool { return f.PropertyType != "" }},
	{"locations", func(f *Facts) bool { return len(f.Locations) > 0 }},
	{"messages", func(f *Facts) bool { return f.lastInbound() != nil }},
	{"campaigns", func(f *Facts) bool { return len(f.Opens)+len(f.Clicks) > 0 }},
	{"appointments", func(f *Facts) bool { return len(f.Appointments) > 0 }},
	{"opportunities", func(f *Facts) bool { return len(f.Opportunities) > 0 }},
	{"feedback", func(f *Facts) bool {
		return slices.ContainsFunc(f.Appointments, func(a Appointment) bool { return a.Sentiment != 0 })
	}},
}

func evidenceOf(weights map[string]float64) evidence {
	var e evidence
	for i, k := range kinds {
		e[i] = int64(math.Round(weights[k.name]))
	}
	return e
}

func validateEvidence(weights map[string]float64, faults *faults) {
	sum := 0.0
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		known := slices.ContainsFunc(kinds[:], func(k struct {
			name string
			seen func(f *Facts) bool
		}) bool {
			return k.name == name
		})
		faults.check(known, "evidence."+name, "there is no such evidence")
		w := weights[name]
		faults.check(w >= 0 && w <= 100 && w == math.Trunc(w), "evidence."+name, "want a whole number from 0 to 100")
		sum += w
	}
	faults.check(sum > 0, "evidence", "nothing counts")
}

// coverage is which part of the evidence there could be is there, times the
// most that points are trusted.
func (e evidence) coverage(f *Facts) centi {
	var seen, all int64
	for i, k := range kinds {
		all += e[i]
		if e[i] > 0 && k.seen(f) {
			seen += e[i]
		}
	}
	return centi(mostCoverage * seen / all)
}
