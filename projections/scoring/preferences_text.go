package scoring

import (
	"slices"
	"strings"
	"unicode"
)

// preferencesIn takes what the sender looks for from a normalised message.
// What is said of a home to be sold, or in a sentence with a negation, is left
// out: a wrong preference costs more than a missing one.
func (l *Language) preferencesIn(text string, sentences []sentence, intent string) Preferences {
	var p Preferences
	if intent == Seller || intent == OptOut || intent == WrongNumber {
		return p
	}
	for s := range strings.FieldsFuncSeq(text, endsSentence) {
		lower := strings.ToLower(s)
		if b := l.budgetIn(lower); b != (budget{}) {
			p.BudgetMin, p.BudgetMax = b.low, b.high
		}
		if containsAny(lower, l.Preference.Timeline) {
			if m, ok := timelineOf(lower, false); ok {
				p.TimelineMonths = &m
			}
		}
		if containsAny(lower, l.Preference.Wanting) {
			p.Locations = append(p.Locations, l.placesIn(s, p.Locations)...)
		}
	}
	for i := range sentences {
		if t := l.propertyTypeIn(&sentences[i]); t != "" {
			p.PropertyType = t
		}
	}
	return p
}

// preferenceWords are the words around what a sender looks for.
type preferenceWords struct {
	Wanting  []string `json:"wanting"`  // in a sentence that says what is wanted
	Timeline []string `json:"timeline"` // in a sentence that says when
	Budget   []string `json:"budget"`   // before a sum that is a budget
	Within   []string `json:"within"`   // after it
	Places   []string `json:"places"`   // before a place
	NoPlace  []string `json:"no_place"` // names that are none: days, months
}

func endsSentence(r rune) bool { return r == '\n' || r == '!' || r == '?' || r == ';' }

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if at := strings.Index(s, w); at >= 0 && (at == 0 || !unicode.IsLetter(rune(s[at-1]))) {
			return true
		}
	}
	return false
}

// budgetIn reads a budget from a sentence that speaks of one: a sum by itself
// may be a price that was asked about.
func (l *Language) budgetIn(s string) budget {
	for i := 0; ; {
		a, ok := nextAmount(s, i)
		if !ok {
			return budget{}
		}
		i = a.end
		b, second := nextAmount(s, a.end)
		if second && isRange(s[a.end:b.start]) {
			a.matchScale(b)
			if a.value >= leastPrice && b.value >= leastPrice && (containsAny(s, l.Preference.Budget) || containsAny(s, l.Preference.Wanting)) {
				return budget{min(a.value, b.value), max(a.value, b.value)}
			}
			continue
		}
		if a.value >= leastPrice && (endsWithAny(s[:a.start], l.Preference.Budget) || containsAny(clip(s[a.end:], 20), l.Preference.Within)) {
			return oneSided(s[:a.start], s[a.end:], a.value)
		}
	}
}

func isRange(between string) bool {
	switch strings.Trim(between, " $") {
	case "-", "to", "and":
		return true
	}
	return false
}

// endsWithAny reports whether one of the words stands close before the end of s.
func endsWithAny(s string, words []string) bool {
	return containsAny(s[max(0, len(s)-24):], words)
}

// propertyTypeIn finds the kind of home that a sentence asks for.
func (l *Language) propertyTypeIn(s *sentence) string {
	wanted, found := false, ""
	for i, w := range s.words {
		if _, not := l.negators[w.text]; not {
			return ""
		}
		wanted = wanted || slices.Contains(l.Preference.Wanting, w.text)
		if code := typeAt(s.words, i); code != "" {
			found = code
		}
	}
	if !wanted {
		return ""
	}
	return found
}

// typeAt names the kind of property that the words from i on name, or "".
func typeAt(words []word, i int) string {
	name := words[i].text
	if code := typeNames[name]; code != "" && specific(name) {
		return code
	}
	if _, begins := typeBegins[name]; begins && i+1 < len(words) {
		return typeNames[name+"_"+words[i+1].text]
	}
	return ""
}

// typeNames is what every name of a kind of property means; typeBegins has the
// first words of those of several words.
var typeNames, typeBegins = func() (map[string]string, map[string]struct{}) {
	names, begins := map[string]string{}, map[string]struct{}{}
	for _, t := range propertyTypes {
		for _, name := range t.names {
			names[name] = t.code
			if first, _, several := strings.Cut(name, "_"); several {
				begins[first] = struct{}{}
			}
		}
	}
	return names, begins
}()

// specific reports whether a word names a kind of property in running text,
// where "house" and "home" are said of every kind, and "lot" of many things.
func specific(w string) bool {
	switch w {
	case "house", "home", "lot", "lots", "flat", "office", "mobile", "land", "detached", "retail", "commercial":
		return false
	}
	return true
}

// placesIn finds the names after "in" and "near" that are written like names.
func (l *Language) placesIn(s string, known []string) (places []string) {
	words := strings.Fields(s)
	for i := 0; i+1 < len(words); i++ {
		if !slices.Contains(l.Preference.Places, strings.ToLower(words[i])) {
			continue
		}
		name, last := "", i
		for last+1 < len(words) && isName(words[last+1]) && !strings.HasSuffix(words[last], ",") {
			last++
			name += " " + strings.Trim(words[last], ".,)")
		}
		name = strings.TrimSpace(name)
		if name != "" && !slices.Contains(l.Preference.NoPlace, strings.ToLower(name)) && !slices.Contains(known, name) && !slices.Contains(places, name) {
			places = append(places, name)
		}
		i = max(i, last)
	}
	return places
}

func isName(w string) bool {
	r := []rune(w)
	return len(r) > 1 && unicode.IsUpper(r[0]) && unicode.IsLower(r[1])
}
