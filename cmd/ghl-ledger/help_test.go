package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// grammar is the program's commands and flags, without settings.
func grammar(t *testing.T) *kong.Kong {
	t.Helper()
	con := &console{in: strings.NewReader(""), out: io.Discard, err: io.Discard, set: &settings{}}
	p, err := newParser(context.Background(), &cli{}, con)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func isCommand(words []string) bool {
	p, err := newParser(context.Background(), &cli{}, &console{out: io.Discard, err: io.Discard, set: &settings{}})
	if err != nil {
		return false
	}
	node := p.Model.Node
	for _, w := range words {
		i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == w })
		if i < 0 {
			return false
		}
		node = node.Children[i]
	}
	return true
}

// flagsOf are the flags of the command that words begin with, each as it is typed.
func flagsOf(words []string) (names []string) {
	p, err := newParser(context.Background(), &cli{}, &console{out: io.Discard, err: io.Discard, set: &settings{}})
	if err != nil {
		return nil
	}
	node := p.Model.Node
	for _, w := range words {
		i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == w })
		if i < 0 {
			break
		}
		node = node.Children[i]
	}
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			names = append(names, "--"+f.Name)
		}
	}
	return names
}

// leaves are the commands that do something.
func leaves(n *kong.Node) (all []*kong.Node) {
	if len(n.Children) == 0 {
		return []*kong.Node{n}
	}
	for _, child := range n.Children {
		all = append(all, leaves(child)...)
	}
	return all
}

// TestHelpExamples parses every example that a command's help shows: one that
// has a flag that is no more would mislead whoever copies it.
func TestHelpExamples(t *testing.T) {
	for _, n := range leaves(grammar(t).Model.Node) {
		found := 0
		for line := range strings.Lines(n.Detail) {
			_, example, ok := strings.Cut(line, "  ghl-ledger ")
			if !ok {
				continue
			}
			found++
			if _, err := grammar(t).Parse(typed(example)); err != nil {
				t.Errorf("%s --help: ghl-ledger %s: %v", n.Path(), strings.TrimSpace(example), err)
			}
		}
		if found == 0 && !slices.Contains(selfEvident, n.Name) {
			t.Errorf("%s --help has no example", n.Path())
		}
	}
}

// selfEvident are commands that need no example.
var selfEvident = []string{"version"}

// typed is the words of a command line up to a pipe, a redirection, or two
// blanks, behind which a remark stands.
func typed(line string) (words []string) {
	line, _, _ = strings.Cut(strings.TrimRight(line, "\n"), "   ")
	word, quote, open := "", rune(0), false
	for _, r := range line + " " {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word += string(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ':
			if word == "|" || word == ">" || word == "<" || word == "&&" || word == "&" {
				return words
			}
			if word != "" || open {
				words = append(words, word)
			}
			word, open = "", false
		default:
			word += string(r)
		}
	}
	return words
}

// tried is what the scripts look at of a command.
type tried struct{ output, refusal, says bool }

// TestScriptsCover wants each command in a script with its output, with an
// exit code other than 0, and with what it says then: it is what people and
// their scripts rely on.
func TestScriptsCover(t *testing.T) {
	files, err := filepath.Glob("../../testdata/script/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	commands := map[string]*tried{}
	for _, n := range leaves(grammar(t).Model.Node) {
		commands[strings.TrimPrefix(n.FullPath(), "ghl-ledger ")] = &tried{}
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lookedAt(commands, string(b))
	}
	for path, c := range commands {
		if *c != (tried{true, true, true}) {
			t.Errorf("ghl-ledger %s: a script looks at its output %v, at a refusal's exit code %v, at its words %v", path, c.output, c.refusal, c.says)
		}
	}
	t.Logf("%d commands, each with its output, a refusal and its exit code", len(commands))
}

// lookedAt reads a script: what stands below a command, up to the next, looks
// at that one.
func lookedAt(commands map[string]*tried, script string) {
	last, refused := &tried{}, false
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "-- ") {
			return // the files
		}
		word, _, _ := strings.Cut(line, " ")
		do, typed, runs := strings.Cut(line, "ghl-ledger ")
		if runs && slices.Contains([]string{"exec", "exits", "until", "!"}, word) {
			last, refused = commandOf(commands, typed), strings.HasPrefix(do, "exits 1") || strings.HasPrefix(do, "exits 2")
			last.refusal = last.refusal || refused
			last.output = last.output || strings.HasPrefix(do, "until ")
			continue
		}
		switch word {
		case "stdout", "cmp", "cmpenv", "capture", "cp", "grep":
			last.output = last.output || !refused
			last.says = last.says || refused
		case "stderr":
			last.says = last.says || refused
		}
	}
}

// commandOf is the longest command that the words begin with.
func commandOf(commands map[string]*tried, typed string) *tried {
	words := strings.Fields(typed)
	for n := min(3, len(words)); n > 0; n-- {
		if c := commands[strings.Join(words[:n], " ")]; c != nil {
			return c
		}
	}
	return &tried{} // of a group, or not ours
}
