package scoring

import (
	"strconv"
	"strings"
)

// soon are the words for a move at once.
var soon = []string{"asap", "as soon as possible", "immediately", "right away", "right now", "ready now", "urgent", "today", "this week"}

// timelineOf reads a timeline in months from lower-case text: "3 months",
// "6-9 months" (the later), "2 weeks", "asap". In a field a bare number is
// months; elsewhere it is anything.
func timelineOf(s string, field bool) (float64, bool) {
	for _, w := range soon {
		if strings.Contains(s, w) {
			return 0, true
		}
	}
	if field && (s == "now" || s == "immediate") {
		return 0, true
	}
	best, ok := 0.0, false
	words := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,;:()-–/\n", r) })
	for i, w := range words {
		n, number := countOf(w)
		if !number {
			continue
		}
		if factor, unit := unitAfter(words[i+1:]); unit {
			best, ok = max(best, n*factor), true
		} else if field && len(words) == 1 {
			return n, true
		}
	}
	return best, ok && best <= 120
}

// countOf reads "3", "6+", "3mo" is left to the unit; "a", "couple", "few" are
// numbers too.
func countOf(w string) (float64, bool) {
	switch w {
	case "a", "an", "one":
		return 1, true
	case "two", "couple":
		return 2, true
	case "three", "few":
		return 3, true
	case "four":
		return 4, true
	case "six":
		return 6, true
	}
	if w == "" || !isDigit(w[0]) {
		return 0, false
	}
	n, err := strconv.ParseFloat(strings.TrimRight(w, "+"), 64)
	return n, err == nil && n >= 0 && n <= 365
}

// unitAfter finds the unit that a number counts; between them may stand the
// other end of a range ("6 to 9 months").
func unitAfter(words []string) (float64, bool) {
	for i, w := range words {
		switch strings.TrimRight(w, ".!?") {
		case "month", "months", "mo", "mos", "mths":
			return 1, true
		case "week", "weeks", "wks", "wk":
			return 0.25, true
		case "day", "days":
			return 1.0 / 30, true
		case "year", "years", "yr", "yrs":
			return 12, true
		}
		_, number := countOf(w)
		if i >= 2 || !number && w != "to" && w != "or" && w != "of" && w != "and" {
			return 0, false
		}
	}
	return 0, false
}
