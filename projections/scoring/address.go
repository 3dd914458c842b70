package scoring

import (
	"strings"
	"unicode"
)

// PropertyAddress takes the address from an opportunity's name: "123 Main
// Street - Buyer" is "123 Main Street". It is empty where no part of the name
// begins like an address: with a house number and a word.
func PropertyAddress(name string) string {
	for _, dash := range [...]string{"–", "—", "|", "•"} {
		name = strings.ReplaceAll(name, dash, " - ")
	}
	name = strings.ReplaceAll(name, ": ", " - ")
	for part := range strings.SplitSeq(name, " - ") {
		part = strings.Join(strings.Fields(part), " ")
		if looksLikeAddress(part) {
			return part
		}
	}
	return ""
}

// counted are the words that follow a number that is no house number.
var counted = map[string]bool{
	"bed": true, "beds": true, "bedroom": true, "bedrooms": true, "bd": true, "br": true, "bath": true, "baths": true, "ba": true,
	"sqft": true, "sq": true, "acre": true, "acres": true, "unit": true, "units": true, "million": true, "month": true, "months": true,
	"k": true, "m": true, "days": true, "weeks": true, "years": true, "year": true,
}

func looksLikeAddress(s string) bool {
	number, rest, ok := strings.Cut(s, " ")
	if !ok || !isDigit(number[0]) || len(number) > 7 || strings.ContainsAny(number, "%$/") || strings.HasSuffix(strings.ToLower(number), "k") {
		return false
	}
	street, _, _ := strings.Cut(rest, " ")
	return !counted[strings.ToLower(strings.Trim(street, ".,"))] && strings.IndexFunc(street, unicode.IsLetter) >= 0
}
