package scoring

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// sentence is a run of words up to a stop, in lower case and spelled out.
type sentence struct {
	words    []word
	question bool
}

// word is one word of a sentence. Words of one clause share its number:
// negation ends with the clause.
type word struct {
	text   string
	clause int
}

// reader splits a text into sentences, spelling out what a language shortens.
type reader struct {
	lang      *Language
	sentences []sentence
	words     []word
	clause    int
	question  bool
}

// sentencesOf reads a normalised text.
func (l *Language) sentencesOf(text string) []sentence {
	r := reader{lang: l, words: make([]word, 0, 16+len(text)/5)}
	lower := strings.ToLower(text)
	for i := 0; i < len(lower); {
		c, size := utf8.DecodeRuneInString(lower[i:])
		switch {
		case isWordRune(c):
			end := wordEnd(lower, i)
			r.word(lower[i:end])
			size = end - i
		case c == '.' || c == '!' || c == '?' || c == '\n':
			r.question = r.question || c == '?'
			r.stop()
		case c == ',' || c == ';' || c == ':' || c == '(' || c == ')' || c == '-':
			r.clause++
		default:
			r.emoji(c)
		}
		i += size
	}
	r.stop()
	return r.sentences
}

func isWordRune(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) || c == '$' }

// wordEnd returns where the word that begins at i ends. An apostrophe, a stop
// or a comma inside a word or number belongs to it: "don't", "1.2m", "300,000".
func wordEnd(s string, i int) int {
	for i < len(s) {
		c, size := utf8.DecodeRuneInString(s[i:])
		if !isWordRune(c) && c != '+' {
			next, _ := utf8.DecodeRuneInString(s[i+size:])
			inside := c == '\'' && unicode.IsLetter(next) || (c == '.' || c == ',') && unicode.IsDigit(next) && i > 0 && isDigit(s[i-1])
			if !inside {
				return i
			}
		}
		i += size
	}
	return i
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// word takes one word as it stands in the text.
func (r *reader) word(w string) {
	if long, ok := r.lang.Spell[w]; ok {
		r.spell(long)
		return
	}
	if at := strings.LastIndexByte(w, '\''); at > 0 {
		if long, ok := r.lang.Endings[w[at:]]; ok {
			r.word(w[:at])
			r.spell(long)
			return
		}
		if strings.HasSuffix(w, "n't") {
			r.add(w[:len(w)-3])
			r.add("not")
			return
		}
	}
	r.add(w)
}

func (r *reader) spell(long string) {
	for w := range strings.FieldsSeq(long) {
		r.add(w)
	}
}

func (r *reader) add(w string) {
	if _, ok := r.lang.breaks[w]; ok {
		r.clause++
	}
	r.words = append(r.words, word{w, r.clause})
}

func (r *reader) emoji(c rune) {
	if c < 0x2000 {
		return
	}
	if w, ok := r.lang.emoji[c]; ok {
		r.add(w)
	}
}

// stop ends a sentence.
func (r *reader) stop() {
	switch {
	case len(r.words) > 0:
		_, asks := r.lang.asks[r.words[0].text]
		r.question = r.question || asks // few write a question mark on a phone
		r.sentences = append(r.sentences, sentence{r.words, r.question})
		r.words = r.words[len(r.words):]
	case r.question && len(r.sentences) > 0:
		r.sentences[len(r.sentences)-1].question = true // "really?!", "when ... ?"
	}
	r.clause, r.question = 0, false
}
