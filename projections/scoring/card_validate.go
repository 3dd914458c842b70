package scoring

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
)

// A card may change what a signal is worth, not which way it points: the
// promises of the package hold for every card that passes here.
func (file *cardFile) validate() error {
	var faults faults
	faults.check(file.Format == 1, "format", "want 1, got %d", file.Format)
	t := file.Tiers
	faults.check(0 < t.Warm && t.Warm < t.Hot && t.Hot <= 100, "tiers", "want 0 < warm < hot <= 100")
	faults.check(t.Hysteresis >= 0 && t.Hysteresis < t.Hot-t.Warm && t.Hysteresis < t.Warm, "tiers.hysteresis", "too wide or negative")
	file.validateGroups(&faults)
	for _, code := range slices.Sorted(maps.Keys(file.Signals)) {
		i := slices.IndexFunc(signals, func(s signal) bool { return s.code == code })
		if i < 0 {
			faults.add("signals."+code, "there is no such signal")
			continue
		}
		file.Signals[code].validate("signals."+code, signals[i], &faults)
	}
	validateEvidence(file.Evidence, &faults)
	file.Churn.validate(&faults)
	return errors.Join(faults...)
}

func (file *cardFile) validateGroups(faults *faults) {
	for _, name := range groups {
		g, ok := file.Groups[name]
		faults.check(ok, "groups."+name, "missing")
		faults.check(finite(g.Min, 100) && finite(g.Max, 100) && g.Min <= 0 && g.Max >= 0,
			"groups."+name, "want -100 <= min <= 0 <= max <= 100")
	}
	for name := range file.Groups {
		faults.check(slices.Contains(groups[:], name), "groups."+name, "there is no such group")
	}
}

func (s signalFile) validate(at string, sig signal, faults *faults) {
	faults.check(slices.Contains(groups[:], s.Group), at+".group", "want one of %v", groups)
	faults.check(s.Text != "", at+".text", "missing: a reason is read by people")
	faults.text(at+".text", s.Text)
	faults.text(at+".many", s.Many)
	faults.points(at+".points", s.Points, sig.sign)
	faults.points(at+".cap", s.Cap, sig.sign)
	faults.check(s.Cap == 0 || math.Abs(s.Cap) >= math.Abs(s.Points), at+".cap", "smaller than the points of one occurrence")
	faults.check(finite(s.HalfLife, 3650) && s.HalfLife >= 0, at+".half_life_days", "want 0 to 3650")
	faults.check(s.HalfLife == 0 || sig.sign > 0, at+".half_life_days", "only what adds points may decay: time must not raise a score")
	faults.check(len(s.By) == 0 || sig.code == "SOURCE", at+".by", "only SOURCE has it")
	faults.check(len(s.Steps) == 0 || sig.code == "TIMELINE" || sig.code == "QUIET", at+".steps", "only TIMELINE and QUIET have it")
	for _, name := range slices.Sorted(maps.Keys(s.By)) {
		faults.points(at+".by."+name, s.By[name], 0)
	}
	for i, st := range s.Steps {
		faults.points(fmt.Sprintf("%s.steps[%d]", at, i), st.Points, sig.sign)
		if i > 0 {
			before := s.Steps[i-1]
			faults.check(st.To > before.To && st.Points <= before.Points, fmt.Sprintf("%s.steps[%d]", at, i),
				"want to to grow and points not to: time must not raise a score")
		}
	}
}

// faults gathers what is wrong, each with its place.
type faults []error

func (f *faults) add(at, format string, args ...any) {
	*f = append(*f, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

func (f *faults) check(ok bool, at, format string, args ...any) {
	if !ok {
		f.add(at, format, args...)
	}
}

// points checks a number of points whose sign is laid down; 0 is either.
func (f *faults) points(at string, p float64, sign int) {
	f.check(finite(p, 100), at, "want -100 to 100")
	f.check(p == 0 || sign == 0 || (p > 0) == (sign > 0), at, "points the wrong way: %v", p)
}

// text checks what people are told: nothing that a page or a terminal would
// show otherwise, and no place to fill in that there is not.
func (f *faults) text(at, s string) {
	f.check(len(s) <= 200 && !strings.ContainsFunc(s, unicode.IsControl), at, "longer than 200 bytes, or has control characters")
	f.check(!strings.ContainsAny(strings.NewReplacer("{n}", "", "{what}", "").Replace(s), "{}"), at, "has a place other than {n} and {what}")
}

func finite(x, limit float64) bool { return !math.IsNaN(x) && math.Abs(x) <= limit }
