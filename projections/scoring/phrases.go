package scoring

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A phrase is written as its words, spelled out and in lower case, with
//
//	a|b    either word
//	stem*  any word that begins so
//	_      any word
//	...    up to three words
//	^ $    the beginning and the end of the sentence
//	?      last: the sentence is a question
//
// It stays within one sentence. A negator before it turns it, unless the
// phrase has a negator of its own.
type phrase struct {
	rule       int
	elements   []element
	start, end bool // ^, $
	question   bool
	negative   bool // has a negator of its own
}

type element struct {
	words []string // alternatives; nil is any word
	stems []string
	gap   bool
}

// matcher finds phrases. They are kept by their first word, so a text is
// compared with the few that could begin at each of its words.
type matcher struct {
	rules []matchRule
	first map[string][]phrase
	wild  []phrase // those that begin with a stem
}

type matchRule struct {
	place  int // what is reported
	turned int // what is reported of a negated match; -1 is nothing
	unless []phrase
}

func (m *matcher) add(place, turned int, phrases, unless []string) error {
	if m.first == nil {
		m.first = map[string][]phrase{}
	}
	rule := matchRule{place: place, turned: turned}
	for _, text := range unless {
		p, err := parsePhrase(text)
		if err != nil {
			return err
		}
		rule.unless = append(rule.unless, p)
	}
	m.rules = append(m.rules, rule)
	for _, text := range phrases {
		p, err := parsePhrase(text)
		if err != nil {
			return err
		}
		if len(p.elements) == 0 {
			return fmt.Errorf("phrase %q: no words", text)
		}
		p.rule = len(m.rules) - 1
		m.index(p)
	}
	return nil
}

func (m *matcher) index(p phrase) {
	if len(p.elements[0].stems) > 0 {
		m.wild = append(m.wild, p)
		return
	}
	for _, w := range p.elements[0].words {
		m.first[w] = append(m.first[w], p)
	}
}

// negations are the negators that a phrase may carry itself.
var negations = []string{"not", "no", "never", "without"}

func parsePhrase(text string) (phrase, error) {
	var p phrase
	for w := range strings.FieldsSeq(text) {
		switch w {
		case "^":
			p.start = true
		case "$":
			p.end = true
		case "?":
			p.question = true
		case "_":
			p.elements = append(p.elements, element{})
		case "...":
			p.elements = append(p.elements, element{gap: true})
		default:
			p.elements = append(p.elements, parseElement(w))
			p.negative = p.negative || slices.Contains(negations, w)
		}
	}
	if len(p.elements) == 0 {
		if !p.question {
			return p, errors.New("an empty phrase")
		}
		return p, nil // "?" alone excuses in any question
	}
	if e := p.elements[0]; e.gap || len(e.words)+len(e.stems) == 0 {
		return p, fmt.Errorf("phrase %q: begins with any word", text)
	}
	return p, nil
}

func parseElement(w string) element {
	var e element
	for alt := range strings.SplitSeq(w, "|") {
		if stem, ok := strings.CutSuffix(alt, "*"); ok {
			e.stems = append(e.stems, stem)
		} else {
			e.words = append(e.words, alt)
		}
	}
	return e
}

func (e *element) matches(w string) bool {
	if e.words == nil && e.stems == nil {
		return true
	}
	if slices.Contains(e.words, w) {
		return true
	}
	for _, stem := range e.stems {
		if strings.HasPrefix(w, stem) {
			return true
		}
	}
	return false
}

// gapWords is how many words "..." may stand for.
const gapWords = 3

// matchAt reports whether p is said from word i on.
func (p *phrase) matchAt(s *sentence, i int) bool {
	if p.start && i != 0 || p.question && !s.question {
		return false
	}
	return p.rest(s, i, p.elements)
}

func (p *phrase) rest(s *sentence, i int, elements []element) bool {
	for k := range elements {
		e := &elements[k]
		if e.gap {
			for skip := 0; skip <= gapWords && i+skip <= len(s.words); skip++ {
				if p.rest(s, i+skip, elements[k+1:]) {
					return true
				}
			}
			return false
		}
		if i >= len(s.words) || !e.matches(s.words[i].text) {
			return false
		}
		i++
	}
	return !p.end || i == len(s.words)
}

// each calls found with the place of every rule that s says, negations heeded.
func (m *matcher) each(l *Language, s *sentence, found func(place int)) {
	for i := range s.words {
		for _, list := range [2][]phrase{m.first[s.words[i].text], m.wild} {
			for k := range list {
				p := &list[k]
				if !p.matchAt(s, i) || m.rules[p.rule].excused(s) {
					continue
				}
				rule := &m.rules[p.rule]
				switch {
				case p.negative || !l.negated(s, i):
					found(rule.place)
				case rule.turned >= 0:
					found(rule.turned)
				}
			}
		}
	}
}

// excused reports whether s says something that voids the rule.
func (r *matchRule) excused(s *sentence) bool {
	for i := range s.words {
		for k := range r.unless {
			if r.unless[k].matchAt(s, i) {
				return true
			}
		}
	}
	return false
}

// negated reports whether a negator reaches word i: it stands in the same
// clause, at most Scope words before.
func (l *Language) negated(s *sentence, i int) bool {
	for k := i - 1; k >= 0 && i-k <= l.Scope && s.words[k].clause == s.words[i].clause; k-- {
		if _, ok := l.negators[s.words[k].text]; ok {
			return true
		}
	}
	return false
}
