package scoring

import (
	"maps"
	"math"
	"strings"
	"unicode"

	"github.com/jonreiter/govader"
)

// The tones of a message.
const (
	Positive = "positive"
	Neutral  = "neutral"
	Negative = "negative"
)

// From these sentiments on a message is positive or negative.
const (
	positiveFrom  = 0.25
	negativeFrom  = -0.2
	refusalAtMost = -0.3
)

// newVader is built once a language: VADER parses a lexicon of 7,500 English
// words, which a language keeps or not. It is read-only afterwards, so any
// number of goroutines may use it.
func (l *Language) newVader() *govader.SentimentIntensityAnalyzer {
	v := govader.NewSentimentIntensityAnalyzer()
	if !l.Vader {
		clear(v.Lexicon)
	}
	maps.Copy(v.Lexicon, l.Lexicon)
	return v
}

// ReadText says what a message means, read as English.
func ReadText(message string) Text { return english().ReadText(message) }

// ReadText says what a message means: its intent, by phrases in the order of
// the intents; its tone, by VADER; and what the sender looks for. It is pure
// and may run at once with itself.
func (l *Language) ReadText(message string) Text {
	text := l.reaction(Normalise(message))
	sentences := l.sentencesOf(text)
	t := Text{Intent: l.intent(sentences), Machine: l.fromMachine(sentences)}
	t.Sentiment = l.sentiment(text, sentences)
	if refuses(t.Intent) {
		t.Sentiment = min(t.Sentiment, refusalAtMost)
	}
	t.Label = label(t.Sentiment)
	t.Preferences = l.preferencesIn(text, sentences, t.Intent)
	return t
}

// reaction returns what a reaction to one of our messages says. Phones send one
// as a text that quotes ours: Liked “… Reply STOP to opt out.” is no opt-out.
func (l *Language) reaction(text string) string {
	before, quoted, _ := strings.Cut(text, `"`)
	if !strings.HasSuffix(quoted, `"`) {
		return text
	}
	before = strings.ToLower(strings.TrimSpace(before))
	if said, ok := l.Reactions[before]; ok {
		return said
	}
	emoji, ok := strings.CutSuffix(before, " to") // 👍 to “…”, Reacted 👍 to “…”
	emoji = strings.TrimSpace(strings.TrimPrefix(emoji, "reacted"))
	if !ok || strings.ContainsFunc(emoji, unicode.IsLetter) {
		return text
	}
	return emoji
}

func label(sentiment float64) string {
	switch {
	case sentiment >= positiveFrom:
		return Positive
	case sentiment <= negativeFrom:
		return Negative
	}
	return Neutral
}

// intent returns the first intent, in order, that the message has.
func (l *Language) intent(sentences []sentence) string {
	best := len(order) - 1
	found := func(place int) { best = min(best, place) }
	whole := make([]byte, 0, 256)
	for i := range sentences {
		s := &sentences[i]
		before := len(whole)
		whole = l.bare(whole, s)
		if place, ok := l.sentences[strings.TrimSpace(string(whole[before:]))]; ok {
			found(place)
		}
		l.intents.each(l, s, found)
	}
	if place, ok := l.wholes[strings.TrimSpace(string(whole))]; ok {
		found(place)
	}
	return order[best]
}

// bare appends the words of s without fillers.
func (l *Language) bare(b []byte, s *sentence) []byte {
	for _, w := range s.words {
		if _, ok := l.fillers[w.text]; !ok {
			b = append(append(b, ' '), w.text...)
		}
	}
	return b
}

func (l *Language) fromMachine(sentences []sentence) bool {
	said := false
	for i := range sentences {
		l.machine.each(l, &sentences[i], func(int) { said = true })
	}
	return said
}

// sentiment is VADER's compound with what our trade's phrases add, at two
// decimals. The nudge puts what is a tie in decimals on one side on every
// processor.
func (l *Language) sentiment(text string, sentences []sentence) float64 {
	if text == "" {
		return 0
	}
	tone := l.vader().PolarityScores(strings.ReplaceAll(text, "\n", " ")).Compound
	for i := range sentences {
		l.tone.each(l, &sentences[i], func(place int) { tone += l.Tone[place].Add })
	}
	return math.Round(float64(max(-1, min(tone, 1))*100)+1e-7) / 100
}
