package scoring

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/jonreiter/govader"
)

// Language is what it takes to read messages in one language: data, so that
// another one is another file. It is read-only after ParseLanguage, so any
// number of goroutines may use it.
type Language struct {
	Spell      map[string]string  `json:"spell"`     // short spelling to words
	Endings    map[string]string  `json:"endings"`   // 'll to will
	Emoji      map[string]string  `json:"emoji"`     // emoji to a word
	Reactions  map[string]string  `json:"reactions"` // what a phone writes before the message reacted to, and what it says
	Asks       []string           `json:"asks"`      // words that make a question of a sentence they begin, mark or none
	Negators   []string           `json:"negators"`  // words that turn what follows
	Breaks     []string           `json:"breaks"`    // words that end what a negator turns
	Scope      int                `json:"scope"`     // how many words a negator reaches
	Fillers    []string           `json:"fillers"`   // words that a whole message may have besides
	Intents    []intentRule       `json:"intents"`
	Preference preferenceWords    `json:"preference"`
	Machine    []string           `json:"machine"` // phrases that only machines write
	Tone       []toneRule         `json:"tone"`
	Vader      bool               `json:"vader"`   // VADER's own words, which are English, are read too
	Lexicon    map[string]float64 `json:"lexicon"` // VADER valences that differ in our trade, or are there at all

	vader             func() *govader.SentimentIntensityAnalyzer
	emoji             map[rune]string
	negators, breaks  map[string]struct{}
	fillers, asks     map[string]struct{}
	intents, machine  matcher
	tone              matcher
	wholes, sentences map[string]int // message or sentence, fillers left out, to the place of its intent
}

// intentRule is how an intent is said. Whole and Sentence are compared with the
// whole message or sentence, fillers left out. A match of a phrase counts not
// where a negator reaches it, and not in a sentence with one of Unless.
type intentRule struct {
	Intent   string   `json:"intent"`
	Whole    []string `json:"whole"`
	Sentence []string `json:"sentence"`
	Phrases  []string `json:"phrases"`
	Unless   []string `json:"unless"`
	Negated  string   `json:"negated"` // the intent of a negated match, if it has one
}

// toneRule adds to the tone what single words do not tell.
type toneRule struct {
	Add     float64  `json:"add"`
	Phrases []string `json:"phrases"`
}

//go:embed language/*.json
var languages embed.FS

var english = sync.OnceValue(func() *Language {
	l, err := loadLanguage("en")
	if err != nil {
		panic(fmt.Sprintf("scoring: language en: %v", err))
	}
	return l
})

func loadLanguage(name string) (*Language, error) {
	data, err := languages.ReadFile("language/" + name + ".json")
	if err != nil {
		return nil, err
	}
	return ParseLanguage(data)
}

// ParseLanguage reads the rules of a language. Its error says which of them
// cannot be.
func ParseLanguage(data []byte) (*Language, error) {
	var l Language
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return nil, fmt.Errorf("language: %w", err)
	}
	if err := l.compile(); err != nil {
		return nil, fmt.Errorf("language: %w", err)
	}
	l.vader = sync.OnceValue(l.newVader)
	return &l, nil
}

func (l *Language) compile() error {
	l.negators, l.breaks, l.fillers, l.asks = set(l.Negators), set(l.Breaks), set(l.Fillers), set(l.Asks)
	l.emoji = map[rune]string{}
	for e, w := range l.Emoji {
		l.emoji[[]rune(e)[0]] = w
	}
	l.wholes, l.sentences = map[string]int{}, map[string]int{}
	for i, rule := range l.Intents {
		if !slices.Contains(order, rule.Intent) {
			return fmt.Errorf("intents[%d]: there is no intent %q", i, rule.Intent)
		}
		place := slices.Index(order, rule.Intent)
		l.claim(l.wholes, rule.Whole, place)
		l.claim(l.sentences, rule.Sentence, place)
		turned := -1
		if rule.Negated != "" {
			turned = slices.Index(order, rule.Negated)
		}
		if err := l.intents.add(place, turned, rule.Phrases, rule.Unless); err != nil {
			return fmt.Errorf("intents[%d] %s: %w", i, rule.Intent, err)
		}
	}
	for i, rule := range l.Tone {
		if err := l.tone.add(i, -1, rule.Phrases, nil); err != nil {
			return fmt.Errorf("tone[%d]: %w", i, err)
		}
	}
	return l.machine.add(0, -1, l.Machine, nil)
}

func (l *Language) claim(claims map[string]int, texts []string, place int) {
	for _, text := range texts {
		if before, ok := claims[text]; !ok || place < before {
			claims[text] = place
		}
	}
}

func set(words []string) map[string]struct{} {
	m := make(map[string]struct{}, len(words))
	for _, w := range words {
		m[w] = struct{}{}
	}
	return m
}
