package scoring

import (
	"html"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// mostCharacters is how much of a message is read: its point comes early, and
// a long one must not cost more. The last of them are the message's own end,
// where a long complaint asks to be left alone.
const (
	mostCharacters = 1000
	lastCharacters = 250
)

// Normalise returns what a person wrote anew, in plain characters: no HTML, no
// quoted reply, no signature, no odd spaces or curly apostrophes, one line
// feed between lines; of a long one the beginning and the last sentences, at
// most 1,000 characters.
func Normalise(s string) string {
	if looksLikeHTML(s) {
		s = plainText(s)
	}
	s = norm.NFKC.String(clip(s, 8*mostCharacters))
	s = strings.Map(plain, strings.ReplaceAll(s, "\r\n", "\n"))
	return ends(strings.TrimSpace(ownLines(s)))
}

// ends returns s, or of one that is too long the beginning and the sentences
// that begin in its last characters: half a sentence could lack its "not".
func ends(s string) string {
	if len(s) <= mostCharacters {
		return s
	}
	r := []rune(s)
	last := r[max(0, len(r)-lastCharacters):]
	from := slices.IndexFunc(last, func(c rune) bool { return c == '.' || endsSentence(c) })
	if len(r) <= mostCharacters || from < 0 {
		return clip(s, mostCharacters)
	}
	return string(r[:mostCharacters-lastCharacters]) + "\n" + string(last[from+1:])
}

// plain maps what keyboards and mail programs make of a character to the
// character that was meant; -1 drops it.
func plain(r rune) rune {
	switch r {
	case '\n', '\r', '\u2028', '\u2029', '\v', '\f':
		return '\n'
	case '‘', '’', 'ʼ', '‛', '´', '`', '′':
		return '\''
	case '“', '”', '„', '«', '»', '″':
		return '"'
	case '–', '—', '−', '‑':
		return '-'
	case '\u200b', '\u200c', '\u200d', '\u2060', '\ufeff', '\u00ad', '\ufe0e', '\ufe0f':
		return -1
	}
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
		return -1
	case r >= 0x1f3fb && r <= 0x1f3ff: // skin tones: 👍🏽 is 👍
		return -1
	}
	return r
}

// ownLines drops the lines that the sender did not write: quotations, what
// follows "On … wrote:" and signatures.
func ownLines(s string) string {
	if !strings.ContainsAny(s, ">-_:") && !strings.Contains(s, "Sent from") && !strings.Contains(s, "Get Outlook") {
		return s
	}
	var kept []string
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimSpace(line)
		if endsOwn(line) && len(kept) > 0 || line == "--" {
			break
		}
		if !strings.HasPrefix(line, ">") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// endsOwn reports whether nothing after line is the sender's own.
func endsOwn(line string) bool {
	lower := strings.ToLower(line)
	for _, prefix := range [...]string{"sent from my ", "get outlook for ", "-----original message", "---- original message",
		"----- forwarded", "---------- forwarded", "________", "begin forwarded message"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return strings.HasSuffix(lower, "wrote:") || strings.HasPrefix(lower, "from:") && strings.Contains(lower, "@")
}

func looksLikeHTML(s string) bool {
	return strings.Contains(s, "</") || strings.Contains(s, "<br") || strings.Contains(s, "<p>") || strings.Contains(s, "&nbsp;")
}

// plainText returns the text of an HTML message: tags become line feeds where
// they break a line, and what is quoted, styled or scripted goes.
func plainText(s string) string {
	var b strings.Builder
	hidden := 0 // open elements whose content is not the sender's text
	for len(s) > 0 {
		open := strings.IndexByte(s, '<')
		if open < 0 {
			open = len(s)
		}
		if hidden == 0 {
			b.WriteString(s[:open])
		}
		s = s[open:]
		end := strings.IndexByte(s, '>')
		if end < 0 {
			break
		}
		tag := strings.ToLower(s[:end])
		s = s[end+1:]
		switch name := strings.Trim(firstWord(tag[1:]), "/"); name {
		case "style", "script", "blockquote", "head", "title":
			if strings.HasPrefix(tag, "</") {
				hidden = max(hidden-1, 0)
			} else {
				hidden++
			}
		case "br", "p", "div", "tr", "li", "h1", "h2", "h3":
			b.WriteByte('\n')
		default:
			b.WriteByte(' ')
		}
	}
	return html.UnescapeString(b.String())
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// clip returns at most n characters of s.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
