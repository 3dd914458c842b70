package scoring

import (
	"strconv"
	"strings"
	"unicode"
)

// amount is a number as people write money: 300000, $300,000, 400k, 1.2M.
type amount struct {
	value      float64
	marked     bool // has a $ or a k or m: it is money beyond doubt
	scaled     bool // has a k or m
	start, end int  // where it stands in the text
}

// nextAmount finds the first number of lower-case s from i on.
func nextAmount(s string, i int) (amount, bool) {
	for i < len(s) && !isDigit(s[i]) {
		i++
	}
	if i == len(s) {
		return amount{}, false
	}
	a := amount{start: i}
	if i > 0 && s[i-1] == '$' {
		a.marked, a.start = true, i-1
	}
	end := i
	for end < len(s) && (isDigit(s[end]) || (s[end] == ',' || s[end] == '.') && end+1 < len(s) && isDigit(s[end+1])) {
		end++
	}
	digits := strings.ReplaceAll(s[i:end], ",", "")
	a.value, _ = strconv.ParseFloat(digits, 64)
	a.end = end
	a.scale(s)
	return a, true
}

// scale takes the k, m, thousand or million after the digits.
func (a *amount) scale(s string) {
	rest := strings.TrimLeft(s[a.end:], " ")
	word := rest
	if at := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) }); at >= 0 {
		word = rest[:at]
	}
	factor := 1.0
	switch word {
	case "k", "thousand", "grand":
		factor = 1e3
	case "m", "mm", "mil", "mill", "million", "millions":
		factor = 1e6
	}
	if factor > 1 {
		a.value *= factor
		a.marked, a.scaled = true, true
		a.end = len(s) - len(rest) + len(word)
	}
}

// budget is what a text says of money.
type budget struct{ low, high float64 }

// leastPrice is below every price of a property: smaller numbers are rooms,
// house numbers, times or rents.
const leastPrice = 20_000

// budgetOfField reads a field that holds a budget and nothing else.
func budgetOfField(s string) budget {
	s = strings.ToLower(s)
	a, ok := nextAmount(s, 0)
	if !ok {
		return budget{}
	}
	b, second := nextAmount(s, a.end)
	if second {
		a.matchScale(b)
		a.value, b.value = thousands(a.value), thousands(b.value)
		return budget{min(a.value, b.value), max(a.value, b.value)}
	}
	return oneSided(s[:a.start], s[a.end:], thousands(a.value))
}

// thousands reads 450 as 450,000: no property costs 450.
func thousands(x float64) float64 {
	if x >= 50 && x < 1000 {
		return x * 1000
	}
	return x
}

// matchScale gives the first number of "300-400k" or "1-1.5 million" the scale
// of the second.
func (a *amount) matchScale(b amount) {
	if a.scaled || !b.scaled || a.value >= 1000 {
		return
	}
	factor := 1e3
	if b.value >= 1e6 && a.value < 10 {
		factor = 1e6
	}
	a.value *= factor
	a.marked = true
}

// oneSided reads one number with the words before and after it.
func oneSided(before, after string, value float64) budget {
	before, after = strings.TrimRight(before, " $"), strings.TrimLeft(after, " ")
	for _, w := range [...]string{"over", "from", "at least", "above", "min", "minimum", "starting at", "more than"} {
		if strings.HasSuffix(before, w) {
			return budget{low: value}
		}
	}
	if strings.HasPrefix(after, "+") || strings.HasPrefix(after, "and up") || strings.HasPrefix(after, "or more") {
		return budget{low: value}
	}
	return budget{high: value}
}
