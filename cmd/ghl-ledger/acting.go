package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
)

// acting is the flags of what changes data.
type acting struct {
	DryRun bool `help:"Say what would be done, and do nothing."`
	Yes    bool `short:"y" help:"Do it without asking."`
}

// goAhead reports whether to do what deed says. With --dry-run it says what
// would be done; else, unless --yes, it asks. A no is an answerNo; where
// nobody can be asked, that is an error.
func (a acting) goAhead(con *console, format string, args ...any) (bool, error) {
	deed := fmt.Sprintf(format, args...)
	switch {
	case a.DryRun:
		_, err := fmt.Fprintf(con.out, "would %s\n", deed)
		return false, err
	case a.Yes:
		return true, nil
	case !isTerminal(con.in):
		return false, fmt.Errorf("%s: nobody can be asked here: give --yes, or --dry-run to see what would be done", deed)
	}
	fmt.Fprintf(con.err, "%s? [y/N] ", strings.ToUpper(deed[:1])+deed[1:])
	answer, _ := bufio.NewReader(con.in).ReadString('\n') // an end without an answer is a no
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, answerNo{errors.New("nothing was done")}
}

// plural is "1 effect" or "3 effects".
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if stem, ok := strings.CutSuffix(thing, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// or and and join words as one would say them: a, b or c.
func or(words []string) string  { return joined(words, " or ") }
func and(words []string) string { return joined(words, " and ") }

func joined(words []string, last string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + last + words[n]
}
