package scoring

import (
	"math"
	"strconv"
	"time"
)

// brief is what a person wrote into a field, no longer than a reason may be.
func brief(s string) string {
	const most = 80
	if short := clip(s, most); short != s {
		return short + "…"
	}
	return s
}

// BudgetInWords says a budget: "$300,000 to $500,000", "up to $500,000", "from $300,000",
// and nothing where it is not known.
func BudgetInWords(low, high float64) string {
	switch {
	case low > 0 && high > 0 && low != high:
		return dollars(low) + " to " + dollars(high)
	case high > 0 && low == high:
		return "about " + dollars(high)
	case high > 0:
		return "up to " + dollars(high)
	case low > 0:
		return "from " + dollars(low)
	}
	return ""
}

func dollars(x float64) string {
	digits := strconv.FormatInt(int64(math.Round(min(x, 1e15))), 10)
	out := make([]byte, 0, len(digits)+len(digits)/3+1)
	out = append(out, '$')
	for i := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, digits[i])
	}
	return string(out)
}

// TimelineInWords says a timeline: "at once", "within 3 months", "in 18 months".
func TimelineInWords(n float64) string {
	m := int(math.Ceil(min(n, 1200)))
	switch {
	case n <= 0.5:
		return "at once"
	case m <= 1:
		return "within a month"
	case m <= 12:
		return "within " + strconv.Itoa(m) + " months"
	}
	return "in " + strconv.Itoa(m) + " months"
}

// days says a span: "a day", "12 days".
func days(d time.Duration) string {
	n := int(d / (24 * time.Hour))
	if n == 1 {
		return "a day"
	}
	return strconv.Itoa(max(n, 0)) + " days"
}

// ago says how long ago something was: "today", "yesterday", "12 days ago".
func ago(d time.Duration) string {
	switch n := int(d / (24 * time.Hour)); {
	case n <= 0:
		return "today"
	case n == 1:
		return "yesterday"
	default:
		return strconv.Itoa(n) + " days ago"
	}
}

// day says a date in UTC: "Jan 15".
func day(t time.Time) string {
	if t.IsZero() {
		return "a day not known"
	}
	return t.UTC().Format("Jan 2")
}
